"""Blocks of layers, the size of an image → bytes that their maps take, and the fastest way through them that fits.

A block's maps are kept for the way back where memory allows; elsewhere they are computed again, band by band, from the
block's input: gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"), in tiles with
halos.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from .layers import Block

__all__ = ["Cost", "Way", "costs_of", "peak", "peak_to_describe", "ways", "ways_to_describe"]

WIDE = 4  # bytes of a number in float32
BAND_BYTES = 16 * 2**20  # glibc hands larger buffers back to the system, which clears their pages at every use
GPU_BAND_BYTES = 128 * 2**20  # each height of a band is a shape of its own, which libraries get ready for
LEAN_BAND_BYTES = tuple(n * 2**20 for n in (64, 16, 4, 1))  # where maps are not kept, from fast to frugal


@dataclass(frozen=True)
class Way:
    """How one block is worked through: in how many bands, and whether its maps are kept for the way back."""

    bands: int
    keep: bool


@dataclass(frozen=True)
class Cost:
    """Bytes of a block: of its input, of each map with what is kept beside it, of each map if a term sees it whole.

    rows: of its last map.
    """

    entry: int
    maps: list[int]
    whole: list[int]
    rows: int

    def count(self, most: int) -> int:
        """How many bands it takes that no map's part has more than so many bytes; none is less than 8 rows high."""
        return 1 if any(self.whole) else max(1, min(-(-max(self.maps) // most), self.rows // 8))


def costs_of(
    blocks: Sequence[Block], size: tuple[int, int], item: int, whole: set[str], widened: Collection[str] = ()
) -> list[Cost]:
    """What each block takes.

    Args:
        blocks: of the network.
        size: (height, width) of what enters the first, which has three channels.
        item: bytes of a number.
        whole: names of the layers whose maps have to be seen whole.
        widened: of those whose maps terms see as a copy of four bytes a number.
    """
    (height, width), channels, costs = size, 3, []
    for block in blocks:
        entry, maps, seen = height * width * channels * item, [], []
        for name, operation in block.items():
            height, width = operation.spec.outputs(height), operation.spec.outputs(width)
            channels = operation.spec.channels
            numbers, copy = height * width * channels, WIDE * (name in widened)
            seen.append(numbers * (copy or item) * (name in whole))
            maps.append(int(numbers * (item * operation.copies + copy)))
        costs.append(Cost(entry, maps, seen, height))
    return costs


def ways(costs: Sequence[Cost], *, at_once: bool = False) -> Iterator[list[Way]]:
    """Ways through the blocks, from fast to frugal.

    Args:
        costs: of the blocks.
        at_once: whether one band is faster than several, as on a GPU; on a processor bands that fit its cache are.
    """
    if at_once:
        yield [Way(1, keep=True)] * len(costs)
    chosen = [Way(cost.count(BAND_BYTES), keep=True) for cost in costs]
    yield list(chosen)
    for most in LEAN_BAND_BYTES:
        for i, cost in enumerate(costs):
            chosen[i] = Way(cost.count(most), keep=False)
            yield list(chosen)


def peak(costs: Sequence[Cost], chosen: Sequence[Way]) -> int:
    """Bytes at the worst moment of an evaluation by the ways `chosen`: what is held, and the work on one block."""
    held, slopes, seen, worst = 0, 0, 0, 0.0
    for cost, way in zip(costs, chosen, strict=True):
        # On the way back: gradients of the last map and of the input, and in one band three times its largest map (a
        # gradient before and after a convolution, a term's or a pooling's indices).
        working = 3 * max(cost.maps) / way.bands + cost.entry + cost.maps[-1]
        own = sum(cost.maps) if way.keep else cost.entry
        again = 0 if way.keep else sum(cost.maps) / way.bands
        slopes += sum(cost.whole)  # terms that see whole maps have all judged before the way back begins
        seen += 0 if way.keep else sum(cost.whole)
        worst = max(worst, held + slopes + own + again + working)
        held += own
    return int(max(worst, held + slopes + seen))


def ways_to_describe(costs: Sequence[Cost], *, at_once: bool = False) -> list[Way]:
    """The way through the blocks where nothing has to come back.

    Args:
        costs: of the blocks.
        at_once: whether few bands are faster than many, as for `ways`.
    """
    most = GPU_BAND_BYTES if at_once else BAND_BYTES
    return [Way(cost.count(most), keep=False) for cost in costs]


def peak_to_describe(costs: Sequence[Cost], *, at_once: bool = False) -> int:
    """Bytes at the worst moment of a description: maps seen whole, a block's input, and two maps' parts in a band.

    Args:
        costs: of the blocks.
        at_once: as for `ways_to_describe`.
    """
    held, worst = 0, 0.0
    for cost, way in zip(costs, ways_to_describe(costs, at_once=at_once), strict=True):
        joined, before = cost.maps[-1] if way.bands > 1 else 0, 0.0
        for part, whole in zip((size / way.bands for size in cost.maps), cost.whole, strict=True):
            worst = max(worst, held + cost.entry + joined + before + part)
            held, before = held + whole, 0 if whole else part
    return int(worst)
