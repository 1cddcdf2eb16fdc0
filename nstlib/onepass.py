"""Content and style → a picture in one pass: a style's statistics put onto features, and the features decoded.

Nothing is optimised. The network's map of the content takes on the statistics that the style's map has, and a trained
mirror of the network turns it into an image. AdaIN exchanges mean and deviation of each channel (Huang & Belongie
2017), WCT mean and covariance (Li et al. 2017). Both do so from the deepest layer to the finest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .architecture import BACKBONES
from .backbone import map_of
from .decoder import DECODED, Decoder, load_decoders
from .descriptions import positions
from .engine import Engine
from .errors import InputError, one_of
from .guidance import Guidance, added_up, carried, guidance_of
from .image import Picture, load_image, shape_of
from .inputs import alone
from .machine import in_own_precision
from .palette import power
from .plan import FEWER_LAYERS, WHAT, WHERE, Plan, prepare
from .rules import brief
from .term import View

__all__ = ["METHODS", "adain", "one_pass", "wct"]

EPSILON = 1e-5


class Gaussian(NamedTuple):
    """What is known of a map's features: their mean μ (N,) and covariance Σ (N, N), in float64 on the CPU."""

    mean: Tensor
    covariance: Tensor


def gaussian_of(features: Tensor, regions: Guidance | None = None) -> Gaussian:
    """The features' Gaussian, of the first region if there are any.

    Args:
        features: (1, N, H, W).
        regions: over its positions.
    """
    f = positions(features)  # (N, M)
    g = torch.ones_like(f[0]) if regions is None else regions.flat[0].to(f)  # (M,), 1 on the mean
    mean = (f * g).mean(1)
    apart = (f - mean[:, None]) * (g / len(g)).sqrt()  # ⟨x xᵀ⟩ - μ μᵀ would lose a small Σ beside a large μ
    return Gaussian(mean.cpu().double(), (apart @ apart.T).cpu().double())  # Apple's GPUs have no float64


def rescaling(source: Tensor, target: Tensor) -> Tensor:
    """A of AdaIN (N, N): σ(s) / σ(c) of each channel on the diagonal, and nothing beside it.

    Args:
        source: Σ (N, N) of the content's map.
        target: Σ of the style's.
    """
    variance, wanted = (matrix.diagonal().clamp_min(0) + EPSILON for matrix in (source, target))
    return (wanted / variance).sqrt().diag()


def recolouring(source: Tensor, target: Tensor) -> Tensor:
    """A of WCT (N, N): Σs^½ Σc^-½. Whitening takes the content's correlations away, colouring gives it the style's.

    Args:
        source: Σ (N, N) of the content's map; what hardly varies is noise, and is not blown up.
        target: Σ of the style's.
    """
    return power(target, 0.5) @ power(source, -0.5, floor=EPSILON * float(source.trace()) + 1e-12)


@dataclass(frozen=True)
class Method:
    """What is exchanged, and at which layers.

    Attributes:
        matrix: Σ (N, N) of content and style → A (N, N) of the move x → A (x - μc) + μs.
        layers: of a cascade, the deepest first, as in WCT's paper: one layer alone leaves a style's colours behind.
    """

    matrix: Callable[[Tensor, Tensor], Tensor]
    layers: tuple[str, ...] = DECODED[::-1]

    def move(self, own: Gaussian, wanted: Gaussian) -> Tensor:
        """The move that turns one Gaussian into another: μs - A μc and A side by side (N, 1 + N)."""
        a = self.matrix(own.covariance, wanted.covariance)
        return torch.cat([(wanted.mean - a @ own.mean)[:, None], a], dim=1)


METHODS = {"wct": Method(recolouring), "adain": Method(rescaling)}


@in_own_precision
def adain(content: Tensor, style: Tensor) -> Tensor:
    """The content's map with the style's mean and deviation in each channel (Huang & Belongie 2017, equation 8).

    σ(s) (x - μ(x)) / σ(x) + μ(s)

    Args:
        content: (1, N, H, W).
        style: (1, N, h, w).

    Raises:
        InputError: no maps, or not of as many channels.
    """
    return exchanged(content, style, METHODS["adain"])


@in_own_precision
def wct(content: Tensor, style: Tensor) -> Tensor:
    """The content's map with the style's mean and covariance (Li et al. 2017, equations 2 and 3).

    Whitening takes the content's correlations away, colouring gives it the style's: x → Σs^½ Σc^-½ (x - μc) + μs.

    Args:
        content: (1, N, H, W).
        style: (1, N, h, w).

    Raises:
        InputError: no maps, or not of as many channels.
    """
    return exchanged(content, style, METHODS["wct"])


