"""The engine against plain autograd: every network, layer, statistic and precision, in bands and with little memory."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from plain import BANDED, LiveBytes, balanced, both_kinds, by_autograd, error, limits, network, picture
from torch import nn

from nstlib.architecture import BACKBONES, Architecture, Spec, vgg
from nstlib.backbone import Backbone, Fire, load_backbone
from nstlib.descriptions import gram
from nstlib.engine import Engine, FeaturesInBands
from nstlib.errors import InputError
from nstlib.image import load_image
from nstlib.loss import TV_KINDS, content_terms, style_terms, tv_term
from nstlib.machine import PRECISIONS
from nstlib.memory import Way
from nstlib.objective import Objective
from nstlib.optimizers import optimize
from nstlib.style import STATISTICS
from nstlib.term import Term

DATA = Path(__file__).parents[1] / "data"
DEEPEST = {name: "fire9" if "fire9" in architecture.layers else "relu5_1" for name, architecture in BACKBONES.items()}
SMALL_NETWORKS = pytest.mark.parametrize("name", ["pocket", "squeezenet1_0", "squeezenet1_1"])


def photo(kind, name, size=128):
    return load_image(str(DATA / kind / f"{name}.jpg"), size).pixels


def check(backbone, terms, image, value=1e-10, gradient=1e-10):
    """An objective's `value_and_gradient` against autograd, term by term."""
    terms = balanced(backbone, terms, image)
    values, expected = by_autograd(backbone, terms, image)
    total, parts, found = Objective(backbone, terms).value_and_gradient(image)
    by_name = {}
    for term, v in zip(terms, values, strict=True):
        by_name[term.name] = by_name.get(term.name, 0) + v.item()
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(by_name, rel=value)
    assert total.item() == pytest.approx(values.sum().item(), rel=value)
    assert error(found, expected) < gradient


# Against autograd, in double precision


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("name", BACKBONES)
def test_every_network_with_either_pooling(name, pooling, rng):
    backbone, image = network(name, pooling=pooling), picture(rng)
    layers = {*BACKBONES[name].content_layers, *BACKBONES[name].style_layers, DEEPEST[name]}
    check(backbone, both_kinds(backbone, image, layers), image)


@SMALL_NETWORKS
def test_every_layer_alone(name, rng):
    backbone, image = network(name), picture(rng)
    for layer in list(backbone.layers)[: list(backbone.layers).index(DEEPEST[name]) + 1]:
        check(backbone, both_kinds(backbone, image, [layer]), image)


@SMALL_NETWORKS
@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
@pytest.mark.parametrize("pixels", ["imagenet", "255"])
def test_pixels_and_padding_at_the_entry(name, pixels, padding_mode, rng):
    backbone, image = network(name, pixels=pixels, padding_mode=padding_mode), picture(rng)
    check(backbone, both_kinds(backbone, image, BACKBONES[name].style_layers[:3]), image)


@SMALL_NETWORKS
@pytest.mark.parametrize("size", [(97, 131), (131, 97), (64, 65), (49, 48), (50, 71), (39, 200)])
def test_sizes_that_poolings_do_not_divide(name, size, rng):
    backbone, image = network(name), picture(rng, size)
    check(backbone, both_kinds(backbone, image, [BACKBONES[name].style_layers[0], DEEPEST[name]]), image)


@pytest.mark.parametrize(
    "layers",
    [
        ("conv1_1", "relu1_1"),
        ("conv1_1", "conv1_2", "conv2_1"),
        ("conv4_2", "relu4_2"),
        ("relu1_1", "conv4_2"),
        ("relu2_2", "conv3_1", "pool3"),
        ("pool1", "relu1_2", "conv2_1", "pool4", "conv5_1"),
        ("relu2_1", "relu3_1", "relu4_1", "conv5_1", "relu5_1", "pool5"),
    ],
    ids=" ".join,
)
def test_convolutions_beside_their_relus_and_poolings(layers, rng):
    backbone, image = network("pocket"), picture(rng, (65, 71))
    check(backbone, both_kinds(backbone, image, layers), image)


