"""Content, style and total-variation terms against loops and finite differences, and the objective of them all."""

import copy
import math
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nstlib.architecture import Architecture, vgg
from nstlib.backbone import Backbone, normalize_activations
from nstlib.errors import InputError
from nstlib.feedforward import StyleNetwork
from nstlib.image import Picture, resize
from nstlib.loss import (
    CONTENT_REDUCTIONS,
    TV_KINDS,
    content_loss,
    content_terms,
    divide_shares,
    style_terms,
    tv_loss,
    tv_term,
)
from nstlib.objective import Objective
from nstlib.optimizers import optimize
from nstlib.palette import luminance, recolor
from nstlib.style import STATISTICS
from nstlib.term import Term

TINY = Architecture("tiny", vgg((4, 5), (1, 1)), content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
STYLE = {"relu1_1": 0.5, "relu2_1": 2.0}
CONTENT = {"relu2_1": 1.0}


def picture(rng, height=6, width=7):
    return torch.rand(1, 3, height, width, generator=rng, dtype=torch.float64)


@pytest.fixture
def tiny():
    """A network of two blocks, in double precision."""
    torch.manual_seed(0)
    return Backbone(TINY).double()


@pytest.fixture
def terms(tiny, rng):
    """One term of each sort, on an image of 6×7 pixels."""
    content, style = picture(rng), picture(rng, 9, 5)
    return [
        *content_terms(tiny, content, CONTENT, weight=3.0),
        *style_terms(tiny, [style], STYLE, weight=0.7, statistic="gram-4e"),
        tv_term(0.01),
    ]


# Content


def far_from_each_other(f):
    """Distances by cosine of each position from each, their rows adding up to 1, in NumPy."""
    x = f[0].reshape(len(f[0]), -1).T
    lengths = np.sqrt(np.sum(x**2, 1) + 1e-6 * np.mean(np.sum(x**2, 1)))
    far = np.array(
        [[1 - a @ b / (m * n) for b, n in zip(x, lengths, strict=True)] for a, m in zip(x, lengths, strict=True)]
    )
    return far / far.sum(1, keepdims=True)


@pytest.mark.parametrize("reduction", CONTENT_REDUCTIONS)
def test_content_loss_is_that_of_numpy(reduction, rng):
    features, target = (torch.randn(1, 3, 4, 5, generator=rng, dtype=torch.float64) for _ in range(2))
    f, p = features.numpy(), target.numpy()
    expected = {
        "mean": sum((x - y) ** 2 for x, y in zip(f.flat, p.flat, strict=True)) / 60,
        "sum": np.linalg.norm(f - p) ** 2,
        "relative": (np.linalg.norm(f - p) / np.linalg.norm(p)) ** 2,
        "similarity": np.abs(far_from_each_other(f) - far_from_each_other(p)).sum(1).mean(),
    }
    assert content_loss(features, target, reduction).item() == pytest.approx(expected[reduction], rel=1e-12)


def test_what_was_computed_in_inference_mode_spoils_no_gradient(rng):
    features, content = (torch.rand(1, 4, 41, 43, generator=rng) for _ in range(2))
    with torch.inference_mode():
        inside = content_loss(features, content, "similarity")
    outside = content_loss(features.clone().requires_grad_(), content, "similarity")
    outside.backward()
    assert inside == outside


def test_similarity_keeps_what_is_like_what_and_no_colours(rng):
    """Features that are turned as a whole, or longer, are as like each other as before; changed places are not."""
    features = torch.randn(1, 6, 5, 4, generator=rng, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=rng, dtype=torch.float64)).Q
    turned = torch.einsum("ij,bjhw->bihw", turn, 3 * features)
    assert content_loss(turned, features, "relative") > 1 > 1e-9 > content_loss(turned, features, "similarity")
    assert content_loss(features.flip(3), features, "similarity") > 0.1


@pytest.mark.parametrize("reduction", CONTENT_REDUCTIONS)
def test_content_gradient_is_that_of_finite_differences(reduction, rng, check_gradient):
    target = torch.randn(1, 2, 3, 4, generator=rng, dtype=torch.float64)
    start = torch.randn(1, 2, 3, 4, generator=rng, dtype=torch.float64)
    check_gradient(lambda f: content_loss(f, target, reduction), start)


@pytest.mark.parametrize("reduction", CONTENT_REDUCTIONS)
def test_maps_of_two_shapes_are_refused(reduction, rng):
    """torch would spread one over the other, or fail with a word about dimensions."""
    features = torch.rand(1, 3, 6, 5, generator=rng)
    for target in (features[:, :1], features[..., :1], features[..., :4, :]):
        with pytest.raises(InputError, match=r"maps of 1×3×6×5 and 1×.* cannot be compared: give pictures of one size"):
            content_loss(features, target, reduction)


