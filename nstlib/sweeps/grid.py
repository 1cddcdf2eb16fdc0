"""Values by field, pairs of pictures → the points of a sweep, and the task of each."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import InputError, one_of
from ..inputs import alone, is_name
from ..recipe import WORDS
from ..recipes import DEFAULT_RECIPE, RECIPES
from ..regions import MASKS
from ..rules import Choice, Rule, brief, judged
from ..settings import RULES, check_pictures, settle
from .points import Point, looked_up
from .tasks import HOW, Source, Task, told_at


def rules() -> dict[str, Rule]:
    """The rule of every field that can be swept, by name."""
    return {"recipe": Choice(RECIPES), **{name: rule for name, rule in RULES.items() if name not in (*WORDS, *HOW)}}


def checked_grid(grid: Any, options: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values by field, as the fields keep them.

    Args:
        grid: as it was given.
        options: the same at all points.

    Raises:
        InputError: no grid, an unknown field, one that is an option too, a value that breaks its rule or comes twice.
    """
    if not isinstance(grid, Mapping) or not grid:
        raise InputError(f'the grid is {brief(grid)}: give values by field, such as {{"style_weight": [0.5, 1, 2]}}')
    made = {}
    for name, values in grid.items():
        if name in HOW:
            raise InputError(f"{name} makes no other picture: give it as an option, the same for all points")
        name = one_of("field of a sweep", name, rules())
        rule = rules()[name]
        if name in options:
            raise InputError(f"{name} is swept, and given for all points too: leave one of them out")
        if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__") or not (values := list(values)):
            raise InputError(f"{name}={brief(values)}: give the values to try in a list, one at least")
        made[name] = [judged(name, value, rule) for value in values]
        for number, value in enumerate(made[name]):
            if value in made[name][:number]:
                raise InputError(f"{name} has the value {rule.show(value)} twice: give each once")
    return made


def checked_pairs(pairs: Any) -> list[tuple[Source, ...]]:
    """The pictures of each pair, read once each.

    Args:
        pairs: as they were given.

    Raises:
        InputError: no pairs, something that is none, one that comes twice, or a picture that cannot be read.
    """
    pairs = list(pairs) if isinstance(pairs, Sequence) and not isinstance(pairs, str) else []
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) > 1 for pair in pairs):
        raise InputError('no pairs of pictures: give a list of them, such as [("content/harbour", "style/mosaic")]')
    read: dict[str, Source] = {}
    made = []
    for pair in pairs:
        for given in filter(is_name, pair):
            read[os.fspath(given)] = read.get(os.fspath(given)) or Source.of(given)
        made.append(tuple(read[os.fspath(one)] if is_name(one) else Source.of(one) for one in pair))
    if len({tuple(source.fingerprint for source in pair) for pair in made}) < len(made):
        raise InputError("a pair of pictures is given twice: give each once")
    return made


def laid_out(
    grid: Mapping[str, Sequence[Any]],
    pairs: Sequence[tuple[Source, ...]],
    options: Mapping[str, Any],
    frames: tuple[int, ...],
    folder: Path,
) -> tuple[list[Task], list[Point]]:
    """All points of a sweep in order, pairs outermost, the last field innermost; and the task of each.

    Args:
        grid: made by `checked_grid`.
        pairs: made by `checked_pairs`.
        options: the same at all points.
        frames: made by `checked_frames`.
        folder: of the sweep.

    Raises:
        InputError: fields that do not go together at some point, or an option that does not fit.
    """
    tasks, points = [], []
    for number, (pair, *values) in enumerate(product(pairs, *grid.values())):
        here_ = dict(zip(grid, values, strict=True))
        shown = {name: rules()[name].show(value) for name, value in here_.items()}
        point = Point(tuple(source.label for source in pair), shown, folder)
        with told_at(point.words):
            chosen = {"recipe": DEFAULT_RECIPE, **options, **here_}
            chosen |= {name: alone(chosen[name]) for name in MASKS if name in chosen}
            task = Task(number, point.words, pair, *settle(chosen.pop("recipe"), chosen), frames)
            check_pictures(chosen, pair[0].given, pair[1:])
        tasks.append(task)
        points.append(looked_up(replace(point, path=folder / f"{slug(point.words)}-{task.fingerprint}.png")))
    return tasks, points


def slug(words: str) -> str:
    """Words as a part of a file's name, on every system.

    >>> slug("harbour, mosaic, pyramid=64:8")
    'harbour_mosaic_pyramid=64_8'
    """
    return re.sub(r"[^\w.=-]+", "_", words).encode()[:120].decode(errors="ignore")
