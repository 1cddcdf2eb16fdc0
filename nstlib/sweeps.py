"""A grid of recipe fields, and pairs of pictures → a painting for each point, a contact sheet and a table of all

    found = sweep({"style_weight": [0.5, 1, 2], "optimizer": ["adam", "lbfgs"]}, [("content/harbour", "style/mosaic")])
    found.failures

Each point has a file of its own, whose name ends in a fingerprint of all that it is made of. So the same call goes on
where it was left, whatever ended it, and a call with another option paints pictures of its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from . import architecture, plot, style
from .errors import InputError, one_line, one_of
from .files import encoded, short_name, try_to_write, write_whole
from .forecast import Paces, foresee
from .frames import Way, checked_frames, read_way
from .gallery import is_address, read_picture
from .image import Picture, load_image, to_pil
from .inputs import alone, is_file, is_name
from .interrupts import Stopped
from .live import counting
from .machine import choose_device, free_memory
from .optimizers import Stop
from .plan import (
    FREE_SHARE,
    RULES,
    Plan,
    Settings,
    check_pictures,
    digest,
    prepare,
    settle,
    takes_options,
)
from .pool import Outcome, cluster, cores, elsewhere, here, in_turn
from .recipe import STARTS, WORDS, Recipe
from .recipes import DEFAULT_RECIPE, RECIPES
from .regions import MASKS
from .result import Record, read_facts
from .rules import Choice, Number, Rule, brief, judged
from .show import picture_html
from .transfer import carry_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Point", "Sweep", "sweep"]

TABLE, SHEET = "table.csv", "contact.png"
HEAD, TAIL = ("picture", "content", "styles"), ("evaluations_made", "seconds", "loss", "stopped", "remark", "failure")
NOT_YET = "not painted yet"
OWN = re.compile(r"-[0-9a-f]{10}(\.\d+)?\.(png|csv)$")  # how the files of a point end
HOW = ("device", "memory")  # the settings that make no other picture
PROCESS = 5e8  # bytes that a process takes before it paints: Python, torch and a network
OF_A_WORKER = 0.6  # of its limit, what a run may take: at 0.7 distributed begins to hold it back, at 0.95 to kill it
UNLIMITED = 1e18  # bytes
SHEET_DPI = 200  # of ten inches: a row of eight has 250 pixels for each
THUMBNAIL = 320  # pixels of a picture's longer side on the contact sheet
MOST = 50_000  # pixels of the sheet's own: matplotlib draws no more than 65,536
TURN = threading.Lock()  # one run at a time in a process: torch's random state and number of threads are the process's


@dataclass(frozen=True)
class Source:
    """A picture of a pair.

    Attributes:
        given: as the caller gave it, the picture of an address; None for no content.
        label: its path, address or name as it was given, else what it is called; "" for no content.
        data: what travels to whoever paints: the bytes of a file, or the picture.
        fingerprint: of its pixels.
    """

    given: Any
    label: str
    data: Any
    fingerprint: str

    @classmethod
    def of(cls, given: Any) -> Source:
        """Read a picture.

        Args:
            given: what `load_image` takes, or None.

        Raises:
            InputError: it cannot be read.
        """
        if given is None:
            return cls(None, "", None, "")
        if not is_name(given):
            picture = load_image(given)
            return cls(given, picture.source, given, fingerprint(picture))
        label = os.fspath(given)
        if not is_address(label):
            return cls(given, label, read_picture(label)[0], fingerprint(load_image(given)))
        data, name = read_picture(label)  # once: each point asks for it, and it may change
        with told_at(name):
            picture = replace(load_image(data), source=name)
        return cls(picture, label, data, fingerprint(picture))


def fingerprint(picture: Picture) -> str:
    """Of its pixels, and of what was transparent."""
    return digest(*(t for t in (picture.pixels, picture.mask) if t is not None))


@dataclass(frozen=True)
class Point:
    """A point of a sweep.

    Attributes:
        pair: content and styles by name.
        values: by swept field, as texts.
        path: of its picture.
        facts: of its picture; none if there is none.
        failure: why there is no picture, in a line; "" if there is one.
    """

    pair: tuple[str, ...]
    values: Mapping[str, str]
    path: Path
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    failure: str = NOT_YET

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
        facts = {**self.facts, "evaluations_made": self.facts.get("evaluations", ""), "failure": self.failure}
        return {**head, **self.values, **{name: facts.get(name, "") for name in TAIL}}


@dataclass(frozen=True)
class Task:
    """What a point needs to be painted, here or in another process.

    Attributes:
        number: of the point.
        words: the point in words.
        sources: its content and styles.
        recipe: what is computed.
        settings: how.
        frames: evaluations after which a picture is kept; see `Way`.
    """

    number: int
    words: str
    sources: tuple[Source, ...]
    recipe: Recipe
    settings: Settings
    frames: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of all that makes its picture what it is."""
        recipe = {name: value for name, value in self.recipe.to_dict().items() if name not in WORDS}
        settings = {name: value for name, value in vars(self.settings).items() if name not in HOW}
        masks = (*(self.settings.masks or ()), *(self.settings.style_masks or ()))
        named = [*({self.recipe.start} - set(STARTS)), *filter(is_file, masks)]
        pictures = [source.fingerprint for source in (*self.sources, *map(Source.of, named))]
        weights = [] if self.settings.weights in (None, "random") else [digest_of_file(self.settings.weights)]
        told = json.dumps([recipe, settings, pictures, *weights, *self.frames], sort_keys=True)
        return hashlib.sha256(encoded(told)).hexdigest()[:10]

    def check(self, **settings: Any) -> Plan:
        """The run, all that can be wrong with it found.

        Args:
            settings: in place of its own.

        Raises:
            InputError: whatever does not fit.
        """
        content, *styles = (source.given for source in self.sources)
        with told_at(self.words):
            return prepare(content, styles, recipe=self.recipe, **{**vars(self.settings), **settings})

    def within(self, memory: float | None) -> Task:
        """The same, of which no run takes more memory than this; what the caller gave stands.

        Args:
            memory: bytes; None for no limit.
        """
        if self.settings.memory is not None:
            return self
        return replace(self, settings=replace(self.settings, memory=memory))


