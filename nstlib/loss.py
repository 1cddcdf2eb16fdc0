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
    square = (features.to(dtype) - target.to(dtype)).square()
    if reduction == "mean":
        return square.mean()
    return square.sum() if reduction == "sum" else square.sum() / target.to(dtype).square().sum().clamp_min(1e-12)


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

    name: "content relu4_2", "style relu1_1", "tv". layer: the map that `loss` looks at; None for the image itself.
    """

    name: str
    weight: float
    layer: str | None
    loss: Callable[[Tensor], Tensor]


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
    described = [{n: kind.describe(f) for n, f in backbone(style, layers).items()} for style in styles]

    def term(layer: str) -> Term:
        targets = [(share, d[layer]) for share, d in zip(shares, described, strict=True) if share]

        def loss(features: Tensor) -> Tensor:
            value = kind.describe(features)
            return sum(share * kind.distance(value, target) for share, target in targets)

        return Term(f"style {layer}", weight * layers[layer], layer, loss)

    return [term(layer) for layer in described[0]]


def tv_term(
    weight: float, kind: str = "l2", reduction: str = "sum", space: Callable[[Tensor], Tensor] | None = None
) -> Term:
    """The smoothness term, on pixels in [0, 1], or on `space(image)`: a backbone's `normalize`, say."""
    return Term("tv", weight, None, lambda image: tv_loss(space(image) if space else image, kind, reduction))


class Objective:
    """A sum of terms, called on an image.

    Args:
        backbone: runs once per call, to the deepest layer that a term with a weight asks for.
        terms: those of weight 0 are left out.
    """

    def __init__(self, backbone: Backbone, terms: Iterable[Term]):
        self.backbone = backbone
        self.terms = [term for term in terms if term.weight]
        if not self.terms:
            raise InputError("an objective needs at least one term whose weight is not 0: nothing would be optimised")
        self.layers = [n for n in backbone.layers if n in {term.layer for term in self.terms}]

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total (a scalar with a gradient) and each term by name, weighted, without one: they add up to the total.

        image: (1, 3, H, W), sRGB, usually in [0, 1]; values outside are not cut off here, which would hide their
        slope from the optimiser.
        """
        features = self.backbone(image, self.layers) if self.layers else {}
        parts: dict[str, Tensor] = {}
        for t in self.terms:  # terms of one name, two sets of styles say, share an entry
            parts[t.name] = parts.get(t.name, 0) + t.weight * t.loss(features[t.layer] if t.layer else image)
        return sum(parts.values()), {name: value.detach() for name, value in parts.items()}
