"""Choices → controls that say them, and back: pictures, uploads, paintings, shares, and how to paint (ipywidgets)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..architecture import BACKBONES
from ..errors import InputError
from ..files import spoken_name
from ..gallery import assets, paintings
from ..palette import COLORS
from ..recipe import STARTS, Recipe
from ..recipes import RECIPES
from ..uploads import own_pictures
from ..weights import look_for_weights
from ..widget.bring import Bring
from ..worker import Worker
from .choices import Choices
from .parts import extend, guarded, marked, named, row
from .picker import Picker
from .regions import Regions, check

if TYPE_CHECKING:
    from ipywidgets import VBox

__all__ = ["STYLES", "Controls", "here", "megabytes"]

STYLES = 3  # how many may be mixed
SIZES = (128, 192, 256, 320, 384, 512, 640, 768, 1024, 1536, 2048)
STRENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
STROKES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
COLOURS = {
    "style": "the style's",
    "luminance": "the content's: paint brightness only",
    "cholesky": "the content's: style recoloured (Cholesky)",
    "pca": "the content's: style recoloured (PCA)",
    "transport": "the content's: style recoloured (transport)",
    "after": "the content's: result recoloured",
    "only": "the style's, and nothing painted",
}
BESIDE_PAINT = ("size", "evaluations")  # what the time depends on stands beside the button that takes it


class Controls:
    """All controls that say what to paint.

    Args:
        changed: is called after each change that a person made, with nothing.
        said: takes words for the person.
        failed: takes other words, of what went wrong.
    """

    def __init__(self, changed: Callable[[], None], said: Callable[[str], None], failed: Callable[[str], None]):
        self.changed, self.said, self.failed, self.fetcher = changed, said, failed, Worker()
        self.quiet = False  # while controls are set by the studio itself
        self.choices = Choices()
        self.build_pictures()
        self.build_uploads()
        self.build_shares()
        self.regions = Regions(STYLES, self.touched, self.said, self.failed, self.quietly)
        self.build_knobs()
        self.show(self.choices)

    # --- what they are ---------------------------------------------------------------------------

    def build_pictures(self) -> None:
        """What to paint from."""
        names = [name for name in assets() if not name.startswith("painting/")]
        contents = [name for name in names if not name.startswith("style/")]
        styles = [name for name in names if name.startswith("style/")]
        own = own_pictures()
        heard: dict[str, Any] = {"changed": self.touched, "failed": self.failed}
        self.contents = Picker([*own, *contents], "content picture", **heard)
        self.styles = Picker([*styles, *own], "style picture", most=STYLES, **heard)

    def build_uploads(self) -> None:
        """How other pictures get there."""
        from ipywidgets import Dropdown

        own = partial(self.brought, self.contents), partial(self.brought, self.styles)
        self.bring_content = Bring("Upload a content picture", own[0], self.failed, self.said)
        self.bring_style = Bring("Upload style pictures", own[1], self.failed, self.said, multiple=True)
        offered = [("fetch one …", ""), *known_paintings()]
        self.paintings = marked("nst-paintings", Dropdown, options=offered, **named("Painting", "initial"))
        self.paintings.observe(guarded(self.painting_chosen, self.failed), "value")

    def build_shares(self) -> None:
        """How much each style counts."""
        from ipywidgets import HTML, BoundedFloatText

        numbers = range(1, STYLES + 1)
        self.shares = [BoundedFloatText(1.0, min=0, max=100, **named(f"share {n}", "initial")) for n in numbers]
        self.hint = marked("nst-hint", HTML, f"Choose up to {STYLES} styles, and say here how much each counts.")
        for share in self.shares:
            share.observe(self.touched, "value")

    def build_knobs(self) -> None:
        """How to paint. No sliders: theirs tell nobody their name, in any version, and are short in little room.

        No number has a step, between whose multiples a browser would call it wrong.
        """
        from ipywidgets import BoundedIntText, Dropdown

        networks = [(name if here(name) else f"{name} (fetched once, {megabytes(name)})", name) for name in BACKBONES]
        self.knobs: dict[str, Any] = {
            "size": Dropdown(options=[(f"{size} pixels", size) for size in SIZES], **named("Size", "initial")),
            "evaluations": BoundedIntText(Recipe.evaluations, min=1, max=10**6, **named("Evaluations", "initial")),
            "strength": Dropdown(options=[(times(one), one) for one in STRENGTHS], **named("Style strength")),
            "stroke": Dropdown(options=[(times(one), one) for one in STROKES], **named("Stroke size")),
            "recipe": Dropdown(options=list(RECIPES), **named("Recipe")),
            "backbone": Dropdown(options=networks, **named("Network")),
            "start": Dropdown(options=[(name, name) for name in STARTS], **named("Start from")),
            "color": Dropdown(options=[(COLOURS[name], name) for name in COLORS], **named("Colours")),
            "seed": BoundedIntText(0, min=0, max=2**63 - 1, **named("Seed")),
        }
        for name, knob in self.knobs.items():
            knob.observe(guarded(self.recipe_chosen, self.failed) if name == "recipe" else self.touched, "value")
            knob.add_class(f"nst-{name}-knob")

    @property
    def box(self) -> VBox:
        """Where they stand, in the order in which the tabulator key visits them."""
        from ipywidgets import HTML, Box, VBox

        children = [
            HTML("<h2>Content</h2>"),
            marked("nst-bring", VBox, [self.contents.box, row(*self.bring_content.parts)]),
            HTML(f"<h2>Style, up to {STYLES}</h2>"),
            marked("nst-bring", VBox, [self.styles.box, row(*self.bring_style.parts)]),
            self.paintings,
            marked("nst-shares", Box, [self.hint, *self.shares]),
            *self.regions.boxes,
            marked("nst-knobs", Box, [knob for name, knob in self.knobs.items() if name not in BESIDE_PAINT]),
        ]
        return marked("nst-left", VBox, children)

    @property
    def beside_paint(self) -> Any:
        """Those that stand beside the button that begins a run."""
        from ipywidgets import Box

        return marked("nst-effort", Box, [self.knobs[name] for name in BESIDE_PAINT])

    # --- what a person does ----------------------------------------------------------------------

    def touched(self, *_: object) -> None:
        """A control has changed: read them all."""
        if self.quiet:
            return
        held = {name: knob.value for name, knob in self.knobs.items()}
        content, styles = self.contents.chosen[0], self.styles.chosen
        shares = tuple(share.value for share in self.shares[: len(styles)])
        with self.quietly():
            self.regions.meet(styles)
        masks, style_masks, gives = self.regions.values()
        self.choices = replace(
            self.choices,
            content=content,
            styles=styles,
            shares=shares,
            masks=masks,
            style_masks=style_masks,
            gives=gives,
            **held,
        )
        self.follow()
        self.changed()

    def recipe_chosen(self) -> None:
        """A recipe brings its own network, start and evaluations."""
        if not self.quiet and self.knobs["recipe"].value != self.choices.recipe:
            self.show(self.choices.by(self.knobs["recipe"].value))
            self.changed()

    def brought(self, picker: Picker, kept: Mapping[str, str]) -> str:
        """Choose pictures that a person brought along.

        Args:
            picker: that shows them.
            kept: the pictures, as `load_image` takes them, and what their owner calls them.

        Returns:
            What there is to say of them.
        """
        picker.add(list(kept))
        self.touched()
        kit = [name for name in kept if name in assets()]
        own = {name: called for name, called in kept.items() if name not in kit}
        told = [f"{name} is a picture of the kit{', and chosen' * (name in picker.chosen)}" for name in kit]
        return ". ".join([*told, *([told_of(own, picker.chosen)] if own else [])])

    def painting_chosen(self) -> None:
        """Fetch a painting in the background, and choose it."""
        if name := self.paintings.value:
            self.said(f"Fetching {name} …")
            self.fetcher.start(lambda stop: self.add_painting(name), failed=self.painting_failed)

    def painting_failed(self, words: str) -> None:
        """Say why there is no painting, and let it be chosen once more.

        Args:
            words: the reason.
        """
        self.paintings.value = ""
        self.failed(words)

    def add_painting(self, name: str) -> None:
        """Show a painting among the styles.

        Args:
            name: "painting/…".
        """
        self.styles.add([name])
        self.paintings.value = ""
        self.touched()
        self.said(f"{name} is here, and chosen")

    # --- what the studio does --------------------------------------------------------------------

    def show(self, choices: Choices) -> None:
        """Set all controls, or none.

        Args:
            choices: what they are to say; of more styles than there are controls for, the first ones.

        Raises:
            InputError: a picture that cannot be read any more.
        """
        choices = choices.of_styles(STYLES)
        styles = choices.styles
        self.contents.check([choices.content])
        self.styles.check(styles)
        check((*choices.masks, *choices.style_masks))
        with self.quietly():
            self.contents.choose([choices.content])
            self.styles.choose(styles)
            for control, share in zip(self.shares, choices.shares, strict=False):
                control.value = share
            for name, knob in self.knobs.items():
                value = getattr(choices, name)
                if name in MORE:
                    extend(knob, MORE[name](value), value)
                knob.value = value
            self.regions.show(styles, choices.masks, choices.style_masks, choices.gives)
        self.choices = choices
        self.follow()

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """While the studio sets its controls, do not take that for a person's change."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before

    def follow(self) -> None:
        """Let names and thumbnails follow what is chosen."""
        self.name_shares()
        choices = self.choices
        self.contents.cover({choices.content: choices.masks} if any(choices.masks) else {})
        masks = zip(choices.styles, choices.style_masks, strict=False)
        self.styles.cover({style: (mask,) for style, mask in masks if mask})

    def name_shares(self) -> None:
        """Say which style each share is of; one alone has none."""
        styles = self.choices.styles
        self.hint.layout.display = "none" if len(styles) > 1 else "block"
        for number, control in enumerate(self.shares):
            there = number < len(styles) and len(styles) > 1
            control.layout.display = "flex" if there else "none"
            control.description = f"share of {spoken_name(styles[number])}" if there else f"share {number + 1}"


