"""Every style statistic against NumPy in float64, finite differences, and what it keeps and forgets."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from nstlib.backbone import load_backbone
from nstlib.descriptions import covariance, directions, gram, guided_gram, mean_std, patches, positions, sliced
from nstlib.distances import SAMPLE, nearest, nearest_patch, relaxed_transport, sample
from nstlib.errors import InputError
from nstlib.image import Picture
from nstlib.loss import content_loss
from nstlib.onepass import adain, wct
from nstlib.style import STATISTICS

EVERY = pytest.mark.parametrize("name", STATISTICS)
FORGETFUL = [name for name in STATISTICS if name != "patches"]


def feature_map(rng, channels=5, height=6, width=4, dtype=torch.float64):
    """(1, N, H, W): correlated channels whose means are not 0, as after a ReLU."""
    mixed = torch.randn(channels, channels, generator=rng, dtype=torch.float64)
    values = torch.rand(channels, height * width, generator=rng, dtype=torch.float64)
    noise = 0.1 * torch.rand(channels, height * width, generator=rng, dtype=torch.float64)
    return ((mixed @ values + 0.5).relu() + noise).view(1, channels, height, width).to(dtype)


def compare(name, features, target):
    statistic = STATISTICS[name]
    return statistic.distance(statistic.describe(features), statistic.describe(target))


@pytest.mark.parametrize("statistic", [gram, covariance, mean_std, positions])
@pytest.mark.parametrize("shape", [(2, 5, 6, 4), (5, 6, 4), (5, 24)])
def test_a_map_of_another_shape_is_refused_and_the_docstring_says_so(statistic, shape):
    with pytest.raises(InputError, match="one feature map"):
        statistic(torch.ones(shape))
    assert "shape" in statistic.__doc__.partition("Raises:")[2]


# The judge: the same formulas once more, in NumPy, on arrays (N, H, W).


def raw_gram(f):
    """R by its definition: a sum over positions for each pair of channels."""
    n, h, w = f.shape
    r = np.zeros((n, n))
    for i, j, y, x in product(range(n), range(n), range(h), range(w)):
        r[i, j] += f[i, y, x] * f[j, y, x]
    return r


def gram_difference(f, g):
    return raw_gram(f) / f[0].size - raw_gram(g) / g[0].size


def judge_relative(f, g):
    return np.sum(gram_difference(f, g) ** 2) / np.sum((raw_gram(g) / g[0].size) ** 2)


def judge_e(f, g):
    return np.sum(gram_difference(f, g) ** 2) / (4 * len(f) ** 2)


def judge_covariance(f, g):
    difference = np.cov(f.reshape(len(f), -1), bias=True) - np.cov(g.reshape(len(g), -1), bias=True)
    return np.mean(difference**2)


def judge_mean_std(f, g):
    means, deviations = f.mean((1, 2)) - g.mean((1, 2)), f.std((1, 2)) - g.std((1, 2))
    return (np.sum(means**2) + np.sum(deviations**2)) / len(f)


def judge_wasserstein(f, g):
    (a, b), n = (m.reshape(len(m), -1) for m in (f, g)), len(f)
    cov_a, cov_b = np.cov(a, bias=True), np.cov(b, bias=True)
    root = sqrtm(cov_b)
    between = np.trace(cov_a + cov_b - 2 * sqrtm(root @ cov_a @ root).real)
    return (np.sum((a.mean(1) - b.mean(1)) ** 2) + between) / n


def judge_mmd(f, g):
    """The mean of the kernel over every pair of positions, never opened into moments."""

    def kernel_mean(a, b):
        return np.mean([(x @ y / len(x) + 1) ** 2 for x in a for y in b])

    a, b = (m.reshape(len(m), -1).T for m in (f, g))
    return kernel_mean(a, a) + kernel_mean(b, b) - 2 * kernel_mean(a, b)


def judge_sliced(f, g):
    total, n = 0.0, len(f)
    for direction in directions(n, torch.float64, torch.device("cpu")).numpy():
        a, b = (sorted(sum(d * c for d, c in zip(direction, m.reshape(n, -1), strict=True))) for m in (f, g))
        b = np.interp(np.linspace(0, 1, len(a)), np.linspace(0, 1, len(b)), b)
        total += np.mean((np.array(a) - b) ** 2)
    return total / n


def judge_patches(f, g):
    def cut(m):
        _, h, w = m.shape
        return [m[:, y : y + 3, x : x + 3] for y in range(h - 2) for x in range(w - 2)]

    def cosine(a, b):
        return np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2))

    return np.mean([np.mean((a - max(cut(g), key=lambda b, a=a: cosine(a, b))) ** 2) for a in cut(f)])


def judge_relaxed_emd(f, g):
    """The relaxation by the whole matrix of costs, and the moments by their definition."""
    a, b = (m.reshape(len(m), -1).T for m in (f, g))
    softly = 1e-6 * np.mean(np.sum(b**2, 1))
    u, v = (m / np.sqrt(np.sum(m**2, 1, keepdims=True) + softly) for m in (a, b))
    cost = np.array([[np.sum((x - y) ** 2) / 2 for y in v] for x in u])
    moved = a.mean(0) - b.mean(0), np.cov(a.T, bias=True) - np.cov(b.T, bias=True)
    wanted = b.mean(0), np.cov(b.T, bias=True)
    beside = sum(np.sum(d**2) / np.sum(w**2) for d, w in zip(moved, wanted, strict=True))
    return max(cost.min(1).mean(), cost.min(0).mean()) + beside


def judge_neighbours(f, g):
    """Each vector's own search among the centred ones."""
    a, b = (m.reshape(len(m), -1).T for m in (f, g))

    def unit(m, softly):
        return m / np.sqrt(np.sum(m**2, 1, keepdims=True) + softly)

    centred = [m - m.mean(0) for m in (a, b)]
    u, v = (unit(m, 1e-6 * np.mean(np.sum(m**2, 1))) for m in centred)
    softly = 1e-6 * np.mean(np.sum(b**2, 1))
    x, y = unit(a, softly), unit(b, softly)
    forth = [max(range(len(v)), key=lambda j, p=p: p @ v[j]) for p in u]
    return np.mean([np.sum((p - y[j]) ** 2) / 2 for p, j in zip(x, forth, strict=True)])


