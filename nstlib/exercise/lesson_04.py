"""The exercises of lesson 04: Gram matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from ..descriptions import covariance, gram, positions
from ..style import STATISTICS
from .code import Code
from .inputs import AT_WORK, MAPS, STYLE_MAPS, maps
from .prediction import Choice, Number
from .values import Function

__all__ = ["EXERCISES"]


def raw(f: Tensor) -> Tensor:
    """R = F Fᵀ, and M positions do not divide it."""
    return positions(f) @ positions(f).T


def area(f: Tensor) -> int:
    return f.shape[2] * f.shape[3]


def style_loss(name: str) -> Function:
    """Two maps → the loss by one of the library's Gram statistics."""
    statistic = STATISTICS[name]
    return lambda features, target: statistic.distance(statistic.describe(features), statistic.describe(target))


def square(f: Tensor, target: Tensor) -> Tensor:
    """Σ (ΔG)², which E divides."""
    return (gram(f) - gram(target)).square().sum()


def style_gradient(features: Tensor, target: Tensor) -> Tensor:
    """The gradient of E to the map, (G - A) F / (N² M)."""
    n, m = features.shape[1], area(features)
    return ((gram(features) - target) @ positions(features) / (n**2 * m)).view_as(features)


def scaled_gradient(scale: Function) -> Function:
    return lambda f, target: style_gradient(f, target) * scale(f)


NO_M = "The 1/M is missing: divide each Gram matrix by its number of positions, H·W."
PAPERS_M = "M² times too small: the paper's 1/M² is for R, and R/M is divided by M already."
ABSOLUTE = "You take absolute values of the difference: take squares."
ROOT = "That is the root of it: leave the root out, the loss is quadratic."
OWN_M = "Each Gram matrix is divided by its own number of positions: the style picture may have another size."


MATRICES = tuple((f, gram(t)) for f, t in STYLE_MAPS)

