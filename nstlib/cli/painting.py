"""The commands that paint: `stylize`, `onepass`, `texture`, `sweep`; and `nst` alone, which asks for two pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..about import VERSION
from ..errors import InputError, counted
from ..interrupts import Stopped
from ..outputs import check_format, check_output, save_anywhere
from ..terminal import Bar, complete, say, say_wrong
from .ending import Interrupted, Trouble, stop_no_more
from .like import Like
from .options import (
    FieldCommand,
    TextureCommand,
    inputs_of,
    parsed,
    per_style,
    recipe_options,
    rule_for,
    run_options,
    values_of,
)

if TYPE_CHECKING:
    from ..result import Progress

NOTHING: dict[str, Any] = {"checkpoint": None, "force": False, "quiet": False}  # of the options beside a recipe's


@click.command(cls=FieldCommand)
@click.argument("pictures", nargs=-1, metavar="CONTENT STYLE [STYLE …]")
@click.option("--like", default=None, help="a picture that nst made: repeat its run, pictures and all")
@run_options
def stylize(pictures: tuple[str, ...], like: str | None, **options: Any) -> None:
    """Paint CONTENT in the manner of STYLE, or of several.

    A picture is a file, an address, or a name such as content/harbour, style/mosaic, photo/cat, painting/starry_night.
    Ctrl-C saves the best picture so far, and that counts as done (exit status 0); without one yet it is 130.
    """
    run = Like(like)
    if not pictures and like:
        pictures = run.pictures()
    if len(pictures) < 2:
        raise InputError(
            f"{counted(len(pictures), 'picture')} given: give the content and at least one style, "
            "nst stylize CONTENT STYLE -o OUT.png"
        )
    paint(pictures[0], pictures[1:], run, **options)


@click.command()
@click.argument("content")
@click.argument("styles", nargs=-1, required=True, metavar="STYLE [STYLE …]")
@click.option("-o", "--output", required=True, help="the picture to write: .png, .jpg or .webp")
@click.option("--method", default="wct", show_default=True, help="wct: mean and covariance; adain: mean and deviation")
@click.option(
    "--strength", default=1.0, show_default=True, help="0 (the content as the decoders know it) to 1 (all of the style)"
)
@per_style("shares")
@per_style("masks")
@per_style("style_masks")
@click.option("--color", default="style", show_default=True, help="whose colours: as for stylize")
@click.option("--size", default="512", show_default=True, metavar="NUMBER", help="pixels of the longer side")
@click.option("--force", is_flag=True, help="write over a file that nst did not make")
def onepass(
    content: str, styles: tuple[str, ...], output: str, force: bool, method: str, strength: float, **options: Any
) -> None:
    """Paint CONTENT in the manner of STYLE in one pass.

    Nothing is optimised: it is done at once, and not quite as well.
    """
    from ..image import load_image, shape_of
    from ..onepass import one_pass
    from ..result import facts_as_metadata
    from ..rules import judged
    from ..saving import save_image

    given = parsed(options)
    check_output(output, inputs_of(given, content, *styles), force)
    size = judged("size", given["size"], rule_for("size"))
    check_format(output, shape_of(load_image(content, size).pixels))
    made = one_pass(content, list(styles), method=method, strength=strength, **given)
    how = {"method": method, "strength": strength, **given}
    facts = {"by": "onepass", "version": VERSION, "content": content, "styles": styles, **how}
    told = f"{content} in the manner of {' and '.join(styles)}, {made.notes[-1]}"
    texts = {"Description": told, **facts_as_metadata(facts)}
    place = save_anywhere(lambda path: save_image(made.pixels, path, texts), output)
    for note in made.notes[:-1]:
        say(note)
    say(f"{place}: {replace(made, notes=made.notes[-1:])}")
    check_place(place, output)


@click.command(cls=TextureCommand)
@click.argument("styles", nargs=-1, metavar="STYLE [STYLE …]")
@click.option("--like", default=None, help="a texture that nst made: repeat its run, pictures and all")
@run_options
def texture(styles: tuple[str, ...], like: str | None, **options: Any) -> None:
    """Make a square of texture in the manner of STYLE, from noise."""
    from ..transfer import TEXTURE

    run = Like(like, TEXTURE)
    if run.facts.get("content") is not None:
        raise InputError(f"'{like}' has a content, so it is no texture: repeat it by nst stylize --like")
    styles = styles or run.styles()
    if not styles:
        raise InputError("no picture given: give at least one style, nst texture STYLE -o OUT.png")
    paint(None, styles, run, **options)


@click.command(cls=FieldCommand)
@click.option("--pair", "pairs", nargs=2, multiple=True, metavar="CONTENT STYLE", help="pictures; repeat it for more")
@click.option(
    "--grid", "axes", multiple=True, metavar="FIELD=VALUE,VALUE,…", help='";" separates values that hold commas; repeat'
)
@click.option(
    "-o",
    "--output",
    required=True,
    help="the folder to write: a new one, or that of a sweep, whose table and sheet are made anew",
)
@click.option("--processes", type=int, default=None, help="how many paint at a time [one for each core, one on a GPU]")
@click.option(
    "--scheduler", default=None, metavar="ADDRESS", help="paint on the workers of a dask.distributed scheduler"
)
@click.option("--frames", default=None, metavar="NUMBER,NUMBER,…", help="evaluations after which to keep a picture too")
@recipe_options
def sweep(
    pairs: tuple[tuple[str, str], ...],
    axes: tuple[str, ...],
    output: str,
    processes: int | None,
    scheduler: str | None,
    frames: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Paint every pair of pictures with every combination of values.

    Processes paint side by side, and the same command goes on where it was left. The folder gets a contact sheet and a
    table, too. With --frames, each picture gets a table of its losses as well.
    """
    from ..rules import Number
    from ..sweeps import sweep

    if not pairs:
        raise InputError("no pictures: give --pair CONTENT STYLE, such as --pair content/harbour style/mosaic")
    grid = dict(map(values_of, axes))
    if not grid:
        raise InputError("nothing is swept: give --grid FIELD=VALUE,VALUE, such as --grid style_weight=0.5,1,2")
    if len(grid) < len(axes):
        raise InputError("a field is swept twice: give --grid once for each, with all its values")
    where: dict[str, Any] = {"folder": output, "processes": processes, "scheduler": scheduler}
    where["show"] = False if quiet else None
    where["frames"] = [Number().parse(part) for part in frames.split(",")] if frames else ()
    try:
        found = sweep(grid, pairs, **where, **parsed(options))
    except Stopped as stopped:
        raise Interrupted(str(stopped)) from None
    if found.failures:
        raise Trouble(repr(found))
    if not quiet:
        say(repr(found))


