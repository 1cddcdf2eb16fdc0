"""A question that asks for a function, and an answer → a verdict: it is tried, judged and diagnosed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from inspect import unwrap
from itertools import permutations
from traceback import extract_tb
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..errors import one_line
from ..interrupts import Stopped
from .diagnoses import DIAGNOSES, common_factor
from .patience import TooLong, patience
from .slips import Unusable, advice
from .values import Answers, Case, Found, Function, copy, due, kind, numbers, right, same, short, unchanged
from .verdict import NOT_ANSWERED, NOTHING_BACK, Verdict, unanswered

__all__ = ["Code", "NoGradient", "raised", "stoppable", "what_cuts", "where_in"]


@dataclass(frozen=True)
class Code:
    """A question whose answer is a function.

    Attributes:
        name: lesson and word, such as "04.gram".
        question: as it is shown.
        takes: the names of its arguments, with spaces between.
        solution: a function that is right, with arguments of those names: learners' cells go on with it.
        cases: argument tuples to try it on.
        mistakes: pairs (wrong function, what to tell).
        also: other functions that are right, where the question leaves a choice.
        returns: the names of its results, with spaces between, if there are several.
        why: told to who is right.
        gradient: whether the result must carry a gradient to the first argument, which the lesson then says.
        by_hand: whether the result is a gradient that is asked for as a formula, so that autograd's is no answer.
        painting: where pictures are painted with the function, the shapes of its arguments at work. A result that
            carries no gradient is right there, too, but is told so.
        large: makes arguments as large as the lesson's, where they are larger than the cases and nothing is painted,
            or where the numbers cannot be any.
        seconds: what the lesson can wait for one call at work, however fast the solution is.
        use: (function, *arguments) → what is judged, where that is what comes of the function in a program, such as
            the gradient that a closure leaves behind; a plain call if None. It may raise `Unusable`.
        tolerance: relative to the largest number expected on an input.
        slack: added to it, absolute, where a small ε of one's own choice shows.
    """

    name: str
    question: str
    takes: str
    solution: Function
    cases: tuple[Case, ...]
    mistakes: tuple[tuple[Function, str], ...]
    also: tuple[Function, ...] = ()
    returns: str = ""
    why: str = ""
    gradient: bool = False
    by_hand: bool = False
    painting: tuple[tuple[int, ...], ...] = ()
    large: Callable[[], Case] | None = None
    seconds: float = 0.25
    use: Function | None = None
    tolerance: float = 1e-4
    slack: float = 0.0

    def __str__(self) -> str:
        return f"{self.question}  ({self.takes.replace(' ', ', ')}) → {self.returns.replace(' ', ', ') or 'result'}"

    def check(self, answer: object) -> Verdict:
        if not callable(answer):
            return Verdict(False, f'This asks for a function: check("{self.name}", f) without calling f.')
        found = self.collect(answer)
        if isinstance(found, Verdict):
            return found
        for solution in (self.solution, *self.also):
            if self.agree(found, self.run(solution)):
                return self.judge_formula(answer) if self.by_hand else self.judge_gradient(answer, solution)
        return Verdict(False, self.known(found) or self.diagnose(found, self.run(self.solution)))

    def judge_formula(self, answer: Function) -> Verdict:
        """The verdict on a function whose values are right, where autograd may not have found them."""
        with torch.inference_mode(), Unrecorded():
            alone = self.collect(answer)
        if isinstance(alone, Verdict) or not self.agree(alone, self.run(self.solution)):
            told = "The values are right, but autograd found them: here the formula is asked for, by hand."
            return Verdict(False, f"{told} Then autograd is free to judge it.")
        return Verdict(True, self.praise)

    @property
    def praise(self) -> str:
        """What is told to who is right."""
        return f"Right on all {len(self.cases)} inputs. {self.why}".strip()

    def at_work(self) -> Case | None:
        """Arguments of the size that they have in the lesson; None if that is the cases' own."""
        if self.large or not self.painting:
            return self.large and self.large()
        made = torch.Generator().manual_seed(0)
        return tuple(torch.rand(shape, generator=made) + 0.1 for shape in self.painting)

    def judge_gradient(self, answer: Function, solution: Function) -> Verdict:
        """The verdict on a function whose values are right."""
        if not (self.gradient or self.painting):
            return Verdict(True, self.praise)
        try:
            trouble = self.gradient_trouble(answer, solution)
        except NoGradient as reason:
            if self.gradient:
                return Verdict(False, f"The value is right, but has to carry a gradient: {reason}")
            return Verdict(True, f"{self.praise} To paint with it, it would have to carry a gradient: {reason}")
        return Verdict(not trouble, trouble or self.praise)

    def collect(self, answer: Function) -> list[Found] | Verdict:
        """What a function returns on the cases, as arrays; or a verdict, if it cannot be compared."""
        try:
            with patience():
                return self.try_cases(answer)
        except TooLong as error:
            return Verdict(False, raised(answer, error, error.where))

    def try_cases(self, answer: Function) -> list[Found] | Verdict:
        """The same, however long it takes."""
        found: list[Found] = []
        for case in self.cases:
            arguments, where = copy(case), self.describe(case)
            try:
                value = self.call(answer, arguments)
            except Unusable as reason:
                return Verdict(False, str(reason))
            except NotImplementedError as error:
                return NOT_ANSWERED if is_open(error) else Verdict(False, raised(answer, error, where))
            except KeyboardInterrupt:
                raise
            except TooLong as error:
                error.where = where
                raise
            except BaseException as error:  # SystemExit, and whatever else somebody raises
                return Verdict(False, raised(answer, error, where))
            if told := self.too_many(value, case):
                return Verdict(False, told)
            if unanswered(value):
                missing = f"Nothing comes back for {where}: look for a branch without return."
                silent = NOTHING_BACK if value is None else NOT_ANSWERED
                return Verdict(False, missing) if found else silent
            changed = [n for n, a, b in zip(self.takes.split(), arguments, case, strict=True) if not unchanged(a, b)]
            if changed:
                at = self.takes.split().index(changed[0])
                copied = a_copy(changed[0], case[at], arguments[at])
                return Verdict(False, f"Your function changes {changed[0]} in place: work on a copy, {copied}.")
            parts = self.parts(value)
            if parts is None:
                return Verdict(False, f"For {where} {self.unfit(value)}.")
            found.append(parts)
        return found

    def run(self, function: Function) -> list[Found]:
        """The same for a function that is known to work; a mistake of ours may divide by 0 without a warning."""
        with np.errstate(all="ignore"):
            return [self.parts(self.call(function, copy(case))) or () for case in self.cases]

    def call(self, function: Function, arguments: Case) -> Any:
        """What is judged of a function on one case."""
        return self.use(bare(function), *arguments) if self.use else function(*arguments)

    def too_many(self, value: Any, case: Case) -> str:
        """What to tell of a tuple that begins with the result, as a comma behind it makes one, or "".

        A single number may stand alone in a tuple.
        """
        if self.use or not isinstance(value, tuple) or not value or is_pair(value):
            return ""
        if self.returns:
            return COMMA if is_lone(value) and self.parts(value[0]) is not None else ""
        first, wanted = numbers(value[0]), numbers(self.solution(*copy(case)))
        if first is None or wanted is None or first.shape != wanted.shape or (is_lone(value) and not wanted.ndim):
            return ""
        return (
            COMMA if is_lone(value) else f"You return {len(value)} results, and one is asked for: leave out the others."
        )

    def parts(self, value: Any) -> Found | None:
        """A result as arrays, one per name in `returns`; None if it is none."""
        names = self.returns.split()
        if not names:
            array = None if is_pair(value) else numbers(value)
            return None if array is None else (array,)
        if not isinstance(value, tuple | list) or len(value) != len(names):
            return None
        arrays = tuple(a for a in map(numbers, value) if a is not None)
        return arrays if len(arrays) == len(names) else None

    def unfit(self, value: object) -> str:
        """What to tell of a result that is none."""
        names = self.returns.split()
        if is_pair(value):
            return f"you return two tensors, {' and '.join(PAIR)}: take the one asked for, as in max(1).values"
        if names and isinstance(value, tuple | list) and len(value) == len(names):
            name, part = next((n, v) for n, v in zip(names, value, strict=True) if numbers(v) is None)
            return f"your {name} is {kind(part)}, expected {due(part)}"
        expected = f"the {len(names)} results {', '.join(names)}" if names else due(value)
        return f"you return {kind(value)}, expected {expected}"

    def agree(self, given: list[Found], wanted: list[Found]) -> bool:
        return all(all(right(g, w, self.tolerance, self.slack)) for g, w in by_result(given, wanted))

    def known(self, given: list[Found]) -> str:
        """What to tell of the mistake that the answer behaves like, or ""."""
        return next((tell for wrong, tell in self.mistakes if self.agree(given, self.run(wrong))), "")

    def order(self, given: list[Found], wanted: list[Found]) -> str:
        """What to tell of several results that are right, but in another order, or ""."""
        ways = permutations(range(len(self.returns.split())))
        if any(self.agree([tuple(part[i] for i in way) for part in given], wanted) for way in ways):
            return f"Right, but in another order: return {', '.join(self.returns.split())}."
        return ""

    def diagnose(self, given: list[Found], wanted: list[Found]) -> str:
        """What can be said of any wrong result; of several results, about the first that is wrong."""
        if self.returns and (told := self.order(given, wanted)):
            return told
        pairs = by_result(given, wanted)
        index, (found, asked) = next(
            (i, p) for i, p in enumerate(pairs) if not all(right(*p, self.tolerance, self.slack))
        )
        found = [g.reshape(w.shape) if g.size == w.size == 1 else g for g, w in zip(found, asked, strict=True)]
        where = [self.describe(case) for case in self.cases]
        with np.errstate(all="ignore"):  # an infinity may be given, and be right
            if self.returns and (told := common_factor(pairs, self)):
                return told
            told = next(filter(None, (look(found, asked, where, self) for look in DIAGNOSES)))
        return f"{self.returns.split()[index]}: {told}" if self.returns else told

    def gradient_trouble(self, answer: Function, solution: Function) -> str:
        """The trouble with the gradient of an answer whose values are right, or "".

        It has to be finite on each input, and the solution's near it: on it there may be a kink, |0|.

        Raises:
            NoGradient: there is none.
        """
        for case in self.cases:
            where = self.describe(case)
            try:
                with patience():
                    here, near = slope(answer, case), slope(answer, nudged(case))
            except (NoGradient, KeyboardInterrupt):
                raise
            except BaseException as error:
                if isinstance(error, TypeError | RuntimeError) and "numpy" in str(error):
                    line = where_in(answer, error) or "your function"
                    raise NoGradient(f"NumPy, at {line}, cuts it off. Use torch's own functions.") from None
                return f"The value is right, but its gradient fails: {raised(answer, error, where)}"
            if not np.isfinite(here).all():
                return f"The value is right, but its gradient is NaN for {where}: a root is vertical at 0, add 1e-12."
            if not same(near, slope(solution, nudged(case)), 10 * self.tolerance):
                return f"The value is right, but its gradient is not, near {where}: is a part of it detached?"
        return ""

    def describe(self, case: Case) -> str:
        """A case in words: "features (1, 4, 3, 5)"."""
        return ", ".join(f"{name} {short(value)}" for name, value in zip(self.takes.split(), case, strict=True))


