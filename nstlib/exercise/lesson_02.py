"""The exercises of lesson 02: convolutional networks."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from ..architecture import Architecture, Layer, Spec
from .inputs import tensors
from .question import Choice, Code, Number

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


def multiplications(channels_in: int, channels_out: int, kernel: int, height: int, width: int) -> int:
    return channels_in * channels_out * kernel**2 * height * width


def kernel_slope(x: Tensor, dy: Tensor) -> Tensor:
    """The gradient to the kernel: x correlated with dy."""
    return F.conv2d(x[None, None], dy[None, None])[0, 0]


def max_pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


# Even, odd, and even without being square.
def batch_norm(x: Tensor, scale: Tensor, offset: Tensor, *, over=(0, 2, 3), root=0.5, correction=0, affine=True):
    """Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) of x (B, C, H, W), and its likely mistakes."""
    mean, variance = x.mean(over, keepdim=True), x.var(over, correction=correction, keepdim=True)
    x = (x - mean) / (variance + 1e-5) ** root
    return x * scale.view(1, -1, 1, 1) + offset.view(1, -1, 1, 1) if affine else x


POOLED = tuple((t,) for t in tensors(24, (1, 2, 4, 4), (1, 3, 5, 7), (1, 1, 2, 3), (1, 2, 6, 4)))
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
    Code(
        name="02.multiplications",
        question="The multiplications of a convolution that makes a map of height × width.",
        takes="channels_in channels_out kernel height width",
        solution=multiplications,
        cases=((3, 8, 3, 10, 12), (16, 4, 1, 7, 7), (8, 6, 5, 4, 9)),
        mistakes=(
            (
                lambda i, o, k, h, w: i * o * k * k,
                "Those are the weights: each is used once at every position of the map.",
            ),
            (
                lambda i, o, k, h, w: o * k * k * h * w,
                "Each output looks at all input channels: multiply by those too.",
            ),
            (lambda i, o, k, h, w: i * k * k * h * w, "That makes one output channel: multiply by their number."),
            (lambda i, o, k, h, w: i * o * k * h * w, "The kernel has two sides: k²."),
            (lambda i, o, k, h, w: (i * k * k + 1) * o * h * w, "A bias is added, not multiplied: leave it out."),
            (
                lambda i, o, k, h, w: 2 * i * o * k * k * h * w,
                "Those are operations: additions are not asked for, halve it.",
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
    Number(
        name="02.three_for_one",
        question="Three 3×3 convolutions see as much as one 7×7, all C → C channels: with what share of its weights?",
        answer=27 / 49,
        why="27 C² against 49 C².",
        hint="A k×k convolution from C to C channels has k² C² weights.",
        mistakes=(
            (9 / 49, "That is one 3×3: there are three."),
            (9 / 7, "Kernels have two sides: 3·3² against 7²."),
            (49 / 27, "Upside down: the three have fewer."),
        ),
        tolerance=0.01,
    ),
    Choice(
        name="02.where",
        question="VGG-16: 13 convolutions, 3 dense layers. Where are most parameters, where most multiplications?",
        answer="c",
        options={
            "a": (
                "Both in the convolutions.",
                "Half right: a kernel is used at every position, so it computes much and stores little.",
            ),
            "b": (
                "Both in the dense layers.",
                "Half right: a dense weight is stored once and used once, so storing much is not computing much.",
            ),
            "c": (
                "Parameters in the dense layers, multiplications in the convolutions.",
                "Right. A dense weight is used once a picture, a kernel's weight at every position.",
            ),
            "d": (
                "Parameters in the convolutions, multiplications in the dense layers.",
                "The other way round: which weight is used more often, a kernel's or a dense layer's?",
            ),
        },
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
            ((324, 324), "The numbers in a row are the kernel's: the same nine in each."),
            ((256, 256), "256 is right, and all of them come from one kernel of nine numbers."),
        ),
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
            (2, "All four sides get the same border, as they should."),
            (4, "Correlating with the turned kernel is right: is what it is given the turned kernel?"),
        ),
    ),
    Code(
        name="02.batch_norm",
        question="Batch normalisation of x (B, C, H, W), in training.",
        takes="x scale offset",
        solution=lambda x, scale, offset: F.batch_norm(x, None, None, scale, offset, training=True),
        cases=tuple(
            tensors(seed, shape, shape[1:2], shape[1:2]) for seed, shape in ((40, (4, 3, 2, 5)), (41, (2, 4, 3, 3)))
        ),
        mistakes=(
            (
                partial(batch_norm, over=(2, 3)),
                "You take mean and variance of each picture by itself: take them over the batch too.",
            ),
            (
                partial(batch_norm, over=(0,)),
                "You take mean and variance at each position by itself: take them over all positions too.",
            ),
            (
                partial(batch_norm, over=(0, 1, 2, 3)),
                "You take one mean for all channels: each channel has its own.",
            ),
            (partial(batch_norm, over=(1,)), "You take the mean over channels: it runs over batch and positions."),
            (partial(batch_norm, root=1), "You divide by the variance: divide by its root."),
            (partial(batch_norm, affine=False), "Scale and offset are missing: multiply and add them last."),
            (partial(batch_norm, correction=1), "Divide the variance by the number of values: correction=0."),
        ),
    ),
    Number(
        name="02.plan",
        question="How many parameters has the network of width 16?",
        answer=7738,
        why="144 and 4608 in kernels, 32 and 64 in batch norm, 2890 in the dense layer.",
        hint="Kernels 16·9 and 16·32·9, two numbers for each of 16 + 32 channels, and 288·10 + 10.",
        mistakes=(
            (7642, "Batch norm is missing: two numbers for each of 16 + 32 channels."),
            (7690, "Batch norm learns two numbers for a channel: a scale and an offset."),
            (7728, "The dense layer's ten biases are missing."),
            (7786, "Its convolutions have no biases: batch norm has a shift of its own."),
            (3274, "The second layer's kernels have 16 slices each: 16 · 32 · 9."),
        ),
        exact=True,
    ),
    Number(
        name="02.doubt",
        question="By how many percentage points does a share of 99 % of 450 answers stray?",
        answer=100 * (0.99 * 0.01 / 450) ** 0.5,
        why="About half a point: two digits of 450.",
        hint="It is 100 · √(p (1 - p) / n), with p = 0.99 and n = 450.",
        mistakes=(
            ((0.99 * 0.01 / 450) ** 0.5, "That is the share itself: in percentage points it is 100 times that."),
            (100 * 0.99 * 0.01 / 450, "The root is missing."),
            (100 * (0.99 * 0.01) ** 0.5, "Divide by n before you take the root: more answers stray less."),
        ),
        tolerance=0.03,
    ),
    Choice(
        name="02.moved",
        question="Digits moved by two pixels: which network, if any, loses nothing at all?",
        answer="d",
        options={
            "a": (
                "The convolutional one: convolutions are equivariant.",
                "Its maps move along, but its dense layer asks where.",
            ),
            "b": (
                "The one that learned from moved digits.",
                "It learned moves of one pixel, and at two it loses much.",
            ),
            "c": ("None of them.", "One of them ends in a sum over all places, and a sum asks for none."),
            "d": ("The one with a sum over places.", "Right. Its maps move along, and their mean does not notice."),
        },
    ),
    Choice(
        name="02.frozen",
        question="Random kernels in the first layer, never trained: what becomes of the share right, in place?",
        answer="b",
        options={
            "a": (
                "Not much above guessing: it sees nothing.",
                "Random kernels see slopes and lines, too; the rest learns to use them.",
            ),
            "b": ("A few points lower at most.", "Right. The layer above learns to use what random kernels give."),
            "c": ("Ten points lower or more.", "Less: any varied set of kernels will do for small digits."),
        },
    ),
    Choice(
        name="02.untrained",
        question="Of a channel's eight best patches, how many come from one digit, trained and untrained?",
        answer="b",
        options={
            "a": (
                "Trained nearly all, untrained one or two.",
                "The best matches of any pattern look alike, so untrained channels are choosy, too.",
            ),
            "b": ("Trained somewhat more than untrained.", "Right. Most of what the picture showed needs no learning."),
            "c": ("Both the same.", "Learning shows, though far less than the picture made one believe."),
        },
    ),
    Number(
        name="02.mode_bug",
        question="Which of the numbered lines is to blame?",
        answer=2,
        why="net.train() lets batch norm use the mean and variance of the batch at hand: it has to be net.eval().",
        hint="Only one layer of the network looks at other digits than its own, and only in one mode.",
        mistakes=(
            (1, "A copy protects the network's running means: it is the least that this function should do."),
            (4, "Without gradients the answers are the same, and sooner there."),
            (5, "Splitting is harmless, as long as a digit's answer does not depend on its companions."),
            (6, "The count is right: it is the answers that depend on the companions."),
            (7, "The mean is taken over all digits, as it should be."),
        ),
    ),
)