@pytest.mark.parametrize("layers", [("conv1", "relu1"), ("pool1", "fire2"), ("fire3", "fire4", "pool4", "fire5")])
def test_fire_modules_beside_poolings(layers, rng):
    backbone, image = network("squeezenet1_0"), picture(rng)
    check(backbone, both_kinds(backbone, image, layers), image)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_statistic_with_two_styles(statistic, rng):
    backbone, image = network("pocket"), picture(rng, (65, 71))
    styles = [picture(rng, (48, 91)) ** 2, picture(rng, (70, 49)) / 2]
    layers = {"relu2_1": 2.0, "conv3_1": 0.5}
    terms = style_terms(backbone, styles, layers, statistic=statistic, shares=[2, 1])
    check(backbone, [*terms, *content_terms(backbone, image.flip(2), {"relu2_1": 1.0})], image, 1e-9, 1e-9)


@pytest.mark.parametrize("space", [False, True], ids=["of pixels", "in the network's space"])
@pytest.mark.parametrize("kind", TV_KINDS)
def test_total_variation_beside_maps(kind, space, rng):
    backbone, image = network("pocket"), picture(rng)
    smooth = [tv_term(0.3, kind, reduction, backbone.normalize if space else None) for reduction in ("sum", "mean")]
    terms = both_kinds(backbone, image, ["relu1_2"])
    check(backbone, [smooth[0], *terms, smooth[1]], image)
    check(backbone, smooth, image)


def test_losses_whose_slope_is_the_same_everywhere(rng):
    """The gradient of a sum or mean is one number seen at every position, which nothing may write to."""
    backbone, image = network("pocket"), picture(rng)
    terms = [
        Term("sum", 1.0, "relu2_1", torch.sum),
        Term("mean", 1.0, "relu2_1", torch.mean),
        Term("mean", 1.0, "relu2_1", torch.sum, lambda f: f.mean((0, 2, 3))),
        Term("mean", 2.0, "pool1", torch.sum, lambda f: f.mean((0, 2, 3))),
    ]
    check(backbone, terms, image)
    check(backbone, terms[2:], image)


def test_the_objectives_call_is_the_same_sum(rng):
    backbone, image = network("pocket"), picture(rng)
    objective = Objective(backbone, [*both_kinds(backbone, image, ["relu3_3"]), tv_term(0.1)])
    leaf = image.clone().requires_grad_()
    total, parts = objective(leaf)
    value, fast, gradient = objective.value_and_gradient(image)
    assert value.item() == pytest.approx(total.item(), rel=1e-12)
    assert {k: v.item() for k, v in fast.items()} == pytest.approx({k: v.item() for k, v in parts.items()}, rel=1e-12)
    assert error(gradient, torch.autograd.grad(total, leaf)[0]) < 1e-12


# Single and half precision, on trained networks and pictures


@pytest.fixture(scope="module")
def pictures():
    return photo("content", "harbour"), photo("style", "mosaic", 112), photo("style", "woodcut_waves", 96)


def kit_terms(backbone, pictures, content_layer, style_layers):
    content, *styles = pictures
    return [
        *content_terms(backbone, content, {content_layer: 1.0}, weight=0.02, reduction="relative"),
        *style_terms(backbone, styles, dict.fromkeys(style_layers, 1 / len(style_layers))),
        tv_term(1e-4),
    ]


@pytest.fixture(scope="module")
def pocket():
    return load_backbone()


@pytest.fixture(scope="module")
def pocket_terms(pocket, pictures):
    return kit_terms(pocket, pictures, "relu3_3", BACKBONES["pocket"].style_layers)


def test_single_precision_is_as_close_as_autograds_own(pocket, pocket_terms, pictures):
    # Rounding may cross a kink of ReLU or pooling in one way of adding up and not in the other: parts in a thousand.
    image = (0.8 * pictures[0] + 0.1).contiguous()
    check(pocket, pocket_terms, image, value=1e-5, gradient=1e-2)


