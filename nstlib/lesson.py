"""The name of a lesson → its facts, its notebooks on a learner's machine, and what its first cell finds there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .about import HOUSE, REPOSITORY, VERSION, shipped
from .errors import InputError, one_line, one_of
from .files import files_in, in_the_way, write_whole
from .interrupts import loading
from .terminal import say
from .threads import wait_briefly

if TYPE_CHECKING:  # `setup` has to say something before torch is loaded
    import torch
    from matplotlib.figure import Figure

__all__ = [
    "LESSONS",
    "Lesson",
    "Setup",
    "check_place",
    "claim",
    "open_lab",
    "open_studio",
    "routes",
    "setup",
    "stamped_digests",
    "stamped_in",
    "write_digests",
    "write_lessons",
]

STRICT = "NSTLIB_CLAIMS"  # where it is set a claim that does not hold is an error: lessons are tested with it

NOTEBOOKS = shipped("notebooks")
FOLDER = "lessons"  # where an installed package puts them
STUDIO = "studio.ipynb"
GUIDE = "TEACHING.md"  # for whoever teaches
OF_THE_STUDIO = {STUDIO, "studio", "own"}  # what it leaves in its folder
WRITTEN = ".nst-lessons.json"  # beside them: each file's digest as the kit wrote it; once stamped, that one's and this
# A page that is left ends its kernel; where it could not say so, half an hour that nobody sees and no work fills does.
UNSEEN = tuple(f"--MappingKernelManager.cull_{name}" for name in ("idle_timeout=1800", "interval=300"))
# A kernel that died is not begun anew: its page, which knows nothing of another, would take it for its own.
KERNELS = (*UNSEEN, "--KernelRestarter.restart_limit=0")

PACKAGES = {  # module: name on the package index
    "matplotlib": "matplotlib",
    "ipywidgets": "ipywidgets",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
LAB = " ".join(("jupyterlab", *PACKAGES.values()))


@dataclass(frozen=True)
class Lesson:
    """A row of `LESSONS`.

    Attributes:
        number: its name, "00" to "10", "07b" or "clinic".
        title: of its notebook.
        stem: the notebook's file, without `.ipynb`.
        minutes: of study.
        packages: modules that it needs beside those of the kit itself.
        network: whether it uses a backbone, which its first cell then names.
        of_vgg: whether it calls that one's layers by the names that they have in VGG.
        of_pocket: whether it can only be pocket, so that its first cell offers no choice.
    """

    number: str
    title: str
    stem: str
    minutes: int
    packages: tuple[str, ...] = ("matplotlib", "ipywidgets")
    network: bool = True
    of_vgg: bool = False
    of_pocket: bool = False


DIGITS = ("matplotlib", "ipywidgets", "sklearn")
PHOTOS = ("matplotlib", "ipywidgets", "skimage")
LESSONS: dict[str, Lesson] = {
    lesson.number: lesson
    for lesson in (
        Lesson("00", "First transfer", "00_first_picture", 44),
        Lesson("01", "A network from scratch", "01_network_from_scratch", 73, DIGITS, network=False),
        Lesson("01b", "Training", "01b_training", 38, DIGITS, network=False),
        Lesson("02", "Convolutional networks", "02_convolutional_networks", 77, DIGITS, network=False),
        Lesson("02b", "A network of your own", "02b_own_network", 39, DIGITS, network=False),
        Lesson("03", "Feature maps", "03_feature_maps", 90, PHOTOS, of_vgg=True),
        Lesson("04", "Gram matrices", "04_gram_matrices", 69, of_vgg=True),
        Lesson("04b", "Beyond the Gram matrix", "04b_beyond_gram", 52, of_vgg=True),
        Lesson("05", "Losses", "05_losses", 84, of_vgg=True),
        Lesson("06", "Adam and L-BFGS by hand", "06_adam_vs_lbfgs", 80),
        Lesson("06b", "Adam vs L-BFGS, the race", "06b_the_race", 75),
        Lesson("07", "Style transfer, whole", "07_style_transfer", 75, PHOTOS, of_vgg=True),
        Lesson("07b", "Recipes and knobs", "07b_recipes_and_knobs", 60, PHOTOS, of_vgg=True),
        Lesson("08", "Backbones", "08_backbones", 80),
        Lesson("09", "Control", "09_control", 65, of_vgg=True),
        Lesson("10", "In one pass", "10_one_pass", 65, PHOTOS, of_pocket=True),
        Lesson("clinic", "Broken-NST clinic", "clinic", 60, of_pocket=True),
    )
}
FAST = ("00", "03", "04", "05", "07")  # the short way, for who knows how networks learn


def routes() -> Figure:
    """The two ways through the course, all lessons and the short one, on a map.

    Raises:
        InputError: matplotlib is not installed.
    """
    from .plot import routes as draw

    return draw({number: (lesson.title, lesson.minutes) for number, lesson in LESSONS.items()}, FAST)


# --- its notebooks -------------------------------------------------------------------------------


def write_lessons(
    folder: str | os.PathLike[str], *, force: bool = False, only: str | None = None
) -> tuple[list[str], list[str]]:
    """Write the course, the complete lessons and in `student/` those with room for answers, and the teacher's guide.

    A file that is there and differs is renewed if the kit wrote each byte of it, an older version, say. Any other may
    be a learner's work, and is kept. What `nst stamp` made of this version's stays.

    Args:
        folder: where to; made if it is not there.
        force: write over what may be a learner's work, too.
        only: the name of the one file that is to be written; None for all.

    Returns:
        The names of the files that were written, and of those that were kept because they differ.

    Raises:
        InputError: `folder` is a file or may not be written to, a folder stands in a lesson's place, or this copy of
            the kit has no lessons.
    """
    target, written, kept = Path(os.path.expanduser(folder)), [], []
    if not os.fspath(folder):
        raise InputError("'' names no folder: give one for the lessons, such as 'lessons'")
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            target.lstat()  # a name that no folder can have fails here
    except (OSError, ValueError) as error:
        raise InputError(f"'{one_line(folder)}' is no folder's name ({error}): give another") from None
    lessons = [(name, target / name, content) for name, content in lessons_here() if only in (None, name)]
    for _, place, _ in lessons:
        check_place(place)
    before = digests_in(target)
    after = dict(before)
    for name, place, content in lessons:
        there, ours, (last, origin) = digest_of(place), digest(content), last_and_origin(before.get(name))
        if there == last and origin == ours and not force:
            continue
        if there != ours:
            if os.path.lexists(place) and not force and (there is None or there != last):
                kept.append(name)
                continue
            write_file(place, content)
            written.append(name)
        after[name] = ours
    write_digests(target, before, after)
    return written, kept


def last_and_origin(entry: object) -> tuple[object, object]:
    """The digest of a file as it was written last, and of the kit's own that it was made from.

    Args:
        entry: of the list, None where it has none.
    """
    return (entry[0], entry[1]) if isinstance(entry, list) and len(entry) == 2 else (entry, entry)


def stamped_in(folder: str | os.PathLike[str]) -> set[str]:
    """The names of the kit's files in a folder that have another stamp than the kit's."""
    return {name for name, entry in digests_in(Path(os.path.expanduser(folder))).items() if isinstance(entry, list)}


def stamped_digests(folder: Path, texts: Mapping[str, bytes]) -> tuple[dict[str, object], dict[str, object]]:
    """The list of a folder's files as it is, and as it will be once they are stamped: the untouched ones stay so.

    Args:
        folder: of the lessons.
        texts: what will be written, by the names of the files.
    """
    before = digests_in(folder)
    after = dict(before)
    for name, content in texts.items():
        last, origin = last_and_origin(before.get(name))
        if last is not None and digest_of(folder / name) == last:
            after[name] = origin if digest(content) == origin else [digest(content), origin]
    return before, after


def write_digests(folder: Path, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    """Write the list of the files that the kit wrote into a folder, if it changed.

    Args:
        folder: of the lessons.
        before: the list as it is.
        after: as it shall be.
    """
    if after != before:
        with suppress(OSError):  # what is in no list is kept next time
            write_whole(folder / WRITTEN, json.dumps(after, indent=0).encode())


def check_place(place: Path) -> None:
    """Refuse a place for one of the course's files where none can stand.

    Args:
        place: the file.

    Raises:
        InputError: a folder stands there, say, which no --force writes over.
    """
    if in_the_way(place):
        raise InputError(f"'{place}' is no file, and a lesson is to stand there: move it away, or give another folder")


def digests_in(folder: Path) -> dict[str, object]:
    """What stands in the list of the files that the kit wrote into a folder; nothing if there is none to read."""
    try:
        found = json.loads((folder / WRITTEN).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def digest_of(place: Path) -> str | None:
    """Of what stands in a file; None if it is not there, or may not be read."""
    try:
        return digest(place.read_bytes())
    except OSError:
        return None


def digest(content: bytes) -> str:
    """Of a file's content: two that differ have two."""
    return hashlib.sha256(content).hexdigest()