def test_content_loss_of_half_precision_is_summed_in_single(rng):
    features, target = ((200 * torch.randn(1, 4, 16, 16, generator=rng)).half() for _ in range(2))
    assert (features - target).square().isinf().any()  # what would happen
    loss = content_loss(features, target, "sum")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(content_loss(features.double(), target.double(), "sum").item(), rel=1e-5)


def test_a_blank_map_is_at_relative_distance_1(rng):
    target = torch.rand(1, 2, 3, 4, generator=rng)
    assert content_loss(torch.zeros_like(target), target, "relative").item() == pytest.approx(1)
    assert content_loss(target, torch.zeros_like(target), "relative").isfinite()


# Total variation


def pixel_pairs(image, kind):
    """(weight, list of differences) of each direction of an image (3, H, W), by its definition."""
    channels, height, width = image.shape
    every = list(product(range(channels), range(height), range(width)))
    if kind in ("l1", "l2"):
        yield 1, [image[c, y, x] - image[c, y, x + 1] for c, y, x in every if x + 1 < width]
        yield 1, [image[c, y, x] - image[c, y + 1, x] for c, y, x in every if y + 1 < height]
        return

    def at(c, y, x):
        """A pixel of the picture, whose border goes on outside."""
        return image[c, min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    wide = list(product(range(channels), range(height), range(-1, width)))
    tall = list(product(range(channels), range(-1, height), range(width)))
    both = list(product(range(channels), range(-1, height), range(-1, width)))
    yield 2 / 3, [at(c, y, x) - at(c, y, x + 1) for c, y, x in wide]
    yield 2 / 3, [at(c, y, x) - at(c, y + 1, x) for c, y, x in tall]
    yield 1 / 6, [at(c, y, x) - at(c, y + 1, x + 1) for c, y, x in both]
    yield 1 / 6, [at(c, y, x + 1) - at(c, y + 1, x) for c, y, x in both]


def judge_tv(image, kind, reduction):
    reduce = sum if reduction == "sum" else np.mean
    if kind == "isotropic":
        channels, height, width = image.shape
        slopes = [  # a pixel without a right or a lower neighbour does not differ from it
            math.hypot(
                image[c, y, min(x + 1, width - 1)] - image[c, y, x],
                image[c, min(y + 1, height - 1), x] - image[c, y, x],
            )
            for c, y, x in product(range(channels), range(height), range(width))
        ]
        return reduce(slopes)
    power = 1 if kind == "l1" else 2
    return sum(weight * reduce([abs(d) ** power for d in found]) for weight, found in pixel_pairs(image, kind))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("kind", TV_KINDS)
def test_total_variation_is_that_of_loops(kind, reduction, rng):
    image = picture(rng, 4, 6)
    assert tv_loss(image, kind, reduction).item() == pytest.approx(judge_tv(image[0].numpy(), kind, reduction))


@pytest.mark.parametrize("kind", TV_KINDS)
def test_total_variation_gradient_is_that_of_finite_differences(kind, rng, check_gradient):
    check_gradient(lambda image: tv_loss(image, kind), picture(rng, 4, 5))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", TV_KINDS)
def test_a_flat_picture_has_no_variation_and_a_finite_slope(kind, dtype):
    flat = torch.full((1, 3, 4, 5), 0.3, dtype=dtype, requires_grad=True)
    loss = tv_loss(flat, kind, "mean")
    loss.backward()
    assert loss.item() <= 1e-6
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize("kind", TV_KINDS)
def test_a_large_picture_in_half_precision_has_the_variation_of_its_pixels(kind, rng):
    image = picture(rng, 300, 300).half()  # of which a sum of float16 would be infinite
    assert tv_loss(image, kind).item() == pytest.approx(tv_loss(image.double(), kind).item(), rel=1e-3)


@pytest.mark.parametrize("kind", TV_KINDS)
def test_noise_varies_more_than_a_slope(kind, rng):
    slope = torch.linspace(0, 1, 8, dtype=torch.float64).expand(1, 3, 6, 8)
    assert tv_loss(picture(rng, 6, 8), kind) > 2 * tv_loss(slope, kind)


def test_the_kinds_differ_on_a_diagonal_edge():
    """One corner pixel of height 2: an edge of one pixel each way."""
    image = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    image[..., 0, 0] = 2
    assert tv_loss(image, "l1").item() == 4
    assert tv_loss(image, "l2").item() == 8
    assert tv_loss(image, "isotropic").item() == pytest.approx(math.sqrt(8), abs=1e-5)
    # The border goes on outside, so besides the one diagonal inside four more cross the edge.
    assert tv_loss(image, "nine-point").item() == pytest.approx(2 / 3 * 8 + 1 / 6 * 20)


def test_unknown_names_suggest_the_nearest(tiny, rng):
    with pytest.raises(InputError, match="unknown total variation 'isotopic': did you mean 'isotropic'"):
        tv_loss(picture(rng), "isotopic")
    with pytest.raises(InputError, match="unknown reduction 'average'"):
        tv_loss(picture(rng), "l2", "average")
    with pytest.raises(InputError, match="unknown reduction 'means': did you mean 'mean'"):
        content_loss(picture(rng), picture(rng), "means")
    with pytest.raises(InputError, match="unknown style statistic 'gram-relativ': did you mean 'gram-relative'"):
        style_terms(tiny, [picture(rng)], STYLE, statistic="gram-relativ")


# Terms


def test_terms_carry_names_layers_and_weights(terms):
    assert [(t.name, t.layer, t.weight) for t in terms] == [
        ("content relu2_1", "relu2_1", 3.0),
        ("style relu1_1", "relu1_1", 0.35),
        ("style relu2_1", "relu2_1", 1.4),
        ("tv", None, 0.01),
    ]


def test_targets_have_no_gradient_and_are_fixed(tiny, rng):
    content = picture(rng)
    (term,) = content_terms(tiny, content, CONTENT, reduction="sum")
    before = term.loss(tiny(content, ["relu2_1"])["relu2_1"]).item()
    assert before == 0
    features = tiny(picture(rng), ["relu2_1"])["relu2_1"].requires_grad_()
    assert torch.autograd.grad(term.loss(features), features)[0].abs().max() > 0


@pytest.mark.parametrize("statistic", STATISTICS)
def test_style_term_compares_with_the_styles_own_statistic(statistic, tiny, rng):
    style, image = picture(rng, 10, 8), picture(rng, 12, 9)
    kind, found = STATISTICS[statistic], tiny(image, STYLE)
    for term in style_terms(tiny, [style], STYLE, statistic=statistic):
        features, target = found[term.layer], tiny(style, STYLE)[term.layer]
        expected = kind.distance(kind.describe(features), kind.describe(target)).item()
        assert term.loss(features).item() == pytest.approx(expected, rel=1e-12) and expected > 0


def test_several_styles_share_a_term(tiny, rng):
    first, second, image = picture(rng, 8, 5), picture(rng, 5, 9), picture(rng)
    found = tiny(image, STYLE)

    def losses(styles, **options):
        made = style_terms(tiny, styles, STYLE, **options)
        assert [term.layer for term in made] == list(STYLE)
        return np.array([term.loss(found[term.layer]).item() for term in made])

    alone = losses([first]), losses([second])
    assert not np.allclose(*alone, rtol=1e-2)
    np.testing.assert_allclose(losses([first, second]), (alone[0] + alone[1]) / 2, rtol=1e-12)
    np.testing.assert_allclose(losses([first, second], shares=[3, 1]), 0.75 * alone[0] + 0.25 * alone[1], rtol=1e-12)
    np.testing.assert_allclose(losses([first, second], shares=[0, 5]), alone[1], rtol=1e-12)


@pytest.mark.parametrize("shares", [[1], [1, 2, 3], [1, -1], [0, 0], []])
def test_shares_that_do_not_fit_are_refused(shares, tiny, rng):
    with pytest.raises(InputError, match=r"2 style images .* give one share ≥ 0 per image, not all zero"):
        style_terms(tiny, [picture(rng), picture(rng)], STYLE, shares=shares)


def test_no_style_is_refused(tiny):
    with pytest.raises(InputError, match="no style image was given"):
        style_terms(tiny, [], STYLE)


@pytest.mark.parametrize("layers", [[], {}])
def test_terms_of_no_layer_are_refused(layers, tiny, rng):
    for terms in (content_terms, lambda net, image, layers: style_terms(net, [image], layers)):
        with pytest.raises(InputError, match="no layer was named"):
            terms(tiny, picture(rng), layers)


def test_total_variation_in_another_space(tiny, rng):
    image = picture(rng)
    scaled = (image - torch.tensor(TINY.mean).view(1, 3, 1, 1)) / torch.tensor(TINY.std).view(1, 3, 1, 1)
    expected = judge_tv(scaled[0].numpy(), "l1", "mean")
    assert tv_term(1.0, "l1", "mean", space=tiny.normalize).loss(image).item() == pytest.approx(expected, rel=1e-6)
    assert tv_term(1.0, "l1", "mean").loss(image).item() == pytest.approx(judge_tv(image[0].numpy(), "l1", "mean"))


# Objective


def test_parts_are_the_weighted_terms_and_add_up(tiny, terms, rng):
    image = picture(rng)
    total, parts = Objective(tiny, terms)(image)
    found = tiny(image, STYLE)
    expected = {t.name: t.weight * t.loss(found[t.layer] if t.layer else image).item() for t in terms}
    assert list(parts) == [t.name for t in terms]
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(expected, rel=1e-12)
    assert total.item() == pytest.approx(sum(expected.values()), rel=1e-12)
    assert min(expected.values()) > 0


def test_the_total_has_a_gradient_and_the_parts_have_none(tiny, terms, rng):
    image = picture(rng).requires_grad_()
    total, parts = Objective(tiny, terms)(image)
    assert total.requires_grad and not any(part.requires_grad for part in parts.values())
    total.backward()
    assert image.grad.abs().max() > 0
    assert all(p.grad is None for p in tiny.parameters())


def test_the_whole_gradient_is_that_of_finite_differences(tiny, terms, rng, check_gradient):
    objective = Objective(tiny, terms)
    check_gradient(lambda image: objective(image)[0], picture(rng))


def test_terms_of_one_name_are_added(tiny, rng):
    image, twins = picture(rng), [Term("tv", 2.0, None, torch.sum), Term("tv", 3.0, None, torch.sum)]
    total, parts = Objective(tiny, twins)(image)
    assert total.item() == pytest.approx(5 * image.sum().item())
    assert parts["tv"].item() == pytest.approx(total.item())


def test_a_term_without_weight_is_left_out_and_its_layer_not_visited(tiny, terms, rng):
    ran = []
    for name, module in zip(tiny.layers, tiny.features, strict=True):
        module.register_forward_hook(lambda *_, name=name: ran.append(name))

    def never(features):
        raise AssertionError("a term of weight 0 was computed")

    kept = [t for t in terms if t.name == "style relu1_1"]
    objective = Objective(tiny, [*kept, Term("content", 0.0, "relu2_1", never), Term("tv", 0, None, never)])
    _, parts = objective(picture(rng))
    assert list(parts) == ["style relu1_1"]
    assert ran == ["conv1_1", "relu1_1"]


def test_the_network_runs_once_for_all_terms(tiny, terms, rng):
    ran = []
    tiny.features[0].register_forward_hook(lambda *_: ran.append(1))
    Objective(tiny, terms)(picture(rng))
    assert len(ran) == 1


def test_without_a_layer_the_network_does_not_run(tiny, rng):
    tiny.features[0].register_forward_hook(lambda *_: pytest.fail("the network ran for the image's own term"))
    image = picture(rng, 1, 2)  # smaller than any layer takes
    total, _ = Objective(tiny, [tv_term(1.0, "l1")])(image)
    assert total.item() == pytest.approx((image[..., 1] - image[..., 0]).abs().sum().item())


@pytest.mark.parametrize("weights", [(), (0.0,), (0, 0)])
def test_an_objective_of_nothing_is_refused(tiny, weights):
    with pytest.raises(InputError, match="at least one term whose weight is not 0"):
        Objective(tiny, [tv_term(weight) for weight in weights])


def test_captured_maps_are_not_overwritten(tiny, rng):
    """A term on a convolution sees its map before the ReLU, with or without a term on the ReLU."""
    image, content = picture(rng), picture(rng)
    before = content_terms(tiny, content, {"conv1_1": 1.0})
    after = content_terms(tiny, content, {"relu1_1": 1.0, "relu2_1": 1.0})
    _, together = Objective(tiny, [*before, *after])(image)
    _, alone = Objective(tiny, before)(image)
    assert together["content conv1_1"].item() == alone["content conv1_1"].item()
    conv = torch.nn.functional.conv2d
    weight, bias = tiny.features[0].weight, tiny.features[0].bias
    a, b = (conv(tiny.normalize(x), weight, bias, padding=1) for x in (image, content))
    assert together["content conv1_1"].item() == pytest.approx((a - b).square().mean().item(), rel=1e-12)
    assert together["content relu1_1"].item() == pytest.approx((a.relu() - b.relu()).square().mean().item(), rel=1e-12)
    assert together["content relu1_1"] < together["content conv1_1"]


def test_pixels_outside_0_and_1_keep_their_slope(tiny, terms, rng):
    """Nothing is clamped inside: an optimiser must feel how far outside a pixel is."""
    objective, image = Objective(tiny, terms), picture(rng)
    image[0, :, 2, 3] = torch.tensor([1.5, -0.5, 2.0])
    leaf = image.requires_grad_()
    (gradient,) = torch.autograd.grad(objective(leaf)[0], leaf)
    assert (gradient[0, :, 2, 3] != 0).all()


# Value and gradient by the engine (tests/test_engine.py compares it with autograd at length)


def test_value_and_gradient_is_that_of_the_call(tiny, terms, rng):
    objective, leaf = Objective(tiny, terms), picture(rng).requires_grad_()
    total, parts = objective(leaf)
    value, fast, gradient = objective.value_and_gradient(leaf)
    assert gradient.is_contiguous()  # torch's own optimisers flatten it by a view
    assert value.item() == pytest.approx(total.item(), rel=1e-12)
    assert {k: v.item() for k, v in fast.items()} == pytest.approx({k: v.item() for k, v in parts.items()}, rel=1e-12)
    torch.testing.assert_close(gradient, torch.autograd.grad(total, leaf)[0], rtol=1e-10, atol=1e-15)
    assert not any(x.requires_grad for x in (value, gradient, *fast.values())) and leaf.grad is None


def test_value_and_gradient_is_that_of_finite_differences(tiny, terms, rng):
    objective, image = Objective(tiny, terms), picture(rng)
    direction = torch.randn(image.shape, generator=rng, dtype=torch.float64)
    ahead, behind = (objective.value_and_gradient(image + step * direction)[0].item() for step in (1e-6, -1e-6))
    slope = (objective.value_and_gradient(image)[2] * direction).sum().item()
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-6) and slope != 0


