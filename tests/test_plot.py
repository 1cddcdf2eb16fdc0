"""Every figure: title, labelled axes, an alt text with the numbers, no trace in pyplot; and mistakes told in words."""

import io
import itertools
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox
from PIL import Image

import nstlib as nst
from nstlib import plot
from nstlib.architecture import BACKBONES
from nstlib.backbone import Backbone
from nstlib.errors import InputError
from nstlib.judges import Judged
from nstlib.opinions import Opinion
from nstlib.plot import figures, steps
from nstlib.plot.curvature import walk
from nstlib.plot.figures import encode
from nstlib.plot.images import folded, pixels
from nstlib.plot.runs import clock
from nstlib.plot.statistics import ordering
from nstlib.plot.steps import there_and_back
from nstlib.result import Record

pytest.importorskip("matplotlib")

GENERATOR = torch.Generator().manual_seed(0)
PICTURE = torch.rand(1, 3, 24, 32, generator=GENERATOR)
MAPS = torch.rand(1, 10, 6, 8, generator=GENERATOR)
MATRIX = nst.gram(MAPS)
NETWORK = Backbone(BACKBONES["pocket"])
RUN = [Record((24, 32), i, i, i / 4, 8.0 / i, {"content relu3_3": i - 1.0, "style relu1_1": 1 / i}) for i in (1, 2, 4)]
FAST = [Record((24, 32), i, i, i / 8, 6.0 / i, {}) for i in (1, 2, 3)]
SLOW = SimpleNamespace(history=[Record((24, 32), i, i, i / 4, 7.0 - i, {}) for i in (1, 2, 4)])
COARSE = SimpleNamespace(
    history=[Record((12, 16), 4, 4, 1, 9.0, {}), *(Record((24, 32), i, i, i, 5.0 - i, {}) for i in (1, 2, 3))]
)
FRAMES = [(n, PICTURE * n / 9) for n in range(1, 10)]
PATH = torch.tensor([[2.0, 1.0], [1.0, 0.5], [0.0, 0.0]])
FILTERS = torch.randn(10, 3, 3, 3, generator=GENERATOR)
S = torch.tensor([[1.0, 0.0], [0.5, 1.0]])
Y = torch.tensor([[2.0, 1.0], [2.0, 3.5]])
RUNS = {0.1: (0.2, 0.1), 1: (0.5, 0.01), 10: (0.9, 0.005)}  # (content, style) by β
SHARES = {"relu1_1": 0.25, "relu2_1": 0.75}
JUDGED = nst.Judgement(
    tuple(
        Judged(name, None, {judge: Opinion({"relu1_1": share}, 0.4, None) for judge in ("x", "y")}, 0.5, 1.0)
        for name, share in (("rough", 0.25), ("fine", 0.75))
    ),
    (),
)


def bowl(x, y):
    return x**2 + 10 * y**2


