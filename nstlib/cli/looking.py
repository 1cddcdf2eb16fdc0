"""The commands that look: at recipes and weights, at how a picture was made and how well, and at this machine."""

from __future__ import annotations

import io
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..about import VERSION
from ..errors import InputError, counted, one_line, one_of
from ..outputs import check_output
from ..terminal import PER_STYLE, say
from .options import rule_for

if TYPE_CHECKING:
    from ..judges import Judgement
    from ..recipe import Recipe

SPELT = {number: f"\\u{number:04x}" for number in range(127, 160)}  # what steers a terminal, as JSON may have it


@click.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """List the recipes, or print all numbers of one."""
    from ..recipes import RECIPES

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


@click.group(invoke_without_command=True)
@click.pass_context
def weights(context: click.Context) -> None:
    """List, fetch or export the networks' weights."""
    if context.invoked_subcommand is None:
        say(context.get_help())


@weights.command("list")
def list_weights() -> None:
    """List the networks, and where the weights of each are."""
    from ..architecture import BACKBONES
    from ..weights import look_for_weights

    for name, architecture in BACKBONES.items():
        _, place = look_for_weights(name)
        say(f"{name:14} {architecture.weights.megabytes:6.1f} MB  {place}  ({architecture.weights.licence})")


@weights.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Download the weights of NAME into torch's cache.

    They are checked before they are kept.
    """
    from ..weights import fetch_weights, look_for_weights

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
    from ..architecture import BACKBONES
    from ..backbone import load_backbone
    from ..weights import check_export, save_weights

    name = one_of("backbone", name, BACKBONES)
    path = check_export(f"{name}.safetensors" if output is None else output, name, force=force)
    backbone = load_backbone(name)
    architecture = BACKBONES[name]
    until = until or backbone.check_layers([*architecture.content_layers, *architecture.style_layers])[-1]
    size = save_weights(
        backbone.trimmed(until), path, half=not full, network=name, until=until, licence=architecture.weights.licence
    )
    say(f"{path}: {name} up to {until}, {size / 1e6:.1f} MB")


@click.command()
@click.argument("picture")
@click.option("--json", "as_data", is_flag=True, help="all that is known, as JSON")
def show(picture: str, as_data: bool) -> None:
    """Print how PICTURE was made.

    That is its pictures, its recipe, and what differs from it.
    """
    from ..result import read_facts

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
    from ..recipe import Recipe
    from ..recipes import DEFAULT_RECIPE, RECIPES
    from ..regions import MASKS
    from ..result import duration
    from ..settings import RULES

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


@click.command()
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
    from ..judges import judge
    from ..rules import judged

    size = judged("size", size, rule_for("size"))
    if chart:
        check_output(chart, (content, style, *pictures), force, "the chart")
        if find_spec("matplotlib") is None:
            raise InputError("a chart is drawn by matplotlib, which is not installed: pip install matplotlib")
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
    from ..image import load_image
    from ..plot import judged
    from ..result import facts_as_metadata
    from ..saving import save_image

    drawn = io.BytesIO()
    judged(found).savefig(drawn)
    return save_image(load_image(drawn.getvalue()).pixels, path, facts_as_metadata({"by": "judge", "version": VERSION}))


@click.command()
@click.option("--size", type=int, default=512, show_default=True, help="long side in pixels")
@click.option("--backbone", default="pocket", show_default=True, help="network")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu")
def doctor(size: int, backbone: str, device: str) -> None:
    """Look at this machine, and say how long a picture takes.

    Versions, device, memory and weights are listed, too.
    """
    from ..architecture import BACKBONES
    from ..backbone import load_backbone
    from ..budget import Needs
    from ..machine import choose_device, choose_precision, describe_device, free_memory
    from ..recipes import DEFAULT_RECIPE, RECIPES
    from ..weights import look_for_weights

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
        return f"not installed (pip install {package})"


def seconds_foretold(recipe: Recipe, device: str) -> str:
    """How long a square picture takes, by two small ones that are painted now: the machine may have been busy before.

    Args:
        recipe: names size and evaluations.
        device: as `choose_device` takes it.
    """
    import torch

    from ..forecast import Paces, measure, span_in_words
    from ..plan import prepare
    from ..weights import look_for_weights

    pixels, paces = torch.rand(1, 3, recipe.size, recipe.size, device="cpu"), Paces()
    here, _ = look_for_weights(recipe.backbone)
    weights = None if here else "random"  # of the same size: nothing is downloaded here
    try:
        plan = prepare(pixels, [pixels.flip(3)], recipe=recipe, device=device, weights=weights)
    except InputError as error:  # no memory for this size
        return f"cannot be painted here: {error}"
    measure(plan, paces)
    span = paces.seconds(plan)
    assert span is not None  # it was measured just now
    return f"takes {span_in_words(span)} ({counted(recipe.evaluations, 'evaluation')})"
