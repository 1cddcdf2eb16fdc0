"""An exercise and an answer → a verdict: predictions are compared, functions are tried and diagnosed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Verdict:
    """What `check` says: passed is True, False, or None for "not answered yet". It counts as true only if passed."""

    passed: bool | None
    message: str

    def __str__(self) -> str:
        return f"{ {True: '✓', False: '✗', None: '○'}[self.passed] } {self.message}"

    __repr__ = __str__

    def __bool__(self) -> bool:
        return self.passed is True

    def _repr_markdown_(self) -> str:
        return re.sub(r"([\\*_`$<|])", r"\\\1", str(self))


NOT_ANSWERED = Verdict(None, "Not answered yet.")


def unanswered(answer: object) -> bool:
    """None, Ellipsis or an empty text."""
    return answer is None or answer is ... or (isinstance(answer, str) and answer.strip() in ("", "?", "..."))


# Predictions


@dataclass(frozen=True, repr=False)
class Choice:
    """A question with options, (text, what to tell who chose it) by letter; the answer's tells why it is right."""

    name: str
    question: str
    answer: str
    options: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        return "\n".join([self.question, *(f"  {letter}) {text}" for letter, (text, _) in self.options.items())])

    __repr__ = __str__  # a notebook keeps what it shows, and the answer is not to be read there

    def _repr_markdown_(self) -> str:
        return "\n".join([f"{self.question}\n", *(f"- **{k}** {text}" for k, (text, _) in self.options.items())])

    def judge(self, answer: object) -> Verdict:
        letter = str(answer).strip().strip("()").lower()
        if letter not in self.options:
            return Verdict(False, f"Choose one of the letters {', '.join(self.options)}, in quotes.")
        return Verdict(letter == self.answer, self.options[letter][1])


@dataclass(frozen=True)
class Number:
    """A question with one number, or a tuple of them, as its answer.

    why: told to who is right. hint: told to who is wrong in a way that `mistakes` does not list. tolerance: relative.
    """

    name: str
    question: str
    answer: float | tuple[float, ...]
    why: str
    hint: str
    mistakes: tuple[tuple[float | tuple[float, ...], str], ...] = ()
    tolerance: float = 1e-6

    def __str__(self) -> str:
        return self.question

    def judge(self, answer: object) -> Verdict:
        given, wanted = numbers(answer), np.asarray(self.answer, dtype=np.float64)
        if given is None:
            return Verdict(False, f"This asks for {'numbers' if wanted.ndim else 'a number'}, not {kind(answer)}.")
        if wanted.ndim and given.shape == (len(wanted) + 1,) and given[0] == 1:
            given = given[1:]  # (1, C, H, W) says the same as (C, H, W)
        if same(given, wanted, self.tolerance):
            return Verdict(True, f"Right. {self.why}")
        for wrong, tell in self.mistakes:
            if same(given, np.asarray(wrong, dtype=np.float64), self.tolerance):
                return Verdict(False, tell)
        if given.size != wanted.size:
            return Verdict(
                False, f"This asks for {count(wanted.size, 'number')}, and you gave {given.size}. {self.hint}"
            )
        if not wanted.ndim:
            wrong = "too large" if given.item() > wanted else "too small" if given.item() < wanted else "not a number"
            return Verdict(False, f"{given.item():g} is {wrong}. {self.hint}")
        right = [f"{w:g}" for g, w in zip(given.ravel(), wanted, strict=True) if math.isclose(g, w)]
        return Verdict(False, f"{'Only ' + ' and '.join(right) if right else 'None of these'} is right. {self.hint}")


# Code


