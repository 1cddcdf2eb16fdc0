"""A complete lesson → the student edition, with room for answers."""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Collection, Iterable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import write_whole
from ..lesson import check_place
from .notebooks import header_of, lesson_of, lessons_in, read, tidy, written

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["build_student", "student"]

NOTE = "*This is the student edition, with room for your answers. [The complete lesson](../%s.ipynb) has ours.*"


def build_student(
    folder: str | os.PathLike[str] = "notebooks", *, check: bool = False, force: bool = False
) -> list[str]:
    """Write `folder`/student, the lessons without answers, and remove what is stale there.

    Notebooks that are no lessons of this edition are somebody's own, and stay.

    Args:
        folder: of the complete lessons.
        check: only look, and leave all files as they are.
        force: build those anew, too, in which somebody has worked.

    Returns:
        The names of the files that differed.

    Raises:
        InputError: no complete lessons there, one that is not in order, or one of this edition in which somebody has
            worked.
    """
    target = Path(folder) / "student"
    wanted = {path.name: written(student(complete(path))) for path, _ in lessons_in(folder)}
    files = sorted(target.glob("*.ipynb"))
    for path in files:
        check_place(path)
    there = {path.name: path.read_text(encoding="utf-8") for path in files if is_ours(path, wanted)}
    differ = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if check:
        return differ
    if not force:
        refuse_worked((target / name for name in differ if name in there), ", or add --force to build anew")
    for name in differ:
        if name in wanted:
            write_whole(target / name, wanted[name].encode())
        else:
            (target / name).unlink()
    return differ


def is_ours(path: Path, names: Collection[str]) -> bool:
    """Whether a notebook among the student edition is one of it.

    Args:
        path: of the notebook.
        names: of the lessons' files.
    """
    return path.name in names or is_student(read(path))


def is_student(notebook: NotebookNode) -> bool:
    """Whether a notebook is of the student edition."""
    return notebook.metadata.get("nstlib", {}).get("edition") == "student"


def is_worked_in(path: Path) -> bool:
    """Whether somebody has run a cell of a student notebook, or changed one.

    Args:
        path: of the notebook.
    """
    notebook = read(path)
    if any(cell.get("execution_count") or cell.get("outputs") for cell in notebook.cells):
        return True
    return notebook.metadata.get("nstlib", {}).get("cells", fingerprint(notebook)) != fingerprint(notebook)


def refuse_worked(paths: Iterable[Path], advice: str = "") -> None:
    """Write over no student notebook in which somebody has worked.

    Args:
        paths: of the notebooks that are to be built anew.
        advice: what else can be done but to move them.

    Raises:
        InputError: names those in which somebody has.
    """
    if worked := [path for path in paths if is_worked_in(path)]:
        names = ", ".join(path.name for path in worked)
        raise InputError(f"somebody has worked in {names} in '{worked[0].parent}': move their files{advice}")


def fingerprint(notebook: NotebookNode) -> str:
    """Of what stands in a notebook's cells."""
    return hashlib.sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()[:16]


def student(notebook: NotebookNode) -> NotebookNode:
    """The same lesson with stubs in place of answers, without outputs; whatever a run leaves behind is dropped.

    Args:
        notebook: a complete lesson; it stays as it is.

    Returns:
        A new notebook.

    Raises:
        InputError: the notebook names no lesson, has no header card, or its markers are unbalanced.
    """
    made, stem = deepcopy(notebook), lesson_of(notebook).stem
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "nstlib": {"edition": "student"}}
    header = header_of(made)
    header.source = header.source.replace(f"/notebooks/{stem}.ipynb", f"/notebooks/student/{stem}.ipynb")
    header.source += "\n\n" + NOTE % stem
    tidy(made)
    for cell in made.cells:
        if "### BEGIN SOLUTION" in cell.source:  # folded where the answer stands, open where it is to be written
            cell.metadata.pop("cellView", None)
            cell.metadata.pop("jupyter", None)
        if cell.cell_type == "code":
            cell.source, cell.outputs, cell.execution_count = without_answers(cell.source), [], None
    made.metadata["nstlib"]["cells"] = fingerprint(made)  # so that an answer that was never run is seen
    return made


def without_answers(source: str) -> str:
    r"""A code cell with a stub for each solution, and without hidden tests.

    >>> print(without_answers("def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"))
    def f(x):
        raise NotImplementedError  # your code
    """
    lines = source.split("\n")
    for first, last in reversed(regions(source, "SOLUTION")):
        lines[first : last + 1] = stub(source, first, last)
    for first, last in reversed(regions("\n".join(lines), "HIDDEN TESTS")):
        del lines[first : last + 1]
    return "\n".join(lines).rstrip("\n")


def regions(source: str, kind: str) -> list[tuple[int, int]]:
    """The lines, counted from 0, of each pair of markers ### BEGIN kind, ### END kind."""
    found, first = [], None
    for number, line in enumerate(source.split("\n")):
        word = re.match(rf"\W*(begin|end)\s+{kind}\b", line, re.IGNORECASE)
        if not word:
            continue
        expected = f"### {'BEGIN' if first is None else 'END'} {kind}"
        if line.strip() != expected:
            raise InputError(f"line {number + 1} is '{line.strip()}', expected '{expected}': mend the markers")
        if first is not None:
            found.append((first, number))
        first = number if first is None else None
    if first is not None:
        raise InputError(f"line {first + 1}, '### BEGIN {kind}', has no '### END {kind}' after it: add it")
    return found


def stub(source: str, first: int, last: int) -> list[str]:
    """What stands for a solution: in a function an error that the check understands, elsewhere `name = ...`."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise InputError(f"a cell with a solution is not plain Python ({error}): mend it") from None
    line = source.split("\n")[first]
    indent = line[: len(line) - len(line.lstrip())]
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    if any(f.lineno <= first + 1 <= (f.end_lineno or 0) for f in functions):
        return [f"{indent}raise NotImplementedError  # your code"]
    statements = (n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.col_offset == len(indent))
    names = [name for n in statements if first + 1 < n.lineno <= last for name in bound(n)]
    return [f"{indent}{name} = ...  # your answer" for name in dict.fromkeys(names)] or [f"{indent}...  # your code"]


def bound(statement: ast.stmt) -> list[str]:
    """The names that a definition or an assignment gives a value."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def complete(path: Path) -> NotebookNode:
    """A complete lesson.

    Args:
        path: its file.

    Raises:
        InputError: there is none in the file, or one of the student edition, whose answers are gone.
    """
    notebook = read(path)
    if is_student(notebook):
        raise InputError(f"'{path}' is of the student edition: give the folder of the complete lessons")
    return notebook
