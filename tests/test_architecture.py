"""The facts of networks against the papers, torchvision and what torch's own layers make; and one entry is enough."""

from dataclasses import replace

import pytest
import torch

from nstlib.architecture import BACKBONES, Architecture, Weights, vgg
from nstlib.backbone import Backbone, build, load_backbone
from nstlib.errors import InputError
from nstlib.weights import find_weights, load_weights, save_weights

EVERY = pytest.mark.parametrize("name", BACKBONES)
SPECS = {(s.kind, s.kernel, s.stride, s.padding): s for a in BACKBONES.values() for s in a.specs}
ONE_OF_EACH = pytest.mark.parametrize("spec", SPECS.values(), ids=lambda s: f"{s.kind} {s.kernel}/{s.stride}")


# The networks


def test_vgg19_has_the_papers_layers():
    layers = BACKBONES["vgg19"].layers
    assert " ".join(layers) == (
        "conv1_1 relu1_1 conv1_2 relu1_2 pool1 conv2_1 relu2_1 conv2_2 relu2_2 pool2 "
        "conv3_1 relu3_1 conv3_2 relu3_2 conv3_3 relu3_3 conv3_4 relu3_4 pool3 "
        "conv4_1 relu4_1 conv4_2 relu4_2 conv4_3 relu4_3 conv4_4 relu4_4 pool4 "
        "conv5_1 relu5_1 conv5_2 relu5_2 conv5_3 relu5_3 conv5_4 relu5_4 pool5"
    )
    assert [layers[f"relu{i}_1"].channels for i in range(1, 6)] == [64, 128, 256, 512, 512]
    assert [layers[f"relu{i}_1"].stride for i in range(1, 6)] == [1, 2, 4, 8, 16]
    # Receptive fields as the literature lists them for VGG.
    assert [layers[n].receptive_field for n in ("conv1_1", "conv1_2", "pool1", "conv2_1")] == [3, 5, 6, 10]
    assert layers["pool5"].receptive_field == 268


@pytest.mark.parametrize(
    ("name", "convolutions"), [("pocket", [2, 2, 3, 3, 1]), ("vgg16", [2, 2, 3, 3, 3]), ("vgg19", [2, 2, 4, 4, 4])]
)
def test_vgg_like_networks_follow_its_rule(name, convolutions):
    layers = BACKBONES[name].layers
    for block, count in enumerate(convolutions, start=1):
        for kind in ("conv", "relu"):
            found = [n for n in layers if n.startswith(f"{kind}{block}_")]
            assert found == [f"{kind}{block}_{i}" for i in range(1, count + 1)]
            assert all(layers[n].kind == kind for n in found)
    assert len(layers) == 2 * sum(convolutions) + 5


@pytest.mark.parametrize(
    ("name", "pools"), [("squeezenet1_0", ["conv1", "fire4", "fire8"]), ("squeezenet1_1", ["conv1", "fire3", "fire5"])]
)
def test_squeezenets_pool_where_the_papers_do(name, pools):
    layers = list(BACKBONES[name].layers)
    assert [n for n in layers if n.startswith("fire")] == [f"fire{i}" for i in range(2, 10)]
    before = [layers[i - 1].replace("relu", "conv") for i, n in enumerate(layers) if n.startswith("pool")]
    assert before == pools
    assert [n for n in layers if n.startswith("pool")] == [f"pool{p[4:]}" for p in pools]
    assert [BACKBONES[name].layers[f"fire{i}"].channels for i in (2, 4, 6, 8)] == [128, 256, 384, 512]


@EVERY
def test_usual_layers_exist(name):
    architecture = BACKBONES[name]
    assert architecture.content_layers and architecture.style_layers
    assert {*architecture.content_layers, *architecture.style_layers} <= architecture.layers.keys()


@EVERY
def test_every_map_has_the_size_that_is_told(name):
    """On the device "meta", which works out shapes and computes nothing."""
    with torch.device("meta"):
        backbone = Backbone(BACKBONES[name])
        for size in ((320, 384), (97, 131), (131, 98), (253, 254)):
            for layer, x in backbone(torch.empty(1, 3, *size), backbone.layers).items():
                assert BACKBONES[name].map_size(layer, size) == x.shape[1:], (layer, size)


def test_a_layer_that_is_not_there_is_told_with_the_nearest():
    vgg19 = BACKBONES["vgg19"]
    for ask in (lambda: vgg19.map_size("relu4_5", (64, 64)), lambda: vgg19.smallest("relu4_5")):
        with pytest.raises(InputError, match="unknown layer of vgg19 'relu4_5': did you mean 'relu4_4'"):
            ask()


@pytest.mark.parametrize(
    ("name", "from_content", "from_noise"),
    [("pocket", 0, 1), ("vgg19", 1, 2), ("vgg16", 1, 2), ("squeezenet1_1", 0, 1), ("squeezenet1_0", 0, 1)],
)
def test_coarser_scales_are_those_that_were_measured_to_pay(name, from_content, from_noise):
    assert BACKBONES[name].halvings == (from_content, from_noise)


@EVERY
def test_weights_say_where_they_are_from(name):
    weights = BACKBONES[name].weights
    assert weights.megabytes > 0 and weights.licence
    assert bool(weights.published) == bool(weights.file) == (name != "pocket")


# One layer


@ONE_OF_EACH
def test_a_layer_makes_as_many_rows_as_torchs(spec):
    module = build(replace(spec, channels=2, squeeze=1), 2, "max").requires_grad_(False)
    for rows in range(spec.kernel, 40):
        made = module(torch.zeros(1, 2, rows, rows + 1))
        assert made.shape[2:] == (spec.outputs(rows), spec.outputs(rows + 1))


@ONE_OF_EACH
def test_the_fewest_rows_are_the_fewest(spec):
    for wanted in range(2, 30):
        rows = spec.inputs(wanted)
        assert spec.outputs(rows) == wanted > spec.outputs(rows - 1)


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("name", BACKBONES)
def test_the_smallest_side_is_the_first_whose_map_has_the_rows(name, rows):
    network = BACKBONES[name]
    for layer in network.layers:
        side = network.smallest(layer, rows)
        assert min(network.map_size(layer, (side, side))[1:]) >= rows
        assert side == rows or network.map_size(layer, (side - 1, side - 1))[1] < rows


# One entry is enough


def test_a_network_is_one_entry(monkeypatch, tmp_path):
    """Its weights are found and loaded, and its layers named, measured and run, without a line anywhere else."""
    mine = Architecture("mine", vgg((4, 6), (1, 2)), ("relu2_2",), ("relu1_1",), Weights(0.1, "MIT"), halvings=(2, 3))
    monkeypatch.setitem(BACKBONES, "mine", mine)
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match=r"no weights of mine are known: give their file, weights="):
        load_weights("mine")
    given = load_backbone("mine", "random")
    save_weights(given.state_dict(), tmp_path / "mine.safetensors", half=False)
    assert find_weights("mine") == tmp_path / "mine.safetensors"
    image = torch.rand(1, 3, 9, 11)
    found = load_backbone("mine")(image, mine.content_layers)["relu2_2"]
    assert torch.equal(found, given(image, mine.content_layers)["relu2_2"])
    assert found.shape[1:] == mine.map_size("relu2_2", (9, 11)) == (6, 4, 5)