def check_half_precision(backbone, terms, image):
    value, parts, gradient = Objective(backbone, terms).value_and_gradient(image)
    half_value, half_parts, half = Objective(backbone, terms, "bfloat16").value_and_gradient(image)
    assert half.dtype == half_value.dtype == torch.float32
    assert 0 < abs(half_value / value - 1) < 0.03
    assert {k: v.item() for k, v in half_parts.items()} == pytest.approx({k: v.item() for k, v in parts.items()}, 0.1)
    assert torch.cosine_similarity(half.flatten(), gradient.flatten(), dim=0) > 0.95
    assert half.norm() == pytest.approx(gradient.norm().item(), rel=0.1)


def test_half_precision_points_the_same_way(pocket, pocket_terms, pictures):
    check_half_precision(pocket, pocket_terms, (0.8 * pictures[0] + 0.1).contiguous())


def test_half_precision_of_squeezenet(squeezenet_file, pictures):
    backbone, layers = load_backbone("squeezenet1_0", squeezenet_file), BACKBONES["squeezenet1_0"]
    terms = kit_terms(backbone, pictures, layers.content_layers[0], layers.style_layers)
    check_half_precision(backbone, terms, (0.8 * pictures[0] + 0.1).contiguous())


def test_a_network_in_double_precision_stays_so(rng):
    backbone, image = network("pocket"), picture(rng)
    terms = both_kinds(backbone, image, ["relu3_3"])
    values, gradient = Engine(backbone, terms, "bfloat16")(image)
    assert gradient.dtype == values[0].dtype == torch.float64
    assert error(gradient, by_autograd(backbone, terms, image)[1]) < 1e-12


# Bands


def force(engine, image, bands, keep):
    """Let the engine work in so many bands, or in as many as a block's last map has rows; keep: block → bool."""
    layers, last = engine.backbone.layers, max(list(engine.backbone.layers).index(t.layer) for t in engine.terms)
    ends = [n for i, n in enumerate(layers) if i == last or (i < last and layers[n].kind == "pool")]
    heights = [f.shape[-2] for f in engine.backbone(image, ends).values()]
    ways = [Way(min(bands, height), keep(block)) for block, height in enumerate(heights)]
    engine.ways = lambda size: ways
    return engine


KEEP = {"kept": lambda block: True, "twice": lambda block: False, "by turns": lambda block: block % 2 == 0}


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize("bands", [2, 3, 7, 100])
@pytest.mark.parametrize("name", BANDED)
def test_bands_change_nothing(name, bands, keep, rng):
    backbone, image = network(name), picture(rng, (71, 65))
    terms = style_terms(backbone, [image.flip(3) ** 2], dict.fromkeys(BANDED[name], 1.0), statistic="mmd")
    terms = balanced(backbone, terms, image)
    expected, gradient = by_autograd(backbone, terms, image)
    values, found = force(Engine(backbone, terms), image, bands, KEEP[keep])(image)
    assert error(torch.stack(values), expected) < 1e-10
    assert error(found, gradient) < 1e-10


@pytest.mark.parametrize("options", [{"padding_mode": "replicate"}, {"pooling": "average"}], ids=str)
@SMALL_NETWORKS
def test_bands_of_other_paddings_and_poolings(name, options, rng):
    backbone, image = network(name, **options), picture(rng, (65, 59))
    terms = balanced(
        backbone, style_terms(backbone, [image.flip(3) ** 2], dict.fromkeys(BANDED[name][:-1], 1.0)), image
    )
    expected, gradient = by_autograd(backbone, terms, image)
    for bands in (3, 100):
        values, found = force(Engine(backbone, terms), image, bands, KEEP["by turns"])(image)
        assert error(torch.stack(values), expected) < 1e-10 and error(found, gradient) < 1e-10


def banded_terms(backbone, image, layers):
    """Style everywhere, and content on the last of the layers alone, whose block is then one band."""
    weights = dict.fromkeys(layers, 1.0)
    terms = [*style_terms(backbone, [image.flip(3) ** 2], weights), *content_terms(backbone, image.flip(2), weights)]
    return balanced(backbone, [*terms[: len(layers)], terms[-1]], image)


