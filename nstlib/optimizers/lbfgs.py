"""L-BFGS: a direction from the last moves (`History`), and a line search along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..machine import in_own_precision
from ..spectrum import Smoothing
from .evaluator import Bounds, Evaluator, Iterate, to_host
from .history import History
from .line_search import wolfe
from .options import checked
from .steps import State, Step, Stop


@checked
def lbfgs(
    objective: Callable[..., Any],
    image: Tensor,
    *,
    history: int = 10,
    first_move: float = 0.01,
    noise: float = 0.0,
    smoothness: float = 0.0,
    bounds: Bounds | None = (0.0, 1.0),
    state: State | None = None,
) -> Iterator[Step]:
    """Limited-memory BFGS (Liu & Nocedal 1989) on the pixels; ends when no step lowers the loss any more.

    Each iteration asks the last `history` moves s and changes of gradient y how the loss curves, goes along -H g, and
    lets a line search (strong Wolfe) choose how far. Before they tell anything, H knows that smooth changes have
    farther to go than their gradient says (`spectrum.Smoothing`). Pixels at a bound that are pushed beyond it sit out
    the iteration (Bertsekas 1982, two-metric projection).

    Args:
        objective: image → (total, terms), or an object with `value_and_gradient` (see `Evaluator`).
        image: as for `adam`.
        history: how many moves are remembered.
        first_move: mean change of a pixel in the first trial, when nothing is known of the curvature.
        noise: relative error of a loss value, some 1e-3 where the network computes in half precision. A step may then
            raise the loss by this share, since a smaller rise says nothing (Shi, Xie, Byrd & Nocedal 2022).
        smoothness: e; before moves say otherwise, a wave of frequency f goes f^-e times as far as its gradient says.
            0: all go alike.
        bounds: as for `adam`.
        state: as for `adam`.

    Raises:
        InputError: as `adam`.
    """
    image = image.detach()
    evaluate = Evaluator(objective, image, bounds, state)
    pairs = History(history, image, Smoothing(image, smoothness))
    if state:
        point, iteration = Point.load(state, pairs.load(state), evaluate, pairs), state["iteration"]
    else:
        point, iteration = evaluate_at(evaluate, pairs, evaluate.project(image.reshape(-1).clone())), 0

    def memory() -> State:
        return {**point.state(), **pairs.state(), "unit": evaluate.unit}

    def report(point: Point, iteration: int, stop: Stop | None = None) -> Step:
        return evaluate.report(Iterate(iteration, point.loss / evaluate.unit, point.terms, point.x), memory, stop)

    step = report(point, iteration, point.trouble)
    evaluate.newest = evaluate.made
    if not state:
        yield step
    if point.trouble:
        return
    while True:
        found, trouble = search(evaluate, pairs, point, first_move, noise)
        if found is None:
            step = report(point, iteration, trouble or Stop.CONVERGED)
            evaluate.newest = evaluate.made
            yield step
            return
        pairs.propose(found.x, point.x, found.gradient, point.gradient)  # later trials may have taken its place
        sy, yy = found.products[:2]
        order = pairs.admit(sy, yy, found.moved, least=max(noise, 10 * torch.finfo(image.dtype).eps))
        step = report(found, iteration + 1)
        # At once, see `Evaluator`.
        evaluate.newest, pairs.order, point, iteration = evaluate.made, order, found, iteration + 1
        yield step


def search(
    evaluate: Evaluator, pairs: History, point: Point, first_move: float, noise: float
) -> tuple[Point | None, Stop | None]:
    """The next point along -H g; once more along the plain gradient where the memory misleads.

    Args:
        evaluate: the objective.
        pairs: the history, which is forgotten where it misleads.
        point: where to start.
        first_move: as for `lbfgs`.
        noise: likewise.

    Returns:
        As `wolfe`; both None where the loss does not fall along any direction that is known.
    """
    held = evaluate.held(point.x, point.gradient)
    while True:
        direction, slope = pairs.direction(point.smooth, point.gPg, *point.products[2:])
        trial = partial(evaluate_along, evaluate, pairs, point, without(direction, held))
        first = 1.0 if pairs.order else first_move / (point.mean_abs or 1.0)
        # A slope that is no number leads nowhere either.
        found, trouble = wolfe(trial, point.loss, slope, first, noise=noise) if slope < 0 else (None, None)
        if found is not None or not pairs.order:
            return found, trouble
        pairs.clear()


@dataclass(frozen=True)
class Point:
    """An image that was evaluated, and all that the host will ask about it, in the evaluator's unit.

    Attributes:
        x: the image (n,), on the device.
        gradient: of the loss, g (n,), on the device.
        smooth: P g (n,) of the free pixels, on the device.
        loss: the objective.
        terms: its summands by name.
        mean_abs: mean |P g|.
        gPg: g·P g.
        products: (4, rows), see `History.products`.
        t: step length of the move s that led here.
        reach: the largest change of a pixel by s.
        moved: s·s.
        promised: the change of the loss that the slope at the start foretold for s.
        slope: that of the loss, here, along the direction of the search.
    """

    x: Tensor
    gradient: Tensor
    smooth: Tensor
    loss: float
    terms: Mapping[str, float]
    mean_abs: float
    gPg: float
    products: np.ndarray
    t: float = 0.0
    reach: float = 0.0
    moved: float = 0.0
    promised: float = 0.0
    slope: float = 0.0

    @property
    def trouble(self) -> Stop | None:
        """What is no number here."""
        if not math.isfinite(self.loss):
            return Stop.LOSS
        return None if math.isfinite(self.mean_abs + self.gPg + self.slope) else Stop.GRADIENT

    def state(self) -> State:
        numbers = {"size": self.mean_abs, "square": self.gPg, "products": self.products.tolist()}
        return {"gradient": self.gradient, **numbers}

    @classmethod
    def load(cls, state: State, rows: Sequence[int], evaluate: Evaluator, pairs: History) -> Point:
        """Go on from a copy.

        Args:
            state: `Step.state()` of an earlier step.
            rows: of its products, those that the history kept.
            evaluate: knows the bounds.
            pairs: the history.
        """
        x, gradient = state["image"].reshape(-1), state["gradient"]
        return cls(
            x=x,
            gradient=gradient,
            smooth=pairs.smoothing(without(gradient, evaluate.held(x, gradient))),
            loss=state["loss"] * evaluate.unit,
            terms=state["terms"],
            mean_abs=state["size"],
            gPg=state["square"],
            products=np.array(state["products"])[:, rows],
        )


@in_own_precision
def evaluate_at(
    evaluate: Evaluator,
    pairs: History,
    x: Tensor,
    start: Point | None = None,
    path: Tensor | None = None,
    t: float = 0.0,
) -> Point:
    """Evaluate at x, and fetch what the next iteration needs too, in case the search ends here; it mostly does.

    Args:
        evaluate: the objective.
        pairs: the history; the pair on trial is written to its spare row.
        x: where (n,).
        start: where the search began; None at the very first point.
        path: the direction (n,) in which x still moves; None with no start.
        t: the step length from the start.
    """
    total, parts, gradient = evaluate(x)
    gradient = gradient.clone()  # the objective may use its buffer again
    s, slopes = pairs.S[pairs.spare], []
    if start is not None and path is not None:
        pairs.propose(x, start.x, gradient, start.gradient)  # writes s
        slopes = [start.gradient @ s, gradient @ path]
    free, norm = without(gradient, evaluate.held(x, gradient)), torch.linalg.vector_norm
    smooth = pairs.smoothing(free)
    facts = [norm(smooth, 1), free @ smooth, norm(s, math.inf), s @ s, *slopes]
    products = pairs.products(free)  # (4, rows)
    loss, terms, numbers = to_host(total, parts, torch.stack(facts), products)
    sum_abs, gPg, *moved = numbers[: len(facts)]
    table = np.array(numbers[len(facts) :]).reshape(products.shape)
    return Point(x, gradient, smooth, loss * evaluate.unit, terms, sum_abs / len(x), gPg, table, t, *moved)


def evaluate_along(evaluate: Evaluator, pairs: History, start: Point, direction: Tensor, t: float) -> Point:
    """Evaluate at P(x + t d), the step t along a direction, projected onto the bounds.

    Args:
        evaluate: the objective.
        pairs: the history.
        start: x, where the search began.
        direction: d (n,).
        t: the step length, above 0.
    """
    reached = start.x + t * direction
    x = evaluate.project(reached)
    # A pixel that has come to its bound moves no further along the path.
    return evaluate_at(evaluate, pairs, x, start, direction if x is reached else without(direction, x != reached), t)


def without(values: Tensor, pixels: Tensor | None) -> Tensor:
    """The values, with 0 at some pixels.

    Args:
        values: (n,).
        pixels: a mask (n,); None for no pixel.
    """
    return values if pixels is None else values.masked_fill(pixels, 0)
