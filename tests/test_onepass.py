"""Style transfer in one pass: the statistics that it exchanges, and the pictures that it makes."""

import pytest
import torch

import nstlib as nst
from nstlib.backbone import load_backbone
from nstlib.descriptions import covariance, gram, mean_std
from nstlib.errors import InputError
from nstlib.image import load_image
from nstlib.onepass import METHODS, cascade, mirrors, patchwork
from nstlib.plan import prepare

CONTENT, STYLE = "content/tubingen", "style/mosaic"


def maps(seed, height=9, width=7, channels=6):
    """A map whose channels depend on one another and are not centred."""
    made = torch.Generator().manual_seed(seed)
    mixed = torch.randn(channels, channels, generator=made) @ torch.randn(channels, height * width, generator=made)
    return (mixed + torch.randn(channels, 1, generator=made)).view(1, channels, height, width)


def test_adain_exchanges_mean_and_deviation():
    made = nst.adain(maps(0), maps(1, 5, 11))
    assert torch.allclose(mean_std(made), mean_std(maps(1, 5, 11)), rtol=1e-3, atol=1e-3)


def test_wct_exchanges_mean_and_covariance():
    made, style = nst.wct(maps(0), maps(1, 5, 11)), maps(1, 5, 11)
    assert torch.allclose(made.mean((2, 3)), style.mean((2, 3)), atol=1e-4)
    assert torch.allclose(covariance(made), covariance(style), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("exchange", [nst.adain, nst.wct])
def test_what_has_the_statistics_already_stays(exchange):
    assert torch.allclose(exchange(maps(2), maps(2)), maps(2), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("exchange", [nst.adain, nst.wct])
@pytest.mark.parametrize("blank", ["content", "style", "one channel"])
def test_a_map_that_does_not_vary_breaks_nothing(exchange, blank):
    content, style = maps(0), maps(1)
    if blank == "one channel":
        content[:, 2] = 0
    else:
        (content if blank == "content" else style)[:] = 0.5
    made = exchange(content, style)
    assert made.isfinite().all() and made.abs().max() < 100 * max(content.abs().max(), style.abs().max())


@pytest.mark.parametrize("method", METHODS)
def test_most_of_the_style_arrives(method):
    net, content, style = load_backbone(), load_image(CONTENT, 192).pixels, load_image(STYLE, 192).pixels
    made = nst.one_pass(CONTENT, STYLE, method=method, size=192).pixels
    assert made.shape == content.shape and made.min() >= 0 and made.max() <= 1

    def distance(image, layer):
        wanted = gram(net(style, [layer])[layer])
        return (gram(net(image, [layer])[layer]) - wanted).norm() / wanted.norm()

    for layer in ("relu2_1", "relu3_1", "relu4_1"):
        assert distance(made, layer) < 0.85 * distance(content, layer)


@pytest.mark.parametrize("method", METHODS)
def test_strength_leads_from_the_content_to_the_style(method):
    content = load_image(CONTENT, 128).pixels
    off = [
        (nst.one_pass(CONTENT, STYLE, method=method, size=128, strength=strength).pixels - content).square().mean()
        for strength in (0, 0.5, 1)
    ]
    assert off[0] < off[1] < off[2] and off[0] < 0.6 * off[2]


def test_several_styles_are_mixed_by_their_shares():
    def painted(styles, shares=None):
        return nst.one_pass(CONTENT, styles, shares=shares, size=96).pixels

    one, other = painted(STYLE), painted("style/great_wave")
    assert torch.allclose(painted([STYLE, STYLE], [3, 1]), one, atol=1e-4)
    mixed = painted([STYLE, "style/great_wave"], [9, 1])
    assert (mixed - one).norm() < (mixed - other).norm()
    assert torch.equal(painted([STYLE, "style/great_wave"]), painted([STYLE, "style/great_wave"], [2, 2]))


def test_the_contents_colours_can_be_kept():
    content = load_image(CONTENT, 96).pixels
    kept, taken = (nst.one_pass(CONTENT, STYLE, size=96, color=color).pixels for color in ("luminance", "style"))

    def chroma(image):
        return image - image.mean(1, keepdim=True)

    assert (chroma(kept) - chroma(content)).norm() < 0.3 * (chroma(taken) - chroma(content)).norm()


def test_a_picture_of_odd_size_keeps_it():
    made = nst.one_pass(torch.rand(3, 61, 45), STYLE, size=None)
    assert made.pixels.shape == (1, 3, 61, 45) and "one pass by wct" in repr(made)


def speck(height, width):
    """A mask with one white corner (3, H, W)."""
    mask = torch.zeros(3, height, width)
    mask[:, :6, :6] = 1
    return mask


def halves(height, width):
    """A mask whose left half is white (3, H, W)."""
    return (torch.arange(width) < width // 2).float().expand(3, height, width)


@pytest.mark.parametrize("method", METHODS)
def test_each_style_paints_where_its_mask_says(method):
    mask, styles = halves(72, 96), [STYLE, "style/great_wave"]

    def painted(style, masks=None):
        return nst.one_pass(CONTENT, style, method=method, size=96, masks=masks).pixels

    both, one, other = painted(styles, [mask, "rest"]), painted(STYLE, [mask]), painted(styles[1:], [1 - mask])
    left, right = (..., slice(0, 40)), (..., slice(56, 96))
    for side, near, far in ((left, one, other), (right, other, one)):
        assert (both[side] - near[side]).square().mean() < 0.25 * (both[side] - far[side]).square().mean()
    assert torch.equal(one[right], load_image(CONTENT, 96).pixels[right])  # nobody paints there


def test_a_mask_of_everything_changes_nothing():
    plain = nst.one_pass(CONTENT, STYLE, size=96)
    masked = nst.one_pass(CONTENT, STYLE, size=96, masks=[torch.ones(3, 72, 96)], style_masks=[torch.ones(3, 96, 96)])
    assert torch.allclose(plain.pixels, masked.pixels, atol=0.03)  # of half precision


def test_a_region_is_painted_by_what_it_holds_itself():
    content, between, sides = load_image(CONTENT, 192).pixels[0, :, :96, :80], torch.full((3, 96, 80), 0.5), []
    mask = torch.cat([torch.ones(3, 96, 80), torch.zeros(3, 96, 160)], 2)
    for far in (torch.rand(3, 96, 80), torch.zeros(3, 96, 80)):
        made = nst.one_pass(torch.cat([content, between, far], 2), STYLE, size=240, masks=[mask])
        sides.append(made.pixels[..., :32])
    assert (sides[0] - sides[1]).square().mean() < 1e-4


def test_where_no_style_paints_the_features_stay():
    part = (torch.arange(7) < 3).float().expand(1, 1, 9, 7) / 2
    nothing, twice = (torch.eye(6, 7).roll(1, 1) * factor for factor in (1, 2))
    made = patchwork(maps(0), [nothing, twice], [part / 2, part / 2])
    assert torch.allclose(made, maps(0) * torch.where(part > 0, 1.5, 1.0))


@pytest.mark.parametrize("of", ["masks", "style_masks"])
def test_a_mask_by_which_nothing_is_painted_may_be_lost(of):
    """That of a style without a share, and any where only colours are taken."""
    styles, lost = [STYLE, "style/great_wave"], {of: [None, "rectangle 0 0 12 12"]}
    alone = nst.one_pass(CONTENT, STYLE, size=96, masks=[None])
    assert torch.equal(nst.one_pass(CONTENT, styles, size=96, shares=[1, 0], **lost).pixels, alone.pixels)
    options = {"size": 96, "color": "only", of: ["rectangle 0 0 12 12"]}
    run = nst.stylize(CONTENT, STYLE, evaluations=1, **options)
    assert torch.allclose(nst.one_pass(CONTENT, STYLE, **options).pixels, run.image, atol=1e-6)
    whose = {"masks": "where style 2 is painted", "style_masks": "what of style 2 is painted"}[of]
    with pytest.raises(InputError, match=rf"{whose} is lost at .*: give a larger region, or a larger size$"):
        nst.one_pass(CONTENT, styles, size=96, **lost)


def test_half_a_mask_paints_half():
    content, plain = load_image(CONTENT, 96).pixels, nst.one_pass(CONTENT, STYLE, size=96).pixels
    made = nst.one_pass(CONTENT, STYLE, size=96, masks=[torch.full((3, 72, 96), 0.6)]).pixels
    assert torch.allclose(made, content + 0.6 * (plain - content), atol=0.02)


def test_what_a_style_mask_leaves_out_is_no_style():
    whole = torch.cat([load_image(name, 96).pixels[..., :48, :48] for name in (STYLE, "style/great_wave")], 3)[0]
    parts = [
        nst.one_pass(CONTENT, whole, size=96, style_masks=[m]).pixels for m in (halves(48, 96), 1 - halves(48, 96))
    ]
    alone = [nst.one_pass(CONTENT, part, size=96).pixels for part in (whole[..., :48], whole[..., 48:])]
    for number in (0, 1):
        near, far = ((parts[number] - alone[n]).square().mean() for n in (number, 1 - number))
        assert near < 0.5 * far


def test_half_precision_paints_the_same_picture():
    def painted(precision):
        plan = prepare(CONTENT, STYLE, size=192, style_layers=method.layers, precision=precision)
        return cascade(plan, method, 1.0, mirrors(plan.device, precision))

    method = METHODS["wct"]
    exact, rough = painted("float32"), painted("bfloat16")
    assert exact.dtype == rough.dtype and (exact - rough).square().mean().sqrt() < 0.02


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"masks": [torch.zeros(3, 48, 64)]}, "dark everywhere"),
        ({"masks": [torch.ones(3, 64, 48)]}, "other shapes"),
        ({"masks": ["rest"]}, "rest is what other masks leave"),
        ({"masks": [None, None]}, "1 style image and 2 masks"),
        ({"masks": [speck(48, 64)]}, "lost at relu3_1"),
        ({"content": None}, "give both"),
        ({"method": "wtc"}, "wct"),
        ({"color": "lumnance"}, "luminance"),
        ({"strength": 1.5}, "strength 1.5 is out of range"),
        ({"strength": float("nan")}, "out of range"),
        ({"strength": None}, "out of range"),
        ({"strength": "a"}, "out of range"),
        ({"size": 0}, "at least 32"),
        ({"shares": [1, 2]}, "give one share ≥ 0 per image"),
        ({"shares": [0]}, "not all zero"),
        ({"style": []}, "give both"),
        ({"size": 8}, "at least 32"),
        ({"content": "content/harbor"}, "harbour"),
    ],
)
def test_a_mistake_is_told_before_any_work(given, says):
    with pytest.raises(InputError, match=says):
        nst.one_pass(**({"content": CONTENT, "style": STYLE, "size": 64} | given))


