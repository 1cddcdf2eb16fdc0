"""Every exercise against its own solution and its own mistakes, every general diagnosis once, every message's tone."""

import math
import re
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from inspect import signature
from itertools import combinations, groupby
from pathlib import Path

import numpy as np
import pytest
import torch
from odd_answers import ODD, Silent
from torch.nn import functional as F

from nstlib import LESSONS, RECIPES
from nstlib.architecture import BACKBONES
from nstlib.descriptions import covariance, gram, mean_std
from nstlib.errors import InputError
from nstlib.exercise import EXERCISES, Choice, Code, Number, Verdict, check, mine, program
from nstlib.exercise.code import COMMA
from nstlib.exercise.handover import trouble_at_work
from nstlib.exercise.lesson_06 import adam_step, bfgs, two_loop
from nstlib.exercise.program import relative
from nstlib.exercise.slips import OF_TORCH
from nstlib.exercise.values import copy
from nstlib.exercise.verdict import NOTHING_BACK
from nstlib.interrupts import Stopped
from nstlib.loss import content_loss
from nstlib.recipes import convert
from nstlib.style import STATISTICS

CODE = [name for name, e in EXERCISES.items() if isinstance(e, Code)]
MISTAKES = [(name, i) for name in CODE for i in range(len(EXERCISES[name].mistakes))]
CHOICES = [name for name, e in EXERCISES.items() if isinstance(e, Choice)]
NUMBERS = [name for name, e in EXERCISES.items() if isinstance(e, Number)]


# Each exercise


@pytest.mark.parametrize("name", CODE)
def test_the_solution_passes(name):
    verdict = check(name, EXERCISES[name].solution)
    assert verdict.passed is True, verdict
    assert verdict.message.startswith("Right on all")


def test_solutions_pass_where_torch_makes_tensors_elsewhere():
    script = """
import torch
torch.set_default_device("meta")  # stands in for "cuda", which needs a GPU
from nstlib import EXERCISES, check, mine
for name, exercise in EXERCISES.items():
    if hasattr(exercise, "solution"):
        assert check(name, exercise.solution).passed, name
        mine(name, exercise.solution)
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_a_check_passes_no_call_of_torch_through_a_mode():
    """An answer that hangs is woken in the midst of whatever it does, and a mode's stack does not survive that."""
    depths = []

    def recorded(features):
        depths.append(torch._C._len_torch_function_stack())
        return gram(features)[0]

    check("04.gram", recorded)
    assert depths and not any(depths)


@pytest.mark.parametrize("name, i", MISTAKES)
def test_a_mistake_is_named(name, i):
    wrong, tell = EXERCISES[name].mistakes[i]
    verdict = check(name, wrong)
    assert (verdict.passed, verdict.message) == (False, tell)


@pytest.mark.parametrize("name", CODE)
@pytest.mark.filterwarnings("error")
def test_no_mistake_of_ours_warns_a_learner(name):
    """They are run beside a wrong answer."""
    for wrong, _ in EXERCISES[name].mistakes:
        EXERCISES[name].run(wrong)


@pytest.mark.parametrize("name", CODE)
def test_no_two_mistakes_behave_alike(name):
    exercise = EXERCISES[name]
    results = [exercise.run(wrong) for wrong, _ in exercise.mistakes]
    alike = [(i, j) for i, j in combinations(range(len(results)), 2) if exercise.agree(results[i], results[j])]
    assert not alike
    rights = [exercise.run(right) for right in (exercise.solution, *exercise.also)]
    assert not any(exercise.agree(found, right) for found in results for right in rights)


@pytest.mark.parametrize("name", NUMBERS)
def test_predictions_by_number(name):
    exercise = EXERCISES[name]
    assert check(name, exercise.answer).passed is True
    for wrong, tell in exercise.mistakes:
        assert check(name, wrong) == Verdict(False, tell)


@pytest.mark.parametrize("name", CHOICES)
def test_predictions_by_letter(name):
    exercise = EXERCISES[name]
    for letter, (_, tell) in exercise.options.items():
        assert check(name, f" {letter.upper()} ") == Verdict(letter == exercise.answer, tell)
    assert tell_count(exercise) == len(exercise.options)
    assert exercise.options[exercise.answer][1].startswith("Right. ")


def tell_count(exercise):
    return len({tell for _, tell in exercise.options.values()})


def test_each_lesson_has_four_with_code_and_a_prediction():
    lessons = Counter(name.split(".")[0] for name in EXERCISES)
    assert set(lessons) == set(LESSONS)
    for lesson, many in lessons.items():
        kinds = {isinstance(e, Code) for name, e in EXERCISES.items() if name.split(".")[0] == lesson}
        assert many >= (12 if lesson == "clinic" else 4)
        assert kinds == {True, False}


def messages():
    for name, exercise in EXERCISES.items():
        if isinstance(exercise, Choice):
            yield from ((name, tell) for _, tell in exercise.options.values())
        else:
            yield from ((name, tell) for _, tell in exercise.mistakes)
            yield name, exercise.why or "Right."
            yield name, getattr(exercise, "hint", "Look.")


def test_messages_are_short_and_calm():
    for name, tell in messages():
        assert whole(tell), (name, tell)
        assert len(tell) <= 125, (name, tell)


def whole(tell):
    """Sentences with a stop, in which nothing is left to fill in."""
    return tell[-1] in ".?" and "!" not in tell and not re.search(r"[{}%]|  | [.,?]", tell)


def test_messages_say_what_is_wrong_and_what_to_do():
    """Two halves, with a colon, a stop or a word like "so" between them."""
    for name in CODE + NUMBERS:
        for _, tell in EXERCISES[name].mistakes:
            assert re.search(r"[:;.?] |, (and|but|from|like|not|or|so|which) ", tell), (name, tell)


