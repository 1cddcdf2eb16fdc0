"""A learner's function → a verdict that names the likely mistake.

`check("04.gram", gram)` tries the function on small inputs, among them the awkward ones: maps that are not square, more
channels than positions, a blank map. An answer that behaves like a known mistake gets the message that names it; any
other wrong answer gets a general diagnosis. Predictions are checked alike: `check("03.shape", (512, 28, 28))`.

An exercise is data: a question, what it is tried on, the trusted answer (the library's own function, wherever there is
one), and pairs (wrong answer, what to tell). Below, one group per lesson.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .backbone import BACKBONES, Architecture, Fire, Layer, Spec
from .errors import choose
from .loss import content_loss, divide_shares, tv_loss
from .optimize import History, adam
from .recipe import RECIPES, convert, elements
from .style import STATISTICS, covariance, gram, mean_std, positions

__all__ = ["EXERCISES", "Choice", "Code", "Number", "Verdict", "check"]


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


def check(name: str, answer: object) -> Verdict:
    """Judge an answer: a function where the exercise asks for code, else a number, a tuple, or a choice's letter.

    A wrong answer never raises. Arrays, tensors, lists and numbers are accepted alike.

    Raises:
        InputError: there is no exercise of this name (names the nearest).

    >>> check("02.stacked", 6)
    ✗ Neighbouring windows overlap: the second 3×3 adds 2 pixels, not 3.
    >>> check("02.stacked", None)
    ○ Not answered yet.
    """
    exercise = EXERCISES[choose("exercise", name, EXERCISES)]
    return NOT_ANSWERED if unanswered(answer) else exercise.judge(answer)


def unanswered(answer: object) -> bool:
    """None, Ellipsis or an empty text."""
    return answer is None or answer is ... or (isinstance(answer, str) and answer.strip() in ("", "?", "..."))


# Predictions


@dataclass(frozen=True)
class Choice:
    """A question with options, (text, what to tell who chose it) by letter; the answer's tells why it is right."""

    name: str
    question: str
    answer: str
    options: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        return "\n".join([self.question, *(f"  {letter}) {text}" for letter, (text, _) in self.options.items())])

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
                return f"The value is right, but its gradient is NaN for {where}: a root has no slope at 0, add 1e-12."
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


# Inputs, the same ones every time


