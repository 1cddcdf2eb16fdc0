"""What learners hand in, spoilt in the usual ways, and what a teacher is told of it."""

import json
import os
import re
import shutil
from copy import deepcopy

import pytest
from alone import ROOT

from nstlib.errors import InputError
from nstlib.handins import look_over
from nstlib.lesson import LESSONS

NAME = "04_gram_matrices.ipynb"
EDITION = ROOT / "notebooks" / "student"


@pytest.fixture
def handed_in(tmp_path):
    """What writes a notebook, the student edition's with one change, as a learner's; and what is said of it."""

    def write(change, name=NAME):
        place = tmp_path / "submitted" / "ada" / "04"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        notebook = json.loads((EDITION / NAME).read_text(encoding="utf-8"))
        change(notebook["cells"])
        (place / name).write_text(json.dumps(notebook), encoding="utf-8")
        return str(*look_over(tmp_path / "submitted"))

    write.file = tmp_path / "submitted" / "ada" / "04" / NAME
    return write


def at(cells, name):
    return next(i for i, cell in enumerate(cells) if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def names(file):
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells if "nbgrader" in cell["metadata"]]


def split(cells):
    half = deepcopy(cells[at(cells, "04-gram")])
    cells.insert(at(cells, "04-gram"), half | {"id": "half"})


def bare(cells):
    for cell in cells:
        cell["metadata"] = {}


def without_e(cells):
    for name in ("04-e", "04-e-check"):
        del cells[at(cells, name)]


def broken(cells):
    cells[at(cells, "04-gram")]["source"] = "%time 1\n!ls\ndef my_gram(features)\n    return 1"


def other_check(text):
    """A change that writes something else into the cell of a check."""

    def change(cells):
        cells[at(cells, "04-gram-check")]["source"] = text

    return change


def graded_as(value):
    """A change that puts another thing in the place of a check's metadata."""

    def change(cells):
        cells[at(cells, "04-gram-check")]["metadata"]["nbgrader"] = value

    return change


def written_as(source):
    """A change that puts another text in the place of an answer."""

    def change(cells):
        cells[at(cells, "04-gram")]["source"] = source

    return change


def own_check(cells):
    cells[at(cells, "04-gram")]["source"] = "nst.check = lambda *answer: None"


def test_a_whole_one_is_ready_and_stays_as_it_is(handed_in):
    assert handed_in(lambda cells: None) == "ada 04: ready"
    before = handed_in.file.read_bytes()
    look_over(handed_in.file.parents[2])
    assert handed_in.file.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (split, "ada 04: '04-gram' stood at two cells, and stands at the first now"),
        (bare, "ada 04: the metadata of 04.pencil, 04.gram, 04.style_gradient, 04.e were lost, and are back"),
    ],
)
def test_what_can_be_mended_is_mended_once(handed_in, change, told):
    assert handed_in(change) == told
    whole = names(EDITION / NAME)
    checks = [name for name in whole if name.endswith("-check")]
    assert names(handed_in.file) == (whole if change is split else checks)
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: ready"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without_e, "without the check of 04.e, which counts 0"),
        (broken, r"cell 10, line 3, is no Python: answers below that need it count 0, too; mend it and mark again"),
        (own_check, "cell 10 changes the kit or its marking: read it"),
        (
            lambda cells: cells.clear(),
            "none of this lesson's checks: another lesson, or its cells are gone; ask for it",
        ),
    ],
)
def test_what_a_teacher_should_know_is_told(handed_in, change, told):
    assert told in handed_in(change)


@pytest.mark.parametrize("text", ['nst.check("04.gram", gramm)', 'my_gram = 1\nnst.check("04.gram", my_gram)', ""])
def test_a_check_that_is_not_the_lessons_is_told(handed_in, text):
    assert handed_in(other_check(text)) == (
        "ada 04: cell 11 is not the lesson's check of 04.gram, which nbgrader puts in its place: an answer in it, or "
        "under another name, counts 0; mend it first"
    )


