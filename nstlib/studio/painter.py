"""Choices → a picture that grows in a thread, can be stopped and gone on with, and is kept whatever happens."""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from torch import Tensor

from ..architecture import BACKBONES
from ..checkpoint import OtherRun, read_checkpoint
from ..errors import InputError
from ..forecast import Paces
from ..machine import is_out_of_memory
from ..onepass import one_pass
from ..optimizers import Step, Stop
from ..plan import Plan, options_of, prepare
from ..result import Progress, Result, evaluations_of
from ..run import Run, collect
from ..transfer import paint, write_down
from ..weights import find_weights
from ..worker import Worker
from .choices import Choices
from .pulls import Pulls
from .shelf import Shelf

__all__ = ["Canvas", "Painter", "Watcher", "known_to_one_pass"]

SAVE_SECONDS = 20.0  # after which what still grows is written, picture and run: a lost kernel costs no more than that
LAST_SECONDS = 4.0  # for what grows when its kernel is ended: Jupyter waits for five, then kills it
# Of a sketch: to the eye nearest to what a run comes to, on four pairs; at 1 the content falls to pieces.
STRENGTH = 0.6
MOST_BYTES = 300_000_000  # of a run that is kept: what takes more is not worth its place


@dataclass
class Canvas:
    """A run that was begun.

    Attributes:
        choices: what was asked for.
        plan: how it is carried out.
        run: where it stands.
        path: of its picture; until that is saved, the one it is meant for.
        first: how many evaluations it was given at first.
        pulls: who pulls its pixels.
        saved: whether its picture was written.
        elsewhere: why that is not where it was meant for, in words; "" if it is.
    """

    choices: Choices
    plan: Plan
    run: Run
    path: Path
    first: int
    pulls: Pulls
    saved: bool = False
    elsewhere: str = ""

    @property
    def done(self) -> bool:
        """Whether it cannot be gone on with, more evaluations or not."""
        return self.run.stop not in (None, Stop.BUDGET)

    @property
    def to_come(self) -> int:
        """How many evaluations going on with it would take: what is left of them, or as many again."""
        if self.run.stop is Stop.BUDGET:
            return self.first
        total = sum(stage.evaluations for stage in self.plan.stages)
        return total - evaluations_of(self.run.history) if self.run.history else total


