"""Answers as learners write them: right in unusual ways, and wrong in usual ones that no list of mistakes can hold."""

import functools
import math
import re
import sys
from functools import partial

import numpy as np
import pytest
import torch
from scipy import linalg
from test_exercise import whole
from torch.nn import functional as F

import nstlib as nst
from nstlib import gram, tv_loss
from nstlib.errors import InputError
from nstlib.exercise import EXERCISES, Code, check, mine, program
from nstlib.exercise.handover import too_slow
from nstlib.exercise.lesson_07b import match_colours
from nstlib.exercise.lesson_10 import whitened
from nstlib.exercise.program import relative
from nstlib.exercise.values import copy

RIGHT = "Right on all"
HAS_TO = "The value is right, but has to carry a gradient: "
OPEN = "is not answered yet: until then the library's own does the work."
NO_GRADIENT = "To paint with it, it would have to carry a gradient: "


def by_order(F, A):
    return torch.stack([relative(gram(f), a) for f, a in zip(F.values(), A.values(), strict=False)]).mean()


def clamping(x, optimizer, loss):
    total = program.closure(x, optimizer, loss)
    with torch.no_grad():
        x.clamp_(0, 1)
    return total


def off_by_one(x, kernel, padding):
    field = F.pad(x, (padding,) * 4)
    y, k = torch.zeros([side - len(kernel) + 1 for side in field.shape]), len(kernel)
    for i in range(len(y) - 1):
        for j in range(y.shape[1] - 1):
            y[i, j] = (field[i : i + k, j : j + k] * kernel).sum()
    return y


def flat(features):
    return features[0].flatten(1)


def log_sums(x):
    most = x.max(1, keepdims=True)
    return most + np.log(np.exp(x - most).sum(1, keepdims=True))


def chance(x, labels):
    """What softmax gives the right class of each row; it may round to 0."""
    return np.exp(x - log_sums(x))[np.arange(len(x)), labels]


def by_one_hot(x, labels):
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(np.eye(x.shape[1])[labels] * np.log(np.exp(x - log_sums(x)))).sum(1).mean()


def shifted_at_once(x, labels):
    most = x.max()
    return (most + np.log(np.exp(x - most).sum(1)) - x[np.arange(len(x)), labels]).mean()


def outside_of_the_fraction(w, v, g, rate, rho):
    v = rho * v + (1 - rho) * g**2
    with np.errstate(invalid="ignore"):
        return w - rate * (g / v**0.5 + 1e-8), v


def epsilon_beside_the_root(x, scale, offset):
    mean, deviation = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (deviation + 1e-5) * scale.view(1, -1, 1, 1) + offset.view(1, -1, 1, 1)


def efficient_adam(w, m, v, g, t, rate):
    """The paper's section 2: both corrections in the rate."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (v**0.5 + 1e-8), m, v


def restored(f, w, h):
    """Moves each entry where it is, and puts it back up to rounding."""
    found = np.zeros(w.shape)
    for i in np.ndindex(*w.shape):
        w[i] += h
        up = f(w)
        w[i] -= 2 * h
        found[i] = (up - f(w)) / (2 * h)
        w[i] += h
    return found


def of_weights_alone(f, w, h):
    found, (rows, columns) = np.zeros(w.shape), w.shape
    for i in range(rows):
        for j in range(columns):
            step = np.zeros(w.shape)
            step[i, j] = h
            found[i, j] = (f(w + step) - f(w - step)) / (2 * h)
    return found


def of_biases_alone(w, v, g, rate, rho):
    v = np.array([rho * a + (1 - rho) * b**2 for a, b in zip(v, g, strict=True)])
    return np.array([a - rate * b / (math.sqrt(c) + 1e-8) for a, b, c in zip(w, g, v, strict=True)]), v


def forgotten(f, w, h):
    found = restored(f, w, h)
    w += h
    return found


def popping(layers):
    field, jump = 1, 1
    while layers:
        kernel, stride = layers.pop(0)
        field, jump = field + (kernel - 1) * jump, jump * stride
    return field


def square_convolution(x, kernel, padding):
    x, k = F.pad(x, (padding,) * 4), len(kernel)
    side = range(len(x) - k + 1)
    return [[(x[i : i + k, j : j + k] * kernel).sum() for j in side] for i in side]


def slope_of_kernel(x, dy):
    kernel = torch.zeros(len(x) - len(dy) + 1, x.shape[1] - dy.shape[1] + 1, requires_grad=True)
    F.conv2d(x[None, None], kernel[None, None])[0, 0].backward(dy)
    return kernel.grad


def explicit_direction(g, S, Y):
    """The inverse Hessian as a matrix, update by update."""
    H = torch.eye(len(g)) * (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1])
    return -functools.reduce(lambda H, pair: EXERCISES["06.bfgs"].solution(H, *pair), zip(S, Y, strict=True), H) @ g


def shifted(image, style, correction, epsilon):
    mean, mean_s = (x.mean((2, 3), keepdim=True) for x in (image, style))
    std, std_s = (x.std((2, 3), keepdim=True, correction=correction) for x in (image, style))
    return (image - mean) / (std + epsilon) * std_s + mean_s


def whole_waves(x, e):
    """By the transform with all frequencies; complex, with nothing in its imaginary part."""
    f = torch.hypot(torch.fft.fftfreq(x.shape[2])[:, None], torch.fft.fftfreq(x.shape[3]))
    return torch.fft.ifft2(torch.fft.fft2(x) * (4 * f.clamp_min(1 / max(x.shape[2:]))) ** -e)


def by_eig(g, k):
    """As if the matrix were not symmetric: complex, with nothing in its imaginary part."""
    values, vectors = torch.linalg.eig(g)
    order = values.real.argsort(descending=True)[:k]
    return vectors[:, order] * values[order] @ vectors[:, order].T


def nearest_but_for_zeros(lines, owner):
    d = torch.cdist(lines, lines)
    d[d == 0] = torch.inf
    return (owner[d.argmin(1)] == owner).float().mean()


def with_where(image):
    rows, columns = image.diff(dim=2), image.diff(dim=3)
    return sum(torch.where(d > 0, d, -d).sum() for d in (rows, columns))


def mean_and_deviation(features, epsilon):
    return flat(features).mean(1), (flat(features).var(1, correction=0) + epsilon).sqrt()


def by_autograd(loss):
    def gradient(features, target):
        with torch.enable_grad():
            leaf = features.requires_grad_()
            return torch.autograd.grad(loss(leaf, target), leaf)[0]

    return gradient


def doubled_in_place(features):
    features *= 2
    return gram(features) / 4


def targets_in_turn(*given):
    return program.targets(*given)[::-1]


def targets_in_one_call_each(network, content, style, content_layers, style_layers):
    with torch.no_grad():
        return network(content, content_layers), network(style, style_layers, gram)


def in_components(turn):
    """Whitening in float32, as the lesson has it, with another matrix of the eigenvectors and scales."""

    def whitening(features):
        f = flat(features)
        f = f - f.mean(1, keepdim=True)
        values, vectors = torch.linalg.eigh(f @ f.T / f.shape[1])
        scales = torch.where(values > 1e-5 * values[-1], values.clamp_min(1e-12) ** -0.5, 0.0)
        return (turn(vectors, scales) @ f).view_as(features)

    return whitening


def in_fractions(first, second, shares):
    shares = np.array(shares)
    shares /= shares.sum()
    return shares[0] * first + shares[1] * second


def ridged(learn, target, test, test_target):
    """Right in single precision alone."""
    found = torch.linalg.lstsq(learn, target @ torch.eye(target.shape[1])).solution
    mean = torch.zeros(1, len(test_target)).add(1 / len(test_target)) @ test_target
    return (test @ found - test_target).square().sum() / (test_target - mean).square().sum()


def normed(content, style, eps):
    """AdaIN by torch's own normalisation."""
    var, mean = torch.var_mean(style, (2, 3), correction=0, keepdim=True)
    return F.instance_norm(content, eps=eps) * (var + eps).sqrt() + mean


