"""The exercises of lesson 10: in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..descriptions import covariance, gram, positions
from ..onepass import EPSILON, adain
from .code import Code
from .inputs import MAPS, STYLE_MAPS, tensors, uniform
from .prediction import Choice, Number
from .program import is_number
from .slips import Unusable, slips
from .values import Function, kind

__all__ = ["EXERCISES", "either", "exchanged", "formula"]

# --- what is exchanged -----------------------------------------------------------------------------

OVER = (2, 3)  # the positions of a map (1, N, H, W)


def moments(
    x: Tensor, over: Sequence[int] = OVER, correction: int = 0, added: float = EPSILON
) -> tuple[Tensor, Tensor]:
    """Mean and deviation of a map over some of its axes, as in `adain`."""
    var, mean = torch.var_mean(x, tuple(over), correction=correction, keepdim=True)
    return mean, (var + added).sqrt()


def exchanged(make: Function, over: Sequence[int] = OVER, correction: int = 0, added: float = EPSILON) -> Function:
    """AdaIN with one thing changed: `make` takes the content, and mean and deviation of both."""

    def run(content: Tensor, style: Tensor) -> Tensor:
        return make(content, *(m for x in (content, style) for m in moments(x, over, correction, added)))

    return run


def either(changes: Iterable[tuple[Function, str]]) -> Iterator[tuple[Function, str]]:
    """Mistakes in what is exchanged, with deviations over n numbers and, as torch's own has them, over n - 1."""
    for (make, tell), correction in product(changes, (0, 1)):
        yield exchanged(make, correction=correction), tell


def formula(x: Tensor, mean: Tensor, std: Tensor, wanted_mean: Tensor, wanted_std: Tensor) -> Tensor:
    return (x - mean) / std * wanted_std + wanted_mean


def on_the_deviation(correction: int) -> Function:
    """AdaIN with the small number added after the root."""

    def make(x: Tensor, mean: Tensor, std: Tensor, wanted_mean: Tensor, wanted_std: Tensor) -> Tensor:
        return formula(x, mean, std + EPSILON, wanted_mean, wanted_std + EPSILON)

    return exchanged(make, correction=correction, added=0.0)


# Beside maps of the usual size, 1e-5 cannot be told from 1e-3: it decides where a channel hardly varies.
EXCHANGES = (*STYLE_MAPS, (0.004 * STYLE_MAPS[1][0], STYLE_MAPS[1][1]))


def whiten(features: Tensor) -> Tensor:
    """The map (1, N, H, W) whose channels have mean 0 and covariance 1 (Li et al. 2017, section 3.2)."""
    return whitened()(features)


def whitened(
    power: float = -0.5,
    *,
    least: float = 1e-5,
    added: float = 0.0,
    matrix: Callable[[Tensor], Tensor] = covariance,
    centred: bool = True,
    turn: Callable[[Tensor, Tensor], Tensor] = lambda vectors, scale: vectors * scale @ vectors.T,
    precision: torch.dtype = torch.float64,
) -> Function:
    """Whitening with one thing changed."""

    def run(features: Tensor) -> Tensor:
        f = positions(features)
        values, vectors = map(Tensor.double, torch.linalg.eigh(matrix(features).to(precision)))
        known = (values > least * values[-1]) | (added > 0)
        scale = torch.where(known, (values + added).clamp_min(1e-12) ** power, 0.0)
        f = (f - f.mean(1, keepdim=True)) if centred else f
        return (turn(vectors, scale) @ f.double()).view_as(features).to(features.dtype)

    return run


def triangular(added: float, matrix: Callable[[Tensor], Tensor]) -> Function:
    """Whitening by Cholesky's root of the covariance, with something added to its diagonal."""

    def run(features: Tensor) -> Tensor:
        f = positions(features).double()
        root = torch.linalg.cholesky(matrix(features).double() + added * torch.eye(len(f)))
        white = torch.linalg.solve_triangular(root, f - f.mean(1, keepdim=True), upper=False)
        return white.view_as(features).to(features.dtype)

    return run


# Of the greatest eigenvalue the others are 4e-3, 3e-5 and, to be left out though it is far from 0, 1e-6.
STEEP = (tensors(13, (1, 4, 6, 5))[0] * torch.tensor([30.0, 3.0, 0.2, 0.03]).view(1, 4, 1, 1),)


