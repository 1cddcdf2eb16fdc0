"""A point of a sweep, and what came of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..decode import identify
from ..errors import InputError
from ..files import short_name
from ..frames import read_way
from ..image import load_image, to_pil
from ..plan import digest
from ..result import Record, read_facts
from ..run import OF_THE_NEWEST
from ..show import picture_html

TABLE, SHEET = "table.csv", "contact.png"
HEAD, TAIL = ("picture", "content", "styles"), ("evaluations_made", "seconds", "loss", "stopped", "remark", "failure")
NOT_YET = "not painted yet"


@dataclass(frozen=True)
class Point:
    """A point of a sweep.

    Attributes:
        pair: content and styles by name.
        values: by swept field, as texts.
        path: of its picture.
        facts: of its picture; none if there is none.
        failure: why there is no picture, in a line; "" if there is one.
        pixels: a fingerprint of what is seen on it; "" if there is no picture.
    """

    pair: tuple[str, ...]
    values: Mapping[str, str]
    path: Path
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    failure: str = NOT_YET
    pixels: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        """The point in words."""
        return ", ".join([*map(short_name, filter(None, self.pair)), *(f"{n}={v}" for n, v in self.values.items())])

    @property
    def frames(self) -> dict[int, Path]:
        """The pictures that were kept on the way, by evaluations."""
        return read_way(self.path)[0]

    @property
    def history(self) -> tuple[Record, ...]:
        """The run's history, its terms by kind; it is there if frames were kept."""
        return read_way(self.path)[1]

    @property
    def row(self) -> dict[str, Any]:
        """Its line of the table."""
        head = dict(
            zip(HEAD, (self.path.name if self.facts else "", self.pair[0], " ".join(self.pair[1:])), strict=True)
        )
        averaged = self.facts and self.facts["recipe"].get("average")
        told = {"evaluations_made": self.facts.get("evaluations", ""), "failure": self.failure}
        facts = {**({"remark": OF_THE_NEWEST} if averaged else {}), **self.facts, **told}
        return {**head, **self.values, **{name: facts.get(name, "") for name in TAIL}}


def looked_up(point: Point) -> Point:
    """A point as its files say: finished only if that is a whole picture with its facts, and its frames are there."""
    try:
        facts = read_facts(point.path)
        if facts.get("frames"):
            for path in read_way(point.path)[0].values():
                identify(path.read_bytes(), path.name)
        return replace(point, facts=facts, failure="", pixels=digest(load_image(point.path).pixels))
    except (InputError, OSError):
        return point


@dataclass(frozen=True)
class Sweep:
    """What came of a grid.

    Attributes:
        folder: of the pictures, the table and the contact sheet.
        points: all of the grid, in its order.
    """

    folder: Path
    points: tuple[Point, ...]

    @property
    def failures(self) -> tuple[Point, ...]:
        """The points without a picture."""
        return tuple(point for point in self.points if point.failure)

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each point, as in the file `table.csv`."""
        return [point.row for point in self.points]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is odd about the pictures: each that is its start image still, or the same as another one."""
        said = [f"{point.words}: {point.facts['remark']}" for point in self.points if point.facts.get("remark")]
        first: dict[str, Point] = {}
        for point in self.points:
            if point.failure or point.facts.get("remark"):
                continue
            if (other := first.setdefault(point.pixels, point)) is not point:
                said.append(f"{point.words} came to the same picture as {other.words}")
        return tuple(said)

    def __repr__(self) -> str:
        count, failed, odd = len(self.points), self.failures, self.remarks
        made = f"{count - len(failed)} of {count} pictures, {TABLE} and {SHEET} are in '{self.folder}'"
        made += f"; {len(failed)} failed, such as {failed[0].words}: {failed[0].failure}" if failed else ""
        return f"{made}; {len(odd)} {'are' if len(odd) > 1 else 'is'} odd, such as {odd[0]}" if odd else made

    def _repr_html_(self) -> str | None:
        try:
            sheet = to_pil(load_image(self.folder / SHEET).pixels)
        except InputError:  # drawn without matplotlib, or moved
            return None
        return picture_html(sheet, f"A contact sheet: {', '.join(p.words for p in self.points[:12])} …", repr(self))
