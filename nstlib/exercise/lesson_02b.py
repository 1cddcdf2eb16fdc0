"""The exercises of lesson 02b: a network of your own."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn import functional as F

from .code import Code
from .inputs import tensors
from .prediction import Choice, Number

__all__ = ["EXERCISES"]


def multiplications(channels_in: int, channels_out: int, kernel: int, height: int, width: int) -> int:
    return channels_in * channels_out * kernel**2 * height * width


def batch_norm(
    x: Tensor,
    scale: Tensor,
    offset: Tensor,
    *,
    over: tuple[int, ...] = (0, 2, 3),
    root: float = 0.5,
    correction: int = 0,
    affine: bool = True,
    epsilon: float = 1e-5,
    beside: float = 0,
) -> Tensor:
    """Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) of x (B, C, H, W), and its likely mistakes."""
    mean, variance = x.mean(over, keepdim=True), x.var(over, correction=correction, keepdim=True)
    x = (x - mean) / ((variance + epsilon) ** root + beside)
    return x * scale.view(1, -1, 1, 1) + offset.view(1, -1, 1, 1) if affine else x


NORMED = tuple(tensors(seed, shape, shape[1:2], shape[1:2]) for seed, shape in ((40, (4, 3, 2, 5)), (41, (2, 4, 3, 3))))
NORMED[1][0][:, 2] = 0.5  # a blank channel: its mean is exact, its variance 0
NORMED[1][0][:, 3] *= 1e-3  # a faint one, where it shows on which side of the root ε stands

EXERCISES = (
    Code(
        name="02b.multiplications",
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
        name="02b.three_for_one",
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
        name="02b.where",
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
    Code(
        name="02b.batch_norm",
        question="Batch normalisation of x (B, C, H, W), in training.",
        takes="x scale offset",
        solution=lambda x, scale, offset: F.batch_norm(x, None, None, scale, offset, training=True),
        cases=NORMED,
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
            (
                lambda x, scale, offset: batch_norm(x, scale, 0 * offset),
                "The offset is missing: add it last, one number to each channel.",
            ),
            (
                lambda x, scale, offset: batch_norm(x, scale.new_ones(scale.shape), offset),
                "The scale is missing: multiply each channel by its number before you add the offset.",
            ),
            (partial(batch_norm, correction=1), "Divide the variance by the number of values: correction=0."),
            (
                partial(batch_norm, epsilon=0),
                "A blank channel has the variance 0: add 10⁻⁵ to it before the root.",
            ),
            (
                partial(batch_norm, epsilon=0, beside=1e-5),
                "You add 10⁻⁵ to the root, which faint channels show: add it to the variance, before the root.",
            ),
            (
                partial(batch_norm, epsilon=0, beside=1e-5, correction=1),
                "As std has it by default, over n - 1: correction=0, and add 10⁻⁵ to the variance, before the root.",
            ),
        ),
        gradient=True,
        large=lambda: tensors(43, (64, 16, 8, 8), (16,), (16,)),
    ),
    Number(
        name="02b.plan",
        question="How many parameters has the network of width 16?",
        answer=7738,
        why="144 and 4608 in kernels, 32 and 64 in batch norm, 2890 in the dense layer.",
        hint="Kernels 16·9 and 16·32·9, two numbers for each of 16 + 32 channels, and 288·10 + 10.",
        mistakes=(
            (7642, "Batch norm is missing: two numbers for each of 16 + 32 channels."),
            (7690, "Batch norm learns two numbers for a channel: a scale and an offset."),
            (7728, "The dense layer's biases are missing: one for each class."),
            (7786, "Its convolutions have no biases: batch norm has a shift of its own."),
            (3418, "The second layer's kernels have 16 slices each: 16 · 32 · 9."),
        ),
        exact=True,
    ),
    Choice(
        name="02b.moved",
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
    Number(
        name="02b.bug",
        question="Which of the numbered lines is to blame?",
        answer=2,
        why="net.train() lets batch norm use the mean and variance of the batch at hand: it has to be net.eval().",
        hint="Only one layer of the network looks at other digits than its own, and only in one mode.",
        mistakes=(
            (1, "A copy protects the network's running means: it is the least that this function should do."),
            (3, "Counting from 0 is right: it is the answers that depend on the companions."),
            (4, "Without gradients the answers are the same, and sooner there."),
            (5, "Splitting is harmless: the answer of a digit should not depend on its companions."),
            (6, "Hits are counted rightly here: which line lets a digit depend on its companions?"),
            (7, "The mean is taken over all digits: so it should be."),
        ),
    ),
    Choice(
        name="02b.frozen",
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
    Number(
        name="02b.doubt",
        question="By how many percentage points does a share of 99 % of 450 answers stray?",
        answer=100 * (0.99 * 0.01 / 450) ** 0.5,
        why="About half a point: two digits of 450.",
        hint="It is 100 · √(p (1 - p) / n), with p = 0.99 and n = 450.",
        mistakes=(
            ((0.99 * 0.01 / 450) ** 0.5, "That is the share itself: in percentage points it is 100 times that."),
            (100 * 0.99 * 0.01 / 450, "That is the variance: take its root, then times 100."),
            (100 * (0.99 * 0.01) ** 0.5, "Divide by n before you take the root: more answers stray less."),
        ),
        tolerance=0.03,
    ),
    Choice(
        name="02b.untrained",
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
)
