"""A feature map → a style statistic: Gram, covariance, mean and deviation, … all with one signature.

A statistic forgets where things are and keeps which things occur together. Each is a pair of functions: `describe`
turns a feature map into a tensor, `distance` compares the tensor of an image with that of the style. Swapping one
statistic for another is one word.

    F   (N, M)   a feature map: N channels, M = height × width positions
    R   (N, N)   F Fᵀ, the raw Gram matrix, which the papers call G, and A for the style picture
    G   (N, N)   R / M, a mean over positions, so that images of different sizes compare: what everything here uses

Three normalisations of the Gram loss are in use, and a weight made for one means nothing in another:

    E      Σ (ΔR)² / (4 N² M²)    the papers
    4E     Σ (ΔR)² / (N² M²)      mean square of R / M; or sum of squares of R / (N M)
    4E/N²  Σ (ΔR)² / (N⁴ M²)      mean square of R / (N M): divides by N twice, which all but mutes deep layers

A region of the picture has a style of its own: the positions of a map count as much as they see of the region
(`guidance`), and the Gram matrix is a weighted one (`guided_gram`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn import functional as F

from .cuda import outer_product
from .errors import InputError
from .guidance import Guidance, GuidedOuterProducts
from .machine import in_own_precision

__all__ = [
    "STATISTICS",
    "Statistic",
    "covariance",
    "directed",
    "gram",
    "guided_gram",
    "mean_std",
    "moments",
    "patches",
    "positions",
    "sample",
    "sliced",
]

SAMPLE = 1024  # positions that stand for a whole map, where all with all would be too many
PAIRS = 2**22  # of patches that are compared at once
COLUMNS = 4096  # positions that are compared with all others at once


def map_of(given: Any) -> Tensor:
    """What should be a feature map, if it is a tensor.

    Raises:
        InputError: it is something else; says how a map is made of it.
    """
    if isinstance(given, Tensor):
        return given
    if isinstance(given, Mapping) and given:
        way = f"take one layer's from it, maps[{next(iter(given))!r}]"
    elif isinstance(given, np.ndarray):
        way = "torch.from_numpy makes one of it"
    else:
        way = "a backbone makes maps of a picture, backbone(picture, ['relu3_1'])['relu3_1']"
    raise InputError(f"a feature map is a tensor (1, N, H, W), not a {type(given).__name__}: {way}")


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


@dataclass(frozen=True)
class MeanSquare:
    """The mean square of R / M, divided by a number in which papers and programs differ.

    Attributes:
        divisor: of N channels.
    """

    divisor: Callable[[int], int]

    def __call__(self, value: Tensor, target: Tensor) -> Tensor:
        """The distance.

        Args:
            value: the image's statistic (N, N).
            target: the style's, of the same shape.
        """
        return (value - target).square().mean() / self.divisor(len(value))

    def unit(self, channels: int) -> float:
        """What E = Σ (ΔR)² / (4 N² M²) is multiplied with.

        Args:
            channels: N.
        """
        return 4 / self.divisor(channels)


def relative(value: Tensor, target: Tensor) -> Tensor:
    """‖Δ‖² / ‖target‖²: 1 where the image has no features at all, whatever the layer and the network.

    Args:
        value: the image's statistic, of any shape.
        target: the style's, of the same one.
    """
    return (value - target).square().sum() / target.square().sum().clamp_min(1e-12)


def sum_over_channels(value: Tensor, target: Tensor) -> Tensor:
    """(Σ Δμ² + Σ Δσ²) / N (Li et al. 2017, equation 11).

    Args:
        value: the image's `mean_std` (2, N).
        target: the style's, of the same shape.
    """
    return (value - target).square().sum() / value.shape[1]


def gaussian_wasserstein(value: Tensor, target: Tensor) -> Tensor:
    """Squared Wasserstein-2 distance of two Gaussians, over N: (‖Δμ‖² + tr(Σ + Σt - 2 (Σ Σt)^½)) / N.

    With Σt = L Lᵀ, the eigenvalues of Σ Σt are those of the symmetric Lᵀ Σ L, and the gradient of their roots needs
    no difference of eigenvalues, which can vanish. In float64, because a root turns an error of 1e-7 into one of
    3e-4; and L from eigenvectors, because a map with fewer positions than channels has no Cholesky factor.

    Args:
        value: the image's `moments` (N, 1 + N).
        target: the style's, of the same shape.
    """
    exact = (m.cpu().double() if m.device.type == "mps" else m.double() for m in (value, target))  # MPS has no float64
    (mean, cov), (mean_t, cov_t) = (m.split([1, m.shape[1] - 1], dim=1) for m in exact)  # (N, 1), (N, N) each
    with torch.no_grad():
        roots, axes = torch.linalg.eigh(cov_t)
        factor = axes * roots.clamp_min(0).sqrt()
    inner = factor.T @ cov @ factor  # Lᵀ Σ L, (N, N)
    eigenvalues = torch.linalg.eigvalsh((inner + inner.T) / 2)
    least = 1e-12 * eigenvalues.detach().max().clamp_min(1e-30)  # what is below is rounding, and has no slope
    cross = (eigenvalues.clamp_min(least).sqrt() * (eigenvalues > least)).sum()
    squared = (mean - mean_t).square().sum() + cov.trace() + cov_t.trace() - 2 * cross
    return (squared / len(cov)).clamp_min(0).to(value.dtype).to(value.device)


def polynomial_mmd(value: Tensor, target: Tensor) -> Tensor:
    """Squared maximum mean discrepancy with the kernel k(x, y) = (xᵀy / N + 1)² (Li et al. 2017, section 4.1).

    The square opens into moments, so no pair of positions is ever formed: ‖Δ(R/M)‖² / N² + 2 ‖Δμ‖² / N.

    Args:
        value: the image's `raw_moments` (N, 1 + N).
        target: the style's, of the same shape.
    """
    n = len(value)
    delta = (value - target).square()
    return delta[:, 1:].sum() / n**2 + 2 * delta[:, 0].sum() / n


def quantile_square(value: Tensor, target: Tensor) -> Tensor:
    """Mean square of the difference of sorted projections.

    Args:
        value: the image's `sliced` (N, M).
        target: the style's (N, M'); one of another length is read at the same quantiles.
    """
    if target.shape[1] != value.shape[1]:
        target = F.interpolate(target[None], value.shape[1], mode="linear", align_corners=True)[0]
    return (value - target).square().mean()


@in_own_precision
def nearest_patch(value: Tensor, target: Tensor, rows: int | None = None) -> Tensor:
    """Mean square distance of each patch to its best match by cosine in the style (Li & Wand 2016, equations 2, 3).

    Args:
        value: the image's `patches` (P, 9 N).
        target: the style's (P', 9 N).
        rows: patches that are compared with all others at once; fewer take less memory. None for `PAIRS` pairs.
    """
    rows = rows or max(1, PAIRS // len(target))
    unit = F.normalize(target, dim=1)
    with torch.no_grad():  # the choice of the match has no gradient; cosine with a unit length needs only one norm
        best = torch.cat([(part @ unit.T).argmax(1) for part in value.split(rows)])  # (P,)
    return (value - target[best]).square().mean()


@cache
@torch.inference_mode(False)
def sample(count: int, device: torch.device, size: int = SAMPLE) -> Tensor:
    """The numbers of some positions at random, the same ones every time; of all, if there are no more.

    Args:
        count: of positions.
        device: of the result.
        size: how many are wanted.
    """
    if count <= size:
        return torch.arange(count, device=device)
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(count), device="cpu")
    return drawn[:size].sort().values.to(device)


def directed(features: Tensor, scale: Tensor | None = None) -> Tensor:
    """The features at each position divided by their length (N, M); where there is nothing, 0.

    Args:
        features: F (N, M).
        scale: mean square of the lengths that are usual; that of these if None. A thousandth of it in length counts as
            nothing, where a slope would have no end.
    """
    squares = features.square().sum(0, keepdim=True)
    usual = squares.mean() if scale is None else scale
    return features / (squares + 1e-6 * usual.clamp_min(1e-20)).sqrt()


@torch.no_grad()  # whose nearest is whose has no gradient
def nearest(here: Tensor, there: Tensor, columns: int, on_gpu: bool | None = None) -> tuple[Tensor, Tensor]:
    """Numbers of the points there that are nearest to each one here (M,), and the other way round (K,).

    Args:
        here: points (N, M).
        there: points (N, K).
        columns: points of `here` that are compared at once.
        on_gpu: whether an argmax down the columns costs nothing, as on a GPU, where asking which part has the greatest
            would wait for the device; on a processor it takes as long as the product. None for where `here` is.
    """
    on_gpu = here.is_cuda if on_gpu is None else on_gpu
    own, other = (-0.5 * points.square().sum(0, keepdim=True) for points in (here, there))
    here, there = torch.cat([here, own, torch.ones_like(own)]), torch.cat([there, torch.ones_like(other), other])
    parts, forth, most, places = here.split(columns, 1), [], [], []
    for part in parts:
        closeness = part.T @ there  # (columns, K), minus half of the squared distances
        forth.append(closeness.argmax(1))
        most.append(closeness.amax(0))
        if on_gpu:
            places.append(closeness.argmax(0))
    best = torch.stack(most).argmax(0)  # (K,), numbers of parts
    if on_gpu:
        return torch.cat(forth), torch.stack(places).gather(0, best[None])[0] + best * columns
    back = torch.empty_like(best)
    for number, part in enumerate(parts):
        of = (best == number).nonzero().flatten()
        back[of] = number * columns + (there[:, of].T @ part).argmax(1)
    return torch.cat(forth), back


@in_own_precision
def relaxed_transport(value: Tensor, target: Tensor, columns: int = COLUMNS) -> Tensor:
    """Relaxed earth mover's distance by cosine, and what it cannot see (Kolkin et al. 2019, "STROTSS").

    The distance of two clouds of positions is the greater of two means: how far each position is from its nearest in
    the style, and how far each of the style is from its nearest here. Far is 1 - cosine, which is half the squared
    distance of unit vectors. It knows no lengths, so means and covariances are compared too; by ‖Δ‖² / ‖target‖²,
    where the paper has sums of absolute values, so that every layer counts alike. The paper draws 1,024 positions of
    both anew at each step; here they are the style's, and stay, and all of the image's are compared, because L-BFGS
    needs a loss that does not move. Its vectors join all layers, and a further term compares the palettes; here each
    layer is a term, as for every statistic.

    Args:
        value: the image's `positions` (N, M).
        target: the style's (N, M').
        columns: positions that are compared at once; fewer take less memory.
    """
    scale = target.square().sum(0).mean()
    here, there = directed(value, scale), directed(target[:, sample(target.shape[1], target.device)], scale)
    forth, back = nearest(here, there, columns)
    costs = [(here - there[:, forth]).square().sum(0).mean() / 2, (here[:, back] - there).square().sum(0).mean() / 2]
    (mean, spread), (mean_t, spread_t) = (moments(f[None, :, None]).split([1, len(f)], 1) for f in (value, target))
    return torch.maximum(*costs) + relative(mean, mean_t) + relative(spread, spread_t)


@in_own_precision
def neighbour_distance(value: Tensor, target: Tensor) -> Tensor:
    """How far each position is from its nearest in the style, by cosine (Kolkin et al. 2022, "NNST").

    Which is the nearest is asked of the vectors without their means, since else all point much the same way; how far it
    is, of the vectors themselves, or nothing would hold the colour. Parts of the style that are nobody's nearest do not
    count, where `relaxed_transport` asks for them. The paper does this twice: with vectors that join all layers, whose
    nearest stay, and then layer by layer, anew at each step; here it is the latter.

    Args:
        value: the image's `positions` (N, M).
        target: the style's (N, M').
    """
    wanted, scale = target[:, sample(target.shape[1], target.device)], target.square().sum(0).mean()
    with torch.no_grad():
        here, there = (directed(f - f.mean(1, keepdim=True)) for f in (value, wanted))
        forth = torch.cat([(part.T @ there).argmax(1) for part in here.split(COLUMNS, 1)])
    return (directed(value, scale) - directed(wanted, scale)[:, forth]).square().sum(0).mean() / 2


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
    if map_of(t).shape != (1, 1, *map_of(features).shape[2:]) or not t.any():
        said = f"is {tuple(t.shape)} for a map {tuple(features.shape)}" if t.any() else "is 0 everywhere"
        raise InputError(f"the region {said}: carry a mask of the picture down to it, nst.carried(mask, …)")
    weights = t.square() / t.square().sum()
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
    together there.

    Args:
        features: (1, N, H, W).
        regions: R of them, over the same positions.
    """
    means = region_means(features, regions)
    return torch.cat([means, gram(features).expand(len(means), -1, -1)], dim=2)