# name: how it is called, what its alt text says, whether its axes carry scales
FIGURES = {
    "pictures": (lambda **k: plot.pictures([PICTURE, PICTURE], ["a", "b"], **k), ["2 pictures", "a, b"], False),
    "compare": (lambda **k: plot.compare(PICTURE, PICTURE, PICTURE, **k), ["content, style, result"], False),
    "filmstrip": (lambda **k: plot.filmstrip(FRAMES, count=3, **k), ["1, 5, 9"], False),
    "grid": (
        lambda **k: plot.grid([[PICTURE] * 2] * 3, [1, 2, 3], [7, 8], **k),
        ["6 pictures", "1, 2, 3", "7, 8"],
        False,
    ),
    "losses": (lambda **k: plot.losses(RUN, **k), ["8 to 2", "4 evaluations", "total, content, style"], True),
    "losses by layer": (lambda **k: plot.losses(RUN, terms="layer", by="seconds", **k), ["1 seconds", "relu1_1"], True),
    "losses of two": (lambda **k: plot.losses({"a": RUN, "b": FAST}, **k), ["a loss goes from 8", "b loss"], True),
    "race": (
        lambda **k: plot.race({"slow": RUN, "fast": FAST}, **k),
        ["3 evaluations", "0.375 seconds", "fast 2"],
        True,
    ),
    "work": (
        lambda **k: plot.work({"straight": SLOW, "coarse first": COARSE}, **k),
        ["3: straight 4, coarse first 3"],
        True,
    ),
    "program": (lambda **k: plot.program(["closure"], **k), ["Yours: closure.", "targets takes"], False),
    "bars": (lambda **k: plot.bars(SHARES, **k), ["relu1_1 25%", "relu2_1 75%"], True),
    "bars in groups": (lambda **k: plot.bars({"x": SHARES, "y": {"relu1_1": 1}}, **k), ["75%", "y relu1_1 100%"], True),
    "feature maps": (lambda **k: plot.feature_maps(MAPS, **k), ["of 10", "0 silent"], False),
    "maps of layers": (lambda **k: plot.feature_maps({"a": MAPS, "b": MAPS}, channels=3, **k), ["a: ", "b: "], False),
    "network": (lambda **k: plot.network(NETWORK, **k), ["conv1_1 24/1/3", "pool5 192/32/148"], False),
    "volumes": (lambda **k: plot.volumes(NETWORK, size=64, **k), ["picture 3 × 64²", "conv5_1 192 × 4²"], False),
    "receptive fields": (
        lambda **k: plot.receptive_fields(PICTURE, NETWORK, ["relu4_1", "relu1_1"], **k),
        ["32 × 24", "relu1_1 3, relu4_1 60"],
        True,
    ),
    "kernels": (lambda **k: plot.kernels(FILTERS, **k), ["10 kernels of 3 × 3"], False),
    "grey kernels": (lambda **k: plot.kernels(FILTERS[:, :1], **k), ["10 kernels of 3 × 3"], False),
    "histogram": (lambda **k: plot.histogram({"a": MAPS.round()}, **k), ["%", "0 to 1"], True),
    "gram": (lambda **k: plot.gram_matrix(MATRIX, order="similar", **k), ["10 × 10"], True),
    "gram of two": (lambda **k: plot.gram_matrix({"a": MATRIX, "b": 2 * MATRIX}, **k), ["from a: b 1."], True),
    "small gram": (
        lambda **k: plot.gram_matrix([[5, -2], [-2, 3]], ["u", "v"], **k),
        ["-2 to 5", "U is the strongest, 5"],
        True,
    ),
    "rows": (
        lambda **k: plot.rows_meet([[3, 0, 2], [1, 5, 2]], 0, 1, upto=2, labels=["u", "v"], **k),
        ["u with v, 2 of 3 positions: 3 + 0 = 3"],
        True,
    ),
    "spectrum": (
        lambda **k: plot.spectrum({"id": torch.eye(10), "one": torch.ones(4, 4)}, **k),
        ["id 9", "one 1 of 4"],
        True,
    ),
    "placed": (
        lambda **k: plot.placed([MATRIX, 2 * MATRIX, 4 * MATRIX], [PICTURE] * 3, ["p", "q", "r"], **k),
        ["100%", "3 pictures"],
        True,
    ),
    "judged": (lambda **k: plot.judged(JUDGED, **k), ["rough by x: style 0.25", "fine by y: style 0.75"], True),
    "contours": (lambda **k: plot.contours(bowl, {"by hand": PATH}, **k), ["by hand after 2 steps at 0"], True),
    "backpropagation": (
        lambda **k: plot.backpropagation([1, 2], [[2, 1, -1], [0, -1, 1]], [[1, -1], [2, -2], [-1, 3]], 0, **k),
        ["z = 2, -1, 1", "dz = -1, 0, 2", "dx = -4, 2"],
        False,
    ),
    "convolution": (
        lambda **k: plot.convolution([[0, 1, 2], [3, 4, 5]], [[1, 0], [0, 2]], position=1, **k),
        ["2 × 2", "column 1 of the map: 11"],
        False,
    ),
    "convolution of colours": (
        lambda **k: plot.convolution(np.ones((3, 4, 5)), np.ones((3, 3, 3)), position=5, bias=-1, **k),
        ["3 channels", "Row 1, column 2 of the map: 9 + 9 + 9 - 1 = 26"],
        False,
    ),
    "lines": (
        lambda **k: plot.lines({"a": [1, 4], "b": ([0.1, 1], [2, 3])}, x="rate", y="loss", log="y", **k),
        ["loss over rate", "a from 1 to 4", "b from 2 to 3"],
        True,
    ),
    "lines in groups": (
        lambda **k: plot.lines(
            {"left": {"a": [1, 2]}, "right": {"a": [3, 1]}}, x="step", y="loss", marks={"here": 1.5}, band=(1, 2), **k
        ),
        ["left a from 1 to 2", "right a from 3 to 1"],
        True,
    ),
    "spans": (
        lambda **k: plot.spans({"d2l": (1, 1e4), "gatys": (1e3, 1e5)}, ("printed", "converted"), x="weight", **k),
        ["printed, converted", "d2l 1 to 1e+04"],
        False,
    ),
    "stacked": (
        lambda **k: plot.stacked({1: SHARES, 9: {"content": 0.5, "relu2_1": 0.5}}, of="step", y="share", **k),
        ["share by step", "1: relu1_1 25%", "9: content 50%"],
        True,
    ),
    "compromise": (
        lambda **k: plot.compromise(RUNS, 0.02, chosen=1, picture=PICTURE, **k),
        ["content 0.50, style 0.010"],
        False,
    ),
    "ellipses": (
        lambda **k: plot.ellipses({"before": torch.eye(2), "after": torch.eye(2) / 2}, 2 * torch.eye(2), **k),
        ["before 100%, after 0%"],
        True,
    ),
    "two loops": (lambda **k: plot.two_loops([1, 2], S, Y, step=3, **k), ["= 0.277 of the youngest"], False),
}


