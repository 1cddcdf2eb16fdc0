"""The exercises of lesson 01: a network from scratch, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from .inputs import arrays
from .question import Choice, Code, Number

__all__ = ["EXERCISES", "adam_step"]


def softmax(x: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def chosen(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return p[np.arange(len(p)), labels]


def rounded_loss(x: np.ndarray, labels: np.ndarray) -> float:
    return -np.log(chosen(softmax(x), labels)).mean()


def overflowing_loss(x: np.ndarray, labels: np.ndarray) -> float:
    powers = np.exp(x)
    return -np.log(chosen(powers / powers.sum(1, keepdims=True), labels)).mean()


def adam_step(
    w,
    m,
    v,
    g,
    t,
    rate,
    *,
    correct="mv",
    power=2,
    sign=-1,
    root=True,
    inside=False,
    eps=1e-8,
    early=False,
    betas=(0.9, 0.999),
    swap=False,
    keep=False,
):
    """A step of Adam (Kingma & Ba 2015, algorithm 1), and its likely mistakes: the next w, m and v.

    Args:
        w: weights (n,).
        m: running mean of the gradients (n,).
        v: running mean of their squares (n,).
        g: gradient (n,).
        t: number of the step, 1, 2, …
        rate: learning rate.
        correct: which of m and v are corrected for their start at 0.
        power: of the gradient that v averages.
        sign: of the step; 1 climbs.
        root: whether the step is divided by the root of v, not by v.
        inside: whether ε stands under the root.
        eps: ε.
        early: whether ε is added before v is corrected, which the paper's section 2 proposes as faster.
        betas: how much of m and of v is kept, 0 to 1.
        swap: whether β and 1 - β are exchanged.
        keep: whether the corrected m and v are returned.
    """
    (keep_m, take_m), (keep_v, take_v) = ((1 - b, b) if swap else (b, 1 - b) for b in betas)
    m, v = keep_m * m + take_m * g, keep_v * v + take_v * abs(g) ** power
    m_hat = m / (1 - betas[0] ** t) if "m" in correct else m
    v_hat = v / (1 - betas[1] ** t) if "v" in correct else v
    below = (v_hat + eps) ** 0.5 if inside else v_hat**0.5 + eps if root else v_hat + eps
    below = (v**0.5 + eps) / (1 - betas[1] ** t) ** 0.5 if early else below
    w = w + sign * rate * m_hat / below
    return (w, m_hat, v_hat) if keep else (w, m, v)


def score_gradient(x: np.ndarray, labels: np.ndarray, *, share: bool = True, known: bool = True) -> np.ndarray:
    """(P - Y) / B, the gradient of the mean cross-entropy to scores x (B, K), and its likely mistakes."""
    p = softmax(x)
    p[np.arange(len(p)), labels] -= known
    return p / len(p) if share else p


def network_gradient(X, labels, W1, b1, W2, b2, *, mask="z", share=True, known=True, before=False, back=True):
    """The gradients of a two-layer network's mean cross-entropy to W1, b1, W2 and b2, and their likely mistakes."""
    Z = X @ W1 + b1
    A = np.maximum(Z, 0)
    dS = score_gradient(A @ W2 + b2, labels, share=share, known=known)
    dA = dS @ (W2.T if back else np.ones_like(W2.T))
    dZ = dA * {"z": Z > 0, "none": 1, "da": dA > 0, "a": A}[mask]
    return X.T @ dZ, dZ.sum(0), (Z if before else A).T @ dS, dS.sum(0)


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


def differences(f: Callable, w: np.ndarray, h: float, *, back: float = 1, width: float = 2) -> np.ndarray:
    """(f(w + h) - f(w - h)) / 2h for each entry of w, and its likely mistakes."""
    found = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[i] = h
        found[i] = (f(w + step) - f(w - back * step)) / (width * h)
    return found


def along_everything(f: Callable, w: np.ndarray, h: float) -> np.ndarray:
    return np.full_like(w, (f(w + h) - f(w - h)) / (2 * h))


def rmsprop_step(
    w, v, g, rate, rho, *, late=False, power=2, fresh=True, root=True, sign=-1, swap=False, inside=False, eps=1e-8
):
    """RMSProp (Tieleman & Hinton 2012) and its likely mistakes: w, v and g (n,)."""
    old, (keep, take) = v, (1 - rho, rho) if swap else (rho, 1 - rho if fresh else 1)
    v = keep * v + take * abs(g) ** power
    used = old if late else v
    below = (used + eps) ** 0.5 if inside else (used**0.5 if root else used) + eps
    return w + sign * rate * g / below, v


