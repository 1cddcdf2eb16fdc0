"""Content, style, recipe → a `Result` (image, history, recipe, seed, seconds, device): pyramid, checkpoints, resume.

    result = stylize("photo.jpg", "painting.jpg", size=512)
    result.save("out.png")

`Transfer` is the same as a loop that reports: `for progress in Transfer(...)`, and `break` when you have seen enough.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .about import VERSION
from .backbone import BACKBONES, Backbone, load_backbone, normalize_activations
from .engine import Engine, View, features_in_bands
from .errors import InputError, choose
from .files import whole
from .image import Picture, fit, load_image, resize, save_image
from .loss import TV_KINDS, Objective, Term, content_terms, divide_shares, style_terms, tv_term
from .machine import allocator, choose_device, choose_precision, describe_device, free_memory
from .optimize import OPTIMIZERS, Step, optimize
from .recipe import DEFAULT_RECIPE, RECIPES, Recipe
from .style import STATISTICS

__all__ = [
    "Progress",
    "Record",
    "Result",
    "Transfer",
    "reconstruct_content",
    "reconstruct_style",
    "stylize",
    "texture",
]

SMALLEST = 32
CHECKPOINT_SECONDS = 30.0
METADATA_KEY = "nstlib"
AMPLE = 1.3  # what a run takes that lets the allocator keep what is freed, over what it uses
# Statistics that see a map whole: how many times it they hold, in float32, at their worst moment.
COPIES = {"covariance": 2, "mean-std": 2, "wasserstein": 2, "sliced": 5, "patches": 30}
ROUGH = 0.6  # of a mixed run's evaluations at full size, before float32 takes over (measured: tests/benchmarks, loss)
NOISE = {"float32": 0.0, "bfloat16": 1e-2}  # relative error of a loss, see `lbfgs`


@dataclass(frozen=True)
class Record:
    """One line of a run's history; `size` is the (height, width) of the scale that it belongs to."""

    size: tuple[int, int]
    iteration: int
    evaluations: int
    seconds: float
    loss: float
    terms: Mapping[str, float]

    def kinds(self) -> dict[str, float]:
        """The terms added up by kind: "style relu1_1" counts as "style"."""
        totals: dict[str, float] = {}
        for name, value in self.terms.items():
            kind = name.split()[0]
            totals[kind] = totals.get(kind, 0.0) + value
        return totals


@dataclass(frozen=True)
class Progress:
    """What a `Transfer` yields: the step, its scale, and how far the whole run is.

    done: share of the run's work, 0 to 1. seconds_left: an estimate; None before anything was measured.
    """

    step: Step
    size: tuple[int, int]
    done: float
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class Stage:
    """A part of a run: at one size (height, width), for so many evaluations, in one precision.

    The optimiser starts each stage anew, from the picture of the last one.
    """

    size: tuple[int, int]
    evaluations: int
    precision: str

    @property
    def work(self) -> float:
        """In units that compare stages: float32 takes about twice as long as half precision."""
        return self.size[0] * self.size[1] * self.evaluations * (2 if self.precision == "float32" else 1)


