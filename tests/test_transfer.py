"""Whole transfers, small enough for a test: what comes out, what is checked first, and what an interruption loses."""

import copy
import dataclasses
import gc
import inspect
import pickle
import weakref
from contextlib import contextmanager
from functools import partial

import pytest
import torch

import nstlib as nst
from nstlib.backbone import Backbone
from nstlib.descriptions import directions
from nstlib.distances import sample
from nstlib.engine import Engine
from nstlib.errors import InputError
from nstlib.machine import PRECISIONS
from nstlib.onepass import mirrors
from nstlib.optimizers import Stop, loop
from nstlib.optimizers.evaluator import Evaluator
from nstlib.optimizers.history import History
from nstlib.palette import COLORS, recolor
from nstlib.plan import Plan
from nstlib.result import STILL, read_facts
from nstlib.run import EXTENDED, Run
from nstlib.settings import Settings
from nstlib.style import STATISTICS
from nstlib.transfer import Transfer

SMALL = {"size": 48, "evaluations": 12, "device": "cpu"}


@pytest.fixture
def content(rng):
    ramp = torch.linspace(0, 1, 48).view(1, 1, 1, 48)
    return (0.5 * ramp + 0.5 * torch.rand(1, 3, 48, 48, generator=rng)).clamp(0, 1)


