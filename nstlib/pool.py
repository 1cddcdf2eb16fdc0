"""Pieces of work → what comes of each, as it comes, from processes here or from other machines; a death costs only one.

`concurrent.futures` has a pool of processes too, but there the death of one ends all the others and what they were
doing. Paintings take minutes each, and a process that takes too much memory is killed, so here each stands alone.
"""

from __future__ import annotations

import functools
import hashlib
import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from .about import HOUSE, VERSION
from .errors import InputError, in_words, one_line
from .interrupts import deaf_to_interrupts

__all__ = ["Outcome", "cluster", "cores", "elsewhere", "here", "in_turn"]

STARTING = threading.Lock()  # for the time of which another module stands for the caller's script
CONTEXT = multiprocessing.get_context("spawn")  # a process that was forked beside torch's threads may hang
PATIENCE = 10.0  # seconds in which a scheduler must answer, and without a worker until that is told
GLANCE = 1.0  # seconds between two looks at how many workers there are
AHEAD = 2  # pieces of work for each worker elsewhere, so that none waits for the next

Item = TypeVar("Item")


class Outcome(NamedTuple):
    """What came of a piece of work.

    Attributes:
        value: what the work returned; None if it failed.
        failure: why it failed, in a line; "" if it did not.
        died: whether its process ended in the midst of it.
    """

    value: Any
    failure: str = ""
    died: bool = False


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- processes of this machine -------------------------------------------------------------------


def here(
    work: Callable[[Item], Any], items: Sequence[Item], processes: int, threads: int
) -> Generator[tuple[Item, Outcome], None, None]:
    """Do all pieces of work in processes of this machine; whoever stops listening ends them.

    What a process died of may be memory that the others took, so its work is tried once more at the end, alone.

    Args:
        work: a function of a module, which the processes import.
        items: one for each call; are pickled, like what the calls return.
        processes: how many work at a time.
        threads: that torch uses in each of them.

    Yields:
        each item, and what came of it, in the order in which they end.
    """
    died = []
    for item, outcome in abreast(work, items, processes, threads):
        if outcome.died:
            died.append(item)
        else:
            yield item, outcome
    yield from abreast(work, died, 1, threads)


def abreast(
    work: Callable[[Item], Any], items: Sequence[Item], processes: int, threads: int
) -> Generator[tuple[Item, Outcome], None, None]:
    """The same, each piece of work tried once; arguments as for `here`."""
    waiting, busy = deque(items), dict[Connection, tuple[Lane, Item]]()
    idle = [Lane(work, threads) for _ in range(min(processes, len(items)))]  # all at once: each begins with imports
    try:
        while waiting or busy:
            while waiting and len(busy) < processes:
                lane, item = idle.pop() if idle else Lane(work, threads), waiting.popleft()
                busy[lane.pipe] = lane, item
                lane.give(item)
            for pipe in wait(list(busy)):
                lane, item = busy.pop(pipe)  # type: ignore[call-overload]  # it is one of those that were given
                outcome = lane.take()
                if not outcome.died:
                    idle.append(lane)
                yield item, outcome
    finally:
        for lane in (*idle, *(lane for lane, _ in busy.values())):
            lane.end()


class Lane:
    """A process that does one piece of work after another.

    Args:
        work: see `here`.
        threads: likewise.
    """

    def __init__(self, work: Callable[[Any], Any], threads: int) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(theirs, work, threads), daemon=True)
        with deaf_to_interrupts(), without_main():  # it ignores Ctrl-C from its first moment
            self.process.start()
        theirs.close()  # so that the pipe ends when the process does

    def give(self, item: Any) -> None:
        """Let it begin; if it is dead, `take` says so."""
        with suppress(OSError):
            self.pipe.send_bytes(pickle.dumps(item))

    def take(self) -> Outcome:
        """What came of it, waiting until there is something."""
        try:
            return Outcome(*pickle.loads(self.pipe.recv_bytes()))
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
            self.end()
            return Outcome(None, f"its process {how}, perhaps because memory ran out: try a smaller size", died=True)

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def serve(pipe: Connection, work: Callable[[Any], Any], threads: int) -> None:
    """What a process does: its work, until the other end of the pipe is closed.

    Args:
        pipe: brings items, and takes what came of them.
        work: see `here`.
        threads: likewise.
    """
    from torch import set_num_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, who ends this process
    set_num_threads(threads)
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            given = pipe.recv_bytes()
            try:
                outcome = pickle.dumps((work(pickle.loads(given)), ""))
            except Exception as error:
                outcome = pickle.dumps((None, in_words(error)))
            pipe.send_bytes(outcome)


def end_with_the_caller() -> None:
    """End this process as soon as its parent is gone, which may have been killed: nobody waits for its work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def in_turn(work: Callable[[Item], Any], items: Sequence[Item]) -> Generator[tuple[Item, Outcome], None, None]:
    """Do all pieces of work in this process, for what no other knows of; arguments and yields as for `here`."""
    for item in items:
        try:
            outcome = Outcome(work(item))
        except Exception as error:
            outcome = Outcome(None, in_words(error))
        yield item, outcome


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are started meanwhile do not run the caller's script anew, so it needs no guard against that."""
    with STARTING:
        before = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = before


# --- other machines ------------------------------------------------------------------------------


