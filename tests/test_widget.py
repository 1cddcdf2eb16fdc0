"""Panels show what the controls say, keep what ran below a button, and lie over a still figure."""

import base64
import datetime
import gc
import io
import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import nstlib as nst
from nstlib import FLIGHT_AXES, flight, plot, recorder
from nstlib.errors import InputError
from nstlib.widget import chooser, controls, flight_recorder, panel, still
from nstlib.widget.chooser import choose
from nstlib.widget.panels import encode_quickly

SMALL = {"size": 48, "pyramid": (), "weights": "random", "device": "cpu", "precision": "float32", "show": False}


@pytest.fixture
def calls():
    return []


def drawing(calls):
    def draw(**values):
        calls.append(values)
        figure = Figure(figsize=(1, 1))
        figure.text(0, 0, str(values))
        figure.alt = f"a figure of {values}"
        return figure

    return draw


def transfer(evaluations=3, **options):
    def make(**values):
        return nst.Transfer("content/harbour", ["style/mosaic"], evaluations=evaluations, **(SMALL | options))

    return make


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


# --- the figure ----------------------------------------------------------------------------------


def test_a_panel_goes_on_when_a_later_cell_uses_its_names_for_others():
    cells = {"strip": nst.plot.strip, "picture": torch.zeros(1, 3, 4, 4), "panel": panel}
    exec("def draw(tile):\n    return strip([picture], title=f'{tile}')\nshown = panel(draw, tile=(1, 2, 3))", cells)
    exec("picture = None", cells)
    cells["shown"].controls["tile"].value = 2
    assert ">2<" in cells["shown"].figure.value and not cells["shown"].words.value


def test_a_panel_answers_before_garbage_is_collected():
    collecting = []

    def draw(tile):
        collecting.append(gc.isenabled())
        if tile == 3:
            raise InputError("three")
        return Figure()

    shown = panel(draw, tile=(1, 2, 3))
    for tile in (2, 3):
        shown.controls["tile"].value = tile
        assert gc.isenabled()
    assert collecting == [True, False, False]


def test_a_panel_draws_at_once_and_after_each_change(calls):
    made = panel(drawing(calls), weight=(0.1, 1, 10), layers=("fine", "all"), first={"weight": 1})
    assert calls == [{"weight": 1, "layers": "fine"}]
    made.controls["weight"].value = 10
    made.controls["layers"].value = "all"
    assert calls[1:] == [{"weight": 10, "layers": "fine"}, {"weight": 10, "layers": "all"}]
    assert "nst-panel" in made.box._dom_classes
    assert (
        '<img alt="a figure of {&#x27;weight&#x27;: 10' in made.figure.value and "data:image/png" in made.figure.value
    )


@pytest.mark.parametrize("title, heard", [("What was <found>", "What was &lt;found&gt;"), ("", "a figure of")])
def test_what_a_control_changed_is_heard(calls, title, heard):
    def titled(weight):
        figure = drawing(calls)(weight=weight)
        figure.suptitle(title)
        return figure

    made = panel(titled, weight=(1, 2))
    assert made.heard.value == "" and {"nst-spoken", "nst-heard"} <= set(made.heard._dom_classes)
    made.controls["weight"].value = 2
    assert made.heard.value.startswith(heard) and made.heard in made.box.children
    recorded = flight_recorder()
    recorded.controls["style_weight"].value = 10
    assert recorded.heard.value.startswith("After 150 evaluations: ")


def test_a_picture_of_a_recorded_run_says_in_words_how_it_differs():
    made, told = flight_recorder(), []
    for weight in (1, 10):
        made.controls["style_weight"].value = weight
        told.append(re.findall('<img alt="(.*?)"', made.figure.value))
    assert told[0][0].startswith("After 10 evaluations: content ") and not set(told[0]) & set(told[1])


