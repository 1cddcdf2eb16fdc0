"""A loss along a line → how far to go."""

import math
from collections.abc import Callable
from typing import Protocol, TypeVar

from .steps import Stop


class Trial(Protocol):
    """What the search asks of the point that a step length leads to.

    Attributes:
        loss: there.
        slope: of the loss, along the line.
        promised: the change of the loss that the slope at the start foretold.
        reach: the largest change of a coordinate, of a step that is as long as this one.
        trouble: what is no number there; None where all are.
    """

    @property
    def loss(self) -> float: ...
    @property
    def slope(self) -> float: ...
    @property
    def promised(self) -> float: ...
    @property
    def reach(self) -> float: ...
    @property
    def trouble(self) -> Stop | None: ...


Found = TypeVar("Found", bound=Trial)


def wolfe(
    trial: Callable[[float], Found],
    loss: float,
    slope0: float,
    first: float,
    *,
    noise: float = 0.0,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    trials: int = 20,
) -> tuple[Found | None, Stop | None]:
    """A step length that satisfies the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6).

    A trial must lower the loss by at least `decrease` of what the slope promises, and flatten the slope to at most
    `curvature` of the first. Values that differ by less than `noise` of the loss count as the same: such a trial is
    low enough, and is taken unless the path still goes down steeply, since the search could not tell a better one.

    Args:
        trial: step length → the point there.
        loss: at the start.
        slope0: at the start, below 0.
        first: the step length that is tried first, above 0.
        noise: relative error of a loss.
        decrease: c₁, above 0.
        curvature: c₂, between `decrease` and 1.
        trials: at most so many evaluations.

    Returns:
        The point; the best trial when trials run out; None when no trial lowers the loss. And the trouble of the last
        trial if all had some, else None.
    """
    low = (0.0, loss, slope0)
    high: tuple[float, float, float] | None = None
    best: Found | None = None
    troubles, slack = [], noise * abs(loss)
    t = first
    for _ in range(trials):
        here = trial(t)
        troubles.append(here.trouble)
        value, slope = here.loss, here.slope
        enough = not here.trouble and here.reach > 0 and value <= loss + decrease * here.promised + slack
        if enough and value < (best.loss if best else loss + slack):
            best = here
        if not enough or value >= low[1] + slack:
            high = (t, value, slope)
        elif abs(slope) <= -curvature * slope0 or (value >= loss - slack and slope > curvature * slope0):
            return here, None
        elif slope * (high[0] - low[0] if high else 1) >= 0:  # the minimum lies between here and the old low
            low, high = (t, value, slope), low
        else:
            low = (t, value, slope)
        if high is None:
            t *= 4
            continue
        if abs(high[0] - low[0]) * here.reach < 1e-9 * t:  # no pixel would change any more
            break
        t = between(low, high)
    return best, None if None in troubles else troubles[-1]


def between(low: tuple[float, float, float], high: tuple[float, float, float]) -> float:
    """The minimum of the cubic through two points with slopes (Nocedal & Wright 2006, equation 3.59), kept inside.

    Args:
        low: (step length, loss, slope) of one end.
        high: of the other, which may lie on either side.
    """
    (t0, f0, g0), (t1, f1, g1) = low, high
    left, right = min(t0, t1), max(t0, t1)
    guess = (t0 + t1) / 2
    if math.isfinite(f1) and math.isfinite(g1):
        d1 = g0 + g1 - 3 * (f0 - f1) / (t0 - t1)
        root = d1 * d1 - g0 * g1
        if root >= 0:
            d2 = math.copysign(math.sqrt(root), t1 - t0)
            if g1 - g0 + 2 * d2:
                guess = t1 - (t1 - t0) * (g1 + d2 - d1) / (g1 - g0 + 2 * d2)
    else:
        guess = t0 + (t1 - t0) / 10  # far outside of where the loss makes sense
    margin = 0.1 * (right - left)
    return min(max(guess, left + margin), right - margin)
