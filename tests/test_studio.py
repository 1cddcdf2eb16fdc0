"""The studio without a browser: choices, shelf, forecast, painter, and the page as far as Python knows it."""

import html
import io
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from datetime import datetime, timezone
from math import prod
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import nstlib as nst
from nstlib import cli
from nstlib.errors import InputError
from nstlib.optimizers import Stop
from nstlib.result import Record, read_facts
from nstlib.studio import painter as painter_module
from nstlib.studio import view
from nstlib.studio.choices import Choices
from nstlib.studio.drawing import losses, wiped
from nstlib.studio.forecast import Paces, foresee, measure
from nstlib.studio.painter import Painter
from nstlib.studio.shelf import Shelf

SMALL = Choices(size=64, evaluations=4)
TWO = replace(
    SMALL, styles=("style/mosaic", "style/cubist"), shares=(0.5, 1.0), strength=2.5, stroke=0.75, seed=3, start="noise"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test in a folder of its own, which is the notebook's, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(view, "cache", lambda: tmp_path / "paces.json")
    return tmp_path


def png(width=48, height=40, seed=0):
    """The bytes of a picture file."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


# --- choices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [SMALL, TWO, replace(SMALL, more={"tv_weight": 0.5, "style_weight": 0.0})])
def test_choices_arrive_in_the_plan_and_come_back_from_its_facts(choices):
    plan = nst.prepare(choices.content, list(choices.styles), **choices.options())
    recipe = plan.recipe
    held = (recipe.size, recipe.evaluations, recipe.start, recipe.backbone)
    assert held == (choices.size, choices.evaluations, choices.start, choices.backbone)
    assert recipe.style_weight == choices.more.get("style_weight", choices.strength)
    assert plan.settings.seed == choices.seed
    assert plan.settings.style_scales in (None, (choices.stroke,) * len(choices.styles))
    assert all(getattr(recipe, name) == value for name, value in choices.more.items())
    back = Choices.of(json.loads(json.dumps(plan.facts)))
    weights = np.array(choices.shares) / sum(choices.shares)
    assert back.shares == pytest.approx(weights) and replace(back, shares=choices.shares) == choices


def test_what_a_recipe_says_anyway_is_no_option():
    assert Choices(size=512).options() == {}


@pytest.mark.parametrize("name", nst.RECIPES)
def test_a_recipe_is_taken_as_it_is(name):
    made = Choices(size=nst.RECIPES[name].size).by(name)
    assert made.options() in ({"recipe": name}, {})
    facts = {"content": "a", "styles": ["b"], "recipe": json.loads(json.dumps(nst.RECIPES[name].to_dict()))}
    assert Choices.of(facts) == replace(made, content="a", styles=("b",))


def test_every_field_of_a_recipe_that_has_no_control_is_kept():
    odd = nst.RECIPES["gatys2016"].changed(name="mine", size=96, tv_weight=0.25, pooling="max")
    back = Choices.of({"content": "a", "styles": ["b"], "recipe": odd.to_dict()})
    from nstlib.plan import settle

    given = back.options()
    found, _ = settle(given.pop("recipe", "kit"), given)
    words = ("name", "source", "note")
    assert all(getattr(found, f.name) == getattr(odd, f.name) for f in fields(odd) if f.name not in words)


@pytest.mark.parametrize("facts", [{}, {"content": "a", "styles": []}, {"content": None, "styles": ["b"]}])
def test_a_picture_without_content_or_style_is_refused(facts):
    with pytest.raises(InputError, match="not made from a content and a style"):
        Choices.of({**facts, "recipe": nst.Recipe().to_dict()})


def test_code_and_command_run_as_they_are_shown_and_paint_what_was_chosen(folder):
    own = Shelf().keep(png(), "my cat's.png")
    chosen = replace(TWO, content=own, recipe="kit", more={"tv_weight": 0.1})
    exec(compile(chosen.code("by code.png"), "cell", "exec"), {})
    program, *words = shlex.split(chosen.command("by command.png"))
    assert program == "nst"
    done = CliRunner().invoke(cli.nst, words)
    assert done.exit_code == 0, done.output
    pictures = [np.array(Image.open(folder / name)) for name in ("by code.png", "by command.png")]
    assert np.array_equal(*pictures)
    facts = read_facts(folder / "by command.png")
    assert replace(Choices.of(facts), shares=TWO.shares) == chosen


def test_code_keeps_to_a_notebooks_width():
    assert max(map(len, replace(TWO, recipe="gatys2016").code("harbour-mosaic-cubist.png").splitlines())) <= 88


# --- the shelf -----------------------------------------------------------------------------------


def test_a_finished_picture_never_takes_anothers_place():
    shelf = Shelf()
    names = []
    for _ in range(3):
        path = shelf.place(SMALL)
        path.write_bytes(png())
        names.append(path.name)
    assert names == ["harbour-brushstrokes.png", "harbour-brushstrokes-2.png", "harbour-brushstrokes-3.png"]


def test_own_pictures_are_kept_byte_by_byte_and_once():
    shelf = Shelf()
    first, other = png(seed=1), png(seed=2)
    names = [shelf.keep(first, "../../etc/a b.png"), shelf.keep(first, "a b.png"), shelf.keep(other, "a b.png")]
    assert names == ["studio/own/a_b.png", "studio/own/a_b.png", "studio/own/a_b-2.png"]
    assert [Path(name).read_bytes() for name in names] == [first, first, other]
    assert Shelf().own() == ["studio/own/a_b-2.png", "studio/own/a_b.png"]


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:60]])
def test_a_broken_upload_is_refused_by_its_name_and_leaves_nothing(data, folder):
    with pytest.raises(InputError, match=r"cat\.png"):
        Shelf().keep(data, "cat.png")
    assert not (folder / "studio").exists()


def test_the_gallery_is_what_was_painted_and_nothing_else(folder):
    shelf = Shelf()
    for number in range(2):
        nst.stylize("content/harbour", "style/mosaic", size=48, evaluations=1).save(shelf.place(SMALL))
        os.utime(shelf.folder / f"harbour-brushstrokes{'-2' * number}.png", ns=(number, number))
    (shelf.folder / "holiday.png").write_bytes(png())
    (shelf.folder / "notes.txt").write_text("x")
    shelf.keep(png(), "cat.png")
    assert [path.name for path in Shelf().painted()] == ["harbour-brushstrokes-2.png", "harbour-brushstrokes.png"]


def test_a_folder_that_cannot_be_made_is_told(folder):
    (folder / "studio").write_text("a file")
    with pytest.raises(InputError, match="the folder 'studio' cannot be made"):
        Shelf().place(SMALL)


# --- the forecast --------------------------------------------------------------------------------


def plan_of(**options):
    return nst.prepare("content/harbour", ["style/mosaic"], **{"size": 64, "evaluations": 10, **options})


def history(size, seconds, count=4):
    return [Record(size, n, n, n * seconds, 1.0, {}) for n in range(1, count + 1)]


def test_seconds_are_foretold_by_what_was_measured_and_grow_with_the_work(folder):
    paces = Paces(folder / "deep" / "paces.json")
    plan = plan_of()
    size = plan.stages[-1].size
    assert paces.seconds(plan) is None and "not measured" in str(foresee(plan, paces))
    paces.learn(plan, history(size, 0.5))
    assert paces.seconds(plan) == pytest.approx(11 * 0.5)
    assert paces.seconds(plan_of(evaluations=20)) == pytest.approx(21 * 0.5)
    large = plan_of(size=128)
    assert paces.seconds(large) == pytest.approx(11 * 0.5 * prod(large.stages[-1].size) / prod(size))
    assert paces.seconds(plan_of(optimizer="adam")) is None
    again = Paces(folder / "deep" / "paces.json")
    assert again.seconds(plan) == paces.seconds(plan)
    assert "about 6 s" in str(foresee(plan, again))


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"x": 2}}'])
def test_a_damaged_file_of_paces_is_measured_anew(text, folder):
    (folder / "paces.json").write_text(text)
    assert Paces(folder / "paces.json").seconds(plan_of()) is None


def test_a_small_run_is_measured_where_nothing_is_known():
    paces, plan = Paces(), plan_of(size=320, evaluations=100)
    measure(plan, paces, threading.Event())
    began = time.perf_counter()
    for _ in nst.transfer.paint(plan_of(size=320, evaluations=8)):
        pass
    real = (time.perf_counter() - began) / 8
    assert 0.25 < paces.seconds(plan) / (101 * real) < 4


def test_a_measurement_can_be_given_up():
    paces, stop = Paces(), threading.Event()
    stop.set()
    measure(plan_of(), paces, stop)
    assert paces.seen == {}


def test_memory_is_foretold_and_grows_with_size():
    small, large = (foresee(plan_of(size=size), Paces()).bytes for size in (128, 512))
    assert 5e6 < small < large < 1e9 and large > 6 * small


# --- the painter ---------------------------------------------------------------------------------


class Watch:
    """Remembers what it was told; `at` does something at a step."""

    def __init__(self):
        self.told, self.images, self.results, self.at = [], [], [], lambda number: None

    def began(self, canvas):
        self.told.append("began")

    def grew(self, canvas, progress):
        self.images.append(progress.step.image)
        self.at(len(self.images))

    def kept(self, canvas, result):
        self.told.append("kept")
        self.results.append((canvas.path, result))

    def said(self, words):
        self.told.append(words)

    def ended(self):
        self.told.append("ended")


@pytest.fixture
def painter():
    made = Painter(Shelf(), Paces(), Watch())
    yield made
    made.stop()
    assert made.worker.wait(20)


def pixels(path):
    return np.array(Image.open(path)).astype(int)


def test_a_run_is_painted_and_kept_with_its_facts(painter):
    painter.paint(SMALL)
    assert painter.worker.wait(60)
    watch = painter.watcher
    assert watch.told == ["began", "kept", "ended"] and len(watch.images) >= 3
    (path, result), *_ = watch.results
    assert Choices.of(read_facts(path)) == SMALL and result.stopped is Stop.BUDGET
    expected = nst.stylize("content/harbour", "style/brushstrokes", size=64, evaluations=4)
    assert np.abs(pixels(path) - np.array(nst.to_pil(expected.image))).max() <= 1


def test_stopped_and_gone_on_with_is_the_run_that_was_never_left(painter):
    chosen, watch = replace(SMALL, evaluations=12), painter.watcher
    watch.at = lambda number: number == 3 and painter.stop()
    painter.paint(chosen)
    assert painter.worker.wait(60) and watch.results[0][1].stopped is Stop.LEFT
    assert len(watch.images) == 3
    painter.go_on()
    assert painter.worker.wait(60)
    (first, _), (second, result) = watch.results
    assert first != second and first.is_file() and result.stopped is Stop.BUDGET
    whole = nst.stylize(chosen.content, *chosen.styles, **chosen.options())
    assert np.abs(pixels(second) - np.array(nst.to_pil(whole.image))).max() <= 1


def test_a_finished_run_is_given_more(painter):
    painter.paint(SMALL)
    painter.worker.wait(60)
    painter.go_on()
    assert painter.worker.wait(60)
    result = painter.watcher.results[-1][1]
    assert result.evaluations >= 8 and result.recipe.evaluations == 8
    assert Choices.of(read_facts(painter.canvas.path)) == replace(SMALL, evaluations=8)
    painter.go_on()
    assert painter.worker.wait(60) and painter.watcher.results[-1][1].recipe.evaluations == 12


def test_a_second_request_keeps_the_first_picture_and_the_same_one_is_not_begun_twice(painter):
    watch, long = painter.watcher, replace(SMALL, evaluations=1000)
    other, done = replace(SMALL, content="content/city"), []

    def at(number):
        if number == 2 and not done:
            painter.paint(long)
            done.append(1)
            painter.paint(other)

    watch.at = at
    painter.paint(long)
    assert painter.worker.wait(60)
    said = [words for words in watch.told if " " in words]
    assert "being painted already" in said[0] and "kept, then the new one" in said[1]
    assert [path.stem for path, _ in watch.results] == ["harbour-brushstrokes", "city-brushstrokes"]
    assert all(path.is_file() for path, _ in watch.results)


def test_stopping_before_it_began_paints_nothing(painter, monkeypatch):
    gate = threading.Event()
    prepare = painter_module.prepare
    monkeypatch.setattr(painter_module, "prepare", lambda *a, **k: (gate.wait(10), prepare(*a, **k))[1])
    painter.paint(SMALL)
    painter.stop()
    gate.set()
    assert painter.worker.wait(20) and painter.watcher.told == ["Stopped before it began", "ended"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("you tried to allocate memory")])
def test_memory_that_runs_out_costs_no_picture(painter, monkeypatch, error):
    def short(plan, run):
        for number, progress in enumerate(nst.transfer.paint(plan, run)):
            yield progress
            if number == 1:
                raise error

    monkeypatch.setattr(painter_module, "paint", short)
    painter.paint(replace(SMALL, evaluations=50))
    assert painter.worker.wait(60)
    (path, result), *_ = painter.watcher.results
    assert path.is_file() and result.stopped is Stop.MEMORY and painter.watcher.told[-1] == "ended"


def test_another_error_keeps_the_picture_and_is_told(painter, monkeypatch):
    def broken(plan, run):
        yield from (one for one, _ in zip(nst.transfer.paint(plan, run), range(2), strict=False))
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(painter_module, "paint", broken)
    painter.paint(replace(SMALL, evaluations=50))
    assert painter.worker.wait(60)
    assert painter.watcher.told[1:] == ["kept", "ZeroDivisionError: a mistake", "ended"]


def test_what_does_not_fit_is_told_and_the_next_run_works(painter):
    painter.paint(replace(SMALL, more={"memory": 1e5}))
    assert painter.worker.wait(60)
    assert re.search(r"pixels with pocket need .* GB, but there are", painter.watcher.told[0])
    painter.paint(SMALL)
    assert painter.worker.wait(60) and painter.watcher.told[-2:] == ["kept", "ended"]


def test_a_picture_that_grows_is_written_now_and_then(painter, monkeypatch):
    monkeypatch.setattr(painter_module, "SAVE_SECONDS", 0.0)
    seen = []
    painter.watcher.at = lambda number: seen.append(list(Path("studio").glob("*.png")))
    painter.paint(replace(SMALL, evaluations=6))
    assert painter.worker.wait(60) and seen[0] == [] and len(seen[-1]) == 1
    assert len(list(Path("studio").glob("*.png"))) == 1


def test_a_folder_that_may_not_be_written_to_costs_no_picture(painter, monkeypatch, folder):
    from nstlib.result import Result

    save = Result.save

    def refused(result, path):
        if Path(path).parent == Path("studio"):
            raise InputError("full")
        return save(result, path)

    monkeypatch.setattr(Result, "save", refused)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    painter.paint(SMALL)
    assert painter.worker.wait(60) and painter.watcher.results[0][0] == folder / "harbour-brushstrokes.png"


# --- the page ------------------------------------------------------------------------------------


@pytest.fixture
def studio():
    made = nst.Studio()
    made.scout.stop()
    yield made
    made.painter.stop()
    made.scout.stop()
    assert made.painter.worker.wait(20) and made.scout.wait(20)


def give(control, name, data):
    """Upload a file, as this version of ipywidgets tells it."""
    if isinstance(control.value, dict):
        control.set_trait("value", {name: {"metadata": {"name": name}, "content": data}})
    else:
        now = datetime.now(timezone.utc)
        file = {"name": name, "type": "image/png", "size": len(data), "content": memoryview(data), "last_modified": now}
        control.value = (file,)


def words(studio):
    return html.unescape(re.sub("<[^>]+>", "", studio.words.value))


def test_controls_and_choices_say_the_same(studio):
    studio.knobs["size"].value, studio.knobs["strength"].value, studio.knobs["seed"].value = 128, 2.0, 7
    studio.styles.press("style/mosaic")
    studio.shares[1].value = 0.5
    studio.contents.press("content/city")
    expected = replace(
        Choices(),
        content="content/city",
        styles=("style/brushstrokes", "style/mosaic"),
        shares=(1.0, 0.5),
        size=128,
        strength=2.0,
        seed=7,
    )
    assert studio.choices == expected
    studio.take(TWO)
    assert studio.choices == TWO
    studio.touched()
    assert studio.choices == TWO


def test_what_no_control_offers_is_kept(studio):
    far = replace(SMALL, size=4000, strength=2e4, stroke=0.01, evaluations=5000)
    studio.take(far)
    studio.touched()
    assert studio.choices == far


def test_at_most_three_styles_and_at_least_one(studio):
    for name in ("style/mosaic", "style/cubist", "style/marbled"):
        studio.styles.press(name)
    assert studio.choices.styles == ("style/mosaic", "style/cubist", "style/marbled")
    for name in studio.choices.styles:
        studio.styles.press(name)
    assert studio.choices.styles == ("style/marbled",)
    marks = [button.description for button in studio.styles.buttons.values() if "✓" in button.description]
    assert marks == ["✓ marbled"] and "nst-chosen" in studio.styles.buttons["style/marbled"]._dom_classes


def test_a_recipe_brings_its_own_settings(studio):
    studio.knobs["strength"].value = 5
    studio.knobs["recipe"].value = "gatys2016"
    assert studio.knobs["backbone"].value == "vgg19" and studio.knobs["start"].value == "noise"
    assert studio.choices == Choices().by("gatys2016") and studio.knobs["strength"].value == 1


def test_an_uploaded_picture_is_chosen_and_painted(studio):
    give(studio.upload_content, "cat.png", png())
    give(studio.upload_style, "art.png", png(seed=1))
    assert studio.choices.content == "studio/own/cat.png" and studio.choices.styles == ("studio/own/art.png",)
    studio.knobs["size"].value, studio.knobs["evaluations"].value = 128, 5
    studio.paint.click()
    assert studio.painter.worker.wait(60) and "Kept as studio/cat-art.png" in words(studio)
    studio.styles.choose(["style/mosaic", "style/cubist"])
    give(studio.upload_style, "sea.png", png(seed=2))
    assert studio.choices.styles == ("style/mosaic", "style/cubist", "studio/own/sea.png")


def test_a_broken_upload_is_told_and_changes_nothing(studio):
    before = studio.choices
    give(studio.upload_content, "cat.png", b"no picture")
    assert "cat.png" in words(studio) and studio.choices == before


def test_paint_stop_continue_compare_restore_and_download(studio):
    studio.take(SMALL)
    studio.paint.click()
    assert studio.painter.worker.wait(60)
    assert not studio.go_on.disabled and studio.halt.disabled and len(studio.gallery.buttons) == 1
    studio.take(TWO)
    studio.paint.click()
    assert studio.painter.worker.wait(60) and len(studio.gallery.buttons) == 2
    assert studio.gallery.chosen == (str(Path("studio/harbour-mosaic-cubist.png")),)
    studio.gallery.press(str(Path("studio/harbour-brushstrokes.png")))
    assert studio.wipe.value == 50 and "harbour-mosaic-cubist to the left, harbour-brushstrokes" in studio.easel.value
    assert 'download="harbour-brushstrokes.png"' in studio.link.value
    studio.restore.click()
    assert studio.choices == SMALL


def test_the_gallery_survives_a_restart_and_takes_strange_files(studio, folder):
    studio.take(SMALL)
    studio.paint.click()
    assert studio.painter.worker.wait(60)
    (folder / "studio" / "broken.png").write_bytes(b"x")
    again = nst.Studio()
    again.scout.stop()
    assert list(again.gallery.buttons) == [str(Path("studio/harbour-brushstrokes.png"))]
    again.gallery.press(*again.gallery.buttons)
    again.restore.click()
    assert again.choices == SMALL


def test_a_picture_whose_content_is_gone_can_still_be_looked_at(studio, folder):
    own = studio.shelf.keep(png(), "cat.png")
    nst.stylize(own, "style/mosaic", size=48, evaluations=1).save(studio.shelf.place(replace(SMALL, content=own)))
    Path(own).unlink()
    again = nst.Studio()
    again.scout.stop()
    again.gallery.press(*again.gallery.buttons)
    assert again.left is None and "<img" in again.easel.value
    again.restore.click()
    assert "there is no file 'studio/own/cat.png'" in words(again) and again.choices == Choices()
    again.touched()
    assert again.choices == Choices()


def test_the_code_follows_the_controls(studio):
    studio.show_code.value = True
    studio.knobs["size"].value = 128
    assert "size=128," in studio.code.value and "--size 128" in studio.code.value
    assert studio.code.layout.display == "block"


def test_the_forecast_says_seconds_and_memory_or_why_not(studio):
    studio.take(SMALL)
    assert studio.scout.wait(60)
    assert re.search(r"64×44 pixels: about \d+ s, about \d+ MB of memory", studio.forecast.value)
    studio.take(replace(SMALL, more={"memory": 1e5}))
    assert studio.scout.wait(60) and "GB, but there are" in studio.forecast.value
    assert "nst-warn" in studio.forecast.value


def test_a_forecast_downloads_nothing(studio, monkeypatch):
    monkeypatch.setattr(view, "find_weights", lambda name: None)
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: pytest.fail("a download"))
    studio.take(replace(SMALL, backbone="squeezenet1_1"))
    assert studio.scout.wait(60) and "its weights are fetched first, 5 MB" in studio.forecast.value


def test_a_painting_that_cannot_be_had_is_told(studio, monkeypatch):
    def unreachable(name):
        raise InputError("no network")

    monkeypatch.setattr("nstlib.gallery.painting", lambda name, file: unreachable(name))
    studio.paintings.value = "painting/great_wave"
    assert studio.scout.wait(20) and "no network" in words(studio)


def test_without_ipywidgets_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(InputError, match="pip install"):
        nst.Studio()


# --- what is drawn -------------------------------------------------------------------------------


def test_the_border_moves_from_left_to_right():
    left, right = Image.new("RGB", (10, 4), "red"), Image.new("RGB", (100, 40), "blue")
    assert wiped(left, right, 0).getcolors() == [(4000, (0, 0, 255))]
    assert wiped(left, right, 1).getcolors() == [(4000, (255, 0, 0))]
    half = np.array(wiped(left, right, 0.3))
    assert (half[:, :27] == [255, 0, 0]).all() and (half[:, 34:] == [0, 0, 255]).all()


def test_a_picture_of_another_shape_keeps_its_proportions():
    tall = Image.new("RGB", (10, 20), "red")
    made = np.array(wiped(tall, Image.new("RGB", (60, 40), "blue"), 1))
    assert (made == [255, 0, 0]).all(-1).sum() == 20 * 40 and (made[:, 0] == 128).all()


def test_the_chart_says_in_words_what_it_shows():
    lines = [Record((8, 8), n, n, n, 1 / n, {"content": 0.25 / n, "style relu1_1": 0.75 / n}) for n in range(1, 9)]
    drawn = losses(lines)
    assert "Loss 1 at first, 0.125 now" in drawn and "style relu1_1 75%" in drawn
    assert losses(()).count("<svg") == losses(lines).count("<svg")


def test_names_cannot_break_the_page():
    from nstlib.studio import drawing

    for made in (
        drawing.told("<b>"),
        drawing.bar(0.5, "<b>"),
        drawing.sides("<b>", '"'),
        drawing.code_block("a", "<b>"),
    ):
        assert "<b>" not in made


# --- its command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "module", "own"),
    [([], "jupyterlab.labapp", []), (["--voila"], "voila.app", ["--template=nst-studio"])],
)
def test_the_command_opens_the_notebook(option, module, own, folder, monkeypatch):
    heard = []
    server = type(sys)(module)
    server.main = heard.append
    monkeypatch.setitem(sys.modules, module, server)
    monkeypatch.setenv("JUPYTER_PATH", "")
    done = CliRunner().invoke(cli.nst, ["studio", "mine", *option, "--no-browser"])
    assert done.exit_code == 0, done.output
    assert heard == [[str(Path("mine/studio.ipynb")), *own, "--no-browser"]]
    assert [path.name for path in (folder / "mine").iterdir()] == ["studio.ipynb"]


@pytest.mark.slow
def test_the_studio_is_imported_without_jupyter():
    code = "import sys, nstlib; nstlib.Studio; print({'ipywidgets', 'IPython', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
