"""The command line `nst` → calls of the above.

Every default and help text is read from the library: a recipe's fields, the networks, the optimisers. A mistake is
one line on standard error and exit status 2; nothing is written then.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import torch
from tqdm import tqdm

from .about import VERSION
from .backbone import BACKBONES, load_backbone
from .course import build_student
from .course import stamp as stamp_lessons
from .errors import InputError, choose
from .image import check_writable, read_metadata
from .machine import choose_device, choose_precision, describe_device, free_memory
from .optimize import optimize
from .recipe import DEFAULT_RECIPE, RECIPES, Recipe
from .transfer import (
    METADATA_KEY,
    Progress,
    Result,
    Transfer,
    largest_size,
    run,
    scout,
)
from .weights import WEIGHTS, fetch_weights, find_weights, save_weights

__all__ = ["main"]

OPTION_FIELDS = (
    ("size", int),
    ("side", str),
    ("backbone", str),
    ("pooling", str),
    ("optimizer", str),
    ("evaluations", int),
    ("content_weight", float),
    ("style_weight", float),
    ("tv_weight", float),
    ("statistic", str),
    ("start", str),
    ("style_size", int),
    ("rate", float),
)


def recipe_options(command: Callable) -> Callable:
    """One option per field of a recipe; without it the recipe's value stands."""
    default, known = RECIPES[DEFAULT_RECIPE], {f.name: f for f in fields(Recipe)}
    for name, kind in reversed(OPTION_FIELDS):
        help = f"{known[name].metadata['help']} [{DEFAULT_RECIPE}: {getattr(default, name)}]"
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, default=None, help=help)(command)
    return command


def run_options(command: Callable) -> Callable:
    """The options that `stylize` and `texture` share beside a recipe's fields."""
    for option in (
        click.option("-o", "--output", required=True, help="the picture to write: .png, .jpg or .webp"),
        click.option("--recipe", default=None, help=f"a name that `nst recipes` lists [{DEFAULT_RECIPE}]"),
        click.option("--seed", type=int, default=None, help="of all that is random [0]"),
        click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu"),
        click.option("--precision", default=None, help="auto, float32, bfloat16 or mixed [auto: bfloat16 if native]"),
        click.option("--memory", type=float, default=None, help="GB that the run may use [what is free]"),
        click.option("--weights", default=None, help="a file with the network's weights, or random"),
        click.option("--share", "shares", type=float, multiple=True, help="one per style picture: how much it counts"),
        click.option(
            "--style-scale", "style_scales", type=float, multiple=True, help="one per style picture: its size"
        ),
        click.option("--checkpoint", default=None, help="a file for the state; if it exists, the run goes on from it"),
        click.option("--quiet", is_flag=True, help="say nothing but errors"),
    ):
        command = option(command)
    return recipe_options(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION, prog_name="nst")
def nst() -> None:
    """Neural style transfer: paint a photograph in the manner of a painting."""


@nst.command()
@click.argument("pictures", nargs=-1, metavar="CONTENT STYLE [STYLE …]")
@click.option("--like", default=None, help="a picture that nst made: repeat its run, pictures and all")
@run_options
def stylize(pictures: tuple[str, ...], like: str | None, output: str, quiet: bool, **options: object) -> None:
    """Paint CONTENT in the manner of STYLE, or of several.

    A picture is a file, an address, or a name such as content/harbour, style/mosaic, photo/cat, painting/starry_night.
    """
    check_writable(output)
    facts = facts_of(like) if like else {}
    if not pictures and facts:
        pictures = (str(facts["content"]), *facts["styles"])
    if len(pictures) < 2:
        raise InputError(
            f"{len(pictures)} picture was given: give the content and at least one style, nst stylize C S -o OUT"
        )
    paint(pictures[0], pictures[1:], output, quiet, facts, options)


@nst.command()
@click.argument("styles", nargs=-1, required=True, metavar="STYLE [STYLE …]")
@run_options
def texture(styles: tuple[str, ...], output: str, quiet: bool, **options: object) -> None:
    """Make a square of texture in the manner of STYLE, from noise."""
    check_writable(output)
    defaults = {"size": 256, "start": "noise", "content_weight": 0.0}
    options |= {name: value for name, value in defaults.items() if options[name] is None}
    paint(None, styles, output, quiet, {}, options)


