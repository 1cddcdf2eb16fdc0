"""Terms on a backbone's maps → their value and gradient, a block of layers at a time, in half precision if wanted.

A block, the layers up to and with a pooling, is one function to autograd: `Through`, from the block's input to its last
map and to what terms see on the way. Inside, a frozen network needs less than autograd keeps (`layers`), and works in
bands of rows (tiling, with halos), or computes maps twice (gradient checkpointing), where memory is short (`memory`).
What is around the blocks is left to autograd: how the image enters, and what becomes of what was seen.
`Objective.__call__` leaves all of it to autograd, and is what the tests compare with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone
from .cuda import add_product, set_aside
from .errors import InputError
from .float16 import Scale, check, shrink, widen
from .guidance import Guidance
from .image import shape_of
from .layers import Rows, Saved, Slice, cut, divide, embed, select
from .memory import Cost, Way, costs_of, peak, peak_to_describe, ways, ways_to_describe
from .term import Describe, Slope, Term, View

__all__ = ["Engine", "FeaturesInBands"]


class Description(NamedTuple):
    """What came of a view of a band.

    Attributes:
        number: of the view.
        view: which layer, and what is said of its map.
        rows: the band's own rows of that map (1, N, owns, w), a leaf.
        value: their share of a mean, or the rows themselves; joined with them by a graph where there is a way back.
    """

    number: int
    view: View
    rows: Tensor
    value: Tensor


# Of a band, by layer: the shape of its input, what it keeps, and what was said of its map.
Tape = list[tuple[torch.Size, Saved, list[Description]]]


class Engine:
    """A sum of terms' values, and its gradient with respect to the image.

    Args:
        backbone: its weights are copied, in the precision asked for, when they are first used.
        terms: those that look at a layer; names may repeat.
        precision: "float32", "bfloat16" or "float16", of weights, maps and their gradients; terms compute in float32 at
            least. A backbone in double precision stays so.
        memory: bytes that maps and their gradients may take. Where they would take more, blocks are computed again on
            the way back, in as many bands as it takes. None for no limit.
        at_once: whether blocks are worked through in one band wherever there is memory for it; if None, on CUDA.

    Raises:
        InputError: weights that float16 cannot hold.
    """

    def __init__(
        self,
        backbone: Backbone,
        terms: Sequence[Term | View],
        precision: str = "float32",
        memory: int | None = None,
        *,
        at_once: bool | None = None,
    ):
        self.at_once = backbone.mean.is_cuda if at_once is None else at_once
        self.backbone, self.terms, self.memory = backbone, list(terms), memory
        self.views = [each if isinstance(each, View) else each.view for each in terms]
        self.dtype = torch.float64 if backbone.mean.dtype == torch.float64 else getattr(torch, precision)
        self.blocks = divide(backbone, names(self.views), self.dtype)
        self.map_scale = shrink(backbone.std) if self.dtype == torch.float16 else None
        if self.map_scale is not None:
            check(backbone, backbone.name)
        self.margin = backbone.architecture.specs[0].padding if backbone.padding_mode == "replicate" else 0

    @torch.enable_grad()
    def __call__(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """The terms' values and the gradient of their sum.

        Args:
            image: (1, 3, H, W), sRGB, usually in [0, 1].

        Returns:
            the weighted values, in the terms' order, and a gradient of the image's shape.
        """
        leaf, size, scale = image.detach().requires_grad_(), shape_of(image), Scale()
        chosen = self.ways(size)
        self.load()
        set_aside(peak(self.costs(size), chosen), image.device)
        seen = self.see(leaf, chosen, None if self.map_scale is None else scale)
        values = [WeightedTerm.apply(seen.pop(0), term) for term in self.terms]
        (gradient,) = torch.autograd.grad(sum(values), leaf)
        if self.map_scale is not None:
            gradient = gradient.div_(scale.value).mul_(1 / self.map_scale)
        return [value.detach() for value in values], gradient

    @torch.no_grad()
    def describe(self, image: Tensor) -> list[Tensor]:
        """What each term sees of an image (1, 3, H, W): its `describe` of the map, or the map itself."""
        return self.see(image, ways_to_describe(self.costs(shape_of(image)), at_once=self.at_once))

    def load(self) -> None:
        """Copy the weights, unless they are there: they stay, and must not lie among what is given back."""
        for block in self.blocks:
            for operation in block.values():
                operation.load()

    def see(self, image: Tensor, chosen: Sequence[Way], scale: Scale | None = None) -> list[Tensor]:
        """What each term sees, in order, with the blocks worked through in the ways `chosen`.

        On the way back `scale` becomes what the image's gradient is multiplied with, if there is one.
        """
        x = self.enter(image)
        seen: dict[int, Tensor] = {}
        for block, way in zip(self.blocks, chosen, strict=True):
            here = {i: view for i, view in enumerate(self.views) if view.layer in block}
            bands = cut(block, x.shape[-2], way.bands)
            x, *made = Through.apply(x, bands, list(here.values()), way.keep, self.map_scale, scale)
            seen.update(zip(here, made, strict=True))
        return [seen[i] for i in range(len(self.views))]

    def enter(self, image: Tensor) -> Tensor:
        """The image as the first convolution takes it."""
        x = self.backbone.normalize(image)
        x = (x if self.map_scale is None else x * self.map_scale).to(self.dtype)
        if self.margin:
            x = F.pad(x, (self.margin,) * 4, mode="replicate")
        return x.contiguous(memory_format=torch.channels_last)

    def ways(self, size: tuple[int, int]) -> list[Way]:
        """How each block is worked through for an image of `size`, (height, width) in pixels.

        Raises:
            InputError: the image is too small for the deepest layer; or, however it is done, the maps take more than
                `memory`.
        """
        if self.blocks:
            self.backbone.check_size(size, list(self.blocks[-1])[-1])
        costs = self.costs(size)
        if self.memory is None:
            return next(ways(costs, at_once=self.at_once))
        for chosen in ways(costs, at_once=self.at_once):
            if peak(costs, chosen) <= self.memory:
                return chosen
        raise InputError(
            f"the maps of {self.backbone.name} need {self.least(size) / 1e9:.2g} GB for {size[1]}×{size[0]} pixels, "
            f"but there are {self.memory / 1e9:.2g} GB for them: use a smaller size"
        )

    def costs(self, size: tuple[int, int]) -> list[Cost]:
        """What each block takes for an image of `size`, (height, width) in pixels."""
        height, width = (side + 2 * self.margin for side in size)
        whole = names(view for view in self.views if view.describe is None)
        seen = names(self.views) if self.map_scale else set()
        return costs_of(self.blocks, (height, width), self.dtype.itemsize, whole, seen)

    def bytes(self, size: tuple[int, int]) -> int:
        """What maps and their gradients take at most for an image of `size`, (height, width) in pixels."""
        return peak(self.costs(size), self.ways(size))

    def least(self, size: tuple[int, int]) -> int:
        """The same, by the most frugal way."""
        costs = self.costs(size)
        return min(peak(costs, chosen) for chosen in ways(costs, at_once=self.at_once))

    def bytes_to_describe(self, size: tuple[int, int]) -> int:
        """What `describe` takes at most for an image of `size`, (height, width) in pixels, with the maps it returns."""
        weights = sum(operation.weights for block in self.blocks for operation in block.values())
        return peak_to_describe(self.costs(size), at_once=self.at_once) + weights * self.dtype.itemsize


def names(views: Iterable[View]) -> set[str]:
    """Of the layers that are looked at."""
    return {view.layer for view in views if view.layer is not None}


class Context(Protocol):
    """What autograd hands to both ways of a function; it brings the tensors that the one leaves to the other."""

    saved_tensors: tuple[Tensor | None, ...]

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Leave them."""

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a gradient of 0 comes as zeros, instead of None."""


class WeightedTerm(torch.autograd.Function):
    """What a term sees → its weighted value. The slope is worked out at once, so that no two terms' graphs live.

    The engine adds values up. So the gradient that comes back is 1, and the slope is handed on as it is.
    """

    @staticmethod
    def forward(ctx: Context, seen: Tensor, term: Term) -> Tensor:
        with torch.enable_grad():
            leaf = seen.detach().requires_grad_()
            value = term.weighted(term.judge(leaf))
        ctx.save_for_backward(*torch.autograd.grad(value, leaf))
        return value.detach()

    @staticmethod
    def backward(ctx: Context, one: Tensor) -> tuple[Tensor | None, ...]:
        return *ctx.saved_tensors, None


class BlockContext(Context, Protocol):
    """What `Through` leaves for the way back, beside the block's input: of as many `rows`."""

    bands: Sequence[Sequence[Slice]]
    views: Sequence[View]
    tapes: Sequence[Tape]
    rows: int
    map_scale: float | None
    scale: Scale | None


