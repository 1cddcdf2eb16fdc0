"""What a run will take: a span of seconds by the machine's own last runs, and bytes."""

import json
import math
import shutil
import threading
import time
from math import prod
from pathlib import Path

import pytest

import nstlib as nst
from nstlib import forecast
from nstlib.forecast import Paces, foresee, measure, span_in_words
from nstlib.result import Record
from nstlib.transfer import paint


def plan_of(**options):
    return nst.prepare("content/harbour", ["style/mosaic"], **{"size": 64, "evaluations": 10, **options})


def history(size, seconds, count=4):
    return [Record(size, n, n, n * seconds, 1.0, {}) for n in range(1, count + 1)]


def test_the_span_holds_the_last_runs_and_grows_with_the_work(tmp_path):
    paces, plan = Paces(tmp_path / "deep" / "paces.json"), plan_of()
    size = plan.stages[-1].size
    assert paces.seconds(plan) is None and "not measured" in str(foresee(plan, paces))
    paces.learn(plan, history(size, 0.5))
    low, high = paces.seconds(plan)
    assert 11 * 0.5 * 0.7 < low < 11 * 0.5 < high < 11 * 0.5 * 1.3
    assert paces.seconds(plan_of(evaluations=21)) == pytest.approx((2 * low, 2 * high))
    paces.learn(plan, history(size, 0.8))
    low, high = paces.seconds(plan)
    assert low < 11 * 0.5 and high > 11 * 0.8, "both runs lie in it"
    assert paces.seconds(plan_of(optimizer="adam")) is None
    again = Paces(tmp_path / "deep" / "paces.json")
    assert again.seconds(plan) == paces.seconds(plan) and span_in_words((low, high)) in str(foresee(plan, again))


def test_only_the_newest_runs_count():
    paces, plan = Paces(), plan_of()
    for seconds in (100, *[0.5] * forecast.RUNS):
        paces.learn(plan, history(plan.stages[-1].size, seconds))
    assert paces.seconds(plan)[1] < 11


def test_what_a_stage_takes_before_its_first_evaluation_counts_for_each_stage(tmp_path):
    """As on a GPU, where it can be more than all evaluations. The second, still warming up, does not count."""
    file = tmp_path / "paces.json"
    paces, plan = Paces(file), plan_of(size=128, pyramid=((64, 5),))
    small, large = (stage.size for stage in plan.stages)
    first = [Record(small, n, n, 9 + 0.1 * n, 1.0, {}) for n in range(1, 6)]
    times = [9.5 + 2 + 0.4, *(9.5 + 2 + 0.4 + 0.5 + 0.2 * n for n in range(4))]  # 2 s, two evaluations, a slow one
    run = [*first, *(Record(large, n, n, t, 1.0, {}) for n, t in enumerate(times, 1))]
    paces.learn(plan, run)
    assert paces.seen[forecast.kind(plan)] == {
        prod(large): [pytest.approx(0.2)],
        forecast.START: [pytest.approx(2.0)],
    }
    alone = plan_of(size=128, evaluations=16)  # of as much work, in one stage
    for known in (paces, Paces(file)):
        low, high = known.seconds(alone)
        assert 2 + 17 * 0.2 * 0.7 < low < 2 + 17 * 0.2 < high < 2 + 17 * 0.2 * 1.3
        assert known.seconds(plan)[0] > 4


def test_farther_sizes_are_foretold_by_the_line_and_less_surely():
    paces, small, large = Paces(), plan_of(), plan_of(size=256)
    pixels = [prod(plan.stages[-1].size) for plan in (small, plan_of(size=128))]
    for count in pixels:  # a tenth of a second around the work, a microsecond for each pixel
        paces.seen.setdefault(forecast.kind(small), {})[count] = [0.1 + 1e-6 * count] * 2
    low, high = paces.seconds(large)
    expected = 11 * (0.1 + 1e-6 * prod(large.stages[-1].size))
    assert math.sqrt(low * high) == pytest.approx(expected)
    near, far = (one[1] / one[0] for one in (paces.seconds(small), (low, high)))
    assert 1 < near < far


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"x": 2}}', '{"a": {"2": 2}}', '{"a": {"2": []}}'])
def test_a_damaged_file_of_paces_is_measured_anew(text, tmp_path):
    (tmp_path / "paces.json").write_text(text)
    assert Paces(tmp_path / "paces.json").seconds(plan_of()) is None


@pytest.mark.parametrize(
    ("pixels", "runs"), [("4096", [0.0]), ("4096", [math.nan, -1.0]), ("4096", [math.inf]), ("-5", [1.0]), ("0", [1.0])]
)
def test_numbers_that_nobody_can_have_measured_are_left_out(pixels, runs, tmp_path):
    (tmp_path / "paces.json").write_text(json.dumps({forecast.kind(plan_of()): {pixels: runs}}))
    assert Paces(tmp_path / "paces.json").seconds(plan_of()) is None


@pytest.mark.slow
def test_small_runs_are_measured_where_nothing_is_known():
    paces, plan = Paces(), plan_of(size=320, evaluations=100)
    measure(plan, paces)
    began = time.perf_counter()
    for _ in paint(plan_of(size=320, evaluations=8)):
        pass
    real = (time.perf_counter() - began) / 8
    low, high = paces.seconds(plan)
    assert low / 3 < 101 * real < 3 * high


def test_runs_are_measured_with_the_plans_own_file_of_weights(tmp_path, monkeypatch):
    file = tmp_path / "mine.safetensors"
    shutil.copy(Path(nst.__file__).with_name("pocket.safetensors"), file)
    plans = []
    monkeypatch.setattr(forecast, "paint", lambda plan: plans.append(plan) or ())
    measure(plan_of(weights=str(file), precision="float32"), Paces())
    assert [plan.settings.weights for plan in plans] == [str(file)] * len(forecast.TRIALS)


def test_a_measurement_can_be_given_up():
    paces, stop = Paces(), threading.Event()
    stop.set()
    measure(plan_of(), paces, stop)
    assert paces.seen == {}


def test_memory_is_foretold_and_grows_with_size():
    small, large = (foresee(plan_of(size=size), Paces()).bytes for size in (128, 512))
    assert 5e6 < small < large < 1e9 and large > 6 * small
