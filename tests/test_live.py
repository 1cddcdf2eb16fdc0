"""A run shows itself where somebody is watching, and an interrupt in a notebook is one line that ends the cell."""

import io
import itertools
import re
import signal
import sys
import threading

import nbformat
import pytest
import torch
from nbclient import NotebookClient

import nstlib as nst
from nstlib import live, terminal
from nstlib.errors import InputError
from nstlib.optimizers import Step

PREPARE = """
import os, signal
import nstlib as nst
OPTIONS = {"size": 64, "pyramid": (), "device": "cpu", "weights": "random", "precision": "float32"}
PAIR = "content/harbour", "style/mosaic"
def interrupt_after(number):
    return lambda progress: signal.raise_signal(signal.SIGINT) if progress.evaluations >= number else None
"""
WATCH = """
from nstlib import live
sent, put = [], live.Place.put
def spy(place, html):
    sent.append(html)
    put(place, html)
live.Place.put = spy
result = nst.stylize(*PAIR, **OPTIONS, evaluations=8)
live.Place.put = put
shown = [html for html in sent if "<img" in html]
print("starting" in sent[0], "data:image/jpeg" in shown[0], "1 of 8 evaluations" in shown[0], "8 of 8" in shown[-1])
"""


@pytest.fixture(scope="module")
def ran():
    """The cells of a notebook as a kernel ran them, each whether or not one before it failed."""
    cells = {
        "prepare": PREPARE,
        "call": WATCH,
        "twice": "for seed in (0, 1):\n    nst.stylize(*PAIR, **OPTIONS, evaluations=2, seed=seed)",
        "off": "nst.stylize(*PAIR, **OPTIONS, evaluations=2, show=False);",
        "stopped call": "nst.stylize(*PAIR, **OPTIONS, evaluations=80, on_progress=interrupt_after(4))",
        "its picture": "print(nst.last())",
        "stopped loop": """
for progress in nst.Transfer(*PAIR[:1], PAIR[1:], **OPTIONS, evaluations=80):
    if progress.evaluations >= 5:
        signal.raise_signal(signal.SIGINT)""",
        "loop's picture": "print(nst.last())",
        "stopped twice": """
from nstlib import transfer
def again(function):
    def changed(*arguments):
        signal.raise_signal(signal.SIGINT)
        return function(*arguments)
    return changed
kept = transfer.collect, live.small
def stop(progress):
    if progress.evaluations >= 6:
        transfer.collect, live.small = map(again, kept)
        signal.raise_signal(signal.SIGINT)
nst.stylize(*PAIR, **OPTIONS, evaluations=80, on_progress=stop)""",
        "its picture too": "transfer.collect, live.small = kept\nprint(nst.last())",
        "after a break": """
for progress in nst.Transfer(*PAIR[:1], PAIR[1:], **OPTIONS, evaluations=80):
    break
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt as error:
    print(type(error).__name__)""",
        "command": """
from nstlib.transfer import carry_out
plan = nst.prepare(*PAIR[:1], PAIR[1:], **OPTIONS, evaluations=80)
print(carry_out(plan, on_progress=interrupt_after(3)).stopped)""",
        "in a thread": """
import threading
thread = threading.Thread(target=lambda: nst.stylize(*PAIR, **OPTIONS, evaluations=2))
thread.start()
thread.join()""",
    }
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in cells.values()])
    NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    return {name: cell.outputs for name, cell in zip(cells, notebook.cells, strict=True)}


def printed(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream")


def size(outputs):
    return sum(len(str(output)) for output in outputs)


@pytest.mark.slow
def test_a_call_in_a_notebook_shows_the_growing_picture_and_leaves_nothing(ran):
    assert printed(ran["call"]) == "True True True True\n"
    assert [output.output_type for output in ran["call"]] == ["display_data", "stream"]
    assert ran["call"][0].data == {"text/plain": ""}


@pytest.mark.slow
def test_all_runs_of_a_cell_share_one_place(ran):
    assert [output.get("data") for output in ran["twice"]] == [{"text/plain": ""}]


@pytest.mark.slow
def test_one_argument_turns_it_off_and_a_thread_shows_nothing(ran):
    assert ran["off"] == [] and ran["in a thread"] == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "after"), [("stopped call", 4), ("stopped loop", 5)])