def test_what_was_drawn_is_there_at_once(calls):
    made = panel(drawing(calls), weight=(1, 2))
    before = made.figure.value
    made.controls["weight"].value = 2
    made.controls["weight"].value = 1
    assert made.figure.value == before and len(calls) == 2


def test_no_more_drawings_are_kept_than_memory_holds(calls, monkeypatch):
    monkeypatch.setattr("nstlib.widget.panels.KEPT", 3)
    made = panel(drawing(calls), weight=range(6))
    for value in range(6):
        made.controls["weight"].value = value
    assert len(made.drawn) == 3


def test_the_kind_of_control_follows_the_values(calls):
    made = panel(drawing(calls), numbers=(1, 2), words=("a", "b"), many="abcdefg", flags=(True, False)).controls
    kinds = {name: type(one).__name__ for name, one in made.items()}
    assert kinds == {
        "numbers": "SelectionSlider",
        "words": "ToggleButtons",
        "many": "Dropdown",
        "flags": "ToggleButtons",
    }


def test_numbers_are_in_order_and_begin_where_they_are_told(calls):
    slider = panel(drawing(calls), tile=(16, 1, 4), first={"tile": 4}).controls["tile"]
    assert [value for _, value in slider.options] == [1, 4, 16] and slider.value == 4


def test_of_numbers_it_begins_with_the_nearest_that_is_offered(calls):
    tenths = [number / 10 for number in range(11)]  # 0.3 among them, and 0.30000000000000004 is not
    for offered, wanted, found in (([0, 0.3, 1], 0.5, 0.3), (tenths, 0.1 + 0.2, 0.3)):
        made = panel(drawing(calls), strength=offered, first={"strength": wanted})
        assert made.controls["strength"].value == found


@pytest.mark.parametrize("offered", [{"a", "b"}, (letter for letter in "ab"), {"a": 1, "b": 2}])
def test_choices_are_whatever_can_be_gone_through(calls, offered):
    assert {value for _, value in panel(drawing(calls), letter=offered).controls["letter"].options} == {"a", "b"}


@pytest.mark.parametrize(
    "first, choices, told",
    [
        ({"word": "c"}, {"word": "ab"}, "^word cannot begin with 'c', which is not offered: take one of a, b$"),
        ({"wrod": "a"}, {"word": "ab"}, "^unknown argument 'wrod': did you mean 'word'"),
        ({}, {"word": []}, "^word has nothing to choose from: give a list of values"),
        ({}, {"word": 3}, "^word has nothing to choose from: give a list of values"),
    ],
)
def test_a_panel_without_choices_or_with_a_beginning_that_is_none_is_refused(calls, first, choices, told):
    with pytest.raises(InputError, match=told):
        panel(drawing(calls), first=first, **choices)


def test_labels_come_from_one_table(calls):
    made = panel(drawing(calls), optimizer=("lbfgs", "adam"), size_of_it=("a", "b")).controls
    assert made["optimizer"].description == "optimiser" and made["size_of_it"].description == "size of it"
    assert made["optimizer"].options == (("L-BFGS", "lbfgs"), ("Adam", "adam"))
    assert controls.described({"optimizer": "adam", "style_weight": 3}) == "optimiser Adam, style weight β 3"


def test_an_error_of_the_first_call_is_the_callers():
    def wrong(weight):
        raise ValueError(f"no picture for {weight}")

    with pytest.raises(ValueError, match="no picture for 1"):
        panel(wrong, weight=(1, 2))


def test_a_later_error_becomes_words_and_the_figure_stays(calls):
    draw = drawing(calls)

    def moody(weight):
        if weight == 2:
            raise ValueError("no picture <for> 2")
        return draw(weight=weight)

    made = panel(moody, weight=(1, 2, 3))
    before = made.figure.value
    made.controls["weight"].value = 2
    assert "weight 2: ValueError: no picture &lt;for&gt; 2" in made.words.value and made.figure.value == before
    assert "nst-spoken" in made.words._dom_classes
    made.controls["weight"].value = 3
    assert made.words.value == "" and made.figure.value != before


