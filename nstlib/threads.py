"""Cores that other programs use too → threads that spin only briefly, and as many of them as are fastest now.

OpenMP's threads meet after every layer, and those that come first wait in a loop that keeps their core busy. Beside
another program the last one may be waiting for that very core: two threads then need ten times as long as one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:  # torch must not be loaded before `wait_briefly` was called
    import torch

__all__ = ["Threads", "wait_briefly", "waited"]

# GNU's OpenMP spins 300,000 times unless told, which is milliseconds. 3,000 times last as long as threads are usually
# apart, so a quiet machine loses nothing; 0, which is OMP_WAIT_POLICY=PASSIVE, costs a quarter of a small picture's
# time there. That of other makers (macOS, Windows) yields its core while it waits, and needs no word.
SPINS = "3000"
DECIDED = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")  # by whoever has set one of them

WINDOW = 0.25  # seconds after which a run is asked anew whether it gets its cores
CROWDED = 0.2  # threads without a core, on average over a window, from where fewer are tried
BETTER = 0.95  # of the seconds that an evaluation takes now: what it must take with another number
TRIAL = 2  # steps in a row that must be better
PATIENCE = 10  # times what a trial lost: how long the next one has to wait


def wait_briefly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell OpenMP, before torch loads it, to give the core away soon while a thread waits for others.

    Args:
        environment: is changed, unless somebody has already said there how to wait.
    """
    if not any(name in environment for name in DECIDED):
        environment["GOMP_SPINCOUNT"] = SPINS


def waited(threads: int, tasks: Path = Path("/proc/self/task")) -> float:
    """Seconds that threads of this process were ready to work and had no core, all added up; only differences count.

    Linux tells it of each thread. Elsewhere it is what all programs together want beyond the cores that there are, and
    0 where nobody tells even that.

    Args:
        threads: that this process uses when it works.
        tasks: where Linux keeps a folder for each thread.
    """
    found = []
    with suppress(OSError):  # another system
        for task in os.scandir(tasks):
            with suppress(OSError):  # a thread that has just ended
                found.append(int(Path(task, "schedstat").read_text().split()[1]) / 1e9)
    if any(found):
        return sum(found)
    try:
        import psutil
    except ModuleNotFoundError:
        return 0.0
    times = psutil.cpu_times()
    busy = sum(getattr(times, kind, 0.0) for kind in ("user", "nice", "system", "steal"))
    return busy - time.process_time() - ((os.cpu_count() or threads) - threads) * time.monotonic()


class Report(Protocol):
    """What is asked of a step."""

    @property
    def evaluations(self) -> int:
        """Since its stage began."""


S = TypeVar("S", bound=Report)


