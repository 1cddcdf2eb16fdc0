"""The studio without a browser: choices, shelf, forecast, painter, and the page as far as Python knows it."""

import errno
import gc
import html
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import fields, replace
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from jupyter_client.manager import start_new_kernel
from PIL import Image

import nstlib as nst
from nstlib import cli
from nstlib.errors import InputError
from nstlib.forecast import Paces
from nstlib.lesson import KERNELS
from nstlib.optimizers import Step, Stop
from nstlib.result import Record, read_facts
from nstlib.studio import controls, drawing, finished, pulls, view
from nstlib.studio import painter as painter_module
from nstlib.studio.choices import Choices
from nstlib.studio.drawing import charts, wiped
from nstlib.studio.finished import number_in
from nstlib.studio.painter import Painter, Watcher
from nstlib.studio.shelf import Shelf
from nstlib.transfer import paint
from nstlib.uploads import keep_upload

SMALL = Choices(size=64, evaluations=4)
TWO = replace(
    SMALL, styles=("style/mosaic", "style/cubist"), shares=(0.5, 1.0), strength=2.5, stroke=0.75, seed=3, start="noise"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test in a folder of its own, which is the notebook's, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(view, "learned", lambda: Paces(tmp_path / "paces.json"))
    return tmp_path


def png(width=48, height=40, seed=0):
    """The bytes of a picture file."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


# --- choices -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choices",
    [SMALL, TWO, replace(SMALL, color="luminance"), replace(SMALL, more={"tv_weight": 0.5, "style_weight": 0.0})],
)
def test_choices_arrive_in_the_plan_and_come_back_from_its_facts(choices):
    plan = nst.prepare(choices.content, list(choices.styles), **choices.options())
    recipe = plan.recipe
    held = (recipe.size, recipe.evaluations, recipe.start, recipe.backbone, recipe.color)
    assert held == (choices.size, choices.evaluations, choices.start, choices.backbone, choices.color)
    assert recipe.style_weight == choices.more.get("style_weight", choices.strength)
    assert plan.settings.seed == choices.seed
    assert plan.settings.style_scales in (None, (choices.stroke,) * len(choices.styles))
    assert all(getattr(recipe, name) == value for name, value in choices.more.items())
    assert Choices.of(json.loads(json.dumps(plan.facts))) == choices


def test_masks_and_layers_of_a_picture_come_back_and_go_when_its_styles_do(folder):
    Image.new("L", (64, 44), 255).save(folder / "all.png")
    layers = {"relu1_1": 1.0, "relu1_2": 1.0, "relu2_1": 1.0}
    own = {"own_layers": (("relu1_1",), None), "style_layers": layers, "guidance": "sum"}
    part = "rectangle 0 0 100 45 soft 5"
    chosen = replace(TWO, more=own, start="content", masks=("all.png", part), style_masks=(None, "ellipse 5 5 95 95"))
    plan = nst.prepare(chosen.content, list(chosen.styles), **chosen.options())
    back = Choices.of(json.loads(json.dumps(plan.facts)))
    assert (back.masks, back.style_masks) == (chosen.masks, chosen.style_masks)
    assert back.more["own_layers"] == own["own_layers"] and replace(back, more=own) == chosen
    words = shlex.split(back.command("out.png"))
    pairs = list(pairwise(words))
    for pair in (
        ("--mask", "all.png"),
        ("--mask", part),
        ("--style-mask", "none"),
        ("--own-layers", "relu1_1"),
        ("--own-layers", "none"),
    ):
        assert pair in pairs
    alone = replace(back, styles=("style/mosaic",), shares=(1.0,), masks=(), style_masks=())
    assert not {"masks", "own_layers", "guidance"} & set(alone.options())


@pytest.mark.parametrize(
    ("gives", "strokes", "forms"),
    [(("strokes", "forms"), 5, 4), (("", "forms"), 9, 4), (("forms", "forms"), 4, 4), (("strokes", ""), 5, 9)],
)
def test_what_a_style_gives_decides_its_layers_and_comes_back(gives, strokes, forms):
    chosen = replace(TWO, gives=gives)
    plan = nst.prepare(chosen.content, list(chosen.styles), **chosen.options())
    layers = tuple(plan.recipe.style_layers)
    own = [part or layers for part in plan.settings.own_layers or (None, None)]
    assert [len(part) for part in own] == [strokes, forms]
    shallow_first = list(plan.backbone.architecture.layers)
    for part, names in zip(gives, own, strict=True):
        missing = [name for name in nst.RECIPES["kit"].style_layers if name not in names]
        places = [max(map(shallow_first.index, some), default=-1) for some in (names, missing)]
        assert part != "strokes" or places[0] < min(map(shallow_first.index, missing))
        assert part != "forms" or places[1] < min(map(shallow_first.index, names))
    facts = json.loads(json.dumps(plan.facts))
    assert Choices.of(facts) == chosen
    words = shlex.split(chosen.command("out.png"))
    assert ("--own-layers" in words) == (len(set(gives)) > 1) and ("--style-layers" in words) == (strokes == forms)


def test_one_style_that_gives_strokes_alone_paints_on_half_of_the_layers():
    chosen = replace(SMALL, gives=("strokes",))
    assert list(chosen.options()["style_layers"]) == ["relu1_1", "relu2_1", "relu3_1", "relu3_2", "relu3_3"]
    facts = {"content": "a", "styles": ["b"], "recipe": nst.RECIPES["kit"].changed(**chosen.options()).to_dict()}
    assert Choices.of(facts).gives == ("strokes",) and "style_layers" not in Choices.of(facts).more


def test_another_recipe_leaves_the_colours():
    assert replace(SMALL, color="after").by("gatys2016").color == "after"


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
    from nstlib.settings import settle

    given = back.options()
    found, _ = settle(given.pop("recipe", "kit"), given)
    words = ("name", "source", "note")
    assert all(getattr(found, f.name) == getattr(odd, f.name) for f in fields(odd) if f.name not in words)


@pytest.mark.parametrize("facts", [{}, {"content": "a", "styles": []}, {"content": None, "styles": ["b"]}])
def test_a_picture_without_content_or_style_is_refused(facts):
    with pytest.raises(InputError, match="not made from a content and a style"):
        Choices.of({**facts, "recipe": nst.Recipe().to_dict()})


def test_code_and_command_run_as_they_are_shown_and_paint_what_was_chosen(folder):
    own = keep_upload("my cat's.png", png(96, 80))
    masks = {"masks": ("ellipse 20 20 80 80 soft 5", "rest"), "style_masks": ("rectangle 0 0 50 100", None)}
    layers = {"relu1_1": 1.0}  # on the deeper maps of so small a picture, nothing is left of a region
    chosen = replace(TWO, content=own, recipe="kit", more={"tv_weight": 0.1, "style_layers": layers}, **masks)
    exec(compile(chosen.code("by code.png"), "cell", "exec"), {})
    program, *words = shlex.split(chosen.command("by command.png"))
    assert program == "nst"
    done = CliRunner().invoke(cli.nst, words)
    assert done.exit_code == 0, done.output
    pictures = [np.array(Image.open(folder / name)) for name in ("by code.png", "by command.png")]
    assert np.array_equal(*pictures)
    facts = read_facts(folder / "by command.png")
    assert Choices.of(facts) == chosen


def test_code_keeps_to_a_notebooks_width():
    masks = ("rectangle 10.5 20.5 90.5 100 soft 12.5", "own/regions/a_mask_with_a_rather_long_name.png")
    long = replace(TWO, recipe="gatys2016", masks=masks, style_masks=masks)
    code = long.code("harbour-mosaic-cubist.png")
    assert max(map(len, code.splitlines())) <= 88 and masks == eval(re.search(r"masks=(\([^)]*\))", code)[1])


# --- the shelf -----------------------------------------------------------------------------------


def test_a_finished_picture_never_takes_anothers_place():
    shelf, painted = Shelf(), nst.stylize("content/harbour", "style/mosaic", size=48, evaluations=1)
    names = []
    for at_once in (1, 2):
        for path in [shelf.place(SMALL) for _ in range(at_once)]:  # as two studios do that begin together
            names.append(shelf.save(painted, path, own=False)[0].name)
    assert names == ["harbour-brushstrokes.png", "harbour-brushstrokes-2.png", "harbour-brushstrokes-3.png"]


def test_the_gallery_is_what_was_painted_and_nothing_else(folder):
    shelf = Shelf()
    for number in range(2):
        painted = nst.stylize("content/harbour", "style/mosaic", size=48, evaluations=1)
        shelf.save(painted, shelf.place(SMALL), own=False)
        os.utime(shelf.folder / f"harbour-brushstrokes{'-2' * number}.png", ns=(number, number))
    (shelf.folder / "holiday.png").write_bytes(png())
    (shelf.folder / "notes.txt").write_text("x")
    assert [path.name for path in Shelf().painted()] == ["harbour-brushstrokes-2.png", "harbour-brushstrokes.png"]


def test_a_picture_is_called_by_what_it_is_made_of_and_its_number_or_by_a_persons_own_name(folder):
    shelf, three = Shelf(), replace(SMALL, styles=("style/stained_glass", "style/mosaic", "style/cubist"))
    painted = nst.stylize("content/harbour", *three.styles, size=48, evaluations=1)
    paths = [shelf.save(painted, shelf.place(three), own=False)[0] for _ in range(2)]
    (folder / "studio" / "best_of_all.png").write_bytes(paths[0].read_bytes())
    words = [shelf.title(path) for path in (*paths, folder / "studio" / "best_of_all.png")]
    assert words == ["harbour × stained glass + mosaic + cubist", f"{words[0]} (2)", "best of all"]
    assert shelf.title(paths[1], brief=True) == "harbour × stained glass + 2 more (2)"


def test_a_folder_that_cannot_be_made_is_told(folder):
    (folder / "studio").write_text("a file")
    with pytest.raises(InputError, match="the folder 'studio' cannot be made"):
        Shelf().place(SMALL)


# --- the painter ---------------------------------------------------------------------------------


class Watch(Watcher):
    """Remembers what it was told; `at` does something at a step."""

    def __init__(self):
        self.told, self.accepts, self.images, self.results, self.at = [], [], [], [], lambda number: None

    def accepted(self, choices):
        self.accepts.append(choices)

    def began(self, canvas):
        self.told.append("began")

    def grew(self, canvas, progress):
        self.images.append(progress.step.image)
        self.at(len(self.images))

    def kept(self, canvas, result):
        self.told.append("kept")
        self.results.append((canvas.path, result))

    def sketched(self, choices, image, seconds):
        self.told.append("sketched")
        self.images.append(image)

    def said(self, words):
        self.told.append(words)

    failed = said

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
        for number, progress in enumerate(paint(plan, run)):
            yield progress
            if number == 1:
                raise error

    monkeypatch.setattr(painter_module, "paint", short)
    painter.paint(replace(SMALL, evaluations=50))
    assert painter.worker.wait(60)
    (path, result), *_ = painter.watcher.results
    assert path.is_file() and result.stopped is Stop.MEMORY and painter.watcher.told[-1] == "ended"


def test_memory_that_runs_out_before_there_is_a_picture_is_told(painter, monkeypatch):
    def short(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("nstlib.engine.Engine.__call__", short)
    painter.paint(SMALL)
    assert painter.worker.wait(60) and not painter.watcher.results
    assert any("the memory ran out before there was a picture" in str(words) for words in painter.watcher.told)


def test_memory_that_is_short_for_the_state_of_a_run_too_costs_no_picture(painter, monkeypatch):
    def short(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    def at(number):
        if number == 3:
            monkeypatch.setattr(Step, "state", short)
            short()

    painter.watcher.at = at
    painter.paint(replace(SMALL, evaluations=50))
    assert painter.worker.wait(60)
    (path, result), *_ = painter.watcher.results
    assert path.is_file() and result.stopped is Stop.MEMORY and not [w for w in painter.watcher.told if "Error" in w]


def test_another_error_keeps_the_picture_and_is_told(painter, monkeypatch):
    def broken(plan, run):
        yield from (one for one, _ in zip(paint(plan, run), range(2), strict=False))
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


def test_after_a_lost_kernel_a_run_goes_on_from_its_newest_picture(painter, monkeypatch):
    monkeypatch.setattr(painter_module, "SAVE_SECONDS", 0.0)
    chosen = replace(TWO, evaluations=12)
    painter.watcher.at = lambda number: number == 6 and shutil.copytree("studio", "lost")
    painter.paint(chosen)
    assert painter.worker.wait(60)
    again = Painter(Shelf("lost"), Paces(), Watch())
    assert again.offer == "harbour × mosaic + cubist"
    again.go_on()
    assert again.worker.wait(60) and not again.watcher.results[0][1].trouble
    path, _ = again.watcher.results[0]
    assert len(again.watcher.images) < len(painter.watcher.images), "it begins where it was"
    whole = nst.stylize(chosen.content, *chosen.styles, **chosen.options())
    assert np.abs(pixels(path) - np.array(nst.to_pil(whole.image))).max() <= 1


def test_a_folder_that_was_taken_away_meanwhile_is_made_again(painter):
    painter.watcher.at = lambda number: number == 2 and shutil.rmtree("studio")
    painter.paint(SMALL)
    assert painter.worker.wait(60) and painter.watcher.results[0][0] == Path("studio/harbour-brushstrokes.png")
    assert painter.shelf.unfinished() == painter.watcher.results[0][0]


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


def test_two_studios_on_one_folder_keep_both_pictures_and_their_runs(painter):
    other = Painter(Shelf(), Paces(), Watch())
    painter.watcher.at = lambda number: number == 1 and (other.paint(SMALL), other.worker.wait(60))
    painter.paint(replace(SMALL, evaluations=8))
    assert painter.worker.wait(60)
    (first, _), (second, _) = other.watcher.results[0], painter.watcher.results[0]
    assert [path.name for path in (first, second)] == ["harbour-brushstrokes.png", "harbour-brushstrokes-2.png"]
    assert [read_facts(path)["recipe"]["evaluations"] for path in (first, second)] == [4, 8]
    assert painter.shelf.checkpoint(first).is_file() and painter.shelf.checkpoint(second).is_file()
    other.paint(SMALL)
    assert other.worker.wait(60) and painter.shelf.checkpoint(second).is_file()
    second.unlink()
    other.paint(SMALL)
    assert other.worker.wait(60)
    kept = other.shelf.checkpoint(other.watcher.results[-1][0])
    assert list(Path("studio").glob(".*.run")) == [kept], "its own, and no run whose picture is gone"


def test_a_run_that_grows_in_another_studio_is_left_to_it(painter, monkeypatch):
    monkeypatch.setattr(painter_module, "SAVE_SECONDS", 0.0)
    there, kept = Path("studio/.harbour-brushstrokes.png.run"), []

    def at(number):
        if there.is_file() and not kept:
            other = Painter(Shelf(), Paces(), Watch())  # opened now, it offers to go on with that run
            other.paint(TWO)
            kept.append(other.worker.wait(60) and there.is_file())

    painter.watcher.at = at
    painter.paint(replace(SMALL, evaluations=12))
    assert painter.worker.wait(60) and kept == [True]
    assert len(list(Path("studio").glob(".*.run"))) == 2
    day = 24 * 3600
    os.utime(there, (time.time() - 2 * day,) * 2)
    painter.paint(replace(SMALL, content="content/city"))
    assert painter.worker.wait(60) and not there.is_file(), "nobody's, after a day"


def test_a_run_that_cannot_be_kept_costs_not_the_one_before_and_is_told(studio, monkeypatch):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60) and "could not be kept" not in words(studio)
    (before,) = Path("studio").glob(".*.run")
    full = OSError(errno.ENOSPC, "No space left on device")
    for broken, why in (
        (("nstlib.checkpoint.write_checkpoint", lambda *given: raise_(full)), "No space left on device"),
        (("nstlib.studio.painter.MOST_BYTES", 10), r"it takes \d+ MB, and no more than 0 are kept"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(*broken)
            studio.take(TWO)
            studio.desk.paint.click()
            assert studio.painter.worker.wait(60)
        told = rf"Kept as studio/\S+ \(.*\)\. Its run could not be kept \({why}\): Continue goes on with it as long as"
        assert re.search(told, words(studio)) and before.is_file()
    studio.desk.go_on.click()
    assert studio.painter.worker.wait(60) and "could not be kept" not in words(studio), "it does go on"
    assert before not in Path("studio").glob(".*.run"), "another was kept in its place"


def raise_(error):
    raise error


def test_continue_that_is_pressed_twice_says_what_is_being_painted(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60) and studio.desk.go_on.description == "Continue (4 more)"
    told = []
    grew = studio.grew

    def at(canvas, progress):
        grew(canvas, progress)
        if not told:
            assert studio.desk.go_on.disabled and studio.desk.go_on.description == "Continue"
            studio.painter.go_on()
            told.append(words(studio))

    studio.grew = at
    studio.desk.go_on.click()
    assert studio.painter.worker.wait(60)
    assert told == ["harbour × brushstrokes is being painted already: wait for its end, or stop it"]


def test_a_picture_that_cannot_be_written_leaves_no_empty_file(painter, monkeypatch, folder):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    monkeypatch.setattr("nstlib.result.save_image", refuse_in("studio", nst.save_image))
    painter.paint(SMALL)
    assert painter.worker.wait(60) and painter.watcher.results[0][0] == folder / "harbour-brushstrokes.png"
    assert not list(Path("studio").glob("*.png"))


def test_the_page_says_why_a_picture_is_elsewhere_and_what_to_do(studio, monkeypatch, folder):
    told = []
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    monkeypatch.setattr("nstlib.result.save_image", refuse_in("studio", nst.save_image))
    monkeypatch.setattr(studio, "said", told.append)
    studio.painter.paint(SMALL)
    assert studio.painter.worker.wait(60)
    assert told[-1].startswith(f"Kept as {folder / 'harbour-brushstrokes.png'} (")
    assert told[-1].endswith("). Download it, for it hangs here this time only: full")


def refuse_in(folder, save):
    """Writes pictures, but none into a folder."""

    def write(image, path, *more):
        if Path(path).parent == Path(folder):
            raise InputError("full")
        return save(image, path, *more)

    return write


@pytest.mark.slow
def test_what_grows_when_its_kernel_is_ended_is_kept(folder):
    """As by a Restart, or with a page of Voila's: Jupyter asks a kernel to end, and kills it after five seconds."""
    begin = """
import time
import nstlib as nst
from nstlib.studio.choices import Choices
painter = nst.Studio().painter
painter.paint(Choices("content/harbour", ("style/mosaic",), size=64, evaluations=10**5))
while not painter.canvas or len(painter.canvas.run.history) < 3:
    time.sleep(0.02)
"""
    manager, client = start_new_kernel(cwd=str(folder))
    try:
        client.execute_interactive(begin, timeout=120)
        client.stop_channels()
    finally:
        manager.shutdown_kernel()
    assert read_facts(folder / "studio" / "harbour-mosaic.png")["evaluations"] >= 3
    assert (folder / "studio" / ".harbour-mosaic.png.run").is_file()


def test_a_run_is_gone_on_with_after_a_restart(painter):
    chosen, watch = replace(TWO, evaluations=12, shares=(0.3, 0.6)), painter.watcher
    watch.at = lambda number: number == 3 and painter.stop()
    painter.paint(chosen)
    assert painter.worker.wait(60) and watch.results[0][1].stopped is Stop.LEFT
    again = Painter(Shelf(), Paces(), Watch())
    assert again.canvas is None and again.offer == "harbour × mosaic + cubist"
    again.go_on()
    assert again.worker.wait(60)
    (path, result), *_ = again.watcher.results
    assert result.stopped is Stop.BUDGET and path.name == "harbour-mosaic-cubist-2.png"
    whole = nst.stylize(chosen.content, *chosen.styles, **chosen.options())
    assert np.abs(pixels(path) - np.array(nst.to_pil(whole.image))).max() <= 1
    assert [run.name for run in Path("studio").glob(".*.run")] == [".harbour-mosaic-cubist-2.png.run"]


@pytest.mark.parametrize(
    ("painted", "here", "kept"),
    [
        ("float32", "bfloat16", "float32"),
        ("mixed", "bfloat16", "mixed"),
        ("bfloat16", "float32", None),
        ("float32", "float32", None),
    ],
)
def test_a_precision_that_is_finer_than_here_is_kept(monkeypatch, painted, here, kept):
    facts = nst.prepare("content/harbour", ["style/mosaic"], size=64, precision=painted).facts
    monkeypatch.setattr("nstlib.studio.choices.choose_precision", lambda name, device: here)
    chosen = Choices.of({**facts, "precision": painted})
    assert chosen.options().get("precision") == kept
    assert (f"--precision {kept}" in chosen.command("out.png")) == (kept is not None)


def test_a_run_that_does_not_fit_its_picture_any_more_is_told(painter):
    keep_upload("cat.png", png())
    painter.paint(replace(SMALL, content="own/cat.png"))
    assert painter.worker.wait(60)
    Path("own/cat.png").write_bytes(png(seed=5))
    again = Painter(Shelf(), Paces(), Watch())
    again.go_on()
    assert again.worker.wait(60) and again.watcher.told[1].endswith(
        "belongs to a run with another content picture, so it cannot go on: press Paint to begin it anew"
    )
    next(Path("studio").glob(".*.run")).write_bytes(b"junk")
    again.go_on()
    assert again.worker.wait(60) and "was kept with damage, so it cannot go on: press Paint" in str(again.watcher.told)
    Path("studio/cat-brushstrokes.png").unlink()
    assert Painter(Shelf(), Paces(), Watch()).offer is None


def test_a_run_that_is_too_large_is_not_kept(painter, monkeypatch):
    monkeypatch.setattr(painter_module, "MOST_BYTES", 10)
    painter.paint(SMALL)
    assert painter.worker.wait(60) and not list(Path("studio").glob(".*.run"))


def test_continue_says_what_it_would_do(painter):
    assert painter.offer is None
    painter.watcher.at = lambda number: number == 3 and painter.stop()
    painter.paint(replace(SMALL, evaluations=12))
    assert painter.worker.wait(60)
    done = painter.watcher.results[0][1].evaluations
    assert painter.offer == f"{12 - done} to go"
    painter.watcher.at = lambda number: None
    painter.go_on()
    assert painter.worker.wait(60) and painter.offer == "12 more"
    painter.canvas.run.stop = Stop.CONVERGED
    assert painter.offer is None


def test_who_pulls_the_pixels_is_measured_at_the_picture_that_is_shown(painter):
    painter.paint(replace(SMALL, evaluations=200))
    assert painter.worker.wait(120)
    measured, result = painter.canvas.pulls, painter.watcher.results[-1][1]
    assert measured.after == result.evaluations, "the charts are of the picture above them"
    assert set(measured.shares) == {"content", "style"} and sum(measured.shares.values()) == pytest.approx(1)
    plan = painter.canvas.plan
    expected = plan.objective().gradient_shares(result.image)
    assert measured.shares["content"] == pytest.approx(expected["content"], abs=0.1)


@pytest.mark.parametrize("cost", [0.1, 1.5, 20])
def test_who_pulls_the_pixels_is_measured_in_a_small_part_of_the_time(monkeypatch, cost):
    """By a clock of its own, which no other program delays: an evaluation takes a second."""
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(pulls, "time", clock)
    measured = []

    def measure(image):
        clock.now += cost
        measured.append(clock.now)
        return {"style": 1.0}

    looking = pulls.Pulls(nst.prepare("content/harbour", ["style/mosaic"], size=64))
    monkeypatch.setattr(looking, "objective", lambda size: SimpleNamespace(gradient_shares=measure))
    for number in range(1, 1001):
        clock.now += 1
        step = SimpleNamespace(image=None)
        looking.look(SimpleNamespace(seconds=float(number), evaluations=number, size=(64, 64), step=step))
    share = pulls.SHARE * 1000 / cost
    assert share - 2 < len(measured) <= share + 1, "so often as its share allows, the first one ahead of that"


def test_where_memory_is_short_nothing_more_is_measured(painter):
    plan = nst.prepare("content/harbour", ["style/mosaic"], size=64, evaluations=40)
    tight = pulls.Pulls(replace(plan, budget=replace(plan.budget, ample=False)))
    for progress in paint(plan):
        tight.look(progress)
    tight.settle()
    assert tight.shares == {} and tight.spent == 0


def test_whether_there_is_room_is_asked_no_more_often_than_it_is_measured(painter, monkeypatch):
    """On a GPU the question goes through all that torch holds, while an evaluation takes milliseconds."""
    asked = []
    monkeypatch.setattr(pulls.Pulls, "fits", property(lambda self: not asked.append(self)))
    plan = nst.prepare("content/harbour", ["style/mosaic"], size=64, evaluations=40)
    looking, measured = pulls.Pulls(plan), []
    monkeypatch.setattr(
        looking, "measure", lambda progress, measure=looking.measure: measured.append(measure(progress))
    )
    for progress in paint(plan):
        looking.look(progress)
    assert 0 < len(asked) == len(measured) < 20


# --- the page ------------------------------------------------------------------------------------


@pytest.fixture
def studio():
    made = nst.Studio()
    made.scout.stop()
    yield made
    made.painter.stop()
    made.scout.stop()
    assert made.painter.worker.wait(20) and made.scout.wait(20)


def restarted():
    """Another studio on the same folder, as a kernel finds it that was restarted."""
    view.OPEN.clear()
    made = nst.Studio()
    made.scout.stop()
    return made


def give(control, name, data):
    """Upload a file, as this version of ipywidgets tells it."""
    if isinstance(control.value, dict):
        control.set_trait("value", {name: {"metadata": {"name": name}, "content": data}})
    else:
        now = datetime.now(timezone.utc)
        file = {"name": name, "type": "image/png", "size": len(data), "content": memoryview(data), "last_modified": now}
        control.value = (file,)


def words(studio):
    return plain(studio.desk.words)


def note(studio):
    return plain(studio.finished.note)


def plain(widget):
    """What a widget says, without its tags."""
    return html.unescape(re.sub("<[^>]+>", "", widget.value))


def test_controls_and_choices_say_the_same(studio):
    (
        studio.controls.knobs["size"].value,
        studio.controls.knobs["strength"].value,
        studio.controls.knobs["seed"].value,
    ) = 128, 2.0, 7
    studio.controls.styles.press("style/mosaic")
    studio.controls.shares[1].value = 0.5
    studio.controls.contents.press("content/city")
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
    studio.controls.touched()
    assert studio.choices == TWO


def test_every_number_within_its_bounds_is_right(studio):
    """A browser, and a screen reader by it, calls wrong what is no multiple of a step from the least number."""
    edges = [
        edge
        for part in (*studio.controls.regions.where, *studio.controls.regions.which)
        for edge in part.edges.values()
    ]
    knobs = [knob for knob in studio.controls.knobs.values() if hasattr(knob, "step")]
    assert len(knobs) == 2 and all(one.step == 1 for one in knobs)
    assert all(one.step is None for one in (*edges, *studio.controls.shares))


def test_what_no_control_offers_is_kept(studio):
    far = replace(SMALL, size=4000, strength=2e4, stroke=0.01, evaluations=5000)
    studio.take(far)
    studio.controls.touched()
    assert studio.choices == far


def test_at_most_three_styles_and_at_least_one(studio):
    for name in ("style/mosaic", "style/cubist", "style/marbled"):
        studio.controls.styles.press(name)
    assert studio.choices.styles == ("style/mosaic", "style/cubist", "style/marbled")
    for name in studio.choices.styles:
        studio.controls.styles.press(name)
    assert studio.choices.styles == ("style/marbled",)
    marks = [button.description for button in studio.controls.styles.buttons.values() if "✓" in button.description]
    assert marks == ["✓ marbled"] and "nst-chosen" in studio.controls.styles.buttons["style/marbled"]._dom_classes


def test_a_sketch_is_seen_at_once_and_kept_nowhere(studio):
    masks = ("rectangle 0 0 100 50", "rest")
    studio.take(replace(TWO, masks=masks, color="luminance"))
    studio.desk.sketch.click()
    assert studio.painter.sketcher.wait(60)
    image, title = studio.easel.right
    assert title == "harbour × mosaic + cubist, a sketch" and studio.easel.left[1] == "harbour"
    given = {
        "strength": painter_module.STRENGTH,
        "shares": TWO.shares,
        "masks": masks,
        "color": "luminance",
        "size": 64,
    }
    expected = nst.one_pass(TWO.content, list(TWO.styles), **given)
    assert np.array_equal(np.array(image), np.array(nst.to_pil(expected.pixels)))
    assert (
        "Sketched in one pass" in words(studio) and not studio.finished.gallery.buttons and studio.desk.go_on.disabled
    )


def test_a_sketch_of_what_is_chosen_no_longer_is_not_shown(studio, monkeypatch):
    def slow(*given, **named):
        studio.take(replace(SMALL, content="content/city", evaluations=7))
        return nst.one_pass(*given, **named)

    monkeypatch.setattr(painter_module, "one_pass", slow)
    studio.take(SMALL)
    studio.desk.sketch.click()
    assert studio.painter.sketcher.wait(60) and "Something else is chosen by now: press Sketch" in words(studio)
    assert "sketch" not in studio.easel.right[1]
    studio.take(replace(SMALL, content="content/city"))  # as many evaluations as there may be: a sketch has none
    studio.desk.sketch.click()
    assert studio.painter.sketcher.wait(60) and studio.easel.right[1] == "city × brushstrokes, a sketch"


def test_a_sketch_leaves_a_run_alone_and_its_errors_are_words(painter, monkeypatch):
    told = []
    painter.watcher.at = lambda number: told.append(painter.sketch(SMALL)) if number == 1 else None
    painter.paint(SMALL)
    assert painter.worker.wait(60) and told == [None]
    assert painter.watcher.told == [
        "began",
        "A picture is being painted: stop it first, then sketch another",
        "kept",
        "ended",
    ]
    painter.sketch(replace(SMALL, content="content/nowhere"))
    assert "Sketching nowhere × brushstrokes …" in painter.watcher.told
    assert painter.sketcher.wait(60) and "content/nowhere" in painter.watcher.told[-1]

    def overtaken(*given, **named):
        painter.worker.start(lambda stop: stop.wait(20))
        return nst.one_pass(*given, **named)

    monkeypatch.setattr(painter_module, "one_pass", overtaken)
    painter.sketch(SMALL)
    assert painter.sketcher.wait(60) and "sketched" not in painter.watcher.told  # the easel is the run's by now


def test_a_recipe_brings_its_own_settings(studio):
    studio.controls.knobs["strength"].value = 5
    studio.controls.knobs["recipe"].value = "gatys2016"
    assert studio.controls.knobs["backbone"].value == "vgg19" and studio.controls.knobs["start"].value == "noise"
    assert studio.choices == Choices().by("gatys2016") and studio.controls.knobs["strength"].value == 1


def test_an_uploaded_picture_is_chosen_and_painted(studio):
    give(studio.controls.bring_content.upload, "cat.png", png())
    give(studio.controls.bring_style.upload, "art.png", png(seed=1))
    assert studio.choices.content == "own/cat.png" and studio.choices.styles == ("own/art.png",)
    studio.controls.knobs["size"].value, studio.controls.knobs["evaluations"].value = 128, 5
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60) and "Kept as studio/cat-art.png" in words(studio)
    studio.controls.styles.choose(["style/mosaic", "style/cubist"])
    give(studio.controls.bring_style.upload, "sea.png", png(seed=2))
    assert studio.choices.styles == ("style/mosaic", "style/cubist", "own/sea.png")


