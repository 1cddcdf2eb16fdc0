"""An objective and a start image → a generator of `Step`s (Adam, L-BFGS).

The loop reports, callers display: progress bars, plots, checkpoints and early stopping all consume steps, and `break`
stops the run. An *evaluation* is one call of the objective with its gradient, the unit of work; an *iteration* is one
move of the image. Adam needs one evaluation per iteration, L-BFGS now and then more, for its line search.

Pixels are held to their bounds outside the objective: each trial image is projected before it is evaluated, so that
loss and gradient belong to the image that they are reported for. (Clamping inside the function that is minimised
changes the image behind the optimiser's back; L-BFGS then builds its curvature from differences that never happened.)

Images stay on the device, numbers are judged on the host (Python and NumPy, float64). Each evaluation fetches all its
numbers at once: a device that is asked number by number stands still while the host thinks.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from inspect import signature
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import ref

import numpy as np
import torch
from torch import Tensor

from .cuda import products
from .errors import InputError, one_of
from .image import floats_of
from .machine import in_own_precision
from .rules import Maybe, Number, Rule, Tuple, judged
from .spectrum import Smoothing

__all__ = ["OPTIMIZERS", "Step", "Stop", "adam", "lbfgs", "optimize"]

Bounds = tuple[float | Sequence[float], float | Sequence[float]]  # least and greatest, numbers or one per channel
State = Mapping[str, Any]  # tensors, numbers and lists of them, by name
EVALUATIONS = Number(1, 10**6, whole=True)
RATE, DECAY = Number(0, 10, above=True), Number(0, 1, below=True)
TAKES: dict[str, Rule] = {  # of what is one number, or a row of them
    "rate": RATE,
    "betas": Tuple("two numbers, each of at least 0 and below 1", (DECAY, DECAY)),
    "epsilon": Number(0, 1, above=True),
    "average": DECAY,
    "history": Number(1, 1000, whole=True),
    "first_move": Number(0, 10, above=True),
    "noise": Number(0, 1),
    "smoothness": Number(0, 2),
    "evaluations": Maybe(EVALUATIONS),
    "seconds": Maybe(Number(0)),
    "plateau": Maybe(Number(0, 1)),
    "window": Number(1, 10**6, whole=True),
}
STEP = ("iteration", "evaluations", "loss", "terms", "image")  # what a state keeps of its `Step`
OWN = {"adam": "m", "lbfgs": "sy"}  # what a state of each optimiser has and others' have not


def forgotten() -> State:
    """What a step that was kept alone remembers of its optimiser.

    Raises:
        InputError: always.
    """
    raise InputError("this step was kept without its optimiser's memory: ask for state() while its loop stands there")


def nothing() -> None:
    """What a step that was kept alone knows of its loop."""


class NoState(InputError):
    """What is no state that an optimiser can go on from."""


class Stop(Enum):
    """Why a run ended; its value is the reason in words."""

    BUDGET = "all its evaluations are done"
    TIME = "the time is up"
    PLATEAU = "the loss hardly falls any more"
    CONVERGED = "no step lowers the loss any more"
    LOSS = "the loss is not a finite number"
    GRADIENT = "the gradient is not a finite number"
    INTERRUPTED = "interrupted"
    MEMORY = "the memory ran out"
    LEFT = "stopped early"

    def __str__(self) -> str:
        return self.value

    @property
    def broken(self) -> bool:
        """Whether the numbers, not the run, came to an end."""
        return self in (Stop.LOSS, Stop.GRADIENT)


@dataclass(frozen=True, eq=False)
class Step:
    """What the loop reports after each iteration.

    Attributes:
        iteration: moves so far.
        evaluations: calls of the objective so far.
        seconds: since the loop began.
        loss: the objective at `image` (or, where `image` is a running mean, at the newest of those averaged).
        terms: its summands by name.
        image: (1, 3, H, W), detached, never written to again: the loop goes on from it, so change a copy only.
        memory: what `state` asks for the optimiser's part.
        stop: why this is the last step; None if it is not.
        last: what `newest` asks.
    """

    iteration: int
    evaluations: int
    seconds: float
    loss: float
    terms: Mapping[str, float]
    image: Tensor
    memory: Callable[[], State] = field(default=forgotten, repr=False, compare=False)
    stop: Stop | None = None
    last: Callable[[], Step | None] = field(default=nothing, repr=False, compare=False)

    def __repr__(self) -> str:
        ended = f" ({self.stop})" if self.stop else ""
        return f"step {self.iteration}: {self.evaluations} evaluations, loss {self.loss:.4g}{ended}"

    @property
    def broken(self) -> bool:
        """Whether the numbers, not the run, came to an end here."""
        return self.stop is not None and self.stop.broken

    def state(self) -> dict[str, Any]:
        """All that is needed to go on from here exactly: a copy, of tensors, numbers and lists of them.

        It is made when asked for, since the memory of L-BFGS is large: ask before you ask for the next step.

        Raises:
            InputError: the loop has gone on, and its memory with it; or the step was kept without.
        """
        return {**self.memory(), **{name: getattr(self, name) for name in STEP}}

    def alone(self) -> Step:
        """The same, from which nothing goes on: it holds neither the optimiser's memory nor what was minimised."""
        return replace(self, memory=forgotten, last=nothing)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along, to a file or to another process: not the optimiser's memory."""
        return {**vars(self), "memory": forgotten, "last": nothing}

    def newest(self) -> Step:
        """The last step of this loop: another one than this if an interrupt kept that from being handed out."""
        return self.last() or self


