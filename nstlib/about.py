"""The package → its version and its address, from its metadata or, in a plain checkout, from pyproject.toml.

The two facts stand in pyproject.toml alone. An installed package carries them as metadata; one that was only unpacked
and put on `sys.path` has the file beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["REPOSITORY", "VERSION"]

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def find() -> tuple[str, str]:
    """(version, address): of the checkout that this file stands in, else of the installed package."""
    if PYPROJECT.is_file():
        project = PYPROJECT.read_text(encoding="utf-8").partition("[tool.")[0]
        # Not by a reader of TOML: Python 3.10 has none, and this must work where nothing is installed.
        facts = dict(re.findall(r'^(name|version|Repository) = "(.+)"$', project, re.MULTILINE))
        if facts.get("name") == "nstlib":
            return facts["version"], facts["Repository"]
    from importlib.metadata import PackageNotFoundError, metadata  # here, because a checkout does without

    try:
        found = metadata("nstlib")
    except PackageNotFoundError:  # the folder alone, copied from somewhere
        return "0+unknown", ""
    urls = dict(entry.split(", ", 1) for entry in found.get_all("Project-URL", []))
    return found["Version"], urls.get("Repository", "")


VERSION, REPOSITORY = find()
