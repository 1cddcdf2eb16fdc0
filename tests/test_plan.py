"""What a recipe says arrives: every recipe's objective against its source's formula, every field by what it does.

Feature maps are computed here once more, by functional operations in double precision, from the weights alone.
"""

import dataclasses
import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from formulas import FORMULAS
from torch.nn import functional as F

import nstlib as nst
from nstlib.descriptions import positions
from nstlib.distances import relative
from nstlib.guidance import Guidance, guidance_of
from nstlib.plan import prepare
from nstlib.settings import Settings
from nstlib.style import STATISTICS, Statistic
from nstlib.transfer import Transfer, paint

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
SMALL = {"size": 64, "evaluations": 6, "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def pictures():
    """Content (48 × 64), style (64 × 56) and a third; smooth, so that every layer has something to see."""
    random = torch.Generator().manual_seed(1)
    small = torch.rand(3, 3, 8, 8, generator=random)
    shapes = ((48, 64), (64, 56), (64, 64))
    smooth = [F.interpolate(one[None], shape, mode="bilinear") for one, shape in zip(small, shapes, strict=True)]
    return [0.8 * one + 0.2 * torch.rand(*one.shape, generator=random) for one in smooth]


def feature_maps(plan, image, layers):
    """{layer: F (N, M)} of an image (1, 3, H, W), in float64, with the recipe's own pooling, range and padding."""
    r, weights = plan.recipe, {k: v.double() for k, v in plan.backbone.state_dict().items()}
    x = 255 * (image - MEAN) if r.pixels == "255" else (image - MEAN) / STD
    found, x = {}, x.double()
    for number, spec in enumerate(plan.backbone.architecture.specs):
        own = f"features.{number}."
        w = {name.removeprefix(own): value for name, value in weights.items() if name.startswith(own)}
        if spec.kind == "conv":
            if number == 0 and r.padding_mode == "replicate":
                x = F.conv2d(F.pad(x, (spec.padding,) * 4, mode="replicate"), w["weight"], w["bias"], spec.stride)
            else:
                x = F.conv2d(x, w["weight"], w["bias"], spec.stride, spec.padding)
        elif spec.kind == "relu":
            x = x.clamp(min=0)
        elif spec.kind == "fire":
            s = F.conv2d(x, w["squeeze.weight"], w["squeeze.bias"]).clamp(min=0)
            one = F.conv2d(s, w["expand1x1.weight"], w["expand1x1.bias"])
            three = F.conv2d(s, w["expand3x3.weight"], w["expand3x3.bias"], padding=1)
            x = torch.cat([one, three], 1).clamp(min=0)
        else:
            pool = F.max_pool2d if r.pooling == "max" else F.avg_pool2d
            x = pool(x, spec.kernel, spec.stride, ceil_mode=spec.kernel == 3)
        if spec.name in layers:
            found[spec.name] = x[0].flatten(1).numpy()
    return found


def expected_terms(plan, image, content, style):
    """Each term of a published recipe by its source's formula."""
    r, formula = plan.recipe, FORMULAS[plan.recipe.name]
    layers = {*r.content_layers, *r.style_layers}
    mine, contents, styles = (feature_maps(plan, one, layers) for one in (image, content, style))
    terms = {f"content {n}": formula.content(mine[n], contents[n]) for n in r.content_layers}
    terms |= {f"style {n}": formula.style(mine[n], styles[n], n) for n in r.style_layers}
    return terms | ({"tv": formula.tv(image[0].double().numpy())} if r.tv_weight else {})


@pytest.mark.parametrize("name", nst.RECIPES)
def test_the_objective_is_the_sources_formula(pictures, name):
    content, image = pictures[0], pictures[2][..., :48, :]
    style = pictures[2][..., 16:, :]  # of the image's size: the papers' E counts its positions once for both
    options = {"size": 48 if nst.RECIPES[name].side != "long" else 64, "device": "cpu", "weights": "random"}
    plan = prepare(content, [style], recipe=name, style_size=64, **options)
    plan.backbone.double()
    _, terms = plan.objective()(image.double())
    expected = expected_terms(plan, image, plan.content.pixels, plan.styles[0].pixels)
    assert set(terms) == set(expected)
    for term, value in expected.items():
        # Mean and deviation are kept in single precision; mean-std adds 1e-12 under its root.
        assert float(terms[term]) == pytest.approx(value, rel=2e-5), term


# Every field, by what it does. A row: options; what is observed of the plan; what it must be.


def steps(plan, count):
    """The images of the first steps."""
    return [progress.step.image.double() for progress in itertools.islice(paint(plan), count)]


def adam_by_hand(plan, count, rate, betas, epsilon):
    """Images of Adam (Kingma & Ba 2015, algorithm 1) without bounds, in double precision."""
    plan.backbone.double()
    x, m, v = plan.first_image(plan.stages[0].size).double(), 0.0, 0.0
    objective, images = plan.objective(plan.stages[0]), []
    for t in range(1, count + 1):
        images.append(x)
        leaf = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(objective(leaf)[0], leaf)
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g**2
        x = x - rate * m / (1 - betas[0] ** t) / ((v / (1 - betas[1] ** t)).sqrt() + epsilon)
    return images


def follows_adam(**settings):
    """Whether three of the run's images are those of Adam with such settings."""

    def observe(plan):
        settings_ = {"rate": 0.02, "betas": (0.9, 0.999), "epsilon": 1e-8, **settings}
        run = steps(plan, 4)
        by_hand = adam_by_hand(plan, 4, **settings_)
        return all((a - b).abs().mean() < 1e-4 for a, b in zip(run, by_hand, strict=True))

    return observe


def moves(plan):
    """Largest change of a pixel in the first moves."""
    images = steps(plan, 3)
    return [round(float((b - a).abs().max()), 4) for a, b in itertools.pairwise(images)]


def layer(name):
    return lambda plan: plan.backbone(plan.content.pixels, [name])[name]


def weights_of(kind):
    return lambda plan: {t.layer: t.weight for t in plan.objective().terms if t.kind == kind}


def total(kind):
    """A kind's weighted value at the content picture."""

    def observe(plan):
        _, terms = plan.objective()(plan.content.pixels)
        return sum(float(value) for name, value in terms.items() if name.startswith(kind))

    return observe


def squared_distance(plan):
    """Of the content's map from that of its mirror image."""
    mirrored = plan.backbone(plan.content.pixels.flip(3), ["relu3_3"])["relu3_3"]
    return float((layer("relu3_3")(plan) - mirrored).square().sum())


def span(plan):
    """The least and the greatest pixel after three steps."""
    image = steps(plan, 3)[-1]
    return [float(image.min()), float(image.max())]


def near(value, **tolerance):
    return pytest.approx(value, **({"rel": 1e-3} | tolerance))


def tv_by_hand(power, reduction, scale=1.0):
    def expect(plan):
        x = plan.content.pixels / scale
        return sum(getattr((d.abs() ** power), reduction)().item() for d in (x.diff(dim=3), x.diff(dim=2)))

    return expect


ADAM, FREE = {"optimizer": "adam"}, {"optimizer": "adam", "bounds": None}
LEFT = torch.zeros(48, 64)
LEFT[:, :40] = 1
NETWORK = {"tv_weight": 1.0, "tv_space": "network"}

ARRIVALS = {
    "backbone": ({"backbone": "squeezenet1_1", "weights": "random"}, lambda p: list(p.backbone.layers)[3], "fire2"),
    "pooling": (
        {"pooling": "average"},
        lambda p: torch.allclose(layer("pool1")(p), F.avg_pool2d(layer("relu1_2")(p), 2), atol=1e-5),
        True,
    ),
    "pixels": ({"pixels": "255"}, lambda p: float(p.backbone.normalize(MEAN + 1).mean()), near(255)),
    "padding_mode": (
        {"padding_mode": "replicate"},
        lambda p: float(p.backbone(torch.full((1, 3, 16, 16), 0.3), ["conv1_1"])["conv1_1"].std((2, 3)).max()),
        near(0, abs=1e-5),
    ),
    "normalized": (
        {"normalized": True},
        lambda p: float(
            torch.cat([p.backbone(x.pixels, ["relu2_1"])["relu2_1"].mean((2, 3)) for x in (p.content, *p.styles)])
            .mean(0)
            .median()
        ),
        near(1, rel=0.02),
    ),
    "content_layers": ({"content_layers": {"relu2_1": 3.0}}, weights_of("content"), {"relu2_1": 3.0 * 0.02}),
    "content_weight": ({"content_weight": 0.7}, weights_of("content"), {"relu3_3": 0.7}),
    "content_reduction": (
        {"content_reduction": "sum", "content_weight": 1.0, "start": "noise"},
        lambda p: float(p.objective()(p.content.pixels.flip(3))[1]["content relu3_3"]),
        lambda p: near(squared_distance(p)),
    ),
    "style_layers": ({"style_layers": {"relu2_2": 0.25}}, weights_of("style"), {"relu2_2": 0.25}),
    "style_weight": ({"style_weight": 4.5}, lambda p: sum(weights_of("style")(p).values()), near(4.5)),
    "statistic": (
        {"statistic": "gram-e", "style_layers": "relu1_1"},
        lambda p: float(p.objective()(p.content.pixels)[1]["style relu1_1"]),
        lambda p: near(gram_by_hand(p)),
    ),
    "guidance": (
        {"guidance": "sum", "masks": [LEFT], "style_layers": "relu1_1"},
        lambda p: p.objective().terms[-1].describe(torch.ones(1, 24, 8, 8), Guidance(torch.ones(1, 1, 8, 8))).shape,
        (1, 24, 25),
    ),
    "color": ({"color": "luminance"}, lambda p: float(p.first_image((48, 64)).std(1).max()), near(0, abs=1e-6)),
    "tv_weight": ({"tv_weight": 0.3}, weights_of("tv"), {None: 0.3}),
    "tv_kind": ({"tv_weight": 1.0, "tv_kind": "l1"}, total("tv"), lambda p: near(tv_by_hand(1, "mean")(p))),
    "tv_reduction": ({"tv_weight": 1.0, "tv_reduction": "sum"}, total("tv"), lambda p: near(tv_by_hand(2, "sum")(p))),
    "tv_space": (NETWORK, total("tv"), lambda p: near(tv_by_hand(2, "mean", STD)(p))),
    "size": ({"size": 52}, lambda p: (p.stages[-1].size, p.content.pixels.shape[-1]), ((39, 52), 52)),
    "side": ({"side": "short", "size": 40}, lambda p: p.stages[-1].size, (40, 53)),
    "style_size": ({"style_size": 44}, lambda p: max(p.styles[0].pixels.shape), 44),
    "pyramid": (
        {"pyramid": ((48, 2),)},
        lambda p: [(s.size, s.evaluations) for s in p.stages],
        [((36, 48), 2), ((48, 64), 6)],
    ),
    "start": ({"start": "style"}, lambda p: torch.equal(p.first_image((64, 56)), p.styles[0].pixels), True),
    "noise": (
        {"start": "noise", "noise": 0.01},
        lambda p: float((p.first_image((64, 64)) - MEAN).std()),
        near(0.01, rel=0.1),
    ),
    "optimizer": (ADAM, lambda p: set(next(iter(paint(p))).step.state()) >= {"m", "v"}, True),
    "evaluations": ({"evaluations": 3}, lambda p: [x.step.evaluations for x in paint(p)][-1], 3),
    "smoothness": ({"smoothness": 1.1}, lambda p: p.options(p.stages[-1])["smoothness"], 1.1),
    "rate": ({**ADAM, "rate": 0.07}, lambda p: moves(p)[0], 0.07),
    "schedule": ({**ADAM, "schedule": ((1, 0.001),)}, lambda p: [m < 0.0021 for m in moves(p)], [False, True]),
    "betas": ({**FREE, "betas": (0.3, 0.6)}, follows_adam(betas=(0.3, 0.6)), True),
    "epsilon": ({**FREE, "epsilon": 1e-3}, follows_adam(epsilon=1e-3), True),
    "average": (
        {**ADAM, "average": 0.5},
        lambda p: float((steps(p, 2)[1] - p.content.pixels.double()).abs().max()),
        near(0.02 * 2 / 3, rel=0.02),  # (0.25 x₀ + 0.5 x₁) / 0.75, and the first move is as long as the rate
    ),
    "history": ({"history": 2}, lambda p: len(list(paint(p))[-1].step.state()["order"]), 2),
    "bounds": ({"bounds": (0.3, 0.6)}, span, near([0.3, 0.6])),
}

SETTINGS = {
    "seed": ({"start": "noise", "seed": 5}, lambda p: torch.equal(p.first_image((8, 8)), noise_by_hand(5)), True),
    "device": ({"device": "cpu"}, lambda p: (p.device.type, next(p.backbone.parameters()).device.type), ("cpu", "cpu")),
    "precision": ({"precision": "bfloat16"}, lambda p: p.objective().precision, "bfloat16"),
    "memory": ({"memory": 3e8}, lambda p: 0 < p.budget.maps < 3e8, True),
    "weights": (
        {"weights": "random"},
        lambda p: torch.allclose(p.backbone.features[0].bias, torch.zeros(24)),
        True,
    ),
    "shares": ({"shares": (3, 1)}, lambda p: p.shares, [0.75, 0.25]),
    "style_scales": ({"style_scales": (1, 0.75)}, lambda p: [max(s.pixels.shape) for s in p.styles], [64, 48]),
    "masks": (
        {"masks": (LEFT, "rest"), "style_layers": "relu1_1"},
        lambda p: [float(mask.mean()) for mask in p.masks],
        [0.625, 0.375],
    ),
    "style_masks": (
        {"style_masks": (torch.ones(64, 56), None)},
        lambda p: [s.mask is not None and float(s.mask.mean()) for s in p.styles],
        [1.0, False],
    ),
    "own_layers": (
        {"own_layers": (["relu1_1", "relu2_1"], ["relu3_1"]), "style_layers": ["relu1_1", "relu2_1", "relu3_1"]},
        lambda p: style_alone(p, 0, "relu1_1") and style_alone(p, 0, "relu2_1") and style_alone(p, 1, "relu3_1"),
        True,
    ),
}


@pytest.mark.parametrize("words", ["rectangle 0 0 40 30", "ellipse 0 0 100 100"])
def test_a_mean_that_knows_no_regions_describes_what_a_mask_leaves_of_the_whole_map(words, monkeypatch):
    def means(features):
        return positions(features).mean(1, keepdim=True)

    monkeypatch.setitem(STATISTICS, "means", Statistic("means", means, relative, "", power=0, is_mean=True))
    options = {"size": 64, "style_size": 640, "statistic": "means", "style_masks": [words]}
    plan = prepare("content/harbour", ["style/mosaic"], **options)
    size = plan.stages[-1].size
    pixels, mask = plan.shrunk(0, size)
    terms = {term.layer: term for term in plan.terms(size) if term.kind == "style"}
    own = guidance_of(plan.backbone.architecture, terms, mask)
    for layer, features in plan.backbone(pixels, terms).items():
        expected = means(own[layer].cut_out(features, 0))
        zero = terms[layer].judge(expected)
        assert float(zero) < 1e-9, layer


@pytest.mark.parametrize("shape", [(90, 256), (256, 90), (63, 140), (40, 33)])
def test_a_narrow_style_keeps_its_shape_at_a_coarse_scale(shape, rng):
    content, style = torch.rand(1, 3, 256, 256, generator=rng), torch.rand(1, 3, *shape, generator=rng)
    plan = prepare(
        content, [style], size=256, pyramid=((64, 5),), style_size=max(shape), style_masks=["rectangle 0 0 60 100"]
    )
    pixels, mask = plan.shrunk(0, plan.stages[0].size)
    (h, w), least = pixels.shape[2:], 32  # of the deepest layer
    factor = max(64 / 256, least / min(shape))
    assert (h, w) == tuple(round(side * factor) for side in shape) and mask.shape[2:] == (h, w)


@pytest.mark.parametrize("side", ["long", "short", "height"])
def test_a_picture_smaller_than_what_is_asked_for_has_the_scales_of_its_own_size(side, rng):
    content, style = torch.rand(1, 3, 150, 200, generator=rng), torch.rand(1, 3, 150, 200, generator=rng)
    own = {"long": 200, "short": 150, "height": 150}[side]
    found = [prepare(content, [style], size=size, side=side, start="noise").stages for size in (own, 260, 512)]
    assert [stage.size for stage in found[0]] == [(75, 100), (150, 200)] and found[0] == found[1] == found[2]


PER_STYLE = ("shares", "style_scales", "masks", "style_masks", "own_layers")


def style_alone(plan, number, layer):
    """Whether a layer's term is at 0 where the image has the layer's map of one style, and nowhere else."""
    term = next(t for t in plan.objective().terms if t.layer == layer and t.kind == "style")
    losses = [float(term.loss(plan.backbone(s.pixels, [layer])[layer])) for s in plan.styles]
    return losses[number] < 1e-9 < losses[1 - number]


def gram_by_hand(plan):
    """E, Gatys et al. 2016, equation 4, at relu1_1."""
    image, style = (
        plan.backbone(x, ["relu1_1"])["relu1_1"][0].flatten(1).double().numpy()
        for x in (plan.content.pixels, plan.styles[0].pixels)
    )
    delta = image @ image.T / image.shape[1] - style @ style.T / style.shape[1]
    return (delta**2).sum() / (4 * len(image) ** 2)


def noise_by_hand(seed):
    noise = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return (MEAN + 0.15 * noise).clamp(0, 1)


@pytest.mark.parametrize("name", [*ARRIVALS, *SETTINGS])
def test_a_field_arrives(pictures, name):
    options, observe, expected = (ARRIVALS | SETTINGS)[name]
    styles = pictures[1:] if name in PER_STYLE else pictures[1:2]
    plan = prepare(pictures[0], styles, **{**SMALL, **options})
    observed = observe(plan)
    assert observed == (expected(plan) if callable(expected) and not hasattr(expected, "rel") else expected)


def test_no_field_is_forgotten():
    words = {"name", "source", "note"}
    assert set(ARRIVALS) == {one.name for one in dataclasses.fields(nst.Recipe)} - words
    assert set(SETTINGS) == {one.name for one in dataclasses.fields(Settings)}


def test_device_and_precision_are_asked_for_by_name(pictures, monkeypatch):
    """Whatever "auto" means on this machine."""
    asked = []
    monkeypatch.setattr("nstlib.plan.choose_device", lambda name: asked.append(name) or torch.device("cpu"))
    monkeypatch.setattr("nstlib.plan.choose_precision", lambda name, device: asked.append(name) or "float32")
    prepare(*split(pictures), **{**SMALL, "device": "cpu", "precision": "bfloat16"})
    assert asked == ["cpu", "bfloat16"]


def test_a_run_on_the_free_memory_takes_nine_tenths(pictures, monkeypatch):
    monkeypatch.setattr("nstlib.plan.free_memory", lambda device: 10**9)
    given, default = (prepare(*split(pictures), **SMALL, **o).budget for o in ({"memory": 9e8}, {}))
    assert given == default


def split(pictures):
    return pictures[0], pictures[1:2]


def test_runs_that_are_prepared_at_once_do_not_share_their_random_weights(pictures):
    def weights(seed):
        plan = prepare(*pictures[:2], seed=seed, weights="random", **SMALL)
        return torch.cat([p.flatten() for p in plan.backbone.parameters()])

    before, seeds = torch.get_rng_state(), range(6)
    alone = [weights(seed) for seed in seeds]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(weights, seeds))
    assert all(map(torch.equal, alone, together))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_start_from_memory(pictures):
    plan = prepare(*split(pictures), **SMALL, start=pictures[2])
    assert torch.equal(plan.first_image((64, 64)), pictures[2])
    assert prepare(*split(pictures), **SMALL, start=pictures[2].numpy()[0].transpose(1, 2, 0)).start is not None


