"""A wrong answer that is no known mistake → what can be said of it, by the first of `DIAGNOSES` that has a word.

Each takes what was given and what was wanted, one array for each case, where (the cases in words) and the exercise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from .values import Answers, ratio, same, same_everywhere

if TYPE_CHECKING:
    from .question import Code

__all__ = ["DIAGNOSES"]


def wrong_shape(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    for g, w, case in zip(given, wanted, where, strict=True):
        if g.shape != w.shape and not g.size == w.size == 1:
            turned = " Is it transposed?" if g.shape == w.shape[::-1] else ""
            return f"For {case} your result has the shape {g.shape}, expected {w.shape}.{turned}"
    return ""


def not_a_number(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    bad = next((case for g, case in zip(given, where, strict=True) if not np.isfinite(g).all()), None)
    return f"For {bad} your result holds NaN or infinity: look for a division by 0 or an overflow." if bad else ""


def transposed(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    turned = [np.swapaxes(g, -1, -2) for g in given if g.ndim >= 2]
    if len(turned) == len(given) and same_everywhere(turned, wanted, exercise.tolerance):
        return "Right, but transposed: rows and columns are exchanged."
    return ""


def constant_factor(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    g, w = (np.concatenate([a.ravel() for a in arrays]) for arrays in (given, wanted))
    if np.count_nonzero(w) < 3:
        return ""
    factor = (g @ w) / (w @ w)
    if not factor or not same(g / factor, w, exercise.tolerance):
        return ""
    if math.isclose(factor, -1, rel_tol=1e-3):
        return "Right up to the sign: something is subtracted the wrong way round."
    return f"Right up to a factor of {ratio(factor)}, the same for all inputs."


def changing_factor(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    factors = []
    for g, w in zip(given, wanted, strict=True):
        if w.any():
            factors.append((g * w).sum() / (w * w).sum())
            if np.count_nonzero(w) < 3 or not factors[-1] or not same(g / factors[-1], w, exercise.tolerance):
                return ""
        elif g.any():
            return ""
    first = next(i for i, w in enumerate(wanted) if w.any())
    told = f"{ratio(factors[0])} for {where[first]}"
    return f"Right up to a factor that changes with the input, {told}: which count is it?"


def squares_only(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    square = [is_square(case) for case in exercise.cases]
    right = [same(g, w, exercise.tolerance) for g, w in zip(given, wanted, strict=True)]
    if any(square) and right == square:
        return f"Right on squares only: for {where[right.index(False)]}, which size is height, and which width?"
    return ""


def border_only(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    if any(w.ndim < 2 for w in wanted):
        return ""
    for width in (1, 2):
        inside = (..., *[slice(width, -width)] * 2)
        pairs = [(g[inside], w[inside]) for g, w in zip(given, wanted, strict=True)]
        if any(w.size for _, w in pairs) and all(same(g, w, exercise.tolerance) for g, w in pairs):
            return "Right inside and off at the border only: look at the padding."
    return ""


def first_difference(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    scale = max(np.abs(w).max(initial=0) for w in wanted)
    right = [bool((np.abs(g - w) <= exercise.tolerance * scale).all()) for g, w in zip(given, wanted, strict=True)]
    i = right.index(False)
    g, w = np.broadcast_arrays(given[i], wanted[i])
    at = np.unravel_index(np.abs(g - w).argmax(), w.shape)
    most = f"Right on {sum(right)} of {len(right)} inputs. " if any(right) else ""
    place = f" at {list(map(int, at))}" if at else ""
    return f"{most}For {where[i]} you have {g[at]:.5g}{place}, expected {w[at]:.5g}."


def is_square(case: tuple) -> bool:
    sizes = [v.shape for v in case if isinstance(v, Tensor | np.ndarray) and v.ndim >= 2]
    return bool(sizes) and all(s[-1] == s[-2] for s in sizes)


DIAGNOSES = (
    *(transposed, wrong_shape, not_a_number, constant_factor, changing_factor),
    *(squares_only, border_only, first_difference),
)
