"""Options by name → a recipe and how it is carried out: each held to its rule, and all of them to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from inspect import Parameter, signature
from typing import Any, TypeVar

import torch

from .errors import InputError, counted, nearest
from .inputs import alone
from .loss import divide_shares
from .machine import PRECISIONS
from .recipe import WORDS, Recipe
from .recipes import DEFAULT_RECIPE, recipe_of
from .regions import MASKS
from .rules import Choice, Maybe, Number, Rule, Text, Tuple, accept, default_of, field
from .style import STATISTICS

__all__ = ["FIELDS", "RULES", "Settings", "check_pictures", "check_together", "settle", "takes_options"]

MASK = Maybe(Text("a path, a region, alpha or rest"))
MASK_PER_STYLE = Maybe(
    Tuple("one mask per style picture (a picture, a region, alpha, rest or None)", (MASK,), sign="\n")
)


Function = TypeVar("Function", bound=Callable[..., Any])


class Device(Text):
    """A device by name, or one of torch's own."""

    def __init__(self) -> None:
        super().__init__("auto, cuda, mps or cpu")

    def accept(self, value: Any) -> str:
        return super().accept(str(value) if isinstance(value, torch.device) else value)


@dataclass(frozen=True)
class Settings:
    """How a recipe is carried out; fields like those of `Recipe`.

    Raises:
        InputError: a value that breaks its field's rule.
    """

    seed: int = field(0, Number(0, 2**63 - 1, whole=True), "of the noise start and of all else that is random")
    device: str = field("auto", Device(), "auto, cuda, mps or cpu")
    precision: str = field(
        "auto",
        Choice(("auto", "mixed", *PRECISIONS)),
        "of maps: auto (bfloat16 where native, float16 on older GPUs with tensor cores, float32 elsewhere), float32, "
        "bfloat16, float16, or mixed (what auto takes, then float32)",
    )
    memory: float | None = field(
        None, Maybe(Number(0, above=True)), "bytes that the run may take; none for nine tenths of what is free"
    )
    weights: str | None = field(
        None,
        Maybe(Text("a path, or random")),
        "a file with the network's weights, or random; none for the trained ones",
    )
    shares: tuple[float, ...] | None = field(
        None,
        Maybe(Tuple("one number of at least 0 per style picture", (Number(0, 1e6),), single=True)),
        "how much each style picture counts; none for equally",
    )
    style_scales: tuple[float, ...] | None = field(
        None,
        Maybe(Tuple("one number above 0 and at most 64 per style picture", (Number(0, 64, above=True),), single=True)),
        "size of each style picture relative to style_size; none for 1",
    )
    masks: tuple[str | None, ...] | None = field(
        None,
        MASK_PER_STYLE,
        "where in the content each style paints: a picture (white is here), a region (ellipse 20 10 80 90 soft 5: "
        "left, top, right, bottom in percent), alpha (where the content is opaque), rest (where the others do not) or "
        "none (everywhere)",
    )
    style_masks: tuple[str | None, ...] | None = field(
        None,
        MASK_PER_STYLE,
        "what of each style picture is style, likewise; none for what is opaque",
    )
    own_layers: tuple[tuple[str, ...] | None, ...] | None = field(
        None,
        Maybe(
            Tuple(
                "for each style picture the names of some style layers (or None for all)",
                (Maybe(Tuple("", (Text("the name of a layer"),))),),
                sign=";",
            )
        ),
        "the style layers on which each style picture counts: shallow ones see strokes, deep ones forms; none for all",
    )

    def __post_init__(self) -> None:
        accept(self)


FIELDS = {one.name: one for record in (Settings, Recipe) for one in fields(record)}  # all options of a run, by name
RULES: dict[str, Rule] = {name: one.metadata["rule"] for name, one in FIELDS.items()}


def settle(recipe: str | Recipe, options: Mapping[str, Any]) -> tuple[Recipe, Settings]:
    """The recipe by name, moved to another network if asked, with other fields changed; and the settings.

    Args:
        recipe: a name in `RECIPES`, or a `Recipe`.
        options: fields of `Settings` and of `Recipe`.

    Raises:
        InputError: an unknown recipe or field, a value that breaks a rule, or one that has no effect.
    """
    recipe = recipe_of(recipe)
    own = {one.name for one in fields(Settings)}
    for name in options:
        if name not in FIELDS:
            raise InputError(f"unknown option '{name}': {nearest(name, FIELDS)}help(nst.stylize) explains all of them")
    changes = {name: value for name, value in options.items() if name not in own}
    settings = Settings(**{name: value for name, value in options.items() if name in own})
    if changes.get("backbone", recipe.backbone) != recipe.backbone:
        recipe = recipe.on(changes["backbone"])
    changed = recipe.changed(**changes)
    if useless := changed.without_effect(changes):
        raise InputError(useless)
    if changes.get("schedule") and changed.schedule[0][0] >= changed.evaluations:
        begins = f"schedule begins at evaluation {changed.schedule[0][0]} of {changed.evaluations}"
        raise InputError(f"{begins}, so it has no effect: let it begin earlier, or leave it out")
    if too_large := [size for size, _ in (changes.get("pyramid") and changed.pyramid) or () if size >= changed.size]:
        raise InputError(f"pyramid has a scale of {too_large[0]}, not below the size {changed.size}: leave it out")
    return changed, settings