@pytest.fixture
def style(rng):
    stripes = (torch.arange(64) // 4 % 2).float().view(1, 1, 64, 1)
    return (torch.tensor([0.9, 0.6, 0.1]).view(1, 3, 1, 1) * stripes).expand(1, 3, 64, 56).contiguous()


def test_a_transfer_lowers_the_loss_and_keeps_the_contents_shape(content, style):
    result = nst.stylize(content[..., :40, :], style, **SMALL)
    assert result.image.shape == (1, 3, 40, 48)
    assert result.image.min() >= 0 and result.image.max() <= 1
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    assert result.stopped is Stop.BUDGET and result.evaluations == 12
    assert set(result.history[0].terms) == {"content relu3_3", *(f"style {n}" for n in result.recipe.style_layers)}
    assert sum(result.history[-1].terms.values()) == pytest.approx(result.history[-1].loss, rel=1e-4)


def test_seed_and_recipe_repeat_a_result_bit_for_bit(content, style):
    first, second, other = (nst.stylize(content, style, start="noise", seed=s, **SMALL).image for s in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


# --- control -------------------------------------------------------------------------------------

LEFT = torch.zeros(48, 48)
LEFT[:, :30] = 1
CONTROLS = {
    "luminance": {"color": "luminance"},
    "before": {"color": "transport"},
    "after": {"color": "after"},
    "regions": {"masks": [LEFT, "rest"], "style_layers": ["relu1_1", "relu2_1"]},
    "sums": {"masks": [LEFT, "rest"], "style_layers": ["relu1_1", "relu2_1"], "guidance": "sum"},
    "layers": {"own_layers": [["relu1_1"], ["relu2_1"]], "style_layers": ["relu1_1", "relu2_1"]},
    "all": {
        "color": "pca",
        "masks": [LEFT, None],
        "own_layers": [["relu1_1"], None],
        "style_layers": ["relu1_1", "relu2_1"],
    },
}


@pytest.mark.parametrize("precision", ["float32", "mixed"])
@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_goes_with_scales_checkpoints_and_both_precisions(
    content, style, tmp_path, monkeypatch, name, precision
):
    monkeypatch.setattr("nstlib.transfer.CHECKPOINT_SECONDS", 0.0)
    styles = [style, style.flip(1)]
    options = {**SMALL, **CONTROLS[name], "pyramid": ((40, 4),), "precision": precision}
    whole = nst.stylize(content, *styles, **options)
    assert whole.history[-1].loss < 0.7 * next(r for r in whole.history if r.size == (48, 48)).loss
    path = tmp_path / "state.pt"
    for count, _ in enumerate(Transfer(content, styles, checkpoint=path, **options), start=1):
        if count == 6:
            break
    assert torch.equal(nst.stylize(content, *styles, checkpoint=path, **options).image, whole.image)


@pytest.mark.parametrize("name", ["regions", "layers"])
def test_little_memory_changes_nothing_but_speed(content, style, monkeypatch, name):
    """In bands, and with maps computed twice, to rounding."""
    options = {**SMALL, **CONTROLS[name], "precision": "float32"}
    plan = nst.prepare(content, [style, style.flip(1)], **options)
    objective, image = plan.objective(), content.flip(3)
    value, _, gradient = objective.value_and_gradient(image)
    monkeypatch.setattr("nstlib.memory.BAND_BYTES", 2**14)
    monkeypatch.setattr("nstlib.memory.LEAN_BAND_BYTES", (2**13,))
    frugal = plan.objective()
    frugal.memory = int(1.1 * Engine(plan.backbone, objective.terms).least((48, 48)))
    found, _, slope = frugal.value_and_gradient(image)
    assert found.item() == pytest.approx(value.item(), rel=1e-5)
    assert (slope - gradient).abs().max() < 1e-4 * gradient.abs().max()


def test_a_control_changes_the_picture_where_it_says(content, style):
    options = {**SMALL, "style_layers": ["relu1_1", "relu2_1"], "precision": "float32"}
    here = nst.stylize(content, style, masks=LEFT, **options).image
    moved = (here - content).abs().amax(1)[0]
    assert moved[:, 30:].max() < 1e-6 and moved[:, :30].mean() > 0.1


def test_by_luminance_the_contents_chroma_stays(content, style):
    content = 0.3 + 0.4 * content  # nothing is cut off
    progress = []
    result = nst.stylize(content, style, color="luminance", on_progress=progress.append, **SMALL)
    chroma = [(x - x.mean(1, keepdim=True)) for x in (result.image, content)]
    inside = ((result.image > 0) & (result.image < 1)).all(1, keepdim=True)
    assert ((chroma[0] - chroma[1]) * inside).abs().max() < 1e-5 and inside.float().mean() > 0.5
    assert not result.unchanged
    assert torch.equal(progress[-1].image, result.image)  # what is shown on the way is what is handed out


def test_the_result_has_the_contents_colours(content, style):
    result = nst.stylize(content, style, color="after", **SMALL)
    for image, other in ((result.image, content),):
        assert (image.mean((2, 3)) - other.mean((2, 3))).abs().max() < 0.02
        assert image.std((2, 3)) == pytest.approx(other.std((2, 3)), abs=0.03)


GREY = torch.full((1, 3, 48, 64), 0.5)


@pytest.mark.parametrize("options", [{}, {"start": "style"}, {"color": "luminance"}])
def test_of_a_content_that_is_its_style_already_no_other_weights_are_advised(options, content, style):
    for one in (GREY, content):
        result = nst.stylize(one, one, **{**SMALL, **options})
        assert (
            result.failure == f"{STILL}: content and style are alike, so there is nothing to paint: give another style"
        )
        assert not nst.stylize(one, style, **{**SMALL, **options}).failure, "which helps"
    slow = nst.stylize(content, style, **{**SMALL, **options}, optimizer="adam", rate=1e-7)
    assert slow.failure.startswith(f"{STILL}: give more evaluations")


@pytest.mark.parametrize("color", ["luminance", "transport"])
def test_of_a_style_that_is_the_content_in_its_colours_its_own_are_advised(color):
    patches = (torch.rand(GREY.shape, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    dyed = (
        f"{STILL}: in the content's colours the style is the content, so there is nothing to paint: choose color style"
    )
    assert nst.stylize(GREY, patches, color=color, **SMALL).failure == dyed
    assert not nst.stylize(GREY, patches, color="style", **SMALL).failure, "which helps"


def test_colours_only_paint_nothing(content, style):
    result = nst.stylize(content, style, color="only", **SMALL)
    assert result.evaluations == 1 and not result.unchanged
    plan = nst.prepare(content, style, color="only", **SMALL)
    assert torch.allclose(result.image, recolor(content, plan.styles[0].pixels).clamp(0, 1), atol=1e-6)


def test_of_a_running_mean_the_loss_told_is_another(content, style):
    made = [nst.stylize(content, style, optimizer="adam", average=mean, **SMALL).notes for mean in (0.0, 0.9)]
    assert ["of the newest image" in " ".join(notes) for notes in made] == [False, True]


def test_a_checkpoint_of_another_mask_is_refused(content, style, tmp_path):
    options = {**SMALL, "style_layers": "relu1_1", "checkpoint": tmp_path / "state.pt"}
    nst.stylize(content, style, masks=LEFT, **options)
    for other, words in (({"masks": 1 - LEFT}, "another mask 1"), ({}, "another mask 1")):
        with pytest.raises(nst.InputError, match=words):
            nst.stylize(content, style, **options, **other)
    with pytest.raises(nst.InputError, match="another style"):
        nst.stylize(content, style, masks=LEFT, style_masks=torch.ones(64, 56), **options)


def test_random_weights_follow_the_seed_and_leave_the_callers_random_state_alone(content, style):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second, other = (Transfer(content, [style], weights="random", seed=s, **SMALL) for s in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    weight = [t.plan.backbone.features[0].weight for t in (first, second, other)]
    assert torch.equal(weight[0], weight[1]) and not torch.equal(weight[0], weight[2])


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("stop_at", [5, 14])
def test_a_resumed_run_equals_an_uninterrupted_one(content, style, tmp_path, monkeypatch, optimizer, stop_at):
    monkeypatch.setattr("nstlib.transfer.CHECKPOINT_SECONDS", 0.0)
    options = {**SMALL, "optimizer": optimizer, "pyramid": ((40, 9),), "start": "noise"}
    whole = nst.stylize(content, style, **options)
    path = tmp_path / "state.pt"
    for count, _ in enumerate(Transfer(content, [style], checkpoint=path, **options), start=1):
        if count == stop_at:  # the process dies here
            break
    resumed = nst.stylize(content, style, checkpoint=path, **options)
    assert torch.equal(resumed.image, whole.image)
    assert [r.loss for r in resumed.history] == [r.loss for r in whole.history]


def test_a_finished_run_resumes_to_the_same_picture_without_work(content, style, tmp_path):
    path = tmp_path / "state.pt"
    first = nst.stylize(content, style, checkpoint=path, **SMALL)
    transfer = Transfer(content, [style], checkpoint=path, **SMALL)
    assert list(transfer) == []
    assert torch.equal(transfer.result().image, first.image)


def test_a_damaged_checkpoint_is_refused(content, style, tmp_path):
    path = tmp_path / "state.pt"
    nst.stylize(content, style, checkpoint=path, **SMALL)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(nst.InputError, match="no checkpoint"):
        Transfer(content, [style], checkpoint=path, **SMALL)


def test_an_interrupt_keeps_the_best_picture(content, style):
    def press_stop(progress):
        if progress.step.iteration == 3:
            raise KeyboardInterrupt

    result = nst.stylize(content, style, on_progress=press_stop, **SMALL)
    assert result.stopped is Stop.INTERRUPTED
    assert result.history[-1].iteration == 3
    assert result.facts["loss"] == min(r.loss for r in result.history)


def test_break_stops_and_nothing_before_the_first_step_has_no_result(content, style):
    transfer = Transfer(content, [style], **SMALL)
    with pytest.raises(nst.InputError, match="no step was taken"):
        transfer.result()
    for progress in transfer:
        if progress.step.iteration == 2:
            break
    assert transfer.result().stopped is Stop.LEFT


SMOOTH = {"content_weight": 0, "style_weight": 0, "tv_weight": 1.0, "tv_kind": "l2", "start": "content"}


@pytest.mark.parametrize(
    "options",
    [
        {**SMOOTH, "evaluations": 2000},
        {**SMOOTH, "evaluations": 2000, "pyramid": ((32, 2000),)},
        {"optimizer": "adam", "evaluations": 4},
        {"evaluations": 7, "pyramid": ((40, 5),)},
    ],
    ids=["converges", "converges at two scales", "breaks down", "ends"],
)
def test_evaluations_are_those_that_were_made(content, style, monkeypatch, tmp_path, options):
    """However a scale ends: also where L-BFGS looks in vain for another move from its last iteration."""
    evaluate, calls = nst.Objective.value_and_gradient, []

    def counted(objective, image):
        calls.append(image)
        total, *others = evaluate(objective, image)
        return total * (float("nan") if "optimizer" in options and len(calls) == 3 else 1), *others

    monkeypatch.setattr(nst.Objective, "value_and_gradient", counted)
    result = nst.stylize(content, style, **{**SMALL, "precision": "float32", "pyramid": (), **options})
    assert (result.stopped is Stop.CONVERGED) == ("tv_weight" in options)
    assert result.evaluations == result.facts["evaluations"] == len(calls)
    moves = [(line.size, line.iteration) for line in result.history]
    assert len(set(moves)) == len(moves)


def test_a_picture_of_which_nothing_is_to_be_painted_takes_one_evaluation(content):
    assert nst.stylize(content, content, precision="float32", **SMALL).evaluations == 1


def test_a_loss_of_pixels_that_no_picture_has_is_told(content, style):
    run = nst.Transfer(content, style, **SMALL, bounds=None, optimizer="adam", rate=0.2, show=False)
    for _ in run:
        pass
    made, image = run.result(), run.run.best.image
    low, high = float(image.min()), float(image.max())
    assert low < 0 or high > 1
    told = f"is of pixels from {low:.2f} to {high:.2f}; the picture's are cut to 0 to 1"
    assert [note for note in made.remarks if told in note] and 0 <= made.image.min() <= made.image.max() <= 1
    held = nst.stylize(content, style, **SMALL, optimizer="adam", rate=0.2, show=False)
    assert not [note for note in held.notes if "are cut" in note]


def test_progress_grows_to_one_over_all_scales(content, style):
    options = {**SMALL, "pyramid": ((32, 6),)}
    seen = list(Transfer(content, [style], **options))
    done = [p.done for p in seen]
    assert done == sorted(done) and done[-1] == 1.0
    assert {p.size for p in seen} == {(32, 32), (48, 48)}
    assert seen[-1].seconds_left == 0 and seen[0].seconds_left is None


def test_the_time_left_is_not_foretold_from_the_first_evaluation(content, style, monkeypatch):
    """Which takes ten times as long: the targets are made, and everything is warmed up."""
    now, evaluate = [0.0], nst.Objective.value_and_gradient

    def slow_at_first(objective, image):
        now[0] += 1.0 if now[0] else 10.0
        return evaluate(objective, image)

    monkeypatch.setattr(nst.Objective, "value_and_gradient", slow_at_first)
    monkeypatch.setattr("nstlib.transfer.time.perf_counter", lambda: now[0])
    seen = list(Transfer(content, [style], **{**SMALL, "optimizer": "adam", "evaluations": 20}))
    assert seen[0].seconds_left is None
    assert [p.seconds_left for p in seen[1:]] == pytest.approx([20 - p.step.evaluations for p in seen[1:]], abs=1e-6)


def test_a_loss_that_stops_being_finite_keeps_the_last_good_picture(content, style, monkeypatch):
    evaluate, calls = nst.Objective.value_and_gradient, []

    def breaks_down(objective, image):
        calls.append(1)
        total, terms, gradient = evaluate(objective, image)
        return (total * float("nan") if len(calls) == 4 else total), terms, gradient

    monkeypatch.setattr(nst.Objective, "value_and_gradient", breaks_down)
    result = nst.stylize(content, style, **{**SMALL, "optimizer": "adam", "pyramid": ((40, 3),)})
    assert result.stopped is Stop.LOSS
    assert torch.isfinite(result.image).all() and result.image.shape[-1] == 40


def test_two_styles_their_shares_and_scales(content, style):
    only_first = nst.stylize(content, style, **SMALL).image
    shared = nst.stylize(content, style, style.flip(1), shares=[1, 0], **SMALL).image
    assert torch.allclose(only_first, shared, atol=1e-5)
    scaled = Transfer(content, [style, style], style_scales=[1, 0.75], **SMALL)
    assert [max(s.pixels.shape) for s in scaled.plan.styles] == [48, 36]


def test_texture_and_reconstructions(content, style):
    made = nst.texture(style, **{**SMALL, "size": 40})
    assert made.image.shape == (1, 3, 40, 40)
    assert all(name.startswith("style") for name in made.history[0].terms)
    layers = nst.reconstruct_style(style, ["relu1_1", "relu2_1"], **SMALL)
    assert set(layers.history[0].terms) == {"style relu1_1", "style relu2_1"}
    picture = style[..., :48, :48]
    back = nst.reconstruct_content(picture, "relu1_2", **{**SMALL, "evaluations": 60})
    assert set(back.history[0].terms) == {"content relu1_2"}
    both = torch.stack([back.image.flatten(), picture.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.9  # it started from noise


def test_a_texture_keeps_what_ones_own_recipe_says(style):
    own = nst.Recipe("own", size=40, start="style", evaluations=1, pyramid=(), content_weight=3.0)
    made = nst.texture(style, recipe=own, device="cpu")
    assert made.image.shape == (1, 3, 40, 40) and (made.recipe.start, made.recipe.content_weight) == ("style", 0)
    assert nst.texture(style, recipe=own.changed(start="content"), device="cpu").recipe.start == "noise"
    assert nst.texture(style, recipe=own, size=48, start="noise", device="cpu").recipe.size == 48


def test_a_reconstruction_keeps_what_ones_own_recipe_says(content, tmp_path):
    path = nst.save_image(content.flip(3), tmp_path / "mine.png")
    own = nst.Recipe("own", size=40, start=str(path), evaluations=1, pyramid=(), content_weight=3.0)

    def said(recipe, **options):
        made = nst.reconstruct_content(content, "relu1_1", recipe=recipe, device="cpu", **options)
        return made.recipe.start, made.recipe.content_weight, made.image.shape[-1]

    assert said(own) == (str(path), 3.0, 40)
    assert said(own.changed(start="content")) == ("noise", 3.0, 40)  # nothing would be to reconstruct
    assert said(own.changed(content_weight=0)) == (str(path), 1.0, 40)
    assert said(own, start="noise", content_weight=2.0, size=32) == ("noise", 2.0, 32)
    assert said("kit", size=32, evaluations=1)[:2] == ("noise", 1.0)


def test_a_start_that_was_an_array_is_to_be_given_anew(content, style):
    recipe = nst.stylize(content, style, start=content, **{**SMALL, "evaluations": 1}).recipe
    with pytest.raises(InputError, match="the start was a picture from memory, which no file names: give the start"):
        nst.stylize(content, style, recipe=recipe)


def test_results_are_told_apart(content, style):
    first, second = (nst.stylize(content, style, **{**SMALL, "evaluations": 1}) for _ in range(2))
    assert [first, second].index(second) == 1 and len({first, second}) == 2


def test_starts(content, style, tmp_path):
    def first(**options):
        return next(iter(Transfer(content, [style], **(SMALL | options)))).step.image

    assert torch.equal(first(start="content"), content)
    assert torch.allclose(first(start="style").mean((2, 3)), style.mean((2, 3)), atol=0.05)
    nst.save_image(content.flip(3), tmp_path / "mine.png")
    assert torch.allclose(first(start=str(tmp_path / "mine.png")), content.flip(3), atol=1 / 255)
    assert first(start="noise", seed=1).std() > 0.05


def test_a_saved_picture_says_how_to_repeat_it(content, style, tmp_path):
    result = nst.stylize(content, style, **SMALL, tv_weight=0.5, seed=9)
    result.save(tmp_path / "out.png")
    facts = read_facts(tmp_path / "out.png")
    assert facts["seed"] == 9 and facts["version"] == nst.__version__
    assert nst.Recipe.from_dict(facts["recipe"]) == result.recipe


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recipe": "gatys2106"}, "did you mean 'gatys2016'"),
        ({"backbone": "vgg91"}, "did you mean 'vgg19'"),
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"style_wieght": 2}, "did you mean 'style_weight'"),
        ({"statistic": "gramm"}, "statistic='gramm': did you mean"),
        ({"content_layers": {"relu9_1": 1}}, "relu9_1 is not in pocket"),
        ({"device": "cuba"}, "did you mean 'cuda'"),
        ({"precision": "bfloat61"}, "precision='bfloat61': did you mean 'bfloat16'"),
        ({"memory": 1e5}, "48×48 pixels with pocket need"),
        ({"size": 8}, "at least 32"),
        ({"evaluations": 0}, "at least 1"),
        ({"content_weight": -1}, "at least 0"),
        ({"content_weight": 0, "style_weight": 0}, "at least one term"),
        ({"shares": [1, 2]}, "one share"),
        ({"style_scales": [1, 2]}, "one number for each"),
        ({"start": "nosie"}, "nosie"),
        ({"checkpoint": "no/such/folder/state.pt"}, "does not exist"),
        ({"weights": "nowhere.safetensors"}, "no weights at"),
        ({"pooling": "avg"}, "average"),
        ({"rate": 0.1}, "only with optimizer=adam"),
        ({"tv_kind": "l1"}, "only with tv_weight above 0"),
        ({"noise": 0.1}, "only with start=noise"),
        ({"history": 5, "optimizer": "adam"}, "only with optimizer=lbfgs"),
        ({"checkpoint": "."}, "is a folder"),
        ({"start": [1, 2]}, "cannot load a picture from list"),
    ],
)
def test_mistakes_are_told_before_any_work(content, style, options, words, monkeypatch):
    monkeypatch.setattr(nst.Objective, "__init__", lambda *_: pytest.fail("the run began"))
    with pytest.raises(nst.InputError) as caught:
        nst.stylize(content, style, **{**SMALL, **options})
    assert words in str(caught.value) and "\n" not in str(caught.value)


# Precision


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precision_is_said_and_remembered(content, style, precision):
    result = nst.stylize(content, style, precision=precision, **SMALL)
    assert result.facts["precision"] == precision
    assert f"in {precision} with pocket" in result.notes[0]
    assert result.image.dtype == torch.float32
    assert result.history[-1].loss < 0.6 * result.history[0].loss


def test_half_precision_paints_nearly_the_same_picture(content, style):
    single, half = (nst.stylize(content, style, precision=p, **SMALL) for p in ("float32", "bfloat16"))
    assert half.history[0].loss == pytest.approx(single.history[0].loss, rel=0.05)
    assert 0 < (half.image - single.image).square().mean().sqrt() < 0.1


@pytest.mark.parametrize("asked", [{"size": 64}, {"size": (64, "x")}, {"precision": "banana"}], ids=str)
def test_an_objective_of_no_such_size_or_precision_is_refused(content, style, asked):
    transfer = Transfer(content, [style], **SMALL)
    with pytest.raises(nst.InputError, match=r"(size|precision).*(expected \(height, width\) in pixels|banana)"):
        transfer.objective(**asked)


def test_auto_takes_what_the_processor_multiplies(content, style, monkeypatch):
    monkeypatch.setattr("nstlib.plan.choose_precision", lambda name, device: {"auto": "bfloat16"}[name])
    transfer = Transfer(content, [style], **SMALL)
    assert (
        transfer.plan.precision
        == transfer.plan.facts["precision"]
        == transfer.objective((48, 48)).precision
        == "bfloat16"
    )


@pytest.fixture
def native(monkeypatch):
    """A processor that multiplies bfloat16."""
    monkeypatch.setattr("nstlib.plan.choose_precision", lambda name, device: name)
    monkeypatch.setattr("nstlib.plan.half_precision", lambda device: "bfloat16")


@pytest.fixture
def tensor_cores(monkeypatch):
    """A device that multiplies float16, as a T4 does."""
    for module in ("machine", "plan"):
        monkeypatch.setattr(f"nstlib.{module}.half_precision", lambda device: "float16")


def test_auto_and_mixed_take_float16_where_it_is_what_there_is(content, style, tensor_cores):
    plan = Transfer(content, [style], **SMALL).plan
    assert plan.precision == plan.facts["precision"] == plan.objective().precision == "float16"
    assert plan.options(plan.stages[-1])["noise"] > 0 and "in float16 with pocket" in plan.notes[0]
    mixed = Transfer(content, [style], precision="mixed", **{**SMALL, "evaluations": 10}).plan
    assert [stage.precision for stage in mixed.stages] == ["float16", "float32"]


@pytest.mark.parametrize("precision", ["auto", "mixed"])
def test_normalised_activations_stay_in_single_precision_there(content, style, tensor_cores, precision):
    """They give channels that hardly ever fire weights that float16 cannot hold."""
    plan = Transfer(content, [style], recipe="gatys2016", backbone="pocket", precision=precision, **SMALL).plan
    assert plan.precision == "float32" and {stage.precision for stage in plan.stages} == {"float32"}


def test_a_mixed_run_ends_in_single_precision(content, style, native):
    options = {**SMALL, "evaluations": 10, "precision": "mixed"}
    transfer = Transfer(content, [style], pyramid=((32, 4),), **options)
    assert [(stage.evaluations, stage.precision) for stage in transfer.plan.stages] == [
        (4, "bfloat16"),
        (6, "bfloat16"),
        (4, "float32"),
    ]
    assert "in bfloat16, then float32 with pocket" in transfer.plan.notes[0]
    done = [progress.done for progress in transfer]
    assert done == sorted(done) and done[-1] == 1
    begun = [record for record in transfer.history if record.evaluations == 1]
    rough = transfer.history[transfer.history.index(begun[2]) - 1]
    assert begun[2].loss == pytest.approx(rough.loss, rel=0.02)  # goes on from the picture, in another precision
    exact = float(transfer.objective(begun[2].size, "float32")(transfer.run.best.image)[0])
    assert transfer.result().facts["loss"] == pytest.approx(exact, rel=1e-4)
    assert transfer.plan.facts["precision"] == "mixed"


def test_adam_and_the_shortest_run_are_not_divided(content, style, native):
    for changes in ({"optimizer": "adam", "evaluations": 9}, {"evaluations": 1}):
        transfer = Transfer(content, [style], **{**SMALL, "precision": "mixed", **changes})
        assert [stage.precision for stage in transfer.plan.stages] == ["bfloat16"]


@pytest.mark.parametrize("changes", [{"precision": "mixed"}, {"optimizer": "adam"}, {"pyramid": ((32, 5),)}])
def test_a_run_that_the_caller_left_goes_on_from_its_checkpoint(content, style, native, tmp_path, changes):
    """Left in each stage, long before the half minute, it ends with the picture of the run that was not stopped."""
    options = {**SMALL, "evaluations": 12, "precision": "float32", **changes}
    whole = nst.stylize(content, style, **options)
    for stop in (3, 9):
        path = tmp_path / f"{stop}.pt"
        for number, _ in enumerate(Transfer(content, [style], checkpoint=path, **options)):
            if number == stop:
                break
        assert len(Transfer(content, [style], checkpoint=path, **options).history) == stop + 1
        assert len(Transfer(content, [style], checkpoint=path, **options).history) > 2
    assert torch.equal(nst.stylize(content, style, checkpoint=path, **options).image, whole.image)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_interrupt_in_the_midst_of_an_evaluation_loses_nothing(content, style, tmp_path, monkeypatch, optimizer):
    options = {**SMALL, "evaluations": 12, "precision": "float32", "optimizer": optimizer}
    whole, path = nst.stylize(content, style, **options), tmp_path / "state.pt"
    evaluate, calls = nst.Objective.value_and_gradient, []

    def interrupted(objective, image):
        calls.append(image)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return evaluate(objective, image)

    with monkeypatch.context() as patch:
        patch.setattr(nst.Objective, "value_and_gradient", interrupted)
        assert nst.stylize(content, style, checkpoint=path, **options).stopped is Stop.INTERRUPTED
    assert len(Transfer(content, [style], checkpoint=path, **options).history) > 2
    assert torch.equal(nst.stylize(content, style, checkpoint=path, **options).image, whole.image)


@pytest.mark.parametrize("options", [{}, {"precision": "mixed"}, {"pyramid": ((32, 10),)}])
@pytest.mark.parametrize(("at", "less"), [(19, 5), (29, 12)])
def test_a_run_is_not_given_less_than_it_has_made(content, style, tmp_path, at, less, options):
    """A picture of 29 evaluations would say that it was painted by 12, and those would paint another."""
    given = {**SMALL, "checkpoint": tmp_path / "state.pt", "precision": "float32", **options}
    for progress in Transfer(content, [style], **{**given, "evaluations": 30}):
        if progress.evaluations > at:
            break
    before = given["checkpoint"].read_bytes()
    with pytest.raises(nst.InputError, match=r"belongs to a run that made \d+ evaluations already"):
        nst.stylize(content, style, **{**given, "evaluations": less})
    assert given["checkpoint"].read_bytes() == before
    result = nst.stylize(content, style, **{**given, "evaluations": 30})
    points = [(line.size, line.evaluations, line.loss) for line in result.history]
    assert len(set(points)) == len(points)
    assert result.facts["evaluations"] == 30 + sum(n for _, n in options.get("pyramid", ()))


def test_a_run_that_finished_its_line_search_over_its_evaluations_is_taken_up_by_the_same_call(
    content, style, tmp_path
):
    over = 0
    for count in range(2, 9):
        options = {**SMALL, "start": "noise", "evaluations": count, "checkpoint": tmp_path / f"{count}.pt"}
        first, again = (nst.stylize(content, style, **options) for _ in range(2))
        assert torch.equal(first.image, again.image)
        over += first.facts["evaluations"] > count
    assert over


def test_a_checkpoint_is_not_resumed_in_another_precision(content, style, tmp_path):
    path = tmp_path / "state.pt"
    nst.stylize(content, style, checkpoint=path, precision="float32", **SMALL)
    with pytest.raises(nst.InputError, match="belongs to a run with precision"):
        Transfer(content, [style], checkpoint=path, precision="bfloat16", **SMALL)
    assert list(Transfer(content, [style], checkpoint=path, precision="float32", **SMALL)) == []


# Going on


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam"}, {"pyramid": ((40, 6),)}])
def test_a_second_loop_goes_on_where_the_first_was_left(content, style, changes):
    options = {**SMALL, "precision": "float32", **changes}
    whole = nst.stylize(content, style, **options)
    transfer = Transfer(content, [style], **options)
    for left_after in (4, 9):
        for _ in transfer:
            if len(transfer.history) == left_after:
                break
        assert transfer.result().facts["loss"] == min(
            r.loss for r in transfer.history if r.size == transfer.history[-1].size
        )
    assert len(list(transfer)) == len(whole.history) - 9
    assert [r.loss for r in transfer.history] == [r.loss for r in whole.history]
    assert torch.equal(transfer.result().image, whole.image)
    assert list(transfer) == [] and transfer.result().stopped is Stop.BUDGET


def test_an_iterator_that_still_waits_hands_over(content, style):
    whole = nst.stylize(content, style, **SMALL)
    transfer = Transfer(content, [style], **SMALL)
    waiting = iter(transfer)
    for _ in range(3):
        next(waiting)
    list(transfer)
    assert [r.loss for r in transfer.history] == [r.loss for r in whole.history]
    assert list(waiting) == []


def test_a_run_that_is_done_goes_on_with_more_evaluations(content, style, tmp_path):
    path, options = tmp_path / "state.pt", {**SMALL, "precision": "float32"}
    nst.stylize(content, style, checkpoint=path, **options)
    grown = nst.stylize(content, style, checkpoint=path, **{**options, "evaluations": 20})
    whole = nst.stylize(content, style, **{**options, "evaluations": 20})
    assert [r.loss for r in grown.history] == [r.loss for r in whole.history]
    assert torch.equal(grown.image, whole.image)


@pytest.mark.parametrize(
    "options",
    [{"precision": "mixed"}, {"start": "noise", "backbone": "squeezenet1_0", "weights": "random"}],
    ids=["mixed", "scales"],
)
def test_what_finished_stages_would_have_of_more_evaluations_goes_to_the_last(content, style, tmp_path, options):
    options = {**SMALL, "size": 96, "optimizer": "lbfgs", **options, "checkpoint": tmp_path / "state.pt"}
    large = torch.cat([content] * 2, 3), style
    asked = [12, 13, 20, 20, 40, 40]  # the same call again finds nothing left to do
    found = [nst.stylize(*large, **{**options, "evaluations": n}) for n in asked]
    fresh = [nst.stylize(*large, **{**options, "evaluations": n, "checkpoint": None}) for n in asked]
    assert [r.evaluations for r in found] == pytest.approx([r.evaluations for r in fresh], abs=2)
    assert found[-1].history[-1].loss < found[0].history[-1].loss
    assert torch.equal(found[2].image, found[3].image) and torch.equal(found[4].image, found[5].image)
    several = options.get("precision") == "mixed" or len({record.size for record in found[-1].history}) > 1
    assert (EXTENDED in found[-1].notes) == several and not any(EXTENDED in r.notes for r in (*fresh, found[0]))


@pytest.mark.parametrize("left", [2, 10])
def test_a_run_with_more_evaluations_than_it_began_with_may_be_left_anywhere(content, style, tmp_path, capsys, left):
    """Its last half has more of them than it would have had from the start, and is taken up with all of these."""
    options = {**SMALL, "precision": "mixed", "checkpoint": tmp_path / "state.pt"}
    nst.stylize(content, style, **options)
    for number, _ in enumerate(Transfer(content, [style], **{**options, "evaluations": 24}, show=True)):
        if number == left:
            break
    assert "has ended" not in "".join(capsys.readouterr())
    result = nst.stylize(content, style, **{**options, "evaluations": 24})
    assert result.facts["evaluations"] == 24 and result.stopped is Stop.BUDGET


@pytest.mark.parametrize("number", range(2, 9))
def test_an_interrupt_at_any_evaluation_keeps_a_picture_and_goes_on_exactly(content, style, monkeypatch, number):
    """In the midst of a line search, and at the first evaluation of a second scale, too."""
    options = {**SMALL, "precision": "float32", "pyramid": ((32, 4),)}
    whole, evaluate, calls = nst.stylize(content, style, **options), nst.Objective.value_and_gradient, []

    def interrupted(objective, image):
        calls.append(image)
        if len(calls) == number:
            raise KeyboardInterrupt
        return evaluate(objective, image)

    transfer = Transfer(content, [style], **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(nst.Objective, "value_and_gradient", interrupted)
        list(transfer)
    assert transfer.result().stopped is Stop.LEFT and torch.isfinite(transfer.result().image).all()
    list(transfer)
    assert [r.loss for r in transfer.history] == [r.loss for r in whole.history]
    assert torch.equal(transfer.result().image, whole.image)


@pytest.mark.parametrize("place", [(History, "propose"), (History, "admit"), (Evaluator, "report")])
def test_an_interrupt_while_a_move_is_remembered_goes_on_exactly(content, style, monkeypatch, tmp_path, place):
    """As the last thing that such a function does, so that nobody gets what it made."""
    options = {**SMALL, "precision": "float32"}
    whole, calls, (where, name) = nst.stylize(content, style, **options), [], place
    act = getattr(where, name)

    def interrupted(*given, **named):
        made = act(*given, **named)
        calls.append(made)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made

    path = tmp_path / "state.pt"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(where, name, interrupted)
        list(Transfer(content, [style], checkpoint=path, **options))
    assert path.is_file()
    again = Transfer(content, [style], checkpoint=path, **options)
    list(again)
    assert [r.loss for r in again.history] == [r.loss for r in whole.history]
    assert torch.equal(again.result().image, whole.image)


def test_a_step_that_an_interrupt_kept_back_is_not_lost(content, style, monkeypatch):
    """Between the optimiser, which has moved on, and the run, which has not heard of it."""
    options = {**SMALL, "precision": "float32"}
    whole, calls = nst.stylize(content, style, **options), []

    def interrupted(step, **changes):
        calls.append(step)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return dataclasses.replace(step, **changes)

    transfer = Transfer(content, [style], **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "replace", interrupted)
        list(transfer)
    assert len(transfer.history) == 3
    list(transfer)
    assert [r.loss for r in transfer.history] == [r.loss for r in whole.history]
    assert torch.equal(transfer.result().image, whole.image)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"content_weight": 0.5}, "content_weight=0.02, not 0.5"),
        ({"seed": 3}, "seed=0, not 3"),
        ({"size": 40}, "size=48, not 40"),
        ({"style_layers": {"relu1_1": 1}}, "style_layers={'relu1_1': 0.1"),
        ({"weights": "random"}, "another set of weights"),
        ({"precision": "bfloat16"}, "precision='float32', not 'bfloat16'"),
    ],
)
def test_a_checkpoint_says_in_what_its_run_differs(content, style, tmp_path, changes, words):
    path, options = tmp_path / "state.pt", {**SMALL, "precision": "float32"}
    nst.stylize(content, style, checkpoint=path, **options)
    with pytest.raises(nst.InputError, match=words):
        Transfer(content, [style], checkpoint=path, **{**options, **changes})
    for pictures, what in (
        ((content.flip(3), style), "content picture"),
        ((content, style.flip(2)), "style picture 1"),
    ):
        with pytest.raises(nst.InputError, match=f"another {what}"):
            nst.stylize(*pictures, checkpoint=path, **options)


