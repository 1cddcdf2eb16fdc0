"""Sweeps go on where they were left, whatever ended them, and lose and repeat nothing.

Faults are real ones: processes are killed, a cluster's worker too. What paints is replaced only where a point is to
fail, or to last until the test has done its part.
"""

import csv
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from deeds import act

import nstlib as nst
from nstlib import cli, pool
from nstlib.errors import InputError
from nstlib.forecast import Paces
from nstlib.frames import Way
from nstlib.interrupts import Stopped
from nstlib.optimizers import Step, Stop
from nstlib.pool import Outcome, abreast, here
from nstlib.result import STILL, Progress, Record, read_facts
from nstlib.run import OF_THE_NEWEST
from nstlib.sweeps import folder, painters, run, sheet
from nstlib.sweeps.grid import checked_grid, checked_pairs, laid_out
from nstlib.sweeps.points import TABLE
from nstlib.weights import save_weights

QUICK = {"size": 48, "evaluations": 2, "device": "cpu"}
GRID = {"style_weight": [0.5, 2], "optimizer": ["adam", "lbfgs"]}
PAIRS = [("content.png", "style.png")]


@pytest.fixture
def pictures(tmp_path, rng, monkeypatch):
    """A folder with pictures; the tests stand in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("content", "style", "other"):
        nst.save_image(torch.rand(1, 3, 60, 50, generator=rng), f"{name}.png")
    return tmp_path


@pytest.fixture
def painted(monkeypatch):
    """The points that were painted, in words; they are painted in this process, so that the tests are quick."""
    order = []

    def serially(work, tasks, processes, threads):
        for task in tasks:
            order.append(task.words)
            try:
                yield task, Outcome(painters.painted(task))
            except InputError as error:
                yield task, Outcome(None, str(error))

    monkeypatch.setattr(painters, "here", serially)
    monkeypatch.setattr(sheet, "SHEET_DPI", 50)
    return order


def sweep(**options):
    return nst.sweep(GRID, PAIRS, **{**QUICK, **options})


def write_by(monkeypatch, keep):
    """Let something else write a sweep's files."""
    for module in (folder, run, sheet):
        monkeypatch.setattr(module, "keep", keep)


