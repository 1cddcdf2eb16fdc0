"""A run's progress → a picture that grows in the notebook's cell, or a terminal's bar; an interrupt → one line.

A call shows itself where somebody is watching: in a notebook, or in a terminal. All runs of a cell share one place
under it, which is empty again when the cell ends, so that a saved notebook keeps none of it; after an interrupt the
picture so far stays there.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .errors import InputError, counted
from .image import fit, resize, to_pil
from .interrupts import Stopped, deaf_to_interrupts, notebook
from .result import Progress, Result, duration
from .show import bar_html, growing_html, picture_html, words_html
from .terminal import Bar, say, tqdm_bar

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = [
    "Pace",
    "counting",
    "last",
    "notebook",
    "one_line_for_an_interrupt",
    "progress_bar",
    "progress_picture",
    "remember",
    "watching",
]

SIDE = 512  # pixels of the longer side of a picture on its way
EVERY = 0.15  # seconds between two of them, at least
SHARE = 0.015  # of a run's time, what showing it may take: the page that draws it takes its part too
NOTHING = {"text/plain": ""}  # shows as little as no data at all, of which an export complains
JPEG = 80  # quality of a picture that is gone in a moment


# --- the picture that grows ----------------------------------------------------------------------


class Pace:
    """When the next picture is due: now and then, and never so often that showing them slows the run.

    Args:
        clock: tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock, self.next = clock, 0.0

    @contextmanager
    def showing(self) -> Iterator[None]:
        """The time that a picture takes; the next is due the later for it."""
        began = self.clock()
        yield
        now = self.clock()
        self.next = now + max(EVERY, (now - began) / SHARE)

    @property
    def due(self) -> bool:
        """Whether a picture may be shown now."""
        return self.clock() >= self.next


def small(image: Tensor) -> Image:
    """A picture on its way, no larger than a cell shows it.

    Args:
        image: (1, 3, H, W), sRGB, on any device.
    """
    shape = (image.shape[-2], image.shape[-1])
    return to_pil(resize(image.detach(), fit(shape, SIDE)) if max(shape) > SIDE else image.detach())


def progress_picture(progress: Progress | None, size: tuple[int, int]) -> str:
    """The picture so far, as HTML.

    Args:
        progress: of the run; None before its first evaluation.
        size: (height, width) of the result, whose room is kept from the beginning.
    """
    height, width = fit(size, SIDE) if max(size) > SIDE else size
    image = None if progress is None else small(progress.image)
    return growing_html(image, told(progress), (width, height), JPEG)


def progress_bar(progress: Progress | None, before: str = "") -> str:
    """A bar, and how far the run is, as HTML.

    Args:
        progress: of the run; None before its first evaluation.
        before: words before the others, such as which run of several it is.
    """
    if progress is None:
        return bar_html(0.0, f"{before}starting …")
    left = "" if progress.seconds_left is None else f", {duration(progress.seconds_left)} left"
    return bar_html(progress.done, f"{before}{progress.evaluations} of {progress.total} evaluations{left}")


def told(progress: Progress | None) -> str:
    """The alt text of a picture on its way."""
    return f"The picture after {counted(progress.evaluations, 'evaluation')}" if progress else ""


# --- where it is shown ---------------------------------------------------------------------------


def watching(show: bool | None, size: tuple[int, int]) -> AbstractContextManager[Callable[[Progress], None]]:
    """What a run is told to: a notebook's cell, a terminal's bar, or nothing.

    Args:
        show: None for wherever somebody is watching, True for a bar also where standard error is no terminal, False
            for nothing.
        size: (height, width) of the result.
    """
    if show is not False and (shell := notebook()) is not None:
        return InCell(shell, size)
    return Bar(quiet(show))


def quiet(show: bool | None) -> bool:
    """Whether a terminal gets no bar.

    Args:
        show: as for `watching`.
    """
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return show is False or not (show or terminal)


def announce(show: bool | None, words: str) -> None:
    """Say a line where `watching` would show a run.

    Args:
        show: as for `watching`.
        words: the line.
    """
    if show is not False and notebook() is not None:
        from IPython.display import display

        display({"text/html": words_html(words), "text/plain": words}, raw=True)
    elif not quiet(show):
        say(words)


