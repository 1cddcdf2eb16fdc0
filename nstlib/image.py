"""A picture in any format (path, URL, PIL, array, bytes) → tensor (1, 3, H, W), float32, sRGB in [0, 1]; and back.

A picture keeps its own shape. What had to be changed on the way in (turned upright, converted to sRGB, resized …) is
never silent: `Picture.notes` tells it in words. Every mistake is an `InputError` of one line.
"""

from __future__ import annotations

import difflib
import http.client
import importlib.util
import json
import os
import time
import urllib.request
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit

import numpy as np
import platformdirs
import torch
from PIL import Image, ImageChops, ImageCms, ImageColor, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torch.nn import functional as F

from .about import REPOSITORY
from .errors import InputError, choose
from .files import whole

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

__all__ = [
    "Picture",
    "asset",
    "assets",
    "check_writable",
    "fit",
    "load_image",
    "read_metadata",
    "resize",
    "save_image",
    "to_pil",
]

MAX_PIXELS = 150_000_000  # below Pillow's own limit (179 million), so that our message comes first
MAX_BYTES = 50_000_000  # of a download
TIMEOUT_S = 20.0  # of a download; a silence of half as long ends it too
SIDES = ("long", "short", "height")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
PHOTOS = {  # name: library, file inside it, name on the package index
    "photo/cat": ("skimage", "data/chelsea.png", "scikit-image"),
    "photo/coffee": ("skimage", "data/coffee.png", "scikit-image"),
    "photo/rocket": ("skimage", "data/rocket.jpg", "scikit-image"),
    "photo/temple": ("sklearn", "datasets/images/china.jpg", "scikit-learn"),
    "photo/flower": ("sklearn", "datasets/images/flower.jpg", "scikit-learn"),
    "photo/portrait": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "matplotlib"),
}
COMMONS = "https://commons.wikimedia.org/wiki/Special:FilePath/"
# In an installed package the pictures lie inside it, in a checkout beside it.
HOUSE = Path(__file__).parent
DATA = HOUSE / "data" if (HOUSE / "data").is_dir() else HOUSE.parent / "data"

