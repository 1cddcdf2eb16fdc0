"""A studio → its controls and pictures on a page (ipywidgets); what they do stands in the modules beside this one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..architecture import BACKBONES
from ..errors import InputError, in_words
from ..gallery import assets, paintings
from ..image import load_image, to_pil
from ..optimizers import Stop
from ..plan import prepare
from ..recipe import STARTS
from ..recipes import RECIPES
from ..result import Progress, Result, duration
from ..weights import WEIGHTS, find_weights
from ..widget.chooser import uploads
from ..worker import Worker
from . import drawing
from .choices import Choices, short_name
from .forecast import Paces, foresee, measure
from .looks import STYLE
from .painter import Canvas, Painter
from .picker import Picker
from .shelf import Shelf

if TYPE_CHECKING:
    from ipywidgets import Button, VBox, Widget

__all__ = ["Studio"]

STYLES = 3  # how many may be mixed
FRAME_SECONDS = 0.15  # between two pictures of a run: faster, no browser would draw them
CHART_SECONDS = 0.6
PAUSE_SECONDS = 0.25  # after the last touch of a control, before its run is foretold
SHOWN = 60  # of the finished pictures, the newest
SIZES = (128, 192, 256, 320, 384, 512, 640, 768, 1024, 1536, 2048)
STRENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
STROKES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
LOST = (
    "The kernel of this notebook is gone, so nothing here answers. Run the cell again: "
    "what was painted lies in the folder %s, and comes back."
)
Side = tuple[Image.Image, str]  # a picture on the easel, and what it is


class Studio:
    """Choose pictures and styles, paint, watch, stop, go on, compare; what is painted is kept in a folder.

    End a cell with it: `nst.Studio()`.

    Args:
        folder: where finished pictures are kept; made beside the notebook when there is something to keep.

    Raises:
        InputError: ipywidgets is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str] = "studio"):
        try:
            import ipywidgets  # noqa: F401
        except ImportError:
            raise InputError("the studio needs ipywidgets, which is not installed: pip install 'nstlib[lab]'") from None
        self.shelf, self.paces = Shelf(folder), Paces(cache())
        self.painter, self.scout = Painter(self.shelf, self.paces, self), Worker()
        self.left: Side | None = None
        self.right: Side | None = None
        self.drawn = self.charted = self.done = 0.0
        self.choices = Choices()
        self.quiet = False  # while controls are set by the studio itself
        self.page = self.build()
        self.take(self.choices)
        self.preview()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.page)

    def __repr__(self) -> str:
        return f"Studio: {self.choices.title}, {len(self.gallery.buttons)} pictures in '{self.shelf.folder}'"

    # --- the page --------------------------------------------------------------------------------

    def build(self) -> VBox:
        """All widgets, in the order in which the tabulator key visits them."""
        from ipywidgets import HTML, Box, VBox

        self.build_choosers()
        self.build_knobs()
        self.build_easel()
        self.build_gallery()
        left = marked(
            "nst-left",
            VBox,
            [
                HTML("<h3>Content</h3>"),
                self.contents.box,
                marked("nst-row", Box, [self.upload_content]),
                HTML(f"<h3>Style, up to {STYLES}</h3>"),
                self.styles.box,
                marked("nst-row", Box, [self.upload_style]),
                self.paintings,
                marked("nst-shares", Box, self.shares),
                marked("nst-knobs", Box, list(self.knobs.values())),
            ],
        )
        right = marked(
            "nst-right",
            VBox,
            [
                self.forecast,
                marked("nst-row", Box, [self.paint, self.halt, self.go_on]),
                self.bar,
                self.words,
                self.easel,
                self.wipe,
                self.sides,
                self.chart,
            ],
        )
        folder = drawing.escape(f"{self.shelf.folder}/")
        lost = marked("nst-lost", HTML, LOST % folder)
        columns = marked("nst-columns", Box, [left, right])
        bottom = [
            HTML(f"<h3>Gallery: the folder {folder}; choose one, or two to compare</h3>"),
            self.gallery.box,
            marked("nst-row", Box, [self.restore, self.link, self.show_code]),
            self.facts,
            self.code,
        ]
        style = marked("nst-hidden", HTML, STYLE)
        return marked("nst-studio", VBox, [style, lost, columns, *bottom])

    def build_choosers(self) -> None:
        """What pictures to paint from."""
        from ipywidgets import BoundedFloatText, Dropdown, FileUpload

        names = [name for name in assets() if not name.startswith("painting/")]
        contents = [name for name in names if not name.startswith("style/")]
        styles = [name for name in names if name.startswith("style/")]
        own = self.shelf.own()
        self.contents = Picker([*own, *contents], "content picture", changed=self.touched)
        self.styles = Picker([*styles, *own], "style picture", most=STYLES, changed=self.touched)
        self.upload_content = FileUpload(accept="image/*", multiple=False, description="Upload a content")
        self.upload_style = FileUpload(accept="image/*", multiple=True, description="Upload a style")
        self.upload_content.observe(self.guarded(partial(self.uploaded, self.upload_content, self.contents)), "value")
        self.upload_style.observe(self.guarded(partial(self.uploaded, self.upload_style, self.styles)), "value")
        self.paintings = Dropdown(
            options=[("add one from Wikimedia Commons …", ""), *known_paintings()], **named("Painting", "initial")
        )
        self.paintings.add_class("nst-paintings")
        self.paintings.observe(self.guarded(self.painting_chosen), "value")
        self.shares = [
            BoundedFloatText(1.0, min=0.0, max=100.0, step=0.1, **named(f"share {n}", "initial"))
            for n in range(1, STYLES + 1)
        ]
        for share in self.shares:
            share.observe(self.touched, "value")

    def build_knobs(self) -> None:
        """How to paint."""
        from ipywidgets import BoundedIntText, Dropdown

        # No sliders: theirs tell nobody their name, in any version, and are short where there is little room.
        networks = [(name if here(name) else f"{name} (fetched once, {megabytes(name)})", name) for name in BACKBONES]
        self.knobs: dict[str, Any] = {
            "size": Dropdown(options=[(f"{size} pixels", size) for size in SIZES], **named("Size")),
            "evaluations": BoundedIntText(150, min=0, max=10**6, step=10, **named("Evaluations")),
            "strength": Dropdown(options=[(times(one), one) for one in STRENGTHS], **named("Style strength")),
            "stroke": Dropdown(options=[(times(one), one) for one in STROKES], **named("Stroke size")),
            "recipe": Dropdown(options=list(RECIPES), **named("Recipe")),
            "backbone": Dropdown(options=networks, **named("Network")),
            "start": Dropdown(options=[(name, name) for name in STARTS], **named("Start from")),
            "seed": BoundedIntText(0, min=0, max=2**63 - 1, **named("Seed")),
        }
        for name, knob in self.knobs.items():
            knob.observe(self.guarded(self.recipe_chosen) if name == "recipe" else self.touched, "value")
            knob.add_class(f"nst-{name}-knob")

    def build_easel(self) -> None:
        """What is painted, and how far it is."""
        from ipywidgets import HTML, IntSlider

        self.forecast, self.words = marked("nst-forecast", HTML), marked("nst-words", HTML)
        self.bar, self.easel = marked("nst-bar", HTML, drawing.bar(0, "")), marked("nst-easel", HTML)
        self.sides, self.chart = marked("nst-sides-box", HTML), marked("nst-chart", HTML, drawing.losses(()))
        self.paint = self.button("Paint", "nst-paint", lambda: self.painter.paint(self.choices))
        self.halt = self.button("Stop and keep", "nst-stop", self.stop)
        self.go_on = self.button("Continue", "nst-continue", self.painter.go_on)
        self.halt.disabled = self.go_on.disabled = True
        self.wipe = IntSlider(0, min=0, max=100, readout=False, description="Before / after", continuous_update=True)
        self.wipe.style.description_width = "initial"
        self.wipe.add_class("nst-wipe")
        self.wipe.observe(lambda _: self.draw(), "value")

    def build_gallery(self) -> None:
        """What was painted."""
        from ipywidgets import HTML, ToggleButton

        painted = [str(path) for path in self.shelf.painted()[:SHOWN]]
        self.gallery = Picker(
            painted,
            "finished picture",
            most=2,
            least=0,
            changed=self.guarded(self.compared),
            frame="nst-gallery",
            label=50,
        )
        self.restore = self.button("Restore its settings", "nst-restore", self.restored)
        self.restore.disabled = True
        self.link, self.facts = HTML(), marked("nst-facts-box", HTML, drawing.facts(()))
        self.show_code = ToggleButton(False, description="Show as code")
        self.show_code.add_class("nst-show-code")
        self.code = marked("nst-code", HTML)
        self.code.layout.display = "none"
        self.show_code.observe(lambda change: self.code_shown(change["new"]), "value")

    def button(self, words: str, look: str, act: Callable[[], None]) -> Button:
        """A button whose mistakes become words.

        Args:
            words: on it.
            look: its class.
            act: what it does.
        """
        from ipywidgets import Button

        made = Button(description=words)
        made.add_class(look)
        made.on_click(self.guarded(act))
        return made

    def guarded(self, act: Callable[..., Any]) -> Callable[..., None]:
        """What to do when a control is touched: an error becomes words on the page.

        Args:
            act: takes nothing.
        """

        def call(*_: object) -> None:
            try:
                act()
            except Exception as error:
                self.said(in_words(error))

        return call

    # --- what a person does ----------------------------------------------------------------------

    def touched(self, *_: object) -> None:
        """A control has changed: read them all."""
        if self.quiet:
            return
        held = {name: knob.value for name, knob in self.knobs.items()}
        styles = self.styles.chosen
        shares = tuple(share.value for share in self.shares[: len(styles)])
        before, self.choices = (
            self.choices,
            replace(self.choices, content=self.contents.chosen[0], styles=styles, shares=shares, **held),
        )
        self.follow()
        if before.content != self.choices.content:
            self.guarded(self.preview)()

    def take(self, choices: Choices) -> None:
        """Set all controls, or none.

        Args:
            choices: what they are to say.

        Raises:
            InputError: a picture that cannot be read any more.
        """
        styles = choices.styles[:STYLES]
        self.contents.check([choices.content])
        self.styles.check(styles)
        self.quiet = True
        try:
            self.contents.choose([choices.content])
            self.styles.choose(styles)
            for control, share in zip(self.shares, choices.shares, strict=False):
                control.value = share
            for name, knob in self.knobs.items():
                value = getattr(choices, name)
                if name in MORE and value not in [known for _, known in knob.options]:
                    knob.options = [*knob.options, (MORE[name](value), value)]
                knob.value = value
        finally:
            self.quiet = False
        self.choices = choices
        self.follow()

    def follow(self) -> None:
        """Let what depends on the choices follow them: names of shares, forecast, code."""
        styles = self.choices.styles
        for number, control in enumerate(self.shares):
            there = number < len(styles) and len(styles) > 1
            control.layout.visibility = "visible" if there else "hidden"
            control.description = f"share of {short_name(styles[number])}" if there else f"share {number + 1}"
        if self.show_code.value:
            self.code_shown(True)
        choices = self.choices
        self.scout.start(lambda stop: self.foretell(choices, stop), failed=self.unforetold)

    def recipe_chosen(self) -> None:
        """A recipe brings its own network, start and evaluations."""
        if not self.quiet and self.knobs["recipe"].value != self.choices.recipe:
            self.take(self.choices.by(self.knobs["recipe"].value))

    def uploaded(self, control: Widget, picker: Picker) -> None:
        """Keep what was uploaded, and choose it.

        Args:
            control: the `FileUpload`.
            picker: that shows it.
        """
        files = uploads(control.value)
        for name, data in files:
            picker.add(self.shelf.keep(data, name))
            self.said(f"{name} is kept as a picture of your own, and chosen")
        if files:
            self.touched()
        if files and not isinstance(control.value, dict):
            control.value = ()  # so that the same file can come again

    def painting_chosen(self) -> None:
        """Fetch a painting in the background, and choose it."""
        if name := self.paintings.value:
            self.said(f"Fetching {name} …")
            self.scout.start(lambda stop: self.add_painting(name), failed=self.said)

    def add_painting(self, name: str) -> None:
        """Show a painting among the styles.

        Args:
            name: "painting/…".
        """
        self.styles.add(name)
        self.paintings.value = ""
        self.said(f"{name} is here, and chosen")
        self.touched()

    def stop(self) -> None:
        """Stop after this step."""
        self.said("Stopping after this step …")
        self.painter.stop()

    def compared(self) -> None:
        """Show what is chosen in the gallery: one beside its content, or two beside each other."""
        chosen = [Path(name) for name in self.gallery.chosen]
        self.restore.disabled = not chosen
        self.link.value = drawing.download(chosen[-1]) if chosen else ""
        self.facts.value = drawing.facts(self.told(chosen[-1]) if chosen else ())
        if not chosen:
            return
        sides = [(picture(path), path.stem) for path in chosen]
        if self.painter.busy:  # the picture that grows keeps its side
            self.left = sides[-1]
        elif len(sides) == 2:
            self.left, self.right = sides
        else:
            self.left, self.right = self.content_of(chosen[0]), sides[0]
        if len(sides) == 2 and self.wipe.value == 0:
            self.wipe.value = 50  # which draws it
        self.draw()

    def content_of(self, path: Path) -> Side | None:
        """The content of a finished picture, if it can still be had."""
        name = (self.shelf.facts(path) or {}).get("content")
        try:
            return picture(name), short_name(str(name))
        except InputError:
            return None

    def told(self, path: Path) -> list[str]:
        """Facts of a finished picture."""
        facts = self.shelf.facts(path) or {}
        recipe = facts.get("recipe", {})
        styles = " + ".join(map(short_name, map(str, facts.get("styles") or ())))
        return [
            path.name,
            f"{short_name(str(facts.get('content')))} × {styles}",
            f"recipe {recipe.get('name')} on {recipe.get('backbone')}",
            f"size {recipe.get('size')}, style weight {recipe.get('style_weight', 0):g}",
            f"{duration(facts.get('seconds', 0))}, loss {facts.get('loss', 0):.3g}",
        ]

    def restored(self) -> None:
        """Set all controls to what the chosen picture was painted by."""
        path = Path(self.gallery.chosen[-1])
        self.take(Choices.of(self.shelf.facts(path) or {}))
        self.said(f"All controls are as they were for {path.name}")

    def code_shown(self, wanted: bool) -> None:
        """Show or hide the choices as code.

        Args:
            wanted: whether to show it.
        """
        output = f"{self.choices.stem}.png"
        code = drawing.code_block("The same in a notebook", self.choices.code(output))
        self.code.value = code + drawing.code_block("The same in a terminal", self.choices.command(output))
        self.code.layout.display = "block" if wanted else "none"

    # --- what happens, told from other threads ---------------------------------------------------

    def foretell(self, choices: Choices, stop: Event) -> None:
        """Say what a run would take; measure a small one where nothing is known yet.

        Args:
            choices: of the run.
            stop: asks to give up.
        """
        if stop.wait(PAUSE_SECONDS):
            return
        options, fetched = choices.options(), ""
        if not options.get("weights") and not here(choices.backbone):
            options["weights"] = "random"  # of the same size: a forecast downloads nothing
            fetched = f"; its weights are fetched first, {megabytes(choices.backbone)}"
        plan = prepare(choices.content, list(choices.styles), **options)
        made = foresee(plan, self.paces)
        self.forecast.value = drawing.told(f"{made}{fetched}")
        if made.seconds is None and not self.painter.busy:
            measure(plan, self.paces, stop)
            if not stop.is_set():
                self.forecast.value = drawing.told(f"{foresee(plan, self.paces)}{fetched}")

    def unforetold(self, words: str) -> None:
        """Say why what is chosen cannot be painted.

        Args:
            words: the reason.
        """
        self.forecast.value = f'<div class="nst-warn">{drawing.told(words)}</div>'

    def began(self, canvas: Canvas) -> None:
        """See `Watcher`."""
        self.scout.stop()
        self.said(f"Painting {canvas.choices.title}")
        self.halt.disabled, self.go_on.disabled = False, True
        content = canvas.plan.content
        if content is not None:
            self.left = drawing.small(to_pil(content.pixels)), short_name(canvas.choices.content)
        self.wipe.value = 0
        self.drawn = self.charted = self.done = 0.0

    def grew(self, canvas: Canvas, progress: Progress) -> None:
        """See `Watcher`."""
        now, self.done = time.monotonic(), progress.done
        if now - self.drawn > FRAME_SECONDS:
            step, plan = progress.step, canvas.plan
            left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
            total = next(stage.evaluations for stage in reversed(plan.stages) if stage.size == progress.size)
            told = f"{step.evaluations} of {total}, {progress.size[1]}×{progress.size[0]}{left}"
            self.right = drawing.small(to_pil(step.image)), f"{canvas.choices.title}, growing"
            self.bar.value = drawing.bar(progress.done, told)
            self.draw()
            self.drawn = time.monotonic()
        if now - self.charted > CHART_SECONDS:
            self.chart.value = drawing.losses(canvas.run.history)
            self.charted = time.monotonic()

    def kept(self, canvas: Canvas, result: Result) -> None:
        """See `Watcher`."""
        self.right = drawing.small(to_pil(result.image)), canvas.path.stem
        done = self.done if result.stopped is Stop.LEFT else 1.0
        self.bar.value = drawing.bar(done, f"{result.evaluations} evaluations in {duration(result.seconds)}")
        self.chart.value = drawing.losses(result.history)
        self.gallery.show([str(canvas.path), *self.gallery.buttons][:SHOWN])
        self.gallery.choose([str(canvas.path)])
        self.link.value = drawing.download(canvas.path)
        self.facts.value = drawing.facts(self.told(canvas.path))
        self.restore.disabled = False
        self.draw()
        elsewhere = "" if canvas.path.parent == self.shelf.folder else f": '{self.shelf.folder}' cannot be written to"
        hint = ", too little has changed: more strength or evaluations help" if result.unchanged else ""
        why = "stopped by you" if result.stopped is Stop.LEFT else result.stopped
        self.said(f"Kept as {canvas.path}{elsewhere} ({why}{hint})")

    def said(self, words: str) -> None:
        """See `Watcher`."""
        self.words.value = drawing.told(words)

    def ended(self) -> None:
        """See `Watcher`."""
        if self.painter.worker.next is None:
            self.halt.disabled = True
            self.go_on.disabled = self.painter.canvas is None
            self.follow()

    # --- the easel -------------------------------------------------------------------------------

    def preview(self) -> None:
        """Lay the content on the easel, while nothing is painted."""
        if not self.painter.busy:
            self.left, self.right = None, (picture(self.choices.content), short_name(self.choices.content))
            self.draw()

    def draw(self) -> None:
        """Show both sides, with the border where the slider has it."""
        left, right = self.left, self.right
        if right is None:
            return
        image, words = right
        if left is not None and self.wipe.value:
            image = drawing.wiped(left[0], image, self.wipe.value / 100)
            words = f"{left[1]} to the left, {words} to the right"
        self.easel.value = drawing.easel(image, words)
        self.sides.value = drawing.sides(left[1] if left else "", right[1])


