"""Whole transfers, small enough for a test: what comes out, what is checked first, and what an interruption loses."""

import json

import pytest
import torch

import nstlib as nst
from nstlib.optimize import optimize
from nstlib.transfer import METADATA_KEY, Transfer, fit_memory, image_memory, largest_size, run, scout

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
    assert "12 evaluations" in result.stopped
    assert set(result.history[0].terms) == {"content relu3_3", *(f"style {n}" for n in result.recipe.style_layers)}
    assert sum(result.history[-1].terms.values()) == pytest.approx(result.history[-1].loss, rel=1e-4)


def test_seed_and_recipe_repeat_a_result_bit_for_bit(content, style):
    first, second, other = (nst.stylize(content, style, start="noise", seed=s, **SMALL).image for s in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_random_weights_follow_the_seed_and_leave_the_callers_random_state_alone(content, style):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second, other = (Transfer(content, [style], weights="random", seed=s, **SMALL) for s in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    weight = [t.backbone.features[0].weight for t in (first, second, other)]
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


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(content, style, tmp_path):
    path = tmp_path / "state.pt"
    nst.stylize(content, style, checkpoint=path, **SMALL)
    with pytest.raises(nst.InputError, match="other pictures, recipe, precision or seed"):
        Transfer(content, [style.flip(2)], checkpoint=path, **SMALL)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(nst.InputError, match="no checkpoint"):
        Transfer(content, [style], checkpoint=path, **SMALL)


def test_an_interrupt_keeps_the_best_picture(content, style):
    def press_stop(progress):
        if progress.step.iteration == 3:
            raise KeyboardInterrupt

    result = nst.stylize(content, style, on_progress=press_stop, **SMALL)
    assert result.stopped == "interrupted"
    assert result.history[-1].iteration == 3
    assert result.facts["loss"] == min(r.loss for r in result.history)


def test_break_stops_and_nothing_before_the_first_step_has_no_result(content, style):
    transfer = Transfer(content, [style], **SMALL)
    with pytest.raises(nst.InputError, match="no step was taken"):
        transfer.result()
    for progress in transfer:
        if progress.step.iteration == 2:
            break
    assert transfer.result().stopped == "stopped by the caller"


def test_progress_grows_to_one_over_all_scales(content, style):
    options = {**SMALL, "pyramid": ((32, 6),)}
    seen = list(Transfer(content, [style], **options))
    done = [p.done for p in seen]
    assert done == sorted(done) and done[-1] == 1.0
    assert {p.size for p in seen} == {(32, 32), (48, 48)}
    assert seen[-1].seconds_left == 0


def test_a_loss_that_stops_being_finite_keeps_the_last_good_picture(content, style, monkeypatch):
    transfer = Transfer(content, [style], **{**SMALL, "optimizer": "adam"})
    objective, calls = transfer.objective((48, 48)), []

    def breaks_down(image):
        calls.append(1)
        total, terms = objective(image)
        return (total * float("nan") if len(calls) == 4 else total), terms

    monkeypatch.setattr(transfer, "objective", lambda *_: breaks_down)
    result = run(transfer)
    assert "not a finite number" in result.stopped
    assert torch.isfinite(result.image).all()


def test_two_styles_their_shares_and_scales(content, style):
    only_first = nst.stylize(content, style, **SMALL).image
    shared = nst.stylize(content, style, style.flip(1), shares=[1, 0], **SMALL).image
    assert torch.allclose(only_first, shared, atol=1e-5)
    scaled = Transfer(content, [style, style], style_scales=[1, 0.75], **SMALL)
    assert [max(s.pixels.shape) for s in scaled.styles] == [48, 36]


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


def test_starts(content, style, tmp_path):
    def first(**options):
        return next(iter(Transfer(content, [style], **SMALL, **options))).step.image

    assert torch.equal(first(start="content"), content)
    assert torch.allclose(first(start="style").mean((2, 3)), style.mean((2, 3)), atol=0.05)
    nst.save_image(content.flip(3), tmp_path / "mine.png")
    assert torch.allclose(first(start=str(tmp_path / "mine.png")), content.flip(3), atol=1 / 255)
    assert first(start="noise", seed=1).std() > 0.05


def test_a_saved_picture_says_how_to_repeat_it(content, style, tmp_path):
    result = nst.stylize(content, style, **SMALL, tv_weight=0.5, seed=9)
    result.save(tmp_path / "out.png")
    facts = json.loads(nst.read_metadata(tmp_path / "out.png")[METADATA_KEY])
    assert facts["seed"] == 9 and facts["version"] == nst.__version__
    assert nst.Recipe.from_dict(facts["recipe"]) == result.recipe


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recipe": "gatys2106"}, "did you mean 'gatys2016'"),
        ({"backbone": "vgg91"}, "did you mean 'vgg19'"),
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"style_wieght": 2}, "did you mean 'style_weight'"),
        ({"statistic": "gramm"}, "unknown style statistic 'gramm'"),
        ({"content_layers": {"relu9_1": 1}}, "relu9_1 is not in pocket"),
        ({"device": "cuba"}, "did you mean 'cuda'"),
        ({"precision": "bfloat61"}, "unknown precision 'bfloat61': did you mean 'bfloat16'"),
        ({"memory": 1e5}, "48×48 pixels with pocket need"),
        ({"size": 8}, "at least 32"),
        ({"evaluations": 0}, "at least 1"),
        ({"content_weight": -1}, "below 0"),
        ({"content_weight": 0, "style_weight": 0}, "at least one term"),
        ({"shares": [1, 2]}, "one share"),
        ({"style_scales": [1, 2]}, "one number > 0"),
        ({"start": "nosie"}, "nosie"),
        ({"checkpoint": "no/such/folder/state.pt"}, "does not exist"),
        ({"weights": "nowhere.safetensors"}, "no weights at"),
        ({"pooling": "avg"}, "average"),
    ],
)
def test_mistakes_are_told_before_any_work(content, style, options, words, monkeypatch):
    monkeypatch.setattr(Transfer, "__iter__", lambda self: pytest.fail("the run began"))
    with pytest.raises(nst.InputError) as caught:
        nst.stylize(content, style, **{**SMALL, **options})
    assert words in str(caught.value) and "\n" not in str(caught.value)