def twice(cells):
    place = at(cells, "04-gram")
    pair = [cell | {"id": f"more-{number}"} for number, cell in enumerate(deepcopy(cells[place : place + 2]))]
    cells[place + 2 : place + 2] = pair


def once_more(cells):
    answer = 'def my_gram(f):\n    return f\n\nnst.check("04.gram", my_gram)'
    cells.insert(at(cells, "04-gram") + 2, cells[0] | {"cell_type": "code", "source": answer, "outputs": []})


@pytest.mark.parametrize(("change", "number"), [(twice, 13), (once_more, 12)])
def test_a_check_that_is_repeated_below_is_told_until_the_marked_one_is_moved(handed_in, change, number):
    told = f"cell {number} repeats the check of 04.gram, and cell 11 is marked: where the later answer is meant, "
    assert handed_in(change).endswith(f"{told}move cell 11 below it")
    assert str(*look_over(handed_in.file.parents[2])) == f"ada 04: {told}move cell 11 below it"
    notebook = json.loads(handed_in.file.read_text(encoding="utf-8"))
    notebook["cells"].insert(number - 1, notebook["cells"].pop(10))
    handed_in.file.write_text(json.dumps(notebook), encoding="utf-8")
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: ready"


def swapped(cells):
    answer = at(cells, "04-gram")
    cells[answer], cells[answer + 1] = cells[answer + 1], cells[answer]


def written_below(cells):
    check = at(cells, "04-gram-check")
    cells.insert(
        check + 1, {**deepcopy(cells[check - 1]), "metadata": {}, "source": "def my_gram(features):\n    pass"}
    )


