"""Ask networks that were trained to name things what lesson 03 asks: `python data/make_named.py`, some ten minutes.

Needs the published weights of both networks, which are not part of the kit. Writes, into named/:

    dreams.jpg     what eight channels of SqueezeNet 1.0 answer to most: four in a row, pictures of SIDE pixels
    ratios.json    change by shape over change by manner, by network, picture and layer

The code is the lesson's own, taken out of the notebook.
"""

import ast
import json
from pathlib import Path

import torch
from PIL import Image

import nstlib as nst

HERE = Path(__file__).parent
FOLDER, LESSON = HERE / "named", HERE.parent / "notebooks" / "03_feature_maps.ipynb"
NETWORKS = {"squeezenet1_0": ("relu", "fire"), "vgg16": ("relu",)}  # name: the kinds of layers that are asked
PICTURES = ("content/tubingen", "content/harbour", "content/still_life", "content/city")
CHANNELS = (*(("fire6", c) for c in (50, 200, 250, 300)), *(("fire8", c) for c in (10, 60, 300, 400)))
SIDE, STEPS, COLUMNS = 192, 64, 4


def defines(node):
    """Whether a statement imports, defines a function, or goes on with a learner's: `climb = nst.mine(…)`."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.value).startswith("nst.mine(")
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)


def lesson(backbone):
    """The functions of lesson 03 by name, with a backbone in place of its own."""
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    names = {"nst": nst, "backbone": backbone, "RELUS": ()}
    for cell in (c for c in cells if c["cell_type"] == "code" and c["id"] != "setup"):
        found = [node for node in ast.parse("".join(cell["source"])).body if defines(node)]
        exec(compile(ast.Module(found, []), LESSON.name, "exec"), names)
    return names


def ratios(name):
    """By picture, change by shape over change by manner at each layer of a network, as the lesson's `ratios`."""
    backbone = nst.load_backbone(name)
    layers = [layer.name for layer in backbone.layers.values() if layer.kind in NETWORKS[name]]
    code = lesson(backbone)
    loaded = [code["load"](picture) for picture in PICTURES]
    pairs = zip(PICTURES, loaded, [loaded[-1], *loaded], strict=False)
    found = {p: code["ratios"](image, other, backbone, layers).round(3).tolist() for p, image, other in pairs}
    return {"layers": layers, **found}


def dreams():
    """A sheet of dreams (1, 3, H, W), row by row as in CHANNELS."""
    backbone = nst.load_backbone("squeezenet1_0")
    dream = lesson(backbone)["dream"]
    made = [dream(layer, channel, size=SIDE, steps=STEPS) for layer, channel in CHANNELS]
    rows = [torch.cat(made[i : i + COLUMNS], dim=3) for i in range(0, len(made), COLUMNS)]
    return torch.cat(rows, dim=2)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    measured = {name: ratios(name) for name in NETWORKS}
    (FOLDER / "ratios.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    picture: Image.Image = nst.to_pil(dreams())
    picture.save(FOLDER / "dreams.jpg", quality=88, optimize=True)
