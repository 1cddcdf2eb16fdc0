"""A plain function → a live panel (ipywidgets): one control per argument, the figure redrawn at each change.

    panel(lambda size, name: plot.pictures(load_image(name, size)), size=(32, 64, 128), name=("style/mosaic",))

A panel adds nothing to its function, which can be called without it. What is used here, ipywidgets 7.7 and 8 both have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import plot
from .errors import InputError
from .recorder import FLIGHT_AXES, flight
from .result import Record

if TYPE_CHECKING:  # importing this module does not import ipywidgets or matplotlib
    from ipywidgets import Button, Output, VBox, Widget
    from matplotlib.figure import Figure

__all__ = ["flight_recorder", "panel"]


def panel(
    function: Callable[..., Figure],
    *,
    run: Callable[..., Figure] | None = None,
    first: Mapping[str, object] | None = None,
    **choices: Sequence,
) -> VBox:
    """A control for each choice, numbers on a slider and words as buttons, above the figure that the function returns.

    Args:
        function: takes the chosen values by name; is called at once, and after each change.
        run: something slow, called by a button; its figure is shown below the other.
        first: values to begin with, where they are not the first ones.
        choices: for each argument of the function the values to choose from.

    Raises:
        InputError: ipywidgets is not installed.
    """
    try:
        from ipywidgets import HBox, Layout, Output, VBox
    except ImportError:
        raise InputError("live panels need ipywidgets, which is not installed: pip install 'nstlib[lab]'") from None
    controls = {name: control(name, values, (first or {}).get(name, values[0])) for name, values in choices.items()}
    now, slow = Output(), Output()

    def values() -> dict[str, object]:
        return {name: one.value for name, one in controls.items()}

    def redraw(_: object = None) -> None:
        show(function(**values()), now)
        slow.clear_output()

    for one in controls.values():
        one.observe(redraw, "value")
    redraw()
    buttons = [] if run is None else [button(lambda: show(run(**values()), slow))]
    rows = HBox([*controls.values(), *buttons], layout=Layout(flex_flow="row wrap"))
    made = VBox([rows, now, slow])
    made.add_class("nst-panel")
    return made


def control(name: str, values: Sequence, value: object) -> Widget:
    """A slider for numbers, a row of buttons for a few words, a menu for many.

    Args:
        name: of the argument; becomes the label and a class, `nst-<name>`.
        values: to choose from.
        value: the one to begin with.
    """
    from ipywidgets import Dropdown, SelectionSlider, ToggleButtons

    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    kind = SelectionSlider if numbers else ToggleButtons if len(values) <= 4 else Dropdown
    late = {"continuous_update": False} if numbers else {}  # a figure per pixel of a drag would lag behind
    made = kind(
        options=[(f"{value:g}" if numbers else str(value), value) for value in values],
        value=value,
        description=name.replace("_", " "),
        style={"description_width": "initial", **({} if kind is not ToggleButtons else {"button_width": "auto"})},
        **late,
    )
    made.add_class(f"nst-{name}")
    return made


def button(act: Callable[[], None]) -> Button:
    """A button that works, says so, and cannot be pressed again meanwhile."""
    from ipywidgets import Button

    made = Button(description="Run this for real")
    made.add_class("nst-run")

    def press(_: object) -> None:
        made.disabled, made.description = True, "Running …"
        try:
            act()
        finally:
            made.disabled, made.description = False, "Run this for real"

    made.on_click(press)
    return made


def show(figure: Figure, out: Output) -> None:
    """Put a figure in the place of what an output shows; drawn before, so that its errors reach the caller.

    Args:
        figure: what to show.
        out: where.
    """
    from IPython.display import display

    with out:
        out.clear_output(wait=True)
        display(figure)


def flight_recorder(**first: object) -> VBox:
    """The recorded runs on sliders, and a button that runs the point for real.

    Args:
        first: values to begin with, by axis of `FLIGHT_AXES`.
    """
    return panel(recorded, run=real, first=flight(**first).settings, **FLIGHT_AXES)


def recorded(**settings: object) -> Figure:
    """The pictures of a recorded run, with its losses at the end as the title.

    Args:
        settings: values by axis of `FLIGHT_AXES`.
    """
    run = flight(**settings)
    return plot.filmstrip(list(zip(run.evaluations, run.frames, strict=True)), title=told(run.history[-1]))


def real(**settings: object) -> Figure:
    """A recorded point, run again: the picture on record beside that of this machine.

    Args:
        settings: values by axis of `FLIGHT_AXES`.
    """
    run = flight(**settings)
    result = run.run()
    return plot.pictures([run.frames[-1], result], ["recorded", "run just now"], title=told(result.history[-1]))


def told(record: Record) -> str:
    """Where a run stands, in words."""
    terms = ", ".join(f"{name} {value:.3g}" for name, value in record.kinds().items())
    return f"After {record.evaluations} evaluations: {terms} (weighted)"
