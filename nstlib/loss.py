"""Features, statistics and targets → the content, style and total-variation terms that an `Objective` adds up.

total = α · content + β · style + γ · TV        (Gatys et al. 2016, equation 7, and a smoothness prior)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isclose
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .architecture import Architecture
from .backbone import map_of, no_backbone
from .descriptions import positions
from .distances import SAMPLE, directed, sample
from .errors import InputError, counted, one_of
from .guidance import Guidance, guidance_of
from .image import Picture, mask_of, planes_of, total
from .machine import in_own_precision
from .style import OF_THE_KIT, STATISTICS, Statistic
from .term import Describe, Term

__all__ = [
    "CONTENT_REDUCTIONS",
    "GUIDANCE",
    "TV_KINDS",
    "TV_REDUCTIONS",
    "Features",
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


class Features(Protocol):
    """What targets are made with: a `Backbone`, or anything that is called like one."""

    architecture: Architecture

    def __call__(
        self,
        image: Tensor,
        layers: Iterable[str],
        describe: Describe | None = None,
        regions: Mapping[str, Guidance] | None = None,
    ) -> dict[str, Tensor]:
        """The map of each layer, or what `describe` says of it, as `Backbone.forward`.

        Args:
            image: (1, 3, H, W), sRGB in [0, 1].
            layers: names such as "relu4_2".
            describe: a map (1, N, h, w), and its regions if there are any → its description; None for the map itself.
            regions: of each map, by layer.
        """


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
    reduction = one_of("reduction", reduction, CONTENT_REDUCTIONS)
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
        InputError: another kind or reduction, no pixels, or some of another shape.
    """
    kind = one_of("total variation", kind, TV_KINDS)
    reduction = one_of("reduction", reduction, TV_REDUCTIONS)
    image = planes_of(image)
    image = image.to(torch.promote_types(image.dtype, torch.float32))  # half precision holds neither ε nor the sum

    def reduce(differences: Tensor) -> Tensor:  # in a picture of one column, say, there are none
        return differences.sum() if reduction == "sum" or not differences.numel() else differences.mean()

    if kind == "nine-point":
        x = F.pad(image, (1, 1, 1, 1), mode="replicate")
        side = x[..., 1:-1, 1:] - x[..., 1:-1, :-1], x[..., 1:, 1:-1] - x[..., :-1, 1:-1]
        diagonal = x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]
        return 2 / 3 * total(reduce(d**2) for d in side) + 1 / 6 * total(reduce(d**2) for d in diagonal)
    dx, dy = image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]  # a column, a row less
    if kind == "isotropic":
        dx, dy = F.pad(dx, (0, 1)), F.pad(dy, (0, 0, 0, 1))  # the last pixel has no neighbour: it differs from none
        # A tiny constant keeps the slope finite where the image is flat.
        return reduce((dx**2 + dy**2 + 1e-12).sqrt())
    power = torch.abs if kind == "l1" else torch.square
    return reduce(power(dx)) + reduce(power(dy))


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
    reduction = one_of("reduction", reduction, CONTENT_REDUCTIONS)
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
    guidance = one_of("guidance", guidance, GUIDANCE)
    kind = kind.summed() if guidance == "sum" else kind
    layers = shared_by(layers)
    given = styles if isinstance(styles, Iterable) and not isinstance(styles, Tensor | Picture | str) else [styles]
    sources = sources_of([planes_of(style, 3) for style in given], shares, masks, regions, parts, layers)
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
        return style_term(kind, weight * layers[layer], layer, targets, strengths, made.get(layer))

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
    if odd := next((part for part in given["parts"] if isinstance(part, str)), None):
        raise InputError(f"{odd!r} alone among the parts: give a list of names for each style image, as [{odd!r}]")
    first = next((mask_of("region", one).shape[2:] for one in given["regions"] if one is not None), torch.Size())
    sizes = {"masks": [image.shape[2:] for image in styles], "regions": [first] * len(styles)}
    for name, whose in (("masks", "its style image"), ("regions", "the first one")):
        pairs = zip(given[name], sizes[name], strict=True)
        given[name] = [None if one is None else mask_of(name[:-1], one, size, whose) for one, size in pairs]
    own = [
        layers if part is None else [one_of("style layer", name, layers) for name in part] for part in given["parts"]
    ]
    rest = divide_shares(len(styles), shares), given["masks"], given["regions"], own
    return [
        Source(i, s, m, r, [n for n in layers if n in o and s]) for i, s, m, r, o in zip(styles, *rest, strict=True)
    ]


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
    covered = float(total(some).clamp(max=1).mean()) if len(some) == len(regions) else 1.0
    weighed = [share * area for share, area in zip(shares, areas, strict=True)]
    return [covered * one / sum(weighed) for one in weighed]


def style_term(
    kind: Statistic,
    weight: float,
    layer: str,
    targets: Sequence[Tensor],
    strengths: Sequence[float],
    regions: Guidance | None,
) -> Term:
    """A layer's style: the distances to some targets, added up.

    Args:
        kind: of the statistic.
        weight: of the term.
        layer: its name.
        targets: the description of each style.
        strengths: what each distance is multiplied with.
        regions: of the layer's map, one for each target, which is compared with that alone; None for all of the map.
    """

    def compared(seen: Tensor) -> Iterable[Tensor]:
        """What is compared with each target."""
        if regions is None:
            return [kind.complete(seen)] * len(targets)
        if kind.regional:
            return seen
        return (kind.describe(regions.cut_out(seen, number)) for number in range(len(targets)))

    def judge(seen: Tensor) -> Tensor:
        each = zip(strengths, compared(seen), targets, strict=True)
        return total(strength * kind.distance(value, target) for strength, value, target in each)

    own = kind.name in OF_THE_KIT
    if regions is None:
        return Term("style", weight, layer, judge, kind.mean, slope=kind.slope, trusted=own)
    return Term("style", weight, layer, judge, kind.regional, regions if kind.regional else None, trusted=own)


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
    kind = one_of("total variation", kind, TV_KINDS)
    reduction = one_of("reduction", reduction, TV_REDUCTIONS)
    return Term("tv", weight, None, lambda image: tv_loss(space(image) if space else image, kind, reduction))
