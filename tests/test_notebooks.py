"""Every lesson keeps the rules, and runs from top to bottom alone in an empty folder, answered and not."""

import ast
import re
from types import SimpleNamespace

import pytest
from alone import ROOT, run_alone
from editions import FORGET, REMEMBER, both, is_check, with_verdict
from nbformat.v4 import new_code_cell
from study_minutes import check_minutes

from nstlib import LESSONS
from nstlib.course import edition, notebooks, rules
from nstlib.exercise import EXERCISES

FOLDER = ROOT / "notebooks"
SOURCES = [path for path, _ in notebooks.lessons_in(FOLDER)]
EDITIONS = [*SOURCES, *sorted((FOLDER / "student").glob("*.ipynb"))]


def test_every_lesson_is_there():
    assert [path.stem for path in SOURCES] == [lesson.stem for lesson in LESSONS.values()]


def test_the_student_edition_is_what_the_lessons_build():
    assert edition.build_student(FOLDER, check=True) == []


@pytest.mark.parametrize("path", EDITIONS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_keeps_the_rules(path):
    assert rules.problems(notebooks.read(path)) == []


@pytest.mark.parametrize("path", EDITIONS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_cell_speaks_to_the_formatter(path):
    assert not [cell.source for cell in notebooks.read(path).cells if "# fmt:" in cell.source]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_takes_the_minutes_that_it_says(path):
    assert "\n".join(check_minutes(notebooks.read(path))) == ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_says_nothing_on_standard_error(path):
    outputs = [o for cell in notebooks.read(path).cells for o in cell.get("outputs", [])]
    assert not [o["text"] for o in outputs if o.get("name") == "stderr"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_stored_verdict_is_what_a_check_says_today(path):
    for cell in filter(is_check, notebooks.read(path).cells):
        for name in re.findall(r'nst\.check\("([^"]+)"', cell.source):
            (told,) = [o["data"]["text/plain"] for o in cell.outputs if "text/plain" in o.get("data", {})]
            assert told.startswith(f"✓ {getattr(EXERCISES[name], 'praise', 'Right. ')}"), name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_network_that_the_first_cell_lets_choose_is_used_below(path):
    first, *below = [cell.source for cell in notebooks.read(path).cells if cell.cell_type == "code"]
    assert ("BACKBONE =" in first) == any("BACKBONE" in re.findall(r"\w+", code) for code in below)


@pytest.mark.parametrize("path", EDITIONS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_the_card_lists_the_sections_that_there_are(path):
    lesson = notebooks.read(path)
    listed = re.findall(r"^\| *(\d+) *\|", notebooks.header_of(lesson).source, re.MULTILINE)
    texts = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    assert listed in ([], re.findall(r"^## (\d+)\. ", texts, re.MULTILINE))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_course_about_networks_says_which_kind_it_does_without(path):
    card = notebooks.header_of(notebooks.read(path)).source
    assert not re.search(r"\bno network(?! connection)", card, re.IGNORECASE)


@pytest.mark.parametrize("path", EDITIONS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_runs_that_are_compared_in_every_pixel_keep_their_threads(path):
    """A run beside other programs takes fewer, and the tests' own environment hides that."""
    code = "\n".join(cell.source for cell in notebooks.read(path).cells if cell.cell_type == "code")
    if "torch.equal(" in code and "nst.stylize(" in code:
        kept = code.find('os.environ["OMP_DYNAMIC"] = "false"')
        assert 0 <= kept < code.find("torch.equal(")


@pytest.mark.parametrize("path", EDITIONS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_loop_that_may_be_stopped_ends_its_cell(path):
    for code in (cell.source for cell in notebooks.read(path).cells if cell.cell_type == "code"):
        for loop in ast.parse(code).body[:-1]:  # one that ends itself by a break is not stopped by the learner
            if isinstance(loop, ast.For) and "ransfer" in ast.unparse(loop.iter) and "break" not in ast.unparse(loop):
                pytest.fail(f"what stands below this loop is not run by who stops it: {ast.unparse(loop)}")


OTHERS = [FOLDER / "engine.ipynb", FOLDER / "studio.ipynb"]


@pytest.mark.notebooks
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_runs_alone_in_both_editions(path, tmp_path):
    run_alone(notebooks.written(both(notebooks.read(path))), path.name, tmp_path)


@pytest.mark.notebooks
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_runs_alone(path, tmp_path):
    run_alone(path.read_text(encoding="utf-8"), path.name, tmp_path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_both_editions_have_their_cells_and_checks(path):
    lesson = notebooks.read(path)
    made = [cell.source for cell in both(lesson).cells]
    checks = [with_verdict(cell, passed).source for passed in (True, None) for cell in lesson.cells if is_check(cell)]
    assert checks and set(checks) <= set(made)
    assert {cell.source for cell in lesson.cells if not is_check(cell)} <= set(made)
    assert {cell.source for cell in edition.student(lesson).cells[1:] if not is_check(cell)} <= set(made)


def test_what_an_answer_made_is_forgotten():
    names = {"kept": 1, "_hidden": 2}
    for source in (REMEMBER, "kept, helper, _hidden = 3, 4, 5", FORGET):
        exec(source, names)
    assert names["kept"] == 1 and names["_hidden"] == 5 and "helper" not in names


@pytest.mark.parametrize("wanted", [True, None])
@pytest.mark.parametrize("found", [True, False, None])
@pytest.mark.parametrize("check", ['nst.check("04.gram", mine)', 'kept = nst.mine("04.gram", mine)'])
def test_a_check_that_finds_another_verdict_is_an_error(wanted, found, check):
    asked = SimpleNamespace(check=lambda *_: SimpleNamespace(passed=found), mine=lambda *_: None)
    source = with_verdict(new_code_cell(check), wanted).source
    if found is wanted:
        exec(source, {"nst": asked, "mine": None})
    else:
        with pytest.raises(AssertionError, match=f"should be {wanted}"):
            exec(source, {"nst": asked, "mine": None})
