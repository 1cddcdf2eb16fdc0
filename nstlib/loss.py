"""Features, statistics and targets → content, style and total-variation terms, joined by an `Objective`.

    total = α · content + β · style + γ · TV        (Gatys et al. 2016, equation 7, and a smoothness prior)

Nothing is woven into the network: the objective runs it once, hands each term its feature map and adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import isclose
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone
from .engine import Engine, captured
from .errors import InputError, choose
from .style import STATISTICS, Statistic

__all__ = [
    "CONTENT_REDUCTIONS",
    "TV_KINDS",
    "TV_REDUCTIONS",
    "Objective",
    "Term",
    "by_kind",
    "content_loss",
    "content_terms",
    "divide_shares",
    "style_terms",
    "tv_loss",
    "tv_term",
]

# The power of the features' (or pixels') scale that each grows with.
CONTENT_REDUCTIONS = {"mean": 2, "sum": 2, "relative": 0}
TV_KINDS = {"l1": 1, "l2": 2, "isotropic": 1, "nine-point": 2}
TV_REDUCTIONS = ("sum", "mean")

Evaluation = tuple[Tensor, dict[str, Tensor], Tensor]  # total, terms by name, gradient (1, 3, H, W)


class Features(Protocol):
    """What targets are made with: a `Backbone`, or anything that is called like one."""

    def __call__(
        self, image: Tensor, layers: Iterable[str], describe: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The map of each layer, or what `describe` says of it, as `Backbone.forward`.

        Args:
            image: (1, 3, H, W), sRGB in [0, 1].
            layers: names such as "relu4_2".
            describe: a map (1, N, h, w) → its description; None for the map itself.
        """


def total(first: Tensor, *more: Tensor) -> Tensor:
    """The sum of scalars, from left to right.

    Args:
        first: a scalar.
        more: others.
    """
    return sum(more, first)


