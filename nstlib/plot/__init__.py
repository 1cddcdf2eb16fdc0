"""Any of the library's objects → a figure whose title says what was found, with an alt text.

    figure = losses(result)          # the last line of a notebook's cell shows it
    figure.savefig("losses.png")
    print(figure.alt)                # one sentence with the numbers, for those who do not see it

A function takes the library's own objects, leaves them as they are, and returns a matplotlib `Figure` that pyplot
knows nothing of, so it is shown once. Three return something else: `new` an empty figure with its axes, `strip` a row
of pictures for a page, and `animate` the path of the file that it wrote. `title` replaces the finding that the function
reads from its data; `figure.axes` are there for changes. Lines differ in style as well as colour; colours are safe for
the colour-blind.
"""

from .curvature import ellipses, two_loops
from .curves import compromise, lines, spans, stacked
from .figures import finish, new
from .images import animate, compare, filmstrip, grid, pictures
from .judgements import judged
from .networks import feature_maps, histogram, kernels, network, receptive_fields, volumes
from .programs import program
from .routes import routes
from .runs import bars, losses, race, work
from .statistics import gram_matrix, placed, spectrum
from .steps import STEPS, backpropagation, convolution, rows_meet
from .strips import strip
from .surfaces import contours

__all__ = [
    "STEPS",
    "animate",
    "backpropagation",
    "bars",
    "compare",
    "compromise",
    "contours",
    "convolution",
    "ellipses",
    "feature_maps",
    "filmstrip",
    "finish",
    "gram_matrix",
    "grid",
    "histogram",
    "judged",
    "kernels",
    "lines",
    "losses",
    "network",
    "new",
    "pictures",
    "placed",
    "program",
    "race",
    "receptive_fields",
    "routes",
    "rows_meet",
    "spans",
    "spectrum",
    "stacked",
    "strip",
    "two_loops",
    "volumes",
    "work",
]
