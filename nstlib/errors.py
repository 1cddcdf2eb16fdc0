"""A mistake → one line that says what was given, what was expected and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "choose", "nearest"]


class InputError(ValueError):
    """A mistake of the caller's, told in one line; the command line prints it and exits with status 2."""


def choose(kind: str, name: str, names: Iterable[str]) -> str:
    """Return `name` if it is one of `names`, else raise an `InputError` that suggests the nearest.

    >>> choose("recipe", "gatys2106", ["gatys2015", "gatys2016"])
    Traceback (most recent call last):
    nstlib.errors.InputError: unknown recipe 'gatys2106': did you mean 'gatys2016'? There are: gatys2015, gatys2016
    """
    names = list(names)
    if name in names:
        return name
    raise InputError(f"unknown {kind} '{name}': {nearest(name, names)}There are: {', '.join(names)}")


def nearest(name: str, names: Iterable[str]) -> str:
    """A question that suggests the nearest of `names`, or nothing.

    >>> nearest("relu44", ["relu4_1", "conv1_1"])
    "did you mean 'relu4_1'? "
    """
    near = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.4)
    return f"did you mean '{near[0]}'? " if near else ""
