"""A feature map → the image that it was made from: a network's mirror, trained to undo it.

The mirror of a layer has the network's convolutions in reverse order, and a doubling for every pooling (Huang &
Belongie 2017, section 6.1; Li et al. 2017, "Universal style transfer", section 3.1). `data/make_decoders.py` trains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .architecture import BACKBONES, Architecture
from .backbone import map_of
from .errors import InputError
from .machine import choose_device, seeded
from .weights import read_weights

__all__ = ["DECODED", "Decoder", "load_decoders"]

DECODED = ("relu2_1", "relu3_1", "relu4_1")  # the layers of `pocket` that can be decoded, the finest first
FILE = Path(__file__).with_name("decoders.safetensors")


class Doubling(nn.Conv2d):
    """Each position four times over, and a 3×3 convolution: a map (B, N, H, W) → (B, N', 2 H, 2 W).

    Of nine taps on the doubled map several see the same position of the small one, where they add up to 2×2. So it is
    a transposed convolution with 4×4 weights, at four ninths of the multiplications.
    """

    def forward(self, x: Tensor) -> Tensor:
        turned = self.weight.flip(2, 3).transpose(0, 1)  # (N, N', 3, 3)
        summed = F.avg_pool2d(F.pad(turned, (1, 1, 1, 1)), 2, 1, divisor_override=1)  # (N, N', 4, 4)
        return F.conv_transpose2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), summed, self.bias, stride=2, padding=3)


class Decoder(nn.Sequential):
    """The mirror of a network's layers: a map (B, N, H / stride, W / stride) → an image (B, 3, H, W).

    The image is in sRGB, [0, 1] but for overshoots.

    Args:
        architecture: the network's facts; convolutions, ReLUs and poolings of step 2 alone.
        layer: whose map it takes.
    """

    def __init__(self, architecture: Architecture, layer: str):
        specs = architecture.until(layer)
        widths = [3, *(spec.channels for spec in specs if spec.kind == "conv")]
        modules: list[nn.Module] = []
        doubles = False
        for spec in reversed(specs):
            doubles = doubles or spec.kind == "pool"
            if spec.kind == "conv":
                kind = Doubling if doubles else nn.Conv2d
                modules += [
                    kind(widths.pop(), widths[-1], 3, padding=1, padding_mode="replicate", dtype=torch.float32),
                    nn.ReLU(inplace=True),
                ]
                doubles = False
        super().__init__(*modules[:-1])  # an image may have any value before it is clipped
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        """The image.

        Args:
            features: the layer's map (B, N, h, w), of the network whose mirror it is.

        Raises:
            InputError: no map, or one of another shape.
        """
        own = next(self.parameters()).shape[1]
        if map_of(features).ndim != 4 or features.shape[1] != own:
            raise InputError(f"a map of shape {tuple(features.shape)}: give that of {self.layer}, (B, {own}, h, w)")
        return super().forward(features)


@torch.inference_mode(False)  # what is made in it can stand in no gradient
def load_decoders(device: torch.device | str = "cpu") -> dict[str, Decoder]:
    """The trained mirrors of `pocket`, by the layer whose map they take, the finest first.

    Args:
        device: where they are to compute, "auto", "cpu", "cuda" or "mps".

    Raises:
        InputError: an unknown device, or one that is not here, or their file is missing.
    """
    where = choose_device(device)
    if not FILE.is_file():
        raise InputError(f"the package's own {FILE.name} is missing: install nstlib again")
    return {layer: decoder.to(where) for layer, decoder in decoders_of(read_weights(FILE)).items()}


def decoders_of(weights: Mapping[str, Tensor]) -> dict[str, Decoder]:
    """Mirrors of `pocket` with these weights, frozen.

    Args:
        weights: by names such as "relu4_1.0.weight".
    """
    found = {}
    for layer in DECODED:
        with seeded(0):  # the caller's random numbers stay what they would be
            decoder = Decoder(BACKBONES["pocket"], layer)
        own = {k.removeprefix(f"{layer}."): v.float() for k, v in weights.items() if k.startswith(f"{layer}.")}
        decoder.load_state_dict(own)
        found[layer] = decoder.requires_grad_(False).eval()
    return found
