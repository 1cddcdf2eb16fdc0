"""Pieces of work that end as they say; a module of its own, because the processes that do them import it."""

import os
import signal
import time


def act(deed):
    """Do (kind, value): "raise", "die", "die once" (`value` is a file that remembers it), "interrupt", or nothing.

    "wait" writes its process down in a file, and does not end. "hand back" answers with what cannot be sent.
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
    if kind == "wait":
        with open(value, "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)
    if kind == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    return value
