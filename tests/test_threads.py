"""Threads beside other programs: how they wait, what Linux tells, and the rule on machines that are played here."""

import functools
import itertools
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from nstlib import threads, transfer
from nstlib.threads import Threads, wait_briefly, waited

CPU = torch.device("cpu")


# How they wait


@pytest.mark.parametrize("decided", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_whoever_has_said_how_to_wait_has_decided(decided):
    ours, theirs = {"HOME": "here"}, {decided: "7"}
    wait_briefly(ours)
    wait_briefly(theirs)
    assert ours == {"HOME": "here", "GOMP_SPINCOUNT": threads.SPINS} and theirs == {decided: "7"}


@pytest.mark.parametrize("begin", ["from nstlib.cli import main", "import nstlib; main = lambda: nstlib.setup('04')"])
def test_openmp_is_told_before_torch_is_there(begin):
    """At the moment at which torch is first looked for, by the command line and by a lesson's first cell."""
    code = f"""
import os, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "torch":
            print(os.environ.get("GOMP_SPINCOUNT"))
            os._exit(0)
sys.meta_path.insert(0, Finder())
sys.argv = ["nst", "doctor"]
{begin}
main()
"""
    left = {name: value for name, value in os.environ.items() if name not in threads.DECIDED}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=left, check=False)
    assert done.stdout.splitlines()[-1:] == [threads.SPINS], done.stderr


# What the system tells


def test_linux_tells_of_each_thread(tmp_path):
    for name, line in {"1": "500 2000000000 7", "2": "9 500000000 3", "ended": None}.items():
        (tmp_path / name).mkdir()
        if line:
            (tmp_path / name / "schedstat").write_text(line + "\n")
    assert waited(2, tmp_path) == 2.5


def test_elsewhere_it_is_what_is_wanted_beyond_the_cores(monkeypatch, tmp_path):
    """Eight cores for six threads: what others compute in two of them takes nothing away."""
    times = pytest.importorskip("psutil")
    now = {"all": 100.0, "own": 40.0, "clock": 10.0}
    answer = type("times", (), {"user": property(lambda self: now["all"]), "system": 3.0, "idle": 1e6})()
    monkeypatch.setattr(times, "cpu_times", lambda: answer)
    monkeypatch.setattr(threads.time, "process_time", lambda: now["own"])
    monkeypatch.setattr(threads.time, "monotonic", lambda: now["clock"])
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 8)

    def after(seconds, own, others):
        before = waited(6, tmp_path / "none")
        now["clock"] += seconds
        now["own"] += own * seconds
        now["all"] += (own + others) * seconds
        return waited(6, tmp_path / "none") - before

    assert after(2, own=6, others=2) == pytest.approx(0)
    assert after(2, own=5, others=3) == pytest.approx(2)
    assert after(2, own=6, others=0) < 0


def test_a_system_that_tells_nothing_is_taken_for_quiet(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert waited(2, tmp_path / "none") == 0.0


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="needs Linux, which tells what threads waited")
def test_waiting_only_grows():
    first = waited(1)
    assert 0 <= first <= waited(1)


# The rule


@dataclass
class Step:
    evaluations: int


class Machine:
    """Cores, and others that want some; a clock that only work moves.

    One thread needs a second for an evaluation. As many threads as get a core each share it evenly. Where there are
    more than cores, they spin: each evaluation takes `jam` times what one thread alone would need.
    """

    def __init__(self, monkeypatch, cores, others=lambda now: 0, jam=10.0, given=None):
        self.cores, self.others, self.jam = cores, others, jam
        self.now, self.lacked, self.used, self.calls = 0.0, 0.0, [], []
        self.number = given or cores
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.number)
        monkeypatch.setattr(torch, "set_num_threads", self.take)
        monkeypatch.delenv("OMP_DYNAMIC", raising=False)

    def take(self, number):
        self.calls.append(number)
        self.number = number

    def evaluate(self):
        """Work once, with what threads and neighbours there are now."""
        over = max(0, self.number + self.others(self.now) - self.cores)
        seconds = self.seconds(self.number)
        self.used.append(self.number)
        self.now += seconds
        self.lacked += over * seconds

    def seconds(self, number):
        wanted = number + self.others(self.now)
        alone = max(1.0, (1 + self.others(self.now)) / self.cores)  # what one thread needs beside the others
        return alone / number if wanted <= self.cores else alone * (self.jam if number > 1 else 1)

    def steps(self, count, each=1):
        for number in range(1, count + 1):
            for _ in range(each):
                self.evaluate()
            yield Step(number * each)

    def goes_on(self, before, count=8):
        """The paces that a run finds which goes on after some evaluations."""
        watched = Threads(CPU, lambda: self.now, lambda number: self.lacked)
        steps = (Step(before + step.evaluations) for step in self.steps(count))
        return [watched.pace for _ in watched.watch(steps, before)]

    def run(self, count=150, each=1, stages=1):
        watched = Threads(CPU, lambda: self.now, lambda number: self.lacked)
        for _ in range(stages):
            for _ in watched.watch(self.steps(count, each)):
                assert self.number == watched.numbers[0], "between the steps the caller's number stands"
        return watched

    def fixed(self, number, count=150):
        """Seconds of the same work with a number of threads that never changes."""
        now, self.now = self.now, 0.0
        for _ in range(count):
            self.now += self.seconds(number)
        now, self.now = self.now, now
        return now


