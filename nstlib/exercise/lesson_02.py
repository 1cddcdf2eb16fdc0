"""The exercises of lesson 02: convolutional networks."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from ..architecture import Architecture, Layer, Spec
from .code import Code
from .inputs import tensors
from .prediction import Choice, Number

__all__ = ["EXERCISES", "POOLED", "STRETCHED", "geometry"]


def field_of(layers: list[tuple[int, int]]) -> int:
    """The receptive field after layers (kernel, stride), by the library."""
    specs = tuple(Spec(str(i), "conv", 1, kernel, step) for i, (kernel, step) in enumerate(layers))
    return geometry(specs).receptive_field


def geometry(specs: tuple[Spec, ...]) -> Layer:
    """Where the map of the last of these layers lies on the image, by the library."""
    return list(Architecture("", specs, (), ()).layers.values())[-1]


def correlate(x: Tensor, kernel: Tensor, padding: int, mode: str = "constant") -> Tensor:
    return F.conv2d(F.pad(x[None, None], (padding,) * 4, mode=mode), kernel[None, None])[0, 0]


def early_field(layers: list[tuple[int, int]]) -> int:
    field, stride = 1, 1
    for kernel, step in layers:
        stride *= step
        field += (kernel - 1) * stride
    return field


def kernel_slope(x: Tensor, dy: Tensor) -> Tensor:
    """The gradient to the kernel: x correlated with dy."""
    return F.conv2d(x[None, None], dy[None, None])[0, 0]


def max_pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


# Even, odd, and even without being square.
POOLED = tuple((t,) for t in tensors(24, (1, 2, 4, 4), (1, 3, 5, 7), (1, 1, 2, 3), (1, 2, 6, 4)))
TEMPLE = (288, 192)  # of the lesson's photograph
STRETCHED = "Adaptive windows stretch over an odd last row or column: leave it out, a window is 2×2."

EXERCISES = (
    Code(
        name="02.size",
        question="The size that a convolution gives to n pixels.",
        takes="n kernel stride padding",
        solution=lambda n, kernel, stride, padding: (n + 2 * padding - kernel) // stride + 1,
        cases=((28, 5, 1, 0), (32, 3, 1, 1), (224, 7, 2, 3), (55, 3, 2, 0), (8, 2, 2, 0), (9, 1, 4, 0)),
        mistakes=(
            (lambda n, k, s, p: (n + 2 * p - k) // s, "One too few: the first window counts as well, so + 1."),
            (lambda n, k, s, p: (n + p - k) // s + 1, "The padding is on both sides: 2 p."),
            (lambda n, k, s, p: (n - k) // s + 1, "The padding is missing: it adds 2 p pixels."),
            (lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "You round up: an incomplete last window is left out."),
            (lambda n, k, s, p: (n + 2 * p - k) / s + 1, "A size is whole: divide with //."),
            (lambda n, k, s, p: n + 2 * p - k + 1, "The stride is missing: it divides the way that the window can go."),
        ),
    ),
    Code(
        name="02.convolve",
        question="Convolve one channel x (H, W) with a kernel (k, k), as networks do it, with zero padding; stride 1.",
        takes="x kernel padding",
        solution=correlate,
        cases=tuple(
            (*tensors(seed, shape, (k, k)), padding)
            for seed, shape, k, padding in (
                (30, (5, 5), 3, 1),
                (31, (4, 7), 3, 0),
                (32, (6, 5), 2, 1),
                (33, (6, 6), 5, 2),
            )
        ),
        mistakes=(
            (
                lambda x, k, p: correlate(x, k.flip(0, 1), p),
                "Your kernel is flipped: that is mathematics' convolution, and networks slide the kernel as it is.",
            ),
            (lambda x, k, p: correlate(x, k.T, p), "Your kernel is transposed: its rows belong to the rows of x."),
            (lambda x, k, p: correlate(x, k, 0), "The padding is missing: put x into a larger field of zeros first."),
            (lambda x, k, p: correlate(x, k, p, "replicate"), "You pad by repeating the border: pad with zeros."),
            (
                lambda x, k, p: correlate(x, k, p) / k.numel(),
                "You take the mean of the products: a convolution adds them up.",
            ),
        ),
        large=lambda: (*tensors(28, TEMPLE, (3, 3)), 0),
        seconds=5.0,  # by loops over positions, as it is asked for
    ),
    Code(
        name="02.kernel_gradient",
        question="The gradient to the kernel of y = x correlated with it (no padding), given dy, the gradient to y.",
        takes="x dy",
        solution=kernel_slope,
        cases=tuple(
            tensors(seed, *shapes)
            for seed, *shapes in ((25, (5, 5), (3, 3)), (26, (4, 6), (3, 5)), (27, (6, 4), (4, 2)))
        ),
        mistakes=(
            (
                lambda x, dy: kernel_slope(x, dy.flip(0, 1)),
                "Your dy is flipped: dy[i, j] meets x[i + u, j + v], as in the forward pass.",
            ),
            (
                lambda x, dy: kernel_slope(x, dy).flip(0, 1),
                "Your result is flipped: its place [u, v] belongs to x[i + u, j + v].",
            ),
            (
                lambda x, dy: kernel_slope(x, dy) / dy.numel(),
                "You take the mean over positions: the kernel served all of them, so add up.",
            ),
            (
                lambda x, dy: kernel_slope(x, torch.ones_like(dy)),
                "dy is missing: weigh each window of x by its dy[i, j].",
            ),
            (
                lambda x, dy: dy[0, 0] * x[: x.shape[0] - dy.shape[0] + 1, : x.shape[1] - dy.shape[1] + 1],
                "That is one position: add up over all i, j.",
            ),
        ),
        large=lambda: tensors(29, TEMPLE, (TEMPLE[0] - 2, TEMPLE[1] - 2)),
        seconds=0.05,  # a thousand calls
    ),
    Code(
        name="02.max_pool",
        question="Max pooling of x (1, C, H, W) in windows of 2×2, stride 2.",
        takes="x",
        solution=max_pool,
        cases=POOLED,
        mistakes=(
            (partial(F.avg_pool2d, kernel_size=2), "That is the mean of each window: take its maximum."),
            (partial(F.max_pool2d, kernel_size=2, stride=1), "Your windows overlap: they move by 2, not by 1."),
            (
                partial(F.max_pool2d, kernel_size=2, ceil_mode=True),
                "An odd last row or column makes no window of its own: leave it out.",
            ),
            (lambda x: F.adaptive_max_pool2d(x, (x.shape[2] // 2, x.shape[3] // 2)), STRETCHED),
            (lambda x: x[..., ::2, ::2], "You keep each window's first number: take its maximum."),
            (lambda x: F.max_pool2d(x, 2).relu(), "Negative numbers count too: start from the window, not from 0."),
        ),
    ),
    Code(
        name="02.receptive_field",
        question="How many pixels one position sees after layers [(kernel, stride), …].",
        takes="layers",
        solution=field_of,
        cases=(
            ([(3, 1)],),
            ([(3, 1), (3, 1)],),
            ([(3, 1), (3, 1), (2, 2), (3, 1)],),
            ([(7, 2), (3, 2), (3, 1), (2, 2)],),
        ),
        mistakes=(
            (lambda layers: sum(k for k, _ in layers), "Neighbouring windows overlap: a kernel adds k - 1, not k."),
            (
                lambda layers: 1 + sum(k - 1 for k, _ in layers),
                "After a stride of 2 a step is 2 pixels wide: multiply k - 1 by all strides before.",
            ),
            (early_field, "A layer's own stride comes after its window: only the strides before it count."),
            (lambda layers: math.prod(k for k, _ in layers), "Windows do not multiply: add up k - 1, layer by layer."),
            (lambda layers: field_of(layers) - 1, "One too few: the position itself is the 1 to start from."),
        ),
    ),
    Code(
        name="02.conv_parameters",
        question="The number of parameters of a convolution with bias.",
        takes="channels_in channels_out kernel",
        solution=lambda channels_in, channels_out, kernel: channels_out * (channels_in * kernel**2 + 1),
        cases=((3, 8, 3), (16, 4, 1), (8, 8, 5)),
        mistakes=(
            (lambda i, o, k: i * o * k * k, "The biases are missing: one per output channel."),
            (lambda i, o, k: i * o * k * k + i, "A bias belongs to an output channel, not to an input channel."),
            (lambda i, o, k: i * o * k + o, "The kernel has two sides: k²."),
            (lambda i, o, k: o * k * k + o, "Each output looks at all input channels: multiply by those too."),
            (
                lambda i, o, k: i * o * (k * k + 1),
                "A bias for each pair of channels is too many: one per output channel.",
            ),
        ),
    ),
    Number(
        name="02.lenet_side",
        question="28×28 pixels → conv 5×5 → pool 2×2 → conv 5×5 → pool 2×2, without padding: which side is left?",
        answer=4,
        why="28 → 24 → 12 → 8 → 4.",
        hint="A 5×5 convolution takes 4 pixels off, a pooling halves.",
        mistakes=(
            (7, "That is with padding: here each convolution takes 4 pixels off."),
            (5, "The first convolution has no padding here: it leaves 24 of 28."),
            (8, "The last pooling is missing: 28 → 24 → 12 → 8, and then?"),
            (16, "A side was asked for, not an area: 4 × 4 positions."),
        ),
    ),
    Number(
        name="02.stacked",
        question="How many pixels in a row does a unit see after two 3×3 convolutions of stride 1?",
        answer=5,
        why="3, and 2 more: as much as one 5×5, with fewer parameters.",
        hint="The first sees 3; the second looks at three neighbours of these.",
        mistakes=(
            (6, "Neighbouring windows overlap: the second 3×3 adds 2 pixels, not 3."),
            (9, "Windows add up, they do not multiply: each adds 2."),
            (3, "That is one layer: the second one sees three of its neighbours."),
            (25, "That is the area: in a row there are 5."),
        ),
    ),
    Choice(
        name="02.permutation",
        question="All digits get their pixels shuffled in one order, and a dense network learns these. Its accuracy?",
        answer="c",
        options={
            "a": (
                "It falls to about 10 %: nobody can read such pictures.",
                "You cannot. The network never knew which pixels are neighbours, so it loses nothing.",
            ),
            "b": (
                "It falls by a few points: strokes are torn apart.",
                "Strokes were never seen as strokes: each pixel is a column of numbers with weights of its own.",
            ),
            "c": (
                "It stays the same, but for chance.",
                "Right. Reorder the weights of the first layer likewise, and every score is what it was.",
            ),
            "d": (
                "It rises: pixels that depend on each other less are easier.",
                "They depend on each other just as before, in another order.",
            ),
        },
    ),
    Choice(
        name="02.edge",
        question="The map: where is it 0, and what is its largest value?",
        answer="b",
        options={
            "a": (
                "0 where the picture is dark, 9 where it is light.",
                "Where all is light, -1 and 1 cancel in each row.",
            ),
            "b": ("0 where the picture is flat, 3 at the edge.", "Right. Three rows, each with 1 - 0 at the edge."),
            "c": ("0 where the picture is flat, 1 at the edge.", "Each of the kernel's three rows adds its 1."),
            "d": (
                "0 nowhere: each window holds some light.",
                "A window without any light gives 0, and so does an even one.",
            ),
        },
    ),
    Choice(
        name="02.pillars",
        question="Which map brings out the pillars: light that changes to the right, or light that changes downwards?",
        answer="a",
        options={
            "a": ("To the right.", "Right. Crossing an upright pillar from left to right, the light changes twice."),
            "b": ("Downwards.", "Along a pillar the light stays the same: it changes across."),
            "c": ("Both alike.", "Along a pillar the light hardly changes, across it does."),
        },
    ),
    Number(
        name="02.matrix",
        question="How many of the 1296 entries differ from 0, and how many different numbers are among those?",
        answer=(256, 9),
        why="Inner pixels have 9 neighbours, those at the border 6, the corners 4: 16·9 + 16·6 + 4·4 = 256.",
        hint="Each row holds the kernel once, as far as its window lies inside the picture.",
        mistakes=(
            ((324, 9), "Nine in each row would be 324: at the border a part of the window falls on zeros."),
            ((36, 9), "A row for each output pixel, and up to nine entries in each."),
            ((324, 324), "The numbers in a row are the kernel's: no row has any others."),
            ((256, 256), "256 is right, and all of them come from one kernel of nine numbers."),
        ),
        exact=True,
    ),
    Choice(
        name="02.stripes",
        question="In which of the six results can one still see that there were stripes?",
        answer="d",
        options={
            "a": (
                "In those of the bare stride.",
                "It keeps one column of two: all white, or all black one pixel further.",
            ),
            "b": ("In those of the maximum.", "Each window holds a white column, so each maximum is white."),
            "c": ("In those of the mean.", "Each window is half white, so each mean is the same grey."),
            "d": ("In none.", "Right. What is finer than the new grid is gone in every way."),
        },
    ),
    Choice(
        name="02.steady",
        question="Which bar is exactly 0, apart from rounding?",
        answer="c",
        options={
            "a": ("The maximum of 4 × 4.", "Less than others, but a stroke may leave its window."),
            "b": ("The mean of 4 × 4.", "Near, but windows end: what crosses such a border changes two means."),
            "c": ("The mean of all.", "Right. The map moves along, and a mean over all places asks for no place."),
            "d": ("None.", "One of them does not ask for places at all."),
        },
    ),
    Number(
        name="02.bug",
        question="Which of the numbered lines is wrong?",
        answer=3,
        why="K.T is the kernel transposed: turned by 180° it is K.flip(0, 1). For a blur, the two are the same.",
        hint="Which line treats a blur and K_x differently?",
        mistakes=(
            (1, "A border of k - 1 is right: each pixel took part in up to k outputs in a row."),
            (2, "All four sides get the same border: so it should be."),
            (4, "Correlating with the turned kernel is right: is what it is given the turned kernel?"),
        ),
    ),
)
