"""A picture, its content and its style → what one network, colours and fine detail say of it, in numbers.

No number here is the truth about a picture. A network is a friend of what it painted itself, and of what a network
painted that learned from it: believe a finding when networks that had no part in the picture agree, and look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from statistics import fmean
from types import MappingProxyType
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone
from .guidance import MOSTLY, Guidance, guidance_of
from .image import load_image
from .loss import content_loss
from .onepass import gaussian_of
from .style import STATISTICS

__all__ = ["Opinion", "colours_gone", "detail", "looked_at", "opinion_of"]

# Yeh, Tang, Bhattad, Zou & Forsyth, "Improving Style Transfer with Calibrated Metrics" (WACV 2020): weights of E₁ to
# E₃ and the ranks of their projections, as shares of VGG's 64, 128 and 256 channels, so that narrower networks can.
EFFECT = {"relu1_1": (0.7468, 32 / 64), "relu2_1": (0.2557, 48 / 128), "relu3_1": (2.3768, 128 / 256)}
REFERENCES = ("content/city", "content/harbour", "content/mountains", "content/still_life")
AXES: WeakKeyDictionary[Backbone, dict[str, Tensor]] = WeakKeyDictionary()  # of networks that somebody still holds


@dataclass(frozen=True)
class Opinion:
    """What one network sees of a picture.

    Attributes:
        layers: by style layer, the share of the content's style distance that is gone; not a number if there was none.
        content: ‖ΔF‖² / ‖F_content‖², mean over the network's content layers.
        effect: E of Yeh et al. 2020; None for a network without VGG's layers, and for a picture that is too small.
    """

    layers: Mapping[str, float]
    content: float
    effect: float | None

    @property
    def style(self) -> float:
        """The mean over the layers; not a number where content and style are alike on all."""
        told = [share for share in self.layers.values() if isfinite(share)]
        return fmean(told) if told else nan


@torch.no_grad()
def opinion_of(
    network: Backbone, picture: Tensor, content: Tensor, style: Tensor, mask: Tensor | None = None
) -> Opinion:
    """What a network sees.

    Args:
        network: on the images' device.
        picture: (1, 3, H, W).
        content: of the same shape.
        style: (1, 3, h, w).
        mask: (1, 1, h, w), what of it is style; None for all.

    Raises:
        InputError: so little of it is style that a map has no place for it.
    """
    relative = STATISTICS["gram-relative"]
    facts = network.architecture
    wanted = looked_at(network)
    maps = {name: network(image, wanted) for name, image in (("p", picture), ("c", content), ("s", style))}

    regions = guidance_of(facts, wanted, mask, name="the part of the painting that is no transparent surrounding")

    def distance(image: str, layer: str) -> float:
        own = regions.get(layer)
        target = relative.within(maps["s"][layer], own) if own else relative.describe(maps["s"][layer])
        return float(relative.distance(relative.describe(maps[image][layer]), target))

    return Opinion(
        {n: gone(distance("p", n), distance("c", n)) for n in facts.style_layers},
        sum(float(content_loss(maps["p"][n], maps["c"][n], "relative")) for n in facts.content_layers)
        / len(facts.content_layers),
        effect(network, maps["p"], maps["s"], regions) if knows_effect(network) else None,
    )


def gone(left: float, before: float) -> float:
    """The share of a distance that is gone; not a number where there was none.

    Args:
        left: the distance now.
        before: at the start.
    """
    return 1 - left / before if before > 1e-12 else nan


def looked_at(network: Backbone) -> list[str]:
    """The layers that a network judges by, each once."""
    facts = network.architecture
    return list(dict.fromkeys([*facts.style_layers, *facts.content_layers, *(EFFECT if knows_effect(network) else ())]))


def knows_effect(network: Backbone) -> bool:
    """Whether a network has the layers that E is made of."""
    return set(EFFECT) <= set(network.layers)


def effect(
    network: Backbone,
    picture: Mapping[str, Tensor],
    style: Mapping[str, Tensor],
    regions: Mapping[str, Guidance] = MappingProxyType({}),
) -> float | None:
    """E of Yeh et al. 2020: Σ w_l E_l, E_l = -log KL(picture ‖ style) of the layers' Gaussians.

    The Gaussians are projected on the first axes of the mean covariance of some photographs (the paper's: 200 of
    BSDS500, here the kit's four), since a full covariance is all but singular.

    Args:
        network: knows the axes.
        picture: its maps by layer, each (1, N, H, W).
        style: likewise.
        regions: by layer, what of the style's map is style, where not all is.

    Returns:
        E; None where a map has no more positions than axes, or is flat: its covariance is then singular along them.
    """
    total = 0.0
    for layer, (weight, share) in EFFECT.items():
        basis = axes(network)[layer]
        basis = basis[:, : max(1, round(share * len(basis)))]  # (N, rank)
        own = regions.get(layer)
        told = style[layer][0, 0].numel() if own is None else int((own.flat[0] > 0).sum())
        if min(told, picture[layer][0, 0].numel()) <= basis.shape[1]:
            return None
        m, s = projected(picture[layer], basis)
        m_t, s_t = projected(style[layer], basis, own)
        try:
            total -= weight * float(gaussian_kl(m, s, m_t, s_t).clamp_min(1e-12).log())
        except torch.linalg.LinAlgError:
            return None
        if not isfinite(total):
            return None
    return total


def projected(features: Tensor, basis: Tensor, regions: Guidance | None = None) -> tuple[Tensor, Tensor]:
    """Mean (r,) and covariance (r, r) of a map's features along some axes, in float64.

    Args:
        features: (1, N, H, W).
        basis: (N, r).
        regions: of which the first counts; None for the whole map.
    """
    mean, covariance = gaussian_of(features, regions)
    return basis.T @ mean, basis.T @ covariance @ basis


def gaussian_kl(mean: Tensor, cov: Tensor, mean_t: Tensor, cov_t: Tensor) -> Tensor:
    """KL(N(μ, Σ) ‖ N(μt, Σt)) = ½ (tr(Σt⁻¹ Σ) + (μt - μ)ᵀ Σt⁻¹ (μt - μ) - r + log |Σt| / |Σ|).

    Args:
        mean: μ (r,).
        cov: Σ (r, r).
        mean_t: μt (r,).
        cov_t: Σt (r, r).
    """
    # What keeps a flat picture's covariance invertible.
    tiny = 1e-9 * cov_t.diagonal().mean() * torch.eye(len(cov), dtype=cov.dtype, device=cov.device)
    cov, cov_t, off = cov + tiny, cov_t + tiny, mean_t - mean
    both = torch.linalg.solve(cov_t, torch.cat([cov, off[:, None]], 1))
    return (both[:, :-1].trace() + off @ both[:, -1] - len(off) + torch.logdet(cov_t) - torch.logdet(cov)) / 2


def axes(network: Backbone) -> dict[str, Tensor]:
    """By layer of `EFFECT`, the principal axes of its features on photographs, (N, N), the strongest first.

    Args:
        network: whose features.
    """
    if network not in AXES:
        AXES[network] = principal_axes(network)
    return AXES[network]


@torch.no_grad()
def principal_axes(network: Backbone) -> dict[str, Tensor]:
    """The same, worked out.

    Args:
        network: whose features.
    """
    device = next(network.parameters()).device
    maps = [network(load_image(name, 256).pixels.to(device), list(EFFECT)) for name in REFERENCES]
    mean = {n: torch.stack([gaussian_of(m[n])[1] for m in maps]).mean(0) for n in EFFECT}
    return {n: torch.linalg.eigh(covariance)[1].flip(1) for n, covariance in mean.items()}


def colours_gone(picture: Tensor, content: Tensor, style: Tensor, mask: Tensor | None = None) -> float:
    """The share of the Wasserstein-2 distance between the RGB Gaussians of content and style that is gone.

    Args:
        picture: (1, 3, H, W).
        content: (1, 3, H, W).
        style: (1, 3, h, w).
        mask: (1, 1, h, w), what of it is style; None for all.
    """
    kind = STATISTICS["wasserstein"]
    own = None if mask is None else Guidance(mask.square())  # g is T²
    target = kind.describe(style.double()) if own is None else kind.within(style.double(), own)
    left, before = (float(kind.distance(kind.describe(i.double()), target)) for i in (picture, content))
    return gone(left, before)


def detail(picture: Tensor, style: Tensor, mask: Tensor | None = None) -> float:
    """The strength (root mean square) of what a blur of 3 × 3 takes away, over a style's; not a number if that is flat.

    Args:
        picture: (1, 3, H, W).
        style: (1, 3, h, w).
        mask: (1, 1, h, w), what of it is style; None for all.
    """
    fine, of_style = (i - F.avg_pool2d(i, 3, 1, 1, count_include_pad=False) for i in (picture, style))
    if mask is not None:  # no pixel that the blur mixes with what is no style
        inside = -F.max_pool2d(-mask, 3, 1, 1) > MOSTLY
        of_style = of_style.flatten(2)[..., (inside if inside.any() else mask > MOSTLY).flatten()]
    return float(fine.std()) / wanted if (wanted := float(of_style.std())) > 1e-6 else nan