def digest_of_file(path: str) -> str:
    """A fingerprint of what stands in a file, which another may take the place of; "" if there is none to read.

    Args:
        path: of the file.
    """
    path = os.path.expanduser(path)
    return digest_at(path, os.stat(path).st_mtime_ns) if os.path.isfile(path) else ""


@lru_cache(maxsize=8)  # each point of a sweep asks for it
def digest_at(path: str, moment: int) -> str:
    """The same, of a file that was written at a moment (ns)."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


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
        first: dict[tuple[Any, ...], Point] = {}
        for point in self.points:
            if point.failure or point.facts.get("remark"):
                continue
            other = first.setdefault((point.pair, point.facts.get("evaluations"), point.facts.get("loss")), point)
            if other is not point:
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


# --- the sweep -----------------------------------------------------------------------------------


@takes_options()
def sweep(
    grid: Mapping[str, Sequence[Any]],
    pairs: Sequence[Sequence[Any]],
    *,
    folder: str | os.PathLike[str] = "sweep",
    processes: int | None = None,
    scheduler: str | None = None,
    frames: Sequence[int] = (),
    show: bool | None = None,
    **options: Any,
) -> Sweep:
    """Paint each pair of pictures at each point of a grid.

    All is checked before the first picture is painted. Then a point that fails says why, and the rest goes on. The same
    call goes on where it was left: finished pictures stay, what failed is tried again.

    Args:
        grid: values by field: those of a recipe or of the settings, or names of recipes under "recipe".
        pairs: of content and style, or more styles, each what `load_image` takes.
        folder: for the pictures, the table and the contact sheet: a new one, or that of a sweep.
        processes: how many paint at a time, sharing cores and memory; None for one on a GPU, and else for as many as
            there are cores and memory allows. A statistic or a network that you added is known to this process alone,
            which paints one picture after another; change its name, or the folder, when you change what it does.
        scheduler: the address of one of dask.distributed's; its workers paint then. Pictures travel to them, but files
            of weights, of masks and of a start must lie there at the same path.
        frames: evaluations after which a picture on the way is kept too, beside that of its point, with a table of
            all losses: for mosaic.png after 30 evaluations mosaic.30.png and mosaic.csv, which `frames` and `history`
            of a point read.
        show: a bar: None for wherever somebody is watching, True for always, False for never.
        options: recipe, and fields of it and of the settings, the same at all points; see below.

    Raises:
        InputError: whatever does not fit, before any slow work.
        Stopped: an interrupt; what is finished stays.
    """
    place = checked_folder(folder)
    whole_grid = checked_grid(grid, options)
    tasks, points = laid_out(whole_grid, checked_pairs(pairs), options, checked_frames(frames), place)
    todo = [task for task in tasks if points[task.number].failure]
    with painters(todo, processes, scheduler) as outcomes:
        keep_table(place, points)
        take_in(outcomes, points, place, show)
        keep_table(place, points)
    found = Sweep(place, tuple(points))
    try:
        keep_sheet(found)
    except KeyboardInterrupt:
        kept = f"the pictures and {TABLE} are in '{place}'"
        raise Stopped(f"stopped while the contact sheet was drawn: {kept}, and the same call draws it") from None
    return found


def take_in(outcomes: Iterator[tuple[Task, Outcome]], points: list[Point], folder: Path, show: bool | None) -> None:
    """Write each picture when it comes, and the table with it.

    Args:
        outcomes: of the tasks, in any order.
        points: are replaced as they are finished.
        folder: of the sweep.
        show: as for `sweep`.

    Raises:
        InputError: a picture cannot be written.
        Stopped: an interrupt.
    """
    try:
        with counting(show, sum(not point.failure for point in points), len(points)) as tell:
            for task, outcome in outcomes:
                points[task.number] = point = written(points[task.number], outcome)
                with suppress(InputError):  # somebody has it open, say; the last one has all
                    keep_table(folder, points)
                tell(point.words)
    except KeyboardInterrupt:
        here = sum(not looked_up(point).failure for point in points)  # it may have come just after a picture
        raise Stopped(
            f"stopped: {here} of {len(points)} pictures are in '{folder}', and the same call goes on from there"
        ) from None


def written(point: Point, outcome: Outcome) -> Point:
    """A point whose picture is kept in its file, whole or not at all; or which says why there is none.

    Args:
        point: without a picture.
        outcome: what `painted` returned, or a failure.

    Raises:
        InputError: the file cannot be written.
    """
    if outcome.failure:
        return replace(point, failure=outcome.failure)
    for suffix, data in outcome.value.items():
        keep(point.path.with_suffix(suffix), data)
    return looked_up(point)


def looked_up(point: Point) -> Point:
    """A point as its files say: finished only if that is a whole picture with its facts, and its frames are there."""
    try:
        facts = read_facts(point.path)
        if facts.get("frames") and not all(path.is_file() for path in read_way(point.path)[0].values()):
            return point
        return replace(point, facts=facts, failure="")
    except InputError:
        return point


# --- what is to be painted -----------------------------------------------------------------------


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
        rule = rules()[one_of("field of a sweep", name, rules())]
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


@contextmanager
def told_at(words: str) -> Iterator[None]:
    """Say of a mistake at which point it came.

    Args:
        words: the point.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"at {words}: {error}") from None