def test_below_pictures_without_a_title_nothing_is_left_blank():
    figure = plot.pictures(torch.zeros(2, 3, 40, 40), ["one", "other"])
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    rows = np.array(Image.open(drawn).convert("L")).min(1)
    assert rows[-20:].min() < 10  # of pixels, 100 to an inch


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure(name):
    from matplotlib.figure import Figure

    draw, said, scaled = FIGURES[name]
    figure = draw(title="What was found")
    assert isinstance(figure, Figure)
    assert 4 <= figure.get_figwidth() <= 10.4 and 1 <= figure.get_figheight() <= 10
    assert figure.get_suptitle() == "What was found"
    assert "\n" not in figure.alt and figure.alt[0] == figure.alt[0].upper()
    for words in said:
        assert words.lower() in figure.alt.lower(), figure.alt
    if scaled:
        axes = [a for a in figure.axes if a.get_label() != "<colorbar>"]
        assert all(a.get_xlabel() for a in axes) and axes[0].get_ylabel()
    if name != "compare":
        assert draw().get_suptitle() or name in ("pictures", "grid")


def test_what_returns_no_figure_is_named_where_figures_are_promised():
    functions = [getattr(plot, name) for name in plot.__all__ if callable(getattr(plot, name))]
    others = [one.__name__ for one in functions if one.__annotations__["return"] != "Figure"]
    told = plot.__doc__.partition("Three return something else: ")[2].partition(". ")[0]
    assert sorted(re.findall(r"`(\w+)`", told)) == sorted(others)


def test_nothing_is_left_open_in_pyplot():
    import matplotlib.pyplot as plt

    plot.bars(SHARES)
    assert plt.get_fignums() == []


def test_inputs_are_left_as_they_are():
    given = [PICTURE, MAPS, MATRIX, FILTERS, PATH]
    before = [t.clone() for t in given]
    for draw, _, _ in FIGURES.values():
        draw()
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))


@pytest.mark.parametrize("name", ["losses", "race", "gram of two", "receptive fields", "network", "bars in groups"])
def test_text_stays_inside_and_titles_do_not_cover_legends(name):
    figure = FIGURES[name][0]()
    figure.draw_without_rendering()
    title = figure._suptitle.get_window_extent()
    texts = [text for axis in figure.axes for text in (axis.title, axis.xaxis.label, axis.yaxis.label, *axis.texts)]
    for text in (figure._suptitle, *(t for t in texts if t.get_text())):
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    assert not any(title.overlaps(legend.get_window_extent()) for legend in figure.legends)


@pytest.mark.parametrize("name", FIGURES)
def test_coloured_words_can_be_read_on_white(name):
    """4.5 times the luminance (WCAG 2.2, 1.4.3); grey is what has not come yet, white stands on dark squares."""
    for axis in FIGURES[name][0]().axes:
        for text in filter(lambda one: one.get_text(), axis.texts):
            colour = np.array(to_rgb(text.get_color()))
            luminance = np.where(colour > 0.04045, ((colour + 0.055) / 1.055) ** 2.4, colour / 12.92)
            contrast = 1.05 / (luminance @ [0.2126, 0.7152, 0.0722] + 0.05)
            assert np.ptp(colour) == 0 or contrast >= 4.5, text.get_text()


def test_the_heads_of_a_networks_columns_stand_apart():
    figure = plot.network(NETWORK)
    encode(figure)
    heads = [t.get_window_extent() for t in figure.axes[0].texts if t.get_weight() == "bold"]
    space = 0.5 * heads[0].height
    assert len(heads) == 5 and all(right.x0 - left.x1 > space for left, right in itertools.pairwise(heads))


def test_no_line_runs_through_the_name_of_a_mark():
    (name,) = plot.lines({"a": [1, 2]}, x="step", y="loss", marks={"here": 1.5}).axes[0].texts
    paper = name.get_bbox_patch()
    assert to_rgb(paper.get_facecolor()) == (1, 1, 1) and paper.get_alpha() in (None, 1)


def test_a_picture_at_the_very_origin_is_drawn_whole():
    axis = plot.judged(JUDGED).axes[0]
    points = [line for line in axis.lines if line.get_marker() != "None"]
    spines = max(spine.get_zorder() for spine in axis.spines.values())
    assert len(points) == 2 and not any(p.get_clip_on() or p.get_zorder() <= spines for p in points)


def test_lines_differ_in_style_as_well_as_colour():
    axis = plot.race({str(i): RUN for i in range(4)}).axes[0]
    lines = axis.lines[:4]
    assert len({line.get_linestyle() for line in lines}) == len({line.get_color() for line in lines}) == 4


def test_what_the_losses_show():
    axis = plot.losses(RUN).axes[0]
    total, content, style = axis.lines
    assert axis.get_yscale() == "log"
    assert total.get_xdata().tolist() == [1, 2, 4] and total.get_ydata().tolist() == [8, 4, 2]
    assert np.isnan(content.get_ydata()[0]) and content.get_ydata()[1:].tolist() == [1, 3]
    assert style.get_ydata().tolist() == [1, 0.5, 0.25]


