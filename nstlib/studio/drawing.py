"""What the studio shows → HTML: a picture, two of them with a border that moves, the way of the loss, facts."""

from __future__ import annotations

import base64
import html
import sys
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageOps

from ..errors import counted
from ..files import encoded
from ..gallery import shown
from ..result import Record

__all__ = ["bar", "charts", "code_block", "download", "easel", "swatch", "thumb_style", "tinted", "told", "wiped"]

SHOWN = 640  # pixels of the long side of a picture on the easel
THUMB = 112  # pixels of a thumbnail's sides
QUALITY = 85
GROUND = "#808080"  # behind a picture of another shape
LABEL = 34  # pixels at the foot of a thumbnail, for two lines
TINTS = ("#ffd21f", "#19c3ff", "#ff5ad0")  # of the regions of the first style and of the others
TINT, DIM = 0.45, 0.3  # how much of a region is tint, and how bright the picture is where no style paints
MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
CHART = (320, 132)  # width and height of a chart, in its own units


def escape(words: str) -> str:
    """Words as HTML: on one line, with "?" for what no page takes, such as a file's name that is not UTF-8 may have."""
    return html.escape(shown(words, limit=sys.maxsize))


def jpeg(image: Image.Image, quality: int = QUALITY) -> str:
    """An image as an address that holds it."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def small(image: Image.Image) -> Image.Image:
    """An image in RGB, no larger than it is shown; it keeps its proportions."""
    image = image.convert("RGB")
    image.thumbnail((SHOWN, SHOWN), Image.Resampling.BICUBIC)
    return image


def wiped(left: Image.Image, right: Image.Image, share: float) -> Image.Image:
    """Two pictures in one, a border between them.

    Args:
        left: is seen to the left of the border; keeps its proportions.
        right: is seen to the right of it; the result has its size.
        share: of the width, 0 to 1, at which the border stands.
    """
    made, edge = right.copy(), round(share * right.width)
    if edge:
        made.paste(ImageOps.pad(left, right.size, color=GROUND).crop((0, 0, edge, right.height)), (0, 0))
        if edge < right.width:
            draw = ImageDraw.Draw(made)
            draw.line([(edge, 0), (edge, right.height)], fill="black", width=4)
            draw.line([(edge, 0), (edge, right.height)], fill="white", width=2)
    return made


def tinted(image: Image.Image, masks: Sequence[NDArray[np.floating[Any]] | None]) -> Image.Image:
    """A picture on which it is seen where each style paints.

    Where none paints it is dark and grey; where several have regions, each has a tint.

    Args:
        image: the picture, in RGB.
        masks: for each style (H, W), 1 where it paints, 0 where it does not; None for everywhere.
    """
    there = [(number, mask) for number, mask in enumerate(masks) if mask is not None]
    if not there:
        return image
    pixels: NDArray[np.floating[Any]] = np.asarray(image, np.float32)
    if len(there) == len(masks):
        painted = np.maximum.reduce([mask for _, mask in there])[..., None]
        pixels = painted * pixels + (1 - painted) * DIM * pixels.mean(-1, keepdims=True)
    if len(masks) > 1:
        for number, mask in there:
            share = TINT * mask[..., None]
            pixels = (1 - share) * pixels + share * np.array(ImageColor.getrgb(TINTS[number]), np.float32)
    return Image.fromarray(pixels.round().astype(np.uint8))


def swatch(number: int, words: str) -> str:
    """A style's name, with the tint of its region.

    Args:
        number: of the style, from 0.
        words: its name.
    """
    return f'<b><span class="nst-swatch" style="background: {TINTS[number]}"></span>{escape(words)}</b>'


def easel(image: Image.Image, alt: str) -> str:
    """The picture on the easel.

    Args:
        image: not larger than it is shown.
        alt: what it is, in words.
    """
    return f'<img alt="{escape(alt)}" src="{jpeg(image)}" decoding="sync">'


def thumb_style(name: str, image: Image.Image, label: int = LABEL) -> str:
    """The style sheet's rule that lays a picture under a button.

    Args:
        name: of the button's class.
        image: of any size.
        label: pixels at its foot that are dark under its name.
    """
    square = ImageOps.fit(image.convert("RGB"), (THUMB, THUMB))
    veil = (
        f"linear-gradient(to top, rgba(0,0,0,.85) {label // 2}px, rgba(0,0,0,.62) {label}px, transparent {label + 8}px)"
    )
    return f'.{name}.jupyter-button {{background-image: {veil}, url("{jpeg(square, 80)}")}}'


def bar(done: float, words: str) -> str:
    """How far a run is, and words.

    Args:
        done: its share, 0 to 1.
        words: beside it.
    """
    return (
        f'<div class="nst-line"><progress max="1" value="{done:.3f}" aria-label="done of the run"></progress>'
        f"<span>{escape(words)}</span></div>"
    )


def told(words: str) -> str:
    """A message."""
    return f"<div>{escape(words)}</div>"


def download(path: Path) -> str:
    """A link by which a browser keeps a file.

    Args:
        path: of a picture.
    """
    data = base64.b64encode(path.read_bytes()).decode()
    kind = MIMES.get(path.suffix.lower(), "application/octet-stream")
    name = escape(path.name)
    words = f'aria-label="Download {name}" title="{name}"'
    return f'<a class="nst-download" {words} download="{name}" href="data:{kind};base64,{data}">Download</a>'


def code_block(title: str, text: str) -> str:
    """Code that can be marked and copied.

    Args:
        title: what it is.
        text: the code.
    """
    lines = html.escape(encoded(text).decode())
    return f'<h3>{escape(title)}</h3><pre tabindex="0" aria-label="{escape(title)}">{lines}</pre>'


def charts(name: str, history: Sequence[Record], pulls: Mapping[str, float], after: int) -> str:
    """How a picture came about: the way of the loss and of its kinds, and who pulls the pixels.

    Args:
        name: of the picture; "" before there is any.
        history: of its run; empty if it is not known.
        pulls: each kind's share of the gradient's length; empty if it was not measured.
        after: so many evaluations it was.
    """
    if not history:
        words = "how its loss fell was not kept" if name else "the loss is drawn here"
        return f'<p class="nst-of">{escape(name)}</p><div class="nst-charts">{empty(words)}{empty("")}</div>'
    bars = shares(pulls, after) if pulls else empty("who pulls the pixels: measured now and then")
    return f'<p class="nst-of">{escape(name)}</p><div class="nst-charts">{lines(history)}{bars}</div>'


def empty(words: str) -> str:
    """A chart of nothing yet, which takes its place.

    Args:
        words: in it.
    """
    return chart(words or "no chart", f'<text x="8" y="16">{words}</text>')


def chart(alt: str, drawn: str) -> str:
    """A chart, at the left of its place.

    Args:
        alt: what it shows, in words.
        drawn: what is in it, as SVG.
    """
    box = f'viewBox="0 0 {CHART[0]} {CHART[1]}" preserveAspectRatio="xMinYMin"'
    return f'<svg {box} role="img" aria-label="{escape(alt)}">{drawn}</svg>'


def lines(history: Sequence[Record]) -> str:
    """The loss, whole and by kind, on a logarithmic scale.

    Args:
        history: of a run, a line or more.
    """
    width, height = CHART
    kinds: dict[str, list[float]] = {"loss": [line.loss for line in history]}
    for kind in history[-1].kinds():
        kinds[kind] = [line.kinds().get(kind, 0.0) for line in history]
    values = [value for line in kinds.values() for value in line if value > 0] or [1.0]
    low, high = log10(min(values)), log10(max(values))
    low, high = (low, high) if high - low > 0.1 else (low - 0.1, high + 0.1)
    left, right, top, bottom = 8, width - 104, 8, height - 20
    step = (right - left) / max(1, len(history) - 1)

    def y(value: float) -> float:
        return bottom - (log10(max(value, 10**low)) - low) / (high - low) * (bottom - top)

    names: list[str] = []
    taken: list[float] = []
    drawn: list[str] = []
    for number, (kind, line) in enumerate(kinds.items()):
        thin = max(1, len(line) // 160)
        points = " ".join(f"{left + i * step:.1f},{y(line[i]):.1f}" for i in range(0, len(line), thin))
        drawn.append(f'<polyline class="nst-l{number}" points="{points} {right:.1f},{y(line[-1]):.1f}"/>')
        place = y(line[-1]) + 4
        while any(abs(place - other) < 14 for other in taken):
            place += 1
        taken.append(place)
        names.append(f'<text x="{right + 4}" y="{place:.1f}">{escape(kind)} {line[-1]:.2g}</text>')
    first, last = history[0].loss, history[-1].loss
    alt = f"Loss {first:.3g} at first, {last:.3g} now, after {counted(history[-1].evaluations, 'evaluation')}"
    axis = f'<path class="nst-axis" d="M{left},{top}V{bottom}H{right}"/>'
    foot = f'<text x="{left}" y="{height - 4}">loss over {len(history)} steps, logarithmic</text>'
    return chart(alt, f"{axis}{''.join(drawn + names)}{foot}")


def shares(pulls: Mapping[str, float], after: int) -> str:
    """Who pulls the pixels, a bar for each kind.

    Args:
        pulls: each kind's share, 0 to 1.
        after: so many evaluations.
    """
    height = CHART[1]
    made = []
    for number, (kind, share) in enumerate(pulls.items()):
        y, long = 14 + 30 * number, 190 * share
        made.append(
            f'<text x="58" y="{y + 13}" text-anchor="end">{escape(kind)}</text>'
            f'<rect class="nst-{escape(kind)}" x="64" y="{y}" width="{max(1, long):.1f}" height="18"/>'
            f'<text x="{68 + max(1, long):.1f}" y="{y + 13}">{share:.0%}</text>'
        )
    listed = ", ".join(f"{kind} {share:.0%}" for kind, share in pulls.items())
    foot = f"who pulls the pixels, after {counted(after, 'evaluation')}"
    words = f'<text x="8" y="{height - 4}">{foot}</text>'
    alt = f"{foot.capitalize()}, by the length of the gradient: {listed}"
    return chart(alt, "".join(made) + words)


def facts(pictures: Iterable[Sequence[str]]) -> str:
    """Facts, a line for each picture.

    Args:
        pictures: facts of each.
    """
    return "".join(f'<p class="nst-facts">{escape(" · ".join(rows))}</p>' for rows in pictures)


def sides(left: str, right: str) -> str:
    """What is on the easel, under its sides.

    Args:
        left: what is to the left of the border; "" if there is none.
        right: what is to the right.
    """
    return f'<div class="nst-sides"><span>{escape(left)}</span><span>{escape(right)}</span></div>'
