"""Content and style → a picture in one pass: a style's statistics put onto features, and the features decoded.

Nothing is optimised. The network's map of the content takes on the statistics that the style's map has, and a trained
mirror of the network turns it into an image. AdaIN exchanges mean and deviation of each channel (Huang & Belongie
2017), WCT mean and covariance (Li et al. 2017). Both do so from the deepest layer to the finest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone, load_backbone
from .decoder import DECODED, Decoder, load_decoders
from .errors import InputError, choose
from .image import Picture, load_image
from .loss import divide_shares
from .machine import choose_device
from .palette import COLORS, Colors, colors_of, power

__all__ = ["METHODS", "adain", "one_pass", "wct"]

EPSILON = 1e-5


def adain(content: Tensor, style: Tensor) -> Tensor:
    """The content's map with the style's mean and deviation in each channel (Huang & Belongie 2017, equation 8).

    σ(s) (x - μ(x)) / σ(x) + μ(s)

    Args:
        content: (B, N, H, W).
        style: (B, N, h, w).
    """

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        var, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return mean, (var + EPSILON).sqrt()

    (mean, std), (wanted_mean, wanted_std) = moments(content), moments(style)
    return (content - mean) / std * wanted_std + wanted_mean


def wct(content: Tensor, style: Tensor) -> Tensor:
    """The content's map with the style's mean and covariance (Li et al. 2017, equations 2 and 3).

    Whitening takes the content's correlations away, colouring gives it the style's: x → Σs^½ Σc^-½ (x - μc) + μs.

    Args:
        content: (1, N, H, W).
        style: (1, N, h, w).
    """
    (mean, covariance), (wanted, target) = colors_of(content), colors_of(style)
    whiten = power(covariance, -0.5, floor=EPSILON * float(covariance.trace()) + 1e-12)  # what hardly varies is noise
    a, mean, wanted = (part.to(content) for part in (power(target, 0.5) @ whiten, mean[:, None], wanted[:, None]))
    return (a @ (content[0].flatten(1) - mean) + wanted).view_as(content)


@dataclass(frozen=True)
class Method:
    """What is exchanged, and at which layers, the deepest first."""

    exchange: Callable[[Tensor, Tensor], Tensor]
    layers: tuple[str, ...]


# Both go from the deepest layer to the finest, as WCT's paper does: one layer alone leaves a style's colours behind.
METHODS = {"wct": Method(wct, DECODED[::-1]), "adain": Method(adain, DECODED[::-1])}


def one_pass(
    content: Any,
    style: Any,
    *,
    method: str = "wct",
    strength: float = 1.0,
    shares: Sequence[float] | None = None,
    color: str = "style",
    size: int | None = 512,
) -> Picture:
    """Paint a picture without optimising it: in a fraction of a second, by any style, not quite as well.

    Args:
        content: a picture as `load_image` takes it.
        style: the same, or a list of several.
        method: of `METHODS`: "wct" exchanges mean and covariance of a layer, "adain" mean and deviation.
        strength: 0 gives back the content, as well as it can be decoded, 1 all of the style.
        shares: one number ≥ 0 for each of several styles; equal ones if None.
        color: whose colours the picture has: of `palette.COLORS`, as a recipe's.
        size: pixels of the longer side; None: as the content is.

    Returns:
        The picture, of the content's proportions; its notes say how it was made.

    Raises:
        InputError: an unknown method or colour, a strength outside [0, 1], shares that do not fit the styles, or a
            picture that cannot be read or is too small.
    """
    choose("method", method, METHODS)
    choose("colour", color, COLORS)
    if not 0 <= strength <= 1:
        raise InputError(f"strength {strength:g} is out of range: give 0 (the content) to 1 (all of the style)")
    styles = list(style) if isinstance(style, list | tuple) else [style]
    weights = divide_shares(len(styles), shares)
    where = choose_device()
    backbone, decoders = load_backbone("pocket", device=where), load_decoders(where)
    least = backbone.smallest(METHODS[method].layers[0])
    shown = load_image(content, size, smallest=least)
    seen = [load_image(one, size, smallest=least) for one in styles]
    colors = Colors(color, shown, seen, [None] * len(seen), weights)
    dyed = [pixels.to(where) for pixels in colors.dyed]
    image = exchange(colors.content.to(where), dyed, weights, METHODS[method], strength, backbone, decoders)
    return Picture(
        colors.finish(image.cpu()), notes=(f"one pass by {method}, strength {strength:g}",), source=shown.source
    )


@torch.no_grad()
def exchange(
    content: Tensor,
    styles: Sequence[Tensor],
    shares: Sequence[float],
    method: Method,
    strength: float,
    backbone: Backbone,
    decoders: Mapping[str, Decoder],
) -> Tensor:
    """Exchange statistics at each layer of a method, and decode.

    Args:
        content: (1, 3, H, W), sRGB in [0, 1].
        styles: (1, 3, h, w) each.
        shares: one for each style; their sum is 1.
        method: of `METHODS`.
        strength: 0 to 1.
        backbone: whose maps are decoded.
        decoders: by layer.

    Returns:
        (1, 3, H, W), sRGB in [0, 1].
    """
    wanted = [backbone(style, method.layers) for style in styles]
    height, width = content.shape[-2:]
    stride = backbone.layers[method.layers[0]].stride
    image = F.pad(content, (0, -width % stride, 0, -height % stride), mode="replicate")
    for layer in method.layers:
        own = backbone(image, [layer])[layer]
        painted = sum(share * method.exchange(own, maps[layer]) for share, maps in zip(shares, wanted, strict=True))
        image = decoders[layer](own.lerp(painted, strength)).clamp(0, 1)
    return image[..., :height, :width]
