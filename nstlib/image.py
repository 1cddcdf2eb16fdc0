"""A picture in any format (path, URL, PIL, array, bytes) → tensor (1, 3, H, W), float32, sRGB in [0, 1].

A picture keeps its own shape. What had to be changed on the way in (turned upright, converted to sRGB, resized …) is
never silent: `Picture.notes` tells it in words. Every mistake is an `InputError` of one line.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor
from torch.nn import functional as F

from .colour import GREY, flatten
from .decode import MAX_PIXELS, decode, upright
from .errors import InputError, one_line, one_of
from .gallery import read_picture, shown
from .show import picture_html

__all__ = [
    "Picture",
    "check_source",
    "fit",
    "floats_of",
    "load_image",
    "mask_of",
    "planes_of",
    "resize",
    "shape_of",
    "to_pil",
    "total",
]

SIDES = ("long", "short", "height")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the library sees it, on the CPU.

    Attributes:
        pixels: (1, 3, H, W), float32, sRGB in [0, 1].
        mask: (1, 1, H, W), float32: 1 where the picture was opaque, 0 where it was transparent; None if it was opaque.
        notes: what was changed on the way in, in words.
        source: a short name, for messages and metadata.
        background: the colour, sRGB in [0, 1], on which transparent parts were laid.
        resized_from: its (height, width) before it was resized; None if it never was.
    """

    pixels: Tensor
    mask: Tensor | None = None
    notes: tuple[str, ...] = ()
    source: str = "picture"
    background: tuple[float, ...] = (1.0, 1.0, 1.0)
    resized_from: tuple[int, int] | None = None

    @property
    def original(self) -> tuple[int, int]:
        """The (height, width) with which it came."""
        return self.resized_from or shape_of(self.pixels)

    def __repr__(self) -> str:
        height, width = self.pixels.shape[2:]
        return f"{self.source}: {'; '.join([f'{width}×{height}', *self.notes])}"

    def _repr_html_(self) -> str:
        return picture_html(to_pil(self.pixels), self.source, repr(self))


SOURCES = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, np.ndarray, Tensor, Picture)


@torch.inference_mode(False)  # no optimiser can change a tensor that is made in it
def load_image(
    source: Any,
    size: int | None = None,
    *,
    side: str = "long",
    enlarge: bool = False,
    background: str = "white",
    smallest: int | None = None,
) -> Picture:
    """Load a picture from anywhere, upright, in sRGB, without transparency.

    Files are PNG, JPEG, WebP, GIF, TIFF or BMP, of at most `MAX_PIXELS` pixels and `MAX_FILE_BYTES` (a download:
    `MAX_BYTES`), and decoded within `SECONDS`; of an animation the first frame counts. Colours of 16 bits per channel
    are reduced to 8; grey of 16 or 32 bits keeps its depth. All are resized by Pillow's Lanczos filter, files in 8
    bits, arrays, tensors and `Picture`s in float. None of it is kept: what comes back is a copy.

    Args:
        source: a path, an http(s) URL, a name out of `assets()`, bytes of a picture file, a PIL image, an array (H, W)
            or (H, W, 1 | 3 | 4), a tensor (3, H, W) or (1, 3, H, W), or a `Picture`. Arrays and tensors are bool,
            uint8, uint16 or float in [0, 1]. A `Result` or the progress of a run counts as its image.
        size: pixels along the `side`, 1 or more; the aspect ratio is kept. None: as it is.
        side: "long", "short" or "height".
        enlarge: whether a picture that is smaller than `size` is enlarged; it keeps its own size otherwise.
        background: the colour under transparent parts: a name, or "#rrggbb".
        smallest: the least side, in pixels, that the result may have; None: any.

    Raises:
        InputError: the source cannot be read, or the result is smaller than `smallest`.
    """
    validate(size, side, background)
    shaped = partial(new_shape, size=size, side=side, enlarge=enlarge, smallest=smallest)
    check_source(source)
    if isinstance(getattr(source, "image", None), Tensor):  # a result's
        source = source.image
    if isinstance(source, (np.ndarray, Tensor)):
        source = from_array(source, background)
    if isinstance(source, Picture):
        shape, resized = shaped(shape_of(source.pixels), source.source)
        mask = None if source.mask is None else resampled(source.mask, shape)
        pixels = resampled(source.pixels, shape)
        was = shape_of(source.pixels)
        return replace(source, pixels=pixels, mask=mask, notes=(*source.notes, *resized), resized_from=was)
    image, name, notes = read(source)
    image, alpha = flatten(image, name, background, notes)
    shape, resized = shaped((image.height, image.width), name)
    mask = None if alpha is None else to_tensor(alpha, shape)
    pixels = to_tensor(image, shape).expand(1, 3, *shape).contiguous()
    return Picture(pixels, mask, (*notes, *resized), name, colour_of(background), (image.height, image.width))


