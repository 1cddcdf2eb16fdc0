"""Judges: each number held to its formula elsewhere; the corners of the scale; what is said beside the numbers."""

import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from scipy.linalg import sqrtm

import nstlib as nst
from nstlib import cli, judges
from nstlib.errors import InputError
from nstlib.judges import Judged
from nstlib.opinions import EFFECT, Opinion, axes, colours_gone, detail, effect, gaussian_kl, opinion_of
from nstlib.plot.figures import encode
from nstlib.weights import save_weights

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture
def images(rng):
    content, style = torch.rand(1, 3, 64, 80, generator=rng), torch.rand(1, 3, 72, 72, generator=rng) ** 3
    return content, 0.5 * content + 0.1, style


@pytest.fixture(scope="module")
def pocket():
    return nst.load_backbone()


def r(net, image, layer):
    """R = F Fᵀ / M in NumPy, float64."""
    f = net(image, [layer])[layer].detach().double().flatten(2)[0].numpy()
    return f @ f.T / f.shape[1]


def test_the_style_share_is_that_of_the_relative_gram_distance(images, pocket):
    content, picture, style = images
    seen = opinion_of(pocket, picture, content, style)
    for layer, share in seen.layers.items():
        target = r(pocket, style, layer)
        left, before = (np.sum((r(pocket, i, layer) - target) ** 2) for i in (picture, content))
        assert share == pytest.approx(1 - left / before, abs=1e-4), layer
    assert seen.style == pytest.approx(np.mean(list(seen.layers.values())))


def test_the_content_distance_is_relative(images, pocket):
    content, picture, style = images
    f, p = (pocket(i, ["relu3_3"])["relu3_3"].detach().numpy() for i in (picture, content))
    wanted = np.sum((f - p) ** 2) / np.sum(p**2)
    assert opinion_of(pocket, picture, content, style).content == pytest.approx(wanted, rel=1e-4)


def test_the_divergence_is_that_of_two_gaussians(rng):
    a, b = torch.randn(2, 5, 9, generator=rng, dtype=torch.float64)
    mean, mean_t = torch.randn(2, 5, generator=rng, dtype=torch.float64)
    normal = torch.distributions.MultivariateNormal
    expected = torch.distributions.kl_divergence(normal(mean, a @ a.T), normal(mean_t, b @ b.T))
    assert float(gaussian_kl(mean, a @ a.T, mean_t, b @ b.T)) == pytest.approx(float(expected), rel=1e-6)


def test_e_is_the_weighted_sum_of_the_papers_three_layers(images, pocket):
    """By NumPy from the maps on: centred covariances, projected on 12, 18 and 48 of 24, 48 and 96 axes."""
    _, picture, style = images
    maps = [{n: m.detach() for n, m in pocket(i, list(EFFECT)).items()} for i in (picture, style)]
    total = 0.0
    for layer, weight, rank in zip(LAYERS, (0.7468, 0.2557, 2.3768), (12, 18, 48), strict=True):
        basis = axes(pocket)[layer].numpy()[:, :rank]
        assert np.allclose(basis.T @ basis, np.eye(rank), atol=1e-8)
        (m, s), (m_t, s_t) = (
            (basis.T @ f.mean(1), basis.T @ np.cov(f, bias=True) @ basis)
            for f in (m[layer].double().flatten(2)[0].numpy() for m in maps)
        )
        off, inverse = m_t - m, np.linalg.inv(s_t)
        logs = np.linalg.slogdet(s_t)[1] - np.linalg.slogdet(s)[1]
        total -= weight * np.log((np.trace(inverse @ s) + off @ inverse @ off - rank + logs) / 2)
    assert effect(pocket, *maps) == pytest.approx(total, rel=1e-3)


def test_the_axes_come_strongest_first(pocket):
    basis = axes(pocket)["relu2_1"]
    f = pocket(nst.load_image("content/city", 128).pixels, ["relu2_1"])["relu2_1"].detach().double().flatten(2)[0]
    spread = (basis.T @ (f - f.mean(1, keepdim=True))).var(1)
    assert spread[:5].sum() > 5 * spread[-20:].sum()


