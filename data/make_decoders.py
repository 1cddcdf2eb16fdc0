"""Train the decoders of `pocket`: from a feature map back to an image, also when its statistics were exchanged.

    uv run data/make_decoders.py train FOLDER [FOLDER …] --out RUN
    uv run data/make_decoders.py look RUN/decoders.safetensors --pair CONTENT STYLE --out RUN/looked

A decoder that only ever undid photographs paints blots once the features are a painting's. So of each batch one
picture is decoded as it is, and the others after their features took on a painting's mean and deviation (AdaIN) or
mean and covariance (WCT). What is asked of the decoded image is what the kit's objective asks: the network must see
the features that were decoded, and the painting's Gram matrices.

The run is repeatable (one seed) and resumes from its last checkpoint after an interruption: start it again.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from make_pocket import Crops, device_option, gram, load_pictures
from torch import Tensor, nn
from torch.nn import functional as F

from nstlib.backbone import load_backbone
from nstlib.decoder import DECODED, Decoder, decoders_of
from nstlib.files import whole
from nstlib.onepass import METHODS, adain, cascade, wct
from nstlib.plan import prepare
from nstlib.saving import save_image
from nstlib.weights import read_weights, save_weights


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run; the defaults are those that made the embedded decoders."""

    steps: int = 3800
    batch: int = 4  # one picture as it is, the others half and half by AdaIN and WCT
    size: int = 128
    rate: float = 1.5e-3
    warmup: int = 100
    pixel_weight: float = 10.0
    style_weight: float = 0.5
    rough_weight: float = 10.0
    rough_from: int = 2600  # the step from which decoders pay for grain that neither picture has
    ema: float = 0.995
    seed: int = 0


def relative(value: Tensor, target: Tensor) -> Tensor:
    """‖Δ‖² / ‖target‖² of each picture in a batch."""
    return (value - target).square().flatten(1).sum(1) / target.square().flatten(1).sum(1).clamp_min(1e-9)


def rough(image: Tensor) -> Tensor:
    """How much each picture of a batch differs from its own blur: fine grain, and a decoder's checkerboards."""
    image = image.float()
    return (image - F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)).abs().flatten(1).mean(1)


def exchanged(content: Tensor, style: Tensor) -> Tensor:
    """Feature maps to decode: the first as it is, the others with a style's statistics by turns, more or less."""
    maps = [content[:1]]
    for number in range(1, len(content)):
        method = adain if number % 2 else wct
        c, s = content[number : number + 1].float(), style[number : number + 1].float()
        share = 1 - 0.5 * torch.rand(()).item() * (torch.rand(()).item() < 0.3)
        maps.append(c.lerp(method(c, s), share))
    return torch.cat(maps)


