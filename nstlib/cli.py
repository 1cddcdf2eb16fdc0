"""The command line `nst` → calls of the above.

Every default, help text and rule is read from the library: the fields of a recipe and of the settings, the networks.
A mistake is one line on standard error and exit status 2; nothing is written then. The library, and PyTorch with it,
is imported by the command that needs it, so that `nst --help` answers at once.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .about import VERSION
from .errors import InputError, one_line, one_of
from .interrupts import END_SIGNALS, Stopped
from .outputs import check_format, check_output, save_anywhere
from .terminal import PER_STYLE, Bar, complete, forgiving, say, say_wrong
from .threads import wait_briefly

if TYPE_CHECKING:
    from dataclasses import Field

    from .judges import Judgement
    from .recipe import Recipe
    from .result import Progress

__all__ = ["main"]

LONG = 600  # letters of a mistake: one that quotes a longer value loses its middle
NAMES_SHOWN = ("backbone", "statistic")  # fields whose help does not list their choices yet
ONE_PER_STYLE = {  # what one of `PER_STYLE` is, and its help
    "shares": ("NUMBER", "how much it counts"),
    "style_scales": ("NUMBER", "its size"),
    "masks": (
        "PICTURE",
        "where in the content it paints, white is here; or ellipse 20 10 80 90, alpha, rest, none",
    ),
    "style_masks": ("PICTURE", "what of it is style; or a region as above, alpha, rest, none"),
    "own_layers": ("LAYERS", "the style layers on which it counts, such as relu1_1,relu2_1; or none"),
}
GIGABYTE = 10**9
Command = Callable[..., Any]
SPELT = {number: f"\\u{number:04x}" for number in range(127, 160)}  # what steers a terminal, as JSON may have it


class FieldOption(click.Option):
    """An option for one field of a recipe or of the settings.

    Args:
        one: the field.
        base: the recipe or the settings whose value stands without the option.
        own: values by name that the command puts before every recipe's.
    """

    def __init__(self, one: Field[Any], base: object, own: Mapping[str, Any]):
        from .recipes import DEFAULT_RECIPE
        from .rules import Choice

        rule, name = one.metadata["rule"], one.name
        shown = rule.show(own.get(name, getattr(base, name))).replace(",", ", ")
        whose = "" if name in own else f"{DEFAULT_RECIPE}: "
        words = f": {rule.words}" if isinstance(rule, Choice) and one.name in NAMES_SHOWN else ""
        form = f"; written as {rule.written}" if rule.written else ""
        help = f"{one.metadata['help']}{words}{form} [{whose}{shown}]"
        super().__init__([f"--{name.replace('_', '-')}", name], help=help, default=None, metavar=rule.metavar)


class FieldCommand(click.Command):
    """A command with an option for each field; they are made when they are first asked for, since that takes torch."""

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        known = {option.name for option in self.params}
        self.params += [option for option in field_options(self.own()) if option.name not in known]
        return super().get_params(context)

    def own(self) -> Mapping[str, Any]:
        """The values by field that the command puts before every recipe's."""
        return {}


class TextureCommand(FieldCommand):
    """A command that makes a texture, with a texture's own values."""

    def own(self) -> Mapping[str, Any]:
        """Those of the library's `texture`."""
        from .transfer import TEXTURE

        return TEXTURE


def field_options(own: Mapping[str, Any]) -> list[FieldOption]:
    """One option per field of a recipe and of the settings, without which its value stands.

    Args:
        own: values by name that the command puts before every recipe's.
    """
    from .plan import Settings
    from .recipe import WORDS
    from .recipes import DEFAULT_RECIPE, RECIPES

    made = [FieldOption(one, base, own) for base in (RECIPES[DEFAULT_RECIPE], Settings()) for one in fields(base)]
    return [option for option in made if option.name not in (*WORDS, *PER_STYLE, "memory")]


