"""Recipes against their sources' formulas, written again in NumPy; conversions against the value of the objective."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest
import torch

from nstlib import backbone as backbone_module
from nstlib.backbone import BACKBONES, Architecture, Backbone, Spec
from nstlib.errors import InputError
from nstlib.loss import TV_KINDS, Objective, content_terms, style_terms, tv_term
from nstlib.optimize import OPTIMIZERS
from nstlib.recipe import DEFAULT_RECIPE, RECIPES, Recipe, convert, elements
from nstlib.style import STATISTICS

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

# The formulas. F, T and P are raw feature matrices (N, M) of the image, the style and the content; x is an image
# (3, H, W) in [0, 1].


def raw(F):
    return F @ F.T


def paper(F, T):
    """E, Gatys et al. 2016, equation 4."""
    (n, m) = F.shape
    return ((raw(F) - raw(T)) ** 2).sum() / (4 * n**2 * m**2)


def mse_over_m(F, T):
    return ((raw(F) / F.shape[1] - raw(T) / T.shape[1]) ** 2).mean()


def mse_over_nm(F, T):
    return ((raw(F) / F.size - raw(T) / T.size) ** 2).mean()


def sum_over_nm(F, T):
    return ((raw(F) / F.size - raw(T) / T.size) ** 2).sum()


def wasserstein(F, T):
    """With centred maps A and B, tr (Σ Σt)^½ is the sum of the singular values of Aᵀ B / √(M Mt)."""
    mu, nu = F.mean(1), T.mean(1)
    A, B = F - mu[:, None], T - nu[:, None]
    across = np.linalg.qr(A.T, mode="r") @ np.linalg.qr(B.T, mode="r").T  # the same singular values, on N × N
    cross = np.linalg.svd(across, compute_uv=False).sum() / np.sqrt(A.shape[1] * B.shape[1])
    traces = (A**2).sum() / A.shape[1] + (B**2).sum() / B.shape[1]
    return ((mu - nu) ** 2).mean() + (traces - 2 * cross) / len(F)


def mean_and_deviation(F, T):
    return (((F.mean(1) - T.mean(1)) ** 2).sum() + ((F.std(1) - T.std(1)) ** 2).sum()) / len(F)


def mmd(F, T):
    """Over all pairs of positions, as the definition has it."""

    def kernel(x, y):
        return ((x.T @ y / len(x) + 1) ** 2).mean()

    return kernel(F, F) + kernel(T, T) - 2 * kernel(F, T)


def relative(F, T):
    target = raw(T) / T.shape[1]
    return ((raw(F) / F.shape[1] - target) ** 2).sum() / (target**2).sum()


def mse(F, P):
    return ((F - P) ** 2).mean()


def half_sum(F, P):
    return ((F - P) ** 2).sum() / 2


def right(x):
    return x[:, :, 1:] - x[:, :, :-1]


def down(x):
    return x[:, 1:, :] - x[:, :-1, :]


def in_255(x):
    return 255 * (x - MEAN[:, None, None])


def in_deviations(x):
    return (x - MEAN[:, None, None]) / STD[:, None, None]


def absolute(x):
    return np.abs(right(x)).sum() + np.abs(down(x)).sum()


def squares(x):
    return (right(x) ** 2).sum() + (down(x) ** 2).sum()


def nine_points(x):
    """Squares over the eight neighbours; the edge is repeated, and each direction's mean is over its differences."""
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    side = right(p)[:, 1:-1], down(p)[:, :, 1:-1]
    diagonal = p[:, 1:, 1:] - p[:, :-1, :-1], p[:, 1:, :-1] - p[:, :-1, 1:]
    return 2 * (sum((d**2).mean() for d in side) / 3 + sum((d**2).mean() for d in diagonal) / 12)


@dataclass(frozen=True)
class Formula:
    """A source's weighted terms: style(F, T, layer) and content(F, P) of one layer, tv(image)."""

    style: Callable
    content: Callable
    tv: Callable = lambda x: 0.0


def cs231n(content, style, tv):
    weights = dict(zip(("relu1", "fire3", "fire4", "fire5"), style, strict=True))
    return Formula(
        style=lambda F, T, layer: weights[layer] * sum_over_nm(F, T),
        content=lambda F, P: content * ((F - P) ** 2).sum(),
        tv=lambda x: tv * squares(in_deviations(x)),
    )


