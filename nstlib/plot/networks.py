"""A network, its kernels and its maps → figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .figures import COLOURS, LINES, array, by_name, finish, listed, need, new, pen
from .images import pixels, wall

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..architecture import Layer
    from ..backbone import Backbone

__all__ = ["feature_maps", "histogram", "kernels", "network", "receptive_fields", "volumes"]

THICK, LEAN, GAP = 0.13, (0.16, 0.12), 0.03  # of a volume: the thickest one, its depth on paper, room between two


def feature_maps(maps: Any, *, channels: int | Sequence[int] = 12, title: str | None = None) -> Figure:
    """Maps of a layer's channels, the strongest first, each from dark at its least to light at its greatest value.

    Args:
        maps: (1, N, H, W), or by layer what a backbone returns: then one row for each layer.
        channels: how many of each layer, or which, from 0.
        title: in place of the finding.
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
        strongest = f"channel {order[0]} of {len(found)} is the strongest, {silent} silent"
        told.append(f"{layer}: {strongest}" if layer else strongest)
    figure = wall(images, captions, 6 if len(layers) == 1 else len(images) // len(layers), cmap="viridis")
    finding = f"The strongest channels of {listed(layers)}" if len(layers) > 1 else told[0][0].upper() + told[0][1:]
    return finish(figure, title or finding, f"Feature maps, light where a channel answers. {'; '.join(told)}.")


def feature_map(maps: Any) -> Tensor:
    """(N, H, W) of a map (1, N, H, W)."""
    shape = tuple(getattr(maps, "shape", ()))
    right = isinstance(maps, Tensor) and (len(shape) == 3 or (len(shape) == 4 and shape[0] == 1)) and 0 not in shape
    need(right, f"the maps of a layer are (1, channels, height, width), not {shape or type(maps).__name__}")
    return maps.detach().float().cpu().reshape(shape[-3:])


def network(backbone: Backbone, *, title: str | None = None) -> Figure:
    """A network's layers as a table from the image down: channels as bars, stride and receptive field in pixels.

    Args:
        backbone: the network.
        title: in place of the finding.
    """
    layers = list(backbone.layers.values())
    rows = [x for x in layers if x.kind != "relu"]  # a ReLU changes nothing that is shown here
    relus = {layers[i - 1].name: x.name for i, x in enumerate(layers) if x.kind == "relu"}
    used = uses(backbone)
    figure, axes = new(1.2 + 0.26 * len(rows))
    axis, most = axes[0, 0], max(x.channels for x in rows)
    colours = {"conv": COLOURS[0], "fire": COLOURS[0], "pool": COLOURS[4]}
    columns = {-0.02: "layer", 1.15: "channels", 1.31: "stride", 1.54: "sees (px)", 1.63: "used for"}
    for x, text in columns.items():
        axis.text(x, -1, text, ha="left" if x == 1.63 else "right", va="center", fontsize=9, weight="bold")
    for y, layer in enumerate(rows):
        axis.barh(y, layer.channels / most, 0.75, color=colours[layer.kind], hatch="//" if layer.kind == "pool" else "")
        relu = relus.get(layer.name, "")
        name, use = f"{layer.name} → {relu}" if relu else layer.name, used.get(relu) or used.get(layer.name, "")
        cells = (name, layer.channels, layer.stride, layer.receptive_field, use)
        for x, cell in zip(columns, cells, strict=True):
            axis.text(x, y, cell, ha="left" if x == 1.63 else "right", va="center", fontsize=9)
    axis.set(xlim=(-0.45, 2.02), ylim=(len(rows) - 0.4, -1.6))
    axis.set_axis_off()
    last = rows[-1]
    seen = f"{last.channels} channels, each seeing {last.receptive_field} pixels"
    every = listed(f"{x.name} {x.channels}/{x.stride}/{x.receptive_field}" for x in rows)
    finding = f"{backbone.name}: down to {last.name}, {seen}"
    return finish(figure, title or finding, f"Layers as channels/stride/receptive field: {every}.")


def volumes(backbone: Backbone, *, size: int = 224, title: str | None = None) -> Figure:
    """A network's maps as volumes from the picture on: as high and deep as the map, as thick as it has channels.

    Args:
        backbone: the network.
        size: side of a square picture, in pixels.
        title: in place of the finding.
    """
    layers = [x for x in backbone.layers.values() if x.kind != "relu"]  # a ReLU changes nothing that is shown here
    most, told = max(x.channels for x in layers), [f"picture 3 × {size}²"]
    figure, axes = new(4.2)
    axis = axes[0, 0]
    left = put_volume(axis, 0, 0.01, 1, COLOURS[6])
    axis.text(0, -0.05, f"picture\n3 × {size}²", ha="left", va="top", fontsize=8)
    for layer, before in zip(layers, [None, *layers], strict=False):
        side, pool, fresh = size // layer.stride, layer.kind == "pool", before is None or before.kind == "pool"
        left += GAP * (1 + 6 * fresh)
        if fresh:
            axis.text(left, -0.05, f"{layer.name} …\n{layer.channels} × {side}²", ha="left", va="top", fontsize=8)
            told.append(f"{layer.name} {layer.channels} × {side}²")
        thick = THICK * layer.channels / most
        left = put_volume(axis, left, thick, side / size, COLOURS[4] if pool else COLOURS[0])
    for name, colour in (("convolution and ReLU", COLOURS[0]), ("pooling", COLOURS[4])):
        axis.plot([], [], "s", color=colour, markersize=9, label=name)
    axis.legend(loc="upper right", frameon=False, fontsize=10)
    axis.set(xlim=(-0.05, left + 0.15), ylim=(-0.2, 1 + LEAN[1]), aspect="equal")
    axis.set_axis_off()
    finding = f"{backbone.name}: {told[0]}, then {told[1]} down to {told[-1]}"
    alt = f"Boxes in a row, as thick as there are channels, as high as the map: {listed(told)}"
    return finish(figure, title or finding, f"{alt}.")


def put_volume(axis: Axes, left: float, thick: float, high: float, colour: str) -> float:
    """Draw a box standing on the ground: its front, its top and its right side.

    Args:
        axis: where to.
        left: edge of its front.
        thick: from left to right.
        high: and as deep, into the paper.
        colour: of its front; top and side are lighter.

    Returns:
        Its right edge.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Polygon

    right, (across, up) = left + thick, (high * LEAN[0], high * LEAN[1])
    faces = {
        0.0: [(left, 0), (right, 0), (right, high), (left, high)],
        0.5: [(left, high), (right, high), (right + across, high + up), (left + across, high + up)],
        0.75: [(right, 0), (right + across, up), (right + across, high + up), (right, high)],
    }
    for light, corners in faces.items():
        shade = [light + (1 - light) * part for part in to_rgb(colour)]
        axis.add_patch(Polygon(corners, facecolor=shade, edgecolor="white", linewidth=0.6))
    return right


def uses(backbone: Backbone) -> dict[str, str]:
    """What a network's layers are used for, by name, where nothing else is said."""
    used = dict.fromkeys(backbone.architecture.style_layers, "style")
    for name in backbone.architecture.content_layers:
        used[name] = f"{used[name]}, content" if name in used else "content"
    return used


def receptive_fields(
    image: Any,
    backbone: Backbone,
    layers: Sequence[str],
    *,
    at: tuple[float, float] = (0.5, 0.5),
    title: str | None = None,
) -> Figure:
    """What one position of each layer's map sees, drawn on the picture at true size; grey is beyond its edge.

    Args:
        image: a picture in any form that `pictures` takes.
        backbone: the network.
        layers: names of its layers; the last one is in the title.
        at: where, as shares of height and width, 0 to 1.
        title: in place of the finding.
    """
    seen = pixels(image)
    found = [backbone.layers[name] for name in backbone.check_layers(layers)]
    figure, axes = new(4.6)
    axis = axes[0, 0]
    axis.imshow(seen)
    corners = [(-0.5, -0.5), (seen.shape[1] - 0.5, seen.shape[0] - 0.5)]
    for number, layer in enumerate(reversed(found)):
        corners += draw_field(axis, layer, number, (at[0] * seen.shape[0], at[1] * seen.shape[1]))
    low, high = np.min(corners, axis=0) - 2, np.max(corners, axis=0) + 2
    axis.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), facecolor="#cccccc")
    axis.set(xlabel="pixels", ylabel="pixels")
    figure.legend(loc="outside right center", frameon=False, title="one position sees (pixels)")
    told = listed(f"{x.name} {x.receptive_field}" for x in found)
    last = found[-1]
    finding = f"One position of {last.name} sees {last.receptive_field} × {last.receptive_field} pixels"
    alt = f"Squares on a picture of {seen.shape[1]} × {seen.shape[0]} pixels: {told}."
    return finish(figure, title or finding, alt)


