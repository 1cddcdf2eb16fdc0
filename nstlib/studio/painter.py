"""Choices → a picture that grows in a thread, can be stopped and gone on with, and is kept whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Protocol

from ..checkpoint import Run
from ..machine import is_out_of_memory
from ..optimizers import Stop
from ..plan import Plan, prepare
from ..result import Progress, Result
from ..transfer import collect, paint
from ..weights import WEIGHTS, find_weights
from ..worker import Worker
from .choices import Choices
from .forecast import Paces
from .shelf import Shelf

__all__ = ["Canvas", "Painter", "Watcher"]

SAVE_SECONDS = 20.0  # after which a picture that still grows is written too: a lost kernel costs no more than that


@dataclass
class Canvas:
    """A run that was begun.

    Attributes:
        choices: what was asked for.
        plan: how it is carried out.
        run: where it stands.
        path: of its picture.
        first: how many evaluations it was given at first.
    """

    choices: Choices
    plan: Plan
    run: Run
    path: Path
    first: int


class Watcher(Protocol):
    """Who is told what happens, from the painter's own thread."""

    def began(self, canvas: Canvas) -> None:
        """A run is ready, and its first step comes next."""

    def grew(self, canvas: Canvas, progress: Progress) -> None:
        """A step was made."""

    def kept(self, canvas: Canvas, result: Result) -> None:
        """The run has ended or was stopped, and its picture is at `canvas.path`."""

    def said(self, words: str) -> None:
        """Something is to be known."""

    def ended(self) -> None:
        """Nothing more will come of this request; perhaps of the next."""


class Painter:
    """One easel: a run at a time, the newest request first.

    Args:
        shelf: where pictures are kept.
        paces: learn from each run.
        watcher: is told what happens.
    """

    def __init__(self, shelf: Shelf, paces: Paces, watcher: Watcher):
        self.shelf, self.paces, self.watcher = shelf, paces, watcher
        self.worker = Worker()
        self.wanted: Choices | None = None  # what is painted now, or next
        self.canvas: Canvas | None = None  # what Continue goes on with

    @property
    def busy(self) -> bool:
        """Whether something is painted."""
        return self.worker.busy

    def paint(self, choices: Choices) -> None:
        """Begin a picture; one that grows is stopped and kept first.

        Args:
            choices: what to paint.
        """
        if self.busy and choices == self.wanted:
            self.watcher.said(f"{choices.title} is being painted already: change something first, or stop it")
            return
        if self.busy:
            self.watcher.said("The picture so far is kept, then the new one begins")
        self.wanted = choices
        self.start(lambda stop: self.begin(choices, stop))

    def go_on(self) -> None:
        """Go on with the last picture, as another file; one that is finished gets as many evaluations again."""
        if self.busy or self.canvas is None:
            self.watcher.said("There is nothing to go on with: paint a picture first, or stop the one that grows")
            return
        canvas = self.canvas
        if canvas.run.stop not in (None, Stop.BUDGET):
            self.watcher.said(f"There is nothing left to do here ({canvas.run.stop}): change something and paint anew")
            return
        self.wanted = canvas.choices
        self.start(lambda stop: self.carry_on(replace(longer(canvas), path=self.shelf.place(canvas.choices)), stop))

    def stop(self) -> None:
        """Stop after the step that is being made, and keep the picture."""
        self.worker.stop()

    def start(self, work: Callable[[Event], None]) -> None:
        """Hand work to the thread.

        Args:
            work: takes the flag that asks it to stop.
        """
        self.worker.start(work, failed=self.watcher.said, ended=self.watcher.ended)

    def begin(self, choices: Choices, stop: Event) -> None:
        """Prepare a run and carry it out.

        Args:
            choices: what to paint.
            stop: asks to stop.
        """
        if not choices.more.get("weights") and find_weights(choices.backbone) is None:
            size = f"{WEIGHTS[choices.backbone].megabytes:.0f} MB"
            self.watcher.said(f"Fetching the weights of {choices.backbone}, {size}, this once …")
        plan = prepare(choices.content, list(choices.styles), **choices.options())
        if stop.is_set():
            self.watcher.said("Stopped before it began")
            return
        self.carry_on(Canvas(choices, plan, Run(), self.shelf.place(choices), choices.evaluations), stop)

    def carry_on(self, canvas: Canvas, stop: Event) -> None:
        """Paint until the run's end, or the person's, or that of the memory; then keep the picture.

        Args:
            canvas: what is carried out, and from where; its run is changed.
            stop: asks to stop.
        """
        plan, run, known = canvas.plan, canvas.run, len(canvas.run.history)
        self.canvas = canvas
        self.watcher.began(canvas)
        why, loop, saved = Stop.LEFT, paint(plan, run), time.monotonic()
        try:
            for progress in loop:
                self.watcher.grew(canvas, progress)
                if stop.is_set():
                    break
                if time.monotonic() - saved > SAVE_SECONDS:
                    canvas.path = self.shelf.save(collect(plan, run), canvas.path)
                    saved = time.monotonic()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            why = Stop.MEMORY
        finally:
            loop.close()  # the run remembers where it was left
            if run.best is not None:
                result = collect(plan, run, why)
                canvas.path = self.shelf.save(result, canvas.path)
                self.paces.learn(plan, run.history[known + 1 :])  # the first one warms up
                self.watcher.kept(canvas, result)
        if run.best is None:
            self.watcher.said("The memory ran out before there was a picture: choose a smaller size")


def longer(canvas: Canvas) -> Canvas:
    """The same run with as many evaluations more as it began with, if it has spent its own.

    Args:
        canvas: of a run that stopped.
    """
    plan = canvas.plan
    if canvas.run.stop is not Stop.BUDGET:
        return canvas
    recipe = plan.recipe.changed(evaluations=plan.recipe.evaluations + canvas.first)
    last = replace(plan.stages[-1], evaluations=plan.stages[-1].evaluations + canvas.first)
    choices = replace(canvas.choices, evaluations=recipe.evaluations)
    plan = replace(plan, recipe=recipe, stages=(*plan.stages[:-1], last))
    return replace(canvas, choices=choices, plan=plan)
