"""Bytes → a file that is there whole or not at all; a TOML file → a dictionary."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from .errors import InputError

__all__ = ["read_toml", "whole"]


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


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Args:
        path: of a file that is there.

    Raises:
        InputError: Python 3.10 without tomli, which later versions bring along.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ModuleNotFoundError:
            raise InputError(f"reading '{path.name}' on Python 3.10 needs tomli: pip install tomli") from None
    return tomllib.loads(path.read_text(encoding="utf-8"))
