"""A lesson and its student edition as one notebook, so that one run tries both.

Behind each answer stands what a learner has who gave none: all that the answer made is forgotten, then come the stub
and the check again. So every answer is tried, and every cell below runs as it does where nothing is answered.
"""

import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from nstlib.course import edition

REMEMBER = "_remembered = {name: value for name, value in globals().items() if not name.startswith('_')}"
FORGET = """for made in set(globals()) - set(_remembered):
    if not made.startswith("_"):
        del globals()[made]
globals().update(_remembered)"""


def both(lesson: NotebookNode) -> NotebookNode:
    """The lesson in which behind each answer and its check, where it has one, those of its student edition run."""
    left, cells = list(zip(lesson.cells, edition.student(lesson).cells, strict=True)), []
    while left:
        cell, stub = left.pop(0)
        if cell.cell_type != "code" or cell.source == stub.source:
            cells.append(cell)
            continue
        checks = [left.pop(0)[0]] if left and is_check(left[0][0]) else []
        cells += [new_code_cell(REMEMBER), cell, *(with_verdict(check, True) for check in checks)]
        cells += [new_code_cell(FORGET), new_code_cell(stub.source), *(with_verdict(check, None) for check in checks)]
    return NotebookNode({**lesson, "cells": cells})


def is_check(cell: NotebookNode) -> bool:
    """Whether nbgrader gives points for it."""
    return bool(cell.get("metadata", {}).get("nbgrader", {}).get("grade"))


def with_verdict(check: NotebookNode, passed: bool | None) -> NotebookNode:
    """With an error at its end unless it finds what it should: True for right, None for not answered."""
    verdict = re.sub(r"^\w+ = nst\.mine\(", "nst.check(", check.source.strip())
    claim = f"if ({verdict}).passed is not {passed}:\n    raise AssertionError('this should be {passed}')"
    return new_code_cell(f"{check.source}\n{claim}")
