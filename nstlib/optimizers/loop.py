"""Any optimiser, until something says stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..errors import one_of
from ..rules import judged
from .options import OPTIMIZERS, TAKES
from .steps import STEP, Step, Stop


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
        image: where to start, (1, 3, H, W), or what holds such pixels; in half precision they go on in float32.
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
    limits = {"evaluations": evaluations, "seconds": seconds, "plateau": plateau, "window": window}
    evaluations, seconds, plateau, window = (judged(name, value, TAKES[name]) for name, value in limits.items())
    steps = method(objective, image, **options)  # which refuses what it cannot take
    state = options.get("state")
    if state and evaluations is not None and state["evaluations"] >= evaluations:
        yield Step(**{name: state[name] for name in STEP}, seconds=0.0, memory=lambda: state, stop=Stop.BUDGET)
        return
    losses: list[float] = []
    for step in steps:
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
