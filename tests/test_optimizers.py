"""The optimisers against SciPy and PyTorch, and the loop's promises: counts, bounds, stops and exact resumption."""

import importlib
import math
import pickle
import zlib
from functools import partial
from itertools import islice, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.optim.adam import adam as torch_adam
from torch.optim.lbfgs import LBFGS

from nstlib.errors import InputError
from nstlib.image import load_image
from nstlib.optimizers import OPTIMIZERS, Step, Stop, adam, lbfgs, optimize
from nstlib.optimizers.evaluator import Evaluator, unit_of
from nstlib.optimizers.history import History
from nstlib.optimizers.lbfgs import evaluate_along, evaluate_at, search
from nstlib.optimizers.line_search import wolfe
from nstlib.spectrum import Smoothing

BOTH = pytest.mark.parametrize("name", OPTIMIZERS)
SHAPE = (1, 3, 2, 2)
SCALAR = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
PLAIN = Smoothing(SCALAR, 0.0)  # the identity


class Spy:
    """An objective that remembers every call: image, value and gradient."""

    def __init__(self, function):
        self.function, self.calls = function, []

    def __call__(self, image):
        leaf = image.detach().clone().requires_grad_()
        value = self.function(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        self.calls.append((leaf.detach(), value.item(), gradient))
        total = self.function(image)
        return total, {"half": total.detach() / 4, "rest": total.detach() * 3 / 4}


def bowl(condition=1e3):
    """A quadratic with its minimum of 0 at 0.3 … 1.2, so partly outside [0, 1]."""
    rotation = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    stiff = rotation @ torch.diag(torch.logspace(0, math.log10(condition), 12, dtype=torch.float64)) @ rotation.T
    bottom = torch.linspace(0.3, 1.2, 12, dtype=torch.float64)

    def function(image):
        away = image.reshape(-1) - bottom.to(image.dtype)
        return away @ stiff.to(image.dtype) @ away / 2

    return function


def rosenbrock(image):
    """A curved valley with its minimum of 0 at 1, 1, 1 …"""
    x = image.reshape(-1)
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


FUNCTIONS = {"bowl": bowl(), "rosenbrock": rosenbrock}
ANY = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def start(rng, dtype=torch.float64):
    return torch.rand(SHAPE, generator=rng, dtype=dtype)


def scipy_minimum(function, image, bounds):
    def both(x):
        leaf = torch.tensor(x).view(SHAPE).requires_grad_()
        value = function(leaf)
        value.backward()
        return value.item(), leaf.grad.reshape(-1).numpy()

    limits = None if bounds is None else [bounds] * 12
    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    return minimize(both, image.reshape(-1).numpy(), jac=True, method="L-BFGS-B", bounds=limits, options=options)


# L-BFGS


@ANY
@pytest.mark.parametrize("bounds", [None, (0.0, 1.0), (0.1, 0.7)])
def test_lbfgs_finds_the_minimum_that_scipy_finds(function, bounds, rng):
    image = start(rng)
    judge = scipy_minimum(function, image, bounds)
    *_, last = optimize(function_of(function), image, "lbfgs", evaluations=600, bounds=bounds)
    assert last.loss == pytest.approx(judge.fun, rel=1e-8, abs=1e-10)
    np.testing.assert_allclose(last.image.reshape(-1), judge.x, atol=2e-5)
    assert last.evaluations < 600  # it ends by itself, where nothing is left to gain


def function_of(function):
    """An objective with no terms."""
    return lambda image: (function(image), {})


@ANY
def test_lbfgs_needs_about_as_many_evaluations_as_scipy(function, rng):
    image = start(rng)
    theirs, ours = Spy(function), Spy(function)
    scipy_minimum(lambda x: theirs(x)[0], image, None)
    next(step for step in islice(lbfgs(ours, image, bounds=None), 1000) if step.loss < 1e-6)
    needed = [next(i for i, (_, value, _) in enumerate(spy.calls) if value < 1e-6) for spy in (theirs, ours)]
    assert needed[1] <= 1.5 * needed[0]


def test_memory_is_what_makes_it_fast(rng):
    """On a bowl a thousand times as steep one way as another."""

    def needed(history):
        steps = lbfgs(Spy(FUNCTIONS["bowl"]), start(rng.manual_seed(0)), history=history, bounds=None)
        return next(step.evaluations for step in islice(steps, 1500) if step.loss < 1e-6)

    assert needed(1) > 2 * needed(10)


@ANY
def test_accepted_points_satisfy_the_strong_wolfe_conditions(function, rng):
    spy = Spy(function)
    steps = list(islice(lbfgs(spy, 2 * start(rng) - 1, bounds=None), 40))
    seen = {image.numpy().tobytes(): (value, gradient) for image, value, gradient in spy.calls}
    checked = 0
    for before, after in pairwise(steps):
        if after.loss < 1e-12 or after.stop:
            break
        (f0, g0), (f1, g1) = seen[before.image.numpy().tobytes()], seen[after.image.numpy().tobytes()]
        move = after.image - before.image
        slope0, slope1 = (g0 * move).sum().item(), (g1 * move).sum().item()
        assert slope0 < 0
        assert f1 <= f0 + 1e-4 * slope0 * (1 - 1e-9)
        assert abs(slope1) <= 0.9 * abs(slope0) * (1 + 1e-9)
        checked += 1
    assert checked >= 15
    assert steps[-1].evaluations > len(steps)  # the line search had something to do


def line_search(objective, first, direction=None, bounds=None, **options):
    """The line search from 0, along the falling slope if no direction is given: (its start, its end, the evaluator)."""
    evaluate, pairs = Evaluator(objective, SCALAR, bounds), History(1, SCALAR, PLAIN)
    begin = evaluate_at(evaluate, pairs, SCALAR.reshape(-1))
    direction = -begin.gradient if direction is None else direction
    trial = partial(evaluate_along, evaluate, pairs, begin, direction)
    found, _ = wolfe(trial, begin.loss, float(begin.gradient @ direction), first, **options)
    return begin, found, evaluate


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 3.0, 50.0])
@pytest.mark.parametrize(
    "function",
    [
        lambda t: (t - 1) ** 4,
        lambda t: torch.exp(t) - 5 * t,
        lambda t: -t / (t**2 + 2),  # Moré & Thuente 1994, function 5.1, whose far end is all but flat
        lambda t: torch.cos(t) + 0.1 * (t - 4) ** 2,
        lambda t: (t - 2).abs() ** 1.5,
    ],
    ids=["fourth power", "exponential", "bump", "waves", "sharp"],
)
def test_line_search_finds_a_flat_point_from_any_first_trial(function, first):
    """With little slope allowed at the end, so that a bracket has to be narrowed from either side."""
    spy = Spy(lambda t: function(t.sum()))
    begin, found, evaluate = line_search(spy, first, curvature=0.01, trials=40)
    assert found.loss <= begin.loss - 1e-4 * abs(begin.gradient.item() * found.x.item())
    assert abs(found.gradient.item()) <= 0.01 * abs(begin.gradient.item())
    assert evaluate.count == len(spy.calls) < 30


