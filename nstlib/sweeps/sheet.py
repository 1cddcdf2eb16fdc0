"""What came of a sweep → all its pictures on one sheet."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from .. import plot
from ..files import short_name
from ..image import load_image
from .folder import keep
from .points import SHEET, Point, Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHEET_DPI = 200  # of ten inches: a row of eight has 250 pixels for each
THUMBNAIL = 320  # pixels of a picture's longer side on the contact sheet
MOST = 50_000  # pixels of the sheet's own: matplotlib draws no more than 65,536


def keep_sheet(found: Sweep) -> None:
    """Write the contact sheet, if matplotlib is there to draw it.

    Args:
        found: the sweep.

    Raises:
        InputError: it cannot be written.
    """
    if find_spec("matplotlib"):
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # letters of a file's name that the font has not
            contact_sheet(found).savefig(file, dpi=SHEET_DPI)
        keep(found.folder / SHEET, file.getvalue())


def contact_sheet(found: Sweep) -> Figure:
    """All pictures of a sweep: the last field with several values goes to the right, everything before it down.

    Args:
        found: the sweep; where a picture failed, the place is grey.
    """
    points = found.points
    axes = {"pictures": pairs_named(points)}
    axes |= {name: [point.values[name] for point in points] for name in points[0].values}
    several = [name for name in axes if len(set(axes[name])) > 1] or [*axes][-1:]
    alone = "" if "pictures" in several else f"{axes['pictures'][0]}: "
    title = alone + " × ".join(several)
    *down, right = several
    columns = list(dict.fromkeys(axes[right]))
    images = [thumbnail(point) for point in points]
    if not down:
        figure = plot.pictures(images, [f"{right} {value}" for value in axes[right]], title=title)
        return failures_named(figure, points)
    starts = range(0, len(points), len(columns))
    rows = ["\n".join(axes[name][start] for name in down) for start in starts]
    lines = [images[start : start + len(columns)] for start in starts]
    labels = {"row_label": ", ".join(down), "column_label": right}
    figure = plot.grid(
        lines,
        rows,
        columns,
        **labels,
        title=title,
        least=min(THUMBNAIL, MOST / max(len(rows), len(columns))) / SHEET_DPI,
    )
    return failures_named(figure, points)


def pairs_named(points: Sequence[Point]) -> list[str]:
    """The pair of each point in a few words, which no other pair has.

    Args:
        points: of a sweep, each pair's as many and in a row.
    """
    each = len({tuple(point.values.values()) for point in points})
    short = [", ".join(map(short_name, filter(None, point.pair))) for point in points[::each]]
    made = [name if short.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(short, 1)]
    return [name for name in made for _ in range(each)]


def failures_named(figure: Figure, points: Sequence[Point]) -> Figure:
    """The same figure, with a word in the place of each picture that there is not.

    Args:
        figure: whose first axes are the points', in their order.
        points: of a sweep.
    """
    for point, axis in zip(points, figure.axes, strict=False):
        if point.failure:
            axis.text(0.5, 0.5, "failed", ha="center", va="center", transform=axis.transAxes)
    return figure


def thumbnail(point: Point) -> torch.Tensor:
    """Its picture (1, 3, H, W), small; a grey one if there is none.

    Args:
        point: of a sweep.
    """
    if point.failure:
        return torch.full((1, 3, 240, 320), 0.8, dtype=torch.float32, device="cpu")
    return load_image(point.path, THUMBNAIL).pixels
