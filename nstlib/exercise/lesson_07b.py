"""The exercises of lesson 07b: recipes and knobs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..descriptions import gram, mean_std
from ..loss import divide_shares
from .code import Code
from .inputs import TWO_MAPS, tensors, uniform
from .lesson_10 import either, exchanged, formula
from .prediction import Choice
from .slips import Unusable
from .values import Function
from .verdict import unanswered

__all__ = ["EXERCISES"]


def blend(first: Tensor, second: Tensor, shares: list[float]) -> Tensor:
    a, b = divide_shares(2, shares)
    return a * first + b * second


def colours(image: Tensor, style: Tensor) -> Tensor:
    """The image with each colour's mean and deviation of the style, by the library's statistic."""
    (mean, std), (mean_s, std_s) = (mean_std(x)[..., None, None] for x in (image, style))
    return (image - mean) / std * std_s + mean_s


def all_colours(image: Tensor, style: Tensor) -> Tensor:
    return (image - image.mean()) / (image.std(correction=0) + 1e-6) * style.std(correction=0) + style.mean()


def match_colours(image: Tensor, target: Tensor) -> Tensor:
    """The image with the mean and covariance of the target's three colours."""
    return recoloured(image, target, lambda own, wanted, x: wanted @ torch.linalg.solve(own, x))


def match_biased(image: Tensor, target: Tensor) -> Tensor:
    """The same by covariances that divide by the number of pixels."""
    return recoloured(image, target, lambda own, wanted, x: wanted @ torch.linalg.solve(own, x), correction=0)


def recoloured(
    image: Tensor, target: Tensor, move: Callable[[Tensor, Tensor, Tensor], Tensor], correction: int = 1
) -> Tensor:
    x, t = (picture[0].flatten(1).double() for picture in (image, target))
    own, wanted = (torch.linalg.cholesky(torch.cov(v, correction=correction) + 1e-6 * torch.eye(3)) for v in (x, t))
    y = move(own, wanted, x - x.mean(1, keepdim=True)) + t.mean(1, keepdim=True)
    return y.view(image.shape).float()


def use_colours(answer: Function, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor] | None:
    """Mean and covariance of the picture that comes back."""
    found = answer(image, target)
    if unanswered(found):
        return None
    if isinstance(found, np.ndarray) and found.shape == image.shape:
        raise Unusable("Return the picture as a tensor: torch.from_numpy(picture).float() makes one of your array.")
    if not isinstance(found, Tensor) or found.shape != image.shape:
        raise Unusable(f"Return the picture, of the shape {tuple(image.shape)}.")
    flat = found[0].flatten(1).double()
    return flat.mean(1), torch.cov(flat)


def coloured(seed: int, shape: tuple[int, ...]) -> Tensor:
    """A picture whose three colours go together."""
    (x,) = uniform(seed, shape)
    return 0.5 * x + 0.5 * x.mean(1, keepdim=True) * torch.tensor([0.9, 0.5, 0.2]).view(1, 3, 1, 1)


COLOURS = (
    *(uniform(71, (1, 3, 4, 4), (1, 3, 5, 5)), uniform(72, (1, 3, 3, 6), (1, 3, 4, 2))),
    (torch.full((1, 3, 2, 3), 0.25), *uniform(73, (1, 3, 3, 2))),
)
TWO_STYLES = tuple(  # whole shares too, as the lesson gives them
    (gram(a), gram(b), shares) for (a, b), shares in zip(TWO_MAPS[:3], ([1.0, 3.0], [0.5, 0.5], [4, 1]), strict=True)
)
STARTS = tuple(
    (*uniform(seed, shape), *tensors(seed, shape), share)
    for seed, shape, share in ((74, (1, 3, 4, 4), 0.25), (75, (1, 3, 2, 5), 0.9), (76, (1, 3, 3, 2), 0.0))
)
PULLS = ((10.0, 2.0, 40.0, 1.0), (50.0, 0.5, 0.1, 4.0), (100.0, 30.0, 60.0, 0.5))
COVARIANCES = tuple(  # whose colours leave [0, 1], where a clamp shows
    (coloured(seed, (1, 3, 6, 5)), 1.8 * coloured(seed + 1, (1, 3, 7, 8)).flip(1) - 0.4) for seed in (103, 105)
)

