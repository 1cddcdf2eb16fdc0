"""Terms on a backbone's maps → their value and gradient: own backward pass, half precision, bands of rows.

A frozen network asks less of a backward pass than autograd gives: without gradients of the weights, no convolution
needs its input again, only the sign of its output. So the engine walks through the network itself and leaves the
losses, small pieces around it, to autograd. `Objective.__call__` computes the same by autograd alone and is what the
tests compare with.

    forward    block after block; a term looks at its map as soon as it is there
    backward   the blocks in reverse; a map's gradient is what comes from above plus what its terms say

A block ends with a pooling. It is worked through in bands of rows, each with as many rows of its neighbours as its
convolutions reach (the halo), so the result is that of the whole map. Bands stay in buffers that the allocator reuses;
and where memory is short, a block's maps are not kept but computed again, band by band, on the way back (Chen et al.
2016, "Training Deep Nets with Sublinear Memory Cost").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .backbone import Backbone, Fire
from .errors import InputError

BAND_BYTES = 16 * 2**20  # glibc hands larger buffers back to the system, which clears their pages at every use
LEAN_BAND_BYTES = tuple(n * 2**20 for n in (64, 16, 4, 1))  # where maps are not kept, from fast to frugal

Rows = tuple[int, int]  # the first, and one past the last


@dataclass(frozen=True)
class Window:
    """How the output rows of a layer depend on its input rows."""

    kernel: int = 1
    step: int = 1
    padding: int = 0
    rounds_up: bool = False

    def outputs(self, height: int) -> int:
        """Rows of the map made from `height` rows."""
        span = height + 2 * self.padding - self.kernel
        return (-(-span // self.step) if self.rounds_up else span // self.step) + 1

    def inputs(self, rows: Rows, height: int) -> tuple[Rows, Rows]:
        """The input rows, of `height`, that these output rows need, and the rows of padding above and below them."""
        start, stop = rows[0] * self.step - self.padding, (rows[1] - 1) * self.step - self.padding + self.kernel
        inside = max(0, start), min(height, stop)
        return inside, (inside[0] - start, stop - inside[1])


class Operation(Protocol):
    """One layer, on some rows of its map.

    channels: of its map; 0 for as many as its input has. copies: bytes that it keeps for the way back, in maps.
    """

    window: Window
    channels: int
    copies: float

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, object]:
        """Output rows from the input rows that they need and so many rows of padding; and what `backward` needs."""

    def backward(self, gradient: Tensor, saved: object, shape: torch.Size, pad: Rows) -> Tensor:
        """Gradient of the input rows, of `shape`, from that of the output rows, which is overwritten."""


class Convolution:
    """A convolution, and its ReLU unless the map between them was asked for."""

    def __init__(self, module: nn.Conv2d, dtype: torch.dtype, *, rectify: bool = True, padding: int | None = None):
        self.window = Window(module.kernel_size[0], module.stride[0], module.padding[0] if padding is None else padding)
        self.rectify, self.channels, self.copies = rectify, module.out_channels, 1
        self.weight = module.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = module.bias.detach().to(dtype)

    @cached_property
    def turned(self) -> Tensor:
        """The kernels turned round: for stride 1 the gradient is a convolution with them."""
        return self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Tensor | None]:
        """Output rows, and what the backward pass needs of them."""
        most = max(pad)
        y = F.conv2d(x, self.weight, self.bias, self.window.step, (most, self.window.padding))
        y = crop(y, most - pad[0], most - pad[1])
        return (y.relu_(), y) if self.rectify else (y, None)

    def backward(self, gradient: Tensor, output: Tensor | None, shape: torch.Size, pad: Rows) -> Tensor:
        """Gradient of the input rows, of `shape`, from that of the output rows, which is overwritten."""
        if output is not None:
            rectify_gradient(gradient, output)
        w = self.window
        if w.step > 1:
            return torch.nn.grad.conv2d_input(shape, self.weight, gradient, w.step, (0, w.padding))
        reach, least = w.kernel - 1, min(pad)
        g = F.conv2d(gradient, self.turned, None, 1, (reach - least, reach - w.padding))
        return crop(g, pad[0] - least, pad[1] - least)


class Rectifier:
    """A ReLU by itself, behind a convolution whose own map was asked for."""

    window, channels, copies = Window(), 0, 1

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Tensor]:
        y = F.relu(x)
        return y, y

    def backward(self, gradient: Tensor, output: Tensor, shape: torch.Size, pad: Rows) -> Tensor:
        rectify_gradient(gradient, output)
        return gradient


class Squeeze:
    """SqueezeNet's fire module."""

    window, copies = Window(3, 1, 1), 2.25  # the halves before and after they are joined, and the squeezed map

    def __init__(self, module: Fire, dtype: torch.dtype):
        self.squeeze, self.point, self.cross = (
            Convolution(m, dtype) for m in (module.squeeze, module.expand1x1, module.expand3x3)
        )
        self.channels = self.point.channels + self.cross.channels

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, tuple[Tensor, ...]]:
        s, _ = self.squeeze.forward(x, (0, 0))
        point, _ = self.point.forward(crop(s, 1 - pad[0], 1 - pad[1]), (0, 0))
        cross, _ = self.cross.forward(s, pad)
        return torch.cat([point, cross], dim=1), (s, point, cross)

    def backward(self, gradient: Tensor, saved: tuple[Tensor, ...], shape: torch.Size, pad: Rows) -> Tensor:
        s, point, cross = saved
        to_point, to_cross = (
            g.contiguous(memory_format=torch.channels_last) for g in gradient.split([point.shape[1], cross.shape[1]], 1)
        )
        g = self.cross.backward(to_cross, cross, s.shape, pad)
        crop(g, 1 - pad[0], 1 - pad[1]).add_(self.point.backward(to_point, point, s.shape, (0, 0)))
        return self.squeeze.backward(g, s, shape, (0, 0))