@pytest.mark.parametrize("change", [swapped, written_below])
def test_an_answer_below_its_check_is_told_until_the_check_is_moved(handed_in, change):
    told = handed_in(change)
    cell, name, above = re.search(
        r"cell (\d+) says what (\w+) is, and the check of 04.gram stands above it, in cell (\d+): where that answer is "
        r"meant, move cell \3 below it",
        told,
    ).groups()
    assert name == "my_gram" and int(cell) == int(above) + 1

    def obey(cells):
        change(cells)
        cells.insert(int(cell) - 1, cells.pop(int(above) - 1))

    assert handed_in(obey) == "ada 04: ready"


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_the_student_edition_is_ready(tmp_path, lesson):
    place = tmp_path / "ada" / lesson.number
    place.mkdir(parents=True)
    shutil.copy(EDITION / f"{lesson.stem}.ipynb", place)
    assert str(*look_over(tmp_path)) == f"ada {lesson.number}: ready"


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_the_complete_edition_is_told(tmp_path, lesson):
    place = tmp_path / "ada" / lesson.number
    place.mkdir(parents=True)
    shutil.copy(EDITION.parent / f"{lesson.stem}.ipynb", place)
    cells = json.loads((place / f"{lesson.stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    solved = [cell for cell in cells if "### BEGIN SOLUTION" in "".join(cell["source"])]
    asked = ", ".join(cell["metadata"]["nbgrader"]["grade_id"].replace("-", ".", 1) for cell in solved)
    told = f"what answers {asked} is the complete lesson's, word for word: ask how it works"
    assert str(*look_over(tmp_path)) == f"ada {lesson.number}: {told}"


def ours(*names):
    """A change that writes our answers into cells, set in otherwise and without what marks them."""

    def change(cells):
        complete = json.loads((EDITION.parent / NAME).read_text(encoding="utf-8"))["cells"]
        for name in names:
            lines = [line for line in complete[at(complete, name)]["source"] if "SOLUTION" not in line]
            cells[at(cells, name)]["source"] = [line.replace("    ", "\t") for line in lines]

    return change


def test_our_answers_of_several_lines_are_told_and_such_as_anybody_would_write_are_not(handed_in):
    told = handed_in(ours("04-pencil", "04-gram", "04-style_gradient", "04-e"))
    answers = "what answers 04.gram, 04.style_gradient, 04.e is the complete lesson's"
    assert told == f"ada 04: {answers}, word for word: ask how it works"
    assert handed_in(ours("04-pencil", "04-gram")) == "ada 04: ready"


def test_where_the_lesson_at_hand_has_no_answers_nothing_is_told_of_them(handed_in, tmp_path):
    source = tmp_path / "source" / "04" / NAME
    source.parent.mkdir(parents=True)
    shutil.copy(EDITION / NAME, source)
    assert handed_in(ours("04-pencil", "04-gram", "04-style_gradient", "04-e")) == "ada 04: ready"


def test_blank_lines_make_no_other_check(handed_in):
    assert handed_in(other_check('\nnst.check("04.gram", my_gram)\n\n')) == "ada 04: ready"


@pytest.mark.parametrize(
    ("metadata", "added"),
    [({}, "\n### BEGIN HIDDEN TESTS\nassert my_gram\n### END HIDDEN TESTS"), ({"solution": True}, "\nyour words")],
    ids=["hidden", "by hand"],
)
def test_a_teachers_own_check_is_the_lessons_however_it_was_handed_out(handed_in, tmp_path, metadata, added):
    notebook = json.loads((EDITION / NAME).read_text(encoding="utf-8"))
    check = notebook["cells"][at(notebook["cells"], "04-gram-check")]
    check["metadata"]["nbgrader"] |= metadata
    check["source"] = "".join(check["source"]) + added
    source = tmp_path / "source" / "04" / NAME
    source.parent.mkdir(parents=True)
    source.write_text(json.dumps(notebook), encoding="utf-8")
    assert handed_in(graded_as(CHECK | metadata)) == "ada 04: ready"
    assert ("without" in handed_in(bare)) == bool(metadata)  # what is written by hand has no text to be known by


@pytest.mark.parametrize("value", [None, "x", [1], 3, {"grade_id": [5]}, {"grade_id": None}], ids=repr)
def test_metadata_that_nbgrader_cannot_read_are_mended(handed_in, value):
    told = handed_in(graded_as(value))
    assert "cell 11 had metadata that name no cell, which are gone; the metadata of 04.gram were lost" in told
    assert names(handed_in.file) == names(EDITION / NAME)


CHECK = {
    "schema_version": 3,
    "grade": True,
    "solution": False,
    "locked": True,
    "grade_id": "04-gram-check",
    "points": 1,
}


@pytest.mark.parametrize(
    "value",
    [
        *(CHECK | {"schema_version": version} for version in (0, 1, 99, "3", 3.0)),
        {"grade_id": "04-gram-check"},
        CHECK | {"grade": False},
        CHECK | {"grade": 1},
        CHECK | {"points": "x"},
        CHECK | {"mine": 1},
        CHECK | {"cell_type": "code?"},
    ],
    ids=repr,
)
def test_metadata_others_than_the_lessons_are_its_own_again(handed_in, value):
    told = "ada 04: the metadata of 04.gram were not the lesson's, and are now"
    assert handed_in(graded_as(value)) == told
    cells = json.loads(handed_in.file.read_text(encoding="utf-8"))["cells"]
    assert cells[at(cells, "04-gram-check")]["metadata"]["nbgrader"] == CHECK
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: ready"


def test_metadata_of_a_lesson_that_nbgrader_handed_out_are_the_lessons(handed_in):
    assert handed_in(graded_as(CHECK | {"checksum": "0" * 32, "cell_type": "code"})) == "ada 04: ready"


@pytest.mark.parametrize("value", [CHECK | {"grade_id": "05-mix-check"}, {}, {"schema_version": 3}], ids=repr)
def test_metadata_of_no_cell_of_the_lesson_are_taken_off(handed_in, value):
    def change(cells):
        cells[0]["metadata"]["nbgrader"] = value

    named = "was marked as '05-mix-check', which this lesson has not, and is no more"
    unread = "had metadata that name no cell, which are gone"
    assert handed_in(change) == f"ada 04: cell 1 {named if 'grade_id' in value else unread}"
    assert names(handed_in.file) == names(EDITION / NAME)


def test_a_lesson_that_a_teacher_changed_is_the_lesson(handed_in, tmp_path):
    own = CHECK | {"grade_id": "own-check", "points": 5}

    def change(cells):
        cells[at(cells, "04-gram-check")]["metadata"]["nbgrader"] = own

    handed_in(lambda cells: None)
    source = tmp_path / "source" / "04" / NAME
    source.parent.mkdir(parents=True)
    notebook = json.loads(handed_in.file.read_text(encoding="utf-8"))
    change(notebook["cells"])
    source.write_text(json.dumps(notebook), encoding="utf-8")
    assert handed_in(change) == "ada 04: ready"
    assert "was marked as '04-gram-check'" in handed_in(lambda cells: None)


def test_another_lesson_stays_as_it_is(handed_in):
    def change(cells):
        cells[:] = json.loads((EDITION / "05_losses.ipynb").read_text(encoding="utf-8"))["cells"]

    told = f"ada 04: '{NAME}' is of lesson 05"
    assert handed_in(change) == f"{told}: call its folder 05"
    assert names(handed_in.file) == names(EDITION / "05_losses.ipynb")
    (handed_in.file.parents[1] / "05").mkdir()
    assert str(look_over(handed_in.file.parents[2])[0]) == f"{told}: not marked, 05 is: look which is meant"


def test_a_notebook_without_any_check_is_asked_for_again(handed_in):
    def change(cells):
        cells[:] = cells[:2]

    told = "none of this lesson's checks: another lesson, or its cells are gone; ask for it again"
    assert handed_in(change) == f"ada 04: {told}"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("v2/05_losses.ipynb", "bo: 'v2' is no lesson's folder: call it 05"),
        ("4/mine.ipynb", "bo: '4' is no lesson's folder: call it 05"),
        ("2026-10-04/04.ipynb", "bo: '2026-10-04' is no lesson's folder: call it 05"),
        ("02/05_losses.ipynb", "bo 02: '05_losses.ipynb' is of lesson 05: call its folder 05"),
        ("04b/a/b/c/mine.ipynb", "bo 04b: 'mine.ipynb' is of lesson 05: call its folder 05"),
        ("mine.ipynb", "bo: 'mine.ipynb' lies in no lesson's folder: move it into one, 05"),
    ],
)
def test_where_a_notebook_belongs_its_cells_say_and_who_obeys_is_ready(tmp_path, file, told):
    path = tmp_path / "bo" / file
    path.parent.mkdir(parents=True)
    shutil.copy(EDITION / "05_losses.ipynb", path)
    assert list(map(str, look_over(tmp_path))) == [told]
    assert path.is_file()
    place = tmp_path / "bo" / "05"
    if "/" in file:
        (tmp_path / "bo" / file.partition("/")[0]).rename(place)
    else:
        place.mkdir()
        path.rename(place / path.name)
    assert str(*look_over(tmp_path)).endswith((" 05: ready", "is called 05_losses.ipynb now"))
    assert (place / "05_losses.ipynb").is_file()