def test_value_and_gradient_of_terms_of_one_name(tiny, rng):
    image = picture(rng)
    styles = [t for _ in range(2) for t in style_terms(tiny, [picture(rng, 9, 8)], {"relu1_1": 1.0})]
    value, parts, gradient = Objective(tiny, [tv_term(2.0), *styles, tv_term(3.0)]).value_and_gradient(image)
    assert set(parts) == {"tv", "style relu1_1"}
    assert parts["tv"].item() == pytest.approx(5 * tv_loss(image).item(), rel=1e-12)
    assert value.item() == pytest.approx(sum(p.item() for p in parts.values()), rel=1e-12)
    apart = [Objective(tiny, [t]).value_and_gradient(image)[2] for t in (tv_term(5.0), *styles)]
    torch.testing.assert_close(gradient, sum(apart), rtol=1e-10, atol=1e-15)


def test_value_and_gradient_without_a_layer_does_not_need_the_network(tiny, rng):
    image = picture(rng, 1, 2)  # smaller than any layer takes
    value, parts, gradient = Objective(tiny, [tv_term(1.0, "l1")]).value_and_gradient(image)
    step = image[..., 1] - image[..., 0]
    assert value.item() == parts["tv"].item() == pytest.approx(step.abs().sum().item())
    assert torch.equal(gradient, torch.stack([-step.sign(), step.sign()], dim=-1))


