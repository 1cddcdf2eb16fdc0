"""Run every notebook from top to bottom and tell how long each took: `python tests/all_notebooks.py`.

What the tests do with the notebooks on a processor, this does on any device, with the files as they are and without
writing anything: a lesson's sizes follow the device, so its pictures and numbers differ from those that it shows.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import click
import nbformat
from nbclient import NotebookClient

from nstlib.errors import InputError
from nstlib.lesson import STRICT
from nstlib.machine import choose_device, describe_device

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def run(notebook: Path, timeout: float) -> tuple[float, str]:
    """Seconds that a notebook took alone in an empty folder, and what went wrong; "" for nothing.

    timeout: seconds for each cell.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            nbformat.read(notebook, as_version=4), timeout=timeout, resources={"metadata": {"path": folder}}
        )
        try:
            client.execute()
        except Exception as error:  # a kernel that is killed makes the client itself fail in several ways
            return time.perf_counter() - began, str(error) or repr(error)
    return time.perf_counter() - began, ""


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--device", default="cuda", show_default=True, help="what must be there; the lessons choose by themselves"
)
@click.option("--timeout", default=300.0, show_default=True, help="seconds for each cell")
@click.option("--student", is_flag=True, help="the student edition")
def main(names: tuple[str, ...], device: str, timeout: float, student: bool) -> None:
    """Run the notebooks whose names begin with NAMES, or all; ends with 1 if one failed."""
    try:
        place = choose_device(device)
    except InputError as error:
        raise click.ClickException(str(error)) from None
    if (chosen := choose_device().type) != place.type:
        raise click.ClickException(f"the lessons would choose {chosen} here, not {place.type}: give --device {chosen}")
    click.echo(describe_device(place))
    os.environ[STRICT] = "yes"
    found = [
        path
        for path in sorted(NOTEBOOKS.glob("student/*.ipynb" if student else "*.ipynb"))
        if not names or path.stem.startswith(names)
    ]
    if not found:
        raise click.ClickException(f"no notebook begins with {' or '.join(names)}")
    failed = 0
    for path in found:
        seconds, trouble = run(path, timeout)
        click.echo(f"{path.stem:28} {seconds:6.1f} s  {'failed' if trouble else 'well'}")
        if trouble:
            failed += 1
            click.echo(trouble, err=True)
    click.echo(f"{len(found) - failed} of {len(found)} ran without an error")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
