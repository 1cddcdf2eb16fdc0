"""The bytes of a picture file → an image, decoded and upright: six formats, bounded in size and time, none garbled.

This is where bytes from anywhere meet Pillow, which reads far more formats than the kit needs: some of them start other
programs, and some files of the others come out wrong without a word. So what is read is listed here, and what Pillow
garbles is refused with the reason.
"""

from __future__ import annotations

import re
import time
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from .errors import InputError, one_line

__all__ = ["MAX_PIXELS", "NAMES", "SMALLEST", "SUFFIXES", "decode", "upright"]

SMALLEST = 32  # pixels: the least side of a picture that is painted, or painted from
MAX_PIXELS = 150_000_000  # below Pillow's own limit (179 million), so that our message comes first
SECONDS = 30.0  # for one decoding: the largest picture takes a few, and some files are made never to end
MAX_SCANS = 100  # of a JPEG: a progressive one has ten or so, and each may cost as much as the whole picture

SIGNATURES = {  # the formats that are read, and how their files begin
    "PNG": rb"\x89PNG",
    "JPEG": rb"\xff\xd8",
    "WebP": rb"RIFF....WEBP",
    "GIF": rb"GIF8",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM",
}
NAMES = "PNG, JPEG, WebP, GIF, TIFF or BMP"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp"})  # of their files, usually

RAW_PHOTO = "a raw photo: export it as JPEG"
OTHER_FILES = {  # what stands near the start of other files: what they are, what to do
    rb"^(II\*\0....CR|....ftypcrx|IIRO|IIU\0|FUJIFILM)": RAW_PHOTO,  # the first of these looks like a TIFF
    rb"^....ftyp(hei|hev|mif|msf)": "a HEIC photo: export it as JPEG",
    rb"^....ftypavi": "an AVIF picture: export it as PNG or JPEG",
    rb"^(%!PS|\xc5\xd0\xd3\xc6)": "a PostScript file: export it as PNG",
    rb"^%PDF": "a PDF document: export the picture in it as PNG",
    rb"^8BPS": "a Photoshop document: export it as PNG",
    rb"(?i)<svg": "a drawing (SVG): export it as PNG",
    rb"(?i)<(html|!doctype html)": "a web page: copy the address of the picture on it instead",
}

ORIENTATION = 0x0112
# Tags of TIFF, and values of some of them.
SUBFILE, BITS, PHOTOMETRIC, PLANES, SUB_IFDS, SAMPLE_FORMAT, DNG_VERSION = 254, 258, 262, 284, 330, 339, 50706
THUMBNAIL, WHITE_IS_ZERO, SEPARATE, SIGNED = 1, 0, 2, 2

COLOURS = re.compile(rb"\0\0\0\x04cICP.([\x08\x10\x12])", re.DOTALL)  # of a PNG: linear light, or HDR of two kinds
END = b"\xff\xd9"  # of a JPEG
ROW = 17  # pixels that a JPEG's row of blocks is high at most, with the one above that takes colour from it
# A decoder of JPEG takes each for pixels, since none has an 0xff; they begin with different bits.
NOISES = tuple(
    bytes((first + step * n) % 255 for n in range(128)) for first, step in ((1, 1), (254, 254), (170, 0), (85, 0))
)


def decode(data: bytes, name: str) -> tuple[Image.Image, list[str]]:
    """Decode the bytes of a picture file, the first frame if there are several.

    Args:
        data: of the file.
        name: what to call it in messages.

    Returns:
        the image, upright; notes on what was changed.

    Raises:
        InputError: no picture in one of the formats that are read, or one that is too large, too slow, damaged, or of a
            kind that would come out garbled.
    """
    image = identify(data, name)
    try:
        notes = ["first of several frames"] if getattr(identify(data, name), "is_animated", False) else []
    except Exception:  # what follows the first frame is broken
        notes = []
    try:
        return upright(image, name, notes)
    except CutOff as error:
        image, note = without_its_end(data, name, error)
        return upright(image, name, [*notes, note])


