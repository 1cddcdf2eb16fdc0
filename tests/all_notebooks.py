"""Run every notebook from top to bottom and tell how long each took: `python tests/all_notebooks.py`.

What the tests do with the notebooks on a processor, this does on any device, with the files as they are and without
writing anything: a lesson's sizes follow the device, so its pictures and numbers differ from those that it shows.

Where there is no GPU, `--pretended` lets every lesson take one for there (see `pretended.py`), at a processor's sizes:
it fails where tensors of two devices meet.
"""

from __future__ import annotations

import os
import re
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
PRETEND = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nimport pretended\npretended.everywhere()"
LARGER = re.compile(r' if str\(DEVICE\) == "cpu" else \(.*\)')  # a lesson's sizes where there is a GPU


def run(path: Path, timeout: float, pretend: bool) -> tuple[float, str]:
    """Seconds that a notebook took alone in an empty folder, and what went wrong; "" for nothing.

    timeout: seconds for each cell.
    pretend: whether it is to take a GPU for there.
    """
    began, notebook = time.perf_counter(), nbformat.read(path, as_version=4)
    if pretend:
        for cell in notebook.cells:
            cell.source = LARGER.sub("", cell.source)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(PRETEND))
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": folder}})
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
@click.option("--pretended", is_flag=True, help="on the processor, which they take for a GPU: all in an hour")
def main(names: tuple[str, ...], device: str, timeout: float, student: bool, pretended: bool) -> None:
    """Run the notebooks whose names begin with NAMES, or all; ends with 1 if one failed."""
    device, timeout = ("cpu", 10 * timeout) if pretended else (device, timeout)
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
        seconds, trouble = run(path, timeout, pretended)
        click.echo(f"{path.stem:28} {seconds:6.1f} s  {'failed' if trouble else 'well'}")
        if trouble:
            failed += 1
            click.echo(trouble, err=True)
    click.echo(f"{len(found) - failed} of {len(found)} ran without an error")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
