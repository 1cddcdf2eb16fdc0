"""What a run takes, how it is divided, and what is said where it does not fit."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from plain import LiveBytes

import nstlib as nst
from nstlib.budget import Needs
from nstlib.machine import PRECISIONS
from nstlib.optimizers import optimize
from nstlib.plan import prepare
from nstlib.transfer import carry_out

STATISTICS = ("gram-relative", "wasserstein", "sliced", "relaxed-emd", "nearest-neighbours")
LIMITED = {"size": 48, "evaluations": 12, "device": "cpu", "precision": "float32"}


@pytest.fixture
def content(rng):
    ramp = torch.linspace(0, 1, 48).view(1, 1, 1, 48)
    return (0.5 * ramp + 0.5 * torch.rand(1, 3, 48, 48, generator=rng)).clamp(0, 1)


@pytest.fixture
def style(rng):
    stripes = (torch.arange(64) // 4 % 2).float().view(1, 1, 64, 1)
    return (torch.tensor([0.9, 0.6, 0.1]).view(1, 3, 1, 1) * stripes).expand(1, 3, 64, 56).contiguous()


def sizes(plan):
    return plan.stages[-1].size, [tuple(style.pixels.shape[-2:]) for style in plan.styles]


def needs_of(plan):
    return Needs(plan.backbone, plan.recipe, plan.stages[-1].precision)


def least_memory(plan, history):
    """The fewest bytes with which a run can remember so many moves."""
    needs, (size, styles) = needs_of(plan), sizes(plan)
    run = needs.run(size, history, needs.engine.least(size))
    return needs.targets(size, styles) + max([run, *map(needs.describe, styles)])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_accepted_runs(precision, rng):
    """The targets fit as well, which are computed from other layers, in single precision."""
    content, style = (torch.rand(1, 3, 160, 160, generator=rng) for _ in range(2))
    options = {**LIMITED, "size": 160, "evaluations": 2, "precision": precision}
    memory = least_memory(prepare(content, [style], **options), 10)
    assert len(nst.stylize(content, style, memory=memory, **options).history) > 1


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (128, {"content_reduction": "similarity", "content_layers": "relu1_1"}),
        (96, {"content_reduction": "similarity"}),
        (96, {"statistic": "patches", "style_layers": "relu1_1"}),
        (64, {"history": 60, "evaluations": 80}),
        (64, {"history": 60, "evaluations": 80, "checkpoint": "state.pt"}),
        (128, {"optimizer": "adam", "average": 0.9}),
    ],
)
def test_a_run_takes_what_was_foretold(size, options, rng, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nstlib.transfer.CHECKPOINT_SECONDS", 0.0)
    content, style = (torch.rand(1, 3, size, size, generator=rng) for _ in range(2))
    checkpoint = options.pop("checkpoint", None)
    plan = prepare(content, [style], **{**LIMITED, "size": size, **options})
    with LiveBytes() as measured:
        carry_out(plan, checkpoint and tmp_path / checkpoint)
    assert measured.most <= needs_of(plan).taken(*sizes(plan), replace(plan.budget, ample=False)) * 1.05


def test_with_little_memory_fewer_moves_are_remembered(content, style, monkeypatch):
    options = {**LIMITED, "history": 12}
    plenty = prepare(content, [style], **options)
    assert plenty.budget.history == 12 and not any("memory is short" in note for note in plenty.notes)
    short = prepare(content, [style], memory=least_memory(plenty, 5), **options)
    assert short.budget.history == 5
    assert "memory is short: L-BFGS remembers 5 moves, not 12" in short.notes
    given = []
    monkeypatch.setattr("nstlib.transfer.optimize", lambda *a, **k: given.append(k["history"]) or optimize(*a, **k))
    result = carry_out(short)
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    assert given == [5]
    assert prepare(content, [style], memory=least_memory(plenty, 5) - 1, **options).budget.history == 3
    adam = prepare(content, [style], memory=least_memory(plenty, 5), **LIMITED, optimizer="adam")
    assert not any("memory is short" in note for note in adam.notes)


@pytest.mark.parametrize("backbone", ["pocket", "squeezenet1_1"])
def test_with_little_memory_the_picture_is_the_same(backbone, rng):
    content, style = (torch.rand(1, 3, 150, 200, generator=rng) for _ in range(2))
    options = {**LIMITED, "size": 200, "evaluations": 4, "history": 3, "backbone": backbone, "weights": "random"}
    plenty = prepare(content, [style], **options)
    needs, (size, styles) = needs_of(plenty), sizes(plenty)
    least, most = needs.engine.least(size), needs.engine.bytes(size)
    assert least < most
    memory = needs.targets(size, styles) + needs.images(size, 3) + (least + most) // 2
    short = prepare(content, [style], memory=memory, **options)
    assert least <= short.budget.maps < most and short.budget.history == 3
    assert short.objective().memory == short.budget.maps
    first, second = carry_out(plenty), carry_out(short)
    assert second.history[0].loss == pytest.approx(first.history[0].loss, rel=1e-4)
    assert second.history[-1].loss == pytest.approx(first.history[-1].loss, rel=1e-2)
    assert (first.image - second.image).abs().mean() < 1e-3


@pytest.mark.parametrize("shape", [(160, 160), (90, 160), (160, 90)], ids=str)
@pytest.mark.parametrize("share", [0.95, 0.6])
def test_a_size_that_cannot_fit_is_refused_with_one_that_does(shape, share, rng):
    content = torch.rand(1, 3, *shape, generator=rng)
    options = {**LIMITED, "evaluations": 2}
    del options["size"]
    memory = share * least_memory(prepare(content, [content], size=160, **options), 3)
    with pytest.raises(nst.InputError, match=r"need .* GB, but there are .* GB: size \d+ fits") as caught:
        prepare(content, [content], size=160, memory=memory, **options)
    size = int(str(caught.value).split("size ")[1].split()[0])
    assert 32 <= size < 160
    result = nst.stylize(content, content, size=size, memory=memory, **options)
    assert max(result.image.shape[-2:]) == size
    with pytest.raises(nst.InputError, match="GB"):
        prepare(content, [content], size=size + 32, memory=memory, **options)


@pytest.mark.parametrize(
    ("shapes", "options", "share"),
    [
        (((96, 128), (128, 128)), {"size": 400}, 0.8),  # smaller than asked for: it keeps its size
        (((96, 128), (128, 128)), {"size": 400}, 0.95),
        (((160, 160), (160, 160)), {"size": 160, "style_size": 100}, 0.8),
        (((160, 160), (160, 160)), {"size": 96, "style_scales": 1.6}, 0.8),
        (((100, 300), (150, 130)), {"size": 100, "side": "short"}, 0.8),
        (((160, 160), (100, 100)), {"size": 160, "statistic": "patches", "style_layers": "relu3_1"}, 0.8),
    ],
    ids=["small", "nearly fits", "style_size", "style_scales", "short side", "patches"],
)
def test_the_size_that_is_advised_fits(shapes, options, share, rng):
    content, style = (torch.rand(1, 3, *shape, generator=rng) for shape in shapes)
    options = {**LIMITED, "evaluations": 2, **options}
    memory = share * least_memory(prepare(content, [style], **options), 3)
    with pytest.raises(nst.InputError, match=r"need .* GB, but there are .* GB: size \d+ fits") as caught:
        prepare(content, [style], **options, memory=memory)
    needed, there, advised = re.search(r"need (\S+) GB.* are (\S+) GB: size (\d+)", str(caught.value)).groups()
    assert float(needed) > float(there) and int(advised) < min(options["size"], max(shapes[0]))
    prepare(content, [style], **{**options, "size": int(advised)}, memory=memory)
    with pytest.raises(nst.InputError, match="GB"):
        prepare(content, [style], **{**options, "size": int(advised) + 32}, memory=memory)


@pytest.mark.parametrize(
    ("shapes", "options", "memory", "largest"),
    [
        (((200, 150), (97, 330)), {"size": 96, "style_size": 400}, 15e6, True),  # it was never as large as that
        (((200, 150), (330, 97)), {"size": 96, "style_size": 400, "side": "short"}, 14e6, False),
        (((130, 130), (333, 401)), {"size": 64, "style_size": 300, "style_scales": [1.7]}, 15e6, True),
        (((130, 130), (333, 401)), {"size": 64, "style_scales": [5]}, 15e6, True),
        (((130, 300), (400, 330)), {"size": 300, "style_size": 400}, 15e6, False),
    ],
    ids=str,
)
def test_the_style_size_that_is_advised_fits(shapes, options, memory, largest, rng):
    content, style = (torch.rand(1, 3, *shape, generator=rng) for shape in shapes)
    options = {**LIMITED, "optimizer": "adam", "memory": memory, **options}
    with pytest.raises(nst.InputError, match=r"style_size \d+ fits") as told:
        prepare(content, [style], **options)
    advised = {name: int(n) for name, n in re.findall(r"\b(size|style_size) (\d+)", str(told.value))}
    prepare(content, [style], **options | advised)
    if largest:
        with pytest.raises(nst.InputError, match="style_size"):
            prepare(content, [style], **options | advised | {"style_size": advised["style_size"] + 4})


def test_no_size_is_named_at_which_a_side_would_be_too_short(rng):
    content = torch.rand(1, 3, 60, 160, generator=rng)
    plan = prepare(content, [content], **{**LIMITED, "size": 160})
    with pytest.raises(nst.InputError, match="let the run use more, or close other programs"):
        prepare(content, [content], memory=0.5 * least_memory(plan, 3), **{**LIMITED, "size": 160})


def test_a_texture_that_cannot_fit_is_refused_before_its_pixels_are_made(style):
    """14000×14000 pixels alone are 2.4 GB."""
    with LiveBytes() as measured, pytest.raises(nst.InputError, match=r"14000×14000 pixels .* there are 1 GB"):
        prepare(None, [style], size=14_000, memory=1e9, start="noise", device="cpu")
    assert measured.most < 1e7


def test_where_no_size_fits_none_is_named(content, style):
    with pytest.raises(nst.InputError, match=r"48×48 pixels with pocket need") as caught:
        prepare(content, [style], memory=1e5, **LIMITED)
    assert "size 0" not in str(caught.value)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_style_pictures_are_counted(statistic, rng):
    """One 18 times as wide as the result does not fit where one of its size does; following the advice helps."""
    content, style = torch.rand(1, 3, 64, 64, generator=rng), torch.rand(1, 3, 1200, 1200, generator=rng)
    options = {**LIMITED, "size": 64, "evaluations": 2, "statistic": statistic}
    plan = prepare(content, [style], **options)
    memory = 1.2 * least_memory(plan, 10)
    with pytest.raises(nst.InputError, match=r"with a style picture of 1152×1152 pixels .*: give smaller style_scales"):
        prepare(content, [style], memory=memory, style_scales=[18], **options)
    with pytest.raises(nst.InputError, match=r"style picture of 1152×1152 pixels .*: style_size \d+ fits") as told:
        prepare(content, [style], memory=memory, style_size=1152, **options)
    fitting = int(re.search(r"style_size (\d+) fits", str(told.value))[1])
    prepare(content, [style], memory=memory, style_size=fitting, **options)
    with pytest.raises(nst.InputError, match="style_size"):
        prepare(content, [style], memory=memory, style_size=fitting + 16, **options)
    assert nst.stylize(content, style, memory=memory, style_size=64, **options).evaluations == 2


PEAK = """
import sys, torch
from benchmarks.measure import PeakMemory
from nstlib.budget import Needs
from nstlib.plan import prepare
from nstlib.transfer import carry_out
torch.set_num_threads(1)
side, scale, statistic = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
content, style = (torch.rand(1, 3, n, n, generator=torch.Generator().manual_seed(0)) for n in (side, side * scale))
options = {"size": side, "evaluations": 2, "device": "cpu", "precision": "float32", "statistic": statistic}
plan = prepare(content, [style], style_scales=[scale], **options)
memory = 1.02 * Needs(plan.backbone, plan.recipe, "float32").least((side, side), [(side * scale,) * 2])
frugal = prepare(content, [style], style_scales=[scale], memory=memory, **options)
carry_out(plan)  # what is imported and set up once is not the run's
with PeakMemory("cpu") as peak:
    carry_out(frugal)
