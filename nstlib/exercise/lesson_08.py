"""The exercises of lesson 08: backbones."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn import functional as F

from ..architecture import BACKBONES
from ..backbone import Fire
from .inputs import VGG, tensors
from .lesson_02 import POOLED, STRETCHED
from .question import Choice, Code, Number

__all__ = ["EXERCISES"]


def multiplications(channels_in: int, channels_out: int, kernel: int, height: int, width: int, stride: int) -> int:
    return channels_in * channels_out * kernel**2 * (height // stride) * (width // stride)


def average_pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def nearest_field(fields: list[int], wanted: int) -> int:
    return min(range(len(fields)), key=lambda i: abs(fields[i] - wanted))


def fields_of(name: str, kind: str) -> list[int]:
    return [layer.receptive_field for layer in BACKBONES[name].layers.values() if layer.kind == kind]


def unexplained(target: Tensor, predicted: Tensor) -> Tensor:
    return (target - predicted).square().sum() / (target - target.mean(dim=0)).square().sum()


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
FIRE = sum(p.numel() for p in Fire(64, 16, 128).parameters())

EXERCISES = (
    Code(
        name="08.multiplications",
        question="The multiplications of a padded convolution on a map height × width (both divisible by the stride).",
        takes="channels_in channels_out kernel height width stride",
        solution=multiplications,
        cases=((3, 64, 3, 224, 224, 1), (64, 128, 3, 56, 32, 2), (16, 64, 1, 28, 40, 1), (3, 96, 7, 64, 32, 4)),
        mistakes=(
            (
                lambda i, o, k, h, w, s: multiplications(i, o, k, h, w, 1),
                "The stride is missing: fewer windows are taken.",
            ),
            (lambda i, o, k, h, w, s: i * o * k**2 * h * w // s, "The stride counts in both directions: s²."),
            (lambda i, o, k, h, w, s: i * o * k * (h // s) * (w // s), "The kernel has two sides: k²."),
            (
                lambda i, o, k, h, w, s: o * k**2 * (h // s) * (w // s),
                "Each output looks at all input channels: multiply by those too.",
            ),
            (
                lambda i, o, k, h, w, s: i * k**2 * (h // s) * (w // s),
                "That is for one output channel: multiply by their number.",
            ),
            (lambda i, o, k, h, w, s: i * o * k**2, "Those are the weights: each is used at every position."),
        ),
    ),
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
        painting=((1, 64, 128, 128),),
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
    Number(
        name="08.scale",
        question="Weights and biases of a convolution double: by which factor does the Gram matrix after ReLU grow?",
        answer=4,
        why="Features double, and the Gram matrix multiplies two of them; the loss grows 16-fold.",
        hint="ReLU lets a factor through: how does F Fᵀ grow?",
        mistakes=(
            (2, "The features double: F Fᵀ has them twice."),
            (16, "That is the Gram loss: the matrix itself grows 4-fold."),
            (1, "The network is the scale: nothing normalises the features here."),
        ),
    ),
    Number(
        name="08.balance",
        question="α = 1, β = 2, γ = 0, content layer weight 6e-2: which layer weight has the same minimum with β = 1?",
        answer=0.03,
        why="Only ratios matter to where the minimum lies: 1 · 6e-2 to 2 is 3e-2 to 1.",
        hint="Divide the whole loss by 2.",
        mistakes=(
            (0.12, "You multiplied: style counted twice, so content has to count half."),
            (0.06, "β is in front of the style: from 2 to 1 the balance moves."),
            (0.5, "That is α / β: the layer's own weight is missing."),
        ),
    ),
    Choice(
        name="08.first_step",
        question="Adam's rate is 3 deviations, the pixels are held within ±1.5. Where are they after the first step?",
        answer="b",
        options={
            "a": ("Near where they were.", "Adam's first step has the length of the rate, however small the gradient."),
            "b": (
                "Nearly all at a bound.",
                "Right. It is the rate times the gradient's sign, and the range is no wider than 3.",
            ),
            "c": ("All at the middle, 0.", "The sign of the gradient differs from pixel to pixel: they part."),
            "d": ("Outside, at up to ±4.5.", "The bounds are applied right after the step."),
        },
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
)