def test_of_styles_that_are_brought_at_once_as_many_are_chosen_as_may_be_and_all_is_told(studio):
    bring = studio.controls.bring_style
    bring.take([(f"{n}.png", png(seed=n)) for n in range(2)], ["'gone.png' is empty"])
    assert studio.choices.styles == ("own/0.png", "own/1.png")
    assert words(studio) == "0.png, 1.png are kept as pictures of your own, and chosen. 'gone.png' is empty"
    bring.take([(f"{n}.png", png(seed=n)) for n in range(2, 6)])
    assert studio.choices.styles == ("own/2.png", "own/3.png", "own/4.png")
    assert words(studio).endswith("are kept as pictures of your own, and 2.png, 3.png, 4.png chosen")
    assert "own/5.png" in studio.controls.styles.buttons


def test_a_broken_upload_is_told_and_changes_nothing(studio):
    before = studio.choices
    give(studio.controls.bring_content.upload, "cat.png", b"no picture")
    assert "cat.png" in words(studio) and studio.choices == before


def test_paint_stop_continue_compare_restore_and_download(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    assert not studio.desk.go_on.disabled and studio.desk.halt.disabled and len(studio.finished.gallery.buttons) == 1
    studio.take(TWO)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60) and len(studio.finished.gallery.buttons) == 2
    assert studio.finished.gallery.chosen == (str(Path("studio/harbour-mosaic-cubist.png")),)
    studio.finished.gallery.press(str(Path("studio/harbour-brushstrokes.png")))
    assert (
        studio.easel.wipe.value == 50
        and "harbour × mosaic + cubist to the left, harbour × brushstrokes to" in studio.easel.canvas.value
    )
    assert 'download="harbour-brushstrokes.png"' in studio.finished.link.value
    studio.finished.restore.click()
    assert studio.choices == SMALL


