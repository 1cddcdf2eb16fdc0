"""Objects show themselves: a short line, and in a notebook the picture, with words for who does not see it."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

import nstlib as nst
from nstlib.show import picture_html, table_html


@pytest.fixture(scope="module")
def transfer():
    transfer = nst.Transfer("content/harbour", "style/mosaic", size=64, evaluations=3, device="cpu")
    list(transfer)
    return transfer


def picture_in(html):
    """The one image of a piece of HTML, decoded, and its alt text."""
    (alt,), (data,) = re.findall(r'alt="([^"]*)"', html), re.findall(r"base64,([^\"]+)", html)
    return Image.open(BytesIO(base64.b64decode(data))), alt


def test_a_result_shows_its_picture(transfer):
    result = transfer.result()
    image, alt = picture_in(result._repr_html_())
    wanted = nst.to_pil(result.image)
    assert image.size == wanted.size
    assert np.abs(np.asarray(image, float) - np.asarray(wanted, float)).mean() < 6
    assert alt == "content/harbour in the manner of style/mosaic, painted by recipe kit"
    assert repr(result) in result._repr_html_()
    assert re.fullmatch(
        r"64×44, 3 evaluations in \d+ s, loss [\d.]+ → [\d.]+ \(all its evaluations are done\)", repr(result)
    )


def test_below_it_stands_where_the_run_is_not_the_one_that_was_asked_for(transfer, tmp_path):
    assert not transfer.result().remarks and "⚠" not in transfer.result()._repr_html_()
    small = {"size": 64, "device": "cpu", "evaluations": 2}
    asked = nst.stylize("content/harbour", "style/mosaic", pyramid=((32, 1), (48, 1)), **small)
    assert asked.remarks == ("a scale of 32 is left out: the picture, a map or a region is too small",)
    assert asked.remarks[0] in asked._repr_html_() and asked.remarks[0] in asked.notes
    nothing = nst.stylize("content/harbour", "style/mosaic", optimizer="adam", rate=1e-7, **small)
    assert nothing.failure.startswith("the picture is still its start image: give more evaluations")
    assert f"⚠ {nothing.failure}" in nothing._repr_html_()
    (tmp_path / "state").mkdir()
    lost = nst.Transfer("content/harbour", "style/mosaic", checkpoint=tmp_path / "state" / "run.pt", **small)
    (tmp_path / "state").rmdir()
    list(lost)
    assert lost.result().trouble in lost.result().remarks and "⚠ " in lost.result()._repr_html_()


WHAT = ["result", "transfer", "untouched", "recipe", "backbone", "flight", "plan", "picture"]


@pytest.mark.parametrize("what", [*WHAT, "objective", "architecture", "progress", "step"])
def test_what_it_says_of_itself_is_short(transfer, what):
    made = {
        "result": transfer.result(),
        "transfer": transfer,
        "untouched": nst.Transfer("content/harbour", "style/mosaic", size=64),
        "recipe": nst.RECIPES["crowsonkb"],
        "backbone": nst.load_backbone("pocket"),
        "flight": nst.flight(),
        "plan": transfer.plan,
        "picture": transfer.plan.content,
        "objective": transfer.objective(),
        "architecture": nst.BACKBONES["pocket"],
        "progress": next(iter(nst.Transfer("content/harbour", "style/mosaic", size=64, evaluations=2))),
        "step": next(iter(nst.Transfer("content/harbour", "style/mosaic", size=64, evaluations=2))).step,
    }[what]
    assert len(repr(made)) < 700 and "tensor" not in repr(made) and "\n" not in repr(made)


def test_a_recipe_tells_what_differs():
    recipe = nst.Recipe("mine", style_weight=2, style_layers=["relu1_1"])
    assert eval(repr(recipe), {"Recipe": nst.Recipe}) == recipe
    for recipe in nst.RECIPES.values():
        same = eval(repr(recipe), {"Recipe": nst.Recipe})
        assert same.changed(source=recipe.source, note=recipe.note) == recipe
    shown = nst.RECIPES["crowsonkb"]._repr_html_()
    assert "wasserstein" in shown and nst.RECIPES["crowsonkb"].source in shown and "evaluations" in shown
    assert "tv_reduction" not in shown  # as in the kit


def test_flights_and_transfers_show_pictures(transfer):
    for made in (transfer, nst.flight(), nst.load_image("content/harbour", 64)):
        image, alt = picture_in(made._repr_html_())
        assert min(image.size) > 40 and len(alt) > 12
    assert nst.Transfer("content/harbour", "style/mosaic", size=64)._repr_html_() is None


def test_words_cannot_break_the_page():
    seen = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append(tag)

    evil = '"><script>alert(1)</script>'
    Reader().feed(picture_html(nst.to_pil(torch.zeros(1, 3, 8, 8)), evil, evil) + table_html([(evil,)], (evil,), evil))
    assert "script" not in seen and {"img", "figcaption", "td", "th"} <= set(seen)
