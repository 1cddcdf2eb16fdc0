"""Names → a picture for each: one of the kit's, or the person's own by upload, used by the cells below.

What is uploaded becomes a file beside the notebook, so that it is there after a restart, and a recipe can name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import names_for, whole
from ..gallery import assets
from ..image import load_image, to_pil
from ..show import picture_html, words_html
from .controls import label, widgets
from .still import lay_over

__all__ = ["Chooser", "choose", "uploads"]

SIDE = 220  # pixels of a thumbnail
COLUMN = {"width": "48%", "min_width": "200px", "margin": "0 1% 8px 0"}
WIDE = {"width": "95%"}


def choose(**first: str) -> Chooser:
    """Pictures to choose, each from a menu of the kit's or by an upload of your own.

        yours = choose(content="content/harbour", style="style/brushstrokes")
        stylize(yours["content"], yours["style"])

    Args:
        first: by name, what stands until something else is chosen.

    Raises:
        InputError: ipywidgets is not installed, or there is no such picture.
    """
    widgets()
    return Chooser(first)


class Chooser:
    """Menus, upload buttons and what was chosen: `yours["content"]` is what `load_image` takes.

    Args:
        first: see `choose`.
    """

    def __init__(self, first: Mapping[str, str]) -> None:
        from ipywidgets import HBox

        self.chosen = dict(first)
        self.slots = {name: Slot(name, value, partial(self.chosen.__setitem__, name)) for name, value in first.items()}
        thumbnails = "".join(slot.thumbnail.value for slot in self.slots.values())
        self.still = f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{thumbnails}</div>'
        self.box = HBox([slot.box for slot in self.slots.values()], layout={"flex_flow": "row wrap"})
        self.box.add_class("nst-chooser")

    def __getitem__(self, name: str) -> str:
        return self.chosen[name]

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name} {value}" for name, value in self.chosen.items())
        return f"Pictures to choose or upload. Chosen: {chosen}. Run this cell to choose others."

    def _ipython_display_(self) -> None:
        lay_over(self.box, self.still, repr(self))


class Slot:
    """One picture to choose: a menu, an upload, a thumbnail, and words for what went wrong.

    Args:
        name: of what is chosen, for the label.
        value: what stands at first.
        chosen: is called with each picture that is chosen and can be read.
    """

    def __init__(self, name: str, value: str, chosen: Any) -> None:
        from ipywidgets import HTML, Dropdown, FileUpload, VBox

        self.name, self.chosen = name, chosen
        names = list(dict.fromkeys([value, *assets()]))
        self.menu = Dropdown(options=names, value=value, description=label(name).text, layout=WIDE)
        self.upload = FileUpload(accept="image/*", multiple=False, description=f"Upload your own {name}", layout=WIDE)
        self.thumbnail, self.words = HTML(self.look(value), layout={"min_height": f"{SIDE + 30}px"}), HTML()
        self.menu.observe(self.pick, "value")
        self.upload.observe(self.receive, "value")
        self.box = VBox([self.menu, self.upload, self.words, self.thumbnail], layout=COLUMN)
        for one, kind in ((self.menu, "menu"), (self.upload, "upload"), (self.words, "words")):
            one.add_class(f"nst-{name}-{kind}")

    def look(self, value: str) -> str:
        """A thumbnail.

        Args:
            value: what `load_image` takes.

        Raises:
            InputError: it cannot be read.
        """
        picture = load_image(value, SIDE)
        return picture_html(to_pil(picture.pixels), f"{self.name}: {picture.source}", Path(value).name)

    def pick(self, _: object = None) -> None:
        """Take what the menu says; if it cannot be read, what was chosen before stays, and words say why."""
        try:
            shown = self.look(self.menu.value)
        except InputError as error:
            self.words.value = words_html(str(error), wrong=True)
            return
        self.thumbnail.value, self.words.value = shown, ""
        self.chosen(self.menu.value)

    def receive(self, change: Mapping[str, Any]) -> None:
        """Take an upload: it becomes a file, an entry of the menu, and what is chosen.

        Args:
            change: what ipywidgets tells of the new value.
        """
        for name, data in uploads(change["new"]):
            try:
                load_image(data, SIDE)
                path = keep_upload(name, data)
            except InputError as error:
                told = str(error).replace("bytes", name, 1)
                self.words.value = words_html(f"{told}. {self.menu.value} is still chosen", wrong=True)
                continue
            if str(path) not in self.menu.options:
                self.menu.options = (str(path), *self.menu.options)
            self.menu.value = str(path)
            self.pick()


def uploads(value: Any) -> Iterable[tuple[str, bytes]]:
    """The name and the bytes of each file of an upload.

    Args:
        value: of a `FileUpload`: in ipywidgets 7 a mapping of names, in 8 a tuple.
    """
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, Mapping) else value
    return [(str(file["name"]), bytes(file["content"])) for file in files]


def keep_upload(name: str, data: bytes) -> Path:
    """Write an upload beside the notebook, under its name, never over another file.

    Args:
        name: as the browser has it.
        data: the file.

    Returns:
        The file, relative to the notebook's folder; one with the same bytes is taken as it is.

    Raises:
        InputError: it cannot be written there.
    """
    known = Path(re.split(r"[/\\]", name)[-1].lstrip(".") or "picture")
    for path in names_for(known):
        if path.is_file() and path.read_bytes() == data:
            return path
        if not path.exists():
            break
    try:
        with whole(path) as file:
            file.write(data)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"'{path}' cannot be kept in {Path.cwd()} ({reason}): make room there") from None
    return path