def rows_of(name):
    with open(f"{name}/table.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- what comes of it ----------------------------------------------------------------------------


def test_every_point_is_the_picture_that_stylize_paints(pictures, painted):
    found = sweep(seed=3)
    values = [(p.values["style_weight"], p.values["optimizer"]) for p in found.points]
    assert values == [("0.5", "adam"), ("0.5", "lbfgs"), ("2", "adam"), ("2", "lbfgs")] and not found.failures
    for point, (weight, optimizer) in zip(found.points, values, strict=True):
        alone = nst.stylize(*PAIRS[0], style_weight=float(weight), optimizer=optimizer, seed=3, show=False, **QUICK)
        assert torch.equal(nst.load_image(point.path).pixels, (alone.image * 255).round() / 255)
        facts = read_facts(point.path)
        assert facts | {"seconds": 0} == json.loads(json.dumps({**alone.facts, "seconds": 0}))


def test_the_table_and_the_contact_sheet(pictures, painted):
    found = sweep()
    rows = rows_of("sweep")
    assert [row["picture"] for row in rows] == [point.path.name for point in found.points]
    for row, point in zip(rows, found.points, strict=True):
        facts = read_facts(point.path)
        assert row["content"] == "content.png" and row["styles"] == "style.png" and not row["failure"]
        assert float(row["loss"]) == facts["loss"] and int(row["evaluations_made"]) == facts["evaluations"] >= 2
        assert facts["recipe"]["style_weight"] == float(row["style_weight"])
        assert facts["recipe"]["optimizer"] == row["optimizer"]
    figure = sheet.contact_sheet(found)
    labels = [axis.get_ylabel() for axis in figure.axes], [axis.get_xlabel() for axis in figure.axes]
    assert labels == (["0.5", "", "2", ""], ["", "", "adam", "lbfgs"])
    assert figure.get_suptitle() == "content, style: style_weight × optimizer"
    assert nst.load_image("sweep/contact.png").pixels.shape[-1] > 300
    assert "contact sheet" in found._repr_html_() and repr(found).startswith("4 of 4 pictures")


def test_pairs_that_are_called_alike_are_told_apart(pictures, painted, tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("content.png", "style.png"):
        nst.save_image(nst.load_image(name).pixels.flip(3), f"more/{name}")
    pairs = [*PAIRS, ("more/content.png", "more/style.png"), ("content.png", "other.png")]
    found = nst.sweep({"style_weight": [1, 2]}, pairs, **QUICK)
    figure = sheet.contact_sheet(found)
    labels = [axis.get_ylabel() for axis in figure.axes[::2]]
    assert labels == ["content, style (1)", "content, style (2)", "content, other"]


def test_on_a_large_sheet_pictures_and_labels_keep_their_size(pictures, painted):
    found = nst.sweep({"seed": [0], "color": ["style", "luminance"]}, PAIRS, **QUICK)
    layers = ["relu1_1=0.5,relu2_1=0.25,relu3_1=0.125,relu4_1=0.0625", "relu1_1,relu2_1,relu3_1"]

    def at(seed, layer, point):
        return replace(point, values={"seed": str(seed), "style_layers": layer, "color": point.values["color"]})

    points = tuple(at(s, layer, p) for s in range(12) for layer in layers for p in found.points)
    figure = sheet.contact_sheet(replace(found, points=points))
    figure.canvas.draw()
    drawn = figure.axes[0].get_window_extent().width / figure.dpi * sheet.SHEET_DPI
    assert drawn > 0.6 * sheet.THUMBNAIL
    places = [axis.yaxis.label.get_window_extent() for axis in figure.axes[::2]]
    assert not any(a.overlaps(b) for a, b in pairwise(places))
    assert "relu3_1" in figure.axes[0].get_ylabel().replace("\n", " ").split("=")[2]


def test_pairs_are_an_axis_too(pictures, painted):
    pairs = [*PAIRS, ("other.png", "style.png", "content.png")]
    found = nst.sweep({"style_layers": ["relu1_1", ["relu1_1", "relu2_1"]]}, pairs, **QUICK)
    assert [p.pair for p in found.points] == [pairs[0]] * 2 + [pairs[1]] * 2
    assert read_facts(found.points[3].path)["styles"] == ["style.png", "content.png"]
    assert sheet.contact_sheet(found).get_suptitle() == "pictures × style_layers"


def test_pictures_from_memory(pictures, painted, rng):
    content = torch.rand(1, 3, 60, 50, generator=rng)
    found = nst.sweep({"seed": [0, 1]}, [(content, "style.png")], start="noise", **QUICK)
    assert not found.failures
    first, second = (nst.load_image(point.path).pixels for point in found.points)
    assert not torch.equal(first, second)
    again = nst.sweep({"seed": [0, 1]}, [(content, "style.png")], start="noise", **QUICK)
    assert len(painted) == 2 and again == found


def test_what_stands_behind_an_address_is_fetched_once(pictures, painted, monkeypatch):
    asked = []

    def fetched(url):
        asked.append(url)
        return Path("content.png").read_bytes()

    monkeypatch.setattr("nstlib.gallery.fetch", fetched)
    address = "https://example.org/content.png"
    found = nst.sweep({"seed": [0, 1, 2]}, [(address, "style.png")], start="noise", **QUICK)
    assert not found.failures and asked == [address]
    assert (
        {point.pair[0] for point in found.points} == {read_facts(p.path)["content"] for p in found.points} == {address}
    )
    from_file = nst.sweep({"seed": [0]}, [("content.png", "style.png")], start="noise", **{**QUICK, "folder": "other"})
    assert torch.equal(*(nst.load_image(one.points[0].path).pixels for one in (found, from_file)))


def test_an_address_of_no_picture_is_named(pictures, monkeypatch):
    monkeypatch.setattr("nstlib.gallery.fetch", lambda url: b"<html>sign in</html>")
    with pytest.raises(InputError, match=r"at https://example.org/a.png: .*"):
        nst.sweep({"seed": [0]}, [("https://example.org/a.png", "style.png")], **QUICK)


# --- going on ------------------------------------------------------------------------------------


def test_the_same_call_paints_nothing_anew(pictures, painted):
    found = sweep()
    times = [point.path.stat().st_mtime_ns for point in found.points]
    assert sweep() == found and len(painted) == 4
    assert [point.path.stat().st_mtime_ns for point in found.points] == times


@pytest.mark.parametrize("harm", ["lost", "semicolons", "UTF-8 with a mark", "quoted"])
def test_a_sweep_without_its_table_goes_on(pictures, painted, harm):
    found, table = sweep(), pictures / "sweep" / TABLE
    if harm == "lost":
        table.unlink()
    elif harm == "semicolons":
        table.write_bytes(table.read_bytes().replace(b",", b";"))
    elif harm == "quoted":
        table.write_bytes(b'"picture","content","styles"' + table.read_bytes().removeprefix(b"picture,content,styles"))
    else:  # as Excel's "CSV UTF-8" does
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert sweep() == found and len(painted) == 4 and len(rows_of("sweep")) == 4
    table.write_text("my own")
    with pytest.raises(InputError, match="'sweep' holds other files"):
        sweep()
    assert table.read_text() == "my own"


def test_a_larger_grid_paints_only_what_is_new(pictures, painted):
    sweep()
    found = nst.sweep({**GRID, "style_weight": [0.5, 1, 2]}, PAIRS, **QUICK)
    assert len(painted) == 6 and all("style_weight=1," in words for words in painted[4:]) and not found.failures


@pytest.mark.parametrize("change", [{"evaluations": 3}, {"seed": 1}, {"content_weight": 0.5}, {"recipe": "gatys2016"}])
def test_another_option_paints_its_own(pictures, painted, change):
    options = {"backbone": "pocket"} if "recipe" in change else {}
    before = nst.sweep({"style_weight": [1]}, PAIRS, **QUICK)
    after = nst.sweep({"style_weight": [1]}, PAIRS, **{**QUICK, **change, **options})
    assert len(painted) == 2 and before.points[0].path != after.points[0].path
    assert before.points[0].path.is_file() and after.points[0].path.is_file()


def test_another_picture_of_the_same_name_is_painted(pictures, painted):
    before = nst.sweep({"style_weight": [1]}, PAIRS, **QUICK)
    (pictures / "other.png").replace("content.png")
    after = nst.sweep({"style_weight": [1]}, PAIRS, **QUICK)
    assert len(painted) == 2 and before.points[0].path != after.points[0].path


@pytest.mark.parametrize("option", [{"masks": ["other.png"]}, {"style_masks": ["other.png"]}, {"start": "other.png"}])
def test_another_mask_or_start_of_the_same_name_is_painted(pictures, painted, rng, option):
    nst.sweep({"style_weight": [1]}, PAIRS, **option, **QUICK)
    nst.save_image(torch.rand(1, 3, 60, 50, generator=rng), "other.png")
    nst.sweep({"style_weight": [1]}, PAIRS, **option, **QUICK)
    assert len(painted) == 2


def test_other_weights_in_a_file_of_the_same_name_paint_anew(pictures, painted):
    state = nst.load_backbone("pocket").state_dict()
    for number, factor in enumerate((1.0, 0.5, 0.5), start=1):
        save_weights({name: factor * value for name, value in state.items()}, "net.safetensors")
        os.utime("net.safetensors", ns=(number, number))
        nst.sweep({"style_weight": [1]}, PAIRS, weights="net.safetensors", **QUICK)
    assert len(painted) == 2


def test_one_mask_need_not_stand_in_a_list(pictures, painted):
    found = nst.sweep({"style_weight": [1]}, PAIRS, masks="ellipse 10 10 90 90", **QUICK)
    assert nst.sweep({"style_weight": [1]}, PAIRS, masks=["ellipse 10 10 90 90"], **QUICK) == found


def test_device_and_memory_make_no_other_picture(pictures, painted):
    sweep()
    sweep(memory=8e9, device="auto")
    assert len(painted) == 4


@pytest.mark.parametrize("harm", ["half", "empty", "others", "gone"])
def test_a_picture_that_is_not_whole_is_painted_again(pictures, painted, harm):
    found = sweep()
    path = found.points[2].path
    whole = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        other = (pictures / "other.png").read_bytes()  # a whole picture, but without facts
        path.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "others": other}[harm])
    assert sweep() == sweep() and painted[4:] == [found.points[2].words]
    assert path.read_bytes()[:8] == whole[:8] and not sweep().failures


