"""What differs on CUDA: faster ways with the plain one behind them, captures, bands; most of it tried without a GPU.

Here the device and the two primitives that only CUDA has are substituted; what needs the device itself is marked.
"""

import warnings
from _thread import start_new_thread
from threading import Barrier, Event, Thread

import pytest
import torch
from plain import error, network, picture
from torch.nn import functional as F

from nstlib import cuda
from nstlib.architecture import BACKBONES, Spec
from nstlib.backbone import load_backbone
from nstlib.budget import Needs
from nstlib.cuda import PART, FasterWay, autotuned, captured, convolve_relu, never_waits, outer_product, set_aside
from nstlib.descriptions import gram
from nstlib.engine import Engine
from nstlib.gallery import asset
from nstlib.image import load_image
from nstlib.layers import Convolution
from nstlib.loss import content_terms, style_terms, tv_term
from nstlib.machine import PRECISIONS
from nstlib.memory import Way, peak
from nstlib.objective import Objective
from nstlib.plan import prepare
from nstlib.recipe import Recipe
from nstlib.style import STATISTICS
from nstlib.term import View
from nstlib.transfer import paint


class Stop(BaseException):
    """As an interrupt is: no mere exception."""


def on_cuda(test):
    """A test that needs the device itself."""
    return pytest.mark.cuda(pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")(test))


def kit_terms(backbone, pictures):
    content, *styles = pictures
    layers = BACKBONES["pocket"].style_layers
    return [
        *content_terms(backbone, content, {"relu3_3": 1.0}, weight=0.02, reduction="relative"),
        *style_terms(backbone, styles, dict.fromkeys(layers, 1 / len(layers))),
        tv_term(1e-4),
    ]


@pytest.fixture(scope="module")
def pictures():
    names = (("content/harbour", 128), ("style/mosaic", 112), ("style/woodcut_waves", 96))
    return [load_image(asset(name), size).pixels for name, size in names]


@pytest.fixture
def pretended(monkeypatch):
    """Every tensor passes for one on CUDA, where nothing is being captured; nothing is known of any way yet."""
    monkeypatch.setattr(cuda, "is_on_cuda", lambda x: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(cuda, "has_triton", lambda: False)  # it wants a device
    for way in (convolve_relu, outer_product):
        monkeypatch.setattr(way, "known", {})


# A faster way, and the plain one


class Ways:
    """Two ways to double a tensor that count how often they are gone; `trouble` befalls the faster one."""

    def __init__(self, trouble=None, suits=lambda *given: True):
        self.went, self.trouble = [], trouble
        self.way = FasterWay("the double", self.fast, self.plain, 1e-2, suits)

    def plain(self, x, factor=2):
        self.went.append("plain")
        return factor * x

    def fast(self, x, factor=2):
        self.went.append("fast")
        return self.trouble(factor * x) if self.trouble else factor * x

    def again(self, *given):
        self.went.clear()
        result = self.way(*given)
        return result, self.went


def fail(error):
    def trouble(*_):
        raise error

    return trouble


X = torch.arange(1.0, 13).view(3, 4)
FIRST = ["plain", "fast", "fast", "fast"]  # to be tuned, to be looked at, to be used


def test_the_faster_way_is_taken_once_both_came_to_the_same(pretended):
    ways = Ways()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(ways.way(X), 2 * X) and ways.went == FIRST
        assert ways.again(-X)[1] == ["fast"]
        assert ways.again(X.half())[1] == ways.again(X.T)[1] == FIRST  # other kinds
        result, went = ways.again(X, 3)
        assert torch.equal(result, 3 * X) and went == FIRST


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lambda x: 1.05 * x, "it differs by"),
        (lambda x: torch.where(x == x.min(), torch.nan, x), "it differs by nan"),
        (fail(RuntimeError("FIND was unable to find an engine\nmore")), "unable to find an engine$"),
        (fail(TypeError("mm() got an unexpected keyword argument 'out_dtype'")), "out_dtype"),
        (fail(AttributeError("no such function")), "no such function"),
        (fail(NotImplementedError("not for this backend")), "not for this backend"),
    ],
)
def test_what_cannot_be_gone_or_comes_to_other_numbers_is_left_and_said_once(pretended, trouble, reason):
    ways = Ways(trouble)
    with pytest.warns(UserWarning, match=rf"the double is computed in the plain, slower way here: .*{reason}"):
        assert torch.equal(ways.way(X), 2 * X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ways.again(X)[1] == ["plain"]
        result, _ = ways.again(X.half())  # is tried for other kinds, and said no more
        assert torch.equal(result, 2 * X.half())


def test_where_memory_ran_out_it_is_not_the_ways_fault(pretended):
    ways = Ways(fail(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(torch.OutOfMemoryError):
        ways.way(X)
    ways.trouble = None
    assert ways.again(X)[1] == FIRST


def test_nothing_new_is_tried_while_a_graph_is_captured(pretended, monkeypatch):
    ways = Ways()
    ways.way(X)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert ways.again(X)[1] == ["fast"] and ways.again(X.T)[1] == ["plain"]
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert ways.again(X.T)[1] == FIRST


def test_what_it_is_not_for_is_not_tried(pretended):
    ways = Ways(fail(RuntimeError("never asked")), suits=lambda x, *others: x.ndim == 3)
    assert ways.again(X)[1] == ["plain"]


def test_on_the_cpu_it_is_never_tried():
    ways = Ways(fail(RuntimeError("never asked")))
    assert torch.equal(ways.way(X), 2 * X) and ways.went == ["plain"]


# The two primitives


def test_the_cpu_computes_as_it_always_did(rng):
    """To the last bit: a convolution and a ReLU in place; a Gram matrix in parts of so many positions."""
    module = torch.nn.Conv2d(8, 16, 3, padding=1).requires_grad_(False)
    x = torch.randn(1, 8, 20, 13, generator=rng).contiguous(memory_format=torch.channels_last)
    for dtype in (torch.float32, torch.bfloat16):
        layer = Convolution(Spec("", "conv", 16, kernel=3, padding=1), module, dtype)
        y, saved = layer.forward(x.to(dtype), (1, 1))
        weight = module.weight.to(dtype).contiguous(memory_format=torch.channels_last)
        assert torch.equal(y, F.conv2d(x.to(dtype), weight, module.bias.to(dtype), padding=1).relu_()) and saved is y
    f = torch.randn(1, 6, 400, 300, generator=rng).bfloat16()
    r = torch.zeros(6, 6)
    for part in f.flatten(2)[0].split(PART // 6, dim=1):
        r.addmm_(part.float(), part.float().T)
    assert f.numel() > 2 * PART and torch.equal(gram(f), r / 120000)


def test_the_primitives_are_asked_for_what_they_take(pretended, monkeypatch, rng):
    """Stand-ins with cuDNN's and cuBLAS's own arguments."""
    asked = []

    def convolution_relu(x, weight, bias, stride, padding, dilation, groups):
        asked.append(("conv", tuple(weight.shape), stride, padding))
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups).relu()

    def product(a, b, *, out_dtype):
        asked.append(("mm", tuple(a.shape), out_dtype))
        assert a.dtype == b.dtype and a.dtype.itemsize == 2
        return a.float() @ b.float()

    monkeypatch.setattr(torch, "cudnn_convolution_relu", convolution_relu)
    monkeypatch.setattr(torch, "mm", product)
    backbone, image = load_backbone(), torch.rand(1, 3, 48, 64, generator=rng)
    terms = style_terms(backbone, [image.flip(2)], {"relu2_1": 1.0, "relu3_1": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, gradient = Engine(backbone, terms, "bfloat16", at_once=True)(image)
    shapes = {entry[1] for entry in asked if entry[0] == "conv"}
    assert {(24, 24, 3, 3), (24, 8, 3, 3)} <= shapes and not any(shape[1] == 3 for shape in shapes)  # pixels, widened
    assert {entry[2:] for entry in asked if entry[0] == "conv"} == {((1, 1), (1, 1))}
    assert {entry[1:] for entry in asked if entry[0] == "mm"} == {
        ((48, 24 * 32), torch.float32),
        ((96, 12 * 16), torch.float32),
    }
    monkeypatch.undo()
    expected, plain = Engine(backbone, terms, "bfloat16")(image)
    assert torch.stack(values) == pytest.approx(torch.stack(expected), rel=1e-3)
    assert torch.cosine_similarity(gradient.flatten(), plain.flatten(), dim=0) > 0.999


def test_a_gram_matrixs_gradient_is_left_to_one_kernel_where_it_can_be(pretended, monkeypatch, rng):
    """Where something comes back from above, in bfloat16, behind a ReLU, of all positions at once, without regions."""
    asked = []

    def at_once(gradient, features, slope):
        asked.append((tuple(features.shape), tuple(slope.shape)))
        return cuda.multiply_add_rectify(gradient, features, slope)

    monkeypatch.setattr(cuda, "has_triton", lambda: True)
    monkeypatch.setattr(cuda.add_product, "fast", at_once)
    for way in (cuda.pool, cuda.unpool):
        monkeypatch.setattr(way, "suits", lambda *given: False)
    backbone, image = load_backbone(), torch.rand(1, 3, 48, 64, generator=rng)
    content = content_terms(backbone, image.flip(3), {"relu1_1": 1.0}, reduction="relative")
    style = style_terms(backbone, [image.flip(2)], {"relu1_1": 1.0, "relu2_1": 1.0, "conv2_2": 1.0, "relu3_1": 1.0})
    for terms in ([*content, *style], [*style, *content]):
        asked.clear()
        values, gradient = Engine(backbone, terms, "bfloat16", at_once=True)(image)
        assert set(asked) == {((1, 24, 48, 64), (24, 24)), ((1, 48, 24, 32), (48, 48))}
        monkeypatch.setattr(cuda, "is_on_cuda", lambda x: False)
        expected, plain = Engine(backbone, terms, "bfloat16")(image)
        monkeypatch.setattr(cuda, "is_on_cuda", lambda x: True)
        assert torch.stack(values) == pytest.approx(torch.stack(expected), rel=1e-2)
        assert torch.cosine_similarity(gradient.flatten(), plain.flatten(), dim=0) > 0.99
    asked.clear()
    regions = style_terms(backbone, [image.flip(2)], {"relu2_1": 1.0, "relu3_1": 1.0}, regions=[image[:, :1]])
    for terms, precision in ((regions, "bfloat16"), (style, "float32"), (style, "float16")):
        Engine(backbone, terms, precision, at_once=True)(image)
    monkeypatch.setattr(Engine, "ways", lambda engine, size: [Way(2, True)] * len(engine.blocks))
    Engine(backbone, style, "bfloat16")(image)
    assert not asked


def test_long_vectors_are_multiplied_one_by_one(pretended, rng):
    few, many = torch.randn(2, 1000, generator=rng), torch.randn(5, 1000, generator=rng)
    assert cuda.products(few, many) == pytest.approx(few @ many.T, abs=1e-4)


def test_torch_has_these_primitives_with_these_arguments():
    """Asked of torch itself: the shape and the kind of a result, without a device."""
    f = torch.empty(24, 100, dtype=torch.bfloat16, device="meta")
    if "dtype" in torch.ops.aten.mm.overloads():  # from 2.8 on
        assert cuda.sum_at_once(f).dtype == torch.float32 and cuda.sum_at_once(f).shape == (24, 24)
    arguments = torch.ops.aten.cudnn_convolution_relu.default._schema.arguments
    assert [a.name for a in arguments] == ["self", "weight", "bias", "stride", "padding", "dilation", "groups"]


@pytest.mark.parametrize("ends", ["well", "badly"])
@pytest.mark.parametrize(
    ("before", "deterministic", "during"),
    [(False, False, True), (True, False, True), (False, True, False), (True, True, True)],
)
def test_cudnn_is_tuned_for_the_time_of_an_evaluation(monkeypatch, before, deterministic, during, ends):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", before)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", deterministic)
    seen = []

    def run():
        with autotuned():
            seen.append(torch.backends.cudnn.benchmark)
            if ends == "badly":
                raise ZeroDivisionError

    if ends == "badly":
        with pytest.raises(ZeroDivisionError):
            run()
    else:
        run()
    assert seen == [during] and torch.backends.cudnn.benchmark == before


def test_cudnn_is_tuned_until_the_last_of_several_threads_is_done(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    both, done, seen = Barrier(2, timeout=60), Event(), []

    def long():
        with autotuned():
            both.wait()
            done.wait(60)
            seen.append(torch.backends.cudnn.benchmark)

    thread = Thread(target=long)
    thread.start()
    with autotuned():
        both.wait()
    done.set()
    thread.join(60)
    assert seen == [True] and torch.backends.cudnn.benchmark is False


def test_a_piece_that_does_not_fit_is_not_set_aside(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "empty", full)
    set_aside(10**9, torch.device("cuda"))
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(1)


@pytest.mark.parametrize(("precision", "tried"), [("float32", False), ("bfloat16", True), ("float16", True)])
def test_ways_to_convolve_are_tried_in_half_precision_only(monkeypatch, precision, tried):
    """In float32 a trial takes all memory that there is, which a neighbour on the same card may need."""
    seen = []
    monkeypatch.setattr("nstlib.objective.captured", lambda evaluate, tune: seen.append(tune))
    _ = Objective(load_backbone(), [tv_term(1.0)], precision)._replayed
    assert seen == [tried]


# Bands


def test_at_once_means_one_band_as_long_as_memory_lasts(rng):
    size, views = (512, 768), [View(layer, gram) for layer in BACKBONES["pocket"].style_layers]
    backbone = network("pocket").float()
    usual, engine = Engine(backbone, views), Engine(backbone, views, at_once=True)
    assert all(way.bands == 1 and way.keep for way in engine.ways(size))
    assert max(way.bands for way in usual.ways(size)) > 1
    costs = engine.costs(size)
    needed = peak(costs, engine.ways(size))
    assert engine.bytes(size) == needed > usual.bytes(size)
    short = Engine(backbone, views, memory=needed - 1, at_once=True)
    assert short.ways(size) == usual.ways(size) and short.least(size) == usual.least(size)


def test_at_once_comes_to_the_same(rng):
    backbone, image = network("pocket"), picture(rng, (163, 118))
    terms = style_terms(backbone, [image.flip(3) ** 2], {"relu1_1": 1.0, "relu3_1": 1.0})
    (values, gradient), (others, same) = (Engine(backbone, terms, at_once=once)(image) for once in (True, False))
    assert error(torch.stack(values), torch.stack(others)) < 1e-12 and error(gradient, same) < 1e-12


@pytest.mark.parametrize(("device", "at_once"), [("cuda", True), ("cpu", False), ("mps", False)])
def test_memory_is_divided_for_the_device_that_will_compute(device, at_once):
    needs = Needs(load_backbone(), Recipe(), "bfloat16", torch.device(device))
    assert all(way.bands == 1 for way in needs.engine.ways((1024, 1024))) == at_once


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_graphs_maps_and_a_copy_of_the_optimisers_memory_fit_together(device):
    """A graph keeps its maps for as long as it lives, and the copy is made beside it; elsewhere the maps are gone."""
    recipe, size = Recipe().changed(history=100), (1024, 768)
    needs = Needs(load_backbone(), recipe, "bfloat16", torch.device(device))
    for memory in (4e9, 2e10):
        budget = needs.divide(size, [], memory, lambda *_: None)
        copied = 2 * budget.history * 3 * 4 * 1024 * 768
        left = memory - needs.targets(size, []) - needs.images(size, budget.history)
        assert budget.maps + copied * (device == "cuda") == pytest.approx(left, abs=1)
    assert budget.history == 100 and copied > needs.engine.bytes(size)


# Captures


def test_on_the_cpu_nothing_is_captured(rng):
    calls = []
    evaluate = captured(lambda image: calls.append(image) or image.sum())
    image = picture(rng)
    assert evaluate(image) == evaluate(image) == image.sum()
    assert len(calls) == 2 and calls[0] is calls[1] is image


def wait():
    warnings.warn("called a synchronizing CUDA operation (Triggered internally at …)", stacklevel=2)


def wait_elsewhere():
    thread = Thread(target=wait)
    thread.start()
    thread.join(60)


def wait_in_autograds_thread():
    """In one that `threading` did not start, as that which goes back through a network on a GPU."""
    done = Event()
    start_new_thread(lambda: (wait(), done.set()), ())
    assert done.wait(60)


@pytest.mark.parametrize(
    ("act", "never"),
    [
        (lambda: None, True),
        (wait, False),
        (wait_elsewhere, True),
        (wait_in_autograds_thread, False),
        (fail(RuntimeError), False),
    ],
)
def test_whether_a_call_waits_is_asked_of_torch_and_its_mode_put_back(act, never, monkeypatch):
    """What other threads do is no matter, and nobody's is refused; other warnings come through."""
    modes = [0]
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: modes[-1])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    def call():
        assert modes[-1] == "warn"
        warnings.warn("something else", stacklevel=2)
        act()

    with pytest.warns(UserWarning) as told:
        assert never_waits(call) == never
    assert modes == [0, "warn", 0] and [str(one.message) for one in told] == ["something else"]
    with pytest.raises(Stop), pytest.warns(UserWarning, match="something else"):
        act = fail(Stop)
        never_waits(call)
    assert modes[-1] == 0


@on_cuda
def test_on_cuda_a_replay_is_the_evaluation(rng):
    calls = []

    def evaluate(image):
        calls.append(tuple(image.shape))
        return image.square().sum(), 2 * image

    replayed = captured(evaluate)
    images = [picture(rng, size, torch.float32).cuda() for size in ((40, 50), (40, 50), (33, 20), (40, 50))]
    for image in images:
        value, slope = replayed(image)
        assert value.item() == pytest.approx(image.square().sum().item(), rel=1e-5)
        assert torch.equal(slope, 2 * image)
    assert 0 < calls.count((1, 3, 40, 50)) == calls.count((1, 3, 33, 20))  # captured once, however often replayed


class WaitsOnTheWayBack(torch.autograd.Function):
    """Twice its input."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, d):
        return d * torch.tensor([2.0], device=d.device)


def squares_by_slope(image):
    image = image.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(WaitsOnTheWayBack.apply(image).square().sum(), image)
    return (gradient * image.detach()).sum() / 8


@on_cuda
@pytest.mark.parametrize("work", [lambda image: image.square().sum().item(), squares_by_slope])
def test_on_cuda_what_waits_for_the_device_runs_as_it_is(rng, work):
    calls = []
    evaluate = captured(lambda image: calls.append(1) or work(image))
    for image in (picture(rng).cuda(), picture(rng).cuda()):
        assert float(evaluate(image)) == pytest.approx(image.square().sum().item())
    assert not torch.cuda.is_current_stream_capturing() and torch.cuda.get_sync_debug_mode() == 0
    before = len(calls)
    evaluate(image)
    assert len(calls) == before + 1


@on_cuda
@pytest.mark.parametrize("statistic", STATISTICS)
def test_on_cuda_every_statistic_leaves_the_device_usable(statistic, pictures):
    """Eigenvalues wait for their check, which no capture survives, and neither does what comes after it."""
    image, style, _ = (p.cuda() for p in pictures)
    on_gpu = load_backbone(device="cuda")
    layers = {"relu2_1": 1.0, "relu4_1": 1.0}
    objective = Objective(on_gpu, style_terms(on_gpu, [style], layers, statistic=statistic))
    for _ in range(2):
        value, _, gradient = objective.value_and_gradient(image)
        assert value.isfinite() and gradient.isfinite().all() and gradient.abs().max() > 0
    noise = torch.randn(1000, device="cuda")
    assert 0.8 < noise.std().item() < 1.2
    other = Objective(on_gpu, style_terms(on_gpu, [style], layers))
    assert other.value_and_gradient(image)[0].item() == pytest.approx(other(image)[0].item(), rel=1e-3)


@on_cuda
@pytest.mark.parametrize("precision", PRECISIONS)
def test_on_cuda_an_objective_is_the_cpus(pictures, precision):
    pocket = load_backbone()
    image = (0.8 * pictures[0] + 0.1).contiguous()
    on_gpu = load_backbone(device="cuda")
    terms = kit_terms(on_gpu, [p.cuda() for p in pictures])
    objective = Objective(on_gpu, terms, precision)
    total, _, expected = Objective(pocket, kit_terms(pocket, pictures)).value_and_gradient(image)
    for _ in range(2):
        value, _, gradient = objective.value_and_gradient(image.cuda())
        assert value.item() == pytest.approx(total.item(), rel=0.03)
        assert torch.cosine_similarity(gradient.cpu().flatten(), expected.flatten(), dim=0) > 0.95
        objective.value_and_gradient(1 - image.cuda())


@on_cuda
def test_on_cuda_the_faster_ways_are_gone(pictures):
    """Of the kit's own maps, each anew; what is refused says why."""
    ways = [convolve_relu, outer_product]
    ways += [cuda.pool, cuda.unpool, cuda.add_product] if cuda.has_triton() else []
    for way in ways:
        way.known.clear()
    on_gpu = load_backbone(device="cuda")
    objective = Objective(on_gpu, kit_terms(on_gpu, [p.cuda() for p in pictures]), "bfloat16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective.value_and_gradient(pictures[0].cuda())
    assert all(way.known and all(way.known.values()) for way in ways)
    assert len(convolve_relu.known) > 8 and len(outer_product.known) == 5
    assert not torch.backends.cudnn.benchmark


@on_cuda
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_on_cuda_a_run_waits_for_the_device_once_per_evaluation(optimizer):
    """Not counted: the first two, which capture the graph."""
    plan = prepare(
        *("content/harbour", ["style/mosaic"]), size=96, pyramid=(), evaluations=12, device="cuda", optimizer=optimizer
    )
    counts, before = [], torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            for progress in paint(plan):
                torch.cuda.set_sync_debug_mode("warn")
                counts.append((progress.step.evaluations, sum("synchronizing" in str(w.message) for w in seen)))
        finally:
            torch.cuda.set_sync_debug_mode(before)
    (first, waited), (last, more) = counts[2], counts[-1]
    waits = {"adam": 1, "lbfgs": 2}[optimizer]  # the numbers come up, and L-BFGS's weights go down
    assert more - waited <= waits * (last - first)