def upright(image: Image.Image, name: str, notes: list[str]) -> tuple[Image.Image, list[str]]:
    """Decode all that has to be read from the file of an opened image, and turn it upright.

    Args:
        image: perhaps not decoded yet; its size is checked before that.
        name: what to call it in messages.
        notes: what was changed already.

    Returns:
        the image, which may be another; the notes, with those that came to them.

    Raises:
        InputError: see `decode`.
    """
    refuse_sizes(image, name)
    try:
        reason, notes = garbled(image), [*notes, *prepared(image)]
        turned = getattr(image, "tag_v2", {}).get(ORIENTATION, 1)  # Pillow turns a TIFF itself and forgets the tag
        if not reason:
            image.load()
    except Exception as error:
        if "closed image" in str(error) or (
            isinstance(error, AssertionError | AttributeError) and getattr(image, "fp", 0) is None
        ):
            raise InputError(f"'{name}' was closed before it was read: open it again, or give its path") from None
        raise unreadable(error, name, image.format) from error
    if reason:
        raise InputError(f"'{name}' is {reason}")
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
        if orientation in range(2, 9):
            image, turned = ImageOps.exif_transpose(image), orientation
    except Exception:  # broken EXIF, of which there are many kinds, is no reason to refuse a picture
        notes.append("EXIF ignored: it is broken")
    if turned in range(2, 9):
        notes.append(f"turned upright (EXIF orientation {turned})")
    return image, notes


# --- before decoding -----------------------------------------------------------------------------


class Timed(BytesIO):
    """Bytes that can be read for `SECONDS` only. Pillow reads while it decodes, so this ends a decoding without end."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.deadline = time.monotonic() + SECONDS

    def read(self, size: int | None = -1) -> bytes:
        if time.monotonic() > self.deadline:
            raise TimeoutError
        return super().read(size)


def identify(data: bytes, name: str) -> Image.Image:
    """The image in the bytes of a file, not decoded yet."""
    if not data:
        raise InputError(f"'{name}' is empty (0 bytes): download or export it again")
    if re.match(next(iter(OTHER_FILES)), data, re.DOTALL):
        raise InputError(f"'{name}' is {RAW_PHOTO}")
    if data.startswith(b"\x89PNG") and COLOURS.search(data, 0, max(0, data.find(b"IDAT"))):
        raise InputError(
            f"'{name}' is a PNG in HDR or in linear light, which would come out garbled: export it as JPEG"
        )
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
        raise InputError(f"'{name}' is a JPEG of more than {MAX_SCANS} scans: export it again, as PNG")
    try:
        return Image.open(Timed(data), formats=[kind.upper() for kind in SIGNATURES])
    except UnidentifiedImageError as error:
        raise InputError(f"'{name}' is {guess(data[:512])}") from error
    except Exception as error:
        raise unreadable(error, name) from error


def guess(head: bytes) -> str:
    """What a file that Pillow cannot read seems to be, and what to do about it."""
    for pattern, advice in OTHER_FILES.items():
        if re.search(pattern, head, re.DOTALL):
            return advice
    for kind, pattern in SIGNATURES.items():
        if re.match(pattern, head, re.DOTALL):
            return f"a {kind} file that is damaged, or of a rare kind: download it again, or export it as PNG"
    return f"no picture that can be read: give a {NAMES} file"


def refuse_sizes(image: Image.Image, name: str) -> None:
    if 0 in image.size:
        raise InputError(f"'{name}' has no pixels ({image.width}×{image.height}): export it again")
    if image.width * image.height > MAX_PIXELS:
        raise unreadable(Image.DecompressionBombError(), name)


def garbled(image: Image.Image) -> str:
    """What an image is that Pillow would show wrongly, and what to do about it; empty if it is none."""
    tags = getattr(image, "tag_v2", {})
    if DNG_VERSION in tags:
        return RAW_PHOTO
    if tags.get(SUBFILE, 0) & THUMBNAIL and (SUB_IFDS in tags or getattr(image, "is_animated", False)):
        return f"a TIFF that shows a thumbnail of {image.width}×{image.height} first: export the picture itself as JPEG"
    raw, deep = image.info.get("compression") == "raw", max(tags.get(BITS, (1,))) > 8
    apart = tags.get(PLANES) == SEPARATE
    grey = image.mode == "L" and not (raw and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)
    other = ""
    if apart and ((raw and deep) or not (grey or image.mode in ("RGB", "RGBA", "CMYK"))):
        other = "its channels apart"
    elif max(tags.get(SAMPLE_FORMAT, (1,))) == SIGNED and not deep:
        other = "signed numbers of 8 bits"
    elif image.mode in ("I", "F") and not raw and getattr(tags, "prefix", b"") == b"MM":
        other = "compressed big-endian numbers"
    if other:
        return f"a TIFF with {other}, which would come out garbled: export it as PNG"
    if image.format == "PNG" and image.mode == "RGB" and deep_channels(image) and "transparency" in image.info:
        return "a PNG with 16 bits per channel and one transparent colour: export it with 8 bits per channel"
    return ""


def deep_channels(image: Image.Image) -> bool:
    """Whether Pillow will reduce the channels of an image, not decoded yet, from 16 bits to 8."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) and not image.mode.startswith("I")


