"""The exercises of lesson 04: Gram matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..style import STATISTICS, covariance, gram, mean_std, positions
from .inputs import AT_WORK, MAPS, STYLE_MAPS
from .question import Choice, Code, Number

__all__ = ["EXERCISES"]


def raw(f: Tensor) -> Tensor:
    """R = F Fᵀ, and M positions do not divide it."""
    return positions(f) @ positions(f).T


def area(f: Tensor) -> int:
    return f.shape[2] * f.shape[3]


def style_loss(name: str) -> Callable:
    """Two maps → the loss by one of the library's Gram statistics."""
    statistic = STATISTICS[name]
    return lambda features, target: statistic.distance(statistic.describe(features), statistic.describe(target))


def square(f: Tensor, target: Tensor) -> Tensor:
    """Σ (ΔR/M)², which the three normalisations divide."""
    return (gram(f) - gram(target)).square().sum()


def style_gradient(features: Tensor, target: Tensor) -> Tensor:
    """The gradient of E to the map, by autograd."""
    f = features.detach().clone().requires_grad_()
    with torch.enable_grad():
        loss = STATISTICS["gram-e"].distance(gram(f), target)
    return torch.autograd.grad(loss, f)[0]


def scaled_gradient(scale: Callable) -> Callable:
    return lambda f, target: style_gradient(f, target) * scale(f)


NO_M = "The 1/M is missing: divide each Gram matrix by its number of positions, H·W."
PAPERS_M = "M² times too small: the paper's 1/M² is for R, and R/M is divided by M already."
ABSOLUTE = "You take absolute values of the difference: take squares."
ROOT = "That is the root of it: leave the root out, the loss is quadratic."
OWN_M = "Each Gram matrix is divided by its own number of positions: the style picture may have another size."


