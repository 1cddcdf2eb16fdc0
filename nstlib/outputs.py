"""The name of a file to write → refused before any work if it would cost the person one; a result → saved somewhere."""

from __future__ import annotations

import os
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .about import VERSION
from .errors import InputError, one_line
from .files import anew, check_replaceable, free, short_name
from .terminal import say_wrong

if TYPE_CHECKING:
    from torch import Tensor

    from .image import Picture
    from .result import Result

__all__ = ["Kept", "check_format", "check_output", "keep", "save_anywhere"]

MAX_LINK = 8_000_000  # bytes of a file that a notebook may carry along to be downloaded


def check_output(output: str, inputs: Iterable[str], force: bool, what: str = "the result") -> None:
    """Refuse, before any work, an output that cannot be written, or that would cost the person a file.

    Args:
        output: the file to write.
        inputs: files that are read.
        force: whether a file that nst did not make may be written over.
        what: is written, in words.

    Raises:
        InputError: says why, and what to do.
    """
    from .result import was_made_here
    from .saving import check_apart, check_writable

    path = check_writable(output)
    check_apart(output, inputs, what)
    check_replaceable(path, was_made_here, force=force)


def check_format(output: str, size: tuple[int, int]) -> None:
    """Refuse a size (height, width) that the file's format cannot hold.

    Raises:
        InputError: it cannot.
    """
    most = {".webp": 16383, ".jpg": 65500, ".jpeg": 65500}.get(Path(output).suffix.lower())
    if most is not None and max(size) > most:
        raise InputError(f"a {Path(output).suffix} holds at most {most:,} pixels a side: name a .png")


def save_anywhere(save: Callable[[str | Path], Path], output: str) -> str | Path:
    """Save a picture where it was asked for; if that fails, somewhere that works.

    Args:
        save: writes it to a path.
        output: that path.

    Returns:
        where it is.

    Raises:
        InputError: it can be written nowhere.
    """
    try:
        save(output)
        return output
    except InputError as error:
        say_wrong(str(error))
        for folder in (Path.cwd(), Path.home(), Path(tempfile.gettempdir())):
            try:
                return save(free(folder / "nst.png"))
            except InputError:
                continue
        raise


@dataclass(frozen=True)
class Kept:
    """A result that was written beside the notebook; a notebook shows a link that downloads it.

    Attributes:
        path: of the file.
    """

    path: Path

    def __repr__(self) -> str:
        return f"{self.path}, {self.path.stat().st_size / 1000:.0f} kB"

    def _repr_html_(self) -> str:
        name, size = escape(self.path.name), self.path.stat().st_size
        said = f"<b>{name}</b>, {size / 1000:.0f} kB, is written beside this notebook"
        if size > MAX_LINK:
            return f"<div>{said}: take it from there, it is too large for a link.</div>"
        data = f"data:image/png;base64,{b64encode(self.path.read_bytes()).decode()}"
        return f'<div>{said}. <a download="{name}" href="{data}">Download {name}</a></div>'


def keep(picture: Result | Picture | Tensor, folder: str | os.PathLike[str] = ".", **facts: Any) -> Kept:
    """Write a picture as PNG beside the notebook, named after those it was made of, never over another file.

    Args:
        picture: the result of a run; or what a program of one's own has painted, (1, 3, H, W), or a `Picture`.
        folder: where to.
        facts: how the latter was made, in texts and numbers, for `nst show`; `content` and `styles` are its pictures.

    Raises:
        InputError: nothing can be written there, or it is no picture.
    """
    known, save = how_to_save(picture, facts)
    names = [known.get("content"), *(known.get("styles") or ())]
    stem = "-".join(short_name(name) for name in names if name) or "painted"
    try:
        with anew(Path(folder) / f"{stem}.png") as path:
            save(path)
    except OSError as error:
        why = f"'{error.filename}' cannot be written ({error.strerror})"
        raise InputError(f"{why}: name another folder, keep(result, …)") from None
    return Kept(path)


def how_to_save(
    picture: Result | Picture | Tensor, facts: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Callable[[Path], Path]]:
    """What is known of a picture, and what writes it to a path together with that.

    Args:
        picture: as for `keep`.
        facts: likewise.

    Raises:
        InputError: it is neither, a result is given other facts than its own, or facts cannot be written down.
    """

    from .image import pixels_of
    from .result import Result, facts_as_metadata
    from .saving import save_image

    if isinstance(picture, Result):
        if facts:
            raise InputError(f"a result knows how it was made: leave out {', '.join(facts)}")
        return picture.facts, picture.save
    picture = pixels_of(picture)
    try:
        metadata = facts_as_metadata({"by": "hand", "version": VERSION, **facts})
    except (TypeError, ValueError) as error:
        raise InputError(f"the facts cannot be written down ({one_line(error)}): give texts and numbers") from None
    return facts, lambda path: save_image(picture, path, metadata)
