"""A mistake in a notebook's cell: what is shown of it."""

import json
import subprocess
import sys

import nbformat

SOURCE = """import nstlib as nst

def ask(name):
    return nst.predict(name)

ask("04.shufle")"""


def test_a_notebook_shows_the_message_and_the_line_of_the_cell(tmp_path):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=kernel)
    nbformat.write(written, tmp_path / "mistyped.ipynb")
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--allow-errors", "mistyped.ipynb"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    cell = json.loads((tmp_path / "mistyped.ipynb").read_text(encoding="utf-8"))["cells"][0]
    (shown,) = [out for out in cell["outputs"] if out["output_type"] == "error"]
    assert shown["ename"] == "InputError"
    message, line = shown["traceback"]
    assert message.startswith("InputError: unknown exercise '04.shufle': did you mean '04.shuffle'?")
    assert line == "in line 4 of the cell:  return nst.predict(name)"
