"""The package → its version and its address, from its metadata or, in a plain checkout, from pyproject.toml.

The two facts stand in pyproject.toml alone. An installed package carries them as metadata; one that was only unpacked
and put on `sys.path` has the file beside it.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from .files import read_toml

__all__ = ["REPOSITORY", "VERSION"]

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def find() -> tuple[str, str]:
    """(version, address): of the checkout that this file stands in, else of the installed package."""
    with suppress(OSError, ValueError):  # there is none, it is somebody else's, or nothing can read it
        project = read_toml(PYPROJECT).get("project", {})
        if project.get("name") == "nstlib":
            return project["version"], project["urls"]["Repository"]
    try:
        facts = metadata("nstlib")
    except PackageNotFoundError:  # the folder alone, copied from somewhere
        return "0+unknown", ""
    urls = dict(entry.split(", ", 1) for entry in facts.get_all("Project-URL", []))
    return facts["Version"], urls.get("Repository", "")


VERSION, REPOSITORY = find()
