"""Any of the library's objects → a figure whose title says what was found, with an alt text.

    figure = losses(result)          # the last line of a notebook's cell shows it
    figure.savefig("losses.png")
    print(figure.alt)                # one sentence with the numbers, for those who do not see it

Every function takes the library's own objects, leaves them as they are, and returns a matplotlib `Figure` that pyplot
knows nothing of, so it is shown once. `title` replaces the finding that the function reads from its data; `figure.axes`
are there for changes. Lines differ in style as well as colour; colours are safe for the colour-blind.
"""

from __future__ import annotations

import base64
import io
import math
import os
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .backbone import Backbone
from .errors import InputError, choose
from .image import Picture, load_image, to_pil
from .optimizers import Step
from .result import Progress, Record, Result
from .transfer import Transfer

if TYPE_CHECKING:  # importing this module does not import matplotlib
    from matplotlib.figure import Figure

__all__ = [
    *("animate", "bars", "compare", "contours", "feature_maps", "filmstrip", "gram", "grid", "histogram", "kernels"),
    *("finish", "losses", "network", "new", "pictures", "placed", "race", "receptive_fields", "spectrum"),
]

WIDTH, DPI = 9.0, 100  # inches, pixels per inch: the width of a notebook
MANY = 8000  # colours: no chart has so many, and every photograph has
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")  # Okabe & Ito 2008
LINES = ("-", "--", "-.", ":")
KINDS = {"total": ("black", "-"), "content": (COLOURS[1], "--"), "style": (COLOURS[0], "-."), "tv": (COLOURS[2], ":")}


# What all figures share


def new(height: float, rows: int = 1, columns: int = 1, *, width: float = WIDTH, **options: object):
    """A figure of inches, and its axes (rows, columns)."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("figures need matplotlib, which is not installed: pip install 'nstlib[lab]'") from None
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def finish(figure: Figure, title: str, alt: str) -> Figure:
    """Give a figure its title, its alt text and its way into a notebook."""
    figure.suptitle(textwrap.fill(title, int(11 * figure.get_figwidth())), fontsize=12)
    figure.alt = " ".join(alt.split())
    figure._ipython_display_ = partial(display, figure)
    return figure


def display(figure: Figure) -> None:
    """Show a figure in a notebook, as PNG or JPEG, whichever is smaller, with its alt text."""
    from IPython.display import display

    kind, data = encode(figure)
    bundle = {kind: base64.b64encode(data).decode(), "text/plain": figure.alt}
    display(bundle, raw=True, metadata={kind: {"alt": figure.alt}})


def encode(figure: Figure) -> tuple[str, bytes]:
    """(type, bytes): a PNG of 256 colours for lines and text, a JPEG for photographs, which have thousands."""
    drawn, out = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB")
    if image.getcolors(MANY) is None:
        image.save(out, "JPEG", quality=82)
        return "image/jpeg", out.getvalue()
    image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return "image/png", out.getvalue()


def need(right: bool, message: str) -> None:
    if not right:
        raise InputError(message)


def pen(number: int) -> dict[str, object]:
    """How the line of this number is drawn."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def array(values: object) -> np.ndarray:
    """A tensor of any kind, or what NumPy takes → float64 on the CPU."""
    return (values.detach().cpu().double().numpy() if isinstance(values, Tensor) else np.asarray(values)).astype(float)


def by_name(values: object, name: str = "") -> dict[str, object]:
    """A mapping as it is, anything else under one name; not empty."""
    found = dict(values) if isinstance(values, Mapping) else {name: values}
    need(bool(found), "there is nothing to draw: the mapping is empty; give at least one entry")
    return found


def listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)


def pixels(source: object) -> np.ndarray:
    """A picture in any form, a `Result`, `Step` or `Progress` → (H, W, 3), 8 bits; (H, W) and (1, H, W) are grey."""
    source = source.step if isinstance(source, Progress) else source
    source = source.image if isinstance(source, (Result, Step)) else source
    source = source.pixels if isinstance(source, Picture) else source
    if not isinstance(source, Tensor):
        return np.asarray(to_pil(load_image(source).pixels))
    if source.ndim == 2 or (source.ndim in (3, 4) and source.shape[-3] == 1):
        source = source.reshape(-1, *source.shape[-2:]).expand(3, -1, -1) if source[..., 0, 0].numel() == 1 else source
    return np.asarray(to_pil(source if source.is_floating_point() else load_image(source).pixels))


def name_of(source: object) -> str:
    """What a path or a `Picture` is called, without folder and ending; nothing for a tensor."""
    source = source.source if isinstance(source, Picture) else source
    return Path(source).stem if isinstance(source, (str, os.PathLike)) else ""


def sequence(items: object) -> list:
    """One picture or several, a batch (B, C, H, W) too, as a list that is not empty."""
    if isinstance(items, Tensor) and items.ndim == 4:
        items = list(items)
    elif isinstance(items, (str, os.PathLike, Tensor, np.ndarray, Result, Picture, Step, Progress, Image.Image)):
        items = [items]
    found = list(items)
    need(bool(found), "there is no picture to show: give at least one")
    return found