def paint(
    content: str | None, styles: tuple[str, ...], output: str, quiet: bool, facts: Mapping, options: dict[str, object]
) -> None:
    """Run a transfer with a progress bar and save what comes of it, also after an interrupt."""
    options = {name: value for name, value in options.items() if value not in (None, ())}
    remembered = {
        k: facts.get(k) for k in ("seed", "shares", "style_scales", "weights", "precision") if facts.get(k) is not None
    }
    if facts:
        remembered["recipe"] = Recipe.from_dict(facts["recipe"])
    if "memory" in options:
        options["memory"] *= 1e9
    transfer = Transfer(content, styles, **(remembered | options))
    if not quiet:
        for note in transfer.notes:
            click.echo(note)
    with Bar(quiet) as bar:
        result = run(transfer, bar)
    result.save(output)
    if not quiet:
        click.echo(summary(result, output))


class Bar:
    """A progress bar that is fed with `Progress`."""

    def __init__(self, quiet: bool):
        self.bar = tqdm(
            total=1.0,
            disable=quiet,
            leave=False,
            bar_format="{desc} {bar} {percentage:3.0f} % {postfix}",
            dynamic_ncols=True,
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, progress: Progress) -> None:
        height, width = progress.size
        left = progress.seconds_left
        self.bar.set_description_str(f"{width}×{height}", refresh=False)
        words = f"loss {progress.step.loss:.4g}" + ("" if left is None else f", {clock(left)} left")
        self.bar.set_postfix_str(words, refresh=False)
        self.bar.update(progress.done - self.bar.n)


