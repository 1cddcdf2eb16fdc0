"""Names → a picture for each: one of the kit's, or the person's own by upload, used by the cells below.

What is uploaded becomes a file (see `uploads`), which the menus offer from then on. A cell that is run again shows what
was chosen by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ..errors import InputError
from ..files import spoken_name
from ..gallery import assets, shown
from ..image import load_image, to_pil
from ..show import picture_html, words_html
from ..uploads import own_pictures
from .bring import Bring
from .controls import label, widgets
from .spoken import spoken
from .still import lay_over

__all__ = ["Chooser", "choose"]

SIDE = 220  # pixels of a thumbnail
COLUMN = {"flex": "1 1 45%", "min_width": "240px", "max_width": "560px", "margin": "0 1% 8px 0"}
WIDE = {"width": "95%"}

chosen_before: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}  # by what a call of `choose` began with


def choose(**first: str) -> Chooser:
    """Pictures to choose, each from a menu of the kit's or by an upload of your own.

        yours = choose(content="content/harbour", style="style/brushstrokes")
        stylize(yours["content"], yours["style"])

    The same call again, when a cell is run once more, shows what was chosen by then.

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

        self.call = tuple(first.items())
        self.renew: Callable[[], None] = lambda: None  # draws the still figure, once it is shown
        self.chosen = dict(chosen_before.get(self.call, first))  # its own: another cell's menus say something else
        self.slots = {name: self.slot(name, value) for name, value in first.items()}
        self.box = HBox([slot.box for slot in self.slots.values()], layout={"flex_flow": "row wrap"})
        self.box.add_class("nst-chooser")

    @property
    def still(self) -> str:
        """The thumbnails side by side, as HTML."""
        thumbnails = "".join(slot.thumbnail.value for slot in self.slots.values())
        return f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{thumbnails}</div>'

    def slot(self, name: str, first: str) -> Slot:
        """Where a picture is chosen, with what stands there now; with the first one, if that cannot be read any more.

        Args:
            name: of the slot.
            first: what stood there at first.
        """
        try:
            return Slot(name, first, self.chosen[name], partial(self.take, name))
        except InputError:
            self.take(name, first)
            return Slot(name, first, first, partial(self.take, name))

    def take(self, name: str, value: str) -> None:
        """Keep what was chosen, for the cells below and for the same call when it is made again.

        Args:
            name: of the slot.
            value: what `load_image` takes.
        """
        self.chosen[name] = value
        chosen_before[self.call] = dict(self.chosen)
        self.renew()

    def __getitem__(self, name: str) -> str:
        return self.chosen[name]

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name} {shown(value)}" for name, value in self.chosen.items())
        return f"Pictures to choose or upload. Chosen: {chosen}. Run this cell to choose others."

    def _ipython_display_(self) -> None:
        draw = lay_over(self.box, self.still, repr(self))
        self.renew = lambda: draw(self.still, repr(self), "")


class Slot:
    """One picture to choose: a menu, an upload, a thumbnail, and words for what went wrong.

    Args:
        name: of what is chosen, for the label.
        first: what stood there at first.
        value: what stands there now.
        chosen: is called with each picture that is chosen and can be read.

    Raises:
        InputError: the picture cannot be read.
    """

    def __init__(self, name: str, first: str, value: str, chosen: Callable[[str], None]) -> None:
        from ipywidgets import HTML, Dropdown, VBox

        self.name, self.value, self.chosen = name, value, chosen
        self.names = list(dict.fromkeys([value, first, *own_pictures(), *assets()]))
        self.menu = Dropdown(options=self.entries, value=value, description=label(name).text, layout=WIDE)
        self.bring = Bring(f"Upload your own {label(name).text}", self.receive, self.refuse)
        self.thumbnail, self.words = HTML(self.look(value), layout={"min_height": f"{SIDE + 30}px"}), spoken()
        self.menu.observe(self.pick, "value")
        for part in self.bring.parts:
            part.layout.width = WIDE["width"]
        self.box = VBox([self.menu, *self.bring.parts, self.words, self.thumbnail], layout=COLUMN)
        self.box.add_class("nst-bring")
        for one, kind in ((self.menu, "menu"), (self.bring.upload, "upload"), (self.words, "words")):
            one.add_class(f"nst-{name}-{kind}")

    @property
    def entries(self) -> list[tuple[str, str]]:
        """Of the menu: what each picture is called, and its name."""
        return [(shown(name), name) for name in self.names]

    def look(self, value: str) -> str:
        """A thumbnail.

        Args:
            value: what `load_image` takes.

        Raises:
            InputError: it cannot be read.
        """
        picture = load_image(value, SIDE)
        return picture_html(to_pil(picture.pixels), f"{self.name}: {picture.source}", spoken_name(value))

    def pick(self, _: object = None) -> None:
        """Take what the menu says; if it cannot be read, what was chosen before comes back, and words say why."""
        try:
            seen = self.look(self.menu.value)
        except InputError as error:
            self.menu.value = self.value  # which is taken again, without a word
            self.refuse(str(error))
            return
        self.thumbnail.value, self.words.value, self.value = seen, "", self.menu.value
        self.chosen(self.value)

    def receive(self, kept: Mapping[str, str]) -> str:
        """Let pictures that a person brought along be entries of the menu, and choose the last.

        Args:
            kept: the pictures, as `load_image` takes them, and what their owner calls them.

        Returns:
            What there is to say: nothing, since the picture is seen.
        """
        self.names = list(dict.fromkeys([*reversed(list(kept)), *self.names]))
        self.menu.options = self.entries
        self.menu.value = list(kept)[-1]
        self.pick()
        return ""

    def refuse(self, words: str) -> None:
        """Say why a picture is not taken, and which one stays.

        Args:
            words: the reason.
        """
        self.words.value = words_html(f"{words}. {shown(self.value)} is still chosen", wrong=True)
