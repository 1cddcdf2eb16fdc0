"""The exercises of lesson 09: control over colours, regions and scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..descriptions import gram, guided_gram, positions
from ..image import shape_of
from ..palette import cholesky_map, colors_of, pca_map, transport_map
from .code import Code
from .inputs import maps, uniform
from .prediction import Choice

__all__ = ["EXERCISES"]


def root(covariance: Tensor, exponent: float = 0.5) -> Tensor:
    values, axes = torch.linalg.eigh(covariance)
    return axes @ torch.diag(values**exponent) @ axes.T


def within(own: Tensor, middle: Tensor) -> Tensor:
    """Σ^-½ B Σ^-½."""
    return root(own, -0.5) @ middle @ root(own, -0.5)


def covariances(seed: int) -> tuple[Tensor, Tensor]:
    """Those of two pictures, each with a cast of its own."""
    one, other = uniform(seed, (1, 3, 6, 5), (1, 3, 7, 8))
    mixed = torch.einsum("ij,bjhw->bihw", torch.tensor([[0.9, 0.1, 0.0], [0.6, 0.4, 0.1], [0.1, 0.5, 0.3]]), other)
    return colors_of(one)[1], colors_of(mixed)[1]


def carry(mask: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """The mean of the mask (1, 1, H, W) over each window, of what lies inside."""
    return F.avg_pool2d(mask, kernel, stride, padding, count_include_pad=False)


def weighed(features: Tensor, weights: Tensor) -> Tensor:
    return (positions(features) * weights.flatten()) @ positions(features).T


def region(seed: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """A map, and how far each of its positions belongs to a region."""
    (features,), (t,) = maps(seed, shape), uniform(seed, (1, 1, *shape[2:]))
    return features, (1.5 * t - 0.25).clamp(0, 1)


COVARIANCES = tuple(covariances(seed) for seed in (111, 112, 113))
MASKS = (
    *((*uniform(114, (1, 1, 6, 7)), *window) for window in ((3, 1, 1), (2, 2, 0), (3, 2, 1))),
    (torch.ones(1, 1, 5, 4), 3, 1, 1),
)
REGIONS = tuple(region(seed, shape) for seed, shape in ((115, (1, 3, 4, 4)), (116, (1, 4, 3, 5)), (117, (1, 5, 2, 3))))

EXERCISES = (
    Choice(
        name="09.maps",
        question="Three maps give a painting exactly the photograph's mean and covariance. How will the three differ?",
        answer="b",
        options={
            "a": (
                "Not at all: the numbers agree.",
                "Mean and covariance agree, and a cloud may still be turned inside.",
            ),
            "b": (
                "In which of the painting's colours becomes which of the photograph's.",
                "Right. The cloud keeps its shape, and is turned inside it: grass becomes pale blue or brown.",
            ),
            "c": ("In contrast.", "Contrast is in the covariance, and that is the same for all three."),
            "d": ("In brightness.", "The mean is the same for all three."),
        },
    ),
    Code(
        name="09.match",
        question="The symmetric A (3, 3) with A Σ Aᵀ = Σ', for the covariances own (Σ) and wanted (Σ').",
        takes="own wanted",
        solution=lambda own, wanted: transport_map(own, wanted),
        cases=COVARIANCES,
        tolerance=1e-3,
        why="It is symmetric: of all maps that match, the one that moves the colours least.",
        mistakes=(
            (pca_map, "This is Σ'^½ Σ^-½: it matches, but is not symmetric. Solve A Σ A = Σ' for a symmetric A."),
            (
                lambda own, wanted: root(own, -0.5) @ root(wanted),
                "That is Σ^-½ Σ'^½, which neither matches nor is symmetric: solve A Σ A = Σ' for a symmetric A.",
            ),
            (
                lambda own, wanted: (pca_map(own, wanted) + pca_map(own, wanted).T) / 2,
                "The mean of a map and its transpose is symmetric, but matches no more: solve A Σ A = Σ' for A itself.",
            ),
            (cholesky_map, "These are Cholesky's factors: they match, but A is a triangle. Take symmetric roots."),
            (lambda own, wanted: transport_map(wanted, own), "Exchanged: that takes the wanted colours to your own."),
            (
                lambda own, wanted: within(own, root(own) @ wanted @ root(own)),
                "That is Σ^-½ B² Σ^-½: take the root of the middle, B = (Σ^½ Σ' Σ^½)^½.",
            ),
            (
                lambda own, wanted: root(root(own) @ wanted @ root(own)),
                "That is B = Σ^½ A Σ^½: free A of it, with Σ^-½ on both sides.",
            ),
            (
                lambda own, wanted: root(own) @ root(root(own) @ wanted @ root(own)) @ root(own),
                "You multiply B by Σ^½ on both sides: it is to be taken away, so by Σ^-½.",
            ),
            (
                lambda own, wanted: within(own, (root(own) @ wanted @ root(own)).clamp_min(0).sqrt()),
                "You take the root of each number: the root of a matrix is power(matrix, 0.5).",
            ),
            (
                lambda own, wanted: torch.diag((wanted.diagonal() / own.diagonal()).sqrt()),
                "That scales each colour alone, and they go together as before: match the whole covariance.",
            ),
        ),
    ),
    Choice(
        name="09.exact",
        question="Four ways to settle the colours. After which has the result the photograph's covariance?",
        answer="d",
        options={
            "a": (
                "Grey run, colours put back.",
                "Each pixel has its hue back, but brightness is painted: how it varies is not the photograph's.",
            ),
            "b": (
                "Style matched before the run.",
                "The run aims at Gram matrices, not at this covariance, and stops before it has reached them.",
            ),
            "c": ("Both of these.", "In both something is painted after the colours were decided."),
            "d": (
                "Result matched after the run.",
                "Right. Nothing comes after it but the cut at black and white, which costs a little.",
            ),
        },
    ),
    Code(
        name="09.carry",
        question="A mask (1, 1, H, W) one layer down: the mean over each window of a convolution or pooling.",
        takes="mask kernel stride padding",
        solution=carry,
        cases=MASKS,
        large=lambda: (*uniform(99, (1, 1, 128, 192)), 3, 1, 1),
        why="Masks that add up to 1 do so on every map.",
        mistakes=(
            (
                lambda mask, kernel, stride, padding: F.avg_pool2d(mask, kernel, stride, padding),
                "At the border, zeros from outside are counted: a mask that is 1 everywhere has to stay 1.",
            ),
            (
                lambda mask, kernel, stride, padding: F.max_pool2d(mask, kernel, stride, padding),
                "The largest: a position that sees a corner of the region would belong to it wholly. Take the mean.",
            ),
            (
                lambda mask, kernel, stride, padding: -F.max_pool2d(-mask, kernel, stride, padding),
                "The smallest: the region would lose a rim at each layer. Take the mean.",
            ),
            (
                lambda mask, kernel, stride, padding: F.interpolate(
                    mask, shape_of(carry(mask, kernel, stride, padding))
                ),
                "One pixel speaks for the whole window: take the mean of all that it sees.",
            ),
            (
                lambda mask, kernel, stride, padding: F.avg_pool2d(mask, kernel, stride, padding, divisor_override=1),
                "That is the sum over each window: divide by how many of its pixels lie inside.",
            ),
            (
                lambda mask, kernel, stride, padding: (carry(mask, kernel, stride, padding) > 0.5).float(),
                "Leave out the threshold: a position at the edge belongs to both regions in part.",
            ),
            (
                lambda mask, kernel, stride, padding: F.adaptive_avg_pool2d(
                    mask, shape_of(carry(mask, kernel, stride, padding))
                ),
                "That shrinks the picture, and windows may overlap: go by kernel, stride and padding.",
            ),
        ),
    ),
    Choice(
        name="09.deep",
        question="The sky's edge is 5 pixels soft. How much of the map of relu5_1 sees both sky and town?",
        answer="c",
        options={
            "a": ("About 3 %, as at the top.", "Each layer looks at windows of the last: the edge widens all the way."),
            "b": ("About 10 %.", "That is so at relu3_1: two poolings and more windows follow."),
            "c": ("About 30 %.", "Right. At this depth the seam is a good part of the map."),
            "d": ("More than half.", "It would be, had each position only a few neighbours: the map is 24 wide."),
        },
    ),
    Code(
        name="09.guided",
        question="A friend's regional Gram matrix (N, N), mended: T is how far each position belongs to the region.",
        takes="features t",
        solution=guided_gram,
        cases=REGIONS,
        gradient=True,
        painting=((1, 128, 64, 64), (1, 1, 64, 64)),
        why="A mean over the region alone: it can be compared with a whole painting's.",
        mistakes=(
            (
                lambda f, t: gram(f * t),
                "That is the friend's: all M positions divide it, also those that T has set to 0.",
            ),
            (
                lambda f, t: weighed(f, t**2) / t.sum(),
                "Σ T divides: the products are weighed by T², so divide by the sum of these.",
            ),
            (lambda f, t: weighed(f, t**2), "A sum over the region: divide by Σ T², or large regions weigh more."),
            (
                lambda f, t: weighed(f, t) / t.sum(),
                "T weighs each product once: the paper masks the map, and both factors carry T.",
            ),
            (
                lambda f, t: weighed(f, t**2) / (t > 0).sum(),
                "You count the positions that belong at all: those at the edge belong in part. Divide by Σ T².",
            ),
            (
                lambda f, t: weighed(f, (t > 0).float()) / (t > 0).sum(),
                "All or nothing: positions at the edge belong in part, so weigh the map by T itself.",
            ),
            (
                lambda f, t: weighed(f, t**4) / (t**4).sum(),
                "T is squared twice: f * t has it once, and the product of two twice.",
            ),
            (
                lambda f, t: weighed(f, t**2) / t.square().sum().sqrt(),
                "You divide by the length of T: in a product it stands twice, so divide by its square.",
            ),
            (lambda f, t: gram(f), "The mask has no say: weigh each position by T."),
        ),
    ),
    Choice(
        name="09.sum",
        question="The guided sum knows each region's means, and one Gram matrix of the whole. What can it miss?",
        answer="c",
        options={
            "a": ("Which colours a region has.", "Colours are in the means of the first maps, region by region."),
            "b": ("Where the regions are.", "Each mean is taken over its own region."),
            "c": (
                "Which features go together in one region.",
                "Right. It knows what occurs in a region, and what goes together somewhere.",
            ),
            "d": ("Nothing: both are the same.", "A mean of features says nothing of their products."),
        },
    ),
    Choice(
        name="09.layers",
        question="Shallow layers take the mosaic, deep ones the woodcut. What will the picture show?",
        answer="a",
        options={
            "a": (
                "The woodcut's large shapes, in the small grain of the mosaic.",
                "Right. A shallow position sees a stone, and a deep one a wave.",
            ),
            "b": (
                "The mosaic's large shapes, in fine lines of the woodcut.",
                "The other way round: shallow layers see small pieces.",
            ),
            "c": (
                "A blend of both at each size.",
                "That is what shares give: here each size has a painting of its own.",
            ),
            "d": (
                "The woodcut alone: deep layers decide.",
                "Shallow layers pull as well, and nothing else is fine there.",
            ),
        },
    ),
)
