"""Pictures, a recipe, a person at the controls → paintings that grow while they watch, kept in a folder

`choices` is what the controls say, `painter` paints it in a thread, `shelf` keeps it, `forecast` foretells it; none of
these knows a widget. `drawing` makes HTML of pictures and numbers, `looks` is the style sheet, `picker` and `view` are
what stands on the page.
"""

from __future__ import annotations

from .view import Studio

__all__ = ["Studio"]
