"""What a person does, done in a real browser: the studio in JupyterLab and under Voila, a notebook's own displays."""

import json
import re
import time

import nbformat
import numpy as np
import pytest
from browser import Voila, browser, lab, studio_runs  # noqa: F401  # fixtures
from PIL import Image

from nstlib.result import read_facts

NAME = """() => {
  const one = document.activeElement;
  return one.labels?.[0]?.innerText || one.innerText || one.tagName;
}"""  # of what has the focus
# The handle of a slider has no name in any version of ipywidgets, and none can be given to it. There is one, with the
# words beside it, and what it does is told by the picture's own words.
NAMELESS = ".nst-wipe"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(lab):  # noqa: F811
    """The studio, run once for the tests of this file; each leaves it idle."""
    made = lab.open("studio.ipynb")
    made.run_all()
    studio_runs(made)
    return made


@pytest.fixture
def studio(page):
    """The studio with a small picture chosen, nothing running."""
    if page.get_by_role("button", name="Stop and keep").is_enabled():
        stop(page)
    page.get_by_label("Size", exact=True).select_option("128 pixels")
    wait_for(page, "forecast", r"^128×\d+ pixels: about")
    return page


def text(page, look):
    return page.locator(f".nst-{look}").inner_text()


def wait_for(page, look, pattern, timeout=30_000):
    """Wait until a part of the page says something; returns the seconds that took."""
    began = time.perf_counter()
    given = {"look": f".nst-{look}", "pattern": pattern}
    found = "({look, pattern}) => new RegExp(pattern).test(document.querySelector(look).innerText)"
    page.wait_for_function(found, arg=given, timeout=timeout)
    return time.perf_counter() - began


def paint(page):
    page.get_by_role("button", name="Paint", exact=True).click()
    return wait_for(page, "bar", r"^\d+ of ")


def stop(page):
    page.get_by_role("button", name="Stop and keep").click()
    return wait_for(page, "words", "Kept as")


def paint_some(page):
    """Paint and stop; returns the name of the file."""
    paint(page)
    stop(page)
    return re.search(r"Kept as (\S+)", text(page, "words"))[1]


def places(page):
    """Where what must not move is."""
    looks = (".nst-paint", ".nst-easel", ".nst-wipe", ".nst-chart", ".nst-gallery", ".nst-seed-knob")
    return {look: page.locator(f".nst-studio {look}").bounding_box() for look in looks}


# --- the studio in JupyterLab --------------------------------------------------------------------


def test_it_paints_stops_keeps_and_goes_on_without_moving(studio, lab):  # noqa: F811
    before = places(studio)
    first = paint(studio)
    during = places(studio)
    source = studio.locator(".nst-easel img").get_attribute("src")
    studio.wait_for_function("old => document.querySelector('.nst-easel img').src !== old", arg=source, timeout=10_000)
    stopped = stop(studio)
    assert places(studio) == during == before
    assert first < 10 and stopped < 5, f"first picture after {first:.1f} s, stopped after {stopped:.1f} s"
    name = re.search(r"Kept as (\S+)", text(studio, "words"))[1]
    assert read_facts(lab.folder / name)["stopped"] == "stopped by the caller"
    done = int(re.search(r"(\d+) evaluations", text(studio, "bar"))[1])
    studio.get_by_role("button", name="Continue").click()
    wait_for(studio, "words", "Painting")
    wait_for(studio, "bar", r"^\d+ of ")
    stop(studio)
    assert int(re.search(r"(\d+) evaluations", text(studio, "bar"))[1]) > done
    assert (lab.folder / name).is_file() and text(studio, "words").count(name) == 0


def test_a_second_paint_keeps_the_first(studio, lab):  # noqa: F811
    studio.get_by_role("spinbutton", name="Evaluations").fill("1000")
    studio.get_by_role("spinbutton", name="Evaluations").press("Enter")
    paint(studio)
    studio.get_by_role("button", name="Paint", exact=True).click()
    wait_for(studio, "words", "being painted already")
    count = studio.locator(".nst-gallery button").count()
    studio.get_by_role("button", name=re.compile("mountains")).click()
    studio.get_by_role("button", name="Paint", exact=True).click()
    wait_for(studio, "words", "Painting mountains")
    assert studio.locator(".nst-gallery button").count() == count + 1
    stop(studio)
    assert studio.locator(".nst-gallery button").count() == count + 2
    studio.get_by_role("button", name=re.compile("harbour")).first.click()