def unbiased(features: Tensor) -> Tensor:
    """The covariance as statisticians estimate it."""
    count = features[0, 0].numel()
    return covariance(features) * count / (count - 1)


ADDED = (1e-5, 1e-4, 1e-3)  # what people add to a matrix that cannot be inverted


def either_way(changes: Iterable[tuple[dict[str, Any], str]]) -> Iterator[tuple[Function, str]]:
    """Mistakes in whitening, with both covariances; eigenvectors' signs, which cancel or not, go by the precision."""
    for (change, tell), matrix in product(changes, (covariance, unbiased)):
        for precision in (torch.float64, torch.float32)[: 1 + ("turn" in change)]:
            yield whitened(**change, matrix=matrix, precision=precision), tell
    for added, matrix in product(ADDED, (covariance, unbiased)):
        yield (
            whitened(added=added, matrix=matrix),
            "You add a number to the eigenvalues: divided by its root, small ones are loud still. Leave them out.",
        )
    for added, matrix in product(ADDED, (covariance, unbiased)):
        yield (
            triangular(added, matrix),
            "White, but by Cholesky's root, which mixes the channels: take the symmetric one, V diag(…) Vᵀ.",
        )


# --- a step of a network of one style --------------------------------------------------------------


class Aim:
    """An objective in small: the squared distance from a picture, and its gradient, without a graph."""

    __name__ = "objective"

    def __init__(self, aim: Tensor):
        self.aim = aim

    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        off = pixels.detach() - self.aim
        return off.square().sum(), 2 * off


def little(seed: int) -> nn.Module:
    """A network of 3 × 3 weights and 3 biases."""
    made = nn.utils.skip_init(nn.Conv2d, 3, 3, 1)  # so that none is drawn
    (weight,) = uniform(seed, (3, 3, 1, 1))
    made.load_state_dict({"weight": weight, "bias": torch.zeros(3)})
    return made


STEPS = tuple(
    (little(seed), "SGD", image, Aim(aim))
    for seed, (image, aim) in ((5, uniform(31, (1, 3, 3, 4), (1, 3, 3, 4))), (6, uniform(32, *[(2, 3, 2, 3)] * 2)))
)
SLIPS_OF_STEPS = {
    "does not require grad": "The value carries no graph: hand the gradient on, by painted.backward(gradient).",
    "implicitly created only for scalar": "painted is no single number: give backward the gradient to its pixels.",
    "not enough values to unpack": "objective returns two things: value, gradient = objective(painted.detach()).",
}


def step(network: nn.Module, optimizer: torch.optim.Optimizer, image: Tensor, objective: Function) -> Tensor:
    painted = network(image)
    value, gradient = objective(painted.detach())
    optimizer.zero_grad()
    painted.backward(gradient)
    optimizer.step()
    return value


def use_step(answer: Function, network: nn.Module, optimizer: str, image: Tensor, objective: Aim) -> Any:
    """What two steps return, and the weights after them.

    Args:
        answer: as `step`.
        network: of which a copy is taught.
        optimizer: the name of torch's.
        image: to practise on.
        objective: of what the network paints.
    """
    learner = deepcopy(network)
    mover = getattr(torch.optim, optimizer)(learner.parameters(), lr=0.02)
    with slips(SLIPS_OF_STEPS):
        first = answer(learner, mover, image, objective)
    after = nn.utils.parameters_to_vector(learner.parameters()).detach().clone()
    if first is None and torch.equal(after, nn.utils.parameters_to_vector(network.parameters())):
        return None
    if first is None:
        raise Unusable("The weights have moved, but nothing comes back: return the value.")
    if isinstance(first, tuple | list):
        raise Unusable("Return the value alone: value, gradient = objective(painted) takes the two apart.")
    if not is_number(first):
        raise Unusable(f"Return the value, one number: you return {kind(first)}.")
    second = answer(learner, mover, image, objective)
    return first, second, nn.utils.parameters_to_vector(learner.parameters())


def stepped(
    hand_on: Callable[[Tensor, Tensor], Tensor], *, empty: bool = True, seen: str = "painted", move: bool = True
) -> Function:
    """A step with one thing changed."""

    def run(network: nn.Module, optimizer: torch.optim.Optimizer, image: Tensor, objective: Function) -> Tensor:
        painted = network(image)
        value, gradient = objective(painted if seen == "painted" else image)
        if empty:
            optimizer.zero_grad()
        painted.backward(hand_on(painted, gradient))
        if move:
            optimizer.step()
        return value

    return run


