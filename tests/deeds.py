"""Pieces of work that end as they say; a module of its own, because the processes that do them import it."""

import os
import signal


def act(deed):
    """Do (kind, value): "raise", "die", "die once" (`value` is a file that remembers it), "interrupt", or nothing.

    "hand back" answers with what cannot be sent to another process.
    """
    kind, value = deed
    if kind == "raise":
        raise ValueError(value)
    if kind == "die" or (kind == "die once" and not os.path.exists(value)):
        open(value, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "threads":
        from torch import get_num_threads

        return get_num_threads()
    if kind == "hand back":
        return lambda: value
    if kind == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    return value
