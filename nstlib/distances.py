"""Two descriptions of feature maps → how far an image's is from the style's.

Three normalisations of the Gram loss are in use, and a weight made for one means nothing in another:

    E      Σ (ΔR)² / (4 N² M²)    the papers
    4E     Σ (ΔR)² / (N² M²)      mean square of R / M; or sum of squares of R / (N M)
    4E/N²  Σ (ΔR)² / (N⁴ M²)      mean square of R / (N M): divides by N twice, which all but mutes deep layers
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from .descriptions import moments
from .machine import in_own_precision

__all__ = ["COLUMNS", "PAIRS", "SAMPLE", "MeanSquare", "directed", "relative", "sample"]

SAMPLE = 1024  # positions that stand for a whole map, where all with all would be too many
PAIRS = 2**22  # of patches that are compared at once
COLUMNS = 4096  # positions that are compared with all others at once


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
