"""Seconds in alternation, ratios with their spread, peak memory, and the work that a picture takes."""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import torch
from torch.nn import functional as F

from nstlib.architecture import Architecture

from .peers import synchronize


@dataclass(frozen=True)
class Row:
    """One number of the answer, with the samples that it rests on.

    experiment: where it comes from. size: side of the picture in pixels, 0 if it has none. who: a contestant, or
    "one / other" for a ratio. what: of the quantity. unit: "s", "MB" (1e6 bytes), "GFLOP", "GFLOP/s", "×", "1" for a
    share, "" for a count. note: what else there is to know.
    """

    experiment: str
    size: int
    who: str
    what: str
    unit: str
    samples: tuple[float, ...]
    note: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.samples)

    @property
    def low(self) -> float:
        return min(self.samples)

    @property
    def high(self) -> float:
        return max(self.samples)

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Row:
        kept = {k: v for k, v in data.items() if k not in ("value", "low", "high")}
        return cls(**{**kept, "samples": tuple(kept["samples"])})


@dataclass
class Sheet:
    """Rows of one experiment, written one after the other."""

    experiment: str
    rows: list[Row] = field(default_factory=list)

    def add(self, size: int, who: str, what: str, unit: str, samples: float | Iterable[float], note: str = "") -> None:
        several = (samples,) if isinstance(samples, int | float) else samples
        self.rows.append(Row(self.experiment, size, who, what, unit, tuple(map(float, several)), note))

    def add_ratios(self, size: int, samples: Mapping[str, list[float]], under: str, what: str = "ratio") -> None:
        """Everybody else over `under`."""
        for over in samples:
            if over != under:
                self.add(size, f"{over} / {under}", what, "×", ratios(samples[over], samples[under]))


def ratios(over: Iterable[float], under: Iterable[float]) -> list[float]:
    """Round by round, so that a machine that slows down for a while slows both.

    >>> ratios([2.0, 8.0], [1.0, 2.0])
    [2.0, 4.0]
    """
    return [a / b for a, b in zip(over, under, strict=True)]


def alternate(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, a, b, c, a, b, c, …, after a warm-up; after four on a GPU, where some compile first."""
    samples: dict[str, list[float]] = {who: [] for who in calls}
    warm_ups = 4 if device.startswith("cuda") else 1
    for number in range(-warm_ups, rounds):
        for who, call in calls.items():
            synchronize(device)
            began = clock()
            call()
            synchronize(device)
            if number >= 0:
                samples[who].append(clock() - began)
    return samples


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """For the time of a measurement, as many other programs that compute without a rest."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


# --- memory --------------------------------------------------------------------------------------


class PeakMemory:
    """`with PeakMemory(device) as peak: ...`; `peak.bytes` is how far memory rose above its level at the start.

    CPU: of this process's resident memory. On Linux the kernel's high-water mark is reset first; elsewhere it cannot
    be, so use a fresh process. CUDA: what torch reserved, since a graph that is replayed allocates nothing: its memory
    was set aside when it was captured. `base`: a level from before that, over which it is measured instead.
    """

    def __init__(self, device: str = "cpu", base: int | None = None):
        self.cuda, self.device = device.startswith("cuda"), device
        self.given, self.bytes = base, 0

    def __enter__(self) -> PeakMemory:
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self.base = torch.cuda.memory_reserved() if self.given is None else self.given
            return self
        give_back_freed_memory()
        reset_high_water_mark()
        self.base = psutil.Process().memory_info().rss
        return self

    def __exit__(self, *_: object) -> None:
        synchronize(self.device)
        self.bytes = (torch.cuda.max_memory_reserved() if self.cuda else high_water_mark()) - self.base


def give_back_freed_memory() -> None:
    """Hand freed memory back to the system, where the C library can (glibc)."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def reset_high_water_mark() -> None:
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def high_water_mark() -> int:
    """Peak resident memory of this process in bytes."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


# --- work ----------------------------------------------------------------------------------------


def work(architecture: Architecture, size: int, styles: Iterable[str], contents: Iterable[str]) -> dict[str, float]:
    """Floating-point operations of one evaluation on a square of `size` pixels, a multiply-add counted as two.

    "forward": convolutions down to the deepest layer. "backward": the same again, for the gradient of their inputs.
    "gram": F Fᵀ of each style layer, and the product of the same size on the way back. The rest is below 1 %.
    For networks that are straight lines of convolutions, ReLUs and poolings.
    """
    styles, wanted = list(styles), {*styles, *contents}
    forward = gram = 0.0
    channels, side = 3, size
    for spec in architecture.specs:
        if spec.kind not in ("conv", "relu", "pool"):
            raise ValueError(f"the work of a layer of kind {spec.kind} is not known here")
        side = spec.outputs(side)
        if spec.kind == "conv":
            forward += 2 * channels * spec.channels * spec.kernel**2 * side**2
        channels = spec.channels
        if spec.name in styles:
            gram += 2 * 2 * channels**2 * side**2
        wanted.discard(spec.name)
        if not wanted:
            break
    return {"forward": forward, "backward": forward, "gram": gram}


def product(dtype: torch.dtype, device: str, side: int = 4096) -> tuple[Callable[[], object], float]:
    """A large matrix product, and its floating-point operations."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return lambda: a @ b, 2 * side**3


def convolution(dtype: torch.dtype, device: str, side: int = 128, channels: int = 256) -> tuple[Callable, float]:
    """A large 3×3 convolution, channels last, and its floating-point operations."""
    image = torch.randn(1, channels, side, side, device=device).to(dtype, memory_format=torch.channels_last)
    kernel = torch.randn(channels, channels, 3, 3, device=device).to(dtype, memory_format=torch.channels_last)
    return lambda: F.conv2d(image, kernel, padding=1), 2 * 9 * channels**2 * side**2


# --- the machine ---------------------------------------------------------------------------------

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe_machine(device: str, precision: str) -> dict[str, object]:
    """What the numbers rest on."""
    gpu = {"gpu": torch.cuda.get_device_name()} if device.startswith("cuda") else {}
    return {
        "processor": processor_name(),
        "features": processor_features(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        **gpu,
        "device": device,
        "precision": precision,
        "torch": torch.__version__,
        "system": sys.platform,
    }


def cpuinfo(key: str) -> str:
    """The first value of a key in /proc/cpuinfo; "" where there is none."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.split(":")[0].strip() == key), "")


def processor_name() -> str:
    import platform

    return cpuinfo("model name") or platform.processor() or platform.machine()


def processor_features() -> list[str]:
    """Those of `FEATURES` that the processor has."""
    flags = cpuinfo("flags").split()
    if flags:
        return [feature for feature in FEATURES if feature in flags]
    capability = torch.backends.cpu.get_cpu_capability()  # "DEFAULT", "AVX2", "AVX512"
    return {"AVX2": ["avx2"], "AVX512": ["avx2", "avx512f"]}.get(capability, [])
