"""The script that runs every notebook: it tells what failed, writes nothing, and refuses a device that is not there."""

import all_notebooks
import nbformat
import pytest
import torch
from click.testing import CliRunner

from nstlib.machine import choose_device


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two notebooks, the second of which fails."""
    for name, code in (("00_good", "open('here', 'w').write('x'); 1 + 1"), ("01_bad", "1 / 0")):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(all_notebooks, "NOTEBOOKS", tmp_path)
    return tmp_path


def call(*words):
    done = CliRunner().invoke(all_notebooks.main, words)
    return done.exit_code, done.output


@pytest.mark.slow
def test_each_is_run_alone_and_told(folder):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, out = call("--device", all_notebooks.choose_device().type)
    lines = out.splitlines()
    assert status == 1 and "00_good" in lines[1] and lines[1].endswith("well") and lines[2].endswith("failed")
    assert "ZeroDivisionError" in out and lines[-1] == "1 of 2 ran without an error"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert call("00", "--device", all_notebooks.choose_device().type)[0] == 0


@pytest.mark.slow
def test_a_kernel_that_dies_is_told_and_the_next_is_run(folder):
    dying = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import os; os._exit(1)")])
    nbformat.write(dying, folder / "00_a.ipynb")
    status, out = call("00", "--device", all_notebooks.choose_device().type)
    assert status == 1 and out.splitlines()[-1] == "1 of 2 ran without an error"


@pytest.mark.slow
@pytest.mark.skipif(choose_device().type != "cpu", reason="there is a GPU")
def test_a_lesson_that_mixes_devices_is_told_where_a_gpu_is_pretended(folder):
    """In a cell, and in a thread of one; and with the sizes of a processor."""
    sizes = 'import nstlib as nst\nDEVICE = nst.choose_device()\nSIZE = (64, 2) if str(DEVICE) == "cpu" else (999, 9)\n'
    good = sizes + "assert str(DEVICE) == 'cuda' and SIZE == (64, 2)"
    mixed = (
        sizes
        + """
import threading, torch
def mix():
    try:
        torch.ones(2, device=DEVICE) + torch.ones(2)
    except RuntimeError as error:
        told.append(str(error))
told = []
mix()
thread = threading.Thread(target=mix)
thread.start()
thread.join()
raise RuntimeError(f"{len(told)} times: {told[-1]}")"""
    )
    for name, code in (("00_good", good), ("01_bad", mixed)):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), folder / f"{name}.ipynb")
    status, out = call("--pretended")
    assert status == 1 and out.splitlines()[-1] == "1 of 2 ran without an error"
    assert "2 times: add: expected all tensors to be on the same device" in out


@pytest.mark.parametrize(
    ("words", "said"), [(("--device", "tpu"), "unknown device"), (("09", "--device", "auto"), "09")]
)
def test_what_cannot_be_run_is_refused(folder, words, said):
    status, out = call(*words)
    assert status == 1 and said in out and out.startswith("Error: ") is (said != "09")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_run_on_the_cpu_in_its_place(folder):
    status, out = call()
    assert status == 1 and "device 'cuda' is not available here" in out and "00_good" not in out