def test_value_and_gradient_leaves_out_terms_without_weight(tiny, terms, rng):
    kept, image = [t for t in terms if t.name == "style relu1_1"], picture(rng)
    never = Term("content", 0.0, "relu2_1", lambda f: pytest.fail("a term of weight 0 was computed"))
    value, parts, gradient = Objective(tiny, [*kept, never]).value_and_gradient(image)
    alone, _, expected = Objective(tiny, kept).value_and_gradient(image)
    assert list(parts) == ["style relu1_1"] and torch.equal(value, alone) and torch.equal(gradient, expected)


def test_value_and_gradient_works_where_gradients_are_off(tiny, terms, rng):
    objective, image = Objective(tiny, terms), picture(rng)
    expected = objective.value_and_gradient(image)[2]
    with torch.no_grad():
        assert torch.equal(objective.value_and_gradient(image)[2], expected)


def test_gradient_shares_are_those_of_autograd(tiny, terms, rng):
    image = picture(rng)
    lengths = {}
    for kind in ("content", "style", "tv"):
        leaf = image.clone().requires_grad_()
        total, _ = Objective(tiny, [term for term in terms if term.kind == kind])(leaf)
        lengths[kind] = torch.autograd.grad(total, leaf)[0].norm().item()
    shares = Objective(tiny, terms).gradient_shares(image)
    assert shares == pytest.approx({kind: length / sum(lengths.values()) for kind, length in lengths.items()}, rel=1e-4)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert Objective(tiny, terms).gradient_shares(image.clone()) == shares
    assert min(shares.values()) > 0


