"""Two pictures → one of them in the other's colours: luminance kept, or mean and covariance of the colours matched.

The colours of a picture are a cloud of points (red, green, blue) with a mean μ (3,) and a covariance Σ (3, 3). An
affine map x → A (x - μ) + μ' takes one cloud to another wherever A Σ Aᵀ = Σ'. Many A do: three of them have names here.
All are exact and differ by a rotation, so only pictures tell them apart.

Gatys, Bethge, Hertzmann & Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer"; Gatys et al. 2017,
"Controlling Perceptual Factors in Neural Style Transfer", section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, wraps

import torch
from torch import Tensor

from .errors import InputError, one_of
from .image import Picture, mask_of, planes_of, resize, total
from .machine import in_own_precision

__all__ = [
    "COLORS",
    "COLOR_MAPS",
    "Colors",
    "cholesky_map",
    "colors_of",
    "luminance",
    "pca_map",
    "recolor",
    "transport_map",
    "with_luminance",
]

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601), the Y of YIQ
FLOOR = (2 / 255) ** 2  # a variance below it is rounding and compression, not colour: it is not blown up


def luminance(image: Tensor) -> Tensor:
    """How bright each pixel is: Y (1, 1, H, W) of YIQ.

    Args:
        image: (1, 3, H, W), sRGB.

    Raises:
        InputError: no pixels, or some of another shape.
    """
    image = planes_of(image, 3)
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def with_luminance(image: Tensor, bright: Tensor) -> Tensor:
    """A picture with its own chroma (I and Q of YIQ) and another luminance (1, 3, H, W); values may leave [0, 1].

    I and Q are differences of colours, so what is added to all three alike moves Y only.

    Args:
        image: (1, 3, H, W), sRGB.
        bright: Y (1, 1, H, W).

    Raises:
        InputError: no pixels, or some of another shape; no luminance, or that of a picture of another size.
    """
    own = luminance(image)
    return planes_of(image) + (mask_of("luminance", bright, own.shape[2:], "the picture") - own)


def colors_of(image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean μ (C,) and covariance Σ (C, C) of a picture's colours, in float64 on the CPU.

    Args:
        image: (1, C, H, W).
        mask: (1, 1, H, W), how much each pixel counts, not all 0; None for 1 each.

    Raises:
        InputError: no picture or several, colours that are no numbers, a mask of another size or 0 everywhere.
    """
    pixels = planes_of(image)
    if len(pixels) != 1:
        raise InputError(f"one picture is (1, C, H, W), not {tuple(pixels.shape)}: give one at a time")
    x = pixels.detach().cpu().double().flatten(2)[0]  # (C, M)
    where = torch.ones_like(pixels[:, :1]) if mask is None else mask_of("mask", mask, pixels.shape[2:], "its picture")
    weights = where.detach().cpu().double().flatten(2)[0]  # (1, M)
    if not weights.any():
        raise InputError("a mask is 0 everywhere, so there are no colours: give one that shows something, or none")
    weights = weights / weights.sum()
    mean = (x * weights).sum(1)
    x = x - mean[:, None]
    covariance = (x * weights) @ x.T
    if not covariance.isfinite().all():
        raise InputError("there are pixels that are NaN or infinite: look for what made them, or use torch.nan_to_num")
    return mean, covariance


