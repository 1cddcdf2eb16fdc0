"""Features, statistics and targets → content, style and total-variation terms, joined by an `Objective`.

    total = α · content + β · style + γ · TV        (Gatys et al. 2016, equation 7, and a smoothness prior)

Nothing is woven into the network: the objective runs it once, hands each term its feature map and adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isclose
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .architecture import Architecture
from .backbone import Backbone, no_backbone
from .cuda import captured
from .engine import Engine, one_number
from .errors import InputError, counted, one_of
from .guidance import Guidance, guidance_of, mask_of
from .image import Picture, floats_of
from .layers import unknown
from .machine import PRECISIONS, in_own_precision
from .style import OF_THE_KIT, SAMPLE, STATISTICS, Statistic, directed, map_of, positions, sample

__all__ = [
    "CONTENT_REDUCTIONS",
    "GUIDANCE",
    "TV_KINDS",
    "TV_REDUCTIONS",
    "Objective",
    "Term",
    "by_kind",
    "content_loss",
    "content_terms",
    "divide_shares",
    "self_similarity",
    "style_terms",
    "tv_loss",
    "tv_term",
]

LOOKED_AT = SAMPLE // 4  # positions that all others are compared with, where the content is their likeness
# The power of the features' (or pixels') scale that each grows with.
CONTENT_REDUCTIONS = {"mean": 2, "sum": 2, "relative": 0, "similarity": 0}
TV_KINDS = {"l1": 1, "l2": 2, "isotropic": 1, "nine-point": 2}
TV_REDUCTIONS = ("sum", "mean")
GUIDANCE = ("gram", "sum")  # how the style of a region is compared

Evaluation = tuple[Tensor, dict[str, Tensor], Tensor]  # total, terms by name, gradient (1, 3, H, W)


class Features(Protocol):
    """What targets are made with: a `Backbone`, or anything that is called like one."""

    architecture: Architecture

    def __call__(
        self,
        image: Tensor,
        layers: Iterable[str],
        describe: Callable[..., Tensor] | None = None,
        regions: Mapping[str, Guidance] | None = None,
    ) -> dict[str, Tensor]:
        """The map of each layer, or what `describe` says of it, as `Backbone.forward`.

        Args:
            image: (1, 3, H, W), sRGB in [0, 1].
            layers: names such as "relu4_2".
            describe: a map (1, N, h, w), and its regions if there are any → its description; None for the map itself.
            regions: of each map, by layer.
        """


def total(first: Tensor, *more: Tensor) -> Tensor:
    """The sum of scalars, from left to right.

    Args:
        first: a scalar.
        more: others.
    """
    return sum(more, first)


@in_own_precision
def content_loss(features: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Distance of two feature maps; squared, but for "similarity".

    Args:
        features: F (1, N, H, W), of the image.
        target: P, of the same shape, of the content.
        reduction: "mean" over all elements; "sum" (Gatys et al. 2016, equation 1, has half of it); "relative",
            ‖F - P‖² / ‖P‖², which means the same on every layer and network; "similarity", see `self_similarity`.

    Raises:
        InputError: another reduction, no maps, or maps of two shapes.
    """
    one_of("reduction", reduction, CONTENT_REDUCTIONS)
    if map_of(features).shape != map_of(target).shape:
        shapes = " and ".join("×".join(map(str, each.shape)) for each in (features, target))
        raise InputError(f"maps of {shapes} cannot be compared: give pictures of one size, and maps of one layer")
    dtype = torch.promote_types(features.dtype, torch.float32)
    features, target = features.to(dtype), target.to(dtype)
    if reduction == "relative":
        return F.mse_loss(features, target, reduction="sum") / target.square().sum().clamp_min(1e-12)
    if reduction == "similarity":
        return (self_similarity(features) - self_similarity(target)).abs().sum(1).mean()
    return F.mse_loss(features, target, reduction=reduction)


