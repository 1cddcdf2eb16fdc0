"""How far a run is, what it will take, what is to be known → a bar, words, and the buttons for what a person can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..result import Progress, duration
from ..widget.spoken import spoken
from . import drawing
from .parts import button, marked, row
from .wording import as_on_the_page

__all__ = ["Desk"]


class Desk:
    """What a person presses to paint, and reads meanwhile.

    Args:
        paint: begins a picture.
        stop: ends it, and keeps it.
        go_on: goes on with it.
        sketch: shows at once about what it would be.
    """

    def __init__(
        self,
        paint: Callable[[], None],
        stop: Callable[[], None],
        go_on: Callable[[], None],
        sketch: Callable[[], None],
    ):
        from ipywidgets import HTML

        self.forecast, self.words = spoken("nst-forecast"), spoken("nst-words")
        self.bar = marked("nst-bar", HTML, drawing.bar(0, ""))
        self.told = ""  # what the words say
        self.wrong = False  # whether the words are of a mistake
        self.paint = button("Paint", "nst-paint", paint, self.complain)
        self.halt = button("Stop and keep", "nst-stop", stop, self.complain)
        self.go_on = button("Continue", "nst-continue", go_on, self.complain)
        self.sketch = button("Sketch", "nst-sketch", sketch, self.complain)
        self.rest(None)

    @property
    def boxes(self) -> list[Any]:
        """Where all this stands, from top to bottom."""
        return [self.forecast, row(self.sketch, self.paint, self.halt, self.go_on), self.bar, self.words]

    def say(self, words: str) -> None:
        """Tell the person something.

        Args:
            words: what.
        """
        self.words.value, self.told, self.wrong = drawing.told(words), words, False

    def add(self, words: str) -> None:
        """Tell the person something more.

        Args:
            words: what; after those that stand there.
        """
        self.say(f"{self.told}. {words}")

    def complain(self, words: str) -> None:
        """Tell the person what went wrong, until something else is told, or done.

        Args:
            words: what.
        """
        self.say(as_on_the_page(words))
        self.wrong = True

    def settle(self) -> None:
        """Something was done that may have mended what went wrong: tell of it no longer."""
        if self.wrong:
            self.say("")

    def foretell(self, words: str, *, wrong: bool = False) -> None:
        """Say what a run would take, or why it cannot be.

        Args:
            words: what is to be said.
            wrong: whether it cannot be.
        """
        told = drawing.told(as_on_the_page(words) if wrong else words)
        self.forecast.value = f'<div class="nst-warn">{told}</div>' if wrong else told

    def run(self) -> None:
        """A run has begun."""
        self.halt.disabled, self.go_on.disabled = False, True
        self.go_on.description = "Continue"  # what it offered before, it does no longer

    def rest(self, offer: str | None) -> None:
        """Nothing runs.

        Args:
            offer: what Continue would do, in a word or two; None if there is nothing to go on with.
        """
        self.go_on.disabled, self.halt.disabled = offer is None, True  # the focus goes on to what can be pressed
        self.go_on.description = f"Continue ({offer})" if offer else "Continue"

    def measure(self, progress: Progress) -> None:
        """Show how far a run is.

        Args:
            progress: of it.
        """
        left = "" if progress.seconds_left is None else f", about {duration(max(1, progress.seconds_left))} left"
        size = f"{progress.size[1]}×{progress.size[0]}"
        told = f"{progress.evaluations} of {progress.total} evaluations, {size}{left}"
        self.bar.value = drawing.bar(progress.done, told)

    def finish(self, done: float, words: str) -> None:
        """Show how far a run came.

        Args:
            done: its share.
            words: what it took.
        """
        self.bar.value = drawing.bar(done, words)
