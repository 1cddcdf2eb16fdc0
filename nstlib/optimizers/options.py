"""What each optimiser takes, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import signature
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, one_of
from ..image import floats_of
from ..rules import Maybe, Number, Rule, Tuple, judged
from .history import MOVES
from .steps import STEP, Step

Method = TypeVar("Method", bound=Callable[..., Iterator[Step]])

OPTIMIZERS: dict[str, Callable[..., Iterator[Step]]] = {}  # those that are `checked`, by name
EVALUATIONS = Number(1, 10**6, whole=True)
RATE, DECAY = Number(0, 10, above=True), Number(0, 1, below=True)
TAKES: dict[str, Rule] = {  # of what is one number, or a row of them
    "rate": RATE,
    "betas": Tuple("two numbers, each of at least 0 and below 1", (DECAY, DECAY)),
    "epsilon": Number(0, 1, above=True),
    "average": DECAY,
    "history": MOVES,
    "first_move": Number(0, 10, above=True),
    "noise": Number(0, 1),
    "smoothness": Number(0, 2),
    "evaluations": Maybe(EVALUATIONS),
    "seconds": Maybe(Number(0)),
    "plateau": Maybe(Number(0, 1)),
    "window": Number(1, 10**6, whole=True),
}
OWN = {"adam": "m", "lbfgs": "sy"}  # what a state of each optimiser has and others' have not


class NoState(InputError):
    """What is no state that an optimiser can go on from."""


def checked(method: Method) -> Method:
    """An optimiser that refuses what it cannot take when it is called, before anything is evaluated.

    Args:
        method: objective, image in float32 at least and options → steps; its name becomes one of `OPTIMIZERS`.
    """
    stepping = torch.inference_mode(False)(method)  # nothing that is made in it can be optimised

    @wraps(method)
    @torch.inference_mode(False)
    def begin(objective: Any, image: Any, **options: Any) -> Iterator[Step]:
        if not callable(objective) and not hasattr(objective, "value_and_gradient"):
            raise InputError(
                f"a {type(objective).__name__} is no objective: give an `Objective`, or image → (total, terms)"
            )
        options = checked_options(method.__name__, options)
        image = floats_of(image)
        # In half precision a square of a gradient is 0, and a sum of its numbers infinite.
        image = image.to(torch.promote_types(image.dtype, torch.float32))
        check_fit(image, options)
        return stepping(objective, image.clone() if image.is_inference() else image, **options)

    OPTIMIZERS[method.__name__] = begin
    return cast(Method, begin)


def checked_options(optimizer: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What an optimiser is given, refused before anything is evaluated if it does not take it.

    Args:
        optimizer: its name.
        options: of it, by name.

    Raises:
        InputError: an option that it has not; bounds, a schedule or a state that cannot be.
    """
    takes, named = options_of(optimizer), {}
    for name, given in options.items():
        if other := next((each for each in OPTIMIZERS if name not in takes and name in options_of(each)), None):
            raise InputError(f"{name} is an option of {other}: {optimizer} takes {', '.join(takes)}")
        named[one_of(f"option of {optimizer}", name, takes)] = given
    options = named
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
    """Refuse what is no image, and bounds and a state that are not those of such a one.

    Args:
        image: where to start.
        options: of the optimiser, each in its range.

    Raises:
        InputError: another number of dimensions, bounds for another number of channels, or a state of an image of
            another shape.
    """
    if image.ndim != 4:
        raise InputError(
            f"a tensor of shape {tuple(image.shape)} is no image to start from: give (1, 3, height, width)"
        )
    for bound in map(torch.as_tensor, options.get("bounds") or ()):
        if bound.numel() not in (1, image.shape[1]):
            raise InputError(f"{bound.numel()} bounds for {image.shape[1]} channels: give one, or one for each channel")
    state = options.get("state")
    if state and (not isinstance(state["image"], Tensor) or state["image"].shape != image.shape):
        raise NoState(f"this is no state of an image of shape {tuple(image.shape)}: begin with one of its own shape")
