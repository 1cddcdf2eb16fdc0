"""The name of a network → its numbers: embedded, a file, or torchvision's download; a trimmed export.

A network's weights are looked for in this order: a file that the caller names; the one inside the package (`pocket`);
the folder that the environment variable NSTLIB_WEIGHTS names; torchvision's cache; torchvision's server. A file is
`NAME.safetensors`, `NAME.pth`, or carries torchvision's own name (`vgg19-dcbb9e9d.pth`).
"""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from .architecture import BACKBONES, OF_THE_KIT
from .errors import InputError, one_line, one_of
from .files import check_replaceable, is_readable, same_file, try_to_write, write_whole

__all__ = [
    "check_export",
    "fetch_weights",
    "find_weights",
    "load_weights",
    "look_for_weights",
    "read_weights",
    "save_weights",
]

FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk is, or a person's share of it


def find_weights(name: str) -> Path | None:
    """The file with a network's weights on this machine, or None; nothing is downloaded.

    Args:
        name: of a network in `BACKBONES`.

    Raises:
        InputError: an unknown network, NSTLIB_WEIGHTS names no folder, or one that may not be read.
    """
    name = one_of("backbone", name, BACKBONES)
    weights = BACKBONES[name].weights
    names = (f"{name}.safetensors", f"{name}.pth", weights.file)
    candidates = (folder / file for folder in places(embedded=not weights.published) for file in names)
    return next(filter(is_readable, candidates), None)


def look_for_weights(name: str) -> tuple[Path | None, str]:
    """The file with a network's weights on this machine, or None; and in words where it is, or why it is not here.

    Args:
        name: of a network in `BACKBONES`.
    """
    try:
        found = find_weights(name)
    except InputError as error:  # the folder that NSTLIB_WEIGHTS names
        return None, f"not here: {error}"
    return found, str(found or f"not here: nst weights fetch {name}")


def places(*, embedded: bool) -> Iterator[Path]:
    """The folders where weights are looked for, in order.

    Args:
        embedded: whether the package itself has them; if it does, nothing else matters.

    Raises:
        InputError: NSTLIB_WEIGHTS names no folder.
    """
    if embedded:
        yield Path(__file__).parent
    if named := os.environ.get("NSTLIB_WEIGHTS"):
        folder = Path(os.path.expanduser(named))  # which, as isdir, fails on nothing that a variable can hold
        if not os.path.isdir(folder):
            raise InputError(
                f"NSTLIB_WEIGHTS is '{named}', which is no folder: set it to one with weights, or unset it"
            )
        yield folder
    yield torch_cache()


def torch_cache() -> Path:
    """The folder in which torchvision's loader keeps what it downloads; it need not be there."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a `.safetensors` file, or a `.pth` file as tensors alone (a pickle could run code; it is not allowed to).

    Args:
        path: of the file; "~" is the home folder.

    Returns:
        tensors by parameter name, on the CPU.

    Raises:
        InputError: no such file, one that may not be read, or not a file of weights.
    """
    path = Path(os.path.expanduser(path))
    if not is_readable(path):
        raise InputError(f"no weights at '{path}': give a .safetensors or .pth file")
    try:
        if looks_like_safetensors(path):
            return load_safetensors(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file that is no dictionary of tensors, which is refused below
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same to the caller
        words = one_line(error, limit=120)
        reason = words if " " in words else type(error).__name__  # the unpickler says of a text no more than a number
        if isinstance(error, UnpicklingError):  # torch's own words are of how to read it all the same
            reason = "it is no file of tensors alone"
        raise InputError(
            f"'{path}' holds no weights that can be read safely ({reason}): move it away, and fetch or export it again"
        ) from None
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):  # as a training's checkpoint has it
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"'{path}' is not a dictionary of tensors: save a network's state_dict() in it")
    return {str(name).removeprefix("module."): value for name, value in state.items()}  # which DataParallel puts there


def looks_like_safetensors(path: Path) -> bool:
    """Whether a file is named as one, or begins as one: eight bytes, and a header in JSON."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".safetensors" or file.read(9)[8:] == b"{"


def load_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by that library where it is there."""
    try:
        from safetensors.torch import load
    except ModuleNotFoundError:  # `pocket` is read without it
        return read_safetensors(path)
    return load(path.read_bytes())


MOST_HEADER = 1_000_000  # bytes of a safetensors file's header that are looked at

