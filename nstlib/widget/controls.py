"""The name of an argument and its values → a control with a label: what things are called stands in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..errors import InputError

__all__ = ["LABELS", "Label", "control", "described", "label", "ordered", "widgets"]


@dataclass(frozen=True)
class Label:
    """What an argument is called.

    Attributes:
        text: on its control.
        values: what its values are called, where their own name does not do.
    """

    text: str
    values: Mapping[object, str] = field(default_factory=dict)


LABELS: dict[str, Label] = {
    "pair": Label("pictures", {"harbour": "harbour, brush strokes", "tubingen": "Tübingen, The Starry Night"}),
    "style_weight": Label("style weight β"),
    "layers": Label("style layers"),
    "optimizer": Label("optimiser", {"lbfgs": "L-BFGS", "adam": "Adam"}),
    "start": Label("start from"),
    "rate": Label("learning rate"),
    "hidden": Label("hidden units"),
    "batch": Label("digits in a batch"),
    "beta1": Label("β₁"),
    "angle": Label("angle in degrees"),
    "tile": Label("pixels of a tile"),
}


def widgets(who: str = "a live panel") -> ModuleType:
    """ipywidgets.

    Args:
        who: needs it, for the message.

    Raises:
        InputError: it is not installed.
    """
    try:
        import ipywidgets
    except ImportError:
        raise InputError(f"{who} needs ipywidgets, which is not installed: pip install ipywidgets") from None
    return ipywidgets


def label(name: str) -> Label:
    """What an argument is called: the table's entry, or its own name in words."""
    return LABELS.get(name) or Label(name.replace("_", " "))


def called(name: str, value: object) -> str:
    """What a value of an argument is called."""
    return label(name).values.get(value) or (f"{value:g}" if is_number(value) else str(value))


def described(values: Mapping[str, object]) -> str:
    """Settings in words.

    Args:
        values: by name of the argument.

    >>> described({"style_weight": 0.1, "optimizer": "lbfgs"})
    'style weight β 0.1, optimiser L-BFGS'
    """
    return ", ".join(f"{label(name).text} {called(name, value)}" for name, value in values.items())


def is_number(value: object) -> bool:
    """Whether it is one; True and False are words."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ordered(values: Sequence[Any]) -> list[Any]:
    """The values as a control offers them: numbers from the least to the greatest, words as they come.

    Args:
        values: to choose from.
    """
    return sorted(values) if all(map(is_number, values)) else list(values)


def control(name: str, values: Sequence[Any], value: object) -> Any:
    """A slider for numbers, a row of buttons for a few words, a menu for many.

    Args:
        name: of the argument; looked up in `LABELS`, and a class, `nst-<name>`.
        values: to choose from.
        value: the one to begin with.
    """
    from ipywidgets import Dropdown, SelectionSlider, ToggleButtons

    offered, few = ordered(values), len(values) <= 4
    numbers = all(map(is_number, offered))
    kind = SelectionSlider if numbers else ToggleButtons if few else Dropdown
    late = {"continuous_update": False} if numbers else {}  # a figure per pixel of a drag would lag behind
    made = kind(
        options=[(called(name, value), value) for value in offered],
        value=value,
        description=label(name).text,
        style={"description_width": "initial", **({"button_width": "auto"} if kind is ToggleButtons else {})},
        **late,
    )
    made.add_class(f"nst-{name}")
    return made
