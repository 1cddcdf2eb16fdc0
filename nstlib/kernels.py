"""Kernels in Triton for what torch does in several passes through memory, or in a slow one.

A GPU reads a map more slowly than it computes with it, so what follows one after the other is done while a number is at
hand. Maps are (1, N, h, w) with their channels last and N a multiple of 8, so that 16 bytes are moved at a time.

Only `cuda` imports this, and where there is no Triton it does not: that comes with torch's CUDA wheels for Linux.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["add_product", "pool", "unpool"]

COLUMNS, CHANNELS = 16, 64  # windows, and channels of each, that a program of `pool` and `unpool` works for
POSITIONS, OUTER, INNER = 64, 128, 64  # of a product, in `add_product`


def pool(x: Tensor, rows: int, columns: int) -> Tensor:
    """The largest number of each 2 × 2 window (1, N, rows, columns); one that is none is passed on.

    Args:
        x: (1, N, H, W).
        rows: ⌊H / 2⌋, or ⌈H / 2⌉, where the last window holds one row.
        columns: likewise.
    """
    channels, width = x.shape[1], x.shape[3]
    y = torch.empty(1, channels, rows, columns, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    grid = triton.cdiv(columns, COLUMNS), rows, triton.cdiv(channels, CHANNELS)
    with torch.cuda.device_of(x):
        pool_kernel[grid](x, y, x.numel(), width, columns, channels // 8, COLUMNS, CHANNELS)
    return y


def unpool(gradient: Tensor, x: Tensor, rectified: bool) -> Tensor:
    """The gradient of `pool`'s input (1, N, H, W): each window's goes to the first of its largest numbers.

    Args:
        gradient: of what it returned.
        x: its input.
        rectified: x comes out of a ReLU, which is gone back through as well: nothing is left where x is 0.
    """
    (_, channels, height, width), columns = x.shape, gradient.shape[3]
    g = torch.empty_like(x)
    across, down = triton.cdiv(width, 2), triton.cdiv(height, 2)
    grid = triton.cdiv(across, COLUMNS), down, triton.cdiv(channels, CHANNELS)
    with torch.cuda.device_of(x):
        unpool_kernel[grid](
            gradient, x, g, x.numel(), width, gradient.numel(), columns, channels // 8, rectified, COLUMNS, CHANNELS
        )
    return g


def add_product(gradient: Tensor, features: Tensor, slope: Tensor) -> Tensor:
    """(G + D F) ∘ [F > 0], of a map F out of a ReLU: what comes back to it, and what a product with it adds.

    Args:
        gradient: G, of F's shape.
        features: F (1, N, h, w), in half precision.
        slope: D (N, N), symmetric, as F.
    """
    channels, positions = features.shape[1], features[0, 0].numel()
    result = torch.empty_like(features)
    outer = min(OUTER, triton.next_power_of_2(channels))
    grid = triton.cdiv(positions, POSITIONS), triton.cdiv(channels, outer)
    with torch.cuda.device_of(features):
        product_kernel[grid](
            gradient, features, slope, result, positions, channels // 8, POSITIONS, outer, min(INNER, outer)
        )
    return result


@triton.jit
def window(row, columns, channels, numbers, width, count):
    """Of 2 × 2 windows: where their first number is (columns, channels), and which of the four there are."""
    at = (row.to(tl.int64) * 2 * width + 2 * columns)[:, None] * count + channels[None, :]
    first = (2 * columns < width)[:, None] & (channels < count)[None, :]
    right = (2 * columns + 1 < width)[:, None] & first
    under = at + width * count < numbers
    return at, first, right, first & under, right & under


@triton.jit
def read(x, at, below, count, first, right, under, across):
    """The four numbers of each window; those that there are not are less than any."""
    least = float("-inf")
    a, b = tl.load(x + at, first, least), tl.load(x + at + count, right, least)
    c, d = tl.load(x + at + below, under, least), tl.load(x + at + below + count, across, least)
    return a.to(tl.float32), b.to(tl.float32), c.to(tl.float32), d.to(tl.float32)


@triton.jit
def greater(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def pool_kernel(x, y, numbers, width, columns, eighths, COLUMNS: tl.constexpr, CHANNELS: tl.constexpr):
    count, row = eighths * 8, tl.program_id(1)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    at, first, right, under, across = window(row, column, channel, numbers, width, count)
    a, b, c, d = read(x, at, width * count, count, first, right, under, across)
    to = (row.to(tl.int64) * columns + column)[:, None] * count + channel[None, :]
    there = (column < columns)[:, None] & (channel < count)[None, :]
    tl.store(y + to, greater(greater(a, b), greater(c, d)), there)


@triton.jit
def unpool_kernel(
    gradient,
    x,
    g,
    numbers,
    width,
    windows,
    columns,
    eighths,
    RECTIFIED: tl.constexpr,
    COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    count, row = eighths * 8, tl.program_id(1)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    at, first, right, under, across = window(row, column, channel, numbers, width, count)
    below = width * count
    a, b, c, d = read(x, at, below, count, first, right, under, across)
    most = greater(greater(a, b), greater(c, d))
    # Where sizes are rounded down, the last windows are not whole and have no gradient.
    to = (row.to(tl.int64) * columns + column)[:, None] * count + channel[None, :]
    there = (column < columns)[:, None] & (channel < count)[None, :] & (to < windows)
    if RECTIFIED:
        there &= most > 0
    back = tl.load(gradient + to, there, 0.0).to(tl.float32)
    in_a = a == most
    in_b = (b == most) & (a < most)
    in_c = (c == most) & (a < most) & (b < most)
    in_d = (a < most) & (b < most) & (c < most)
    tl.store(g + at, tl.where(in_a, back, 0.0), first)
    tl.store(g + at + count, tl.where(in_b, back, 0.0), right)
    tl.store(g + at + below, tl.where(in_c, back, 0.0), under)
    tl.store(g + at + below + count, tl.where(in_d, back, 0.0), across)


@triton.jit
def product_kernel(
    gradient,
    features,
    slope,
    result,
    positions,
    eighths,
    POSITIONS: tl.constexpr,
    OUTER: tl.constexpr,
    INNER: tl.constexpr,
):
    count = eighths * 8
    position = tl.program_id(0) * POSITIONS + tl.arange(0, POSITIONS)
    channel = tl.program_id(1) * OUTER + tl.arange(0, OUTER)
    inner = tl.arange(0, INNER)
    row = position.to(tl.int64)[:, None] * count
    total = tl.full((POSITIONS, OUTER), 0.0, tl.float32)
    for start in range(0, count, INNER):
        k = start + inner
        f = tl.load(features + row + k[None, :], (position < positions)[:, None] & (k < count)[None, :], 0.0)
        d = tl.load(
            slope + k[:, None] * count + channel[None, :], (k < count)[:, None] & (channel < count)[None, :], 0.0
        )
        total = tl.dot(f, d, total)
    there = (position < positions)[:, None] & (channel < count)[None, :]
    at = row + channel[None, :]
    g = tl.load(gradient + at, there, 0.0).to(tl.float32)
    fires = tl.load(features + at, there, 0.0).to(tl.float32) > 0
    tl.store(result + at, tl.where(fires, g + total, 0.0), there)
