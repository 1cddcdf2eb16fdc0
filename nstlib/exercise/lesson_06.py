"""The exercises of lesson 06: Adam and L-BFGS by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..optimizers.history import History
from ..spectrum import Smoothing
from .code import Code
from .inputs import tensors
from .prediction import Choice, Number

__all__ = ["EXERCISES", "adam_step", "bfgs", "two_loop"]


def adam_step(
    w: Tensor,
    m: Tensor,
    v: Tensor,
    g: Tensor,
    t: int,
    rate: float,
    *,
    correct: str = "mv",
    square: Callable[[Tensor], Tensor] = lambda g: g * g,
    sign: int = -1,
    root: bool = True,
    inside: bool = False,
    eps: float = 1e-8,
    early: bool = False,
    betas: tuple[float, float] = (0.9, 0.999),
    swap: bool = False,
    keep: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """A step of Adam (Kingma & Ba 2015, algorithm 1), and its likely mistakes: the next w, m and v.

    Args:
        w: weights (n,).
        m: running mean of the gradients (n,).
        v: running mean of their squares (n,).
        g: gradient (n,).
        t: number of the step, 1, 2, …
        rate: learning rate.
        correct: which of m and v are corrected for their start at 0.
        square: what v averages of the gradient.
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
    m, v = keep_m * m + take_m * g, keep_v * v + take_v * square(g)
    m_hat = m / (1 - betas[0] ** t) if "m" in correct else m
    v_hat = v / (1 - betas[1] ** t) if "v" in correct else v
    below = (v_hat + eps) ** 0.5 if inside else v_hat**0.5 + eps if root else v_hat + eps
    below = (v**0.5 + eps) / (1 - betas[1] ** t) ** 0.5 if early else below
    w = w + sign * rate * m_hat / below
    return (w, m_hat, v_hat) if keep else (w, m, v)


def library_direction(g: Tensor, S: Tensor, Y: Tensor) -> Tensor:
    """-H g as `optimize.History` finds it."""
    pairs = History(len(S), g, Smoothing(g.view(1, 1, 1, -1), 0.0))
    for s, y in zip(S, Y, strict=True):
        pairs.propose(s, torch.zeros_like(s), y, torch.zeros_like(y))
        sy, yy, _, _ = pairs.products(g).numpy()
        pairs.order = pairs.admit(sy, yy, float(s @ s), least=0.0)
    _, _, sg, yg = pairs.products(g).numpy()
    return pairs.direction(g, float(g @ g), sg, yg)[0]


