"""Plain autograd, which judges the engine's tests, and the problems that it judges them on."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from nstlib.backbone import load_backbone
from nstlib.engine import Engine
from nstlib.loss import content_terms, style_terms

ODD = (53, 67)
BANDED = {
    "pocket": ("relu1_1", "conv1_2", "pool1", "conv2_2", "relu2_2", "relu3_1", "relu4_1", "relu4_3", "conv5_1"),
    "squeezenet1_0": ("conv1", "relu1", "pool1", "fire2", "fire4", "pool4", "fire6"),
    "squeezenet1_1": ("relu1", "fire3", "pool3", "fire5", "pool5", "fire7"),
}


def network(name, **options):
    """A network in double precision with random weights and biases: no ReLU or pooling is decided by rounding."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = load_backbone(name, "random", **options)
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.bias, std=0.1)
    return backbone.double()


def picture(rng, size=ODD, dtype=torch.float64):
    return torch.rand(1, 3, *size, generator=rng, dtype=dtype)


def by_autograd(backbone, terms, image):
    """(value of each term, gradient of their sum)."""
    leaf = image.detach().clone().requires_grad_()
    features = backbone(leaf, {t.layer for t in terms if t.layer}) if any(t.layer for t in terms) else {}
    values = [t.weight * t.loss(features[t.layer] if t.layer else leaf) for t in terms]
    (gradient,) = torch.autograd.grad(sum(values), leaf)
    return torch.stack([v.detach() for v in values]), gradient


def balanced(backbone, terms, image):
    """The terms with weights by which each is as large as its number, so that none is lost in the sum."""
    values, _ = by_autograd(backbone, terms, image)
    assert (values > 0).all(), "a term says nothing of this image: nothing is checked"
    numbered = zip(range(1, len(terms) + 1), terms, values.tolist(), strict=True)
    return [replace(term, weight=number * term.weight / value) for number, term, value in numbered]


def error(found, expected):
    """The largest difference, relative to the largest entry."""
    assert found.shape == expected.shape and found.isfinite().all() and expected.abs().max() > 0
    return ((found - expected).abs().max() / expected.abs().max()).item()


def both_kinds(backbone, image, layers):
    """A content and a style term on each of these layers."""
    weights = dict.fromkeys(layers, 1.0)
    return [
        *content_terms(backbone, image.flip(2), weights, reduction="relative"),
        *style_terms(backbone, [image.flip(3) ** 2], weights),
    ]


def limits(engine, size, count=6):
    """Bytes from as few as will do to as many as the fastest way takes."""
    least, most = engine.least(size), Engine(engine.backbone, engine.terms).bytes(size)
    return [least + i * (most - least) // (count - 1) for i in range(count)]


class LiveBytes(TorchDispatchMode):
    """The most bytes of tensors, made since it began, that lived at one time."""

    def __enter__(self):
        self.live, self.most = {}, 0
        return super().__enter__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple | list) else [out]:
            if isinstance(x, Tensor) and not any(self.owner(x) == self.owner(y) for y in flat(args)):
                self.live[self.owner(x)] = StorageWeakRef(x.untyped_storage()), x.untyped_storage().nbytes()
        self.live = {key: (ref, size) for key, (ref, size) in self.live.items() if not ref.expired()}
        self.most = max(self.most, sum(size for _, size in self.live.values()))
        return out

    @staticmethod
    def owner(x):
        return x.untyped_storage()._cdata


def flat(arguments):
    """The tensors among an operation's arguments."""
    for x in arguments:
        if isinstance(x, Tensor):
            yield x
        elif isinstance(x, tuple | list):
            yield from flat(x)
