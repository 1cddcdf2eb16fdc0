"""A plan → the memory and the seconds that it will take, by what this machine was seen to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import log, prod
from pathlib import Path
from threading import Event
from typing import Any

import torch

from ..budget import Needs
from ..files import whole
from ..plan import Plan, prepare, shape_of
from ..result import Record, duration
from ..transfer import paint

__all__ = ["Forecast", "Paces", "foresee", "measure"]

KEPT = 12  # sizes at which a pace is remembered
TRIAL: dict[str, Any] = {"size": 160, "evaluations": 8, "pyramid": ()}  # a run that is long enough to be measured


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        size: (height, width) of the result.
        bytes: of memory, beside what the kit itself takes.
        seconds: None if nothing like it was measured on this machine.
        frugal: whether memory is so short that the run will be slower.
        small: whether the content has fewer pixels than were asked for.
    """

    size: tuple[int, int]
    bytes: int
    seconds: float | None
    frugal: bool
    small: bool = False

    def __str__(self) -> str:
        time = "time not measured yet" if self.seconds is None else f"about {duration(max(1, self.seconds))}"
        slow = ", slower because memory is short" if self.frugal else ""
        memory = f"{self.bytes / 1e9:.1f} GB" if self.bytes >= 1e9 else f"{self.bytes / 1e6:.0f} MB"
        pixels = " pixels, all that the content has" if self.small else " pixels"
        return f"{self.size[1]}×{self.size[0]}{pixels}: {time}, about {memory} of memory{slow}"


class Paces:
    """Seconds that an evaluation took on this machine, by kind of run and number of pixels.

    Args:
        file: where they are remembered; None for only as long as this object lives.
    """

    def __init__(self, file: Path | None = None):
        self.file = file
        self.seen: dict[str, dict[int, float]] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):  # lost or damaged: it is measured again
            data = json.loads(file.read_text(encoding="utf-8")) if file else {}
            self.seen = {str(kind): {int(n): float(s) for n, s in paces.items()} for kind, paces in data.items()}

    def learn(self, plan: Plan, history: Sequence[Record]) -> None:
        """Take in what a run's last stage took.

        Args:
            plan: that was carried out.
            history: of the run, or a part of it.
        """
        size = history[-1].size if history else None
        lines = [line for line in history if line.size == size]
        spans = [
            (b.seconds - a.seconds) / (b.evaluations - a.evaluations)
            for a, b in pairwise(lines)
            if b.evaluations > a.evaluations
        ]
        if size is None or not spans:
            return
        paces = self.seen.setdefault(kind(plan), {})
        paces.pop(prod(size), None)
        paces[prod(size)] = sum(spans) / len(spans)
        while len(paces) > KEPT:
            del paces[next(iter(paces))]  # the oldest
        if self.file:
            with suppress(OSError):
                self.file.parent.mkdir(parents=True, exist_ok=True)
                with whole(self.file) as file:
                    file.write(json.dumps(self.seen, indent=1).encode())

    def seconds(self, plan: Plan) -> float | None:
        """How long a plan will take, by the measured size that is nearest to each stage's; None if there is none.

        Args:
            plan: that is to be carried out.
        """
        paces = self.seen.get(kind(plan))
        if not paces:
            return None
        total = 0.0
        for stage in plan.stages:
            pixels = prod(stage.size)
            near = min(paces, key=lambda known: abs(log(known / pixels)))
            total += (stage.evaluations + 1) * paces[near] * pixels / near  # one more, to describe the pictures
        return total


def kind(plan: Plan) -> str:
    """What makes one run's evaluations as fast as another's, beside their pixels."""
    r = plan.recipe
    return " ".join((str(plan.device), plan.precision, r.backbone, r.statistic, r.optimizer))


def foresee(plan: Plan, paces: Paces) -> Forecast:
    """What a plan will take.

    Args:
        plan: that is to be carried out.
        paces: of this machine.
    """
    stage, masked = plan.stages[-1], any(style.mask is not None for style in plan.styles)
    needs = Needs(plan.backbone, plan.recipe, stage.precision, whole=masked)
    taken = needs.taken(stage.size, [shape_of(style) for style in plan.styles], plan.budget)
    small = plan.recipe.side == "long" and max(stage.size) < plan.recipe.size
    return Forecast(stage.size, taken, paces.seconds(plan), not plan.budget.ample, small)


def measure(plan: Plan, paces: Paces, stop: Event) -> None:
    """Carry out a small run of the same kind, where none was measured; a second or so.

    Args:
        plan: whose kind it is.
        paces: of this machine; are changed.
        stop: asks to give up.
    """
    recipe = plan.recipe.changed(start="content", **TRIAL)
    weights = "random" if plan.settings.weights == "random" else None
    pixels = torch.rand(1, 3, TRIAL["size"], TRIAL["size"], generator=torch.Generator().manual_seed(0))
    trial = prepare(pixels, [pixels.flip(3)], recipe=recipe, weights=weights, precision=plan.settings.precision)
    history = []
    for progress in paint(trial):
        if stop.is_set():
            return
        step = progress.step
        history.append(Record(progress.size, step.iteration, step.evaluations, progress.seconds, step.loss, step.terms))
    paces.learn(trial, history[1:])  # the first warms up
