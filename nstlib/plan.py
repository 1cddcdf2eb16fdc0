"""Content, style, recipe → a frozen `Plan`: all that can be wrong is found here, before any work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .about import VERSION
from .architecture import BACKBONES
from .backbone import Backbone, load_backbone, normalize_activations
from .budget import Budget, Needs
from .decode import SMALLEST
from .engine import FeaturesInBands
from .errors import InputError, counted
from .guidance import guides
from .image import Picture, check_source, fit, length, new_shape, resize, shape_of, stretched
from .inputs import Pictures, alone, load_pictures, named, style_length
from .loss import Features, content_terms, divide_shares, style_terms, tv_term
from .machine import choose_device, choose_precision, describe_device, free_memory, half_precision, seeded
from .objective import Objective
from .palette import Colors
from .recipe import WORDS, Recipe
from .recipes import DEFAULT_RECIPE
from .regions import MASKS
from .result import FORMAT
from .settings import Settings, check_pictures, check_together, settle
from .style import STATISTICS
from .term import Term

__all__ = ["FEWER_LAYERS", "WHAT", "WHERE", "Plan", "Stage", "options_of", "prepare"]

ROUGH = 0.6  # of a mixed run's evaluations at full size, before float32 takes over (measured: tests/benchmarks, loss)
NOISE = {"float32": 0.0, "bfloat16": 1e-2, "float16": 1e-3}  # relative error of a loss, see `lbfgs`
FREE_SHARE = 0.9  # of what is free, what a run may take
WHERE, WHAT = "the mask that says where style {} is painted", "the mask that says what of style {} is painted"
FEWER_LAYERS = ", or fewer style layers"


@dataclass(frozen=True)
class Stage:
    """A part of a run; the optimiser starts each anew, from the picture of the last one.

    Attributes:
        size: (height, width).
        evaluations: its budget.
        precision: of its maps.
    """

    size: tuple[int, int]
    evaluations: int
    precision: str

    @property
    def work(self) -> float:
        """In units that compare stages: float32 takes about twice as long as half precision."""
        return self.size[0] * self.size[1] * self.evaluations * (2 if self.precision == "float32" else 1)


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a run is made of, ready; made by `prepare`.

    Attributes:
        recipe: what is computed.
        settings: how.
        device: what `settings` means on this machine.
        precision: likewise, one of `machine.PRECISIONS`, or "mixed".
        backbone: the network, with its weights, on the device.
        content: the picture, at the result's size; None for a texture.
        styles: the pictures, at their own sizes; none for a reconstruction of the content.
        start: the picture of a start that is neither content nor style nor noise.
        names: of content and styles, as they were given; of one from memory, what it is called; None for no content.
        masks: for each style (1, 1, H, W), where in the result it paints; None for everywhere.
        stages: the parts of the run.
        budget: how its memory is divided.
    """

    recipe: Recipe
    settings: Settings
    device: torch.device
    precision: str
    backbone: Backbone
    content: Picture | None
    styles: tuple[Picture, ...]
    start: Picture | None
    names: tuple[str | None, ...]
    masks: tuple[Tensor | None, ...]
    stages: tuple[Stage, ...]
    budget: Budget

    def __repr__(self) -> str:
        parts = " → ".join(f"{s.size[1]}×{s.size[0]} ({counted(s.evaluations, 'evaluation')})" for s in self.stages)
        return f"Plan: {parts}; {self.notes[0]}"

    @property
    def smallest(self) -> int:
        """The least side of a picture on which all layers can be compared."""
        return smallest_side(self.recipe)

    @property
    def shares(self) -> list[float] | None:
        """How much each style picture counts; they add up to 1."""
        return divide_shares(len(self.styles), self.settings.shares) if self.styles else None

    @property
    def that_count(self) -> list[int]:
        """The numbers, from 0, of the style pictures by which something is painted; those of the others may be lost."""
        paints = self.recipe.style_weight and self.recipe.color != "only"
        return [i for i, share in enumerate(self.shares or ()) if share and paints]

    @cached_property
    def colors(self) -> Colors:
        """The pictures in the colours in which they enter the run, and the way back for its result."""
        return Colors(self.recipe.color, self.content, self.styles, self.masks, self.shares)

    @property
    def pictures(self) -> list[Picture]:
        """All that take part."""
        return Pictures(self.content, self.styles, self.start, self.names, self.masks).all

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What was chosen or changed before the run, in words."""
        r, precisions = self.recipe, ", then ".join(dict.fromkeys(stage.precision for stage in self.stages))
        chosen = f"computing on {describe_device(self.device)} in {precisions} with {r.backbone}, recipe {r.name}"
        of_pictures = (f"{picture.source}: {note}" for picture in self.pictures for note in picture.notes)
        return (chosen, *self.remarks, *of_pictures)

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """Those of the notes that tell where the run is not the one that was asked for."""
        r, said = self.recipe, []
        if r.optimizer == "lbfgs" and self.budget.history < r.history:
            said.append(f"memory is short: L-BFGS remembers {self.budget.history} moves, not {r.history}")
        sizes = [stage.size for stage in self.stages]
        left_out = [size for size, _ in r.pyramid or () if fit(sizes[-1], size, r.side) not in sizes[:-1]]
        if left_out and r.color != "only":
            scale = " and ".join(map(str, left_out))
            said.append(f"a scale of {scale} is left out: the picture, a map or a region is too small")
        begin = self.start or (self.styles[0] if r.start == "style" else None)
        if begin is not None and stretched(shape_of(begin.pixels), sizes[-1]):
            canvas = "canvas" if self.content is None else "content"
            said.append(f"{begin.source} is stretched to the shape of the {canvas}, where the run starts")
        return tuple(said)

    @property
    def facts(self) -> dict[str, Any]:
        """What a picture's metadata says of its making, as plain data."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "torch": torch.__version__,
            "device": str(self.device),
            "precision": self.precision,
            "seed": self.settings.seed,
            "content": self.names[0],
            "styles": list(self.names[1:]),
            "shares": self.shares,
            **{name: plain(getattr(self.settings, name)) for name in ("style_scales", *MASKS, "own_layers")},
            "weights": self.settings.weights,
            "recipe": self.recipe.to_dict(),
        }

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that determines the run, as plain data: fields by name, and digests of pictures and weights.

        A checkpoint goes on only where it is the same. The number of evaluations is not among it, so that a run can be
        given more.
        """
        fields_ = {name: self.facts[name] for name in ("precision", "seed", "shares", "style_scales", "own_layers")}
        without = (*WORDS, "evaluations")
        fields_ |= {name: value for name, value in self.recipe.to_dict().items() if name not in without}
        pictures = {"content picture": self.content, "start picture": self.start}
        pictures |= {f"style picture {i}": style for i, style in enumerate(self.styles, 1)}
        digests = {name: digest(picture.pixels) for name, picture in pictures.items() if picture is not None}
        masks = {"mask": self.masks, "style mask": [s.mask for s in self.styles] if self.settings.style_masks else ()}
        for name, own in masks.items():
            digests |= {f"{name} {i}": digest(mask) for i, mask in enumerate(own, 1) if mask is not None}
        digests["set of weights"] = digest(*self.backbone.state_dict().values())
        return {"fields": fields_, "digests": digests}

    def first_image(self, size: tuple[int, int]) -> Tensor:
        """Where the run starts.

        Args:
            size: (height, width) of the first stage.

        Returns:
            (1, 3, *size), in [0, 1].
        """
        start = self.recipe.start
        if start == "noise":
            made = torch.Generator().manual_seed(self.settings.seed)
            noise = torch.randn(1, 3, *size, generator=made, dtype=torch.float32, device="cpu")
            return (self.backbone.get_buffer("mean").cpu() + self.recipe.noise * noise).clamp(0, 1)
        if self.start is not None:
            return resize(self.colors.enter(self.start.pixels), size)
        content = self.colors.content if start == "content" else None
        return resize(self.colors.dyed[0] if content is None else content, size)

    def objective(self, stage: Stage | None = None) -> Objective:
        """What is minimised in a stage, the last if None; every picture shrinks with the result."""
        stage = stage or self.stages[-1]
        return Objective(self.backbone, self.terms(stage.size), stage.precision, self.budget.maps)

    def terms(self, size: tuple[int, int]) -> list[Term]:
        """Content, style and smoothness at a size (height, width)."""
        r, terms = self.recipe, []
        in_bands: Features = FeaturesInBands(self.backbone)
        if self.colors.content is not None and r.content_weight:
            content = resize(self.colors.content, size).to(self.device)
            terms += content_terms(
                in_bands, content, r.content_layers, weight=r.content_weight, reduction=r.content_reduction
            )
        if self.that_count:
            styles, masks = zip(*(self.shrunk(i, size) for i in range(len(self.styles))), strict=True)
            kind = STATISTICS[r.statistic]  # a mean that knows no regions cuts them out of the whole map
            by_parts = kind.is_mean and (kind.regional is not None or all(mask is None for mask in masks))
            terms += style_terms(
                in_bands if by_parts else self.backbone,
                styles,
                r.style_layers,
                weight=r.style_weight,
                statistic=r.statistic,
                shares=self.shares,
                masks=masks,
                regions=[None if mask is None else resize(mask, size).to(self.device) for mask in self.masks],
                parts=self.settings.own_layers,
                guidance=r.guidance,
            )
        if r.tv_weight:
            space = self.backbone.normalize if r.tv_space == "network" else None
            terms.append(tv_term(r.tv_weight, r.tv_kind, r.tv_reduction, space))
        return terms

    def shrunk(self, number: int, size: tuple[int, int]) -> tuple[Tensor, Tensor | None]:
        """A style picture (1, 3, h, w) as it goes with a result, and its mask (1, 1, h, w) if it has one.

        It keeps its shape: where its narrow side comes to its least, the long one shrinks no further either.

        Args:
            number: of the style, from 0.
            size: (height, width) of the result.
        """
        scale, mask, pixels = size[0] / self.stages[-1].size[0], self.styles[number].mask, self.colors.dyed[number]
        h, w = pixels.shape[-2:]
        scale = max(scale, min(1.0, self.smallest / min(h, w)))
        shape = max(self.smallest, round(h * scale)), max(self.smallest, round(w * scale))
        return resize(pixels, shape).to(self.device), None if mask is None else resize(mask, shape).to(self.device)

    def with_masks(self) -> Plan:
        """The same without the coarser scales on which some map has nothing left of a mask.

        Raises:
            InputError: nothing is left of one at the result's own size; says of which, and on which map.
        """
        last = self.stages[-1].size
        self.check_masks(last)
        lost = {stage.size for stage in self.stages if stage.size != last and not self.keeps_masks(stage.size)}
        return replace(self, stages=tuple(s for s in self.stages if s.size not in lost)) if lost else self

    def keeps_masks(self, size: tuple[int, int]) -> bool:
        """Whether something is left of each mask at a size (height, width)."""
        try:
            self.check_masks(size)
        except InputError:
            return False
        return True

    def check_masks(self, size: tuple[int, int]) -> None:
        """Refuse a mask of which nothing is left on a map on which it has a part.

        Args:
            size: (height, width) of the picture that is painted.

        Raises:
            InputError: there is one; says which, and where.
        """
        for i in self.that_count:
            mask, style = self.masks[i], self.styles[i]
            layers = (self.settings.own_layers and self.settings.own_layers[i]) or self.recipe.style_layers
            own = None if style.mask is None else self.shrunk(i, size)[1]
            where = None if mask is None else resize(mask, size)
            for name, given in ((WHERE, where), (WHAT, own)):
                if given is not None:
                    try:
                        guides(given, self.backbone.architecture, layers, name.format(i + 1))
                    except InputError as lost:
                        raise InputError(f"{lost}{FEWER_LAYERS}") from None

    def options(self, stage: Stage) -> dict[str, Any]:
        """The recipe's fields that its optimiser takes."""
        r = self.recipe
        only = ("optimizer", r.optimizer)
        own = {one.name: getattr(r, one.name) for one in fields(r) if one.metadata["only"] == only}
        if r.optimizer == "lbfgs":
            own |= {"history": self.budget.history, "noise": NOISE[stage.precision]}
        return {**own, "bounds": r.bounds}


