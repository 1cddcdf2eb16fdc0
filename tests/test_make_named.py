"""What networks that name things were recorded to do for lesson 03: whole, and what their weights say."""

import json

import make_named
import pytest
from PIL import Image

import nstlib as nst

RECORDED = json.loads((make_named.FOLDER / "ratios.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", make_named.NETWORKS)
def test_every_layer_of_every_picture_was_measured(name):
    layers, *others = RECORDED[name].values()
    kinds = {layer.name: layer.kind for layer in nst.BACKBONES[name].layers.values()}
    assert layers == [layer for layer, kind in kinds.items() if kind in make_named.NETWORKS[name]]
    assert list(RECORDED[name])[1:] == list(make_named.PICTURES)
    assert all(len(values) == len(layers) and min(values) > 0 for values in others)


def test_the_sheet_has_a_tile_for_each_channel():
    rows = len(make_named.CHANNELS) // make_named.COLUMNS
    wanted = make_named.SIDE * make_named.COLUMNS, make_named.SIDE * rows
    assert Image.open(make_named.FOLDER / "dreams.jpg").size == wanted


def test_the_weights_say_what_was_recorded(squeezenet_file):
    backbone, recorded = nst.load_backbone("squeezenet1_0"), RECORDED["squeezenet1_0"]
    code = make_named.lesson(backbone)
    image, other = (code["load"](make_named.PICTURES[i]) for i in (1, 0))
    found = code["ratios"](image, other, backbone, recorded["layers"])
    assert found.tolist() == pytest.approx(recorded[make_named.PICTURES[1]], rel=0.02)


def test_a_dream_is_made_by_the_lessons_own_step():
    backbone = nst.load_backbone("pocket")
    dream = make_named.lesson(backbone)["dream"]
    before, after = (dream("relu2_2", 14, size=48, steps=steps) for steps in (0, 4))
    answers = [backbone(picture, ["relu2_2"])["relu2_2"][0, 14].mean().item() for picture in (before, after)]
    assert answers[1] > 2 * answers[0]
