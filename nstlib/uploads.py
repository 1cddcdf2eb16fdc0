"""A picture that a person brought along → a file of their own beside the notebook, kept byte by byte, once.

All that is uploaded, in a lesson or in the studio, lies in one folder, so that it is offered again wherever pictures
are chosen, after a restart too, and a recipe can name it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from email.utils import collapse_rfc2231_value
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import DataHandler, Request

from .decode import SMALLEST, SUFFIXES, decode
from .errors import InputError, one_line
from .files import anew, files_in, remedy, short_name, write_whole
from .gallery import assets, is_address, read_picture

__all__ = ["REGIONS", "addresses", "keep_upload", "own_pictures", "pasted", "uploads"]

FOLDER = Path("own")
REGIONS = FOLDER / "regions"  # masks of pictures: no pictures to paint
WORDS = re.compile(r""""([^"]+)"|'([^']+)'(?!\S)|(\S+)""")  # with spaces inside quotes


def uploads(value: Any) -> list[tuple[str, bytes]]:
    """The name and the bytes of each file of an upload.

    Args:
        value: of a `FileUpload`: in ipywidgets 7 a mapping of names, in 8 a tuple.
    """
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, Mapping) else value
    return [(str(file["name"]), bytes(file["content"])) for file in files]


def addresses(text: str) -> list[str]:
    """The addresses, paths and names in a text: in lines of their own, in quotes, or one behind the other.

    A space may belong to one of them: a word with which none can begin goes with what stands before it.

    Args:
        text: as it was pasted.

    >>> addresses("content/harbour my cat.jpg")
    ['content/harbour my cat.jpg']
    >>> addresses("content/harbour style/mosaic"), addresses('"C:\\\\my cat.jpg" "C:\\\\my dog.jpg"')
    (['content/harbour', 'style/mosaic'], ['C:\\\\my cat.jpg', 'C:\\\\my dog.jpg'])
    """
    found: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if is_there(line):
            found.append(line)
            continue
        whole_before = True
        for quoted, apart, word in WORDS.findall(line):
            if quoted or apart or whole_before or begins(word):
                found.append(quoted or apart or word)
            else:
                found[-1] += f" {word}"
            whole_before = not word
    return found


def begins(word: str) -> bool:
    """Whether an address, a path that is there, or a name of the kit begins with a word."""
    return word.startswith("data:") or is_address(word) or is_there(word) or word in assets()


def is_there(path: str) -> bool:
    """Whether a path is that of a file."""
    return os.path.isfile(os.path.expanduser(path))


def pasted(text: str) -> tuple[str, bytes]:
    """The name and the bytes of a picture that was pasted.

    Args:
        text: an address, one that holds the data itself (`data:image/png;base64,…`) too; a path, or a name of the kit.

    Raises:
        InputError: there is no file behind it, or the data of an address cannot be read.

    >>> pasted("data:image/png;name=my%20cat.png;base64,AAEC")
    ('my cat.png', b'\\x00\\x01\\x02')
    """
    if not text.startswith("data:"):
        data, _ = read_picture(text)
        path = unquote(urlsplit(text).path) if is_address(text) else text
        return PurePosixPath(path).name or "picture", data
    try:
        with DataHandler().data_open(Request(text)) as answer:
            name = collapse_rfc2231_value(answer.headers.get_param("name") or "pasted.png")
            return unquote(name), answer.read()
    except (ValueError, OSError) as error:
        advice = "copy the picture itself, or its address, once more"
        raise InputError(f"the pasted data cannot be read ({one_line(error)}): {advice}") from None


def keep_upload(name: str, data: bytes, folder: Path = FOLDER) -> str:
    """Write an upload into the folder of own pictures, under its name, never over another file.

    Args:
        name: as the browser has it.
        data: the file.
        folder: of own pictures, or of what belongs to them.

    Returns:
        What `load_image` takes: the file, from the notebook's folder; one with the same bytes is taken as it is.

    Raises:
        InputError: it is no picture that can be read, too small for any run, or cannot be kept.
    """
    image, _ = decode(data, called := one_line(name, 60))
    if folder == FOLDER and min(image.size) < SMALLEST:  # a mask may be small
        size = f"{image.width}×{image.height} pixels"
        raise InputError(f"'{called}' is {size}, and each side needs at least {SMALLEST}: bring a larger picture")
    last = re.split(r"[/\\]", name)[-1]
    plain = PurePosixPath(f"_{last}")  # by which "....png" has an ending
    suffix = plain.suffix.lower() if plain.suffix.lower() in SUFFIXES else ".jpg"  # what it is, its first bytes say
    stem = short_name(plain.name)
    same = (path for path in own_files(folder) if path.stem.startswith(stem) and path.read_bytes() == data)
    if (path := next(same, None)) is None:
        path = folder / f"{stem}{suffix}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with anew(path) as path:  # another notebook may keep one of this name at the same moment
                write_whole(path, data)
        except OSError as error:
            reason = error.strerror or one_line(error)
            raise InputError(f"'{path}' cannot be kept in {Path.cwd()} ({reason}): {remedy(error)}") from None
    return path.as_posix()


def own_pictures(folder: Path = FOLDER) -> list[str]:
    """The names of the pictures that a person brought along, as `load_image` takes them.

    Args:
        folder: in which they were kept.
    """
    return [path.as_posix() for path in own_files(folder)]


def own_files(folder: Path) -> list[Path]:
    """Whatever lies in a folder of own pictures and is called like a picture."""
    return [path for path in files_in(folder) if path.suffix.lower() in SUFFIXES and path.is_file()]