@pytest.mark.parametrize("name", ["version 2", "Woche 3", "2026-10-04", "v1"])
def test_a_number_that_is_no_lessons_is_no_advice(tmp_path, name):
    place = tmp_path / "bo" / name
    place.mkdir(parents=True)
    assert list(map(str, look_over_beside(tmp_path))) == []
    (place / "notes.ipynb").touch()
    told = f"bo: '{name}' is no lesson's folder: call it by the number of its lesson, such as 04"
    assert list(map(str, look_over_beside(tmp_path))) == [told]


def look_over_beside(submitted):
    """What is told of all but somebody whose hand-in is ready, without whom there is nothing to look over."""
    place = submitted / "ada" / "04"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(EDITION / NAME, place)
    return [one for one in look_over(submitted) if one.learner != "ada" and "nothing to mark" not in str(one)]


def test_a_folder_with_two_lessons_is_told(tmp_path):
    place = tmp_path / "bo" / "all"
    place.mkdir(parents=True)
    for name in ("05_losses.ipynb", NAME):
        shutil.copy(EDITION / name, place)
    assert str(*look_over(tmp_path)) == "bo: 'all' holds 04 and 05: give each a folder of its own, called 04 …"


def test_a_line_more_makes_no_other_cell_of_a_check(handed_in):
    def change(cells):
        bare(cells)
        for cell in cells:
            cell["source"] = [*cell["source"], "\n"]

    assert (
        handed_in(change)
        == "ada 04: the metadata of 04.pencil, 04.gram, 04.style_gradient, 04.e were lost, and are back"
    )