def of_covariances(make: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Let a map of colours be made in float64, of what can be a covariance.

    In float32 that of a grey picture may have eigenvalues below 0, by rounding.

    Args:
        make: Σ and Σ' (C, C) → A (C, C).
    """

    @wraps(make)
    def made(source: Tensor, target: Tensor) -> Tensor:
        for one in (source, target):
            shape = tuple(getattr(one, "shape", ()))
            if not isinstance(one, Tensor) or not one.is_floating_point() or len(shape) != 2 or shape[0] != shape[1]:
                given = f"a {type(one).__name__} {shape or ''}".rstrip()
                raise InputError(f"{given} is no covariance: give Σ (C, C) in floats, as colors_of(image)[1] is")
            if not one.isfinite().all():
                raise InputError("a covariance holds NaN or infinite numbers: look for what made it")
        if source.shape != target.shape:
            raise InputError(f"covariances of {len(source)} and {len(target)} colours: give two of as many")
        return make(source.cpu().double(), target.cpu().double()).to(source)

    return made


def power(covariance: Tensor, exponent: float, floor: float = 0.0) -> Tensor:
    """Σ to a power, by its eigenvectors: Q Λᵖ Qᵀ.

    Args:
        covariance: Σ (C, C).
        exponent: p.
        floor: what an eigenvalue is at least taken for.
    """
    roots, axes = torch.linalg.eigh(covariance)
    return axes * roots.clamp_min(floor) ** exponent @ axes.T


@in_own_precision
@of_covariances
def cholesky_map(source: Tensor, target: Tensor) -> Tensor:
    """A = L' L⁻¹ (C, C), with Σ = L Lᵀ and Σ' = L' L'ᵀ, both lower triangular.

    It begins with red and lets the later colours follow, so it depends on the order of the three.

    Args:
        source: Σ (C, C), of the picture that is changed; one without extent in some direction is widened to `FLOOR`.
        target: Σ' (C, C).
    """
    lower = torch.linalg.cholesky(power(source, 1, FLOOR))
    wanted = torch.linalg.cholesky(power(target, 1, 1e-12))
    return torch.linalg.solve_triangular(lower, wanted, upper=False, left=False)


@in_own_precision
@of_covariances
def pca_map(source: Tensor, target: Tensor) -> Tensor:
    """A = Σ'^½ Σ^-½ (C, C): along the principal axes, shrink to a ball, then stretch to the target's shape.

    Args:
        source: Σ (C, C), of the picture that is changed; one without extent in some direction is widened to `FLOOR`.
        target: Σ' (C, C).
    """
    return power(target, 0.5) @ power(source, -0.5, FLOOR)


@in_own_precision
@of_covariances
def transport_map(source: Tensor, target: Tensor) -> Tensor:
    """A = Σ^-½ (Σ^½ Σ' Σ^½)^½ Σ^-½ (C, C), the optimal transport between Gaussians.

    The one symmetric A, and of all the one that moves the colours least (Monge's map; Olkin & Pukelsheim 1982).

    Args:
        source: Σ (C, C), of the picture that is changed; one without extent in some direction is widened to `FLOOR`.
        target: Σ' (C, C).
    """
    root, inverse = power(source, 0.5, FLOOR), power(source, -0.5, FLOOR)
    return inverse @ power(root @ target @ root, 0.5) @ inverse


COLOR_MAPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cholesky": cholesky_map,
    "pca": pca_map,
    "transport": transport_map,
}


# Whose colours a result has.
COLORS = ("style", "luminance", *COLOR_MAPS, "after", "only")


@in_own_precision
def recolor(
    image: Tensor, like: Tensor, by: str = "transport", mask: Tensor | None = None, like_mask: Tensor | None = None
) -> Tensor:
    """A picture in the colours of another: with its mean and covariance. Values may leave [0, 1].

    A picture that is grey, or of one colour, has no colours to turn into others: it gets the other's mean, and what
    contrast it has along its own greys. The map counts as a constant: gradients go back through the picture that it
    moves, not through the mean and the covariance that it was made of.

    Args:
        image: (1, C, H, W), sRGB in [0, 1]; of one channel, the map is a factor.
        like: (1, C, h, w), the other.
        by: a name in `COLOR_MAPS`.
        mask: (1, 1, H, W), which part of the picture is made alike; all of it is changed. None for all.
        like_mask: (1, 1, h, w), which part of the other it is made like; likewise.

    Raises:
        InputError: another name, several pictures at once, one in grey and one in colour, or a mask that shows nothing.
    """
    make = COLOR_MAPS[one_of("colour map", by, COLOR_MAPS)]
    (mean, covariance), (wanted, target) = colors_of(image, mask), colors_of(like, like_mask)
    image = planes_of(image)
    if len(mean) != len(wanted):
        raise InputError(
            f"pictures of {len(mean)} and {len(wanted)} channels: give both in colour, or luminance of both"
        )
    a = make(covariance, target).to(image)
    offset = wanted.to(image) - a @ mean.to(image)
    return torch.einsum("ij,bjhw->bihw", a, image) + offset.view(1, -1, 1, 1)


class Colors:
    """What a recipe's `color` makes of the pictures before a run, and of its result.

    Args:
        color: a name in `COLORS`: "style" changes nothing. The content's colours are kept by "luminance", where a run
            in greys paints brightness only and the content's chroma is put back; by a map of `COLOR_MAPS`, where the
            styles get the content's colours before the run; and "after" it, where the result gets them. "only" gives
            the content the styles' colours, and nothing is painted.
        content: the picture, at the result's size; None only with "style".
        styles: the pictures; where they have a mask, it says what of them is style.
        masks: for each style (1, 1, H, W), where in the content it paints; None for everywhere. Where none does, the
            content stays as it is.
        shares: of the styles; they add up to 1.
    """

    def __init__(
        self,
        color: str,
        content: Picture | None,
        styles: Sequence[Picture],
        masks: Sequence[Tensor | None],
        shares: Sequence[float] | None,
    ):
        self.color, self.styles, self.masks, self.shares = color, styles, masks, shares or []
        self.original = None if content is None else content.pixels

    @cached_property
    def content(self) -> Tensor | None:
        """The content (1, 3, H, W) as it enters the run."""
        return None if self.original is None else self.enter(self.original)

    def enter(self, image: Tensor) -> Tensor:
        """A picture (1, 3, H, W) as it enters a run that it begins."""
        return luminance(image).expand(image.shape).contiguous() if self.color == "luminance" else image

    @cached_property
    def dyed(self) -> tuple[Tensor, ...]:
        """The styles' pixels (1, 3, h, w) in the colours in which they are to be painted, in [0, 1].

        Each takes those of the part of the content in which it paints; of luminance, its mean and deviation.
        """
        if self.original is None or self.color not in ("luminance", *COLOR_MAPS):
            return tuple(style.pixels for style in self.styles)
        by, see = (self.color, torch.clone) if self.color in COLOR_MAPS else ("transport", luminance)
        return tuple(
            recolor(see(style.pixels), see(self.original), by, style.mask, mask)
            .clamp(0, 1)
            .expand(style.pixels.shape)
            .contiguous()
            for style, mask in zip(self.styles, self.masks, strict=True)
        )

    def finish(self, image: Tensor) -> Tensor:
        """A run's image (1, 3, H, W) as it is handed out: in its colours, and the content where nobody paints."""
        kept = self.color in ("style", *COLOR_MAPS)
        painting = [mask for mask, share in zip(self.masks, self.shares, strict=True) if share]
        if self.original is None or not self.styles or (kept and any(mask is None for mask in painting)):
            return image
        content = resize(self.original, (image.shape[-2], image.shape[-1])).to(image)
        parts = self.parts(content)
        covered = total(parts)
        if self.color == "only":
            return (content + total(self.moves(content, parts))).clamp(0, 1)
        if self.color == "luminance":
            image = with_luminance(content, luminance(image))
        if self.color == "after":
            image = recolor(image, content, mask=covered, like_mask=covered)
        return (content + covered * (image - content)).clamp(0, 1)

    def moves(self, content: Tensor, parts: Sequence[Tensor]) -> Iterator[Tensor]:
        """What each style's colours change of the content, (1, 3, H, W) each."""
        for part, style, share in zip(parts, self.styles, self.shares, strict=True):
            if share:
                like = style.pixels.to(content)
                yield part * (recolor(content, like, mask=part, like_mask=style.mask) - content)

    def parts(self, image: Tensor) -> list[Tensor]:
        """How much of each pixel of an image is each style's, (1, 1, H, W) each; together at most 1."""
        ones = torch.ones_like(image[:, :1])
        masks = [
            ones if mask is None else resize(mask, (image.shape[-2], image.shape[-1])).to(image) for mask in self.masks
        ]
        shared = [share * mask for share, mask in zip(self.shares, masks, strict=True)]
        # A style of no share paints nothing, so its mask covers nothing that another one fades from.
        covered = total(mask for share, mask in zip(self.shares, masks, strict=True) if share).clamp(max=1)
        whole = total(shared).clamp_min(1e-9) / covered
        return [one / whole for one in shared]