def test_a_term_that_begins_at_what_rounding_leaves_is_drawn_from_where_it_has_risen():
    start, then = {"content relu3_3": 4e-7, "style relu1_1": 0.6}, {"content relu3_3": 3e-3, "style relu1_1": 0.4}
    run = [Record((24, 32), i, i, i / 4, sum(terms.values()), terms) for i, terms in enumerate((start, then), 1)]
    axis = plot.losses(run).axes[0]
    assert np.isnan(axis.lines[1].get_ydata()[0]) and axis.lines[1].get_ydata()[1] == 3e-3
    assert axis.get_ylim()[0] > 1e-3


def test_weights_stand_clear_of_other_lines():
    x, first, second = [1, 2], [[2, 1, -1], [0, -1, 1]], [[1, -1], [2, -2], [-1, 3]]
    axis = plot.backpropagation(x, first, second, 0).axes[0]
    labels = [text.get_position() for text in axis.texts if " | " in text.get_text() and text.get_color() != "black"]
    edges = [np.array(line.get_xydata()) for line in axis.lines]
    assert len(edges) == 12
    for place in labels[:12]:
        gaps = [abs(np.interp(place[0], *line.T) - place[1]) for line in edges if line[0, 0] <= place[0] <= line[1, 0]]
        assert sum(gap < 0.3 for gap in gaps) == 1, place


def test_a_new_scale_goes_on_from_the_last():
    coarse = [Record((12, 16), i, i, i / 10, 1.0, {}) for i in (1, 2, 3)]
    fine = [Record((24, 32), i, i, 0.3 + i / 10, 1.0, {}) for i in (1, 2)]
    assert clock(coarse + fine, "evaluations").tolist() == [1, 2, 3, 4, 5]
    assert clock(coarse + fine, "seconds")[-1] == pytest.approx(0.5)


def test_the_race_is_judged_where_the_first_run_ends():
    """After 3 evaluations `slow` has 4 and `fast` 2; what `slow` does afterwards does not count."""
    slow = [*RUN, Record((24, 32), 9, 9, 9.0, 0.001, {})]
    assert "fast leads" in plot.race({"slow": slow, "fast": FAST}).get_suptitle()


def test_work_counts_a_coarse_scale_by_its_pixels():
    """Four evaluations at half the side are one at the last size; `coarse first` is at 3 after two more."""
    axis = plot.work({"straight": SLOW, "coarse first": COARSE}).axes[0]
    straight, coarse = (line.get_xdata().tolist() for line in axis.lines[:4:2])
    assert straight == [1, 2, 4] and coarse == [2, 3, 4]


def test_the_program_shows_whose_parts_they_are():
    told = [t.get_text() for t in plot.program(["closure", "paint"]).axes[0].texts]
    assert [t.split("\n")[0] for t in told if t.endswith("yours")] == ["closure", "paint"]
    assert plot.program().get_suptitle() == "Five parts to write"
    assert plot.program(plot.programs.PARTS).get_suptitle() == "All five parts are yours"


def test_receptive_fields_lie_where_the_network_looks():
    """The square of a position is the pixels that have a gradient to it."""
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    layer = NETWORK.layers["relu2_1"]
    at = round((32 - layer.offset) / layer.stride)
    seen = NETWORK(image, ["conv2_1"])["conv2_1"][0, :, at, at].sum()
    (gradient,) = torch.autograd.grad(seen, image)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    figure = plot.receptive_fields(image, NETWORK, ["relu2_1"])
    box = figure.axes[0].patches[-1]
    assert box.get_y() + 0.5 <= rows[0] and rows[-1] <= box.get_y() + box.get_height() - 0.5
    assert len(rows) >= layer.receptive_field - 2  # a pooling may not have chosen the outermost row