@pytest.mark.parametrize(
    "source",
    ['"x"' + ".a" * 100_000, "-" * 200_000 + "1", "(" * 1000, "\0", "\ud800"],
    ids=["attributes", "minus", "bracket", "zero", "half"],
)
def test_a_text_that_python_cannot_read_is_told(handed_in, source):
    assert "cell 10" in (told := handed_in(written_as(source))) and "is no Python" in told


def test_blank_lines_without_end_are_soon_read_over(handed_in):
    assert handed_in(written_as("\n" * 300_000)) == "ada 04: ready"


@pytest.mark.parametrize(
    ("source", "line"),
    [("def my_gram(f):\n    f = f[0]\nreturn f @ f.T", 3), ("    return 1", 1), ("x = 1\ncontinue", 2)],
)
def test_what_belongs_into_a_function_and_stands_outside_is_told(handed_in, source, line):
    assert f"cell 10, line {line}, is no Python" in handed_in(written_as(source))


@pytest.mark.parametrize(
    "source", ["if True:\n    %time 1", "?nst", "%%bash\nls -l", "    x = 1", "import asyncio\nawait asyncio.sleep(0)"]
)
def test_what_only_a_notebook_reads_is_python(handed_in, source):
    assert handed_in(written_as(source)) == "ada 04: ready"


def test_a_change_of_the_kit_under_another_cells_name_for_it_is_told(handed_in):
    def change(cells):
        cells[1]["source"] += "\nimport nstlib as kit"
        cells[at(cells, "04-gram")]["source"] = "kit.check = print"

    assert handed_in(change) == "ada 04: cell 10 changes the kit or its marking: read it"


@pytest.mark.parametrize(
    "source",
    [
        "get_ipython().showtraceback = print",
        "get_ipython().input_transformers_post.append(print)",
        "from nstlib.exercise import EXERCISES",
        "my_gram = questions['04.gram'].solution",
        "import os\nos.environ.clear()",
        "from os import environ",
        "kind.__bool__ = lambda verdict: True",
    ],
)
def test_what_would_let_a_wrong_answer_count_is_told(handed_in, source):
    assert handed_in(written_as(source)) == "ada 04: cell 10 may change the kit or its marking: read it"


@pytest.mark.parametrize(
    "source",
    ['my_gram = nst.mine("04.gram", None)', "from nstlib import mine", "def my_gram(f): return nst.mine(g)(f)"],
)
def test_an_answer_that_is_the_librarys_is_told(handed_in, source):
    told = "ada 04: cell 10 calls nst.mine, which gives our answer, where the lesson does not: read it"
    assert handed_in(written_as(source)) == told


@pytest.mark.parametrize(
    "source",
    [
        'import os\nos.environ["NSTLIB_WEIGHTS"] = "w"',
        'os.environ.get("HOME")',
        'gram = nst.mine("04.gram", my_gram)',
        "undermine = 1",
        "x = 1\nexit",
        "from sys import exit\nexit()",
        "def quit():\n    pass\n\nquit()",
        "def f(exit):\n    return exit()",
        "door.exit()",
    ],
)
def test_what_harms_no_marking_is_ready(handed_in, source):
    assert handed_in(written_as(source)) == "ada 04: ready"


