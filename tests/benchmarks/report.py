"""The answers as a table on the terminal, JSON, Markdown for the README.md beside this file, and a plot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from .measure import Row
from .peers import COMPILED, GORDICALEKSA, OURS, OURS_FLOAT32, TUTORIAL
from .probe import ALL, CHOSEN, ONE

CONTESTANTS = (TUTORIAL, GORDICALEKSA, COMPILED, OURS_FLOAT32, OURS)
SHOWN_AS = {
    TUTORIAL: "PyTorch tutorial's way",
    GORDICALEKSA: "gordicaleksa's way",
    COMPILED: "the plain formula, compiled",
    OURS: "nstlib",
    OURS_FLOAT32: "nstlib in float32",
}


def number(value: float) -> str:
    """Three significant digits, without an exponent where that is readable.

    >>> number(0.4567), number(1234.5), number(2.5e12)
    ('0.457', '1,234', '2.5e+12')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """All rows for the terminal, one line each: the median, and the range where there is one."""
    lines = [("experiment", "size", "who", "what", "median", "range", "note")]
    for row in rows:
        spread = "" if len(row.samples) < 2 else f"{number(row.low)} … {number(row.high)}"
        value = f"{row.value:.1%}" if row.unit == "1" else f"{number(row.value)} {row.unit}".rstrip()
        spread = f"{row.low:.1%} … {row.high:.1%}" if row.unit == "1" and spread else spread
        lines.append((row.experiment, str(row.size or ""), row.who[:60], row.what, value, spread, row.note))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


# --- JSON ----------------------------------------------------------------------------------------


def write_json(path: Path, machine: Mapping[str, object], rows: Iterable[Row]) -> list[Row]:
    """Write the rows, beside those of other experiments that the file holds from the same machine; returns all."""
    rows = list(rows)
    if path.exists():
        before, old = read_json(path)
        if before == machine:
            new = {row.experiment for row in rows}
            rows = [row for row in old if row.experiment not in new] + rows
    data = {"machine": machine, "rows": [row.to_dict() for row in rows]}
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return rows


def read_json(path: Path) -> tuple[dict[str, object], list[Row]]:
    """(machine, rows)."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["machine"], [Row.from_dict(row) for row in data["rows"]]


# --- Markdown ------------------------------------------------------------------------------------


class Answers:
    """Rows by what they are about."""

    def __init__(self, rows: Iterable[Row]):
        self.rows = list(rows)

    def find(self, experiment: str, what: str, who: str | None = None, size: int | None = None) -> list[Row]:
        return [
            row
            for row in self.rows
            if row.experiment == experiment
            and row.what.startswith(what)
            and (who is None or row.who == who)
            and (size is None or row.size == size)
        ]

    def sizes(self, experiment: str, what: str) -> list[int]:
        return sorted({row.size for row in self.find(experiment, what)} - {0})

    def cell(self, experiment: str, what: str, who: str, size: int | None = None) -> str:
        """The number; how many times that of nstlib, in brackets; "–" where there is none."""
        found, ours = self.find(experiment, what, who, size), self.find(experiment, what, OURS, size)
        if not found:
            return "–"
        value = f"{number(found[-1].value)} {found[-1].unit}"
        if who == OURS or not ours:
            return value
        ratio = self.find(experiment, "ratio", f"{who} / {OURS}", size)
        times = ratio[-1].value if ratio else found[-1].value / ours[-1].value
        return f"{value} ({times:.1f}×)"


def markdown(machine: Mapping[str, object], rows: Iterable[Row]) -> str:
    """What stands between the README's markers: a table of contestants, and a line for each other question."""
    answers = Answers(rows)
    others = "\n".join(f"- {line}" for line in other_lines(answers))
    parts = [machine_line(machine), contest_table(answers), others, busy_table(answers)]
    return "\n\n".join(part for part in parts if part) + "\n"


def machine_line(machine: Mapping[str, object]) -> str:
    where = machine.get("gpu") or f"{machine['processor']}, {machine['threads']} of {machine['cores']} threads"
    features = ", ".join(machine["features"]) or "none of AVX2, AVX-512 and AMX"
    return (
        f"Measured on {where} (processor features: {features}), torch {machine['torch']}; "
        f"nstlib chose {machine['precision']}. VGG-19, content relu4_2, style relu1_1 … relu5_1; medians, and in "
        "brackets how many times nstlib's."
    )


