"""The exercises of lesson 01: a network from scratch, in NumPy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from .code import Code
from .inputs import arrays
from .prediction import Choice, Number
from .values import Function

__all__ = ["EXERCISES"]


def softmax(x: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def log_loss(x: np.ndarray, labels: np.ndarray, *, axis: int = 1, back: bool = True) -> np.ndarray:
    """log Σ exp x - x[label] of each row, and its likely mistakes."""
    greatest = x.max(axis, keepdims=True)
    logs = np.log(np.exp(x - greatest).sum(axis, keepdims=True)) + (greatest if back else 0)
    return chosen(np.broadcast_to(logs, x.shape) - x, labels)


def chosen(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return p[np.arange(len(p)), labels]


def rounded_loss(x: np.ndarray, labels: np.ndarray) -> float:
    return -np.log(chosen(softmax(x), labels)).mean()


def masked_loss(x: np.ndarray, labels: np.ndarray) -> float:
    """The same by a one-hot matrix: where another class's p rounds to 0, it adds 0 times log 0, which is NaN."""
    return -(np.eye(x.shape[1])[labels] * np.log(softmax(x))).sum(1).mean()


def overflowing(x: np.ndarray) -> np.ndarray:
    """Softmax without the maximum taken off."""
    powers = np.exp(x)
    return powers / powers.sum(1, keepdims=True)


def shifted_once(x: np.ndarray) -> np.ndarray:
    """Softmax with one maximum taken off for the whole batch: other rows' powers may all round to 0."""
    return overflowing(x - x.max())


def shifted_once_loss(x: np.ndarray, labels: np.ndarray) -> float:
    """The same slip in log Σ exp x."""
    return (np.log(np.exp(x - x.max()).sum(1)) + x.max() - chosen(x, labels)).mean()


def capped_loss(x: np.ndarray, labels: np.ndarray, *, least: float) -> float:
    """Cross-entropy with p kept from 0, by an ε in the logarithm; up to 1e-5 that is np.clip's as well on the cases."""
    return -np.log(chosen(softmax(x), labels) + least).mean()


def overflowing_loss(x: np.ndarray, labels: np.ndarray) -> float:
    return -np.log(chosen(overflowing(x), labels)).mean()


def score_gradient(
    x: np.ndarray, labels: np.ndarray, *, share: bool = True, known: bool = True, chances: Function = softmax
) -> np.ndarray:
    """(P - Y) / B, the gradient of the mean cross-entropy to scores x (B, K), and its likely mistakes."""
    p = chances(x)
    p[np.arange(len(p)), labels] -= known
    return p / len(p) if share else p


def slope_of_relu(Z: np.ndarray, dA: np.ndarray, mask: str) -> np.ndarray | int:
    """What dA is multiplied by on its way back through ReLU: where Z was positive ("z"), or a likely mistake."""
    return {"z": Z > 0, "none": 1, "edge": Z >= 0, "da": dA > 0, "a": np.maximum(Z, 0), "sum": Z}[mask]


def network_gradient(
    X: np.ndarray,
    labels: np.ndarray,
    W1: np.ndarray,
    b1: np.ndarray,
    W2: np.ndarray,
    b2: np.ndarray,
    *,
    mask: str = "z",
    share: bool = True,
    known: bool = True,
    before: bool = False,
    back: bool = True,
    chances: Function = softmax,
) -> tuple[np.ndarray, ...]:
    """The gradients of a two-layer network's mean cross-entropy to W1, b1, W2 and b2, and their likely mistakes."""
    Z = X @ W1 + b1
    A = np.maximum(Z, 0)
    dS = score_gradient(A @ W2 + b2, labels, share=share, known=known, chances=chances)
    dA = dS @ (W2.T if back else np.ones_like(W2.T))
    dZ = dA * slope_of_relu(Z, dA, mask)
    return X.T @ dZ, dZ.sum(0), (Z if before else A).T @ dS, dS.sum(0)


def pixel_gradient(
    X: np.ndarray,
    labels: np.ndarray,
    W1: np.ndarray,
    b1: np.ndarray,
    W2: np.ndarray,
    b2: np.ndarray,
    *,
    mask: str = "z",
    known: bool = True,
    share: bool = False,
    sign: int = 1,
    chances: Function = softmax,
) -> np.ndarray:
    """The gradient of the pictures' cross-entropies, added up, to their pixels (B, D), and its likely mistakes."""
    Z = X @ W1 + b1
    dS = sign * score_gradient(np.maximum(Z, 0) @ W2 + b2, labels, share=share, known=known, chances=chances)
    dA = dS @ W2.T
    return (dA * slope_of_relu(Z, dA, mask)) @ W1.T