@contextmanager
def counting(show: bool | None, done: int, total: int) -> Iterator[Callable[[str], None]]:
    """What is told of each of several things that is done, in words; shown where `watching` would show a run.

    Args:
        show: as for `watching`.
        done: how many are done already.
        total: how many there are.
    """
    shell = notebook() if show is not False else None
    place = None if shell is None else Place.of(shell)
    bar = None if place else tqdm_bar(quiet(show), initial=done, total=total, unit="picture")

    def put(words: str) -> None:
        if place:
            place.put(bar_html(done / total, f"{done} of {total} {words}"))

    def tell(words: str) -> None:
        nonlocal done
        done += 1
        put(words)
        if bar is not None:
            with suppress(OSError):  # the terminal is gone
                bar.set_postfix_str(words, refresh=False)
                bar.update()

    put("")
    try:
        yield tell
    finally:
        if bar is not None:
            bar.close()


class InCell:
    """A run that shows itself in a cell.

    Args:
        shell: of the notebook.
        size: (height, width) of the result.
    """

    def __init__(self, shell: Any, size: tuple[int, int]) -> None:
        self.shell, self.size, self.pace = shell, size, Pace()

    def __enter__(self) -> InCell:
        self.place = Place.of(self.shell)
        self.place.runs += 1
        self.before = f"run {self.place.runs}: " if self.place.runs > 1 else ""
        if self.place.progress is None:
            self.put(None)
        return self

    def __exit__(self, *_: object) -> None:
        """The cell's end empties the place."""

    def __call__(self, progress: Progress) -> None:
        self.place.progress = progress
        if self.pace.due or progress.done == 1:
            with self.pace.showing():
                self.put(progress)

    def put(self, progress: Progress | None) -> None:
        """Show how far the run is.

        Args:
            progress: None before its first evaluation.
        """
        self.place.put(progress_picture(progress, self.size) + progress_bar(progress, self.before))


class Place:
    """Where the runs of one cell show themselves, one after another.

    Args:
        shell: of the notebook.
    """

    here: Place | None = None

    def __init__(self, shell: Any) -> None:
        from IPython.display import display

        self.shell, self.runs = shell, 0
        self.progress: Progress | None = None
        self.handle = display({"text/html": ""}, raw=True, display_id=True)
        shell.events.register("post_run_cell", self.ended)

    @classmethod
    def of(cls, shell: Any) -> Place:
        """The place of the cell that runs now.

        Args:
            shell: of the notebook.
        """
        cls.here = cls.here or cls(shell)
        return cls.here

    def put(self, html: str) -> None:
        """Show this, in place of what was there."""
        self.handle.update({"text/html": html}, raw=True)

    def ended(self, done: Any) -> None:
        """The cell has ended: leave nothing, or the picture so far.

        Args:
            done: what IPython tells of the cell.
        """
        with deaf_to_interrupts():  # the cell has ended: there is nothing left to stop
            self.shell.events.unregister("post_run_cell", self.ended)
            Place.here = None
            error = getattr(done, "error_in_exec", None)
            if isinstance(error, Stopped) and self.progress is not None:
                picture = small(self.progress.image)
                self.put(picture_html(picture, told(self.progress)))
            else:
                self.handle.update(NOTHING, raw=True)


# --- an interrupt --------------------------------------------------------------------------------


@contextmanager
def one_line_for_an_interrupt(tell: Callable[[], str]) -> Iterator[None]:
    """Where a notebook's cell runs, an interrupt is `Stopped`; everywhere else it stays as it is.

    It is the signal that changes, because an interrupt also arrives between two steps, in whatever the cell does there.

    Args:
        tell: says the line.
    """
    if notebook() is None:
        yield
        return

    def stop(*_: object) -> None:
        raise Stopped(tell())

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:  # perhaps much later, when the loop is collected: then the handler is another's
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is stop:
            signal.signal(signal.SIGINT, before)


newest: list[Callable[[], Result]] = []


def remember(result: Callable[[], Result]) -> None:
    """Keep what makes the newest run's result, for `last`.

    Args:
        result: makes it, as far as the run is.
    """
    newest[:] = [result]


def last() -> Result:
    """The picture of the newest run of a cell, whole or as far as it came before an interrupt; no panel's.

    Raises:
        InputError: nothing was painted yet.
    """
    if not newest:
        raise InputError('nothing was painted yet: paint first, nst.stylize("content/harbour", "style/brushstrokes")')
    made = newest[0]()
    remember(lambda: made)
    return made
