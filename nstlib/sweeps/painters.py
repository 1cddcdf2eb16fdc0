"""Tasks → pictures: in this process, in several of this machine, or on a cluster's workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

import torch

from .. import architecture, style
from ..errors import InputError, counted
from ..forecast import Paces, foresee
from ..frames import Way
from ..machine import choose_device, free_memory
from ..optimizers import Stop
from ..plan import FREE_SHARE, prepare
from ..pool import Outcome, cluster, cores, elsewhere, here, in_turn
from ..rules import Number, judged
from ..transfer import carry_out
from .tasks import Task

PROCESS = 5e8  # bytes that a process takes before it paints: Python, torch and a network
OF_A_WORKER = 0.6  # of its limit, what a run may take: at 0.7 distributed begins to hold it back, at 0.95 to kill it
UNLIMITED = 1e18  # bytes
TURN = threading.Lock()  # one run at a time in a process: torch's random state and number of threads are the process's


@contextmanager
def painters(
    tasks: Sequence[Task], processes: int | None, scheduler: str | None
) -> Iterator[Iterator[tuple[Task, Outcome]]]:
    """What comes of the tasks, in the order in which they end; each is checked before the first is begun.

    Args:
        tasks: all that is to be painted.
        processes: as for `sweep`.
        scheduler: likewise.

    Raises:
        InputError: a run that does not fit, no such number of processes, or a cluster that cannot work.
    """
    if processes is not None:
        processes = judged("processes", processes, Number(1, whole=True))
        if scheduler is not None:
            raise InputError("processes are those of this machine, and a scheduler has workers of its own: give one")
    own = own_parts(tasks)
    if own and (scheduler is not None or processes not in (None, 1)):
        raise InputError(f"{own} is known to this process alone, so it paints one by one: no processes, no scheduler")
    if not tasks:
        yield iter(())
    elif own:
        for task in tasks:
            task.check()
        with closing(in_turn(painted, tasks)) as outcomes:
            yield outcomes
    elif scheduler is None:
        count, memory = divided(tasks, processes)
        threads = max(1, torch.get_num_threads() // count)
        with closing(here(painted, [task.within(memory) for task in tasks], count, threads)) as outcomes:
            yield outcomes
    else:
        with cluster(scheduler) as (client, limit):
            for task in tasks:
                task.check(device="cpu", memory=UNLIMITED)  # device and memory are the workers'
            memory = limit and OF_A_WORKER * limit
            with closing(elsewhere(painted, [task.within(memory) for task in tasks], client)) as outcomes:
                yield outcomes


def own_parts(tasks: Sequence[Task]) -> str:
    """A statistic or a network of some task that somebody added to the kit's, in words; "" if there is none."""
    for task in tasks:
        for name, kits in ((task.recipe.statistic, style.OF_THE_KIT), (task.recipe.backbone, architecture.OF_THE_KIT)):
            if name not in kits:
                return f"'{name}'"
    return ""


def divided(tasks: Sequence[Task], processes: int | None) -> tuple[int, float | None]:
    """How many processes of this machine paint at a time, and the bytes that each may take; None for what is free.

    Args:
        tasks: one or more.
        processes: at most; None for as many as there are cores and runs at full speed fit into memory, and for one on
            a GPU.

    Raises:
        InputError: a run that does not fit.
    """
    device = choose_device(tasks[0].settings.device)
    free = FREE_SHARE * free_memory(device)
    if processes is None:
        largest = PROCESS + max(foresee(task.check(), Paces()).bytes for task in tasks)
        count = max(1, min(len(tasks), cores() if device.type == "cpu" else 1, int(free // largest)))
        return count, free / count - PROCESS if count > 1 else None
    count = min(processes, len(tasks))
    memory = max(1.0, free / count - PROCESS) if count > 1 else None
    for task in tasks:
        task.within(memory).check()
    return count, memory


def painted(task: Task) -> dict[str, bytes]:
    """What a task comes to, by the end of a file's name; where this is called, pictures are found without their files.

    Args:
        task: to be carried out.

    Returns:
        what `Way` keeps, and last, for it says that all is there, the picture with its facts.

    Raises:
        InputError: it does not fit here, or memory ran out.
    """
    content, *styles = (source.data for source in task.sources)
    way = Way(task.frames)
    with TURN:
        plan = prepare(content, styles, recipe=task.recipe, **vars(task.settings))
        result = carry_out(plan, on_progress=way)
    if result.stopped is Stop.INTERRUPTED:
        raise KeyboardInterrupt  # whoever asked for many pictures meant all of them
    if result.stopped is Stop.MEMORY:
        raise InputError(
            f"{result.stopped} after {counted(result.evaluations, 'evaluation')}: give fewer processes, or less size"
        )
    names = [source.label or None for source in task.sources]
    told = {name: value for name, value in (("remark", result.failure), ("frames", task.frames)) if value}
    picture = replace(result, facts={**result.facts, "content": names[0], "styles": names[1:], **told}).encoded()
    return {**(way.files(result.history) if task.frames else {}), ".png": picture}