def checked_folder(folder: Any) -> Path:
    """A folder in which nothing but a sweep's files is, if it is there, and that can be written.

    Args:
        folder: as it was given; need not exist.

    Raises:
        InputError: it holds other things, is none, or cannot be written.
    """
    if not is_name(folder) or not os.fspath(folder) or "\0" in os.fspath(folder):
        raise InputError(f"{brief(folder)} names no folder: give one for the pictures, such as 'sweep'")
    place = Path(os.path.expanduser(folder))
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            place.lstat()  # a name that is too long fails here
        there = next(one for one in (place, *place.absolute().parents) if os.path.lexists(one))
        if not there.is_dir():
            raise InputError(f"'{there}' is no folder: give the name of a new one")
        try_to_write(there / TABLE)
        others = there == place and not is_sweeps(place / TABLE) and not is_own(list(place.iterdir()))
    except OSError as error:
        raise InputError(f"'{one_line(place)}' cannot be written ({error.strerror}): name another folder") from None
    if others:
        raise InputError(f"'{place}' holds other files: give a new folder, so that none of them is written over")
    return place


def is_sweeps(table: Path) -> bool:
    """Whether a file is the table of a sweep.

    Args:
        table: that may not be there.
    """
    if not table.is_file():
        return False
    with table.open("rb") as file:
        return re.match("[,;\t]".join(HEAD).encode(), file.read(200)) is not None  # as a spreadsheet saves it, too