def wall(images: Sequence[np.ndarray], captions: Sequence[str], columns: int, **options: object) -> Figure:
    """Pictures (H, W, 3), or maps (H, W), row by row, each under its caption; no row but the last has gaps."""
    rows = math.ceil(len(images) / columns)
    columns = math.ceil(len(images) / rows)
    starts = range(0, len(images), columns)
    tall = [max(i.shape[0] / i.shape[1] for i in images[start : start + columns]) for start in starts]
    cell, font = min(WIDTH / columns, 4.5, 8.5 / sum(tall)), 8 if columns > 4 else 9
    captions = [textwrap.fill(str(caption), max(8, int(120 * cell / font))) for caption in captions]
    lines = [max((c.count("\n") + 1 for c in captions[start : start + columns] if c), default=0) for start in starts]
    heights = [0.05 + 0.17 * line + cell * t for line, t in zip(lines, tall, strict=True)]
    ratios = {"height_ratios": heights}
    figure, axes = new(sum(heights) + 0.4, rows, columns, width=max(cell * columns, 4.5), gridspec_kw=ratios)
    for axis in axes.flat:
        axis.set_axis_off()
        axis.set_anchor("N")
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        axis.imshow(image, **options)
        axis.set_title(caption, fontsize=font)
    return figure


# Pictures


def pictures(items: object, titles: Sequence[str] | None = None, *, columns: int = 4, title: str = "") -> Figure:
    """One picture or several, row by row.

    items: tensors (1, 3, H, W), `Result`s, paths, names: whatever `load_image` takes. titles: one for each.
    """
    items = sequence(items)
    titles = [name_of(i) for i in items] if titles is None else list(titles)
    need(len(titles) == len(items), f"{len(items)} pictures and {len(titles)} titles: give one title for each picture")
    figure = wall([pixels(i) for i in items], titles, columns)
    named = f": {listed(t for t in titles if t)}" if any(titles) else ""
    return finish(figure, title, f"{len(items)} picture{'s' * (len(items) > 1)}{named}. {title}")


def compare(content: object, style: object, result: object, *, title: str = "Content + style → result") -> Figure:
    """Content, style and result side by side."""
    return pictures([content, style, result], ["content", "style", "result"], columns=3, title=title)


def filmstrip(
    frames: Iterable[tuple[int, object] | Step | Progress], *, count: int = 6, title: str | None = None
) -> Figure:
    """Pictures of a run in order, first and last among them.

    frames: `Step`s, `Progress`es, or pairs (evaluations, picture). count: at most so many are shown.
    """
    steps = [f.step if isinstance(f, Progress) else f for f in frames]
    need(bool(steps), "the run has no frames: collect them, `frames = list(optimize(…))`")
    need(count > 0, f"count = {count}: show at least one frame")
    chosen = [steps[i] for i in sorted({round(i) for i in np.linspace(0, len(steps) - 1, count)})]
    pairs = [(s.evaluations, s.image) if isinstance(s, Step) else s for s in chosen]
    numbers = [number for number, _ in pairs]
    figure = wall([pixels(p) for _, p in pairs], [f"{n} evaluation{'s' * (n != 1)}" for n in numbers], min(count, 6))
    finding = f"From {numbers[0]} to {numbers[-1]} evaluations"
    return finish(figure, title or finding, f"The picture after {listed(numbers)} evaluations.")


def grid(
    images: Sequence[Sequence[object]],
    rows: Sequence[object],
    columns: Sequence[object],
    *,
    row_label: str = "",
    column_label: str = "",
    title: str = "",
) -> Figure:
    """Pictures by two parameters: `images[i][j]` belongs to `rows[i]` and `columns[j]`."""
    given = [len(list(row)) for row in images]
    fits = bool(given) and given == [len(columns)] * len(rows)
    need(fits, f"{len(rows)} rows of {len(columns)} pictures were expected, not rows of {given}")
    flat = [pixels(image) for row in images for image in row]
    figure, width = wall(flat, [""] * len(flat), len(columns)), len(columns)
    for axis in figure.axes[: len(flat)]:
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[], frame_on=False)
    for label, axis in zip(rows, figure.axes[::width], strict=True):
        axis.set_ylabel(str(label), fontsize=9)
    for label, axis in zip(columns, figure.axes[len(flat) - width :], strict=True):
        axis.set_xlabel(str(label), fontsize=9)
    # Room for the labels, so that the pictures keep the size that `wall` gave them and stand close.
    right, up = 0.25 + 0.25 * bool(row_label), 0.2 + 0.25 * bool(column_label)
    figure.set_size_inches(figure.get_figwidth() + right, figure.get_figheight() + up)
    figure.supylabel(row_label, fontsize=10)
    figure.supxlabel(column_label, fontsize=10)
    alt = (
        f"{len(flat)} pictures: {row_label or 'rows'} {listed(rows)} by {column_label or 'columns'} {listed(columns)}."
    )
    return finish(figure, title, alt)


