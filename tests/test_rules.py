"""What a field may hold: every odd option is refused in one line before any work, and texts say what values say."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from odd_options import REFUSED, TAKEN

import nstlib as nst
from nstlib.rules import Choice, Either, Flag, Maybe, Number, Text, Tuple, Unfit, Weighted, judged
from nstlib.settings import Settings

SMALL = {"size": 64, "evaluations": 2, "device": "cpu"}


def shown(options):
    return str(options)[:60]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A content and a style; the test stands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    made = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return made[0], made[1]


@pytest.mark.parametrize("options", REFUSED, ids=shown)
def test_an_odd_option_is_refused_in_one_line_before_any_work(pictures, options, monkeypatch):
    monkeypatch.setattr(nst.Objective, "__init__", lambda *_: pytest.fail("the run began"))
    with pytest.raises(nst.InputError) as caught:
        nst.stylize(*pictures, **{**SMALL, **options})
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("options", TAKEN, ids=shown)
def test_what_makes_sense_is_taken(pictures, options):
    result = nst.stylize(*pictures, **{**SMALL, **options})
    assert torch.isfinite(result.image).all() and result.evaluations >= 2


def test_a_refusal_names_field_value_and_rule():
    with pytest.raises(nst.InputError) as caught:
        nst.Recipe(history=0)
    assert str(caught.value) == "history=0: expected a whole number of at least 1 and at most 1,000"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("relu3_3=1,relu3_3=2", "relu3_3 stands there twice; "),
        ("relu2_1,relu3_3,relu2_1=3", "relu2_1 stands there twice; "),
        ("relu3_3,", "a name is missing, perhaps by a comma too many; "),
        ("relu3_3=1,,relu2_1=2", "a name is missing, perhaps by a comma too many; "),
        ("relu3_3=1,relu2_1", "relu2_1 has no weight and others have: give each one, as in relu2_1=1; "),
    ],
)
def test_a_list_of_layers_says_where_it_slips(text, words):
    with pytest.raises(nst.InputError, match="style_layers=.*: " + re.escape(words)):
        nst.Recipe(style_layers=Weighted().parse(text))


RULES = [
    (Number(0, 1, below=True), [0, 0.5, np.float32(0.25)], [1, -0.1, "0.5", True, None, math.nan, 1j]),
    (Number(0, above=True), [1e-300, 7], [0, -1, math.inf]),
    (Number(1, 9, whole=True), [1, 9, 3.0, np.int64(4)], [0, 10, 2.5, "3", False, 10**400]),
    (Choice(("a", "b")), ["a"], ["c", 1, None, ["a"]]),
    (Choice(("a", "1")), ["1", 1], [2, 1.0, True]),
    (Flag(), [True, np.bool_(False)], [0, 1, "true", None]),
    (Text(), ["x"], ["", None, 3, "a\0b"]),
    (Maybe(Number(0, 1)), [None, 0.5], [2, "none"]),
    (
        Tuple("two", (Number(), Number())),
        [(1, 2), [3, 4], np.array([1.0, 2.0])],
        [(1,), (1, 2, 3), 5, "12", {1: 2}],
    ),
    (Tuple("some", (Number(0, 5),), single=True), [(), [1, 2], 3], [[6], "1", None]),
    (Tuple("some, or off", (Number(0, 5),), empty="off"), [(), "off"], ["of", ""]),
    (Either("one or three", (Number(), Tuple("", (Number(),) * 3, ":"))), [1, (1, 2, 3)], [(1, 2), "x"]),
    (Weighted(), ["a", ["a", "b"], {"a": 1}], [{}, [], {"a": -1}, {"a": 0}, {1: 1}, [1], None, 3, {"a": "1"}]),
]


@pytest.mark.parametrize(("rule", "fits", "breaks"), RULES, ids=lambda x: type(x).__name__)
def test_what_fits_and_what_does_not(rule, fits, breaks):
    for value in fits:
        rule.accept(value)
    for value in breaks:
        with pytest.raises(Unfit):
            rule.accept(value)
        with pytest.raises(nst.InputError, match=r"^it="):
            judged("it", value, rule)


RECORDS = {**nst.RECIPES, "settings": Settings(shares=(1, 2.5), memory=1e9)}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_text_says_what_a_value_says(record):
    """Every field of every recipe comes back from the form in which `nst recipes NAME` shows it."""
    for one in dataclasses.fields(record):
        rule, value = one.metadata["rule"], getattr(record, one.name)
        if value != "":
            assert rule.show(value) and rule.accept(rule.parse(rule.show(value))) == value, one.name


@pytest.mark.parametrize("record", [nst.Recipe, Settings])
def test_every_field_has_a_rule_a_help_and_words(record):
    for one in dataclasses.fields(record):
        assert one.metadata["help"] and one.metadata["rule"].words


def test_names_without_weights_share_one():
    assert dict(nst.Recipe(style_layers=["relu1_1", "relu2_1"]).style_layers) == {"relu1_1": 0.5, "relu2_1": 0.5}
    assert dict(nst.Recipe(content_layers="relu3_1").content_layers) == {"relu3_1": 1.0}
