"""The first cell, the editions, the stamp and the rules, on notebooks built here."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from study_minutes import check_minutes, minutes
from traitlets.config import Config

import nstlib as nst
from nstlib import LESSONS
from nstlib.course import edition, notebooks, rules, stamps
from nstlib.errors import InputError

ROOT = Path(__file__).parents[1]
NAME = "04_gram_matrices.ipynb"
HEADER = f"""# Gram matrices

{stamps.badge(NAME)}

**You will be able to** compute one. **You need** lesson 03. **Time** 90 minutes."""
FOLDED = "<details>Why?</details>\n" * 5
ENDING = f"## Recap\n\nIt forgets place.\n\n## Ask yourself\n\n{FOLDED}\n## References\n\nGatys et al. 2015"
GRAM = """def gram(x):
    \"\"\"(1, C, H, W) → (C, C).\"\"\"
    ### BEGIN SOLUTION
    x = x.flatten(2)[0]
    return x @ x.T / x.shape[1]
    ### END SOLUTION"""
WIDTH = (
    "### BEGIN SOLUTION\nwidth, height = 5, 3\nfor i in range(2):\n    width += i - i\n### END SOLUTION\nprint('asked')"
)
CHECK = """def check(answer):
    try:
        answer = answer(torch.ones(1, 2, 3, 5)) if callable(answer) else answer
    except NotImplementedError:
        answer = ...
    return "not answered yet" if answer is ... else f"right: {answer}"
"""


def make() -> nbformat.NotebookNode:
    """A small lesson that keeps all rules."""
    sources = [
        stamps.first_cell("04"),
        "import torch\n\n" + CHECK,
        *(GRAM, "print(check(gram))\n### BEGIN HIDDEN TESTS\nassert 'right' in check(gram)\n### END HIDDEN TESTS"),
        *(WIDTH, "print(check(width), check(height))"),
        *(GRAM.replace("gram", "gram3"), "print(check(gram3))"),
        *(GRAM.replace("gram", "gram4"), "print(check(gram4))"),
    ]
    cells = [new_markdown_cell(HEADER, id="header")]
    cells += [new_code_cell(s, id=f"c{i}", execution_count=i) for i, s in enumerate(sources, 1)]
    cells[3].outputs = [new_output("stream", text="right\n")]
    cells[3].metadata["execution"] = {"iopub.status.busy": "2026-11-21T03:10:13Z"}
    notebook = new_notebook(cells=[*cells, new_markdown_cell(ENDING, id="ending")])
    stamps.mark(notebook)
    return notebook


@pytest.fixture
def folder(tmp_path):
    (tmp_path / NAME).write_text(notebooks.written(make()), encoding="utf-8")
    return tmp_path


def execute(notebook, capsys) -> str:
    """Run the code cells but the first, and return what they print."""
    names = {}
    for cell in [c for c in notebook.cells if c.cell_type == "code"][1:]:
        exec(cell.source, names)
    return capsys.readouterr().out


# --- the first cell ------------------------------------------------------------------------------


@pytest.fixture
def shell():
    """A notebook's shell, of its own."""
    return InteractiveShell(config=Config(HistoryManager={"enabled": False}))


@pytest.fixture
def install(monkeypatch):
    """Plays pip: what it was called with, and its exit status."""
    played = SimpleNamespace(calls=[], returncode=0)

    def run(*args, **options):
        played.calls.append((*args, options))
        return played

    monkeypatch.setattr(subprocess, "run", run)
    return played


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("here", [True, False])
def test_the_first_cell_installs_only_what_is_missing(lesson, here, shell, install, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: find(name) if here or name != "nstlib" else None)
    assert shell.run_cell(stamps.first_cell(lesson)).success
    address = "{}/archive/refs/tags/{}.zip".format(*stamps.home())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", address]
    assert install.calls == ([] if here else [(pip, {"capture_output": True})])
    assert f"lesson    {lesson} " in capsys.readouterr().out