def test_a_point_that_fails_says_why_and_is_tried_again(pictures, painted, monkeypatch):
    real = painters.carry_out

    def fails(plan, **options):
        if plan.recipe.optimizer == "lbfgs" and plan.recipe.style_weight == 2:
            raise InputError("the paint is dry")
        return real(plan, **options)

    monkeypatch.setattr(painters, "carry_out", fails)
    found = sweep()
    (failed,) = found.failures
    assert failed.failure == "the paint is dry" and failed.values == {"style_weight": "2", "optimizer": "lbfgs"}
    assert "1 failed" in repr(found) and "the paint is dry" in repr(found)
    assert [row["failure"] for row in found.table] == ["", "", "", "the paint is dry"] and not failed.path.exists()
    said = [[text.get_text() for text in axis.texts] for axis in sheet.contact_sheet(found).axes]
    assert said == [[], [], [], ["failed"]]
    monkeypatch.setattr(painters, "carry_out", real)
    assert not sweep().failures and len(painted) == 5


def test_a_run_that_ends_for_memory_is_no_picture(pictures, painted, monkeypatch):
    real = painters.carry_out

    def short(plan, **options):
        return replace(real(plan, **options), stopped=nst.Stop.MEMORY)

    monkeypatch.setattr(painters, "carry_out", short)
    found = sweep()
    assert len(found.failures) == 4 and found.failures[0].failure.startswith("the memory ran out after")


def test_an_interrupt_keeps_what_is_finished(pictures, painted, monkeypatch):
    real = painters.carry_out

    def interrupted(plan, **options):
        if plan.recipe.style_weight == 2:
            raise KeyboardInterrupt
        return real(plan, **options)

    monkeypatch.setattr(painters, "carry_out", interrupted)
    with pytest.raises(Stopped, match="stopped: 2 of 4 pictures are in 'sweep', and the same call goes on from there"):
        sweep()
    assert [row["failure"] for row in rows_of("sweep")] == ["", "", *["not painted yet"] * 2]
    monkeypatch.setattr(painters, "carry_out", real)
    painted.clear()
    assert not sweep().failures and len(painted) == 2


def test_pictures_on_the_way_and_losses_are_kept(pictures, painted):
    """Each is what a run of so many evaluations comes to; a call without them, or with others, is another sweep."""
    options = {**QUICK, "optimizer": "adam", "evaluations": 7}
    found = nst.sweep({"style_weight": [0.5, 2]}, PAIRS, frames=[5, 2, 20], **options)
    for point, weight in zip(found.points, (0.5, 2), strict=True):
        run = nst.Transfer(*[PAIRS[0][0], PAIRS[0][1:]], show=False, **options, style_weight=weight)
        seen = {p.evaluations: p.image for p in run}
        assert list(point.frames) == [2, 5, 7]
        for count, path in point.frames.items():
            assert torch.equal(nst.load_image(path).pixels, (seen[count] * 255).round() / 255)
        assert [(r.size, r.iteration, r.evaluations, r.loss) for r in point.history] == [
            (r.size, r.iteration, r.evaluations, r.loss) for r in run.history
        ]
        assert [r.terms for r in point.history] == [pytest.approx(r.kinds()) for r in run.history]
    assert len(painted) == 2
    assert nst.sweep({"style_weight": [0.5, 2]}, PAIRS, frames=(2, 5, 20), **options) == found and len(painted) == 2
    bare = nst.sweep({"style_weight": [0.5, 2]}, PAIRS, **options)
    assert len(painted) == 4 and {p.path for p in bare.points}.isdisjoint(p.path for p in found.points)
    with pytest.raises(InputError, match="give frames, and run it again"):
        _ = bare.points[0].frames


