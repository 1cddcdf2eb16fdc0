"""A frozen layer → what it needs forwards and on the way back, on some rows of its map.

Without gradients of the weights, less is needed than autograd keeps: of a convolution and its ReLU only the output,
whose zeros say where nothing comes back; of a pooling only the input, in which the winners can be found again.

A map can be made a band of rows at a time, each with the rows of its neighbours that its layers reach (the halo), so
the rows are those of the whole map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from .architecture import Spec
from .backbone import Backbone, Fire, bias_of
from .cuda import by_eights, convolve_relu, pool, rectify_gradient, unpool
from .errors import InputError
from .float16 import LARGEST, shrink

__all__ = ["Block", "Convolution", "FireModule", "Operation", "Pooling", "ReLU", "Slice", "cut", "divide"]

Rows = tuple[int, int]  # the first, and one past the last
Saved = Any  # what a layer keeps from forwards for backwards, each its own


class Operation(Protocol):
    """One layer, on some rows of its map."""

    @property
    def spec(self) -> Spec:
        """Its facts."""

    @property
    def copies(self) -> float:
        """Bytes that it keeps for the way back, in maps."""

    @property
    def weights(self) -> int:
        """How many it has."""

    @property
    def gain(self) -> float | None:
        """How many times as large as the largest number of a gradient the largest may be before it.

        None where there are no kernels that can be multiplied by a factor.
        """

    @property
    def ends_in_relu(self) -> bool:
        """Whether it ends with a ReLU, which `backward` begins with."""

    @property
    def undoes_relu_before(self) -> bool:
        """Whether `backward` has gone through the ReLU before it too."""

    def load(self) -> None:
        """Copy its weights, if they are not copied yet."""

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Saved]:
        """Output rows from the input rows that they need and so many rows of padding; and what `backward` needs."""

    def backward(
        self, gradient: Tensor, saved: Saved, shape: torch.Size, pad: Rows, factor: Tensor | None = None
    ) -> Tensor:
        """Gradient of the input rows, of `shape`, from that of the output rows, which is overwritten.

        It is multiplied by the `factor` in float16 (see there). saved: None if it has gone through the ReLU that the
        layer ends with.
        """


class Convolution:
    """A convolution, and its ReLU if the map between them is not asked for.

    map_scale: what the map is multiplied with. In float16 what would be infinite is the largest number that there is.
    """

    copies, undoes_relu_before = 1, False

    def __init__(
        self, spec: Spec, module: nn.Conv2d, dtype: torch.dtype, *, ends_in_relu: bool = True, map_scale: float = 1.0
    ):
        self.spec, self.module, self.dtype = spec, module, dtype
        self.ends_in_relu, self.map_scale = ends_in_relu, map_scale
        self.weights = module.weight.numel()
        self.ends = dtype == torch.float16

    @cached_property
    def weight(self) -> Tensor:
        return by_eights(self.module.weight.detach().to(self.dtype)).contiguous(memory_format=torch.channels_last)

    @cached_property
    def bias(self) -> Tensor:
        return (bias_of(self.module).detach() * self.map_scale).to(self.dtype)

    @cached_property
    def flipped(self) -> Tensor:
        """The kernels flipped both ways: for stride 1 the gradient is a convolution with them."""
        return self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)

    def load(self) -> None:
        _ = self.weight, self.bias, self.spec.stride > 1 or self.flipped

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Tensor | None]:
        most, stride = max(pad), self.spec.stride
        if stride > 1 and pad[0] != pad[1]:  # what is too much above would move the windows
            x, pad, most = F.pad(x, (0, 0, *pad)), (0, 0), 0
        convolve = convolve_relu if self.ends_in_relu else F.conv2d
        y = convolve(by_eights(x), self.weight, self.bias, stride, (most, self.spec.padding))
        y = crop(y, most - pad[0], most - pad[1])
        if self.ends:
            y.clamp_(-LARGEST, LARGEST)
        return y, y if self.ends_in_relu else None

    def backward(
        self, gradient: Tensor, output: Tensor | None, shape: torch.Size, pad: Rows, factor: Tensor | None = None
    ) -> Tensor:
        if output is not None:
            rectify_gradient(gradient, output)
        if self.spec.stride > 1:
            taken = 1, self.weight.shape[1], shape[2] + sum(pad), shape[3]
            padding = 0, self.spec.padding
            g = conv2d_input(taken, scaled(self.weight, factor), gradient, self.spec.stride, padding)
            return crop(g, *pad)[:, : shape[1]]
        reach, least = self.spec.kernel - 1, min(pad)
        g = F.conv2d(gradient, scaled(self.flipped, factor), None, 1, (reach - least, reach - self.spec.padding))
        return crop(g, pad[0] - least, pad[1] - least)[:, : shape[1]]

    @cached_property
    def gain(self) -> float:
        """The largest sum of weights that go from all outputs to one number of the input."""
        return float(self.weight.float().abs().sum((0, 2, 3)).max().clamp_min(1e-6))


class ReLU:
    """A ReLU by itself, behind a convolution whose own map was asked for and is left as it is."""

    copies, weights, gain = 1, 0, None
    ends_in_relu, undoes_relu_before = True, False

    def __init__(self, spec: Spec):
        self.spec = spec

    def load(self) -> None:
        pass

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Tensor]:
        y = F.relu(x)
        return y, y

    def backward(
        self, gradient: Tensor, output: Tensor | None, shape: torch.Size, pad: Rows, factor: Tensor | None = None
    ) -> Tensor:
        return gradient if output is None else rectify_gradient(gradient, output)


class FireModule:
    """SqueezeNet's fire module."""

    ends_in_relu = undoes_relu_before = False  # it has several ReLUs, within
    copies = 2.25  # the halves before and after they are joined, and the squeezed map

    def __init__(self, spec: Spec, module: Fire, dtype: torch.dtype, *, map_scale: float = 1.0):
        self.spec, point = spec, replace(spec, kernel=1, padding=0)
        self.squeeze = Convolution(point, module.squeeze, dtype, map_scale=map_scale)
        self.point = Convolution(point, module.expand1x1, dtype, map_scale=map_scale)
        self.cross = Convolution(spec, module.expand3x3, dtype, map_scale=map_scale)
        self.weights = self.squeeze.weights + self.point.weights + self.cross.weights

    @cached_property
    def gain(self) -> float:
        """That of both ways together, and of what comes before them where it enlarges."""
        return (self.point.gain + self.cross.gain) * max(1.0, self.squeeze.gain)

    def load(self) -> None:
        for convolution in (self.squeeze, self.point, self.cross):
            convolution.load()

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, tuple[Tensor, ...]]:
        s, _ = self.squeeze.forward(x, (0, 0))
        point, _ = self.point.forward(crop(s, 1 - pad[0], 1 - pad[1]), (0, 0))
        cross, _ = self.cross.forward(s, pad)
        return torch.cat([point, cross], dim=1), (s, point, cross)

    def backward(
        self,
        gradient: Tensor,
        saved: tuple[Tensor, ...],
        shape: torch.Size,
        pad: Rows,
        factor: Tensor | None = None,
    ) -> Tensor:
        s, point, cross = saved
        to_point, to_cross = (
            g.contiguous(memory_format=torch.channels_last) for g in gradient.split([point.shape[1], cross.shape[1]], 1)
        )
        g = self.cross.backward(to_cross, cross, s.shape, pad, factor)
        crop(g, 1 - pad[0], 1 - pad[1]).add_(self.point.backward(to_point, point, s.shape, (0, 0), factor))
        return self.squeeze.backward(g, s, shape, (0, 0))


