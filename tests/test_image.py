"""Pictures of every kind, made on the spot, and what `nstlib.image` makes of them."""

import gc
import json
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from nstlib.errors import InputError
from nstlib.image import Picture, fit, load_image, resize, to_pil
from nstlib.saving import check_writable, read_metadata, save_image

RED, WHITE, LEVEL = (255, 0, 0), (255, 255, 255), 1 / 255
# Colours of white and of the primaries (columns), as profiles store them.
D50 = (0.9642, 1.0, 0.8249)
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def red_corner(width=40, height=20):
    """White, with a red square at the top left."""
    picture = Image.new("RGB", (width, height), WHITE)
    picture.paste(RED, (0, 0, 8, 8))
    return picture


def gradient(height=6, width=8):
    """(1, 3, height, width), every pixel another colour, exact in 8 bits."""
    values = torch.arange(3 * height * width).reshape(1, 3, height, width) % 256
    return values / 255


def colour(picture, x, y):
    return [round(value * 255) for value in picture.pixels[0, :, y, x].tolist()]


def noted(picture, words):
    return any(words in note for note in picture.notes)


@contextmanager
def refused(*words):
    """Expect an `InputError` of one line that holds all the words."""
    with pytest.raises(InputError) as caught:
        yield caught
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


# --- what comes out ------------------------------------------------------------------------------


def test_a_path_becomes_a_float_tensor_in_unit_range(tmp_path):
    red_corner().save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", str(tmp_path / "a.png")):
        picture = load_image(source)
        assert picture.pixels.shape == (1, 3, 20, 40) and picture.pixels.dtype == torch.float32
        assert picture.pixels.min() == 0 and picture.pixels.max() == 1
        assert colour(picture, 0, 0) == [255, 0, 0] and colour(picture, 39, 19) == [255, 255, 255]
        assert picture.mask is None and picture.notes == () and picture.source == "a.png"


def test_bytes_and_pil_images(tmp_path):
    buffer = BytesIO()
    red_corner().save(buffer, "PNG")
    assert torch.equal(load_image(buffer.getvalue()).pixels, load_image(red_corner()).pixels)
    red_corner().save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert load_image(opened).source == "a.png"
        opened.copy()  # still open: a caller's image is a caller's


def test_a_picture_passes_through_and_can_be_resized():
    picture = Picture(gradient(), mask=torch.ones(1, 1, 6, 8), notes=("first",), source="mine")
    assert torch.equal(load_image(picture).pixels, picture.pixels)
    small = load_image(picture, 4)
    assert small.pixels.shape == (1, 3, 3, 4) and small.mask.shape == (1, 1, 3, 4)
    assert small.notes == ("first", "resized from 8×6 to 4×3") and small.source == "mine"


@pytest.mark.parametrize("kind", [Picture, SimpleNamespace, torch.Tensor, np.ndarray])
def test_what_is_done_to_the_callers_picture_is_not_done_to_what_was_loaded(kind):
    pixels, mask = gradient(), torch.ones(1, 1, 6, 8)
    made_of = {
        Picture: lambda: Picture(pixels, mask=mask),
        SimpleNamespace: lambda: SimpleNamespace(image=pixels),
        torch.Tensor: lambda: pixels,
        np.ndarray: lambda: pixels[0].permute(1, 2, 0).numpy(),
    }
    loaded, before = load_image(made_of[kind]()), gradient()
    pixels.mul_(0.2), mask.mul_(0)
    assert torch.equal(loaded.pixels, before) and (loaded.mask is None or bool((loaded.mask == 1).all()))


@pytest.mark.parametrize("source", [3, None, ["a.png"]])
def test_other_types_are_refused(source):
    with refused(type(source).__name__, "a path, a URL"):
        load_image(source)


# --- arrays and tensors --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3)])
@pytest.mark.parametrize("dtype, half", [("uint8", 128), ("uint16", 32768), ("float32", 0.5), ("float64", 0.5)])
def test_arrays(shape, dtype, half):
    picture = load_image(np.full(shape, half, dtype))
    assert picture.pixels.shape == (1, 3, 4, 6) and picture.pixels.dtype == torch.float32
    assert picture.pixels.mean().item() == pytest.approx(0.5, abs=0.003)
    assert picture.source == "array of 6×4"


