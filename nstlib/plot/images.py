"""Pictures in any form → figures of them, row by row or by two parameters; an animation."""

from __future__ import annotations

import io
import math
import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import InputError, counted
from ..files import write_whole
from ..image import Picture, load_image, to_pil
from .figures import finish, listed, need, new

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..optimizers import Step
    from ..result import Progress

__all__ = ["animate", "compare", "filmstrip", "grid", "pictures", "pixels", "sequence", "wall"]

PLAYS = 3  # of an animation, which then rests: what moves for ever draws the eye from what is read beside it
WALL = 10.4  # inches: four pictures in a row have 260 pixels each


def pictures(items: Any, titles: Sequence[str] | None = None, *, columns: int = 4, title: str = "") -> Figure:
    """One picture or several, row by row.

    Args:
        items: whatever `load_image` takes, such as tensors (1, 3, H, W), paths and names; `Result`s; a batch
            (B, C, H, W); one of them or several.
        titles: one for each picture; None: what a path or a `Picture` is called.
        columns: pictures in a row, at most.
        title: of the figure.
    """
    items = sequence(items)
    titles = [name_of(i) for i in items] if titles is None else list(titles)
    need(len(titles) == len(items), f"{len(items)} pictures and {len(titles)} titles: give one title for each picture")
    figure = wall([pixels(i) for i in items], titles, columns, titled=bool(title))
    named = f": {listed(t for t in titles if t)}" if any(titles) else ""
    return finish(figure, title, f"{counted(len(items), 'picture')}{named}. {title}")


def compare(content: Any, style: Any, result: Any, *, title: str = "Content + style → result") -> Figure:
    """Content, style and result side by side.

    Args:
        content: a picture in any form that `pictures` takes.
        style: another.
        result: what was made of them.
        title: of the figure.
    """
    return pictures([content, style, result], ["content", "style", "result"], columns=3, title=title)


def filmstrip(
    frames: Iterable[tuple[int, Any] | Step | Progress], *, count: int = 6, title: str | None = None
) -> Figure:
    """Pictures of a run in order, first and last among them.

    Args:
        frames: `Step`s, `Progress`es, or pairs (evaluations, picture).
        count: how many are shown at most, 1 or more.
        title: in place of the finding.
    """
    steps = [getattr(f, "step", f) for f in frames]
    need(bool(steps), "the run has no frames: collect them, `frames = list(optimize(…))`")
    need(count > 0, f"count = {count}: show at least one frame")
    chosen = [steps[i] for i in sorted({round(i) for i in np.linspace(0, len(steps) - 1, count)})]
    pairs = [f if isinstance(f, Sequence) else (f.evaluations, f.image) for f in chosen]
    numbers = [number for number, _ in pairs]
    figure = wall([pixels(p) for _, p in pairs], [counted(n, "evaluation") for n in numbers], min(count, 6))
    finding = f"From {numbers[0]} to {numbers[-1]} evaluations"
    return finish(figure, title or finding, f"The picture after {listed(numbers)} evaluations.")


