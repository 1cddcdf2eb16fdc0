"""A layer's map → what is said of it, and what that costs: the summands of an objective.

An `Objective` hands each term its map and adds up; the engine is told beforehand what will be said, and says it of a
band of the map at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from .errors import InputError, one_line
from .guidance import Guidance

__all__ = ["Describe", "Slope", "Term", "View", "by_kind", "kind_of"]

Describe = Callable[..., Tensor]
Slope = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class View:
    """What is to be said of a layer's map: all that the engine knows of a `Term` before there is an image.

    Its attributes mean what those of a `Term` do.
    """

    layer: str | None
    describe: Describe | None
    regions: Guidance | None = None
    slope: Slope | None = None
    trusted: bool = True

    def of(self, x: Tensor, rows: tuple[int, int] | None = None) -> Tensor:
        """What is said of a map, or of some of its rows.

        Args:
            x: the map (1, N, H, W), or those rows of it.
            rows: the first, and one past the last; None for the whole map.
        """
        if self.describe is None:
            return x
        if self.regions is None:
            return self.describe(x)
        return self.describe(x, self.regions if rows is None else self.regions.rows(rows))


@dataclass(frozen=True)
class Term:
    """One summand of an objective.

    Attributes:
        kind: "content", "style" or "tv"; one's own word for a loss of one's own.
        weight: what the summand is multiplied with.
        layer: whose map it looks at; None for the image itself.
        judge: what it looks at → a number; or, if `describe` is given, the description of it → a number.
        describe: a map (1, N, H, W) → a mean over its positions, which can be taken of a part of the map at a time;
            None for the map itself.
        regions: of the map, which `describe` is called with beside it; None for none.
        slope: of a `describe` that multiplies the map with itself, see `Statistic.slope`; only the engine needs it.
        trusted: the kit's own alone: it takes maps in half precision as they are, and nothing else holds the gradients
            that it gives. What is not trusted is given float32 at least, and its gradients are copied.

    On CUDA, what a judge computes is recorded once and played again: a weight that a program changes from step to step,
    or a crop that it draws, stays as it was then. `value_and_gradient(image, again=False)` computes it anew.

    Raises:
        InputError: a kind of no word, or of several.
    """

    kind: str
    weight: float
    layer: str | None
    judge: Callable[[Tensor], Tensor]
    describe: Describe | None = None
    regions: Guidance | None = None
    slope: Slope | None = None
    trusted: bool = False

    def __post_init__(self) -> None:
        """Refuse what an evaluation would only stumble over."""
        if isinstance(self.weight, str | None) or not math.isfinite(self.weight):
            raise InputError(f"weight={one_line(repr(self.weight))}: expected a number")
        if not callable(self.judge):
            raise InputError(f"judge={one_line(repr(self.judge))}: expected a function of a feature map or of an image")
        if not isinstance(self.kind, str):
            raise InputError(f"a {type(self.kind).__name__} is no kind of term: give a word, such as 'style'")
        if not self.kind or " " in self.kind:
            mended = "-".join(self.kind.split()) or "mine"
            raise InputError(f"'{self.kind}' is no kind of term: give one word, by which reports add up, '{mended}'")

    @property
    def name(self) -> str:
        """How reports call it: "content relu4_2", "style relu1_1", "tv"."""
        return f"{self.kind} {self.layer}" if self.layer else self.kind

    @property
    def view(self) -> View:
        """What it looks at, and what is said of that."""
        return View(self.layer, self.describe, self.regions, self.slope, self.trusted)

    def loss(self, x: Tensor) -> Tensor:
        """The summand without its weight.

        Args:
            x: the map (1, N, H, W), or the image (1, 3, H, W).
        """
        return self.judge(self.view.of(x))

    def weighted(self, loss: object, *, slope: bool = True) -> Tensor:
        """The summand, as a scalar.

        Args:
            loss: what `loss`, or `judge`, returned.
            slope: whether a gradient is needed.

        Raises:
            InputError: it is no number, or has no gradient.
        """
        if not isinstance(loss, Tensor):
            made = type(loss).__name__
            raise InputError(f"the term {self.name} made a {made}: return a tensor, without item() or float()")
        if loss.numel() != 1:
            shape = tuple(loss.shape)
            raise InputError(f"the term {self.name} made {shape} numbers: add them up, or take their mean")
        if slope and not loss.requires_grad:
            raise InputError(f"the term {self.name} has no gradient: compute it from what it is given, by torch alone")
        return self.weight * loss.reshape(())


def by_kind(terms: Mapping[str, float]) -> dict[str, float]:
    """The terms of a report, added up by kind.

    Args:
        terms: value by `Term.name`.

    >>> by_kind({"style relu1_1": 1.0, "style relu2_1": 2.0, "tv": 0.5})
    {'style': 3.0, 'tv': 0.5}
    """
    totals: dict[str, float] = {}
    for name, value in terms.items():
        totals[kind_of(name)] = totals.get(kind_of(name), 0.0) + value
    return totals


def kind_of(name: str) -> str:
    """The kind in a `Term.name`."""
    return name.partition(" ")[0]