@pytest.mark.parametrize("lead", [(), (1,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_tensors(lead, dtype):
    tensor = gradient().reshape(*lead, 3, 6, 8).to(dtype).requires_grad_()
    picture = load_image(tensor)
    assert not picture.pixels.requires_grad and picture.pixels.dtype == torch.float32
    assert torch.allclose(picture.pixels, gradient(), atol=0.005)


def test_a_tensor_of_bytes():
    tensor = (gradient() * 255).round().byte()
    assert torch.equal(load_image(tensor[0]).pixels, gradient())


BYTES = (gradient() * 255).round().byte()[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    "array",
    [
        (BYTES.astype(np.uint16) * 257).astype(">u2"),
        (BYTES / 255).astype(">f4"),
        BYTES / np.longdouble(255),
        np.asfortranarray(BYTES),
        np.ascontiguousarray(BYTES[::-1, ::-1])[::-1, ::-1],
        np.repeat(BYTES, 2, 0)[::2],
        np.broadcast_to(BYTES, (1, *BYTES.shape))[0],
        np.ma.array(BYTES),
    ],
    ids=[
        "big-endian",
        "big-endian floats",
        "long floats",
        "Fortran",
        "negative strides",
        "gaps",
        "read-only",
        "unmasked",
    ],
)
def test_arrays_however_they_lie_in_memory(array):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (load_image(array).pixels - gradient()).abs().max() < 1e-6


def test_black_and_white():
    spots = np.eye(4, dtype=bool)
    for source in (spots, torch.from_numpy(spots)[None]):
        assert torch.equal(load_image(source).pixels[0, 0], torch.eye(4))


def test_a_matrix_is_an_array():
    """Divided as it is, NumPy 2.4 dies of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = np.matrix([[0, 51], [102, 255]], dtype=np.uint8)
    assert torch.allclose(load_image(matrix).pixels[0, 1], torch.tensor([[0, 0.2], [0.4, 1]]))


def test_a_tensor_that_is_the_imaginary_part_of_another():
    turned = torch.complex(torch.zeros(3, 6, 8), -gradient()[0]).conj()
    assert torch.equal(load_image(turned.imag).pixels, gradient())


def test_inference_mode(tmp_path):
    """Whatever is made in it can be kept by no optimiser; what is loaded can."""
    with torch.inference_mode():
        made = gradient() * 1
        picture = Picture(made, mask=made[:, :1] * 1)
        inside = [load_image(source, size) for source in (made, red_corner(), BYTES, picture) for size in (None, 5)]
    outside = [load_image(source, size) for source in (made, picture) for size in (None, 5)]
    for loaded in (*inside, *outside):
        leaf = loaded.pixels.requires_grad_()
        leaf.square().sum().backward()
        assert torch.equal(leaf.grad, 2 * leaf.detach())
        assert loaded.mask is None or not loaded.mask.is_inference()


def test_loading_does_not_touch_the_array():
    array = np.full((4, 6, 4), 0.5, np.float32)
    load_image(array, 3)
    assert (array == 0.5).all()


def test_an_array_with_alpha():
    array = np.zeros((4, 6, 4))
    array[:, :3, 3] = 1
    picture = load_image(array, background="#ff0000")
    assert colour(picture, 0, 0) == [0, 0, 0] and colour(picture, 5, 0) == [255, 0, 0]
    assert picture.mask.shape == (1, 1, 4, 6) and picture.mask[0, 0, 0].tolist() == [1, 1, 1, 0, 0, 0]
    assert noted(picture, "laid on #ff0000")


@pytest.mark.parametrize(
    "array, words",
    [
        (np.zeros((3, 40, 60)), ["(3, 40, 60)", "transpose(1, 2, 0)"]),
        (torch.zeros(40, 60, 3), ["(40, 60, 3)", "permute(2, 0, 1)"]),
        (torch.zeros(2, 3, 40, 60), ["(2, 3, 40, 60)", "(1, 3, height, width)"]),
        (np.zeros((0, 6, 3)), ["(0, 6, 3)", "no pixels"]),
        (np.zeros((0, 0)), ["(0, 0)", "no pixels"]),
        (torch.zeros(1, 3, 0, 0), ["(1, 3, 0, 0)", "no pixels"]),
        (np.ma.masked_greater(BYTES, 9), ["masked", "filled"]),
        (np.zeros((4, 6), complex), ["complex128"]),
        (np.zeros((4, 6), object), ["object"]),
        (torch.eye(4).to_sparse(), ["Sparse", "dense"]),
        (torch.zeros(3, 4, 6, device="meta"), ["meta", "dense"]),
        (np.zeros(5), ["(5,)"]),
        (np.full((4, 6, 3), 9), ["int64", "uint8"]),
        (np.ones((4, 6), int), ["int64", "give bool"]),
        (np.full((4, 6), 2.0), ["2", "what is white in it, 2 or 255"]),
        (np.full((4, 6), 200.0), ["200", "divide it by 255"]),
        (np.full((4, 6), -1.0), ["-1", "clip"]),
        (np.full((4, 6), np.nan), ["nan", "nan_to_num"]),
        (torch.full((3, 4, 6), torch.inf), ["inf", "nan_to_num"]),
    ],
)
def test_arrays_that_are_no_pictures(array, words):
    with refused(*words):
        load_image(array)


# --- modes, profiles, orientation ----------------------------------------------------------------


@pytest.mark.parametrize(
    "orientation, corner",
    [
        *[(1, (0, 0)), (2, (39, 0)), (3, (39, 19)), (4, (0, 19))],
        *[(5, (0, 0)), (6, (19, 0)), (7, (19, 39)), (8, (0, 39))],
    ],
)
def test_exif_orientation_puts_the_red_corner_where_it_belongs(tmp_path, orientation, corner):
    exif = Image.Exif()
    exif[0x0112] = orientation
    red_corner().save(tmp_path / "a.png", exif=exif)
    picture = load_image(tmp_path / "a.png")
    assert picture.pixels.shape[-2:] == ((20, 40) if orientation < 5 else (40, 20))
    assert colour(picture, *corner) == [255, 0, 0]
    assert (picture.pixels[0, 1] == 0).sum() == 64  # the rest is white
    assert noted(picture, f"EXIF orientation {orientation}") == (orientation > 1)


def test_broken_exif_is_no_reason_to_refuse(tmp_path):
    red_corner().save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert load_image(tmp_path / "a.jpg").pixels.shape == (1, 3, 20, 40)


def profile(space=b"RGB "):
    """A colour profile like Adobe RGB (1998), whose green is far greener than sRGB's, or (b"GRAY") of linear grey."""

    def xyz(x, y, z):
        return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))

    def curve(gamma):
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)

    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 10) + b"Wide RGB \0" + bytes(78), b"wtpt": xyz(*D50)}
    if space == b"GRAY":
        tags[b"kTRC"] = curve(1.0)
    else:
        tags |= {name + b"XYZ": xyz(*column) for name, column in zip((b"r", b"g", b"b"), ADOBE.T, strict=True)}
        tags |= {name + b"TRC": curve(2.2) for name in (b"r", b"g", b"b")}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I", start + len(body)) + bytes(4) + b"\x02\x20\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in D50))
    return head.ljust(128, b"\0") + table + body