class Threads:
    """The number of threads that each step of a run takes: the caller's while the machine is quiet.

    The rule. When threads of the run had to wait for a core (`CROWDED` of them, on average over `WINDOW` seconds), half
    as many are tried, and stay if `TRIAL` steps in a row are faster. If one is not, a quarter is tried, and so on down
    to one. Away from the caller's number all others are tried again now and then, the nearest first, and so the run
    comes back when the other programs have gone.

    Its cost. On a quiet machine a look at the clock per step, and one at what threads waited per window. Beside others,
    a number that lost time in a trial rests for `PATIENCE` times that time, and longer the more numbers there are, so
    that all trials together take a tenth of the run.

    Sums over a whole picture are added up thread by thread. Another number of threads therefore changes last bits, of
    which an optimiser makes more. A run that has its cores to itself never moves, and `note` tells of one that did.
    OMP_DYNAMIC=false, OpenMP's own word for it, keeps the caller's number whatever happens.
    """

    def __init__(
        self,
        device: torch.device,
        clock: Callable[[], float] = time.perf_counter,
        waited: Callable[[int], float] = waited,
    ) -> None:
        """Begin with the caller's number.

        Args:
            device: that computes; only a CPU's threads are looked after.
            clock: seconds.
            waited: seconds without a core, for a number of threads.
        """
        from torch import get_num_threads

        fixed = device.type != "cpu" or os.environ.get("OMP_DYNAMIC", "").strip().lower() in ("false", "0")
        self.numbers = [get_num_threads()]  # the caller's, and what may be tried below it
        while not fixed and self.numbers[-1] > 1:
            self.numbers.append(self.numbers[-1] // 2)
        self.clock, self.waited = clock, waited
        self.place = 0  # of the number that is fastest, so far as is known
        self.pace = 0.0  # seconds of an evaluation with it, the last ones weighing most; 0 before the first
        self.aim = 0  # the place that is on trial; else the same
        self.trial: list[float] = []  # seconds per evaluation there, all of them better so far
        self.worked = 0.0  # seconds
        self.due = [0.0 for _ in self.numbers]  # when each may be tried, in seconds of work
        self.window = 0.0, 0.0  # clock and waiting when it began
        self.fewer = self.all = 0  # evaluations

    @property
    def note(self) -> str:
        """What became of the caller's number, in words; "" if it stood throughout."""
        if not self.fewer:
            return ""
        return (
            f"other programs used the cores: {self.fewer} of {self.all} evaluations took fewer than {self.numbers[0]} "
            "threads, and a repetition may differ a little (OMP_DYNAMIC=false keeps the number)"
        )

    def watch(self, steps: Iterator[S], before: int = 0) -> Iterator[S]:
        """The same steps, each made by as many threads as are fastest now; between them the caller's number stands.

        Args:
            steps: of one stage: evaluations of one size, which take equally long.
            before: the evaluations that were made before the first of them.
        """
        self.aim, self.trial, self.pace = self.place, [], 0.0
        self.window = self.clock(), self.waited(self.numbers[0])
        while True:
            began = self.clock()
            with self.taking(self.numbers[self.aim]):
                step = next(steps, None)
            if step is None:
                return
            if count := step.evaluations - before:
                self.learn((self.clock() - began) / count, count)
            before = step.evaluations
            yield step

    @contextmanager
    def taking(self, number: int) -> Iterator[None]:
        """For the time of a step, another number of threads; nothing is touched where it is the caller's."""
        from torch import get_num_threads, set_num_threads

        if number == self.numbers[0]:
            yield
            return
        before = get_num_threads()
        set_num_threads(number)
        try:
            yield
        finally:
            set_num_threads(before)

    def learn(self, pace: float, count: int) -> None:
        """Take in what a step took, and settle how the next one is made.

        Args:
            pace: seconds per evaluation.
            count: its evaluations.
        """
        self.worked += pace * count
        self.all += count
        self.fewer += count * (self.aim > 0)
        if self.aim == self.place:
            self.pace = (self.pace + pace) / 2 if self.pace else pace
            if self.place or self.crowded():
                self.aim = self.next_on_trial()
            return
        self.trial.append(pace)
        better = pace < BETTER * self.pace
        if not better or len(self.trial) == TRIAL:
            self.end_trial(better)

    def next_on_trial(self) -> int:
        """The nearest place that is due; the same if none is."""
        others = (place for place in range(len(self.numbers)) if self.due[place] <= self.worked)
        return min(others, key=lambda place: abs(place - self.place) or len(self.numbers), default=self.place)

    def end_trial(self, better: bool) -> None:
        """Stay where it was if that was better, and let the slower of both numbers rest."""
        now = sum(self.trial) / len(self.trial)
        slower, lost = (self.place, self.pace - now) if better else (self.aim, len(self.trial) * (now - self.pace))
        self.due[slower] = self.worked + PATIENCE * (len(self.numbers) - 1) * max(lost, min(now, self.pace))
        if better:
            self.place, self.pace = self.aim, now
        self.aim = self.place
        self.trial = []

    def crowded(self) -> bool:
        """Whether threads had to wait for a core; False within a window."""
        now = self.clock()
        began, before = self.window
        if now - began < WINDOW:
            return False
        self.window = now, self.waited(self.numbers[0])
        return self.window[1] - before > CROWDED * (now - began)