def check_pictures(options: Mapping[str, Any], content: Any, styles: Sequence[Any]) -> None:
    """Refuse what belongs to a term whose picture was not given.

    Args:
        options: as the caller gave them.
        content: None for none.
        styles: as many as there are.

    Raises:
        InputError: there is such a thing, or regions are to be compared in some way and there are none.
    """
    if options.get("guidance") and all(mask is None for mask in alone(options.get("masks")) or ()):
        raise InputError("guidance has an effect only with masks: give masks, or leave guidance out")
    for what, given, more in (("content", content is not None, ["side"]), ("style", styles, ["style_size"])):
        for name in (f"{what}_weight", f"{what}_layers", *more):
            if not given and options.get(name):
                raise InputError(f"{name} has an effect only with a {what} picture: give one, or leave {name} out")


def check_together(recipe: Recipe, settings: Settings, content: Any, styles: Sequence[Any]) -> None:
    """Refuse what does not go together.

    Args:
        recipe: what is computed.
        settings: how.
        content: None for none.
        styles: as many as there are.

    Raises:
        InputError: no picture, a start that is not there, nothing to optimise, other numbers of shares than styles.
    """
    if content is None and not styles:
        raise InputError("neither a content nor a style image was given: give at least one")
    if recipe.start == "content" and content is None:
        raise InputError("the start is 'content', but there is none: start from 'noise' or 'style'")
    if recipe.start == "style" and not styles:
        raise InputError("the start is 'style', but there is no style image: start from 'noise' or 'content'")
    if settings.style_scales and len(settings.style_scales) != len(styles):
        images, scales = counted(len(styles), "style image"), list(settings.style_scales)
        raise InputError(f"{images} and the scales {scales}: give one number for each")
    if styles:
        divide_shares(len(styles), settings.shares)
    check_control(recipe, settings, content, len(styles))
    active = (content is not None and recipe.content_weight, styles and recipe.style_weight, recipe.tv_weight)
    if not any(active):
        raise InputError("all weights are 0, so at least one term is needed: nothing would be optimised")


def check_control(recipe: Recipe, settings: Settings, content: Any, styles: int) -> None:
    """Refuse colours, regions and layers that are not there.

    Args:
        recipe: what is computed.
        settings: how.
        content: None for none.
        styles: how many there are.

    Raises:
        InputError: colours of a picture that was not given, a start that colours alone cannot have, sums of what has
            none, other numbers of masks or own layers than styles, or a layer that is not the recipe's or no style's.
    """
    if recipe.color != "style" and (content is None or not styles):
        raise InputError(f"color={recipe.color} needs a content and a style picture: give both, or leave color out")
    if recipe.color == "only" and (recipe.start != "content" or not recipe.content_weight):
        needed = "start=content and a content_weight above 0"
        raise InputError(f"color=only paints nothing, it recolours the content: give {needed}")
    if recipe.guidance == "sum" and (settings.masks or settings.style_masks):
        STATISTICS[recipe.statistic].summed()
    for name in (*MASKS, "own_layers"):
        given = getattr(settings, name)
        if given is not None and len(given) != styles:
            raise InputError(
                f"{counted(styles, 'style image')} and {len(given)} {name}: give a list, one for each, none for no such"
            )
    if settings.own_layers is None:
        return
    known = dict.fromkeys(recipe.style_layers)
    for layer in (layer for part in settings.own_layers for layer in part or ()):
        if layer not in known:
            raise InputError(
                f"own_layers={layer}: {nearest(layer, known)}the recipe's style layers are {' '.join(known)}"
            )
    shares = divide_shares(styles, settings.shares)
    parts = [part for part, share in zip(settings.own_layers, shares, strict=True) if share]
    if silent := [name for name in known if not any(part is None or name in part for part in parts)]:
        whose = "" if len(parts) == styles else " of a style that has a share"
        raise InputError(
            f"no style counts on {silent[0]}: add it to own_layers{whose}, or leave it out of style_layers"
        )


def takes_options(**defaults: Any) -> Callable[[Function], Function]:
    """Let a function whose `**options` go to `prepare` say so: its signature and docstring list every field.

    An editor completes them, `help` explains them, and none is typed a second time.

    Args:
        defaults: those of the function's own, where they differ from the kit's recipe.
    """
    known = [one for name, one in FIELDS.items() if name not in WORDS]

    def decorate(function: Function) -> Function:
        own = [p for p in signature(function).parameters.values() if p.kind != Parameter.VAR_KEYWORD]
        more = [
            Parameter("recipe", Parameter.KEYWORD_ONLY, default=DEFAULT_RECIPE, annotation="str | Recipe"),
            *(
                Parameter(one.name, Parameter.KEYWORD_ONLY, default=default, annotation=one.type)
                for one, default in ((one, defaults.get(one.name, default_of(one))) for one in known)
            ),
        ]
        listed = signature(function).replace(parameters=[*own, *more])
        function.__signature__ = listed  # type: ignore[attr-defined]  # PEP 362 says so; the type of functions does not
        head = "Options, with the defaults of the recipe `kit`; another recipe has its own:"
        lines = ["    recipe: a name that `nst recipes` lists, or a `Recipe`."]
        lines += [f"    {one.name}: {one.metadata['help']}." for one in known]
        function.__doc__ = "\n".join([function.__doc__ or "", "", head, *lines])
        return function

    return decorate
