"""A plan → the memory and the seconds that it will take, by what this machine was seen to do.

A run is as fast as the last runs of its kind were, and they were not all as fast. So what is foretold is a span: from
the fastest to the slowest of them, wider the farther the sizes are apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, log, prod
from pathlib import Path
from threading import Event
from typing import Any

import torch

from .about import cache
from .budget import Needs
from .files import write_whole
from .image import shape_of
from .plan import Plan, prepare
from .result import Record
from .transfer import paint

__all__ = ["Forecast", "Paces", "foresee", "learned", "measure", "span_in_words"]

SIZES = 12  # of each kind of run, at which paces are remembered
RUNS = 3  # of each size: the newest ones, since a machine that was busy when they ran may be so no more
SLACK = 0.1  # of a pace, what the next run of the same size may differ by, faster and slower; twice that of a lone one
APART = 0.1  # more of it for each time that the sizes differ by the factor e
TRIALS = (128, 256)  # pixels of the sides of the runs that are measured where nothing is known
START = 0  # pixels: under that number stands what a stage takes before its evaluations
TRIAL: dict[str, Any] = {"evaluations": 9, "pyramid": ()}

Span = tuple[float, float]  # the least and the most


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        size: (height, width) of the result.
        bytes: of memory, beside what the kit itself takes.
        seconds: at least and at most; None if nothing like it was measured on this machine.
        frugal: whether memory is so short that the run will be slower.
        small: whether the content has fewer pixels than were asked for.
    """

    size: tuple[int, int]
    bytes: int
    seconds: Span | None
    frugal: bool
    small: bool = False

    def __str__(self) -> str:
        time = "time not measured yet" if self.seconds is None else span_in_words(self.seconds)
        slow = ", slower because memory is short" if self.frugal else ""
        memory = f"{self.bytes / 1e9:.1f} GB" if self.bytes >= 1e9 else f"{self.bytes / 1e6:.0f} MB"
        pixels = " pixels, all that the content has" if self.small else " pixels"
        return f"{self.size[1]}×{self.size[0]}{pixels}: {time}, about {memory} of memory{slow}"


def span_in_words(seconds: Span) -> str:
    """From how long to how long, no finer than anybody can foretell.

    Args:
        seconds: at least and at most.

    >>> span_in_words((0.3, 0.8)), span_in_words((17.4, 22.1)), span_in_words((100, 250))
    ('about 1 s', '15 to 25 s', '1 to 5 min')
    """
    low, high = seconds
    unit, name = (60.0, "min") if high >= 100 else (1.0, "s")
    low, high = low / unit, high / unit

    def step(value: float) -> int:
        return 1 if value <= 10 else 5 if value <= 60 else 10

    first, last = max(1, floor(low / step(low)) * step(low)), max(1, ceil(high / step(high)) * step(high))
    return f"about {last} {name}" if first == last else f"{first} to {last} {name}"


class Paces:
    """Seconds that an evaluation took on this machine, by kind of run and number of pixels.

    And that a stage took besides: on a GPU its kernels are compiled, tried and recorded before the first.

    Args:
        file: where they are remembered; None for only as long as this object lives.
    """

    def __init__(self, file: Path | None = None):
        self.file = file
        self.seen: dict[str, dict[int, list[float]]] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):  # lost or damaged: it is measured again
            data = json.loads(file.read_text(encoding="utf-8")) if file else {}
            self.seen = {
                str(kind): {int(n): kept for n, runs in paces.items() if (kept := usable(int(n), map(float, runs)))}
                for kind, paces in data.items()
            }

    def learn(self, plan: Plan, history: Sequence[Record]) -> None:
        """Take in what a run's last stage took.

        Args:
            plan: that was carried out.
            history: of the run, or a part of it.
        """
        size = history[-1].size if history else None
        lines = [line for line in history if line.size == size]
        done = [(a, b) for a, b in pairwise(lines) if b.evaluations > a.evaluations]
        if size is None or not done:
            return
        warm = done[1:] or done
        taken = sum(b.seconds - a.seconds for a, b in warm) / sum(b.evaluations - a.evaluations for a, b in warm)
        before = history[history.index(lines[0]) - 1].seconds if lines[0] is not history[0] else 0.0
        start = max(0.0, lines[0].seconds - before - (lines[0].evaluations + 1) * taken)
        paces = self.seen.setdefault(kind(plan), {})
        for pixels, seconds in ((prod(size), taken), (START, start)):
            paces[pixels] = [*paces.pop(pixels, []), seconds][-RUNS:]  # the newest size stands last
        while len(paces) > SIZES + 1:
            del paces[next(iter(paces))]
        if self.file:
            with suppress(OSError):
                write_whole(self.file, json.dumps(self.seen, indent=1).encode())

    def seconds(self, plan: Plan) -> Span | None:
        """How long a plan will take, at least and at most; None if nothing like it was measured.

        Args:
            plan: that is to be carried out.
        """
        paces = dict(self.seen.get(kind(plan), {}))
        starts = paces.pop(START, [0.0])
        if not paces:
            return None
        # One evaluation more in each stage, to describe the pictures.
        spans = [(stage.evaluations + 1, pace(paces, prod(stage.size))) for stage in plan.stages]
        low, high = (sum(n * span[i] for n, span in spans) for i in (0, 1))
        return low + len(spans) * min(starts), high + len(spans) * max(starts)