def test_line_search_wants_more_than_a_token():
    """At t = 1 this cubic lies a millionth below its start and is flat enough; its valley is at 0.26."""
    begin, found, _ = line_search(function_of(lambda t: (-t + (2.5 - 1e-6) * t**2 - 1.5 * t**3).sum()), 1.0)
    assert 0 < found.x.item() < 0.6
    assert found.loss < begin.loss - 0.05


@pytest.mark.parametrize("bounds", [None, (-1.0, 0.0)], ids=["uphill", "against a bound"])
def test_line_search_returns_nothing_where_no_step_helps(bounds):
    objective = function_of(lambda x: (x**2 if bounds is None else -x).sum())
    assert line_search(objective, 1.0, torch.ones(1).double(), bounds)[1] is None


@pytest.mark.parametrize("remembered", [0, 1])
def test_along_a_slope_that_is_no_number_nothing_is_tried(remembered, monkeypatch):
    evaluate, pairs = Evaluator(function_of(lambda t: (t - 1).square().sum()), SCALAR, None), History(1, SCALAR, PLAIN)
    begin = evaluate_at(evaluate, pairs, SCALAR.reshape(-1))
    pairs.order = list(range(remembered))
    monkeypatch.setattr(pairs, "direction", lambda smooth, *more: (-smooth, math.nan))
    assert search(evaluate, pairs, begin, 0.01, 0.0) == (None, None)
    assert evaluate.count == 1 and not pairs.order


