"""What functions return and are given → arrays to compare, and words for messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import one_line

__all__ = [
    *("Answers", "Case", "Found", "Function"),
    *("copy", "count", "due", "kind", "numbers", "ratio", "right", "rounded", "same", "short", "unchanged"),
]

MOST = 5e7  # numbers of a result that are looked at: no exercise asks for so many
LONG = 60  # letters: what takes more, an optimiser say, is called by its type
Answers = Sequence[np.ndarray]  # one for each case
Function = Callable[..., Any]  # a learner's, one that is right, or a likely mistake
Case = tuple[Any, ...]  # arguments on which a function is tried
Found = tuple[np.ndarray, ...]  # what it returns, one for each of its results


def numbers(value: object) -> np.ndarray | None:
    """Tensors, arrays, lists of them and numbers as one array in float64.

    None if they are none, complex, or more than anybody was asked for.
    """
    try:
        if isinstance(value, Tensor | np.ndarray) and np.prod(value.shape, dtype=float) > MOST:
            return None
        if isinstance(value, Tensor):
            value = value.detach().cpu()
            value = value.numpy() if value.is_complex() else value.to(torch.float64).numpy()
        if isinstance(value, list | tuple | Iterator):  # reversed(…), map(…)
            value = [numbers(v) for v in value]
            if any(v is None for v in value):
                return None
        if isinstance(value, str | type(None)):
            return None
        array = np.asarray(value)
        return None if np.iscomplexobj(array) else np.asarray(array, dtype=np.float64)
    except Exception:  # an object of somebody's own may raise anything
        return None


def same(given: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    """Whether a result agrees.

    Args:
        given: of any shape.
        wanted: of the same shape; a single number may have any.
        tolerance: relative to the largest number wanted.
    """
    return right([given], [wanted], tolerance)[0]


def right(given: Answers, wanted: Answers, tolerance: float, slack: float = 0.0) -> list[bool]:
    """Which cases agree.

    Args:
        given: one array for each case.
        wanted: the same, of the same shapes; a single number may have any.
        tolerance: relative to the largest number wanted in a case; where that is 0, in any case.
        slack: added to it, absolute.
    """
    sizes = [np.abs(w[np.isfinite(w)]).max(initial=0) for w in wanted]
    least = 1e-6 * max(sizes, default=0)  # a blank map wants 0, and gets 0 up to rounding
    scales = [size if size > least else 1e6 * least for size in sizes]
    return [
        (g.shape == w.shape or g.size == w.size == 1)
        and np.allclose(g.reshape(w.shape), w, rtol=0, atol=tolerance * scale + slack, equal_nan=True)
        for g, w, scale in zip(given, wanted, scales, strict=True)
    ]


def rounded(given: float, wanted: float) -> bool:
    """Whether a number is another one, rounded to its own digits, of which it has two at least.

    Args:
        given: as somebody typed it; zeros at its end do not count as digits.
        wanted: the exact number.

    >>> rounded(0.18, 0.17678), rounded(0.17, 0.17678), rounded(2.1e6, 2097152), rounded(2e6, 2097152)
    (True, False, True, False)
    """
    mantissa, exponent = f"{abs(given):.15e}".split("e") if math.isfinite(given) else ("", "0")
    digits = len(mantissa.replace(".", "").rstrip("0"))
    half = 10.0 ** (int(exponent) - digits + 1) / 2
    return digits >= 2 and abs(given - wanted) <= half * (1 + 1e-9)


def copy(value: Any) -> Any:
    """A deep copy of arguments."""
    if isinstance(value, tuple | list):
        return type(value)(map(copy, value))
    return value.clone() if isinstance(value, Tensor) else value.copy() if isinstance(value, np.ndarray) else value


def unchanged(now: Any, before: Any) -> bool:
    """Whether an argument is what it was.

    Args:
        now: after a function had it.
        before: a copy from before.
    """
    if isinstance(before, tuple | list):
        return len(now) == len(before) and all(map(unchanged, now, before))
    if not isinstance(before, Tensor | np.ndarray):
        return now == before
    a, b = numbers(now), numbers(before)
    if a is None or b is None:
        return False
    return a.shape == b.shape and same(a, b, 1e-6)  # w[i] += h, later -= h, restores w up to rounding


def short(value: object) -> str:
    """An argument in words: the shape of an array, the value of a number."""
    if isinstance(value, Tensor | np.ndarray):
        return str(tuple(value.shape))
    if isinstance(value, list) and value and isinstance(value[0], Tensor):
        return f"[{', '.join(map(short, value))}]"
    text = f"{value:g}" if isinstance(value, float) else getattr(value, "__name__", str(value))
    return text if len(text) <= LONG and "\n" not in text else kind(value)


def kind(value: object) -> str:
    """A value's type in words.

    >>> kind(object()), kind({}), kind(2j), kind(np.array([2j, 1]))
    ('an object', 'a dict', 'a complex number', 'complex numbers')
    """
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, str):
        return f"the text '{one_line(value)}'"
    if (
        value.is_complex()
        if isinstance(value, Tensor)
        else isinstance(value, complex | np.ndarray) and np.iscomplexobj(value)
    ):
        return "a complex number" if isinstance(value, complex) else "complex numbers"
    if not isinstance(value, Tensor | np.ndarray):
        name = type(value).__name__
        return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
    shape = f"of shape {tuple(value.shape)}"
    if np.prod(value.shape, dtype=float) > MOST:
        return f"an array {shape}, too large to compare"
    return f"an array {shape} that holds no plain numbers" if numbers(value) is None else "one array"


def due(value: object) -> str:
    """What was expected in place of a value, in words.

    >>> due(torch.tensor([1 + 0j])), due(np.array([2j]))
    ('real ones, as result.real gives them', 'a tensor, an array or a number')
    """
    if isinstance(value, Tensor) and value.is_complex():
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and np.iscomplexobj(value) and np.allclose(value.imag, 0, atol=1e-6):
        return "real ones, as result.real gives them"  # those of eig, say, or of an inverse transform
    return "a tensor, an array or a number"


def ratio(factor: float) -> str:
    """A factor in words: 3.0, or 1/12."""
    inverse = 1 / factor
    whole = 0 < factor < 0.9 and math.isclose(inverse, round(inverse), rel_tol=1e-3)
    return f"1/{round(inverse)}" if whole else str(float(f"{factor:.3g}"))
