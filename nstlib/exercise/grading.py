"""A verdict → an error that nbgrader counts, while it runs the cell: it takes one that shows none for right."""

from __future__ import annotations

import os

from ..interrupts import notebook
from .verdict import Verdict

__all__ = ["let_nbgrader_see"]


class Unearned(AssertionError):
    """An answer that earns no points: one line in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Shown(Verdict):
    """On an answer that earns no points: it is told by the error already."""

    def _ipython_display_(self) -> None:
        """Nothing more."""


class Earned(Verdict):
    """On a right answer, printed under its cell: what a cell returns, nbgrader takes for a number of points."""

    def _ipython_display_(self) -> None:
        print(self)


def let_nbgrader_see(verdict: Verdict) -> Verdict:
    """The same verdict; while nbgrader grades or validates it, with an error shown under it if the answer is not right.

    It is shown, not raised: the cells below go on with the library's function, and are graded for themselves.

    Args:
        verdict: on the answer.
    """
    shell = notebook()
    if shell is None or "NBGRADER_EXECUTION" not in os.environ:
        return verdict
    if verdict:
        return Earned(verdict.passed, verdict.message)
    error = Unearned(str(verdict))
    shell.showtraceback((Unearned, error, None))
    return Shown(verdict.passed, verdict.message)