def test_two_chosen_pictures_have_their_facts_and_the_charts_are_of_the_one_chosen_last(studio):
    for choices in (SMALL, TWO):
        studio.take(choices)
        studio.desk.paint.click()
        assert studio.painter.worker.wait(60)
    assert "<b>" not in studio.easel.chart.value and ">harbour × mosaic + cubist<" in studio.easel.chart.value
    studio.finished.gallery.press(str(Path("studio/harbour-brushstrokes.png")))
    told = re.findall('class="nst-facts">([^ ]+)', studio.finished.facts.value)
    assert told == ["harbour-mosaic-cubist.png", "harbour-brushstrokes.png"]
    assert ">harbour × brushstrokes<" in studio.easel.chart.value and "Loss" in studio.easel.chart.value
    assert "to the left, harbour × brushstrokes to the right" in studio.easel.canvas.value


def test_a_picture_of_an_earlier_session_has_no_chart_and_says_so(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    studio.stories.clear()
    studio.finished.gallery.press(*studio.finished.gallery.buttons)
    studio.finished.gallery.press(*studio.finished.gallery.buttons)
    assert "how its loss fell was not kept" in studio.easel.chart.value


def test_what_was_restored_is_said_beside_the_button(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    studio.controls.knobs["size"].value = 512
    studio.finished.restore.click()
    assert note(studio) == "All controls above are as they were for harbour-brushstrokes.png"
    boxes = studio.finished.boxes
    row = next(place for place, box in enumerate(boxes) if studio.finished.restore in getattr(box, "children", ()))
    assert boxes[row + 1] is studio.finished.note and studio.choices == SMALL


def test_of_a_picture_that_was_damaged_while_it_was_shown_that_is_said(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    (path,) = Path("studio").glob("*.png")
    path.write_bytes(path.read_bytes()[:2000])
    studio.finished.restore.click()
    assert "is cut off or damaged" in note(studio)


def test_continue_is_offered_with_what_it_does_and_after_a_restart(studio):
    assert studio.desk.go_on.disabled and studio.desk.go_on.description == "Continue"
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    assert not studio.desk.go_on.disabled and studio.desk.go_on.description == "Continue (4 more)"
    again = restarted()
    assert not again.desk.go_on.disabled and again.desk.go_on.description == "Continue (harbour × brushstrokes)"


def test_a_cell_that_is_run_again_goes_on_with_what_is_painted(studio):
    studio.take(replace(SMALL, evaluations=10_000))
    studio.desk.paint.click()
    until(lambda: studio.easel.right[1].endswith("growing"))
    again = nst.Studio()
    again.scout.stop()
    assert "goes on here" in words(again) and not again.desk.halt.disabled and studio.page.comm is None
    until(lambda: re.search(r"\d+ of 10000 evaluations", again.desk.bar.value))
    told = words(studio)
    again.desk.halt.click()
    assert again.painter.worker.wait(60) and words(studio) == told
    assert "Kept as studio/harbour-brushstrokes.png" in words(again) and again.desk.halt.disabled
    assert list(again.finished.gallery.buttons) == [str(Path("studio/harbour-brushstrokes.png"))]
    assert again.desk.go_on.description.endswith("to go)") and "Loss" in again.easel.chart.value
    third = nst.Studio()
    third.scout.stop()
    assert third.desk.go_on.description.endswith("to go)") and third.desk.halt.disabled
    assert nst.Studio("elsewhere").painter is not third.painter


def test_a_cell_that_is_run_again_keeps_what_was_chosen(studio, folder):
    own = keep_upload("cat.png", png())
    chosen = replace(TWO, content=own, more={"tv_weight": 0.5}, masks=("rectangle 0 0 100 50", "rest"))
    studio.take(chosen)
    again = nst.Studio()
    again.scout.stop()
    assert again.choices == chosen and again.easel.right[1] == "cat, where each style paints"
    (folder / own).unlink()
    third = nst.Studio()
    third.scout.stop()
    assert third.choices == Choices() and own in words(third), "one that cannot be read is named"


def test_pictures_of_one_name_are_told_apart_by_their_endings(studio):
    for number, ending in enumerate(("bmp", "png")):
        with Image.open(io.BytesIO(png(seed=number))) as image:
            file = io.BytesIO()
            image.save(file, ending)
        give(studio.controls.bring_content.upload, f"x.{ending}", file.getvalue())
    called = [studio.controls.contents.buttons[f"own/x.{one}"].description for one in ("bmp", "png")]
    assert called == ["x.bmp", "✓ x.png"]
    assert studio.controls.contents.buttons["content/harbour"].description == "harbour"


@pytest.mark.skipif(sys.platform == "win32", reason="has no such names")
def test_odd_names_are_told_apart_and_turn_no_line_around(folder):
    painted = nst.stylize("content/harbour", "style/mosaic", size=48, evaluations=1)
    names = " .png", "..png", "...png"
    (folder / "studio").mkdir()
    for name in (*names, "a b.png", "a_b.png", "a b.jpg", "c.png", "gnp\u202e.png"):
        painted.save(folder / "studio" / name)
    made = restarted()
    buttons = {Path(name).name: button for name, button in made.finished.gallery.buttons.items()}
    assert [buttons[name].description for name in names] == [".png", "..png", "...png"]
    called = [buttons[name].description for name in ("a b.png", "a_b.png", "a b.jpg", "c.png")]
    assert called == ["a b.png", "a_b.png", "a b.jpg", "c"]
    odd = str(Path("studio", "gnp\u202e.png"))
    made.finished.gallery.press(odd)
    link, code = made.finished.link.value, made.finished.code.value
    assert 'download="gnp?.png"' in link and "\u202e" not in "".join((link, code, made.finished.facts.value))
    (folder / odd).unlink()
    made.finished.follow()
    assert note(made) == "No longer in the folder, so left out here: gnp?.png"
    made.scout.stop()
    assert made.scout.wait(20)


def test_a_name_of_the_kit_that_is_pasted_is_the_kits_own_picture(studio, folder):
    before = list(studio.controls.contents.buttons)
    bring = studio.controls.bring_content
    bring.address.value = "content/mountains"
    assert bring.fetcher.wait(20) and studio.choices.content == "content/mountains"
    assert list(studio.controls.contents.buttons) == before and not (folder / "own").exists()
    assert "content/mountains is a picture of the kit, and chosen" in words(studio)


def test_a_studio_whose_place_another_took_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = nst.Studio()
    parts, gone = [*walk(first.page)], weakref.ref(first)
    for _ in range(2):
        last = nst.Studio()
        last.scout.stop()
    assert len(parts) > 100 and all(part.comm is None for part in parts)
    del first, parts
    gc.collect()
    assert gone() is None
    last.painter.stop()


def walk(widget):
    """A widget and all in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def until(true, seconds=20):
    """Wait for something."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_prepared_can_be_stopped_and_the_next_press_waits_for_that(studio, monkeypatch):
    gate, prepare = threading.Event(), painter_module.prepare
    monkeypatch.setattr(painter_module, "prepare", lambda *a, **k: (gate.wait(10), prepare(*a, **k))[1])
    studio.take(SMALL)
    studio.desk.paint.click()
    assert words(studio) == "Preparing harbour × brushstrokes …" and not studio.desk.halt.disabled
    studio.desk.halt.click()
    studio.desk.paint.click()
    assert words(studio) == "The picture so far is kept, then the new one begins"
    gate.set()
    assert studio.painter.worker.wait(60) and "Kept as" in words(studio) and studio.desk.halt.disabled
    studio.desk.go_on.click()
    assert studio.painter.worker.wait(60) and len(studio.finished.gallery.buttons) == 2


def test_what_the_time_depends_on_stands_beside_paint(studio):
    effort = studio.controls.beside_paint
    assert list(effort.children) == [studio.controls.knobs[name] for name in ("size", "evaluations")]


def test_the_gallery_survives_a_restart_and_takes_strange_files(studio, folder):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    (folder / "studio" / "broken.png").write_bytes(b"x")
    again = restarted()
    assert list(again.finished.gallery.buttons) == [str(Path("studio/harbour-brushstrokes.png"))]
    again.finished.gallery.press(*again.finished.gallery.buttons)
    again.finished.restore.click()
    assert again.choices == SMALL


def test_a_picture_whose_content_is_gone_can_still_be_looked_at(studio, folder):
    own = keep_upload("cat.png", png())
    nst.stylize(own, "style/mosaic", size=48, evaluations=1).save(studio.shelf.place(replace(SMALL, content=own)))
    Path(own).unlink()
    again = restarted()
    again.finished.gallery.press(*again.finished.gallery.buttons)
    assert again.easel.left is None and "<img" in again.easel.canvas.value
    again.finished.restore.click()
    assert "there is no file 'own/cat.png'" in note(again) and again.choices == Choices()
    again.controls.touched()
    assert again.choices == Choices()


def test_a_picture_that_is_gone_is_left_out_and_that_is_said(studio):
    first, other = Path("studio/harbour-brushstrokes.png"), Path("studio/harbour-mosaic-cubist.png")
    for choices in (SMALL, TWO):
        studio.take(choices)
        studio.desk.paint.click()
        assert studio.painter.worker.wait(60)
    gallery = studio.finished.gallery
    first.unlink()
    assert studio.shelf.painted() == [other]
    gallery.buttons[str(first)].click()
    assert note(studio) == "No longer in the folder, so left out here: harbour-brushstrokes.png"
    assert list(gallery.buttons) == [str(other)] == list(gallery.chosen)
    other.unlink()
    studio.finished.restore.click()
    assert "left out here: harbour-mosaic-cubist.png" in note(studio) and not gallery.buttons


def test_of_more_pictures_than_are_shown_the_count_is_told_and_they_come_when_others_go(folder, monkeypatch):
    monkeypatch.setattr(finished, "SHOWN", 3)
    home, painted = folder / "studio", nst.stylize("content/harbour", "style/mosaic", size=48, evaluations=1)
    home.mkdir()
    for number in range(6):
        os.utime(painted.save(home / f"{number}.png"), ns=(number, number))
    made = restarted()

    def shown():
        return [Path(name).stem for name in made.finished.gallery.buttons]

    assert shown() == ["5", "4", "3"] and repr(made).endswith("6 pictures in 'studio'")
    assert plain(made.finished.title).startswith("Gallery: the newest 3 of 6 in the folder studio/;")
    made.finished.add(painted.save(home / "6.png"))
    assert shown() == ["6", "5", "4"] and "the newest 3 of 7" in plain(made.finished.title)
    for number in (6, 4):
        (home / f"{number}.png").unlink()
    made.finished.gallery.press(str(Path("studio/5.png")))
    assert shown() == ["5", "3", "2"] and "the newest 3 of 5" in plain(made.finished.title)
    assert note(made) == "No longer in the folder, so left out here: 6.png, 4.png"
    made.finished.add(painted.save(folder / "elsewhere.png"))  # what a folder that is full would not take
    for number in (5, 3):
        (home / f"{number}.png").unlink()
    made.finished.follow()
    assert shown() == ["elsewhere", "2", "1"]
    assert plain(made.finished.title).startswith("Gallery: the folder studio/;")
    for number in (0, 1):
        (home / f"{number}.png").unlink()
    assert repr(made).endswith("1 picture in 'studio'")
    made.scout.stop()
    assert made.scout.wait(20)


def test_a_picture_that_was_painted_over_a_deleted_one_is_seen_itself(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    gallery, path = studio.finished.gallery, Path("studio/harbour-brushstrokes.png")
    before = gallery.rules[str(path)]
    path.unlink()
    studio.take(replace(SMALL, start="noise", seed=5))
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60) and list(gallery.buttons) == [str(path)]
    assert gallery.rules[str(path)] != before


def test_a_picture_that_is_brought_under_the_name_of_a_deleted_one_is_seen_itself(studio):
    thumbs, bring = studio.controls.contents, studio.controls.bring_content
    seen, buttons = [], []
    for seed in (0, 1):
        bring.take([("cat.png", png(seed=seed))])
        seen.append((thumbs.rules["own/cat.png"], studio.easel.canvas.value))
        buttons.append(thumbs.buttons["own/cat.png"])
        Path("own/cat.png").unlink()
    assert seen[0][0] != seen[1][0] and seen[0][1] != seen[1][1] and thumbs.rules["own/cat.png"] in thumbs.sheet.value
    assert buttons[0] is buttons[1], "the focus stays on it"


def test_a_button_that_is_shown_no_longer_is_closed(studio):
    thumbs = studio.controls.contents
    gone, kept = thumbs.buttons["content/city"], thumbs.buttons["content/harbour"]
    thumbs.show(["content/harbour"])
    assert gone.comm is None and kept.comm is not None and thumbs.frame.children == (kept,)


def test_a_chosen_picture_that_is_not_on_the_easel_is_shown_by_a_click(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    gallery = studio.finished.gallery
    (name,) = gallery.buttons
    painted = studio.easel.canvas.value
    studio.controls.contents.press("content/city")
    assert "city" in studio.easel.canvas.value
    gallery.buttons[name].click()
    assert gallery.chosen == (name,) and studio.easel.canvas.value == painted
    gallery.buttons[name].click()
    assert gallery.chosen == ()


def test_the_code_is_of_what_was_touched_last(studio):
    code, gallery = studio.finished.code, studio.finished.gallery
    studio.finished.show_code.value = True
    studio.controls.knobs["size"].value = 128
    assert "size=128," in code.value and "--size 128" in code.value
    assert "What the controls say, in a notebook" in code.value and code.layout.display == "block"
    studio.take(SMALL)
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    studio.controls.knobs["size"].value = 256
    gallery.press(*gallery.buttons)  # choose it no longer
    assert "size=256," in code.value
    gallery.press(*gallery.buttons)
    assert "How harbour-brushstrokes.png was painted, in a terminal" in code.value and "size=64," in code.value
    studio.finished.show_code.value = False
    assert code.layout.display == "none"


def test_a_picture_that_grew_while_the_controls_moved_on_has_its_own_code(studio):
    studio.take(SMALL)
    studio.desk.paint.click()
    studio.controls.knobs["size"].value = 256
    assert studio.painter.worker.wait(60)
    assert "size=64," in studio.finished.code.value and "size=256" not in studio.finished.code.value


def test_a_texture_has_no_code(folder):
    (folder / "studio").mkdir()
    nst.texture("style/mosaic", size=48, evaluations=1).save("studio/bare.png")
    again = restarted()
    again.finished.gallery.press(*again.finished.gallery.buttons)
    assert "No code for bare.png: this picture was not made" in again.finished.code.value
    assert "a texture × mosaic" in plain(again.finished.facts)


def test_of_more_styles_than_the_studio_has_the_first_are_restored_and_the_others_named(studio):
    four = (*TWO.styles, "style/marbled", "style/woodcut_waves")
    chosen = replace(SMALL, styles=four, shares=(0.25, 0.5, 1.0, 1.0))
    nst.stylize(chosen.content, *four, **chosen.options()).save(studio.shelf.place(chosen))
    again = restarted()
    again.finished.gallery.press(*again.finished.gallery.buttons)
    again.finished.restore.click()
    assert note(again).endswith(".png, but for styles that are too many here: woodcut waves")
    assert again.choices == replace(chosen, styles=four[:3], shares=(0.25, 0.5, 1.0))


OPTIONS = r"\b(style_size|style_scales?|style scale|shares=|alpha|rest|masks?=|color=|statistic|layers)\b"


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"content": "own/small.png", "styles": ("own/flat.png",), "size": 512}, "choose a larger Stroke size"),
        ({"size": 64, "stroke": 0.25}, "choose a Stroke size of at least 0.63, or a Size of at least 160"),
        ({"masks": ("rest",)}, "choose a region for another style"),
        ({"styles": TWO.styles, "shares": (1, 1), "masks": ("rest", "rectangle 0 0 100 100")}, "choose 'everywhere'"),
        ({"masks": ("alpha",)}, "choose a shape, or upload a mask"),
        ({"styles": TWO.styles, "shares": (0, 0)}, "give one of them a share above 0"),
        ({"masks": ("rectangle 0 0 1 1",), "size": 128}, "give a larger region or a larger Size"),
        ({"color": "only", "start": "noise"}, "let Start from say content"),
    ],
)
def test_advice_names_what_stands_on_the_page(studio, changes, advice):
    for name, data in (("small.png", png(64, 64)), ("flat.png", png(400, 100))):
        keep_upload(name, data)
    studio.take(replace(SMALL, **changes))
    assert studio.scout.wait(60)
    told = plain(studio.desk.forecast)
    assert advice in told and not re.search(OPTIONS, told), told


