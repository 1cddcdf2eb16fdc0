"""Bytes → a file that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["try_to_write", "whole"]


def try_to_write(path: str | os.PathLike[str]) -> None:
    """Find out whether a file could be written, by writing an empty one beside it; leaves no trace.

    Args:
        path: of the file; what stands there stays.

    Raises:
        OSError: it could not.
    """
    path = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        path.lstat()  # a name that is too long fails here
    trial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        trial.touch(exist_ok=False)
    finally:
        trial.unlink(missing_ok=True)


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` at the end, or leaves no trace if anything goes wrong.

    Args:
        path: of the file; a link stays a link, and what it points to is replaced.

    Raises:
        OSError: it cannot be written; whatever stood at `path` still does.
    """
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with partial.open("xb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
