"""What all figures share: how one is begun, finished and shown in a notebook, and how data is brought into it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..show import image_html

if TYPE_CHECKING:  # importing this package does not import matplotlib
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = [
    "COLOURS",
    "INK",
    "LINES",
    "WIDTH",
    "array",
    "as_photograph",
    "by_name",
    "encode",
    "finish",
    "listed",
    "need",
    "new",
    "pen",
    "show_all_with_alt",
]

WIDTH, DPI = 9.0, 100  # inches, pixels per inch: the width of a notebook
MANY = 8000  # colours: no chart has so many, and every photograph has
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")  # Okabe & Ito 2008
INK = "#B34700"  # the second of them, dark enough for words on white: 5.5 times, where WCAG 2.2 asks for 4.5
LINES = ("-", "--", "-.", ":")


def new(
    height: float, rows: int = 1, columns: int = 1, *, width: float = WIDTH, **options: Any
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes (rows, columns).

    Args:
        height: of the figure, in inches; 100 pixels each.
        rows: of axes.
        columns: of axes.
        width: of the figure, in inches.
        **options: of matplotlib's `Figure.subplots`, such as `sharey=True`.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("figures need matplotlib, which is not installed: pip install matplotlib") from None
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def finish(figure: Figure, title: str, alt: str) -> Figure:
    """Give a figure its title, its alt text (`figure.alt`) and its way into a notebook; what it says is plain text.

    Args:
        figure: any of matplotlib's.
        title: what was found, in one sentence; long ones are broken.
        alt: the same for those who do not see it, with the numbers.
    """
    figure.suptitle(textwrap.fill(title, int(11 * figure.get_figwidth())), fontsize=12)
    for text in texts(figure):
        if "$" in text.get_text():  # of a file's name, say; a scale writes its own formulas, 10³, when it is drawn
            text.set_parse_math(False)
    alt = " ".join(alt.split())
    vars(figure).update(alt=alt, _ipython_display_=partial(display, figure, alt))
    return figure


def texts(artist: Artist) -> Iterator[Text]:
    """All that is written on a figure or a part of it; a scale that is not shown is passed over, it takes long.

    Args:
        artist: matplotlib's.
    """
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    for part in artist.get_children():
        if isinstance(part, Text):
            yield part
        elif not isinstance(part, Axis) or part.axes.axison:
            yield from texts(part)


def display(figure: Figure, alt: str = "") -> None:
    """Show a figure in a notebook, as PNG or JPEG, whichever is smaller, with its alt text.

    As HTML, because notebooks, exports and GitHub leave out the alt text that an image's metadata has.

    Args:
        figure: any of matplotlib's.
        alt: in words; what its titles and labels say, if empty.
    """
    from IPython.display import display

    alt = alt or getattr(figure, "alt", "") or read_aloud(figure)
    display({"text/html": image_html(*encode(figure), alt), "text/plain": alt}, raw=True)


def show_all_with_alt(shell: Any) -> None:
    """Let a notebook show every figure of matplotlib's, a learner's too, with an alt text.

    Args:
        shell: IPython's; None outside a notebook.
    """
    if shell is not None:
        shell.display_formatter.ipython_display_formatter.for_type_by_name("matplotlib.figure", "Figure", display)


def read_aloud(figure: Figure) -> str:
    """An alt text out of what is written on a figure: its title, and each plot's title, labels and legend.

    Args:
        figure: any of matplotlib's.
    """
    parts = [figure.get_suptitle()]
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        lines = [line.get_label() for line in axes.get_lines()]
        names = listed(dict.fromkeys(name for name in lines if not str(name).startswith("_")))
        over = " over ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
        parts.append(": ".join(filter(None, (axes.get_title(), "; ".join(filter(None, (over, names)))))))
    said = ". ".join(dict.fromkeys(filter(None, parts)))
    return f"A figure: {' '.join(said.split())}" if said else "A figure without a title"


def encode(figure: Figure) -> tuple[str, bytes]:
    """(type, bytes): a PNG of 256 colours for lines and text, a JPEG for photographs, which have thousands."""
    drawn, out = io.BytesIO(), io.BytesIO()
    # Without an engine that makes room for them, labels stand where the edge cuts them off.
    figure.savefig(drawn, format="png", bbox_inches=None if figure.get_layout_engine() else "tight")
    image = Image.open(drawn).convert("RGB")
    if photograph := as_photograph(image):
        return "image/jpeg", photograph
    image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return "image/png", out.getvalue()


def as_photograph(image: Image.Image) -> bytes:
    """A picture with thousands of colours as a JPEG; nothing for lines and text."""
    if image.getcolors(MANY):
        return b""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def need(right: bool, message: str) -> None:
    """Refuse what is not right.

    Args:
        right: whether it is.
        message: what was given, what was expected, what to do next.

    Raises:
        InputError: it is not.
    """
    if not right:
        raise InputError(message)


def pen(number: int) -> dict[str, str]:
    """How the line of this number is drawn."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def array(values: Any) -> np.ndarray:
    """A tensor of any kind, or what NumPy takes → float64 on the CPU."""
    return (values.detach().cpu().double().numpy() if isinstance(values, Tensor) else np.asarray(values)).astype(float)


def by_name(values: Any, name: str = "") -> dict[str, Any]:
    """A mapping as it is, anything else under one name; not empty.

    Args:
        values: a mapping of names, or what would be its only value.
        name: for that.

    Raises:
        InputError: the mapping is empty.
    """
    found = dict(values) if isinstance(values, Mapping) else {name: values}
    need(bool(found), "there is nothing to draw: the mapping is empty; give at least one entry")
    return found


def listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)
