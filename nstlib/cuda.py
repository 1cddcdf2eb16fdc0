"""What differs on CUDA → the same numbers by faster ways, each with the plain one behind it.

A GPU multiplies faster than it reads memory, and faster than a host can tell it what to do next. So there

- an evaluation is captured as a graph of kernels and replayed (`captured`): no kernel waits for the host;
- convolutions are tried in several ways and the fastest is kept (`autotuned`): a size is evaluated a hundred times;
- a convolution, its bias and its ReLU are one kernel (`convolve_relu`): two passes through memory are spared;
- a Gram matrix of a map in half precision is one product on tensor cores, with its sums and result in float32
  (`outer_product`), where a processor converts the map part by part;
- maps are not worked through in bands (`memory.ways`), which fit a processor's cache and leave a GPU half empty.

None of it is needed: what cannot be done somewhere, with an older torch or another library, is done in the plain way
(`FasterWay`). On a processor only the plain ways run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .machine import is_out_of_memory

__all__ = ["FasterWay", "autotuned", "captured", "convolve_relu", "outer_product"]

PART = 2**18  # numbers of a map that are converted at a time


class FasterWay:
    """A way to compute a tensor that only CUDA has, and the plain one.

    The first time that arguments of a kind come, both are computed. The faster way is taken from then on if it could be
    gone and came to the same numbers, in memory where no number lay before too; else the plain one, and a warning says
    so once.

    Args:
        what: it computes, for the warning.
        fast: the faster way.
        plain: the plain one, with the same arguments, the first of which decides where it is computed.
        tolerance: how far the two may differ, relative to the largest number.
        suits: arguments → whether the faster way is for such.
    """

    def __init__(
        self,
        what: str,
        fast: Callable[..., Tensor],
        plain: Callable[..., Tensor],
        tolerance: float,
        suits: Callable[..., bool],
    ):
        self.what, self.fast, self.plain, self.tolerance, self.suits = what, fast, plain, tolerance, suits
        self.known: dict[Hashable, bool] = {}

    def __call__(self, first: Tensor, *others: Any) -> Tensor:
        if not (is_on_cuda(first) and self.suits(first, *others)):
            return self.plain(first, *others)
        kind = tuple(kind_of(x) for x in (first, *others))
        if kind not in self.known:
            if torch.cuda.is_current_stream_capturing():  # a comparison waits, which a capture does not survive
                return self.plain(first, *others)
            self.known[kind] = self.agrees(first, *others)
        return (self.fast if self.known[kind] else self.plain)(first, *others)

    def agrees(self, *given: Any) -> bool:
        """Whether the faster way can be gone and comes to the same."""
        expected = self.plain(*given)
        torch.full_like(expected, torch.nan)  # freed at once: the next result of this shape lies on it
        try:
            found = self.fast(*given)
            largest, difference = some_of(expected).abs().max(), (some_of(found) - some_of(expected)).abs().max()
            if bool(difference <= self.tolerance * largest) and bool(found.sum(dtype=torch.float32).isfinite()):
                return True
            reason = f"it differs by {float(difference):.2g} of {float(largest):.2g}"
        except (RuntimeError, TypeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            reason = (str(error) or repr(error)).splitlines()[0][:200]
        if False not in self.known.values():
            warnings.warn(f"{self.what} is computed in the plain, slower way here: {reason}", stacklevel=2)
        return False


def is_on_cuda(x: Tensor) -> bool:
    """Whether NVIDIA's libraries compute with a tensor."""
    return x.is_cuda and torch.version.cuda is not None