@pytest.mark.parametrize(
    ("name", "layers"),
    [("pocket", ("relu1_1", "relu2_1", "conv3_2", "relu4_1")), ("squeezenet1_0", ("relu1", "fire3", "fire5"))],
)
def test_a_limit_of_memory_changes_nothing(name, layers, rng):
    backbone, image = network(name), picture(rng, (163, 118))
    terms = banded_terms(backbone, image, layers)
    expected, gradient = by_autograd(backbone, terms, image)
    seen = []
    for memory in limits(Engine(backbone, terms), (163, 118), 5):
        engine = Engine(backbone, terms, memory=memory)
        seen.append(engine.ways((163, 118)))
        values, found = engine(image)
        assert error(torch.stack(values), expected) < 1e-10
        assert error(found, gradient) < 1e-10
    assert max(way.bands for way in seen[0]) > 2 and not any(way.keep for way in seen[0])
    assert all(way.keep for way in seen[-1])
    assert len({tuple(ways) for ways in seen}) > 2


@pytest.mark.parametrize("band", [None, 2**16], ids=["usual", "small"])
@pytest.mark.parametrize("describe", [None, gram], ids=["maps", "descriptions"])
@SMALL_NETWORKS
def test_features_in_bands_are_the_networks(name, describe, band, rng, monkeypatch):
    backbone, image = network(name), picture(rng, (163, 118))
    layers, parts = BANDED[name], []
    if band:
        monkeypatch.setattr("nstlib.memory.BAND_BYTES", band)
    expected = backbone(image, layers, describe)
    seen = describe and (lambda f: parts.append(f.shape[-2]) or describe(f))
    found = FeaturesInBands(backbone)(image, layers, seen)
    assert list(found) == list(expected) and all(x.shape == expected[n].shape for n, x in found.items())
    assert max(error(found[n], expected[n]) for n in layers) < 1e-10
    assert not any(x.requires_grad for x in found.values())
    assert describe is None or (len(parts) > len(layers)) == bool(band)


def test_features_in_bands_refuse_what_the_network_refuses(rng):
    backbone = network("pocket")
    features = FeaturesInBands(backbone)
    with pytest.raises(InputError, match="relu9_1 is not in pocket"):
        features(picture(rng), ["relu9_1"])
    with pytest.raises(InputError, match="no layer was named"):
        features(picture(rng), [])
    with pytest.raises(InputError, match="16×40 pixels is too small for relu5_1"):
        features(picture(rng, (40, 16)), ["relu5_1"])
    assert list(features(picture(rng), "relu1_1")) == ["relu1_1"]


# Nothing is written to that others hold


def witness(layer, seen, describe=False):
    """A term that remembers what it is shown, and how it looked then."""

    def look(features):
        seen.append((features, features.detach().clone()))
        return features.square().mean((0, 2, 3)) if describe else features.square().mean()

    return Term(f"sees-{layer}", 1.0, layer, torch.sum, look) if describe else Term(f"sees-{layer}", 1.0, layer, look)


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize(("describe", "bands"), [(False, 1), (True, 1), (True, 4)])
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("pocket", ("conv1_1", "relu1_1", "relu1_2", "pool1", "conv2_1", "conv3_3", "pool3")),
        ("squeezenet1_1", ("conv1", "relu1", "pool1", "fire2", "fire3", "pool3", "fire4")),
    ],
)
def test_maps_that_a_term_saw_are_never_overwritten(name, layers, describe, bands, keep, rng):
    backbone, image, seen = network(name), picture(rng), []
    terms = [witness(layer, seen, describe) for layer in (*layers, layers[-1])]
    force(Engine(backbone, terms), image, bands, KEEP[keep])(image)
    assert len(seen) >= len(layers)
    assert all(torch.equal(features.detach(), then) for features, then in seen)
    features = backbone(image, layers)
    if bands == 1 and keep == "kept":
        shown = zip((*layers, layers[-1]), seen, strict=True)
        assert all(error(then, features[layer]) < 1e-12 for layer, (_, then) in shown)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("memory", [None, "least"])
