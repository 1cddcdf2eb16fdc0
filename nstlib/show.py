"""A picture, or rows of facts → the HTML that a notebook shows, with words for whoever does not see it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from io import BytesIO

from PIL import Image

__all__ = ["picture_html", "table_html"]

QUALITY = 90  # of a JPEG: a page of them stays light, and no eye sees the difference


def picture_html(image: Image.Image, alt: str, caption: str = "") -> str:
    """An image with its alt text, which Jupyter, an export and GitHub all show, and a line below.

    Args:
        image: in RGB, of any size.
        alt: what it shows, in words.
        caption: a line of facts.
    """
    file = BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    data = base64.b64encode(file.getvalue()).decode()
    picture = f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{data}" style="max-width: 100%">'
    line = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="margin: 0">{picture}{line}</figure>'


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