def test_of_a_mask_that_is_gone_the_page_says_what_to_do(studio):
    studio.controls.regions.where[0].menu.options = [("everywhere", ""), ("sky", "own/regions/sky.png")]
    studio.controls.regions.where[0].menu.value = "own/regions/sky.png"
    told = "the mask: there is no file 'own/regions/sky.png': choose another region, or upload the mask again"
    assert studio.choices.masks == ("own/regions/sky.png",) and words(studio) == told


def test_shares_of_nothing_are_refused_and_one_style_needs_none(studio):
    studio.take(TWO)
    studio.controls.shares[0].value = studio.controls.shares[1].value = 0
    assert studio.scout.wait(60) and "0.0, 0.0" in studio.desk.forecast.value
    studio.controls.styles.press("style/mosaic")
    assert studio.choices.shares == (0.0,) and "shares" not in studio.choices.options()
    assert studio.controls.knobs["evaluations"].min == 1


def test_a_style_paints_in_a_region_that_is_seen_and_kept(studio):
    studio.take(replace(SMALL, size=128))
    thumbs, part = studio.controls.contents, studio.controls.regions.where[0]
    assert studio.controls.regions.frame.layout.display == "none" and thumbs.over.value == "<style></style>"
    studio.controls.regions.opened.value = True
    part.menu.value = "rectangle"
    part.edges["left"].value, part.edges["top"].value, part.edges["right"].value = 0, 0, 100
    assert studio.choices.masks == ("rectangle 0 0 100 80 soft 5",) and "base64" in thumbs.over.value
    assert "harbour, where each style paints" in studio.easel.canvas.value
    studio.controls.regions.which[0].menu.value = "ellipse"
    assert studio.choices.style_masks == ("ellipse 20 20 80 80 soft 5",)
    assert "base64" in studio.controls.styles.over.value
    chosen = studio.choices
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60) and Choices.of(read_facts(Path("studio/harbour-brushstrokes.png"))) == chosen
    part.menu.value = studio.controls.regions.which[0].menu.value = ""
    assert studio.choices.masks == studio.choices.style_masks == () and thumbs.over.value == "<style></style>"
    studio.finished.restore.click()
    assert studio.choices == chosen and part.menu.value == "rectangle" and part.edges["bottom"].value == 80
    assert "where brushstrokes paints: rectangle 0 0 100 80 soft 5" in plain(studio.finished.facts)