def test_messages_within_an_exercise_differ():
    """Where one mistake is made in several ways, they stand together."""
    for name in CODE + NUMBERS:
        told = [tell for tell, _ in groupby(tell for _, tell in EXERCISES[name].mistakes)]
        assert len(set(told)) == len(told), name


@pytest.mark.parametrize("name", CODE)
def test_other_right_answers_pass(name):
    for right in EXERCISES[name].also:
        verdict = check(name, right)
        assert verdict.passed and verdict.message.startswith("Right on all"), verdict


# What learners' cells go on with


@pytest.mark.parametrize("name", CODE)
def test_a_solution_can_be_called_with_the_exercises_own_names(name):
    exercise = EXERCISES[name]
    names = exercise.takes.split()
    if exercise.use:  # its cases are what a program has beside the function
        assert list(signature(exercise.solution).parameters) == names
        return
    by_name = [
        exercise.parts(exercise.solution(**dict(zip(names, copy(case), strict=True)))) for case in exercise.cases
    ]
    assert exercise.agree(by_name, exercise.run(exercise.solution))


@pytest.mark.parametrize("name", [name for name in CODE if EXERCISES[name].painting])
def test_a_solution_paints(name):
    assert trouble_at_work(EXERCISES[name], EXERCISES[name].solution) == ""


def test_solutions_take_more_than_the_cases():
    assert EXERCISES["05.convert"].solution(3.0, 100) == pytest.approx(3.0 * 4 / 100**2)
    H, s, y = (t.double() for t in copy(EXERCISES["06.bfgs"].cases[0]))
    assert EXERCISES["06.bfgs"].solution(H, s, y).dtype == torch.float64
    f, target = copy(EXERCISES["04.style_gradient"].cases[0])
    assert torch.isfinite(EXERCISES["04.style_gradient"].solution(f.requires_grad_() * 1, target)).all()


# An independent judge where the solution is a formula of our own


@pytest.mark.parametrize("name, statistic", [("04.style_gradient", "gram-e"), ("05.style_gradient", "gram-relative")])
def test_the_gradient_of_a_style_term_is_autograds(name, statistic):
    for features, target in EXERCISES[name].cases:
        f = features.clone().requires_grad_()
        slope = torch.autograd.grad(STATISTICS[statistic].distance(gram(f), target), f)[0]
        assert torch.allclose(EXERCISES[name].solution(features, target), slope, atol=1e-6 * slope.abs().max())


def test_adam_is_torchs():
    w = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)
    mine, m, v = w.detach().numpy().copy(), np.zeros(2), np.zeros(2)
    for t, g in enumerate(([3.0, 0.1], [-1.0, 5.0], [2.0, 2.0]), start=1):
        w.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        mine, m, v = adam_step(mine, m, v, np.array(g), t, 0.1)
    np.testing.assert_allclose(mine, w.detach(), rtol=1e-12)


def test_momentum_is_torchs():
    w, v, g, rate, mu = EXERCISES["01b.momentum"].cases[0]
    parameter = torch.tensor(w, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=rate, momentum=mu)
    optimizer.state[parameter]["momentum_buffer"] = torch.tensor(v)
    parameter.grad = torch.tensor(g)
    optimizer.step()
    np.testing.assert_allclose(EXERCISES["01b.momentum"].solution(w, v, g, rate, mu)[0], parameter.detach())


def test_backward_steps_are_autograds():
    dy, x, w = (torch.tensor(a, requires_grad=True) for a in EXERCISES["01.linear_backward"].cases[0])
    b = torch.zeros(w.shape[1], dtype=w.dtype, requires_grad=True)
    for found, wanted in zip(
        EXERCISES["01.linear_backward"].solution(*(t.detach().numpy() for t in (dy, x, w))),
        torch.autograd.grad((x @ w + b), (x, w, b), dy),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted)
    f, p = copy(EXERCISES["05.content_gradient"].cases[0])
    f.requires_grad_()
    (wanted,) = torch.autograd.grad(content_loss(f, p), f)
    assert check("05.content_gradient", lambda f, p: 2 * (f - p) / f.numel())
    assert torch.allclose(EXERCISES["05.content_gradient"].solution(f, p), wanted)


def test_bfgs_keeps_the_secant_and_two_loops_are_the_librarys():
    for H, s, y in EXERCISES["06.bfgs"].cases:
        assert torch.allclose(bfgs(H, s, y) @ y, s, atol=1e-3)
    assert check("06.two_loop", two_loop)


def test_sizes_and_parameters_are_torchs():
    for n, kernel, stride, padding in EXERCISES["02.size"].cases:
        made = F.conv1d(torch.ones(1, 1, n), torch.ones(1, 1, kernel), None, stride, padding)
        assert EXERCISES["02.size"].solution(n, kernel, stride, padding) == made.shape[-1]
    for case in EXERCISES["02.conv_parameters"].cases:
        parameters = sum(p.numel() for p in torch.nn.Conv2d(*case).parameters())
        assert EXERCISES["02.conv_parameters"].solution(*case) == parameters


def test_a_weight_is_exchanged_as_the_library_does():
    relus = {found.channels: name for name, found in BACKBONES["vgg19"].layers.items() if found.kind == "relu"}
    for weight, channels in EXERCISES["05.convert"].cases:
        layer = relus[channels]
        recipe = RECIPES["gatys2016"].changed(statistic="gram-4e/n2", style_layers={layer: weight})
        exchanged = convert(recipe, statistic="gram-e").style_layers[layer]
        assert EXERCISES["05.convert"].solution(weight, channels) == pytest.approx(exchanged)


# General diagnoses


def tell(name, answer):
    verdict = check(name, answer)
    assert verdict.passed is False
    assert "!" not in verdict.message and len(verdict.message) < 250
    return verdict.message


def stub(*arguments):
    raise NotImplementedError("your code here")


