"""Content, style, recipe → a `Result`: prepare a plan, paint by it, collect what came of it.

    result = stylize("photo.jpg", "painting.jpg", size=512)
    result.save("out.png")

`Transfer` is the same as a loop that reports: `for progress in Transfer(...)`, `break` when you have seen enough, and
loop again to go on. Where somebody is watching, in a notebook or a terminal, a run shows itself (`show=`).
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import partial
from inspect import GEN_CLOSED, getgeneratorstate
from pathlib import Path
from typing import Any

import torch

from .checkpoint import checked, damaged, read_checkpoint, try_checkpoint
from .errors import InputError, counted
from .image import resize
from .interrupts import Stopped
from .live import announce, one_line_for_an_interrupt, remember, watching
from .machine import allocator, is_out_of_memory
from .objective import Objective
from .optimizers import NoState, Step, Stop, optimize
from .plan import Plan, Stage, prepare
from .recipe import PIXELS, Recipe
from .result import Progress, Record, Result, evaluations_of
from .rules import Tuple, brief, judged
from .run import Run, collect, state_of
from .settings import takes_options
from .threads import Threads

__all__ = ["Transfer", "carry_out", "paint", "reconstruct_content", "reconstruct_style", "shown", "stylize", "texture"]

CHECKPOINT_SECONDS = 30.0
SIZE = Tuple("(height, width) in pixels", (PIXELS, PIXELS))
Path_ = str | os.PathLike[str]


@takes_options()
def stylize(
    content: Any,
    *styles: Any,
    checkpoint: Path_ | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    show: bool | None = None,
    **options: Any,
) -> Result:
    """Paint a content picture in the manner of one style picture or several.

    An interrupt (Ctrl-C, the notebook's stop button) ends the run early and keeps the best picture: a script gets it as
    the result; in a notebook it stops the cell and those after it, and `last()` has the picture.

    Args:
        content: anything that `load_image` takes: a path, an address, a name, a PIL image, an array.
        styles: one or several of the same.
        checkpoint: a file for the state, written every half minute and when the run is stopped; if it exists, the run
            goes on from it.
        on_progress: called after each iteration.
        show: the growing picture and a bar: None for wherever somebody is watching, True for always, False for never.
        options: recipe, and fields of it and of the settings; see below.

    Raises:
        InputError: whatever does not fit, before any slow work.
    """
    if not styles:
        raise InputError("no style image was given: stylize(content, style), or reconstruct_content(content, layer)")
    path = checked(checkpoint)
    return carry_out(prepare(content, styles, **options), path, on_progress, partial(shown, show=show))


TEXTURE: dict[str, Any] = {"size": 256, "start": "noise", "content_weight": 0.0}
RECONSTRUCTION: dict[str, Any] = {"start": "noise", "content_weight": 1.0}
NO_MEMORY = "the memory ran out before there was a picture: give a smaller size, or end what else takes memory"


def usual(task: Mapping[str, Any], recipe: str | Recipe | None, **useless: Any) -> dict[str, Any]:
    """What a task is done with where nobody asks for something else.

    Args:
        task: its own options.
        recipe: as it was given; a `Recipe` keeps what it says itself.
        useless: those of which it does, each with the value by which the task would come to nothing.
    """
    own = [name for name in useless if isinstance(recipe, Recipe) and getattr(recipe, name) != useless[name]]
    return {name: value for name, value in task.items() if name not in own}


@takes_options(**TEXTURE)
def texture(
    style: Any,
    *more: Any,
    checkpoint: Path_ | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    show: bool | None = None,
    **options: Any,
) -> Result:
    """A square of `size` pixels with the style's statistics and no content (Gatys et al. 2015, "Texture Synthesis").

    Args:
        style: what `load_image` takes.
        more: further ones, which share in the look.
        checkpoint: as for `stylize`.
        on_progress: called after each iteration.
        show: as for `stylize`.
        options: as for `stylize`; a `Recipe` keeps its own size, and its start, unless that is the content.
    """
    path = checked(checkpoint)
    options = usual(TEXTURE, options.get("recipe"), size=None, start="content") | options
    plan = prepare(None, (style, *more), **options)
    return carry_out(plan, path, on_progress, partial(shown, show=show))


@takes_options(**RECONSTRUCTION)
def reconstruct_content(
    content: Any,
    layer: str,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    show: bool | None = None,
    **options: Any,
) -> Result:
    """What one layer knows of the content: noise made to have the layer's map (Gatys et al. 2016, figure 1).

    Args:
        content: what `load_image` takes.
        layer: the layer's name.
        on_progress: called after each iteration.
        show: as for `stylize`.
        options: as for `stylize`; a `Recipe` keeps its own content weight, unless that is 0, and its start, unless
            that is the content.
    """
    if not isinstance(layer, str) or "content_layers" in options:
        raise InputError(f"layer={brief(layer)}: give the name of one layer, and no content_layers beside it")
    own = usual(RECONSTRUCTION, options.get("recipe"), content_weight=0, start="content")
    options = {**own, "content_layers": {layer: 1.0}, **options}
    return carry_out(prepare(content, (), **options), None, on_progress, partial(shown, show=show))


@takes_options(**TEXTURE)
def reconstruct_style(
    style: Any,
    layers: Sequence[str],
    *,
    on_progress: Callable[[Progress], None] | None = None,
    show: bool | None = None,
    **options: Any,
) -> Result:
    """What some layers know of the style: a texture by these layers alone (Gatys et al. 2016, figure 1).

    Args:
        style: what `load_image` takes.
        layers: names, which share a weight of 1.
        on_progress: called after each iteration.
        show: as for `stylize`.
        options: as for `texture`.
    """
    if "style_layers" in options:
        raise InputError(f"layers={brief(layers)} says which: give no style_layers beside them")
    return texture(style, on_progress=on_progress, show=show, style_layers=layers, **options)


@torch.inference_mode(False)
def paint(plan: Plan, run: Run | None = None, checkpoint: Path | None = None) -> Generator[Progress, None, None]:
    """Carry out what is left of a run, yielding progress after each iteration.

    However it ends (by itself, by `break`, by an interrupt), `run` says where, and painting on from it comes to the
    same picture as if it had never been left.

    Args:
        plan: made by `prepare`.
        run: where to go on from; is changed. A new run if None.
        checkpoint: a file to which it is written every half minute, and when the run is left.

    Raises:
        InputError: memory ran out before there was a picture.
    """
    run = run or Run()
    run.go_on_with_more(plan)
    plan = run.with_the_rest(plan)
    threads = Threads(plan.device)
    with allocator(keep=plan.budget.ample):
        while run.stop is None:
            try:
                yield from paint_stage(plan, run, threads, checkpoint)
            except (MemoryError, RuntimeError) as error:
                if run.best is None and is_out_of_memory(error):
                    raise InputError(NO_MEMORY) from error
                raise


def shown(
    plan: Plan, run: Run, checkpoint: Path | None = None, show: bool | None = None
) -> Generator[Progress, None, None]:
    """`paint`, shown to whoever is watching, remembered for `last`, and stopped by an interrupt in one line.

    `last` is of the cells alone: what a panel's button runs in a thread beside them is not remembered.

    Args:
        plan: made by `prepare`.
        run: as for `paint`.
        checkpoint: likewise.
        show: as for `stylize`.

    Raises:
        Stopped: an interrupt, in a notebook.
    """
    total = sum(stage.evaluations for stage in plan.stages)

    def where() -> str:
        if not run.history:
            return "stopped before the first evaluation: there is no picture yet"
        return f"stopped after {evaluations_of(run.history)} of {total} evaluations; the picture so far: nst.last()"

    of_a_cell, ended = threading.current_thread() is threading.main_thread(), Stop.INTERRUPTED
    with one_line_for_an_interrupt(where):
        try:
            with watching(show, plan.stages[-1].size) as tell, closing(paint(plan, run, checkpoint)) as steps:
                for progress in steps:
                    if of_a_cell:  # and not before: a run that is stopped at once leaves the picture of another
                        remember(partial(collect, plan, run, Stop.INTERRUPTED))
                    tell(progress)
                    yield progress
        except (MemoryError, RuntimeError) as error:
            ended = Stop.MEMORY if is_out_of_memory(error) else ended
            raise
        finally:
            if of_a_cell and run.best:
                done = collect(plan, run, ended)
                remember(lambda: done)  # without the plan and the optimiser's memory, which are fifty times as large


def carry_out(
    plan: Plan,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    steps: Callable[[Plan, Run, Path | None], Generator[Progress, None, None]] = paint,
) -> Result:
    """Run a plan to its end, or to an interrupt, or until memory runs out, and collect what came of it.

    Args:
        plan: made by `prepare`.
        checkpoint: a file for the state; if it exists, the run goes on from it.
        on_progress: called after each iteration; an error of its own ends the run and is the caller's.
        steps: what carries it out: `paint`, or `shown`, in which an interrupt of a notebook ends more than the run.
    """
    if on_progress is not None and not callable(on_progress):
        raise InputError(f"on_progress={brief(on_progress)} is no function: give one that takes a `Progress`")
    run = Run() if checkpoint is None else read_checkpoint(plan, checkpoint)
    try:
        with closing(while_memory_lasts(steps(plan, run, checkpoint), run)) as made:
            for progress in made:
                if on_progress:
                    on_progress(progress)
    except Stopped:
        raise
    except KeyboardInterrupt:
        if run.best is None:
            raise
        return collect(plan, run, Stop.INTERRUPTED)
    return collect(plan, run)


def while_memory_lasts(steps: Generator[Progress, None, None], run: Run) -> Generator[Progress, None, None]:
    """The steps of a run, which stops where the memory runs out for them after there was a picture.

    Whoever takes the steps may run out of memory too: that is no matter of the run.

    Args:
        steps: of the run.
        run: is told to have stopped.
    """
    try:
        yield from steps
    except (MemoryError, RuntimeError) as error:
        if run.best is None or not is_out_of_memory(error):
            raise
        run.stop = run.stop or Stop.MEMORY


def paint_stage(plan: Plan, run: Run, threads: Threads, checkpoint: Path | None) -> Iterator[Progress]:
    """What is left of a run's current stage; then the run stands at the next one, or has stopped.

    Args:
        plan: made by `prepare`.
        run: where to go on from; is changed.
        threads: that each step takes.
        checkpoint: a file to which it is written every half minute, and when the run is left; None for none.
    """
    stage, before, began = plan.stages[run.stage], run.seconds, time.perf_counter()
    image = plan.first_image(stage.size) if run.best is None else resize(run.best.image, stage.size)
    steps = optimize(
        plan.objective(stage),
        image.to(plan.device),
        plan.recipe.optimizer,
        evaluations=stage.evaluations,
        state=run.state,
        **plan.options(stage),
    )
    if checkpoint and run.state:
        steps = going_on(steps, checkpoint)
    first, saved, step = run.state is None, began, None
    try:
        for step in threads.watch(steps, run.state["evaluations"] if run.state else 0):
            now = time.perf_counter()
            run.state = None  # the optimiser goes on from its own, and what it began with may be large
            run.seconds, run.note = before + now - began, threads.note or run.note
            run.record(step, stage, plan.recipe, first=first)
            first = False
            progress = run.report(plan, step)
            if step.stop:
                run.close_stage(plan, step)
                progress = progress if run.stop else replace(progress, step=step.alone())
            if checkpoint and (step.stop or now - saved > CHECKPOINT_SECONDS):
                write_down(plan, run, step, checkpoint)
                saved = now
            yield progress
    finally:
        left = step is not None and not step.stop and run.leave(plan, step)  # before its end
        if left and checkpoint:
            write_down(plan, run, None, checkpoint)
        # What goes on does so from `run.state`; the loop, with all that it minimises, is over.
        run.best = run.best and run.best.alone()


def going_on(steps: Iterator[Step], checkpoint: Path) -> Iterator[Step]:
    """The steps of an optimiser that begins with what stands in a file, which may be anything.

    Args:
        steps: of the optimiser.
        checkpoint: the file.

    Raises:
        InputError: the optimiser cannot begin with that.
    """
    try:
        first = next(steps)
    except Exception as error:
        if isinstance(error, InputError) and not isinstance(error, NoState):
            raise
        raise error if is_out_of_memory(error) else damaged(checkpoint, error) from None
    yield first
    yield from steps


def write_down(plan: Plan, run: Run, step: Step | None, checkpoint: Path) -> str:
    """Write where a run stands; of a stage that goes on, its state is held no longer than that takes.

    Args:
        plan: what is carried out.
        run: where it stands; its trouble is noted.
        step: the last one; None where the run was left, and knows all of it.
        checkpoint: the file.

    Returns:
        Why it could not be written, in a few words; "" if it was.
    """
    here = run if step is None or step.stop else replace(run, state=state_of(step))
    lost = here is not run and here.state is None
    why = "there is no memory for it" if lost else try_checkpoint(here, plan, checkpoint)
    run.trouble = why and f"the checkpoint '{checkpoint}' cannot be written ({why}): the run goes on without it"
    return why


class Transfer:
    """A style transfer as a loop that reports.

    Everything that can be wrong is checked when it is made. `for progress in transfer` paints; after `break` or an
    interrupt another loop goes on where the last one was left, and after the end there is nothing left to loop over.

    Args:
        content: what `load_image` takes; None for a texture on a canvas of `size` × `size`.
        styles: as many; none for a reconstruction of the content.
        checkpoint: as for `stylize`.
        show: as for `stylize`.
        options: as for `stylize`.

    Raises:
        InputError: whatever does not fit, in one line.
    """

    @takes_options()
    def __init__(
        self,
        content: Any | None,
        styles: Sequence[Any],
        *,
        checkpoint: Path_ | None = None,
        show: bool | None = None,
        **options: Any,
    ) -> None:
        """See the class."""
        self.show = show
        self.checkpoint = checked(checkpoint)
        self.plan = prepare(content, styles, **options)
        self.run = Run() if self.checkpoint is None else read_checkpoint(self.plan, self.checkpoint)
        self.loop: weakref.ref[Generator[Progress, None, None]] | None = None

    def __iter__(self) -> Iterator[Progress]:
        before = self.loop() if self.loop else None
        if before is not None:
            before.close()  # an iterator that still waits somewhere hands over where it is
        self.run.go_on_with_more(self.plan)
        if self.run.stop:
            made = evaluations_of(self.run.history)
            why = f"this run has ended after {counted(made, 'evaluation')} ({self.run.stop})"
            announce(self.show, f"{why}: result() has the picture")
        loop = shown(self.plan, self.run, self.checkpoint, self.show)
        self.loop = weakref.ref(loop)  # so that a `break` ends it at once: a later interrupt is none of this run's
        return loop

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along, to a file or to another process: it goes on by itself from where this run stands.

        Raises:
            InputError: a loop over it is under way, and only that knows where it is.
        """
        loop = self.loop() if self.loop else None
        if loop is not None and getgeneratorstate(loop) != GEN_CLOSED:
            raise InputError(
                "this run is in the middle of a loop: leave that by break, or let it end, and then copy it"
            )
        return {**vars(self), "run": copy(self.run), "loop": None}

    def __repr__(self) -> str:
        if self.run.best is None:
            return f"Transfer: {counted(self.plan.recipe.evaluations, 'evaluation')} to come, {self.plan.notes[0]}"
        return f"Transfer: {self.result()!r}"

    def _repr_html_(self) -> str | None:
        return None if self.run.best is None else self.result()._repr_html_()

    @property
    def recipe(self) -> Recipe:
        """What is computed."""
        return self.plan.recipe

    @property
    def history(self) -> list[Record]:
        """A line for each iteration so far."""
        return self.run.history

    def objective(self, size: tuple[int, int] | None = None, precision: str | None = None) -> Objective:
        """What is minimised.

        Args:
            size: (height, width); the result's if None.
            precision: one of `machine.PRECISIONS`; that of the first stage if None.

        Raises:
            InputError: no such size or precision.
        """
        first, last = self.plan.stages[0], self.plan.stages[-1]
        size = last.size if size is None else judged("size", size, SIZE)
        return self.plan.objective(Stage(size, 1, precision or first.precision))

    def result(self) -> Result:
        """The best picture so far, with its history.

        Raises:
            InputError: nothing has run yet.
        """
        return collect(self.plan, self.run)
