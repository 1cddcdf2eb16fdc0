"""A mistake → one line that says what was given, what was expected and what to do next."""

from __future__ import annotations

import difflib
import linecache
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

__all__ = ["CONTROLS", "InputError", "counted", "in_words", "nearest", "one_line", "one_of"]


class InputError(ValueError):
    """A mistake of the caller's, told in one line; the command line prints it and exits with status 2.

    Args:
        message: what was given, what was expected, what to do next; a line that what was given breaks is joined.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(str(message).splitlines()))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of our own frames: the message, and the last line of a cell on the way."""
        return [f"{type(self).__name__}: {self}", *cell_line(self.__traceback__)]


def cell_line(trace: TracebackType | None) -> list[str]:
    """The last line of a notebook's cell in a traceback, in words; nothing if there is none.

    Args:
        trace: of an exception.
    """
    found: list[str] = []
    for frame, number in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        if "ipykernel_" in file or "<ipython-input" in file:  # where ipykernel and IPython keep a cell's text
            found = [f"in line {number} of the cell:  {linecache.getline(file, number).strip()}"]
    return found


MOST = 24  # names that a message lists


def one_of(kind: str, name: str, names: Iterable[str]) -> str:
    """Return `name` if it is one of `names`, else suggest the nearest.

    Args:
        kind: what the names are names of, in a word or two, for the message.
        name: as it was given.
        names: all that there are.

    Raises:
        InputError: there is no such name.

    >>> one_of("recipe", "gatys2106", ["gatys2015", "gatys2016"])
    Traceback (most recent call last):
    nstlib.errors.InputError: unknown recipe 'gatys2106': did you mean 'gatys2016'? There are: gatys2015, gatys2016
    """
    names, given = list(names), name.strip() if isinstance(name, str) else name
    with suppress(ValueError, RuntimeError):  # an array, which is not equal to a name but number by number
        if given in names:
            return given
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    raise InputError(
        f"unknown {kind} '{one_line(name)}': {nearest(name, names)}There are: {', '.join(names[:MOST])}{more}"
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """A question that suggests the nearest name, with a space after it; or nothing.

    Args:
        name: as it was given.
        names: all that there are.

    >>> nearest("relu44", ["relu4_1", "conv1_1"])
    "did you mean 'relu4_1'? "
    """
    names, given = list(names), str(name)
    begun = [one for one in names if len(given) > 2 and str(one).startswith(given)]
    near = begun or difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'? " if near else ""


TURNS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # what follows them is read from the other side
CONTROLS = dict.fromkeys((*range(32), *range(127, 160), *TURNS), "?")  # also those that colour or clear a terminal


def one_line(thing: object, limit: int = 100) -> str:
    """What `str` says of a thing, fit for a message: on one line, nothing that steers a terminal, no more than fits.

    Args:
        thing: an address, a path, an error; the name of its type stands for one that says nothing, or cannot.
        limit: characters from which on the middle is left out.

    >>> one_line("404 \\x1b[31mred")
    '404 ?[31mred'
    >>> one_line("cat\\u202egpj.exe")
    'cat?gpj.exe'
    >>> one_line("a long\\nstory", limit=8)
    'a lo…ory'
    """
    try:
        text = " ".join(str(thing).split()).translate(CONTROLS)
    except Exception:  # somebody else's `__str__`
        text = ""
    text = text or ("" if isinstance(thing, str) else type(thing).__name__)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 3 :]}"


def counted(number: int, noun: str) -> str:
    """A number of things in words.

    Args:
        number: how many, 0 or more.
        noun: what one of them is called.

    >>> counted(3, "number")
    '3 numbers'
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def in_words(error: BaseException) -> str:
    """An error as a line for a person: our own as it is and whole, another with its kind and as much as fits.

    Args:
        error: that was raised.

    >>> in_words(InputError("a size of 0 pixels")), in_words(ZeroDivisionError("division by zero"))
    ('a size of 0 pixels', 'ZeroDivisionError: division by zero')
    """
    if isinstance(error, InputError):  # what to do next stands at its end, and often what was given in its middle
        return one_line(error, limit=sys.maxsize)
    kind, text = type(error).__name__, one_line(error, limit=300)
    return text if text == kind else f"{kind}: {text}"
