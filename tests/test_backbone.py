"""Feature maps against torchvision's, the geometry of every layer measured, and what is refused."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.nn import functional as F

from nstlib import cli
from nstlib.architecture import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, Architecture, vgg
from nstlib.backbone import Backbone, Fire, load_backbone, normalize_activations
from nstlib.decoder import load_decoders
from nstlib.errors import InputError
from nstlib.feedforward import StyleNetwork
from nstlib.guidance import carried
from nstlib.weights import read_weights, save_weights

EVERY = pytest.mark.parametrize("name", BACKBONES)
TINY = Architecture("tiny", vgg((4, 5), (2, 1)), content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


def picture(rng, height=12, width=10, count=1):
    return torch.rand(count, 3, height, width, generator=rng)


def tiny(**options):
    torch.manual_seed(0)
    return Backbone(TINY, **options)


def narrow(name, channels=2):
    """A backbone's architecture with all its layers and hardly any channels."""
    architecture = BACKBONES[name]
    specs = tuple(replace(s, channels=channels, squeeze=channels // 2 * bool(s.squeeze)) for s in architecture.specs)
    return replace(architecture, specs=specs)


def normalized(image):
    """What torchvision's networks were trained on."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


def torchvision_features(name):
    """torchvision's convolutional part with random weights; its whole VGG would build a huge classifier first."""
    from torchvision.models import squeezenet, vgg

    torch.manual_seed(1)
    if name.startswith("vgg"):
        return vgg.make_layers(vgg.cfgs[{"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}[name]])
    return getattr(squeezenet, name)(weights=None).features


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "pocket"])
@torch.no_grad()
def test_every_map_is_that_of_torchvision(name, rng):
    judge = torchvision_features(name)
    state = {f"features.{key}": value for key, value in judge.state_dict().items()}
    backbone = Backbone(BACKBONES[name], {**state, "classifier.1.weight": torch.ones(1)})
    image = picture(rng, 71, 66)
    found = backbone(image, backbone.layers)
    assert len(found) == len(judge)
    x = normalized(image)
    for layer, module in zip(found, judge, strict=True):
        x = module(x.clone())  # its ReLUs write into their input
        assert found[layer].shape == x.shape, layer
        assert x.abs().max() > 0
        np.testing.assert_allclose(found[layer], x, rtol=1e-4, atol=1e-5 * x.abs().max().item(), err_msg=layer)


@EVERY
def test_every_map_has_the_stated_channels_and_stride(name):
    """On the device "meta", which works out shapes and computes nothing."""
    with torch.device("meta"):
        backbone = Backbone(BACKBONES[name])
        side = 320
        found = backbone(torch.empty(1, 3, side, side + 64), backbone.layers)
    assert list(found) == list(backbone.layers)
    for layer, x in found.items():
        facts = backbone.layers[layer]
        assert x.shape[1] == facts.channels
        assert x.shape[2] == pytest.approx(side / facts.stride, abs=3)
        assert x.shape[3] - x.shape[2] == 64 / facts.stride


@EVERY
def test_receptive_field_and_centre_are_those_measured(name):
    """The gradient of one position reaches exactly the stated pixels: weights > 0 and averages block nothing."""
    backbone = Backbone(narrow(name), pooling="average")
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            nn.init.zeros_(module.bias)
    deepest = list(backbone.layers.values())[-1]
    side = deepest.receptive_field + 4 * deepest.stride
    image = torch.ones(1, 3, side, side, requires_grad=True)
    for layer, x in backbone(image, backbone.layers).items():
        facts = backbone.layers[layer]
        row, column = x.shape[2] // 2, x.shape[3] // 2 - 1
        (gradient,) = torch.autograd.grad(x[0, :, row, column].sum(), image, retain_graph=True)
        touched = gradient[0, 0] != 0
        for index, axis in ((row, 1), (column, 0)):
            pixels = touched.any(axis).nonzero().flatten()
            first, last = pixels[0].item(), pixels[-1].item()
            assert first > 0 and last < side - 1, "the picture is too small to measure this layer"
            assert last - first + 1 == len(pixels) == facts.receptive_field, layer
            assert (first + last) / 2 == facts.stride * index + facts.offset, layer


ASKING = {
    Backbone.iterate: lambda net: next(net.iterate(torch.rand(1, 3, 12, 12), "relu9")),
    Backbone.forward: lambda net: net(torch.rand(1, 3, 12, 12), ["relu9"]),
    Backbone.check_layers: lambda net: net.check_layers(["relu9"]),
    Backbone.smallest: lambda net: net.smallest("relu9"),
    Backbone.trimmed: lambda net: net.trimmed("relu9"),
    Architecture.smallest: lambda net: net.architecture.smallest("relu9"),
    Architecture.map_size: lambda net: net.architecture.map_size("relu9", (12, 12)),
    Architecture.until: lambda net: net.architecture.until("relu9"),
}


@pytest.mark.parametrize("method", ASKING, ids=lambda method: method.__qualname__)
def test_a_layer_that_the_network_lacks_is_refused_and_the_docstring_says_so(method):
    with pytest.raises(InputError, match="relu9"):
        ASKING[method](tiny())
    assert "that the network lacks" in method.__doc__.partition("Raises:")[2]


@EVERY
def test_the_smallest_image_is_the_smallest(name):
    backbone = Backbone(narrow(name))

    def sides(layer, size):
        """Height and width of a layer's map; None where a pooling has too few pixels."""
        try:
            maps = dict(backbone.iterate(torch.rand(1, 3, *size), layer))
        except RuntimeError:
            return (0, 0)
        return maps[layer].shape[-2:]

    for layer in backbone.layers:
        least = backbone.smallest(layer)
        assert sides(layer, (least, least)) == (2, 2), layer
        assert backbone(torch.rand(1, 3, least, least + 3), [layer])[layer].shape[2] == 2
        for size in ((least - 1, least), (least, least - 1)):
            assert min(sides(layer, size)) < 2, layer
            with pytest.raises(InputError) as caught:
                backbone(torch.rand(1, 3, *size), [layer])
            given = f"an image of {size[1]}×{size[0]} pixels is too small for {layer} of {name}"
            assert str(caught.value) == f"{given}: use at least {least}×{least}, or a shallower layer"


def test_the_deepest_layer_decides_what_is_too_small(rng):
    assert list(tiny()(picture(rng, 2, 2), ["relu1_1"])) == ["relu1_1"]
    with pytest.raises(InputError, match="too small for relu2_1 of tiny: use at least 4×4"):
        tiny()(picture(rng, 3, 9), ["relu2_1", "relu1_1"])


@pytest.mark.parametrize("deepest", ["conv1_1", "relu1_2", "conv2_1", "pool2"])
def test_nothing_after_the_deepest_layer_runs(deepest, rng):
    backbone, ran = tiny(), []
    for name, module in zip(backbone.layers, backbone.features, strict=True):
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    backbone(picture(rng), [deepest, "conv1_1"])
    names = list(backbone.layers)
    assert ran == names[: names.index(deepest) + 1]


def test_maps_come_by_name_in_the_networks_order(rng):
    backbone = tiny()
    image = picture(rng, count=2)
    found = backbone(image, ["relu2_1", "conv1_2", "relu2_1"])
    assert list(found) == ["conv1_2", "relu2_1"]
    assert found["relu2_1"].shape == (2, 5, 6, 5)
    assert torch.equal(backbone(image, "relu2_1")["relu2_1"], found["relu2_1"])


def test_a_captured_convolution_is_not_overwritten_by_its_relu(rng):
    backbone, image = tiny(), picture(rng)
    found = backbone(image, ["conv1_1", "relu1_1", "pool2"])
    conv = backbone.features[0]
    expected = F.conv2d(normalized(image), conv.weight, conv.bias, padding=1)
    assert (found["conv1_1"] < 0).any()
    np.testing.assert_allclose(found["conv1_1"], expected, atol=1e-6)
    assert torch.equal(found["relu1_1"], found["conv1_1"].clamp_min(0))


def test_an_image_has_a_gradient_and_the_network_has_none(rng):
    backbone, image = tiny(), picture(rng).requires_grad_()
    backbone(image, ["relu2_1"])["relu2_1"].sum().backward()
    assert image.grad.abs().sum() > 0
    assert not backbone.training
    assert not any(p.requires_grad for p in backbone.parameters())


# Options


def test_average_pooling_averages(rng):
    image = picture(rng)
    for pooling, judge in (("max", F.max_pool2d), ("average", F.avg_pool2d)):
        found = tiny(pooling=pooling)(image, ["relu1_2", "pool1"])
        assert torch.equal(found["pool1"], judge(found["relu1_2"], 2))


def test_average_pooling_of_squeezenet_keeps_the_maps_sizes(rng):
    image = picture(rng, 60, 71)
    found = [Backbone(narrow("squeezenet1_1"), pooling=p)(image, ["fire9"])["fire9"] for p in ("max", "average")]
    assert found[0].shape == found[1].shape


def test_pixels_of_255_are_fed_as_caffe_networks_take_them(rng):
    image = picture(rng)
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    np.testing.assert_allclose(tiny().normalize(image), normalized(image), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tiny(pixels="255").normalize(image), 255 * (image - mean), rtol=1e-5, atol=1e-4)
    black = tiny(pixels="255").normalize(torch.zeros(1, 3, 1, 1)).flatten().tolist()
    assert black == pytest.approx([-123.675, -116.28, -103.53])  # the means that Caffe's recipes subtract


def test_replicated_padding_changes_only_the_border_of_the_first_layer(rng):
    image = picture(rng)
    zeros, replicated = (tiny(padding_mode=mode)(image, ["conv1_1"])["conv1_1"] for mode in ("zeros", "replicate"))
    np.testing.assert_allclose(zeros[..., 1:-1, 1:-1], replicated[..., 1:-1, 1:-1], atol=1e-6)
    conv = tiny().features[0]
    extended = F.pad(normalized(image), (1, 1, 1, 1), mode="replicate")
    np.testing.assert_allclose(replicated, F.conv2d(extended, conv.weight, conv.bias), atol=1e-5)
    assert (zeros - replicated).abs().max() > 0.01


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pooling": "averge"}, "unknown pooling 'averge': did you mean 'average'? There are: max, average"),
        ({"pixels": "225"}, "unknown pixel convention '225': did you mean '255'? There are: imagenet, 255"),
        ({"padding_mode": "zero"}, "unknown padding mode 'zero': did you mean 'zeros'? There are: zeros, replicate"),
    ],
)
def test_an_unknown_option_suggests_the_nearest(options, words):
    with pytest.raises(InputError) as caught:
        Backbone(TINY, **options)
    assert str(caught.value) == words


def test_an_option_that_no_network_has_is_told_before_its_weights_are_fetched():
    with pytest.raises(InputError, match="unknown option of a network 'pool': did you mean 'pooling'"):
        load_backbone("vgg19", pool="max")
    with pytest.raises(InputError, match="unknown device 'gpu'"):
        load_backbone("vgg19", device="gpu")
    assert next(load_backbone("pocket", device="auto").parameters()).device.type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("make", [load_backbone, partial(load_backbone, weights="random"), StyleNetwork, Backbone])
def test_a_network_is_the_same_whatever_kind_of_number_is_torchs_default(make, default):
    def numbers():
        torch.manual_seed(0)
        made = make(narrow("vgg19", 8)) if make is Backbone else make()
        return [*made.parameters(), *made.buffers()]

    before = numbers()
    torch.set_default_dtype(default)
    try:
        found = numbers()
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(one.dtype == torch.float32 and torch.equal(one, other) for one, other in zip(found, before, strict=True))


def networks():
    """One of each kind."""
    return [load_backbone(), load_backbone("pocket", "random"), tiny(), StyleNetwork(), *load_decoders().values()]


def test_networks_that_are_made_in_inference_mode_serve_outside_of_it():
    with torch.inference_mode():
        made = networks()
    assert not any(one.is_inference() for network in made for one in [*network.parameters(), *network.buffers()])


def test_an_unknown_backbone_suggests_the_nearest():
    with pytest.raises(InputError, match="unknown backbone 'vgg-19': did you mean 'vgg19'"):
        load_backbone("vgg-19", "random")


# Layers that do not exist


def test_an_unknown_layer_names_the_nearest_and_all(rng):
    span = "conv1_1 relu1_1 conv1_2 relu1_2 pool1 conv2_1 relu2_1 pool2"
    with pytest.raises(InputError) as caught:
        tiny()(picture(rng), ["relu1_1", "relu2_7"])
    assert str(caught.value) == f"relu2_7 is not in tiny; did you mean 'relu2_1'? Its layers: {span}"
    with pytest.raises(InputError, match=r"29 is not in tiny; .*Its layers: conv1_1 relu1_1"):
        tiny()(picture(rng), [29])


def test_no_layer_at_all_is_told(rng):
    with pytest.raises(InputError, match="no layer was named; those of tiny are conv1_1 relu1_1"):
        tiny()(picture(rng), [])


# Weights


def weights_of(backbone):
    return {key: value.clone() for key, value in backbone.state_dict().items()}


def test_weights_carry_torchvisions_names():
    assert list(weights_of(tiny())) == [f"features.{i}.{part}" for i in (0, 2, 5) for part in ("weight", "bias")]


def test_trimmed_weights_give_the_same_maps_and_fewer_layers(rng):
    whole, image = tiny(), picture(rng)
    part = Backbone(TINY, whole.trimmed("relu1_2"))
    assert list(whole.trimmed("conv1_2")) == list(whole.trimmed("pool1")) == list(weights_of(whole))[:4]
    assert list(part.layers) == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1"]
    assert len(part.features) == 5
    for layer in part.layers:
        assert torch.equal(part(image, [layer])[layer], whole(image, [layer])[layer])
    with pytest.raises(InputError, match=r"these weights of tiny end at pool1, before relu2_1: .* --until relu2_1\)"):
        part(image, ["conv2_1", "relu2_1", "relu1_1"])  # the deepest: a file that ends before it is refused again
    with pytest.raises(InputError, match="relu9 is not in tiny"):  # no file has that one
        part(image, ["conv2_1", "relu9"])


def test_the_advice_on_a_file_that_ends_too_early_leads_out(tmp_path, monkeypatch):
    """The short file is where weights are looked for first, so no export comes of it, and none over it."""
    short, whole = tmp_path / "named/squeezenet1_1.safetensors", tmp_path / "hub/checkpoints/squeezenet1_1.pth"
    for path in (short, whole):
        path.parent.mkdir(parents=True)
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(short.parent))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = load_backbone("squeezenet1_1", "random")
    torch.save(network.state_dict(), whole)
    save_weights(network.trimmed("fire2"), short)
    with pytest.raises(InputError) as told:
        load_backbone("squeezenet1_1").check_layers(["fire3", "fire4"])
    advised = re.search(r"move their file away .*\(nst (.*)\)", str(told.value))[1].split()
    with pytest.raises(InputError, match="move their file away"):
        CliRunner().invoke(cli.nst, advised, catch_exceptions=False)
    short.unlink()
    CliRunner().invoke(cli.nst, [*advised, "-o", str(short)], catch_exceptions=False)
    whole.unlink()
    assert load_backbone("squeezenet1_1").check_layers(["fire4"])


