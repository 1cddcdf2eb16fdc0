"""Make the picture that `studio.ipynb` shows where it was not run: `python tests/studio_still.py`, with a browser.

It paints one picture, then photographs the studio while a second one grows, and writes that into the notebook.
"""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import nbformat
from browser import Lab, Page, launch, studio_runs
from PIL import Image
from playwright.sync_api import sync_playwright

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "studio.ipynb"
WAIT_MS = 300_000
SIZE, QUALITY = 1100, 80  # pixels of its width, and of the JPEG
ALT = (
    "The studio: thumbnails of content and style pictures to the left, below them menus for regions, style strength, "
    "stroke size, recipe, network and colours; to the right size and evaluations, the buttons Sketch, Paint, Stop and "
    "keep, Continue, a street that is being painted in strokes, a slider from before to after, the way of its loss and "
    "who pulls its pixels; at the foot a gallery of finished pictures."
)
WORDS = "This is a picture of the studio. Run the cell above, by Shift and Enter, and the real one opens here."


def photograph() -> Image.Image:
    """The studio at work, as a person sees it in JupyterLab."""
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        Lab(Path(folder), launch(playwright)) as lab,
    ):
        page = lab.open("studio.ipynb")
        page.run_all()
        studio_runs(page)
        page.get_by_label("Size", exact=True).select_option("256 pixels")
        paint(page, "mountains", 60, "Kept as")
        page.get_by_label("Size", exact=True).select_option("384 pixels")
        paint(page, "city", 150, r"^[5-9]\d of ", part="bar")
        tall = page.evaluate("document.querySelector('.nst-studio').scrollHeight")
        page.set_viewport_size({"width": 1280, "height": tall + 400})
        page.wait_for_timeout(1000)
        return Image.open(io.BytesIO(page.locator(".nst-studio").screenshot())).convert("RGB")


def paint(page: Page, content: str, evaluations: int, until: str, part: str = "words") -> None:
    """Begin a picture, and wait until a part of the page says something."""
    page.get_by_role("button", name=content, exact=True).click()
    page.get_by_role("spinbutton", name="Evaluations").fill(str(evaluations))
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Paint", exact=True).click()
    found = "({part, until}) => new RegExp(until).test(document.querySelector(part).innerText)"
    page.wait_for_function(found, arg={"part": f".nst-{part}", "until": until}, timeout=WAIT_MS)


def write(image: Image.Image) -> None:
    """Put it into the notebook, in place of the one before."""
    image.thumbnail((SIZE, 10 * SIZE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    source = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    shown = f'<img alt="{ALT}" src="{source}" style="max-width: 100%; opacity: 0.5">'
    html = f'<figure style="margin: 0"><figcaption><b>{WORDS}</b></figcaption>{shown}</figure>'
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (output,) = next(cell for cell in notebook.cells if cell.cell_type == "code").outputs
    output.data["text/html"] = html
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    write(photograph())
