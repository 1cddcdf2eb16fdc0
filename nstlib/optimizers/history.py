"""The last moves, and how the gradient changed with them → the direction that L-BFGS goes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..cuda import products
from ..machine import in_own_precision
from ..rules import Number, judged
from .steps import State

MOVES = Number(1, 1000, whole=True)


class History:
    """The last moves s and changes of gradient y, and H, the inverse of the Hessian as they know it.

    Args:
        size: how many moves are remembered.
        image: one of the images that move; has n numbers.
        smoothing: P; what H is a multiple of before it knows any move.

    Attributes:
        S: (size + 1, n), the moves, a ring buffer on the device; the row in excess is for the pair on trial.
        Y: P y of the changes of gradient y, in the same way.
        y: (n,), the change on trial itself.
        order: rows of the pairs that are remembered, oldest first.
        sy: (size + 1, size + 1), s_i·y_j for s_i no younger than y_j, on the host.
        yy: (size + 1, size + 1), y_i·P y_j, on the host.

    Raises:
        InputError: a size that is no number of moves.
    """

    def __init__(self, size: int, image: Tensor, smoothing: Callable[[Tensor], Tensor]):
        size = judged("history", size, MOVES)
        self.smoothing, self.y = smoothing, image.new_zeros(image.numel())
        self.S, self.Y = image.new_zeros(size + 1, image.numel()), image.new_zeros(size + 1, image.numel())
        self.sy, self.yy = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
        self.order: list[int] = []
        self.proposed: Tensor | None = None  # x of the pair on trial

    @property
    def spare(self) -> int:
        """The row of the pair on trial."""
        return (self.order[-1] + 1) % len(self.S) if self.order else 0

    def clear(self) -> None:
        self.order, self.proposed = [], None

    def propose(self, x: Tensor, x_before: Tensor, gradient: Tensor, gradient_before: Tensor) -> None:
        """Write s and y of a move on trial.

        Args:
            x: where it led (n,).
            x_before: where it began (n,).
            gradient: at x (n,).
            gradient_before: at x_before (n,).
        """
        if x is self.proposed:  # the last trial, which is mostly the one that is taken
            return
        self.proposed = x
        torch.sub(x, x_before, out=self.S[self.spare])
        torch.sub(gradient, gradient_before, out=self.y)
        self.Y[self.spare] = self.smoothing(self.y)

    def products(self, g: Tensor) -> Tensor:
        """S·y, Y·y, S·g, Y·g, y being that on trial: (4, rows in use), in one pass over the memory."""
        rows = max([*self.order, self.spare]) + 1
        both = torch.stack((self.y, g))  # (2, n)
        return torch.stack((products(both, self.S[:rows]), products(both, self.Y[:rows])), 1).flatten(0, 1)

    def admit(self, sy: np.ndarray, yy: np.ndarray, ss: float, least: float) -> list[int]:
        """Write the products of the pair on trial, unless its s and y are all but at right angles; → the new `order`.

        H must stay positive definite, and rounding or noise could have made so small an s·y. Until `order` is set to
        what is returned, the pair is on trial still.

        Args:
            sy: S·y, (rows in use,).
            yy: Y·y, (rows in use,).
            ss: s·s.
            least: cosine of the angle of s and y, above which a pair is remembered.
        """
        new, rows = self.spare, len(sy)
        # Near 0, 1 / s·y or 1 / y·P y would overflow.
        told = yy[new] > 0 and sy[new] > max(least * math.sqrt(ss * yy[new]), sys.float_info.min)
        if not told:
            return self.order
        self.sy[:rows, new], self.yy[:rows, new], self.yy[new, :rows] = sy, yy, yy  # where no other pair's are
        return [*self.order, new][-len(self.S) + 1 :]

    @in_own_precision
    def direction(self, smooth: Tensor, gPg: float, sg: np.ndarray, yg: np.ndarray) -> tuple[Tensor, float]:
        """d = -H g (n,) and its slope g·d: one more pass over the memory.

        The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) begins with q = g and takes away α_i y_i, from
        the youngest pair to the oldest; then r = γ P q gains (α_i - β_i) s_i, from the oldest to the youngest:

            α_i = s_i·q / s_i·y_i,    β_i = y_i·r / s_i·y_i,    γ = s·y / y·P y of the youngest.

        q and r are sums of g, y_j and s_j, so their products with s_i and y_i are sums of products that are known
        (Chen, Wang & Zhou 2014, "Large-scale L-BFGS using MapReduce"). The loops run over numbers; images are summed
        once, H g = γ (P g - Σ α_i P y_i) + Σ (α_i - β_i) s_i.

        Args:
            smooth: P g (n,) of the gradient g.
            gPg: g·P g.
            sg: S·g, (rows in use,).
            yg: Y·g, (rows in use,).
        """
        if not self.order:
            return -smooth, -gPg
        rows = np.array(self.order)
        sy, yy, sg, yg = self.sy[np.ix_(rows, rows)], self.yy[np.ix_(rows, rows)], sg[rows], yg[rows]  # by age
        rho, gamma = 1 / sy.diagonal(), sy[-1, -1] / yy[-1, -1]
        alpha, beta = np.zeros(len(rows)), np.zeros(len(rows))
        for i in reversed(range(len(rows))):
            alpha[i] = rho[i] * (sg[i] - sy[i, i + 1 :] @ alpha[i + 1 :])
        for i in range(len(rows)):
            beta[i] = rho[i] * (gamma * (yg[i] - yy[i] @ alpha) + sy[:i, i] @ (alpha - beta)[:i])
        slope = -(gamma * (gPg - yg @ alpha) + sg @ (alpha - beta))
        used = max(self.order) + 1
        weights = np.zeros((2, used))
        weights[:, rows] = beta - alpha, gamma * alpha
        of_s, of_y = torch.tensor(weights, dtype=smooth.dtype, device=smooth.device)  # (used,) each
        return (of_s @ self.S[:used]).add_(of_y @ self.Y[:used]).sub_(smooth, alpha=float(gamma)), float(slope)

    def state(self) -> State:
        """A copy: tensors, numbers and lists of numbers."""
        rows = max(self.order, default=-1) + 1
        tables = {"sy": self.sy.tolist(), "yy": self.yy.tolist(), "order": list(self.order)}
        return {"S": self.S[:rows].clone(), "Y": self.Y[:rows].clone(), **tables}

    def load(self, state: State) -> list[int]:
        """Go on from a copy; of one that remembers another number of moves, the youngest are kept.

        Returns:
            which of the copy's rows became the first, second, … row here.
        """
        if len(state["sy"]) == len(self.S):
            kept = list(range(len(state["S"])))  # each in its place, so that sums come out the same to the last bit
            self.order = list(state["order"])
        else:
            kept = state["order"][1 - len(self.S) :]
            self.order = list(range(len(kept)))
        rows = len(kept)
        self.S[:rows], self.Y[:rows] = state["S"][kept], state["Y"][kept]
        for table, old in ((self.sy, state["sy"]), (self.yy, state["yy"])):
            table[:rows, :rows] = np.array(old)[np.ix_(kept, kept)]
        return kept
