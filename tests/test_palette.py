"""Colours of one picture for another: maps against SciPy, pictures against NumPy, and pictures that have no colours."""

from itertools import product

import numpy as np
import pytest
import scipy.linalg
import torch

from nstlib.errors import InputError
from nstlib.image import Picture, load_image
from nstlib.palette import (
    COLOR_MAPS,
    FLOOR,
    Colors,
    colors_of,
    luminance,
    recolor,
    with_luminance,
)

EVERY_MAP = pytest.mark.parametrize("by", COLOR_MAPS)


@pytest.fixture(scope="module")
def photograph():
    return load_image("content/harbour", 160).pixels


@pytest.fixture(scope="module")
def painting():
    return load_image("style/mosaic", 128).pixels


def cloud(image, weights=None):
    """Mean and covariance of a picture's colours."""
    x = image[0].flatten(1).double().numpy()
    w = None if weights is None else weights.flatten().double().numpy()
    return np.average(x, axis=1, weights=w), np.cov(x, aweights=w, ddof=0)


def spd(rng, size=3):
    half = torch.randn(size, size, generator=rng, dtype=torch.float64)
    return half @ half.T / 10 + 0.01 * torch.eye(size, dtype=torch.float64)


# --- the maps ------------------------------------------------------------------------------------


@EVERY_MAP
def test_a_map_takes_one_covariance_to_another(by, rng):
    source, target = spd(rng), spd(rng)
    a = COLOR_MAPS[by](source, target)
    np.testing.assert_allclose(a @ source @ a.T, target, atol=1e-10)


def test_each_map_is_the_formula(rng):
    source, target = (spd(rng).numpy() for _ in range(2))
    root = scipy.linalg.sqrtm(source)
    inverse = np.linalg.inv(root)
    expected = {
        "cholesky": np.linalg.cholesky(target) @ np.linalg.inv(np.linalg.cholesky(source)),
        "pca": scipy.linalg.sqrtm(target) @ inverse,
        "transport": inverse @ scipy.linalg.sqrtm(root @ target @ root) @ inverse,
    }
    for by, a in expected.items():
        found = COLOR_MAPS[by](torch.from_numpy(source), torch.from_numpy(target)).numpy()
        np.testing.assert_allclose(found, a, atol=1e-9, err_msg=by)
    moved = {by: np.trace((a - np.eye(3)) @ source @ (a - np.eye(3)).T) for by, a in expected.items()}
    assert min(moved, key=moved.get) == "transport"  # of all the maps it moves the colours least


@EVERY_MAP
def test_a_recoloured_picture_has_the_others_mean_and_covariance(by, photograph, painting):
    for image, like in ((photograph, painting), (painting, photograph)):
        made, wanted = cloud(recolor(image, like, by)), cloud(like)
        np.testing.assert_allclose(made[0], wanted[0], atol=1e-4)
        np.testing.assert_allclose(made[1], wanted[1], atol=1e-4)