def gordicaleksa(style, tv, layers=5):
    return Formula(
        style=lambda F, T, layer: style * sum_over_nm(F, T) / layers,
        content=lambda F, P: 1e5 * mse(F, P),
        tv=lambda x: tv * absolute(in_255(x)),
    )


JCJOHNSON = Formula(
    style=lambda F, T, layer: 1e2 * mse_over_nm(F, T),
    content=lambda F, P: 5 * mse(F, P),
    tv=lambda x: 1e-3 * 0.5 * squares(in_255(x)),
)
NEURAL_STYLE_PT = replace(JCJOHNSON, tv=lambda x: 1e-3 * absolute(in_255(x)))
CROWSONKB_WEIGHTS = {"relu1_1": 256, "relu2_1": 64, "relu3_1": 16, "relu4_1": 4, "relu5_1": 1}

FORMULAS = {
    "kit": Formula(
        style=lambda F, T, layer: relative(F, T) / 9,
        content=lambda F, P: 0.02 * ((F - P) ** 2).sum() / (P**2).sum(),
    ),
    "gatys2015": Formula(
        style=lambda F, T, layer: paper(F, T) / 5,
        content=lambda F, P: 1e-3 * half_sum(F, P),
    ),
    "gatys2016": Formula(
        style=lambda F, T, layer: paper(F, T) / 5,
        content=lambda F, P: 8e-4 * half_sum(F, P),
    ),
    "leongatys": Formula(
        style=lambda F, T, layer: 1e3 / len(F) ** 2 * mse_over_m(F, T),
        content=mse,
    ),
    "jcjohnson": JCJOHNSON,
    "jcjohnson-adam": JCJOHNSON,
    "neural-style-pt": NEURAL_STYLE_PT,
    "neural-style-pt-adam": NEURAL_STYLE_PT,
    "gordicaleksa": gordicaleksa(3e4, 1.0),
    "gordicaleksa-vgg16": gordicaleksa(3e4, 1.0, layers=4),
    "gordicaleksa-adam": gordicaleksa(1e5, 0.1),
    "gordicaleksa-noise": gordicaleksa(1e3, 1.0),
    "gordicaleksa-adam-noise": gordicaleksa(1e2, 0.1),
    "crowsonkb": Formula(
        style=lambda F, T, layer: CROWSONKB_WEIGHTS[layer] / (256 + 64 + 16 + 4 + 1) * wasserstein(F, T),
        content=lambda F, P: 0.015 * mse(F, P),
        tv=lambda x: 2 * nine_points(x),
    ),
    "pytorch-tutorial": Formula(
        style=lambda F, T, layer: 1e6 * mse_over_nm(F, T),
        content=mse,
    ),
    "d2l": Formula(
        style=lambda F, T, layer: 1e4 * mse_over_nm(F, T),
        content=mse,
        tv=lambda x: 10 * 0.5 * (np.abs(right(in_deviations(x))).mean() + np.abs(down(in_deviations(x))).mean()),
    ),
    "tensorflow-tutorial": Formula(
        style=lambda F, T, layer: 1e-2 * mse_over_m(F, T) / 5,
        content=lambda F, P: 1e4 * mse(F, P),
        tv=lambda x: 30 * absolute(x),
    ),
    "cs231n-starry-night": cs231n(6e-2, (300000, 1000, 15, 3), 2e-2),
    "cs231n-scream": cs231n(3e-2, (200000, 800, 12, 1), 2e-2),
    "cs231n-composition-vii": cs231n(5e-2, (20000, 500, 12, 1), 5e-2),
    "anishathalye": Formula(
        style=lambda F, T, layer: 5e2 * mse_over_nm(F, T) / 5,
        content=lambda F, P: 5 * mse(F, P),
        tv=lambda x: 1e2 * ((right(in_255(x)) ** 2).mean() + (down(in_255(x)) ** 2).mean()),
    ),
    "fast-neural-style": Formula(
        style=lambda F, T, layer: 1e10 * mse_over_nm(F, T),
        content=lambda F, P: 1e5 * mse(F, P),
    ),
    "li2017": Formula(
        style=lambda F, T, layer: 1e6 * mean_and_deviation(F, T),
        content=half_sum,
    ),
    "li2017-mmd": Formula(
        style=lambda F, T, layer: 4e5 * mmd(F, T),
        content=half_sum,
    ),
}