def test_without_ipywidgets_the_message_says_what_to_do(monkeypatch, calls):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(InputError, match="pip install"):
        panel(drawing(calls), weight=(1, 2))
    with pytest.raises(InputError, match="pip install"):
        choose(content="content/harbour")
    assert calls == []


# --- the run -------------------------------------------------------------------------------------


def test_a_run_is_labelled_with_the_settings_of_the_moment_and_stays(calls):
    made = panel(drawing(calls), run=transfer(), weight=(0.1, 1))
    made.controls["weight"].value = 1
    made.run.start.click()
    assert made.run.worker.wait(20)
    assert "Run with weight 1. After 3 evaluations: content" in made.run.words.value
    picture = made.run.picture.value
    assert re.search(r'<img alt="[^"]*harbour', picture) and "3 evaluations" in picture
    made.controls["weight"].value = 0.1
    assert made.run.picture.value == picture and "weight 1." in made.run.words.value
    assert not made.run.start.disabled and made.run.stop.disabled and made.run.status.value == ""


def test_a_run_leaves_the_last_picture_of_a_cell_alone(calls):
    painted = nst.stylize("content/city", "style/cubist", evaluations=2, **SMALL)
    made = panel(drawing(calls), run=transfer(), weight=(1, 2))
    made.run.start.click()
    assert made.run.worker.wait(20) and "harbour" in made.run.picture.value
    assert torch.equal(nst.last().image, painted.image)
    for _ in transfer()():
        break
    assert nst.last().image.shape != painted.image.shape, "a loop of a cell is one of its runs"


def test_a_run_shows_itself_cannot_start_twice_and_stops(calls):
    started = []

    def make(**values):
        started.append(values)
        return transfer(evaluations=100_000)(**values)

    made = panel(drawing(calls), run=make, weight=(1, 2))
    made.run.start.click()
    assert made.run.start.disabled and not made.run.stop.disabled
    until(lambda: "of 100000 evaluations" in made.run.status.value)
    assert "<img alt" in made.run.picture.value and "Running: weight 1" in made.run.words.value
    made.controls["weight"].value = 2
    assert calls[-1] == {"weight": 2} and made.run.worker.busy, "the figure changes during the run"
    made.run.start.click()
    began = time.monotonic()
    made.run.stop.click()
    assert made.run.worker.wait(10)
    assert time.monotonic() - began < 2 and started == [{"weight": 1}]
    assert "Run with weight 1." in made.run.words.value and made.run.result.evaluations < 100_000


def test_a_panel_that_is_made_again_stops_the_run_of_the_one_before(calls):
    def draw(weight):
        return drawing(calls)(weight=weight)

    make = transfer(evaluations=100_000)
    first = panel(draw, run=make, weight=(1, 2))
    first.run.start.click()
    other = panel(drawing(calls), run=make, angle=(1, 2))
    assert first.run.worker.busy and not first.run.worker.running.stop.is_set(), "another panel is none of its business"
    again = panel(draw, run=make, weight=(1, 2, 3))
    assert first.run.worker.wait(10) and not again.run.worker.busy and other.run is not None


def test_an_error_of_a_run_becomes_words_and_the_last_picture_stays(calls):
    broken = threading.Event()

    def make(**values):
        if broken.is_set():
            raise InputError("no memory for it")
        return transfer()(**values)

    made = panel(drawing(calls), run=make, weight=(1, 2))
    made.run.start.click()
    assert made.run.worker.wait(20)
    picture = made.run.picture.value
    broken.set()
    made.run.start.click()
    assert made.run.worker.wait(20)
    assert "no memory for it" in made.run.words.value and "nst-spoken" in made.run.words._dom_classes
    assert made.run.picture.value == picture and not made.run.start.disabled


# --- the recorded runs ---------------------------------------------------------------------------