class Through(torch.autograd.Function):
    """A block, band by band: its input → its last map, and what each of the `views` says of its maps.

    What is not kept for the way back is computed again there, from the input. In float16, maps are multiplied with
    `map_scale`, and `scale` goes along with the gradient: the blocks above have set it.
    """

    @staticmethod
    def forward(
        ctx: BlockContext,
        x: Tensor,
        bands: Sequence[Sequence[Slice]],
        views: Sequence[View],
        keep: bool,
        map_scale: float | None,
        scale: Scale | None,
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(None if keep else x)
        ctx.bands, ctx.views, ctx.tapes, ctx.rows = bands, views, [[] for _ in bands], x.shape[-2]
        ctx.map_scale, ctx.scale = map_scale, scale
        sums: dict[int, Tensor] = {}
        out, height = None, bands[-1][-1].owns[1]
        for band, tape in zip(bands, ctx.tapes, strict=True):
            out = add_rows(out, walk(band, x, views, sums, tape if keep else None, map_scale), band[-1].owns, height)
        assert out is not None  # there is a band at least
        # What is on a tape must not hold the graph, which holds the tape.
        return out.detach(), *(sums[i] for i in range(len(views)))

    @staticmethod
    def backward(ctx: BlockContext, gradient: Tensor | None, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        whole = among = None
        for band, tape in zip(reversed(ctx.bands), reversed(ctx.tapes), strict=True):
            if x is not None:
                walk(band, x, ctx.views, {}, tape, ctx.map_scale)
            g = None if gradient is None else gradient[..., slice(*band[-1].owns), :]
            scale = ctx.scale and ctx.scale.copy()
            part = walk_back(band, g, slopes, tape, scale)
            if whole is None or scale is None or among is None:
                among = scale
            else:
                for each, factor in zip((whole, part), among.meet(scale), strict=True):
                    each.mul_(factor)
            whole = add_rows(whole, part, band[0].takes, ctx.rows)
        if ctx.scale is not None and among is not None:
            ctx.scale.value = among.value
        return whole, *[None] * 5


def walk(
    band: Sequence[Slice],
    x: Tensor,
    views: Sequence[View],
    sums: dict[int, Tensor],
    tape: Tape | None,
    map_scale: float | None,
) -> Tensor:
    """A band forwards: from the block's input (1, C, H, W) to some rows of its last map (1, N, h, w).

    Adds what the views say of the band to their `sums`, and what the way back needs to the `tape`, if there is one.
    """
    rows = 0, x.shape[-2]
    for step in band:
        x = select(x, rows, step.takes)  # (1, C, takes, W)
        shape, rows = x.shape, step.makes
        x, saved = step.operation.forward(x, step.pad)  # (1, N, makes, w)
        made = descriptions(select(x, rows, step.owns), step, views, sums, map_scale, graph=tape is not None)
        if tape is not None:
            tape.append((shape, saved, made))
        del saved, made
    return x


def descriptions(
    features: Tensor,
    step: Slice,
    views: Sequence[View],
    sums: dict[int, Tensor],
    map_scale: float | None,
    *,
    graph: bool,
) -> list[Description]:
    """What the views of this layer say of a band's own rows (1, N, owns, w) of its map, added to their `sums`.

    With a `graph` from the rows to what is said of them, where there is a way back.
    """
    made = []
    for i, view in enumerate(views):
        if view.layer == step.name:
            leaf = (features.detach() if map_scale is None else widen(features, map_scale)).requires_grad_()
            with torch.set_grad_enabled(graph):
                value = described(view, leaf, step)
            sums[i] = sums[i] + value.detach() if i in sums else value.detach()
            made.append(Description(i, view, leaf, value))
    return made


def described(view: View, features: Tensor, step: Slice) -> Tensor:
    """What a view says of a band's own rows (1, N, owns, w) of a map: its share of a mean, or the rows themselves."""
    if not view.trusted:
        features = features.to(torch.promote_types(features.dtype, torch.float32))
    seen = view.of(features, step.owns)
    return seen if view.describe is None else step.share * seen


def walk_back(
    band: Sequence[Slice], gradient: Tensor | None, slopes: Sequence[Tensor], tape: Tape, scale: Scale | None
) -> Tensor:
    """A band backwards: from the gradient of its rows of the last map to that of the input rows that it takes.

    `slopes`: of what the views said. All gradients are written to: none is another's. The tape is empty in the end.
    In float16 the gradients are multiplied with the `scale`, which changes on the way.
    """
    g, rows, relu_undone = gradient, band[-1].owns, False
    for step in reversed(band):
        shape, saved, made = tape.pop()
        g, layer = g if g is None else embed(g, rows, step.makes), step.operation  # (1, N, makes, w)
        if made or g is None:
            g, relu_undone = with_slopes(g, step, made, slopes, scale)
        saved, made = None if relu_undone else saved, []  # which gives memory back
        factor = scale.factor(g, layer.gain) if scale and layer.gain else None
        g = layer.backward(g, saved, shape, step.pad, factor)  # (1, C, takes, W)
        rows, relu_undone = step.takes, layer.undoes_relu_before
    assert g is not None  # a band has a layer at least
    return g


def with_slopes(
    g: Tensor | None,
    step: Slice,
    made: Sequence[Description],
    slopes: Sequence[Tensor],
    scale: Scale | None,
) -> tuple[Tensor, bool]:
    """The gradient of a band's rows (1, N, makes, w) of a map, with what comes back from the views; None for 0.

    And whether it has gone through the ReLU before the map.
    """
    last = None
    if g is None:  # at the deepest layer of all
        (deepest, *made), features = made, made[0].rows
        own = from_view(deepest, slopes)  # (1, N, owns, w)
        g = scale.begin(own) if scale else own.to(features.dtype).contiguous(memory_format=torch.channels_last)
        g = g.clone() if g is own and not deepest.view.trusted else g
    for each in made:
        if last is None and scale is None and (slope := last_slope(each.view, step, g, each.rows)):
            last = each.rows, slope(slopes[each.number], each.rows)
            continue
        own = from_view(each, slopes)
        if scale is not None:
            g = scale.add(g, select(g, step.makes, step.owns), own)
        else:
            select(g, step.makes, step.owns).add_(own)
    return (g, False) if last is None else (add_product(g, *last), True)


def from_view(made: Description, slopes: Sequence[Tensor]) -> Tensor:
    """The gradient of a band's own rows (1, N, owns, w) of a map, as it comes back from a view of it."""
    slope = slopes[made.number]
    return slope if made.value is made.rows else pull_back(made.value, slope, made.rows)


def last_slope(view: View, step: Slice, g: Tensor, features: Tensor) -> Slope | None:
    """A view's slope, if what comes back from it can be added, and the ReLU gone back through, in one go."""
    alone = step.share == 1 and step.operation.ends_in_relu
    return view.slope if view.slope and alone and add_product.takes(g, features, features) else None


def pull_back(output: Tensor, gradient: Tensor, leaf: Tensor) -> Tensor:
    """The gradient with respect to `leaf` from that with respect to `output`.

    Of a scalar, because handing the gradient to autograd makes torch import its symbolic shapes, which takes seconds.
    """
    with torch.enable_grad():
        return torch.autograd.grad((output * gradient).sum(), leaf)[0]


def add_rows(whole: Tensor | None, part: Tensor, rows: Rows, height: int) -> Tensor:
    """A map of `height` rows so far, and a part that holds some `rows` of it."""
    if whole is None:
        return embed(part, rows, (0, height))
    whole[..., slice(*rows), :] += part
    return whole


class FeaturesInBands:
    """The backbone as it is called for targets, but working through the image in bands.

    Args:
        backbone: the network.
    """

    def __init__(self, backbone: Backbone):
        self.backbone, self.architecture = backbone, backbone.architecture

    def __call__(
        self,
        image: Tensor,
        layers: Iterable[str],
        describe: Describe | None = None,
        regions: Mapping[str, Guidance] | None = None,
    ) -> dict[str, Tensor]:
        """Maps by layer, or what `describe`, a mean over positions, says of each; as `Backbone.forward`.

        Args:
            image: (1, 3, H, W), sRGB in [0, 1].
            layers: names such as "relu4_2".
            describe: a map (1, N, h, w), and its regions if there are any → what is wanted of it; None for the map.
            regions: by layer, what `describe` takes beside the map; None for nothing.
        """
        wanted = self.backbone.check_layers(layers)
        self.backbone.check_size(shape_of(image), wanted[-1])
        engine = Engine(self.backbone, [View(layer, describe, (regions or {}).get(layer)) for layer in wanted])
        return dict(zip(wanted, engine.describe(image), strict=True))
