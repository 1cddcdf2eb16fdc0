"""The exercises of lesson 08: backbones."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from ..architecture import BACKBONES
from ..backbone import Fire
from .code import Code
from .inputs import VGG, maps, tensors, uniform
from .lesson_02 import POOLED, STRETCHED
from .prediction import Choice, Number

__all__ = ["EXERCISES"]


def average_pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def nearest_field(fields: list[int], wanted: int) -> int:
    return min(range(len(fields)), key=lambda i: abs(fields[i] - wanted))


def fields_of(name: str, kind: str) -> list[int]:
    return [layer.receptive_field for layer in BACKBONES[name].layers.values() if layer.kind == kind]


def unexplained(target: Tensor, predicted: Tensor) -> Tensor:
    return (target - predicted).square().sum() / (target - target.mean(dim=0)).square().sum()


def entropy(maps: Tensor) -> Tensor:
    p = maps.flatten() / maps.sum()
    return -torch.xlogy(p, p).sum() / torch.tensor(p.numel()).log()


def entropy_of(p: Tensor) -> Tensor:
    """Of numbers that add up to 1, without a scale."""
    return -torch.xlogy(p, p).sum()


def share_left(learn: Tensor, target: Tensor, test: Tensor, test_target: Tensor) -> Tensor:
    """What an adaptor that was fitted on one set of pictures leaves unexplained on another."""
    return unexplained(test_target, test @ torch.linalg.lstsq(learn, target).solution)


FIELDS = tuple(
    (fields_of(name, kind), VGG.layers[layer].receptive_field)
    for name, kind, layer in (
        *(("squeezenet1_1", "fire", "relu3_1"), ("squeezenet1_1", "fire", "relu4_2")),
        *(("vgg16", "relu", "relu4_4"), ("squeezenet1_0", "fire", "relu1_1")),
    )
)
# Means differ by channel, as those of feature maps do.
PREDICTED = tuple(
    (t + 2 + t.new_tensor(range(t.shape[1])), t + 0.3 * p + 2)
    for t, p in (tensors(81, (9, 3), (9, 3)), tensors(82, (20, 4), (20, 4)), tensors(83, (6, 8), (6, 8)))
)
SPREAD = (
    *((m,) for m in maps(84, (1, 3, 4, 4), (1, 8, 3, 5))),
    (torch.tensor([0.0, 0.0, 5.0, 1.0]).view(1, 2, 2, 1),),
)
ADAPTED = tuple(  # features and targets to learn from, and others to test on, (positions, channels)
    tuple(made.to(dtype) for made in (f, f @ a + 0.3 * n, g, g @ a + 0.5 * m))
    for dtype, (f, g, a, n, m) in (
        (dtype, tensors(seed, (12, 5), (9, 5), (5, 3), (12, 3), (9, 3)))
        for seed, dtype in ((85, torch.float32), (86, torch.float64))  # as the lesson measures
    )
)
with torch.device("meta"):  # without numbers: to draw some would move the caller's random state
    FIRE = sum(p.numel() for p in Fire(64, 16, 128).parameters())

EXERCISES = (
    Code(
        name="08.match",
        question="The index of the layer whose receptive field, in a rising list, is nearest to the wanted one.",
        takes="fields wanted",
        solution=nearest_field,
        cases=FIELDS,
        mistakes=(
            (
                lambda fields, wanted: max([i for i, f in enumerate(fields) if f <= wanted], default=0),
                "You take the last that is not larger: the next one may be nearer.",
            ),
            (
                lambda fields, wanted: next((i for i, f in enumerate(fields) if f >= wanted), len(fields) - 1),
                "You take the first that is not smaller: the one before may be nearer.",
            ),
            (
                lambda fields, wanted: fields[nearest_field(fields, wanted)],
                "That is the field: return the index of the layer.",
            ),
            (
                lambda fields, wanted: min(abs(f - wanted) for f in fields),
                "That is how far off the nearest field is: return the index of its layer.",
            ),
            (
                lambda fields, wanted: min(range(len(fields)), key=lambda i: fields[i] - wanted),
                "The sign of the difference wins: take its absolute value.",
            ),
            (
                lambda fields, wanted: nearest_field(fields, wanted) + 1,
                "One too many: indices start at 0.",
            ),
        ),
    ),
    Code(
        name="08.average_pool",
        question="Average pooling of x (1, C, H, W) in windows of 2×2, stride 2, as the paper prefers it.",
        takes="x",
        solution=average_pool,
        cases=POOLED,
        gradient=True,
        large=lambda: uniform(98, (1, 64, 128, 128)),
        mistakes=(
            (partial(F.max_pool2d, kernel_size=2), "That is max pooling: take the mean of each window."),
            (lambda x: 4 * F.avg_pool2d(x, 2), "You add up: divide by the 4 numbers of a window."),
            (lambda x: 2 * F.avg_pool2d(x, 2), "A window has 4 numbers, not 2."),
            (lambda x: F.adaptive_avg_pool2d(x, (x.shape[2] // 2, x.shape[3] // 2)), STRETCHED),
            (partial(F.avg_pool2d, kernel_size=2, stride=1), "Your windows overlap: they move by 2, not by 1."),
            (
                partial(F.avg_pool2d, kernel_size=2, ceil_mode=True),
                "An odd last row or column makes no window of its own: leave it out.",
            ),
        ),
    ),
    Number(
        name="08.fire",
        question="How many parameters, with biases, has a fire module: 64 → squeeze 16 → expand 64 (1×1) + 64 (3×3)?",
        answer=FIRE,
        why="A 3×3 convolution from 64 to 128 channels would have 73,856.",
        hint="Three convolutions: 64 → 16 by 1×1, 16 → 64 by 1×1, 16 → 64 by 3×3.",
        mistakes=(
            (FIRE - 16 - 64 - 64, "The biases are missing: 16 + 64 + 64."),
            (64 * 16 + 16 + 64 * 64 * 10 + 128, "Both expansions look at the 16 squeezed channels, not at 64."),
            (64 * 128 * 9 + 128, "That is a plain 3×3 convolution: a fire module squeezes first."),
        ),
        exact=True,
    ),
    Code(
        name="08.unexplained",
        question="The share of a target's variance (positions, channels) that a prediction leaves unexplained.",
        takes="target predicted",
        solution=unexplained,
        cases=PREDICTED,
        mistakes=(
            (
                lambda t, p: (t - p).square().sum() / t.square().sum(),
                "Variance is counted from each channel's mean: take it off in the denominator.",
            ),
            (
                lambda t, p: (t - p).square().sum() / (t - t.mean()).square().sum(),
                "One mean for all: each channel, a column, has its own.",
            ),
            (
                lambda t, p: (t - p).square().sum() / (t - t.mean(dim=1, keepdim=True)).square().sum(),
                "That is the mean of each position: channels are the columns, so dim=0.",
            ),
            (
                lambda t, p: (t - p).square().mean(0).sum() / t.var(0).sum(),
                "You divide by the number of positions above, and by one less below: take correction=0.",
            ),
            (
                lambda t, p: (t - p).var(0).sum() / t.var(0).sum(),
                "The error's own mean is taken off: a constant error is an error too, so take its squares as they are.",
            ),
            (lambda t, p: 1 - unexplained(t, p), "That is the explained share: 1 minus it is asked for."),
            (lambda t, p: unexplained(t, p).sqrt(), "A share of variance has no root: leave the squares."),
            (
                lambda t, p: ((t - p).square().sum(0) / (t - t.mean(dim=0)).square().sum(0)).mean(),
                "You average the channels' shares: add up squares over all channels first, then divide.",
            ),
            (lambda t, p: (t - p).square().mean(), "That is the mean squared error: divide it by the variance."),
        ),
    ),
    Choice(
        name="08.random",
        question="All weights of the network are random. What does a transfer from the content still bring over?",
        answer="b",
        options={
            "a": ("Nothing.", "Random filters are filters too: they see colours and edges."),
            "b": (
                "Colours and fine grain.",
                "Right. Strokes and other larger forms stayed behind in every run of ours.",
            ),
            "c": (
                "As much as trained ones.",
                "A judge that is trained finds far more missing, above all in deep layers.",
            ),
            "d": ("The content only.", "Gram matrices of random maps still hold colours and grain."),
        },
    ),
    Code(
        name="08.entropy",
        question="The entropy of a map (1, N, H, W), its numbers as shares of their sum, over that of an even map.",
        takes="maps",
        solution=entropy,
        cases=SPREAD,
        why="Near 1 everything answers alike; near 0 a few peaks hold all.",
        mistakes=(
            (
                lambda x: entropy_of(x.flatten() / x.sum()),
                "The scale is missing: divide by the logarithm of how many numbers there are.",
            ),
            (
                lambda x: entropy_of(x.flatten() / x.sum()) / torch.tensor(2.0).log(),
                "That is in bits: divide by the logarithm of the number of entries instead.",
            ),
            (
                lambda x: entropy_of(x.flatten() / x.sum()) / torch.tensor(x.shape[1]).log(),
                "You divide by log N, for the channels alone: all N · H · W numbers count.",
            ),
            (
                lambda x: entropy_of(x.flatten().softmax(0)) / torch.tensor(x.numel()).log(),
                "You take a softmax: here the shares are the numbers over their sum.",
            ),
            (
                lambda x: entropy_of(x.flatten().square() / x.square().sum()) / torch.tensor(x.numel()).log(),
                "Those are shares of the squares: take the numbers themselves.",
            ),
            (lambda x: -entropy(x), "The sign: logarithms of shares are negative, so put a minus before the sum."),
            (lambda x: 1 - entropy(x), "That is what is missing to an even map: leave out the 1 minus."),
            (
                lambda x: (
                    (x.flatten() / x.sum()).log().mul(x.flatten() / x.sum()).sum() / -torch.tensor(x.numel()).log()
                ),
                "0 · log 0 is NaN in floats, and counts as 0: torch.xlogy(p, p) knows that.",
            ),
        ),
    ),
    Code(
        name="08.bug",
        question="A friend's measurement, mended: the share that an adaptor leaves unexplained on unseen pictures.",
        takes="learn target test test_target",
        solution=share_left,
        cases=ADAPTED,
        tolerance=1e-3,
        why="What was fitted on a picture says nothing about that picture.",
        mistakes=(
            (
                lambda f, t, g, u: share_left(g, u, g, u),
                "The adaptor is fitted on the pictures that it is tested on: it knows their answers.",
            ),
            (
                lambda f, t, g, u: share_left(torch.cat([f, g]), torch.cat([t, u]), g, u),
                "The test pictures are still among those that the adaptor learns from: leave them out.",
            ),
            (
                lambda f, t, g, u: share_left(f, t, f, t),
                "It is tested on the pictures that it learned from: the test is what comes after.",
            ),
            (
                lambda f, t, g, u: 1 - share_left(f, t, g, u),
                "That is the explained share: 1 minus it is asked for.",
            ),
        ),
    ),
    Choice(
        name="08.parameters",
        question="How many times as many parameters as pocket do the layers of VGG-19 have?",
        answer="b",
        options={
            "a": ("About 5.", "Its channels are some 3 times as many, and a kernel has them on both sides."),
            "b": ("About 20.", "Right. Some 3 times the channels on both sides of a kernel, and more layers."),
            "c": ("About 100.", "That would be 10 times the channels on both sides of each kernel."),
        },
    ),
    Choice(
        name="08.partner",
        question="Which style layer of VGG-19 has no good partner in SqueezeNet 1.0?",
        answer="a",
        options={
            "a": ("relu1_1", "Right. It begins with 7×7, so nothing in it describes only 3×3 pixels."),
            "b": ("relu3_1", "fire3 sees 27 pixels, relu3_1 24."),
            "c": ("relu5_1", "fire9 sees 155 pixels, relu5_1 156."),
        },
    ),
    Choice(
        name="08.work",
        question="VGG-19 has 18 times pocket's parameters. How many times its multiplications does it need?",
        answer="a",
        options={
            "a": ("Fewer: about 10 times.", "Right. Most of its weights sit deep, where maps are small."),
            "b": (
                "As many: 18 times.",
                "A weight of an early layer is used at more positions than one of a deep layer.",
            ),
            "c": ("More: about 30 times.", "Most of VGG's extra weights sit deep, and are used at few positions."),
        },
    ),
    Choice(
        name="08.eyes",
        question="Each network's picture is judged by the other three. In whose will they find least of the style?",
        answer="d",
        options={
            "a": (
                "VGG-16's.",
                "It is the family of the papers, and the others find much of the style in its pictures.",
            ),
            "b": (
                "SqueezeNet 1.0's.",
                "It has a twentieth of VGG-16's parameters, and the others find much style all the same.",
            ),
            "c": ("pocket's.", "It names nothing, and learned from two of the others to see what they see."),
            "d": ("EfficientNet-Lite0's.", "Right. It names things best of all, and that is another skill."),
        },
    ),
    Choice(
        name="08.shortcuts",
        question="A stack of random layers, once plain, once with shortcuts. Which one's deep maps are more uneven?",
        answer="a",
        options={
            "a": (
                "The plain one's.",
                "Right. A sum of two maps is more even than one, with all seeds that were tried.",
            ),
            "b": (
                "The one with shortcuts.",
                "That is what the explanation lets one expect, and it is not what comes out.",
            ),
            "c": ("Neither's.", "They part from the first block on."),
        },
    ),
    Number(
        name="08.pooled",
        question="Behind one max pooling of 2×2, what share of the positions of a map gets no gradient?",
        answer=0.75,
        why="One of four wins, and the other three hear nothing.",
        hint="A window has four numbers and one maximum.",
        mistakes=(
            (0.25, "That is the share of those that win: the others get none."),
            (0.5, "Only one of four wins: three get none."),
        ),
    ),
    Choice(
        name="08.depth",
        question="Which predicts pocket's relu3_3 better, by a linear map?",
        answer="a",
        options={
            "a": ("pocket's own relu3_1, two convolutions earlier.", "Right. What was learned counts, not the depth."),
            "b": ("The relu3_3 of the same network with random weights.", "A linear map reads little out of those."),
            "c": ("Both alike.", "One of the two leaves about twice as much unexplained."),
        },
    ),
)
