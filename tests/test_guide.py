"""The teacher's guide: what it names is there, and its minutes add up."""

import re
from pathlib import Path

import pytest
from study_minutes import under_headings

from nstlib import LESSONS
from nstlib.cli import nst
from nstlib.course.notebooks import read
from nstlib.exercise import EXERCISES
from nstlib.key import ASKED, asked_in
from nstlib.lesson import NOTEBOOKS, lessons_here

GUIDE = (Path(__file__).parents[1] / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
CUTS = dict(re.findall(r"^### (\w+)[^\n]*\n\n(\| 90 minutes .*?)\n\n", GUIDE, re.MULTILINE | re.DOTALL))


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def test_has_cuts_of_the_short_route_and_the_clinic():
    assert set(CUTS) == {"00", "03", "04", "05", "07", "clinic"} <= set(LESSONS)


@pytest.mark.parametrize("number", CUTS)
def test_a_cut_takes_its_minutes_and_asks_what_its_lesson_asks(number):
    long, short = (sum(int(row[column]) for row in rows(CUTS[number])) for column in (0, 1))
    assert (long, short) == (90, 45)
    asked = asked_in(number)
    named = re.findall(r"`([\w.]+)`", CUTS[number])
    assert named and not [name for name in named if name not in asked]


def hard_or_extra(number: str) -> set[str]:
    """The questions of a lesson of an exercise marked ★★★, or under a heading that ends in (extra)."""
    above, hard, found = {}, False, set()
    for cell in read(NOTEBOOKS / f"{LESSONS[number].stem}.ipynb").cells:
        if cell.cell_type == "code" and (hard or any(above.values())):
            found |= {name for names in ASKED.findall(cell.source) for name in names if name in EXERCISES}
        for marks, title, text in under_headings(cell.source) if cell.cell_type == "markdown" else ():
            if title:
                above = {level: extra for level, extra in above.items() if level < len(marks)}
                above[len(marks)], hard = title.endswith("(extra)"), "★★★" in title
            hard = hard or "★★★ ·" in text
    return found


def test_what_is_homework_is_in_no_plan_but_where_the_guide_says_so():
    excepted = re.search(r"become homework, all but (.*?), which", GUIDE, re.DOTALL)[1]
    planned = {name for number, table in CUTS.items() for name in hard_or_extra(number) if f"`{name}`" in table}
    assert planned == set(re.findall(r"`([\w.]+)`", excepted))


def test_names_questions_lessons_and_commands_that_there_are():
    named = re.findall(r"`((?:\d\db?|clinic)\.\w+)`", GUIDE)
    assert not [name for name in named if name not in EXERCISES]
    assert not [word for word in re.findall(r"`nst (\w+)", GUIDE) if word not in nst.commands]
    plans = re.search(r"\| A term \| (.*?) \|", GUIDE)
    assert plans[1].split(", ") == list(LESSONS)


def test_says_how_many_mistakes_the_first_function_knows():
    words = {12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen"}
    assert f"`04.gram` names {words[len(EXERCISES['04.gram'].mistakes)]} mistakes" in GUIDE


def test_what_a_class_handed_in_is_not_pushed_with_the_kit():
    made = re.search(r"^nbgrader quickstart (\w+) ", GUIDE, re.MULTILINE)[1]
    kept = (Path(__file__).parents[1] / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {f"/{made}/", "gradebook.db"} <= set(kept)


def test_what_is_copied_for_marking_comes_with_the_wheel_too():
    copied = re.findall(r"cp \.\./notebooks/(\S+) \w+/04/", GUIDE)
    assert copied == ["04_gram_matrices.ipynb", "student/04_gram_matrices.ipynb"]
    assert set(copied) <= {name for name, _ in lessons_here()}, "`nst lessons course` writes them"
