"""A picture that a person brought along → a file of their own beside the notebook, kept byte by byte, once.

All that is uploaded, in a lesson or in the studio, lies in one folder, so that it is offered again wherever pictures
are chosen, after a restart too, and a recipe can name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .decode import SUFFIXES, decode
from .errors import InputError, one_line
from .files import names_for, short_name, whole

__all__ = ["keep_upload", "own_pictures", "uploads"]

FOLDER = Path("own")


def uploads(value: Any) -> list[tuple[str, bytes]]:
    """The name and the bytes of each file of an upload.

    Args:
        value: of a `FileUpload`: in ipywidgets 7 a mapping of names, in 8 a tuple.
    """
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, Mapping) else value
    return [(str(file["name"]), bytes(file["content"])) for file in files]


def keep_upload(name: str, data: bytes) -> str:
    """Write an upload into the folder of own pictures, under its name, never over another file.

    Args:
        name: as the browser has it.
        data: the file.

    Returns:
        What `load_image` takes: the file, from the notebook's folder; one with the same bytes is taken as it is.

    Raises:
        InputError: it is no picture that can be read, or cannot be kept.
    """
    decode(data, one_line(name, 60))
    plain = Path(re.split(r"[/\\]", name)[-1].lstrip("."))
    suffix = plain.suffix.lower() if plain.suffix.lower() in SUFFIXES else ".jpg"  # what it is, its first bytes say
    stem = short_name(plain.name)
    same = (path for path in own_files() if path.stem.startswith(stem) and path.read_bytes() == data)
    if (path := next(same, None)) is None:
        path = next(free for free in names_for(FOLDER / f"{stem}{suffix}") if not free.exists())
        try:
            FOLDER.mkdir(exist_ok=True)
            with whole(path) as file:
                file.write(data)
        except OSError as error:
            reason = error.strerror or one_line(error)
            raise InputError(f"'{path}' cannot be kept in {Path.cwd()} ({reason}): make room there") from None
    return path.as_posix()


def own_pictures() -> list[str]:
    """The names of the pictures that a person brought along, as `load_image` takes them."""
    return [path.as_posix() for path in own_files()]


def own_files() -> list[Path]:
    """Whatever lies in the folder of own pictures and is called like a picture."""
    found = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
    return [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]
