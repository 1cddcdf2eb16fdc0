"""What somebody may give for an answer, or return from a function, by what it is. Add a line for every new one."""

import math

import torch


class Silent(Exception):
    """Of somebody's own: it cannot be printed, nor made into an array."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __array__ = __str__


ODD = {
    "a word": "x",
    "a long word": "b" * 1_000_000,
    "what cannot be printed": Silent(),
    "a number beyond all": 10**400,
    "a tensor beyond all": torch.zeros(1).expand(10**6, 10**6),
    "a tensor without numbers": torch.zeros(3, device="meta"),
    "complex numbers": torch.ones(2, 2, dtype=torch.cfloat),
    "a dictionary": {"a": 1},
    "a ragged list": [[1.0], [2.0, 3.0]],
    "a list with None": [None, 1.0],
    "no numbers": [],
    "a sparse tensor": torch.eye(2).to_sparse(),
    "a column": torch.ones(1, 1),
    "infinity": math.inf,
    "a truth": True,
    "nothing but zeros": 0,
    "a class": int,
    "an object": object(),
}
