"""The exercises of lesson 03: feature maps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..loss import content_loss
from .code import Code
from .inputs import AT_WORK, TWO_MAPS, VGG, arrays, maps, tensors, uniform
from .prediction import Choice, Number

__all__ = ["EXERCISES"]

RELU4_2 = VGG.layers["relu4_2"]
MEAN, STD = torch.tensor(VGG.mean), torch.tensor(VGG.std)


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


def climb(image: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """An image (1, 3, H, W), moved up a gradient: pixels change by `rate`, root mean square, and stay in [0, 1]."""
    return (image + rate * gradient / gradient.square().mean().sqrt()).clamp(0, 1)


def moved(image: Tensor, gradient: Tensor, by: Tensor | float) -> Tensor:
    return (image + by * gradient).clamp(0, 1)


SLOPES = tuple(
    (picture, slope, rate)
    for picture, slope, rate in zip(
        uniform(3, (1, 3, 4, 4), (1, 3, 4, 6), (1, 3, 2, 5)),
        (1e-4 * g for g in tensors(3, (1, 3, 4, 4), (1, 3, 4, 6), (1, 3, 2, 5))),
        (0.3, 0.2, 0.4),  # so that pixels leave [0, 1] on both sides
        strict=True,
    )
)
CHANNELS = tuple((m, c) for m, c in zip(maps(13, (1, 4, 5, 6), (1, 3, 4, 4), (1, 5, 7, 3)), (2, 0, 1), strict=True))


EXERCISES = (
    Code(
        name="03.normalize",
        question="Bring an image (1, 3, H, W) in [0, 1] to what the network was trained on; mean (3,) and std (3,).",
        takes="image mean std",
        solution=normalized,
        cases=tuple((picture, MEAN, STD) for picture in uniform(9, (1, 3, 4, 4), (1, 3, 4, 3), (1, 3, 2, 5))),
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
            (
                lambda f, p: (f - p).mean(),
                "You average differences, which cancel each other: take squares first.",
            ),
            (
                lambda f, p: (f - p).square().sum() / p.square().sum(),
                "That is relative to the target, as in section 1: here take the plain mean of squares.",
            ),
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
            (
                lambda f: f.mean((1, 2)).argmax().item(),
                "You average over channels and rows: the positions are dimensions 2 and 3.",
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
                lambda r, t: np.abs((r * np.exp(2j * t)).sum()) ** 2 / r.sum(),
                "The length of the sum is the root of its two squares: take it before you divide.",
            ),
            (
                lambda r, t: 1 - selectivity(r, t),
                "That is the circular variance, 0 for a channel of one angle alone: here 1 minus it.",
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
    Code(
        name="03.climb",
        question="A picture (1, 3, H, W), a step uphill: pixels change by rate, root mean square, and stay in [0, 1].",
        takes="image gradient rate",
        solution=climb,
        cases=SLOPES,
        mistakes=(
            (lambda x, g, r: climb(x, -g, r), "That goes downhill: the gradient points uphill, so add."),
            (moved, "The gradient's size is still in: divide by its root mean square."),
            (
                lambda x, g, r: x + r * g / g.square().mean().sqrt(),
                "Some pixels leave the range from 0 to 1: clamp the new picture.",
            ),
            (
                lambda x, g, r: x + (r * g / g.square().mean().sqrt()).clamp(0, 1),
                "You clamp the step, so that no pixel can get darker: add it first, and clamp the new picture.",
            ),
            (
                lambda x, g, r: moved(x, g, r / (g.square().mean() + 1e-8).sqrt()),
                "These gradients are small, and your ε outweighs their squares: leave it out, or take 1e-20.",
            ),
            *(
                (
                    lambda x, g, r, eps=eps: moved(x, g, r / (g.square().mean().sqrt() + eps)),
                    "These gradients are small, and your ε is felt beside their root mean square: leave it out.",
                )
                for eps in (1e-5, 1e-6)
            ),
            (
                lambda x, g, r: moved(x, g, r / g.norm()),
                "You divide by the length of the gradient, the root of the sum of squares: take the mean of squares.",
            ),
            (lambda x, g, r: moved(x, g, r / g.square().mean()), "You divide by the mean square: take its root."),
            (
                lambda x, g, r: moved(x, g, r / g.abs().mean()),
                "You divide by the mean size: take the root of the mean square.",
            ),
            (
                lambda x, g, r: moved(x, g, r / g.abs().max()),
                "You divide by the largest entry: take the root mean square.",
            ),
            *(
                (
                    lambda x, g, r, correction=correction: moved(x, g, r / g.std(correction=correction)),
                    "That is the deviation: do not take the mean off.",
                )
                for correction in (1, 0)
            ),
            (
                lambda x, g, r: moved(x, g.sign(), r),
                "Every pixel moves alike with you: keep the gradient's proportions.",
            ),
        ),
    ),
    Code(
        name="03.bug",
        question="How much a channel of a map (1, N, H, W) answers, on average over positions.",
        takes="features channel",
        solution=lambda features, channel: features[0, channel].mean(),
        cases=CHANNELS,
        gradient=True,
        mistakes=(
            (
                lambda f, c: f[:, :, c].mean(),
                "That is row number c of every channel's map, the band in the picture: the channel is the second axis.",
            ),
            (lambda f, c: f[..., c].mean(), "That is a column of every channel's map: the channel is the second axis."),
            (lambda f, c: f.mean(), "All channels count alike here: pick one, on the second axis."),
            (lambda f, c: f[0, c].sum(), "A sum grows with the picture: take the mean over positions."),
            (lambda f, c: f[0, c].max(), "That is the strongest position alone: take the mean over positions."),
            (lambda f, c: -f[0, c].mean(), "The sign: the answer itself is asked for, and the loop goes uphill."),
        ),
    ),
    Choice(
        name="03.wrong_input",
        question="A program forgets to normalise, another exchanges red and blue. Which layers' maps come out wrong?",
        answer="c",
        options={
            "a": (
                "Only the first: deeper ones smooth it out.",
                "Nothing smooths it out: deep maps are made of shallow ones.",
            ),
            "b": (
                "Only the deep ones: errors add up.",
                "The first maps are wrong already: they look at the colours themselves.",
            ),
            "c": (
                "All, and exchanged colours upset the first ones most.",
                "Right. A wrong scale goes all the way down; colour counts less in the deep layers.",
            ),
            "d": ("None: the program stops with an error.", "Any numbers are a picture to a network: nothing stops."),
        },
    ),
    Choice(
        name="03.room",
        question="A picture of 224 × 224 has 150 528 numbers. Which of VGG-19's convolutions give fewer, N · M?",
        answer="c",
        options={
            "a": (
                "All behind the first pooling.",
                "A pooling quarters M, but block 2 doubles N: half as many as before, far more than the picture's.",
            ),
            "b": (
                "Those of blocks 4 and 5.",
                "Block 4 has 512 · 28 · 28 = 401 408 numbers, more than twice the picture's.",
            ),
            "c": (
                "Those of block 5 alone.",
                "Right. 512 · 14 · 14 = 100 352. All others give more numbers than the picture has.",
            ),
            "d": ("None.", "512 · 14 · 14 = 100 352: block 5 holds fewer."),
        },
    ),
    Choice(
        name="03.zeros",
        question="What share of the numbers after a ReLU is 0, in a trained network, from the first layer down?",
        answer="b",
        options={
            "a": ("About half, at every depth.", "That is what random weights give: training makes channels choosy."),
            "b": (
                "More and more: deep channels are silent at most places.",
                "Right. Few of many voices speak at each place.",
            ),
            "c": ("Fewer and fewer: deep channels know more.", "They know more, and just therefore speak less often."),
            "d": ("None: the network would waste them.", "A zero is no waste: it says that a feature is not there."),
        },
    ),
    Choice(
        name="03.tuning",
        question="A channel answers most to stripes of one angle. How does its answer fall as the angle turns away?",
        answer="b",
        options={
            "a": (
                "A needle: 10° off, and nothing is left.",
                "A filter of some pixels' width cannot tell 10° that sharply.",
            ),
            "b": ("A bell: half is left some 20 to 40° off.", "Right. And next to nothing at a right angle."),
            "c": ("A box: the same within 45°, then nothing.", "Sums of products change smoothly with the angle."),
        },
    ),
    Choice(
        name="03.cup",
        question="A cup has round rims. Where does the channel that likes flat stripes light up?",
        answer="b",
        options={
            "a": ("All along the rims.", "The sides of a rim stand upright: this channel is silent there."),
            "b": ("At the top and the bottom of the rims.", "Right. There the rim lies flat."),
            "c": ("At their left and right sides.", "There the rim stands upright: that is the rival's part."),
            "d": (
                "Nowhere: a rim is no stripe.",
                "An edge is half a stripe, and a filter of some pixels sees no more of it.",
            ),
        },
    ),
    Choice(
        name="03.dream",
        question="Noise is changed until the channel for flat stripes answers as much as it can. What does it become?",
        answer="a",
        options={
            "a": ("Flat stripes.", "Right. It is drawn what it likes, and nobody told it what that is."),
            "b": (
                "One flat line in the middle.",
                "Its mean over all positions is to grow: lines everywhere are better than one.",
            ),
            "c": (
                "Still noise, only louder.",
                "The gradient has a plan: it asks for what the filters before the channel pass on.",
            ),
            "d": ("A thing that has stripes, a zebra say.", "The second block knows no things: that takes more depth."),
        },
    ),
    Choice(
        name="03.lost_first",
        question="Layer by layer, from the first down: what gets lost first, fine detail or coarse colour?",
        answer="a",
        options={
            "a": ("Fine detail.", "Right. Each pooling gives up detail; coarse colour lasts longer."),
            "b": ("Coarse colour.", "Look at the picture from relu3_1: its colours are still right."),
            "c": ("Both together.", "Look at the column of relu3_1: pixels are off there, coarse colours hardly."),
        },
    ),
    Choice(
        name="03.random_middle",
        question="The same measurement in a network with random weights: where does shape count most against manner?",
        answer="a",
        options={
            "a": (
                "At the first layer, and then less and less.",
                "Right. What rises behind the first block is made by training.",
            ),
            "b": (
                "In the middle as well: it is the architecture's doing.",
                "With random weights the line falls from the first layer on.",
            ),
            "c": ("At the last layer.", "Depth alone does not bring it: random layers only blur more and more."),
        },
    ),
)
