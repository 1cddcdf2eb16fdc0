"""float16 against float32: maps beyond its range, gradients of any scale, bands, whole runs; nothing is infinite."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from plain import network
from torch import nn

import nstlib as nst
from nstlib.architecture import BACKBONES, Spec
from nstlib.backbone import build, load_backbone
from nstlib.engine import Engine
from nstlib.errors import InputError
from nstlib.float16 import LARGEST, TOP, Scale, power_of_two, shrink
from nstlib.layers import Convolution, FireModule
from nstlib.loss import content_terms, style_terms, tv_term
from nstlib.objective import Objective
from nstlib.style import STATISTICS
from nstlib.term import Term
from nstlib.weights import find_weights

SIZE = 64


def photo(name, size=SIZE):
    return nst.load_image(nst.asset(name), size).pixels


@pytest.fixture(scope="module")
def pictures():
    return photo("content/harbour"), photo("style/mosaic"), photo("style/woodcut_waves", 96)


def trained(name, **options):
    """A network with its trained weights; skips where they are missing."""
    if name != "pocket" and find_weights(name) is None:
        pytest.skip(f"needs {name} in the folder that NSTLIB_WEIGHTS names")
    return load_backbone(name, **options)


def kit_terms(backbone, pictures, weight=1.0):
    content, *styles = pictures
    usual = BACKBONES[backbone.name]
    layers = dict.fromkeys(usual.style_layers, 1 / len(usual.style_layers))
    return [
        *content_terms(
            backbone, content, dict.fromkeys(usual.content_layers, 1.0), weight=0.02 * weight, reduction="relative"
        ),
        *style_terms(backbone, styles, layers, weight=weight),
    ]


def alike(found, expected):
    """The cosine of two gradients, and how much longer the first is; in double precision, as both may be tiny."""
    a, b = (x.double().flatten() for x in (found, expected))
    return float(torch.cosine_similarity(a, b, dim=0, eps=0)), float(a.norm() / b.norm() - 1)


def check(backbone, terms, image, cosine=0.998):
    value, parts, gradient = Objective(backbone, terms).value_and_gradient(image)
    total, half_parts, half = Objective(backbone, terms, "float16").value_and_gradient(image)
    assert half.dtype == total.dtype == torch.float32 and half.isfinite().all()
    assert 0 < abs(total / value - 1) < 2e-3
    assert {k: v.item() for k, v in half_parts.items()} == pytest.approx({k: v.item() for k, v in parts.items()}, 0.01)
    same, longer = alike(half, gradient)
    assert same > cosine and abs(longer) < 0.02


# Powers of two


def test_the_power_of_two_below(rng):
    x = torch.cat([10 ** (60 * torch.rand(1000, generator=rng) - 30), 2.0 ** torch.arange(-100, 100)])
    expected = [math.ldexp(1.0, math.frexp(value)[1] - 1) for value in x.tolist()]
    assert power_of_two(x).tolist() == expected


@pytest.mark.parametrize("pixels", ["imagenet", "255"])
def test_pixels_enter_with_black_and_white_about_an_eighth_apart(pixels):
    backbone = network("pocket", pixels=pixels)
    shrunk = shrink(backbone.std)
    black, white = (backbone.normalize(torch.full((1, 3, 1, 1), value)) for value in (0.0, 1.0))
    assert math.frexp(shrunk)[0] == 0.5 and ((white - black) * shrunk).mean() == pytest.approx(0.125, rel=0.2)


def test_a_convolutions_gain_is_reached_by_a_gradient_of_the_weights_own_signs():
    torch.manual_seed(0)
    module = nn.Conv2d(6, 5, 3, padding=1).requires_grad_(False)
    layer = Convolution(Spec("", "conv", 5, kernel=3, padding=1), module, torch.float32)
    steepest = module.weight.abs().sum((0, 2, 3)).argmax()
    signs = module.weight[:, steepest].flip(1, 2).sign()[None]  # (1, 5, 3, 3)
    back = layer.backward(signs.clone(), None, torch.Size((1, 6, 3, 3)), (1, 1))
    assert back.abs().max().item() == pytest.approx(layer.gain, rel=1e-5)


@pytest.mark.parametrize(("squeezed", "gain"), [(4.0, 40.0), (0.5, 10.0)])
def test_a_fire_modules_gain_holds_inside_it_too(squeezed, gain):
    """Weights of 1 in both ways, so 1 + 9 come together before they are squeezed."""
    spec = Spec("", "fire", 2, kernel=3, padding=1, squeeze=1)
    module = build(spec, 3, "max").requires_grad_(False)
    for part, weight in ((module.squeeze, squeezed), (module.expand1x1, 1.0), (module.expand3x3, 1.0)):
        part.weight.fill_(weight)
        part.bias.fill_(1.0)
    layer = FireModule(spec, module, torch.float32)
    x = torch.ones(1, 3, 5, 5)
    _, saved = layer.forward(x, (1, 1))
    back = layer.backward(torch.ones(1, 2, 5, 5), saved, x.shape, (1, 1))
    assert layer.gain == gain and back.max() == 10 * squeezed <= gain


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1.0, 6e4])
@pytest.mark.parametrize("gain", [1e-3, 1.0, 3e4])
def test_a_factor_keeps_the_product_below_the_top_and_the_books(size, gain):
    scale = Scale(torch.tensor(0.5))
    g = torch.tensor([[size, -size / 2]])
    factor = scale.factor(g, gain)
    assert scale.value == 0.5 * factor and 0 < factor * gain * size <= TOP
    assert factor * gain * size > TOP / 4 or factor > 2.0**13 / gain  # not needlessly small
    assert factor * gain <= 2.0**15  # nor are any kernels beyond the range


def test_two_gradients_meet_at_the_scale_that_holds_both():
    large, small = Scale(torch.tensor(2.0**-40)), Scale(torch.tensor(2.0**60))
    assert [float(f) for f in small.meet(large)] == [2.0**-100, 1.0] and small.value == 2.0**-40
    assert [float(f) for f in large.copy().meet(Scale(torch.tensor(2.0**60)))] == [1.0, 2.0**-100]


def test_what_terms_add_is_brought_to_one_scale(rng):
    scale, true = Scale(), torch.zeros(1, 2, 4, 3)
    for rows, size in (((0, 4), 1e-9), ((1, 3), 1e3), ((0, 2), 1e7), ((2, 4), 1e-4)):
        more = size * torch.randn(1, 2, rows[1] - rows[0], 3, generator=rng)
        true[:, :, slice(*rows)] += more
        if size == 1e-9:
            g = scale.begin(more)
        else:
            assert scale.add(g, g[:, :, slice(*rows)], more) is g
        assert g.dtype == torch.float16 and g.abs().max() <= 4 * TOP
    assert (g.float() / scale.value - true).abs().max() < 1e-3 * true.abs().max()


# Maps beyond the range, gradients of any scale


def test_what_is_beyond_the_range_stays_at_its_end():
    module = nn.Conv2d(1, 2, 1).requires_grad_(False)
    module.weight.copy_(torch.tensor([300.0, -300.0]).view(2, 1, 1, 1))
    spec, x = Spec("", "conv", 2), torch.full((1, 1, 2, 2), 300.0, dtype=torch.float16)
    for ends_in_relu, low in ((True, 0.0), (False, -LARGEST)):
        y, _ = Convolution(spec, module, torch.float16, ends_in_relu=ends_in_relu).forward(x, (0, 0))
        assert (y[0, 0] == LARGEST).all() and (y[0, 1] == low).all()


@pytest.mark.parametrize("pixels", ["imagenet", "255"])
@pytest.mark.parametrize("name", ["pocket", "squeezenet1_0", "vgg16"])
@pytest.mark.parametrize("start", ["content", "noise"])
def test_an_objective_is_float32s(name, pixels, start, pictures, rng):
    backbone = trained(name, pixels=pixels)
    noise = (0.45 + 0.2 * torch.randn(pictures[0].shape, generator=rng)).clamp(0, 1)
    image = 0.8 * pictures[0] + 0.1 if start == "content" else noise
    check(backbone, [*kit_terms(backbone, pictures), tv_term(1e-4)], image)


def test_maps_that_float16_does_not_reach(pictures):
    backbone, image = trained("pocket", pixels="255"), 0.8 * pictures[0] + 0.1
    backbone.features[0].weight.mul_(500)
    assert backbone(image, ["relu1_2"])["relu1_2"].max() > 3 * LARGEST
    check(backbone, kit_terms(backbone, pictures), image)


@pytest.mark.parametrize("weight", [1e-25, 1e-8, 1e8, 1e20])
def test_a_gradient_of_any_scale_comes_back(weight, pictures):
    """A plain float16 gradient is 0 below 6e-8 and infinite above 65,504."""
    backbone = trained("pocket")
    image = 0.8 * pictures[0] + 0.1
    plain, scaled = (
        Objective(backbone, kit_terms(backbone, pictures, w), "float16").value_and_gradient(image)[2]
        for w in (1.0, weight)
    )
    same, longer = alike(scaled, plain)
    assert same > 0.9999 and longer == pytest.approx(weight - 1, rel=1e-3)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_statistic(statistic, pictures):
    backbone, image = trained("pocket"), 0.8 * pictures[0] + 0.1
    layers = {"relu1_2": 1.0, "relu3_1": 1.0}
    check(backbone, style_terms(backbone, pictures[1:], layers, statistic=statistic), image, 0.995)


def test_maps_that_do_not_count_give_no_gradient(pictures):
    """Where everything is 0, no scale is right, and none must make NaN of it."""
    backbone, image = trained("pocket"), pictures[0]
    nothing = [Term("nothing", 1.0, layer, lambda f: 0 * f.sum()) for layer in ("relu1_2", "relu3_1")]
    value, _, gradient = Objective(backbone, nothing, "float16").value_and_gradient(image)
    assert value == 0 and (gradient == 0).all()
    terms = kit_terms(backbone, pictures)
    alone, beside = (Objective(backbone, t, "float16").value_and_gradient(image)[2] for t in (terms, terms + nothing))
    assert alike(beside, alone)[0] > 0.9999


def test_a_gradient_of_zeros_keeps_a_scale_that_float32_holds():
    scale, zeros = Scale(), torch.zeros(1, 1, 2, 2)
    g = scale.begin(zeros)
    for _ in range(40):  # layers
        g = g * scale.factor(g, 1e-3)
        assert scale.value.isfinite() and (g == 0).all()
    assert [float(f) > 0 for f in Scale(torch.tensor(2.0**-20)).meet(scale)] == [True, True]


def test_bands_on_which_nothing_counts_give_no_gradient(pictures, monkeypatch):
    """Below a region's edge: two such bands meet with scales that were for nothing."""
    monkeypatch.setattr("nstlib.memory.LEAN_BAND_BYTES", (2**17, 2**16))
    backbone, image = trained("pocket"), photo("content/harbour", 256)
    top = torch.zeros(1, 1, *image.shape[-2:])
    top[:, :, : image.shape[-2] // 4] = 1
    layers = dict.fromkeys(("relu1_1", "relu2_1", "relu3_3"), 1.0)
    terms = style_terms(backbone, pictures[1:2], layers, regions=[top])
    engine = Engine(backbone, terms, "float16")
    frugal = Engine(backbone, terms, "float16", memory=engine.least(image.shape[-2:]))
    assert max(way.bands for way in frugal.ways(image.shape[-2:])) > 4
    (_, gradient), (_, found) = engine(image), frugal(image)
    assert found.isfinite().all() and (found[:, :, -40:] == 0).all()
    assert alike(found, gradient)[0] > 0.9995


@pytest.mark.parametrize("name", ["pocket", "squeezenet1_0"])
def test_bands_and_little_memory_change_next_to_nothing(name, pictures, monkeypatch):
    monkeypatch.setattr("nstlib.memory.LEAN_BAND_BYTES", (2**17, 2**16))
    backbone, image = trained(name), photo("content/harbour", 128)
    terms = [term for term in kit_terms(backbone, pictures) if term.describe]
    engine = Engine(backbone, terms, "float16")
    size = image.shape[-2:]
    frugal = Engine(backbone, terms, "float16", memory=engine.least(size))
    assert max(way.bands for way in frugal.ways(size)) > 1 and not all(way.keep for way in frugal.ways(size))
    (values, gradient), (again, found) = engine(image), frugal(image)
    assert [v.item() for v in again] == pytest.approx([v.item() for v in values], rel=1e-4)
    assert alike(found, gradient)[0] > 0.9995


def test_no_number_on_the_way_comes_near_the_end(monkeypatch, pictures):
    """However large the weights of the terms: four times `TOP`, pooling's overlap, is all that a gradient reaches."""
    seen = []
    factor = Scale.factor
    monkeypatch.setattr(Scale, "factor", lambda self, g, gain: seen.append(g.abs().max()) or factor(self, g, gain))
    backbone = trained("squeezenet1_0")
    Objective(backbone, kit_terms(backbone, pictures, 1e12), "float16").value_and_gradient(pictures[0])
    assert len(seen) >= 8 and max(seen) <= 5 * TOP and min(seen) > 2.0**-8


def test_a_network_with_huge_weights_is_refused_with_what_to_do():
    backbone = load_backbone()
    backbone.features[0].weight[0, 0, 0, 0] = 2e5
    with pytest.raises(InputError, match=r"weights of pocket reach 2e\+05.*use precision='float32'"):
        Engine(backbone, [], "float16")
    assert Engine(backbone, [], "bfloat16").dtype == torch.bfloat16


# Whole runs


@pytest.mark.slow
@pytest.mark.parametrize(("start", "optimizer"), [("content", "lbfgs"), ("noise", "adam")])
@pytest.mark.parametrize(("name", "evaluations"), [("pocket", 300), ("squeezenet1_0", 60), ("vgg16", 30)])
def test_a_run_ends_where_float32s_does(name, evaluations, start, optimizer):
    trained(name)
    losses = {}
    for precision in ("float32", "float16"):
        transfer = nst.Transfer(
            *("content/harbour", ["style/brushstrokes"]),
            **{"backbone": name, "size": SIZE, "style_size": SIZE, "start": start, "evaluations": evaluations},
            **{"optimizer": optimizer, "pyramid": (), "device": "cpu", "precision": precision, "show": False},
        )
        reported = [progress.step.loss for progress in transfer]
        assert all(map(math.isfinite, reported)) and transfer.history[-1].evaluations >= evaluations
        judge = transfer.objective(None, "float32")
        losses[precision] = judge.value_and_gradient(transfer.run.best.image)[0].item()
        first = reported[0]
    assert losses["float16"] == pytest.approx(losses["float32"], rel=0.05) and losses["float16"] < 0.5 * first


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("start", ["content", "noise"])
@pytest.mark.parametrize("name", ["pocket", "squeezenet1_0", "vgg16"])
def test_on_cuda_a_long_run_stays_finite(name, start):
    trained(name)
    losses = {}
    for precision in ("float32", "float16"):
        options = {"backbone": name, "size": 256, "start": start, "evaluations": 300, "device": "cuda", "show": False}
        result = nst.stylize("content/harbour", "style/brushstrokes", precision=precision, **options)
        assert all(math.isfinite(record.loss) for record in result.history)
        losses[precision] = result.history[-1].loss
    assert losses["float16"] == pytest.approx(losses["float32"], rel=0.05)


def test_a_run_that_passes_scales_and_checkpoints_goes_on(tmp_path):
    options = {"size": SIZE, "evaluations": 8, "pyramid": ((48, 4),), "device": "cpu", "precision": "float16"}
    path = tmp_path / "run.pt"
    transfer = nst.Transfer("content/harbour", ["style/mosaic"], checkpoint=path, show=False, **options)
    for progress in transfer:
        if progress.size == transfer.plan.stages[-1].size and progress.step.iteration == 3:
            break
    again = nst.Transfer("content/harbour", ["style/mosaic"], checkpoint=path, show=False, **options)
    losses = [progress.step.loss for progress in again]
    whole = nst.stylize("content/harbour", "style/mosaic", show=False, **options)
    assert losses[-1] == pytest.approx(whole.history[-1].loss, rel=1e-6)
    assert all(a.evaluations <= b.evaluations for a, b in pairwise(whole.history[-4:]))
    assert whole.facts["precision"] == "float16" and np.isfinite(whole.facts["loss"])