@pytest.mark.parametrize("answer", [None, ..., "", stub, lambda features: ...])
def test_not_answered_yet(answer):
    assert check("04.gram", answer) == Verdict(None, "Not answered yet.")


def test_a_function_that_returns_nothing_is_open_and_told_so():
    def forgotten(features):
        features[0].flatten(1) @ features[0].flatten(1).T

    assert check("04.gram", forgotten) == NOTHING_BACK and "return is missing" in NOTHING_BACK.message


def test_not_answered_predictions():
    assert check("04.size", None).passed is check("04.shuffle", ...).passed is None


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match=r"unknown exercise '04.gramm': did you mean '04.gram'\?"):
        check("04.gramm", None)


def test_an_error_is_told_with_its_input_and_line():
    def mine(features):
        f = features[0].flatten(1)
        return f @ f

    told = tell("04.gram", mine)
    assert told.startswith("For features (1, 3, 4, 4) it raises RuntimeError: ")
    assert "mat1 and mat2 shapes cannot be multiplied (3x16 and 3x16)" in told
    assert told.endswith("Print the shapes at line 3 of mine.")


@torch.no_grad()
def decorated(features):
    return features[0] @ features[0].flatten(1)


class AsModule(torch.nn.Module):
    def forward(self, features):
        return features[0] @ features[0].flatten(1)


class AsObject:
    def __call__(self, features):
        return features[0] @ features[0].flatten(1)


@pytest.mark.parametrize(
    "answer, line",
    [
        (decorated, "line 3 of decorated"),
        (partial(decorated), "line 3 of decorated"),
        (AsModule(), "line 2 of forward"),
        (AsObject(), "line 2 of __call__"),
        (AsObject().__call__, "line 2 of __call__"),
    ],
)
def test_the_line_is_the_learners_behind_a_decorator_and_in_an_object(answer, line):
    assert tell("04.gram", answer).endswith(f"at {line}.")


LEAF, ONES = partial(torch.ones, 2, requires_grad=True), partial(torch.ones, 2)
SLIPS = {  # a part of what torch says: how a learner comes by it
    "'keepdim' (position 2)": lambda: torch.ones(1, 2, 3, 4).mean(2, 3),
    "leaf Variable that requires grad": lambda: LEAF().sub_(1),
    "does not require grad and does not have a grad_fn": lambda: ONES().sum().backward(),
    "backward through the graph a second time": lambda: [loss.backward() for loss in 2 * [LEAF().exp().sum()]],
    "appears to not have been used in the graph": lambda: torch.autograd.grad(LEAF().sum(), LEAF()),
    "modified by an inplace operation": lambda: [y.add_(1).sum().backward() for y in [LEAF().exp()]],
    "implicitly created only for scalar": lambda: LEAF().exp().backward(),
    "'NoneType' object has no attribute 'zero_'": lambda: LEAF().grad.zero_(),
    "'float' and 'NoneType'": lambda: 0.1 * LEAF().grad,
    "'Tensor' and 'NoneType'": lambda: ONES() - LEAF().grad,
    "assigned grad expected to be a Tensor": lambda: setattr(LEAF(), "grad", 0),
    "should be an iterable of Tensors": lambda: torch.optim.SGD(LEAF()),
    "can't optimize a non-leaf": lambda: torch.optim.SGD([LEAF().exp()]),
    "same dtype": lambda: ONES() @ ONES().double(),
    "expected scalar type": lambda: torch.nn.functional.conv1d(torch.ones(1, 1, 2), torch.ones(1, 1, 2).double()),
    "not positive-definite": lambda: torch.linalg.cholesky(torch.zeros(2, 2)),
    "used as indices must be": lambda: ONES()[ONES()],
    "valid indices": lambda: ONES()[0.5],
    "can require gradients": lambda: ONES().long().requires_grad_(),
    "could not infer output dtype": lambda: ONES().long().mean(),
    "only support floating point": lambda: ONES().long().std(),
    "can't be cast to the desired output type": lambda: ONES().long().div_(2),
    "Cannot cast ufunc": lambda: np.divide(whole_ones := np.ones(2, int), 2, out=whole_ones),
}


def test_every_usual_slip_of_torch_is_tried():
    assert list(SLIPS) == list(OF_TORCH)
    assert all(whole(told) and len(told) <= 125 for told in OF_TORCH.values())


@pytest.mark.parametrize("words", SLIPS)
def test_a_usual_slip_of_torch_is_told_with_what_to_do(words):
    def mine(features):
        SLIPS[words]()

    told = tell("04.gram", mine)
    assert told.startswith("For features (1, 3, 4, 4) it raises ") and ", at line 2 of mine. " in told
    assert told.endswith(OF_TORCH[words])


def test_too_few_arguments():
    assert "cannot be called" in tell("03.content_loss", lambda features: features)


def test_a_branch_without_return():
    told = tell("04.gram", lambda f: gram(f) if f.shape[1] == 3 and f.any() else None)
    assert told == "Nothing comes back for features (1, 4, 3, 5): look for a branch without return."


def test_a_result_instead_of_a_function():
    assert tell("04.gram", gram(torch.ones(1, 2, 2, 2))) == (
        'This asks for a function: check("04.gram", f) without calling f.'
    )


def test_a_wrong_type():
    assert tell("04.gram", lambda f: "gram") == (
        "For features (1, 3, 4, 4) you return the text 'gram', expected a tensor, an array or a number."
    )
    assert "expected the 3 results dX, dW, db" in tell("01.linear_backward", lambda dy, x, w: dy)


