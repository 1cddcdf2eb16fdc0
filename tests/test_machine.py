"""This computer: which precision it multiplies, what memory is free within a container's limit, how malloc is told."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
import torch

from nstlib import machine
from nstlib.about import degraded
from nstlib.errors import InputError
from nstlib.machine import (
    PRECISIONS,
    allocator,
    choose_device,
    choose_precision,
    free_in_container,
    free_memory,
    half_precision,
    is_out_of_memory,
    seeded,
)


@pytest.fixture
def processor(monkeypatch):
    """Give the processor, or take from it, each of the features that torch asks for; None takes the question away."""

    def pretend(bf16, amx):
        for probe, answer in (("_is_avx512_bf16_supported", bf16), ("_is_amx_tile_supported", amx)):
            monkeypatch.delattr(torch.cpu, probe, raising=False)
            if answer is not None:
                monkeypatch.setattr(torch.cpu, probe, lambda answer=answer: answer, raising=False)

    return pretend


@pytest.mark.parametrize(
    ("bf16", "amx", "expected"),
    [
        (True, True, "bfloat16"),
        (True, False, "bfloat16"),
        (False, True, "bfloat16"),
        (None, True, "bfloat16"),
        (False, False, "float32"),
        (False, None, "float32"),
        (None, None, "float32"),
    ],
)
def test_half_precision_only_where_the_processor_has_it(processor, bf16, amx, expected):
    processor(bf16, amx)
    assert choose_precision("auto", torch.device("cpu")) == expected
    assert choose_precision("mixed", torch.device("cpu")) == ("mixed" if expected == "bfloat16" else "float32")
    assert choose_precision("float32", torch.device("cpu")) == "float32"
    assert choose_precision("bfloat16", torch.device("cpu")) == "bfloat16"
    assert choose_precision("auto", torch.device("mps")) == "float32"


@pytest.mark.parametrize(
    ("card", "capability", "expected"),
    [
        ("NVIDIA GeForce GTX 1080", (6, 1), "float32"),
        ("Tesla V100-SXM2-16GB", (7, 0), "float16"),
        ("Tesla T4", (7, 5), "float16"),
        ("NVIDIA GeForce RTX 2070 SUPER", (7, 5), "float16"),
        ("NVIDIA GeForce GTX 1660 Ti", (7, 5), "float32"),  # of the T4's generation, without its tensor cores
        ("NVIDIA A100-SXM4-40GB", (8, 0), "bfloat16"),
        ("NVIDIA H100 80GB HBM3", (9, 0), "bfloat16"),
        ("NVIDIA GeForce RTX 5090", (12, 0), "bfloat16"),
    ],
)
def test_half_precision_only_where_the_gpu_has_it(monkeypatch, processor, card, capability, expected):
    processor(expected != "bfloat16", False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: card)
    cuda = torch.device("cuda")
    assert choose_precision("auto", cuda) == expected
    assert choose_precision("mixed", cuda) == ("float32" if expected == "float32" else "mixed")
    assert half_precision(cuda) == (None if expected == "float32" else expected)
    assert [choose_precision(name, cuda) for name in PRECISIONS] == list(PRECISIONS)


def test_unknown_precisions_are_refused():
    with pytest.raises(InputError, match="unknown precision 'bfloat61': did you mean 'bfloat16'"):
        choose_precision("bfloat61", torch.device("cpu"))


# Memory


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(str(text))


def test_a_containers_limit_counts(tmp_path):
    """The second version of control groups: the limit of the group and of those around it, less what is in use."""
    groups = tmp_path / "own"
    groups.write_text("0::/jupyter/user-7\n")
    group(tmp_path / "fs", memory__max="max", memory__current=5_000)
    group(tmp_path / "fs/jupyter", memory__max=9_000, memory__current=5_000)
    group(tmp_path / "fs/jupyter/user-7", memory__max=8_000, memory__current=4_500, memory__stat="inactive_file 100\n")
    assert free_in_container(tmp_path / "fs", groups) == 3_600
    group(tmp_path / "fs/jupyter", memory__max=6_000, memory__current=5_000)
    assert free_in_container(tmp_path / "fs", groups) == 1_000


def test_a_containers_limit_counts_in_the_first_version_too(tmp_path):
    groups = tmp_path / "own"
    groups.write_text("5:cpu:/a\n4:memory:/docker/1\n")
    names = {"memory__limit_in_bytes": 8_000, "memory__usage_in_bytes": 6_000}
    group(tmp_path / "fs/memory/docker/1", **names, memory__stat="total_inactive_file 500\n")
    assert free_in_container(tmp_path / "fs", groups) == 2_500
    group(tmp_path / "fs/memory", memory__limit_in_bytes=3_000, memory__usage_in_bytes=2_000)
    assert free_in_container(tmp_path / "fs", groups) == 1_000


def test_no_container_no_limit(tmp_path):
    assert free_in_container(tmp_path / "fs", tmp_path / "own") > 2**60


def test_the_smaller_of_both_limits_is_what_is_free(monkeypatch):
    monkeypatch.setattr(machine, "free_on_machine", lambda: 10**10)
    monkeypatch.setattr(machine, "free_in_container", lambda: 10**8)
    assert free_memory(torch.device("cpu")) == 10**8


def test_memory_is_told_without_psutil(monkeypatch):
    with_it = machine.free_on_machine()
    monkeypatch.setattr(machine, "psutil", None)
    assert with_it / 100 < machine.free_on_machine() < 100 * with_it


def test_a_system_that_tells_no_memory_is_warned_of_once(monkeypatch):
    monkeypatch.setattr(machine, "psutil", None)
    monkeypatch.delattr("os.sysconf", raising=False)
    degraded.cache_clear()
    with pytest.warns(UserWarning, match=r"4 GB are reckoned with: .* pip install psutil") as told:
        assert machine.free_on_machine() == machine.free_on_machine() == 4 * 10**9
    assert len(told) == 1


# Devices


def test_device_choice_says_what_is_there():
    assert choose_device("cpu").type == "cpu" and choose_device(torch.device("cpu")).type == "cpu"
    assert choose_device().type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match=r"not available here: use .*cpu"):
            choose_device("cuda")


@pytest.mark.parametrize("name", ["cpu:x", "cpu:1", "cpu:"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(InputError, match=f"no device '{name}' here: give cpu alone"):
        choose_device(name)


# The allocator


class FakeLibc:
    """malloc's two knobs, remembering how they were turned; a list of numbers for each."""

    def __init__(self):
        self.turned, self.trimmed = {}, []

    def mallopt(self, knob, value):
        self.turned.setdefault(knob, []).append(value)
        return 1

    def malloc_trim(self, pad):
        self.trimmed.append(pad)
        return 1


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("ends", ["well", "with an exception", "early"])
def test_the_allocator_is_told_for_the_time_of_a_run(monkeypatch, ends, keep):
    libc = FakeLibc()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: libc)

    def run():
        with allocator(keep=keep):
            yield 1
            if ends == "with an exception":
                raise KeyboardInterrupt

    steps = run()
    next(steps)
    during = {knob: values[-1] for knob, values in libc.turned.items()}
    assert (during[M_TRIM_THRESHOLD] > 2**30, during[M_MMAP_THRESHOLD] > 2**24) == (keep, keep)
    assert libc.trimmed == []
    if ends == "early":
        steps.close()
    else:
        with pytest.raises(KeyboardInterrupt if ends == "with an exception" else StopIteration):
            next(steps)
    assert 2**24 < libc.turned[M_TRIM_THRESHOLD][-1] < 2**28 and libc.turned[M_MMAP_THRESHOLD][-1] >= 2**25
    assert libc.trimmed == [0]


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_other_systems_have_no_such_knobs(monkeypatch, error):
    def missing(name):
        raise error("no such library")

    monkeypatch.setattr(ctypes, "CDLL", (lambda name: object()) if error is AttributeError else missing)
    with allocator(keep=True):
        done = True
    with pytest.raises(ZeroDivisionError), allocator(keep=False):
        done /= 0