def test_a_checkpoint_from_before_a_field_was_added_goes_on(content, style, tmp_path):
    path, options = tmp_path / "state.pt", {**SMALL, "precision": "float32"}
    nst.stylize(content, style, checkpoint=path, **options)
    data = torch.load(path, weights_only=True)
    del data["identity"]["fields"]["tv_space"]
    torch.save(data, path)
    assert list(Transfer(content, [style], checkpoint=path, **options)) == []
    with pytest.raises(nst.InputError, match="tv_space='pixels', not 'network'"):
        Transfer(content, [style], checkpoint=path, **options, recipe=nst.Recipe(tv_space="network"))


def test_a_checkpoint_of_another_format_is_told_apart(content, style, tmp_path):
    path = tmp_path / "state.pt"
    torch.save({"format": 99}, path)
    with pytest.raises(nst.InputError, match=r"another format \(99, not 1\)"):
        Transfer(content, [style], checkpoint=path, **SMALL)
    torch.save({"stage": 0}, path)
    with pytest.raises(nst.InputError, match="no checkpoint"):
        Transfer(content, [style], checkpoint=path, **SMALL)


# What an editor and `help` show


@pytest.mark.parametrize("function", [nst.stylize, nst.texture, nst.Transfer, nst.reconstruct_style])
def test_every_option_is_in_the_signature(function):
    shown = inspect.signature(function).parameters
    told = inspect.getdoc(nst.Transfer.__init__ if function is nst.Transfer else function)
    known = [one for record in (nst.Recipe, Settings) for one in dataclasses.fields(record)]
    for one in known:
        if one.name not in ("name", "source", "note"):
            assert shown[one.name].kind is inspect.Parameter.KEYWORD_ONLY
            assert f"{one.name}: {one.metadata['help']}." in told
    assert shown["recipe"].default == nst.DEFAULT_RECIPE
    assert shown["size"].default == (512 if function in (nst.stylize, nst.Transfer) else 256)


