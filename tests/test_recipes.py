"""Recipes against their sources' formulas, written again in NumPy; conversions against the value of the objective."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from formulas import FORMULAS, MEAN, STD

from nstlib.architecture import BACKBONES, Architecture, Spec
from nstlib.backbone import Backbone
from nstlib.errors import InputError
from nstlib.lesson import NOTEBOOKS
from nstlib.loss import CONTENT_REDUCTIONS, TV_KINDS, content_terms, style_terms, tv_term
from nstlib.objective import Objective
from nstlib.recipe import Recipe
from nstlib.recipes import DEFAULT_RECIPE, RECIPES, convert
from nstlib.settings import settle
from nstlib.style import STATISTICS


def test_a_lesson_says_how_often_a_rate_falls():
    told = (NOTEBOOKS / "07b_recipes_and_knobs.ipynb").read_text(encoding="utf-8")
    assert len(RECIPES["d2l"].schedule) == 9 and "falls by a fifth every 50 evaluations, nine times in all" in told


def test_every_formula_has_a_recipe():
    assert set(FORMULAS) == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_is_known_by_its_name_and_has_a_source(recipe):
    assert RECIPES[recipe.name] is recipe
    assert recipe.source.startswith("https://") or recipe.name == DEFAULT_RECIPE
    assert all(size < recipe.size for size, _ in recipe.scales())
    assert all(0 < since < recipe.evaluations for since, _ in recipe.schedule)


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


def test_a_layer_that_the_network_lacks_is_refused():
    with pytest.raises(InputError, match="style_layers: relu9_1 is not in vgg19, did you mean"):
        RECIPES["jcjohnson"].changed(style_layers={"relu9_1": 1.0})


def test_a_recipe_travels_to_another_process():
    for recipe in RECIPES.values():
        assert pickle.loads(pickle.dumps(recipe)) == recipe and copy.deepcopy(recipe) == recipe


def test_recipes_can_stand_in_a_set():
    recipes = [*RECIPES.values(), *(Recipe.from_dict(recipe.to_dict()) for recipe in RECIPES.values())]
    assert len(set(recipes)) == len(RECIPES)
    one = Recipe(style_layers={"relu2_1": 1, "relu1_1": 0.5})
    assert hash(one) == hash(Recipe(style_layers={"relu1_1": 0.5, "relu2_1": 1.0}))


def test_a_recipe_from_data_keeps_the_rules():
    with pytest.raises(InputError, match="a recipe as data is a dictionary of fields, not list"):
        Recipe.from_dict([1])
    with pytest.raises(InputError, match="size='big': expected a whole number"):
        Recipe.from_dict({"name": "x", "size": "big"})
    with pytest.raises(InputError, match="unknown recipe field 'sise': did you mean 'size'"):
        Recipe.from_dict({"sise": 64})


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
    assert recipe.on("vgg19") == recipe
    with pytest.raises(InputError, match="did you mean 'vgg19'"):
        recipe.on("vgg-19")


# Conversions

TINY = Architecture(
    "tiny",
    (
        Spec("conv1_1", "conv", 5, kernel=3, padding=1),
        Spec("relu1_1", "relu", 5),
        Spec("pool1", "pool", 5, kernel=2, stride=2),
        Spec("conv2_1", "conv", 9, kernel=3, padding=1),
        Spec("relu2_1", "relu", 9),
    ),
    content_layers=("relu2_1",),
    style_layers=("relu1_1", "relu2_1"),
    std=(0.226,) * 3,
)
SIZE = (17, 14)
TINY_FIELDS = {
    "name": "tiny",
    "backbone": "tiny",
    "content_layers": {"relu1_1": 0.3, "relu2_1": 2.0},
    "content_reduction": "mean",
    "content_weight": 5.0,
    "style_layers": {"relu1_1": 1.0, "relu2_1": 0.2},
    "statistic": "gram-e",
    "style_weight": 100.0,
    "tv_weight": 0.1,
    "tv_space": "network",
}


@pytest.fixture
def tiny(monkeypatch):
    """A recipe for a network of two convolutions."""
    monkeypatch.setitem(BACKBONES, "tiny", TINY)
    return Recipe(**TINY_FIELDS)


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
def test_gram_conversion_is_exact(old, new, tiny):
    before = tiny.changed(statistic=old)
    after = convert(before, statistic=new)
    assert after.statistic == new
    assert values(after) == pytest.approx(values(before), rel=1e-6)
    assert convert(after, statistic=old).style_layers == pytest.approx(dict(before.style_layers))


@pytest.mark.parametrize("old", ["mean", "sum"])
@pytest.mark.parametrize("new", ["mean", "sum"])
def test_content_conversion_is_exact(old, new, tiny):
    before = tiny.changed(content_reduction=old)
    after = convert(before, content_reduction=new, size=SIZE)
    assert after.content_reduction == new
    assert values(after) == pytest.approx(values(before), rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"statistic": name} for name, kind in STATISTICS.items() if kind.power is not None]
    + [{"content_reduction": name} for name in CONTENT_REDUCTIONS]
    + [{"tv_kind": name} for name in TV_KINDS]
    + [{"tv_kind": name, "tv_space": "pixels"} for name in TV_KINDS],
    ids=lambda changes: "-".join(changes.values()),
)
def test_pixel_conversion_is_exact_without_biases(changes, tiny):
    before = tiny.changed(**changes)
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


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("pixels", ["imagenet", "255"])
def test_every_recipe_converts_to_other_pixels(name, pixels):
    """Where a term's weight would leave its range, the weights of its layers grow in its place."""
    before = RECIPES[name]
    if STATISTICS[before.statistic].power is None:
        pytest.skip("its terms grow differently")
    after, grows = convert(before, pixels=pixels), 0 if before.pixels == pixels or before.normalized else 57.63
    powers = {"style": STATISTICS[before.statistic].power, "content": CONTENT_REDUCTIONS[before.content_reduction]}
    for kind, power in powers.items():
        old, new = (
            {n: getattr(r, f"{kind}_weight") * w for n, w in getattr(r, f"{kind}_layers").items()}
            for r in (before, after)
        )
        factor = grows ** (power if pixels == "imagenet" else -power) if grows else 1
        assert new == pytest.approx({n: factor * w for n, w in old.items()}, rel=1e-3)