# Precision


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
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


def test_auto_takes_what_the_processor_multiplies(content, style, monkeypatch):
    monkeypatch.setattr("nstlib.transfer.choose_precision", lambda name, device: {"auto": "bfloat16"}[name])
    transfer = Transfer(content, [style], **SMALL)
    assert transfer.precision == transfer.facts()["precision"] == transfer.objective((48, 48)).precision == "bfloat16"


@pytest.fixture
def native(monkeypatch):
    """A processor that multiplies bfloat16."""
    monkeypatch.setattr("nstlib.transfer.choose_precision", lambda name, device: name)


def test_a_mixed_run_ends_in_single_precision(content, style, native):
    options = {**SMALL, "evaluations": 10, "precision": "mixed"}
    transfer = Transfer(content, [style], pyramid=((32, 4),), **options)
    assert [(stage.evaluations, stage.precision) for stage in transfer.stages] == [
        (4, "bfloat16"),
        (6, "bfloat16"),
        (4, "float32"),
    ]
    assert "in bfloat16, then float32 with pocket" in transfer.notes[0]
    done = [progress.done for progress in transfer]
    assert done == sorted(done) and done[-1] == 1
    begun = [record for record in transfer.history if record.evaluations == 1]
    rough = transfer.history[transfer.history.index(begun[2]) - 1]
    assert begun[2].loss == pytest.approx(rough.loss, rel=0.02)  # goes on from the picture, in another precision
    exact = float(transfer.objective(begun[2].size, "float32")(transfer.best.image)[0])
    assert transfer.result().facts["loss"] == pytest.approx(exact, rel=1e-4)
    assert transfer.facts()["precision"] == "mixed"