@pytest.mark.parametrize("given", ["style/mosaic", torch.rand(1, 3, 64, 64), torch.rand(64, 64, 3).numpy()], ids=type)
def test_one_style_may_stand_for_a_list_of_one(pictures, given):
    assert len(prepare(pictures[0], given, **SMALL).styles) == 1


def test_several_styles_add_up_by_their_shares(pictures):
    content, one, two = pictures
    image = content.flip(3)
    options = {**SMALL, "content_weight": 0.0}

    def style_loss(styles, **more):
        return float(prepare(content, styles, **options, **more).objective()(image)[0])

    assert style_loss([one, two], shares=[3, 1]) == near(0.75 * style_loss([one]) + 0.25 * style_loss([two]))


def masked(picture, mask):
    """RGBA (H, W, 4) of a picture (1, 3, H, W), opaque where the mask says so."""
    return torch.cat([picture, mask.expand(1, 1, *picture.shape[-2:])], 1)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("statistic", ["gram-relative", "mean-std", "wasserstein", "sliced"])
def test_a_styles_transparent_part_is_no_style(statistic):
    """A picture beside nothing counts as the picture alone, and what lies under the nothing does not matter."""
    style = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    wide = torch.cat([style, torch.ones(1, 3, 64, 64)], 3)
    mask = torch.cat([torch.ones(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)], 3)
    other = torch.where(mask > 0, wide, 0.2)
    options = {**SMALL, "size": 128, "statistic": statistic, "content_weight": 0.0, "start": "noise"}
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))

    def loss(given):
        return float(prepare(None, [given], **options).objective()(image)[0])

    alone, cut, also_cut, white = (loss(x) for x in (style, masked(wide, mask), masked(other, mask), wide))
    assert cut == pytest.approx(also_cut, rel=1e-4)
    assert abs(cut - alone) < 0.25 * abs(white - alone)