JUDGES = {
    "gram-relative": judge_relative,
    "gram-e": judge_e,
    "gram-4e": lambda f, g: 4 * judge_e(f, g),
    "gram-4e/n2": lambda f, g: 4 * judge_e(f, g) / len(f) ** 2,
    "covariance": judge_covariance,
    "mean-std": judge_mean_std,
    "wasserstein": judge_wasserstein,
    "mmd": judge_mmd,
    "sliced": judge_sliced,
    "patches": judge_patches,
    "relaxed-emd": judge_relaxed_emd,
    "nearest-neighbours": judge_neighbours,
}


@EVERY
@pytest.mark.parametrize("size", [(6, 4), (3, 7), (5, 8)], ids=["same size", "fewer positions", "more positions"])
def test_distance_is_that_of_the_judge(name, size, rng):
    features, target = feature_map(rng), feature_map(rng, height=size[0], width=size[1])
    expected = JUDGES[name](features[0].numpy(), target[0].numpy())
    assert expected > 1e-4
    assert compare(name, features, target).item() == pytest.approx(expected, rel=1e-8)


def test_gram_matrices_are_those_of_the_judge(rng):
    features = feature_map(rng)
    f = features[0].numpy()
    np.testing.assert_allclose(gram(features), raw_gram(f) / 24, rtol=1e-12)
    np.testing.assert_allclose(covariance(features), raw_gram(f - f.mean((1, 2), keepdims=True)) / 24, atol=1e-12)
    np.testing.assert_allclose(mean_std(features), [f.mean((1, 2)), f.std((1, 2))], atol=1e-9)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["channels first", "last"])
def test_gram_has_its_own_gradient_of_either_layout(layout, rng, check_gradient):
    weight = torch.randn(4, 4, generator=rng, dtype=torch.float64)  # not symmetric, as no distance is
    features = feature_map(rng, channels=4).contiguous(memory_format=layout)
    check_gradient(lambda f: (weight * gram(f.contiguous(memory_format=layout))).sum(), features.contiguous())
    leaf = features.requires_grad_()
    (gradient,) = torch.autograd.grad((weight * gram(leaf)).sum(), leaf)
    assert gradient.is_contiguous(memory_format=layout)
    rows = features.detach()[..., 1:4, :].requires_grad_()  # a band of a map
    (of_rows,) = torch.autograd.grad((weight * gram(rows)).sum(), rows)
    np.testing.assert_allclose(of_rows, 2 * gradient[..., 1:4, :], rtol=1e-12)  # a mean of half as many


