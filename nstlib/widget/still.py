"""A live widget → laid over a still figure, which stands wherever nothing runs: an export, GitHub, an unrun notebook.

The figure is an output of its own, before the widget's. A widget that lives hides it by a rule of style that it brings
along, so nothing has to be known of the page; where the widget is missing, the rule is too. What is answered or chosen
in the widget can be drawn into the figure, so that a saved file and an export of it show that.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from html import escape
from typing import Any

from .bring import BRING_RULE
from .spoken import HEARD_RULE, SPOKEN

__all__ = ["lay_over"]

OUTPUT = ".jp-OutputArea-child"
# A saved notebook may keep the place of a widget that lives no more, where JupyterLab says so, in red, below the still.
HIDE_THE_DEAD = f"{OUTPUT}:has(.nst-still) + {OUTPUT}:has(> .jupyter-widgets):not(:has(.nst-live)) {{display: none}}"
# On paper nothing scrolls or opens by a click: an export's code would end at the right edge, what was found be hidden.
PAPER = (
    " @media print {.highlight pre {white-space: pre-wrap !important; overflow-wrap: anywhere} "
    "details.nst-found::details-content {content-visibility: visible}}"
)
# The arrow of a menu is a dark picture of ipywidgets' own, which a dark page does not show.
ARROW = (
    ".nst-panel select, .nst-chooser select {appearance: auto; background-image: none !important} "
    '[data-jp-theme-light="false"] :is(.nst-panel, .nst-chooser) {color-scheme: dark}'
)
# The one that is chosen is else a darker grey, which not everybody sees.
CHOSEN = '.nst-panel .widget-toggle-button.mod-active::before {content: "● "}'
# JupyterLab's own ring is a pale line of a pixel, or none. The id, which nothing has, outweighs its rules.
HERE = ":is(.nst-panel, .nst-chooser, .nst-form, .nst-studio, #nst) :focus-visible"
DARK = ':is([data-jp-theme-light="false"], .theme-dark, html[theme="dark"])'
FOCUS = (
    f"{HERE} {{outline: 3px solid #0b57d0 !important; outline-offset: 1px}} "
    f"{DARK} {HERE} {{outline-color: #8ab4f8 !important}}"
)
# A figure would else be as wide as its pictures in full, and stick out where there is less room.
ROOM = ".nst-panel [class*=html-content] {min-width: 0; flex: 1 1 auto}"
RULES = f"<style>{BRING_RULE}{ARROW}{CHOSEN}{FOCUS}{ROOM}{HEARD_RULE}</style>"
# JupyterLab marks a widget whose kernel is gone, and each part of it, with a class that draws a broken link.
LOST = """
<style>
.nst-lost, :is(.nst-panel, .nst-chooser, .nst-form).jupyter-widgets-disconnected::before,
:is(.nst-panel, .nst-chooser, .nst-form) .jupyter-widgets-disconnected::before {display: none}
.jupyter-widgets-disconnected .nst-lost {display: block; font: 14px/1.5 sans-serif; padding: 4px 8px; color: #000;
    background: #fff3cd; border-left: 4px solid #c77700}
</style>
"""
RUN_AGAIN = (
    "The kernel was restarted and no longer knows what stands here. Run %s again: select the cell, then the menu "
    "<b>Run</b>, <b>Run All Above Selected Cell</b>, then the cell itself (Shift+Enter)."
)


def lay_over(box: Any, html: str, words: str, plain: str = "", lost: str = "") -> Callable[[str, str, str], None]:
    """Show a still figure, and a widget that hides it where it lives.

    Args:
        box: the widget, whose children are at least one.
        html: the still figure.
        words: a line below it that says what running the cell adds, or "".
        plain: the figure as text, where that is all there is; the same line without.
        lost: what to say, in HTML, when the kernel is gone [which cell to run again].

    Returns:
        Draws the still figure anew where it stands, from html, words and plain.
    """
    from IPython import get_ipython
    from IPython.display import display
    from ipywidgets import HTML

    name, shell = f"nst-still-{secrets.token_hex(4)}", get_ipython()

    def still(html: str, words: str, plain: str) -> dict[str, str]:
        note = f'<div style="font: 13px/1.5 sans-serif; opacity: 0.75">{escape(words)}</div>' if words else ""
        figure = f'<div class="nst-still {name}"><style>{HIDE_THE_DEAD}{PAPER}</style>{html}{note}</div>'
        return {"text/html": figure, "text/plain": plain or words}

    handle = display(still(html, words, plain), raw=True, display_id=True)
    rules = f"<style>.{name}, {OUTPUT}:has(.{name}) {{display: none}}</style>"
    # The shell's own count may already be that of the next cell.
    cell = f"cell [{len(shell.history_manager.input_hist_parsed) - 1}]" if shell is not None else "its cell"
    told = f'<div role="status"><div class="nst-lost">{lost or RUN_AGAIN % cell}</div></div>'
    hider = HTML(rules + RULES + SPOKEN + LOST + told)
    hider.add_class("nst-live")
    box.children = (hider, *(child for child in box.children if "nst-live" not in child._dom_classes))
    # Without words of its own, which an export would show in place of the widget.
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)

    def renew(html: str, words: str, plain: str) -> None:
        if handle is not None:  # as it is outside of IPython
            handle.update(still(html, words, plain), raw=True)

    return renew
