"""A learner's function → the same to go on with, once it is right; until then the library's in its place."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..live import notebook
from .code import Code, NoGradient, raised, what_cuts, where_in
from .patience import SECONDS as ENOUGH
from .patience import TooLong, patience
from .values import Case, Function, copy, kind, numbers, same, short
from .verdict import Verdict

__all__ = ["choose_function", "show", "too_slow", "trouble_at_work"]

TIMES = 20  # as many times slower than the library's is too slow to paint with
LONG = 5.0  # seconds after which a second try would tell nothing new
FASTER = "Leave out inner loops and tables of all products: one operation on whole tensors adds up as it goes."


def choose_function(exercise: Code, answer: object, verdict: Verdict) -> tuple[Function, Verdict]:
    """The function to go on with, and what to say of it.

    Args:
        exercise: with code.
        answer: the learner's.
        verdict: on it.
    """
    ours = "the library's own does the work."
    if verdict.passed is None:
        return exercise.solution, Verdict(None, f"{exercise.name} is not answered yet: until then {ours}")
    if not verdict or not callable(answer):
        return exercise.solution, Verdict(False, f"{verdict.message} Until it is right, {ours}")
    if trouble := trouble_at_work(exercise, answer):
        use = "paint" if exercise.painting else "go on"
        return exercise.solution, Verdict(True, f"Right, but not fit to {use} with: {trouble} Until it is, {ours}")
    work = "paints" if exercise.painting else "does the work"
    return at_work(exercise, answer), Verdict(True, f"From here on your own {name_of(answer)} {work}.")


def at_work(exercise: Code, answer: Function) -> Function:
    """A learner's function, called by the exercise's names whatever the learner's are.

    It says of an error, far away from its cell, at which line and for what it arose.
    """
    names = exercise.takes.split()

    @functools.wraps(answer)
    def mine(*arguments: Any, **named: Any) -> Any:
        given = dict(zip(names, arguments, strict=False)) | named
        more = {name: value for name, value in given.items() if name not in names}
        try:
            ordered = [given[name] for name in names if name in given]
            return answer(*ordered, *arguments[len(names) :], **more)
        except Exception as error:
            if hasattr(error, "add_note"):  # from Python 3.11 on
                where = ", ".join(f"{name} {short(value)}" for name, value in given.items())
                line = where_in(answer, error) or name_of(answer)
                error.add_note(f"This is {line}, your answer to {exercise.name}, at work on {where}.")
            raise

    return mine


def trouble_at_work(exercise: Code, answer: Function) -> str:
    """What keeps a right function from its work in the lesson, and what to do; or "".

    Small inputs do not show it: a result that carries no gradient or is a list of tensors, loops that take minutes.

    Args:
        exercise: with code.
        answer: a function that is right.
    """
    if trouble := trouble_after(exercise, answer):
        return trouble
    if (case := exercise.at_work()) is None:
        return ""
    back = exercise.gradient or bool(exercise.painting)
    wanted, best = timed(exercise.solution, case, back)
    size = exercise.describe(case)
    try:
        with patience():
            found, seconds = timed(answer, case, back)
    except NoGradient as reason:
        return str(reason)
    except TooLong:
        return f"more than {ENOUGH:g} s for {size}. {FASTER}"
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        told = raised(answer, error, size)
        return told[0].lower() + told[1:]
    if found.shape != wanted.shape and not found.size == wanted.size == 1:
        return f"for {size} an array of shape {found.shape} comes back, in place of {wanted.shape}."
    found = found.reshape(wanted.shape)
    if not same(found, wanted, 1e-3):
        at = np.unravel_index(np.abs(found - wanted).argmax(), wanted.shape)
        return f"it goes wrong for {size}, with {found[at]:.4g} in place of {wanted[at]:.4g}: what is new at that size?"
    if too_slow(seconds, best, exercise.seconds):
        return f"{seconds:.1f} s for {size}, {seconds / best:.0f} times what it could take. {FASTER}"
    return ""


def trouble_after(exercise: Code, answer: Function) -> str:
    """What keeps a right function from cells that go on with its result as with the library's; or "".

    Args:
        exercise: with code.
        answer: a function that is right.
    """
    if exercise.use:
        return ""  # a part of a program, which was tried in one
    ours = exercise.solution(*copy(exercise.cases[0]))
    try:
        with patience():
            found = answer(*copy(exercise.cases[0]))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # it went well before: it remembers something
        return raised(answer, error, f"{exercise.describe(exercise.cases[0])} a second time")
    names = exercise.returns.split()
    if not names:
        return unlike(found, ours)
    told = {name: unlike(*pair) for name, *pair in zip(names, found, ours, strict=True)}
    return next((f"of {name}, {trouble}" for name, trouble in told.items() if trouble), "")


def unlike(found: Any, ours: Any) -> str:
    """In what a right result differs from the library's, so that work with it would fail, and what to do; or "".

    Args:
        found: the learner's.
        ours: the library's. For a single number, of whatever type, any other type will do that has no shape.
    """
    if not np.ndim(ours):
        if isinstance(found, tuple | list):
            return f"{kind(found)} comes back where the lesson has a single number: [0] takes it out."
        if np.ndim(found):
            return f"{kind_of(found)} comes back where the lesson has a single number: reshape(()) makes it one."
    elif isinstance(ours, np.ndarray) and not isinstance(found, np.ndarray):
        way = "detach().numpy()" if isinstance(found, Tensor) else "np.array"
        return f"{kind_of(found)} comes back where the lesson has an array of NumPy: {way} makes it one."
    elif isinstance(ours, Tensor):
        return unlike_tensor(found, ours) if isinstance(found, Tensor) else what_cuts(found)
    return unlike_plain(found) if isinstance(found, Tensor) else ""


def unlike_plain(found: Tensor) -> str:
    """What keeps a tensor from standing as plain numbers wherever a cell puts it, or "".

    Args:
        found: the learner's.
    """
    if found.requires_grad:
        return "what comes back still waits for gradients: detach() makes it plain numbers."
    if found.is_inference():
        return "what comes back was made in inference_mode(), and may stand in no loss: take torch.no_grad()."
    return ""


def unlike_tensor(found: Tensor, ours: Tensor) -> str:
    """The same of two tensors of one shape.

    Args:
        found: the learner's.
        ours: the library's.
    """
    if trouble := unlike_plain(found):
        return trouble
    given, asked = (str(value.dtype).removeprefix("torch.") for value in (found, ours))
    both = found.is_floating_point() and ours.is_floating_point()
    if given != asked and (both or ours.dtype == torch.bool):
        return f"{given} comes back where the lesson has {asked}: to({ours.dtype}) makes it that."
    return ""


def kind_of(value: object) -> str:
    """A result's type in words, and its shape."""
    known = ((Tensor, "a tensor"), (np.ndarray, "an array"))
    return next((f"{words} of shape {tuple(value.shape)}" for t, words in known if isinstance(value, t)), kind(value))


