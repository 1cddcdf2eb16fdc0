"""A result is written beside the notebook, named after its pictures, and never costs the person a file."""

import re
from base64 import b64decode

import pytest
import torch

import nstlib as nst
from nstlib import outputs
from nstlib.errors import InputError
from nstlib.result import read_facts


@pytest.fixture(scope="module")
def result():
    options = {"size": 48, "pyramid": (), "evaluations": 2, "weights": "random", "device": "cpu"}
    return nst.stylize("content/harbour", "style/mosaic", **options)


def test_it_is_named_after_its_pictures_and_writes_over_nothing(result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = nst.keep(result).path
    before = first.read_bytes()
    assert [nst.keep(result).path.name for _ in range(2)] == ["harbour-mosaic-2.png", "harbour-mosaic-3.png"]
    assert first.name == "harbour-mosaic.png" and first.read_bytes() == before
    assert nst.read_metadata(first)["nstlib"]


def test_a_click_downloads_it(result, tmp_path, monkeypatch):
    kept = nst.keep(result, tmp_path)
    ((name, data),) = re.findall(r'<a download="(.*?)" href="data:image/png;base64,(.*?)">', kept._repr_html_())
    assert name == "harbour-mosaic.png" and b64decode(data) == kept.path.read_bytes()
    assert "harbour-mosaic.png" in repr(kept)
    monkeypatch.setattr(outputs, "MAX_LINK", 10)
    assert "href" not in kept._repr_html_() and "too large for a link" in kept._repr_html_()


def test_a_picture_from_memory_has_a_name_too(result, tmp_path, monkeypatch):
    monkeypatch.setitem(result.facts, "content", None)
    monkeypatch.setitem(result.facts, "styles", ["my dir/A painting (2).jpg"])
    assert nst.keep(result, tmp_path).path.name == "A_painting_2.png"


def test_a_picture_by_a_program_of_ones_own_is_kept_with_its_facts(tmp_path):
    told = {"content": "photo/cat", "styles": ["style/great_wave"], "alpha": 0.05}
    painted = torch.rand(1, 3, 6, 8)
    first, second = (nst.keep(painted, tmp_path, **told).path for _ in range(2))
    assert (first.name, second.name) == ("cat-great_wave.png", "cat-great_wave-2.png")
    assert read_facts(first, with_recipe=False) == {"by": "hand", "version": nst.__version__} | told
    assert torch.allclose(nst.load_image(first).pixels, painted, atol=0.5 / 255 + 1e-6)
    assert nst.keep(painted, tmp_path).path.name == "painted.png"


@pytest.mark.parametrize(
    ("picture", "facts", "told"),
    [
        (torch.full((1, 3, 2, 2), torch.nan), {}, "NaN"),
        ("a.png", {}, "expected a tensor of pixels, not str"),
        (torch.zeros(1, 3, 2, 2), {"weights": object()}, "cannot be written down.*give texts and numbers"),
    ],
)
def test_what_cannot_be_kept_leaves_no_file(picture, facts, told, tmp_path):
    with pytest.raises(InputError, match=told):
        nst.keep(picture, tmp_path, **facts)
    assert not list(tmp_path.iterdir())


def test_a_result_has_its_own_facts(result, tmp_path):
    with pytest.raises(InputError, match="a result knows how it was made: leave out alpha"):
        nst.keep(result, tmp_path, alpha=1)


def test_where_nothing_can_be_written_it_says_so(result, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="name another folder"):
        nst.keep(result, tmp_path / "missing")


def test_a_failed_write_leaves_no_empty_file(result, tmp_path, monkeypatch):
    def full(*_, **__):
        raise InputError("the disk is full")

    monkeypatch.setattr(type(result), "save", full)
    with pytest.raises(InputError, match="full"):
        nst.keep(result, tmp_path)
    assert not list(tmp_path.iterdir())