def test_a_wrong_shape():
    told = tell("04.gram", lambda f: gram(f)[None])
    assert told == "Right, but in another shape: for features (1, 3, 4, 4) you have (1, 3, 3), expected (3, 3)."
    told = tell("04.gram", lambda f: 2 * gram(f)[None])
    assert (
        told == "For features (1, 3, 4, 4) you return an array of shape (1, 3, 3), expected an array of shape (3, 3)."
    )
    told = tell("03.content_loss", lambda f, p: (f - p).square().mean((0, 2, 3)))
    assert told.endswith("you return an array of shape (3,), expected a single number.")
    assert tell("04b.mean_std", lambda f: 2 * mean_std(f).T).endswith("Is it transposed?")


def test_a_comma_behind_a_result():
    assert tell("04.gram", lambda f: (gram(f),)) == tell("04.gram", lambda f: (2 * gram(f),)) == COMMA
    step = EXERCISES["01.linear_backward"].solution
    assert tell("01.linear_backward", lambda *given: (step(*given),)) == COMMA
    assert (
        tell("04.gram", lambda f: (gram(f), f)) == "You return 2 results, and one is asked for: leave out the others."
    )
    assert check("02.size", lambda *given: (EXERCISES["02.size"].solution(*given),)).passed, "a number is a number"


@pytest.mark.parametrize("name", [name for name in CODE if EXERCISES[name].use])
def test_a_comma_behind_what_a_program_goes_on_with(name):
    assert tell(name, lambda *given: (EXERCISES[name].solution(*given),)) == COMMA


def test_changed_in_place():
    def mine(features):
        features -= features.mean((2, 3), keepdim=True)
        return gram(features)

    assert "changes features in place" in tell("04b.covariance", mine)


def test_a_copy_of_a_list_whose_tensors_were_changed_is_one_of_its_tensors():
    def shares(gradients):
        for g in gradients:
            g /= 2
        lengths = torch.stack([g.norm() for g in gradients])
        return lengths / lengths.sum()

    assert tell("05.gradient_shares", shares).endswith("work on a copy, [x.clone() for x in gradients].")
    assert check("05.gradient_shares", lambda gradients: shares([x.clone() for x in gradients])).passed
    assert tell("05.gradient_shares", lambda gradients: gradients.pop()).endswith("work on a copy, list(gradients).")


NOT_DIFFERENTIABLE = {
    "detached": (lambda f: gram(f).detach(), "detach, no_grad or torch.tensor cuts it off"),
    "another leaf": (lambda f: gram(f.detach().requires_grad_()), "it does not lead back to the input"),
    "rows": (lambda f: list(gram(f)), "a list of 3 comes back. torch.stack"),
    "lists": (lambda f: gram(f).tolist(), "a list of 3 comes back"),
    "an array": (lambda f: gram(f).detach().numpy(), "an array of NumPy comes back"),
    "through an array": (lambda f: gram(torch.tensor(f.numpy())), "NumPy, at line "),
}


@pytest.mark.parametrize("answer, reason", NOT_DIFFERENTIABLE.values(), ids=NOT_DIFFERENTIABLE)
def test_what_cuts_a_gradient_off_is_told(answer, reason):
    """Where the exercise insists on one; elsewhere the answer is right, and told what painting takes."""
    told = tell("04.gram", answer)
    assert told.startswith("The value is right, but has to carry a gradient: ") and reason in told


def test_a_number_in_place_of_a_tensor():
    told = tell("03.content_loss", lambda f, p: content_loss(f, p).item())
    assert told.endswith("a plain number comes back. Return the tensor, without item() or float().")


