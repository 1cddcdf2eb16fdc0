"""Pictures, their content and their style → what all judges say of them, as a table

judged = judge("photo.jpg", "painting.jpg", "out.png", "rival.png")
judged.pictures[0].opinions["vgg16"].style      # share of the style distance that is gone
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite, isnan
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from .architecture import BACKBONES
from .backbone import Backbone, load_backbone
from .errors import InputError, counted, one_line, one_of
from .files import encoded
from .image import Picture, load_image, resize, shape_of, stretched
from .inputs import surroundings_filled
from .machine import choose_device, in_own_precision
from .opinions import Opinion, colours_gone, detail, knows_effect, looked_at, opinion_of
from .result import read_facts
from .rules import brief
from .show import table_html
from .weights import look_for_weights

__all__ = ["Judged", "Judgement", "judge"]

WORDS = {
    "style": "share of the photograph's style distance that is gone, mean over the layers: 1 is the painting's own "
    "Gram matrices, 0 the photograph's",
    "content": "‖ΔF‖² / ‖F‖² at the network's content layer: 0 is the photograph; a good painting is not 0",
    "E": "of Yeh et al. 2020, -log KL of feature Gaussians, calibrated on VGG-19 and people's choices: more is nearer",
    "colour": "share of the Wasserstein-2 distance between the pictures' colours that is gone; no network judges here",
    "detail": "strength of the finest detail, in the painting's: far above 1 is speckle, far below is blur",
}
LEFT_OUT = {  # why there is no such number
    "style": "content and style are alike to a judge, so no distance can go",
    "colour": "content and style have the same colours, so no distance can go",
    "detail": "the painting has none, it is flat",
}
TOO_SMALL = 32  # pixels: below, the deepest maps have a handful of positions


@dataclass(frozen=True)
class Judged:
    """What was said of one picture.

    Attributes:
        name: of the picture.
        painted_by: the network that painted it, where its file says so.
        opinions: by network.
        colour: share of the distance between the colours' Gaussians that is gone; not a number where there is none.
        detail: strength of its finest detail over that of the style's; not a number where that has none.
    """

    name: str
    painted_by: str | None
    opinions: Mapping[str, Opinion]
    colour: float
    detail: float


@dataclass(frozen=True)
class Judgement:
    """What was said of several pictures of one content and one style.

    Attributes:
        pictures: in the order given.
        notes: what a reader should know.
    """

    pictures: tuple[Judged, ...]
    notes: tuple[str, ...]

    HEAD = ("picture", "judge", "style", "content", "E", "colour", "detail")

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A line for each picture and network, as texts under `HEAD`."""
        for picture in self.pictures:
            for number, (network, opinion) in enumerate(picture.opinions.items()):
                own = " (painted it)" if network == picture.painted_by else ""
                yield (
                    "" if number else picture.name,
                    network + own,
                    in_digits(opinion.style, 3),
                    in_digits(opinion.content, 3),
                    in_digits(opinion.effect, 2),
                    "" if number else in_digits(picture.colour, 3),
                    "" if number else in_digits(picture.detail, 2),
                )

    def layers(self) -> Iterator[tuple[str, str, str, str]]:
        """A line for each picture, network and style layer: picture, network, layer, share."""
        for picture in self.pictures:
            for network, opinion in picture.opinions.items():
                for layer, share in opinion.layers.items():
                    yield picture.name, network, layer, in_digits(share, 3)

    def words(self) -> Iterator[str]:
        """What the numbers can tell and what not, a line each."""
        yield from (f"{name}: {text}" for name, text in WORDS.items())

    def __repr__(self) -> str:
        table = [self.HEAD, *self.rows()]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.HEAD))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        words = "".join(f"<li>{escape(line)}</li>" for line in (*self.words(), *self.notes))
        return table_html(self.rows(), self.HEAD) + f"<ul>{words}</ul>"