def two_loops(gradient, moves, changes):
    """H g by the recursion on images (Nocedal & Wright 2006, algorithm 7.4)."""
    q, alphas = gradient.clone(), []
    for s, y in zip(reversed(moves), reversed(changes), strict=True):
        alphas.append((s @ q) / (s @ y))
        q -= alphas[-1] * y
    r = q * (moves[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y, alpha in zip(moves, changes, reversed(alphas), strict=True):
        r += s * (alpha - (y @ r) / (s @ y))
    return r


def remember(pairs, s, y, least=0.0):
    """Add a pair to a history as the loop does, from a gradient that does not matter."""
    pairs.propose(s.clone(), torch.zeros_like(s), y, torch.zeros_like(y))
    pairs.order = pairs.admit(*pairs.products(y)[:2].numpy(), float(s @ s), least)


def random_pairs(rng, number):
    moves, changes = torch.randn(2, number, 6, generator=rng, dtype=torch.float64).unbind()
    return list(moves), [y if s @ y > 0 else -y for s, y in zip(moves, changes, strict=True)]


def two_loops_of_a_smooth_start(gradient, moves, changes, matrix):
    """The two loops with H₀ = γ P, P a matrix, γ = s·y / y·P y."""
    q, alphas = gradient.clone(), []
    for s, y in zip(reversed(moves), reversed(changes), strict=True):
        alphas.append((s @ q) / (s @ y))
        q -= alphas[-1] * y
    r = matrix @ q * (moves[-1] @ changes[-1]) / (changes[-1] @ matrix @ changes[-1])
    for s, y, alpha in zip(moves, changes, reversed(alphas), strict=True):
        r += s * (alpha - (y @ r) / (s @ y))
    return r


@pytest.mark.parametrize("number", range(1, 8))
def test_direction_begins_with_the_smoothing(number, rng):
    """P as a matrix: its columns are what it makes of the unit images."""
    image = torch.zeros(1, 1, 2, 3, dtype=torch.float64)
    smoothing = Smoothing(image, 0.9)
    matrix = torch.stack([smoothing(unit) for unit in torch.eye(6, dtype=torch.float64)], 1)
    moves, changes = random_pairs(rng, number)
    gradient, pairs = torch.randn(6, generator=rng, dtype=torch.float64), History(4, image, smoothing)
    for s, y in zip(moves, changes, strict=True):
        remember(pairs, s, y)
    smooth = smoothing(gradient)
    direction, slope = pairs.direction(smooth, float(gradient @ smooth), *pairs.products(gradient)[2:].numpy())
    expected = -two_loops_of_a_smooth_start(gradient, moves[-4:], changes[-4:], matrix)
    np.testing.assert_allclose(direction, expected, rtol=1e-8)
    assert slope == pytest.approx(float(direction @ gradient), rel=1e-9) and slope < 0


@pytest.mark.parametrize("number", range(1, 12))
def test_direction_is_that_of_the_two_loops(number, rng):
    """However often the ring of 4 has come round."""
    moves, changes = random_pairs(rng, number)
    gradient, pairs = torch.randn(6, generator=rng, dtype=torch.float64), History(4, moves[0], PLAIN)
    for s, y in zip(moves, changes, strict=True):
        remember(pairs, s, y)
    products = pairs.products(gradient)[2:].numpy()
    direction, slope = pairs.direction(gradient, float(gradient @ gradient), *products)
    np.testing.assert_allclose(direction, -two_loops(gradient, moves[-4:], changes[-4:]), rtol=1e-8)
    assert slope == pytest.approx(float(direction @ gradient), rel=1e-9)
    assert slope < 0


def test_two_loops_multiply_by_the_matrix_of_bfgs(rng):
    """The judge's judge writes the matrix H out, by its update formula (Nocedal & Wright 2006, equation 6.17)."""
    moves, changes = random_pairs(rng, 4)
    gradient = torch.randn(6, generator=rng, dtype=torch.float64)
    s, y = moves[-1].numpy(), changes[-1].numpy()
    matrix = np.eye(6) * (s @ y) / (y @ y)
    for s, y in ((m.numpy(), c.numpy()) for m, c in zip(moves, changes, strict=True)):
        left = np.eye(6) - np.outer(s, y) / (s @ y)
        matrix = left @ matrix @ left.T + np.outer(s, s) / (s @ y)
    np.testing.assert_allclose(two_loops(gradient, moves, changes), matrix @ gradient.numpy(), rtol=1e-9)


def test_a_pair_at_right_angles_is_not_remembered():
    pairs, s = History(2, SCALAR.expand(1, 1, 1, 2), PLAIN), torch.tensor([1.0, 0.0]).double()
    for y, least, length in (([-1.0, 1.0], 0.0, 0), ([0.009, 1.0], 1e-2, 0), ([0.011, 1.0], 1e-2, 1)):
        remember(pairs, s, torch.tensor(y).double(), least)
        assert len(pairs.order) == length


def test_history_stays_in_its_place(rng):
    """No tensor is made anew, however many pairs come and go."""
    moves, changes = random_pairs(rng, 11)
    pairs = History(4, moves[0], PLAIN)
    before = pairs.S.data_ptr(), pairs.Y.data_ptr(), pairs.S.shape, pairs.Y.shape
    for s, y in zip(moves, changes, strict=True):
        remember(pairs, s, y)
    assert (pairs.S.data_ptr(), pairs.Y.data_ptr(), pairs.S.shape, pairs.Y.shape) == before
    assert before[2:] == ((5, 6), (5, 6))


def waves(rng):
    """A quadratic whose curvature is the frequency, ½ x·F⁻¹ f F x, from a start with all waves in it."""
    start = torch.randn(1, 3, 32, 32, generator=rng, dtype=torch.float64)
    down, across = np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32)
    f = torch.from_numpy(np.maximum(np.hypot(down, across), 1 / 32))
    return start, function_of(lambda x: (x * torch.fft.irfft2(torch.fft.rfft2(x) * f, s=(32, 32))).sum() / 2)


def test_what_costs_its_frequency_is_solved_at_once(rng):
    """There P is the inverse of the curvature but for a factor, which the first line search finds."""
    start, objective = waves(rng)
    ends = {}
    for smoothness in (0.0, 1.0):
        *_, last = optimize(objective, start, evaluations=8, bounds=None, smoothness=smoothness)
        ends[smoothness] = last.loss
    assert ends[1.0] < 1e-6 * ends[0.0]


@pytest.mark.parametrize("bounds", [None, (0.0, 1.0)])
def test_a_smoothed_run_goes_on_exactly(bounds, rng):
    start, objective = waves(rng)
    start = start.clamp(0, 1) if bounds else start
    options = {"bounds": bounds, "smoothness": 0.7}
    steps = list(optimize(objective, start, evaluations=12, **options))
    for step in optimize(objective, start, evaluations=12, **options):
        if step.evaluations >= 5:
            state = step.state()
            break
    *_, last = optimize(objective, start, evaluations=12, state=state, **options)
    assert torch.equal(last.image, steps[-1].image)


def test_smoothing_is_the_identity_at_0_and_symmetric_and_positive_elsewhere(rng):
    image = torch.zeros(1, 2, 5, 6, dtype=torch.float64)
    x = torch.randn(60, generator=rng, dtype=torch.float64)
    assert Smoothing(image, 0.0)(x) is x
    smoothing = Smoothing(image, 1.3)
    matrix = torch.stack([smoothing(unit) for unit in torch.eye(60, dtype=torch.float64)])
    assert torch.allclose(matrix, matrix.T, atol=1e-12) and torch.linalg.eigvalsh(matrix).min() > 0


def test_a_wave_is_weighed_by_its_frequency():
    """8 waves across 64 pixels: f = 1/8, half of ¼, so the weight is 2^e."""
    wave = torch.cos(2 * np.pi * 8 / 64 * torch.arange(64.0, dtype=torch.float64)).expand(1, 3, 64, 64)
    found = Smoothing(wave, 0.7)(wave.reshape(-1))
    assert torch.allclose(found, 2**0.7 * wave.reshape(-1), atol=1e-12)


def test_lbfgs_forgets_a_memory_that_misleads():
    """It points along (1, 1), into a wall; the plain gradient points along it."""
    objective = function_of(lambda image: image[..., 0].sum().neg() + 1e9 * image[..., 1].abs().sum())
    first = next(lbfgs(objective, torch.zeros(1, 1, 1, 2).double(), bounds=None))
    state, pairs = first.state(), History(10, first.image, PLAIN)
    remember(pairs, torch.tensor([1.0, 1.0]).double(), torch.tensor([1.0, 0.0]).double())
    products = pairs.products(state["gradient"])
    assert pairs.direction(state["gradient"], 1.0, *products[2:].numpy())[0].tolist() == [1, 1]
    misled = {**pairs.state(), "products": products.tolist()}
    after = next(lbfgs(objective, first.image, bounds=None, state={**state, **misled}))
    assert after.loss < first.loss and not after.stop
    assert after.image[..., 1].item() == 0


@pytest.mark.parametrize("function", [*FUNCTIONS.values(), lambda x: (x - 2).abs().sqrt().sum()])
@pytest.mark.parametrize("bounds", [None, (0.2, 0.8)])
def test_lbfgs_never_goes_up(function, bounds, rng):
    losses = [step.loss for step in optimize(function_of(function), start(rng), evaluations=150, bounds=bounds)]
    assert len(losses) > 2
    assert all(after <= before for before, after in pairwise(losses))


def test_lbfgs_finds_a_corner_of_the_box(rng):
    """Every pixel is driven to a bound, where the gradient is far from 0."""
    slope = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    *_, last = lbfgs(function_of(lambda image: (slope * image).sum()), start(rng))
    assert torch.equal(last.image, (slope < 0).double().expand(SHAPE))
    assert last.stop is Stop.CONVERGED


def test_lbfgs_first_trial_moves_pixels_by_what_was_asked(rng):
    spy = Spy(lambda image: 1e6 * (image**2).sum())
    next(islice(lbfgs(spy, start(rng), first_move=0.02, bounds=None), 1, None))
    assert (spy.calls[1][0] - spy.calls[0][0]).abs().mean().item() == pytest.approx(0.02)


def test_lbfgs_at_the_minimum_says_so(rng):
    steps = list(lbfgs(function_of(lambda image: ((image - 0.5) ** 2).sum()), torch.full(SHAPE, 0.5)))
    assert [step.stop for step in steps] == [None, Stop.CONVERGED]
    assert steps[-1].loss == 0


# Adam


@pytest.mark.parametrize("schedule", [(), ((10, 0.01), (30, 0.002))], ids=["one rate", "schedule"])
@ANY
def test_adam_goes_where_pytorchs_goes(function, schedule, rng):
    image = start(rng)
    settings = {"betas": (0.8, 0.99), "epsilon": 1e-3}
    ours = islice(adam(function_of(function), image, rate=0.05, schedule=schedule, bounds=None, **settings), 50)
    pixels = image.clone().requires_grad_()
    memory = {"exp_avgs": [torch.zeros_like(image)], "exp_avg_sqs": [torch.zeros_like(image)], "max_exp_avg_sqs": []}
    memory["state_steps"] = [torch.tensor(0.0)]
    fixed = {"beta1": 0.8, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
    for number, step in enumerate(ours):
        np.testing.assert_allclose(step.image, pixels.detach(), atol=1e-6, err_msg=f"iteration {number}")
        loss = function(pixels)
        gradient = torch.autograd.grad(loss, pixels)
        assert step.loss == pytest.approx(loss.item(), rel=1e-6)
        rate = 0.05 if not schedule or number < 10 else 0.01 if number < 30 else 0.002
        with torch.no_grad():  # the function inside torch.optim.Adam, whose class takes seconds to import
            torch_adam([pixels], list(gradient), **memory, lr=rate, **fixed)
    assert number == 49


def test_adam_projected_onto_its_bounds_finds_the_minimum_that_scipy_finds(rng):
    image, function = start(rng), bowl(10)
    judge = scipy_minimum(function, image, (0.0, 1.0))
    schedule = ((200, 0.005), (400, 0.0005))
    *_, last = optimize(function_of(function), image, "adam", evaluations=600, rate=0.05, schedule=schedule)
    np.testing.assert_allclose(last.image.reshape(-1), judge.x, atol=1e-3)
    assert (last.image == 1).any()


def test_adam_can_carry_the_running_mean_of_its_images(rng):
    spy = Spy(FUNCTIONS["bowl"])
    *_, last = islice(adam(spy, start(rng), average=0.9), 8)
    weights = [0.9 ** (7 - i) for i in range(8)]
    mean = sum(w * image for w, (image, _, _) in zip(weights, spy.calls, strict=True)) / sum(weights)
    np.testing.assert_allclose(last.image, mean, rtol=1e-12)


# What both promise


@BOTH
def test_every_image_is_within_its_bounds(name, rng):
    spy = Spy(bowl(10))
    outside = 3 * start(rng) - 1
    assert outside.min() < 0 and outside.max() > 1
    steps = list(optimize(spy, outside, name, evaluations=60))
    assert all(image.min() >= 0 and image.max() <= 1 for image, _, _ in spy.calls)
    assert all(step.image.min() >= 0 and step.image.max() <= 1 for step in steps)
    assert steps[-1].image.max() == 1  # the minimum lies outside: the bound is reached


@BOTH
def test_bounds_can_differ_by_channel(name, rng):
    low, high = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    spy = Spy(lambda image: -image[:, :2].sum() + image[:, 2:].sum())
    *_, last = optimize(spy, start(rng), name, evaluations=80, bounds=(low, high))
    expected = torch.tensor([0.4, 0.5, 0.3], dtype=torch.float64).view(1, 3, 1, 1).expand(SHAPE)
    assert torch.equal(last.image, expected)
    least = torch.tensor(low, dtype=torch.float64).view(1, 3, 1, 1)
    assert all((image >= least).all() for image, _, _ in spy.calls)


@BOTH
def test_without_bounds_pixels_go_where_they_like(name, rng):
    *_, last = optimize(function_of(bowl(10)), start(rng), name, evaluations=200, bounds=None)
    assert last.image.max() > 1.1


@BOTH
def test_evaluations_are_the_calls_of_the_objective(name, rng):
    spy = Spy(FUNCTIONS["rosenbrock"])
    for step in optimize(spy, start(rng), name, evaluations=50):
        assert step.evaluations == len(spy.calls)
    assert step.evaluations >= 50
    assert step.stop is Stop.BUDGET
    assert step.evaluations <= 50 + (20 if name == "lbfgs" else 0)  # within one line search


@BOTH
def test_a_step_reports_the_loss_and_terms_of_its_image(name, rng):
    function = FUNCTIONS["rosenbrock"]
    steps = list(optimize(Spy(function), start(rng), name, evaluations=30))
    for number, step in enumerate(steps):
        assert step.iteration == number
        assert step.loss == pytest.approx(function(step.image).item(), rel=1e-12)
        assert dict(step.terms) == pytest.approx({"half": step.loss / 4, "rest": step.loss * 3 / 4})
        assert not step.image.requires_grad and step.image.shape == SHAPE
        assert step.seconds >= 0
    assert [s.seconds for s in steps] == sorted(s.seconds for s in steps)


@BOTH
def test_images_once_given_are_never_written_to_again(name, rng):
    image = start(rng)
    before, steps, copies = image.clone(), [], []
    for step in optimize(Spy(FUNCTIONS["rosenbrock"]), image, name, evaluations=40):
        steps.append(step)
        copies.append(step.image.clone())
    assert torch.equal(image, before)
    assert all(torch.equal(step.image, copy) for step, copy in zip(steps, copies, strict=True))
    assert not torch.equal(steps[0].image, steps[-1].image)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_images_precision_is_kept(name, dtype, rng):
    *_, last = optimize(Spy(FUNCTIONS["bowl"]), start(rng, dtype), name, evaluations=10)
    assert last.image.dtype == dtype
    assert last.loss < FUNCTIONS["bowl"](start(rng.manual_seed(0), dtype)).item()


@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_start_in_half_precision_goes_on_in_single(name, dtype, rng):
    half = start(rng, torch.float32).to(dtype)
    *_, last = optimize(lambda image: (1e-12 * FUNCTIONS["bowl"](image), {}), half, name, evaluations=30)
    *_, single = optimize(lambda image: (1e-12 * FUNCTIONS["bowl"](image), {}), half.float(), name, evaluations=30)
    assert last.image.dtype == torch.float32 and torch.equal(last.image, single.image)
    assert last.loss < 1e-12 * FUNCTIONS["bowl"](half.float()).item()


def test_the_slopes_of_a_large_half_precision_picture_add_up_to_a_number():
    white = torch.ones(1, 3, 512, 512, dtype=torch.float16)
    *_, last = optimize(lambda image: (0.1 * image.float().sum(), {}), white, "adam", evaluations=3)
    assert last.stop is Stop.BUDGET


@BOTH
def test_break_ends_the_work(name, rng):
    spy = Spy(FUNCTIONS["rosenbrock"])
    for step in optimize(spy, start(rng), name, evaluations=500):
        if step.iteration == 5:
            break
    assert len(spy.calls) == step.evaluations < 50


@BOTH
def test_time_stops_it(name, rng, monkeypatch):
    """A clock that goes on by a second with each evaluation."""
    spy = Spy(FUNCTIONS["rosenbrock"])
    clock = SimpleNamespace(perf_counter=lambda: float(len(spy.calls)))
    monkeypatch.setattr(importlib.import_module("nstlib.optimizers.evaluator"), "time", clock)
    steps = list(optimize(spy, start(rng), name, evaluations=None, seconds=12))
    assert steps[-1].stop is Stop.TIME
    assert steps[-1].seconds >= 12 > steps[-2].seconds


def test_a_plateau_stops_it(rng):
    """A loss that falls by a tenth each iteration until it stands."""
    calls = []

    def objective(image):
        calls.append(1)
        return 0 * image.sum() + max(0.9 ** len(calls), 0.9**30), {}

    *_, last = optimize(objective, start(rng), "adam", evaluations=200, plateau=0.01, window=10)
    assert last.stop is Stop.PLATEAU
    assert last.iteration == 29 + 10
    calls.clear()
    *_, last = optimize(objective, start(rng), "adam", evaluations=100, window=10)
    assert last.stop is Stop.BUDGET and last.evaluations == 100


def test_a_window_of_no_iteration_is_refused(rng):
    with pytest.raises(InputError, match="window=0: expected a whole number of at least 1"):
        next(optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), plateau=0.1, window=0))


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_a_function_is_optimised_in_inference_mode_too(rng, method):
    image = start(rng)
    expected = [step.loss for step in optimize(Spy(FUNCTIONS["rosenbrock"]), image, method, evaluations=3)]
    with torch.inference_mode():
        assert [
            step.loss for step in optimize(Spy(FUNCTIONS["rosenbrock"]), image.clone(), method, evaluations=3)
        ] == expected


