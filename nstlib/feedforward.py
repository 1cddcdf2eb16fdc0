"""One style → a small network that paints any photograph in it, trained by the kit's own objective.

The objective of an optimised picture is asked of a network's output, and its gradient to the pixels is handed on to the
network's weights (Johnson et al. 2016, "Perceptual losses", section 3). All the work is done once, before any picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .backbone import Backbone, load_backbone
from .errors import InputError
from .image import Picture, load_image, planes_of
from .inputs import alone, surroundings_filled
from .live import one_line_for_an_interrupt
from .loss import content_terms, style_terms, tv_term
from .machine import choose_device, in_own_precision, seeded
from .objective import Objective
from .optimizers import RATE
from .recipe import PIXELS, WEIGHT
from .recipes import DEFAULT_RECIPE, RECIPES
from .rules import Number, judged
from .term import Term

__all__ = ["StyleNetwork", "Training", "train_style_network"]

STRIDE = 4  # pixels of an image for one position inside the network
WARM_UP = 20  # steps: Adam's first ones are of full length in every weight, however little is known of its slope
RULES = {  # of the numbers of a training
    "steps": Number(1, 10**7, whole=True),
    "batch": Number(1, 1024, whole=True),
    "size": PIXELS,
    "rate": RATE,
    "content_weight": WEIGHT,
    "seed": Number(0, 2**63 - 1, whole=True),
}
SMOOTH = 1e-6  # weight of the total variation, per pixel value: no more than keeps a network's checkerboards down


def convolution(channels: int, made: int, kernel: int, step: int = 1) -> list[nn.Module]:
    """A convolution whose channels are normalised for each picture by itself (Ulyanov et al. 2017)."""
    return [
        nn.Conv2d(channels, made, kernel, step, kernel // 2, padding_mode="replicate", dtype=torch.float32),
        nn.InstanceNorm2d(made, affine=True, dtype=torch.float32),
    ]


class Residual(nn.Module):
    """Two convolutions whose result is added to what they were given."""

    def __init__(self, channels: int):
        super().__init__()
        self.change = nn.Sequential(*convolution(channels, channels, 3), nn.ReLU(), *convolution(channels, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)


class StyleNetwork(nn.Module):
    """A network that paints in one style: down to a quarter of the size, some residual blocks, and up again.

    Args:
        width: channels at full size; twice and four times as many below.
        blocks: residual blocks.
    """

    @torch.inference_mode(False)  # what is made in it cannot learn
    def __init__(self, width: int = 16, blocks: int = 4):
        super().__init__()
        down = [*convolution(3, width, 9), nn.ReLU()]
        for factor in (1, 2):
            down += [*convolution(factor * width, 2 * factor * width, 3, 2), nn.ReLU()]
        up: list[nn.Module] = []
        for factor in (4, 2):
            up += [nn.Upsample(scale_factor=2), *convolution(factor * width, factor * width // 2, 3), nn.ReLU()]
        last = nn.Conv2d(width, 3, 9, padding=4, padding_mode="replicate", dtype=torch.float32)
        self.layers = nn.Sequential(*down, *(Residual(4 * width) for _ in range(blocks)), *up, last)

    def forward(self, image: Tensor) -> Tensor:
        """The painted picture.

        Args:
            image: (B, 3, H, W), sRGB in [0, 1]; more than 4 pixels wide or high.

        Returns:
            The same shape, in (0, 1).

        Raises:
            InputError: another shape, or so small that one position is left, which has no deviation to normalise by.
        """
        image = planes_of(image, 3).to(next(self.parameters()).dtype)
        height, width = image.shape[-2:]
        if max(height, width) <= STRIDE:
            raise InputError(f"an image of {width}x{height}: give one that is more than {STRIDE} pixels wide or high")
        padded = F.pad(image, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        return torch.sigmoid(self.layers(4 * (padded - 0.5)))[..., :height, :width]

    @torch.no_grad()
    @in_own_precision
    def paint(self, content: Any, size: int | None = 512) -> Picture:
        """A picture painted at once.

        Args:
            content: a picture as `load_image` takes it.
            size: pixels of the longer side; None: as it is.

        Raises:
            InputError: the picture cannot be read, or is too small.
        """
        shown, own = load_image(content, size, smallest=2 * STRIDE), next(self.parameters())
        pixels = self(shown.pixels.to(own)).cpu().float()
        told = f"{shown.source}, painted by a network of one style"
        return Picture(pixels, source=told)


@dataclass(frozen=True)
class Training:
    """Where a training is.

    Attributes:
        step: counted from 1.
        steps: in all.
        loss: of the batch, the mean over its pictures.
        terms: the same by name, such as "content relu3_3", "style relu1_1" and "tv".
        network: that learns; it goes on changing.
    """

    step: int
    steps: int
    loss: float
    terms: dict[str, float]
    network: StyleNetwork

    def __repr__(self) -> str:
        return f"step {self.step} of {self.steps}, loss {self.loss:.4g}"


@torch.inference_mode(False)
@torch.enable_grad()
def train_style_network(
    style: Any,
    photographs: Sequence[Any],
    *,
    steps: int = 600,
    batch: int = 4,
    size: int = 128,
    rate: float = 3e-3,
    content_weight: float = 0.2,
    network: StyleNetwork | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Iterator[Training]:
    """Teach a network one style, yielding after each step; break off when you like what it paints.

    Args:
        style: a picture as `load_image` takes it.
        photographs: pictures to practise on, as many as there are; crops of them are drawn.
        steps: of Adam, whose rate rises over the first `WARM_UP` and falls to 0 by the last.
        batch: crops a step.
        size: pixels of a crop's side, and of the style's longer one.
        rate: the highest.
        content_weight: of the content against the style, as in a recipe.
        network: to train on, which is changed; a new one if None. The training is a new one: its rate rises anew, and
            it draws the crops of its seed, so another seed lets a network that has learned see others.
        seed: of the network's start and of the crops.
        device: "auto", "cpu", "cuda", "mps".

    Raises:
        InputError: no photograph, or one that cannot be read; a number out of its range; a network of another kind, or
            that cannot learn; a loss or a gradient that is no finite number, and then the network is that of the step
            before.
        Stopped: an interrupt, in a notebook.
    """
    photographs = alone(photographs)
    if not photographs:
        raise InputError("there is no photograph to practise on: give some, such as ['content/harbour', 'photo/cat']")
    given = {"steps": steps, "batch": batch, "size": size, "rate": rate, "content_weight": content_weight, "seed": seed}
    steps, batch, size, rate, content_weight, seed = (judged(name, value, RULES[name]) for name, value in given.items())
    check_network(network)
    where, made = choose_device(device), torch.Generator().manual_seed(seed)
    backbone = load_backbone("pocket", device=where)
    pictures = [load_image(one, 2 * size, side="short", enlarge=True).pixels for one in photographs]
    least = backbone.smallest("relu5_1")
    look = surroundings_filled(load_image(style, size, smallest=least))
    terms = style_of(backbone, look.pixels.to(where), None if look.mask is None else look.mask.to(where))
    network = (network or fresh(seed)).to(where)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    scheduled = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: share_of_rate(step, steps))
    done = 0

    def told() -> str:
        ways = (
            "the item that came last has the network as it is; network= trains it on, by other crops with another seed="
        )
        return f"stopped after step {done} of {steps}: {ways}"

    with one_line_for_an_interrupt(told):
        for step in range(1, steps + 1):
            images = torch.cat([crop(pictures, size, made) for _ in range(batch)]).to(where)
            optimiser.zero_grad()
            loss, named = backward(network, images, backbone, content_weight, terms)
            norm = float(nn.utils.clip_grad_norm_(network.parameters(), 1.0))  # the device was waited for just now
            check_finite(f"step {step} of {steps}", loss, norm)
            with torch.device("cpu"):  # torch 2.6 counts the steps on its default device, whatever that is
                optimiser.step()
            scheduled.step()
            done = step
            yield Training(step, steps, loss, named, network)


def check_network(network: Any) -> None:
    """Refuse what cannot be trained.

    Args:
        network: to train; None for a new one.

    Raises:
        InputError: it is of another kind, frozen, or in half precision, in which Adam's squares are 0.
    """
    if network is None:
        return
    if not isinstance(network, StyleNetwork):
        raise InputError(f"a {type(network).__name__} is no network of one style: give a StyleNetwork, or None")
    kinds = {parameter.dtype for parameter in network.parameters()}
    if half := next((kind for kind in kinds if torch.promote_types(kind, torch.float32) != kind), None):
        short = str(half).removeprefix("torch.")
        raise InputError(f"a network in {short} loses the small steps that it learns by: give network.float()")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError("all of the network is frozen, so it cannot learn: give network.requires_grad_()")


def check_finite(step: str, loss: float, norm: float) -> None:
    """End a training before a step that would spoil the network.

    Args:
        step: which one, in words.
        loss: of its batch.
        norm: of the gradient.

    Raises:
        InputError: one of the two is no finite number.
    """
    for name, value in (("loss", loss), ("gradient", norm)):
        if not math.isfinite(value):
            raise InputError(
                f"{step}: the {name} is not a finite number, and the network stays as it was: begin with a new one, "
                "network=None"
            )


@in_own_precision
def backward(
    network: StyleNetwork, images: Tensor, backbone: Backbone, content_weight: float, style: list[Term]
) -> tuple[float, dict[str, float]]:
    """Add to a network's gradients what a batch asks of its weights; the mean loss, and its terms by name.

    Args:
        network: that learns.
        images: (count, 3, H, W), pixels.
        backbone: that judges.
        content_weight: of each image's own content.
        style: the terms that all have in common.
    """
    painted, count = network(images), len(images)
    goals = [Objective(backbone, [*content_of(backbone, image, content_weight), *style]) for image in images.split(1)]
    pairs = zip(goals, painted.detach().split(1), strict=True)
    found = [goal.value_and_gradient(pixels, again=False) for goal, pixels in pairs]
    painted.backward(torch.cat([gradient for _, _, gradient in found]) / count)
    named = {name: sum(float(parts[name]) for _, parts, _ in found) / count for name in found[0][1]}
    return sum(float(value) for value, _, _ in found) / count, named


def share_of_rate(step: int, steps: int) -> float:
    """What share of its highest rate a step takes: rising in a line, then falling as a cosine does.

    Args:
        step: counted from 0.
        steps: in all.
    """
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def style_of(backbone: Backbone, style: Tensor, mask: Tensor | None = None) -> list[Term]:
    """What is asked of every picture: the style by the usual recipe, where it is opaque, and a little smoothness."""
    usual = RECIPES[DEFAULT_RECIPE]
    terms = style_terms(backbone, [style], usual.style_layers, statistic=usual.statistic, masks=[mask])
    return [*terms, tv_term(weight=SMOOTH)]


def content_of(backbone: Backbone, image: Tensor, weight: float) -> list[Term]:
    """What is asked of one picture: its own content by the usual recipe."""
    usual = RECIPES[DEFAULT_RECIPE]
    return content_terms(backbone, image, usual.content_layers, weight=weight, reduction=usual.content_reduction)


def fresh(seed: int) -> StyleNetwork:
    """A new network, the same for the same seed."""
    with seeded(seed):
        return StyleNetwork()


def crop(pictures: Sequence[Tensor], size: int, made: torch.Generator) -> Tensor:
    """A square out of one of the pictures, half of the time mirrored (1, 3, size, size)."""

    def draw(count: int) -> int:
        return int(torch.randint(count, (), generator=made, device="cpu"))

    image = pictures[draw(len(pictures))]
    top, left = draw(image.shape[2] - size + 1), draw(image.shape[3] - size + 1)
    square = image[..., top : top + size, left : left + size]
    return square.flip(3) if draw(2) else square
