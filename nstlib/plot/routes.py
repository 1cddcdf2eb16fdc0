"""The lessons of a course, and a short way through them → a map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .figures import COLOURS, finish, listed, need, new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["routes"]

SHORT, LONG = COLOURS[0], "#767676"
LANES = (0.0, 0.75)  # where the stations of the short way stand, and the others


def routes(lessons: Mapping[str, tuple[str, int]], fast: Sequence[str], title: str | None = None) -> Figure:
    """A map of two ways through a course, downwards: the short one straight, and all lessons with its detours.

    Args:
        lessons: by number, in reading order: title and minutes.
        fast: the numbers on the short way, in the same order.
        title: in place of the sentence with both sums of hours.

    Raises:
        InputError: a number on the short way that is no lesson's.
    """
    need(all(number in lessons for number in fast), f"the short way {list(fast)} names a lesson that is not there")
    places = {number: (LANES[number not in fast], -float(k)) for k, number in enumerate(lessons)}
    figure, axes = new(0.36 * len(lessons) + 0.7, width=6.0)
    axis = axes[0, 0]
    axis.plot(*zip(*places.values(), strict=True), color=LONG, linewidth=1.5, linestyle="--", zorder=1)
    axis.plot(*zip(*(places[n] for n in fast), strict=True), color=SHORT, linewidth=7, alpha=0.35, zorder=1)
    for number, (name, minutes) in lessons.items():
        draw_station(axis, places[number], number, f"{name}, {minutes} min", number in fast)
    axis.set(xlim=(-0.6, 5.6), ylim=(-len(lessons) + 0.4, 0.6))
    axis.axis("off")
    short, whole = (hours(lessons[n][1] for n in way) for way in (fast, lessons))
    words = title or f"Two ways: straight down {short}, with every detour {whole}"
    named = listed(f"{n} {name}, {minutes} min" for n, (name, minutes) in lessons.items())
    told = f"{named}. The short way: {' → '.join(fast)}."
    return finish(figure, words, f"A map of {len(lessons)} lessons: {told} {words}.")


def draw_station(axis: Axes, at: tuple[float, float], number: str, words: str, on_short: bool) -> None:
    """A station, its number, and its name beside it.

    Args:
        axis: to draw on.
        at: where.
        number: of the lesson.
        words: its name.
        on_short: whether it is on the short way.
    """
    width = 3 if on_short else 1.5
    axis.scatter(*at, s=430, color="white", edgecolor=SHORT if on_short else LONG, linewidth=width, zorder=2)
    axis.text(*at, number if len(number) < 4 else "+", ha="center", va="center", fontsize=9.5, weight="bold", zorder=3)
    axis.text(1.25, at[1], words, ha="left", va="center", fontsize=11, weight="bold" if on_short else "normal")


def hours(minutes: Iterable[int]) -> str:
    """A sum of minutes, in words."""
    total = sum(minutes)
    return f"{total} minutes" if total < 90 else f"{total / 60:.0f} hours"
