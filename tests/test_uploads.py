"""What a person brought along is kept byte by byte, once, in one folder, and never costs another file."""

import base64
import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nstlib.uploads
from nstlib.errors import InputError
from nstlib.uploads import REGIONS, addresses, keep_upload, own_pictures, pasted, uploads


def png(seed=0, height=40, width=48):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test in a folder of its own, which is the notebook's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_own_pictures_are_kept_byte_by_byte_and_once():
    first, other = png(1), png(2)
    names = [keep_upload("a b.png", first), keep_upload("a b.png", first), keep_upload("a b.png", other)]
    assert names == ["own/a_b.png", "own/a_b.png", "own/a_b-2.png"]
    assert [Path(name).read_bytes() for name in names] == [first, first, other]
    assert keep_upload("a b.png", other) == "own/a_b-2.png" and own_pictures() == ["own/a_b-2.png", "own/a_b.png"]


def test_a_file_that_lies_there_already_is_not_written_over(folder):
    (folder / "own").mkdir()
    (folder / "own" / "a.png").write_bytes(b"mine")
    assert keep_upload("a.png", png()) == "own/a-2.png" and (folder / "own" / "a.png").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../../x.png", "C:\\dir\\x.png", "/etc/x.png", ".x.png"])
def test_an_upload_stays_in_its_folder(name, folder):
    assert keep_upload(name, png()) == "own/x.png" and [path.name for path in folder.rglob("*.png")] == ["x.png"]


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:60]])
def test_a_broken_upload_is_refused_by_its_name_and_leaves_nothing(data, folder):
    with pytest.raises(InputError, match=r"cat\.png"):
        keep_upload("cat.png", data)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["....png", ".png", "a/..png", "_.png"])
def test_a_name_without_a_letter_keeps_its_ending(name):
    assert keep_upload(name, png()) == "own/picture.png"


def test_what_is_too_small_to_be_painted_is_not_kept_but_a_mask_may_be(folder):
    with pytest.raises(InputError, match=r"'one\.png' is 48×31 pixels, and each side needs at least 32: bring"):
        keep_upload("one.png", png(height=31))
    assert not list(folder.iterdir())
    assert keep_upload("two.png", png(height=32)) == "own/two.png"
    assert keep_upload("one.png", png(height=1), REGIONS) == "own/regions/one.png"


def test_where_nothing_can_be_written_it_says_so(folder):
    (folder / "own").write_text("a file")
    with pytest.raises(InputError, match=r"'own/cat\.png' cannot be kept in .*: work in a folder that may be written"):
        keep_upload("cat.png", png())


def test_what_is_pasted_is_data_an_address_or_a_name(folder):
    data = base64.b64encode(png()).decode()
    assert pasted(f"data:image/png;name=my%20d%C3%B6g.png;base64,{data}") == ("my dög.png", png())
    assert pasted(f"data:image/png;name*=utf-8''my%20d%C3%B6g.png;base64,{data}") == ("my dög.png", png())  # RFC 2231
    assert pasted(f"data:image/png;base64,{data}") == ("pasted.png", png())
    (folder / "here.png").write_bytes(png(3))
    assert pasted("here.png") == ("here.png", png(3))
    assert pasted("content/harbour")[0] == "harbour"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my cat.png", ["my cat.png"]),
        (' "my cat.png" ', ["my cat.png"]),
        ('"my cat.png" "C:\\my dog.png"', ["my cat.png", "C:\\my dog.png"]),
        ("'my cat.png' it's.png", ["my cat.png", "it's.png"]),
        ("my cat.png\ncontent/city style/mosaic\r\n\n", ["my cat.png", "content/city", "style/mosaic"]),
        (
            "https://a.org/b c.png http://d.org/e.png it's.png",
            ["https://a.org/b c.png", "http://d.org/e.png", "it's.png"],
        ),
        ("no such cat.png", ["no such cat.png"]),
        ("data:;base64,AA data:,", ["data:;base64,AA", "data:,"]),
        ("", []),
    ],
)
def test_what_is_pasted_may_have_spaces_and_be_several(text, found, folder):
    for name in ("my cat.png", "it's.png"):
        (folder / name).write_bytes(b"")
    assert addresses(text) == found


def test_a_path_keeps_the_letters_that_mean_something_in_an_address(folder):
    (folder / "cat #2 100%25?.png").write_bytes(png())
    assert pasted("cat #2 100%25?.png") == ("cat #2 100%25?.png", png())


@pytest.mark.parametrize("text", ["data:image/png", "data:image/png;base64,a"])
def test_pasted_data_that_cannot_be_read_is_told(text):
    with pytest.raises(InputError, match=r"the pasted data cannot be read .*: copy the picture itself"):
        pasted(text)


def test_uploads_of_several_files():
    assert uploads({"a": {"content": b"1"}, "b": {"content": b"2"}}) == [("a", b"1"), ("b", b"2")]
    assert uploads(({"name": "a", "content": memoryview(b"1")},)) == [("a", b"1")]


def test_two_that_keep_one_name_at_once_keep_both(monkeypatch):
    first, other, told = png(1), png(2), []

    def write(path, data, write=nstlib.uploads.write_whole):
        if data == first:
            told.append(keep_upload("a.png", other))  # as another kernel on the same folder does meanwhile
        write(path, data)

    monkeypatch.setattr("nstlib.uploads.write_whole", write)
    told.append(keep_upload("a.png", first))
    assert sorted(told) == own_pictures() and {Path(name).read_bytes() for name in told} == {first, other}


def test_an_upload_that_cannot_be_written_leaves_no_empty_file(monkeypatch, folder):
    def write(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nstlib.uploads.write_whole", write)
    with pytest.raises(InputError, match=r"'own/a\.png' cannot be kept in .* \(No space left on device\): make room"):
        keep_upload("a.png", png())
    assert not list((folder / "own").iterdir())
