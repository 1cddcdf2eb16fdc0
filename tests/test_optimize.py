"""The optimisers against SciPy and PyTorch, and the loop's promises: counts, bounds, stops and exact resumption."""

import importlib
import math
from itertools import islice, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.optim.adam import adam as torch_adam

from nstlib.errors import InputError
from nstlib.optimize import OPTIMIZERS, Evaluator, Step, adam, inverse_hessian_times, lbfgs, optimize, wolfe

BOTH = pytest.mark.parametrize("name", OPTIMIZERS)
SHAPE = (1, 3, 2, 2)
SCALAR = torch.zeros(1, 1, 1, 1, dtype=torch.float64)


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
    evaluate = Evaluator(spy, SCALAR, None, 0)
    loss, gradient = evaluate(SCALAR.reshape(-1))
    found = wolfe(evaluate, SCALAR.reshape(-1), loss, gradient, -gradient, first, curvature=0.01, trials=40)
    point, value, slope, _ = found
    assert value <= loss - 1e-4 * abs(gradient.item() * point.item())
    assert abs(slope.item()) <= 0.01 * abs(gradient.item())
    assert evaluate.count == len(spy.calls) < 30


def test_line_search_wants_more_than_a_token():
    """At t = 1 this cubic lies a millionth below its start and is flat enough; its valley is at 0.26."""
    evaluate = Evaluator(function_of(lambda t: (-t + (2.5 - 1e-6) * t**2 - 1.5 * t**3).sum()), SCALAR, None, 0)
    x = SCALAR.reshape(-1)
    loss, gradient = evaluate(x)
    point, value, *_ = wolfe(evaluate, x, loss, gradient, -gradient, 1.0)
    assert 0 < point.item() < 0.6
    assert value < loss - 0.05


@pytest.mark.parametrize("bounds", [None, (-1.0, 0.0)], ids=["uphill", "against a bound"])
def test_line_search_returns_nothing_where_no_step_helps(bounds):
    evaluate = Evaluator(function_of(lambda x: (x**2 if bounds is None else -x).sum()), SCALAR, bounds, 0)
    loss, gradient = evaluate(SCALAR.reshape(-1))
    assert wolfe(evaluate, SCALAR.reshape(-1), loss, gradient, torch.ones(1).double(), 1.0) is None


def test_two_loops_multiply_by_the_matrix_of_bfgs(rng):
    """The judge writes the matrix H out, by its update formula (Nocedal & Wright 2006, equation 6.17)."""
    moves, changes = torch.randn(2, 4, 6, generator=rng, dtype=torch.float64).unbind()
    changes = [y if s @ y > 0 else -y for s, y in zip(moves, changes, strict=True)]
    gradient = torch.randn(6, generator=rng, dtype=torch.float64)
    s, y = moves[-1].numpy(), changes[-1].numpy()
    matrix = np.eye(6) * (s @ y) / (y @ y)
    for s, y in ((m.numpy(), c.numpy()) for m, c in zip(moves, changes, strict=True)):
        left = np.eye(6) - np.outer(s, y) / (s @ y)
        matrix = left @ matrix @ left.T + np.outer(s, s) / (s @ y)
    found = inverse_hessian_times(gradient, list(moves), changes)
    np.testing.assert_allclose(found, matrix @ gradient.numpy(), rtol=1e-9)
    assert torch.equal(inverse_hessian_times(gradient, [], []), gradient)


def test_lbfgs_forgets_a_memory_that_misleads():
    """It points along (1, 1), into a wall; the plain gradient points along it."""
    objective = function_of(lambda image: image[..., 0].sum().neg() + 1e9 * image[..., 1].abs().sum())
    first = next(lbfgs(objective, torch.zeros(1, 1, 1, 2).double(), bounds=None))
    misled = {"moves": [torch.tensor([1.0, 1.0]).double()], "changes": [torch.tensor([1.0, 0.0]).double()]}
    direction = -inverse_hessian_times(first.state["gradient"], **misled)
    assert direction.tolist() == [1, 1]
    after = next(lbfgs(objective, first.image, bounds=None, state={**first.state, **misled}))
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
    assert last.stop == "no step lowers the loss any more"


