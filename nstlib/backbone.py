"""An image → feature maps by name (`relu4_2`, `fire5`), stopping after the deepest one asked for.

Every network here is a straight line of layers with names. Parameters keep torchvision's names (`features.0.weight`),
so its weights load as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .architecture import BACKBONES, Architecture, Spec
from .errors import InputError, nearest, one_line, one_of
from .image import floats_of, kind_of, shape_of
from .machine import choose_device, in_own_precision, seeded
from .weights import load_weights

__all__ = ["Backbone", "Fire", "load_backbone", "map_of", "normalize_activations"]

POOLINGS = ("max", "average")  # as trained, or as in Gatys et al.
PIXELS_AS = ("imagenet", "255")  # what enters the network: of mean 0 and deviation 1, or in Caffe's range
PADDINGS = ("zeros", "replicate")  # of the first convolution
PLACE = re.compile(r"features\.(\d{1,4})\.")  # of a layer, in the names of its parameters


class Fire(nn.Module):
    """SqueezeNet's module: squeeze to few channels by 1×1, expand by 1×1 and 3×3 side by side, ReLU after each."""

    def __init__(self, channels: int, squeeze: int, width: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1, dtype=torch.float32)
        self.expand1x1 = nn.Conv2d(squeeze, width // 2, 1, dtype=torch.float32)
        self.expand3x3 = nn.Conv2d(squeeze, width // 2, 3, padding=1, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], dim=1)


def build(spec: Spec, channels: int, pooling: str) -> nn.Module:
    """The module of one layer that takes `channels` channels."""
    kind = one_of("kind of layer", spec.kind, ("conv", "relu", "fire", "pool"))
    if kind == "conv":
        return nn.Conv2d(channels, spec.channels, spec.kernel, spec.stride, spec.padding, dtype=torch.float32)
    if kind == "relu":
        return nn.ReLU()  # never in place: it would overwrite the convolution's map, which may have been asked for
    if kind == "fire":
        return Fire(channels, spec.squeeze, spec.channels)
    if spec.padding:
        raise InputError(f"{spec.name} is a pooling with padding, which no layer here knows: leave padding out")
    pool = nn.MaxPool2d if pooling == "max" else nn.AvgPool2d
    return pool(spec.kernel, spec.stride, ceil_mode=spec.ceil_mode)


def bias_of(convolution: nn.Conv2d) -> Tensor:
    """The bias of a convolution of ours, as all of them have one."""
    assert convolution.bias is not None
    return convolution.bias


def map_of(given: Any) -> Tensor:
    """What should be a feature map, if it is a tensor of floats.

    Raises:
        InputError: it is something else; says how a map is made of it.
    """
    if isinstance(given, Tensor):
        if not given.is_floating_point():
            raise InputError(f"a feature map of {kind_of(given)}: give one of floats, features.float()")
        if 0 in given.shape:
            raise InputError(f"a feature map of shape {tuple(given.shape)} is empty: look for what made it")
        return given
    if isinstance(given, Mapping) and given:
        way = f"take one layer's from it, maps[{next(iter(given))!r}]"
    elif isinstance(given, np.ndarray):
        way = "torch.from_numpy makes one of it"
    else:
        way = "a backbone makes maps of a picture, backbone(picture, ['relu3_1'])['relu3_1']"
    raise InputError(f"a feature map is a tensor (1, N, H, W), not a {type(given).__name__}: {way}")


def colours_of(image: Any) -> Tensor:
    """The pixels of an image that a network can look at.

    Raises:
        InputError: there are none, or they are whole numbers, or have another number of channels.
    """
    held = floats_of(image)
    if held.ndim not in (3, 4) or held.shape[-3] != 3:
        raise InputError(f"an image of shape {tuple(held.shape)}: give (B, 3, height, width), sRGB in [0, 1]")
    return held


def no_backbone(given: Any, what_for: str, more: str = "") -> InputError:
    """What to tell somebody who gave something else, a network's name say.

    Args:
        given: in place of a `Backbone`.
        what_for: one is wanted, as a clause.
        more: advice.
    """
    name = given if isinstance(given, str) and given in BACKBONES else "vgg19"
    one = f"give one, such as nst.load_backbone('{name}')"
    return InputError(f"a {type(given).__name__} is no Backbone, {what_for}: {one}{more}")


class Backbone(nn.Module):
    """A frozen network that maps an image to named feature maps.

    Args:
        architecture: the network's facts, such as one of `BACKBONES`.
        weights: parameters by torchvision's names (`features.0.weight`); those after the last layer (a classifier's)
            are ignored, and layers after the last one that has weights are left out. None leaves PyTorch's random
            start.
        pooling: "max" as trained, or "average" as in Gatys et al. (2016, section 2).
        pixels: "imagenet" feeds (image - mean) / std; "255" feeds 255 (image - mean), as Caffe-lineage projects do.
        padding_mode: of the first convolution, "zeros" or "replicate".

    Raises:
        InputError: no architecture, an unknown option, or weights that do not fit.
    """

    mean: Tensor
    std: Tensor

    @torch.inference_mode(False)  # parameters that are made in it can stand in no objective
    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, Tensor] | None = None,
        *,
        pooling: str = "max",
        pixels: str = "imagenet",
        padding_mode: str = "zeros",
    ):
        super().__init__()
        pooling = one_of("pooling", pooling, POOLINGS)
        pixels = one_of("pixel convention", pixels, PIXELS_AS)
        padding_mode = one_of("padding mode", padding_mode, PADDINGS)
        self.architecture = Architecture.check(architecture)
        self.pooling, self.pixels, self.padding_mode = pooling, pixels, padding_mode
        modules: list[nn.Module] = []
        channels = 3
        with nullcontext() if weights is None else seeded(0):  # numbers that are drawn for nothing
            for spec in architecture.specs:
                modules.append(build(spec, channels, pooling))
                channels = spec.channels
        self.features = nn.Sequential(*modules)
        self.features[0].padding_mode = padding_mode  # type: ignore[assignment]  # torch's stub: parts alone are set
        self.layers = architecture.layers
        if weights is not None:
            self._load(weights)
        std = architecture.std if pixels == "imagenet" else (1 / 255,) * 3
        for name, numbers in (("mean", architecture.mean), ("std", std)):
            made = next(self.parameters()).new_tensor(numbers).view(1, 3, 1, 1)
            self.register_buffer(name, made, persistent=False)
        self.requires_grad_(False).eval()

    @property
    def name(self) -> str:
        return self.architecture.name

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters())
        first, *_, last = self.layers
        return (
            f"{self.name}: {len(self.layers)} layers, {first} to {last}, {count:,} parameters, {self.pooling} pooling"
        )

    def normalize(self, image: Tensor) -> Tensor:
        """Bring an image to the range that the network was trained on.

        Args:
            image: (B, 3, H, W), sRGB in [0, 1].

        Raises:
            InputError: no pixels, whole numbers, or another number of channels.
        """
        return (colours_of(image).to(self.mean.dtype) - self.mean) / self.std

    def iterate(self, image: Tensor, until: str) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, map) of each layer in order.

        Args:
            image: (B, 3, H, W), sRGB in [0, 1].
            until: the last layer to run.

        Raises:
            InputError: a layer that the network lacks.
        """
        self.check_layers([until])
        x = self.normalize(image)
        for name, module in zip(self.layers, self.features, strict=True):
            x = module(x)
            yield name, x
            if name == until:
                return

    def forward(
        self,
        image: Tensor,
        layers: Iterable[str],
        describe: Callable[..., Tensor] | None = None,
        regions: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """Feature maps of an image, or what `describe` says of each.

        Args:
            image: (B, 3, H, W), sRGB in [0, 1].
            layers: names such as "relu4_2"; the network stops after the deepest.
            describe: a map (B, N, h, w), and its regions if there are any → what is wanted of it; None for the map.
            regions: by layer, what `describe` takes beside the map; None for nothing.

        Returns:
            one map (B, N, H / stride, W / stride) per name, or its description, in the network's order.

        Raises:
            InputError: a layer that the network lacks, an image too small for the deepest one, or none at all.
        """
        wanted, image = self.check_layers(layers), colours_of(image)
        self.check_size(shape_of(image), wanted[-1])
        maps = self.iterate(image, wanted[-1])
        beside = {name: (regions[name],) if regions else () for name in wanted}
        return {name: describe(x, *beside[name]) if describe else x for name, x in maps if name in wanted}

    def check_layers(self, names: Iterable[str]) -> list[str]:
        """The given layers in the network's order, each once.

        Args:
            names: such as "relu4_2".

        Raises:
            InputError: none, or one that the network lacks (names the nearest).
        """
        names = [names] if isinstance(names, str) else list(names)
        if not names:
            raise InputError(f"no layer was named; those of {self.name} are {self.span()}")
        unknown = next((n for n in names if n not in self.architecture.layers), None)
        if unknown is not None:
            raise InputError(
                f"{unknown} is not in {self.name}; {nearest(unknown, self.layers)}Its layers: {self.span()}"
            )
        if cut := [layer for layer in self.architecture.layers if layer in names and layer not in self.layers]:
            raise InputError(
                f"these weights of {self.name} end at {list(self.layers)[-1]}, before {cut[-1]}: move their file away "
                f"and take one that goes as far (nst weights export {self.name} --until {cut[-1]}), or shallower layers"
            )
        return [name for name in self.layers if name in names]

    def check_size(self, size: tuple[int, int], deepest: str) -> None:
        """Refuse an image on which the deepest layer's map would be smaller than 2×2.

        Args:
            size: (height, width) in pixels.
            deepest: the layer's name.

        Raises:
            InputError: it is too small; says which size is not.
        """
        least = self.smallest(deepest)
        if min(size) < least:
            raise InputError(
                f"an image of {size[1]}×{size[0]} pixels is too small for {deepest} of {self.name}: "
                f"use at least {least}×{least}, or a shallower layer"
            )

    def smallest(self, deepest: str) -> int:
        """The least side of an image, in pixels, on which the layer `deepest` has a map of at least 2×2.

        Raises:
            InputError: a layer that the network lacks.
        """
        return self.architecture.smallest(deepest)

    def span(self) -> str:
        """The layers in words, read from the network: "conv1_1 relu1_1 … relu5_1"."""
        return " ".join(self.layers)

    def trimmed(self, until: str) -> dict[str, Tensor]:
        """The parameters by torchvision's names, for an export.

        Args:
            until: the last layer to keep.

        Raises:
            InputError: a layer that the network lacks.
        """
        last = list(self.layers).index(self.check_layers([until])[0])
        return {k: v for k, v in self.state_dict().items() if int(k.split(".")[1]) <= last}

    def _load(self, weights: Mapping[str, Tensor]) -> None:
        """Copy the weights in; drop the layers after the last one that has any."""
        own = self.state_dict()
        given = {k: v for k, v in weights.items() if k in own}
        depth = max((int(k.split(".")[1]) for k in given), default=-1)
        needed = {k for k in own if int(k.split(".")[1]) <= depth}
        wrong = sorted(needed - given.keys()) or [k for k in needed if given[k].shape != own[k].shape]
        places = {k: int(found[1]) for k in weights.keys() - own.keys() if (found := PLACE.match(k))}
        foreign = sorted(k for k, place in places.items() if place < len(self.features))
        if depth < 0 or wrong or foreign:
            lacking = [f"'{k}' is missing or has another shape" for k in wrong]
            what = [*lacking, *(f"it has no '{one_line(k)}'" for k in foreign), "none of its parameters is there"][0]
            raise InputError(f"these weights are not those of {self.name}: {what}; check the file's name")
        for name in sorted(needed):
            if not is_plain(given[name]):
                kind = f"{given[name].dtype}, {given[name].layout}".replace("torch.", "")
                raise InputError(f"the weights of {self.name}: '{name}' is {kind}: save them dense, and as floats")
        while depth + 1 < len(self.features) and not list(self.features[depth + 1].parameters()):
            depth += 1  # the ReLU and pooling after the last convolution need no weights
        self.features = self.features[: depth + 1]
        self.layers = dict(list(self.layers.items())[: depth + 1])
        self.load_state_dict({k: given[k].float() for k in needed})


def is_plain(weights: Tensor) -> bool:
    """Whether numbers lie there one by one, and are floats: not quantised, sparse, or without storage."""
    return weights.is_floating_point() and weights.layout is torch.strided and not weights.is_meta


@torch.inference_mode(False)  # moving it to a device makes parameters anew
def load_backbone(
    name: str = "pocket", weights: str | Path | None = None, *, device: str | torch.device = "cpu", **options: str
) -> Backbone:
    """A network of `BACKBONES` with its weights, on a device.

    Args:
        name: of the network.
        weights: a file; "random" for He's random start from torch's current seed (He et al. 2015), to compare with;
            None to find or download the trained ones.
        device: where it is to compute, "auto", "cpu", "cuda" or "mps".
        **options: `pooling`, `pixels` and `padding_mode`, as `Backbone` takes them.

    Raises:
        InputError: an unknown name or option, or weights that cannot be had.
    """
    name = one_of("backbone", name, BACKBONES)
    architecture, where = BACKBONES[name], choose_device(device)
    takes = ("pooling", "pixels", "padding_mode")
    options = {one_of("option of a network", option, takes): value for option, value in options.items()}
    if weights == "random":
        with torch.device("cpu"):  # whose numbers follow the seed, whatever torch's default is
            backbone = Backbone(architecture, None, **options)
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(bias_of(module))
    else:
        backbone = Backbone(architecture, load_weights(name, weights), **options)
    return backbone.to(where)


@in_own_precision
@torch.no_grad()
def normalize_activations(backbone: Backbone, images: Iterable[Tensor]) -> Backbone:
    """Scale the weights in place so that each channel's mean activation over `images` and positions is 1.

    Gatys et al. (2016, section 2) normalise VGG-19 so before any transfer. It changes no ReLU's zero pattern and
    no pooling's winner, because every scale is positive; channels that never fire keep their scale.

    Args:
        backbone: the network, which is changed.
        images: pictures (1, 3, H, W) in [0, 1] to average over, of any sizes; a few dozen varied ones do.

    Raises:
        InputError: no backbone, no picture, or one that is too small for the last layer.
    """
    if not isinstance(backbone, Backbone):
        raise no_backbone(backbone, "whose weights are scaled")
    if not isinstance(images, Iterable):
        raise InputError(f"a {type(images).__name__} is no list of pictures: give one, such as [picture.pixels]")
    convolutions = [m for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    totals = {c: c.weight.new_zeros(c.out_channels) for c in convolutions}
    counts = dict.fromkeys(convolutions, 0)  # of positions

    def add(module: nn.Conv2d, _: object, output: Tensor) -> None:
        totals[module] += F.relu(output).sum(dim=(0, 2, 3))
        counts[module] += output[:, 0].numel()

    last = list(backbone.layers)[-1]
    least = backbone.architecture.smallest(last, rows=1)
    hooks = [c.register_forward_hook(add) for c in convolutions]
    try:
        for image in images:
            height, width = shape_of(colours_of(image))
            if min(height, width) < least:
                needed = f"use at least {least}×{least}"
                raise InputError(f"an image of {width}×{height} pixels is too small for {last}: {needed}")
            for _ in backbone.iterate(image, last):
                pass
    finally:
        for hook in hooks:
            hook.remove()
    if not all(counts.values()):
        raise InputError("there is no picture to average activations over: give some, a few dozen varied ones do")
    means = {c: torch.where(total > 0, total / counts[c], 1.0) for c, total in totals.items()}

    def rescale(conv: nn.Conv2d, incoming: Tensor) -> Tensor:
        outgoing = means[conv]
        conv.weight.mul_(incoming.view(1, -1, 1, 1)).div_(outgoing.view(-1, 1, 1, 1))
        bias_of(conv).div_(outgoing)
        return outgoing

    scale = torch.ones_like(backbone.mean).view(3)
    for module in backbone.features:
        if isinstance(module, nn.Conv2d):
            scale = rescale(module, scale)
        elif isinstance(module, Fire):
            inner = rescale(module.squeeze, scale)
            scale = torch.cat([rescale(module.expand1x1, inner), rescale(module.expand3x3, inner)])
    return backbone
