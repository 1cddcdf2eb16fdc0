"""A picture that nst made → its run once more: its pictures, where they lie now, and its options, where none is new."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from types import MappingProxyType
from typing import Any

from ..errors import InputError, counted, one_line
from ..terminal import PER_STYLE

NONE: Mapping[str, Any] = MappingProxyType({})
ROLES = {  # of the files that facts name
    "content": "content",
    "styles": "style",
    "start": "start",
    "weights": "file of weights",
    "masks": "mask",
    "style_masks": "style mask",
}


class Like:
    """A run that is repeated, or none.

    Args:
        path: of the picture that it made; None for none.
        usual: options that hold where there is none.

    Attributes:
        facts: what the picture says of its making; nothing for none.
        notes: what somebody should know who did not name the run's files anew, in words.

    Raises:
        InputError: there is no such picture, or it does not say how it was made.
    """

    def __init__(self, path: str | None, usual: Mapping[str, Any] = NONE):
        from ..result import read_facts

        self.path, self.usual = path, usual
        self.facts: Mapping[str, Any] = read_facts(path) if path else NONE
        self.notes: list[str] = []

    def pictures(self) -> tuple[str, ...]:
        """Content and styles.

        Raises:
            InputError: there is no content, or no style: it was not made by `nst stylize`; or one is found nowhere.
        """
        from ..result import painted_from

        if (names := painted_from(self.facts)) is None:
            raise InputError(
                f"'{self.path}' was not made from a content and a style picture: repeat a texture by nst texture --like"
            )
        return self.found("content", names[0]), *self.styles()

    def styles(self) -> tuple[str, ...]:
        """The styles alone.

        Raises:
            InputError: one is found nowhere.
        """
        return tuple(self.found("styles", name) for name in self.facts.get("styles") or ())

    def options(self, given: Mapping[str, Any], styles: int) -> dict[str, Any]:
        """Those that are given anew, and of the run's own whatever holds beside them.

        Args:
            given: as values.
            styles: how many there are.

        Raises:
            InputError: one of the run's own holds for another number of styles, or names a file that is found nowhere.
        """
        from ..inputs import reads
        from ..plan import options_of
        from ..regions import MASKS

        if not self.path:
            return {**self.usual, **given}
        own = {name: value for name, value in options_of(self.facts).items() if name not in given}
        kept = {name: value for name, value in own.items() if name not in PER_STYLE or self.fits(name, value, styles)}

        def found(name: str, value: Any) -> Any:
            return self.found(name, value) if reads(name, value) else value

        kept |= {name: [found(name, mask) for mask in kept[name]] for name in MASKS if name in kept}
        if "weights" in kept:
            kept["weights"] = found("weights", kept["weights"])
        if "recipe" in kept and "start" not in given:
            kept["recipe"] = replace(kept["recipe"], start=found("start", kept["recipe"].start))
        return {**kept, **given}

    def fits(self, name: str, values: list[Any], styles: int) -> bool:
        """Whether the run's values of an option, one for each style that it had, are for as many as there are now.

        Args:
            name: of the option.
            values: of the run.
            styles: how many there are.

        Raises:
            InputError: they are not, and say more than what holds without any.
        """
        if len(values) == styles:
            return True
        plain = values[:1] if name == "shares" else [1.0] if name == "style_scales" else [None]
        if any(value not in plain for value in values):
            own = f"the {name} {one_line(values)} of '{self.path}' are for {counted(len(values), 'style')}"
            raise InputError(f"{own}, not for {styles}: give {PER_STYLE[name]} anew, once for each style")
        return False

    def found(self, name: str, file: Any) -> Any:
        """Where a file of the run lies: here, beside its picture or one folder up, if need be by its last name alone.

        Args:
            name: of the option, or of the fact, that names it.
            file: as it was given then.

        Raises:
            InputError: nowhere.
        """
        from ..gallery import is_known, shown

        if self.path is None or not isinstance(file, str) or is_known(file):
            return file
        beside = Path(self.path).parent
        last = PureWindowsPath(file).name  # on whichever system it was given
        for end, near in ((end, folder / end) for end in (file, last) for folder in (beside, beside / "..")):
            if os.path.isfile(near):
                if end != file:
                    self.notes.append(f"'{shown(file)}' is not here, so '{shown(near)}' is taken for it")
                return str(near)
        gone = f"'{self.path}' was made with the {ROLES[name]} '{shown(file)}'"
        raise InputError(f"{gone}, which is neither here, nor beside it, nor one folder up: {self.instead(name)}")

    def instead(self, name: str) -> str:
        """What to do without a file that is found nowhere.

        Args:
            name: of the option, or of the fact, that names it.
        """
        if name not in ("content", "styles"):
            return f"give {PER_STYLE[name]} anew, once for each style" if name in PER_STYLE else f"give --{name} anew"
        styles = " ".join(["STYLE"] * len(self.facts["styles"]))
        command = f"texture {styles}" if self.facts.get("content") is None else f"stylize CONTENT {styles}"
        return f"give its pictures anew, nst {command} --like '{self.path}'"