def contest_table(answers: Answers) -> str:
    columns = [
        (f"one evaluation at {size:,}", "evaluation", "seconds per evaluation", size)
        for size in answers.sizes("evaluation", "seconds")
    ]
    columns += [
        (f"its memory at {size:,}", "memory", "one evaluation, warm", size)
        for size in answers.sizes("memory", "one evaluation, warm")
    ]
    columns += [(f"memory of the loop at {size:,}", "memory", "loop", size) for size in answers.sizes("memory", "loop")]
    columns += [
        (f"time to the same loss at {size:,}", "loss", "seconds to the loss", size)
        for size in answers.sizes("loss", "seconds")
    ]
    if not columns:
        return ""
    lines = ["| | " + " | ".join(title for title, *_ in columns) + " |", "|---|" + "---|" * len(columns)]
    for who in CONTESTANTS:
        cells = [answers.cell(experiment, what, who, size) for _, experiment, what, size in columns]
        if set(cells) != {"–"}:
            lines.append(f"| {SHOWN_AS[who]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def busy_table(answers: Answers) -> str:
    """The loop beside other programs; in brackets how many times as long as the better of one and all threads."""
    whats = list(dict.fromkeys(row.what for row in answers.find("busy", "beside")))
    if not whats:
        return ""
    lines = [f"| seconds of an evaluation | {ONE} | {ALL} | {CHOSEN} |", "|---|---|---|---|"]
    for what in whats:
        one, every, chosen = (answers.find("busy", what, who)[-1].value for who in (ONE, ALL, CHOSEN))
        times = chosen / min(one, every)
        lines.append(f"| {what} | {number(one)} | {number(every)} | {number(chosen)} ({times:.2f}×) |")
    return "\n".join(lines)


def other_lines(answers: Answers) -> list[str]:
    lines = [f"{row.what.capitalize()}: {row.value:.0%} at {row.size} pixels." for row in answers.find("peak", "share")]
    groups = answers.find("profile", "group")
    if groups:
        lines.append("Where one evaluation's time goes: " + ", ".join(f"{r.who} {r.note}" for r in groups) + ".")
    for name in ("vgg19", "pocket"):
        found = answers.find("growth", "seconds per megapixel", name)
        if found:
            listed = ", ".join(f"{number(row.value)} at {row.size:,}" for row in found)
            lines.append(f"Seconds per megapixel, {name}: {listed}.")
    for row in answers.find("pocket", "ratio"):
        lines.append(f"`pocket` is {row.value:.1f} times as fast as VGG-19 per evaluation at {row.size} pixels.")
    for row in answers.find("stylize", "wall"):
        lines.append(f"The default `nst stylize` at {row.size} pixels: {number(row.value)} s ({row.note}).")
    return lines


# --- plot ----------------------------------------------------------------------------------------

COLOURS = {TUTORIAL: "#b9b4a7", GORDICALEKSA: "#8a8577", COMPILED: "#c9a66b", OURS_FLOAT32: "#7fb0d3", OURS: "#1f6fa8"}


def plot(path: Path, rows: Iterable[Row]) -> bool:
    """Seconds per evaluation by size and contestant, and how they grow; returns whether there was anything to draw."""
    import matplotlib  # only those who plot pay for it

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    answers = Answers(rows)
    sizes = answers.sizes("evaluation", "seconds")
    grown = bool(answers.find("growth", "seconds per megapixel"))
    panels = len(sizes) + grown
    if not panels:
        return False
    figure, axes = plt.subplots(1, panels, figsize=(3.2 * panels + 1.2, 2.8), squeeze=False, layout="constrained")
    for axis, size in zip(axes[0], sizes, strict=False):
        draw_bars(axis, answers, size, named=size == sizes[0])
    if grown:
        draw_growth(axes[0][-1], answers)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return True


def draw_bars(axis: object, answers: Answers, size: int, named: bool) -> None:
    """Horizontal bars, one per contestant, with the range of the samples."""
    found = (answers.find("evaluation", "seconds", who, size) for who in CONTESTANTS)
    rows = [row for several in found for row in several]
    values = [row.value for row in rows]
    spread = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
    places = range(len(rows))
    axis.barh(places, values, color=[COLOURS[row.who] for row in rows], xerr=spread, ecolor="#444", capsize=2)
    for place, row in zip(places, rows, strict=True):
        axis.text(row.high + 0.02 * max(values), place, f" {number(row.value)}", va="center", fontsize=9)
    axis.set_yticks(list(places), [SHOWN_AS[row.who] for row in rows] if named else [""] * len(rows))
    axis.invert_yaxis()
    axis.set_xlim(0, 1.25 * max(row.high for row in rows))
    axis.set_title(f"{size:,} × {size:,}", fontsize=10)
    axis.set_xlabel("seconds per evaluation", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def draw_growth(axis: object, answers: Answers) -> None:
    """Seconds per megapixel over size, for both networks."""
    from matplotlib.ticker import LogLocator, NullLocator

    for name, marker in (("vgg19", "o"), ("pocket", "s")):
        found = answers.find("growth", "seconds per megapixel", name)
        axis.plot([row.size for row in found], [row.value for row in found], marker=marker, label=name)
    sizes = answers.sizes("growth", "seconds per megapixel")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: number(value))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=8)
    axis.set_title("nstlib, per megapixel", fontsize=10)
    axis.set_xlabel("side in pixels", fontsize=9)
    axis.set_ylabel("seconds per megapixel", fontsize=9)
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
