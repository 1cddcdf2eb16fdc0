"""A network of one style: its shapes, and that the objective's gradient to the pixels teaches its weights."""

import re
import signal

import pytest
import torch
from torch.nn import Conv2d, InstanceNorm2d

import nstlib as nst
from nstlib import feedforward, live
from nstlib.backbone import load_backbone
from nstlib.errors import InputError
from nstlib.feedforward import StyleNetwork, Training, content_of, fresh, style_of, train_style_network
from nstlib.image import load_image
from nstlib.interrupts import Stopped
from nstlib.objective import Objective

NAN = float("nan")
STYLE, PHOTOGRAPHS = "style/mosaic", ["content/tubingen"]
SMALL = {"batch": 2, "size": 64, "rate": 1e-2}


@pytest.mark.parametrize("size", [(64, 64), (61, 45), (4, 9), (5, 1)])
def test_a_painted_picture_has_the_contents_size(size):
    made = StyleNetwork(width=4, blocks=1)(torch.rand(2, 3, *size))
    assert made.shape == (2, 3, *size) and made.min() > 0 and made.max() < 1


def test_the_gradient_to_the_weights_is_that_of_the_plain_formula():
    backbone, network = load_backbone(), fresh(0)
    image, style = load_image(PHOTOGRAPHS[0], 64).pixels, load_image(STYLE, 64).pixels
    objective = Objective(backbone, [*content_of(backbone, image, 0.1), *style_of(backbone, style)])
    objective(network(image))[0].backward()
    wanted = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    painted = network(image)
    painted.backward(objective.value_and_gradient(painted.detach())[2])
    for parameter, gradient in zip(network.parameters(), wanted, strict=True):
        assert (parameter.grad - gradient).norm() <= 0.02 * gradient.norm() + 1e-6


def test_training_brings_the_loss_down_on_a_picture_it_never_saw():
    backbone, image = load_backbone(), load_image("content/city", 96).pixels
    objective = Objective(backbone, style_of(backbone, load_image(STYLE, 96).pixels))
    before = float(objective(fresh(0)(image))[0])
    *_, last = train_style_network(STYLE, PHOTOGRAPHS, steps=20, batch=2, size=96)
    assert repr(last).startswith("step 20 of 20, loss ")
    assert float(objective(last.network(image))[0].detach()) < 0.7 * before


@pytest.mark.parametrize("style", [STYLE, "style/great_wave"])
def test_the_first_steps_are_no_leap(style):
    first, *later = (one.loss for one in train_style_network(style, PHOTOGRAPHS, steps=6, batch=2, size=64))
    assert max(later) < 1.5 * first


def test_the_same_seed_trains_the_same_network():
    first, second, other = (
        [one.loss for one in train_style_network(STYLE, PHOTOGRAPHS, steps=2, seed=seed, **SMALL)] for seed in (1, 1, 2)
    )
    assert first == second != other


def test_the_docstring_names_the_terms_of_a_training():
    terms = next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, **SMALL)).terms
    told = re.findall(r'"(.+?)"', Training.__doc__)
    assert set(told) <= set(terms) and {name.split()[0] for name in told} == {name.split()[0] for name in terms}


def test_every_convolution_but_the_last_is_normalised():
    """Lesson 10 says so."""
    kinds = [type(module) for module in StyleNetwork().modules() if isinstance(module, (Conv2d, InstanceNorm2d))]
    assert kinds == [Conv2d, InstanceNorm2d] * (len(kinds) // 2) + [Conv2d]


def test_no_kernels_are_recorded_for_objectives_that_are_asked_once(monkeypatch):
    monkeypatch.setattr("nstlib.objective.captured", lambda *given, **more: pytest.fail("it was captured"))
    assert next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, **SMALL)).loss > 0


def test_it_goes_on_with_a_network():
    *_, first = train_style_network(STYLE, PHOTOGRAPHS, steps=3, **SMALL)
    kept = {name: value.clone() for name, value in first.network.state_dict().items()}
    (second,) = train_style_network(STYLE, PHOTOGRAPHS, steps=1, network=first.network, **SMALL)
    assert second.network is first.network
    assert any(not torch.equal(value, kept[name]) for name, value in first.network.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_in_half_precision_learns_once_it_is_single(dtype):
    network = fresh(0).to(dtype)
    with pytest.raises(InputError, match=r"^a network in b?float16 loses the small steps .*: give network\.float\(\)$"):
        next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, network=network, **SMALL))
    assert next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, network=network.float(), **SMALL)).loss > 0


