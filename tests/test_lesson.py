"""A lesson at a learner's: the table, the notebooks written and opened, the first cell's report."""

import importlib.util
import os
import re
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import nbformat
import pytest
import torch
from nbclient import NotebookClient

import nstlib as nst
from nstlib import lesson, machine
from nstlib.errors import InputError
from nstlib.machine import PRECISIONS


def test_lessons_are_numbered_as_their_files():
    numbers = "00 01 01b 02 02b 03 04 04b 05 06 06b 07 07b 08 09 10 clinic"
    assert list(nst.LESSONS) == numbers.split()
    assert all(row.stem.startswith(number) for number, row in nst.LESSONS.items())


# --- its notebooks -------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of three files, in place of the kit's own."""
    home = tmp_path / "kit"
    (home / "student").mkdir(parents=True)
    (home / ".ipynb_checkpoints").mkdir()
    (home / ".ipynb_checkpoints" / "00-checkpoint.ipynb").write_text("old", encoding="utf-8")
    for name in ("00.ipynb", "01.ipynb", "student/00.ipynb"):
        (home / name).write_text(f"the kit's {name}", encoding="utf-8")
    monkeypatch.setattr(lesson, "NOTEBOOKS", home)
    return home


@pytest.fixture
def lab(course, monkeypatch):
    """Opens a folder in a JupyterLab that ends at once, there or not."""
    monkeypatch.setattr(lesson, "need", lambda *_: None)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", SimpleNamespace(main=lambda arguments: None))
    return lesson.open_lab


def test_lessons_are_written_once_and_whole(course, tmp_path):
    assert lesson.write_lessons(tmp_path / "mine") == (["00.ipynb", "01.ipynb", "student/00.ipynb"], [])
    there = {p.relative_to(tmp_path / "mine").as_posix(): p for p in (tmp_path / "mine").rglob("[!.]*") if p.is_file()}
    assert sorted(there) == ["00.ipynb", "01.ipynb", "student/00.ipynb"]
    assert all(path.read_bytes() == (course / name).read_bytes() for name, path in there.items())
    assert lesson.write_lessons(tmp_path / "mine") == ([], [])


def test_a_learners_work_is_kept_unless_forced(course, tmp_path):
    lesson.write_lessons(tmp_path)
    (tmp_path / "student" / "00.ipynb").write_text("answers", encoding="utf-8")
    (tmp_path / "01.ipynb").unlink()
    assert lesson.write_lessons(tmp_path) == (["01.ipynb"], ["student/00.ipynb"])
    assert (tmp_path / "student" / "00.ipynb").read_text(encoding="utf-8") == "answers"
    assert lesson.write_lessons(tmp_path, force=True) == (["student/00.ipynb"], [])
    assert (tmp_path / "student" / "00.ipynb").read_bytes() == (course / "student" / "00.ipynb").read_bytes()


def test_what_the_kit_wrote_and_nobody_touched_is_renewed_and_all_work_kept(course, tmp_path):
    """A newer version, and one after it, in a folder in which somebody has answered, and in one that has no list."""
    lesson.write_lessons(tmp_path / "mine")
    (tmp_path / "mine" / "student" / "00.ipynb").write_text("answers", encoding="utf-8")
    for edition in ("a newer", "the newest"):
        for name in ("00.ipynb", "01.ipynb", "student/00.ipynb"):
            (course / name).write_text(f"{edition} {name}", encoding="utf-8")
        assert lesson.write_lessons(tmp_path / "mine") == (["00.ipynb", "01.ipynb"], ["student/00.ipynb"])
    assert (tmp_path / "mine" / "student" / "00.ipynb").read_text(encoding="utf-8") == "answers"
    assert (tmp_path / "mine" / "01.ipynb").read_text(encoding="utf-8") == "the newest 01.ipynb"