def too_slow(seconds: float, best: float, enough: float) -> bool:
    """Whether a picture would take minutes where it could take seconds.

    Args:
        seconds: that a function takes.
        best: that the library's takes.
        enough: what nobody minds.
    """
    return seconds > max(enough, TIMES * best)


def timed(function: Function, case: Case, back: bool) -> tuple[np.ndarray, float]:
    """A function's result, and the seconds of a processor that it takes, there and on the way back; the better of two.

    Not of the clock: beside other programs that would tell nothing.

    Args:
        function: differentiable.
        case: its arguments; the gradient is that to the first.
        back: whether there is a way back; a result without a gradient will do if not.

    Raises:
        NoGradient: the result carries none.
    """
    seconds = []
    for _ in range(2):
        first, *others = copy(case)
        start = time.process_time()
        with torch.enable_grad():  # a slope may be found by autograd, where the lesson does not forbid it
            result = function(first.requires_grad_() if back else first, *others)
            if back and (not isinstance(result, Tensor) or not result.requires_grad):
                raise NoGradient(what_cuts(result))
            if back:
                result.sum().backward()
        seconds.append(time.process_time() - start)
        if seconds[0] > LONG:
            break
    found = numbers(result)
    assert found is not None  # of a function that was right on the cases
    return found, min(seconds)


def name_of(answer: Function) -> str:
    """What a learner calls a function."""
    name = getattr(answer, "__name__", "<")
    return "function" if name.startswith("<") else name


def show(verdict: Verdict) -> None:
    """Show what a notebook's cell would show if it ended in the verdict; elsewhere, print it."""
    if notebook() is None:
        print(verdict)
        return
    from IPython.display import display

    display(verdict)