def test_a_style_gives_strokes_or_forms_and_says_so_in_the_gallery(studio):
    studio.take(replace(TWO, size=64))
    one, other, _ = studio.controls.regions.gives
    one.value, other.value = "forms", "strokes"
    assert studio.choices.gives == ("forms", "strokes") and "own_layers=(" in studio.finished.code.value
    chosen = studio.choices
    studio.desk.paint.click()
    assert studio.painter.worker.wait(60)
    facts = plain(studio.finished.facts)
    assert "mosaic gives forms alone" in facts and "cubist gives strokes alone" in facts
    one.value = other.value = ""
    assert studio.choices.gives == ()
    studio.finished.restore.click()
    assert studio.choices == chosen and (one.value, other.value) == ("forms", "strokes")


def test_a_styles_region_goes_with_it(studio):
    regions, styles = studio.controls.regions, studio.controls.styles
    styles.press("style/mosaic")
    regions.gives[1].value = "forms"
    regions.where[0].menu.value, regions.where[1].menu.value = "rest", "ellipse"
    assert studio.choices.masks == ("rest", "ellipse 20 20 80 80 soft 5")
    styles.press("style/brushstrokes")
    assert studio.choices.styles == ("style/mosaic",) and studio.choices.masks == ("ellipse 20 20 80 80 soft 5",)
    assert studio.choices.gives == ("forms",)
    assert "mosaic" in regions.names[0].value and regions.rows[1].layout.display == "none"