def test_a_notebook_completes_options():
    from IPython.core.completer import IPCompleter
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.user_ns["nst"] = nst
    completer = IPCompleter(shell=shell, namespace=shell.user_ns, global_namespace=shell.user_ns, use_jedi=False)
    text = "nst.stylize(a, b, style_w"
    assert "style_weight=" in completer.complete(line_buffer=text, cursor_pos=len(text))[1]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_cuda_the_loss_follows_the_cpus(content, style):
    cpu, cuda = (nst.stylize(content, style, **{**SMALL, "device": d}) for d in ("cpu", "cuda"))
    assert cuda.history[0].loss == pytest.approx(cpu.history[0].loss, rel=1e-3)
    assert cuda.history[-1].loss < 0.5 * cuda.history[0].loss


@contextmanager
def newly_in(dtype):
    """Where a new tensor is of another kind of number."""
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def doubles():
    return newly_in(torch.float64)


def rounded():
    return newly_in(torch.bfloat16)


def pair():
    """A content and a style (1, 3, 40, 40)."""
    made = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 40, 40, generator=made, dtype=torch.float32, device="cpu") for _ in range(2)]


def trained():
    """What a network that was taught two steps paints."""
    content, style = pair()
    *_, last = nst.train_style_network(style, [content], steps=2, size=40, batch=1, device="cpu")
    return last.network.paint(content).pixels