def test_a_style_with_hardly_anything_in_it_is_refused(pictures):
    mask = torch.zeros(1, 1, 64, 56)
    mask[..., :3, :3] = 1
    with pytest.raises(nst.InputError, match=r"the mask that says what of style 1 is painted is lost at relu3_1"):
        prepare(pictures[0], [masked(pictures[1], mask)], **SMALL)
    with pytest.raises(nst.InputError, match="patches cannot leave out"):
        prepare(pictures[0], [masked(pictures[1], 1 - mask)], **SMALL, statistic="patches")


def test_every_picture_shrinks_with_the_result(pictures):
    plan = prepare(*split(pictures), **SMALL, pyramid=((48, 2),))
    coarse = prepare(*split(pictures), **{**SMALL, "size": 48}, style_size=48)
    image = pictures[0][..., :36, :48]
    values = [float(p.objective(p.stages[0])(image)[0]) for p in (plan, coarse)]
    assert values[0] == near(values[1], rel=0.05)


def test_a_plan_is_frozen_and_a_transfer_holds_one(pictures):
    transfer = Transfer(*split(pictures), **SMALL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        transfer.plan.device = "cuda"
    assert transfer.recipe is transfer.plan.recipe


def test_what_is_done_to_the_pictures_afterwards_is_not_done_to_the_run(pictures):
    content, style, start, mask = (nst.Picture(p.clone()) for p in (*pictures, LEFT.expand(1, 3, -1, -1)))
    start = nst.Picture(start.pixels[..., :48, :].contiguous())
    plan = prepare(content, style, **SHALLOW, start=start, masks=mask)
    before = plan.identity
    for picture in (content, style, start, mask):
        picture.pixels.mul_(0.2)
    assert dataclasses.replace(plan).identity == before


def test_numbers_of_numpy_are_numbers(pictures):
    plan = prepare(*split(pictures), **{**SMALL, "size": np.int64(64)}, content_weight=np.float32(0.5))
    assert plan.recipe.size == 64 and type(plan.recipe.size) is int


# --- masks ---------------------------------------------------------------------------------------

SHALLOW = {**SMALL, "style_layers": ["relu1_1", "relu2_1"]}


def test_a_mask_may_come_in_any_form(pictures, tmp_path):
    nst.save_image(LEFT.expand(1, 3, -1, -1), tmp_path / "left.png")
    cut_out = torch.cat([torch.rand(3, 48, 64), LEFT[None]])[None]  # what is opaque counts, whatever its colours
    for given in (
        LEFT,
        LEFT.bool().numpy(),
        LEFT.numpy(),
        tmp_path / "left.png",
        [str(tmp_path / "left.png")],
        cut_out,
    ):
        plan = prepare(*split(pictures), **SHALLOW, masks=given)
        assert torch.equal(plan.masks[0], LEFT[None, None])
    half = F.interpolate(LEFT[None, None], (24, 32), mode="area")[0, 0]
    assert float((prepare(*split(pictures), **SHALLOW, masks=half).masks[0] - LEFT).abs().mean()) < 0.03


def test_what_is_opaque_can_be_a_mask(pictures):
    content = masked(pictures[0], LEFT)
    plan = prepare(content, [pictures[1], pictures[2]], **SHALLOW, masks=["alpha", "rest"])
    assert torch.equal(plan.masks[0], LEFT[None, None]) and torch.equal(plan.masks[1], 1 - LEFT[None, None])
    assert prepare(content, pictures[1:2], **SHALLOW).masks == (None,)  # not by itself


def test_a_styles_mask_leaves_out_what_its_transparency_leaves_out(pictures):
    upper = torch.zeros(64, 56)
    upper[:40] = 1
    left = torch.zeros(1, 1, 64, 56)
    left[..., :30] = 1
    plan = prepare(pictures[0], masked(pictures[1], left), **SHALLOW, style_masks=upper)
    assert torch.equal(plan.styles[0].mask, left * upper)


@pytest.mark.parametrize("background", ["white", "black", "#3377aa"])
def test_what_a_mask_and_what_transparency_leaves_out_is_filled_alike(pictures, background):
    """By the mean of the rest, whatever lay there: no edge at the border, and no ghost of the painting beyond it."""
    mask = torch.zeros(1, 1, 64, 56)
    mask[..., 10:50, 5:30] = 1
    mask[..., 20:30, 30:40] = 0.5
    inside = pictures[1][mask.expand_as(pictures[1]) == 1].view(3, -1).mean(1)
    see_through = nst.load_image(masked(pictures[1], mask), background=background)
    by_alpha = prepare(pictures[0], see_through, **SHALLOW).styles[0]
    by_mask = prepare(pictures[0], pictures[1], **SHALLOW, style_masks=mask).styles[0]
    np.testing.assert_allclose(by_mask.pixels, by_alpha.pixels, atol=1e-5)
    for corner in (by_alpha.pixels[0, :, 0, 0], by_mask.pixels[0, :, -1, -1]):
        np.testing.assert_allclose(corner, inside, atol=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"masks": torch.zeros(48, 64)}, "a mask is dark everywhere, and white says where it holds"),
        ({"masks": (LEFT > 0).byte()}, "the brightest place of a mask is 1, and white is 255"),
        ({"masks": [LEFT, LEFT]}, "1 style image and 2 masks: give a list"),
        ({"masks": []}, "1 style image and 0 masks"),
        ({"masks": LEFT.T}, r"other shapes \(64×85 and 64×48 at one size\)|cut both alike"),
        ({"masks": 5}, "cannot load a picture from int"),
        ({"masks": "nowhere.png"}, "nowhere.png"),
        ({"masks": "rest"}, "rest is what other masks leave, and there is none"),
        ({"masks": "ellipse 20 20 80"}, "'ellipse 20 20 80' is no region: give ellipse or rectangle, then left, top"),
        ({"masks": "rectangle 60 0 40 100"}, "left edge .60 %. is not before its right one .40 %.: swap them"),
        ({"masks": "alpha"}, "opaque all over, so alpha is no mask"),
        ({"masks": LEFT, "statistic": "patches"}, "patches compares neighbours, so it knows no masks"),
        ({"style_masks": torch.ones(64, 56), "statistic": "patches"}, "patches cannot leave out"),
        ({"masks": "(a picture from memory)"}, "a mask was a picture from memory"),
        ({"masks": LEFT, "guidance": "sum", "statistic": "mean-std"}, "guidance=sum compares Gram matrices"),
        ({"guidance": "sum"}, "guidance has an effect only with masks"),
        ({"guidance": "sum", "masks": [None]}, "guidance has an effect only with masks"),
        ({"guidance": "sum", "style_masks": [LEFT]}, "guidance has an effect only with masks"),
        ({"own_layers": [["relu1_1"], ["relu2_1"]]}, "1 style image and 2 own_layers"),
        ({"own_layers": [["relu1_1"]]}, "no style counts on relu2_1"),
        ({"own_layers": [["relu1_1", "relu2_2"]]}, "own_layers=relu2_2: did you mean 'relu2_1'"),
        ({"own_layers": "relu1_1"}, "own_layers"),
        ({"color": "only", "start": "noise"}, "color=only paints nothing"),
        ({"color": "only", "content_weight": 0.0}, "color=only paints nothing"),
    ],
)
def test_controls_that_cannot_be_are_refused_before_any_work(pictures, options, words):
    with pytest.raises(nst.InputError, match=words):
        prepare(*split(pictures), **(SHALLOW | options))


