"""A value as somebody gave it → as a field keeps it, or one line that names the rule.

A field of a record declares its default, its help and its rule (`field`). Everything that reads or writes the record
reads these: the record itself refuses what breaks a rule, the command line and a table parse and show values, a
signature lists them. So there is one place where a value can be wrong.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .errors import InputError, nearest

__all__ = [
    "Choice",
    "Either",
    "Flag",
    "Maybe",
    "Number",
    "Rule",
    "Text",
    "Tuple",
    "Weighted",
    "accept",
    "field",
    "read",
]

NONE = "none"  # how a text says None
ROOM = 60  # letters of a value in a message


class Unfit(ValueError):
    """A value that breaks a rule; its text, if any, is advice beyond the rule's own words."""


class Rule:
    """What a field may hold.

    `words` say it: "expected …". `accept` turns a value into what the field keeps; `parse` and `show` are the way from
    and to a text, as on a command line, and undo each other.
    """

    metavar: ClassVar[str] = "VALUE"  # how a command line's help calls it
    if TYPE_CHECKING:  # at run time a dataclass would take it for the default of its own field `words`

        @property
        def words(self) -> str:
            """What is expected, for a message."""

    @property
    def written(self) -> str:
        """A text in the form that `parse` takes, where that is not Python's; "" where it is."""
        return ""

    def accept(self, value: Any) -> Any:
        """The value as the field keeps it.

        Raises:
            Unfit: it breaks the rule.
        """
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """The value that a text names, not yet accepted."""
        return text

    def show(self, value: Any) -> str:
        """The value as a text that `parse` understands."""
        return str(value)