def maps(recipe, seed):
    """A feature map per layer of the recipe, in float64, with the channels of its network."""
    layers = BACKBONES[recipe.backbone].layers
    random = np.random.default_rng(seed)
    # A Gaussian needs more positions than channels for a covariance of full rank.
    shape = (24, 25) if recipe.statistic == "wasserstein" else (6, 7)
    names = sorted({*recipe.content_layers, *recipe.style_layers})
    return {n: torch.from_numpy(random.exponential(1.0 + seed, (1, layers[n].channels, *shape))) for n in names}


def pick(features, layers, describe=None):
    """Stands for a backbone: the "image" is its feature maps."""
    return {n: describe(features[n]) if describe else features[n] for n in layers}


def matrix(features, layer):
    return features[layer][0].flatten(1).numpy()


@pytest.mark.parametrize("name", RECIPES)
def test_style_term_is_the_sources(name):
    recipe, formula = RECIPES[name], FORMULAS[name]
    image, style = maps(recipe, 0), maps(recipe, 1)
    terms = style_terms(pick, [style], recipe.style_layers, weight=recipe.style_weight, statistic=recipe.statistic)
    assert {t.layer for t in terms} == set(recipe.style_layers)
    # The Wasserstein distance adds a ridge of a millionth.
    tolerance = 1e-4 if recipe.statistic == "wasserstein" else 1e-9
    for term in terms:
        expected = formula.style(matrix(image, term.layer), matrix(style, term.layer), term.layer)
        assert float(term.weight * term.loss(image[term.layer])) == pytest.approx(expected, rel=tolerance), term.name


@pytest.mark.parametrize("name", RECIPES)
def test_content_term_is_the_sources(name):
    recipe, formula = RECIPES[name], FORMULAS[name]
    image, content = maps(recipe, 0), maps(recipe, 1)
    terms = content_terms(
        pick, content, recipe.content_layers, weight=recipe.content_weight, reduction=recipe.content_reduction
    )
    for term in terms:
        expected = formula.content(matrix(image, term.layer), matrix(content, term.layer))
        assert float(term.weight * term.loss(image[term.layer])) == pytest.approx(expected, rel=1e-9)


def first_layer(name, pixels):
    """A network cut after its first convolution, for its `normalize`."""
    architecture = BACKBONES[name]
    return Backbone(replace(architecture, specs=architecture.specs[:1]), pixels=pixels).double()


@pytest.mark.parametrize("name", RECIPES)
def test_tv_term_is_the_sources(name):
    recipe, formula = RECIPES[name], FORMULAS[name]
    image = np.random.default_rng(0).random((3, 7, 9))
    space = first_layer(recipe.backbone, recipe.pixels).normalize if recipe.tv_space == "network" else None
    term = tv_term(recipe.tv_weight, recipe.tv_kind, recipe.tv_reduction, space)
    value = float(term.weight * term.loss(torch.from_numpy(image)[None]))
    assert value == pytest.approx(formula.tv(image), rel=1e-6)  # the network's mean is kept in float32


def test_every_formula_has_a_recipe():
    assert set(FORMULAS) == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_fields_are_valid(recipe):
    assert RECIPES[recipe.name] is recipe
    assert recipe.source.startswith("https://") or recipe.name == DEFAULT_RECIPE
    layers = BACKBONES[recipe.backbone].layers
    assert set(recipe.content_layers) <= set(layers)
    assert set(recipe.style_layers) <= set(layers)
    assert recipe.content_layers and recipe.style_layers
    assert recipe.statistic in STATISTICS
    assert recipe.content_reduction in ("mean", "sum", "relative")
    assert recipe.tv_kind in TV_KINDS
    assert recipe.tv_reduction in ("sum", "mean")
    assert recipe.tv_space in ("pixels", "network")
    assert recipe.optimizer in OPTIMIZERS
    assert recipe.pooling in ("max", "average")
    assert recipe.pixels in ("imagenet", "255")
    assert recipe.padding_mode in ("zeros", "replicate")
    assert recipe.side in ("long", "short", "height")
    assert recipe.start in ("content", "noise", "style")
    assert all(w > 0 for w in (*recipe.content_layers.values(), *recipe.style_layers.values()))
    assert min(recipe.content_weight, recipe.style_weight, recipe.evaluations, recipe.size, recipe.rate) > 0
    assert recipe.tv_weight >= 0
    assert [s for s, _ in recipe.scales()] == sorted(s for s, _ in recipe.scales())
    assert all(size < recipe.size and count > 0 for size, count in recipe.scales())
    assert all(0 < since < recipe.evaluations and rate > 0 for since, rate in recipe.schedule)


