"""A region in words, such as "ellipse 20 10 80 90 soft 5" → the mask of a picture of any size

Words need no file beside a picture's recipe, and mean the same at every size. They say a shape, its left, top, right
and bottom edge in percent of the picture's width and height, and how wide its soft edge is.
"""

from __future__ import annotations

import os
from dataclasses import astuple, dataclass, fields

import torch
from torch import Tensor

from .errors import InputError, one_line

__all__ = ["SHAPES", "Region", "is_region"]

SHAPES = ("ellipse", "rectangle")
MASKS = ("masks", "style_masks")  # options of a run that take a region, or a picture in its place, for each style
EXAMPLE = "rectangle 0 0 100 45 soft 5"


@dataclass(frozen=True)
class Region:
    """A part of a picture.

    Attributes:
        shape: one of `SHAPES`.
        left: edge, in percent of the picture's width.
        top: edge, in percent of the picture's height.
        right: edge, greater than the left one.
        bottom: edge, greater than the top one.
        soft: how wide the edge is across which it fades, in percent of the picture's shorter side.

    Raises:
        InputError: another shape, or edges that leave no room between them.
    """

    shape: str
    left: float
    top: float
    right: float
    bottom: float
    soft: float = 0.0

    def __post_init__(self) -> None:
        names = [one.name for one in fields(self)]
        for name, value in zip(names[1:], astuple(self)[1:], strict=True):
            if not 0 <= value <= 100:
                raise InputError(f"{name} of a region was {value:g}, and is a percentage: give 0 to 100")
        for low, high in (("left", "right"), ("top", "bottom")):
            a, b = getattr(self, low), getattr(self, high)
            if a >= b:
                raise InputError(
                    f"the region's {low} edge ({a:g} %) is not before its {high} one ({b:g} %): "
                    + ("swap them" if a > b else "give it some room between them")
                )

    @classmethod
    def of(cls, words: str) -> Region:
        """A region from its words.

        Args:
            words: such as "ellipse 20 10 80 90" or "rectangle 0 0 100 45 soft 5".

        Raises:
            InputError: they are none.

        >>> Region.of("ellipse 20 10 80 90 soft 5").bottom
        90.0
        """
        shape, *rest = words.split() or [""]
        numbers = [word for word in rest if word != "soft"]
        try:
            if shape not in SHAPES or len(numbers) != 4 + ("soft" in rest) or rest[4:5] not in ([], ["soft"]):
                raise ValueError
            given = [float(word) for word in numbers]
        except ValueError:
            asked = f"{' or '.join(SHAPES)}, then left, top, right and bottom in percent"
            raise InputError(f"'{one_line(words, 60)}' is no region: give {asked}, such as {EXAMPLE}") from None
        return cls(shape, *given)

    def __str__(self) -> str:
        edges = f"{self.shape} {self.left:g} {self.top:g} {self.right:g} {self.bottom:g}"
        return f"{edges} soft {self.soft:g}" if self.soft else edges

    def mask(self, size: tuple[int, int]) -> Tensor:
        """How far each pixel belongs to it.

        Its edge fades by a straight ramp of the soft edge's width, of one pixel at least, half of it inside. Where a
        rectangle ends with the picture it fades nowhere.

        Args:
            size: (height, width) of the picture, in pixels.

        Returns:
            (1, 1, H, W), float32, 1 inside, 0 outside.
        """
        height, width = size
        ramp = max(1.0, self.soft / 100 * min(size))
        x, y = (torch.arange(n, dtype=torch.float32, device="cpu") + 0.5 for n in (width, height))
        within = self.across(x, self.left, self.right, width), self.across(y, self.top, self.bottom, height)
        if self.shape == "rectangle":
            inside = torch.minimum(within[0][None, :], within[1][:, None])
        else:
            inside = self.in_ellipse(x, y, size)
        return (inside / ramp + 0.5).clamp(0, 1)[None, None]

    def across(self, place: Tensor, low: float, high: float, most: int) -> Tensor:
        """How many pixels inside both edges of one direction; negative outside.

        Args:
            place: (n,), middles of the pixels.
            low: the first edge, in percent.
            high: the other one.
            most: pixels of the picture in this direction.
        """
        first = place - low / 100 * most if low > 0 else torch.full_like(place, torch.inf)
        last = high / 100 * most - place if high < 100 else torch.full_like(place, torch.inf)
        return torch.minimum(first, last)

    def in_ellipse(self, x: Tensor, y: Tensor, size: tuple[int, int]) -> Tensor:
        """How many pixels inside the ellipse, measured along its shorter half axis; negative outside.

        Args:
            x: (W,), middles of the columns.
            y: (H,), middles of the rows.
            size: (height, width) of the picture.

        Returns:
            (H, W).
        """
        height, width = size
        a, b = (self.right - self.left) / 200 * width, (self.bottom - self.top) / 200 * height
        from_middle = (
            ((x - (self.left + self.right) / 200 * width) / a)[None, :] ** 2
            + ((y - (self.top + self.bottom) / 200 * height) / b)[:, None] ** 2
        ).sqrt()
        return (1 - from_middle) * min(a, b)


def is_region(source: object) -> bool:
    """Whether a mask is given by a region's words.

    Args:
        source: of a mask.
    """
    return isinstance(source, str) and source.partition(" ")[0] in SHAPES and not os.path.isfile(source)
