"""The recipes' formulas as their sources have them, written again in NumPy: what the library is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

# The formulas. F, T and P are raw feature matrices (N, M) of the image, the style and the content; x is an image
# (3, H, W) in [0, 1].


def raw(F):
    return F @ F.T


def paper(F, T):
    """E, Gatys et al. 2016, equation 4."""
    (n, m) = F.shape
    return ((raw(F) - raw(T)) ** 2).sum() / (4 * n**2 * m**2)


def mse_over_m(F, T):
    return ((raw(F) / F.shape[1] - raw(T) / T.shape[1]) ** 2).mean()


def mse_over_nm(F, T):
    return ((raw(F) / F.size - raw(T) / T.size) ** 2).mean()


def sum_over_nm(F, T):
    return ((raw(F) / F.size - raw(T) / T.size) ** 2).sum()


def wasserstein(F, T):
    """With centred maps A and B, tr (Σ Σt)^½ is the sum of the singular values of Aᵀ B / √(M Mt)."""
    mu, nu = F.mean(1), T.mean(1)
    A, B = F - mu[:, None], T - nu[:, None]
    across = np.linalg.qr(A.T, mode="r") @ np.linalg.qr(B.T, mode="r").T  # the same singular values, on N × N
    cross = np.linalg.svd(across, compute_uv=False).sum() / np.sqrt(A.shape[1] * B.shape[1])
    traces = (A**2).sum() / A.shape[1] + (B**2).sum() / B.shape[1]
    return ((mu - nu) ** 2).mean() + (traces - 2 * cross) / len(F)


def mean_and_deviation(F, T):
    return (((F.mean(1) - T.mean(1)) ** 2).sum() + ((F.std(1) - T.std(1)) ** 2).sum()) / len(F)


def mmd(F, T):
    """Over all pairs of positions, as the definition has it."""

    def kernel(x, y):
        return ((x.T @ y / len(x) + 1) ** 2).mean()

    return kernel(F, F) + kernel(T, T) - 2 * kernel(F, T)


def relative(F, T):
    target = raw(T) / T.shape[1]
    return ((raw(F) / F.shape[1] - target) ** 2).sum() / (target**2).sum()


def mse(F, P):
    return ((F - P) ** 2).mean()


def half_sum(F, P):
    return ((F - P) ** 2).sum() / 2


def right(x):
    return x[:, :, 1:] - x[:, :, :-1]


def down(x):
    return x[:, 1:, :] - x[:, :-1, :]


def in_255(x):
    return 255 * (x - MEAN[:, None, None])


def in_deviations(x):
    return (x - MEAN[:, None, None]) / STD[:, None, None]


def absolute(x):
    return np.abs(right(x)).sum() + np.abs(down(x)).sum()


def squares(x):
    return (right(x) ** 2).sum() + (down(x) ** 2).sum()


def nine_points(x):
    """Squares over the eight neighbours; the edge is repeated, and each direction's mean is over its differences."""
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    side = right(p)[:, 1:-1], down(p)[:, :, 1:-1]
    diagonal = p[:, 1:, 1:] - p[:, :-1, :-1], p[:, 1:, :-1] - p[:, :-1, 1:]
    return 2 * (sum((d**2).mean() for d in side) / 3 + sum((d**2).mean() for d in diagonal) / 12)


@dataclass(frozen=True)
class Formula:
    """A source's weighted terms: style(F, T, layer) and content(F, P) of one layer, tv(image)."""

    style: Callable
    content: Callable
    tv: Callable = lambda x: 0.0


def cs231n(content, style, tv):
    weights = dict(zip(("relu1", "fire3", "fire4", "fire5"), style, strict=True))
    return Formula(
        style=lambda F, T, layer: weights[layer] * sum_over_nm(F, T),
        content=lambda F, P: content * ((F - P) ** 2).sum(),
        tv=lambda x: tv * squares(in_deviations(x)),
    )


def gordicaleksa(style, tv, layers=5):
    return Formula(
        style=lambda F, T, layer: style * sum_over_nm(F, T) / layers,
        content=lambda F, P: 1e5 * mse(F, P),
        tv=lambda x: tv * absolute(in_255(x)),
    )