def test_volumes_are_as_thick_as_channels_and_as_high_as_maps():
    figure = plot.volumes(NETWORK, size=64)
    fronts = [p.get_xy()[:4] for p in figure.axes[0].patches[::3]][1:]  # each box has three faces; without the picture
    layers = [x for x in NETWORK.layers.values() if x.kind != "relu"]
    assert len(fronts) == len(layers)
    thick, high = (np.array([corners[:, i].max() - corners[:, i].min() for corners in fronts]) for i in (0, 1))
    np.testing.assert_allclose(thick / thick[0], [x.channels / layers[0].channels for x in layers])
    np.testing.assert_allclose(high, [64 // x.stride / 64 for x in layers])


def test_rows_meet_position_by_position():
    """The entries of F Fᵀ by NumPy, and what is drawn of them on the way."""
    f = torch.tensor([[[[3.0, 0, 2], [2, 2, 0]], [[1, 0, 4], [2, 0, 2]]]])
    rows = f[0].flatten(1).numpy()
    for i, j in ((0, 0), (0, 1), (1, 1)):
        matrix = plot.rows_meet(f, i, j).axes[1]
        assert matrix.texts[2 * i + j].get_text() == matrix.texts[2 * j + i].get_text() == f"{(rows @ rows.T)[i, j]:g}"
    part = plot.rows_meet(f, 0, 1, upto=3)
    assert "3 of 6 positions: 3 + 0 + 8 = 11" in part.get_suptitle()
    assert [t.get_text() for t in part.axes[0].texts[12:]] == ["3", "0", "8", "", "", ""]
    with pytest.raises(InputError, match="give 0 to 6 positions"):
        plot.rows_meet(f, 0, 1, upto=7)


def test_the_strongest_channel_comes_first():
    maps = torch.ones(1, 3, 4, 4) * torch.tensor([1.0, 9.0, 4.0]).view(1, 3, 1, 1)
    assert [a.get_title() for a in plot.feature_maps(maps).axes] == [
        f"channel {c}" for c in ("1: max 9", "2: max 4", "0: max 1")
    ]


def test_numbers_at_an_axis_are_those_of_channels():
    axis = plot.gram_matrix(MATRIX, order="similar").axes[0]
    assert not axis.get_xticks().size and "similar" in axis.get_xlabel()
    assert plot.gram_matrix(MATRIX).axes[0].get_xticks().size


def test_no_name_of_a_placed_picture_lies_on_another():
    points = torch.rand(22, 2, generator=torch.Generator().manual_seed(0))
    figure = plot.placed(list(points), [PICTURE] * 22, ["houses_at_auvers"] * 22)
    encode(figure)
    framed = [a for a in figure.axes[0].get_children() if isinstance(a, AnnotationBbox)]
    boxes = [a.get_window_extent() for a in (*framed, *figure.axes[0].texts)]
    assert len(boxes) == 44 and not any(a.shrunk(0.9, 0.9).overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_gram_orders_channels():
    m = np.diag([1.0, 3.0, 2.0])
    assert ordering(m, "strongest").tolist() == [1, 2, 0]
    pairs = np.kron(np.eye(2), np.ones((2, 2)))[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])] + 0.1
    order = ordering(pairs, "similar").tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_gram_colours_are_symmetric_when_signs_differ():
    signed = plot.gram_matrix([[5, -2], [-2, 3]]).axes[0].images[0]
    assert signed.get_clim() == (-5, 5)
    assert plot.gram_matrix([[5, 2], [2, 3]]).axes[0].images[0].get_clim() == (0, 5)


def test_the_steps_of_backpropagation_are_autograds():
    x, first, second = (torch.randn(s, dtype=torch.double, generator=GENERATOR) for s in ((3,), (3, 4), (4, 2)))
    leaves = [v.requires_grad_() for v in (x, first, second)]
    torch.nn.functional.cross_entropy((x @ first).relu() @ second, torch.tensor(1)).backward()
    found = there_and_back(*(v.detach().numpy() for v in leaves), 1)
    for leaf, name in zip(leaves, ("dx", "dW1", "dW2"), strict=True):
        np.testing.assert_allclose(found[name], leaf.grad, atol=1e-12)


def test_a_step_shows_nothing_of_later_ones():
    told = [plot.backpropagation([1, 2], [[1, -1], [1, 1]], [[1], [2]], 0, step=s).alt for s in range(len(plot.STEPS))]
    for step, (name, _) in enumerate(plot.STEPS):
        assert [f" {name} = " in alt for alt in told] == [later >= step for later in range(len(told))]


def test_the_sliding_kernel_is_a_convolution():
    picture, kernel = torch.randn(2, 5, 4, generator=GENERATOR), torch.randn(2, 3, 3, generator=GENERATOR)
    wanted = torch.nn.functional.conv2d(picture[None], kernel[None], torch.tensor([0.5])).flatten()
    for position, value in enumerate(wanted.tolist()):
        alt = plot.convolution(picture, kernel, position=position, bias=0.5).alt
        assert float(alt.rstrip(".").rpartition("= ")[2]) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("dpi", [72, 200])
def test_numbers_drawn_as_shapes_stand_where_matplotlibs_own_would(dpi):
    def ink(draw):
        figure = Figure(figsize=(4, 3), dpi=72)  # another resolution than the file's
        axis = figure.add_axes((0, 0, 1, 1), xlim=(0, 8), ylim=(6, 0), xticks=[], yticks=[], frame_on=False)
        draw(axis)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=dpi)
        return 1 - np.asarray(Image.open(drawn).convert("L"), float) / 255

    places = {"-1.5": [(2, 1), (5, 4)], "20": [(6.5, 2)]}
    ours = ink(lambda axis: steps.write(axis, places, fontsize=14))
    look = {"ha": "center", "va": "center", "fontsize": 14}
    theirs = ink(lambda axis: [axis.text(*at, text, **look) for text, where in places.items() for at in where])
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.15)
    high, wide = (side // 6 for side in ours.shape)
    for row, column in np.ndindex(6, 6):
        cell = (slice(row * high, row * high + high), slice(column * wide, column * wide + wide))
        assert abs(ours[cell].sum() - theirs[cell].sum()) < 0.06 * theirs.sum()


def test_pictures_come_in_any_form(tmp_path):
    path = nst.save_image(PICTURE, tmp_path / "a.png")
    grey = torch.rand(8, 8)
    forms = [PICTURE, PICTURE[0], str(path), path, nst.load_image(path), Image.open(path), grey, grey[None]]
    assert len(plot.pictures(forms).axes) == 8
    assert len(plot.pictures(torch.rand(5, 1, 8, 8)).axes) == 6  # a batch; two rows of three, one place stays empty
    assert np.array_equal(pixels(path), pixels(PICTURE))
    assert plot.pictures(["content/harbour", path]).alt == "2 pictures: harbour, a."


@pytest.mark.parametrize("name", ["$x_$.png", "$$", "a $\\frac$ b $c$"])
def test_names_are_no_formulas(name):
    """Wherever they stand: in a title, in a legend, on an axis, beside a point, at a scale."""
    for figure in (
        plot.pictures([PICTURE, PICTURE], [name, name], title=name),
        plot.grid([[PICTURE]], [name], [name], row_label=name, column_label=name),
        plot.lines({name: ([1, 2], [3, 4])}, x=name, y=name),
        plot.bars({name: 1.0, "b": 2.0}, label=name, of=name),
        plot.stacked({name: {name: 1.0, "b": 2.0}}, of=name, y=name),
        plot.spans({name: (1, 1e4)}, (name, "converted"), x=name),
    ):
        assert encode(figure)[1]


def test_a_scale_still_writes_powers_of_ten():
    figure = plot.lines({"a": ([1, 10, 1000], [1, 10, 1000])}, x="x", y="y", log="y")
    encode(figure)
    powers = [text for text in figure.axes[0].get_yticklabels() if "10^" in text.get_text()]
    assert powers and all(text.get_parse_math() for text in powers)


def test_the_librarys_own_objects():
    steps = [nst.Step(n, 2 * n, n / 4, 8.0 / n, {"style relu1_1": 1 / n}, PICTURE / n) for n in (1, 2, 4)]
    progress = [nst.Progress(step, (24, 32), 0.5, step.seconds, None, 1, 2) for step in steps]
    result = nst.Result(PICTURE, tuple(RUN), nst.RECIPES["gatys2016"], 0, 1.0, "cpu", "evaluations")
    for found in (steps[0], progress[0], result, nst.load_image(PICTURE)):
        assert np.array_equal(pixels(found), pixels(PICTURE))
        assert len(plot.pictures(found).axes) == 1 and len(plot.pictures([found, found]).axes) == 2
    for frames in (steps, progress, [(s.evaluations, s.image) for s in steps]):
        assert [a.get_title() for a in plot.filmstrip(frames).axes] == [f"{n} evaluations" for n in (2, 4, 8)]
    assert plot.losses(steps).alt == plot.losses(progress).alt
    assert plot.losses(result).alt == plot.losses(RUN).alt


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: plot.pictures([]), "no picture"),
        (lambda: plot.pictures([torch.rand(5, 4)[None, None, None]]), "no picture"),
        (lambda: plot.pictures([PICTURE], ["a", "b"]), "1 pictures and 2 titles"),
        (lambda: plot.filmstrip([]), "no frames"),
        (lambda: plot.grid([[PICTURE]], [1, 2], [1]), "2 rows of 1"),
        (lambda: plot.losses(3), "a run is a Result"),
        (lambda: plot.losses([]), "a run is a Result"),
        (lambda: plot.losses(RUN, by="minutes"), "unknown axis 'minutes'"),
        (lambda: plot.losses(RUN, terms="all"), "unknown choice of terms"),
        (lambda: plot.race({}), "nothing to draw"),
        (lambda: plot.feature_maps(torch.rand(2, 3, 4, 4)), r"\(1, channels, height, width\), not \(2, 3, 4, 4\)"),
        (lambda: plot.feature_maps(MAPS, channels=[99]), "0 … 9"),
        (lambda: plot.receptive_fields(PICTURE, NETWORK, ["relu9_1"]), "relu9_1 is not in pocket"),
        (lambda: plot.kernels(torch.rand(8, 16, 3, 3)), "first layer, not"),
        (lambda: plot.histogram(torch.tensor([float("nan")])), "NaN"),
        (lambda: plot.gram_matrix(torch.rand(2, 3)), r"\(N, N\), not \(2, 3\)"),
        (lambda: plot.gram_matrix({"a": torch.eye(2), "b": torch.eye(3)}), "several sizes"),
        (lambda: plot.gram_matrix(torch.eye(2), order="random"), "unknown order"),
        (lambda: plot.spectrum(torch.full((2, 2), float("inf"))), "infinity"),
        (lambda: plot.placed([MATRIX], [PICTURE]), "three or more"),
        (lambda: plot.contours(bowl, {"a": torch.rand(4, 3)}), r"\(steps, 2\), not \(4, 3\)"),
        (lambda: plot.contours(lambda x, y: x.sum(), {"a": PATH}), "keep the shape"),
        (lambda: plot.backpropagation([1], [[1, 2]], [[1], [2]], 0, step=11), "step = 11: give 0 to 10"),
        (lambda: plot.backpropagation([1], [[1, 2]], [[1], [2]], 1), "label = 1: give 0 to 0"),
        (lambda: plot.backpropagation([1], [[1, 2]], [[1]], 0), r"give \(D,\), \(D, H\) and \(H, K\)"),
        (lambda: plot.convolution(np.ones((2, 4, 4)), np.ones((3, 3))), r"\(2, k, k\), not \(1, 3, 3\)"),
        (lambda: plot.convolution(np.ones((4, 4)), np.ones((3, 3)), position=4), "position = 4: give 0 to 3"),
        (lambda: plot.convolution(np.ones((4, 99)), np.ones((3, 3))), "at most 12"),
        (lambda: plot.lines({"a": [1, 2]}, x="", y="", log="z"), "'x', 'y' or 'xy'"),
        (lambda: plot.lines({"a": ([1, 2, 3], [1, 2])}, x="", y=""), "3 places and 2 heights"),
        (lambda: plot.spans({"a": (1, 2)}, ("one",), x=""), "a label for each"),
        (lambda: plot.compromise(RUNS, 0.02, chosen=2, picture=PICTURE), "choose one of 0.1, 1, 10"),
        (lambda: plot.ellipses({"a": torch.eye(3)}, torch.eye(2)), r"\(2, 2\), not \(3, 3\)"),
        (lambda: plot.two_loops([1, 2, 3], S, Y), "do not fit"),
        (lambda: plot.two_loops([1, 2], S, Y, step=6), "give 0 to 5"),
        (lambda: plot.animate(FRAMES, "a.png"), "end it in .gif or .webp"),
        (lambda: plot.animate([], "a.gif"), "no picture"),
    ],
)
def test_a_mistake_is_told_in_words(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_the_price_is_drawn_as_a_slope():
    axis = plot.compromise(RUNS, 0.02, chosen=0.1, picture=PICTURE).axes[1]
    x, y = axis.lines[1].get_data()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(-0.02 / 0.1) and np.mean(y) == pytest.approx(0.1)


def test_the_loops_end_at_the_dense_update():
    """BFGS written down as matrices, from γ I (Nocedal & Wright 2006, equations 6.17 and 7.20)."""
    g, s, y = np.array([1.0, 2.0]), S.double().numpy(), Y.double().numpy()
    H = np.eye(2) * (s[-1] @ y[-1]) / (y[-1] @ y[-1])
    for move, change in zip(s, y, strict=True):
        rho = 1 / (move @ change)
        left = np.eye(2) - rho * np.outer(move, change)
        H = left @ H @ left.T + rho * np.outer(move, move)
    told = walk(g, s, y)
    assert len(told) == 6 and "this is H g" in told[-1][0]
    np.testing.assert_allclose(told[-1][1], H @ g)


def test_a_notebook_shows_a_small_image_with_its_alt_text(monkeypatch):
    shown = []
    fake = SimpleNamespace(display=lambda bundle, **options: shown.append((bundle, options)))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    figure = plot.bars(SHARES)
    figure._ipython_display_()
    ((bundle, options),) = shown
    assert bundle["text/plain"] == figure.alt and options == {"raw": True}
    assert f'<img alt="{figure.alt}" src="data:image/png;base64,' in bundle["text/html"]
    assert len(bundle["text/html"]) < 20_000


def test_a_learners_own_figure_has_an_alt_text_too(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle))
    formatter = DisplayFormatter()
    figures.show_all_with_alt(SimpleNamespace(display_formatter=formatter))
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle("Paint is\ndearer <than> prose")
    left.plot([1, 2], label="a painter")
    left.plot([2, 3], label="a poet")
    left.axhline(1)
    left.set(xlabel="days", ylabel="coins", title="Prices")
    right.set(title="Nothing")
    formatter.format(figure)
    alt = "A figure: Paint is dearer <than> prose. Prices: coins over days; a painter, a poet. Nothing"
    assert shown[0]["text/plain"] == alt
    assert '<img alt="A figure: Paint is dearer &lt;than&gt; prose.' in shown[0]["text/html"]
    formatter.format(plot.bars(SHARES))
    assert shown[1]["text/plain"] == plot.bars(SHARES).alt