def test_gram_has_a_second_derivative(rng):
    """As autograd would have it of F Fᵀ / M written out."""
    features = feature_map(rng, channels=4)

    def curvature(describe):
        leaf = features.clone().requires_grad_()
        (slope,) = torch.autograd.grad(describe(leaf).pow(3).sum(), leaf, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), leaf)[0]

    def written_out(f):
        f = f[0].flatten(1)
        return f @ f.T / f.shape[1]

    np.testing.assert_allclose(curvature(gram), curvature(written_out), rtol=1e-10)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["channels first", "last"])
@pytest.mark.parametrize(("channels", "height", "width"), [(24, 171, 203), (3, 40, 50), (160, 9, 7)])
def test_gram_of_half_precision_is_exact_for_its_values(layout, channels, height, width, rng):
    features = torch.rand(1, channels, height, width, generator=rng).bfloat16().contiguous(memory_format=layout)
    expected = features.double()[0].flatten(1) @ features.double()[0].flatten(1).T / (height * width)
    np.testing.assert_allclose(gram(features), expected, rtol=1e-5)  # in half precision: 1e-2
    leaf, exact = (f.clone().requires_grad_() for f in (features, features.double()))
    (gradient,) = torch.autograd.grad(gram(leaf).square().mean(), leaf)
    (judge,) = torch.autograd.grad(gram(exact).square().mean(), exact)
    assert gradient.dtype == torch.bfloat16 and gradient.is_contiguous(memory_format=layout)
    assert (gradient.double() - judge).norm() < 0.01 * judge.norm()


def test_the_three_gram_losses_differ_by_known_factors(rng):
    features, target = feature_map(rng, dtype=torch.float32), feature_map(rng, dtype=torch.float32)
    e, four_e, over_n2 = (compare(name, features, target).item() for name in ("gram-e", "gram-4e", "gram-4e/n2"))
    assert e > 0
    assert four_e == 4 * e
    assert over_n2 == (torch.tensor(four_e) / 5**2).item()


def test_e_is_equation_4_of_gatys(rng):
    features, target = feature_map(rng), feature_map(rng)
    n, m = 5, 24
    raw = features[0].flatten(1) @ features[0].flatten(1).T - target[0].flatten(1) @ target[0].flatten(1).T
    assert compare("gram-e", features, target).item() == pytest.approx(raw.square().sum().item() / (4 * n**2 * m**2))


def test_wasserstein_is_exact_where_channels_outnumber_positions(rng):
    """18 of 24 directions are empty; whatever rounding puts into them would drown so small a distance."""
    features = torch.rand(1, 24, 2, 3, generator=rng, dtype=torch.float64)
    mean_square = features.square().mean().item()  # (‖μ‖² + tr Σ) / N
    assert compare("wasserstein", 1.001 * features, features).item() == pytest.approx(1e-6 * mean_square, rel=1e-3)


def test_a_blank_map_is_at_relative_distance_1(rng):
    target = feature_map(rng)
    assert compare("gram-relative", torch.zeros_like(target), target).item() == pytest.approx(1)


@EVERY
def test_gradient_is_that_of_finite_differences(name, rng, check_gradient):
    target = feature_map(rng, channels=3, height=4, width=6)
    check_gradient(lambda features: compare(name, features, target), feature_map(rng, channels=3, height=5))


def shuffled(features, rng):
    """The same vectors of channels at other positions."""
    flat = features.flatten(2)
    return flat[..., torch.randperm(flat.shape[-1], generator=rng)].view_as(features)


@pytest.mark.parametrize("name", FORGETFUL)
def test_forgets_where_things_are(name, rng):
    features, describe = feature_map(rng), STATISTICS[name].describe
    other = shuffled(features, rng)
    assert not torch.equal(features, other)
    distance, target = STATISTICS[name].distance, describe(feature_map(rng, height=5))
    assert distance(describe(other), target).item() == pytest.approx(
        distance(describe(features), target).item(), rel=1e-9
    )
    if STATISTICS[name].describe is not positions:  # the cloud itself, in no order that counts
        np.testing.assert_allclose(describe(other), describe(features), rtol=1e-9, atol=1e-12)


