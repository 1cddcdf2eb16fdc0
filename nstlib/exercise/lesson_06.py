"""The exercises of lesson 06: Adam and L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import torch
from torch import Tensor

from ..optimizers import History, adam
from ..spectrum import CENTRE, Smoothing
from .inputs import tensors, uniform
from .lesson_01 import adam_step
from .question import Choice, Code, Number

__all__ = ["EXERCISES", "bfgs", "two_loop"]


def adam_path(gradients: Tensor, rate: float, t: Callable[[int], int] = lambda t: t, **mistake: object) -> Tensor:
    """Adam from 0 through given gradients (T, n) → where it ends (n,)."""
    w = m = v = torch.zeros(gradients.shape[1])
    for i, g in enumerate(gradients, start=1):
        w, m, v = adam_step(w, m, v, g, t(i), rate, **mistake)
    return w


def library_adam(gradients: Tensor, rate: float) -> Tensor:
    """The same by `optimize.adam`; (`torch.optim.Adam` would first import for seconds)."""
    fed = iter([*gradients, gradients[0]])  # a step reports the image before its move: ask for one more
    objective = SimpleNamespace(value_and_gradient=lambda image: (torch.zeros(()), {}, next(fed)))
    steps = adam(objective, torch.zeros_like(gradients[0]), rate=rate, bounds=None)
    return [next(steps) for _ in range(len(gradients) + 1)][-1].image


def library_direction(g: Tensor, S: Tensor, Y: Tensor) -> Tensor:
    """-H g as `optimize.History` finds it."""
    pairs = History(len(S), g, Smoothing(g.view(1, 1, 1, -1), 0.0))
    for s, y in zip(S, Y, strict=True):
        pairs.propose(s, torch.zeros_like(s), y, torch.zeros_like(y))
        pairs.add(*pairs.products(g).numpy()[:2], float(s @ s), least=0.0)
    return pairs.direction(g, float(g @ g), *pairs.products(g).numpy()[2:])[0]


def two_loop(
    g: Tensor, S: Tensor, Y: Tensor, *, youngest_first=True, back=True, scale=1, pair=-1, fresh=True, beta=True, sign=-1
) -> Tensor:
    """L-BFGS's direction (Nocedal & Wright 2006, algorithm 7.4), and its likely mistakes.

    Args:
        g: gradient (n,).
        S: moves (rows, n), the oldest first.
        Y: changes of the gradient (rows, n).
        youngest_first: whether the first loop begins with the youngest pair.
        back: whether the second loop runs the other way.
        scale: the power of γ = s·y / y·y that stands between the loops.
        pair: that γ is of.
        fresh: whether α comes from q, as it has become, or from g.
        beta: whether the second loop takes β off.
        sign: of the direction; 1 climbs.
    """
    rho, alpha, q = 1 / (S * Y).sum(1), torch.zeros_like(S[:, 0]), g.clone()
    order = list(range(len(S)))[:: -1 if youngest_first else 1]
    for i in order:
        alpha[i] = rho[i] * (S[i] @ (q if fresh else g))
        q -= alpha[i] * Y[i]
    r = q * ((S[pair] @ Y[pair]) / (Y[pair] @ Y[pair])) ** scale
    for i in reversed(order) if back else order:
        r = r + (alpha[i] - (rho[i] * (Y[i] @ r) if beta else 0)) * S[i]
    return sign * r


def bfgs(H: Tensor, s: Tensor, y: Tensor, *, rank_one=True, sides=2, turned=False, rho: Tensor | None = None) -> Tensor:
    """The next inverse Hessian (Nocedal & Wright 2006, equation 6.17), and its likely mistakes.

    Args:
        H: the inverse Hessian so far (n, n).
        s: the move (n,).
        y: the change of the gradient (n,).
        rank_one: whether ρ s sᵀ is added.
        sides: on how many sides of H its factor stands.
        turned: whether that is its transpose.
        rho: 1 / s·y if None.
    """
    rho = 1 / (s @ y) if rho is None else rho
    left = torch.eye(len(s), dtype=H.dtype) - rho * torch.outer(*((y, s) if turned else (s, y)))
    H = left @ H @ left.T if sides == 2 else left @ H
    return H + rho * torch.outer(s, s) if rank_one else H


def elementwise_bfgs(H: Tensor, s: Tensor, y: Tensor) -> Tensor:
    factor = torch.eye(len(s)) - s * y / (s @ y)
    return factor @ H @ factor + s * s / (s @ y)


def curved(seed: int, rows: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """g (n,), moves S (rows, n) and changes of gradient Y of a bowl, so that s·y > 0."""
    g, S, A = tensors(seed, (n,), (rows, n), (n, n))
    return g, S, S @ (A @ A.T + torch.eye(n))


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


BOWLS = tuple(curved(*sizes) for sizes in ((61, 3, 5), (62, 1, 3), (63, 4, 4)))
UPDATES = tuple((torch.eye(g.numel()) * k + torch.outer(g, g), S[0], Y[0]) for k, (g, S, Y) in enumerate(BOWLS, 1))
# The last holds small ones, and a weight that has none.
GRADIENTS = (
    *((g, 0.1) for g in tensors(64, (1, 3), (5, 4))),
    (1e-4 * tensors(65, (3, 4))[0] * torch.tensor([1.0, 1.0, 1.0, 0.0]), 0.02),
)

EXERCISES = (
    Code(
        name="06.adam",
        question="Where Adam (β = 0.9 and 0.999, ε = 1e-8) is after the gradients (T, n), from w = 0.",
        takes="gradients rate",
        solution=library_adam,
        cases=GRADIENTS,
        also=(partial(adam_path, early=True),),
        mistakes=(
            (
                partial(adam_path, correct=""),
                "The bias correction is missing: m and v start at 0, divide them by 1 - β₁ᵗ and 1 - β₂ᵗ.",
            ),
            (partial(adam_path, correct="m"), "Only m is corrected: divide v by 1 - β₂ᵗ, too."),
            (partial(adam_path, correct="v"), "Only v is corrected: divide m by 1 - β₁ᵗ, too."),
            (partial(adam_path, swap=True), "β and 1 - β are exchanged: the old m keeps the share β."),
            (partial(adam_path, eps=0), "ε is missing: a weight whose gradients are all 0 gets 0 / 0, which is NaN."),
            (partial(adam_path, t=lambda t: 1), "t stays at 1: count the steps."),
            (partial(adam_path, t=lambda t: t - 1), "t starts at 0, where 1 - βᵗ is 0: start at 1."),
            (partial(adam_path, t=lambda t: t + 1), "t starts at 2: count it up once per step, from 1."),
            (partial(adam_path, keep=True), "The corrected m and v serve one step only: go on with the plain ones."),
            (partial(adam_path, inside=True), "ε stands outside of the root: √v + ε."),
            (partial(adam_path, root=False), "The square root is missing: divide by √v, not by v."),
            (partial(adam_path, power=1), "v averages the squares of g: g² is missing."),
            (partial(adam_path, sign=1), "You climb: the step is subtracted."),
            (partial(adam_path, betas=(0.999, 0.9)), "The betas are exchanged: 0.9 is for m, 0.999 for v."),
        ),
    ),
    Code(
        name="06.two_loop",
        question="L-BFGS's direction -H g (n,) from moves S and changes of gradient Y (rows, n), oldest first.",
        takes="g S Y",
        solution=library_direction,
        cases=BOWLS,
        tolerance=2e-3,
        mistakes=(
            (partial(two_loop, sign=1), "The sign: that is H g, which points uphill."),
            (
                partial(two_loop, youngest_first=False),
                "The loops run the wrong way round: first from the youngest pair to the oldest, then back.",
            ),
            (partial(two_loop, scale=0), "The scale between the loops is missing: γ = s·y / y·y of the youngest."),
            (partial(two_loop, scale=-1), "γ is upside down: it is s·y / y·y, a length over a curvature."),
            (partial(two_loop, pair=0), "Your γ is of the oldest pair: take the youngest, S[-1] and Y[-1]."),
            (partial(two_loop, back=False), "Your second loop runs like the first: it goes back, oldest pair first."),
            (partial(two_loop, fresh=False), "Your α comes from g: take q as the pairs before have left it, ρ s·q."),
            (partial(two_loop, beta=False), "β is missing in the second loop: add (α - β) s."),
            (lambda g, S, Y: -g, "That is the plain gradient: S and Y are not used."),
        ),
    ),
    Code(
        name="06.waves",
        question="P x: an image (1, 3, H, W) with each wave multiplied by (f / ¼)^-e, f at least one wave per picture.",
        takes="x e",
        solution=library_waves,
        cases=tuple((x, e) for x, e in zip(uniform(6, (1, 3, 12, 16), (1, 3, 17, 9)), (0.7, 1.0), strict=True)),
        tolerance=1e-3,
        mistakes=(
            (partial(weigh_waves, sign=1), "The sign of the exponent: long waves must get more, not less."),
            (partial(weigh_waves, least=False), "The mean keeps its weight of 1: it counts as one wave per picture."),
            (partial(weigh_waves, centre=1.0), "f is divided by ¼, so that waves of four pixels keep their strength."),
            (partial(weigh_waves, centre=0.5), "f is divided by ¼, not ½: waves of four pixels keep their strength."),
            (lambda x, e: x, "x comes back as it was: no wave is weighed."),
        ),
    ),
    Code(
        name="06.bfgs",
        question="BFGS's next inverse Hessian (n, n) from H, a move s and the change of gradient y.",
        takes="H s y",
        solution=bfgs,
        cases=UPDATES,
        tolerance=1e-3,
        mistakes=(
            (partial(bfgs, rank_one=False), "ρ s sᵀ is missing: without it H y = s cannot hold."),
            (
                partial(bfgs, turned=True),
                "The factor is transposed: I - ρ s yᵀ stands left of H, and I - ρ y sᵀ right.",
            ),
            (partial(bfgs, sides=1), "Only one side: (I - ρ s yᵀ) H (I - ρ y sᵀ) keeps H symmetric."),
            (lambda H, s, y: bfgs(H, y, s), "s and y are exchanged: that updates the Hessian, not its inverse."),
            (
                lambda H, s, y: H + torch.outer(s, s) / (s @ y) - torch.outer(H @ y, H @ y) / (y @ H @ y),
                "That is DFP's update: BFGS's is (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ.",
            ),
            (
                elementwise_bfgs,
                "s * y multiplies number by number: s yᵀ is a matrix, torch.outer(s, y).",
            ),
            (lambda H, s, y: bfgs(H, s, y, rho=1 / (s @ s)), "ρ = 1 / s·y, not 1 / s·s."),
            (lambda H, s, y: bfgs(H, s, y, rho=s @ y), "ρ is upside down: 1 / s·y."),
        ),
    ),
    Code(
        name="06.armijo",
        question="Whether a step t is enough: new ≤ loss + c t slope with c = 1e-4 (slope < 0, along the direction).",
        takes="loss new slope t",
        solution=lambda loss, new, slope, t: new <= loss + 1e-4 * t * slope,
        cases=(
            *((1.0, 0.9, -1.0, 1.0), (1.0, 0.99995, -1.0, 1.0), (1.0, 0.99995, -1.0, 0.1)),
            *((1.0, 1.00005, -1.0, 1.0), (2.0, 2.5, -3.0, 0.5), (1.0, 0.9995, -4.0, 1.0), (1.0, 1.0002, -4.0, 1.0)),
            *((1.0, 0.05, -1.0, 1.0), (1.0, 0.9985, -1.0, 1.0)),
        ),
        mistakes=(
            (lambda loss, new, slope, t: new < loss, "Any decrease is not enough: it must be c t |slope| at least."),
            (lambda loss, new, slope, t: new <= loss + 1e-4 * slope, "t is missing: a short step promises less."),
            (
                lambda loss, new, slope, t: new <= loss - 1e-4 * t * slope,
                "The sign: the slope is negative already, add it.",
            ),
            (
                lambda loss, new, slope, t: new <= loss + 0.9 * t * slope,
                "0.9 is c₂, of the condition on the slope: c is 1e-4 here, and asks for very little.",
            ),
            (lambda loss, new, slope, t: new <= loss + 1e-3 * t * slope, "c is 1e-4: your own asks for more."),
            (lambda loss, new, slope, t: new <= loss + t * slope, "c is missing: no curve falls as its tangent does."),
            (
                lambda loss, new, slope, t: new >= loss + 1e-4 * t * slope,
                "The other way round: the new loss must be lower.",
            ),
            (lambda loss, new, slope, t: new <= loss + 1e-4 * t, "The slope is missing: c t slope."),
        ),
    ),
    Number(
        name="06.first_step",
        question="Adam's first step with rate 0.02, where the gradient is 1000: by how much does the pixel move?",
        answer=0.02,
        why="After the correction m = g and √v = |g|: the first step is the rate, whatever the gradient.",
        hint="With the bias correction, m / √v = g / |g| at the first step.",
        mistakes=(
            (20, "That is plain gradient descent: Adam divides by the gradient's size."),
            (-0.02, "The right length, and downhill: give it without the sign."),
            (0.002, "m alone is uncorrected there: both m and √v are corrected, and their ratio is 1."),
            (0.0632, "That is without bias correction: 0.1 / √0.001 = 3.16 times the rate."),
        ),
        tolerance=0.01,
    ),
    Number(
        name="06.bowl_rate",
        question="f = (x² + 25 y²) / 2. Above which rate does plain gradient descent not come to the minimum any more?",
        answer=0.08,
        why="y is multiplied by 1 - 25 · rate at each step, and |1 - 25 · rate| < 1 ends at 2 / 25.",
        hint="A step multiplies y by 1 - 25 · rate: when is that smaller than 1, sign aside?",
        mistakes=(
            (2, "That is the bound for x alone: y, the steep direction, decides."),
            (0.04, "At 1 / 25 y is at its minimum in one step: twice as far only just fails."),
            (0.16, "The gradient of 25 y² / 2 is 25 y, not 12.5 y."),
        ),
        tolerance=1e-3,
    ),
    Number(
        name="06.units",
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
        name="06.scale",
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
        name="06.newton",
        question="How many of Newton's steps lead from anywhere to the minimum of a quadratic bowl?",
        answer=1,
        why="Newton minimises the quadratic that fits, and this one fits exactly.",
        hint="Newton jumps to the minimum of the quadratic that fits: how well does it fit here?",
        mistakes=(
            (2, "One per axis would be conjugate gradients: Newton takes all at once."),
            (0, "Zero only if it starts there: from anywhere else it needs one."),
        ),
    ),
    Number(
        name="06.fair_race",
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
        name="06.memory",
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
        name="06.clamp",
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
)