def unequal(divide: float) -> Callable:
    """Both Gram matrices over the first map's positions."""
    return lambda f, t: (raw(f) - raw(t)).square().mean() / area(f) ** 2 / divide


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
            (
                lambda f: raw(f.reshape(1, *f.shape[2:], -1).permute(0, 3, 1, 2)) / area(f),
                "Reshaping mixes channels and positions: flatten (N, H, W) to (N, H·W) as it lies.",
            ),
        ),
    ),
    *(
        Code(
            name=f"04.{name}",
            question=f"{formula} of two maps (1, N, H, W), which may differ in size; R = F Fᵀ.",
            takes="features target",
            solution=style_loss(statistic),
            cases=STYLE_MAPS,
            painting=AT_WORK * 2,
            mistakes=mistakes,
        )
        for name, statistic, formula, mistakes in (
            (
                "e",
                "gram-e",
                "E = Σ (ΔR/M)² / (4 N²), the papers' loss,",
                (
                    (style_loss("gram-4e"), "4 times too large: the papers' ¼ is missing."),
                    (lambda f, t: square(f, t) / 4, "N² times too large: divide by the numbers in the matrix."),
                    (lambda f, t: square(f, t) / 4 / f.shape[1], "N times too large: divide by N², not by N."),
                    (lambda f, t: square(f, t) / 4 / f.shape[1] ** 4, "N² times too small: did you divide twice?"),
                    (lambda f, t: (raw(f) - raw(t)).square().mean() / 4, NO_M),
                    (unequal(4), OWN_M),
                    (lambda f, t: style_loss("gram-e")(f, t) / area(f) ** 2, PAPERS_M),
                    (lambda f, t: style_loss("gram-e")(f, t).sqrt(), ROOT),
                    (lambda f, t: (gram(f) - gram(t)).abs().mean() / 4, ABSOLUTE),
                ),
            ),
            (
                "4e",
                "gram-4e",
                "4E = Σ (ΔR/M)² / N², a mean square,",
                (
                    (style_loss("gram-e"), "4 times too small: without the papers' ¼ here."),
                    (square, "N² times too large: take the mean over the matrix, not the sum."),
                    (style_loss("gram-4e/n2"), "N² times too small: that is 4E/N²."),
                    (lambda f, t: (raw(f) - raw(t)).square().mean(), NO_M),
                    (unequal(1), OWN_M),
                    (lambda f, t: style_loss("gram-4e")(f, t) / area(f) ** 2, PAPERS_M),
                    (lambda f, t: style_loss("gram-4e")(f, t).sqrt(), ROOT),
                    (lambda f, t: (gram(f) - gram(t)).abs().mean(), ABSOLUTE),
                ),
            ),
            (
                "4e_n2",
                "gram-4e/n2",
                "4E/N² = Σ (ΔR/(N M))² / N², the mean square of matrices divided by N M,",
                (
                    (style_loss("gram-4e"), "N² times too large: here each matrix is divided by N too."),
                    (style_loss("gram-e"), "That is E: here without ¼, and each matrix divided by N too."),
                    (lambda f, t: square(f, t) / f.shape[1] ** 3, "N times too large: N comes twice, and is squared."),
                    (lambda f, t: (raw(f) - raw(t)).square().mean() / f.shape[1] ** 2, NO_M),
                    (lambda f, t: unequal(1)(f, t) / f.shape[1] ** 2, OWN_M),
                    (lambda f, t: style_loss("gram-4e/n2")(f, t) / area(f) ** 2, PAPERS_M),
                    (lambda f, t: style_loss("gram-4e/n2")(f, t).sqrt(), ROOT),
                ),
            ),
        )
    ),
    Code(
        name="04.mean_std",
        question="Mean and standard deviation (2, N) of each channel of a map (1, N, H, W), over all its positions.",
        takes="features",
        solution=mean_std,
        cases=MAPS,
        gradient=True,
        painting=AT_WORK,
        slack=4e-3,  # a blank map has the deviation √ε, for ε up to torch's usual 1e-5
        mistakes=(
            (
                lambda f: torch.stack([positions(f).mean(1), positions(f).var(1, correction=0)]),
                "The square root is missing: that is the variance.",
            ),
            (
                lambda f: torch.stack([positions(f).mean(1), positions(f).std(1)]),
                "You divide by M - 1: nothing is estimated here, so correction=0.",
            ),
            (lambda f: mean_std(f).flip(0), "Exchanged: the mean comes first."),
            (
                lambda f: torch.stack([positions(f).mean(0), positions(f).std(0, correction=0)]),
                "You average over channels: average over positions, so that each channel has its own.",
            ),
            (
                lambda f: torch.stack([positions(f).mean(1), positions(f).square().mean(1).sqrt()]),
                "That is the root of the mean square: take the mean off first.",
            ),
        ),
    ),
    Code(
        name="04.covariance",
        question="The covariance (N, N) of the channels of a map (1, N, H, W), over its M positions, divided by M.",
        takes="features",
        solution=covariance,
        cases=MAPS,
        painting=AT_WORK,
        mistakes=(
            (gram, "The mean is still in: that is the Gram matrix."),
            (lambda f: covariance(f) * area(f) / (area(f) - 1), "You divide by M - 1: divide by M, as for Gram."),
            (lambda f: covariance(f) * area(f), "M times too large: divide by the positions."),
            (
                lambda f: gram(f - f.mean(1, keepdim=True)),
                "You take off the mean over channels: each channel's mean is over positions.",
            ),
            (lambda f: gram(f - f.mean()), "You take off one mean of all: each channel has its own."),
        ),
    ),
    Code(
        name="04.style_gradient",
        question="The gradient (1, N, H, W) of E = Σ (R/M - T)² / (4 N²) to a map, by hand; T (N, N) is a style's R/M.",
        takes="features target",
        solution=style_gradient,
        cases=MATRICES,
        mistakes=(
            (scaled_gradient(lambda f: 2), "Twice too large: the ¼ meets the square's 2 and the two factors F of R."),
            (
                scaled_gradient(lambda f: 0.5),
                "Half of it: F stands in F Fᵀ twice, and each of the two gives (R/M - T) F.",
            ),
            (scaled_gradient(area), "M times too large: R/M brings a 1/M."),
            (scaled_gradient(lambda f: 1 / area(f)), "M times too small: the 1/M comes once, from R/M."),
            (scaled_gradient(lambda f: f.shape[1] ** 2), "N² times too large: the 1/N² is missing."),
            (scaled_gradient(lambda f: -1), "The sign: R/M - T, not T - R/M."),
            (
                lambda f, t: style_gradient(f, t) * (f > 0),
                "No mask here: ReLU's zeros are masked one layer further down, in ReLU's own backward step.",
            ),
            (
                lambda f, t: style_gradient(f, torch.zeros_like(t)),
                "The target is missing: it pulls towards R/M = T, not towards 0.",
            ),
        ),
    ),
    Number(
        name="04.pencil",
        question="R₁₁/M, R₁₂/M and R₂₂/M of the map with the channels 0 0 2 / 0 1 0 / 2 0 0 and 3 0 0 / 0 0 2 / 0 2 1.",
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
    Number(
        name="04.cost",
        question="Multiplications in F Fᵀ for a map (1, 64, 512, 512), and for a map (1, 512, 64, 64).",
        answer=(2**30, 2**30),
        why="N² M: eight times the channels, 64 times fewer positions, the same work.",
        hint="N × N entries, each a sum of M products.",
        mistakes=(
            ((64 * 512 * 512, 512 * 64 * 64), "That is N M, the numbers in the map: each meets N partners."),
            ((64 * 64, 512 * 512), "That is N², the entries: each is a sum of M products."),
            (2**30, "That is one of the two: give both, as a tuple."),
            ((64 * 2**36, 512 * 2**24), "That is N M², the work of Fᵀ F: here F Fᵀ."),
        ),
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
    Number(
        name="04.rank",
        question="What is the largest rank that the Gram matrix of a map (1, 512, 10, 10) can have?",
        answer=100,
        why="A sum of 100 outer products, one per position, has at most rank 100.",
        hint="It is a sum of one outer product per position.",
        mistakes=(
            (512, "That is its side: only 100 positions add an outer product each."),
            (10, "That is one side: there are 10 × 10 positions."),
            (1, "One position gives rank 1: how many are there?"),
        ),
    ),
)
