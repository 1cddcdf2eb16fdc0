"""The exercises of lesson 07: style transfer, whole."""

from __future__ import annotations

import torch
from torch import Tensor

from ..loss import divide_shares
from ..style import gram, mean_std
from .inputs import TWO_MAPS, tensors, uniform
from .question import Choice, Code, Number

__all__ = ["EXERCISES"]


def unbiased_colours(image: Tensor, style: Tensor) -> Tensor:
    """The same with the deviation that divides by the number of pixels less one, as torch's own does."""
    (mean, std), (mean_s, std_s) = ((mean_of(x), x.std((2, 3), keepdim=True)) for x in (image, style))
    return (image - mean) / (std + 1e-6) * std_s + mean_s


def blend(first: Tensor, second: Tensor, shares: list[float]) -> Tensor:
    a, b = divide_shares(2, shares)
    return a * first + b * second


def colours(image: Tensor, style: Tensor) -> Tensor:
    """The image with each colour's mean and deviation of the style, by the library's statistic."""
    (mean, std), (mean_s, std_s) = (mean_std(x)[..., None, None] for x in (image, style))
    return (image - mean) / std * std_s + mean_s


def all_colours(image: Tensor, style: Tensor) -> Tensor:
    return (image - image.mean()) / (image.std(correction=0) + 1e-6) * style.std(correction=0) + style.mean()