def test_a_layer_on_which_only_a_style_without_a_share_counts_is_refused(pictures):
    content, style = split(pictures)[0], split(pictures)[1][0]
    control = {"own_layers": [None, ["relu1_1"]], "shares": [0, 1]}
    with pytest.raises(nst.InputError, match="no style counts on relu2_1: add it to own_layers of a style that has a"):
        prepare(content, [style, style], **(SHALLOW | control))
    control["own_layers"][1].append("relu2_1")  # as it says
    assert prepare(content, [style, style], **(SHALLOW | control)).objective().terms


@pytest.mark.parametrize(
    "options, words",
    [
        (
            {"content_weight": 0, "start": "noise", "content_layers": "relu1_1"},
            "content_layers has an effect",
        ),
        ({"style_weight": 0, "start": "noise", "style_layers": "relu1_1"}, "style_layers has an effect"),
        ({"optimizer": "adam", "schedule": ((9, 0.1),), "evaluations": 9}, "schedule begins at evaluation 9 of 9"),
        ({"bounds": (0, 1e-7)}, "bounds="),
        ({"style_layers": torch.tensor(1.0)}, "style_layers="),
        ({"recipe": torch.ones(2)}, "unknown recipe"),
        ({"content_layers": "relu9_1"}, "content_layers: relu9_1 is not in pocket, did you mean"),
    ],
)
def test_an_option_that_does_nothing_or_is_none_is_refused_by_name(pictures, options, words):
    with pytest.raises(nst.InputError, match=words):
        prepare(*split(pictures), **(SMALL | options))


