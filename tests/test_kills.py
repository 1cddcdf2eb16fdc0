"""A run that is stopped at a random moment, by Ctrl-C, a signal or a kill, loses nothing but what a kill must lose.

Each run is a child that was forked after the library was imported, so a hundred take a minute or two:
`NSTLIB_KILLS=200 uv run pytest -n 0 tests/test_kills.py`.
"""

import csv
import os
import pkgutil
import random
import shutil
import signal
import sys
import time
from collections import Counter

import pytest
import torch

import nstlib as nst
from nstlib import cli, transfer
from nstlib.pool import Outcome
from nstlib.sweeps import painters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks"),
]
COUNT = int(os.environ.get("NSTLIB_KILLS", 16))
ARGUMENTS = ["content.png", "style.png", "-o", "out.png", "--checkpoint", "state.pt", "--size", "64", "--device", "cpu"]
OPTIONS = [
    "--evaluations",
    "40",
    "--pyramid",
    "40:12",
    "--precision",
    "float32",
    "--start",
    "noise",
    "--seed",
    "3",
    "--quiet",
]


@pytest.fixture
def folder(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("content", "style"):
        nst.save_image(torch.rand(1, 3, 64, 64, generator=rng), f"{name}.png")
    return tmp_path


def begin(arguments, command="stylize"):
    """The process of a run, whose checkpoints come quickly, and whose sweeps paint in it.

    Ctrl-C waits until it is one: before, it would end a fork of these tests, and tell pytest so.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child
    try:
        transfer.CHECKPOINT_SECONDS = 0.05
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        painters.here = painted_here
        sys.argv = ["nst", command, *arguments]
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except KeyboardInterrupt:
            os._exit(130)
        cli.main()
        os._exit(0)
    except SystemExit as ended:
        os._exit(ended.code or 0)
    finally:
        os._exit(99)  # a traceback


def painted_here(work, items, processes, threads):
    """In place of processes of their own, whose start takes seconds: what ends the caller ends them."""
    yield from ((item, Outcome(work(item))) for item in items)


def end(child):
    """Its exit status; minus the signal if one killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_kills_at_random_moments(folder):
    began = time.perf_counter()
    assert end(begin([*ARGUMENTS, *OPTIONS])) == 0
    seconds, whole = time.perf_counter() - began, nst.load_image("out.png").pixels
    moments, seen = random.Random(0), Counter()
    for number in range(COUNT):
        for name in ("out.png", "state.pt"):
            (folder / name).unlink(missing_ok=True)
        kind = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)[number % 4]
        child = begin([*ARGUMENTS, *OPTIONS])
        time.sleep(moments.uniform(0, 1.1 * seconds))
        os.kill(child, kind)
        if moments.random() < 0.5 and kind != signal.SIGKILL:
            time.sleep(moments.uniform(0, 0.05))
            os.kill(child, kind)
        status = end(child)
        painted, kept = (folder / "out.png").exists(), (folder / "state.pt").exists()
        seen[kind.name, status, painted, kept] += 1
        if kind == signal.SIGKILL:
            assert status in (-signal.SIGKILL, 0)
        else:
            assert (status, painted) in ((0, True), (130, False), (-kind, False)), (kind, status)
            assert kept == painted
            assert not list(folder.glob(".*.part"))
        if painted:
            assert nst.load_image("out.png").pixels.shape[-1] in (40, 64)
        if kept:
            assert torch.load("state.pt", weights_only=True)["format"] == 1
        assert end(begin([*ARGUMENTS, *OPTIONS])) == 0
        assert torch.equal(nst.load_image("out.png").pixels, whole), (kind, number)
        for left in folder.glob(".*.part"):  # of a kill in the midst of a write
            left.unlink()
    print(f"{seconds:.2f} s a run", *sorted(seen.items()), sep="\n")
    assert len({kind for kind, *_ in seen}) == min(4, COUNT)


