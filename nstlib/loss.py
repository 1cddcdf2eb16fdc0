"""Features, statistics and targets → content, style and total-variation terms, joined by an `Objective`.

    total = α · content + β · style + γ · TV        (Gatys et al. 2016, equation 7, and a smoothness prior)

Nothing is woven into the network: the objective runs it once, hands each term its feature map and adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone
from .engine import Engine, captured
from .errors import InputError, choose
from .style import STATISTICS

__all__ = ["TV_KINDS", "Objective", "Term", "content_loss", "content_terms", "style_terms", "tv_loss", "tv_term"]


def content_loss(features: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared distance of two feature maps (1, N, H, W).

    reduction: "mean" over all elements; "sum" (Gatys et al. 2016, equation 1, has half of it); "relative",
    ‖F - P‖² / ‖P‖², which means the same on every layer and network.
    """
    choose("reduction", reduction, ("mean", "sum", "relative"))
    dtype = torch.promote_types(features.dtype, torch.float32)
    features, target = features.to(dtype), target.to(dtype)
    if reduction == "relative":
        return F.mse_loss(features, target, reduction="sum") / target.square().sum().clamp_min(1e-12)
    return F.mse_loss(features, target, reduction=reduction)


TV_KINDS = ("l1", "l2", "isotropic", "nine-point")


def tv_loss(image: Tensor, kind: str = "l2", reduction: str = "sum") -> Tensor:
    """Total variation of an image (1, 3, H, W): how much neighbours differ.

    kind:
        "l1"          |Δx| + |Δy|, anisotropic
        "l2"          Δx² + Δy², the same in all directions
        "isotropic"   √(Δx² + Δy²) at each pixel (Rudin, Osher & Fatemi 1992)
        "nine-point"  squares over all eight neighbours, the diagonal ones a quarter as much

    reduction: "sum", or "mean" of each direction's differences, added.
    """
    choose("total variation", kind, TV_KINDS)
    choose("reduction", reduction, ("sum", "mean"))
    reduce = torch.sum if reduction == "sum" else torch.mean
    if kind == "nine-point":
        x = F.pad(image, (1, 1, 1, 1), mode="replicate")
        side = x[..., 1:-1, 1:] - x[..., 1:-1, :-1], x[..., 1:, 1:-1] - x[..., :-1, 1:-1]
        diagonal = x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]
        return 2 / 3 * sum(reduce(d**2) for d in side) + 1 / 6 * sum(reduce(d**2) for d in diagonal)
    dx, dy = image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]
    if kind == "isotropic":
        # A tiny constant keeps the slope finite where the image is flat.
        return reduce((dx[..., :-1, :] ** 2 + dy[..., :, :-1] ** 2 + 1e-12).sqrt())
    power = torch.abs if kind == "l1" else torch.square
    return reduce(power(dx)) + reduce(power(dy))


@dataclass(frozen=True)
class Term:
    """One summand of an objective.

    name: "content relu4_2", "style relu1_1", "tv". layer: the map that it looks at; None for the image itself.
    judge: what it looks at → a number; or, if `describe` is given, the description of it → a number. describe: a map →
    a mean over its positions, which can be taken of a part of the map at a time.
    """

    name: str
    weight: float
    layer: str | None
    judge: Callable[[Tensor], Tensor]
    describe: Callable[[Tensor], Tensor] | None = None

    def loss(self, x: Tensor) -> Tensor:
        """Of a map (or the image), without the weight."""
        return self.judge(self.describe(x) if self.describe else x)


@torch.no_grad()
def content_terms(
    backbone: Backbone, content: Tensor, layers: Mapping[str, float], *, weight: float = 1.0, reduction: str = "mean"
) -> list[Term]:
    """One term per layer, with the content image's map as the target; `layers` gives each layer's own weight."""
    targets = backbone(content, layers)

    def term(layer: str, target: Tensor) -> Term:
        share = weight * layers[layer]
        return Term(f"content {layer}", share, layer, lambda f: content_loss(f, target, reduction))

    return [term(layer, target) for layer, target in targets.items()]


def divide_shares(count: int, shares: Iterable[float] | None) -> list[float]:
    """One share per style image, adding up to 1; equal ones if none are given."""
    given = [1.0] * count if shares is None else [float(s) for s in shares]
    if not count or len(given) != count or min(given) < 0 or sum(given) <= 0:
        raise InputError(f"{count} style images and the shares {given}: give one share ≥ 0 per image, not all zero")
    return [share / sum(given) for share in given]