@pytest.mark.parametrize("harm", ["frame", "junk frame", "table", "junk", "cut"])
def test_frames_that_are_lost_or_damaged_are_made_anew(pictures, painted, harm):
    def call():
        return nst.sweep({"seed": [0]}, PAIRS, frames=[1], **QUICK).points[0]

    point = call()
    table = point.path.with_suffix(".csv")
    before = {path: path.read_bytes() for path in point.frames.values()} | {table: table.read_bytes()}
    if harm == "frame":
        next(iter(point.frames.values())).unlink()
    elif harm == "junk frame":
        next(iter(point.frames.values())).write_bytes(b"junk")
    elif harm == "table":
        table.unlink()
    else:
        table.write_bytes(b"\xff junk" if harm == "junk" else table.read_bytes()[:40])
        with pytest.raises(InputError, match="is damaged: run it again with the same frames"):
            _ = point.frames
    assert call().frames == {int(path.suffixes[-2][1:]): path for path in before if path != table}
    assert len(painted) == 2 and all(path.read_bytes() == data for path, data in before.items() if path != table)


def test_what_is_odd_about_the_pictures_is_told(pictures, painted):
    found = nst.sweep({"seed": [0, 1]}, PAIRS, **QUICK)
    assert found.remarks == (f"{found.points[1].words} came to the same picture as {found.points[0].words}",)
    assert repr(found).endswith(f"; 1 is odd, such as {found.remarks[0]}")
    options = {**QUICK, "evaluations": 12, "optimizer": "adam", "folder": "still"}
    still = nst.sweep({"rate": [1e-6, 0.01]}, PAIRS, **options)
    odd = f"{STILL}: give more evaluations, weights near 1 to the terms, and a rate near 0.02"
    assert [row["remark"] for row in rows_of("still")] == [odd, ""]
    assert still.remarks == (f"{still.points[0].words}: {odd}",)
    assert not nst.sweep({"seed": [0, 1]}, PAIRS, **{**QUICK, "folder": "noise"}, start="noise").remarks


@pytest.mark.parametrize("grid", [{"color": ["style", "after"]}, {"average": [0, 0.9]}])
def test_only_pictures_of_equal_pixels_are_called_the_same(pictures, painted, grid):
    """What is done to the picture after its last evaluation leaves the loss as it was."""
    found = nst.sweep(grid, PAIRS, **{**QUICK, "evaluations": 6, "optimizer": "adam"})
    first, second = (nst.load_image(point.path).pixels for point in found.points)
    assert len({point.facts["loss"] for point in found.points}) == 1 and not torch.equal(first, second)
    assert found.remarks == ()
    assert [row["remark"] for row in found.table] == ["", OF_THE_NEWEST if "average" in grid else ""]


def test_frames_of_both_halves_of_a_mixed_run(pictures, painted):
    options = {**QUICK, "evaluations": 20, "precision": "mixed"}
    (point,) = nst.sweep({"seed": [1]}, PAIRS, frames=[2, 14], **options).points
    (early, first), (late, second) = point.frames.items()
    assert 2 <= early <= 4 and 14 <= late <= 16
    assert first.read_bytes() != second.read_bytes()


def test_frames_of_a_coarse_scale_and_a_fine_one(pictures, painted):
    scales = {"size": 60, "evaluations": 4, "device": "cpu"}
    found = nst.sweep({"pyramid": [[(48, 4)]]}, PAIRS, frames=[3, 6], **scales)
    (point,) = found.points
    (early, first), (late, second) = point.frames.items()
    assert 3 <= early <= 5 and 6 <= late <= 9
    assert [max(nst.load_image(path).pixels.shape) for path in (first, second)] == [48, 60]
    assert point.history[0].size != point.history[-1].size


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_frames_of_scales_of_one_evaluation_each(pictures, painted, optimizer):
    scales = {"size": 60, "pyramid": [(48, 1), (54, 1)], "evaluations": 3, "optimizer": optimizer, "device": "cpu"}
    (point,) = nst.sweep({"seed": [1]}, PAIRS, frames=[1, 2, 3], **scales).points
    assert list(point.frames) == [1, 2, 3]
    assert [max(nst.load_image(path).pixels.shape) for path in point.frames.values()] == [48, 54, 60]


def test_a_move_that_is_told_twice_is_of_one_stage():
    """As L-BFGS tells its last one where it finds no further one."""
    way, small, large, picture = Way([1, 9, 11]), (8, 8), (16, 16), torch.zeros(1, 3, 8, 8)
    told = [(small, 0, 1, None, 1), (small, 0, 9, Stop.CONVERGED, 9), (large, 0, 1, None, 11), (large, 1, 2, None, 12)]
    for size, moves, count, stop, total in told:
        step = Step(moves, count, 0.0, 1.0, {}, picture, stop=stop)
        way(Progress(step, size, done=total / 20, seconds=0.0, seconds_left=None, evaluations=total, total=20))
    history = [Record(size, moves, count, 0.0, 1.0, {}) for size, moves, count, *_ in told[1:]]
    table = csv.DictReader(io.StringIO(way.files(history)[".csv"].decode("utf-8-sig")))
    assert [(row["height"], row["frame"]) for row in table] == [("8", "9"), ("16", "11"), ("16", "")]


