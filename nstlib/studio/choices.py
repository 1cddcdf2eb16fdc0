"""What a person chose at the controls → options of a run, the same as code, as a command; and back from a picture."""

from __future__ import annotations

import json
import os
import shlex
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isclose
from textwrap import shorten
from typing import Any

from ..errors import InputError
from ..files import short_name, spoken_name
from ..machine import choose_device, choose_precision
from ..recipe import WORDS, Recipe
from ..recipes import DEFAULT_RECIPE, RECIPES
from ..regions import MASKS
from ..result import painted_from
from ..settings import RULES, Settings
from ..terminal import PER_STYLE

__all__ = ["FORMS", "STROKES", "Choices"]

HELD = ("backbone", "start", "size", "evaluations", "color")  # fields of a recipe that have a control of their own
STROKES, FORMS = "strokes", "forms"  # what a style gives, where it does not give both
ROOM = 64  # letters of a value beside the name of its option


@dataclass(frozen=True)
class Choices:
    """All that the studio's controls say; plain data, known to no widget.

    Attributes:
        content: a picture that `load_image` knows: a name, a path, an address.
        styles: as many of the same as there are shares.
        shares: how much each style counts; only their proportions matter.
        recipe: a name in `RECIPES`.
        backbone: the network.
        start: "content", "noise", "style" or a picture.
        strength: of the style, in units of the recipe's own style weight.
        stroke: size of the style pictures in units of the result's; larger pictures give larger strokes.
        size: of the result's long side, in pixels.
        evaluations: of loss and gradient, at full size.
        color: whose colours the result has.
        seed: of all that is random.
        masks: where each style paints, as `Settings` has it; empty for everywhere.
        style_masks: what of each style picture is style; empty for all of it.
        gives: what each style gives, "strokes", "forms" or "" for both; empty for both of all.
        more: fields of a recipe or of the settings that no control shows, from a picture that was made elsewhere.
    """

    content: str = "content/harbour"
    styles: tuple[str, ...] = ("style/brushstrokes",)
    shares: tuple[float, ...] = (1.0,)
    recipe: str = DEFAULT_RECIPE
    backbone: str = RECIPES[DEFAULT_RECIPE].backbone
    start: str = RECIPES[DEFAULT_RECIPE].start
    strength: float = 1.0
    stroke: float = 1.0
    size: int = 384
    evaluations: int = RECIPES[DEFAULT_RECIPE].evaluations
    color: str = RECIPES[DEFAULT_RECIPE].color
    seed: int = 0
    masks: tuple[str | None, ...] = ()
    style_masks: tuple[str | None, ...] = ()
    gives: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it will be a picture of, in words."""
        return f"{spoken_name(self.content)} × {' + '.join(map(spoken_name, self.styles))}"

    @property
    def brief(self) -> str:
        """The same in a few words, for a thumbnail."""
        content, *styles = (shorten(spoken_name(name), 18, placeholder=" …") for name in (self.content, *self.styles))
        if len(styles) > 2:
            styles = [styles[0], f"{len(styles) - 1} more"]
        return f"{content} × {' + '.join(styles)}"

    @property
    def stem(self) -> str:
        """A name for its file, without a suffix."""
        return "-".join(map(short_name, (self.content, *self.styles)))

    def by(self, recipe: str) -> Choices:
        """The same pictures by another recipe, with the network, start and evaluations that are its own.

        Args:
            recipe: a name in `RECIPES`.
        """
        theirs = RECIPES[recipe]
        own = {name: getattr(theirs, name) for name in HELD if name not in ("size", "color")}
        return replace(self, recipe=recipe, strength=1.0, more={}, **own)

    def of_styles(self, count: int) -> Choices:
        """The same with no more styles than so many.

        Args:
            count: of the first ones.
        """
        per_style = ("styles", "shares", *MASKS, "gives")
        return replace(self, **{name: getattr(self, name)[:count] for name in per_style})

    def options(self) -> dict[str, Any]:
        """What `stylize` and `prepare` take beside the pictures, without what they take by themselves."""
        base = RECIPES[self.recipe]
        made: dict[str, Any] = {} if self.recipe == DEFAULT_RECIPE else {"recipe": self.recipe}
        made |= {name: getattr(self, name) for name in HELD if getattr(self, name) != getattr(base, name)}
        if self.strength != 1:
            made["style_weight"] = base.style_weight * self.strength
        if len(set(self.shares)) > 1 or (len(self.styles) > 1 and not any(self.shares)):  # all 0 is refused, with words
            made["shares"] = self.shares
        if self.stroke != 1:
            made["style_scales"] = (self.stroke,) * len(self.styles)
        if self.seed:
            made["seed"] = self.seed
        made |= {name: getattr(self, name) for name in MASKS if any(getattr(self, name))}
        # One value per style, of a picture that had as many.
        count = len(self.styles)
        guided = any(self.masks)
        more = {n: v for n, v in self.more.items() if n not in PER_STYLE or len(v) == count}
        made |= {n: v for n, v in more.items() if guided or n != "guidance"}
        return made | self.given_layers(made.get("style_layers") or base.on(self.backbone).style_layers)

    def given_layers(self, layers: Mapping[str, float]) -> dict[str, Any]:
        """What `stylize` takes for what each style gives.

        Args:
            layers: the style layers, and their weights.
        """
        if not any(self.gives):
            return {}
        parts = parts_of(layers)
        own = tuple(parts.get(part) for part in self.gives)
        seen = set(layers) if None in own else {name for part in own for name in part or ()}
        made: dict[str, Any] = {} if len(set(own)) == 1 else {"own_layers": own}
        if seen != set(layers):  # a layer on which no style counts is none
            made["style_layers"] = {name: weight for name, weight in layers.items() if name in seen}
        return made

    def code(self, output: str) -> str:
        """A cell that paints it.

        Args:
            output: the file that the picture is saved to.
        """
        given = [literal(name) for name in (self.content, *self.styles)]
        given += [f"{name}={literal(value)}" for name, value in self.options().items()]
        lines = "".join(f"    {line},\n" for line in given)
        return f"import nstlib as nst\n\nresult = nst.stylize(\n{lines})\nresult.save({literal(output)})"

    def command(self, output: str) -> str:
        """A line for a terminal that paints it.

        Args:
            output: the file that the picture is saved to.
        """
        words = ["nst", "stylize", self.content, *self.styles, "-o", output]
        for name, value in self.options().items():
            words += flags(name, value)
        return " ".join(map(word, words))

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Choices:
        """The choices that a picture was painted by.

        Args:
            facts: as `read_facts` reads them.

        Raises:
            InputError: it was not painted from a content and a style picture.
        """
        if (names := painted_from(facts)) is None:
            raise InputError("this picture was not made from a content and a style picture: choose both anew")
        recipe = Recipe.from_dict(facts["recipe"])
        name = recipe.name if recipe.name in RECIPES else DEFAULT_RECIPE
        base = RECIPES[name].on(recipe.backbone)
        strength = strength_of(recipe, base)
        kept = (*HELD, *WORDS, "style_weight")
        values = {one.name: getattr(recipe, one.name) for one in fields(Recipe) if one.name not in kept}
        more = {name: value for name, value in values.items() if value != getattr(base, name)}
        if not strength:
            more["style_weight"] = recipe.style_weight
        scales = facts.get("style_scales") or (1.0,)
        if len(set(scales)) > 1:
            more["style_scales"] = tuple(scales)
        told = settings_of(facts)
        masks = {name: told.pop(name) for name in MASKS if name in told}
        gives = given_by(recipe.style_layers, base.style_layers, told.get("own_layers"), len(names) - 1)
        if gives:  # else what it was painted on is no half, and stays as it is
            if "own_layers" in told:
                del told["own_layers"]
            else:
                del more["style_layers"]
        return cls(
            content=names[0],
            styles=names[1:],
            shares=proportions(facts.get("shares") or (1.0,) * len(names[1:])),
            recipe=name,
            strength=strength or 1.0,
            stroke=1.0 if "style_scales" in more else float(scales[0]),
            seed=int(facts.get("seed") or 0),
            gives=gives,
            more={**more, **told},
            **masks,
            **{name: getattr(recipe, name) for name in HELD},
        )


def strength_of(recipe: Recipe, base: Recipe) -> float:
    """A recipe's style weight in units of another's, whole where it is but for rounding; 0 where either has none.

    Args:
        recipe: that a picture was painted by.
        base: the one that it is told by.
    """
    strength = recipe.style_weight / base.style_weight if base.style_weight else 0.0
    whole = round(strength)
    return whole if isclose(strength, whole, rel_tol=1e-9) else strength


def settings_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a picture's run that are kept, as `Settings` has them; without those that it did not have.

    Half precision is not kept: it was the fast one where the picture was painted, and may be slow here.

    Args:
        facts: as `read_facts` reads them.
    """
    finer = facts.get("precision") in {"float32", "mixed"} - {choose_precision("auto", choose_device())}
    named = [name for name in (*MASKS, "own_layers", "weights") if facts.get(name)] + ["precision"] * finer
    settings = Settings(**{name: facts[name] for name in named})
    return {name: getattr(settings, name) for name in named}