EXERCISES = (
    Choice(
        name="07b.hardly",
        question="Moved to another network with their weights as they are, which recipe will paint hardly at all?",
        answer="c",
        options={
            "a": ("leongatys", "All its layers are here, and its weights fit this network."),
            "b": ("d2l", "Its content layer moved by one block only: it paints, in flat patches."),
            "c": (
                "tensorflow-tutorial",
                "Right. A content weight made for relu5_2 now defends every detail of relu3_3.",
            ),
            "d": (
                "crowsonkb",
                "Content, style and total variation all have their share of the pull: it paints, smoothly.",
            ),
        },
    ),
    Code(
        name="07b.balance",
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
    Choice(
        name="07b.first_step",
        question="Adam's rate is 3 deviations, the pixels are held within ±1.5. Where are they after the first step?",
        answer="b",
        options={
            "a": ("Near where they were.", "Adam's first step has the length of the rate, however small the gradient."),
            "b": (
                "Nearly all at a bound.",
                "Right. It is the rate times the gradient's sign, and the range is no wider than 3.",
            ),
            "c": ("All at the middle, 0.", "The sign of the gradient differs from pixel to pixel: they part."),
            "d": ("Outside, at up to ±4.5.", "The bounds are applied right after the step."),
        },
    ),
    Choice(
        name="07b.gentle",
        question="The table's 200 evaluations at 0.678, or 80 gentle ones at 0.05: which end at the lower loss?",
        answer="b",
        options={
            "a": ("The table's, on both pairs.", "Its steps are long, and most of them undo one another."),
            "b": ("The gentle one, on both pairs.", "Right. It never loses what it began with."),
            "c": ("They end alike.", "Both go down, and one stays behind: look at the numbers."),
        },
    ),
    Code(
        name="07b.blend",
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
    Choice(
        name="07b.mix",
        question="Two paintings share a picture half and half. What will it look like?",
        answer="b",
        options={
            "a": ("One on the left half, one on the right.", "A Gram matrix has no places: nothing says where."),
            "b": ("A blend of both all over.", "Right. There is one target, between the two."),
            "c": ("Like the stronger of the two.", "The relative distance makes them equally strong."),
        },
    ),
    Choice(
        name="07b.scale",
        question="The painting is shown to the network at twice the size. What becomes of its strokes in the picture?",
        answer="a",
        options={
            "a": ("They get wider.", "Right. Receptive fields are fixed in pixels, and the strokes in them grew."),
            "b": ("They get narrower.", "The picture stays as large as it was, and the strokes grew."),
            "c": (
                "They stay: a Gram matrix is divided by M.",
                "That takes care of how many there are, not of their width.",
            ),
        },
    ),
    Code(
        name="07b.colours",
        question="The image (1, 3, H, W) shifted and scaled, colour by colour, to the style's mean and deviation.",
        takes="image style",
        solution=colours,
        also=(exchanged(formula, correction=1),),
        cases=COLOURS,
        tolerance=1e-3,
        mistakes=(
            (exchanged(lambda x, m, s, wm, ws: x - m + wm), "Only the mean is moved: scale by the deviations too."),
            (all_colours, "All three colours together: each has a mean and a deviation of its own."),
            (lambda x, s: colours(s, x), "Exchanged: that gives the style the image's colours."),
            *either(
                (
                    (
                        lambda x, m, s, wm, ws: (x - m) / s * ws + m,
                        "The style's mean is missing: you add the image's.",
                    ),
                    (lambda x, m, s, wm, ws: (x - m) / s * ws, "The style's mean is missing: add it at the end."),
                    (
                        lambda x, m, s, wm, ws: (x - m) / ws * s + wm,
                        "The deviations are exchanged: divide by the image's, multiply by the style's.",
                    ),
                    (
                        lambda x, m, s, wm, ws: (x - m) / s**2 * ws**2 + wm,
                        "You scale by variances: take deviations, their roots.",
                    ),
                    (
                        lambda x, m, s, wm, ws: ((x - m) / s * ws + wm).clamp(0, 1),
                        "A clamp moves mean and deviation again: leave it to the program that saves the picture.",
                    ),
                    (
                        lambda x, m, s, wm, ws: (x - m) / s + wm,
                        "The style's deviation is missing: multiply by it before you add the mean.",
                    ),
                    (
                        lambda x, m, s, wm, ws: x / s * ws + wm,
                        "The image's mean is still in: take it off first.",
                    ),
                )
            ),
        ),
    ),
    Code(
        name="07b.bug_colours",
        question="A friend's colour matching, mended: the image with the mean and covariance of the target's colours.",
        takes="image target",
        returns="mean covariance",
        solution=match_colours,
        also=(match_biased,),
        use=use_colours,
        cases=COVARIANCES,
        tolerance=1e-3,
        why="Take the picture's own covariance out first, then put the target's in.",
        mistakes=(
            (
                lambda image, target: recoloured(
                    image, target, lambda own, wanted, x: own @ torch.linalg.solve(wanted, x)
                ),
                "Its covariance is not the target's: which of the two factors has to be divided out?",
            ),
            (
                lambda image, target: recoloured(image, target, lambda own, wanted, x: wanted @ x),
                "The picture's own covariance is still in it: divide it out first.",
            ),
            (
                lambda image, target: recoloured(image, target, lambda own, wanted, x: torch.linalg.solve(own, x)),
                "Its covariance is the identity: multiply by the target's factor.",
            ),
            (
                lambda image, target: match_colours(image, target).clamp(0, 1),
                "A clamp moves mean and covariance again: leave it to the program that shows the picture.",
            ),
            (
                lambda image, target: (
                    match_colours(image, target) - target.mean((2, 3), keepdim=True) + image.mean((2, 3), keepdim=True)
                ),
                "The mean is still the picture's own: add the target's at the end.",
            ),
            (
                lambda image, target: colours(image, target),
                "Each colour has its deviation, and they still go together as before: match the covariance.",
            ),
        ),
    ),
    Choice(
        name="07b.place",
        question="After which of the two ways has each pixel the colour that it has in the photograph?",
        answer="b",
        options={
            "a": (
                "The style in the content's colours.",
                "That keeps which colours there are. Where they go, the strokes decide, too.",
            ),
            "b": ("The grey run with colours put back.", "Right. Each pixel gets its own colour back."),
            "c": (
                "Both.",
                "The first keeps which colours there are; where they go, content and strokes share.",
            ),
        },
    ),
    Code(
        name="07b.start",
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
)
