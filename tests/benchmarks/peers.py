"""Who minimises: the way of the PyTorch tutorial, the way of gordicaleksa's project, and ours.

Both peers are written from their description, with the layers, weights and pictures of `Problem`; their networks,
losses and loops are as they are there. On CUDA there is also the plain formula under `torch.compile`, to which no loop
belongs. All have the same small interface:

    evaluate()              one loss and its gradient at `problem.mixed`: (total, gradient in the contestant's pixels)
    terms()                 "content", "style" and "tv" of the last evaluation, as numbers
    unit                    the contestant's pixels per step of 1 in [0, 1]
    run(evaluations, watch) the L-BFGS loop from `problem.content`; returns its last picture, in [0, 1]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, cached_property, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nstlib.image import resize
from nstlib.objective import Objective
from nstlib.term import by_kind
from nstlib.transfer import Transfer

from .problem import CONTENT_LAYER, STYLE_LAYERS, Problem

Keep = Callable[[float, int, Tensor], None]


def synchronize(device: str) -> None:
    """Wait until the device has done what it was asked; the CPU always has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


@contextmanager
def all_digits() -> Iterator[None]:
    """Let CUDA multiply float32 with all its digits, not with the ten of TF32, which it takes for convolutions.

    TF32 turns the peers' gradients by more than contestants may differ, and a line search beside such noise takes no
    step at all. Evaluations are timed as torch does them by default.
    """
    places = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


class Watch:
    """A stopwatch that stands still while a picture is put aside.

    keep: called with (seconds of work so far, evaluations, picture (1, 3, H, W) in [0, 1]) after each evaluation of a
    peer, and each iteration of ours; None to keep nothing.
    """

    def __init__(self, keep: Keep | None = None, device: str = "cpu", clock: Callable[[], float] = time.perf_counter):
        self.keep, self.device, self.clock = keep, device, clock
        self.began, self.stood = clock(), 0.0

    def __call__(self, evaluations: int, picture: Callable[[], Tensor]) -> None:
        if self.keep is None:
            return
        synchronize(self.device)
        now = self.clock()
        self.keep(now - self.began - self.stood, evaluations, picture().detach())
        self.stood += self.clock() - now


@cache
def warm_up_optimizer() -> None:
    """The first optimiser of torch.optim imports a compiler, 100 MB in some seconds: no part of what is compared."""
    point = torch.ones(1, requires_grad=True)
    torch.optim.LBFGS([point], max_iter=1).step(lambda: point.square().sum())


class Peer:
    """What both peers share: `loss()` gives content, style and tv at `self.image`, with a graph."""

    unit: float

    def __init__(self, problem: Problem, image: Tensor):
        warm_up_optimizer()
        self.problem = problem
        self.image = image.clone().requires_grad_()
        self.parts: tuple[Tensor, ...] = ()

    def loss(self) -> tuple[Tensor, Tensor, Tensor]:
        raise NotImplementedError

    def backward(self) -> Tensor:
        """The total, with its gradient left in `self.image.grad`."""
        parts = self.loss()
        total = parts[0] + parts[1] + parts[2]
        total.backward()
        self.parts = tuple(part.detach() for part in parts)
        return total.detach()

    def evaluate(self) -> tuple[Tensor, Tensor]:
        self.image.grad = None
        return self.backward(), self.image.grad

    def terms(self) -> dict[str, float]:
        return dict(zip(("content", "style", "tv"), map(float, self.parts), strict=True))

    def forget(self) -> None:
        """Nothing was recorded that would be repeated."""


def total_variation(image: Tensor) -> Tensor:
    """Σ |Δx| + Σ |Δy| (anisotropic)."""
    dx = (image[:, :, :, :-1] - image[:, :, :, 1:]).abs().sum()
    return dx + (image[:, :, :-1, :] - image[:, :, 1:, :]).abs().sum()


# --- the PyTorch tutorial ------------------------------------------------------------------------


class Normalization(nn.Module):
    def __init__(self, mean: Tensor, std: Tensor):
        super().__init__()
        self.mean, self.std = mean.clone(), std.clone()

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