def grid(
    images: Sequence[Sequence[Any]],
    rows: Sequence[object],
    columns: Sequence[object],
    *,
    row_label: str = "",
    column_label: str = "",
    title: str = "",
    least: float = 0.0,
) -> Figure:
    """Pictures by two parameters.

    Args:
        images: `images[i][j]`, a picture in any form, belongs to `rows[i]` and `columns[j]`.
        rows: the values of the one parameter, from above.
        columns: the values of the other, from the left.
        row_label: what the one is called.
        column_label: what the other is called.
        title: of the figure.
        least: inches that a picture is wide at least, however large that makes the figure.
    """
    given = [len(list(row)) for row in images]
    fits = bool(given) and given == [len(columns)] * len(rows)
    need(fits, f"{len(rows)} rows of {len(columns)} pictures were expected, not rows of {given}")
    flat = [pixels(image) for row in images for image in row]
    figure, width = wall(flat, [""] * len(flat), len(columns), titled=bool(title), least=least), len(columns)
    for axis in figure.axes[: len(flat)]:
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[], frame_on=False)
    cell = figure.get_figwidth() / width
    down = [
        folded(label, cell * image.shape[0] / image.shape[1]) for label, image in zip(rows, flat[::width], strict=True)
    ]
    along = [folded(label, cell) for label in columns]
    for label, axis in zip(down, figure.axes[::width], strict=True):
        axis.set_ylabel(label, fontsize=9)
    for label, axis in zip(along, figure.axes[len(flat) - width :], strict=True):
        axis.set_xlabel(label, fontsize=9)
    # Room for the labels, so that the pictures keep the size that `wall` gave them and stand close.
    beside, below = (max(label.count("\n") for label in labels) for labels in (down, along))
    right, up = 0.25 + 0.25 * bool(row_label) + 0.15 * beside, 0.2 + 0.25 * bool(column_label) + 0.15 * below
    figure.set_size_inches(figure.get_figwidth() + right, figure.get_figheight() + up)
    figure.supylabel(row_label, fontsize=10)
    figure.supxlabel(column_label, fontsize=10)
    by_rows, by_columns = f"{row_label or 'rows'} {listed(rows)}", f"{column_label or 'columns'} {listed(columns)}"
    return finish(figure, title, f"{len(flat)} pictures: {by_rows} by {by_columns}.")


def folded(label: object, inches: float) -> str:
    """A label on as many lines as it takes for that length, whole words on each, and a list's items too.

    Args:
        label: in a font of 9 points.
        inches: that a line may have.
    """
    words = re.sub(r",(?=[^\s\d])", ", ", str(label))  # not in 10,000
    lines = [textwrap.wrap(line, max(8, int(14 * inches)), break_long_words=False) for line in words.split("\n")]
    return "\n".join(part for parts in lines for part in parts)


def animate(
    frames: Iterable[Any],
    path: str | os.PathLike[str],
    *,
    seconds: float = 4.0,
    width: int = 320,
    limit: int = 1_500_000,
) -> Path:
    """Write an animation of the frames, the last one held for a second; return its path.

    It plays three times, and then the last frame stays.

    Args:
        frames: pictures, `Step`s, `Progress`es or pairs (evaluations, picture), all of one shape.
        path: of the file, ending in .gif, or in .webp, which has all colours and takes a tenth of the bytes.
        seconds: how long it runs, without the second at the end.
        width: of a frame, in pixels; it shrinks to what the limit allows, 32 at least.
        limit: of the file's size, in bytes.
    """
    path = Path(os.path.expanduser(path))
    write = {".gif": gif, ".webp": webp}.get(path.suffix.lower())
    if write is None:
        raise InputError(f"'{path}' is no name for an animation: end it in .gif or .webp")
    need(path.parent.is_dir(), f"the folder '{path.parent}' does not exist: create it, or choose another")
    pages = [Image.fromarray(pixels(f[1] if isinstance(f, tuple) else f)) for f in sequence(frames)]
    need(len({p.size for p in pages}) == 1, "the frames have several sizes: animate one scale of the run")
    width = min(width, pages[0].width)
    while len(data := write(pages, width, seconds)) > limit and width > 32:
        width = max(32, int(0.85 * width))
    found = f"{len(pages)} frames take {len(data):,} bytes at {width} pixels"
    need(len(data) <= limit, f"{found}: give fewer, or a higher limit")
    write_whole(path, data)
    return path


def shrunk(pages: Sequence[Image.Image], width: int) -> list[Image.Image]:
    size = (width, max(1, round(pages[0].height * width / pages[0].width)))
    return [p.resize(size, Image.Resampling.LANCZOS) for p in pages]


def pace(count: int, seconds: float) -> list[int]:
    """Milliseconds of each frame."""
    each = max(20, round(1000 * seconds / count))
    return [each] * (count - 1) + [each + 1000]


