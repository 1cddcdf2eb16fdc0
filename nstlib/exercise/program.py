"""A style transfer in five functions, as lesson 07 has the learner write it, and how each of them is tried.

The functions with plain names are ours: what paints where a stub is left open. Those named `use_…` call a learner's
function as the program would, on small maps and pictures, and return what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..descriptions import gram
from .inputs import maps, uniform
from .slips import Unusable, slips
from .values import Function, copy, kind, numbers, unchanged
from .verdict import unanswered

__all__ = [
    "CLOSURES",
    "CONTENTS",
    "HELD",
    "LOOPS",
    "RATE",
    "STYLES",
    "TARGETS",
    "closure",
    "content_loss",
    "held",
    "is_number",
    "paint",
    "relative",
    "style_loss",
    "targets",
    "use_closure",
    "use_loss",
    "use_paint",
    "use_targets",
]

Maps = Mapping[str, Tensor]
Loss = Callable[[Tensor], Tensor]
RATE = 0.02  # Adam's

# --- ours ----------------------------------------------------------------------------------------


def targets(
    network: Callable[[Tensor, Sequence[str]], Maps],
    content: Tensor,
    style: Tensor,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
) -> tuple[Maps, Maps]:
    with torch.no_grad():
        P = network(content, content_layers)
        A = {layer: gram(features) for layer, features in network(style, style_layers).items()}
    return P, A


def relative(value: Tensor, target: Tensor) -> Tensor:
    return (value - target).square().sum() / target.square().sum()


def content_loss(F: Maps, P: Maps) -> Tensor:
    return torch.stack([relative(F[layer], P[layer]) for layer in P]).mean()


def style_loss(F: Maps, A: Maps) -> Tensor:
    return torch.stack([relative(gram(F[layer]), A[layer]) for layer in A]).mean()


def closure(x: Tensor, optimizer: torch.optim.Optimizer, loss: Loss) -> Tensor:
    optimizer.zero_grad()
    total = loss(x)
    total.backward()
    return total


def paint(start: Tensor, loss: Loss, closure: Function, evaluations: int) -> Tensor:
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=RATE)
    for _ in range(evaluations):
        optimizer.step(lambda: closure(x, optimizer, loss))
    return x.detach()


def held(start: Tensor, loss: Loss, evaluations: int) -> Tensor:
    """The loop whose pixels stay within 0 and 1 at each step: what the planted bug was meant to be."""
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=RATE)
    for _ in range(evaluations):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
    return x.detach()


# --- how a learner's are tried -------------------------------------------------------------------


class Eyes:
    """A network of three small maps that answers to any names, with weights that carry a gradient."""

    def __init__(self) -> None:
        self.kernels = [(k - 0.4).requires_grad_() for k in uniform(77, (4, 3, 3, 3), (3, 3, 3, 3), (5, 3, 3, 3))]

    def __str__(self) -> str:
        return "(a small one)"

    def __call__(
        self, image: Tensor, wanted: Sequence[str], describe: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        if isinstance(wanted, str):
            raise Unusable(f"The network takes a list of names: ['{wanted}'].")
        # In the network's order, not in that of the question.
        maps = {name: F.relu(F.conv2d(image, self.kernels[number(name)])) for name in sorted(wanted)}
        return {name: describe(features) for name, features in maps.items()} if describe else maps


def number(name: str) -> int:
    """Which of three kernels answers to a layer's name."""
    return sum(map(ord, name)) % 3


EYES = Eyes()
TARGETS = (
    (EYES, *uniform(78, (1, 3, 5, 6), (1, 3, 6, 4)), ["relu2_2"], ["relu1_1", "relu3_1"]),
    (EYES, *uniform(79, (1, 3, 4, 4), (1, 3, 5, 5)), ["relu4_2", "relu3_3"], ["relu2_1"]),
)


SLIPS_OF_TARGETS = {
    **dict.fromkeys(
        ("'dict' object has no attribute", "not a dict"),
        "The network returns maps by name: go through them, and take gram of each.",
    ),
    "to unpack": "Going through a dictionary gives its names alone: .items() gives names and maps.",
}


