"""Descriptions and distances → style statistics: Gram, covariance, mean and deviation, … all with one signature.

Each is a pair of functions: `describe` turns a feature map into a tensor, `distance` compares the tensor of an image
with that of the style. Swapping one statistic for another is one word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .descriptions import (
    covariance,
    gram,
    gram_slope,
    guided_sums,
    mean_std,
    moments,
    patches,
    positions,
    raw_moments,
    region_grams,
    region_moments,
    sliced,
)
from .distances import (
    PAIRS,
    MeanSquare,
    gaussian_wasserstein,
    nearest_patch,
    neighbour_distance,
    polynomial_mmd,
    quantile_square,
    relative,
    relaxed_transport,
    sum_over_channels,
)
from .errors import InputError
from .guidance import Guidance

__all__ = ["OF_THE_KIT", "STATISTICS", "Statistic"]


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
        of_style: likewise, of a style picture's map, where `regional` looks beyond the region too: what of that picture
            is no style must not count. None where `regional` does not.
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
    of_style: Callable[[Tensor, Guidance], Tensor] | None = None
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
        """The description of the first region, as that of a style that is nothing else.

        Args:
            features: (1, N, H, W).
            regions: over the same positions.
        """
        if by_weight := self.of_style or self.regional:
            return by_weight(features, regions)[0]
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
        return replace(self, regional=guided_sums, of_style=region_moments, distance=distance, power=power)

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