@pytest.mark.parametrize(
    "late", ["nstlib.transfer.collect", "nstlib.cli.painting.save_anywhere", "nstlib.result.Result.save"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_last_evaluation_costs_nothing(folder, monkeypatch, late, number):
    """The picture is finished and not yet a file."""
    real = pkgutil.resolve_name(late)

    def signalled(*given, **options):
        os.kill(os.getpid(), number)
        return real(*given, **options)

    monkeypatch.setattr(late, signalled)
    assert end(begin([*ARGUMENTS, *OPTIONS])) == 0
    assert (folder / "out.png").exists() and (folder / "state.pt").exists()


SWEEP = ["--pair", "content.png", "style.png", "--grid", "seed=1,2,3", "--start", "noise", "-o", "sweep"]
SWEEP += ["--size", "40", "--evaluations", "4", "--precision", "float32", "--device", "cpu", "--processes", "1"]


def test_kills_of_a_sweep(folder):
    """What is painted stays, whole; the same command goes on from there, to the same pictures."""
    began = time.perf_counter()
    assert end(begin([*SWEEP, "--quiet"], "sweep")) == 0
    seconds, place = time.perf_counter() - began, folder / "sweep"
    whole = {path.name: nst.load_image(path).pixels for path in place.glob("*-*.png")}
    moments, seen = random.Random(1), Counter()
    for number in range(max(4, COUNT // 2)):
        shutil.rmtree(place)
        kind = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)[number % 4]
        child = begin([*SWEEP, "--quiet"], "sweep")
        time.sleep(moments.uniform(0, seconds))
        os.kill(child, kind)
        assert end(child) in (0, 130, -kind)
        done = {path: path.stat().st_mtime_ns for path in place.glob("*-*.png")}
        seen[kind.name, len(done)] += 1
        assert all(torch.equal(nst.load_image(path).pixels, whole[path.name]) for path in done)
        if (place / "table.csv").exists():
            rows = list(csv.DictReader((place / "table.csv").open()))
            assert len(rows) == 3 and {row["picture"] for row in rows} - {""} <= {path.name for path in done}
        assert kind == signal.SIGKILL or not list(folder.rglob(".*.part"))
        assert end(begin([*SWEEP, "--quiet"], "sweep")) == 0
        assert {path.name: path.stat().st_mtime_ns for path in done}.items() <= {
            path.name: path.stat().st_mtime_ns for path in place.glob("*-*.png")
        }.items()
        assert all(torch.equal(nst.load_image(place / name).pixels, pixels) for name, pixels in whole.items())
    print(f"{seconds:.2f} s a sweep", *sorted(seen.items()), sep="\n")


def test_kills_of_a_picture_of_one_pass(folder):
    arguments = ["content.png", "style.png", "-o", "out.png", "--size", "64"]
    began = time.perf_counter()
    assert end(begin(arguments, "onepass")) == 0
    seconds, whole = time.perf_counter() - began, nst.load_image("out.png").pixels
    moments, seen = random.Random(2), Counter()
    for number in range(max(4, COUNT // 2)):
        (folder / "out.png").unlink(missing_ok=True)
        kind = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)[number % 4]
        child = begin(arguments, "onepass")
        time.sleep(moments.uniform(0, 1.2 * seconds))
        os.kill(child, kind)
        status = end(child)
        seen[kind.name, status, (folder / "out.png").exists()] += 1
        assert status in (0, 130, -kind) and (status == 0) <= (folder / "out.png").exists()
        if (folder / "out.png").exists():
            assert torch.equal(nst.load_image("out.png").pixels, whole)
        assert kind == signal.SIGKILL or not list(folder.glob(".*.part"))
    print(f"{seconds:.2f} s a picture", *sorted(seen.items()), sep="\n")


@pytest.mark.parametrize(("room", "status"), [(0, 2), (2_000, 2), (40_000, 0)])
def test_a_disk_that_is_full_at_each_write(folder, room, status):
    """No file may grow beyond so many bytes: nothing, less than the picture, the picture but no whole checkpoint."""
    import resource

    began = time.perf_counter()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write then fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        os._exit(end(begin([*ARGUMENTS, *OPTIONS])))
    ended = end(child)
    assert ended == status and time.perf_counter() - began < 60
    assert (folder / "out.png").exists() == (status == 0)
    if (folder / "state.pt").exists():  # an early one, when little was remembered
        assert torch.load("state.pt", weights_only=True)["format"] == 1
    assert not list(folder.glob(".*.part"))
    if status == 0:
        assert nst.load_image("out.png").pixels.shape[-1] == 64
