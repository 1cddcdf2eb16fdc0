"""A checkpoint or a picture's facts with anything in any place: one line, or the run as it was; never a traceback."""

import copy
import json
import random
import sys
from collections import Counter

import pytest
import torch

import nstlib as nst
from nstlib import cli
from nstlib.errors import InputError
from nstlib.judges import painter
from nstlib.plan import prepare
from nstlib.studio.choices import Choices
from nstlib.studio.shelf import Shelf
from nstlib.transfer import carry_out

MISSING = object()
ODD = [MISSING, None, 5, -1, "x", "\n", [], {}, [1], {"a": 1}, [[]], float("nan"), True, 10**30, "a" * 3000]
TENSORS = [torch.zeros(2), torch.full((1, 3, 2, 2), float("nan")), torch.zeros(1, 3, 40, 40, dtype=torch.uint8)]
OPTIONS = {"size": 40, "evaluations": 3, "start": "noise", "precision": "float32", "device": "cpu", "pyramid": ()}


def places(value, before=()):
    """The way to each place in nested lists and dictionaries, the first of long ones only."""
    for key in [*value][:30] if isinstance(value, dict) else range(min(2, len(value))):
        yield (*before, key)
        if isinstance(value[key], dict | list) and value[key]:
            yield from places(value[key], (*before, key))


def spoiled(good, place, odd):
    """A copy with something else in one place."""
    made = copy.deepcopy(good)
    *way, last = place
    holder = made
    for key in way:
        holder = holder[key]
    if odd is MISSING:
        del holder[last]
    else:
        holder[last] = odd
    return made


def spoilings(good, odd_ones, count):
    """So many for each place, the same ones each time."""
    chosen = random.Random(0)
    for place in places(good):
        yield from ((place, odd) for odd in chosen.sample(odd_ones, count))


@pytest.mark.parametrize("optimizer", [{}, {"optimizer": "adam", "average": 0.5}], ids=["lbfgs", "adam"])
def test_a_spoiled_checkpoint_goes_on_or_is_refused_in_a_line(optimizer, tmp_path):
    pictures = torch.rand(1, 3, 40, 40), [torch.rand(1, 3, 44, 40)]
    plan, more = (prepare(*pictures, **{**OPTIONS, **optimizer, "evaluations": n}) for n in (3, 4))
    path, seen = tmp_path / "run.pt", Counter()
    carry_out(plan, path)
    good = torch.load(path, weights_only=True)
    for place, odd in spoilings(good, [*ODD, *TENSORS], 3):
        torch.save(spoiled(good, place, odd), path)
        try:
            carry_out(more, path)
            seen["went on"] += 1
        except InputError as error:
            assert str(path) in str(error) and len(str(error).splitlines()) == 1 and len(str(error)) < 700
            seen["refused"] += 1
    print(seen)
    assert seen["refused"] > 100


def test_spoiled_facts_are_used_or_refused_in_a_line(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    pixels, seen = torch.rand(1, 3, 40, 40), Counter()
    for name in ("c.png", "s.png"):
        nst.save_image(pixels, name)
    good = dict(nst.stylize("c.png", "s.png", **OPTIONS).facts)
    for place, odd in spoilings(json.loads(json.dumps(good)), ODD, 2):
        nst.save_image(pixels, "a.png", {"nstlib": json.dumps(spoiled(good, place, odd))})
        shelf = Shelf(".")
        if (facts := shelf.facts(tmp_path / "a.png")) is not None:
            try:
                Choices.of(facts)
            except InputError as error:
                assert len(str(error).splitlines()) == 1
        painter("a.png")
        for call in ("show a.png", "show a.png --json", LIKE):
            monkeypatch.setattr(sys, "argv", ["nst", *call.split()])
            try:
                cli.main()
                status = 0
            except SystemExit as ended:
                status = ended.code
            _, said = capfd.readouterr()
            assert status in (0, 1, 2) and said.count("\n") <= 1 and len(said) < 700, (call, place, odd)
            seen[call.split()[0], status] += 1
    print(seen)
    assert seen["stylize", 2] > 30 and seen["show", 0] > 30


LIKE = "stylize --like a.png -o b.png --device cpu --quiet"