def test_lbfgs_stops_on_a_plateau_too(rng):
    steps = list(optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), evaluations=500, plateau=0.5, window=3))
    assert steps[-1].stop is Stop.PLATEAU
    *_, before, _, _, last = (step.loss for step in steps)
    assert last > 0.5 * before


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_at_the_start_stops_it(name, value, rng):
    (only,) = optimize(function_of(lambda image: image.sum() * value), start(rng), name)
    assert only.stop is Stop.LOSS
    assert not math.isfinite(only.loss)
    assert torch.equal(only.image, start(rng.manual_seed(0)))


@BOTH
@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_the_last_good_image_survives_a_loss_that_is_no_number(name, bad, rng):
    function, calls = FUNCTIONS["rosenbrock"], []

    def objective(image):
        calls.append(1)
        value = function(image)
        if len(calls) > 8:
            value = value * math.nan if bad == "loss" else value + (image.sum() * 0).sqrt()  # finite, its slope is not
        return value, {}

    steps = list(optimize(objective, start(rng), name, evaluations=200))
    last = steps[-1]
    assert len(steps) > 3 and last.stop
    assert last.image.isfinite().all() and math.isfinite(last.loss)
    assert last.loss == pytest.approx(function(last.image).item(), rel=1e-12)
    assert last.evaluations == len(calls)
    if name == "adam":
        assert last.stop is (Stop.LOSS if bad == "loss" else Stop.GRADIENT)
        assert len(calls) == 9


