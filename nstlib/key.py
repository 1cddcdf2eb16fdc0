"""A lesson → its answer key: each question, the right answer, and the wrong ones that its check knows by name.

Nothing here is written twice: the key is read from the lesson's notebook, which says what is asked and in which order,
and from the exercises, which know what people get wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from .asking import PLACEMENT
from .course.notebooks import ASKS, CHECK, read
from .errors import one_of
from .exercise import EXERCISES, Choice, Code, Number
from .lesson import LESSONS, NOTEBOOKS

__all__ = ["answer_key", "asked_in"]

ASKED = re.compile(rf"{ASKS.pattern}|{CHECK.pattern}")


def answer_key(name: str) -> str:
    """A lesson's questions in Markdown, in the order in which they are asked, with everything that is told.

    Args:
        name: of the lesson: its number, such as "04", its notebook, or one of its questions.

    Raises:
        InputError: no such lesson (names the nearest).

    >>> print("\\n".join(answer_key("02").splitlines()[:3]))
    # 02 Convolutional networks: answers
    <BLANKLINE>
    For the one who teaches: what is asked, in order; after ✓ a right answer, after ✗ a wrong one and its advice.
    """
    number = number_of(name)
    lesson = LESSONS[number]
    lines = [f"# {number} {lesson.title}: answers", ""]
    lines += [
        "For the one who teaches: what is asked, in order; after ✓ a right answer, after ✗ a wrong one and its advice."
    ]
    for name in asked_in(number):
        lines += ["", f"## {name}", "", *entry(EXERCISES[name])]
    return "\n".join(lines)


def number_of(name: str) -> str:
    """The number of a lesson, however somebody calls it.

    Args:
        name: its number, with its zero or without, its notebook's file, or one of its questions.

    Raises:
        InputError: no such lesson (names the nearest).

    >>> number_of("7B"), number_of("notebooks/04_gram_matrices.ipynb"), number_of("04.gram")
    ('07b', '04', '04')
    """
    called = PurePath(name.strip().lower()).stem  # of a file without its ending, of a question without its own name
    spelt = {text: number for number, row in LESSONS.items() for text in (number, number.removeprefix("0"), row.stem)}
    return spelt.get(called) or one_of("lesson", name, LESSONS)


def asked_in(number: str) -> list[str]:
    """The names of a lesson's questions in the order of its notebook, each once.

    Args:
        number: of the lesson.
    """
    notebook = read(NOTEBOOKS / f"{LESSONS[number].stem}.ipynb")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    found = [name for source in code for names in ASKED.findall(source) for name in names if name in EXERCISES]
    if any("nst.placement()" in source for source in code):  # which stands at the end, and has a list of its own
        found += (name for names in PLACEMENT.values() for name in names)
    return list(dict.fromkeys(found))


def entry(question: Choice | Code | Number) -> Iterator[str]:
    """The lines of one question."""
    yield question.question
    yield ""
    if isinstance(question, Choice):
        for letter, (text, tell) in question.options.items():
            yield f"- {'✓' if letter == question.answer else '✗'} {letter}) {text} *{tell}*"
        return
    if isinstance(question, Number):
        yield f"- ✓ {shown(question.answer)}. *{question.why}*"
        yield from (f"- ✗ {shown(wrong)}. *{tell}*" for wrong, tell in question.mistakes)
        return
    yield f"- ✓ a function of {', '.join(question.takes.split())}; the complete lesson has ours"
    yield from (f"- ✗ *{tell}*" for tell in dict.fromkeys(tell for _, tell in question.mistakes))


def shown(answer: float | tuple[float, ...]) -> str:
    """A number, or several, as one would write them on a blackboard."""
    return ", ".join(f"{value:g}" for value in (answer if isinstance(answer, tuple) else (answer,)))
