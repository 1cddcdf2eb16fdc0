"""What a learner said before the result was there → what to tell afterwards, and a table at the lesson's end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .prediction import Choice, Number
from .typed import worked_out
from .values import numbers
from .verdict import unanswered

__all__ = ["Entry", "playback"]

HEAD = ("question", "you said", "found")


@dataclass
class Entry:
    """A question that was asked, and what the learner said.

    Attributes:
        question: with its answer.
        waits: whether that is told only after the learner has seen the result (a prediction), or at once.
        answers: what was said, the first one first: letters, or tuples of numbers. A prediction has one at most, the
            last that came before the result.
        seen: whether the result has been shown.
    """

    question: Choice | Number
    waits: bool
    answers: list[object] = field(default_factory=list)
    seen: bool = False

    @property
    def open(self) -> bool:
        """Whether what was said may still be changed."""
        return not self.answers or not self.seen or not self.waits

    @property
    def right_at_once(self) -> bool:
        """Whether the first thing that was said is right."""
        return bool(self.answers) and self.question.check(self.answers[0]).passed is True

    def say(self, answer: object) -> list[str]:
        """Take an answer.

        Args:
            answer: a letter; a number, or several; a text that says these, such as "1/4" or "64, 32".

        Returns:
            What to tell, in lines; why, if it cannot be taken.
        """
        if unanswered(answer):
            return self.told()
        meant = self.meant(answer)
        if why := self.question.refused(meant):
            return [f"✗ {why}"]
        kept = self.kept(meant)
        if not self.open and kept != self.answers[0]:
            return [*self.told(), "You know the result now, so what you said before it stays."]
        if self.waits and self.open:
            self.answers = [kept]
        elif self.right:
            stays = [] if self.question.check(kept) else ["You were right before, and that stays."]
            return [*self.told(kept), *stays]
        elif kept not in self.answers:
            self.answers.append(kept)
        return self.told(kept)

    def meant(self, answer: object) -> object:
        """What somebody who gave this meant: a text's numbers, where it says some and numbers are asked for."""
        if isinstance(self.question, Choice):
            return answer
        found = worked_out(answer, several=self.question.several)
        return answer if numbers(found) is None else found

    def kept(self, answer: object) -> object:
        """An answer as it is kept: a letter, or a tuple of numbers."""
        if isinstance(self.question, Choice):
            return self.question.letter(answer)
        found = numbers(answer)
        return None if found is None else tuple(found.ravel().tolist())

    @property
    def right(self) -> bool:
        """Whether the right answer is among those that were given."""
        return any(self.question.check(answer).passed for answer in self.answers)

    def told(self, answer: object = None) -> list[str]:
        """What there is to tell of an answer: nothing of the result before that was seen.

        Args:
            answer: as it is kept; the last that was given if None.
        """
        if not self.answers:
            return []
        answer = self.answers[-1] if answer is None else answer
        if self.waits and not self.seen:
            return [f"You said {shown(answer)}. Run on and see."]
        verdict = self.question.check(answer)
        lines = [f"You said {self.whole(answer)}", str(verdict)]
        if self.waits and not verdict:
            lines.append(f"Found: {self.found()}")
        return lines

    def found(self) -> str:
        """The right answer, and why it is."""
        question = self.question
        why = question.options[question.answer][1] if isinstance(question, Choice) else question.why
        return f"{self.whole(question.answer)} {why.removeprefix('Right. ')}"

    def whole(self, answer: object) -> str:
        """An answer in words.

        Args:
            answer: as it is kept.
        """
        options = self.question.options if isinstance(self.question, Choice) else {}
        told = f"{answer}) {options[str(answer)][0]}" if options else shown(answer)
        return told if told.endswith((".", "?")) else f"{told}."


def playback(entries: Iterable[Entry]) -> list[tuple[str, str, str]]:
    """What was said beside what was found, which from now on counts as seen.

    Args:
        entries: in the order in which they were asked.

    Returns:
        A row for each: question, what was said, what was found. The last is not told where nothing was said.
    """
    return [row(entry) for entry in entries]


def row(entry: Entry) -> tuple[str, str, str]:
    """One line of the playback."""
    if not entry.answers:
        return entry.question.question, "nothing yet", "told once you have said something"
    entry.seen = True
    said = [f"{'✓' if entry.question.check(one) else '✗'} {entry.whole(one)}" for one in entry.answers]
    return entry.question.question, " Then: ".join(said), entry.found()


def shown(answer: object) -> str:
    """A letter, or numbers, as text.

    Args:
        answer: a text, a number or a tuple of numbers.

    >>> shown("b"), shown((1073741824.0, 0.25))
    ('b', '1073741824, 0.25')
    """
    if isinstance(answer, str):
        return answer
    many = answer if isinstance(answer, tuple) else (answer,)
    return ", ".join(str(int(x)) if float(x).is_integer() else f"{x:.4g}" for x in many)
