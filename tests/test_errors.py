"""A mistake in a notebook's cell: what is shown of it; and what is none, a name with a space around it."""

import json
import subprocess
import sys

import nbformat
import pytest
import torch

import nstlib as nst
from nstlib import key, plot
from nstlib.architecture import BACKBONES, Spec
from nstlib.backbone import Backbone, build
from nstlib.course import stamps
from nstlib.exercise import check, mine
from nstlib.image import load_image
from nstlib.loss import content_loss, content_terms, style_terms, tv_loss, tv_term
from nstlib.machine import choose_precision
from nstlib.optimizers.options import checked_options
from nstlib.recipes import RECIPES, convert
from nstlib.recorder import flight
from nstlib.sweeps.grid import checked_grid
from nstlib.weights import find_weights, load_weights

SOURCE = """import nstlib as nst

def ask(name):
    return nst.predict(name)

ask("04.shufle")"""


def test_a_notebook_shows_the_message_and_the_line_of_the_cell(tmp_path):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=kernel)
    nbformat.write(written, tmp_path / "mistyped.ipynb")
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--allow-errors", "mistyped.ipynb"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    cell = json.loads((tmp_path / "mistyped.ipynb").read_text(encoding="utf-8"))["cells"][0]
    (shown,) = [out for out in cell["outputs"] if out["output_type"] == "error"]
    assert shown["ename"] == "InputError"
    message, line = shown["traceback"]
    assert message.startswith("InputError: unknown exercise '04.shufle': did you mean '04.shuffle'?")
    assert line == "in line 4 of the cell:  return nst.predict(name)"


# --- names with a space around them --------------------------------------------------------------

PICTURE, OTHER = torch.rand(2, 1, 3, 16, 16)
POCKET = nst.load_backbone()
RUN = [nst.Step(1, 1, 0.1, 1.0, {"content": 0.4, "style relu1_1": 0.6}, PICTURE)]


def value_of(terms, *given, **named):
    """What the first layer's term says of a picture."""
    (term,) = terms(POCKET, *given, ["relu1_1"], **named)
    return float(term.loss(POCKET(OTHER, ["relu1_1"])["relu1_1"]))


NAMED = {  # what takes a name: name → what of the result must not depend on the space
    "lesson": (lambda name: nst.setup(name).lesson, "04"),
    "backbone of a lesson": (lambda name: nst.setup("04", name).backbone, "pocket"),
    "backbone": (lambda name: nst.load_backbone(name).name, "pocket"),
    "weights": (lambda name: len(load_weights(name)), "pocket"),
    "file of weights": (find_weights, "pocket"),
    "option of a network": (lambda name: nst.load_backbone(weights="random", **{name: "average"}).pooling, "pooling"),
    "pooling": (lambda name: Backbone(BACKBONES["pocket"], pooling=name).pooling, "average"),
    "pixels": (lambda name: Backbone(BACKBONES["pocket"], pixels=name).std.tolist(), "imagenet"),
    "padding mode": (lambda name: Backbone(BACKBONES["pocket"], padding_mode=name).padding_mode, "replicate"),
    "kind of layer": (lambda name: type(build(Spec("a", name, 2), 1, "max")), "relu"),
    "device": (nst.choose_device, "cpu"),
    "any device": (nst.choose_device, "auto"),
    "precision": (lambda name: choose_precision(name, torch.device("cpu")), "float16"),
    "picture": (nst.asset, "content/harbour"),
    "photograph": (nst.asset, "photo/portrait"),
    "side": (lambda name: load_image(PICTURE[..., :8], 8, side=name).pixels.shape, "height"),
    "recipe": (lambda name: convert(name, pixels="imagenet").name, "jcjohnson"),
    "network of a recipe": (RECIPES["kit"].on, "vgg19"),
    "field": (lambda name: RECIPES["kit"].changed(**{name: 99}).size, "size"),
    "pixel convention": (lambda name: convert("jcjohnson", pixels=name), "imagenet"),
    "field of a sweep": (lambda name: checked_grid({name: [1, 2]}, {}), "style_weight"),
    "option of an optimiser": (lambda name: checked_options("adam", {name: 0.1}), "rate"),
    "reduction": (lambda name: content_loss(PICTURE, OTHER, name), "relative"),
    "reduction of terms": (lambda name: value_of(content_terms, PICTURE, reduction=name), "sum"),
    "statistic": (lambda name: value_of(style_terms, [PICTURE], statistic=name), "gram-e"),
    "guidance": (lambda name: value_of(style_terms, [PICTURE], regions=[PICTURE[:, :1]], guidance=name), "sum"),
    "variation": (lambda name: tv_loss(PICTURE, name), "isotropic"),
    "reduction of a variation": (lambda name: tv_loss(PICTURE, "l1", name), "sum"),
    "term of variation": (lambda name: float(tv_term(1, name).loss(PICTURE)), "l1"),
    "order": (lambda name: plot.gram_matrix(torch.eye(3), order=name).get_axes()[0].get_xlabel(), "strongest"),
    "terms": (lambda name: len(plot.losses(RUN, terms=name).axes[0].lines), "total"),
    "axis of the recorder": (lambda name: flight(**{name: "harbour"}).settings, "pair"),
    "key": (key.answer_key, "04"),
    "first cell": (stamps.first_cell, "04"),
    "exercise": (lambda name: check(name, "a"), "04.shuffle"),
    "function": (lambda name: mine(name, None), "04.gram"),
    "question": (lambda name: repr(nst.choose(name)), "04.index"),
    "predictions": (lambda name: repr(nst.predictions(name)), "06"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_space_around_a_name_is_no_part_of_it(kind):
    ask, name = NAMED[kind]
    wanted = ask(name)
    for spaced in (f"{name} ", f" {name}"):
        found = ask(spaced)
        assert torch.equal(found, wanted) if isinstance(found, torch.Tensor) else found == wanted
