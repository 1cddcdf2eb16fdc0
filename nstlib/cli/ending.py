"""How a command ends: exit statuses, and signals."""

from __future__ import annotations

import signal
import sys

import click

from ..errors import one_line
from ..interrupts import END_SIGNALS
from ..terminal import say_wrong

LONG = 600  # letters of a mistake: one that quotes a longer value loses its middle


class Trouble(click.ClickException):
    """Something was saved, but not as it was asked for."""

    exit_code = 1


class Interrupted(Trouble):
    """An interrupt, and what it left."""

    exit_code = 130


def stop(number: int, frame: object) -> None:
    """End the run as Ctrl-C does, on the first signal; what comes after it would only cost what is being saved."""
    for each in END_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def stop_no_more() -> None:
    """The picture is finished: until it is saved, a signal that `main` listens for would only cost it."""
    for number in END_SIGNALS:
        if signal.getsignal(number) is stop:
            signal.signal(number, lambda number, frame: None)


def fail(message: str, status: int) -> None:
    """One line on standard error, not endless, and an exit status."""
    say_wrong(one_line(message, limit=LONG))
    sys.exit(status)
