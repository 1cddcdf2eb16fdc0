"""A picture on its way → who pulls its pixels: measured now and then, in a small part of the run's time."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..machine import free_memory
from ..objective import Objective
from ..plan import Plan, Stage
from ..result import Progress

__all__ = ["Pulls"]

SHARE = 0.05  # of a run's time, what it may take: one and a half evaluations, so about every thirtieth
FIRST = 10  # evaluations, before which everything is the style's


class Pulls:
    """Each kind's share of the gradient's length, at the newest picture at which it was measured.

    At a smaller size it would be had for less, but would be another: of a picture that is nearly done, at half the
    size the content pulls with 2 % instead of 29 %.

    Args:
        plan: of the run.

    Attributes:
        shares: by kind; empty before there are any.
        after: so many evaluations.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.shares: Mapping[str, float] = {}
        self.after = 0
        self.spent = self.cost = 0.0  # seconds, of all measurements and of the last one
        self.since: float | None = None  # the run's seconds when it was first looked at
        self.known: tuple[Stage, Objective] | None = None
        self.newest: Progress | None = None

    def look(self, progress: Progress) -> None:
        """Measure, if it is time.

        Args:
            progress: of the run.
        """
        self.newest = progress
        self.since = progress.seconds if self.since is None else self.since
        if self.due(progress):
            self.measure(progress)

    def settle(self) -> None:
        """Measure at the picture that a run ended with, where nothing newer is known."""
        last = self.newest
        if last and self.plan.budget.ample and self.fits and self.after < last.evaluations >= FIRST:
            self.measure(last)

    def measure(self, progress: Progress) -> None:
        """Find the shares at a picture.

        Args:
            progress: of the run there.
        """
        began = time.perf_counter()
        objective = self.objective(progress.size)
        ready = time.perf_counter()
        self.shares, self.after = objective.gradient_shares(progress.step.image), progress.evaluations
        self.cost = time.perf_counter() - ready
        self.spent += time.perf_counter() - began

    def due(self, progress: Progress) -> bool:
        """Whether it is time to measure: never where memory is short.

        Args:
            progress: of the run.
        """
        if not self.plan.budget.ample:
            return False
        if not self.shares:
            return progress.evaluations >= FIRST and self.fits
        return self.spent + self.cost <= SHARE * (progress.seconds - (self.since or 0.0)) and self.fits

    @property
    def fits(self) -> bool:
        """Whether there is room for the maps once more: on CUDA those of the run stay in its graph.

        Asked last: there it goes through all that torch holds.
        """
        return self.plan.device.type != "cuda" or free_memory(self.plan.device) > self.plan.budget.maps

    def objective(self, size: tuple[int, int]) -> Objective:
        """What is minimised at a size, once more: that of the run itself may lie in a graph of CUDA's.

        Args:
            size: (height, width).
        """
        stage = next(stage for stage in reversed(self.plan.stages) if stage.size == size)
        if self.known is None or self.known[0] is not stage:
            self.known = stage, self.plan.objective(stage)
        return self.known[1]