@torch.inference_mode(False)  # nothing that is made in it can be optimised
def prepare(
    content: Any | None, styles: Sequence[Any], *, recipe: str | Recipe = DEFAULT_RECIPE, **options: Any
) -> Plan:
    """Everything for a run, checked.

    Args:
        content: what `load_image` takes; None for a texture on a canvas of `size` × `size`.
        styles: a list of as many, or one alone; an empty list for a reconstruction of the content.
        recipe: a name in `RECIPES`, or a `Recipe`.
        options: fields of `Settings` and, each in place of the recipe's own value, of `Recipe`.

    Raises:
        InputError: whatever does not fit, in one line.
    """
    styles = alone(styles) or []
    sources = {name: alone(options.get(name)) for name in MASKS} | {"start": options.get("start")}
    for picture in styles if content is None else (content, *styles):
        check_source(picture)  # before they are counted: a list among the styles is one
    recipe, settings = settle(recipe, options | named(sources))
    check_pictures(options, content, styles)
    check_together(recipe, settings, content, styles)
    device = choose_device(settings.device)
    precision, half = choose_precisions(recipe, settings, device)
    smallest = smallest_side(recipe)
    pictures = load_pictures(content, styles, sources, recipe, settings.style_scales, smallest)
    backbone = ready_backbone(recipe, settings)  # after the pictures, because it may be a download of 500 MB
    if recipe.normalized:
        normalize_activations(backbone, [picture.pixels for picture in pictures.all])
    stages = divide_run(recipe, precision, half, pictures.content, smallest)
    budget = divide_memory(backbone, recipe, settings, stages[-1], pictures, device)
    plan = Plan(
        recipe=recipe,
        settings=settings,
        device=device,
        precision=precision,
        backbone=backbone.to(device),
        stages=tuple(stages),
        budget=budget,
        **pictures._asdict(),
    )
    return plan.with_masks()


