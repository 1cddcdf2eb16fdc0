"""Terms on a backbone's maps → their sum, and its gradient with respect to the image.

Nothing is woven into the network: the objective runs it once, hands each term its feature map and adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .backbone import Backbone, no_backbone
from .cuda import captured
from .engine import Engine
from .errors import InputError, one_of
from .image import planes_of, total
from .layers import unknown
from .machine import PRECISIONS, in_own_precision
from .term import Term

__all__ = ["Objective"]

OWN_FORMULA = "has a __call__ of its own"
Evaluation = tuple[Tensor, dict[str, Tensor], Tensor]  # total, terms by name, gradient (1, 3, H, W)


def by_name(values: Iterable[Tensor], terms: Iterable[Term]) -> dict[str, Tensor]:
    """Values without a gradient, by name; terms of one name, two sets of styles say, share an entry."""
    parts: dict[str, Tensor] = {}
    for term, value in zip(terms, values, strict=True):
        parts[term.name] = parts.get(term.name, 0) + value.detach()
    return parts


def checked_terms(terms: Any) -> list[Term]:
    """Terms as a list.

    Args:
        terms: what somebody gave an `Objective`.

    Raises:
        InputError: something among them is none.
    """
    made = list(terms) if isinstance(terms, Iterable) else [terms]
    for one in made:
        if not isinstance(one, Term):
            advice = (
                "join lists by +, or write *style_terms(…) in one" if isinstance(one, list) else "give a list of terms"
            )
            raise InputError(f"a {type(one).__name__} among the terms is none: {advice}")
    return made


class Objective:
    """A sum of terms, of an image.

    Called, it is plain autograd in the backbone's own precision: the formula, as one would write it down.
    `value_and_gradient` is the same by the engine, several times faster, and what optimisers use. The engine copies the
    backbone's weights when it is first asked: make another objective after a change of them.

    Args:
        backbone: runs once per call, to the deepest layer that a term with a weight asks for.
        terms: those of weight 0 are left out.
        precision: the engine's, one of `machine.PRECISIONS`.
        memory: bytes that the engine may use for maps; None for no limit.

    Raises:
        InputError: no term with a weight, a layer that the network lacks, another precision, or no `Backbone`.
    """

    def __init__(
        self, backbone: Backbone, terms: Iterable[Term], precision: str = "float32", memory: int | None = None
    ):
        if not isinstance(backbone, Backbone):
            raise no_backbone(backbone, "whose layers the engine runs through", ", or write a function of your own")
        self.backbone, self.memory = backbone, memory
        self.precision = one_of("precision", precision, PRECISIONS)
        self.terms = tuple(term for term in checked_terms(terms) if term.weight)
        if not self.terms:
            raise InputError("an objective needs at least one term whose weight is not 0: nothing would be optimised")
        wanted = [term.layer for term in self.terms if term.layer]
        self.layers = tuple(backbone.check_layers(wanted)) if wanted else ()

    def __repr__(self) -> str:
        terms = ", ".join(dict.fromkeys(" ".join(filter(None, (term.kind, term.layer))) for term in self.terms))
        return f"Objective on {self.backbone.name}: {terms}"

    @in_own_precision
    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total (a scalar with a gradient) and each term by name, weighted, without one: they add up to the total.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1]; values outside are not cut off here, which would hide their
                slope from the optimiser.
        """
        image = planes_of(image, 3)
        features = self.backbone(image, self.layers) if self.layers else {}
        made = [(term, term.loss(features[term.layer] if term.layer else image)) for term in self.terms]
        values = [term.weighted(loss, slope=False) for term, loss in made]
        return total(values), by_name(values, self.terms)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: not the engine, which belongs to this backbone."""
        return {name: value for name, value in vars(self).items() if name not in ("_replayed", "_by_engine")}

    @in_own_precision
    @torch.inference_mode(False)
    def value_and_gradient(self, image: Tensor, *, again: bool = True) -> Evaluation:
        """Total, terms by name, and the gradient (1, 3, H, W) of the total, all without a graph.

        On CUDA the three lie in buffers that the next call for an image of this shape writes to again.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1].
            again: whether images of this shape will follow, for which CUDA's kernels are worth recording. What a term
                of your own keeps in Python, a weight that grows say, stands still in such a record.

        Raises:
            InputError: the formula is another one than the engine knows: `__call__`, or the `loss` of a term that looks
                at a map, is a subclass's own.
        """
        evaluate, image = self._replayed if again else self._by_engine, planes_of(image, 3)
        return evaluate(image.clone() if image.is_inference() else image.detach())

    @in_own_precision
    @torch.inference_mode(False)
    def gradient_shares(self, image: Tensor) -> dict[str, float]:
        """Who pulls the pixels: the length of each kind's own gradient, as a share of the sum of these lengths.

        Takes about as long as an evaluation for the style and half of one for the content.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1].

        Raises:
            InputError: `__call__`, or the `loss` of a term that looks at a map, is a subclass's own.
        """
        if type(self).__call__ is not Objective.__call__:
            raise unknown(type(self).__name__, OWN_FORMULA)
        image = planes_of(image, 3)
        image = image.clone() if image.is_inference() else image
        kinds: dict[str, list[Term]] = {}
        for term in self.terms:
            kinds.setdefault(term.kind, []).append(term)
        alone = {kind: Objective(self.backbone, terms, self.precision, self.memory) for kind, terms in kinds.items()}
        lengths = {kind: float(one._by_engine(image.detach())[2].norm()) for kind, one in alone.items()}
        whole = sum(lengths.values()) or 1.0
        return {kind: length / whole for kind, length in lengths.items()}

    @cached_property
    def _replayed(self) -> Callable[[Tensor], Evaluation]:
        """`value_and_gradient` of an image without a graph, on CUDA as a graph of kernels that is played again."""
        return captured(self._by_engine, tune=self.precision != "float32")

    @cached_property
    def _by_engine(self) -> Callable[[Tensor], Evaluation]:
        """`value_and_gradient` of an image without a graph; its engine is built when first asked for.

        It does not hold the objective, which would then live, with a graph and its memory, until the next collection.
        """
        own = type(self)
        if own.__call__ is not Objective.__call__ and own.value_and_gradient is Objective.value_and_gradient:
            raise unknown(own.__name__, OWN_FORMULA)
        of_maps = [term for term in self.terms if term.layer]
        if odd := next((term for term in of_maps if type(term).loss is not Term.loss), None):
            raise unknown(f"the term {odd.name}", "has a loss of its own")
        of_pixels = [term for term in self.terms if not term.layer]
        engine = Engine(self.backbone, of_maps, self.precision, self.memory) if of_maps else None

        def evaluate(image: Tensor) -> Evaluation:
            values, gradient = engine(image) if engine else ([], torch.zeros_like(image))
            if of_pixels:
                with torch.enable_grad():
                    leaf = image.clone().requires_grad_()
                    own = [term.weighted(term.loss(leaf)) for term in of_pixels]
                    gradient += torch.autograd.grad(total(own), leaf)[0]
                values += own
            parts = by_name(values, [*of_maps, *of_pixels])
            return total(parts.values()), parts, gradient.contiguous()

        return evaluate