def exchanged(content: Tensor, style: Tensor, method: Method) -> Tensor:
    """The content's map with the style's statistics, for `adain` and `wct`."""
    if map_of(content).ndim != 4 or map_of(style).ndim != 4 or content.shape[1] != style.shape[1]:
        shapes = f"{tuple(content.shape)} and {tuple(style.shape)}"
        raise InputError(f"maps of shapes {shapes} have not the same channels: give one layer's maps, (1, N, H, W)")
    own, wanted = gaussian_of(content), gaussian_of(style)
    if not (own.covariance.isfinite().all() and wanted.covariance.isfinite().all()):
        raise InputError("a map holds NaN or infinite numbers: look for what made it, a picture with NaN say")
    return moved(content, method.move(own, wanted))


def moved(features: Tensor, move: Tensor) -> Tensor:
    """A map (1, N, H, W) with each position's x become A x + b, its channels last in memory, in float32 at least.

    Args:
        features: (1, N, H, W).
        move: b and A side by side (N, 1 + N).
    """
    x = features.permute(0, 2, 3, 1).to(torch.promote_types(features.dtype, torch.float32))  # (1, H, W, N)
    b, a = move.to(x).split([1, len(move)], dim=1)
    return torch.addmm(b[:, 0], x.flatten(0, 2), a.T).view_as(x).permute(0, 3, 1, 2)


def one_pass(
    content: Any,
    style: Any,
    *,
    method: str = "wct",
    strength: float = 1.0,
    shares: Sequence[float] | None = None,
    masks: Sequence[Any] | None = None,
    style_masks: Sequence[Any] | None = None,
    color: str = "style",
    size: int | None = 512,
) -> Picture:
    """Paint a picture without optimising it: in a fraction of a second, by any style, not quite as well.

    Args:
        content: a picture as `load_image` takes it.
        style: the same, or a list of several.
        method: of `METHODS`: "wct" exchanges mean and covariance of a layer, "adain" mean and deviation.
        strength: 0 gives back the content as the decoders know it, without what is small, 1 all of the style.
        shares: one number ≥ 0 for each of several styles; equal ones if None.
        masks: where in the content each style paints, as for `stylize`: pictures, regions, "alpha", "rest" or None.
        style_masks: what of each style picture is style, likewise.
        color: whose colours the picture has: of `palette.COLORS`, as a recipe's.
        size: pixels of the longer side; None: as the content is.

    Returns:
        The picture, of the content's proportions; its notes say what was changed of those given, then how it was made.

    Raises:
        InputError: an unknown method or colour, a strength outside [0, 1], shares or masks that do not fit the
            pictures, or a picture that cannot be read or is too small.
    """
    method = one_of("method", method, METHODS)
    exchange = METHODS[method]
    if not isinstance(strength, Real) or not 0 <= strength <= 1:
        raise InputError(f"strength {brief(strength)} is out of range: give one from 0, no style, to 1, all of it")
    if content is None or not alone(style):
        raise InputError("one pass takes a content and a style picture: give both")
    try:
        plan = prepare(
            content,
            style,
            shares=shares,
            masks=masks,
            style_masks=style_masks,
            color=color,
            size=max(shape_of(load_image(content).pixels)) if size is None else size,
            style_layers=exchange.layers,
            optimizer="adam",  # which takes the least memory: nothing is optimised here
        )
    except InputError as error:
        raise InputError(str(error).removesuffix(FEWER_LAYERS)) from None  # the method says which there are
    if plan.that_count:
        painted = cascade(plan, exchange, strength, mirrors(plan.device, plan.precision))
    else:  # only colours are wanted
        painted = content_of(plan)
    image = plan.colors.finish(painted.cpu())
    notes = (*plan.notes[1:], f"one pass by {method}, strength {strength:g}")
    told = f"{plan.content.source} in the manner of {' and '.join(style.source for style in plan.styles)}"
    return Picture(image, notes=notes, source=told)


class Brush(NamedTuple):
    """A style, by layer.

    Attributes:
        share: of all styles.
        wanted: the Gaussian of what of it is style.
        regions: where the content is described; nothing for everywhere.
        parts: how much of each position it paints (1, 1, h, w), together with others at most 1; nothing for its share.
    """

    share: float
    wanted: dict[str, Gaussian]
    regions: dict[str, Guidance]
    parts: dict[str, Tensor]

    def move(self, features: Tensor, layer: str, method: Method, strength: float) -> Tensor:
        """What it does to a position of the content's map (1, N, h, w): (N, 1 + N), as `moved` takes it."""
        whole = method.move(gaussian_of(features, self.regions.get(layer)), self.wanted[layer])
        nothing = torch.eye(len(whole), 1 + len(whole), dtype=whole.dtype, device=whole.device).roll(
            1, 1
        )  # 0 and the unit matrix
        return nothing.lerp(whole, strength)


