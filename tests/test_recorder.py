"""The recorded runs are there, small, and what a run for real gives."""

import importlib.util
import json
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nstlib import FLIGHT_AXES, flight, plot, recorder
from nstlib.errors import InputError
from nstlib.image import load_image
from nstlib.recorder import FRAMES, INDEX, name_of, points

MAKER = Path(__file__).parents[1] / "data" / "make_flights.py"


@pytest.fixture
def maker(monkeypatch):
    """The script that records, with runs of a few evaluations on tiny pictures."""
    small = recorder.BASE.changed(size=48, style_size=48, evaluations=4)
    monkeypatch.setattr(recorder, "BASE", small)
    monkeypatch.setattr(recorder, "FRAMES", (2, 4))
    spec = importlib.util.spec_from_file_location("make_flights", MAKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_point_is_recorded():
    entries = recorder.index()
    assert set(entries) == {name_of(settings) for settings in points()}
    for entry in entries.values():
        assert all(0 <= found - wanted <= 3 for found, wanted in zip(entry["evaluations"], FRAMES, strict=True))
        assert set(entry["terms"]) == {"content", "style"}
        assert all(np.isfinite(line[3]) for line in entry["history"])
    assert recorder.FILE.stat().st_size <= 12_000_000


def test_a_recorded_run_can_be_drawn():
    found = flight(pair="tubingen", style_weight=3.0, start="noise")
    assert found.settings["style_weight"] == 3 and found.settings["layers"] == "fine"
    assert len(found.frames) == len(found.evaluations) == len(FRAMES)
    assert max(found.frames[0].size) == recorder.SIZE
    assert plot.losses(found.history).alt
    style = [record.kinds()["style"] for record in found.history]
    assert style[-1] < 0.5 * style[0]


def test_style_weight_moves_the_balance():
    last = [flight(style_weight=w, layers="all").history[-1].kinds() for w in FLIGHT_AXES["style_weight"]]
    per_weight = [kinds["style"] / w for kinds, w in zip(last, FLIGHT_AXES["style_weight"], strict=True)]
    assert per_weight == sorted(per_weight, reverse=True)
    assert [kinds["content"] for kinds in last] == sorted(kinds["content"] for kinds in last)


def test_a_recording_is_the_same_run_for_real(maker, tmp_path):
    """A small sweep of three points, two of them lost on the way; then the same pictures and losses as a run's."""
    pairs = {"harbour": recorder.PAIRS["harbour"]}
    grid = {"style_weight": [3], "style_layers": [recorder.LAYERS["coarse"]], "optimizer": ["lbfgs", "adam"]}
    grid["start"] = ["noise"]
    chosen = [
        {"pair": "harbour", "style_weight": 3, "layers": "coarse", "optimizer": o, "start": "noise"}
        for o in grid["optimizer"]
    ]
    first = maker.record(tmp_path / "runs", pairs, grid)
    kept = first.points[0].path.stat().st_mtime_ns
    first.points[1].path.unlink()
    found = maker.record(tmp_path / "runs", pairs, grid)
    assert not found.failures and found.points[0].path.stat().st_mtime_ns == kept
    maker.write(tmp_path / "flights.zip", found, chosen)
    with zipfile.ZipFile(tmp_path / "flights.zip") as archive:
        index, files = json.loads(archive.read(INDEX)), archive.namelist()
    for settings, point in zip(chosen, found.points, strict=True):
        entry, result = index[name_of(settings)], recorder.Flight(settings, (), (), ()).run()
        assert {f"{name_of(settings)}/{count}.jpg" for count in entry["evaluations"]} <= {*files}
        assert [line[1] for line in entry["history"]] == [r.evaluations for r in result.history]
        np.testing.assert_allclose([line[3] for line in entry["history"]], [r.loss for r in result.history], rtol=1e-3)
        last = load_image(point.frames[entry["evaluations"][-1]]).pixels
        assert entry["evaluations"][0] in (2, 3) and max(last.shape) == 48
        assert (last - result.image).abs().max() < 0.02 or settings["optimizer"] == "adam"  # whose best is not its last


def test_the_sweep_has_the_recorders_points_in_order():
    values = product(recorder.PAIRS, *recorder.GRID.values())
    for settings, (pair, *fields) in zip(points(), values, strict=True):
        swept = recorder.BASE.changed(**dict(zip(recorder.GRID, fields, strict=True)))
        assert settings["pair"] == pair and recorder.recipe_of(settings) == swept


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"style_weight": 2}, r"no run with style_weight=2 was recorded: choose one of \(0.1, 0.3, 1, 3, 10\)"),
        ({"optimiser": "adam"}, "did you mean 'optimizer'"),
        ({"layers": "alle"}, "no run with layers='alle' was recorded"),
    ],
)
def test_what_was_not_recorded_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        flight(**settings)


def test_a_damaged_file_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "flights.zip").write_bytes(b"PK no archive")
    monkeypatch.setattr(recorder, "FILE", tmp_path / "flights.zip")
    recorder.index.cache_clear()
    with pytest.raises(InputError, match="install nstlib again"):
        flight()
    recorder.index.cache_clear()