@pytest.mark.parametrize(("held", "taken"), [("vgg16", "vgg19"), ("vgg19", "vgg16")])
def test_the_weights_of_a_network_that_begins_alike_are_refused(held, taken):
    """VGG-16 and VGG-19 differ first by the fourth convolution of their third block."""
    whole = {name: torch.ones(()).expand(own.shape) for name, own in Backbone(BACKBONES[held]).state_dict().items()}
    until = {k: v for k, v in whole.items() if int(k.split(".")[1]) <= 16}
    for weights in (whole, until) if held == "vgg19" else (whole,):
        with pytest.raises(InputError, match=f"these weights are not those of {taken}"):
            Backbone(BACKBONES[taken], weights)


def test_half_precision_weights_compute_in_single(rng, tmp_path):
    whole, image = tiny(), picture(rng)
    save_weights(whole.trimmed("pool2"), tmp_path / "net.safetensors")
    backbone = Backbone(TINY, read_weights(tmp_path / "net.safetensors"))
    expected, found = (b(image, ["relu2_1"])["relu2_1"] for b in (whole, backbone))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert not torch.equal(found, expected)


def test_weights_are_copied(rng):
    given = weights_of(tiny())
    backbone = Backbone(TINY, given)
    given["features.0.weight"].zero_()
    assert backbone.features[0].weight.abs().max() > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("features.2.weight"), "'features.2.weight' is missing or has another shape"),
        (lambda w: w.pop("features.0.bias"), "'features.0.bias' is missing"),
        (lambda w: w.pop("features.5.bias"), "'features.5.bias' is missing"),
        (lambda w: w.update({"features.2.weight": torch.zeros(4, 4, 1, 1)}), "'features.2.weight' is missing or has"),
        (lambda w: w.clear(), "none of its parameters is there"),
        (lambda w: w.update({"features.4.weight": torch.ones(8, 8, 3, 3)}), "it has no 'features.4.weight'"),
    ],
    ids=["a hole", "no bias", "half of the last", "another shape", "nothing", "one too many"],
)
def test_weights_that_do_not_fit_are_refused(change, words):
    given = weights_of(tiny())
    change(given)
    with pytest.raises(InputError) as caught:
        Backbone(TINY, given)
    assert str(caught.value).startswith("these weights are not those of tiny: " + words)
    assert str(caught.value).endswith("; check the file's name")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (torch.Tensor.to_sparse, "float32, sparse_coo"),
        (torch.Tensor.int, "int32, strided"),
        (lambda w: w.to("meta"), "float32, strided"),
    ],
)
def test_weights_that_are_no_plain_floats_are_refused(change, kind):
    given = weights_of(tiny())
    given["features.2.weight"] = change(given["features.2.weight"])
    with pytest.raises(InputError, match=rf"'features.2.weight' is {kind}: save them dense, and as floats"):
        Backbone(TINY, given)


