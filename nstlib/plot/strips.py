"""Pictures side by side as HTML, without matplotlib: ready in milliseconds, so that a panel answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from ..errors import counted
from ..show import image_html
from .figures import listed, need
from .images import pixels, sequence

__all__ = ["Strip", "strip"]

SMALL = 128  # pixels of a side, below which single pixels are to be seen, and a PNG is light
WIDEST, NARROWEST, ROWED = 360, 120, 240  # pixels on the page; of one in a row with others, at least
DOWN, ALONG = ("top", "", "bottom"), ("left", "", "right")  # the places of a map, which is told in words by thirds
EVEN = 0.02  # by which its thirds differ at least, where one is called the brightest


@dataclass(frozen=True)
class Strip:
    """Pictures side by side, each over its caption.

    Attributes:
        images: in RGB.
        captions: one for each; "" for none.
        title: what is to be seen in them.
        alts: one for each, in words for whoever does not see it; none: its caption.
    """

    images: tuple[Image.Image, ...]
    captions: tuple[str, ...]
    title: str = ""
    alts: tuple[str, ...] = ()

    @property
    def alt(self) -> str:
        """The same in words."""
        named = f": {listed(c for c in self.captions if c)}" if any(self.captions) else ""
        return f"{counted(len(self.images), 'picture')}{named}. {self.title}".strip()

    def told(self, number: int) -> str:
        """One picture in words: its caption, or its place; of a map where it is bright, too.

        Args:
            number: of the picture, from 0.
        """
        place = f"picture {number + 1} of {len(self.images)}"
        words = self.captions[number] or (f"{self.title}, {place}" if self.title else place)
        return ", ".join(filter(None, (words, brightness(self.images[number]))))

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        alts = self.alts or [self.told(number) for number in range(len(self.images))]
        cells = "".join(map(cell, self.images, self.captions, alts))
        title = f'<figcaption style="font-size: 15px">{escape(self.title)}</figcaption>' if self.title else ""
        # A row takes as many as there is room for at a width that still shows something, not at their full width.
        width, count = max(map(width_of, self.images)), len(self.images)
        least = f"min({width}px, 100%, max({ROWED}px, 100% / {count} - 8px))"
        grid = f"display: grid; grid-template-columns: repeat(auto-fit, minmax({least}, 1fr)); gap: 8px"
        grid = f"{grid}; align-items: start; max-width: {count * (width + 8) - 8}px"
        row = f'<div style="{grid}">{cells}</div>'
        return f'<figure style="margin: 0">{title}{row}</figure>'


def width_of(image: Image.Image) -> int:
    """Pixels of a picture's width on the page, where there is room for it."""
    return WIDEST if max(image.size) < SMALL else min(WIDEST, max(NARROWEST, image.width))


def brightness(image: Image.Image) -> str:
    """Where a grey picture is bright, and how bright it is, in words; nothing for one with colours or of few pixels."""
    shades = np.asarray(image, np.float32) / 255
    if min(image.size) < len(DOWN) or np.ptp(shades, axis=-1).any():
        return ""
    rows = [np.array_split(band, len(ALONG), 1) for band in np.array_split(shades[..., 0], len(DOWN))]
    means = np.array([[part.mean() for part in row] for row in rows])
    if np.ptp(means) < EVEN:
        return f"of even brightness, {shades.mean():.0%}"
    down, along = np.unravel_index(means.argmax(), means.shape)
    place = " ".join(filter(None, (DOWN[down], ALONG[along]))) or "middle"
    return f"brightest at the {place}, {shades.mean():.0%} on average"


def cell(image: Image.Image, caption: str, alt: str) -> str:
    """One picture of a strip, over its caption."""
    file, little = BytesIO(), max(image.size) < SMALL
    how: dict[str, Any] = {"format": "PNG"} if little else {"format": "JPEG", "quality": 85}
    image.save(file, **how)
    width = width_of(image)
    size = width, max(1, round(width * image.height / image.width))
    picture = image_html("image/png" if little else "image/jpeg", file.getvalue(), alt, size)
    picture = picture.replace('style="', 'style="image-rendering: pixelated; ' if little else 'style="')
    under = f'<div style="font-size: 13px">{escape(caption)}</div>' if caption else ""
    return f"<div>{picture}{under}</div>"


def strip(
    items: Any, titles: Sequence[str] | None = None, *, title: str = "", alts: Sequence[str] | None = None
) -> Strip:
    """One picture or several, side by side, for a panel: quicker than `pictures`, which draws a figure.

    Args:
        items: as for `pictures`.
        titles: one for each picture; None for none.
        title: what is to be seen in them.
        alts: one for each picture, in words for whoever does not see it; None for its title, and of a map where it is
            bright.
    """
    found = sequence(items)
    captions = tuple("" for _ in found) if titles is None else tuple(map(str, titles))
    count = f"{len(found)} pictures and {len(captions)} titles: give one title for each picture"
    need(len(captions) == len(found), count)
    said = tuple(map(str, alts or ()))
    need(len(said) in (0, len(found)), f"{len(found)} pictures and {len(said)} alts: give one alt for each picture")
    return Strip(tuple(Image.fromarray(pixels(item)) for item in found), captions, title, said)
