"""The settings of a panel → a run below a button: watched, stopped, kept, and labelled with these settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event

from ..errors import counted
from ..live import Pace, progress_bar, progress_picture
from ..result import Record, Result
from ..show import words_html
from ..transfer import Transfer
from ..worker import Worker
from .controls import described
from .spoken import spoken

__all__ = ["Run", "terms"]

RUN, RUNNING = "Run this for real", "Running …"


class Run:
    """A button that starts a run, one that stops it, the picture as it grows, and words.

    A picture stays until the next run has one. It says which settings it is of, whatever the controls say by then.

    Args:
        make: takes the settings by name and returns the `Transfer` to run.
        settings: says what they are at this moment.
    """

    def __init__(self, make: Callable[..., Transfer], settings: Callable[[], Mapping[str, object]]) -> None:
        from ipywidgets import HTML, Button, HBox, VBox

        self.make, self.settings, self.worker = make, settings, Worker()
        self.start = Button(description=RUN, layout={"width": "150px"})
        self.start.add_class("nst-run")
        self.stop = Button(description="Stop", disabled=True, layout={"width": "80px"})
        self.stop.add_class("nst-stop")
        self.status, self.picture, self.words = HTML(layout={"flex": "1 1 auto"}), HTML(), spoken()
        self.start.on_click(self.begin)
        self.stop.on_click(lambda _: self.worker.stop())
        buttons = HBox([self.start, self.stop, self.status], layout={"flex_flow": "row wrap", "align_items": "center"})
        self.box = VBox([buttons, self.words, self.picture])
        self.result: Result | None = None

    def begin(self, _: object = None) -> None:
        """Start, unless a run is at work."""
        if self.worker.busy:
            return
        self.stop.disabled, self.start.disabled, self.start.description = False, True, RUNNING  # the focus goes on
        self.status.value = progress_bar(None)
        settings = dict(self.settings())
        self.worker.start(lambda stop: self.work(settings, stop), failed=self.tell, ended=self.end)

    def work(self, settings: Mapping[str, object], stop: Event) -> None:
        """Run until the end, or until asked to stop; what there is by then stays.

        Args:
            settings: of the panel when the button was pressed.
            stop: the flag.
        """
        transfer, pace, whose = self.make(**settings), Pace(), described(settings)
        for progress in transfer:
            if pace.due or progress.done == 1:
                with pace.showing():
                    self.picture.value = progress_picture(progress, transfer.plan.stages[-1].size)
                    self.words.value = words_html(f"Running: {whose}")
                    self.status.value = progress_bar(progress)
            if stop.is_set():
                break
        self.result = transfer.result()
        self.picture.value = self.result._repr_html_()
        self.words.value = words_html(f"Run with {whose}. {terms(self.result.history[-1])}")

    def tell(self, words: str) -> None:
        """Say what went wrong; a picture that is there stays.

        Args:
            words: what.
        """
        self.words.value = words_html(words, wrong=True)

    def end(self) -> None:
        """Be ready for the next press."""
        self.start.disabled, self.start.description, self.stop.disabled = False, RUN, True
        self.status.value = ""


def terms(record: Record) -> str:
    """Where a run stands, in words.

    Args:
        record: the newest line of its history.
    """
    listed = ", ".join(f"{name} {value:.3g}" for name, value in record.kinds().items())
    return f"After {counted(record.evaluations, 'evaluation')}: {listed} (weighted)"
