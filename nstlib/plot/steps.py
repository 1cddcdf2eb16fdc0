"""A computation that can be followed with a pencil → a figure of one of its steps, for a slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import counted
from .figures import COLOURS, INK, array, finish, listed, need, new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

__all__ = ["STEPS", "backpropagation", "convolution", "rows_meet"]

# What is new at each step of `backpropagation`, and the line of code that makes it.
STEPS = (
    ("x", "the input, and the weights on the edges"),
    ("z", "forward: z = x W1"),
    ("a", "forward: a = max(z, 0)"),
    ("s", "forward: s = a W2"),
    ("p", "forward: p = softmax(s), and the loss -ln p of the right class"),
    ("ds", "backward: ds = p - y"),
    ("dW2", "backward: dW2 = aᵀ ds"),
    ("da", "backward: da = ds W2ᵀ"),
    ("dz", "backward: dz = da where z > 0, else 0"),
    ("dW1", "backward: dW1 = xᵀ dz"),
    ("dx", "backward: dx = dz W1ᵀ"),
)
PIXEL, HIDDEN, SCORE = 0.0, 3.0, 6.0  # where the columns of units stand
GRADIENT = INK
# What takes no room beside its axes need not be measured: a third of the drawing.
INSIDE: dict[str, Any] = {"in_layout": False}
BETWEEN, ABOVE = 0.7, 0.9  # room beside a matrix, and above it for its name, in squares of numbers
MOST = 12  # numbers in a row, beyond which they could not be read


def backpropagation(
    x: Any, first: Any, second: Any, label: int, *, step: int = len(STEPS) - 1, title: str | None = None
) -> Figure:
    """A network of two layers without biases as a graph: values in black, and the loss's gradients in orange.

    Args:
        x: input (D,), of a few numbers.
        first: weights (D, H) of the first layer.
        second: weights (H, K) of the second.
        label: the right class, from 0.
        step: how far the computation has come, a row of `STEPS`.
        title: in place of what the step does.
    """
    x, first, second = array(x), array(first), array(second)
    fits = x.ndim == 1 and first.ndim == second.ndim == 2 and first.shape == (len(x), len(second))
    need(fits, f"x {x.shape}, first {first.shape}, second {second.shape} do not fit: give (D,), (D, H) and (H, K)")
    need(0 <= step < len(STEPS), f"step = {step}: give 0 to {len(STEPS) - 1}")
    need(0 <= label < second.shape[1], f"label = {label}: give 0 to {second.shape[1] - 1}")
    found = there_and_back(x, first, second, label)
    known = {name: found[name] for name, _ in STEPS[: step + 1] if name in found}
    figure, axes = new(5.2)
    axis = axes[0, 0]
    columns = [(PIXEL, "x", len(x)), (HIDDEN, "z", len(second)), (SCORE, "s", second.shape[1])]
    for (left, _, n), (right, _, m), weights, name in zip(
        columns, columns[1:], (first, second), ("dW1", "dW2"), strict=False
    ):
        for (i, j), w in np.ndenumerate(weights):
            slope = float(known[name][i, j]) if name in known else None
            edge(axis, (left, height(i, n)), (right, height(j, m)), w, slope, 1 / (m + 1))
    for column, name, count in columns:
        for i in range(count):
            axis.add_patch(circle((column, height(i, count))))
            axis.text(column, height(i, count), inside(known, name, i), ha="center", va="center", fontsize=11, **INSIDE)
            below = [f"d{n} = {known[f'd{n}'][i]:g}" for n in ("a" if name == "z" else "", name) if f"d{n}" in known]
            beside = 0.47 if name == "z" else -0.47
            place, box = (column, height(i, count) + beside), {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axis.text(*place, "   ".join(below), ha="center", va="center", color=GRADIENT, bbox=box, zorder=2)
    if "p" in known:
        told = "\n".join(f"class {k}: p = {p:.2g}{', right' * (k == label)}" for k, p in enumerate(known["p"]))
        axis.text(SCORE + 0.6, height(0, 2) - 0.75, f"{told}\n\nloss = {-np.log(known['p'][label]):.3f}", va="center")
    if "dW2" in known:
        axis.text(HIDDEN, -2.5, "on a line: weight | its gradient", ha="center", color=GRADIENT)
    axis.set(xlim=(-0.8, SCORE + 2.4), ylim=(-2.6, 2.1), aspect="equal")
    axis.set_axis_off()
    told = "; ".join(f"{name} = {listed(f'{v:.3g}' for v in np.ravel(known[name]))}" for name in known)
    return finish(figure, title or f"Step {step}. {STEPS[step][1]}", f"A network as a graph. {told}.")


def there_and_back(x: np.ndarray, first: np.ndarray, second: np.ndarray, label: int) -> dict[str, np.ndarray]:
    """All that is computed in a forward and a backward pass, by name."""
    z = x @ first
    a = np.maximum(z, 0)
    s = a @ second
    p = np.exp(s - s.max()) / np.exp(s - s.max()).sum()
    ds = p - np.eye(len(s))[label]
    da = second @ ds
    dz = da * (z > 0)
    values = {"x": x, "z": z, "a": a, "s": s, "p": p, "ds": ds, "dW2": np.outer(a, ds), "da": da, "dz": dz}
    values |= {"dW1": np.outer(x, dz), "dx": first @ dz}
    return {name: value + 0.0 for name, value in values.items()}  # no -0


def height(number: int, count: int) -> float:
    """Where unit `number` of a column stands."""
    return 1.5 * ((count - 1) / 2 - number)


def circle(centre: tuple[float, float]) -> Any:
    from matplotlib.patches import Circle

    return Circle(centre, 0.33, facecolor="white", edgecolor="black", zorder=3)


def inside(known: dict[str, np.ndarray], name: str, i: int) -> str:
    """What stands in a unit: its value, for a hidden one before and after ReLU."""
    if name not in known:
        return ""
    if name == "z" and "a" in known:
        return f"{known['z'][i]:g}→{known['a'][i]:g}"
    return f"{known[name][i]:g}"


def edge(
    axis: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    weight: float,
    gradient: float | None,
    share: float,
) -> None:
    """A weight as a line, its value on it.

    Args:
        axis: where to.
        start: the unit on the left, (x, y).
        end: the unit on the right.
        weight: its value.
        gradient: of the loss to it, if that is known.
        share: of the way, where the value stands: after 1 / (m + 1) of that to m units all lines are equally far
            apart, so no value lies on a crossing.
    """
    (x0, y0), (x1, y1) = start, end
    axis.plot((x0, x1), (y0, y1), color="#bbbbbb", linewidth=1, linestyle="-", zorder=1)
    text = f"{weight:g}" if gradient is None else f"{weight:g} | {gradient:g}"
    place, box = (x0 + share * (x1 - x0), y0 + share * (y1 - y0)), {"facecolor": "white", "edgecolor": "none", "pad": 1}
    colour = "#444444" if gradient is None else GRADIENT
    axis.text(*place, text, ha="center", va="center", fontsize=9, color=colour, bbox=box, zorder=2)


def convolution(picture: Any, kernel: Any, *, position: int = 0, bias: float = 0.0, title: str | None = None) -> Figure:
    """A kernel at one place of a picture: for each channel the window, the kernel's slice and their product.

    Args:
        picture: (C, H, W), or (H, W) for one channel; of a few numbers.
        kernel: (C, k, k), or (k, k).
        position: where the kernel lies, counted along the rows of the map, from 0.
        bias: is added everywhere.
        title: in place of the sum.
    """
    picture, kernel = array(picture), array(kernel)
    picture, kernel = (v[None] if v.ndim == 2 else v for v in (picture, kernel))
    (channels, rows, columns), k = picture.shape, kernel.shape[-1]
    need(
        kernel.shape == (channels, k, k), f"a kernel for {channels} channels is ({channels}, k, k), not {kernel.shape}"
    )
    need(max(rows, columns) <= MOST, f"{rows} × {columns} numbers could not be read: give at most {MOST} in a row")
    down, across = rows - k + 1, columns - k + 1
    need(0 <= position < down * across, f"position = {position}: give 0 to {down * across - 1}")
    i, j = divmod(position, across)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (k, k), axis=(1, 2))  # (C, down, across, k, k)
    products = windows[:, i, j] * kernel + 0.0  # no -0
    result = np.full(down * across, np.nan)
    result[: position + 1] = np.einsum("cijuv,cuv->ij", windows, kernel).ravel()[: position + 1] + bias
    name = 0.26 * (columns + across + 3 * BETWEEN)  # squares that "window × kernel: -10" takes, a sixth of the figure
    slots = np.maximum((columns, k, k, across), max(name, 3))  # a number takes the same room everywhere
    x = np.cumsum(slots) - slots / 2 + BETWEEN * np.arange(4)
    y = (rows + ABOVE) * np.arange(channels) + ABOVE + rows / 2
    wide, high = x[-1] + slots[-1] / 2, y[-1] + rows / 2
    figure, axes = new(0.45 + 8.8 * high / wide)
    axis = axes[0, 0]  # one for all: twelve would take three times as long to draw
    axis.set(xlim=(-0.1, wide + 0.1), ylim=(high + 0.1, 0), aspect="equal")
    axis.set_axis_off()
    colours = [f" {['red', 'green', 'blue'][c]}" for c in range(3)] if channels == 3 else [""] * channels
    most = max(np.abs(v).max() for v in (picture, kernel, products))
    for c, colour in enumerate(colours):
        numbers(axis, (x[0], y[c]), picture[c], f"picture{colour}", most, (i, j, k))
        numbers(axis, (x[1], y[c]), kernel[c], f"kernel{colour}", most)
        numbers(axis, (x[2], y[c]), products[c], f"window × kernel: {products[c].sum():g}", most)
    most = max(np.nanmax(np.abs(result)), 1e-9)
    numbers(axis, (x[3], y[channels // 2]), result.reshape(down, across), "map", most, (i, j, 1))
    summed = " + ".join(f"{v:g}" for v in (*products.sum((1, 2)), *([bias] if bias else [])))
    value = f"{summed} = {result[position]:g}".replace("+ -", "- ") if "+" in summed else summed
    finding = f"Row {i}, column {j} of the map: {value}"
    said = f"A kernel of {k} × {k} on {counted(channels, 'channel')} of {rows} × {columns} pixels. {finding}."
    return finish(figure, title or finding, said)


def numbers(
    axis: Axes, middle: tuple[float, float], values: np.ndarray, name: str, most: float, window: Sequence[int] = ()
) -> None:
    """A small matrix with its numbers, each in a square of side 1, and perhaps a window on it.

    Args:
        axis: where to, its y axis downwards.
        middle: (x, y) of the matrix.
        values: (H, W); NaN stays empty.
        name: stands above it.
        most: the value that is darkest, positive or negative.
        window: (row, column, side).
    """
    from matplotlib.patches import Rectangle

    (rows, columns), (x, y) = values.shape, middle
    left, top = x - columns / 2, y - rows / 2
    dark = 1.6 * most  # pale, so that numbers can be read
    edges = left + np.arange(columns + 1), top + np.arange(rows + 1)
    axis.pcolormesh(*edges, values, cmap="PuOr", edgecolors="white", linewidth=0.7, vmin=-dark, vmax=dark)
    axis.add_patch(Rectangle((left, top), columns, rows, fill=False, linewidth=0.8, zorder=3))
    places: dict[str, list[tuple[float, float]]] = {}
    for (i, j), v in np.ndenumerate(values):
        if not np.isnan(v):
            places.setdefault(f"{v:g}", []).append((left + j + 0.5, top + i + 0.5))
    write(axis, places, fontsize=9)
    axis.text(x, top - 0.15, name, ha="center", va="bottom", fontsize=10, **INSIDE)
    if window:
        i, j, side = window
        frame = Rectangle((left + j, top + i), side, side, fill=False, edgecolor=GRADIENT, linewidth=3, zorder=4)
        axis.add_patch(frame)


def write(axis: Axes, places: Mapping[str, Sequence[tuple[float, float]]], fontsize: float) -> None:
    """A few short texts, each at many places and drawn as one shape: matplotlib's own take as long as all the rest.

    Args:
        axis: where to.
        places: (x, y) of the middles, by text.
        fontsize: in points.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.transforms import Affine2D

    look: dict[str, Any] = {"facecolor": "black", "linewidth": 0, "offset_transform": axis.transData, "zorder": 3}
    for text, middles in places.items():
        shapes = PathCollection([shape(text, fontsize)], offsets=middles, **look)
        shapes.set_transform(Affine2D().scale(1 / 72) + axis.figure.dpi_scale_trans)  # from points
        shapes.set(**INSIDE)
        axis.add_collection(shapes, autolim=False)


