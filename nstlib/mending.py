"""A notebook that was handed in → mended so that nbgrader can mark it, and what is odd in it.

nbgrader finds a check by its cell's metadata. Where these are lost it gives 0 without a word, and one cell that was
split in two, or whose metadata are of another version, stops it for everybody who comes after.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from .cells import changes_kit, ends_python, kit_names, names_given, parsed
from .course.edition import regions, without_answers

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["cells_of", "checked", "checks_of", "is_of", "oddities"]

# What makes a wrong answer count, beside another check: none that nbgrader would see.
TAMPERS = re.compile(
    r"NBGRADER|sys\.modules|showtraceback|_transformers|EXERCISES|\.solution\b|__bool__"
    r"""|\benviron\b(?!\[["']|\.get\()"""  # one variable by its name is somebody's own matter
)
BORROWS = re.compile(r"\.mine\b|\bimport\b.*\bmine\b")
ENDS = re.compile(r"\b(?:_|ask_)exit\(|\bos\.(?:abort|exec\w+|kill\w*)\(")

ALIKE = 200  # letters of answers of several lines: nobody writes so many by chance as we do


def is_of(notebook: NotebookNode, checks: Mapping[str, NotebookNode]) -> bool:
    """Whether one of a lesson's checks is in a notebook.

    Args:
        notebook: what was handed in.
        checks: the lesson's cells, by name.
    """
    texts = {text_of(cell) for cell in checks.values()}
    return any(name_of(cell) in checks or text_of(cell) in texts for cell in notebook.cells)


def cells_of(lesson: NotebookNode) -> dict[str, NotebookNode]:
    """The lesson's cells that nbgrader knows, by name, each check as it was handed out.

    Args:
        lesson: the complete one.
    """
    own = {name: cell for cell in lesson.cells if (name := name_of(cell))}
    for cell in checks_of(own).values():
        cell.source = without_answers(cell.source)  # hidden tests are not handed out
    return own


def checks_of(own: Mapping[str, NotebookNode]) -> dict[str, NotebookNode]:
    """Those cells of a lesson that nbgrader marks, by name."""
    return {name: cell for name, cell in own.items() if cell.metadata["nbgrader"].get("grade")}


def checked(notebook: NotebookNode, own: Mapping[str, NotebookNode], mended: list[str]) -> list[str]:
    """Give each check its cell's metadata back, once; what to tell of the rest.

    Args:
        notebook: what was handed in; its metadata are changed.
        own: the lesson's cells, by name.
        mended: takes what was done.
    """
    checks = checks_of(own)
    mended += single(notebook, own)
    mended += restored(notebook, own)
    mended += given_back(notebook, checks)
    there = set(map(name_of, notebook.cells))
    left = [name for name in checks if name not in there]
    gone = [f"without the check of {exercises(left)}, which counts 0"] if left else []
    return [*gone, *written_over(notebook, checks), *repeated(notebook, checks)]


def exercises(names: list[str]) -> str:
    """The exercises of cells, by their own names: "04.gram, 04.e"."""
    return ", ".join(dict.fromkeys(name.removesuffix("-check").replace("-", ".", 1) for name in names))


def name_of(cell: NotebookNode) -> str:
    """The name by which nbgrader knows a cell, or nothing."""
    grading = cell.metadata.get("nbgrader")
    name = grading.get("grade_id") if isinstance(grading, dict) else None
    return name if isinstance(name, str) else ""


def text_of(cell: NotebookNode) -> str:
    """What stands in a cell, without the blank lines that an editor adds."""
    return cell.source.strip()


def single(notebook: NotebookNode, own: Collection[str]) -> Iterator[str]:
    """Take the metadata off each cell that is not called like one of the lesson's, or like one before it.

    nbgrader stops at the former, and at both halves of a split cell, for the whole class.

    Args:
        notebook: what was handed in.
        own: the names of the lesson's cells.

    Yields:
        What was done.
    """
    left = set(own)
    for number, cell in enumerate(notebook.cells, 1):
        name = name_of(cell)
        if "nbgrader" not in cell.metadata or name in left:
            left.discard(name)
            continue
        del cell.metadata["nbgrader"]
        if name in own:
            yield f"'{name}' stood at two cells, and stands at the first now"
        elif name:
            yield f"cell {number} was marked as '{name}', which this lesson has not, and is no more"
        else:
            yield f"cell {number} had metadata that name no cell, which are gone"


def restored(notebook: NotebookNode, own: Mapping[str, NotebookNode]) -> Iterator[str]:
    """Write the lesson's metadata over others that a cell has under its name, on which nbgrader may stop.

    Args:
        notebook: what was handed in.
        own: the lesson's cells, by name.

    Yields:
        What was done.
    """
    found = []
    for cell in notebook.cells:
        if (name := name_of(cell)) and as_handed_out(cell) != as_handed_out(own[name]):
            cell.metadata["nbgrader"] = own[name].metadata["nbgrader"]
            found.append(name)
    if found:
        yield f"the metadata of {exercises(found)} were not the lesson's, and are now"


def as_handed_out(cell: NotebookNode) -> str:
    """A cell's metadata for nbgrader, without those that it adds where it hands a lesson out itself."""
    grading = cell.metadata["nbgrader"].items()
    kept = {key: value for key, value in grading if key != "checksum" and (key, value) != ("cell_type", "code")}
    return json.dumps(kept, sort_keys=True)  # a text, because 1 is no true and 3.0 no 3 to nbgrader


def written_over(notebook: NotebookNode, checks: Mapping[str, NotebookNode]) -> Iterator[str]:
    """What to tell of each check that a learner changed: nbgrader puts the lesson's in its place, and runs that.

    Args:
        notebook: what was handed in.
        checks: the lesson's cells, by name.
    """
    for number, cell in enumerate(notebook.cells, 1):
        check = checks.get(name_of(cell))
        if check is None or check.metadata["nbgrader"].get("solution"):  # that one is for the learner to write in
            continue
        if text_of(cell) != text_of(check):
            yield (
                f"cell {number} is not the lesson's check of {exercises([name_of(cell)])}, which nbgrader puts in its "
                "place: an answer in it, or under another name, counts 0; mend it first"
            )


def repeated(notebook: NotebookNode, checks: Mapping[str, NotebookNode]) -> Iterator[str]:
    """What to tell of checks that stand once more below the one that is marked, and may know a better answer.

    Args:
        notebook: what was handed in.
        checks: the lesson's cells, by name.
    """
    marked: dict[str, int] = {}
    for number, cell in enumerate(notebook.cells, 1):
        for name, first in marked.items():
            if cell.cell_type == "code" and text_of(checks[name]) in cell.source:
                yield (
                    f"cell {number} repeats the check of {exercises([name])}, and cell {first} is marked: where the "
                    f"later answer is meant, move cell {first} below it"
                )
        if (name := name_of(cell)) in checks:
            marked[name] = number


def given_back(notebook: NotebookNode, checks: Mapping[str, NotebookNode]) -> Iterator[str]:
    """Put the metadata back on the cells of checks that have lost it; what was done.

    Args:
        notebook: what was handed in.
        checks: the lesson's cells, by name.
    """
    there, found = set(map(name_of, notebook.cells)), []
    bare = [cell for cell in notebook.cells if "nbgrader" not in cell.metadata]
    for name, check in checks.items():
        same = (cell for cell in bare if text_of(cell) == text_of(check))
        if name not in there and (cell := next(same, None)):
            cell.metadata["nbgrader"] = check.metadata["nbgrader"]
            found.append(name)
    if found:
        yield f"the metadata of {exercises(found)} were lost, and are back"


def oddities(notebook: NotebookNode, lesson: NotebookNode) -> Iterator[str]:
    """What a teacher should read before believing the marks.

    Args:
        notebook: what was handed in.
        lesson: the complete one, whose lines are nobody's doing.
    """
    cells = {number: cell.source for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"}
    trees: dict[int, ast.Module] = {}
    broken: dict[int, str] = {}
    for number, source in cells.items():
        try:
            trees[number] = parsed(source)
        except (SyntaxError, ValueError, RuntimeError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            broken[number] = f"cell {number}" + (f", line {line}," if line else "")
    names, own = kit_names(trees.values()), set().union(*map(names_given, trees.values()))
    ours = {line.strip() for cell in lesson.cells for line in cell.source.splitlines()}
    yield from copied("\n".join(cells.values()), lesson)
    yield from without_kit(trees, [number for number, cell in enumerate(notebook.cells, 1) if is_check(cell)])
    yield from answered_below(notebook, lesson)
    for number, source in cells.items():
        theirs = "\n".join(line for line in source.splitlines() if line.strip() not in ours)
        if number in trees and changes_kit(trees[number], names):
            yield f"cell {number} changes the kit or its marking: read it"
        elif TAMPERS.search(theirs):
            yield f"cell {number} may change the kit or its marking: read it"
        if BORROWS.search(theirs):
            yield f"cell {number} calls nst.mine, which gives our answer, where the lesson does not: read it"
        if ENDS.search(theirs) or (number in trees and ends_python(trees[number], own)):
            yield f"cell {number} may end Python, and then nothing in this notebook counts: read it"
        if number in broken:
            yield f"{broken[number]} is no Python: answers below that need it count 0, too; mend it and mark again"


def is_check(cell: NotebookNode) -> bool:
    """Whether nbgrader marks a cell, and what runs in it calls the kit."""
    return bool(name_of(cell) and cell.metadata["nbgrader"].get("grade")) and "nst." in cell.source


def without_kit(trees: Mapping[int, ast.Module], checks: list[int]) -> Iterator[str]:
    """What to tell where checks stand above the cell that imports the kit, or where there is none.

    Args:
        trees: of the cells, by number.
        checks: the numbers of those that call the kit and are marked.
    """
    first = next((number for number, tree in trees.items() if "nst" in names_given(tree)), None)
    above = [number for number in checks if first is None or number < first]
    if above and first is None:
        yield "no cell imports the kit, so every check counts 0: put the lesson's first code cell back"
    elif above:
        yield f"cell {first} imports the kit, so every check above it counts 0: move it to the top"


def answered_below(notebook: NotebookNode, lesson: NotebookNode) -> Iterator[str]:
    """What to tell of a check above an answer to it, which it does not see.

    Args:
        notebook: what was handed in.
        lesson: the complete one, which gives some names once more below.
    """
    ours, cells = given_below(lesson), notebook.cells
    for (check, answer), (above, number) in given_below(notebook).items():
        again = any(text_of(cells[above - 1]) in cell.source for cell in cells[above:])  # which `repeated` tells
        if (check, answer) not in ours and not again:
            yield (
                f"cell {number} says what {answer} is, and the check of {exercises([check])} stands above it, in cell "
                f"{above}: where that answer is meant, move cell {above} below it"
            )


def given_below(notebook: NotebookNode) -> dict[tuple[str, str], tuple[int, int]]:
    """The names that a check uses and a later cell gives: check and name → the numbers of the two cells."""
    used: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for number, cell in enumerate(notebook.cells, 1):
        try:
            tree = parsed(cell.source) if cell.cell_type == "code" else ast.Module([], [])
        except (SyntaxError, ValueError, RuntimeError, MemoryError):
            continue
        given = names_given(tree)
        found |= {key: (above, number) for key, above in used.items() if key[1] in given and key not in found}
        if is_check(cell):
            read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
            used |= {(name_of(cell), name): number for name in read - {"nst"}}
    return found


def copied(text: str, lesson: NotebookNode) -> Iterator[str]:
    """What to tell of answers that are the lesson's, word for word: with its markers, or enough of several lines.

    A line alone is no sign: anybody would write `n // 2` as we do.

    Args:
        text: of the cells that were handed in.
        lesson: the complete one; nothing is told where it has no answers.
    """
    theirs = f"\n{bare(text)}\n"
    answers = [(name, answer) for cell in lesson.cells if (name := name_of(cell)) for answer in answers_in(cell.source)]
    marked = {name for name, answer in answers if f"\n### BEGIN SOLUTION\n{answer}\n### END SOLUTION\n" in theirs}
    alike = {name: answer for name, answer in answers if "\n" in answer and f"\n{answer}\n" in theirs}
    found = marked | alike.keys() if sum(map(len, alike.values())) >= ALIKE else marked
    if names := [name for name, _ in answers if name in found]:
        yield f"what answers {exercises(names)} is the complete lesson's, word for word: ask how it works"


def answers_in(source: str) -> Iterator[str]:
    """What stands between the markers of a complete lesson's cell.

    Args:
        source: of the cell.
    """
    lines = source.split("\n")
    yield from (bare("\n".join(lines[first + 1 : last])) for first, last in regions(source, "SOLUTION"))


def bare(text: str) -> str:
    """A text's lines without what is not written: blank ones, and how far each is set in."""
    return "\n".join(line for line in map(str.strip, text.split("\n")) if line)
