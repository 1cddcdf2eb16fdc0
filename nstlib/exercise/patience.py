"""A learner's function → an end: one that hangs is woken where it is, after ten seconds."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..threads import waited

__all__ = ["TooLong", "patience"]

SECONDS = 10.0
BUSY = 6  # times as long, on a machine that is busy with other programs


class TooLong(BaseException):
    """A function that did not come back in time; raised where it was.

    No `Exception`: an `except Exception` of the learner's around the loop would take it for an error there, and go on.

    Attributes:
        where: for which input, in words.
    """

    where = "these inputs"


@contextmanager
def patience() -> Iterator[None]:
    """Let a piece of work take ten seconds of wall time, then raise `TooLong` at the line where it is.

    Where other programs take most of the machine it waits longer, and it lets an import end, such as torch's own at
    first use: a module that is cut off half-way stays broken. Work that catches even `TooLong`, by a bare `except`, is
    woken again and again, and whatever came of it is not let pass. Only the main thread of a system with alarms (Linux,
    macOS) can be woken so, which is where a notebook's cells run; elsewhere this waits for ever.

    Raises:
        TooLong: it took longer; the first one, which knows the line.
    """
    alarm = getattr(signal, "setitimer", None)
    if alarm is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    caller = sys._getframe(2)  # behind contextlib
    start, lost = time.perf_counter(), waited(1)
    rang: list[TooLong] = []

    def wake(number: int, frame: FrameType | None) -> None:
        passed = time.perf_counter() - start
        had = passed - (waited(1) - lost)  # without what other programs took
        if (had < SECONDS / 2 and passed < BUSY * SECONDS) or importing(frame, caller):
            alarm(signal.ITIMER_REAL, SECONDS / 10)
            return
        alarm(signal.ITIMER_REAL, SECONDS / 2)
        rang.append(TooLong(f"it has not come back after {SECONDS:g} seconds, so a loop there does not end, or waits"))
        raise rang[-1]

    before = signal.signal(signal.SIGALRM, wake)
    alarm(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    except KeyboardInterrupt:
        rang.clear()  # the person at the keyboard waits no longer
        raise
    finally:
        alarm(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if rang:
            raise rang[0]


def importing(frame: FrameType | None, caller: FrameType) -> bool:
    """Whether a module is being imported.

    Args:
        frame: where the program is.
        caller: from where on to look.
    """
    while frame and frame is not caller:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
