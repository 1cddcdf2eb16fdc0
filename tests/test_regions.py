"""Masks on their way to the maps, and what a region's style is: by brute force, NumPy and finite differences."""

from itertools import product

import numpy as np
import pytest
import torch
from plain import both_kinds, error, network, picture
from test_engine import check

from nstlib.architecture import BACKBONES, Architecture, Spec, vgg
from nstlib.backbone import Backbone
from nstlib.descriptions import gram, guided_gram, guided_sums, region_grams
from nstlib.engine import FeaturesInBands
from nstlib.errors import InputError
from nstlib.guidance import Guidance, carried, guidance_of, guides
from nstlib.loss import divide_strength, style_terms
from nstlib.objective import Objective
from nstlib.plan import prepare
from nstlib.regions import Region, is_region
from nstlib.saving import save_image
from nstlib.style import STATISTICS

TINY = Architecture("tiny", vgg((2, 2, 2), (1, 1, 1)), content_layers=("relu2_1",), style_layers=("relu1_1",))
WITHOUT_NEIGHBOURS = [name for name, kind in STATISTICS.items() if not kind.knows_neighbours]


def half(size, left=True):
    """A mask (1, 1, H, W): one half of a picture."""
    mask = torch.zeros(1, 1, *size, dtype=torch.float64)
    mask[..., : size[1] // 2] = 1
    return mask if left else 1 - mask


# --- from a picture to a map ---------------------------------------------------------------------


def seen(spec, mask):
    """A mask (H, W) one layer further down: the mean of each window, as far as it lies in the picture."""
    if spec.kernel == spec.stride == 1:
        return mask
    h, w = (spec.outputs(side) for side in mask.shape)
    found = np.empty((h, w))
    for y, x in product(range(h), range(w)):
        top, left = y * spec.stride - spec.padding, x * spec.stride - spec.padding
        found[y, x] = mask[max(top, 0) : top + spec.kernel, max(left, 0) : left + spec.kernel].mean()
    return found


@pytest.mark.parametrize("name", ["pocket", "squeezenet1_0"])
def test_a_mask_goes_the_way_of_the_picture(name, rng):
    """Layer by layer, by loops; and its size is that of the maps."""
    architecture = BACKBONES[name]
    mask = torch.rand(1, 1, 75, 102, generator=rng, dtype=torch.float64)
    found = carried(mask, architecture, architecture.style_layers)
    expected = mask[0, 0].numpy()
    for spec in architecture.until(architecture.style_layers[-1]):
        expected = seen(spec, expected)
        if spec.name in architecture.style_layers:
            assert found[spec.name].shape[-2:] == architecture.map_size(spec.name, (75, 102))[1:]
            np.testing.assert_allclose(found.pop(spec.name)[0, 0], expected, rtol=1e-9)
    assert not found


@pytest.mark.parametrize("layer", ["relu1_1", "pool1", "relu2_1", "conv3_1", "pool3"])
def test_a_position_belongs_wholly_where_it_sees_nothing_else(layer, rng):
    """What it sees is asked of the network itself: the pixels that its value has a slope on."""
    backbone = Backbone(TINY, pooling="average").double()
    for parameter in backbone.parameters():
        parameter.data.fill_(0.1)  # nothing is cut off by a ReLU
    leaf, mask = (0.6 + picture(rng, (18, 22)) / 3).requires_grad_(), half((18, 22))
    features = backbone(leaf, [layer])[layer]
    t = carried(mask, TINY, [layer])[layer][0, 0]
    for y, x in product(*map(range, features.shape[-2:])):
        (slope,) = torch.autograd.grad(features[0, 0, y, x], leaf, retain_graph=True)
        inside = mask[0, 0][slope[0].abs().sum(0) > 0]
        assert (t[y, x] == 1, t[y, x] == 0) == ((inside == 1).all(), (inside == 0).all())


@pytest.mark.parametrize("name", BACKBONES)
def test_masks_that_fill_a_picture_fill_its_maps(name, rng):
    architecture, size = BACKBONES[name], (75, 101)
    mask = torch.rand(1, 1, *size, generator=rng)
    one, other, whole = (
        carried(m, architecture, architecture.style_layers) for m in (mask, 1 - mask, torch.ones_like(mask))
    )
    for layer in architecture.style_layers:
        np.testing.assert_allclose(one[layer] + other[layer], 1, atol=1e-6)
        np.testing.assert_array_equal(whole[layer], 1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_layer_of_one_pixel_that_takes_every_other_one_takes_so_of_a_mask(precision, rng):
    specs = (Spec("conv", "conv", 4, 3, 1, 1), Spec("down", "conv", 8, 1, 2, 0), Spec("relu", "relu", 8))
    backbone, image = Backbone(Architecture("odd", specs, ("relu",), ("relu",))), torch.rand(1, 3, 17, 22)
    mask = torch.rand(1, 1, 17, 22, generator=rng)
    t = carried(mask, backbone.architecture, ["conv", "down"])
    assert torch.equal(t["down"], t["conv"][..., ::2, ::2])
    terms = style_terms(backbone, [image.flip(2)], ["relu"], masks=[mask], regions=[mask])
    assert Objective(backbone, terms, precision).value_and_gradient(image)[0] > 0


@pytest.mark.parametrize("statistic", ["gram-relative", "mean-std", "mmd"])
def test_torch_func_goes_back_through_regions(statistic, rng):
    backbone, image = Backbone(TINY).double(), picture(rng, (18, 22))
    regions = [half((18, 22)), half((18, 22), left=False)]
    styles = [image.flip(2) ** 2, image.flip(3)]
    objective = Objective(
        backbone, style_terms(backbone, styles, ["relu1_1", "relu2_1"], statistic=statistic, regions=regions)
    )
    found = torch.func.grad(lambda x: objective(x)[0])(image)
    assert error(found, objective.value_and_gradient(image)[2]) < 1e-10


def test_a_guide_weighs_by_the_square(rng):
    mask, pocket = torch.rand(1, 1, 40, 30, generator=rng), BACKBONES["pocket"]
    t = carried(mask, pocket, ["relu2_1"])["relu2_1"].double().numpy()
    np.testing.assert_allclose(guides(mask, pocket, ["relu2_1"])["relu2_1"], t**2 * t.size / (t**2).sum(), rtol=1e-5)


def test_a_region_that_no_position_sees_mostly_is_lost():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:29, 20:29] = 1
    guides(mask, BACKBONES["pocket"], ["relu1_1", "relu2_1"])
    with pytest.raises(InputError, match="the sky is lost at relu3_3, where a position sees 40 of 64×64 pixels"):
        guides(mask, BACKBONES["pocket"], ["relu1_1", "relu3_3"], "the sky")


# --- what a region's style is --------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("edge", [44, 52])
def test_a_straight_edge_that_halves_what_is_seen_falls_to_one_side_all_along(edge, turned):
    """To the same on both of its sides, in rows as in columns, though adding up is rounded here so and there so."""
    mask, counts = torch.zeros(1, 1, 96, 96), []
    mask[..., :edge] = 1
    for side in (mask, 1 - mask):
        own = guidance_of(BACKBONES["pocket"], ["relu4_2"], side.mT if turned else side)["relu4_2"]
        inside = torch.zeros(own.weights.shape[2:])
        inside.view(-1)[own.members[0]] = 1
        across = (inside.T if turned else inside).mean(0)
        assert set(across.tolist()) == {0.0, 1.0}
        counts.append(int(across.sum()))
    assert counts == [edge // 8, 96 // 8 - edge // 8 - 1]


def test_the_guided_gram_matrix_of_a_hard_mask_is_that_of_its_region(rng):
    """Away from the region's edge, where T is 1 or 0: those positions alone have the Gram matrix of the region."""
    features = torch.randn(1, 5, 12, 16, generator=rng, dtype=torch.float64)
    t = half((12, 16))
    np.testing.assert_allclose(guided_gram(features, t), gram(features[..., :8]), rtol=1e-12)


def test_the_edge_of_a_region_counts_for_little():
    """On a real network, a region's Gram matrix is that of its inner positions but for its edge."""
    backbone, image = network("pocket"), picture(torch.Generator().manual_seed(1), (96, 160))
    image[..., 80:] *= 0.2  # another look on the right
    for layer, most in {"relu1_1": 0.02, "relu2_1": 0.05, "relu3_1": 0.12}.items():
        features = backbone(image, [layer])[layer]
        t = carried(half((96, 160)), backbone.architecture, [layer])[layer]
        inner = gram(features[..., t[0, 0, 0] == 1])
        guided, whole = (float((g - inner).norm() / inner.norm()) for g in (guided_gram(features, t), gram(features)))
        assert guided < most and 3 * guided < whole, layer


def three(rng, size=(6, 7)):
    """T of three regions that meet, overlap and leave something out (1, 3, H, W), two of them hard in their midst."""
    t = torch.zeros(1, 3, *size, dtype=torch.float64)
    t[:, 0, :3], t[:, 1, 3:, :5] = 1, 1
    t[:, 0, 3] = 0.4
    t[:, 2] = torch.rand(size, generator=rng, dtype=torch.float64) * (torch.rand(size, generator=rng) > 0.5)
    t[..., -1, -1] = 0
    return t


def test_regional_statistics_are_those_of_numpy(rng):
    features, t = torch.randn(1, 4, 6, 7, generator=rng, dtype=torch.float64), three(rng)
    f, w = features[0].flatten(1).numpy(), t[0].flatten(1).numpy() ** 2
    w /= w.sum(1, keepdims=True)
    expected, means = np.einsum("im,jm,rm->rij", f, f, w), np.einsum("im,rm->ri", f, w)[:, :, None]
    regions = Guidance(t.square() / t.square().mean((2, 3), keepdim=True))
    for number in range(3):
        np.testing.assert_allclose(guided_gram(features, t[:, [number]]), expected[number], rtol=1e-12)
    whole = np.broadcast_to(f @ f.T / 42, expected.shape)
    np.testing.assert_allclose(region_grams(features, regions), expected, rtol=1e-12)
    np.testing.assert_allclose(STATISTICS["mmd"].regional(features, regions), np.c_["2", means, expected], rtol=1e-12)
    np.testing.assert_allclose(guided_sums(features, regions), np.c_["2", means, whole], rtol=1e-12)


def test_a_hundred_regions_are_told_apart(rng):
    features = torch.randn(1, 4, 10, 10, generator=rng, dtype=torch.float64)
    every = torch.eye(100, dtype=torch.float64).view(1, 100, 10, 10)  # one position each
    found = region_grams(features, Guidance(every))
    for place, one in enumerate(features.flatten(2)[0].T):
        np.testing.assert_allclose(found[place], torch.outer(one, one) / 100, atol=1e-12)


def test_the_gradients_of_regional_statistics(rng, check_gradient):
    t = three(rng, (4, 5))
    regions = Guidance(t.square() / t.square().mean((2, 3), keepdim=True))
    features, number = torch.randn(1, 3, 4, 5, generator=rng, dtype=torch.float64), torch.arange(1.0, 4).view(3, 1, 1)
    for describe in (region_grams, STATISTICS["mmd"].regional, guided_sums):
        for kept in (torch.contiguous_format, torch.channels_last):

            def loss(f, k=kept, describe=describe):
                return (number * describe(f.contiguous(memory_format=k), regions).square()).sum()

            check_gradient(loss, features)
    check_gradient(lambda f: guided_gram(f, t[:, :1]).square().sum(), features)


@pytest.mark.parametrize("describe", [region_grams, STATISTICS["mmd"].regional, guided_sums])
def test_a_callers_autocast_does_not_count(describe, rng):
    features, regions = torch.randn(1, 8, 9, 7, generator=rng), Guidance(torch.rand(1, 2, 9, 7, generator=rng))

    leaf = features.requires_grad_()
    plain = describe(leaf, regions)
    with torch.autocast("cpu", torch.bfloat16):
        under = describe(leaf, regions)
    slopes = [torch.autograd.grad(one.square().sum(), leaf)[0] for one in (plain, under)]
    assert torch.equal(under, plain) and torch.equal(*slopes)


def test_nor_does_it_count_on_the_way_back_from_a_guided_gram_matrix(rng):
    features, regions = torch.randn(1, 8, 9, 7, generator=rng), Guidance(torch.rand(1, 2, 9, 7, generator=rng))

    def slope():
        leaf = features.clone().requires_grad_()
        return torch.autograd.grad(region_grams(leaf, regions).square().sum(), leaf)[0]

    plain = slope()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(slope(), plain)


def test_half_precision_sums_in_single(rng):
    features = torch.randn(1, 24, 200, 200, generator=rng).bfloat16()
    weights = torch.rand(1, 2, 200, 200, generator=rng)
    found = region_grams(features, Guidance(weights))
    assert found.dtype == torch.float32
    assert error(found, region_grams(features.float(), Guidance(weights))) < 1e-5


# --- terms ---------------------------------------------------------------------------------------


def terms(backbone, styles, layers, **options):
    return style_terms(backbone, styles, dict.fromkeys(layers, 1.0), **options)


@pytest.mark.parametrize("statistic", WITHOUT_NEIGHBOURS)
def test_a_mask_of_everything_changes_nothing(statistic, rng):
    backbone, image, style = network("pocket"), picture(rng, (48, 56)), picture(rng, (50, 40))
    made = (
        terms(backbone, [style], ["relu1_1", "relu3_1"], statistic=statistic, **options)
        for options in (
            {},
            {"regions": [torch.ones(1, 1, 48, 56).double()], "masks": [torch.ones(1, 1, 50, 40).double()]},
        )
    )
    plain, guided = (Objective(backbone, one).value_and_gradient(image) for one in made)
    assert guided[0].item() == pytest.approx(plain[0].item(), rel=1e-9)
    assert error(guided[2], plain[2]) < 1e-8


@pytest.mark.parametrize("statistic", WITHOUT_NEIGHBOURS)
@pytest.mark.parametrize("frugal", [False, True], ids=["whole", "in bands"])
def test_the_engine_goes_by_regions_as_autograd_does(statistic, frugal, rng, monkeypatch):
    backbone, image = network("pocket"), picture(rng, (96, 80))
    styles, layers = [picture(rng, (48, 60)) ** 2, picture(rng, (70, 49)) / 2], ["relu1_1", "relu2_1", "conv3_1"]
    if frugal:
        monkeypatch.setattr("nstlib.memory.BAND_BYTES", 2**14)
    regions = [half((96, 80)), None]
    made = terms(backbone, styles, layers, statistic=statistic, regions=regions, masks=[None, half((70, 49))])
    check(backbone, [*made, *both_kinds(backbone, image, ["relu2_1"])], image, 1e-9, 1e-9)


@pytest.mark.parametrize("statistic", ["gram-relative", "gram-e", "gram-4e", "gram-4e/n2"])
def test_the_engine_goes_by_sums_as_autograd_does(statistic, rng):
    backbone, image = network("pocket"), picture(rng, (65, 71))
    options = {"statistic": statistic, "guidance": "sum", "regions": [half((65, 71)), half((65, 71), left=False)]}
    made = terms(backbone, [picture(rng, (48, 60)) ** 2, picture(rng, (70, 49))], ["relu1_1", "relu3_1"], **options)
    check(backbone, made, image, 1e-9, 1e-9)


@pytest.mark.parametrize("way", ["its network", "in bands"])
def test_a_guided_sums_target_is_of_what_is_style_alone(way, rng):
    """By NumPy: a picture's whole map beside its region's mean, each compared with the style's under its mask."""
    backbone, layer, mask = Backbone(TINY).double(), "relu2_1", half((18, 22))
    style, image, region = picture(rng, (18, 22)), picture(rng, (18, 22)), half((18, 22), left=False)
    features = {"its network": backbone, "in bands": FeaturesInBands(backbone)}[way]

    def seen(shown, where):
        f = backbone(shown, [layer])[layer][0].flatten(1).detach().numpy()
        t = carried(where, TINY, [layer])[layer].flatten().numpy() ** 2
        return f @ f.T / f.shape[1], (f * t / t.sum()) @ f.T, f @ (t / t.sum())

    (whole, _, mean), (_, gram_of_style, mean_of_style) = seen(image, region), seen(style, mask)
    expected = sum(
        np.square(a - b).sum() / np.square(b).sum() for a, b in ((whole, gram_of_style), (mean, mean_of_style))
    )
    made = style_terms(features, [style], [layer], guidance="sum", masks=[mask], regions=[region])
    assert float(Objective(backbone, made)(image)[0]) == pytest.approx(0.5 * expected, rel=1e-9)  # of half the picture


def test_the_filler_of_a_style_is_not_aimed_at_by_guided_sums(rng):
    """Of a style opaque in one corner, that corner tiled over the picture lies nearer than the corner on its filler."""
    style, corner = torch.rand(1, 4, 96, 96, generator=rng), torch.zeros(1, 1, 96, 96)
    corner[..., :48, :48] = 1
    style[:, 3:] = corner
    options = {"content_weight": 0, "size": 96, "device": "cpu", "precision": "float32"}
    plan = prepare(style[:, :3], style, masks=["rectangle 0 0 50 100"], guidance="sum", **options)
    tiled, filled = style[:, :3, :48, :48].tile(1, 1, 2, 2), plan.styles[0].pixels
    near, far = (float(plan.objective()(image)[0]) for image in (tiled, filled))
    assert near < 0.5 * far


def test_targets_in_bands_are_the_networks(rng, monkeypatch):
    backbone, style = network("pocket"), picture(rng, (90, 70))
    mask = torch.rand(1, 1, 90, 70, generator=rng, dtype=torch.float64)
    weights = guides(mask, backbone.architecture, ["relu1_1", "relu4_1"])
    made = {layer: Guidance(torch.cat([w, 0 * w + 1], 1)) for layer, w in weights.items()}
    whole = backbone(style, made, region_grams, made)
    monkeypatch.setattr("nstlib.memory.BAND_BYTES", 2**14)
    found = FeaturesInBands(backbone)(style, made, region_grams, made)
    for layer in made:
        np.testing.assert_allclose(found[layer], whole[layer], rtol=1e-9)


@pytest.mark.parametrize("statistic", WITHOUT_NEIGHBOURS)
def test_a_style_pulls_in_its_region_only(statistic, rng):
    backbone, image = network("pocket"), picture(rng, (40, 120))
    made = terms(
        backbone, [picture(rng, (50, 40))], ["relu1_1", "relu2_1"], statistic=statistic, regions=[half((40, 120))]
    )
    gradient = Objective(backbone, made).value_and_gradient(image)[2]
    field = backbone.layers["relu2_1"].receptive_field
    assert gradient[..., 60 + field :].abs().max() == 0 < gradient[..., : 60 - field].abs().min(3).values.max()


def test_two_styles_in_two_regions_are_two_runs(rng):
    """Far from the seam each half is pulled as if its style had the whole picture, twice as large."""
    backbone, image = network("pocket"), picture(rng, (40, 160))
    styles, layers = [picture(rng, (50, 40)) ** 2, picture(rng, (50, 40)) / 3], ["relu1_1", "relu2_1"]
    regions = [half((40, 160)), half((40, 160), left=False)]
    both = Objective(backbone, terms(backbone, styles, layers, regions=regions)).value_and_gradient(image)[2]
    for i, side in enumerate((slice(0, 40), slice(120, 160))):
        alone = Objective(backbone, terms(backbone, [styles[i]], layers, regions=[regions[i]]))
        np.testing.assert_allclose(both[..., side], alone.value_and_gradient(image)[2][..., side], rtol=1e-9)


def test_strength_goes_by_share_and_area():
    left, right, small = half((4, 8)), half((4, 8), left=False), torch.zeros(1, 1, 4, 8)
    small[..., :2] = 1
    assert divide_strength([0.5, 0.5], [None, None]) == [0.5, 0.5]
    assert divide_strength([0.5, 0.5], [left, right]) == [0.5, 0.5]
    assert divide_strength([1.0], [small]) == [0.25]  # a quarter of the picture is painted
    assert divide_strength([0.5, 0.5], [small, 1 - small]) == [0.25, 0.75]
    assert divide_strength([0.75, 0.25], [left, right]) == [0.75, 0.25]
    assert divide_strength([0.5, 0.5], [None, small]) == pytest.approx([0.8, 0.2])


def test_styles_can_speak_on_layers_of_their_own(rng):
    backbone, image = network("pocket"), picture(rng, (48, 56))
    fine, coarse = picture(rng, (50, 40)), picture(rng, (40, 50)) ** 3
    layers = ["relu1_1", "relu2_1", "relu3_1"]
    made = terms(backbone, [fine, coarse], layers, parts=[["relu1_1", "relu2_1"], ["relu2_1", "relu3_1"]])
    values = {t.layer: float(t.loss(backbone(image, [t.layer])[t.layer])) for t in made}
    alone = [
        {t.layer: float(t.loss(backbone(image, [t.layer])[t.layer])) for t in terms(backbone, [one], layers)}
        for one in (fine, coarse)
    ]
    middle = (alone[0]["relu2_1"] + alone[1]["relu2_1"]) / 2
    expected = {"relu1_1": alone[0]["relu1_1"], "relu2_1": middle, "relu3_1": alone[1]["relu3_1"]}
    assert values == pytest.approx(expected, rel=1e-9)
    check(backbone, made, image)


def test_a_layer_of_no_style_is_refused(rng):
    styles, layers = [picture(rng), picture(rng)], ["relu1_1", "relu2_1"]
    with pytest.raises(InputError, match="no style counts on relu2_1"):
        terms(network("pocket"), styles, layers, parts=[["relu1_1"], ["relu1_1"]])
    with pytest.raises(InputError, match="no style counts on relu2_1"):
        terms(network("pocket"), styles, layers, parts=[["relu1_1"], None], shares=[1, 0])


def test_sums_are_of_gram_matrices(rng):
    with pytest.raises(InputError, match="guidance=sum compares Gram matrices, and wasserstein has none"):
        terms(network("pocket"), [picture(rng)], ["relu1_1"], statistic="wasserstein", guidance="sum")
    with pytest.raises(InputError, match="guidance"):
        terms(network("pocket"), [picture(rng)], ["relu1_1"], guidance="grams")
    with pytest.raises(InputError, match="guidance=sum compares regions of the picture, and there are none"):
        terms(network("pocket"), [picture(rng)], ["relu1_1"], guidance="sum")


# --- a region in words ---------------------------------------------------------------------------


def test_a_region_is_what_its_words_say():
    mask = Region.of("rectangle 25 50 100 100").mask((40, 80))[0, 0].numpy()
    expected = np.zeros((40, 80), np.float32)
    expected[20:, 20:] = 1
    np.testing.assert_allclose(mask, expected)
    mask = Region.of("ellipse 10 20 60 80").mask((400, 600))[0, 0].numpy()
    y, x = np.mgrid[:400, :600] + 0.5
    inside = ((x - 210) / 150) ** 2 + ((y - 200) / 120) ** 2 < 1
    assert ((mask > 0.5) == inside).mean() > 0.999 and abs(mask.mean() - np.pi * 150 * 120 / 400 / 600) < 1e-3


def test_a_soft_edge_fades_over_its_width_and_not_at_the_pictures_border():
    mask = Region.of("rectangle 0 0 100 50 soft 20").mask((100, 200))[0, 0].numpy()
    ramp = np.clip((50 - (np.arange(100) + 0.5)) / 20 + 0.5, 0, 1)
    np.testing.assert_allclose(mask, np.repeat(ramp[:, None], 200, 1), atol=1e-6)
    along = Region.of("ellipse 20 20 80 80 soft 10").mask((100, 100))[0, 0, 50].numpy()
    np.testing.assert_allclose(along[16:25], np.clip((np.arange(16, 25) + 0.5 - 20) / 10 + 0.5, 0, 1), atol=0.02)


@pytest.mark.parametrize("words", ["ellipse 20 10 80 90", "rectangle 0 0 100 45.5 soft 5"])
def test_a_regions_words_come_back(words):
    assert str(Region.of(words)) == words


@pytest.mark.parametrize(
    "words",
    ["circle 0 0 9 9", "ellipse", "ellipse 1 2 3", "ellipse 1 2 3 4 5", "ellipse a 2 3 4", "ellipse 1 2 3 4 soft",
     "ellipse 1 2 soft 3 4 5", "ellipse 0 0 101 9", "ellipse 9 0 9 9", "ellipse nan 0 9 9", "ellipse 0 9 9 1"],
)  # fmt: skip
def test_words_that_are_no_region_are_told(words):
    with pytest.raises(InputError, match=r"is no region: give|a percentage: give|swap them|give it some room"):
        Region.of(words)


def test_a_picture_whose_name_begins_like_a_region_is_a_picture():
    assert not is_region("ellipse.png") and not is_region(None) and is_region("ellipse 1 2 3 4")


def test_a_file_whose_name_begins_like_a_region_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_region("ellipse 1.png") and is_region("ellipse 10 10 90 90")
    save_image(torch.ones(1, 3, 40, 40), "ellipse 1.png")
    assert not is_region("ellipse 1.png") and is_region("ellipse 10 10 90 90")


def test_a_mask_is_carried_to_layers_that_there_are():
    mask, pocket = torch.ones(1, 1, 32, 32), BACKBONES["pocket"]
    assert list(carried(mask, pocket, "relu3_1")) == ["relu3_1"]
    with pytest.raises(InputError, match="unknown layer 'relu33': did you mean 'relu3_3'"):
        carried(mask, pocket, ["relu33"])


@pytest.mark.parametrize("mask", ["none.png", "elipse 20 10 80 90", 5])
def test_a_mask_that_is_not_there_is_told_as_one_with_what_a_mask_may_be(mask):
    words = r"^the mask: .*(\? Or give|, or) a region in words, such as ellipse 20 10 80 90$"
    with pytest.raises(InputError, match=words):
        prepare("content/harbour", ["style/mosaic"], size=64, masks=[mask])