def content_loss(features: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared distance of two feature maps.

    Args:
        features: F (1, N, H, W), of the image.
        target: P, of the same shape, of the content.
        reduction: "mean" over all elements; "sum" (Gatys et al. 2016, equation 1, has half of it); "relative",
            ‖F - P‖² / ‖P‖², which means the same on every layer and network.

    Raises:
        InputError: another reduction.
    """
    choose("reduction", reduction, CONTENT_REDUCTIONS)
    dtype = torch.promote_types(features.dtype, torch.float32)
    features, target = features.to(dtype), target.to(dtype)
    if reduction == "relative":
        return F.mse_loss(features, target, reduction="sum") / target.square().sum().clamp_min(1e-12)
    return F.mse_loss(features, target, reduction=reduction)


def tv_loss(image: Tensor, kind: str = "l2", reduction: str = "sum") -> Tensor:
    """Total variation: how much neighbours differ.

    Args:
        image: (1, 3, H, W).
        kind: "l1", |Δx| + |Δy|, anisotropic; "l2", Δx² + Δy², the same in all directions; "isotropic", √(Δx² + Δy²)
            at each pixel (Rudin, Osher & Fatemi 1992); "nine-point", squares over all eight neighbours, the diagonal
            ones a quarter as much.
        reduction: "sum", or "mean" of each direction's differences, added.

    Raises:
        InputError: another kind or reduction.
    """
    choose("total variation", kind, TV_KINDS)
    choose("reduction", reduction, TV_REDUCTIONS)
    reduce = torch.sum if reduction == "sum" else torch.mean
    if kind == "nine-point":
        x = F.pad(image, (1, 1, 1, 1), mode="replicate")
        side = x[..., 1:-1, 1:] - x[..., 1:-1, :-1], x[..., 1:, 1:-1] - x[..., :-1, 1:-1]
        diagonal = x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]
        return 2 / 3 * total(*(reduce(d**2) for d in side)) + 1 / 6 * total(*(reduce(d**2) for d in diagonal))
    dx, dy = image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]  # a column, a row less
    if kind == "isotropic":
        # A tiny constant keeps the slope finite where the image is flat.
        return reduce((dx[..., :-1, :] ** 2 + dy[..., :, :-1] ** 2 + 1e-12).sqrt())
    power = torch.abs if kind == "l1" else torch.square
    return reduce(power(dx)) + reduce(power(dy))


@dataclass(frozen=True)
class Term:
    """One summand of an objective.

    Attributes:
        kind: "content", "style" or "tv"; one's own word for a loss of one's own.
        weight: what the summand is multiplied with.
        layer: whose map it looks at; None for the image itself.
        judge: what it looks at → a number; or, if `describe` is given, the description of it → a number.
        describe: a map (1, N, H, W) → a mean over its positions, which can be taken of a part of the map at a time.
    """

    kind: str
    weight: float
    layer: str | None
    judge: Callable[[Tensor], Tensor]
    describe: Callable[[Tensor], Tensor] | None = None

    @property
    def name(self) -> str:
        """How reports call it: "content relu4_2", "style relu1_1", "tv"."""
        return f"{self.kind} {self.layer}" if self.layer else self.kind

    def loss(self, x: Tensor) -> Tensor:
        """The summand without its weight.

        Args:
            x: the map (1, N, H, W), or the image (1, 3, H, W).
        """
        return self.judge(self.describe(x) if self.describe else x)


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


@torch.no_grad()
def content_terms(
    backbone: Features, content: Tensor, layers: Mapping[str, float], *, weight: float = 1.0, reduction: str = "mean"
) -> list[Term]:
    """One term per layer, with the content image's map as the target.

    Args:
        backbone: or anything that is called like it.
        content: (1, 3, H, W), sRGB in [0, 1].
        layers: each layer's own weight.
        weight: of all of them (α).
        reduction: as in `content_loss`.
    """
    targets = backbone(content, layers)

    def term(layer: str, target: Tensor) -> Term:
        share = weight * layers[layer]
        return Term("content", share, layer, lambda f: content_loss(f, target, reduction))

    return [term(layer, target) for layer, target in targets.items()]


def divide_shares(count: int, shares: Iterable[float] | None) -> list[float]:
    """One share per style image, adding up to 1.

    Args:
        count: of style images, at least 1.
        shares: as many numbers ≥ 0; equal ones if None. Those that add up to 1 already stay as they are.

    Raises:
        InputError: another number of shares, one below 0, or none above.
    """
    given = [1.0] * count if shares is None else [float(s) for s in shares]
    if not count or len(given) != count or min(given) < 0 or sum(given) <= 0:
        raise InputError(f"{count} style images and the shares {given}: give one share ≥ 0 per image, not all zero")
    whole = 1.0 if isclose(sum(given), 1.0, rel_tol=1e-12) else sum(given)
    return [share / whole for share in given]


@torch.no_grad()
def style_terms(
    backbone: Features,
    styles: Iterable[Tensor],
    layers: Mapping[str, float],
    *,
    weight: float = 1.0,
    statistic: str = "gram-relative",
    shares: Iterable[float] | None = None,
    masks: Iterable[Tensor | None] | None = None,
) -> list[Term]:
    """One term per layer; several style images share it.

    Args:
        backbone: or anything that is called like it.
        styles: images (1, 3, H, W), each of its own shape and scale.
        layers: each layer's own weight.
        weight: of all of them (β).
        statistic: a name in `STATISTICS`.
        shares: one number per style image, equal if None; they are divided by their sum.
        masks: for each style image (1, 1, H, W), 1 where it is style and 0 where it is not, or None; None for none.

    Raises:
        InputError: another statistic, shares that do not fit, or a mask that leaves nothing of a layer's map.
    """
    kind = STATISTICS[choose("style statistic", statistic, STATISTICS)]
    styles = list(styles)
    shares = divide_shares(len(styles), shares)
    masks = [None] * len(styles) if masks is None else list(masks)
    described = [
        backbone(style, layers, kind.describe if mask is None else partial(describe_part, kind, mask))
        for style, mask in zip(styles, masks, strict=True)
    ]

    def term(layer: str) -> Term:
        targets = [(share, d[layer]) for share, d in zip(shares, described, strict=True) if share]

        def judge(seen: Tensor) -> Tensor:
            value = kind.complete(seen)
            return total(*(share * kind.distance(value, target) for share, target in targets))

        return Term("style", weight * layers[layer], layer, judge, kind.mean)

    return [term(layer) for layer in described[0]]


def describe_part(kind: Statistic, mask: Tensor, features: Tensor) -> Tensor:
    """What a statistic says of a part of a map.

    Args:
        kind: of the statistic; one that asks for no neighbours.
        mask: (1, 1, H, W), of the image, in [0, 1].
        features: (1, N, h, w); the positions that lie in the mask by more than a half are described.

    Raises:
        InputError: fewer than two positions do.
    """
    inside = F.interpolate(mask, features.shape[-2:], mode="area").flatten() > 0.5  # (h·w,)
    if inside.sum() < 2:
        raise InputError("hardly anything of a style picture is opaque: give a larger style_size, or a fuller picture")
    return kind.describe(features.flatten(2)[:, :, None, inside])  # (1, N, 1, positions)


def tv_term(
    weight: float, kind: str = "l2", reduction: str = "sum", space: Callable[[Tensor], Tensor] | None = None
) -> Term:
    """The smoothness term.

    Args:
        weight: γ.
        kind: as in `tv_loss`.
        reduction: as in `tv_loss`.
        space: image → what is to be smooth, a backbone's `normalize`, say; the pixels in [0, 1] if None.
    """
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

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total (a scalar with a gradient) and each term by name, weighted, without one: they add up to the total.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1]; values outside are not cut off here, which would hide their
                slope from the optimiser.
        """
        features = self.backbone(image, self.layers) if self.layers else {}
        values = [t.weight * t.loss(features[t.layer] if t.layer else image) for t in self.terms]
        return total(*values), self._by_name(values)

    def value_and_gradient(self, image: Tensor) -> Evaluation:
        """Total, terms by name, and the gradient (1, 3, H, W) of the total, all without a graph.

        On CUDA the three lie in buffers that the next call for an image of this shape writes to again.
        """
        return self._fast(image.detach())

    def gradient_shares(self, image: Tensor) -> dict[str, float]:
        """Who pulls the pixels: the length of each kind's own gradient, as a share of the sum of these lengths.

        Takes about as long as an evaluation for the style and half of one for the content.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1].
        """
        kinds: dict[str, list[Term]] = {}
        for term in self.terms:
            kinds.setdefault(term.kind, []).append(term)
        alone = {kind: Objective(self.backbone, terms, self.precision, self.memory) for kind, terms in kinds.items()}
        lengths = {kind: float(one._plainly(image.detach())[2].norm()) for kind, one in alone.items()}
        whole = sum(lengths.values()) or 1.0
        return {kind: length / whole for kind, length in lengths.items()}

    @cached_property
    def _fast(self) -> Callable[[Tensor], Any]:
        """`value_and_gradient` of an image without a graph, on CUDA as a graph of kernels that is played again."""
        return captured(self._plainly)

    @cached_property
    def _plainly(self) -> Callable[[Tensor], Evaluation]:
        """`value_and_gradient` of an image without a graph; its engine is built when first asked for."""
        of_maps = [term for term in self.terms if term.layer]
        of_pixels = [term for term in self.terms if not term.layer]
        engine = None
        if of_maps:  # the engine's protocol asks for attributes that can be written, which a frozen term's cannot
            engine = Engine(self.backbone, of_maps, self.precision, self.memory)  # type: ignore[arg-type]

        def evaluate(image: Tensor) -> Evaluation:
            values, gradient = engine(image) if engine else ([], torch.zeros_like(image))
            if of_pixels:
                with torch.enable_grad():
                    leaf = image.clone().requires_grad_()
                    own = [term.weight * term.loss(leaf) for term in of_pixels]
                    gradient += torch.autograd.grad(total(*own), leaf)[0]
                values += own
            parts = self._by_name(values, [*of_maps, *of_pixels])
            return total(*parts.values()), parts, gradient.contiguous()

        return evaluate

    def _by_name(self, values: Iterable[Tensor], terms: Iterable[Term] | None = None) -> dict[str, Tensor]:
        """Values without a gradient; terms of one name, two sets of styles say, share an entry."""
        parts: dict[str, Tensor] = {}
        for term, value in zip(terms or self.terms, values, strict=True):
            parts[term.name] = parts.get(term.name, 0) + value.detach()
        return parts
