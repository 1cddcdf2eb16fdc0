"""The questions, one function each: a `Plan` → rows.

evaluation   seconds of one loss and gradient
memory       peak of one evaluation, and of the whole loop
loss         seconds to the loss that gordicaleksa's loop ends with
peak         share of the machine's measured peak
profile      where the time of one evaluation goes
growth       seconds per megapixel from small to large
pocket       the kit's small network beside VGG-19
control      an evaluation with regions, layers and colours under control, beside one without
stylize      the default `nst.stylize`, on all cores
busy         the loop beside programs that want the cores too
smooth       evaluations that L-BFGS needs with its smoothing, over those without
fast         seconds, memory and judges' opinions of painting in one pass, beside the optimiser and Magenta's network
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nstlib.architecture import BACKBONES
from nstlib.plan import prepare
from nstlib.recipe import Recipe
from nstlib.transfer import paint
from nstlib.weights import find_weights

from . import probe
from .fast import fast
from .measure import Row, Sheet, alternate, convolution, product, ratios, work
from .peers import GORDICALEKSA, OURS, OURS_FLOAT32, RACE, TUTORIAL, Ours, Watch, contestants
from .problem import CONTENT_LAYER, STYLE_LAYERS, Problem


@dataclass(frozen=True)
class Plan:
    """How much is measured. Sizes are sides of square pictures in pixels.

    rounds: of each size. loops: evaluations of the loop whose memory is measured, by size; gordicaleksa's history of
    100 moves is full after some 120, and the rows say how many it held. size: of the experiments with one size, but for
    loss_size, that of the race to a loss, busy_size, that beside other programs, and fast_size, the one of Magenta's
    network. fast_networks: styles for which a network is trained, for fast_steps of fast_side pixels.
    """

    rounds: Mapping[int, int]
    loops: Mapping[int, int]
    growth: tuple[int, ...]
    size: int
    loss_size: int
    loss_evaluations: int
    product_side: int = 4096
    busy_size: int = 256
    busy_evaluations: int = 100
    busy_rounds: int = 3
    smooth_size: int = 192
    smooth_evaluations: int = 300
    smooth_pairs: int = 12
    fast_size: int = 384
    fast_pairs: int = 12
    fast_networks: int = 3
    fast_steps: int = 300
    fast_side: int = 96
    device: str = "cpu"
    weights: str | None = "random"
    threads: int | None = None

    def on(self, device: str) -> Plan:
        """The same on a device: on a GPU with larger pictures and more rounds, which it does in no time."""
        if self is not FULL or not device.startswith("cuda"):
            return replace(self, device=device)
        return replace(self, device=device, rounds={256: 15, 512: 15, 1024: 9, 2048: 5})

    def problem(self, size: int | None = None) -> Problem:
        return Problem(size or self.size, self.device, self.weights)


FULL = Plan({256: 9, 512: 7, 1024: 3}, {256: 130}, (128, 256, 512, 1024, 2048), 512, 256, 300)
QUICK = Plan(
    {64: 3, 128: 3},
    {64: 20},
    (64, 128, 256),
    128,
    128,
    30,
    product_side=1024,
    smooth_size=64,
    smooth_evaluations=50,
    smooth_pairs=1,
    fast_size=128,
    fast_pairs=1,
    fast_networks=1,
    fast_steps=2,
    fast_side=64,
    busy_size=64,
    busy_evaluations=10,
    busy_rounds=2,
)


def evaluation(plan: Plan) -> list[Row]:
    """Seconds of one loss and gradient, all in alternation."""
    sheet = Sheet("evaluation")
    for size, rounds in plan.rounds.items():
        made = contestants(plan.problem(size))
        samples = alternate({who: c.evaluate for who, c in made.items()}, rounds, plan.device)
        for who, seconds in samples.items():
            sheet.add(size, who, "seconds per evaluation", "s", seconds, getattr(made[who], "precision", "float32"))
        sheet.add_ratios(size, samples, OURS)
        if OURS_FLOAT32 in samples:
            sheet.add_ratios(size, {k: v for k, v in samples.items() if k != OURS}, OURS_FLOAT32)
    return sheet.rows


def memory(plan: Plan) -> list[Row]:
    """Peak memory, each in a fresh process."""
    sheet = Sheet("memory")
    for size in plan.rounds:
        found = {who: ask_memory(plan, who, size) for who in (TUTORIAL, GORDICALEKSA, OURS, OURS_FLOAT32)}
        for name, what in (("evaluation", "one evaluation"), ("again", "one evaluation, warm")):
            add_memory(sheet, size, what, {who: [f[name] / 1e6] for who, f in found.items()})
    for size, evaluations in plan.loops.items():
        found = {who: ask_memory(plan, who, size, evaluations) for who in (GORDICALEKSA, OURS, OURS_FLOAT32)}
        what = f"loop of {evaluations} evaluations"
        note = f"{GORDICALEKSA} remembered {found[GORDICALEKSA]['moves']} of 100 moves"
        add_memory(sheet, size, what, {who: [f["loop"] / 1e6] for who, f in found.items()}, note)
    return sheet.rows


def ask_memory(plan: Plan, who: str, size: int, evaluations: int = 0) -> dict[str, float]:
    request = {"who": who, "size": size, "device": plan.device, "weights": plan.weights, "evaluations": evaluations}
    return probe.ask(plan.threads, kind="memory", **request)


def add_memory(sheet: Sheet, size: int, what: str, megabytes: Mapping[str, list[float]], note: str = "") -> None:
    for who, samples in megabytes.items():
        sheet.add(size, who, what, "MB", samples, note if who == GORDICALEKSA else "")
    for ours in (OURS, OURS_FLOAT32):
        share = ratios(megabytes[ours], megabytes[GORDICALEKSA])
        sheet.add(size, f"{ours} / {GORDICALEKSA}", what, "×", share)


def loss(plan: Plan) -> list[Row]:
    """Seconds to the loss that gordicaleksa's loop ends with, judged in float32 on the saved pictures.

    All get as many evaluations at full size; ours has its coarse scale besides, whose seconds count.
    """
    sheet, count, problem = Sheet("loss"), plan.loss_evaluations, plan.problem(plan.loss_size)
    made = contestants(problem)
    judge = (made.get(OURS_FLOAT32) or made[OURS]).judge
    made[OURS] = Ours(problem, **{**RACE, "evaluations": count})
    with tempfile.TemporaryDirectory() as folder:
        albums = {who: Album(Path(folder) / who) for who in (GORDICALEKSA, TUTORIAL, OURS)}
        for who, album in albums.items():
            made[who].run(count, Watch(album.add, plan.device))
        target = judge(albums[GORDICALEKSA].picture(-1))
        sheet.add(plan.loss_size, GORDICALEKSA, "loss to reach", "", target)
        times = {who: add_run(sheet, plan.loss_size, who, album, judge, target) for who, album in albums.items()}
    for over in (TUTORIAL, GORDICALEKSA):
        if times[over] and times[OURS]:
            sheet.add(plan.loss_size, f"{over} / {OURS}", "ratio", "×", times[over] / times[OURS])
    return sheet.rows


class Album:
    """Pictures of a run, on disk; it holds (seconds, evaluations) of each in `entries`."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder, self.entries = folder, []

    def add(self, seconds: float, evaluations: int, picture: Tensor) -> None:
        torch.save(picture.cpu(), self.folder / f"{len(self.entries)}.pt")
        self.entries.append((seconds, evaluations))

    def picture(self, number: int) -> Tensor:
        """The picture of that number; negative ones count from the end."""
        return torch.load(self.folder / f"{number % len(self.entries)}.pt", weights_only=True)


