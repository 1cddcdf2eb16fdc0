"""A feature map → what is kept of it: Gram matrix, covariance, mean and deviation, moments, patches, positions.

A description forgets where things are and keeps which things occur together.

    F   (N, M)   a feature map: N channels, M = height × width positions
    R   (N, N)   F Fᵀ, the raw Gram matrix, which the papers call G, and A for the style picture
    G   (N, N)   R / M, a mean over positions, so that images of different sizes compare: what everything here uses

A region of the picture has a style of its own: the positions of a map count as much as they see of the region
(`guidance`), and the Gram matrix is a weighted one (`guided_gram`).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn import functional as F

from .backbone import map_of
from .cuda import outer_product
from .errors import InputError
from .guidance import Guidance, GuidedOuterProducts
from .image import mask_of
from .machine import in_own_precision

__all__ = ["covariance", "gram", "guided_gram", "mean_std", "moments", "patches", "positions", "sliced"]


def positions(features: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A feature map as the matrix F (N, M), in float32 at least: half precision overflows in a sum.

    Args:
        features: (1, N, H, W).
        dtype: of F; float32, or float64 where the features have it, if None.

    Raises:
        InputError: no tensor, or one of another shape.
    """
    if map_of(features).ndim != 4 or features.shape[0] != 1:
        raise InputError(f"a style statistic takes one feature map (1, N, H, W), not {tuple(features.shape)}")
    # squeeze, not [0]: the way back through an index would fill and copy a whole map
    return features.squeeze(0).flatten(1).to(dtype or torch.promote_types(features.dtype, torch.float32))


class MeanOuterProduct(torch.autograd.Function):
    """F → F Fᵀ / M, summed in float32 at least.

    Autograd would go back through both factors; as F Fᵀ is symmetric, one product (D + Dᵀ) F / M does. Of a map in
    half precision no copy in single precision is made, but for a part at a time.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(f: Tensor) -> Tensor:
        """F Fᵀ / M (N, N) of F (N, M)."""
        exact = torch.promote_types(f.dtype, torch.float32)
        if f.dtype == exact:
            return f @ f.T / f.shape[1]
        return outer_product(f) / f.shape[1]

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep F for the way back; apart from `forward`, as `torch.func` wants it.

        Args:
            ctx: keeps it.
            inputs: F (N, M).
            output: F Fᵀ / M, which is not needed.
        """
        ctx.save_for_backward(*inputs)

    @staticmethod
    @in_own_precision
    def backward(ctx: BackwardCFunction, d: Tensor) -> Tensor:
        """The gradient (N, M) with respect to F.

        Args:
            ctx: holds F (N, M).
            d: the gradient (N, N) with respect to F Fᵀ / M.
        """
        (f,) = ctx.saved_tensors
        d = gram_slope(d, f)
        return d @ f if f.is_contiguous() else (f.T @ d).T  # keeps the layout of a map whose channels are last


def gram_slope(d: Tensor, features: Tensor) -> Tensor:
    """D (N, N), symmetric and of the map's kind of number, such that the gradient with respect to the map F is D F.

    Args:
        d: the gradient (N, N) with respect to F Fᵀ / M.
        features: F, (N, M) or (1, N, H, W).
    """
    return ((d + d.T) * (len(d) / features.numel())).to(features.dtype)