@pytest.mark.parametrize("text", [None, "", "no JSON", "[]", '{"00.ipynb": 1}', "\udcff"])
def test_where_no_list_says_what_the_kit_wrote_all_that_differs_is_kept(text, course, tmp_path):
    lesson.write_lessons(tmp_path / "mine")
    if text is None:
        (tmp_path / "mine" / lesson.WRITTEN).unlink()
    else:
        (tmp_path / "mine" / lesson.WRITTEN).write_bytes(text.encode(errors="surrogateescape"))
    (course / "00.ipynb").write_text("a newer 00", encoding="utf-8")
    assert lesson.write_lessons(tmp_path / "mine") == ([], ["00.ipynb"])
    (course / "01.ipynb").write_text("a newer 01", encoding="utf-8")  # and what was still the kit's is known again
    assert lesson.write_lessons(tmp_path / "mine") == (["01.ipynb"], ["00.ipynb"])


def test_the_studios_notebook_is_renewed_with_the_lessons(lab, course, tmp_path):
    for edition in ("an old studio", "a new studio"):
        (course / lesson.STUDIO).write_text(edition, encoding="utf-8")
        lesson.open_studio(tmp_path / "mine")
    assert (tmp_path / "mine" / lesson.STUDIO).read_text(encoding="utf-8") == "an old studio"
    assert lesson.STUDIO in lesson.write_lessons(tmp_path / "mine")[0]


def test_what_cannot_be_written_is_said_in_one_line(course, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot write the lessons to '.*file' .*: give another folder"):
        lesson.write_lessons(tmp_path / "file")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("make", [os.mkdir, pytest.param(getattr(os, "mkfifo", None), id="mkfifo")])
def test_what_is_no_file_in_a_lessons_place_is_told_before_any_is_written(make, force, course, tmp_path):
    """No --force writes over it, and a pipe would be waited for."""
    if make is None:
        pytest.skip("needs named pipes")
    (tmp_path / "mine").mkdir()
    make(tmp_path / "mine" / "01.ipynb")
    with pytest.raises(InputError, match=r"01\.ipynb' is no file, .*: move it away, or give another folder"):
        lesson.write_lessons(tmp_path / "mine", force=force)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["01.ipynb"]
    (tmp_path / "mine" / "01.ipynb").rename(tmp_path / "away")
    assert lesson.write_lessons(tmp_path / "mine")[0] == ["00.ipynb", "01.ipynb", "student/00.ipynb"]


def test_a_folder_in_the_place_of_the_studios_notebook_is_told(course, tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "need", lambda *_: None)
    (tmp_path / lesson.STUDIO).mkdir()
    with pytest.raises(InputError, match=r"studio\.ipynb' is no file"):
        lesson.open_studio(tmp_path)


def test_a_copy_without_lessons_says_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "NOTEBOOKS", tmp_path / "none")
    with pytest.raises(InputError, match="without its lessons: install the kit again, or take them from https://"):
        lesson.write_lessons(tmp_path / "mine")
    monkeypatch.setattr(lesson, "REPOSITORY", "")  # as where the package's folder alone was copied
    with pytest.raises(InputError, match=r"without its lessons: install the kit again$"):
        lesson.write_lessons(tmp_path / "mine")


def test_the_kit_has_all_lessons_in_both_editions_and_the_teachers_guide():
    names = {name for name, _ in lesson.lessons_here()}
    stems = {f"{row.stem}.ipynb" for row in nst.LESSONS.values()}
    assert stems | {f"student/{stem}" for stem in stems} | {"TEACHING.md"} <= names


