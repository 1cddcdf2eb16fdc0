"""A picture, and how it came about → a `Result` that can be saved, shown and repeated."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor

from .errors import InputError, counted, one_line
from .image import to_pil
from .optimizers import Step, Stop
from .recipe import Recipe
from .regions import MASKS
from .rules import Maybe, Number, Text, Tuple, judged
from .saving import check_apart, check_writable, encode_image, read_metadata, save_image
from .show import picture_html, words_html
from .term import by_kind

__all__ = [
    "Progress",
    "Record",
    "Result",
    "by_stage",
    "duration",
    "evaluations_of",
    "facts_as_metadata",
    "painted_from",
    "read_facts",
    "was_made_here",
]

METADATA_KEY = "nstlib"
STILL = "the picture is still its start image"
FORMAT = 1  # of the facts in a picture's metadata
NAMES, NUMBERS = Maybe(Tuple("texts", (Maybe(Text()),))), Maybe(Tuple("numbers", (Number(0),)))
FACTS = {  # what stands in a picture's metadata beside its recipe; some of it only in newer ones
    **dict.fromkeys(("content", "weights", "device", "precision", "version", "torch", "stopped"), Maybe(Text())),
    **dict.fromkeys(("styles", *MASKS), NAMES),
    **dict.fromkeys(("shares", "style_scales"), NUMBERS),
    **dict.fromkeys(("seconds", "loss"), Maybe(Number())),
    **dict.fromkeys(("seed", "evaluations"), Maybe(Number(0, whole=True))),
    "own_layers": Maybe(Tuple("rows of names", (Maybe(Tuple("names", (Text(),))),))),
}
WITHOUT_RECIPE = {  # facts' `by`
    "onepass": "painted in one pass, by nst onepass",
    "judge": "a chart, by nst judge",
    "hand": "painted by a program of one's own",
}


@dataclass(frozen=True)
class Record:
    """One line of a run's history.

    Attributes:
        size: (height, width) of the scale that it belongs to.
        iteration: moves since that scale began.
        evaluations: calls of the objective since then.
        seconds: since the run began.
        loss: the objective.
        terms: its summands by name.
    """

    size: tuple[int, int]
    iteration: int
    evaluations: int
    seconds: float
    loss: float
    terms: Mapping[str, float]

    @classmethod
    def of(cls, step: Step, size: tuple[int, int], seconds: float) -> Record:
        """The line of a step.

        Args:
            step: the optimiser's report.
            size: (height, width) of its scale.
            seconds: since the run began, which may be longer ago than the optimiser.
        """
        return cls(size, step.iteration, step.evaluations, seconds, step.loss, step.terms)

    def kinds(self) -> dict[str, float]:
        """The terms added up by kind: content, style, tv."""
        return by_kind(self.terms)


@dataclass(frozen=True, eq=False)
class Progress:
    """Where a run is.

    Attributes:
        step: the optimiser's report.
        size: (height, width) of its scale.
        done: share of the run's work, 0 to 1.
        seconds: since the run began.
        seconds_left: an estimate; None before anything was measured.
        evaluations: of the run's budget, those that are done.
        total: that budget, all scales together.
        trouble: what went wrong on the side (see `Run.trouble`); "" if nothing did.
        finish: the optimiser's image (1, 3, H, W) → the picture in the colours that the recipe asks for.
    """

    step: Step
    size: tuple[int, int]
    done: float
    seconds: float
    seconds_left: float | None
    evaluations: int
    total: int
    trouble: str = ""
    finish: Callable[[Tensor], Tensor] = field(default=lambda image: image, repr=False, compare=False)

    def __repr__(self) -> str:
        height, width = self.size
        return f"{self.evaluations} of {self.total} evaluations, at {width}×{height}, loss {self.step.loss:.4g}"

    @property
    def image(self) -> Tensor:
        """The picture so far (1, 3, H, W), a copy: whatever is done to it, the run goes on with its own."""
        return self.finish(self.step.image.clone())


@dataclass(frozen=True, eq=False)
class Result:
    """A picture and how it came about.

    Attributes:
        image: (1, 3, H, W), sRGB in [0, 1], on the CPU.
        history: the whole run, a line per iteration.
        recipe: what it was painted by.
        seed: of all that was random.
        seconds: of the run.
        device: where it ran.
        stopped: why it ended.
        notes: what was chosen or changed on the way, in words.
        remarks: those of the notes that somebody who looks at the picture should know; a notebook shows them below it.
        facts: all that is needed to repeat it, as plain data.
        unchanged: whether it still is the start image, to the eye: the weights or the rate were far too small.
        trouble: what went wrong on the side (see `Run.trouble`), which the notes tell too; "" if nothing did.
        alike: what was alike from the start, and what to do, if it is unchanged for that; "" if it is not.
    """

    image: Tensor
    history: tuple[Record, ...]
    recipe: Recipe
    seed: int
    seconds: float
    device: str
    stopped: Stop
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unchanged: bool = False
    trouble: str = ""
    alike: str = ""

    def __repr__(self) -> str:
        height, width = self.image.shape[2:]
        first = next(line for line in self.history if line.size == self.history[-1].size)  # others are no comparison
        loss = f"loss {first.loss:.4g} → {self.facts['loss']:.4g}"
        made = counted(self.evaluations, "evaluation")
        return f"{width}×{height}, {made} in {duration(self.seconds)}, {loss} ({self.stopped})"

    def _repr_html_(self) -> str:
        picture = picture_html(to_pil(self.image), f"{self.told}, painted by recipe {self.recipe.name}", repr(self))
        wrong = words_html(self.failure, wrong=True)
        return "".join((picture, wrong, *(words_html(one, wrong=one == self.trouble) for one in self.remarks)))

    @property
    def failure(self) -> str:
        """Why the picture came to nothing, and what to do; "" of one that did not."""
        broken = self.stopped.broken
        if not broken and (not self.unchanged or self.stopped is Stop.INTERRUPTED):
            return ""
        if self.alike and not broken:
            return f"{STILL}: {self.alike}"
        reason, more = (str(self.stopped), "") if broken else (STILL, "more evaluations, ")
        rate = ", and a rate near 0.02" if self.recipe.optimizer == "adam" else ""
        return f"{reason}: give {more}weights near 1 to the terms{rate}"

    @property
    def told(self) -> str:
        """Content and styles in words."""
        content, styles = self.facts.get("content"), " and ".join(map(str, self.facts.get("styles", ())))
        return f"{content or 'a texture'} in the manner of {styles}" if styles else f"{content}, reconstructed"

    @property
    def evaluations(self) -> int:
        """Of the whole run."""
        return evaluations_of(self.history)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture, whole or not at all, with the facts in its metadata.

        Args:
            path: of a PNG, JPEG or WebP.

        Raises:
            InputError: it cannot be written there, or would take the place of a file that it was made of.
        """
        facts, recipe = self.facts, self.facts.get("recipe", {})
        listed = (name for field in ("styles", *MASKS) for name in facts.get(field) or ())
        made_of = (facts.get("content"), *listed, recipe.get("start"), facts.get("weights"))
        check_apart(check_writable(path), [name for name in made_of if name], "the result")
        return save_image(self.image, path, self.metadata)

    def encoded(self) -> bytes:
        """The PNG that `save` writes, for whoever writes it elsewhere."""
        return encode_image(self.image, metadata=self.metadata)

    @property
    def metadata(self) -> dict[str, str]:
        """The facts, as they travel inside the file."""
        return facts_as_metadata(self.facts)