@pytest.mark.parametrize(
    "source",
    [
        *("import os\nos._exit(0)", "os.abort()", "from os import _exit; _exit(1)", "get_ipython().ask_exit()"),
        *("exit", "\nquit\n", "quit;", "exit()", "x = 1\nif x:\n    exit(0)", "def my_gram(f):\n    quit()"),
    ],
)
def test_an_end_of_python_is_told(handed_in, source):
    told = "ada 04: cell 10 may end Python, and then nothing in this notebook counts: read it"
    assert handed_in(written_as(source)) == told


def test_checks_that_have_no_kit_are_told_until_the_first_cell_is_back(handed_in):
    def spoil(cells):
        taken.append(cells.pop(1))

    taken = []
    none = "ada 04: no cell imports the kit, so every check counts 0: put the lesson's first code cell back"
    assert handed_in(spoil) == none
    assert "nst.setup" in "".join(taken[0]["source"])
    low = "cell 20 imports the kit, so every check above it counts 0: move it to the top"
    for place, told in ((19, low), (1, "ready")):
        notebook = json.loads(handed_in.file.read_text(encoding="utf-8"))
        notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != taken[0]["id"]]
        notebook["cells"].insert(place, taken[0])
        handed_in.file.write_text(json.dumps(notebook), encoding="utf-8")
        assert str(*look_over(handed_in.file.parents[2])) == f"ada 04: {told}"
    assert handed_in(lambda cells: cells[1].update(cell_type="raw")) == none


@pytest.mark.parametrize("cells", [{}, [{"cell_type": "code", "metadata": {}, "source": 3}], None, [3]], ids=repr)
def test_an_odd_notebook_keeps_nobody_else_from_being_marked(handed_in, cells):
    handed_in(lambda cells: None)
    odd = handed_in.file.parents[2] / "bo" / "04" / NAME
    odd.parent.mkdir(parents=True)
    odd.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    told = list(map(str, look_over(handed_in.file.parents[2])))
    assert told == ["ada 04: ready", "bo 04: empty, cut off or no notebook: ask for it again"]


def test_a_file_that_cannot_be_written_is_told(handed_in, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nstlib.handins.write_whole", full)
    assert handed_in(bare) == "ada 04: left as it is (OSError: [Errno 28] No space left on device): look at it yourself"


@pytest.mark.parametrize("shut", ["bob", "bob/04b", "bob/week 12"])
def test_a_folder_that_may_not_be_read_keeps_nobody_else_from_being_marked(handed_in, monkeypatch, shut):
    handed_in(lambda cells: None)
    submitted = handed_in.file.parents[2]
    (submitted / shut).mkdir(parents=True)
    iterdir = type(submitted).iterdir

    def refuse(folder):
        if folder == submitted / shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return iterdir(folder)

    monkeypatch.setattr(type(submitted), "iterdir", refuse)
    ada, bob = map(str, look_over(submitted))
    assert ada == "ada 04: ready" and "may not be read" in bob


def test_half_a_letter_is_written_as_it_was(handed_in):
    def change(cells):
        bare(cells)
        cells[0]["source"] += "\ud83d"

    assert "are back" in handed_in(change)
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: ready"


@pytest.mark.parametrize("level", [0, 1, 2], ids=["file", "lesson", "learner"])
def test_a_link_is_not_followed(handed_in, tmp_path, level):
    handed_in(lambda cells: None)
    link = [handed_in.file, *handed_in.file.parents][level]
    away = link.rename(tmp_path / "away")
    link.symlink_to(away)
    file = next(iter([away] if away.is_file() else away.rglob(NAME)))
    cells = json.loads(file.read_text(encoding="utf-8"))
    bare(cells["cells"])
    file.write_text(json.dumps(cells))
    before = file.read_bytes()
    assert f"ada 04: '{link.name}' is a link, which is not followed" in str(*look_over(handed_in.file.parents[2]))
    assert file.read_bytes() == before


def test_only_files_are_notebooks(handed_in, tmp_path):
    handed_in(lambda cells: None, "mine.ipynb")
    place = handed_in.file.parent
    handed_in.file.rename(place / "mine.ipynb")
    (place / "folder.ipynb").mkdir()
    (place / "dead.ipynb").symlink_to("nowhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "pipe.ipynb")
    assert str(*look_over(place.parents[1])) == f"ada 04: mine.ipynb is called {NAME} now"
    handed_in.file.unlink()
    assert str(*look_over(place.parents[1])) == f"ada 04: no notebook: expected {NAME}"
    handed_in.file.mkdir()
    assert str(*look_over(place.parents[1])) == "ada 04: empty, cut off or no notebook: ask for it again"


def test_names_steer_no_terminal(handed_in):
    handed_in(lambda cells: None)
    place = handed_in.file.parents[2]
    (place / "ada").rename(place / "a\x1b[2J\nda")
    assert str(*look_over(place)) == "a?[2J da 04: ready"


def test_another_name_is_mended_where_there_is_one_notebook(handed_in):
    assert "04 (1).ipynb is called 04_gram_matrices.ipynb now" in handed_in(lambda cells: None, "04 (1).ipynb")
    assert handed_in.file.is_file()
    for name in ("a.ipynb", "b.ipynb"):
        handed_in.file.with_name(name).write_text("{}")
    handed_in.file.unlink()
    assert "2 notebooks and none called" in str(*look_over(handed_in.file.parents[2]))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("04.zip", "packed: unpack it here"),
        ("04.ZIP", "packed: unpack it here"),
        ("04.tgz", "packed: unpack it here"),
        ("note.txt", "no notebook: expected 04_gram_matrices.ipynb"),
        (NAME, "empty, cut"),
    ],
)
def test_what_is_no_notebook_is_asked_for(tmp_path, file, told):
    place = tmp_path / "bo" / "04"
    place.mkdir(parents=True)
    (place / file).touch()
    assert f"bo 04: {told}" in str(*look_over(tmp_path))


