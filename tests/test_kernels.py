"""The kernels in Triton, computed number by number on the processor by Triton's interpreter, against torch."""

import importlib.util
from pathlib import Path

import pytest
import torch

from nstlib import cuda

# Channels, rows, columns; some odd, some more than one program works for.
SIZES = [(24, 9, 11), (64, 8, 40), (72, 7, 6), (136, 2, 33)]
KINDS = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(scope="module")
def kernels():
    """A copy of the module that is not compiled."""
    if not cuda.has_triton():
        pytest.skip("needs Triton, which comes with torch's CUDA wheels for Linux")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        spec = importlib.util.spec_from_file_location("interpreted", Path(cuda.__file__).with_name("kernels.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def features(rng, size, kind=torch.float32):
    """Out of a ReLU, with many numbers alike."""
    x = torch.randn(1, *size, generator=rng).round(decimals=1).relu()
    return x.to(kind).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_pooling_and_its_gradient_are_torchs(kernels, monkeypatch, rng, size, kind, ceil_mode):
    monkeypatch.setattr(cuda, "triton_kernels", lambda: kernels)
    x, how = features(rng, size, kind), (2, 2, ceil_mode)
    y = cuda.pool_by_twos(x, *how)
    assert torch.equal(y, cuda.max_pool(x, *how)) and y.is_contiguous(memory_format=torch.channels_last)
    g = torch.randn(y.shape, generator=rng).to(kind).contiguous(memory_format=torch.channels_last)
    for rectified in (False, True):
        found = cuda.compare_winners(g, x, *how, rectified)
        assert torch.equal(found, cuda.look_winners_up(g, x, *how, rectified))
    assert torch.equal(found, torch.where(x > 0, cuda.look_winners_up(g, x, *how, False), 0))


def test_of_equal_numbers_the_first_wins_and_no_number_is_passed_on(kernels):
    x = torch.ones(1, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    g = kernels.unpool(torch.full((1, 8, 2, 2), 3.0).contiguous(memory_format=torch.channels_last), x, False)
    assert g[..., ::2, ::2].eq(3).all() and g.sum() == 8 * 4 * 3
    x[..., 3, 3] = torch.nan
    assert kernels.pool(x, 2, 2).isnan().sum() == 8 and kernels.pool(x, 2, 2)[..., 1, 1].isnan().all()


@pytest.mark.parametrize("size", SIZES)
def test_a_product_is_added_and_the_relu_gone_back_through(kernels, monkeypatch, rng, size):
    """In float16: the interpreter takes the bits of bfloat16 for whole numbers when it multiplies matrices."""
    monkeypatch.setattr(cuda, "triton_kernels", lambda: kernels)
    f, g = features(rng, size, torch.float16), torch.randn(1, *size, generator=rng).half()
    g = g.contiguous(memory_format=torch.channels_last)
    d = torch.randn(size[0], size[0], generator=rng)
    d = (d + d.T).half()
    expected = torch.where(f > 0, g.double() + torch.einsum("ij,bjhw->bihw", d.double(), f.double()), 0)
    for way in (cuda.add_product_at_once, cuda.multiply_add_rectify):
        assert (way(g, f, d) - expected).norm() < 1e-3 * expected.norm()
        assert torch.equal(way(g, f, d) == 0, expected.half() == 0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [*SIZES, (512, 33, 65)])
def test_on_cuda_they_come_to_the_same(rng, size, kind):
    x, how = features(rng, size, kind).cuda(), (2, 2, True)
    y = cuda.pool_by_twos(x, *how)
    assert torch.equal(y, cuda.max_pool(x, *how))
    assert torch.equal(cuda.compare_winners(y, x, *how, True), cuda.look_winners_up(y, x, *how, True))
    if kind != torch.float32:
        d = torch.randn(size[0], size[0], generator=rng).cuda()
        given = x, x, (d + d.T).to(kind)
        one, other = cuda.add_product_at_once(*given).double(), cuda.multiply_add_rectify(*given).double()
        assert (one - other).norm() < 1e-2 * other.norm()