class Pooling:
    """A pooling, by the largest number or by the mean.

    undoes_relu_before: whether its input comes out of a ReLU, and is asked for by nobody else.
    """

    copies, weights, gain = 1, 0, None
    ends_in_relu = False

    def __init__(self, spec: Spec, module: nn.MaxPool2d | nn.AvgPool2d, *, undoes_relu_before: bool = False):
        self.spec, self.module, self.how = spec, module, (spec.kernel, spec.stride, spec.ceil_mode)
        self.is_mean = isinstance(module, nn.AvgPool2d)
        self.undoes_relu_before = undoes_relu_before and not self.is_mean

    def load(self) -> None:
        pass

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Tensor]:
        return self.module(x) if self.is_mean else pool(x, *self.how), x

    def backward(
        self, gradient: Tensor, x: Tensor, shape: torch.Size, pad: Rows, factor: Tensor | None = None
    ) -> Tensor:
        if not self.is_mean:
            return unpool(gradient, x, *self.how, self.undoes_relu_before)
        size = [self.spec.kernel] * 2, [self.spec.stride] * 2, [0, 0]
        return torch.ops.aten.avg_pool2d_backward(gradient, x, *size, self.spec.ceil_mode, True, None)


def scaled(weight: Tensor, factor: Tensor | None) -> Tensor:
    """Kernels by which a gradient is also multiplied by the factor."""
    return weight if factor is None else (weight.float() * factor).to(weight.dtype)


