"""A learner's function → an end: one that hangs is woken where it is, after ten seconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["TooLong", "patience"]

SECONDS = 10.0


class TooLong(Exception):
    """A function that did not come back in time; raised where it was."""


@contextmanager
def patience(seconds: float = SECONDS) -> Iterator[None]:
    """Let a piece of work take so long, then raise `TooLong` at the line where it is.

    Only the main thread of a system with alarms (Linux, macOS) can be woken so, which is where a notebook's cells run;
    elsewhere this waits for ever.

    Args:
        seconds: of wall time, for all of it.

    Raises:
        TooLong: it took longer.
    """
    alarm = getattr(signal, "setitimer", None)
    if alarm is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def wake(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"it has not come back after {seconds:g} seconds, so a loop there does not end")

    before = signal.signal(signal.SIGALRM, wake)
    alarm(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        alarm(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
