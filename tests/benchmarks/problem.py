"""What is minimised: pictures, network, layers and weights, so that all contestants compute the same number.

    total = 1e5 · mean (ΔF)²  +  3e4 · mean over layers of Σ (ΔR / (N M))²  +  1 · Σ |Δ neighbours|

These are the weights of gordicaleksa/pytorch-neural-style-transfer, with pixels in its range: 255 (image - mean).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from nstlib.architecture import RELU_1_TO_5
from nstlib.backbone import Backbone, load_backbone
from nstlib.gallery import asset
from nstlib.image import load_image, resize
from nstlib.recipe import Recipe
from nstlib.recipes import RECIPES

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = RELU_1_TO_5


@dataclass(frozen=True)
class Problem:
    """A square picture of `size` pixels to be painted.

    weights: a file for the backbone, "random" for He's start from `seed`, None for those that nstlib finds.
    """

    size: int
    device: str = "cpu"
    weights: str | None = "random"
    backbone_name: str = "vgg19"
    content_weight: float = 1e5
    style_weight: float = 3e4
    tv_weight: float = 1.0
    seed: int = 0

    def changed(self, **fields: object) -> Problem:
        return replace(self, **fields)

    @cached_property
    def content(self) -> Tensor:
        """(1, 3, size, size), sRGB in [0, 1]."""
        return square("content/harbour", self.size).to(self.device)

    @cached_property
    def style(self) -> Tensor:
        """(1, 3, size, size), sRGB in [0, 1]."""
        return square("style/brushstrokes", self.size).to(self.device)

    @cached_property
    def mixed(self) -> Tensor:
        """A picture on which no term is 0; (1, 3, size, size), sRGB in [0, 1]."""
        return 0.7 * self.content + 0.3 * self.style

    @cached_property
    def backbone(self) -> Backbone:
        """The network that the peers copy their convolutions from; nstlib's contestant loads its own."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return load_backbone(self.backbone_name, self.weights, pixels="255").to(self.device)

    @property
    def recipe(self) -> Recipe:
        """The problem in nstlib's words."""
        return RECIPES["gordicaleksa"].changed(
            name="benchmark",
            backbone=self.backbone_name,
            content_layers={CONTENT_LAYER: 1.0},
            style_layers={layer: 1 / len(STYLE_LAYERS) for layer in STYLE_LAYERS},
            content_weight=self.content_weight,
            style_weight=self.style_weight,
            tv_weight=self.tv_weight,
            size=self.size,
        )


def square(name: str, size: int) -> Tensor:
    """The middle of a picture of the kit, (1, 3, size, size)."""
    pixels = load_image(asset(name)).pixels
    height, width = pixels.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[..., top : top + side, left : left + side], (size, size))
