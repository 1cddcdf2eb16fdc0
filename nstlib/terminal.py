"""A line, a run's progress, a question → a terminal that may be closed, narrow, or not there at all.

Telling must not decide whether one paints: whatever goes wrong here is passed over.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .about import degraded
from .errors import CONTROLS

if TYPE_CHECKING:
    from .result import Progress

__all__ = ["PER_STYLE", "Bar", "complete", "forgiving", "say", "say_wrong", "spelt", "tqdm_bar"]

STEERING = {number: mark for number, mark in CONTROLS.items() if chr(number) not in "\t\n"}
SIGNS = {  # in letters that every code page has
    **{"✓": "right:", "✗": "wrong:", "√": "sqrt", "λ": "lambda", "‖": "||", "→": "->", "←": "<-", "⁻": "^-"},
    **{"≥": ">=", "≤": "<=", "±": "+-", "×": "x", "·": "*", "°": " degrees", "–": "-", "½": "1/2", "¼": "1/4"},
}

# Settings that hold one value per style, and the option that gives one of them; it is repeated.
PER_STYLE = {
    "shares": "--share",
    "style_scales": "--style-scale",
    "masks": "--mask",
    "style_masks": "--style-mask",
    "own_layers": "--own-layers",
}


def say(text: str) -> None:
    """A line on standard output; nothing where that is closed, since telling must not decide whether one paints."""
    write(text, sys.stdout)


def say_wrong(text: str) -> None:
    """A line on standard error."""
    write(f"nst: {text}", sys.stderr)


def write(text: str, stream: Any) -> None:
    """A line on a stream that may be closed, or go nowhere; names in it do not steer the terminal."""
    if stream is not None:
        print(text.translate(STEERING), file=forgiving(stream), flush=True)


def forgiving(stream: Any) -> Any:
    """A stream that nothing fails on; None, where there is none, stays None."""
    return stream if stream is None or isinstance(stream, Forgiving) else Forgiving(stream)


class Forgiving:
    """A stream that loses what it cannot write, and all that follows, and goes on.

    Args:
        stream: to write to; it may be closed, full, or without a reader.
    """

    def __init__(self, stream: Any):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        self.attempt(self.stream.write, text)

    def flush(self) -> None:
        self.attempt(self.stream.flush)

    def attempt(self, act: Any, *given: str) -> None:
        """Write or flush; once that fails, the stream leads nowhere."""
        try:
            act(*given)
        except (OSError, ValueError):
            # Else what is left in its buffer fails again, and once more when Python ends.
            with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self.stream.fileno())


def spelt(error: UnicodeError) -> tuple[str, int]:
    r"""What stands for letters that a stream's coding has not, for `codecs.register_error`.

    A sign becomes a word, a Greek letter its name, what is set high or low the plain letter; names of files, say, keep
    their question marks.

    Args:
        error: of the encoding.

    Raises:
        UnicodeError: it is of a decoding.

    >>> import codecs
    >>> codecs.register_error("nstlib.spelt", spelt)
    >>> print("✗ F Fᵀ / 10⁻⁴, Σ wᵢ ψ, é".encode("ascii", "nstlib.spelt").decode())
    wrong: F F^T / 10^-4, Sigma wi psi, ?
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = "".join(map(in_ascii, error.object[error.start : error.end]))
    return letters.replace("^-^", "^-"), error.end


def in_ascii(letter: str) -> str:
    """A letter in those of ASCII that say the same, or a question mark."""
    words = unicodedata.name(letter, "?").split()
    if letter in SIGNS:
        return SIGNS[letter]
    if words[0] == "GREEK":
        return words[-1].title() if "CAPITAL" in words else words[-1].lower()
    raised = "^" if unicodedata.decomposition(letter).startswith("<super>") else ""
    plain = unicodedata.normalize("NFKD", letter)
    return raised + plain if plain.isascii() else "?"


def tqdm_bar(quiet: bool, **options: Any) -> Any | None:
    """A bar of tqdm's; None where none is wanted or can be shown."""
    if quiet or sys.stderr is None:
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        degraded("tqdm", "no bar is shown")
        return None
    return tqdm(leave=False, dynamic_ncols=True, file=forgiving(sys.stderr), **options)


class Bar:
    """A progress bar that is fed with `Progress`; where there is no terminal to show it, nothing."""

    def __init__(self, quiet: bool):
        layout = "{desc} {bar} {percentage:3.0f} % {postfix}"
        self.bar, self.told = tqdm_bar(quiet, total=1.0, bar_format=layout), ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, progress: Progress) -> None:
        if progress.trouble and not self.told:
            self.told = progress.trouble
            say_wrong(progress.trouble)
        if self.bar is not None:
            self.show(self.bar, progress)

    def show(self, bar: Any, progress: Progress) -> None:
        """Move tqdm's bar."""
        from .result import duration

        height, width = progress.size
        left = progress.seconds_left
        bar.set_description_str(f"{width}×{height}", refresh=False)
        words = f"loss {progress.step.loss:.4g}" + ("" if left is None else f", {duration(left)} left")
        bar.set_postfix_str(words, refresh=False)
        bar.update(progress.done - bar.n)


def complete(names: list[str]) -> None:
    """Let the TAB key complete names and files, where the terminal can."""
    try:
        import readline
    except ImportError:  # Windows
        return
    import glob

    def complete_one(text: str, number: int) -> str | None:
        found = [name for name in names if name.startswith(text) or name.partition("/")[2].startswith(text)]
        found += [path + "/" * os.path.isdir(path) for path in sorted(glob.glob(f"{glob.escape(text)}*"))]
        return found[number] if number < len(found) else None

    readline.set_completer_delims("\n")
    readline.set_completer(complete_one)
    readline.parse_and_bind("tab: complete")
