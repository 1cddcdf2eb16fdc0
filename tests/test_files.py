"""A file is there whole or not at all; a TOML file is read, or what is missing is named."""

import errno
import os
import sys
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from nstlib import files
from nstlib.errors import InputError
from nstlib.files import (
    check_replaceable,
    claim,
    files_in,
    free,
    is_readable,
    names_for,
    read_toml,
    try_to_write,
    whole,
    write_whole,
)


def test_what_is_written_takes_the_place_of_what_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_fails_half_way_leaves_no_trace(tmp_path, before, error):
    path = tmp_path / "a.txt"
    if before:
        path.write_text(before)
    with pytest.raises(error), whole(path) as file:
        file.write(b"ne")
        raise error
    assert (path.read_text() if path.exists() else None) == before
    assert len(list(tmp_path.iterdir())) == bool(before)


@pytest.mark.parametrize("write", [try_to_write, lambda path: write_whole(path, b"new")], ids=["try", "write"])
@pytest.mark.parametrize("fails", ["begin", "unlink"])
def test_what_cannot_be_written_is_told_by_the_name_that_was_given(write, fails, tmp_path, monkeypatch):
    """Not by that of the file beside it, which nobody knows."""

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for method in ("open", "touch") if fails == "begin" else ("unlink",):
        monkeypatch.setattr(Path, method, refuse)
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(PermissionError) as caught:
        write(tmp_path / "link.txt")
    assert caught.value.filename == str(tmp_path / "link.txt")


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with whole(link) as file:
        file.write(b"new")
    assert link.is_symlink() and target.read_text() == "new"


def test_tables_of_a_toml_file(tmp_path):
    (tmp_path / "a.toml").write_text('[wave]\nyear = 1889\nfile = "Süß.jpg"\n', encoding="utf-8")
    assert read_toml(tmp_path / "a.toml") == {"wave": {"year": 1889, "file": "Süß.jpg"}}


def test_python_310_without_tomli(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "sys", SimpleNamespace(version_info=(3, 10, 0)))
    monkeypatch.setitem(sys.modules, "tomli", None)
    (tmp_path / "a.toml").touch()
    with pytest.raises(InputError, match=r"'a\.toml'.*pip install tomli"):
        read_toml(tmp_path / "a.toml")


def test_the_names_of_a_file_that_writes_over_no_other():
    names = islice(names_for("a/my cat.tar.png"), 3)
    assert list(names) == [Path("a/my cat.tar.png"), Path("a/my cat.tar-2.png"), Path("a/my cat.tar-3.png")]


def test_a_file_takes_the_first_name_that_nobody_has(tmp_path):
    (tmp_path / "cat.png").write_text("somebody's")
    assert free(tmp_path / "cat.png") == tmp_path / "cat-2.png" and not free(tmp_path / "cat.png").exists()
    assert [claim(tmp_path / "cat.png").name for _ in range(2)] == ["cat-2.png", "cat-3.png"]
    assert (tmp_path / "cat.png").read_text() == "somebody's"
    with pytest.raises(OSError, match=r"missing/cat\.png"):
        claim(tmp_path / "missing" / "cat.png")


def test_a_file_is_written_with_its_folder(tmp_path):
    for data in (b"old", b"new"):
        write_whole(tmp_path / "a" / "b" / "c.txt", data)
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"new"


def test_only_a_file_of_ones_own_is_written_over(tmp_path):
    path = tmp_path / "a.png"
    check_replaceable(path, lambda path: False, force=False)
    path.touch()
    check_replaceable(path, lambda path: True, force=False)
    check_replaceable(path, lambda path: False, force=True)
    with pytest.raises(InputError, match=r"exists, and nst did not make it.*--force"):
        check_replaceable(path, lambda path: False, force=False)
    with pytest.raises(InputError, match=r"cannot be written.*another file or folder"):
        check_replaceable(tmp_path / "missing" / "a.png", lambda path: True, force=True)


@pytest.mark.parametrize("link", [False, True], ids=["itself", "a link to it"])
@pytest.mark.parametrize("make", [os.mkdir, pytest.param(getattr(os, "mkfifo", None), id="mkfifo")])
def test_what_is_no_file_is_never_replaced(make, link, tmp_path):
    """As a superuser one would put a picture in the place of /dev/null, for everybody."""
    if make is None:
        pytest.skip("needs named pipes")
    path = there = tmp_path / "a.png"
    make(there)
    before = there.lstat()
    if link:
        path = tmp_path / "link.png"
        path.symlink_to(there)
    for write in (try_to_write, lambda path: write_whole(path, b"new")):
        with pytest.raises(OSError, match="a folder, a pipe or a device stands there"):
            write(path)
    with pytest.raises(InputError, match=r"cannot be written \(a folder, a pipe .*\): name another file"):
        check_replaceable(path, lambda path: True, force=True)
    assert there.lstat() == before and len(list(tmp_path.iterdir())) == 1 + link


def forbidden(*given, **options):
    raise PermissionError(13, "Permission denied")  # which a superuser never meets, so chmod is no test


def test_what_belongs_to_somebody_else_is_told(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_text("weights")
    assert is_readable(tmp_path / "a.pth") and not is_readable(tmp_path / "b.pth")
    assert files_in(tmp_path) == [tmp_path / "a.pth"] and files_in(tmp_path / "none") == []
    monkeypatch.setattr("os.access", lambda *given: False)
    with pytest.raises(InputError, match=r"a\.pth' may not be read: ask whoever made it to allow it, chmod a\+r"):
        is_readable(tmp_path / "a.pth")
    monkeypatch.setattr(Path, "is_file", forbidden)
    with pytest.raises(InputError, match=r"may not be entered: ask whoever made it to allow it, chmod a\+rx"):
        is_readable(tmp_path / "a.pth")
    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(InputError, match="belongs to somebody else and may not be read: work in a folder of your own"):
        files_in(tmp_path)
