"""Pictures, a recipe, a person at the controls → paintings that grow while they watch, kept in a folder

`choices` is what the controls say, `painter` paints it in a thread, `pulls` measures who pulls its pixels, `shelf`
keeps it; none of these knows a widget. `drawing` makes HTML of pictures and numbers, `looks` is the style sheet. On
the page stand `controls` (with `picker`s and `regions`), `desk`, `easel` and `finished`, made of `parts`; `view` lays
them out and tells each what the others do. `wording` tells mistakes in the words that stand on the page.
"""

from __future__ import annotations

from .view import Studio

__all__ = ["Studio"]