def test_one_networks_weights_are_not_anothers(tmp_path):
    save_weights(weights_of(Backbone(narrow("squeezenet1_1"))), tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="these weights are not those of pocket: 'features"):
        load_backbone("pocket", tmp_path / "net.safetensors")


def test_random_weights_follow_the_seed_and_keep_the_signals_size(rng):
    made = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        made.append(load_backbone("pocket", "random"))
    first, again, other = (b.features[0].weight for b in made)
    assert torch.equal(first, again) and not torch.equal(first, other)
    # He's start is made for this: the mean square stays through a ReLU network. PyTorch's own would fade to nothing.
    found = made[0](picture(rng, 32, 32), ["relu1_1", "relu5_1"])
    assert 0.05 < found["relu5_1"].square().mean() / found["relu1_1"].square().mean() < 20
    assert all(m.bias.abs().max() == 0 for m in made[0].modules() if isinstance(m, nn.Conv2d))


def test_the_embedded_network_loads_and_sees(rng):
    backbone = load_backbone()
    assert backbone.name == "pocket"
    found = backbone(picture(rng, 48, 40), backbone.architecture.style_layers)
    assert list(found) == list(backbone.architecture.style_layers)
    assert all(x.isfinite().all() and x.std() > 0 for x in found.values())


# Normalised activations


