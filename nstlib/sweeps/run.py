"""A sweep from its grid to its contact sheet: laid out, painted, taken in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..frames import checked_frames
from ..interrupts import Stopped
from ..live import counting
from ..pool import Outcome
from ..settings import takes_options
from .folder import checked_folder, keep, keep_table
from .grid import checked_grid, checked_pairs, laid_out
from .painters import painters
from .points import TABLE, Point, Sweep, looked_up
from .sheet import keep_sheet
from .tasks import Task


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