def use_targets(answer: Function, *pictures_and_layers: Any) -> tuple[Tensor, Tensor] | None:
    """P and A in a row each, in the order of their layers.

    Args:
        answer: as `targets`.
        *pictures_and_layers: its arguments.
    """
    *_, content_layers, style_layers = pictures_and_layers
    with slips(SLIPS_OF_TARGETS):
        found = answer(*pictures_and_layers)
    if unanswered(found):
        return None
    pair = isinstance(found, tuple | list) and len(found) == 2
    if not pair or not all(isinstance(one, Mapping) for one in found):
        yours = " and ".join(map(kind, found)) if pair else kind(found)
        raise Unusable(f"Return two dictionaries, P and A, in this order: you return {yours}.")
    if [set(one) for one in found] == [set(style_layers), set(content_layers)]:
        raise Unusable("You return A and P: the content's maps come first, then the style's Gram matrices.")
    rows = [in_a_row(*named) for named in zip("PA", found, (content_layers, style_layers), strict=True)]
    if any(value.requires_grad for one in found for value in one.values()):
        raise Unusable("The targets drag the graph of their pictures along: compute them under torch.no_grad().")
    if any(value.is_inference() for one in found for value in one.values()):
        raise Unusable("What inference_mode() made may stand in no loss: compute the targets under torch.no_grad().")
    return rows[0], rows[1]


def in_a_row(name: str, found: Maps, layers: Sequence[str]) -> Tensor:
    """The entries of a dictionary, one after another."""
    if set(found) != set(layers):
        told = ", ".join(map(str, found)) or "nothing"
        raise Unusable(f"{name} has an entry for each of its layers, {', '.join(layers)}: yours has {told}.")
    if not all(isinstance(value, Tensor) for value in found.values()):
        raise Unusable(f"{name} holds tensors by layer: yours holds {kind(next(iter(found.values())))}.")
    return torch.cat([found[layer].flatten() for layer in layers])


LAYERS = ("relu1_1", "relu3_1", "relu4_2")
FEATURES = tuple(maps(seed, (1, 3, 4, 4), (1, 4, 3, 5), (1, 8, 2, 3)) for seed in (91, 92))
CONTENTS = (
    ([*FEATURES[0]], [*maps(93, (1, 3, 4, 4), (1, 4, 3, 5))]),
    ([*FEATURES[1]], [*maps(94, (1, 3, 4, 4))]),
)
STYLES = (
    ([*FEATURES[0]], [gram(m) for m in maps(95, (1, 3, 5, 2), (1, 4, 4, 4))]),
    ([*FEATURES[1]], [gram(m) for m in maps(96, (1, 3, 2, 7))]),
)


SLIPS_OF_LOSSES = {
    "'relu": "You ask the targets for a layer that they do not have: go through their names, F has more.",
    "takes one feature map": "What you give gram is no map: A holds Gram matrices already, F holds the maps.",
    "call numpy() on": "NumPy cuts the gradient off: stay with torch, as torch.stack(terms).mean() does.",
    "size of tensor": (
        "Two sizes meet: sum each layer to a number first; compare gram(F[name]) with A[name], F[name] with P[name]."
    ),
}


def use_loss(answer: Function, features: list[Tensor], wanted: list[Tensor]) -> tuple[Tensor, Tensor] | None:
    """A loss and its gradient to all maps of the picture, some of which have no target.

    Args:
        answer: (maps of the picture by layer, targets by layer) → loss.
        features: the maps, a layer each.
        wanted: the targets of the first of these layers.
    """
    leaves = [f.clone().requires_grad_() for f in features]
    F, targets = (dict(zip(LAYERS, values, strict=False)) for values in (leaves, wanted))
    targets = dict(reversed(targets.items()))  # as a recipe may name them: F is in the network's order
    given = [(named, dict(named)) for named in (F, targets)]
    kept = copy([*targets.values()])
    with slips(SLIPS_OF_LOSSES):
        loss = answer(F, targets)
    if unanswered(loss):
        return None
    for now, before in given:
        if before.keys() - now.keys():
            raise Unusable(
                "Your loss takes entries out of its dictionaries, and the next step needs them: use F[name]."
            )
        if any(now[name] is not before.get(name) for name in now):
            raise Unusable("Your loss writes into its dictionaries, which others read too: take a list of your own.")
    if not unchanged([*targets.values()], kept):
        raise Unusable(
            "Your loss changes its targets in place, and the next step needs them: write y = x - …, not x -= …."
        )
    if isinstance(loss, Mapping | Sequence | Iterator):
        raise Unusable(f"A loss is one number, and you return {kind(loss)}: return the mean of the layers' terms.")
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        raise Unusable("Your loss carries no gradient, so nothing can be painted by it: return the tensor as it is.")
    if loss.ndim:
        raise Unusable(f"A loss is one number: yours has the shape {tuple(loss.shape)}, which mean() or sum() takes.")
    slopes = torch.autograd.grad(loss, leaves, allow_unused=True)
    gradient = [torch.zeros_like(f) if s is None else s for f, s in zip(leaves, slopes, strict=True)]
    return loss.detach(), torch.cat([s.flatten() for s in gradient])


