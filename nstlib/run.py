"""Where a run stands → what a step makes of it, how far it is, and the best picture that it has.

A `Run` is changed by whoever carries a plan out. `checkpoint` keeps it in a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from .errors import InputError
from .image import resize
from .machine import is_out_of_memory
from .optimizers import Step, Stop
from .plan import Plan, Stage
from .recipe import LEVEL, Recipe
from .result import Progress, Record, Result, evaluations_of

__all__ = ["EXTENDED", "OF_THE_NEWEST", "Run", "collect", "state_of"]

OF_THE_NEWEST = "the loss that is told is of the newest image; the picture is a running mean of all"
OUT_OF_RANGE = "the loss that is told is of pixels from {:.2f} to {:.2f}; the picture's are cut to 0 to 1"
ALIKE = "content and style are alike, so there is nothing to paint: give another style"
DYED = "in the content's colours the style is the content, so there is nothing to paint: choose color style"
EXTENDED = "it was given more evaluations after its coarser scales: a run that has them from the start ends elsewhere"


@dataclass
class Run:
    """Where a run stands: all that is needed to go on from here, or to end here.

    Attributes:
        stage: the number of the stage at work.
        budgets: the evaluations that each stage before it had.
        state: the optimiser's in it; None before its first step, and while it goes on from there.
        best: the best step of this stage, or of the one before; None before there was any.
        history: a line for each iteration.
        seconds: of work so far.
        stop: why the run ended; None if it did not.
        trouble: what went wrong on the side, in words, while the run went on; "" if nothing did.
        note: what else is to be known of how it went, in words; "" if nothing is.
    """

    stage: int = 0
    budgets: list[int] = field(default_factory=list)
    state: Mapping[str, Any] | None = None
    best: Step | None = None
    history: list[Record] = field(default_factory=list)
    seconds: float = 0.0
    stop: Stop | None = None
    trouble: str = ""
    note: str = ""

    def __copy__(self) -> Run:
        """Another run that stands at the same place; no state and no picture is ever written to, so both have them."""
        return replace(self, budgets=[*self.budgets], history=[*self.history])

    def record(self, step: Step, stage: Stage, recipe: Recipe, *, first: bool) -> None:
        """Write history, a line for each iteration; remember the best step of this stage.

        A running mean of images is best at its end. L-BFGS that finds no further move reports its last iteration once
        more.

        Args:
            step: the optimiser's report.
            stage: where it was made.
            recipe: says whether images are averaged.
            first: whether it is the first step of this stage.

        Raises:
            InputError: the very first image has no usable loss.
        """
        better = first or recipe.average or self.best is None or step.loss <= self.best.loss
        if better and not step.broken:
            self.best = step
        elif self.best is None:
            raise InputError(
                f"the loss of the very first image cannot be used ({step.stop}): check the weights' file and "
                f"the term weights of recipe {recipe.name}"
            )
        if not first and self.history[-1].iteration == step.iteration:
            self.history.pop()  # the search for another move found none, or there was nothing left to do
        self.history.append(Record.of(step, stage.size, self.seconds))

    def close_stage(self, plan: Plan, step: Step) -> None:
        """Stand at the next stage; or, after the last and where numbers broke down, at the run's end.

        Args:
            plan: knows the stages.
            step: the last one of its stage.
        """
        if step.broken or self.stage == len(plan.stages) - 1:
            self.stop = step.stop
            self.state = None if step.broken else state_of(step)
        else:
            self.budgets.append(plan.stages[self.stage].evaluations)
            self.stage, self.state = self.stage + 1, None

    def leave(self, plan: Plan, step: Step) -> bool:
        """Remember where the run was left; nothing without memory, or where its last step is gone.

        Args:
            plan: what is carried out.
            step: the last report.

        Returns:
            Whether it can be gone on with from there.
        """
        if (newest := step.newest()).evaluations != step.evaluations:  # the interrupt fell before it was handed out
            self.record(newest, plan.stages[self.stage], plan.recipe, first=False)
        try:
            self.state = state_of(newest)
        except InputError:
            return False
        return self.state is not None

    def with_the_rest(self, plan: Plan) -> Plan:
        """The plan, whose last stage gets what earlier ones would have of it, had they not ended before it had more.

        Args:
            plan: whose stages share its evaluations.
        """
        had = self.budgets[: len(plan.stages) - 1]
        stages = [*(replace(stage, evaluations=n) for stage, n in zip(plan.stages, had, strict=False))]
        rest = sum(stage.evaluations for stage in plan.stages[: len(had)]) - sum(had)
        if rest <= 0:
            return plan
        stages += plan.stages[len(had) : -1]
        last = replace(plan.stages[-1], evaluations=plan.stages[-1].evaluations + rest)
        return replace(plan, stages=(*stages, last))

    def go_on_with_more(self, plan: Plan) -> None:
        """Let a run that has spent its evaluations go on, where the plan now has more.

        Args:
            plan: whose stages share them.
        """
        last = self.with_the_rest(plan).stages[-1]
        if self.stop is Stop.BUDGET and self.state and self.state["evaluations"] < last.evaluations:
            self.stop = None

    def report(self, plan: Plan, step: Step) -> Progress:
        """How far the whole run is.

        Args:
            plan: knows how much work each stage is.
            step: the optimiser's report.
        """
        work = [stage.work for stage in plan.stages]
        total, stage, first = sum(work), plan.stages[self.stage], self.history[0]
        share = 1.0 if step.stop else min(1.0, step.evaluations / stage.evaluations)
        done = (sum(work[: self.stage]) + share * work[self.stage]) / total
        # The first evaluation makes the targets too, and warms up, so it foretells nothing.
        since = done - work[0] / plan.stages[0].evaluations / total
        left = (1 - done) * (self.seconds - first.seconds) / since if since > 0 and len(self.history) > 1 else None
        budgets = [stage.evaluations for stage in plan.stages]
        return Progress(
            step=step,
            size=stage.size,
            done=done,
            seconds=self.seconds,
            seconds_left=0.0 if done == 1 else left,
            evaluations=sum(budgets[: self.stage]) + step.evaluations,
            total=sum(budgets),
            trouble=self.trouble,
            finish=plan.colors.finish,
        )


def state_of(step: Step) -> Mapping[str, Any] | None:
    """A copy of the optimiser's state after a step; None where the memory runs out for it.

    Args:
        step: the last one of its loop.

    Raises:
        InputError: its loop has gone on, or has ended in the midst of a step.
    """
    try:
        return step.state()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def collect(plan: Plan, run: Run, stopped: Stop = Stop.LEFT) -> Result:
    """The best picture of a run, with its history.

    Args:
        plan: made by `prepare`.
        run: where it stands.
        stopped: why it ended, where it did not by itself.

    Raises:
        InputError: no step was taken yet.
    """
    if run.best is None:
        raise InputError("no step was taken yet: loop over the transfer first, `for progress in transfer: ...`")
    stopped = run.stop or stopped
    painted = run.best.image.detach().float().cpu()
    start = plan.first_image((painted.shape[-2], painted.shape[-1]))
    unchanged = looks_like(painted.clamp(0, 1), start)
    ended = {"evaluations": evaluations_of(run.history), "stopped": str(stopped), "loss": run.best.loss}
    facts = {**plan.facts, "seconds": round(run.seconds, 2), **ended}
    extended = any(had < stage.evaluations for had, stage in zip(run.budgets, plan.stages, strict=False))
    of_another = OF_THE_NEWEST if plan.recipe.average else cut_off(painted)
    told = (of_another, EXTENDED if extended else "", run.trouble)
    remarks = tuple(filter(None, told))
    return Result(
        image=plan.colors.finish(painted).clamp(0, 1),
        history=tuple(run.history),
        recipe=plan.recipe,
        seed=plan.settings.seed,
        seconds=run.seconds,
        device=str(plan.device),
        stopped=stopped,
        notes=(*plan.notes, *remarks, *filter(None, [run.note])),
        remarks=(*plan.remarks, *remarks),
        facts=facts,
        unchanged=unchanged and plan.recipe.color != "only",
        trouble=run.trouble,
        alike=alike(plan, start) if unchanged else "",
    )


def cut_off(painted: torch.Tensor) -> str:
    """What is to be said of the loss of an image whose pixels leave [0, 1], where a picture's end; "" if none does."""
    low, high = map(float, painted.aminmax())
    return OUT_OF_RANGE.format(low, high) if max(-low, high - 1) >= LEVEL / 2 else ""


def looks_like(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether no file shows how two pictures of one size differ."""
    return bool((one - other).abs().max() < LEVEL / 2)


def alike(plan: Plan, start: torch.Tensor) -> str:
    """Why a run has nothing to paint, where content, styles and start are one picture; "" where they are not.

    Args:
        plan: made by `prepare`.
        start: its first image (1, 3, H, W).
    """
    size = (start.shape[-2], start.shape[-1])
    if plan.content is None or plan.colors.content is None or not plan.styles:
        return ""
    if not all(looks_like(resize(picture, size), start) for picture in (plan.colors.content, *plan.colors.dyed)):
        return ""
    own = resize(plan.content.pixels, size)
    return ALIKE if all(looks_like(resize(style.pixels, size), own) for style in plan.styles) else DYED