def test_an_uploaded_mask_is_kept_apart_offered_and_used(studio):
    mask = io.BytesIO()
    Image.new("L", (48, 33), 255).save(mask, "PNG")
    give(studio.controls.regions.bring.upload, "sky.png", mask.getvalue())
    assert studio.choices.masks == ("own/regions/sky.png",) and "sky.png is kept as a mask" in words(studio)
    again = restarted()
    assert not [name for name in again.controls.contents.buttons if "sky" in name]
    assert ("sky", "own/regions/sky.png") in again.controls.regions.where[2].menu.options
    Path("own/regions/sky.png").unlink()
    with pytest.raises(InputError, match=r"own/regions/sky\.png"):
        again.take(studio.choices)
    assert again.choices.masks == ()


def test_an_uploaded_mask_changes_no_region_that_was_chosen(studio, monkeypatch):
    own = ("ellipse 20 20 80 80 soft 5", "rectangle 0 0 100 45 soft 5", None)
    three = (*TWO.styles, "style/marbled")
    chosen = replace(TWO, styles=three, shares=(1.0,) * 3, masks=own, style_masks=(None, "ellipse 5 5 95 95", None))
    studio.take(chosen)
    changes = []
    monkeypatch.setattr(studio.controls, "changed", lambda: changes.append(studio.choices))
    mask = io.BytesIO()
    Image.new("L", (48, 33), 255).save(mask, "PNG")
    give(studio.controls.regions.bring.upload, "sky.png", mask.getvalue())
    assert changes == [replace(chosen, masks=(*own[:2], "own/regions/sky.png"))] and "marbled paints" in words(studio)
    Image.new("L", (48, 34), 255).save(mask, "PNG")
    give(studio.controls.regions.bring.upload, "sea.png", mask.getvalue())
    assert len(changes) == 1 and "sea.png is kept as a mask: choose it in a menu" in words(studio)
    assert ("sea", "own/regions/sea.png") in studio.controls.regions.where[0].menu.options