def test_adam_and_the_shortest_run_are_not_divided(content, style, native):
    for changes in ({"optimizer": "adam", "evaluations": 9}, {"evaluations": 1}):
        transfer = Transfer(content, [style], **{**SMALL, "precision": "mixed", **changes})
        assert [stage.precision for stage in transfer.stages] == ["bfloat16"]


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
        assert nst.stylize(content, style, checkpoint=path, **options).stopped == "interrupted"
    assert len(Transfer(content, [style], checkpoint=path, **options).history) > 2
    assert torch.equal(nst.stylize(content, style, checkpoint=path, **options).image, whole.image)


def test_a_checkpoint_is_not_resumed_in_another_precision(content, style, tmp_path):
    path = tmp_path / "state.pt"
    nst.stylize(content, style, checkpoint=path, precision="float32", **SMALL)
    with pytest.raises(nst.InputError, match="belongs to a run with other"):
        Transfer(content, [style], checkpoint=path, precision="bfloat16", **SMALL)
    assert list(Transfer(content, [style], checkpoint=path, precision="float32", **SMALL)) == []


# Memory

LIMITED = {**SMALL, "precision": "float32"}


def least_memory(transfer, history):
    """The fewest bytes with which a run can remember so many moves."""
    size = transfer.stages[-1].size
    maps = scout(transfer.backbone, transfer.recipe, transfer.precision).least(size)
    return image_memory(transfer.recipe, size, history) + maps


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_accepted_runs(precision, rng):
    """The targets fit as well, which are computed from other layers, in single precision."""
    content, style = (torch.rand(1, 3, 160, 160, generator=rng) for _ in range(2))
    options = {**LIMITED, "size": 160, "evaluations": 2, "precision": precision}
    memory = least_memory(Transfer(content, [style], **options), 10)
    assert len(nst.stylize(content, style, memory=memory, **options).history) > 1


def test_with_little_memory_fewer_moves_are_remembered(content, style, monkeypatch):
    options = {**LIMITED, "history": 12}
    plenty = Transfer(content, [style], **options)
    assert plenty.budget.history == 12 and not any("memory is short" in note for note in plenty.notes)
    short = Transfer(content, [style], memory=least_memory(plenty, 5), **options)
    assert short.budget.history == 5
    assert "memory is short: L-BFGS remembers 5 moves, not 12" in short.notes
    given = []
    monkeypatch.setattr("nstlib.transfer.optimize", lambda *a, **k: given.append(k["history"]) or optimize(*a, **k))
    assert run(short).history[-1].loss < 0.5 * short.history[0].loss
    assert given == [5]
    assert Transfer(content, [style], memory=least_memory(plenty, 5) - 1, **options).budget.history == 3
    adam = Transfer(content, [style], memory=least_memory(plenty, 5), **options, optimizer="adam")
    assert not any("memory is short" in note for note in adam.notes)


@pytest.mark.parametrize("backbone", ["pocket", "squeezenet1_1"])
def test_with_little_memory_the_picture_is_the_same(backbone, rng):
    content, style = (torch.rand(1, 3, 150, 200, generator=rng) for _ in range(2))
    options = {**LIMITED, "size": 200, "evaluations": 4, "history": 3, "backbone": backbone, "weights": "random"}
    plenty, size = Transfer(content, [style], **options), (150, 200)
    engine = scout(plenty.backbone, plenty.recipe, "float32")
    maps = (engine.least(size) + engine.bytes(size)) // 2
    short = Transfer(content, [style], memory=image_memory(plenty.recipe, size, 3) + maps, **options)
    assert (short.budget.maps, short.budget.history) == (maps, 3) and short.objective(size).memory == maps
    assert all(way.keep for way in engine.ways(size))
    engine.memory = maps
    assert not all(way.keep for way in engine.ways(size))
    first, second = run(plenty), run(short)
    assert second.history[0].loss == pytest.approx(first.history[0].loss, rel=1e-4)
    assert second.history[-1].loss == pytest.approx(first.history[-1].loss, rel=1e-2)
    assert (first.image - second.image).abs().mean() < 1e-3