def test_a_texture_has_no_content_to_describe(pictures):
    for options in ({"content_layers": "relu1_1"}, {"side": "short"}):
        with pytest.raises(nst.InputError, match="has an effect only with a content picture"):
            prepare(None, pictures[1:2], **SMALL, **options)


def test_colours_need_two_pictures(pictures):
    with pytest.raises(nst.InputError, match="color=pca needs a content and a style picture"):
        prepare(None, pictures[1:2], **SMALL, start="noise", color="pca")
    with pytest.raises(nst.InputError, match="color=only needs a content and a style picture"):
        prepare(pictures[0], [], **SMALL, color="only")


def test_a_coarse_scale_that_loses_a_mask_is_left_out(pictures):
    patch = torch.zeros(48, 64)
    patch[10:16, 10:16] = 1
    plan = prepare(*split(pictures), **SHALLOW, masks=patch, pyramid=((44, 2),))
    assert [stage.size for stage in plan.stages] == [(48, 64)]
    assert plan.remarks == ("a scale of 44 is left out: the picture, a map or a region is too small",)
    assert len(prepare(*split(pictures), **SHALLOW, pyramid=((44, 2),)).stages) == 2
    patch[12:] = patch[:, 12:] = 0
    with pytest.raises(nst.InputError, match=r"where style 1 is painted is lost at relu1_1, .* or fewer style layers"):
        prepare(*split(pictures), **SHALLOW, masks=patch, pyramid=((44, 2),))


