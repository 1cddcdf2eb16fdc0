"""What a person does, done in a real browser: the studio in JupyterLab and under Voila, a notebook's own displays."""

import base64
import io
import re
import time

import ipywidgets
import nbformat
import numpy as np
import psutil
import pytest
from alone import ROOT
from browser import SCROLLS, TOKEN, Voila, browser, lab, studio_runs  # noqa: F401  # fixtures
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from nstlib.result import read_facts

LESSON = "00_first_picture"
NAME = """() => {
  const one = document.activeElement;
  return one.labels?.[0]?.innerText || one.innerText || one.tagName;
}"""  # of what has the focus
PLACE = "one => [...one.parentElement.children].indexOf(one)"

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
    page.evaluate("document.querySelector('.nst-stop').click()")  # does nothing where it is disabled
    page.wait_for_function("document.querySelector('.nst-stop').disabled")
    page.get_by_label("Size", exact=True).select_option("128 pixels")
    wait_for(page, "forecast", r"^128×\d+ pixels: (about|\d+ to) \d+ (s|min), about")
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


def wait_for_count(locator, count):
    """Wait until a page has so many of something, whose last may come after what tells of it."""
    from playwright.sync_api import expect

    expect(locator).to_have_count(count)


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


def until(gone, what, seconds=30):
    """Wait until something is no longer there."""
    end = time.monotonic() + seconds
    while not gone():
        assert time.monotonic() < end, f"{what} is still there"
        time.sleep(0.1)


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
    assert read_facts(lab.folder / name)["stopped"] == "stopped early"
    done = int(re.search(r"(\d+) evaluations", text(studio, "bar"))[1])
    studio.get_by_role("button", name="Continue").click()
    wait_for(studio, "words", "Painting")
    wait_for(studio, "bar", r"^\d+ of ")
    stop(studio)
    assert int(re.search(r"(\d+) evaluations", text(studio, "bar"))[1]) > done
    assert (lab.folder / name).is_file() and text(studio, "words").count(name) == 0


def test_a_sketch_comes_at_once_and_moves_nothing(studio):
    before, count = places(studio), studio.locator(".nst-gallery button").count()
    studio.get_by_role("button", name="Sketch").click()
    assert wait_for(studio, "words", r"Sketched in one pass, \d") < 10
    assert "a sketch" in studio.locator(".nst-easel img").get_attribute("alt")
    assert places(studio) == before and studio.locator(".nst-gallery button").count() == count


def test_the_focus_goes_on_to_what_can_be_pressed(studio):
    studio.get_by_role("button", name="Paint", exact=True).click()
    wait_for(studio, "bar", r"^\d+ of ")
    studio.get_by_role("button", name="Stop and keep").press("Enter")
    studio.wait_for_function("document.activeElement.innerText.startsWith('Continue (')")
    studio.keyboard.press("Enter")
    studio.wait_for_function("document.activeElement.innerText === 'Stop and keep'")
    wait_for(studio, "bar", r"^\d+ of ")
    stop(studio)


def test_the_focus_stays_where_it_is_when_a_picture_is_finished(studio):
    paint_some(studio)
    studio.get_by_role("button", name="Show as code").click()
    picture, link, code = (studio.locator(look).first for look in (".nst-gallery button", ".nst-download", "pre"))
    for one, kept in ((picture, "nst-gallery"), (link, "nst-row"), (code, "nst-code")):
        paint(studio)
        one.focus()
        before = one.element_handle()
        studio.evaluate("document.querySelector('.nst-stop').click()")
        studio.wait_for_function("one => !one.isConnected", arg=before)
        studio.wait_for_function(
            "look => document.activeElement.closest('.nst-studio .' + look)", arg=kept, timeout=10_000
        )
    studio.get_by_role("button", name="Show as code").click()


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
    wait_for_count(studio.locator(".nst-gallery button"), count + 1)
    stop(studio)
    wait_for_count(studio.locator(".nst-gallery button"), count + 2)
    studio.get_by_role("button", name=re.compile("harbour")).first.click()


def test_two_are_compared_one_is_downloaded_and_its_settings_restored(studio, lab):  # noqa: F811
    paint_some(studio)
    studio.get_by_role("button", name=re.compile("mosaic")).first.click()
    other = paint_some(studio)
    gallery = studio.locator(".nst-gallery button")
    gallery.nth(1).click()
    studio.locator(".nst-easel img[alt*='to the left'][alt*='to the right']").wait_for()
    source = studio.locator(".nst-easel img").get_attribute("src")
    studio.get_by_role("slider", name="Before / after").press("End")
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
    wait_for(studio, "note", "All controls above are as they were")
    button, note = (studio.locator(look).bounding_box() for look in (".nst-restore", ".nst-note"))
    assert abs(note["y"] - button["y"] - button["height"]) < 60, "it is told beside the button"
    wait_for_count(studio.get_by_role("button", name=re.compile("✓ mosaic")), 1)
    assert studio.get_by_label("Size", exact=True).evaluate("one => one.value").startswith("128")
    studio.get_by_role("button", name=re.compile("✓ mosaic")).click()


