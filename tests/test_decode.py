"""What is let in: six formats, of bounded size and time, whole; and random damage, which must break nothing."""

import re
import struct
import subprocess
import time
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from by_hand import chunk, gif, png, segments, tiff
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from test_image import colour, noted, red_corner, refused

from nstlib import decode, gallery
from nstlib.errors import InputError
from nstlib.image import load_image

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n{ } loop\n%%EOF\n"


def saved(picture, kind, **options):
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photograph(width=160, height=120, mode="RGB"):
    """Detail everywhere, so that a block that is missing shows."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_the_formats_that_are_read(kind):
    assert load_image(saved(red_corner(), kind)).pixels.shape == (1, 3, 20, 40)
    assert kind.lower() in load_image.__doc__.lower() and kind.lower() in decode.NAMES.lower()
    assert any(f".{kind.lower()}".startswith(suffix) for suffix in decode.SUFFIXES)


def test_postscript_by_the_name_of_a_jpeg_starts_nothing(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(POSTSCRIPT)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started a program"))
    Image.init()
    monkeypatch.setitem(Image.OPEN, "EPS", (lambda *_: pytest.fail("read it"), Image.OPEN["EPS"][1]))
    for source in (tmp_path / "a.jpg", POSTSCRIPT):
        with refused("PostScript", "export it as PNG"):
            load_image(source)


def test_no_other_reader_sees_a_file(monkeypatch):
    Image.init()
    others = set(Image.OPEN) - {"PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"}
    for kind in others:
        monkeypatch.setitem(
            Image.OPEN, kind, (lambda *_: pytest.fail("read it"), lambda *_: pytest.fail("looked at it"))
        )
    written = set()
    for kind in others & set(Image.SAVE):
        with suppress(Exception), warnings.catch_warnings():  # what cannot be written here, or not in this mode
            warnings.simplefilter("ignore")
            data = saved(red_corner(64, 64), kind)
            written.add(kind)
            with refused("bytes"):
                load_image(data)
    assert {"PPM", "TGA", "PCX", "ICO", "EPS"} <= written


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\0\0\0\x1cftypavif\0\0\0\0", ["AVIF", "PNG"]),
        (b"%PDF-1.7", ["PDF", "PNG"]),
        (b"8BPS\0\1", ["Photoshop", "PNG"]),
        (b"\0\0\0\x18ftypcrx isom", ["raw photo", "JPEG"]),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), ["raw photo", "JPEG"]),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), ["PNG file that is damaged"]),
        (b"\xff\xd8\xff\xe0" + bytes(99), ["damaged"]),
        (b"GIF89a", ["GIF file that is damaged"]),
        (b"RIFF\0\0\0\0WEBPVP8 ", ["damaged"]),
        (b"RIFF\0\0\0\0WAVEfmt ", ["no picture", "WebP"]),
        (tiff((np.zeros((4, 4, 3)), 2, {})), ["TIFF file", "rare kind", "PNG"]),  # floats of 64 bits
    ],
)
def test_what_else_a_file_may_be(data, words):
    with refused("bytes", *words):
        load_image(data)


# --- size and time -------------------------------------------------------------------------------


def jpeg_of(width, height):
    """The head of a JPEG that tells of so many pixels."""
    data = bytearray(saved(red_corner(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_of(width, height):
    inner = b"VP8X" + struct.pack("<II", 10, 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    inner += saved(red_corner(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(inner) + 4) + b"WEBP" + inner


GREY = np.zeros((4, 4, 1), np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        png(GREY, 8, 0, size=(2**30, 2**30)),
        jpeg_of(65_000, 65_000),
        gif(1, size=(8, 8)).replace(struct.pack("<HH", 8, 8), struct.pack("<HH", 65_535, 65_535)),
        tiff((GREY, 1, {256: 2**31 - 1, 257: 2**31 - 1})),
        tiff((GREY, 1, {256: 150_001, 257: 1000}), deflate=True),
        saved(red_corner(), "BMP").replace(struct.pack("<II", 40, 20), struct.pack("<II", 2**30, 2**30)),
        webp_of(16_383, 16_383),
    ],
    ids=["PNG", "JPEG", "GIF", "TIFF", "deflated TIFF", "BMP", "WebP"],
)
def test_a_huge_declared_size_is_refused_before_decoding(data, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded it"))
    start = time.monotonic()
    with refused("bytes"):
        load_image(data)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "name, head",
    [(b"zTXt", b"Comment\0\0"), (b"iTXt", b"Comment\0\1\0\0\0"), (b"iCCP", b"profile\0\0")],
)
def test_text_and_profiles_that_unpack_without_end(name, head):
    data = png(GREY, 8, 0, (name, head + zlib.compress(bytes(100_000_000), 9)))
    assert len(data) < 200_000
    start = time.monotonic()
    with suppress(InputError):
        load_image(data)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "data",
    [gif(10_000), tiff(*[(GREY, 1, {})] * 10_000)],
    ids=["GIF", "TIFF"],
)
def test_ten_thousand_frames_are_not_counted(data):
    start = time.monotonic()
    assert noted(load_image(data), "first of several frames")
    assert time.monotonic() - start < 1


def test_a_jpeg_of_scans_without_end():
    """A progressive JPEG may repeat its last scan as often as it likes; each time, the decoder does all its work."""
    *first, (marker, scan) = segments(saved(Image.new("L", (3000, 3000)), "JPEG", progressive=True))
    assert marker == 0xDA and len(scan) < 100
    parts = b"\xff\xd8" + b"".join(data for _, data in first)
    start = time.monotonic()
    with refused("more than 100 scans", "export it again"):
        load_image(parts + scan * 4000 + b"\xff\xd9")
    assert time.monotonic() - start < 1
    load_image(parts + scan + b"\xff\xd9", 30)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP"])
def test_decoding_ends_after_the_stated_time(monkeypatch, kind):
    """By a clock on which each look takes a second; a WebP is read at once, so its size alone bounds it."""
    data = saved(Image.effect_noise((2000, 1500), 99).convert("RGB"), kind)
    now = count()
    monkeypatch.setattr(decode, "time", SimpleNamespace(monotonic=lambda: next(now)))
    with refused("took longer than 30 s to decode", "export it again"):
        load_image(data)
    assert next(now) < 100


def test_a_jpeg_is_decoded_in_small_pieces(monkeypatch):
    """Few scans at a time, each of which may take long, so that the clock is looked at in between."""
    data, now = saved(Image.effect_noise((1500, 1000), 99), "JPEG", quality=95), count()
    monkeypatch.setattr(decode, "time", SimpleNamespace(monotonic=lambda: next(now)))
    monkeypatch.setattr(decode, "SECONDS", 1e9)
    load_image(data)
    assert next(now) > len(data) / 5000 > 200


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_FILE_BYTES", 10_000)
    red_corner().save(tmp_path / "a.png")
    load_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(bytes(10_001))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("read it"))
    with refused("a.png", "larger than", "GB", "smaller"):
        load_image(tmp_path / "a.png")


# --- a JPEG without its end ----------------------------------------------------------------------

WAYS = [
    {"subsampling": 0},
    {"subsampling": 2},
    {"progressive": True},
    {"subsampling": 2, "restart_marker_blocks": 3},
    {"mode": "L"},
    {"mode": "CMYK"},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("missing", [1, 2, 3, 8])
def test_a_jpeg_without_its_last_bytes_is_taken(way, missing):
    options = {**way}
    data = saved(photograph(mode=options.pop("mode", "RGB")), "JPEG", quality=90, **options)
    whole, cut = load_image(data).pixels, load_image(data[:-missing])
    assert noted(cut, "its end is missing")
    assert (cut.pixels - whole)[..., :-16, :].abs().max() == 0
    if missing < 3:
        assert noted(cut, "every row of it is there") and (cut.pixels - whole).abs().max() == 0
    else:
        assert noted(cut, "of its lowest rows are made up") or (cut.pixels - whole).abs().max() == 0
    padded = load_image(data[:-missing] + bytes(5000))  # of a download that was given its length beforehand
    assert (padded.pixels - cut.pixels).abs().max() == 0


@pytest.mark.parametrize("missing", range(3, 60, 3))
@pytest.mark.parametrize("options", [{}, {"quality": 50}, {"subsampling": 0}], ids=str)
def test_rows_that_are_made_up_are_told(missing, options):
    data = saved(photograph(320, 320), "JPEG", **{"quality": 90, **options})
    cut = load_image(data[:-missing])
    differ = (cut.pixels - load_image(data).pixels).abs().amax((0, 1, 3)).nonzero().flatten()
    if len(differ):
        told = int(re.search(r"up to (\d+) of its lowest rows are made up", str(cut.notes))[1])
        assert told >= 320 - int(differ[0])


def test_a_picture_with_too_much_text_says_so():
    text = PngInfo()
    text.add_text("Comment", "a" * 3_000_000, zip=True)
    with refused("more text", "without its metadata"):
        load_image(saved(photograph(), "PNG", pnginfo=text))


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.65, 0.8])
def test_a_jpeg_that_is_cut_off_is_refused(way, share):
    options = {**way}
    data = saved(photograph(mode=options.pop("mode", "RGB")), "JPEG", quality=90, **options)
    with refused("cut off", "download or export it again"):
        load_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 3}], ids=str)
def test_a_jpeg_cut_off_where_all_is_white_is_refused(options):
    """There, what a decoder makes up looks like what is missing; a viewer shows no harm either."""
    picture = Image.new("RGB", (320, 320), "white")
    picture.paste("black", (0, 0, 320, 8))
    picture.paste("black", (0, 312, 320, 320))
    data = saved(picture, "JPEG", **options)
    with refused("cut off"):
        load_image(data[: int(len(data) * 0.8)])


def test_a_progressive_jpeg_is_refused_without_any_of_its_scans():
    parts = list(segments(saved(photograph(), "JPEG", progressive=True)))
    scans = [number for number, (marker, _) in enumerate(parts) if marker == 0xDA]
    assert len(scans) > 5
    for number in scans[1:]:
        with refused("cut off"):
            load_image(b"\xff\xd8" + b"".join(data for _, data in parts[:number]))


# --- upright -------------------------------------------------------------------------------------


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_and_says_so(orientation, deflate):
    corner = {1: (0, 0), 2: (39, 0), 3: (39, 19), 4: (0, 19), 5: (0, 0), 6: (19, 0), 7: (19, 39), 8: (0, 39)}[
        orientation
    ]
    data = tiff((np.asarray(red_corner()), 2, {274: orientation}), deflate=deflate)
    with Image.open(BytesIO(data)) as opened:
        for picture in (load_image(data), load_image(opened)):
            assert colour(picture, *corner) == [255, 0, 0]
            assert noted(picture, f"EXIF orientation {orientation}") == (orientation > 1)


# --- the picture, not its thumbnail --------------------------------------------------------------

SMALL, LARGE = np.zeros((8, 12, 3), np.uint8), np.full((80, 120, 3), 9, np.uint8)


def test_a_thumbnail_is_not_taken_for_the_picture():
    with refused("thumbnail of 12×8", "export the picture itself"):
        load_image(tiff((SMALL, 2, {254: 1}), (LARGE, 2, {})))
    with refused("thumbnail of 12×8"):
        load_image(tiff((SMALL, 2, {254: 1, 330: 8})))  # the photo lies elsewhere in the file
    with refused("raw photo", "JPEG"):
        load_image(tiff((SMALL, 2, {254: 1, 330: 8, 50706: b"\1\4\0\0"})))
    canon = bytearray(tiff((SMALL, 2, {})))
    load_image(bytes(canon))
    canon[8:12] = b"CR\2\0"  # here over pixels
    with refused("raw photo", "JPEG"):
        load_image(bytes(canon))
    for whole in ((LARGE, 2, {330: 8}), (LARGE, 2, {254: 1}), (LARGE, 2, {254: 2})):
        assert load_image(tiff(whole)).pixels.shape == (1, 3, 80, 120)
    assert load_image(tiff((LARGE, 2, {}), (SMALL, 2, {254: 1}))).pixels.shape == (1, 3, 80, 120)


def test_what_follows_the_first_frame_does_not_matter():
    data = gif(2)[:-40] + b"\0\0\0;"
    assert colour(load_image(data), 7, 7) == [255, 0, 0]


# --- inputs that once failed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, words",
    [
        ("cutout_style.png", ["transparent parts"]),
        ("exif6.tiff", ["EXIF orientation 6"]),
        ("grey32.tiff", ["4.29497e+09 white"]),
        ("greyf_over1.tiff", ["1 white"]),
        ("greyi32_small.tiff", ["759 white"]),
        ("miniswhite16.tiff", ["0 white"]),
        ("trunc_tail.jpg", ["its end is missing"]),
        ("wide5000x20.png", []),
        ("loop_ps.jpg", None),
        ("photo.dng", None),
    ],
)
def test_inputs_that_once_failed(name, words):
    if not (CASES / name).is_file():
        pytest.skip(f"needs {CASES}")
    if words is None:
        with refused(name, "export"):
            load_image(CASES / name)
    else:
        picture = load_image(CASES / name)
        assert 0.4 < picture.pixels.mean() < 0.9 and picture.pixels.std() > 0.1
        assert all(noted(picture, word) for word in words)


# --- random damage -------------------------------------------------------------------------------

WHOLE = [
    *(saved(red_corner(), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")),
    saved(
        red_corner(), "JPEG", progressive=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    ),
    saved(red_corner().convert("CMYK"), "JPEG"),
    saved(red_corner().convert("P"), "PNG", transparency=1),
    saved(red_corner(), "TIFF", compression="tiff_lzw"),
    saved(red_corner(), "TIFF", compression="jpeg"),
    saved(red_corner(), "PNG", save_all=True, append_images=[Image.new("RGB", (40, 20))]),
    tiff((np.linspace(-1, 2, 64, dtype=np.float32).reshape(8, 8, 1), 0, {274: 3})),
    tiff((np.arange(64, dtype=np.int32).reshape(8, 8, 1), 1, {}), order=">", deflate=True),
    png(np.arange(64).reshape(8, 8, 1) * 999, 16, 0, (b"tRNS", b"\0\0"), (b"gAMA", b"\0\0\xb1\x8f")),
    gif(3),
]


@st.composite
def damaged(draw):
    """A whole file with some of its bytes changed, left out or put in, most of them near its start."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1) | st.integers(0, min(len(data), 200) - 1))
        more = draw(
            st.binary(min_size=1, max_size=4) | st.sampled_from([b"", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff"])
        )
        data[at : at + draw(st.sampled_from([0, len(more), len(more), 9]))] = more
    data = data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data
    # A PNG is refused for its checksums alone; with new ones, what they guard is reached.
    return with_new_checksums(bytes(data)) if draw(st.booleans()) else bytes(data)


def with_new_checksums(data):
    at, rest = 8, data[:8]
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        rest += chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return rest if len(rest) > 8 else data


@settings(
    max_examples=600, deadline=2000, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.binary(max_size=64) | damaged())
@example(b"")
def test_whatever_the_bytes_they_are_a_picture_or_refused_in_one_line(data):
    try:
        with patch.object(decode, "MAX_PIXELS", 1_000_000):  # a larger one is refused, or takes its time
            picture = load_image(data, 24)
    except InputError as error:
        assert "\n" not in str(error) and str(error).startswith("'bytes'")
    else:
        assert picture.pixels.isfinite().all() and 0 <= picture.pixels.min() <= picture.pixels.max() <= 1
        assert picture.mask is None or picture.mask.shape[-2:] == picture.pixels.shape[-2:]