print(peak.bytes / memory)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "scale", "statistic"),
    [(256, 3, name) for name in STATISTICS] + [(64, 10, "gram-relative"), (64, 10, "relaxed-emd")],
)
def test_a_run_takes_what_it_was_given(side, scale, statistic):
    """The peak of a whole run, targets of a large style picture included, measured in a process of its own."""
    command = [sys.executable, "-c", PEAK, str(side), str(scale), statistic]
    paths = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, env=paths, capture_output=True, text=True, check=True)
    assert 0.3 < float(done.stdout) < 1.4


def test_a_run_resumes_with_less_memory(content, style, tmp_path):
    """What is free differs from day to day; a checkpoint must not depend on it."""
    path = tmp_path / "state.pt"
    transfer = nst.Transfer(content, [style], checkpoint=path, **LIMITED)
    for progress in transfer:
        if progress.step.iteration == 8:
            break
    memory = least_memory(transfer.plan, 4)
    resumed = nst.stylize(content, style, checkpoint=path, memory=memory, **LIMITED)
    assert resumed.history[-1].evaluations == 12 and len(resumed.history) > 8


def square(size, style_size):
    """A result of a size, without a style."""
    return (size, size), []


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_largest_size_fits_and_the_next_does_not(content, style, optimizer):
    plan = prepare(content, [style], **LIMITED, optimizer=optimizer)
    needs = needs_of(plan)
    for memory in (1e8, 5e8):
        fast, most = (needs.largest(memory, fast=fast) for fast in (True, False))
        assert 0 < fast < most and fast % 32 == most % 32 == 0
        assert needs.divide((most, most), [], memory, square).maps > 0
        larger = Needs(plan.backbone, plan.recipe.changed(size=most + 32), "float32")
        with pytest.raises(nst.InputError, match=f"size {most} fits"):
            larger.divide((most + 32, most + 32), [], memory, square)
        assert needs.divide((fast, fast), [], memory, square).history == plan.recipe.history


def test_the_file_of_a_run_is_as_large_as_it_is_said_to_be(content, style, tmp_path):
    path = tmp_path / "run.pt"
    transfer = nst.Transfer(content, [style], checkpoint=path, **{**LIMITED, "evaluations": 40})
    list(transfer)
    size = transfer.plan.stages[-1].size
    assert path.stat().st_size == pytest.approx(transfer.plan.budget.written(size), rel=0.1)