@torch.no_grad()
def style_terms(
    backbone: Backbone,
    styles: Iterable[Tensor],
    layers: Mapping[str, float],
    *,
    weight: float = 1.0,
    statistic: str = "gram-relative",
    shares: Iterable[float] | None = None,
) -> list[Term]:
    """One term per layer; several style images share it.

    Args:
        styles: images (1, 3, H, W), each of its own shape and scale.
        layers: each layer's weight.
        statistic: a name in `STATISTICS`.
        shares: one number per style image, equal if None; they are divided by their sum.
    """
    kind = STATISTICS[choose("style statistic", statistic, STATISTICS)]
    styles = list(styles)
    shares = divide_shares(len(styles), shares)
    seen = [backbone(style, layers, kind.mean) for style in styles]
    described = [{layer: kind.complete(x) for layer, x in found.items()} for found in seen]

    def term(layer: str) -> Term:
        targets = [(share, d[layer]) for share, d in zip(shares, described, strict=True) if share]

        def judge(seen: Tensor) -> Tensor:
            value = kind.complete(seen)
            return sum(share * kind.distance(value, target) for share, target in targets)

        return Term(f"style {layer}", weight * layers[layer], layer, judge, kind.mean)

    return [term(layer) for layer in described[0]]


def tv_term(
    weight: float, kind: str = "l2", reduction: str = "sum", space: Callable[[Tensor], Tensor] | None = None
) -> Term:
    """The smoothness term, on pixels in [0, 1], or on `space(image)`: a backbone's `normalize`, say."""
    return Term("tv", weight, None, lambda image: tv_loss(space(image) if space else image, kind, reduction))


class Objective:
    """A sum of terms, of an image.

    Called, it is plain autograd in the backbone's own precision: the formula, as one would write it down.
    `value_and_gradient` is the same by the engine, several times faster, and what optimisers use.

    Args:
        backbone: runs once per call, to the deepest layer that a term with a weight asks for.
        terms: those of weight 0 are left out.
        precision: the engine's, "float32" or "bfloat16".
        memory: bytes that the engine may use for maps; None for no limit.
    """

    def __init__(
        self, backbone: Backbone, terms: Iterable[Term], precision: str = "float32", memory: int | None = None
    ):
        self.backbone, self.precision, self.memory = backbone, precision, memory
        self.terms = [term for term in terms if term.weight]
        if not self.terms:
            raise InputError("an objective needs at least one term whose weight is not 0: nothing would be optimised")
        self.layers = [n for n in backbone.layers if n in {term.layer for term in self.terms}]
        self._fast: Callable[[Tensor], tuple[Tensor, dict[str, Tensor], Tensor]] | None = None

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total (a scalar with a gradient) and each term by name, weighted, without one: they add up to the total.

        image: (1, 3, H, W), sRGB, usually in [0, 1]; values outside are not cut off here, which would hide their
        slope from the optimiser.
        """
        features = self.backbone(image, self.layers) if self.layers else {}
        values = [t.weight * t.loss(features[t.layer] if t.layer else image) for t in self.terms]
        return sum(values), self._by_name(values)

    def value_and_gradient(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Total, terms by name, and the gradient (1, 3, H, W) of the total, all without a graph.

        On CUDA the three lie in buffers that the next call for an image of this shape writes to again.
        """
        if self._fast is None:
            self._fast = captured(self._evaluator())
        return self._fast(image.detach())

    def _evaluator(self) -> Callable[[Tensor], tuple[Tensor, dict[str, Tensor], Tensor]]:
        of_maps = [term for term in self.terms if term.layer]
        of_pixels = [term for term in self.terms if not term.layer]
        order = sorted(self.terms, key=lambda term: not term.layer)
        engine = Engine(self.backbone, of_maps, self.precision, self.memory) if of_maps else None

        def evaluate(image: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
            values, gradient = engine(image) if engine else ([], torch.zeros_like(image))
            if of_pixels:
                with torch.enable_grad():
                    leaf = image.clone().requires_grad_()
                    own = [term.weight * term.loss(leaf) for term in of_pixels]
                    gradient += torch.autograd.grad(sum(own), leaf)[0]
                values += own
            parts = self._by_name(values, order)
            return sum(parts.values()), parts, gradient.contiguous()

        return evaluate

    def _by_name(self, values: Iterable[Tensor], terms: Iterable[Term] | None = None) -> dict[str, Tensor]:
        """Values without a gradient; terms of one name, two sets of styles say, share an entry."""
        parts: dict[str, Tensor] = {}
        for term, value in zip(terms or self.terms, values, strict=True):
            parts[term.name] = parts.get(term.name, 0) + value.detach()
        return parts