def test_the_flight_recorder_shows_what_was_recorded():
    made = flight_recorder(pair="tubingen", style_weight=3, layers="all")
    assert set(made.controls) == set(FLIGHT_AXES) and made.controls["style_weight"].value == 3
    titles = []
    for weight in (3, 0.1):
        made.controls["style_weight"].value = weight
        titles += re.findall("<figcaption.*?>(.*?)</figcaption>", made.figure.value)
    last = [flight(pair="tubingen", style_weight=w, layers="all").history[-1].kinds() for w in (3, 0.1)]
    numbers = [re.findall(r"(\w+) ([\d.e-]+)(?=[, ])", title) for title in titles]
    for found, kinds in zip(numbers, last, strict=True):
        assert [(k, float(v)) for k, v in found if k in kinds] == [(k, float(f"{v:.3g}")) for k, v in kinds.items()]


def test_a_figure_with_a_photograph_travels_as_a_jpeg_and_lines_as_a_png(rng):
    """A fifth of the bytes, which the page waits for."""
    ends = {1: (0.5, 0.1), 10: (0.2, 0.6)}
    found = plot.compromise(ends, 1.0, chosen=1, picture=torch.rand(1, 3, 200, 300, generator=rng))
    kind, data = encode_quickly(found)
    assert kind == "image/jpeg" and Image.open(io.BytesIO(data)).format == "JPEG"
    kind, data = encode_quickly(plot.convolution([[0, 1], [2, 3]], [[1]]))
    assert kind == "image/png" and Image.open(io.BytesIO(data)).size[0] == 900


def test_a_photograph_takes_no_matplotlib(monkeypatch):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: pytest.fail("savefig of a photograph"))
    monkeypatch.setattr(Figure, "draw", lambda *_, **__: pytest.fail("a photograph is drawn"))
    made = flight_recorder()
    made.controls["style_weight"].value = 10
    assert made.figure.value.count("data:image/jpeg") == 4 and made.figure.value.count('<img alt="') == 4


def test_a_point_is_run_for_real(monkeypatch):
    monkeypatch.setattr(recorder, "BASE", recorder.BASE.changed(size=48, style_size=48, evaluations=3))
    made = flight_recorder()
    made.run.start.click()
    assert made.run.worker.wait(60) and made.run.result.evaluations in (3, 4)  # the last iteration ends
    assert "pictures harbour, brush strokes" in made.run.words.value


# --- the still figure ----------------------------------------------------------------------------


def displayed(monkeypatch, made):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **_: shown.append(thing))
    made._ipython_display_()
    return shown


def test_a_still_figure_with_its_alt_text_lies_under_a_panel(monkeypatch, calls):
    still, live = displayed(monkeypatch, made := panel(drawing(calls), run=transfer(), weight=(1, 2)))
    view, box = live["application/vnd.jupyter.widget-view+json"], made.box
    assert '<img alt="a figure of' in still["text/html"] and view["model_id"] == box.model_id
    assert live["text/plain"] == "", "an export would show it in place of the widget"
    assert "Run this cell to choose weight (1, 2)" in still["text/html"]
    (name,) = set(re.findall(r"nst-still-\w+", still["text/html"]))
    hider = box.children[0].value
    assert f".{name}" in hider and "display: none" in hider, "where the panel lives, it hides the still figure"
    assert 'class="nst-lost"' in hider and "kernel was restarted" in hider
    assert sum("nst-live" in child._dom_classes for child in box.children) == 1


def test_a_panel_that_is_shown_twice_hides_the_new_still(monkeypatch, calls):
    made = panel(drawing(calls), weight=(1, 2))
    displayed(monkeypatch, made)
    still, _ = displayed(monkeypatch, made)
    box = made.box
    assert re.findall(r"nst-still-\w+", still["text/html"])[0] in box.children[0].value
    assert sum("nst-live" in child._dom_classes for child in box.children) == 1