def run_options(command: Command) -> Command:
    """The options of `stylize` and `texture` that are no fields, or are told otherwise here."""
    for option in (
        click.option("-o", "--output", required=True, help="the picture to write: .png, .jpg or .webp"),
        click.option("--checkpoint", default=None, help="a file for the state; if it exists, the run goes on from it"),
        click.option("--force", is_flag=True, help="write over a file that nst did not make"),
    ):
        command = option(command)
    return recipe_options(command)


def recipe_options(command: Command) -> Command:
    """The options of whatever paints that are no fields, or are told otherwise here."""
    options: tuple[Callable[[Command], Command], ...] = (
        click.option("--recipe", default=None, help="a name that `nst recipes` lists [kit]"),
        click.option("--set", multiple=True, metavar="FIELD=VALUE", help="any field, as `nst recipes NAME` shows it"),
        click.option(
            "--memory", default=None, metavar="GB", help="gigabytes that a run may use [nine tenths of what is free]"
        ),
        *map(per_style, ONE_PER_STYLE),
        click.option("--quiet", is_flag=True, help="say nothing but errors"),
    )
    for option in options:
        command = option(command)
    return command


def per_style(name: str) -> Callable[[Command], Command]:
    """The option of `ONE_PER_STYLE` that gives one value of this field, to be repeated."""
    value, help = ONE_PER_STYLE[name]
    return click.option(PER_STYLE[name], name, multiple=True, metavar=value, help=f"one per style: {help}")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, invoke_without_command=True
)
@click.version_option(VERSION, prog_name="nst")
@click.pass_context
def nst(context: click.Context) -> None:
    """Neural style transfer: paint a photograph in the manner of a painting.

    Without a command, nst asks for two pictures and paints.
    """
    if context.invoked_subcommand is not None:
        return
    if sys.stdin is not None and sys.stdin.isatty():
        ask()
    else:  # nobody is there to answer
        say(context.get_help())


def dragged(text: str) -> str:
    """A path as it is called, where a terminal wrote it as its shell does: in quotes, or a backslash before a space."""
    quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "'\""
    plain = text[1:-1] if quoted else re.sub(r"\\(.)", r"\1", text)
    return plain if not os.path.exists(text) and os.path.exists(plain) else text


def ask() -> None:
    """Ask for a content and a style picture, names completed and defaults offered, and paint."""
    from .gallery import assets
    from .image import load_image

    complete(assets())
    how = "(file, address or name; TAB completes)"
    content = asked(f"Content picture {how}", "content/harbour", lambda name: load_image(name, 32))
    style = asked(f"Style picture {how}", "style/brushstrokes", lambda name: load_image(name, 32))
    free = next(name for n in range(1, 10**6) if not os.path.exists(name := f"painted-{n}.png"))
    output = asked("Write to", free, lambda name: check_output(name, inputs_of({}, content, style), force=False))
    paint(content, (style,), {}, output=output, **NOTHING)


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


NOTHING: dict[str, Any] = {"checkpoint": None, "force": False, "quiet": False}  # of the options beside a recipe's


@nst.command(cls=FieldCommand)
@click.argument("pictures", nargs=-1, metavar="CONTENT STYLE [STYLE …]")
@click.option("--like", default=None, help="a picture that nst made: repeat its run, pictures and all")
@run_options
def stylize(pictures: tuple[str, ...], like: str | None, **options: Any) -> None:
    """Paint CONTENT in the manner of STYLE, or of several.

    A picture is a file, an address, or a name such as content/harbour, style/mosaic, photo/cat, painting/starry_night.
    Ctrl-C saves the best picture so far, and that counts as done (exit status 0); without one yet it is 130.
    """
    from .plan import options_of

    facts = facts_like(like)
    if not pictures and like:
        pictures = named_in(facts, like)
    if len(pictures) < 2:
        raise InputError(
            f"{len(pictures)} picture{'s' * (len(pictures) != 1)} given: give the content and at least one style, "
            "nst stylize CONTENT STYLE -o OUT.png"
        )
    paint(pictures[0], pictures[1:], options_of(facts), reads=(like,) if like else (), **options)


