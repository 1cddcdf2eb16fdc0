"""The exercises of lesson 04b: beyond the Gram matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from ..descriptions import covariance, gram, mean_std, positions
from .code import Code
from .inputs import AT_WORK, MAPS, tensors
from .lesson_04 import area
from .prediction import Choice, Number

__all__ = ["EXERCISES"]


def truncated(g: Tensor, k: int) -> Tensor:
    """The nearest matrix of rank k (N, N) to a symmetric one without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(g)  # from the least eigenvalue to the greatest
    return vectors[:, -k:] * values[-k:] @ vectors[:, -k:].T


def least(r: Tensor, k: int) -> Tensor:
    """The same of the k least eigenvalues, which is a mistake."""
    values, vectors = torch.linalg.eigh(r)
    return vectors[:, :k] * values[:k] @ vectors[:, :k].T


def hits(lines: Tensor, owner: Tensor, *, itself: bool = False, nearest: bool = True) -> Tensor:
    """The share of rows (n, d) whose nearest other row has the same owner (n,), and its likely mistakes."""
    distances = torch.cdist(lines, lines)
    if not itself:
        distances.fill_diagonal_(torch.inf if nearest else -torch.inf)
    chosen = distances.argmin(1) if nearest else distances.argmax(1)
    return (owner[chosen] == owner).float().mean()


# Neighbours with a space between them: no rounding decides who is nearest.
LINES = tuple(
    (lines, torch.tensor(owner))
    for lines, owner in zip(
        tensors(17, (6, 2), (9, 3), (8, 4)),
        ([0, 0, 1, 1, 2, 2], [0, 1, 2] * 3, [0, 0, 0, 1, 1, 1, 1, 0]),
        strict=True,
    )
)
# From 26 rows on torch.cdist multiplies matrices, and the distance of a row to itself is no longer just 0.
CLANS = torch.arange(32) // 4
CROWD = torch.stack(tensors(18, *[(6,)] * 8))[CLANS] + torch.stack(tensors(19, *[(6,)] * 32)) + 50
SQUARES = tuple((gram(f), k) for (f,), k in zip(MAPS[:3], (1, 2, 3), strict=True))

