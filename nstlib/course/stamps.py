"""Lessons → with the badge and the first cell of one address and version, which they are stamped with."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..about import REPOSITORY, VERSION
from ..errors import InputError, one_line, one_of
from ..files import write_whole
from ..lesson import LESSONS, STUDIO, stamped_digests, write_digests
from .edition import complete, refuse_worked, student
from .notebooks import ASKS, CHECK, SETUP, exercises, first_code, header_of, lessons_in, new_cell, read, tidy, written

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["badge", "first_cell", "stamp"]

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](%s)"
BADGES = re.compile(r"^\[!\[Open in Colab\].*/notebooks/([\w/]+\.ipynb)\)$", re.MULTILINE)


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
    chosen = row.network and not row.of_pocket
    network = """BACKBONE = "pocket"  # "vgg19" is the network of the papers\n""" if chosen else ""
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

{network}nst.setup("{row.number}"{", BACKBONE" if chosen else ""})"""


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
    own = {path.relative_to(folder).as_posix(): texts[path].encode() for path in changed if path != page}
    digests = stamped_digests(Path(folder), own)
    for path in changed:
        write_whole(path, texts[path].encode())
    write_digests(Path(folder), *digests)
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