def test_an_interrupt_is_one_line_and_keeps_the_picture(ran, name, after):
    picture, error = ran[name]
    assert error.output_type == "error" and len(error.traceback) == 1
    number = int(
        re.fullmatch(
            r"stopped after (\d+) of 80 evaluations; the picture so far: nst\.last\(\)", error.traceback[0]
        ).group(1)
    )
    assert after <= number < after + 3
    assert re.search(r'<img alt="The picture after \d evaluations"', picture.data["text/html"])
    last = "its picture" if name == "stopped call" else "loop's picture"
    assert f"{number} evaluations in" in printed(ran[last]) and "interrupted" in printed(ran[last])


@pytest.mark.slow
def test_who_presses_stop_again_while_the_run_stops_finds_the_same(ran):
    *_, error = ran["stopped twice"]
    assert error.output_type == "error" and len(error.traceback) == 1
    assert re.fullmatch(r"stopped after [67] of 80 evaluations; .*", error.traceback[0])
    assert "Error in callback" not in str(ran["stopped twice"])
    assert re.search("[67] evaluations in", printed(ran["its picture too"]))


@pytest.mark.slow
def test_after_a_break_an_interrupt_is_none_of_the_runs(ran):
    assert printed(ran["after a break"]) == "KeyboardInterrupt\n"


@pytest.mark.slow
def test_a_command_in_a_notebook_keeps_its_result(ran):
    assert "interrupted" in printed(ran["command"])


# --- without a notebook --------------------------------------------------------------------------


def step(side=32):
    return Step(1, 1, 0.1, 0.5, {}, torch.rand(1, 3, side, side))


@pytest.mark.parametrize(
    ("show", "terminal_there", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_a_bar_is_where_somebody_watches(monkeypatch, show, terminal_there, expected):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal_there, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    with live.watching(show, (32, 32)) as tell:
        assert isinstance(tell, terminal.Bar)
    assert (stream.getvalue() != "") is expected


def test_pictures_never_cost_more_than_their_share():
    now = itertools.count(0, 0.5)
    pace = live.Pace(clock=lambda: next(now))
    assert pace.due
    with pace.showing():
        pass  # takes half a second
    assert pace.next - 1.0 == pytest.approx(0.5 / live.SHARE)


def test_a_large_picture_is_shown_small():
    made = live.small(torch.rand(1, 3, 2 * live.SIDE, live.SIDE))
    assert made.size == (live.SIDE // 2, live.SIDE)


def test_the_place_is_as_large_before_the_first_picture_as_at_the_end():
    progress = nst.Progress(step(), (32, 32), 0.5, 1.0, 2.0, 40, 80)
    before, after = (live.progress_picture(p, (60, 90)) + live.progress_bar(p) for p in (None, progress))
    assert "width: 90px; aspect-ratio: 90 / 60" in before and "width: 90px; aspect-ratio: 90 / 60" in after
    assert "starting" in before and "40 of 80 evaluations, 2 s left" in after and 'value="0.500"' in after


def test_a_run_stopped_before_its_first_evaluation_leaves_the_picture_of_another(monkeypatch):
    options = {"size": 64, "pyramid": (), "device": "cpu", "weights": "random", "evaluations": 1, "show": False}
    before = nst.stylize("content/harbour", "style/mosaic", **options)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nstlib.plan.Plan.objective", stopped)
    with pytest.raises(KeyboardInterrupt):
        nst.stylize("content/harbour", "style/mosaic", **options)
    assert torch.equal(nst.last().image, before.image)


def test_outside_a_notebook_interrupts_stay_as_they_are():
    before = signal.getsignal(signal.SIGINT)
    with live.one_line_for_an_interrupt(lambda: "stopped"):
        assert signal.getsignal(signal.SIGINT) is before


def test_last_without_a_run_says_what_to_do(monkeypatch):
    monkeypatch.setattr(live, "newest", [])
    with pytest.raises(InputError, match="paint first"):
        nst.last()


def test_last_is_the_newest_run(monkeypatch):
    made = nst.stylize("content/harbour", "style/mosaic", size=48, pyramid=(), evaluations=2, weights="random")
    assert torch.equal(nst.last().image, made.image) and nst.last() is nst.last()


def test_a_thread_is_no_notebook():
    found = []
    thread = threading.Thread(target=lambda: found.append(live.notebook()))
    thread.start()
    thread.join()
    assert found == [None]