def test_an_evaluation_leaves_no_trace(pocket, pocket_terms, pictures, precision, memory):
    """The picture stays, the weights stay, the same comes out again, and nothing of it has a graph."""
    image, before = pictures[0].clone(), {k: v.clone() for k, v in pocket.state_dict().items()}
    if memory:
        memory = Engine(pocket, [t for t in pocket_terms if t.layer], precision).least(image.shape[-2:])
    objective = Objective(pocket, pocket_terms, precision, memory)
    first, second = ((v.clone(), dict(p), g.clone()) for v, p, g in map(objective.value_and_gradient, [image, image]))
    assert torch.equal(image, pictures[0]) and not image.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in pocket.state_dict().items())
    assert torch.equal(first[0], second[0]) and torch.equal(first[2], second[2]) and first[1] == second[1]
    assert not any(x.requires_grad for x in (first[0], first[2], *first[1].values()))


def test_results_are_the_callers_own(pocket, pocket_terms, pictures):
    """On the CPU a later evaluation leaves an earlier gradient as it was."""
    objective = Objective(pocket, pocket_terms)
    _, _, gradient = objective.value_and_gradient(pictures[0])
    before = gradient.clone()
    objective.value_and_gradient(1 - pictures[0])
    assert torch.equal(gradient, before)
    gradient.zero_()
    assert torch.equal(objective.value_and_gradient(pictures[0])[2], before)


def test_two_sizes_in_turn(rng):
    backbone = network("pocket")
    terms = style_terms(backbone, [picture(rng)], {"relu1_1": 1.0, "relu4_1": 1.0, "relu3_1": 1.0})
    objective, images = Objective(backbone, terms), [picture(rng, size) for size in ((48, 64), (71, 50), (64, 48))]
    for image in (*images, *images):
        assert error(objective.value_and_gradient(image)[2], by_autograd(backbone, terms, image)[1]) < 1e-10


def test_grad_mode_and_a_leaf_make_no_difference(rng):
    backbone, image = network("pocket"), picture(rng)
    objective = Objective(backbone, [*both_kinds(backbone, image, ["relu2_1"]), tv_term(1.0)])
    total, _, gradient = objective.value_and_gradient(image)
    leaf = image.clone().requires_grad_()
    for given, mode in ((image, torch.no_grad), (leaf, torch.no_grad), (leaf, torch.enable_grad)):
        with mode():
            value, _, found = objective.value_and_gradient(given)
        assert torch.equal(value, total) and torch.equal(found, gradient) and not found.requires_grad
    assert leaf.grad is None and torch.is_grad_enabled()
    assert all(p.grad is None for p in backbone.parameters())


def test_images_in_any_layout(rng):
    backbone, image = network("pocket"), picture(rng)
    objective = Objective(backbone, both_kinds(backbone, image, ["relu2_1"]))
    expected = objective.value_and_gradient(image)[2]
    for given in (image.contiguous(memory_format=torch.channels_last), image.mT.contiguous().mT):
        assert not given.is_contiguous()
        assert error(objective.value_and_gradient(given)[2], expected) < 1e-12


