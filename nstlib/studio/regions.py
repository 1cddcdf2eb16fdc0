"""Where each style paints, and what of it is style → menus, edges in percent, or an uploaded mask (ipywidgets)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import starmap
from typing import Any

from ..files import spoken_name
from ..image import load_image
from ..inputs import ALPHA, REST, is_file
from ..regions import SHAPES, Region, is_region
from ..uploads import REGIONS, keep_upload, own_pictures
from ..widget.bring import Bring
from . import drawing
from .choices import FORMS, STROKES
from .parts import extend, marked, named, row

__all__ = ["Part", "Regions"]

FIRST = Region("ellipse", 20, 20, 80, 80, 5)  # what a shape is before anybody moved its edges
WHOLE = ""  # what a menu says for no region: to ipywidgets, None is nothing chosen
EDGES = ("left", "top", "right", "bottom", "soft")
HELP = (
    "Edges are in percent of the picture, and soft is how wide an edge fades. "
    "A mask is a picture of the same shape, white where the region is; it cannot be drawn here, but in any program "
    "for painting. Strokes are what the shallower half of the style layers sees, forms what the deeper half does."
)
GIVES = (("strokes and forms", WHOLE), ("strokes alone", STROKES), ("forms alone", FORMS))

Masks = tuple[str | None, ...]  # one for each style, or none at all


class Part:
    """One region to choose: a menu, and the edges of a shape.

    Args:
        words: the menu's label.
        others: what the menu offers beside shapes and masks: words, and what they stand for.
        changed: is called after a person's change.
    """

    def __init__(self, words: str, others: Sequence[tuple[str, str]], changed: Callable[..., None]):
        from ipywidgets import BoundedFloatText, Box, Dropdown, VBox

        files = [(spoken_name(path), path) for path in own_pictures(REGIONS)]
        options = [others[0], *((f"an {one}" if one[0] in "aeio" else f"a {one}", one) for one in SHAPES)]
        self.menu = Dropdown(options=[*options, *others[1:], *files], value=WHOLE, **named(words, "initial"))
        self.edges = {
            name: BoundedFloatText(getattr(FIRST, name), min=0, max=100, **named(name, "initial")) for name in EDGES
        }
        self.numbers = marked("nst-edges", Box, list(self.edges.values()))
        self.box = VBox([self.menu, self.numbers])
        for control in (self.menu, *self.edges.values()):
            control.observe(changed, "value")
        self.menu.observe(self.follow, "value")
        self.follow()

    def follow(self, _: object = None) -> None:
        """Show the edges where there are any."""
        self.numbers.layout.display = "grid" if self.menu.value in SHAPES else "none"

    @property
    def value(self) -> str | None:
        """The region as `Settings.masks` has it."""
        if self.menu.value not in SHAPES:
            return self.menu.value or None
        left, top, right, bottom, soft = (control.value for control in self.edges.values())
        edges = f"{self.menu.value} {left:g} {top:g} {right:g} {bottom:g}"
        return f"{edges} soft {soft:g}" if soft else edges  # perhaps no region yet: the forecast says why

    def offer(self, mask: str) -> None:
        """Let the menu have a mask.

        Args:
            mask: the name of its picture.
        """
        extend(self.menu, spoken_name(mask), mask)

    def show(self, value: str | None) -> None:
        """Set the menu and the edges.

        Args:
            value: as `Settings.masks` has it.

        Raises:
            InputError: the words of no region.
        """
        if value is None or not is_region(value):
            if value is not None:
                self.offer(value)
            self.menu.value = value or WHOLE
            return
        region = Region.of(value)
        self.menu.value = region.shape
        for name, control in self.edges.items():
            control.value = getattr(region, name)


class Regions:
    """For each style two regions, of the result and of the style picture, and what it gives.

    Args:
        count: of styles at most.
        changed: is called after a person's change.
        said: takes words for the person.
        failed: takes other words, of what went wrong.
        quietly: a context in which nothing is taken for a person's change.
    """

    def __init__(
        self,
        count: int,
        changed: Callable[..., None],
        said: Callable[[str], None],
        failed: Callable[[str], None],
        quietly: Callable[[], AbstractContextManager[None]],
    ):
        from ipywidgets import HTML, Dropdown, ToggleButton, VBox

        self.quietly, self.styles = quietly, ("",) * count
        where = [("everywhere", WHOLE), ("where the others do not", REST), ("where the content is opaque", ALPHA)]
        self.where = [Part("paints", where, changed) for _ in range(count)]
        self.which = [Part("takes", [("all of it", WHOLE), ("what is opaque", ALPHA)], changed) for _ in range(count)]
        self.gives = [Dropdown(options=GIVES, value=WHOLE, **named("gives", "initial")) for _ in range(count)]
        for menu in self.gives:
            menu.observe(changed, "value")
        self.names = [marked("nst-region-of", HTML) for _ in range(count)]
        parts = zip(self.names, self.where, self.which, self.gives, strict=True)
        self.rows = [
            marked("nst-region", VBox, [name, one.box, two.box, VBox([menu])]) for name, one, two, menu in parts
        ]
        self.bring = Bring("Upload a mask", self.brought, failed, said, keep=keep_region)
        bring = marked("nst-bring", VBox, [row(*self.bring.parts)])
        self.frame = marked("nst-regions", VBox, [*self.rows, bring, marked("nst-help", HTML, HELP)])
        self.opened = marked("nst-regions-button", ToggleButton, False, description="Regions and strokes of each style")
        self.opened.observe(self.follow, "value")
        self.follow()

    @property
    def boxes(self) -> list[Any]:
        """Where they stand, from top to bottom."""
        return [row(self.opened), self.frame]

    def follow(self, _: object = None) -> None:
        """Show what belongs to the styles that are chosen, if the person wants to see it."""
        self.frame.layout.display = "flex" if self.opened.value else "none"
        for number, (name, one) in enumerate(zip(self.names, self.rows, strict=True)):
            there = number < len(self.styles)
            one.layout.display = "flex" if there else "none"
            if there:
                name.value = drawing.swatch(number, spoken_name(self.styles[number]))

    def values(self) -> tuple[Masks, Masks, tuple[str, ...]]:
        """Where each style paints, what of each is style, what it gives; empty if that is everywhere, all, or both."""
        kinds: tuple[Sequence[Any], ...] = (self.where, self.which, self.gives)
        where, which, gives = (tuple(one.value for one in kind[: len(self.styles)]) for kind in kinds)
        return where if any(where) else (), which if any(which) else (), gives if any(gives) else ()

    def meet(self, styles: tuple[str, ...]) -> None:
        """Let other styles be chosen: each that stays keeps its regions.

        Args:
            styles: their names.
        """
        if styles == self.styles:
            return
        parts = zip(self.styles, self.where, self.which, self.gives, strict=False)
        known = {style: tuple(one.value for one in three) for style, *three in parts}
        where, which, gives = zip(*(known.get(style, (None, None, WHOLE)) for style in styles), strict=True)
        self.show(styles, where, which, gives)

    def show(self, styles: tuple[str, ...], masks: Masks, style_masks: Masks, gives: tuple[str, ...]) -> None:
        """Set all of them.

        Args:
            styles: the names of the styles.
            masks: where each paints, or empty.
            style_masks: what of each is style, or empty.
            gives: what each gives, or empty.
        """
        self.styles = styles
        for number, menu in enumerate(self.gives):
            menu.value = gives[number] if number < len(gives) else WHOLE
        for parts, given in ((self.where, masks), (self.which, style_masks)):
            for number, part in enumerate(parts):
                part.show(given[number] if number < len(given) else None)
        self.opened.value = self.opened.value or any((*masks, *style_masks, *gives))
        self.follow()

    def brought(self, kept: Mapping[str, str]) -> str:
        """Offer uploaded masks, and let the first style paint in each that has no region yet.

        Args:
            kept: the names of their pictures, and what their owner calls them.

        Returns:
            What there is to say of them.
        """
        return ". ".join(starmap(self.brought_one, kept.items()))

    def brought_one(self, kept: str, name: str) -> str:
        """The same for one.

        Args:
            kept: the name of its picture.
            name: what its owner calls it.
        """
        with self.quietly():
            for part in (*self.where, *self.which):
                part.offer(kept)
        free = [number for number in range(len(self.styles)) if self.where[number].value is None]
        if not free:
            return f"{name} is kept as a mask: choose it in a menu, since every style has a region"
        self.where[free[0]].menu.value = kept
        return f"{name} is kept as a mask: {spoken_name(self.styles[free[0]])} paints where it is white"


def keep_region(name: str, data: bytes) -> str:
    """Keep an uploaded mask apart from the pictures, see `keep_upload`."""
    return keep_upload(name, data, REGIONS)


def check(masks: Masks) -> None:
    """Refuse masks that cannot be read.

    Args:
        masks: of the settings.

    Raises:
        InputError: a picture that is not there, or the words of no region.
    """
    for mask in masks:
        if mask is not None and is_region(mask):
            Region.of(mask)
        elif mask is not None and is_file(mask):
            load_image(mask, 1)