def test_the_command_paints_and_asks_before_it_overwrites(tmp_path, capsys, monkeypatch):
    from click.testing import CliRunner

    from nstlib.cli import nst as command

    place = str(tmp_path / "out.png")
    done = CliRunner().invoke(command, ["onepass", CONTENT, STYLE, "-o", place, "--size", "64", "--strength", "0.5"])
    assert done.exit_code == 0 and "one pass by wct, strength 0.5" in done.output
    assert "in the manner of style/mosaic" in nst.read_metadata(place)["Description"]
    mask, masked = str(tmp_path / "mask.png"), str(tmp_path / "masked.png")
    nst.save_image(halves(48, 64), mask)
    CliRunner().invoke(command, ["onepass", CONTENT, STYLE, "-o", masked, "--size", "64", "--mask", mask])
    assert torch.equal(*(load_image(name, 64).pixels[..., 50:] for name in (masked, CONTENT)))
    over = CliRunner().invoke(command, ["onepass", CONTENT, STYLE, "-o", mask, "--mask", mask, "--force"])
    assert isinstance(over.exception, InputError)
    again = CliRunner().invoke(command, ["onepass", CONTENT, STYLE, "-o", place, "--size", "64"])
    assert again.exit_code == 0, "it is nst's own picture"
    told = CliRunner().invoke(command, ["show", place])
    assert "method             wct" in told.output and "strength           1.0" in told.output
    nst.save_image(nst.load_image(CONTENT, 64).pixels, place)
    refused = CliRunner().invoke(command, ["onepass", CONTENT, STYLE, "-o", place])
    assert isinstance(refused.exception, InputError) and "--force" in str(refused.exception)