def test_what_is_chosen_is_drawn_into_the_still_figure(monkeypatch):
    drawn = []
    handle = SimpleNamespace(update=lambda data, **_: drawn.append(data["text/html"]))
    monkeypatch.setattr("IPython.display.display", lambda data, **_: handle)
    yours = chooser.choose(content="content/harbour", style="style/mosaic")
    yours.slots["style"].menu.value = "style/marbled"
    yours._ipython_display_()
    assert not drawn
    yours.slots["style"].menu.value = "style/woodcut_waves"
    assert "style: style/woodcut_waves" in drawn[-1] and "style/mosaic" not in drawn[-1]
    assert "content: content/harbour" in drawn[-1] and "Chosen: content content/harbour, style style/wo" in drawn[-1]


# --- own pictures --------------------------------------------------------------------------------


def photograph(colour=(200, 30, 30)):
    out = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(out, "PNG")
    return out.getvalue()


FORMS = {
    "ipywidgets 7": lambda name, data: {name: {"metadata": {"name": name}, "content": data}},
    "ipywidgets 8": lambda name, data: ({"name": name, "type": "image/png", "content": memoryview(data)},),
}


@pytest.fixture
def yours(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chooser, "chosen_before", {})
    return choose(content="content/harbour", style="style/mosaic")


def upload(yours, name, data, kind="ipywidgets 8", slot="content"):
    yours.slots[slot].bring.uploaded({"new": FORMS[kind](name, data)})


def test_nobody_uploads_and_the_kits_pictures_stand(yours):
    assert (yours["content"], yours["style"]) == ("content/harbour", "style/mosaic")
    assert yours.still.count("<img alt=") == 2


@pytest.mark.parametrize("kind", FORMS)
def test_an_upload_is_what_the_cells_below_use(yours, tmp_path, kind):
    upload(yours, "My photo.png", photograph(), kind)
    assert yours["content"] == "own/My_photo.png" and yours["style"] == "style/mosaic"
    assert (tmp_path / "own" / "My_photo.png").read_bytes() == photograph()
    assert nst.load_image(yours["content"]).pixels.shape == (1, 3, 60, 80)
    slot = yours.slots["content"]
    assert slot.menu.value == "own/My_photo.png" and 'alt="content: My_photo.png"' in slot.thumbnail.value


def test_the_widget_itself_hears_of_an_upload(yours):
    data = photograph()
    file = {"name": "a.png", "type": "image/png", "size": len(data), "content": memoryview(data)}
    file["last_modified"] = datetime.datetime.now(datetime.timezone.utc)
    older = ipywidgets.__version__.startswith("7.")
    yours.slots["style"].bring.upload.set_trait("value", FORMS["ipywidgets 7"]("a.png", data) if older else (file,))
    assert yours["style"] == "own/a.png"


def test_what_is_pasted_is_chosen_and_the_field_is_free_again(yours):
    bring = yours.slots["content"].bring
    two = [base64.b64encode(photograph((red, 9, 9))).decode() for red in (1, 2)]
    bring.address.value = " ".join(f"data:image/png;name={n}.png;base64,{data}" for n, data in enumerate(two))
    assert bring.fetcher.wait(20) and yours["content"] == "own/1.png" and bring.address.value == ""
    for given, told in (("no/such.png", "there is no file"), ("data:;name=gone.png,", "&#x27;gone.png&#x27; is empty")):
        bring.address.value = given
        assert bring.fetcher.wait(20) and told in yours.slots["content"].words.value, given
    assert yours["content"] == "own/1.png"


def test_a_path_with_spaces_is_taken_and_what_is_wrong_with_several_is_all_told(yours):
    bring, slot = yours.slots["content"].bring, yours.slots["content"]
    Path("my cat.png").write_bytes(photograph())
    bring.address.value = '"my cat.png"'
    assert bring.fetcher.wait(20) and yours["content"] == "own/my_cat.png"
    bring.uploaded({"new": tuple({"name": f"{n}.png", "content": photograph() if n == 2 else b""} for n in range(3))})
    assert all(f"{n}.png&#x27; is empty" in slot.words.value for n in (0, 1)), slot.words.value
    assert yours["content"] == "own/2.png" and {"own/my_cat.png", "own/2.png"} < set(slot.names)