def paint(
    content: str | None,
    styles: tuple[str, ...],
    like: Like,
    output: str,
    checkpoint: str | None,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run a plan with a progress bar and save what comes of it, also after an interrupt.

    Args:
        content: a picture, or None.
        styles: pictures.
        like: a run, whose options hold where the command line gives none.
        output: the file to write.
        checkpoint: a file for the state, or None.
        force: whether to write over a file that nst did not make.
        quiet: whether to say nothing.
        options: of the command line; None or () where it gives none.
    """
    from ..checkpoint import checked
    from ..plan import prepare
    from ..saving import check_apart
    from ..transfer import carry_out

    given = like.options(parsed(options), len(styles))
    inputs = inputs_of(given, content, *styles, like.path)
    check_output(output, inputs, force)
    if checkpoint is not None:
        check_apart(checkpoint, [*inputs, output], "the checkpoint")
    state = checked(checkpoint)
    plan = prepare(content, styles, **given)
    check_format(output, plan.stages[-1].size)
    tell = (lambda text: None) if quiet else say
    for note in (*like.notes, *plan.notes):
        tell(note)

    def watch(progress: Progress) -> None:
        bar(progress)
        if progress.done == 1:
            stop_no_more()

    try:
        with Bar(quiet) as bar:
            result = carry_out(plan, state, watch)
    except KeyboardInterrupt:
        raise Interrupted("interrupted before there was a picture to keep") from None
    place = save_anywhere(result.save, output)
    if result.trouble and not bar.told:
        say_wrong(result.trouble)
    for note in result.notes[len(plan.notes) :]:
        if note != result.trouble:
            tell(note)
    tell(f"{place}: {result}")
    check_place(place, output)
    if result.failure:
        raise Trouble(result.failure)


def check_place(place: str | Path, output: str) -> None:
    """Say so where a picture had to be saved elsewhere.

    Args:
        place: where it is.
        output: where it was to be.

    Raises:
        Trouble: they are not the same.
    """
    if os.fspath(place) != output:
        raise Trouble(f"saved at '{place}'")


def ask() -> None:
    """Ask for a content and a style picture, names completed and defaults offered, and paint."""
    from ..gallery import assets
    from ..image import load_image

    complete(assets())
    how = "(file, address or name; TAB completes)"
    content = asked(f"Content picture {how}", "content/harbour", lambda name: load_image(name, 32))
    style = asked(f"Style picture {how}", "style/brushstrokes", lambda name: load_image(name, 32))
    free = next(name for n in range(1, 10**6) if not os.path.exists(name := f"painted-{n}.png"))
    output = asked("Write to", free, lambda name: check_output(name, inputs_of({}, content, style), force=False))
    paint(content, (style,), Like(None), output=output, **NOTHING)


def asked(question: str, usual: str, check: Callable[[str], object]) -> str:
    """An answer, asked for again until it is one that can be used.

    Args:
        question: what is asked.
        usual: what an empty answer stands for.
        check: refuses an answer by an `InputError`, which is told.
    """
    while True:
        answer = dragged(click.prompt(question, default=usual).strip())
        try:
            check(answer)
        except InputError as error:
            say_wrong(str(error))
        else:
            return answer


def dragged(text: str) -> str:
    """A path as it is called, where a terminal wrote it as its shell does: in quotes, or a backslash before a space."""
    quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "'\""
    plain = text[1:-1] if quoted else re.sub(r"\\(.)", r"\1", text)
    return plain if not os.path.exists(text) and os.path.exists(plain) else text