def test_advice_is_told_to_its_end_however_long_it_is(studio):
    advice = "; ".join(f"what is given at place {number} does not fit" for number in range(40))

    def fail(stop):
        raise InputError(advice)

    studio.painter.start(fail)
    assert studio.painter.worker.wait(20) and words(studio) == advice
    assert re.search(r"\.nst-words {min-height: 64px; height: auto", view.STYLE), "the page makes room for it"


def test_a_region_that_cannot_be_is_told_and_not_shown(studio):
    studio.take(SMALL)
    part = studio.controls.regions.where[0]
    part.menu.value, part.edges["right"].value = "ellipse", 10
    assert studio.scout.wait(60) and "is not before its right one" in studio.desk.forecast.value
    assert studio.controls.contents.over.value == "<style></style>"


def test_a_mistake_is_told_until_it_is_mended_and_the_easel_shows_nothing_else_meanwhile(studio):
    own = keep_upload("cat.png", png())
    studio.controls.contents.add([own])
    studio.controls.touched()
    studio.controls.contents.press("content/city")
    Path(own).unlink()
    studio.controls.contents.buttons[own].click()
    assert words(studio) == "there is no file 'own/cat.png': choose another picture, or upload it again"
    assert studio.easel.canvas.value == ""
    studio.controls.contents.press("content/city")
    assert words(studio) == "" and "city" in studio.easel.canvas.value
    studio.controls.regions.where[0].menu.value = "alpha"
    assert "opaque all over" in words(studio) and 'alt="city"' in studio.easel.canvas.value
    studio.controls.regions.where[0].menu.value = ""
    assert words(studio) == ""
    studio.said("kept")
    studio.controls.knobs["seed"].value = 3
    assert words(studio) == "kept", "what was no mistake stays"


