"""An objective → its value and gradient at flat images, counted, with the bounds of the pixels.

Pixels are held to their bounds outside the objective: each trial image is projected before it is evaluated, so that
loss and gradient belong to the image that they are reported for. (Clamping inside the function that is minimised
changes the image behind the optimiser's back; L-BFGS then builds its curvature from differences that never happened.)

Images stay on the device, numbers are judged on the host (Python and NumPy, float64). Each evaluation fetches all its
numbers at once: a device that is asked number by number stands still while the host thinks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor

from ..errors import InputError
from ..machine import in_own_precision
from .steps import State, Step, Stop

Bounds = tuple[float | Sequence[float], float | Sequence[float]]  # least and greatest, numbers or one per channel


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