def test_colours_are_compared_as_gaussians(images):
    content, picture, style = images

    def distance(image):
        a, b = (i[0].double().flatten(1).numpy() for i in (image, style))
        s, t = np.cov(a, bias=True), np.cov(b, bias=True)
        cross = np.trace(np.real(sqrtm(s @ t)))
        return np.sum((a.mean(1) - b.mean(1)) ** 2) + np.trace(s) + np.trace(t) - 2 * cross

    assert colours_gone(picture, content, style) == pytest.approx(1 - distance(picture) / distance(content), abs=1e-6)


def test_speckle_is_more_detail_and_blur_is_less(images, rng):
    style = images[2]
    assert detail(style, style) == pytest.approx(1)
    blurred = torch.nn.functional.avg_pool2d(style, 3, 1, 1, count_include_pad=False)
    assert detail(blurred, style) < 0.5 < 1.5 < detail(style + 0.5 * torch.randn(style.shape, generator=rng), style)


def test_the_photograph_and_the_painting_are_the_corners():
    judged = nst.judge(
        "content/harbour", "style/mosaic", "content/harbour", "style/mosaic", size=128, networks=["pocket"]
    )
    photograph, painting = judged.pictures
    seen, best = photograph.opinions["pocket"], painting.opinions["pocket"]
    assert seen.style == pytest.approx(0, abs=2e-3) and seen.content < 1e-3 and abs(photograph.colour) < 2e-3
    assert best.style > 0.995 and best.effect > seen.effect + 20 and painting.colour > 0.995
    assert painting.detail == pytest.approx(1, abs=5e-3)
    assert any("stretched" in note for note in judged.notes)


@pytest.mark.parametrize("size", [96, 64])
def test_a_result_is_judged_like_its_file(size, tmp_path):
    painted = nst.stylize("content/harbour", "style/mosaic", size=160, evaluations=10, show=False)
    painted.save(tmp_path / "a.png")
    given = painted, tmp_path / "a.png", painted.image, nst.load_image(tmp_path / "a.png")
    first, *others = nst.judge("content/harbour", "style/mosaic", *given, size=size, networks=["pocket"]).pictures
    for other in others:
        for name, most in {"style": 5e-3, "content": 5e-3, "effect": 0.05}.items():
            own, its = (getattr(one.opinions["pocket"], name) for one in (first, other))
            assert its == pytest.approx(own, abs=most), name
        assert (other.colour, other.detail) == pytest.approx((first.colour, first.detail), abs=5e-3)


@pytest.mark.parametrize("side", [24, 26, 28, 32, 48])
def test_e_is_left_out_where_a_map_is_too_small(side, pocket, rng):
    """Along 48 axes the covariance of 36 places is singular: E was not a number, or anything."""
    small, large = (pocket(torch.rand(1, 3, n, n, generator=rng), list(EFFECT)) for n in (side, 96))
    for pair in ((small, large), (large, small)):
        found = effect(pocket, *pair)
        assert (found is None) == (side < 28) and (found is None or abs(found) < 100)


def test_that_e_is_left_out_is_told(monkeypatch):
    monkeypatch.setitem(EFFECT, "relu3_1", (2.3768, 1.0))  # more axes than a picture of this size has places
    judged = nst.judge("content/harbour", "style/mosaic", "content/city", size=44, networks=["pocket"])
    assert judged.pictures[0].opinions["pocket"].effect is None and "–" in next(judged.rows())
    assert any("E is left out where a map is flat, or has no more places" in note for note in judged.notes)


@pytest.mark.parametrize("flat", ["style", "picture"])
def test_of_a_flat_picture_numbers_are_numbers_or_left_out(flat):
    grey, photograph = torch.full((1, 3, 96, 128), 0.5), nst.load_image("content/harbour", 128).pixels
    pictures = (grey, photograph) if flat == "style" else (photograph, grey)
    judged = nst.judge("content/harbour", *pictures, networks=["pocket"], size=128)
    one = judged.pictures[0]
    seen = one.opinions["pocket"]
    assert seen.effect is None or math.isfinite(seen.effect)
    assert all(math.isfinite(number) for number in (seen.style, seen.content, one.colour))
    assert math.isnan(one.detail) if flat == "style" else one.detail == pytest.approx(0, abs=1e-3)
    assert ("detail is left out: the painting has none, it is flat" in judged.notes) == (flat == "style")
    assert "nan" not in str(judged) and "inf" not in str(judged)


