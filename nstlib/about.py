"""The package → its version and its address, from its metadata or, in a plain checkout, from pyproject.toml.

The two facts stand in pyproject.toml alone. An installed package carries them as metadata; one that was only unpacked
and put on `sys.path` has the file beside it.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

__all__ = ["REPOSITORY", "VERSION"]

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def find() -> tuple[str, str]:
    """(version, address): of the checkout that this file stands in, else of the installed package."""
    if PYPROJECT.is_file():
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
        if project["name"] == "nstlib":
            return project["version"], project["urls"]["Repository"]
    try:
        facts = metadata("nstlib")
    except PackageNotFoundError:  # the folder alone, copied from somewhere
        return "0+unknown", ""
    urls = dict(entry.split(", ", 1) for entry in facts.get_all("Project-URL", []))
    return facts["Version"], urls.get("Repository", "")


VERSION, REPOSITORY = find()
