"""The student edition runs from top to bottom though nothing is answered, and every check says so."""

import ast
import re

import pytest
import sketch
import torch
from alone import ROOT, run_alone

from nstlib import course, optimize
from nstlib.loss import Objective
from nstlib.optimizers import Evaluator

LESSONS = sorted((ROOT / "notebooks" / "student").glob("*.ipynb"))
WHOLE = {"01_network_from_scratch", "01b_training", "02_convolutional_networks"}  # they train, in seconds


def with_verdicts(notebook):
    """With an error after each exercise whose check is not open: right, or wrong."""
    checks = [cell for cell in notebook.cells if cell.get("metadata", {}).get("nbgrader", {}).get("grade")]
    assert checks
    for cell in checks:
        verdict = re.sub(r"^\w+ = nst\.mine\(", "nst.check(", cell.source.strip())
        cell.source += f"\nif ({verdict}).passed is not None:\n    raise AssertionError('this is not open')"
    return notebook


@pytest.mark.notebooks
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_runs_alone(path, tmp_path):
    notebook = with_verdicts(course.read(path))
    run_alone(course.written(notebook if path.stem in WHOLE else sketch.sketched(notebook)), path.name, tmp_path)


CODE = """
SIZE, EVALUATIONS = 64, 200
for learned in range(100):
    optimizer.step()
for counted in range(100):
    pass
for waited in [1, 2, 3, 4, 5]:
    optimizer.step()
assert False
"""


def test_a_sketch_ends_what_learns_and_nothing_else(rng):
    optimizer = torch.optim.Adam([torch.rand(3, generator=rng)])
    names = {"optimizer": optimizer, "islice": sketch.islice}
    exec(compile(ast.fix_missing_locations(sketch.Shortened().visit(ast.parse(CODE))), "cell", "exec"), names)
    assert (names["EVALUATIONS"], names["learned"], names["counted"], names["waited"]) == (4, 3, 99, 5)


class Counted(Objective):
    """Σ x², as if a network had been asked."""

    def __init__(self):
        self.asked = 0

    def value_and_gradient(self, image):
        self.asked += 1
        return image.square().sum(), {"size": image.square().sum()}, 2 * image


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_a_sketched_run_takes_its_evaluations_and_asks_once(method, rng, monkeypatch):
    monkeypatch.setattr(Evaluator, "__call__", sketch.evaluate)
    objective, picture = Counted(), torch.rand(1, 3, 80, 80, generator=rng)
    steps = list(optimize(objective, picture, method, evaluations=60))
    losses = [step.loss for step in steps]
    assert objective.asked == 1 and steps[-1].evaluations >= 60
    assert losses[0] == pytest.approx(float(picture.square().sum()))
    assert losses == sorted(losses, reverse=True) and losses[20] < 0.95 * losses[0]
    assert all(step.terms["size"] == pytest.approx(step.loss) for step in steps)
