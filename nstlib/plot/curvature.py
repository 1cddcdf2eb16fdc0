"""What an optimiser believes about curvature → ellipses; the two loops of L-BFGS → a figure of one of their steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import COLOURS, INK, array, by_name, finish, listed, need, new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ellipses", "two_loops"]


def ellipses(beliefs: Mapping[str, Any], truth: Any, *, title: str | None = None) -> Figure:
    """The bowl that each inverse Hessian believes in, dᵀ H⁻¹ d = 1, beside the true one.

    Args:
        beliefs: inverse Hessians (2, 2) by name.
        truth: the bowl's Hessian (2, 2).
        title: in place of the finding.
    """
    found, real = {name: array(H) for name, H in by_name(beliefs, "H").items()}, np.linalg.inv(array(truth))
    shapes = [H.shape for H in found.values()]
    need(all(shape == (2, 2) for shape in shapes), f"an ellipse needs a matrix (2, 2), not {listed(shapes)}")
    angle = np.linspace(0, 2 * np.pi, 120)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    figure, axes = new(9.4 / len(found), 1, len(found), sharex=True, sharey=True)
    for axis, (name, H) in zip(axes.flat, found.items(), strict=True):
        axis.plot(*(np.linalg.cholesky(real) @ circle), "--", color="grey", label="the bowl")
        axis.plot(*(np.linalg.cholesky(H) @ circle), color=COLOURS[0], linewidth=2, label="what H believes")
        axis.set(title=name, aspect="equal", xlabel="x")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("y")
    axes[0, -1].legend(loc="upper right", fontsize=8)
    off = [f"{name} {np.abs(H - real).max() / np.abs(real).max():.0%}" for name, H in found.items()]
    return finish(
        figure, title or f"Off by: {listed(off)}", f"Ellipses and the true one, dashed. Off by: {listed(off)}."
    )


def two_loops(g: Any, S: Any, Y: Any, *, step: int = 0, title: str | None = None) -> Figure:
    """The two loops of L-BFGS on pairs in a row, with the numbers of one step.

    Args:
        g: the gradient (2,).
        S: moves (rows, 2), the oldest first.
        Y: changes of the gradient (rows, 2).
        step: 0 to 2 rows + 1: the gradient, a step back for each pair, γ, a step forward for each.
        title: in place of what the step does.
    """
    g, S, Y = array(g), array(S), array(Y)
    rows = len(S)
    need(S.shape == Y.shape == (rows, 2) and g.shape == (2,), f"g {g.shape}, S {S.shape} and Y {Y.shape} do not fit")
    need(0 <= step <= 2 * rows + 1, f"step = {step}: give 0 to {2 * rows + 1}")
    told = walk(g, S, Y)
    figure, axes = new(3.4)
    axis = axes[0, 0]
    for i in range(rows):
        words = f"pair {i + 1}" + (", oldest" if not i else ", youngest" if i == rows - 1 else "")
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "#eef3f8", "edgecolor": "0.4"}
        axis.text(3 * i, 0, f"{words}\ns = {row(S[i])}\ny = {row(Y[i])}", ha="center", va="center", bbox=frame)
    places = [3 * rows - 1.5 - 3 * k for k in range(rows + 1)]  # q after each step back, from the right
    for k, place in enumerate(places):
        state(axis, (place, 1.15), f"q = {row(told[k][1])}", shown=k <= step, now=k == step)
        if k:
            arrow(axis, (place + 2.0, 1.15), (place + 1.0, 1.15), shown=k <= step)
    for k, place in enumerate(reversed(places)):
        number = rows + 1 + k
        state(axis, (place, -1.15), f"r = {row(told[number][1])}", shown=number <= step, now=number == step)
        if k:
            arrow(axis, (place - 2.0, -1.15), (place - 1.0, -1.15), shown=number <= step)
    arrow(axis, (-1.5, 0.85), (-1.5, -0.85), shown=step > rows)
    axis.text(-1.65, 0, "× γ", ha="right", va="center", color="black" if step > rows else "0.8")
    axis.set(xlim=(-2.6, 3 * rows - 0.4), ylim=(-1.7, 1.7))
    axis.set_axis_off()
    return finish(
        figure, title or f"Step {step}. {told[step][0]}", f"Pairs in a row between two loops. {told[step][0]}."
    )


def walk(g: np.ndarray, S: np.ndarray, Y: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Each step of the two loops in words, and the vector after it."""
    rho, q, alpha = 1 / (S * Y).sum(1), g.copy(), {}
    told = [(f"begin with the gradient: q = g = {row(g)}", q.copy())]
    for i in reversed(range(len(S))):
        alpha[i] = rho[i] * (S[i] @ q)
        q = q - alpha[i] * Y[i]
        told.append((f"back, pair {i + 1}: α = ρ s·q = {alpha[i]:.3g}, q ← q - α y = {row(q)}", q.copy()))
    gamma = (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1])
    r = gamma * q
    told.append((f"no pair is left: r = γ q with γ = s·y / y·y = {gamma:.3g} of the youngest", r.copy()))
    for i in range(len(S)):
        beta = rho[i] * (Y[i] @ r)
        r = r + (alpha[i] - beta) * S[i]
        last = "; this is H g" if i == len(S) - 1 else ""
        told.append((f"forward, pair {i + 1}: β = ρ y·r = {beta:.3g}, r ← r + (α - β) s = {row(r)}{last}", r.copy()))
    return told


def row(vector: np.ndarray) -> str:
    """A short vector in words."""
    return f"({', '.join(f'{v + 0.0:.2g}' for v in vector)})"


def state(axis: Axes, place: tuple[float, float], text: str, *, shown: bool, now: bool) -> None:
    """What is carried, at one place of its way; the newest stands out."""
    colour = INK if now else "black" if shown else "0.85"
    paper, weight = {"facecolor": "white", "edgecolor": "none"}, "bold" if now else "normal"
    axis.text(*place, text if shown else "·", ha="center", va="center", color=colour, weight=weight, bbox=paper)


def arrow(axis: Axes, begin: tuple[float, float], end: tuple[float, float], *, shown: bool) -> None:
    """From one place to the next."""
    axis.annotate("", end, begin, arrowprops={"arrowstyle": "->", "color": "black" if shown else "0.85"})