def crop(x: Tensor, above: int, below: int) -> Tensor:
    """Without so many rows above and below."""
    return x[..., above : x.shape[-2] - below, :] if above or below else x


def select(x: Tensor, rows: Rows, wanted: Rows) -> Tensor:
    """Of `x`, which holds `rows` of a map, those wanted."""
    return crop(x, wanted[0] - rows[0], rows[1] - wanted[1])


def embed(x: Tensor, rows: Rows, wanted: Rows) -> Tensor:
    """`x`, which holds `rows` of a map, among zeros for the other rows wanted."""
    return x if rows == wanted else F.pad(x, (0, 0, rows[0] - wanted[0], wanted[1] - rows[1]))


Block = Mapping[str, Operation]  # by the name of the map that it makes, in order


def check_modules(backbone: Backbone, depth: int) -> None:
    """Refuse a network in which somebody has put another module in the place of its own.

    Args:
        backbone: the network.
        depth: how many of its layers are used.

    Raises:
        InputError: names the first one.
    """
    walk = ("forward", "iterate")
    if has_hook(backbone) or any(getattr(type(backbone), name) is not getattr(Backbone, name) for name in walk):
        raise unknown(backbone.name, "has a hook or a forward of its own now")
    for spec, module in zip(backbone.architecture.specs[:depth], backbone.features, strict=False):
        mode = backbone.padding_mode if module is backbone.features[0] else "zeros"
        if any(map(has_hook, module.modules())):
            raise unknown(f"{spec.name} of {backbone.name}", "has a hook or a forward of its own now")
        if not is_plain(spec, module, mode):
            raise unknown(f"{spec.name} of {backbone.name}", f"is another module now, {module}")


def unknown(what: str, trouble: str) -> InputError:
    """What to say of a part of a network that somebody has changed.

    Args:
        what: the part.
        trouble: what it is now.
    """
    return InputError(
        f"{what} {trouble}, which the engine does not know: call the objective itself, which is plain autograd, or "
        "give that to the optimiser, nst.optimize(objective.__call__, image)"
    )


def has_hook(part: nn.Module) -> bool:
    """Whether somebody has hung a hook on a module, or put another forward in the place of its class's."""
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return "forward" in vars(part) or any(getattr(part, name, None) for name in names)