def test_what_comes_in_parts_is_put_together(yours):
    bring, data = yours.slots["content"].bring, photograph((1, 9, 9))
    text = f"data:image/png;name=a%20b.png;base64,{base64.b64encode(data).decode()} data:;name=gone.png,"
    parts = [text[:50], text[50:-9], text[-9:]]
    for number, part in enumerate(parts, 1):
        bring.address.value = f"part me {number} 3 {part}"
        assert bring.taken.value.endswith(f"me {number},"), "the page waits for this before it sends the next one"
        assert bring.address.value == ""
    assert bring.fetcher.wait(20) and yours["content"] == "own/a_b.png"
    assert Path("own/a_b.png").read_bytes() == data and bring.pieces == {}


def test_parts_that_two_pages_send_at_once_are_kept_apart(yours):
    bring, files = yours.slots["content"].bring, {name: photograph((red, 9, 9)) for red, name in enumerate("ab")}
    sent = {name: f"data:;name={name}.png;base64,{base64.b64encode(data).decode()}" for name, data in files.items()}
    for part in (1, 2, 3):
        for name, text in sent.items():
            bring.address.value = f"part {name} {part} 3 {text[(part - 1) * 40 : part * 40 if part < 3 else None]}"
            assert f"{name} {part}," in bring.taken.value
    assert {name: Path(f"own/{name}.png").read_bytes() for name in files} == files


def test_a_picture_of_which_a_part_is_missing_is_not_taken_and_can_be_sent_again(yours):
    bring, slot = yours.slots["content"].bring, yours.slots["content"]
    text = f"data:;name=a.png;base64,{base64.b64encode(photograph()).decode()}"
    for part, piece in ((1, text[:40]), (3, text[80:])):
        bring.address.value = f"part first {part} 3 {piece}"
    assert "A part of your picture was lost on its way: send it again" in slot.words.value
    assert yours["content"] != "own/a.png"
    for part, piece in enumerate((text[:40], text[40:80], text[80:]), 1):
        bring.address.value = f"part second {part} 3 {piece}"
    assert yours["content"] == "own/a.png" and bring.pieces == {}


def test_of_pages_that_are_gone_few_parts_are_kept(yours):
    bring = yours.slots["content"].bring
    for number in range(20):
        bring.address.value = f"part page{number} 1 2 data:,"
    assert list(bring.pieces) == [f"page{number}" for number in range(12, 20)]


def test_of_pictures_that_come_fast_none_is_passed_over(yours):
    bring = yours.slots["content"].bring
    for number in range(5):
        data = base64.b64encode(photograph((number, 9, 9))).decode()
        bring.address.value = f"data:;base64,%% data:image/png;name={number}.png;base64,{data}"
    assert sorted(path.name for path in Path("own").glob("*.png")) == [f"{number}.png" for number in range(5)]
    assert yours["content"] == "own/4.png"


def test_a_cell_that_is_run_again_keeps_what_was_chosen(yours):
    upload(yours, "a.png", photograph())
    yours.slots["style"].menu.value = "style/cubist"
    again = choose(content="content/harbour", style="style/mosaic")
    assert (again["content"], again["style"]) == ("own/a.png", "style/cubist")
    assert again.slots["content"].menu.value == "own/a.png" and 'alt="content: a.png"' in again.still
    other = choose(content="content/city", style="style/mosaic")
    assert other["content"] == "content/city", "another call begins anew"


def test_what_was_uploaded_is_offered_after_a_restart(yours, monkeypatch):
    upload(yours, "a.png", photograph())
    monkeypatch.setattr(chooser, "chosen_before", {})
    again = choose(content="content/harbour", style="style/mosaic")
    assert again["content"] == "content/harbour" and all("own/a.png" in s.names for s in again.slots.values())