def test_a_strip_is_html_without_a_figure():
    made = plot.strip([torch.rand(1, 3, 20, 30), torch.rand(1, 3, 200, 300)], ["a <b>", "c"], title="Two")
    html = made._repr_html_()
    assert re.findall('<img alt="(.*?)" width', html) == ["a &lt;b&gt;", "c"]
    assert re.findall(r"data:image/(\w+)", html) == ["png", "jpeg"] and ">Two</figcaption>" in html
    assert made.alt == "2 pictures: a <b>, c. Two"
    with pytest.raises(InputError, match="2 pictures and 1 titles"):
        plot.strip([torch.rand(1, 3, 2, 3)] * 2, ["one"])
    with pytest.raises(InputError, match="2 pictures and 1 alts"):
        plot.strip([torch.rand(1, 3, 2, 3)] * 2, alts=["one"])


def test_a_strip_says_in_words_what_its_pictures_are():
    ground, spot = torch.zeros(12, 9), torch.zeros(12, 9)
    spot[8:, :3] = 1
    alts = re.compile('<img alt="(.*?)" width')
    told = alts.findall(plot.strip([spot, ground], ["one", "none"])._repr_html_())
    assert told == ["one, brightest at the bottom left, 11% on average", "none, of even brightness, 0%"]
    colours = [torch.rand(1, 3, 20, 30)] * 2
    assert alts.findall(plot.strip(colours, title="strength 1")._repr_html_())[1] == "strength 1, picture 2 of 2"
    assert alts.findall(plot.strip(colours)._repr_html_())[0] == "picture 1 of 2"
    assert alts.findall(plot.strip(colours, "ab", alts=["a cat", "a dog"])._repr_html_()) == ["a cat", "a dog"]