@pytest.mark.parametrize("given", [(200, 100, 100), (100, 160, 120), (128, 128, 128)])
def test_a_colour_profile_is_converted_to_srgb(tmp_path, given):
    linear = np.linalg.solve(SRGB, ADOBE @ (np.array(given) / 255) ** 2.2)
    expected = np.where(linear > 0.0031308, 1.055 * linear.clip(1e-9) ** (1 / 2.4) - 0.055, 12.92 * linear)
    Image.new("RGB", (8, 8), given).save(tmp_path / "a.png", icc_profile=profile())
    picture = load_image(tmp_path / "a.png")
    assert picture.pixels[0, :, 0, 0].numpy() == pytest.approx(expected, abs=2 * LEVEL)
    assert noted(picture, "'Wide RGB' to sRGB") == (given != (128, 128, 128))  # grey stays grey: nothing to tell


def test_an_srgb_profile_leaves_every_pixel_alone(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    to_pil(gradient(16, 16)).save(tmp_path / "a.png", icc_profile=srgb)
    picture = load_image(tmp_path / "a.png")
    assert torch.equal(picture.pixels, gradient(16, 16)) and picture.notes == ()


def test_profile_and_transparency_together(tmp_path):
    Image.new("RGBA", (8, 8), (100, 160, 120, 0)).save(tmp_path / "a.png", icc_profile=profile())
    picture = load_image(tmp_path / "a.png")
    assert colour(picture, 0, 0) == [255, 255, 255] and len(picture.notes) == 2


def test_a_grey_profile(tmp_path):
    light = np.arange(256) / 255
    expected = np.where(light > 0.0031308, 1.055 * light.clip(1e-9) ** (1 / 2.4) - 0.055, 12.92 * light)
    Image.fromarray(np.arange(256, dtype=np.uint8)[None]).save(tmp_path / "a.png", icc_profile=profile(b"GRAY"))
    picture = load_image(tmp_path / "a.png")
    assert all(row.numpy() == pytest.approx(expected, abs=LEVEL) for row in picture.pixels[0, :, 0])


@pytest.mark.parametrize("mode, icc", [("RGB", b"no profile at all"), ("CMYK", profile()), ("RGB", profile(b"GRAY"))])
def test_a_profile_that_cannot_be_used_is_ignored(tmp_path, mode, icc):
    Image.new(mode, (8, 8)).save(tmp_path / "a.tif", icc_profile=icc)
    picture = load_image(tmp_path / "a.tif")
    assert colour(picture, 0, 0) == ([0, 0, 0] if mode == "RGB" else [255, 255, 255])
    assert noted(picture, "colour profile ignored")


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    picture = load_image(tmp_path / "a.jpg")
    assert picture.pixels[0, :, 4, 4].tolist() == pytest.approx([1, 0, 0], abs=3 * LEVEL)
    assert noted(picture, "converted from CMYK")


def test_lab(tmp_path):
    Image.new("LAB", (8, 8), (255, 128, 128)).save(tmp_path / "a.tif")
    picture = load_image(tmp_path / "a.tif")
    assert picture.pixels.min() > 0.98 and noted(picture, "Lab")


@pytest.mark.parametrize("mode, value, expected", [("L", 51, 51), ("LA", (51, 255), 51), ("1", 1, 255), ("P", 3, 51)])
def test_grey_and_palettes(tmp_path, mode, value, expected):
    picture = Image.new(mode, (8, 8), value)
    if mode == "P":
        picture.putpalette([0] * 9 + [51] * 3)
    picture.save(tmp_path / "a.png")
    picture = load_image(tmp_path / "a.png")
    assert picture.pixels.shape == (1, 3, 8, 8) and colour(picture, 3, 3) == [expected] * 3
    assert picture.mask is None and noted(picture, "grey") == (mode != "P")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_cut(tmp_path, suffix):
    array = np.full((8, 8), 32768, np.uint16)
    array[0, 0] = 16384
    Image.fromarray(array).save(tmp_path / f"a.{suffix}")
    picture = load_image(tmp_path / f"a.{suffix}")
    assert picture.pixels[0, 0, 4, 4].item() == pytest.approx(0.5, abs=0.001)
    assert picture.pixels[0, 2, 0, 0].item() == pytest.approx(0.25, abs=0.001)
    assert noted(picture, "grey of more than 8 bits")


@pytest.mark.parametrize(
    "values, half",
    [
        (np.array([[0, 0.5, 1]], np.float32), 0.5),
        (np.array([[0, 127.5, 255]], np.float32), 0.5),
        (np.array([[-100, 0, 100000]], np.float32), 0.001),
        (np.array([[0, 32768, 65535]], np.int32), 0.5),
        (np.array([[0, 128, 255]], np.int32), 0.502),
    ],
)
def test_grey_of_32_bits(tmp_path, values, half):
    Image.fromarray(values).save(tmp_path / "a.tif")
    pixels = load_image(tmp_path / "a.tif").pixels
    assert pixels[0, 1, 0].tolist() == pytest.approx([0, half, 1], abs=0.001)


def test_grey_with_nan(tmp_path):
    Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(tmp_path / "a.tif")
    with refused("NaN", "nan_to_num"):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "tRNS"])
