"""A teacher's answer key: everything that a lesson asks, in its order, with what the checks know."""

import pytest
from click.testing import CliRunner

from nstlib import LESSONS
from nstlib.cli import nst
from nstlib.errors import InputError
from nstlib.exercise import EXERCISES, Choice, Code, Number
from nstlib.key import answer_key, asked_in, number_of


@pytest.mark.parametrize("number", LESSONS)
def test_each_question_of_a_lesson_has_its_entry(number):
    asked, key = asked_in(number), answer_key(number)
    assert asked and [line[3:] for line in key.splitlines() if line.startswith("## ")] == asked
    for name in asked:
        question = EXERCISES[name]
        assert question.question in key
        if isinstance(question, Choice):
            assert f"✓ {question.answer}) {question.options[question.answer][0]}" in key
        elif isinstance(question, Number):
            assert all(f"*{tell}*" in key for _, tell in question.mistakes) and question.why in key
        else:
            assert isinstance(question, Code) and all(f"✗ *{tell}*" in key for _, tell in question.mistakes)


def test_the_command_prints_it():
    done = CliRunner().invoke(nst, ["key", "04_gram_matrices"])
    assert done.exit_code == 0 and done.output.startswith("# 04 Gram matrices: answers") and "## 04.gram" in done.output


def test_an_unknown_lesson_is_named_with_the_nearest():
    with pytest.raises(InputError, match="04"):
        answer_key("o4")


def test_each_exercise_is_asked_by_a_lesson():
    asked = {name for number in LESSONS for name in asked_in(number)}
    assert {name for name in EXERCISES if name not in asked} == set()


def spellings(number):
    """What people call a lesson."""
    stem = LESSONS[number].stem
    yield from (number, number.removeprefix("0"), number.upper(), f" {number}\n", stem, f"{stem}.ipynb")
    yield from (f"notebooks/student/{stem}.ipynb", asked_in(number)[0])


@pytest.mark.parametrize(("spelt", "number"), [(spelt, number) for number in LESSONS for spelt in spellings(number)])
def test_a_lesson_may_be_called_by_its_number_its_notebook_or_a_question(spelt, number):
    assert number_of(spelt) == number


@pytest.mark.parametrize("name", ["", ".", "4c", "04_losses", "gram", "004", "7.5b.ipynb"])
def test_what_names_no_lesson_or_two_is_refused(name):
    with pytest.raises(InputError, match=f"unknown lesson '{name}'"):
        number_of(name)
