"""What an optimiser reports after each iteration: a `Step`, and why a run ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from torch import Tensor

from ..errors import InputError, counted

State = Mapping[str, Any]  # tensors, numbers and lists of them, by name
STEP = ("iteration", "evaluations", "loss", "terms", "image")  # what a state keeps of its `Step`


def forgotten() -> State:
    """What a step that was kept alone remembers of its optimiser.

    Raises:
        InputError: always.
    """
    raise InputError("this step was kept without its optimiser's memory: ask for state() while its loop stands there")


def nothing() -> None:
    """What a step that was kept alone knows of its loop."""


class Stop(Enum):
    """Why a run ended; its value is the reason in words."""

    BUDGET = "all its evaluations are done"
    TIME = "the time is up"
    PLATEAU = "the loss hardly falls any more"
    CONVERGED = "no step lowers the loss any more"
    LOSS = "the loss is not a finite number"
    GRADIENT = "the gradient is not a finite number"
    INTERRUPTED = "interrupted"
    MEMORY = "the memory ran out"
    LEFT = "stopped early"

    def __str__(self) -> str:
        return self.value

    @property
    def broken(self) -> bool:
        """Whether the numbers, not the run, came to an end."""
        return self in (Stop.LOSS, Stop.GRADIENT)


@dataclass(frozen=True, eq=False)
class Step:
    """What the loop reports after each iteration.

    Attributes:
        iteration: moves so far.
        evaluations: calls of the objective so far.
        seconds: since the loop began.
        loss: the objective at `image` (or, where `image` is a running mean, at the newest of those averaged).
        terms: its summands by name.
        image: (1, 3, H, W), detached, never written to again: the loop goes on from it, so change a copy only.
        memory: what `state` asks for the optimiser's part.
        stop: why this is the last step; None if it is not.
        last: what `newest` asks.
    """

    iteration: int
    evaluations: int
    seconds: float
    loss: float
    terms: Mapping[str, float]
    image: Tensor
    memory: Callable[[], State] = field(default=forgotten, repr=False, compare=False)
    stop: Stop | None = None
    last: Callable[[], Step | None] = field(default=nothing, repr=False, compare=False)

    def __repr__(self) -> str:
        ended = f" ({self.stop})" if self.stop else ""
        return f"step {self.iteration}: {counted(self.evaluations, 'evaluation')}, loss {self.loss:.4g}{ended}"

    @property
    def broken(self) -> bool:
        """Whether the numbers, not the run, came to an end here."""
        return self.stop is not None and self.stop.broken

    def state(self) -> dict[str, Any]:
        """All that is needed to go on from here exactly: a copy, of tensors, numbers and lists of them.

        It is made when asked for, since the memory of L-BFGS is large: ask before you ask for the next step.

        Raises:
            InputError: the loop has gone on, and its memory with it; or the step was kept without.
        """
        return {**self.memory(), **{name: getattr(self, name) for name in STEP}}

    def alone(self) -> Step:
        """The same, from which nothing goes on: it holds neither the optimiser's memory nor what was minimised."""
        return replace(self, memory=forgotten, last=nothing)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along, to a file or to another process: not the optimiser's memory."""
        return {**vars(self), "memory": forgotten, "last": nothing}

    def newest(self) -> Step:
        """The last step of this loop: another one than this if an interrupt kept that from being handed out."""
        return self.last() or self