def test_photographs_become_jpegs():
    kind, data = encode(plot.pictures(torch.rand(1, 3, 200, 300)))
    assert kind == "image/jpeg" and len(data) < 300_000


def test_a_script_saves_a_figure(tmp_path):
    plot.losses(RUN).savefig(tmp_path / "losses.png")
    assert Image.open(tmp_path / "losses.png").size == (900, 390)


def test_an_animation(tmp_path):
    path = plot.animate(FRAMES, tmp_path / "run.gif", seconds=0.9, width=16)
    with Image.open(path) as film:
        assert film.n_frames == 9 and film.size == (16, 12) and film.info["duration"] == 100
        film.seek(8)
        assert film.info["duration"] == 1100 and film.info["loop"] == 2, "played once, and twice again"


def test_an_animation_with_all_colours(tmp_path):
    frames = [torch.rand(3, 16, 24, generator=GENERATOR).repeat_interleave(4, 1).repeat_interleave(4, 2) for _ in "123"]
    path = plot.animate(frames, tmp_path / "run.webp", seconds=0.3)
    with Image.open(path) as film:
        assert film.format == "WEBP" and film.n_frames == 3 and film.size == (96, 64)
        assert film.info["loop"] == 3, "nothing moves for ever"
        first = np.asarray(film.convert("RGB"), dtype=float)
    assert np.abs(first - pixels(frames[0])).mean() < 16