def test_a_picture_that_cannot_be_saved_where_it_was_to_be_is_saved_elsewhere(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from nstlib import cli, files
    from nstlib.cli.ending import Trouble

    write = files.write_whole

    def full(path, data):
        if path.name == "out.png":
            raise OSError("the disk is full")
        return write(path, data)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nstlib.saving.write_whole", full)
    done = CliRunner().invoke(cli.nst, ["onepass", CONTENT, STYLE, "-o", "out.png", "--size", "64"])
    assert isinstance(done.exception, Trouble | SystemExit) and done.exit_code == 1
    assert nst.load_image("nst.png").pixels.shape[3] == 64


def test_a_size_that_the_format_cannot_hold_is_refused_before_painting(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from nstlib import cli, onepass

    monkeypatch.setattr(onepass, "cascade", None)
    nst.save_image(torch.rand(3, 40, 17000), tmp_path / "wide.png")
    call = ["onepass", str(tmp_path / "wide.png"), STYLE, "-o", str(tmp_path / "a.webp"), "--size", "17000"]
    assert "16,383" in str(CliRunner().invoke(cli.nst, call).exception)


@pytest.mark.parametrize("method", ["wct", "adain"])
def test_a_styles_transparent_part_is_no_style(method):
    look = load_image(STYLE, 128).pixels[0, :, :80, :80]
    cut_out, on_white = torch.zeros(4, 80, 160), torch.ones(3, 80, 160)
    cut_out[:3, :, :80] = on_white[:, :, :80] = look
    cut_out[3, :, :80] = 1
    alone, cut, white = (
        nst.one_pass(CONTENT, style, size=96, method=method).pixels for style in (look, cut_out, on_white)
    )
    assert (cut - alone).norm() < 0.6 * (white - alone).norm()


@pytest.mark.parametrize("mean", [3, 30, 300])
def test_a_small_spread_beside_a_large_mean_is_exchanged_exactly(mean, rng):
    content = 0.05 * torch.randn(1, 8, 64, 64, generator=rng) + mean
    style = torch.rand(8, generator=rng).view(1, 8, 1, 1) * torch.randn(1, 8, 64, 64, generator=rng)
    error = (covariance(nst.wct(content, style)) - covariance(style)).norm() / covariance(style).norm()
    assert error < 1e-2
    torch.testing.assert_close(mean_std(nst.adain(content, style)), mean_std(style), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "work",
    [
        lambda: nst.one_pass("content/harbour", "style/mosaic", size=64),
        lambda: nst.judge("content/harbour", "style/mosaic", "content/harbour", networks=["pocket"], size=64),
        lambda: load_backbone("pocket"),
        lambda: list(nst.train_style_network("style/mosaic", ["content/harbour"], steps=1, size=64)),
    ],
    ids=["one_pass", "judge", "load_backbone", "train_style_network"],
)
def test_the_callers_random_numbers_stay_what_they_would_be(work):
    mirrors.cache_clear()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    work()
    assert torch.equal(torch.rand(3), expected)


def test_what_was_painted_may_be_optimised():
    pixels = nst.one_pass("content/harbour", "style/mosaic", size=64).pixels.requires_grad_()
    pixels.square().sum().backward()
    assert torch.equal(pixels.grad, 2 * pixels.detach())


@pytest.mark.parametrize("exchange", [nst.adain, nst.wct])
def test_maps_of_two_layers_are_refused(exchange):
    with pytest.raises(InputError, match=r"\(1, 6, 8, 9\) and \(1, 4, 3, 3\) have not the same channels"):
        exchange(torch.rand(1, 6, 8, 9), torch.rand(1, 4, 3, 3))


def test_what_is_not_optimised_takes_no_memory_for_moves(monkeypatch):
    monkeypatch.setattr("nstlib.plan.free_memory", lambda device: 1.2e8)
    assert not any("L-BFGS" in note for note in nst.one_pass("content/harbour", "style/mosaic", size=512).notes)


@pytest.mark.parametrize("method", METHODS)
def test_float16_paints_what_single_precision_does(method, monkeypatch):
    """As on the older GPUs; there the engine's maps come in single precision, and the decoders work in half."""
    plain = nst.one_pass("content/harbour", "style/mosaic", size=64, method=method).pixels
    monkeypatch.setattr("nstlib.plan.half_precision", lambda device: "float16")
    monkeypatch.setattr("nstlib.machine.half_precision", lambda device: "float16")
    half = nst.one_pass("content/harbour", "style/mosaic", size=64, method=method).pixels
    assert not torch.equal(half, plain) and (half - plain).abs().mean() < 0.01