def test_where_the_kit_cannot_be_reached_every_cell_says_how_to_get_it(shell, install, monkeypatch, capsys):
    first = stamps.first_cell("04")
    with monkeypatch.context() as without:
        for name in ("nstlib", "nstlib.weights"):
            without.setitem(sys.modules, name, None)
        install.returncode = 1
        for source in (first, "nst.gram", "from nstlib.weights import find_weights", "result.save('out.png')"):
            assert not shell.run_cell(source).success, "a run of all cells stops here"
            out, err = capsys.readouterr()
            assert " ".join(out.split()) == (
                f"The kit is not here, and {stamps.home()[0]}/archive/refs/tags/{stamps.home()[1]}.zip cannot be "
                "reached: upload its zip and run %pip install --no-deps NAME.zip, or mount a drive that has it "
                'unpacked and run sys.path.append("ITS FOLDER"); then run this cell again.'
            )
            assert err == ""
        shell.run_cell("1 / 0")
        assert "ZeroDivisionError" in capsys.readouterr().out
    assert shell.run_cell(first).success and len(install.calls) == 1
    shell.run_cell("result")
    assert "NameError" in capsys.readouterr().out


def test_the_first_cell_is_plain_formatted_python(tmp_path):
    for lesson in LESSONS:
        cells = [new_code_cell(stamps.first_cell(lesson), id="first")]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"cell_{lesson}.ipynb")
    for command in (["check", "--select=E,F,I,B", "--ignore=E402"], ["format", "--check", "--line-length=120"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, tmp_path], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout


# --- the student edition -------------------------------------------------------------------------


def test_the_source_runs_and_its_answers_are_right(capsys):
    assert execute(make(), capsys).count("right") == 5


def test_the_student_edition_runs_and_says_that_nothing_is_answered(capsys):
    made = edition.student(make())
    out = execute(made, capsys)
    assert out.count("not answered yet") == 5 and "right" not in out and "asked" in out
    cells = [c for c in made.cells if c.cell_type == "code"]
    assert all(c.outputs == [] and c.execution_count is None and "execution" not in c.metadata for c in cells)
    assert not re.search("SOLUTION|HIDDEN|x @ x", notebooks.written(made))
    assert "height = ...  # your answer\nprint('asked')" in cells[4].source
    assert cells[2].source.endswith('(C, C)."""\n    raise NotImplementedError  # your code')


def test_the_student_edition_keeps_the_rules_and_links_back():
    source = make()
    before, made = deepcopy(source), edition.student(source)
    assert source == before
    nbformat.validate(made)
    assert rules.problems(made) == []
    assert "(../04_gram_matrices.ipynb)" in made.cells[0].source
    assert f"/notebooks/student/{NAME})" in made.cells[0].source
    assert [c.metadata.get("nbgrader") for c in made.cells] == [c.metadata.get("nbgrader") for c in source.cells]


def test_an_answer_is_folded_and_its_stub_is_open():
    source, folded = make(), {"jupyter": {"source_hidden": True}, "cellView": "form"}
    for cell in source.cells[2:4]:  # plumbing, and an exercise
        cell.metadata.update(folded)
    plumbing, stub = edition.student(source).cells[2:4]
    assert folded.items() <= plumbing.metadata.items() and not folded.keys() & stub.metadata.keys()


@pytest.mark.parametrize(
    ("solution", "expected"),
    [
        ("a: int = 1\nb = c = 2\n[d, e] = 3, 4", "abcde"),
        ("def f():\n    inner = 1\n\n\nclass G:\n    pass", "fG"),
        ("text = '''\nbase = 3\n'''", ["text"]),
    ],
)
def test_a_stub_binds_the_names_that_the_solution_bound(solution, expected):
    made = edition.without_answers(f"before = 1\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION\nafter = 2")
    assert made.split("\n") == ["before = 1", *(f"{n} = ...  # your answer" for n in expected), "after = 2"]


def test_a_solution_that_binds_nothing_leaves_a_place():
    made = edition.without_answers("if True:\n    ### BEGIN SOLUTION\n    print(1)\n    ### END SOLUTION")
    assert made == "if True:\n    ...  # your code"


def test_building_is_deterministic_and_checking_writes_nothing(folder):
    (folder / "studio.ipynb").write_text("no lesson", encoding="utf-8")
    student = folder / "student"
    assert edition.build_student(folder, check=True) == [NAME] and not student.exists()
    assert edition.build_student(folder) == [NAME]
    first = (student / NAME).read_bytes()
    assert edition.build_student(folder) == edition.build_student(folder, check=True) == []
    rerun = make()
    rerun.cells[3].outputs = []
    rerun.metadata["language_info"] = {"name": "python", "version": "3.13.1"}
    (folder / NAME).write_text(notebooks.written(rerun), encoding="utf-8")
    assert edition.build_student(folder, check=True) == [], "a run of the source must leave no trace"
    (student / NAME).unlink()
    stale = new_notebook(metadata={"nstlib": {"edition": "student"}})
    (student / "09_old.ipynb").write_text(notebooks.written(stale), encoding="utf-8")
    assert edition.build_student(folder, check=True) == [NAME, "09_old.ipynb"]
    edition.build_student(folder)
    assert (student / NAME).read_bytes() == first and not (student / "09_old.ipynb").exists()


def run(notebook):
    notebook.cells[3].execution_count = 7


def type_in(notebook):
    notebook.cells[3].source += "\n    return 1"


@pytest.mark.parametrize("work", [run, type_in])
def test_building_costs_nobody_a_notebook(folder, work):
    edition.build_student(folder)
    lesson, notes = folder / "student" / NAME, folder / "student" / "my notes.ipynb"
    notes.write_text(notebooks.written(new_notebook()), encoding="utf-8")
    worked = notebooks.read(lesson)
    work(worked)
    lesson.write_text(notebooks.written(worked), encoding="utf-8")
    before = lesson.read_bytes()
    with pytest.raises(InputError, match=f"somebody has worked in {NAME}.*--force"):
        edition.build_student(folder)
    assert lesson.read_bytes() == before
    assert edition.build_student(folder, force=True) == [NAME]
    assert notes.exists() and lesson.read_bytes() != before


def test_a_lesson_that_was_edited_is_built_anew_where_nobody_has_worked(folder):
    edition.build_student(folder)
    edited = notebooks.read(folder / NAME)
    edited.cells[0].source += "\n\nOne word more."
    (folder / NAME).write_text(notebooks.written(edited), encoding="utf-8")
    assert edition.build_student(folder) == [NAME]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\0"])
@pytest.mark.parametrize("act", [edition.build_student, stamps.stamp])
def test_a_broken_notebook_is_named_and_nothing_is_written(act, text, folder):
    (folder / "05_losses.ipynb").write_text(text, encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"05_losses.ipynb' is no notebook that can be read"):
        act(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["05_losses.ipynb", f"student/{NAME}"])
@pytest.mark.parametrize("make", [os.mkdir, pytest.param(getattr(os, "mkfifo", None), id="mkfifo")])
def test_what_is_no_file_in_a_lessons_place_is_named(make, name, force, folder):
    """A pipe would be waited for."""
    if make is None:
        pytest.skip("needs named pipes")
    (folder / "student").mkdir()
    make(folder / name)
    with pytest.raises(InputError, match=rf"{name}' is no file, and a lesson is to stand there: move it away"):
        edition.build_student(folder, force=force)
    (folder / name).rename(folder / "away")
    assert edition.build_student(folder, force=force) == [NAME]


@pytest.mark.parametrize(
    "given",
    [{"tag": "a b"}, {"tag": "v'1"}, {"tag": ""}, {"repository": 'https://github.com/a/b"c'}, {"repository": ""}],
    ids=str,
)
def test_a_stamp_that_would_break_the_first_cell_or_that_a_shell_left_empty_is_refused(given, folder):
    before = (folder / NAME).read_bytes()
    with pytest.raises(InputError, match=r"no tag of a release|opens notebooks from GitHub"):
        stamps.stamp(folder, **given)
    assert (folder / NAME).read_bytes() == before


def test_a_file_that_is_no_lesson_is_named(folder):
    (folder / NAME).rename(folder / "04_gram_matrix.ipynb")
    with pytest.raises(InputError, match=r"'04_gram_matrix.ipynb' is no lesson's file: .* did you mean '04_gram_matri"):
        edition.build_student(folder)
    with pytest.raises(InputError, match="there are no lessons in"):
        edition.build_student(folder / "student")


@pytest.mark.parametrize("act", [edition.build_student, stamps.stamp])
def test_the_student_edition_is_taken_for_no_lessons(act, folder):
    """A badge in it would lead to the complete lessons, and an edition of it would be none of theirs."""
    edition.build_student(folder)
    before = (folder / "student" / NAME).read_bytes()
    with pytest.raises(InputError, match=f"{NAME}' is of the student edition: give the folder of the complete lessons"):
        act(folder / "student")
    assert (folder / "student" / NAME).read_bytes() == before and not (folder / "student" / "student").exists()


@pytest.mark.parametrize("act", [edition.build_student, stamps.stamp])
def test_a_notebook_of_ones_own_is_told_the_way_out(act, folder):
    mine = folder / "04_mine.ipynb"
    mine.write_bytes((folder / NAME).read_bytes())
    with pytest.raises(InputError, match=r"'04_mine.ipynb' is no .* move it away, or let its name not begin with dig"):
        act(folder)
    mine.rename(folder / "mine.ipynb")
    act(folder)


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_notebook_is_read_in_any_coding_of_unicode(coding, folder):
    before = notebooks.written(notebooks.read(folder / NAME))
    (folder / NAME).write_bytes(before.encode(coding))
    assert notebooks.written(notebooks.read(folder / NAME)) == before


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("id", ["twice", None])
def test_odd_names_of_cells_are_no_matter_of_the_reader(id, folder):
    notebook = json.loads((folder / NAME).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell.pop("id") if id is None else cell.update(id=id)
    (folder / NAME).write_text(json.dumps(notebook), encoding="utf-8")
    cells = json.loads(notebooks.written(notebooks.read(folder / NAME)))["cells"]
    assert len({cell.get("id") for cell in cells}) == len(notebook["cells"])


# --- the stamp -----------------------------------------------------------------------------------


def test_home_is_what_pyproject_says():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'Repository = "{stamps.home()[0]}"' in project and f'version = "{stamps.home()[1][1:]}"' in project


@pytest.mark.parametrize("edition", ["", "student/"])
def test_the_lessons_carry_the_address_and_version_of_pyproject(edition):
    """Read here as text, since `home` is what is judged; a release whose stamp was forgotten fails."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    address, version = (re.search(rf'^{key} = "(.+)"', project, re.M)[1] for key in ("Repository", "version"))
    kit = f'KIT = "{address}/archive/refs/tags/v{version}.zip"\n'
    opened = f"/github/{address.removeprefix('https://github.com/')}/blob/v{version}/notebooks/{edition}"
    for row in LESSONS.values():
        notebook = notebooks.read(ROOT / "notebooks" / edition / f"{row.stem}.ipynb")
        assert kit in notebooks.first_code(notebook).source, "run nst stamp"
        assert f"{opened}{row.stem}.ipynb)" in notebook.cells[0].source, "run nst stamp"


def test_the_stamp_writes_one_address_and_is_idempotent(folder):
    stamps.stamp(folder)
    ours = (folder / NAME).read_bytes()
    assert stamps.stamp(folder) == []
    fork = "https://github.com/someone/fork"
    assert stamps.stamp(folder, fork + ".git", "v9") == [NAME]
    stamped = (folder / NAME).read_bytes()
    assert stamps.stamp(folder, fork, "v9") == [] and (folder / NAME).read_bytes() == stamped
    notebook = notebooks.read(folder / NAME)
    assert f"/github/someone/fork/blob/v9/notebooks/{NAME})" in notebook.cells[0].source
    assert f'"{fork}/archive/refs/tags/v9.zip"' in notebook.cells[1].source
    assert stamps.home()[0].removeprefix("https://github.com") not in notebooks.written(notebook)
    assert stamps.stamp(folder) == [NAME] and (folder / NAME).read_bytes() == ours


def test_the_stamp_gives_a_bare_notebook_its_parts(folder):
    bare = new_notebook(cells=[new_markdown_cell("# Gram\n\nYou.", id="a"), new_code_cell("x = 1", id="b")])
    bare.cells += [new_code_cell(GRAM, id="c"), new_code_cell('nst.check("04.gram", gram)', id="d")]
    (folder / NAME).write_text(notebooks.written(bare), encoding="utf-8")
    stamps.stamp(folder)
    cells = notebooks.read(folder / NAME).cells
    assert cells[0].source == f"# Gram\n\n{stamps.badge(NAME)}\n\nYou."
    assert [cells[1].source, cells[2].source] == [stamps.first_cell("04"), "x = 1"]
    assert cells[3].metadata.nbgrader == {
        "schema_version": 3,
        "grade": False,
        "solution": True,
        "locked": False,
        "grade_id": "04-gram",
    }
    assert (cells[4].metadata.nbgrader.grade_id, cells[4].metadata.nbgrader.points) == ("04-gram-check", 1)
    assert stamps.stamp(folder) == []


def test_what_a_click_answers_is_not_graded(folder):
    """A measurement before a diagnosis is the learner's own; a function that goes on to paint counts."""
    made = make()
    made.cells[4].source = 'gram = nst.mine("04.gram", gram)'
    made.cells[6].source = 'nst.predict("04.size")'
    for cell in made.cells:
        cell.metadata.pop("nbgrader", None)
    (folder / NAME).write_text(notebooks.written(made), encoding="utf-8")
    stamps.stamp(folder)
    cells = notebooks.read(folder / NAME).cells
    assert (cells[4].metadata.nbgrader.grade_id, cells[4].metadata.nbgrader.points) == ("04-gram-check", 1)
    assert cells[5].metadata.nbgrader.grade_id == "04-size" and "nbgrader" not in cells[6].metadata
    assert not [told for told in rules.problems(notebooks.read(folder / NAME)) if "has no check" in told]


def test_the_stamp_reaches_the_readme_beside_the_lessons(folder, tmp_path):
    lessons, page = tmp_path / "kit" / "notebooks", tmp_path / "kit" / "README.md"
    lessons.mkdir(parents=True)
    (folder / NAME).rename(lessons / NAME)
    foreign = "[![Open in Colab](x.svg)](https://colab.research.google.com/github/a/b/blob/v1/mine.ipynb)"
    page.write_text(f"# Kit\n\n{stamps.badge(NAME)}\n\n{foreign}\n", encoding="utf-8")
    fork = "https://github.com/someone/fork"
    assert stamps.stamp(lessons, fork, "v9") == [NAME, "README.md"]
    assert page.read_text(encoding="utf-8") == f"# Kit\n\n{stamps.badge(NAME, fork, 'v9')}\n\n{foreign}\n"
    assert stamps.stamp(lessons, fork, "v9") == []


def test_the_stamp_reaches_the_student_edition(folder):
    edition.build_student(folder)
    fork = "https://github.com/someone/fork"
    assert stamps.stamp(folder, fork, "v9") == [NAME, f"student/{NAME}"]
    cells = notebooks.read(folder / "student" / NAME).cells
    assert f"/github/someone/fork/blob/v9/notebooks/student/{NAME})" in cells[0].source
    assert f'"{fork}/archive/refs/tags/v9.zip"' in cells[1].source
    assert edition.build_student(folder, check=True) == [] == stamps.stamp(folder, fork, "v9")


def test_a_stamp_costs_nobody_a_notebook(folder):
    edition.build_student(folder)
    lesson = folder / "student" / NAME
    worked = notebooks.read(lesson)
    type_in(worked)
    lesson.write_text(notebooks.written(worked), encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*.ipynb")}
    with pytest.raises(InputError, match=f"somebody has worked in {NAME}.*: move their files$"):
        stamps.stamp(folder, "https://github.com/someone/fork")
    assert {path: path.read_bytes() for path in folder.rglob("*.ipynb")} == before


def test_colab_opens_github_only(folder):
    before = (folder / NAME).read_bytes()
    with pytest.raises(InputError, match="Colab opens notebooks from GitHub"):
        stamps.stamp(folder, "https://example.org/kit")
    assert (folder / NAME).read_bytes() == before


# --- the rules -----------------------------------------------------------------------------------


def test_a_good_notebook_has_no_problems():
    assert rules.problems(make()) == []


def edit(cell, old, new):
    """A way to break a rule: replace a text in a cell."""

    def change(notebook):
        assert old in notebook.cells[cell].source
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)

    return change


def with_prose(text):
    return lambda notebook: notebook.cells.insert(2, new_markdown_cell(text))


def with_output(output):
    return lambda notebook: notebook.cells[3].outputs.append(output)


def with_grading(cell, **changes):
    return lambda notebook: notebook.cells[cell].metadata.nbgrader.update(changes)


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
HTML = new_output("display_data", data={"text/html": "<p>saved in C:\\Users\\ann</p>"})
PNG = new_output("display_data", data={"image/png": "iVBO"}, metadata={"image/png": {"alt": "is left out by all"}})
NAMELESS = new_output("display_data", data={"text/html": '<img src="data:image/png;base64,iVBO" alt="">'})
BROKEN = {
    "error": (with_output(ERROR), "cell 4 ended in an error"),
    "count missing": (lambda n: n.cells[3].update(execution_count=None), "execution counts are"),
    "count order": (lambda n: n.cells[3].update(execution_count=9), "execution counts are"),
    "widgets": (lambda n: n.metadata.update(widgets={}), "its metadata holds widgets"),
    "size": (with_output(new_output("stream", text="x" * 2_500_000)), "it has 2.5 MB"),
    "alt": (with_prose("![](a.png)"), r"no alt text: !\[\]\(a.png\)"),
    "html alt": (with_prose('<img src="a.png" alt="">'), "no alt text: <img"),
    "figure without alt": (with_output(PNG), "cell 4 shows an image without an alt text in the page"),
    "page without alt": (with_output(NAMELESS), "cell 4 shows a picture without alt text: <img src"),
    "open title": (lambda n: n.cells[2].update(source="# @title Tools"), "cell 3 has a title and lies open"),
    "two H1": (with_prose("# Again"), "2 headings of the first level"),
    "skipped": (with_prose("### Deep"), "the heading 'Deep' skips a level"),
    "path": (with_output(new_output("stream", text="in /home/ann/kit/a.png")), "absolute path of a machine: /home/ann"),
    "path in source": (edit(2, "import torch", "open('/srv/kit')\nimport torch"), "cell 3 holds an absolute path"),
    "path on Windows": (with_output(HTML), "absolute path"),
    "first cell": (edit(1, '"--no-deps", ', ""), "not the canonical one"),
    "old tag": (edit(1, f"v{nst.__version__}", "v0.0"), "not the canonical one"),
    "no setup": (edit(1, "nst.setup", "nst.begin"), "does not call nst.setup"),
    "begin without end": (edit(3, "    ### END SOLUTION", ""), "cell 4: line 3, .* has no '### END SOLUTION'"),
    "end without begin": (edit(5, "### BEGIN SOLUTION\n", ""), "cell 6: line 4 is '### END SOLUTION'"),
    "nested": (edit(3, "    return", "    ### BEGIN SOLUTION\n    return"), "expected '### END SOLUTION'"),
    "misspelt": (edit(3, "### BEGIN", "## BEGIN"), "is '## BEGIN SOLUTION', expected"),
    "solution in prose": (with_prose("### BEGIN SOLUTION\nx\n### END SOLUTION"), "a solution in Markdown"),
    "solution with magic": (edit(5, "print", "%time print"), "is not plain Python"),
    "no check": (edit(4, "check", "chew"), "the exercise 'def gram.* has no check"),
    "no check at the end": (lambda n: n.cells.pop(-2), "the exercise 'def gram4.* has no check"),
    "three exercises": (lambda n: [n.cells.pop(-2), n.cells.pop(-2)], "there are 3 exercises: at least 4"),
    "unmarked": (lambda n: n.cells[3].metadata.pop("nbgrader"), "lacks nbgrader's metadata"),
    "dotted id": (with_grading(3, grade_id="04.gram"), "cell 4 has metadata that nbgrader refuses"),
    "no schema": (with_grading(3, schema_version=1), "nbgrader refuses"),
    "no points": (lambda n: n.cells[4].metadata.nbgrader.pop("points"), "nbgrader refuses"),
    "same id": (with_grading(4, grade_id=make().cells[3].metadata.nbgrader.grade_id), "repeats the grade_id"),
    "no header": (lambda n: n.cells.pop(0), "there is no header card"),
    "no badge": (edit(0, "colab-badge", "badge"), "badge is missing or old"),
    "header part": (edit(0, "You need", "Read"), "the header card lacks 'You need'"),
    "recap": (edit(-1, "## Recap", "## Summary"), "there is no section 'Recap'"),
    "references": (edit(-1, "## References", "## Sources"), "there is no section 'References'"),
    "questions": (edit(-1, FOLDED, "<details></details>\n" * 4), "folds 4 answers"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_once_broken(name):
    break_it, expected = BROKEN[name]
    notebook = make()
    break_it(notebook)
    found = rules.problems(notebook)
    assert any(re.search(expected, problem) for problem in found), found


def test_what_looks_like_a_broken_rule_and_is_none():
    text = """A fence:

```
# not a heading
![](not a picture)
```

`![](x)`, ![waves](a.png), a/b/c, [text](../other/file.ipynb), https://x.org/home/ann/a,
</details> and $A:\\alpha/\\beta$."""
    notebook = make()
    with_prose(text)(notebook)
    drawn = {"text/html": '<img alt="a wave" src="data:image/png;base64,+/home/ann/x">', "image/png": "/home/ann/x"}
    with_output(new_output("display_data", data=drawn))(notebook)
    assert rules.problems(notebook) == []


def test_stamp_takes_out_what_a_run_leaves_behind(folder):
    notebook = notebooks.read(folder / NAME)
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    notebook.cells[1].metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "gone"}, "text/plain": "VBox()"}
    left = [
        new_output("display_data", data=data) for data in ({}, {"text/plain": ""}, view, {"text/html": "<p>stays</p>"})
    ]
    torn = [
        new_output("stream", name=name, text=text) for name, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"))
    ]
    notebook.cells[1].outputs = left + torn
    (folder / NAME).write_text(notebooks.written(notebook), encoding="utf-8")
    assert stamps.stamp(folder) == [NAME]
    stamped = notebooks.read(folder / NAME)
    assert "widgets" not in stamped.metadata and "execution" not in stamped.cells[1].metadata
    kept, *printed = stamped.cells[1].outputs
    assert [kept] == left[3:] and [(one.name, one.text) for one in printed] == [("stdout", "ab"), ("stderr", "c")]


# --- honest minutes ------------------------------------------------------------------------------


def timed(*cells):
    """A lesson of these cells: a text is Markdown, a tuple code and whether it shows a figure."""
    made = []
    for cell in (HEADER, (stamps.first_cell("04"), False), *cells):
        if isinstance(cell, str):
            made.append(new_markdown_cell(cell))
            continue
        source, figure = cell
        shown = [new_output("display_data", {"text/html": '<img alt="two" src=""><img alt="more" src="">'})]
        made.append(new_code_cell(source, outputs=shown if figure else []))
    return new_notebook(cells=made)


def extra_minutes(*cells):
    """What cells add to the core of a lesson."""
    return minutes(timed(*cells))[0] - minutes(timed())[0]


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["word " * 300], 2),
        (["word " * 149 + "$a + b \\cdot c$"], 1),
        (["[word](https://a.b/c.ipynb) " * 150], 1),
        (["word " * 150 + "\n\n```\n# no heading\nx = 1\n```"], 1),
        (["word " * 150 + "<details><summary>Hint 1</summary>\nmany words</details>"], 1),
        (["## References\n\n" + "word " * 150], 0),
        ([("x", True)], 2),
        ([("x", True), ("y", False), ("z", True)], 4),
        (["![alt](picture.png)"], 2 + 1 / 150),
        (["★★ · 5 minutes."], 5 + 2 / 150),
        (["## Exercise (★, 1 minute)", ('nst.choose("04.index")', False)], 1 + 3 / 150),
        (["★★★ · at most 12 minutes"], 12 + 4 / 150),
        ([('nst.predict("04.shuffle")\nnst.predict("04b.rank")', False)], 2),
        (["**Predict** it.", ('nst.predict("04.shuffle")', False)], 1 + 2 / 150),
        (["**Predict** it.", ("x", False)], 1 + 2 / 150),
        (["★ · 2 minutes. **Predict** it.", ('nst.choose("04.shuffle")', False)], 2 + 4 / 150),
    ],
)
def test_minutes_are_counted_by_the_rule(cells, wanted):
    assert extra_minutes(*cells) == pytest.approx(wanted)


