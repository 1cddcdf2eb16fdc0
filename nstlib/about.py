"""The package → its version and its address, and the folders that come with it or that it keeps.

Version and address stand in pyproject.toml alone. An installed package carries them as metadata; one that was only
unpacked and put on `sys.path` has the file beside it.
"""

from __future__ import annotations

import functools
import warnings
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from .files import read_toml

__all__ = ["HOUSE", "REPOSITORY", "VERSION", "cache", "degraded", "shipped"]

HOUSE = Path(__file__).parent
PYPROJECT = HOUSE.parent / "pyproject.toml"


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


def shipped(name: str) -> Path:
    """A folder that comes with the kit: in an installed package it lies inside it, in a checkout beside it.

    Args:
        name: of the folder.
    """
    return HOUSE / name if (HOUSE / name).is_dir() else HOUSE.parent / name


def cache() -> Path | None:
    """The folder for what can be had anew, there or not; None without platformdirs, which knows where it is."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return None
    return Path(user_cache_dir("nstlib"))


@functools.cache
def degraded(library: str, loss: str) -> None:
    """Warn, once, that the kit goes on with less.

    Args:
        library: which is not installed.
        loss: what is not there, or not as good, without it.
    """
    warnings.warn(f"{loss}: for more, pip install {library}", stacklevel=3)


VERSION, REPOSITORY = find()
