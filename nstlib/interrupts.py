"""Ctrl-C, the notebook's stop button → after what must not be cut in half; in a notebook one line, no later cell."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["END_SIGNALS", "Stopped", "deaf_to_interrupts", "loading", "notebook", "uninterrupted"]

END_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Those that ask a program to end."""


class Stopped(KeyboardInterrupt):
    """An interrupt in a notebook: one line in place of a traceback, and no later cell runs."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def notebook() -> Any | None:
    """The shell of the notebook whose cell runs now; None in a terminal, a script or a thread of its own."""
    if threading.current_thread() is not threading.main_thread():
        return None
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if getattr(shell, "kernel", None) is not None else None


@contextmanager
def uninterrupted(heard: Callable[[], None] = lambda: None) -> Iterator[None]:
    """For the time of a short piece of work, let Ctrl-C and the signals to end wait; the first of them comes after it.

    Only the main thread is interrupted by them; elsewhere this does nothing.

    Args:
        heard: is called at once when one comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def wait(number: int, _: object) -> None:
        came.append(number)
        heard()

    before = {number: signal.signal(number, wait) for number in END_SIGNALS}
    try:
        yield
    finally:
        for number, handler in reversed(before.items()):  # Ctrl-C's at last: it may come again, and cuts this short
            signal.signal(number, handler)
        for number in sorted(set(came), reverse=True):  # each, because one may be ignored; Ctrl-C at last
            signal.raise_signal(number)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """For a short time Ctrl-C is lost, here and for the processes that are started meanwhile, for good.

    Only the main thread is interrupted by it; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def loading() -> Iterator[None]:
    """While PyTorch is loaded, let an interrupt wait: cut in half, it fails until the kernel is restarted.

    Raises:
        Stopped: an interrupt came, in a notebook.
    """
    if "torch" in sys.modules or notebook() is None:
        yield
        return
    try:
        with uninterrupted(lambda: print("Stopping as soon as PyTorch is loaded …", flush=True)):
            yield
    except KeyboardInterrupt:
        raise Stopped("stopped once PyTorch was loaded: run this cell again, nothing needs a restart") from None