def test_extra_holds_for_the_headings_below_it():
    counted = minutes(timed("## One (extra)\n\n### Below", ("x", True), "## Two", ("y", True)))
    assert counted[1] == pytest.approx(2 + 3 / 150)


@pytest.mark.parametrize(
    ("card", "figures", "told"),
    [
        ("90 minutes", 44, []),
        ("90 minutes", 30, ["says 90 minutes of core, counted are 60:"]),
        ("60 minutes", 30, ["says 60 minutes, LESSONS says 90"]),
        ("90 minutes, and 10 extra", 44, ["says 10 minutes of extra, counted are 0"]),
        ("90 minutes", 48, ["96 minutes are more than 90"]),
        ("90 minutes: a start 40, all the rest 50; the end is free", 44, []),
        ("90 minutes: a start 40, all the rest 48.", 44, ["parts add up to 88 minutes, not 90"]),
    ],
)
def test_the_card_is_held_to_its_minutes(card, figures, told, monkeypatch):
    monkeypatch.setitem(LESSONS, "04", replace(LESSONS["04"], minutes=90))
    notebook = timed(*[("x", True)] * figures)
    notebook.cells[0].source = HEADER.replace("90 minutes", card)
    found = list(check_minutes(notebook))
    assert len(found) == len(told) and all(part in line for part, line in zip(told, found, strict=True)), found
