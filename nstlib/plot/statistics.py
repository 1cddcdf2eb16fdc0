"""Gram matrices and other descriptions → figures of what stands in them, and of how far pictures are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..errors import one_of
from .figures import COLOURS, WIDTH, array, by_name, finish, listed, need, new, pen
from .images import pixels, sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["gram_matrix", "ordering", "placed", "spectrum"]

ZOOM = 0.36  # points that a pixel of a small picture takes
LETTER = 5.0  # and a letter of its name
UNIT = np.array([440, 260])  # and the range of the places, across and up
FEW = 8  # channels up to which the numbers stand in the cells
ORDERS = {  # of channels: what is written along the axes
    "given": "channel",
    "strongest": "channels, strongest first",
    "similar": "channels, similar ones together",
}


def gram_matrix(
    matrices: Any, labels: Sequence[str] | None = None, *, order: str = "given", title: str | None = None
) -> Figure:
    """Gram matrices as heat maps on one scale: from 0, or around 0 if some entries are negative.

    Args:
        matrices: one (N, N), or several by name. Up to 8 channels the numbers stand in the cells.
        labels: N, of the channels; None: their numbers.
        order: of the channels, the first matrix's for all: "given", "strongest" (by the diagonal) or "similar".
        title: in place of the finding.
    """
    order = one_of("order of channels", order, ORDERS)
    found = {name: square(m) for name, m in by_name(matrices).items()}
    first = next(iter(found.values()))
    need(len({m.shape for m in found.values()}) == 1, "the matrices have several sizes: compare those of one layer")
    need(labels is None or len(labels) == len(first), f"{len(first)} channels need as many labels, or None")
    places = ordering(first, order)
    every = np.stack(list(found.values()))
    few, low = len(first) <= FEW, every.min()
    most = np.quantile(np.abs(every), 1 if few else 0.995)
    scale = {"cmap": "PuOr", "vmin": -most, "vmax": most} if low < 0 else {"cmap": "cividis", "vmin": 0, "vmax": most}
    names = [str(i if labels is None else labels[i]) for i in places] if labels is not None or few else None
    columns = min(3, len(found))
    rows, width = math.ceil(len(found) / columns), WIDTH if columns > 1 else 4.8 if few else 6.5
    room = 0.6 if order == "given" else 0.7  # for titles and labels: without numbers the squares grow towards these
    figure, axes = new(rows * 0.8 * width / columns + room, rows, columns, width=width)
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis, (name, m) in zip(axes.flat, found.items(), strict=False):
        shown = axis.imshow(m[np.ix_(places, places)], **scale)
        axis.set(title=name, xlabel="channel", ylabel="channel")
        if names:
            name_channels(axis, names, rotation=90 if sum(map(len, names)) > 40 / columns else 0)
        elif order != "given":  # numbers at the axes would be places in that order, and be read as channels
            axis.set(xlabel=ORDERS[order], ylabel="channels", xticks=[], yticks=[])
        if few:
            write_cells(axis, m[np.ix_(places, places)], most, signed=low < 0)
    extend: Any = "neither" if few else "both" if low < 0 else "max"
    figure.colorbar(shown, ax=axes, label="mean product of two channels", shrink=0.85, extend=extend)
    finding = gram_finding(found, labels)
    told = f"Heat map of {len(first)} × {len(first)} products of channels, from {low:.3g} to {every.max():.3g}."
    return finish(figure, title or finding, f"{told} {finding}.")


def square(matrix: Any) -> np.ndarray:
    """A symmetric matrix (N, N) as an array."""
    m = array(matrix)
    need(m.ndim == 2 and len(m) == m.shape[1] and m.size > 0, f"a Gram matrix is (N, N), not {m.shape}")
    need(bool(np.isfinite(m).all()), "the matrix holds NaN or infinity: compute it in float32, from finite features")
    return m


def ordering(m: np.ndarray, order: str) -> np.ndarray:
    """The numbers of a matrix's channels (N,), in an order.

    Args:
        m: a Gram matrix (N, N).
        order: "given"; "strongest", by the diagonal; or "similar", where those which occur together stand together.
    """
    if order == "strongest":
        return np.argsort(-np.diag(m), kind="stable")
    if order == "similar":  # along the second eigenvector of the correlations: the first is what all have in common
        size = np.sqrt(np.diag(m).clip(1e-12))
        return np.argsort(np.linalg.eigh(m / np.outer(size, size))[1][:, max(-2, -len(m))], kind="stable")
    return np.arange(len(m))


def name_channels(axis: Axes, names: Sequence[str], rotation: float) -> None:
    axis.set_xticks(range(len(names)), names, rotation=rotation, fontsize=9)
    axis.set_yticks(range(len(names)), names, fontsize=9)


def write_cells(axis: Axes, m: np.ndarray, most: float, *, signed: bool) -> None:
    """Write each entry into its cell, white where the cell is dark."""
    for (i, j), value in np.ndenumerate(m):
        dark = abs(value) > 0.6 * most if signed else value < 0.6 * most
        axis.text(j, i, f"{value:.3g}", ha="center", va="center", color="white" if dark else "black", fontsize=9)


def gram_finding(found: Mapping[str, np.ndarray], labels: Sequence[str] | None) -> str:
    """Of one matrix its strongest channel, of several how far the others are from the first."""
    (name, first), *others = found.items()
    if others:
        far = [f"{other} {((m - first) ** 2).sum() / (first**2).sum():.2g}" for other, m in others]
        return f"‖ΔR‖² / ‖R‖² from {name}: {listed(far)}"
    strongest, share = int(np.diag(first).argmax()), np.trace(first) / max(np.abs(first).sum(), 1e-30)
    name = f"Channel {strongest}" if labels is None else labels[strongest]
    return f"{name} is the strongest, {first[strongest, strongest]:.3g}; the diagonal holds {share:.0%}"


def spectrum(matrices: Any, *, title: str | None = None) -> Figure:
    """The eigenvalues of Gram matrices, as shares of their sum, the greatest first, on logarithmic scales.

    Args:
        matrices: one (N, N), or several by name; they may differ in size.
        title: in place of the finding.
    """
    found = {name: square(m) for name, m in by_name(matrices, "matrix").items()}
    figure, axes = new(3.8)
    axis, told = axes[0, 0], []
    for number, (name, m) in enumerate(found.items()):
        values = np.linalg.eigvalsh((m + m.T) / 2)[::-1].clip(0)
        shares = values / max(values.sum(), 1e-30)
        enough = int(np.searchsorted(np.cumsum(shares), 0.9 - 1e-9) + 1)
        axis.plot(np.arange(1, len(m) + 1), np.where(shares > 1e-9, shares, np.nan), label=name, **pen(number))
        axis.plot(enough, shares[min(enough, len(m)) - 1], "o", color=COLOURS[number % 7])
        told.append(f"{name} {enough} of {len(m)}".replace(" ", "\u00a0"))
    axis.set(xscale="log", yscale="log", xlabel="number of the eigenvalue, greatest first", ylabel="share of the sum")
    axis.legend(frameon=False, title="dot: 90 % so far")
    axis.grid(alpha=0.3)
    finding = f"Eigenvalues that make up 90 %: {listed(told)}"
    return finish(figure, title or finding, f"Falling lines, logarithmic. {finding}.")


def placed(
    descriptions: Sequence[Any],
    images: Sequence[Any],
    names: Sequence[str] | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Pictures placed by what describes them: the first two principal components of their descriptions.

    Pictures that would cover each other are moved apart; a line leads to the true place.

    Args:
        descriptions: three or more, all of one shape: a Gram matrix of each picture, say.
        images: as many pictures, in any form that `pictures` takes.
        names: as many, to stand under them; or None.
        title: in place of the finding.
    """
    flat, images = [array(d).ravel() for d in descriptions], sequence(images)
    right = len(flat) == len(images) >= 3 and len({len(d) for d in flat}) == 1
    need(right, f"{len(flat)} descriptions and {len(images)} pictures: give three or more of each, all of one shape")
    need(names is None or len(names) == len(flat), f"{len(flat)} pictures need as many names, or None")
    where, shares = components(np.stack(flat))
    span = np.ptp(where, axis=0).clip(1e-3 * np.ptp(where) + 1e-12)
    names, thumbnails = names or [""] * len(images), [thumbnail(image) for image in images]
    boxes = np.array([box(t, name) for t, name in zip(thumbnails, names, strict=True)]) / UNIT
    shown = apart((where - where.min(0)) / span, boxes) * span + where.min(0)
    figure, axes = new(6.0)
    axis = axes[0, 0]
    for true, place, image, name in zip(where, shown, thumbnails, names, strict=True):
        if (np.abs(true - place) > 0.01 * span).any():
            axis.plot(*zip(true, place, strict=True), color="#444444", linewidth=0.8)
            axis.plot(*true, "o", color=COLOURS[1], markersize=4, zorder=5)
        put_picture(axis, place, image, name)
    low, high = np.minimum(where, shown).min(0), np.maximum(where, shown).max(0)
    low, high = low - np.array([0.1, 0.16]) * span, high + np.array([0.1, 0.13]) * span
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axis.set(xlabel=f"first component, {shares[0]:.0%}", ylabel=f"second component, {shares[1]:.0%}")
    finding = f"Two directions hold {shares[:2].sum():.0%} of the differences between {len(images)} pictures"
    ends = [names[i] or f"picture {i}" for i in (int(where[:, 0].argmin()), int(where[:, 0].argmax()))]
    return finish(figure, title or finding, f"{finding}; along the first, {ends[0]} and {ends[1]} lie farthest apart.")