def test_a_frozen_network_learns_once_it_is_thawed():
    network = fresh(0).requires_grad_(False)
    with pytest.raises(InputError, match=r"frozen, so it cannot learn: give network\.requires_grad_\(\)$"):
        next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, network=network, **SMALL))
    assert next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, network=network.requires_grad_(), **SMALL)).loss > 0


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_what_is_no_number_ends_a_training_before_it_spoils_the_network(broken, monkeypatch):
    real, steps = feedforward.backward, []

    def backward(network, *others):
        loss, named = real(network, *others)
        steps.append(loss)
        if len(steps) == 3 and broken == "gradient":
            next(network.parameters()).grad[0, 0, 0, 0] = NAN
        return NAN if len(steps) == 3 and broken == "loss" else loss, named

    monkeypatch.setattr(feedforward, "backward", backward)
    told = f"^step 3 of 5: the {broken} is not a finite number, and the network stays as it was: .*network=None$"
    kept = {}
    with pytest.raises(InputError, match=told):
        for here in train_style_network(STYLE, PHOTOGRAPHS, steps=5, **SMALL):
            kept = {name: value.clone() for name, value in here.network.state_dict().items()}
    assert here.step == 2 and all(torch.equal(value, kept[name]) for name, value in here.network.state_dict().items())


def test_a_network_that_is_trained_on_sees_other_crops_with_another_seed(monkeypatch):
    real, seen = feedforward.crop, []

    def crop(*given):
        seen.append(real(*given))
        return seen[-1]

    monkeypatch.setattr(feedforward, "crop", crop)
    network = fresh(0)
    for seed in (0, 0, 1):
        next(train_style_network(STYLE, PHOTOGRAPHS, steps=1, network=network, seed=seed, **SMALL))
    first, again, other = (torch.cat(seen[i : i + 2]) for i in (0, 2, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_styles_transparent_part_is_no_style():
    look = load_image(STYLE, 128).pixels[0, :, :80, :80]
    cut_out, on_white = torch.zeros(4, 80, 160), torch.ones(3, 80, 160)
    cut_out[:3, :, :80] = on_white[:, :, :80] = look
    cut_out[3, :, :80] = 1
    alone, cut, white = (
        next(train_style_network(style, PHOTOGRAPHS, steps=1, batch=1, size=160)).loss
        for style in (look, cut_out, on_white)
    )
    assert abs(cut - alone) < 0.4 * abs(white - alone)


def test_paint_gives_a_picture():
    made = fresh(0).paint("content/city", 48)
    assert isinstance(made, nst.Picture) and max(made.pixels.shape) == 48 and not made.pixels.requires_grad


@pytest.mark.parametrize(
    ("style", "photographs", "says"),
    [(STYLE, [], "no photograph to practise on"), ("style/mosaik", PHOTOGRAPHS, "mosaic")],
)
def test_a_mistake_is_told_before_any_step(style, photographs, says):
    with pytest.raises(InputError, match=says):
        next(train_style_network(style, photographs, steps=1))


ODD = [
    *({"steps": value} for value in (0, -1, 1.5, "x", None)),
    *({"batch": value} for value in (0, "x", 10**9)),
    *({"size": value} for value in (0, 8, "x", 10**6, True)),
    *({"rate": value} for value in (0, -1, NAN, "x", 1e9)),
    *({"content_weight": value} for value in (-1, NAN, "x")),
    *({"network": value} for value in (5, torch.nn.Linear(2, 2))),
    *({"seed": value} for value in (-1, None, "x", 2**70)),
    *({"photographs": value} for value in (5, None, [], [5], ["nope.png"], torch.zeros(3, 0, 0))),
    *({"style": value} for value in (5, None, "nope.png")),
    {"device": "x"},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:40])
def test_what_cannot_be_is_told_in_a_line(odd):
    with pytest.raises(InputError) as caught:
        next(train_style_network(**{"style": STYLE, "photographs": PHOTOGRAPHS, "steps": 1, "size": 64, **odd}))
    assert len(str(caught.value).splitlines()) == 1


def test_shapes_that_are_no_pictures_are_refused():
    with pytest.raises(InputError, match="at least 8"):
        fresh(0).paint("content/city", 2)
    with pytest.raises(InputError, match=r"give \(B, 3, height, width\)"):
        fresh(0)(torch.rand(3, 40, 40))
    with pytest.raises(InputError, match="an image of 3x4: give one that is more than 4 pixels wide or high"):
        fresh(0)(torch.rand(1, 3, 4, 3))


def test_an_interrupt_in_a_notebook_is_one_line_that_says_how_to_go_on(monkeypatch):
    monkeypatch.setattr(live, "notebook", lambda: "a shell")
    before, here = signal.getsignal(signal.SIGINT), None
    with pytest.raises(Stopped, match=r"^stopped after step 2 of 40: .*network= trains it on.*seed=$"):
        for here in train_style_network(STYLE, PHOTOGRAPHS, steps=40, **SMALL):
            if here.step == 2:
                signal.raise_signal(signal.SIGINT)
    assert isinstance(here.network, StyleNetwork)
    signal.signal(signal.SIGINT, before)
