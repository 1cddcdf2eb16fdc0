"""A lesson's notebook → what it does wrong: the rules that all lessons are held to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import InputError
from .edition import is_student, without_answers
from .notebooks import ASKS, CHECK, exercises, first_code, header_of, lesson_of, prose, texts, written
from .stamps import badge, first_cell

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["problems"]

MAX_BYTES = 2_500_000
HEADER = ("You will be able to", "You need", "Time")  # of the first cell
ENDING = ("Recap", "Ask yourself", "References")  # headings
NAMELESS = r"""<img(?![^>]*\balt=["']\s*[^\s"'])[^>]*>"""
QUESTIONS, EXERCISES = 5, 4  # at least


def problems(notebook: NotebookNode) -> list[str]:
    """Whatever a lesson's notebook does wrong.

    Args:
        notebook: of either edition.

    Returns:
        One line for each mistake; none if it keeps all rules.
    """
    rules = COMMON_RULES if is_student(notebook) else COMMON_RULES + SOURCE_RULES
    return [problem for rule in rules for problem in rule(notebook)]


def check_file(notebook: NotebookNode) -> Iterator[str]:
    size = len(written(notebook).encode())
    if size > MAX_BYTES:
        yield f"it has {size / 1e6:.1f} MB, more than {MAX_BYTES / 1e6:g}: save figures smaller, or as JPEG"
    if "widgets" in notebook.metadata:
        yield "its metadata holds widgets: clear the widget state before saving"


def check_header(notebook: NotebookNode) -> Iterator[str]:
    try:
        row, header, code = lesson_of(notebook), header_of(notebook).source, first_code(notebook)
    except InputError as error:
        yield str(error)
        return
    if code and code.source != first_cell(row.number):
        yield "the first code cell is not the canonical one: run nst stamp"
    folder = "student/" if "nstlib" in notebook.metadata else ""
    if badge(f"{folder}{row.stem}.ipynb") not in header:
        yield "the header card's Colab badge is missing or old: run nst stamp"
    yield from (f"the header card lacks '{part}'" for part in HEADER if part.lower() not in header.lower())


def check_headings(notebook: NotebookNode) -> Iterator[str]:
    headings = re.findall(r"^(#{1,6})\s+(.+)$", prose(notebook), re.MULTILINE)
    levels = [len(marks) for marks, _ in headings]
    if levels.count(1) != 1:
        yield f"there are {levels.count(1)} headings of the first level: write one"
    for before, level, (_, title) in zip([0, *levels], levels, headings, strict=False):
        if level > before + 1:
            yield f"the heading '{title}' skips a level"


def check_ending(notebook: NotebookNode) -> Iterator[str]:
    sections = dict(
        re.findall(r"^#{2,6}\s+(.+?)\s*$\n?(.*?)(?=^#{1,6}\s|\Z)", prose(notebook), re.MULTILINE | re.DOTALL)
    )
    for part in ENDING:
        if part not in sections:
            yield f"there is no section '{part}'"
    folded = sections.get(ENDING[1], "").count("<details")
    if ENDING[1] in sections and folded < QUESTIONS:
        yield f"'{ENDING[1]}' folds {folded} answers: ask {QUESTIONS} questions"


def check_pictures(notebook: NotebookNode) -> Iterator[str]:
    for picture in re.findall(rf"!\[\s*\]\S*|{NAMELESS}", re.sub(r"`[^`\n]*`", "", prose(notebook))):
        yield f"a picture has no alt text: {picture[:60]}"


def check_figures(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            if "text/html" not in data and any(kind.startswith("image/") for kind in data):
                yield f"cell {number} shows an image without an alt text in the page: show it as HTML, with <img alt>"
            for image in re.findall(NAMELESS, data.get("text/html", "")):
                yield f"cell {number} shows a picture without alt text: {image[:60]}"


def check_paths(notebook: NotebookNode) -> Iterator[str]:
    absolute = r"""(?<![\w.:/<)*}\]-])/[A-Za-z_][\w.-]*/[\w.-]+|\b[A-Za-z]:\\Users\b|file:///"""
    for number, cell in enumerate(notebook.cells, 1):
        if found := re.search(absolute, "\n".join(texts(cell))):
            yield f"cell {number} holds an absolute path of a machine: {found[0]}"


def check_run(notebook: NotebookNode) -> Iterator[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield f"execution counts are {counts}: restart the kernel and run all cells"
    for number, cell in enumerate(notebook.cells, 1):
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            yield f"cell {number} ended in an error"


def check_titles(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden") and cell.metadata.get("cellView") == "form"
        if cell.cell_type == "code" and cell.source.startswith("# @title") and not hidden:
            yield f"cell {number} has a title and lies open: fold it in JupyterLab (source_hidden) and Colab (cellView)"


def check_markers(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        try:
            without_answers(cell.source) if cell.cell_type == "code" else None
        except InputError as error:
            yield f"cell {number}: {error}"
        if cell.cell_type != "code" and re.search(r"^\W*(BEGIN|END) SOLUTION", cell.source, re.MULTILINE):
            yield f"cell {number} has a solution in Markdown, which the student edition would show: fold or move it"


def check_exercises(notebook: NotebookNode) -> Iterator[str]:
    found = exercises(notebook)
    for cell, check in found:
        name = cell.source[:40].splitlines()[0]
        if check is None or not (CHECK.search(check.source) or ASKS.search(check.source)):
            yield f"the exercise '{name}' has no check in the next code cell"
        if not cell.metadata.get("nbgrader", {}).get("solution"):
            yield f"the exercise '{name}' lacks nbgrader's metadata: run nst stamp"
    asked = {name for cell in notebook.cells if cell.cell_type == "code" for name in ASKS.findall(cell.source)}
    if len(found) + len(asked) < EXERCISES:
        yield f"there are {len(found) + len(asked)} exercises: at least {EXERCISES}"


def check_grading(notebook: NotebookNode) -> Iterator[str]:
    ids = []
    for number, cell in enumerate(notebook.cells, 1):
        grading = cell.metadata.get("nbgrader")
        if grading is None:
            continue
        flags = [grading.get(flag) for flag in ("grade", "solution", "locked")]
        name = str(grading.get("grade_id", ""))
        points = isinstance(grading.get("points"), int | float)
        right = grading.get("schema_version") == 3 and all(isinstance(flag, bool) for flag in flags)
        if not right or not re.fullmatch(r"[\w-]+", name, re.ASCII) or points != flags[0]:
            yield f"cell {number} has metadata that nbgrader refuses: delete it and run nst stamp"
        if name in ids:
            yield f"cell {number} repeats the grade_id '{name}', which would lose a submission"
        ids.append(name)


COMMON_RULES = (check_file, check_header, check_headings, check_ending, check_pictures, check_paths, check_grading)
SOURCE_RULES = (check_run, check_figures, check_titles, check_markers, check_exercises)