def told_of(own: Mapping[str, str], chosen: Collection[str]) -> str:
    """What there is to say of pictures that a person brought along.

    Args:
        own: as `load_image` takes them, and what their owner calls them.
        chosen: those that are chosen by now, of others too.
    """
    names = ", ".join(own.values())
    taken = ", ".join(called for name, called in own.items() if name in chosen)
    told = f"{names} is kept as a picture" if len(own) == 1 else f"{names} are kept as pictures"
    also = f", and {'' if taken == names else f'{taken} '}chosen" if taken else ""
    return f"{told} of your own{also}"


def times(factor: float) -> str:
    """A factor in words."""
    return f"{factor:g} × usual" if factor != 1 else "usual"


# Controls that learn a value which a restored picture brings, and how they show it.
MORE: dict[str, Callable[[Any], str]] = {
    "size": lambda size: f"{size} pixels",
    "strength": times,
    "stroke": times,
    "start": spoken_name,
}


def here(network: str) -> bool:
    """Whether a network's weights are on this machine."""
    return look_for_weights(network)[0] is not None


def megabytes(network: str) -> str:
    """How large a network's weights are."""
    return f"{BACKBONES[network].weights.megabytes:.0f} MB"


def known_paintings() -> list[tuple[str, str]]:
    """What can be downloaded: a line to read, and the name."""
    try:
        rows = paintings()
    except InputError:
        return []
    return [(f"{row.get('artist', '')}: {row.get('title', slug)}", f"painting/{slug}") for slug, row in rows.items()]