def test_two_are_compared_one_is_downloaded_and_its_settings_restored(studio, lab):  # noqa: F811
    paint_some(studio)
    studio.get_by_role("button", name=re.compile("mosaic")).first.click()
    other = paint_some(studio)
    gallery = studio.locator(".nst-gallery button")
    gallery.nth(1).click()
    studio.locator(".nst-easel img[alt*='to the left'][alt*='to the right']").wait_for()
    source = studio.locator(".nst-easel img").get_attribute("src")
    studio.locator(".nst-wipe [role=slider]").press("End")
    studio.wait_for_function("old => document.querySelector('.nst-easel img').src !== old", arg=source)
    gallery.nth(1).click()  # leaves the newest alone
    with studio.expect_download() as waiting:
        studio.get_by_role("link", name=f"Download {other.partition('/')[2]}", exact=True).click()
    saved = lab.folder / "downloaded.png"
    waiting.value.save_as(saved)
    assert saved.read_bytes() == (lab.folder / other).read_bytes()
    assert waiting.value.suggested_filename == other.partition("/")[2]
    assert "style/mosaic" in read_facts(saved)["styles"]
    studio.get_by_role("button", name=re.compile("✓ mosaic")).click()
    studio.get_by_label("Size", exact=True).select_option("512 pixels")
    studio.get_by_role("button", name="Restore its settings").click()
    wait_for(studio, "words", "All controls are as they were")
    assert studio.get_by_role("button", name=re.compile("✓ mosaic")).count() == 1
    assert studio.get_by_label("Size", exact=True).evaluate("one => one.value").startswith("128")
    studio.get_by_role("button", name=re.compile("✓ mosaic")).click()


def test_an_own_picture_goes_from_upload_to_file(studio, lab, rng):  # noqa: F811
    path = lab.folder.parent / "my cat.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(path)
    with studio.expect_file_chooser() as chooser:
        studio.get_by_role("button", name=re.compile("Upload a content")).click()
    chooser.value.set_files(path)
    wait_for(studio, "words", "my cat.jpg is kept")
    assert studio.get_by_role("button", name="✓ my_cat").count() == 1
    name = paint_some(studio)
    facts = read_facts(lab.folder / name)
    assert name.startswith("studio/my_cat-") and facts["content"] == "studio/own/my_cat.jpg"
    assert (lab.folder / "studio/own/my_cat.jpg").read_bytes() == path.read_bytes()
    studio.get_by_role("button", name="harbour", exact=True).click()


def test_a_broken_upload_is_told_and_nothing_is_lost(studio, lab):  # noqa: F811
    path = lab.folder.parent / "holiday.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    with studio.expect_file_chooser() as chooser:
        studio.get_by_role("button", name=re.compile("Upload a content")).click()
    chooser.value.set_files(path)
    wait_for(studio, "words", "holiday.jpg")
    assert studio.get_by_role("button", name="✓ harbour", exact=True).count() == 1
    paint_some(studio)


def test_seconds_and_memory_are_told_before_the_press(studio):
    studio.get_by_label("Size", exact=True).select_option("2048 pixels")
    wait_for(studio, "forecast", r"all that the content has: about \d+ (s|min), about [\d.]+ (MB|GB) of memory")


def test_all_can_be_reached_and_done_by_keyboard(studio):
    studio.locator(".nst-thumbs button").first.focus()
    reached = []
    for _ in range(60):
        reached.append(studio.evaluate(NAME))
        studio.keyboard.press("Tab")
        if studio.evaluate("!document.activeElement.closest('.nst-studio')"):
            break
    words = " | ".join(reached)
    for name in ("city", "Upload a content", "woodcut_waves", "Painting", "Size", "Seed", "Paint", "Show as code"):
        assert name in words, words
    studio.get_by_role("button", name=re.compile("city$")).focus()
    studio.keyboard.press("Enter")
    studio.get_by_role("button", name="✓ city").wait_for()
    studio.get_by_role("button", name=re.compile("harbour$")).first.focus()
    studio.keyboard.press("Space")
    studio.get_by_role("button", name="✓ harbour", exact=True).wait_for()