def usable(pixels: int, runs: Iterable[float]) -> list[float]:
    """Those of some seconds that can have been measured for a number of pixels."""
    return [one for one in runs if 0 <= one < inf and (pixels == START or one > 0 < pixels)]


def pace(paces: dict[int, list[float]], pixels: int) -> Span:
    """Seconds that an evaluation takes, at least and at most.

    From the size that is nearest to the one asked for it follows the line through all that are known: the work grows
    with the pixels, what surrounds it stays, and on a GPU that is most of it in small pictures.

    Args:
        paces: seconds that were measured, by number of pixels.
        pixels: of the picture that is to be painted.
    """
    near = min(paces, key=lambda known: abs(log(known / pixels)))
    around, slope = line({known: sum(runs) / len(runs) for known, runs in paces.items()})
    factor = (around + slope * pixels) / (around + slope * near)
    slack = 1 + SLACK * (1 + (len(paces[near]) == 1)) + APART * abs(log(near / pixels))
    return min(paces[near]) * factor / slack, max(paces[near]) * factor * slack


def line(points: dict[int, float]) -> tuple[float, float]:
    """The straight line through some points by least squares of relative errors, neither part of it below 0.

    Args:
        points: seconds by pixels; one or more.

    Returns:
        Seconds without any pixels, and seconds per pixel.

    >>> for points in {100: 2.0, 200: 3.0}, {100: 2.0}, {100: 2.0, 200: 8.0}:
    ...     print("{:.3f} + {:.3f} p".format(*line(points)))
    1.000 + 0.010 p
    0.000 + 0.020 p
    0.000 + 0.024 p
    """
    # Σ (a/t + b·p/t - 1)² is least where its two slopes are 0.
    aa = sum(1 / t**2 for t in points.values())
    ab = sum(p / t**2 for p, t in points.items())
    bb = sum(p**2 / t**2 for p, t in points.items())
    a, b = sum(1 / t for t in points.values()), sum(p / t for p, t in points.items())
    determinant = aa * bb - ab * ab
    if len(points) > 1:
        around, slope = (a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant
        if around >= 0 <= slope:
            return around, slope
        if slope < 0:
            return a / aa, 0.0
    return 0.0, b / bb


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
    stage = plan.stages[-1]
    needs = Needs(plan.backbone, plan.recipe, stage.precision, plan.device)
    taken = needs.taken(stage.size, [shape_of(style.pixels) for style in plan.styles], plan.budget)
    small = plan.recipe.side == "long" and max(stage.size) < plan.recipe.size
    return Forecast(stage.size, taken, paces.seconds(plan), not plan.budget.ample, small)


def measure(plan: Plan, paces: Paces, stop: Event | None = None) -> None:
    """Carry out two small runs of the same kind, where none was measured; a few seconds.

    Args:
        plan: whose kind it is.
        paces: of this machine; are changed.
        stop: asks to give up.
    """
    for size in TRIALS:
        recipe = plan.recipe.changed(start="content", size=size, **TRIAL)
        pixels = torch.rand(
            1, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float32, device="cpu"
        )
        asked = {name: getattr(plan.settings, name) for name in ("weights", "precision", "device")}
        trial = prepare(pixels, [pixels.flip(3)], recipe=recipe, **asked)
        history = []
        for progress in paint(trial):
            if stop is not None and stop.is_set():
                return
            history.append(Record.of(progress.step, progress.size, progress.seconds))
        paces.learn(trial, history)


def learned() -> Paces:
    """What this machine was seen to do before, too, if it can be remembered."""
    kept = cache()
    return Paces(kept and kept / "paces.json")