@pytest.mark.parametrize("reduction", CONTENT_REDUCTIONS)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_call_is_in_the_backbones_own_precision_under_autocast_too(statistic, reduction, rng):
    tiny, image = Backbone(TINY), picture(rng, 12, 14).float()
    content, style = picture(rng, 12, 14).float(), picture(rng, 13, 15).float()
    objective = Objective(
        tiny,
        [
            *content_terms(tiny, content, CONTENT, reduction=reduction),
            *style_terms(tiny, [style], STYLE, statistic=statistic),
            tv_term(0.01),
        ],
    )

    leaf = image.requires_grad_()
    plain, _ = objective(leaf)
    with torch.autocast("cpu", torch.bfloat16):
        under, _ = objective(leaf)
    slopes = [torch.autograd.grad(total, leaf)[0] for total in (plain, under)]
    assert torch.equal(under, plain) and torch.equal(*slopes)


def test_shares_that_add_up_to_1_stay_as_they_are():
    for given in ((0.2, 0.3, 0.5), (0.1,) * 10, (0.7, 0.1, 0.2)):
        divided = divide_shares(len(given), given)
        assert divided == list(given) and divide_shares(len(given), divided) == divided
    thirds = divide_shares(3, (1, 5, 1))
    assert divide_shares(3, thirds) == thirds