@in_own_precision
def self_similarity(features: Tensor) -> Tensor:
    """How far some positions of a map are from all of them by cosine (K, M), each row adding up to 1.

    It keeps what is like what, and leaves what it looks like to the style (Kolkin et al. 2019, "STROTSS").
    The paper compares 1,024 positions with each other, drawn anew at each step. Here they stay, because L-BFGS needs a
    loss that does not move; so a quarter of them is compared with all positions: if others did not count, the picture
    would be speckled where they are.

    Args:
        features: (1, N, H, W).
    """
    unit = directed(positions(features))
    far = 1 - unit[:, sample(unit.shape[1], unit.device, LOOKED_AT)].T @ unit
    return far / far.sum(1, keepdim=True).clamp_min(1e-6)


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
    one_of("total variation", kind, TV_KINDS)
    one_of("reduction", reduction, TV_REDUCTIONS)
    image = floats_of(image)

    def reduce(differences: Tensor) -> Tensor:  # in a picture of one column, say, there are none
        return differences.sum() if reduction == "sum" or not differences.numel() else differences.mean()

    if kind == "nine-point":
        x = F.pad(image, (1, 1, 1, 1), mode="replicate")
        side = x[..., 1:-1, 1:] - x[..., 1:-1, :-1], x[..., 1:, 1:-1] - x[..., :-1, 1:-1]
        diagonal = x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]
        return 2 / 3 * total(*(reduce(d**2) for d in side)) + 1 / 6 * total(*(reduce(d**2) for d in diagonal))
    dx, dy = image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]  # a column, a row less
    if kind == "isotropic":
        dx, dy = F.pad(dx, (0, 1)), F.pad(dy, (0, 0, 0, 1))  # the last pixel has no neighbour: it differs from none
        # A tiny constant keeps the slope finite where the image is flat.
        return reduce((dx**2 + dy**2 + 1e-12).sqrt())
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
    describe: Callable[..., Tensor] | None = None
    regions: Guidance | None = None
    slope: Callable[[Tensor, Tensor], Tensor] | None = None
    trusted: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str):
            raise InputError(f"a {type(self.kind).__name__} is no kind of term: give a word, such as 'style'")
        if not self.kind or " " in self.kind:
            mended = "-".join(self.kind.split()) or "mine"
            raise InputError(f"'{self.kind}' is no kind of term: give one word, by which reports add up, '{mended}'")

    @property
    def name(self) -> str:
        """How reports call it: "content relu4_2", "style relu1_1", "tv"."""
        return f"{self.kind} {self.layer}" if self.layer else self.kind

    def loss(self, x: Tensor) -> Tensor:
        """The summand without its weight.

        Args:
            x: the map (1, N, H, W), or the image (1, 3, H, W).
        """
        regions = () if self.regions is None else (self.regions,)
        return self.judge(self.describe(x, *regions) if self.describe else x)


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


@in_own_precision
@torch.inference_mode(False)  # what is made in it cannot be kept for the way back
@torch.no_grad()
def content_terms(
    backbone: Features,
    content: Tensor,
    layers: Mapping[str, float] | Iterable[str],
    *,
    weight: float = 1.0,
    reduction: str = "mean",
) -> list[Term]:
    """One term per layer, with the content image's map as the target.

    Args:
        backbone: or anything that is called like it.
        content: (1, 3, H, W), sRGB in [0, 1].
        layers: each layer's own weight; names alone share a weight of 1.
        weight: of all of them (α).
        reduction: as in `content_loss`.

    Raises:
        InputError: no backbone, another reduction, a layer that the network lacks, or an image too small for the
            deepest one.
    """
    check_features(backbone)
    one_of("reduction", reduction, CONTENT_REDUCTIONS)
    layers = shared_by(layers)
    targets = backbone(content, layers)

    def term(layer: str, target: Tensor) -> Term:
        share = weight * layers[layer]
        return Term("content", share, layer, lambda f: content_loss(f, target, reduction), trusted=True)

    return [term(layer, target) for layer, target in targets.items()]


