"""A learner's function → a verdict that names the likely mistake.

`check("04.gram", gram)` tries the function on small inputs, among them the awkward ones: maps that are not square, more
channels than positions, a blank map. An answer that behaves like a known mistake gets the message that names it; any
other wrong answer gets a general diagnosis. Predictions are checked alike: `check("03.shape", (512, 28, 28))`. What is
right is there to be used: `gram = mine("04.gram", my_gram)`.

An exercise is data: a question, what it is tried on, the trusted answer (the library's own function, wherever there is
one), and pairs (wrong answer, what to tell). There is one file per lesson.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ..errors import InputError, one_of
from .code import Code, stoppable
from .grading import let_nbgrader_see
from .handover import choose_function, show
from .prediction import Choice, Number
from .verdict import NOT_ANSWERED, Verdict, unanswered


def on_cpu() -> AbstractContextManager[Any]:
    """The processor for what is made meanwhile, whatever a notebook has told `torch.set_default_device`.

    Only where it has: torch passes each call through such a mode, and an interrupt in the midst of that upsets it.
    """
    return nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")


with on_cpu():  # what an exercise is tried on
    from . import (
        clinic,
        lesson_00,
        lesson_01,
        lesson_01b,
        lesson_02,
        lesson_02b,
        lesson_03,
        lesson_04,
        lesson_04b,
        lesson_05,
        lesson_06,
        lesson_06b,
        lesson_07,
        lesson_07b,
        lesson_08,
        lesson_09,
        lesson_10,
    )

__all__ = ["EXERCISES", "Choice", "Code", "Number", "Verdict", "check", "mine"]

LESSONS = (
    *(lesson_00, lesson_01, lesson_01b, lesson_02, lesson_02b, lesson_03, lesson_04, lesson_04b),
    *(lesson_05, lesson_06, lesson_06b, lesson_07, lesson_07b, lesson_08, lesson_09, lesson_10, clinic),
)
EXERCISES: dict[str, Choice | Code | Number] = {e.name: e for lesson in LESSONS for e in lesson.EXERCISES}


def check(name: str, answer: object) -> Verdict:
    """What is right or wrong about an answer; a wrong one never raises.

    Args:
        name: of the exercise, such as "04.gram"; `EXERCISES` has them all.
        answer: a function where the exercise asks for code, else a number, a tuple, or a choice's letter. Arrays,
            tensors, lists and numbers are accepted alike.

    Raises:
        InputError: there is no exercise of this name (names the nearest).
        Stopped: an interrupt, in one line that says where the function was.

    >>> check("02.stacked", 6)
    ✗ Neighbouring windows overlap: the second 3×3 adds 2 pixels, not 3.
    >>> check("02.stacked", None)
    ○ Not answered yet.
    """
    exercise = EXERCISES[one_of("exercise", name, EXERCISES)]
    with stoppable(answer), on_cpu():
        verdict = NOT_ANSWERED if unanswered(answer) else exercise.check(answer)
    return let_nbgrader_see(verdict)


def mine(name: str, answer: object) -> Callable[..., Any]:
    """A learner's function to go on with if it is right, else the library's; says in a line which of the two.

    The line stands under the cell, so that the call can be assigned. A function that pictures are painted with is also
    tried on a map as large as theirs: it must carry a gradient, and not take minutes there.

    Args:
        name: of an exercise with code, such as "04.gram".
        answer: the learner's function; it may still be a stub.

    Returns:
        A function with the exercise's arguments and result. An error in it, wherever it is called, shows the learner's
        own line, and for what it arose.

    Raises:
        InputError: there is no exercise of this name (names the nearest), or it asks for a number or a choice.
        Stopped: as for `check`.

    >>> gram = mine("04.gram", None)
    ○ 04.gram is not answered yet: until then the library's own does the work.
    >>> size = mine("02.size", lambda n, kernel, stride, padding: (n + 2 * padding - kernel) // stride)
    ✗ One too few: the first window counts as well, so + 1. Until it is right, the library's own does the work.
    >>> size = mine("02.size", lambda n, kernel, stride, padding: (n + 2 * padding - kernel) // stride + 1)
    ✓ From here on your own function does the work.
    >>> size(28, 5, stride=1, padding=0)
    24
    """
    exercise = EXERCISES[one_of("exercise", name, EXERCISES)]
    if not isinstance(exercise, Code):
        raise InputError(
            f'"{name}" asks for no function, so there is nothing to go on with: nst.check("{name}", answer)'
        )
    verdict = check(name, answer)
    with stoppable(answer), on_cpu():
        function, told = choose_function(exercise, answer, verdict)
    show(told)
    return function