def fired(backbone, images):
    """Mean of each channel over pictures and positions, of each ReLU and fire module, and whether it ever fires."""
    names = [n for n, layer in backbone.layers.items() if layer.kind in ("relu", "fire")]
    maps = [{n: x.double().numpy() for n, x in backbone(image, names).items()} for image in images]
    return {n: np.concatenate([m[n][0].reshape(m[n].shape[1], -1) for m in maps], 1).mean(1) for n in names}


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("name", ["vgg19", "squeezenet1_0"])
def test_normalised_channels_fire_at_1_on_average_and_see_the_same(name, pooling, rng):
    architecture = narrow(name, channels=8)
    if name == "vgg19":
        architecture = replace(architecture, specs=architecture.specs[:14])
    torch.manual_seed(0)
    backbone = Backbone(architecture, pooling=pooling).requires_grad_(False)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            module.bias.uniform_(0, 0.5)
    dead = next(m for m in list(backbone.modules())[::-1] if isinstance(m, nn.Conv2d))
    dead.bias[0] = -1e4  # a channel that never fires
    images = [picture(rng, 58, 49), picture(rng, 51, 70), picture(rng, 64, 52) ** 3]
    before = fired(backbone, images)
    maps = backbone(images[0], backbone.layers)
    assert normalize_activations(backbone, iter(images)) is backbone
    after = fired(backbone, images)
    deepest = list(before)[-1]
    channel = architecture.layers[deepest].channels // 2 if "fire" in deepest else 0
    assert before[deepest][channel] == 0
    for layer, means in before.items():
        alive = means > 0
        assert alive.sum() >= 3
        np.testing.assert_allclose(after[layer][alive], 1, rtol=2e-3, err_msg=layer)
        assert (after[layer][~alive] == 0).all()
    for layer, x in backbone(images[0], backbone.layers).items():
        if layer in before:
            scale = torch.tensor(np.where(before[layer] > 0, before[layer], 1)).view(1, -1, 1, 1)
            np.testing.assert_allclose(x * scale, maps[layer], rtol=1e-3, atol=1e-4 * maps[layer].max().item())
            assert ((x > 0) == (maps[layer] > 0)).double().mean() > 0.999
    assert not any(m._forward_hooks for m in backbone.modules())