def test_lbfgs_steps_back_from_where_the_loss_is_no_number(rng):
    """A logarithm's edge: the line search turns around instead of giving up."""
    objective = function_of(lambda image: (image - 3 * (image - 0.2).log()).sum())
    steps = list(optimize(objective, torch.full(SHAPE, 0.21, dtype=torch.float64), evaluations=100, bounds=None))
    assert steps[-1].loss == pytest.approx(12 * (3.2 - 3 * math.log(3)), rel=1e-9)


@BOTH
def test_going_on_from_a_state_is_exact(name, rng, tmp_path):
    method, image = OPTIMIZERS[name], start(rng, torch.float32)
    options = {"average": 0.9, "schedule": ((13, 0.01),)} if name == "adam" else {"history": 4}
    whole = list(islice(method(Spy(FUNCTIONS["rosenbrock"]), image, **options), 25))
    run = method(Spy(FUNCTIONS["rosenbrock"]), image, **options)
    first = list(islice(run, 11))
    kept, file = first[-1].state(), tmp_path / "state.pt"
    torch.save(kept, file)
    list(islice(run, 3))  # which must not touch what was kept
    for state in (kept, torch.load(file, weights_only=True)):
        rest = list(islice(method(Spy(FUNCTIONS["rosenbrock"]), image, state=state, **options), 14))
        for a, b in zip([*first, *rest], whole, strict=True):
            assert (a.iteration, a.evaluations, a.loss, a.terms) == (b.iteration, b.evaluations, b.loss, b.terms)
            assert torch.equal(a.image, b.image)
    assert not torch.equal(whole[10].image, whole[-1].image)


@BOTH
def test_the_same_run_twice_is_the_same(name, rng):
    image = start(rng, torch.float32)
    runs = [list(optimize(Spy(FUNCTIONS["bowl"]), image, name, evaluations=30)) for _ in range(2)]
    assert all(a.loss == b.loss and torch.equal(a.image, b.image) for a, b in zip(*runs, strict=True))


def test_the_budget_counts_from_the_very_start(rng):
    *_, half = optimize(Spy(FUNCTIONS["bowl"]), start(rng), "adam", evaluations=10)
    *_, last = optimize(Spy(FUNCTIONS["bowl"]), start(rng), "adam", evaluations=25, state=half.state())
    assert last.evaluations == 25 and last.iteration == 24


def test_lbfgs_keeps_no_more_than_its_history(rng):
    *_, last = optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), evaluations=40, history=3)
    assert len(last.state()["order"]) == 3
    assert last.state()["S"].shape == last.state()["Y"].shape == (4, 12)


@BOTH
@pytest.mark.parametrize(
    ("objective", "says"),
    [
        (lambda x: x.sum(), r"gave a Tensor: give \(total, terms\)"),
        (lambda x: (x.sum(), 1.0), "give .total, terms."),
        (lambda x: (x.detach().sum(), {}), "total has no gradient"),
        (lambda x: (float(x.sum().detach()), {}), "total has no gradient"),
    ],
)
def test_an_objective_that_is_none_is_told(name, objective, says, rng):
    with pytest.raises(InputError, match=says):
        next(optimize(objective, start(rng), name))


@BOTH
def test_an_objective_is_differentiated_where_nothing_else_is(name, rng):
    image = start(rng)
    *_, outside = optimize(function_of(rosenbrock), image, name, evaluations=5)
    with torch.no_grad():
        *_, inside = optimize(function_of(rosenbrock), image, name, evaluations=5)
    assert torch.equal(inside.image, outside.image)


@pytest.mark.parametrize("given", ["lbgfs", "LBFGS", "sgd"])
def test_an_unknown_optimizer_is_refused_before_any_work(given, rng):
    hint = {"lbgfs": "did you mean 'lbfgs'? "}.get(given, "")
    with pytest.raises(InputError) as caught:
        list(optimize(lambda image: pytest.fail("it was evaluated"), start(rng), given))
    assert str(caught.value) == f"unknown optimizer '{given}': {hint}There are: adam, lbfgs"


@pytest.mark.parametrize("evaluations", [0, -3])
def test_a_budget_of_nothing_is_refused(evaluations, rng):
    with pytest.raises(InputError, match=f"evaluations={evaluations}: expected a whole number of at least 1"):
        list(optimize(lambda image: pytest.fail("it was evaluated"), start(rng), evaluations=evaluations))


@BOTH
def test_a_budget_of_one_reports_the_start(name, rng):
    (only,) = optimize(Spy(FUNCTIONS["bowl"]), start(rng), name, evaluations=1)
    assert isinstance(only, Step) and only.iteration == 0
    assert torch.equal(only.image, start(rng.manual_seed(0)))


# How it is computed