def marked(look: str, kind: Callable[..., Any], *given: Any) -> Any:
    """A widget with a class for the style sheet.

    Args:
        look: the class.
        kind: of widget.
        given: what it is made of.
    """
    made = kind(*given)
    made.add_class(look)
    return made


def named(words: str, width: str = "7.5em") -> dict[str, Any]:
    """A control's label.

    Args:
        words: on it.
        width: of its column.
    """
    return {"description": words, "style": {"description_width": width}}


def times(factor: float) -> str:
    """A factor in words."""
    return "as it is" if factor == 1 else f"{factor:g} times"


# Controls that learn a value which a restored picture brings, and how they show it.
MORE: dict[str, Callable[[Any], str]] = {
    "size": lambda size: f"{size} pixels",
    "strength": times,
    "stroke": times,
    "start": short_name,
}


def picture(source: Any) -> Image.Image:
    """A picture as the easel shows it."""
    return to_pil(load_image(os.fspath(source), drawing.SHOWN).pixels)


def here(network: str) -> bool:
    """Whether a network's weights are on this machine."""
    try:
        return find_weights(network) is not None
    except InputError:  # the folder that NSTLIB_WEIGHTS names
        return False


def megabytes(network: str) -> str:
    """How large a network's weights are."""
    return f"{WEIGHTS[network].megabytes:.0f} MB"


def known_paintings() -> list[tuple[str, str]]:
    """What can be downloaded: a line to read, and the name."""
    try:
        rows = paintings()
    except InputError:
        return []
    return [(f"{row.get('artist', '')}: {row.get('title', slug)}", f"painting/{slug}") for slug, row in rows.items()]


def cache() -> Path | None:
    """Where this machine's paces are remembered; None if nobody can tell."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return None
    return Path(user_cache_dir("nstlib")) / "paces.json"
