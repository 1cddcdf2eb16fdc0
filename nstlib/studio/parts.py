"""What is said of a control → the control (ipywidgets): with a class, a label, and words for mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import in_words

if TYPE_CHECKING:
    from ipywidgets import Button, Widget

__all__ = ["button", "close_all", "extend", "guarded", "marked", "named", "row"]


def marked(look: str, kind: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """A widget with a class for the style sheet.

    Args:
        look: the class.
        kind: of widget.
        given: what it is made of.
        more: likewise, by name.
    """
    made = kind(*given, **more)
    made.add_class(look)
    return made


def row(*children: Any) -> Any:
    """Widgets beside each other, below each other where there is no room.

    Args:
        children: the widgets.
    """
    from ipywidgets import Box

    return marked("nst-row", Box, children)


def named(words: str, width: str = "7.5em") -> dict[str, Any]:
    """A control's label.

    Args:
        words: on it.
        width: of its column.
    """
    return {"description": words, "style": {"description_width": width}}


def button(words: str, look: str, act: Callable[[], None], tell: Callable[[str], None]) -> Button:
    """A button whose mistakes become words.

    Args:
        words: on it.
        look: its class.
        act: what it does.
        tell: takes the words.
    """
    from ipywidgets import Button

    made = marked(look, Button, description=words)
    made.on_click(guarded(act, tell))
    return made


def extend(menu: Any, words: str, value: Any) -> None:
    """Let a menu have an entry, if it has not. What it says stays: ipywidgets would choose the first entry.

    Args:
        menu: a `Dropdown`.
        words: of the entry.
        value: that it stands for.
    """
    if value not in [known for _, known in menu.options]:
        chosen = menu.value
        menu.options = [*menu.options, (words, value)]
        menu.value = chosen


def guarded(act: Callable[[], Any], tell: Callable[[str], None]) -> Callable[..., None]:
    """What to do when a control is touched, whatever ipywidgets tells of that; an error becomes words on the page.

    Args:
        act: takes nothing.
        tell: takes the words.
    """

    def call(*_: object) -> None:
        try:
            act()
        except Exception as error:
            tell(in_words(error))

    return call


def close_all(widget: Widget) -> None:
    """Close a widget and all in it: ipywidgets would hold each for as long as the kernel lives.

    Args:
        widget: a box, say.
    """
    for child in getattr(widget, "children", ()):
        close_all(child)
    widget.close()