def test_transparency_is_laid_on_a_colour_and_kept_as_a_mask(tmp_path, kind):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (4, 0, 8, 8))
    options = {}
    if kind == "P":
        picture = Image.new("P", (8, 8), 0)
        picture.putpalette([0] * 6)
        picture.paste(1, (4, 0, 8, 8))
        options = {"transparency": 1}
    elif kind == "tRNS":
        picture = Image.new("RGB", (8, 8))
        picture.paste((9, 9, 9), (4, 0, 8, 8))
        options = {"transparency": (9, 9, 9)}
    elif kind == "LA":
        picture = picture.convert("LA")
    picture.save(tmp_path / "a.png", **options)
    picture = load_image(tmp_path / "a.png", background="red")
    assert colour(picture, 3, 3) == [0, 0, 0] and colour(picture, 4, 3) == [255, 0, 0]
    assert picture.mask.shape == (1, 1, 8, 8) and picture.mask[0, 0, 0].tolist() == [1] * 4 + [0] * 4
    assert noted(picture, "transparent parts laid on red")


def test_half_transparent_is_half_the_background():
    picture = load_image(Image.new("RGBA", (8, 8), (0, 0, 0, 51)))
    assert colour(picture, 0, 0) == [204] * 3 and picture.mask[0, 0, 0, 0].item() == pytest.approx(0.2)


def test_premultiplied_alpha():
    assert load_image(Image.new("RGBA", (8, 8), (255, 0, 0, 255)).convert("RGBa")).pixels[0, 0].min() == 1


def test_an_alpha_channel_that_hides_nothing_is_no_mask():
    picture = load_image(Image.new("RGBA", (8, 8), (1, 2, 3, 255)))
    assert picture.mask is None and picture.notes == ()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_the_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), c) for c in (RED, (0, 255, 0), (0, 0, 255))]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    picture = load_image(tmp_path / f"a.{suffix}")
    assert colour(picture, 4, 4) == [255, 0, 0] and noted(picture, "first of several frames")
    with Image.open(tmp_path / f"a.{suffix}") as opened:
        opened.seek(1)
        picture = load_image(opened)
        assert colour(picture, 4, 4)[1] > 250 and picture.notes == ()  # the frame that the caller chose
        opened.seek(2)


def test_loading_is_quiet_and_leaves_no_file_open(tmp_path, monkeypatch):
    red_corner().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # Pillow warns from here on
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        load_image(tmp_path / "a.png")
        gc.collect()
    assert [str(warning.message) for warning in heard] == []


# --- size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, size, side, expected",
    [
        ((300, 400), 512, "long", (384, 512)),
        ((300, 400), 150, "short", (150, 200)),
        ((400, 300), 100, "height", (100, 75)),
        ((1, 1000), 100, "long", (1, 100)),
        ((333, 1000), 500, "long", (166, 500)),
    ],
)
def test_fit(shape, size, side, expected):
    assert fit(shape, size, side) == expected


@pytest.mark.parametrize("side, expected", [("long", (5, 10)), ("short", (10, 20)), ("height", (10, 20))])
def test_size_keeps_the_aspect_ratio(side, expected):
    picture = load_image(red_corner(), 10, side=side)
    assert picture.pixels.shape == (1, 3, *expected) and noted(picture, f"40×20 to {expected[1]}×{expected[0]}")