class Pooling:
    """A pooling; which pixel won is found again on the way back, because torch's indices take four times the map."""

    channels, copies = 0, 1

    def __init__(self, module: nn.MaxPool2d | nn.AvgPool2d):
        self.window = Window(module.kernel_size, module.stride, rounds_up=module.ceil_mode)
        self.maximum, self.module = isinstance(module, nn.MaxPool2d), module

    def forward(self, x: Tensor, pad: Rows) -> tuple[Tensor, Tensor]:
        return self.module(x), x

    def backward(self, gradient: Tensor, x: Tensor, shape: torch.Size, pad: Rows) -> Tensor:
        aten, w = torch.ops.aten, self.window
        size = [w.kernel] * 2, [w.step] * 2, [0, 0]
        if not self.maximum:
            return aten.avg_pool2d_backward(gradient, x, *size, w.rounds_up, True, None)
        indices = aten.max_pool2d_with_indices(x, *size, [1, 1], w.rounds_up)[1]
        return aten.max_pool2d_with_indices_backward(gradient, x, *size, [1, 1], w.rounds_up, indices)


def crop(x: Tensor, above: int, below: int) -> Tensor:
    """Without so many rows above and below."""
    return x[..., above : x.shape[-2] - below, :] if above or below else x


def rectify_gradient(gradient: Tensor, output: Tensor) -> None:
    """The gradient through a ReLU, in place: nothing where the output is 0."""
    torch.ops.aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)


class Looker(Protocol):
    """What the engine asks of a term.

    Its loss is judge(describe(map)). describe: a map (1, N, h, W) → a mean over its positions, so that those of bands
    can be averaged; None if the term has to see the map whole, and then judge takes the map itself.
    """

    weight: float
    layer: str
    describe: Callable[[Tensor], Tensor] | None
    judge: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class View:
    """A layer, and what is to be said of its map."""

    layer: str
    describe: Callable[[Tensor], Tensor] | None