@dataclass(frozen=True)
class Code:
    """A question whose answer is a function.

    takes, returns: names of its arguments and, if there are several, of its results. cases: argument tuples to try it
    on. mistakes: pairs (wrong function, what to tell). tolerance: relative to the largest number expected.
    gradient: the result must carry a gradient to the first argument.
    """

    name: str
    question: str
    takes: str
    solution: Callable
    cases: tuple[tuple, ...]
    mistakes: tuple[tuple[Callable, str], ...]
    returns: str = ""
    why: str = ""
    gradient: bool = False
    tolerance: float = 1e-4

    def __str__(self) -> str:
        return f"{self.question}  ({self.takes.replace(' ', ', ')}) → {self.returns.replace(' ', ', ') or 'result'}"

    def judge(self, answer: object) -> Verdict:
        if not callable(answer):
            return Verdict(False, f'This asks for a function: check("{self.name}", f) without calling f.')
        found = self.collect(answer)
        if isinstance(found, Verdict):
            return found
        given, wanted = found, self.run(self.solution)
        if self.agree(given, wanted):
            trouble = self.check_gradient(answer) if self.gradient else ""
            return Verdict(not trouble, trouble or f"Right on all {len(self.cases)} inputs. {self.why}".strip())
        return Verdict(False, self.known(given) or self.diagnose(given, wanted))

    def collect(self, answer: Callable) -> list[tuple] | Verdict:
        """What a function returns on the cases, as arrays; or a verdict, if it cannot be compared."""
        found = []
        for case in self.cases:
            arguments, where = copy(case), self.describe(case)
            try:
                value = answer(*arguments)
            except NotImplementedError as error:
                if "aten::" in str(error):  # PyTorch's own, about an operation
                    return Verdict(False, raised(answer, error, where))
                return NOT_ANSWERED
            except Exception as error:
                return Verdict(False, raised(answer, error, where))
            if unanswered(value):
                missing = f"Nothing comes back for {where}: look for a branch without return."
                return Verdict(False, missing) if found else NOT_ANSWERED
            changed = [n for n, a, b in zip(self.takes.split(), arguments, case, strict=True) if not unchanged(a, b)]
            if changed:
                return Verdict(
                    False, f"Your function changes {changed[0]} in place: work on a copy, {changed[0]} + 0 say."
                )
            parts = self.parts(value)
            if parts is None:
                return Verdict(False, f"For {where} you return {kind(value)}, expected {self.expected()}.")
            found.append(parts)
        return found

    def run(self, function: Callable) -> list[tuple]:
        """The same for a function that is known to work."""
        return [self.parts(function(*copy(case))) for case in self.cases]

    def parts(self, value: object) -> tuple[np.ndarray, ...] | None:
        """A result as arrays, one per name in `returns`; None if it is none."""
        names = self.returns.split()
        if not names:
            array = numbers(value)
            return None if array is None else (array,)
        if not isinstance(value, tuple | list) or len(value) != len(names):
            return None
        arrays = tuple(map(numbers, value))
        return None if any(a is None for a in arrays) else arrays

    def expected(self) -> str:
        names = self.returns.split()
        return f"the {len(names)} results {', '.join(names)}" if names else "a tensor, an array or a number"

    def agree(self, given: list[tuple], wanted: list[tuple]) -> bool:
        return all(same_everywhere(g, w, self.tolerance) for g, w in by_result(given, wanted))

    def known(self, given: list[tuple]) -> str:
        """What to tell of the mistake that the answer behaves like, or ""."""
        return next((tell for wrong, tell in self.mistakes if self.agree(given, self.run(wrong))), "")

    def diagnose(self, given: list[tuple], wanted: list[tuple]) -> str:
        """What can be said of any wrong result; of several results, about the first that is wrong."""
        pairs = enumerate(by_result(given, wanted))
        index, (given, wanted) = next((i, p) for i, p in pairs if not same_everywhere(*p, self.tolerance))
        given = [g.reshape(w.shape) if g.size == w.size == 1 else g for g, w in zip(given, wanted, strict=True)]
        where = [self.describe(case) for case in self.cases]
        found = (look(given, wanted, where, self) for look in DIAGNOSES)
        told = next(filter(None, found))
        return f"{self.returns.split()[index]}: {told}" if self.returns else told

    def check_gradient(self, answer: Callable) -> str:
        """The trouble with the gradient of an answer whose values are right, or ""."""
        for case in self.cases:
            where = self.describe(case)
            try:
                given = slope(answer, case)
            except Exception as error:
                if "numpy" not in str(error):
                    return f"The value is right, but its gradient fails: {raised(answer, error, where)}"
                given = None
            if given is None:
                return "The value is right, but carries no gradient: item, detach, numpy and torch.tensor cut it off."
            if not np.isfinite(given).all():
                return f"The value is right, but its gradient is NaN for {where}: a root is vertical at 0, add 1e-12."
            if not same(given, slope(self.solution, case), 10 * self.tolerance):
                return f"The value is right, but its gradient is not, for {where}: is a part of it detached?"
        return ""

    def describe(self, case: tuple) -> str:
        """A case in words: "features (1, 4, 3, 5)"."""
        return ", ".join(f"{name} {short(value)}" for name, value in zip(self.takes.split(), case, strict=True))


