"""The library's ways over two devices, followed on a GPU that is pretended: nothing mixes them, little waits."""

import numpy as np
import pytest
import torch
from pretended import CPU, GPU, gpu

import nstlib as nst
from nstlib import RECIPES, STATISTICS
from nstlib.palette import COLORS
from nstlib.plan import prepare

SMALL = {"size": 72, "style_size": 72, "evaluations": 3, "show": False}
PAIR = "content/harbour", "style/mosaic"
SKY = "rectangle 0 0 100 50"
T4 = 7, 5


@pytest.fixture
def pretended():
    with gpu() as made:
        yield made


# The pretence itself


def test_it_refuses_what_a_gpu_refuses(pretended):
    here, there = torch.rand(3, 4), torch.rand(3, 4, device="cuda")
    assert there.device == GPU and there.is_cuda and here.device == CPU and there[0].T.device == GPU
    for wrong in (lambda: here + there, lambda: here[there[:, 0] > 0], lambda: torch.cat([here, there])):
        with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
            wrong()
    for wrong in (there.numpy, lambda: np.asarray(there)):
        with pytest.raises(TypeError, match="can't convert cuda:0"):
            wrong()
    with pytest.raises(RuntimeError, match="'cuda' device type for generator"):
        torch.rand(3, device="cuda", generator=torch.Generator())
    assert (there * 2 + torch.tensor(1.0)).device == (here.to(there) @ there.T).device == GPU


def test_it_hears_what_waits(pretended):
    there = torch.rand(3, 4, device="cuda")
    for waits in (float, bool, lambda x: x.tolist()):
        before = len(pretended.waits)
        waits(there[0, :1] if waits is not float else there.sum())
        assert len(pretended.waits) > before
    before = len(pretended.waits)
    (there @ there.T).relu_().sum()
    assert len(pretended.waits) == before


def test_gradients_go_over_both_devices_and_back(pretended):
    leaf = torch.rand(3, requires_grad=True)
    (leaf.to("cuda").square().cpu().sum()).backward()
    assert torch.equal(leaf.grad, 2 * leaf.detach()) and leaf.grad.device == CPU


# The library on it


@pytest.mark.parametrize("statistic", STATISTICS)
def test_an_evaluation_of_every_statistic_is_captured_and_is_the_cpus(statistic):
    """Wasserstein's eigenvalues wait."""
    options = {**SMALL, "statistic": statistic, "precision": "float32", "start": "noise", "pyramid": ()}
    expected = nst.stylize(*PAIR, device="cpu", **options)
    with gpu() as pretended:
        result = nst.stylize(*PAIR, device="cuda", **options)
        assert result.image.device == CPU and result.device == "cuda"
    assert (result.image - expected.image).abs().max() < 1e-3
    assert len(pretended.captures) == 1 and bool(pretended.captures[0]) == (statistic == "wasserstein")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_paints(recipe, pretended):
    result = nst.stylize(*PAIR, recipe=RECIPES[recipe].on("pocket"), device="cuda", **SMALL)
    assert result.evaluations >= 2 and result.image.isfinite().all()


SHALLOW = {"style_layers": ["relu1_1", "relu3_1"]}  # where a small mask is not lost
CONTROLS = {
    "masks": {"masks": [SKY, "rest"], **SHALLOW},
    "sums": {"masks": [SKY, "rest"], "guidance": "sum", **SHALLOW},
    "parts": {"masks": [SKY, None], "style_masks": [None, SKY], "shares": [1, 2], **SHALLOW},
    "own layers": {"own_layers": [["relu1_1"], ["relu3_1"]], **SHALLOW},
    "scales": {"pyramid": ((32, 2),), "style_scales": [1, 0.8]},
    "noise": {"start": "noise", "optimizer": "adam", "average": 0.9},
    "smooth": {"tv_weight": 1e-3, "tv_kind": "l1"},
    "likeness": {"content_reduction": "similarity"},
    **{f"color {color}": {"color": color} for color in COLORS},
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "mixed"])
@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_paints(name, precision, pretended):
    result = nst.stylize(PAIR[0], PAIR[1], "style/woodcut_waves", precision=precision, **SMALL, **CONTROLS[name])
    assert result.device == "cuda" and result.image.isfinite().all()
    assert not any(pretended.captures)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_goes_on_from_its_file(optimizer, pretended, tmp_path):
    options = {**SMALL, "optimizer": optimizer, "evaluations": 9, "checkpoint": tmp_path / "run.pt"}
    whole = nst.stylize(*PAIR, **{**options, "checkpoint": None})
    for progress in nst.Transfer(PAIR[0], PAIR[1:], **options):
        if progress.step.iteration == 2:
            break
    assert torch.equal(nst.stylize(*PAIR, **options).image, whole.image)


def test_on_colabs_card_maps_are_of_float16():
    with gpu(T4) as pretended:
        result = nst.stylize(*PAIR, **SMALL)
        assert result.facts["precision"] == "float16" and result.image.isfinite().all()
        assert not any(pretended.captures)


@pytest.mark.parametrize("color", COLORS)
def test_the_picture_on_the_way_is_shown(color, pretended):
    *_, last = nst.Transfer(PAIR[0], [PAIR[1]], **SMALL, color=color)
    assert not pretended.has(last.image.cpu())


def test_pictures_may_lie_on_it(pretended):
    content, style = (nst.load_image(name, 64).pixels.cuda() for name in PAIR)
    mask = (torch.arange(64) < 30).float().expand(content.shape[2], 64).cuda()
    assert nst.stylize(content, style, masks=[mask], **SMALL).image.device == CPU
    assert nst.one_pass(content, style, size=64).pixels.isfinite().all()
    assert "style" in str(nst.judge(content, style, content))


@pytest.mark.parametrize("method", ["wct", "adain"])
def test_one_pass_paints(method, pretended):
    styles = [PAIR[1], "style/woodcut_waves"]
    for masks in (None, [SKY, "rest"]):
        assert nst.one_pass(PAIR[0], styles, method=method, size=96, masks=masks).pixels.isfinite().all()


def test_a_network_is_trained_and_paints(pretended):
    *_, last = nst.train_style_network(PAIR[1], [PAIR[0]], steps=2, batch=2, size=48)
    assert next(last.network.parameters()).device == GPU
    assert last.network.paint(PAIR[0], size=48).pixels.isfinite().all()


def test_textures_and_reconstructions_are_made(pretended):
    nst.texture(PAIR[1], **SMALL)
    nst.reconstruct_style(PAIR[1], ["relu1_1", "relu2_1"], **SMALL)
    nst.reconstruct_content(PAIR[0], "relu2_1", **{**SMALL, "style_size": None})


def test_an_objective_of_ones_own_is_evaluated(pretended):
    plan = prepare(PAIR[0], PAIR[1:], size=64)
    objective, image = plan.objective(), plan.first_image(plan.stages[-1].size).cuda()
    total, terms, gradient = objective.value_and_gradient(image)
    assert {total.device, gradient.device} == {GPU} and len(terms) > 1
    assert objective(image)[0].device == GPU
