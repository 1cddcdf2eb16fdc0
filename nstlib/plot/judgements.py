"""What judges said of pictures → style against content, each picture a point."""

from __future__ import annotations

import textwrap
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from .figures import COLOURS, finish, listed, new

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..judges import Judgement

__all__ = ["judged"]

MARKS = "osD^vP*X"
NAME = 30  # characters of a line of the legend
LINE, AROUND = 0.22, 1.0  # inches of such a line, and of what is above and below them all
TIE = "a tie"


def judged(judgement: Judgement, *, title: str | None = None) -> Figure:
    """A chart for each judge: how much of the style has come over, against how much of the content was given for it.

    Args:
        judgement: what `judge` returned.
        title: in place of the finding.
    """
    judges = list(judgement.pictures[0].opinions)
    names = [textwrap.fill(picture.name, NAME) for picture in judgement.pictures]
    lines = sum(name.count("\n") + 1 for name in names)
    figure, axes = new(max(3.9, AROUND + LINE * lines), 1, len(judges), sharey=True)
    for axis, judge in zip(axes.flat, judges, strict=True):
        for number, (name, picture) in enumerate(zip(names, judgement.pictures, strict=True)):
            seen = picture.opinions[judge]
            colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
            look: dict[str, Any] = {"color": colour, "markersize": 9, "clip_on": False, "zorder": 3}  # whole on an axis
            axis.plot(seen.content, seen.style, mark, label=name, **look)
        axis.annotate("better", (0.03, 0.97), (0.22, 0.8), "axes fraction", arrowprops={"arrowstyle": "->"})
        axis.set(xlabel="content distance ‖ΔF‖² / ‖F‖²", title=f"judged by {judge}")
        axis.set_xlim(0, max(1.0, axis.get_xlim()[1]))
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("share of the style distance gone")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    most = {judge: leader(judgement, judge) for judge in judges}
    if len(set(most.values())) > 1:
        found = listed(f"{name} by {judge}" for judge, name in most.items())
    else:
        found = most[judges[0]] + (f", by all {len(judges)} judges" if len(judges) > 1 else "")
    every = "; ".join(
        f"{p.name} by {j}: style {o.style:.2f}, content {o.content:.2f}"
        for p in judgement.pictures
        for j, o in p.opinions.items()
    )
    return finish(figure, title or f"Most style: {found}", f"Points, style gone against content distance. {every}.")


def leader(judgement: Judgement, judge: str) -> str:
    """The name of the picture over which most of the style has come, by a judge; a tie if the table shows no other."""
    shares = [(round(picture.opinions[judge].style, 3), picture.name) for picture in judgement.pictures]
    most = max((share for share, _ in shares if isfinite(share)), default=nan)
    names = [name for share, name in shares if share == most]
    return names[0] if len(names) == 1 else TIE
