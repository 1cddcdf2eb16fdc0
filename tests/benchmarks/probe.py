"""One measurement in a process of its own: `python -m tests.benchmarks.probe '{"kind": "memory", ...}'` prints JSON.

A fresh process has no memory left over from a measurement before, and pays what a caller pays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def ask(threads: int | None = None, **request: object) -> dict[str, float]:
    """Run a probe in a fresh process; `threads` None leaves them to torch."""
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-m", "tests.benchmarks.probe", json.dumps(request)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the probe {request} failed, see above")
    return json.loads(done.stdout.splitlines()[-1])


def memory(who: str, size: int, device: str, weights: str | None, evaluations: int) -> dict[str, float]:
    """Peak bytes of one evaluation over the loaded network with its targets, and of a loop of `evaluations`.

    "evaluation": over the level before any evaluation. "again": of a later one, over the level after a warm-up; less
    than "evaluation" by what a contestant keeps between evaluations (converted weights, work space). "loop": of the
    whole loop, if `evaluations` is not 0, at whose end gordicaleksa's remembered "moves".
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
    found = {}
    for name in ("evaluation", "again"):
        with PeakMemory(device) as peak:
            contestant.evaluate()
        found[name] = peak.bytes
    return found


def stylize(size: int, device: str) -> dict[str, float]:
    """Wall seconds of the default `nst.stylize` on pictures of the kit, after imports."""
    import torch

    import nstlib as nst

    began = time.perf_counter()
    result = nst.stylize("content/harbour", "style/brushstrokes", size=size, device=device)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "evaluations": result.history[-1].evaluations, "threads": torch.get_num_threads()}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    print(json.dumps({"memory": memory, "stylize": stylize}[request.pop("kind")](**request)))
