"""A mistake in the words of `stylize` → the same in those of the studio's controls."""

from __future__ import annotations

import re

__all__ = ["as_on_the_page"]

# What messages say of options that have a control, and of masks that are words, and how the page calls them.
TOLD = (
    (r"give a style scale of at least (\S+), or ", r"choose a Stroke size of at least \1, or "),
    (r"(give )?style_size=\d+ or more", "choose a larger Stroke size"),
    (r"give a size of|choose a size of", "choose a Size of"),
    (r"or a size of", "or a Size of"),
    (
        r"rest is what other masks leave, and there is none: give another style a mask",
        "the others have no region, so this style has no place beside them: choose a region for another style",
    ),
    (
        r"the other masks leave no rest: make one of them smaller, or leave rest out",
        "the others leave no place: make one of their regions smaller, or choose 'everywhere'",
    ),
    (
        r"so alpha is no mask: give a picture, white where it is",
        "so nothing sets a part of it apart: choose a shape, or upload a mask",
    ),
    (r"so alpha shows nothing: give a mask that does", "so nothing of it is left: choose a shape, or upload a mask"),
    (r"give one share ≥ 0 per image, not all zero", "give one of them a share above 0"),
    (r", or a larger size(, or fewer style layers)?", " or a larger Size"),
    (
        r"\S+ compares neighbours, so it knows no masks: choose another statistic",
        "this recipe compares neighbours, so it knows no regions: choose another Recipe",
    ),
    (
        r"color=only paints nothing, it recolours the content: give start=content and a content_weight above 0",
        "these Colours paint nothing, they recolour the content: let Start from say content",
    ),
    (r"(there is no file 'own/(?!regions/)[^']*'):.*", r"\1: choose another picture, or upload it again"),
    (r"(there is no file 'own/regions/[^']*'):.*", r"\1: choose another region, or upload the mask again"),
    (r"size (\d+) with style_size \d+ fits", r"Size \1 with a smaller Stroke size fits"),
    (r"give smaller style_scales|style_size \d+ fits", "choose a smaller Stroke size"),
)


def as_on_the_page(words: str) -> str:
    """A message, with what there is on the page in place of options that it has not.

    Args:
        words: of a mistake.

    >>> as_on_the_page("the style is too small: give style_size=315 or more")
    'the style is too small: choose a larger Stroke size'
    >>> as_on_the_page("it needs 2 GB: size 512 with style_size 384 fits")
    'it needs 2 GB: Size 512 with a smaller Stroke size fits'
    """
    for given, shown in TOLD:
        words = re.sub(given, shown, words)
    return words