@pytest.mark.parametrize("size", [10, 50])
@pytest.mark.parametrize("pixels", [3, 12, 30])
@pytest.mark.parametrize("kind", ["bowl", "rosenbrock"])
def test_lbfgs_needs_no_more_evaluations_than_pytorchs(kind, pixels, size, rng):
    """Down to 1e-8, each with a strong Wolfe line search of its own; the count may differ by 0.3."""
    stiff = torch.logspace(0, 3, pixels, dtype=torch.float64)
    bottom = torch.linspace(0.3, 1.2, pixels, dtype=torch.float64)
    function = rosenbrock if kind == "rosenbrock" else lambda x: (stiff * (x.reshape(-1) - bottom) ** 2).sum() / 2
    image = torch.rand(1, 3, 1, pixels // 3, generator=rng, dtype=torch.float64)
    theirs, ours = Spy(function), Spy(function)
    torch_lbfgs(lambda x: theirs(x)[0], image, size)
    next(step for step in islice(lbfgs(ours, image, history=size, bounds=None), 1000) if step.loss < 1e-8)
    needed = [next(i for i, (_, value, _) in enumerate(spy.calls) if value < 1e-8) for spy in (theirs, ours)]
    assert needed[1] <= 1.3 * needed[0]


def torch_lbfgs(function, image, history):
    pixels = image.clone().requires_grad_()
    solver = LBFGS(
        [pixels],
        lr=1,
        max_iter=1000,
        max_eval=500,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=history,
        line_search_fn="strong_wolfe",
    )

    def closure():
        pixels.grad = None
        value = function(pixels)
        value.backward()
        return value

    solver.step(closure)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_lbfgs_does_not_mind_the_unit_of_the_loss(scale, rng):
    image = start(rng)
    plain, scaled = (
        [step.loss for step in islice(lbfgs(function_of(f), image), 30)]
        for f in (FUNCTIONS["bowl"], lambda x: scale * FUNCTIONS["bowl"](x))
    )
    np.testing.assert_allclose(np.array(scaled) / scale, plain, rtol=1e-6)


@BOTH
@pytest.mark.parametrize("power", [-120, -70, 60, 100])
def test_gradients_whose_squares_are_no_numbers_in_single_precision_lead_the_same_way(name, power, rng, tmp_path):
    """Exactly the same: a power of two changes no digit."""
    start = torch.rand(SHAPE, generator=rng)
    scale, options = 2.0**power, {"epsilon": 2.0**-200} if name == "adam" else {}

    def scaled(image):
        return bowl()(image) * scale

    plain = list(optimize(function_of(bowl()), start, name, evaluations=25, **options))
    if name == "adam":
        options["epsilon"] *= scale
    made = list(optimize(function_of(scaled), start, name, evaluations=25, **options))
    assert [step.evaluations for step in made] == [step.evaluations for step in plain]
    assert all(torch.equal(one.image, other.image) for one, other in zip(made, plain, strict=True))
    assert [step.loss for step in made] == [step.loss * scale for step in plain]
    *_, left = optimize(function_of(scaled), start, name, evaluations=9, **options)
    torch.save(left.state(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    *_, last = optimize(function_of(scaled), start, name, evaluations=25, state=state, **options)
    assert torch.equal(last.image, plain[-1].image) and last.loss == made[-1].loss


def test_the_unit_is_a_number_of_single_precision():
    for largest in (1e-45, 3e38):
        unit = torch.tensor(unit_of(torch.tensor([0.0, largest])))
        assert 0 < unit < math.inf
    assert unit_of(torch.tensor([math.nan])) == unit_of(torch.tensor([math.inf])) == unit_of(torch.zeros(2)) == 1


@pytest.mark.parametrize("operation", ["addcdiv", "Tensor.addcmul_", "Tensor.sqrt_", "Tensor.clamp"])
def test_adam_that_is_interrupted_in_the_midst_of_a_move_goes_on_exactly(operation, rng, monkeypatch):
    start = torch.rand(SHAPE, generator=rng)
    options = {"evaluations": 30, "average": 0.5}
    whole = list(optimize(function_of(bowl()), start, "adam", **options))
    *parents, name = operation.split(".")
    place, calls = getattr(torch, parents[0]) if parents else torch, []
    real = getattr(place, name)

    def trap(*given, **more):
        calls.append(1)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return real(*given, **more)

    monkeypatch.setattr(place, name, trap)
    made = []
    with pytest.raises(KeyboardInterrupt):
        for step in optimize(function_of(bowl()), start, "adam", **options):
            made.append(step)
    newest = made[-1].newest()
    rest = list(optimize(function_of(bowl()), start, "adam", state=newest.state(), **options))
    assert newest.evaluations + len(rest) == 30 and torch.equal(rest[-1].image, whole[-1].image)


def test_single_precision_is_as_good_as_it_can_be(rng):
    *_, last = optimize(function_of(bowl(1e2)), start(rng, torch.float32), evaluations=100, bounds=None)
    assert last.loss < 1e-9


class Hashed:
    """A quadratic with the error of half precision: the same at the same image, and anything at its neighbour."""

    def __init__(self, noise):
        self.noise, self.evaluations = noise, 0
        self.stiff = torch.logspace(0, 3, 30, dtype=torch.float64)

    def true(self, image):
        return 10 + (self.stiff * (image.reshape(-1) - 0.5) ** 2).sum().item() / 2

    def value_and_gradient(self, image):
        self.evaluations += 1
        rng = np.random.default_rng(zlib.crc32(image.numpy().tobytes()))
        gradient = self.stiff * (image.reshape(-1) - 0.5)
        error = torch.from_numpy(rng.standard_normal(30)) * gradient.norm() / 30**0.5
        value = torch.tensor(self.true(image) * (1 + self.noise * rng.uniform(-1, 1)), dtype=torch.float64)
        return value, {}, (gradient + self.noise * error).view(image.shape)


@pytest.mark.parametrize("noise", [1e-3, 3e-3, 1e-2])
def test_with_its_noise_known_lbfgs_goes_on(noise):
    """Where a search that believes every digit wastes its trials, and then gives up above the bottom at 10."""

    def runs(**options):
        above, moves, evaluations, stuck = 0.0, 0, 0, 0
        for seed in range(5):
            objective = Hashed(noise)
            image = torch.rand(1, 3, 1, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            steps = list(optimize(objective, image, evaluations=80, bounds=None, **options))
            above += objective.true(min(steps, key=lambda step: step.loss).image) - 10
            moves, evaluations = moves + steps[-1].iteration, evaluations + objective.evaluations
            stuck += steps[-1].stop is not Stop.BUDGET
        return above, moves / evaluations, stuck

    (above, share, stuck), (above_blind, share_blind, stuck_blind) = runs(noise=noise), runs()
    assert above < 0.2 * above_blind
    assert share > 1.3 * share_blind  # of the evaluations, those that moved the image
    assert stuck == 0 and stuck_blind >= 3


def test_noise_is_no_licence_to_stand_still():
    """All pixels at their bounds, or no slope at all: nothing moves, so nothing is a step."""
    corner = lbfgs(function_of(lambda image: image.sum() + 1), torch.zeros(SHAPE), noise=1e-2)
    assert [step.stop for step in corner] == [None, Stop.CONVERGED]
    lost_in_rounding = lbfgs(function_of(lambda image: image.sum()), torch.ones(SHAPE), noise=1e-2, first_move=1e-12)
    assert [step.stop for step in islice(lost_in_rounding, 9)] == [None, Stop.CONVERGED]


def test_the_pair_remembered_is_that_of_the_step_taken(rng, monkeypatch):
    """Also where the search ends with an earlier trial than its last: here one more is always made, for nothing."""
    image = start(rng)

    def restless(trial, *arguments, **options):
        found = wolfe(trial, *arguments, **options)
        trial(math.pi)
        return found

    plain = list(islice(lbfgs(function_of(rosenbrock), image), 20))
    monkeypatch.setattr(importlib.import_module("nstlib.optimizers.lbfgs"), "wolfe", restless)
    other = list(islice(lbfgs(function_of(rosenbrock), image), 20))
    assert other[-1].evaluations == plain[-1].evaluations + 19
    assert [step.loss for step in other] == [step.loss for step in plain]


def test_the_slope_of_a_trial_is_that_of_the_pixels_still_under_way():
    """(0.5, 0.5) + (1, 0.1), where the first pixel stops at 0.8."""
    begin = torch.full((1, 1, 1, 2), 0.5, dtype=torch.float64)
    weights = torch.tensor([3.0, 5.0], dtype=torch.float64)
    evaluate = Evaluator(function_of(lambda x: x.reshape(-1) @ weights), begin, (0.0, 0.8))
    pairs = History(1, begin, PLAIN)
    first = evaluate_at(evaluate, pairs, begin.reshape(-1))
    found = evaluate_along(evaluate, pairs, first, torch.tensor([1.0, 0.1], dtype=torch.float64), 1.0)
    assert found.x.tolist() == pytest.approx([0.8, 0.6])
    assert found.slope == pytest.approx(5 * 0.1)
    assert found.promised == pytest.approx(3 * 0.3 + 5 * 0.1)
    assert (found.reach, found.moved) == pytest.approx((0.3, 0.3**2 + 0.1**2))
    assert found.mean_abs == pytest.approx((3 + 5) / 2)


@BOTH
def test_an_evaluation_makes_the_host_wait_once(name, rng, monkeypatch):
    """By whatever way a number or a truth is read from a tensor of the device."""
    image, waits, counts = start(rng), [], []

    def objective(x):
        total = rosenbrock(x)
        counts.append(len(waits))
        return total, {"half": total / 2, "quarter": total / 4}

    def counted(read):
        return lambda self, *args, **kwargs: waits.append(read.__name__) or read(self, *args, **kwargs)

    for way in ("tolist", "item", "numpy", "cpu", "nonzero", "__float__", "__int__", "__bool__", "__array__"):
        monkeypatch.setattr(torch.Tensor, way, counted(getattr(torch.Tensor, way)))
    *_, last = optimize(objective, image, name, evaluations=40, bounds=(0.1, 0.9))
    monkeypatch.undo()
    assert last.evaluations == len(counts) >= 40
    # Once more at the very first, whose gradient decides the unit.
    assert counts == [0, *range(2, len(counts) + 1)] and len(waits) == len(counts) + 1
    assert name == "adam" or last.evaluations > last.iteration + 1  # trials that failed are among them


class Buffered:
    """An objective that differentiates itself, into a buffer that it uses again."""

    def __init__(self, function):
        self.function, self.buffer = function, None

    def value_and_gradient(self, image):
        assert not image.requires_grad and image.shape == SHAPE
        if self.buffer is not None:
            self.buffer.fill_(math.nan)  # whoever still reads it learns
        leaf = image.clone().requires_grad_()
        total = self.function(leaf)
        (gradient,) = torch.autograd.grad(total, leaf)
        self.buffer = gradient if self.buffer is None else self.buffer.copy_(gradient)
        return total.detach(), {"half": total.detach() / 4, "rest": total.detach() * 3 / 4}, self.buffer


@BOTH
def test_an_objective_may_bring_its_own_gradient(name, rng):
    image, function = start(rng), FUNCTIONS["rosenbrock"]
    plain, own = (list(optimize(o, image, name, evaluations=60)) for o in (Spy(function), Buffered(function)))
    for a, b in zip(plain, own, strict=True):
        assert (a.loss, a.terms, a.evaluations) == (b.loss, b.terms, b.evaluations)
        assert torch.equal(a.image, b.image)


@BOTH
def test_a_state_is_made_when_asked_for_and_not_later(name, rng):
    steps = optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), name, evaluations=9)
    early = next(steps)
    assert early.state()["iteration"] == 0
    *_, last = steps
    with pytest.raises(InputError, match=r"step 0 is over: ask for its state\(\) before you ask for the next step"):
        early.state()
    assert last.state()["evaluations"] == last.evaluations


def test_no_state_is_copied_unasked(rng, monkeypatch):
    monkeypatch.setattr(History, "state", lambda self: pytest.fail("it was copied"))
    assert list(optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), evaluations=20))[-1].stop


