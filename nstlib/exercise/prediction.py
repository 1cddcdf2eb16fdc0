"""A question that asks for a choice or for numbers, and an answer → a verdict."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import counted, one_line
from .typed import THOUSANDS, as_python, with_point, worked_out
from .values import kind, numbers, rounded, same
from .verdict import Verdict

__all__ = ["Choice", "Number"]


@dataclass(frozen=True, repr=False)
class Choice:
    """A question with options.

    Attributes:
        name: lesson and word, such as "04.shuffle".
        question: as it is shown.
        answer: the letter of the right option.
        options: by letter (text, what to tell who chose it); the right one's tells why it is.
    """

    name: str
    question: str
    answer: str
    options: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        return "\n".join([self.question, *(f"  {letter}) {text}" for letter, (text, _) in self.options.items())])

    __repr__ = __str__  # a notebook keeps what it shows, and the answer is not to be read there

    def _repr_markdown_(self) -> str:
        return "\n".join([f"{self.question}\n", *(f"- **{k}** {text}" for k, (text, _) in self.options.items())])

    @staticmethod
    def letter(answer: object) -> str:
        """What somebody who gave this meant, a letter or not."""
        return one_line(answer).strip("().").lower()

    def refused(self, answer: object) -> str:
        """Why something is no answer to this question; "" if it is one."""
        known = self.letter(answer) in self.options
        return "" if known else f"Choose one of the letters {', '.join(self.options)}, in quotes."

    def check(self, answer: object) -> Verdict:
        letter = self.letter(answer)
        if why := self.refused(answer):
            return Verdict(False, why)
        return Verdict(letter == self.answer, self.options[letter][1])


@dataclass(frozen=True)
class Number:
    """A question with one number, or a tuple of them, as its answer.

    Attributes:
        name: lesson and word, such as "03.shape".
        question: as it is shown.
        answer: the number, or the numbers.
        why: told to who is right.
        hint: told to who is wrong in a way that `mistakes` does not list.
        mistakes: pairs (wrong answer, what to tell).
        tolerance: relative to the largest number of the answer.
        exact: whether the number itself is the point; otherwise it may be rounded to two digits or more.
    """

    name: str
    question: str
    answer: float | tuple[float, ...]
    why: str
    hint: str
    mistakes: tuple[tuple[float | tuple[float, ...], str], ...] = ()
    tolerance: float = 1e-6
    exact: bool = False

    def __str__(self) -> str:
        return self.question

    @property
    def several(self) -> bool:
        """Whether more than one number is asked for."""
        return isinstance(self.answer, tuple)

    @property
    def counts(self) -> bool:
        """Whether a comma parts thousands: in a whole number, and in a large one; in others it is a decimal's."""
        return self.large or (not isinstance(self.answer, tuple) and float(self.answer).is_integer())

    @property
    def large(self) -> bool:
        """Whether the number that is asked for has thousands."""
        return not isinstance(self.answer, tuple) and abs(self.answer) >= 1000

    @property
    def share(self) -> bool:
        """Whether the question is for a share, which some give in per cent."""
        return "what share" in self.question.lower()

    def check(self, answer: object) -> Verdict:
        given, wanted = numbers(answer), np.asarray(self.answer, dtype=np.float64)
        if given is None:
            return Verdict(False, self.refused(answer))
        if self.batched(given):
            given = given[1:]
        if wanted.ndim and given.size == wanted.size:
            given = given.ravel()  # and a row or a column of numbers the same as the numbers
        if self.means(given, wanted):
            return Verdict(True, f"Right. {self.why}")
        for wrong, tell in self.mistakes:
            if self.means(given, np.asarray(wrong, dtype=np.float64)):
                return Verdict(False, tell)
        if why := self.refused(answer):
            return Verdict(False, f"{why} {self.hint}")
        if wanted.all() and all(map(rounded, given.ravel(), wanted.ravel())):
            return Verdict(False, "That is rounded: here the exact number is asked for.")
        if all(g == float(f"{w:.1g}") for g, w in zip(given.ravel(), wanted.ravel(), strict=True)):
            return Verdict(False, "That is rounded to one digit, which could be chance: give two at least.")
        if self.share and self.means(given / 100, wanted):
            return Verdict(False, "That is 100 times as much: if you gave per cent, 20 per cent are 0.2 here.")
        if not wanted.ndim:
            how = "too large" if given.item() > wanted else "too small" if given.item() < wanted else "not a number"
            return Verdict(False, f"{given.item():g} is {how}. {self.hint}")
        if self.means(np.sort(given), np.sort(wanted)):
            return Verdict(False, f"The numbers are right, and stand in another order than asked. {self.hint}")
        right = [f"{w:g}" for g, w in zip(given.ravel(), wanted, strict=True) if math.isclose(g, w)]
        told = (
            f"Of your numbers {' and '.join(right)} {'is' if len(right) == 1 else 'are'}"
            if right
            else "None of these is"
        )
        return Verdict(False, f"{told} right{', the others are not' if right else ''}. {self.hint}")

    def refused(self, answer: object) -> str:
        """Why something is no answer to this question, neither a right one nor a wrong one; "" if it is one."""
        given, wanted = numbers(answer), np.asarray(self.answer, dtype=np.float64)
        if given is None:
            asked = "numbers" if wanted.ndim else "a number"
            return f"This asks for {asked}, not {kind(answer)}.{self.unquoted(answer)}"
        known = any(self.means(given, np.asarray(wrong, dtype=np.float64)) for wrong, _ in self.mistakes)
        if given.size == wanted.size or self.batched(given) or known:
            return ""
        return f"This asks for {counted(wanted.size, 'number')}, and you gave {given.size}.{self.commas(answer)}"

    def batched(self, given: np.ndarray) -> bool:
        """Whether it is (1, C, H, W) where the shape (C, H, W) is asked for, which says the same."""
        shape = isinstance(self.answer, tuple) and "shape" in self.question.lower()
        return shape and given.shape == (np.size(self.answer) + 1,) and bool(given[0] == 1)

    def unquoted(self, answer: Any) -> str:
        """What to tell of a text that says numbers, or ""."""
        if self.counts and isinstance(answer, str) and THOUSANDS.fullmatch(answer.strip()):
            return f" Write it as Python does: {worked_out(answer)}."
        if not self.several and (decimal := with_point(answer)):
            return f" A decimal takes a point: {decimal}."
        meant = worked_out(answer, several=self.several)
        if numbers(meant) is None:
            return ""
        if "%" in str(answer) and re.search("in %|percentage", self.question):
            return " Leave out the quotes and the sign."
        if "%" in str(answer):
            return " Leave out the quotes, and write 20 per cent as 0.2."
        if isinstance(answer, str):
            whole = not isinstance(meant, tuple) or answer.strip()[0] in "(["  # in a call, commas part arguments
            plain = whole and as_python(answer) == meant
        else:
            plain = tuple(map(as_python, answer)) == meant
        return " Leave out the quotes." if plain else f" Write it as Python does: {meant}."

    def commas(self, answer: object) -> str:
        """What to tell of several numbers, where one is asked for: Python takes a comma for a sign between two."""
        if isinstance(self.answer, tuple) or not isinstance(answer, tuple) or len(answer) < 2:
            return ""
        if not all(isinstance(part, int | float) and float(part).is_integer() for part in answer):
            return ""
        first, *rest = map(int, answer)
        whole = all(99 < part < 1000 or (self.large and part == 0) for part in rest)  # Python reads 10,000 as (10, 0)
        if 0 < first < 1000 and (self.counts or len(rest) > 1) and whole:
            meant = f"{first}{''.join(f'{part:03}' for part in rest)}"
            several = not self.tells(float(meant)) and any(map(self.tells, answer))  # such as both sides of a picture
            return "" if several else f" A number takes no commas: {meant}."
        return "" if self.counts or len(rest) > 1 else f" A decimal takes a point: {first}.{rest[0]}."

    def tells(self, number: float) -> bool:
        """Whether it is the answer, or a mistake that has words of its own."""
        known = (self.answer, *(wrong for wrong, _ in self.mistakes))
        return any(self.means(np.asarray(number), np.asarray(one, dtype=np.float64)) for one in known)

    def means(self, given: np.ndarray, number: np.ndarray) -> bool:
        """Whether somebody who gave this meant that number, or those numbers."""
        if self.exact or (given.shape != number.shape and not given.size == number.size == 1):
            return same(given, number, self.tolerance)
        atol = self.tolerance * np.abs(number).max()
        return all(abs(g - n) <= atol or rounded(g, n) for g, n in zip(given.ravel(), number.ravel(), strict=True))