def test_a_run_that_goes_on_measures_its_own_evaluations(monkeypatch):
    paces = [Machine(monkeypatch, cores=4).goes_on(before) for before in (0, 1000)]
    assert paces[0] == pytest.approx(paces[1]) and paces[0][0] > 0


@pytest.mark.parametrize("cores", [1, 2, 6, 16])
def test_a_quiet_machine_is_left_alone(monkeypatch, cores):
    machine = Machine(monkeypatch, cores)
    watched = machine.run()
    assert machine.used == [cores] * 150 and machine.calls == [] and watched.note == ""


STEADY = {"one": lambda now: 1, "two": lambda now: 2, "as many as cores": lambda now: 16}
CHANGING = {
    "one that comes": lambda now: int(now > 20),
    "one that goes": lambda now: int(now < 40),
    "one that comes and goes": lambda now: int(now % 60 < 30),
}


@pytest.mark.parametrize(
    ("others", "jam"),
    [
        *itertools.product(STEADY.values(), [1.0, 1.3, 3.0, 10.0]),
        *itertools.product(CHANGING.values(), [1.0, 1.3, 2.0]),
    ],
)
@pytest.mark.parametrize("cores", [2, 4, 6, 16])
def test_no_slower_than_one_thread_or_all_whatever_runs_beside_it(monkeypatch, cores, jam, others):
    machine = Machine(monkeypatch, cores, others, jam)
    machine.run(300)
    assert machine.now < 1.3 * min(machine.fixed(1, 300), machine.fixed(cores, 300))


def test_on_many_cores_it_finds_what_fits(monkeypatch):
    """Beside nine others on sixteen cores neither one thread nor all of them are right."""
    machine = Machine(monkeypatch, 16, lambda now: 9)
    machine.run(300)
    assert set(machine.used[-10:]) <= {4, 8} and machine.used[-100:].count(4) > 80


def test_it_comes_back_when_the_others_have_gone(monkeypatch):
    machine = Machine(monkeypatch, 16, lambda now: 15 * (now < 100))
    watched = machine.run(1500)
    assert machine.used[-1] == 16 and 1 in machine.used and machine.number == 16
    assert f"{sum(n < 16 for n in machine.used)} of 1500 evaluations took fewer than 16 threads" in watched.note


@pytest.mark.parametrize("stop", ["exception", "left", "end"])
def test_the_callers_number_stands_again_however_a_run_ends(monkeypatch, stop):
    machine = Machine(monkeypatch, 2, lambda now: 1)
    steps = Threads(CPU, lambda: machine.now, lambda number: machine.lacked).watch(machine.steps(9))
    for number, _ in enumerate(steps):
        if number == 4:
            assert machine.used[-1] == 1
            break
    if stop == "exception":
        monkeypatch.setattr(machine, "evaluate", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(steps)
    elif stop == "left":
        steps.close()
    else:
        list(steps)
    assert machine.number == 2


def test_what_was_found_holds_for_the_next_stage(monkeypatch):
    machine = Machine(monkeypatch, 2, lambda now: 1)
    machine.run(20, stages=2)
    assert machine.used[20] == 1


@pytest.mark.parametrize("word", ["false", " FALSE", "0"])
def test_the_number_can_be_kept(monkeypatch, word):
    machine = Machine(monkeypatch, 2, lambda now: 1)
    monkeypatch.setenv("OMP_DYNAMIC", word)
    assert machine.run(20).note == "" and machine.used == [2] * 20 and machine.calls == []


def test_a_gpu_needs_no_threads(monkeypatch):
    machine = Machine(monkeypatch, 8)
    assert Threads(torch.device("cuda")).numbers == [8] and Threads(CPU).numbers == [8, 4, 2, 1]
    assert machine.calls == []


def test_a_step_of_many_evaluations_counts_as_many(monkeypatch):
    machine = Machine(monkeypatch, 2, lambda now: 1)
    assert machine.run(20, each=5).all == 100


def test_a_moment_of_others_is_no_reason(monkeypatch):
    """What a machine does for itself, a tenth of a core, leaves a run where it is."""
    machine = Machine(monkeypatch, 2)
    watched = Threads(CPU, lambda: machine.now, lambda number: 0.1 * machine.now)
    assert [step.evaluations for step in watched.watch(machine.steps(50))] == list(range(1, 51))
    assert machine.calls == []


# In a run


@pytest.fixture
def crowd(monkeypatch):
    """Other programs that want all cores, for runs of two threads on a clock that ticks once per look."""
    before, seconds = torch.get_num_threads(), itertools.count()
    torch.set_num_threads(2)
    played = functools.partial(Threads, clock=lambda: next(seconds), waited=lambda number: 9.0 * next(seconds))
    monkeypatch.setattr(transfer, "Threads", played)
    monkeypatch.delenv("OMP_DYNAMIC", raising=False)
    yield
    torch.set_num_threads(before)


def test_a_result_tells_that_it_took_fewer_threads(crowd, rng, monkeypatch):
    picture = torch.rand(1, 3, 32, 32, generator=rng)
    options = {"size": 32, "evaluations": 6, "device": "cpu", "pyramid": ()}
    (note,) = [n for n in transfer.stylize(picture, picture, **options).notes if "cores" in n]
    assert "evaluations took fewer than 2 threads" in note and torch.get_num_threads() == 2
    advice = re.search(r"(\w+)=(\w+) keeps the number", note)
    monkeypatch.setenv(*advice.groups())
    assert not [n for n in transfer.stylize(picture, picture, **options).notes if "cores" in n]