def judge(
    content: Any,
    style: Any,
    *pictures: Any,
    networks: Sequence[str] | None = None,
    names: Iterable[Any] | None = None,
    size: int = 512,
    device: str = "cpu",
) -> Judgement:
    """What networks, colours and fine detail say of pictures that were made of a content and a style.

    Args:
        content: the photograph; what `load_image` takes.
        style: the painting; likewise. Its transparent parts are no style, as in a run.
        pictures: to be judged, one or more; likewise, or a `Result`.
        networks: names out of `BACKBONES`, whose weights are downloaded where they are missing; if None, all whose
            weights are on this machine.
        names: of the pictures, such as a sweep's values; their files' names if None.
        size: their long side while they are judged, where they are larger.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        InputError: no picture, one that is too small, an unknown network or one whose weights cannot be had, or no list
            of as many names as pictures.
    """
    if not pictures:
        raise InputError("there is no picture to judge: give the content, the style, and then the pictures")
    labels = labels_of(pictures) if names is None else checked_names(names, len(pictures))
    place = choose_device(device)
    loaded = [load_image(getattr(p, "image", p), size, smallest=TOO_SMALL) for p in pictures]
    photograph, painting = (
        load_image(content, smallest=TOO_SMALL),
        surroundings_filled(load_image(style, smallest=TOO_SMALL)),
    )
    panel, notes = panel_of(networks, place)
    notes += dict.fromkeys(note for p in loaded for note in resized(photograph, painting, p))
    seen = ((picture.source, note) for picture in (photograph, painting) for note in picture.notes)
    notes += [f"{source}: {note}, and judged so" for source, note in seen if "transparent" in note or "style" in note]
    judged = [
        Judged(name, painter(source), *judge_one(picture, photograph, painting, panel, place))
        for picture, name, source in zip(loaded, labels, pictures, strict=True)
    ]
    if any(p.painted_by in p.opinions for p in judged):
        notes.append("a network flatters what it painted: believe the others")
    if any(p.opinions[name].effect is None for p in judged for name, net in panel.items() if knows_effect(net)):
        notes.append(
            "E is left out where a map is flat, or has no more places than axes to compare it on: judge larger pictures"
        )
    dashes = {
        "style": any(isnan(opinion.style) for p in judged for opinion in p.opinions.values()),
        "colour": any(isnan(p.colour) for p in judged),
        "detail": any(isnan(p.detail) for p in judged),
    }
    notes += [f"{name} is left out: {LEFT_OUT[name]}" for name, is_left_out in dashes.items() if is_left_out]
    other, place_of_other = look_for_weights("squeezenet1_0")
    if list(panel) == ["pocket"] and other is None:
        notes.append(f"pocket is the only judge here; squeezenet1_0 (5 MB) would be another, {place_of_other}")
    return Judgement(tuple(judged), tuple(notes))


@in_own_precision
def judge_one(
    picture: Picture, photograph: Picture, painting: Picture, panel: Mapping[str, Backbone], place: torch.device
) -> tuple[dict[str, Opinion], float, float]:
    """What is said of one picture: opinions by network, and `Judged`'s colour and detail.

    Args:
        picture: at the size at which it is judged, to which the others are brought.
        photograph: the content.
        painting: the style.
        panel: networks by name.
        place: where they are.
    """
    shape = shape_of(picture.pixels)
    style = load_image(painting, max(shape), enlarge=True)
    content = resize(load_image(photograph, max(shape), enlarge=True).pixels, shape)
    images, mask = (picture.pixels, content, style.pixels), style.mask
    painted, own, wanted = (image.to(place) for image in images)
    there = None if mask is None else mask.to(place)
    opinions = {name: opinion_of(network, painted, own, wanted, there) for name, network in panel.items()}
    return opinions, colours_gone(*images, mask), detail(picture.pixels, style.pixels, mask)


def panel_of(names: Sequence[str] | None, device: torch.device) -> tuple[dict[str, Backbone], list[str]]:
    """The networks that will judge, by name, and notes on those that cannot.

    Args:
        names: as they were asked for; None for all whose weights are here and can be read.
        device: where they will look.

    Raises:
        InputError: one that was asked for is unknown, or cannot be had.
    """
    if names is not None:
        names = [names] if isinstance(names, str) else names
        if not (isinstance(names, Sequence) and names):
            raise InputError(f"networks={one_line(names)}: name one judge at least, or leave it out for all here")
        known = [one_of("backbone", name, BACKBONES) for name in names]  # all, before any is downloaded
        return {name: judge_named(name, device) for name in known}, []
    panel, notes = {}, []
    for name in BACKBONES:
        if look_for_weights(name)[0]:
            try:
                panel[name] = judge_named(name, device)
            except InputError as error:
                notes.append(f"{name} does not judge: {error}")
    return panel, notes