def test_default_is_the_first():
    assert next(iter(RECIPES)) == DEFAULT_RECIPE == "kit"
    assert RECIPES[DEFAULT_RECIPE].backbone == "pocket"


def test_rates_and_noise_are_in_pixels():
    """The sources' numbers, in 0 … 255, 0 … 256 or deviations of ImageNet, come back out."""
    assert RECIPES["jcjohnson-adam"].rate * 256 == pytest.approx(10)
    assert RECIPES["neural-style-pt-adam"].rate * 255 == pytest.approx(1)
    assert RECIPES["gordicaleksa-adam"].rate * 255 == pytest.approx(10)
    assert RECIPES["anishathalye"].rate * 255 == pytest.approx(10)
    assert RECIPES["d2l"].rate / 0.226 == pytest.approx(0.3)
    assert RECIPES["d2l"].schedule[-1] == pytest.approx((450, 0.3 * 0.226 * 0.8**9))
    assert RECIPES["jcjohnson"].noise * 256 == pytest.approx(1e-3)
    assert RECIPES["anishathalye"].noise * 255 == pytest.approx(0.256)
    assert RECIPES["gordicaleksa-noise"].noise * 255 == pytest.approx(90)


def test_cs231n_optimiser():
    for name, style_size in [("starry-night", 192), ("scream", 224), ("composition-vii", 512)]:
        recipe = RECIPES[f"cs231n-{name}"]
        low, high = ((np.array(bound) - MEAN) / STD for bound in recipe.bounds)
        np.testing.assert_allclose(low, -1.5)
        np.testing.assert_allclose(high, 1.5)
        ((since, later),) = recipe.schedule
        assert (recipe.rate, since, later) == pytest.approx((3 * 0.226, 180, 0.1 * 0.226))
        assert (recipe.evaluations, recipe.size, recipe.side, recipe.style_size) == (200, 192, "short", style_size)


def test_crowsonkb_grows_by_the_root_of_two():
    recipe = RECIPES["crowsonkb"]
    sizes = [s for s, _ in recipe.pyramid] + [recipe.size]
    assert sizes == [round(512 / 2 ** (i / 2)) for i in (4, 3, 2, 1, 0)]
    assert [n for _, n in recipe.pyramid] + [recipe.evaluations] == [1000, 500, 500, 500, 500]


# The record


def test_recipes_are_frozen():
    recipe = RECIPES["kit"]
    with pytest.raises(FrozenInstanceError):
        recipe.size = 256
    with pytest.raises(TypeError):
        recipe.style_layers["relu1_1"] = 2.0


def test_layers_are_copied():
    layers = {"relu1_1": 1.0}
    recipe = RECIPES["kit"].changed(style_layers=layers)
    layers["relu2_1"] = 1.0
    assert dict(recipe.style_layers) == {"relu1_1": 1.0}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_json_round_trip(recipe):
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_changed_keeps_the_rest():
    recipe = RECIPES["jcjohnson"].changed(size=256, style_weight=7.0)
    assert (recipe.size, recipe.style_weight, recipe.tv_kind) == (256, 7.0, "l2")
    assert RECIPES["jcjohnson"].size == 512


def test_unknown_field_names_the_nearest():
    with pytest.raises(InputError, match="unknown recipe field 'style_wieght': did you mean 'style_weight'"):
        RECIPES["kit"].changed(style_wieght=1.0)


def test_on_replaces_layers_that_the_network_lacks():
    recipe = RECIPES["jcjohnson"].on("squeezenet1_1")
    assert recipe.backbone == "squeezenet1_1"
    assert dict(recipe.content_layers) == {"fire2": 1.0}
    assert dict(recipe.style_layers) == dict.fromkeys(("relu1", "fire3", "fire4", "fire5"), 5 / 4)