class Run:
    """A training run with everything that its checkpoint holds."""

    def __init__(self, plan: Plan, crops: Crops, out: Path):
        torch.manual_seed(plan.seed)
        self.plan, self.crops, self.out, self.step = plan, crops, out, 0
        self.net = load_backbone("pocket", device=crops.device).to(memory_format=torch.channels_last)
        made = {layer: Decoder(self.net.architecture, layer) for layer in DECODED}
        self.decoders = nn.ModuleDict(made).to(crops.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.decoders)
        self.optimiser = torch.optim.Adam(self.decoders.parameters(), lr=plan.rate)
        self.styles = [layer for layer in self.net.architecture.style_layers if layer <= DECODED[-1]]

    def loss(self, image: Tensor, style: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The training loss of a batch, and its parts by decoder."""
        plan, report = self.plan, {}
        with torch.no_grad():
            contents, styles = self.net(image, DECODED), self.net(style, [*self.styles, *DECODED])
            grams = {layer: gram(styles[layer].float()) for layer in self.styles}
            grain = rough(image), rough(style)
        total = image.new_zeros(())
        for layer, decoder in self.decoders.items():
            with torch.no_grad():
                wanted = exchanged(contents[layer], styles[layer])
            painted = decoder(wanted)
            known = [name for name in self.styles if name <= layer]
            seen = self.net(painted, [*known, layer])
            off = relative(seen[layer].float(), wanted.float()).mean()
            pixel = (painted[:1].float() - image[:1]).square().mean()
            gone = torch.stack([relative(gram(seen[n][1:].float()), grams[n][1:]).mean() for n in known]).mean()
            beyond = (painted.float() - painted.float().clamp(0, 1)).square().mean()
            total = total + off + plan.pixel_weight * (pixel + beyond) + plan.style_weight * gone
            if self.step >= plan.rough_from:
                total = total + plan.rough_weight * (rough(painted) - torch.maximum(*grain)).clamp_min(0).mean()
            told = {layer: off, f"{layer} pixel": pixel, f"{layer} style": gone}
            report |= {name: float(value.detach()) for name, value in told.items()}
        return total, report

    def advance(self) -> dict[str, float]:
        """One step of the optimiser."""
        plan = self.plan
        share = min(1.0, (self.step + 1) / plan.warmup) * 0.5 * (1 + math.cos(math.pi * self.step / plan.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate * share
        image, style = self.crops.many(plan.batch, 0.1), self.crops.many(plan.batch, 0.8)
        with torch.autocast(image.device.type, torch.bfloat16):
            loss, report = self.loss(image, style)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.decoders.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(plan.ema, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.decoders.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        return {"loss": loss.item(), **report}

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        self.out.mkdir(parents=True, exist_ok=True)
        state = {name: getattr(self, name).state_dict() for name in ("decoders", "average", "optimiser")}
        state |= {"step": self.step, "chance": self.crops.chance.getstate(), "torch": torch.get_rng_state()}
        with whole(self.out / "checkpoint.pt") as file:
            torch.save(state, file)
        save_weights(self.average.state_dict(), self.out / "decoders.safetensors", step=str(self.step))

    def resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if path.exists():
            # The checkpoint is this program's own and holds Python's random state, so it is not of tensors alone.
            state = torch.load(path, map_location=self.crops.device, weights_only=False)
            for name in ("decoders", "average", "optimiser"):
                getattr(self, name).load_state_dict(state[name])
            self.step = state["step"]
            self.crops.chance.setstate(state["chance"])
            torch.set_rng_state(state["torch"].cpu())

    def train(self) -> Iterator[str]:
        """Train to the plan's end, yielding a line of news every fifty steps."""
        began, news = time.monotonic(), []
        while self.step < self.plan.steps:
            news.append(self.advance())
            if self.step % 50 == 0:
                words = " ".join(f"{key} {sum(one[key] for one in news) / len(news):.3f}" for key in news[0])
                news.clear()
                yield f"{self.step:6d} {time.monotonic() - began:.0f} s {words}"
            if self.step % 250 == 0:
                self.save()
        self.save()


@click.group()
def main() -> None:
    """Train the decoders of the embedded network, and look at what they paint."""


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="folder of checkpoint and weights")
@click.option("--steps", default=Plan.steps, show_default=True)
@click.option("--exclude", multiple=True, help="file name pattern to hold out; repeat it for more")
@device_option
def train(folders: tuple[Path, ...], out: Path, steps: int, exclude: tuple[str, ...], device: torch.device) -> None:
    """Train on all pictures below FOLDERS, going on from the checkpoint in --out if there is one."""
    plan = Plan(steps=steps)
    photos, art = load_pictures(list(folders), exclude)
    click.echo(f"{len(photos)} photographs and {len(art)} pieces of art")
    run = Run(plan, Crops(photos, art, plan.size, random.Random(plan.seed), device), out)
    run.resume()
    for line in run.train():
        click.echo(line)


@main.command()
@click.argument("weights", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--pair", "pairs", nargs=2, multiple=True, required=True, help="CONTENT STYLE; repeat it for more")
@click.option("--size", default=512, show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="folder of the pictures")
def look(weights: Path, pairs: tuple[tuple[str, str], ...], size: int, out: Path) -> None:
    """Paint each pair in one pass by each method."""
    out.mkdir(parents=True, exist_ok=True)
    decoders = decoders_of(read_weights(weights))
    for number, (content, style) in enumerate(pairs):
        for name, method in METHODS.items():
            plan = prepare(content, style, size=size, style_layers=method.layers, precision="float32")
            began = time.monotonic()
            image = cascade(plan, method, 1.0, decoders)
            click.echo(f"{number} {name} {time.monotonic() - began:.2f} s")
            save_image(image, out / f"{number}_{name}.png")


if __name__ == "__main__":
    main()