def divide_shares(count: int, shares: Iterable[float] | None) -> list[float]:
    """One share per style image, adding up to 1.

    Args:
        count: of style images, at least 1.
        shares: as many numbers ≥ 0; equal ones if None. Those that add up to 1 already stay as they are.

    Raises:
        InputError: no image, another number of shares, one below 0, or none above.
    """
    if not count:
        raise InputError("no style image was given: give one at least")
    given = [1.0] * count if shares is None else [float(s) for s in shares]
    if len(given) != count or not all(0 <= s < inf for s in given) or sum(given) <= 0:
        images = counted(count, "style image")
        raise InputError(f"{images} and the shares {given}: give one share ≥ 0 per image, not all zero")
    whole = 1.0 if isclose(sum(given), 1.0, rel_tol=1e-12) else sum(given)
    return [share / whole for share in given]


@in_own_precision
@torch.inference_mode(False)
@torch.no_grad()
def style_terms(
    backbone: Features,
    styles: Iterable[Tensor],
    layers: Mapping[str, float] | Iterable[str],
    *,
    weight: float = 1.0,
    statistic: str = "gram-relative",
    shares: Iterable[float] | None = None,
    masks: Iterable[Tensor | None] | None = None,
    regions: Iterable[Tensor | None] | None = None,
    parts: Iterable[Iterable[str] | None] | None = None,
    guidance: str = "gram",
) -> list[Term]:
    """One term per layer; several style images share it.

    Args:
        backbone: or anything that is called like it.
        styles: images (1, 3, H, W), each of its own shape and scale.
        layers: each layer's own weight; names alone share a weight of 1.
        weight: of all of them (β).
        statistic: a name in `STATISTICS`.
        shares: one number per style image, equal if None; they are divided by their sum.
        masks: for each style image (1, 1, H, W), 1 where it is style and 0 where it is not, or None; None for none.
        regions: for each style image a mask of the image that is painted, 1 where it has this style, all of one shape;
            likewise.
        parts: for each style image the names of the layers on which it counts, or None for all; None for all.
        guidance: how a region's style is compared: "gram", by its guided Gram matrix, or "sum", by its guided sum.

    Raises:
        InputError: no backbone, another statistic or guidance, guided sums without regions, shares, masks, regions or
            parts that do not fit, a mask that leaves nothing of a layer's map, a layer that the network lacks or on
            which no style counts, or an image too small for the deepest one, or none at all.
    """
    check_features(backbone)
    kind = STATISTICS[one_of("style statistic", statistic, STATISTICS)]
    kind = kind.summed() if one_of("guidance", guidance, GUIDANCE) == "sum" else kind
    layers = shared_by(layers)
    given = styles if isinstance(styles, Iterable) and not isinstance(styles, Tensor | Picture | str) else [styles]
    sources = sources_of([floats_of(style) for style in given], shares, masks, regions, parts, layers)
    everywhere = next((torch.ones_like(one.region) for one in sources if one.region is not None), None)
    if guidance == "sum" and everywhere is None:
        raise InputError("guidance=sum compares regions of the picture, and there are none: leave it out")
    if kind.knows_neighbours and not all(source.mask is source.region is None for source in sources):
        raise InputError(f"{kind.name} compares neighbours, so it knows no masks: choose another statistic")

    def describe(source: Source) -> dict[str, Tensor]:
        mask = torch.ones_like(source.image[:, :1]) if source.mask is None and guidance == "sum" else source.mask
        if not source.layers or mask is None:
            return backbone(source.image, source.layers, kind.describe) if source.layers else {}
        own = guidance_of(backbone.architecture, source.layers, mask)
        return backbone(source.image, source.layers, kind.within, own)

    described = [describe(source) for source in sources]

    def term(layer: str) -> Term:
        here = [source for source in sources if layer in source.layers]
        targets = [one[layer] for one in described if layer in one]
        where = [everywhere if source.region is None else source.region for source in here]
        made = guidance_of(backbone.architecture, [layer], *where)  # first: it tells of a region that is lost
        strengths = divide_strength([source.share for source in here], [source.region for source in here])
        if made:
            return regional_term(kind, weight * layers[layer], layer, targets, strengths, made[layer])
        judge = comparison(kind, targets, strengths)
        own = kind.name in OF_THE_KIT
        return Term("style", weight * layers[layer], layer, judge, kind.mean, slope=kind.slope, trusted=own)

    known = dict.fromkeys(name for one in described for name in one)
    if silent := [name for name in layers if name not in known]:
        raise InputError(f"no style counts on {silent[0]}: give it to one of them, or leave it out of the style layers")
    return [term(layer) for layer in known]