EXIF_IFD, USER_COMMENT, ORIENTATION = 0x8769, 0x9286, 0x0112
GREY = "grey copied into three channels"
UNDEFINED_CHARSET = bytes(8)  # EXIF names no code for UTF-8, so a comment in it says "undefined"
OTHER_FILES = {  # bytes near the start of a file that is no picture to Pillow: what it is, what to do
    b"ftyphei": "a HEIC photo: export it as JPEG",
    b"ftypmif": "a HEIC photo: export it as JPEG",
    b"<svg": "a drawing (SVG): export it as PNG",
    b"<html": "a web page: copy the address of the picture on it instead",
    b"<!doctype html": "a web page: copy the address of the picture on it instead",
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the library sees it. `pixels` (1, 3, H, W), float32, sRGB in [0, 1], on the CPU."""

    pixels: Tensor
    mask: Tensor | None = None  # (1, 1, H, W), float32: 1 where the picture was opaque, 0 where it was transparent
    notes: tuple[str, ...] = ()  # what was changed on the way in, in words
    source: str = "picture"  # a short name, for messages and metadata


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

    `source`: a path, an http(s) URL, a name out of `assets()`, bytes of a picture file, a PIL image, an array
    (H, W) or (H, W, 1 | 3 | 4), a tensor (3, H, W) or (1, 3, H, W), or a `Picture`. Arrays and tensors are uint8,
    uint16 or float in [0, 1].
    `size`: pixels along the `side` ("long", "short" or "height"); the aspect ratio is kept. A smaller picture keeps
    its size unless `enlarge`. `background`: the colour under transparent parts. `smallest`: the least side, in
    pixels, that the result may have.
    Raises `InputError` if the source cannot be read or is smaller than `smallest`.
    """
    _check_request(size, side, background)
    plan = partial(_plan, size=size, side=side, enlarge=enlarge, smallest=smallest)
    if isinstance(source, (np.ndarray, Tensor)):
        source = _from_array(source, background)
    if isinstance(source, Picture):
        shape, notes = plan(tuple(source.pixels.shape[-2:]), source.source)
        mask = None if source.mask is None else resize(source.mask, shape)
        return replace(source, pixels=resize(source.pixels, shape), mask=mask, notes=source.notes + tuple(notes))
    image, name, notes = _read(source)
    image, alpha = _flatten(image, background, notes)
    shape, resized = plan((image.height, image.width), name)
    mask = None if alpha is None else _to_tensor(alpha, shape)
    pixels = _to_tensor(image, shape).expand(1, 3, *shape).contiguous()
    return Picture(pixels, mask, (*notes, *resized), name)


def fit(size_hw: tuple[int, int], size: int, side: str = "long") -> tuple[int, int]:
    """The (height, width) of a picture of `size_hw` whose `side` ("long", "short", "height") is `size` pixels.

    >>> fit((300, 400), 512)
    (384, 512)
    """
    height, width = size_hw
    reference = {"long": max(size_hw), "short": min(size_hw), "height": height}[choose("side", side, SIDES)]
    return max(1, round(height * size / reference)), max(1, round(width * size / reference))


def resize(tensor: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize (N, C, H, W) in [0, 1] to `shape` (height, width): bicubic with antialiasing, clamped to [0, 1]."""
    if tuple(tensor.shape[-2:]) == tuple(shape):
        return tensor
    # Not every version of torch has the antialiased kernel on Apple's MPS.
    on = "cpu" if tensor.device.type == "mps" else tensor.device
    resized = F.interpolate(tensor.to(on), tuple(shape), mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 1).to(tensor.device)


def to_pil(tensor: Tensor) -> Image.Image:
    """A tensor (1, 3, H, W) or (3, H, W), sRGB → an RGB image of 8 bits: clamped to [0, 1] and rounded."""
    shape = tuple(tensor.shape)
    if shape[-3:-2] != (3,) or len(shape) not in (3, 4) or (len(shape) == 4 and shape[0] != 1) or 0 in shape:
        raise InputError(f"a tensor of shape {shape} is no picture: give (1, 3, height, width) or (3, height, width)")
    pixels = tensor.detach().reshape(shape[-3:]).float()
    if torch.isnan(pixels).any():
        raise InputError("the tensor holds NaN, so it cannot become a picture: lower the learning rate and run again")
    return Image.fromarray((pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Return `path` if a picture can be saved there, else raise `InputError`: call it before slow work."""
    path = Path(os.path.expanduser(path))
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot save '{path}' as '{path.suffix}': end its name in .png, .jpg or .webp")
    if os.path.isdir(path):
        raise InputError(f"'{path}' is a folder: give the name of a file, such as '{path / 'result.png'}'")
    if not os.path.isdir(path.parent):
        raise InputError(f"the folder '{path.parent}' of '{path.name}' does not exist: create it, or choose another")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"the folder '{path.parent}' may not be written to: choose another folder for '{path.name}'")
    return path


def save_image(
    tensor: Tensor, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None, quality: int = 95
) -> Path:
    """Save (1, 3, H, W) or (3, H, W), sRGB in [0, 1], as PNG, JPEG or WebP (by suffix); return the path.

    The file appears whole or not at all. `metadata` travels inside it: see `read_metadata`. `quality`: 1 to 100, for
    JPEG and WebP. Raises `InputError` if the path cannot be written or the tensor is no picture.
    """
    path = check_writable(path)
    if not 1 <= quality <= 100:
        raise InputError(f"quality {quality} is out of range: give 1 (small file) to 100 (best)")
    image, kind = to_pil(tensor), FORMATS[path.suffix.lower()]
    try:
        options = _options(kind, {str(key): str(value) for key, value in (metadata or {}).items()})
        with whole(path) as file:
            image.save(file, kind, quality=quality, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' could not be written ({_short(error)}): try a .png in another folder") from error
    return path


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts that `save_image` stored in a PNG, JPEG or WebP file; empty if there are none."""
    image, _, _ = _read(Path(path))
    if image.format == "PNG":
        return {key: str(value) for key, value in image.text.items()}
    try:
        comment = image.getexif().get_ifd(EXIF_IFD)[USER_COMMENT]
        texts = json.loads(comment[len(UNDEFINED_CHARSET) :].decode())
        return {key: str(value) for key, value in texts.items()}
    except Exception:  # somebody else's comment, or EXIF that Pillow cannot read: not ours
        return {}


def assets() -> list[str]:
    """The names of all pictures that `asset` finds: made by this project, of other libraries, paintings to download."""
    files = (file for kind in ("content", "style") for file in sorted((DATA / kind).glob("*")))
    own = [f"{file.parent.name}/{file.stem}" for file in files if file.suffix.lower() in FORMATS]
    return own + list(PHOTOS) + [f"painting/{slug}" for slug in _paintings()]


def asset(name: str) -> Path:
    """The file of a picture out of `assets()`; a painting is downloaded once, from Wikimedia Commons.

    Raises `InputError` for an unknown name, a library that is not installed, or a network that cannot be reached.
    """
    kind, _, stem = choose("picture", name, assets()).partition("/")
    if kind == "painting":
        return _painting(name, _paintings()[stem]["file"])
    if name not in PHOTOS:
        return next(file for file in (DATA / kind).glob(f"{stem}.*") if file.suffix.lower() in FORMATS)
    module, inside, library = PHOTOS[name]
    spec = importlib.util.find_spec(module)
    file = Path(spec.origin or "").parent / inside if spec else None
    if file is None or not file.is_file():
        raise InputError(f"'{name}' comes with {library}, which is not installed: pip install 'nstlib[lab]'")
    return file


# --- from a source to an image -------------------------------------------------------------------


def _read(source: Any) -> tuple[Image.Image, str, list[str]]:
    """Any source but arrays → an image, upright and decoded; its short name; notes."""
    if isinstance(source, Image.Image):
        file, name = source, Path(getattr(source, "filename", "") or "PIL image").name
    elif isinstance(source, (bytes, bytearray, memoryview)):
        file, name = BytesIO(source), "bytes"
    elif isinstance(source, (str, os.PathLike)):
        file, name = _open(os.fspath(source))
    else:
        expected = "a path, a URL, a name, bytes, a PIL image, an array or a tensor"
        raise InputError(f"cannot load a picture from {type(source).__name__}: give {expected}")
    with warnings.catch_warnings(), nullcontext() if file is source else file:  # the caller's own image stays open
        warnings.simplefilter("ignore")  # what Pillow warns of (very large, odd EXIF) is refused or harmless here
        return _decode(file, name)


def _open(text: str) -> tuple[BinaryIO, str]:
    """The file behind an address, a path or a name out of `assets()`; its short name."""
    scheme = text.partition(":")[0].lower() if "://" in text or text.startswith("data:") else ""
    if scheme in ("http", "https"):
        return BytesIO(_fetch(text)), _short(text)
    if scheme:
        raise InputError(f"'{_short(text)}' is no http or https address: give one, or the path of a file")
    known = not os.path.exists(text) and text in assets()
    path = asset(text) if known else _existing(text)
    try:
        return path.open("rb"), text if known else path.name
    except OSError as error:
        reason = f"'{_short(path)}' may not be read ({error.strerror})"
        raise InputError(f"{reason}: change its permissions, or give a copy of it") from error


def _decode(file: BinaryIO | Image.Image, name: str) -> tuple[Image.Image, str, list[str]]:
    """Decode all that has to be read from the file and turn it upright. The size is checked before any decoding."""
    given, notes = isinstance(file, Image.Image), []
    try:
        image = file if given else Image.open(file)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        frames = 1 if given else getattr(image, "n_frames", 1)
        image.load()
    except Image.DecompressionBombError as error:
        limit = f"more than {MAX_PIXELS / 1e6:g} million pixels"
        raise InputError(f"'{name}' has {limit}: make it smaller in a picture editor first") from error
    except UnidentifiedImageError as error:
        raise InputError(f"'{name}' is {_guess(file)}") from error
    except Exception as error:  # each of Pillow's readers fails in its own way
        raise InputError(f"'{name}' is cut off or damaged ({_short(error)}): download or export it again") from error
    if frames > 1:
        notes.append(f"first of {frames} frames")
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
        if orientation in range(2, 9):
            image = ImageOps.exif_transpose(image)
            notes.append(f"turned upright (EXIF orientation {orientation})")
    except Exception:  # broken EXIF, of which there are many kinds, is no reason to refuse a picture
        notes.append("EXIF ignored: it is broken")
    return image, name, notes


def _guess(file: BinaryIO) -> str:
    """What a file that is no picture seems to be, and what to do about it."""
    file.seek(0)
    head = file.read(512).lower()
    if not head:
        return "empty (0 bytes): download or export it again"
    advice = (advice for bytes_, advice in OTHER_FILES.items() if bytes_ in head)
    return next(advice, "no picture that can be read: give a PNG, JPEG, WebP, GIF, TIFF or BMP file")


def _existing(text: str) -> Path:
    """The path of a file that exists; otherwise an error that names what is near."""
    path = Path(os.path.expanduser(text))
    name, folder = _short(path), path if os.path.isdir(path) else path.parent
    inside = sorted(os.listdir(folder)) if os.path.isdir(folder) and os.access(folder, os.R_OK) else []
    if folder == path:
        pictures = [entry for entry in inside if Path(entry).suffix.lower() in FORMATS][:3]
        advice = f"one of its pictures, such as {', '.join(pictures)}" if pictures else "the path of a picture"
        raise InputError(f"'{name}' is a folder: give {advice}")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"'{name}' is no ordinary file: give the path of a picture")
    if not os.path.exists(path):
        names = {entry.lower(): entry for entry in inside}
        near = [names[match] for match in difflib.get_close_matches(path.name.lower(), names)]
        near = near or difflib.get_close_matches(text, assets())
        hint = f"did you mean {' or '.join(near)}?" if near else "give a path, a URL or a name such as content/harbour"
        raise InputError(f"there is no file '{name}': {hint}")
    return path


def _flatten(image: Image.Image, background: str, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """Any mode → an sRGB image (mode RGB, or F in [0, 1] for deep grey) and its alpha (mode L), if it has any."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep_grey(image, notes), None
    image = image.convert(image.mode.upper()) if image.mode in ("RGBa", "La") else image
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    image = _to_srgb(image, notes)
    if alpha is None or alpha.getextrema() == (255, 255):
        return image, None
    notes.append(f"transparent parts laid on {background}")
    return Image.composite(image, Image.new("RGB", image.size, background), alpha), alpha


def _deep_grey(image: Image.Image, notes: list[str]) -> Image.Image:
    """Grey of 16 or 32 bits → mode F in [0, 1], scaled rather than cut at 255."""
    values = np.array(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError("the picture holds NaN or infinite values: replace them (numpy.nan_to_num) and load it again")
    low, high = min(0.0, float(values.min())), float(values.max())
    # Older Pillow opens a PNG of 16 bits as mode I.
    peaks = {"F": (1, 255, 65535), "I": (65535,) if image.format == "PNG" else (255, 65535)}.get(image.mode, (65535,))
    white = next((peak for peak in peaks if high <= peak), high)
    notes.append(f"grey of more than 8 bits scaled: {low:g} became black, {white:g} white")
    return Image.fromarray((values - low) / (white - low))


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Any mode of 8 bits → RGB, through the colour profile if there is one; transparency is dropped."""
    own = {"1": "L", "LA": "L", "L": "L", "CMYK": "CMYK", "LAB": "LAB"}.get(image.mode, "RGB")
    words = {"L": GREY, "CMYK": "converted from CMYK", "LAB": "converted from Lab"}
    notes += [words[own]] if own in words else []
    srgb = ImageCms.createProfile("sRGB")
    if own == "LAB":  # Pillow converts it through a profile only
        return ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), srgb, outputMode="RGB")
    plain = image.convert("RGB")
    if not image.info.get("icc_profile"):
        return plain
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        description = _short(ImageCms.getProfileDescription(profile))
        space = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}.get(profile.profile.xcolor_space.strip())
        if space != own and (own, space) != ("L", "RGB"):
            raise ValueError("the profile is for another kind of picture")
        converted = ImageCms.profileToProfile(image.convert(space), profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("colour profile ignored: it is broken or does not fit the picture")
        return plain
    # A profile that is sRGB by any name moves colours by rounding errors only: those pixels are better left alone.
    if max(high for _, high in ImageChops.difference(plain, converted).getextrema()) <= 2:
        return plain
    notes.append(f"converted from the colour profile '{description}' to sRGB")
    return converted


def _to_tensor(image: Image.Image, shape: tuple[int, int]) -> Tensor:
    """An image of mode RGB, L (8 bits) or F ([0, 1]) → (1, C, *shape), float32, in [0, 1]; Lanczos if resized."""
    scale = 1.0 if image.mode == "F" else 255.0
    if (image.height, image.width) != shape:
        image = image.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    values = np.atleast_3d(np.array(image)).astype(np.float32) / scale
    return torch.from_numpy(values).permute(2, 0, 1)[None].clamp(0, 1).contiguous()


def _from_array(source: np.ndarray | Tensor, background: str) -> Picture:
    """An array (H, W) or (H, W, C), a tensor (C, H, W) or (1, C, H, W), C = 1, 3 or 4 → a picture of the same size."""
    if isinstance(source, Tensor):
        kind, expected, swap = "tensor", "(3, height, width) or (1, 3, height, width)", "permute(2, 0, 1)"
        array = source.detach().cpu()
        array = (array.float() if array.is_floating_point() else array).numpy()
        array = array[0] if array.ndim == 4 and len(array) == 1 else array
        array = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
    else:
        kind, expected, swap = "array", "(height, width) or (height, width, 1 | 3 | 4)", "transpose(1, 2, 0)"
        array = source
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        hint = f", perhaps with .{swap}" if array.ndim == 3 and 3 in array.shape else ""
        raise InputError(f"the {kind} has shape {tuple(source.shape)}, no picture's: give {expected}{hint}")
    values = _unit(array, kind)
    mask, notes, (height, width, channels) = None, [], values.shape
    if channels == 4:
        alpha, colour = values[:, :, 3:], np.array(ImageColor.getrgb(background)[:3], np.float32) / 255
        values = values[:, :, :3] * alpha + colour * (1 - alpha)
        if alpha.min() < 1:
            mask = torch.from_numpy(alpha.copy()).permute(2, 0, 1)[None]
            notes.append(f"transparent parts laid on {background}")
    elif channels == 1:
        notes.append(GREY)
    pixels = torch.from_numpy(values).permute(2, 0, 1)[None].expand(1, 3, height, width).contiguous()
    return Picture(pixels, mask, tuple(notes), f"{kind} of {width}×{height}")


def _unit(array: np.ndarray, kind: str) -> np.ndarray:
    """Values of uint8, uint16 or float → float32 in [0, 1]."""
    if array.dtype in (np.uint8, np.uint16):
        return array.astype(np.float32) / np.iinfo(array.dtype).max
    if array.dtype.kind != "f":
        raise InputError(f"the {kind} holds {array.dtype}: give uint8 (0 to 255), uint16 or float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # NaN fails too; the tolerance is for rounding
        advice = "divide it by 255" if low >= 0 and 1 < high <= 255 else "clip it, after numpy.nan_to_num if need be"
        raise InputError(f"the {kind} holds values from {low:.4g} to {high:.4g}, but floats go from 0 to 1: {advice}")
    return array.astype(np.float32).clip(0, 1)


# --- sizes and words -----------------------------------------------------------------------------


def _check_request(size: int | None, side: str, background: str) -> None:
    choose("side", side, SIDES)
    if size is not None and (isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1):
        raise InputError(f"size {size!r} is no number of pixels: give a whole number such as 512, or None to keep it")
    try:
        ImageColor.getrgb(background)
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"unknown colour {background!r}: give a name such as 'white', or '#ff8800'") from error


def _plan(
    shape: tuple[int, int], name: str, size: int | None, side: str, enlarge: bool, smallest: int | None
) -> tuple[tuple[int, int], list[str]]:
    """The (height, width) that a picture of `shape` gets, and a note if that differs from what was asked or given."""
    wanted, notes = shape if size is None else fit(shape, size, side), []
    if max(wanted) > max(shape) and not enlarge:
        notes.append(f"kept at {_words(shape)}: smaller than size {size} (enlarge=True would enlarge it)")
        wanted = shape
    elif wanted != shape:
        notes.append(f"resized from {_words(shape)} to {_words(wanted)}")
    if wanted != shape and wanted[0] * wanted[1] > MAX_PIXELS:
        raise InputError(f"size {size} would make '{name}' {_words(wanted)} pixels: choose a smaller size")
    if smallest is not None and min(wanted) < smallest:
        after = f" ({notes[0]})" if notes else ""
        raise InputError(
            f"'{name}' is {_words(wanted)} pixels{after}, but each side needs at least {smallest}: "
            "give a larger picture or size"
        )
    return wanted, notes


def _words(shape: tuple[int, int]) -> str:
    return f"{shape[1]}×{shape[0]}"


def _short(thing: Any, limit: int = 100) -> str:
    """`str(thing)` on one line, its middle left out if it is long."""
    text = " ".join(str(thing).split()) or type(thing).__name__
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 3 :]}"


# --- files and the network -----------------------------------------------------------------------


def _options(kind: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What Pillow is told on saving: where the texts go, and how."""
    if kind == "PNG":
        info = PngInfo()
        for key, value in metadata.items():
            info.add_itxt(key, value)
        return {"pnginfo": info}
    exif = Image.Exif()
    if metadata:
        comment = json.dumps(metadata, ensure_ascii=False).encode()
        exif[EXIF_IFD] = {USER_COMMENT: UNDEFINED_CHARSET + comment}
    return {"exif": exif, "subsampling": 0}  # JPEG would blur colours across two pixels: brush strokes are made of them


def _fetch(url: str) -> bytes:
    """The bytes behind an http(s) address: at most `MAX_BYTES`, in about `TIMEOUT_S` seconds."""
    opener = urllib.request.OpenerDirector()  # the usual opener would follow a redirection to ftp
    for name in ("Proxy", "HTTP", "HTTPS", "HTTPRedirect", "HTTPDefaultError", "Unknown"):
        opener.add_handler(getattr(urllib.request, f"{name}Handler")())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    name, data, deadline = _short(url), bytearray(), time.monotonic() + TIMEOUT_S
    try:
        parts, safe = urlsplit(url), "/%:@!$&'()*+,;=?~"
        parts = parts._replace(path=quote(parts.path, safe), query=quote(parts.query, safe), fragment="")
        agent = {"User-Agent": f"nstlib (teaching kit; {REPOSITORY})"}
        request = urllib.request.Request(urlunsplit(parts), headers=agent)
        with opener.open(request, timeout=TIMEOUT_S / 2) as response:
            declared = int(response.headers.get("Content-Length") or 0)
            while max(declared, len(data)) <= MAX_BYTES and (chunk := response.read1(1 << 16)):
                data += chunk
                if time.monotonic() > deadline:
                    raise TimeoutError
    except HTTPError as error:
        error.close()
        raise InputError(f"'{name}' answered {error.code} {_short(error.reason)}: check it in a browser") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            advice = f"took longer than {TIMEOUT_S:g} s: try again, or download it in a browser and give the file"
            raise InputError(f"'{name}' {advice}") from error
        advice = "check the address and your connection, or give a file"
        raise InputError(f"'{name}' was not reached over the network ({_short(reason)}): {advice}") from error
    if max(declared, len(data)) > MAX_BYTES:
        raise InputError(f"'{name}' is larger than {MAX_BYTES / 1e6:g} MB: make it smaller and give the file")
    return bytes(data)


def _paintings() -> dict[str, dict[str, Any]]:
    """The catalogue of paintings by slug; every entry names its `file` on Wikimedia Commons."""
    catalogue = DATA / "paintings.toml"
    entries = tomllib.loads(catalogue.read_text(encoding="utf-8")) if catalogue.is_file() else {}
    return {slug: entry for slug, entry in entries.items() if isinstance(entry, dict) and "file" in entry}


def _painting(name: str, file: str) -> Path:
    """The painting in the cache folder, downloaded if it is not there yet."""
    cache = Path(platformdirs.user_cache_dir("nstlib")) / "paintings"
    path = cache / f"{name.partition('/')[2]}{Path(file).suffix.lower()}"
    if path.is_file():
        return path
    try:
        data = _fetch(f"{COMMONS}{quote(file.replace(' ', '_'), safe='')}?width=1024")
        _decode(BytesIO(data), name)  # the sign-in page of a café must not stay in the cache
    except InputError as error:
        here = [local for local in assets() if not local.startswith("painting/")][:4]
        raise InputError(f"{name} must be downloaded once, but {error}. Or use one of {', '.join(here)}") from error
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with whole(path) as target:
            target.write(data)
    except OSError as error:
        raise InputError(f"{name} could not be kept in '{cache}' ({_short(error)}): make room there") from error
    return path
