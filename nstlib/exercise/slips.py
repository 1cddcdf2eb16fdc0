"""What Python or torch says of a usual slip → what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..errors import one_line

__all__ = ["Unusable", "advice", "slips"]


class Unusable(Exception):
    """What a function returned, or left behind, that no program could go on with; in words."""


NO_GRAD = "A gradient is None before the first backward, and stays so on a tensor that arithmetic made, as x = x - y."
ONE_KIND = "Numbers of two kinds meet: float() or double() makes them of one."
IN_PLACE = "What holds whole numbers takes no fraction in place: write s = s / n, not s /= n."
WHOLE = "Places are whole numbers: long() makes them of a tensor, int() of a number."
OF_TORCH = {  # a part of the error's words: what to do
    "'keepdim' (position 2)": "Several axes go in brackets of their own: mean((2, 3)).",
    "leaf Variable that requires grad": (
        "A step, x -= …, belongs under torch.no_grad(). In a loss write y = x - …, which leaves x as it is."
    ),
    "does not require grad and does not have a grad_fn": (
        "Nothing leads from the loss to what is moved: requires_grad_() comes first, and the loss outside of no_grad."
    ),
    "backward through the graph a second time": "A graph serves one backward: compute the loss anew at each step.",
    "appears to not have been used in the graph": "The loss does not depend on it: it is a copy, or was detached.",
    "modified by an inplace operation": "backward needs the old numbers: x = x + y leaves them, x += y does not.",
    "implicitly created only for scalar": "backward starts at one number: take the sum or the mean first.",
    "'NoneType' object has no attribute 'zero_'": NO_GRAD,
    "'float' and 'NoneType'": NO_GRAD,
    "'Tensor' and 'NoneType'": NO_GRAD,
    "assigned grad expected to be a Tensor": "A gradient is emptied by x.grad = None, or by x.grad.zero_().",
    "should be an iterable of Tensors": "An optimiser takes a list, even of one tensor: [x].",
    "can't optimize a non-leaf": "An optimiser moves what it is given: detach() it first, then requires_grad_().",
    "same dtype": ONE_KIND,
    "expected scalar type": ONE_KIND,
    "not positive-definite": "Cholesky's root asks for eigenvalues above 0, and some are 0 here: eigh takes them all.",
    "used as indices must be": WHOLE,
    "valid indices": WHOLE,
    "can require gradients": "Whole numbers have no gradient: float() first.",
    "could not infer output dtype": "torch takes no mean of whole numbers: float() first.",
    "only support floating point": "torch takes no deviation of whole numbers: float() first.",
    "can't be cast to the desired output type": IN_PLACE,
    "Cannot cast ufunc": IN_PLACE,
}


def advice(error: BaseException, table: Mapping[str, str] = OF_TORCH) -> str:
    """What to do about an error, or "".

    Args:
        error: as it was caught.
        table: what to do, by a part of the words.
    """
    told = one_line(error, limit=1000)  # an error of the learner's own may have none
    return next((what_to_do for words, what_to_do in table.items() if words in told), "")


@contextmanager
def slips(table: Mapping[str, str]) -> Iterator[None]:
    """An error that an exercise has words for → `Unusable` with them; any other as it is."""
    try:
        yield
    except Exception as error:
        if what_to_do := advice(error, table):
            raise Unusable(what_to_do) from error
        raise
