"""The training of the embedded network, in miniature: it learns, resumes exactly, and folds without a trace."""

import copy
import itertools
import random
import re
import sys
from dataclasses import replace
from functools import partial

import click
import make_pocket
import pytest
import torch
from click.testing import CliRunner
from make_pocket import (
    Crops,
    Plan,
    Pool,
    Run,
    Student,
    load_pictures,
    measure_variance,
    paint,
    rate,
    shape_of,
    shaped,
    unexplained,
    widened,
)
from PIL import Image

import nstlib as nst
from nstlib.architecture import BACKBONES
from nstlib.backbone import Backbone

PLAN = replace(
    Plan(),
    teachers=("squeezenet1_0",),
    steps=8,
    batch=4,
    size=64,
    pool=4,
    own_in_batch=1,
    first_round=4,
    round_every=2,
    freeze_at=5,
    decay_steps=4,
)


@pytest.fixture
def teacher():
    torch.manual_seed(1)
    return nst.load_backbone("squeezenet1_0", "random")


@pytest.fixture
def teachers(teacher):
    return {"squeezenet1_0": teacher}


@pytest.fixture
def both(teachers):
    return teachers | {"vgg16": nst.load_backbone("vgg16", "random")}


@pytest.fixture
def pictures(rng):
    return [(torch.rand(80, 90, 3, generator=rng) * 255).byte().numpy() for _ in range(4)]


def weights(run: Run) -> torch.Tensor:
    return torch.cat([w.flatten() for w in run.average.folded().values()])


