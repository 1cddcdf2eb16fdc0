"""The exercises of the clinic: one list of causes for all patients, and the lines to mend."""

from __future__ import annotations

import torch
from torch import Tensor

from ..descriptions import covariance, gram, positions
from .code import Code
from .inputs import STYLE_MAPS, maps, uniform
from .prediction import Choice
from .values import Function

__all__ = ["EXERCISES"]

CAUSES = {  # letter: (cause, how the patient would look, told to who suspects it wrongly)
    "a": ("The style loss is divided by N twice", "its gradient would be small at the first step, and not zero."),
    "b": ("The style target is taken from the picture itself", "the style part would be exactly 0 at every step."),
    "c": ("The Gram matrix mixes channels and positions", "the Gram matrix would change when positions are shuffled."),
    "d": ("Gradients are never set to zero", "the norm of the gradient would grow from step to step."),
    "e": ("The learning rate is too large", "the loss would jump at the very first step."),
    "f": ("The picture is clamped inside the closure", "L-BFGS would stall with many pixels exactly on a bound."),
    "g": ("Saving wraps numbers beyond 0 to 255 around", "the picture in memory would be well, and only its file ill."),
    "h": ("The input is not normalised", "what enters the network would lie between 0 and 1. Measure it."),
    "i": ("Red and blue are exchanged", "strokes would come as they should, in exchanged colours."),
    "j": ("Nothing is wrong", "picture and curve would be those of the healthy program."),
}

DIAGNOSES = (  # of each patient: the letter, and why
    ("a", "The style's gradient is hundreds of times too small at best: small, and not zero."),
    ("b", "The target moves with the picture, so nothing is asked of it: 0 at every step."),
    ("d", "Each gradient is the sum of all before it: its norm grows on, long after the loss has turned."),
    ("g", "In memory the picture is well. In the file 260 became 4, and -5 became 251."),
    ("d", "The cause of bed 3 in another optimiser: L-BFGS takes the sum for curvature, and leaps."),
    ("f", "All pixels lie on a bound: L-BFGS learns its curvature from moves that did not happen."),
    ("c", "The rows of F are strips of the picture, not channels. The loss falls, towards no style."),
    ("j", "A loss has no unit: divide by the first one, and both curves are alike."),
)


def diagnosis(bed: int, letter: str, why: str) -> Choice:
    """All causes, for one patient."""
    options = {
        other: (f"{cause}.", f"Right. {why}" if other == letter else f"Not that: {look}")
        for other, (cause, look) in CAUSES.items()
    }
    return Choice(f"clinic.bed_{bed}", f"What is the cause in bed {bed}?", letter, options)


# --- what is mended ------------------------------------------------------------------------------


def style_term(features: Tensor, target: Tensor) -> Tensor:
    """4E = Σ (ΔR/M)² / N², a mean square."""
    return (gram(features) - target).square().mean()


def last(features: Tensor) -> Tensor:
    """(1, H, W, N) → (1, N, H, W)."""
    return features.permute(0, 3, 1, 2)


def strips(features: Tensor) -> Tensor:
    """The patient's: numbers as they lie in memory, cut into N rows."""
    rows = features.reshape(features.shape[3], -1)
    return rows @ rows.T / rows.shape[1]


def to_bytes(image: Tensor) -> Tensor:
    """(1, 3, H, W) → (H, W, 3), whole numbers from 0 to 255."""
    return hwc(255 * image.clamp(0, 1)).round()


def hwc(image: Tensor) -> Tensor:
    return image[0].permute(1, 2, 0)


def descend(loss: Function, start: Tensor, rate: float, steps: int, *, keep: float = 0.0, way: float = -1.0) -> Tensor:
    """Gradient descent.

    Args:
        loss: a tensor → a number.
        start: of any shape.
        rate: of a step.
        steps: how many.
        keep: share of the gradients before it that each one still has; 1 in the patient.
        way: -1 downhill, 1 uphill.
    """
    x, total = start.detach(), torch.zeros_like(start)
    for _ in range(steps):
        x = x.requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(loss(x), x)
        total = keep * total + slope
        x = (x + way * rate * total).detach()
    return x