COMMA = "A comma behind what you return makes a tuple of it: leave the comma out."


def is_lone(value: object) -> bool:
    """Whether it is a tuple of one."""
    return isinstance(value, tuple) and len(value) == 1


def bare(function: Function) -> Function:
    """The same function, for a program that can do nothing with a tuple of one."""

    @wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        if is_lone(result):
            raise Unusable(COMMA)
        return result

    return called


PAIR = ("values", "indices")


def is_pair(value: object) -> bool:
    """Whether a result is what torch's max, min, sort or topk return along a dimension: numbers, and their places."""
    return isinstance(value, tuple) and all(hasattr(value, name) for name in PAIR)


def a_copy(name: str, value: object, now: object) -> str:
    """The expression that makes a copy of an argument.

    Args:
        name: of the argument.
        value: what it is.
        now: what a function made of it: where a list is as long as before, its tensors were changed.
    """
    if isinstance(value, list) and isinstance(now, list) and len(value) == len(now) and isinstance(value[0], Tensor):
        return f"[x.clone() for x in {name}]"
    ways = ((Tensor, f"{name}.clone()"), (np.ndarray, f"{name}.copy()"), (object, f"{type(value).__name__}({name})"))
    return next(way for kind, way in ways if isinstance(value, kind))


def by_result(given: list[Found], wanted: list[Found]) -> list[tuple[Answers, Answers]]:
    """Lists of one tuple per case → one pair (given, wanted) per result."""
    return list(zip(zip(*given, strict=True), zip(*wanted, strict=True), strict=True))