class Iterate(NamedTuple):
    """An image that an iteration came to, and what is told of it.

    Attributes:
        iteration: moves so far.
        loss: the total.
        terms: its summands by name.
        x: the image (n,).
    """

    iteration: int
    loss: float
    terms: Mapping[str, float]
    x: Tensor


class Evaluator:
    """Calls the objective on flat images, counts the calls, and knows the bounds of the pixels.

    It knows the step, too, that the optimiser's memory belongs to, the `newest`: an interrupt may fall between any two
    bytecodes, and wherever it falls, the state that is asked for then must be that of one step. So `report` makes a
    step aside (`made`), and the optimiser puts it in force together with its new memory, by one assignment that calls
    nothing. Steps are held weakly: a step knows its evaluator, and a circle of them would hold all of that memory long
    after the run.

    Args:
        objective: image (1, 3, H, W) → (total, terms), differentiated by autograd; or an object whose method
            `value_and_gradient` makes (total, terms, gradient) of the image, in a buffer of its own if it likes.
        image: one like those that will be evaluated, (1, 3, H, W).
        bounds: of the pixels, numbers or one number per channel; None for none.
        state: of an earlier step, where the loop goes on from one.

    Attributes:
        count: calls so far.
        made: the step that was made last.
        newest: the one that is in force.
        unit: a static loss scale, the power of two that gradients are multiplied by, and losses with them, so that no
            square of theirs leaves the range of float32; 1 where none would. The first gradient decides.
    """

    def __init__(
        self, objective: Callable[..., Any], image: Tensor, bounds: Bounds | None, state: State | None = None
    ) -> None:
        self.objective, self.shape, self.began = objective, image.shape, time.perf_counter()
        self.count: int = state["evaluations"] if state else 0
        self.unit: float = state.get("unit", 1.0) if state else 0.0  # not known yet
        self.made: ref[Step] | None = None
        self.newest: ref[Step] | None = None
        # As tensors: a scalar each, or (1, 3, 1, 1).
        self.limits = None if bounds is None else (self._limit(bounds[0], image), self._limit(bounds[1], image))

    def _limit(self, bound: float | Sequence[float], image: Tensor) -> Tensor:
        limit = torch.as_tensor(bound, dtype=image.dtype, device=image.device)
        return limit.view(1, -1, 1, 1) if limit.ndim else limit

    def project(self, x: Tensor) -> Tensor:
        """The nearest image within the bounds, flat like x (n,)."""
        return x if self.limits is None else x.view(self.shape).clamp(*self.limits).view(-1)

    def held(self, x: Tensor, gradient: Tensor) -> Tensor | None:
        """Pixels that stand at a bound and are pushed beyond it, as a mask (n,); None without bounds.

        Args:
            x: the image (n,), within the bounds.
            gradient: the slope there (n,).
        """
        if self.limits is None:
            return None
        (low, high), image, uphill = self.limits, x.view(self.shape), gradient.view(self.shape)
        return (((image <= low) & (uphill > 0)) | ((image >= high) & (uphill < 0))).view(-1)

    @in_own_precision
    def __call__(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """(total, terms, flat gradient in the unit), all on the device; the gradient is good until the next call."""
        image = x.detach().view(self.shape)
        if hasattr(self.objective, "value_and_gradient"):
            total, terms, gradient = self.objective.value_and_gradient(image)
        else:
            total, terms = self.differentiated(image.requires_grad_())
            (gradient,) = torch.autograd.grad(total, image, allow_unused=True)
            if gradient is None:
                raise InputError("the objective's total does not look at the image: compute it from what it is given")
        self.count += 1
        terms = {name: a_number(name, value, x.device) for name, value in terms.items()}
        self.unit = self.unit or unit_of(gradient)
        gradient = gradient.reshape(-1)
        return total.detach(), terms, gradient if self.unit == 1 else gradient * self.unit

    def differentiated(self, image: Tensor) -> tuple[Tensor, Mapping[str, Any]]:
        """What a plain function makes of an image: a total with a gradient, and its terms.

        Args:
            image: (1, 3, H, W), whose gradient is asked for.

        Raises:
            InputError: it makes something else.
        """
        with torch.enable_grad():
            made = self.objective(image)
        if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Mapping)):
            raise InputError(f"the objective gave a {type(made).__name__}: give (total, terms), with {{}} for no terms")
        if not (isinstance(made[0], Tensor) and made[0].requires_grad):
            raise InputError("the objective's total has no gradient: compute it from the image, by torch alone")
        if made[0].numel() != 1:
            shape = tuple(made[0].shape)
            raise InputError(f"the objective's total has the shape {shape}: add its numbers up, or take their mean")
        return made[0].reshape(()), made[1]

    def report(self, at: Iterate, memory: Callable[[], State], stop: Stop | None = None) -> Step:
        """A `Step` whose state can be asked for as long as it is the `newest`: the caller makes it so, by `made`.

        Args:
            at: where the loop is.
            memory: makes a copy of what the optimiser needs to go on.
            stop: why this is the last step; None if it is not.
        """

        def current() -> State:
            if self.newest is not own:
                raise InputError(f"step {at.iteration} is over: ask for its state() before you ask for the next step")
            return memory()

        seconds = time.perf_counter() - self.began

        def last() -> Step | None:
            return self.newest() if self.newest else None

        image = at.x.view(self.shape)
        step = Step(at.iteration, self.count, seconds, at.loss, at.terms, image, current, stop, last)
        self.made = own = ref(step)
        return step