@nst.command()
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
    from .image import load_image, save_image, shape_of
    from .onepass import one_pass
    from .result import facts_as_metadata
    from .rules import judged

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


@nst.command(cls=TextureCommand)
@click.argument("styles", nargs=-1, metavar="STYLE [STYLE …]")
@click.option("--like", default=None, help="a texture that nst made: repeat its run, pictures and all")
@run_options
def texture(styles: tuple[str, ...], like: str | None, **options: Any) -> None:
    """Make a square of texture in the manner of STYLE, from noise."""
    from .plan import options_of
    from .transfer import TEXTURE

    facts = facts_like(like)
    if facts.get("content") is not None:
        raise InputError(f"'{like}' has a content, so it is no texture: repeat it by nst stylize --like")
    styles = styles or tuple(facts.get("styles") or ())
    if not styles:
        raise InputError("no picture given: give at least one style, nst texture STYLE -o OUT.png")
    paint(None, styles, options_of(facts) or TEXTURE, reads=(like,) if like else (), **options)


@nst.command(cls=FieldCommand)
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
    from .rules import Number
    from .sweeps import sweep

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


def values_of(text: str) -> tuple[str, list[Any]]:
    """A field and its values, as `--grid` gives them.

    Args:
        text: such as "style_weight=0.5,1,2".

    Raises:
        InputError: there is no value, no such field, or a value in another form than its field's.
    """
    from .rules import Tuple, read

    name, _, values = text.partition("=")
    name, sign = name.strip().replace("-", "_"), ";" if ";" in values else ","
    rule = rule_for(name)
    one = isinstance(rule, Tuple) and len(rule.items) > 1 and rule.sign == sign  # 0.9,0.99 is one value of betas
    parts = [part.strip() for part in ([values] if one else values.split(sign)) if part.strip()]
    if not parts:
        raise InputError(f"--grid {text} names no values: write --grid FIELD=VALUE,VALUE, such as style_weight=0.5,1,2")
    return name, [read(name, part, rule) for part in parts]


def paint(
    content: str | None,
    styles: tuple[str, ...],
    before: Mapping[str, Any],
    output: str,
    checkpoint: str | None,
    force: bool,
    quiet: bool,
    reads: tuple[str, ...] = (),
    **options: Any,
) -> None:
    """Run a plan with a progress bar and save what comes of it, also after an interrupt.

    Args:
        content: a picture, or None.
        styles: pictures.
        before: options that hold where the command line gives none.
        output: the file to write.
        checkpoint: a file for the state, or None.
        force: whether to write over a file that nst did not make.
        quiet: whether to say nothing.
        reads: files that were read beside the pictures.
        options: of the command line; None or () where it gives none.
    """
    from .checkpoint import checked
    from .image import check_apart
    from .plan import prepare
    from .transfer import carry_out

    given = parsed(options)
    inputs = [*inputs_of(given, content, *styles), *reads]
    check_output(output, inputs, force)
    if checkpoint is not None:
        check_apart(checkpoint, [*inputs, output], "the checkpoint")
    state = checked(checkpoint)
    plan = prepare(content, styles, **{**before, **given})
    check_format(output, plan.stages[-1].size)
    tell = (lambda text: None) if quiet else say
    for note in plan.notes:
        tell(note)

    def watch(progress: Progress) -> None:
        bar(progress)
        if progress.done == 1:
            stop_no_more()

    with Bar(quiet) as bar:
        result = carry_out(plan, state, watch)
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


class Trouble(click.ClickException):
    """Something was saved, but not as it was asked for."""

    exit_code = 1


class Interrupted(Trouble):
    """An interrupt, and what it left."""

    exit_code = 130