def as_is(painted: Tensor, gradient: Tensor) -> Tensor:
    return gradient


# --- a bug ------------------------------------------------------------------------------------------

Maps = Mapping[str, Tensor]


def network(image: Tensor, layers: Sequence[str]) -> Maps:
    """A network in small: each layer mixes the pixels in its own way."""
    return {layer: F.relu(torch.roll(image, ROLLS[layer], 3) + 0.1 * ROLLS[layer]) for layer in layers}


ROLLS = {"relu2_1": 1, "relu3_1": 2, "relu4_1": 3}
DECODERS = {layer: (lambda features, by=by: torch.roll(features, -by, 2) * 0.9) for layer, by in ROLLS.items()}
CASCADES = tuple(
    (content, style, layers, network, adain, DECODERS)
    for (content, style), layers in (
        (uniform(41, (1, 3, 4, 5), (1, 3, 5, 3)), ["relu4_1", "relu3_1", "relu2_1"]),
        (uniform(42, (1, 3, 3, 4), (1, 3, 4, 4)), ["relu3_1", "relu2_1"]),
    )
)


def cascade(
    content: Tensor,
    style: Tensor,
    layers: Sequence[str],
    network: Function,
    exchange: Function,
    decoders: Mapping[str, Function],
) -> Tensor:
    image = content
    for layer in layers:
        own, wanted = network(image, [layer])[layer], network(style, [layer])[layer]
        image = decoders[layer](exchange(own, wanted))
    return image


def kept_within(content: Tensor, style: Tensor, layers: Sequence[str], *parts: Any) -> Tensor:
    """The same, each picture between 0 and 1."""
    image = content
    for layer in layers:
        image = cascade(image, style, [layer], *parts).clamp(0, 1)
    return image


def restarted(content: Tensor, style: Tensor, layers: Sequence[str], *parts: Any) -> Tensor:
    """The planted bug: every layer starts anew from the content."""
    return cascade(content, style, layers[-1:], *parts)


def repainted_style(content: Tensor, style: Tensor, layers: Sequence[str], *parts: Any) -> Tensor:
    """Every layer takes the style from what came out of the last one."""
    image = content
    for layer in layers:
        image = style = cascade(image, style, [layer], *parts)
    return image


