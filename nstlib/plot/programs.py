"""The parts of a style transfer → one figure of what calls what, and whose code each part is."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from .figures import COLOURS, finish, listed, new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PARTS", "program"]

# name: (left, bottom, width, height, text); a learner writes the first five
PARTS = {
    "targets": (2.0, 3.1, 1.5, 0.8, "targets\nonce"),
    "content_loss": (6.3, 3.5, 1.7, 0.7, "content_loss"),
    "style_loss": (6.3, 2.5, 1.7, 0.7, "style_loss"),
    "closure": (6.3, 0.9, 1.7, 0.8, "closure\nloss and gradient"),
    "paint": (3.3, 0.9, 1.9, 0.8, "paint\nthe loop"),
}
GIVEN = {
    "photograph": (0.1, 3.6, 1.3, 0.6, "photograph p"),
    "painting": (0.1, 2.7, 1.3, 0.6, "painting a"),
    "picture": (0.1, 0.9, 1.3, 0.8, "picture x"),
    "network": (2.0, 1.9, 1.5, 0.6, "network"),
}
ARROWS = (  # from, to, what travels, where along the way that is written, how far the arrow bends
    ((1.4, 3.9), (2.0, 3.65), "", 0.5, 0),
    ((1.4, 3.0), (2.0, 3.35), "", 0.5, 0),
    ((2.75, 2.5), (2.75, 3.1), "", 0.5, 0),
    ((3.5, 3.75), (6.3, 4.0), "P, maps of the photograph", 0.5, 0),
    ((3.5, 3.4), (6.3, 3.05), "A, Gram matrices", 0.42, 0),
    ((0.75, 1.7), (2.0, 2.2), "", 0.5, -0.2),
    ((3.5, 2.3), (6.3, 3.65), "", 0.5, 0),
    ((3.5, 2.1), (6.3, 2.7), "F, maps of x", 0.4, 0),
    ((8.0, 3.85), (8.0, 1.4), "α", 0.5, -0.35),
    ((6.9, 2.5), (6.9, 1.7), "β", 0.62, 0),
    ((6.3, 1.3), (5.2, 1.3), "gradient", 0.5, 0),
    ((3.3, 1.3), (1.4, 1.3), "a step", 0.5, 0),
)


def program(yours: Collection[str] = (), *, title: str | None = None) -> Figure:
    """The five functions of lesson 07, what they are given and what they hand on.

    Args:
        yours: names of those that the learner wrote; the others are the library's.
        title: in place of the finding.
    """
    figure, axes = new(4.4)
    axis = axes[0, 0]
    axis.set(xlim=(0, 8.6), ylim=(0.6, 4.4))
    axis.set_axis_off()
    for name, (left, bottom, width, height, text) in (PARTS | GIVEN).items():
        own = name in yours
        box(axis, (left, bottom, width, height), text, given=name in GIVEN, own=own)
    for start, end, told, along, bend in ARROWS:
        drawn = {"arrowstyle": "-|>", "color": "#444444", "shrinkA": 1, "shrinkB": 1}
        axis.annotate("", end, start, arrowprops=drawn | {"connectionstyle": f"arc3,rad={bend}"})
        (x, y), (dx, dy) = start, (end[0] - start[0], end[1] - start[1])
        beside = (0.42 * (bend < -0.3) + 0.12 * (dx == 0), 0.1 * (dx != 0))
        place = (x + along * dx + beside[0], y + along * dy + beside[1])
        axis.text(*place, told, ha="center", va="bottom", fontsize=9, color="#444444")
    written = [name for name in PARTS if name in yours]
    some = f"{len(written)} of the five parts {'is' if len(written) == 1 else 'are'} yours"
    found = "All five parts are yours" if len(written) == len(PARTS) else some if written else "Five parts to write"
    whose = f"Yours: {listed(written) or 'none yet'}. "
    alt = (
        f"A diagram of the program. {whose}targets takes photograph and painting and hands P to content_loss and A to "
        "style_loss. The picture x goes through the network, whose maps F reach both losses. Weighed by α and β they "
        "reach closure, whose slope paint uses for a step of x."
    )
    return finish(figure, title or found, alt)


def box(axis: Axes, place: tuple[float, float, float, float], text: str, *, given: bool, own: bool) -> None:
    """One part: grey where it is given, with a thick coloured edge where the learner wrote it."""
    from matplotlib.patches import FancyBboxPatch

    left, bottom, width, height = place
    edge = COLOURS[1] if own else COLOURS[0]
    axis.add_patch(
        FancyBboxPatch(
            (left, bottom),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#eeeeee" if given else "#fdeee2" if own else "white",
            edgecolor="#777777" if given else edge,
            linewidth=1 if given else 2.5 if own else 1.5,
            linestyle="-" if given or own else "--",
        )
    )
    mark = "\nyours" if own else ""
    axis.text(left + width / 2, bottom + height / 2, text + mark, ha="center", va="center", fontsize=10)