def test_patches_remember_what_lies_beside_what(rng):
    features = feature_map(rng)
    moved = shuffled(features, rng)
    assert compare("patches", moved, features) > 0.1 * features.var()
    assert max(compare(name, moved, features).item() for name in FORGETFUL) < 1e-9


def test_covariance_forgets_the_mean_and_the_gram_matrix_does_not(rng):
    features = feature_map(rng)
    assert compare("covariance", features + 1, features).item() == pytest.approx(0, abs=1e-20)
    assert compare("gram-4e", features + 1, features) > 0.1


def test_all_but_the_gram_matrices_of_one_kind_tell_a_mean_from_a_deviation(rng):
    """±1 and a constant 1 have the same second moment; only statistics with a mean see the difference."""
    signs = torch.tensor([1.0, -1.0]).repeat(8).view(1, 1, 4, 4)
    ones = torch.ones_like(signs)
    assert compare("gram-4e", signs, ones) == 0
    assert all(compare(name, signs, ones) > 0.5 for name in ("covariance", "mean-std", "wasserstein", "mmd", "sliced"))


def awkward_maps(rng):
    """Maps on which a square root, a division or a factorisation can fail, in float32."""
    plain = torch.rand(1, 24, 4, 5, generator=rng)
    dead = plain.clone()
    dead[:, 12:] = 0
    return {
        "fewer positions than channels": plain,
        "dead channels": dead,
        "one pattern in all channels": plain[:, :, :1, :1] * plain[:, :1],
        "nearly one pattern": 1e-3 * plain + 100 * plain[:, :1],
        "constant": torch.full_like(plain, 0.5),
        "zero": torch.zeros_like(plain),
        "tiny": 1e-4 * plain,
    }


@EVERY
@pytest.mark.parametrize("kind", awkward_maps(torch.Generator()))
def test_distance_to_itself_is_zero_with_a_finite_gradient(name, kind, rng):
    features = awkward_maps(rng)[kind]
    scale = max(compare(name, 0.5 * features, features).item(), 1e-30)
    leaf = features.clone().requires_grad_()
    distance = compare(name, leaf, features)
    distance.backward()
    softly = 3e-7 if name == "nearest-neighbours" else 1e-10  # what cosines in float32 can tell apart
    assert 0 <= distance.item() <= 1e-5 * scale + softly
    assert leaf.grad.isfinite().all()


@EVERY
@pytest.mark.parametrize("kind", awkward_maps(torch.Generator()))
def test_another_map_is_further_away_with_a_finite_gradient(name, kind, rng):
    target = awkward_maps(rng)[kind]
    leaf = torch.rand(1, 24, 5, 6, generator=rng).requires_grad_()
    distance = compare(name, leaf, target)
    distance.backward()
    assert distance.item() > 0
    assert leaf.grad.isfinite().all() and leaf.grad.abs().max() > 0


@EVERY
def test_half_precision_is_summed_in_single(name, rng):
    features, target = ((4e4 * torch.rand(1, 4, 6, 5, generator=rng)).half() for _ in range(2))
    assert (features[0].flatten(1) @ features[0].flatten(1).T).isinf().all()  # what would happen
    value = STATISTICS[name].describe(features)
    assert value.dtype == torch.float32 and value.isfinite().all()
    distance = compare(name, features, target)
    assert distance.dtype == torch.float32
    assert distance.item() == pytest.approx(compare(name, features.double(), target.double()).item(), rel=1e-3)
    assert distance.isfinite() and distance > 0


@EVERY
def test_double_precision_stays(name, rng):
    assert STATISTICS[name].describe(feature_map(rng)).dtype == torch.float64
    assert compare(name, feature_map(rng), feature_map(rng)).dtype == torch.float64


@EVERY
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 5)])
def test_only_one_map_at_a_time(name, shape):
    with pytest.raises(InputError, match=r"one feature map \(1, N, H, W\)") as caught:
        STATISTICS[name].describe(torch.zeros(shape))
    assert str(shape) in str(caught.value)


def test_a_map_without_a_patch_is_refused(rng):
    with pytest.raises(InputError, match="2×7 has no 3×3 patch: use a larger image"):
        patches(feature_map(rng, height=2, width=7))
    assert patches(feature_map(rng, height=3, width=7)).shape == (5, 45)


