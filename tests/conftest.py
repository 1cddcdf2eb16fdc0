"""What all tests share."""

import os
import sys

from alone import CALLERS_THREADS

os.environ.setdefault(CALLERS_THREADS, os.environ.get("OMP_NUM_THREADS", ""))  # workers inherit what is set below
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run side by side, one per core
# What a test starts, a notebook's kernel say, may have more threads than one: they leave their core while they wait,
# and their number does not follow what else runs here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_DYNAMIC", "false")

import pytest
import torch

from nstlib.weights import find_weights

torch.set_num_threads(1)

SHARE_NOTHING = {"test_notebooks.py"}  # its tests take minutes each


@pytest.hookimpl(tryfirst=True)  # before each process tells the others what it found
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, which share fixtures, in one process; a whole notebook runs wherever a core is free."""
    for item in items:
        if item.path.name not in SHARE_NOTHING:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(autouse=True)
def nothing_asked():
    """A question that one test answers is open for the next, and for the examples in docstrings."""
    yield
    if asking := sys.modules.get("nstlib.asking"):
        asking.ASKED.clear()


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def squeezenet_file():
    """The trained SqueezeNet 1.0; tests that need it skip where it is missing."""
    path = find_weights("squeezenet1_0")
    if path is None:
        pytest.skip("needs squeezenet1_0 in the folder that NSTLIB_WEIGHTS names")
    return path


@pytest.fixture
def check_gradient():
    """Compare the gradient of a function of one tensor in float64 with central differences, element by element.

    torch.autograd.gradcheck does the same, but its first call imports for many seconds.
    """

    def check(function, point: torch.Tensor, step: float = 1e-6) -> None:
        leaf = point.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(leaf), leaf)
        measured = torch.zeros_like(point)
        with torch.no_grad():
            for i in range(point.numel()):
                move = torch.zeros_like(point)
                move.view(-1)[i] = step
                measured.view(-1)[i] = (function(point + move) - function(point - move)) / (2 * step)
        scale = measured.abs().max().item()
        assert scale > 0, "the function does not depend on its argument here: nothing is checked"
        assert (gradient - measured).abs().max().item() < 1e-6 * scale

    return check
