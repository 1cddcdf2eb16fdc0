"""Questions: what was said is kept, what was found comes after it, and no notebook holds an answer before that."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from odd_answers import ODD

import nstlib as nst
from nstlib import asking
from nstlib.errors import InputError
from nstlib.exercise import EXERCISES, Choice, Code, Number
from nstlib.exercise.typed import worked_out

ASKABLE = [name for name, question in EXERCISES.items() if not isinstance(question, Code)]
RIGHT = "a sum knows no order"  # of 04.shuffle
WRONG = "Rows are channels: positions are summed over."


def given(name):
    """An answer that a learner might give: a wrong letter, or a wrong number."""
    question = EXERCISES[name]
    if isinstance(question, Choice):
        return next(k for k in question.options if k != question.answer)
    return (1234.5,) * len(question.answer) if question.several else 1234.5


def secrets(name):
    """What is not to be read before it is told."""
    question = EXERCISES[name]
    if isinstance(question, Choice):
        return [tell for _, tell in question.options.values()]
    return [text for text in (question.why, question.hint, *(tell for _, tell in question.mistakes)) if text]


@pytest.mark.parametrize("name", ["04.shuffle", "04.size", "02.stacked"])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_told_in_a_line(odd, name):
    for ask in (nst.predict, nst.choose):
        shown = ask(name, ODD[odd])
        assert len(repr(shown)) < 2000 and len(shown._repr_html_()) < 20_000


@pytest.mark.parametrize("text", ["9**9**9", "((((9**64)**64)**64)**64)**64", "(" * 999, "-" * 9999 + "1"])
def test_what_would_take_for_ever_is_not_worked_out(text):
    assert worked_out(text) == text


# --- a prediction --------------------------------------------------------------------------------


def test_a_prediction_is_told_after_the_result():
    said = repr(nst.predict("04.shuffle", "b"))
    assert said.endswith("You said b. Run on and see.")
    told = repr(nst.found("04.shuffle"))
    assert WRONG in told and "Found: a) Nothing." in told and RIGHT in told


def test_who_was_right_is_told_why():
    nst.predict("04.shuffle", " A) ".strip())
    told = repr(nst.found("04.shuffle"))
    assert told.splitlines() == ["You said a) Nothing.", f"✓ {EXERCISES['04.shuffle'].options['a'][1]}"]


def test_an_option_without_a_stop_is_told_with_one():
    nst.predict("01.step_width", "a")
    told = repr(nst.found("01.step_width"))
    assert "You said a) 0.1.\n" in told and "b) 1e-5. Small enough" in told


def test_it_is_kept_may_be_changed_before_the_result_and_not_after():
    nst.predict("04.shuffle", "b")
    assert "You said b" in repr(nst.predict("04.shuffle"))
    nst.predict("04.shuffle", "c")
    assert "You said c" in repr(nst.predict("04.shuffle", ...))
    nst.found("04.shuffle")
    assert "what you said before it stays" in repr(nst.predict("04.shuffle", "a"))
    assert "You said c)" in repr(nst.found("04.shuffle"))


def test_without_a_prediction_the_finding_lies_folded():
    told = nst.found("04.shuffle")
    assert 'nst.predict("04.shuffle", "a")' in repr(told) and RIGHT not in repr(told)
    before, fold = told._repr_html_().split("<details ")
    assert RIGHT not in before and RIGHT in fold and "<summary>What was found</summary>" in fold


def test_one_made_after_the_result_is_told_at_once():
    nst.found("04.shuffle")
    assert WRONG in repr(nst.predict("04.shuffle", "b"))


@pytest.mark.parametrize("odd", ["z", "", "?", None, ..., 3, ("a", "b"), object()])
def test_what_is_no_answer_is_not_taken(odd):
    asked = repr(nst.predict("04.shuffle", odd))
    assert "Choose one of the letters a, b, c, d" in asked or 'write nst.predict("04.shuffle", "a")' in asked
    assert not asking.ASKED["04.shuffle"].answers


# --- a question that is told at once -------------------------------------------------------------


def test_a_question_is_told_at_once_and_may_be_answered_again():
    wrong = repr(nst.choose("04.shuffle", "b"))
    assert WRONG in wrong and RIGHT not in wrong
    assert RIGHT in repr(nst.choose("04.shuffle", "a"))
    for _ in range(2):
        after = repr(nst.choose("04.shuffle", "c"))
        assert "they still meet the same partners" in after and after.endswith("You were right before, and that stays.")
    assert "You were right before" not in repr(nst.choose("04.shuffle", "a"))
    assert asking.ASKED["04.shuffle"].answers == ["b", "a"]


@pytest.mark.parametrize("text", ["(512, 512)", "512, 512", " 2**9, 2^9", "64*8, 1024/2", [512, 512], "1, 512, 512"])
def test_numbers_are_read_as_people_write_them(text):
    assert nst.check("04.size", worked_out(text)).passed
    assert "✓ Right." in repr(nst.choose("04.size", text))


@pytest.mark.parametrize("text", ["512 × 28 × 28", "512x28x28", "512, 28, 28", "(512, 28, 14*2)", "512, 7×4, 28"])
def test_a_shape_is_read_as_people_write_it(text):
    assert "✓ Right." in repr(nst.choose("03.shape", text))


@pytest.mark.parametrize(
    "text, number",
    [
        *[("10,000", 10000), ("2 097 152", 2**21), ("1’000.5", 1000.5), ("3 × 7", 21), ("0 × 7", 0), ("0x40", 64)],
        *[("½", 0.5), ("3×½", 1.5), ("１２", 12), ("１，０００", 1000), ("2⁻¹", 0.5), ("25％", 0.25)],
    ],
)
def test_a_number_is_read_as_people_write_it(text, number):
    assert worked_out(text) == number


@pytest.mark.parametrize("text", ["1½", "1e400", "1e300 * 1e300", "-1e999", "0x", "1/1e-400"])
def test_what_is_no_number_or_beyond_all_stays_a_text(text):
    assert worked_out(text) == text


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("07.coarse_work", "1,5", "This asks for 1 number, and you gave 2. A decimal takes a point: 1.5."),
        ("04b.rank", "512 and 100", "This asks for a number, not the text '512 and 100'."),
        ("04b.rank", "512, 100", "This asks for 1 number, and you gave 2."),
        ("04.size", "512", "This asks for 2 numbers, and you gave 1."),
        ("03.shape", "512, 28", "This asks for 3 numbers, and you gave 2."),
    ],
)
def test_another_count_of_numbers_is_no_prediction(name, text, told):
    shown = repr(nst.predict(name, text)).splitlines()[-1]
    assert shown == f"✗ {told}" and EXERCISES[name].hint not in shown
    assert not asking.ASKED[name].answers


@pytest.mark.parametrize("name", [name for name in ASKABLE if isinstance(EXERCISES[name], Number)])
def test_one_number_too_many_or_too_few_is_told_now_and_at_the_end(name):
    question = EXERCISES[name]
    answer = question.answer if question.several else (question.answer,)
    shape = question.several and "shape" in question.question.lower()
    for given, right in (
        ((1, *answer), shape),  # (1, C, H, W) for (C, H, W)
        ((1, *(5 * n + 7 for n in answer)), False),
        ((*answer, 12345), False),
        ((1, 1, *answer), False),
    ):
        assert nst.check(name, given).passed is right, given
        nst.predict(name, given)
    assert "12345" not in repr(nst.found(name)) + repr(nst.predictions(name.partition(".")[0]))


@pytest.mark.parametrize(
    "name, answer, kept",
    [
        ("03.shape", (1, 512, 28, 28), (1, 512, 28, 28)),
        ("04b.cost", "2^30", (2**30,)),
        ("04.pencil", "1, 2", (1, 2)),
    ],
)
def test_another_count_that_is_meant_or_has_words_of_its_own_is_taken(name, answer, kept):
    nst.predict(name, answer)
    assert asking.ASKED[name].answers == [kept]


@pytest.mark.parametrize(
    "text, told",
    [("0,25", "A decimal takes a point"), ("0,250", "A decimal takes a point"), ("many", "not the text 'many'.")],
)
def test_what_is_no_number_is_told(text, told):
    asked = repr(nst.choose("07.coarse_work", text))
    assert told in asked and "quotes" not in asked


@pytest.mark.parametrize("text", ["1/4", "25 %", "0.25", "25%"])
def test_a_share_may_be_said_in_per_cent(text):
    assert "✓ Right." in repr(nst.choose("07.coarse_work", text))


def test_what_stands_as_an_example_is_of_the_kind_asked_for_and_never_the_answer():
    assert 'nst.choose("04.size", (3, 8))' in repr(nst.choose("04.size"))
    assert nst.choose("04.size").form().text.placeholder == "such as 3, 8"
    assert nst.choose("07.coarse_work").form().text.placeholder == "such as 48 or 3/8"
    for name, question in EXERCISES.items():
        if isinstance(question, Number):
            assert not any(question.check(example).passed for example in (48, 3 / 8, (3, 8))), name


@pytest.mark.parametrize("text", ["many", "9**9**9", "2**99999", "1/0", "__import__('os')", "(" * 300, "512;"])
def test_a_text_that_is_no_number_is_told_so(text):
    assert "✗ This asks for numbers, not" in repr(nst.choose("04.size", text))
    assert not asking.ASKED["04.size"].answers


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ASKABLE)
def test_nothing_of_an_answer_is_shown_before_it_was_told(name):
    lesson = name.partition(".")[0]
    shown = [nst.predict(name), nst.choose(name), nst.predictions(lesson), nst.predict(name, given(name))]
    for one in shown:
        texts = repr(one) + one._repr_html_()
        assert not [secret for secret in secrets(name) if secret in texts]


@pytest.mark.parametrize("name", ASKABLE)
def test_whatever_was_said_the_finding_is_told(name):
    nst.predict(name, given(name))
    assert "Found: " in repr(nst.found(name))
    assert "Right. " not in repr(nst.found(name))


def test_code_is_not_asked_for_and_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(InputError, match=r'04.gram asks for a function.*nst.check\("04.gram", …\)'):
        nst.predict("04.gram")
    for ask in (nst.predict, nst.choose, nst.found):
        with pytest.raises(InputError, match=r"did you mean '04.shuffle'"):
            ask("04.shufle")
    with pytest.raises(InputError, match="unknown lesson '4'"):
        nst.predictions("4")


# --- the playback --------------------------------------------------------------------------------


def test_a_lesson_is_played_back():
    (
        nst.predict("04.shuffle", "b"),
        nst.predict("04.pencil"),
        nst.choose("04.size", (64, 64)),
        nst.choose("04.size", "512, 512"),
    )
    nst.predict("05.mean_or_sum", 3)
    played = nst.predictions("04")
    assert played.caption == "Lesson 04: 2 of 3 questions answered, 0 right at the first attempt"
    (_, said, found), (_, nothing, hidden), (_, both, _) = played.rows
    assert said == "✗ b) Its rows are shuffled." and found.startswith("a) Nothing. It is a sum over positions")
    assert nothing == "nothing yet" and "1, 0, 2" not in hidden
    assert both == "✗ 64, 64. Then: ✓ 512, 512."
    assert "what you said before it stays" in repr(nst.predict("04.shuffle", "a"))


def test_nothing_asked_nothing_played():
    assert repr(nst.predictions("04")).startswith("Nothing was asked of lesson 04 so far")
    assert "<table" not in nst.predictions("04")._repr_html_()


# --- the form ------------------------------------------------------------------------------------


def test_a_click_commits_and_is_marked():
    made = nst.predict("04.shuffle").form()
    assert "You said" not in made.words.value
    assert "nst-spoken" in made.words._dom_classes and "role=" not in made.words.value, "the place stays, words come"
    made.buttons["b"].click()
    assert "You said b. Run on and see." in made.words.value
    assert [letter for letter, one in made.buttons.items() if one.description.startswith("● ")] == ["b"]
    made.buttons["c"].click()
    assert asking.ASKED["04.shuffle"].answers == ["c"] and not made.buttons["b"].description.startswith("● ")
    nst.found("04.shuffle")
    made.buttons["a"].click()
    assert asking.ASKED["04.shuffle"].answers == ["c"] and made.buttons["c"].description.startswith("● ")


def test_what_is_clicked_is_drawn_into_the_still_figure(monkeypatch):
    drawn = []
    handle = SimpleNamespace(update=lambda data, **_: drawn.append(data))
    monkeypatch.setattr("IPython.display.display", lambda data, **_: drawn.append(data) or handle)
    asked = nst.choose("04.shuffle")
    asked._ipython_display_()
    assert "Run this cell and click. To answer, write nst.choose" in drawn[0]["text/html"] and "● " not in str(drawn)
    box = asked.form()
    box.buttons["b"].click()
    still = drawn[-1]
    assert WRONG in still["text/html"] and "● <b>b</b>)" in still["text/html"], "a saved file shows it"
    assert "Run this cell" not in still["text/html"] and WRONG in still["text/plain"]
    (name,) = set(re.findall(r"nst-still-\w+", drawn[0]["text/html"]))
    assert name in still["text/html"], "the form still hides it"


def test_a_form_run_again_shows_what_was_said():
    nst.choose("04.shuffle", "b")
    made = nst.choose("04.shuffle").form()
    assert WRONG in made.words.value and made.buttons["b"].description.startswith("● ")


def test_numbers_go_into_a_box():
    made = nst.choose("04.size").form()
    made.text.value = "64, 64"
    assert "Those are positions" in made.words.value
    made.text.value = "many"
    assert "not the text" in made.words.value
    made.text.value = "   "
    assert "Those are positions" in made.words.value and "not the text" not in made.words.value
    assert asking.ASKED["04.size"].answers == [(64.0, 64.0)]


@pytest.mark.parametrize("library", [True, False])
def test_a_notebook_shows_the_question_and_no_answer(library, tmp_path):
    """Executed as the lessons are, with ipywidgets and without: what is saved can be read, and holds no answer."""
    hide = "" if library else 'import sys; sys.modules["ipywidgets"] = None\n'
    hide += "" if library else "import importlib.util as u; f = u.find_spec\n"
    hide += "" if library else 'u.find_spec = lambda n, *a: None if n == "ipywidgets" else f(n, *a)\n'
    sources = [
        f'{hide}import nstlib as nst\nnst.predict("04.shuffle")',
        'nst.choose("04.size")',
        'nst.predictions("04")',
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "asked.ipynb")
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "asked.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    text = json.dumps(json.loads((tmp_path / "asked.ipynb").read_text(encoding="utf-8")), ensure_ascii=False)
    assert "Its rows are shuffled." in text and 'nst.predict(\\"04.shuffle\\", \\"a\\")' in text
    assert ("widget-view+json" in text) == library
    assert not [secret for name in ("04.shuffle", "04.size") for secret in secrets(name) if secret in text]


# --- the placement test --------------------------------------------------------------------------


def test_the_placement_test_asks_ten_questions_and_sends_to_the_lesson_that_is_missing():
    told = repr(nst.placement())
    assert told.count("5 questions left") == 2
    for name in (names := asking.PLACEMENT)["01"]:
        nst.choose(name, given(name))
        nst.choose(name, EXERCISES[name].answer)  # the first attempt is what counts
    for name in names["02"][:4]:
        nst.choose(name, EXERCISES[name].answer)
    assert repr(asking.route()).splitlines() == [
        "Lesson 01: 0 of 5 right at once, so begin with it.",
        "Lesson 02: 1 question left. Answer, then run this cell again.",
    ]
    nst.choose(names["02"][4], given(names["02"][4]))
    assert "Lesson 02: 4 of 5 right at once, so you can go past it." in repr(asking.route())


def test_the_placement_test_shows_each_of_its_questions(capsys):
    nst.placement()
    shown = capsys.readouterr().out
    assert all(EXERCISES[name].question in shown for names in asking.PLACEMENT.values() for name in names)


@pytest.mark.parametrize("verb", [nst.choose, nst.predict])
def test_brackets_around_several_numbers_may_be_forgotten(verb):
    assert repr(verb("04.size", 512, 512)) == repr(verb("04.size", (512, 512)))
