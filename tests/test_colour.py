"""Numbers in, colours out: what each kind of file holds is written by hand, so what must come out is known."""

import itertools
import struct
import warnings

import numpy as np
import pytest
from by_hand import gif, png, tiff
from PIL import Image
from test_decode import saved
from test_image import noted, profile, red_corner, refused

from nstlib.image import load_image

H, W = 6, 10
RAMP = np.linspace(0, 1, H * W).reshape(H, W, 1)
RNG = np.random.default_rng(0)


def comes_out(data, expected, levels=0.51, mask=None):
    """Expect colours (H, W, 1 | 3) in [0, 1], to within so many of 255 levels, and perhaps a mask; over red."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = load_image(data, background="red")
    expected = expected * np.ones(3)
    if mask is not None:
        assert np.abs(picture.mask[0, 0].numpy() - mask[..., 0]).max() <= levels / 255
        expected = expected * mask + np.array([1.0, 0, 0]) * (1 - mask)
    else:
        assert picture.mask is None
    assert np.abs(picture.pixels[0].permute(1, 2, 0).numpy() - expected).max() <= levels / 255
    return picture


# --- grey of more than 8 bits --------------------------------------------------------------------


@pytest.mark.parametrize("order, deflate", [*itertools.product("<>", [False, True])])
@pytest.mark.parametrize(
    "values, expected",
    [
        (np.round(RAMP * 65535).astype(np.uint16), RAMP),
        (np.round(RAMP * 300).astype(np.uint16), RAMP * 300 / 65535),  # 16 bits have a white of their own
        (np.round(RAMP * 32767).astype(np.int16), RAMP),
        (np.round(RAMP * (2**32 - 1)).astype(np.uint32), RAMP),
        (np.round(RAMP * (2**31 - 1)).astype(np.int32), RAMP),
        (np.round(RAMP * 65535).astype(np.uint32), RAMP),
        (np.round(RAMP * 255).astype(np.int32), RAMP),
        (np.round(RAMP * 200).astype(np.int32), RAMP * 200 / 255),
        (np.round(RAMP * 765).astype(np.int32), RAMP),  # no usual white: the brightest
        (np.round(RAMP * 3).astype(np.int32), np.round(RAMP * 3) / 3),
        (np.round(RAMP * 300 - 100).astype(np.int32), RAMP),
        (np.zeros((H, W, 1), np.int32), RAMP * 0),
        (np.full((H, W, 1), -7, np.int32), RAMP * 0),
        (RAMP.astype(np.float32), RAMP),
        ((RAMP * 0.2).astype(np.float32), RAMP * 0.2),
        ((RAMP * 1.08 - 0.03).astype(np.float32), (RAMP * 1.08 - 0.03).clip(0, 1)),  # resampling overshot
        ((RAMP * 3).astype(np.float32), RAMP),
        ((RAMP * 260).astype(np.float32), (RAMP * 260 / 255).clip(0, 1)),
        ((RAMP * 2 - 1).astype(np.float32), RAMP),
    ],
    ids=lambda value: f"{value.dtype} {value.min():.4g}…{value.max():.4g}",
)
def test_deep_grey(values, expected, order, deflate):
    for photometric, shown in ((1, expected), (0, 1 - expected)):
        data = tiff((values, photometric, {}), order=order, deflate=deflate)
        try:
            picture = load_image(data)
        except ValueError as error:  # what Pillow cannot read, or not rightly
            assert "export it as PNG" in str(error)
            assert photometric == 0 or order == ">"
        else:
            assert np.abs(picture.pixels[0].permute(1, 2, 0).numpy() - shown).max() < 0.003
            assert noted(picture, "grey of more than 8 bits scaled")
    assert order == ">" or load_image(tiff((values, 1, {}), order=order, deflate=deflate))


def test_deep_grey_says_what_became_black_and_white():
    assert noted(load_image(tiff(((RAMP * 759).astype(np.int32), 1, {}))), "0 became black, 759 white")
    assert noted(load_image(tiff(((RAMP * 9).astype(np.uint16), 0, {}))), "65535 became black, 0 white")
    assert noted(load_image(tiff(((RAMP * 1.05).astype(np.float32), 1, {}))), "0 became black, 1 white")


def test_grey_of_12_bits():
    values = np.round(RAMP * 4095).astype(int)
    bits = (values.reshape(-1, 1) >> np.arange(11, -1, -1) & 1).astype(np.uint8)
    strip = np.packbits(bits).reshape(H, -1, 1)
    data = tiff((strip, 1, {256: W, 258: 12}))
    comes_out(data, values / 4095)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_grey_that_is_no_number(value):
    with refused("'bytes' holds NaN or infinite values", "nan_to_num"):
        load_image(tiff((np.full((H, W, 1), value, np.float32), 1, {})))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_profile_of_deep_grey(kind):
    """Linear grey: half the light is more than half of sRGB."""
    values, icc = np.round(RAMP * 65535).astype(np.uint16), profile(b"GRAY")
    data = saved(Image.fromarray(values[..., 0]), kind, icc_profile=icc)
    srgb = np.where(RAMP > 0.0031308, 1.055 * RAMP.clip(1e-9) ** (1 / 2.4) - 0.055, 12.92 * RAMP)
    assert noted(comes_out(data, srgb, levels=2), "converted from the colour profile")


# --- colours of more than 8 bits, channels apart -------------------------------------------------


@pytest.mark.parametrize("order, deflate, apart", [*itertools.product("<>", [False, True], [False, True])])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["grey", "white is 0", "RGB", "RGBA", "CMYK", "Lab", "grey and alpha"])
def test_colours_in_a_tiff_are_right_or_refused(kind, bits, order, deflate, apart):
    most = 2**bits - 1
    photometric, channels, more = {
        "grey": (1, 1, {}),
        "white is 0": (0, 1, {}),
        "RGB": (2, 3, {}),
        "RGBA": (2, 4, {338: 2}),
        "CMYK": (5, 4, {332: 1}),
        "Lab": (8, 3, {}),
        "grey and alpha": (1, 2, {338: 2}),
    }[kind]
    values = RNG.integers(0, most + 1, (H, W, channels)).astype(f"u{bits // 8}")
    if kind == "Lab":
        values[...] = 0
        values[..., 0] = np.round(RAMP[..., 0] * most)  # neutral greys: L*, and a* and b* of nothing
    shares = values / most
    light = np.where(RAMP > 0.08, ((RAMP * 100 + 16) / 116) ** 3, RAMP * 100 / 903.3)  # CIE 1976
    expected = {
        "white is 0": 1 - shares,
        "RGBA": shares[..., :3],
        "CMYK": (1 - shares[..., :3]) * (1 - shares[..., -1:]),
        "Lab": np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light),
        "grey and alpha": shares[..., :1],
    }.get(kind, shares)
    data = tiff((values, photometric, more), order=order, deflate=deflate, apart=apart)
    try:
        load_image(data)
    except ValueError as error:
        assert "export it as PNG" in str(error) or "cut off" not in str(error)
        assert apart or (bits == 16 and kind in ("white is 0", "Lab", "grey and alpha"))
    else:
        mask = shares[..., -1:] if kind in ("RGBA", "grey and alpha") else None
        comes_out(data, expected, levels=2.5, mask=mask)
    if kind == "RGB" and not apart:
        assert noted(load_image(data), "16 bits per channel reduced to 8") == (bits == 16)


def test_numbers_below_zero_in_8_bits_are_refused():
    with refused("signed numbers of 8 bits", "PNG"):
        load_image(tiff((np.full((4, 4, 1), -3, np.int8), 1, {})))


# --- PNG -----------------------------------------------------------------------------------------


DEPTHS = {(0, 1): (1, 2, 4, 8, 16), (2, 3): (8, 16), (4, 2): (8, 16), (6, 4): (8, 16)}


@pytest.mark.parametrize("bits, colours, channels", [(bits, *kind) for kind, each in DEPTHS.items() for bits in each])
def test_colours_in_a_png(bits, colours, channels):
    most = 2**bits - 1
    values = RNG.integers(0, most + 1, (H, W, channels))
    alpha = values[..., -1:] / most if colours & 4 else None
    shown = values[..., : channels - (alpha is not None)] / most
    picture = comes_out(png(values, bits, colours), shown, levels=1.01 if alpha is None else 2.5, mask=alpha)
    assert noted(picture, "16 bits per channel reduced to 8") == (bits == 16 and colours > 0)
    if colours in (0, 2):
        values[0, 0], values[0, 1] = 0, most
        for key in (values[0, 0], values[0, 1], values[2, 2]):
            data = png(values, bits, colours, (b"tRNS", struct.pack(f">{channels}H", *key)))
            if (bits, colours) == (16, 2):
                with refused("one transparent colour", "export it with 8 bits"):
                    load_image(data)
            else:
                clear = (values == key).all(-1, keepdims=True)
                comes_out(data, values / most, levels=1.01, mask=1.0 - clear)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", ["none", "all", "some", "one"])
def test_palettes_in_a_png(bits, transparent):
    palette, values = RNG.integers(0, 256, (2**bits, 3)), RNG.integers(0, 2**bits, (H, W, 1))
    values[0, :2, 0] = 0, 1
    opacity = np.full(2**bits, 255)
    listed = {"none": 0, "all": 2**bits, "some": 2**bits // 2, "one": 2}[transparent]
    opacity[:listed] = [255, 0] if transparent == "one" else RNG.integers(0, 255, listed)
    chunks = [(b"PLTE", palette.astype(np.uint8).tobytes()), (b"tRNS", opacity[:listed].astype(np.uint8).tobytes())]
    data = png(values, bits, 3, *chunks[: 1 + (listed > 0)])
    comes_out(data, palette[values[..., 0]] / 255, levels=2.5, mask=opacity[values] / 255 if listed else None)


def powers_of_light(power, most):
    """A chunk that says so, the ramp of sRGB as such numbers, and as it comes out."""
    light = np.where(RAMP > 0.04045, ((RAMP + 0.055) / 1.055) ** 2.4, RAMP / 12.92)
    return (b"gAMA", struct.pack(">I", round(power * 100000))), np.round(light**power * most).astype(int)


@pytest.mark.parametrize("power", [1.0, 1 / 1.8, 0.3])
@pytest.mark.parametrize("bits, colours, channels", [(8, 0, 1), (16, 0, 1), (8, 2, 3), (16, 2, 3), (8, 6, 4)])
def test_light_in_a_png_becomes_srgb(bits, colours, channels, power):
    said, values = powers_of_light(power, 2**bits - 1)
    values = np.concatenate([values] * min(channels, 3) + [values * 0 + 2**bits - 1] * (channels == 4), -1)
    levels = 1.5 if (bits, colours) == (16, 0) else 13 * max(power, 0.2)  # of sRGB, in one of light in the dark
    picture = comes_out(png(values, bits, colours, said), RAMP, levels=levels)
    assert noted(picture, f"converted from light to the power of {round(power, 5):g} to sRGB")


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0")],
        [(b"gAMA", struct.pack(">I", 0))],
        [(b"gAMA", struct.pack(">I", 2**31 - 1))],
        [(b"cICP", bytes((1, 13, 0, 1)))],
    ],
    ids=["as sRGB", "and sRGB", "none", "no picture's", "sRGB by its number"],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_srgb_in_a_png_stays(bits, chunks):
    for colours, channels in ((0, 1), (2, 3)):
        most = 2**bits - 1
        picture = comes_out(
            png(np.round(RAMP * most).astype(int) * np.ones(channels, int), bits, colours, *chunks), RAMP, levels=1.01
        )
        assert not noted(picture, "converted")


def test_light_and_one_transparent_grey():
    said, values = powers_of_light(1.0, 65535)
    data = png(values, 16, 0, said, (b"tRNS", struct.pack(">H", 65535)))
    comes_out(data, RAMP, levels=1.5, mask=1.0 - (values == 65535))


@pytest.mark.parametrize("transfer", [8, 16, 18])
def test_a_png_in_hdr_is_refused(transfer):
    with refused("PNG in HDR or in linear light", "export it as JPEG"):
        load_image(png(RNG.integers(0, 256, (H, W, 3)), 8, 2, (b"cICP", bytes((9, transfer, 0, 1)))))


def test_a_palette_in_a_gif():
    comes_out(gif(1), np.array([1.0, 0, 0]) * np.ones((8, 8, 1)))


# --- print ---------------------------------------------------------------------------------------

INKS = np.array([[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255], [30, 60, 90, 120], [200, 10, 100, 0]])
PAPER = np.repeat(np.repeat(INKS[None], 16, 0), 16, 1).astype(np.uint8)
PRINTED = (1 - PAPER[..., :3] / 255) * (1 - PAPER[..., 3:] / 255)


def adobe(data):
    """Where a JPEG says how its colours are meant: 0 as they are, 2 as luminance and colour differences and black."""
    return data.index(b"Adobe") + 11


def test_inks_in_a_jpeg_are_stored_the_wrong_way_round_and_come_out_right():
    data = saved(Image.fromarray(PAPER, "CMYK"), "JPEG", quality=100, subsampling=0)
    assert data[adobe(data)] == 0
    assert noted(comes_out(data, PRINTED, levels=3), "converted from CMYK")


def test_inks_as_luminance_and_colour_differences():
    c, m, y, k = np.moveaxis(PAPER.astype(float), -1, 0)
    luminance = 0.299 * c + 0.587 * m + 0.114 * y
    blue, red = (y - luminance) / 1.772 + 128, (c - luminance) / 1.402 + 128
    stored = np.stack([255 - luminance, 255 - blue, 255 - red, k], -1).round().clip(0, 255)  # Pillow turns them round
    data = bytearray(saved(Image.fromarray(stored.astype(np.uint8), "CMYK"), "JPEG", quality=100, subsampling=0))
    data[adobe(data)] = 2
    comes_out(bytes(data), PRINTED, levels=4)


# --- profiles that are odd -----------------------------------------------------------------------


def test_profiles_that_do_not_fit_are_told_and_change_nothing():
    wrong = bytearray(profile())
    wrong[12:16] = b"link"  # from one device to another, not from a picture
    other = bytearray(profile())
    other[16:20] = b"Lab "
    for icc in (bytes(wrong), bytes(other), profile()[:200], bytes(3000), profile(b"GRAY")):
        picture = load_image(saved(red_corner(), "PNG", icc_profile=icc))
        assert np.array_equal(picture.pixels[0].permute(1, 2, 0).numpy() * 255, np.asarray(red_corner()))
        assert noted(picture, "colour profile ignored")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_any_mode_goes_through_a_profile(mode):
    picture = Image.new("RGB", (8, 8), (0, 0, 0)).convert(mode)
    assert load_image(saved(picture, "PNG", icc_profile=profile())).pixels.max() < 0.02