@pytest.mark.parametrize("shape", [(160, 160), (60, 160), (160, 60)], ids=str)
@pytest.mark.parametrize("share", [0.95, 0.6])
def test_a_size_that_cannot_fit_is_refused_with_one_that_does(shape, share, rng):
    content = torch.rand(1, 3, *shape, generator=rng)
    options = {**LIMITED, "evaluations": 2}
    memory = share * least_memory(Transfer(content, [content], size=160, **without(options, "size")), 3)
    with pytest.raises(nst.InputError, match=r"need .* GB, but there are .* GB: size \d+ fits") as caught:
        Transfer(content, [content], size=160, memory=memory, **without(options, "size"))
    size = int(str(caught.value).split("size ")[1].split()[0])
    assert 32 <= size < 160
    result = nst.stylize(content, content, size=size, memory=memory, **without(options, "size"))
    assert max(result.image.shape[-2:]) == size
    with pytest.raises(nst.InputError, match="GB"):
        Transfer(content, [content], size=size + 32, memory=memory, **without(options, "size"))


def without(options, name):
    return {k: v for k, v in options.items() if k != name}


def test_where_no_size_fits_none_is_named(content, style):
    with pytest.raises(nst.InputError, match=r"48×48 pixels with pocket need") as caught:
        Transfer(content, [style], memory=1e5, **LIMITED)
    assert "size 0" not in str(caught.value)


def test_a_style_larger_than_the_result_is_counted_too(rng):
    """What does not fit is refused before the first step."""
    content, style = torch.rand(1, 3, 40, 160, generator=rng), torch.rand(1, 3, 160, 160, generator=rng)
    options = {**LIMITED, "size": 160, "evaluations": 2}
    memory = least_memory(Transfer(content, [content], **options), 10)
    try:
        transfer = Transfer(content, [style], memory=memory, **options)
    except nst.InputError:
        return
    assert run(transfer).stopped


def test_a_run_resumes_with_less_memory(content, style, tmp_path, monkeypatch):
    """What is free differs from day to day; a checkpoint must not depend on it."""
    monkeypatch.setattr("nstlib.transfer.CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "state.pt"
    transfer = Transfer(content, [style], checkpoint=path, **LIMITED)
    for progress in transfer:
        if progress.step.iteration == 8:
            break
    resumed = nst.stylize(content, style, checkpoint=path, memory=least_memory(transfer, 4), **LIMITED)
    assert resumed.history[-1].evaluations == 12 and len(resumed.history) > 8


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_largest_size_fits_and_the_next_does_not(content, style, optimizer):
    transfer = Transfer(content, [style], **LIMITED, optimizer=optimizer)
    recipe, engine = transfer.recipe, scout(transfer.backbone, transfer.recipe, "float32")
    for memory in (1e8, 5e8):
        sides = {}
        for fast in (False, True):
            side = sides[fast] = largest_size(engine, recipe, memory, fast=fast)
            assert side > 0 and side % 32 == 0
        assert sides[True] < sides[False]
        assert fit_memory(transfer.backbone, recipe, (sides[False],) * 2, "float32", memory).maps > 0
        with pytest.raises(nst.InputError, match=f"size {sides[False]} fits"):
            fit_memory(
                transfer.backbone, recipe.changed(size=sides[False] + 32), (sides[False] + 32,) * 2, "float32", memory
            )
        assert fit_memory(transfer.backbone, recipe, (sides[True],) * 2, "float32", memory).history == recipe.history


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_the_loss_follows_the_cpus(content, style):
    cpu, cuda = (nst.stylize(content, style, **{**SMALL, "device": d}) for d in ("cpu", "cuda"))
    assert cuda.history[0].loss == pytest.approx(cpu.history[0].loss, rel=1e-3)
    assert cuda.history[-1].loss < 0.5 * cuda.history[0].loss
