"""What functions are tried on: arrays, maps and pictures, the same ones every time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..architecture import BACKBONES

__all__ = ["AT_WORK", "MAPS", "STYLE_MAPS", "TWO_MAPS", "VGG", "arrays", "maps", "tensors", "uniform"]

VGG = BACKBONES["vgg19"]


def arrays(seed: int, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Normal random arrays in float64, the same ones every time.

    Args:
        seed: of the random numbers.
        *shapes: of each array.
    """
    made = np.random.default_rng(seed)
    return tuple(made.normal(size=shape) for shape in shapes)


def tensors(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """The same as tensors in float32.

    Args:
        seed: of the random numbers.
        *shapes: of each tensor.
    """
    return tuple(torch.tensor(a, dtype=torch.float32) for a in arrays(seed, *shapes))


def maps(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Feature maps as after a ReLU: a third of the numbers is 0, means differ by channel.

    Args:
        seed: of the random numbers.
        *shapes: of each map, (1, N, H, W).
    """
    return tuple(F.relu(t + 0.4 + 0.2 * torch.arange(t.shape[1]).view(-1, 1, 1)) for t in tensors(seed, *shapes))


def uniform(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Pictures in [0, 1], float32.

    Args:
        seed: of the random numbers.
        *shapes: of each picture, (1, 3, H, W).
    """
    made = np.random.default_rng(seed)
    return tuple(torch.tensor(made.uniform(size=shape), dtype=torch.float32) for shape in shapes)


MAP_SHAPES = ((1, 3, 4, 4), (1, 4, 3, 5), (1, 8, 2, 3))  # square; not square; more channels than positions
MAPS = (*((m,) for m in maps(4, *MAP_SHAPES)), (torch.zeros(1, 3, 2, 4),))
TWO_MAPS = (*(maps(5, shape, shape) for shape in MAP_SHAPES), (torch.zeros(1, 3, 2, 4), *maps(6, (1, 3, 2, 4))))
AT_WORK = ((1, 128, 64, 64),)  # the shape of a map at work, a sixteenth of the work of relu2_1 at 512 pixels
# A style picture has a size of its own.
STYLE_MAPS = (*TWO_MAPS[:3], maps(7, (1, 4, 3, 5), (1, 4, 4, 2)), TWO_MAPS[3])