def test_normalising_counts_every_position_once(rng):
    """A large picture weighs more than a small one."""
    small, large = picture(rng, 4, 4), picture(rng, 30, 30) ** 4
    backbone = normalize_activations(tiny(), [small, large])
    sums = [backbone(x, ["relu1_1"])["relu1_1"].sum((0, 2, 3)) for x in (small, large)]
    np.testing.assert_allclose((sums[0] + sums[1]) / (4 * 4 + 30 * 30), np.ones(4), rtol=1e-4)
    assert (sums[0] / 16 - sums[1] / 900).abs().max() > 0.1


def test_normalising_over_no_picture_is_refused_and_changes_nothing():
    backbone = tiny()
    with pytest.raises(InputError, match="there is no picture to average activations over: give some"):
        normalize_activations(backbone, [])
    assert all(torch.equal(a, b) for a, b in zip(backbone.parameters(), tiny().parameters(), strict=True))


def test_fire_modules_put_1x1_before_3x3(rng):
    torch.manual_seed(0)
    fire, x = Fire(3, 2, 8), torch.randn(1, 3, 5, 6, generator=rng)
    squeezed = F.conv2d(x, fire.squeeze.weight, fire.squeeze.bias).relu()
    wide = F.conv2d(squeezed, fire.expand3x3.weight, fire.expand3x3.bias, padding=1).relu()
    point = F.conv2d(squeezed, fire.expand1x1.weight, fire.expand1x1.bias).relu()
    np.testing.assert_allclose(fire(x).detach(), torch.cat([point, wide], 1).detach(), atol=1e-6)