@pytest.mark.parametrize(
    "words",
    [
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 800 bytes",
        "MPS backend out of memory (MPS allocated: 8.93 GB)",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",  # up to version 8; the next two are of 9
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "FIND was unable to find an engine to execute this computation",
        "cuFFT error: CUFFT_ALLOC_FAILED",
        "Triton Error [CUDA]: out of memory",
    ],
)
def test_that_memory_ran_out_is_known_in_everybodys_words(words):
    assert is_out_of_memory(RuntimeError(words)) and not is_out_of_memory(ValueError(words))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_what_torch_keeps_for_a_graph_is_not_free_until_the_graph_is_gone(monkeypatch):
    """A segment of a graph's own pool has a number; older versions of torch give none. A graph keeps its results."""
    segments = [
        {"device": 0, "total_size": 100, "allocated_size": 30, "segment_pool_id": (0, 0)},
        {"device": 0, "total_size": 1000, "allocated_size": 0, "segment_pool_id": (0, 1)},
        {"device": 0, "total_size": 1000, "allocated_size": 1, "segment_pool_id": (0, 1)},
        {"device": 0, "total_size": 200, "allocated_size": 0, "segment_pool_id": (0, 2)},
        {"device": 0, "total_size": 300, "allocated_size": 0, "segment_pool_id": (0, 2)},
        {"device": 1, "total_size": 10000, "allocated_size": 0},
        {"device": 0, "total_size": 5, "allocated_size": 1},
    ]
    monkeypatch.setattr(torch.cuda, "memory_snapshot", lambda: segments)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**6, 10**7))
    assert free_memory(torch.device("cuda", 0)) == 10**6 + 74 + 500


def test_an_allocator_that_tells_nothing_keeps_nothing(monkeypatch):
    """As CUDA's own (`backend:cudaMallocAsync`) and those that are plugged in."""

    def untold():
        raise RuntimeError("Calling snapshot with backend:cudaMallocAsync is not meaningful")

    monkeypatch.setattr(torch.cuda, "memory_snapshot", untold)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**6, 10**7))
    assert free_memory(torch.device("cuda", 0)) == 10**6


def test_threads_draw_each_by_its_own_seed():
    """Two take turns, number by number; neither draws the other's, or moves the caller's."""

    def draw(seed, wait):
        with seeded(seed):
            drawn = []
            for _ in range(3):
                wait()
                drawn += [torch.rand(2), torch.nn.Linear(2, 2).weight.detach(), torch.randperm(5)]
            wait()
        return drawn

    before, seeds = torch.get_rng_state(), (1, 2)
    alone = [draw(seed, lambda: None) for seed in seeds]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(partial(draw, wait=Barrier(2, timeout=60).wait), seeds))
    assert all(
        torch.equal(a, b) for one, other in zip(alone, together, strict=True) for a, b in zip(one, other, strict=True)
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_seed_leaves_the_callers_numbers_alone(monkeypatch):
    def seed_all(seed):
        raise AssertionError("every device is seeded")

    monkeypatch.setattr(torch, "manual_seed", seed_all)
    before = torch.get_rng_state()
    with seeded(3):
        first = torch.rand(4)
    with seeded(3):
        assert torch.equal(torch.rand(4), first)
    assert torch.equal(torch.get_rng_state(), before)
