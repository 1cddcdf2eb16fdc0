"""What must not be cut in half is not, and whatever signal came meanwhile is heard after it, all of them."""

import signal

import pytest

from nstlib.interrupts import END_SIGNALS, uninterrupted


class Heard(Exception):
    """A signal came through."""


@pytest.fixture
def handlers():
    """A handler of each signal that ends a program: it raises, but for SIGHUP, which is ignored, as under nohup."""

    def hear(number, _):
        raise Heard(signal.Signals(number).name)

    before = {number: signal.signal(number, hear) for number in END_SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield hear
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("came", "heard"), [(["SIGHUP", "SIGTERM"], "SIGTERM"), (["SIGINT"], "SIGINT"), (["SIGINT", "SIGTERM"], "SIGTERM")]
)
def test_a_signal_that_is_ignored_swallows_no_other(handlers, came, heard):
    done = False
    with pytest.raises(Heard, match=heard), uninterrupted():
        for name in came:
            signal.raise_signal(getattr(signal, name))
        done = True
    assert done and signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGTERM) is handlers
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_ctrl_c_while_the_handlers_are_put_back_leaves_no_signal_deaf(handlers, monkeypatch):
    real, calls = signal.signal, []

    def slow(number, handler):
        calls.append(number)
        before = real(number, handler)
        if len(calls) > len(END_SIGNALS):  # they are being put back
            signal.raise_signal(signal.SIGINT)
        return before

    monkeypatch.setattr(signal, "signal", slow)
    with pytest.raises(Heard), uninterrupted():
        pass
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) is handlers and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
