"""Neural style transfer, to use and to read: `import nstlib as nst`."""

from . import plot, widget
from .about import VERSION as __version__
from .architecture import BACKBONES, Layer
from .backbone import Backbone, load_backbone, normalize_activations
from .course import LESSONS, setup
from .errors import InputError
from .exercise import EXERCISES, Verdict, check
from .image import Picture, asset, assets, load_image, read_metadata, resize, save_image, to_pil
from .loss import Objective, Term, content_loss, content_terms, style_terms, tv_loss, tv_term
from .machine import choose_device
from .optimize import Step, adam, lbfgs, optimize
from .recipe import DEFAULT_RECIPE, RECIPES, Recipe, convert
from .recorder import FLIGHT_AXES, Flight, flight
from .style import STATISTICS, Statistic, covariance, gram, mean_std
from .transfer import (
    Progress,
    Result,
    Transfer,
    reconstruct_content,
    reconstruct_style,
    stylize,
    texture,
)
from .weights import WEIGHTS, load_weights
