"""Notebook files ↔ notebooks, and what is found in one: header, questions, exercises, prose."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, in_words, nearest, one_line, one_of
from ..lesson import LESSONS, Lesson, check_place

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["ASKS", "CHECK", "header_of", "lesson_of", "lessons_in", "nbformat", "read", "texts", "written"]

CHECK = re.compile(r"""\b(?:check\w*|mine)\((?:["']([\w.-]+))?""")
SETUP = re.compile(r"""\bnst\.setup\(["'](\w+)""")
VIEW = "application/vnd.jupyter.widget-view+json"
ASKS = re.compile(r"""\b(?:predict|choose)\(["']([\w.-]+)""")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def lessons_in(folder: str | os.PathLike[str]) -> list[tuple[Path, Lesson]]:
    """The lessons' files in reading order; other notebooks, such as the studio, are left alone."""
    stems = {lesson.stem: lesson for lesson in LESSONS.values()}
    files = [p for p in sorted(Path(folder).glob("*.ipynb")) if p.stem[:2].isdigit() or p.stem in stems]
    if not files:
        raise InputError(f"there are no lessons in '{folder}': give the folder of the notebooks")
    for path in files:
        if path.stem not in stems:
            advice = f"move it away, or let its name not begin with digits; {nearest(path.stem, stems)}".rstrip("; ")
            raise InputError(f"'{one_line(path.name)}' is no lesson's file: {advice}")
    return [(path, stems[path.stem]) for path in files]


def read(path: Path) -> NotebookNode:
    """A notebook, in whatever coding an editor saved it.

    Raises:
        InputError: there is none in the file.
    """
    reader = nbformat()
    check_place(path)
    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names of cells that are twice there or missing: it gives them others
            return reader.reads(data.decode(coding_of(data)), as_version=4)
    except Exception as error:  # what is no notebook fails in many ways
        raise InputError(
            f"'{path}' is no notebook that can be read ({in_words(error)}): restore or remove it"
        ) from None


def coding_of(data: bytes) -> str:
    r"""The coding of a notebook's file: one of Unicode, or Windows' own, where an old editor saved it.

    Args:
        data: what is in the file.

    >>> coding_of('{"ü"}'.encode()), coding_of('{"ü"}'.encode("cp1252")), coding_of(b'{"\xc3\xbc \xfc"}')
    ('utf-8', 'cp1252', 'utf-8')
    """
    coding = json.detect_encoding(data)
    with suppress(UnicodeDecodeError):
        data.decode(coding)
        return coding
    is_windows = coding == "utf-8" and data.decode(coding, "ignore").isascii()  # else a file of UTF-8 that is damaged
    return "cp1252" if is_windows else coding


def written(notebook: NotebookNode) -> str:
    """The text of a notebook's file, the same for the same notebook."""
    writer = nbformat()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `read`
        return writer.writes(notebook) + "\n"


def new_cell(notebook: NotebookNode) -> NotebookNode:
    """An empty code cell after the header card."""
    notebook.cells.insert(1, nbformat().v4.new_code_cell(id="setup"))
    return notebook.cells[1]


def nbformat() -> Any:
    """The library that reads and writes notebooks; it comes with Jupyter, and only a teacher needs it."""
    try:
        import nbformat
    except ModuleNotFoundError:
        raise InputError("notebooks are read by nbformat, which is not installed: pip install nbformat") from None
    return nbformat


def header_of(notebook: NotebookNode) -> NotebookNode:
    cell = next(iter(notebook.cells), None)
    if cell is None or cell.cell_type != "markdown" or not cell.source.startswith("# "):
        raise InputError("there is no header card: begin with a Markdown cell whose first line is '# Title'")
    return cell


def first_code(notebook: NotebookNode) -> NotebookNode | None:
    return next((cell for cell in notebook.cells if cell.cell_type == "code"), None)


def lesson_of(notebook: NotebookNode) -> Lesson:
    code = first_code(notebook)
    named = code and SETUP.search(code.source)
    if not named:
        raise InputError('the first code cell does not call nst.setup("…"): run nst stamp')
    return LESSONS[one_of("lesson", named[1], LESSONS)]


def exercises(notebook: NotebookNode) -> list[tuple[NotebookNode, NotebookNode | None]]:
    """Each cell with a solution, and the code cell after it."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(c, after) for c, after in zip(cells, [*cells[1:], None], strict=True) if "### BEGIN SOLUTION" in c.source]


def prose(notebook: NotebookNode) -> str:
    """All Markdown, without blocks of code."""
    return FENCED.sub("", "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"))


def texts(cell: NotebookNode) -> Iterator[str]:
    """A cell's source and whatever text it put out, without the bytes of pictures in it."""
    yield cell.source
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield re.sub(r";base64,[\w+/=]+", "", str(data))


def tidy(notebook: NotebookNode) -> None:
    """Take out what a run leaves behind: times, widgets that live no more, places where runs showed themselves, and
    where a slow one's printed text was torn."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            data = ((output, output.get("data")) for output in cell.outputs)
            cell.outputs = joined(
                [output for output, kinds in data if kinds is None or (any(kinds.values()) and VIEW not in kinds)]
            )


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs, with printed text that follows printed text of the same stream in one."""
    made: list[NotebookNode] = []
    for output in outputs:
        if made and output.output_type == "stream" == made[-1].output_type and output.name == made[-1].name:
            made[-1].text += output.text
        else:
            made.append(output)
    return made