@dataclass(frozen=True)
class Result:
    """A picture and how it came about.

    image: (1, 3, H, W), sRGB in [0, 1], on the CPU. stopped: why the run ended. notes: what was chosen or changed on
    the way, in words. facts: all that is needed to repeat it, as plain data.
    """

    image: Tensor
    history: tuple[Record, ...]
    recipe: Recipe
    seed: int
    seconds: float
    device: str
    stopped: str
    notes: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict, repr=False)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the picture as PNG, JPEG or WebP, whole or not at all, with the facts in its metadata."""
        return save_image(self.image, path, {METADATA_KEY: json.dumps(dict(self.facts), ensure_ascii=False)})


class Transfer:
    """A style transfer as a loop that reports; everything that can be wrong is checked before the first step.

    Args:
        content: what `load_image` takes; None for a texture on a canvas of `size` × `size`.
        styles: as many; none for a reconstruction of the content.
        recipe: a name in `RECIPES`, or a `Recipe`.
        seed: of the noise start, and of everything else that is random.
        device: "auto", "cuda", "mps" or "cpu".
        precision: "auto", "float32", "bfloat16" or "mixed" (see `choose_precision`). In half precision L-BFGS comes to
            a loss a fifth above what float32 reaches; a mixed run begins in the one and ends in the other.
        memory: bytes that the run may use; nine tenths of what is free if None. A run that would take more computes
            maps twice instead of keeping them, and remembers fewer moves; one that cannot fit is refused.
        weights: a file with the backbone's weights, or "random".
        shares: how much each style image counts; equally if None.
        style_scales: size of each style image relative to the result's; 1 if None.
        checkpoint: a file to which the state is written every half minute, and when the run is stopped; if it exists,
            the run goes on from it.
        changes: any field of `Recipe`: `size=300, content_weight=0.1, optimizer="adam"`.

    Raises:
        InputError: whatever does not fit, in one line.
    """

    def __init__(
        self,
        content: object | None,
        styles: Sequence[object],
        *,
        recipe: str | Recipe = DEFAULT_RECIPE,
        seed: int = 0,
        device: str = "auto",
        precision: str = "auto",
        memory: float | None = None,
        weights: str | Path | None = None,
        shares: Sequence[float] | None = None,
        style_scales: Sequence[float] | None = None,
        checkpoint: str | os.PathLike | None = None,
        **changes: object,
    ):
        self.recipe = with_changes(recipe, changes)
        self.seed, self.weights = seed, weights
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.style_scales = list(style_scales or [1.0] * len(styles))
        self.checkpoint = None if checkpoint is None else Path(checkpoint).expanduser()
        check(self.recipe, content, styles, self.style_scales, self.checkpoint)
        self.shares = divide_shares(len(styles), shares) if styles else None
        with torch.random.fork_rng(
            devices=[]
        ):  # a seed for random weights, and the caller's own random state untouched
            torch.manual_seed(seed)
            self.backbone = load_backbone(
                self.recipe.backbone,
                weights,
                pooling=self.recipe.pooling,
                pixels=self.recipe.pixels,
                padding_mode=self.recipe.padding_mode,
            )
        self.smallest = smallest_side(self.backbone, self.recipe)
        self.content = None if content is None else self._load(content, self.recipe.size)
        self.styles = [
            self._load(style, max(1, round((self.recipe.style_size or self.recipe.size) * scale)))
            for style, scale in zip(styles, self.style_scales, strict=True)
        ]
        # As the caller gave them, so that the run can be repeated from the same folder.
        loaded = zip((content, *styles), (self.content, *self.styles), strict=True)
        self.named = [name_of(given, picture) for given, picture in loaded]
        self.start = self._start_picture()
        if self.recipe.normalized:
            normalize_activations(self.backbone, [p.pixels for p in self._pictures()])
        self.backbone.to(self.device)
        self.stages = self._stages()
        self.budget = fit_memory(
            self.backbone,
            self.recipe,
            self.stages[-1].size,
            self.stages[-1].precision,
            0.9 * free_memory(self.device) if memory is None else memory,
        )
        self.history: list[Record] = []
        self.best: Step | None = None
        self.stopped = ""
        self.seconds = 0.0
        self._resumed = self._read_checkpoint()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen or changed before the run, in words."""
        pictures = [f"{p.source}: {note}" for p in self._pictures() for note in p.notes]
        r = self.recipe
        precisions = ", then ".join(dict.fromkeys(stage.precision for stage in self.stages))
        where = f"{describe_device(self.device)} in {precisions}"
        short = r.optimizer == "lbfgs" and self.budget.history < r.history
        fewer = [f"memory is short: L-BFGS remembers {self.budget.history} moves, not {r.history}"] if short else []
        return (f"computing on {where} with {r.backbone}, recipe {r.name}", *fewer, *pictures)

    def __iter__(self) -> Iterator[Progress]:
        """Run, from the checkpoint if there is one, yielding progress after each iteration."""
        with allocator(keep=self.budget.ample):
            yield from self._iterate()

    def _iterate(self) -> Iterator[Progress]:
        began, before = time.perf_counter(), self.seconds
        saved = began
        first, state, image = self._resumed
        for number in range(first, len(self.stages)):
            stage = self.stages[number]
            image = self._first_image(stage.size) if image is None else resize(image, stage.size)
            self.best = self.best if state else None
            step = None
            try:
                for step in self._steps(stage, image, state):
                    self.seconds = before + time.perf_counter() - began
                    self._keep(step, stage.size)
                    if self.checkpoint and (time.perf_counter() - saved > CHECKPOINT_SECONDS or step.stop):
                        self._write_checkpoint(number, step)
                        saved = time.perf_counter()
                    yield self._progress(number, step, began, before)
            except (KeyboardInterrupt, GeneratorExit):  # stopped by hand, or the caller has seen enough
                self._write_last(number, step)
                raise
            self.stopped = step.stop
            image, state = self.best.image.detach().cpu(), None
            if "finite" in step.stop:
                break

    def _steps(self, stage: Stage, image: Tensor, state: Mapping | None) -> Iterator[Step]:
        return optimize(
            self.objective(stage.size, stage.precision),
            image.to(self.device),
            self.recipe.optimizer,
            evaluations=stage.evaluations,
            state=state,
            **self._options(stage.precision),
        )

    def result(self) -> Result:
        """The best picture so far, with its history.

        Raises:
            InputError: nothing has run yet.
        """
        if self.best is None:
            raise InputError("no step was taken yet: loop over the transfer first, `for progress in transfer: ...`")
        image = self.best.image.detach().float().cpu().clamp(0, 1)
        stopped = self.stopped or "stopped by the caller"
        facts = {**self.facts(), "seconds": round(self.seconds, 2), "stopped": stopped, "loss": self.best.loss}
        return Result(
            image,
            tuple(self.history),
            self.recipe,
            self.seed,
            self.seconds,
            str(self.device),
            stopped,
            self.notes,
            facts,
        )

    def facts(self) -> dict[str, object]:
        """What a picture's metadata says of its making, as plain data."""
        return {
            "version": VERSION,
            "torch": torch.__version__,
            "device": str(self.device),
            "precision": self.precision,
            "seed": self.seed,
            "content": self.named[0],
            "styles": self.named[1:],
            "shares": self.shares,
            "style_scales": self.style_scales,
            "weights": None if self.weights is None else str(self.weights),
            "recipe": self.recipe.to_dict(),
        }

    def _load(self, source: object, size: int) -> Picture:
        return load_image(source, size, side=self.recipe.side, smallest=self.smallest)

    def _pictures(self) -> list[Picture]:
        return [p for p in (self.content, *self.styles, self.start) if p is not None]

    def _start_picture(self) -> Picture | None:
        named = self.recipe.start in ("content", "noise", "style")
        return None if named else self._load(self.recipe.start, self.recipe.size)

    def _stages(self) -> list[Stage]:
        """Coarse to fine; a mixed run of L-BFGS ends in float32 (Adam averages the noise of half precision)."""
        size, evaluations = self.recipe.size, self.recipe.evaluations
        shape = (size, size) if self.content is None else tuple(self.content.pixels.shape[-2:])
        coarse = [(fit(shape, s, self.recipe.side), n) for s, n in self.recipe.scales() if s < size]
        coarse = [(s, n) for s, n in coarse if min(s) >= self.smallest and s[0] < shape[0]]
        mixed = self.precision == "mixed"
        half, rough = ("bfloat16", int(ROUGH * evaluations)) if mixed else (self.precision, 0)
        last = [Stage(shape, evaluations, half)]
        if rough and self.recipe.optimizer == "lbfgs":
            last = [Stage(shape, rough, half), Stage(shape, evaluations - rough, "float32")]
        return [*(Stage(s, n, half) for s, n in coarse), *last]

    def _first_image(self, size: tuple[int, int]) -> Tensor:
        """Where the first scale starts: (1, 3, *size), in [0, 1]."""
        if self.start is not None:
            return resize(self.start.pixels, size)
        if self.recipe.start == "noise":
            noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(self.seed))
            return (self.backbone.mean.cpu() + self.recipe.noise * noise).clamp(0, 1)
        picture = self.content if self.recipe.start == "content" else self.styles[0]
        return resize(picture.pixels, size)

    def objective(self, size: tuple[int, int], precision: str | None = None) -> Objective:
        """What is minimised at one scale (height, width); every picture shrinks with the result.

        precision: that of the first stage if None.
        """
        return Objective(self.backbone, self._terms(size), precision or self.stages[0].precision, self.budget.maps)

    def _terms(self, size: tuple[int, int]) -> list[Term]:
        r, terms = self.recipe, []
        features = features_in_bands(self.backbone)
        if self.content is not None and r.content_weight:
            content = resize(self.content.pixels, size).to(self.device)
            terms += content_terms(
                features, content, r.content_layers, weight=r.content_weight, reduction=r.content_reduction
            )
        if self.styles and r.style_weight:
            scale = size[0] / self.stages[-1].size[0]
            styles = [self._shrunk(style.pixels, scale).to(self.device) for style in self.styles]
            terms += style_terms(
                features, styles, r.style_layers, weight=r.style_weight, statistic=r.statistic, shares=self.shares
            )
        if r.tv_weight:
            space = self.backbone.normalize if r.tv_space == "network" else None
            terms.append(tv_term(r.tv_weight, r.tv_kind, r.tv_reduction, space))
        return terms

    def _shrunk(self, pixels: Tensor, scale: float) -> Tensor:
        h, w = pixels.shape[-2:]
        return resize(pixels, (max(self.smallest, round(h * scale)), max(self.smallest, round(w * scale))))

    def _options(self, precision: str) -> dict[str, object]:
        """The recipe's fields that its optimiser takes."""
        r = self.recipe
        if r.optimizer == "lbfgs":
            return {"history": self.budget.history, "bounds": r.bounds, "noise": NOISE[precision]}
        return {
            "rate": r.rate,
            "schedule": r.schedule,
            "betas": r.betas,
            "epsilon": r.epsilon,
            "average": r.average,
            "bounds": r.bounds,
        }

    def _keep(self, step: Step, size: tuple[int, int]) -> None:
        """Write history; remember the best finite step of this scale (a running mean of images is best at its end)."""
        if "finite" not in step.stop and (self.best is None or self.recipe.average or step.loss <= self.best.loss):
            self.best = step
        elif self.best is None:
            raise InputError(
                f"the loss of the very first image cannot be used ({step.stop}): check the weights' file and "
                f"the term weights of recipe {self.recipe.name}"
            )
        record = Record(size, step.iteration, step.evaluations, self.seconds, step.loss, step.terms)
        if not self.history or self.history[-1] != record:
            self.history.append(record)

    def _progress(self, number: int, step: Step, began: float, before: float) -> Progress:
        work, stage = [stage.work for stage in self.stages], self.stages[number]
        share = 1.0 if step.stop else min(1.0, step.evaluations / stage.evaluations)
        done = (sum(work[:number]) + share * work[number]) / sum(work)
        left = self.seconds * (1 - done) / done if done else None
        return Progress(step, stage.size, done, self.seconds, left)

    def _fingerprint(self) -> str:
        """A digest of all that determines the run: a checkpoint of another run must not be continued."""
        facts = {k: v for k, v in self.facts().items() if k not in ("version", "torch", "device", "content", "styles")}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for picture in self._pictures():
            digest.update(picture.pixels.numpy().tobytes())
        return digest.hexdigest()

    def _write_last(self, number: int, step: Step | None) -> None:
        """A checkpoint of the last step, unless the loop was cut in the midst of the next one's bookkeeping."""
        if self.checkpoint and step:
            with suppress(InputError):
                self._write_checkpoint(number, step)

    def _write_checkpoint(self, number: int, step: Step) -> None:
        data = {
            "fingerprint": self._fingerprint(),
            "stage": number,
            "state": step.state(),
            "best": {"image": self.best.image, "loss": self.best.loss, "terms": dict(self.best.terms)},
            "counts": (self.best.iteration, self.best.evaluations, self.best.seconds),
            "stop": step.stop,
            "seconds": self.seconds,
            "history": [(r.size, r.iteration, r.evaluations, r.seconds, r.loss, dict(r.terms)) for r in self.history],
        }
        with whole(self.checkpoint) as file:
            torch.save(data, file)

    def _read_checkpoint(self) -> tuple[int, Mapping | None, Tensor | None]:
        """(scale, optimiser's state, image) to go on from."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return 0, None, None
        try:
            data = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            ours = data["fingerprint"] == self._fingerprint()
        except Exception as error:  # a damaged file can fail in any way; all of them mean the same to the caller
            reason = type(error).__name__
            raise InputError(
                f"'{self.checkpoint}' is no checkpoint of nst ({reason}): delete it or name another"
            ) from None
        if not ours:
            raise InputError(
                f"the checkpoint '{self.checkpoint}' belongs to a run with other pictures, recipe, precision or seed: "
                f"name another file, or delete it to start anew"
            )
        self.history = [Record(tuple(size), i, e, s, loss, terms) for size, i, e, s, loss, terms in data["history"]]
        self.seconds = data["seconds"]
        best = data["best"]
        iteration, evaluations, seconds = data["counts"]
        self.best = Step(iteration, evaluations, seconds, best["loss"], best["terms"], best["image"])
        if data["stop"]:
            self.stopped = data["stop"]
            return data["stage"] + 1, None, best["image"].cpu()
        return data["stage"], data["state"], best["image"].cpu()


def stylize(
    content: object, *styles: object, on_progress: Callable[[Progress], None] | None = None, **options: object
) -> Result:
    """Paint `content` in the manner of `styles`.

    Args:
        content, styles: anything that `load_image` takes: a path, an address, a PIL image, an array.
        on_progress: called after each iteration.
        options: those of `Transfer`, fields of `Recipe` among them.

    An interrupt (Ctrl-C, the notebook's stop button) ends the run early and keeps the best picture.

    Raises:
        InputError: whatever does not fit, before any slow work.
    """
    if not styles:
        raise InputError("no style image was given: stylize(content, style), or reconstruct_content(content)")
    return run(Transfer(content, styles, **options), on_progress)


def texture(
    style: object, *more: object, on_progress: Callable[[Progress], None] | None = None, **options: object
) -> Result:
    """A square of `size` pixels with the style's statistics and no content (Gatys et al. 2015, "Texture Synthesis")."""
    options = {"size": 256, "start": "noise", "content_weight": 0.0, **options}
    return run(Transfer(None, (style, *more), **options), on_progress)


def reconstruct_content(
    content: object, layer: str, *, on_progress: Callable[[Progress], None] | None = None, **options: object
) -> Result:
    """What one layer knows of the content: noise made to have the layer's map (Gatys et al. 2016, figure 1)."""
    options = {"start": "noise", "content_weight": 1.0, "content_layers": {layer: 1.0}, **options}
    return run(Transfer(content, (), **options), on_progress)


def reconstruct_style(
    style: object, layers: Sequence[str], *, on_progress: Callable[[Progress], None] | None = None, **options: object
) -> Result:
    """What some layers know of the style: a texture by these layers alone (Gatys et al. 2016, fig. 1)."""
    return texture(
        style, on_progress=on_progress, style_layers=dict.fromkeys(layers, 1 / max(1, len(layers))), **options
    )


def run(transfer: Transfer, on_progress: Callable[[Progress], None] | None = None) -> Result:
    """Run a transfer to its end, or to an interrupt."""
    try:
        for progress in transfer:
            if on_progress:
                on_progress(progress)
    except KeyboardInterrupt:
        if transfer.best is None:
            raise
        transfer.stopped = "interrupted"
    return transfer.result()


def with_changes(recipe: str | Recipe, changes: Mapping[str, object]) -> Recipe:
    """The recipe by name, moved to another network if asked, with the other fields changed."""
    if isinstance(recipe, str):
        recipe = RECIPES[choose("recipe", recipe, RECIPES)]
    changes = {k: v for k, v in changes.items() if v is not None}
    if "backbone" in changes:
        recipe = recipe.on(changes.pop("backbone"))
    return recipe.changed(**changes)


def check(
    recipe: Recipe, content: object, styles: Sequence[object], scales: Sequence[float], checkpoint: Path | None
) -> None:
    """Refuse what cannot work before anything slow."""
    if not isinstance(recipe.size, int) or recipe.size < SMALLEST:
        raise InputError(f"a size of {recipe.size} pixels is too small for any picture: give at least {SMALLEST}")
    if content is None and not styles:
        raise InputError("neither a content nor a style image was given: give at least one")
    if recipe.start == "content" and content is None:
        raise InputError("the start is 'content', but there is none: start from 'noise' or 'style'")
    if recipe.start == "style" and not styles:
        raise InputError("the start is 'style', but there is no style image: start from 'noise' or 'content'")
    if len(scales) != len(styles) or any(scale <= 0 for scale in scales):
        raise InputError(f"{len(styles)} style images and the scales {list(scales)}: give one number > 0 for each")
    if min(recipe.content_weight, recipe.style_weight, recipe.tv_weight) < 0:
        raise InputError("a weight is below 0, which would push the picture away from its target: use 0 or more")
    if recipe.evaluations < 1:
        raise InputError(f"{recipe.evaluations} evaluations are none: give at least 1")
    active = (content is not None and recipe.content_weight, styles and recipe.style_weight, recipe.tv_weight)
    if not any(active):
        raise InputError("all weights are 0, so at least one term is needed: nothing would be optimised")
    choose("optimizer", recipe.optimizer, OPTIMIZERS)
    choose("style statistic", recipe.statistic, STATISTICS)
    choose("total variation", recipe.tv_kind, TV_KINDS)
    if checkpoint is not None and not checkpoint.parent.is_dir():
        raise InputError(f"the checkpoint's folder '{checkpoint.parent}' does not exist: create it or name another")


def name_of(given: object, picture: Picture | None) -> str | None:
    """A path or address as it was given; for a picture from memory, what it calls itself."""
    return os.fspath(given) if isinstance(given, str | os.PathLike) else picture and picture.source


def smallest_side(backbone: Backbone, recipe: Recipe) -> int:
    """The least side of a picture on which all the recipe's layers can be compared."""
    layers = backbone.check_layers([*recipe.content_layers, *recipe.style_layers])
    return max(SMALLEST, max(backbone.smallest(layer) for layer in layers))


@dataclass(frozen=True)
class Budget:
    """How a run's memory is divided.

    maps: bytes for the network's maps. history: how many moves L-BFGS remembers. ample: whether all maps can be kept.
    """

    maps: int
    history: int
    ample: bool


def scout(backbone: Backbone, recipe: Recipe, precision: str) -> Engine:
    """An engine that knows what maps a recipe needs, before there are targets."""
    views = [View(layer, None) for layer in recipe.content_layers if recipe.content_weight]
    views += [View(layer, STATISTICS[recipe.statistic].mean) for layer in recipe.style_layers if recipe.style_weight]
    return Engine(backbone, views, precision)


def image_memory(recipe: Recipe, size: tuple[int, int], history: int) -> int:
    """Bytes of all but the feature maps: the optimiser's memory, pictures, and what the statistic makes of a map."""
    pixels = size[0] * size[1]
    count = (2 * history + 2 if recipe.optimizer == "lbfgs" else 4) + 14
    layers = BACKBONES[recipe.backbone].layers
    widest = max((layers[n].channels / layers[n].stride ** 2 for n in recipe.style_layers if n in layers), default=0)
    return int(12 * pixels * count + 4 * pixels * widest * COPIES.get(recipe.statistic, 0))


def fit_memory(backbone: Backbone, recipe: Recipe, size: tuple[int, int], precision: str, memory: float) -> Budget:
    """Divide `memory` bytes for a run at `size` (height, width).

    Raises:
        InputError: it does not fit, however frugally; says which size does.
    """
    engine = scout(backbone, recipe, precision)
    # Ten moves do as well as a hundred, so a long memory is given up before speed is, and a short one after it.
    most = min(10, recipe.history)
    for ample, histories in ((True, (recipe.history, most)), (False, (most, min(5, most), min(3, most)))):
        maps = AMPLE * engine.bytes(size) if ample else engine.least(size)
        for history in histories:
            images = image_memory(recipe, size, history)
            if images + maps <= memory:
                return Budget(int(memory) - images, history, ample)
    sides = tuple(side / recipe.size for side in size)
    least = image_memory(recipe, size, min(3, recipe.history)) + engine.least(size)
    fits = largest_size(engine, recipe, memory, sides)
    raise InputError(
        f"{size[1]}×{size[0]} pixels with {recipe.backbone} need {least / 1e9:.2g} GB, but there are "
        f"{memory / 1e9:.2g} GB: " + (f"size {fits} fits" if fits else "let the run use more, or close other programs")
    )


def largest_size(
    engine: Engine, recipe: Recipe, memory: float, sides: tuple[float, float] = (1, 1), *, fast: bool = False
) -> int:
    """The largest size, in steps of 32 pixels, that fits into `memory` bytes; 0 if none does.

    sides: height and width for a size of 1. fast: without the means that save memory.
    """

    def fits(size: int) -> bool:
        shape = round(sides[0] * size), round(sides[1] * size)
        maps, history = (AMPLE * engine.bytes(shape), 10) if fast else (engine.least(shape), 3)
        return maps + image_memory(recipe, shape, min(history, recipe.history)) <= memory

    return next((size for size in range(16384, 0, -32) if fits(size)), 0)
