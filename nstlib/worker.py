"""Something slow → done in a thread that can be asked to stop, one job at a time, the newest request first.

A notebook runs what its buttons call on the same thread as its cells, or on one that an Interrupt does not reach, and
shows nothing meanwhile. So whatever is slow goes to a worker, and is stopped by a flag:

    worker = Worker()
    job = worker.start(lambda stop: paint_until(stop), failed=show_the_words)
    ...
    worker.stop()
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import in_words

__all__ = ["Job", "Worker"]


@dataclass(eq=False)
class Job:
    """Work that was asked for.

    Attributes:
        work: is called with the flag that asks it to stop, and looks at it often (every step of a run).
        failed: is called with words for a person, if the work raises.
        ended: is called at the very end, whatever happened, unless the job was never begun.
        stop: the flag.
        over: set when nothing more will come of this job.
    """

    work: Callable[[threading.Event], None]
    failed: Callable[[str], None]
    ended: Callable[[], None]
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Do it; errors become words."""
        try:
            self.work(self.stop)
        except BaseException as error:  # nobody stands behind a thread to catch SystemExit or an interrupt
            self.failed(in_words(error))
        finally:
            self.ended()


def nothing(*_: object) -> None:
    """What a job does that nobody wants to hear of."""


class Worker:
    """One thread for jobs of which only the newest matters.

    A job that is asked for while another runs asks that one to stop, and begins when it has. Of several that wait, all
    but the newest are dropped.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: Job | None = None
        self.next: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self.running is not None

    def start(
        self,
        work: Callable[[threading.Event], None],
        *,
        failed: Callable[[str], None] = nothing,
        ended: Callable[[], None] = nothing,
    ) -> Job:
        """Ask for a job; returns at once.

        Args:
            work: takes the flag that asks it to stop.
            failed: takes what went wrong, in words.
            ended: is called after the work, whatever came of it.
        """
        job = Job(work, failed, ended)
        with self.lock:
            if self.running is None:
                self.running = job
                try:
                    threading.Thread(target=self._work, args=(job,), name="nstlib worker", daemon=True).start()
                except RuntimeError:  # no more threads are to be had here
                    self.running = None
                    raise
                return job
            self.running.stop.set()
            dropped, self.next = self.next, job
        if dropped:
            dropped.over.set()
        return job

    def stop(self) -> None:
        """Ask the job that runs to stop, and drop the one that waits."""
        with self.lock:
            if self.running:
                self.running.stop.set()
            dropped, self.next = self.next, None
        if dropped:
            dropped.over.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing runs or waits.

        Args:
            seconds: for how long at most; None for as long as it takes.

        Returns:
            Whether nothing does.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while (job := self.next or self.running) is not None:
            if not job.over.wait(None if end is None else max(0.0, end - time.monotonic())):
                return False
        return True

    def _work(self, job: Job | None) -> None:
        while job is not None:
            done = job
            try:
                job.run()
            except BaseException:  # a callback's mistake: shown to whoever wrote it, and the next job is not lost
                traceback.print_exc()
            with self.lock:
                job = self.running = self.next
                self.next = None
            done.over.set()
