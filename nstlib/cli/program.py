"""`nst` itself: its commands, and what becomes of a mistake."""

from __future__ import annotations

import codecs
import os
import signal
import sys
from typing import Any

import click

from ..about import VERSION
from ..errors import InputError
from ..interrupts import END_SIGNALS
from ..terminal import forgiving, say, spelt
from ..threads import wait_briefly
from . import looking, painting, teaching
from .ending import Trouble, fail, stop

INTERRUPTED = "interrupted"  # a command that has something to keep says more itself


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, invoke_without_command=True
)
@click.version_option(VERSION, prog_name="nst")
@click.pass_context
def nst(context: click.Context) -> None:
    """Neural style transfer: paint a photograph in the manner of a painting.

    Without a command, nst asks for two pictures and paints.
    """
    if context.invoked_subcommand is not None:
        return
    if sys.stdin is not None and sys.stdin.isatty():
        painting.ask()
    else:  # nobody is there to answer
        say(context.get_help())


for command in (
    *(painting.stylize, painting.onepass, painting.texture, painting.sweep),
    *(looking.recipes, looking.weights, looking.show, looking.judge, looking.doctor),
    *(teaching.lessons, teaching.lab, teaching.studio),
    *(teaching.student, teaching.key, teaching.handins, teaching.stamp),
):
    nst.add_command(command)


def is_spelt(stream: Any) -> bool:
    """Whether somebody else says how a stream spells its letters: a terminal, or the caller.

    A file and a pipe get those of Windows' code page otherwise, which has neither ✓ nor ψ.
    """
    return stream.isatty() or "PYTHONIOENCODING" in os.environ


def main() -> None:
    """Run `nst`; a mistake becomes one line and exit status 2."""
    wait_briefly()
    codecs.register_error("nst", spelt)
    for name in ("stdout", "stderr"):  # a reader that is gone, or a name that it cannot spell, must not stop anything
        stream = forgiving(getattr(sys, name))
        setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="nst", encoding=None if is_spelt(stream) else "utf-8")
    for number in END_SIGNALS:
        signal.signal(number, stop)
    try:
        nst.main(standalone_mode=False)
    except InputError as error:
        # `stop` was called in an import, which told it as its own.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            fail(INTERRUPTED, 130)
        fail(str(error), 2)
    except OSError as error:  # of a disk or a network, at a place that foresaw none
        where = f" at '{error.filename}'" if error.filename else ""
        fail(f"{error.strerror or error}{where}: look at the disk and its permissions", 2)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        fail(error.format_message(), getattr(error, "exit_code", 2) if isinstance(error, Trouble) else 2)
    except (KeyboardInterrupt, click.Abort):
        fail(INTERRUPTED, 130)
