"""A function of two variables, and ways that optimisers took on it → contour lines with paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .figures import COLOURS, array, by_name, finish, listed, need, new, pen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contours"]

SIDE = 160  # points at which the function is looked at, along each axis


def contours(
    function: Callable[[Tensor, Tensor], Tensor],
    paths: Mapping[str, Any],
    *,
    span: tuple[float, float, float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """The heights of a function of two variables, with the ways that optimisers took on it.

    Args:
        function: (x, y), tensors of one shape → its values in that shape.
        paths: by name, tensors or arrays (steps, 2).
        span: left, right, bottom, top of what is shown; around all paths if None.
        title: in place of the finding.
    """
    found = {name: array(p) for name, p in by_name(paths, "path").items()}
    right = all(p.ndim == 2 and p.shape[1] == 2 and len(p) for p in found.values())
    need(right, f"a path is (steps, 2), not {listed(p.shape for p in found.values())}")
    span = span or around(np.concatenate(list(found.values())))
    x, y, heights = survey(function, span)
    above = np.log10(heights - heights.min() + 1e-4 * np.ptp(heights) + 1e-30)
    figure, axes = new(4.8)
    axis = axes[0, 0]
    axis.contourf(x, y, above, 18, cmap="cividis", alpha=0.35)
    axis.contour(x, y, above, 18, colors="grey", linewidths=0.5)
    ends = {name: float(function(*torch.tensor(p[-1], dtype=torch.float64, device="cpu"))) for name, p in found.items()}
    for number, (name, p) in enumerate(found.items()):
        label, mark = f"{name}: {len(p) - 1} steps to {ends[name]:.2g}", "osD^vP"[number % 6]
        axis.plot(*p.T, label=label, marker=mark, markersize=3.5, linewidth=1.6, **pen(number))
        axis.plot(*p[-1], mark, color=COLOURS[number % 7], markersize=9, markeredgecolor="black", zorder=5)
    axis.set(xlabel="x", ylabel="y", xlim=span[:2], ylim=span[2:])
    figure.legend(loc="outside right center", frameon=False, fontsize=9, title="large mark: the end")
    lowest = min(ends, key=lambda name: ends[name])
    finding = f"{lowest} ends lowest, at {ends[lowest]:.2g}"
    told = listed(f"{n} after {len(found[n]) - 1} steps at {v:.3g}" for n, v in ends.items())
    return finish(figure, title or finding, f"Contour lines with paths: {told}.")


def around(points: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of what holds all points (n, 2), with a margin."""
    margin = 0.15 * np.ptp(points, axis=0).max() + 0.1
    (left, bottom), (right, top) = points.min(0) - margin, points.max(0) + margin
    return left, right, bottom, top


def survey(
    function: Callable[[Tensor, Tensor], Tensor], span: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and the function's heights there, each (SIDE, SIDE)."""
    left, right, bottom, top = span
    sides = (torch.linspace(*ends, SIDE, device="cpu") for ends in ((left, right), (bottom, top)))
    x, y = torch.meshgrid(*sides, indexing="xy")
    heights = array(function(x, y))
    need(heights.shape == tuple(x.shape), f"the function turned {tuple(x.shape)} into {heights.shape}: keep the shape")
    return x.numpy(), y.numpy(), heights