@in_own_precision
@torch.no_grad()
def cascade(plan: Plan, method: Method, strength: float, decoders: Mapping[str, Decoder]) -> Tensor:
    """Exchange statistics at each layer of a method, and decode.

    Args:
        plan: holds the pictures, where each style paints, and the network.
        method: of `METHODS`.
        strength: 0 to 1.
        decoders: by layer, in the plan's precision.

    Returns:
        (1, 3, H, W), sRGB in [0, 1].
    """
    content = content_of(plan)
    height, width = shape_of(content)
    brushes = brushes_of(plan, method.layers)
    image = even(content).to(plan.device)
    for layer in method.layers:
        features = feature_maps(plan, image, [layer])[layer]
        moves = [brush.move(features, layer, method, strength) for brush in brushes]
        if any(brush.parts for brush in brushes):
            painted = patchwork(features, moves, [brush.parts[layer] for brush in brushes])
        else:
            shared = [brush.share * move for brush, move in zip(brushes, moves, strict=True)]
            painted = moved(features, added_up(shared))
        decoder = decoders[layer]
        half = next(decoder.parameters()).dtype  # an engine in float16 hands out its maps in float32
        image = decoder(painted.to(half)).float().clamp(0, 1)
    return image[..., :height, :width]


def patchwork(features: Tensor, moves: Sequence[Tensor], parts: Sequence[Tensor]) -> Tensor:
    """A map (1, N, h, w) moved by each style where that one paints, and left as it is where none does.

    Args:
        features: (1, N, h, w).
        moves: (N, 1 + N) each, as `moved` takes them.
        parts: (1, 1, h, w) each, how much of a position is a style's; they are made to add up to 1, since how much of
            it is painted at all is seen to when the picture is finished.
    """
    covered = sum(parts, torch.zeros_like(parts[0]))
    each = (part * moved(features, move) for part, move in zip(parts, moves, strict=True))
    painted = sum(each, torch.zeros_like(features))
    return torch.where(covered > 0, painted / covered, features)


def feature_maps(plan: Plan, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Maps (1, N, h, w) of an image (1, 3, H, W) by layer, in the plan's precision."""
    views = [View(layer, None) for layer in layers]
    return dict(zip(layers, Engine(plan.backbone, views, plan.precision).describe(image), strict=True))


def content_of(plan: Plan) -> Tensor:
    """The content (1, 3, H, W) in the colours in which it enters; one pass is never without."""
    assert plan.colors.content is not None
    return plan.colors.content


def brushes_of(plan: Plan, layers: Sequence[str]) -> list[Brush]:
    """The brush of each style by which something is painted."""
    content, shares = content_of(plan), plan.shares or []
    parts = plan.colors.parts(content) if any(mask is not None for mask in plan.masks) else ()
    found, facts = [], plan.backbone.architecture
    for number in plan.that_count:
        mask, (pixels, own) = plan.masks[number], plan.shrunk(number, shape_of(content))
        regions = guidance_of(facts, layers, own, name=WHAT.format(number + 1))
        wanted = {layer: gaussian_of(x, regions.get(layer)) for layer, x in feature_maps(plan, pixels, layers).items()}
        where = None if mask is None else even(mask).to(plan.device)
        part = carried(even(parts[number]).to(plan.device), facts, layers) if parts else {}
        guided = guidance_of(facts, layers, where, name=WHERE.format(number + 1))
        found.append(Brush(shares[number], wanted, guided, part))
    return found


def even(image: Tensor) -> Tensor:
    """An image or a mask with its last row and column repeated until all halvings come out even."""
    stride = BACKBONES["pocket"].layers[DECODED[-1]].stride
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % stride, 0, -height % stride), mode="replicate")


@lru_cache(maxsize=4)
def mirrors(device: torch.device, precision: str) -> dict[str, Decoder]:
    """The decoders by layer, in a precision, their channels last as the engine's."""
    dtype = getattr(torch, precision)
    return {
        layer: deepcopy(decoder).to(dtype).to(memory_format=torch.channels_last)
        for layer, decoder in load_decoders(device).items()
    }
