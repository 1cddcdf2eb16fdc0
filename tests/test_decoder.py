"""The mirrors of `pocket`: their shape, their file, and that they undo it."""

import pytest
import torch
from torch.nn import functional as F

from nstlib import decoder
from nstlib.architecture import BACKBONES
from nstlib.backbone import load_backbone
from nstlib.decoder import DECODED, Decoder, Doubling, load_decoders
from nstlib.errors import InputError
from nstlib.image import load_image

CPU = torch.device("cpu")
MAX_BYTES = 3_000_000


@pytest.mark.parametrize("layer", ["relu1_1", *DECODED, "relu5_1"])
def test_a_mirror_makes_an_image_of_its_maps_size(layer):
    architecture = BACKBONES["pocket"]
    channels, height, width = architecture.map_size(layer, (64, 96))
    assert Decoder(architecture, layer)(torch.rand(2, channels, height, width)).shape == (2, 3, 64, 96)


def test_a_doubling_is_a_convolution_of_the_doubled_map():
    made, x = Doubling(3, 5, 3).double(), torch.rand(2, 3, 4, 7).double()
    doubled = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="replicate")
    assert torch.allclose(made(x), F.conv2d(doubled, made.weight, made.bias))


def test_its_file_is_small():
    assert decoder.FILE.stat().st_size <= MAX_BYTES


@pytest.mark.parametrize("layer", DECODED)
def test_undoes_what_the_network_did(layer):
    image = load_image("content/tubingen", 192).pixels[..., :128, :192]
    maps = load_backbone()(image, [layer])[layer]
    with torch.no_grad():
        again, other = load_decoders(CPU)[layer](maps), load_decoders(CPU)[layer](maps.flip(3))
    error = (again - image).square().mean()
    assert error < 0.6 * image.var() and error < 0.5 * (other - image).square().mean()


def test_says_when_its_file_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(decoder, "FILE", tmp_path / "decoders.safetensors")
    with pytest.raises(InputError, match=r"decoders\.safetensors is missing: install nstlib again"):
        load_decoders(CPU)


def test_the_device_is_chosen_as_everywhere():
    assert set(load_decoders("auto")) == set(DECODED)
    for device in ("nope", "cuda:99", "meta", None):
        with pytest.raises(InputError, match="device"):
            load_decoders(device)


def test_each_call_makes_mirrors_of_its_own():
    first, second = load_decoders(), load_decoders()
    with torch.no_grad():
        next(first["relu2_1"].parameters()).zero_()
    assert next(second["relu2_1"].parameters()).any()
