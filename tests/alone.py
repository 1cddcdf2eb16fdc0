"""Run a notebook as a test: alone in an empty folder, under nbval, with the kernel of a given Python."""

import os
import subprocess
import sys
from pathlib import Path

from nstlib.lesson import STRICT

ROOT = Path(__file__).parents[1]
CELL_SECONDS = 300
CALLERS_THREADS = "NSTLIB_TESTS_THREADS"  # OMP_NUM_THREADS as it was before conftest.py took one for each test


def run_alone(text: str, name: str, folder: Path, python: str | Path = sys.executable) -> None:
    """Write a notebook into an empty folder and run it there; errors, other outputs and wrong claims fail the test."""
    (folder / name).write_text(text, encoding="utf-8")
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "-q", "--nbval-lax", "--nbval-current-env"]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    share = max(1, (os.cpu_count() or 1) // workers)  # notebooks run side by side: none may take all cores
    threads = os.environ.get(CALLERS_THREADS) or str(share)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NSTLIB"))}
    result = subprocess.run(
        [*command, f"--nbval-cell-timeout={CELL_SECONDS}", name],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": threads, STRICT: "yes"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]
