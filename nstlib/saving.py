"""An image → a file that says how it was made, and the words of one that does."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo
from torch import Tensor

from .errors import InputError, one_line
from .files import encoded, same_file, write_whole
from .gallery import FORMATS, file_of, shown
from .image import Picture, is_count, read, to_pil

__all__ = ["check_apart", "check_writable", "encode_image", "read_metadata", "save_image"]

EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNDEFINED_CHARSET = bytes(8)  # EXIF names no code for UTF-8, so a comment in it says "undefined"


def check_apart(output: str | os.PathLike[str], others: Iterable[str | os.PathLike[str]], what: str) -> None:
    """Refuse an output that is one of the run's other files, by whatever name or link.

    Args:
        output: the file to write.
        others: paths, addresses and names of pictures.
        what: is written, in words.

    Raises:
        InputError: it is.
    """
    for other in others:
        if same_file(output, file_of(os.fspath(other))):
            raise InputError(f"{what} would be written over '{shown(other)}', which is needed: name another file")


def check_writable(path: str | os.PathLike[str]) -> Path:
    """The path, if a picture can be saved there: call it before slow work.

    Args:
        path: of the file; "~" is the home folder.

    Raises:
        InputError: a suffix other than .png, .jpg, .jpeg or .webp, or a folder that is not there or not to be written.
    """
    path = Path(os.path.expanduser(named(path)))
    if "\0" in str(path):
        raise InputError(f"{str(path)!a} has a zero byte in it, which no file's name has: name another")
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot save '{path}' as '{path.suffix}': end its name in .png, .jpg or .webp")
    if os.path.isdir(path):
        raise InputError(f"'{path}' is a folder: give the name of a file, such as '{path / 'result.png'}'")
    if not os.path.isdir(path.parent):
        raise InputError(f"the folder '{path.parent}' of '{path.name}' does not exist: create it, or choose another")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"the folder '{path.parent}' may not be written to: choose another folder for '{path.name}'")
    return path


def named(path: Any) -> str | os.PathLike[str]:
    """What should be a path, if it is one.

    Raises:
        InputError: it is something else, or names nothing.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"a {type(path).__name__} is no path: give the name of a file, such as 'result.png'")
    if not os.fspath(path):
        raise InputError("no file was named: give its name, such as 'result.png'")
    return path


def save_image(
    tensor: Tensor | Picture, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None, quality: int = 95
) -> Path:
    """Save a picture as PNG, JPEG or WebP, by suffix, whole or not at all; return its path.

    Args:
        tensor: as for `to_pil`.
        path: of the file; see `check_writable`.
        metadata: texts that travel inside the file: see `read_metadata`. A PNG's keys are of Latin letters.
        quality: of JPEG and WebP, 1 (small file) to 100 (best).

    Raises:
        InputError: the path cannot be written, the tensor is no picture, the quality out of range, or the metadata no
            texts.
    """
    path = check_writable(path)
    kind = FORMATS[path.suffix.lower()]
    try:
        write_whole(path, encode_image(tensor, kind, metadata, quality))
    except InputError:
        raise
    except (OSError, ValueError) as error:
        advice = "make room there, or choose another folder" if kind == "PNG" else "try a .png, or another folder"
        raise InputError(f"'{path}' could not be written ({one_line(error)}): {advice}") from error
    return path


def encode_image(
    tensor: Tensor | Picture, kind: str = "PNG", metadata: Mapping[str, str] | None = None, quality: int = 95
) -> bytes:
    """A picture as the bytes of a file.

    Args:
        tensor: as for `to_pil`.
        kind: "PNG", "JPEG" or "WEBP".
        metadata: as for `save_image`.
        quality: likewise.

    Raises:
        InputError: the tensor is no picture, the quality is out of range, or the metadata are no texts.
        ValueError: the format cannot hold it; Pillow says so as an OSError, too.
    """
    if not is_count(quality) or quality > 100:
        raise InputError(f"quality {one_line(quality)} is out of range: give 1 (small file) to 100 (best)")
    if not isinstance(metadata, Mapping | None):
        raise InputError(
            f"a {type(metadata).__name__} holds no metadata: give texts by name, as {{'title': 'Harbour'}}"
        )
    image, file = to_pil(tensor), io.BytesIO()
    options = save_options(kind, {str(key): str(value) for key, value in (metadata or {}).items()})
    image.save(file, kind, quality=quality, **options)
    return file.getvalue()


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts that `save_image` stored in a PNG, JPEG or WebP file; empty if there are none.

    Args:
        path: of the file.

    Raises:
        InputError: there is no picture.
    """
    image, _, _ = read(Path(named(path)))
    if isinstance(image, PngImageFile):
        return {key: str(value) for key, value in image.text.items()}
    try:
        comment = image.getexif().get_ifd(EXIF_IFD)[USER_COMMENT]
        texts = json.loads(comment[len(UNDEFINED_CHARSET) :].decode())
        return {key: str(value) for key, value in texts.items()}
    except Exception:  # somebody else's comment, or EXIF that Pillow cannot read: not ours
        return {}


def save_options(kind: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Where the texts go, and how."""
    if kind == "PNG":
        info = PngInfo()
        for key, value in texts.items():
            try:
                info.add_itxt(key, encoded(value).decode())
            except UnicodeEncodeError:
                raise InputError(f"a PNG holds no text under the key {key!r}: make it of Latin letters") from None
        return {"pnginfo": info}
    exif = Image.Exif()
    if texts:
        comment = encoded(json.dumps(texts, ensure_ascii=False))
        exif[EXIF_IFD] = {USER_COMMENT: UNDEFINED_CHARSET + comment}
    return {"exif": exif, "subsampling": 0}  # JPEG would blur colours across two pixels: brush strokes are made of them