def arrays(seed: int, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Normal random arrays in float64."""
    made = np.random.default_rng(seed)
    return tuple(made.normal(size=shape) for shape in shapes)


def tensors(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """The same as tensors in float32."""
    return tuple(torch.tensor(a, dtype=torch.float32) for a in arrays(seed, *shapes))


def maps(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Feature maps as after a ReLU: a third of the numbers is 0, means differ by channel."""
    return tuple(F.relu(t + 0.4 + 0.2 * torch.arange(t.shape[1]).view(-1, 1, 1)) for t in tensors(seed, *shapes))


def uniform(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Pictures in [0, 1]."""
    made = np.random.default_rng(seed)
    return tuple(torch.tensor(made.uniform(size=shape), dtype=torch.float32) for shape in shapes)


MAP_SHAPES = ((1, 3, 4, 4), (1, 4, 3, 5), (1, 8, 2, 3))  # square; not square; more channels than positions
MAPS = (*((m,) for m in maps(4, *MAP_SHAPES)), (torch.zeros(1, 3, 2, 4),))
TWO_MAPS = (*(maps(5, shape, shape) for shape in MAP_SHAPES), (torch.zeros(1, 3, 2, 4), *maps(6, (1, 3, 2, 4))))
# A style picture has a size of its own.
STYLE_MAPS = (*TWO_MAPS[:3], maps(7, (1, 4, 3, 5), (1, 4, 4, 2)), TWO_MAPS[3])

# Lesson 01: a network from scratch (NumPy)


def softmax(x: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def chosen(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return p[np.arange(len(p)), labels]


def overflowing_loss(x: np.ndarray, labels: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        powers = np.exp(x)
        return -np.log(chosen(powers / powers.sum(1, keepdims=True), labels)).mean()


def adam_step(
    w, m, v, g, t, rate, *, correct=True, power=2, sign=-1, root=True, inside=False, betas=(0.9, 0.999), keep=False
):
    """Adam (Kingma & Ba 2015, algorithm 1), and its likely mistakes: w, m, v and g (n,), t = 1, 2, …"""
    m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * abs(g) ** power
    m_hat, v_hat = (m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)) if correct else (m, v)
    below = (v_hat + 1e-8) ** 0.5 if inside else v_hat**0.5 + 1e-8 if root else v_hat + 1e-8
    w = w + sign * rate * m_hat / below
    return (w, m_hat, v_hat) if keep else (w, m, v)


X, W, DY = arrays(11, (5, 4), (4, 3), (5, 3))
LINEAR = ((DY, X, W), arrays(12, (2, 3), (2, 3), (3, 3)), arrays(13, (1, 2), (1, 6), (6, 2)))
LOGITS = (
    *((arrays(14, (4, 3))[0], np.array([0, 2, 1, 1])), (arrays(15, (3, 5))[0], np.array([4, 0, 2]))),
    (np.array([[1000.0, 999.0], [-1000.0, -1002.0]]), np.array([0, 1])),
)
MOMENTUM = ((*arrays(16, (4,), (4,), (4,)), 0.1, 0.9), (*arrays(17, (3,), (3,), (3,)), 0.5, 0.5))
FIRST, LATER = arrays(18, (4,), (4,), (4,), (4,)), arrays(19, (3,), (3,), (3,), (3,))
ADAM = (
    (FIRST[0], 0 * FIRST[1], 0 * FIRST[2], FIRST[3], 1, 0.1),
    (LATER[0], LATER[1], LATER[2] ** 2, LATER[3], 7, 0.02),
)

LESSON_01 = (
    Code(
        name="01.softmax_loss",
        question="The mean cross-entropy of softmax for scores x (B, K) and labels (B,), natural logarithm.",
        takes="x labels",
        solution=lambda x, labels: F.cross_entropy(torch.tensor(x), torch.tensor(labels)).item(),
        cases=LOGITS,
        mistakes=(
            (lambda x, t: -np.log(chosen(softmax(x), t) + 1e-300).sum(), "You add up the batch: take its mean."),
            (lambda x, t: np.log(chosen(softmax(x), t)).mean(), "The sign: the loss is minus the logarithm."),
            (lambda x, t: 1 - chosen(softmax(x), t).mean(), "That is 1 - p: the loss is -log p."),
            (lambda x, t: -chosen(softmax(x), t).mean(), "The logarithm is missing: the loss is -log p."),
            (lambda x, t: -np.log2(chosen(softmax(x), t)).mean(), "That is in bits: take the natural logarithm."),
            (
                lambda x, t: -np.log(np.maximum(chosen(softmax(x, 0), t), 1e-300)).mean(),
                "Your softmax runs down the batch: each row, one picture's scores, has to sum to 1.",
            ),
            (
                overflowing_loss,
                "Right until scores are large: exp(1000) overflows. Take each row's maximum off first.",
            ),
        ),
    ),
    Code(
        name="01.linear_backward",
        question="For Y = X W + b and dY, the gradient of a scalar loss to Y, the gradients to X, W and b.",
        takes="dY X W",
        returns="dX dW db",
        solution=lambda dy, x, w: (dy @ w.T, x.T @ dy, dy.sum(0)),
        cases=LINEAR,
        mistakes=(
            (
                lambda dy, x, w: (dy @ w.T, x.T @ dy / len(x), dy.sum(0) / len(x)),
                "You divide by the batch again: dY holds the mean's 1/B already.",
            ),
            (lambda dy, x, w: (dy @ w.T, x.T @ dy, dy.mean(0)), "db is a sum over the batch, not a mean."),
            (lambda dy, x, w: (dy @ w.T, x.T @ dy, dy), "b serves every row of the batch: add up dY's rows for db."),
            (lambda dy, x, w: (dy @ w.T, dy.T @ x, dy.sum(0)), "dW has W's shape: Xᵀ dY, and yours is its transpose."),
            (lambda dy, x, w: (dy, x.T @ dy, dy.sum(0)), "dX is not dY: it goes back through W, as dY Wᵀ."),
        ),
    ),
    Code(
        name="01.relu_backward",
        question="The gradient to x of y = max(x, 0), given dy.",
        takes="dy x",
        solution=lambda dy, x: dy * (x > 0),
        cases=(arrays(20, (3, 3), (3, 3)), arrays(21, (2, 5), (2, 5)), arrays(22, (4,), (4,))),
        mistakes=(
            (lambda dy, x: dy, "You let everything through: where x was negative, no gradient passes."),
            (lambda dy, x: dy * np.maximum(x, 0), "You multiply by the value of ReLU: its slope is 1, not x."),
            (lambda dy, x: (x > 0) * 1.0, "That is ReLU's slope alone: multiply it by dy, the chain rule."),
            (lambda dy, x: dy * (dy > 0), "You look at the sign of dy: the mask comes from x."),
            (lambda dy, x: np.maximum(dy * x, 0), "You apply ReLU to a product: mask dy where x was negative."),
        ),
    ),
    Code(
        name="01.momentum",
        question="One step of SGD with momentum: v ← μ v + g, then w ← w - rate · v. Return w and v.",
        takes="w v g rate mu",
        returns="w v",
        solution=lambda w, v, g, rate, mu: (w - rate * (mu * v + g), mu * v + g),
        cases=MOMENTUM,
        mistakes=(
            (lambda w, v, g, rate, mu: (w - rate * v, mu * v + g), "You move by the old v: update v first."),
            (
                lambda w, v, g, rate, mu: (w - rate * (mu * v + (1 - mu) * g), mu * v + (1 - mu) * g),
                "You weight g by 1 - μ: that is a running mean, as Adam keeps it.",
            ),
            (lambda w, v, g, rate, mu: (w + rate * (mu * v + g), mu * v + g), "You climb: subtract rate · v from w."),
            (lambda w, v, g, rate, mu: (w - rate * g, mu * v + g), "You move by g alone: the step is v's."),
            (
                lambda w, v, g, rate, mu: (w + mu * v - rate * g, mu * v - rate * g),
                "Another convention: your v holds the rate already. Keep the rate for the step of w.",
            ),
        ),
    ),
    Code(
        name="01.adam",
        question="Step t = 1, 2, … of Adam with β = (0.9, 0.999) and ε = 1e-8. Return w, m and v.",
        takes="w m v g t rate",
        returns="w m v",
        solution=adam_step,
        cases=ADAM,
        mistakes=(
            (
                partial(adam_step, correct=False),
                "The bias correction is missing: divide m by 1 - β₁ᵗ and v by 1 - β₂ᵗ.",
            ),
            (partial(adam_step, keep=True), "Return the plain m and v: the corrected ones serve this step only."),
            (partial(adam_step, root=False), "The square root is missing: divide by √v, not by v."),
            (partial(adam_step, power=1), "v averages the squares of g: g² is missing."),
            (partial(adam_step, sign=1), "You climb: the step is subtracted from w."),
            (partial(adam_step, betas=(0.999, 0.9)), "The betas are exchanged: 0.9 is for m, 0.999 for v."),
        ),
    ),
    Number(
        name="01.parameters",
        question="How many parameters has a network 64 → 32 → 10 with biases?",
        answer=64 * 32 + 32 + 32 * 10 + 10,
        why="64·32 + 32 and 32·10 + 10.",
        hint="Each layer has inputs × outputs weights and one bias per output.",
        mistakes=(
            (64 * 32 + 32 * 10, "The biases are missing: 32 and 10 more."),
            (106, "Those are the units: count arrows."),
        ),
    ),
    Number(
        name="01.first_loss",
        question="About how large is the cross-entropy of ten classes before any training?",
        answer=math.log(10),
        why="All ten are equally likely, and -ln 1/10 = 2.303.",
        hint="Each class gets p = 1/10: what is -ln p?",
        mistakes=(
            (math.log2(10), "That is in bits: the natural logarithm gives 2.3."),
            (1.0, "That is the logarithm to base 10: take the natural one."),
            (0.1, "That is p itself: the loss is -ln p."),
            (0.9, "That is the error rate of guessing: the loss is -ln p."),
        ),
        tolerance=0.02,
    ),
    Number(
        name="01.rate",
        question="Gradient descent on 2w²: from which learning rate on does it no longer come nearer to 0?",
        answer=0.5,
        why="A step multiplies w by 1 - 4·rate, which reaches -1 at 0.5.",
        hint="The slope is 4w, so a step multiplies w by 1 - 4·rate: when is that as large as 1?",
        mistakes=(
            (0.25, "That rate lands on the minimum in one step: twice as much bounces for ever."),
            (1.0, "The slope of 2w² is 4w, not 2w: the limit comes sooner."),
            (2.0, "2 is the limit for w²/2: this bowl curves four times as much."),
        ),
    ),
    Choice(
        name="01.zeros",
        question="All weights of a two-layer network with ReLU start at 0. What happens?",
        answer="c",
        options={
            "a": (
                "It learns, only slower.",
                "Not even slowly: hidden units that all give 0 send no gradient anywhere.",
            ),
            "b": ("The loss becomes NaN.", "Nothing overflows: all scores are 0 and the loss is ln 10."),
            "c": (
                "Only the last bias learns.",
                "Right. All hidden units give 0, so only the last bias has a gradient.",
            ),
            "d": ("It learns as well as ever.", "Units that start alike stay alike, and here they all give 0."),
        },
    ),
)

# Lesson 02: convolutional networks


def field_of(layers: list[tuple[int, int]]) -> int:
    """The receptive field after layers (kernel, stride), by the library."""
    specs = tuple(Spec(str(i), "conv", 1, kernel, step) for i, (kernel, step) in enumerate(layers))
    return geometry(specs).receptive_field


def geometry(specs: tuple[Spec, ...]) -> Layer:
    return list(Architecture("", specs, (), ()).layers.values())[-1]


def correlate(x: Tensor, kernel: Tensor, padding: int, mode: str = "constant") -> Tensor:
    return F.conv2d(F.pad(x[None, None], (padding,) * 4, mode=mode), kernel[None, None])[0, 0]


def early_field(layers: list[tuple[int, int]]) -> int:
    field, stride = 1, 1
    for kernel, step in layers:
        stride *= step
        field += (kernel - 1) * stride
    return field


POOLED = tuple((t,) for t in tensors(24, (1, 2, 4, 4), (1, 3, 5, 7), (1, 1, 2, 3)))

LESSON_02 = (
    Code(
        name="02.size",
        question="The size that a convolution gives to n pixels.",
        takes="n kernel stride padding",
        solution=lambda n, k, s, p: F.conv1d(torch.ones(1, 1, n), torch.ones(1, 1, k), None, s, p).shape[-1],
        cases=((28, 5, 1, 0), (32, 3, 1, 1), (224, 7, 2, 3), (55, 3, 2, 0), (8, 2, 2, 0), (9, 1, 4, 0)),
        mistakes=(
            (lambda n, k, s, p: (n + 2 * p - k) // s, "One too few: the first window counts as well, so + 1."),
            (lambda n, k, s, p: (n + p - k) // s + 1, "The padding is on both sides: 2 p."),
            (lambda n, k, s, p: (n - k) // s + 1, "The padding is missing: it adds 2 p pixels."),
            (lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "You round up: an incomplete last window is left out."),
            (lambda n, k, s, p: (n + 2 * p - k) / s + 1, "A size is whole: divide with //."),
            (lambda n, k, s, p: n + 2 * p - k + 1, "The stride is missing: it divides the way that the window can go."),
        ),
    ),
    Code(
        name="02.convolve",
        question="Convolve one channel x (H, W) with a kernel (k, k), as networks do it, with zero padding; stride 1.",
        takes="x kernel padding",
        solution=correlate,
        cases=tuple(
            (*tensors(seed, shape, (k, k)), padding)
            for seed, shape, k, padding in (
                (30, (5, 5), 3, 1),
                (31, (4, 7), 3, 0),
                (32, (6, 5), 2, 1),
                (33, (6, 6), 5, 2),
            )
        ),
        mistakes=(
            (
                lambda x, k, p: correlate(x, k.flip(0, 1), p),
                "Your kernel is flipped: that is mathematics' convolution, and networks slide the kernel as it is.",
            ),
            (lambda x, k, p: correlate(x, k.T, p), "Your kernel is transposed: its rows belong to the rows of x."),
            (lambda x, k, p: correlate(x, k, 0), "The padding is missing: put x into a larger field of zeros first."),
            (lambda x, k, p: correlate(x, k, p, "replicate"), "You pad by repeating the border: pad with zeros."),
            (
                lambda x, k, p: correlate(x, k, p) / k.numel(),
                "You take the mean of the products: a convolution adds them up.",
            ),
        ),
    ),
    Code(
        name="02.max_pool",
        question="Max pooling of x (1, C, H, W) in windows of 2×2, stride 2.",
        takes="x",
        solution=partial(F.max_pool2d, kernel_size=2),
        cases=POOLED,
        mistakes=(
            (partial(F.avg_pool2d, kernel_size=2), "That is the mean of each window: take its maximum."),
            (partial(F.max_pool2d, kernel_size=2, stride=1), "Your windows overlap: they move by 2, not by 1."),
            (
                partial(F.max_pool2d, kernel_size=2, ceil_mode=True),
                "An odd last row or column makes no window of its own: leave it out.",
            ),
            (lambda x: x[..., ::2, ::2], "You keep each window's first number: take its maximum."),
            (lambda x: F.max_pool2d(x, 2).relu(), "Negative numbers count too: start from the window, not from 0."),
        ),
    ),
    Code(
        name="02.receptive_field",
        question="How many pixels one position sees after layers [(kernel, stride), …].",
        takes="layers",
        solution=field_of,
        cases=(
            ([(3, 1)],),
            ([(3, 1), (3, 1)],),
            ([(3, 1), (3, 1), (2, 2), (3, 1)],),
            ([(7, 2), (3, 2), (3, 1), (2, 2)],),
        ),
        mistakes=(
            (lambda layers: sum(k for k, _ in layers), "Neighbouring windows overlap: a kernel adds k - 1, not k."),
            (
                lambda layers: 1 + sum(k - 1 for k, _ in layers),
                "After a stride of 2 a step is 2 pixels wide: multiply k - 1 by all strides before.",
            ),
            (early_field, "A layer's own stride comes after its window: only the strides before it count."),
            (lambda layers: math.prod(k for k, _ in layers), "Kernels add up, they do not multiply."),
            (lambda layers: field_of(layers) - 1, "One too few: the position itself is the 1 to start from."),
        ),
    ),
    Code(
        name="02.conv_parameters",
        question="The number of parameters of a convolution with bias.",
        takes="channels_in channels_out kernel",
        solution=lambda i, o, k: sum(p.numel() for p in nn.Conv2d(i, o, k).parameters()),
        cases=((3, 8, 3), (16, 4, 1), (8, 8, 5)),
        mistakes=(
            (lambda i, o, k: i * o * k * k, "The biases are missing: one per output channel."),
            (lambda i, o, k: i * o * k * k + i, "A bias belongs to an output channel, not to an input channel."),
            (lambda i, o, k: i * o * k + o, "The kernel has two sides: k²."),
            (lambda i, o, k: o * k * k + o, "Each output looks at all input channels: multiply by those too."),
            (
                lambda i, o, k: i * o * (k * k + 1),
                "A bias for each pair of channels is too many: one per output channel.",
            ),
        ),
    ),
    Number(
        name="02.lenet_side",
        question="28×28 pixels → conv 5×5 → pool 2×2 → conv 5×5 → pool 2×2, without padding: which side is left?",
        answer=4,
        why="28 → 24 → 12 → 8 → 4.",
        hint="A 5×5 convolution takes 4 pixels off, a pooling halves.",
        mistakes=(
            (7, "That is with padding: here each convolution takes 4 pixels off."),
            (5, "The first convolution has no padding here: it leaves 24 of 28."),
            (8, "The last pooling is missing: 28 → 24 → 12 → 8, and then?"),
            (16, "A side was asked for, not an area: 4 × 4 positions."),
        ),
    ),
    Number(
        name="02.stacked",
        question="How many pixels in a row does a unit see after two 3×3 convolutions of stride 1?",
        answer=5,
        why="3, and 2 more: as much as one 5×5, with fewer parameters.",
        hint="The first sees 3; the second looks at three neighbours of these.",
        mistakes=(
            (6, "Neighbouring windows overlap: the second 3×3 adds 2 pixels, not 3."),
            (9, "Windows add up, they do not multiply: each adds 2."),
            (3, "That is one layer: the second one sees three of its neighbours."),
            (25, "That is the area: in a row there are 5."),
        ),
    ),
    Number(
        name="02.three_for_one",
        question="Three 3×3 convolutions see as much as one 7×7, all C → C channels: with what share of its weights?",
        answer=27 / 49,
        why="27 C² against 49 C².",
        hint="A k×k convolution from C to C channels has k² C² weights.",
        mistakes=(
            (9 / 49, "That is one 3×3: there are three."),
            (9 / 7, "Kernels have two sides: 3·3² against 7²."),
            (49 / 27, "Upside down: the three have fewer."),
        ),
        tolerance=0.01,
    ),
)

# Lesson 03: feature maps

VGG = BACKBONES["vgg19"]
RELU4_2 = VGG.layers["relu4_2"]


def position_of(layers: list[tuple[int, int, int]], i: int) -> float:
    """Where position i lies after layers (kernel, stride, padding), by the library."""
    found = geometry(tuple(Spec(str(n), "conv", 1, *layer) for n, layer in enumerate(layers)))
    return found.stride * i + found.offset


def stride_of(layers: list[tuple[int, int, int]]) -> int:
    return math.prod(s for _, s, _ in layers)


PLACED = tuple(
    ([(3, 1, 1)] * before + [(2, 2, 0)] + [(k, s, p)], i)
    for before, k, s, p, i in ((1, 3, 1, 1, 0), (2, 2, 2, 0, 3), (0, 3, 2, 0, 5), (1, 7, 1, 2, 10))
)

LESSON_03 = (
    Code(
        name="03.position",
        question="The pixel on which position i of a map is centred, after layers [(kernel, stride, padding), …].",
        takes="layers i",
        solution=position_of,
        cases=PLACED,
        mistakes=(
            (lambda layers, i: stride_of(layers) * i, "The offset is missing: a 2×2 window lies between two pixels."),
            (
                lambda layers, i: stride_of(layers) * (i + 0.5) - 0.5,
                "Half a stride is not always the offset: add up (k - 1)/2 - padding, layer by layer.",
            ),
            (
                lambda layers, i: position_of([(k, s, 0) for k, s, _ in layers], i),
                "The padding is missing: it moves the first window p steps to the left.",
            ),
            (
                lambda layers, i: stride_of(layers) * i + sum((k - 1) / 2 - p for k, _, p in layers),
                "After a stride a shift is worth more pixels: multiply it by the strides before.",
            ),
        ),
    ),
    Code(
        name="03.content_loss",
        question="The mean square difference of two maps (1, N, H, W).",
        takes="features target",
        solution=content_loss,
        cases=TWO_MAPS,
        gradient=True,
        mistakes=(
            (lambda f, p: (f - p).square().sum(), "You add up: divide by the numbers in the map, N·H·W."),
            (
                lambda f, p: (f - p).square().sum() / 2,
                "That is equation 1 of the paper, half a sum: here take the mean.",
            ),
            (lambda f, p: (f - p).square().mean() / 2, "Half of it: leave the paper's ½ out."),
            (lambda f, p: (f - p).abs().mean(), "You take absolute values: take squares."),
            (lambda f, p: (f - p).square().mean().sqrt(), "No root: the loss is the mean square itself."),
            (
                lambda f, p: (f - p).mean().square(),
                "You average before you square, so differences cancel: square first.",
            ),
            (
                lambda f, p: (f - p).square().sum() / f.shape[1],
                "You divide by the channels alone: positions count too.",
            ),
        ),
    ),
    Code(
        name="03.strongest",
        question="The number of the channel of a map (1, N, H, W) that fires most, on average over positions.",
        takes="features",
        solution=lambda f: f.mean((2, 3)).argmax().item(),
        cases=tuple(
            (torch.tensor(m, dtype=torch.float32)[None],)
            for m in (
                [[[0, 9, 0], [0, 0, 0]], [[2, 2, 2], [2, 2, 2]], [[1, 1, 1], [1, 1, 1]]],
                [[[1, 1], [1, 1]], [[0, 0], [8, 0]], [[0, 3], [3, 3]], [[-9, -9], [-9, -9]]],
            )
        ),
        mistakes=(
            (lambda f: f.amax((2, 3)).argmax().item(), "You ask for the highest peak: average over positions first."),
            (lambda f: f.argmax().item(), "That is a place in the flattened map: average over positions, then argmax."),
            (lambda f: f.abs().mean((2, 3)).argmax().item(), "Negative numbers are no firing: leave abs out."),
            (lambda f: f.mean((2, 3)).argmin().item(), "That is the weakest: argmax, not argmin."),
        ),
    ),
    Number(
        name="03.shape",
        question="The shape (C, H, W) of relu4_2 of VGG-19 for a picture of 224 × 224.",
        answer=(RELU4_2.channels, 224 // RELU4_2.stride, 224 // RELU4_2.stride),
        why="Three poolings lie before block 4: 224 / 2³ = 28.",
        hint="Channels come first; each pooling before the layer halves the sides.",
        mistakes=(
            ((512, 14, 14), "One pooling too many: the fourth comes after block 4."),
            ((512, 56, 56), "One pooling too few: three lie before block 4."),
            ((256, 28, 28), "Block 3 has 256 channels: block 4 has 512."),
            ((28, 28, 512), "Channels come first here: (C, H, W)."),
            ((512, 224, 224), "The poolings are missing: each halves the sides."),
        ),
    ),
    Number(
        name="03.field",
        question="How many pixels in a row does relu4_2 of VGG-19 see?",
        answer=RELU4_2.receptive_field,
        why="After each pooling a 3×3 convolution adds twice as many pixels as before.",
        hint="Add (k - 1) × stride, layer by layer, with 2×2 poolings among them.",
        mistakes=(
            (21, "The strides are missing: behind three poolings a 3×3 adds 16 pixels."),
            (77, "The poolings' own windows are missing: they see 2×2 and add 1, 2 and 4."),
            (68, "That is relu4_1: one more convolution adds 16."),
            (100, "That is relu4_3: one convolution fewer."),
            (8, "That is the stride: how far apart two positions lie, not how much each sees."),
        ),
    ),
    Choice(
        name="03.forgets",
        question="Noise is changed until it has the photograph's relu5_1. What does it look like?",
        answer="b",
        options={
            "a": ("The photograph, pixel by pixel.", "That is relu1_1: it knows nearly every pixel."),
            "b": (
                "Its objects in place, with other colours and details.",
                "Right. What is where stays, how it looks goes.",
            ),
            "c": ("Its colours, with objects anywhere.", "A map knows place: only a Gram matrix forgets it."),
            "d": ("Still noise.", "Deep maps are coarse, but know shapes and places."),
        },
    ),
    Choice(
        name="03.content_layer",
        question="Why is content compared at relu4_2 and not at relu1_1?",
        answer="a",
        options={
            "a": (
                "It fixes what is where, and leaves strokes and colours free.",
                "Right. At relu1_1 every pixel would be fixed, and nothing left to paint.",
            ),
            "b": ("It is faster.", "Deeper is slower: every layer before it is run too."),
            "c": ("It has more numbers.", "It has fewer: 512·28·28 against 64·224·224."),
            "d": ("relu1_1 sees no colour.", "It sees colour well: that is what must not be fixed."),
        },
    ),
)

# Lesson 04: Gram matrices


def raw(f: Tensor) -> Tensor:
    """R = F Fᵀ, and M positions do not divide it."""
    return positions(f) @ positions(f).T


def area(f: Tensor) -> int:
    return f.shape[2] * f.shape[3]


def style_loss(name: str) -> Callable:
    """Two maps → the loss by one of the library's Gram statistics."""
    statistic = STATISTICS[name]
    return lambda f, target: statistic.distance(statistic.describe(f), statistic.describe(target))


def square(f: Tensor, target: Tensor) -> Tensor:
    """Σ (ΔR/M)², which the three normalisations divide."""
    return (gram(f) - gram(target)).square().sum()


def style_gradient(f: Tensor, target: Tensor) -> Tensor:
    """The gradient of E to the map, by autograd."""
    f = f.clone().requires_grad_()
    with torch.enable_grad():
        loss = STATISTICS["gram-e"].distance(gram(f), target)
    return torch.autograd.grad(loss, f)[0]


def scaled_gradient(scale: Callable) -> Callable:
    return lambda f, target: style_gradient(f, target) * scale(f)


NO_M = "The 1/M is missing: divide each Gram matrix by its number of positions, H·W."
OWN_M = "Each Gram matrix is divided by its own number of positions: the style picture may have another size."


def unequal(divide: float) -> Callable:
    """Both Gram matrices over the first map's positions."""
    return lambda f, t: (raw(f) - raw(t)).square().mean() / area(f) ** 2 / divide


MATRICES = tuple((f, gram(t)) for f, t in STYLE_MAPS)

LESSON_04 = (
    Code(
        name="04.gram",
        question="The Gram matrix F Fᵀ / M (N, N) of a map (1, N, H, W) with M = H·W positions.",
        takes="features",
        solution=gram,
        cases=MAPS,
        gradient=True,
        why="A blank map too.",
        mistakes=(
            (raw, "Your Gram matrix is M times too large: divide by the positions, H·W."),
            (
                lambda f: gram(f) / f.shape[1],
                "Your Gram matrix is N times too small: did you divide twice, by positions and by channels?",
            ),
            (
                lambda f: raw(f) / f.shape[1],
                "You divide by the channels N: divide by the positions M = H·W.",
            ),
            (
                lambda f: gram(f) / area(f),
                "Your Gram matrix is M times too small: did you divide by the positions twice?",
            ),
            (
                lambda f: positions(f).T @ positions(f) / area(f),
                "You compare positions, Fᵀ F (M, M): channels are the rows of F, so F Fᵀ (N, N).",
            ),
            (covariance, "You take the mean off first: that is the covariance."),
            (
                lambda f: raw(f.reshape(1, *f.shape[2:], -1).permute(0, 3, 1, 2)) / area(f),
                "Reshaping mixes channels and positions: flatten (N, H, W) to (N, H·W) as it lies.",
            ),
        ),
    ),
    *(
        Code(
            name=f"04.{name}",
            question=f"{formula} of two maps (1, N, H, W), which may differ in size; R = F Fᵀ.",
            takes="features target",
            solution=style_loss(statistic),
            cases=STYLE_MAPS,
            gradient=True,
            mistakes=mistakes,
        )
        for name, statistic, formula, mistakes in (
            (
                "e",
                "gram-e",
                "E = Σ (ΔR/M)² / (4 N²), the papers' loss,",
                (
                    (style_loss("gram-4e"), "4 times too large: the papers' ¼ is missing."),
                    (lambda f, t: square(f, t) / 4, "N² times too large: divide by the numbers in the matrix."),
                    (lambda f, t: square(f, t) / 4 / f.shape[1], "N times too large: divide by N², not by N."),
                    (lambda f, t: square(f, t) / 4 / f.shape[1] ** 4, "N² times too small: did you divide twice?"),
                    (lambda f, t: (raw(f) - raw(t)).square().mean() / 4, NO_M),
                    (unequal(4), OWN_M),
                ),
            ),
            (
                "4e",
                "gram-4e",
                "4E = Σ (ΔR/M)² / N², a mean square,",
                (
                    (style_loss("gram-e"), "4 times too small: without the papers' ¼ here."),
                    (square, "N² times too large: take the mean over the matrix, not the sum."),
                    (style_loss("gram-4e/n2"), "N² times too small: that is 4E/N²."),
                    (lambda f, t: (raw(f) - raw(t)).square().mean(), NO_M),
                    (unequal(1), OWN_M),
                ),
            ),
            (
                "4e_n2",
                "gram-4e/n2",
                "4E/N² = Σ (ΔR/(N M))² / N², the mean square of matrices divided by N M,",
                (
                    (style_loss("gram-4e"), "N² times too large: here each matrix is divided by N too."),
                    (style_loss("gram-e"), "That is E: here without ¼, and each matrix divided by N too."),
                    (lambda f, t: square(f, t) / f.shape[1] ** 3, "N times too large: N comes twice, and is squared."),
                    (lambda f, t: (raw(f) - raw(t)).square().mean() / f.shape[1] ** 2, NO_M),
                    (lambda f, t: unequal(1)(f, t) / f.shape[1] ** 2, OWN_M),
                ),
            ),
        )
    ),
    Code(
        name="04.mean_std",
        question="Mean and standard deviation (2, N) of each channel of a map (1, N, H, W), over all its positions.",
        takes="features",
        solution=mean_std,
        cases=MAPS,
        gradient=True,
        mistakes=(
            (
                lambda f: torch.stack([positions(f).mean(1), positions(f).var(1, correction=0)]),
                "The square root is missing: that is the variance.",
            ),
            (
                lambda f: torch.stack([positions(f).mean(1), positions(f).std(1)]),
                "You divide by M - 1: nothing is estimated here, so correction=0.",
            ),
            (lambda f: mean_std(f).flip(0), "Exchanged: the mean comes first."),
            (
                lambda f: torch.stack([positions(f).mean(0), positions(f).std(0, correction=0)]),
                "You average over channels: average over positions, so that each channel has its own.",
            ),
            (
                lambda f: torch.stack([positions(f).mean(1), positions(f).square().mean(1).sqrt()]),
                "That is the root of the mean square: take the mean off first.",
            ),
        ),
    ),
    Code(
        name="04.covariance",
        question="The covariance (N, N) of the channels of a map (1, N, H, W), over its M positions, divided by M.",
        takes="features",
        solution=covariance,
        cases=MAPS,
        gradient=True,
        mistakes=(
            (gram, "The mean is still in: that is the Gram matrix."),
            (lambda f: covariance(f) * area(f) / (area(f) - 1), "You divide by M - 1: divide by M, as for Gram."),
            (lambda f: covariance(f) * area(f), "M times too large: divide by the positions."),
            (
                lambda f: gram(f - f.mean(1, keepdim=True)),
                "You take off the mean over channels: each channel's mean is over positions.",
            ),
            (lambda f: gram(f - f.mean()), "You take off one mean of all: each channel has its own."),
        ),
    ),
    Code(
        name="04.style_gradient",
        question="The gradient (1, N, H, W) of E = Σ (G - A)² / (4 N²) to a map with Gram matrix G, by hand; A (N, N).",
        takes="features target",
        solution=style_gradient,
        cases=MATRICES,
        mistakes=(
            (scaled_gradient(lambda f: 2), "Twice too large: the ¼ meets the square's 2 and the two factors F of G."),
            (
                scaled_gradient(lambda f: 0.5),
                "Half of it: F stands in F Fᵀ twice, and each of the two gives (G - A) F.",
            ),
            (scaled_gradient(area), "M times too large: G = F Fᵀ / M brings a 1/M."),
            (scaled_gradient(lambda f: 1 / area(f)), "M times too small: the 1/M comes once, from G."),
            (scaled_gradient(lambda f: f.shape[1] ** 2), "N² times too large: the 1/N² is missing."),
            (scaled_gradient(lambda f: -1), "The sign: G - A, not A - G."),
            (
                lambda f, a: style_gradient(f, a) * (f > 0),
                "No mask here: ReLU's zeros are masked one layer further down, in ReLU's own backward step.",
            ),
            (
                lambda f, a: style_gradient(f, torch.zeros_like(a)),
                "The target is missing: it pulls towards G = A, not towards 0.",
            ),
        ),
    ),
    Choice(
        name="04.shuffle",
        question="The positions of a map are shuffled, all channels alike. What happens to its Gram matrix?",
        answer="a",
        options={
            "a": ("Nothing.", "Right. It is a sum over positions, and a sum knows no order: style forgets place."),
            "b": ("Its rows are shuffled.", "Rows are channels: positions are summed over."),
            "c": (
                "Its diagonal stays, the rest changes.",
                "All channels move alike, so they still meet the same partners.",
            ),
            "d": ("All of it changes.", "It is a sum over positions: in which order does not matter."),
        },
    ),
    Number(
        name="04.size",
        question="The shape of the Gram matrix of a map (1, 512, 64, 64).",
        answer=(512, 512),
        why="Channels against channels, whatever the picture's size.",
        hint="It compares channels: positions are summed over.",
        mistakes=(
            ((64, 64), "Those are positions: they are summed over."),
            ((4096, 4096), "That would compare positions: channels are compared."),
            ((512, 4096), "That is F itself: F Fᵀ sums over the 4096 positions."),
        ),
    ),
    Number(
        name="04.rank",
        question="What is the largest rank that the Gram matrix of a map (1, 512, 10, 10) can have?",
        answer=100,
        why="A sum of 100 outer products, one per position, has at most rank 100.",
        hint="It is a sum of one outer product per position.",
        mistakes=(
            (512, "That is its side: only 100 positions add an outer product each."),
            (10, "There are 10 × 10 positions."),
            (1, "One position gives rank 1: how many are there?"),
        ),
    ),
)

# Lesson 05: losses


def exchange(weight: float, channels: int) -> float:
    """A layer's weight for 4E/N² → its weight for E, by the library."""
    layer = next(name for name, found in VGG.layers.items() if found.kind == "relu" and found.channels == channels)
    recipe = RECIPES["gatys2016"].changed(statistic="gram-4e/n2", style_layers={layer: weight})
    return convert(recipe, statistic="gram-e").style_layers[layer]


def norms(gradients: list[Tensor]) -> Tensor:
    return torch.stack([g.norm() for g in gradients])


def wrapped_tv(x: Tensor, power: int) -> Tensor:
    return sum((x - x.roll(1, axis)).abs().pow(power).sum() for axis in (2, 3))


PICTURES = (*((p,) for p in uniform(50, (1, 3, 5, 5), (1, 3, 4, 7), (1, 3, 6, 2))), (torch.full((1, 3, 3, 4), 0.5),))
TV_MISTAKES = (
    (
        lambda x, power: tv_loss(x[..., 1:], "l2" if power == 2 else "l1"),
        "The first column is lost: slice one side only.",
    ),
    (lambda x, power: (x[..., 1:] - x[..., :-1]).abs().pow(power).sum(), "Only sideways: add the differences of rows."),
    (
        lambda x, power: (x[..., 1:, :] - x[..., :-1, :]).abs().pow(power).sum(),
        "Only up and down: add the differences of columns.",
    ),
    (wrapped_tv, "Yours goes around the edge: roll makes the last pixel a neighbour of the first."),
    (
        lambda x, power: tv_loss(x, "l2" if power == 2 else "l1", "mean"),
        "Those are means: add up all differences.",
    ),
    (
        lambda x, power: tv_loss(x, "l2" if power == 2 else "l1") + (x[:, 1:] - x[:, :-1]).abs().pow(power).sum(),
        "Colour channels are no neighbours: only rows and columns count.",
    ),
)

LESSON_05 = (
    Code(
        name="05.content_gradient",
        question="The gradient to the map of the content loss, the mean of (F - P)² over a map (1, N, H, W), by hand.",
        takes="features target",
        solution=lambda f, p: 2 * (f - p) / f.numel(),
        cases=TWO_MAPS,
        mistakes=(
            (lambda f, p: (f - p) / f.numel(), "Half of it: the square brings a 2."),
            (lambda f, p: 2 * (f - p), "The mean's 1/(N·H·W) is missing."),
            (lambda f, p: f - p, "That is for half a sum, the paper's: the mean brings 2/(N·H·W)."),
            (lambda f, p: 2 * (p - f) / f.numel(), "The sign: F - P, which points uphill."),
            (lambda f, p: 2 * (f - p).abs() / f.numel(), "The sign of each difference is lost: leave abs out."),
            (
                lambda f, p: 2 * (f - p) / f.numel() * (f > 0),
                "No mask here: ReLU's zeros are masked one layer further down, in ReLU's own backward step.",
            ),
        ),
    ),
    *(
        Code(
            name=f"05.tv_l{power}",
            question=f"Total variation of an image (1, 3, H, W): the sum of {formula} of neighbours, both ways.",
            takes="image",
            solution=partial(tv_loss, kind=f"l{power}"),
            cases=PICTURES,
            gradient=True,
            mistakes=(
                (partial(tv_loss, kind=f"l{3 - power}"), other),
                *((partial(wrong, power=power), tell) for wrong, tell in TV_MISTAKES),
            ),
        )
        for power, formula, other in (
            (1, "absolute differences", "You square the differences: take absolute values."),
            (2, "squared differences", "You take absolute values: square the differences."),
        )
    ),
    Code(
        name="05.convert",
        question="A layer of N channels has a style weight made for 4E/N²: which weight keeps its term with E?",
        takes="weight channels",
        solution=exchange,
        cases=((1.0, 64), (1e6, 128), (250.0, 256), (3.0, 512)),
        tolerance=1e-9,
        mistakes=(
            (lambda w, n: w * n**2 / 4, "Upside down: 4E/N² is the smaller loss, so its weight shrinks for E."),
            (lambda w, n: w / n**2, "The 4 is missing: the loss is 4E/N²."),
            (lambda w, n: 4 * w, "The N² is missing: the loss is 4E/N²."),
            (lambda w, n: 4 * w / n, "Once N is missing: the loss is 4E/N²."),
            (lambda w, n: w / 4 / n**2, "The 4 is upside down: the loss is 4E/N², so the weight for E gains 4."),
            (lambda w, n: w, "A weight means nothing without its convention: E and 4E/N² differ by 4/N²."),
        ),
    ),
    Code(
        name="05.gradient_shares",
        question="The share (T,) of each of T terms in moving the pixels: its gradient's length over all lengths.",
        takes="gradients",
        solution=lambda gradients: norms(gradients) / norms(gradients).sum(),
        cases=(
            (list(tensors(51, (1, 3, 4, 4), (1, 3, 4, 4))),),
            ([k * g for k, g in zip((5, 0.1, 1), tensors(52, (1, 3, 2, 5), (1, 3, 2, 5), (1, 3, 2, 5)), strict=True)],),
        ),
        mistakes=(
            (norms, "Those are lengths: divide by their sum, so that shares add up to 1."),
            (lambda gs: norms(gs) / sum(gs).norm(), "Divide by the sum of lengths, not by the length of the sum."),
            (lambda gs: norms(gs) ** 2 / (norms(gs) ** 2).sum(), "Those are squared lengths: take the root."),
            (lambda gs: norms(gs) / norms(gs).max(), "Divide by the sum, not by the largest."),
            (
                lambda gs: torch.stack([g.sum() for g in gs]) / sum(g.sum() for g in gs),
                "You add up signed numbers, which cancel: take each gradient's length.",
            ),
        ),
    ),
    Number(
        name="05.mean_or_sum",
        question="By which factor is a content loss at relu4_2 of VGG-19, at 512×512, larger as a sum than as a mean?",
        answer=elements(VGG, "relu4_2", (512, 512)),
        why="As many as there are numbers in the map, 512·64·64: that is how 1e6 and 1 can mean the same.",
        hint="A sum is as many times the mean as the map has numbers.",
        mistakes=(
            (64 * 64, "Those are the positions: 512 channels have as many each."),
            (512, "Those are the channels: each has 64·64 positions."),
            (512 * 512, "Those are the picture's pixels: the map is 512 channels of 64×64."),
            (512 * 512 * 512, "The map is 8 times smaller to each side: 64×64."),
        ),
    ),
    Number(
        name="05.pixels",
        question="A network's input, and with it every feature, grows 10-fold: by which factor grows the Gram loss?",
        answer=10_000,
        why="The Gram matrix squares the features, the loss squares the difference: 10⁴.",
        hint="How does F Fᵀ grow, and then its square?",
        mistakes=(
            (10, "The features grow by 10: the Gram matrix multiplies two of them."),
            (100, "That is the Gram matrix: the loss squares its difference."),
            (1000, "Two squares, one after the other: 10⁴."),
        ),
    ),
    Choice(
        name="05.both_weights",
        question="Content and style weight are both made ten times as large. What does Adam's picture look like?",
        answer="c",
        options={
            "a": ("More of the style.", "Both grew alike: their balance is what it was."),
            "b": ("It blows up: the gradient is ten times as large.", "Adam divides the gradient by its own size."),
            "c": ("The same.", "Right. The minimum depends on the ratio alone, and Adam's step on no scale."),
            "d": ("Ten times as near to both.", "Both pull ten times as hard, against each other: the balance stays."),
        },
    ),
)

# Lesson 06: Adam and L-BFGS


def adam_path(gradients: Tensor, rate: float, t: Callable[[int], int] = lambda t: t, **mistake: object) -> Tensor:
    """Adam from 0 through given gradients (T, n) → where it ends (n,)."""
    w = m = v = torch.zeros(gradients.shape[1])
    for i, g in enumerate(gradients, start=1):
        w, m, v = adam_step(w, m, v, g, t(i), rate, **mistake)
    return w


def library_adam(gradients: Tensor, rate: float) -> Tensor:
    """The same by `optimize.adam`; (`torch.optim.Adam` would first import for seconds)."""
    fed = iter([*gradients, gradients[0]])  # a step reports the image before its move: ask for one more
    objective = SimpleNamespace(value_and_gradient=lambda image: (torch.zeros(()), {}, next(fed)))
    steps = adam(objective, torch.zeros_like(gradients[0]), rate=rate, bounds=None)
    return [next(steps) for _ in range(len(gradients) + 1)][-1].image


def library_direction(g: Tensor, S: Tensor, Y: Tensor) -> Tensor:
    """-H g as `optimize.History` finds it."""
    pairs = History(len(S), g)
    for s, y in zip(S, Y, strict=True):
        pairs.propose(s, torch.zeros_like(s), y, torch.zeros_like(y))
        pairs.add(*pairs.products(g).numpy()[:2], float(s @ s), least=0.0)
    return pairs.direction(g, float(g @ g), *pairs.products(g).numpy()[2:])[0]


def two_loop(g: Tensor, S: Tensor, Y: Tensor, *, youngest_first=True, scale=True, beta=True, sign=-1) -> Tensor:
    """The recursion (Nocedal & Wright 2006, algorithm 7.4) and its likely mistakes; rows oldest first."""
    rho, alpha, q = 1 / (S * Y).sum(1), torch.zeros_like(S[:, 0]), g.clone()
    order = list(range(len(S)))[:: -1 if youngest_first else 1]
    for i in order:
        alpha[i] = rho[i] * (S[i] @ q)
        q -= alpha[i] * Y[i]
    r = q * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1]) if scale else q
    for i in reversed(order):
        r = r + (alpha[i] - (rho[i] * (Y[i] @ r) if beta else 0)) * S[i]
    return sign * r