X, W, DY = arrays(11, (5, 4), (4, 3), (5, 3))
LINEAR = ((DY, X, W), arrays(12, (2, 3), (2, 3), (3, 3)), arrays(13, (1, 2), (1, 6), (6, 2)))
LOGITS = (
    *((arrays(14, (4, 3))[0], np.array([0, 2, 1, 1])), (arrays(15, (3, 5))[0], np.array([4, 0, 2]))),
    (np.array([[1000.0, 999.0], [-1000.0, -1002.0]]), np.array([0, 1])),
    (np.array([[1000.0, -1000.0, 0.0]]), np.array([1])),
)
MOMENTUM = ((*arrays(16, (4,), (4,), (4,)), 0.1, 0.9), (*arrays(17, (3,), (3,), (3,)), 0.5, 0.5))
FIRST, LATER = arrays(18, (4,), (4,), (4,), (4,)), arrays(19, (3,), (3,), (3,), (3,))
NETWORKS = (
    (*arrays(29, (5, 4)), np.array([0, 2, 1, 1, 2]), *arrays(30, (4, 6), (6,), (6, 3), (3,))),
    (*arrays(31, (3, 5)), np.array([1, 0, 3]), *arrays(32, (5, 4), (4,), (4, 4), (4,))),
)
SLOPES = ((Curved(), arrays(23, (2, 3))[0], 0.01), (Products(), arrays(24, (3, 2))[0], 0.01))
AVERAGE = tuple(
    (w, v**2 + 0.1, g, rate, rho)
    for (w, v, g), rate, rho in (
        (arrays(25, (4,), (4,), (4,)), 0.1, 0.9),
        (arrays(26, (3,), (3,), (3,)), 0.02, 0.99),
    )
)
# The first step of three weights: one without a gradient, one with a small one, one with a usual one.
QUIET, STILL, FAINT = np.array([0.3, -0.2, 0.1]), np.zeros(3), np.array([0.0, 2e-3, -0.5])
DECAY = ((*arrays(27, (4,), (4,)), 0.1, 0.3), (*arrays(28, (2, 3), (2, 3)), 0.5, 0.02))
ADAM = (
    (FIRST[0], 0 * FIRST[1], 0 * FIRST[2], FIRST[3], 1, 0.1),
    (LATER[0], LATER[1], LATER[2] ** 2, LATER[3], 7, 0.02),
    (QUIET, STILL, STILL, FAINT, 1, 0.1),
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
            (lambda x, t: np.log(chosen(softmax(x), t)).mean(), "The sign: the loss is minus the logarithm."),
            (lambda x, t: 1 - chosen(softmax(x), t).mean(), "That is 1 - p: the loss is -log p."),
            (lambda x, t: -chosen(softmax(x), t).mean(), "The logarithm is missing: the loss is -log p."),
            (lambda x, t: -np.log2(chosen(softmax(x), t)).mean(), "That is in bits: take the natural logarithm."),
            (
                lambda x, t: -np.log(np.maximum(chosen(softmax(x, 0), t), 1e-300)).mean(),
                "Your softmax runs down the batch: each row, one picture's scores, has to sum to 1.",
            ),
            (
                rounded_loss,
                "Right until p rounds to 0, and log 0 is infinite: take x - log Σ exp x, never the log of softmax.",
            ),
            (
                overflowing_loss,
                "Right until scores are large: exp(1000) overflows. Take each row's maximum off first.",
            ),
        ),
    ),
    Code(
        name="01.score_gradient",
        question="The gradient of the mean cross-entropy of softmax to the scores x (B, K), for labels (B,).",
        takes="x labels",
        solution=score_gradient,
        cases=LOGITS[:2],
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
        name="01.relu_backward",
        question="The gradient to x of y = max(x, 0), given dy.",
        takes="dy x",
        solution=lambda dy, x: dy * (x > 0),
        cases=(arrays(20, (3, 3), (3, 3)), arrays(21, (2, 5), (2, 5)), arrays(22, (4,), (4,))),
        mistakes=(
            (lambda dy, x: dy, "You let everything through: where x was negative, no gradient passes."),
            (lambda dy, x: dy * np.maximum(x, 0), "You multiply by the value of ReLU: its slope is 1, not x."),
            (lambda dy, x: (x > 0) * 1.0, "That is ReLU's slope alone: multiply it by dy, the chain rule."),
            (lambda dy, x: dy * (dy > 0), "You look at the sign of dy: the mask comes from x."),
            (
                lambda dy, x: dy * np.sign(x),
                "sign(x) is -1 where x was negative: the slope of ReLU is 0 there.",
            ),
            (lambda dy, x: np.maximum(dy * x, 0), "You apply ReLU to a product: mask dy where x was negative."),
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
            (partial(network_gradient, mask="da"), "The mask looks at the sign of dA: it comes from Z."),
            (
                partial(network_gradient, mask="a"),
                "You multiply dA by A: ReLU's slope is 1 where Z was positive, not A.",
            ),
            (partial(network_gradient, share=False), "All four are B times too large: the mean's 1/B belongs into dS."),
            (partial(network_gradient, known=False), "dS is P / B with you: take Y off, the 1 at each right class."),
            (partial(network_gradient, before=True), "dW2 takes what the second layer got: A, after ReLU, not Z."),
            (partial(network_gradient, back=False), "dA goes back through the weights: it is dS W2ᵀ."),
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
    Code(
        name="01.momentum",
        question="One step of SGD with momentum: v ← μ v + g, then w ← w - rate · v. Return w and v.",
        takes="w v g rate mu",
        returns="w v",
        solution=lambda w, v, g, rate, mu: (w - rate * (mu * v + g), mu * v + g),
        cases=MOMENTUM,
        mistakes=(
            (lambda w, v, g, rate, mu: (w - rate * v, mu * v + g), "You move by the old v: update v first."),
            (
                lambda w, v, g, rate, mu: (w - rate * (mu * v + (1 - mu) * g), mu * v + (1 - mu) * g),
                "You weight g by 1 - μ: that is a running mean, as Adam keeps it.",
            ),
            (lambda w, v, g, rate, mu: (w + rate * (mu * v + g), mu * v + g), "You climb: subtract rate · v from w."),
            (lambda w, v, g, rate, mu: (w - rate * g, mu * v + g), "You move by g alone: the step is v's."),
            (
                lambda w, v, g, rate, mu: (w + mu * v - rate * g, mu * v - rate * g),
                "Another convention: your v holds the rate already. Keep the rate for the step of w.",
            ),
            (
                lambda w, v, g, rate, mu: (w - rate * (g + mu * (mu * v + g)), mu * v + g),
                "That is Nesterov's step, which looks ahead: here w moves by rate · v.",
            ),
        ),
    ),
    Code(
        name="01.rmsprop",
        question="One step of RMSProp: v ← ρ v + (1 - ρ) g², then w ← w - rate · g / (√v + 1e-8). Return w and v.",
        takes="w v g rate rho",
        returns="w v",
        solution=rmsprop_step,
        cases=(*AVERAGE, (QUIET, STILL, FAINT, 0.1, 0.9)),
        mistakes=(
            (partial(rmsprop_step, late=True), "You divide by the old v: update v first."),
            (partial(rmsprop_step, root=False), "The square root is missing: divide by √v, not by v."),
            (partial(rmsprop_step, power=1), "v averages the squares of g: g² is missing."),
            (partial(rmsprop_step, fresh=False), "g² comes in with weight 1 - ρ: yours is no mean."),
            (partial(rmsprop_step, swap=True), "ρ and 1 - ρ are exchanged: the old v keeps the share ρ."),
            (partial(rmsprop_step, sign=1), "You climb: the step is subtracted from w."),
            (partial(rmsprop_step, eps=0), "ε is missing: while all gradients are 0, so is √v, and 0 / 0 is NaN."),
            (partial(rmsprop_step, inside=True), "ε stands outside of the root: √v + ε."),
        ),
    ),
    Code(
        name="01.adam",
        question="Step t = 1, 2, … of Adam with β = (0.9, 0.999) and ε = 1e-8. Return w, m and v.",
        takes="w m v g t rate",
        returns="w m v",
        solution=adam_step,
        cases=ADAM,
        also=(partial(adam_step, early=True),),
        mistakes=(
            (
                partial(adam_step, correct=""),
                "The bias correction is missing: divide m by 1 - β₁ᵗ and v by 1 - β₂ᵗ.",
            ),
            (partial(adam_step, correct="m"), "Only m is corrected: divide v by 1 - β₂ᵗ, too."),
            (partial(adam_step, correct="v"), "Only v is corrected: divide m by 1 - β₁ᵗ, too."),
            (partial(adam_step, keep=True), "Return the plain m and v: the corrected ones serve this step only."),
            (partial(adam_step, root=False), "The square root is missing: divide by √v, not by v."),
            (partial(adam_step, power=1), "v averages the squares of g: g² is missing."),
            (partial(adam_step, sign=1), "You climb: the step is subtracted from w."),
            (partial(adam_step, betas=(0.999, 0.9)), "The betas are exchanged: 0.9 is for m, 0.999 for v."),
            (partial(adam_step, swap=True), "β and 1 - β are exchanged: the old m keeps the share β."),
            (partial(adam_step, eps=0), "ε is missing: while all gradients are 0, so is √v, and 0 / 0 is NaN."),
            (partial(adam_step, inside=True), "ε stands outside of the root: √v + ε."),
        ),
    ),
    Code(
        name="01.decay",
        question="One step of gradient descent on L + λ/2 ‖w‖², where g is the gradient of L alone.",
        takes="w g rate decay",
        solution=lambda w, g, rate, decay: w - rate * (g + decay * w),
        cases=DECAY,
        mistakes=(
            (lambda w, g, rate, decay: w - rate * g, "That is the step on L alone: the penalty adds λ w to g."),
            (lambda w, g, rate, decay: w - rate * (g + 2 * decay * w), "The 1/2 cancels the 2: the slope is λ w."),
            (lambda w, g, rate, decay: w - rate * (g + decay * w / 2), "The slope of λ/2 w² is λ w, not λ/2 w."),
            (
                lambda w, g, rate, decay: w - rate * (g - decay * w),
                "That lets weights grow: the penalty adds λ w to g.",
            ),
            (
                lambda w, g, rate, decay: w - rate * g - decay * w,
                "The rate multiplies the penalty's gradient too: it is a part of the slope.",
            ),
            (
                lambda w, g, rate, decay: w - rate * (g + decay / 2 * (w**2).sum()),
                "You add the penalty itself to g: add its gradient, λ w.",
            ),
            (
                lambda w, g, rate, decay: w - rate * (g + decay * np.sign(w)),
                "That is the gradient of λ ‖w‖₁: the square's is λ w.",
            ),
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
    Number(
        name="01.rate",
        question="Gradient descent on 2w²: from which learning rate on does it no longer come nearer to 0?",
        answer=0.5,
        why="A step multiplies w by 1 - 4·rate, which reaches -1 at 0.5.",
        hint="The slope is 4w, so a step multiplies w by 1 - 4·rate: when is that as large as 1?",
        mistakes=(
            (0.25, "That rate lands on the minimum in one step: twice as much bounces for ever."),
            (1.0, "The slope of 2w² is 4w, not 2w: the limit comes sooner."),
            (2.0, "2 is the limit for w²/2: this bowl curves four times as much."),
        ),
    ),
    Number(
        name="01.batch_noise",
        question="Batches of 64 pictures instead of 16: by which factor does the noise of the gradient change?",
        answer=0.5,
        why="A mean over B pictures strays as 1/√B, and √(16/64) = 1/2.",
        hint="The noise of a mean of B independent numbers falls as 1/√B.",
        mistakes=(
            (0.25, "That is its variance: the noise itself, a standard deviation, is the root of that."),
            (2.0, "The other way round: a mean over more pictures strays less."),
            (4.0, "The other way round, and with a root: a mean of four times as many strays half as far."),
            (1.0, "Something changes: a mean over more pictures strays less, as 1/√B."),
        ),
        tolerance=0.01,
    ),
    Number(
        name="01.he",
        question="He's standard deviation for the weights from 64 inputs into units with ReLU?",
        answer=math.sqrt(2 / 64),
        why="√(2/64) = 0.177: the 2 makes up for the half that ReLU cuts off.",
        hint="It is √(2 / number of inputs).",
        mistakes=(
            (1 / 8, "That is √(1/64): ReLU halves the mean square, so it takes √(2/64)."),
            (2 / 64, "That is the variance: take its square root."),
            (1 / 64, "That is the variance without ReLU: the standard deviation is √(2/64)."),
            (0.25, "That is √(2/32), from the number of outputs: count the inputs."),
        ),
        tolerance=0.01,
    ),
    Choice(
        name="01.zeros",
        question="All weights of a two-layer network with ReLU start at 0. What happens?",
        answer="c",
        options={
            "a": (
                "It learns, only slower.",
                "Not even slowly: hidden units that all give 0 send no gradient anywhere.",
            ),
            "b": ("The loss becomes NaN.", "Nothing overflows: all scores are 0 and the loss is ln 10."),
            "c": (
                "Only the last bias learns.",
                "Right. All hidden units give 0, so only the last bias has a gradient.",
            ),
            "d": ("It learns as well as ever.", "Units that start alike stay alike, and here they all give 0."),
        },
    ),
    Choice(
        name="01.permutation",
        question="Training and test pictures get their pixels shuffled, all in the same order. The test accuracy?",
        answer="c",
        options={
            "a": (
                "It falls to about 10 %: nobody can read such pictures.",
                "You cannot. The network never knew which pixels are neighbours, so it loses nothing.",
            ),
            "b": (
                "It falls by a few points: strokes are torn apart.",
                "Strokes were never seen as strokes: each pixel is a column of numbers with weights of its own.",
            ),
            "c": (
                "It stays the same.",
                "Right. Reorder the rows of W1 in the same way, and every score is what it was.",
            ),
            "d": (
                "It rises: pixels that depend on each other less are easier.",
                "They depend on each other just as before, in another order.",
            ),
        },
    ),
)
