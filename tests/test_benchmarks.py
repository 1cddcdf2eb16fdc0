"""The benchmarks compare the same things, count right and tell what they counted. Nothing here asks how fast."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmarks import fast, measure, report
from benchmarks.__main__ import main
from benchmarks.experiments import QUICK, Album, add_run, first_below, group_of
from benchmarks.measure import PeakMemory, Row, Sheet, alternate, ratios, work
from benchmarks.peers import (
    COMPILED,
    GORDICALEKSA,
    OURS,
    OURS_FLOAT32,
    TUTORIAL,
    Formula,
    Gordicaleksa,
    Ours,
    Tutorial,
    Watch,
    check_agreement,
    contestants,
)
from benchmarks.problem import Problem
from click.testing import CliRunner

from nstlib.architecture import BACKBONES, Architecture, vgg
from nstlib.image import load_image, resize


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(64)


def test_all_contestants_compute_the_same(problem):
    made = contestants(problem)
    assert [who for who in made if who != OURS_FLOAT32] == [TUTORIAL, GORDICALEKSA, OURS]


@pytest.mark.parametrize("alone", ["content_weight", "style_weight", "tv_weight"])
def test_each_term_has_the_same_gradient(problem, alone):
    weights = dict.fromkeys(("content_weight", "style_weight", "tv_weight"), 0.0)
    part = problem.changed(**{**weights, alone: 7.0})
    part.__dict__["backbone"] = problem.backbone  # the same network, loaded once
    made = {TUTORIAL: Tutorial(part), GORDICALEKSA: Gordicaleksa(part), OURS_FLOAT32: Ours(part, "float32")}
    check_agreement(made)
    assert float(made[TUTORIAL].evaluate()[1].norm()) > 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_plain_formula_is_the_same_too(problem, precision):
    """Uncompiled: a compiler is part of what is compared on a GPU, and takes a minute."""
    made = {GORDICALEKSA: Gordicaleksa(problem), COMPILED: Formula(problem, precision, backend="eager", mode=None)}
    check_agreement(made)
    with pytest.raises(AssertionError, match="compiled: "):
        check_agreement({**made, COMPILED: Formula(problem.changed(seed=1), precision, backend="eager", mode=None)})


@pytest.mark.parametrize("before", [True, False])
def test_gradients_are_compared_and_loops_run_with_all_digits(problem, monkeypatch, before):
    """As CUDA's are; TF32 has ten. What was recorded meanwhile is not timed."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    seen, peer, ours = [], Gordicaleksa(problem), Ours(problem, "float32")
    loss = peer.loss
    monkeypatch.setattr(peer, "loss", lambda: seen.append(torch.backends.cudnn.allow_tf32) or loss())
    recorded = ours.objective
    check_agreement({GORDICALEKSA: peer, OURS_FLOAT32: ours})
    peer.run(3)
    assert len(seen) >= 4 and not any(seen) and torch.backends.cudnn.allow_tf32 == before
    assert ours.objective is not recorded
    peer.evaluate()
    assert seen[-1] == before


def test_on_cuda_what_was_set_aside_for_a_replay_counts(monkeypatch):
    """A replayed graph allocates nothing; its memory stays reserved, and is counted over the level before it."""
    held = {"now": 100, "most": 100}
    for name, answer in {
        "synchronize": lambda: None,
        "empty_cache": lambda: None,
        "reset_peak_memory_stats": lambda: held.update(most=held["now"]),
        "memory_reserved": lambda: held["now"],
        "max_memory_reserved": lambda: held["most"],
    }.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    with PeakMemory("cuda") as first:
        held.update(now=160, most=190)  # 30 were tried and given back
    with PeakMemory("cuda", first.base) as again:
        pass
    assert (first.bytes, again.bytes) == (90, 60)


@pytest.mark.parametrize(
    "change", [{"tv_weight": 1.1}, {"content_weight": 1.1e5}, {"style_weight": 3.1e4}, {"seed": 1}]
)
def test_a_different_problem_is_refused(problem, change):
    other = Tutorial(problem.changed(**change))
    with pytest.raises(AssertionError, match="tutorial: "):
        check_agreement({GORDICALEKSA: Gordicaleksa(problem), TUTORIAL: other})


@pytest.mark.parametrize("build", [Tutorial, Gordicaleksa, lambda p: Ours(p, "float32")])
def test_each_loop_lowers_the_loss_and_shows_every_picture(problem, build):
    judge, seen = Ours(problem, "float32").judge, []
    picture = build(problem).run(6, Watch(lambda *entry: seen.append(entry)))
    assert judge(picture) < 0.9 * judge(problem.content)
    seconds, counts, pictures = zip(*seen, strict=True)
    assert list(seconds) == sorted(seconds) and list(counts) == sorted(counts) and counts[-1] >= 6
    assert all(p.shape == (1, 3, 64, 64) and not p.requires_grad for p in pictures)


class FakeClock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, *seconds: float):
        """A call that takes these seconds, one after the other."""
        left = list(seconds)

        def call():
            self.now += left.pop(0)

        return call