def is_own(files: Sequence[Path]) -> bool:
    """Whether a folder holds nothing that anybody could miss: nothing, or what is left of a sweep without its table.

    Args:
        files: that are in it.
    """
    names = [file.name for file in files if file.name[0] != "."]
    own = [name for name in names if OWN.search(name)]
    return not names or (bool(own) and set(names) <= {*own, SHEET})


# --- who paints ----------------------------------------------------------------------------------


@contextmanager
def painters(
    tasks: Sequence[Task], processes: int | None, scheduler: str | None
) -> Iterator[Iterator[tuple[Task, Outcome]]]:
    """What comes of the tasks, in the order in which they end; each is checked before the first is begun.

    Args:
        tasks: all that is to be painted.
        processes: as for `sweep`.
        scheduler: likewise.

    Raises:
        InputError: a run that does not fit, no such number of processes, or a cluster that cannot work.
    """
    if processes is not None:
        processes = judged("processes", processes, Number(1, whole=True))
        if scheduler is not None:
            raise InputError("processes are those of this machine, and a scheduler has workers of its own: give one")
    own = own_parts(tasks)
    if own and (scheduler is not None or processes not in (None, 1)):
        raise InputError(f"{own} is known to this process alone, so it paints one by one: no processes, no scheduler")
    if not tasks:
        yield iter(())
    elif own:
        for task in tasks:
            task.check()
        with closing(in_turn(painted, tasks)) as outcomes:
            yield outcomes
    elif scheduler is None:
        count, memory = divided(tasks, processes)
        threads = max(1, torch.get_num_threads() // count)
        with closing(here(painted, [task.within(memory) for task in tasks], count, threads)) as outcomes:
            yield outcomes
    else:
        with cluster(scheduler) as (client, limit):
            for task in tasks:
                task.check(device="cpu", memory=UNLIMITED)  # device and memory are the workers'
            memory = limit and OF_A_WORKER * limit
            with closing(elsewhere(painted, [task.within(memory) for task in tasks], client)) as outcomes:
                yield outcomes


def own_parts(tasks: Sequence[Task]) -> str:
    """A statistic or a network of some task that somebody added to the kit's, in words; "" if there is none."""
    for task in tasks:
        for name, kits in ((task.recipe.statistic, style.OF_THE_KIT), (task.recipe.backbone, architecture.OF_THE_KIT)):
            if name not in kits:
                return f"'{name}'"
    return ""


def divided(tasks: Sequence[Task], processes: int | None) -> tuple[int, float | None]:
    """How many processes of this machine paint at a time, and the bytes that each may take; None for what is free.

    Args:
        tasks: one or more.
        processes: at most; None for as many as there are cores and runs at full speed fit into memory, and for one on
            a GPU.

    Raises:
        InputError: a run that does not fit.
    """
    device = choose_device(tasks[0].settings.device)
    free = FREE_SHARE * free_memory(device)
    if processes is None:
        largest = PROCESS + max(foresee(task.check(), Paces()).bytes for task in tasks)
        count = max(1, min(len(tasks), cores() if device.type == "cpu" else 1, int(free // largest)))
        return count, free / count - PROCESS if count > 1 else None
    count = min(processes, len(tasks))
    memory = max(1.0, free / count - PROCESS) if count > 1 else None
    for task in tasks:
        task.within(memory).check()
    return count, memory


def painted(task: Task) -> dict[str, bytes]:
    """What a task comes to, by the end of a file's name; where this is called, pictures are found without their files.

    Args:
        task: to be carried out.

    Returns:
        what `Way` keeps, and last, for it says that all is there, the picture with its facts.

    Raises:
        InputError: it does not fit here, or memory ran out.
    """
    content, *styles = (source.data for source in task.sources)
    way = Way(task.frames)
    with TURN:
        plan = prepare(content, styles, recipe=task.recipe, **vars(task.settings))
        result = carry_out(plan, on_progress=way)
    if result.stopped is Stop.INTERRUPTED:
        raise KeyboardInterrupt  # whoever asked for many pictures meant all of them
    if result.stopped is Stop.MEMORY:
        raise InputError(f"{result.stopped} after {result.evaluations} evaluations: give fewer processes, or less size")
    names = [source.label or None for source in task.sources]
    told = {name: value for name, value in (("remark", result.failure), ("frames", task.frames)) if value}
    picture = replace(result, facts={**result.facts, "content": names[0], "styles": names[1:], **told}).encoded()
    return {**(way.files(result.history) if task.frames else {}), ".png": picture}


# --- what is kept of it --------------------------------------------------------------------------


def keep(path: Path, data: bytes) -> None:
    """Write a file whole, or not at all.

    Args:
        path: of the file.
        data: what is to stand in it.

    Raises:
        InputError: it cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        why = error.strerror or one_line(error)
        ways = "make room, or close what has it open, and the same call goes on"
        raise InputError(f"'{one_line(path)}' could not be written ({why}): {ways}") from None


def keep_table(folder: Path, points: Sequence[Point]) -> None:
    """Write the table of all points, as far as they are.

    Args:
        folder: of the sweep.
        points: one or more.

    Raises:
        InputError: it cannot be written.
    """
    text = io.StringIO()
    rows = [point.row for point in points]
    table = csv.DictWriter(text, rows[0])
    table.writeheader()
    table.writerows(rows)
    keep(folder / TABLE, encoded(text.getvalue()))


def keep_sheet(found: Sweep) -> None:
    """Write the contact sheet, if matplotlib is there to draw it.

    Args:
        found: the sweep.

    Raises:
        InputError: it cannot be written.
    """
    if find_spec("matplotlib"):
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # letters of a file's name that the font has not
            contact_sheet(found).savefig(file, dpi=SHEET_DPI)
        keep(found.folder / SHEET, file.getvalue())


def contact_sheet(found: Sweep) -> Figure:
    """All pictures of a sweep: the last field with several values goes to the right, everything before it down.

    Args:
        found: the sweep; where a picture failed, the place is grey.
    """
    points = found.points
    axes = {"pictures": pairs_named(points)}
    axes |= {name: [point.values[name] for point in points] for name in points[0].values}
    several = [name for name in axes if len(set(axes[name])) > 1] or [*axes][-1:]
    alone = "" if "pictures" in several else f"{axes['pictures'][0]}: "
    title = alone + " × ".join(several)
    *down, right = several
    columns = list(dict.fromkeys(axes[right]))
    images = [thumbnail(point) for point in points]
    if not down:
        figure = plot.pictures(images, [f"{right} {value}" for value in axes[right]], title=title)
        return failures_named(figure, points)
    starts = range(0, len(points), len(columns))
    rows = ["\n".join(axes[name][start] for name in down) for start in starts]
    lines = [images[start : start + len(columns)] for start in starts]
    labels = {"row_label": ", ".join(down), "column_label": right}
    figure = plot.grid(
        lines,
        rows,
        columns,
        **labels,
        title=title,
        least=min(THUMBNAIL, MOST / max(len(rows), len(columns))) / SHEET_DPI,
    )
    return failures_named(figure, points)


def pairs_named(points: Sequence[Point]) -> list[str]:
    """The pair of each point in a few words, which no other pair has.

    Args:
        points: of a sweep, each pair's as many and in a row.
    """
    each = len({tuple(point.values.values()) for point in points})
    short = [", ".join(map(short_name, filter(None, point.pair))) for point in points[::each]]
    made = [name if short.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(short, 1)]
    return [name for name in made for _ in range(each)]


def failures_named(figure: Figure, points: Sequence[Point]) -> Figure:
    """The same figure, with a word in the place of each picture that there is not.

    Args:
        figure: whose first axes are the points', in their order.
        points: of a sweep.
    """
    for point, axis in zip(points, figure.axes, strict=False):
        if point.failure:
            axis.text(0.5, 0.5, "failed", ha="center", va="center", transform=axis.transAxes)
    return figure


def thumbnail(point: Point) -> torch.Tensor:
    """Its picture (1, 3, H, W), small; a grey one if there is none.

    Args:
        point: of a sweep.
    """
    return torch.full((1, 3, 240, 320), 0.8) if point.failure else load_image(point.path, THUMBNAIL).pixels