def two_loop(
    g: Tensor,
    S: Tensor,
    Y: Tensor,
    *,
    youngest_first: bool = True,
    back: bool = True,
    scale: int = 1,
    pair: int = -1,
    fresh: bool = True,
    beta: bool = True,
    turned: bool = False,
    sign: int = -1,
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
        turned: whether the second loop takes the α in the order in which the first one found them.
        sign: of the direction; 1 climbs.
    """
    rho, alpha, q = 1 / (S * Y).sum(1), torch.zeros_like(S[:, 0]), g.clone()
    order = list(range(len(S)))[:: -1 if youngest_first else 1]
    for i in order:
        alpha[i] = rho[i] * (S[i] @ (q if fresh else g))
        q -= alpha[i] * Y[i]
    r = q * ((S[pair] @ Y[pair]) / (Y[pair] @ Y[pair])) ** scale
    alpha = alpha.flip(0) if turned else alpha
    for i in reversed(order) if back else order:
        r = r + (alpha[i] - (rho[i] * (Y[i] @ r) if beta else 0)) * S[i]
    return sign * r


def bfgs(
    H: Tensor,
    s: Tensor,
    y: Tensor,
    *,
    rank_one: bool = True,
    sides: int = 2,
    turned: bool = False,
    rho: Tensor | None = None,
) -> Tensor:
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


def same_factor(H: Tensor, s: Tensor, y: Tensor) -> Tensor:
    """BFGS's update with the left factor on both sides of H."""
    left = torch.eye(len(s)) - torch.outer(s, y) / (s @ y)
    return left @ H @ left + torch.outer(s, s) / (s @ y)


def curved(seed: int, rows: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """g (n,), moves S (rows, n) and changes of gradient Y of a bowl, so that s·y > 0."""
    g, S, A = tensors(seed, (n,), (rows, n), (n, n))
    return g, S, S @ (A @ A.T + torch.eye(n))


def long_step() -> tuple[Tensor, Tensor, Tensor, Tensor, int, float]:
    """A step of so many pixels that no loop takes them one by one in passing; a picture has far more."""
    w, m, v, g = tensors(67, *(4 * [(40_000,)]))
    return w, m, v.square(), g, 7, 0.02


def long_history() -> tuple[Tensor, Tensor, Tensor]:
    """The same of so many pixels that no matrix (n, n) is made of them in passing; a picture has far more."""
    g, S, factor = tensors(66, (4000,), (3, 4000), (4000,))
    return g, S, S * (1 + factor.square())


def backtrack(A: Tensor, x: Tensor, d: Tensor, *, shrink: float = 0.5, c: float = 1e-4) -> float:
    """The first t of 1, 1/2, 1/4, … that Armijo's condition takes, for the loss ½ xᵀ A x."""
    loss, slope, t = 0.5 * x @ A @ x, (A @ x) @ d, 1.0
    for _ in range(20):
        trial = x + t * d
        if 0.5 * trial @ A @ trial <= loss + c * t * slope:
            break
        t *= shrink
    return t


def wandering(A: Tensor, x: Tensor, d: Tensor) -> float:
    """The same with the lesson's planted mistake: it moves x, so trials add up."""
    loss, slope, t = 0.5 * x @ A @ x, (A @ x) @ d, 1.0
    for _ in range(20):
        x = x + t * d
        if 0.5 * x @ A @ x <= loss + 1e-4 * t * slope:
            break
        t /= 2
    return t


BOWLS = tuple(curved(*sizes) for sizes in ((61, 3, 5), (62, 1, 3), (63, 4, 4)))
UPDATES = tuple((torch.eye(g.numel()) * k + torch.outer(g, g), S[0], Y[0]) for k, (g, S, Y) in enumerate(BOWLS, 1))
NOW, OLD, FIRST = tensors(64, (4,), (4,)), tensors(65, (4,), (4,)), torch.zeros(3)
STEPS = (
    (NOW[0], torch.zeros(4), torch.zeros(4), NOW[1], 1, 0.1),
    (NOW[0], OLD[0], OLD[1].square(), NOW[1], 7, 0.02),
    (torch.tensor([0.3, 0.2, 0.1]), FIRST, FIRST, torch.tensor([0.0, 2e-4, -0.5]), 1, 0.1),  # one that has no gradient
)

# Too long by 3, long enough at once, and so much too long that the loss is hardly lower on the other side.
STEEP = torch.tensor([[5.0, 4.0], [4.0, 5.0]])
LINES = (
    *((STEEP, x, -k * (STEEP @ x)) for x, k in ((torch.tensor([1.0, -0.75]), 3.0), (torch.tensor([0.5, 1.0]), 0.2))),
    (torch.eye(2), torch.tensor([1.0, 0.0]), torch.tensor([-1.99995, 0.0])),
)

EXERCISES = (
    Code(
        name="06.adam",
        question="One step of Adam (β = 0.9 and 0.999, ε = 1e-8): w, m and v (n,) after the gradient g of step t.",
        takes="w m v g t rate",
        returns="w m v",
        solution=adam_step,
        cases=STEPS,
        large=long_step,
        also=(partial(adam_step, early=True),),
        mistakes=(
            (
                partial(adam_step, correct=""),
                "The bias correction is missing: m and v start at 0, divide them by 1 - β₁ᵗ and 1 - β₂ᵗ.",
            ),
            (partial(adam_step, correct="m"), "Only m is corrected: divide v by 1 - β₂ᵗ, too."),
            (partial(adam_step, correct="v"), "Only v is corrected: divide m by 1 - β₁ᵗ, too."),
            (partial(adam_step, swap=True), "β and 1 - β are exchanged: the old m keeps the share β."),
            (partial(adam_step, eps=0), "ε is missing: a pixel whose gradients are all 0 gets 0 / 0, which is NaN."),
            (lambda w, m, v, g, t, rate: adam_step(w, m, v, g, 1, rate), "1 - βᵗ with t always 1: take the given t."),
            (
                lambda w, m, v, g, t, rate: adam_step(w, m, v, g, t + 1, rate),
                "t is 1 at the first step: take it as it is.",
            ),
            (partial(adam_step, keep=True), "Return the plain m and v: the corrected ones serve this step only."),
            (partial(adam_step, inside=True), "ε stands outside of the root: √v + ε."),
            (partial(adam_step, root=False), "The square root is missing: divide by √v, not by v."),
            *(
                (partial(adam_step, square=of), "v averages the squares of g: g² is missing.")
                for of in (torch.abs, torch.clone)
            ),
            (partial(adam_step, sign=1), "You climb: the step is subtracted."),
            (partial(adam_step, betas=(0.999, 0.9)), "The betas are exchanged: 0.9 is for m, 0.999 for v."),
        ),
    ),
    Code(
        name="06.two_loop",
        question="L-BFGS's direction -H g (n,) from moves S and changes of gradient Y (rows, n), oldest first.",
        takes="g S Y",
        solution=library_direction,
        cases=BOWLS,
        large=long_history,
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
            (
                partial(two_loop, turned=True),
                "Each α belongs to its pair: the second loop meets them in the reverse order, reversed(alphas).",
            ),
            (partial(two_loop, beta=False), "β is missing in the second loop: add (α - β) s."),
            (lambda g, S, Y: -g, "That is the plain gradient: S and Y are not used."),
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
                lambda H, s, y: bfgs(H, s, y, rank_one=False) + torch.outer(s, s),
                "Right but for the last term: it is ρ s sᵀ, and your ρ is missing there.",
            ),
            (same_factor, "The right factor is the left one's transpose, I - ρ y sᵀ: left @ H @ left.T."),
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
            *((1.0, 0.05, -1.0, 1.0), (1.0, 0.9985, -1.0, 1.0), (1.0, 0.3, -1.0, 1.0), (1.0, 0.999995, -1.0, 1.0)),
            *((1.0, 0.9998, -4.0, 1.0), (1.0, 0.999995, -1.0, 0.1), (2.0, 1.99985, -1.0, 1.0)),
            *((1.0, 0.9985, -0.001, 1.0), (1.0, 0.99905, -0.001, 1.0)),  # where even the tangent hardly falls
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
                lambda loss, new, slope, t: new <= loss + 1e4 * t * slope,
                "c is 1e-4, with a minus: your own asks for ten thousand times the tangent's fall.",
            ),
            (
                lambda loss, new, slope, t: new <= loss + 1e-4 + t * slope,
                "c is a factor: multiply t slope by it, and add nothing else.",
            ),
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
        name="06.beliefs",
        question="A bowl of two dimensions, each step to the lowest point of its line: after how many does H fit?",
        answer=2,
        why="Each step teaches the curvature along one direction, and here there are two.",
        hint="Each step teaches the curvature along one direction. How many are there?",
        mistakes=((1, "One pair (s, y) says how the bowl bends along s: what of the other direction?"),),
        exact=True,
    ),
    Choice(
        name="06.rates",
        question="Gradient descent in the bowl, 40 steps with the rates 0.02, 0.07 and 0.079: which one ends lowest?",
        answer="b",
        options={
            "a": ("0.02", "It drops to the axis at once, and then creeps along it: x keeps 0.98 of itself a step."),
            "b": (
                "0.07",
                "Right. Along y it leaps from wall to wall, 0.75 times as far each time, "
                "and x gets there sooner than with 0.02.",
            ),
            "c": ("0.079", "The nearest to the limit leaps longest: |1 - 25 · 0.079| = 0.975 is left of y each time."),
        },
    ),
    Choice(
        name="06.uncorrected",
        question="Without bias correction m is 10 times too small at first, v 1000 times. What are the first steps?",
        answer="c",
        options={
            "a": ("Too short, by 10.", "m alone would do that. What stands under it?"),
            "b": ("Right: the two cancel.", "10 over √1000 is not 1."),
            "c": ("Too long, by about 3.", "Right. √1000 / 10 = 3.2, and it gets worse before it gets better."),
            "d": ("Too long, by 100.", "v stands under a root: √1000 is 32, not 1000."),
        },
    ),
    Choice(
        name="06.silence",
        question="A pixel's gradient is 0 for 200 steps, then 1 at each. How long does its longest step get, in rates?",
        answer="c",
        options={
            "a": ("Less than one.", "v is still near 0 when m has woken up: what is a number over a small one?"),
            "b": ("Exactly one.", "That is so if gradients have always been alike."),
            "c": ("Nearly three.", "Right. m wakes up within ten steps, v within a thousand."),
        },
    ),
    Choice(
        name="06.lowest",
        question="Pixels run from 0 to 1. At which mean change of a pixel, along -g, does the loss stop falling?",
        answer="b",
        options={
            "a": ("About 0.004.", "Ten times as far: the slope gets less on the way, but it goes on falling."),
            "b": ("About 0.04.", "Right. A step of a twenty-fifth of the range: the gradient is a local matter."),
            "c": ("About 0.4.", "There the picture is noise, and the loss far above where it was."),
        },
    ),
    Code(
        name="06.bug",
        question="The first t of 1, 1/2, 1/4, … that is enough by Armijo along d, for the loss ½ xᵀ A x.",
        takes="A x d",
        solution=backtrack,
        cases=LINES,
        mistakes=(
            (wandering, "As it was: each trial begins where the last one ended. Print the places that it tries."),
            (
                lambda A, x, d: backtrack(A, x, d, shrink=1.0),
                "t is always 1: compare each trial with loss and slope at x, where the line begins, and halve t after "
                "one that is not enough.",
            ),
            (
                lambda A, x, d: backtrack(A, x, d) / 2,
                "One halving too many: return the t that was enough, not the next one.",
            ),
            (lambda A, x, d: backtrack(A, x, d, c=0.0), "Any decrease is taken: the slope's share, c t φ', is gone."),
        ),
    ),
)
