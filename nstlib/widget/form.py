"""A question → buttons or a box to answer it by, and below them what there is to tell of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

from ..show import words_html
from .controls import widgets
from .spoken import spoken
from .still import lay_over

__all__ = ["Form", "form_html", "lines_html"]

# Buttons are one line high and cut what is longer; here a whole sentence stands on one.
STYLE = """<style>
.nst-form .jupyter-button {width: auto; max-width: 100%; height: auto; min-height: 32px; margin: 2px 0;
    padding: 4px 12px; white-space: normal; text-align: left; line-height: 1.4; font-size: 14px; align-self: flex-start}
.nst-form .jupyter-button.nst-said {outline: 2px solid currentcolor; outline-offset: -2px; font-weight: bold}
</style>"""
SAID = "● "  # stands before what was chosen, for whoever does not see the outline


def form_html(question: str, options: Mapping[str, str], said: str, told: Sequence[str]) -> str:
    """The form as a still figure.

    Args:
        question: in one or two sentences.
        options: texts by letter; none if it asks for numbers.
        said: the letter that was chosen, or "".
        told: lines below.
    """
    rows = "".join(
        f"<div>{SAID if letter == said else ''}<b>{escape(letter)}</b>) {escape(text)}</div>"
        for letter, text in options.items()
    )
    return f'<div style="font: 14px/1.6 sans-serif"><p>{escape(question)}</p>{rows}</div>{lines_html(told)}'


def lines_html(told: Sequence[str]) -> str:
    """Lines below a question.

    Args:
        told: the lines.
    """
    return f'<div style="min-height: 1.5em">{"".join(map(words_html, told))}</div>'


class Form:
    """A question with a button for each option, or with a box for numbers.

    Args:
        name: of the exercise; a class of the form.
        question: in one or two sentences.
        options: texts by letter; none if it asks for numbers.
        said: what was answered before: a letter or numbers as text, or "".
        told: lines to tell of that.
        answered: is called with each answer; returns what was said, as `said`, and the lines to tell.
        several: whether it asks for more than one number.

    Raises:
        InputError: ipywidgets is not installed.
    """

    def __init__(
        self,
        name: str,
        question: str,
        options: Mapping[str, str],
        said: str,
        told: Sequence[str],
        answered: Callable[[str], tuple[str, Sequence[str]]],
        several: bool = False,
    ) -> None:
        widgets()
        from ipywidgets import HTML, VBox

        self.question, self.options, self.answered = question, dict(options), answered
        self.buttons: dict[str, Any] = {}
        self.words = spoken()
        asked = HTML(f'{STYLE}<div style="font: 14px/1.6 sans-serif">{escape(question)}</div>')
        answers = self.make_buttons() if options else self.make_box(said, several)
        self.box = VBox([asked, *answers, self.words])
        for look in ("nst-form", f"nst-form-{re.sub(r'[^a-z0-9]+', '-', name)}"):
            self.box.add_class(look)
        self.tell(said, told)

    def make_buttons(self) -> list[Any]:
        """One button for each option."""
        from ipywidgets import Button

        self.buttons = {letter: Button() for letter in self.options}
        for letter, button in self.buttons.items():
            button.on_click(partial(self.take, letter))
        return list(self.buttons.values())

    def make_box(self, said: str, several: bool) -> list[Any]:
        """A box for numbers, which Enter commits, and a button that does."""
        from ipywidgets import Button, HBox, Text

        # A number is sent whole, when Enter is pressed or the box is left.
        example = "such as 3, 8" if several else "such as 48 or 3/8"
        self.text = Text(said, description="Your answer", placeholder=example, continuous_update=False)
        self.text.observe(self.take_text, "value")
        button = Button(description="Answer")
        button.on_click(self.take_text)
        return [HBox([self.text, button], layout={"flex_flow": "row wrap"})]

    def take_text(self, _: object = None) -> None:
        """Take what stands in the box; if that is nothing, tell again what was said."""
        self.take(self.text.value)

    def take(self, answer: str, _: object = None) -> None:
        """Hand an answer on, and show what comes back.

        Args:
            answer: a letter, or what stands in the box.
        """
        self.tell(*self.answered(answer))

    def tell(self, said: str, told: Sequence[str]) -> None:
        """Mark what was said, and show lines.

        Args:
            said: a letter, or numbers.
            told: the lines.
        """
        for letter, button in self.buttons.items():
            button.description = f"{SAID if letter == said else ''}{letter}) {self.options[letter]}"
            (button.add_class if letter == said else button.remove_class)("nst-said")
        self.words.value = lines_html(told)

    def show(self, still: str, words: str, plain: str) -> Callable[[str, str, str], None]:
        """Show the form, over a still figure of it.

        Args:
            still: what `form_html` makes.
            words: a line below the still figure that says how to answer without the form.
            plain: the whole as text.

        Returns:
            Draws the still figure anew from the same three, once there is an answer.
        """
        return lay_over(self.box, still, words, plain)
