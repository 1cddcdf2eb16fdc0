"""Adam: each pixel at a pace of its own, by running means of its gradient and of the gradient's square."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .evaluator import Bounds, Evaluator, Iterate, to_host
from .options import checked
from .steps import State, Step, Stop


@checked
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
        image: where to start, (1, 3, H, W); one in half precision goes on in float32.
        rate: in units of pixels in [0, 1].
        schedule: pairs (evaluation, rate) that replace it from there on.
        betas: decays of the running means of the gradient and of its square.
        epsilon: added to the root mean square of the gradient, so it must be small beside it.
        average: decay of a running mean of the images, which is then what steps carry; 0 for none.
        bounds: of the pixels, numbers or one number per channel; None for none.
        state: `Step.state()` of an earlier step, to go on from there.

    Raises:
        InputError: no objective, no pixels, or an option out of its range.
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