def judged_row():
    """What `pocket` says of a mirrored content."""
    content, style = pair()
    return next(nst.judge(content, style, content.flip(3), networks=["pocket"], size=40).rows())


@contextmanager
def elsewhere():
    """Where a new tensor is on another device, and has no numbers."""
    directions.cache_clear()
    sample.cache_clear()
    mirrors.cache_clear()
    with torch.device("meta"):
        yield


def halves():
    return torch.autocast("cpu", torch.bfloat16)


SMALL_RUN = {"size": 40, "evaluations": 6, "device": "cpu", "precision": "float32", "show": False}


def stylized(**options):
    """A short run's picture."""
    return nst.stylize(*pair(), **SMALL_RUN, **options).image


WORKS = {
    "stylize": stylized,
    **{f"color={color}": partial(stylized, color=color) for color in COLORS if color != "style"},
    "normalized": partial(stylized, normalized=True),
    **{name: partial(stylized, statistic=name, style_layers=["relu1_1", "relu3_1"]) for name in STATISTICS},
    "from noise": partial(stylized, start="noise"),
    "adam": partial(stylized, optimizer="adam"),
    "likeness": partial(stylized, content_reduction="similarity"),
    "regions": partial(stylized, masks=["ellipse 20 20 80 80"], style_layers=["relu1_1", "relu2_1"]),
    "texture": lambda: nst.texture(pair()[1], **SMALL_RUN).image,
    "random weights": lambda: nst.stylize(*pair(), **SMALL_RUN, weights="random").image,
    "one pass": lambda: nst.one_pass(*pair(), size=40).pixels,
    "training": trained,
    "judge": lambda: torch.tensor([float(cell) for cell in judged_row()[2:4]], dtype=torch.float32, device="cpu"),
}


