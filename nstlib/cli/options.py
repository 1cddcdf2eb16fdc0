"""The options of whatever paints, made from the fields of a recipe and of the settings; and what their texts mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, one_of
from ..terminal import PER_STYLE

if TYPE_CHECKING:
    from dataclasses import Field

NAMES_SHOWN = ("backbone", "statistic")  # fields whose help does not list their choices yet
ONE_PER_STYLE = {  # what one of `PER_STYLE` is, and its help
    "shares": ("NUMBER", "how much it counts"),
    "style_scales": ("NUMBER", "its size"),
    "masks": (
        "PICTURE",
        "where in the content it paints, white is here; or ellipse 20 10 80 90, alpha, rest, none",
    ),
    "style_masks": ("PICTURE", "what of it is style; or a region as for --mask, alpha, rest, none"),
    "own_layers": ("LAYERS", "the style layers on which it counts, such as relu1_1,relu2_1; or none"),
}
GIGABYTE = 10**9
Command = Callable[..., Any]


class FieldOption(click.Option):
    """An option for one field of a recipe or of the settings.

    Args:
        one: the field.
        base: the recipe or the settings whose value stands without the option.
        own: values by name that the command puts before every recipe's.
    """

    def __init__(self, one: Field[Any], base: object, own: Mapping[str, Any]):
        from ..recipes import DEFAULT_RECIPE
        from ..rules import Choice

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
        from ..transfer import TEXTURE

        return TEXTURE


def field_options(own: Mapping[str, Any]) -> list[FieldOption]:
    """One option per field of a recipe and of the settings, without which its value stands.

    Args:
        own: values by name that the command puts before every recipe's.
    """
    from ..recipe import WORDS
    from ..recipes import DEFAULT_RECIPE, RECIPES
    from ..settings import Settings

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


def parse(name: str, given: str | tuple[str, ...]) -> Any:
    """What an option's text means; of one that was given once per style, the values in a row.

    Args:
        name: of the field.
        given: a text, or several.

    Raises:
        InputError: there is no such field, or a text is not written in the form that its field asks for.
    """
    from ..rules import read

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
    from ..rules import Text
    from ..settings import RULES

    rules = {**RULES, "recipe": Text("a name")}
    return rules[one_of("option", name, rules)]


def values_of(text: str) -> tuple[str, list[Any]]:
    """A field and its values, as `--grid` gives them.

    Args:
        text: such as "style_weight=0.5,1,2".

    Raises:
        InputError: there is no value, no such field, or a value in another form than its field's.
    """
    from ..rules import Tuple, read

    name, _, values = text.partition("=")
    name, sign = name.strip().replace("-", "_"), ";" if ";" in values else ","
    rule = rule_for(name)
    one = isinstance(rule, Tuple) and len(rule.items) > 1 and rule.sign == sign  # 0.9,0.99 is one value of betas
    parts = [part.strip() for part in ([values] if one else values.split(sign)) if part.strip()]
    if not parts:
        raise InputError(f"--grid {text} names no values: write --grid FIELD=VALUE,VALUE, such as style_weight=0.5,1,2")
    return name, [read(name, part, rule) for part in parts]


def inputs_of(given: Mapping[str, Any], *pictures: str | None) -> list[str]:
    """All files that a run reads, which it must not write over.

    Args:
        given: its options, as values.
        *pictures: content and styles.
    """
    from ..inputs import reads
    from ..regions import MASKS

    start = given.get("start", getattr(given.get("recipe"), "start", None))
    told = [("start", start), ("weights", given.get("weights"))]
    told += [(name, mask) for name in MASKS for mask in given.get(name) or ()]
    return [*filter(None, pictures), *(value for name, value in told if reads(name, value))]