@pytest.mark.parametrize(
    "options",
    [
        {"color": "only"},
        {"style_weight": 0, "content_weight": 1.0},
        {"shares": [1, 0], "masks": [None, "rectangle 0 0 20 20"]},
        {"shares": [1, 0], "masks": None, "style_masks": [None, "rectangle 0 0 12 12"]},
    ],
    ids=["colours only", "no style", "no share", "no share of a part"],
)
def test_a_mask_by_which_nothing_is_painted_may_be_lost_on_a_map(pictures, options):
    """Colours are taken where it says, and there it is no map that it must be seen on."""
    content, *styles = pictures
    small = {"masks": ["rectangle 0 0 20 20"] * 2, **SMALL, "style_layers": "relu4_1"}
    if "style_weight" in options:
        del small["style_layers"]
    plan = prepare(content, styles, **(small | options))
    assert nst.Objective(plan.backbone, plan.terms(plan.stages[-1].size))
    for _ in paint(plan):
        pass
    with pytest.raises(nst.InputError, match="is lost at relu4_1"):
        prepare(content, styles, **(SMALL | {"style_layers": "relu4_1", "masks": ["rectangle 0 0 20 20"] * 2}))


def test_masks_shrink_with_the_result(pictures):
    plan = prepare(*split(pictures), **SHALLOW, masks=LEFT, pyramid=((48, 2),))
    guides = [plan.terms(stage.size)[-1].regions.weights for stage in plan.stages]
    assert [g.shape for g in guides] == [(1, 1, 18, 24), (1, 1, 24, 32)]