@pytest.mark.parametrize("size", [31, 50, 200])
def test_a_picture_is_resized_alike_wherever_it_comes_from(size, tmp_path):
    """By the same filter; in 8 bits it clips between its two passes, which is seen at sharp edges."""
    photograph = load_image("content/harbour", 150).pixels
    pixels = np.asarray(to_pil(photograph).convert("RGBA")).copy()
    pixels[..., 3] = pixels[..., 0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    whole = load_image(tmp_path / "a.png")
    expected = load_image(tmp_path / "a.png", size, enlarge=True)
    for source in (Image.fromarray(pixels), whole, pixels, torch.from_numpy(pixels).permute(2, 0, 1)):
        found = load_image(source, size, enlarge=True)
        for ours, theirs in ((found.pixels, expected.pixels), (found.mask, expected.mask)):
            assert (ours - theirs).abs().max() < 6 / 255 and (ours - theirs).abs().mean() < 0.4 / 255


@pytest.mark.parametrize("source", [red_corner(), np.asarray(red_corner())])
def test_enlarging_has_to_be_asked_for(source):
    kept = load_image(source, 80)
    assert kept.pixels.shape == (1, 3, 20, 40) and noted(kept, "kept at 40×20, smaller than the 80 asked for")
    large = load_image(source, 80, enlarge=True)
    assert large.pixels.shape == (1, 3, 40, 80) and noted(large, "resized from 40×20 to 80×40")
    assert large.pixels.min() >= 0 and large.pixels.max() <= 1


@pytest.mark.parametrize("kind", ["8 bits", "16 bits", "array"])
def test_reducing_averages(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    sources = {"8 bits": Image.fromarray(noise), "16 bits": Image.fromarray(noise.astype(np.uint16) * 257)}
    small = load_image(sources.get(kind, noise), 8).pixels
    assert small.mean().item() == pytest.approx(0.5, abs=0.02) and small.std() < 0.08  # the noise itself has 0.29


@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "key", "WebP", "array", "Picture"])
@pytest.mark.parametrize("size", [None, 24, 120])
def test_the_mask_goes_through_resizing(tmp_path, kind, size):
    """A disc of radius 20 in a square of 60; the judge is its formula."""
    y, x = np.mgrid[:60, :60] - 29.5
    inside = np.hypot(x, y) <= 20
    alpha = Image.fromarray((inside * 255).astype(np.uint8))
    picture = Image.new("RGB", (60, 60), (10, 200, 30))
    source, path = tmp_path / "a.png", tmp_path / "a.png"
    if kind == "palette":
        picture = Image.fromarray(inside.astype(np.uint8), "P")
        picture.putpalette([9, 9, 9, 10, 200, 30])
        picture.save(path, transparency=0)
    elif kind == "key":
        picture.paste((1, 2, 3), mask=alpha.point(lambda value: 255 - value))
        picture.save(path, transparency=(1, 2, 3))
    else:
        picture.putalpha(alpha)
        picture = picture.convert("LA") if kind == "LA" else picture
        source = {"array": np.asarray(picture), "Picture": load_image(picture)}.get(kind, path)
        path.write_bytes(b"")
        picture.save(path, "WEBP" if kind == "WebP" else "PNG", lossless=True)
    mask = load_image(source, size, enlarge=True).mask
    side = size or 60
    assert mask.shape == (1, 1, side, side) and mask.dtype == torch.float32 and mask.is_contiguous()
    assert mask.min() == 0 and mask.max() == 1
    assert mask.mean().item() == pytest.approx(np.pi * 20**2 / 60**2, rel=0.01)
    y, x = (np.mgrid[:side, :side] + 0.5) * 60 / side - 30
    wrong = (mask[0, 0].numpy() > 0.5) != (np.hypot(x, y) <= 20)
    assert wrong.mean() < 0.02 and not wrong[np.abs(np.hypot(x, y) - 20) > 3].any()


def test_resize_of_a_tensor():
    tensor = torch.zeros(1, 3, 16, 16)
    tensor[..., 8:] = 1
    small = resize(tensor, (8, 4))
    assert small.shape == (1, 3, 8, 4) and small.min() >= 0 and small.max() <= 1
    assert torch.allclose(small.mean(), torch.tensor(0.5))
    assert resize(tensor, (16, 16)) is tensor


def number_after(words, text):
    return int(re.search(rf"{words} (\d+)", text).group(1))


@pytest.mark.parametrize("side, most", [("long", 40), ("short", 20), ("height", 20)])
def test_what_a_kept_picture_advises_helps(side, most):
    (note,) = load_image(red_corner(), 80, side=side).notes
    assert number_after("ask for at most", note) == most
    assert load_image(red_corner(), most, side=side).notes == ()
    assert noted(load_image(red_corner(), most + 1, side=side), "kept at")
    assert "give a larger picture" in note and not noted(load_image(red_corner(160, 80), 80, side=side), "kept at")


