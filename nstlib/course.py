"""The notebooks → stamped with one address, built as a student edition, held to their rules: a teacher's tools.

A lesson's notebook in `notebooks/` is the source: complete, executed, with its pictures. `stamp` writes its badge and
its first cell, `build_student` makes the edition without answers, and `problems` lists what a notebook does wrong.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .about import REPOSITORY, VERSION
from .errors import InputError, in_words, nearest, one_line, one_of
from .files import write_whole
from .lesson import LESSONS, STUDIO, Lesson, check_place

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["build_student", "first_cell", "problems", "stamp", "student"]

MAX_BYTES = 2_500_000
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](%s)"
BADGES = re.compile(r"^\[!\[Open in Colab\].*/notebooks/([\w/]+\.ipynb)\)$", re.MULTILINE)
CHECK = re.compile(r"""\b(?:check\w*|mine)\((?:["']([\w.-]+))?""")
SETUP = re.compile(r"""\bnst\.setup\(["'](\w+)""")
VIEW = "application/vnd.jupyter.widget-view+json"
NOTE = "*This is the student edition, with room for your answers. [The complete lesson](../%s.ipynb) has ours.*"
HEADER = ("You will be able to", "You need", "Time")  # of the first cell
ENDING = ("Recap", "Ask yourself", "References")  # headings
NAMELESS = r"""<img(?![^>]*\balt=["']\s*[^\s"'])[^>]*>"""
QUESTIONS, EXERCISES = 5, 4  # at least
ASKS = re.compile(r"""\b(?:predict|choose)\(["']([\w.-]+)""")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


# --- one address ---------------------------------------------------------------------------------


def home(repository: str | None = None, tag: str | None = None) -> tuple[str, str]:
    """A repository's address, as GitHub has it, and the tag of a release.

    Args:
        repository: the address; the package's own without.
        tag: of the release; this version's without.
    """
    address = REPOSITORY if repository is None else repository
    return address.removesuffix(".git").rstrip("/"), f"v{VERSION}" if tag is None else tag


def first_cell(lesson: str, repository: str | None = None, tag: str | None = None) -> str:
    """The first code cell of a lesson: installs the kit only where it is missing, and never its dependencies.

    Where the kit is missing and cannot be reached, a sentence that names the other ways to it takes the place of all
    errors that follow from that, in this cell and in those after it.

    Args:
        lesson: its number, "00" to "10" or "clinic".
        repository: address that the kit is installed from, as for `home`.
        tag: of the release, likewise.

    Returns:
        The cell's source.
    """
    row, (source, release) = LESSONS[one_of("lesson", lesson, LESSONS)], home(repository, tag)
    address = f"{source}/archive/refs/tags/{release}.zip"
    network = """BACKBONE = "pocket"  # "vgg19" is the network of the papers\n""" if row.network else ""
    return f"""\
# Installs the kit if it is not here, and leaves every other package as it is.
import importlib.util
import subprocess
import sys

KIT = "{address}"
HELP = f\"\"\"The kit is not here, and {{KIT}} cannot be reached:
upload its zip and run %pip install --no-deps NAME.zip, or mount a drive that has
it unpacked and run sys.path.append("ITS FOLDER"); then run this cell again.\"\"\"
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", KIT]
missing = importlib.util.find_spec("nstlib") is None
if missing:
    missing = subprocess.run(pip, capture_output=True).returncode != 0
# What follows from a missing kit is answered with how to get it.
answered = (ImportError, NameError) if missing else ()
get_ipython().set_custom_exc(answered, lambda *_, **__: print(HELP))

import nstlib as nst

{network}nst.setup("{row.number}"{", BACKBONE" if row.network else ""})"""


def studio_cell(repository: str | None = None, tag: str | None = None) -> str:
    """The one cell of the studio's notebook: installs the kit as a lesson's first cell does, and opens the studio.

    Args:
        repository: as for `home`.
        tag: likewise.
    """
    start = "import nstlib as nst\n"
    installing = first_cell("clinic", repository, tag).partition(start)[0]
    return f"# @title Studio\n{installing}{start}\nnst.Studio()"


def badge(path: str, repository: str | None = None, tag: str | None = None) -> str:
    """The Markdown that opens `path` of the repository on Colab."""
    repository, tag = home(repository, tag)
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", repository):
        given = one_line(repository)
        raise InputError(f"Colab opens notebooks from GitHub, not from '{given}': give https://github.com/OWNER/NAME")
    if not re.fullmatch(r"[\w.+/-]+", tag):
        raise InputError(f"'{one_line(tag)}' is no tag of a release: give one such as {home()[1]}")
    name = repository.removeprefix("https://github.com/")
    return BADGE % f"https://colab.research.google.com/github/{name}/blob/{tag}/notebooks/{path}"


def stamp(
    folder: str | os.PathLike[str] = "notebooks", repository: str | None = None, tag: str | None = None
) -> list[str]:
    """Write badge, first code cell and missing nbgrader metadata into each lesson, and tidy what a run left behind.

    Lessons of `folder`/student are built anew, so that they carry the same address; a README.md beside the folder that
    carries the badge of a lesson gets the new one.

    Args:
        folder: of the complete lessons.
        repository: https://github.com/OWNER/NAME of the copy that the lessons shall open and install; the package's
            own address without.
        tag: of the release that they install; this version's without.

    Returns:
        The names of the files that changed.

    Raises:
        InputError: no complete lessons there, a file that is none of them, a repository that Colab cannot open, or a
            lesson of the student edition in which somebody has worked.
    """
    texts, edition = {}, Path(folder) / "student"
    for path, row in lessons_in(folder):
        notebook = complete(path)
        header = header_of(notebook)
        lines = [line for line in header.source.split("\n") if not line.startswith(BADGE.partition("(")[0])]
        rest = "\n".join(lines[1:]).lstrip("\n")
        header.source = f"{lines[0]}\n\n{badge(f'{row.stem}.ipynb', repository, tag)}\n\n{rest}".rstrip("\n")
        code = first_code(notebook)
        if code is None or not SETUP.search(code.source):
            code = new_cell(notebook)
        code.source = first_cell(row.number, repository, tag)
        mark(notebook)
        tidy(notebook)
        texts[path] = written(notebook)
        if (beside := edition / path.name).is_file():
            texts[beside] = written(student(notebook))
    refuse_worked(path for path in texts if path.parent == edition and is_other(path, texts[path]))
    if (path := Path(folder) / STUDIO).is_file():
        notebook = read(path)
        header, code = header_of(notebook), first_code(notebook) or new_cell(notebook)
        header.source = BADGES.sub(lambda found: badge(found[1], repository, tag), header.source)
        code.source = studio_cell(repository, tag)
        tidy(notebook)
        texts[path] = written(notebook)
    page = Path(folder).resolve().parent / "README.md"
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        texts[page] = BADGES.sub(lambda found: badge(found[1], repository, tag), text)
    changed = [path for path, text in texts.items() if is_other(path, text)]
    for path in changed:
        write_whole(path, texts[path].encode())
    return [f"student/{path.name}" if path.parent == edition else path.name for path in changed]


def is_other(path: Path, text: str) -> bool:
    """Whether a file is not there, or holds something else."""
    return not path.is_file() or text != path.read_text(encoding="utf-8")


def mark(notebook: NotebookNode) -> None:
    """Give exercises and their checks the metadata of nbgrader, where they have none."""
    for cell, check in exercises(notebook):
        named = check and CHECK.search(check.source)
        asked = check and ASKS.search(check.source)  # a learner's own measurement, before a diagnosis: not graded
        name = ((named and named[1]) or (asked and asked[1]) or cell.id).replace(".", "-")
        own = {"schema_version": 3, "grade": False, "solution": True, "locked": False, "grade_id": name}
        cell.metadata["nbgrader"] = cell.metadata.get("nbgrader", own)
        if check and named:
            graded = {"grade": True, "solution": False, "locked": True, "grade_id": f"{name}-check", "points": 1}
            check.metadata["nbgrader"] = check.metadata.get("nbgrader", own | graded)


def tidy(notebook: NotebookNode) -> None:
    """Take out what a run leaves behind: times, widgets that live no more, places where runs showed themselves, and
    where a slow one's printed text was torn."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            data = ((output, output.get("data")) for output in cell.outputs)
            cell.outputs = joined([output for output, kinds in data if kinds is None or (kinds and VIEW not in kinds)])


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs, with printed text that follows printed text of the same stream in one."""
    made: list[NotebookNode] = []
    for output in outputs:
        if made and output.output_type == "stream" == made[-1].output_type and output.name == made[-1].name:
            made[-1].text += output.text
        else:
            made.append(output)
    return made


# --- the student edition -------------------------------------------------------------------------


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


# --- the rules -----------------------------------------------------------------------------------


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
SOURCE_RULES = (check_run, check_figures, check_markers, check_exercises)


# --- parts of a notebook -------------------------------------------------------------------------


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
