"""An objective and a start image → a generator of `Step`s (Adam, L-BFGS).

The loop reports, callers display: progress bars, plots, checkpoints and early stopping all consume steps, and `break`
stops the run. An *evaluation* is one call of the objective with its gradient, the unit of work; an *iteration* is one
move of the image. Adam needs one evaluation per iteration, L-BFGS now and then more, for its line search.

Pixels are held to their bounds outside the objective: each trial image is projected before it is evaluated, so that
loss and gradient belong to the image that they are reported for. (Clamping inside the function that is minimised
changes the image behind the optimiser's back; L-BFGS then builds its curvature from differences that never happened.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .errors import InputError, choose

__all__ = ["OPTIMIZERS", "Step", "adam", "lbfgs", "optimize"]

Bounds = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Step:
    """What the loop reports after each iteration.

    iteration, evaluations: counts so far. seconds: since the loop began. loss: the objective at `image` (or, where
    `image` is a running mean, at the newest of those averaged).
    terms: its summands by name. image: (1, 3, H, W), detached, never written to again. state: all that is needed to
    go on from here exactly (tensors and numbers). stop: why this is the last step, or "".
    """

    iteration: int
    evaluations: int
    seconds: float
    loss: float
    terms: Mapping[str, float]
    image: Tensor
    state: Mapping[str, object] = field(default_factory=dict, repr=False)
    stop: str = ""


class Evaluator:
    """Calls the objective on a flat image, counts, and keeps value, gradient and terms of the last call."""

    def __init__(self, objective: Callable, image: Tensor, bounds: Bounds | None, count: int):
        self.objective, self.shape, self.count = objective, image.shape, count
        self.low, self.high = (None, None) if bounds is None else (self._limit(b, image) for b in bounds)

    def _limit(self, bound: float | Sequence[float], image: Tensor) -> Tensor:
        limit = torch.as_tensor(bound, dtype=image.dtype, device=image.device)
        return (limit.view(1, -1, 1, 1) if limit.ndim else limit).expand(self.shape).reshape(-1)

    def project(self, x: Tensor) -> Tensor:
        return x if self.low is None else torch.minimum(torch.maximum(x, self.low), self.high)

    def held(self, x: Tensor, gradient: Tensor) -> Tensor | None:
        """Pixels that stand at a bound and are pushed beyond it."""
        if self.low is None:
            return None
        return ((x <= self.low) & (gradient > 0)) | ((x >= self.high) & (gradient < 0))

    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        image = x.detach().view(self.shape).requires_grad_()
        total, self.terms = self.objective(image)
        (gradient,) = torch.autograd.grad(total, image)
        self.count += 1
        return float(total.detach()), gradient.reshape(-1)

    def report(self) -> dict[str, float]:
        """The terms of the last call, fetched from the device at once."""
        if not self.terms:
            return {}
        values = torch.stack([torch.as_tensor(v).reshape(()) for v in self.terms.values()]).tolist()
        return dict(zip(self.terms, values, strict=True))


def adam(
    objective: Callable,
    image: Tensor,
    *,
    rate: float = 0.02,
    schedule: Sequence[tuple[int, float]] = (),
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    average: float = 0.0,
    bounds: Bounds | None = (0.0, 1.0),
    state: Mapping | None = None,
) -> Iterator[Step]:
    """Adam (Kingma & Ba 2015, algorithm 1) on the pixels; never ends by itself.

    Args:
        objective: image → (total, terms).
        image: where to start, (1, 3, H, W).
        rate: in units of pixels in [0, 1]. schedule: pairs (evaluation, rate) that replace it from there on.
        epsilon: for gradients of any scale; it is compared with their root mean square.
        average: decay of a running mean of the images, which is then what steps carry; 0 for none.
        bounds: of the pixels, numbers or one number per channel; None for none.
        state: of an earlier `Step`, to go on from there.
    """
    image = image.detach()
    x = state["x"].clone() if state else image.reshape(-1).clone()
    m, v = (state["m"].clone(), state["v"].clone()) if state else (torch.zeros_like(x), torch.zeros_like(x))
    mean = state["mean"].clone() if state else torch.zeros_like(x)
    iteration = state["iteration"] if state else 0
    evaluate = Evaluator(objective, image, bounds, state["evaluations"] if state else 0)
    x, began, (b1, b2) = evaluate.project(x), time.perf_counter(), betas
    good: Step | None = None
    while True:
        loss, gradient = evaluate(x)
        stop = "" if math.isfinite(loss) else "the loss is not a finite number"
        if stop and good:
            yield replace(good, evaluations=evaluate.count, seconds=time.perf_counter() - began, stop=stop)
            return
        shown = x
        if average:
            mean = average * mean + (1 - average) * x
            shown = mean / (1 - average ** (iteration + 1))
        t = iteration + 1
        now = next((r for since, r in reversed(tuple(schedule)) if iteration >= since), rate)
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient.square()
        after = evaluate.project(x - now * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + epsilon))
        kept = {"x": after, "m": m, "v": v, "mean": mean, "iteration": t, "evaluations": evaluate.count}
        good = Step(
            iteration,
            evaluate.count,
            time.perf_counter() - began,
            loss,
            evaluate.report(),
            shown.view(image.shape),
            kept,
            stop,
        )
        yield good
        if stop:
            return
        x, iteration = after, t


def lbfgs(
    objective: Callable,
    image: Tensor,
    *,
    history: int = 10,
    first_move: float = 0.01,
    bounds: Bounds | None = (0.0, 1.0),
    state: Mapping | None = None,
) -> Iterator[Step]:
    """Limited-memory BFGS (Liu & Nocedal 1989) on the pixels; ends when no step lowers the loss any more.

    Each iteration asks the last `history` moves s and changes of gradient y how the loss curves, goes along -H g, and
    lets a line search (strong Wolfe) choose how far. Pixels at a bound that are pushed beyond it sit out the
    iteration (Bertsekas 1982, two-metric projection).

    Args:
        first_move: mean change of a pixel in the first trial, when nothing is known of the curvature.
        Others as for `adam`.
    """
    image = image.detach()
    evaluate = Evaluator(objective, image, bounds, state["evaluations"] if state else 0)
    began = time.perf_counter()
    iteration = state["iteration"] if state else 0
    moves, changes = (list(state["moves"]), list(state["changes"])) if state else ([], [])
    if state:
        x, loss, gradient, terms = state["x"], state["loss"], state["gradient"], dict(state["terms"])
    else:
        x = evaluate.project(image.reshape(-1).clone())
        loss, gradient = evaluate(x)
        terms = evaluate.report()

    def report(stop: str = "") -> Step:
        kept = {
            "x": x,
            "loss": loss,
            "gradient": gradient,
            "terms": terms,
            "moves": list(moves),
            "changes": list(changes),
        }
        kept |= {"iteration": iteration, "evaluations": evaluate.count}
        seconds = time.perf_counter() - began
        return Step(iteration, evaluate.count, seconds, loss, terms, x.view(image.shape), kept, stop)

    if not state:
        finite = math.isfinite(loss)
        yield report("" if finite else "the loss is not a finite number")
        if not finite:
            return
    while True:
        held = evaluate.held(x, gradient)
        free = gradient if held is None else gradient.masked_fill(held, 0)
        size = float(free.abs().mean())
        direction = -inverse_hessian_times(free, moves, changes)
        if held is not None:
            direction = direction.masked_fill(held, 0)
        if float(direction @ gradient) >= 0:
            moves, changes, direction = [], [], -free  # the memory points uphill: forget it
        found = wolfe(evaluate, x, loss, gradient, direction, 1.0 if moves else first_move / size) if size else None
        if found is None and moves:
            moves, changes = [], []  # the memory misleads; try once more along the plain gradient
            continue
        if found is None:
            yield report("no step lowers the loss any more")
            return
        after, loss, next_gradient, terms = found
        s, y = after - x, next_gradient - gradient
        if float(s @ y) > 1e-10 * float(y @ y):
            moves, changes = [*moves, s][-history:], [*changes, y][-history:]
        x, gradient, iteration = after, next_gradient, iteration + 1
        yield report()


def inverse_hessian_times(gradient: Tensor, moves: Sequence[Tensor], changes: Sequence[Tensor]) -> Tensor:
    """H g from the last moves s and changes y (Nocedal & Wright 2006, algorithm 7.4, the two-loop recursion)."""
    q, alphas = gradient.clone(), []
    for s, y in zip(reversed(moves), reversed(changes), strict=True):
        alpha = (s @ q) / (s @ y)
        q -= alpha * y
        alphas.append(alpha)
    if moves:
        q *= (moves[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y, alpha in zip(moves, changes, reversed(alphas), strict=True):
        q += s * (alpha - (y @ q) / (s @ y))
    return q


def wolfe(
    evaluate: Evaluator,
    x: Tensor,
    loss: float,
    gradient: Tensor,
    direction: Tensor,
    first: float,
    *,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    trials: int = 20,
) -> tuple[Tensor, float, Tensor, dict[str, float]] | None:
    """A step length that satisfies the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6).

    A trial is the projected point P(x + t d). It must lower the loss by at least `decrease` of what the slope
    promises, and flatten the slope to at most `curvature` of the first. Returns the point, its loss, gradient and
    terms; the best trial when trials run out; None when no trial lowers the loss.
    """
    slope0 = float(gradient @ direction)
    low = (0.0, loss, slope0)
    high: tuple[float, float, float] | None = None
    best = None
    t = first
    for _ in range(trials):
        reached = x + t * direction
        point = evaluate.project(reached)
        value, slope_gradient = evaluate(point)
        promised = float(gradient @ (point - x))
        # A pixel that has come to its bound moves no further along the path.
        slope = float(slope_gradient @ (direction if point is reached else direction * (point == reached)))
        enough = math.isfinite(value) and value <= loss + decrease * promised
        if enough and value < low[1]:
            best = (point, value, slope_gradient, evaluate.report())
        here = (t, value, slope)
        if not enough or value >= low[1]:
            high = here
        elif abs(slope) <= -curvature * slope0:
            return best
        elif slope * (high[0] - low[0] if high else 1) >= 0:  # the minimum lies between here and the old low
            low, high = here, low
        else:
            low = here
        if high is None:
            t *= 4
        else:
            t = between(low, high)
        if high is not None and abs(high[0] - low[0]) * float(direction.abs().max()) < 1e-9:
            break
    return best


def between(low: tuple[float, float, float], high: tuple[float, float, float]) -> float:
    """The minimum of the cubic through two points with slopes (Nocedal & Wright 2006, equation 3.59), kept inside."""
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


OPTIMIZERS: dict[str, Callable[..., Iterator[Step]]] = {"adam": adam, "lbfgs": lbfgs}


def optimize(
    objective: Callable,
    image: Tensor,
    optimizer: str = "lbfgs",
    *,
    evaluations: int | None = 200,
    seconds: float | None = None,
    plateau: float | None = None,
    window: int = 20,
    **options: object,
) -> Iterator[Step]:
    """Run an optimiser until something says stop; the last step's `stop` says what.

    Args:
        optimizer: "adam" or "lbfgs"; `options` go to it.
        evaluations: the budget, counted from the very start, over all resumed parts. L-BFGS ends within one line
            search of it. seconds: of this part.
        plateau: stop when the loss fell by less than this share over the last `window` iterations.

    Raises:
        InputError: an unknown optimiser, or a budget below one evaluation.
    """
    method = OPTIMIZERS[choose("optimizer", optimizer, OPTIMIZERS)]
    if evaluations is not None and evaluations < 1:
        raise InputError(f"{evaluations} evaluations are none: give at least 1")
    losses: list[float] = []
    for step in method(objective, image, **options):
        losses = [*losses, step.loss][-window - 1 :]
        stop = step.stop
        if not stop and evaluations is not None and step.evaluations >= evaluations:
            stop = f"the budget of {evaluations} evaluations is spent"
        elif not stop and seconds is not None and step.seconds >= seconds:
            stop = f"the time of {seconds:g} s is up"
        elif not stop and plateau and len(losses) > window and losses[0] - min(losses[1:]) < plateau * abs(losses[0]):
            stop = f"the loss fell by less than {plateau:.2%} in {window} iterations"
        yield replace(step, stop=stop)
        if stop:
            return