EXERCISES = (
    Code(
        name="04b.mean_std",
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
        name="04b.covariance",
        question="The covariance (N, N) of the channels of a map (1, N, H, W), over its M positions, divided by M.",
        takes="features",
        solution=covariance,
        cases=MAPS,
        gradient=True,
        painting=AT_WORK,
        mistakes=(
            (gram, "The mean is still in: that is the Gram matrix."),
            (lambda f: covariance(f) * area(f) / (area(f) - 1), "You divide by M - 1: divide by M, as for Gram."),
            (lambda f: covariance(f) * area(f), "M times too large: divide by the positions."),
            (
                lambda f: gram(f - f.mean(1, keepdim=True)),
                "You take off the mean over channels: each channel's mean is over positions.",
            ),
            (
                lambda f: covariance(f) * area(f) / f.shape[1],
                "You divide by the channels N: divide by the positions M = H·W.",
            ),
            (
                lambda f: torch.corrcoef(positions(f)),
                "That is the correlation: do not divide by the deviations.",
            ),
            (lambda f: gram(f - f.mean()), "You take off one mean of all: each channel has its own."),
        ),
    ),
    Number(
        name="04b.cost",
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
    Number(
        name="04b.rank",
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
    Code(
        name="04b.truncate",
        question="The nearest matrix of rank k (N, N) to a Gram matrix: its k greatest eigenvalues and their vectors.",
        takes="g k",
        solution=truncated,
        cases=SQUARES,
        mistakes=(
            (least, "You keep the k least: eigh sorts from the least up, so the greatest stand last."),
            (lambda g, k: g.clone(), "That is G itself, of its full rank: keep k of its eigenvalues."),
            (lambda g, k: truncated(g, k + 1), "One too many: keep the last k, [:, -k:]."),
            (
                lambda g, k: truncated(g, k - 1) if k > 1 else 0 * g,
                "One too few: keep the last k, [:, -k:].",
            ),
            (
                lambda g, k: truncated(g, k) @ truncated(g, k),
                "The eigenvalues are squared with you: they stand in the product once.",
            ),
            (
                lambda g, k: truncated(g, k) / torch.linalg.eigvalsh(g)[-1],
                "You divide by the greatest eigenvalue: keep the eigenvalues as they are.",
            ),
            (
                lambda g, k: torch.linalg.eigh(g)[1][:, -k:] @ torch.linalg.eigh(g)[1][:, -k:].T,
                "The eigenvalues are missing: each direction counts as much as its own.",
            ),
            (
                lambda g, k: (
                    torch.linalg.eigh(g)[1].T[:, -k:]
                    * torch.linalg.eigvalsh(g)[-k:]
                    @ torch.linalg.eigh(g)[1].T[:, -k:].T
                ),
                "The eigenvectors are the columns of what eigh returns, not its rows.",
            ),
            (
                lambda g, k: torch.where(torch.arange(len(g)) < k, g, 0),
                "You keep k columns: those are channels, not eigenvectors.",
            ),
        ),
    ),
    Code(
        name="04b.hits",
        question="The share of rows (n, d) whose nearest other row has the same owner (n,).",
        takes="lines owner",
        solution=hits,
        cases=(*LINES, (CROWD, CLANS)),
        mistakes=(
            (
                lambda lines, owner: hits(lines, owner, itself=True),
                "Each row is its own nearest neighbour, at distance 0, so all are hits: leave the diagonal out.",
            ),
            (lambda lines, owner: hits(lines, owner, nearest=False), "That is the farthest row: take the nearest."),
            (lambda lines, owner: hits(lines, owner) * len(owner), "That is how many: their share is asked for."),
            (lambda lines, owner: 100 * hits(lines, owner), "That is in per cent: give the share, from 0 to 1."),
            (lambda lines, owner: 1 - hits(lines, owner), "That is the share of misses: count the hits."),
            (
                lambda lines, owner: hits(torch.nn.functional.normalize(lines, dim=1), owner),
                "You scale the rows to length 1: compare them as they are handed in.",
            ),
        ),
    ),
    Choice(
        name="04b.eigenvalues",
        question="A layer has from dozens to hundreds of channels. How many eigenvalues hold 90 % of their sum?",
        answer="c",
        options={
            "a": ("Nearly all of them.", "So it would be if channels had nothing to do with each other."),
            "b": ("About half.", "Fewer: channels go together in a few ways only."),
            "c": ("Few, at most a third.", "Right. The first one alone holds a quarter and more."),
        },
    ),
    Choice(
        name="04b.hand",
        question="What is enough to find the other quarters of a picture, seven times in ten and more?",
        answer="c",
        options={
            "a": (
                "Its map, with everything in its place.",
                "It knows what is where, and the quarters show different things at each place.",
            ),
            "b": (
                "The Gram matrix, for it has the pairs; nothing less.",
                "It finds a few more than the others. But look how near the bars come that know nothing of pairs.",
            ),
            "c": (
                "Its map without places, with pairs or not.",
                "Right. To forget place is what helps here; pairs add a few quarters at most.",
            ),
            "d": ("Its mean colour.", "Some pictures share their colours: it is the poorest of all."),
        },
    ),
    Choice(
        name="04b.border",
        question="A small style picture, a canvas twice as large, all five layers: where do its large shapes appear?",
        answer="b",
        options={
            "a": (
                "Evenly, all over the canvas.",
                "So it is with two layers. Deep positions of a small picture all see its border.",
            ),
            "b": ("Along the edges.", "Right. What was seen beside a border is put beside a border."),
            "c": ("In the middle.", "There no position sees the border, and in the small picture every deep one did."),
        },
    ),
    Choice(
        name="04b.clouds",
        question="Which of the four clouds does the Gram matrix take for the first one?",
        answer="d",
        options={
            "a": ("The shuffled one only.", "There are more: ring and signs have the same mean products."),
            "b": ("None.", "The shuffled one is the same points in another order: a sum cannot tell."),
            "c": (
                "Apart and shuffled.",
                "In apart one channel falls where the other rises: their mean product is another.",
            ),
            "d": (
                "Ring, signs and shuffled.",
                "Right. All that it knows are mean products of pairs, and those are equal.",
            ),
        },
    ),
    Choice(
        name="04b.pairs",
        question="A texture is made by means and deviations alone. How near do the pairs come, which nobody asked for?",
        answer="b",
        options={
            "a": (
                "Not at all: they stay as far off as those of noise.",
                "Features overlap: with all means and deviations right, few arrangements are left for the pairs.",
            ),
            "b": (
                "Nearly all the way: about a twentieth of the distance is left.",
                "Right. Means and deviations of many channels leave the pairs little choice.",
            ),
            "c": ("All the way: they follow from the means.", "They do not: apart, of the five clouds, shows it."),
        },
    ),
)