@BOTH
@pytest.mark.parametrize("evaluations", [5, 12])
def test_a_spent_budget_buys_nothing_more(name, evaluations, rng):
    *_, last = optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), name, evaluations=12)
    never = function_of(lambda image: pytest.fail("it was evaluated"))
    (only,) = optimize(never, start(rng), name, evaluations=evaluations, state=last.state())
    assert only.stop is Stop.BUDGET
    assert torch.equal(only.image, last.image)
    assert (only.loss, only.terms, only.iteration) == (last.loss, last.terms, last.iteration)
    assert only.state().keys() == last.state().keys()


@pytest.mark.parametrize(
    ("bad", "stop"),
    [("loss", Stop.LOSS), ("gradient", Stop.GRADIENT)],
)
@pytest.mark.parametrize("good", [0, 8])
def test_lbfgs_tells_a_broken_loss_from_the_end_of_the_way(bad, stop, good, rng):
    calls = []

    def objective(image):
        calls.append(1)
        value = rosenbrock(image)
        if len(calls) > good:
            value = value * math.nan if bad == "loss" else value + (image.sum() * 0).sqrt()
        return value, {}

    *_, last = optimize(objective, start(rng), evaluations=200)
    assert last.stop == stop
    assert math.isfinite(last.loss) or not good


@pytest.mark.parametrize("given", [0, -1])
def test_a_history_of_nothing_is_refused(given, rng):
    with pytest.raises(InputError, match=f"history={given}: expected a whole number of at least 1"):
        next(lbfgs(function_of(rosenbrock), start(rng), history=given))


