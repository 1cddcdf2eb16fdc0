"""A GPU where there is none: its tensors lie on the processor under a mark, and what CUDA refuses is refused.

So code is followed on its way over two devices. An operation on tensors of both, NumPy's hand in a GPU's memory, a
generator of the wrong device fail as they would there, and whatever waits for the GPU is written down. Kernels, numbers
and memory are the processor's: how fast and how exact a GPU is, only a GPU tells.

A mark is a storage's, so views have it too. Calls of torch pass through `Calls`, which keeps devices from torch itself;
the operations that they are made of pass through `Kernels`, which hands marks on.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import ClassVar
from unittest import mock

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

from nstlib import cuda

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
ACROSS = ("copy_", "_foreach_copy_")  # take tensors of two devices
INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_")  # a processor's may choose a GPU's
MADE_BELOW = ("index_fill",)  # of tensors that torch made itself, where no mark could be set
READ = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique_dim", "_unique2", "_linalg_check_errors")
GIVEN = ("is_available", "device_count", "current_device", "mem_get_info", "get_device_capability", "get_device_name")
FOR_GOOD = ExitStack()  # what is entered into it lasts as long as the process


class Gpu:
    """What is known of it.

    Attributes:
        capability: of its generation; that of Colab's T4 is (7, 5).
        marked: the storages that lie there, of all such GPUs, since the library keeps some between runs. A weak hold
            keeps their numbers from being given again.
        waits: what waited for it, in a word each.
        captures: for each evaluation that was captured, what waited in it.
    """

    marked: ClassVar[dict[int, StorageWeakRef]] = {}

    def __init__(self, capability: tuple[int, int]):
        self.capability = capability
        self.waits: list[str] = []
        self.captures: list[list[str]] = []

    def has(self, x: object) -> bool:
        with torch._C.DisableTorchFunction():
            return isinstance(x, Tensor) and x.layout == torch.strided and x.untyped_storage()._cdata in self.marked

    def mark(self, x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            storage = x.untyped_storage()
            self.marked[storage._cdata] = StorageWeakRef(storage)
        return x

    def mark_all(self, result: object) -> object:
        return tree_map_only(Tensor, self.mark, result)

    def moved(self, x: Tensor, device: torch.device) -> Tensor:
        if self.has(x) == (device.type == "cuda"):
            return x
        self.waits += ["move"]
        return Moved.apply(x, self, device)

    def capture(self, evaluate, image):
        """As `cuda.capture`: what does not wait the third time is replayed, into the same results."""
        given = image.clone()
        for _ in range(2):
            evaluate(given)
        before = len(self.waits)
        result = evaluate(given)
        self.captures.append(self.waits[before:])

        def replay(image):
            given.copy_(image)
            with torch.no_grad():
                for old, new in zip(tree_leaves(result), tree_leaves(evaluate(given)), strict=True):
                    old.copy_(new)
            return result

        return evaluate if self.captures[-1] else replay


class Moved(torch.autograd.Function):
    """A copy on another device, and the gradient's way back."""

    @staticmethod
    def forward(ctx, x, gpu, device):
        ctx.back = gpu, GPU if gpu.has(x) else CPU
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            copied = x.detach().clone()
        return gpu.mark(copied) if device.type == "cuda" else copied

    @staticmethod
    def backward(ctx, d):
        return ctx.back[0].moved(d, ctx.back[1]), None, None