def test_an_animation_shrinks_to_its_limit(tmp_path):
    noise = [torch.rand(3, 64, 64) for _ in range(4)]
    path = plot.animate(noise, tmp_path / "noise.gif", limit=12_000)
    assert path.stat().st_size <= 12_000 and Image.open(path).width < 64
    for width, told in ((320, 32), (16, 16)):
        with pytest.raises(InputError, match=rf"4 frames take [\d,]+ bytes at {told} pixels.*higher limit"):
            plot.animate(noise, tmp_path / "none.gif", width=width, limit=100)
    with pytest.raises(InputError, match="several sizes"):
        plot.animate([noise[0], PICTURE], tmp_path / "none.gif")
    assert not (tmp_path / "none.gif").exists()


def test_importing_needs_no_matplotlib():
    code = (
        "import sys, nstlib; from nstlib import plot; print([m for m in ('matplotlib', 'IPython') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


# Routes


def test_a_map_of_two_ways_sums_their_hours():
    lessons = {"00": ("First", 30), "01": ("Second", 90), "02": ("Third", 70)}
    figure = plot.routes(lessons, ["00", "02"])
    assert "straight down 2 hours, with every detour 3 hours" in figure.alt and "00 → 02" in figure.alt
    stations = [text.get_text() for text in figure.axes[0].texts]
    assert stations == ["00", "First, 30 min", "01", "Second, 90 min", "02", "Third, 70 min"]
    straight = figure.axes[0].lines[1].get_xydata().tolist()
    assert straight == [[0, 0], [0, -2]]


def test_a_way_over_a_lesson_that_is_not_there():
    with pytest.raises(InputError, match="names a lesson that is not there"):
        plot.routes({"00": ("First", 30)}, ["00", "09"])


def test_a_label_is_folded_between_words_and_items_and_in_no_number():
    assert folded("relu1_1,relu2_1=0.5", 0.5) == "relu1_1,\nrelu2_1=0.5"
    assert folded("10,000\nrelu1_1", 2) == "10,000\nrelu1_1"