def test_a_point_that_was_lost_before_its_picture_is_painted_again(pictures, painted, monkeypatch):
    """The picture comes last, so what is there without it counts for nothing."""
    real = folder.keep

    def full(path, data):
        if path.suffix == ".png" and "." not in path.stem:
            raise InputError("make room")
        real(path, data)

    write_by(monkeypatch, full)
    with pytest.raises(InputError, match="make room"):
        nst.sweep({"seed": [0]}, PAIRS, frames=[1], **QUICK)
    write_by(monkeypatch, real)
    found = nst.sweep({"seed": [0]}, PAIRS, frames=[1], **QUICK)
    assert len(painted) == 2 and not found.failures and found.points[0].frames


# --- what no other process knows of --------------------------------------------------------------


@pytest.fixture
def own(monkeypatch):
    """A statistic that somebody added."""
    largest = nst.Statistic("own", lambda f: f[0].flatten(1).amax(1), lambda v, t: (v - t).square().mean(), "", power=2)
    monkeypatch.setitem(nst.STATISTICS, "own", largest)


def test_what_somebody_added_is_painted_with_in_this_process(pictures, own, monkeypatch):
    monkeypatch.setattr(sheet, "SHEET_DPI", 50)
    found = sweep(statistic="own")
    assert [point.failure for point in found.points] == 4 * [""]
    assert found.points[0].facts["recipe"]["statistic"] == "own"


@pytest.mark.parametrize("options", [{"processes": 2}, {"scheduler": "tcp://127.0.0.1:1"}])
def test_what_somebody_added_is_for_no_other_process(pictures, own, options):
    with pytest.raises(InputError, match="'own' is known to this process alone"):
        sweep(statistic="own", **options)


def test_an_interrupt_ends_a_sweep_in_this_process(pictures, own, monkeypatch):
    monkeypatch.setattr(sheet, "SHEET_DPI", 50)
    plain, made = painters.carry_out, []

    def stopped_by_hand(plan, on_progress):
        made.append(plan)
        watch = on_progress if len(made) == 1 else interrupt
        return plain(plan, on_progress=watch)

    def interrupt(progress):
        raise KeyboardInterrupt  # as Python does for Ctrl-C, wherever the run is

    monkeypatch.setattr(painters, "carry_out", stopped_by_hand)
    with pytest.raises(Stopped, match="1 of 4 pictures are in"):
        sweep(statistic="own")


def test_what_cannot_be_unpickled_is_told_as_it_is():
    """Not as a death for want of memory."""
    (_, outcome) = next(here(act, [Unreadable()], 1, 1))
    assert not outcome.died and "from another world" in outcome.failure


class Unreadable:
    """What raises where it is unpickled."""

    def __reduce__(self):
        return int, ("from another world",)


# --- mistakes ------------------------------------------------------------------------------------

ONE = {"size": [48]}
WRONG = [
    ({"sise": [48]}, PAIRS, {}, "unknown field of a sweep 'sise': did you mean 'size'"),
    ({"style_weight": [1, float("nan")]}, PAIRS, {}, "style_weight=nan: expected a number of at least 0"),
    ({"optimizer": ["adam", "lbgfs"]}, PAIRS, {}, "did you mean 'lbfgs'"),
    ({"style_weight": 1}, PAIRS, {}, "style_weight=1: give the values to try in a list"),
    ({"optimizer": "adam"}, PAIRS, {}, "optimizer='adam': give the values to try in a list"),
    ({"style_weight": []}, PAIRS, {}, "give the values to try in a list, one at least"),
    ({"style_weight": [1, 1.0]}, PAIRS, {}, "style_weight has the value 1 twice"),
    ({}, PAIRS, {}, "the grid is {}: give values by field"),
    ([1], PAIRS, {}, "the grid is"),
    ({"rate": [0.1], "optimizer": ["adam", "lbfgs"]}, PAIRS, {}, "at content, style, rate=0.1, optimizer=lbfgs: rate"),
    (ONE, PAIRS, {"size": 64}, "size is swept, and given for all points too"),
    (ONE, PAIRS, {"styleweight": 2}, "did you mean 'style_weight'"),
    (ONE, [], {}, "no pairs of pictures"),
    (ONE, ("content.png", "style.png"), {}, "no pairs of pictures"),
    (ONE, [("content.png",)], {}, "no pairs of pictures"),
    (ONE, PAIRS * 2, {}, "a pair of pictures is given twice"),
    (ONE, [("content.png", "styel.png")], {}, "did you mean style.png"),
    (ONE, [("content.png", "text.png")], {}, "'text.png'"),
    ({"size": [48, 4000]}, PAIRS, {"style_size": 20}, "at content, style, size=48: "),
    (ONE, PAIRS, {"processes": 0}, "processes=0: expected a whole number of at least 1"),
    (ONE, PAIRS, {"processes": 2, "scheduler": "tcp://127.0.0.1:1"}, "a scheduler has workers of its own"),
    (ONE, PAIRS, {"scheduler": "nowhere"}, "give its address, such as tcp://"),
    ({"device": ["cpu"]}, PAIRS, {}, "device makes no other picture: give it as an option"),
    (ONE, PAIRS, {"frames": 10}, "frames=10: give a list of evaluations"),
    (ONE, PAIRS, {"frames": "10"}, "frames='10': give a list of evaluations"),
    (ONE, PAIRS, {"frames": [10, 0]}, "frames=0: expected a whole number of at least 1"),
    (ONE, PAIRS, {"folder": "."}, "'.' holds other files"),
    (ONE, PAIRS, {"folder": "style.png"}, "is no folder"),
    (ONE, PAIRS, {"folder": "style.png/x"}, "is no folder"),
    (ONE, PAIRS, {"folder": ""}, "names no folder"),
    (ONE, PAIRS, {"folder": None}, "names no folder"),
    (ONE, PAIRS, {"guidance": "sum"}, "guidance has an effect only with masks"),
    (ONE, PAIRS, {"masks": ["none.png"]}, "none.png"),
    (ONE, PAIRS, {"memory": 1000}, "at content, style, size=48: .* need"),
]


