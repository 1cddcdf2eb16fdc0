"""What learners handed in → mended so that nbgrader can mark it, and what a teacher should know of each.

nbgrader finds a file by its name and a check by its cell's metadata. Where these are lost it gives 0 without a word,
and one cell that was split in two stops it for everybody who comes after.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .cells import changes_kit, kit_names, parsed
from .course import read, written
from .errors import InputError, in_words, one_line
from .files import encoded, files_in, write_whole
from .lesson import LESSONS, NOTEBOOKS

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["HandIn", "look_over"]

# What makes a wrong answer count, beside another check: none that nbgrader would see.
TAMPERS = re.compile(r"NBGRADER|sys\.modules")
ENDS = re.compile(r"\b_exit\(|\bos\.(?:abort|exec\w+|kill\w*)\(")


class HandIn(NamedTuple):
    """What one learner handed in for one lesson.

    Attributes:
        learner: the name of the folder.
        number: of the lesson.
        mended: what was changed in the file, in words.
        told: what stays to be done or read by the teacher.
    """

    learner: str
    number: str
    mended: tuple[str, ...]
    told: tuple[str, ...]

    def __str__(self) -> str:
        words = [*self.mended, *self.told]
        told = f"{self.learner} {self.number}: {'; '.join(words) or 'ready'}"
        return one_line(told, limit=sys.maxsize)  # names are the learners'


def look_over(folder: str | os.PathLike[str]) -> list[HandIn]:
    """Look over all that was handed in, and mend names and metadata; answers stay as they are.

    Args:
        folder: nbgrader's "submitted": in it a folder for each learner, in that one for each lesson, called "04".

    Raises:
        InputError: no such folder, nothing in it, or a file that cannot be written.
    """
    places = [
        place
        for learner in files_in(Path(folder))
        for place in files_in(learner)
        if is_lesson(place) and (place.is_dir() or place.is_symlink())
    ]
    if not places:
        raise InputError(f"'{folder}' holds no folders such as anna/04: give the one in which they are, submitted")
    return [hand_in(place) for place in places]


def is_lesson(place: Path) -> bool:
    """Whether a folder is called like a lesson."""
    return place.name in LESSONS


def hand_in(place: Path) -> HandIn:
    """One learner's, mended.

    Args:
        place: the folder, submitted/anna/04.
    """
    mended: list[str] = []
    try:
        told = looked_at(place, place / f"{LESSONS[place.name].stem}.ipynb", mended)
    except Exception as error:  # what is odd in a way of its own keeps nobody else from being marked
        told = [f"left as it is ({in_words(error)}): look at it yourself"]
    return HandIn(place.parent.name, place.name, tuple(mended), tuple(told))


def looked_at(place: Path, path: Path, mended: list[str]) -> list[str]:
    """Mend the notebook in a learner's folder; what to tell of it.

    Args:
        place: the folder.
        path: what its notebook should be called.
        mended: takes what was done.
    """
    lesson, changes = read(NOTEBOOKS / path.name), list[str]()
    if link := next((file for file in (place.parent, place, path) if file.is_symlink()), None):
        return [f"'{link.name}' is a link, which is not followed: ask for what it leads to"]
    if not path.exists() and (told := renamed(place, path, mended)):
        return told
    notebook = notebook_in(path)
    if notebook is None:
        return ["empty, cut off or no notebook: ask for it again"]
    told = checked(notebook, lesson, changes)
    if changes:
        write_whole(path, encoded(written(notebook)))
    mended += changes
    return told


def notebook_in(path: Path) -> NotebookNode | None:
    """The notebook in a file, if it is one, each of whose cells has a kind and a text."""
    if not path.is_file():
        return None
    try:
        notebook = read(path)
    except InputError:
        return None
    cells = notebook.get("cells")
    whole = isinstance(cells, list) and all({type(c.get("cell_type")), type(c.get("source"))} == {str} for c in cells)
    return notebook if whole else None


def renamed(place: Path, path: Path, mended: list[str]) -> list[str]:
    """Give the only notebook the name by which nbgrader finds it; what to tell where that cannot be.

    Args:
        place: the learner's folder.
        path: what its notebook should be called.
        mended: takes what was done.
    """
    found = [file for file in files_in(place) if file.suffix == ".ipynb" and is_file(file)]
    if len(found) == 1:
        found[0].rename(path)
        mended.append(f"{found[0].name} is called {path.name} now")
        return []
    if found:
        return [f"{len(found)} notebooks and none called {path.name}: keep one, under that name"]
    if any(file.suffix in (".zip", ".gz", ".tar", ".7z", ".rar") for file in files_in(place)):
        return ["packed: unpack it here"]
    return [f"no notebook: expected {path.name}"]


def is_file(path: Path) -> bool:
    """Whether a name is a file's own: no folder, no link to somebody else's, nothing that waits for a writer."""
    return path.is_file() and not path.is_symlink()


def checked(notebook: NotebookNode, lesson: NotebookNode, mended: list[str]) -> list[str]:
    """Give each check its cell's metadata back, once; what to tell of the rest.

    Args:
        notebook: what was handed in; its metadata are changed.
        lesson: the complete one.
        mended: takes what was done.
    """
    checks = [cell for cell in lesson.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    names = [cell.metadata["nbgrader"]["grade_id"] for cell in checks]
    mended += readable(notebook)
    mended += single(notebook)
    mended += given_back(notebook, checks)
    left = [name for name in names if name not in set(names_in(notebook))]
    if left == names:
        return ["none of this lesson's checks: another lesson, or its cells are gone; ask for it again"]
    gone = [f"without the check of {exercises(left)}, which counts 0"] if left else []
    return [*gone, *oddities(notebook)]


def exercises(names: list[str]) -> str:
    """The exercises of checks, by their own names: "04.gram, 04.e"."""
    return ", ".join(name.removesuffix("-check").replace("-", ".", 1) for name in names)


def names_in(notebook: NotebookNode) -> Iterator[str]:
    """The names by which nbgrader knows cells."""
    yield from (cell.metadata["nbgrader"].get("grade_id", "") for cell in notebook.cells if "nbgrader" in cell.metadata)


def readable(notebook: NotebookNode) -> Iterator[str]:
    """Take off metadata that name no cell, on which nbgrader would stop; what was done."""
    for number, cell in enumerate(notebook.cells, 1):
        grading = cell.metadata.get("nbgrader", {})
        if not (isinstance(grading, dict) and isinstance(grading.get("grade_id", ""), str)):
            del cell.metadata["nbgrader"]
            yield f"cell {number} had metadata that nbgrader cannot read, which are gone"


def single(notebook: NotebookNode) -> Iterator[str]:
    """Take the metadata off each cell that repeats another's, as both halves of a split cell do; what was done."""
    seen: set[str] = set()
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in seen:
            del cell.metadata["nbgrader"]
            yield f"'{name}' stood at two cells, and stands at the first now"
        elif name:
            seen.add(name)


