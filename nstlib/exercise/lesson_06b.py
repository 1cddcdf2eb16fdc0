"""The exercises of lesson 06b: the race of Adam and L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ..spectrum import CENTRE, Smoothing
from .code import Code
from .inputs import tensors, uniform
from .prediction import Choice, Number

__all__ = ["EXERCISES"]


def weigh_waves(x: Tensor, e: float, *, sign: int = -1, least: bool = True, centre: float = CENTRE) -> Tensor:
    """P x, and its likely mistakes: another sign, the mean as it is, another frequency of weight 1.

    Args:
        x: an image (1, 3, H, W).
        e: the exponent.
        sign: of the exponent.
        least: whether the mean counts as one wave per picture; it is left alone otherwise.
        centre: the frequency, in cycles per pixel, whose weight is 1.
    """
    height, width = x.shape[2:]
    f = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width))
    weight = (f.clamp_min(1 / max(height, width)) / centre) ** (sign * e)
    if not least:
        weight[0, 0] = 1
    return torch.fft.irfft2(torch.fft.rfft2(x) * weight, s=(height, width))


def library_waves(x: Tensor, e: float) -> Tensor:
    """P x as the library has it."""
    return Smoothing(x, e)(x.reshape(-1)).view(x.shape)


def sooner(evaluations: Sequence[int], losses: Sequence[float], target: float) -> float:
    """After how many evaluations a run has come to a loss; infinity if it never does."""
    return next((count for count, loss in zip(evaluations, losses, strict=True) if loss <= target), math.inf)


def held(x: Tensor, g: Tensor, low: float, high: float) -> Tensor:
    """Pixels that stand at a bound and are pushed beyond it, as a mask."""
    return ((x <= low) & (g > 0)) | ((x >= high) & (g < 0))


def race(A: Tensor, start: Tensor, rates: Sequence[float], *, spoil: bool = False, first: int = 0) -> Tensor:
    """Where gradient descent ends on ½ xᵀ A x after ten steps, for each of several rates (runners,).

    Args:
        A: (n, n).
        start: (n,).
        rates: of the runners.
        spoil: whether each runner begins where the last one ended.
        first: steps that are not made.
    """
    x, ends = start.clone(), []
    for rate in rates:
        x = x if spoil else start.clone()
        for _ in range(10 - first):
            x = x - rate * (A @ x)
        ends.append(0.5 * x @ A @ x)
    return torch.stack(ends)


RUN = ([1, 2, 4, 5, 9], [8.0, 4.0, 4.0, 1.5, 2.0])
BOUNDS = (torch.tensor([0.0, 0.0, 0.3, 1.0, 1.0, 0.0, 0.7]), torch.tensor([2.0, -1.0, 3.0, -1.0, 1.0, 0.0, -2.0]))
STEEP, SQUARE = torch.tensor([[5.0, 4.0], [4.0, 5.0]]), tensors(66, (3, 3))[0]
RACES = (
    (STEEP, torch.tensor([1.0, -0.75]), [0.05, 0.1]),
    (SQUARE @ SQUARE.T + torch.eye(3), tensors(67, (3,))[0], [0.02, 0.01, 0.05]),
)

EXERCISES = (
    Number(
        name="06b.two_pixels",
        question="Two pixels, gradient 2·(1, 1) + 1·(1, -1); the loss bends by 1 along (1, 1), by 4 along (1, -1). "
        "Newton's step, for each pixel?",
        answer=(-2.25, -1.75),
        why="2·(1, 1) stays, (1, -1) becomes a quarter of itself, and the step goes downhill.",
        hint="Divide each wave's share of the gradient by its bend, add up, and go downhill.",
        mistakes=(
            ((2.25, 1.75), "The sign: a step goes against the gradient."),
            ((-3.0, -1.0), "That is the gradient, downhill: divide each wave by how the loss bends along it."),
            ((-6.0, 2.0), "You multiply by the bend: where the loss bends sharply, the minimum is near, so divide."),
            ((-1.5, 0.5), "Exchanged: the difference, (1, -1), is the wave that bends by 4."),
            ((-0.75, -0.25), "You divide both by 4: the mean, (1, 1), bends by 1 only."),
        ),
    ),
    Code(
        name="06b.waves",
        question="P x: an image (1, 3, H, W) with each wave multiplied by (f / ¼)^-e, f at least one wave per picture.",
        takes="x e",
        solution=library_waves,
        cases=tuple((x, e) for x, e in zip(uniform(6, (1, 3, 12, 16), (1, 3, 17, 9)), (0.7, 1.0), strict=True)),
        large=lambda: (*uniform(7, (1, 3, 96, 128)), 0.7),
        tolerance=1e-3,
        mistakes=(
            (partial(weigh_waves, sign=1), "The sign of the exponent: long waves must get more, not less."),
            (partial(weigh_waves, least=False), "The mean keeps its weight of 1: it counts as one wave per picture."),
            (partial(weigh_waves, centre=1.0), "f is divided by ¼, so that waves of four pixels keep their strength."),
            (partial(weigh_waves, centre=0.5), "f is divided by ¼, not ½: waves of four pixels keep their strength."),
            (lambda x, e: x, "x comes back as it was: no wave is weighed."),
        ),
    ),
    Number(
        name="06b.units",
        question="A program with pixels in 0 … 255 gives Adam the rate 10. Which is it for pixels in [0, 1]?",
        answer=0.0392,
        why="Adam's step is a length in the units of the pixels: 10 / 255.",
        hint="A step of Adam is about the rate, in the units of the pixels.",
        mistakes=(
            (10, "The rate is a length in the units of the pixels, and those are 255 times as large here."),
            (2550, "The other way round: a pixel in [0, 1] is a smaller number."),
        ),
        tolerance=0.03,
    ),
    Choice(
        name="06b.scale",
        question="Multiply the loss by 1024 and change nothing else. Who walks another way?",
        answer="a",
        options={
            "a": (
                "Only plain gradient descent.",
                "Right. Adam divides g by its own size, and L-BFGS's H shrinks as g grows: the factor cancels.",
            ),
            "b": ("Gradient descent and Adam.", "Adam divides m by √v, which grow by the same factor."),
            "c": ("Gradient descent and L-BFGS.", "y grows by the factor, so H = s / y shrinks by it, and H g stays."),
            "d": ("All three.", "Two of the three divide by something that grows with the gradient: which?"),
        },
    ),
    Number(
        name="06b.fair_race",
        question="L-BFGS took 120 iterations and 150 evaluations. How many iterations does Adam get in a fair race?",
        answer=150,
        why="Work is counted in evaluations, and Adam needs one per iteration.",
        hint="Nearly all work is the evaluations: one per iteration of Adam.",
        mistakes=(
            (120, "Equal iterations favour L-BFGS: its line search evaluated 150 times."),
            (270, "Iterations and evaluations are not added: each iteration contains its evaluations."),
        ),
    ),
    Number(
        name="06b.memory",
        question="How many numbers per pixel value do the pairs of L-BFGS with a history of 10 keep?",
        answer=20,
        why="A move s and a change of gradient y for each of 10 iterations; Adam keeps 2.",
        hint="What is remembered of each of the 10 iterations?",
        mistakes=(
            (10, "A pair is two: s and y of each iteration."),
            (100, "H is never written down: only s and y of each iteration."),
            (2, "That is Adam, with m and v: L-BFGS keeps a pair for each iteration."),
        ),
    ),
    Choice(
        name="06b.clamp",
        question="image.clamp_(0, 1) stands inside the closure of L-BFGS. Why can the run go wrong?",
        answer="d",
        options={
            "a": ("clamp has no gradient.", "In place, on the data, autograd does not even see it."),
            "b": ("It costs too much time.", "It costs next to nothing beside the network."),
            "c": ("Pixels need values beyond [0, 1].", "Bounds are fine, as a projection that the optimiser knows of."),
            "d": (
                "The image changes behind the optimiser's back.",
                "Right. s is a move that never happened: the curvature is wrong, the more pixels at bounds, the more.",
            ),
        },
    ),
    Code(
        name="06b.sooner",
        question="After how many evaluations a run first has a loss of the target or below; math.inf if never.",
        takes="evaluations losses target",
        solution=sooner,
        cases=tuple((*RUN, target) for target in (4.0, 1.7, 8.0, 1.0)),
        mistakes=(
            (
                lambda evaluations, losses, target: sooner(evaluations, losses, target - 1e-6),
                "A run that is exactly at the target has reached it: <=, not <.",
            ),
            (
                lambda evaluations, losses, target: sooner(range(len(losses)), losses, target),
                "That is the place in the list: the evaluations at that place are asked for.",
            ),
            (
                lambda evaluations, losses, target: sooner(range(1, len(losses) + 1), losses, target),
                "That counts the moves: one of them may take several evaluations.",
            ),
            (
                lambda evaluations, losses, target: max(
                    (e for e, loss in zip(evaluations, losses, strict=True) if loss <= target), default=math.inf
                ),
                "That is the last time: the first one is asked for.",
            ),
            (
                lambda evaluations, losses, target: min(sooner(evaluations, losses, target), evaluations[-1]),
                "Who never comes there did not come with the last evaluation: math.inf.",
            ),
        ),
    ),
    Code(
        name="06b.held",
        question="The mask (n,) of pixels at a bound that a step along -g would push beyond it.",
        takes="x g low high",
        solution=held,
        cases=((*BOUNDS, 0.0, 1.0), ((0.3 + 0.4 * BOUNDS[0]).clamp(0.3, 0.7), BOUNDS[1], 0.3, 0.7)),
        mistakes=(
            (lambda x, g, low, high: held(x, -g, low, high), "The sign: the step goes along -g, so g > 0 lowers x."),
            (
                lambda x, g, low, high: (x <= low) | (x >= high),
                "Those are all at a bound: many are pulled back inside.",
            ),
            (lambda x, g, low, high: (x <= low) & (g > 0), "The upper bound is missing: there g < 0 pushes out."),
            (lambda x, g, low, high: (x >= high) & (g < 0), "The lower bound is missing: there g > 0 pushes out."),
            (lambda x, g, low, high: ~held(x, g, low, high), "Those are the free ones: the held ones are asked for."),
            (
                lambda x, g, low, high: held(x, g, 0.0, 1.0),
                "You wrote the bounds 0 and 1 into it: take low and high.",
            ),
        ),
    ),
    Code(
        name="06b.bug",
        question="Where each runner ends on ½ xᵀ A x, (runners,): ten steps of gradient descent from start.",
        takes="A start rates",
        solution=race,
        cases=RACES,
        mistakes=(
            (
                partial(race, spoil=True),
                "As it was: the second runner does better whoever it is. Where does it begin?",
            ),
            (partial(race, first=1), "Nine steps: each runner makes ten."),
        ),
    ),
    Choice(
        name="06b.defaults",
        question="One loss, one start, the library's defaults: who is lower after 20 evaluations, and who after 60?",
        answer="b",
        options={
            "a": ("Adam after 20, L-BFGS after 60.", "L-BFGS needs no time to warm up: two pairs tell it a lot."),
            "b": ("L-BFGS both times.", "Right. But do not believe one race: wait for sixty."),
            "c": ("Adam both times.", "Its default rate, 0.02, is a careful one."),
        },
    ),
    Choice(
        name="06b.tuned",
        question="Adam gets the best of four rates, chosen for each case; L-BFGS its defaults. Who ends lower?",
        answer="b",
        options={
            "a": ("Adam, mostly.", "Tuning is worth much, and brings it level from the content: from noise it lags."),
            "b": (
                "From the content neither, from noise L-BFGS.",
                "Right. And Adam had four runs for its one.",
            ),
            "c": (
                "L-BFGS, from both starts.",
                "From the content tuning brings Adam level: the best of four is far better.",
            ),
        },
    ),
    Choice(
        name="06b.history",
        question="After 80 evaluations, how much lower does L-BFGS end with a history of 30 pairs than with one of 1?",
        answer="a",
        options={
            "a": ("By less than a tenth.", "Right. Here one pair does nearly all that thirty do."),
            "b": ("By about a third.", "Far less: old pairs describe a place that the run has left."),
            "c": ("To half.", "Far less: even one pair knows the steepest of the directions, and its scale."),
        },
    ),
    Choice(
        name="06b.way",
        question="In gradient and whole way the shortest waves are weaker than the longest. In which by more?",
        answer="a",
        options={
            "a": ("The way.", "Right. Long waves have farther to go than their gradient says."),
            "b": ("The gradient.", "Then short waves would have farther to go, and a painting would be all grain."),
            "c": ("Both alike.", "Then the gradient would point along the way, and one step would do."),
        },
    ),
    Choice(
        name="06b.exponent",
        question="The same run with e = 0, 0.7 and 2: which ends lowest?",
        answer="b",
        options={
            "a": ("0: P only helps at the start.", "It helps all along: pairs are forgotten, P is not."),
            "b": ("0.7, as the way says.", "Right. Too much of it holds the strokes back."),
            "c": ("2: the more, the better.", "Then short waves hardly move, and strokes are short waves."),
        },
    ),
    Choice(
        name="06b.turned",
        question="A long, narrow bowl along the axes is turned by 45°. How much more work has Adam there?",
        answer="d",
        options={
            "a": ("None: it is the same bowl.", "The same bowl, but Adam scales x and y, and the valley lies across."),
            "b": ("About half as much more.", "Much more: what it divides by is the same on both axes now."),
            "c": ("About twice as much.", "Far more than two axes can tell: it walks the valley in tiny steps."),
            "d": ("Ten times as much, and more.", "Right. It sees the axes only, and both look alike now."),
        },
    ),
    Choice(
        name="06b.stairs",
        question="Loss and gradient are rounded to 8 bits. Who stops before the end?",
        answer="b",
        options={
            "a": ("Adam.", "It never looks at the loss, and averages gradients: their errors cancel."),
            "b": ("L-BFGS.", "Right. Its line search asks for a lower loss, and sees a level stair."),
            "c": ("Both.", "One of the two never looks at the value of the loss."),
        },
    ),
)
