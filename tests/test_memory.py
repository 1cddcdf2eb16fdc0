"""Bytes that are told against bytes that live, and what is done with little memory."""

import pytest
import torch
from plain import LiveBytes, limits, network, picture

from nstlib.architecture import BACKBONES
from nstlib.descriptions import gram
from nstlib.engine import Engine, FeaturesInBands
from nstlib.errors import InputError
from nstlib.loss import content_terms, style_terms
from nstlib.term import View

SMALL_NETWORKS = pytest.mark.parametrize("name", ["pocket", "squeezenet1_0", "squeezenet1_1"])


def test_without_a_limit_everything_is_kept(rng):
    backbone = network("pocket").float()
    engine = Engine(backbone, [View("relu5_1", gram)])
    assert all(way.keep for way in engine.ways((640, 480)))
    assert Engine(backbone, engine.terms, memory=engine.bytes((640, 480))).ways((640, 480)) == engine.ways((640, 480))


def test_less_memory_means_more_bands_and_fewer_kept_maps():
    backbone = network("pocket").float()
    views, size = [View(layer, gram) for layer in BACKBONES["pocket"].style_layers], (768, 1024)
    found = []
    for memory in limits(Engine(backbone, views), size, 30):
        engine = Engine(backbone, views, memory=memory)
        assert engine.least(size) <= engine.bytes(size) <= memory
        found.append(engine.ways(size))
    bands, kept = [sum(w.bands for w in ways) for ways in found], [sum(w.keep for w in ways) for ways in found]
    assert kept == sorted(kept) and kept[0] == 0 and kept[-1] == 5
    frugal = [b for b, k in zip(bands, kept, strict=True) if k == 0]
    assert frugal == sorted(frugal, reverse=True) and frugal[0] > 3 * bands[-1]


@SMALL_NETWORKS
def test_larger_pictures_need_more(name):
    engine = Engine(network(name).float(), [View(layer, gram) for layer in BACKBONES[name].style_layers])
    sizes = [(side, side * 3 // 4) for side in range(64, 2048, 32)]
    for bytes_of in (engine.bytes, engine.least):
        needed = [bytes_of(size) for size in sizes]
        assert needed[0] > 0
        # One more band, in the same block, can take less than fewer; but not by much.
        assert all(later > 0.85 * max(needed[: i + 1]) for i, later in enumerate(needed))
        assert all(needed[2 * i + 2] > 1.5 * needed[i] for i in range(len(needed) // 2 - 1))
    assert all(engine.least(size) <= engine.bytes(size) for size in sizes)
    assert engine.least(sizes[-1]) < 0.5 * engine.bytes(sizes[-1])


def test_half_precision_needs_half():
    backbone, views = network("pocket").float(), [View("relu4_1", None)]
    single, half = (Engine(backbone, views, precision).bytes((512, 512)) for precision in ("float32", "bfloat16"))
    assert half == pytest.approx(single / 2, rel=0.1)  # not exactly: its bands hold more rows


def test_too_little_memory_is_told_with_what_is_needed():
    engine = Engine(network("pocket").float(), [View("relu4_1", gram)])
    least = engine.least((300, 400))
    with pytest.raises(InputError, match=rf"{least / 1e9:.2g} GB for 400×300 pixels, but .*: use a smaller size"):
        Engine(engine.backbone, engine.terms, memory=least - 1).ways((300, 400))
    assert Engine(engine.backbone, engine.terms, memory=least).ways((300, 400))


def test_a_picture_too_small_for_the_deepest_layer_is_refused(rng):
    backbone = network("pocket")
    engine = Engine(backbone, [View("relu5_1", gram), View("relu1_1", gram)])
    for size in ((31, 64), (64, 31)):
        with pytest.raises(InputError, match=r"too small for relu5_1 of pocket: use at least 32×32"):
            engine.ways(size)
    assert len(engine.describe(picture(rng, (32, 32)))) == 2


# Told, and measured


@pytest.mark.parametrize("frugal", [False, True], ids=["kept", "frugal"])
@pytest.mark.parametrize(
    ("name", "size", "precision", "content"),
    [
        ("pocket", (224, 320), "float32", ()),
        ("pocket", (400, 272), "float32", ("relu3_3",)),
        ("pocket", (400, 272), "bfloat16", ()),
        ("pocket", (400, 272), "bfloat16", ("relu3_3",)),
        ("pocket", (400, 272), "float16", ()),
        ("pocket", (224, 320), "float16", ("relu1_2", "relu3_3")),
        ("pocket", (320, 320), "float32", ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_3")),
        ("squeezenet1_0", (224, 320), "float32", ("fire4",)),
        ("squeezenet1_0", (544, 400), "bfloat16", ()),
    ],
    ids=str,
)
def test_an_evaluations_bytes_are_near_those_that_live(name, size, precision, content, frugal, rng):
    backbone, image = network(name).float(), picture(rng, size, torch.float32)
    terms = style_terms(backbone, [image.flip(3) ** 2], dict.fromkeys(BACKBONES[name].style_layers, 1.0))
    if content:
        terms += content_terms(backbone, image.flip(2), dict.fromkeys(content, 1.0))
    memory = Engine(backbone, terms, precision).least(size) if frugal else None
    engine = Engine(backbone, terms, precision, memory)
    engine(image)  # what is made once does not count
    with LiveBytes() as measured:
        engine(image)
    assert 0.8 * measured.most <= engine.bytes(size) <= 2 * measured.most


@pytest.mark.parametrize("describe", [None, gram], ids=["maps", "descriptions"])
@pytest.mark.parametrize(
    ("name", "layers", "size"),
    [
        ("pocket", BACKBONES["pocket"].style_layers, (640, 480)),
        ("pocket", ("relu3_3",), (1024, 768)),
        ("pocket", ("conv1_1", "relu1_1"), (320, 500)),
        ("vgg16", ("relu1_2", "relu3_1"), (224, 320)),
        ("vgg16", ("relu5_1",), (96, 128)),
        ("squeezenet1_0", ("relu1", "fire2", "fire8"), (480, 640)),
        ("squeezenet1_1", ("fire4",), (480, 640)),
    ],
    ids=str,
)
def test_a_descriptions_bytes_are_near_those_that_live(name, layers, size, describe, rng):
    """With the weights' copies, which are made for it, and the maps that it returns."""
    backbone, image = network(name).float(), picture(rng, size, torch.float32)
    with LiveBytes() as measured:
        FeaturesInBands(backbone)(image, layers, describe)
    told = Engine(backbone, [View(layer, describe) for layer in layers]).bytes_to_describe(size)
    assert 0.9 * measured.most <= told <= 1.8 * measured.most


def test_a_description_of_a_large_picture_takes_less_than_its_maps():
    engine = Engine(network("pocket").float(), [View("relu1_1", gram), View("relu3_1", gram)])
    whole = Engine(engine.backbone, [View("relu1_1", None), View("relu3_1", None)])
    assert engine.bytes_to_describe((1024, 1024)) < 0.5 * whole.bytes_to_describe((1024, 1024))
    assert whole.bytes_to_describe((1024, 1024)) > 4 * 1024**2 * (24 + 96 / 16)
    assert engine.bytes_to_describe((1024, 1024)) < 0.5 * engine.bytes((1024, 1024))
