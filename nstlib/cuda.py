"""What differs on CUDA → the same numbers by faster ways, each with the plain one behind it.

A GPU multiplies faster than it reads memory, and faster than a host can tell it what to do next. So there

- an evaluation is captured as a graph of kernels and replayed (`captured`): no kernel waits for the host;
- in half precision convolutions are tried in several ways and the fastest is kept (`autotuned`): a size is evaluated a
  hundred times. Not in float32: there cuDNN tries ways that take all memory for a moment, 35 GB at 512 pixels;
- a convolution, its bias and its ReLU are one kernel (`convolve_relu`): two passes through memory are spared;
- a Gram matrix of a map in half precision is one product on tensor cores, with its sums and result in float32
  (`outer_product`), where a processor converts the map part by part;
- what follows a pooling or a Gram matrix on the way back is done in the same kernel, and which pixel won is compared
  there, not looked up (`pool`, `unpool`, `add_product`; `kernels`, where there is Triton);
- pixels have eight channels, five of them empty (`by_eights`), which tensor cores take without a copy;
- L-BFGS's vectors are multiplied one by one (`products`), which all multiprocessors take part in;
- maps are not worked through in bands (`memory.ways`), which fit a processor's cache and leave a GPU half empty.

None of it is needed: what cannot be done somewhere, with an older torch or another library, is done in the plain way
(`FasterWay`). On a processor only the plain ways run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache
from threading import Lock, current_thread
from threading import _DummyThread as DummyThread  # as which Python knows one that it did not start
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from .machine import NO_ENGINE, is_out_of_memory

__all__ = [
    "FasterWay",
    "add_product",
    "autotuned",
    "by_eights",
    "captured",
    "convolve_relu",
    "outer_product",
    "pool",
    "products",
    "rectify_gradient",
    "set_aside",
    "unpool",
]

T = TypeVar("T")
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

    def takes(self, first: Tensor, *others: Any) -> bool:
        """Whether the faster way is for such arguments, where they are."""
        return is_on_cuda(first) and self.suits(first, *others)

    def __call__(self, first: Tensor, *others: Any) -> Tensor:
        if not self.takes(first, *others):
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
        try:
            self.fast(*given)  # where cuDNN tries its ways, each writes to the result
            torch.full_like(expected, torch.nan)  # freed at once: the next result of this shape lies on it
            found = self.fast(*given)
            largest, difference = some_of(expected).abs().max(), (some_of(found) - some_of(expected)).abs().max()
            if bool(difference <= self.tolerance * largest) and bool(found.sum(dtype=torch.float32).isfinite()):
                return True
            reason = f"it differs by {float(difference):.2g} of {float(largest):.2g}"
        except Exception as error:  # a compiler that is not there, say
            if is_out_of_memory(error) and NO_ENGINE not in str(error):  # which also means that cuDNN has no such way
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


def convolve_then_relu(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: tuple[int, int]) -> Tensor:
    """max(0, x * w + b) (1, N, h, w).

    Args:
        x: (1, C, H, W).
        weight: w (N, C, k, k).
        bias: b (N,).
        stride: of the convolution.
        padding: rows and columns of zeros on each side.
    """
    return F.conv2d(x, weight, bias, stride, padding).relu_()


def convolve_and_relu(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: tuple[int, int]) -> Tensor:
    """The same in one kernel of cuDNN."""
    return torch.cudnn_convolution_relu(x, weight, bias, (stride, stride), padding, (1, 1), 1)


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


def max_pool(x: Tensor, kernel: int, stride: int, ceil_mode: bool) -> Tensor:
    """The largest number of each window (1, N, h, w).

    Args:
        x: (1, N, H, W).
        kernel: rows and columns of a window.
        stride: from one to the next.
        ceil_mode: whether a window that reaches out of the map counts.
    """
    return F.max_pool2d(x, kernel, stride, ceil_mode=ceil_mode)


def pool_by_twos(x: Tensor, kernel: int, stride: int, ceil_mode: bool) -> Tensor:
    """The same of windows of two by two, in the least time that memory allows."""
    rows, columns = ((side + ceil_mode) // 2 for side in x.shape[-2:])
    return triton_kernels().pool(x, rows, columns)


def look_winners_up(gradient: Tensor, x: Tensor, kernel: int, stride: int, ceil_mode: bool, rectified: bool) -> Tensor:
    """The gradient of a pooling's input (1, N, H, W), where the first of the largest has a window's.

    Args:
        gradient: of its result (1, N, h, w).
        x: its input. Winners are found again, because torch's indices take four times the map.
        kernel: as in `max_pool`.
        stride: likewise.
        ceil_mode: likewise.
        rectified: whether a ReLU before it is gone back through too.
    """
    aten, windows = torch.ops.aten, ([kernel] * 2, [stride] * 2, [0, 0], [1, 1], ceil_mode)
    g = aten.max_pool2d_with_indices_backward(gradient, x, *windows, aten.max_pool2d_with_indices(x, *windows)[1])
    return rectify_gradient(g, x) if rectified else g


def compare_winners(gradient: Tensor, x: Tensor, kernel: int, stride: int, ceil_mode: bool, rectified: bool) -> Tensor:
    """The same for windows of two by two in one pass, without indices."""
    return triton_kernels().unpool(gradient, x, rectified)


def rectify_gradient(gradient: Tensor, output: Tensor) -> Tensor:
    """The gradient through a ReLU, in place: nothing where the output is 0."""
    return torch.ops.aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)


def multiply_add_rectify(gradient: Tensor, features: Tensor, slope: Tensor) -> Tensor:
    """(G + D F) ∘ [F > 0] (1, N, h, w): what comes back through a ReLU with what a product of its map adds.

    Args:
        gradient: G, of F's shape.
        features: F (1, N, h, w), what the ReLU returned.
        slope: D (N, N), symmetric.
    """
    product = (features.squeeze(0).flatten(1).T @ slope).T.view_as(features)
    return rectify_gradient(product.add_(gradient), features)


def add_product_at_once(gradient: Tensor, features: Tensor, slope: Tensor) -> Tensor:
    """The same in one kernel."""
    return triton_kernels().add_product(gradient, features, slope)


def come_by_eights(x: Tensor, weight: Tensor, *_: Any) -> bool:
    """Whether channels come in the numbers that cuDNN's fused kernels take, so not the three of pixels."""
    return x.dtype != torch.float64 and weight.shape[0] % 8 == weight.shape[1] % 8 == 0


