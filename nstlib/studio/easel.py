"""Two pictures, a run's history → what stands on the easel: both with a border that moves, the charts below."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..files import spoken_name
from ..image import load_image, to_pil
from ..inputs import load_masks
from ..result import Record
from . import drawing
from .parts import marked, named

__all__ = ["Easel", "Side", "Story", "picture", "side_of"]

Side = tuple[Image.Image, str]  # a picture on the easel, and what it is


@dataclass
class Story:
    """How a picture came about.

    Attributes:
        history: of its run.
        pulls: each kind's share of what pulls its pixels; empty before that was measured.
        after: so many evaluations that was measured.
    """

    history: Sequence[Record] = ()
    pulls: Mapping[str, float] = field(default_factory=dict)
    after: int = 0


class Easel:
    """A picture or two, and how the one to the right came about."""

    def __init__(self) -> None:
        from ipywidgets import HTML, IntSlider

        self.left: Side | None = None
        self.right: Side | None = None
        self.files: tuple[Path, ...] = ()  # those of finished pictures that are seen
        self.canvas, self.sides = marked("nst-easel", HTML), marked("nst-sides-box", HTML)
        self.chart = marked("nst-chart", HTML)
        options = {"min": 0, "max": 100, "readout": False, "continuous_update": True}
        self.wipe = marked("nst-wipe", IntSlider, 0, **options, **named("Before / after", "initial"))
        self.wipe.observe(lambda _: self.draw(), "value")
        self.tell("", Story())

    @property
    def boxes(self) -> list[Any]:
        """Where all this stands, from top to bottom."""
        return [self.canvas, self.wipe, self.sides, self.chart]

    def show(
        self, left: Side | None, right: Side | None, *, apart: bool | None = None, files: Sequence[Path] = ()
    ) -> None:
        """Lay pictures on the easel.

        Args:
            left: to the left of the border; None for none.
            right: to the right of it.
            apart: whether the border stands in the middle, or all the way to the left; None for where it is.
            files: of those that are finished.
        """
        self.left, self.right, self.files = left, right, tuple(files)
        border = {None: self.wipe.value, True: self.wipe.value or 50, False: 0}[apart]
        if border == self.wipe.value:
            self.draw()
        else:
            self.wipe.value = border  # which draws

    def draw(self) -> None:
        """Show both sides, with the border where the slider has it."""
        left, right = self.left, self.right
        if right is None:
            self.canvas.value = self.sides.value = ""
            return
        image, words = right
        if left is not None and self.wipe.value:
            image = drawing.wiped(left[0], image, self.wipe.value / 100)
            words = f"{left[1]} to the left, {words} to the right"
        self.canvas.value = drawing.easel(image, words)
        self.sides.value = drawing.sides(left[1] if left else "", right[1])

    def tell(self, name: str, story: Story) -> None:
        """Draw how a picture came about.

        Args:
            name: of the picture; "" before there is any.
            story: of it; without a history if that is not known.
        """
        self.chart.value = drawing.charts(name, story.history, story.pulls, story.after)


def picture(
    source: Any, masks: Sequence[str | None] = (), *, size: int = drawing.SHOWN, side: str = "long"
) -> Image.Image:
    """A picture as the easel shows it.

    Args:
        source: what `load_image` takes.
        masks: where each style paints, as `Settings` has it, which is then seen on it; empty for everywhere.
        size: pixels of its side, at most.
        side: which of them, "long" or "short".

    Raises:
        InputError: a picture or a mask that cannot be read, or does not fit.
    """
    shown = load_image(os.fspath(source), size, side=side)
    found = load_masks(masks or None, [shown] * len(masks))
    return drawing.tinted(to_pil(shown.pixels), [None if one is None else one[0, 0].numpy() for one in found])


def side_of(name: Any) -> Side | None:
    """A picture as it lies on the easel, if it can be had.

    Args:
        name: what `load_image` takes, as a recipe has it; None for none.
    """
    try:
        return picture(name), spoken_name(str(name))
    except (InputError, TypeError):
        return None
