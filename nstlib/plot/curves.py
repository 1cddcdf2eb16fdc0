"""Numbers over numbers → lines, spans on a scale, stacked shares, or a compromise with its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import COLOURS, array, by_name, finish, listed, need, new, pen
from .images import pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["compromise", "lines", "spans", "stacked"]

FEW = 16  # points up to which each gets a mark
TICKED = 8  # places up to which each is written under a logarithmic axis
MARKS = "osD^vP*X"


def lines(
    curves: Mapping[str, Any],
    *,
    x: str,
    y: str,
    log: str = "",
    marks: Mapping[str, float] | None = None,
    band: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Lines over one axis; several plots side by side, if they come in groups.

    Args:
        curves: by name either heights (n,), drawn over 1 … n, or a pair (places, heights); or by group such mappings.
        x: what the places are, with their unit.
        y: what the heights are, with their unit.
        log: the axes that are logarithmic: "", "x", "y" or "xy".
        marks: places of vertical lines by name, in all plots.
        band: a stretch of places that is shaded in all plots.
        title: in place of the finding.
    """
    need(set(log) <= {"x", "y"}, f"log = '{log}': name the logarithmic axes, 'x', 'y' or 'xy'")
    curves = by_name(curves)
    groups = curves if all(isinstance(c, Mapping) for c in curves.values()) else {"": curves}
    figure, axes = new(3.9, 1, len(groups), sharey=True)
    ends: list[str] = []
    for axis, (group, found) in zip(axes.flat, groups.items(), strict=True):
        if band:
            axis.axvspan(*band, color=COLOURS[5], alpha=0.25)
        for number, (name, curve) in enumerate(found.items()):
            at, heights = points(curve)
            mark = MARKS[number % len(MARKS)] if len(at) <= FEW else ""
            axis.plot(at, heights, marker=mark, markersize=5, linewidth=1.8, label=name, **pen(number))
            ends.append(f"{group} {name} from {heights[0]:.3g} to {heights[-1]:.3g}".strip())
        axis.set(xscale="log" if "x" in log else "linear", yscale="log" if "y" in log else "linear")
        axis.set(xlabel=x, title=group)
        first, _ = points(next(iter(found.values())))
        if "x" in log and len(first) <= TICKED:
            axis.set_xticks(first, [f"{place:.2g}" for place in first])
            axis.set_xticks([], minor=True)
        axis.grid(alpha=0.3)
        upright(axis, marks or {})
    axes[0, 0].set_ylabel(y)
    if len(ends) > 1 or len(groups) > 1:
        handles: dict[str, Any] = {}
        for axis in axes.flat:
            handles |= {label: line for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles, loc="outside right center", frameon=False, fontsize=9)
    return finish(figure, title or listed(ends), f"Lines, {y} over {x}: {listed(ends)}. {title or ''}")


def points(curve: Any) -> tuple[np.ndarray, np.ndarray]:
    """A curve as places and heights, each (n,)."""
    pair = isinstance(curve, tuple) and len(curve) == 2 and np.ndim(curve[0]) == 1
    at, heights = map(array, curve) if pair else (None, array(curve))
    at = np.arange(1.0, len(heights) + 1) if at is None else at
    need(at.shape == heights.shape, f"a line has {at.size} places and {heights.size} heights: give as many of each")
    return at, heights


def upright(axis: Axes, marks: Mapping[str, float]) -> None:
    """Grey lines with their names along them."""
    for name, place in marks.items():
        axis.axvline(place, color="grey", linewidth=0.8, zorder=0)
        upwards = axis.get_xaxis_transform()
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        look: dict[str, Any] = {"rotation": 90, "fontsize": 8, "color": "0.3", "bbox": paper, "transform": upwards}
        axis.text(place, 0.98, f"{name} ", ha="right", va="top", **look)


