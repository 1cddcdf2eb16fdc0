"""A mask over a picture → how much each position of a map counts.

A region of the picture has a style of its own. Its mask is carried to each map (`carried`), and the positions count as
much as they see of it: `Guidance`, the guidance channels of Gatys et al. 2017, "Controlling Perceptual Factors". What
is computed of the features under it stands in `style`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn import functional as F

from .architecture import Architecture
from .cuda import PART
from .errors import InputError, one_of
from .image import mask_of
from .machine import in_own_precision

__all__ = ["Guidance", "GuidedOuterProducts", "carried", "guidance_of", "guides"]

MOSTLY = 0.5  # of what a position sees: if no position sees more of a region, the region is lost on its map
ROUNDING = 1e-4  # of a weight: what adding up in another order changes is far less, what a whole pixel does far more


def carried(mask: Tensor, architecture: Architecture, layers: Iterable[str]) -> dict[str, Tensor]:
    """A mask over a picture, carried down to some maps: how far each position belongs to the region.

    The mask goes the way of the picture, through the same kernels and strides, and each position takes the mean of
    what it sees there; what is outside the picture does not count. So T is the share of the ways from a position back
    to the picture that end in the region, which lie more densely in the middle of its receptive field than at its rim
    (Luo et al. 2016, "Understanding the Effective Receptive Field"): 1 where it sees nothing but the region, 0 where it
    sees nothing of it. Masks that add up to 1 do so on every map.

    Args:
        mask: (1, 1, H, W), in [0, 1].
        architecture: of the network.
        layers: names.

    Returns:
        T (1, 1, h, w) in [0, 1], by layer, in the network's order.

    Raises:
        InputError: no mask, one too small for a map, no architecture, or a layer that the network lacks.
    """
    Architecture.check(architecture)
    names = [layers] if isinstance(layers, str) else layers
    wanted, t = {one_of("layer", name, architecture.layers) for name in names}, mask_of("mask", mask)
    least = max((architecture.smallest(layer, rows=1) for layer in wanted), default=1)
    if min(t.shape[2:]) < least:
        size = f"{t.shape[3]}×{t.shape[2]}"
        raise InputError(
            f"a mask of {size} has no place on these maps: give the picture's, of at least {least}×{least}"
        )
    found: dict[str, Tensor] = {}
    for spec in architecture.specs:
        if wanted <= found.keys():
            break
        if spec.kernel > 1 or spec.stride > 1:
            t = F.avg_pool2d(t, spec.kernel, spec.stride, spec.padding, spec.ceil_mode, count_include_pad=False)
        if spec.name in wanted:
            found[spec.name] = t
    return found


def guides(mask: Tensor, architecture: Architecture, layers: Iterable[str], name: str = "a mask") -> dict[str, Tensor]:
    """How much each position of some maps counts in a region's guided Gram matrix: T², 1 on the mean.

    Args:
        mask: (1, 1, H, W), in [0, 1].
        architecture: of the network.
        layers: names.
        name: of the mask, for messages.

    Returns:
        g = T² M / Σ T² (1, 1, h, w), by layer; T is that of `carried`.

    Raises:
        InputError: on one of these maps no position belongs more to the region than to what surrounds it.
    """
    made = carried(mask, architecture, layers)
    for layer, t in made.items():
        if t.max() <= MOSTLY:
            raise InputError(
                f"{name} is lost at {layer}, where a position sees {architecture.layers[layer].receptive_field} of "
                f"{mask.shape[-1]}×{mask.shape[-2]} pixels and none sees mostly the region: give a larger region, or "
                "a larger size"
            )
    return {layer: t.square() / t.square().mean() for layer, t in made.items()}


def guidance_of(
    architecture: Architecture, layers: Iterable[str], *masks: Tensor | None, name: str = "a mask"
) -> dict[str, Guidance]:
    """By layer, how much each position of a map counts in each of some regions; nothing without a mask.

    Args:
        architecture: of the network.
        layers: names.
        *masks: (1, 1, H, W) in [0, 1], all of one picture; None is passed over.
        name: of the masks, for messages.

    Raises:
        InputError: as `guides`.
    """
    layers = list(layers)
    made = [guides(mask, architecture, layers, name) for mask in masks if mask is not None]
    return {layer: Guidance(torch.cat([one[layer] for one in made], 1)) for layer in layers} if made else {}


class Group(NamedTuple):
    """Positions that belong to the same regions.

    Attributes:
        places: their numbers (M',).
        even: by region, the weight of all of them, where it is one, as in a region's midst.
        uneven: by region, the weight of each (M', 1), elsewhere.
    """

    places: Tensor
    even: dict[int, float]
    uneven: dict[int, Tensor]

    def pull(self, x: Tensor, d: Tensor) -> Tensor:
        """The gradient (M', N) with respect to the positions' features.

        Args:
            x: these (M', N).
            d: D + Dᵀ (R, N, N), of the gradient with respect to each region's F diag(g) Fᵀ.
        """
        parts = [x @ added_up([weight * d[r] for r, weight in self.even.items()]).to(x.dtype)] if self.even else []
        parts += [(x @ d[r].to(x.dtype)).mul_(weights) for r, weights in self.uneven.items()]
        return added_up(parts) if parts else torch.zeros_like(x)


class Guidance:
    """How much each position of a map counts in each of some regions.

    Args:
        weights: g (1, R, h, w), 1 on the mean over the whole map; `guides` makes them of masks.
    """

    def __init__(self, weights: Tensor):
        self.weights = weights
        self.parts: dict[tuple[int, int], Guidance] = {}

    def rows(self, rows: tuple[int, int]) -> Guidance:
        """The same for some rows of the map.

        Args:
            rows: the first, and one past the last.
        """
        if rows not in self.parts:
            self.parts[rows] = Guidance(self.weights[..., slice(*rows), :])
        return self.parts[rows]

    def check(self, features: Tensor) -> None:
        """Refuse a map of other positions.

        Args:
            features: (1, N, H, W).

        Raises:
            InputError: it has another height or width.
        """
        if features.shape[2:] != self.weights.shape[2:]:
            (h, w), (height, width) = self.weights.shape[2:], features.shape[2:]
            raise InputError(
                f"regions of {h}×{w} positions on a map of {height}×{width}: give masks of the picture's own size"
            )

    def cut_out(self, features: Tensor, number: int) -> Tensor:
        """The positions that belong to a region, in a row (1, N, 1, M').

        Args:
            features: (1, N, H, W).
            number: of the region.

        Raises:
            InputError: a map of other positions.
        """
        self.check(features)
        return features.flatten(2)[:, :, None, self.members[number]]

    @cached_property
    def flat(self) -> Tensor:
        """g (R, M)."""
        return self.weights.flatten(2)[0]

    @cached_property
    def groups(self) -> list[Group]:
        """The positions that belong to the same regions, for each such set of regions, the largest first.

        So each position is gone through once, in its own regions only.
        """
        sets, group_of = (self.flat > 0).cpu().unique(dim=1, return_inverse=True)  # (R, sets), (M,)
        groups = []
        for number, members in enumerate(sets.T.tolist()):
            places = (group_of == number).nonzero().flatten().to(self.flat.device)
            own = {r: self.flat[r, places] for r, inside in enumerate(members) if inside}
            even = {r: float(w[0]) for r, w in own.items() if bool((w == w[0]).all())}
            groups.append(Group(places, even, {r: w[:, None] for r, w in own.items() if r not in even}))
        return sorted(groups, key=lambda group: -len(group.places))

    @cached_property
    def members(self) -> list[Tensor]:
        """By region, the positions (M',) that belong to it where each counts fully or not at all.

        They are those whose T is above half of the largest, by more than rounding: along a straight edge that halves
        what is seen, none is.
        """
        return [(g > (1 + ROUNDING) * MOSTLY**2 * g.max()).nonzero().flatten() for g in self.flat]


class GuidedOuterProducts(torch.autograd.Function):
    """F → F diag(g) Fᵀ / M of each region, summed in float32 at least; as `MeanOuterProduct`, which is g = 1."""

    @staticmethod
    @in_own_precision
    def forward(f: Tensor, regions: Guidance) -> Tensor:
        """F diag(g) Fᵀ / M (R, N, N).

        Args:
            f: F (N, M).
            regions: R of them, over M positions.
        """
        exact, most = torch.promote_types(f.dtype, torch.float32), max(1, PART // len(f))
        r = f.new_zeros(len(regions.flat), len(f), len(f), dtype=exact)
        for group in regions.groups:
            for i in range(0, len(group.places), most) if group.even or group.uneven else ():
                x = f.T.index_select(0, group.places[i : i + most]).to(exact)  # (M', N)
                for number, weight in group.even.items():
                    r[number].addmm_(x.T, x, alpha=weight)
                for number, weights in group.uneven.items():
                    r[number].addmm_((x * weights[i : i + most].to(exact)).T, x)
        return r / f.shape[1]

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Guidance], output: Tensor) -> None:
        """Keep F and the regions for the way back.

        Args:
            ctx: keeps them.
            inputs: F (N, M), and the regions.
            output: F diag(g) Fᵀ / M, which is not needed.
        """
        f, regions = inputs
        ctx.save_for_backward(f)
        ctx.regions = regions  # type: ignore[attr-defined]  # what is no tensor is kept so

    @staticmethod
    @in_own_precision
    def backward(ctx: BackwardCFunction, d: Tensor) -> tuple[Tensor, None]:
        """The gradient (N, M) with respect to F.

        Args:
            ctx: holds F (N, M) and the regions.
            d: the gradient (R, N, N) with respect to what `forward` returns.
        """
        (f,) = ctx.saved_tensors
        most, *others = ctx.regions.groups  # type: ignore[attr-defined]
        rows, d = f.T, (d + d.mT) / f.shape[1]
        # Where one rule holds for most positions, it is faster to follow it everywhere first.
        back, others = (rows.new_empty(rows.shape), [most, *others]) if most.uneven else (most.pull(rows, d), others)
        for group in others:
            back.index_copy_(0, group.places, group.pull(rows.index_select(0, group.places), d))
        return back.T, None


def added_up(parts: list[Tensor]) -> Tensor:
    """The sum of some tensors, one or more, added up in the first, which is written over."""
    first, *more = parts
    for part in more:
        first.add_(part)
    return first