def test_colours_only_takes_no_more_than_a_look(pictures):
    plan = prepare(*split(pictures), **SMALL, color="only", pyramid=((48, 2),))
    assert [(s.size, s.evaluations) for s in plan.stages] == [((48, 64), 1)]
    assert {term.kind for term in plan.objective().terms} == {"content"}


def test_a_scale_that_is_left_out_is_told(pictures):
    def notes(**options):
        return [note for note in prepare(*split(pictures), **{**SMALL, **options}).notes if "left out" in note]

    told = "a scale of 32 is left out: the picture, a map or a region is too small"
    assert notes(pyramid=((32, 5), (48, 5))) == [told]
    assert notes(pyramid=((48, 5),)) == notes() == []
    assert len(notes(size=512, pyramid=((256, 5),))) == 1  # the picture keeps its own size


@pytest.mark.parametrize(("options", "side"), [({}, 50), ({"style_scales": [2]}, 100), ({"style_size": 96}, 96)])
def test_a_style_is_as_large_as_the_result_even_of_a_small_content(options, side):
    content, style = (nst.load_image("content/harbour", size) for size in (50, 200))
    plan = prepare(content, [style], **{**SMALL, "size": 128}, **options)
    assert [max(p.pixels.shape[-2:]) for p in plan.styles] == [side]


