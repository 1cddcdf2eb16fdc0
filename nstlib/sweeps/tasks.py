"""Pictures, a recipe and settings → what whoever paints needs, here or elsewhere, and a fingerprint of all of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import encoded
from ..gallery import is_address, read_picture
from ..image import Picture, load_image
from ..inputs import is_file, is_name
from ..plan import Plan, digest, prepare
from ..recipe import STARTS, WORDS, Recipe
from ..settings import Settings

HOW = ("device", "memory")  # the settings that make no other picture


@dataclass(frozen=True)
class Source:
    """A picture of a pair.

    Attributes:
        given: as the caller gave it, the picture of an address; None for no content.
        label: its path, address or name as it was given, else what it is called; "" for no content.
        data: what travels to whoever paints: the bytes of a file, or the picture.
        fingerprint: of its pixels.
    """

    given: Any
    label: str
    data: Any
    fingerprint: str

    @classmethod
    def of(cls, given: Any) -> Source:
        """Read a picture.

        Args:
            given: what `load_image` takes, or None.

        Raises:
            InputError: it cannot be read.
        """
        if given is None:
            return cls(None, "", None, "")
        if not is_name(given):
            picture = load_image(given)
            return cls(given, picture.source, given, fingerprint(picture))
        label = os.fspath(given)
        if not is_address(label):
            return cls(given, label, read_picture(label)[0], fingerprint(load_image(given)))
        data, name = read_picture(label)  # once: each point asks for it, and it may change
        with told_at(name):
            picture = replace(load_image(data), source=name)
        return cls(picture, label, data, fingerprint(picture))


def fingerprint(picture: Picture) -> str:
    """Of its pixels, and of what was transparent."""
    return digest(*(t for t in (picture.pixels, picture.mask) if t is not None))


@dataclass(frozen=True)
class Task:
    """What a point needs to be painted, here or in another process.

    Attributes:
        number: of the point.
        words: the point in words.
        sources: its content and styles.
        recipe: what is computed.
        settings: how.
        frames: evaluations after which a picture is kept; see `Way`.
    """

    number: int
    words: str
    sources: tuple[Source, ...]
    recipe: Recipe
    settings: Settings
    frames: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of all that makes its picture what it is."""
        recipe = {name: value for name, value in self.recipe.to_dict().items() if name not in WORDS}
        settings = {name: value for name, value in vars(self.settings).items() if name not in HOW}
        masks = (*(self.settings.masks or ()), *(self.settings.style_masks or ()))
        named = [*({self.recipe.start} - set(STARTS)), *filter(is_file, masks)]
        pictures = [source.fingerprint for source in (*self.sources, *map(Source.of, named))]
        weights = [] if self.settings.weights in (None, "random") else [digest_of_file(self.settings.weights)]
        told = json.dumps([recipe, settings, pictures, *weights, *self.frames], sort_keys=True)
        return hashlib.sha256(encoded(told)).hexdigest()[:10]

    def check(self, **settings: Any) -> Plan:
        """The run, all that can be wrong with it found.

        Args:
            settings: in place of its own.

        Raises:
            InputError: whatever does not fit.
        """
        content, *styles = (source.given for source in self.sources)
        with told_at(self.words):
            return prepare(content, styles, recipe=self.recipe, **{**vars(self.settings), **settings})

    def within(self, memory: float | None) -> Task:
        """The same, of which no run takes more memory than this; what the caller gave stands.

        Args:
            memory: bytes; None for no limit.
        """
        if self.settings.memory is not None:
            return self
        return replace(self, settings=replace(self.settings, memory=memory))


def digest_of_file(path: str) -> str:
    """A fingerprint of what stands in a file, which another may take the place of; "" if there is none to read.

    Args:
        path: of the file.
    """
    path = os.path.expanduser(path)
    return digest_at(path, os.stat(path).st_mtime_ns) if os.path.isfile(path) else ""


@lru_cache(maxsize=8)  # each point of a sweep asks for it
def digest_at(path: str, moment: int) -> str:
    """The same, of a file that was written at a moment (ns)."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@contextmanager
def told_at(words: str) -> Iterator[None]:
    """Say of a mistake at which point it came.

    Args:
        words: the point.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"at {words}: {error}") from None