def test_a_picture_that_is_gone_gives_its_place_back(yours, tmp_path):
    upload(yours, "a.png", photograph())
    (tmp_path / "own" / "a.png").unlink()
    assert choose(content="content/harbour", style="style/mosaic")["content"] == "content/harbour"


def test_the_button_for_uploads_shows_its_words_alone(yours):
    button = yours.slots["content"].bring.upload
    assert button.description == "Upload your own content\n" and "nst-upload" in button._dom_classes
    assert "white-space: pre" in still.BRING_RULE and still.BRING_RULE in still.RULES


def test_a_broken_upload_is_told_and_nothing_changes(yours, tmp_path):
    upload(yours, "notes.png", b"these are no pixels")
    slot = yours.slots["content"]
    assert "'notes.png' is no picture" in slot.words.value.replace("&#x27;", "'")
    assert "nst-spoken" in slot.words._dom_classes
    assert "content/harbour is still chosen" in slot.words.value
    assert yours["content"] == "content/harbour" and not list(tmp_path.iterdir())
    slot.menu.value = "content/city"
    assert slot.words.value == "" and yours["content"] == "content/city"


def test_a_picture_that_cannot_be_had_is_told_and_the_one_before_stays(yours, monkeypatch):
    monkeypatch.setattr(chooser, "load_image", lambda *_: (_ for _ in ()).throw(InputError("no network")))
    yours.slots["style"].menu.value = "painting/great_wave"
    slot = yours.slots["style"]
    assert "no network" in slot.words.value and yours["style"] == slot.menu.value == "style/mosaic"


def test_after_a_picture_that_cannot_be_had_what_is_said_to_be_chosen_is(yours, monkeypatch):
    slot, look = yours.slots["style"], chooser.load_image

    def some(name, side):
        if name == "style/cubist":
            raise InputError("no network")
        return look(name, side)

    monkeypatch.setattr(chooser, "load_image", some)
    slot.menu.value = "style/cubist"
    assert "no network. style/mosaic is still chosen" in slot.words.value and slot.menu.value == "style/mosaic"
    slot.menu.value = "style/marbled"
    assert slot.words.value == "" and yours["style"] == "style/marbled"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_picture_whose_name_is_not_utf_8_is_offered_and_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chooser, "chosen_before", {})
    name = os.fsdecode(b"own/caf\xe9.png")
    Path("own").mkdir()
    Path(name).write_bytes(photograph())
    made = choose(content="content/harbour")
    slot = made.slots["content"]
    slot.menu.value = name
    assert made["content"] == name and "own/caf?.png" in repr(made)
    slot.refuse("no")
    for part in (slot.menu, slot.words, slot.thumbnail):
        state = json.dumps(part.get_state(), ensure_ascii=False, default=str).encode()  # as a kernel would send it
        assert b"caf" in state
    (made.still + repr(made)).encode()


def test_two_choosers_of_one_call_each_say_what_their_menus_do(yours):
    again = choose(content="content/harbour", style="style/mosaic")
    again.slots["style"].menu.value = "style/cubist"
    assert (yours["style"], again["style"]) == ("style/mosaic", "style/cubist")
    yours.slots["content"].menu.value = "content/city"
    assert again["content"] == "content/harbour"
    assert choose(content="content/harbour", style="style/mosaic")["content"] == "content/city", "the last choice"


def test_a_name_of_the_kit_that_is_pasted_is_the_menus_entry(yours, tmp_path):
    slot = yours.slots["content"]
    offered = set(slot.names)
    slot.bring.address.value = "content/mountains"
    assert slot.bring.fetcher.wait(20) and yours["content"] == slot.menu.value == "content/mountains"
    assert set(slot.names) == offered and not list(tmp_path.iterdir())