def test_another_folder_is_refused(tmp_path, handed_in):
    handed_in(lambda cells: None)
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", handed_in.file.parents[1]):
        with pytest.raises(InputError, match="holds no folders such as anna/04"):
            look_over(folder)
    with pytest.raises(InputError, match=f"is the folder of a class: give '{tmp_path / 'submitted'}'"):
        look_over(tmp_path)
    for folder in (tmp_path / "none", handed_in.file):
        with pytest.raises(InputError, match=r"there is no folder .+: give the one with what was handed in, submitted"):
            look_over(folder)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("anna/4/x.ipynb", "anna: '4' is no lesson's folder: call it 04"),
        ("ben/04_gram_matrices/x.ipynb", "ben: '04_gram_matrices' is no lesson's folder: call it 04"),
        (
            "dora/04_gram_matrices.ipynb",
            "dora: '04_gram_matrices.ipynb' lies in no lesson's folder: move it into one, 04",
        ),
        ("dora/mine.IPYNB", "dora: 'mine.IPYNB' lies in no lesson's folder: move it into one, such as 04"),
        ("eva/ 04/x.ipynb", "eva: ' 04' is no lesson's folder: call it 04"),
        ("fay/Lesson 04/x.ipynb", "fay: 'Lesson 04' is no lesson's folder: call it 04"),
        ("fay/drafts/x.ipynb", "fay: 'drafts' is no lesson's folder: call it by the number of its lesson, such as 04"),
        ("fay/drafts/pictures/x.png", "fay: nothing to mark: expected a folder such as 04"),
        ("gus.ipynb", "gus.ipynb: lies in no learner's folder: move it into one such as anna/04"),
        ("gus.zip", "gus.zip: lies in no learner's folder: move it into one such as anna/04"),
        ("hal/04.zip", "hal: '04.zip' lies in no lesson's folder: move it into one, 04"),
        ("ada/Lesson 04/x.ipynb", "ada: 'Lesson 04' is not marked, 04 is: look which is meant"),
    ],
)
def test_nobody_is_left_out_without_a_word(handed_in, file, told):
    handed_in(lambda cells: None)
    submitted = handed_in.file.parents[2]
    for hidden in (".DS_Store", ".git/x.ipynb", "list.csv", "ada/.ipynb_checkpoints/x.ipynb", "ada/notes.txt", file):
        (submitted / hidden).parent.mkdir(parents=True, exist_ok=True)
        (submitted / hidden).touch()
    assert list(map(str, look_over(submitted))) == ["ada 04: ready", told]


