"""The exercises of lesson 05: losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import torch
from torch import Tensor

from ..descriptions import gram, positions
from ..loss import tv_loss
from ..recipes import RECIPES, convert
from .code import Code
from .inputs import STYLE_MAPS, TWO_MAPS, VGG, tensors, uniform
from .prediction import Choice, Number
from .values import Function

__all__ = ["EXERCISES"]


SCALE = 255 * sum(VGG.std) / len(VGG.std)  # of inputs in 0 … 255 over inputs in deviations of ImageNet


def moved_beta() -> float:
    """The style weight of a known recipe for inputs in deviations of ImageNet and a content weight of 1."""
    moved = convert(RECIPES["jcjohnson"], pixels="imagenet")
    return moved.style_weight / moved.content_weight


def relative_gradient(features: Tensor, target: Tensor) -> Tensor:
    """The gradient to a map of the relative Gram term, 4 (R/M - T) F / (M ‖T‖²)."""
    f = positions(features)
    return (4 * (gram(features) - target) @ f / (f.shape[1] * target.square().sum())).view_as(features)


def untargeted(features: Tensor, target: Tensor) -> Tensor:
    """The same without T in the difference."""
    f = positions(features)
    return (4 * gram(features) @ f / (f.shape[1] * target.square().sum())).view_as(features)


def off_by(factor: Callable[[Tensor, Tensor], Tensor | float]) -> Function:
    """The same, wrong by a factor of the map and the target."""
    return lambda features, target: factor(features, target) * relative_gradient(features, target)


def norms(gradients: list[Tensor]) -> Tensor:
    return torch.stack([g.norm() for g in gradients])


def wrapped_tv(x: Tensor, power: int) -> Tensor:
    return torch.stack([(x - x.roll(1, axis)).abs().pow(power).sum() for axis in (2, 3)]).sum()


def cut_tv(x: Tensor, power: int) -> Tensor:
    return torch.stack([d.abs().pow(power).sum() for d in (x.diff(dim=3)[..., :-1, :], x.diff(dim=2)[..., :-1])]).sum()


def raised_differences(x: Tensor, power: int, after: int) -> Tensor:
    """Signed differences to a power, their sums to another one."""
    return torch.stack([x.diff(dim=axis).pow(power).sum() ** after for axis in (2, 3)]).sum()


def absolute_sums(x: Tensor) -> Tensor:
    return torch.stack([x.diff(dim=axis).sum().abs() for axis in (2, 3)]).sum()


PICTURES = (*((p,) for p in uniform(50, (1, 3, 5, 5), (1, 3, 4, 7), (1, 3, 6, 2))), (torch.full((1, 3, 3, 4), 0.5),))
TV_MISTAKES = (
    (
        lambda x, power: tv_loss(x[..., 1:], "l2" if power == 2 else "l1"),
        "The first column is lost: slice one side only.",
    ),
    (lambda x, power: (x[..., 1:] - x[..., :-1]).abs().pow(power).sum(), "Only sideways: add the differences of rows."),
    (
        lambda x, power: (x[..., 1:, :] - x[..., :-1, :]).abs().pow(power).sum(),
        "Only up and down: add the differences of columns.",
    ),
    (cut_tv, "The last row and column lose differences: the two arrays of differences need not be of one size."),
    (
        lambda x, power: sum(x.diff(dim=axis).abs().pow(power).sum() for axis in (1, 2)),
        "Those are differences of colours and of rows: the sides are dimensions 2 and 3.",
    ),
    (
        lambda x, power: sum(x.diff(dim=axis).abs().pow(power).sum() for axis in (1, 3)),
        "Those are differences of colours and of columns: the sides are dimensions 2 and 3.",
    ),
    (
        lambda x, power: tv_loss(x, "isotropic"),
        "That is the isotropic kind, with a root at each pixel: add up the two directions' differences instead.",
    ),
    (wrapped_tv, "Yours goes around the edge: roll makes the last pixel a neighbour of the first."),
    (
        lambda x, power: tv_loss(x, "l2" if power == 2 else "l1", "mean"),
        "Those are means: add up all differences.",
    ),
    (
        lambda x, power: tv_loss(x, "l2" if power == 2 else "l1") + (x[:, 1:] - x[:, :-1]).abs().pow(power).sum(),
        "Colour channels are no neighbours: only rows and columns count.",
    ),
)

GRAM_TARGETS = tuple((f, gram(style)) for f, style in STYLE_MAPS[:-1])

EXERCISES = (
    Code(
        name="05.content_gradient",
        question="The gradient to the map of the content loss, the mean of (F - P)² over a map (1, N, H, W), by hand.",
        takes="features target",
        solution=lambda features, target: 2 * (features - target) / features.numel(),
        cases=TWO_MAPS,
        by_hand=True,
        mistakes=(
            (lambda f, p: (f - p) / f.numel(), "Half of it: the square brings a 2."),
            (lambda f, p: 2 * (f - p), "The mean's 1/(N·H·W) is missing: divide by the numbers in the map."),
            (lambda f, p: f - p, "That is for half a sum, the paper's: the mean brings 2/(N·H·W)."),
            (lambda f, p: 2 * (p - f) / f.numel(), "The sign: F - P, which points uphill."),
            (lambda f, p: 2 * (f - p).abs() / f.numel(), "The sign of each difference is lost: leave abs out."),
            (
                lambda f, p: 2 * (f - p) / f.numel() * (f > 0),
                "No mask here: ReLU's zeros are masked one layer further down, in ReLU's own backward step.",
            ),
        ),
    ),
    *(
        Code(
            name=f"05.tv_l{power}",
            question=f"Total variation of an image (1, 3, H, W): the sum of {formula} of neighbours, both ways, as a "
            "tensor with a gradient.",
            takes="image",
            solution=partial(tv_loss, kind=f"l{power}"),
            cases=PICTURES,
            painting=((1, 3, 256, 256),),
            mistakes=(
                (partial(tv_loss, kind=f"l{3 - power}"), other),
                (partial(raised_differences, power=1, after=1), "Differences cancel, some are negative: " + first),
                (partial(raised_differences, power=1, after=2), "You add up first, and differences cancel: " + first),
                (absolute_sums, "You take abs of the sums, in which differences have cancelled: " + first),
                *((partial(wrong, power=power), tell) for wrong, tell in TV_MISTAKES),
            ),
        )
        for power, formula, other, first in (
            (1, "absolute differences", "You square the differences: take absolute values.", "take abs of each first."),
            (
                2,
                "squared differences",
                "You take absolute values: square the differences.",
                "square each first.",
            ),
        )
    ),
    Code(
        name="05.convert",
        question="A layer of N channels has a style weight made for 4E/N²: which weight keeps its term with E?",
        takes="weight channels",
        solution=lambda weight, channels: weight * 4 / channels**2,
        cases=((1.0, 64), (1e6, 128), (250.0, 256), (3.0, 512)),
        tolerance=1e-9,
        mistakes=(
            (lambda w, n: w * n**2 / 4, "Upside down: 4E/N² is the smaller loss, so its weight shrinks for E."),
            (lambda w, n: w / n**2, "The 4 is missing: the loss is 4E/N²."),
            (lambda w, n: 4 * w, "The N² is missing: the loss is 4E/N²."),
            (lambda w, n: 4 * w / n, "Once N is missing: the loss is 4E/N²."),
            (lambda w, n: w / 4 / n**2, "The 4 is upside down: the loss is 4E/N², so the weight for E gains 4."),
            (lambda w, n: w, "A weight means nothing without its convention: E and 4E/N² differ by 4/N²."),
        ),
    ),
    Code(
        name="05.gradient_shares",
        question="The share (T,) of each of T terms in moving the pixels: its gradient's length over all lengths.",
        takes="gradients",
        solution=lambda gradients: norms(gradients) / norms(gradients).sum(),
        cases=(
            (list(tensors(51, (1, 3, 4, 4), (1, 3, 4, 4))),),
            ([k * g for k, g in zip((5, 0.1, 1), tensors(52, (1, 3, 2, 5), (1, 3, 2, 5), (1, 3, 2, 5)), strict=True)],),
        ),
        mistakes=(
            (norms, "Those are lengths: divide by their sum, so that shares add up to 1."),
            (
                lambda gs: norms(gs) / torch.stack(gs).sum(0).norm(),
                "You divide by the length of the sum: divide by the sum of the lengths.",
            ),
            (lambda gs: norms(gs) ** 2 / (norms(gs) ** 2).sum(), "Those are squared lengths: take the root."),
            (lambda gs: norms(gs) / norms(gs).max(), "You divide by the largest: divide by the sum."),
            (
                lambda gs: torch.stack([g.abs().sum() for g in gs]) / sum(g.abs().sum() for g in gs),
                "You add up absolute values: a length is the root of the sum of squares.",
            ),
            (
                lambda gs: torch.stack([g.sum() for g in gs]) / sum(g.sum() for g in gs),
                "You add up signed numbers, which cancel: take each gradient's length.",
            ),
        ),
    ),
    Number(
        name="05.mean_or_sum",
        question="By which factor is a content loss at relu4_2 of VGG-19, at 512×512, larger as a sum than as a mean?",
        answer=prod(VGG.map_size("relu4_2", (512, 512))),
        why="As many as there are numbers in the map, 512·64·64: that is how 1e6 and 1 can mean the same.",
        hint="A sum is as many times the mean as the map has numbers.",
        mistakes=(
            (64 * 64, "Those are the positions: 512 channels have as many each."),
            (512, "Those are the channels: each has 64·64 positions."),
            (512 * 512, "Those are the picture's pixels: the map is 512 channels of 64×64."),
            (512 * 512 * 512, "The map is 8 times smaller to each side: 64×64."),
        ),
    ),
    Number(
        name="05.pixels",
        question="A network's input, and so every feature, grows 10-fold: by which factor does the Gram loss grow?",
        answer=10_000,
        why="The Gram matrix squares the features, the loss squares the difference: 10⁴.",
        hint="How does F Fᵀ grow, and then its square?",
        mistakes=(
            (10, "The features grow by 10: the Gram matrix multiplies two of them."),
            (100, "That is the Gram matrix: the loss squares its difference."),
            (1000, "Two squares, one after the other: 10⁴."),
        ),
    ),
    Choice(
        name="05.both_weights",
        question="Content and style weight are both made ten times as large. What does Adam's picture look like?",
        answer="c",
        options={
            "a": ("More of the style.", "Both grew alike: their balance is what it was."),
            "b": ("It blows up: the gradient is ten times as large.", "Adam divides the gradient by its own size."),
            "c": ("The same.", "Right. The minimum depends on the ratio alone, and Adam's step on no scale."),
            "d": ("Ten times as near to both.", "Both pull ten times as hard, against each other: the balance stays."),
        },
    ),
    Number(
        name="05.author",
        question="A recipe prints α = 5 and β = 100 for 255·(pixels - mean). Which β goes with α = 1 and inputs "
        "normalised by ImageNet's mean and deviation, which are s = 57.63 times smaller? (To one per cent.)",
        answer=moved_beta(),
        why="100/5 for α = 1; the content term loses s², the Gram term s⁴, so β must make up for s²: 20 · 57.63².",
        hint="First make α 1. Then: by which powers of s do the two terms shrink, and what keeps their ratio?",
        mistakes=(
            (20, "That is only β/α: the Gram term shrinks by s⁴ and the content term by s²."),
            (20 / SCALE**2, "The wrong way: smaller inputs give a much smaller Gram term, so β must grow."),
            (20 * SCALE**4, "The content term shrinks too, by s²: only the ratio of the two counts."),
            (20 * SCALE, "Content terms grow with s², Gram terms with s⁴: their ratio with s², not s."),
            (100 * SCALE**2, "α is 5 there: divide both weights by 5 first."),
        ),
        tolerance=0.01,
    ),
    Number(
        name="05.ramp",
        question="An edge of height 1 in a row of pixels is spread over 10 equal steps. By which factors do its "
        "l1 and its l2 total variation change? (l1, l2)",
        answer=(1.0, 0.1),
        why="l1 adds up the same height whatever the path; l2 goes from 1² to 10 · 0.1², so it prefers the ramp.",
        hint="Before: one difference of 1. After: ten differences of 0.1. Add up |d|, then d².",
        mistakes=(
            ((0.1, 1.0), "Exchanged: l1 comes first."),
            ((1.0, 0.01), "One square is 0.01, but there are ten of them."),
            ((0.1, 0.01), "Those are for one step: there are ten of them to add up."),
            ((10.0, 1.0), "Each of the ten differences is only 0.1: add up ten of those."),
            ((1.0, 1.0), "For l1 yes. For l2, 0.1² is 0.01, and there are ten of them."),
        ),
    ),
    Number(
        name="05.exchange",
        question="A run with α = 0.02 and β = 1 has arrived. A little more β lowers the style distance by 0.001: "
        "by how much does the content distance rise?",
        answer=0.05,
        why="At the minimum α dC + β dS = 0, so dC = 0.001 · β/α: the weights are an exchange rate.",
        hint="At the minimum the total does not change to first order: α dC + β dS = 0.",
        mistakes=(
            (0.00002, "Upside down: α dC = -β dS, so dC = -β/α · dS."),
            (0.001, "That would be so with equal weights: one unit of content costs α, one of style β."),
            (-0.05, "The sign: what style gains, content pays, so its distance rises."),
            (50, "That is β/α: it is paid for a style distance of 1, not of 0.001."),
        ),
    ),
    Choice(
        name="05.balance",
        question="A run has arrived at a minimum, away from the bounds of the pixels. What about the gradients of "
        "α content and of β style there?",
        answer="b",
        options={
            "a": ("Both are 0.", "Only their sum is: neither wish is fulfilled, and each still pulls."),
            "b": (
                "They are equally long and opposite.",
                "Right. Their sum is 0: the two wishes pull each other to a halt.",
            ),
            "c": (
                "Style's is longer, for its weight is.",
                "A longer one would still move the picture: the sum must be 0.",
            ),
            "d": ("They are at right angles.", "Then the sum would not be 0, and the picture would still move."),
        },
    ),
    Code(
        name="05.style_gradient",
        question="The gradient to a map (1, N, H, W) of ‖R/M - T‖² / ‖T‖², R = F Fᵀ, T a target Gram matrix (N, N).",
        takes="features target",
        solution=relative_gradient,
        cases=GRAM_TARGETS,
        by_hand=True,
        mistakes=(
            (off_by(lambda f, t: t.square().sum() / (4 * f.shape[1] ** 2)), "That is E's: put ‖T‖² where 4N² was."),
            (off_by(lambda f, t: t.square().sum()), "‖T‖² is missing under it: divide by the target's sum of squares."),
            (off_by(lambda f, t: t.norm()), "You divide by ‖T‖: take its square, the plain sum of squares."),
            (off_by(lambda f, t: 0.25), "The 4 is missing: 2 from the square, and 2 from both places of F in F Fᵀ."),
            (off_by(lambda f, t: 0.5), "Half of it: F stands in F Fᵀ twice."),
            (
                off_by(lambda f, t: f.shape[2] * f.shape[3]),
                "A factor 1/M is missing: R/M has it, and its derivative brings it once more.",
            ),
            (
                lambda f, t: relative_gradient(f, t / f[0, 0].numel()) / f[0, 0].numel(),
                "R is compared with T: divide it by the positions, as T is; its derivative brings 1/M once more.",
            ),
            (
                lambda f, t: relative_gradient(f, t / f[0, 0].numel()),
                "R is compared with T: divide it by the positions, as T is; its derivative brings 1/M once more.",
            ),
            (off_by(lambda f, t: -1), "The sign: R/M - T, not T - R/M."),
            (untargeted, "T is missing above: it pulls towards R/M = T, not towards 0."),
            (
                lambda f, t: relative_gradient(f, t) * (f > 0),
                "No mask here: ReLU's zeros are masked one layer further down, in ReLU's own backward step.",
            ),
            (
                lambda f, t: relative_gradient(f, t) * t.square().sum() / gram(f).square().sum().clamp_min(1e-12),
                "You divide by the size of the picture's own Gram matrix: the target's is meant, which stays.",
            ),
        ),
    ),
    Choice(
        name="05.wishes",
        question="Which of the five pictures has the smallest style distance from the artwork?",
        answer="c",
        options={
            "a": (
                "The photograph.",
                "It has never seen the artwork: more than half of the grey card's distance is left.",
            ),
            "b": (
                "The artwork, squeezed into the photograph's shape.",
                "Near, but squeezed strokes are other strokes, and the term measures nothing but them.",
            ),
            "c": ("The painted photograph.", "Right. It was made to have it: nearer than the squeezed artwork itself."),
            "d": ("The grey card.", "Of all five it is farthest off: one flat colour makes hardly any features."),
        },
    ),
    Choice(
        name="05.pulls",
        question="The shallowest style layer sees 3 × 3 pixels, the deepest more than a hundred. How do they pull?",
        answer="b",
        options={
            "a": (
                "Both as fine grain, single pixels.",
                "That is how total variation pulls, which knows neighbours only.",
            ),
            "b": (
                "The shallow one everywhere alike, the deep one in patches.",
                "Right. A shallow layer asks for colours wherever it looks, a deep one for strokes where none are yet.",
            ),
            "c": (
                "The shallow one in patches, the deep one everywhere alike.",
                "The other way round: who sees patches?",
            ),
            "d": (
                "Both along the photograph's outlines only.",
                "Only total variation follows them so closely: style forgets place.",
            ),
        },
    ),
    Number(
        name="05.deep",
        question="VGG-19 has 64 channels at relu1_1, 512 at relu4_1. How many times as much as E does 4E/N² turn "
        "relu4_1 down, beside relu1_1?",
        answer=64,
        why="(512 / 64)²: eight times the channels, squared.",
        hint="E becomes 4E/N². What is N² for the one, and what for the other?",
        mistakes=(
            (8, "That is N's ratio: N stands there squared."),
            (1 / 64, "That is its new weight: how many times is it turned down?"),
            (512**2, "That is N² of relu4_1 alone: relu1_1 is divided too, by 64²."),
            (4096, "The N² of the two are 512² and 64²: divide one by the other."),
        ),
    ),
    Choice(
        name="05.level",
        question="By relative terms, the losses of five layers lie within a factor of five. Do they pull alike?",
        answer="c",
        options={
            "a": ("Yes, about a fifth each.", "That would be so if a loss's size told how steep it is."),
            "b": ("No, the two shallow ones pull most.", "Their shares of the pull are among the small ones."),
            "c": (
                "No, the deepest pulls about as much as all others.",
                "Right. Level in the loss is not level in the pull: a loss does not tell how steep it is.",
            ),
        },
    ),
    Choice(
        name="05.printed",
        question="Printed β/α: d2l 10,000, anishathalye 100, jcjohnson 20, gordicaleksa 0.3. Who keeps least content?",
        answer="d",
        options={
            "a": ("d2l.", "Its 10,000 stands before 4E/N² of inputs some 58 times smaller: it asks for the least."),
            "b": ("anishathalye.", "It takes the mean over five layers, so its 500 is jcjohnson's 100."),
            "c": ("jcjohnson.", "Its 20 is anishathalye's 100, told in another form."),
            "d": (
                "gordicaleksa.",
                "Right. 0.3 stands before 4E, of inputs up to 255: no number is too small for that.",
            ),
        },
    ),
    Choice(
        name="05.first_lost",
        question="β goes up 100-fold, step by step. What does the picture lose first?",
        answer="a",
        options={
            "a": ("Its own colours.", "Right. Colours cost the deep content layer next to nothing."),
            "b": ("Its outlines.", "They stay longest: the content layer sees little else."),
            "c": ("Small things, such as windows.", "They follow: one thing goes even sooner."),
        },
    ),
    Number(
        name="05.first_share",
        question="α = 0.02, β = 1, start from the photograph: the content's share of the pull in the first step, in %?",
        answer=0,
        why="There F = P, and the gradient 2(F - P) is 0.",
        hint="What is F - P in the photograph itself?",
        mistakes=(
            (2, "That is its share of the weights: how far is the photograph from itself?"),
            (50, "The two cancel at the end of a run: this is its first step."),
            (0.02, "That is α: how far is the photograph from itself?"),
        ),
    ),
    Choice(
        name="05.gamma",
        question="From noise, with γ = 0, 1 and 100: which picture is nearest to the artwork in total variation?",
        answer="b",
        options={
            "a": ("γ = 0.", "Nothing asks the noise to go there, and it stays."),
            "b": ("γ = 1.", "Right. Content and style pay next to nothing for it."),
            "c": ("γ = 100.", "Far too smooth: even the strokes go."),
        },
    ),
)
