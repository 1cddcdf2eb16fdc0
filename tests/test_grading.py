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


@pytest.fixture
def nbgrader(tmp_path):
    """What runs nbgrader in a folder of its own, with the guide's settings; it gives back what nbgrader said."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv, which is not here")

    def call(*arguments: str, status: int = 0) -> str:
        command = [uv, "run", "--project", ROOT, "--no-sync", "--with", "nbgrader>=0.9", "nbgrader", *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NSTLIB"))}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        if "Failed to fetch" in done.stderr or "No solution found" in done.stderr:
            pytest.skip("needs a package index that has nbgrader")
        assert done.returncode == status, done.stderr[-2000:]
        return done.stdout + done.stderr

    configure(tmp_path, CONFIG, *re.findall(r"^echo (c\..*?) >> nbgrader_config.py", GUIDE, re.MULTILINE))
    return call


def configure(folder, *lines):
    with (folder / "nbgrader_config.py").open("a") as file:
        print(*lines, sep="\n", file=file)


def hand_in(folder, notebook, made, name, *learners):
    """Write a lesson, and what was made of it by each of some learners.

    Args:
        folder: of the class.
        notebook: the lesson.
        made: what was handed in.
        name: of the file.
        learners: by whom.
    """
    for place, one in (("source", notebook), *((f"submitted/{learner}", made) for learner in learners)):
        (folder / place / "week").mkdir(parents=True)
        nbformat.write(one, folder / place / "week" / f"{name}.ipynb")


def points(folder):
    """What each learner got, and could get."""
    rows = csv.DictReader((folder / "grades.csv").open())
    return {row["student_id"]: (float(row["raw_score"]), float(row["max_score"])) for row in rows}


@pytest.mark.slow
@pytest.mark.notebooks
def test_nbgrader_gives_each_right_answer_its_point(tmp_path, nbgrader):
    hand_in(tmp_path, source(), submission(), LESSON, "ann")
    nbgrader("generate_assignment", "week", "--create")
    assert "full credit" not in nbgrader("autograde", "week", "--create")
    nbgrader("export", "--to", "grades.csv")
    checks = sum(bool(cell.metadata.get("nbgrader", {}).get("grade")) for cell in source().cells)
    assert points(tmp_path) == {"ann": (len(RIGHT), checks)}
    told = nbgrader("validate", f"submitted/ann/week/{LESSON}.ipynb")
    assert f"VALIDATION FAILED ON {checks - len(RIGHT)} CELL" in told


def loud() -> nbformat.NotebookNode:
    """A lesson of one check, which prints."""
    made = source()
    made.cells = [next(cell for cell in made.cells if cell.metadata.get("nbgrader", {}).get("grade"))]
    made.cells[0].source = "print(1)"
    return made


@pytest.mark.slow
@pytest.mark.notebooks
def test_what_autograde_says_went_wrong_is_what_the_guide_says(tmp_path, nbgrader):
    hand_in(tmp_path, loud(), loud(), "loud", "ann", "bob")
    file = tmp_path / "submitted" / "bob" / "week" / "loud.ipynb"
    file.rename(file.with_name("my loud.ipynb"))
    nbgrader("generate_assignment", "week", "--create")
    configure(tmp_path, "c.ExecutePreprocessor.iopub_timeout = 0")  # whatever is printed takes longer
    told = nbgrader("autograde", "week", "--create", status=1)
    named = re.findall(r"^\| (Timeout waiting for IOPub output|No notebooks found) \|", GUIDE, re.MULTILINE)
    assert len(named) == 2 and all(words in told for words in named)
    configure(tmp_path, *re.findall(r"`echo (c\..*?) >> nbgrader_config.py`", GUIDE))
    nbgrader("autograde", "week", "--student", "ann", "--force")
    nbgrader("export", "--to", "grades.csv")
    assert points(tmp_path) == {"ann": (1, 1), "bob": (0, 1)}
