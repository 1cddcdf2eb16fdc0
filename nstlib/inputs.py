"""What a run is given → its pictures and masks, each loaded at the size at which the run needs it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .errors import InputError
from .guidance import MOSTLY
from .image import Picture, least_size, length, load_image, new_shape, resize, shape_of
from .palette import luminance
from .recipe import STARTS, Recipe
from .regions import MASKS, Region, is_region
from .style import STATISTICS

__all__ = [
    "ALPHA",
    "REST",
    "alone",
    "is_file",
    "load_masks",
    "load_pictures",
    "reads",
    "style_length",
    "surroundings_filled",
]

FROM_MEMORY = "(a picture from memory)"  # how a recipe or a setting calls a picture that has no path
ALPHA, REST = "alpha", "rest"  # masks that need no picture: what is opaque, and what the other masks leave


def is_name(source: Any) -> bool:
    """Whether a picture is given by a name, a path or an address."""
    return isinstance(source, str | os.PathLike)


def is_file(mask: str | None) -> bool:
    """Whether a mask is the name of a picture.

    Args:
        mask: of the settings.
    """
    return mask not in (None, ALPHA, REST) and not is_region(mask)


def reads(option: str, value: Any) -> bool:
    """Whether a run reads a file of this name, rather than taking it for one of the option's own words.

    Args:
        option: "start", "weights", or one of the masks'.
        value: a text, or None; of a mask, that of one style.
    """
    if value is None or value == FROM_MEMORY:
        return False
    words = {"start": STARTS, "weights": ("random",)}.get(option)
    return is_file(value) if words is None else value not in words


def is_word(source: Any, word: str) -> bool:
    """Whether a mask is given by this word."""
    return isinstance(source, str) and source == word


def alone(sources: Any) -> Any:
    """A list of pictures; one alone may stand for a list of one, and None stays."""
    return list(sources) if isinstance(sources, list | tuple) else sources if sources is None else [sources]


def named(sources: Mapping[str, Any]) -> dict[str, Any]:
    """Options with names for pictures: `FROM_MEMORY` for those that have none.

    Args:
        sources: by option, a picture in any form, None, or a list of these for masks.
    """

    def name(source: Any) -> Any:
        return source if source is None or is_name(source) else FROM_MEMORY

    many = {
        option: tuple(map(name, given)) for option, given in sources.items() if option in MASKS and given is not None
    }
    return {option: name(given) for option, given in sources.items() if given is not None} | many


class Pictures(NamedTuple):
    """The pictures of a run, loaded; see `Plan`."""

    content: Picture | None
    styles: tuple[Picture, ...]
    start: Picture | None
    names: tuple[str | None, ...]
    masks: tuple[Tensor | None, ...]

    @property
    def all(self) -> list[Picture]:
        """Those that there are."""
        return [picture for picture in (self.content, *self.styles, self.start) if picture is not None]


def load_pictures(
    content: Any | None,
    styles: Sequence[Any],
    sources: Mapping[str, Any],
    recipe: Recipe,
    scales: Sequence[float] | None,
    smallest: int,
) -> Pictures:
    """All pictures at the size at which the run needs them.

    Args:
        content: what `load_image` takes, or None.
        styles: as many.
        sources: start and masks as they were given, where they are no names.
        recipe: names sizes and start.
        scales: of the styles, 1 each if None.
        smallest: the least side of a picture.

    Raises:
        InputError: one that cannot be loaded, is too small, or cut out where that cannot be.
    """

    def load(source: Any, size: int) -> Picture:
        return load_image(source, size, side=recipe.side, smallest=smallest)

    def load_style(source: Any, scale: float) -> Picture:
        style = load_image(source, style_length(result, recipe.style_size, scale, recipe.side), side=recipe.side)
        if min(shape_of(style.pixels)) < smallest:
            # One that is too small as it came is refused for that.
            new_shape(style.original, style.source, None, recipe.side, False, smallest)
            raise InputError(too_small(style, scale, painted, result, recipe, smallest))
        return style

    begin = None
    if recipe.start == FROM_MEMORY and sources["start"] is None:
        raise InputError("the start was a picture from memory, which no file names: give the start anew")
    if recipe.start not in STARTS:
        begin = load(sources["start"] if recipe.start == FROM_MEMORY else recipe.start, recipe.size)
    painted = None if content is None else load(content, recipe.size)
    result = (recipe.size, recipe.size) if painted is None else shape_of(painted.pixels)
    looks = [load_style(*one) for one in zip(styles, scales or (1.0,) * len(styles), strict=True)]
    own = load_masks(sources["style_masks"], looks)
    cut = tuple(cut_out(masked(look, mask), recipe) for look, mask in zip(looks, own, strict=True))
    names = tuple(name_of(given, made) for given, made in zip((content, *styles), (painted, *cut), strict=True))
    empty = torch.zeros((), device="cpu").expand(1, 3, recipe.size, recipe.size)  # a shape, which takes no memory
    masks = load_masks(sources["masks"], [painted or Picture(empty, source="the canvas")] * len(styles))
    if any(mask is not None for mask in masks) and STATISTICS[recipe.statistic].knows_neighbours:
        raise InputError(f"{recipe.statistic} compares neighbours, so it knows no masks: choose another statistic")
    return Pictures(painted, cut, begin, names, masks)


def style_length(result: tuple[int, int], style_size: int | None, scale: float, side: str) -> int:
    """How long a style picture's side is made, in pixels; no picture is enlarged, so one that is smaller stays so.

    Args:
        result: (height, width) of what is painted.
        style_size: of the recipe.
        scale: of the style.
        side: that a size means.
    """
    return max(1, round((style_size or length(result, side)) * scale))


def too_small(
    style: Picture, scale: float, content: Picture | None, result: tuple[int, int], recipe: Recipe, smallest: int
) -> str:
    """What to say of a style picture that is large enough, and was made too small.

    Args:
        style: the picture, as it was made.
        scale: of the style.
        content: as it is painted; None for a canvas.
        result: (height, width) of what is painted.
        recipe: names the sizes.
        smallest: the least side of a picture.
    """
    whole = style_length(result, recipe.style_size, 1.0, recipe.side)
    least = least_size(style.original, recipe.side, smallest)
    enough, least_scale = math.ceil(least / scale), math.ceil(100 * least / whole) / 100
    grows = recipe.style_size is None and (content is None or length(content.original, recipe.side) >= enough)
    ways = [f"a style scale of at least {least_scale:g}"] if scale < 1 and least_scale <= 1 else []
    ways += [f"a size of at least {enough}" if grows else f"style_size={enough} or more"]
    what = f"the {'canvas' if content is None else 'content'} has {whole} pixels"
    told = what if recipe.style_size is None else f"style_size is {whole}"
    made = "as large" if scale == 1 else f"at {scale:g} of that"
    return f"{told}, and {style.source} {made} has a side of less than {smallest}: give {', or '.join(ways)}"


def load_masks(sources: Any, over: Sequence[Picture]) -> tuple[Tensor | None, ...]:
    """Masks (1, 1, H, W) in [0, 1], each of the size of the picture that it lies over, or None.

    Args:
        sources: a picture, a region's words, `ALPHA`, `REST` or None for each; None for none.
        over: the pictures.

    Raises:
        InputError: a mask that cannot be loaded, has another shape than its picture, or leaves nothing of it.
    """
    if sources is None:
        return (None,) * len(over)
    plain = [one for one in sources if one is not None and not is_word(one, REST)]
    if any(is_word(one, REST) for one in sources) and not plain:
        raise InputError("rest is what other masks leave, and there is none: give another style a mask")

    def load(source: Any, picture: Picture) -> Tensor | None:
        if source is None:
            return None
        if is_word(source, REST):
            mask = (1 - torch.cat([load_mask(one, picture) for one in plain]).sum(0, keepdim=True)).clamp(0, 1)
        else:
            mask = load_mask(source, picture)
        if (brightest := float(mask.max())) <= MOSTLY:
            raise InputError(emptiness(source, brightest))
        return mask

    return tuple(load(source, picture) for source, picture in zip(sources, over, strict=True))


def load_mask(source: Any, over: Picture) -> Tensor:
    """A mask (1, 1, H, W) of a picture's size: its transparency if it has any, else how bright it is.

    Args:
        source: a picture in any form, the words of a region, or `ALPHA`.
        over: the picture that it lies over.

    Raises:
        InputError: it cannot be loaded, or has another shape than the picture.
    """
    (height, width), mask = shape_of(over.pixels), over.mask
    if is_word(source, ALPHA):
        if mask is None:
            raise InputError(
                f"{over.source} is opaque all over, so alpha is no mask: give a picture, white where it is"
            )
        return mask
    if is_region(source):
        return Region.of(source).mask((height, width))
    if is_name(source) and os.fspath(source) == FROM_MEMORY:
        raise InputError("a mask was a picture from memory, which no file names: give the mask anew")
    try:
        made = load_image(source, max(height, width), enlarge=True)
    except InputError as error:
        joint = " Or give" if str(error).endswith("?") else ", or"
        raise InputError(f"the mask: {error}{joint} a region in words, such as ellipse 20 10 80 90") from None
    if max(abs(a - b) for a, b in zip(shape_of(made.pixels), (height, width), strict=True)) > 1:
        raise InputError(
            f"the mask {made.source} and {over.source}, over which it lies, have other shapes ({made.pixels.shape[-1]}×"
            f"{made.pixels.shape[-2]} and {width}×{height} at one size): cut both alike"
        )
    return resize(luminance(made.pixels) if made.mask is None else made.mask, (height, width)).clamp(0, 1)


def emptiness(source: Any, brightest: float) -> str:
    """What to say of a mask that shows nothing, or nearly so.

    Args:
        source: how it was given.
        brightest: its largest value, in [0, 1].
    """
    if is_word(source, REST):
        return "the other masks leave no rest: make one of them smaller, or leave rest out"
    if is_word(source, ALPHA):
        return "the picture is transparent all over, so alpha shows nothing: give a mask that does"
    if is_region(source):
        return f"the region {source!r} holds no whole pixel here: make it larger"
    name = f"the mask {source!r}" if is_name(source) else "a mask"
    if 0 < brightest < 1.5 / 255:  # of a mask of 0 and 1, in bytes
        return f"the brightest place of {name} is 1, and white is 255: multiply it by 255, or give an array as bool"
    return f"{name} is dark everywhere, and white says where it holds: invert it, or leave it out"


def masked(picture: Picture, mask: Tensor | None) -> Picture:
    """A picture of which only that is left which a mask (1, 1, H, W) shows, of what its own leaves.

    The rest is as transparent as what was so in the file: its background lies there.
    """
    if mask is None:
        return picture
    ground = ground_of(picture)
    left = mask if picture.mask is None else mask * picture.mask
    return replace(picture, mask=left, pixels=ground + mask * (picture.pixels - ground))


def ground_of(picture: Picture) -> Tensor:
    """The colour (1, 3, 1, 1) on which a picture's transparent parts lie."""
    return picture.pixels.new_tensor(picture.background).view(1, 3, 1, 1)


