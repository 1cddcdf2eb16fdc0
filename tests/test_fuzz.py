"""Whatever is given for whatever option: a plan, or one line that names what is wrong; never a traceback."""

import dataclasses
import string

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nstlib as nst
from nstlib.cli.options import parsed
from nstlib.plan import prepare
from nstlib.settings import Settings, settle

FIELDS = [one.name for record in (nst.Recipe, Settings) for one in dataclasses.fields(record)]
SMALL = {"size": 40, "evaluations": 2, "device": "cpu"}

words = [*nst.RECIPES, *nst.BACKBONES, *nst.STATISTICS]
words += ["relu1_1", "fire2", "adam", "noise", "style", "255", "none", "random"]
atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 600),
    st.sampled_from([0, -1, 2**63, 10**30, 1e-30, 1e25, -0.0, float("nan"), float("inf"), float("-inf"), 0.5, 1.5]),
    st.sampled_from(words),
    st.text(string.printable, max_size=8),
    st.binary(max_size=4),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.sampled_from(words), atoms.filter(lambda x: x == x)), inner, max_size=3),
    ),
    max_leaves=4,
)
options = st.dictionaries(st.sampled_from([*FIELDS, "recipe", "sise"]), values, min_size=1, max_size=4)


def one_line(error):
    return "\n" not in str(error) and 0 < len(str(error)) < 700


@given(options)
@settings(max_examples=1500, deadline=None)
def test_options_are_settled_or_refused(given_options):
    try:
        recipe, how = settle(given_options.pop("recipe", "kit"), given_options)
    except nst.InputError as error:
        assert one_line(error)
    else:
        assert nst.Recipe.from_dict(recipe.to_dict()) == recipe and isinstance(how, Settings)


@given(options)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_plan_is_made_or_refused(given_options):
    picture = torch.linspace(0, 1, 3 * 40 * 44).view(1, 3, 40, 44)
    if {"backbone", "recipe"} & given_options.keys():
        given_options["weights"] = "random"  # nothing may be downloaded
    try:
        plan = prepare(picture, [picture.flip(3)], **{**SMALL, **given_options})
    except nst.InputError as error:
        assert one_line(error)
    else:
        assert plan.stages and plan.budget.maps > 0


@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "sise"]), st.text(max_size=12)), min_size=1, max_size=3))
@settings(max_examples=500, deadline=None)
def test_texts_of_the_command_line_are_values_or_refused(pairs):
    try:
        made = parsed({"set": tuple(f"{name}={text}" for name, text in pairs)})
        settle("kit", made)
    except nst.InputError as error:
        assert one_line(error)


@pytest.mark.parametrize("text", ["0\n0", "0\r\n0", "a\u2028b", "\n"])
@pytest.mark.parametrize("name", ["backbone", "recipe", "statistic", "start", "weights", "sise"])
def test_a_value_of_two_lines_is_told_in_one(name, text):
    picture = torch.linspace(0, 1, 3 * 40 * 44).view(1, 3, 40, 44)
    with pytest.raises(nst.InputError) as caught:
        prepare(picture, [picture], **{**SMALL, name: text})
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("what", ["content", "style", "start"])
@given(values)
@settings(max_examples=40, deadline=None)
def test_anything_for_a_picture_is_a_picture_or_refused(what, value):
    picture = torch.linspace(0, 1, 3 * 40 * 44).view(1, 3, 40, 44)
    content, styles, more = picture, [picture], {}
    if what == "content":
        content = value
    elif what == "style":
        styles = [value]
    else:
        more = {"start": value}
    if isinstance(value, str) and value.startswith("painting/"):
        return
    try:
        prepare(content, styles, **SMALL, **more)
    except nst.InputError as error:
        assert one_line(error)
