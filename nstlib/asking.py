"""A question of the course → a form to answer it; what was said → told beside what was found.

    nst.predict("04.shuffle")      # a cell before the experiment: the learner commits
    shuffled = …                   # the experiment, in the next cell
    nst.found("04.shuffle")        # its last line: what was found, beside what was said

`choose` asks in one cell and tells at once, for a question that no experiment answers. `predictions` plays all of a
lesson back at its end. Which of the two a question is, the lesson decides by the name it calls. Whoever prefers to
write answers by an argument, `nst.predict("04.shuffle", "b")`: that works wherever nothing can be clicked.

What was said is kept as long as the kernel lives. Nothing of an answer is in a notebook's file before it was told.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from html import escape

from .errors import InputError, counted
from .errors import one_of as choose_name
from .exercise import EXERCISES, Choice, Code, Number
from .exercise.record import HEAD, Entry, playback, shown
from .show import table_html
from .widget import Form, form_html, lines_html

__all__ = ["Asked", "Told", "choose", "found", "placement", "predict", "predictions", "route"]

ASKED: dict[str, Entry] = {}  # by name, in the order in which they were first asked


def predict(name: str, answer: object = None, *more: object) -> Asked:
    """Ask what the next cell will show; that is told by `found`, or by `predictions`, and not before.

    Until then the answer may be changed; afterwards the last one stays. Running the cell again keeps it.

    Args:
        name: of a question with options or for a number, such as "04.shuffle".
        answer: a letter or a number, in place of a click.
        *more: the others, where several numbers are asked for and stand without brackets.

    Returns:
        What a cell shows: the question, with a form to answer it where one can live.

    Raises:
        InputError: there is no such question, or it asks for code.

    >>> predict("04.shuffle", "b")
    The positions of a map are shuffled, all channels alike. What happens to its Gram matrix?
      a) Nothing.
      b) Its rows are shuffled.
      c) Its diagonal stays, the rest changes.
      d) All of it changes.
    You said b. Run on and see.
    """
    return ask("predict", name, (answer, *more) if more else answer)


def choose(name: str, answer: object = None, *more: object) -> Asked:
    """Ask a question whose answer is told at once; who was wrong may choose again.

    Args:
        name: as for `predict`.
        answer: likewise.
        *more: likewise.

    Returns:
        What a cell shows.

    Raises:
        InputError: there is no such question, or it asks for code.

    >>> choose("04.size", (64, 64))
    The shape of the Gram matrix of a map (1, 512, 64, 64).
    You said 64, 64.
    ✗ Those are positions: they are summed over.
    """
    return ask("choose", name, (answer, *more) if more else answer)


def found(name: str) -> Told:
    """Tell what the learner's prediction has come to: the last line of the cell that shows the result.

    Args:
        name: of the prediction.

    Returns:
        What a cell shows: what was said, what is to be said of it, and what was found. Without a prediction, that lies
        folded.

    Raises:
        InputError: there is no such question, or it asks for code.

    >>> predicted = predict("04b.rank", 512)
    >>> found("04b.rank")
    You said 512.
    ✗ That is its side: only 100 positions add an outer product each.
    Found: 100. A sum of 100 outer products, one per position, has at most rank 100.
    """
    entry = entry_of(name, waits=True)
    entry.seen = True
    if entry.answers:
        return Told(entry.told())
    how = f"You made no prediction. To make one, answer the cell above, or {call('predict', entry)}."
    return Told([how], folded=entry.found())


def predictions(lesson: str) -> Playback:
    """Play back what was said in a lesson, beside what was found.

    Args:
        lesson: its number, such as "04".

    Returns:
        A table with a row for each question that was asked; where nothing was said, nothing is told.

    Raises:
        InputError: there is no such lesson.
    """
    lesson = choose_name("lesson", lesson, dict.fromkeys(known.partition(".")[0] for known in EXERCISES))
    return Playback(lesson, [entry for known, entry in ASKED.items() if known.partition(".")[0] == lesson])


PLACEMENT = {  # what the questions of the placement test are about: lesson, questions
    "01": ("00.place_slope", "00.place_chain", "00.place_relu", "00.place_softmax", "00.place_autograd"),
    "02": ("00.place_shape", "00.place_weights", "00.place_pool", "00.place_field", "00.place_shift"),
}
ENOUGH = 4  # right at the first attempt, of the five on a lesson, to go past it


def placement() -> Told:
    """The placement test: ten questions, and after them the lessons that they send you to.

    Run the cell again when you have answered: the last line counts what was right at the first attempt.

    Returns:
        What to tell below the questions.
    """
    for name in (one for names in PLACEMENT.values() for one in names):
        show(ask("choose", name, None))
    return route()


def route() -> Told:
    """Where the placement test sends the learner, by the answers that were given so far.

    Returns:
        What a cell shows: for both lessons how many of five were right, and whether to study them first.
    """
    lines = []
    for lesson, names in PLACEMENT.items():
        entries = [ASKED[name] for name in names if name in ASKED and ASKED[name].answers]
        if len(entries) < len(names):
            left = len(names) - len(entries)
            lines.append(f"Lesson {lesson}: {counted(left, 'question')} left. Answer, then run this cell again.")
            continue
        right = sum(entry.right_at_once for entry in entries)
        advice = "you can go past it" if right >= ENOUGH else "begin with it"
        lines.append(f"Lesson {lesson}: {right} of {len(names)} right at once, so {advice}.")
    return Told(lines)


# --- what a cell shows ---------------------------------------------------------------------------


class Asked:
    """A question and what was said so far; a notebook shows it as a form.

    Args:
        verb: the function that asks.
        entry: question and answers.
        told: lines below.
    """

    def __init__(self, verb: str, entry: Entry, told: Sequence[str]) -> None:
        self.entry, self.told, self.how = entry, list(told), f"To answer, {call(verb, entry)}."
        self.renew: Callable[[str, str, str], None] = lambda *_: None  # draws the still figure, once it is shown

    @property
    def options(self) -> dict[str, str]:
        """The texts of the options by letter."""
        question = self.entry.question
        return {k: text for k, (text, _) in question.options.items()} if isinstance(question, Choice) else {}

    @property
    def said(self) -> str:
        """What was said last, as text."""
        return shown(self.entry.answers[-1]) if self.entry.answers else ""

    def __repr__(self) -> str:
        return "\n".join([str(self.entry.question), *(self.told or [self.how])])

    def _repr_html_(self) -> str:
        return form_html(self.entry.question.question, self.options, self.said, self.told or [self.how])

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if importlib.util.find_spec("ipywidgets") is None:
            display({"text/html": self._repr_html_(), "text/plain": repr(self)}, raw=True)
            return
        self.renew = self.form().show(*self.still())

    def still(self) -> tuple[str, str, str]:
        """What stands where nothing can be clicked: the question, how to answer it while it is open, all as text."""
        html = form_html(self.entry.question.question, self.options, self.said, self.told)
        return html, "" if self.told else f"Run this cell and click. {self.how}", repr(self)

    def form(self) -> Form:
        """The question with its buttons, or its box."""
        question = self.entry.question
        several = isinstance(question, Number) and question.several
        return Form(question.name, question.question, self.options, self.said, self.told, self.take, several)

    def take(self, answer: str) -> tuple[str, list[str]]:
        """Take an answer from the form.

        Args:
            answer: a letter, or what stands in the box.

        Returns:
            What counts now, and lines to tell.
        """
        self.told = self.entry.say(answer)
        self.renew(*self.still())
        return self.said, self.told


class Told:
    """Lines below a result.

    Args:
        lines: to tell.
        folded: what opens only by a click, and only in a notebook.
    """

    def __init__(self, lines: Sequence[str], folded: str = "") -> None:
        self.lines, self.folded = list(lines), folded

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        if not self.folded:
            return lines_html(self.lines)
        fold = f'<details class="nst-found"><summary>What was found</summary>{escape(self.folded)}</details>'
        return lines_html(self.lines) + fold


class Playback:
    """A lesson's questions, what was said, and what was found, which counts as seen from now on.

    Args:
        lesson: its number.
        entries: in the order in which they were asked.
    """

    def __init__(self, lesson: str, entries: Sequence[Entry]) -> None:
        self.rows = playback(entries)
        said = [entry for entry in entries if entry.answers]
        first = sum(entry.right_at_once for entry in said)
        asked = counted(len(entries), "question")
        self.caption = f"Lesson {lesson}: {len(said)} of {asked} answered, {first} right at the first attempt"
        if not entries:
            self.caption = f"Nothing was asked of lesson {lesson} so far: run its cells, and answer before each result"

    def __repr__(self) -> str:
        return "\n".join(
            [f"{self.caption}.", *(f"{asked}\n  you said: {a}\n  found: {b}" for asked, a, b in self.rows)]
        )

    def _repr_html_(self) -> str:
        return table_html(self.rows, HEAD, f"{self.caption}.") if self.rows else lines_html([f"{self.caption}."])


# --- what was asked ------------------------------------------------------------------------------


def ask(verb: str, name: str, answer: object) -> Asked:
    """What `predict` and `choose` have in common.

    Args:
        verb: the name of the one that asks.
        name: of the question.
        answer: by argument, or None.
    """
    entry = entry_of(name, waits=verb == "predict")
    return Asked(verb, entry, entry.say(answer))


def entry_of(name: str, *, waits: bool) -> Entry:
    """The record of a question, made when it is first asked.

    Args:
        name: of the question.
        waits: see `Entry`.

    Raises:
        InputError: there is no such question, or it asks for code.
    """
    name = choose_name("exercise", name, EXERCISES)
    question = EXERCISES[name]
    if isinstance(question, Code):
        raise InputError(f'{name} asks for a function, not for a choice: write it, and nst.check("{name}", …)')
    entry = ASKED.setdefault(name, Entry(question, waits))
    entry.waits = waits
    return entry


def show(asked: Asked) -> None:
    """Show a question before a cell's last line: as a form in a notebook, elsewhere as text.

    Args:
        asked: the question.
    """
    try:
        from IPython.display import display
    except ImportError:
        print(asked)
    else:
        display(asked)


def call(verb: str, entry: Entry) -> str:
    """The line that answers a question without a click.

    Args:
        verb: "predict" or "choose".
        entry: of the question.
    """
    example, noun = ("3/8", "number")
    if isinstance(entry.question, Choice):
        example, noun = ('"a"', "letter")
    elif entry.question.several:
        example, noun = ("(3, 8)", "numbers")
    return f'write nst.{verb}("{entry.question.name}", {example}) with your own {noun}'