def test_a_gradient_that_fails():
    told = tell("04.gram", lambda f: gram(f) / (1 // (not f.requires_grad)))
    assert told.startswith("The value is right, but its gradient fails: For features (1, 3, 4, 4) it raises Zero")


def test_a_part_is_detached():
    def mine(features):
        f = features[0].flatten(1)
        return f @ f.detach().T / f.shape[1]

    assert "is a part of it detached?" in tell("04.gram", mine)


def test_a_root_without_slope():
    def mine(features):
        f = features[0].flatten(1)
        return torch.stack([f.mean(1), f.var(1, correction=0).sqrt()])

    assert "gradient is NaN for features (1, 3, 2, 4)" in tell("04b.mean_std", mine)


def test_a_constant_factor():
    assert tell("04.gram", lambda f: 2 * gram(f)) == "Right up to a factor of 2.0, the same for all inputs."
    assert "factor" not in tell("04.gram", lambda f: 1.002 * gram(f)), "1.0 would be none"
    assert "a factor of 1/3" in tell("04.gram", lambda f: gram(f) / 3)
    assert "up to the sign" in tell("04.gram", lambda f: -gram(f))


def test_a_factor_that_changes():
    told = tell("04.gram", lambda f: gram(f) * f.shape[2] * f.shape[1])
    assert told.startswith("Right up to a factor that changes with the input, 12.0 for features (1, 3, 4, 4)")
    told = tell("07b.blend", lambda a, b, shares: (shares[0] * a + shares[1] * b) / max(shares))
    assert told.endswith(": by what do you multiply or divide?"), "that is no count"
    blend = EXERCISES["07b.blend"].solution
    told = tell("07b.blend", lambda a, b, shares: blend(a, b, shares) * (2 - shares[0] % 2))  # 1 for the first
    assert told.startswith("Right up to a factor that changes with the input, 1.5 for first (4, 4), second (4, 4)")


def test_one_factor_of_several_results():
    """Of a loss and its gradient, where the loss alone is too few numbers to tell it by."""
    told = tell("07.style_loss", lambda F, A: 3 * program.style_loss(F, A))
    assert told == "Right up to a factor of 3.0, the same for loss and gradient."
    assert "factor" not in tell(
        "07.style_loss", lambda F, A: 3 * program.style_loss(F, A).detach() + F["relu1_1"].sum()
    )


@pytest.mark.parametrize(
    ("name", "factor", "told"),
    [
        ("03.content_loss", lambda n, m: 1 / (n * m), "N·H·W times too small, 48 for features (1, 3, 4, 4)"),
        ("08.entropy", lambda n, m: n, "N times too large: divide by it, 3 for maps (1, 3, 4, 4)."),
        ("04.e", lambda n, m: n / m, "H·W stands where N belongs: for features (1, 3, 4, 4), target (1, 3, 4, 4) you"),
        ("04.e", lambda n, m: m, "H·W times too large: divide by it, 16 for features (1, 3, 4, 4)"),
        ("clinic.style_term", lambda n, m: 1 / m, "H·W times too small, 16 for features (1, 3, 4, 4)"),
        (
            "08.entropy",
            lambda n, m: m / n,
            "N stands where H·W belongs: for maps (1, 3, 4, 4) you divide by 3 in place",
        ),
    ],
)
def test_a_factor_that_is_a_count_of_the_map(name, factor, told):
    solution = EXERCISES[name].solution
    answer = tell(name, lambda f, *more: factor(f.shape[1], f[0, 0].numel()) * solution(f, *more))
    assert answer.startswith(told)


def test_transposed():
    def mine(x, kernel, padding):
        return F.conv2d(x.T[None, None], kernel.T[None, None], padding=padding)[0, 0]

    assert tell("02.convolve", mine) == "Right, but transposed: rows and columns are exchanged."
    assert "Right, but transposed" in tell("04b.mean_std", lambda f: mean_std(f).T)


def test_several_results_name_the_wrong_one():
    told = tell("01.linear_backward", lambda dy, x, w: (dy @ w.T, 3 * x.T @ dy, dy.sum(0)))
    assert told == "dW: Right up to a factor of 3.0, the same for all inputs."
    assert tell("01.linear_backward", lambda dy, x, w: (x.T @ dy, dy @ w.T, dy.sum(0))) == (
        "Right, but in another order: return dX, dW, db."
    )


def test_nan():
    told = tell("04b.covariance", lambda f: covariance(f) / f.abs().max())
    assert told.startswith("For features (1, 3, 2, 4) your result holds NaN") and "a log of 0, a root of less" in told


def test_right_on_squares_only():
    told = tell("04.gram", lambda f: gram(f) + (f.shape[2] - f.shape[3]))
    assert told.startswith("Right on squares only: for features (1, 4, 3, 5)")
    told = tell("04.gram", lambda f: gram(f) * (1 + f.shape[2] - f.shape[3]))  # and on a blank map
    assert told.startswith("Right on squares only: for features (1, 4, 3, 5)")


def test_off_at_the_border_only():
    def mine(x, kernel, padding):
        padded = F.pad(x[None, None], (padding,) * 4, value=1.0)
        return F.conv2d(padded, kernel[None, None])[0, 0]

    assert "off at the border only" in tell("02.convolve", mine)


def test_anything_else_shows_the_first_difference():
    told = tell("02.receptive_field", lambda layers: 17)
    assert told == "For layers [(3, 1)] you have 17, expected 3."
    told = tell("02.receptive_field", lambda layers: 1 + 2 * len(layers) + (len(layers) == 4))
    assert told == "Right on 3 of 4 inputs. For layers [(7, 2), (3, 2), (3, 1), (2, 2)] you have 10, expected 23."
    assert tell("06.armijo", lambda loss, new, slope, t: True).endswith("you have True, expected False.")


@pytest.mark.parametrize("never", [-1, 0, 1e9])
def test_a_number_where_infinity_is_right_is_told_as_it_is(never):
    def mine(evaluations, losses, target):
        return next((count for count, loss in zip(evaluations, losses, strict=True) if loss <= target), never)

    assert tell("06b.sooner", mine).endswith(f"you have {never:.5g}, expected inf.")


def test_a_blank_input_alone_is_no_praise():
    assert tell("04.gram", lambda f: gram(f).tril()).startswith("For features (1, 3, 4, 4) you have 0 at [0, 2]")


# What is accepted


@pytest.mark.parametrize("turn", [lambda t: t, torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.double])
def test_arrays_tensors_and_lists_are_accepted_alike(turn):
    assert check("02.max_pool", lambda x: turn(F.max_pool2d(x, 2))).passed
    assert check("02.size", lambda n, k, s, p: turn(torch.tensor((n + 2 * p - k) // s + 1))).passed
    assert check("04.size", turn(torch.tensor([512, 512]))).passed
    assert check("01b.rate", turn(torch.tensor(0.5))).passed


def test_numpy_and_python_numbers():
    assert check("02.conv_parameters", lambda i, o, k: np.int64(i * o * k * k + o)).passed
    assert check("01.first_loss", np.float32(2.3)).passed
    assert check("01.first_loss", [math.log(10)]).passed
    assert check("03.shape", torch.Size([1, 512, 28, 28])).passed
    assert check("06.two_loop", lambda g, S, Y: list(two_loop(g, S, Y))).passed
    assert check("06.armijo", lambda loss, new, slope, t: torch.tensor(new <= loss + 1e-4 * t * slope)).passed


def test_numbers_may_be_rounded_to_two_digits():
    for name, given in ROUNDED.items():
        assert check(name, given).passed, name
    assert check("01b.he", 0.17).message == "0.17 is too small. It is √(2 / number of inputs)."
    assert check("01b.he", 0.13).message.startswith("That is √(1/64)")  # 0.125
    assert check("01b.he", 0.2).message == check("05.mean_or_sum", 2e6).message
    assert "to one digit" in check("05.mean_or_sum", 2e6).message
    assert check("04b.cost", 1.07e9).message == "That is one of the two: give both, as a tuple."


ROUNDED = {
    "01b.he": 0.18,
    "01.first_loss": 2.3,
    "02b.three_for_one": 0.55,
    "04b.cost": (1.07e9, 1.1e9),
    "05.author": 6.6e4,
    "05.mean_or_sum": 2.1e6,
    "06b.units": 0.04,
}


def test_where_the_number_itself_is_the_point_it_may_not():
    for name, given in {"00.width": 260, "02b.plan": 7700, "03.shape": (510, 28, 28), "08.fire": 11000}.items():
        verdict = check(name, given)
        assert not verdict.passed
        assert name == "03.shape" or verdict.message == "That is rounded: here the exact number is asked for."


def test_other_wrong_predictions():
    assert check("02.stacked", 7).message.startswith("7 is too large. ")
    assert check("02.stacked", -7).message.startswith("-7 is too small. ")
    assert check("02.stacked", math.nan).message.startswith("nan is not a number. ")
    assert check("02.stacked", "five").message == "This asks for a number, not the text 'five'."
    told = check("07.coarse_work", "20%").message
    assert told == "This asks for a number, not the text '20%'. Leave out the quotes, and write 20 per cent as 0.2."
    assert check("05.first_share", "5 %").message.endswith("Leave out the quotes and the sign.")
    assert check("02b.doubt", "0.47 %").message.endswith("Leave out the quotes and the sign.")
    assert check("02.stacked", "6").message == "This asks for a number, not the text '6'. Leave out the quotes."
    told = check("02.stacked", (0, 25)).message
    assert told.startswith("This asks for 1 number, and you gave 2. ") and "point" not in told
    told = check("07.coarse_work", (0, 25)).message
    assert told.startswith("This asks for 1 number, and you gave 2. A decimal takes a point: 0.25. ")
    told = check("02b.plan", (7, 738)).message
    assert told.startswith("This asks for 1 number, and you gave 2. A number takes no commas: 7738. ")
    for pair in ((256, 171), (171, 256), (171, 320)):  # two sides of a picture, and no thousands
        assert "commas" not in check("00.width", pair).message
    told = check("02b.plan", "7,738").message
    assert told == "This asks for a number, not the text '7,738'. Write it as Python does: 7738."
    assert check("02b.plan", "7 738").message.endswith(" Write it as Python does: 7738.")
    assert check("01.first_loss", "2,303").message.endswith(" A decimal takes a point: 2.303.")
    assert " A decimal takes a point: 2.303. " in check("01.first_loss", (2, 303)).message
    told = check("00.ratio", "0,08").message
    assert told == "This asks for a number, not the text '0,08'. A decimal takes a point: 0.08."
    for text in ("1 0 2", "1, 0, 2", "1; 0; 2", ["1", "0", "2^1"]):
        assert check("04.pencil", text).message.endswith(" Write it as Python does: (1, 0, 2).")
    assert check("04.pencil", "(1, 0, 2)").message.endswith(" Leave out the quotes.")
    assert check("04b.rank", "10^2").message.endswith(" Write it as Python does: 100.")
    assert check("04b.rank", "10 × 10").message.endswith(" Write it as Python does: 100.")
    told = check("04.pencil", ("1", "0", "2")).message
    assert told == "This asks for numbers, not a tuple of 3. Leave out the quotes."
    assert check("02.stacked", print).message == "This asks for a number, not a builtin_function_or_method."
    assert check("03.shape", (512, 30, 28)).message.startswith(
        "Of your numbers 512 and 28 are right, the others are not. "
    )
    assert check("03.shape", 28).message.startswith("This asks for 3 numbers, and you gave 1. ")
    assert check("04.shuffle", "x").message == "Choose one of the letters a, b, c, d, in quotes."
    assert check("04.shuffle", 3).passed is False


def test_cases_survive_an_answer_that_spoils_them():
    check("04.gram", lambda f: f.zero_())
    assert check("04.gram", gram).passed


@pytest.mark.parametrize("odd", ODD)
def test_no_answer_raises(odd):
    for name in EXERCISES:
        for answer in (ODD[odd], lambda *arguments: ODD[odd], lambda first, *others: first):
            verdict = check(name, answer)
            assert isinstance(verdict, Verdict) and verdict.message and "!" not in verdict.message
            assert len(verdict.message) < 1000


@pytest.mark.parametrize(
    "error", [SystemExit(3), GeneratorExit(), BaseException("x"), Silent()], ids=lambda e: type(e).__name__
)
def test_whatever_a_function_raises_is_told(error):
    def mine(features):
        raise error

    verdict = check("04.gram", mine)
    assert not verdict.passed and "at line 2 of mine" in verdict.message


def test_a_function_that_fails_only_at_work_is_told():
    def on_small_maps(features):
        if features.shape[-1] > 32:
            raise SystemExit
        return gram(features)

    assert "ends the program at line 3 of on_small_maps" in trouble_at_work(EXERCISES["04.gram"], on_small_maps)


# Functions that a program uses


def unfrozen(network, content, style, content_layers, style_layers):
    return network(content, content_layers), {n: gram(f) for n, f in network(style, style_layers).items()}


def as_one(network, content, style, content_layers, style_layers):
    return network(content, content_layers)


def by_number(network, content, style, content_layers, style_layers):
    P, A = EXERCISES["07.targets"].solution(network, content, style, content_layers, style_layers)
    return dict(enumerate(P.values())), A


def silent(x, optimizer, loss):
    optimizer.zero_grad()
    loss(x).backward()


def eager(x, optimizer, loss):
    found = EXERCISES["07.closure"].solution(x, optimizer, loss)
    optimizer.step()
    return found


def backwards(x, optimizer, loss):
    total = loss(x)
    total.backward()
    optimizer.zero_grad()
    return total


def attached(start, loss, closure, evaluations):
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.02)
    for _ in range(evaluations):
        optimizer.step(lambda: closure(x, optimizer, loss))
    return x


def in_place(start, loss, closure, evaluations):
    optimizer = torch.optim.Adam([start.requires_grad_()], lr=0.02)
    optimizer.step(lambda: closure(start, optimizer, loss))
    return start.detach()


def over_targets(F, P):
    terms = []
    for name in P:
        difference = P[name]
        difference -= F[name].detach()
        terms.append(difference.square().sum() * F[name].sum())
    return sum(terms)


def over_maps(F, P):
    for name in P:
        difference = F[name]
        difference -= P[name]
    return difference.sum()


def adding(F, P):
    F["terms"] = [relative(F[name], P[name]) for name in P]
    return torch.stack(F["terms"]).mean()


def replacing(F, P):
    for name in P:
        F[name] = F[name] - P[name]
    return torch.stack([F[name].square().sum() / P[name].square().sum() for name in P]).mean()


def in_numpy(F, P):
    return np.mean([relative(F[name], P[name]) for name in P])


def stepping(handed):
    """A loop that hands something else to the optimiser's step."""

    def run(start, loss, closure, evaluations):
        x = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([x], lr=0.02)
        optimizer.step(handed(x, optimizer, loss, closure))

    return run


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("07.targets", unfrozen, "under torch.no_grad()"),
        ("07.targets", torch.inference_mode()(program.targets), "may stand in no loss: compute the targets under"),
        ("07.targets", as_one, "Return two dictionaries, P and A"),
        ("07.targets", by_number, "P has an entry for each of its layers, relu2_2: yours has 0."),
        ("07.targets", lambda net, *others: net(others[0], "relu1_1"), "takes a list of names"),
        ("07.content_loss", lambda F, P: EXERCISES["07.content_loss"].solution(F, P).item(), "carries no gradient"),
        ("07.style_loss", lambda F, A: F["relu1_1"] - 1, "A loss is one number"),
        ("07.content_loss", over_targets, "changes its targets in place"),
        ("07.content_loss", over_maps, "In a loss write y = x - …"),
        ("07.content_loss", adding, "writes into its dictionaries"),
        ("07.content_loss", replacing, "writes into its dictionaries"),
        ("07.content_loss", in_numpy, "as torch.stack(terms).mean() does."),
        ("07.closure", silent, "nothing comes back: return the loss"),
        ("07.closure", eager, "leave the step to the optimizer"),
        ("07.closure", lambda x, optimizer, loss: lambda: loss(x), "You return a function"),
        ("07.closure", backwards, "zero_grad first, then backward"),
        ("07.paint", attached, "return x.detach()"),
        ("07.paint", in_place, "changes start in place"),
        ("07.paint", lambda *a: (attached(*a), None)[1], "nothing comes back: return the picture"),
        ("07.targets", lambda net, c, s, of_c, of_s: (net(c, of_c), {n: gram(f) for n, f in net(s, of_s)}), ".items()"),
        ("07.targets", lambda net, c, s, of_c, of_s: (net(c, of_c), gram(net(s, of_s))), "take gram of each"),
        ("07.content_loss", lambda F, P: sum((F[n] - P[n]).square().sum() for n in F), "go through their names"),
        ("07.style_loss", lambda F, A: sum((gram(F[n]) - gram(A[n])).sum() for n in A), "Gram matrices already"),
        ("07.style_loss", lambda F, A: sum((F[n] - A[n]).square().sum() for n in A), "compare gram(F[name])"),
        ("07.closure", lambda x, optimizer, loss: loss.backward(), "loss is a function"),
        ("07.closure", lambda x, optimizer, loss: x.grad.zero_(), "no gradient to empty"),
        ("07.paint", stepping(lambda x, o, loss, closure: closure), "hand it lambda"),
        ("07.paint", stepping(lambda x, o, loss, closure: closure(x, o, loss)), "put lambda: before it"),
        ("07.paint", lambda start, *others: torch.optim.Adam(start), "a list of tensors: [x]"),
        ("07.paint", lambda start, loss, *others: loss(start).backward(), "requires_grad_() once"),
        ("07.paint", lambda start, loss, closure, n: program.held(start, loss, n), "leaves the closure aside"),
        ("07.content_loss", lambda F, P: program.content_loss(F, P).reshape(1), "mean() or sum()"),
        ("07.style_loss", lambda F, A: sum(program.relative(gram(F.pop(n)), A[n]) for n in [*A]), "use F[name]"),
        ("10.step", lambda n, o, i, ask: (EXERCISES["10.step"].solution(n, o, i, ask), 0), "Return the value alone"),
        ("10.step", lambda *given: {"value": EXERCISES["10.step"].solution(*given)}, "one number: you return a dict."),
        ("07.bug", lambda start, loss, evaluations: start.requires_grad_().clamp_(0, 1), "under torch.no_grad()"),
        ("07.bug", lambda start, loss, evaluations: 3, "Return the picture, a tensor"),
        ("07b.bug_colours", lambda image, target: image[0], "Return the picture, of the shape"),
    ],
)
def test_what_no_program_could_go_on_with_is_told(name, answer, words):
    verdict = check(name, answer)
    assert verdict.passed is False and words in verdict.message, verdict


@pytest.mark.parametrize("name", ["07.paint", "07.bug"])
def test_a_new_tensor_for_the_same_adam_is_no_new_adam(name):
    """It has no moments either, as Adam keeps them by tensor."""

    def run(start, loss, *closure_and_evaluations):
        *closures, evaluations = closure_and_evaluations
        x = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([x], lr=program.RATE)
        for _ in range(evaluations):
            optimizer.step(lambda x=x: (closures or [program.closure])[0](x, optimizer, loss))
            x = (x.detach() if closures else x.detach().clamp(0, 1)).requires_grad_()
            optimizer.param_groups[0]["params"] = [x]
        return x.detach()

    assert "a new x, at each step the moments are lost" in tell(name, run)


@pytest.mark.parametrize("name", ["07.targets", "07.closure", "07.paint", "07.bug"])
def test_an_empty_part_is_not_answered(name):
    assert check(name, lambda *arguments: None) == NOTHING_BACK


@pytest.mark.parametrize("turn", [float, np.float32, np.asarray, lambda one: one.reshape(1)])
@pytest.mark.parametrize("name", ["07.closure", "10.step"])
def test_a_step_may_return_any_number(name, turn):
    assert check(name, lambda *given: turn(EXERCISES[name].solution(*given).detach()))


# How it is shown


def test_a_verdict_shows_itself():
    assert repr(Verdict(True, "Right.")) == str(Verdict(True, "Right.")) == "✓ Right."
    assert str(Verdict(None, "Not answered yet.")) == "○ Not answered yet."
    assert Verdict(False, "relu4_2 * <b>")._repr_markdown_() == r"✗ relu4\_2 \* \<b>"
    assert bool(Verdict(True, "")) and not Verdict(False, "") and not Verdict(None, "")


def test_questions_show_themselves():
    assert str(EXERCISES["04.gram"]).endswith("(features) → result")
    assert "  a) Nothing." in str(EXERCISES["04.shuffle"])
    assert "- **a** Nothing." in EXERCISES["04.shuffle"]._repr_markdown_()
    assert all(str(e) for e in EXERCISES.values())


# A learner's function can do anything


def test_a_function_that_ends_the_program_is_told_so():
    def leaves(features):
        raise SystemExit

    verdict = check("04.gram", leaves)
    assert not verdict.passed and "ends the program at line 2 of leaves" in str(verdict)


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="this system has no alarms")
def test_a_function_that_hangs_is_told_where(monkeypatch):
    def hangs(features):
        n = 0
        while True:
            n += 1

    monkeypatch.setattr("nstlib.exercise.patience.SECONDS", 0.3)
    verdict = check("04.gram", hangs)
    assert not verdict.passed and "0.3 seconds" in str(verdict) and "of hangs" in str(verdict)


def hanging():
    while True:
        pass


def caught_by_name(features):
    try:
        hanging()
    except Exception:
        return None


def caught_bare(features):
    try:
        hanging()
    except:  # noqa: E722  # as learners write it
        return None


def caught_bare_again(features):
    return [caught_bare(features) for _ in range(2)]


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="this system has no alarms")
@pytest.mark.parametrize("answer", [caught_by_name, caught_bare, caught_bare_again])
def test_a_loop_without_end_is_told_even_where_errors_are_caught(answer, monkeypatch):
    """A bare except makes nothing of the first ring: another one wakes the next call."""
    monkeypatch.setattr("nstlib.exercise.patience.SECONDS", 0.3)
    verdict = check("04.gram", answer)
    assert not verdict.passed and "0.3 seconds" in verdict.message, verdict
    assert answer is caught_bare_again or f"line 3 of {answer.__name__}" in verdict.message


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="this system has no alarms")
def test_an_import_is_never_cut_off(tmp_path, monkeypatch):
    """Torch imports at first use, which can take long: a module that is cut off would stay broken."""
    turns = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end:\n    pass\nwhole = True\n"
    (tmp_path / "slow_to_import.py").write_text(turns, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("nstlib.exercise.patience.SECONDS", 0.2)

    def importing(features):
        import slow_to_import

        return gram(features) if slow_to_import.whole else None

    check("04.gram", importing)
    assert sys.modules["slow_to_import"].whole


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="this system has no alarms")
def test_a_busy_machine_gets_more_time(monkeypatch):
    """Here all time is lost to other programs; at some time it is enough."""
    monkeypatch.setattr("nstlib.exercise.patience.SECONDS", 0.2)
    monkeypatch.setattr("nstlib.exercise.patience.waited", lambda threads: time.perf_counter())
    assert check("04.gram", waiting(0.08))
    assert "0.2 seconds" in check("04.gram", waiting(5)).message


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not count waiting for a core")
def test_a_function_that_waits_is_told_from_a_busy_machine(monkeypatch):
    monkeypatch.setattr("nstlib.exercise.patience.SECONDS", 0.5)
    begun = time.perf_counter()
    verdict = check("04.gram", waiting(20))
    assert "0.5 seconds" in verdict.message and "line 2 of mine" in verdict.message
    assert time.perf_counter() - begun < 2.5  # busy machines get six times 0.5 s


