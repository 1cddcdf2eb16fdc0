"""What the studio shows → HTML: a picture, two of them with a border that moves, the way of the loss, facts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from math import log10
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from ..result import Record

__all__ = ["bar", "code_block", "download", "easel", "losses", "thumb_style", "told", "wiped"]

SHOWN = 640  # pixels of the long side of a picture on the easel
THUMB = 112  # pixels of a thumbnail's sides
QUALITY = 85
GROUND = "#808080"  # behind a picture of another shape
LABEL = 22
MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
CHART = (320, 132)  # width and height of a chart, in its own units


def jpeg(image: Image.Image, quality: int = QUALITY) -> str:
    """An image as an address that holds it."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def small(image: Image.Image, most: int = SHOWN) -> Image.Image:
    """An image in RGB, its long side at most so many pixels; it keeps its proportions."""
    image = image.convert("RGB")
    image.thumbnail((most, most), Image.Resampling.BICUBIC)
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
    veil = f"linear-gradient(to top, rgba(0,0,0,.82) {label}px, transparent {label}px)"
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
    """A message that a screen reader speaks when it changes."""
    return f'<div role="status">{escape(words)}</div>'


def download(path: Path) -> str:
    """A link by which a browser keeps a file.

    Args:
        path: of a picture.
    """
    data = base64.b64encode(path.read_bytes()).decode()
    kind = MIMES.get(path.suffix.lower(), "application/octet-stream")
    name = escape(path.name)
    return f'<a class="nst-download" download="{name}" href="data:{kind};base64,{data}">Download {name}</a>'


def code_block(title: str, text: str) -> str:
    """Code that can be marked and copied.

    Args:
        title: what it is.
        text: the code.
    """
    return f'<h4>{escape(title)}</h4><pre tabindex="0" aria-label="{escape(title)}">{escape(text)}</pre>'


def losses(history: Sequence[Record]) -> str:
    """The way of the loss and of its kinds over a run, and what it consists of now, term by term.

    Args:
        history: of a run; empty before there is any.
    """
    if not history:
        words = ("what goes down is drawn here", "what it consists of, here")
        return f'<div class="nst-charts">{"".join(map(empty, words))}</div>'
    terms, total = history[-1].terms, sum(history[-1].terms.values()) or 1.0
    rows = {name: value / total for name, value in terms.items()}
    return f'<div class="nst-charts">{lines(history)}{shares(rows)}</div>'


def empty(words: str) -> str:
    """A chart of nothing yet, which takes its place."""
    width, height = CHART
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{words}"><text x="8" y="128">{words}</text></svg>'
    )


def lines(history: Sequence[Record]) -> str:
    """The loss, whole and by kind, on a logarithmic scale."""
    width, height = CHART
    kinds: dict[str, list[float]] = {"loss": [line.loss for line in history]}
    for kind in history[-1].kinds():
        kinds[kind] = [line.kinds().get(kind, 0.0) for line in history]
    values = [value for line in kinds.values() for value in line if value > 0] or [1.0]
    low, high = log10(min(values)), log10(max(values))
    low, high = (low, high) if high - low > 0.1 else (low - 0.1, high + 0.1)
    left, right, top, bottom = 8, width - 78, 8, height - 20
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
        while any(abs(place - other) < 13 for other in taken):
            place += 1
        taken.append(place)
        names.append(f'<text x="{right + 4}" y="{place:.1f}">{escape(kind)} {line[-1]:.2g}</text>')
    first, last = history[0].loss, history[-1].loss
    alt = f"Loss {first:.3g} at first, {last:.3g} now, after {history[-1].evaluations} evaluations"
    axis = f'<path class="nst-axis" d="M{left},{top}V{bottom}H{right}"/>'
    foot = f'<text x="{left}" y="{height - 4}">loss over {len(history)} steps, logarithmic</text>'
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{alt}">{axis}{"".join(drawn + names)}{foot}</svg>'
    )


def shares(rows: Mapping[str, float]) -> str:
    """What the loss consists of, a bar for each term; the largest ones, in the network's order."""
    width, height = CHART
    most = 9
    kept = set(sorted(rows, key=lambda name: -rows[name])[:most])
    shown = [(name, share) for name, share in rows.items() if name in kept]
    step = (height - 18) / most
    largest = max((share for _, share in shown), default=1.0) or 1.0
    made = []
    for number, (name, share) in enumerate(shown):
        y = 2 + number * step
        long = 150 * share / largest
        made.append(
            f'<text x="104" y="{y + 9:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="nst-{escape(name.partition(" ")[0])}" x="110" y="{y + 1:.1f}" width="{max(1, long):.1f}" '
            f'height="{step - 3:.1f}"/><text x="{114 + long:.1f}" y="{y + 9:.1f}">{share:.0%}</text>'
        )
    alt = "Shares of the loss: " + ", ".join(f"{name} {share:.0%}" for name, share in shown)
    foot = f'<text x="8" y="{height - 4}">shares of the loss now, by term</text>'
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(alt)}">{"".join(made)}{foot}</svg>'


def facts(rows: Iterable[str]) -> str:
    """Facts in a line."""
    return f'<p class="nst-facts">{escape(" · ".join(rows))}</p>'


def sides(left: str, right: str) -> str:
    """What is on the easel, under its sides.

    Args:
        left: what is to the left of the border; "" if there is none.
        right: what is to the right.
    """
    return f'<div class="nst-sides"><span>{escape(left)}</span><span>{escape(right)}</span></div>'
