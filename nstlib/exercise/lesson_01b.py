"""The exercises of lesson 01b: training."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from .code import Code
from .inputs import arrays
from .prediction import Choice, Number

__all__ = ["EXERCISES"]


def rmsprop_step(
    w: np.ndarray,
    v: np.ndarray,
    g: np.ndarray,
    rate: float,
    rho: float,
    *,
    late: bool = False,
    power: int = 2,
    fresh: bool = True,
    root: bool = True,
    sign: int = -1,
    swap: bool = False,
    inside: bool = False,
    eps: float = 1e-8,
) -> tuple[np.ndarray, np.ndarray]:
    """RMSProp (Tieleman & Hinton 2012) and its likely mistakes: w, v and g (n,)."""
    old, (keep, take) = v, (1 - rho, rho) if swap else (rho, 1 - rho if fresh else 1)
    v = keep * v + take * abs(g) ** power
    used = old if late else v
    below = (used + eps) ** 0.5 if inside else (used**0.5 if root else used) + eps
    with np.errstate(invalid="ignore"):  # without ε
        return w + sign * rate * g / below, v


MOMENTUM = ((*arrays(16, (4,), (4,), (4,)), 0.1, 0.9), (*arrays(17, *3 * [(2, 3)]), 0.5, 0.5))  # weights, too
AVERAGE = tuple(
    (w, v**2 + 0.1, g, rate, rho)
    for (w, v, g), rate, rho in (
        (arrays(25, (4,), (4,), (4,)), 0.1, 0.9),
        (arrays(26, *3 * [(2, 3)]), 0.02, 0.99),
    )
)
# The first step of three weights: one without a gradient, one with a small one, one with a usual one.
QUIET, STILL, FAINT = np.array([0.3, -0.2, 0.1]), np.zeros(3), np.array([0.0, 2e-3, -0.5])
DECAY = ((*arrays(27, (4,), (4,)), 0.1, 0.3), (*arrays(28, (2, 3), (2, 3)), 0.5, 0.02))

EXERCISES = (
    Choice(
        name="01b.zeros",
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
    Number(
        name="01b.he",
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
        name="01b.half_he",
        question="Start with half of He's σ. How large are the sums z of layer 10, beside those of layer 1?",
        answer="c",
        options={
            "a": ("Half as large.", "That is one layer's doing: each of the nine that follow halves again."),
            "b": ("About a tenth.", "Fewer halvings than there are: nine layers lie between the two."),
            "c": ("About a five-hundredth.", "Right. Nine halvings: a factor of 1/512, give or take the draw."),
            "d": (
                "The same: ReLU does not care.",
                "ReLU hands on what is positive as it is, so it hands on the halving.",
            ),
        },
    ),
    Number(
        name="01b.rate",
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
    Code(
        name="01b.momentum",
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
            *(
                (wrong, "Another convention: your v holds the rate already. Keep the rate for the step of w.")
                for wrong in (
                    lambda w, v, g, rate, mu: (w + mu * v - rate * g, mu * v - rate * g),
                    lambda w, v, g, rate, mu: (w - (mu * v + rate * g), mu * v + rate * g),
                )
            ),
            (
                lambda w, v, g, rate, mu: (w - rate * (g + mu * (mu * v + g)), mu * v + g),
                "That is Nesterov's step, which looks ahead: here w moves by rate · v.",
            ),
        ),
    ),
    Code(
        name="01b.rmsprop",
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
            (
                partial(rmsprop_step, eps=0),  # so does one with ε outside of the fraction: it shows in no digit
                "No ε stands beside √v: while all gradients are 0, so is √v, and 0 / 0 is NaN. Divide by √v + ε.",
            ),
            (partial(rmsprop_step, inside=True), "ε stands outside of the root: √v + ε."),
        ),
    ),
    Choice(
        name="01b.common_rate",
        question="All four rules at the rate 0.01, 300 steps: whose loss ends highest, and how far above the lowest?",
        answer="a",
        options={
            "a": ("SGD, at ten times the lowest and more.", "Right. But wait for the sweep before you judge SGD."),
            "b": ("SGD, at less than twice the lowest.", "It is SGD, and by far more: at 0.01 it has hardly begun."),
            "c": ("Adam, which is made for images.", "Adam leads here: 0.01 is near a rate that suits it."),
            "d": ("All four end alike.", "At one common rate they do not: their steps differ in length."),
        },
    ),
    Number(
        name="01b.bug",
        question="Which of the numbered lines makes the second call differ from the first?",
        answer=1,
        why="A default is made once, so every call goes on with the memory that the last one left in states.",
        hint="What is made anew at each call, and what is made once, when Python reads the def?",
        mistakes=(
            (2, "This one makes the random numbers anew, so they are the same at each call."),
            (3, "That protects the caller's start: without it the second call would begin elsewhere."),
            (4, "The number of steps is the same at each call: what is not?"),
            (5, "rng is made anew from the same seed, so the rows are the same at each call."),
            (6, "The gradient has no memory: it is made of rows and parameters alone."),
            (7, "The list is made anew at each step, and holds the parameters of this call."),
            (8, "Near: this line reads and fills the memory. But which line decides how long the memory lives?"),
            (9, "Near: the rule changes its state. But which line decides how long that state lives?"),
            (10, "It returns what it has found: what it began with is the question."),
        ),
    ),
    Number(
        name="01b.batch_noise",
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
    Choice(
        name="01b.batch_size",
        question="5 epochs each, SGD at the best of four rates: which batches teach most?",
        answer="a",
        options={
            "a": ("Small ones: many noisy steps.", "Right. Noise averages out over steps as it does within a batch."),
            "b": (
                "Large ones: few exact steps.",
                "An exact direction is of little use if one may step twenty times only.",
            ),
            "c": ("It makes no difference.", "The number of steps differs by 256 times, and that shows."),
        },
    ),
    Code(
        name="01b.decay",
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
    Choice(
        name="01b.noisy_labels",
        question="Without decay, how many of the wrong labels among 200 will the network learn by heart?",
        answer="c",
        options={
            "a": (
                "None: they contradict the digits.",
                "With twelve parameters for each digit it can afford exceptions.",
            ),
            "b": ("About half.", "More: nothing in the loss keeps it from learning each one."),
            "c": ("Nearly all.", "Right. And the digits that it has not seen pay for it."),
        },
    ),
)