def clock(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def summary(result: Result, output: str) -> str:
    """What a run did, in one line."""
    last, size = result.history[-1], result.image.shape
    return (
        f"{output}: {size[3]}×{size[2]}, {last.evaluations} evaluations in {clock(result.seconds)}, "
        f"loss {result.history[0].loss:.4g} → {result.facts['loss']:.4g} ({result.stopped})"
    )


@nst.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """List the recipes, or print all numbers of one."""
    if name is not None:
        recipe = RECIPES[choose("recipe", name, RECIPES)]
        for field in fields(Recipe):
            value = getattr(recipe, field.name)
            click.echo(f"{field.name:18} {dict(value) if isinstance(value, Mapping) else value}")
        return
    row = "{:24} {:13} {:14} {:>9} {:>9} {:>9} {:6} {:>5} {:8} {}"
    click.echo(row.format("recipe", "network", "style by", "content", "style", "tv", "by", "steps", "from", "source"))
    for r in RECIPES.values():
        weights = (f"{w:g}" for w in (r.content_weight, r.style_weight, r.tv_weight))
        total = r.evaluations + sum(evaluations for _, evaluations in r.scales())
        click.echo(row.format(r.name, r.backbone, r.statistic, *weights, r.optimizer, total, r.start, r.source))


@nst.group()
def weights() -> None:
    """List, fetch or export the networks' weights."""


@weights.command("list")
def list_weights() -> None:
    """List the networks, and where the weights of each are."""
    for name, facts in WEIGHTS.items():
        place = find_weights(name) or f"not here: nst weights fetch {name}"
        click.echo(f"{name:14} {facts.megabytes:6.1f} MB  {place}  ({facts.licence})")


@weights.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Download the weights of NAME, check them, and keep them in torch's cache."""
    fetch_weights(name)
    click.echo(f"{name}: {find_weights(name)}")


@weights.command()
@click.argument("name")
@click.option("-o", "--output", default=None, help="the file to write [NAME.safetensors]")
@click.option("--until", default=None, help="the last layer to keep [the deepest that the network's recipes use]")
@click.option("--full", is_flag=True, help="float32 instead of float16")
def export(name: str, output: str | None, until: str | None, full: bool) -> None:
    """Write the features of NAME alone, small enough to hand out: put the file into the folder of NSTLIB_WEIGHTS."""
    backbone = load_backbone(name)
    architecture = BACKBONES[name]
    until = until or backbone.check_layers([*architecture.content_layers, *architecture.style_layers])[-1]
    path = Path(output or f"{name}.safetensors")
    size = save_weights(
        backbone.trimmed(until), path, half=not full, network=name, until=until, licence=WEIGHTS[name].licence
    )
    click.echo(f"{path}: {name} up to {until}, {size / 1e6:.1f} MB")


@nst.command()
@click.argument("picture")
def show(picture: str) -> None:
    """Print how PICTURE was made."""
    click.echo(json.dumps(facts_of(picture), indent=2, ensure_ascii=False))


def facts_of(picture: str) -> dict:
    """The facts in the metadata of a picture that nst made."""
    stored = read_metadata(picture).get(METADATA_KEY)
    try:
        return json.loads(stored)
    except (TypeError, ValueError):
        raise InputError(
            f"'{picture}' does not say how it was made: nst did not save it, or its metadata was lost"
        ) from None


@nst.command()
@click.option("--size", type=int, default=RECIPES[DEFAULT_RECIPE].size, show_default=True, help="long side in pixels")
@click.option("--backbone", default=RECIPES[DEFAULT_RECIPE].backbone, show_default=True, help="network")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu")
def doctor(size: int, backbone: str, device: str) -> None:
    """Look at this machine: versions, device, memory, weights, and how long a picture takes."""
    place = choose_device(device)
    recipe = RECIPES[DEFAULT_RECIPE].on(backbone)
    click.echo(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    click.echo(f"{'nstlib':12} {VERSION}")
    for package in ("torch", "torchvision", "pillow", "jupyterlab", "ipywidgets", "matplotlib"):
        click.echo(f"{package:12} {installed(package)}")
    free = free_memory(place)
    click.echo(f"device       {describe_device(place)}, {free / 2**30:.1f} GiB of memory free")
    click.echo(f"precision    {choose_precision('auto', place)}")
    for name in WEIGHTS:
        click.echo(f"{name:14} {find_weights(name) or f'no weights: nst weights fetch {name}'}")
    per_pixel = measure(recipe, place)
    seconds = per_pixel * size * size * recipe.evaluations
    click.echo(
        f"a {size}×{size} picture with {backbone} takes about {clock(seconds)} ({recipe.evaluations} evaluations)"
    )
    engine = scout(load_backbone(backbone, "random"), recipe, choose_precision("auto", place))
    fast, most = (largest_size(engine, recipe, 0.9 * free, fast=quick) for quick in (True, False))
    click.echo(f"the largest square picture that fits is about {fast} pixels wide at full speed, {most} at all")


@nst.command()
@click.argument("folder", default="notebooks")
@click.option("--check", is_flag=True, help="write nothing; fail if the student edition is not what the lessons build")
def student(folder: str, check: bool) -> None:
    """Build FOLDER/student: the lessons with room for answers, without outputs."""
    differ = build_student(folder, check=check)
    if check and differ:
        raise InputError(f"the student edition is not what the lessons build ({', '.join(differ)}): run nst student")
    click.echo(f"{folder}/student: {', '.join(differ) + ' written' if differ else 'nothing to do'}")


@nst.command()
@click.argument("folder", default="notebooks")
@click.option("--repository", default=None, help="https://github.com/OWNER/NAME [the address in pyproject]")
@click.option("--tag", default=None, help="the release that Colab installs [this version's]")
def stamp(folder: str, repository: str | None, tag: str | None) -> None:
    """Write badge and first cell into each lesson of FOLDER, for your own copy of the kit on GitHub, say."""
    changed = stamp_lessons(folder, repository, tag)
    click.echo(f"{folder}: {', '.join(changed) + ' stamped' if changed else 'nothing to do'}")


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed (pip install 'nstlib[lab]')"


def measure(recipe: Recipe, device: torch.device, size: int = 192) -> float:
    """Seconds per pixel of one evaluation, the optimiser's share included, after a warm-up."""
    picture = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    weights = None if find_weights(recipe.backbone) else "random"
    transfer = Transfer(picture, [picture.flip(3)], recipe=recipe, device=str(device), weights=weights, size=size)
    steps = optimize(transfer.objective((size, size)), picture.to(device).flip(2), recipe.optimizer, evaluations=9)
    first = next(steps)
    began = time.perf_counter()
    *_, last = steps
    return (time.perf_counter() - began) / (last.evaluations - first.evaluations) / size**2


def main() -> None:
    """Run `nst`; a mistake becomes one line and exit status 2."""
    try:
        nst.main(standalone_mode=False)
    except InputError as error:
        fail(str(error))
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        fail(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        print("nst: interrupted before there was a picture to keep", file=sys.stderr)
        sys.exit(130)


def fail(message: str) -> None:
    print("nst: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