@dataclass(frozen=True, eq=False)
class Source:
    """A style image, and where and how much it counts.

    Attributes:
        image: (1, 3, H, W).
        share: of all style images.
        mask: (1, 1, H, W) of it, 1 where it is style; None for all of it.
        region: (1, 1, h, w) of the image that is painted, 1 where it has this style; None for everywhere.
        layers: those on which it counts.
    """

    image: Tensor
    share: float
    mask: Tensor | None
    region: Tensor | None
    layers: list[str]


def sources_of(
    styles: Sequence[Tensor],
    shares: Iterable[float] | None,
    masks: Iterable[Tensor | None] | None,
    regions: Iterable[Tensor | None] | None,
    parts: Iterable[Iterable[str] | None] | None,
    layers: Iterable[str],
) -> list[Source]:
    """What `style_terms` is given, put together for each style image.

    Raises:
        InputError: one of them is not given once for each image, a mask that does not fit, or a layer that is none of
            the style's.
    """
    given: dict[str, list[Any]] = {}
    for name, values in (("masks", masks), ("regions", regions), ("parts", parts)):
        given[name] = [None] * len(styles) if values is None else list(values)
        if isinstance(values, Tensor) or len(given[name]) != len(styles):
            images = counted(len(styles), "style image")
            told = "a tensor" if isinstance(values, Tensor) else len(given[name])
            raise InputError(f"{images} and {told} for {name}: give a list of one for each, None for none")
    for name in ("masks", "regions"):
        given[name] = [None if one is None else mask_of(name[:-1], one) for one in given[name]]
    if odd := next((part for part in given["parts"] if isinstance(part, str)), None):
        raise InputError(f"{odd!r} alone among the parts: give a list of names for each style image, as [{odd!r}]")
    for image, mask in zip(styles, given["masks"], strict=True):
        check_mask("mask", mask, image.shape[2:], "its style image")
    first = next((region for region in given["regions"] if region is not None), None)
    for region in given["regions"]:
        check_mask("region", region, first.shape[2:] if first is not None else (), "the first one")
    own = [
        layers if part is None else [one_of("style layer", name, layers) for name in part] for part in given["parts"]
    ]
    rest = divide_shares(len(styles), shares), given["masks"], given["regions"], own
    return [
        Source(i, s, m, r, [n for n in layers if n in o and s]) for i, s, m, r, o in zip(styles, *rest, strict=True)
    ]


def check_mask(name: str, mask: Tensor | None, size: Sequence[int], whose: str) -> None:
    """Refuse what is no mask of a size.

    Args:
        name: what it is called.
        mask: that should be (1, 1, H, W); None is let through.
        size: (H, W).
        whose: size that is.

    Raises:
        InputError: it has another shape.
    """
    if mask is not None and tuple(mask.shape) != (1, 1, *size):
        raise InputError(f"a {name} of shape {tuple(mask.shape)}: give (1, 1, {', '.join(map(str, size))}), as {whose}")


def check_features(given: Any) -> None:
    """Refuse what cannot be called for maps, a network's name say.

    Raises:
        InputError: it cannot.
    """
    if not callable(given):
        raise no_backbone(given, "which makes maps of an image")


def shared_by(layers: Mapping[str, float] | Iterable[str]) -> Mapping[str, float]:
    """Layers with their weights; those without, by names alone, share a weight of 1.

    Args:
        layers: names, or weights by name.

    Raises:
        InputError: there is none.
    """
    names = dict.fromkeys([layers] if isinstance(layers, str) else layers)
    if not names:
        raise InputError("no layer was named: give one at least, such as relu4_1")
    return layers if isinstance(layers, Mapping) else dict.fromkeys(names, 1 / len(names))


