"""A folder → the pictures that were painted into it, and those that a person brought along."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..decode import SUFFIXES, decode
from ..errors import InputError, one_line
from ..files import names_for, whole
from ..gallery import FORMATS
from ..result import Result, read_facts
from .choices import Choices, short_name

__all__ = ["Shelf"]

OWN = "own"  # the folder of a person's own pictures, inside that of the finished ones


class Shelf:
    """Where a studio keeps what was painted, beside its notebook; it is there again after a restart.

    Args:
        folder: made when there is something to keep.
    """

    def __init__(self, folder: str | os.PathLike[str] = "studio"):
        self.folder = Path(folder)
        self.known: dict[tuple[Path, int], Mapping[str, Any] | None] = {}

    def painted(self) -> list[Path]:
        """The pictures that were painted into the folder, the newest first."""
        return sorted(
            (path for path in self.files() if self.facts(path) is not None),
            key=lambda path: (path.stat().st_mtime_ns, path.name),
            reverse=True,
        )

    def own(self) -> list[str]:
        """The names of the pictures that a person brought along, as runs take them."""
        folder = self.folder / OWN
        return [path.as_posix() for path in sorted(folder.iterdir()) if path.is_file()] if folder.is_dir() else []

    def files(self) -> list[Path]:
        """Whatever in the folder could be a result."""
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if path.suffix.lower() in FORMATS and path.is_file()]

    def facts(self, path: Path) -> Mapping[str, Any] | None:
        """How a picture was made; None if it does not say so. A file is read once, until it changes.

        Args:
            path: of the picture.
        """
        key = path, path.stat().st_mtime_ns
        if key not in self.known:
            try:
                self.known[key] = read_facts(path)
            except InputError:
                self.known[key] = None
        return self.known[key]

    def place(self, choices: Choices) -> Path:
        """A path that is still free for a picture, named after what it is made of.

        Args:
            choices: what will be painted.

        Raises:
            InputError: the folder cannot be made.
        """
        made(self.folder)
        return free(self.folder / f"{choices.stem}.png")

    def save(self, result: Result, path: Path) -> Path:
        """Write a picture; somewhere else if it cannot be written there.

        Args:
            result: with its facts.
            path: of the file.

        Returns:
            Where it is.
        """
        try:
            return result.save(path)
        except InputError:
            return result.save(free(Path(tempfile.gettempdir(), path.name)))

    def keep(self, data: bytes, name: str) -> str:
        """Keep a picture that a person brought along, byte by byte.

        Args:
            data: the file's content.
            name: as the person calls it.

        Returns:
            Its name for a run.

        Raises:
            InputError: it is no picture that can be read, or cannot be kept.
        """
        decode(data, one_line(name, 60))
        folder = self.folder / OWN
        made(self.folder)
        made(folder)
        stem, suffix = short_name(name), Path(name).suffix.lower()
        suffix = suffix if suffix in SUFFIXES else ".jpg"  # what it is, its first bytes say
        same = next((path for path in folder.glob(f"{stem}*") if path.read_bytes() == data), None)
        path = same or free(folder / f"{stem}{suffix}")
        try:
            if same is None:
                with whole(path) as file:
                    file.write(data)
        except OSError as error:
            raise InputError(f"'{path}' could not be written ({one_line(error)}): make room there") from None
        return path.as_posix()


def made(folder: Path) -> None:
    """Make a folder if it is not there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        advice = "open the studio in a folder that may be written to"
        raise InputError(f"the folder '{folder}' cannot be made ({error.strerror}): {advice}") from None


def free(path: Path) -> Path:
    """The first of a file's names at which there is nothing yet.

    Args:
        path: of the file.
    """
    return next(name for name in names_for(path) if not name.exists())
