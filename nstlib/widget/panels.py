"""A plain function and its choices → controls above what it draws; what was drawn once is there at once."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from types import FunctionType
from typing import Any
from weakref import WeakValueDictionary

from PIL import Image

from ..errors import InputError, in_words, one_line, one_of
from ..plot.figures import as_photograph, encode
from ..show import image_html, words_html
from ..transfer import Transfer
from .controls import control, described, is_number, label, ordered, widgets
from .runs import Run
from .spoken import spoken
from .still import lay_over

__all__ = ["Panel", "panel"]

# By what a panel draws, runs and asks, the run of the one that was made last.
RUNS: WeakValueDictionary[tuple[str, ...], Run] = WeakValueDictionary()
KEPT = 100  # drawings of a panel; enough for all settings of most


def panel(
    function: Callable[..., Any],
    *,
    run: Callable[..., Transfer] | None = None,
    first: Mapping[str, object] | None = None,
    **choices: Iterable[Any],
) -> Panel:
    """A control for each choice, numbers on a slider and words as buttons, above what the function returns.

    Args:
        function: takes the chosen values by name and returns a figure, or a `plot.strip`, which is there much sooner;
            is called at once, and when values are chosen for the first time.
        run: makes a `Transfer` of the chosen values, which a button carries out below the figure.
        first: values to begin with, where they are not the first ones; of numbers the nearest that is offered.
        choices: for each argument of the function the values to choose from.

    Raises:
        InputError: ipywidgets is not installed, an argument has nothing to choose from, or `first` names an argument
            or a word that is not offered.
    """
    widgets()
    offered = {name: values_of(name, values) for name, values in choices.items()}
    begin = {name: beginning(name, offered[one_of("argument", name, offered)], v) for name, v in (first or {}).items()}
    return Panel(function, run, begin, offered)


def values_of(name: str, values: Iterable[Any]) -> list[Any]:
    """What there is to choose from, in a row.

    Args:
        name: of the argument.
        values: as they were given, in whatever can be gone through.

    Raises:
        InputError: there are none.
    """
    offered = list(values) if isinstance(values, Iterable) else []
    if not offered:
        raise InputError(f"{name} has nothing to choose from: give a list of values, such as [0, 0.5, 1]")
    return offered


def beginning(name: str, offered: list[Any], wanted: object) -> object:
    """The value that a control begins with: of numbers the nearest, as one may have been rounded or taken out.

    Args:
        name: of the argument.
        offered: what there is to choose from.
        wanted: to begin with.

    Raises:
        InputError: it is not among them.
    """
    if is_number(wanted) and all(map(is_number, offered)):
        return min(offered, key=lambda value: abs(value - wanted))
    if wanted not in offered:
        there = ", ".join(map(str, offered))
        raise InputError(f"{name} cannot begin with '{one_line(wanted)}', which is not offered: take one of {there}")
    return wanted


class Panel:
    """A live panel; a cell that ends with it shows it, and a still figure where nothing runs.

    Args:
        function: see `panel`.
        run: likewise.
        first: likewise.
        choices: likewise.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        run: Callable[..., Transfer] | None,
        first: Mapping[str, object],
        choices: Mapping[str, Sequence[Any]],
    ) -> None:
        from ipywidgets import HTML, HBox, VBox

        self.function, self.choices, self.drawn = as_it_is(function), choices, {}
        self.controls = {name: control(name, values, first.get(name, values[0])) for name, values in choices.items()}
        self.first = self.settings()
        self.figure, self.words, self.heard = HTML(), spoken(), spoken("nst-heard")
        shown = self.function(**self.first)  # its errors are the caller's
        self.still = html_of(shown, encode)
        self.figure.value = html_of(shown, encode_quickly)
        self.drawn[tuple(self.first.values())] = self.figure.value, title_of(shown)
        for one in self.controls.values():
            one.observe(self.redraw, "value")
        self.run = Run(as_it_is(run), self.settings) if run else None
        if run and self.run:
            take_place((name_of(function), name_of(run), *choices), self.run)
        row = HBox(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        below = [self.run.box] if self.run else []
        self.box = VBox([row, self.words, self.heard, self.figure, *below])
        self.box.add_class("nst-panel")

    def settings(self) -> dict[str, object]:
        """The chosen values, by name."""
        return {name: one.value for name, one in self.controls.items()}

    def redraw(self, _: object = None) -> None:
        """Show what belongs to the values of this moment; a mistake becomes words."""
        settings = self.settings()
        key = tuple(settings.values())
        try:
            if key not in self.drawn:
                with undisturbed():
                    shown = self.function(**settings)
                    self.drawn[key] = html_of(shown, encode_quickly), title_of(shown)
                while len(self.drawn) > KEPT:
                    del self.drawn[next(iter(self.drawn))]
        except Exception as error:
            self.words.value = words_html(f"{described(settings)}: {in_words(error)}", wrong=True)
            return
        self.words.value = ""
        self.figure.value, self.heard.value = self.drawn[key]

    def __repr__(self) -> str:
        offered = (f"{label(name).text} ({', '.join(map(str, ordered(v)))})" for name, v in self.choices.items())
        return f"A live panel. Shown: {described(self.first)}. Run this cell to choose {', '.join(offered)}."

    def _ipython_display_(self) -> None:
        lay_over(self.box, self.still, repr(self))


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that goes on with what its notebook's names stand for now: a later cell may use them for others.

    Args:
        function: any; only one that Python knows as such has names.
    """
    if not isinstance(function, FunctionType):
        return function
    names = dict(function.__globals__)
    made = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called, with where it stands.

    Args:
        function: any; one without a name of its own goes by that of its type.
    """
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def take_place(panel: tuple[str, ...], run: Run) -> None:
    """Stop what runs below an earlier panel of the same kind: a cell that is run again takes it off the page.

    Args:
        panel: what it draws, runs and asks.
        run: of the new one.
    """
    if before := RUNS.get(panel):
        before.worker.stop()
    RUNS[panel] = run


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off the collection of garbage until there is an answer: over all that torch keeps, it takes 0.2 s."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def html_of(shown: Any, encode: Callable[[Any], tuple[str, bytes]]) -> str:
    """What a function drew, as HTML with its alt text.

    Args:
        shown: a figure, or anything that a notebook shows as HTML.
        encode: a figure → (type, bytes).
    """
    if hasattr(shown, "_repr_html_") and not hasattr(shown, "savefig"):
        return shown._repr_html_()
    return image_html(*encode(shown), getattr(shown, "alt", ""))


def title_of(shown: Any) -> str:
    """What a function drew in a sentence, as HTML, for whoever hears it.

    Args:
        shown: a figure or a strip.
    """
    title = shown.get_suptitle() if hasattr(shown, "get_suptitle") else getattr(shown, "title", "")
    return escape(title or getattr(shown, "alt", ""))


def encode_quickly(figure: Any) -> tuple[str, bytes]:
    """(type, bytes) of a figure: a PNG that is larger and sooner there than one that is to be kept; or a JPEG as there.

    Args:
        figure: matplotlib's.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas, file = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()
    drawn = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    image = drawn.convert("RGB")
    if photograph := as_photograph(image):
        return "image/jpeg", photograph
    image.save(file, "PNG", compress_level=1)
    return "image/png", file.getvalue()
