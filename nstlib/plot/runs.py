"""The history of one run or several → figures of their losses; numbers by name → bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..errors import one_of
from ..term import kind_of
from .figures import COLOURS, LINES, by_name, finish, listed, need, new, pen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..optimizers import Step
    from ..result import Progress, Record, Result
    from ..transfer import Transfer

    Run: TypeAlias = Result | Transfer | Sequence[Record | Step | Progress]
    Line = Sequence[Record | Step]

__all__ = ["bars", "clock", "losses", "race", "work"]

NOTHING = 1e-5  # of the loss: the content term of a run that starts from the content is less, and not quite 0
KINDS = {"total": ("black", "-"), "content": (COLOURS[1], "--"), "style": (COLOURS[0], "-."), "tv": (COLOURS[2], ":")}


def losses(
    runs: Run | Mapping[str, Run], *, by: str = "evaluations", terms: str = "kind", title: str | None = None
) -> Figure:
    """The loss and its terms over a run, on a logarithmic scale; several runs by name side by side.

    Args:
        runs: a `Result`, a `Transfer` that has run, or a list of `Record`s, `Step`s or `Progress`es; or several by
            name.
        by: "evaluations" or "seconds".
        terms: "kind" adds up content, style and tv; "layer" draws each term; "total" none.
        title: in place of the finding.
    """
    terms = one_of("choice of terms", terms, ("kind", "layer", "total"))
    found = {name: history(run) for name, run in by_name(runs).items()}
    figure, axes = new(3.9, 1, len(found), sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for axis, (name, run) in zip(axes.flat, found.items(), strict=True):
        for label, handle in draw_terms(axis, clock(run, by), summands(run, terms)).items():
            handles.setdefault(label, handle)
        axis.set(yscale="log", xlabel="seconds" if by == "seconds" else "evaluations of the loss", title=name)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("weighted loss")
    figure.legend(handles.values(), handles, loc="outside right center", frameon=False, fontsize=9)
    told = [f"{name or 'the'} loss goes from {run[0].loss:.3g} to {run[-1].loss:.3g}" for name, run in found.items()]
    ends = [f"{clock(run, by)[-1]:.3g}" for run in found.values()]
    finding = "; ".join(f"{text} in {end} {by}" for text, end in zip(told, ends, strict=True))
    finding = finding[0].upper() + finding[1:] if "" in found else finding
    return finish(figure, title or finding, f"Lines over {by}, logarithmic: {listed(handles)}. {finding}.")


def race(runs: Mapping[str, Run], *, title: str | None = None) -> Figure:
    """Loss against evaluations and against seconds, side by side, and who leads where the first run ends.

    Args:
        runs: by name, each a `Result`, a `Transfer` or a list of `Record`s, of one objective.
        title: in place of the finding.
    """
    found = {name: history(run) for name, run in by_name(runs, "run").items()}
    figure, axes = new(3.9, 1, 2, sharey=True)
    told = []
    for axis, unit in zip(axes.flat, ("evaluations", "seconds"), strict=True):
        clocks = {name: clock(run, unit) for name, run in found.items()}
        budget = min(x[-1] for x in clocks.values())
        reached = {}
        for number, (name, run) in enumerate(found.items()):
            loss = np.array([r.loss for r in run])
            axis.plot(clocks[name], loss, label=name, linewidth=1.8, **pen(number))
            reached[name] = loss[clocks[name] <= max(budget, clocks[name][0])].min()
        first = min(reached, key=lambda name: reached[name])
        axis.axvline(budget, color="grey", linewidth=0.8)
        axis.set(yscale="log", xlabel=unit, title=f"{first} leads after {budget:.3g} {unit}")
        axis.grid(alpha=0.3)
        told.append((f"{budget:.3g} {unit}", first, ", ".join(f"{n} {v:.3g}" for n, v in reached.items())))
    axes[0, 0].set_ylabel("loss")
    axes[0, 1].legend(frameon=False)
    same = len({first for _, first, _ in told}) == 1
    finding = f"{told[0][1]} leads by evaluations" + (" and by seconds" if same else f", {told[1][1]} by seconds")
    best = "; ".join(f"at {end}: {values}" for end, _, values in told)
    return finish(figure, title or finding, f"Lines of the loss: {finding}. Best {best}.")


def work(runs: Mapping[str, Result | Transfer], *, title: str | None = None) -> Figure:
    """The loss at the last size over work, evaluations of that size, and where each run is as low as the first ends.

    Args:
        runs: by name; they end at one size.
        title: in place of the finding.
    """
    lines = {name: at_last_size(run.history) for name, run in by_name(runs, "run").items()}
    goal = next(iter(lines.values()))[1][-1]
    figure, axes = new(3.9)
    axis, told = axes[0, 0], []
    for number, (name, (done, loss)) in enumerate(lines.items()):
        axis.plot(done, loss, label=name, linewidth=1.8, **pen(number))
        reached = done[loss <= goal]
        told.append(f"{name} {reached[0]:.0f}" if len(reached) else f"{name} never")
        if len(reached):
            axis.plot(reached[0], goal, "o", color=COLOURS[number % len(COLOURS)])
            below = {"textcoords": "offset points", "ha": "center"}
            axis.annotate(f"{reached[0]:.0f}", (reached[0], goal), (0, -14), **below)
    axis.axhline(goal, color="grey", linewidth=0.8)
    axis.set(yscale="log", xlabel="work, in evaluations at the last size", ylabel="loss at the last size")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    finding = f"Work to the loss {goal:.3g}: {listed(told)}"
    return finish(figure, title or finding, f"Lines of the loss over work, logarithmic. {finding}.")


def at_last_size(run: Sequence[Record]) -> tuple[np.ndarray, np.ndarray]:
    """Work and loss at each record of a run's last size; work counts the coarser scales before by their pixels.

    Args:
        run: its history.
    """
    last = run[-1].size
    done = {r.size: r.evaluations * r.size[0] * r.size[1] / (last[0] * last[1]) for r in run}
    before = sum(work for size, work in done.items() if size != last)
    fine = [r for r in run if r.size == last]
    return np.array([before + r.evaluations for r in fine]), np.array([r.loss for r in fine])


def bars(
    values: Mapping[str, Any],
    *,
    label: str = "share of the gradient",
    of: str = "layer",
    form: str = "{:.0%}",
    title: str | None = None,
) -> Figure:
    """One bar per name: gradient shares per layer, say; or groups of bars.

    Args:
        values: numbers by name; or by group such mappings, which need not have all names.
        label: what the numbers are, with their unit.
        of: what the names are names of.
        form: how a number is written, as `str.format` takes it.
        title: in place of the finding.
    """
    values = by_name(values)
    groups = values if all(isinstance(v, Mapping) for v in values.values()) else {"": values}
    groups = {group: {name: float(v) for name, v in numbers.items()} for group, numbers in groups.items()}
    names = list(dict.fromkeys(name for numbers in groups.values() for name in numbers))
    figure, axes = new(1.3 + 0.3 * len(names) * max(1, 0.7 * len(groups)))
    axis, thick = axes[0, 0], 0.8 / len(groups)
    for number, (group, numbers) in enumerate(groups.items()):
        sizes = [numbers.get(name, 0.0) for name in names]
        at = np.arange(len(names)) + (number - (len(groups) - 1) / 2) * thick
        drawn = axis.barh(at, sizes, thick, color=COLOURS[number % 7], hatch=("", "//", "..")[number % 3], label=group)
        for bar in drawn:
            bar.set_edgecolor("white")
        axis.bar_label(drawn, [form.format(size) for size in sizes], padding=3, fontsize=9)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.1)
    axis.xaxis.set_major_formatter(lambda value, _: form.format(value))
    axis.set(xlabel=label, ylabel=of)
    if len(groups) > 1:
        figure.legend(loc="outside right center", frameon=False)
    most = {group: max(numbers, key=lambda name: numbers[name]) for group, numbers in groups.items()}
    told = [f"{g + ': ' if g else ''}{n} has the most, {form.format(groups[g][n])}" for g, n in most.items()]
    every = "; ".join(
        f"{g} " + listed(f"{n} {form.format(v)}" for n, v in found.items()) for g, found in groups.items()
    )
    return finish(figure, title or "; ".join(told), f"Bars, {label}: {every.strip()}.")


# What a run is made of


def history(run: Any) -> Line:
    """The history of a `Result` or `Transfer`, or a list of `Record`s, `Step`s or `Progress`es as it is."""
    found = getattr(run, "history", run)
    found = [getattr(r, "step", r) for r in found] if isinstance(found, Iterable) else []
    right = bool(found) and all(hasattr(r, "loss") and hasattr(r, "evaluations") for r in found)
    need(right, f"a run is a Result, a Transfer that has run, or a list of its records, not {type(run).__name__}")
    return found


def clock(run: Line, unit: str) -> np.ndarray:
    """What a clock showed at each record of a run, from its start; a new scale goes on from where the last one ended.

    Args:
        run: its `Record`s or `Step`s, whose counts start anew with each scale.
        unit: "evaluations" or "seconds".
    """
    count = np.array([getattr(r, one_of("axis", unit, ("evaluations", "seconds"))) for r in run], dtype=float)
    return count + np.cumsum(np.append(0, np.where(np.diff(count) < 0, count[:-1], 0)))


def summands(run: Line, terms: str) -> dict[str, np.ndarray]:
    """The total and its terms, by kind or by layer; NaN where there is 0, but for rounding."""
    total = np.array([r.loss for r in run])
    found: dict[str, np.ndarray] = {"total": total}
    for name in dict.fromkeys(name for r in run for name in r.terms) if terms != "total" else ():
        label = name if terms == "layer" else kind_of(name)
        found[label] = found.get(label, 0) + np.array([r.terms.get(name, 0.0) for r in run])
    return {name: np.where(values > NOTHING * np.maximum(total, 0), values, np.nan) for name, values in found.items()}


def draw_terms(axis: Axes, x: np.ndarray, lines: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Draw a line for each term; the lines by label, for a legend."""
    layers = [label for label in lines if label.startswith("style ")]
    drawn = {}
    for label, y in lines.items():
        colour: Any
        colour, dash = KINDS.get(kind_of(label), (COLOURS[6], ":"))
        if label in layers:
            colour, dash = shade(layers.index(label), len(layers)), LINES[layers.index(label) % len(LINES)]
        (drawn[label],) = axis.plot(x, y, color=colour, linestyle=dash, linewidth=2.2 if label == "total" else 1.6)
    return drawn


def shade(number: int, count: int) -> tuple[float, ...]:
    """A colour of viridis, from dark for the first to light for the last, that can be seen on white."""
    import matplotlib

    return matplotlib.colormaps["viridis"](0.85 * number / max(1, count - 1))
