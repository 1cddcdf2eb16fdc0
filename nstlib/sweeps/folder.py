"""The folder of a sweep → found fit to be written; files in it, each whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line
from ..files import encoded, in_the_way, try_to_write, write_whole
from ..inputs import is_name
from ..rules import brief
from .points import HEAD, SHEET, TABLE, Point

OWN = re.compile(r"-[0-9a-f]{10}(\.\d+)?\.(png|csv)$")  # how the files of a point end


def checked_folder(folder: Any) -> Path:
    """A folder in which nothing but a sweep's files is, if it is there, and that can be written.

    Args:
        folder: as it was given; need not exist.

    Raises:
        InputError: it holds other things, or a folder in the place of one of its files; is none, or cannot be written.
    """
    if not is_name(folder) or not os.fspath(folder) or "\0" in os.fspath(folder):
        raise InputError(f"{brief(folder)} names no folder: give one for the pictures, such as 'sweep'")
    place = Path(os.path.expanduser(folder))
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            place.lstat()  # a name that is too long fails here
        there = next(one for one in (place, *place.absolute().parents) if os.path.lexists(one))
        if not there.is_dir():
            raise InputError(f"'{there}' is no folder: give the name of a new one")
        files = list(place.iterdir()) if there == place else []
        own = (file for file in files if file.name in (TABLE, SHEET) or OWN.search(file.name))
        if (taken := next(filter(in_the_way, own), None)) is not None:
            stands = "stands where a file of the sweep is to stand, and is none"
            raise InputError(f"'{one_line(taken)}' {stands}: move it away, or give a new folder")
        try_to_write(there / f".{TABLE}")  # a name that nothing has where the folder is yet to be made
        others = not is_sweeps(place / TABLE) and not is_own(files)
    except OSError as error:
        raise InputError(f"'{one_line(place)}' cannot be written ({error.strerror}): name another folder") from None
    if others:
        raise InputError(f"'{place}' holds other files: give a new folder, so that none of them is written over")
    return place


def is_sweeps(table: Path) -> bool:
    """Whether a file is the table of a sweep.

    Args:
        table: that may not be there.
    """
    if not table.is_file():
        return False
    with table.open("rb") as file:
        begun = file.read(200).decode("utf-8-sig", errors="replace")
    return re.match("[,;\t]".join(f'"?{name}"?' for name in HEAD), begun) is not None  # as a spreadsheet saves it, too


def is_own(files: Sequence[Path]) -> bool:
    """Whether a folder holds nothing that anybody could miss: nothing, or what is left of a sweep without its table.

    Args:
        files: that are in it.
    """
    names = [file.name for file in files if file.name[0] != "."]
    own = [name for name in names if OWN.search(name)]
    return not names or (bool(own) and set(names) <= {*own, SHEET})


def keep(path: Path, data: bytes) -> None:
    """Write a file whole, or not at all.

    Args:
        path: of the file.
        data: what is to stand in it.

    Raises:
        InputError: it cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        why = error.strerror or one_line(error)
        ways = "make room, or close what has it open, and the same call goes on"
        raise InputError(f"'{one_line(path)}' could not be written ({why}): {ways}") from None


def keep_table(folder: Path, points: Sequence[Point]) -> None:
    """Write the table of all points, as far as they are.

    Args:
        folder: of the sweep.
        points: one or more.

    Raises:
        InputError: it cannot be written.
    """
    text = io.StringIO()
    rows = [point.row for point in points]
    table = csv.DictWriter(text, rows[0])
    table.writeheader()
    table.writerows(rows)
    keep(folder / TABLE, encoded(text.getvalue()))