def cut_out(style: Picture, recipe: Recipe) -> Picture:
    """A style picture whose transparent or masked part is no style: its mask leaves that out.

    Args:
        style: with a mask, or without.
        recipe: whose statistic must do without neighbours.

    Raises:
        InputError: a mask, and a statistic of patches; or a mask that leaves nothing.
    """
    if style.mask is None:
        return style
    if STATISTICS[recipe.statistic].knows_neighbours:
        raise InputError(
            f"'{style.source}' has transparent or masked parts, which {recipe.statistic} cannot leave out: "
            "save it without transparency, or choose another statistic"
        )
    return surroundings_filled(style)


def surroundings_filled(style: Picture) -> Picture:
    """A style picture in which what is no style has the mean colour of the rest, in place of its background.

    So no edge is seen at the border.

    Args:
        style: with a mask that says what of it is style, or without one.

    Raises:
        InputError: nothing of it is.
    """
    if style.mask is None:
        return style
    if style.mask.max() <= MOSTLY:
        raise InputError(
            f"nothing of '{style.source}' is style: it is transparent, or its mask shows only transparent parts: "
            "save it without transparency, or give another mask"
        )
    ground = (1 - style.mask) * ground_of(style)
    mean = (style.pixels - ground).sum((2, 3), keepdim=True) / style.mask.sum()
    filled = (style.pixels - ground + (1 - style.mask) * mean).clamp(0, 1)
    notes = tuple(note for note in style.notes if "transparent" not in note)
    return replace(style, pixels=filled, notes=(*notes, "a part of it is no style"))


def name_of(given: Any, picture: Picture | None) -> str | None:
    """A path or address as it was given, so that the run can be repeated from the same folder; None for no picture.

    Args:
        given: a path, an address, or a picture in any form.
        picture: what was loaded from it.
    """
    if is_name(given):
        return os.fspath(given)
    return None if picture is None else picture.source
