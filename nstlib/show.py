"""A picture, or rows of facts → the HTML that a notebook shows, with words for whoever does not see it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO

from PIL import Image

__all__ = ["bar_html", "growing_html", "image_html", "picture_html", "table_html", "words_html"]

QUALITY = 90  # of a JPEG: a page of them stays light, and no eye sees the difference
WORDS = "font: 13px/1.5 sans-serif; min-height: 1.5em"


def picture_html(image: Image.Image, alt: str, caption: str = "") -> str:
    """An image with its alt text, which Jupyter, an export and GitHub all show, and a line below.

    Args:
        image: in RGB, of any size.
        alt: what it shows, in words.
        caption: a line of facts.
    """
    file = BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    picture = image_html("image/jpeg", file.getvalue(), alt)
    line = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="margin: 0">{picture}{line}</figure>'


def image_html(kind: str, data: bytes, alt: str, size: tuple[int, int] | None = None) -> str:
    """The bytes of a picture file as an image with its alt text.

    Args:
        kind: such as "image/png".
        data: the file.
        alt: what it shows, in words.
        size: (width, height) of its place on the page; None for its own.
    """
    place = f' width="{size[0]}" height="{size[1]}"' if size else ""
    style = "max-width: 100%; height: auto"
    return f'<img alt="{escape(alt)}"{place} src="data:{kind};base64,{b64encode(data).decode()}" style="{style}">'


def growing_html(image: Image.Image | None, alt: str, size: tuple[int, int], quality: int = QUALITY) -> str:
    """A picture on its way, with as much room from the beginning as at the end, so that nothing jumps.

    Args:
        image: in RGB, of any size; None while there is none.
        alt: what it shows, in words.
        size: (width, height) of its room on the page.
        quality: of the JPEG.
    """
    file = BytesIO()
    if image is not None:
        image.save(file, "JPEG", quality=quality)
    picture = image_html("image/jpeg", file.getvalue(), alt, size) if image else ""
    room = f"max-width: 100%; width: {size[0]}px; aspect-ratio: {size[0]} / {size[1]}; background: #8882"
    return f'<div style="{room}">{picture}</div>'


def bar_html(done: float, words: str) -> str:
    """A bar, and how far something is in words.

    Args:
        done: share of it, 0 to 1.
        words: beside the bar.
    """
    bar = f'<progress max="1" value="{done:.3f}" aria-label="share of the run"></progress>'
    return f'<div style="{WORDS}">{bar} {escape(words)}</div>'


def words_html(words: str, *, wrong: bool = False) -> str:
    """A line of words.

    Args:
        words: the line.
        wrong: whether it tells a mistake.
    """
    return f'<div style="{WORDS}">{"⚠ " * wrong}{escape(words)}</div>' if words else ""


def table_html(rows: Iterable[tuple[str, ...]], head: tuple[str, ...], caption: str = "") -> str:
    """A table.

    Args:
        rows: texts, as many in each as in the head.
        head: what the columns are.
        caption: a line above.
    """

    def line(kind: str, cells: tuple[str, ...]) -> str:
        made = "".join(f'<{kind} style="text-align: left">{escape(cell)}</{kind}>' for cell in cells)
        return f"<tr>{made}</tr>"

    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(line("td", row) for row in rows)
    return f"<table>{above}<thead>{line('th', head)}</thead><tbody>{body}</tbody></table>"
