"""A plain function → a live panel (ipywidgets): one control per argument, the figure redrawn at each change.

    panel(lambda size, name: plot.strip(load_image(name, size)), size=(32, 64, 128), name=("style/mosaic",))

A panel adds nothing to its function, which can be called without it. What is slow runs in a `Worker` below a button,
can be watched and stopped, and stays. Over each panel lies a still figure, for wherever nothing runs. What is used
here, ipywidgets 7.7 and 8 both have.
"""

from .chooser import Chooser, choose
from .flights import flight_recorder
from .form import Form, form_html, lines_html
from .panels import Panel, panel

__all__ = ["Chooser", "Form", "Panel", "choose", "flight_recorder", "form_html", "lines_html", "panel"]
