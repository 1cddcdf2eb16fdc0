"""A wrong answer that is no known mistake → what can be said of it, by the first of `DIAGNOSES` that has a word.

Each takes what was given and what was wanted, one array for each case, where (the cases in words) and the exercise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from .values import Answers, Case, copy, ratio, right, same

if TYPE_CHECKING:
    from .code import Code

__all__ = ["DIAGNOSES", "common_factor"]


def other_shape(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    if any(g.size != w.size for g, w in zip(given, wanted, strict=True)):
        return ""
    brought = [g.reshape(w.shape) for g, w in zip(given, wanted, strict=True)]
    if not all(right(brought, wanted, exercise.tolerance, exercise.slack)):
        return ""
    i = next(i for i, (g, w) in enumerate(zip(given, wanted, strict=True)) if g.shape != w.shape)
    return f"Right, but in another shape: for {where[i]} you have {given[i].shape}, expected {wanted[i].shape}."


def wrong_shape(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    for g, w, case in zip(given, wanted, where, strict=True):
        if g.shape != w.shape and not g.size == w.size == 1:
            turned = " Is it transposed?" if g.shape == w.shape[::-1] else ""
            have, asked = (f"an array of shape {a.shape}" if a.ndim else "a single number" for a in (g, w))
            return f"For {case} you return {have}, expected {asked}.{turned}"
    return ""


def not_a_number(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    triples = zip(given, wanted, where, strict=True)
    asked = any(np.isinf(w).any() for w in wanted)  # then one in the wrong place is no accident
    bad = next((case for g, w, case in triples if not (np.isfinite(g) | (g == w) | (asked & np.isinf(g))).all()), None)
    if bad is None:
        return ""
    causes = "a division by 0, a log of 0, a root of less than 0, or an overflow"
    return f"For {bad} your result holds NaN or infinity: look for {causes}."


def transposed(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    turned = [np.swapaxes(g, -1, -2) for g in given if g.ndim >= 2]
    if len(turned) == len(given) and all(right(turned, wanted, exercise.tolerance)):
        return "Right, but transposed: rows and columns are exchanged."
    return ""


def constant_factor(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    return common_factor([(given, wanted)], exercise)


def common_factor(pairs: list[tuple[Answers, Answers]], exercise: Code) -> str:
    """What to tell of results that are all off by the same factor, as a loss and its gradient are, or "".

    Args:
        pairs: what was given and what was wanted, for each result that is looked at.
        exercise: whose they are.
    """
    if sum(np.count_nonzero(w) for _, wanted in pairs for w in wanted) < 3:
        return ""  # too few to tell a factor by
    factors = [factor_of(given, wanted, exercise) for given, wanted in pairs]
    factor = factors[0]
    if factor is None or ratio(factor) == ratio(1.0):  # too small a deviation to be put down to a factor
        return ""
    if not all(other is not None and math.isclose(other, factor, rel_tol=1e-3) for other in factors):
        return ""
    if math.isclose(factor, -1, rel_tol=1e-3):
        return "Right up to the sign: something is subtracted the wrong way round."
    where = " and ".join(exercise.returns.split()) if len(pairs) > 1 else "all inputs"
    return f"Right up to a factor of {ratio(factor)}, the same for {where}."


def factor_of(given: Answers, wanted: Answers, exercise: Code) -> float | None:
    """By what factor all that was given is off; None if there is no such factor."""
    if any(g.shape != w.shape for g, w in zip(given, wanted, strict=True)):
        return None
    g, w = (np.concatenate([a.ravel() for a in arrays]) for arrays in (given, wanted))
    factor = float(g @ w) / float(w @ w) if w.any() else 0.0
    return factor if factor and same(g / factor, w, exercise.tolerance) else None


COUNTS: dict[str, Callable[[int, int], int]] = {  # of a map (1, N, H, W), from N and H·W
    "N": lambda n, m: n,
    "H·W": lambda n, m: m,
    "N·H·W": lambda n, m: n * m,
    "N²": lambda n, m: n**2,
    "(H·W)²": lambda n, m: m**2,
}


def counted_factor(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    """Of a result of maps, a loss say, that is off by a count of theirs; a single number for each is enough."""
    if not re.search(r"maps? \(1, N, H, W\)", exercise.question):
        return ""
    looked = [i for i, w in enumerate(wanted) if w.any()]
    found = [factor_of([given[i]], [wanted[i]], exercise) for i in looked]
    factors = [factor for factor in found if factor is not None]
    if len(factors) < max(2, len(found)):
        return ""
    sizes = [(f.shape[1], f.shape[2] * f.shape[3]) for f, *_ in (exercise.cases[i] for i in looked)]
    first = where[looked[0]]
    for name, count in COUNTS.items():
        counts = [count(*size) for size in sizes]
        if near(factors, counts):
            return f"{name} times too large: divide by it, {counts[0]} for {first}."
        if near(factors, [1 / number for number in counts]):
            return f"{name} times too small, {counts[0]} for {first}: do you divide by it once too often?"
    if near(factors, [n / m for n, m in sizes]):
        return f"H·W stands where N belongs: for {first} you divide by {sizes[0][1]} in place of {sizes[0][0]}."
    if near(factors, [m / n for n, m in sizes]):
        return f"N stands where H·W belongs: for {first} you divide by {sizes[0][0]} in place of {sizes[0][1]}."
    return ""


def near(factors: list[float], counts: Sequence[float]) -> bool:
    """Whether factors are these."""
    return all(math.isclose(*pair, rel_tol=1e-3) for pair in zip(factors, counts, strict=True))


def squares_only(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    if not any(isinstance(v, Tensor) and v.ndim > 2 for v in exercise.cases[0]) and "kernel" not in exercise.takes:
        return ""  # scores and weights have neither height nor width
    told = right(given, wanted, exercise.tolerance, exercise.slack)
    seen = [
        (ok, is_square(case), words)
        for ok, case, words, w in zip(told, exercise.cases, where, wanted, strict=True)
        if w.any()
    ]
    if any(ok for ok, _, _ in seen) and all(ok == square for ok, square, _ in seen):
        first = next(words for ok, _, words in seen if not ok)
        return f"Right on squares only: for {first}, which size is height, and which width?"
    return ""


def changing_factor(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    factors = {}
    for g, w, case in zip(given, wanted, where, strict=True):
        if w.any():
            factors[case] = (g * w).sum() / (w * w).sum()
            if np.count_nonzero(w) < 3 or not factors[case] or not same(g / factors[case], w, exercise.tolerance):
                return ""
        elif g.any():
            return ""
    first = next((case for case, factor in factors.items() if ratio(factor) != ratio(1.0)), None)
    if first is None:
        return ""
    told = f"Right up to a factor that changes with the input, {ratio(factors[first])} for {first}"
    return f"{told}: by what do you multiply or divide?"


def last_line(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    if any(w.ndim < 2 for w in wanted):
        return ""
    for words, kept, first in (
        ("last row and column are", (..., slice(None, -1), slice(None, -1)), "a range ends one too early, + 1"),
        ("first row and column are", (..., slice(1, None), slice(1, None)), "counting begins at 0"),
    ):
        left = [g.copy() for g in given]
        for g in left:
            g[kept] = 0
        whole = all(same(g[kept], w[kept], exercise.tolerance) for g, w in zip(given, wanted, strict=True))
        if whole and not any(g.any() for g in left):
            return f"Right but for one line: the {words} 0 in your result, so {first}."
    return ""


def border_only(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    if "padding" not in exercise.takes or any(w.ndim < 2 for w in wanted):
        return ""
    bare = [case[exercise.takes.split().index("padding")] == 0 for case in exercise.cases]
    told = right(given, wanted, exercise.tolerance, exercise.slack)
    if not all(ok for ok, without in zip(told, bare, strict=True) if without):
        return ""
    for width in (1, 2):
        within = slice(width, -width)
        inside = (..., within, within)
        pairs = [(g[inside], w[inside]) for g, w in zip(given, wanted, strict=True)]
        if any(w.size for _, w in pairs) and all(same(g, w, exercise.tolerance) for g, w in pairs):
            return "Right inside and off at the border only: look at the padding."
    return ""


def first_difference(given: Answers, wanted: Answers, where: list[str], exercise: Code) -> str:
    told = right(given, wanted, exercise.tolerance, exercise.slack)
    i = told.index(False)
    g, w = np.broadcast_arrays(given[i], wanted[i])
    with np.errstate(invalid="ignore"):  # of infinity minus infinity
        off = np.where(g == w, 0, np.abs(g - w))
    at = np.unravel_index(off.argmax(), w.shape)
    # A blank input, which gives 0 whatever is done to it, says nothing.
    some = any(ok and w.any() for ok, w in zip(told, wanted, strict=True))
    most = f"Right on {sum(told)} of {len(told)} inputs. " if some else ""
    place = f" at {list(map(int, at))}" if at else ""
    truth = isinstance(exercise.call(exercise.solution, copy(exercise.cases[i])), bool) and g[at] in (0, 1)
    # Below it is rounding, or an ε of one's own choice.
    least = max(1e-9 * np.abs(w[np.isfinite(w)]).max(initial=0), exercise.slack)
    have, asked = (bool(v[at]) if truth else f"{v[at] if abs(v[at]) > least else 0:.5g}" for v in (g, w))
    return f"{most}For {where[i]} you have {have}{place}, expected {asked}."


def is_square(case: Case) -> bool:
    sizes = [v.shape for v in case if isinstance(v, Tensor | np.ndarray) and v.ndim >= 2]
    return bool(sizes) and all(s[-1] == s[-2] for s in sizes)


DIAGNOSES = (
    *(transposed, other_shape, wrong_shape, not_a_number, constant_factor, squares_only),
    *(counted_factor, changing_factor, last_line, border_only, first_difference),
)