def components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) on their first two principal components (n, 2), and each component's share of their variance."""
    u, s, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    where = (u * s)[:, :2]
    signs = np.where(where[np.abs(where).argmax(0), [0, 1]] < 0, -1, 1)  # or the sign would be a matter of luck
    return where * signs, s**2 / max((s**2).sum(), 1e-30)


def thumbnail(image: Any) -> Image.Image:
    """A picture, small."""
    small = Image.fromarray(pixels(image))
    small.thumbnail((128, 128))
    return small


def box(small: Image.Image, name: str) -> tuple[float, float]:
    """Width and height in points that a small picture takes, its frame and its name included."""
    return max(ZOOM * small.width + 4, LETTER * len(name)), ZOOM * small.height + 6 + (12 if name else 0)


def put_picture(axis: Axes, place: np.ndarray, small: Image.Image, name: str) -> None:
    """A small picture at a place, its name under it, legible over whatever lies there."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage
    from matplotlib.patheffects import withStroke

    axis.add_artist(AnnotationBbox(OffsetImage(np.asarray(small), zoom=ZOOM), tuple(place), pad=0.1))
    under = (0, -ZOOM * small.height / 2 - 3)
    put: Any = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 8, "zorder": 6}
    axis.annotate(name, tuple(place), under, path_effects=[withStroke(linewidth=3, foreground="white")], **put)


def apart(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Points (n, 2) of the unit square, moved until boxes (n, 2) around them do not overlap, or nearly so."""
    size, points = (boxes[:, None] + boxes[None]) / 2, points.copy()
    for _ in range(300):
        delta = (points[:, None] - points[None]) / size
        delta += 1e-3 * np.sign(np.arange(len(points))[:, None] - np.arange(len(points)))[..., None]
        overlap = (1 - np.abs(delta)).clip(0)
        both = (overlap > 0).all(-1) & ~np.eye(len(points), dtype=bool)
        along = overlap.argmin(-1)[..., None] == np.arange(2)  # the shorter way out
        points += 0.25 * (np.sign(delta) * overlap * along * both[..., None] * size).sum(1)
    return points
