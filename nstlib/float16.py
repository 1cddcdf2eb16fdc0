"""Maps and gradients in float16 → powers of two beside them, with which nothing overflows and little is lost.

float16 ends at 65,504 and loses digits below 0.00006. Networks and gradients know no such limits: on photographs VGG's
maps reach 1,700, SqueezeNet's 7,000, 400,000 if pixels enter as 0 … 255, their Gram matrices more, and what comes back
to a pixel may be 1e-9 as well as 1e9. An infinity alone could be seen, but ∞ - ∞ and 0 · ∞ are NaN, which a ReLU hands
on and an optimiser keeps. Here neither can arise as long as the losses themselves are numbers:

- Forwards, pixels and biases are shrunk by a power of two (`shrink`), and so, as all layers are linear but for ReLU
  and maximum, are all maps. Whatever reaches the end of the range nevertheless stays there (`Convolution`).
- Terms see maps in float32, at their true scale, so sums, Gram matrices, losses and their slopes are in float32.
- Backwards, a gradient carries a scale of its own (`Scale`): dynamic loss scaling, set anew at each layer. A
  convolution's result is at most as large as its largest input times the largest sum of kernel weights that meet in one
  number (its `gain`). So its kernels are multiplied beforehand by the power of two with which that product is at most
  `TOP`: then no sum can overflow, nor any part of it, in whatever order and precision it is added up. Before the next
  convolution the largest number is measured anew.

Powers of two change no digit. All of it is computed on the device, which is never waited for.
"""

from __future__ import annotations

import math
from copy import copy

import torch
from torch import Tensor, nn

from .errors import InputError

__all__ = ["LARGEST", "Scale", "check", "shrink", "widen"]

LARGEST = 65504.0  # of float16
HEAVIEST = 2.0**10  # of the weights: where some are larger, too many others fall below what float16 keeps
# What a convolution's gradient may come to. Where windows of a pooling overlap, four of them meet in one number, bands
# share rows, and terms add as much again; some libraries (Winograd's transforms) need a hundredfold of it in between.
TOP = 2.0**8
STEEPEST = 2.0**15  # what kernel weights are multiplied up to
HIGHEST = 2.0**100  # of a scale: with each layer that of a gradient of nothing but zeros would grow, beyond float32


def shrink(std: Tensor) -> float:
    """The power of two that pixels, biases and so all maps are multiplied with: black to white is about 1/8.

    Args:
        std: what the network's pixels are divided by, for each channel: 0.23 for ImageNet's deviation, 1/255 for bytes.

    >>> shrink(torch.tensor([0.229, 0.224, 0.225])), shrink(torch.tensor([1 / 255]))
    (0.03125, 0.00048828125)
    """
    return 2.0 ** (round(math.log2(float(std.mean()))) - 3)


def check(network: nn.Module, name: str) -> None:
    """Refuse a network whose weights float16 cannot hold side by side.

    Args:
        network: with its weights.
        name: for the message.

    Raises:
        InputError: some are too large, as those of channels that all but never fire become when activations are
            normalised.
    """
    most = max((float(p.detach().abs().max()) for p in network.parameters() if p.numel()), default=0.0)
    if not most <= HEAVIEST:
        raise InputError(
            f"weights of {name} reach {most:.2g}, beside which float16 loses the small ones: use precision='float32'"
        )


def widen(features: Tensor, map_scale: float) -> Tensor:
    """A map of its own in float32, at its true scale.

    Args:
        features: in float16, (1, N, h, w).
        map_scale: what `shrink` says of the network.
    """
    return features.float().mul_(1 / map_scale)


def largest(x: Tensor) -> Tensor:
    """The largest absolute value, a number in float32 above 0."""
    return torch.linalg.vector_norm(x, math.inf).float().clamp_min(2.0**-100)


def power_of_two(x: Tensor) -> Tensor:
    """The largest power of two that is at most x, a number in float32 above 0: its exponent without its digits."""
    return x.view(torch.int32).bitwise_and(0x7F800000).view(torch.float32)


class Scale:
    """What the gradient at hand is multiplied with; 1 / 2 / 4 / …, on the device.

    Attributes:
        value: a number in float32; not there as long as there is no gradient.
    """

    value: Tensor

    def __init__(self, value: Tensor | None = None):
        if value is not None:
            self.value = value

    def copy(self) -> Scale:
        """Another one that starts from here."""
        return copy(self)

    def factor(self, gradient: Tensor, gain: float) -> Tensor:
        """What a layer's kernels are to be multiplied with, and from then on the gradient is.

        Args:
            gradient: of the layer's output, in float16.
            gain: of the layer.
        """
        # Dividing one after the other, as their product may be more than float32 holds.
        most = (TOP / gain / largest(gradient)).clamp_max(STEEPEST / gain)
        factor = power_of_two(torch.minimum(most, HIGHEST / self.value))
        self.value = self.value * factor
        return factor

    def begin(self, gradient: Tensor) -> Tensor:
        """The first gradient there is, in float16.

        Args:
            gradient: in float32, (1, N, h, w), at its true scale.
        """
        self.value = power_of_two(TOP / largest(gradient))
        return (gradient * self.value).half().contiguous(memory_format=torch.channels_last)

    def add(self, gradient: Tensor, part: Tensor, more: Tensor) -> Tensor:
        """A gradient with what a term says of a part of it.

        Args:
            gradient: in float16, (1, N, h, w), is written to.
            part: a view of the gradient.
            more: what is added there, in float32, at its true scale.
        """
        most = power_of_two(TOP / largest(more))
        gradient.mul_(self.to(torch.minimum(self.value, most)))
        part.add_(more * self.value)
        return gradient

    def to(self, value: Tensor) -> Tensor:
        """Take another value; what the gradient is to be multiplied with for it."""
        before, self.value = self.value, value
        return value / before

    def meet(self, other: Scale) -> tuple[Tensor, Tensor]:
        """Take the lesser of two values; what the gradients of this and of the other are to be multiplied with."""
        value = torch.minimum(self.value, other.value)
        return self.to(value), other.to(value)