def first_below(
    album: Album, judge: Callable[[Tensor], float], target: float, every: int = 10
) -> tuple[int | None, dict[int, float]]:
    """The number of the first picture whose loss is at most `target`, and all losses that were looked up.

    Every tenth picture is judged, then those before the first that passed.
    """
    count = len(album.entries)
    losses: dict[int, float] = {}
    for number in [*range(0, count - 1, every), count - 1]:
        losses[number] = judge(album.picture(number))
        if losses[number] <= target:
            for earlier in range(max(0, number - every + 1), number):
                losses[earlier] = losses.get(earlier) or judge(album.picture(earlier))
            return min(n for n, value in losses.items() if value <= target), losses
    return None, losses


def add_run(
    sheet: Sheet, size: int, who: str, album: Album, judge: Callable[[Tensor], float], target: float
) -> float | None:
    """Write down when a run reached the target; returns the seconds, None if it did not."""
    number, losses = first_below(album, judge, target)
    best = min((value, n) for n, value in losses.items())
    reached = number is not None
    seconds, evaluations = album.entries[number if reached else best[1]]
    missed = f"not reached: its best of {album.entries[-1][1]} evaluations is {best[0] / target:.3g} times it"
    note = "" if reached else missed
    what = "seconds to the loss" if reached else "seconds to its best"
    sheet.add(size, who, what, "s", seconds, note)
    sheet.add(size, who, what.replace("seconds", "evaluations"), "", evaluations)
    return seconds if reached else None