def some_of(x: Tensor) -> Tensor:
    """Rows from all over a tensor, a million numbers at most, in float32: a comparison must not take a map's memory."""
    return x[..., :: max(1, x.numel() // 2**20), :].float()


def kind_of(x: Any) -> Hashable:
    """What decides whether a library can compute with an argument: of a tensor, all but its numbers."""
    return (x.shape, x.stride(), x.dtype, x.device) if isinstance(x, Tensor) else x


def convolve_then_relu(x: Tensor, weight: Tensor, bias: Tensor, step: int, padding: tuple[int, int]) -> Tensor:
    """max(0, x * w + b) (1, N, h, w).

    Args:
        x: (1, C, H, W).
        weight: w (N, C, k, k).
        bias: b (N,).
        step: of the convolution.
        padding: rows and columns of zeros on each side.
    """
    return F.conv2d(x, weight, bias, step, padding).relu_()


def convolve_and_relu(x: Tensor, weight: Tensor, bias: Tensor, step: int, padding: tuple[int, int]) -> Tensor:
    """The same in one kernel of cuDNN."""
    return torch.cudnn_convolution_relu(x, weight, bias, (step, step), padding, (1, 1), 1)


def sum_in_parts(f: Tensor) -> Tensor:
    """F Fᵀ (N, N) in float32, a part of the positions at a time.

    Args:
        f: F (N, M), in half precision.
    """
    r = f.new_zeros(len(f), len(f), dtype=torch.float32)
    for part in f.split(max(1, PART // len(f)), dim=1):
        part = part.float()
        r.addmm_(part, part.T)
    return r


def sum_at_once(f: Tensor) -> Tensor:
    """The same in one product; torch has it from 2.8 on."""
    return torch.mm(f, f.T, out_dtype=torch.float32)


def come_by_eights(x: Tensor, weight: Tensor, *_: Any) -> bool:
    """Whether channels come in the numbers that cuDNN's fused kernels take, so not the three of pixels."""
    return x.dtype != torch.float64 and weight.shape[0] % 8 == weight.shape[1] % 8 == 0


def is_half(f: Tensor) -> bool:
    """Whether tensor cores take a map (N, M) as it is."""
    return f.dtype in (torch.bfloat16, torch.float16)


convolve_relu = FasterWay(
    "a convolution with its ReLU", convolve_and_relu, convolve_then_relu, 2e-2, suits=come_by_eights
)
outer_product = FasterWay("a Gram matrix in half precision", sum_at_once, sum_in_parts, 1e-3, suits=is_half)


@contextmanager
def autotuned() -> Iterator[None]:
    """Let cuDNN try its ways to convolve and keep the fastest, unless the caller wants the same digits every time."""
    cudnn, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    cudnn.benchmark = before or not (cudnn.deterministic or torch.are_deterministic_algorithms_enabled())
    try:
        yield
    finally:
        cudnn.benchmark = before


def captured(evaluate: Callable[[Tensor], object]) -> Callable[[Tensor], object]:
    """On CUDA, an evaluation captured as a graph for each shape and replayed, which spares the launch of its kernels.

    What cannot be captured runs as it is; so does all that is not on CUDA.

    Args:
        evaluate: an image (1, 3, H, W) → tensors, which a replay writes to again.
    """
    replays: dict[torch.Size, Callable[[Tensor], object]] = {}

    def call(image: Tensor) -> object:
        if not image.is_cuda:
            return evaluate(image)
        with autotuned():
            if image.shape not in replays:
                replays[image.shape] = capture(evaluate, image)
            return replays[image.shape](image)

    return call


def capture(evaluate: Callable[[Tensor], object], image: Tensor) -> Callable[[Tensor], object]:
    """One shape's graph (PyTorch, "CUDA Graphs": warm up on another stream, then capture), or `evaluate` as it is.

    An evaluation that waits for the device half-way, as eigenvalues do for their check, cannot be captured, and one
    that fails in the midst of a capture leaves torch's allocator and random numbers believing that it still goes on.
    So it is found out before.
    """
    given, aside = image.clone(), torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(2):
            evaluate(given)
        possible = never_waits(lambda: evaluate(given))
    torch.cuda.current_stream().wait_stream(aside)
    if not possible:
        return evaluate
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            result = evaluate(given)
    except RuntimeError:  # not foreseen; at least the run goes on
        torch.cuda.synchronize()
        return evaluate

    def replay(image: Tensor) -> object:
        given.copy_(image)
        graph.replay()
        return result

    return replay


def never_waits(call: Callable[[], object]) -> bool:
    """Whether a call leaves the device to its work: torch is told to refuse whatever waits for it."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        call()
    except RuntimeError:
        return False
    finally:
        torch.cuda.set_sync_debug_mode(before)
    return True