class Kernels(TorchDispatchMode):
    """Refuses an operation on tensors of both devices, and marks what comes of a GPU's."""

    def __init__(self, gpu: Gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, gpu = func.name().split("::")[1].split(".")[0], self.gpu
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        there = [gpu.has(x) for x in given]
        if any(there) and name not in ACROSS:
            elsewhere = [x for x, on_gpu in zip(given, there, strict=True) if not on_gpu and x.ndim]
            if elsewhere and name not in MADE_BELOW and not (name in INDEXED and there[0]):
                raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found cuda:0 and cpu")
            gpu.waits += [name] if name in READ or elsewhere else []
        result = func(*args, **(kwargs or {}))
        return gpu.mark_all(result) if any(there) and name not in (*ACROSS, "_local_scalar_dense") else result


class Calls(TorchFunctionMode):
    """Keeps the device from torch: what is wanted on a GPU is made on the processor, and marked."""

    def __init__(self, gpu: Gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, gpu, name = dict(kwargs or {}), self.gpu, getattr(func, "__name__", "")
        x = args[0] if args else None
        if func == Tensor.device.__get__:
            return GPU if gpu.has(x) else func(x)
        if func == Tensor.is_cuda.__get__:
            return gpu.has(x)
        if name in ("numpy", "__array__") and gpu.has(x):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if name == "new_tensor" and gpu.has(x) and "device" not in kwargs:
            kwargs["device"] = GPU
        if name in ("cpu", "cuda"):
            return gpu.moved(x, torch.device(name))
        if name == "to":
            return self.to(func, *args, **kwargs)
        if name == "tolist" and gpu.has(x):
            gpu.waits.append(name)
            return func(gpu.moved(x, CPU))
        return self.made(func, name, args, kwargs)

    def to(self, func, x, *args, **kwargs):
        """`Tensor.to`, of whose arguments some name a device or a tensor on one."""
        others = [*args, *kwargs.values()]
        named = [GPU if self.gpu.has(one) else CPU for one in others if isinstance(one, Tensor)]
        named += [torch.device(one) for one in others if isinstance(one, str | torch.device)]
        dtypes = [getattr(one, "dtype", one) for one in others if isinstance(one, Tensor | torch.dtype)]
        kept = {"dtype": dtypes[0]} if dtypes else {}
        kept |= {name: kwargs[name] for name in ("copy", "memory_format") if name in kwargs}
        moved = self.gpu.moved(x, named[0]) if named else x
        return func(moved, **kept) if kept else moved

    def made(self, func, name, args, kwargs):
        """What torch makes, where `device` says."""
        wanted = kwargs.get("device")
        if wanted is None:
            return func(*args, **kwargs)
        on_gpu, generator = torch.device(wanted).type == "cuda", kwargs.get("generator")
        if on_gpu and generator is not None and generator.device.type == "cpu":
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        given = args[0] if args else None
        if name in ("tensor", "as_tensor", "asarray") and isinstance(given, Tensor):
            return self.gpu.moved(func(given, **{**kwargs, "device": None}), torch.device(wanted))
        self.gpu.waits += ["tensor"] if on_gpu and name in ("tensor", "as_tensor", "asarray", "new_tensor") else []
        result = func(*args, **{**kwargs, "device": CPU})
        return self.gpu.mark_all(result) if on_gpu else result


@contextmanager
def gpu(capability: tuple[int, int] = (9, 0), free: int = 15 * 10**9) -> Iterator[Gpu]:
    """For this thread there is a GPU, on which nothing takes a faster way.

    Args:
        capability: of its generation.
        free: bytes that are free on it.
    """
    made, load = Gpu(capability), torch.load
    answers = (lambda: True, lambda: 1, lambda: 0, lambda _: (free, 2 * free), lambda _: capability, lambda _: "none")

    def loaded(file, map_location=None, **options):
        there = map_location is not None and torch.device(map_location).type == "cuda"
        found = load(file, CPU, **options)
        return made.mark_all(found) if there else found

    with ExitStack() as stack:
        for name, answer in zip(GIVEN, answers, strict=True):
            stack.enter_context(mock.patch.object(torch.cuda, name, answer))
        stack.enter_context(mock.patch.object(torch.cuda, "device", lambda _: nullcontext()))
        stack.enter_context(mock.patch.object(torch.cuda, "memory_snapshot", list))
        stack.enter_context(mock.patch.object(torch.cuda, "synchronize", lambda *_: None))
        stack.enter_context(mock.patch.object(torch, "load", loaded))
        stack.enter_context(mock.patch.object(cuda, "is_on_cuda", lambda x: False))
        stack.enter_context(mock.patch.object(cuda, "capture", made.capture))
        stack.enter_context(mock.patch("nstlib.engine.set_aside", lambda *_: None))
        for name in filter(re.compile("graph_capture_health_check$").search, dir(torch.optim.Optimizer)):
            stack.enter_context(mock.patch.object(torch.optim.Optimizer, name, lambda _: None))
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))  # modes are a thread's
        stack.enter_context(Kernels(made))
        stack.enter_context(Calls(made))
        yield made


def everywhere() -> None:
    """From here to the end of this process there is a GPU, for this thread and those that begin later."""
    made, plain = FOR_GOOD.enter_context(gpu()), threading.Thread.run

    def run(thread: threading.Thread) -> None:
        with Kernels(made), Calls(made):
            plain(thread)

    threading.Thread.run = run