def check_source(source: Any) -> None:
    """Refuse what no picture can be loaded from, whatever stands in it.

    Args:
        source: as for `load_image`.

    Raises:
        InputError: it is of another kind, a list of pictures say.
    """
    if isinstance(source, SOURCES) or isinstance(getattr(source, "image", None), Tensor):
        return
    expected = "a path, a URL, a name, bytes, a PIL image, an array or a tensor"
    several = ", several as arguments of their own" if isinstance(source, list | tuple) else ""
    raise InputError(f"cannot load a picture from {type(source).__name__}: give {expected}{several}")


def fit(shape: tuple[int, int], size: int, side: str = "long") -> tuple[int, int]:
    """The (height, width) that a picture gets, its aspect ratio kept.

    Args:
        shape: its (height, width) now, in pixels.
        size: pixels that its `side` is to have.
        side: "long", "short" or "height".

    >>> fit((300, 400), 512)
    (384, 512)
    """
    height, width = shape
    now = length(shape, side)
    return max(1, round(height * size / now)), max(1, round(width * size / now))


def stretched(shape: tuple[int, int], onto: tuple[int, int]) -> bool:
    """Whether a picture of one (height, width) loses its proportions in another, by more than rounding does.

    Args:
        shape: of the picture.
        onto: to which it is resized.
    """
    return abs(shape[1] * onto[0] / (shape[0] * onto[1]) - 1) > 0.02


def pixels_of(picture: Any) -> Tensor:
    """The pixels of a `Picture`, or those of a result or of a run's progress; a tensor as it is.

    Raises:
        InputError: anything else.
    """
    held = picture.pixels if isinstance(picture, Picture) else getattr(picture, "image", picture)
    if not isinstance(held, Tensor):
        raise InputError(f"expected a tensor of pixels, not {type(picture).__name__}: give load_image(…).pixels")
    return held


def floats_of(picture: Any) -> Tensor:
    """The pixels of `pixels_of`, to compute with.

    Raises:
        InputError: there are none, or they are whole numbers, 0 to 255 perhaps.
    """
    held = pixels_of(picture)
    if not held.is_floating_point():
        raise InputError(f"pixels of {kind_of(held)} are not in [0, 1]: give load_image(tensor).pixels, which are")
    return held


def planes_of(picture: Any, channels: int | None = None) -> Tensor:
    """The pixels of `floats_of`, (B, C, H, W).

    Args:
        picture: as for `pixels_of`.
        channels: C; None for any number.

    Raises:
        InputError: there are none, or they have another shape.
    """
    held = floats_of(picture)
    if held.ndim != 4 or 0 in held.shape or held.shape[1] != (channels or held.shape[1]):
        wanted = f"(B, {channels or 'C'}, height, width)"
        raise InputError(f"an image of shape {tuple(held.shape)}: give {wanted}, as load_image(…).pixels is")
    return held