JCJOHNSON = Formula(
    style=lambda F, T, layer: 1e2 * mse_over_nm(F, T),
    content=lambda F, P: 5 * mse(F, P),
    tv=lambda x: 1e-3 * 0.5 * squares(in_255(x)),
)
NEURAL_STYLE_PT = replace(JCJOHNSON, tv=lambda x: 1e-3 * absolute(in_255(x)))
CROWSONKB_WEIGHTS = {"relu1_1": 256, "relu2_1": 64, "relu3_1": 16, "relu4_1": 4, "relu5_1": 1}

FORMULAS = {
    "kit": Formula(
        style=lambda F, T, layer: relative(F, T) / 9,
        content=lambda F, P: 0.02 * ((F - P) ** 2).sum() / (P**2).sum(),
    ),
    "gatys2015": Formula(
        style=lambda F, T, layer: paper(F, T) / 5,
        content=lambda F, P: 1e-3 * half_sum(F, P),
    ),
    "gatys2016": Formula(
        style=lambda F, T, layer: paper(F, T) / 5,
        content=lambda F, P: 8e-4 * half_sum(F, P),
    ),
    "leongatys": Formula(
        style=lambda F, T, layer: 1e3 / len(F) ** 2 * mse_over_m(F, T),
        content=mse,
    ),
    "jcjohnson": JCJOHNSON,
    "jcjohnson-adam": JCJOHNSON,
    "neural-style-pt": NEURAL_STYLE_PT,
    "neural-style-pt-adam": NEURAL_STYLE_PT,
    "gordicaleksa": gordicaleksa(3e4, 1.0),
    "gordicaleksa-vgg16": gordicaleksa(3e4, 1.0, layers=4),
    "gordicaleksa-adam": gordicaleksa(1e5, 0.1),
    "gordicaleksa-noise": gordicaleksa(1e3, 1.0),
    "gordicaleksa-adam-noise": gordicaleksa(1e2, 0.1),
    "crowsonkb": Formula(
        style=lambda F, T, layer: CROWSONKB_WEIGHTS[layer] / (256 + 64 + 16 + 4 + 1) * wasserstein(F, T),
        content=lambda F, P: 0.015 * mse(F, P),
        tv=lambda x: 2 * nine_points(x),
    ),
    "pytorch-tutorial": Formula(
        style=lambda F, T, layer: 1e6 * mse_over_nm(F, T),
        content=mse,
    ),
    "d2l": Formula(
        style=lambda F, T, layer: 1e4 * mse_over_nm(F, T),
        content=mse,
        tv=lambda x: 10 * 0.5 * (np.abs(right(in_deviations(x))).mean() + np.abs(down(in_deviations(x))).mean()),
    ),
    "tensorflow-tutorial": Formula(
        style=lambda F, T, layer: 1e-2 * mse_over_m(F, T) / 5,
        content=lambda F, P: 1e4 * mse(F, P),
        tv=lambda x: 30 * absolute(x),
    ),
    "cs231n-starry-night": cs231n(6e-2, (300000, 1000, 15, 3), 2e-2),
    "cs231n-scream": cs231n(3e-2, (200000, 800, 12, 1), 2e-2),
    "cs231n-composition-vii": cs231n(5e-2, (20000, 500, 12, 1), 5e-2),
    "anishathalye": Formula(
        style=lambda F, T, layer: 5e2 * mse_over_nm(F, T) / 5,
        content=lambda F, P: 5 * mse(F, P),
        tv=lambda x: 1e2 * ((right(in_255(x)) ** 2).mean() + (down(in_255(x)) ** 2).mean()),
    ),
    "fast-neural-style": Formula(
        style=lambda F, T, layer: 1e10 * mse_over_nm(F, T),
        content=lambda F, P: 1e5 * mse(F, P),
    ),
    "li2017": Formula(
        style=lambda F, T, layer: 1e6 * mean_and_deviation(F, T),
        content=half_sum,
    ),
    "li2017-mmd": Formula(
        style=lambda F, T, layer: 4e5 * mmd(F, T),
        content=half_sum,
    ),
}