def tutorial_gram(features: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    flat = features.view(batch * channels, height * width)
    return torch.mm(flat, flat.t()).div(batch * channels * height * width)


class ContentLoss(nn.Module):
    """Lets a map through and remembers how far it is from the target."""

    def __init__(self, target: Tensor):
        super().__init__()
        self.target = target.detach()

    def forward(self, features: Tensor) -> Tensor:
        self.loss = F.mse_loss(features, self.target)
        return features


class StyleLoss(nn.Module):
    """Lets a map through and remembers how far its Gram matrix is from the target's; `share` makes the mean a sum."""

    def __init__(self, target: Tensor):
        super().__init__()
        self.target = tutorial_gram(target).detach()
        self.share = target.shape[1] ** 2

    def forward(self, features: Tensor) -> Tensor:
        self.loss = self.share * F.mse_loss(tutorial_gram(features), self.target)
        return features


class Tutorial(Peer):
    """The PyTorch tutorial: loss modules woven into a sequence, clamping inside the closure, no line search.

    The tutorial has no total variation; it is added in the closure, because all must compute the same number.
    """

    unit = 1.0

    def __init__(self, problem: Problem):
        super().__init__(problem, problem.mixed)
        self.model, self.contents, self.styles = self._build()

    @torch.no_grad()
    def _build(self) -> tuple[nn.Sequential, list[ContentLoss], list[StyleLoss]]:
        backbone, contents, styles = self.problem.backbone, [], []
        model = nn.Sequential(Normalization(backbone.mean, backbone.std))
        for name, layer in zip(backbone.layers, backbone.features, strict=True):
            model.append(nn.ReLU(inplace=False) if name.startswith("relu") else deepcopy(layer))
            if name == CONTENT_LAYER:
                contents.append(ContentLoss(model(self.problem.content)))
                model.append(contents[-1])
            if name in STYLE_LAYERS:
                styles.append(StyleLoss(model(self.problem.style)))
                model.append(styles[-1])
            if len(contents) + len(styles) == 1 + len(STYLE_LAYERS):
                return model.eval().requires_grad_(False), contents, styles
        raise ValueError(f"{backbone.name} lacks a layer of the benchmark")

    def loss(self) -> tuple[Tensor, Tensor, Tensor]:
        self.model(self.image)
        style, content = 0, 0
        for module in self.styles:
            style += module.loss
        for module in self.contents:
            content += module.loss
        style = style * (self.problem.style_weight / len(self.styles))
        content = content * self.problem.content_weight
        return content, style, self.problem.tv_weight * 255 * total_variation(self.image)

    @all_digits()
    def run(self, evaluations: int, watch: Watch | None = None) -> Tensor:
        """`evaluations` rounded up to whole calls of `step`, 20 evaluations each."""
        self.image = self.problem.content.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([self.image])
        watch, count = watch or Watch(), 0

        def closure() -> Tensor:
            nonlocal count
            with torch.no_grad():
                self.image.clamp_(0, 1)
            optimizer.zero_grad()
            total = self.backward()
            count += 1
            watch(count, self.image.clone)
            return total

        while count < evaluations:
            optimizer.step(closure)
        with torch.no_grad():
            self.image.clamp_(0, 1)
        return self.image.detach()


# --- gordicaleksa/pytorch-neural-style-transfer --------------------------------------------------


class SlicedVgg(nn.Module):
    """Frozen VGG-19 in slices, with ReLUs in place: the one after conv4_2 overwrites that map, so it is relu4_2."""

    outputs = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "conv4_2", "relu5_1")

    def __init__(self, problem: Problem):
        super().__init__()
        self.slices, layers = nn.ModuleList(), []
        for name, layer in zip(problem.backbone.layers, problem.backbone.features, strict=True):
            layers.append(nn.ReLU(inplace=True) if name.startswith("relu") else deepcopy(layer))
            if name in self.outputs:
                self.slices.append(nn.Sequential(*layers))
                layers = []
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = {}
        for name, part in zip(self.outputs, self.slices, strict=True):
            x = part(x)
            maps[name] = x
        return maps