def prepared(image: Image.Image) -> list[str]:
    """Mend what Pillow would get wrong in an image, not decoded yet; notes."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", ())
    if image.format == "PNG" and image.mode == "L" and isinstance(key, int) and tiles:
        # The transparent grey is left as it is in the file, though greys of 2 and 4 bits become 8.
        key *= {"L;2": 85, "L;4": 17}.get(str(tiles[0][3]), 1)
        image.info["transparency"] = min(key, 255)
    if isinstance(image, JpegImageFile):
        image.decodermaxblock = 4096  # bytes at once: few scans, so that `Timed` can step in
    return ["16 bits per channel reduced to 8"] if deep_channels(image) else []


# --- when decoding fails -------------------------------------------------------------------------


class CutOff(InputError):
    """A JPEG that could not be decoded to its end."""


def unreadable(error: Exception, name: str, kind: str | None = None) -> InputError:
    """What an error of Pillow's means; each of its readers fails in its own way."""
    if isinstance(error, Image.DecompressionBombError):
        limit = f"more than {MAX_PIXELS / 1e6:g} million pixels"
        return InputError(f"'{name}' has {limit}: make it smaller in a picture editor first")
    if isinstance(error, TimeoutError):
        return InputError(f"'{name}' took longer than {SECONDS:g} s to decode: export it again, as PNG")
    if isinstance(error, MemoryError):
        return InputError(f"'{name}' does not fit into memory: make it smaller in a picture editor first")
    if "MAX_TEXT" in str(error):
        return InputError(f"'{name}' carries more text than Pillow reads: save it anew without its metadata")
    told = f"'{name}' is cut off or damaged ({one_line(error)}): download or export it again"
    return CutOff(told) if kind in ("JPEG", "MPO") else InputError(told)


def without_its_end(data: bytes, name: str, error: CutOff) -> tuple[Image.Image, str]:
    """A JPEG whose last bytes are missing, as viewers show it, if a row of its blocks is all that they held; a note.

    Where its data end, the decoder makes up what is missing. So the first row that changes with what is written there
    is the first that is not in the file.
    """
    data = data.rstrip(b"\xff\0")  # half an end, or the zeros of an unfinished download
    try:
        one, *others = (np.asarray(identify(data + more, name)) for more in (END, *(noise + END for noise in NOISES)))
        changed = np.flatnonzero(np.any([one != other for other in others], 0).reshape(len(one), -1).any(1))
    except Exception:
        raise error from None
    lost = len(one) - changed[0] if len(changed) else 0
    if lost > min(ROW, len(one) // 10) or not every_scan(data):
        raise error
    missing = f"up to {lost} of its lowest rows are made up" if lost else "but every row of it is there"
    return identify(data + END, name), f"its end is missing, {missing}"


def every_scan(data: bytes) -> bool:
    """Whether a JPEG holds every coefficient at full precision: a progressive one sends them bit by bit, in scans."""
    here, components, at = set(), 0, 2
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 4:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD7:  # inside the data of a scan
            at += 1
            continue
        if marker in (0xC0, 0xC1, 0xC2):  # a frame begins
            components = data[at + 9]
        if marker == 0xDA:  # a scan begins
            count = data[at + 4]
            first, last, bits = data[at + 5 + 2 * count : at + 8 + 2 * count]
            if bits & 15 == 0:
                parts = data[at + 5 : at + 5 + 2 * count : 2]
                here |= {(part, number) for part in parts for number in range(first, last + 1)}
        at += 2 + length
    return len(here) == 64 * components