class Stop(BaseException):
    """As an interrupt is: no mere exception."""


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize(("bands", "call"), [(1, 1), (2, 1), (2, 2), (2, 3), (2, 4)])
def test_a_stop_half_way_comes_through_and_leaves_no_map_behind(bands, call, keep, rng):
    """A map on a tape that held the graph would never be freed, because the graph holds the tape."""
    calls = []

    def stopping(x):
        calls.append(x.shape)
        if len(calls) == call:
            raise Stop
        return x.square().mean((0, 2, 3))

    backbone, image = network("pocket"), picture(rng)
    last = Term("stops", 1.0, "relu2_1", torch.sum, stopping)
    if bands == 1:  # the whole map, in the midst of judging
        last = Term("stops", 1.0, "relu2_1", lambda x: stopping(x).sum())
    terms = [*style_terms(backbone, [image.flip(3)], {"relu1_1": 1.0, "relu3_1": 1.0}), last]
    engine = force(Engine(backbone, terms), image, bands, KEEP[keep])
    calls.extend([None] * 9)
    engine(image)  # what is made once does not count
    calls.clear()
    with LiveBytes() as measured:
        if call <= 2 or keep != "kept":  # from the third time on, on the way back
            with pytest.raises(Stop):
                engine(image)
        else:
            engine(image)
        torch.zeros(1)  # has the living counted
    assert sum(size for _, size in measured.live.values()) < 100 < 10000 < measured.most


# What surrounds an evaluation

NOTHING_SLOW = """
import sys, torch
from nstlib.backbone import load_backbone
from nstlib.loss import content_terms, style_terms, tv_term
from nstlib.objective import Objective
from nstlib.style import STATISTICS
torch.set_num_threads(1)
backbone, image = load_backbone("pocket", "random", padding_mode="replicate"), torch.rand(1, 3, 48, 48)
before = set(sys.modules)
terms = [t for name in STATISTICS for t in style_terms(backbone, [image.flip(2)], {"relu2_1": 1.0}, statistic=name)]
terms += [*content_terms(backbone, image.flip(3), {"relu3_1": 1.0}), tv_term(1.0)]
for precision in ("float32", "bfloat16", "float16"):
    Objective(backbone, terms, precision).value_and_gradient(image)
print(*sorted(set(sys.modules) - before))
"""


def test_an_evaluation_imports_nothing_slow():
    """Some ways to call autograd make torch import its symbolic shapes, which takes seconds."""
    done = subprocess.run([sys.executable, "-c", NOTHING_SLOW], capture_output=True, text=True, check=True)
    slow = [name for name in done.stdout.split() if "sympy" in name or "symbolic_shapes" in name]
    assert slow == []


# --- networks of one's own -----------------------------------------------------------------------