def test_an_own_picture_goes_from_upload_to_file(studio, lab, rng):  # noqa: F811
    path = lab.folder.parent / "my cat.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(path)
    choose(studio, path)
    wait_for(studio, "words", "my cat.jpg is kept")
    wait_for_count(studio.get_by_role("button", name="✓ my cat"), 1)
    name = paint_some(studio)
    facts = read_facts(lab.folder / name)
    assert name.startswith("studio/my_cat-") and facts["content"] == "own/my_cat.jpg"
    assert (lab.folder / "own/my_cat.jpg").read_bytes() == path.read_bytes()
    studio.get_by_role("button", name="harbour", exact=True).click()


def test_a_photograph_is_kept_however_large_it_is(studio, lab):  # noqa: F811
    camera = photograph(lab.folder.parent)
    for name in ("camera.png", "again.png"):
        camera = camera.rename(camera.with_name(name))
        choose(studio, camera)
        wait_for(studio, "words", f"{name} is kept", timeout=60_000)
    assert (lab.folder / "own/camera.png").read_bytes() == camera.read_bytes()
    studio.get_by_role("button", name="harbour", exact=True).click()


def test_pictures_that_two_pages_send_at_once_are_both_kept(studio, lab):  # noqa: F811
    paths = [lab.folder.parent / name for name in ("here.png", "there.png")]
    for seed, path in enumerate(paths):
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (1100, 1100, 3), dtype=np.uint8)).save(path)
    studio.command("docmanager:save")
    studio.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    other = lab.open("studio.ipynb")
    other.locator(".nst-paint").wait_for()
    for one, path in zip((studio, other), paths, strict=True):
        choose(one, path)
    kept = [lab.folder / "own" / path.name for path in paths]
    until(lambda: all(path.is_file() and path.stat().st_size for path in kept), "an upload that is on its way")
    assert [path.read_bytes() for path in kept] == [path.read_bytes() for path in paths]
    other.context.close()
    studio.get_by_role("button", name="harbour", exact=True).click()


def photograph(folder):
    """A file of more than the 10 MB at which a server cuts the line."""
    path = folder / "camera.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (2400, 1800, 3), dtype=np.uint8)).save(path)
    assert path.stat().st_size > 12_000_000
    return path