def test_matching_patches_in_parts_changes_nothing(rng):
    value, target = patches(feature_map(rng, height=9, width=7)), patches(feature_map(rng, height=8, width=5))
    assert nearest_patch(value, target, rows=4).item() == nearest_patch(value, target).item() > 0


def test_the_match_of_a_patch_ignores_its_contrast(rng):
    """Cosine: the style's dimmed copy still picks, patch by patch, the original."""
    target = patches(feature_map(rng, height=6, width=6))
    assert nearest_patch(0.25 * target, target).item() == pytest.approx((0.75 * target).square().mean().item())


def test_directions_are_unit_vectors_and_stay(rng):
    first = directions(7, torch.float64, torch.device("cpu")).clone()
    directions.cache_clear()
    again = directions(7, torch.float64, torch.device("cpu"))
    assert torch.equal(first, again)
    np.testing.assert_allclose(again.norm(dim=1), np.ones(7))
    assert torch.linalg.matrix_rank(again) == 7
    features = feature_map(rng, dtype=torch.float32)
    assert torch.equal(sliced(features), sliced(features))


def test_transport_is_the_same_in_parts_as_at_once(rng):
    """Both ways; and of a large style map, positions at random stand for all."""
    value, target = (feature_map(rng, height=h, width=50)[0].flatten(1) for h in (10, 30))
    few = target[:, sample(1500, target.device)]
    assert few.shape == (5, SAMPLE) and len(set(sample(1500, target.device).tolist())) == SAMPLE
    for columns in (70, 4096):
        far = torch.cdist(value.T, few.T)
        for on_gpu in (False, True):
            there, back = nearest(value, few, columns, on_gpu)
            assert torch.equal(there, far.argmin(1)) and torch.equal(back, far.argmin(0))
    assert relaxed_transport(value, target, columns=70) == pytest.approx(
        relaxed_transport(value, target).item(), rel=1e-12
    )
    whole = judge_relaxed_emd(*(m.reshape(5, -1, 50).numpy() for m in (value, target)))
    assert relaxed_transport(value, target).item() == pytest.approx(whole, rel=0.2)


def test_what_nobody_is_near_to_counts_in_transport_alone(rng):
    """The style holds the image's vectors and a few more that look elsewhere."""
    features = feature_map(rng, height=10, width=10)
    flat = features.flatten(2)
    more = torch.cat([flat, -flat[..., :3]], 2)[:, :, None]
    alone, carried = (compare(name, features, more).item() for name in ("nearest-neighbours", "relaxed-emd"))
    assert 0 <= alone < 0.02 < 2 * alone + 0.02 < carried


@pytest.mark.parametrize("name", ["relaxed-emd", "nearest-neighbours"])
def test_transport_is_finite_where_there_is_nothing(name, rng):
    """A position where every channel is 0, as after a ReLU, has no direction, and must not have a steep slope."""
    features = feature_map(rng)
    features[..., 0, 0] = 0
    features.requires_grad_()
    (gradient,) = torch.autograd.grad(compare(name, features, feature_map(rng)), features)
    assert gradient.isfinite().all() and gradient.abs().max() < 1e3


@EVERY
def test_means_over_positions_can_be_taken_in_parts(name, rng):
    """What a statistic calls a mean is one, and completes to its description."""
    statistic, features = STATISTICS[name], feature_map(rng, height=6)
    if statistic.mean is None:
        np.testing.assert_array_equal(statistic.complete(features), statistic.describe(features))
        return
    parts = [statistic.mean(part) for part in features.split(2, dim=2)]
    np.testing.assert_allclose(statistic.complete(sum(parts) / 3), statistic.describe(features), rtol=1e-12)


def test_gram_matrices_are_means_over_positions():
    assert {name for name, s in STATISTICS.items() if s.mean} == {*(n for n in STATISTICS if "gram" in n), "mmd"}


def test_every_statistic_has_a_judge_and_a_source():
    assert set(JUDGES) == set(STATISTICS)
    assert all(s.name == name and s.source for name, s in STATISTICS.items())


