"""Bytes → a file that is there whole or not at all; a TOML file → a dictionary."""

from __future__ import annotations

import errno
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from .errors import InputError

__all__ = [
    "anew",
    "check_replaceable",
    "claim",
    "encoded",
    "files_in",
    "free",
    "in_the_way",
    "is_readable",
    "names_for",
    "read_toml",
    "remedy",
    "same_file",
    "short_name",
    "spoken_name",
    "try_to_write",
    "whole",
    "write_whole",
    "written",
]


def names_for(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file's own path, and then with a number: `cat.png`, `cat-2.png`, `cat-3.png`, … for who writes over no file.

    Args:
        path: of the file.
    """
    path = Path(path)
    yield path
    yield from (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))


def free(path: str | os.PathLike[str]) -> Path:
    """The first of a file's names at which there is nothing yet; somebody else may take it at any moment.

    Args:
        path: of the file.
    """
    return next(name for name in names_for(path) if not name.exists())


def claim(path: str | os.PathLike[str]) -> Path:
    """The first of a file's names that nobody has, taken by an empty file: another process may write there too.

    Args:
        path: of the file.

    Raises:
        OSError: nothing can be written there; `filename` is the name that was tried.
    """
    names = names_for(path)
    while True:
        name = next(names)
        with suppress(FileExistsError):
            name.touch(exist_ok=False)  # whoever makes the file has the name
            return name


@contextmanager
def anew(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The first of a file's names that nobody has, for who writes the file; free again where that goes wrong.

    Args:
        path: of the file.

    Raises:
        OSError: nothing can be written there; `filename` is the name that was tried.
    """
    name = claim(path)
    try:
        yield name
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be written.

    Args:
        error: of writing it.
    """
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room there" if full else "work in a folder that may be written to"


def short_name(source: str | os.PathLike[str]) -> str:
    """What a path, an address or a name is called, without folder and suffix: fit for a label and for a file's name.

    Args:
        source: any of them.

    >>> short_name("content/harbour"), short_name("own/my cat (2).jpg")
    ('harbour', 'my_cat_2')
    """
    stem = PurePath(str(source).rstrip("/")).stem
    return re.sub(r"[^\w.-]+", "_", stem)[:40].strip("_.") or "picture"


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two names are of one file, there or not: by another spelling, "~", or a link of either kind.

    Args:
        one: a path.
        other: likewise; an address or a name is no file's.
    """
    try:
        paths = [os.path.realpath(os.path.expanduser(name)) for name in (one, other)]
        return paths[0] == paths[1] or (all(map(os.path.exists, paths)) and os.path.samefile(*paths))
    except (OSError, ValueError):  # a loop of links, a zero byte: no file has that name
        return False


def spoken_name(source: str | os.PathLike[str]) -> str:
    """What a picture is called where people read it, in words that a line may be broken between.

    Args:
        source: a path, an address or a name.

    >>> spoken_name("style/woodcut_waves")
    'woodcut waves'
    """
    return short_name(source).replace("_", " ")


def encoded(text: str) -> bytes:
    r"""UTF-8, and what it has no letter for, of a file's name in another coding, as JSON would write it.

    >>> encoded("caf\udce9 é")
    b'caf\\udce9 \xc3\xa9'
    """
    return text.encode(errors="backslashreplace")


def try_to_write(path: str | os.PathLike[str]) -> None:
    """Find out whether a file could be written, by writing an empty one beside it; leaves no trace.

    Args:
        path: of the file; what stands there stays.

    Raises:
        OSError: it could not.
    """
    place = named(path)
    with suppress(FileNotFoundError):
        place.lstat()  # a name that is too long fails here
    with partial(path, place) as trial:
        trial.touch(exist_ok=False)


def check_replaceable(path: Path, is_ours: Callable[[Path], bool], *, force: bool) -> None:
    """Refuse, before any work, a file that cannot be written, or that would cost the person one.

    Args:
        path: of the file.
        is_ours: says of a file whether nst made it, so that it may be written over.
        force: whether any file may be.

    Raises:
        InputError: says why, and what to do.
    """
    try:
        try_to_write(path)
    except OSError as error:
        raise InputError(f"'{path}' cannot be written ({error.strerror}): name another file or folder") from None
    if path.exists() and not force and not is_ours(path):
        raise InputError(
            f"'{path}' exists, and nst did not make it: name another file, or add --force to write over it"
        )


def in_the_way(path: str | os.PathLike[str]) -> bool:
    """Whether something stands at a path that no file may take the place of: a folder, a pipe, a device.

    A device is everybody's: whoever may write there would put an ordinary file in the place of /dev/null. And what is
    written whole or not at all goes to no stream, so /dev/stdout is no place for it either.

    Args:
        path: of a file that need not be there; links are followed.
    """
    return os.path.exists(path) and not os.path.isfile(path)


def named(path: str | os.PathLike[str]) -> Path:
    """The path of what a name leads to, links followed.

    Args:
        path: of a file that need not be there.

    Raises:
        OSError: no file can have this name, or something else has it.
    """
    try:
        found = Path(os.path.realpath(path))
    except ValueError:
        raise OSError(errno.EINVAL, "no file's name has a zero byte") from None
    if in_the_way(found):
        raise OSError(errno.EINVAL, "a folder, a pipe or a device stands there")
    return found


@contextmanager
def partial(path: str | os.PathLike[str], place: Path) -> Iterator[Path]:
    """A name beside a file, for what is not yet to stand in it; what stands there at the end is removed.

    Args:
        path: of the file, as the person gave it; an error about the name beside it is told of this one.
        place: that it leads to.
    """
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if str(error.filename) == str(part):
            error.filename = os.fspath(path)
        raise


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` at the end, or leaves no trace if anything goes wrong.

    Args:
        path: of the file; a link stays a link, and what it points to is replaced.

    Raises:
        OSError: it cannot be written; whatever stood at `path` still does.
    """
    place = named(path)
    with partial(path, place) as part:
        with part.open("xb") as file:
            yield file
        os.replace(part, place)


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file, whole or not at all, and make its folder.

    Args:
        path: of the file.
        data: what is to stand in it.

    Raises:
        OSError: it cannot be written; whatever stood at `path` still does.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write(data)


def is_readable(path: Path) -> bool:
    """Whether a file is there.

    Args:
        path: of the file.

    Raises:
        InputError: it or its folder may not be read, which on a shared machine somebody else decides.
    """
    try:
        if not path.is_file():
            return False
    except PermissionError:
        raise InputError(
            f"'{path.parent}' may not be entered: ask whoever made it to allow it, chmod a+rx, or use another folder"
        ) from None
    if not os.access(path, os.R_OK):
        raise InputError(f"'{path}' may not be read: ask whoever made it to allow it, chmod a+r, or use another file")
    return True


def written(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 if it is gone: a person may take it away at any moment.

    Args:
        path: of the file.
    """
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def files_in(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing if there is none.

    Args:
        folder: of somebody's pictures.

    Raises:
        InputError: it may not be read: it is another person's.
    """
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except PermissionError:
        raise InputError(
            f"the folder '{folder}' belongs to somebody else and may not be read: work in a folder of your own, "
            "nst lessons makes one"
        ) from None


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
