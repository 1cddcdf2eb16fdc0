"""Jobs in a thread: one at a time, the newest first, stopped by a flag, and never stuck."""

import threading

import pytest

from nstlib.errors import InputError
from nstlib.worker import Worker


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.stop()
    assert made.wait(10)


def patient(begun, stop):
    """Work until asked to stop."""
    begun.set()
    assert stop.wait(10)


def test_a_job_runs_elsewhere_and_the_caller_goes_on(worker):
    names, gate = [], threading.Event()
    job = worker.start(lambda stop: (gate.wait(10), names.append(threading.current_thread().name)))
    assert worker.busy and not names
    gate.set()
    assert job.over.wait(10) and worker.wait(10)
    assert names == ["nstlib worker"] and not worker.busy


def test_a_stop_reaches_the_job_at_once(worker):
    begun = threading.Event()
    job = worker.start(lambda stop: patient(begun, stop))
    assert begun.wait(10)
    worker.stop()
    assert job.over.wait(1)


def test_the_newest_request_wins_and_those_between_are_dropped(worker):
    begun, done = threading.Event(), []
    worker.start(lambda stop: patient(begun, stop), ended=lambda: done.append("first"))
    assert begun.wait(10)
    between = [worker.start(lambda stop, n=n: done.append(n)) for n in range(5)]
    assert worker.wait(10)
    assert done == ["first", 4] and all(job.over.is_set() for job in between)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("a size of 0 pixels"), "a size of 0 pixels"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (RuntimeError("two\nlines"), "RuntimeError: two lines"),
    ],
)
def test_an_error_becomes_words_and_the_next_job_runs(worker, error, words):
    told, ended = [], []

    def fail(_):
        raise error

    worker.start(fail, failed=told.append, ended=lambda: ended.append(1))
    assert worker.wait(10) and told == [words] and ended == [1]
    worker.start(lambda stop: ended.append(2))
    assert worker.wait(10) and ended == [1, 2]


def test_a_callback_that_fails_is_shown_and_loses_no_other_job(worker, capsys):
    begun, done = threading.Event(), []
    worker.start(lambda stop: patient(begun, stop), ended=lambda: 1 / 0)
    assert begun.wait(10)
    worker.start(lambda stop: done.append(1))
    assert worker.wait(10) and done == [1] and "ZeroDivisionError" in capsys.readouterr().err


def test_where_no_thread_is_to_be_had_the_next_job_runs(worker, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="new thread"):
        patch.setattr(threading.Thread, "start", refuse)
        worker.start(lambda stop: None)
    assert not worker.busy
    done = []
    worker.start(lambda stop: done.append(1))
    assert worker.wait(10) and done == [1]


def test_a_stop_drops_what_waits(worker):
    begun, done = threading.Event(), []
    worker.start(lambda stop: patient(begun, stop))
    assert begun.wait(10)
    waiting = worker.start(lambda stop: done.append(1))
    worker.stop()
    assert worker.wait(10) and waiting.over.is_set() and not done


def test_many_threads_may_ask_at_once(worker):
    done, running = [], []

    def work(stop, n):
        running.append(n)
        assert len(running) == 1
        running.remove(n)
        done.append(n)

    def ask(n):
        for i in range(50):
            worker.start(lambda stop, i=i: work(stop, (n, i)))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.wait(10) and done[-1][1] == 49 and not running