def peak(plan: Plan) -> list[Row]:
    """How much of the machine's measured peak one evaluation reaches; peak and evaluation in alternation."""
    sheet, problem = Sheet("peak"), plan.problem()
    flop = work(BACKBONES[problem.backbone_name], plan.size, STYLE_LAYERS, [CONTENT_LAYER])
    for part, amount in {**flop, "total": sum(flop.values())}.items():
        sheet.add(plan.size, OURS, f"work, {part}", "GFLOP", amount / 1e9)
    ours = Ours(problem)
    for precision in ("float32", "bfloat16"):
        judged = ours if precision == ours.precision else Ours(problem, "float32") if precision == "float32" else None
        add_peak(sheet, plan, precision, judged, sum(flop.values()))
    return sheet.rows


def add_peak(sheet: Sheet, plan: Plan, precision: str, ours: Ours | None, flop: float) -> None:
    dtype = getattr(torch, precision)
    tools = {
        "matrix product": product(dtype, plan.device, plan.product_side),
        "convolution": convolution(dtype, plan.device),
    }
    calls = {name: call for name, (call, _) in tools.items()}
    samples = alternate({**calls, **({OURS: ours.evaluate} if ours else {})}, 5, plan.device)
    speeds = {name: [amount / s for s in samples[name]] for name, (_, amount) in tools.items()}
    for name, values in speeds.items():
        sheet.add(0, name, f"speed, {precision}", "GFLOP/s", [v / 1e9 for v in values])
    if ours:
        best = max(speeds.values(), key=statistics.median)
        reached = [flop / s for s in samples[OURS]]
        sheet.add(plan.size, OURS, f"speed, {precision}", "GFLOP/s", [v / 1e9 for v in reached])
        sheet.add(plan.size, OURS, f"share of peak, {precision}", "1", ratios(reached, best))


GROUPS = (
    ("pooling", ("pool",)),
    ("ReLU", ("relu", "threshold")),
    ("copies", ("reorder", "copy", "clone", "contiguous", "cat", "fill", "zero", "memcpy", "memset")),
    ("convolution", ("conv", "fprop", "dgrad", "implicit", "mkldnn", "onednn")),
    ("Gram", ("mm", "matmul", "cutlass")),
)


def group_of(operator: str) -> str:
    """The group of an operator or kernel, by its name.

    >>> group_of("aten::mkldnn_convolution"), group_of("aten::mm"), group_of("aten::sum")
    ('convolution', 'Gram', 'other')
    """
    name = operator.lower()
    return next((group for group, words in GROUPS if any(word in name for word in words)), "other")


def profile(plan: Plan) -> list[Row]:
    """Where the time of one evaluation goes, by groups of operators and by the eight longest."""
    sheet, ours = Sheet("profile"), Ours(plan.problem())
    ours.evaluate()
    times = operator_seconds(ours.evaluate, plan.device)
    groups: dict[str, float] = {}
    for operator, seconds in times.items():
        groups[group_of(operator)] = groups.get(group_of(operator), 0) + seconds
    total = sum(times.values())
    for kind, found in (("group", groups), ("operator", dict(list(times.items())[:8]))):
        for name, seconds in sorted(found.items(), key=lambda item: -item[1]):
            sheet.add(plan.size, name, kind, "s", seconds, f"{seconds / total:.1%}")
    return sheet.rows


def operator_seconds(call: Callable[[], object], device: str, repeats: int = 3) -> dict[str, float]:
    """Seconds that one call spends in each operator (on CUDA: kernel) itself, the longest first."""
    kinds, cuda = torch.profiler.ProfilerActivity, device.startswith("cuda")
    with torch.profiler.profile(activities=[kinds.CPU, kinds.CUDA] if cuda else [kinds.CPU]) as profiler:
        for _ in range(repeats):
            call()
        if cuda:
            torch.cuda.synchronize()
    times = {}
    for event in profiler.key_averages():
        kernel = event.device_type == torch.autograd.DeviceType.CUDA
        spent = event.self_device_time_total if cuda else event.self_cpu_time_total
        if kernel == cuda and spent:
            times[event.key] = times.get(event.key, 0) + spent / 1e6 / repeats
    return dict(sorted(times.items(), key=lambda item: -item[1]))


