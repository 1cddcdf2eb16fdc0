"""The command line: `python -m tests.benchmarks [EXPERIMENT]...`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch

from .experiments import EXPERIMENTS, FULL, QUICK
from .measure import describe_machine
from .peers import Ours
from .problem import Problem
from .report import markdown, plot, read_json, table, write_json


@click.command()
@click.argument("experiments", nargs=-1, type=click.Choice(list(EXPERIMENTS)))
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the CPU.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--quick", is_flag=True, help="Tiny pictures and few repetitions: shows that all works, proves nothing.")
@click.option("--weights", default="random", show_default=True, help='A file for VGG-19, or "random".')
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/benchmarks"), show_default=True)
@click.option("--markdown", "as_markdown", is_flag=True, help="Measure nothing; print OUT's JSON as Markdown.")
def main(
    experiments: tuple[str, ...],
    threads: int,
    device: str,
    quick: bool,
    weights: str,
    out: Path,
    as_markdown: bool,
) -> None:
    """Measure, print a table, and write benchmarks.json and benchmarks.png to OUT.

    Without names, all experiments run, which takes more than an hour on one thread. Those that run replace their own
    numbers in OUT; others of the same machine stay.
    """
    file = out / "benchmarks.json"
    if as_markdown:
        click.echo(markdown(*read_json(file)), nl=False)
        return
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    plan = replace((QUICK if quick else FULL).on(device), weights=weights, threads=threads)
    precision = Ours(Problem(64, device, weights)).precision
    machine = {**describe_machine(device, precision), "weights": Path(weights).name, "quick": quick}
    for name in experiments or EXPERIMENTS:
        found = EXPERIMENTS[name](plan)
        click.echo(table(found) + "\n")
        rows = write_json(file, machine, found)
    if plot(out / "benchmarks.png", rows):
        click.echo(f"{file} and {out / 'benchmarks.png'} are written")


if __name__ == "__main__":
    main()