def test_normalized_features_do_not_follow_the_pixels():
    recipe = convert(RECIPES["gatys2016"].changed(tv_weight=1.0, tv_space="network"), pixels="255")
    assert (recipe.content_weight, recipe.style_weight) == (4e-4, 1.0)
    assert recipe.tv_weight == pytest.approx(57.63**-2)


def test_conversions_join(tiny):
    after = convert(tiny, statistic="gram-4e/n2", content_reduction="sum", pixels="255", size=SIZE)
    assert (after.statistic, after.content_reduction, after.pixels) == ("gram-4e/n2", "sum", "255")
    assert values(after, biases=False) == pytest.approx(values(tiny, biases=False), rel=1e-6)
    assert convert(tiny) is tiny


@pytest.mark.parametrize("size", [512, (512,), (0, 4), ("a", "b"), (512.5, 4), True])
def test_a_size_that_is_none_is_told(tiny, size):
    with pytest.raises(InputError, match=r"size=.*expected \(height, width\) of the result, in pixels"):
        convert(tiny, content_reduction="sum", size=size)


def test_three_families():
    """The paper's E, told as PyTorch's tutorial does, weighs relu4_1 64 times more against relu1_1."""
    weights = convert(RECIPES["gatys2016"], statistic="gram-4e/n2").style_layers
    assert weights["conv4_1"] / weights["conv1_1"] == 64


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


def test_guided_sums_add_terms_whose_weight_cannot_follow_the_pixels():
    summed = Recipe(statistic="gram-4e", guidance="sum")
    with pytest.raises(InputError, match="it adds terms that grow differently"):
        convert(summed, pixels="255")
    relative = convert(Recipe(statistic="gram-relative", guidance="sum"), pixels="255")
    assert relative.style_weight == Recipe().style_weight


def test_another_network_in_a_recipe_says_how_to_move_there():
    with pytest.raises(
        InputError, match=r"Its layers: conv1 relu1 .*, or move a recipe there, recipe.on\('squeezenet1_0'\)"
    ):
        Recipe("mine", backbone="squeezenet1_0")
    with pytest.raises(InputError, match="from_dict makes a recipe of it"):
        settle(Recipe("mine").to_dict(), {})


def test_a_recipe_is_converted_by_its_name_too():
    assert convert("gatys2016", statistic="gram-4e") == convert(RECIPES["gatys2016"], statistic="gram-4e")
    with pytest.raises(InputError, match="unknown recipe 'gatys2106': did you mean 'gatys2016'"):
        convert("gatys2106")
    with pytest.raises(InputError, match=r"Recipe\.from_dict makes a recipe of it"):
        convert(RECIPES["kit"].to_dict())