@pytest.mark.parametrize("size", [None, 32])
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_nothing_is_no_picture(shape, size):
    images = [Image.new(mode, shape) for mode in ("RGB", "RGBA", "F", "I;16")]
    for source in (*images, Picture(torch.zeros(1, 3, *shape))):
        with refused("no pixels", "×"):
            load_image(source, size)


def test_too_small():
    with refused("PIL image", "20×10", "resized from 40×20", "at least 32"):
        load_image(red_corner(), 20, smallest=32)
    with refused("at least 32"):
        load_image(np.zeros((31, 99)), smallest=32)
    assert load_image(red_corner(), 64, enlarge=True, smallest=32).pixels.shape == (1, 3, 32, 64)


PICTURE, SIZE = "give a picture with at least 32 pixels on its shorter side", "a size of at least"


@pytest.mark.parametrize(
    "shape, options, advice",
    [
        ((31, 99), {}, PICTURE),
        ((20, 40), {"size": 512}, PICTURE),
        ((20, 100), {"size": 40, "side": "short"}, PICTURE),
        ((40, 5000), {"size": 512}, f"choose {SIZE} 3938"),
        ((32, 5000), {"size": 512}, f"choose {SIZE} 4922"),
        ((40, 5000), {"size": 20, "side": "height"}, f"choose {SIZE} 32"),
        ((20, 40), {"size": 20, "enlarge": True}, f"choose {SIZE} 63"),
        ((20, 40), {"enlarge": True}, f"choose {SIZE} 63"),
        ((20, 5000), {"size": 512}, "give a picture that is less narrow, with at least 32 pixels on its shorter side"),
        ((20, 30), {"size": 20}, f"{PICTURE}, and {SIZE} 48"),
        ((40, 20), {"size": 20, "side": "height"}, f"{PICTURE}, and {SIZE} 63"),
        ((1, 100_000), {"size": 31, "side": "short"}, f"{PICTURE}, and {SIZE} 32"),
    ],
)
def test_what_a_picture_that_is_too_small_advises_helps(shape, options, advice):
    def load(shape, **changed):
        return load_image(np.zeros(shape, np.uint8), **{**options, **changed}, smallest=32)

    with refused(f"but each side needs at least 32: {advice}") as caught:
        load(shape)
    assert str(caught.value).endswith(advice)
    larger = (32, 32) if "less narrow" in advice else fit(shape, 32, "short") if "give a picture" in advice else shape
    changed = {"size": number_after(SIZE, advice)} if SIZE in advice else {}
    assert min(load(larger, **changed).pixels.shape[-2:]) >= 32
    if changed:
        with refused("at least 32"):
            load(larger, size=changed["size"] - 1)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_an_image_that_was_closed_is_told_so(suffix, tmp_path):
    Image.new("RGB", (40, 40)).save(path := tmp_path / f"small.{suffix}")
    with Image.open(path) as image:
        pass
    with refused(f"'{path.name}' was closed before it was read: open it again"):
        load_image(image)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"size": 0}, ["size 0", "512"]),
        ({"size": 12.5}, ["12.5"]),
        ({"side": "width"}, ["unknown side 'width'", "long, short, height"]),
        ({"background": "whte"}, ["whte", "'white'"]),
        ({"background": None}, ["None", "'white'"]),
        ({"size": 10**6, "enlarge": True}, ["1000000×500000", "smaller size"]),
    ],
)
def test_wrong_options(options, words):
    with refused(*words):
        load_image(red_corner(), **options)


# --- files that cannot be read -------------------------------------------------------------------


def test_a_missing_file_names_near_matches(tmp_path):
    red_corner().save(tmp_path / "harbour_at_night.png")
    for text in ("harbour_at_nite.png", "HARBOUR_AT_NIGHT.JPEG", "harbour_at_night"):
        with refused("no file", text, "did you mean ") as caught:
            load_image(tmp_path / text)
        load_image(re.search(r"did you mean (.+)\?$", str(caught.value))[1])  # as it stands there, from any folder
    with refused("no file", "give a path, a URL"):
        load_image(tmp_path / "nowhere" / "zzz.png")


@pytest.mark.parametrize("text", ["a\0b.png", "x" * 5000, "", "~nobody/a.png"])
def test_strings_that_are_no_paths(text):
    with refused("give"):
        load_image(text)


def test_a_folder_suggests_its_pictures(tmp_path):
    with refused("is a folder", "give the path of a picture"):
        load_image(tmp_path)
    (tmp_path / "0.txt").touch()
    red_corner().save(tmp_path / "a.tif")
    with refused("is a folder", "such as ") as caught:
        load_image(tmp_path)
    load_image(re.search(r"such as (.+)$", str(caught.value))[1])