@pytest.mark.parametrize("first", [(11, 4, 2), (7, 2, 3), (3, 2, 1), (5, 3, 2)], ids=str)
@pytest.mark.parametrize("side", [64, 65, 67, 97])
def test_a_first_convolution_with_steps_and_padding(rng, first, side):
    """AlexNet's, ResNet's and others', whole and in bands."""
    kernel, step, padding = first
    specs = (
        *(Spec("conv1", "conv", 6, kernel, step, padding), Spec("relu1", "relu", 6)),
        *(Spec("conv2", "conv", 5, 3, 1, 1), Spec("relu2", "relu", 5), Spec("pool2", "pool", 5, 2, 2)),
    )
    torch.manual_seed(1)
    backbone = Backbone(Architecture("steps", specs, ("relu1",), ("relu1", "relu2"))).double()
    image = torch.rand(1, 3, side, side + 3, generator=rng, dtype=torch.float64)
    terms = content_terms(backbone, image.flip(2), {"relu2": 1.0}) + style_terms(backbone, [image.flip(3)], ["relu1"])
    objective = Objective(backbone, terms)
    leaf = image.clone().requires_grad_()
    total, _ = objective(leaf)
    (expected,) = torch.autograd.grad(total, leaf)
    for least in (False, True):
        objective.memory = Engine(backbone, terms).least((side, side + 3)) if least else None
        found, _, gradient = copy.copy(objective).value_and_gradient(image)
        assert found == pytest.approx(float(total), rel=1e-9)
        assert torch.allclose(gradient, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("number", "module"),
    [
        (1, nn.LeakyReLU(0.2)),
        (0, nn.Conv2d(3, 4, 3, padding=1, bias=False)),
        (0, nn.Conv2d(3, 4, 3, padding=2, dilation=2)),
        (0, nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")),
        (3, nn.Conv2d(4, 5, 3, padding=1, padding_mode="replicate")),
        (2, nn.LPPool2d(2, 2)),
        (2, nn.MaxPool2d(2, 1)),
        (2, nn.MaxPool2d(2, 2, dilation=2)),
        (2, nn.AvgPool2d(2, 2, divisor_override=5)),
        (1, type("Halved", (nn.ReLU,), {"forward": lambda self, x: 0.5 * x})()),
        (
            3,
            type("Shifted", (nn.Conv2d,), {"forward": lambda self, x: 1 + nn.Conv2d.forward(self, x)})(
                4, 5, 3, padding=1
            ),
        ),
    ],
    ids=[
        "relu",
        "bias",
        "dilation",
        "reflect",
        "replicate",
        "pool",
        "step",
        "pool's-dilation",
        "divisor",
        "own-relu",
        "own-convolution",
    ],
)
def test_a_module_put_in_the_place_of_another_is_no_work_for_the_engine(rng, number, module):
    architecture = Architecture("tiny", vgg((4, 5), (1, 1)), ("relu2_1",), ("relu1_1",))
    backbone, image = Backbone(architecture), torch.rand(1, 3, 12, 12, generator=rng)
    backbone.features[number] = module
    objective = Objective(backbone, content_terms(backbone, image.flip(2), ["relu2_1"]))
    assert objective(image)[0] > 0
    with pytest.raises(InputError, match=r"of tiny is another module now, .*call the objective itself"):
        objective.value_and_gradient(image)
    (step,) = optimize(objective.__call__, image, evaluations=1)  # as the message advises
    assert step.loss > 0


@pytest.mark.parametrize("number", [1, 2])
def test_a_hook_is_no_work_for_the_engine(rng, number):
    architecture = Architecture("tiny", vgg((4, 5), (1, 1)), ("relu2_1",), ("relu1_1",))
    backbone, image = Backbone(architecture), torch.rand(1, 3, 12, 12, generator=rng)
    backbone.features[2] = nn.MaxPool2d((2, 2), (2, 2))  # which is the same as its own
    objective = Objective(backbone, content_terms(backbone, image.flip(2), ["relu2_1"]))
    hung = backbone.features[number].register_forward_hook(lambda module, given, made: 0 * made)
    with pytest.raises(
        InputError, match=r"of tiny has a hook or a forward of its own now, .*nst.optimize\(objective.__call__, image\)"
    ):
        objective.value_and_gradient(image)
    hung.remove()
    assert float(objective.value_and_gradient(image)[0]) == pytest.approx(float(objective(image)[0]), rel=1e-5)


class Mirrored(Backbone):
    def forward(self, image, *rest):
        return super().forward(image.flip(1), *rest)


def hooked(backbone):
    backbone.register_forward_pre_hook(lambda module, given: (0.5 * given[0], *given[1:]))


def replaced(backbone):
    backbone.features[0].forward = lambda x: x[:, :1].expand(-1, 4, -1, -1)


def mirrored(backbone):
    backbone.__class__ = Mirrored


@pytest.mark.parametrize("change", [hooked, replaced, mirrored])
def test_a_network_that_is_not_walked_as_written_is_no_work_for_the_engine(rng, change):
    backbone = Backbone(Architecture("tiny", vgg((4, 5), (1, 1)), ("relu2_1",), ("relu1_1",)))
    image = torch.rand(1, 3, 12, 12, generator=rng)
    change(backbone)
    objective = Objective(backbone, content_terms(backbone, image.flip(2), ["relu2_1"]))
    with pytest.raises(InputError, match=r"has a hook or a forward of its own now, .*call the objective itself"):
        objective.value_and_gradient(image)
    assert objective(image)[0] > 0


@pytest.mark.parametrize("odd", [{"padding": 2, "dilation": 2}, {"padding": 1, "padding_mode": "circular"}])
def test_a_part_of_a_fire_put_in_the_place_of_another_is_no_work_for_the_engine(rng, odd):
    backbone, image = load_backbone("squeezenet1_1", weights="random"), torch.rand(1, 3, 40, 40, generator=rng)
    fire = next(module for module in backbone.features if isinstance(module, Fire))
    fire.expand3x3 = nn.Conv2d(fire.expand3x3.in_channels, fire.expand3x3.out_channels, 3, **odd)
    objective = Objective(backbone, content_terms(backbone, image.flip(2), ["fire3"]))
    with pytest.raises(InputError, match=r"is another module now, Fire.*call the objective itself"):
        objective.value_and_gradient(image)


def test_a_pooling_with_padding_is_refused_where_it_is_built():
    specs = (Spec("conv1", "conv", 4, 3, 1, 1), Spec("pool1", "pool", 4, 3, 2, 1))
    with pytest.raises(InputError, match="pool1 is a pooling with padding, which no layer here knows"):
        Backbone(Architecture("odd", specs, ("pool1",), ("pool1",)))


def test_a_kind_of_layer_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="unknown kind of layer 'tanh'"):
        Backbone(Architecture("odd", (Spec("t", "tanh", 4),), ("t",), ("t",)))


