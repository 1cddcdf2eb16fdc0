"""A folder of what learners handed in → each hand-in made ready for nbgrader, and what a teacher should know of it.

nbgrader finds a file by its name: what has another one it counts 0, so each is looked for, and named anew.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .course.notebooks import SETUP, coding_of, read, written
from .errors import InputError, in_words, one_line
from .files import encoded, files_in, write_whole
from .lesson import LESSONS, NOTEBOOKS
from .mending import cells_of, checked, checks_of, is_of, oddities

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["HandIn", "look_over"]

PACKED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".7z", ".rar")


class HandIn(NamedTuple):
    """What one learner handed in for one lesson.

    Attributes:
        learner: the name of the folder.
        number: of the lesson; empty where it is not clear.
        mended: what was changed in the file, in words.
        told: what stays to be done or read by the teacher.
    """

    learner: str
    number: str
    mended: tuple[str, ...]
    told: tuple[str, ...]

    def __str__(self) -> str:
        words = [*self.mended, *self.told]
        told = f"{f'{self.learner} {self.number}'.rstrip()}: {'; '.join(words) or 'ready'}"
        return one_line(told, limit=sys.maxsize)  # names are the learners'


def look_over(folder: str | os.PathLike[str]) -> list[HandIn]:
    """Look over all that was handed in, and mend names and metadata; answers stay as they are.

    Args:
        folder: nbgrader's "submitted": in it a folder for each learner, in that one for each lesson, called "04".

    Raises:
        InputError: no such folder, the one around it, nothing in it, or a file that cannot be written.
    """
    if not Path(folder).is_dir():
        raise InputError(f"there is no folder '{one_line(folder)}': give the one with what was handed in, submitted")
    if (inner := Path(folder) / "submitted").is_dir():
        raise InputError(f"'{one_line(folder)}' is the folder of a class: give '{one_line(inner)}'")
    learners = {learner: of_learner(learner) for learner in shown(Path(folder))}
    found = [one for those in learners.values() for one in those]
    inside = any(map(is_lesson, learners)) and not any(one.number for one in found)  # submitted/anna was given
    if inside or not found:
        raise InputError(f"'{folder}' holds no folders such as anna/04: give the one in which they are, submitted")
    return [one for learner, those in learners.items() for one in those or nothing_of(learner)]


def of_learner(learner: Path) -> list[HandIn]:
    """What one learner handed in, each lesson's mended, and what lies where nbgrader does not look.

    Args:
        learner: the folder, or a file in the place of one.
    """
    if is_notebook(learner) or is_packed(learner):
        return [HandIn(learner.name, "", (), ("lies in no learner's folder: move it into one such as anna/04",))]
    try:
        places = shown(learner)
        astray = [HandIn(learner.name, "", (), (told,)) for place in places if (told := out_of_place(place))]
    except (InputError, OSError):  # somebody else's, who keeps nobody else from being marked
        return [HandIn(learner.name, "", (), ("may not be read: make its folders readable to you, and look again",))]
    return [hand_in(place) for place in places if is_lesson(place)] + astray


def nothing_of(learner: Path) -> list[HandIn]:
    """A line for a learner's folder in which there is nothing to mark; none for a file that lies there.

    Args:
        learner: the folder or file.
    """
    told = "nothing to mark: expected a folder such as 04"
    return [HandIn(learner.name, "", (), (told,))] if learner.is_dir() else []


def out_of_place(place: Path) -> str:
    """What to tell of a thing in a learner's folder that should be a lesson's folder, or lie in one; or nothing.

    Args:
        place: the thing.
    """
    is_folder = place.is_dir()
    if is_lesson(place) or not (holds_work(place) or (is_folder and likely(place.name))):
        return ""
    numbers = lessons_of(place)
    if len(numbers) > 1:
        return f"'{place.name}' holds {' and '.join(numbers)}: give each a folder of its own, called {numbers[0]} …"
    number = next(iter(numbers), "")
    if number and place.with_name(number).exists():
        return f"'{place.name}' is not marked, {number} is: look which is meant"
    if is_folder:
        return f"'{place.name}' is no lesson's folder: call it {number or 'by the number of its lesson, such as 04'}"
    return f"'{place.name}' lies in no lesson's folder: move it into one, {number or 'such as 04'}"


def holds_work(place: Path) -> bool:
    """Whether a thing is something that could be marked, or a folder that holds such."""
    return bool(within(place)) if place.is_dir() else is_work(place)


def lessons_of(place: Path) -> list[str]:
    """The lessons that a thing seems to be of, by what its notebooks say, else by their names, else by its own.

    Args:
        place: a folder or a file.
    """
    works = within(place) if place.is_dir() else [place]
    found = {number for work in works if (number := said_in(work) or likely(work.name))}
    own = likely(place.name)
    return sorted(found) or ([own] if own else [])


def said_in(file: Path) -> str:
    """The lesson that a notebook's cells set up, or nothing.

    Args:
        file: a notebook, or another.
    """
    notebook = notebook_in(file) if is_notebook(file) else None
    return lesson_in(notebook) if notebook else ""


def lesson_in(notebook: NotebookNode) -> str:
    """The lesson that a notebook's cells set up, or nothing."""
    found = SETUP.search("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    return found[1] if found and found[1] in LESSONS else ""


def likely(name: str) -> str:
    """The lesson that a name means, or nothing: a number elsewhere in it may be a week's, a day's or a version's.

    Args:
        name: of a folder or a file.

    >>> likely("Lesson 4"), likely("Copy of 07b_recipes_and_knobs (1).ipynb"), likely("10.zip"), likely("CLINIC")
    ('04', '07b', '10', 'clinic')
    >>> likely("week 3"), likely("v2"), likely("2026-10-04"), likely("4.10.2026"), likely("12")
    ('', '', '', '', '')
    """
    if number := next((number for number, lesson in LESSONS.items() if lesson.stem in name.lower()), ""):
        return number
    found = re.search(r"(?:^[\W_]*|lesson[\W_]*)0?(\d|10)(b?)(?![\W_]?\d|[a-z])", name.lower())
    number = f"{found[1]:0>2}{found[2]}" if found else ""
    return number if number in LESSONS else ""


def is_lesson(place: Path) -> bool:
    """Whether a thing is a folder, or leads to one, that is called like a lesson."""
    return place.name in LESSONS and (place.is_dir() or place.is_symlink())


def shown(folder: Path) -> list[Path]:
    """What lies in a folder, without what systems keep there for themselves."""
    return [file for file in files_in(folder) if not file.name.startswith((".", "__MACOSX"))]


def is_notebook(path: Path) -> bool:
    """Whether a file is called like a notebook, if need be with what a browser added."""
    return path.name.lower().endswith((".ipynb", ".ipynb.txt", ".ipynb.json")) and is_file(path)


def is_packed(path: Path) -> bool:
    """Whether a file is called like an archive."""
    return path.suffix.lower() in PACKED and is_file(path)


def is_work(path: Path) -> bool:
    """Whether a file may be what a learner did: a notebook, or an archive that could hold one."""
    return is_notebook(path) or is_packed(path)


def within(place: Path) -> list[Path]:
    """The notebooks and archives in a folder and in those below it; links are not followed.

    Args:
        place: the folder.
    """
    folders, found = [place], list[Path]()
    for folder in folders:  # which grows meanwhile
        there = shown(folder)
        found += filter(is_work, there)
        folders += [one for one in there if one.is_dir() and not one.is_symlink()]
    return found


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
    """Look for the notebook in a learner's folder, and mend it; what to tell of it, and of what lies beside it.

    Args:
        place: the folder.
        path: what its notebook should be called.
        mended: takes what was done.
    """
    if link := next((file for file in (place.parent, place, path) if file.is_symlink()), None):
        return [f"'{link.name}' is a link, which is not followed: ask for what it leads to"]
    works = within(place)
    found = [path] if path.exists() else list(filter(is_notebook, works))
    if len(found) != 1:
        return [missing(path, found, packed=bool(works))]
    (file,) = found
    others = [work.relative_to(place).as_posix() for work in works if work != file]
    beside = [f"{path.name} is marked, {', '.join(others)} is not: look which is meant"] if others else []
    return [*made_ready(place, path, file, mended), *beside]


def made_ready(place: Path, path: Path, file: Path, mended: list[str]) -> list[str]:
    """Mend a notebook, and give it the name by which nbgrader finds it; what to tell of it.

    Args:
        place: the learner's folder for the lesson.
        path: what it should be called.
        file: what it is called.
        mended: takes what was done.
    """
    notebook, lesson = notebook_in(file), read(handed_out(place, path.name))
    own = cells_of(lesson)
    if notebook is None:
        return ["empty, cut off or no notebook: ask for it again"]
    if not is_of(notebook, checks_of(own)):
        return [astray(place, file, lesson_in(notebook))]
    if file != path:
        file.rename(path)
        mended.append(f"{file.relative_to(place).as_posix()} is called {path.name} now")
    changes = list[str]()
    if (coding := coding_of(path.read_bytes())) != "utf-8":
        changes.append(f"was saved as {coding}, and is utf-8 now")
    told = [*checked(notebook, own, changes), *oddities(notebook, lesson)]
    if changes:
        write_whole(path, encoded(written(notebook)))
    mended += changes
    return told


def missing(path: Path, found: list[Path], *, packed: bool) -> str:
    """What to tell where there is not one notebook that could be meant.

    Args:
        path: what it should be called.
        found: the notebooks that there are.
        packed: whether there is something packed where there is no notebook.
    """
    if found:
        return f"{len(found)} notebooks and none called {path.name}: keep one, under that name"
    return "packed: unpack it here" if packed else f"no notebook: expected {path.name}"


def astray(place: Path, file: Path, number: str) -> str:
    """What to tell of a notebook that has none of the lesson's checks.

    Args:
        place: the learner's folder for the lesson.
        file: the notebook.
        number: the lesson that it sets up, or nothing.
    """
    if number in ("", place.name):
        return "none of this lesson's checks: another lesson, or its cells are gone; ask for it again"
    there = place.with_name(number).exists()
    advice = f"not marked, {number} is: look which is meant" if there else f"call its folder {number}"
    return f"'{file.name}' is of lesson {number}: {advice}"


def handed_out(place: Path, name: str) -> Path:
    """The lesson's file: nbgrader's, which a teacher may have changed, or the kit's.

    Args:
        place: a learner's folder for the lesson.
        name: of the file.
    """
    source = Path(os.path.abspath(place)).parents[2] / "source" / place.name / name
    return source if source.is_file() else NOTEBOOKS / name


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


def is_file(path: Path) -> bool:
    """Whether a name is a file's own: no folder, no link to somebody else's, nothing that waits for a writer."""
    return path.is_file() and not path.is_symlink()
