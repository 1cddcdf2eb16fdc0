"""Hyper-parameters of a style transfer → a frozen record whose fields own default, help and rule.

Rates and bounds are in pixels in [0, 1], the library's own unit. Whoever reads or writes a recipe (`changed`, a saved
picture, the command line, the signature of `stylize`, a table in a notebook) reads the fields of this one record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import fsum
from typing import Any

from .architecture import BACKBONES
from .backbone import PADDINGS, PIXELS_AS, POOLINGS
from .decode import SMALLEST
from .errors import InputError, nearest, one_of
from .image import SIDES
from .loss import CONTENT_REDUCTIONS, GUIDANCE, TV_KINDS, TV_REDUCTIONS
from .optimizers import EVALUATIONS, OPTIMIZERS, RATE, TAKES, Bounds, rises
from .palette import COLORS
from .rules import NONE, Choice, Either, Flag, Maybe, Number, Text, Tuple, Weighted, accept, default_of, field
from .show import table_html
from .style import STATISTICS

__all__ = ["LARGEST", "Recipe"]

STARTS = ("content", "noise", "style")
WORDS = ("name", "source", "note")  # fields that are words about a recipe
PIXELS = Number(SMALLEST, 32768, whole=True)
LARGEST = 1e12  # weight of a term
WEIGHT = Number(0, LARGEST)
EDGE = Either(
    "a number or one per channel", (Number(-10, 10), Tuple("three numbers", (Number(-10, 10),) * 3, sign=":"))
)

LEVEL = 1 / 255  # of 8 bits, which a file holds
WITHIN = "the least and the greatest pixel value, numbers or one per channel, with colours of 0 to 1 between them"


def apart(bounds: Bounds) -> bool:
    """Whether every channel has room for two of the values that a file can hold, some of which can be shown.

    Args:
        bounds: the two, each a number or one per channel.
    """
    low, high = ((edge,) * 3 if isinstance(edge, float) else edge for edge in bounds)
    return all(b - a >= LEVEL and a < 1 and b > 0 for a, b in zip(low, high, strict=True))


@dataclass(frozen=True)
class Recipe:
    """All hyper-parameters of a style transfer.

    Raises:
        InputError: a value that breaks its field's rule, or a layer that the backbone lacks.
    """

    name: str = field("kit", Text("a name"), "how tables and messages call it")
    source: str = field("", Text(empty=True), "where the numbers come from")
    note: str = field("", Text(empty=True), "where this departs from the source, or what to know")

    backbone: str = field("pocket", Choice(BACKBONES), "network whose features are compared")
    pooling: str = field("max", Choice(POOLINGS), "max (as trained) or average (Gatys et al.)")
    pixels: str = field(
        "imagenet",
        Choice(PIXELS_AS),
        "what enters the network: imagenet (mean 0, deviation 1) or 255 (Caffe's range)",
    )
    padding_mode: str = field("zeros", Choice(PADDINGS), "padding of the first convolution: zeros or replicate")
    normalized: bool = field(
        False, Flag(), "scale the network so that every channel's mean activation is 1 (Gatys et al.)"
    )

    content_layers: Mapping[str, float] = field(
        {"relu3_3": 1.0}, Weighted(), "content layers and their weights", only=("content_weight", ...)
    )
    content_reduction: str = field(
        "relative",
        Choice(CONTENT_REDUCTIONS),
        "content term: mean, sum, relative or similarity",
        only=("content_weight", ...),
    )
    content_weight: float = field(0.02, WEIGHT, "weight of the content term (alpha)")

    style_layers: Mapping[str, float] = field(
        BACKBONES["pocket"].style_layers,
        Weighted(),
        "style layers and their weights",
        only=("style_weight", ...),
    )
    statistic: str = field(
        "gram-relative", Choice(STATISTICS), "what is compared of the style", only=("style_weight", ...)
    )
    style_weight: float = field(1.0, WEIGHT, "weight of the style term (beta)")
    guidance: str = field(
        "gram", Choice(GUIDANCE), "with masks, what is compared of a region: gram (guided Gram matrix) or sum (cheaper)"
    )

    color: str = field(
        "style",
        Choice(COLORS),
        "colours of the style; or of the content, by luminance (only brightness is painted), by cholesky, pca or "
        "transport (styles recoloured before) or after (the result is); or only colours, nothing painted",
    )

    tv_weight: float = field(0.0, WEIGHT, "weight of the total-variation term (gamma)")
    tv_kind: str = field(
        "l2", Choice(TV_KINDS), "total variation: l1, l2, isotropic or nine-point", only=("tv_weight", ...)
    )
    tv_reduction: str = field("mean", Choice(TV_REDUCTIONS), "total variation: sum or mean", only=("tv_weight", ...))
    tv_space: str = field(
        "pixels",
        Choice(("pixels", "network")),
        "total variation of pixels in [0, 1], or of what enters the network",
        only=("tv_weight", ...),
    )

    size: int = field(512, PIXELS, "size of the result in pixels (see side)")
    side: str = field("long", Choice(SIDES), "the side that size means: long, short or height")
    style_size: int | None = field(None, Maybe(PIXELS), "size of the style image; the result's size if none")
    pyramid: tuple[tuple[int, int], ...] | None = field(
        None,
        Maybe(
            Tuple(
                f"(size, evaluations) of each coarser scale, sizes rising from {SMALLEST} or more, or off",
                (Tuple("", (PIXELS, EVALUATIONS), ":"),),
                holds=rises,
                written="128:50,256:50",
                empty="off",
            )
        ),
        "coarse to fine: (size, evaluations) of each scale before the last; none for what pays, off for no such scale",
    )

    start: str = field(
        "content", Text("content, noise, style, or a picture's path"), "first image: content, noise, style, or a path"
    )
    noise: float = field(
        0.15, Number(0, 10), "standard deviation of the noise of a noise start, in pixels", only=("start", "noise")
    )

    optimizer: str = field("lbfgs", Choice(OPTIMIZERS), "adam or lbfgs")
    # What plain L-BFGS has after 150, the kit's smoothness has after 98 in the median of six pairs (82 to 122).
    evaluations: int = field(100, EVALUATIONS, "evaluations of loss and gradient; L-BFGS finishes its line search")
    rate: float = field(0.02, RATE, "Adam: step size in pixels in [0, 1]", only=("optimizer", "adam"))
    schedule: tuple[tuple[int, float], ...] = field(
        (),
        Tuple(
            "(from evaluation, rate) pairs, the first numbers rising",
            (Tuple("", (Number(0, 10**6, whole=True), RATE), ":"),),
            holds=rises,
            written="50:0.01,80:0.005",
            empty=NONE,
        ),
        "Adam: (from evaluation, rate)",
        only=("optimizer", "adam"),
    )
    betas: tuple[float, float] = field(
        (0.9, 0.999),
        TAKES["betas"],
        "Adam: decays of the two running means",
        only=("optimizer", "adam"),
    )
    epsilon: float = field(
        1e-8,
        TAKES["epsilon"],
        "Adam: added to the root mean square of the gradient",
        only=("optimizer", "adam"),
    )
    average: float = field(
        0.0,
        TAKES["average"],
        "Adam: decay of the running mean of images that is the result; 0 for none",
        only=("optimizer", "adam"),
    )
    history: int = field(10, TAKES["history"], "L-BFGS: moves that are remembered", only=("optimizer", "lbfgs"))
    smoothness: float = field(
        0.7,
        TAKES["smoothness"],
        "L-BFGS: how much farther long waves are tried to go; 0 for all alike",
        only=("optimizer", "lbfgs"),
    )
    bounds: tuple[Any, Any] | None = field(
        (0.0, 1.0),
        Maybe(Tuple(WITHIN, (EDGE, EDGE), holds=apart, written="0,1 or 0:0:0,1:1:1")),
        "least and greatest pixel value, numbers or one per channel; none for none",
    )

    def __post_init__(self) -> None:
        accept(self)
        layers = BACKBONES[self.backbone].layers
        for field_ in (one for one in fields(self) if one.name.endswith("_layers")):
            named = getattr(self, field_.name)
            if name := next((name for name in named if name not in layers), ""):
                move = f", or move a recipe there, recipe.on('{self.backbone}')"
                told = f"{field_.name}: {name} is not in {self.backbone}, {nearest(name, layers)}Its layers: "
                nobodys = named == default_of(field_)  # those of the kit, for its own network
                raise InputError(told + " ".join(layers) + (move if nobodys else ""))

    def __hash__(self) -> int:
        values = vars(self).values()
        return hash(tuple(frozenset(v.items()) if isinstance(v, Mapping) else v for v in values))

    def differences(self, base: Recipe | None = None) -> dict[str, Any]:
        """The fields that differ from another recipe's; the words about it left out.

        Args:
            base: the other one; None for the defaults, those of the kit.
        """
        base = base or Recipe()
        names = (one.name for one in fields(self) if one.name not in WORDS)
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(base, name)}

    def __repr__(self) -> str:
        values = {name: dict(v) if isinstance(v, Mapping) else v for name, v in self.differences().items()}
        return f"Recipe({', '.join([repr(self.name), *(f'{name}={value!r}' for name, value in values.items())])})"

    def _repr_html_(self) -> str:
        rules = {one.name: one.metadata for one in fields(self)}
        rows = [
            (n, rules[n]["rule"].show(v).replace(",", ", "), rules[n]["help"]) for n, v in self.differences().items()
        ]
        head = f"Recipe {self.name}: what differs from the kit's own"
        return table_html(rows, ("field", "value", "what it is"), f"{head} ({self.source})" if self.source else head)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled, for other processes: as plain data."""
        return Recipe.from_dict, (self.to_dict(),)

    def changed(self, **differences: Any) -> Recipe:
        """This recipe with a few fields replaced.

        Args:
            differences: fields by name.

        Raises:
            InputError: a field that does not exist (names the nearest), or a value that breaks its rule.
        """
        names = [one.name for one in fields(self)]
        return replace(self, **{one_of("recipe field", name, names): value for name, value in differences.items()})

    def without_effect(self, names: Mapping[str, Any]) -> str:
        """Why one of these fields has no effect here, in words; "" if all have one.

        Args:
            names: of the fields; values do not matter.
        """
        for one in fields(self):
            field_, value = one.metadata["only"] or (None, None)
            if (
                one.name in names
                and field_
                and getattr(self, field_) != value
                and (value is not ... or not getattr(self, field_))
            ):
                needed = f"{field_} above 0" if value is ... else f"{field_}={value}"
                return f"{one.name} has an effect only with {needed}: add that, or leave {one.name} out"
        return ""

    def on(self, backbone: str) -> Recipe:
        """This recipe for another network.

        Its layers stay where the network has them all, else the network's own usual layers take their place, with
        equal weights.

        Args:
            backbone: a name in `BACKBONES`.

        Raises:
            InputError: another name.
        """
        backbone = one_of("backbone", backbone, BACKBONES)
        architecture = BACKBONES[backbone]
        change: dict[str, Any] = {"backbone": backbone}
        for name, usual in (
            ("content_layers", architecture.content_layers),
            ("style_layers", architecture.style_layers),
        ):
            own = getattr(self, name)
            if not set(own) <= set(architecture.layers):
                # Content weights of the papers add up to 1; of the style the sum is kept.
                total = 1.0 if name == "content_layers" else fsum(own.values())
                change[name] = dict.fromkeys(usual, total / len(usual))
        return self.changed(**change)

    def scales(self, own: int | None = None) -> tuple[tuple[int, int], ...]:
        """(size, evaluations) of each scale before the last: those of `pyramid`, or as many as pay with the network.

        `halvings` in `architecture.py` says how many, and what was measured.

        Args:
            own: pixels of the picture's own `side`, where it may be smaller than `size`: what pays is to halve these.
        """
        if self.pyramid is not None:
            return self.pyramid
        halvings = BACKBONES[self.backbone].halvings[self.start != "content"]
        third = -(-self.evaluations // 3)
        whole = self.size if own is None else min(self.size, own)
        return tuple((whole // 2**i, third) for i in range(halvings, 0, -1))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON in a picture's metadata."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: dict(v) if isinstance(v, Mapping) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict`, or JSON, which knows no tuples, made plain.

        Args:
            data: fields by name; those that are missing take their default.

        Raises:
            InputError: no such data, an unknown field, or a value that breaks its rule.
        """
        if not isinstance(data, Mapping):
            raise InputError(
                f"a recipe as data is a dictionary of fields, not {type(data).__name__}: give its to_dict()"
            )
        return cls().changed(**{str(name): value for name, value in data.items()})