@pytest.mark.parametrize(
    "mode", [torch.inference_mode, torch.no_grad, torch.enable_grad, doubles, rounded, elsewhere, halves]
)
@pytest.mark.parametrize("work", WORKS)
def test_it_works_the_same_whatever_torch_is_set_to(work, mode):
    with mode():
        inside = WORKS[work]()
    outside = WORKS[work]()
    assert inside.dtype == outside.dtype and inside.isfinite().all()
    assert torch.equal(inside, outside)


def test_a_result_is_not_saved_over_a_picture_that_it_was_made_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("content.png", "style.png"):
        nst.save_image(torch.rand(1, 3, 40, 40), name)
    options = {"size": 40, "evaluations": 2, "weights": "random", "device": "cpu", "show": False}
    result = nst.stylize("content.png", "~/style.png", **options)
    (tmp_path / "link.png").symlink_to("content.png")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("content.png", "~/content.png", "link.png", "style.png", tmp_path / "style.png", None, 5):
        with pytest.raises(nst.InputError):
            result.save(name)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert result.save("new.png").exists()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_what_is_done_to_a_picture_on_the_way_is_not_done_to_the_run(content, style, optimizer):
    """A frame made in place, by the array that shares its memory."""
    options = {**SMALL, "optimizer": optimizer}

    def frame(progress):
        pixels = progress.image[0].permute(1, 2, 0).numpy()
        pixels *= 255

    watched = nst.stylize(content, style, on_progress=frame, **options)
    assert torch.equal(watched.image, nst.stylize(content, style, **options).image)