def given_back(notebook: NotebookNode, checks: list[NotebookNode]) -> Iterator[str]:
    """Put the metadata back on the cells of checks that have lost it; what was done.

    Args:
        notebook: what was handed in.
        checks: the lesson's cells.
    """
    there, found = set(names_in(notebook)), []
    for check in checks:
        name = check.metadata["nbgrader"]["grade_id"]
        same = (cell for cell in notebook.cells if cell.source == check.source and "nbgrader" not in cell.metadata)
        if name not in there and (cell := next(same, None)):
            cell.metadata["nbgrader"] = check.metadata["nbgrader"]
            found.append(name)
    if found:
        yield f"the metadata of {exercises(found)} were lost, and are back"


def oddities(notebook: NotebookNode) -> Iterator[str]:
    """What a teacher should read before believing the marks."""
    cells = {number: cell.source for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"}
    trees: dict[int, ast.Module] = {}
    broken: dict[int, str] = {}
    for number, source in cells.items():
        try:
            trees[number] = parsed(source)
        except (SyntaxError, ValueError, RuntimeError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            broken[number] = f"cell {number}" + (f", line {line}," if line else "")
    names = kit_names(trees.values())
    for number, source in cells.items():
        if TAMPERS.search(source) or (number in trees and changes_kit(trees[number], names)):
            yield f"cell {number} changes the kit or its marking: read it"
        if ENDS.search(source):
            yield f"cell {number} may end Python, and then nothing in this notebook counts: read it"
        if number in broken:
            yield f"{broken[number]} is no Python: answers below that need it count 0, too; mend it and mark again"
