"""The exercises of lesson 03: feature maps."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..architecture import Spec
from ..loss import content_loss
from .inputs import AT_WORK, TWO_MAPS, VGG, arrays, uniform
from .lesson_02 import geometry
from .question import Choice, Code, Number

__all__ = ["EXERCISES"]

RELU4_2 = VGG.layers["relu4_2"]
MEAN, STD = torch.tensor(VGG.mean), torch.tensor(VGG.std)


def position_of(layers: list[tuple[int, int, int]], i: int) -> float:
    """Where position i lies after layers (kernel, stride, padding), by the library."""
    found = geometry(tuple(Spec(str(n), "conv", 1, *layer) for n, layer in enumerate(layers)))
    return found.stride * i + found.offset


def stride_of(layers: list[tuple[int, int, int]]) -> int:
    return math.prod(s for _, s, _ in layers)


def normalized(image: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (image - mean.view(3, 1, 1)) / std.view(3, 1, 1)


def selectivity(responses: np.ndarray, angles: np.ndarray) -> float:
    """1 for a channel that answers to one angle alone, 0 for one that answers to all alike."""
    return np.abs((responses * np.exp(2j * angles)).sum()) / responses.sum()


TURNS = np.pi * np.arange(8) / 8  # stripes are the same again after half a turn
TUNED = tuple(
    (r, TURNS)
    for r in (
        np.eye(8)[3],
        np.full(8, 2.0),
        np.exp(3 * np.cos(2 * (TURNS - 1.2))),
        *(a**2 for a in arrays(8, (8,), (8,))),
    )
)

PLACED = tuple(
    ([(3, 1, 1)] * before + [(2, 2, 0)] + [(k, s, p)], i)
    for before, k, s, p, i in ((1, 3, 1, 1, 0), (2, 2, 2, 0, 3), (0, 3, 2, 0, 5), (1, 7, 1, 2, 10))
)

EXERCISES = (
    Code(
        name="03.normalize",
        question="Bring an image (1, 3, H, W) in [0, 1] to what the network was trained on; mean (3,) and std (3,).",
        takes="image mean std",
        solution=normalized,
        cases=tuple((picture, MEAN, STD) for picture in uniform(9, (1, 3, 4, 4), (1, 3, 4, 3), (1, 3, 2, 5))),
        painting=((1, 3, 256, 256), (3,), (3,)),
        mistakes=(
            (lambda x, m, s: x - m.view(3, 1, 1), "The mean is gone; now divide by std."),
            (lambda x, m, s: x / s.view(3, 1, 1), "You divide by std alone: subtract the mean first."),
            (lambda x, m, s: x / s.view(3, 1, 1) - m.view(3, 1, 1), "The other way round: first the mean, then std."),
            (lambda x, m, s: (x - m.view(3, 1, 1)) * s.view(3, 1, 1), "You multiply by std: divide."),
            (
                lambda x, m, s: (255 * x - m.view(3, 1, 1)) / s.view(3, 1, 1),
                "Mean and std belong to pixels from 0 to 1: leave out the 255.",
            ),
            (
                lambda x, m, s: normalized(x, x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)),
                "That is this picture's own mean and std: use those given, or every picture looks equally bright.",
            ),
            (
                lambda x, m, s: normalized(x, m.flip(0), s.flip(0)),
                "Red and blue are exchanged: keep the order R, G, B.",
            ),
        ),
    ),
    Code(
        name="03.position",
        question="The pixel on which position i of a map is centred, after layers [(kernel, stride, padding), …].",
        takes="layers i",
        solution=position_of,
        cases=PLACED,
        mistakes=(
            (lambda layers, i: stride_of(layers) * i, "The offset is missing: a 2×2 window lies between two pixels."),
            (
                lambda layers, i: stride_of(layers) * (i + 0.5) - 0.5,
                "Half a stride is not always the offset: add up (k - 1)/2 - padding, layer by layer.",
            ),
            (
                lambda layers, i: position_of([(k, s, 0) for k, s, _ in layers], i),
                "The padding is missing: it moves the first window p steps to the left.",
            ),
            (
                lambda layers, i: stride_of(layers) * i + sum((k - 1) / 2 - p for k, _, p in layers),
                "After a stride a shift is worth more pixels: multiply it by the strides before.",
            ),
        ),
    ),
    Code(
        name="03.content_loss",
        question="The mean square difference of two maps (1, N, H, W).",
        takes="features target",
        solution=content_loss,
        cases=TWO_MAPS,
        gradient=True,
        painting=AT_WORK * 2,
        mistakes=(
            (lambda f, p: (f - p).square().sum(), "You add up: divide by the numbers in the map, N·H·W."),
            (
                lambda f, p: (f - p).square().sum() / 2,
                "That is equation 1 of the paper, half a sum: here take the mean.",
            ),
            (lambda f, p: (f - p).square().mean() / 2, "Half of it: leave the paper's ½ out."),
            (lambda f, p: (f - p).abs().mean(), "You take absolute values: take squares."),
            (lambda f, p: (f - p).square().mean().sqrt(), "No root: the loss is the mean square itself."),
            (
                lambda f, p: (f - p).mean().square(),
                "You average before you square, so differences cancel: square first.",
            ),
            (
                lambda f, p: (f - p).square().sum() / f.shape[1],
                "You divide by the channels alone: positions count too.",
            ),
            (
                lambda f, p: (f - p).square().sum() / (f.shape[2] * f.shape[3]),
                "You divide by the positions alone: channels count too.",
            ),
        ),
    ),
    Code(
        name="03.strongest",
        question="The number of the channel of a map (1, N, H, W) that fires most, on average over positions.",
        takes="features",
        solution=lambda features: features.mean((2, 3)).argmax().item(),
        cases=tuple(
            (torch.tensor(m, dtype=torch.float32)[None],)
            for m in (
                [[[0, 0, 9], [0, 0, 0]], [[2, 2, 2], [2, 2, 2]], [[1, 1, 1], [1, 1, 1]]],
                [[[1, 1], [1, 2]], [[0, 0], [0, 8]], [[3, 3], [3, 0]], [[-9, -9], [-9, -9]]],
                [[[1, 1, 1, 1, 1]], [[0, 5, 5, 0, 0]], [[0, 0, 0, 0, 6]]],
            )
        ),
        mistakes=(
            (lambda f: f.amax((2, 3)).argmax().item(), "You ask for the highest peak: average over positions first."),
            (
                lambda f: f.mean(1).argmax().item(),
                "You average over channels, and find a place: average over positions, dimensions 2 and 3.",
            ),
            (lambda f: f.mean((2, 3)).argmax().item() + 1, "Channels are counted from 0: leave out the + 1."),
            (
                lambda f: f.flatten(2).median(2).values.argmax().item(),
                "That is the median over positions: take the mean, which counts rare strong answers too.",
            ),
            (lambda f: f.mean((2, 3)).max().item(), "That is how much it fires: its number is asked for, by argmax."),
            (lambda f: f.argmax().item(), "That is a place in the flattened map: average over positions, then argmax."),
            (lambda f: f.abs().mean((2, 3)).argmax().item(), "Negative numbers are no firing: leave abs out."),
            (lambda f: f.mean((2, 3)).argmin().item(), "That is the weakest: argmax, not argmin."),
        ),
    ),
    Code(
        name="03.relative",
        question="How far a map is from a target, both (1, N, H, W), relative to the target's size: ‖F - P‖² / ‖P‖².",
        takes="features target",
        solution=lambda features, target: content_loss(features, target, "relative"),
        painting=AT_WORK * 2,
        cases=TWO_MAPS,
        mistakes=(
            (content_loss, "That is the mean square: divide by the sum of the target's squares instead."),
            (lambda f, p: content_loss(f, p, "sum"), "The size is missing: divide by the sum of the target's squares."),
            (
                lambda f, p: (f - p).square().sum() / f.square().sum(),
                "You divide by the changed map: divide by the target, which stays the same.",
            ),
            (
                lambda f, p: content_loss(f, p, "relative").sqrt(),
                "That is ‖F - P‖ / ‖P‖: without the root here.",
            ),
            (
                lambda f, p: (f - p).square().sum() / p.square().mean(),
                "A sum over a mean: take both as sums, or both as means.",
            ),
            (lambda f, p: (f - p).abs().sum() / p.abs().sum(), "You take absolute values: take squares."),
            (
                lambda f, p: ((f - p).square() / p.square().clamp_min(1e-12)).mean(),
                "You divide number by number: sum up first, or every 0 of the target blows up.",
            ),
        ),
    ),
    Code(
        name="03.selectivity",
        question="How selective a channel with responses (K,) ≥ 0 to stripes at angles (K,) is: |Σ R e^{2iθ}| / Σ R.",
        takes="responses angles",
        solution=selectivity,
        cases=TUNED,
        mistakes=(
            (
                lambda r, t: np.abs((r * np.exp(1j * t)).sum()) / r.sum(),
                "The 2 is missing: stripes turned by half a turn are the same stripes.",
            ),
            (lambda r, t: np.abs((r * np.exp(2j * t)).sum()), "Divide by ΣR, or strong channels look selective."),
            (
                lambda r, t: np.abs((r * np.exp(2j * t)).mean()) / r.sum(),
                "A mean over a sum: take both as sums.",
            ),
            (
                lambda r, t: np.abs((r * np.exp(2j * t)).sum()) / r.max(),
                "You divide by the strongest response: divide by the sum of all.",
            ),
            (lambda r, t: (r * np.cos(2 * t)).sum() / r.sum(), "That is the real part alone: take the absolute value."),
            (
                lambda r, t: np.abs((r * np.exp(2j * t)).sum() / r.sum()) ** 2,
                "That is its square: take the root.",
            ),
            (
                lambda r, t: (r.max() - r.min()) / (r.max() + r.min()),
                "That compares two angles only: let all of them count.",
            ),
        ),
    ),
    Number(
        name="03.shape",
        question="The shape (C, H, W) of relu4_2 of VGG-19 for a picture of 224 × 224.",
        answer=(RELU4_2.channels, 224 // RELU4_2.stride, 224 // RELU4_2.stride),
        why="Three poolings lie before block 4: 224 / 2³ = 28.",
        hint="Channels come first; each pooling before the layer halves the sides.",
        mistakes=(
            ((512, 14, 14), "One pooling too many: the fourth comes after block 4."),
            ((512, 56, 56), "One pooling too few: three lie before block 4."),
            ((256, 28, 28), "Block 3 has 256 channels: block 4 has 512."),
            ((28, 28, 512), "Channels come first here: (C, H, W)."),
            ((512, 224, 224), "The poolings are missing: each halves the sides."),
        ),
        exact=True,
    ),
    Number(
        name="03.field",
        question="How many pixels in a row does relu4_2 of VGG-19 see?",
        answer=RELU4_2.receptive_field,
        why="After each pooling a 3×3 convolution adds twice as many pixels as before.",
        hint="Add (k - 1) × stride, layer by layer, with 2×2 poolings among them.",
        mistakes=(
            (21, "The strides are missing: behind three poolings a 3×3 adds 16 pixels."),
            (77, "The poolings' own windows are missing: they see 2×2 and add 1, 2 and 4."),
            (68, "That is relu4_1: one more convolution adds 16."),
            (100, "That is relu4_3: one convolution fewer."),
            (8, "That is the stride: how far apart two positions lie, not how much each sees."),
        ),
    ),
    Number(
        name="03.shift",
        question="By how many pixels, at least, must a picture move for VGG-19's relu5_1 to move with it exactly?",
        answer=VGG.layers["relu5_1"].stride,
        why="Four poolings lie before it, so a step of one position is 2⁴ pixels.",
        hint="One step on the map is one stride on the picture: count the poolings before block 5.",
        mistakes=(
            (1, "That holds as long as there is no pooling: here four lie before the layer."),
            (8, "That is for block 4, behind three poolings: block 5 lies behind four."),
            (32, "One pooling too many: the fifth comes after block 5."),
            (156, "That is how much one position sees, not how far apart two of them lie."),
        ),
    ),
    Choice(
        name="03.forgets",
        question="Noise is changed until it has the photograph's relu5_1. What does it look like?",
        answer="b",
        options={
            "a": ("The photograph, pixel by pixel.", "That is relu1_1: it knows nearly every pixel."),
            "b": (
                "Its objects in place, with other colours and details.",
                "Right. What is where stays, how it looks goes.",
            ),
            "c": ("Its colours, with objects anywhere.", "A map knows place: only a Gram matrix forgets it."),
            "d": ("Still noise.", "Deep maps are coarse, but know shapes and places."),
        },
    ),
    Choice(
        name="03.content_layer",
        question="Why is content compared at relu4_2 and not at relu1_1?",
        answer="a",
        options={
            "a": (
                "It fixes what is where, and leaves strokes and colours free.",
                "Right. At relu1_1 every pixel would be fixed, and nothing left to paint.",
            ),
            "b": ("It is faster.", "Deeper is slower: every layer before it is run too."),
            "c": ("It has more numbers.", "It has fewer: 512·28·28 against 64·224·224."),
            "d": ("relu1_1 sees no colour.", "It sees colour well: that is what must not be fixed."),
        },
    ),
)