@pytest.mark.parametrize(("grid", "pairs", "options", "message"), WRONG, ids=[message[:40] for *_, message in WRONG])
def test_a_mistake_is_found_before_any_work(pictures, painted, grid, pairs, options, message):
    (pictures / "text.png").write_text("not a picture")
    with pytest.raises(InputError, match=message):
        nst.sweep(grid, pairs, **{"evaluations": 2, "device": "cpu", **options})
    assert not painted and not (pictures / "sweep").exists()


def test_no_scheduler_answers(pictures, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "PATIENCE", 0.5)
    with pytest.raises(InputError, match=r"no scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        sweep(scheduler="tcp://127.0.0.1:1")


def test_a_folder_of_other_files_stays_as_it_is(pictures, painted):
    (pictures / "mine").mkdir()
    (pictures / "mine" / "contact.png").write_text("mine")
    with pytest.raises(InputError, match="'mine' holds other files"):
        sweep(folder="mine")
    assert (pictures / "mine" / "contact.png").read_text() == "mine" and not painted


@pytest.mark.parametrize("name", ["table.csv", "contact.png", "a-0123456789.png", "a-0123456789.30.png"])
def test_a_folder_in_the_place_of_a_file_is_told_before_anything_is_painted(name, pictures, painted):
    (pictures / "sweep" / name).mkdir(parents=True)
    with pytest.raises(InputError, match=f"{name}' stands where a file .*: move it away, or give a new folder"):
        sweep(folder="sweep")
    assert not painted
    (pictures / "sweep" / name).rename(pictures / "table.csv")  # beside a new folder it is in nobody's way
    assert len(sweep(folder="sweep").points) == len(sweep(folder="new").points) == len(painted) / 2


def test_cores_and_memory_are_divided(pictures, painted, monkeypatch):
    tasks, _ = laid_out(checked_grid({"seed": list(range(9))}, {}), checked_pairs(PAIRS), QUICK, (), pictures)
    largest = painters.PROCESS + painters.foresee(tasks[0].check(), Paces()).bytes
    monkeypatch.setattr(painters, "cores", lambda: 4)
    assert painters.divided(tasks[:2], 8)[0] == 2
    for room, count in ((100, 4), (3.5, 3), (2.1, 2), (1.5, 1), (0.9, 1)):
        monkeypatch.setattr(painters, "free_memory", lambda _, room=room: room * largest / painters.FREE_SHARE)
        found, memory = painters.divided(tasks, None)
        assert found == count and (memory is None) == (count == 1)
        assert count == 1 or count * (memory + painters.PROCESS) <= room * largest * 1.001
        assert count == 1 or memory >= largest - painters.PROCESS
    with pytest.raises(InputError, match="need"):
        monkeypatch.setattr(painters, "free_memory", lambda _: painters.PROCESS)
        painters.divided(tasks, 4)


# --- processes -----------------------------------------------------------------------------------


@pytest.fixture
def path_of_tests(monkeypatch):
    """The processes can import this file."""
    monkeypatch.syspath_prepend(os.path.dirname(__file__))


@pytest.mark.slow
def test_a_process_that_dies_costs_only_its_own(tmp_path, path_of_tests):
    innocent = [("return", n) for n in range(4)]
    deeds = [("die", f"{tmp_path}/a"), ("raise", "no paint"), ("die once", f"{tmp_path}/b"), ("interrupt", 9)]
    found = dict(here(act, [*deeds, *innocent, ("threads", 0), ("hand back", 0)], processes=2, threads=3))
    assert [found[deed] for deed in innocent] == [Outcome(n) for _, n in innocent]
    assert found["raise", "no paint"] == Outcome(None, "ValueError: no paint")
    assert found[deeds[2]] == Outcome(f"{tmp_path}/b"), "tried once more"
    assert found[deeds[0]].died and "its process was ended by signal 9" in found[deeds[0]].failure
    assert found["interrupt", 9] == Outcome(9) and found["threads", 0] == Outcome(3)
    assert not found["hand back", 0].died and "pickle" in found["hand back", 0].failure


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_process_ends_with_a_caller_that_was_killed(tmp_path, path_of_tests):
    """Though it is in the middle of its work."""
    program = "from deeds import act; from nstlib.pool import here; list(here(act, [('wait', 'pid')], 1, 1))"
    tests = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    caller = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=tests)
    told = tmp_path / "pid"
    wait_for(lambda: told.exists() and told.read_text())
    worker = int(told.read_text())
    os.kill(worker, 0)  # it is there
    caller.kill()
    caller.wait()
    wait_for(lambda: not is_alive(worker))


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # one that has ended and that nobody waited for is there in name only
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
def test_whoever_stops_listening_ends_the_processes(path_of_tests):
    outcomes = abreast(act, [("return", 1)] * 3, 1, 1)
    assert next(outcomes) == (("return", 1), Outcome(1))
    outcomes.close()
    assert not multiprocessing.active_children()