@pytest.mark.parametrize("kind", TV_KINDS)
@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (1, 1)])
def test_a_direction_without_neighbours_adds_nothing(kind, shape, rng):
    image = torch.rand(1, 3, *shape, generator=rng)
    found = {reduction: tv_loss(image, kind, reduction) for reduction in ("sum", "mean")}
    assert all(value.isfinite() for value in found.values())
    assert shape == (1, 1) or kind == "isotropic" or (found["mean"] > 0 and found["sum"] > found["mean"])


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"masks": [None]}, "2 style images and 1 for masks: give a list of one for each, None for none"),
        ({"regions": torch.ones(2, 1, 8, 8)}, "2 style images and a tensor for regions: give a list"),
        ({"parts": [None] * 3}, "2 style images and 3 for parts: give a list"),
        (
            {"masks": [torch.ones(1, 1, 4, 4), None]},
            r"a mask of shape \(1, 1, 4, 4\): give \(1, 1, 9, 8\), as its style",
        ),
        ({"regions": [torch.ones(1, 1, 9, 8), torch.ones(1, 1, 5, 8)]}, r"give \(1, 1, 9, 8\), as the first one"),
        ({"regions": [torch.zeros(1, 1, 9, 8), None]}, "a mask is lost at relu1_1"),
        ({"parts": [["relu1_2"], None]}, "unknown style layer 'relu1_2': did you mean"),
        (
            {"statistic": "patches", "masks": [torch.ones(1, 1, 9, 8), None]},
            "compares neighbours, so it knows no masks",
        ),
    ],
    ids=range(8),
)
def test_what_does_not_fit_the_styles_is_told(tiny, rng, options, words):
    with pytest.raises(InputError, match=words):
        style_terms(tiny, [picture(rng, 9, 8), picture(rng, 9, 8)], STYLE, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"regions": [torch.ones(1, 9, 8)]}, r"a region of shape \(1, 9, 8\): give \(1, 1, height, width\)"),
        ({"regions": ["ellipse 0 0 9 9"]}, r"a str is no region: give a tensor \(1, 1, height, width\) in \[0, 1\]"),
        ({"masks": [np.ones((9, 8))]}, "a ndarray is no mask: give a tensor"),
        ({"masks": [torch.ones(1, 1, 9, 8).byte()]}, "a mask of uint8 is not in .*: give mask > 0, or mask / 255"),
        ({"parts": ["relu1_1"]}, r"'relu1_1' alone among the parts: give a list of names .*, as \['relu1_1'\]"),
    ],
    ids=range(5),
)
def test_what_is_no_mask_and_no_list_of_names_is_told(tiny, rng, options, words):
    with pytest.raises(InputError, match=words):
        style_terms(tiny, picture(rng, 9, 8), STYLE, **options)


def test_a_mask_may_be_of_truth_values_and_a_style_a_result(tiny, rng):
    mask, result = torch.rand(1, 1, 9, 8, generator=rng) > 0.3, SimpleNamespace(image=picture(rng, 9, 8))
    image = picture(rng, 9, 8)
    found, expected = (
        Objective(tiny, style_terms(tiny, style, STYLE, masks=[m], regions=[m])).value_and_gradient(image)[0]
        for style, m in ((result, mask), ([result.image], mask.float()))
    )
    assert found == expected
    assert resize(image.bfloat16(), (4, 4)).dtype == torch.bfloat16