def test_of_a_content_and_a_style_that_are_alike_no_share_is_told():
    """Not 0, which would say that the painting has nothing of its own style."""
    harbour = "content/harbour"
    pixels = nst.load_image(harbour, 96).pixels
    judged = nst.judge(harbour, harbour, harbour, pixels.flip(1), networks=["pocket"], size=96)
    assert all(math.isnan(p.colour) and math.isnan(p.opinions["pocket"].style) for p in judged.pictures)
    assert [row[2] + row[5] for row in judged.rows()] == ["––", "––"]
    assert {row[3] for row in judged.layers()} == {"–"}
    assert [note.partition(" is left out: content and style")[0] for note in judged.notes[-2:]] == ["style", "colour"]
    assert "nan" not in str(judged) and nst.plot.judged(judged).get_suptitle() == "Most style: a tie"


def test_the_transparent_part_of_a_painting_is_no_style():
    """A painting beside nothing is judged nearly as that painting alone, not as one beside white."""
    painting = nst.load_image("style/mosaic", 160)
    pixels = (painting.pixels[0, :, :120, :70].permute(1, 2, 0) * 255).round().byte().numpy()
    canvas = np.full((120, 120, 4), 255, np.uint8)
    canvas[:, 70:, 3] = 0
    canvas[:, :70, :3] = pixels
    styles = {"alone": pixels, "cut out": canvas, "on white": canvas[..., :3]}
    picture = "style/brushstrokes"
    seen = {n: nst.judge("content/city", s, picture, size=120, networks=["pocket"]) for n, s in styles.items()}
    alone, cut, white = (judged.pictures[0] for judged in seen.values())
    for number in (lambda p: p.opinions["pocket"].style, lambda p: p.colour, lambda p: p.detail):
        assert abs(number(cut) - number(alone)) < abs(number(white) - number(alone)) / 3
    assert [n for n, told in seen.items() if any("no style" in note for note in told.notes)] == ["cut out"]


def test_more_style_weight_is_judged_more_style_and_less_content():
    pictures = [nst.stylize("content/city", "style/mosaic", size=96, evaluations=20, style_weight=w) for w in (0.1, 10)]
    judged = nst.judge("content/city", "style/mosaic", *pictures, names=["little", "much"], networks=["pocket"])
    little, much = (p.opinions["pocket"] for p in judged.pictures)
    assert much.style > little.style and much.content > little.content
    assert "little" in repr(judged) and "<table>" in judged._repr_html_()
    assert {p.painted_by for p in judged.pictures} == {"pocket"} and any("flatters" in n for n in judged.notes)


def test_a_saved_picture_tells_who_painted_it(tmp_path):
    nst.stylize("content/city", "style/mosaic", size=64, evaluations=2).save(tmp_path / "a.png")
    (judged,) = nst.judge("content/city", "style/mosaic", tmp_path / "a.png", networks=["pocket"]).pictures
    assert (judged.name, judged.painted_by) == ("a.png", "pocket")


@pytest.mark.parametrize(
    ("pictures", "options", "words"),
    [
        ((), {}, "no picture to judge"),
        (("content/city",), {"names": ["a", "b"]}, "2 names for 1 picture: give one for each"),
        (("content/city",) * 2, {"names": "ab"}, "names='ab': give a list, a name for each picture"),
        (("content/city",), {"names": 5}, "names=5: give a list"),
        (("content/city",), {"networks": []}, "name one judge at least"),
        (("content/city",), {"networks": ["vgg61"]}, "did you mean 'vgg"),
        (("content/city",), {"size": 16}, "32"),
        (("nowhere.png",), {}, "nowhere.png"),
    ],
)
def test_mistakes_are_told_in_words(pictures, options, words):
    with pytest.raises(InputError, match=words):
        nst.judge("content/harbour", "style/mosaic", *pictures, **options)


@pytest.mark.parametrize("names", [[0.5, None], (name for name in (0.5, None)), {0.5: "a", None: "b"}])
def test_names_are_what_their_texts_are(names):
    """A sweep's values, say."""
    judged = nst.judge("content/city", "style/mosaic", *["content/city"] * 2, names=names, networks="pocket", size=48)
    assert [picture.name for picture in judged.pictures] == ["0.5", "None"]
    assert "0.5" in str(judged) and "None" in judged._repr_html_()


