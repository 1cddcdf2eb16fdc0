"""Every lesson keeps the rules, runs from top to bottom alone in an empty folder, and prints what it claims."""

import pytest
from alone import ROOT, run_alone

from nstlib import LESSONS, course

FOLDER = ROOT / "notebooks"
SOURCES = [path for path, _ in course.lessons_in(FOLDER)]
EDITIONS = [*SOURCES, *sorted((FOLDER / "student").glob("*.ipynb"))]


def test_every_lesson_is_there():
    assert [path.stem for path in SOURCES] == [lesson.stem for lesson in LESSONS.values()]


def test_the_student_edition_is_what_the_lessons_build():
    assert course.build_student(FOLDER, check=True) == []


@pytest.mark.parametrize("path", EDITIONS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_keeps_the_rules(path):
    assert course.problems(course.read(path)) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_takes_the_minutes_that_it_says(path):
    assert "\n".join(course.check_minutes(course.read(path))) == ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_says_nothing_on_standard_error(path):
    outputs = [o for cell in course.read(path).cells for o in cell.get("outputs", [])]
    assert not [o["text"] for o in outputs if o.get("name") == "stderr"]


OTHERS = [FOLDER / "engine.ipynb", FOLDER / "studio.ipynb"]


@pytest.mark.notebooks
@pytest.mark.parametrize("path", [*SOURCES, *OTHERS], ids=lambda path: path.stem)
def test_runs_alone(path, tmp_path):
    run_alone(path.read_text(encoding="utf-8"), path.name, tmp_path)