@pytest.mark.parametrize("width", [800, 1280])
def test_nothing_sticks_out(studio, width):
    studio.set_viewport_size({"width": width, "height": 900})
    studio.wait_for_timeout(400)
    assert studio.width_beyond(".nst-studio") <= 0 and studio.width_beyond(".jp-WindowedPanel-outer") <= 0
    cut = studio.evaluate(
        """() => [...document.querySelectorAll(".nst-row button, .nst-studio .widget-label")]
        .filter(one => one.offsetParent && one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
    )
    assert not [words for words in cut if not words.startswith("share of")]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_nobody_is_shut_out(studio, theme):
    from axe_playwright_python.sync_playwright import Axe

    studio.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme, isPalette: false})", theme
    )
    light = str("Light" in theme).lower()
    studio.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
    studio.wait_for_timeout(300)
    found = (
        Axe().run(studio.page, context={"include": [[".nst-studio"]], "exclude": [[NAMELESS]]}).response["violations"]
    )
    serious = {
        one["id"]: [node["html"][:160] for node in one["nodes"]][:3]
        for one in found
        if one["impact"] in ("serious", "critical")
    }
    assert not serious, json.dumps(serious, indent=1)


def test_after_a_restart_the_page_says_what_to_do_and_the_gallery_comes_back(studio):
    paint_some(studio)
    count = studio.locator(".nst-gallery button").count()
    assert not studio.locator(".nst-lost").is_visible()
    studio.restart()
    studio.get_by_text("The kernel of this notebook is gone").wait_for()
    studio.connected()
    studio.run_all()
    studio_runs(studio)
    assert studio.locator(".nst-gallery button").count() == count
    studio.locator(".nst-gallery button").first.click()
    wait_for(studio, "facts-box", "recipe kit on pocket")


# --- a notebook's own displays -------------------------------------------------------------------


def test_a_notebook_that_was_never_run_shows_what_it_is(lab):  # noqa: F811
    (lab.folder / "never").mkdir()
    made = lab.open("studio.ipynb", place="never/studio.ipynb")
    picture = made.locator(".jp-OutputArea-output img[alt^='The studio']")
    picture.wait_for()
    assert picture.evaluate("one => one.naturalWidth") >= 800
    made.context.close()


def test_a_result_shows_itself_with_words_for_whoever_does_not_see_it(lab):  # noqa: F811
    source = 'import nstlib as nst\nnst.stylize("content/harbour", "style/mosaic", size=48, evaluations=2)'
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)], metadata=kernel)
    nbformat.write(notebook, lab.folder / "result.ipynb")
    made = lab.open("result.ipynb")
    made.run_all()
    picture = made.locator(".jp-OutputArea-output img[alt*='content/harbour in the manner of style/mosaic']")
    picture.wait_for(timeout=60_000)
    made.context.close()


@pytest.fixture(scope="module")
def asked(lab):  # noqa: F811
    """A page on a notebook with a prediction, its result, a question for numbers and the playback."""
    sources = [
        'import nstlib as nst\nnst.predict("04.shuffle")',
        'nst.found("04.shuffle")',
        'nst.choose("04.size")',
        'nst.predictions("04")',
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.folder / "asked.ipynb")
    made = lab.open("asked.ipynb")
    made.locator(".jp-Cell").first.click()
    return made


def run_cell(page, number):
    """Run one cell, and wait for its end."""
    page.locator(".jp-Cell .jp-InputArea-editor").nth(number).click()
    page.keyboard.press("Control+Enter")
    page.idle()


def test_a_prediction_is_clicked_kept_and_told_after_the_result(asked):
    run_cell(asked, 0)
    form = asked.locator(".nst-form-04-shuffle")
    form.get_by_role("button", name="b) Its rows are shuffled.").click()
    form.get_by_text("You said b. Run the next cell and see.").wait_for()
    assert not asked.locator(".nst-still").first.is_visible()
    run_cell(asked, 0)
    asked.locator(".nst-form-04-shuffle").get_by_role("button", name="● b) Its rows are shuffled.").wait_for()
    run_cell(asked, 1)
    asked.get_by_text("✗ Rows are channels: positions are summed over.").wait_for()
    asked.get_by_text("Found: a) Nothing.").wait_for()


def test_a_question_is_answered_by_keyboard_alone_and_the_lesson_played_back(asked):
    run_cell(asked, 2)
    asked.get_by_label("Your answer").focus()
    asked.keyboard.type("64, 64")
    asked.keyboard.press("Enter")
    asked.get_by_text("✗ Those are positions: they are summed over.").wait_for()
    asked.get_by_label("Your answer").fill("512, 512")
    asked.keyboard.press("Tab")
    asked.get_by_text("✓ Right. Channels against channels").wait_for()
    assert asked.evaluate(NAME) == "Answer"
    run_cell(asked, 3)
    table = asked.locator("table:has(caption:text('Lesson 04'))")
    assert "✗ 64, 64. Then: ✓ 512, 512." in table.inner_text()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_nobody_is_shut_out_of_a_question(asked, theme):
    from axe_playwright_python.sync_playwright import Axe

    run_cell(asked, 0)
    asked.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme, isPalette: false})", theme
    )
    asked.wait_for_timeout(300)
    found = Axe().run(asked.page, context={"include": [[".nst-form"]]}).response["violations"]
    assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")], json.dumps(found, indent=1)


# --- under Voila ---------------------------------------------------------------------------------


def test_it_paints_under_voila_and_calls_nobody(browser, tmp_path):  # noqa: F811
    with Voila(tmp_path, browser) as voila:
        made = voila.open(width=800)
        studio_runs(made)
        assert made.locator("text=importlib").count() == 0
        paint(made)
        stop(made)
        assert made.width_beyond(".nst-studio") <= 0
        assert made.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        assert made.outside == []
        assert len(list((tmp_path / "studio").glob("*.png"))) == 1