def mean_of(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


COLOURS = (
    *(uniform(71, (1, 3, 4, 4), (1, 3, 5, 5)), uniform(72, (1, 3, 3, 6), (1, 3, 4, 2))),
    (torch.full((1, 3, 2, 3), 0.25), *uniform(73, (1, 3, 3, 2))),
)
TWO_STYLES = tuple(
    (gram(a), gram(b), shares)
    for (a, b), shares in zip(TWO_MAPS[:3], ([1.0, 3.0], [0.5, 0.5], [4.0, 1.0]), strict=True)
)
STARTS = tuple(
    (*uniform(seed, shape), *(n / 2 for n in tensors(seed, shape)), share)
    for seed, shape, share in ((74, (1, 3, 4, 4), 0.25), (75, (1, 3, 2, 5), 0.9), (76, (1, 3, 3, 2), 0.0))
)


def work(sizes: list[int], evaluations: list[int]) -> float:
    return sum(n * (s / sizes[-1]) ** 2 for s, n in zip(sizes, evaluations, strict=True))


RUNS = (  # sizes and evaluations, coarse to fine
    ([48, 96, 192], [20, 20, 60]),
    ([100, 200], [40, 10]),
    ([300], [25]),
    ([128, 256, 512], [500, 200, 100]),
    ([200, 300], [40, 10]),
)
PULLS = ((10.0, 2.0, 40.0, 1.0), (50.0, 0.5, 0.1, 4.0), (100.0, 30.0, 60.0, 0.5))

EXERCISES = (
    Code(
        name="07.balance",
        question="The style weight with which the style pulls `ratio` times as hard as the content.",
        takes="style_weight style_pull content_pull ratio",
        solution=lambda style_weight, style_pull, content_pull, ratio: style_weight * ratio * content_pull / style_pull,
        cases=PULLS,
        mistakes=(
            (lambda w, style, content, ratio: w * ratio * style / content, "Upside down: a weak pull needs more."),
            (lambda w, style, content, ratio: ratio * content / style, "That is the factor: multiply the old weight."),
            (lambda w, style, content, ratio: w * content / style, "The pulls would be equal: use the ratio."),
            (
                lambda w, style, content, ratio: w * content / style / ratio,
                "The ratio is that of the style to the content: multiply by it.",
            ),
            (
                lambda w, style, content, ratio: w * (ratio * content / style) ** 0.5,
                "No root: the gradient grows in step with the weight.",
            ),
        ),
    ),
    Code(
        name="07.work",
        question="The work of a coarse-to-fine run, in evaluations at the last size.",
        takes="sizes evaluations",
        solution=work,
        cases=RUNS,
        mistakes=(
            (
                lambda sizes, counts: sum(n * s**2 for s, n in zip(sizes, counts, strict=True)),
                "Those are pixels: divide by the last size's, so that its evaluations count as 1.",
            ),
            (lambda sizes, counts: sum(counts), "A coarse evaluation is cheaper: count its share of the pixels."),
            (
                lambda sizes, counts: sum(n * s / sizes[-1] for s, n in zip(sizes, counts, strict=True)),
                "Half the side is a quarter of the pixels: square the share.",
            ),
            (
                lambda sizes, counts: work(sizes, counts) - counts[-1],
                "The last size works too: add its evaluations.",
            ),
            (
                lambda sizes, counts: sum(n * (s / sizes[0]) ** 2 for s, n in zip(sizes, counts, strict=True)),
                "You count in evaluations at the first size: divide by the last size instead.",
            ),
            (
                lambda sizes, counts: sum(n / 4**i for i, n in enumerate(reversed(counts))),
                "You take each size for half of the next: compute its share of the pixels from the sizes given.",
            ),
        ),
    ),
    Code(
        name="07.pyramid",
        question="The sizes from coarse to fine, each half of the next (rounded down), ending with size.",
        takes="size levels",
        solution=lambda size, levels: [size // 2**i for i in range(levels - 1, -1, -1)],
        cases=((512, 3), (300, 4), (75, 2), (256, 1)),
        mistakes=(
            (lambda size, levels: [size // 2**i for i in range(levels)], "From fine to coarse: the coarse come first."),
            (
                lambda size, levels: [size // 2**i for i in range(levels, 0, -1)],
                "The full size is missing: the last level is the size itself.",
            ),
            (
                lambda size, levels: [size // 2**i for i in range(levels, -1, -1)],
                "One too many: the full size is one of the levels.",
            ),
            (
                lambda size, levels: [-(-size // 2**i) for i in range(levels - 1, -1, -1)],
                "You round up: round down, with //.",
            ),
            (lambda size, levels: [size / 2**i for i in range(levels - 1, -1, -1)], "Sizes are whole: divide with //."),
            (
                lambda size, levels: [size * (i + 1) // levels for i in range(levels)],
                "Even steps: each size is half of the next instead.",
            ),
        ),
    ),
    Code(
        name="07.blend",
        question="The Gram matrix (N, N) to aim at for two styles with shares, which need not add up to 1.",
        takes="first second shares",
        solution=blend,
        cases=TWO_STYLES,
        mistakes=(
            (lambda a, b, s: s[0] * a + s[1] * b, "The shares need not add up to 1: divide them by their sum."),
            (lambda a, b, s: blend(b, a, s), "The shares are exchanged: the first belongs to the first style."),
            (lambda a, b, s: (a + b) / 2, "Half and half: weigh each by its share."),
            (lambda a, b, s: (s[0] * a + s[1] * b) / 2, "You divide by the number of shares: divide by their sum."),
            (
                lambda a, b, s: s[0] * a + (1 - s[0]) * b,
                "1 - share holds for shares that add up to 1: divide both by their sum.",
            ),
        ),
    ),
    Code(
        name="07.colours",
        question="The image (1, 3, H, W) shifted and scaled, colour by colour, to the style's mean and deviation.",
        takes="image style",
        solution=colours,
        also=(unbiased_colours,),
        cases=COLOURS,
        tolerance=1e-3,
        mistakes=(
            (lambda x, s: x - mean_of(x) + mean_of(s), "Only the mean is moved: scale by the deviations too."),
            (all_colours, "All three colours together: each has a mean and a deviation of its own."),
            (lambda x, s: colours(s, x), "Exchanged: that gives the style the image's colours."),
            (lambda x, s: colours(x, s) - mean_of(s) + mean_of(x), "The style's mean is missing: you add the image's."),
            (lambda x, s: colours(x, s) - mean_of(s), "The style's mean is missing: add it at the end."),
            (
                lambda x, s: (x - mean_of(x)) / (mean_std(s)[1] / mean_std(x)[1])[..., None, None] + mean_of(s),
                "The deviations are exchanged: divide by the image's, multiply by the style's.",
            ),
            (
                lambda x, s: (
                    (x - mean_of(x)) / (mean_std(x)[1] ** 2)[..., None, None] * (mean_std(s)[1] ** 2)[..., None, None]
                    + mean_of(s)
                ),
                "You scale by variances: take deviations, their roots.",
            ),
            (
                lambda x, s: colours(x, s).clamp(0, 1),
                "A clamp moves mean and deviation again: leave it to the program that saves the picture.",
            ),
            (
                lambda x, s: (x - mean_of(x)) / mean_std(x)[1][..., None, None] + mean_of(s),
                "The style's deviation is missing: multiply by it before you add the mean.",
            ),
        ),
    ),
    Code(
        name="07.start",
        question="A start between content and noise (1, 3, H, W): a share of noise, the rest content, within [0, 1].",
        takes="content noise share",
        solution=lambda content, noise, share: torch.lerp(content, noise, share).clamp(0, 1),
        cases=STARTS,
        mistakes=(
            (lambda c, n, share: torch.lerp(c, n, share), "Noise leaves [0, 1]: clamp the start."),
            (lambda c, n, share: torch.lerp(n, c, share).clamp(0, 1), "Exchanged: share is that of the noise."),
            (
                lambda c, n, share: (c + share * n).clamp(0, 1),
                "The content keeps its full strength: take 1 - share of it.",
            ),
            (
                lambda c, n, share: torch.lerp(c, n.clamp(0, 1), share),
                "Clamp the sum, not the noise: half of it is cut off.",
            ),
        ),
    ),
    Number(
        name="07.coarse_work",
        question="What share of the work at full size does one evaluation at half the side take, about?",
        answer=0.25,
        why="A quarter of the pixels: that is why coarse to fine pays.",
        hint="Work grows with the number of pixels.",
        mistakes=(
            (0.5, "That is the share of the side: half of it makes a quarter of the pixels."),
            (0.125, "A picture has two sides, not three."),
            (4, "Upside down: the coarse one is cheaper."),
        ),
    ),
    Choice(
        name="07.start_choice",
        question="A recipe starts once from the content and once from noise. After very few steps, how do they differ?",
        answer="b",
        options={
            "a": (
                "Not at all: the minimum is the same.",
                "After few steps neither is near a minimum, and there are many.",
            ),
            "b": (
                "From the content, shapes are there; from noise, grain is left.",
                "Right. A start is remembered for long, so the content start needs fewer steps.",
            ),
            "c": ("From noise, the style is stronger and cleaner.", "The style has to fight the grain first."),
            "d": ("From the content, no style can enter.", "It enters: the style's gradient is largest at the start."),
        },
    ),
    Choice(
        name="07.resume",
        question="Adam was stopped and goes on from the saved PNG. Why is the run not the same as without a stop?",
        answer="a",
        options={
            "a": (
                "m, v, t and the pixels' last bits are lost.",
                "Right. A checkpoint keeps all of them; a picture does not.",
            ),
            "b": ("The seed is different.", "After the start nothing is drawn at random."),
            "c": ("The network has changed.", "Its weights are frozen: only pixels move."),
            "d": ("It is the same.", "Adam remembers m, v and t, and a PNG rounds to 8 bits."),
        },
    ),
)