def spans(
    rows: Mapping[str, Sequence[float]], labels: Sequence[str], *, x: str, log: bool = True, title: str | None = None
) -> Figure:
    """A row for each name, with a mark for each of its numbers, the first one hollow.

    Args:
        rows: numbers by name, as many in each as there are labels; the first row stands lowest.
        labels: what the numbers of a row are.
        x: what is measured, with its unit.
        log: whether the axis is logarithmic.
        title: in place of the finding.
    """
    rows = {name: [float(v) for v in values] for name, values in by_name(rows, "row").items()}
    fits = all(len(values) == len(labels) for values in rows.values())
    need(fits, f"{len(labels)} labels and rows of {listed(map(len, rows.values()))}: give a label for each number")
    figure, axes = new(1.6 + 0.36 * len(rows))
    axis = axes[0, 0]
    axis.margins(y=0.5 / len(rows))
    for at, values in enumerate(rows.values()):
        axis.plot([min(values), max(values)], [at, at], ":", color="0.6", zorder=0)
        for number, (value, label) in enumerate(zip(values, labels, strict=True)):
            look = (
                {"color": "black", "mfc": "white", "ms": 9} if not number else {"color": COLOURS[number - 1], "ms": 6}
            )
            axis.plot(value, at, MARKS[number % len(MARKS)], label=None if at else label, **look)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set(xscale="log" if log else "linear", xlabel=x)
    axis.grid(alpha=0.3, axis="x")
    figure.legend(loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    told = [f"{name} {' to '.join(f'{v:.2g}' for v in values)}" for name, values in rows.items()]
    return finish(
        figure, title or f"From {told[0]} up to {told[-1]}", f"Marks in rows, {listed(labels)}: {listed(told)}."
    )


def stacked(shares: Mapping[object, Mapping[str, float]], *, of: str, y: str, title: str | None = None) -> Figure:
    """A column for each moment, with a part for each name.

    Args:
        shares: by moment, and there by name; a name that begins with "content" is hatched.
        of: what the moments are.
        y: what the shares are of.
        title: in place of the finding.
    """
    import matplotlib

    shares = {moment: dict(row) for moment, row in by_name(shares, "share").items()}
    names = list(dict.fromkeys(name for row in shares.values() for name in row))
    figure, axes = new(4.2)
    axis, bottom = axes[0, 0], np.zeros(len(shares))
    for number, name in enumerate(names):
        sizes = np.array([float(row.get(name, 0.0)) for row in shares.values()])
        first = name.startswith("content")
        colour = COLOURS[1] if first else matplotlib.colormaps["viridis"](number / max(1, len(names) - 1))
        look = {"color": colour, "hatch": "//" if first else "", "edgecolor": "white"}
        axis.bar(range(len(shares)), sizes, bottom=bottom, label=name, **look)
        bottom += sizes
    axis.set_xticks(range(len(shares)), list(map(str, shares)))
    axis.set(xlabel=of, ylabel=y)
    figure.legend(loc="outside right center", frameon=False, fontsize=9, reverse=True)
    told = [f"{m}: " + listed(f"{n} {float(v):.0%}" for n, v in row.items()) for m, row in shares.items()]
    most = [max(row.items(), key=lambda entry: float(entry[1]))[0] for row in shares.values()]
    finding = f"From first to last the most is {listed(dict.fromkeys(most))}"
    return finish(figure, title or finding, f"Stacked columns, {y} by {of}. {'; '.join(told)}.")


def compromise(
    distances: Mapping[float, tuple[float, float]],
    alpha: float,
    *,
    chosen: float,
    picture: Any,
    title: str | None = None,
) -> Figure:
    """Where runs with several style weights ended, style against content, and the price of the chosen one beside it.

    Args:
        distances: by style weight β, the unweighted distances (content, style) at the end of its run.
        alpha: the content weight of all.
        chosen: the β whose slope -α/β is drawn.
        picture: of that run, in any form that `pictures` takes.
        title: in place of the finding.
    """
    found = {float(b): (float(c), float(s)) for b, (c, s) in distances.items()}
    need(float(chosen) in found, f"β = {chosen:g} is none of the runs: choose one of {listed(f'{b:g}' for b in found)}")
    figure, axes = new(4.2, 1, 2, width_ratios=(3, 2))
    (left, right), (c, s) = axes[0], found[float(chosen)]
    left.imshow(pixels(picture))
    left.set_axis_off()
    right.plot(*zip(*found.values(), strict=True), "o-", color=COLOURS[0], linewidth=0.8)
    for b, (content, style) in found.items():
        right.annotate(f"β = {b:g}", (content, style), (5, 5), textcoords="offset points", fontsize=9)
    slope, top = alpha / float(chosen), max(style for _, style in found.values())
    half = min(0.2, 0.5 * top / slope)
    right.plot([c - half, c + half], [s + half * slope, s - half * slope], "--", color=COLOURS[1], linewidth=2)
    right.plot(c, s, "o", color=COLOURS[1], markersize=11)
    right.set(xlabel="content distance", ylabel="style distance", ylim=(-0.08 * top, 1.15 * top))
    right.margins(x=0.25)
    right.grid(alpha=0.3)
    finding = f"β = {chosen:g}: one unit of content is worth α/β = {slope:.2g} units of style"
    return finish(
        figure, title or finding, f"A picture, and its place on a falling curve: content {c:.2f}, style {s:.3f}."
    )
