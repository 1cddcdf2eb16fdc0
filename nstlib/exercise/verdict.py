"""What is said of an answer: right, wrong or not there yet, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["NOTHING_BACK", "NOT_ANSWERED", "Verdict", "unanswered"]


@dataclass(frozen=True)
class Verdict:
    """What `check` and `mine` say; it counts as true only if passed.

    Attributes:
        passed: True, False, or None for "not answered yet".
        message: what to tell, in one or two sentences.
    """

    passed: bool | None
    message: str

    def __str__(self) -> str:
        return f"{ {True: '✓', False: '✗', None: '○'}[self.passed] } {self.message}"

    __repr__ = __str__

    def __bool__(self) -> bool:
        return self.passed is True

    def _repr_markdown_(self) -> str:
        return re.sub(r"([\\*_`$<|])", r"\\\1", str(self))


NOT_ANSWERED = Verdict(None, "Not answered yet.")
NOTHING_BACK = Verdict(None, "Not answered yet: nothing comes back. If there is code, its return is missing.")


def unanswered(answer: object) -> bool:
    """None, Ellipsis or an empty text."""
    return answer is None or answer is ... or (isinstance(answer, str) and answer.strip() in ("", "?", "..."))