def options_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a picture's facts say of how to make it again, as options of `prepare`.

    Args:
        facts: as `read_facts` reads them; none for no options.
    """
    if not facts:
        return {}
    kept = ("seed", "shares", "style_scales", *MASKS, "own_layers", "weights", "precision")
    options = {name: facts[name] for name in kept if facts.get(name) is not None}
    return options | {"recipe": Recipe.from_dict(facts["recipe"])}


def choose_precisions(recipe: Recipe, settings: Settings, device: torch.device) -> tuple[str, str | None]:
    """What maps are computed in, and the half precision that a mixed run begins with; None for none.

    Args:
        recipe: what is computed.
        settings: say what is asked for.
        device: where.
    """
    half = half_precision(device)
    if half == "float16" and recipe.normalized and settings.precision in ("auto", "mixed"):
        return "float32", None  # channels that hardly ever fire get weights that float16 cannot hold
    return choose_precision(settings.precision, device), half


def ready_backbone(recipe: Recipe, settings: Settings) -> Backbone:
    """The recipe's network on the CPU; random weights follow the seed and leave the caller's random state alone.

    Args:
        recipe: names the network and what is changed in it.
        settings: name the weights and the seed.

    Raises:
        InputError: weights that cannot be had, or do not reach one of the recipe's layers.
    """
    with seeded(settings.seed):
        backbone = load_backbone(
            recipe.backbone,
            settings.weights,
            pooling=recipe.pooling,
            pixels=recipe.pixels,
            padding_mode=recipe.padding_mode,
        )
    backbone.check_layers([*recipe.content_layers, *recipe.style_layers])
    return backbone


def smallest_side(recipe: Recipe) -> int:
    """The least side of a picture, in pixels, on which all the recipe's layers can be compared.

    Args:
        recipe: names the network and the layers.
    """
    least = dict.fromkeys(recipe.content_layers, 2)
    least |= dict.fromkeys(recipe.style_layers, STATISTICS[recipe.statistic].least)
    smallest = BACKBONES[recipe.backbone].smallest
    return max(SMALLEST, *(smallest(layer, rows) for layer, rows in least.items()))


def divide_memory(
    backbone: Backbone,
    recipe: Recipe,
    settings: Settings,
    stage: Stage,
    pictures: Pictures,
    device: torch.device,
) -> Budget:
    """What a run may take, divided.

    Args:
        backbone: its network.
        recipe: what is computed.
        settings: say how much memory there is; nine tenths of what is free if they do not.
        stage: the largest.
        pictures: as they are painted, and painted from.
        device: whose memory it is.

    Raises:
        InputError: the run does not fit, however frugally.
    """
    memory = FREE_SHARE * free_memory(device) if settings.memory is None else settings.memory
    needs = Needs(backbone, recipe, stage.precision, device)
    content, styles, smallest = pictures.content, pictures.styles, smallest_side(recipe)

    def made(picture: Picture, size: int) -> tuple[int, int]:
        return new_shape(picture.original, picture.source, size, recipe.side, enlarge=False, smallest=None)[0]

    def at(size: int, style_size: int | None) -> tuple[tuple[int, int], list[tuple[int, int]]] | None:
        own = (size, size) if content is None else made(content, size)
        scales = settings.style_scales or [1.0] * len(styles)
        lengths = (style_length(own, style_size, scale, recipe.side) for scale in scales)
        others = list(map(made, styles, lengths))
        return (own, others) if min(map(min, (own, *others))) >= smallest else None

    return needs.divide(stage.size, [shape_of(style.pixels) for style in styles], memory, at)


def divide_run(recipe: Recipe, precision: str, half: str | None, content: Picture | None, smallest: int) -> list[Stage]:
    """Coarse to fine; a mixed run of L-BFGS ends in float32 (Adam averages the noise of half precision).

    Args:
        recipe: names the scales and their evaluations.
        precision: one of `machine.PRECISIONS`, or "mixed", where there is a half precision.
        half: that half precision; None for none.
        content: the picture, of the result's size; None for a square.
        smallest: the least side of a scale, in pixels.
    """
    shape = (recipe.size, recipe.size) if content is None else shape_of(content.pixels)
    first = half if precision == "mixed" and half else precision
    if recipe.color == "only":  # there is nothing to paint
        return [Stage(shape, 1, first)]
    scales = recipe.scales(length(shape, recipe.side))
    coarse = [(fit(shape, size, recipe.side), n) for size, n in scales if size < recipe.size]
    coarse = [(size, n) for size, n in coarse if min(size) >= smallest and size[0] < shape[0]]
    rough = int(ROUGH * recipe.evaluations) if precision == "mixed" and recipe.optimizer == "lbfgs" else 0
    last = [Stage(shape, recipe.evaluations - rough, "float32" if rough else first)]
    rough_part = [Stage(shape, rough, first)] if rough else []
    return [*(Stage(size, n, first) for size, n in coarse), *rough_part, *last]


def plain(value: Any) -> Any:
    """Lists for tuples, as JSON has them, so that what was written compares with what is."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def digest(*tensors: Tensor) -> str:
    """A fingerprint of the numbers in some tensors."""
    made = hashlib.sha256()
    for tensor in tensors:
        made.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return made.hexdigest()[:16]