def growth(plan: Plan) -> list[Row]:
    """Seconds of an evaluation, and per megapixel, as the picture grows."""
    sheet = Sheet("growth")
    for name, build in (("vgg19", Ours), ("pocket", pocket_contestant)):
        per_pixel = {}
        for size in plan.growth:
            contestant = build(plan.problem(size))
            rounds = 3 if size >= 1024 else 7
            seconds = alternate({name: contestant.evaluate}, rounds, plan.device)[name]
            del contestant  # its buffers, before the next size needs more
            per_megapixel = [s / (size**2 / 1e6) for s in seconds]
            sheet.add(size, name, "seconds per evaluation", "s", seconds)
            sheet.add(size, name, "seconds per megapixel", "s", per_megapixel)
            per_pixel[size] = statistics.median(per_megapixel)
        flat = [value for size, value in per_pixel.items() if size >= 256]
        sheet.add(0, name, "dearest pixel over cheapest, from 256 up", "×", max(flat) / min(flat))
    return sheet.rows


def pocket_contestant(problem: Problem) -> Ours:
    """nstlib on `pocket`, with that network's usual layers."""
    usual = BACKBONES["pocket"]
    return Ours(
        problem.changed(backbone_name="pocket", weights=None),
        content_layers={layer: 1 / len(usual.content_layers) for layer in usual.content_layers},
        style_layers={layer: 1 / len(usual.style_layers) for layer in usual.style_layers},
    )


def pocket(plan: Plan) -> list[Row]:
    """`pocket` beside VGG-19, by the same engine, in alternation."""
    sheet = Sheet("pocket")
    made = {"vgg19": Ours(plan.problem()), "pocket": pocket_contestant(plan.problem())}
    samples = alternate({who: c.evaluate for who, c in made.items()}, 9, plan.device)
    for who, seconds in samples.items():
        sheet.add(plan.size, who, "seconds per evaluation", "s", seconds)
    sheet.add_ratios(plan.size, samples, "pocket")
    return sheet.rows


