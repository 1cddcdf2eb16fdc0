"""A recipe at a size → the bytes that a run takes, and how those that there are get divided.

A run has two moments that count: when the targets are made, of style pictures that may be larger than the result, and
an evaluation. At both it holds the pictures and the targets that were made; at the second also the optimiser's images
and the network's maps, which the engine can do with less of (see `memory`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10, prod

import torch

from .backbone import Backbone
from .decode import SMALLEST
from .engine import Engine
from .errors import InputError
from .image import length
from .loss import LOOKED_AT
from .recipe import Recipe
from .style import STATISTICS
from .term import View

__all__ = ["Budget", "Needs"]

CPU = torch.device("cpu")
Size = tuple[int, int]  # height, width

AMPLE = 1.3  # what a run takes that lets the allocator keep what is freed, over what it uses
PIXEL = 12  # bytes of one in three channels of float32
ON_THE_WAY = 1.5  # measured: what making the targets takes over what the maps take, for copies in other layouts
LIKENESSES = 6  # measured: tables of the likeness of positions that live at once, on the way back through it
OTHER_IMAGES = 14  # beside the optimiser's memory: its trial points, gradients, the pictures of steps
WRITTEN = 4  # pictures in the file of a run, beside the optimiser's memory
LARGEST, STRIDE = 16384, 32  # pixels: where the search for a size that fits begins, and how it goes down
# size and style_size → what they make of result and styles; None: one of these too small
Shapes = Callable[[int, int | None], tuple[Size, Sequence[Size]] | None]


@dataclass(frozen=True)
class Budget:
    """How a run's memory is divided.

    Attributes:
        maps: bytes for the network's maps.
        history: how many moves L-BFGS remembers.
        ample: whether all maps can be kept.
    """

    maps: int
    history: int
    ample: bool

    def written(self, size: Size) -> int:
        """Bytes of the file of a run that can be gone on with: the optimiser's memory and a few pictures.

        Args:
            size: of the result, (height, width) in pixels.
        """
        return PIXEL * prod(size) * (2 * self.history + WRITTEN)


class Needs:
    """What a run by a recipe takes.

    Args:
        backbone: its network.
        recipe: what is computed.
        precision: of the maps, one of `machine.PRECISIONS`.
        device: where it is to run; the network may still be elsewhere.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, precision: str, device: torch.device = CPU):
        self.backbone, self.recipe = backbone, recipe
        self.statistic = STATISTICS[recipe.statistic]
        views = [View(layer, None) for layer in recipe.content_layers if recipe.content_weight]
        views += [View(layer, self.statistic.mean) for layer in recipe.style_layers if recipe.style_weight]
        self.engine = Engine(backbone, views, precision, at_once=device.type == "cuda")
        seen = [View(layer, self.statistic.mean) for layer in recipe.style_layers]
        self.describing = Engine(backbone, seen, at_once=self.engine.at_once)

    def images(self, size: Size, history: int) -> int:
        """Bytes of all but maps and targets: the optimiser's memory, other images, weights, the statistic's own copies.

        Args:
            size: of the result, (height, width) in pixels.
            history: how many moves L-BFGS remembers.
        """
        kept = 2 * history + 2 if self.recipe.optimizer == "lbfgs" else 4
        images = PIXEL * prod(size) * (kept + OTHER_IMAGES)
        compared = self.statistic.copies * self.widest(size) + self.statistic.block + self.likeness(size)
        return images + compared + self.weights

    def likeness(self, size: Size) -> int:
        """Bytes that comparing positions with others takes, where the content is compared so.

        Args:
            size: of the result, (height, width) in pixels.
        """
        if self.recipe.content_reduction != "similarity" or not self.recipe.content_weight:
            return 0
        maps = (self.backbone.architecture.map_size(layer, size) for layer in self.recipe.content_layers)
        return LIKENESSES * 4 * LOOKED_AT * max(height * width for _, height, width in maps)

    def run(self, size: Size, history: int, maps: float) -> int:
        """Bytes of an evaluation, or of the copy of the optimiser's memory that is made at the end, whichever is more.

        Args:
            size: of the result, (height, width) in pixels.
            history: how many moves L-BFGS remembers.
            maps: bytes for the network's maps.
        """
        beside, copied = self.beside(size, history), self.copied(size, history)
        return self.images(size, history) + int(max(beside + maps, copied))

    def copied(self, size: Size, history: int) -> int:
        """Bytes of a copy of the optimiser's memory.

        Args:
            size: of the result, (height, width) in pixels.
            history: how many moves L-BFGS remembers.
        """
        return PIXEL * prod(size) * 2 * history if self.recipe.optimizer == "lbfgs" else 0

    def beside(self, size: Size, history: int) -> int:
        """Bytes that maps must leave free: on CUDA those of the copy, for the graph of an evaluation keeps its maps.

        Args:
            size: of the result, (height, width) in pixels.
            history: how many moves L-BFGS remembers.
        """
        return self.copied(size, history) if self.engine.at_once else 0

    @property
    def weights(self) -> int:
        """Bytes of the engine's own copies of the weights, as they are and turned round for the way back."""
        count = sum(operation.weights for block in self.engine.blocks for operation in block.values())
        return 2 * count * self.engine.dtype.itemsize

    def widest(self, size: Size) -> int:
        """Bytes of the largest map whose style is compared, in float32."""
        return 4 * max(prod(self.backbone.architecture.map_size(layer, size)) for layer in self.recipe.style_layers)

    def targets(self, size: Size, styles: Sequence[Size]) -> int:
        """Bytes that all pictures and targets hold during the run.

        Args:
            size: of the result, (height, width) in pixels.
            styles: those of the style pictures.
        """
        maps = self.backbone.architecture.map_size
        content = 4 * sum(prod(maps(layer, size)) for layer in self.recipe.content_layers)
        style = 4 * sum(prod(maps(layer, one)) for layer in self.recipe.style_layers for one in styles)
        return content + self.statistic.kept * style + 2 * PIXEL * sum(map(prod, (size, *styles)))

    def describe(self, size: Size) -> int:
        """Bytes at most while a style picture is described."""
        if self.statistic.is_mean:
            return int(ON_THE_WAY * self.describing.bytes_to_describe(size))
        # One layer after the other: a convolution's map, its ReLU's, and what the statistic makes of it.
        layers = self.backbone.architecture.layers
        largest = 4 * max(prod(self.backbone.architecture.map_size(layer, size)) for layer in layers)
        return 2 * largest + self.statistic.copies * self.widest(size)

    def least(self, size: Size, styles: Sequence[Size] = ()) -> int:
        """Bytes that the most frugal run takes.

        Args:
            size: of the result, (height, width) in pixels.
            styles: those of the style pictures.
        """
        run = self.run(size, min(3, self.recipe.history), self.engine.least(size))
        return self.targets(size, styles) + max([run, *map(self.describe, styles)])

    def taken(self, size: Size, styles: Sequence[Size], budget: Budget) -> int:
        """Bytes that a run takes at its worst moment, its memory divided like this.

        Args:
            size: of the result, (height, width) in pixels.
            styles: those of the style pictures.
            budget: made by `divide`.
        """
        run = self.run(size, budget.history, min(budget.maps, self.engine.bytes(size)))
        used = self.targets(size, styles) + max([run, *map(self.describe, styles)])
        return int(AMPLE * used) if budget.ample else used

    def divide(self, size: Size, styles: Sequence[Size], memory: float, at: Shapes) -> Budget:
        """Divide `memory` for a run.

        Args:
            size: of the result, (height, width) in pixels.
            styles: those of the style pictures.
            memory: bytes that the run may take.
            at: what both would be at another size and style_size of the recipe; asked only where they do not fit.

        Raises:
            InputError: it does not fit, however frugally; says what would.
        """
        left = int(memory) - self.targets(size, styles)
        for ample, history in self.ways():
            maps = AMPLE * self.engine.bytes(size) if ample else self.engine.least(size)
            if self.run(size, history, maps) <= left and all(self.describe(style) <= left for style in styles):
                return Budget(left - self.images(size, history) - self.beside(size, history), history, ample)
        raise InputError(self.refusal(size, styles, memory, at))

    def ways(self) -> Iterator[tuple[bool, int]]:
        """(whether all maps are kept, moves that L-BFGS remembers), from fast to frugal.

        Ten moves do as well as a hundred, so a long memory is given up before speed is, and a short one after it.
        """
        most = min(10, self.recipe.history)
        yield from ((True, history) for history in (self.recipe.history, most))
        yield from ((False, history) for history in (most, min(5, most), min(3, most)))

    def refusal(self, size: Size, styles: Sequence[Size], memory: float, at: Shapes) -> str:
        """Why a run does not fit, and what does.

        Args:
            size: of the result, (height, width) in pixels.
            styles: those of the style pictures.
            memory: bytes that there are.
            at: see `divide`.
        """
        needed = f"{told(self.least(size, styles), ceil)}, but there are {told(memory, floor)}"
        large, own = max(styles, key=prod, default=size), self.recipe.style_size
        style_size = self.style_size(size, memory, at) if self.least(size) <= memory else 0
        if style_size and prod(large) > prod(size):
            advice = f"style_size {style_size} fits" if style_size >= SMALLEST else "give smaller style_scales"
            return f"with a style picture of {large[1]}×{large[0]} pixels a run needs {needed}: {advice}"
        sizes = range((self.recipe.size - 1) // STRIDE * STRIDE, 0, -STRIDE)
        if found := next((one for one in sizes if self.fits(at(one, own), memory)), 0):
            advice = f"size {found} fits"
        elif style_size >= SMALLEST:
            advice = f"style_size {style_size} fits"
        elif own and (found := next((one for one in sizes if self.fits(at(one, min(own, one)), memory)), 0)):
            advice = f"size {found} with style_size {min(own, found)} fits"
        else:
            advice = "let the run use more, or close other programs"
        return f"{size[1]}×{size[0]} pixels with {self.recipe.backbone} need {needed}: {advice}"

    def fits(self, shapes: tuple[Size, Sequence[Size]] | None, memory: float) -> bool:
        """Whether the most frugal run fits.

        Args:
            shapes: of result and styles; None for what cannot be.
            memory: bytes that there are.
        """
        return shapes is not None and self.least(*shapes) <= memory

    def style_size(self, size: Size, memory: float, at: Shapes) -> int:
        """The largest `style_size` with which a run fits, below `SMALLEST` if only smaller scales do; 0 if none does.

        Args:
            size: of the result, (height, width) in pixels.
            memory: bytes that there are.
            at: see `divide`.
        """

        def too_large(given: int) -> bool:
            shapes = at(self.recipe.size, given)
            return shapes is not None and not self.fits(shapes, memory)

        now = self.recipe.style_size or length(size, self.recipe.side)
        found = bisect_left(range(1, now), True, key=too_large)
        return found if found and self.fits(at(self.recipe.size, found), memory) else 0

    def largest(self, memory: float, *, fast: bool = False) -> int:
        """The largest size of a square without a style, in steps of 32 pixels, that fits; 0 if none does.

        Args:
            memory: bytes.
            fast: without the means that save memory.
        """

        def fits(size: int) -> bool:
            own = size, size
            if not fast:
                return self.least(own) <= memory
            run = self.run(own, min(10, self.recipe.history), AMPLE * self.engine.bytes(own))
            return self.targets(own, []) + run <= memory

        return next(filter(fits, range(LARGEST, 0, -STRIDE)), 0)


def told(count: float, rounded: Callable[[float], int]) -> str:
    """Bytes in GB, to two digits; few of them as they are: who gave 4 may have meant gigabytes.

    Args:
        count: of bytes.
        rounded: `floor` or `ceil`, so that what does not fit never looks as if it did.

    >>> told(98_700_001, ceil), told(99_900_000, floor), told(5, floor)
    ('0.099 GB', '0.099 GB', '5 bytes')
    """
    if count < 1e5:
        return f"{rounded(count)} bytes"
    unit = 10.0 ** (floor(log10(count)) - 1)
    return f"{rounded(count / unit) * unit / 1e9:.2g} GB"
