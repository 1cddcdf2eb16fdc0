"""One measurement in a process of its own: `python -m tests.benchmarks.probe '{"kind": "memory", ...}'` prints JSON.

A fresh process has no memory left over from a measurement before, and pays what a caller pays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


POLICY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_DYNAMIC")


def ask(threads: int | None = None, **request: object) -> dict[str, Any]:
    """Run a probe in a fresh process; `threads` None leaves them to torch."""
    environment = {k: v for k, v in os.environ.items() if k not in POLICY}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-m", "tests.benchmarks.probe", json.dumps(request)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the probe {request} failed, see above")
    return json.loads(done.stdout.splitlines()[-1])


def memory(who: str, size: int, device: str, weights: str | None, evaluations: int) -> dict[str, float]:
    """Peak bytes of one evaluation over the loaded network with its targets, and of a loop of `evaluations`.

    "evaluation": over the level before any evaluation. "again": of a later one, on the CPU over the level after a
    warm-up: less than "evaluation" by what a contestant keeps between evaluations (converted weights, work space); on
    CUDA over the first level again: less by what was tried and given back. "loop": of the whole loop, if `evaluations`
    is not 0, at whose end gordicaleksa's remembered "moves".
    """
    from .measure import PeakMemory
    from .peers import CONTESTANTS
    from .problem import Problem

    contestant = CONTESTANTS[who](Problem(size, device, weights))
    contestant.problem.mixed.sum()  # loaded, like the targets
    if evaluations:
        with PeakMemory(device) as peak:
            contestant.run(evaluations)
        return {"loop": peak.bytes, "moves": getattr(contestant, "moves", 0)}
    found, base = {}, None
    for name in ("evaluation", "again"):
        with PeakMemory(device, base) as peak:
            contestant.evaluate()
        found[name], base = peak.bytes, peak.base if peak.cuda else None
    return found


def stylize(size: int, device: str) -> dict[str, float]:
    """Wall seconds of the default `nst.stylize` on pictures of the kit, after imports."""
    import torch

    import nstlib as nst

    began = time.perf_counter()
    result = nst.stylize("content/harbour", "style/brushstrokes", size=size, device=device)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "evaluations": result.history[-1].evaluations, "threads": torch.get_num_threads()}


def busy(size: int, evaluations: int, rounds: int, told: bool) -> dict[str, dict[str, list[float]]]:
    """Seconds per evaluation of the default loop beside "0", "1" and "2" programs that never rest, in alternation.

    With one thread, with all (both for a fifth of the evaluations, which are all alike), and with those that nstlib
    chooses. told: whether OpenMP is told to spin only briefly, as the command line does it; a notebook that imported
    torch before the kit could not.
    """
    from nstlib.threads import wait_briefly

    if told:
        wait_briefly()
    import torch

    import nstlib as nst
    from nstlib.transfer import paint

    from .measure import neighbours

    transfer = nst.Transfer(
        "content/harbour", ["style/brushstrokes"], size=size, pyramid=(), evaluations=evaluations, device="cpu"
    )

    def run(threads: int, dynamic: str, count: int) -> float:
        torch.set_num_threads(threads)
        os.environ["OMP_DYNAMIC"] = dynamic
        progress = next(p for p in paint(transfer.plan) if p.step.stop or p.step.evaluations >= count)
        return progress.seconds / progress.step.evaluations

    every, few = torch.get_num_threads(), max(2, evaluations // 5)
    ways = {ONE: (1, "false", few), ALL: (every, "false", few), CHOSEN: (every, "true", evaluations)}
    found: dict[str, dict[str, list[float]]] = {count: {who: [] for who in ways} for count in ("0", "1", "2")}
    for threads in (every, 1):
        run(threads, "false", 2)
    for _ in range(rounds):
        for count, samples in found.items():
            with neighbours(int(count)):
                for who, way in ways.items():
                    samples[who].append(run(*way))
    return found


ONE, ALL, CHOSEN = "one thread", "all threads", "nstlib"


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    kinds: dict[str, Callable[..., object]] = {"memory": memory, "stylize": stylize, "busy": busy}
    print(json.dumps(kinds[request.pop("kind")](**request)))
