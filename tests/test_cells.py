"""Cells as IPython reads them, and the ways to put something else in the kit's place."""

import ast
import sys

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from nstlib.cells import changes_kit, kit_names, parsed

NOTEBOOKS_OWN = [
    "nst.gram?",
    "?nst",
    "x = !ls",
    "x = %timeit -o 1",
    "%%bash\nfor i in *; do echo $i; done",
    "%%html\n<b>so</b>",
    "    x = 1\n    y = 2",
    "%%time\n    x = 1",
    "\n\n%%capture\nx = 1",
    "if True:\n    %time 1",
    ">>> x = 1",
    "%matplotlib inline\n!ls\nx = await y",
]


@pytest.mark.parametrize("text", NOTEBOOKS_OWN)
def test_what_a_notebook_runs_is_python(text):
    ast.parse(TransformerManager().transform_cell(text))
    assert isinstance(parsed(text), ast.Module)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = !ls\ndef f()\n    pass", 2),
        ("\n  \n%time 1\n\ndef f()\n    pass", 5),
        ("%%time\nx = 1\ny = = 2", 3),
        ("\n%%capture out\n    y = = 2", 3),
    ],
)
def test_a_line_that_is_no_python_is_counted_as_in_the_cell(text, line):
    with pytest.raises(SyntaxError) as found:
        parsed(text)
    assert found.value.lineno == line


def test_magics_are_read_over_without_ipython(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.core.inputtransformer2", None)
    assert ast.dump(parsed("%time 1\nx = 2")) == ast.dump(ast.parse("pass\nx = 2"))


@pytest.mark.filterwarnings("error")
def test_odd_backslashes_are_the_learners_matter():
    parsed(r"x = '\d'")


def changes(*cells):
    trees = [ast.parse(cell) for cell in cells]
    return changes_kit(trees[-1], kit_names(trees))


@pytest.mark.parametrize(
    "cells",
    [
        ["nst.check = f"],
        ["nst.check: object = f"],
        ["nst.check, y = f, 1"],
        ["nst.exercise.verdict.Verdict.passed = True"],
        ["nst.check.__code__ = f.__code__"],
        ["setattr(nst, 'check', f)"],
        ["object.__setattr__(nst, 'check', f)"],
        ["del nst.check"],
        ["for nst.check in [f]: pass"],
        ["nst.__dict__['check'] = f"],
        ["nst.__dict__.update(check=f)"],
        ["vars(nst).update(check=f)"],
        ["getattr(nst, 'exercise').check = f"],
        ["mock.patch('nstlib.check', f).start()"],
        ["mock.patch.object(nst, 'check', f).start()"],
        ["import nstlib as n; n.check = f"],
        ["import nstlib as n", "n.check = f"],
        ["from nstlib import exercise", "exercise.check = f"],
        ["import nstlib.exercise as e", "e.check = f"],
        ["n = nst", "n.check = f"],
        ["n: object = nst", "n.check = f"],
        ["(n := nst).check = f"],
        ["print(n := nst)", "n.check = f"],
        ["n = __import__('nstlib')", "n.check = f"],
        ["importlib.import_module('nstlib').check = f"],
        ["class nst:\n    check = print"],
        ["def nst(): pass"],
        ["nst = f"],
        ["import other as nst"],
        ["from other import nst"],
        ["import nstlib.exercise as nst"],
        ["globals()['nst'] = f"],
    ],
    ids=lambda cells: "; ".join(cells)[:40],
)
def test_a_change_of_the_kit_is_seen_under_any_name(cells):
    assert changes(*cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["import nstlib as nst"],
        ["import nstlib, nstlib.exercise"],
        ["nst.check('04.gram', my_gram)"],
        ["check = nst.check", "check = 3"],
        ["x = nst.load_image('cat'); x[0] = 1"],
        ["x[nst.layers] = 1"],
        ["self.nst = 3"],
        ["vars(x).update(y=1)"],
        ["n = 3", "n.real = 4"],
        ["nst.check == f"],
        ["f(nst=3)"],
    ],
    ids=lambda cells: "; ".join(cells)[:40],
)
def test_a_use_of_the_kit_is_no_change_of_it(cells):
    assert not changes(*cells)