def choose(page, path):
    """Bring a file along by the button."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=re.compile("Upload a content")).click()
    chooser.value.set_files(path)


GIVE = """([look, kind, name, data]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0)), given = new DataTransfer();
  given.items.add(new File([bytes], name, {type: "image/png"}));
  const options = {bubbles: true, cancelable: true, clipboardData: given, dataTransfer: given};
  const event = kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options);
  document.querySelector(look).dispatchEvent(event);
}"""  # what a browser does when a person pastes or drops a file


def png_data(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_a_picture_is_pasted_dropped_or_fetched_from_an_address(studio, lab):  # noqa: F811
    field = ".nst-bring .nst-address input"
    studio.get_by_role("button", name="Upload a content picture", exact=True).wait_for()
    studio.locator(field).first.focus()
    studio.evaluate(GIVE, [field, "paste", "my dog.png", png_data(1)])
    wait_for(studio, "words", "my dog.png is kept")
    studio.wait_for_function(f"document.activeElement === document.querySelector('{field}')")
    wait_for_count(studio.get_by_role("button", name="✓ my dog"), 1)
    assert studio.locator(field).first.input_value() == ""
    studio.evaluate(GIVE, [".nst-bring .nst-thumbs", "drop", "my bird.png", png_data(2)])
    wait_for(studio, "words", "my bird.png is kept")
    studio.locator(field).first.fill(f"{lab.address}/files/own/my_dog.png?token={TOKEN}")
    studio.keyboard.press("Enter")
    wait_for(studio, "words", "my_dog.png is kept")
    assert sorted(path.name for path in (lab.folder / "own").glob("my_[bd]*")) == ["my_bird.png", "my_dog.png"]
    studio.get_by_role("button", name="harbour", exact=True).click()


NAMES = """() => [...document.querySelectorAll('.nst-studio :is(select, input:not([type=file]))')]
  .filter(one => one.offsetParent).map(one => one.ariaLabel || one.labels[0].innerText)"""


def test_no_two_controls_have_the_same_name(studio):
    studio.get_by_role("button", name=re.compile("mosaic")).first.click()
    studio.get_by_role("button", name="Regions and strokes of each style").click()
    for number in range(2):
        studio.locator(".nst-region").nth(number).get_by_role("combobox", name="paints").select_option("a rectangle")
    studio.get_by_label("left, paints, mosaic").wait_for()
    studio.get_by_label("or paste style pictures, or an address").wait_for()
    names = studio.evaluate(NAMES)
    assert len(names) == len(set(names)) > 20, names
    for number in range(2):
        studio.locator(".nst-region").nth(number).get_by_role("combobox", name="paints").select_option("everywhere")
    studio.get_by_role("button", name="Regions and strokes of each style").click()
    studio.get_by_role("button", name=re.compile("mosaic")).first.click()


def test_a_broken_upload_is_told_and_nothing_is_lost(studio, lab):  # noqa: F811
    path = lab.folder.parent / "holiday.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    choose(studio, path)
    wait_for(studio, "words", "holiday.jpg")
    wait_for_count(studio.get_by_role("button", name="✓ harbour", exact=True), 1)
    paint_some(studio)


def test_a_style_paints_in_a_region_and_its_settings_come_back(studio, lab):  # noqa: F811
    studio.get_by_role("button", name="Regions and strokes of each style", pressed=False).click()
    studio.get_by_role("button", name="Regions and strokes of each style", pressed=True).wait_for()
    background = "document.querySelector('.nst-thumbs .nst-chosen').computedStyleMap().get('background-image') + ''"
    before = studio.evaluate(background)
    where = studio.locator(".nst-region").first.get_by_role("combobox", name="paints")
    where.select_option("a rectangle")
    for edge, value in (("left", "0"), ("top", "0"), ("right", "100"), ("bottom", "45")):
        studio.locator(".nst-region").first.get_by_label(edge).first.fill(value)
        studio.keyboard.press("Tab")
    studio.locator(".nst-easel img[alt*='where each style paints']").wait_for()
    studio.wait_for_function(f"old => {background} !== old", arg=before)
    name = paint_some(studio)
    assert read_facts(lab.folder / name)["masks"] == ["rectangle 0 0 100 45 soft 5"]
    where.select_option("everywhere")
    studio.wait_for_function(f"old => {background} === old", arg=before)
    studio.get_by_role("button", name="Restore its settings").click()
    wait_for(studio, "note", "All controls above are as they were")
    assert where.evaluate("one => one.selectedOptions[0].text").split() == ["a", "rectangle"]
    where.select_option("everywhere")
    studio.get_by_role("button", name="Regions and strokes of each style").click()


def test_seconds_and_memory_are_told_before_the_press(studio):
    studio.get_by_label("Size", exact=True).select_option("2048 pixels")
    wait_for(
        studio, "forecast", r"all that the content has: (about|\d+ to) \d+ (s|min), about [\d.]+ (MB|GB) of memory"
    )


def test_all_can_be_reached_and_done_by_keyboard(studio):
    studio.locator(".nst-thumbs button").first.focus()
    reached = []
    for _ in range(120):
        reached.append(studio.evaluate(NAME))
        studio.keyboard.press("Tab")
        if studio.evaluate("!document.activeElement.closest('.nst-studio')"):
            break
    words = " | ".join(reached)
    for name in ("city", "Upload a content", "woodcut waves", "Painting", "Size", "Seed", "Paint", "Show as code"):
        assert name in words, words
    studio.get_by_role("button", name=re.compile("city$")).focus()
    studio.keyboard.press("Enter")
    studio.get_by_role("button", name="✓ city").wait_for()
    studio.get_by_role("button", name=re.compile("harbour$")).first.focus()
    studio.keyboard.press("Space")
    studio.get_by_role("button", name="✓ harbour", exact=True).wait_for()


def test_a_key_on_a_control_is_the_controls_alone(studio):
    cells = studio.locator(".jp-Notebook .jp-Cell")
    count, active = cells.count(), studio.locator(".jp-Cell.jp-mod-active").evaluate(PLACE)
    for control in (studio.get_by_label("Size", exact=True), studio.get_by_role("button", name="Sketch")):
        for key in ("x", "d", "d", "ArrowDown", "ArrowUp", "b"):
            control.focus()
            studio.keyboard.press(key)
    studio.wait_for_timeout(300)
    assert cells.count() == count and studio.locator(".jp-Cell.jp-mod-active").evaluate(PLACE) == active
    assert studio.evaluate(NAME) == "Sketch"


CUT = """() => [...document.querySelectorAll(
  ".nst-row button, .nst-studio .widget-label, .nst-thumbs button, .nst-bar, .nst-sides, .nst-of")]
  .filter(one => one.offsetParent && !one.classList.contains("nst-upload"))
  .filter(one => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
  .map(one => one.innerText)"""
SECOND_LINE = """one => {
  const range = document.createRange();
  range.selectNodeContents(one.lastChild);
  const lines = [...range.getClientRects()];
  return lines.length > 1 && lines.at(-1).top >= one.getBoundingClientRect().bottom - 2;
}"""  # whether the number that ipywidgets adds lies below the button's edge


@pytest.mark.parametrize("width", [360, 600, 650, 800, 1280])
def test_nothing_sticks_out_or_is_cut(studio, width):
    studio.get_by_role("button", name="stained glass").click()  # the longest names, and shares
    regions = studio.get_by_role("button", name="Regions and strokes of each style")
    regions.click()
    where = studio.locator(".nst-region").first.get_by_role("combobox", name="paints")
    where.select_option("an ellipse")
    studio.set_viewport_size({"width": width, "height": 900})
    studio.wait_for_timeout(400)
    assert studio.width_beyond(".nst-studio") <= 0 and studio.width_beyond(SCROLLS) <= 0
    assert studio.evaluate(CUT) == []
    for button in studio.locator(".nst-upload").all():
        assert button.evaluate(SECOND_LINE)
    size, paint = (studio.locator(look).bounding_box() for look in (".nst-size-knob", ".nst-paint"))
    assert 0 < paint["y"] - size["y"] < 200, "size and Paint are seen together"
    where.select_option("everywhere")
    regions.click()
    studio.get_by_role("button", name="stained glass").click()
    studio.set_viewport_size({"width": 1280, "height": 900})


RING = """() => {
  const {outlineStyle, outlineWidth, outlineColor} = getComputedStyle(document.activeElement);
  return [outlineStyle, outlineWidth, outlineColor].join(' ');
}"""


def ring(control):
    """How a control looks that was reached by a key."""
    control.focus()
    control.page.keyboard.press("Shift+Tab")
    control.page.keyboard.press("Tab")
    return control.page.evaluate(RING)


THEMES = pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])


def dress(page, theme):
    """Let the page have a theme."""
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme, isPalette: false})", theme
    )
    page.wait_for_selector(f"body[data-jp-theme-light={str('Light' in theme).lower()}]", state="attached")
    page.wait_for_timeout(300)


def barriers(page, *selectors):
    """What axe finds serious in parts of a page: where it stands, by the name of the rule."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page.page, context={"include": [[one] for one in selectors]}).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return {one["id"]: [node["html"][:160] for node in one["nodes"]][:3] for one in serious}


@THEMES
def test_nobody_is_shut_out(studio, theme):
    dress(studio, theme)
    assert not barriers(studio, ".nst-studio")
    assert studio.locator(".nst-studio input:invalid").count() == 0
    for control in (studio.get_by_label("Seed"), studio.get_by_label("Size", exact=True)):
        assert ring(control).startswith("solid 3px rgb(")


CHART = """() => {
  const studio = document.querySelector('.nst-studio'), chart = document.createElement('div');
  chart.className = 'nst-charts';
  chart.innerHTML = '<svg><text>loss</text><polyline class="nst-l0" points="0,0 9,9"/></svg>';
  studio.append(chart);
  const of = (look, colour) => getComputedStyle(chart.querySelector(look))[colour];
  const seen = [getComputedStyle(studio).color, of('text', 'fill'), of('polyline', 'stroke')];
  chart.remove();
  return seen;
}"""


@THEMES
def test_a_chart_is_read_in_a_persons_own_few_colours(studio, theme):
    dress(studio, theme)
    studio.page.emulate_media(forced_colors="active", color_scheme="dark")
    words, text, line = studio.evaluate(CHART)
    studio.page.emulate_media(forced_colors="none", color_scheme="light")
    assert words == text == line == "rgb(255, 255, 255)"


def test_a_cell_that_is_run_again_shows_what_is_being_painted(studio):
    studio.get_by_role("spinbutton", name="Evaluations").fill("1000")
    studio.get_by_role("spinbutton", name="Evaluations").press("Enter")
    paint(studio)
    studio.run_all()
    studio.get_by_text("The picture that was being painted goes on here").wait_for(timeout=60_000)
    wait_for(studio, "bar", r"^\d+ of 1000 ")
    assert studio.locator(".nst-studio").count() == 1
    stop(studio)
    studio_runs(studio)


def test_after_a_restart_the_page_says_what_to_do_and_the_gallery_comes_back(studio):
    paint_some(studio)
    count = studio.locator(".nst-gallery button").count()
    assert not studio.locator(".nst-lost").is_visible()
    before = places(studio)
    studio.restart()
    studio.get_by_text("The kernel of this notebook is gone").wait_for()
    after = places(studio)
    assert {name: place["x"] for name, place in after.items()} == {name: place["x"] for name, place in before.items()}
    studio.connected()
    studio.run_all()
    studio_runs(studio)
    wait_for_count(studio.locator(".nst-gallery button"), count)
    studio.locator(".nst-gallery button").first.click()
    wait_for(studio, "facts-box", "recipe kit on pocket")
    studio.get_by_role("button", name=re.compile(r"^Continue \(.+ × .+\)$")).click()
    wait_for(studio, "bar", r"^\d+ of ")
    stop(studio)
    wait_for_count(studio.locator(".nst-gallery button"), count + 1)


# --- a lesson ------------------------------------------------------------------------------------

PICTURES = """() => [...document.querySelectorAll(".jp-OutputArea-output img")].map(one => ({
  alt: one.alt, wide: one.naturalWidth, out: one.getBoundingClientRect().right - document.body.clientWidth}))"""


def test_a_lesson_that_was_never_run_shows_its_figures_and_panels_with_words(lab):  # noqa: F811
    cells = nbformat.read(ROOT / "notebooks" / f"{LESSON}.ipynb", 4).cells
    html = ["".join(o.get("data", {}).get("text/html", "")) for c in cells for o in c.get("outputs", [])]
    made = lab.open(f"{LESSON}.ipynb", place="never.ipynb", width=800)
    made.wait_for_function(
        "count => document.querySelectorAll('.jp-OutputArea-output img').length >= count",
        arg=sum(one.count("<img ") for one in html),
    )
    shown = made.evaluate(PICTURES)
    assert min(len(one["alt"]) for one in shown) > 10 and min(one["wide"] for one in shown) > 100
    assert max(one["out"] for one in shown) <= 0 and made.width_beyond(SCROLLS) <= 0
    still = made.locator(".nst-still")
    wait_for_count(still, sum("nst-still" in one for one in html))
    assert still.locator("img").count() > 0
    assert made.get_by_text("VBox(children").count() == 0 and made.get_by_text("Run this cell to choose").count() >= 1
    made.context.close()


def test_an_export_on_paper_cuts_no_code_and_tells_what_was_found(browser, tmp_path):  # noqa: F811
    long = " + ".join(map(str, range(40)))
    cells = ["import nstlib as nst", 'nst.predict("04.shuffle")', f'nst.found("04.shuffle")  # {long}']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    exporter = HTMLExporter()
    html, _ = exporter.from_notebook_node(NotebookClient(notebook, timeout=120).execute())
    file = tmp_path / "lesson.html"
    file.write_text(html, encoding="utf-8")
    made = browser.new_page(viewport={"width": 720, "height": 900}, offline=True)
    made.goto(file.as_uri())
    seen = """() => [
      [...document.querySelectorAll('.highlight pre')].every(one => one.scrollWidth <= one.clientWidth),
      document.querySelector('details').offsetHeight > 1.5 * document.querySelector('summary').offsetHeight]"""
    assert made.evaluate(seen) == [False, False]
    made.emulate_media(media="print")
    assert made.evaluate(seen) == [True, True]
    made.close()


def test_a_stop_during_run_all_keeps_the_picture_and_runs_nothing_more(lab):  # noqa: F811
    made = lab.open(f"{LESSON}.ipynb", place="stopped.ipynb")
    made.run_all()
    made.get_by_text(re.compile(r"^ *[1-9]\d* of 80 evaluations")).first.wait_for(timeout=90_000)
    began = time.perf_counter()
    made.interrupt()
    line = made.locator(".jp-OutputArea-output", has_text="the picture so far: nst.last()")
    line.wait_for(timeout=30_000)
    took = time.perf_counter() - began
    made.idle()
    assert re.fullmatch(
        r"stopped after \d+ of 80 evaluations; the picture so far: nst\.last\(\)", line.text_content().strip()
    )
    stopped = made.locator(".jp-CodeCell", has=line)
    assert stopped.locator("img[alt^='The picture after']").count() == 1 and took < 10
    prompts = made.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
    ran = [bool(re.search(r"\d", prompt)) for prompt in prompts]
    cells = [
        cell for cell in nbformat.read(ROOT / "notebooks" / f"{LESSON}.ipynb", 4).cells if cell.cell_type == "code"
    ]
    last = next(place for place, cell in enumerate(cells) if "nst.Transfer(" in cell.source)
    assert ran == [place <= last for place in range(len(cells))], "the cells up to the run, and no later one"
    made.context.close()


@pytest.fixture(scope="module")
def panel(lab):  # noqa: F811
    """A page with the panel of recorded runs."""
    return open_cells(lab, "panel.ipynb", "import nstlib as nst", 'nst.widget.flight_recorder(layers="all")')


def run_panel(page):
    page.run_all()
    page.get_by_role("button", name="Run this for real").wait_for(timeout=90_000)


def test_a_control_that_is_touched_during_a_run_moves_the_figure_and_not_the_run(panel):
    run_panel(panel)
    figure, words = panel.locator(".nst-panel figure img").first, panel.locator(".nst-panel")
    panel.get_by_role("button", name="Run this for real").click()
    words.get_by_text(re.compile("Running: .*style weight β ")).wait_for(timeout=60_000)
    setting = re.search(r"Running: (.*)", words.inner_text())[1]
    before = figure.get_attribute("src")
    panel.get_by_role("slider", name="style weight β").press("ArrowRight")
    panel.wait_for_function(
        "old => document.querySelector('.nst-panel figure img').src !== old", arg=before, timeout=10_000
    )
    assert f"Running: {setting}" in words.inner_text(), "the run is still that of the press"
    panel.get_by_role("button", name="Stop", exact=True).click()
    words.get_by_text(f"Run with {setting}").wait_for(timeout=30_000)
    panel.locator(".nst-style_weight [role=slider]").press("ArrowLeft")
    panel.wait_for_timeout(300)
    assert f"Run with {setting}" in words.inner_text(), "what was painted stays, and says what it is of"


def test_the_focus_of_a_panel_goes_on_to_what_can_be_pressed(panel):
    run_panel(panel)
    panel.get_by_role("button", name="Run this for real").press("Enter")
    panel.wait_for_function("document.activeElement.innerText === 'Stop'")
    panel.locator(".nst-panel").get_by_text(re.compile("Running: ")).wait_for(timeout=60_000)
    panel.keyboard.press("Enter")
    panel.wait_for_function("document.activeElement.innerText === 'Run this for real'")


def test_a_slider_says_its_name_and_its_value(panel):
    run_panel(panel)
    slider, readout = (
        panel.get_by_role("slider", name="style weight β"),
        panel.locator(".nst-style_weight .widget-readout"),
    )
    slider.press("Home")
    panel.wait_for_timeout(300)
    first = readout.inner_text()
    assert slider.get_attribute("aria-valuetext") == first
    slider.press("ArrowRight")
    panel.wait_for_timeout(300)
    assert slider.get_attribute("aria-valuetext") == readout.inner_text() != first


def test_which_button_of_a_row_is_chosen_is_said_and_seen(panel):
    run_panel(panel)
    row = panel.get_by_role("group", name="optimiser")
    row.get_by_role("button", name="L-BFGS", pressed=True).wait_for()
    row.get_by_role("button", name="Adam", pressed=False).click()
    row.get_by_role("button", name="● Adam", pressed=True).wait_for()
    row.get_by_role("button", name="L-BFGS", pressed=False).click()
    row.get_by_role("button", name="● L-BFGS", pressed=True).wait_for()


@THEMES
def test_nobody_is_shut_out_of_a_panel(panel, theme):
    run_panel(panel)
    dress(panel, theme)
    assert not barriers(panel, ".nst-panel")
    seen = "solid 3px rgb(11, 87, 208)" if "Light" in theme else "solid 3px rgb(138, 180, 248)"
    for control in ("slider", "button"):
        assert ring(panel.locator(".nst-panel").get_by_role(control).first) == seen


@THEMES
@pytest.mark.parametrize("edition", ["", "student/"])
def test_nobody_is_shut_out_of_a_lesson(lab, edition, theme):  # noqa: F811
    """What the lesson says and shows; the editor around it is JupyterLab's own."""
    made = lab.open(f"{edition}{LESSON}.ipynb", place=f"read {edition[:-1]}.ipynb")
    made.locator(".jp-RenderedMarkdown").first.wait_for()
    dress(made, theme)
    shown = [one for one in (".jp-RenderedMarkdown", ".jp-OutputArea-output") if made.locator(one).count()]
    assert not barriers(made, *shown)
    made.context.close()


def test_in_little_room_pictures_still_stand_beside_each_other(panel):
    run_panel(panel)
    panel.set_viewport_size({"width": 800, "height": 900})
    panel.wait_for_timeout(400)
    pictures = panel.locator(".nst-panel figure img")
    (first, second), wide = (pictures.nth(n).bounding_box() for n in range(2)), panel.width_beyond(".nst-panel")
    assert second["y"] == first["y"] and second["x"] > first["x"] and first["width"] >= 240 and wide <= 0
    panel.set_viewport_size({"width": 400, "height": 900})
    panel.wait_for_timeout(400)
    assert panel.width_beyond(".nst-panel") <= 0
    panel.set_viewport_size({"width": 1280, "height": 900})


def test_in_little_room_a_chooser_takes_all_of_it(lab):  # noqa: F811
    made = open_cells(
        lab, "chooser.ipynb", "import nstlib as nst", 'nst.widget.choose(content="content/city", b="photo/cat")'
    )
    made.run_all()
    made.locator(".nst-chooser select").nth(1).wait_for(timeout=90_000)
    tops = []
    for width in (1280, 400):
        made.set_viewport_size({"width": width, "height": 900})
        made.wait_for_timeout(400)
        tops.append([made.locator(".nst-chooser .nst-bring").nth(n).bounding_box() for n in range(2)])
    assert tops[0][0]["y"] == tops[0][1]["y"], "beside each other, where there is room"
    whole = made.locator(".nst-chooser").bounding_box()["width"]
    assert tops[1][0]["width"] > 0.95 * whole and made.width_beyond(".nst-chooser .nst-upload") <= 0
    made.context.close()


def test_after_a_restart_the_panel_says_which_cell_to_run(panel):
    run_panel(panel)
    lost = panel.locator(".nst-panel .nst-lost")
    assert not lost.is_visible()
    panel.restart()
    lost.wait_for(timeout=30_000)
    number = re.search(r"\d+", panel.locator(".jp-CodeCell .jp-InputPrompt").nth(1).inner_text())[0]
    assert f"no longer knows what stands here. Run cell [{number}] again" in lost.inner_text()
    panel.connected()
    run_panel(panel)
    assert not panel.locator(".nst-panel .nst-lost").is_visible()


# --- a notebook's own displays -------------------------------------------------------------------


def open_cells(lab, name, *sources):  # noqa: F811
    """A page on a new notebook with these code cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.folder / name)
    return lab.open(name)


def test_a_notebook_that_was_never_run_shows_what_it_is(lab):  # noqa: F811
    (lab.folder / "never").mkdir()
    made = lab.open("studio.ipynb", place="never/studio.ipynb")
    picture = made.locator(".jp-OutputArea-output img[alt^='The studio']")
    picture.wait_for()
    assert picture.evaluate("one => one.naturalWidth") >= 800
    made.context.close()


def test_a_result_shows_itself_with_words_for_whoever_does_not_see_it(lab):  # noqa: F811
    source = 'import nstlib as nst\nnst.stylize("content/harbour", "style/mosaic", size=48, evaluations=2)'
    made = open_cells(lab, "result.ipynb", source)
    made.run_all()
    picture = made.locator(".jp-OutputArea-output img[alt*='content/harbour in the manner of style/mosaic']")
    picture.wait_for(timeout=60_000)
    made.context.close()


def test_an_answer_that_was_clicked_is_in_the_saved_file(lab):  # noqa: F811
    made = open_cells(lab, "asked.ipynb", "import nstlib as nst", 'nst.choose("04.shuffle")')
    made.run_all()
    made.locator(".nst-form button").nth(1).click(timeout=90_000)
    made.locator(".nst-form .nst-spoken").get_by_text("You said b").wait_for(timeout=30_000)
    made.command("docmanager:save")
    made.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    saved = (lab.folder / "asked.ipynb").read_text(encoding="utf-8")
    assert "You said b" in saved and "Run this cell and click" not in saved
    assert not made.locator(".nst-still").first.is_visible()
    made.context.close()


def test_a_studio_that_was_closed_says_how_it_opens_again(lab):  # noqa: F811
    (lab.folder / "closed").mkdir()
    made = lab.open("studio.ipynb", place="closed/studio.ipynb")
    made.run_all()
    studio_runs(made)
    assert not made.locator(".nst-still").is_visible()
    made.command("docmanager:save")
    made.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    made.reload()
    made.connected()
    made.locator(".nst-paint").wait_for()  # while its kernel lives, it is there at once
    made.shut_down()
    made.reload()
    made.get_by_text("The studio was open here.").wait_for()
    made.connected()
    made.wait_for_timeout(1000)  # in which JupyterLab looks for the widget
    assert not made.get_by_text("Error displaying widget").is_visible()
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
    made = open_cells(lab, "asked.ipynb", *sources)
    run_cell(made, 0)  # which imports the kit, for whichever test is the first
    return made


def run_cell(page, number):
    """Run one cell, and wait for its end."""
    page.locator(".jp-Cell .jp-InputArea-editor").nth(number).click()
    page.keyboard.press("Control+Enter")
    page.idle()


def test_a_prediction_is_clicked_kept_and_told_after_the_result(asked):
    form = asked.locator(".nst-form-04-shuffle")
    form.get_by_role("button", name="b) Its rows are shuffled.").click()
    form.get_by_text("You said b. Run on and see.").wait_for()
    assert not asked.locator(".nst-still").first.is_visible()
    run_cell(asked, 0)
    asked.locator(".nst-form-04-shuffle").get_by_role("button", name="● b) Its rows are shuffled.").wait_for()
    run_cell(asked, 1)
    asked.get_by_text("✗ Rows are channels: positions are summed over.").wait_for()
    asked.get_by_text("Found: a) Nothing.").wait_for()


def test_after_an_answer_shift_enter_runs_on(lab):  # noqa: F811
    sources = ['import nstlib as nst\nnst.predict("04.shuffle")', 'nst.found("04.shuffle")']
    made = open_cells(lab, "onwards.ipynb", *sources)
    run_cell(made, 0)
    form = made.locator(".nst-form-04-shuffle")
    form.get_by_role("button", name="c) Its diagonal").press("Enter")
    form.get_by_text("You said c. Run on and see.").wait_for()
    for _ in sources:
        made.keyboard.press("Shift+Enter")
        made.idle()
    made.get_by_text("You said c) Its diagonal stays, the rest changes.").first.wait_for()
    made.context.close()


def test_a_question_is_answered_by_keyboard_alone_and_the_lesson_played_back(asked):
    run_cell(asked, 2)
    form = asked.locator(".nst-form-04-size")  # the still figure below it, which a file shows, has the same words
    asked.get_by_label("Your answer").focus()
    asked.keyboard.type("64, 64")
    asked.keyboard.press("Enter")
    form.get_by_text("✗ Those are positions: they are summed over.").wait_for()
    asked.get_by_label("Your answer").fill("512, 512")
    asked.keyboard.press("Tab")
    form.get_by_text("✓ Right. Channels against channels").wait_for()
    assert asked.evaluate(NAME) == "Answer"
    run_cell(asked, 3)
    table = asked.locator("table:has(caption:text('Lesson 04'))")
    assert "✗ 64, 64. Then: ✓ 512, 512." in table.inner_text()


def test_words_come_into_a_place_that_a_screen_reader_knows_already(asked):
    run_cell(asked, 2)
    place = asked.locator(".nst-form-04-size .nst-spoken[role=status]")
    before = place.element_handle()
    asked.get_by_label("Your answer").fill("7, 7")
    asked.keyboard.press("Enter")
    asked.wait_for_function("one => one.isConnected && one.innerText.includes('You said 7, 7')", arg=before)
    assert place.locator("[role]").count() == 0


@THEMES
def test_nobody_is_shut_out_of_a_question(asked, theme):
    run_cell(asked, 0)
    run_cell(asked, 2)
    dress(asked, theme)
    assert not barriers(asked, ".nst-form")
    assert ring(asked.get_by_label("Your answer")).startswith("solid 3px rgb(")


# --- under Voila ---------------------------------------------------------------------------------


@pytest.mark.skipif(ipywidgets.__version__ < "8", reason="this Voila is JupyterLab 4's")
def test_it_paints_under_voila_and_calls_nobody(browser, tmp_path):  # noqa: F811
    with Voila(tmp_path, browser) as voila:
        made = voila.open(width=800)
        studio_runs(made)
        assert made.locator("text=importlib").count() == 0
        choose(made, photograph(tmp_path))
        wait_for(made, "words", "camera.png is kept", timeout=60_000)
        paint(made)
        stop(made)
        with made.expect_download():  # of what was kept, which is chosen now; it leaves no page
            made.locator(".nst-download").click()
        paint(made)
        stop(made)
        assert made.width_beyond(".nst-studio") <= 0
        assert made.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        assert made.outside == []
        assert len(list((tmp_path / "studio").glob("*.png"))) == 2


@pytest.mark.skipif(ipywidgets.__version__ < "8", reason="this Voila is JupyterLab 4's")
def test_under_voila_the_page_says_when_nothing_answers(browser, tmp_path):  # noqa: F811
    with Voila(tmp_path, browser) as voila:
        made = voila.open()
        studio_runs(made)
        lost = made.locator(".nst-lost")
        with made.expect_response(re.compile("/api/kernels/[^/]+$")) as answer:
            assert answer.value.status == 200
        assert not lost.is_visible()
        made.context.set_offline(True)
        lost.wait_for(timeout=30_000)
        made.context.set_offline(False)
        lost.wait_for(state="hidden", timeout=30_000)
        for kernel in psutil.Process(voila.process.pid).children():
            kernel.kill()
        lost.wait_for(timeout=30_000)
        assert "Load the page again" in lost.inner_text()
        made.reload()
        studio_runs(made)
        assert not lost.is_visible()
    lost.wait_for(timeout=30_000)
    made.context.close()


@pytest.mark.skipif(ipywidgets.__version__ < "8", reason="this Voila is JupyterLab 4's")
def test_under_voila_no_kernel_outlives_its_page(browser, tmp_path):  # noqa: F811
    # Longer than a busy machine's page takes to load: a kernel has no page until then.
    soon = ["--MappingKernelManager.cull_idle_timeout=20", "--MappingKernelManager.cull_interval=1"]
    with Voila(tmp_path, browser, *soon) as voila:

        def kernels():
            return {one.pid for one in psutil.Process(voila.process.pid).children()}

        made = voila.open()
        studio_runs(made)
        before = kernels()
        made.reload()
        studio_runs(made)
        until(lambda: len(kernels()) == 1, "the kernel of the page that was loaded again")
        assert kernels() != before
        made.close(run_before_unload=True)
        until(lambda: not kernels(), "the kernel of the page that was closed")
        lost = voila.open()
        studio_runs(lost)
        lost.close()  # as when a browser dies: nothing is said
        until(lambda: not kernels(), "the kernel that nobody sees", seconds=60)
        assert "403 POST" not in (tmp_path / ".log").read_text()