def is_half(f: Tensor) -> bool:
    """Whether tensor cores take a map (N, M) as it is."""
    return f.dtype in (torch.bfloat16, torch.float16)


def is_dense(x: Tensor) -> bool:
    """Whether the kernels in Triton take a map: its channels last and in eights."""
    return has_triton() and x.shape[1] % 8 == 0 and x.is_contiguous(memory_format=torch.channels_last)


def is_by_twos(x: Tensor, kernel: int, stride: int, *_: Any) -> bool:
    """Whether windows lie side by side, two by two, on such a map."""
    return kernel == stride == 2 and x.dtype != torch.float64 and is_dense(x)


@cache
def has_triton() -> bool:
    """Whether kernels can be written in Python here: not on Windows, say, nor where Triton lacks what it needs."""
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


def triton_kernels() -> Any:
    """Those in Triton, which takes a second to import."""
    from . import kernels

    return kernels


convolve_relu = FasterWay(
    "a convolution with its ReLU", convolve_and_relu, convolve_then_relu, 2e-2, suits=come_by_eights
)
outer_product = FasterWay("a Gram matrix in half precision", sum_at_once, sum_in_parts, 1e-3, suits=is_half)
pool = FasterWay("a pooling", pool_by_twos, max_pool, 0, suits=is_by_twos)
unpool = FasterWay(
    "a pooling's gradient",
    compare_winners,
    look_winners_up,
    0,
    suits=lambda g, x, *how: is_dense(g) and is_by_twos(x, *how),
)
add_product = FasterWay(
    "a Gram matrix's gradient",
    add_product_at_once,
    multiply_add_rectify,
    2e-2,
    suits=lambda g, f, slope: is_half(f) and is_dense(g) and is_dense(f),
)


def by_eights(x: Tensor) -> Tensor:
    """Pixels, or kernels that take them, in half precision on CUDA: with five empty channels. All else as it is.

    Args:
        x: (·, N, ·, ·).
    """
    return F.pad(x, (0, 0, 0, 0, 0, 5)) if x.shape[1] == 3 and is_half(x) and is_on_cuda(x) else x