Looked = Sequence[np.ndarray]  # one result of each case


def by_result(given: list[tuple], wanted: list[tuple]) -> list[tuple[Looked, Looked]]:
    """Lists of one tuple per case → one pair (given, wanted) per result."""
    return list(zip(zip(*given, strict=True), zip(*wanted, strict=True), strict=True))


def wrong_shape(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    for g, w, case in zip(given, wanted, where, strict=True):
        if g.shape != w.shape and not g.size == w.size == 1:
            turned = " Is it transposed?" if g.shape == w.shape[::-1] else ""
            return f"For {case} your result has the shape {g.shape}, expected {w.shape}.{turned}"
    return ""


def not_a_number(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    bad = next((case for g, case in zip(given, where, strict=True) if not np.isfinite(g).all()), None)
    return bad and f"For {bad} your result holds NaN or infinity: look for a division by 0 or an overflow."


def transposed(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    turned = [np.swapaxes(g, -1, -2) for g in given if g.ndim >= 2]
    if len(turned) == len(given) and same_everywhere(turned, wanted, exercise.tolerance):
        return "Right, but transposed: rows and columns are exchanged."
    return ""


def constant_factor(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    g, w = (np.concatenate([a.ravel() for a in arrays]) for arrays in (given, wanted))
    if np.count_nonzero(w) < 3:
        return ""
    factor = (g @ w) / (w @ w)
    if not factor or not same(g / factor, w, exercise.tolerance):
        return ""
    if math.isclose(factor, -1, rel_tol=1e-3):
        return "Right up to the sign: something is subtracted the wrong way round."
    return f"Right up to a factor of {ratio(factor)}, the same for all inputs."


def changing_factor(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    factors = []
    for g, w in zip(given, wanted, strict=True):
        if w.any():
            factors.append((g * w).sum() / (w * w).sum())
            if np.count_nonzero(w) < 3 or not factors[-1] or not same(g / factors[-1], w, exercise.tolerance):
                return ""
        elif g.any():
            return ""
    first = next(i for i, w in enumerate(wanted) if w.any())
    return (
        f"Right up to a factor that changes with the input, {ratio(factors[0])} for {where[first]}: which count is it?"
    )


def squares_only(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    square = [is_square(case) for case in exercise.cases]
    right = [same(g, w, exercise.tolerance) for g, w in zip(given, wanted, strict=True)]
    if any(square) and right == square:
        return f"Right on squares only: for {where[right.index(False)]}, which size is height, and which width?"
    return ""


def border_only(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    if any(w.ndim < 2 for w in wanted):
        return ""
    for width in (1, 2):
        inside = (..., *[slice(width, -width)] * 2)
        pairs = [(g[inside], w[inside]) for g, w in zip(given, wanted, strict=True)]
        if any(w.size for _, w in pairs) and all(same(g, w, exercise.tolerance) for g, w in pairs):
            return "Right inside and off at the border only: look at the padding."
    return ""


def first_difference(given: Looked, wanted: Looked, where: list[str], exercise: Code) -> str:
    scale = max(np.abs(w).max(initial=0) for w in wanted)
    right = [bool((np.abs(g - w) <= exercise.tolerance * scale).all()) for g, w in zip(given, wanted, strict=True)]
    i = right.index(False)
    g, w = np.broadcast_arrays(given[i], wanted[i])
    at = np.unravel_index(np.abs(g - w).argmax(), w.shape)
    most = f"Right on {sum(right)} of {len(right)} inputs. " if any(right) else ""
    place = f" at {list(map(int, at))}" if at else ""
    return f"{most}For {where[i]} you have {g[at]:.5g}{place}, expected {w[at]:.5g}."


DIAGNOSES = (
    *(transposed, wrong_shape, not_a_number, constant_factor, changing_factor),
    *(squares_only, border_only, first_difference),
)


def raised(answer: Callable, error: Exception, where: str) -> str:
    """An error in words: on which input, which error, at which line of the learner's function."""
    code, line, frame = getattr(answer, "__code__", None), "", error.__traceback__
    while frame:
        if frame.tb_frame.f_code is code:
            line = f"line {frame.tb_lineno - code.co_firstlineno + 1} of {code.co_name}"
        frame = frame.tb_next
    text = (str(error).strip().splitlines() or ["no message"])[0][:120].rstrip(".!")
    if isinstance(error, TypeError) and not line:
        return f"For {where} your function cannot be called: {text}."
    return f"For {where} it raises {type(error).__name__}: {text}. Print the shapes at {line or 'that line'}."


def slope(function: Callable, case: tuple) -> np.ndarray | None:
    """The gradient of a weighted sum of a function's result to its first argument; None if there is none."""
    first, *others = copy(case)
    with torch.enable_grad():
        result = function(first.requires_grad_(), *others)
        if not isinstance(result, Tensor) or not result.requires_grad:
            return None
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view(result.shape)
        (found,) = torch.autograd.grad((weights * result).sum(), first, allow_unused=True)
    return None if found is None else numbers(found)


def numbers(value: object) -> np.ndarray | None:
    """Tensors, arrays, lists of them and numbers as one array in float64; None if they are none."""
    try:
        if isinstance(value, Tensor):
            return value.detach().cpu().double().numpy()
        if isinstance(value, list | tuple):
            value = [numbers(v) for v in value]
        return np.asarray(value, dtype=np.float64) if not isinstance(value, str | type(None)) else None
    except (TypeError, ValueError, RuntimeError):
        return None


def same(given: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    return same_everywhere([given], [wanted], tolerance)


def same_everywhere(given: Looked, wanted: Looked, tolerance: float) -> bool:
    """Whether results agree on all cases, within a share of the largest number in any (a blank map expects 0)."""
    finite = [np.abs(w[np.isfinite(w)]).max(initial=0) for w in wanted]
    shapes = all(g.shape == w.shape or g.size == w.size == 1 for g, w in zip(given, wanted, strict=True))
    return shapes and all(
        np.allclose(g.reshape(w.shape), w, rtol=0, atol=tolerance * max(finite), equal_nan=True)
        for g, w in zip(given, wanted, strict=True)
    )


def copy(value: object) -> object:
    """A deep copy of arguments."""
    if isinstance(value, tuple | list):
        return type(value)(map(copy, value))
    return value.clone() if isinstance(value, Tensor) else value.copy() if isinstance(value, np.ndarray) else value


def unchanged(now: object, before: object) -> bool:
    if isinstance(before, tuple | list):
        return len(now) == len(before) and all(map(unchanged, now, before))
    a, b = (numbers(v) if isinstance(v, Tensor | np.ndarray) else v for v in (now, before))
    return np.array_equal(a, b) if isinstance(b, np.ndarray) else a == b


def short(value: object) -> str:
    """An argument in words: the shape of an array, the value of a number."""
    if isinstance(value, Tensor | np.ndarray):
        return str(tuple(value.shape))
    if isinstance(value, list) and value and isinstance(value[0], Tensor):
        return f"[{', '.join(map(short, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_square(case: tuple) -> bool:
    sizes = [v.shape for v in case if isinstance(v, Tensor | np.ndarray) and v.ndim >= 2]
    return bool(sizes) and all(s[-1] == s[-2] for s in sizes)


def kind(value: object) -> str:
    """A value's type in words."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"'{value}'" if isinstance(value, str) else f"a {type(value).__name__}"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def ratio(factor: float) -> str:
    """3.0, or 1/12."""
    inverse = 1 / factor
    whole = 0 < factor < 0.9 and math.isclose(inverse, round(inverse), rel_tol=1e-3)
    return f"1/{round(inverse)}" if whole else str(float(f"{factor:.3g}"))