def control(plan: Plan) -> list[Row]:
    """An evaluation of two styles with each control, beside one without, in alternation; `pocket`, both precisions."""
    sheet, problem = Sheet("control"), plan.problem()
    left = torch.zeros(plan.size, plan.size)
    left[:, : plan.size // 2] = 1
    left[: plan.size // 4] = 1 - left[: plan.size // 4]
    layers = BACKBONES["pocket"].style_layers
    controls: dict[str, dict] = {
        "two styles": {},
        "in two regions": {"masks": [left, "rest"]},
        "by sums": {"masks": [left, "rest"], "guidance": "sum"},
        "on layers of their own": {"own_layers": [layers[:3], layers[3:]]},
        "by luminance": {"color": "luminance"},
    }
    for precision in ("bfloat16", "float32"):
        options = {"size": plan.size, "device": plan.device, "precision": precision}
        styles = [problem.style, problem.style.flip(1)]
        made = {who: prepare(problem.content, styles, **options, **own) for who, own in controls.items()}
        objectives = {who: one.objective() for who, one in made.items()}
        calls = {who: partial(one.value_and_gradient, problem.mixed) for who, one in objectives.items()}
        samples = alternate(calls, 9, plan.device)
        for who, seconds in samples.items():
            sheet.add(plan.size, who, "seconds per evaluation", "s", seconds, precision)
        sheet.add_ratios(plan.size, samples, "two styles", f"ratio in {precision}")
    return sheet.rows


def stylize(plan: Plan) -> list[Row]:
    """Wall seconds of the default `nst.stylize` after imports, on all cores, in fresh processes."""
    sheet = Sheet("stylize")
    found = [probe.ask(kind="stylize", size=plan.size, device=plan.device) for _ in range(3)]
    note = f"{found[0]['threads']} threads, {found[0]['evaluations']} evaluations at the last scale"
    sheet.add(plan.size, "nst.stylize", "wall seconds", "s", [f["seconds"] for f in found], note)
    return sheet.rows


def busy(plan: Plan) -> list[Row]:
    """Seconds of an evaluation of the default loop on all cores beside 0, 1 and 2 programs that never rest.

    With the number of threads that nstlib chooses, and with one and all of them throughout; where OpenMP was told how
    to wait, and where it was not, as in a notebook that imported torch before the kit.
    """
    sheet = Sheet("busy")
    for told in (True, False):
        request = {"size": plan.busy_size, "evaluations": plan.busy_evaluations, "rounds": plan.busy_rounds}
        for count, samples in probe.ask(kind="busy", told=told, **request).items():
            what = f"beside {count}, {'told' if told else 'not told'} how to wait"
            for who, seconds in samples.items():
                sheet.add(plan.busy_size, who, what, "s", seconds)
            better = min((samples[who] for who in (probe.ONE, probe.ALL)), key=statistics.median)
            share = ratios(samples[probe.CHOSEN], better)
            sheet.add(plan.busy_size, f"{probe.CHOSEN} / the better of both", what, "×", share)
    return sheet.rows


# None of them was used to choose the exponent (those were the Golden Gate Bridge and The Starry Night, Tübingen and The
# Scream, content/harbour and style/mosaic, content/city and The Great Wave).
SMOOTH_PAIRS = (
    ("content/city", "style/brushstrokes"),
    ("content/mountains", "style/watercolour"),
    ("content/still_life", "style/cubist"),
    ("content/harbour", "style/pointillism"),
    ("photo/cat", "style/stained_glass"),
    ("photo/coffee", "style/woodcut_waves"),
    ("photo/rocket", "style/marbled"),
    ("photo/portrait", "style/ink_hatching"),
    ("photo/temple", "style/suprematism"),
    ("photo/flower", "style/brushstrokes"),
    ("content/mountains", "style/stained_glass"),
    ("content/still_life", "style/watercolour"),
)
BUDGETS = (50, 100, 150, 300)


def smooth(plan: Plan) -> list[Row]:
    """Evaluations to the loss that L-BFGS on plain pixels has after 50, 100, 150 and 300, as a share of these.

    In float32, so that both runs judge by one loss, from content and noise, by every network whose weights are here; a
    large one on a quarter of the pairs. A run that does not get there within a fifth more counts as that fifth more.
    """
    sheet = Sheet("smooth")
    for network in (name for name in BACKBONES if find_weights(name)):
        pairs = SMOOTH_PAIRS[
            : plan.smooth_pairs if BACKBONES[network].weights.megabytes < 100 else -(-plan.smooth_pairs // 4)
        ]
        for start in ("content", "noise"):
            shares = [shares_of_evaluations(plan, network, start, *pair) for pair in pairs]
            for number, budget in enumerate(b for b in BUDGETS if b <= plan.smooth_evaluations):
                found = [share[number] for share in shares]
                missed = sum(share > 1.19 for share in found)
                note = f"{len(found)} pairs" + (f", {missed} not reached" if missed else "")
                sheet.add(plan.smooth_size, f"{network}, {start}", f"evaluations for {budget}", "×", found, note)
    return sheet.rows


def shares_of_evaluations(plan: Plan, network: str, start: str, content: str, style: str) -> list[float]:
    """For each budget, evaluations with smoothing over those without, at the same loss.

    Args:
        plan: size and evaluations.
        network: its name.
        start: "content" or "noise".
        content: a name.
        style: a name.
    """
    losses = {}
    for smoothness, count in ((0.0, plan.smooth_evaluations), (Recipe().smoothness, plan.smooth_evaluations * 6 // 5)):
        options = {"size": plan.smooth_size, "backbone": network, "start": start, "pyramid": (), "precision": "float32"}
        options |= {"smoothness": smoothness, "evaluations": count, "device": plan.device}
        made = [(p.step.evaluations, p.step.loss) for p in paint(prepare(content, [style], **options))]
        losses[smoothness] = np.minimum.accumulate([loss for _, loss in made]), [n for n, _ in made]
    (plain, counts), (smoothed, needed) = losses.values()
    shares = []
    for budget in (b for b in BUDGETS if b <= plan.smooth_evaluations):
        target = plain[max(i for i, n in enumerate(counts) if n <= budget)]
        shares.append(
            next((n for n, loss in zip(needed, smoothed, strict=True) if loss <= target), 1.2 * budget) / budget
        )
    return [min(1.2, share) for share in shares]


EXPERIMENTS: dict[str, Callable[[Plan], list[Row]]] = {
    e.__name__: e
    for e in (evaluation, memory, loss, peak, profile, growth, pocket, control, stylize, busy, smooth, fast)
}
