"""A notebook run for its wiring alone: what paints or learns does so for a few rounds, and nothing is claimed of it.

Two editions of a lesson differ in its exercises. What its runs come to is held by the test of the first; for the second
it is enough that every cell finds what it needs. `sketched` makes such a notebook, `begin` is what it calls.
"""

import ast
from itertools import islice
from pathlib import Path

import torch
from IPython import get_ipython
from nbformat import NotebookNode, v4
from torch import Tensor

from nstlib.loss import Objective
from nstlib.optimizers import Evaluator

ROUNDS = 4
LEARN = {"step", "backward", "grad", "value_and_gradient"}  # what is called in a loop that paints or learns
STEPS = {"range": ROUNDS, "train_style_network": 24}  # how many of whose rounds; lesson 10 shows the twentieth picture


def sketched(notebook: NotebookNode) -> NotebookNode:
    """The same notebook with one cell more, behind the first of code, where `import nstlib` has chosen threads."""
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    source = f"import sys\n\nsys.path.append({str(Path(__file__).parent)!r})\nimport sketch\n\nsketch.begin()"
    notebook.cells.insert(first + 1, v4.new_code_cell(source))
    return notebook


def begin() -> None:
    """From here on, in this kernel."""
    shell = get_ipython()
    shell.user_ns["islice"] = islice
    shell.ast_transformers.append(Shortened())
    Evaluator.__call__, torch.optim.LBFGS.step = evaluate, advance


def name_of(node: ast.AST) -> str:
    """Of a variable or an attribute."""
    return getattr(node, "attr", getattr(node, "id", ""))


class Shortened(ast.NodeTransformer):
    """Takes assertions out, ends loops of a cell's own that paint or learn, and lowers the number of evaluations."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.Pass()

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        calls = {name_of(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
        rounds = STEPS.get(name_of(getattr(node.iter, "func", None)))
        if rounds and (calls & LEARN or rounds > ROUNDS):
            node.iter = ast.Call(ast.Name("islice", ast.Load()), [node.iter, ast.Constant(rounds)], [])
        return node

    def visit_Assign(self, node: ast.Assign) -> list[ast.AST]:
        names = {name_of(part) for target in node.targets for part in ast.walk(target)}
        return [node, *ast.parse(f"EVALUATIONS = {ROUNDS}").body] if "EVALUATIONS" in names else [node]


class Bowl:
    """Something in an objective's place that costs nothing and falls slowly: Σ c (x - m)², as large as it at `x`."""

    def __init__(self, x: Tensor, total: Tensor, terms: dict[str, Tensor]):
        chance = torch.Generator().manual_seed(0)
        self.curves = torch.logspace(-3, 0, len(x))[torch.randperm(len(x), generator=chance)].to(x)
        self.middle, self.terms = torch.rand(len(x), generator=chance).to(x), terms
        self.scale = total / (self.curves * (x - self.middle) ** 2).sum()
        self.total = total

    def __call__(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        gradient = 2 * self.scale * self.curves * (x - self.middle)
        total = gradient @ (x - self.middle) / 2
        return total, {name: value * total / self.total for name, value in self.terms.items()}, gradient


def evaluate(self: Evaluator, x: Tensor, really=Evaluator.__call__) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """The objective once, to try its wiring; but a bowl's numbers from the first on, or they would not fit.

    An objective of the lesson's own is asked as often as ever: the lesson may wait for its end, or look at what it did.
    """
    if not isinstance(self.objective, Objective):
        return really(self, x)
    if hasattr(self, "bowl"):
        self.count += 1
    else:
        self.bowl = Bowl(x, *really(self, x)[:2])
    return self.bowl(x)


def advance(self: torch.optim.LBFGS, closure, really=torch.optim.LBFGS.step) -> Tensor:
    """One call of torch's own is a whole run."""
    for group in self.param_groups:
        group["max_iter"] = group["max_eval"] = ROUNDS
    return really(self, closure)