def draw_field(axis: Any, layer: Layer, number: int, place: tuple[float, float]) -> list[tuple[float, float]]:
    """Draw what the position of a map nearest to a place (y, x) sees, in the colour of this number; two corners."""
    from matplotlib.patches import Rectangle

    y, x = (layer.stride * max(0, round((pixel - layer.offset) / layer.stride)) + layer.offset for pixel in place)
    side = layer.receptive_field
    left, top = x - side / 2, y - side / 2
    for colour, width, dash in (("white", 4, "-"), (COLOURS[number % 7], 2, LINES[number % 4])):
        label = f"{layer.name}: {side} × {side}" if width == 2 else None
        square = Rectangle((left, top), side, side, fill=False, color=colour, lw=width, ls=dash, label=label)
        axis.add_patch(square)
    return [(left, top), (left + side, top + side)]


def kernels(weights: Tensor, *, title: str | None = None) -> Figure:
    """The kernels of a first layer: of three colours as pictures, grey where 0; of one as maps, white where 0.

    Args:
        weights: (N, 3, k, k) or (N, 1, k, k), of any range.
        title: in place of the finding.
    """
    shape = tuple(getattr(weights, "shape", ()))
    right = len(shape) == 4 and shape[1] in (1, 3) and 0 not in shape
    need(right, f"kernels to look at are (N, 3, k, k) or (N, 1, k, k), those of a first layer, not {shape}")
    w = weights.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    scaled = w / np.abs(w).max(axis=(1, 2, 3), keepdims=True).clip(1e-12)
    columns, captions = min(12, math.ceil(math.sqrt(3 * len(w)))), [str(i) for i in range(len(w))]
    if shape[1] == 3:
        figure = wall(list(0.5 + 0.5 * scaled), captions, columns)
    else:
        figure = wall(list(scaled[..., 0]), captions, columns, cmap="PuOr", vmin=-1, vmax=1)
    finding = f"{shape[0]} kernels of {shape[2]} × {shape[3]}, each scaled by its greatest weight"
    return finish(figure, title or finding, f"{finding}; the weights run from {w.min():.2g} to {w.max():.2g}.")


def histogram(activations: Any, *, title: str | None = None) -> Figure:
    """How often each value occurs in activations, one line per name, and how many are 0.

    Args:
        activations: a tensor or array of any shape; or several by name.
        title: in place of the finding.
    """
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
