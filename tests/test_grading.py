"""What nbgrader makes of a lesson: a right answer earns its point, a wrong one and none do not."""

import csv
import os
import re
import shutil
import subprocess

import nbformat
import pytest
from alone import CELL_SECONDS, ROOT
from IPython.core.formatters import DisplayFormatter

import nstlib as nst
from nstlib.exercise import grading

LESSON = "01b_training"
RIGHT, WRONG = ("01b-momentum", "01b-he"), ("01b-rate", "largest_rate = 1e9")
GUIDE = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'course'\n"


class Shell:
    """A notebook's shell that keeps what it is told to show."""

    def __init__(self):
        self.shown = []

    def showtraceback(self, error):
        self.shown.append(error)


@pytest.fixture
def shell(monkeypatch):
    made = Shell()
    monkeypatch.setattr(grading, "notebook", lambda: made)
    return made


@pytest.mark.parametrize("execution", ["autograde", "validate"])
@pytest.mark.parametrize(("answer", "errors"), [(6, 1), (None, 1), (5, 0)])
def test_a_check_shows_an_error_only_while_nbgrader_runs_it(shell, monkeypatch, answer, errors, execution):
    nst.check("02.stacked", answer)
    assert not shell.shown
    monkeypatch.setenv("NBGRADER_EXECUTION", execution)
    verdict = nst.check("02.stacked", answer)
    assert [str(error) for _, error, _ in shell.shown] == [str(verdict)] * errors


def test_a_right_answer_is_no_value_that_nbgrader_would_take_for_points(shell, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    verdict = nst.check("02.stacked", 5)
    assert verdict and DisplayFormatter().format(verdict) == ({}, {})
    assert capsys.readouterr().out == f"{verdict}\n"


def submission() -> nbformat.NotebookNode:
    """The student edition with two right answers and a wrong one."""
    notebook = nbformat.read(ROOT / "notebooks" / "student" / f"{LESSON}.ipynb", 4)
    ours = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in source().cells}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in RIGHT:
            cell.source = ours[name]
        elif name == WRONG[0]:
            cell.source = WRONG[1]
    return notebook


def source() -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{LESSON}.ipynb", 4)


def test_the_guide_allows_a_cell_as_long_as_ours_are_tried():
    assert f"c.ExecutePreprocessor.timeout = {CELL_SECONDS} >> nbgrader_config.py" in GUIDE


@pytest.mark.slow
@pytest.mark.notebooks
def test_nbgrader_gives_each_right_answer_its_point(tmp_path):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv, which is not here")

    def nbgrader(*arguments: str) -> str:
        command = [uv, "run", "--project", ROOT, "--no-sync", "--with", "nbgrader>=0.9", "nbgrader", *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NSTLIB"))}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        if "Failed to fetch" in done.stderr or "No solution found" in done.stderr:
            pytest.skip("needs a package index that has nbgrader")
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr

    said = re.search(r"^echo (c\..*?) >> nbgrader_config.py", GUIDE, re.MULTILINE)
    (tmp_path / "nbgrader_config.py").write_text(CONFIG + said[1] + "\n")
    for folder, notebook in (("source/week", source()), ("submitted/ann/week", submission())):
        (tmp_path / folder).mkdir(parents=True)
        nbformat.write(notebook, tmp_path / folder / f"{LESSON}.ipynb")
    nbgrader("generate_assignment", "week", "--create")
    assert "full credit" not in nbgrader("autograde", "week", "--create")
    nbgrader("export", "--to", "grades.csv")
    (row,) = csv.DictReader((tmp_path / "grades.csv").open())
    checks = sum(bool(cell.metadata.get("nbgrader", {}).get("grade")) for cell in source().cells)
    assert (float(row["raw_score"]), float(row["max_score"])) == (len(RIGHT), checks)
    told = nbgrader("validate", f"submitted/ann/week/{LESSON}.ipynb")
    assert f"VALIDATION FAILED ON {checks - len(RIGHT)} CELL" in told