def mask_of(name: str, given: Any, size: Sequence[int] | None = None, whose: str = "") -> Tensor:
    """A mask as numbers; one of truth values is 1 where they are true.

    Args:
        name: what it is called.
        given: in its place.
        size: (H, W) that it must have; None for any.
        whose: size that is.

    Raises:
        InputError: it is no tensor, of another shape, or one of whole numbers.
    """
    if not isinstance(given, Tensor):
        raise InputError(f"a {type(given).__name__} is no {name}: give a tensor (1, 1, height, width) in [0, 1]")
    shape = tuple(given.shape)
    if len(shape) != 4 or 0 in shape or shape != (1, 1, *(shape[2:] if size is None else size)):
        wanted = "1, height, width)" if size is None else f"{', '.join(map(str, (1, *size)))}), as {whose}"
        raise InputError(f"a {name} of shape {shape}: give (1, {wanted}")
    if given.dtype == torch.bool:
        return given.to(torch.float32)
    if not given.is_floating_point():
        raise InputError(
            f"a {name} of {kind_of(given)} is not in [0, 1]: give {name} > 0, or {name} / 255 of a grey picture"
        )
    return given


def kind_of(tensor: Tensor) -> str:
    """What kind of numbers a tensor holds, in a word."""
    return str(tensor.dtype).removeprefix("torch.")


def resize(tensor: Tensor | Picture, shape: tuple[int, int]) -> Tensor:
    """Resize pictures or masks: bicubic with antialiasing, clamped to [0, 1].

    Args:
        tensor: (N, C, H, W), in [0, 1], or what holds one, as for `to_pil`.
        shape: the (height, width) to come to; the tensor itself is returned if it has it.

    Raises:
        InputError: there is no tensor, one of another shape or of whole numbers, or no such size.
    """
    tensor = planes_of(tensor)
    if not isinstance(shape, Sequence) or len(shape) != 2 or not all(map(is_count, shape)):
        raise InputError(f"a size of {one_line(shape)}: give (height, width) in pixels, such as (256, 384)")
    if shape_of(tensor) == tuple(shape):
        return tensor
    # Not every version of torch has the antialiased kernel on Apple's MPS.
    on = torch.device("cpu") if tensor.device.type == "mps" else tensor.device
    exact = tensor.to(on, torch.promote_types(tensor.dtype, torch.float32))  # half precision has no such kernel
    resized = F.interpolate(exact, tuple(shape), mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 1).to(tensor)