def write_file(place: Path, content: bytes) -> None:
    """Write one of the course's files, and make its folder.

    Args:
        place: the file.
        content: of it.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        write_whole(place, content)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot write the lessons to '{place.parent}' ({reason}): give another folder") from None


def lessons_here() -> Iterator[tuple[str, bytes]]:
    """Name, with its folder, and content of each of the course's files."""
    found = [p for p in sorted(NOTEBOOKS.glob("**/*.ipynb")) if p.is_file()]  # not what a studio painted there
    if not found:
        ways = "install the kit again" + (f", or take them from {REPOSITORY}" if REPOSITORY else "")
        raise InputError(f"this copy of nstlib came without its lessons: {ways}")
    if (guide := NOTEBOOKS / GUIDE).is_file():
        found.append(guide)
    for path in found:
        name = path.relative_to(NOTEBOOKS).as_posix()
        if "/." not in f"/{name}":  # what Jupyter leaves behind
            yield name, path.read_bytes()


def open_lab(folder: str | os.PathLike[str] | None = None, *arguments: str) -> None:
    """Start JupyterLab on the course, and end when it ends.

    Args:
        folder: what to open; if it is not there, or empty but for what the studio left, the lessons are written to
            it. Without one a checkout opens its own `notebooks/`, an installed package the folder `lessons` here.
        arguments: JupyterLab's own, such as "--no-browser".

    Raises:
        InputError: JupyterLab is not installed, `folder` is no folder and cannot become one, or it may not be read.
    """
    need("jupyterlab", "JupyterLab", LAB)
    place = learners(folder)
    if all(path.name in OF_THE_STUDIO or path.name.startswith(".") for path in files_in(place)):
        write_lessons(place)
    elif not any((place / f"{row.stem}.ipynb").is_file() for row in LESSONS.values()):
        say(f"there are no lessons in '{place}': nst lessons FOLDER writes them into a folder")
    from jupyterlab.labapp import main  # in this process: Ctrl-C then asks, as it does in JupyterLab itself

    main([str(place), *arguments])