def test_an_empty_file(tmp_path):
    (tmp_path / "a.png").touch()
    with refused("a.png", "empty"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    "data, words",
    [
        (b"hello\nworld", ["no picture", "PNG, JPEG"]),
        (b"\n<!DOCTYPE html><html></html>", ["web page", "address of the picture"]),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', ["SVG", "PNG"]),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ["HEIC", "JPEG"]),
    ],
)
def test_files_that_are_no_pictures(tmp_path, data, words):
    (tmp_path / "a.jpg").write_bytes(data)
    with refused("a.jpg", *words):
        load_image(tmp_path / "a.jpg")
    with refused("bytes", *words):
        load_image(data)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif", "bmp"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_truncated_file(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{suffix}")
    data = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(data[: int(len(data) * share)])
    with refused(f"a.{suffix}", "cut off", "download or export it again"):
        load_image(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("width", [10_000, 20_000])  # Pillow itself would only warn of the first
def test_a_decompression_bomb_is_refused_before_decoding(tmp_path, width):
    red_corner().save(tmp_path / "bomb.png")
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    data[16:24] = struct.pack(">II", width, 16_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "bomb.png").write_bytes(data)  # the header tells of far more pixels than follow
    limit = Image.MAX_IMAGE_PIXELS
    with refused("bomb.png", "more than 150 million pixels", "smaller"):
        load_image(tmp_path / "bomb.png")
    assert limit == Image.MAX_IMAGE_PIXELS


def test_permission_denied(tmp_path, monkeypatch):
    red_corner().save(tmp_path / "a.png")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    for method in ("read_bytes", "stat"):  # of the file, of its folder; a superuser may do both, so chmod is no test
        with monkeypatch.context() as patch, refused("a.png", "Permission denied", "permissions"):
            patch.setattr(Path, method, denied)
            load_image(tmp_path / "a.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with refused("no ordinary file"):
        load_image(tmp_path / "pipe.png")


# --- saving --------------------------------------------------------------------------------------

TEXTS = {"nstlib": json.dumps({"name": "Sternennacht é ☃ 😀", "long": "aé" * 6000}, ensure_ascii=False), "Title": "x"}


def test_a_png_round_trip_is_exact(tmp_path):
    tensor = gradient(16, 20)
    assert save_image(tensor, tmp_path / "a.png") == tmp_path / "a.png"
    assert torch.equal(load_image(tmp_path / "a.png").pixels, tensor)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_to_pil_rounds_and_clamps():
    values = torch.tensor([-1.0, 0.0, 0.4999 * LEVEL, 0.5001 * LEVEL, 0.9981, 1.0, 2.0, torch.inf])
    for lead in ((), (1,)):
        pixels = to_pil(values.expand(*lead, 3, 1, 8))
        assert pixels.mode == "RGB" and list(np.asarray(pixels)[0, :, 1]) == [0, 0, 0, 1, 255, 255, 255, 255]
    assert to_pil(torch.rand(1, 3, 4, 4, dtype=torch.bfloat16, requires_grad=True)).size == (4, 4)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 1, 4, 4), (4, 4), (4, 4, 3), (1, 3, 0, 4)])
def test_to_pil_refuses_other_shapes(shape):
    with refused(str(shape), "(1, 3, height, width)"):
        to_pil(torch.zeros(shape))


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint16", "complex64"])
def test_to_pil_refuses_numbers_of_which_nobody_says_where_white_is(kind, tmp_path):
    tensor = torch.full((3, 2, 2), 100).to(getattr(torch, kind))
    for refusing in (to_pil, lambda tensor: save_image(tensor, tmp_path / "a.png")):
        with refused(f"the tensor holds {kind}: give uint8 (0 to 255), bool or float in [0, 1]"):
            refusing(tensor)
    assert not any(tmp_path.iterdir())
    advised = tensor.real if kind == "complex64" else tensor
    assert to_pil(advised.to(torch.uint8)).getextrema() == ((100, 100),) * 3
    assert to_pil(advised.to(torch.float32) / 255).getextrema() == ((100, 100),) * 3
    assert to_pil(advised.to(torch.bool)).getextrema() == ((255, 255),) * 3


def test_to_pil_refuses_nan():
    tensor = torch.full((3, 2, 2), torch.nan)
    with refused("NaN", "torch.nan_to_num"):
        to_pil(tensor)
    assert to_pil(torch.nan_to_num(tensor)).getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_metadata_round_trip(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert len(TEXTS["nstlib"].encode()) > 18_000
    save_image(gradient(32, 32), path, TEXTS)
    assert read_metadata(path) == TEXTS
    assert load_image(path).pixels.sub(gradient(32, 32)).abs().mean() < 0.1
    save_image(gradient(), path)
    assert read_metadata(path) == {}


def test_a_metadata_key_that_png_cannot_hold(tmp_path):
    with refused("PNG", "☃", "Latin letters"):
        save_image(gradient(), tmp_path / "a.png", {"☃": "snow"})
    assert list(tmp_path.iterdir()) == []
    assert read_metadata(save_image(gradient(), tmp_path / "a.png", {"snow": "☃"})) == {"snow": "☃"}
    assert read_metadata(save_image(gradient(), tmp_path / "a.webp", {"☃": "snow"})) == {"☃": "snow"}


def test_metadata_of_others_is_ignored(tmp_path):
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"ASCII\0\0\0shot on holiday"}
    red_corner().save(tmp_path / "a.jpg", exif=exif)
    assert read_metadata(tmp_path / "a.jpg") == {}
    with refused("no file"):
        read_metadata(tmp_path / "b.jpg")