def bowl(x: Tensor) -> Tensor:
    return x.square().sum()


def valley(x: Tensor) -> Tensor:
    return (x[0] ** 2 + 4 * x[1] ** 2 + x[0] * x[1]).sum()


LAST_MAPS = tuple((f.permute(0, 2, 3, 1).contiguous(),) for f in maps(11, (1, 3, 4, 4), (1, 4, 3, 5), (1, 8, 2, 3)))
PICTURES = tuple((1.6 * picture - 0.3,) for picture in uniform(12, (1, 3, 4, 5), (1, 3, 3, 2)))
WALKS = (
    (bowl, torch.tensor([1.0, -2.0]), 0.1, 4),
    (valley, torch.tensor([1.5, 1.0]), 0.05, 5),
)

MENDED = (
    Code(
        name="clinic.style_term",
        question="Σ (R/M - A)² / N² of a map (1, N, H, W); A (N, N) is the style's R/M.",
        takes="features target",
        solution=style_term,
        cases=tuple((f, gram(t)) for f, t in STYLE_MAPS),
        gradient=True,
        painting=((1, 64, 64, 64), (64, 64)),
        large=lambda: (maps(70, (1, 64, 64, 64))[0], gram(maps(71, (1, 64, 64, 64))[0])),
        mistakes=(
            (
                lambda f, t: style_term(f, t) / f.shape[1] ** 2,
                "Still the patient's, N² times too small: a mean has divided by N² already.",
            ),
            (lambda f, t: style_term(f, t) / f.shape[1], "N times too small: divide by N², once."),
            (
                lambda f, t: style_term(f, t) * f.shape[1] ** 2,
                "N² times too large: the mean over the matrix is missing.",
            ),
            (lambda f, t: style_term(f, t) / 4, "Four times too small: that is E, and here 4E is asked for."),
            (
                lambda f, t: (positions(f) @ positions(f).T - t).square().mean(),
                "R is not divided by its positions: divide by H·W.",
            ),
            (
                lambda f, t: (gram(f) - t).square().sum() / t.square().sum(),
                "That is the healthy program's relative term: here the weight was made for a mean over N².",
            ),
            (
                lambda f, t: (gram(f) / f.shape[1] - t).square().mean(),
                "R/M is divided by N, and A is not: compare two of one kind.",
            ),
        ),
    ),
    Code(
        name="clinic.channels_last",
        question="The Gram matrix F Fᵀ / M (N, N) of a map (1, H, W, N), whose channels come last.",
        takes="features",
        solution=lambda features: gram(last(features)),
        cases=LAST_MAPS,
        gradient=True,
        painting=((1, 64, 64, 64),),
        mistakes=(
            (strips, "Still the patient's: reshape(N, …) cuts memory into strips. Bring channels to the front first."),
            (lambda f: gram(last(f)) * f.shape[1] * f.shape[2], "M times too large: divide by the positions, H·W."),
            (lambda f: gram(last(f)) / f.shape[3], "N times too small: divide by the positions alone."),
            (
                lambda f: positions(last(f)).T @ positions(last(f)) / f.shape[1] / f.shape[2],
                "That compares positions, (M, M): channels are to be compared.",
            ),
            (lambda f: covariance(last(f)), "You take the mean off: that is the covariance."),
            (gram, "That takes the picture's rows for channels: channels come last here."),
        ),
    ),
    Code(
        name="clinic.to_bytes",
        question="A picture (1, 3, H, W), with some numbers below 0 and above 1, as whole numbers 0 to 255, (H, W, 3).",
        takes="image",
        solution=to_bytes,
        cases=PICTURES,
        mistakes=(
            (
                lambda x: (255 * hwc(x)).to(torch.int64) % 256,
                "Still the patient's: what is beyond the range wraps around. Clamp before the conversion.",
            ),
            (lambda x: (255 * hwc(x)).round() % 256, "Rounded, but what is beyond the range wraps around: clamp."),
            (
                lambda x: (255 * hwc(x).clamp(0, 1)).floor(),
                "A conversion cuts off what is behind the point, half a step too dark: round first.",
            ),
            (lambda x: (255 * x[0].clamp(0, 1)).round(), "The channels come last in a file: permute(1, 2, 0)."),
            (lambda x: hwc(x).clamp(0, 1).round(), "The factor 255 is missing: white is 1 here and 255 in a file."),
            (lambda x: (255 * hwc(x)).clamp(0, 1), "Clamped after the factor 255: all but black becomes 1."),
            (lambda x: 255 * hwc(x).clamp(0, 1), "These are not whole numbers: round them, then turn them into bytes."),
            (lambda x: (255 * hwc(x)).round(), "Not clamped: numbers beyond 0 to 255 are left."),
        ),
    ),
    Code(
        name="clinic.descend",
        question="Where gradient descent on loss is after so many steps of this rate.",
        takes="loss start rate steps",
        solution=descend,
        cases=WALKS,
        mistakes=(
            (
                lambda loss, start, rate, steps: descend(loss, start, rate, steps, keep=1),
                "Still the patient's: backward adds to the gradient that is there. Set it to zero before each.",
            ),
            (
                lambda loss, start, rate, steps: descend(loss, start, rate, steps, way=1),
                "Uphill: take the gradient off.",
            ),
            (lambda loss, start, rate, steps: descend(loss, start, rate, steps - 1), "One step too few: go on."),
            (lambda loss, start, rate, steps: descend(loss, start, rate, steps + 1), "One too many: stop earlier."),
            (
                lambda loss, start, rate, steps: start - steps * rate * (start - descend(loss, start, 1.0, 1)),
                "The gradient is taken once, at the start: it changes with every step.",
            ),
            (
                lambda loss, start, rate, steps: start,
                "Nothing moves: do you return what you move, and set the gradient to zero before backward, not after?",
            ),
        ),
    ),
)

