"""A run → pictures on its way, and its losses as a table, as files that stand beside its picture

way = Way((10, 30))
result = stylize("content/harbour", "style/mosaic", on_progress=way)
way.files(result.history)  # {".10.png": b"…", ".30.png": b"…", ".csv": b"…"}
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import encoded
from .result import Progress, Record, by_stage
from .rules import Number, brief, judged
from .saving import encode_image

__all__ = ["Way", "checked_frames", "read_way"]

TABLE = ".csv"
HEAD = ("height", "width", "iteration", "evaluations", "seconds", "loss")


class Way:
    """Keeps pictures of a run, as its `on_progress`.

    Args:
        frames: evaluations, ascending, after which a picture is kept; where the run ends before, its last one is.
    """

    def __init__(self, frames: Sequence[int]) -> None:
        self.wanted = list(frames)
        self.stage, self.over = 0, False  # the number of the stage at work, and whether that has ended
        self.kept: dict[tuple[int, int], tuple[int, bytes]] = {}  # by stage and iteration

    def __call__(self, progress: Progress) -> None:
        """Keep the picture of this moment, if it is wanted.

        Args:
            progress: of the run.
        """
        self.stage += self.over
        self.over = progress.step.stop is not None
        done, here = progress.evaluations, (self.stage, progress.step.iteration)
        if self.wanted and (done >= self.wanted[0] or progress.done == 1):
            self.kept[here] = done, encode_image(progress.image)
            self.wanted = [frame for frame in self.wanted if frame > done and progress.done < 1]

    def files(self, history: Sequence[Record]) -> dict[str, bytes]:
        """What was kept, by the end of a file's name: the pictures, and a table with a row for each move.

        Args:
            history: of the run.
        """
        made = {f".{count}.png": data for count, data in self.kept.values()}
        kinds = dict.fromkeys(kind for record in history for kind in record.kinds())
        text = io.StringIO()
        table = csv.DictWriter(text, [*HEAD, *kinds, "frame"])
        table.writeheader()
        for stage, record in ((i, record) for i, lines in enumerate(by_stage(history)) for record in lines):
            row = {name: getattr(record, name) for name in HEAD[2:]} | record.kinds()
            frame, _ = self.kept.get((stage, record.iteration), ("", b""))
            table.writerow(row | {"height": record.size[0], "width": record.size[1], "frame": frame})
        return {**made, TABLE: encoded(text.getvalue())}


def read_way(picture: Path) -> tuple[dict[int, Path], tuple[Record, ...]]:
    """What stands beside a picture: pictures on the way to it by evaluations, and the history, its terms by kind.

    Args:
        picture: the file.

    Raises:
        InputError: nothing stands beside it, or what does is no such table.
    """
    table = picture.with_suffix(TABLE)
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        frames = {int(row["frame"]): picture.with_suffix(f".{row['frame']}.png") for row in rows if row["frame"]}
        history = tuple(records(rows))
    except OSError:
        raise InputError(f"no pictures on the way were kept of '{picture}': give frames, and run it again") from None
    except (csv.Error, KeyError, TypeError, ValueError):
        frames, history = {}, ()
    if not frames:
        raise InputError(f"'{table}' is damaged: run it again with the same frames, which makes it anew")
    return frames, history


def records(rows: Sequence[dict[str, str]]) -> Iterator[Record]:
    """The rows of a table as a history.

    Args:
        rows: by column.
    """
    for row in rows:
        size = int(row["height"]), int(row["width"])
        terms = {name: float(value) for name, value in row.items() if name not in (*HEAD, "frame") and value}
        counts = int(row["iteration"]), int(row["evaluations"])
        yield Record(size, *counts, float(row["seconds"]), float(row["loss"]), terms)


def checked_frames(frames: Any) -> tuple[int, ...]:
    """The same, ascending, each once.

    Args:
        frames: as somebody gave them.

    Raises:
        InputError: something that is no number of evaluations.
    """
    if isinstance(frames, str | bytes) or not hasattr(frames, "__iter__"):
        raise InputError(f"frames={brief(frames)}: give a list of evaluations, such as [10, 30, 80]")
    return tuple(sorted({int(judged("frames", frame, Number(1, whole=True))) for frame in frames}))