def waiting(seconds):
    def mine(features):
        time.sleep(seconds)
        return gram(features)

    return mine


def test_patience_leaves_the_callers_alarm_alone():
    import signal

    before = signal.getsignal(signal.SIGALRM)
    check("04.gram", gram)
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_interrupt_still_interrupts(monkeypatch):
    def stopped(features):
        raise KeyboardInterrupt

    def stopped_late(features):
        raise KeyboardInterrupt(caught_bare(features))

    monkeypatch.setattr("nstlib.exercise.patience.SECONDS", 0.3)
    for answer in (stopped, stopped_late):
        with pytest.raises(Stopped, match=f"^stopped at line 2 of {answer.__name__}$"):
            check("04.gram", answer)


def test_an_interrupt_at_work_is_one_line_too():
    def stopped_when_large(features):
        if features.numel() > 1000:
            raise KeyboardInterrupt
        return gram(features)

    assert check("04.gram", stopped_when_large)
    with pytest.raises(Stopped, match=r"^stopped at line 3 of stopped_when_large$"):
        mine("04.gram", stopped_when_large)


@pytest.mark.parametrize(
    ("given", "words"),
    [([[1, 0, 2]], "Right."), (np.array([[1], [0], [2]]), "Right."), ([[9, 0, 18]], "Those are R")],
)
def test_a_row_or_a_column_of_numbers_is_the_numbers(given, words):
    assert EXERCISES["04.pencil"].check(given).message.startswith(words)