@in_own_precision
def gram(features: Tensor) -> Tensor:
    """The Gram matrix R / M (N, N) of a feature map (1, N, H, W) (Gatys et al. 2016, equation 3).

    Raises:
        InputError: a map of another shape than (1, N, H, W).

    >>> gram(torch.ones(1, 2, 3, 3))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return MeanOuterProduct.apply(positions(features, torch.promote_types(map_of(features).dtype, torch.bfloat16)))


@in_own_precision
def covariance(features: Tensor) -> Tensor:
    """The centred Gram matrix (N, N): the mean of each channel is taken off first.

    Raises:
        InputError: a map of another shape than (1, N, H, W).
    """
    f = positions(features)  # (N, M)
    f = f - f.mean(1, keepdim=True)
    return f @ f.T / f.shape[1]


def mean_std(features: Tensor) -> Tensor:
    """Mean and standard deviation of each channel (2, N) (Li et al. 2017, "Demystifying", section 4.2).

    Raises:
        InputError: a map of another shape than (1, N, H, W).
    """
    f = positions(features)  # (N, M)
    # The square root is infinitely steep at 0, where a channel that never fires would give NaN.
    return torch.stack([f.mean(1), (f.var(1, correction=0) + 1e-12).sqrt()])


def moments(features: Tensor) -> Tensor:
    """Mean and covariance side by side (N, 1 + N): all that a Gaussian of the features knows.

    Raises:
        InputError: a map of another shape than (1, N, H, W).
    """
    f = positions(features)
    return torch.cat([f.mean(1, keepdim=True), covariance(features)], dim=1)


def raw_moments(features: Tensor) -> Tensor:
    """Mean and Gram matrix side by side (N, 1 + N).

    Raises:
        InputError: a map of another shape than (1, N, H, W).
    """
    f = positions(features)
    return torch.cat([f.mean(1, keepdim=True), gram(features)], dim=1)


@cache  # for good: a captured graph reads it wherever it lay
@torch.inference_mode(False)  # what is kept may be used where gradients are wanted
def directions(channels: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """As many random unit directions (N, N) as there are channels, the same ones every time.

    Args:
        channels: N.
        dtype: of the result.
        device: of the result.
    """
    drawn = torch.Generator().manual_seed(channels)  # on the CPU, whatever torch's default is
    made = torch.randn(channels, channels, generator=drawn, dtype=torch.float64, device="cpu")
    return F.normalize(made, dim=1).to(device, dtype)


@in_own_precision
def sliced(features: Tensor) -> Tensor:
    """Features projected on fixed random directions, each projection sorted (N, M) (Heitz et al. 2021, section 3).

    The paper draws new directions at each step; here they stay, because L-BFGS needs a loss that does not move.
    """
    f = positions(features)
    return (directions(f.shape[0], f.dtype, f.device) @ f).sort(dim=1).values  # (N, N) @ (N, M)


def patches(features: Tensor) -> Tensor:
    """All 3×3 neighbourhoods (P, 9 N) of a feature map (Li & Wand 2016, section 3)."""
    positions(features)  # the same check as everywhere
    if min(features.shape[-2:]) < 3:
        raise InputError(f"a map of {features.shape[-2]}×{features.shape[-1]} has no 3×3 patch: use a larger image")
    return F.unfold(features.to(torch.promote_types(features.dtype, torch.float32)), 3)[0].T


@in_own_precision
def guided_gram(features: Tensor, t: Tensor) -> Tensor:
    """A region's Gram matrix (N, N): Σ T_i² F_i F_iᵀ / Σ T_i² (Gatys et al. 2017, "Controlling Perceptual Factors").

    Args:
        features: (1, N, H, W).
        t: T (1, 1, H, W), how far each position belongs to the region, in [0, 1]: `carried` makes it of a mask.

    Raises:
        InputError: no map, or T of another height or width, or 0 everywhere.

    >>> features = torch.tensor([[[[1.0, 9.0]], [[2.0, 9.0]]]])
    >>> guided_gram(features, torch.tensor([[[[1.0, 0.0]]]]))
    tensor([[1., 2.],
            [2., 4.]])
    """
    whose = "the map has it: carry a mask of the picture down to it, nst.carried(mask, …)"
    t = mask_of("region", t, map_of(features).shape[2:], whose)
    squares = t.square()
    if not squares.any():  # some are too small to have one
        raise InputError("the region is 0 everywhere: carry a mask of the picture down to it, nst.carried(mask, …)")
    weights = squares / squares.sum()
    return (positions(features) * weights.flatten()) @ positions(features).T


def region_grams(features: Tensor, regions: Guidance) -> Tensor:
    """The guided Gram matrix of each region (R, N, N).

    Args:
        features: (1, N, H, W).
        regions: R of them, over the same positions.
    """
    regions.check(features)
    return GuidedOuterProducts.apply(positions(features, torch.promote_types(features.dtype, torch.bfloat16)), regions)


@in_own_precision
def region_means(features: Tensor, regions: Guidance) -> Tensor:
    """The mean of each channel in each region (R, N, 1).

    Args:
        features: (1, N, H, W).
        regions: R of them, over the same positions.
    """
    regions.check(features)
    f = positions(features)
    return (regions.flat.to(f.dtype) @ f.T / f.shape[1])[:, :, None]


def region_moments(features: Tensor, regions: Guidance) -> Tensor:
    """`raw_moments` of each region (R, N, 1 + N).

    Args:
        features: (1, N, H, W).
        regions: R of them, over the same positions.
    """
    return torch.cat([region_means(features, regions), region_grams(features, regions)], dim=2)


def guided_sums(features: Tensor, regions: Guidance) -> Tensor:
    """Each region's mean beside the Gram matrix of the whole map (R, N, 1 + N): Gatys et al. 2017, "Guided Sums".

    Cheaper than a Gram matrix for each region, and it says less: which features occur in the region, not which occur
    together there. The paper stacks F with the guidance T, so its sums weigh by T; here they weigh by T², as a guided
    Gram matrix does, and the two differ only where a region fades.

    Args:
        features: (1, N, H, W).
        regions: R of them, over the same positions.
    """
    means = region_means(features, regions)
    return torch.cat([means, gram(features).expand(len(means), -1, -1)], dim=2)