def test_on_keeps_layers_that_the_network_has():
    recipe = RECIPES["kit"].on("vgg19")
    assert recipe == RECIPES["kit"].changed(backbone="vgg19")
    assert recipe.on("vgg19") is recipe
    with pytest.raises(InputError, match="did you mean 'vgg19'"):
        recipe.on("vgg-19")


# Conversions

TINY = Architecture(
    "tiny",
    (
        Spec("conv1_1", "conv", 5, kernel=3, padding=1),
        Spec("relu1_1", "relu", 5),
        Spec("pool1", "pool", 5, kernel=2, step=2),
        Spec("conv2_1", "conv", 9, kernel=3, padding=1),
        Spec("relu2_1", "relu", 9),
    ),
    content_layers=("relu2_1",),
    style_layers=("relu1_1", "relu2_1"),
    std=(0.226,) * 3,
)
SIZE = (17, 14)
TINY_RECIPE = Recipe(
    "tiny",
    backbone="tiny",
    content_layers={"relu1_1": 0.3, "relu2_1": 2.0},
    content_reduction="mean",
    content_weight=5.0,
    style_layers={"relu1_1": 1.0, "relu2_1": 0.2},
    statistic="gram-e",
    style_weight=100.0,
    tv_weight=0.1,
    tv_space="network",
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(backbone_module.BACKBONES, "tiny", TINY)


def values(recipe, biases=True):
    """The objective's terms on fixed pictures and fixed random weights, in float64."""
    torch.manual_seed(0)
    network = Backbone(BACKBONES[recipe.backbone], pixels=recipe.pixels).double()
    if not biases:
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    network.std.fill_(1 / 255 if recipe.pixels == "255" else TINY.std[0])  # it was kept in float32
    random = torch.Generator().manual_seed(1)
    image, content, style = (torch.rand(1, 3, *SIZE, generator=random, dtype=torch.float64) for _ in range(3))
    r = recipe
    terms = content_terms(network, content, r.content_layers, weight=r.content_weight, reduction=r.content_reduction)
    terms += style_terms(network, [style], r.style_layers, weight=r.style_weight, statistic=r.statistic)
    terms.append(
        tv_term(r.tv_weight, r.tv_kind, r.tv_reduction, network.normalize if r.tv_space == "network" else None)
    )
    _, parts = Objective(network, terms)(image)
    return {name: float(value) for name, value in parts.items()}


GRAMS = ("gram-e", "gram-4e", "gram-4e/n2")


@pytest.mark.parametrize("old", GRAMS)
@pytest.mark.parametrize("new", GRAMS)
def test_gram_conversion_is_exact(old, new):
    before = TINY_RECIPE.changed(statistic=old)
    after = convert(before, statistic=new)
    assert after.statistic == new
    assert values(after) == pytest.approx(values(before), rel=1e-6)
    assert convert(after, statistic=old).style_layers == pytest.approx(dict(before.style_layers))


@pytest.mark.parametrize("old", ["mean", "sum"])
@pytest.mark.parametrize("new", ["mean", "sum"])
def test_content_conversion_is_exact(old, new):
    before = TINY_RECIPE.changed(content_reduction=old)
    after = convert(before, content_reduction=new, size=SIZE)
    assert after.content_reduction == new
    assert values(after) == pytest.approx(values(before), rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"statistic": name} for name in STATISTICS if name != "mmd"]
    + [{"content_reduction": name} for name in ("mean", "sum", "relative")]
    + [{"tv_kind": name} for name in TV_KINDS]
    + [{"tv_kind": name, "tv_space": "pixels"} for name in TV_KINDS],
    ids=lambda changes: "-".join(changes.values()),
)
def test_pixel_conversion_is_exact_without_biases(changes):
    before = TINY_RECIPE.changed(**changes)
    after = convert(before, pixels="255")
    assert after.pixels == "255"
    # Tiny constants that keep slopes finite (1e-12 under a root) do not grow with the features.
    tolerance = 1e-4 if before.statistic == "mean-std" else 1e-6
    assert values(after, biases=False) == pytest.approx(values(before, biases=False), rel=tolerance)
    back = convert(after, pixels="imagenet")
    weights = ("content_weight", "style_weight", "tv_weight")
    assert [getattr(back, w) for w in weights] == pytest.approx([getattr(before, w) for w in weights])


