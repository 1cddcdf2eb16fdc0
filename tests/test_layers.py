"""Layers on rows of their maps against torch's own layers on whole maps, and bands that lack no row."""

from itertools import pairwise

import pytest
import torch
from plain import error, network
from torch import nn
from torch.nn import functional as F

from nstlib.architecture import BACKBONES, Spec
from nstlib.backbone import build
from nstlib.layers import Convolution, FireModule, Pooling, ReLU, cut, divide, embed, reach, select

SPECS = {
    "3×3": Spec("", "conv", 5, kernel=3, padding=1),
    "3×3, stride 2": Spec("", "conv", 5, kernel=3, stride=2, ceil_mode=True),
    "pool 3 down": Spec("", "pool", 4, kernel=3, stride=2),
    "7×7, stride 2": Spec("", "conv", 5, kernel=7, stride=2),
    "1×1": Spec("", "conv", 5),
    "5×5": Spec("", "conv", 5, kernel=5, padding=2),
    "relu": Spec("", "relu", 4),
    "fire": Spec("", "fire", 6, kernel=3, padding=1, squeeze=3),
    "pool 2": Spec("", "pool", 4, kernel=2, stride=2),
    "pool 3": Spec("", "pool", 4, kernel=3, stride=2),
}
HEIGHT = 14  # of the maps before


def pair(kind, pooling="max", ends_in_relu=False):
    """A layer that takes 4 channels, and torch's own."""
    spec, torch_rng = SPECS[kind], torch.random.get_rng_state()
    torch.manual_seed(0)
    module = build(spec, 4, pooling).double().requires_grad_(False)
    torch.random.set_rng_state(torch_rng)
    if spec.kind == "conv":
        judge = nn.Sequential(module, nn.ReLU()) if ends_in_relu else module
        return Convolution(spec, module, torch.float64, ends_in_relu=ends_in_relu), judge
    if spec.kind == "relu":
        return ReLU(spec), module
    return (FireModule(spec, module, torch.float64) if spec.kind == "fire" else Pooling(spec, module)), module


CASES = [(kind, "max", False) for kind in SPECS]
CASES += [
    ("pool 2", "average", False),
    ("pool 3", "average", False),
    ("3×3", "max", True),
    ("7×7, stride 2", "max", True),
]


