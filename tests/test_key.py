"""A teacher's answer key: everything that a lesson asks, in its order, with what the checks know."""

import pytest
from click.testing import CliRunner

from nstlib import LESSONS
from nstlib.cli import nst
from nstlib.errors import InputError
from nstlib.exercise import EXERCISES, Choice, Code, Number
from nstlib.key import answer_key, asked_in


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
    done = CliRunner().invoke(nst, ["key", "04"])
    assert done.exit_code == 0 and done.output.startswith("# 04 Gram matrices: answers") and "## 04.gram" in done.output


def test_an_unknown_lesson_is_named_with_the_nearest():
    with pytest.raises(InputError, match="04"):
        answer_key("o4")


def test_each_exercise_is_asked_by_a_lesson():
    asked = {name for number in LESSONS for name in asked_in(number)}
    assert {name for name in EXERCISES if name not in asked} == set()


def test_a_lesson_may_be_named_without_its_zero():
    assert answer_key("4") == answer_key("04")