def is_plain(spec: Spec, module: nn.Module, padding_mode: str) -> bool:
    """Whether a module computes what its layer's facts say; one of a class of its own computes anything."""
    if type(module) is nn.MaxPool2d or type(module) is nn.AvgPool2d:
        given = (module.kernel_size, module.stride, module.padding, getattr(module, "dilation", 1))
        size = tuple(n if isinstance(n, tuple) else (n, n) for n in given)
        plain = module.ceil_mode == spec.ceil_mode and getattr(module, "divisor_override", None) is None
        return spec.kind == "pool" and plain and size == tuple((n, n) for n in (spec.kernel, spec.stride, 0, 1))
    if type(module) is Fire:
        parts = {module.squeeze: 1, module.expand1x1: 1, module.expand3x3: 3}
        return spec.kind == "fire" and all(convolves(part, n, 1, n // 2, "zeros") for part, n in parts.items())
    if spec.kind == "conv":
        return convolves(module, spec.kernel, spec.stride, spec.padding, padding_mode)
    return type(module) is nn.ReLU and spec.kind == "relu"


def convolves(module: nn.Module, kernel: int, stride: int, padding: int, mode: str) -> bool:
    """Whether a module is a plain convolution of a size, each channel looking at all, with a bias.

    Args:
        module: any.
        kernel: its side.
        stride: of it.
        padding: on each side.
        mode: of the padding.
    """
    if type(module) is not nn.Conv2d or module.bias is None or module.groups > 1 or module.padding_mode != mode:
        return False
    given = (module.kernel_size, module.stride, module.padding, module.dilation)
    return given == tuple((n, n) for n in (kernel, stride, padding, 1))


def divide(backbone: Backbone, wanted: set[str], dtype: torch.dtype) -> list[Block]:
    """The network down to the deepest wanted layer, in blocks that end with a pooling."""
    depth = max((list(backbone.layers).index(name) + 1 for name in wanted), default=0)
    check_modules(backbone, depth)
    specs = list(backbone.architecture.specs[:depth])
    if specs and backbone.padding_mode == "replicate":
        specs[0] = replace(specs[0], padding=0)  # its padding is already around the image
    joined = {a.name for a, b in pairwise(specs) if (a.kind, b.kind) == ("conv", "relu") and a.name not in wanted}
    after_relu = {spec.name for spec in specs if spec.kind == "relu"} - wanted
    blocks: list[dict[str, Operation]] = [{}]
    map_scale = shrink(backbone.std) if dtype == torch.float16 else 1.0
    before = ""
    for spec, module in zip(specs, backbone.features, strict=False):
        block = blocks[-1]
        if isinstance(module, nn.Conv2d):
            block[spec.name] = Convolution(spec, module, dtype, ends_in_relu=spec.name in joined, map_scale=map_scale)
        elif isinstance(module, nn.ReLU):
            block[spec.name] = block.pop(before) if before in joined else ReLU(spec)
        elif isinstance(module, Fire):
            block[spec.name] = FireModule(spec, module, dtype, map_scale=map_scale)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            block[spec.name] = Pooling(spec, module, undoes_relu_before=before in after_relu)
            blocks.append({})
        before = spec.name
    return [block for block in blocks if block]


@dataclass(frozen=True)
class Slice:
    """One layer of a band: some rows of its map, and the rows of the map before it that they take.

    takes: rows of the map before. pad: rows of padding above and below them. makes: rows of its own map, halo
    included. owns: those of them that belong to this band and to no other. share: their part of the map.
    """

    name: str
    operation: Operation
    takes: Rows
    pad: Rows
    makes: Rows
    owns: Rows
    share: float


def cut(block: Block, height: int, count: int) -> list[list[Slice]]:
    """A block whose input has `height` rows, in `count` bands of nearly equal height, each from its first layer on."""
    heights = list(accumulate(block.values(), lambda rows, layer: layer.spec.outputs(rows), initial=height))
    cuts = [i * heights[-1] // count for i in range(count + 1)]
    return [band(block, heights, rows) for rows in pairwise(cuts)]


def band(block: Block, heights: Sequence[int], rows: Rows) -> list[Slice]:
    """The steps to these rows of a block's last map, found from the last to the first; `heights` of all its maps."""
    steps: list[Slice] = []
    for (name, operation), before, height in reversed(list(zip(block.items(), heights, heights[1:], strict=False))):
        owns = makes = rows[0] * height // heights[-1], rows[1] * height // heights[-1]
        if steps:
            makes = min(steps[-1].takes[0], owns[0]), max(steps[-1].takes[1], owns[1])
        takes, pad = reach(operation.spec, makes, before)
        steps.append(Slice(name, operation, takes, pad, makes, owns, (owns[1] - owns[0]) / height))
    return steps[::-1]


def reach(spec: Spec, rows: Rows, height: int) -> tuple[Rows, Rows]:
    """The rows of a map of `height` that these rows of the next one need, and the padding above and below them."""
    start = rows[0] * spec.stride - spec.padding
    stop = (rows[1] - 1) * spec.stride - spec.padding + spec.kernel
    inside = max(0, start), min(height, stop)
    return inside, (inside[0] - start, stop - inside[1])