def is_open(error: NotImplementedError) -> bool:
    """Whether a stub raised it, rather than torch, for an operation that it has not for such numbers."""
    return not error.args or (extract_tb(error.__traceback__)[-1].line or "").startswith("raise NotImplementedError")


def where_in(answer: Function, error: BaseException) -> str:
    """The line of a function at which an error was raised, in words; "" if it was elsewhere.

    Args:
        answer: the function.
        error: as it was caught.
    """
    code, line, frame = code_of(answer), "", error.__traceback__
    while frame:
        if frame.tb_frame.f_code is code:
            line = f"line {frame.tb_lineno - code.co_firstlineno + 1} of {code.co_name}"
        frame = frame.tb_next
    return line


def code_of(answer: Function) -> CodeType | None:
    """What a learner wrote of a function: behind decorators, partial(…), and in a module or an object's call.

    Args:
        answer: the function; one that is not written in Python has none.
    """
    answer = unwrap(answer)
    if isinstance(answer, partial):
        return code_of(answer.func)
    if isinstance(answer, torch.nn.Module):
        answer = answer.forward
    elif not hasattr(answer, "__code__"):
        answer = type(answer).__call__
    return getattr(answer, "__code__", None)


@contextmanager
def stoppable(answer: object) -> Iterator[None]:
    """While a function is tried, an interrupt is one line that says where it was, however deep in the kit.

    Args:
        answer: the function, or an answer that is none.

    Raises:
        Stopped: an interrupt.
    """
    try:
        yield
    except Stopped:
        raise
    except KeyboardInterrupt as stop:
        line = where_in(answer, stop) if callable(answer) else ""
        raise Stopped(f"stopped at {line}" if line else "stopped while the answer was tried") from None