def test_pixel_conversion_scales_by_58():
    recipe = convert(RECIPES["jcjohnson"], pixels="imagenet")
    assert recipe.content_weight == pytest.approx(5 * 57.63**2)
    assert recipe.style_weight == pytest.approx(100 * 57.63**4)
    assert recipe.tv_weight == pytest.approx(0.5e-3 * 57.63**2)
    assert convert(RECIPES["tensorflow-tutorial"], pixels="imagenet").tv_weight == 30  # it is on pixels already


def test_normalized_features_do_not_follow_the_pixels():
    recipe = convert(RECIPES["gatys2016"].changed(tv_weight=1.0, tv_space="network"), pixels="255")
    assert (recipe.content_weight, recipe.style_weight) == (4e-4, 1.0)
    assert recipe.tv_weight == pytest.approx(57.63**-2)


def test_conversions_join():
    after = convert(TINY_RECIPE, statistic="gram-4e/n2", content_reduction="sum", pixels="255", size=SIZE)
    assert (after.statistic, after.content_reduction, after.pixels) == ("gram-4e/n2", "sum", "255")
    assert values(after, biases=False) == pytest.approx(values(TINY_RECIPE, biases=False), rel=1e-6)
    assert convert(TINY_RECIPE) is TINY_RECIPE


def test_three_families():
    """The paper's E, told as PyTorch's tutorial does, weighs relu4_1 64 times more against relu1_1."""
    weights = convert(RECIPES["gatys2016"], statistic="gram-4e/n2").style_layers
    assert weights["conv4_1"] / weights["conv1_1"] == 64


@pytest.mark.parametrize("name", ["pocket", "squeezenet1_0", "squeezenet1_1"])
def test_elements_are_those_of_the_network(name):
    network = Backbone(replace(BACKBONES[name], specs=BACKBONES[name].specs[:24]))
    for size in [(64, 64), (67, 90), (81, 70), (94, 65)]:
        for layer, found in network(torch.zeros(1, 3, *size), network.layers).items():
            assert elements(network.architecture, layer, size) == found.numel(), (layer, size)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("kit", {"statistic": "gram-e"}, "'gram-relative' has no fixed exchange rate.*changed"),
        ("jcjohnson", {"statistic": "wasserstein"}, "'wasserstein' has no fixed exchange rate.*gram-e, gram-4e"),
        ("jcjohnson", {"content_reduction": "sum"}, "give size="),
        ("kit", {"content_reduction": "mean", "size": (9, 9)}, "'relative' has no fixed exchange rate.*changed"),
        ("jcjohnson", {"pixels": "caffe"}, "unknown pixel convention 'caffe'.*imagenet, 255"),
        ("li2017-mmd", {"pixels": "255"}, "'mmd' cannot follow the pixels.*changed"),
    ],
)
def test_impossible_conversions_say_what_to_do(name, options, message):
    with pytest.raises(InputError, match=message) as caught:
        convert(RECIPES[name], **options)
    assert "\n" not in str(caught.value)


def test_conversion_needs_known_layers():
    with pytest.raises(InputError, match="unknown layer of vgg19 'relu9_1': did you mean"):
        convert(RECIPES["jcjohnson"].changed(style_layers={"relu9_1": 1.0}), statistic="gram-e")


@pytest.mark.parametrize(
    ("backbone", "start", "sizes"),
    [
        ("pocket", "content", []),
        ("pocket", "noise", [200]),
        ("vgg19", "content", [200]),
        ("vgg16", "noise", [100, 200]),
    ],
)
def test_the_default_recipe_goes_from_coarse_to_fine_where_it_pays(backbone, start, sizes):
    recipe = RECIPES["kit"].on(backbone).changed(start=start, size=400, evaluations=100)
    assert recipe.scales() == tuple((size, 34) for size in sizes)
    assert recipe.changed(pyramid=((64, 5),)).scales() == ((64, 5),)
    assert recipe.changed(pyramid=()).scales() == ()