def webp(pages: Sequence[Image.Image], width: int, seconds: float) -> bytes:
    first, *rest = shrunk(pages, width)
    out = io.BytesIO()
    first.save(
        out, "WEBP", save_all=True, append_images=rest, duration=pace(len(pages), seconds), loop=PLAYS, quality=75
    )
    return out.getvalue()


def gif(pages: Sequence[Image.Image], width: int, seconds: float) -> bytes:
    """One palette for all frames, taken from the first, the middle and the last, so that colours do not flicker."""
    small = shrunk(pages, width)
    sample = np.concatenate([np.asarray(small[i]) for i in (0, len(small) // 2, -1)])
    palette = Image.fromarray(sample).quantize(256)
    first, *rest = (p.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in small)
    out, held = io.BytesIO(), pace(len(pages), seconds)
    first.save(out, "GIF", save_all=True, append_images=rest, duration=held, loop=PLAYS - 1, optimize=False)
    return out.getvalue()


# What other figures need of pictures


def pixels(source: Any) -> np.ndarray:
    """A picture in any form, a `Result`, `Step` or `Progress` → (H, W, 3), 8 bits; (H, W) and (1, H, W) are grey."""
    source = getattr(source, "step", source)
    source = getattr(source, "image", source)
    source = source.pixels if isinstance(source, Picture) else source
    if not isinstance(source, Tensor):
        return np.asarray(to_pil(load_image(source).pixels))
    if source.ndim == 2 or (source.ndim in (3, 4) and source.shape[-3] == 1):
        source = source.reshape(-1, *source.shape[-2:]).expand(3, -1, -1) if source[..., 0, 0].numel() == 1 else source
    return np.asarray(to_pil(source if source.is_floating_point() else load_image(source).pixels))


def name_of(source: Any) -> str:
    """What a path or a `Picture` is called, without folder and ending; nothing for a tensor."""
    source = source.source if isinstance(source, Picture) else source
    return Path(source).stem if isinstance(source, (str, os.PathLike)) else ""


def sequence(items: Any) -> list[Any]:
    """One picture or several, a batch (B, C, H, W) too, as a list that is not empty."""
    batch = isinstance(items, Tensor) and items.ndim == 4
    alone = isinstance(items, (str, bytes, Tensor, np.ndarray)) or not isinstance(items, Iterable)
    found = [items] if alone and not batch else list(items)
    need(bool(found), "there is no picture to show: give at least one")
    return found


def wall(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int,
    *,
    titled: bool = True,
    least: float = 0.0,
    **options: Any,
) -> Figure:
    """Pictures row by row, each under its caption; no row but the last has gaps.

    Args:
        images: pictures (H, W, 3), or maps (H, W).
        captions: one for each; "" for none.
        columns: pictures in a row, at most.
        titled: whether the figure will have a title, for which there is to be room.
        least: inches that a picture is wide at least.
        **options: of matplotlib's `imshow`, for maps.
    """
    rows = math.ceil(len(images) / columns)
    columns = math.ceil(len(images) / rows)
    starts = range(0, len(images), columns)
    tall = [max(i.shape[0] / i.shape[1] for i in images[start : start + columns]) for start in starts]
    cell, font = max(least, min(WALL / columns, 4.5, 8.5 / sum(tall))), 8 if columns > 4 else 9
    captions = [textwrap.fill(str(caption), max(8, int(120 * cell / font))) for caption in captions]
    lines = [max((c.count("\n") + 1 for c in captions[start : start + columns] if c), default=0) for start in starts]
    heights = [0.05 + 0.17 * line + cell * t for line, t in zip(lines, tall, strict=True)]
    ratios = {"height_ratios": heights}
    height = sum(heights) + (0.4 if titled else 0.05)
    figure, axes = new(height, rows, columns, width=max(cell * columns, 4.5), gridspec_kw=ratios)
    for axis in axes.flat:
        axis.set_axis_off()
        axis.set_anchor("N")
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        axis.imshow(image, **options)
        axis.set_title(caption, fontsize=font)
    return figure