@pytest.mark.parametrize("name", ["gram-relative", "gram-e", "covariance", "mean-std"])
def test_functions_of_functions_know_a_statistic(name, rng):
    """`torch.func` differentiates it as autograd does, many at once too."""
    maps, statistic = torch.rand(3, 1, 4, 5, 6, generator=rng, dtype=torch.float64), STATISTICS[name]

    def size(features):
        return statistic.describe(features).square().sum()

    leaf = maps[0].clone().requires_grad_()
    (wanted,) = torch.autograd.grad(size(leaf), leaf)
    assert torch.allclose(torch.func.grad(size)(maps[0]), wanted)
    assert torch.allclose(torch.func.vmap(torch.func.grad(size))(maps)[0], wanted)


def under_autocast(take):
    """What a function makes, and what it makes under a caller's autocast."""
    plain = take()
    with torch.autocast("cpu", torch.bfloat16):
        return plain, take()


@EVERY
def test_a_callers_autocast_does_not_count(name, rng):
    """The way back is taken outside of autocast, as torch asks for."""
    target, statistic = STATISTICS[name].describe(feature_map(rng, dtype=torch.float32)), STATISTICS[name]
    features = feature_map(rng, height=7, dtype=torch.float32)

    def take():
        described = statistic.describe(leaf)
        return described, statistic.distance(described, target)

    leaf = features.clone().requires_grad_()
    plain, under = under_autocast(take)
    for one, other in zip(plain, under, strict=True):
        assert other.dtype == torch.float32 and torch.equal(other, one)
    slopes = [torch.autograd.grad(distance, leaf)[0] for _, distance in (plain, under)]
    assert torch.equal(*slopes)


def test_nor_does_it_count_on_the_way_back_from_a_gram_matrix(rng):
    leaf = feature_map(rng, dtype=torch.float32).requires_grad_()
    plain, under = under_autocast(lambda: torch.autograd.grad(gram(leaf).square().sum(), leaf)[0])
    assert torch.equal(under, plain)


@pytest.mark.parametrize("take", [adain, wct, guided_gram, content_loss])
def test_nor_does_it_count_in_what_is_made_of_two_maps(take, rng):
    own, other = (feature_map(rng, 1 if take is guided_gram else 5, dtype=torch.float32) for _ in range(2))
    plain, under = under_autocast(lambda: take(own, other))
    assert under.dtype == torch.float32 and torch.equal(under, plain)


def test_it_does_not_count_in_what_is_compiled(rng):
    features, compiled = feature_map(rng, dtype=torch.float32), torch.compile(gram, backend="eager", fullgraph=True)
    plain, under = under_autocast(lambda: compiled(features))
    assert torch.equal(plain, gram(features)) and torch.equal(under, plain)


def test_a_region_of_another_shape_is_refused(rng):
    features = torch.rand(1, 3, 4, 6, generator=rng)
    for t in (torch.ones(1, 1, 6, 4), torch.ones(4, 6), torch.zeros(1, 1, 4, 6), torch.full((1, 1, 4, 6), 1e-30)):
        with pytest.raises(InputError, match=r"region .*: carry a mask of the picture down to it, nst.carried"):
            guided_gram(features, t)


@pytest.mark.parametrize("take", [*(s.describe for s in STATISTICS.values()), content_loss, adain, wct, guided_gram])
def test_what_is_no_map_is_told_how_to_become_one(take, rng):
    pocket = load_backbone("pocket")

    def refused(given, advice):
        with pytest.raises(InputError, match=rf"a feature map is a tensor \(1, N, H, W\), not .*: .*{advice}"):
            take(given, given) if take in (content_loss, adain, wct, guided_gram) else take(given)

    picture = Picture(torch.rand(1, 3, 16, 16, generator=rng))
    maps = pocket(picture, ["relu1_1", "relu2_1"])
    refused(maps, r"maps\['relu1_1'\]")
    refused(maps["relu1_1"].numpy(), "torch.from_numpy")
    refused(picture, "a backbone makes maps")
    both = maps["relu1_1"], torch.from_numpy(maps["relu1_1"].numpy())
    for there in (*both, pocket(picture, ["relu1_1"])["relu1_1"]):  # as advised
        if take is guided_gram:
            assert take(there, torch.ones(1, 1, *there.shape[2:])).shape == (there.shape[1],) * 2
        else:
            assert torch.isfinite(take(there, there) if take in (content_loss, adain, wct) else take(there)).all()
