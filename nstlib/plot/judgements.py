"""What judges said of pictures → style against content, each picture a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .figures import COLOURS, finish, listed, new

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..judges import Judgement

__all__ = ["judged"]

MARKS = "osD^vP*X"


def judged(judgement: Judgement, *, title: str | None = None) -> Figure:
    """A chart for each judge: how much of the style has come over, against how much of the content was given for it.

    Args:
        judgement: what `judge` returned.
        title: in place of the finding.
    """
    judges = list(judgement.pictures[0].opinions)
    figure, axes = new(3.9, 1, len(judges), sharey=True)
    for axis, judge in zip(axes.flat, judges, strict=True):
        for number, picture in enumerate(judgement.pictures):
            seen = picture.opinions[judge]
            colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
            axis.plot(seen.content, seen.style, mark, color=colour, markersize=9, label=picture.name)
        axis.annotate("better", (0.03, 0.97), (0.22, 0.8), "axes fraction", arrowprops={"arrowstyle": "->"})
        axis.set(xlabel="content distance ‖ΔF‖² / ‖F‖²", title=f"judged by {judge}")
        axis.set_xlim(0, max(1.0, axis.get_xlim()[1]))
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("share of the style distance gone")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    most = {judge: leader(judgement, judge) for judge in judges}
    told = f"Most style: {listed(dict.fromkeys(most.values()))}" + (
        f", by all {len(judges)} judges" if len(set(most.values())) == 1 < len(judges) else ""
    )
    every = "; ".join(
        f"{p.name} by {j}: style {o.style:.2f}, content {o.content:.2f}"
        for p in judgement.pictures
        for j, o in p.opinions.items()
    )
    return finish(figure, title or told, f"Points, style gone against content distance. {every}.")


def leader(judgement: Judgement, judge: str) -> str:
    """The name of the picture over which most of the style has come, by a judge."""
    return max(judgement.pictures, key=lambda picture: picture.opinions[judge].style).name
