"""Where a run stands → a file from which it can be gone on with, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .errors import InputError, counted
from .files import try_to_write, whole
from .interrupts import uninterrupted
from .optimizers import STEP, Step, Stop
from .plan import Plan, plain
from .recipe import Recipe
from .result import Record, evaluations_of
from .rules import Number, brief
from .run import Run

__all__ = ["checked", "damaged", "read_checkpoint", "try_checkpoint", "write_checkpoint"]

FORMAT = 1
BEST = (*STEP, "seconds")  # what is kept of the best step


class OtherRun(InputError):
    """A checkpoint is not this run's.

    Args:
        path: of the file.
        differ: in what, in words.
    """

    def __init__(self, path: Path, differ: str):
        told = f"the checkpoint '{path}' belongs to a run with {differ}"
        super().__init__(f"{told}: name another file, or give what it was begun with")
        self.differ = differ


def checked(path: str | os.PathLike[str] | None) -> Path | None:
    """The path of a checkpoint, if one can be written there.

    Args:
        path: of a file that may exist; None for no checkpoint.

    Raises:
        InputError: no path, a folder, a pipe or a device, or a file in a folder that does not exist.
    """
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InputError(f"checkpoint={path!r} is no path: give the name of a file, such as 'run.pt'")
    path = Path(os.path.expanduser(path))
    if path.is_dir():
        raise InputError(f"the checkpoint '{path}' is a folder: give the name of a file in it, '{path / 'run.pt'}'")
    if not path.parent.is_dir():
        raise InputError(f"the checkpoint's folder '{path.parent}' does not exist: create it or name another")
    try:
        try_to_write(path)
    except OSError as error:
        raise InputError(
            f"the checkpoint '{path}' cannot be written ({error.strerror}): name another file or folder"
        ) from None
    return path


def write_checkpoint(run: Run, plan: Plan, path: str | os.PathLike[str]) -> None:
    """Write where a run of a plan stands, whole or not at all.

    Args:
        run: where it stands.
        plan: what it carries out.
        path: of the file.

    Raises:
        OSError: it cannot be written.
    """
    lines = [(r.size, r.iteration, r.evaluations, r.seconds, r.loss, dict(r.terms)) for r in run.history]
    data = {
        "format": FORMAT,
        "identity": plan.identity,
        "stage": run.stage,
        "budgets": run.budgets,
        "state": run.state,
        "best": run.best and {name: getattr(run.best, name) for name in BEST} | {"terms": dict(run.best.terms)},
        "history": lines,
        "seconds": run.seconds,
        "stop": run.stop and run.stop.name,
    }
    with whole(path) as file:
        torch.save(data, file)


def try_checkpoint(run: Run, plan: Plan, path: str | os.PathLike[str]) -> str:
    """Write where a run stands, if that can be done; a full disk must not cost the picture.

    Args:
        run: where it stands.
        plan: what it carries out.
        path: of the file.

    Returns:
        Why it could not be, in a few words; "" if it was.
    """
    try:
        with uninterrupted():
            write_checkpoint(run, plan, path)
    except (OSError, RuntimeError) as error:  # torch tells some failures of a file as the second
        return getattr(error, "strerror", None) or "it could not be written whole"
    return ""


def read_checkpoint(plan: Plan, path: str | os.PathLike[str]) -> Run:
    """Where a run of a plan stood when it was left; its beginning if there is no such file.

    Args:
        plan: what the run carries out.
        path: of the file.

    Raises:
        InputError: the file is no checkpoint, or that of another run (says in what they differ), or of one that has
            made more evaluations than it is given now; or there is no memory for it on a GPU.
    """
    path = Path(path)
    if not path.exists():
        return Run()
    try:
        data = torch.load(path, map_location=plan.device, weights_only=True)
        kind = data["format"]
        differ = difference(data["identity"], plan.identity) if kind == FORMAT else ""
        run = Run() if kind != FORMAT or differ else run_of(data, plan)
    except torch.OutOfMemoryError:  # a GPU's; a damaged file can ask for too much only of the processor
        told = f"there is no memory left on {plan.device} for the checkpoint '{path}'"
        raise InputError(f"{told}: end what else computes there") from None
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same to the caller
        raise damaged(path, error) from None
    if kind != FORMAT:
        raise InputError(f"'{path}' is a checkpoint of another format ({brief(kind)}, not {FORMAT}): name another file")
    if differ:
        raise OtherRun(path, differ)
    if spent(run, run.with_the_rest(plan)):
        made = evaluations_of(run.history)
        raise InputError(
            f"the checkpoint '{path}' belongs to a run that made {counted(made, 'evaluation')} already, and was given "
            f"more than {plan.recipe.evaluations}: give as many as it was begun with, or name another file"
        )
    return run


def spent(run: Run, plan: Plan) -> bool:
    """Whether a run has made more evaluations at some scale than its plan now gives it: what it paints is another.

    At the scale at work the last step counts for nothing: L-BFGS ends within one line search of its evaluations.

    Args:
        run: where it stands.
        plan: its stages say how many there are, the last one's with the rest.
    """
    made = [line.evaluations for line in run.history]
    before = made[-2] if run.state and len(made) > 1 and made[-2] < made[-1] else 0  # they begin anew at each scale
    return any(n > stage.evaluations for n, stage in zip(run.budgets, plan.stages, strict=False)) or (
        before >= plan.stages[run.stage].evaluations
    )


def run_of(data: Mapping[str, Any], plan: Plan) -> Run:
    """Where a run stood, out of what a file says; anything may be in it, so all is held to its type.

    Args:
        data: as `write_checkpoint` makes it.
        plan: whose run it is.

    Raises:
        ValueError: something in it is not as it must be; other kinds of errors mean the same.
    """
    number = Number().accept

    def count(value: Any, most: int | None = None) -> int:
        return int(Number(0, most, whole=True).accept(value))

    def terms(named: Mapping[str, Any]) -> dict[str, float]:
        return {str(name): number(value) for name, value in named.items()}

    def line(size: Sequence[Any], *told: Any) -> Record:
        (height, width), (moves, evaluations, seconds, loss, parts) = map(count, size), told
        return Record((height, width), count(moves), count(evaluations), number(seconds), number(loss), terms(parts))

    def step(told: Mapping[str, Any]) -> Step:
        image = told["image"]
        if image.ndim != 4 or image.shape[:2] != (1, 3) or not image.is_floating_point():
            raise ValueError("its picture is none")
        seconds, loss = (number(told[name]) for name in ("seconds", "loss"))
        moves, evaluations = (count(told[name]) for name in ("iteration", "evaluations"))
        return Step(moves, evaluations, seconds, loss, terms(told["terms"]), image)

    best, stop, state = data["best"], data["stop"], data["state"]
    if (best is None) != (not data["history"]) or not isinstance(state, Mapping | None) or (state and best is None):
        raise ValueError("its parts do not go together")
    if state:
        count(state["evaluations"])
    return Run(
        stage=count(data["stage"], len(plan.stages) - 1),
        budgets=[count(one) for one in data.get("budgets", ())],
        state=state,
        best=None if best is None else step(best),
        history=[line(*told) for told in data["history"]],
        seconds=number(data["seconds"]),
        stop=None if stop is None else Stop[stop],
    )


def damaged(path: str | os.PathLike[str], error: Exception) -> InputError:
    """What is to be said of a file from which no run can go on.

    Args:
        path: of the file.
        error: that shows it.
    """
    return InputError(f"'{path}' is no checkpoint of nst, or a damaged one ({type(error).__name__}): name another file")


def difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """In what a checkpoint's run differs from this one, in words; "" if in nothing.

    Args:
        theirs: `Plan.identity` of the checkpoint's run.
        ours: that of this one.
    """
    theirs, ours = plain(theirs), plain(ours)
    usual = plain(Recipe().to_dict())  # what a field that is newer than the file meant there
    for name, own in ours["fields"].items():  # before the pictures, which a field such as size makes others
        if (other := theirs["fields"].get(name, usual.get(name))) != own:
            return f"{name}={brief(other)}, not {brief(own)}"
    for name in {**ours["digests"], **theirs["digests"]}:
        if ours["digests"].get(name) != theirs["digests"].get(name):
            return f"another {name}"
    return ""
