"""The names of pictures → buttons that show them, of which one or a few are chosen (ipywidgets)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ..errors import InputError
from ..files import encoded, spoken_name, written
from ..gallery import shown
from .drawing import LABEL, THUMB, thumb_style
from .easel import picture
from .parts import guarded

if TYPE_CHECKING:
    from ipywidgets import Button, VBox

__all__ = ["Picker"]


class Picker:
    """A box of thumbnails.

    Args:
        names: of the pictures, as `load_image` takes them.
        kind: of pictures, a word for whoever hears the buttons read out.
        most: how many may be chosen; the one that was chosen first makes room for another.
        least: how many must be.
        changed: is called after a person's choice, not after `choose`.
        failed: takes words for the person, where a choice went wrong.
        seen: whether a picture that is chosen is seen somewhere; where it is not, a click shows it again.
        words: what a picture is called under its thumbnail.
        frame: the class of the box, for the style sheet.
        label: pixels at the foot of each picture that are dark under its name.
    """

    def __init__(
        self,
        names: Iterable[str],
        kind: str,
        *,
        most: int = 1,
        least: int = 1,
        changed: Callable[[], None],
        failed: Callable[[str], None],
        seen: Callable[[str], bool] = lambda name: True,
        words: Callable[[str], str] = spoken_name,
        frame: str = "nst-thumbs",
        label: int = LABEL,
    ):
        from ipywidgets import HTML, Box, VBox

        self.kind, self.most, self.least, self.changed = kind, most, least, changed
        self.failed, self.seen, self.words, self.label = failed, seen, words, label
        self.buttons: dict[str, Button] = {}
        self.rules: dict[str, str] = {}
        self.times: dict[str, int] = {}  # at which the files were written that the rules show
        self.chosen: tuple[str, ...] = ()
        self.sheet, self.over, self.frame = HTML(), HTML(), Box()
        for sheet in (self.sheet, self.over):
            sheet.add_class("nst-hidden")
        self.frame.add_class(frame)
        self.box: VBox = VBox([self.sheet, self.over, self.frame])
        self.show(names)

    def show(self, names: Iterable[str]) -> None:
        """Show these pictures, in this order, and forget others; those that cannot be read are left out.

        A picture under a name that another had is seen itself.

        Args:
            names: of all of them.
        """
        before, self.buttons = self.buttons, {}
        for name in names:
            if self.draw(name):
                self.buttons[name] = before.get(name) or self.buttons.get(name) or self.button(name)
        self.rules = {name: self.rules[name] for name in self.buttons}
        self.sheet.value = f"<style>{''.join(self.rules.values())}</style>"
        self.frame.children = tuple(self.buttons.values())
        for name, button in before.items():
            if name not in self.buttons:
                button.close()
        self.choose(name for name in self.chosen if name in self.buttons)

    def draw(self, name: str) -> bool:
        """Write the rule by which a picture's button shows it, unless the one that there is shows just this file.

        Returns:
            Whether there is one: a picture that cannot be read has none, or keeps the one that it had.
        """
        time = written(Path(name))  # 0 of a picture of the kit, which stays as it is
        if name not in self.rules or self.times[name] != time:
            try:
                image = thumbnail(name)
            except InputError:
                return name in self.rules
            self.rules[name], self.times[name] = thumb_style(self.look(name), image, self.label), time
        return True

    def button(self, name: str) -> Button:
        """A button for a picture."""
        from ipywidgets import Button

        made = Button(description=self.words(name), tooltip=f"{self.kind} {shown(name)}")
        for one in ("nst-thumb", self.look(name)):
            made.add_class(one)
        made.on_click(guarded(partial(self.press, name), self.failed))
        return made

    def captions(self) -> dict[str, str]:
        """What each picture is called: with its file's ending, or by the file's whole name, where others are too."""
        made = {name: self.words(name) for name in self.buttons}
        longer: tuple[Callable[[str], str], ...] = (
            lambda name: f"{made[name]}{Path(name).suffix}",
            lambda name: shown(Path(name).name),
        )
        for other in longer:
            taken = Counter(made.values())
            made = {name: other(name) if taken[words] > 1 else words for name, words in made.items()}
        return made

    def cover(self, masks: Mapping[str, Sequence[str | None]]) -> None:
        """Show where styles paint on some pictures, and all others as they are.

        Args:
            masks: by the picture's name, for each style; those that do not fit are not shown.
        """
        rules = []
        for name, regions in masks.items():
            with suppress(InputError):
                rules.append(thumb_style(self.look(name), thumbnail(name, regions), self.label))
        self.over.value = f"<style>{''.join(rules)}</style>"

    def look(self, name: str) -> str:
        """The class of a picture's button."""
        return f"nst-t{hashlib.sha1(encoded(f'{self.kind} {name}')).hexdigest()[:10]}"

    def press(self, name: str) -> None:
        """What a person's click does: choose it, or choose it no longer.

        Args:
            name: of the picture.
        """
        left = tuple(one for one in self.chosen if one != name)
        if name not in self.chosen or not self.seen(name):
            left = (*left, name)[-self.most :]
        if len(left) >= self.least:
            self.choose(left)
            self.changed()

    def add(self, names: Sequence[str]) -> None:
        """Show more pictures, before all others, and choose as many as may be: in place of one, beside several.

        Args:
            names: of the pictures.

        Raises:
            InputError: one cannot be read.
        """
        self.show([*self.check(names), *self.buttons])
        others = [one for one in self.chosen if one not in names] if len(self.chosen) > 1 else []
        self.choose((*others, *names[: self.most])[-self.most :])

    def check(self, names: Iterable[str]) -> list[str]:
        """Those that are not shown yet.

        Args:
            names: of pictures.

        Raises:
            InputError: one of them cannot be read.
        """
        missing = [name for name in names if name not in self.buttons]
        for name in missing:
            thumbnail(name)
        return missing

    def choose(self, names: Iterable[str]) -> None:
        """Choose exactly these; those that are not shown yet are added.

        Args:
            names: of the pictures.

        Raises:
            InputError: one cannot be read.
        """
        wanted = tuple(names)
        if missing := self.check(wanted):
            self.show([*missing, *self.buttons])
        self.chosen = wanted
        captions = self.captions()
        for name, button in self.buttons.items():
            mark, words = name in wanted, captions[name]
            button.description = f"✓ {words}" if mark else words
            (button.add_class if mark else button.remove_class)("nst-chosen")


def thumbnail(name: str, masks: Sequence[str | None] = ()) -> Image.Image:
    """A picture in small.

    Args:
        name: as `load_image` takes it.
        masks: see `picture`.
    """
    return picture(name, masks, size=THUMB, side="short")