class Watcher:
    """Who is told what happens, from the painter's own thread; this one heeds nothing."""

    def accepted(self, choices: Choices | None) -> None:
        """Something will be painted, or None for what is still to be found; from the caller's thread."""

    def began(self, canvas: Canvas) -> None:
        """A run is ready, and its first step comes next."""

    def grew(self, canvas: Canvas, progress: Progress) -> None:
        """A step was made."""

    def kept(self, canvas: Canvas, result: Result) -> None:
        """The run has ended or was stopped, and its picture is at `canvas.path`."""

    def unkept(self, why: str) -> None:
        """The picture is kept, but where its run stands is not."""

    def sketched(self, choices: Choices, image: Tensor, seconds: float) -> None:
        """A picture (1, 3, H, W) was painted in one pass; it is kept nowhere."""

    def said(self, words: str) -> None:
        """Something is to be known."""

    def failed(self, words: str) -> None:
        """Something went wrong."""

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
        self.worker, self.sketcher = Worker(), Worker()
        atexit.register(keep_last, weakref.ref(self))
        self.wanted: Choices | None = None  # what is painted now, or next
        self.canvas: Canvas | None = None  # what Continue goes on with
        self.left = shelf.unfinished()  # the picture whose run was kept last, from before a restart, say
        self.own: Path | None = None  # the one whose run is kept by this painter

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
        self.wanted = choices
        self.start(lambda stop: self.begin(choices, stop))

    def sketch(self, choices: Choices) -> None:
        """Paint in one pass what a run might come to, unless one is at work.

        Args:
            choices: what to paint; of how, what one pass knows: shares, regions, colours and size.
        """
        if self.busy:
            self.watcher.said("A picture is being painted: stop it first, then sketch another")
            return
        self.watcher.said(f"Sketching {choices.title} …")
        self.sketcher.start(lambda stop: self.pass_once(choices), failed=lambda words: self.watcher.failed(words))

    def pass_once(self, choices: Choices) -> None:
        """Paint in one pass.

        Args:
            choices: what to paint.
        """
        began = time.monotonic()
        made = one_pass(**known_to_one_pass(choices))
        if not self.busy:  # else a picture has begun, and the easel is its own
            self.watcher.sketched(choices, made.pixels, time.monotonic() - began)

    @property
    def offer(self) -> str | None:
        """What Continue would do, in a few words, or the picture that it would go on with from before a restart;
        None if there is nothing to go on with.
        """
        if self.canvas is None:
            return self.shelf.title(self.left, brief=True) if self.left else None
        if self.canvas.done:
            return None
        return f"{self.canvas.to_come} {'more' if self.canvas.run.stop else 'to go'}"

    def go_on(self) -> None:
        """Go on with the last picture, as another file; one that is finished gets as many evaluations again."""
        if self.busy:
            title = self.wanted.title if self.wanted else "A picture"
            self.watcher.said(f"{title} is being painted already: wait for its end, or stop it")
            return
        if self.offer is None:
            self.watcher.said("There is nothing to go on with: paint a picture first")
            return
        self.wanted = self.canvas.choices if self.canvas else None
        self.start(self.take_up)

    def take_up(self, stop: Event) -> None:
        """Go on with the picture that was painted last, by this kernel or by one before it.

        Args:
            stop: asks to stop.

        Raises:
            InputError: the kept run does not fit what it is of, a picture that has changed, say.
        """
        if (canvas := self.canvas) is None:
            canvas, self.own = self.found(self.left), self.left
        if canvas.done:
            self.watcher.said(f"There is nothing left to do here ({canvas.run.stop}): change something and paint anew")
            return
        if stop.is_set():
            self.watcher.said("Stopped before it went on")
            return
        self.wanted = canvas.choices
        self.carry_on(replace(longer(canvas), path=self.shelf.place(canvas.choices), saved=False), stop)

    def found(self, path: Path | None) -> Canvas:
        """The run of a picture, as it was kept beside it.

        Args:
            path: of the picture.

        Raises:
            InputError: it does not fit, or a picture that it needs is gone.
        """
        facts = self.shelf.facts(path) if path and path.is_file() else None
        if path is None or facts is None:
            raise InputError("the last picture is gone: paint a new one")
        self.watcher.said(f"Fetching the run of {path.name} …")
        choices = Choices.of(facts)
        plan = prepare(choices.content, list(choices.styles), **options_of(facts))
        try:
            run = read_checkpoint(plan, self.shelf.checkpoint(path))
        except InputError as error:
            why = f"belongs to a run with {error.differ}" if isinstance(error, OtherRun) else "was kept with damage"
            raise InputError(f"{path.name} {why}, so it cannot go on: press Paint to begin it anew") from None
        return Canvas(choices, plan, run, path, choices.evaluations, Pulls(plan))

    def stop(self) -> None:
        """Stop after the step that is being made, and keep the picture."""
        self.wanted = None
        self.worker.stop()

    def start(self, work: Callable[[Event], None]) -> None:
        """Hand work to the thread, and say so first: it may end at once.

        Args:
            work: takes the flag that asks it to stop.
        """
        self.watcher.accepted(self.wanted)
        if self.busy:
            self.watcher.said("The picture so far is kept, then the new one begins")
        # Whoever watches by then is told: a cell that is run again makes another studio.
        self.worker.start(work, failed=lambda words: self.watcher.failed(words), ended=lambda: self.watcher.ended())

    def begin(self, choices: Choices, stop: Event) -> None:
        """Prepare a run and carry it out.

        Args:
            choices: what to paint.
            stop: asks to stop.
        """
        if not choices.more.get("weights") and find_weights(choices.backbone) is None:
            size = f"{BACKBONES[choices.backbone].weights.megabytes:.0f} MB"
            self.watcher.said(f"Fetching the weights of {choices.backbone}, {size}, this once …")
        plan = prepare(choices.content, list(choices.styles), **choices.options())
        if stop.is_set():
            self.watcher.said("Stopped before it began")
            return
        self.carry_on(Canvas(choices, plan, Run(), self.shelf.place(choices), choices.evaluations, Pulls(plan)), stop)

    def carry_on(self, canvas: Canvas, stop: Event) -> None:
        """Paint until the run's end, or the person's, or that of the memory; then keep the picture.

        Args:
            canvas: what is carried out, and from where; its run is changed.
            stop: asks to stop.
        """
        plan, run, known = canvas.plan, canvas.run, len(canvas.run.history)
        if plan.device.type == "cuda":
            self.sketcher.wait()  # what else is done there while a graph is captured would break it
        self.canvas = canvas
        self.watcher.began(canvas)
        why, loop, saved = Stop.LEFT, paint(plan, run), time.monotonic()
        try:
            for progress in loop:
                canvas.pulls.look(progress)
                self.watcher.grew(canvas, progress)
                if stop.is_set():
                    break
                if time.monotonic() - saved > SAVE_SECONDS:
                    self.save(canvas, collect(plan, run))
                    self.keep_run(canvas, progress.step)
                    saved = time.monotonic()
            canvas.pulls.settle()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            why = Stop.MEMORY
        finally:
            loop.close()  # the run remembers where it was left
            if run.best is not None:
                result = collect(plan, run, why)
                self.save(canvas, result)
                self.paces.learn(plan, run.history[known + 1 :])  # the first one warms up
                self.watcher.kept(canvas, result)
                if why_not := self.keep_run(canvas):
                    self.watcher.unkept(why_not)

    def save(self, canvas: Canvas, result: Result) -> None:
        """Write the picture of a run: the first time where there is none, then over itself.

        Args:
            canvas: the run; its path becomes that of the file.
            result: of it.
        """
        canvas.path, why = self.shelf.save(result, canvas.path, own=canvas.saved)
        canvas.saved, canvas.elsewhere = True, why or canvas.elsewhere

    def keep_run(self, canvas: Canvas, step: Step | None = None) -> str:
        """Write where a run stands beside its picture, so that Continue goes on with it after a restart too.

        Args:
            canvas: the run, in place of the one that this painter kept, or took up; others may be another's.
            step: the last one of a run that goes on, which knows more of it than the run does; None where it was left.

        Returns:
            Why that could not be done, in words; "" if it could. What was kept before is kept until it can.
        """
        plan, run = canvas.plan, canvas.run
        if (size := plan.budget.written(plan.stages[-1].size)) > MOST_BYTES:
            return f"it takes {size / 1e6:.0f} MB, and no more than {MOST_BYTES / 1e6:.0f} are kept"
        if why := write_down(plan, run, step, self.shelf.checkpoint(canvas.path)):
            return why
        before, self.own = self.own, canvas.path
        self.shelf.forget_run(before if before != canvas.path else None)  # there is one at any moment
        return ""


def keep_last(painter: weakref.ref[Painter]) -> None:
    """Keep what still grows when Python ends: with a kernel that is restarted, or that ends with its page.

    Args:
        painter: who may be gone.
    """
    if (here := painter()) is not None and here.busy:
        here.watcher = Watcher()  # the way to the browser is closed
        here.stop()
        here.worker.wait(LAST_SECONDS)


def known_to_one_pass(choices: Choices) -> dict[str, Any]:
    """What a sketch shows of what is chosen, as `one_pass` takes it.

    Args:
        choices: what to paint.
    """
    return {
        "content": choices.content,
        "style": list(choices.styles),
        "strength": STRENGTH,
        "shares": choices.shares,
        "masks": choices.masks or None,
        "style_masks": choices.style_masks or None,
        "color": choices.color,
        "size": choices.size,
    }


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