def divide_strength(shares: Sequence[float], regions: Sequence[Tensor | None]) -> list[float]:
    """What each style's distance is multiplied with, so that a pixel is pulled alike however large its region is.

    A region's statistic is a mean, so a pixel has the more say in it the smaller the region is. By share × area it
    has as much as if that style had the whole picture; all together they come to the part of it that is covered.

    Args:
        shares: of the styles.
        regions: a mask (1, 1, H, W) of the image for each; None for all of it.
    """
    areas = [1.0 if region is None else float(region.mean()) for region in regions]
    some = [region for region in regions if region is not None]
    covered = float(total(*some).clamp(max=1).mean()) if len(some) == len(regions) else 1.0
    weighed = [share * area for share, area in zip(shares, areas, strict=True)]
    return [covered * one / sum(weighed) for one in weighed]


def comparison(kind: Statistic, targets: Sequence[Tensor], strengths: Sequence[float]) -> Callable[[Tensor], Tensor]:
    """What is seen of a map → its distance to some styles.

    Args:
        kind: of the statistic.
        targets: the styles' descriptions.
        strengths: one for each.
    """

    def judge(seen: Tensor) -> Tensor:
        value = kind.complete(seen)
        return total(*(s * kind.distance(value, target) for s, target in zip(strengths, targets, strict=True)))

    return judge


def regional_term(
    kind: Statistic, weight: float, layer: str, targets: Sequence[Tensor], strengths: Sequence[float], regions: Guidance
) -> Term:
    """A layer's style, each region's compared with its own target.

    Args:
        kind: of the statistic.
        weight: of the term.
        layer: its name.
        targets: the description of each region's style.
        strengths: what each region's distance is multiplied with.
        regions: as many, of the layer's map.
    """

    def judge(seen: Tensor) -> Tensor:
        parts = (regions.cut_out(seen, number) for number in range(len(targets)))
        values = seen if kind.regional else map(kind.describe, parts)
        return total(*(s * kind.distance(v, t) for s, v, t in zip(strengths, values, targets, strict=True)))

    beside, own = regions if kind.regional else None, kind.name in OF_THE_KIT
    return Term("style", weight, layer, judge, kind.regional, beside, trusted=own)


def tv_term(
    weight: float, kind: str = "l2", reduction: str = "sum", space: Callable[[Tensor], Tensor] | None = None
) -> Term:
    """The smoothness term.

    Args:
        weight: γ.
        kind: as in `tv_loss`.
        reduction: as in `tv_loss`.
        space: image → what is to be smooth, a backbone's `normalize`, say; the pixels in [0, 1] if None.

    Raises:
        InputError: another kind or reduction.
    """
    one_of("total variation", kind, TV_KINDS)
    one_of("reduction", reduction, TV_REDUCTIONS)
    return Term("tv", weight, None, lambda image: tv_loss(space(image) if space else image, kind, reduction))


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
        image = floats_of(image)
        features = self.backbone(image, self.layers) if self.layers else {}
        made = [(t, t.loss(features[t.layer] if t.layer else image)) for t in self.terms]
        values = [t.weight * one_number(value, t.name, slope=False) for t, value in made]
        return total(*values), by_name(values, self.terms)

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
        evaluate, image = self._replayed if again else self._by_engine, floats_of(image)
        return evaluate(image.clone() if image.is_inference() else image.detach())

    @in_own_precision
    @torch.inference_mode(False)
    def gradient_shares(self, image: Tensor) -> dict[str, float]:
        """Who pulls the pixels: the length of each kind's own gradient, as a share of the sum of these lengths.

        Takes about as long as an evaluation for the style and half of one for the content.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1].
        """
        image = floats_of(image)
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
            raise unknown(own.__name__, "has a __call__ of its own")
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
                    own = [term.weight * one_number(term.loss(leaf), term.kind) for term in of_pixels]
                    gradient += torch.autograd.grad(total(*own), leaf)[0]
                values += own
            parts = by_name(values, [*of_maps, *of_pixels])
            return total(*parts.values()), parts, gradient.contiguous()

        return evaluate