def a_number(name: str, value: Any, device: torch.device) -> Tensor:
    """A term as a scalar without a gradient.

    Args:
        name: of the term.
        value: what an objective made of it.
        device: to keep it on.

    Raises:
        InputError: it is not one number.
    """
    try:
        made = torch.as_tensor(value, device=device).detach()
    except (TypeError, ValueError, RuntimeError):
        made = torch.empty(0)
    if made.numel() != 1:
        what = tuple(made.shape) if made.numel() else f"a {type(value).__name__}"
        raise InputError(f"the objective's term {name!r} is {what}: give one number for each term")
    return made


def unit_of(gradient: Tensor) -> float:
    """The power of two that brings a gradient's largest number near 1; 1 if it is not far from there, or no number.

    Args:
        gradient: the first of a run, which later ones stay below, by a few powers of ten.
    """
    largest = float(gradient.abs().max())
    if not 0 < largest < math.inf or 1e-9 < largest < 1e9:
        return 1.0
    return 2.0 ** -max(-126, min(126, round(math.log2(largest))))  # a number of float32, too


def to_host(total: Tensor, terms: Mapping[str, Tensor], *more: Tensor) -> tuple[float, dict[str, float], list[float]]:
    """The numbers in all these tensors, by one transfer, so that the host waits for the device once.

    Args:
        total: a scalar.
        terms: scalars by name.
        more: of any shape.

    Returns:
        The total, the terms by name, and all numbers of the others in a row.
    """
    parts = [part.reshape(-1) for part in (total, *terms.values(), *more)]
    loss, *numbers = torch.cat(parts).tolist()
    return loss, dict(zip(terms, numbers, strict=False)), numbers[len(terms) :]