def bfgs(H: Tensor, s: Tensor, y: Tensor, *, rank_one=True, sides=2, rho: Tensor | None = None) -> Tensor:
    """The next inverse Hessian (Nocedal & Wright 2006, equation 6.17), and its likely mistakes."""
    rho = 1 / (s @ y) if rho is None else rho
    left = torch.eye(len(s)) - rho * torch.outer(s, y)
    H = left @ H @ left.T if sides == 2 else left @ H
    return H + rho * torch.outer(s, s) if rank_one else H


def curved(seed: int, rows: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """g (n,), moves S (rows, n) and changes of gradient Y of a bowl, so that s·y > 0."""
    g, S, A = tensors(seed, (n,), (rows, n), (n, n))
    return g, S, S @ (A @ A.T + torch.eye(n))


BOWLS = tuple(curved(*sizes) for sizes in ((61, 3, 5), (62, 1, 3), (63, 4, 4)))
UPDATES = tuple((torch.eye(g.numel()) * k + torch.outer(g, g), S[0], Y[0]) for k, (g, S, Y) in enumerate(BOWLS, 1))
GRADIENTS = (*((g, 0.1) for g in tensors(64, (1, 3), (5, 4))), (1e-4 * tensors(65, (3, 4))[0], 0.02))

LESSON_06 = (
    Code(
        name="06.adam",
        question="Where Adam (β = 0.9 and 0.999, ε = 1e-8) is after the gradients (T, n), from w = 0.",
        takes="gradients rate",
        solution=library_adam,
        cases=GRADIENTS,
        mistakes=(
            (
                partial(adam_path, correct=False),
                "The bias correction is missing: m and v start at 0, divide them by 1 - β₁ᵗ and 1 - β₂ᵗ.",
            ),
            (partial(adam_path, t=lambda t: 1), "t stays at 1: count the steps."),
            (partial(adam_path, t=lambda t: t - 1), "t starts at 0, where 1 - βᵗ is 0: start at 1."),
            (partial(adam_path, t=lambda t: t + 1), "t starts at 2: count it up once per step, from 1."),
            (partial(adam_path, keep=True), "The corrected m and v serve one step only: go on with the plain ones."),
            (partial(adam_path, inside=True), "ε stands outside of the root: √v + ε."),
            (partial(adam_path, root=False), "The square root is missing: divide by √v, not by v."),
            (partial(adam_path, power=1), "v averages the squares of g: g² is missing."),
            (partial(adam_path, sign=1), "You climb: the step is subtracted."),
            (partial(adam_path, betas=(0.999, 0.9)), "The betas are exchanged: 0.9 is for m, 0.999 for v."),
        ),
    ),
    Code(
        name="06.two_loop",
        question="L-BFGS's direction -H g (n,) from moves S and changes of gradient Y (rows, n), oldest first.",
        takes="g S Y",
        solution=library_direction,
        cases=BOWLS,
        tolerance=2e-3,
        mistakes=(
            (partial(two_loop, sign=1), "The sign: that is H g, which points uphill."),
            (
                partial(two_loop, youngest_first=False),
                "The loops run the wrong way round: first from the youngest pair to the oldest, then back.",
            ),
            (partial(two_loop, scale=False), "The scale between the loops is missing: γ = s·y / y·y of the youngest."),
            (partial(two_loop, beta=False), "β is missing in the second loop: add (α - β) s."),
            (lambda g, S, Y: -g, "That is the plain gradient: S and Y are not used."),
        ),
    ),
    Code(
        name="06.bfgs",
        question="BFGS's next inverse Hessian (n, n) from H, a move s and the change of gradient y.",
        takes="H s y",
        solution=bfgs,
        cases=UPDATES,
        tolerance=1e-3,
        mistakes=(
            (partial(bfgs, rank_one=False), "ρ s sᵀ is missing: without it H y = s cannot hold."),
            (partial(bfgs, sides=1), "Only one side: (I - ρ s yᵀ) H (I - ρ y sᵀ) keeps H symmetric."),
            (lambda H, s, y: bfgs(H, y, s), "s and y are exchanged: that updates the Hessian, not its inverse."),
            (lambda H, s, y: bfgs(H, s, y, rho=1 / (s @ s)), "ρ = 1 / s·y, not 1 / s·s."),
            (lambda H, s, y: bfgs(H, s, y, rho=s @ y), "ρ is upside down: 1 / s·y."),
        ),
    ),
    Code(
        name="06.armijo",
        question="Whether a step t is enough: new ≤ loss + c t slope with c = 1e-4 (slope < 0, along the direction).",
        takes="loss new slope t",
        solution=lambda loss, new, slope, t: new <= loss + 1e-4 * t * slope,
        cases=(
            *((1.0, 0.9, -1.0, 1.0), (1.0, 0.99995, -1.0, 1.0), (1.0, 0.99995, -1.0, 0.1)),
            *((1.0, 1.00005, -1.0, 1.0), (2.0, 2.5, -3.0, 0.5), (1.0, 0.9995, -4.0, 1.0), (1.0, 1.0002, -4.0, 1.0)),
        ),
        mistakes=(
            (lambda loss, new, slope, t: new < loss, "Any decrease is not enough: it must be c t |slope| at least."),
            (lambda loss, new, slope, t: new <= loss + 1e-4 * slope, "t is missing: a short step promises less."),
            (
                lambda loss, new, slope, t: new <= loss - 1e-4 * t * slope,
                "The sign: the slope is negative already, add it.",
            ),
            (lambda loss, new, slope, t: new <= loss + t * slope, "c is missing: no curve falls as its tangent does."),
            (
                lambda loss, new, slope, t: new >= loss + 1e-4 * t * slope,
                "The other way round: the new loss must be lower.",
            ),
            (lambda loss, new, slope, t: new <= loss + 1e-4 * t, "The slope is missing: c t slope."),
        ),
    ),
    Number(
        name="06.first_step",
        question="Adam's first step with rate 0.02, where the gradient is 1000: by how much does the pixel move?",
        answer=0.02,
        why="After the correction m = g and √v = |g|: the first step is the rate, whatever the gradient.",
        hint="With the bias correction, m / √v = g / |g| at the first step.",
        mistakes=(
            (20, "That is plain gradient descent: Adam divides by the gradient's size."),
            (0.002, "m alone is uncorrected there: both m and √v are corrected, and their ratio is 1."),
            (0.0632, "That is without bias correction: 0.1 / √0.001 = 3.16 times the rate."),
        ),
        tolerance=0.01,
    ),
    Number(
        name="06.newton",
        question="How many of Newton's steps lead from anywhere to the minimum of a quadratic bowl?",
        answer=1,
        why="Newton minimises the quadratic that fits, and this one fits exactly.",
        hint="Newton jumps to the minimum of the quadratic that fits: how well does it fit here?",
        mistakes=(
            (2, "One per axis would be conjugate gradients: Newton takes all at once."),
            (0, "Zero only if it starts there: from anywhere else it needs one."),
        ),
    ),
    Number(
        name="06.fair_race",
        question="L-BFGS took 120 iterations and 150 evaluations. How many iterations does Adam get in a fair race?",
        answer=150,
        why="Work is counted in evaluations, and Adam needs one per iteration.",
        hint="Nearly all work is the evaluations: one per iteration of Adam.",
        mistakes=(
            (120, "Equal iterations favour L-BFGS: its line search evaluated 150 times."),
            (270, "Iterations and evaluations are not added: each iteration contains its evaluations."),
        ),
    ),
    Number(
        name="06.memory",
        question="How many numbers per pixel value do the pairs of L-BFGS with a history of 10 keep?",
        answer=20,
        why="A move s and a change of gradient y for each of 10 iterations; Adam keeps 2.",
        hint="What is remembered of each of the 10 iterations?",
        mistakes=(
            (10, "A pair is two: s and y of each iteration."),
            (100, "H is never written down: only s and y of each iteration."),
            (2, "That is Adam, with m and v."),
        ),
    ),
    Choice(
        name="06.clamp",
        question="image.clamp_(0, 1) stands inside the closure of L-BFGS. Why does the run go wrong?",
        answer="d",
        options={
            "a": ("clamp has no gradient.", "In place, on the data, autograd does not even see it."),
            "b": ("It costs too much time.", "It costs next to nothing beside the network."),
            "c": ("Pixels need values beyond [0, 1].", "Bounds are fine, as a projection that the optimiser knows of."),
            "d": (
                "The image changes behind the optimiser's back.",
                "Right. Its s and y then belong to moves that never happened, and so does the curvature.",
            ),
        },
    ),
)

# Lesson 07: style transfer, whole


def blend(first: Tensor, second: Tensor, shares: list[float]) -> Tensor:
    a, b = divide_shares(2, shares)
    return a * first + b * second


def colours(image: Tensor, style: Tensor) -> Tensor:
    """The image with each colour's mean and deviation of the style, by the library's statistic."""
    (mean, std), (mean_s, std_s) = (mean_std(x)[..., None, None] for x in (image, style))
    return (image - mean) / std * std_s + mean_s


def all_colours(image: Tensor, style: Tensor) -> Tensor:
    return (image - image.mean()) / (image.std(correction=0) + 1e-6) * style.std(correction=0) + style.mean()


def mean_of(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


COLOURS = (
    *(uniform(71, (1, 3, 4, 4), (1, 3, 5, 5)), uniform(72, (1, 3, 3, 6), (1, 3, 4, 2))),
    (torch.full((1, 3, 2, 3), 0.25), *uniform(73, (1, 3, 3, 2))),
)
TWO_STYLES = tuple(
    (gram(a), gram(b), shares)
    for (a, b), shares in zip(TWO_MAPS[:3], ([1.0, 3.0], [0.5, 0.5], [4.0, 1.0]), strict=True)
)
STARTS = tuple(
    (*uniform(seed, shape), *(n / 2 for n in tensors(seed, shape)), share)
    for seed, shape, share in ((74, (1, 3, 4, 4), 0.25), (75, (1, 3, 2, 5), 0.9), (76, (1, 3, 3, 2), 0.0))
)

LESSON_07 = (
    Code(
        name="07.pyramid",
        question="The sizes from coarse to fine, each half of the next (rounded down), ending with size.",
        takes="size levels",
        solution=lambda size, levels: [size // 2**i for i in range(levels - 1, -1, -1)],
        cases=((512, 3), (300, 4), (75, 2), (256, 1)),
        mistakes=(
            (lambda size, levels: [size // 2**i for i in range(levels)], "From fine to coarse: the coarse come first."),
            (
                lambda size, levels: [size // 2**i for i in range(levels, 0, -1)],
                "The full size is missing: the last level is the size itself.",
            ),
            (
                lambda size, levels: [size // 2**i for i in range(levels, -1, -1)],
                "One too many: the full size is one of the levels.",
            ),
            (
                lambda size, levels: [-(-size // 2**i) for i in range(levels - 1, -1, -1)],
                "You round up: round down, with //.",
            ),
            (lambda size, levels: [size / 2**i for i in range(levels - 1, -1, -1)], "Sizes are whole: divide with //."),
            (
                lambda size, levels: [size * (i + 1) // levels for i in range(levels)],
                "Even steps: each size is half of the next instead.",
            ),
        ),
    ),
    Code(
        name="07.blend",
        question="The Gram matrix (N, N) to aim at for two styles with shares, which need not add up to 1.",
        takes="first second shares",
        solution=blend,
        cases=TWO_STYLES,
        mistakes=(
            (lambda a, b, s: s[0] * a + s[1] * b, "The shares need not add up to 1: divide them by their sum."),
            (lambda a, b, s: blend(b, a, s), "The shares are exchanged: the first belongs to the first style."),
            (lambda a, b, s: (a + b) / 2, "Half and half: the shares are not used."),
            (lambda a, b, s: (s[0] * a + s[1] * b) / 2, "Divide by the sum of the shares, not by their number."),
        ),
    ),
    Code(
        name="07.colours",
        question="The image (1, 3, H, W) shifted and scaled, colour by colour, to the style's mean and deviation.",
        takes="image style",
        solution=colours,
        cases=COLOURS,
        tolerance=1e-3,
        mistakes=(
            (lambda x, s: x - mean_of(x) + mean_of(s), "Only the mean is moved: scale by the deviations too."),
            (all_colours, "All three colours together: each has a mean and a deviation of its own."),
            (lambda x, s: colours(s, x), "Exchanged: that gives the style the image's colours."),
            (lambda x, s: colours(x, s) - mean_of(s) + mean_of(x), "The style's mean is missing: you add the image's."),
            (lambda x, s: colours(x, s) - mean_of(s), "The style's mean is missing: add it at the end."),
        ),
    ),
    Code(
        name="07.start",
        question="A start between content and noise (1, 3, H, W): a share of noise, the rest content, within [0, 1].",
        takes="content noise share",
        solution=lambda c, n, share: torch.lerp(c, n, share).clamp(0, 1),
        cases=STARTS,
        mistakes=(
            (lambda c, n, share: torch.lerp(c, n, share), "Noise leaves [0, 1]: clamp the start."),
            (lambda c, n, share: torch.lerp(n, c, share).clamp(0, 1), "Exchanged: share is that of the noise."),
            (
                lambda c, n, share: (c + share * n).clamp(0, 1),
                "The content keeps its full strength: take 1 - share of it.",
            ),
            (
                lambda c, n, share: torch.lerp(c, n.clamp(0, 1), share),
                "Clamp the sum, not the noise: half of it is cut off.",
            ),
        ),
    ),
    Number(
        name="07.coarse_work",
        question="What share of the work at full size does one evaluation at half the side take, about?",
        answer=0.25,
        why="A quarter of the pixels: that is why coarse to fine pays.",
        hint="Work grows with the number of pixels.",
        mistakes=(
            (0.5, "Half the side is a quarter of the pixels."),
            (0.125, "A picture has two sides, not three."),
            (4, "Upside down: the coarse one is cheaper."),
        ),
    ),
    Choice(
        name="07.start_choice",
        question="A recipe starts once from the content and once from noise. After very few steps, how do they differ?",
        answer="b",
        options={
            "a": (
                "Not at all: the minimum is the same.",
                "After few steps neither is near a minimum, and there are many.",
            ),
            "b": (
                "From the content, shapes are there; from noise, grain is left.",
                "Right. A start is remembered for long, so the content start needs fewer steps.",
            ),
            "c": ("From noise, the style is stronger and cleaner.", "The style has to fight the grain first."),
            "d": ("From the content, no style can enter.", "It enters: the style's gradient is largest at the start."),
        },
    ),
    Choice(
        name="07.resume",
        question="Adam was stopped and goes on from the saved PNG. Why is the run not the same as without a stop?",
        answer="a",
        options={
            "a": (
                "m, v, t and the pixels' last bits are lost.",
                "Right. A checkpoint keeps all of them; a picture does not.",
            ),
            "b": ("The seed is different.", "After the start nothing is drawn at random."),
            "c": ("The network has changed.", "Its weights are frozen: only pixels move."),
            "d": ("It is the same.", "Adam remembers m, v and t, and a PNG rounds to 8 bits."),
        },
    ),
)

# Lesson 08: backbones


def multiplications(i: int, o: int, kernel: int, height: int, width: int, stride: int) -> int:
    return i * o * kernel**2 * (height // stride) * (width // stride)


def nearest_field(fields: list[int], wanted: int) -> int:
    return min(range(len(fields)), key=lambda i: abs(fields[i] - wanted))


def fields_of(name: str, kind: str) -> list[int]:
    return [layer.receptive_field for layer in BACKBONES[name].layers.values() if layer.kind == kind]


FIELDS = tuple(
    (fields_of(name, kind), VGG.layers[layer].receptive_field)
    for name, kind, layer in (
        *(("squeezenet1_1", "fire", "relu3_1"), ("squeezenet1_1", "fire", "relu4_2")),
        *(("vgg16", "relu", "relu4_4"), ("squeezenet1_0", "fire", "relu1_1")),
    )
)
FIRE = sum(p.numel() for p in Fire(64, 16, 128).parameters())

LESSON_08 = (
    Code(
        name="08.multiplications",
        question="The multiplications of a padded convolution on a map height × width (both divisible by the stride).",
        takes="channels_in channels_out kernel height width stride",
        solution=multiplications,
        cases=((3, 64, 3, 224, 224, 1), (64, 128, 3, 56, 32, 2), (16, 64, 1, 28, 40, 1), (3, 96, 7, 64, 32, 4)),
        mistakes=(
            (
                lambda i, o, k, h, w, s: multiplications(i, o, k, h, w, 1),
                "The stride is missing: fewer windows are taken.",
            ),
            (lambda i, o, k, h, w, s: i * o * k**2 * h * w // s, "The stride counts in both directions: s²."),
            (lambda i, o, k, h, w, s: i * o * k * (h // s) * (w // s), "The kernel has two sides: k²."),
            (lambda i, o, k, h, w, s: o * k**2 * (h // s) * (w // s), "Each output looks at all input channels."),
            (lambda i, o, k, h, w, s: i * k**2 * (h // s) * (w // s), "That is for one output channel."),
            (lambda i, o, k, h, w, s: i * o * k**2, "Those are the weights: each is used at every position."),
        ),
    ),
    Code(
        name="08.match",
        question="The index of the layer whose receptive field, in a rising list, is nearest to the wanted one.",
        takes="fields wanted",
        solution=nearest_field,
        cases=FIELDS,
        mistakes=(
            (
                lambda fields, wanted: max([i for i, f in enumerate(fields) if f <= wanted], default=0),
                "You take the last that is not larger: the next one may be nearer.",
            ),
            (
                lambda fields, wanted: next((i for i, f in enumerate(fields) if f >= wanted), len(fields) - 1),
                "You take the first that is not smaller: the one before may be nearer.",
            ),
            (
                lambda fields, wanted: fields[nearest_field(fields, wanted)],
                "That is the field: return the index of the layer.",
            ),
            (
                lambda fields, wanted: min(range(len(fields)), key=lambda i: fields[i] - wanted),
                "The sign of the difference wins: take its absolute value.",
            ),
            (
                lambda fields, wanted: nearest_field(fields, wanted) + 1,
                "One too many: indices start at 0.",
            ),
        ),
    ),
    Code(
        name="08.average_pool",
        question="Average pooling of x (1, C, H, W) in windows of 2×2, stride 2, as the paper prefers it.",
        takes="x",
        solution=partial(F.avg_pool2d, kernel_size=2),
        cases=POOLED,
        gradient=True,
        mistakes=(
            (partial(F.max_pool2d, kernel_size=2), "That is max pooling: take the mean of each window."),
            (lambda x: 4 * F.avg_pool2d(x, 2), "You add up: divide by the 4 numbers of a window."),
            (lambda x: 2 * F.avg_pool2d(x, 2), "A window has 4 numbers, not 2."),
            (partial(F.avg_pool2d, kernel_size=2, stride=1), "Your windows overlap: they move by 2, not by 1."),
            (
                partial(F.avg_pool2d, kernel_size=2, ceil_mode=True),
                "An odd last row or column makes no window of its own: leave it out.",
            ),
        ),
    ),
    Number(
        name="08.fire",
        question="How many parameters, with biases, has a fire module: 64 → squeeze 16 → expand 64 (1×1) + 64 (3×3)?",
        answer=FIRE,
        why="A 3×3 convolution from 64 to 128 channels would have 73,856.",
        hint="Three convolutions: 64 → 16 by 1×1, 16 → 64 by 1×1, 16 → 64 by 3×3.",
        mistakes=(
            (FIRE - 16 - 64 - 64, "The biases are missing: 16 + 64 + 64."),
            (64 * 16 + 16 + 64 * 64 * 10 + 128, "Both expansions look at the 16 squeezed channels, not at 64."),
            (64 * 128 * 9 + 128, "That is a plain 3×3 convolution: a fire module squeezes first."),
        ),
    ),
    Number(
        name="08.scale",
        question="A convolution's weights and biases are doubled: by which factor grows the Gram matrix after ReLU?",
        answer=4,
        why="Features double, and the Gram matrix multiplies two of them; the loss grows 16-fold.",
        hint="ReLU lets a factor through: how does F Fᵀ grow?",
        mistakes=(
            (2, "The features double: F Fᵀ has them twice."),
            (16, "That is the Gram loss: the matrix itself grows 4-fold."),
            (1, "The network is the scale: nothing normalises the features here."),
        ),
    ),
    Choice(
        name="08.random",
        question="All weights of the network are random. What does the transfer still bring over?",
        answer="b",
        options={
            "a": ("Nothing.", "Random filters are filters too: they see colours and edges."),
            "b": ("Colours and some fine grain.", "Right. Larger forms, strokes say, take filters that have learned."),
            "c": ("As much as trained ones.", "Then training would be for nothing: larger forms stay behind."),
            "d": ("The content only.", "Gram matrices of random maps still hold colours and grain."),
        },
    ),
)

# The clinic: cause, question, what to do, and how it looks to who suspected it wrongly

BUGS = (
    (
        "gram",
        "The Gram matrices are not divided by the positions",
        "A weight that was right at 256 px gives nothing but style at 512 px, with a loss of 1e13.",
        "Divide by M = H·W, so that sizes compare.",
        "Without 1/M, the loss changes by powers of ten with the picture's size.",
    ),
    (
        "relu",
        "ReLU works in place on the map that was kept",
        "The content layer is conv4_2, yet the captured map has no negative number.",
        "Use nn.ReLU(inplace=False): the map was overwritten after you kept it.",
        "An in-place ReLU leaves a convolution's map without negative numbers.",
    ),
    (
        "normalise",
        "The input is not normalised as the network was trained",
        "Nothing fails, but strokes are weak at every size; what enters the network has a mean of 0.45, not 0.",
        "Take off ImageNet's mean and divide by its deviation first.",
        "Without normalisation, the network's input has a mean of 0.45, not 0.",
    ),
    (
        "tv",
        "The total-variation weight is too large",
        "The picture is soft as wax: fine strokes melt, and the TV term is most of the loss.",
        "Lower its weight until its share of the gradient is small.",
        "Too much total variation melts fine strokes and dominates the loss.",
    ),
    (
        "clamp",
        "The image is clamped inside the closure",
        "Adam runs well, but L-BFGS jumps, stalls or ends early, and only when many pixels are at 0 or 1.",
        "Project the image outside of the closure, where the optimiser knows of it.",
        "A clamp in the closure troubles L-BFGS only, once pixels reach 0 or 1.",
    ),
    (
        "half",
        "The Gram matrix is summed in half precision",
        "On the GPU with float16 the first style term is inf and then all is NaN; in float32 all is well.",
        "Sum in float32: float16 ends at 65504.",
        "A float16 sum overflows: inf at once, and well in float32.",
    ),
    (
        "channels",
        "Red and blue are exchanged (BGR for RGB)",
        "All numbers look right and the loss falls, but skies come out orange and wood blue.",
        "Exchange the channels where the picture is read or shown.",
        "Exchanged channels turn blue into orange, and nothing else.",
    ),
    (
        "rate",
        "Adam's learning rate is too large",
        "The loss jumps from the first step on, and saturated specks fill the picture; L-BFGS does well.",
        "Lower the rate to a few hundredths of the pixels' range.",
        "Too large a rate lets Adam's loss jump from the first step on.",
    ),
)


def diagnosis(letter: str, name: str, symptom: str, fix: str) -> Choice:
    options = {
        other: (cause, f"Right. {fix}" if other == letter else f"Not that one. {look}")
        for other, (_, cause, _, _, look) in zip("abcdefgh", BUGS, strict=True)
    }
    return Choice(f"clinic.{name}", f"{symptom} What is the cause?", letter, options)


CLINIC = tuple(diagnosis(k, name, symptom, fix) for k, (name, _, symptom, fix, _) in zip("abcdefgh", BUGS, strict=True))

EXERCISES: dict[str, Choice | Code | Number] = {
    exercise.name: exercise
    for lesson in (LESSON_01, LESSON_02, LESSON_03, LESSON_04, LESSON_05, LESSON_06, LESSON_07, LESSON_08, CLINIC)
    for exercise in lesson
}