def test_a_style_that_would_be_too_narrow_beside_a_small_content_is_told(rng):
    content, style = torch.rand(1, 3, 40, 40, generator=rng), torch.rand(1, 3, 40, 100, generator=rng)
    with pytest.raises(nst.InputError, match=r"the content has 40 pixels, .* give style_size=79 or more") as told:
        prepare(content, [style], **{**SMALL, "size": 128})
    advised = int(re.search(r"style_size=(\d+)", str(told.value))[1])
    helped = prepare(content, [style], **{**SMALL, "size": 128}, style_size=advised)
    assert min(helped.styles[0].pixels.shape[-2:]) == 32


ADVISED = {
    "style_size": r"style_size=(\d+) or more",
    "style_scales": r"a style scale of at least ([\d.]+)",
    "size": r"a size of at least (\d+)",
}


@pytest.mark.parametrize(
    ("content", "style", "options"),
    [
        ((200, 200), (70, 200), {"size": 128, "style_size": 80}),  # whatever size is, the style is as large as that
        ((200, 200), (70, 200), {"size": 80}),
        ((40, 40), (40, 100), {"size": 128}),
        ((40, 40), (130, 200), {"size": 128, "style_scales": [0.5]}),  # a content that no size makes larger
        ((64, 64), (200, 130), {"size": 64, "side": "height", "style_scales": [0.5]}),
        ((200, 200), (200, 130), {"size": 90, "side": "short", "style_scales": [0.1]}),
        ((200, 200), (130, 200), {"size": 64, "style_size": 40, "style_scales": [0.3]}),
        ((200, 200), (40, 200), {"size": 40, "style_scales": [1.5]}),
        (None, (70, 200), {"size": 64, "start": "noise"}),
        ((64, 64), (70, 300), {"size": 64, "statistic": "patches", "style_size": 100}),
    ],
    ids=str,
)
def test_each_way_out_of_a_style_that_is_made_too_small_leads_out(content, style, options, rng):
    pictures = [None if shape is None else torch.rand(1, 3, *shape, generator=rng) for shape in (content, style)]
    with pytest.raises(nst.InputError, match=r"has a side of less than \d+: give ") as told:
        prepare(pictures[0], pictures[1:], **options)
    found = {name: re.search(words, str(told.value)) for name, words in ADVISED.items()}
    ways = {name: float(way[1]) for name, way in found.items() if way}
    assert ways
    for name, value in ways.items():
        followed = options | {name: [value] if name == "style_scales" else int(value)}
        assert min(prepare(pictures[0], pictures[1:], **followed).styles[0].pixels.shape[-2:]) >= 32


def test_of_a_style_that_is_too_small_itself_another_is_asked_for(rng):
    content, style = torch.rand(1, 3, 64, 64, generator=rng), torch.rand(1, 3, 20, 100, generator=rng)
    for options in ({}, {"style_size": 48}, {"style_scales": [0.5]}):
        with pytest.raises(nst.InputError, match=r"give a picture with at least 32 pixels on its shorter side$"):
            prepare(content, [style], size=64, **options)


def test_a_start_that_is_stretched_is_told(pictures):
    tall = pictures[1][..., :32]
    told = [
        prepare(pictures[0], tall, **SMALL, start=start).notes[1:] for start in ("style", tall, pictures[0], "noise")
    ]
    assert ["stretched to the shape of the content" in " ".join(notes) for notes in told] == [True, True, False, False]