@lru_cache(maxsize=256)
def shape(text: str, fontsize: float) -> Path:
    """The outlines of a text, in points about its middle."""
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outlines = TextPath((0, 0), text, size=fontsize)
    x, y = outlines.get_extents().get_points().mean(0)
    return Affine2D().translate(-x, -y).transform_path(outlines)


def rows_meet(
    features: Any, i: int, j: int, *, upto: int | None = None, labels: Sequence[str] | None = None, title: str = ""
) -> Figure:
    """Two rows of F = (N, M) laid on each other, their products, and the entries of F Fᵀ that the sum of these makes.

    Args:
        features: a map (1, N, H, W) of few positions, or F (N, M).
        i: number of the one channel, from 0.
        j: of the other; it may be the same.
        upto: how many positions are summed; None for all.
        labels: N, of the channels; None: their numbers.
        title: in place of the sum.
    """
    f = array(features)
    f = f[0].reshape(f.shape[1], -1) if f.ndim == 4 else f
    need(f.ndim == 2 and f.shape[1] <= MOST, f"F {f.shape} cannot be read: give (N, M) of at most {MOST} positions")
    count, most = f.shape[1] if upto is None else upto, len(f) - 1
    need(max(i, j) <= most and min(i, j) >= 0, f"channels {i} and {j} are not both in 0 … {most}: choose among those")
    need(0 <= count <= f.shape[1], f"upto = {count}: give 0 to {f.shape[1]} positions")
    names = [f"channel {c}" for c in range(len(f))] if labels is None else list(labels)
    products = np.where(np.arange(f.shape[1]) < count, f[i] * f[j], np.nan)
    entry = float(np.nansum(products))
    figure, axes = new(3.1, 1, 2, width_ratios=[f.shape[1], len(f) + 1.6])
    rows, matrix = axes[0]
    write_row(rows, np.stack([f[i], f[j], products]), [names[i], names[j], "product"], count)
    known = np.full((len(f), len(f)), np.nan)
    known[i, j] = known[j, i] = entry
    matrix.imshow(np.zeros_like(known), cmap="Greys", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(known):
        matrix.text(
            column, row, "" if np.isnan(value) else f"{value:g}", ha="center", va="center", fontsize=15, **INSIDE
        )
    matrix.set(title="R = F Fᵀ", xlabel="channel", ylabel="channel")
    matrix.set(xticks=np.arange(-0.5, len(f)), xticklabels=[], yticks=np.arange(-0.5, len(f)), yticklabels=[])
    matrix.set_xticks(range(len(f)), names, minor=True)
    matrix.set_yticks(range(len(f)), names, minor=True)
    matrix.tick_params(which="both", length=0)
    matrix.grid(color="#888888")
    summed = " + ".join(f"{v:g}" for v in products[:count]) or "nothing yet"
    finding = f"{names[i]} with {names[j]}, {count} of {f.shape[1]} positions: {summed} = {entry:g}"
    return finish(figure, title or finding, f"Two rows of F and their products, position by position. {finding}.")


def write_row(axis: Axes, rows: np.ndarray, names: Sequence[str], here: int) -> None:
    """Write rows of numbers as a table, its last row below a line, a frame around the column that was met last.

    Args:
        axis: where to.
        rows: (3, M); NaN stays empty.
        names: of the rows.
        here: number of that column, from 1; 0 for none.
    """
    from matplotlib.patches import Rectangle

    places = [0.0, 1.0, 2.3]
    for y, row in zip(places, rows, strict=True):
        for x, value in enumerate(row):
            shade = "#ffffff" if np.isnan(value) or not value else "#d6e6f4"
            axis.add_patch(
                Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=shade, edgecolor="#888888", linewidth=0.8, **INSIDE)
            )
            axis.text(x, y, "" if np.isnan(value) else f"{value:g}", ha="center", va="center", fontsize=13, **INSIDE)
    if here:
        frame = Rectangle((here - 1.5, -0.5), 1, 3.3, fill=False, edgecolor=COLOURS[1], linewidth=3, zorder=4)
        axis.add_patch(frame)
    axis.set(xlim=(-0.6, rows.shape[1] - 0.4), ylim=(2.95, -0.65), aspect="equal", xlabel="position")
    axis.set_xticks(range(rows.shape[1]), [str(place + 1) for place in range(rows.shape[1])])
    axis.set_yticks(places, names)
    axis.tick_params(length=0)
    axis.set_ylabel("row of F")
    axis.set_frame_on(False)