def test_calls_alternate_after_a_warm_up():
    clock = FakeClock()
    samples = alternate({"a": clock.work(50, 2, 4, 6), "b": clock.work(50, 1, 1, 2)}, 3, clock=clock)
    assert samples == {"a": [2, 4, 6], "b": [1, 1, 2]}
    sheet = Sheet("evaluation")
    sheet.add_ratios(64, samples, "b")
    (row,) = sheet.rows
    assert (row.who, row.unit, row.samples) == ("a / b", "×", (2, 4, 3))
    assert (row.value, row.low, row.high) == (3, 2, 4)


def test_ratios_need_as_many_rounds():
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


def test_the_watch_stands_while_a_picture_is_kept():
    clock, seen = FakeClock(), []
    slow = clock.work(10, 10)

    def keep(seconds, evaluations, picture):
        slow()
        seen.append((seconds, evaluations))

    watch, picture = Watch(keep, clock=clock), torch.zeros(1)
    for evaluations in (1, 2):
        clock.now += 3
        watch(evaluations, lambda: picture)
    assert seen == [(3, 1), (6, 2)]


def test_peak_memory_sees_what_was_freed_again():
    with PeakMemory() as peak:
        torch.ones(16 * 2**20).sum()
    assert 60e6 < peak.bytes < 90e6


def test_work_is_counted_as_by_hand():
    tiny = Architecture("tiny", vgg((4, 8), (1, 1)), ("relu2_1",), ("relu1_1",))
    first, second = 2 * 9 * 3 * 4 * 10 * 10, 2 * 9 * 4 * 8 * 5 * 5
    gram = 2 * 2 * 4 * 4 * 10 * 10
    assert work(tiny, 10, ["relu1_1"], ["relu2_1"]) == {
        "forward": first + second,
        "backward": first + second,
        "gram": gram,
    }
    assert work(tiny, 10, ["relu1_1"], [])["forward"] == first  # nothing deeper is asked for


def test_work_of_vgg19_at_512():
    vgg19 = BACKBONES["vgg19"]
    total = sum(work(vgg19, 512, vgg19.style_layers, vgg19.content_layers).values())
    assert total / 1e9 == pytest.approx(388, rel=0.03)


def test_work_refuses_what_it_cannot_count():
    with pytest.raises(ValueError, match="fire"):
        work(BACKBONES["squeezenet1_1"], 64, ["fire5"], [])


def album_of(folder: Path, values: list[float]) -> Album:
    album = Album(folder / "album")
    for number, value in enumerate(values):
        album.add(2.0 * number, number + 1, torch.tensor(value))
    return album


@pytest.mark.parametrize("count", [3, 11, 34])
def test_the_first_picture_below_the_target_is_found(tmp_path, count):
    album = album_of(tmp_path, [float(count - n) for n in range(count)])
    for target in (1.0, 2.5, float(count)):
        number, _ = first_below(album, float, target)
        assert number == next(n for n in range(count) if count - n <= target)


def test_a_run_that_misses_the_loss_says_so(tmp_path):
    album, sheet = album_of(tmp_path, [8.0, 4.0, 6.0]), Sheet("loss")
    assert add_run(sheet, 64, TUTORIAL, album, float, 2.0) is None
    seconds, evaluations = sheet.rows
    assert "not reached: its best of 3 evaluations is 3 times it" in seconds.note
    assert (seconds.what, seconds.value, evaluations.value) == ("seconds to its best", 4.0, 3)


@pytest.mark.parametrize(
    ("operator", "group"),
    [
        ("aten::convolution_backward", "convolution"),
        ("mkldnn::_convolution_pointwise", "convolution"),
        ("aten::addmm", "Gram"),
        ("aten::max_pool2d_with_indices", "pooling"),
        ("aten::threshold_backward", "ReLU"),
        ("aten::copy_", "copies"),
        ("aten::sum", "other"),
    ],
)
def test_operators_fall_into_groups(operator, group):
    assert group_of(operator) == group


MACHINE = {
    "processor": "A Processor",
    "features": ["avx2", "amx_bf16"],
    "cores": 4,
    "threads": 1,
    "torch": "2.9",
    "precision": "bfloat16",
}


def some_rows() -> list[Row]:
    sheet = Sheet("evaluation")
    samples = {TUTORIAL: [8.0, 8.0, 9.0], GORDICALEKSA: [6.0, 6.5, 6.1], OURS: [1.0, 1.0, 1.0]}
    for who, seconds in samples.items():
        sheet.add(512, who, "seconds per evaluation", "s", seconds)
    sheet.add_ratios(512, samples, OURS)
    memory, peak, growth = Sheet("memory"), Sheet("peak"), Sheet("growth")
    for who, cold, warm in ((GORDICALEKSA, 1100, 1000), (OURS, 450, 400)):
        memory.add(512, who, "one evaluation", "MB", cold)
        memory.add(512, who, "one evaluation, warm", "MB", warm)
    peak.add(512, OURS, "share of peak, bfloat16", "1", [0.7, 0.72])
    for size, seconds in ((128, 5.0), (2048, 4.0)):
        growth.add(size, "vgg19", "seconds per megapixel", "s", seconds)
        growth.add(size, "pocket", "seconds per megapixel", "s", seconds / 10)
    return sheet.rows + memory.rows + peak.rows + growth.rows