def raised(answer: Function, error: BaseException, where: str) -> str:
    """An error in words: on which input, which error, at which line of the learner's function.

    Args:
        answer: the function.
        error: as it was caught.
        where: the input, in words.
    """
    line = where_in(answer, error)
    if isinstance(error, TooLong):
        return f"For {where} {error}: look at {line or 'its loops'}."
    if isinstance(error, SystemExit):
        return f"For {where} it ends the program at {line or 'a call of exit'}: return the result instead."
    what_to_do = advice(error)
    text = one_line(error, limit=80 if what_to_do else 160).rstrip(".!")
    text = "no message" if text == type(error).__name__ else text
    if isinstance(error, TypeError) and not line:
        return f"For {where} your function cannot be called: {text}."
    if isinstance(error, NameError):
        return f"It raises NameError: {text}. Look at {line or 'its names'}: is it misspelt, or made in a cell not run?"
    if what_to_do:
        return f"For {where} it raises {type(error).__name__}: {text}{line and f', at {line}'}. {what_to_do}"
    look = "Print the shapes at" if SHAPES.search(text) else "Look at"
    return f"For {where} it raises {type(error).__name__}: {text}. {look} {line or 'what it calls'}."


SHAPES = re.compile(r"shape|size|dim|match|broadcast|expand|out of (range|bounds)|must be \d", re.IGNORECASE)


class Unrecorded(TorchFunctionMode):
    """While it lasts, nothing that torch computes knows what it came from, so no kind of autograd finds a slope.

    `inference_mode` alone is no such thing: torch.func records in it, and whoever wants to can leave it.
    """

    def __torch_function__(self, func: Function, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        return result.detach() if isinstance(result, Tensor) else result


class NoGradient(Exception):
    """A result that carries no gradient; in words what cut it off, and what keeps it."""


def nudged(case: Case) -> Case:
    """A case whose first argument is moved a little."""
    first, *others = copy(case)
    noise = torch.randn(first.shape, generator=torch.Generator().manual_seed(0), dtype=first.dtype)
    return (first + 0.3 * noise, *others)


def slope(function: Function, case: Case) -> np.ndarray:
    """The gradient of a weighted sum of a function's result to its first argument.

    Raises:
        NoGradient: the result carries none.
    """
    first, *others = copy(case)
    with torch.enable_grad():
        result = function(first.requires_grad_(), *others)
        if not isinstance(result, Tensor) or not result.requires_grad:
            raise NoGradient(what_cuts(result))
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view(result.shape)
        (found,) = torch.autograd.grad((weights * result).sum(), first, allow_unused=True)
    if found is None:
        raise NoGradient("it does not lead back to the input. Leave out detach, data and torch.tensor.")
    gradient = numbers(found)
    assert gradient is not None  # it is like an argument of a case
    return gradient


def what_cuts(result: object) -> str:
    """Why a result carries no gradient, and what to do."""
    if isinstance(result, Tensor):
        return "detach, no_grad or torch.tensor cuts it off. Return what you compute as it is."
    if isinstance(result, tuple | list) and len(result) == 1 and isinstance(result[0], Tensor):
        comma = "Leave out the comma after it" if isinstance(result, tuple) else "Leave out its brackets"
        return f"{kind(result)} comes back. {comma}, and the tensor itself does."
    if isinstance(result, tuple | list) and not holds_tensors(result):
        return f"{kind(result)} comes back. Stay with tensors, and leave out item(), float() and tolist()."
    if isinstance(result, tuple | list):
        return f"{kind(result)} comes back. torch.stack makes one tensor of it, and keeps the gradient."
    if isinstance(result, np.ndarray | np.generic):
        return "an array of NumPy comes back. Stay with tensors, and leave out numpy()."
    return "a plain number comes back. Return the tensor, without item() or float()."


def holds_tensors(result: object) -> bool:
    """Whether a list, or a list in it, begins with a tensor."""
    while isinstance(result, tuple | list) and result:
        result = result[0]
    return isinstance(result, Tensor)