class Bowl:
    """A loss whose lowest place is known: a squared distance from an aim; it counts how often it is asked."""

    def __init__(self, aim: Tensor) -> None:
        self.aim, self.asked = aim, 0

    def __str__(self) -> str:
        return "a bowl"

    def __call__(self, image: Tensor) -> Tensor:
        self.asked += 1
        away = image - self.aim
        return away.square().sum() + away.sum().square()  # so that no pixel is alone


CLOSURES = tuple(
    (1.6 * x - 0.3, "SGD", Bowl(aim))  # on both sides out of [0, 1], where a clamp shows
    for x, aim in (uniform(97, (1, 3, 4, 5), (1, 3, 4, 5)), uniform(98, (1, 3, 2, 2), (1, 3, 2, 2)))
)


SLIPS_OF_CLOSURES = {
    "has no attribute 'backward'": "loss is a function: total = loss(x) is a tensor, and that has backward.",
    "has no attribute 'zero_'": "Before the first call there is no gradient to empty: call optimizer.zero_grad().",
}


def use_closure(answer: Function, x: Tensor, optimizer: str, loss: Bowl) -> tuple[Any, Any, Tensor] | None:
    """What a closure returns before a step and after it, and the gradient that it leaves then.

    Args:
        answer: as `closure`.
        x: the picture.
        optimizer: the name of torch's.
        loss: of a picture.
    """
    x = x.clone().requires_grad_()
    mover = getattr(torch.optim, optimizer)([x], lr=0.1)
    before = x.detach().clone()
    with slips(SLIPS_OF_CLOSURES):
        first = answer(x, mover, loss)
    if first is None and x.grad is None:
        return None
    if callable(first) and not isinstance(first, Tensor):
        raise Unusable("You return a function: what you write is the closure already, so return the loss.")
    if first is not None and not is_number(first):
        raise Unusable(f"Return the loss alone, one number: you return {kind(first)}.")
    if first is None:
        raise Unusable("The gradient is there, but nothing comes back: return the loss, some optimisers ask for it.")
    if not torch.equal(before, x.detach()):
        raise Unusable("Your closure moves the picture: leave the step to the optimizer, which calls the closure.")
    if x.grad is None or not x.grad.any():
        raise Unusable("x has no gradient after your closure: call zero_grad first, then backward on the loss.")
    mover.step()
    second = answer(x, mover, loss)
    return first, second, x.grad


def is_number(value: object) -> bool:
    """Whether it is one number, as a tensor, an array or plain."""
    found = None if isinstance(value, list | tuple) else numbers(value)
    return found is not None and found.size == 1


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Function) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        return self.function(*arguments, **named)


LOOPS = tuple(
    (start, Bowl(1.8 * aim - 0.4), closure, evaluations)
    for (start, aim), evaluations in (
        (uniform(99, (1, 3, 3, 4), (1, 3, 3, 4)), 40),
        (uniform(101, (1, 3, 4, 2), (1, 3, 4, 2)), 7),
    )
)
HELD = tuple((start, loss, evaluations) for start, loss, _, evaluations in LOOPS)


SLIPS_OF_LOOPS = {
    "required positional argument": "step calls without arguments: hand it lambda: closure(x, optimizer, loss).",
    "is not callable": "You call the closure, and hand step its result: put lambda: before it.",
    "should be an iterable": "The optimizer takes a list of tensors: [x].",
    "in-place operation": "What changes x outside of the loss belongs under torch.no_grad().",
    "does not require grad": "x asks for no gradient, so nothing can move it: requires_grad_() once, and keep that x.",
}


def use_paint(answer: Function, start: Tensor, loss: Bowl, *closure_and_evaluations: Any) -> tuple[Tensor, int] | None:
    """The picture that a loop returns, and how often it asked for the loss.

    Args:
        answer: as `paint`, or as `held`.
        start: where it begins.
        loss: lowest partly out of [0, 1].
        *closure_and_evaluations: what else it takes; `held` takes no closure.
    """
    loss.asked = 0
    *closures, evaluations = closure_and_evaluations
    counted = [Counted(one) for one in closures]
    with slips(SLIPS_OF_LOOPS):
        picture = answer(start, loss, *counted, evaluations)
    if unanswered(picture):
        if loss.asked:
            raise Unusable("The loop ran, but nothing comes back: return the picture, x.detach().")
        return None
    if loss.asked and not all(one.calls for one in counted):
        raise Unusable("Your loop leaves the closure aside: optimizer.step(lambda: closure(x, optimizer, loss)).")
    if not isinstance(picture, Tensor):
        raise Unusable(f"Return the picture, a tensor: you return {kind(picture)}.")
    if picture.requires_grad:
        raise Unusable("The picture still waits for gradients, and cannot be shown so: return x.detach().")
    return picture, loss.asked
