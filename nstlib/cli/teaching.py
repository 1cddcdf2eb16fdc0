"""The commands around the course: `lessons`, `lab` and `studio` for everybody, the others for whoever teaches."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ..errors import InputError, counted
from ..terminal import say


@click.command()
@click.argument("folder")
@click.option("--force", is_flag=True, help="write over lessons that may hold your work")
def lessons(folder: str, force: bool) -> None:
    """Write the lessons into FOLDER, both editions.

    The teacher's guide comes with them. What an older version wrote and nobody touched is renewed; what may hold your
    work stays unless --force is given.
    """
    from ..lesson import stamped_in, write_lessons

    stamped = stamped_in(folder)
    fresh, kept = write_lessons(folder, force=force)
    say(f"{folder}: {'nothing to do' if not fresh and not kept else counted(len(fresh), 'file') + ' written'}")
    if kept:
        ways = "for this version's give another folder, or --force to write over yours"
        say(f"kept as they are, since they may hold your work: {', '.join(kept)}; {ways}")
    if lost := [name for name in fresh if name in stamped]:
        ways = f"run {shlex.join(['nst', 'stamp', folder])} again, with the --repository and --tag of then"
        say(f"renewed, and without your stamp now: {', '.join(lost)}; {ways}")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(folder: str | None, arguments: tuple[str, ...]) -> None:
    """Open the lessons in JupyterLab.

    FOLDER holds them [notebooks of a checkout, else lessons], ARGUMENTS go to JupyterLab.
    """
    from ..lesson import open_lab

    where, others = folder_first(folder, arguments)
    open_lab(where, *others)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--voila", is_flag=True, help="show the studio alone, by Voila, in place of JupyterLab")
def studio(folder: str | None, arguments: tuple[str, ...], voila: bool) -> None:
    """Open the studio in the browser.

    FOLDER keeps its pictures [notebooks of a checkout, else lessons], ARGUMENTS go to JupyterLab or
    Voila.
    """
    from ..lesson import open_studio

    where, others = folder_first(folder, arguments)
    open_studio(where, *others, voila=voila)


def folder_first(folder: str | None, arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """A folder, or None, and what goes to JupyterLab, which may stand first where no folder is named."""
    return (None, (folder, *arguments)) if folder and folder.startswith("-") else (folder, arguments)


@click.command()
@click.argument("folder", default="notebooks")
@click.option("--check", "only_look", is_flag=True, help="write nothing; fail if the student edition is not current")
@click.option("--force", is_flag=True, help="build anew, too, what somebody has worked in")
def student(folder: str, only_look: bool, force: bool) -> None:
    """Build FOLDER/student: the lessons with room for answers.

    They come without outputs.
    """
    from ..course.edition import build_student

    differ = build_student(folder, check=only_look, force=force)
    if only_look and differ:
        line = shlex.join(["nst", "student", folder])
        raise InputError(f"the student edition is not what the lessons build ({', '.join(differ)}): run {line}")
    there = [name for name in differ if (Path(folder) / "student" / name).is_file()]
    gone = [name for name in differ if name not in there]
    done = [f"{', '.join(names)} {what}" for names, what in ((there, "written"), (gone, "removed")) if names]
    say(f"{folder}/student: {'; '.join(done) or 'nothing to do'}")


@click.command()
@click.argument("lesson")
def key(lesson: str) -> None:
    """For teachers: print what LESSON asks, and the right answers.

    The wrong ones that its checks know are told, too.
    """
    from ..key import answer_key

    say(answer_key(lesson))


@click.command()
@click.argument("folder", default="submitted")
def handins(folder: str) -> None:
    """For teachers: make ready for nbgrader what was handed in.

    FOLDER is nbgrader's "submitted". Names and metadata are mended, answers stay; what is told of each should be read
    before nbgrader marks it.
    """
    from ..handins import look_over

    for one in look_over(folder):
        say(str(one))


@click.command()
@click.argument("folder", default="notebooks")
@click.option("--repository", default=None, help="https://github.com/OWNER/NAME [the address in pyproject]")
@click.option("--tag", default=None, help="the release that Colab installs [this version's]")
def stamp(folder: str, repository: str | None, tag: str | None) -> None:
    """Write badge and first cell into each lesson of FOLDER.

    Those of FOLDER/student get them, too; it is for your own copy on GitHub, say.
    """
    from ..course.stamps import stamp as stamp_lessons

    changed = stamp_lessons(folder, repository, tag)
    say(f"{folder}: {', '.join(changed) + ' stamped' if changed else 'nothing to do'}")
