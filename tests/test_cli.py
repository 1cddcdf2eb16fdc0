"""The command line as a person uses it, mistakes above all."""

import codecs
import dataclasses
import inspect
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import nbformat
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import nstlib as nst
from nstlib import backbone, checkpoint, cli, forecast, judges, lesson, plan
from nstlib.budget import Needs
from nstlib.cli.like import Like
from nstlib.cli.options import parse, parsed, values_of
from nstlib.cli.painting import dragged
from nstlib.course.edition import build_student
from nstlib.forecast import Paces
from nstlib.key import answer_key
from nstlib.lesson import learners, lessons_here
from nstlib.machine import choose_precision
from nstlib.plan import FREE_SHARE
from nstlib.recipe import WORDS
from nstlib.result import read_facts
from nstlib.settings import Settings
from nstlib.terminal import PER_STYLE, say, spelt

QUICK = ["--size", "48", "--evaluations", "4", "--device", "cpu"]


@pytest.fixture
def pictures(tmp_path, rng, monkeypatch):
    """A folder with content.png, style.png and things that are no pictures; the tests stand in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("content", "style", "other"):
        nst.save_image(torch.rand(1, 3, 60, 50, generator=rng), f"{name}.png")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def call(monkeypatch, capfd):
    """Call `nst` with arguments: (exit status, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nst", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        out, err = capfd.readouterr()
        return status, out, err

    return run


def test_stylize_show_and_repeat(pictures, call):
    status, out, _ = call(
        "stylize", "content.png", "style.png", "-o", "out.png", "--seed", "5", "--start", "noise", *QUICK
    )
    assert status == 0
    assert "40×48, 4 evaluations" in out and "computing on cpu" in out
    facts = json.loads(call("show", "out.png", "--json")[1])
    assert facts["seed"] == 5 and facts["recipe"]["size"] == 48 and facts["styles"] == ["style.png"]
    assert call("stylize", "--like", "out.png", "-o", "again.png", "--quiet")[:2] == (0, "")
    first, second = (nst.load_image(name).pixels for name in ("out.png", "again.png"))
    assert torch.equal(first, second)


def test_like_finds_pictures_in_folders(pictures, call):
    (pictures / "content.png").rename(pictures / "folder" / "content.png")
    assert call("stylize", "folder/content.png", "style.png", "-o", "out.png", *QUICK)[0] == 0
    assert call("stylize", "--like", "out.png", "-o", "again.png")[0] == 0


def test_like_finds_pictures_beside_the_painting(pictures, call, monkeypatch):
    assert call(*GOOD, *QUICK)[0] == 0
    monkeypatch.chdir(pictures / "folder")
    assert call("stylize", "--like", "../new.png", "-o", "again.png")[0] == 0


def test_like_finds_all_that_a_run_read_beside_the_painting(pictures, call, monkeypatch):
    assert call("weights", "export", "pocket", "-o", "net.safetensors")[0] == 0
    read = ("--start", "other.png", "--weights", "net.safetensors", "--mask", "other.png")
    assert call(*GOOD, *QUICK, *read)[0] == 0
    monkeypatch.chdir(pictures / "folder")
    assert call("stylize", "--like", "../new.png", "-o", "again.png")[0] == 0
    assert read_facts("again.png")["weights"] == "../net.safetensors"


# Of an option's own words: what names a file beside the picture that is called so.
WORDS_OF_OPTIONS = [("--start", "noise"), ("--start", "style"), ("--weights", "random"), ("--mask", "alpha")]


@pytest.mark.parametrize("words", [dict(WORDS_OF_OPTIONS[i : i + 1]) for i in range(4)], ids=str)
def test_like_takes_no_file_for_an_options_own_word(pictures, call, monkeypatch, words):
    Image.new("RGBA", (50, 60), (9, 9, 9, 200)).save("content.png")
    made = call(*GOOD, *QUICK, *(part for pair in words.items() for part in pair))
    assert made[0] == 0, made
    for word in words.values():
        shutil.copy("other.png", word)
    monkeypatch.chdir(pictures / "folder")
    assert call("stylize", "--like", "../new.png", "-o", "again.png", "--quiet")[0] == 0
    first, second = read_facts("../new.png"), read_facts("again.png")
    assert all(first[name] == second[name] for name in ("masks", "weights", "recipe"))
    assert torch.equal(nst.load_image("../new.png").pixels, nst.load_image("again.png").pixels)


def test_a_checkpoint_may_be_called_like_an_options_own_word(pictures, call):
    for _ in range(2):
        status, _, err = call(*GOOD, *QUICK, "--start", "noise", "--checkpoint", "noise")
        assert status == 0, err


def test_what_like_reads_is_not_written_over(pictures, call):
    """And that is told before the run."""
    assert call(*GOOD, *QUICK, "--start", "other.png")[0] == 0
    status, out, err = call("stylize", "--like", "new.png", "-o", "other.png", "--force")
    assert (status, out) == (2, "") and "written over 'other.png', which is needed" in err


MOVED = {  # from where to where: the picture stands in "out" and names "photos/content.png"
    "with all of its folders": {},
    "beside it": {"photos": "out/photos", "style.png": "out/style.png"},
    "beside it, without their folder": {"photos/content.png": "out/content.png", "style.png": "out/style.png"},
    "one folder up, without their folder": {"photos/content.png": "content.png"},
}


@pytest.mark.parametrize("moves", MOVED.values(), ids=MOVED)
def test_like_finds_pictures_that_were_moved_with_it(pictures, call, monkeypatch, moves):
    for name in ("out", "photos"):
        (pictures / name).mkdir()
    Path("content.png").rename("photos/content.png")
    assert call("stylize", "photos/content.png", "style.png", "-o", "out/new.png", *QUICK)[0] == 0
    for before, after in moves.items():
        Path(before).rename(after)
    monkeypatch.chdir(pictures / "folder")
    status, out, err = call("stylize", "--like", "../out/new.png", "-o", "again.png")
    assert status == 0, err
    by_name_alone = "'photos/content.png' is not here, so '" in out
    assert by_name_alone == any(name == "photos/content.png" for name in moves)
    assert torch.equal(nst.load_image("again.png").pixels, nst.load_image("../out/new.png").pixels)


def test_like_finds_a_picture_by_the_name_that_another_system_gave_it(pictures, call):
    facts = GOOD_FACTS | {"content": r"C:\photos\content.png", "styles": ["/home/anna/style.png"]}
    nst.save_image(nst.load_image("content.png").pixels, "foreign.png", {"nstlib": json.dumps(facts)})
    status, out, _ = call("stylize", "--like", "foreign.png", "-o", "new.png", "--device", "cpu")
    assert status == 0 and "'/home/anna/style.png' is not here, so 'style.png' is taken for it" in out
    assert (read_facts("new.png")["content"], read_facts("new.png")["styles"]) == ("content.png", ["style.png"])


@pytest.mark.parametrize("name", ["content/harbour", "painting/starry_night", "https://example.org/a.png", "style.png"])
def test_like_looks_for_no_file_where_a_name_leads_somewhere(pictures, name):
    """Though there be one that is called like it, beside the picture."""
    nst.save_image(nst.load_image("content.png").pixels, "folder/ours.png", {"nstlib": json.dumps(GOOD_FACTS)})
    shutil.copy("other.png", f"folder/{name.rpartition('/')[2]}")
    assert Like("folder/ours.png").found("content", name) == name


NET = ("weights", "export", "pocket", "-o", "net.safetensors")
GONE = {  # what is gone: in which words it is told, and what is given in its place
    "content": ("content.png", "the content 'content.png', which", []),
    "style": ("style.png", "the style 'style.png', which", []),
    "start": ("start.png", "the start 'start.png', which", ["--start", "noise"]),
    "mask": ("mask.png", "the mask 'mask.png', which", ["--mask", "other.png", "--mask", "none"]),
    "style mask": ("own.png", "the style mask 'own.png', which", ["--style-mask", "none", "--style-mask", "other.png"]),
    "weights": ("net.safetensors", "the file of weights 'net.safetensors', which", ["--weights", "random"]),
}


@pytest.mark.parametrize(("gone", "words", "instead"), GONE.values(), ids=GONE)
def test_what_like_does_not_find_is_told_by_its_role_and_can_be_given_anew(pictures, call, gone, words, instead):
    for name in ("start.png", "mask.png", "own.png"):
        shutil.copy("other.png", name)
    assert call(*NET)[0] == 0
    read = ("--start", "start.png", "--weights", "net.safetensors", "--mask", "mask.png", "--mask", "rest")
    own = ("--style-mask", "own.png", "--style-mask", "none")
    assert call("stylize", "content.png", "style.png", "other.png", "-o", "new.png", *QUICK, *read, *own)[0] == 0
    Path(gone).unlink()
    again = ("stylize", "--like", "new.png", "-o", "again.png")
    status, out, err = call(*again)
    assert (status, out) == (2, "") and f"'new.png' was made with {words} is neither here, nor beside it" in err
    told = err.partition("give ")[2]
    if instead:
        assert told == f"{instead[0]} anew{', once for each style' * (len(instead) > 2)}\n"
    else:
        assert told == "its pictures anew, nst stylize CONTENT STYLE STYLE --like 'new.png'\n"
        instead = ["other.png"] * 3
    status, _, err = call(*again, *instead)
    assert status == 0, err


def test_a_texture_whose_style_is_gone_says_how_to_give_it(pictures, call):
    assert call("texture", "style.png", "-o", "new.png", *QUICK)[0] == 0
    Path("style.png").unlink()
    _, _, err = call("texture", "--like", "new.png", "-o", "again.png")
    assert err.endswith("one folder up: give its pictures anew, nst texture STYLE --like 'new.png'\n")
    assert call("texture", "other.png", "--like", "new.png", "-o", "again.png")[0] == 0


@pytest.mark.parametrize("styles", [["style.png"], ["style.png", "other.png", "content.png"]], ids=len)
def test_like_takes_another_number_of_styles(pictures, call, styles):
    """What says no more than nothing is left out; what says more has to be given anew."""
    two = ("stylize", "content.png", "style.png", "other.png", "-o", "two.png", *QUICK)
    again = ("stylize", "content.png", *styles, "--like", "two.png", "-o", "again.png")
    plain = ("--share", "--style-scale", "--mask", "--style-mask", "--own-layers"), ("2", "1", "none", "none", "none")
    for given in ((), [part for pair in zip(*plain, strict=True) for part in pair * 2]):
        assert call(*two, *given)[0] == 0
        status, _, err = call(*again)
        assert status == 0, err
        assert set(read_facts("again.png")["shares"]) == {1 / len(styles)}
    more = {"--share": "3", "--style-scale": "0.8", "--mask": "alpha", "--own-layers": "relu1_1,relu2_1"}
    Image.new("RGBA", (50, 60), (9, 9, 9, 200)).save("content.png")
    for (option, value), usual in zip(more.items(), ("1", "1", "none", "none"), strict=True):
        assert call(*two, option, value, option, usual)[0] == 0
        status, _, err = call(*again)
        assert status == 2 and f"of 'two.png' are for 2 styles, not for {len(styles)}: give {option} anew, once" in err
        status, _, err = call(*again, *[option, usual] * len(styles))
        assert status == 0, err


@pytest.mark.parametrize("option", ["start", "masks", "style_masks"])
def test_a_result_takes_the_place_of_nothing_that_it_was_made_of(pictures, option):
    options = {option: "other.png" if option == "start" else ["other.png"]}
    result = nst.stylize("content.png", "style.png", size=48, evaluations=2, **options)
    before = (pictures / "other.png").read_bytes()
    with pytest.raises(nst.InputError, match="which is needed: name another file"):
        result.save("other.png")
    assert (pictures / "other.png").read_bytes() == before


def test_a_field_is_given_once(pictures, call):
    for twice in (("--set", "size=48", "--size", "50"), ("--set", "seed=1", "--set", "seed=2")):
        status, _, err = call("stylize", "content.png", "style.png", "-o", "new.png", *twice)
        assert status == 2 and "is given twice, and once by --set" in err


def test_show_tells_what_differs_from_the_recipe_and_where_it_comes_from(pictures, call):
    style = ("--recipe", "crowsonkb", "--backbone", "pocket", "--share", "3", "--share", "1")
    made = call("stylize", "content.png", "style.png", "other.png", "-o", "out.png", *style, "--seed", "5", *QUICK)
    assert made[0] == 0
    shown = [line.split(maxsplit=1) for line in call("show", "out.png")[1].splitlines()]
    rows = dict(shown)
    assert rows["content"] == "content.png" and len(shown) < 20
    assert ["style", "style.png, 75% of the style"] in shown and ["style", "other.png, 25% of the style"] in shown
    base = nst.RECIPES["crowsonkb"]
    assert rows["recipe"] == f"crowsonkb ({base.source})"
    assert rows["size"] == f"48, not {base.size}" and rows["backbone"] == f"pocket, not {base.backbone}"
    assert rows["seed"] == "5" and "optimizer" not in rows and "all its evaluations are done" in rows["ended"]


def test_like_can_be_varied(pictures, call):
    assert call("stylize", "content.png", "style.png", "-o", "out.png", *QUICK)[0] == 0
    assert call("stylize", "other.png", "style.png", "--like", "out.png", "-o", "two.jpg", "--tv-weight", "0.5")[0] == 0
    facts = json.loads(call("show", "two.jpg", "--json")[1])
    assert facts["content"] == "other.png"
    assert facts["recipe"]["tv_weight"] == 0.5 and facts["recipe"]["evaluations"] == 4


def test_precision_and_memory(pictures, call):
    status, out, _ = call(*GOOD, "--precision", "bfloat16", "--memory", "0.5", *QUICK)
    assert status == 0 and "in bfloat16 with pocket" in out and "memory is short" not in out
    assert json.loads(call("show", "new.png", "--json")[1])["precision"] == "bfloat16"
    status, out, _ = call("stylize", "--like", "new.png", "-o", "again.png")
    assert status == 0 and "in bfloat16" in out
    status, out, _ = call("stylize", "--like", "new.png", "-o", "third.png", "--precision", "float32")
    assert status == 0 and "in float32" in out
    first, second = (nst.load_image(name).pixels for name in ("new.png", "again.png"))
    assert torch.equal(first, second)


def test_memory_is_in_gigabytes(pictures, call):
    """What is enough for three of the optimiser's moves is short of ten."""
    options = {"size": 48, "evaluations": 4, "device": "cpu", "precision": "float32"}
    plan = nst.prepare("content.png", ["style.png"], **options)
    least = Needs(plan.backbone, plan.recipe, "float32").least((48, 40), [(48, 40)])
    status, out, _ = call(*GOOD, "--memory", f"{1.001 * least / 1e9:.6f}", "--precision", "float32", *QUICK)
    assert status == 0 and "memory is short: L-BFGS remembers" in out
    status, out, _ = call(*GOOD, "--memory", "0.1", "--precision", "float32", *QUICK)
    assert status == 0 and "memory is short" not in out
    status, _, err = call(*GOOD, "--memory", f"{0.999 * least / 1e9:.6f}", "--precision", "float32", *QUICK)
    assert status == 2 and "48 pixels with pocket need" in err


def test_several_styles_and_a_checkpoint(pictures, call):
    shares = ["--share", "3", "--share", "1", "--style-scale", "1", "--style-scale", "0.8"]
    arguments = ["stylize", "content.png", "style.png", "other.png", "-o", "out.webp", "--checkpoint", "state.pt"]
    assert call(*arguments, *shares, *QUICK)[0] == 0
    facts = json.loads(call("show", "out.webp", "--json")[1])
    assert facts["shares"] == [0.75, 0.25] and facts["style_scales"] == [1.0, 0.8]
    assert (pictures / "state.pt").exists()


def test_a_picture_tells_its_masks_colours_and_layers_and_is_made_again_by_them(pictures, call, monkeypatch):
    mask = Image.new("L", (96, 80))
    mask.paste(255, (0, 0, 60, 80))
    mask.save("left, or so.png")
    given = ["--mask", "left, or so.png", "--mask", "rest", "--style-mask", "none", "--style-mask", "left, or so.png"]
    layers = ["--style-layers", "relu1_1,relu2_1", "--own-layers", "none", "--own-layers", "relu1_1,relu2_1"]
    for name in ("style.png", "other.png"):
        Image.open(name).resize((96, 80)).save(name)
    Image.open("content.png").resize((96, 80)).save("content.png")
    arguments = ["stylize", "content.png", "style.png", "other.png", "-o", "out.png", *given, *layers]
    assert call(*arguments, "--color", "luminance", *QUICK)[0] == 0
    facts = json.loads(call("show", "out.png", "--json")[1])
    assert facts["masks"] == ["left, or so.png", "rest"] and facts["style_masks"] == [None, "left, or so.png"]
    assert facts["own_layers"] == [None, ["relu1_1", "relu2_1"]] and facts["recipe"]["color"] == "luminance"
    told = [line.split(maxsplit=1) for line in call("show", "out.png")[1].splitlines()]
    for line in (["mask", "left, or so.png"], ["mask", "rest"], ["style-mask", "left, or so.png"]):
        assert line in told
    assert ["own-layers", "relu1_1,relu2_1"] in told and ["color", "luminance, not style"] in told
    (pictures / "elsewhere").mkdir()
    monkeypatch.chdir(pictures / "elsewhere")
    assert call("stylize", "--like", "../out.png", "-o", "again.png", "--quiet")[0] == 0
    assert torch.equal(nst.load_image("again.png").pixels, nst.load_image("../out.png").pixels)


def test_colours_only_is_no_picture_that_nothing_was_done_to(pictures, call):
    assert call(*GOOD, "--color", "only", *QUICK)[0] == 0
    assert not torch.equal(nst.load_image("new.png").pixels, nst.load_image("content.png", 48).pixels)


def test_a_mask_is_not_written_over(pictures, call):
    status, _, err = call("stylize", "content.png", "style.png", "--mask", "other.png", "-o", "other.png", "--force")
    assert status == 2 and "other.png" in err


def test_texture(pictures, call):
    status, _, _ = call("texture", "style.png", "-o", "t.png", "--size", "40", "--evaluations", "3", "--quiet")
    assert status == 0
    assert nst.load_image("t.png").pixels.shape == (1, 3, 40, 40)


def test_an_interrupt_saves_the_best_picture(pictures, call, monkeypatch):
    evaluate, calls = nst.Objective.value_and_gradient, []

    def interrupted(objective, image):
        calls.append(image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(objective, image)

    monkeypatch.setattr(nst.Objective, "value_and_gradient", interrupted)
    status, out, _ = call("stylize", "content.png", "style.png", "-o", "out.png", *QUICK)
    assert status == 0 and "out.png" in out and "2 evaluations" in out and "interrupted" in out
    assert (pictures / "out.png").exists()


GOOD = ["stylize", "content.png", "style.png", "-o", "new.png"]


@pytest.mark.parametrize(
    ("arguments", "where", "words"),
    [
        ([*GOOD, *QUICK], "nstlib.Objective.value_and_gradient", "interrupted before there was a picture to keep"),
        (["key", "04"], "nstlib.key.entry", "interrupted"),
        (["doctor"], "nstlib.machine.describe_device", "interrupted"),
        (["judge", "content.png", "style.png", "other.png"], "nstlib.judges.load_image", "interrupted"),
        (["weights", "export", "pocket", "-o", "new.safetensors"], "nstlib.weights.save_weights", "interrupted"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_only_what_paints_speaks_of_a_picture_when_interrupted(pictures, call, monkeypatch, arguments, where, words):
    def interrupted(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    status, _, err = call(*arguments)
    assert status == 130 and err.splitlines()[-1] == f"nst: {words}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stylize", "contnet.png", "style.png", "-o", "new.png"], "content.png"),
        (["stylize", "content.png", "-o", "new.png"], "at least one style"),
        (["stylize", "content.png", "text.png", "-o", "new.png"], "text.png"),
        (["stylize", "content.png", "folder", "-o", "new.png"], "folder"),
        (["stylize", "content.png", "style.png"], "--output"),
        (["stylize", "content.png", "style.png", "-o", "new.gif"], ".png"),
        (["stylize", "content.png", "style.png", "-o", "no/folder/new.png"], "no/folder"),
        ([*GOOD, "--stlye-weight", "2"], "--style-weight"),
        ([*GOOD, "--recipe", "gatsy2016"], "gatys2016"),
        ([*GOOD, "--backbone", "poket"], "pocket"),
        ([*GOOD, "--optimizer", "lbgfs"], "lbfgs"),
        ([*GOOD, "--size", "big"], "big"),
        ([*GOOD, "--size", "7"], "at least 32"),
        ([*GOOD, "--evaluations", "-3"], "at least 1"),
        ([*GOOD, "--content-weight", "-1"], "at least 0"),
        ([*GOOD, "--rate", "0.1"], "only with optimizer=adam"),
        ([*GOOD, "--set", "history"], "--set FIELD=VALUE"),
        ([*GOOD, "--set", "histroy=3"], "did you mean 'history'"),
        ([*GOOD, "--bounds", "1,0"], "bounds='1,0'"),
        ([*GOOD, "--pyramid", "(32,2)"], "pyramid='(32,2)': expected (size, evaluations)"),
        ([*GOOD, "--like", "style.png"], "does not say"),
        ([*GOOD, "--seed", "18446744073709551616"], "seed="),
        ([*GOOD, "--style-scale", "nan"], "style_scales="),
        ([*GOOD, "--memory", "inf"], "memory=inf"),
        ([*GOOD, "--device", "gpu"], "cpu"),
        ([*GOOD, "--precision", "bfloat61"], "did you mean 'bfloat16'"),
        ([*GOOD, "--memory", "plenty"], "plenty"),
        ([*GOOD, "--start", "nosie"], "nosie"),
        ([*GOOD, "--share", "1", "--share", "2"], "share"),
        ([*GOOD, "--like", "style.png"], "does not say how it was made"),
        ([*GOOD, "--weights", "none.safetensors"], "none.safetensors"),
        ([*GOOD, "--checkpoint", "nowhere/state.pt"], "nowhere"),
        ([*GOOD, "--color", "luminence"], "did you mean 'luminance'"),
        ([*GOOD, "--mask", "nothing.png"], "nothing.png"),
        ([*GOOD, "--mask", "rest"], "rest is what other masks leave"),
        ([*GOOD, "--mask", "alpha"], "content.png is opaque all over"),
        ([*GOOD, "--mask", "none", "--mask", "none"], "1 style image and 2 masks"),
        ([*GOOD, "--style-mask", "alpha"], "style.png is opaque all over"),
        ([*GOOD, "--own-layers", "relu1_2"], "own_layers=relu1_2: did you mean"),
        ([*GOOD, "--own-layers", "relu1_1"], "no style counts on relu2_1"),
        ([*GOOD, "--guidance", "sum"], "guidance has an effect only with masks"),
        (["texture", "style.png", "-o", "new.png", "--color", "only"], "color=only needs a content"),
        (["stilyze", "content.png"], "stilyze"),
        (["show", "text.png"], "text.png"),
        (["recipes", "kti"], "kit"),
        (["judge", "nowhere.png", "style.png", "other.png", "--size", "99999999"], "size=99999999: expected a whole"),
        (["doctor", "--size", "99999999"], "size=99999999: expected a whole"),
        (["onepass", "nowhere.png", "style.png", "-o", "new.png", "--size", "9"], "size=9: expected a whole"),
        (["weights", "export", "pocke"], "pocket"),
        (["weights", "export", "pocket", "--until", "relu9_1"], "relu9_1"),
    ],
)
def test_a_mistake_is_one_line_with_status_2_and_writes_nothing(pictures, call, arguments, words):
    before = sorted(p.name for p in pictures.rglob("*"))
    status, out, err = call(*arguments)
    assert status == 2
    assert out == "" and err.count("\n") == 1 and err.startswith("nst: ")
    assert words in err and "Traceback" not in err
    assert sorted(p.name for p in pictures.rglob("*")) == before


def test_recipes_prints_every_recipe_and_every_field(call):
    status, out, _ = call("recipes")
    assert status == 0
    assert {line.split()[0] for line in out.splitlines()[1:]} == set(nst.RECIPES)
    one = call("recipes", "gatys2016")[1]
    assert "content_layers" in one and "4_2" in one


def test_weights_list_and_export(pictures, call, monkeypatch):
    out = call("weights", "list")[1]
    assert [line.split()[0] for line in out.splitlines()] == list(nst.BACKBONES)
    assert "pocket.safetensors" in out
    assert call("weights", "export", "pocket ", "--until", "relu3_3", "-o", "small.safetensors")[0] == 0
    net = nst.load_backbone("pocket", "small.safetensors")
    assert list(net.layers)[-2:] == ["relu3_3", "pool3"]
    image = torch.rand(1, 3, 32, 32)
    assert torch.allclose(net(image, ["relu3_3"])["relu3_3"], nst.load_backbone()(image, ["relu3_3"])["relu3_3"])


@pytest.fixture
def paces(monkeypatch):
    """What this machine was seen to do: nothing yet."""
    made = Paces()
    monkeypatch.setattr("nstlib.forecast.learned", lambda: made)
    return made


def test_doctor_foretells_by_what_it_measures_now(call, paces, monkeypatch):
    def measure(plan, found):
        found.seen[forecast.kind(plan)] = {64 * 64: [2.0, 4.0]}

    paces.seen = None  # so that asking for what was seen before, perhaps beside other programs, would fail
    monkeypatch.setattr("nstlib.forecast.measure", measure)
    assert "takes 3 to 8 min (100 evaluations)" in call("doctor", "--size", "64", "--device", "cpu")[1]


def test_doctor_says_what_cannot_be_painted(call, paces, monkeypatch):
    monkeypatch.setattr("nstlib.plan.free_memory", lambda device: 10**8)
    status, out, _ = call("doctor", "--size", "3000", "--device", "cpu")
    assert status == 0 and "3000×3000 picture with pocket cannot be painted here" in out and "pixels wide" in out


def test_doctor_answers_by_arithmetic_where_the_picture_alone_would_fill_the_memory(call, paces, monkeypatch):
    monkeypatch.setattr("nstlib.cli.looking.seconds_foretold", lambda *given: pytest.fail("it was begun"))
    monkeypatch.setattr("nstlib.machine.free_memory", lambda device: 2 * 10**9)
    status, out, _ = call("doctor", "--size", "30000", "--device", "cpu")
    assert status == 0 and "30000×30000 picture with pocket cannot be painted here: there is no memory" in out


def test_a_group_without_a_command_shows_its_help(call):
    status, out, err = call("weights")
    assert (status, err) == (0, "") and "export" in out and len(out.splitlines()) > 5


def test_like_repeats_a_texture(pictures, call):
    options = ("--size", "48", "--evaluations", "3", "--seed", "5", "--device", "cpu", "--quiet")
    assert call("texture", "style.png", "-o", "a.png", *options)[0] == 0
    assert call("texture", "--like", "a.png", "-o", "b.png", "--device", "cpu", "--quiet")[0] == 0
    assert torch.equal(nst.load_image("a.png").pixels, nst.load_image("b.png").pixels)
    assert "repeat a texture by nst texture --like" in call("stylize", "--like", "a.png", "-o", "c.png")[2]
    assert call("stylize", "content.png", "style.png", "-o", "d.png", *options)[0] == 0
    assert "repeat it by nst stylize --like" in call("texture", "--like", "d.png", "-o", "e.png")[2]


def test_doctor_measures_this_machine(call, paces):
    status, out, _ = call("doctor", "--size", "64", "--device", "cpu")
    assert status == 0
    for word in ("Python", "torch", "GiB of memory free", "pocket", "64×64 picture", "pixels wide"):
        assert word in out
    precision = choose_precision("auto", torch.device("cpu"))
    assert any(line.split() == ["precision", precision] for line in out.splitlines())
    fast, most = (int(n) for n in re.search(r"about (\d+) pixels wide at full speed, (\d+) at all", out).groups())
    assert 256 <= fast <= most


def test_doctor_counts_the_memory_that_is_free(call, paces, monkeypatch):
    monkeypatch.setattr("nstlib.machine.free_memory", lambda device: 10**8)
    monkeypatch.setattr("nstlib.machine.choose_precision", lambda name, device: "float32")
    out = call("doctor", "--size", "64", "--device", "cpu")[1]
    fast, most = (int(n) for n in re.search(r"about (\d+) pixels wide at full speed, (\d+) at all", out).groups())
    assert 100 < fast < most < 1000


def test_options_read_the_library():
    """Every field has an option that shows the field's own help and default."""
    shown = " ".join(CliRunner().invoke(cli.nst, ["stylize", "--help"]).output.split())
    told_otherwise = {"memory", *PER_STYLE, *WORDS}
    for record in (nst.RECIPES[nst.DEFAULT_RECIPE], Settings()):
        for one in dataclasses.fields(record):
            if one.name not in told_otherwise:
                assert f"--{one.name.replace('_', '-')} " in shown
                default = one.metadata["rule"].show(getattr(record, one.name)).replace(",", ", ")
                assert " ".join(f"{one.metadata['help']}".split()) in shown
                assert f"[{nst.DEFAULT_RECIPE}: {default}]".replace(" ", "") in shown.replace(" ", "")
    for name in (*nst.BACKBONES, *nst.STATISTICS):
        assert name in shown


def options_of_help(command: str) -> dict[str, str]:
    """What the help of a command says of each option, by the option's name."""
    with click.Context(cli.nst.commands[command]) as context:
        return {one.name: one.help for one in context.command.get_params(context) if hasattr(one, "help")}


@pytest.mark.parametrize("command", ["stylize", "texture", "sweep"])
def test_a_help_shows_the_defaults_of_the_function_behind_it(command):
    rules = {one.name: one.metadata["rule"] for record in (nst.Recipe, Settings) for one in dataclasses.fields(record)}
    given = inspect.signature(getattr(nst, command)).parameters
    for name, told in options_of_help(command).items():
        if name in rules and name not in (*PER_STYLE, "memory"):
            shown = told.rpartition("[")[2].rstrip("]").removeprefix(f"{nst.DEFAULT_RECIPE}: ")
            assert shown.replace(" ", "") == rules[name].show(given[name].default), name


def test_a_value_of_a_command_of_its_own_is_not_told_as_the_kits():
    assert options_of_help("texture")["size"].endswith(" [256]")
    assert options_of_help("stylize")["size"].endswith(" [kit: 512]")


def test_the_help_of_one_pass_has_the_functions_defaults_and_what_its_strength_0_is():
    given = inspect.signature(nst.one_pass).parameters
    shown = {one.name: one.default for one in cli.nst.commands["onepass"].params if getattr(one, "show_default", 0)}
    assert set(shown) == {"method", "strength", "color", "size"}
    assert {name: str(value) for name, value in shown.items()} == {name: str(given[name].default) for name in shown}
    assert "as the decoders know it" in options_of_help("onepass")["strength"]


@pytest.mark.parametrize("command", ["stylize", "texture", "sweep"])
def test_a_help_says_which_share_of_the_memory_a_run_takes(command):
    assert FREE_SHARE == 0.9 and "nine tenths of what is free" in options_of_help(command)["memory"]


WRITTEN = [(one.name, one.metadata["rule"]) for one in dataclasses.fields(nst.Recipe) if one.metadata["rule"].written]


@pytest.mark.parametrize(("name", "rule"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_a_value_can_be_given_in_the_form_that_help_and_refusal_show(name, rule):
    told = f"written as {rule.written}"
    assert told in options_of_help("stylize")[name]
    for text in rule.written.split(" or "):
        assert rule.accept(parse(name, text)) == rule.accept(rule.parse(text))
    for refused in (lambda: parse(name, "1:2:3:4,"), lambda: values_of(f"{name}=1:2:3:4,;1:2:3:4,")):
        with pytest.raises(nst.InputError, match=f"{name}='1:2:3:4,.*write it as {re.escape(rule.written)}$"):
            refused()


def test_what_looks_different_in_a_text_and_in_python_says_how_it_is_written():
    """In Python the pairs of pairs have their own form, and a message there keeps to it."""
    assert {name for name, _ in WRITTEN} == {"content_layers", "style_layers", "pyramid", "schedule", "bounds"}
    with pytest.raises(nst.InputError) as caught:
        nst.Recipe(pyramid=((32,),))
    assert "write it as" not in str(caught.value)


@pytest.mark.parametrize("group", [cli.nst, cli.nst.commands["weights"]], ids=lambda group: group.name)
def test_each_command_is_told_whole_in_80_columns(group):
    listed = CliRunner().invoke(group, ["--help"], terminal_width=80).output
    assert all(name in listed for name in group.commands) and "..." not in listed.partition("Commands:")[2]


def test_every_field_can_be_given(pictures, call):
    """By an option of its own, or by --set in the form that `nst recipes NAME` shows."""
    own = ["--bounds", "0.1,0.8", "--style-layers", "relu1_1=2,relu2_1=0.5", "--normalized", "yes", "--pyramid", "40:2"]
    assert call(*GOOD, *QUICK, *own, "--set", "history=4", "--set", "tv-weight=0.5")[0] == 0
    recipe = json.loads(call("show", "new.png", "--json")[1])["recipe"]
    assert recipe["bounds"] == [0.1, 0.8] and recipe["style_layers"] == {"relu1_1": 2.0, "relu2_1": 0.5}
    assert recipe["normalized"] is True and recipe["pyramid"] == [[40, 2]]
    assert recipe["history"] == 4 and recipe["tv_weight"] == 0.5
    for line in call("recipes", "cs231n-scream")[1].splitlines():
        name, _, value = line.partition(" ")
        if value.strip() and name != "name":
            parsed({"set": (f"{name}={value.strip()}",)})


def test_the_command_line_answers_without_the_library():
    """`nst --help` must not wait for PyTorch."""
    code = "import sys, nstlib.cli as c; c.nst(['--help'], standalone_mode=False); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


GOOD_FACTS = {"format": 1, "content": "content.png", "styles": ["style.png"], "recipe": {"size": 48, "evaluations": 2}}
FOREIGN = {
    "too deep": "[" * 100_000,
    "a list": "[1]",
    "no recipe": json.dumps({"format": 1}),
    "a recipe that is a list": json.dumps(GOOD_FACTS | {"recipe": [1]}),
    "no format": json.dumps({k: v for k, v in GOOD_FACTS.items() if k != "format"}),
    "another format": json.dumps(GOOD_FACTS | {"format": 99}),
    "a word for a seed": json.dumps(GOOD_FACTS | {"seed": "x"}),
    "no styles": json.dumps(GOOD_FACTS | {"styles": None}),
    "styles that are a word": json.dumps(GOOD_FACTS | {"styles": "style.png"}),
    "a texture": json.dumps(GOOD_FACTS | {"content": None}),
    "an unknown field": json.dumps(GOOD_FACTS | {"recipe": {"sise": 48}}),
    "a value that breaks its rule": json.dumps(GOOD_FACTS | {"recipe": {"size": -48}}),
    "shares for others": json.dumps(GOOD_FACTS | {"shares": [1, 2, 3]}),
    "a precision of its own": json.dumps(GOOD_FACTS | {"precision": {"a": 1}}),
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_metadata_that_somebody_else_wrote_is_one_line(pictures, call, text):
    nst.save_image(nst.load_image("content.png").pixels, "foreign.png", {"nstlib": text})
    status, out, err = call("stylize", "--like", "foreign.png", "-o", "new.png", "--quiet", "--device", "cpu")
    assert status == 2 and out == "" and err.count("\n") == 1 and len(err) < 500
    assert call("show", "foreign.png", "--json")[0] in (0, 2) and call("show", "foreign.png")[0] in (0, 2)


def test_names_of_strangers_steer_no_terminal(pictures, call):
    name = "a\x1b[2J\nstyle  b\x9b31m.png"
    for facts in (GOOD_FACTS | {"content": name}, {"format": 1, "by": "judge", name: name}):
        nst.save_image(nst.load_image("content.png").pixels, "foreign.png", {"nstlib": json.dumps(facts)})
        status, out, _ = call("show", "foreign.png")
        assert status == 0 and "a?[2J style b?31m.png" in out and "\n" + "style  b" not in out
        assert not {"\x1b", "\x9b"} & set(out)
        status, out, _ = call("show", "foreign.png", "--json")
        assert status == 0 and not {"\x1b", "\x9b"} & set(out)
        assert name in json.loads(out).values()


def test_no_line_steers_a_terminal(capsys):
    say("a\x1b[31m\tb\r\nc")
    assert capsys.readouterr().out == "a?[31m\tb?\nc\n"


def test_metadata_that_fits_is_followed(pictures, call):
    nst.save_image(nst.load_image("content.png").pixels, "ours.png", {"nstlib": json.dumps(GOOD_FACTS)})
    assert call("stylize", "--like", "ours.png", "-o", "new.png", "--quiet", "--device", "cpu")[0] == 0


# Without a command


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_nst_alone_asks_and_paints(pictures):
    """As a person at a terminal: a wrong name first, then the TAB key, a default, and a press of Enter."""
    import pexpect

    environment = {**os.environ, "TERM": "dumb"}
    nst_ = pexpect.spawn(sys.executable, ["-m", "nstlib"], cwd=str(pictures), env=environment, timeout=60)
    nst_.expect("Content picture.*]: ")
    nst_.sendline("nothing.png")
    nst_.expect("there is no file 'nothing.png'")
    nst_.expect("Content picture.*]: ")
    nst_.send("content/harb\t")
    nst_.expect_exact("content/harbour")
    nst_.sendline("")
    nst_.expect("Style picture.*]: ")
    nst_.send("wood\t")  # a name without its folder
    nst_.expect_exact("style/woodcut_waves")
    nst_.sendline("")
    nst_.expect("Write to.*]: ")
    nst_.sendline("small.tiff")
    nst_.expect("cannot save 'small.tiff'")
    nst_.expect("Write to.*]: ")
    nst_.sendline("small.png")
    nst_.expect("computing on")
    nst_.expect("loss")  # in the bar
    nst_.sendintr()
    nst_.expect(pexpect.EOF)
    nst_.close()
    assert nst_.exitstatus == 0
    assert max(nst.load_image(pictures / "small.png").pixels.shape) == 512


def test_nst_alone_shows_its_help_where_nobody_answers(call, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    status, out, _ = call()
    assert status == 0 and "stylize" in out and len(out.splitlines()) > 10


# Nothing is lost


@pytest.fixture
def shell(pictures):
    """Call `nst` as a process of its own, in the folder of the pictures, through a shell."""
    # Each of these pays for importing PyTorch, so there are few.

    def run(command, **environment):
        nst_ = f"{sys.executable} -m nstlib"
        text = command.replace("nst ", f"{nst_} ", 1)
        return subprocess.run(
            text, shell=True, capture_output=True, cwd=pictures, env={**os.environ, **environment}, check=False
        )

    return run


@pytest.mark.parametrize(
    "way", ["the same name", "a link", "another spelling", "an absolute path", "a style", "a checkpoint"]
)
def test_a_picture_that_is_read_is_never_written_over(pictures, call, way):
    before = (pictures / "content.png").read_bytes(), (pictures / "style.png").read_bytes()
    (pictures / "link.png").symlink_to(pictures / "content.png")
    output = {
        "a link": "link.png",
        "another spelling": "folder/../content.png",
        "an absolute path": str(pictures / "content.png"),
        "a style": "style.png",
        "a checkpoint": "new.png",
    }.get(way, "content.png")
    more = ["--checkpoint", "content.png"] if way == "a checkpoint" else ["--force"]
    status, _, err = call("stylize", "content.png", "style.png", "-o", output, *more, *QUICK)
    assert status == 2 and "which is needed: name another file" in err
    assert before == ((pictures / "content.png").read_bytes(), (pictures / "style.png").read_bytes())


def test_a_file_that_nst_did_not_make_is_written_over_only_by_force(pictures, call):
    (pictures / "mine.png").write_bytes((pictures / "other.png").read_bytes())
    arguments = ["stylize", "content.png", "style.png", "-o", "mine.png", *QUICK]
    status, _, err = call(*arguments)
    assert status == 2 and "add --force" in err
    assert (pictures / "mine.png").read_bytes() == (pictures / "other.png").read_bytes()
    assert call(*arguments, "--force")[0] == 0
    assert call(*arguments)[0] == 0  # now nst made it


@pytest.mark.parametrize("output", ["x" * 256 + ".png", "/proc/x.png", "/dev/full/x.png"])
def test_what_cannot_be_written_is_found_before_the_work(pictures, call, monkeypatch, output):
    monkeypatch.setattr(nst.Objective, "__init__", lambda *_: pytest.fail("the run began"))
    status, out, err = call("stylize", "content.png", "style.png", "-o", output, *QUICK)
    assert status == 2 and out == "" and err.count("\n") == 1


def test_where_saving_fails_the_picture_is_kept_elsewhere(pictures, call, monkeypatch):
    """The folder vanishes during the run, say."""
    (pictures / "later").mkdir()
    evaluate = nst.Objective.value_and_gradient

    def and_remove(objective, image):
        shutil.rmtree(pictures / "later", ignore_errors=True)
        return evaluate(objective, image)

    monkeypatch.setattr(nst.Objective, "value_and_gradient", and_remove)
    status, _, err = call("stylize", "content.png", "style.png", "-o", "later/out.png", *QUICK)
    assert status == 1 and "nst.png" in err
    assert nst.load_image("nst.png").pixels.shape[-2:] == (48, 40)


def test_a_checkpoint_that_cannot_be_written_costs_no_picture(pictures, call, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nstlib.checkpoint.write_checkpoint", full)
    monkeypatch.setattr("nstlib.transfer.CHECKPOINT_SECONDS", 0.0)
    status, _, err = call(*GOOD, "--checkpoint", "state.pt", *QUICK)
    assert status == 0 and (pictures / "new.png").exists()
    assert err.count("No space left on device") == 1 and "goes on without it" in err


@pytest.mark.parametrize("changes", [["--optimizer", "adam", "--rate", "1e-9"], ["--evaluations", "1"]])
def test_a_picture_that_did_not_change_says_so(pictures, call, changes):
    status, _, err = call(*GOOD, *QUICK, *changes)
    assert status == 1 and "the picture is still its start image" in err and (pictures / "new.png").exists()


def test_memory_that_runs_out_keeps_the_picture_so_far(pictures, call, monkeypatch):
    evaluate, calls = nst.Objective.value_and_gradient, []

    def short(objective, image):
        calls.append(image)
        if len(calls) == 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
        return evaluate(objective, image)

    monkeypatch.setattr(nst.Objective, "value_and_gradient", short)
    status, out, _ = call(*GOOD, *QUICK)
    assert status == 0 and "the memory ran out" in out and (pictures / "new.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other shells")
@pytest.mark.parametrize("ending", ["| head -1", "2>&1 | head -1", "2>/dev/full", "2>&-", ">&-", "| cat"])
def test_telling_does_not_decide_whether_one_paints(pictures, shell, ending):
    coding = {"PYTHONIOENCODING": "cp1252"} if ending == "| cat" else {}
    (pictures / "海.png").write_bytes((pictures / "content.png").read_bytes())
    done = shell(f"nst stylize 海.png style.png -o out.png {' '.join(QUICK)} {ending}", **coding)
    assert done.returncode == 0, done.stderr
    assert (pictures / "out.png").exists() and b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_keeps_the_picture_once_and_whole_however_often_it_comes(pictures, name):
    command = [sys.executable, "-m", "nstlib", "stylize", "content.png", "style.png", "-o", "out.png"]
    options = ["--size", "48", "--evaluations", "100000", "--device", "cpu", "--checkpoint", "state.pt"]
    process = subprocess.Popen([*command, *options], cwd=pictures, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    began = process.stdout.readline()
    assert b"computing" in began
    time.sleep(1)
    for _ in range(3):
        process.send_signal(getattr(signal, name))
        time.sleep(0.05)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"interrupted" in out and b"Traceback" not in err
    assert nst.load_image(pictures / "out.png").pixels.shape[-2:] == (48, 40)
    assert torch.load(pictures / "state.pt", weights_only=True)["format"] == 1


# For teachers

LESSON = "# Losses\n\n**You will be able to** ask. **You need** time. **Time** 1 minute."
ANSWER = "### BEGIN SOLUTION\nanswer = 3\n### END SOLUTION"


@pytest.fixture
def lessons(tmp_path):
    """A folder with one lesson."""
    new = nbformat.v4
    cells = [
        new.new_markdown_cell(LESSON),
        new.new_code_cell(ANSWER),
        new.new_code_cell('nst.check("05.pixels", answer)'),
    ]
    (tmp_path / "course").mkdir()
    nbformat.write(new.new_notebook(cells=cells), tmp_path / "course" / "05_losses.ipynb")
    return str(tmp_path / "course")


def test_stamp_then_student(lessons, call):
    repository = "https://github.com/you/nst-course"
    status, out, _ = call("stamp", lessons, "--repository", repository, "--tag", "v9")
    assert status == 0 and "05_losses.ipynb stamped" in out
    source = nbformat.read(f"{lessons}/05_losses.ipynb", 4)
    assert f"{repository}/archive/refs/tags/v9.zip" in source.cells[1].source
    assert "nothing to do" in call("stamp", lessons, "--repository", repository, "--tag", "v9")[1]

    status, _, err = call("student", lessons, "--check")
    assert status == 2 and "05_losses.ipynb" in err and err.endswith(f": run nst student {lessons}\n")
    assert "05_losses.ipynb written" in call("student", lessons)[1]
    assert "answer = ...  # your answer" in nbformat.read(f"{lessons}/student/05_losses.ipynb", 4).cells[2].source
    status, out, _ = call("student", lessons, "--check")
    assert status == 0 and "nothing to do" in out


def test_lessons_says_of_each_what_became_of_it(tmp_path, call):
    folder = str(tmp_path)
    assert call("lessons", folder) == (0, f"{folder}: {len(list(lessons_here()))} files written\n", "")
    assert call("lessons", folder) == (0, f"{folder}: nothing to do\n", "")
    (tmp_path / "clinic.ipynb").write_text("answers", encoding="utf-8")
    (tmp_path / "engine.ipynb").unlink()
    status, out, _ = call("lessons", folder)
    assert status == 0 and out.startswith(f"{folder}: 1 file written\nkept as they are, ")
    assert "they may hold your work: clinic.ipynb; for this version's give another folder, or --force" in out
    assert call("lessons", folder)[1].startswith(f"{folder}: 0 files written\nkept as they are, ")
    assert call("lessons", folder, "--force")[1] == f"{folder}: 1 file written\n"


def test_stamped_lessons_stay_until_a_newer_version_renews_them_and_asks_for_the_stamp(tmp_path, call, monkeypatch):
    kit, folder, stem = tmp_path / "kit", str(tmp_path / "course"), "04_gram_matrices.ipynb"
    shutil.copytree(lesson.NOTEBOOKS / "student", kit / "student", ignore=lambda _, names: {*names} - {stem})
    shutil.copy(lesson.NOTEBOOKS / stem, kit)
    monkeypatch.setattr(lesson, "NOTEBOOKS", kit)
    stamp, names = ("stamp", folder, "--repository", "https://github.com/you/course", "--tag", "v9"), f"student/{stem}"
    assert "2 files written" in call("lessons", folder)[1]
    assert f"{stem}, {names} stamped" in call(*stamp)[1]
    stamped = (Path(folder) / stem).read_bytes()
    assert call("lessons", folder)[1] == f"{folder}: nothing to do\n"
    text = (kit / stem).read_text(encoding="utf-8").replace("Gram matrices", "Gram matrices anew", 1)
    (kit / stem).write_bytes(text.encode())
    build_student(kit)
    told = f"renewed, and without your stamp now: {stem}, {names}; run nst stamp {folder} again, with the --repository"
    assert call("lessons", folder)[1] == f"{folder}: 2 files written\n{told} and --tag of then\n"
    assert (Path(folder) / stem).read_bytes() == (kit / stem).read_bytes() != stamped
    assert call("lessons", folder)[1] == f"{folder}: nothing to do\n"
    assert "stamped" in call(*stamp)[1] and b"github.com/you/course" in (Path(folder) / stem).read_bytes()
    (Path(folder) / stem).write_bytes((Path(folder) / stem).read_bytes() + b"\n")  # somebody's work
    call(*stamp[:-1], "v10")
    (kit / stem).write_bytes(stamped)
    assert f"may hold your work: {stem};" in call("lessons", folder)[1]
    assert told in call("lessons", folder, "--force")[1]


@pytest.mark.parametrize("command", ["lab", "studio"])
def test_the_help_names_the_folder_that_is_taken_without_one(command, call, monkeypatch):
    told = " ".join(call(command, "--help")[1].split())
    theirs = learners(None)  # a checkout's: the tests run in one
    monkeypatch.setattr(lesson, "HOUSE", theirs.parent)  # as where the lessons lie inside the package
    assert f"[{theirs.name} of a checkout, else {learners(None)}]" in told


def test_what_nst_student_removes_is_told(lessons, call):
    call("stamp", lessons)
    call("student", lessons)
    edition = Path(lessons) / "student"
    (edition / "05_losses.ipynb").rename(edition / "05_losses (1).ipynb")
    told = f"{lessons}/student: 05_losses.ipynb written; 05_losses (1).ipynb removed\n"
    assert call("student", lessons)[1] == told and not (edition / "05_losses (1).ipynb").exists()


@pytest.mark.parametrize("command", ["stamp", "student"])
def test_a_folder_without_lessons_is_one_line(command, tmp_path, call):
    status, _, err = call(command, str(tmp_path))
    assert status == 2 and "there are no lessons" in err and len(err.splitlines()) == 1


# --- names, notes and advice ---------------------------------------------------------------------


OTHER_CODING = "caf\udce9.png"  # b"caf\xe9.png": a name of an old disk, which is no UTF-8


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
@pytest.mark.parametrize("output", ["new.png", "new.jpg", "new.webp"])
@pytest.mark.parametrize("command", ["stylize", "onepass"])
def test_a_name_in_another_coding_costs_nothing(pictures, call, command, output):
    (pictures / "content.png").rename(pictures / OTHER_CODING)
    size = QUICK if command == "stylize" else QUICK[:2]
    status, _, err = call(command, OTHER_CODING, "style.png", "-o", output, *size)
    assert status == 0, err
    assert read_facts(pictures / output, with_recipe=False)["content"] == OTHER_CODING


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
def test_a_sweep_takes_a_name_in_another_coding(pictures, call):
    (pictures / "content.png").rename(pictures / OTHER_CODING)
    line = ["sweep", "--pair", OTHER_CODING, "style.png", "--grid", "seed=1", "-o", "made", "--processes", "1", *QUICK]
    for _ in range(2):  # the second time there is nothing to do
        status, _, err = call(*line)
        assert status == 0 and "Traceback" not in err, err
    assert r"caf\udce9.png" in (pictures / "made" / "table.csv").read_text()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can write")
def test_a_checkpoint_that_cannot_be_written_is_refused_before_any_work(pictures, call):
    status, _, err = call(*GOOD, *QUICK, "--checkpoint", "/proc/state.pt")
    assert status == 2 and "the checkpoint '/proc/state.pt' cannot be written" in err
    assert not (pictures / "new.png").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    "line",
    [
        (*GOOD, *QUICK, "--checkpoint", "pipe.png"),
        ("stylize", "content.png", "style.png", "-o", "pipe.png", *QUICK, "--force"),
        ("judge", "content.png", "style.png", "style.png", "--chart", "pipe.png", "--force"),
        ("weights", "export", "pocket", "-o", "pipe.safetensors", "--force"),
    ],
    ids=lambda line: line[-2],
)
def test_a_pipe_to_write_to_is_refused_before_any_work(line, pictures, call, monkeypatch):
    """A reader would wait at it for ever, and whoever writes would put a file in its place."""
    for name in ("pipe.png", "pipe.safetensors"):
        os.mkfifo(pictures / name)
    for module in (plan, judges, backbone):
        monkeypatch.setattr(module, "load_backbone", None)
    status, _, err = call(*line)
    assert status == 2 and "cannot be written (a folder, a pipe or a device stands there): name another file" in err
    assert all((pictures / name).is_fifo() for name in ("pipe.png", "pipe.safetensors"))


def test_a_checkpoint_that_fails_at_last_is_told(pictures, call, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_checkpoint", full)
    for quiet in ([], ["--quiet"]):
        status, _, err = call(*GOOD, *QUICK, "--checkpoint", "state.pt", *quiet)
        assert status == 0 and err.count("cannot be written (No space left on device)") == 1


def test_one_pass_tells_what_it_changed(pictures, call):
    status, out, _ = call("onepass", "content.png", "style.png", "-o", "new.png", "--size", "500")
    assert status == 0 and "kept at 50×60" in out and "one pass by wct" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "rate"), [([], False), (["--optimizer", "adam", "--rate", "1e-9", "--evaluations", "2"], True)]
)
def test_advice_for_a_picture_that_did_not_change_names_what_there_is(pictures, call, options, rate):
    status, _, err = call(*GOOD, "--size", "48", "--device", "cpu", "--evaluations", "1", *options)
    assert status == 1 and "give more evaluations" in err and ("rate" in err) == rate


def test_a_style_that_is_scaled_below_the_least_is_told_by_its_scale(pictures, call):
    status, _, err = call(*GOOD, *QUICK, "--style-scale", "0.25")
    found = re.search(r"at 0\.25 of that .* less than 32: give a style scale of at least (0\.\d+),", err)
    assert status == 2 and found, err
    assert call(*GOOD, *QUICK, "--style-scale", found[1])[0] == 0
    assert call(*GOOD, *QUICK, "--style-scale", str(float(found[1]) - 0.03))[0] == 2


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("rectangle 10 10 10 50", "give it some room"),
        ("rectangle 50 10 10 50", "swap them"),
        ("ellipse 0 0 1 1", "make it larger"),
    ],
)
def test_a_region_that_holds_nothing_is_told_as_a_region(pictures, call, mask, words):
    status, _, err = call(*GOOD, *QUICK, "--mask", mask)
    assert status == 2 and words in err


def test_masks_that_leave_nothing_are_told_as_what_they_are(pictures, call):
    Image.new("RGBA", (50, 60)).save("glass.png")
    both = ["stylize", "content.png", "style.png", "other.png", "-o", "new.png", *QUICK]
    status, _, err = call(*both, "--mask", "rectangle 0 0 100 100", "--mask", "rest")
    assert status == 2 and "leave no rest: make one of them smaller" in err
    status, _, err = call("stylize", "glass.png", "style.png", "-o", "new.png", *QUICK, "--mask", "alpha")
    assert status == 2 and "transparent all over" in err and "invert" not in err
    status, _, err = call("stylize", "content.png", "glass.png", "-o", "new.png", *QUICK)
    assert status == 2 and "nothing of 'glass.png' is style" in err and "save it without transparency" in err
    Image.open("glass.png").convert("RGB").save("opaque.png")
    assert call("stylize", "content.png", "opaque.png", "-o", "new.png", *QUICK)[0] == 0


@pytest.mark.parametrize("command", ["lab", "studio"])
@pytest.mark.parametrize(
    ("words", "folder", "rest"),
    [
        (["--port=9109"], None, ["--port=9109"]),
        (["mine", "--port=9109"], "mine", ["--port=9109"]),
        (["--allow-root", "--no-browser"], None, ["--allow-root", "--no-browser"]),
        ([], None, []),
    ],
    ids=str,
)
def test_what_begins_with_a_dash_is_jupyters(monkeypatch, call, command, words, folder, rest):
    heard = []
    monkeypatch.setattr(f"nstlib.lesson.open_{command}", lambda *given, **_: heard.append(given))
    assert call(command, *words)[0] == 0
    assert heard == [(folder, *rest)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other shells")
def test_what_goes_into_a_file_is_spelt_whole(pictures, shell):
    """Whatever code page the machine has: no ✓ becomes a question mark."""
    done = shell("nst key 04 > key.md", PYTHONUTF8="0", LC_ALL="POSIX", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert "✓" in (pictures / "key.md").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other shells")
@pytest.mark.parametrize("coding", ["cp1252", "cp437", "ascii"])
def test_what_a_terminal_has_no_letters_for_keeps_its_meaning(shell, coding):
    told = shell("nst key 04 | cat", PYTHONIOENCODING=coding).stdout.decode(coding)
    assert "what is asked, in order; after right: a right answer, after wrong: a wrong one and" in told
    assert "- right: 1, 0, 2. *The two" in told and "- wrong: 9, 0, 18. *Those are R" in told
    assert "The Gram matrix F F^T / M (N, N)" in told and "G11, G12 and G22" in told
    codecs.register_error("spelt", spelt)
    for key in map(answer_key, nst.LESSONS):
        assert key.encode(coding, "spelt").count(b"?") <= key.count("?") + key.count("ü"), "a name keeps its accents"


@pytest.mark.parametrize("form", ["'{}'", '"{}"', "{}"])
def test_a_path_may_come_as_a_terminal_writes_a_dragged_file(tmp_path, form):
    (path := tmp_path / "my cat.png").write_bytes(b"")
    assert dragged(form.format(path)) == str(path)
    assert dragged(str(path).replace(" ", "\\ ")) == str(path)
    assert dragged("content/harbour") == "content/harbour" and dragged("'") == "'"
