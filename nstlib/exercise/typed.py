"""A text that somebody typed → the numbers that it says."""

from __future__ import annotations

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any

__all__ = ["THOUSANDS", "as_python", "with_point", "worked_out"]

POWER = 64  # the largest exponent that is worked out
LETTERS = 200  # of a text that is worked out: a longer one may cost Python's parser all memory
BITS = 2000  # of a number that is raised to a power: no answer has more
SIGNS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
TIMES = re.compile(r"(?<=[\d)])(?<!\b0(?=x))\s*[×x·]\s*(?=[\d(])")  # 512 × 512, 512x512, 3 · 10⁴, and not 0x40
RAISED = re.compile("⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")  # 10⁴, as the lessons write it
FRACTION = re.compile("[¼-¾⅐-⅞]")
LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
BETWEEN = re.compile(r"\s*;\s*|\s+and\s+|,\s+|(?<=\d)\s+(?=\d)")  # 9; 4, 9 and 4, 9 4
COMMA = re.compile(r"(-?\d+),(\d+)")
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([,'’ ])\d{3})(?:\1\d{3})*(?:\.\d+)?")  # 10,000 or 10 000


def worked_out(answer: object, *, several: bool = False) -> object:
    """The numbers that a text says, sums and products among them; anything else as it is.

    Args:
        answer: as it was given.
        several: whether numbers are asked for: then 512 × 28 × 28 are three, a shape, and else a product, and 10,000
            are two.

    >>> worked_out("1/4"), worked_out("25 %"), worked_out("64 * 64, 2**30"), worked_out("many")
    (0.25, 0.25, (4096, 1073741824), 'many')
    >>> worked_out("64 × 32"), worked_out("64 × 32", several=True), worked_out("10,000")
    (2048, (64, 32), 10000)
    >>> worked_out("10⁴"), worked_out("3 · 2⁻¹"), worked_out("−1, 0")
    (10000, 1.5, (-1, 0))
    >>> worked_out("2^30, 1,000", several=True), worked_out("9 and 4", several=True)
    ((1073741824, 1000), (9, 4))
    """
    if isinstance(answer, tuple | list):
        return tuple(map(worked_out, answer))
    if not isinstance(answer, str) or len(answer) > LETTERS:
        return answer
    text = plain(answer)
    if several and len(parts := BETWEEN.split(text.strip("()[] "))) > 1:
        made = tuple(map(worked_out, parts))
        return answer if any(isinstance(one, str | tuple) for one in made) else made
    if not several and THOUSANDS.fullmatch(text):
        text = re.sub("[,'’ ]", "", text)
    text = TIMES.sub("," if several and "," not in text else "*", text)
    found = as_python(text.replace("^", "**").replace("%", "/100"))
    return answer if found is None else found


def plain(text: str) -> str:
    """A text in the signs of Python's own numbers, whatever keyboard it comes from.

    >>> plain(" 10⁴ "), plain("−½"), plain("１２％")
    ('10^4', '-(1/2)', '12%')
    """
    text = RAISED.sub(lambda power: f"^{power[0].translate(LOWERED)}", text.strip())
    text = FRACTION.sub(r"(\g<0>)", text)  # so that 1½ is not read as 11/2
    return unicodedata.normalize("NFKC", text).replace("⁄", "/").replace("−", "-")


def as_python(text: object) -> Any:
    """The numbers that a text is worth if it stands in a cell as it is; None if it is worth none there.

    >>> as_python("1, 0, 2"), as_python("1 0 2"), as_python("2^30")
    ((1, 0, 2), None, None)
    """
    try:
        return value(ast.parse(str(text).strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError):
        return None


def with_point(answer: object) -> str:
    """A text with a decimal comma as Python writes that number; "" if it is none.

    >>> with_point("0,08"), with_point("512, 512"), with_point(0.5)
    ('0.08', '', '')
    """
    found = COMMA.fullmatch(answer.strip()) if isinstance(answer, str) else None
    return ".".join(found.groups()) if found else ""


def finite(number: Any) -> Any:
    """A number as it is.

    Raises:
        ValueError: it is beyond all, such as 1e400.
    """
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"{number} is no number that was asked for")
    return number


def value(node: ast.expr) -> Any:
    """What an expression of numbers is worth; nothing else is worked out.

    Args:
        node: of Python's syntax tree.

    Raises:
        ValueError: there is more in it than numbers.
    """
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return finite(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(map(value, node.elts))
    if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
        return SIGNS[type(node.op)](value(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        left, right = value(node.left), value(node.right)
        if isinstance(node.op, ast.Pow) and (
            abs(right) > POWER or (isinstance(left, int) and left.bit_length() > BITS)
        ):
            raise ValueError("a power that large is nobody's answer")
        return finite(SIGNS[type(node.op)](left, right))
    raise ValueError(f"{type(node).__name__} is no number")
