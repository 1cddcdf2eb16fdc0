"""Panels call their function with what the controls say, and fail where their function fails."""

import re
import sys

import pytest
from matplotlib.figure import Figure

from nstlib import FLIGHT_AXES, flight, widget
from nstlib.errors import InputError
from nstlib.widget import flight_recorder, panel


@pytest.fixture
def calls():
    return []


def drawing(calls):
    def draw(**values):
        calls.append(values)
        figure = Figure()
        figure.text(0, 0, str(values))
        return figure

    return draw


def controls(made):
    return {name.removeprefix("nst-"): one for one in made.children[0].children for name in one._dom_classes}


def test_a_panel_draws_at_once_and_after_each_change(calls):
    made = panel(drawing(calls), weight=(0.1, 1, 10), layers=("fine", "all"), first={"weight": 1})
    assert calls == [{"weight": 1, "layers": "fine"}]
    controls(made)["weight"].value = 10
    controls(made)["layers"].value = "all"
    assert calls[1:] == [{"weight": 10, "layers": "fine"}, {"weight": 10, "layers": "all"}]
    assert "nst-panel" in made._dom_classes


def test_the_kind_of_control_follows_the_values(calls):
    made = controls(panel(drawing(calls), numbers=(1, 2), words=("a", "b"), many="abcdefg", flags=(True, False)))
    kinds = {name: type(one).__name__ for name, one in made.items()}
    assert kinds == {
        "numbers": "SelectionSlider",
        "words": "ToggleButtons",
        "many": "Dropdown",
        "flags": "ToggleButtons",
    }


def test_the_button_runs_with_the_values_of_the_moment(calls):
    slow = []
    made = panel(drawing(calls), run=drawing(slow), weight=(0.1, 1))
    assert slow == []
    controls(made)["weight"].value = 1
    controls(made)["run"].click()
    assert slow == [{"weight": 1}]
    assert not controls(made)["run"].disabled


def test_an_error_of_the_function_is_the_callers():
    def wrong(weight):
        raise ValueError(f"no picture for {weight}")

    with pytest.raises(ValueError, match="no picture for 1"):
        panel(wrong, weight=(1, 2))


def test_a_button_that_fails_can_be_pressed_again(calls):
    def wrong(weight):
        raise ValueError("no")

    button = controls(panel(drawing(calls), run=wrong, weight=(1, 2)))["run"]
    button.click()  # ipywidgets shows the error
    assert not button.disabled and button.description == "Run this for real"


def test_without_ipywidgets_the_message_says_what_to_do(monkeypatch, calls):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(InputError, match="pip install"):
        panel(drawing(calls), weight=(1, 2))
    assert calls == []


def test_the_flight_recorder_shows_what_was_recorded(monkeypatch):
    shown = []
    monkeypatch.setattr(widget, "show", lambda figure, out: shown.append(figure))
    made = flight_recorder(pair="still_life", style_weight=3, layers="all")
    assert set(controls(made)) == {*FLIGHT_AXES, "run"}
    assert controls(made)["style_weight"].value == 3
    controls(made)["style_weight"].value = 0.1
    titles = [figure.get_suptitle() for figure in shown]
    last = [flight(pair="still_life", style_weight=w, layers="all").history[-1].kinds() for w in (3, 0.1)]
    numbers = [re.findall(r"(\w+) ([\d.e-]+)(?=[, ])", title) for title in titles]
    for found, kinds in zip(numbers, last, strict=True):
        assert [(k, float(v)) for k, v in found if k in kinds] == [(k, float(f"{v:.3g}")) for k, v in kinds.items()]


def test_a_point_is_run_for_real(monkeypatch):
    monkeypatch.setattr("nstlib.recorder.SIZE", 48)
    monkeypatch.setattr("nstlib.recorder.FRAMES", (2, 3))
    assert "recorded, run just now" in widget.real(**flight().settings).alt
