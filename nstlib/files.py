"""Bytes → a file that is there whole or not at all; a TOML file → a dictionary."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from .errors import InputError

__all__ = ["names_for", "read_toml", "short_name", "spoken_name", "try_to_write", "whole"]


def names_for(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file's own path, and then with a number: `cat.png`, `cat-2.png`, `cat-3.png`, … for who writes over no file.

    Args:
        path: of the file.
    """
    path = Path(path)
    yield path
    yield from (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))


def short_name(source: str | os.PathLike[str]) -> str:
    """What a path, an address or a name is called, without folder and suffix: fit for a label and for a file's name.

    Args:
        source: any of them.

    >>> short_name("content/harbour"), short_name("own/my cat (2).jpg")
    ('harbour', 'my_cat_2')
    """
    stem = PurePath(str(source).rstrip("/")).stem
    return re.sub(r"[^\w.-]+", "_", stem)[:40].strip("_.") or "picture"


def spoken_name(source: str | os.PathLike[str]) -> str:
    """What a picture is called where people read it, in words that a line may be broken between.

    Args:
        source: a path, an address or a name.

    >>> spoken_name("style/woodcut_waves")
    'woodcut waves'
    """
    return short_name(source).replace("_", " ")


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