def test_pictures_of_one_name_are_told_apart_by_their_folders(tmp_path):
    """By as few as it takes; one that is given twice is one picture."""
    parts = ["x/dd/a.png", "x/ee/a.png", "y/ee/a.png", "b.png", "b.png"]
    for part in parts:
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        nst.save_image(torch.rand(1, 3, 40, 40), tmp_path / part)
    paths = [tmp_path / part for part in parts]
    judged = nst.judge("content/city", "style/mosaic", *paths, networks="pocket", size=40)
    wanted = [str(Path(part)) for part in ("dd/a.png", "x/ee/a.png", "y/ee/a.png", "b.png", "b.png")]
    assert [picture.name for picture in judged.pictures] == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")
def test_a_files_name_that_is_not_utf_8_stands_on_the_chart(tmp_path):
    paths = [tmp_path / os.fsdecode(name) for name in (b"sur\xe9.png", b"sur\xe8.png")]
    for path in paths:
        nst.save_image(torch.rand(1, 3, 40, 40), path)
    judged = nst.judge("content/city", "style/mosaic", *paths, networks="pocket", size=40)
    names = [picture.name for picture in judged.pictures]
    assert names == [r"sur\udce9.png", r"sur\udce8.png"] and encode(nst.plot.judged(judged))[1]


@pytest.mark.parametrize("small", [0, 1])
def test_a_content_or_a_style_that_nothing_can_be_seen_of_is_told(small, rng):
    pair = [torch.rand(1, 3, 40, 40, generator=rng), torch.rand(1, 3, 40, 40, generator=rng)]
    pair[small] = pair[small][..., :1, :1]
    with pytest.raises(InputError, match="is 1×1 pixels, but each side needs at least"):
        nst.judge(*pair, torch.rand(1, 3, 40, 40, generator=rng), networks=["pocket"])


def test_a_damaged_file_of_weights_keeps_nobody_else_from_judging(tmp_path, monkeypatch):
    """It is told, with its name; asked for by name, that network is what the user wants, so there it stops."""
    (tmp_path / "squeezenet1_0.safetensors").write_bytes(b"half of a download")
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path))
    told = nst.judge("content/harbour", "style/mosaic", "content/harbour", size=64)
    assert list(told.pictures[0].opinions) == ["pocket"]
    assert any(n.startswith("squeezenet1_0 does not judge: ") and "squeezenet1_0.safetensors" in n for n in told.notes)
    with pytest.raises(InputError, match=r"squeezenet1_0\.safetensors"):
        nst.judge("content/harbour", "style/mosaic", "content/harbour", size=64, networks=["squeezenet1_0"])


def test_weights_that_end_before_what_a_judge_looks_at_keep_nobody_else_from_judging(tmp_path, monkeypatch):
    """Handed out for a recipe of shallow layers; asked for by name, it is told before any other judge has looked."""
    network = nst.load_backbone("squeezenet1_0", "random")
    save_weights(network.trimmed("fire2"), tmp_path / "squeezenet1_0.safetensors")
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path))
    picture = torch.rand(1, 3, 48, 48)
    found = nst.judge("content/harbour", "style/mosaic", picture)
    assert list(found.pictures[0].opinions) == ["pocket"]
    assert any(note.startswith("squeezenet1_0 does not judge: these weights ") for note in found.notes)
    monkeypatch.setattr(judges, "judge_one", None)
    with pytest.raises(InputError, match="end at fire2, before fire8"):
        nst.judge("content/harbour", "style/mosaic", picture, networks=["pocket", "squeezenet1_0"])


def test_networks_agree_that_a_painting_is_nearer_to_its_style(squeezenet_file):
    judged = nst.judge("content/harbour", "style/mosaic", "style/mosaic", size=96, networks=["pocket", "squeezenet1_0"])
    (picture,) = judged.pictures
    assert all(o.style > 0.8 for o in picture.opinions.values())
    assert picture.opinions["squeezenet1_0"].effect is None