def parsed(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the command line gave, as values; the rules themselves are applied where the values arrive.

    Raises:
        InputError: --set without a field and a value, with a field that does not exist, or one that is given already.
    """
    given = {name: value for name, value in options.items() if value not in (None, ())}
    for text in given.pop("set", ()):
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text} names no value: write --set FIELD=VALUE, such as --set history=20")
        name = name.strip().replace("-", "_")
        if name in given:
            raise InputError(f"{name} is given twice, and once by --set: give it once")
        given[name] = value.strip()
    made = {name: parse(name, text) for name, text in given.items()}
    if isinstance(made.get("memory"), int | float):
        made["memory"] *= GIGABYTE
    return made


def inputs_of(given: Mapping[str, Any], *pictures: str | None) -> list[str]:
    """All files that a run reads, which it must not write over.

    Args:
        given: its options, as values.
        *pictures: content and styles.
    """
    from .regions import MASKS

    masks = [mask for name in MASKS for mask in given.get(name) or ()]
    return [name for name in (*pictures, given.get("start"), given.get("weights"), *masks) if name]


def parse(name: str, given: str | tuple[str, ...]) -> Any:
    """What an option's text means; of one that was given once per style, the values in a row.

    Args:
        name: of the field.
        given: a text, or several.

    Raises:
        InputError: there is no such field, or a text is not written in the form that its field asks for.
    """
    from .rules import read

    rule = rule_for(name)
    if isinstance(given, str):
        return read(name, given, rule)
    row = rule.rule  # of all the styles together; without it, "none" would mean none of them at all
    made = [row.parse(text) for text in given]
    return tuple(value for one in made for value in (one if isinstance(one, tuple) else (one,)))


def rule_for(name: str) -> Any:
    """The rule of a field of a recipe or of the settings.

    Raises:
        InputError: there is no such field (names the nearest).
    """
    from .plan import RULES
    from .rules import Text

    rules = {**RULES, "recipe": Text("a name")}
    return rules[one_of("option", name, rules)]


def facts_like(path: str | None) -> dict[str, Any]:
    """The facts of a picture whose run is to be repeated, the files that they name found; none for no picture.

    Args:
        path: of the picture.
    """
    from .result import read_facts

    return beside(read_facts(path), path) if path else {}


def named_in(facts: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Content and styles, as a picture's facts name them.

    Raises:
        InputError: there is no content, or no style: it was not made by `nst stylize`.
    """
    from .result import painted_from

    if (names := painted_from(facts)) is None:
        raise InputError(
            f"'{path}' was not made from a content and a style picture: repeat a texture by nst texture --like"
        )
    return names


def beside(facts: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A picture's facts, with the files that they name looked for beside it where they are not here.

    Args:
        facts: as `read_facts` reads them.
        path: of the picture.
    """
    from .regions import MASKS

    def found(name: Any) -> Any:
        if isinstance(name, list):
            return [found(one) for one in name]
        if not isinstance(name, str) or Path(name).exists() or not (near := Path(path).parent / name).is_file():
            return name
        return str(near)

    recipe = facts.get("recipe") or {}
    start = {"start": found(recipe["start"])} if "start" in recipe else {}
    told = {name: found(facts.get(name)) for name in ("content", "styles", *MASKS, "weights")}
    return {**facts, **told, "recipe": {**recipe, **start}}


@nst.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """List the recipes, or print all numbers of one."""
    from .recipes import RECIPES

    for line in fields_of(RECIPES[one_of("recipe", name, RECIPES)]) if name else table(RECIPES.values()):
        say(line)


def fields_of(recipe: Recipe) -> Iterable[str]:
    """A recipe's fields, one a line, in the form that --set takes."""
    return (f"{one.name:18} {one.metadata['rule'].show(getattr(recipe, one.name))}" for one in fields(recipe))


def table(recipes: Iterable[Recipe]) -> Iterable[str]:
    """Recipes, one a line."""
    row = "{:24} {:13} {:14} {:>9} {:>9} {:>9} {:6} {:>5} {:8} {}"
    yield row.format("recipe", "network", "style by", "content", "style", "tv", "by", "steps", "from", "source")
    for r in recipes:
        weights = (f"{w:g}" for w in (r.content_weight, r.style_weight, r.tv_weight))
        total = r.evaluations + sum(evaluations for _, evaluations in r.scales())
        yield row.format(r.name, r.backbone, r.statistic, *weights, r.optimizer, total, r.start, r.source)


@nst.group(invoke_without_command=True)
@click.pass_context
def weights(context: click.Context) -> None:
    """List, fetch or export the networks' weights."""
    if context.invoked_subcommand is None:
        say(context.get_help())


@weights.command("list")
def list_weights() -> None:
    """List the networks, and where the weights of each are."""
    from .architecture import BACKBONES
    from .weights import look_for_weights

    for name, architecture in BACKBONES.items():
        _, place = look_for_weights(name)
        say(f"{name:14} {architecture.weights.megabytes:6.1f} MB  {place}  ({architecture.weights.licence})")


@weights.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Download the weights of NAME into torch's cache.

    They are checked before they are kept.
    """
    from .weights import fetch_weights, look_for_weights

    fetch_weights(name)
    say(f"{name}: {look_for_weights(name)[1]}")


@weights.command()
@click.argument("name")
@click.option("-o", "--output", default=None, help="the file to write [NAME.safetensors]")
@click.option("--until", default=None, help="the last layer to keep [the deepest that the network's recipes use]")
@click.option("--full", is_flag=True, help="float32 instead of float16")
@click.option("--force", is_flag=True, help="write over a file that nst did not make")
def export(name: str, output: str | None, until: str | None, full: bool, force: bool) -> None:
    """Write the features of NAME alone, small enough to hand out.

    Put the file into the folder of NSTLIB_WEIGHTS.
    """
    from .architecture import BACKBONES
    from .backbone import load_backbone
    from .weights import check_export, save_weights

    path = check_export(f"{name}.safetensors" if output is None else output, name, force=force)
    backbone = load_backbone(name)
    architecture = BACKBONES[name]
    until = until or backbone.check_layers([*architecture.content_layers, *architecture.style_layers])[-1]
    size = save_weights(
        backbone.trimmed(until), path, half=not full, network=name, until=until, licence=architecture.weights.licence
    )
    say(f"{path}: {name} up to {until}, {size / 1e6:.1f} MB")


@nst.command()
@click.argument("picture")
@click.option("--json", "as_data", is_flag=True, help="all that is known, as JSON")
def show(picture: str, as_data: bool) -> None:
    """Print how PICTURE was made.

    That is its pictures, its recipe, and what differs from it.
    """
    from .result import read_facts

    facts = read_facts(picture, with_recipe=False)
    if as_data:
        say(json.dumps(facts, indent=2, ensure_ascii=False).translate(SPELT))
        return
    try:
        rows = list(story_of(facts))
    except (TypeError, ValueError, KeyError, IndexError):
        raise InputError(f"'{picture}' tells its making in a form of its own: nst show {picture} --json") from None
    for name, words in rows:
        say(f"{one_line(name):18} {one_line(words, limit=sys.maxsize)}")


def story_of(facts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """How a picture was made, in rows of a name and words.

    Args:
        facts: as `read_facts` reads them.
    """
    from .plan import RULES
    from .recipe import Recipe
    from .recipes import DEFAULT_RECIPE, RECIPES
    from .regions import MASKS
    from .result import duration

    if "recipe" not in facts:
        yield from ((name, str(value)) for name, value in facts.items() if value is not None)
        return
    yield "content", facts.get("content") or "none, or a picture from memory"
    shares = facts.get("shares") or ()
    for number, style in enumerate(facts.get("styles") or ()):
        share = f", {shares[number]:.0%} of the style" if len(shares) > 1 else ""
        yield "style", f"{style or 'a picture from memory'}{share}"
        for name in (*MASKS, "own_layers"):
            if facts.get(name) and facts[name][number] is not None:
                value = facts[name][number]
                yield f"  {PER_STYLE[name].strip('-')}", value if isinstance(value, str) else ",".join(value)
    recipe = Recipe.from_dict(facts["recipe"])
    base = RECIPES.get(recipe.name, RECIPES[DEFAULT_RECIPE])
    named = "" if recipe.name == base.name else f"{recipe.name}, told by what differs from "
    yield "recipe", f"{named}{base.name}" + (f" ({base.source})" if base.source else "")
    for name, value in recipe.differences(base).items():
        yield f"  {name}", f"{RULES[name].show(value)}, not {RULES[name].show(getattr(base, name))}"
    for name in ("seed", "style_scales", "weights"):
        if facts.get(name):
            yield name, str(facts[name])
    took = f"{duration(facts.get('seconds') or 0)} on {facts.get('device')} in {facts.get('precision')}"
    yield "painted in", f"{took}, with nstlib {facts.get('version')} and torch {facts.get('torch')}"
    yield "ended", f"{facts.get('stopped')}, loss {facts.get('loss') or 0:.4g}"


@nst.command()
@click.argument("content")
@click.argument("style")
@click.argument("pictures", nargs=-1, required=True)
@click.option("--network", "networks", multiple=True, help="a judge; repeat it for more [all whose weights are here]")
@click.option("--size", type=int, default=512, show_default=True, help="long side in pixels while they are judged")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu")
@click.option("--layers", is_flag=True, help="print what each layer says, too")
@click.option("--chart", help="a file for the chart: style against content, each picture a point")
@click.option("--force", is_flag=True, help="write the chart over a file that nst did not make")
def judge(
    content: str,
    style: str,
    pictures: tuple[str, ...],
    networks: tuple[str, ...],
    size: int,
    device: str,
    layers: bool,
    chart: str | None,
    force: bool,
) -> None:
    """Let networks, colours and fine detail judge PICTURES.

    They are the ones that were made of CONTENT and STYLE.
    """
    from .judges import judge

    if chart:
        check_output(chart, (content, style, *pictures), force, "the chart")
        if find_spec("matplotlib") is None:
            raise InputError("a chart is drawn by matplotlib, which is not installed: pip install 'nstlib[lab]'")
    found = judge(content, style, *pictures, networks=networks or None, size=size, device=device)
    for line in repr(found).splitlines():
        say(line)
    for picture, network, layer, share in found.layers() if layers else ():
        say(f"{picture}  {network}  {layer:8} {share}")
    for line in found.words() if not layers else ():
        say(line)
    if chart:
        say(f"chart: {save_chart(found, chart)}")


def save_chart(found: Judgement, path: str) -> Path:
    """Draw what was judged into a file, whole or not at all; its metadata say that nst made it.

    Args:
        found: what was said of the pictures.
        path: of a PNG, JPEG or WebP.

    Raises:
        InputError: it cannot be written, or matplotlib is not installed.
    """
    from .image import load_image, save_image
    from .plot import judged
    from .result import facts_as_metadata

    drawn = io.BytesIO()
    judged(found).savefig(drawn)
    return save_image(load_image(drawn.getvalue()).pixels, path, facts_as_metadata({"by": "judge", "version": VERSION}))


@nst.command()
@click.option("--size", type=int, default=512, show_default=True, help="long side in pixels")
@click.option("--backbone", default="pocket", show_default=True, help="network")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu")
def doctor(size: int, backbone: str, device: str) -> None:
    """Look at this machine, and say how long a picture takes.

    Versions, device, memory and weights are listed, too.
    """
    from .architecture import BACKBONES
    from .backbone import load_backbone
    from .budget import Needs
    from .machine import choose_device, choose_precision, describe_device, free_memory
    from .recipes import DEFAULT_RECIPE, RECIPES
    from .weights import look_for_weights

    place = choose_device(device)
    recipe = RECIPES[DEFAULT_RECIPE].on(backbone).changed(size=size)
    say(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    say(f"{'nstlib':12} {VERSION}")
    for package in ("torch", "torchvision", "pillow", "jupyterlab", "ipywidgets", "matplotlib"):
        say(f"{package:12} {installed(package)}")
    free = free_memory(place)
    precision = choose_precision("auto", place)
    say(f"device       {describe_device(place)}, {free / 2**30:.1f} GiB of memory free")
    say(f"precision    {precision}")
    for name in BACKBONES:
        say(f"{name:14} {look_for_weights(name)[1]}")
    needs = Needs(load_backbone(backbone, "random"), recipe, precision, place)
    fast, most = (needs.largest(0.9 * free, fast=quick) for quick in (True, False))
    told = "cannot be painted here: there is no memory for it" if size > most else seconds_foretold(recipe, device)
    say(f"a {size}×{size} picture with {backbone} {told}")
    say(f"the largest square picture that fits is about {fast} pixels wide at full speed, {most} at all")


def installed(package: str) -> str:
    """The version of a package, or how to get it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed (pip install 'nstlib[lab]')"


def seconds_foretold(recipe: Recipe, device: str) -> str:
    """How long a square picture takes, by two small ones that are painted now: the machine may have been busy before.

    Args:
        recipe: names size and evaluations.
        device: as `choose_device` takes it.
    """
    import torch

    from .forecast import Paces, measure, span_in_words
    from .plan import prepare
    from .weights import look_for_weights

    pixels, paces = torch.rand(1, 3, recipe.size, recipe.size), Paces()
    here, _ = look_for_weights(recipe.backbone)
    weights = None if here else "random"  # of the same size: nothing is downloaded here
    try:
        plan = prepare(pixels, [pixels.flip(3)], recipe=recipe, device=device, weights=weights)
    except InputError as error:  # no memory for this size
        return f"cannot be painted here: {error}"
    measure(plan, paces)
    span = paces.seconds(plan)
    assert span is not None  # it was measured just now
    return f"takes {span_in_words(span)} ({recipe.evaluations} evaluations)"


@nst.command()
@click.argument("folder")
@click.option("--force", is_flag=True, help="write over lessons that you changed")
def lessons(folder: str, force: bool) -> None:
    """Write the lessons, both editions, into FOLDER.

    A file that you changed stays unless --force is given.
    """
    from .lesson import write_lessons

    fresh, changed = write_lessons(folder, force=force)
    say(f"{folder}: {len(fresh)} files written" if fresh else f"{folder}: nothing to do")
    if changed:
        say(f"kept as you changed them: {', '.join(changed)}; --force writes them anew")


@nst.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(folder: str | None, arguments: tuple[str, ...]) -> None:
    """Open the lessons in JupyterLab.

    FOLDER holds them [notebooks], ARGUMENTS go to JupyterLab.
    """
    from .lesson import open_lab

    where, others = folder_first(folder, arguments)
    open_lab(where, *others)


@nst.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--voila", is_flag=True, help="show the studio alone, by Voila: pip install 'nstlib[voila]'")
def studio(folder: str | None, arguments: tuple[str, ...], voila: bool) -> None:
    """Open the studio in the browser.

    FOLDER keeps its pictures [notebooks], ARGUMENTS go to JupyterLab or Voila.
    """
    from .lesson import open_studio

    where, others = folder_first(folder, arguments)
    open_studio(where, *others, voila=voila)


def folder_first(folder: str | None, arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """A folder, or None, and what goes to JupyterLab, which may stand first where no folder is named."""
    return (None, (folder, *arguments)) if folder and folder.startswith("-") else (folder, arguments)


@nst.command()
@click.argument("folder", default="notebooks")
@click.option("--check", "only_look", is_flag=True, help="write nothing; fail if the student edition is not current")
@click.option("--force", is_flag=True, help="build anew, too, what somebody has worked in")
def student(folder: str, only_look: bool, force: bool) -> None:
    """Build FOLDER/student: the lessons with room for answers.

    They come without outputs.
    """
    from .course import build_student

    differ = build_student(folder, check=only_look, force=force)
    if only_look and differ:
        raise InputError(f"the student edition is not what the lessons build ({', '.join(differ)}): run nst student")
    say(f"{folder}/student: {', '.join(differ) + ' written' if differ else 'nothing to do'}")


@nst.command()
@click.argument("lesson")
def key(lesson: str) -> None:
    """For teachers: print what LESSON asks, and the right answers.

    The wrong ones that its checks know are told, too.
    """
    from .key import answer_key

    say(answer_key(lesson))


@nst.command()
@click.argument("folder", default="submitted")
def handins(folder: str) -> None:
    """For teachers: make ready for nbgrader what was handed in.

    FOLDER is nbgrader's "submitted". Names and metadata are mended, answers stay; what is told of each should be read
    before nbgrader marks it.
    """
    from .handins import look_over

    for one in look_over(folder):
        say(str(one))


@nst.command()
@click.argument("folder", default="notebooks")
@click.option("--repository", default=None, help="https://github.com/OWNER/NAME [the address in pyproject]")
@click.option("--tag", default=None, help="the release that Colab installs [this version's]")
def stamp(folder: str, repository: str | None, tag: str | None) -> None:
    """Write badge and first cell into each lesson of FOLDER.

    Those of FOLDER/student get them, too; it is for your own copy on GitHub, say.
    """
    from .course import stamp as stamp_lessons

    changed = stamp_lessons(folder, repository, tag)
    say(f"{folder}: {', '.join(changed) + ' stamped' if changed else 'nothing to do'}")


def is_spelt(stream: Any) -> bool:
    """Whether somebody else says how a stream spells its letters: a terminal, or the caller.

    A file and a pipe get those of Windows' code page otherwise, which has neither ✓ nor ψ.
    """
    return stream.isatty() or "PYTHONIOENCODING" in os.environ


def main() -> None:
    """Run `nst`; a mistake becomes one line and exit status 2."""
    wait_briefly()
    for name in ("stdout", "stderr"):  # a reader that is gone, or a name that it cannot spell, must not stop anything
        stream = forgiving(getattr(sys, name))
        setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace", encoding=None if is_spelt(stream) else "utf-8")
    for number in END_SIGNALS:
        signal.signal(number, stop)
    try:
        nst.main(standalone_mode=False)
    except InputError as error:
        # `stop` was called in an import, which told it as its own.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            fail("interrupted: what was finished is kept, and the same command goes on", 130)
        fail(str(error), 2)
    except OSError as error:  # of a disk or a network, at a place that foresaw none
        where = f" at '{error.filename}'" if error.filename else ""
        fail(f"{error.strerror or error}{where}: look at the disk and its permissions", 2)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        fail(error.format_message(), getattr(error, "exit_code", 2) if isinstance(error, Trouble) else 2)
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted before there was a picture to keep", 130)


def stop(number: int, frame: object) -> None:
    """End the run as Ctrl-C does, on the first signal; what comes after it would only cost what is being saved."""
    for each in END_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def stop_no_more() -> None:
    """The picture is finished: until it is saved, a signal that `main` listens for would only cost it."""
    for number in END_SIGNALS:
        if signal.getsignal(number) is stop:
            signal.signal(number, lambda number, frame: None)


def fail(message: str, status: int) -> None:
    """One line on standard error, not endless, and an exit status."""
    say_wrong(one_line(message, limit=LONG))
    sys.exit(status)