def test_what_is_no_function_is_refused(content, style):
    with pytest.raises(nst.InputError, match="on_progress=5 is no function"):
        nst.stylize(content, style, on_progress=5, **SMALL)


@pytest.mark.parametrize(
    "counted",
    [{}, {"shares": [1, 2]}, {"masks": [None, None]}, {"own_layers": [None, None]}, {"style_scales": [1, 2]}],
    ids=str,
)
def test_styles_in_a_list_are_told_where_they_belong(content, style, counted):
    with pytest.raises(nst.InputError, match=r"from list: .*, several as arguments of their own"):
        nst.stylize(content, [style, style], **SMALL, **counted)


@pytest.mark.parametrize("show", [True, False])
def test_a_loop_over_what_has_ended_says_so(content, style, capsys, monkeypatch, show):
    transfer = Transfer(content, [style], show=show, **SMALL)
    assert list(transfer) and "has ended" not in capsys.readouterr().out
    assert list(transfer) == [] and ("result() has the picture" in capsys.readouterr().out) == show
    shown = []
    monkeypatch.setattr("nstlib.live.notebook", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data["text/html"]))
    iter(transfer)
    assert ["this run has ended after" in html for html in shown] == [True] * show


def held(*kinds):
    gc.collect()
    return [o for o in gc.get_objects() if type(o) in kinds]


def interrupt(progress):
    if progress.evaluations > 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize("on_progress", [None, interrupt])