# The numbers that a safetensors file may hold, of those that networks are kept in.
NUMBERS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, for where that library is missing: a browser's Python, a bare checkout.

    The length of a header in eight bytes, the header in JSON, and the numbers as they are.
    """
    data = bytearray(path.read_bytes())  # not bytes, which torch may not share
    start = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:start])
    entries.pop("__metadata__", None)
    raw, tensors = torch.frombuffer(data, dtype=torch.uint8), {}
    for name, entry in entries.items():
        first, last = (start + offset for offset in entry["data_offsets"])
        numbers = raw[first:last].clone().view(NUMBERS[entry["dtype"]])  # a copy begins where its numbers may
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def load_weights(name: str, path: str | Path | None = None) -> dict[str, Tensor]:
    """The weights of a network by torchvision's parameter names.

    Args:
        name: of a network in `BACKBONES`.
        path: of their file; wherever they are found if None.

    Raises:
        InputError: an unknown network, an unreadable file, another network's export, or a download that fails (with
            the ways out).
    """
    name = one_of("backbone", name, BACKBONES)
    weights = BACKBONES[name].weights
    found = find_weights(name) if path is None else Path(os.path.expanduser(path))
    if found:
        check_network(found, name)
        return read_weights(found)
    if not weights.published:
        if name not in OF_THE_KIT:
            raise InputError(f"no weights of {name} are known: give their file, weights=, or weights='random'")
        raise InputError(f"the package's own {name}.safetensors is missing: install nstlib again")
    return fetch_weights(name)


def check_network(path: Path, name: str) -> None:
    """Refuse an export that says that it is another network's: its first layers may have the same shapes.

    Args:
        path: of a file that need not be there.
        name: of the network that takes the weights; one that somebody added may take another's.

    Raises:
        InputError: it is; says whose.
    """
    held = metadata_of(path).get("network", name)
    if name in OF_THE_KIT and held != name:
        raise InputError(f"'{path}' holds {one_line(held)}, not {name}: take that network, or a file of {name}")


def fetch_weights(name: str) -> dict[str, Tensor]:
    """Download the published weights by torchvision's own loader, which checks their hash and keeps them.

    A file that it kept before is read as it is.

    Args:
        name: of a network in `BACKBONES`.

    Raises:
        InputError: the network is embedded, the download failed or cannot be kept, or what was kept is damaged.
    """
    name = one_of("backbone", name, BACKBONES)
    weights = BACKBONES[name].weights
    if not weights.published:
        raise InputError(f"{name} is inside the package: there is nothing to fetch")
    if is_readable(kept := torch_cache() / weights.file):  # damaged, it would be told as a bad download, for ever
        return read_weights(kept)
    told = f"the weights of {name} ({weights.megabytes:.0f} MB)"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        try_to_write(kept)
    except OSError as error:
        raise not_kept(told, error) from None
    import torchvision  # here, because it takes seconds and only a download needs it

    try:
        return dict(torchvision.models.get_weight(weights.published).get_state_dict(progress=True, check_hash=True))
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise not_kept(told, error) from None
        raise InputError(
            f"{told} could not be downloaded ({one_line(error)}). Three ways out: "
            f"use the backbone 'pocket', which is here; or connect and run 'nst weights fetch {name}'; or run "
            f"'nst weights export {name}' where there is a connection and set NSTLIB_WEIGHTS to the folder of its file"
        ) from None
    except RuntimeError as error:  # a wrong hash
        raise InputError(
            f"the download of {name} arrived damaged ({error}): try 'nst weights fetch {name}' again"
        ) from None


def not_kept(told: str, error: OSError) -> InputError:
    """What is to be said where a download has no place, which no connection mends.

    Args:
        told: the weights, in words.
        error: that shows it.
    """
    ways = "make room there, or set TORCH_HOME to a folder that can be written"
    return InputError(f"{told} cannot be kept in '{torch_cache()}' ({error.strerror}): {ways}")


def save_weights(state: Mapping[str, Tensor], path: str | Path, *, half: bool = True, **facts: str) -> int:
    """Write weights as safetensors, whole or not at all; returns the bytes written.

    Args:
        state: tensors by parameter name.
        path: of the file, which ends with ".safetensors".
        half: in float16; else in their own precision.
        **facts: words that the file carries as its metadata.

    Raises:
        InputError: a suffix other than .safetensors, or a file that cannot be written.
    """
    path = export_path(path)
    try:
        from safetensors.torch import save
    except ModuleNotFoundError:
        raise InputError("writing weights needs safetensors, which is not installed: pip install safetensors") from None
    tensors = {k: (v.half() if half else v).cpu().contiguous() for k, v in state.items()}
    try:
        write_whole(path, save(tensors, metadata=facts))  # save_file makes a file that only its owner can read
    except OSError as error:
        raise InputError(
            f"'{path}' cannot be written ({error.strerror or error}): make room, or name another folder"
        ) from None
    return path.stat().st_size


def check_export(path: str | Path, name: str, *, force: bool = False) -> Path:
    """The path, if an export of a network's weights can be written there and costs no other file: call it first.

    Args:
        path: of the file.
        name: of the network.
        force: whether a file that is no such export may be written over.

    Raises:
        InputError: says why not, and what to do.
    """
    path = export_path(path)
    if (source := find_weights(name)) and same_file(path, source):
        raise InputError(f"'{path}' is where the weights of {name} are read from: name another file, with -o")
    check_replaceable(path, is_export, force=force)
    return path


def export_path(path: str | Path) -> Path:
    """The path of an export.

    Args:
        path: "~" is the home folder.

    Raises:
        InputError: a suffix other than .safetensors, or a folder that is not there.
    """
    path = Path(os.path.expanduser(path))
    if path.suffix != ".safetensors" or not path.parent.is_dir():
        raise InputError(f"cannot export to '{path}': give a .safetensors file in a folder that exists")
    return path


def is_export(path: Path) -> bool:
    """Whether a file is an export: its metadata say of which network, and until which layer.

    Args:
        path: of a file.
    """
    return {"network", "until"} <= metadata_of(path).keys()


def metadata_of(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself; nothing where there is no such file, or none that can be read.

    Args:
        path: of a file.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            return {}
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return dict(json.loads(file.read(min(length, MOST_HEADER)))["__metadata__"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
