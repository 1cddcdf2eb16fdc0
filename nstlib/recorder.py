"""The settings of a precomputed run → its pictures and losses, at once; or the same run for real.

    flight(pair="harbour", style_weight=3, layers="all", optimizer="lbfgs", start="content").frames[-1]

A flight recorder keeps what happened. This one has a run for every combination of `FLIGHT_AXES`, so that a slider can
go through them without waiting. `data/make_flights.py` wrote the file, `data/flights.zip`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from PIL import Image

from .errors import InputError, one_of
from .gallery import DATA
from .recipe import Recipe
from .recipes import DEFAULT_RECIPE, RECIPES
from .result import Record, Result
from .show import picture_html
from .transfer import Transfer, stylize

__all__ = ["FLIGHT_AXES", "Flight", "flight", "points"]

FILE, INDEX = DATA / "flights.zip", "index.json"
PAIRS = {
    "harbour": ("content/harbour", "style/brushstrokes"),
    "tubingen": ("content/tubingen", "style/starry_night"),
}
KIT = RECIPES[DEFAULT_RECIPE]
LAYERS = {
    "fine": {"relu1_1": 0.5, "relu2_1": 0.5},
    "coarse": {"relu4_1": 0.5, "relu5_1": 0.5},
    "all": dict(KIT.style_layers),
}
FLIGHT_AXES: dict[str, tuple[Any, ...]] = {
    "pair": tuple(PAIRS),
    "style_weight": (0.1, 0.3, 1, 3, 10),
    "layers": tuple(LAYERS),
    "optimizer": ("lbfgs", "adam"),
    "start": ("content", "noise"),
}
FRAMES = (10, 30, 80, 150)  # evaluations after which a picture is kept
SIZE = 320
BASE = KIT.changed(name="flight", size=SIZE, style_size=SIZE, pyramid=(), evaluations=FRAMES[-1])
EVERYWHERE: dict[str, Any] = {"precision": "float32"}  # every machine has it


def field_of(axis: str) -> str:
    """The recipe's name of an axis."""
    return "style_layers" if axis == "layers" else axis


def in_recipe(axis: str, value: Any) -> Any:
    """What the recipe has where an axis has this value: at one scale, the layers' weights add up to 1."""
    return LAYERS[value] if axis == "layers" else value


GRID = {field_of(axis): [in_recipe(axis, v) for v in FLIGHT_AXES[axis]] for axis in FLIGHT_AXES if axis != "pair"}


@dataclass(frozen=True)
class Flight:
    """A run that was recorded.

    Attributes:
        settings: the point of `FLIGHT_AXES`.
        frames: pictures on the way, SIZE pixels at their longer side.
        evaluations: after how many each of the frames was kept.
        history: the whole run.
    """

    settings: Mapping[str, Any]
    frames: tuple[Image.Image, ...]
    evaluations: tuple[int, ...]
    history: tuple[Record, ...]

    @property
    def recipe(self) -> Recipe:
        return recipe_of(self.settings)

    def __repr__(self) -> str:
        point = ", ".join(f"{axis}={value}" for axis, value in self.settings.items())
        return f"recorded run, {point}: loss {self.history[-1].loss:.4g} after {self.evaluations[-1]} evaluations"

    def _repr_html_(self) -> str:
        return picture_html(self.frames[-1].convert("RGB"), f"the last picture of a {self!r}", repr(self))

    def transfer(self, **options: Any) -> Transfer:
        """The same run for real, to be looped over.

        Args:
            options: those of `Transfer`, which change it.
        """
        content, style = PAIRS[self.settings["pair"]]
        return Transfer(content, [style], recipe=self.recipe, **(EVERYWHERE | options))

    def run(self, **options: Any) -> Result:
        """The same run for real.

        Args:
            options: those of `stylize`, which change it.
        """
        content, style = PAIRS[self.settings["pair"]]
        return stylize(content, style, recipe=self.recipe, **(EVERYWHERE | options))


def flight(**settings: object) -> Flight:
    """The recorded run at a point of `FLIGHT_AXES`.

    Args:
        settings: values by axis; what is not given takes the first value, and the style a weight of 1.

    Raises:
        InputError: an unknown axis or a value that was not recorded (names the nearest); the file is not there.
    """
    settings = {one_of("axis of the flight recorder", axis, FLIGHT_AXES): value for axis, value in settings.items()}
    full = {axis: values[0] for axis, values in FLIGHT_AXES.items()} | {"style_weight": 1} | settings
    full = {axis: on_record(axis, value) for axis, value in full.items()}
    entry = index()[name_of(full)]
    with zipfile.ZipFile(FILE) as archive:
        frames = [Image.open(io.BytesIO(archive.read(f"{name_of(full)}/{n}.jpg"))) for n in entry["evaluations"]]
    size = frames[0].height, frames[0].width
    history = [
        Record(size, iteration, evaluations, seconds, loss, dict(zip(entry["terms"], terms, strict=True)))
        for iteration, evaluations, seconds, loss, terms in entry["history"]
    ]
    return Flight(full, tuple(frames), tuple(entry["evaluations"]), tuple(history))


def on_record(axis: str, value: object) -> object:
    """The value as the axis has it: 1 for 1.0.

    Args:
        axis: a name in `FLIGHT_AXES`.
        value: of the run that is asked for.

    Raises:
        InputError: none was recorded with it.
    """
    values = FLIGHT_AXES[axis]
    if value not in values:
        raise InputError(f"no run with {axis}={value!r} was recorded: choose one of {values}")
    return values[values.index(value)]


def points() -> Iterator[dict[str, object]]:
    """The settings of every recorded run."""
    return (dict(zip(FLIGHT_AXES, values, strict=True)) for values in product(*FLIGHT_AXES.values()))


def name_of(settings: Mapping[str, object]) -> str:
    """A point as a folder of the archive.

    >>> name_of({"pair": "harbour", "style_weight": 0.3, "layers": "all", "optimizer": "adam", "start": "noise"})
    'harbour/0.3/all/adam/noise'
    """
    return "/".join(f"{settings[axis]}" for axis in FLIGHT_AXES)


def recipe_of(settings: Mapping[str, object]) -> Recipe:
    """The recipe of a point."""
    return BASE.changed(**{field_of(axis): in_recipe(axis, settings[axis]) for axis in settings if axis != "pair"})


@cache
def index() -> Mapping[str, dict[str, Any]]:
    """What was recorded, by name, without the pictures."""
    try:
        with zipfile.ZipFile(FILE) as archive:
            return json.loads(archive.read(INDEX))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"the recorded runs cannot be read ({type(error).__name__}): install nstlib again") from None