# The trained network, end to end


@pytest.mark.parametrize(
    ("photograph", "classes"),
    [("cat", {281: "tabby", 282: "tiger cat", 285: "Egyptian cat"}), ("coffee", {967: "espresso"})],
)
@torch.no_grad()
def test_a_trained_network_recognises_photographs(photograph, classes, squeezenet_file):
    """SqueezeNet's own classifier on these features: weights, channels' order and pixel convention must be right."""
    data = pytest.importorskip("skimage.data")
    image = torch.from_numpy(getattr(data, photograph)()).permute(2, 0, 1)[None] / 255
    side = min(image.shape[-2:])
    top, left = ((size - side) // 2 for size in image.shape[-2:])
    square = image[..., top : top + side, left : left + side]
    image = F.interpolate(square, (227, 227), mode="bilinear", antialias=True, align_corners=False)
    weights = read_weights(squeezenet_file)
    features = load_backbone("squeezenet1_0", squeezenet_file)(image, ["fire9"])["fire9"]
    scores = F.conv2d(features, weights["classifier.1.weight"].float(), weights["classifier.1.bias"].float()).relu()
    best = scores.mean((2, 3)).flatten().topk(3).indices.tolist()
    assert classes.keys() & set(best), best


def test_a_picture_that_fails_leaves_no_hook_behind():
    backbone = load_backbone("pocket")
    with pytest.raises(InputError, match=r"an image of shape \(1, 4, 32, 32\): give \(B, 3, height, width\)"):
        normalize_activations(backbone, [torch.rand(1, 3, 32, 32), torch.rand(1, 4, 32, 32)])
    assert not any(module._forward_hooks for module in backbone.modules())


def test_the_name_of_a_network_is_no_architecture():
    for take in (Backbone, lambda given: carried(torch.ones(1, 1, 8, 8), given, ["relu1_1"])):
        with pytest.raises(InputError, match=r"not a str: BACKBONES\['vgg16'\] is one, and load_backbone\('vgg16'\)"):
            take("vgg16")
        with pytest.raises(InputError, match=r"not a Backbone: BACKBONES\['pocket'\] is one"):
            take(load_backbone("pocket"))