@pytest.mark.parametrize("rows", [None, (0, 3), (2, 5), (-3, None)], ids=["all", "first", "middle", "last"])
@pytest.mark.parametrize(("kind", "pooling", "ends_in_relu"), CASES)
def test_rows_of_a_layer_are_those_of_the_whole_map(kind, pooling, ends_in_relu, rows, rng):
    layer, judge = pair(kind, pooling, ends_in_relu)
    whole = torch.randn(1, 4, HEIGHT, 9, generator=rng, dtype=torch.float64).requires_grad_()
    expected = judge(whole)
    start, stop, _ = slice(*(rows or (None, None))).indices(expected.shape[2])
    slope = torch.randn(expected[:, :, start:stop].shape, generator=rng, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((expected[:, :, start:stop] * slope).sum(), whole)

    takes, pad = reach(layer.spec, (start, stop), HEIGHT)
    x = select(whole.detach(), (0, HEIGHT), takes).contiguous(memory_format=torch.channels_last)
    before = x.clone()
    y, saved = layer.forward(x, pad)
    assert torch.equal(x, before), "what came in was written to"
    assert error(y, expected[:, :, start:stop].detach()) < 1e-12
    made = y.clone()
    back = layer.backward(slope.contiguous(memory_format=torch.channels_last), saved, x.shape, pad)
    assert torch.equal(x, before) and torch.equal(y, made), "a map was written to on the way back"
    assert error(embed(back, takes, (0, HEIGHT)), gradient) < 1e-12


def test_a_layer_keeps_no_more_than_it_needs(rng):
    """A convolution and its ReLU the output, a bare convolution nothing, a pooling its input: no copy of either."""
    x = torch.randn(1, 4, HEIGHT, 9, generator=rng, dtype=torch.float64)
    y, saved = pair("3×3", ends_in_relu=True)[0].forward(x, (1, 1))
    assert saved is y
    assert pair("3×3")[0].forward(x, (1, 1))[1] is None
    assert pair("pool 2")[0].forward(x, (0, 0))[1] is x


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_come_in_the_precision_asked_for_and_are_copies(dtype):
    module = nn.Conv2d(4, 5, 3, padding=1)
    layer = Convolution(SPECS["3×3"], module, dtype)
    kept = layer.weight.clone()
    assert layer.weight.dtype == layer.bias.dtype == layer.flipped.dtype == dtype
    assert error(kept.float(), module.weight.detach()) < 1e-2
    module.weight.detach().zero_()
    assert torch.equal(layer.weight, kept) and kept.abs().max() > 0


# Blocks


@pytest.mark.parametrize("name", BACKBONES)
def test_blocks_end_with_a_pooling_and_stop_after_the_deepest_wanted(name):
    backbone = network(name)
    layers = list(backbone.layers)
    for deepest in layers:
        blocks = divide(backbone, {deepest}, torch.float64)
        last = [list(block)[-1] for block in blocks]
        assert last[-1] == deepest
        assert all(backbone.layers[end].kind == "pool" for end in last[:-1])
        assert sum(backbone.layers[n].kind == "pool" for block in blocks for n in block) == sum(
            backbone.layers[n].kind == "pool" for n in layers[: layers.index(deepest) + 1]
        )


def test_a_convolution_and_its_relu_are_one_unless_the_map_between_is_wanted():
    (block,) = divide(network("pocket"), {"conv1_1", "relu1_2"}, torch.float64)
    assert list(block) == ["conv1_1", "relu1_1", "relu1_2"]
    assert not block["conv1_1"].ends_in_relu and block["relu1_2"].ends_in_relu
    assert isinstance(block["relu1_1"], ReLU)
    (block,) = divide(network("pocket"), {"relu1_1", "conv1_2"}, torch.float64)
    assert list(block) == ["relu1_1", "conv1_2"] and not block["conv1_2"].ends_in_relu
    assert divide(network("pocket"), set(), torch.float64) == []


def test_the_image_brings_its_padding_where_it_is_replicated():
    (block,) = divide(network("pocket", padding_mode="replicate"), {"relu1_2"}, torch.float64)
    assert [layer.spec.padding for layer in block.values()] == [0, 1]


# Bands


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("height", [97, 64, 33])
@pytest.mark.parametrize("name", ["pocket", "squeezenet1_0", "squeezenet1_1"])
def test_bands_share_a_map_and_lack_no_row(name, height, count):
    backbone = network(name)
    for block in divide(backbone, {list(backbone.layers)[10]}, torch.float64):
        before = height
        heights = [height := layer.spec.outputs(height) for layer in block.values()]
        bands = cut(block, before, min(count, height))
        assert len(bands) == min(count, height) and all([step.name for step in band] == list(block) for band in bands)
        for rows, steps in zip(heights, zip(*bands, strict=True), strict=True):  # one layer of every band
            assert steps[0].owns[0] == 0 and steps[-1].owns[1] == rows
            assert all(a.owns[1] == b.owns[0] for a, b in pairwise(steps))
            assert all(step.share == pytest.approx((step.owns[1] - step.owns[0]) / rows) for step in steps)
            assert all(0 <= step.makes[0] < step.makes[1] <= rows for step in steps)
        last = [band[-1].owns[1] - band[-1].owns[0] for band in bands]
        assert max(last) - min(last) <= 1
        for band in bands:
            assert 0 <= band[0].takes[0] < band[0].takes[1] <= before and band[-1].makes == band[-1].owns
            for step, after in pairwise(band):
                (a, b), (c, d) = step.owns, after.takes
                assert step.makes == (min(a, c), max(b, d))


def test_rows_of_a_map_are_taken_out_and_put_back():
    x = torch.arange(12.0).view(1, 1, 4, 3) + 1  # rows 5 to 8 of a map
    assert torch.equal(select(x, (5, 9), (6, 8)), x[:, :, 1:3])
    assert torch.equal(embed(select(x, (5, 9), (6, 8)), (6, 8), (5, 9)), F.pad(x[:, :, 1:3], (0, 0, 1, 1)))
    assert select(x, (5, 9), (5, 9)) is x and embed(x, (5, 9), (5, 9)) is x
