"""A shelf of finished pictures → a gallery on the page: choose one or two, restore, download, show as code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..errors import InputError
from ..files import spoken_name
from ..recipe import Recipe
from ..result import duration, read_facts
from ..widget.spoken import spoken
from . import drawing
from .choices import Choices
from .easel import Side, picture, side_of
from .parts import button, marked, row
from .picker import Picker
from .shelf import Shelf

__all__ = ["Finished"]

PLAIN = Recipe().color  # of what everybody paints, so it need not be said
SHOWN = 60  # of the finished pictures, the newest


class Finished:
    """The gallery, and what can be done with what is chosen in it.

    Args:
        shelf: of the pictures.
        compared: is called after a person's choice.
        restored: takes the choices by which a picture was painted, and says how many styles of it are chosen.
        seen: whether a picture stands on the easel.
    """

    def __init__(
        self,
        shelf: Shelf,
        compared: Callable[[], None],
        restored: Callable[[Choices], int],
        seen: Callable[[Path], bool],
    ):
        from ipywidgets import HTML, ToggleButton

        self.shelf, self.compared, self.take = shelf, compared, restored
        options: dict[str, Any] = {"most": 2, "least": 0, "frame": "nst-gallery", "label": 64, "words": self.caption}
        options |= {"changed": self.pressed, "failed": self.say, "seen": lambda name: seen(Path(name))}
        self.gallery = Picker((), "finished picture", **options)
        self.title, self.note = HTML(), spoken("nst-note")
        self.restore = button("Restore its settings", "nst-restore", self.restored, self.say)
        self.link, self.facts = HTML(), marked("nst-facts-box", HTML)
        self.show_code = marked("nst-show-code", ToggleButton, False, description="Show as code")
        self.code = marked("nst-code", HTML)
        self.code.layout.display = "none"
        self.show_code.observe(lambda _: self.open_code(), "value")
        self.look()
        self.follow()

    @property
    def boxes(self) -> list[Any]:
        """Where all this stands, from top to bottom."""
        buttons = row(self.restore, self.link, self.show_code)
        return [self.title, self.gallery.box, buttons, self.note, self.facts, self.code]

    @property
    def chosen(self) -> list[Path]:
        """The files that are chosen, none to two, the one that was chosen last at the end."""
        return [Path(name) for name in self.gallery.chosen]

    def caption(self, name: str) -> str:
        """What stands under a thumbnail.

        Args:
            name: of the picture's file.
        """
        return self.shelf.title(Path(name), brief=True)

    def pressed(self) -> None:
        """A person has chosen: tell of it."""
        self.follow()
        self.compared()

    def look(self) -> None:
        """Show what there is in the folder, after what hangs here and could not be kept there."""
        elsewhere = [name for name in self.gallery.buttons if Path(name).parent != self.shelf.folder]
        self.hang([*filter(os.path.isfile, elsewhere), *map(str, self.shelf.painted())])

    def hang(self, names: Sequence[str]) -> None:
        """Show as many pictures as there is room for, and say so where the folder has more.

        Args:
            names: of their files, the newest first.
        """
        self.gallery.show(names[:SHOWN])
        count = len(self.shelf.painted())
        some = f"the newest {SHOWN} of {count} in " if count > SHOWN else ""
        folder = drawing.escape(f"{self.shelf.folder}/")
        self.title.value = f"<h2>Gallery: {some}the folder {folder}; choose one, or two to compare</h2>"

    def add(self, path: Path) -> None:
        """Hang up one more picture, before all others, and choose it alone.

        Args:
            path: of its file.
        """
        self.hang([str(path), *self.gallery.buttons])
        self.gallery.choose([str(path)])
        self.follow()
        self.show_chosen_as_code()

    def follow(self) -> None:
        """Let what is said follow what is chosen; what is gone from the folder makes room for what was not seen."""
        gone = [name for name in self.gallery.buttons if not Path(name).is_file()]
        if gone:
            self.look()
        chosen = self.chosen
        self.restore.disabled = not chosen
        self.link.value = drawing.download(chosen[-1]) if chosen else ""
        self.facts.value = drawing.facts(map(self.told, chosen))
        names = shorten(", ".join(map(os.path.basename, gone)), 200, placeholder=" …")
        self.say(f"No longer in the folder, so left out here: {names}" if gone else "")

    def restored(self) -> None:
        """Hand over what the picture that was chosen last was painted by."""
        path = self.chosen[-1]
        if not path.is_file():
            self.pressed()  # which says so
            return
        choices = Choices.of(self.shelf.facts(path) or read_facts(path))  # which says why there are none
        words = f"All controls above are as they were for {path.name}"
        if left := choices.styles[self.take(choices) :]:
            words += f", but for styles that are too many here: {', '.join(map(spoken_name, left))}"
        self.say(words)

    def open_code(self) -> None:
        """Let the code be seen, or not, as its button says."""
        self.code.layout.display = "block" if self.show_code.value else "none"

    def say(self, words: str) -> None:
        """Tell the person something, beside the buttons.

        Args:
            words: what.
        """
        self.note.value = drawing.told(words)

    def show_as_code(self, choices: Choices, what: str = "What the controls say") -> None:
        """Make code of choices, which is seen while its button is pressed.

        Args:
            choices: what would be painted.
            what: this is, in words.
        """
        output = f"{choices.stem}.png"
        code = drawing.code_block(f"{what}, in a notebook", choices.code(output))
        self.code.value = code + drawing.code_block(f"{what}, in a terminal", choices.command(output))

    def show_chosen_as_code(self) -> None:
        """Make code of the picture that was chosen last."""
        path = self.chosen[-1]
        try:
            self.show_as_code(Choices.of(self.shelf.facts(path) or {}), f"How {path.name} was painted")
        except InputError as error:
            self.code.value = drawing.told(f"No code for {path.name}: {error}")

    def sides(self) -> tuple[Side | None, Side | None]:
        """What is chosen, as the easel shows it: one beside its content, or two beside each other."""
        sides = [(picture(path), self.shelf.title(path, brief=True)) for path in self.chosen]
        if len(sides) == 2:
            return sides[0], sides[1]
        return self.content_of(self.chosen[0]), sides[0]

    def content_of(self, path: Path) -> Side | None:
        """The content of a finished picture, if it can still be had.

        Args:
            path: of the picture.
        """
        return side_of((self.shelf.facts(path) or {}).get("content"))

    def told(self, path: Path) -> list[str]:
        """Facts of a finished picture.

        Args:
            path: of it.
        """
        facts = self.shelf.facts(path) or {}
        recipe, styles = facts.get("recipe") or {}, [spoken_name(str(name)) for name in facts.get("styles") or ()]
        color, content = recipe.get("color", PLAIN), facts.get("content")
        return [
            path.name,
            " × ".join(filter(None, (spoken_name(content) if content else "a texture", " + ".join(styles)))),
            f"recipe {recipe.get('name')} on {recipe.get('backbone')}",
            f"size {recipe.get('size')}, style weight {number_in(recipe, 'style_weight'):g}",
            *([f"colours: {color}"] if color != PLAIN else []),
            *regions(facts, styles),
            f"painted in {duration(number_in(facts, 'seconds'))}, loss {number_in(facts, 'loss'):.3g}",
        ]


def number_in(facts: Mapping[str, Any], name: str) -> float:
    """A number of a picture's facts; 0 where they have none, since others' programs may have written them.

    Args:
        facts: of the picture.
        name: of the fact.
    """
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def regions(facts: Mapping[str, Any], styles: Sequence[str]) -> Iterator[str]:
    """Where a picture's styles paint, what of them is style, and what they give, in words.

    Args:
        facts: of the picture.
        styles: what they are called.
    """
    for name, words in (("masks", "where {} paints"), ("style_masks", "what of {} is style")):
        for style, mask in zip(styles, facts.get(name) or (), strict=False):
            if mask:
                yield f"{words.format(style)}: {mask}"
    with suppress(InputError, KeyError):
        for style, part in zip(styles, Choices.of(facts).gives, strict=False):
            if part:
                yield f"{style} gives {part} alone"