def test_lab_says_how_to_get_it_before_anything_is_written(course, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="JupyterLab is not installed: pip install jupyterlab matplotlib"):
        lesson.open_lab(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("given", "installed", "expected"),
    [(None, False, "kit"), (None, True, "lessons"), ("mine", False, "mine"), ("kit", False, "kit")],
)
def test_lab_opens_the_lessons(given, installed, expected, course, tmp_path, monkeypatch):
    """JupyterLab, played here by a module that only listens, gets the folder and its own arguments."""
    heard = []
    lab = type(sys)("labapp")
    lab.main = heard.append
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", lab)
    monkeypatch.chdir(tmp_path)
    if installed:
        monkeypatch.setattr(lesson, "HOUSE", course.parent)
    lesson.open_lab(given, "--no-browser")
    (folder, *rest) = heard[0]
    assert (tmp_path / folder).samefile(tmp_path / expected) and rest == ["--no-browser"]
    assert (tmp_path / expected / "student" / "00.ipynb").is_file()


def test_lab_writes_the_lessons_where_there_is_nothing_but_what_the_studio_left(lab, course, tmp_path):
    (course / lesson.STUDIO).write_text("the studio", encoding="utf-8")
    lesson.open_studio(tmp_path / "mine")
    (tmp_path / "mine" / "studio").mkdir()
    (tmp_path / "empty").mkdir()
    for folder in ("mine", "empty"):
        lab(tmp_path / folder)
        assert (tmp_path / folder / "student" / "00.ipynb").is_file()
    (tmp_path / "mine" / "00.ipynb").unlink()
    lab(tmp_path / "mine")
    assert not (tmp_path / "mine" / "00.ipynb").exists(), "whoever takes a lesson away has the others"