def test_json_becomes_markdown(tmp_path):
    file = tmp_path / "benchmarks.json"
    report.write_json(file, MACHINE, some_rows())
    result = CliRunner().invoke(main, ["--markdown", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "A Processor, 1 of 4 threads (processor features: avx2, amx_bf16), torch 2.9" in lines[0]
    assert "| | one evaluation at 512 | its memory at 512 |" in lines
    assert "| PyTorch tutorial's way | 8 s (8.0×) | – |" in lines
    assert "| gordicaleksa's way | 6.1 s (6.1×) | 1,000 MB (2.5×) |" in lines
    assert "| nstlib | 1 s | 400 MB |" in lines
    assert "- Share of peak, bfloat16: 71% at 512 pixels." in lines
    assert "- Seconds per megapixel, vgg19: 5 at 128, 4 at 2,048." in lines


def test_the_loop_beside_other_programs_has_a_table():
    sheet = Sheet("busy")
    for what, seconds in (
        ("beside 0, told how to wait", (0.2, 0.1, 0.11)),
        ("beside 2, told how to wait", (0.3, 9, 0.36)),
    ):
        for who, value in zip(("one thread", "all threads", "nstlib"), seconds, strict=True):
            sheet.add(256, who, what, "s", value)
    lines = report.markdown(MACHINE, sheet.rows).splitlines()
    assert "| beside 0, told how to wait | 0.2 | 0.1 | 0.11 (1.10×) |" in lines
    assert "| beside 2, told how to wait | 0.3 | 9 | 0.36 (1.20×) |" in lines
    assert "beside" not in report.markdown(MACHINE, some_rows())


def test_rows_survive_json_and_other_experiments_stay(tmp_path):
    file = tmp_path / "benchmarks.json"
    report.write_json(file, MACHINE, some_rows())
    assert report.read_json(file) == (MACHINE, some_rows())
    assert json.loads(file.read_text(encoding="utf-8"))["rows"][0]["value"] == 8
    sheet = Sheet("peak")
    sheet.add(512, OURS, "share of peak, bfloat16", "1", 0.8)
    merged = report.write_json(file, MACHINE, sheet.rows)
    assert [row for row in merged if row.experiment == "peak"] == sheet.rows
    assert any(row.experiment == "growth" for row in merged)
    assert report.write_json(file, {**MACHINE, "threads": 2}, sheet.rows) == sheet.rows


def test_the_table_and_the_plot_show_the_rows(tmp_path):
    shown = report.table(some_rows())
    assert "gordicaleksa / nstlib" in shown and "6.1 × " in shown and "71.0%" in shown and "70.0% … 72.0%" in shown
    assert report.plot(tmp_path / "plot.png", some_rows())
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert not report.plot(tmp_path / "none.png", [])


def test_the_machine_is_described():
    machine = measure.describe_machine("cpu", "float32")
    assert machine["processor"] and machine["cores"] >= 1 and set(machine["features"]) <= set(measure.FEATURES)


def test_painting_in_one_pass_is_judged_beside_magentas(monkeypatch):
    """By painters that are told apart by what they leave of the photograph."""

    def painter(share):
        def paint(content, style):
            a, b = (resize(load_image(name, 64).pixels, (48, 64)) for name in (content, style))
            return a.lerp(b, share)

        return paint

    shares = {fast.WCT: 1.0, fast.MAGENTA: 0.2, fast.TRANSPORT: 0.3, fast.OPTIMISER: 0.9}
    monkeypatch.setattr(fast, "painters", lambda plan: {who: painter(share) for who, share in shares.items()})
    monkeypatch.setattr(fast, "find_weights", lambda name: name == "pocket")
    rows = {(row.who, row.what): row for row in fast.fast(replace(QUICK, fast_pairs=2))}
    ours, theirs = (rows[who, "pocket: style"] for who in (fast.WCT, fast.MAGENTA))
    assert ours.value > theirs.value and len(ours.samples) == 2
    assert rows[f"{fast.WCT} / {fast.MAGENTA}", "pocket: style, pairs at or above"].value == 2
    assert rows[f"{fast.TRANSPORT} / {fast.OPTIMISER}", "pocket: style, pairs at or above"].value == 0
    assert rows[fast.WCT, "pocket: content"].value > rows[fast.MAGENTA, "pocket: content"].value > 0
    assert {row.unit for row in rows.values() if row.what == "seconds"} == {"s"}


def test_a_network_is_not_asked_for_a_style_that_it_was_not_taught(monkeypatch):
    asked = []
    monkeypatch.setattr(fast, "painters", lambda plan: {fast.NETWORK: lambda c, s: asked.append(s) or torch.rand(1)})
    made = list(fast.paintings(replace(QUICK, fast_pairs=12, fast_networks=2)))
    assert {m.pair[1] for m in made} == set(asked) == {"style/starry_night", "style/great_wave"}