def adam(
    objective: Callable[..., Any],
    image: Tensor,
    *,
    rate: float = 0.02,
    schedule: Sequence[tuple[int, float]] = (),
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    average: float = 0.0,
    bounds: Bounds | None = (0.0, 1.0),
    state: State | None = None,
) -> Iterator[Step]:
    """Adam (Kingma & Ba 2015, algorithm 1) on the pixels; never ends by itself.

    Args:
        objective: image → (total, terms), or an object with `value_and_gradient` (see `Evaluator`).
        image: where to start, (1, 3, H, W).
        rate: in units of pixels in [0, 1].
        schedule: pairs (evaluation, rate) that replace it from there on.
        betas: decays of the running means of the gradient and of its square.
        epsilon: added to the root mean square of the gradient, so it must be small beside it.
        average: decay of a running mean of the images, which is then what steps carry; 0 for none.
        bounds: of the pixels, numbers or one number per channel; None for none.
        state: `Step.state()` of an earlier step, to go on from there.
    """
    image = image.detach()
    evaluate = Evaluator(objective, image, bounds, state)
    good: Iterate | None = None  # the last whose loss was a number
    if state:
        x, m, v, mean = state["x"], *(state[name].clone() for name in ("m", "v", "mean"))
        good = Iterate(state["iteration"], state["loss"], state["terms"], state["image"].reshape(-1))
    else:
        x = image.reshape(-1).clone()  # (n,), as all images and gradients here
        m, v, mean = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x if average else x[:0])
    iteration, (b1, b2) = good.iteration + 1 if good else 0, betas
    x = evaluate.project(x)

    def memory() -> State:
        return {"x": x, "m": m.clone(), "v": v.clone(), "mean": mean.clone(), "unit": evaluate.unit}

    while True:
        total, parts, gradient = evaluate(x)
        loss, terms, (slopes,) = to_host(total, parts, gradient.sum())
        if not (math.isfinite(loss) and math.isfinite(slopes)):
            why = Stop.GRADIENT if math.isfinite(loss) else Stop.LOSS
            step = evaluate.report(good or Iterate(iteration, loss, terms, x), memory, why)
            evaluate.newest = evaluate.made
            yield step
            return
        t = iteration + 1
        now = next((r for since, r in reversed(tuple(schedule)) if iteration >= since), rate)
        new_m = m.mul(b1).add_(gradient, alpha=1 - b1)
        new_v = v.mul(b2).addcmul_(gradient, gradient, value=1 - b2)
        new_mean = mean.mul(average).add_(x, alpha=1 - average) if average else mean
        root = new_v.div(1 - b2**t).sqrt_().add_(epsilon * evaluate.unit)
        moved = evaluate.project(torch.addcdiv(x, new_m, root, value=-now / (1 - b1**t)))
        here = Iterate(iteration, loss, terms, new_mean / (1 - average**t) if average else x)
        step = evaluate.report(here, memory)
        # At once, see `Evaluator`.
        evaluate.newest, x, m, v, mean, good = evaluate.made, moved, new_m, new_v, new_mean, here
        yield step
        iteration = t


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
        image: where to start, (1, 3, H, W).
        history: how many moves are remembered.
        first_move: mean change of a pixel in the first trial, when nothing is known of the curvature.
        noise: relative error of a loss value, some 1e-3 where the network computes in half precision. A step may then
            raise the loss by this share, since a smaller rise says nothing (Shi, Xie, Byrd & Nocedal 2022).
        smoothness: e; before moves say otherwise, a wave of frequency f goes f^-e times as far as its gradient says.
            0: all go alike.
        bounds: as for `adam`.
        state: as for `adam`.

    Raises:
        InputError: a history that is no number of moves.
    """
    history, image = judged("history", history, TAKES["history"]), image.detach()
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


class History:
    """The last moves s and changes of gradient y, and H, the inverse of the Hessian as they know it.

    Args:
        size: how many moves are remembered.
        image: one of the images that move; has n numbers.
        smoothing: P; what H is a multiple of before it knows any move.

    Attributes:
        S: (size + 1, n), the moves, a ring buffer on the device; the row in excess is for the pair on trial.
        Y: P y of the changes of gradient y, in the same way.
        y: (n,), the change on trial itself.
        order: rows of the pairs that are remembered, oldest first.
        sy: (size + 1, size + 1), s_i·y_j for s_i no younger than y_j, on the host.
        yy: (size + 1, size + 1), y_i·P y_j, on the host.
    """

    def __init__(self, size: int, image: Tensor, smoothing: Callable[[Tensor], Tensor]):
        self.smoothing, self.y = smoothing, image.new_zeros(image.numel())
        self.S, self.Y = image.new_zeros(size + 1, image.numel()), image.new_zeros(size + 1, image.numel())
        self.sy, self.yy = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
        self.order: list[int] = []
        self.proposed: Tensor | None = None  # x of the pair on trial

    @property
    def spare(self) -> int:
        """The row of the pair on trial."""
        return (self.order[-1] + 1) % len(self.S) if self.order else 0

    def clear(self) -> None:
        self.order, self.proposed = [], None

    def propose(self, x: Tensor, x_before: Tensor, gradient: Tensor, gradient_before: Tensor) -> None:
        """Write s and y of a move on trial.

        Args:
            x: where it led (n,).
            x_before: where it began (n,).
            gradient: at x (n,).
            gradient_before: at x_before (n,).
        """
        if x is self.proposed:  # the last trial, which is mostly the one that is taken
            return
        self.proposed = x
        torch.sub(x, x_before, out=self.S[self.spare])
        torch.sub(gradient, gradient_before, out=self.y)
        self.Y[self.spare] = self.smoothing(self.y)

    def products(self, g: Tensor) -> Tensor:
        """S·y, Y·y, S·g, Y·g, y being that on trial: (4, rows in use), in one pass over the memory."""
        rows = max([*self.order, self.spare]) + 1
        both = torch.stack((self.y, g))  # (2, n)
        return torch.stack((products(both, self.S[:rows]), products(both, self.Y[:rows])), 1).flatten(0, 1)

    def admit(self, sy: np.ndarray, yy: np.ndarray, ss: float, least: float) -> list[int]:
        """Write the products of the pair on trial, unless its s and y are all but at right angles; → the new `order`.

        H must stay positive definite, and rounding or noise could have made so small an s·y. Until `order` is set to
        what is returned, the pair is on trial still.

        Args:
            sy: S·y, (rows in use,).
            yy: Y·y, (rows in use,).
            ss: s·s.
            least: cosine of the angle of s and y, above which a pair is remembered.
        """
        new, rows = self.spare, len(sy)
        # Near 0, 1 / s·y or 1 / y·P y would overflow.
        told = yy[new] > 0 and sy[new] > max(least * math.sqrt(ss * yy[new]), sys.float_info.min)
        if not told:
            return self.order
        self.sy[:rows, new], self.yy[:rows, new], self.yy[new, :rows] = sy, yy, yy  # where no other pair's are
        return [*self.order, new][-len(self.S) + 1 :]

    @in_own_precision
    def direction(self, smooth: Tensor, gPg: float, sg: np.ndarray, yg: np.ndarray) -> tuple[Tensor, float]:
        """d = -H g (n,) and its slope g·d: one more pass over the memory.

        The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) begins with q = g and takes away α_i y_i, from
        the youngest pair to the oldest; then r = γ P q gains (α_i - β_i) s_i, from the oldest to the youngest:

            α_i = s_i·q / s_i·y_i,    β_i = y_i·r / s_i·y_i,    γ = s·y / y·P y of the youngest.

        q and r are sums of g, y_j and s_j, so their products with s_i and y_i are sums of products that are known
        (Chen, Wang & Zhou 2014, "Large-scale L-BFGS using MapReduce"). The loops run over numbers; images are summed
        once, H g = γ (P g - Σ α_i P y_i) + Σ (α_i - β_i) s_i.

        Args:
            smooth: P g (n,) of the gradient g.
            gPg: g·P g.
            sg: S·g, (rows in use,).
            yg: Y·g, (rows in use,).
        """
        if not self.order:
            return -smooth, -gPg
        rows = np.array(self.order)
        sy, yy, sg, yg = self.sy[np.ix_(rows, rows)], self.yy[np.ix_(rows, rows)], sg[rows], yg[rows]  # by age
        rho, gamma = 1 / sy.diagonal(), sy[-1, -1] / yy[-1, -1]
        alpha, beta = np.zeros(len(rows)), np.zeros(len(rows))
        for i in reversed(range(len(rows))):
            alpha[i] = rho[i] * (sg[i] - sy[i, i + 1 :] @ alpha[i + 1 :])
        for i in range(len(rows)):
            beta[i] = rho[i] * (gamma * (yg[i] - yy[i] @ alpha) + sy[:i, i] @ (alpha - beta)[:i])
        slope = -(gamma * (gPg - yg @ alpha) + sg @ (alpha - beta))
        used = max(self.order) + 1
        weights = np.zeros((2, used))
        weights[:, rows] = beta - alpha, gamma * alpha
        of_s, of_y = torch.tensor(weights, dtype=smooth.dtype).to(smooth.device)  # (used,) each
        return (of_s @ self.S[:used]).add_(of_y @ self.Y[:used]).sub_(smooth, alpha=float(gamma)), float(slope)

    def state(self) -> State:
        """A copy: tensors, numbers and lists of numbers."""
        rows = max(self.order, default=-1) + 1
        tables = {"sy": self.sy.tolist(), "yy": self.yy.tolist(), "order": list(self.order)}
        return {"S": self.S[:rows].clone(), "Y": self.Y[:rows].clone(), **tables}

    def load(self, state: State) -> list[int]:
        """Go on from a copy; of one that remembers another number of moves, the youngest are kept.

        Returns:
            which of the copy's rows became the first, second, … row here.
        """
        if len(state["sy"]) == len(self.S):
            kept = list(range(len(state["S"])))  # each in its place, so that sums come out the same to the last bit
            self.order = list(state["order"])
        else:
            kept = state["order"][1 - len(self.S) :]
            self.order = list(range(len(kept)))
        rows = len(kept)
        self.S[:rows], self.Y[:rows] = state["S"][kept], state["Y"][kept]
        for table, old in ((self.sy, state["sy"]), (self.yy, state["yy"])):
            table[:rows, :rows] = np.array(old)[np.ix_(kept, kept)]
        return kept


def wolfe(
    trial: Callable[[float], Point],
    loss: float,
    slope0: float,
    first: float,
    *,
    noise: float = 0.0,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    trials: int = 20,
) -> tuple[Point | None, Stop | None]:
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
    best, troubles, slack = None, [], noise * abs(loss)
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


OPTIMIZERS: dict[str, Callable[..., Iterator[Step]]] = {"adam": adam, "lbfgs": lbfgs}


@torch.inference_mode(False)  # nothing that is made in it can be optimised
def optimize(
    objective: Callable[..., Any],
    image: Tensor,
    optimizer: str = "lbfgs",
    *,
    evaluations: int | None = 200,
    seconds: float | None = None,
    plateau: float | None = None,
    window: int = 20,
    **options: Any,
) -> Iterator[Step]:
    """Run an optimiser until something says stop; the last step's `stop` says what.

    Args:
        objective: image → (total, terms), or an object with `value_and_gradient` (see `Evaluator`).
        image: where to start, (1, 3, H, W), or what holds such pixels.
        optimizer: "adam" or "lbfgs".
        evaluations: the budget, counted from the very start, over all resumed parts. L-BFGS ends within one line
            search of it; a state that has spent it already is reported once more, and no step is taken.
        seconds: of this part.
        plateau: stop when the loss fell by less than this share over the last `window` iterations.
        window: see `plateau`.
        options: of the optimiser.

    Raises:
        InputError: no objective, no pixels, an unknown optimiser or option, or one out of its range.
    """
    method = OPTIMIZERS[one_of("optimizer", optimizer, OPTIMIZERS)]
    if not callable(objective) and not hasattr(objective, "value_and_gradient"):
        raise InputError(
            f"a {type(objective).__name__} is no objective: give an `Objective`, or image → (total, terms)"
        )
    limits = {"evaluations": evaluations, "seconds": seconds, "plateau": plateau, "window": window}
    evaluations, seconds, plateau, window = (judged(name, value, TAKES[name]) for name, value in limits.items())
    options = checked_options(optimizer, options)
    image = floats_of(image)
    check_fit(image, options)
    image = image.clone() if image.is_inference() else image
    state = options.get("state")
    if state and evaluations is not None and state["evaluations"] >= evaluations:
        yield Step(**{name: state[name] for name in STEP}, seconds=0.0, memory=lambda: state, stop=Stop.BUDGET)
        return
    losses: list[float] = []
    for step in method(objective, image, **options):
        losses = [*losses, step.loss][-window - 1 :]
        stop = step.stop
        if not stop and evaluations is not None and step.evaluations >= evaluations:
            stop = Stop.BUDGET
        elif not stop and seconds is not None and step.seconds >= seconds:
            stop = Stop.TIME
        elif not stop and plateau and len(losses) > window and losses[0] - min(losses[1:]) < plateau * abs(losses[0]):
            stop = Stop.PLATEAU
        yield replace(step, stop=stop)
        if stop:
            return


def checked_options(optimizer: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What an optimiser is given, refused before anything is evaluated if it does not take it.

    Args:
        optimizer: its name.
        options: of it, by name.

    Raises:
        InputError: an option that it has not; bounds, a schedule or a state that cannot be.
    """
    takes = options_of(optimizer)
    for name in options:
        if other := next((each for each in OPTIMIZERS if name not in takes and name in options_of(each)), None):
            raise InputError(f"{name} is an option of {other}: {optimizer} takes {', '.join(takes)}")
        one_of(f"option of {optimizer}", name, takes)
    bounds, schedule, state = (options.get(name) for name in ("bounds", "schedule", "state"))
    if bounds is not None and not room_between(bounds):
        raise InputError(f"bounds={bounds} leave a pixel no room: give (least, greatest), such as (0, 1)")
    if schedule and not rises(schedule):
        raise InputError(f"schedule={schedule} does not rise: give pairs (evaluation, rate), the earliest first")
    if state and not (isinstance(state, Mapping) and {*STEP, OWN[optimizer]} <= state.keys()):
        raise NoState(f"this is no state of {optimizer}: give the state() of a step of its own")
    return {name: judged(name, given, TAKES[name]) if name in TAKES else given for name, given in options.items()}