@EVERY_MAP
def test_a_part_can_be_made_like_a_part(by, photograph, painting):
    mask, like_mask = torch.rand(1, 1, *photograph.shape[-2:]) ** 4, torch.rand(1, 1, *painting.shape[-2:]) ** 4
    made = recolor(photograph, painting, by, mask, like_mask)
    for found, wanted in zip(cloud(made, mask), cloud(painting, like_mask), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    for found, wanted in zip(colors_of(photograph, mask), cloud(photograph, mask), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


# --- pictures without colours --------------------------------------------------------------------


@EVERY_MAP
def test_a_grey_picture_gets_a_mean_and_keeps_its_contrast(by, photograph, painting):
    grey = luminance(photograph).expand(1, 3, -1, -1)
    made = recolor(grey, painting, by)
    assert torch.isfinite(made).all()
    np.testing.assert_allclose(cloud(made)[0], cloud(painting)[0], atol=1e-4)
    assert 0.3 < np.trace(cloud(made)[1]) / np.trace(cloud(painting)[1]) < 1.01
    assert np.linalg.matrix_rank(cloud(made)[1], tol=1e-5) == 1


@EVERY_MAP
def test_one_colour_becomes_one_colour(by, photograph):
    plain = torch.full((1, 3, 20, 30), 0.3)
    made = recolor(plain, photograph, by)
    np.testing.assert_allclose(made.flatten(2).std(2), 0, atol=1e-6)
    np.testing.assert_allclose(cloud(made)[0], cloud(photograph)[0], atol=1e-4)
    other = recolor(photograph, plain, by)
    np.testing.assert_allclose(other, 0.3, atol=1e-4)


@EVERY_MAP
def test_noise_in_a_grey_picture_is_not_taken_for_colour(by, photograph, painting, rng):
    """What compression leaves of chroma in a grey file, a level or less, must not become confetti."""
    grey = luminance(photograph).expand(1, 3, -1, -1)
    noisy = grey + torch.randn(grey.shape, generator=rng) / 255 / 2
    off = recolor(noisy, painting, by) - recolor(grey, painting, by)
    gain = float(off.std()) / (0.5 / 255)
    assert gain < np.trace(cloud(painting)[1]) ** 0.5 / FLOOR**0.5


@pytest.mark.parametrize("by", COLOR_MAPS)
def test_a_callers_autocast_changes_no_colour(by, photograph, painting):
    kinds = {name: image.float() for name, image in (("image", photograph), ("like", painting))}
    sums = [colors_of(image)[1].float() for image in kinds.values()]
    plain = recolor(**kinds, by=by), COLOR_MAPS[by](*sums)
    with torch.autocast("cpu", torch.bfloat16):
        assert all(map(torch.equal, (recolor(**kinds, by=by), COLOR_MAPS[by](*sums)), plain))


def test_another_map_is_refused(photograph):
    with pytest.raises(InputError, match="did you mean 'cholesky'"):
        recolor(photograph, photograph, "cholesk")


# --- luminance -----------------------------------------------------------------------------------

# YIQ as the US television standard has it: rows Y, I and Q.
YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def test_another_luminance_leaves_the_chroma(photograph, painting):
    bright = torch.rand(1, 1, *photograph.shape[-2:])
    made = YIQ @ with_luminance(photograph, bright)[0].flatten(1).numpy()
    own = YIQ @ photograph[0].flatten(1).numpy()
    np.testing.assert_allclose(made[0], bright.flatten(), atol=1e-5)
    np.testing.assert_allclose(made[1:], own[1:], atol=2e-4)  # the standard's rows add up to 0 to four digits
    np.testing.assert_allclose(luminance(photograph).flatten(), own[0], atol=1e-6)


# --- before and after a run ----------------------------------------------------------------------


def colors(color, content, *styles, masks=None, shares=None):
    pictures = [Picture(style) for style in styles]
    n = len(styles)
    return Colors(color, Picture(content), pictures, masks or [None] * n, shares or [1 / n] * n)


def test_the_styles_own_colours_stay(photograph, painting):
    made = colors("style", photograph, painting)
    assert made.content is photograph and made.dyed[0] is painting and made.finish(photograph) is photograph


def test_by_luminance_a_run_sees_greys_alike_in_brightness(photograph, painting):
    made = colors("luminance", photograph, painting)
    for image in (made.content, made.dyed[0]):
        assert torch.equal(image[:, 0], image[:, 2])
    grey = luminance(photograph)
    assert float(made.dyed[0].mean()) == pytest.approx(float(grey.mean()), abs=0.02)  # cut to [0, 1]
    assert float(made.dyed[0][:, 0].std()) == pytest.approx(float(grey.std()), rel=0.1)
    back = made.finish(made.content)
    np.testing.assert_allclose(back, photograph, atol=1e-6)  # nothing painted, nothing changed


@EVERY_MAP
def test_a_style_is_recoloured_before(by, photograph, painting):
    made = colors(by, photograph, painting)
    np.testing.assert_allclose(made.dyed[0], recolor(painting, photograph, by).clamp(0, 1))
    assert made.finish(painting) is painting and made.content is photograph


def test_each_style_takes_the_colours_of_its_region(photograph, painting):
    left = torch.zeros(1, 1, *photograph.shape[-2:])
    left[..., :60] = 1
    made = colors("transport", photograph, painting, painting, masks=[left, 1 - left])
    for dyed, mask in zip(made.dyed, (left, 1 - left), strict=True):
        np.testing.assert_allclose(dyed, recolor(painting, photograph, like_mask=mask).clamp(0, 1))
    assert not torch.equal(*made.dyed)


@pytest.mark.parametrize("color", ["style", "luminance", "pca", "after"])
def test_where_nobody_paints_the_content_stays(color, photograph, painting):
    left = torch.zeros(1, 1, *photograph.shape[-2:])
    left[..., :60] = 1
    image = photograph.flip(1) * 0.5 + 0.2
    made = colors(color, photograph, painting, masks=[left]).finish(image)
    np.testing.assert_allclose(made[..., 60:], photograph[..., 60:], atol=1e-6)
    assert (made[..., :60] - photograph[..., :60]).abs().mean() > 0.05


def test_a_result_can_be_recoloured_after(photograph, painting):
    image = painting[..., :100, :120] * 0.5 + 0.2  # nothing needs to be cut off
    made = colors("after", 0.3 + photograph * 0.4, painting).finish(image)
    content = torch.nn.functional.interpolate(0.3 + photograph * 0.4, (100, 120), mode="bicubic", antialias=True)
    for found, wanted in zip(cloud(made), cloud(content), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_colours_only_repaint_the_content(photograph, painting):
    made = colors("only", photograph, painting).finish(torch.zeros_like(photograph))
    np.testing.assert_allclose(made, recolor(photograph, painting).clamp(0, 1), atol=1e-6)


def test_colours_only_of_two_styles_mix_by_shares_and_masks(photograph, painting):
    other = painting.flip(1) ** 2
    one, two = recolor(photograph, painting), recolor(photograph, other)
    mixed = colors("only", photograph, painting, other, shares=[0.75, 0.25]).finish(photograph)
    np.testing.assert_allclose(mixed, (0.75 * one + 0.25 * two).clamp(0, 1), atol=1e-5)
    left = torch.zeros(1, 1, *photograph.shape[-2:])
    left[..., :60] = 1
    here = colors("only", photograph, painting, masks=[left]).finish(photograph)
    np.testing.assert_allclose(here[..., 60:], photograph[..., 60:], atol=1e-6)
    np.testing.assert_allclose(
        here[..., :60], recolor(photograph, painting, mask=left).clamp(0, 1)[..., :60], atol=1e-5
    )
    silent = colors("only", photograph, painting, other, shares=[1.0, 0.0]).finish(photograph)
    np.testing.assert_allclose(silent, one.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("others", ["the rest", "everywhere", "the same"])
@pytest.mark.parametrize("color", ["style", "luminance", "transport", "after", "only"])
def test_a_style_of_no_share_leaves_the_others_edges_soft(color, others, photograph, painting):
    fading = torch.linspace(1, 0, photograph.shape[-1]).expand(1, 1, *photograph.shape[-2:])
    mask = {"the rest": 1 - fading, "everywhere": None, "the same": fading}[others]
    image = photograph.flip(1) * 0.5 + 0.2
    alone = colors(color, photograph, painting, masks=[fading], shares=[1.0]).finish(image)
    beside = colors(color, photograph, painting, painting, masks=[fading, mask], shares=[1.0, 0.0]).finish(image)
    np.testing.assert_allclose(beside, alone, atol=1e-6)
    if color == "style":
        np.testing.assert_allclose(beside, photograph + fading * (image - photograph), atol=1e-6)


@pytest.mark.parametrize(("color", "kind"), list(product(("luminance", "after", "only"), ("grey", "one colour"))))
def test_pictures_without_colours_break_nothing(color, kind, photograph):
    plain = luminance(photograph).expand_as(photograph) if kind == "grey" else torch.full_like(photograph, 0.4)
    for content, style in ((photograph, plain), (plain, photograph), (plain, plain)):
        made = colors(color, content, style)
        assert torch.isfinite(made.dyed[0]).all()
        finished = made.finish(photograph)
        assert torch.isfinite(finished).all() and finished.min() >= 0 and finished.max() <= 1


@pytest.mark.parametrize("which", ["mask", "like_mask"])
def test_a_mask_of_nothing_has_no_colours(which):
    with pytest.raises(InputError, match="a mask is 0 everywhere, so there are no colours"):
        recolor(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), **{which: torch.zeros(1, 1, 8, 8)})


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 3, 8, 8)])
def test_colours_are_those_of_one_picture(shape):
    several, one = torch.rand(shape), torch.rand(1, 3, 8, 8)
    for image, like in ((several, one), (one, several)):
        with pytest.raises(InputError, match=r"one picture is|give \(B, C, height, width\)"):
            recolor(image, like)