def test_the_forecast_says_seconds_and_memory_or_why_not(studio):
    studio.take(SMALL)
    assert studio.scout.wait(60)
    assert re.search(r"64×44 pixels: (about|\d+ to) \d+ s, about \d+ MB of memory", studio.desk.forecast.value)
    studio.take(replace(SMALL, more={"memory": 1e5}))
    assert studio.scout.wait(60) and "GB, but there are" in studio.desk.forecast.value
    assert "nst-warn" in studio.desk.forecast.value


def test_while_a_picture_grows_the_forecast_is_of_it(studio):
    studio.desk.foretell("384×266 pixels")
    studio.take(SMALL)
    studio.desk.paint.click()
    studio.scout.stop()
    assert studio.painter.worker.wait(60) and "64×44 pixels" in studio.desk.forecast.value


def test_a_forecast_downloads_nothing(studio, monkeypatch):
    monkeypatch.setattr(controls, "look_for_weights", lambda name: (None, "not here"))
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: pytest.fail("a download"))
    studio.take(replace(SMALL, backbone="squeezenet1_1"))
    assert studio.scout.wait(60) and "its weights are fetched first, 5 MB" in studio.desk.forecast.value


def test_a_painting_that_cannot_be_had_is_told(studio, monkeypatch):
    def unreachable(name):
        raise InputError("no network")

    monkeypatch.setattr("nstlib.gallery.painting", lambda name, file: unreachable(name))
    studio.controls.paintings.value = "painting/great_wave"
    assert studio.controls.fetcher.wait(20) and "no network" in words(studio)
    assert studio.controls.paintings.value == "", "it can be chosen once more"


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


def test_where_a_style_paints_is_seen():
    image, left = Image.new("RGB", (8, 4), (200, 100, 0)), np.zeros((4, 8), np.float32)
    left[:, :4] = 1
    one = np.array(drawing.tinted(image, [left]))
    assert (one[:, :4] == [200, 100, 0]).all() and (one[:, 4:] == 30).all()
    two = np.array(drawing.tinted(image, [left, 1 - left])).astype(float)
    tint = np.array([[255, 210, 31], [25, 195, 255]])
    assert np.abs(two[0, [0, 7]] - (0.55 * np.array([200, 100, 0]) + 0.45 * tint)).max() <= 1
    shared = np.array(drawing.tinted(image, [left, None]))
    assert (shared[:, 4:] == [200, 100, 0]).all(), "the other one paints everywhere"
    assert drawing.tinted(image, [None]) is image


def test_the_charts_say_in_words_whose_they_are_and_what_they_show():
    lines = [Record((8, 8), n, n, n, 1 / n, {"content": 0.25 / n, "style relu1_1": 0.75 / n}) for n in range(1, 9)]
    drawn = charts("harbour-mosaic", lines, {"content": 0.3, "style": 0.7}, 6)
    assert "Loss 1 at first, 0.125 now" in drawn and ">harbour-mosaic<" in drawn
    assert "after 6 evaluations, by the length of the gradient: content 30%, style 70%" in drawn
    forgotten = charts("city-cubist", (), {}, 0)
    assert "how its loss fell was not kept" in forgotten and ">city-cubist<" in forgotten
    counts = {
        charts(*given).count("<svg") for given in (("", (), {}, 0), ("a", lines, {}, 0), ("a", lines, {"tv": 1.0}, 1))
    }
    assert counts == {2}, "the place that they take is always the same"


def test_what_is_told_stands_in_places_that_stay(studio):
    places = (studio.desk.words, studio.desk.forecast, studio.finished.note)
    assert all("nst-spoken" in place._dom_classes for place in places)
    studio.said("Something")
    assert "Something" in studio.desk.words.value and "role=" not in studio.desk.words.value


def test_names_cannot_break_the_page():
    for made in (
        drawing.told("<b>"),
        drawing.bar(0.5, "<b>"),
        drawing.sides("<b>", '"'),
        drawing.code_block("a", "<b>"),
        drawing.charts("<b>", (), {}, 0),
        drawing.facts([["<b>"]]),
    ):
        assert "<b>" not in made


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8_are_shown_and_painted_from(folder):
    own, painted, place = (os.fsdecode(name) for name in (b"own/caf\xe9.jpg", b"caf\xe9.png", b"caf\xe9"))
    mask, home = os.fsdecode(b"own/regions/sk\xe9.png"), Path(place)
    for path in (own, mask):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(png())
    home.mkdir()
    by = replace(SMALL, content=own, masks=(mask,))
    nst.stylize(own, "style/mosaic", size=48, evaluations=1, masks=by.masks).save(home / painted)
    made = nst.Studio(home)
    made.scout.stop()
    gallery = made.finished.gallery
    gallery.press(*gallery.buttons)
    told = [made.finished.facts.value, note(made), made.finished.link.value, repr(made)]
    assert "caf?.png" in told[0] and "caf?.png" in told[2] and "'caf?'" in told[3]
    made.finished.restore.click()
    assert made.choices.content == own and made.choices.masks == (mask,)
    for text in (note(made), drawing.told(own)):
        assert "caf?" in text
    for widget in walk(made.page):
        json.dumps(widget.get_state(), ensure_ascii=False, default=str).encode()  # as a kernel would send it
    code, command = by.code("out.png"), by.command("made.png")
    code.encode(), command.encode()
    exec(code, {})
    assert read_facts("out.png")["content"] == own and read_facts("out.png")["masks"] == [mask]
    if shutil.which("bash"):
        words = subprocess.run(["bash", "-c", f"printf '%s\\n' {command}"], capture_output=True, check=True).stdout
        assert os.fsencode(own) in words.splitlines() and os.fsencode(mask) in words.splitlines()
    (home / painted).unlink()
    made.finished.follow()
    assert "left out here: caf?.png" in note(made)
    made.scout.stop()
    assert made.scout.wait(20)


# --- its command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "module", "own"),
    [([], "jupyterlab.labapp", []), (["--voila"], "voila.app", ["--template=nst-studio", *KERNELS])],
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
    assert [path.name for path in (folder / "mine").glob("[!.]*")] == ["studio.ipynb"]


@pytest.mark.slow
def test_the_studio_is_imported_without_jupyter():
    code = "import sys, nstlib; nstlib.Studio; print({'ipywidgets', 'IPython', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_number_that_a_pictures_facts_lack_is_nought():
    facts = {"loss": None, "seconds": "long", "size": 2}
    assert [number_in(facts, name) for name in ("loss", "seconds", "size", "none")] == [0, 0, 2, 0]