def children(pid):
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", "spawn_main"], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


SCRIPT = """
import nstlib as nst
print(nst.sweep({"seed": list(range(6))}, [("content.png", "style.png")], size=64, evaluations=EVALUATIONS,
    start="noise", optimizer="adam", device="cpu", processes=2))
"""


LONG = 100  # evaluations: some seconds a point, so that the sweep is not over before somebody stops it


def begin(evaluations):
    """A script without a guard, as people write it, in a process group of its own."""
    Path("script.py").write_text(SCRIPT.replace("EVALUATIONS", str(evaluations)))
    return subprocess.Popen(
        [sys.executable, "script.py"], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_real_sweep_whose_process_is_killed_and_which_is_interrupted(pictures):
    """Ctrl-C in a terminal goes to all processes of the group; and one of them may be killed at any time."""
    run = begin(LONG)
    wait_for(lambda: list((pictures / "sweep").glob("*seed*.png")))
    os.kill(wait_for(lambda: children(run.pid))[0], signal.SIGKILL)
    wait_for(lambda: len(list((pictures / "sweep").glob("*seed*.png"))) >= 2)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=60)
    done = {path: path.stat().st_mtime_ns for path in (pictures / "sweep").glob("*seed*.png")}
    assert not out and err.count("Traceback") == 1, "the processes were silent"
    assert f"stopped: {len(done)} of 6 pictures are in 'sweep', and the same call goes on from there" in err
    assert not children(run.pid)
    run = begin(LONG)
    out, err = run.communicate(timeout=120)
    assert out.startswith("6 of 6 pictures") and not err, err
    assert len(list((pictures / "sweep").glob("*seed*.png"))) == 6
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())


def test_a_picture_is_counted_that_an_interrupt_came_just_after(pictures, monkeypatch):
    real = folder.keep

    def interrupted(path, data):
        real(path, data)
        if path.suffix == ".png" and len(list(path.parent.glob("*seed*.png"))) == 2:
            raise KeyboardInterrupt

    write_by(monkeypatch, interrupted)
    with pytest.raises(Stopped, match="stopped: 2 of 3 pictures are in"):
        nst.sweep({"seed": [0, 1, 2]}, PAIRS, **{**QUICK, "folder": "cut"}, start="noise")


# --- a cluster -----------------------------------------------------------------------------------


class Told:
    """A client of one worker that says this of itself, or fails."""

    def __init__(self, said):
        self.said = said

    def run(self, function):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said and {"tcp://there": self.said}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "there has no workers yet: start some, dask worker tcp://there --nthreads 1"),
        (
            ModuleNotFoundError("No module named 'nstlib.pool'"),
            r"lack this kit \(.*No module .*\): install the same nstlib",
        ),
        (("0.0.9", pool.own_code(), 5), f"is not that of this machine but nstlib 0.0.9, not {pool.VERSION}: install"),
        ((pool.VERSION, "older", 5), "is not that of this machine but another of the same version: install the same"),
        (
            (pool.VERSION, 5),
            "is not that of this machine but another of the same version: .* and start it anew",
        ),  # of old
    ],
)
def test_workers_that_cannot_paint_as_this_machine_does_are_told_at_once(said, message):
    with pytest.raises(InputError, match=message):
        pool.least_memory(Told(said), "tcp://there")


def test_the_least_memory_is_that_of_a_worker_with_this_machines_own_code():
    assert pool.least_memory(Told((pool.VERSION, pool.own_code(), 5)), "tcp://there") == 5
    assert pool.least_memory(Told((pool.VERSION, pool.own_code(), None)), "tcp://there") is None


def test_the_code_is_told_apart_but_not_by_the_ends_of_its_lines(tmp_path, monkeypatch):
    def digest(name: str, code: bytes) -> str:
        (tmp_path / code.hex()).mkdir()
        monkeypatch.setattr(pool, "HOUSE", tmp_path / code.hex() / name)
        pool.HOUSE.mkdir()
        (pool.HOUSE / "module.py").write_bytes(code)
        return pool.own_code.__wrapped__()

    assert digest("here", b"a = 1\n") == digest("there", b"a = 1\r\n") != digest("here", b"a = 2\n")
    before = pool.own_code.__wrapped__()
    (pool.HOUSE / "module.py").rename(pool.HOUSE / "renamed.py")
    assert pool.own_code.__wrapped__() != before


