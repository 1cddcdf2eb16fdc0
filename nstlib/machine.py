"""This computer → the device to compute on, the precision that it multiplies, and the memory that is really free."""

from __future__ import annotations

import ctypes
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch.overrides import TorchFunctionMode

from .about import degraded
from .errors import InputError, counted, one_of

try:
    import psutil
except ModuleNotFoundError:  # it is missed only where memory is short
    psutil = None

__all__ = [
    "PRECISIONS",
    "allocator",
    "choose_device",
    "choose_precision",
    "describe_device",
    "free_memory",
    "half_precision",
    "in_own_precision",
    "is_out_of_memory",
    "seeded",
]

P = ParamSpec("P")
R = TypeVar("R")

PRECISIONS = ("float32", "bfloat16", "float16")  # of maps
CGROUP = Path("/sys/fs/cgroup")
LIMITS = (  # where a container's limit and use stand, in the second and the first version of Linux's control groups
    ("", "memory.max", "memory.current"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device to compute on.

    Args:
        name: "auto" takes CUDA, then Apple's MPS, then the CPU; or one of them by name, "cuda:1" too.

    Raises:
        InputError: an unknown device, or one that this machine or this build of torch does not have.
    """
    name = str(name).strip()
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, is_there in there.items() if is_there))
    kind, _, number = name.partition(":")
    kind = one_of("device", kind, ["auto", *there])
    if not there[kind]:
        have = ", ".join(device for device, is_there in there.items() if is_there)
        raise InputError(f"device '{name}' is not available here: use {have}, or install a torch built for it")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if ":" in name and number not in map(str, range(count)):
        numbers = f"{kind}:0 to {kind}:{count - 1}" if count > 1 else f"{kind} alone"
        raise InputError(f"there is no device '{name}' here: give {numbers}")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> str:
    """What a precision means here.

    Args:
        name: "float32", "bfloat16" or "float16"; "auto" is the device's half precision, and "mixed" itself, only where
            there is one; elsewhere both are "float32".
        device: where it is asked for.

    Raises:
        InputError: another name.
    """
    name = one_of("precision", name, ("auto", "mixed", *PRECISIONS))
    if name in PRECISIONS:
        return name
    half = half_precision(device)
    return {"auto": half, "mixed": "mixed"}[name] if half else "float32"


def half_precision(device: torch.device) -> str | None:
    """The numbers of two bytes that a device multiplies faster than those of four; None if it has none.

    That is bfloat16 on processors and GPUs that know it. GPUs with tensor cores that do not (V100, T4, RTX 20) have
    float16; cards named GTX 16, of the same generation, have no tensor cores.
    """
    if device.type == "cuda":
        generation = torch.cuda.get_device_capability(device)[0]
        if generation == 7:
            return None if "GTX 16" in torch.cuda.get_device_name(device) else "float16"
        return "bfloat16" if generation > 7 else None
    probes = (getattr(torch.cpu, f"_is_{feature}_supported", None) for feature in ("avx512_bf16", "amx_tile"))
    native = device.type == "cpu" and any(probe is not None and probe() for probe in probes)
    return "bfloat16" if native else None


def describe_device(device: torch.device) -> str:
    """A device in words."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    cpu = f"cpu ({counted(threads, 'thread')})"
    return {"mps": "mps (Apple GPU)", "cpu": cpu}.get(device.type, str(device))


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device, within a container's limit; MPS shares the machine's memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + kept_by_torch(device)
    return min(free_on_machine(), free_in_container())


def kept_by_torch(device: torch.device) -> int:
    """Bytes that torch keeps on a GPU for what comes next.

    What it keeps for a graph serves that graph alone. A graph that is gone has no results any more, and its memory goes
    to whoever asks for more than there is. An allocator other than torch's own does not tell: nothing, then.
    """
    try:
        segments = torch.cuda.memory_snapshot()
    except RuntimeError:
        return 0
    here = torch.cuda.current_device() if device.index is None else device.index
    common, total, taken = (0, 0), Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for segment in segments:
        if segment["device"] == here:
            pool = segment.get("segment_pool_id", common)
            total[pool] += segment["total_size"]
            taken[pool] += segment["allocated_size"]
    return sum(total[pool] - taken[pool] for pool in total if pool == common or not taken[pool])


def free_on_machine() -> int:
    """Bytes that are free on the machine; half of all that it has where nobody can tell."""
    if psutil is not None:
        return psutil.virtual_memory().available
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # neither Windows nor macOS tells it so
        degraded("psutil", "nobody tells how much memory is free here, so 4 GB are reckoned with")
        return 4 * 10**9


def free_in_container(root: Path = CGROUP, groups: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that a container's limit leaves to this process; more than any machine has where there is no limit.

    Args:
        root: where the control groups are mounted.
        groups: the file that names this process's own; the limits of those around it hold too.
    """
    left = [2**63]
    for mount, limit, used in ((root / part, limit, used) for part, limit, used in LIMITS):
        for folder in (mount, *own_groups(mount, groups)):
            try:
                most, now = (int((folder / name).read_text()) for name in (limit, used))
            except (OSError, ValueError):  # no such file, or the word "max": no limit
                continue
            left.append(max(0, most - now + reclaimable(folder)))
    return min(left)


def own_groups(mount: Path, groups: Path) -> list[Path]:
    """The folders of this process's control group and of those around it, from the inside out."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds in ("", "memory"):
            inside = mount / path.strip("/")
            found += [inside, *(parent for parent in inside.parents if mount in parent.parents)]
    return found


def reclaimable(folder: Path) -> int:
    """Bytes that count as used but hold only files that can be read again."""
    try:
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0


def in_own_precision(compute: Callable[P, R]) -> Callable[P, R]:
    """A function in which a caller's `torch.autocast` does not count, so that it computes in the precision it says.

    Autocast would take Gram matrices and the moves of L-BFGS in half precision, where sums of squares end at 65,504 or
    have three digits. The way back is not the function's: where `backward` is called inside autocast, which torch warns
    of, torch takes the products of its own formulas as autocast says.
    """

    @wraps(compute)
    def plainly(*args: P.args, **options: P.kwargs) -> R:
        for kind in ("cpu", "cuda", "mps"):  # in a microsecond, where there is none
            if torch.is_autocast_enabled(kind):
                with torch.autocast(kind, enabled=False):  # what torch.compile knows, as it knows no ExitStack
                    return plainly(*args, **options)
        return compute(*args, **options)

    return plainly


@contextmanager
def allocator(*, keep: bool) -> Iterator[None]:
    """For the time of a run, let glibc keep what is freed for the next evaluation, or hand it back at once.

    By default it does some of both. What is handed back the system clears page by page when it is asked for again,
    some 5 % of an evaluation; what is kept lies in pieces that do not always fit, some 30 % more memory. Does nothing
    on other systems.
    """
    trim, mmap, megabyte = -1, -3, 2**20  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    try:
        libc = ctypes.CDLL(None)
        mallopt, malloc_trim = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError, TypeError):
        yield
        return
    mallopt(mmap, (32 if keep else 1) * megabyte)
    mallopt(trim, 2**31 - 1 if keep else megabyte)
    try:
        yield
    finally:  # where glibc's own adjustment ends up
        mallopt(mmap, 32 * megabyte)
        mallopt(trim, 64 * megabyte)
        malloc_trim(0)


DRAWS = (torch.rand, torch.randn, torch.randint, torch.randperm)  # beside all of torch.nn.init


class Drawn(TorchFunctionMode):
    """Lets what draws numbers in this thread take them from one generator, where none is named.

    Args:
        made: the generator, on the CPU.
    """

    def __init__(self, made: torch.Generator):
        super().__init__()
        self.made = made

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        if func in DRAWS or "generator" in named:
            named["generator"] = named.get("generator") or self.made
        return func(*args, **named)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Parameters, and what `torch.rand` and its like give, are drawn on the CPU and follow a seed, in this thread.

    Torch's own generators stay as they are: all threads share them, and `torch.manual_seed` would seed every device.

    Args:
        seed: of a generator that stands in for them.
    """
    with torch.device("cpu"), Drawn(torch.Generator().manual_seed(seed)):
        yield


NO_ENGINE = "unable to find an engine"  # what torch makes of it where no way of cuDNN's to convolve finds room
# As the machine's allocator, MPS, the driver, Triton, cuBLAS, cuFFT and cuDNN say it.
MEMORY_RAN_OUT = re.compile(rf"allocate memory|out of memory|ALLOC_FAILED|ALLOCATION_FAILED|{NO_ENGINE}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: a GPU's, or the machine's, which torch tells as a RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and bool(MEMORY_RAN_OUT.search(str(error)))
    )
