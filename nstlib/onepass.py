"""Content and style → a picture in one pass: a style's statistics put onto features, and the features decoded.

Nothing is optimised. The network's map of the content takes on the statistics that the style's map has, and a trained
mirror of the network turns it into an image. AdaIN exchanges mean and deviation of each channel (Huang & Belongie
2017), WCT mean and covariance, from the deepest layer to the finest (Li et al. 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone, load_backbone
from .decoder import DECODED, Decoder, load_decoders
from .errors import choose

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
    """The content's map with the style's mean and covariance (Li et al. 2017, equations 3 and 4).

    Whitening takes the content's correlations away, colouring gives it the style's: x → Σs^½ Σc^-½ (x - μc) + μs.

    Args:
        content: (1, N, H, W).
        style: (1, N, h, w).
    """

    def root(x: Tensor, power: float) -> tuple[Tensor, Tensor]:
        """Mean (N, 1) and Σ^power (N, N) of a map as (N, M)."""
        mean = x.mean(1, keepdim=True)
        values, vectors = torch.linalg.eigh((x - mean) @ (x - mean).T / x.shape[1])
        # Directions in which a map hardly varies are noise: whitened, they would drown the others.
        known = values > values[-1] * EPSILON
        scale = torch.where(known, values.clamp_min(1e-12) ** power, 0.0)
        return mean, vectors * scale @ vectors.T

    c, s = content[0].flatten(1).double(), style[0].flatten(1).double()
    (mean, whiten), (wanted, colour) = root(c, -0.5), root(s, 0.5)
    return (colour @ (whiten @ (c - mean)) + wanted).view_as(content).to(content.dtype)


@dataclass(frozen=True)
class Method:
    """What is exchanged, and at which layers, the deepest first."""

    exchange: object
    layers: tuple[str, ...]


METHODS = {"adain": Method(adain, DECODED[-1:]), "wct": Method(wct, DECODED[::-1])}


@torch.no_grad()
def one_pass(
    content: Tensor,
    style: Tensor,
    *,
    method: str = "wct",
    strength: float = 1.0,
    backbone: Backbone | None = None,
    decoders: Mapping[str, Decoder] | None = None,
) -> Tensor:
    """A picture in one pass.

    Args:
        content: (1, 3, H, W), sRGB in [0, 1].
        style: (1, 3, h, w), sRGB in [0, 1].
        method: of `METHODS`.
        strength: share of the exchanged features; 0 gives back the content, as well as it can be decoded.
        backbone: a network whose maps can be decoded; `pocket` if None.
        decoders: by layer; the embedded ones if None.

    Returns:
        (1, 3, H, W), sRGB in [0, 1].
    """
    how = METHODS[choose("method", method, METHODS)]
    backbone = backbone or load_backbone("pocket", device=content.device)
    decoders = decoders or load_decoders(content.device)
    styles = backbone(style, how.layers)
    height, width = content.shape[-2:]
    stride = backbone.layers[how.layers[0]].stride
    image = F.pad(content, (0, -width % stride, 0, -height % stride), mode="replicate")
    for layer in how.layers:
        features = backbone(image, [layer])[layer]
        image = decoders[layer](features.lerp(how.exchange(features, styles[layer]), strength)).clamp(0, 1)
    return image[..., :height, :width]