def animate(
    frames: Iterable[object], path: str | os.PathLike, *, seconds: float = 4.0, width: int = 320, limit: int = 1_500_000
) -> Path:
    """Write a GIF of the frames, the last one held for a second; return its path.

    frames: pictures, `Step`s, `Progress`es or pairs (evaluations, picture), all of one shape. seconds: how long it
    runs. width: of a frame, in pixels; it shrinks until the file has at most `limit` bytes.
    """
    path = Path(path).expanduser()
    need(path.suffix.lower() == ".gif", f"'{path}' is no name for an animation: end it in .gif")
    need(path.parent.is_dir(), f"the folder '{path.parent}' does not exist: create it, or choose another")
    pages = [Image.fromarray(pixels(f[1] if isinstance(f, tuple) else f)) for f in sequence(frames)]
    need(len({p.size for p in pages}) == 1, "the frames have several sizes: animate one scale of the run")
    width = min(width, pages[0].width)
    while len(data := gif(pages, width, seconds)) > limit and width > 32:
        width = max(32, int(0.85 * width))
    need(
        len(data) <= limit, f"{len(pages)} frames take {len(data):,} bytes at 32 pixels: give fewer, or a higher limit"
    )
    path.write_bytes(data)
    return path


def gif(pages: Sequence[Image.Image], width: int, seconds: float) -> bytes:
    """One palette for all frames, taken from the first, the middle and the last, so that colours do not flicker."""
    size = (width, max(1, round(pages[0].height * width / pages[0].width)))
    small = [p.resize(size, Image.Resampling.LANCZOS) for p in pages]
    sample = np.concatenate([np.asarray(small[i]) for i in (0, len(small) // 2, -1)])
    palette = Image.fromarray(sample).quantize(256)
    first, *rest = (p.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in small)
    each, out = max(20, round(1000 * seconds / len(pages))), io.BytesIO()
    held = [each] * (len(pages) - 1) + [each + 1000]
    first.save(out, "GIF", save_all=True, append_images=rest, duration=held, loop=0, optimize=False)
    return out.getvalue()


# Runs


def records(run: object) -> list[Record | Step]:
    """The history of a `Result` or `Transfer`, or a list of `Record`s, `Step`s or `Progress`es as it is."""
    found = run.history if isinstance(run, (Result, Transfer)) else run
    found = [r.step if isinstance(r, Progress) else r for r in found] if isinstance(found, Iterable) else []
    right = bool(found) and all(isinstance(r, (Record, Step)) for r in found)
    need(right, f"a run is a Result, a Transfer that has run, or a list of its records, not {type(run).__name__}")
    return found


def clock(run: Sequence[Record | Step], unit: str) -> np.ndarray:
    """Evaluations or seconds since the start; a new scale, where the count starts anew, goes on from the last."""
    count = np.array([getattr(r, choose("axis", unit, ("evaluations", "seconds"))) for r in run], dtype=float)
    return count + np.cumsum(np.append(0, np.where(np.diff(count) < 0, count[:-1], 0)))


def parts(run: Sequence[Record | Step], terms: str) -> dict[str, np.ndarray]:
    """The total and its terms, by kind or by layer; NaN where a logarithm has no place for 0."""
    found: dict[str, np.ndarray] = {"total": np.array([r.loss for r in run])}
    for name in dict.fromkeys(name for r in run for name in r.terms) if terms != "total" else ():
        label = name if terms == "layer" else name.split()[0]
        found[label] = found.get(label, 0) + np.array([r.terms.get(name, 0.0) for r in run])
    return {name: np.where(values > 0, values, np.nan) for name, values in found.items()}


def losses(runs: object, *, by: str = "evaluations", terms: str = "kind", title: str | None = None) -> Figure:
    """The loss and its terms over a run, on a logarithmic scale; several runs by name side by side.

    runs: a `Result`, `Transfer` or list of records, or a mapping of names to them. by: "evaluations" or "seconds".
    terms: "kind" adds up content, style and tv; "layer" draws each term; "total" none.
    """
    choose("choice of terms", terms, ("kind", "layer", "total"))
    runs = {name: records(run) for name, run in by_name(runs).items()}
    figure, axes = new(3.9, 1, len(runs), sharex=True, sharey=True)
    handles: dict[str, object] = {}
    for axis, (name, run) in zip(axes.flat, runs.items(), strict=True):
        lines, x = parts(run, terms), clock(run, by)
        styles = [label for label in lines if label.startswith("style ")]
        for label, y in lines.items():
            colour, dash = KINDS[label.split()[0]] if label.split()[0] in KINDS else (COLOURS[6], ":")
            if label in styles:
                colour, dash = shade(styles.index(label), len(styles)), LINES[styles.index(label) % len(LINES)]
            (handle,) = axis.plot(x, y, color=colour, linestyle=dash, linewidth=2.2 if label == "total" else 1.6)
            handles.setdefault(label, handle)
        axis.set(yscale="log", xlabel="seconds" if by == "seconds" else "evaluations of the loss", title=name)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("weighted loss")
    figure.legend(handles.values(), handles, loc="outside right center", frameon=False, fontsize=9)
    told = [f"{name or 'the'} loss goes from {run[0].loss:.3g} to {run[-1].loss:.3g}" for name, run in runs.items()]
    ends = [f"{clock(run, by)[-1]:.3g}" for run in runs.values()]
    finding = "; ".join(f"{text} in {end} {by}" for text, end in zip(told, ends, strict=True))
    finding = finding[0].upper() + finding[1:] if "" in runs else finding
    return finish(figure, title or finding, f"Lines over {by}, logarithmic: {listed(handles)}. {finding}.")


def shade(number: int, count: int) -> tuple[float, ...]:
    """A colour of viridis, from dark for the first to light for the last, that can be seen on white."""
    import matplotlib

    return matplotlib.colormaps["viridis"](0.85 * number / max(1, count - 1))


def race(runs: Mapping[str, object], *, title: str | None = None) -> Figure:
    """Loss against evaluations and against seconds, side by side, and who leads where the first run ends.

    runs: by name, each a `Result`, a `Transfer` or a list of records, of one objective.
    """
    runs = {name: records(run) for name, run in by_name(runs, "run").items()}
    figure, axes = new(3.9, 1, 2, sharey=True)
    told = []
    for axis, unit in zip(axes.flat, ("evaluations", "seconds"), strict=True):
        clocks = {name: clock(run, unit) for name, run in runs.items()}
        budget = min(x[-1] for x in clocks.values())
        reached = {}
        for number, (name, run) in enumerate(runs.items()):
            loss = np.array([r.loss for r in run])
            axis.plot(clocks[name], loss, label=name, linewidth=1.8, **pen(number))
            reached[name] = loss[clocks[name] <= max(budget, clocks[name][0])].min()
        first = min(reached, key=reached.get)
        axis.axvline(budget, color="grey", linewidth=0.8)
        axis.set(yscale="log", xlabel=unit, title=f"{first} leads after {budget:.3g} {unit}")
        axis.grid(alpha=0.3)
        told.append((f"{budget:.3g} {unit}", first, ", ".join(f"{n} {v:.3g}" for n, v in reached.items())))
    axes[0, 0].set_ylabel("loss")
    axes[0, 1].legend(frameon=False)
    same = len({first for _, first, _ in told}) == 1
    finding = f"{told[0][1]} leads by evaluations" + (" and by seconds" if same else f", {told[1][1]} by seconds")
    best = "; ".join(f"at {budget}: {values}" for budget, _, values in told)
    return finish(figure, title or finding, f"Lines of the loss: {finding}. Best {best}.")


def bars(
    values: Mapping[str, object],
    *,
    label: str = "share of the gradient",
    of: str = "layer",
    form: str = "{:.0%}",
    title: str | None = None,
) -> Figure:
    """One bar per name: gradient shares per layer, say; or groups of bars, from a mapping of such mappings."""
    values = by_name(values)
    groups = values if all(isinstance(v, Mapping) for v in values.values()) else {"": values}
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    figure, axes = new(1.3 + 0.3 * len(names) * max(1, 0.7 * len(groups)))
    axis, thick = axes[0, 0], 0.8 / len(groups)
    for number, (group, numbers) in enumerate(groups.items()):
        sizes = [float(numbers.get(name, 0.0)) for name in names]
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
    most = {g: max(v, key=lambda name: float(v[name])) for g, v in groups.items()}
    told = [f"{g + ': ' if g else ''}{n} has the most, {form.format(float(groups[g][n]))}" for g, n in most.items()]
    every = "; ".join(
        f"{g} " + listed(f"{n} {form.format(float(v))}" for n, v in gs.items()) for g, gs in groups.items()
    )
    return finish(figure, title or "; ".join(told), f"Bars, {label}: {every.strip()}.")


# Networks and their maps


def feature_map(maps: object) -> Tensor:
    """(N, H, W) of a map (1, N, H, W)."""
    shape = tuple(getattr(maps, "shape", ()))
    right = isinstance(maps, Tensor) and (len(shape) == 3 or (len(shape) == 4 and shape[0] == 1)) and 0 not in shape
    need(right, f"the maps of a layer are (1, channels, height, width), not {shape or type(maps).__name__}")
    return maps.detach().float().cpu().reshape(shape[-3:])


def feature_maps(maps: object, *, channels: int | Sequence[int] = 12, title: str | None = None) -> Figure:
    """Maps of a layer's channels, the strongest first, each from dark at its least to light at its greatest value.

    maps: (1, N, H, W), or by layer what a backbone returns: then one row of `channels` for each layer. channels: how
    many, or which.
    """
    images, captions, told = [], [], []
    layers = by_name(maps)
    for layer, found in layers.items():
        found = feature_map(found)
        order = found.mean((1, 2)).argsort(descending=True).tolist()
        chosen = order[:channels] if isinstance(channels, int) else list(channels)
        right = bool(chosen) and all(0 <= c < len(found) for c in chosen)
        need(right, f"channels {channels} are not all in 0 … {len(found) - 1} of this layer: choose among those")
        images += [found[c].numpy() for c in chosen]
        captions += [f"{layer + ' #' if layer else 'channel '}{c}: max {found[c].max():.2g}" for c in chosen]
        silent = int((found.amax((1, 2)) <= 0).sum())
        told.append(
            f"{layer + ': ' if layer else ''}channel {order[0]} of {len(found)} is the strongest, {silent} silent"
        )
    figure = wall(images, captions, 6 if len(layers) == 1 else len(images) // len(layers), cmap="viridis")
    finding = f"The strongest channels of {listed(layers)}" if len(layers) > 1 else told[0][0].upper() + told[0][1:]
    return finish(figure, title or finding, f"Feature maps, light where a channel answers. {'; '.join(told)}.")


def network(backbone: Backbone, *, title: str | None = None) -> Figure:
    """A network's layers as a table from the image down: channels as bars, stride and receptive field in pixels."""
    layers = list(backbone.layers.values())
    rows = [x for x in layers if x.kind != "relu"]  # a ReLU changes nothing that is shown here
    relus = {layers[i - 1].name: x.name for i, x in enumerate(layers) if x.kind == "relu"}
    figure, axes = new(1.2 + 0.26 * len(rows))
    axis, most = axes[0, 0], max(x.channels for x in rows)
    colours = {"conv": COLOURS[0], "fire": COLOURS[0], "pool": COLOURS[4]}
    used = {**dict.fromkeys(backbone.architecture.style_layers, "style")}
    for name in backbone.architecture.content_layers:
        used[name] = f"{used[name]}, content" if name in used else "content"
    for y, layer in enumerate(rows):
        axis.barh(y, layer.channels / most, 0.75, color=colours[layer.kind], hatch="//" if layer.kind == "pool" else "")
        name = relus.get(layer.name)
        texts = (layer.channels, layer.stride, layer.receptive_field, used.get(name) or used.get(layer.name, ""))
        axis.text(-0.02, y, f"{layer.name} → {name}" if name else layer.name, ha="right", va="center", fontsize=9)
        for x, text in zip((1.12, 1.24, 1.46, 1.55), texts, strict=True):
            axis.text(x, y, text, ha="left" if x == 1.55 else "right", va="center", fontsize=9)
    heads = {-0.02: "layer", 1.12: "channels", 1.24: "stride", 1.46: "sees (px)", 1.55: "used for"}
    for x, text in heads.items():
        axis.text(x, -1, text, ha="left" if x == 1.55 else "right", va="center", fontsize=9, weight="bold")
    axis.set(xlim=(-0.45, 1.95), ylim=(len(rows) - 0.4, -1.6))
    axis.set_axis_off()
    last = rows[-1]
    finding = (
        f"{backbone.name}: down to {last.name}, {last.channels} channels, each seeing {last.receptive_field} pixels"
    )
    every = listed(f"{x.name} {x.channels}/{x.stride}/{x.receptive_field}" for x in rows)
    return finish(figure, title or finding, f"Layers as channels/stride/receptive field: {every}.")


def receptive_fields(
    image: object,
    backbone: Backbone,
    layers: Sequence[str],
    *,
    at: tuple[float, float] = (0.5, 0.5),
    title: str | None = None,
) -> Figure:
    """What one position of each layer's map sees, drawn on the picture at true size; grey is beyond its edge.

    at: where, as shares of height and width.
    """
    from matplotlib.patches import Rectangle

    seen = pixels(image)
    found = [backbone.layers[name] for name in backbone.check_layers(layers)]
    figure, axes = new(4.6)
    axis = axes[0, 0]
    axis.imshow(seen)
    corners = [(-0.5, -0.5), (seen.shape[1] - 0.5, seen.shape[0] - 0.5)]
    for number, layer in enumerate(reversed(found)):
        y, x = (
            layer.stride * max(0, round((p * n - layer.offset) / layer.stride)) + layer.offset
            for p, n in zip(at, seen.shape[:2], strict=True)
        )
        field = layer.receptive_field
        corner = (x - field / 2, y - field / 2)
        for colour, width, dash in (("white", 4, "-"), (COLOURS[number % 7], 2, LINES[number % 4])):
            label = f"{layer.name}: {field} × {field}" if width == 2 else None
            axis.add_patch(Rectangle(corner, field, field, fill=False, color=colour, lw=width, ls=dash, label=label))
        corners += [corner, (corner[0] + field, corner[1] + field)]
    low, high = np.min(corners, axis=0) - 2, np.max(corners, axis=0) + 2
    axis.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), facecolor="#cccccc")
    axis.set(xlabel="pixels", ylabel="pixels")
    figure.legend(loc="outside right center", frameon=False, title="one position sees (pixels)")
    told = listed(f"{x.name} {x.receptive_field}" for x in found)
    last = found[-1]
    finding = f"One position of {last.name} sees {last.receptive_field} × {last.receptive_field} pixels"
    return finish(
        figure, title or finding, f"Squares on a picture of {seen.shape[1]} × {seen.shape[0]} pixels: {told}."
    )


def kernels(weights: Tensor, *, title: str | None = None) -> Figure:
    """The kernels of a first layer: of three colours as pictures, grey where 0; of one as maps, white where 0.

    weights: (N, 3, k, k) or (N, 1, k, k).
    """
    shape = tuple(getattr(weights, "shape", ()))
    right = len(shape) == 4 and shape[1] in (1, 3) and 0 not in shape
    need(right, f"kernels to look at are (N, 3, k, k) or (N, 1, k, k), those of a first layer, not {shape}")
    w = weights.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    scale = np.abs(w).max(axis=(1, 2, 3), keepdims=True).clip(1e-12)
    columns = min(12, math.ceil(math.sqrt(3 * len(w))))
    if shape[1] == 3:
        figure = wall(list(0.5 + 0.5 * w / scale), [str(i) for i in range(len(w))], columns)
    else:
        options = {"cmap": "PuOr", "vmin": -1, "vmax": 1}
        figure = wall(list((w / scale)[..., 0]), [str(i) for i in range(len(w))], columns, **options)
    finding = f"{shape[0]} kernels of {shape[2]} × {shape[3]}, each scaled by its greatest weight"
    return finish(figure, title or finding, f"{finding}; the weights run from {w.min():.2g} to {w.max():.2g}.")


def histogram(activations: object, *, title: str | None = None) -> Figure:
    """How often each value occurs in activations of any shape, one line per name, and how many are 0."""
    found = {name: array(values).ravel() for name, values in by_name(activations, "activations").items()}
    finite = all(len(v) and np.isfinite(v).all() for v in found.values())
    need(finite, "activations must be there and finite: one of these is empty, or holds NaN or infinity")
    figure, axes = new(3.8)
    axis, zeros = axes[0, 0], {name: float((v == 0).mean()) for name, v in found.items()}
    every = np.concatenate(list(found.values()))
    edges = np.linspace(every.min(), every.max() + 1e-9, 81)
    for number, (name, values) in enumerate(found.items()):
        share = np.histogram(values, edges)[0] / len(values)
        label = f"{name}: {zeros[name]:.0%} are 0, mean {values.mean():.2g}"
        axis.stairs(share, edges, label=label, linewidth=1.6, **pen(number))
    axis.set(yscale="log", xlabel="activation", ylabel="share of all values")
    axis.legend(frameon=False, fontsize=9)
    axis.grid(alpha=0.3)
    finding = f"Exactly 0: {listed(f'{name} {z:.0%}' for name, z in zeros.items())}"
    ranges = listed(f"{name} {v.min():.2g} to {v.max():.2g}" for name, v in found.items())
    return finish(figure, title or finding, f"Histogram, logarithmic. {finding}. Range: {ranges}.")


# Statistics


def square(matrix: object) -> np.ndarray:
    """A symmetric matrix (N, N) as an array."""
    m = array(matrix)
    need(m.ndim == 2 and len(m) == m.shape[1] and m.size > 0, f"a Gram matrix is (N, N), not {m.shape}")
    need(bool(np.isfinite(m).all()), "the matrix holds NaN or infinity: compute it in float32, from finite features")
    return m


def ordering(m: np.ndarray, order: str) -> np.ndarray:
    """Channels as given, the strongest first, or such that those which occur together stand together."""
    if order == "strongest":
        return np.argsort(-np.diag(m), kind="stable")
    if order == "similar":  # along the second eigenvector of the correlations: the first is what all have in common
        size = np.sqrt(np.diag(m).clip(1e-12))
        return np.argsort(np.linalg.eigh(m / np.outer(size, size))[1][:, max(-2, -len(m))], kind="stable")
    return np.arange(len(m))


def gram(
    matrices: object, labels: Sequence[str] | None = None, *, order: str = "given", title: str | None = None
) -> Figure:
    """Gram matrices (N, N) as heat maps on one scale: from 0, or around 0 if some entries are negative.

    matrices: one, or several by name. labels: of the channels. order: of the channels, "given", "strongest" (by the
    diagonal) or "similar", the first matrix's for all. Up to 8 channels the numbers stand in the cells.
    """
    choose("order of channels", order, ("given", "strongest", "similar"))
    found = {name: square(m) for name, m in by_name(matrices).items()}
    first = next(iter(found.values()))
    need(len({m.shape for m in found.values()}) == 1, "the matrices have several sizes: compare those of one layer")
    need(labels is None or len(labels) == len(first), f"{len(first)} channels need as many labels, or None")
    places = ordering(first, order)
    every = np.stack(list(found.values()))
    low, most = every.min(), np.quantile(np.abs(every), 1 if len(first) <= 8 else 0.995)
    scale = {"cmap": "PuOr", "vmin": -most, "vmax": most} if low < 0 else {"cmap": "cividis", "vmin": 0, "vmax": most}
    columns = min(3, len(found))
    rows, width = math.ceil(len(found) / columns), WIDTH if columns > 1 else 6.5 if len(first) > 8 else 4.8
    figure, axes = new(rows * 0.8 * width / columns + 0.6, rows, columns, width=width)
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis, (name, m) in zip(axes.flat, found.items(), strict=False):
        m = m[np.ix_(places, places)]
        shown = axis.imshow(m, **scale)
        axis.set(title=name, xlabel="channel", ylabel="channel")
        if labels is not None or len(m) <= 8:
            names = [str(labels[i] if labels is not None else i) for i in places]
            axis.set_xticks(range(len(m)), names, rotation=90 if sum(map(len, names)) > 40 / columns else 0, fontsize=9)
            axis.set_yticks(range(len(m)), names, fontsize=9)
        elif order != "given":
            place = {"strongest": "place, strongest channel first", "similar": "place, similar channels together"}[
                order
            ]
            axis.set(xlabel=place, ylabel="place")
        for (i, j), value in np.ndenumerate(m) if len(m) <= 8 else ():
            light = value < 0.6 * most if low >= 0 else abs(value) > 0.6 * most
            axis.text(j, i, f"{value:.3g}", ha="center", va="center", color="white" if light else "black", fontsize=9)
    extend = {} if len(first) <= 8 else {"extend": "both" if low < 0 else "max"}
    figure.colorbar(shown, ax=axes, label="mean product of two channels", shrink=0.85, **extend)
    finding = gram_finding(found, labels)
    alt = (
        f"Heat map of {len(first)} × {len(first)} products of channels, from {low:.3g} to {every.max():.3g}. {finding}."
    )
    return finish(figure, title or finding, alt)


def gram_finding(found: Mapping[str, np.ndarray], labels: Sequence[str] | None) -> str:
    """Of one matrix its strongest channel, of several how far the others are from the first."""
    (name, first), *others = found.items()
    if others:
        far = [f"{other} {((m - first) ** 2).sum() / (first**2).sum():.2g}" for other, m in others]
        return f"‖ΔR‖² / ‖R‖² from {name}: {listed(far)}"
    strongest, share = np.diag(first).argmax(), np.trace(first) / max(np.abs(first).sum(), 1e-30)
    name = f"Channel {strongest}" if labels is None else labels[strongest]
    return f"{name} is the strongest, {first[strongest, strongest]:.3g}; the diagonal holds {share:.0%}"


def spectrum(matrices: object, *, title: str | None = None) -> Figure:
    """The eigenvalues of Gram matrices (N, N), as shares of their sum, the greatest first, on logarithmic scales."""
    found = {name: square(m) for name, m in by_name(matrices, "matrix").items()}
    figure, axes = new(3.8)
    axis, told = axes[0, 0], []
    for number, (name, m) in enumerate(found.items()):
        values = np.linalg.eigvalsh((m + m.T) / 2)[::-1].clip(0)
        shares = values / max(values.sum(), 1e-30)
        enough = int(np.searchsorted(np.cumsum(shares), 0.9 - 1e-9) + 1)
        axis.plot(np.arange(1, len(m) + 1), np.where(shares > 1e-9, shares, np.nan), label=name, **pen(number))
        axis.plot(enough, shares[min(enough, len(m)) - 1], "o", color=COLOURS[number % 7])
        told.append(f"{name} {enough} of {len(m)}".replace(" ", "\u00a0"))
    axis.set(xscale="log", yscale="log", xlabel="number of the eigenvalue, greatest first", ylabel="share of the sum")
    axis.legend(frameon=False, title="dot: 90 % so far")
    axis.grid(alpha=0.3)
    finding = f"Eigenvalues that make up 90 %: {listed(told)}"
    return finish(figure, title or finding, f"Falling lines, logarithmic. {finding}.")


def placed(
    descriptions: Sequence[object],
    images: Sequence[object],
    names: Sequence[str] | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Pictures placed by what describes them: the first two principal components of the descriptions, all of one shape.

    descriptions: a Gram matrix of each picture, say. Pictures that would cover each other are moved apart; a line
    leads to the true place.
    """
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    flat = [array(d).ravel() for d in descriptions]
    images = sequence(images)
    right = len(flat) == len(images) >= 3 and len({len(d) for d in flat}) == 1
    need(right, f"{len(flat)} descriptions and {len(images)} pictures: give three or more of each, all of one shape")
    need(names is None or len(names) == len(flat), f"{len(flat)} pictures need as many names, or None")
    centred = np.stack(flat) - np.mean(flat, axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    where, shares = (u * s)[:, :2], s**2 / max((s**2).sum(), 1e-30)
    where = where * np.where(where[np.abs(where).argmax(0), [0, 1]] < 0, -1, 1)  # or the sign would be a matter of luck
    figure, axes = new(6.0)
    axis, span = axes[0, 0], np.ptp(where, axis=0).clip(1e-3 * np.ptp(where) + 1e-12)
    shown = apart((where - where.min(0)) / span, 0.11, 0.23 if names else 0.17) * span + where.min(0)
    for true, place, image, name in zip(where, shown, images, names or [""] * len(images), strict=True):
        thumbnail = Image.fromarray(pixels(image))
        thumbnail.thumbnail((128, 128))
        if (np.abs(true - place) > 0.01 * span).any():
            axis.plot(*zip(true, place, strict=True), color="#444444", linewidth=0.8)
            axis.plot(*true, "o", color=COLOURS[1], markersize=4, zorder=5)
        axis.add_artist(AnnotationBbox(OffsetImage(np.asarray(thumbnail), zoom=0.36), place, pad=0.1))
        under = (0, -0.18 * thumbnail.height - 3)
        axis.annotate(name, place, under, textcoords="offset points", ha="center", va="top", fontsize=8, zorder=6)
    low, high = np.minimum(where, shown).min(0), np.maximum(where, shown).max(0)
    low, high = low - np.array([0.1, 0.16]) * span, high + np.array([0.1, 0.13]) * span
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axis.set(xlabel=f"first component, {shares[0]:.0%}", ylabel=f"second component, {shares[1]:.0%}")
    finding = f"Two directions hold {shares[:2].sum():.0%} of the differences between {len(images)} pictures"
    ends = [names[i] if names else f"picture {i}" for i in (where[:, 0].argmin(), where[:, 0].argmax())]
    return finish(figure, title or finding, f"{finding}; along the first, {ends[0]} and {ends[1]} lie farthest apart.")


def apart(points: np.ndarray, width: float, height: float) -> np.ndarray:
    """Points (n, 2) of the unit square, moved until boxes around them do not overlap, or nearly so."""
    size, points = np.array([width, height]), points.copy()
    for _ in range(300):
        delta = (points[:, None] - points[None]) / size
        delta += 1e-3 * np.sign(np.arange(len(points))[:, None] - np.arange(len(points)))[..., None]
        overlap = (1 - np.abs(delta)).clip(0)
        both = (overlap > 0).all(-1) & ~np.eye(len(points), dtype=bool)
        along = overlap.argmin(-1)[..., None] == np.arange(2)  # the shorter way out
        points += 0.25 * (np.sign(delta) * overlap * along * both[..., None]).sum(1) * size
    return points


# Functions of two variables


def contours(
    function: Callable[[Tensor, Tensor], Tensor],
    paths: Mapping[str, object],
    *,
    span: tuple[float, float, float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """The heights of a function of two variables, with the ways that optimisers took on it.

    function: (x, y), tensors of one shape → its values in that shape. paths: by name, (steps, 2). span: left, right,
    bottom, top of what is shown; around all paths if None.
    """
    found = {name: array(p) for name, p in by_name(paths, "path").items()}
    right = all(p.ndim == 2 and p.shape[1] == 2 and len(p) for p in found.values())
    need(right, f"a path is (steps, 2), not {listed(p.shape for p in found.values())}")
    every = np.concatenate(list(found.values()))
    margin = 0.15 * np.ptp(every, axis=0).max() + 0.1
    low, high = every.min(0) - margin, every.max(0) + margin
    left, right, bottom, top = span or (low[0], high[0], low[1], high[1])
    x, y = torch.meshgrid(torch.linspace(left, right, 240), torch.linspace(bottom, top, 240), indexing="xy")
    heights = array(function(x, y))
    need(heights.shape == tuple(x.shape), f"the function turned {tuple(x.shape)} into {heights.shape}: keep the shape")
    above = np.log10(heights - heights.min() + 1e-4 * np.ptp(heights) + 1e-30)
    figure, axes = new(4.8)
    axis = axes[0, 0]
    axis.contourf(x, y, above, 18, cmap="cividis", alpha=0.35)
    axis.contour(x, y, above, 18, colors="grey", linewidths=0.5)
    ends = {}
    for number, (name, p) in enumerate(found.items()):
        ends[name] = float(function(*torch.tensor(p[-1], dtype=torch.float64)))
        label, mark = f"{name}: {len(p) - 1} steps to {ends[name]:.2g}", "osD^vP"[number % 6]
        axis.plot(*p.T, label=label, marker=mark, markersize=3.5, linewidth=1.6, **pen(number))
        axis.plot(*p[-1], mark, color=COLOURS[number % 7], markersize=9, markeredgecolor="black")
    axis.set(xlabel="x", ylabel="y", xlim=(left, right), ylim=(bottom, top))
    figure.legend(loc="outside right center", frameon=False, fontsize=9, title="large mark: the end")
    lowest = min(ends, key=ends.get)
    finding = f"{lowest} ends lowest, at {ends[lowest]:.2g}"
    told = listed(f"{n} after {len(found[n]) - 1} steps at {v:.3g}" for n, v in ends.items())
    return finish(figure, title or finding, f"Contour lines with paths: {told}.")
