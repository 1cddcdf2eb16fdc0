"""A learner's function → a verdict that names the likely mistake.

`check("04.gram", gram)` tries the function on small inputs, among them the awkward ones: maps that are not square, more
channels than positions, a blank map. An answer that behaves like a known mistake gets the message that names it; any
other wrong answer gets a general diagnosis. Predictions are checked alike: `check("03.shape", (512, 28, 28))`.

An exercise is data: a question, what it is tried on, the trusted answer (the library's own function, wherever there is
one), and pairs (wrong answer, what to tell). There is one file per lesson.
"""

from ..errors import choose
from . import (
    clinic,
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
)
from .question import NOT_ANSWERED, Choice, Code, Number, Verdict, unanswered

__all__ = ["EXERCISES", "Choice", "Code", "Number", "Verdict", "check"]

LESSONS = (lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07, lesson_08, clinic)
EXERCISES: dict[str, Choice | Code | Number] = {e.name: e for lesson in LESSONS for e in lesson.EXERCISES}


def check(name: str, answer: object) -> Verdict:
    """What is right or wrong about an answer; a wrong one never raises.

    Args:
        name: of the exercise, such as "04.gram"; `EXERCISES` has them all.
        answer: a function where the exercise asks for code, else a number, a tuple, or a choice's letter. Arrays,
            tensors, lists and numbers are accepted alike.

    Raises:
        InputError: there is no exercise of this name (names the nearest).

    >>> check("02.stacked", 6)
    ✗ Neighbouring windows overlap: the second 3×3 adds 2 pixels, not 3.
    >>> check("02.stacked", None)
    ○ Not answered yet.
    """
    exercise = EXERCISES[choose("exercise", name, EXERCISES)]
    return NOT_ANSWERED if unanswered(answer) else exercise.check(answer)