QUIZ = (
    Choice(
        name="clinic.line",
        question="Bed 2: which of its lines has to move, and where to?",
        answer="c",
        options={
            "a": ("P = … into the loss.", "Then the content would ask for nothing either."),
            "b": (".detach() away.", "Then the difference is still 0, and so is its gradient."),
            "c": (
                "A = … out of the loss, with the painting's maps.",
                "Right. A target is computed once, before the first step, from the picture that sets it.",
            ),
            "d": ("gram out of the loss.", "The picture's own Gram matrix has to follow the picture."),
        },
    ),
    Choice(
        name="clinic.bed_9",
        question="What is the cause in bed 9?",
        answer="b",
        options={
            "a": ("The style's gradient is too small.", "Its norm at the start is that of bed 5, which was enough."),
            "b": (
                "Each call of the optimiser begins anew.",
                "Right. The first move of L-BFGS is tiny, and its memory is thrown away before it helps.",
            ),
            "c": (
                "The gradients are never set to zero.",
                "They are: a sum of all gradients would grow with each of the forty, and the norm hardly does.",
            ),
            "d": ("Nothing: L-BFGS needs more evaluations.", "At that pace it would need thousands."),
        },
    ),
    Choice(
        name="clinic.bed_10",
        question="What is the cause in bed 10?",
        answer="c",
        options={
            "a": (
                "The learning rate is too large.",
                "Content and style part go as smoothly as in the healthy run: no leap, no swing.",
            ),
            "b": (
                "Saving wraps numbers beyond 0 to 255 around.",
                "The picture was not saved, and its numbers lie within 0 to 1.",
            ),
            "c": (
                "The painting got its colours in numbers of another scale.",
                "Right. They were measured where the network looks, about 0 and far beyond 1, and given to pixels.",
            ),
            "d": (
                "Red and blue are exchanged.",
                "Then the painting would be within 0 to 1, and calm, in exchanged colours.",
            ),
        },
    ),
)

EXERCISES = (*(diagnosis(bed, *told) for bed, told in enumerate(DIAGNOSES, 1)), *MENDED, *QUIZ)