@contextmanager
def cluster(address: str) -> Iterator[tuple[Any, float | None]]:
    """A client of dask.distributed's, whose workers are there and have the same kit; see `least_memory`.

    Args:
        address: of the scheduler, such as "tcp://192.168.0.7:8786".

    Raises:
        InputError: distributed is not installed, nobody answers, there is no worker, or one that cannot paint.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise InputError("a scheduler needs dask.distributed: pip install distributed") from None
    if not str(address).startswith(("tcp://", "tls://", "ws://", "wss://", "inproc://")):
        raise InputError(f"scheduler '{one_line(address)}': give its address, such as tcp://192.168.0.7:8786")
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # each way of transport fails in a way of its own
        raise InputError(
            f"no scheduler answers at '{one_line(address)}' ({in_words(error)}): start one there, dask scheduler"
        ) from None
    with client:
        yield client, least_memory(client, address)


def least_memory(client: Any, address: str) -> float | None:
    """Bytes that a worker may take at most, the smallest of them; None if there is no limit.

    Args:
        client: of dask.distributed's.
        address: of its scheduler, for the message.

    Raises:
        InputError: there is no worker, or one without the kit, or with another than this process.
    """
    try:
        told = client.run(introduce)
    except Exception as error:  # whatever a worker finds missing, in an older kit too
        way = f"install the same nstlib {VERSION} there, and start them anew"
        raise InputError(f"the workers of {address} lack this kit ({in_words(error)}): {way}") from None
    if not told:
        raise InputError(f"{address} has no workers yet: start some, {worker_command(address)}")
    for worker, (version, *code, _) in told.items():
        if (version, *code) != (VERSION, own_code()):
            other = "another of the same version" if version == VERSION else f"nstlib {version}, not {VERSION}"
            way = "install the same on both, and start it anew"
            raise InputError(f"the kit of the worker {worker} is not that of this machine but {other}: {way}")
    return min((limit for *_, limit in told.values() if limit), default=None)


def introduce(dask_worker: Any) -> tuple[str, str, int | None]:
    """What a worker says of itself: the version of its kit, the digest of its code, and the bytes that it may take.

    Args:
        dask_worker: itself; distributed fills in what has this name.
    """
    return VERSION, own_code(), dask_worker.memory_manager.memory_limit


@functools.cache  # what is installed later is not what this process has loaded
def own_code() -> str:
    """A digest of the kit's code: between two releases many kits have the same version."""
    made = hashlib.sha256()
    for path in sorted(HOUSE.rglob("*.py")):
        made.update(f"{path.relative_to(HOUSE).as_posix()}\0{path.read_text(encoding='utf-8')}\0".encode())
    return made.hexdigest()


def worker_command(address: str) -> str:
    """What starts a worker of the scheduler at an address."""
    return f"dask worker {address} --nthreads 1"


def elsewhere(
    work: Callable[[Item], Any], items: Sequence[Item], client: Any
) -> Generator[tuple[Item, Outcome], None, None]:
    """Do all pieces of work on the workers of a cluster; whoever stops listening calls them off.

    The scheduler gives the work of a worker that is gone to another one, and gives it up after some deaths. Where none
    is left it waits for new ones, and a warning says so.

    Args:
        work: as for `here`.
        items: likewise.
        client: from `cluster`.

    Yields:
        each item, and what came of it, in the order in which they end.

    Raises:
        InputError: the scheduler is gone.
    """
    from distributed import as_completed

    address = client.scheduler.address
    waiting, asked, ended = deque(items), dict[str, tuple[Any, Item]](), as_completed(loop=client.loop)

    def ask() -> None:
        """Keep all workers busy, those that joined meanwhile too; no more, since the items lie on the scheduler."""
        while waiting and len(asked) < AHEAD * max(1, sum(client.nthreads().values())):
            item = waiting.popleft()
            future = client.submit(work, item, pure=False)
            asked[future.key] = future, item
            ended.add(future)

    try:
        ask()
        for future in awaited(ended, client):
            if future.cancelled():  # not by us: the client has given the scheduler up, and with it all that was asked
                raise ConnectionError
            _, item = asked.pop(future.key)
            outcome = outcome_of(future)
            future.release()
            yield item, outcome
            ask()
    except OSError:  # each way of transport fails in a kind of its own
        way = "start another, and the same call with its address goes on"
        raise InputError(f"the scheduler at {address} is gone: what is finished is kept; {way}") from None
    finally:
        with suppress(OSError):  # of a scheduler that is gone
            client.cancel([future for future, _ in asked.values()], force=True)


def awaited(ended: Any, client: Any) -> Iterator[Any]:
    """Pieces of work on a cluster, as they end; a warning says that it has lost its workers.

    Args:
        ended: distributed's `as_completed`; more may be added meanwhile.
        client: of the cluster.
    """
    address, seen = client.scheduler.address, time.monotonic()  # when there was a worker
    while ended.count():
        until = time.monotonic() + GLANCE
        while not ended.has_ready() and time.monotonic() < until:
            time.sleep(0.02)
        if ended.has_ready():
            yield next(ended)
        elif client.nthreads():
            seen = time.monotonic()
        elif time.monotonic() > seen + PATIENCE:
            seen = math.inf  # once, until there is one again
            way = f"start some, {worker_command(address)}, and it goes on"
            warnings.warn(f"no worker is left at {address}, and this waits for one: {way}", stacklevel=2)


def outcome_of(future: Any) -> Outcome:
    """What came of a piece of work that has ended on a cluster.

    Args:
        future: of dask.distributed's.
    """
    from distributed import KilledWorker

    try:
        return Outcome(future.result())
    except KilledWorker:
        return Outcome(None, "the workers that tried it died, perhaps because memory ran out", died=True)
    except Exception as error:
        return Outcome(None, in_words(error))