def test_lab_opens_a_folder_of_somebodys_own_as_it_is_and_says_how_to_get_the_lessons(lab, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    lab(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    told = f"there are no lessons in '{tmp_path / 'mine'}': nst lessons FOLDER writes them into a folder\n"
    assert capsys.readouterr().out == told
    (tmp_path / "mine" / f"{nst.LESSONS['04'].stem}.ipynb").touch()
    lab(tmp_path / "mine")
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_real_lab_starts(tmp_path):
    """A server that answers, with the folder's notebook, and ends when told."""
    (tmp_path / "00.ipynb").write_text("{}", encoding="utf-8")
    options = [
        "--no-browser",
        "--allow-root",
        "--port=0",
        "--IdentityProvider.token=t",
        "--ServerApp.open_browser=False",
    ]
    code = f"from nstlib.lesson import open_lab; open_lab({str(tmp_path)!r}, *{options!r})"
    server = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    try:
        address = next(m[0] for line in server.stderr if (m := re.search(r"http://127.0.0.1:\d+/", line)))
        for _ in range(50):
            try:
                with urllib.request.urlopen(f"{address}api/contents?token=t", timeout=10) as answer:
                    assert '"00.ipynb"' in answer.read().decode()
                    break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(f"no answer at {address}")
    finally:
        server.terminate()
        server.communicate(timeout=30)


# --- its first cell ------------------------------------------------------------------------------


def test_setup_prints_what_is_here(capsys):
    found = lesson.setup("04")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lesson    04 Gram matrices, about 69 minutes"
    assert f"nstlib {nst.__version__}" in lines[1] and f"torch {torch.__version__}" in lines[1]
    assert re.fullmatch(rf"device    .+, ({'|'.join(PRECISIONS)})", lines[2])
    assert lines[3:] == ["backbone  pocket, its weights are here"]
    assert (found.device, found.backbone, found.lesson.number) == (nst.choose_device(), "pocket", "04")
    assert repr(found) == ""


def test_setup_says_how_to_get_what_is_missing(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv("NSTLIB_WEIGHTS", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    lesson.setup("03", "vgg19")
    out = capsys.readouterr().out
    assert "backbone  vgg19, its weights are not here\n          download (548 MB): nst weights fetch vgg19" in out
    assert "pip install matplotlib ipywidgets scikit-image\n" in out


def test_setup_tells_of_a_wrong_folder_of_weights_without_raising(capsys, monkeypatch):
    monkeypatch.setenv("NSTLIB_WEIGHTS", "/nowhere")
    lesson.setup("04", "vgg19")
    assert "NSTLIB_WEIGHTS is '/nowhere', which is no folder" in capsys.readouterr().out


@pytest.mark.parametrize(("number", "device"), [("04", "cpu"), ("04", "cuda"), ("01", "cpu")])
@pytest.mark.parametrize("colab", [True, False])
def test_setup_recommends_a_gpu_where_one_is_lent_and_helps(capsys, monkeypatch, colab, number, device):
    monkeypatch.setattr(machine, "choose_device", lambda: torch.device(device))
    monkeypatch.setattr(machine, "describe_device", str)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", type(sys)("google.colab"))
    lesson.setup(number)
    lines = capsys.readouterr().out.splitlines()
    advised = [place for place, line in enumerate(lines) if "Runtime, Change runtime type, T4 GPU" in line]
    assert advised == ([3] if colab and (number, device) == ("04", "cpu") else [])
    assert lines[2].startswith("device")


IMPATIENT = """
import signal, sys

class Impatient:  # a person who presses stop while torch is being loaded
    def find_spec(self, name, path=None, target=None):
        if name == "torch.functional":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Impatient())
import nstlib as nst
%s"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["nst.setup('00')", "nst.Recipe"])
def test_an_interrupt_while_torch_is_loaded_waits_for_it_and_needs_no_restart(first):
    cells = [nbformat.v4.new_code_cell(source) for source in (IMPATIENT % first, "nst.setup('00')")]
    NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120, allow_errors=True).execute()
    (told, error), (again,) = (cell.outputs for cell in cells)
    assert told.text == "Stopping as soon as PyTorch is loaded …\n"
    assert error.traceback == ["stopped once PyTorch was loaded: run this cell again, nothing needs a restart"]
    assert again.output_type == "stream" and "backbone  pocket, its weights are here" in again.text


def test_the_lessons_are_listed_without_torch():
    code = "import sys, nstlib; nstlib.LESSONS; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_setup_sets_the_seed_only_if_asked(capsys):
    before = torch.get_rng_state()
    lesson.setup("04")
    assert torch.equal(torch.get_rng_state(), before)
    lesson.setup("04", seed=3)
    drawn = torch.rand(1)
    assert drawn == torch.rand(1, generator=torch.Generator().manual_seed(3))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown lesson '4': did you mean '04'"):
        lesson.setup("4")
    with pytest.raises(InputError, match="unknown backbone 'vgg-19': did you mean 'vgg19'"):
        lesson.setup("04", "vgg-19")


# --- what it claims ------------------------------------------------------------------------------


def test_a_claim_that_holds_says_nothing(capsys):
    nst.claim(torch.tensor(1.0) > 0, "one is more than nothing")
    assert capsys.readouterr().out == ""


def test_a_claim_that_does_not_hold_is_told_and_the_cell_goes_on(capsys, monkeypatch):
    monkeypatch.delenv(lesson.STRICT, raising=False)
    nst.claim(torch.tensor(1.0) < 0, "one is less than nothing")
    told = capsys.readouterr().out
    assert told.startswith("Not so here: one is less than nothing. ") and "yours" in told


def test_a_claim_that_does_not_hold_is_an_error_where_lessons_are_tested(monkeypatch):
    monkeypatch.setenv(lesson.STRICT, "yes")
    with pytest.raises(AssertionError, match="one is less than nothing"):
        nst.claim(False, "one is less than nothing")


@pytest.mark.parametrize("number", ["04", "07", "07b"])
def test_a_lesson_whose_layers_a_network_lacks_says_so_in_its_first_cell(number, capsys):
    with pytest.raises(
        InputError, match=rf"lesson {number} names layers, .* that squeezenet1_0 has not: take pocket, "
    ):
        nst.setup(number, "squeezenet1_0")
    nst.setup("06", "squeezenet1_0")
    nst.setup(number, "vgg16")