def evaluations_of(history: Sequence[Record]) -> int:
    """The evaluations of a run: those of its stages added up, each of which counts from 0 anew.

    Args:
        history: a line or more.
    """
    return sum(lines[-1].evaluations for lines in by_stage(history))


def by_stage(history: Sequence[Record]) -> list[Sequence[Record]]:
    """The lines of each of a run's stages, which count their moves from 0 anew and have one line for each.

    Args:
        history: a line or more.
    """
    begun = [i for i, (line, after) in enumerate(pairwise(history), 1) if after.iteration <= line.iteration]
    return [history[first:last] for first, last in pairwise((0, *begun, len(history)))]


def duration(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def read_facts(path: str | os.PathLike[str], *, with_recipe: bool = True) -> dict[str, Any]:
    """How a picture was made, out of its metadata.

    Args:
        path: of a picture that `Result.save` wrote, or one of the commands that know no recipe.
        with_recipe: whether a recipe is needed.

    Raises:
        InputError: there is no picture; it does not say so, or in a form that this version does not know; or it was
            made without a recipe, and one is needed.
    """
    facts = facts_of(path)
    if what := made_without(facts):
        if with_recipe:
            raise InputError(f"'{path}' is {what}: there is no recipe behind it")
        return facts
    if not isinstance(facts.get("recipe"), dict):
        raise InputError(f"'{path}' does not say how it was made: nst did not save it, or its metadata was lost")
    if (found := facts.get("format")) != FORMAT:
        given = one_line(found)
        raise InputError(f"'{path}' was saved in another format of nstlib ({given}, not {FORMAT}): make it anew")
    try:
        for name, rule in FACTS.items():
            judged(name, facts.get(name), rule)
    except InputError as error:
        raise InputError(f"'{path}' does not say in nst's own way how it was made: {error}") from None
    return facts


def painted_from(facts: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of a picture's content and styles; None where it has not both, or one is a picture from memory.

    Args:
        facts: as `read_facts` reads them.
    """
    names = (facts.get("content"), *(facts.get("styles") or ()))
    return names if len(names) > 1 and all(isinstance(name, str) for name in names) else None


def facts_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Whatever the kit has written into a picture, unchecked; nothing if it did not make the picture.

    Args:
        path: of the picture.

    Raises:
        InputError: there is no picture.
    """
    text = read_metadata(path).get(METADATA_KEY, "")
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def was_made_here(path: str | os.PathLike[str]) -> bool:
    """Whether the kit made a picture: a file that may be written over.

    Args:
        path: of a file.
    """
    try:
        facts = facts_of(path)
    except InputError:
        return False
    return isinstance(facts.get("recipe"), dict) or bool(made_without(facts))


def made_without(facts: Mapping[str, Any]) -> str:
    """What a picture without a recipe is, in words; "" for any other.

    Args:
        facts: as they were found.
    """
    by = facts.get("by")
    return WITHOUT_RECIPE.get(by, "") if isinstance(by, str) else ""


def facts_as_metadata(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as they travel inside a file.

    Args:
        facts: plain data.
    """
    return {METADATA_KEY: json.dumps(dict(facts), ensure_ascii=False)}