@dataclass(frozen=True)
class Curved:
    """Σ w³: a forward difference is off by about 3 h w, a central one by h² alone."""

    def __call__(self, w: np.ndarray) -> float:
        return float((np.asarray(w) ** 3).sum())

    def __str__(self) -> str:
        return "Σ w³"


@dataclass(frozen=True)
class Products:
    """A function whose slopes depend on the neighbours: the sum of sin(w) times what stands before it."""

    def __call__(self, w: np.ndarray) -> float:
        flat = np.asarray(w).ravel()
        return float((np.sin(flat) * np.roll(flat, 1)).sum())

    def __str__(self) -> str:
        return "Σ wᵢ₋₁ sin wᵢ"


def differences(f: Function, w: np.ndarray, h: float, *, back: float = 1, width: float = 2) -> np.ndarray:
    """(f(w + h) - f(w - h)) / 2h for each entry of w, and its likely mistakes."""
    found = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[i] = h
        found[i] = (f(w + step) - f(w - back * step)) / (width * h)
    return found


def along_everything(f: Function, w: np.ndarray, h: float) -> np.ndarray:
    return np.full_like(w, (f(w + h) - f(w - h)) / (2 * h))


X, W, DY = arrays(11, (5, 4), (4, 3), (5, 3))
LINEAR = ((DY, X, W), arrays(12, (2, 3), (2, 3), (3, 3)), arrays(13, (1, 2), (1, 6), (6, 2)))
FLOORS = (
    *(10.0**-digits for digits in (*range(3, 21), 30, 100, 300)),
    *(np.finfo(np.float32).eps, np.finfo(float).eps, np.finfo(float).tiny),
)
LOGITS = (
    *((arrays(14, (4, 3))[0], np.array([0, 2, 1, 1])), (arrays(15, (3, 5))[0], np.array([4, 0, 2]))),
    (np.array([[1000.0, 999.0], [-1000.0, -1002.0]]), np.array([0, 1])),
    (np.array([[1000.0, -1000.0, 0.0]]), np.array([1])),
)
NETWORKS = (
    (*arrays(29, (5, 4)), np.array([0, 2, 1, 1, 2]), *arrays(30, (4, 6), (6,), (6, 3), (3,))),
    (*arrays(31, (3, 5)), np.array([1, 0, 3]), *arrays(32, (5, 4), (4,), (4, 4), (4,))),
    (np.eye(2), np.array([1, 0]), np.eye(2), np.zeros(2), np.array([[1000.0, 999.0], [0.0, -900.0]]), np.zeros(2)),
)
EDGE = "At Z = 0 ReLU lets nothing through: the mask is Z > 0, without the equals sign."
TIMES_Z = "You multiply dA by Z: ReLU's slope is 1 where Z was positive, and 0 elsewhere."
UNDERFLOW = "One maximum for the whole batch: other rows may round to 0, and 0 / 0 is NaN. Take each row's own off."
LOG_OF_ZERO = "Right until p rounds to 0, and log 0 is infinite: take x - log Σ exp x, never the log of softmax."
OVERFLOW = "Right until scores are large: e to their power overflows. Take each row's own maximum off first."
SLOPES = (
    *((Curved(), arrays(23, (2, 3))[0], 0.01), (Products(), arrays(24, (3, 2))[0], 0.01)),
    (Curved(), arrays(25, (2,))[0], 0.5),  # biases; and so wide that h shows
)
EXERCISES = (
    Code(
        name="01.softmax_loss",
        question="The mean cross-entropy of softmax for scores x (B, K) and labels (B,), natural logarithm.",
        takes="x labels",
        solution=lambda x, labels: F.cross_entropy(torch.tensor(x), torch.tensor(labels)).item(),
        cases=LOGITS,
        mistakes=(
            (lambda x, t: -np.log(chosen(softmax(x), t) + 1e-300).sum(), "You add up the batch: take its mean."),
            (lambda x, t: log_loss(x, t).sum(), "You add up the batch, and its mean is asked for."),
            (
                lambda x, t: -np.log(chosen(softmax(x), t)).sum(),
                "You add up the batch: take its mean. And p may round to 0: take x - log Σ exp x, not the log of it.",
            ),
            (lambda x, t: np.log(chosen(softmax(x), t)).mean(), "The sign: the loss is minus the logarithm."),
            (lambda x, t: 1 - chosen(softmax(x), t).mean(), "That is 1 - p: the loss is -log p."),
            (lambda x, t: -chosen(softmax(x), t).mean(), "The logarithm is missing: the loss is -log p."),
            (lambda x, t: -np.log2(chosen(softmax(x), t)).mean(), "That is in bits: take the natural logarithm."),
            (
                lambda x, t: -np.log(np.maximum(chosen(softmax(x, 0), t), 1e-300)).mean(),
                "Your softmax runs down the batch: each row, one picture's scores, has to sum to 1.",
            ),
            (
                lambda x, t: log_loss(x, t, axis=0).mean(),
                "You add the powers up down the batch: each row, one picture's scores, has a sum of its own.",
            ),
            (
                lambda x, t: log_loss(x, t, back=False).mean(),
                "The maximum that you took off is missing: log Σ exp x is that, plus log Σ exp(x - max).",
            ),
            (
                rounded_loss,
                LOG_OF_ZERO,
            ),
            (masked_loss, LOG_OF_ZERO),
            *(
                (
                    partial(capped_loss, least=least),
                    "A floor under p, or an ε, caps the loss: leave it out, and take log p as x - log Σ exp x.",
                )
                for least in FLOORS
            ),
            (
                shifted_once_loss,
                "One maximum for the whole batch: other rows' powers may all round to 0. Take each row's own off.",
            ),
            (
                overflowing_loss,
                "Right until scores are large: powers overflow, or all round to 0. Take each row's own maximum off.",
            ),
        ),
    ),
    Code(
        name="01.score_gradient",
        question="The gradient of the mean cross-entropy of softmax to the scores x (B, K), for labels (B,).",
        takes="x labels",
        solution=score_gradient,
        cases=LOGITS,
        mistakes=(
            (
                lambda x, t: score_gradient(x, t, share=False),
                "That is each picture's own gradient: the mean over the batch divides it by B.",
            ),
            (lambda x, t: -score_gradient(x, t), "The sign: it is P - Y, so the right class gets a negative number."),
            (
                lambda x, t: score_gradient(x, t, known=False),
                "That is P / B: take 1 off where the right class stands, before you divide.",
            ),
            (
                lambda x, t: softmax(x) - np.eye(x.shape[1])[t] / len(x),
                "You divide only Y by B: the whole of P - Y is divided.",
            ),
            (
                lambda x, t: score_gradient(x, t) / x.shape[1],
                "You divide by the classes too: the mean runs over the B pictures only.",
            ),
            (
                lambda x, t: (x - np.eye(x.shape[1])[t]) / len(x),
                "You subtract Y from the scores: it comes off the probabilities, softmax(x).",
            ),
            (partial(score_gradient, chances=overflowing), OVERFLOW),
            (partial(score_gradient, chances=shifted_once), UNDERFLOW),
        ),
    ),
    Code(
        name="01.linear_backward",
        question="For Y = X W + b and dY, the gradient of a scalar loss to Y, the gradients to X, W and b.",
        takes="dY X W",
        returns="dX dW db",
        solution=lambda dY, X, W: (dY @ W.T, X.T @ dY, dY.sum(0)),
        cases=LINEAR,
        mistakes=(
            (
                lambda dy, x, w: (dy @ w.T, x.T @ dy / len(x), dy.sum(0) / len(x)),
                "You divide by the batch again: dY holds the mean's 1/B already.",
            ),
            (lambda dy, x, w: (dy @ w.T, x.T @ dy, dy.mean(0)), "db is a sum over the batch, not a mean."),
            (lambda dy, x, w: (dy @ w.T, x.T @ dy, dy), "b serves every row of the batch: add up dY's rows for db."),
            (lambda dy, x, w: (dy @ w.T, dy.T @ x, dy.sum(0)), "dW has W's shape: Xᵀ dY, and yours is its transpose."),
            (lambda dy, x, w: (dy, x.T @ dy, dy.sum(0)), "dX is not dY: it goes back through W, as dY Wᵀ."),
        ),
    ),
    Code(
        name="01.backward",
        question="The gradients of the mean cross-entropy of max(X W1 + b1, 0) W2 + b2 to the four parameters.",
        takes="X labels W1 b1 W2 b2",
        returns="dW1 db1 dW2 db2",
        solution=network_gradient,
        cases=NETWORKS,
        mistakes=(
            (
                partial(network_gradient, mask="none"),
                "ReLU is missing on the way back: dZ is dA where Z was positive, and 0 elsewhere.",
            ),
            (partial(network_gradient, mask="edge"), EDGE),
            (partial(network_gradient, mask="sum"), TIMES_Z),
            (partial(network_gradient, mask="da"), "The mask looks at the sign of dA: it comes from Z."),
            (
                partial(network_gradient, mask="a"),
                "You multiply dA by A: ReLU's slope is 1 where Z was positive, not A.",
            ),
            (partial(network_gradient, share=False), "All four are B times too large: the mean's 1/B belongs into dS."),
            (partial(network_gradient, known=False), "dS is P / B with you: take Y off, the 1 at each right class."),
            (partial(network_gradient, before=True), "dW2 takes what the second layer got: A, after ReLU, not Z."),
            (partial(network_gradient, back=False), "dA goes back through the weights: it is dS W2ᵀ."),
            (partial(network_gradient, chances=overflowing), OVERFLOW),
        ),
    ),
    Code(
        name="01.numerical_gradient",
        question="The gradient of f, an array → a number, at w by central differences of width h to each side.",
        takes="f w h",
        solution=differences,
        cases=SLOPES,
        mistakes=(
            (
                partial(differences, back=0, width=1),
                "That is the forward difference: its error falls with h, that of f(w + h) - f(w - h) with h².",
            ),
            (partial(differences, width=1), "From w - h to w + h is a way of 2h: divide by that."),
            (
                along_everything,
                "You move all entries at once, which adds up their slopes: move one, and leave the others.",
            ),
            (
                lambda f, w, h: differences(f, w, h, width=1 / h),
                "That is the difference in height: divide it by the way, 2h.",
            ),
            (lambda f, w, h: -differences(f, w, h), "The sign: what f gains on the way up is f(w + h) - f(w - h)."),
        ),
    ),
    Number(
        name="01.parameters",
        question="How many parameters has a network 64 → 32 → 10 with biases?",
        answer=64 * 32 + 32 + 32 * 10 + 10,
        why="64·32 + 32 and 32·10 + 10.",
        hint="Each layer has inputs × outputs weights and one bias per output.",
        mistakes=(
            (64 * 32 + 32 * 10, "The biases are missing: 32 and 10 more."),
            (64 * 32 + 32 + 32 * 10, "The output biases are missing: 10 more."),
            (64 * 32 + 32 * 10 + 10, "The hidden biases are missing: 32 more."),
            (106, "Those are the units: count the weights between them, and the biases."),
        ),
        exact=True,
    ),
    Number(
        name="01.first_loss",
        question="About how large is the cross-entropy of ten classes before any training?",
        answer=math.log(10),
        why="All ten are equally likely, and -ln 1/10 = 2.303.",
        hint="Each class gets p = 1/10: what is -ln p?",
        mistakes=(
            (math.log2(10), "That is in bits: the natural logarithm gives 2.3."),
            (1.0, "That is the logarithm to base 10: take the natural one."),
            (0.1, "That is p itself: the loss is -ln p."),
            (0.9, "That is the error rate of guessing: the loss is -ln p."),
        ),
        tolerance=0.02,
    ),
    Code(
        name="01.pixel_gradient",
        question="The gradient of the summed cross-entropy of max(X W1 + b1, 0) W2 + b2 to the pixels X.",
        takes="X labels W1 b1 W2 b2",
        solution=pixel_gradient,
        cases=NETWORKS,
        mistakes=(
            (
                partial(pixel_gradient, share=True),
                "That is the mean's gradient: each picture here gets its own, so do not divide by B.",
            ),
            (partial(pixel_gradient, mask="none"), "ReLU is missing on the way back: dZ is 0 where Z was negative."),
            (partial(pixel_gradient, mask="edge"), EDGE),
            (partial(pixel_gradient, mask="sum"), TIMES_Z),
            (partial(pixel_gradient, known=False), "dS is P with you: take Y off, the 1 at each right class."),
            (partial(pixel_gradient, sign=-1), "The sign: dS is P - Y, and the loop steps against the gradient."),
            (partial(pixel_gradient, chances=overflowing), OVERFLOW),
            (partial(pixel_gradient, chances=shifted_once), UNDERFLOW),
        ),
    ),
    Number(
        name="01.pencil",
        question="The gradients dZ of the three hidden units in the figure.",
        answer=(-1, 0, 2),
        why="dA = (-1, -2, 2), and the unit in the middle, which gave 0, gets no gradient.",
        hint="First dA, the sum over the lines to the right: weight times the number at the line's end.",
        mistakes=(
            ((-1, -2, 2), "That is dA: where ReLU gave 0, no gradient passes."),
            ((1, 0, -2), "The sign: dS is -0.5 at the right class and 0.5 at the other."),
            ((-2, 0, 2), "You multiply dA by A: ReLU's slope is 1 where its input was positive."),
            ((-2, 0, 4), "That is twice dZ: the orange numbers are halves."),
        ),
    ),
    Number(
        name="01.bug",
        question="Which of the numbered lines is wrong?",
        answer=7,
        why="After ReLU nothing is below 0, so A >= 0 holds everywhere and masks nothing: it must be A > 0, or Z > 0.",
        hint="W2 and b2 are right, so all that they pass through is right: what is left for W1 and b1?",
        mistakes=(
            (1, "A wrong forward pass would spoil W2 too: it is computed from A."),
            (2, "ReLU is right, and a wrong A would spoil W2 too."),
            (3, "A wrong dS would spoil W2 and b2 too, and those are right."),
            (4, "That takes 1 off at each right class, as it should; and W2, which comes after it, is right."),
            (5, "The loss is a mean, so this is right; and W2, which comes after it, is right."),
            (6, "W2 and b2 agree with what was measured: this line makes them."),
            (8, "That is the rule of a layer, and right: it gets something wrong."),
            (9, "The order is that of the parameters: compare takes them by it."),
        ),
    ),
    Choice(
        name="01.repaint",
        question="A 3 is changed in 60 small steps, so that a network finds an 8 more likely. What will you see?",
        answer="a",
        options={
            "a": (
                "The gaps on its left fill up, and it becomes an 8.",
                "Right. The gaps are where a 3 and an 8 differ.",
            ),
            "b": ("A 3 with specks all over it.", "A fine guess, and true of many networks. This one wants more."),
            "c": (
                "It fades to grey, and an 8 rises from that.",
                "Nothing has to fade: most of the 3 is a part of the 8 already, and stays.",
            ),
        },
    ),
    Choice(
        name="01.nearest",
        question="What share of the validation digits does the nearest average get right?",
        answer="d",
        options={
            "a": ("About 10 %.", "That is blind guessing: averages know far more than that."),
            "b": ("About 30 %.", "More: small digits of a class lie on each other quite well."),
            "c": ("About 60 %.", "More still: these digits are small, centred and cleanly written."),
            "d": ("About 90 %.", "Right. For small, centred digits an average is a good template."),
        },
    ),
    Choice(
        name="01.step_width",
        question="Which h gives the most exact slope in double precision: 0.1, 1e-5 or 1e-11?",
        answer="b",
        options={
            "a": ("0.1", "Too coarse: over that way the slope itself changes."),
            "b": ("1e-5", "Right. Small enough for a straight line, large enough to differ from rounding."),
            "c": ("1e-11", "Too fine: the two losses share nearly all digits, and rounding is what is left."),
        },
    ),
    Choice(
        name="01.beat",
        question="When will the network be ahead of the nearest average on validation digits?",
        answer="b",
        options={
            "a": (
                "Never: it sees each digit no more than ten times.",
                "It needs less than that: each step learns of 32.",
            ),
            "b": ("Within the first 150 steps.", "Right. That is fewer than five times through the training digits."),
            "c": ("Only towards step 300.", "Sooner: the first steps are the steepest."),
        },
    ),
    Choice(
        name="01.templates",
        question="Drawn as pictures, what do the weights of single hidden units look like after training?",
        answer="b",
        options={
            "a": ("Whole digits.", "No unit stands for a digit: ten classes share all units."),
            "b": ("Blots and strokes of both signs.", "Right. Each is a template of a part, or of a difference."),
            "c": ("Noise, as at the start.", "The noise of the start stays below, but what was learned outgrew it."),
        },
    ),
    Choice(
        name="01.own_repaint",
        question="The same 3, the same loop, your own network: what happens until it is sure of an 8?",
        answer="c",
        options={
            "a": ("The 3 becomes an 8, as before.", "The first network learned under noise, and yours did not."),
            "b": ("Nothing much: it never becomes sure.", "It becomes sure, and sooner than the first one did."),
            "c": (
                "It becomes sure much sooner, while the gaps are only grey.",
                "Right. It looks at few places, and a small change in these convinces it.",
            ),
        },
    ),
)