def test_all_are_told_where_nobody_called_a_folder_right(tmp_path):
    place = tmp_path / "anna" / "4"
    place.mkdir(parents=True)
    (place / NAME).write_bytes((EDITION / NAME).read_bytes())
    assert str(*look_over(tmp_path)) == "anna: '4' is no lesson's folder: call it 04"
    place.rename(place.with_name("04"))
    assert str(*look_over(tmp_path)) == "anna 04: ready"


@pytest.mark.parametrize(
    "name", ["04.IPYNB", "04_gram_matrices.ipynb.txt", "04_gram_matrices/mine.ipynb", "Abgabe/Lou/a/04.ipynb"]
)
def test_a_notebook_is_found_under_any_name(handed_in, name):
    handed_in(lambda cells: None)
    place, path = handed_in.file.parent, handed_in.file.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    handed_in.file.rename(path)
    (place / "__MACOSX").mkdir()
    (place / "__MACOSX" / "._mine.ipynb").touch()
    assert str(*look_over(place.parents[1])) == f"ada 04: {name} is called {NAME} now"
    assert handed_in.file.is_file()


def test_a_second_notebook_is_told(handed_in):
    handed_in(lambda cells: None)
    copy = handed_in.file.with_name("04_gram_matrices-Copy1.ipynb")
    copy.write_bytes(handed_in.file.read_bytes())
    told = f"{NAME} is marked, {copy.name} is not: look which is meant"
    assert str(*look_over(handed_in.file.parents[2])) == f"ada 04: {told}"
    handed_in.file.write_text("")
    assert str(*look_over(handed_in.file.parents[2])).endswith(f"ask for it again; {told}")


def test_an_archive_beside_a_notebook_is_told(handed_in):
    handed_in(lambda cells: None)
    packed = handed_in.file.parent / "new" / "better.zip"
    packed.parent.mkdir()
    packed.touch()
    told = f"ada 04: {NAME} is marked, new/better.zip is not: look which is meant"
    assert str(*look_over(handed_in.file.parents[2])) == told
    handed_in.file.unlink()
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: packed: unpack it here"


def test_links_lead_the_search_nowhere(handed_in):
    handed_in(lambda cells: None)
    (handed_in.file.parent / "round").symlink_to(handed_in.file.parent)
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: ready"


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_another_coding_is_mended(handed_in, coding):
    handed_in(lambda cells: None)
    handed_in.file.write_bytes(handed_in.file.read_text(encoding="utf-8").encode(coding))
    assert str(*look_over(handed_in.file.parents[2])) == f"ada 04: was saved as {coding}, and is utf-8 now"
    assert json.loads(handed_in.file.read_bytes().decode("utf-8"))
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: ready"


def test_an_old_editors_coding_is_mended_and_a_damaged_file_is_not(handed_in):
    handed_in(lambda cells: None)
    cells = json.loads(handed_in.file.read_text(encoding="utf-8"))
    cells["cells"][0]["source"] = "für"
    text = json.dumps(cells, ensure_ascii=False)
    handed_in.file.write_bytes(text.encode("cp1252", "replace"))
    assert str(*look_over(handed_in.file.parents[2])) == "ada 04: was saved as cp1252, and is utf-8 now"
    assert json.loads(handed_in.file.read_bytes().decode("utf-8"))["cells"][0]["source"] == ["für"]
    damaged = text.encode().replace("ü".encode(), "üü".encode()[:-1])
    handed_in.file.write_bytes(damaged)
    assert "empty, cut off or no notebook" in str(*look_over(handed_in.file.parents[2]))
    assert handed_in.file.read_bytes() == damaged