def gordicaleksa_gram(features: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    flat = features.view(batch, channels, height * width)
    return flat.bmm(flat.transpose(1, 2)) / (channels * height * width)


class Gordicaleksa(Peer):
    """gordicaleksa's project: pixels of 0 to 255 minus the mean, L-BFGS with a line search and 100 moves of history."""

    unit = 255.0

    def __init__(self, problem: Problem):
        self.mean = problem.backbone.mean.clone()
        super().__init__(problem, self._enter(problem.mixed))
        self.network = SlicedVgg(problem)
        with torch.no_grad():
            self.content = self.network(self._enter(problem.content))["conv4_2"]
            maps = self.network(self._enter(problem.style))
            self.grams = {layer: gordicaleksa_gram(maps[layer]) for layer in STYLE_LAYERS}

    def _enter(self, image: Tensor) -> Tensor:
        return 255 * (image - self.mean)

    def picture(self) -> Tensor:
        return self.image.detach() / 255 + self.mean

    def loss(self) -> tuple[Tensor, Tensor, Tensor]:
        problem, maps = self.problem, self.network(self.image)
        content = F.mse_loss(maps["conv4_2"], self.content, reduction="mean")
        style = 0.0
        for layer, target in self.grams.items():
            style = style + F.mse_loss(target[0], gordicaleksa_gram(maps[layer])[0], reduction="sum")
        style = style / len(self.grams)
        tv = total_variation(self.image)
        return problem.content_weight * content, problem.style_weight * style, problem.tv_weight * tv

    @all_digits()
    def run(self, evaluations: int, watch: Watch | None = None) -> Tensor:
        """Ends within one line search of `evaluations`."""
        self.image = self._enter(self.problem.content).requires_grad_()
        optimizer = torch.optim.LBFGS((self.image,), max_iter=1000, max_eval=evaluations, line_search_fn="strong_wolfe")
        watch, count = watch or Watch(), 0

        def closure() -> Tensor:
            nonlocal count
            optimizer.zero_grad()
            total = self.backward()
            count += 1
            watch(count, self.picture)
            return total

        optimizer.step(closure)
        self.moves = len(optimizer.state[self.image].get("old_dirs") or ())
        watch(count, self.picture)  # the line search's choice need not be its last trial
        return self.picture()


# --- the formula, compiled -----------------------------------------------------------------------


class Formula(Peer):
    """The plain formula as one would write it for a GPU: half precision, channels last, `torch.compile`.

    Args:
        problem: pictures, network and weights.
        precision: of maps and weights; float16 would end in infinities here.
        backend: of torch.compile.
        mode: likewise; "reduce-overhead" records CUDA graphs.
    """

    unit = 255.0

    def __init__(
        self,
        problem: Problem,
        precision: str = "bfloat16",
        backend: str = "inductor",
        mode: str | None = "reduce-overhead",
    ):
        self.precision, self.mean = precision, problem.backbone.mean.clone()
        super().__init__(problem, 255 * (problem.mixed - self.mean))
        self.dtype, deepest = getattr(torch, precision), max(map(list(problem.backbone.layers).index, STYLE_LAYERS))
        names, layers = list(problem.backbone.layers)[: deepest + 1], problem.backbone.features[: deepest + 1]
        self.layers = dict(zip(names, deepcopy(layers).to(self.dtype, memory_format=torch.channels_last), strict=True))
        with torch.no_grad():
            self.content = self.maps(255 * (problem.content - self.mean))[CONTENT_LAYER].float()
            maps = self.maps(255 * (problem.style - self.mean))
            self.grams = {name: self.gram(maps[name]) for name in STYLE_LAYERS}
        self.compiled = torch.compile(self.losses, backend=backend, mode=mode)

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        x, found = x.to(self.dtype, memory_format=torch.channels_last), {}
        for name, layer in self.layers.items():
            x = layer(x)
            if name in (CONTENT_LAYER, *STYLE_LAYERS):
                found[name] = x
        return found

    @staticmethod
    def gram(features: Tensor) -> Tensor:
        flat = features.flatten(2)[0]
        return (flat @ flat.T).float() / flat.numel()

    def losses(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        problem, maps = self.problem, self.maps(image)
        content = (maps[CONTENT_LAYER].float() - self.content).square().mean()
        style = sum((self.gram(maps[name]) - target).square().sum() for name, target in self.grams.items())
        weight = problem.style_weight / len(self.grams)
        return problem.content_weight * content, weight * style, problem.tv_weight * total_variation(image)

    def loss(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.compiled(self.image)


# --- nstlib --------------------------------------------------------------------------------------

BEST: Mapping[str, object] = {"history": 10}  # what our loop is run with, beside the problem and the precision
# For a race to a loss: half precision alone does not come as far, and a longer memory needs fewer evaluations.
RACE: Mapping[str, object] = {"history": 30, "precision": "mixed"}
COARSE = 100  # evaluations at half the size before: a third of the peer's 300, as `Recipe.scales` has it for VGG


class Ours:
    """nstlib's own `Transfer`, and the `Objective` that it minimises."""

    unit = 1.0

    def __init__(self, problem: Problem, precision: str = "auto", **changes: object):
        self.problem = problem
        self.transfer = Transfer(
            problem.content.cpu(),
            [problem.style.cpu()],
            recipe=problem.recipe,
            seed=problem.seed,
            device=problem.device,
            weights=problem.weights,
            precision=precision,
            **{**BEST, "pyramid": ((problem.size // 2, COARSE),), "evaluations": 10**6, **changes},
        )
        self.parts: Mapping[str, Tensor] = {}

    @cached_property
    def objective(self) -> Objective:
        """At full size; `run` makes its own."""
        return self.transfer.objective((self.problem.size, self.problem.size))

    @property
    def precision(self) -> str:
        """The precision that was chosen."""
        return self.objective.precision

    def evaluate(self) -> tuple[Tensor, Tensor]:
        total, self.parts, gradient = self.objective.value_and_gradient(self.problem.mixed)
        return total, gradient

    def terms(self) -> dict[str, float]:
        none = dict.fromkeys(("content", "style", "tv"), 0.0)
        return none | by_kind({name: float(value) for name, value in self.parts.items()})

    def forget(self) -> None:
        """Let an evaluation be captured anew, by the ways to multiply that hold then."""
        self.__dict__.pop("objective", None)

    @torch.no_grad()
    def judge(self, picture: Tensor) -> float:
        """The loss of a picture, (1, 3, H, W) in [0, 1], by the plain float32 path."""
        return float(self.objective(picture.to(self.problem.device))[0])

    def run(self, evaluations: int, watch: Watch | None = None) -> Tensor:
        """Ends within one line search of `evaluations` at full size; it can run only once."""
        watch = watch or Watch()
        shape, size, before, full, count = (self.problem.size, self.problem.size), None, 0, 0, 0
        for progress in self.transfer:
            if progress.step.evaluations < count:  # a new stage counts anew
                before, full = before + count, full + (count if size == shape else 0)
            count, size, image = progress.step.evaluations, progress.size, progress.step.image
            watch(before + count, partial(resize, image.detach(), shape))
            if size == shape and full + count >= evaluations:
                break
        return self.transfer.result().image.to(self.problem.device)


TUTORIAL, GORDICALEKSA, OURS, OURS_FLOAT32 = "tutorial", "gordicaleksa", "nstlib", "nstlib float32"
COMPILED = "compiled"

CONTESTANTS: Mapping[str, Callable[[Problem], Peer | Ours]] = {
    TUTORIAL: Tutorial,
    GORDICALEKSA: Gordicaleksa,
    OURS: Ours,
    OURS_FLOAT32: lambda problem: Ours(problem, "float32"),
}


def contestants(problem: Problem) -> dict[str, Peer | Ours]:
    """All who differ: where `auto` is float32, ours enters once. They agree, or this raises."""
    made = {who: build(problem) for who, build in CONTESTANTS.items()}
    if problem.device.startswith("cuda"):
        made[COMPILED] = Formula(problem, "float32" if (own := made[OURS].precision) == "float16" else own)
    check_agreement(made)
    if made[OURS].precision == "float32":
        del made[OURS_FLOAT32]
    return made


def check_agreement(made: Mapping[str, Peer | Ours], tolerance: float = 1e-3, cosine: float = 0.999) -> None:
    """Refuse to compare contestants that compute different things.

    In float32 the total and each term may differ by the relative `tolerance`, and the gradients' lengths by 1 %; half
    precision is held to 3e-2, a cosine of 0.95 and lengths within 10 %. What bfloat16 rounds away grows with the
    picture: cosines were 0.976 at 256 pixels and 0.954 at 1,024 on a processor, 0.912 at 2,048 on a GPU, so from 1,024
    on it is 0.9.
    """
    with all_digits():
        compare(made, tolerance, cosine)
    for contestant in made.values():
        contestant.forget()


def compare(made: Mapping[str, Peer | Ours], tolerance: float, cosine: float) -> None:
    """See `check_agreement`."""
    reference, (total, gradient) = made[GORDICALEKSA], made[GORDICALEKSA].evaluate()
    expected = {"total": float(total), **reference.terms()}
    gradient = gradient.clone() * reference.unit
    for who, contestant in made.items():
        half = getattr(contestant, "precision", "float32") != "float32"
        near = 0.95 if contestant.problem.size < 1024 else 0.9
        allowed, least, stretch = (3e-2, near, 0.1) if half else (tolerance, cosine, 1e-2)
        value, slope = contestant.evaluate()
        found = {"total": float(value), **contestant.terms()}
        slope = slope.float() * contestant.unit
        for name, wanted in expected.items():
            if not abs(found[name] - wanted) <= allowed * abs(wanted):
                raise AssertionError(f"{who}: {name} is {found[name]:.6g}, {GORDICALEKSA}'s {wanted:.6g}")
        alike = float(F.cosine_similarity(slope.flatten(), gradient.flatten(), dim=0))
        length = float(slope.norm() / gradient.norm())
        if not (alike > least and abs(length - 1) <= stretch):
            raise AssertionError(
                f"{who}: the gradient's cosine with {GORDICALEKSA}'s is {alike:.5f}, its length {length:.4f} of it"
            )
