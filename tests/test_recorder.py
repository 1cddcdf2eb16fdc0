"""The recorded runs are there, small, and what a run for real gives."""

import importlib.util
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nstlib import FLIGHT_AXES, flight, plot, recorder
from nstlib.errors import InputError
from nstlib.image import to_pil
from nstlib.recorder import FRAMES, INDEX, name_of, points

MAKER = Path(__file__).parents[1] / "data" / "make_flights.py"


@pytest.fixture
def maker(monkeypatch):
    """The script that records, with runs of a few evaluations on tiny pictures."""
    monkeypatch.setattr(recorder, "SIZE", 48)
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


def test_recording_goes_on_where_it_was_left(maker, tmp_path):
    runs, told = tmp_path / "runs.zip", []
    first, second = ({**flight().settings, "style_weight": w} for w in (1, 3))
    maker.add_runs(runs, [first], told.append)
    before = zipfile.ZipFile(runs).read(f"{name_of(first)}/run.json")
    with zipfile.ZipFile(runs, "a") as archive:  # as if it was left in the second run
        archive.writestr(f"{name_of(second)}/note.txt", "half")
    maker.add_runs(runs, [first, second], told.append)
    assert told == [name_of(first), name_of(second)]
    assert zipfile.ZipFile(runs).read(f"{name_of(first)}/run.json") == before


def test_the_same_run_for_real(maker, tmp_path):
    """Recorded and run again: the same picture and the same losses."""
    settings = {**flight().settings, "optimizer": "adam", "layers": "coarse"}
    out = io.BytesIO()
    maker.add_runs(tmp_path / "runs.zip", [settings], lambda name: None)
    maker.write(out, [settings], tmp_path / "runs.zip")
    with zipfile.ZipFile(out) as archive:
        entry = json.loads(archive.read(INDEX))[name_of(settings)]
        files = {name for name in archive.namelist() if name.endswith(".jpg")}
    result = recorder.Flight(settings, (), (), ()).run()
    assert entry["evaluations"] == [2, 4] and files == {f"{name_of(settings)}/{n}.jpg" for n in (2, 4)}
    assert [line[1] for line in entry["history"]] == [r.evaluations for r in result.history]
    np.testing.assert_allclose([line[3] for line in entry["history"]], [r.loss for r in result.history], rtol=1e-3)
    assert to_pil(result.image).size[0] == 48


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
