"""A studio → its parts on a page, each told what the others do (ipywidgets); what they are, stands beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ..errors import InputError, counted
from ..files import spoken_name, written
from ..forecast import Paces, foresee, learned, measure
from ..gallery import shown
from ..image import to_pil
from ..optimizers import Stop
from ..plan import prepare
from ..result import Progress, Result, duration
from ..widget.controls import widgets
from ..widget.still import lay_over
from ..worker import Worker
from . import drawing
from .choices import Choices
from .controls import Controls, here, megabytes
from .desk import Desk
from .easel import Easel, Story, picture, side_of
from .finished import Finished
from .looks import STYLE
from .painter import Canvas, Painter, Watcher, known_to_one_pass
from .parts import close_all, guarded, marked
from .shelf import Shelf

if TYPE_CHECKING:
    from ipywidgets import VBox
    from torch import Tensor

__all__ = ["Studio"]

FRAME_SECONDS = 0.15  # between two pictures of a run: faster, no browser would draw them
CHART_SECONDS = 0.6
PAUSE_SECONDS = 0.25  # after the last touch of a control, before its run is foretold
LOST = (
    "The kernel of this notebook is gone, so nothing here answers. Run the cell again: "
    "what was painted lies in the folder %s, and comes back."
)
LOST_UNDER_VOILA = (
    "What runs behind this page is gone or out of reach, so nothing here answers. Load the page again, and where "
    "that fails, start nst studio again: what was painted lies in the folder %s, and comes back."
)
CLOSED = "<p><b>The studio was open here.</b> What it painted lies in the folder %s.</p>"
REOPEN = "Run the cell above, by Shift and Enter, and it opens here again."

# By folder, the one that this kernel showed last: a cell that is run again goes on with what is painted there.
OPEN: WeakValueDictionary[str, Studio] = WeakValueDictionary()


class Studio(Watcher):
    """Choose pictures and styles, paint, watch, stop, go on, compare; what is painted is kept in a folder.

    End a cell with it: `nst.Studio()`.

    Args:
        folder: where finished pictures are kept; made beside the notebook when there is something to keep.

    Raises:
        InputError: ipywidgets is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str] = "studio"):
        widgets("the studio")
        place = os.path.realpath(folder)
        before = OPEN.get(place)
        self.scout = Worker()
        self.shelf: Shelf = before.shelf if before else Shelf(folder)
        self.paces: Paces = before.paces if before else learned()
        self.painter: Painter = before.painter if before else Painter(self.shelf, self.paces, self)
        self.stories: dict[Path, Story] = before.stories if before else {}  # of what this kernel painted
        self.drawn = self.charted = self.done = 0.0
        self.desk = Desk(
            lambda: self.painter.paint(self.choices),
            self.stop,
            self.painter.go_on,
            lambda: self.painter.sketch(self.choices),
        )
        self.controls = Controls(self.touched, self.said, self.failed)
        self.easel = Easel()
        self.finished = Finished(self.shelf, self.compared, self.take, lambda path: path in self.easel.files)
        self.shown = self.to_show  # what the easel shows while nothing is painted
        self.page = self.lay_out()
        if before:
            guarded(lambda: self.take(before.choices), self.failed)()  # a picture may be gone by now
        self.follow()
        guarded(self.preview, self.failed)()
        self.desk.rest(self.painter.offer)
        if before:
            self.take_over(before)
        OPEN[place] = self

    def take_over(self, before: Studio) -> None:
        """Go on where another studio of this kernel was open on the same folder, which ends there.

        Args:
            before: the other one.
        """
        before.scout.stop()
        close_all(before.page)
        self.desk.run()
        self.painter.watcher = self
        self.finished.look()  # what was kept while this page was made
        if self.painter.busy:
            self.easel.show(before.easel.left, before.easel.right, files=before.easel.files)
            self.said("The picture that was being painted goes on here")
        else:
            self.desk.rest(self.painter.offer)

    def lay_out(self) -> VBox:
        """All parts on one page, in the order in which the tabulator key visits them."""
        from ipywidgets import HTML, Box, VBox

        right = marked("nst-right", VBox, [self.controls.beside_paint, *self.desk.boxes, *self.easel.boxes])
        columns = marked("nst-columns", Box, [self.controls.box, right])
        style = marked("nst-hidden", HTML, STYLE)
        return marked("nst-studio", VBox, [style, columns, *self.finished.boxes])

    def _ipython_display_(self) -> None:
        folder = drawing.escape(f"{self.shelf.folder}/")
        lost = LOST_UNDER_VOILA if os.environ.get("SERVER_SOFTWARE", "").startswith("voila/") else LOST
        lay_over(self.page, CLOSED % folder, REOPEN, lost=lost % folder)

    def __repr__(self) -> str:
        painted = counted(len(self.shelf.painted()), "picture")
        return f"Studio: {self.choices.title}, {painted} in '{shown(self.shelf.folder)}'"

    @property
    def choices(self) -> Choices:
        """What the controls say."""
        return self.controls.choices

    @property
    def to_show(self) -> tuple[str, tuple[str | None, ...], int]:
        """The content, where styles paint on it, and when its file was written: another may have taken its name."""
        choices = self.choices
        return choices.content, choices.masks, written(Path(choices.content))

    # --- what a person does ----------------------------------------------------------------------

    def touched(self) -> None:
        """A control has changed: let the rest follow, and lay another content, or its regions, on the easel."""
        self.desk.settle()
        self.follow()
        before, self.shown = self.shown, self.to_show
        if before != self.shown:
            guarded(self.preview, self.failed)()

    def take(self, choices: Choices) -> int:
        """Set all controls, or none.

        Args:
            choices: what they are to say.

        Returns:
            How many of its styles are chosen.

        Raises:
            InputError: a picture that cannot be read any more.
        """
        self.controls.show(choices)
        self.shown = self.to_show
        self.follow()
        return len(self.choices.styles)

    def stop(self) -> None:
        """Stop after this step."""
        self.said("Stopping …")
        self.painter.stop()

    def compared(self) -> None:
        """Show what is chosen in the gallery, and how the one that was chosen last came about."""
        if not (chosen := self.finished.chosen):
            self.finished.show_as_code(self.choices)
            return
        self.finished.show_chosen_as_code()
        left, right = self.finished.sides()
        if self.painter.busy:  # the picture that grows keeps its side, and its charts
            newest = right or left
            self.easel.show(newest, self.easel.right, files=chosen[-1:])
            return
        self.easel.show(left, right, apart=True if len(chosen) == 2 else None, files=chosen)
        self.easel.tell(self.shelf.title(chosen[-1], brief=True), self.stories.get(chosen[-1], Story()))

    # --- what follows from it --------------------------------------------------------------------

    def follow(self) -> None:
        """Let what depends on the choices follow them: forecast and code."""
        self.finished.show_as_code(self.choices)
        self.forecast()

    def forecast(self) -> None:
        """Look up, beside all else, what the choices would take."""
        choices = self.choices
        self.scout.start(lambda stop: self.foretell(choices, stop), failed=self.unforetold)

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
        self.desk.foretell(f"{made}{fetched}")
        if made.seconds is None and not self.painter.busy:
            measure(plan, self.paces, stop)
            if not stop.is_set():
                self.desk.foretell(f"{foresee(plan, self.paces)}{fetched}")

    def unforetold(self, words: str) -> None:
        """Say why what is chosen cannot be painted.

        Args:
            words: the reason.
        """
        self.desk.foretell(words, wrong=True)

    def preview(self) -> None:
        """Lay the content on the easel, while nothing is painted.

        Raises:
            InputError: it cannot be read, or a region does not fit; then it lies there without, or nothing does.
        """
        if self.painter.busy:
            return
        content, masks, _ = self.shown
        words = f"{spoken_name(content)}, where each style paints" if any(masks) else spoken_name(content)
        try:
            self.easel.show(None, (picture(content, masks), words))
        except InputError:
            self.easel.show(None, side_of(content))
            raise

    # --- what happens, told from the painter's thread --------------------------------------------

    def accepted(self, choices: Choices | None) -> None:
        """See `Watcher`."""
        self.said(f"Preparing {choices.title} …" if choices else "Preparing the last picture …")
        self.desk.run()

    def began(self, canvas: Canvas) -> None:
        """See `Watcher`."""
        self.scout.stop()
        if canvas.plan.device.type == "cuda":
            self.scout.wait()  # no two evaluations are to be captured at a time
        self.desk.foretell(str(foresee(canvas.plan, self.paces)))  # what it foretold may be of an earlier choice
        self.said(f"Painting {canvas.choices.title}")
        self.desk.run()
        left, content = self.easel.left, canvas.plan.content
        if content is not None:
            left = drawing.small(to_pil(content.pixels)), spoken_name(canvas.choices.content)
        self.easel.show(left, self.easel.right, apart=False)
        self.drawn = self.charted = self.done = 0.0

    def grew(self, canvas: Canvas, progress: Progress) -> None:
        """See `Watcher`."""
        now, self.done = time.monotonic(), progress.done
        if now - self.drawn > FRAME_SECONDS:
            grown = drawing.small(to_pil(progress.image)), f"{canvas.choices.brief}, growing"
            self.desk.measure(progress)
            self.easel.show(self.easel.left, grown, files=self.easel.files)
            self.drawn = time.monotonic()
        if now - self.charted > CHART_SECONDS:
            self.easel.tell(f"{canvas.choices.brief}, growing", story(canvas))
            self.charted = time.monotonic()

    def kept(self, canvas: Canvas, result: Result) -> None:
        """See `Watcher`."""
        path, left = canvas.path, result.stopped is Stop.LEFT
        took = f"{counted(result.evaluations, 'evaluation')} in {duration(result.seconds)}"
        self.desk.finish(self.done if left else 1.0, took)
        self.stories[path] = story(canvas)
        title = self.shelf.title(path, brief=True)
        self.easel.show(self.easel.left, (drawing.small(to_pil(result.image)), title), files=[path])
        self.easel.tell(title, self.stories[path])
        self.finished.add(path)
        elsewhere = f". Download it, for it hangs here this time only: {canvas.elsewhere}" if canvas.elsewhere else ""
        little = result.alike or "more strength or evaluations help"
        hint = f", too little has changed: {little}" if result.unchanged else ""
        why = "stopped by you" if left else result.stopped
        self.said(f"Kept as {path} ({why}{hint}){elsewhere}")

    def unkept(self, why: str) -> None:
        """See `Watcher`."""
        self.desk.add(f"Its run could not be kept ({why}): Continue goes on with it as long as this kernel lives")

    def sketched(self, choices: Choices, image: Tensor, seconds: float) -> None:
        """See `Watcher`."""
        if known_to_one_pass(choices) != known_to_one_pass(self.choices):
            self.said("Something else is chosen by now: press Sketch again")
            return
        content = picture(choices.content), spoken_name(choices.content)
        self.easel.show(content, (drawing.small(to_pil(image)), f"{choices.brief}, a sketch"))
        self.easel.tell("", Story())
        self.said(
            f"Sketched in one pass, {seconds:.1f} s, by pictures, shares, regions and colours alone; it is not kept "
            "(nst onepass keeps one). Paint takes its time and comes nearer to the style"
        )

    def said(self, words: str) -> None:
        """See `Watcher`."""
        self.desk.say(words)

    def failed(self, words: str) -> None:
        """See `Watcher`."""
        self.desk.complain(words)

    def ended(self) -> None:
        """See `Watcher`."""
        if self.painter.worker.next is None:
            self.desk.rest(self.painter.offer)
            self.forecast()


def story(canvas: Canvas) -> Story:
    """How a run's picture came about so far.

    Args:
        canvas: the run.
    """
    return Story(tuple(canvas.run.history), canvas.pulls.shares, canvas.pulls.after)