def options_of(optimizer: str) -> list[str]:
    """The names of what an optimiser takes beside objective and image."""
    return [p.name for p in signature(OPTIMIZERS[optimizer]).parameters.values() if p.kind is p.KEYWORD_ONLY]


def room_between(bounds: Any) -> bool:
    """Whether these are a least and a greatest value of pixels, with values between them in every channel."""
    try:
        low, high = (np.asarray(b.tolist() if isinstance(b, Tensor) else b, dtype=float) for b in bounds)
        return bool(np.all(low < high))
    except (TypeError, ValueError):
        return False


def rises(schedule: Any) -> bool:
    """Whether these are pairs of numbers, such as (evaluation, rate), whose first ones grow from 0 or above."""
    try:
        return all(earlier < later for (earlier, _), (later, _) in pairwise([(-1, 0), *schedule]))
    except (TypeError, ValueError):
        return False


def check_fit(image: Tensor, options: Mapping[str, Any]) -> None:
    """Refuse bounds and a state that are not those of such an image.

    Args:
        image: where to start.
        options: of the optimiser, each in its range.

    Raises:
        InputError: bounds for another number of channels, or a state of an image of another shape.
    """
    for bound in map(torch.as_tensor, options.get("bounds") or ()):
        if bound.numel() not in (1, image.shape[1]):
            raise InputError(f"{bound.numel()} bounds for {image.shape[1]} channels: give one, or one for each channel")
    state = options.get("state")
    if state and (not isinstance(state["image"], Tensor) or state["image"].shape != image.shape):
        raise NoState(f"this is no state of an image of shape {tuple(image.shape)}: begin with one of its own shape")