@pytest.mark.slow
def test_a_cluster_that_has_lost_its_workers_says_so_and_goes_on_with_new_ones(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "PATIENCE", 0.5)
    monkeypatch.setattr(pool, "GLANCE", 0.1)
    with (
        distributed.LocalCluster(None, 0, dashboard_address=None, silence_logs=50) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        outcomes = pool.elsewhere(abs, [-1, -2, -3], client)
        threading.Timer(2, cluster.scale, [1]).start()
        with pytest.warns(UserWarning, match="no worker is left at .*: start some, dask worker .*, and it") as told:
            assert sorted(outcome.value for _, outcome in outcomes) == [1, 2, 3]
    assert len(told) == 1


@pytest.mark.slow
def test_a_worker_of_a_cluster_is_killed_and_nothing_is_lost_or_done_twice(pictures, monkeypatch):
    distributed = pytest.importorskip("distributed")
    writes, real = Counter(), folder.keep
    write_by(monkeypatch, lambda path, data: (writes.update([path.name]), real(path, data)))
    monkeypatch.chdir(pictures)
    count = 6
    with distributed.LocalCluster(None, 2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            victim, survivor = client.run(os.getpid).values()

        def kill_in_mid_run():
            wait_for(lambda: list((pictures / "sweep").glob("*seed*.png")))
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill_in_mid_run, daemon=True)
        killer.start()
        found = nst.sweep(
            {"seed": list(range(count))}, PAIRS, scheduler=cluster.scheduler_address, size=64, evaluations=30,
            start="noise", optimizer="adam", device="cpu",
        )  # fmt: skip
        killer.join()
        with distributed.Client(cluster, set_as_default=False) as client:
            pids = set(client.run(os.getpid).values())
    assert victim not in pids and survivor in pids, "the kill was real"
    assert not found.failures and len(found.points) == count
    assert {name: n for name, n in writes.items() if "seed" in name} == {p.path.name: 1 for p in found.points}
    assert nst.sweep({"seed": list(range(count))}, PAIRS, size=64, evaluations=30, start="noise", optimizer="adam")
    assert sum(n for name, n in writes.items() if "seed" in name) == count, "nothing is left to do on this machine"


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 6])  # all is asked for at once, or not yet
def test_a_scheduler_that_dies_is_told_and_what_is_finished_is_kept(pictures, count):
    distributed = pytest.importorskip("distributed")
    options = {**QUICK, "evaluations": LONG, "start": "noise", "optimizer": "adam"}
    with distributed.LocalCluster(None, 1, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:

        def end_in_mid_run():
            wait_for(lambda: list((pictures / "sweep").glob("*seed*.png")))
            cluster.close()

        threading.Thread(target=end_in_mid_run, daemon=True).start()
        with pytest.raises(InputError, match=r"the scheduler at .* is gone: what is finished is kept; start "):
            nst.sweep({"seed": list(range(count))}, PAIRS, scheduler=cluster.scheduler_address, **options)
    done = {path: path.stat().st_mtime_ns for path in (pictures / "sweep").glob("*seed*.png")}
    assert 0 < len(done) < count
    assert not nst.sweep({"seed": list(range(count))}, PAIRS, processes=1, **options).failures
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def call(monkeypatch, capfd):
    """Call `nst sweep` with a line of arguments: (exit status, standard output, standard error)."""

    def run(line: str):
        monkeypatch.setattr(sys, "argv", ["nst", "sweep", *line.split()])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        return status, *capfd.readouterr()

    return run


LINE = "--pair content.png style.png --grid optimizer=adam,lbfgs -o out --size 48 --evaluations 2 --device cpu"


def test_the_command(pictures, painted, call):
    grid = "--grid style-layers=relu1_1,relu2_1;relu3_1"
    assert call(f"{LINE} {grid} --set history=3 --quiet")[0] == 2, "history is L-BFGS's"
    status, out, err = call(f"{LINE} {grid} --memory 4")
    assert (status, err) == (0, "") and out.startswith("4 of 4 pictures, table.csv and contact.png are in 'out'")
    assert [row["style_layers"] for row in rows_of("out")] == ["relu1_1,relu2_1", "relu3_1"] * 2


def test_the_command_keeps_frames(pictures, painted, call):
    assert call(f"{LINE} --frames 1,2 --quiet") == (0, "", "")
    names = sorted(path.name.partition("-")[2][11:] for path in (pictures / "out").glob("*optimizer=adam*"))
    assert names == ["1.png", "2.png", "csv", "png"]
    assert call(f"{LINE} --frames 1,x")[2] == "nst: frames='x': expected a whole number of at least 1\n"


def test_the_command_tells_of_failures_and_of_an_interrupt(pictures, painted, call, monkeypatch):
    def fails(error):
        def carry_out(plan, **options):
            raise error

        return carry_out

    monkeypatch.setattr(painters, "carry_out", fails(KeyboardInterrupt()))
    line = "nst: stopped: 0 of 2 pictures are in 'out', and the same call goes on from there\n"
    assert call(LINE) == (130, "", line)
    monkeypatch.setattr(painters, "carry_out", fails(InputError("no paint")))
    status, out, err = call(LINE)
    assert (status, out) == (1, "") and err.count("\n") == 1 and err.startswith("nst: 0 of 2 pictures")
    assert err.endswith("2 failed, such as content, style, optimizer=adam: no paint\n")


def test_a_table_that_somebody_has_open_does_not_end_a_sweep(pictures, painted, monkeypatch):
    whole, failures = folder.keep, [1, 2]

    def locked(path, data):
        if path.name == TABLE and failures and len(rows) > 0:
            failures.pop()
            raise InputError("it is open elsewhere")
        rows.append(path.name)
        whole(path, data)

    rows = []
    write_by(monkeypatch, locked)
    found = sweep()
    assert not failures and all(not point.failure for point in found.points)
    assert len(rows_of("sweep")) == len(found.points) and all(row["loss"] for row in rows_of("sweep"))


def test_two_threads_that_start_processes_leave_the_callers_script_in_its_place():
    real, here, there = sys.modules["__main__"], threading.Event(), threading.Event()

    def first():
        with pool.without_main():
            here.set()
            there.wait(0.5)  # which the other one would set from within

    def second():
        here.wait()
        with pool.without_main():
            there.set()
            time.sleep(0.1)

    both = [threading.Thread(target=work) for work in (first, second)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sys.modules["__main__"] is real