def to_pil(tensor: Tensor | Picture) -> Image.Image:
    """An RGB image of 8 bits: clamped to [0, 1] and rounded.

    Args:
        tensor: (1, 3, H, W) or (3, H, W), sRGB; of uint8, in [0, 255]; of bool, black and white; or a `Picture`, or a
            result, which hold one.

    Raises:
        InputError: there is no tensor, another shape, numbers of another kind, or NaN.
    """
    tensor = pixels_of(tensor)
    if not (tensor.is_floating_point() or tensor.dtype in (torch.uint8, torch.bool)):
        raise InputError(f"the tensor holds {kind_of(tensor)}: give uint8 (0 to 255), bool or float in [0, 1]")
    shape = tuple(tensor.shape)
    if shape[-3:-2] != (3,) or len(shape) not in (3, 4) or (len(shape) == 4 and shape[0] != 1) or 0 in shape:
        raise InputError(f"a tensor of shape {shape} is no picture: give (1, 3, height, width) or (3, height, width)")
    pixels = tensor.detach().reshape(shape[-3:]).float() / (255 if tensor.dtype == torch.uint8 else 1)
    if torch.isnan(pixels).any():
        raise InputError("the tensor holds NaN, so it is no picture: look for what made it, or use torch.nan_to_num")
    return Image.fromarray((pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def read(source: Any) -> tuple[Image.Image, str, list[str]]:
    """Any source but arrays → an image, upright and decoded; its short name; notes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of (very large, odd EXIF) is refused or harmless here
        if isinstance(source, Image.Image):
            name = shown(Path(getattr(source, "filename", "") or "PIL image").name)
            image, notes = upright(source, name, [])  # a caller's image stays open, and at the frame where it is
        else:
            data, name = bytes_of(source)
            image, notes = decode(data, name)
    return image, name, notes


def bytes_of(source: Any) -> tuple[bytes, str]:
    """What stands in bytes, behind a path, an address or a name; its short name."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "bytes"
    return read_picture(os.fsdecode(source))


def to_tensor(image: Image.Image, shape: tuple[int, int]) -> Tensor:
    """An image of mode RGB, L (8 bits) or F ([0, 1]) → (1, C, *shape), float32, in [0, 1]; Lanczos if resized."""
    scale = 1.0 if image.mode == "F" else 255.0
    if (image.height, image.width) != shape:
        try:
            image = image.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        except MemoryError:  # of some pixels in a very long row
            asked = f"{image.width}×{image.height} pixels cannot be resized in the memory that there is"
            raise InputError(f"a picture of {asked}: cut it to a part that is less narrow") from None
    values = np.atleast_3d(np.array(image)).astype(np.float32) / scale
    return torch.from_numpy(values).permute(2, 0, 1)[None].clamp(0, 1).contiguous()


def resampled(planes: Tensor, shape: tuple[int, int]) -> Tensor:
    """(1, C, H, W) in [0, 1] → (1, C, *shape), by the filter by which files are resized; a copy if it has the shape."""
    if shape_of(planes) == shape:
        return planes.detach().clone()  # so nothing that is done to the caller's reaches what was made of it
    return torch.cat([to_tensor(Image.fromarray(plane), shape) for plane in numbers(planes)[0]], dim=1)


def from_array(source: np.ndarray | Tensor, background: str) -> Picture:
    """An array (H, W) or (H, W, C), a tensor (C, H, W) or (1, C, H, W), C = 1, 3 or 4 → a picture of the same size."""
    if isinstance(source, Tensor):
        kind, expected, swap = "tensor", "(3, height, width) or (1, 3, height, width)", "permute(2, 0, 1)"
        array = numbers(source)
        array = array[0] if array.ndim == 4 and len(array) == 1 else array
        array = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
    else:
        kind, expected, swap = "array", "(height, width) or (height, width, 1 | 3 | 4)", "transpose(1, 2, 0)"
        if np.ma.is_masked(source):
            raise InputError("the array is masked, so parts of it are no picture: fill them, as with .filled(0)")
        array = np.asarray(source)
    if 0 in array.shape:
        raise InputError(f"the {kind} of shape {tuple(source.shape)} has no pixels: look for what made it")
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        hint = f", perhaps with .{swap}" if array.ndim == 3 and 3 in array.shape else ""
        raise InputError(f"the {kind} has shape {tuple(source.shape)}, no picture's: give {expected}{hint}")
    values = unit(array, kind)
    mask, (height, width, channels) = None, values.shape
    notes: list[str] = []
    if channels == 4:
        alpha, colour = values[:, :, 3:], np.array(colour_of(background), np.float32)
        values = values[:, :, :3] * alpha + colour * (1 - alpha)
        if alpha.min() < 1:
            mask = torch.from_numpy(alpha.copy()).permute(2, 0, 1)[None]
            notes.append(f"transparent parts laid on {background}")
    elif channels == 1:
        notes.append(GREY)
    pixels = torch.from_numpy(values).permute(2, 0, 1)[None].expand(1, 3, height, width).contiguous()
    return Picture(pixels, mask, tuple(notes), f"{kind} of {width}×{height}", colour_of(background))


def colour_of(name: str) -> tuple[float, ...]:
    """The (red, green, blue) in [0, 1] of a colour's name."""
    return tuple(value / 255 for value in ImageColor.getrgb(name)[:3])


def numbers(tensor: Tensor) -> np.ndarray:
    """What a tensor holds, wherever and however it holds it."""
    try:
        held = tensor.detach().cpu().resolve_conj().resolve_neg()
        return (held.float() if held.is_floating_point() else held).numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:  # sparse, quantised, nested, without data …
        raise InputError(f"the tensor holds no pixels as they are ({one_line(error)}): give a dense one") from error


def unit(array: np.ndarray, kind: str) -> np.ndarray:
    """Values of bool, uint8, uint16 or float → float32 in [0, 1]."""
    if array.dtype.kind == "b":
        return array.astype(np.float32)
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return array.astype(np.float32) / np.iinfo(array.dtype).max
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 1:
        raise InputError(f"the {kind} holds {array.dtype}, 0 and 1 alone: give bool")
    if array.dtype.kind != "f":
        raise InputError(f"the {kind} holds {array.dtype}: give uint8 (0 to 255), uint16, bool or float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # NaN fails too; the tolerance is for rounding
        white = "255" if high > 128 else f"what is white in it, {high:g} or 255"
        advice = f"divide it by {white}" if low >= 0 and high <= 255 else "clip it, after numpy.nan_to_num if need be"
        raise InputError(f"the {kind} holds values from {low:.4g} to {high:.4g}, but floats go from 0 to 1: {advice}")
    return array.astype(np.float32).clip(0, 1)


def validate(size: int | None, side: str, background: str) -> None:
    """Refuse what no picture can be loaded with."""
    one_of("side", side, SIDES)
    if size is not None and not is_count(size):
        raise InputError(f"size {size!r} is no number of pixels: give a whole number such as 512, or None to keep it")
    try:
        ImageColor.getrgb(background)
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"unknown colour {background!r}: give a name such as 'white', or '#ff8800'") from error


def is_count(number: Any) -> bool:
    """Whether it is a whole number, 1 or more."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and int(number) >= 1


def shape_of(pixels: Tensor) -> tuple[int, int]:
    """(height, width) of an image (…, H, W)."""
    height, width = pixels.shape[-2:]
    return height, width


def total(parts: Iterable[Tensor]) -> Tensor:
    """The sum of some tensors, one or more."""
    first, *more = parts
    return sum(more, first)


def length(shape: tuple[int, int], side: str) -> int:
    """How long a side of a picture is, in pixels."""
    return {"long": max(shape), "short": min(shape), "height": shape[0]}[one_of("side", side, SIDES)]


def new_shape(
    shape: tuple[int, int], name: str, size: int | None, side: str, enlarge: bool, smallest: int | None
) -> tuple[tuple[int, int], list[str]]:
    """The (height, width) that a picture of `shape` gets, and a note if that differs from what was asked or given."""
    if 0 in shape:
        raise InputError(f"'{name}' has no pixels ({in_words(shape)}): look for what made it")
    wanted, notes = shape if size is None else fit(shape, size, side), []
    if max(wanted) > max(shape) and not enlarge:
        advice = f"give a larger picture, or ask for at most {length(shape, side)}"
        notes.append(f"kept at {in_words(shape)}, smaller than the {size} asked for: {advice}")
        wanted = shape
    elif wanted != shape:
        notes.append(f"resized from {in_words(shape)} to {in_words(wanted)}")
    if wanted != shape and wanted[0] * wanted[1] > MAX_PIXELS:
        raise InputError(f"size {size} would make '{name}' {in_words(wanted)} pixels: choose a smaller size")
    if smallest is not None and min(wanted) < smallest:
        was = f" ({notes[0]})" if wanted != shape else ""
        advice = way_out(shape, size, side, enlarge, smallest)
        raise InputError(
            f"'{name}' is {in_words(wanted)} pixels{was}, but each side needs at least {smallest}: {advice}"
        )
    return wanted, notes


def way_out(shape: tuple[int, int], size: int | None, side: str, enlarge: bool, smallest: int) -> str:
    """What makes a picture large enough: another size, another picture, or both."""
    if enlarge or min(shape) >= smallest:
        return f"choose a size of at least {least_size(shape, side, smallest)}"
    least = least_size(fit(shape, smallest, "short"), side, smallest)  # of the same picture, just large enough
    larger = f"with at least {smallest} pixels on its shorter side"
    if size is None or size >= least:
        return f"give a picture {larger}"
    if size >= smallest:
        return f"give a picture that is less narrow, {larger}"
    return f"give a picture {larger}, and a size of at least {least}"


def least_size(shape: tuple[int, int], side: str, smallest: int) -> int:
    """The least size at which both sides of a picture have `smallest` pixels or more."""
    now = length(shape, side)
    start = max(1, (smallest - 1) * now // min(shape))
    return next(size for size in count(start) if min(fit(shape, size, side)) >= smallest)


def in_words(shape: tuple[int, int]) -> str:
    return f"{shape[1]}×{shape[0]}"
