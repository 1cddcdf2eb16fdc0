"""A grid of recipe fields, and pairs of pictures → a painting for each point, a contact sheet and a table of all

    found = sweep({"style_weight": [0.5, 1, 2], "optimizer": ["adam", "lbfgs"]}, [("content/harbour", "style/mosaic")])
    found.failures

Each point has a file of its own, whose name ends in a fingerprint of all that it is made of. So the same call goes on
where it was left, whatever ended it, and a call with another option paints pictures of its own.
"""

from .points import Point, Sweep
from .run import sweep

__all__ = ["Point", "Sweep", "sweep"]