EXERCISES = (
    Number(
        name="10.by_hand",
        question="A channel has the mean 4 and the deviation 2, the style's has 10 and 6. What does a 7 become?",
        answer=19,
        why="It stood one and a half deviations above its mean, and still does: 10 + 1.5 · 6.",
        hint="How many deviations above its mean is 7? There it has to be in the style's channel.",
        mistakes=(
            (13, "The means are exchanged, but the deviation is not: 3 above becomes 9 above."),
            (14.5, "You divide by the variance, 4: divide by the deviation."),
            (37, "You multiply by the style's variance, and divide by the content's: take the roots, 6 and 2."),
            (3, "You exchange the two pictures: take the content's 4 and 2 off, and put the style's 10 and 6 on."),
            (9, "The style's mean is missing: add 10."),
            (21, "You only scale by 3: take the mean 4 off first, and add 10 at the end."),
            (31, "You scale with the mean still in: take 4 off first."),
        ),
    ),
    Code(
        name="10.adain",
        question="The content's map with the mean and the deviation of the style's, channel by channel.",
        takes="content style",
        solution=adain,
        also=(exchanged(formula, correction=1),),
        cases=EXCHANGES,
        why="Nothing of it is learned: the style is two numbers a channel.",
        mistakes=(
            *either(
                (
                    (
                        lambda x, m, s, wm, ws: (x - m) / s**2 * ws**2 + wm,
                        "Those are variances: divide by the content's deviation, their root, "
                        "and multiply by the style's.",
                    ),
                    (
                        lambda x, m, s, wm, ws: (x - m) / s**2 * ws + wm,
                        "You divide by the variance: divide by its root, the deviation.",
                    ),
                    (
                        lambda x, m, s, wm, ws: (x - wm) / ws * s + m,
                        "Style and content are exchanged: take the content's moments off, and put the style's on.",
                    ),
                    (
                        lambda x, m, s, wm, ws: (x - m) / s,
                        "The content is normalised, but nothing is put on: multiply by the style's deviation, "
                        "add its mean.",
                    ),
                    (
                        lambda x, m, s, wm, ws: (x - m) / s * ws + m,
                        "The content's own mean is put back: add the style's.",
                    ),
                    (lambda x, m, s, wm, ws: (x - m) / s * ws, "The style's mean is missing: add it at the end."),
                    (
                        lambda x, m, s, wm, ws: x / s * ws + wm,
                        "The content's mean is still in: take it off first.",
                    ),
                    (
                        lambda x, m, s, wm, ws: ((x - m) / s + wm) * ws,
                        "You add the style's mean too early: it is scaled, too, so add it last.",
                    ),
                )
            ),
            *(
                (
                    exchanged(formula, correction=correction, added=added),
                    "Right but for channels that hardly vary: what is added to the variance is 1e-5.",
                )
                for added, correction in product((1e-3, 1e-4, 1e-6, 1e-8), (0, 1))
            ),
            *(
                (
                    on_the_deviation(correction),
                    "1e-5 is added to the deviation: add it to the variance, under the root.",
                )
                for correction in (0, 1)
            ),
            (
                lambda content, style: adain(style, content),
                "The style comes back with the content's moments: change the content's map instead.",
            ),
            (
                exchanged(formula, over=(1, 2, 3)),
                "One mean and one deviation for all channels: each channel has its own, so leave dimension 1 out.",
            ),
            (
                lambda content, style: formula(content, *moments(content, (1,)), *moments(style)),
                "You take the content's moments over the channels: take them over the positions, dimensions 2 and 3.",
            ),
            (
                exchanged(lambda x, m, s, wm, ws: x - m + wm),
                "Only the means are exchanged: divide by the content's deviation, and multiply by the style's.",
            ),
        ),
    ),
    Code(
        name="10.whiten",
        question="The map (1, N, H, W) with its means off, and Σ^(-1/2) of its covariance applied to each column.",
        takes="features",
        solution=whiten,
        also=(whitened(matrix=unbiased),),
        cases=(*MAPS, tensors(12, (1, 4, 6, 5)), STEEP),
        tolerance=1e-3,
        why="Its channels know nothing of one another any more.",
        mistakes=(
            (
                lambda features: exchanged(lambda x, m, s, *_: (x - m) / s)(features, features),
                "Each channel has the deviation 1, but the pairs are still correlated: use the whole covariance.",
            ),
            *either_way(
                (
                    ({"least": 0.0}, "Eigenvalues that are small beside the greatest are still in: leave them out."),
                    ({"least": 1e-4}, "You leave out too many: only eigenvalues below 1e-5 of the greatest are to go."),
                    (
                        {"turn": lambda vectors, scale: scale[:, None] * vectors.T},
                        "White, but turned: the channels are now eigenvectors. Turn them back, by V on the left.",
                    ),
                    (
                        {"turn": lambda vectors, scale: vectors.T * scale @ vectors},
                        "V and its transpose have changed places: eigenvectors are the columns, so V diag(…) Vᵀ.",
                    ),
                    (
                        {"turn": lambda vectors, scale: vectors * scale},
                        "Vᵀ is missing: it measures along the eigenvectors first. V diag(…) Vᵀ.",
                    ),
                    ({"power": -1.0}, "You divide by the eigenvalues, which are variances: divide by their roots."),
                    ({"power": 0.5}, "You multiply by the roots: that makes correlations stronger. Divide by them."),
                    ({"power": 1.0}, "That is the covariance itself: you need its power -1/2."),
                    ({"centred": False}, "The means are still in: take each channel's off before you multiply."),
                )
            ),
            (
                whitened(matrix=gram, centred=False),
                "That whitens the Gram matrix: take each channel's mean off first, for the covariance, too.",
            ),
            (
                whitened(matrix=gram),
                "Your matrix still has the means in: compute the covariance after taking them off.",
            ),
            (
                whitened(matrix=lambda f: covariance(f) * f[0, 0].numel()),
                "Your covariance is a sum: divide it by the number of positions.",
            ),
        ),
    ),
    Code(
        name="10.step",
        question="One step: the network paints, the objective judges, and its gradient goes on to the weights.",
        takes="network optimizer image objective",
        returns="first second weights",
        solution=step,
        use=use_step,
        cases=STEPS,
        why="The pixels are a station on the way now, not its end.",
        mistakes=(
            (
                stepped(as_is, empty=False),
                "The gradients of all steps add up: empty them, by optimizer.zero_grad(), before backward.",
            ),
            (
                stepped(as_is, move=False),
                "The weights stay: after backward comes optimizer.step(), with nothing emptied between.",
            ),
            (
                stepped(lambda painted, gradient: torch.ones_like(painted)),
                "You hand ones on, which only asks for darker pixels: hand the objective's gradient on.",
            ),
            (
                stepped(lambda painted, gradient: -gradient),
                "The sign is turned: the optimizer walks downhill by itself, so hand on the gradient as it is.",
            ),
            (
                stepped(as_is, seen="image"),
                "You judge the photograph: give the objective what the network painted.",
            ),
            (
                stepped(lambda painted, gradient: painted.detach()),
                "You hand on the picture: backward wants the objective's gradient to it.",
            ),
        ),
    ),
    Code(
        name="10.bug",
        question="A friend's cascade, mended: each layer goes on with the picture that the one before made.",
        takes="content style layers network exchange decoders",
        solution=cascade,
        also=(kept_within,),
        cases=CASCADES,
        why="Now what the deep layers did is still there when the fine ones begin.",
        mistakes=(
            (restarted, "It still begins anew at each layer: of what picture does the network make the map `own`?"),
            (repainted_style, "The style is lost after the first layer: its maps come from the style's own picture."),
            (
                lambda content, style, layers, *rest: cascade(content, style, layers[::-1], *rest),
                "You begin with the finest layer: take them in the order given, the deepest first.",
            ),
            (
                lambda content, style, layers, *rest: cascade(content, style, layers[:1], *rest),
                "It ends after the first layer: the return stands inside the loop.",
            ),
            (
                lambda content, style, *rest: cascade(style, content, *rest),
                "The two pictures are exchanged: begin with the content.",
            ),
        ),
    ),
    Choice(
        name="10.mirror",
        question="Three mirrors are given a photograph's own maps. Which gives the photograph back best?",
        answer="b",
        options={
            "a": (
                "That of relu4_1: its layer understands most.",
                "It knows what is where, and little of how it looks.",
            ),
            "b": ("That of relu2_1.", "Right. Fewer halvings came before, so fewer pixels have to be made up."),
            "c": ("All alike: they were trained for it.", "No training brings back what a map does not hold."),
        },
    ),
    Choice(
        name="10.pairs",
        question="After AdaIN, what share of the distance between the two covariances is still there?",
        answer="c",
        options={
            "a": ("None: the statistics are the style's.", "Means and deviations are; no pair was touched."),
            "b": (
                "About a tenth: most of it lies in the variances.",
                "There are N variances in it, and N (N - 1) / 2 pairs.",
            ),
            "c": (
                "A quarter, or far more.",
                "Right. The variances on the diagonal are set; the pairs beside it keep the photograph's correlations.",
            ),
        },
    ),
    Number(
        name="10.paid",
        question="Training takes 600 s, a picture by it 1 s; an optimised one 25 s. After how many are both ways even?",
        answer=25,
        why="25 pictures take 600 + 25 s by the network, and 25 · 25 s one by one.",
        hint="Each picture of the network saves 24 s. How many save 600?",
        mistakes=(
            (24, "Nearly: a picture of the network is not free either, so it saves 24 s and not 25."),
            (600, "That counts the seconds of training: divide them by what one picture saves."),
            (23, "You add the 1 s to the 25: take it off, it is what the fast way costs."),
        ),
    ),
    Choice(
        name="10.price",
        question="The optimiser takes off nearly all of the style's distance. What do the three fast ways take off?",
        answer="b",
        options={
            "a": ("As much.", "Then nobody would wait for an optimiser."),
            "b": (
                "More than half, and clearly less than the optimiser.",
                "Right. Nothing looks at the finished picture, so what goes wrong on the way stays.",
            ),
            "c": ("Less than half.", "The statistics were set in full before decoding, and much of that survives."),
        },
    ),
)
