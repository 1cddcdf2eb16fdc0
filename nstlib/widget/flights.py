"""The recorded runs → a panel of them, and a button that runs a point for real."""

from __future__ import annotations

from ..errors import counted
from ..plot.strips import Strip, strip
from ..recorder import FLIGHT_AXES, flight
from ..transfer import Transfer
from .panels import Panel, panel
from .runs import terms

__all__ = ["flight_recorder"]


def flight_recorder(**first: object) -> Panel:
    """The recorded runs on sliders, and a button that runs the point for real.

    Args:
        first: values to begin with, by axis of `FLIGHT_AXES`.
    """
    return panel(recorded, run=real, first=flight(**first).settings, **FLIGHT_AXES)


def recorded(**settings: object) -> Strip:
    """The pictures of a recorded run, with its losses at the end as the title.

    Args:
        settings: values by axis of `FLIGHT_AXES`.
    """
    run = flight(**settings)
    told = {record.evaluations: terms(record) for record in run.history}
    titles, alts = [counted(n, "evaluation") for n in run.evaluations], [told[n] for n in run.evaluations]
    return strip(run.frames, titles, title=terms(run.history[-1]), alts=alts)


def real(**settings: object) -> Transfer:
    """A recorded point, to be run again on this machine.

    Args:
        settings: values by axis of `FLIGHT_AXES`.
    """
    return flight(**settings).transfer()
