"""An image of any mode → its colours in sRGB, and its transparency apart."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageCms

from .errors import InputError, one_line

__all__ = ["GREY", "flatten"]

GREY = "grey copied into three channels"
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
WHITE_IS_ZERO, UNSIGNED = 0, 1  # values of PHOTOMETRIC and of SAMPLE_FORMAT


def flatten(image: Image.Image, name: str, background: str, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """Lay an image on a colour, in sRGB.

    Args:
        image: of any mode, decoded.
        name: what to call it in messages.
        background: the colour that comes under transparent parts.
        notes: what was changed; what changes here is added.

    Returns:
        an image of mode RGB, or F in [0, 1] for deep grey; its alpha (mode L), or None if it is opaque.

    Raises:
        InputError: the image holds NaN or infinite values.
    """
    deep = image.mode == "F" or image.mode.startswith("I")
    if image.mode in ("RGBa", "La"):
        image = image.convert(image.mode.upper())
    elif image.mode == "P" and image.has_transparency_data:
        image = image.convert("RGBA")
    alpha = transparency(image)
    image = deep_grey(image, name, notes) if deep else to_srgb(image, notes)
    if alpha is None or alpha.getextrema() == (255, 255):
        return image, None
    notes.append(f"transparent parts laid on {background}")
    image = Image.fromarray((np.asarray(image) * 255).round().astype(np.uint8)).convert("RGB") if deep else image
    return Image.composite(image, Image.new("RGB", image.size, background), alpha), alpha


def transparency(image: Image.Image) -> Image.Image | None:
    """The alpha of an image, of mode L, if it has any."""
    if not image.has_transparency_data:
        return None
    key = image.info.get("transparency")
    if isinstance(key, int) and image.mode != "P":  # one grey is transparent; not every version of Pillow finds it
        key = bool(key) if image.mode == "1" else key  # 1 or 255
        return Image.fromarray(np.where(np.array(image) == key, 0, 255).astype(np.uint8))
    return image.convert("RGBA").getchannel("A")


# --- grey of more than 8 bits --------------------------------------------------------------------


def deep_grey(image: Image.Image, name: str, notes: list[str]) -> Image.Image:
    """Grey of 16 or 32 bits → mode F in [0, 1], scaled rather than cut at 255."""
    tags = getattr(image, "tag_v2", {})
    values = np.array(image)
    if image.mode == "I" and tags and tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] == UNSIGNED:
        values = values.view(np.uint32)  # Pillow knows signed numbers only
    if not np.isfinite(values).all():
        raise InputError(f"'{name}' holds NaN or infinite values: replace them (numpy.nan_to_num) and load it again")
    black, white = ends(values, tags.get(BITS, (8 * values.itemsize,))[0])
    scaled = ((values.astype(np.float64) - black) / (white - black)).clip(0, 1)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        scaled, black, white = 1 - scaled, white, black
    notes.append(f"grey of more than 8 bits scaled: {black:g} became black, {white:g} white")
    if image.info.get("icc_profile") or power_of(image):
        greys = ramp()
        greys.info = {key: image.info[key] for key in ("icc_profile", "gamma", "srgb") if key in image.info}
        scaled = np.interp(scaled, np.linspace(0, 1, 256), np.asarray(to_srgb(greys, notes))[0].mean(1) / 255)
    return Image.fromarray(scaled.astype(np.float32))


def ends(values: np.ndarray, bits: int) -> tuple[float, float]:
    """The numbers that are black and white in deep grey.

    16 unsigned bits or fewer have a white of their own. Other numbers have none that all agree on: a usual one is
    taken, or the brightest number if the usual one would leave the picture nearly black.
    """
    if values.dtype.kind == "u" and bits <= 16:
        return 0.0, 2.0**bits - 1
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        usual, slack = (1, 255, 65535), 0.1  # resampling overshoots a little, and that is cut
    else:
        most = 2 ** (bits - (values.dtype.kind == "i")) - 1
        usual, slack = (*(white for white in (255, 65535) if white < most), most), 0.0
    white = next((white for white in usual if high <= white * (1 + slack)), high)
    if low < -slack * white:
        return low, max(high, low + 1)
    return 0.0, (high or 1.0) if white > 1 and high < white / 4 else white


# --- colours -------------------------------------------------------------------------------------


def to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Any mode of 8 bits → RGB, through the colour profile if there is one; transparency is dropped."""
    own = {"1": "L", "LA": "L", "L": "L", "CMYK": "CMYK", "LAB": "LAB"}.get(image.mode, "RGB")
    words = {"L": GREY, "CMYK": "converted from CMYK", "LAB": "converted from Lab"}
    notes += [words[own]] if own in words else []
    if own == "LAB":  # Pillow converts it through a profile only
        return through_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    plain = image.convert("RGB")
    if not image.info.get("icc_profile"):
        return from_light(plain, power, notes) if (power := power_of(image)) else plain
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        description = one_line(ImageCms.getProfileDescription(profile))
        space = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}.get(profile.profile.xcolor_space.strip())
        if space != own and (own, space) != ("L", "RGB"):
            raise ValueError("the profile is for another kind of picture")
        converted = through_profile(image.convert(space), profile)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("colour profile ignored: it is broken or does not fit the picture")
        return plain
    # A profile that is sRGB by any name moves colours by rounding errors only: those pixels are better left alone.
    if np.asarray(ImageChops.difference(plain, converted)).max() <= 2:
        return plain
    notes.append(f"converted from the colour profile '{description}' to sRGB")
    return converted


def power_of(image: Image.Image) -> float | None:
    """The power of light that the numbers of a PNG are, 1 for light itself; None where that may be taken for sRGB.

    Nearly all that name one name 1 / 2.2 and mean sRGB; some programs write one that no picture has.
    """
    power = image.info.get("gamma")
    if not isinstance(power, float) or not 0.1 < power < 10 or "srgb" in image.info:
        return None
    return power if abs(2.2 * power - 1) > 0.05 else None


def from_light(image: Image.Image, power: float, notes: list[str]) -> Image.Image:
    """An image of mode RGB whose numbers are a power of light → sRGB (IEC 61966-2-1)."""
    notes.append(f"converted from light to the power of {power:g} to sRGB")
    light = np.linspace(0, 1, 256) ** (1 / power)
    levels = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    return image.point((255 * levels).round().astype(int).tolist() * 3)


def through_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """An image whose colours a profile explains → RGB in sRGB."""
    grey = image.mode == "L"
    # What makes it fast makes dark greys too dark, by ten levels and more; so all greys are converted slowly, but once.
    flags = ImageCms.Flags.NOOPTIMIZE if grey else ImageCms.Flags.NONE
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), image.mode, "RGB", flags=flags)
    return (
        Image.fromarray(np.asarray(transform.apply(ramp()))[0][np.asarray(image)]) if grey else transform.apply(image)
    )


def ramp() -> Image.Image:
    """All greys of 8 bits, from black to white."""
    return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
