"""A folder → the pictures that were painted into it, with how they were made."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import anew, files_in, remedy, spoken_name, try_to_write, written
from ..gallery import FORMATS
from ..result import Result, read_facts
from .choices import Choices

__all__ = ["Shelf"]

RUN = ".run"  # how the file of a run ends that can be gone on with
FRESH = 24 * 3600 * 10**9  # nanoseconds for which a run may be another studio's, open on the same folder


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
            key=lambda path: (written(path), path.name),
            reverse=True,
        )

    def files(self) -> list[Path]:
        """Whatever in the folder could be a result."""
        return [path for path in files_in(self.folder) if path.suffix.lower() in FORMATS and path.is_file()]

    def facts(self, path: Path) -> Mapping[str, Any] | None:
        """How a picture was made; None if it does not say so, or is gone. A file is read once, until it changes.

        Args:
            path: of the picture.
        """
        key = path, written(path)
        if key not in self.known:
            try:
                self.known[key] = read_facts(path)
            except InputError:
                self.known[key] = None
        return self.known[key]

    def title(self, path: Path, *, brief: bool = False) -> str:
        """What a picture is called: what it is made of and its number, or its own name where a person gave it one.

        Args:
            path: of the picture.
            brief: whether in a few words, for a thumbnail.
        """
        try:
            made = Choices.of(self.facts(path) or {})
        except InputError:
            return spoken_name(path)
        if not (named := re.fullmatch(rf"{re.escape(made.stem)}(?:-(\d+))?", path.stem)):
            return spoken_name(path)
        words = made.brief if brief else made.title
        return f"{words} ({named[1]})" if named[1] else words

    def place(self, choices: Choices) -> Path:
        """The path for a picture, named after what it is made of; where others have it, `save` takes the next free one.

        Args:
            choices: what will be painted.

        Raises:
            InputError: the folder cannot be made, or nothing can be written there.
        """
        made(self.folder)
        return self.folder / f"{choices.stem}.png"

    def save(self, result: Result, path: Path, *, own: bool) -> tuple[Path, str]:
        """Write a picture; somewhere else if it cannot be written there.

        Args:
            result: with its facts.
            path: of the file.
            own: whether what stands there is an earlier state of the same picture; else another name is taken.

        Returns:
            Where it is, and why it is somewhere else, in words; "" if it is not.
        """
        try:
            if path.parent == self.folder:
                made(self.folder)  # a person may have taken it away meanwhile
            return result.save(path) if own else save_anew(result, path), ""
        except InputError as error:
            return save_anew(result, Path(tempfile.gettempdir(), path.name)), str(error)

    def checkpoint(self, path: Path) -> Path:
        """Where a run is kept that can be gone on with, beside its picture.

        Args:
            path: of the picture.
        """
        return path.with_name(f".{path.name}{RUN}")

    def unfinished(self) -> Path | None:
        """The picture of the run that was kept last, if both are still here."""
        if not self.folder.is_dir():
            return None
        runs = sorted(self.folder.glob(f".*{RUN}"), key=written, reverse=True)
        pictures = map(picture_of, runs)
        return next((path for path in pictures if path.is_file() and self.facts(path) is not None), None)

    def forget_run(self, path: Path | None) -> None:
        """Take away the run that was kept beside a picture, and those that are old or lack theirs: they are large.

        Args:
            path: of the picture; None for none.
        """
        old = time.time_ns() - FRESH
        runs = [run for run in self.folder.glob(f".*{RUN}") if not picture_of(run).is_file() or written(run) < old]
        for run in (*runs, *([self.checkpoint(path)] if path else [])):
            with suppress(OSError):
                run.unlink()


def picture_of(run: Path) -> Path:
    """The picture beside which a run is kept.

    Args:
        run: its file.
    """
    return run.with_name(run.name[1 : -len(RUN)])


def made(folder: Path) -> None:
    """Make a folder if it is not there.

    Raises:
        InputError: it cannot be made, or nothing can be written there.
    """
    there = folder.is_dir()
    try:
        folder.mkdir(exist_ok=True)
        try_to_write(folder / "picture.png")
    except OSError as error:
        trouble = "cannot be written to" if there else "cannot be made"
        advice = "open the studio in a folder that may be written to"
        raise InputError(f"the folder '{folder}' {trouble} ({error.strerror}): {advice}") from None


def save_anew(result: Result, path: Path) -> Path:
    """Write a picture under the first of its names that nobody has: another studio may paint into the same folder.

    Args:
        result: with its facts.
        path: of the file, with the first name.

    Returns:
        Where it is.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        with anew(path) as name:
            return result.save(name)
    except OSError as error:
        raise InputError(f"'{error.filename}' cannot be written ({error.strerror}): {remedy(error)}") from None
