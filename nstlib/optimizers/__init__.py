"""An objective and a start image → a generator of `Step`s (Adam, L-BFGS).

The loop reports, callers display: progress bars, plots, checkpoints and early stopping all consume steps, and `break`
stops the run. An *evaluation* is one call of the objective with its gradient, the unit of work; an *iteration* is one
move of the image. Adam needs one evaluation per iteration, L-BFGS now and then more, for its line search.
"""

from .adam import adam
from .evaluator import Bounds
from .lbfgs import lbfgs
from .loop import optimize
from .options import EVALUATIONS, OPTIMIZERS, RATE, TAKES, NoState, rises
from .steps import STEP, Step, Stop

__all__ = [
    "EVALUATIONS",
    "OPTIMIZERS",
    "RATE",
    "STEP",
    "TAKES",
    "Bounds",
    "NoState",
    "Step",
    "Stop",
    "adam",
    "lbfgs",
    "optimize",
    "rises",
]