def test_a_finished_run_leaves_nothing_but_its_picture(content, style, on_progress):
    """Not the optimiser's moves, which are many times as large, nor the network."""
    kinds = History, Run, Backbone
    before = held(*kinds)
    nst.stylize(content, style, on_progress=on_progress, **SMALL)
    assert not [type(o) for o in held(*kinds) if not any(o is other for other in before)]
    assert nst.last().image.shape == (1, 3, 48, 48)


@pytest.mark.parametrize("most", [3, 100])
def test_a_loop_that_was_left_holds_what_it_goes_on_from_and_no_more(content, style, most):
    """What it minimises has a graph on CUDA, and that the memory of all its maps."""
    kinds = History, nst.Objective
    before, transfer = held(*kinds), Transfer(content, [style], **SMALL)
    for progress in transfer:
        if progress.evaluations > most:
            break
    del progress
    assert transfer.run.state and not [o for o in held(*kinds) if not any(o is other for other in before)]


def test_directions_that_were_made_without_gradients_serve_where_there_are_some(content, style):
    directions.cache_clear()
    with torch.inference_mode():
        STATISTICS["sliced"].describe(torch.rand(1, 24, 8, 8))
    assert nst.stylize(content, style, statistic="sliced", style_layers=["relu1_1"], **SMALL).evaluations


def test_what_is_reconstructed_is_said_once(content):
    with pytest.raises(nst.InputError, match=r"layers=\['relu1_1'\] says which: give no style_layers beside them"):
        nst.reconstruct_style(content, ["relu1_1"], style_layers={"relu1_1": 2.0})
    for layer, more in (("relu1_1", {"content_layers": "relu2_1"}), (["relu1_1"], {})):
        with pytest.raises(nst.InputError, match="give the name of one layer, and no content_layers beside it"):
            nst.reconstruct_content(content, layer, **more)


def test_the_first_loss_that_is_shown_is_that_of_the_size_at_which_the_last_is(content, style):
    result = nst.stylize(content, style, size=48, evaluations=4, pyramid=((32, 4),), style_layers="relu1_1")
    sizes = [line.size for line in result.history]
    first = result.history[sizes.index((48, 48))].loss
    assert f"loss {first:.4g} → " in repr(result) and sizes[0] == (32, 32)


def test_memory_that_runs_out_at_once_is_told_in_a_line(content, style, monkeypatch):
    def full(*given, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("nstlib.engine.Engine.__call__", full)
    with pytest.raises(InputError, match="the memory ran out before there was a picture: give a smaller size"):
        nst.stylize(content, style, **SMALL)
    with pytest.raises(InputError, match="the memory ran out before there was a picture"):
        next(iter(Transfer(content, [style], **SMALL)))


def test_memory_that_runs_out_on_the_way_keeps_the_picture(content, style, monkeypatch):
    evaluate, calls = nst.Objective.value_and_gradient, []

    def full(objective, image):
        calls.append(image)
        if len(calls) == 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return evaluate(objective, image)

    monkeypatch.setattr(nst.Objective, "value_and_gradient", full)
    result = nst.stylize(content, style, **SMALL)
    assert result.stopped is Stop.MEMORY and result.evaluations == 3
    assert nst.last().stopped is Stop.MEMORY


def test_a_copy_of_the_optimisers_memory_that_does_not_fit_costs_neither_picture_nor_run(
    content, style, tmp_path, monkeypatch
):
    def full(history):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    whole = nst.stylize(content, style, **SMALL)
    monkeypatch.setattr("nstlib.optimizers.history.History.state", full)
    monkeypatch.setattr("nstlib.transfer.CHECKPOINT_SECONDS", 0.0)
    trouble = f"the checkpoint '{tmp_path / 'run.pt'}' cannot be written (there is no memory for it)"
    transfer = Transfer(content, [style], checkpoint=tmp_path / "run.pt", **SMALL)
    told = [progress.trouble for progress in transfer]
    assert all(one.startswith(trouble) for one in told[1:])
    assert transfer.run.stop is Stop.BUDGET and torch.equal(transfer.result().image, whole.image)
    assert list(Transfer(content, [style], checkpoint=tmp_path / "run.pt", **SMALL)) == []  # its end needs no copy


def test_a_checkpoint_for_which_a_gpu_has_no_memory_is_not_called_damaged(content, style, tmp_path, monkeypatch):
    def full(*given, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    nst.stylize(content, style, checkpoint=tmp_path / "run.pt", **SMALL)
    monkeypatch.setattr(torch, "load", full)
    with pytest.raises(InputError, match=r"there is no memory left on cpu for the checkpoint '.*': end what else"):
        Transfer(content, [style], checkpoint=tmp_path / "run.pt", **SMALL)


@pytest.mark.parametrize("error", [MemoryError("mine"), RuntimeError("mine: out of memory"), ValueError("mine")])
def test_an_error_of_ones_own_function_is_ones_own(content, style, error):
    """It may be about a file, a message or a plot: nothing of the run's memory."""

    def fails(progress):
        if progress.step.iteration == 2:
            raise error

    with pytest.raises(type(error), match="mine"):
        nst.stylize(content, style, on_progress=fails, **SMALL)
    assert len(nst.last().history) == 3


def test_what_a_stage_computed_with_is_gone_when_the_next_begins(content, style, monkeypatch):
    """A graph of CUDA's and its maps hang on the objective, the moves of L-BFGS on its last step."""
    made, real = [], Plan.objective

    def objective(plan, stage=None):
        assert not any(one() for one in made)
        made.append(weakref.ref(found := real(plan, stage)))
        return found

    monkeypatch.setattr(Plan, "objective", objective)
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            nst.stylize(content, style, **{**SMALL, "size": 64, "pyramid": ((32, 3),), "evaluations": 3})
    finally:
        gc.enable()
    assert len(made) == 4


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_transfer_is_copied_between_its_loops_only(content, style, optimizer):
    options = {**SMALL, "optimizer": optimizer, "pyramid": ((40, 5),)}
    whole, transfer = nst.stylize(content, style, **options), nst.Transfer(content, [style], **options)
    steps = iter(transfer)
    next(steps), next(steps)
    with pytest.raises(nst.InputError, match="in the middle of a loop: leave that by break"):
        copy.deepcopy(transfer)
    next(steps)  # goes on
    steps.close()
    for one in (copy.copy(transfer), transfer, copy.deepcopy(transfer), pickle.loads(pickle.dumps(transfer))):
        for _ in one:
            if len(one.history) == 8:
                break
        again = copy.copy(one)
        for _ in zip(one, again, strict=True):  # in turn
            pass
        for run in (one, again):
            assert torch.equal(run.result().image, whole.image)
            assert [line.loss for line in run.history] == [line.loss for line in whole.history]
