"""The exercises of lesson 01: a network from scratch, in NumPy."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from .inputs import arrays
from .judge import Choice, Code, Number


def softmax(x: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def chosen(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return p[np.arange(len(p)), labels]


def overflowing_loss(x: np.ndarray, labels: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        powers = np.exp(x)
        return -np.log(chosen(powers / powers.sum(1, keepdims=True), labels)).mean()


def adam_step(
    w, m, v, g, t, rate, *, correct=True, power=2, sign=-1, root=True, inside=False, betas=(0.9, 0.999), keep=False
):
    """Adam (Kingma & Ba 2015, algorithm 1), and its likely mistakes: w, m, v and g (n,), t = 1, 2, …"""
    m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * abs(g) ** power
    m_hat, v_hat = (m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)) if correct else (m, v)
    below = (v_hat + 1e-8) ** 0.5 if inside else v_hat**0.5 + 1e-8 if root else v_hat + 1e-8
    w = w + sign * rate * m_hat / below
    return (w, m_hat, v_hat) if keep else (w, m, v)


X, W, DY = arrays(11, (5, 4), (4, 3), (5, 3))
LINEAR = ((DY, X, W), arrays(12, (2, 3), (2, 3), (3, 3)), arrays(13, (1, 2), (1, 6), (6, 2)))
LOGITS = (
    *((arrays(14, (4, 3))[0], np.array([0, 2, 1, 1])), (arrays(15, (3, 5))[0], np.array([4, 0, 2]))),
    (np.array([[1000.0, 999.0], [-1000.0, -1002.0]]), np.array([0, 1])),
)
MOMENTUM = ((*arrays(16, (4,), (4,), (4,)), 0.1, 0.9), (*arrays(17, (3,), (3,), (3,)), 0.5, 0.5))
FIRST, LATER = arrays(18, (4,), (4,), (4,), (4,)), arrays(19, (3,), (3,), (3,), (3,))
ADAM = (
    (FIRST[0], 0 * FIRST[1], 0 * FIRST[2], FIRST[3], 1, 0.1),
    (LATER[0], LATER[1], LATER[2] ** 2, LATER[3], 7, 0.02),
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
                overflowing_loss,
                "Right until scores are large: exp(1000) overflows. Take each row's maximum off first.",
            ),
        ),
    ),
    Code(
        name="01.linear_backward",
        question="For Y = X W + b and dY, the gradient of a scalar loss to Y, the gradients to X, W and b.",
        takes="dY X W",
        returns="dX dW db",
        solution=lambda dy, x, w: (dy @ w.T, x.T @ dy, dy.sum(0)),
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
            (lambda dy, x: np.maximum(dy * x, 0), "You apply ReLU to a product: mask dy where x was negative."),
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
        ),
    ),
    Code(
        name="01.adam",
        question="Step t = 1, 2, … of Adam with β = (0.9, 0.999) and ε = 1e-8. Return w, m and v.",
        takes="w m v g t rate",
        returns="w m v",
        solution=adam_step,
        cases=ADAM,
        mistakes=(
            (
                partial(adam_step, correct=False),
                "The bias correction is missing: divide m by 1 - β₁ᵗ and v by 1 - β₂ᵗ.",
            ),
            (partial(adam_step, keep=True), "Return the plain m and v: the corrected ones serve this step only."),
            (partial(adam_step, root=False), "The square root is missing: divide by √v, not by v."),
            (partial(adam_step, power=1), "v averages the squares of g: g² is missing."),
            (partial(adam_step, sign=1), "You climb: the step is subtracted from w."),
            (partial(adam_step, betas=(0.999, 0.9)), "The betas are exchanged: 0.9 is for m, 0.999 for v."),
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
            (106, "Those are the units: count arrows."),
        ),
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
)