@pytest.mark.parametrize("history", [2, 7])
def test_a_run_goes_on_with_another_history(history, rng):
    """The youngest moves are kept: the next point is as good a choice as with all of them."""
    *_, last = optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), evaluations=20, history=4)
    spy, state = Spy(FUNCTIONS["rosenbrock"]), last.state()
    *_, end = optimize(spy, start(rng), evaluations=300, history=history, state=state)
    assert end.loss < 1e-3 * last.loss or end.loss < 1e-12
    assert spy.calls[0][1] < last.loss  # the first trial already goes down, with a memory that fits its rows


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_bowl_is_followed_to_its_very_bottom(n):
    """Where s·y is nearly 0, its inverse would overflow."""
    A = torch.randn(n, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    A = A @ A.T + 0.1 * torch.eye(n)
    start = torch.ones(1, 1, 1, n, dtype=torch.float64)
    *_, last = optimize(lambda x: (x.view(-1) @ A @ x.view(-1), {}), start, "lbfgs", evaluations=3000, bounds=None)
    assert last.stop is Stop.CONVERGED and last.loss < 1e-60


# --- what it is given ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lbfgs", {"rate": 0.1}, "rate is an option of adam: lbfgs takes history, "),
        ("adam", {"epsilom": 1}, "unknown option of adam 'epsilom': did you mean 'epsilon'"),
        ("adam", {"bounds": (1, 0)}, "leave a pixel no room: give"),
        ("lbfgs", {"bounds": ((0, 0.5, 0), (1, 0.5, 1))}, "leave a pixel no room: give"),
        ("lbfgs", {"bounds": 1.0}, "leave a pixel no room: give"),
        ("adam", {"schedule": ((5, 0.1), (2, 0.2))}, "does not rise: give pairs"),
        ("adam", {"schedule": (5, 0.1)}, "does not rise: give pairs"),
        ("adam", {"state": {"iteration": 3}}, "no state of adam"),
    ],
)
def test_what_an_optimiser_cannot_take_is_refused_before_any_work(name, options, says, rng):
    for method in (partial(optimize, optimizer=name), OPTIMIZERS[name]):
        with pytest.raises(InputError, match=says):
            list(method(lambda image: pytest.fail("it was evaluated"), start(rng), **options))


def test_an_optimiser_alone_is_as_careful_as_the_loop(rng):
    never = function_of(lambda image: pytest.fail("it was evaluated"))
    for method, options in ((adam, {"rate": -0.02}), (lbfgs, {"bounds": (1, 0)}), (adam, {"bounds": ((0, 0), 1)})):
        with pytest.raises(InputError, match=r"expected|give"):
            method(never, start(rng), **options)
    for method in (adam, lbfgs, lambda *given: list(optimize(*given))):
        with pytest.raises(InputError, match="a NoneType is no objective"):
            method(None, start(rng))
        with pytest.raises(InputError, match="not str: give load_image"):
            method(never, "content/harbour")
        with pytest.raises(InputError, match=r"\(3, 2, 2\) is no image to start from: give \(1, 3, height, width\)"):
            method(never, start(rng)[0])
    picture = load_image("content/harbour", 32)
    assert next(lbfgs(function_of(lambda image: image.sum()), picture)).image.shape == picture.pixels.shape


@BOTH
def test_an_optimiser_alone_works_in_inference_mode(name, rng):
    image, method = start(rng), OPTIMIZERS[name]
    expected = list(islice(method(function_of(rosenbrock), image), 3))
    with torch.inference_mode():
        found = list(islice(method(function_of(rosenbrock), image.clone()), 3))
    assert all(torch.equal(a.image, b.image) and a.loss == b.loss for a, b in zip(found, expected, strict=True))


def test_the_state_of_another_optimiser_is_refused(rng):
    *_, step = optimize(function_of(rosenbrock), start(rng), "adam", evaluations=3)
    with pytest.raises(InputError, match="no state of lbfgs"):
        list(optimize(function_of(rosenbrock), start(rng), "lbfgs", evaluations=9, state=step.state()))


def test_bounds_may_be_given_in_many_ways(rng):
    image = start(rng)
    many = [(0.2, 0.8), ((0.2,) * 3, (0.8,) * 3), (torch.tensor(0.2), np.float64(0.8)), (torch.full((3,), 0.2), 0.8)]
    ends = [list(optimize(function_of(rosenbrock), image, evaluations=9, bounds=pair))[-1].image for pair in many]
    assert all(torch.allclose(end, ends[0], atol=1e-6) for end in ends)


def test_a_picture_may_be_the_start():
    picture = load_image("content/harbour", 32)
    *_, step = optimize(lambda image: (image.square().sum(), {}), picture, evaluations=2)
    assert step.image.shape == picture.pixels.shape
    with pytest.raises(InputError, match="not str: give load_image"):
        list(optimize(lambda image: pytest.fail("it was evaluated"), "content/harbour"))


@BOTH
def test_a_step_may_be_kept_in_a_file_without_the_optimisers_memory(name, rng):
    *_, step = optimize(function_of(rosenbrock), start(rng), name, evaluations=4)
    kept = pickle.loads(pickle.dumps(step))
    assert (kept.loss, kept.stop, kept.newest()) == (step.loss, step.stop, kept) and torch.equal(kept.image, step.image)
    with pytest.raises(InputError, match="kept without its optimiser's memory"):
        kept.state()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"average": 1}),
        ("adam", {"rate": -1}),
        ("adam", {"betas": (1, 1)}),
        ("adam", {"betas": 0.9}),
        ("adam", {"epsilon": 0}),
        ("adam", {"evaluations": math.nan}),
        ("adam", {"evaluations": "5"}),
        ("lbfgs", {"noise": math.nan}),
        ("lbfgs", {"first_move": 0}),
        ("lbfgs", {"history": 2.5}),
        ("lbfgs", {"window": 1.5}),
        ("lbfgs", {"seconds": -1}),
        ("lbfgs", {"bounds": "ab"}),
        ("lbfgs", {"bounds": ([0, 0.2], [0.5, 0.6])}),
        ("lbfgs", {"state": "abc"}),
    ],
)
def test_an_option_out_of_its_range_is_refused_before_any_work(name, options, rng):
    with pytest.raises(InputError, match=r"expected|give"):
        list(optimize(lambda image: pytest.fail("it was evaluated"), start(rng), name, **options))


@BOTH
def test_the_state_of_another_image_is_refused(name, rng):
    *_, step = optimize(function_of(rosenbrock), start(rng), name, evaluations=3)
    with pytest.raises(InputError, match=r"no state of an image of shape \(1, 3, 4, 4\): begin with"):
        list(optimize(function_of(rosenbrock), torch.rand(1, 3, 4, 4), name, state=step.state()))


@BOTH
@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda x: (x.mean((2, 3)), {}), "total has the shape .* add its numbers up"),
        (lambda x: (torch.ones((), requires_grad=True) * 2, {}), "does not look at the image"),
        (lambda x: (x.sum(), {"odd": x}), "term 'odd' is .*: give one number for each term"),
        (lambda x: (x.sum(), {"odd": None}), "term 'odd' is a NoneType: give one number"),
        (lambda x: (x.sum(), {"odd": "much"}), "term 'odd' is a str: give one number"),
    ],
)
def test_an_objective_that_makes_something_else_is_told(name, made, says, rng):
    with pytest.raises(InputError, match=says):
        list(optimize(made, start(rng), name))


def test_what_is_no_objective_is_refused(rng):
    with pytest.raises(InputError, match="a NoneType is no objective"):
        list(optimize(None, start(rng)))