class Sight:
    """What one term has seen of its map in the course of one evaluation."""

    def __init__(self, term: Looker):
        self.term, self.total, self.slope = term, None, None

    def look(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features as a leaf of a graph, and their description."""
        leaf = features.detach().requires_grad_()
        if self.term.describe is None:
            return leaf, leaf
        with torch.enable_grad():
            return leaf, self.term.describe(leaf)

    def add(self, described: Tensor, share: float) -> None:
        """Count a band's description; `share` is its part of the map."""
        described = described.detach()
        if share < 1:
            described = share * described if self.total is None else self.total.add_(described, alpha=share)
        self.total = described

    def judge(self) -> Tensor:
        """The term's weighted value."""
        total = self.total.requires_grad_()
        with torch.enable_grad():
            value = self.term.weight * self.term.judge(total)
        (self.slope,) = torch.autograd.grad(value, total)
        self.total = None
        return value.detach()

    def gradient(self, leaf: Tensor, described: Tensor, share: float) -> Tensor:
        """With respect to a band's features."""
        slope = self.slope * share if share < 1 else self.slope
        return slope if described is leaf else pull_back(described, slope, leaf)


class Block:
    """Layers up to and with a pooling; `operations` by name, in order."""

    def __init__(self, operations: Mapping[str, Operation]):
        self.operations = operations

    def bands(self, height: int, count: int) -> list[Band]:
        """The block's rows, of an input of `height`, in `count` bands of nearly equal height."""
        heights = [height]
        for operation in self.operations.values():
            heights.append(operation.window.outputs(heights[-1]))
        cuts = [i * heights[-1] // count for i in range(count + 1)]
        return [Band(self, heights, rows) for rows in pairwise(cuts)]


@dataclass
class Trace:
    """What one layer of one band leaves for the way back: its input's shape, what it saved, what terms saw of it."""

    shape: torch.Size
    saved: object
    views: list[tuple[Sight, Tensor, Tensor]]


class Band:
    """Some rows of a block's last map, and the rows of the maps before it that they depend on.

    owned[i]: rows of layer i's map that belong to this band and to no other. made[i]: those that it computes, halo
    included. needed[i]: the input rows that this takes, and the padding around them. shares[i]: its part of the map.
    """

    def __init__(self, block: Block, heights: Sequence[int], rows: Rows):
        self.layers = list(block.operations.items())
        self.owned = [(rows[0] * h // heights[-1], rows[1] * h // heights[-1]) for h in heights[1:]]
        self.shares = [(stop - start) / h for (start, stop), h in zip(self.owned, heights[1:], strict=True)]
        self.made, self.needed = list(self.owned), [((0, 0), (0, 0))] * len(self.owned)
        for i, (_, operation) in reversed(list(enumerate(self.layers))):
            self.needed[i] = operation.window.inputs(self.made[i], heights[i])
            if i:
                needed, own = self.needed[i][0], self.owned[i - 1]
                self.made[i - 1] = min(needed[0], own[0]), max(needed[1], own[1])

    @property
    def input(self) -> Rows:
        """The rows of the block's input that it needs."""
        return self.needed[0][0]

    def forward(
        self, x: Tensor, sights: Mapping[str, Sequence[Sight]], *, count: bool, trace: bool
    ) -> tuple[Tensor, list[Trace]]:
        """From the block's input to this band's rows of its last map.

        count: add what terms see to their totals. trace: keep what the way back needs.
        """
        rows, tape = (0, x.shape[-2]), []
        for i, (name, operation) in enumerate(self.layers):
            needed, padding = self.needed[i]
            x = select(x, rows, needed)
            shape, rows = x.shape, self.made[i]
            x, saved = operation.forward(x, padding)
            views = [(sight, *sight.look(select(x, rows, self.owned[i]))) for sight in sights.get(name, ())]
            for sight, _, described in views if count else ():
                sight.add(described, self.shares[i])
            if trace:
                tape.append(Trace(shape, saved, views))
            del saved, views
        return x, tape

    def backward(self, gradient: Tensor | None, tape: list[Trace]) -> Tensor:
        """From the gradient of the band's rows, which is overwritten, to that of the input rows that it needed."""
        g = gradient
        for i in reversed(range(len(self.layers))):
            trace = tape.pop()
            for sight, leaf, described in trace.views:
                of_term = sight.gradient(leaf, described, self.shares[i])
                if g is None:
                    g = of_term.to(leaf.dtype).contiguous(memory_format=torch.channels_last)
                else:
                    select(g, self.made[i], self.owned[i]).add_(of_term)
            needed, padding = self.needed[i]
            g = self.layers[i][1].backward(g, trace.saved, trace.shape, padding)
            if i:
                g = embed(g, needed, self.made[i - 1])
        return g


def pull_back(output: Tensor, gradient: Tensor, leaf: Tensor) -> Tensor:
    """The gradient with respect to `leaf` from that with respect to `output`.

    Of a scalar, because handing the gradient to autograd makes torch import its symbolic shapes, which takes seconds.
    """
    with torch.enable_grad():
        return torch.autograd.grad((output * gradient).sum(), leaf)[0]


def select(x: Tensor, rows: Rows, wanted: Rows) -> Tensor:
    """Of `x`, which holds `rows` of a map, those wanted."""
    return crop(x, wanted[0] - rows[0], rows[1] - wanted[1])


def embed(x: Tensor, rows: Rows, wanted: Rows) -> Tensor:
    """`x`, which holds `rows` of a map, among zeros for the other rows wanted."""
    return x if rows == wanted else F.pad(x, (0, 0, rows[0] - wanted[0], wanted[1] - rows[1]))


class Passage:
    """One block in the course of one evaluation: forwards, and later backwards.

    Args:
        bands: of the block.
        sights: of each of its layers.
        keep: whether to keep what the way back needs; if not, it is computed again from the block's input.
    """

    def __init__(self, bands: Sequence[Band], sights: Mapping[str, Sequence[Sight]], keep: bool):
        self.bands, self.sights, self.keep = bands, sights, keep

    def forward(self, x: Tensor) -> Tensor:
        """The block's last map."""
        self.shape, self.x, self.tapes = x.shape, None if self.keep else x, []
        out = None
        for band in self.bands:
            y, tape = band.forward(x, self.sights, count=True, trace=self.keep)
            self.tapes.append(tape)
            if len(self.bands) == 1:
                return y
            if out is None:
                height = self.bands[-1].owned[-1][1]
                out = empty_map(1, y.shape[1], height, y.shape[3], like=y)
            out[..., slice(*band.owned[-1]), :] = y
        return out

    def backward(self, gradient: Tensor | None) -> Tensor:
        """From the gradient of the last map, which is overwritten, to that of the input; None if nothing came back."""
        whole = None
        for band in reversed(self.bands):
            tape = self.tapes.pop() if self.keep else band.forward(self.x, self.sights, count=False, trace=True)[1]
            g = band.backward(None if gradient is None else gradient[..., slice(*band.owned[-1]), :], tape)
            if len(self.bands) == 1:
                return embed(g, band.input, (0, self.shape[-2]))
            if whole is None:
                whole = empty_map(*self.shape, like=g).zero_()
            whole[..., slice(*band.input), :] += g
        return whole


def empty_map(*shape: int, like: Tensor) -> Tensor:
    """A map with its channels last, as the convolutions like them."""
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


@dataclass(frozen=True)
class Plan:
    """How one block is worked through: in how many bands, and whether its maps are kept for the way back."""

    bands: int
    keep: bool


class Engine:
    """A sum of terms' values, and its gradient with respect to the image.

    Args:
        backbone: its weights are copied, in the precision asked for.
        terms: those that look at a layer; names may repeat.
        precision: "float32" or "bfloat16", of weights, maps and their gradients; terms compute in float32 at least. A
            backbone in double precision stays so.
        memory: bytes that maps and their gradients may take. Where they would take more, blocks are computed again on
            the way back, in as many bands as it takes. None for no limit.
    """

    def __init__(
        self,
        backbone: Backbone,
        terms: Sequence[Looker | View],
        precision: str = "float32",
        memory: int | None = None,
    ):
        self.backbone, self.terms, self.memory = backbone, list(terms), memory
        self.dtype = torch.float64 if backbone.mean.dtype == torch.float64 else getattr(torch, precision)
        self.blocks = divide(backbone, {term.layer for term in terms}, self.dtype)

    @torch.no_grad()
    def __call__(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """The terms' weighted values, in order, and the gradient of their sum, for an image (1, 3, H, W)."""
        with torch.enable_grad():
            leaf = image.detach().requires_grad_()
            entered = self._enter(leaf)
        sights = [Sight(term) for term in self.terms]
        passages = self._forward(entered.detach(), sights, self.plan(image.shape[-2:]))
        values = [sight.judge() for sight in sights]
        gradient = None
        while passages:
            gradient = passages.pop().backward(gradient)
        return values, pull_back(entered, gradient, leaf)

    @torch.no_grad()
    def describe(self, image: Tensor) -> list[Tensor]:
        """What each term's `describe` says of the image's map; the map itself for terms that have none."""
        sights = [Sight(term) for term in self.terms]
        frugal = [Plan(cost.count(BAND_BYTES), keep=False) for cost in self._costs(image.shape[-2:])]
        self._forward(self._enter(image), sights, frugal)
        return [sight.total for sight in sights]

    def _enter(self, image: Tensor) -> Tensor:
        """The image as the first convolution takes it."""
        x = self.backbone.normalize(image).to(self.dtype)
        if self.backbone.padding_mode == "replicate":
            x = F.pad(x, (self.backbone.features[0].padding[0],) * 4, mode="replicate")
        return x.contiguous(memory_format=torch.channels_last)

    def _forward(self, x: Tensor, sights: Sequence[Sight], plans: Sequence[Plan]) -> list[Passage]:
        passages = []
        for block, plan in zip(self.blocks, plans, strict=True):
            seen = {name: [s for s in sights if s.term.layer == name] for name in block.operations}
            passages.append(Passage(block.bands(x.shape[-2], plan.bands), seen, plan.keep))
            x = passages[-1].forward(x)
        return passages

    def plan(self, size: tuple[int, int]) -> list[Plan]:
        """How each block is worked through for an image (height, width).

        Raises:
            InputError: the image is too small for the deepest layer; or, however it is done, the maps take more than
                `memory`.
        """
        if self.blocks:
            self.backbone.check_size(size, list(self.blocks[-1].operations)[-1])
        costs = self._costs(size)
        for plans in schemes(costs):
            if self.memory is None or peak(costs, plans) <= self.memory:
                return plans
        raise InputError(
            f"the maps of {self.backbone.name} need {self.least(size) / 1e9:.2g} GB for {size[1]}×{size[0]} pixels, "
            f"but there are {self.memory / 1e9:.2g} GB for them: use a smaller size"
        )

    def bytes(self, size: tuple[int, int]) -> int:
        """What maps and their gradients take at most for an image (height, width), as planned."""
        return peak(self._costs(size), self.plan(size))

    def least(self, size: tuple[int, int]) -> int:
        """The same, by the most frugal plan."""
        costs = self._costs(size)
        return min(peak(costs, plans) for plans in schemes(costs))

    def bytes_to_describe(self, size):
        costs = self._costs(size)
        return max(3 * max(c.maps) / c.count(BAND_BYTES) + c.entry + c.maps[-1] for c in costs)

    def _costs(self, size: tuple[int, int]) -> list[Cost]:
        must_see_whole = {term.layer for term in self.terms if term.describe is None}
        edge = 2 * self.backbone.features[0].padding[0] if self.backbone.padding_mode == "replicate" else 0
        h, w, channels, costs = size[0] + edge, size[1] + edge, 3, []
        item = torch.empty((), dtype=self.dtype).element_size()
        for block in self.blocks:
            entry, maps = h * w * channels * item, []
            for operation in block.operations.values():
                h, w = operation.window.outputs(h), operation.window.outputs(w)
                channels = operation.channels or channels
                maps.append(int(h * w * channels * item * operation.copies))
            costs.append(Cost(entry, maps, h, bool(must_see_whole & block.operations.keys())))
        return costs


@dataclass(frozen=True)
class Cost:
    """Bytes of a block: of its input, and of each map. rows: of its last map. whole: a term must see a map whole."""

    entry: int
    maps: list[int]
    rows: int
    whole: bool

    def count(self, most: int) -> int:
        """How many bands it takes that no map's part has more than so many bytes; none is less than 8 rows high."""
        return 1 if self.whole else max(1, min(-(-max(self.maps) // most), self.rows // 8))


def schemes(costs: Sequence[Cost]) -> Iterator[list[Plan]]:
    """Ways to work through the blocks, from fast to frugal."""
    plans = [Plan(cost.count(BAND_BYTES), keep=True) for cost in costs]
    yield list(plans)
    for most in LEAN_BAND_BYTES:
        for i, cost in enumerate(costs):
            plans[i] = Plan(cost.count(most), keep=False)
            yield list(plans)


def peak(costs: Sequence[Cost], plans: Sequence[Plan]) -> int:
    """Bytes at the worst moment of an evaluation: what is held for earlier blocks, and the work on one."""
    held, worst = 0, 0
    for cost, plan in zip(costs, plans, strict=True):
        # On the way back: gradients of the last map and of the input, and in one band three times its largest map (a
        # gradient before and after a convolution, a term's or a pooling's indices).
        working = 3 * max(cost.maps) / plan.bands + cost.entry + cost.maps[-1]
        own = sum(cost.maps) if plan.keep else cost.entry
        again = 0 if plan.keep else sum(cost.maps) / plan.bands
        worst = max(worst, held + own + again + working)
        held += own
    return int(worst)


def divide(backbone: Backbone, wanted: set[str], dtype: torch.dtype) -> list[Block]:
    """The network down to the deepest wanted layer, in blocks that end with a pooling."""
    deepest = max((list(backbone.layers).index(name) for name in wanted), default=-1)
    pairs = list(zip(backbone.layers.values(), backbone.features, strict=True))[: deepest + 1]
    blocks: list[dict[str, Operation]] = [{}]
    fused = False
    for i, (layer, module) in enumerate(pairs):
        if layer.kind == "conv":
            fused = layer.name not in wanted and i < deepest
            name = pairs[i + 1][0].name if fused else layer.name
            padding = 0 if i == 0 and backbone.padding_mode == "replicate" else None
            blocks[-1][name] = Convolution(module, dtype, rectify=fused, padding=padding)
        elif layer.kind == "fire":
            blocks[-1][layer.name] = Squeeze(module, dtype)
        elif layer.kind == "pool":
            blocks[-1][layer.name] = Pooling(module)
            blocks.append({})
        elif not fused:
            blocks[-1][layer.name] = Rectifier()
    return [Block(block) for block in blocks if block]


def features_in_bands(backbone: Backbone) -> Callable[..., dict[str, Tensor]]:
    """The backbone as it is called for targets, but working through the image in bands.

    Returns:
        (image, layers, describe) → {layer: map, or its description}, as `Backbone.forward`; `describe` must be a mean
        over positions.
    """

    def features(
        image: Tensor, layers: Iterable[str], describe: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        wanted = backbone.check_layers(layers)
        backbone.check_size(image.shape[-2:], wanted[-1])
        engine = Engine(backbone, [View(layer, describe) for layer in wanted])
        return dict(zip(wanted, engine.describe(image), strict=True))

    return features


def recorded(evaluate: Callable[[Tensor], object]) -> Callable[[Tensor], object]:
    """On CUDA, an evaluation recorded as a graph for each shape and replayed, which spares the launch of its kernels.

    What cannot be recorded, because it waits for the device half-way, runs as it is; so does all else.
    """
    replays: dict[torch.Size, Callable[[Tensor], object]] = {}

    def call(image: Tensor) -> object:
        if not image.is_cuda:
            return evaluate(image)
        if image.shape not in replays:
            replays[image.shape] = record(evaluate, image)
        return replays[image.shape](image)

    return call


def record(evaluate: Callable[[Tensor], object], image: Tensor) -> Callable[[Tensor], object]:
    """One shape's recording (PyTorch, "CUDA Graphs": warm up on another stream, then capture)."""
    given, aside = image.clone(), torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            evaluate(given)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            result = evaluate(given)
    except RuntimeError:
        return evaluate

    def replay(image: Tensor) -> object:
        given.copy_(image)
        graph.replay()
        return result

    return replay