def test_the_command_prints_the_table_and_draws_the_chart(tmp_path):
    nst.stylize("content/city", "style/mosaic", size=64, evaluations=2).save(tmp_path / "a.png")
    chart = tmp_path / "chart.png"
    call = ["judge", "content/city", "style/mosaic", str(tmp_path / "a.png"), "--network", "pocket"]
    done = CliRunner().invoke(cli.nst, [*call, "--chart", str(chart)])
    assert done.exit_code == 0, done.output
    assert "a.png" in done.output and "pocket (painted it)" in done.output and "speckle" in done.output
    assert nst.load_image(chart).pixels.shape[2] > 200
    assert CliRunner().invoke(cli.nst, [*call, "--chart", str(chart)]).exit_code == 0, "it is nst's own chart"
    nst.save_image(nst.load_image("content/city", 64).pixels, chart)
    refused = CliRunner().invoke(cli.nst, [*call, "--chart", str(chart)])
    assert refused.exit_code and "--force" in str(refused.exception or refused.output)
    layers = CliRunner().invoke(cli.nst, [*call, "--layers"])
    assert "relu4_1" in layers.output
    assert done.output.count("flatters") == 1


def test_a_files_name_is_text_on_the_page_and_in_the_chart(tmp_path):
    name = "<b>$x_$<script>.png"
    half = (torch.rand(48, 48, 4) * 255).byte()
    half[:, :24, 3], half[:, 24:, 3] = 0, 255  # a style that is told about by its name
    Image.fromarray(half.numpy()).save(tmp_path / name)
    found = nst.judge("content/city", tmp_path / name, tmp_path / name, networks="pocket", size=48)
    assert any(name in note for note in found.notes)
    assert "<script>" not in found._repr_html_() and "<b>" not in found._repr_html_()
    assert encode(nst.plot.judged(found))[1]


def test_a_style_that_is_smaller_than_the_picture_is_told(rng):
    content, style = torch.rand(1, 3, 80, 96, generator=rng), torch.rand(1, 3, 40, 48, generator=rng)
    small, same = (nst.judge(content, s, content, networks="pocket") for s in (style, content))
    assert any("the style (48 × 40) is enlarged to 96 × 80" in note for note in small.notes)
    assert not any("enlarged" in note for note in same.notes)


@pytest.mark.parametrize("networks", [5, [], ()])
def test_judges_that_are_no_names_are_refused(networks):
    with pytest.raises(nst.InputError, match="name one judge at least"):
        nst.judge("content/harbour", "style/mosaic", "content/harbour", networks=networks)


def test_a_chart_is_never_written_over_a_picture(tmp_path):
    path = str(nst.save_image(torch.rand(1, 3, 64, 64), tmp_path / "ok.png"))
    done = CliRunner().invoke(cli.nst, ["judge", path, path, path, "--chart", path])
    assert "the chart would be written over" in str(done.exception)


@pytest.mark.parametrize("share", [0.5, math.nan])
def test_a_tie_names_no_winner(share):
    def seen(name, *shares):
        opinions = {j: Opinion({"relu1_1": s}, 0.4, None) for j, s in zip("xy", shares, strict=True)}
        return Judged(name, None, opinions, 0.5, 1.0)

    def title(*pictures):
        return nst.plot.judged(nst.Judgement(pictures, ())).get_suptitle()

    assert title(seen("a", share, share), seen("b", share, share)) == "Most style: a tie, by all 2 judges"
    assert title(seen("a", 0.7, share), seen("b", 0.5, share)) == "Most style: a by x, a tie by y"
    assert title(seen("a", 0.7, 0.2), seen("b", share, 0.1)) == "Most style: a, by all 2 judges"


def test_the_names_of_a_class_are_all_on_the_chart():
    """26 learners' pictures, two of them with names that take several lines."""
    names = [f"learner_{number}" for number in range(24)] + ["a picture of a very long name " * 3, "w" * 100]
    seen = Opinion({"relu1_1": 0.5}, 0.4, None)
    figure = nst.plot.judged(nst.Judgement(tuple(Judged(n, None, {"x": seen, "y": seen}, 0.5, 1.0) for n in names), ()))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    inside, drawn = figure.bbox, legend.get_window_extent()
    assert inside.x0 <= drawn.x0 and drawn.x1 <= inside.x1 and inside.y0 <= drawn.y0 and drawn.y1 <= inside.y1
    assert not any(drawn.overlaps(axis.get_window_extent()) for axis in figure.axes)
    assert figure.axes[0].get_window_extent().width > 150