EXERCISES = (
    Code(
        name="04.gram",
        question="The Gram matrix F Fᵀ / M (N, N) of a map (1, N, H, W) with M = H·W positions.",
        takes="features",
        solution=gram,
        cases=MAPS,
        gradient=True,
        painting=AT_WORK,
        why="A blank map too.",
        mistakes=(
            (raw, "Your Gram matrix is M times too large: divide by the positions, H·W."),
            (
                lambda f: gram(f) / f.shape[1],
                "Your Gram matrix is N times too small: did you divide twice, by positions and by channels?",
            ),
            (
                lambda f: raw(f) / f.shape[1],
                "You divide by the channels N: divide by the positions M = H·W.",
            ),
            (lambda f: raw(f) / f.shape[3] ** 2, "You divide by W²: M is H·W, as maps need not be square."),
            (lambda f: raw(f) / f.shape[2] ** 2, "You divide by H²: M is H·W, as maps need not be square."),
            (lambda f: raw(f) / f.shape[3], "You divide by the width alone: the positions are H·W."),
            (lambda f: raw(f) / f.shape[2], "You divide by the height alone: the positions are H·W."),
            (lambda f: raw(f) / (area(f) - 1), "You divide by M - 1: nothing is estimated here, divide by M."),
            (
                lambda f: gram(f) / area(f),
                "Your Gram matrix is M times too small: did you divide by the positions twice?",
            ),
            (
                lambda f: positions(f).T @ positions(f) / area(f),
                "You compare positions, Fᵀ F (M, M): channels are the rows of F, so F Fᵀ (N, N).",
            ),
            (
                lambda f: torch.outer(positions(f).mean(1), positions(f).mean(1)),
                "You average first and multiply then: multiply position by position, and average the products.",
            ),
            (covariance, "You take the mean off first: that is the covariance."),
            (lambda f: torch.cov(positions(f)), "That is the covariance: leave the means in, and divide by M."),
            (
                lambda f: torch.corrcoef(positions(f)),
                "That is the correlation: leave the means in, and divide by M alone.",
            ),
            (
                lambda f: raw(f.reshape(1, *f.shape[2:], -1).permute(0, 3, 1, 2)) / area(f),
                "Reshaping mixes channels and positions: flatten (N, H, W) to (N, H·W) as it lies.",
            ),
        ),
    ),
    Code(
        name="04.e",
        question="E = Σ (ΔG)² / (4 N²), the papers' loss, of two maps (1, N, H, W) of any sizes; G = R / M.",
        takes="features target",
        solution=style_loss("gram-e"),
        cases=STYLE_MAPS,
        gradient=True,
        painting=AT_WORK * 2,
        mistakes=(
            (style_loss("gram-4e"), "4 times too large: the papers' ¼ is missing."),
            (lambda f, t: square(f, t) / 4, "N² times too large: divide by the numbers in the matrix."),
            (lambda f, t: square(f, t) / 4 / f.shape[1], "N times too large: divide by N², not by N."),
            (lambda f, t: square(f, t) / 4 / f.shape[1] ** 4, "N² times too small: did you divide twice?"),
            (lambda f, t: (raw(f) - raw(t)).square().mean() / 4, NO_M),
            (lambda f, t: (raw(f) - raw(t)).square().mean() / area(f) ** 2 / 4, OWN_M),
            (
                lambda f, t: (raw(f) - raw(t)).square().mean() / area(t) ** 2 / 4,
                "You divide both by the style map's positions: each R by its own, before you subtract.",
            ),
            (
                lambda f, t: (raw(f) - raw(t)).square().mean() / area(f) / area(t) / 4,
                "You divide the difference by both numbers of positions: each R by its own, before you subtract.",
            ),
            (lambda f, t: style_loss("gram-e")(f, t) / area(f) ** 2, PAPERS_M),
            (
                lambda f, t: (gram(f) / area(f) - gram(t) / area(t)).square().mean() / 4,
                "You divide each R by its positions twice: R/M is the Gram matrix already.",
            ),
            (lambda f, t: style_loss("gram-e")(f, t).sqrt(), ROOT),
            (lambda f, t: (gram(f) - gram(t)).abs().mean() / 4, ABSOLUTE),
        ),
    ),
    Code(
        name="04.style_gradient",
        question="The gradient (1, N, H, W) of E = Σ (G - A)² / (4 N²) to a map, by hand; A (N, N) is the style's G.",
        takes="features target",
        solution=style_gradient,
        cases=MATRICES,
        by_hand=True,
        large=lambda: (maps(44, *AT_WORK)[0], gram(maps(45, *AT_WORK)[0])),
        mistakes=(
            (scaled_gradient(lambda f: 2), "Twice too large: the ¼ meets the square's 2 and the two factors F of R."),
            (
                scaled_gradient(lambda f: 0.5),
                "Half of it: F stands in F Fᵀ twice, and each of the two gives (G - A) F.",
            ),
            (
                scaled_gradient(lambda f: 0.25),
                "4 times too small: the ¼ is used up by the square's 2 and by the two factors F of R.",
            ),
            (scaled_gradient(area), "M times too large: G = R/M brings a 1/M."),
            (scaled_gradient(lambda f: 1 / area(f)), "M times too small: the 1/M comes once, from G."),
            (scaled_gradient(lambda f: f.shape[1] ** 2), "N² times too large: the 1/N² is missing."),
            (scaled_gradient(lambda f: f.shape[1]), "N times too large: divide by N², not by N."),
            (scaled_gradient(lambda f: -1), "The sign: G - A, not A - G."),
            (
                lambda f, t: style_gradient(f, t + gram(f) - raw(f)),
                "R stands where G belongs: divide F Fᵀ by M before you take A off.",
            ),
            (
                lambda f, t: style_gradient(f, t + gram(f) - raw(f)) / area(f),
                "That is the paper's, of R and with M²: here divide F Fᵀ by M first, and then M stands below once.",
            ),
            (
                lambda f, t: positions(style_gradient(f, t)).T.reshape_as(f),
                "Fᵀ (G - A) is (M, N), and viewing it as the map mixes channels and positions: (G - A) F is (N, M).",
            ),
            (
                lambda f, t: style_gradient(f, t) * (f > 0),
                "No mask here: ReLU's zeros are masked one layer further down, in ReLU's own backward step.",
            ),
            (
                lambda f, t: style_gradient(f, torch.zeros_like(t)),
                "The target is missing: it pulls towards G = A, not towards 0.",
            ),
        ),
    ),
    Number(
        name="04.pencil",
        question="G₁₁, G₁₂ and G₂₂ of the map with the channels 0 0 2 / 0 1 0 / 2 0 0 and 3 0 0 / 0 0 2 / 0 2 1.",
        answer=(1, 0, 2),
        why="The two channels are never on at one position: 0 between them.",
        hint="Multiply position by position, add up, divide by the 9 positions.",
        mistakes=(
            ((9, 0, 18), "Those are R: divide by the M = 9 positions."),
            ((0.5, 0, 1), "Divided by N too: here by M alone."),
            ((4.5, 0, 9), "You divide by N = 2 channels: divide by M = 9 positions."),
            ((1, 2), "The entry between the two channels is missing: it counts, even as 0."),
        ),
    ),
    Choice(
        name="04.index",
        question="A project's page gives the Gram matrix as Gᵢ = Σⱼ Fᵢ Fⱼ, with i a channel. What is wrong?",
        answer="b",
        options={
            "a": ("Nothing.", "It adds up over channels j: what is left has one index, a vector, not a matrix."),
            "b": (
                "The sum must run over positions: Gᵢⱼ = Σₖ Fᵢₖ Fⱼₖ.",
                "Right. i and j name two channels and stay; the position k is what is summed away.",
            ),
            "c": (
                "The sum must run over channels: Gⱼₖ = Σᵢ Fᵢⱼ Fᵢₖ.",
                "That is Fᵀ F (M, M), positions against positions, which keeps place and forgets channels.",
            ),
            "d": ("The factor 1/M is missing.", "The papers leave it out too: they divide in the loss."),
        },
    ),
    Choice(
        name="04.shuffled_pixels",
        question="Now the pixels of a picture are shuffled, then its map is computed. What happens to the Gram matrix?",
        answer="c",
        options={
            "a": (
                "Nothing, as before.",
                "Shuffling the map's positions and the picture's pixels are two things: what does one position see?",
            ),
            "b": (
                "Its diagonal stays, the rest changes.",
                "The diagonal is how strongly each channel fires: do edges survive the shuffle?",
            ),
            "c": (
                "All of it changes.",
                "Right. A position sees a neighbourhood of pixels, and every neighbourhood is now another one.",
            ),
            "d": ("It becomes zero.", "Shuffled pixels are noise, and noise has features too."),
        },
    ),
    Choice(
        name="04.shuffle",
        question="The positions of a map are shuffled, all channels alike. What happens to its Gram matrix?",
        answer="a",
        options={
            "a": ("Nothing.", "Right. It is a sum over positions, and a sum knows no order: style forgets place."),
            "b": ("Its rows are shuffled.", "Rows are channels: positions are summed over."),
            "c": (
                "Its diagonal stays, the rest changes.",
                "All channels move alike, so they still meet the same partners.",
            ),
            "d": ("All of it changes.", "It is a sum over positions: in which order does not matter."),
        },
    ),
    Number(
        name="04.size",
        question="The shape of the Gram matrix of a map (1, 512, 64, 64).",
        answer=(512, 512),
        why="Channels against channels, whatever the picture's size.",
        hint="It compares channels: positions are summed over.",
        mistakes=(
            ((64, 64), "Those are positions: they are summed over."),
            ((4096, 4096), "That would compare positions: channels are compared."),
            ((512, 4096), "That is F itself: F Fᵀ sums over the 4096 positions."),
        ),
        exact=True,
    ),
    Choice(
        name="04.empty",
        question="At the top right both channels of the image are 0. Where does the gradient push them?",
        answer="a",
        options={
            "a": ("Nowhere: it is 0 for both.", "Right. Each product there is 0 times 0, and stays 0 to first order."),
            "b": (
                "Up, because the style has stripes there.",
                "The loss knows no places: that the style has stripes just there is not in its matrix.",
            ),
            "c": (
                "Up for blue, of which there is too little.",
                "Blue is missing, but 2 · 0 · dF = 0: nothing grows out of 0.",
            ),
            "d": (
                "Down for stripes, of which there are too many.",
                "There are none at this place, and 2 · 0 · dF = 0.",
            ),
        },
    ),
    Choice(
        name="04.apart",
        question="Each channel's positions are shuffled on their own. Which entries of the Gram matrix stay?",
        answer="b",
        options={
            "a": ("All, as before.", "The cards are cut apart: who stood together on one stands together no more."),
            "b": ("Those on the diagonal.", "Right. A channel still meets itself; the others it meets by chance."),
            "c": (
                "Those off the diagonal.",
                "The other way round: a channel with itself is what no shuffle of it changes.",
            ),
            "d": ("None.", "The sum of a channel's squares does not care for their order either."),
        },
    ),
    Choice(
        name="04.converse",
        question="Two pictures from noise: one matches the shuffled map, one its Gram matrix. You see …",
        answer="b",
        options={
            "a": ("… the woodcut in both.", "Neither knows where things were: the map was shuffled before."),
            "b": (
                "… grey noise in the first, the woodcut's texture in the second.",
                "Right. No picture has the shuffled map, and its Gram matrix is the woodcut's own.",
            ),
            "c": (
                "… the texture in both.",
                "A content loss holds each place to its own numbers, and these fit no picture.",
            ),
            "d": (
                "… grey noise in both.",
                "The Gram matrix of the shuffled map is that of the map: a style loss sees no shuffle.",
            ),
        },
    ),
    Choice(
        name="04.tile",
        question="A position of relu3_1 sees 24 × 24 pixels. From which tiles of the woodcut on does it hardly notice?",
        answer="c",
        options={
            "a": ("From 4 pixels on.", "Of 24 × 24 pixels nearly all lie in other tiles then."),
            "b": ("From 8 pixels on.", "A position still sees nine tiles and more, thrown together."),
            "c": (
                "From about 24 pixels on.",
                "Right. Then a position sees four tiles at most, and one of them fills over half its field on average.",
            ),
            "d": ("From 128 pixels on.", "That is far more than it sees: nothing is left to notice long before."),
        },
    ),
    Choice(
        name="04.descent",
        question="Descent on the pencil map, 2000 steps: where does its Gram matrix end, and where its empty places?",
        answer="d",
        options={
            "a": (
                "The map becomes the style's map.",
                "Many maps have that Gram matrix, and this one began with empty places.",
            ),
            "b": (
                "The matrix is reached, and all places get filled.",
                "A push of 0 stays a push of 0: empty places stay empty.",
            ),
            "c": (
                "The matrix cannot be reached with empty places.",
                "Five places are enough: three numbers are asked for.",
            ),
            "d": (
                "The matrix is reached, and the empty places stay empty.",
                "Right. The push is a matrix times what is there; where nothing is, it pushes nothing.",
            ),
        },
    ),
    Choice(
        name="04.depth",
        question="Textures from noise, with more and more layers: what does the one of relu1_1 alone look like?",
        answer="a",
        options={
            "a": (
                "Specks, in the style's colours.",
                "Right. It sees 3 × 3 pixels: colours, and how often they change.",
            ),
            "b": ("Short strokes.", "A stroke is longer than the 3 pixels that a position of relu1_1 sees."),
            "c": (
                "Pieces of the picture, thrown together.",
                "A piece is far larger than 3 × 3 pixels: that takes depth.",
            ),
            "d": ("Grey noise: it sees no colour.", "Its inputs are the three colours: it sees little else."),
        },
    ),
)