@dataclass(frozen=True)
class Statistic:
    """A way to describe style, and what is known of it.

    Attributes:
        name: as recipes call it.
        describe: a feature map (1, N, H, W) → a tensor, in float32 (float64 stays).
        distance: two such tensors, of an image and of the style → a number ≥ 0.
        source: the formula, or where it comes from.
        power: the power of the features' scale that the distance grows with; None where it adds several.
        is_mean: whether `describe` is a mean over positions, so that the parts of a map can be described one by one.
        copies: where it is not: how many times the map it holds, in float32, at its worst moment.
        block: where it is not: bytes of what it compares at once, whatever the map.
        kept: how many times the map a target takes.
        least: rows and columns that a map must have.
        regional: where it is a mean: a map and its `Guidance` → the descriptions of the regions, side by side; None if
            positions count fully or not at all, and the map must be seen whole.
        unit: for the Gram family, what E = Σ (ΔR)² / (4 N² M²) is multiplied with, for N channels.
    """

    name: str
    describe: Callable[[Tensor], Tensor]
    distance: Callable[[Tensor, Tensor], Tensor]
    source: str
    power: int | None
    is_mean: bool = False
    copies: int = 0
    block: int = 0
    kept: int = 0
    least: int = 2
    regional: Callable[[Tensor, Guidance], Tensor] | None = None
    unit: Callable[[int], float] | None = None

    @property
    def slope(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """For a mean that is a Gram matrix, `gram_slope`."""
        return gram_slope if self.describe is gram else None

    @property
    def mean(self) -> Callable[[Tensor], Tensor] | None:
        """`describe`, if it is a mean over positions."""
        return self.describe if self.is_mean else None

    @property
    def knows_neighbours(self) -> bool:
        """Whether it asks for positions side by side, so that none can be left out."""
        return self.least > 2

    def within(self, features: Tensor, regions: Guidance) -> Tensor:
        """The description of the first region.

        Args:
            features: (1, N, H, W).
            regions: over the same positions.
        """
        if self.regional:
            return self.regional(features, regions)[0]
        return self.describe(regions.cut_out(features, 0))

    def summed(self) -> Statistic:
        """The one that compares guided sums in place of guided Gram matrices.

        Raises:
            InputError: it compares no Gram matrices.
        """
        if self.describe is not gram:
            raise InputError(
                f"guidance=sum compares Gram matrices, and {self.name} has none: leave it out, or choose another "
                "statistic, such as gram-relative"
            )

        def distance(value: Tensor, target: Tensor) -> Tensor:
            parts = zip(value.split([1, len(value)], 1), target.split([1, len(target)], 1), strict=True)
            return torch.stack([self.distance(*both) for both in parts]).sum()

        power = 0 if self.power == 0 else None  # means grow as features do, Gram matrices as their squares
        return replace(self, regional=guided_sums, distance=distance, power=power)

    def complete(self, seen: Tensor) -> Tensor:
        """The description of a map.

        Args:
            seen: the map (1, N, H, W), or what `mean` said of it.
        """
        return seen if self.is_mean else self.describe(seen)


def gram_statistic(name: str, source: str, divisor: Callable[[int], int]) -> Statistic:
    """The Gram matrix, compared by a `MeanSquare`.

    Args:
        name: as recipes call it.
        source: the formula, or where it comes from.
        divisor: of the mean square, for N channels.
    """
    distance = MeanSquare(divisor)
    return Statistic(name, gram, distance, source, power=4, is_mean=True, regional=region_grams, unit=distance.unit)


STATISTICS: dict[str, Statistic] = {
    s.name: s
    for s in (
        Statistic(
            "gram-relative",
            gram,
            relative,
            "‖ΔR‖² / ‖R_style‖²: the same meaning on every layer and network",
            power=0,
            is_mean=True,
            regional=region_grams,
        ),
        gram_statistic("gram-e", "E, Gatys et al. 2016, equation 4", lambda n: 4),
        gram_statistic("gram-4e", "4E", lambda n: 1),
        gram_statistic("gram-4e/n2", "4E/N²", lambda n: n**2),
        Statistic("covariance", covariance, MeanSquare(lambda n: 1), "4E of the centred features", power=4, copies=2),
        Statistic("mean-std", mean_std, sum_over_channels, "Li et al. 2017, equation 11", power=2, copies=2),
        Statistic(
            "wasserstein",
            moments,
            gaussian_wasserstein,
            "Wasserstein-2 of the features' Gaussians",
            power=2,
            copies=2,
        ),
        Statistic(
            "mmd",
            raw_moments,
            polynomial_mmd,
            "Li et al. 2017, polynomial kernel of degree 2",
            power=None,
            is_mean=True,
            regional=region_moments,
        ),
        Statistic(
            "sliced", sliced, quantile_square, "Heitz et al. 2021, sliced Wasserstein", power=2, copies=5, kept=1
        ),
        Statistic(
            "patches",
            patches,
            nearest_patch,
            "Li & Wand 2016, Markov random field",
            power=2,
            copies=30,
            block=4 * PAIRS,
            kept=9,
            least=3,
        ),
        Statistic(
            "relaxed-emd",
            positions,
            relaxed_transport,
            "Kolkin et al. 2019, relaxed earth mover's distance",
            power=0,
            copies=6,
            kept=1,
        ),
        Statistic(
            "nearest-neighbours",
            positions,
            neighbour_distance,
            "Kolkin et al. 2022, nearest neighbours by cosine",
            power=0,
            copies=6,
            kept=1,
        ),
    )
}
OF_THE_KIT = frozenset(STATISTICS)  # before anybody adds one