# --- terms and objectives of one's own -----------------------------------------------------------


class More(Objective):
    def __call__(self, image):
        total, parts = super().__call__(image)
        return total + image.square().mean(), parts


class Hundredfold(Term):
    def loss(self, x):
        return 100 * super().loss(x)


def test_a_formula_of_ones_own_is_no_work_for_the_engine(pocket, pictures):
    image = pictures[0]
    terms = content_terms(pocket, image.flip(2), ["relu2_1"])
    odd = Hundredfold("mine", 1.0, "relu2_1", lambda f: f.square().mean())
    for objective in (More(pocket, terms), Objective(pocket, [odd])):
        with pytest.raises(InputError, match=r"has a (__call__|loss) of its own, .*call the objective itself"):
            objective.value_and_gradient(image)
        with pytest.raises(InputError, match=r"has a (__call__|loss) of its own"):
            objective.gradient_shares(image)
        (step,) = optimize(objective.__call__, image, evaluations=1)  # as the message advises
        assert step.loss == pytest.approx(float(objective(image)[0]))


def test_the_terms_of_an_objective_stay_as_they_are(pocket, pictures):
    objective = Objective(pocket, content_terms(pocket, pictures[0], ["relu2_1"]))
    assert not hasattr(objective.terms, "append") and not hasattr(objective.layers, "append")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("describe", [None, lambda f: f.square().mean((2, 3))], ids=["map", "mean"])
def test_terms_of_ones_own_compute_in_single_precision(pocket, pictures, precision, describe):
    seen = []
    judge = (lambda f: f.square().mean()) if describe is None else torch.mean
    term = Term("mine", 1.0, "relu2_1", lambda x: seen.append(x.dtype) or judge(x), describe)
    expected, _, slope = Objective(pocket, [term]).value_and_gradient(pictures[0])
    found, _, gradient = Objective(pocket, [term], precision).value_and_gradient(pictures[0])
    assert {*seen} == {torch.float32} and found.dtype == torch.float32
    assert found == pytest.approx(float(expected), rel=2e-3)
    assert torch.cosine_similarity(gradient.flatten(), slope.flatten(), dim=0) > 0.95


class Kept(torch.autograd.Function):
    """Half of the sum of squares, whose slope is what it saved: the gradient itself is somebody else's."""

    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(slope)
        return (x * slope).sum()

    @staticmethod
    def backward(ctx, d):
        return ctx.saved_tensors[0], None


@pytest.mark.parametrize("layer", ["relu1_1", "relu1_2", "pool1"])
def test_a_gradient_that_somebody_keeps_is_never_overwritten(pocket, pictures, layer):
    image = pictures[0]
    features = pocket(image, [layer])[layer]
    slope = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    slope = slope.contiguous(memory_format=torch.channels_last)
    before = slope.clone()
    objective = Objective(pocket, [Term("mine", 1.0, layer, lambda f: Kept.apply(f, slope))])
    objective.value_and_gradient(image)
    assert torch.equal(slope, before)