def test_layers_by_name_alone_share_a_weight_of_one(tiny, rng):
    terms = style_terms(tiny, [picture(rng)], [*STYLE]) + content_terms(tiny, picture(rng), "relu1_1")
    assert [term.weight for term in terms] == [1 / len(STYLE)] * len(STYLE) + [1]


def test_a_region_of_another_size_than_the_picture_is_refused(tiny, rng):
    image = picture(rng, 16, 16)
    for statistic, size in product(("gram-relative", "mean-std", "mmd"), (12, 24)):
        terms = style_terms(tiny, [image], STYLE, statistic=statistic, regions=[torch.ones(1, 1, size, size)])
        objective = Objective(tiny, terms)
        for evaluate in (objective, objective.value_and_gradient):
            with pytest.raises(InputError, match=r"regions of .* on a map of .*: give masks of the picture's own"):
                evaluate(image)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net, image: content_terms(net, image, ["relu33"]), "relu33 is not in "),
        (lambda net, image: content_terms(net, image[..., :1], ["relu2_1"]), "too small for relu2_1"),
        (lambda net, image: content_terms(net, image, ["relu2_1"], reduction="max"), "unknown reduction 'max'"),
        (lambda net, image: style_terms(net, [image], ["relu33"]), "relu33 is not in "),
        (lambda net, image: style_terms(net, [image[..., :1]], ["relu2_1"]), "too small for relu2_1"),
    ],
)
def test_terms_that_cannot_be_are_refused_when_they_are_made(tiny, rng, make, words):
    with pytest.raises(InputError, match=words):
        make(tiny, picture(rng))


@pytest.mark.parametrize("made", [content_terms, style_terms])
def test_a_docstring_says_that_a_layer_may_be_lacking(made):
    told = " ".join(made.__doc__.partition("Raises:")[2].split())
    assert "a layer that the network lacks" in told and "an image too small for the deepest one" in told


def test_a_layer_that_the_network_lacks_is_refused_at_once(tiny):
    with pytest.raises(InputError, match="relu33 is not in "):
        Objective(tiny, [Term("content", 1.0, "relu33", torch.mean)])
    with pytest.raises(InputError, match="precision"):
        Objective(tiny, [Term("content", 1.0, "relu1_1", torch.mean)], "banana")


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        (lambda f: f.mean().item(), "made a float: return a tensor, without item"),
        (lambda f: f.mean((2, 3)), r"made \(1, .*\) numbers: add them up, or take their mean"),
        (lambda f: f.detach().mean(), "has no gradient: compute it from what it is given, by torch alone"),
    ],
    ids=["number", "map", "detached"],
)
@pytest.mark.parametrize("layer", ["relu1_1", None])
def test_what_a_term_of_ones_own_gives_instead_of_a_number_is_told(tiny, rng, layer, judge, words):
    objective = Objective(tiny, [Term("mine", 1.0, layer, judge)])
    with pytest.raises(InputError, match=f"the term {objective.terms[0].name} {words}"):
        objective.value_and_gradient(picture(rng))


def test_a_copy_goes_by_its_own_weights(tiny, rng):
    objective, image = Objective(tiny, content_terms(tiny, picture(rng), ["relu1_1"])), picture(rng)
    before = objective.value_and_gradient(image)[0].clone()
    for other in (copy.copy(objective), copy.deepcopy(objective)):
        other.backbone = copy.deepcopy(other.backbone)
        other.backbone.features[0].weight.data *= 2
        assert other.value_and_gradient(image)[0] == pytest.approx(float(other(image)[0]), rel=1e-5) != before
    assert objective.value_and_gradient(image)[0] == before


def test_objectives_work_in_inference_mode(tiny, rng):
    image, content = picture(rng), picture(rng)
    expected = Objective(tiny, content_terms(tiny, content, ["relu1_1"])).value_and_gradient(image)[2].clone()
    with torch.inference_mode():
        objective = Objective(tiny, content_terms(tiny, content, ["relu1_1"]))
        assert torch.equal(objective.value_and_gradient(image.clone())[2], expected)
    assert torch.equal(objective.value_and_gradient(image)[2], expected)


@pytest.mark.parametrize(
    ("weight", "judge", "told"),
    [
        *(("1", torch.sum, "weight='1'"), (None, torch.sum, "weight=None"), (math.nan, torch.sum, "weight=nan")),
        (1.0, None, "judge=None: expected a function"),
    ],
)
def test_a_term_has_a_weight_and_a_judge(weight, judge, told):
    with pytest.raises(InputError, match=told):
        Term("mine", weight, None, judge)