def open_studio(folder: str | os.PathLike[str] | None = None, *arguments: str, voila: bool = False) -> None:
    """Open the studio's notebook in a browser, and end when its server ends.

    Args:
        folder: that holds the notebook, as for `open_lab`; what is painted is kept in its folder `studio`.
        arguments: JupyterLab's own, or Voila's.
        voila: whether to show the studio alone, without a notebook around it.

    Raises:
        InputError: what serves it is not installed, or `folder` is no folder and cannot become one.
    """
    need(*(("voila", "Voila", f"voila {LAB}") if voila else ("jupyterlab", "JupyterLab", LAB)))
    notebook = learners(folder) / STUDIO
    check_place(notebook)
    if not notebook.is_file():
        write_lessons(learners(folder), only=STUDIO)
    if voila:
        paths = (str(HOUSE / "studio" / "jupyter"), os.environ.get("JUPYTER_PATH"))
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))  # where the page's template is found
        from voila.app import main

        given = {one.partition("=")[0] for one in arguments}  # an option that is given twice is none
        kernels = (one for one in KERNELS if one.partition("=")[0] not in given)
        arguments = ("--template=nst-studio", *kernels, *arguments)
    else:
        from jupyterlab.labapp import main
    main([str(notebook), *arguments])


def need(module: str, name: str, packages: str) -> None:
    """Refuse to go on without a program that serves notebooks.

    Args:
        module: that it is imported as.
        name: as people call it.
        packages: that bring it and all that the lessons use, by their names on the package index.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise InputError(f"{name} is not installed: pip install {packages}")


def learners(folder: str | os.PathLike[str] | None) -> Path:
    """Where a learner's notebooks are, or will be.

    Args:
        folder: as for `open_lab`.
    """
    return Path(os.path.expanduser(folder or (FOLDER if NOTEBOOKS.parent == HOUSE else NOTEBOOKS)))


# --- its first cell ------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Setup:
    """What `setup` found; a notebook that ends a cell with it shows nothing.

    Attributes:
        device: that runs take when none is named.
        backbone: the name of the network.
        lesson: the lesson's facts.
    """

    device: torch.device
    backbone: str
    lesson: Lesson

    def __repr__(self) -> str:
        return ""

    def _ipython_display_(self) -> None:
        """What is to be said was printed."""


def setup(lesson: str, backbone: str = "pocket", *, seed: int | None = None) -> Setup:
    """Print versions, device, backbone, and what is missing with what to do.

    Args:
        lesson: its number, "00" to "10" or "clinic".
        backbone: the network whose weights it will need.
        seed: becomes torch's, if given.

    Raises:
        InputError: an unknown lesson or backbone, or one without the layers that the lesson names. Nothing merely
            missing raises.
        Stopped: an interrupt came while PyTorch was loaded, which was let finish.
    """
    wait_briefly()
    with loading():
        import torch

        from .architecture import BACKBONES
        from .machine import choose_device, choose_precision, describe_device

    row = LESSONS[one_of("lesson", lesson, LESSONS)]
    backbone = one_of("backbone", backbone, BACKBONES)
    if row.of_vgg and "relu4_1" not in BACKBONES[backbone].layers:
        fitting = [name for name, network in BACKBONES.items() if "relu4_1" in network.layers]
        ways = f"take {', '.join(fitting[:-1])} or {fitting[-1]}"
        raise InputError(f"lesson {row.number} names layers, such as relu4_1, that {backbone} has not: {ways}")
    device = choose_device()
    lines = [
        ("lesson", f"{row.number} {row.title}, about {row.minutes} minutes"),
        ("versions", f"nstlib {VERSION}, Python {platform.python_version()}, torch {torch.__version__}"),
        ("device", f"{describe_device(device)}, {choose_precision('auto', device)}"),
        *zip(("backbone", ""), describe_weights(backbone), strict=False),
    ]
    if row.network and device.type == "cpu" and "google.colab" in sys.modules:
        lines.insert(3, ("", "Colab lends a GPU: menu Runtime, Change runtime type, T4 GPU; then run this cell again"))
    if missing := [PACKAGES[name] for name in row.packages if importlib.util.find_spec(name) is None]:
        lines += [("missing", f"{', '.join(missing)}. Install with: pip install {' '.join(missing)}")]
    if (ipython := sys.modules.get("IPython")) and importlib.util.find_spec("matplotlib"):
        from .plot.figures import show_all_with_alt

        show_all_with_alt(ipython.get_ipython())
    if seed is not None:
        torch.manual_seed(seed)
        lines += [("seed", str(seed))]
    print("\n".join(f"{label:10}{text}" for label, text in lines))
    return Setup(device, backbone, row)


def describe_weights(name: str) -> list[str]:
    """Whether a network's weights are on this machine; else, in a second line, what to do."""
    from .architecture import BACKBONES
    from .weights import find_weights

    record = BACKBONES[name].weights
    try:
        found = find_weights(name)
    except InputError as error:  # the folder that NSTLIB_WEIGHTS names
        return [name, str(error)]
    if found:
        return [f"{name}, its weights are here"]
    if not record.published:
        return [f"{name}, but its file is missing from the package", "install nstlib again"]
    ways = f"nst weights fetch {name}, or at first use; without a connection take 'pocket'"
    return [f"{name}, its weights are not here", f"download ({record.megabytes:.0f} MB): {ways}"]


# --- what it claims ------------------------------------------------------------------------------


def claim(holds: bool, what: str) -> None:
    """Say so where what a lesson claims of its numbers does not hold; it was seen with the lesson's own pictures.

    A learner's picture, network or setting may well behave otherwise, which is a finding and not an error, so the
    cell goes on.

    Args:
        holds: whether it does.
        what: the claim, in words.

    Raises:
        AssertionError: it does not hold, and the environment variable `NSTLIB_CLAIMS` is set.
    """
    if holds:
        return
    if STRICT in os.environ:
        raise AssertionError(what)
    print(f"Not so here: {what}. The lesson saw it with its own pictures and settings: what is different in yours?")