ANSWERS = [  # exercise, answer, what the verdict says
    # Right in unusual ways
    ("00.total", lambda *six: np.dot(six[:3], six[3:]), RIGHT),
    ("01.softmax_loss", lambda x, labels: F.cross_entropy(*map(torch.tensor, (x, labels))), RIGHT),
    ("01.softmax_loss", lambda x, t: np.mean([s[0] - r[k] for s, r, k in zip(log_sums(x), x, t, strict=True)]), RIGHT),
    ("01.linear_backward", lambda dY, X, W: [dY @ W.T, np.einsum("bi,bk", X, dY), np.ones(len(X)) @ dY], RIGHT),
    ("01.numerical_gradient", restored, RIGHT),
    ("01.numerical_gradient", of_weights_alone, "For f Σ w³, w (2,), h 0.5 it raises"),
    ("01b.rmsprop", of_biases_alone, "For w (2, 3), v (2, 3), g (2, 3), rate 0.02, rho 0.99 it raises TypeError"),
    ("02.size", lambda n, kernel, stride, padding: len(range(0, n + 2 * padding - kernel + 1, stride)), RIGHT),
    ("02.kernel_gradient", slope_of_kernel, RIGHT),
    ("02.max_pool", lambda x: x[..., : x.shape[2] // 2 * 2, :].unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)), RIGHT),
    (
        "02.receptive_field",
        lambda rows: functools.reduce(lambda f, row: (f - 1) * row[1] + row[0], reversed(rows), 1),
        RIGHT,
    ),
    ("03.normalize", lambda x, mean, std: ((x.movedim(1, 3) - mean) / std).movedim(3, 1), RIGHT),
    (
        "03.normalize",
        lambda x, mean, std: (x.numpy() - mean.numpy()[:, None, None]) / std.numpy()[:, None, None],
        RIGHT,
    ),
    ("03.content_loss", lambda f, p: torch.dist(f, p) ** 2 / f.numel(), RIGHT),
    ("03.strongest", lambda f: f.numpy().sum((0, 2, 3)).argmax(), RIGHT),
    ("03.selectivity", lambda r, a: abs((torch.tensor(r) * torch.exp(2j * torch.tensor(a))).sum()) / r.sum(), RIGHT),
    ("04.gram", lambda f: torch.einsum("bchw,bdhw->cd", f, f) / f[0, 0].numel(), RIGHT),
    ("04.gram", lambda f: torch.stack([torch.stack([(a * b).mean() for a in f[0]]) for b in f[0]]), RIGHT),
    ("04.e", lambda f, t: (gram(f) - gram(t)).square().mean().item() / 4, HAS_TO + "a plain number comes back."),
    ("04b.mean_std", lambda f: torch.stack(mean_and_deviation(f, 1e-5)), RIGHT),
    ("04b.mean_std", lambda f: torch.stack([flat(f).mean(1), flat(f).std(1, correction=0) + 1e-6]), RIGHT),
    ("04b.covariance", lambda f: np.cov(flat(f).numpy(), bias=True), HAS_TO + "NumPy, at line 1 of"),
    ("07.style_loss", by_order, "Two sizes meet"),
    (
        "07.content_loss",
        lambda F, P: torch.stack([relative(*z) for z in zip(F.values(), P.values(), strict=False)]).mean(),
        "Two sizes meet",
    ),
    ("06.armijo", lambda loss, new, slope, t: new <= loss - 1e-4 * t, "Right on"),
    ("06.armijo", lambda loss, new, slope, t: new <= loss + t * (1e-4 + slope), "c is a factor"),
    ("06.armijo", lambda loss, new, slope, t: new <= loss + 1e-4 * t * t * slope, "Right on"),
    ("06.armijo", lambda loss, new, slope, t: new <= loss * (1 + 1e-4 * t * slope), "Right on"),
    ("06.armijo", lambda loss, new, slope, t: new <= loss + 0.5 * t * slope, "Right on"),
    ("06b.held", lambda x, g, low, high: (x <= low & (g > 0)) | (x >= high & (g < 0)), "it raises"),
    ("06b.held", lambda x, g, low, high: ((x == low) & (g > 0)) | ((x == high) & (g < 0)), RIGHT),
    ("07b.start", lambda c, n, share: torch.relu((1 - share) * c + share * n), "For content"),
    ("07b.bug_colours", lambda x, t: match_colours(x, t).numpy(), "torch.from_numpy(picture).float()"),
    (
        "07.style_loss",
        lambda F, A: sum(torch.nn.functional.mse_loss(gram(F[n]), A[n]) / 4 for n in A) / len(A),
        "That is E: put the sum",
    ),
    ("07.closure", clamping, "Your closure moves the picture"),
    ("07.closure", lambda x, optimizer, loss: (program.closure(x, optimizer, loss), x.grad), "Return the loss alone"),
    (
        "05.content_gradient",
        lambda f, p: torch.autograd.functional.jacobian(lambda x: F.mse_loss(x, p), f),
        "autograd found",
    ),
    ("05.tv_l1", lambda x: tv_loss(x, "l1").item(), NO_GRADIENT + "a plain number comes back."),
    ("08.average_pool", lambda x: F.avg_pool2d(x, 2).detach(), HAS_TO + "detach, no_grad or torch.tensor cuts"),
    (
        "03.content_loss",
        lambda f, t: (F.mse_loss(f, t),),
        HAS_TO + "a tuple of 1 comes back. Leave out the comma",
    ),
    (
        "03.strongest",
        lambda f: f.mean((2, 3)).max(1),
        "you return two tensors, values and indices: take the one",
    ),
    ("01.softmax_loss", lambda x, t: -np.log(np.clip(chance(x, t), 1e-15, 1)).mean(), "A floor under p, or an ε, caps"),
    ("01.softmax_loss", lambda x, t: -np.log(np.maximum(chance(x, t), 1e-10)).mean(), "A floor under p, or an ε, caps"),
    ("01.softmax_loss", lambda x, t: -np.log(chance(x, t) + 1e-14).mean(), "A floor under p, or an ε, caps"),
    ("01.softmax_loss", lambda x, t: -np.log(np.clip(chance(x, t), 1e-5, 1)).mean(), "A floor under p, or an ε, caps"),
    ("01b.rmsprop", outside_of_the_fraction, "No ε stands beside √v"),
    ("01.softmax_loss", by_one_hot, "Right until p rounds to 0, and log 0 is infinite"),
    ("01.softmax_loss", shifted_at_once, "One maximum for the whole batch"),
    ("02b.batch_norm", epsilon_beside_the_root, "You add 10⁻⁵ to the root"),
    ("01b.momentum", lambda *given: (None, None), "your w is a NoneType, expected a tensor"),
    ("02b.batch_norm", lambda x, s, o: F.batch_norm(x, None, None, s, o, True).detach(), HAS_TO + "detach, no_grad"),
    ("02.matrix", (260, 9), "Of your numbers 9 is right"),
    ("02.matrix", (9, 256), "The numbers are right, and stand in another order"),
    ("06b.two_pixels", (-1.75, -2.25), "The numbers are right, and stand in another order"),
    ("05.author", "66,424", "Write it as Python does: 66424."),
    ("05.author", (66, 424), "A number takes no commas: 66424."),
    ("05.pixels", (10, 0), "A number takes no commas: 10000."),
    ("02.stacked", (5, 0), "This asks for 1 number, and you gave 2. The first sees 3"),
    ("02b.doubt", 46.9, "46.9 is too large. "),
    ("05.exchange", 5, "5 is too large. "),
    ("06.bowl_rate", 8, "8 is too large. "),
    ("10.whiten", whitened(least=1e-3), "only eigenvalues below 1e-5"),
    ("10.whiten", in_components(lambda v, s: s[:, None] * v.T), "White, but turned"),
    ("10.whiten", in_components(lambda v, s: v * s), "Vᵀ is missing"),
    ("10.whiten", in_components(lambda v, s: v.T * s @ v), "have changed places"),
    ("03.climb", lambda x, g, rate: (x + rate * g / g.std(correction=0)).clamp(0, 1), "do not take the mean off"),
    (
        "02.convolve",
        off_by_one,
        "Right but for one line: the last row and column are 0 in your result, so a range ends",
    ),
    ("05.tv_l1", with_where, RIGHT),
    ("05.gradient_shares", lambda gs: [float(g.norm() / sum(h.norm() for h in gs)) for g in gs], RIGHT),
    ("06.adam", efficient_adam, RIGHT),
    ("06.two_loop", explicit_direction, RIGHT),
    ("06b.waves", lambda x, e: whole_waves(x, e).real, RIGHT),
    ("04b.truncate", lambda g, k: by_eig(g, k).real, RIGHT),
    ("07.work", lambda sizes, counts: np.square(np.divide(sizes, sizes[-1])) @ counts, RIGHT),
    ("07b.colours", lambda image, style: shifted(image, style, 1, 1e-5), RIGHT),
    ("07b.colours", lambda image, style: shifted(image, style, 0, 1e-8), RIGHT),
    ("08.average_pool", lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear"), RIGHT),
    ("09.match", lambda own, wanted: linalg.sqrtm(wanted @ own).real @ np.linalg.inv(own.numpy()), RIGHT),
    ("09.carry", lambda m, *window: F.avg_pool2d(m, *window) / F.avg_pool2d(torch.ones_like(m), *window), RIGHT),
    ("09.guided", lambda f, t: torch.einsum("bchw,bdhw->cd", f * t, f * t) / (t * t).sum(), RIGHT),
    # Wrong in usual ones
    ("01.softmax_loss", lambda x, t: log_sums(x)[:, 0] - x[range(len(x)), t], "you return an array of shape (4,)"),
    (
        "01.softmax_loss",
        lambda x, t: -np.log(np.exp(x - log_sums(x))[range(len(x)), t] + 1e-12).mean(),
        "A floor under p, or an ε, caps the loss: leave it out",
    ),
    ("01.linear_backward", lambda dY, X, W: (dY @ W, X.T @ dY, dY.sum(0)), "it raises ValueError"),
    ("01.linear_backward", lambda dY, X, W: {"dX": dY @ W.T}, "you return a dict, expected the 3 results dX, dW, db."),
    (
        "01.linear_backward",
        lambda dY, X, W: (dY @ W.T, X.T @ dY, dY.sum(0, keepdims=True)),
        "db: Right, but in another",
    ),
    ("01.numerical_gradient", forgotten, "changes w in place: work on a copy, w.copy()."),
    ("01b.momentum", lambda w, v, g, rate, mu: (mu * v + g, w - rate * (mu * v + g)), "another order: return w, v."),
    ("01b.momentum", lambda w, v, g, rate, mu: w - rate * g, "you return one array, expected the 2 results w, v."),
    ("02.convolve", square_convolution, "you return an array of shape (2, 2), expected an array of shape (2, 5)."),
    (
        "02.convolve",
        lambda x, k, p: F.conv2d(x[None, None], k[None, None], padding=p),
        "in another shape: for x (5, 5)",
    ),
    ("02.receptive_field", popping, "changes layers in place: work on a copy, list(layers)."),
    ("03.strongest", lambda f: (f > 0).float().mean((2, 3)).argmax(), "Right on 1 of 3 inputs."),
    ("04.gram", lambda f: F.normalize(flat(f)) @ F.normalize(flat(f)).T, "For features (1, 3, 4, 4) you have 1 at"),
    ("04.gram", lambda f: gram(f) * f.shape[2] / f.shape[3] / f.shape[0] * 2, "Right up to a factor that changes"),
    ("04b.mean_std", lambda f: mean_and_deviation(f, 1e-5), "a tuple of 2 comes back. torch.stack makes one tensor"),
    (
        "04b.mean_std",
        lambda f: torch.stack(mean_and_deviation(f, 0)),
        "NaN for features (1, 3, 2, 4): a root is vertical",
    ),
    ("04.style_gradient", lambda f, t: (gram(f) - t) @ flat(f) / flat(f).numel() / f.shape[1], "in another shape"),
    ("04.gram", doubled_in_place, "changes features in place: work on a copy, features.clone()."),
    (
        "04.style_gradient",
        by_autograd(lambda f, t: (gram(f) - t).square().sum() / (4 * f.shape[1] ** 2)),
        "autograd found them: here the formula is asked for, by hand.",
    ),
    ("05.content_gradient", by_autograd(F.mse_loss), "autograd found them"),
    (
        "05.style_gradient",
        by_autograd(lambda f, t: (gram(f) - t).square().sum() / t.square().sum()),
        "autograd found them",
    ),
    ("05.content_gradient", lambda f, p: 2 * (f.detach() - p).requires_grad_() / f.numel(), RIGHT),
    ("05.tv_l1", lambda x: x.diff(dim=2).sum().abs() + x.diff(dim=3).sum().abs(), "You take abs of the sums"),
    ("05.tv_l2", lambda x: tv_loss(x, "l2") / 2, "Right up to a factor of 1/2"),
    ("07b.blend", in_fractions, "What holds whole numbers takes no fraction in place"),
    ("06.adam", lambda *step: efficient_adam(*step)[0], "you return one array, expected the 3 results w, m, v."),
    ("06.armijo", lambda loss, new, slope, t: new <= loss + 0.1 * t * slope, "you have False, expected True."),
    ("06.armijo", lambda loss, new, slope, t: "yes", "you return the text 'yes'"),
    ("06b.waves", whole_waves, "complex numbers, expected real ones, as result.real gives them."),
    ("04b.hits", nearest_but_for_zeros, "Right on 3 of 4 inputs."),
    ("04b.truncate", by_eig, "complex numbers, expected real ones, as result.real gives them."),
    ("06b.waves", lambda x, e: whole_waves(x, e) * 1j, "you return complex numbers, expected a tensor, an array or a"),
    (
        "07b.colours",
        lambda image, style: shifted(image, style, 1, 0),
        "holds NaN or infinity: look for a division by 0",
    ),
    ("07.content_loss", lambda F, P: [relative(F[n], P[n]) for n in P], "you return a list of"),
    ("07.style_loss", lambda F, A: {n: relative(gram(F[n]), A[n]) for n in A}, "you return a dict: return the mean"),
    ("07.targets", targets_in_one_call_each, RIGHT),
    ("05.tv_l2", lambda x: x.diff(dim=3).square().sum() + x.diff(dim=1).square().sum(), "of colours and of columns"),
    ("04.gram", lambda f: [[(a * b).mean().item() for a in f[0]] for b in f[0]], "leave out item()"),
    ("07.style_loss", lambda F, A: sum(relative(gram(F[n]), A[n]) / len(A[n]) for n in A) / len(A), "leave it out"),
    ("09.guided", lambda f, t: gram(f[..., t[0, 0] > 0][..., None]), "All or nothing"),
    ("07.targets", targets_in_turn, "You return A and P: the content's maps come first"),
    ("07.coarse_work", 25, "That is 100 times as much: if you gave per cent"),
    ("07.work", lambda sizes, counts: sum(n * (s // sizes[-1]) for s, n in zip(sizes, counts, strict=True)), "1 of 5"),
    ("08.match", np.searchsorted, "You take the first that is not smaller"),
    ("08.unexplained", lambda t, p: (t - p).square().mean() / t.var(), "For target (9, 3), predicted (9, 3) you have"),
    ("09.match", lambda own, wanted: torch.linalg.cholesky(wanted) @ torch.linalg.inv(own), "you have"),
    ("09.carry", lambda m, kernel, stride, padding: F.avg_pool2d(m, kernel, stride), "shape"),
    ("09.guided", lambda f, t: gram(f * t / t.sum()), "Right up to a factor that changes"),
    ("10.adain", lambda content, style: normed(content, style, 1e-5), RIGHT),
    ("10.adain", lambda content, style: normed(content, style, 1e-3), "what is added to the variance is 1e-5."),
]


@pytest.mark.parametrize("name, answer, told", ANSWERS, ids=[f"{i}-{row[0]}" for i, row in enumerate(ANSWERS)])
def test_a_learners_answer(name, answer, told):
    verdict = check(name, answer)
    assert told in verdict.message and whole(verdict.message), verdict
    assert verdict.passed is (told == RIGHT or told.startswith(NO_GRADIENT))


def test_an_answer_is_tried_on_numbers_of_the_lessons_kind():
    verdict = check("08.bug", ridged)
    assert verdict.passed is False and "Numbers of two kinds meet" in verdict.message


# By hand


def e_of(features, target):
    return (my_gram(features) - target).square().sum() / (4 * features.shape[1] ** 2)


def relative_e(features, target):
    return (my_gram(features) - target).square().sum() / target.square().sum()


BY_HAND = {"04.style_gradient": e_of, "05.content_gradient": F.mse_loss, "05.style_gradient": relative_e}


def by_leaf(loss, backwards):
    """A gradient by a leaf that leaves inference_mode, whoever entered it."""

    def gradient(features, target):
        with torch.inference_mode(False), torch.enable_grad():
            leaf = features.clone().requires_grad_()
            return backwards(loss(leaf, target.clone()), leaf)

    return gradient


def from_backward(value, leaf):
    value.backward()
    return leaf.grad


def along_each(loss):
    """Forwards, one direction after another."""

    def gradient(features, target):
        ways = torch.eye(features.numel()).view(-1, *features.shape)
        slopes = [torch.func.jvp(lambda x: loss(x, target), (features,), (way,))[1] for way in ways]
        return torch.stack(slopes).view_as(features)

    return gradient


AUTOGRADS = {
    "grad": lambda loss: torch.func.grad(loss),
    "jacrev": lambda loss: torch.func.jacrev(loss),
    "jacfwd": lambda loss: torch.func.jacfwd(loss),
    "vjp": lambda loss: lambda f, t: torch.func.vjp(lambda x: loss(x, t), f)[1](torch.tensor(1.0))[0],
    "jvp": along_each,
    "jacobian": lambda loss: lambda f, t: torch.autograd.functional.jacobian(lambda x: loss(x, t), f),
    "a leaf": lambda loss: by_leaf(loss, lambda value, leaf: torch.autograd.grad(value, leaf)[0]),
    "backward": lambda loss: by_leaf(loss, from_backward),
}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("way", AUTOGRADS)
def test_no_autograd_is_by_hand(name, way):
    verdict = check(name, AUTOGRADS[way](BY_HAND[name]))
    assert not verdict.passed and "autograd found them" in verdict.message, verdict


def test_every_exercise_by_hand_is_tried():
    assert list(BY_HAND) == [name for name, e in EXERCISES.items() if isinstance(e, Code) and e.by_hand]


def in_place(features, target):
    f, d = flat(features).clone(), my_gram(features)
    torch.sub(d, target, out=d)
    f[:] = d @ f
    f.div_(f.numel()).mul_(1 / len(f))
    return f.view(features.size())


def in_numpy(features, target):
    f = features.numpy().reshape(features.shape[1], -1)
    return ((f @ f.T / f.shape[1] - target.numpy()) @ f / f.size / len(f)).reshape(features.shape)


@pytest.mark.parametrize("formula", [in_place, in_numpy])
def test_a_formula_is_by_hand_however_it_is_written(formula):
    assert check("04.style_gradient", formula).passed


def test_where_no_formula_is_asked_for_autograd_may_find_the_slope():
    def slope(x, dy):
        made = torch.zeros([a - b + 1 for a, b in zip(x.shape, dy.shape, strict=True)])
        return torch.func.grad(lambda kernel: (F.conv2d(x[None, None], kernel[None, None])[0, 0] * dy).sum())(made)

    assert check("02.kernel_gradient", slope).passed


# What was right goes on


def my_gram(features):
    f = features[0].flatten(1)
    return f @ f.T / f.shape[1]


def my_stub(features):
    raise NotImplementedError


def wrong_gram(features):
    f = features[0].flatten(1)
    return f @ f.T


def gram_of_lists(features):
    return [[(a * b).mean() for a in features[0]] for b in features[0]]


def slow_gram(features):
    f = features[0].flatten(1)
    return sum(torch.outer(p, p) for p in f.T) / f.shape[1]


def test_a_right_answer_paints(capsys):
    mine_now = mine("04.gram", my_gram)
    assert capsys.readouterr().out == "✓ From here on your own my_gram paints.\n"
    assert mine_now.__wrapped__ is my_gram
    assert torch.allclose(mine_now(torch.ones(1, 2, 3, 4)), torch.ones(2, 2))
    assert capsys.readouterr().out == ""


def test_a_picture_is_painted_with_it():
    """A plain loop, by which the style comes nearer; the same as with the library's."""
    own, made = mine("04.gram", my_gram), torch.Generator().manual_seed(0)
    kernels, style, start = (torch.rand(s, generator=made) for s in ((8, 3, 3, 3), (1, 3, 24, 30), (1, 3, 20, 28)))

    def run(statistic):
        image, losses = start.clone().requires_grad_(), []
        target = statistic(F.conv2d(style, kernels - 0.5).relu())
        optimizer = torch.optim.LBFGS([image], max_iter=20)

        def closure():
            optimizer.zero_grad()
            difference = statistic(F.conv2d(image, kernels - 0.5).relu()) - target
            loss = difference.square().sum() / target.square().sum()
            loss.backward()
            losses.append(loss.item())
            return loss

        optimizer.step(closure)
        return losses

    losses = run(own)
    assert losses[-1] < losses[0] / 100
    np.testing.assert_allclose(losses[:5], run(gram)[:5], rtol=1e-3)


@pytest.mark.parametrize("answer", [None, ..., my_stub])
def test_until_it_is_answered_the_librarys_paints(answer, capsys):
    assert mine("04.gram", answer) is EXERCISES["04.gram"].solution
    assert capsys.readouterr().out == f"○ 04.gram {OPEN}\n"


def test_a_wrong_answer_is_told_and_left(capsys):
    assert mine("04.gram", wrong_gram) is EXERCISES["04.gram"].solution
    assert capsys.readouterr().out == (
        "✗ Your Gram matrix is M times too large: divide by the positions, H·W. "
        "Until it is right, the library's own does the work.\n"
    )


def test_a_right_answer_that_cannot_paint_is_told_and_left(capsys):
    def by_number(image):
        return ((image.diff(dim=2)).abs().sum() + image.diff(dim=3).abs().sum()).item()

    assert mine("05.tv_l1", by_number) is EXERCISES["05.tv_l1"].solution
    assert capsys.readouterr().out == (
        "✓ Right, but not fit to paint with: a plain number comes back. Return the tensor, without item() or float(). "
        "Until it is, the library's own does the work.\n"
    )


def test_a_right_answer_that_the_cells_below_cannot_use_is_told_and_left(capsys):
    def of_numpy(g, k):
        values, vectors = np.linalg.eigh(g.numpy())
        return vectors[:, -k:] * values[-k:] @ vectors[:, -k:].T

    assert check("04b.truncate", of_numpy)
    assert mine("04b.truncate", of_numpy) is EXERCISES["04b.truncate"].solution
    assert capsys.readouterr().out == (
        "✓ Right, but not fit to go on with: an array of NumPy comes back. Stay with tensors, and leave out numpy(). "
        "Until it is, the library's own does the work.\n"
    )


def every(way):
    """A change to each result of a function."""
    return lambda function: (
        lambda *arguments: tuple(map(way, found)) if isinstance(found := function(*arguments), tuple) else way(found)
    )


WAYS = {
    "tensor": torch.as_tensor,
    "array": np.asarray,
    "list": lambda one: one.tolist() if hasattr(one, "tolist") else one,
    "double": lambda one: torch.as_tensor(one).double(),
    "a row": lambda one: one[None] if np.ndim(one) == 0 and isinstance(one, torch.Tensor | np.ndarray) else [one],
    "attached": lambda one: torch.as_tensor(one, dtype=torch.float32).detach().requires_grad_(),
    "inferred": torch.inference_mode()(lambda one: torch.as_tensor(one).clone()),
}


@pytest.mark.parametrize("name", [n for n, e in EXERCISES.items() if isinstance(e, Code) and not e.use])
def test_what_goes_on_is_like_what_the_librarys_returns(name, capsys):
    """Whatever is handed on, its results have the types, the shapes and the gradients that the cells below count on."""
    exercise, case = EXERCISES[name], EXERCISES[name].cases[0]
    ours = exercise.solution(*copy(case))
    for way in map(every, WAYS.values()):
        found = mine(name, way(exercise.solution))(*copy(case))
        pairs = zip(found, ours, strict=True) if exercise.returns else [(found, ours)]
        for one, wanted in pairs:
            assert np.shape(one) == np.shape(wanted)
            assert not getattr(one, "requires_grad", False)
            assert not (isinstance(one, torch.Tensor) and one.is_inference())
            if np.ndim(wanted):
                assert type(one) is type(wanted) and (one.dtype == wanted.dtype or "bytes" in name), one
    assert mine(name, every(lambda one: one)(exercise.solution)) is not exercise.solution


def test_what_the_cells_below_cannot_use_is_told_with_a_way_out(capsys):
    ways = {
        "01.backward": ("tensor", "of dW1, a tensor of shape (4, 6) comes back where the lesson has an array of NumPy"),
        "06.adam": ("array", "of w, an array of NumPy comes back. Stay with tensors"),
        "07.work": ("a row", "a list of 1 comes back where the lesson has a single number: [0] takes it out."),
        "04.e": ("a row", "a tensor of shape (1,) comes back where the lesson has a single number: reshape(())"),
        "06.bfgs": ("double", "float64 comes back where the lesson has float32: to(torch.float32) makes it that."),
        "03.climb": ("attached", "what comes back still waits for gradients: detach() makes it plain numbers."),
        "10.whiten": ("inferred", "what comes back was made in inference_mode(), and may stand in no loss: take"),
    }
    for name, (way, told) in ways.items():
        mine(name, every(WAYS[way])(EXERCISES[name].solution))
        assert f"Right, but not fit to {'paint' if name == '04.e' else 'go on'} with: {told}" in capsys.readouterr().out
    advised = torch.no_grad()(EXERCISES["10.whiten"].solution)
    assert mine("10.whiten", advised) is not EXERCISES["10.whiten"].solution


def test_an_answers_own_names_do_not_matter():
    convolve = mine(
        "02.convolve", lambda picture, kernel, border=0: EXERCISES["02.convolve"].solution(picture, kernel, border)
    )
    x, kernel = torch.rand(5, 5), torch.rand(3, 3)
    assert convolve(x, kernel, padding=1).shape == convolve(x, padding=1, kernel=kernel).shape == (5, 5)


def test_a_loop_over_positions_is_too_slow(capsys):
    assert check("04.gram", slow_gram)
    assert mine("04.gram", slow_gram) is EXERCISES["04.gram"].solution
    assert "for features (1, 128, 64, 64)" in (told := capsys.readouterr().out) and "Leave out inner loops" in told
    slow = partial(too_slow, enough=0.25)
    assert slow(3.0, 0.01) and not slow(0.1, 0.0001) and not slow(3.0, 1.0)


def test_an_answer_that_fails_at_work_is_told(capsys):
    def small_only(features):
        if features.numel() > 1000:
            raise ValueError("too many numbers")
        return my_gram(features)

    def off_when_large(features):
        return my_gram(features) * (1 + (features.numel() > 1000))

    assert mine("04.gram", small_only) is mine("04.gram", off_when_large) is EXERCISES["04.gram"].solution
    first, second = capsys.readouterr().out.splitlines()
    assert "for features (1, 128, 64, 64) it raises ValueError: too many numbers. Look" in first
    assert re.search(r"it goes wrong for features \(1, 128, 64, 64\), with [\d.]+ in place of [\d.]+: what is", second)


def test_an_error_at_work_points_to_the_learners_line():
    own = mine("04.gram", my_gram)
    with pytest.raises(IndexError) as caught:
        own(torch.ones(3, 5))
    frames = [frame.name for frame in caught.traceback]
    assert frames[-1] == "my_gram" and caught.traceback[-1].relline == 1
    if sys.version_info >= (3, 11):
        told = "This is line 2 of my_gram, your answer to 04.gram, at work on features (3, 5)."
        assert caught.value.__notes__ == [told]


def test_a_gradient_by_loops_is_right_but_not_handed_over(capsys):
    def by_loops(features, target):
        f = flat(features)
        found, difference = torch.zeros_like(f), gram(features) - target
        for i in range(len(f)):
            for j in range(len(f)):
                for k in range(f.shape[1]):
                    found[i, k] += difference[i, j] * f[j, k] / (f.shape[1] * len(f) ** 2)
        return found.view_as(features)

    handed = mine("04.style_gradient", by_loops)
    assert handed is EXERCISES["04.style_gradient"].solution
    assert "Right, but not fit to" in (told := capsys.readouterr().out) and "Leave out inner loops" in told


def test_a_right_answer_in_another_order_of_products_is_fit_to_go_on_with(capsys):
    """By numbers of the kind that the lesson has: G - A is symmetric."""

    def by_columns(features, target):
        f = flat(features)
        d = f @ f.T / f.shape[1] - target
        return (f.T @ d).T.reshape(features.shape) / (len(f) ** 2 * f.shape[1])

    assert mine("04.style_gradient", by_columns).__wrapped__ is by_columns

    def by_columns_too(features, target):
        f = flat(features)
        d = (f @ f.T / f.shape[1] - target).T
        return (d * d.T).mean()

    assert mine("clinic.style_term", by_columns_too).__wrapped__ is by_columns_too
    assert capsys.readouterr().out.count("your own") == 2


def slow_kernel_gradient(x, dy):
    return sum(
        dy[i, j] * x[i : i + len(x) - len(dy) + 1, j : j + x.shape[1] - dy.shape[1] + 1]
        for i in range(len(dy))
        for j in range(dy.shape[1])
    )


def autograds_kernel_gradient(x, dy):
    kernel = torch.zeros(len(x) - len(dy) + 1, x.shape[1] - dy.shape[1] + 1, requires_grad=True)
    (F.conv2d(x[None, None], kernel[None, None])[0, 0] * dy).sum().backward()
    return kernel.grad


def test_a_slope_found_by_autograd_is_handed_over_where_no_formula_is_asked_for(capsys):
    answer = autograds_kernel_gradient
    assert check("02.kernel_gradient", answer).passed
    assert mine("02.kernel_gradient", answer).__wrapped__ is answer, capsys.readouterr().out


def test_what_goes_wrong_at_the_lessons_size_alone_is_not_handed_over(capsys):
    assert mine("02.kernel_gradient", slow_kernel_gradient) is EXERCISES["02.kernel_gradient"].solution
    assert "for x (288, 192), dy (286, 190)" in (told := capsys.readouterr().out) and "inner loops" in told


def test_loops_that_were_asked_for_are_handed_over():
    def by_positions(x, kernel, padding):
        y = torch.zeros([side + 2 * padding - len(kernel) + 1 for side in x.shape])
        field, k = F.pad(x, (padding,) * 4), len(kernel)
        for i in range(len(y)):
            for j in range(y.shape[1]):
                y[i, j] = (field[i : i + k, j : j + k] * kernel).sum()
        return y

    assert mine("02.convolve", by_positions).__wrapped__ is by_positions


@pytest.mark.parametrize("text", ["512 512", "512; 512", "512 and 512", "(512, 512)", "512, 512", "512 × 512"])
def test_two_numbers_are_read_as_people_write_them(text):
    assert "✓ Right." in repr(nst.choose("04.size", text))


def test_several_texts_are_several_numbers():
    assert "✓ Right." in repr(nst.choose("04b.cost", "2^30", "2^30"))
    assert "✓ Right." in repr(nst.choose("04b.cost", "1,073,741,824, 1,073,741,824"))


def test_a_function_without_a_picture_does_the_work(capsys):
    bill = mine("07.work", lambda sizes, evaluations: np.square(np.divide(sizes, sizes[-1])) @ evaluations)
    assert capsys.readouterr().out == "✓ From here on your own function does the work.\n"
    assert bill(sizes=[32, 64], evaluations=[8, 3]) == 5


@pytest.mark.parametrize("name", [name for name, e in EXERCISES.items() if isinstance(e, Code) and e.use])
def test_a_part_of_a_program_does_the_work(name, capsys):
    mine(name, EXERCISES[name].solution)
    assert "From here on your own" in capsys.readouterr().out


def test_in_a_notebook_it_is_shown_as_a_verdict(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr("nstlib.exercise.handover.notebook", object)
    monkeypatch.setattr("IPython.display.display", shown.append)
    mine("04.gram", None)
    assert [str(verdict) for verdict in shown] == [f"○ 04.gram {OPEN}"]
    assert capsys.readouterr().out == ""


def test_only_functions_go_on():
    with pytest.raises(InputError, match=r'"04.size" asks for no function.*: nst.check\("04.size", answer\)'):
        mine("04.size", (512, 512))
    with pytest.raises(InputError, match=r"did you mean '04.gram'\?"):
        mine("04.gramm", my_gram)


def test_an_infinity_in_the_wrong_place_is_no_accident_where_one_is_asked_for():
    def sooner(evaluations, losses, target):
        for at, loss in zip(evaluations, losses, strict=True):
            if loss <= target:
                return at
            return math.inf

    told = check("06b.sooner", sooner).message
    assert "you have inf" in told and "overflow" not in told


def dense_direction(g, S, Y):
    """Right, by the matrix that L-BFGS is there to avoid."""
    H = (S[-1] @ Y[-1]) / (Y[-1] @ Y[-1]) * torch.eye(len(g))
    for s, y in zip(S, Y, strict=True):
        left = torch.eye(len(g)) - torch.outer(s, y) / (s @ y)
        H = left @ H @ left.T + torch.outer(s, s) / (s @ y)
    return -H @ g


def mean_by_loops(mask, kernel, stride, padding):
    height, width = mask.shape[-2:]
    made = [[(n + 2 * padding - kernel) // stride + 1 for n in (height, width)]]
    found = torch.zeros(1, 1, *made[0])
    for i in range(made[0][0]):
        for j in range(made[0][1]):
            top, left = i * stride - padding, j * stride - padding
            found[0, 0, i, j] = mask[0, 0, max(top, 0) : top + kernel, max(left, 0) : left + kernel].mean()
    return found


def adam_by_loops(w, m, v, g, t, rate):
    stepped = [efficient_adam(*map(torch.Tensor.item, pixel), t, rate) for pixel in zip(w, m, v, g, strict=True)]
    return tuple(map(torch.tensor, zip(*stepped, strict=True)))


BY_LOOPS = [("06.two_loop", dense_direction), ("09.carry", mean_by_loops), ("06.adam", adam_by_loops)]


@pytest.mark.parametrize(("name", "answer"), BY_LOOPS)
def test_what_is_right_and_cannot_be_worked_with_is_told_so(name, answer, capsys):
    assert check(name, answer).passed
    assert mine(name, answer) is not answer
    assert "not fit to go on with" in capsys.readouterr().out