def test_a_term_has_a_kind_of_one_word():
    with pytest.raises(InputError, match=r"'my style' is no kind of term: give one word, .* 'my-style'"):
        Term("my style", 1.0, "relu1_1", torch.sum)
    assert Term("my-style", 1.0, "relu1_1", torch.sum).kind == "my-style"


def test_an_objective_is_of_a_backbone(tiny):
    with pytest.raises(InputError, match="a Sequential is no Backbone"):
        Objective(torch.nn.Sequential(tiny), [tv_term(1.0)])


@pytest.mark.parametrize(
    "make", [content_terms, style_terms, lambda given, image, _: normalize_activations(given, [image])]
)
def test_the_name_of_a_network_is_no_backbone(make, rng):
    with pytest.raises(InputError, match=r"a str is no Backbone, .*such as nst.load_backbone\('pocket'\)"):
        make("pocket", picture(rng), ["relu1_1"])


def test_pictures_serve_as_their_pixels_and_one_style_as_a_list_of_one(tiny, rng):
    style = Picture(picture(rng).double())
    given = ([style], style, style.pixels, [style.pixels])
    losses = [style_terms(tiny, styles, ["relu2_1"])[0].loss(tiny(style, ["relu2_1"])["relu2_1"]) for styles in given]
    assert all(float(loss) < 1e-9 for loss in losses)
    for styles in ("style/mosaic", ["style/mosaic"]):
        with pytest.raises(InputError, match=r"expected a tensor of pixels, not str: give load_image\(…\).pixels"):
            style_terms(tiny, styles, ["relu2_1"])
    with pytest.raises(InputError, match="expected a tensor of pixels, not str"):
        tiny("style/mosaic", ["relu2_1"])


def test_what_is_no_list_of_terms_is_told(tiny, rng):
    styles = style_terms(tiny, [picture(rng).double()], ["relu2_1"])
    with pytest.raises(InputError, match=r"a list among the terms is none: join lists by \+"):
        Objective(tiny, [styles, tv_term(1e-4)])
    assert len(Objective(tiny, tv_term(1e-4)).terms) == 1
    with pytest.raises(InputError, match="a float is no kind of term"):
        Term(1.0, 1.0, "relu2_1", torch.sum)


@pytest.mark.parametrize("made", [lambda f: 0.5, lambda f: None, lambda f: f.mean((2, 3))])
def test_a_term_that_makes_no_number_is_told_by_both_ways(tiny, rng, made):
    objective, image = Objective(tiny, [Term("mine", 1.0, "relu2_1", made)]), picture(rng).double()
    for way in (objective, objective.value_and_gradient):
        with pytest.raises(InputError, match=r"the term .* made "):
            way(image)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64, torch.bool])
def test_pixels_of_whole_numbers_are_refused(tiny, rng, kind):
    image, good = (255 * picture(rng)).to(kind), picture(rng).double()
    objective = Objective(tiny, [*style_terms(tiny, [good], ["relu2_1"]), tv_term(1.0)])
    works = [objective, objective.value_and_gradient, objective.gradient_shares, tv_loss, luminance, StyleNetwork(4, 1)]
    works += [lambda x: tiny(x, ["relu2_1"]), tiny.normalize, lambda x: recolor(x, good), lambda x: resize(x, (3, 3))]
    works += [lambda x: style_terms(tiny, [x], ["relu2_1"]), lambda x: content_terms(tiny, x, ["relu2_1"])]
    works += [lambda x: list(optimize(objective, x))]
    for work in works:
        with pytest.raises(InputError, match=r"pixels of \w+ are not in \[0, 1\]: give load_image\(tensor\).pixels"):
            work(image)


def test_a_picture_serves_an_objective_as_its_pixels(tiny, rng):
    pixels = picture(rng).double()
    objective = Objective(tiny, [*style_terms(tiny, [pixels.flip(2)], ["relu2_1"]), tv_term(1.0)])
    for way in (objective, objective.value_and_gradient):
        assert way(Picture(pixels))[0] == way(pixels)[0]
    assert objective.gradient_shares(Picture(pixels)) == objective.gradient_shares(pixels)


def test_a_layer_named_twice_counts_once(tiny, rng):
    for make in (style_terms, content_terms):
        image = [picture(rng).double()] if make is style_terms else picture(rng).double()
        assert sum(term.weight for term in make(tiny, image, ["relu1_1", "relu2_1", "relu1_1"])) == 1


def test_a_smoothness_of_another_kind_is_refused_where_it_is_asked_for():
    with pytest.raises(InputError, match="unknown total variation 'l3'"):
        tv_term(1.0, "l3")