def test_lbfgs_first_trial_moves_pixels_by_what_was_asked(rng):
    spy = Spy(lambda image: 1e6 * (image**2).sum())
    next(islice(lbfgs(spy, start(rng), first_move=0.02, bounds=None), 1, None))
    assert (spy.calls[1][0] - spy.calls[0][0]).abs().mean().item() == pytest.approx(0.02)


def test_lbfgs_at_the_minimum_says_so(rng):
    steps = list(lbfgs(function_of(lambda image: ((image - 0.5) ** 2).sum()), torch.full(SHAPE, 0.5)))
    assert [step.stop for step in steps] == ["", "no step lowers the loss any more"]
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
    assert step.stop == "the budget of 50 evaluations is spent"
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
    monkeypatch.setattr(importlib.import_module("nstlib.optimize"), "time", clock)
    steps = list(optimize(spy, start(rng), name, evaluations=None, seconds=12))
    assert steps[-1].stop == "the time of 12 s is up"
    assert steps[-1].seconds >= 12 > steps[-2].seconds


def test_a_plateau_stops_it(rng):
    """A loss that falls by a tenth each iteration until it stands."""
    calls = []

    def objective(image):
        calls.append(1)
        return 0 * image.sum() + max(0.9 ** len(calls), 0.9**30), {}

    *_, last = optimize(objective, start(rng), "adam", evaluations=200, plateau=0.01, window=10)
    assert last.stop == "the loss fell by less than 1.00% in 10 iterations"
    assert last.iteration == 29 + 10
    calls.clear()
    *_, last = optimize(objective, start(rng), "adam", evaluations=100, window=10)
    assert "budget" in last.stop and last.evaluations == 100


def test_lbfgs_stops_on_a_plateau_too(rng):
    steps = list(optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), evaluations=500, plateau=0.5, window=3))
    assert steps[-1].stop == "the loss fell by less than 50.00% in 3 iterations"
    *_, before, _, _, last = (step.loss for step in steps)
    assert last > 0.5 * before


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_at_the_start_stops_it(name, value, rng):
    (only,) = optimize(function_of(lambda image: image.sum() * value), start(rng), name)
    assert only.stop == "the loss is not a finite number"
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
        assert last.stop == "the loss is not a finite number"
        assert len(calls) == (9 if bad == "loss" else 10)


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
    first = whole[:11]  # its state must have survived the steps after it
    file = tmp_path / "state.pt"
    torch.save(dict(first[-1].state), file)
    for state in (first[-1].state, torch.load(file, weights_only=True)):
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
    *_, last = optimize(Spy(FUNCTIONS["bowl"]), start(rng), "adam", evaluations=25, state=half.state)
    assert last.evaluations == 25 and last.iteration == 24


def test_lbfgs_keeps_no_more_than_its_history(rng):
    *_, last = optimize(Spy(FUNCTIONS["rosenbrock"]), start(rng), evaluations=40, history=3)
    assert len(last.state["moves"]) == len(last.state["changes"]) == 3


@pytest.mark.parametrize("given", ["lbgfs", "LBFGS", "sgd"])
def test_an_unknown_optimizer_is_refused_before_any_work(given, rng):
    hint = {"lbgfs": "did you mean 'lbfgs'? "}.get(given, "")
    with pytest.raises(InputError) as caught:
        list(optimize(lambda image: pytest.fail("it was evaluated"), start(rng), given))
    assert str(caught.value) == f"unknown optimizer '{given}': {hint}There are: adam, lbfgs"


@pytest.mark.parametrize("evaluations", [0, -3])
def test_a_budget_of_nothing_is_refused(evaluations, rng):
    with pytest.raises(InputError, match=f"{evaluations} evaluations are none: give at least 1"):
        list(optimize(lambda image: pytest.fail("it was evaluated"), start(rng), evaluations=evaluations))


@BOTH
def test_a_budget_of_one_reports_the_start(name, rng):
    (only,) = optimize(Spy(FUNCTIONS["bowl"]), start(rng), name, evaluations=1)
    assert isinstance(only, Step) and only.iteration == 0
    assert torch.equal(only.image, start(rng.manual_seed(0)))