def test_metadata_too_long_for_jpeg(tmp_path):
    texts = {"nstlib": "x" * 70_000}
    with refused("a.jpg", "too long", "try a .png"):
        save_image(gradient(), tmp_path / "a.jpg", texts)
    assert list(tmp_path.iterdir()) == []
    assert read_metadata(save_image(gradient(), tmp_path / "a.png", texts)) == texts


def test_a_picture_too_large_for_webp(tmp_path):
    with refused("a.webp", "16383", "try a .png"):
        save_image(torch.zeros(3, 1, 16_384), tmp_path / "a.webp")
    assert save_image(torch.zeros(3, 1, 16_384), tmp_path / "a.png").is_file()


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, fault):
    path = save_image(gradient(), tmp_path / "a.png")
    before = path.read_bytes()

    def failing(self, file, *_, **__):
        file.write(b"half a picture")
        raise fault

    monkeypatch.setattr(Image.Image, "save", failing)
    with pytest.raises(InputError if isinstance(fault, OSError) else type(fault)) as caught:
        save_image(gradient(9, 9), path)
    if isinstance(fault, OSError):
        assert str(caught.value).endswith(" No space left on device): make room there, or choose another folder")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_in_one_move(tmp_path, monkeypatch):
    path = save_image(gradient(), tmp_path / "a.png")
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: before[len(before)])  # an IndexError at the last moment
    with pytest.raises(IndexError):
        save_image(gradient(9, 9), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_saving_through_a_link_keeps_the_link(tmp_path):
    target = save_image(gradient(), tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(target)
    save_image(torch.zeros(3, 2, 2), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink() and load_image(target).pixels.shape == (1, 3, 2, 2)


def test_where_a_picture_cannot_be_saved(tmp_path, monkeypatch):
    monkeypatch.setattr("nstlib.saving.to_pil", lambda tensor: pytest.fail("worked before looking"))
    for name in ("a.bmp", "a"):
        with refused(name, ".png, .jpg or .webp"):
            save_image(gradient(), tmp_path / name)
    with refused("nowhere", "does not exist"):
        save_image(gradient(), tmp_path / "nowhere" / "a.png")
    (tmp_path / "b.png").mkdir()
    with refused("b.png", "is a folder", "result.png"):
        save_image(gradient(), tmp_path / "b.png")
    with refused("quality 0", "1"):
        save_image(gradient(), tmp_path / "a.jpg", quality=0)
    assert check_writable(tmp_path / "a.webp") == tmp_path / "a.webp"
    monkeypatch.setattr(os, "access", lambda *_: False)
    with refused("may not be written"):
        check_writable(tmp_path / "a.webp")


# --- imports -------------------------------------------------------------------------------------


def test_a_picture_in_a_file_needs_little(tmp_path):
    """Not what draws, downloads or reads the catalogue: importing any of these would fail."""
    red_corner().save(tmp_path / "a.png")
    absent = ("torchvision", "matplotlib", "skimage", "sklearn", "scipy", "platformdirs", "tomli")
    code = (
        f"import sys; sys.modules |= dict.fromkeys({absent});"
        "from nstlib.image import load_image; print(*load_image('a.png').pixels.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1", "3", "20", "40"], done.stderr


def test_a_tensor_of_bytes_is_a_picture_of_bytes():
    assert to_pil(torch.full((3, 5, 5), 100, dtype=torch.uint8)).getpixel((0, 0)) == (100, 100, 100)


def test_what_holds_a_picture_counts_as_its_pixels(tmp_path):
    pixels = torch.rand(1, 3, 6, 8)
    picture, result = load_image(pixels), SimpleNamespace(image=pixels)
    for held in (picture, result):
        assert to_pil(held).tobytes() == to_pil(pixels).tobytes()
        assert torch.equal(resize(held, (3, 4)), resize(pixels, (3, 4)))
        assert load_image(save_image(held, tmp_path / "a.png")).pixels.shape == (1, 3, 6, 8)
        assert torch.equal(load_image(held).pixels, pixels)
    for odd in ("content/harbour", np.zeros((6, 8, 3)), None):
        with refused("expected a tensor of pixels", "load_image(…).pixels"):
            to_pil(odd)


def test_a_row_too_long_to_resize_is_told(monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", short)
    with refused("a picture of 80×40 pixels cannot be resized in the memory that there is: cut it"):
        load_image(Image.new("RGB", (80, 40)), 20)


def test_a_file_without_a_name_is_refused_as_one():
    with pytest.raises(InputError, match=r"no file was named: give its name, such as 'result.png'"):
        check_writable("")