@dataclass(frozen=True)
class Number(Rule):
    """A finite number in a range.

    Attributes:
        low: its least; None for none.
        high: its greatest; None for none.
        above: whether `low` itself is out of the range.
        below: whether `high` itself is out of the range.
        whole: whole numbers only.
    """

    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    whole: bool = False
    metavar: ClassVar[str] = "NUMBER"

    @property
    def words(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f" {'above' if self.above else 'of at least'} {self.low:,}" if self.low is not None else ""
        high = f"{'below' if self.below else 'at most'} {self.high:,g}" if self.high is not None else ""
        return f"{kind}{low}{' and ' if low and high else ' ' if high else ''}{high}"

    def accept(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise Unfit
        try:
            value = int(value) if isinstance(value, numbers.Integral) and self.whole else float(value)
        except OverflowError:  # a whole number of hundreds of digits
            raise Unfit from None
        if isinstance(value, float) and (not math.isfinite(value) or (self.whole and value != int(value))):
            raise Unfit
        if self.low is not None and (value < self.low or (self.above and value == self.low)):
            raise Unfit
        if self.high is not None and (value > self.high or (self.below and value == self.high)):
            raise Unfit
        return int(value) if self.whole else float(value)

    def parse(self, text: str) -> float | str:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text

    def show(self, value: Any) -> str:
        return str(value) if self.whole else repr(value).removesuffix(".0")


@dataclass(frozen=True)
class Choice(Rule):
    """One of some words.

    Attributes:
        of: the words; may be a dictionary that is still growing.
    """

    of: Collection[str]
    metavar: ClassVar[str] = "NAME"

    @property
    def words(self) -> str:
        *most, last = self.of
        return f"{', '.join(most)} or {last}" if most else last

    def accept(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # of a word that is a number, such as 255
        if isinstance(value, str) and value in self.of:
            return value
        raise Unfit(nearest(value, self.of) if isinstance(value, str) else "")


class Flag(Rule):
    """True or False."""

    words = "True or False"
    texts = MappingProxyType({"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False})

    def accept(self, value: Any) -> bool:
        if isinstance(value, bool | np.bool_):
            return bool(value)
        raise Unfit

    def parse(self, text: str) -> Any:
        return self.texts.get(text.lower(), text)

    def show(self, value: Any) -> str:
        return str(value).lower()


@dataclass(frozen=True)
class Text(Rule):
    """Words or a path.

    Attributes:
        words: what they should be, for a message.
        empty: whether "" is allowed.
    """

    words: str = "a text"
    empty: bool = False

    def accept(self, value: Any) -> str:
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, str) and (value or self.empty) and "\0" not in value:
            return value
        raise Unfit


@dataclass(frozen=True)
class Maybe(Rule):
    """None, or what another rule accepts.

    Attributes:
        rule: the other.
    """

    rule: Rule

    @property
    def words(self) -> str:
        return f"{self.rule.words}, or None"

    @property
    def written(self) -> str:
        return self.rule.written

    def accept(self, value: Any) -> Any:
        return None if value is None else self.rule.accept(value)

    def parse(self, text: str) -> Any:
        return None if text.lower() == NONE else self.rule.parse(text)

    def show(self, value: Any) -> str:
        return NONE if value is None else self.rule.show(value)


@dataclass(frozen=True)
class Tuple(Rule):
    """Several values in a row.

    Attributes:
        words: what they are, for a message.
        items: the rule of each, for a tuple of that length; one alone, for any length.
        sign: what a text separates them with.
        holds: a further condition on the tuple.
        single: whether one value may stand for a tuple of one.
        written: a text that says one, where its form is not Python's.
        empty: a text that says a row of no values.
    """

    words: str
    items: tuple[Rule, ...]
    sign: str = ","
    holds: Callable[[tuple[Any, ...]], bool] = lambda values: True
    single: bool = False
    written: str = ""
    empty: str = ""

    def accept(self, value: Any) -> tuple[Any, ...]:
        if self.single and isinstance(value, numbers.Real):
            value = (value,)
        if self.empty and isinstance(value, str) and value == self.empty:
            return ()
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            raise Unfit
        try:
            values = tuple(value)
        except TypeError:  # a tensor without dimensions
            raise Unfit from None
        if len(self.items) > 1 and len(values) != len(self.items):
            raise Unfit
        made = tuple(rule.accept(one) for rule, one in zip(self.rules(len(values)), values, strict=True))
        if not self.holds(made):
            raise Unfit
        return made

    def rules(self, count: int) -> tuple[Rule, ...]:
        """The rule of each of so many values."""
        return self.items if len(self.items) > 1 else self.items * count

    def parse(self, text: str) -> Any:
        parts = [] if text.strip() in ("", self.empty) else [part.strip() for part in text.split(self.sign)]
        rules = self.rules(len(parts))
        return (
            tuple(rule.parse(part) for rule, part in zip(rules, parts, strict=True))
            if len(rules) == len(parts)
            else text
        )

    def show(self, value: Any) -> str:
        shown = (rule.show(one) for rule, one in zip(self.rules(len(value)), value, strict=True))
        return self.sign.join(shown) or self.empty


@dataclass(frozen=True)
class Either(Rule):
    """What the first of some rules that fits accepts.

    Attributes:
        words: what is expected, for a message.
        rules: in the order in which they are tried.
    """

    words: str
    rules: tuple[Rule, ...]

    def accept(self, value: Any) -> Any:
        for rule in self.rules:
            try:
                return rule.accept(value)
            except Unfit:
                continue
        raise Unfit

    def parse(self, text: str) -> Any:
        return next((made for made in (rule.parse(text) for rule in self.rules) if made != text), text)

    def show(self, value: Any) -> str:
        for rule in self.rules:
            try:
                rule.accept(value)
            except Unfit:
                continue
            return rule.show(value)
        return str(value)


class Weighted(Rule):
    """Names with a weight each; from one name, or from several, which then share a weight of 1."""

    words = "a layer, several, or {layer: weight}, the weights 0 or more and not all 0"
    written = "relu3_1=2,relu4_1=1"
    weight = Number(0, 1e12)

    def accept(self, value: Any) -> Mapping[str, float]:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Mapping):
            try:
                names = list(value)
            except TypeError:  # of a number, or a tensor without dimensions
                raise Unfit from None
            if any(not isinstance(name, str) for name in names):
                raise Unfit
            if twice := next((name for name in names if names.count(name) > 1), ""):
                raise Unfit(f"{twice} stands there twice; ")
            value = {name: 1 / len(names) for name in names}
        if "" in value:
            raise Unfit("a name is missing, perhaps by a comma too many; ")
        if any(not isinstance(name, str) for name in value):
            raise Unfit
        if bare := next((name for name, weight in value.items() if weight == ""), ""):  # of a text, see `parse`
            raise Unfit(f"{bare} has no weight and others have: give each one, as in {bare}=1; ")
        made = {name: self.weight.accept(weight) for name, weight in value.items()}
        if not any(made.values()):
            raise Unfit
        return MappingProxyType(made)

    def parse(self, text: str) -> Any:
        parts = [part.strip() for part in text.split(",")]
        names, signs, weights = zip(*(part.partition("=") for part in parts), strict=True)
        if not any(signs) or len(set(names)) < len(names):  # a dictionary would keep the last of a name's weights
            return list(names)
        return dict(zip(names, map(self.weight.parse, weights), strict=True))

    def show(self, value: Any) -> str:
        if set(value.values()) == {1 / len(value)}:
            return ",".join(value)
        return ",".join(f"{name}={self.weight.show(weight)}" for name, weight in value.items())


def field(default: Any, rule: Rule, help: str, *, only: tuple[str, Any] | None = None) -> Any:
    """A field of a frozen dataclass that owns its default, its rule and its help.

    Args:
        default: kept as the rule accepts it.
        rule: what the field may hold.
        help: one line, for the command line, tables and docstrings.
        only: (field, value): the one setting under which this field has an effect; the value ... stands for all but 0.
    """
    kept, metadata = rule.accept(default), {"help": help, "rule": rule, "only": only}
    if isinstance(kept, Mapping):
        return dataclasses.field(default_factory=lambda: kept, metadata=metadata)
    return dataclasses.field(default=kept, metadata=metadata)


def default_of(one: dataclasses.Field[Any]) -> Any:
    """A field's default value."""
    return one.default_factory() if one.default_factory is not MISSING else one.default


def accept(record: Any) -> None:
    """Hold every field of a new frozen record to its rule; called by its `__post_init__`.

    Raises:
        InputError: the first value that breaks a rule, in one line: field, value, what was expected.
    """
    for one in dataclasses.fields(record):
        given = getattr(record, one.name)
        object.__setattr__(record, one.name, judged(one.name, given, one.metadata["rule"]))


def judged(name: str, given: Any, rule: Rule) -> Any:
    """A value as its field keeps it.

    Args:
        name: of the field, for the message.
        given: the value.
        rule: what the field may hold.

    Raises:
        InputError: it breaks the rule.
    """
    try:
        return rule.accept(given)
    except Unfit as advice:
        raise InputError(f"{name}={brief(given)}: {advice}expected {rule.words}") from None


def read(name: str, text: str, rule: Rule) -> Any:
    """The value that a text names, judged at once where a text has a form of its own.

    Args:
        name: of the field, for the message.
        text: as on a command line.
        rule: what the field may hold.

    Raises:
        InputError: it breaks such a rule; says how to write it.
    """
    value = rule.parse(text)
    if rule.written:
        try:
            rule.accept(value)
        except Unfit as advice:
            raise InputError(
                f"{name}={brief(text)}: {advice}expected {rule.words}; write it as {rule.written}"
            ) from None
    return value


def brief(value: Any) -> str:
    """A value on one line, for a message; a long one is cut off.

    Args:
        value: anything with a `repr`.
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= ROOM else f"{text[:ROOM]}…"