def parts_of(layers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The layers that see strokes, the shallower half, and those that see forms; without a part that has none.

    Args:
        layers: the style layers, from the shallowest.

    >>> parts_of(["relu1_1", "relu2_1", "relu3_1"])
    {'strokes': ('relu1_1', 'relu2_1'), 'forms': ('relu3_1',)}
    """
    names = tuple(layers)
    half = -(-len(names) // 2)
    return {part: some for part, some in ((STROKES, names[:half]), (FORMS, names[half:])) if some}


def given_by(
    layers: Mapping[str, float],
    usual: Mapping[str, float],
    own: Sequence[Sequence[str] | None] | None,
    styles: int,
) -> tuple[str, ...]:
    """What each style of a picture gave, as `Choices.gives`; empty if both, or something else than halves.

    Args:
        layers: that it was painted on, and their weights.
        usual: those of its recipe.
        own: for each style its own ones, or None for all; None for all of all.
        styles: how many there are.
    """
    if own is None:
        halves = {part: {n: usual[n] for n in some} for part, some in parts_of(usual).items()}
        return next(((part,) * styles for part, half in halves.items() if half == layers != usual), ())
    words = {some: part for part, some in parts_of(layers).items()}
    told = [None if part is None else tuple(part) for part in own]
    return tuple(words[part] if part else "" for part in told) if {*told} <= {None, *words} else ()


def proportions(shares: Sequence[float]) -> tuple[float, ...]:
    """Shares as a person would give them: the greatest is 1, and thirds have no more digits than a field shows.

    >>> proportions((1 / 3, 1 / 3, 1 / 3)), proportions((0.2, 0.8))
    ((1.0, 1.0, 1.0), (0.25, 1.0))
    """
    most = max(shares) or 1.0
    return tuple(round(share / most, 6) for share in shares)


def literal(value: Any) -> str:
    """A value as code writes it, in lines that a notebook has room for.

    >>> literal("a"), literal((0.5, 1)), literal(("a", None))
    ('"a"', '(0.5, 1)', '("a", None)')
    >>> print(literal("own/caf\\udce9.jpg"))  # a name that is not UTF-8
    'own/caf\\udce9.jpg'
    """
    if isinstance(value, str) and value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, tuple):
        return repr(dict(value) if isinstance(value, Mapping) else value)
    parts = [literal(one) for one in value]
    short = f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    return short if len(short) <= ROOM else "".join(("(\n", *(f"        {part},\n" for part in parts), "    )"))


def word(text: str) -> str:
    """A word of a command line, as bash and zsh read it; what no page shows, byte by byte.

    >>> word("my cat.jpg"), word("caf\\udce9.jpg")
    ("'my cat.jpg'", "$'caf\\\\xe9.jpg'")
    """
    if text.isprintable():
        return shlex.quote(text)
    plain = string.ascii_letters + string.digits + "/._-"
    return "".join(("$'", *(chr(b) if chr(b) in plain else f"\\x{b:02x}" for b in os.fsencode(text)), "'"))


def flags(name: str, value: Any) -> list[str]:
    """An option as words of a command line.

    Args:
        name: of the option of `stylize`.
        value: of it.
    """
    if name == "recipe":
        return ["--recipe", value]
    rule: Any = RULES[name]
    if name in PER_STYLE:
        return [word for one in value for word in (PER_STYLE[name], rule.rule.items[0].show(one))]
    return [f"--{name.replace('_', '-')}", rule.show(value)]