def judge_named(name: str, device: torch.device) -> Backbone:
    """A network, all of whose layers that a judge looks at are there.

    Args:
        name: of a network in `BACKBONES`.
        device: where it will look.

    Raises:
        InputError: its weights cannot be had, or end before one of the layers.
    """
    network = load_backbone(name, device=device)
    network.check_layers(looked_at(network))
    return network


def in_digits(number: float | None, places: int) -> str:
    """A number as the table has it; a dash where there is none.

    Args:
        number: that was found.
        places: behind the point.
    """
    return "–" if number is None or not isfinite(number) else f"{number:.{places}f}"


def checked_names(names: Any, count: int) -> list[str]:
    """The pictures' names as texts, whatever they were given as.

    Args:
        names: as somebody gave them.
        count: of the pictures.

    Raises:
        InputError: no list, or not one for each picture.
    """
    if isinstance(names, str | bytes) or not hasattr(names, "__iter__"):
        raise InputError(f"names={brief(names)}: give a list, a name for each picture")
    texts = list(map(spelt, names))
    if len(texts) != count:
        raise InputError(f"{counted(len(texts), 'name')} for {counted(count, 'picture')}: give one for each")
    return texts


def spelt(name: Any) -> str:
    r"""A name on one line, in letters that can be drawn.

    Args:
        name: a text, a value, or a path, which may be in another coding than UTF-8.

    >>> spelt("caf\udce9.png")
    'caf\\udce9.png'
    """
    return one_line(encoded(str(name)).decode())


def labels_of(pictures: Sequence[Any]) -> list[str]:
    """A name for each picture.

    Args:
        pictures: what `load_image` takes, or results; of files, the names are known.

    >>> labels_of(["mine/a.png", "yours/a.png", "mine/b.png", b"..."])
    ['mine/a.png', 'yours/a.png', 'b.png', 'picture 4']
    """
    paths = [Path(source) if isinstance(source, str | PathLike) else None for source in pictures]
    files = {path.parts for path in paths if path is not None}
    return [
        f"picture {number}" if path is None else spelt(shortest_end(path.parts, files))
        for number, path in enumerate(paths, 1)
    ]


def shortest_end(parts: tuple[str, ...], files: Collection[tuple[str, ...]]) -> Path:
    """A file's name, with as many of its folders as no other file has, too.

    Args:
        parts: of its path.
        files: the parts of all paths.
    """
    ends = (parts[-count:] for count in range(1, len(parts)))
    return Path(*next((end for end in ends if sum(file[-len(end) :] == end for file in files) == 1), parts))


def painter(source: Any) -> str | None:
    """The network that painted a picture, where that is on record.

    Args:
        source: a `Result`, or what `load_image` takes.
    """
    if hasattr(source, "facts"):
        return source.recipe.backbone
    try:
        return read_facts(source).get("recipe", {}).get("backbone")
    except (InputError, AttributeError, TypeError):
        return None


def resized(content: Picture, style: Picture, picture: Picture) -> Iterable[str]:
    """Notes, if a content or a style has to change so much to stand beside a picture that numbers count wrong.

    Args:
        content: the photograph.
        style: the painting.
        picture: what was made of them.
    """
    own, painted, shown = (f"{p.pixels.shape[3]} × {p.pixels.shape[2]}" for p in (content, style, picture))
    if stretched(shape_of(content.pixels), shape_of(picture.pixels)):
        yield f"the content ({own}) is stretched to a picture's shape ({shown}): its place counts wrong"
    if max(shape_of(style.pixels)) < 0.9 * max(shape_of(picture.pixels)):
        yield f"the style ({painted}) is enlarged to {shown}: it lacks detail, so style and detail count wrong"