def products(few: Tensor, many: Tensor) -> Tensor:
    """Inner products of some long vectors with others (f, m), in one pass over the memory.

    On CUDA in one for each of the few: a product of such shapes is left to a handful of its multiprocessors there.

    Args:
        few: (f, n).
        many: (m, n).
    """
    return torch.stack([many @ x for x in few]) if is_on_cuda(few) else few @ many.T


def set_aside(count: int, device: torch.device) -> None:
    """Let the memory of an evaluation be one piece on CUDA, from which torch cuts its maps.

    Else it keeps a piece for each map, and those of the large, shallow maps lie beside those of the small, deep ones,
    though the ones are needed when the others no longer are.

    Args:
        count: of bytes that maps take at most.
        device: where.
    """
    if device.type == "cuda":
        with suppress(torch.OutOfMemoryError):  # in pieces it may fit still, as the maps of the last evaluation did
            torch.empty(count, dtype=torch.uint8, device=device)  # given back at once, and kept by torch


@dataclass
class Tuning:
    """How many evaluations let cuDNN try its ways: its switch is the process's, and they may be several threads'.

    Attributes:
        lock: for the two others.
        count: of the evaluations.
        before: what the switch was before the first of them.
    """

    lock: Lock = field(default_factory=Lock)
    count: int = 0
    before: bool = False


TUNING = Tuning()


@contextmanager
def autotuned() -> Iterator[None]:
    """Let cuDNN try its ways to convolve and keep the fastest, unless the caller wants the same digits every time."""
    cudnn = torch.backends.cudnn
    with TUNING.lock:
        if not TUNING.count:
            TUNING.before = cudnn.benchmark
            wanted = not (cudnn.deterministic or torch.are_deterministic_algorithms_enabled())
            cudnn.benchmark = TUNING.before or wanted
        TUNING.count += 1
    try:
        yield
    finally:
        with TUNING.lock:
            TUNING.count -= 1
            if not TUNING.count:
                cudnn.benchmark = TUNING.before


def captured(evaluate: Callable[[Tensor], T], *, tune: bool = True) -> Callable[[Tensor], T]:
    """On CUDA, an evaluation captured as a graph for each shape and replayed, which spares the launch of its kernels.

    What cannot be captured runs as it is; so does all that is not on CUDA.

    Args:
        evaluate: an image (1, 3, H, W) → tensors, which a replay writes to again.
        tune: whether it convolves in half precision, so that ways may be tried.
    """
    replays: dict[torch.Size, Callable[[Tensor], T]] = {}

    def call(image: Tensor) -> T:
        if not image.is_cuda:
            return evaluate(image)
        with torch.cuda.device(image.device), autotuned() if tune else nullcontext():
            if image.shape not in replays:
                with CAPTURE:
                    replays[image.shape] = capture(evaluate, image)
            return replays[image.shape](image)

    return call


CAPTURE = Lock()  # torch captures one graph at a time, and its debug mode is the process's


def capture(evaluate: Callable[[Tensor], T], image: Tensor) -> Callable[[Tensor], T]:
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
    graph, forget_work_space = torch.cuda.CUDAGraph(), torch._C._cuda_clearCublasWorkspaces
    forget_work_space()  # cuBLAS keeps 32 MB for each thread and stream; a graph has its own
    try:
        # Another thread may ask for memory meanwhile, as a forecast does: only this one is held to what a graph allows.
        with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
            result = evaluate(given)
    except RuntimeError:  # not foreseen; at least the run goes on
        torch.cuda.synchronize()
        return evaluate
    finally:
        forget_work_space()

    def replay(image: Tensor) -> T:
        given.copy_(image)
        graph.replay()
        return result

    return replay


WAITS = "called a synchronizing CUDA operation"  # as torch says it


def never_waits(call: Callable[[], object]) -> bool:
    """Whether a call leaves the device to its work: torch is told to warn of whatever waits for it.

    It could refuse that instead, but would refuse it to all threads, and others may wait as they like: all that
    Python started. Autograd goes back through a network in a thread of its own, which is none of these.
    """
    before, here, waits = torch.cuda.get_sync_debug_mode(), current_thread(), []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
        warnings.filterwarnings("always", WAITS)
        tell = warnings.showwarning

        def hear(message: Warning | str, *where: Any, **how: Any) -> None:
            if WAITS not in str(message):
                tell(message, *where, **how)
            elif (thread := current_thread()) is here or isinstance(thread, DummyThread):
                waits.append(message)

        warnings.showwarning = hear
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        except RuntimeError:
            return False
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return not waits