@pytest.mark.slow
def test_an_interrupted_training_equals_an_uninterrupted_one(teachers, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(
        make_pocket, "paint", lambda net, image, content, style, evaluations, layers: 0.5 * (image + style)
    )
    monkeypatch.setattr(make_pocket, "measure_variance", partial(measure_variance, batches=1))
    whole = Run(PLAN, teachers, pictures, pictures, tmp_path / "whole")
    list(whole.train())
    first = Run(PLAN, teachers, pictures, pictures, tmp_path / "parts")
    assert not first.resume()
    for _ in itertools.islice(first.train(), 1):  # the process dies after the first round, at step 4
        pass
    second = Run(PLAN, teachers, pictures, pictures, tmp_path / "parts")
    assert second.resume() and second.step == 4
    list(second.train())
    assert torch.equal(weights(whole), weights(second))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("before", "after"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_training_goes_on_on_another_device(before, after, teacher, pictures, tmp_path):
    first = Run(PLAN, {"squeezenet1_0": teacher.to(before)}, pictures, pictures, tmp_path)
    for _ in itertools.islice(first.train(), 1):
        pass
    kept = weights(first).cpu()
    second = Run(PLAN, {"squeezenet1_0": teacher.to(after)}, pictures, pictures, tmp_path)
    assert second.resume() and torch.allclose(weights(second).cpu(), kept, rtol=1e-5)  # folding them rounds
    list(second.train())
    assert second.step == PLAN.steps and weights(second).device.type == after and weights(second).isfinite().all()


JUDGED = ("--judge", "squeezenet1_0", "--size=64", "--evaluations=2")


@pytest.mark.slow
def test_the_commands_train_explain_and_judge(pictures, squeezenet_file, tmp_path):
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    first, run, pair = tmp_path / "first", tmp_path / "run", (tmp_path / "0.png", tmp_path / "1.png")
    teacher = ("--teacher", "squeezenet1_0")
    for command in (
        ("train", tmp_path, "--out", first, *teacher, "--steps", 1),
        ("train", tmp_path, "--out", run, *teacher, "--steps", 1, "--go-on", first / "pocket.safetensors"),
        ("explain", tmp_path, "--out", run, *teacher),
        ("judge", run / "pocket.safetensors", "--pair", *pair, "--out", run / "judged", *teacher, *JUDGED),
    ):
        done = CliRunner().invoke(make_pocket.main, [*map(str, command), "--device", "cpu"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert re.search(r"mean pocket( -?\d\.\d{3}){5}\n", done.output)  # style, deepest, content, colour, detail
    assert len(list((run / "judged").glob("*.png"))) == 3


def test_a_judge_that_is_not_here_says_what_to_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(click.UsageError, match="uv run --with efficientnet-lite-pytorch"):
        make_pocket.Witness(torch.device("cpu"))


def test_training_lowers_the_unexplained_share(teachers, pictures, tmp_path):
    plan = replace(PLAN, rate=0.1, steps=10_000, first_round=10_000, freeze_at=10_000)  # warming up takes 300 steps
    run = Run(plan, teachers, pictures, pictures, tmp_path)
    run.variance = measure_variance(run.student, teachers, run.crops, batches=2)
    losses = [float(run.advance()["loss"]) for _ in range(20)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_two_teach_at_once(both, pictures, tmp_path):
    run = Run(replace(PLAN, teachers=tuple(both)), both, pictures, pictures, tmp_path)
    run.variance = measure_variance(run.student, both, run.crops, batches=1)
    report = run.advance()
    assert {"squeezenet1_0/fire4", "vgg16/relu1_1", "vgg16/relu5_1"} <= set(report)
    assert torch.isfinite(report["loss"])


def test_the_folded_network_is_the_trained_one(teachers, rng):
    student = Student(PLAN, teachers)
    for norm in student.norms.values():
        norm.running_mean.uniform_(-0.2, 0.2, generator=rng)
        norm.running_var.uniform_(0.5, 2.0, generator=rng)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5, generator=rng)
    student.eval()
    image = torch.rand(1, 3, 48, 48, generator=rng)
    folded = Backbone(nst.BACKBONES["pocket"], student.folded())
    with torch.no_grad():
        trained = student(image)
    for name, found in folded(image, ["relu1_1", "relu3_3", "relu5_1"]).items():
        assert torch.allclose(found, trained[name], atol=1e-4), name


def test_teachers_and_student_look_at_the_same_place(both):
    """The centres of positions that are compared lie within half a pixel of each other, up to stride 8."""
    student = Student(PLAN, both)
    for pair in student.pairs:
        a, b = both[pair.teacher].layers[pair.layer], student.net.layers[pair.student]
        assert a.stride == b.stride
        k = round((a.offset + pair.shift(a.stride) - b.offset) / b.stride)
        apart = abs(a.offset + pair.shift(a.stride) - (b.stride * k + b.offset))
        assert apart <= (0.5 if a.stride <= 8 else 5), pair


def test_paint_lowers_the_students_style_distance(rng):
    net = nst.load_backbone()
    content, style = torch.rand(2, 3, 64, 64, generator=rng), torch.rand(2, 3, 64, 64, generator=rng) * 0.3
    painted = paint(net, content, content, style, evaluations=10, layers={"relu1_1": 0.5, "relu3_1": 0.5})
    assert (painted.mean((2, 3)) - style.mean((2, 3))).abs().mean() < (
        content.mean((2, 3)) - style.mean((2, 3))
    ).abs().mean()


def test_the_rate_warms_up_holds_and_falls_to_zero():
    plan = Plan()
    assert rate(plan, 0) < rate(plan, 299) == rate(plan, 1000) == plan.rate
    assert rate(plan, plan.freeze_at) == plan.rate_after_freeze
    assert rate(plan, plan.steps) == 0


def test_a_pool_starts_some_pictures_anew_and_goes_on_with_the_others(pictures, monkeypatch):
    monkeypatch.setattr(make_pocket, "paint", lambda net, image, content, style, evaluations, layers: image + 1)
    chance = random.Random(0)
    pool, crops = Pool(24, 32), Crops(pictures, pictures, 32, chance)
    pool.optimise(nst.load_backbone(), crops, chance)
    assert pool.image.amin((1, 2, 3)).ge(1).all()
    pool.optimise(nst.load_backbone(), crops, chance)
    again = pool.image.amin((1, 2, 3)).ge(2)
    assert 0 < int(again.sum()) < 24


def test_a_perfect_adaptor_leaves_nothing_unexplained(teachers, rng):
    """A teacher map that is a linear map of the student's is explained whole; a silent student explains nothing."""
    student = Student(PLAN, teachers)
    picture = torch.rand(1, 3, 96, 96, generator=rng)
    with torch.no_grad():
        maps = student.eval()(picture)
    (pair,) = student.pairs = [p for p in student.pairs if p.layer == "fire4"]
    made = student.adaptors[str(pair)](maps[pair.student]).detach()
    k = 1  # the teacher's first position is the student's second
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_pocket, "teach", lambda *_: {pair: made[:, :, k:, k:]})
        assert unexplained(student, teachers, [picture])[pair] < 1e-6
        student.adaptors[str(pair)].weight.data.zero_()
        assert unexplained(student, teachers, [picture])[pair] >= 1


def test_a_student_that_goes_on_begins_with_what_it_knows(both, tmp_path, pictures, rng):
    """Its normalisation is folded in: with `freeze_at` 0, before the first step, it is the network that it was."""
    known = nst.load_backbone()
    plan = replace(PLAN, teachers=tuple(both), **make_pocket.GOING_ON)
    run = Run(plan, both, pictures, pictures, tmp_path, known.state_dict())
    image = torch.rand(1, 3, 48, 48, generator=rng)
    found = Backbone(nst.BACKBONES["pocket"], run.average.folded())(image, ["relu5_1"])["relu5_1"]
    assert torch.allclose(found, known(image, ["relu5_1"])["relu5_1"], atol=1e-3)


def test_pictures_are_found_below_folders_and_can_be_held_out(tmp_path, rng):
    (tmp_path / "art").mkdir()
    for name in ("a.png", "b.png", "art/c.jpg"):
        nst.save_image(torch.rand(1, 3, 40, 50, generator=rng), tmp_path / name)
    photos, art = load_pictures([tmp_path], exclude=("b.*",))
    assert (len(photos), len(art)) == (1, 1)


@pytest.mark.slow
def test_a_student_that_knows_something_begins_with_fitted_adaptors(teachers, pictures, tmp_path):
    """No other linear map of its maps, and least of all a random one, is nearer to the teacher's."""
    knows = nst.load_backbone("pocket").state_dict()
    run = Run(replace(PLAN, freeze_at=0), teachers, pictures, pictures, tmp_path, knows)
    images = [run.crops.many(1) for _ in range(6)]

    def left():
        """The unexplained share, in the teacher's units."""
        seen = copy.deepcopy(run.average)
        for name, adaptor in seen.adaptors.items():
            adaptor.weight.data *= run.variance[name].sqrt().view(-1, 1, 1, 1)
        return unexplained(seen, teachers, images)

    run.variance = measure_variance(run.student, teachers, run.crops, batches=2)
    before = left()
    run.begin()
    fitted = left()
    assert all(fitted[pair] < 0.9 * before[pair] for pair in fitted)
    for adaptor in run.average.adaptors.values():
        adaptor.weight.data *= 1.1
    assert sum(left().values()) > sum(fitted.values())


@pytest.fixture
def backbones():
    """The library's networks, as they were when the test is over."""
    before = dict(BACKBONES)
    yield BACKBONES
    BACKBONES.clear()
    BACKBONES.update(before)


def test_a_wider_network_begins_where_the_narrower_is(rng, backbones):
    """The old channels' maps are the same, and the new ones answer, so that training can find a use for them."""
    narrow = nst.load_backbone("pocket")
    name = shaped((24, 56, 96, 176, 208))
    weights = widened(narrow.state_dict(), name)
    assert name == shape_of(weights) == "pocket-24-56-96-176-208" and shape_of(narrow.state_dict()) == "pocket"
    wide, image = Backbone(backbones[name], weights), torch.rand(1, 3, 64, 64, generator=rng)
    layers = ["relu1_1", "relu2_1", "relu3_3", "relu5_1"]
    for layer, before in narrow(image, layers).items():
        after, count = wide(image, layers)[layer], before.shape[1]
        assert after.shape[1] == wide.layers[layer].channels
        torch.testing.assert_close(after[:, :count], before)
        assert after.shape[1] == count or after[:, count:].amax() > 0
    with pytest.raises(click.UsageError, match="only widens"):
        widened(weights, "pocket")
