"""The papers and well-known implementations → recipes with their source; conversion between their conventions.

Each is data: weights, layers, optimiser and sizes are those of its source, and `note` says where anything departs from
it. What a recipe does not name is the default of `Recipe`. Adding one is one entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from .architecture import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, RELU_1_TO_5, Architecture
from .backbone import PIXELS_AS
from .errors import InputError, one_of
from .loss import CONTENT_REDUCTIONS, TV_KINDS
from .recipe import LARGEST, Recipe
from .rules import Number, Tuple, judged
from .style import STATISTICS

__all__ = ["DEFAULT_RECIPE", "RECIPES", "convert"]


def even(*layers: str) -> dict[str, float]:
    """Equal weights that add up to 1."""
    return dict.fromkeys(layers, 1 / len(layers))


def each(*layers: str) -> dict[str, float]:
    """Weight 1 for every layer: their terms are added as they are."""
    return dict.fromkeys(layers, 1.0)


CONV_1_TO_5 = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
RELU_OF_VGG16 = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
MEAN_STD = sum(IMAGENET_STD) / 3  # turns a step in units of ImageNet's deviation into one in pixels, on average

DEFAULT_RECIPE = "kit"

RECIPES: dict[str, Recipe] = {}
SIZE = Tuple("(height, width) of the result, in pixels", 2 * (Number(1, 32768, whole=True),))


def add(recipe: Recipe) -> Recipe:
    """Make a recipe known by its name."""
    RECIPES[recipe.name] = recipe
    return recipe


def published(name: str, **fields: Any) -> Recipe:
    """A recipe of somebody else's: at one scale, without the kit's smoothing and for longer, unless it says otherwise.

    Args:
        name: as tables and messages call it.
        fields: of `Recipe`, by name.
    """
    return add(Recipe(name, **{"pyramid": (), "smoothness": 0.0, "evaluations": 150, **fields}))


def variant(recipe: Recipe, name: str, **differences: Any) -> Recipe:
    """A recipe with a few fields replaced, made known.

    Args:
        recipe: the base.
        name: the new one's.
        differences: fields by name.
    """
    return add(recipe.changed(name=name, **differences))


KIT = add(
    Recipe(
        DEFAULT_RECIPE,
        source="nstlib",
        note="made for the pocket network; relative terms mean the same on every layer, so the weights stay near 1",
    )
)

GATYS_2015 = published(
    "gatys2015",
    source="https://arxiv.org/abs/1508.06576",
    note="alpha/beta = 1e-3 as in figure 2 B to D (1e-4 in E, F). The paper names no noise level, bounds or budget: "
    "these are ours. Read to the letter, its content term is a sum and outweighs E by far; the author's code, "
    "leongatys here, takes the mean",
    backbone="vgg19",
    pooling="average",
    normalized=True,
    content_layers=each("conv4_2"),
    content_reduction="sum",
    content_weight=1e-3 / 2,  # equation 1 has half of the sum
    style_layers=even(*CONV_1_TO_5),
    statistic="gram-e",
    start="noise",
    evaluations=500,
)
GATYS_2016 = variant(
    GATYS_2015,
    "gatys2016",
    source="https://doi.org/10.1109/CVPR.2016.265",
    note="alpha/beta = 8e-4 as for The Starry Night (figure 3 C; 1e-3 in B, 5e-3 in D, 5e-4 in E, F). "
    "Otherwise as gatys2015",
    content_weight=8e-4 / 2,
)
LI_2017 = variant(
    GATYS_2016,
    "li2017",
    source="https://arxiv.org/abs/1701.01036",
    note="mean and deviation of each channel (equation 11). The paper sets alpha = 1 and prints no beta: it balances "
    "the gradients by hand. Ours does so, in order of magnitude, for 512 pixels, measured on an untrained network",
    content_layers=each("relu4_2"),
    content_weight=1 / 2,
    style_layers=each(*RELU_1_TO_5),
    statistic="mean-std",
    style_weight=1e6,
    evaluations=1000,
)
LI_2017_MMD = variant(
    LI_2017,
    "li2017-mmd",
    note="maximum mean discrepancy with the polynomial kernel of degree 2, on features divided by the root of N and "
    "with constant 1, which are ours. Beta as for li2017",
    statistic="mmd",
    style_weight=4e5,
)

LEONGATYS = published(
    "leongatys",
    source="https://github.com/leongatys/PytorchNeuralStyleTransfer",
    note="the source feeds BGR to Caffe's weights; here RGB to torchvision's. It searches no line and has no bounds",
    backbone="vgg19",
    pixels="255",
    content_layers=each("relu4_2"),
    content_reduction="mean",
    content_weight=1.0,
    style_layers={n: 1e3 / c**2 for n, c in zip(RELU_1_TO_5, (64, 128, 256, 512, 512), strict=True)},
    statistic="gram-4e",
    size=800,
    side="short",
    pyramid=((512, 500),),
    start="content",
    optimizer="lbfgs",
    evaluations=200,
    history=100,
    bounds=None,
)

JCJOHNSON = published(
    "jcjohnson",
    source="https://github.com/jcjohnson/neural-style",
    note="the source feeds BGR times 256 to Caffe's weights; here RGB times 255 to torchvision's. Its total variation "
    "is a gradient only and leaves out the differences along the last row and column. It searches no line",
    backbone="vgg19",
    pixels="255",
    content_layers=each("relu4_2"),
    content_reduction="mean",
    content_weight=5.0,
    style_layers=each(*RELU_1_TO_5),
    statistic="gram-4e/n2",
    style_weight=1e2,
    tv_weight=1e-3 / 2,  # the gradient is that of half the sum of squares
    tv_kind="l2",
    tv_reduction="sum",
    tv_space="network",
    size=512,
    side="long",
    start="noise",
    noise=1e-3 / 256,
    optimizer="lbfgs",
    evaluations=1000,
    history=100,
    bounds=None,
)
JCJOHNSON_ADAM = variant(JCJOHNSON, "jcjohnson-adam", optimizer="adam", rate=10 / 256)

NEURAL_STYLE_PT = variant(
    JCJOHNSON,
    "neural-style-pt",
    source="https://github.com/ProGamerGov/neural-style-pt",
    note="the source feeds BGR to Caffe's weights; here RGB to torchvision's. It searches no line",
    tv_weight=1e-3,
    tv_kind="l1",
    noise=1e-3 / 255,
)
NEURAL_STYLE_PT_ADAM = variant(NEURAL_STYLE_PT, "neural-style-pt-adam", optimizer="adam", rate=1 / 255)

GORDICALEKSA = published(
    "gordicaleksa",
    source="https://github.com/gordicaleksa/pytorch-neural-style-transfer",
    note="the source says conv4_2, which an in-place ReLU turns into relu4_2. 1000 are its L-BFGS iterations; "
    "the line search may take up to 1250 evaluations",
    backbone="vgg19",
    pixels="255",
    content_layers=each("relu4_2"),
    content_reduction="mean",
    content_weight=1e5,
    style_layers=even(*RELU_1_TO_5),
    statistic="gram-4e",
    style_weight=3e4,
    tv_weight=1.0,
    tv_kind="l1",
    tv_reduction="sum",
    tv_space="network",
    size=400,
    side="height",
    start="content",
    noise=90 / 255,
    optimizer="lbfgs",
    evaluations=1000,
    history=100,
    bounds=None,
)
GORDICALEKSA_VGG16 = variant(
    GORDICALEKSA,
    "gordicaleksa-vgg16",
    note="",
    backbone="vgg16",
    content_layers=each("relu2_2"),
    style_layers=even(*RELU_OF_VGG16),
)
GORDICALEKSA_ADAM = variant(
    GORDICALEKSA,
    "gordicaleksa-adam",
    note="the rate is 10 of 255",
    optimizer="adam",
    rate=10 / 255,
    evaluations=3000,
    style_weight=1e5,
    tv_weight=0.1,
)
GORDICALEKSA_NOISE = variant(
    GORDICALEKSA,
    "gordicaleksa-noise",
    note="noise of 90 of 255; here cut to the range of pixels",
    start="noise",
    style_weight=1e3,
)
GORDICALEKSA_ADAM_NOISE = variant(
    GORDICALEKSA_ADAM,
    "gordicaleksa-adam-noise",
    note="noise of 90 of 255; here cut to the range of pixels. The rate is 10 of 255",
    start="noise",
    style_weight=1e2,
)

CROWSONKB = published(
    "crowsonkb",
    source="https://github.com/crowsonkb/style-transfer-pytorch",
    note="the source adds 1e-4 to both covariances' diagonals, carries Adam's running means to the next scale, and "
    "counts a border of zero differences once where nine-point counts it twice (0.2 % at 512 pixels)",
    backbone="vgg19",
    padding_mode="replicate",
    content_layers=each("relu4_2"),
    content_reduction="mean",
    content_weight=0.015,
    style_layers={n: w / 341 for n, w in zip(RELU_1_TO_5, (256, 64, 16, 4, 1), strict=True)},
    statistic="wasserstein",
    tv_weight=2.0,
    tv_kind="nine-point",
    tv_reduction="mean",
    tv_space="pixels",
    size=512,
    side="long",
    pyramid=((128, 1000), (181, 500), (256, 500), (362, 500)),
    start="content",
    optimizer="adam",
    evaluations=500,
    rate=0.02,
    betas=(0.9, 0.99),
    average=0.99,
    bounds=(0.0, 1.0),
)

PYTORCH_TUTORIAL = published(
    "pytorch-tutorial",
    source="https://pytorch.org/tutorials/advanced/neural_style_tutorial.html",
    note="128 pixels without a GPU. The source searches no line and clamps inside the closure; here the optimiser "
    "itself keeps to the bounds",
    backbone="vgg19",
    content_layers=each("conv2_2"),
    content_reduction="mean",
    content_weight=1.0,
    style_layers=each("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"),
    statistic="gram-4e/n2",
    style_weight=1e6,
    size=512,
    side="short",
    start="content",
    optimizer="lbfgs",
    evaluations=300,
    history=100,
    bounds=(0.0, 1.0),
)

D2L = published(
    "d2l",
    source="https://d2l.ai/chapter_computer-vision/neural-style.html",
    note="the source says conv; in PyTorch the in-place ReLUs turn all but the last, conv5_1, into relu. It squeezes "
    "both pictures to 300 x 450. The rate, 0.3 in units of ImageNet's deviation per channel, is converted by the mean",
    backbone="vgg19",
    content_layers=each("relu4_4"),
    content_reduction="mean",
    content_weight=1.0,
    style_layers=each("relu1_1", "relu2_1", "relu3_1", "relu4_1", "conv5_1"),
    statistic="gram-4e/n2",
    style_weight=1e4,
    tv_weight=10 / 2,  # the source takes half of the two means
    tv_kind="l1",
    tv_reduction="mean",
    tv_space="network",
    size=300,
    side="height",
    start="content",
    optimizer="adam",
    evaluations=500,
    rate=0.3 * MEAN_STD,
    schedule=tuple((50 * i, 0.3 * MEAN_STD * 0.8**i) for i in range(1, 10)),
    bounds=None,
)

TENSORFLOW_TUTORIAL = published(
    "tensorflow-tutorial",
    source="https://www.tensorflow.org/tutorials/generative/style_transfer",
    note="the source feeds BGR to Keras's (Caffe's) weights; here RGB to torchvision's. TensorFlow adds epsilon before "
    "it corrects the bias of the second moment, PyTorch and we after",
    backbone="vgg19",
    pixels="255",
    content_layers=each("relu5_2"),
    content_reduction="mean",
    content_weight=1e4,
    style_layers=even(*RELU_1_TO_5),
    statistic="gram-4e",
    style_weight=1e-2,
    tv_weight=30.0,
    tv_kind="l1",
    tv_reduction="sum",
    tv_space="pixels",
    size=512,
    side="long",
    start="content",
    optimizer="adam",
    evaluations=1000,
    rate=0.02,
    betas=(0.99, 0.999),
    epsilon=0.1,
    bounds=(0.0, 1.0),
)

STARRY_NIGHT = published(
    "cs231n-starry-night",
    source="https://cs231n.github.io/assignments2020/assignment3/",
    note="the rate, 3 in units of ImageNet's deviation per channel, is converted by the mean. From iteration 180 the "
    "source starts a new Adam, from 190 it drops the bounds of 1.5 deviations; here both stay",
    backbone="squeezenet1_1",
    content_layers=each("fire2"),
    content_reduction="sum",
    content_weight=6e-2,
    style_layers={"relu1": 300000.0, "fire3": 1000.0, "fire4": 15.0, "fire5": 3.0},
    statistic="gram-4e",
    tv_weight=2e-2,
    tv_kind="l2",
    tv_reduction="sum",
    tv_space="network",
    size=192,
    side="short",
    style_size=192,
    start="content",
    optimizer="adam",
    evaluations=200,
    rate=3 * MEAN_STD,
    schedule=((180, 0.1 * MEAN_STD),),
    bounds=tuple(tuple(m + d * s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)) for d in (-1.5, 1.5)),
)
SCREAM = variant(
    STARRY_NIGHT,
    "cs231n-scream",
    content_weight=3e-2,
    style_layers={"relu1": 200000.0, "fire3": 800.0, "fire4": 12.0, "fire5": 1.0},
    style_size=224,
)
COMPOSITION_VII = variant(
    STARRY_NIGHT,
    "cs231n-composition-vii",
    content_weight=5e-2,
    style_layers={"relu1": 20000.0, "fire3": 500.0, "fire4": 12.0, "fire5": 1.0},
    tv_weight=5e-2,
    style_size=512,
)

ANISHATHALYE = published(
    "anishathalye",
    source="https://github.com/anishathalye/neural-style",
    note="the source feeds MatConvNet's weights; here torchvision's. Its blend with relu5_2 is 0 unless asked for, "
    "and its size is the content's",
    backbone="vgg19",
    pixels="255",
    content_layers=each("relu4_2"),
    content_reduction="mean",
    content_weight=5.0,
    style_layers=even(*RELU_1_TO_5),
    statistic="gram-4e/n2",
    style_weight=5e2,
    tv_weight=1e2,
    tv_kind="l2",
    tv_reduction="mean",
    tv_space="network",
    start="noise",
    noise=0.256 / 255,
    optimizer="adam",
    evaluations=1000,
    rate=10 / 255,
    bounds=None,
)

FAST_NEURAL_STYLE = published(
    "fast-neural-style",
    source="https://github.com/pytorch/examples/tree/main/fast_neural_style",
    note="a loss only: the source trains a network with it (Adam, rate 1e-3, 2 epochs, batches of 4), "
    "so optimiser, budget and start are ours",
    backbone="vgg16",
    content_layers=each("relu2_2"),
    content_reduction="mean",
    content_weight=1e5,
    style_layers=each(*RELU_OF_VGG16),
    statistic="gram-4e/n2",
    style_weight=1e10,
    size=256,
    side="short",
)


def recipe_of(given: str | Recipe) -> Recipe:
    """A recipe by its name, or as it is.

    Raises:
        InputError: an unknown name, or a recipe as plain data.
    """
    if isinstance(given, Mapping):
        raise InputError("recipe is given as plain data: Recipe.from_dict makes a recipe of it")
    return given if isinstance(given, Recipe) else RECIPES[one_of("recipe", given, RECIPES)]


def convert(
    recipe: str | Recipe,
    *,
    statistic: str | None = None,
    content_reduction: str | None = None,
    pixels: str | None = None,
    size: tuple[int, int] | None = None,
) -> Recipe:
    """The same transfer told in another project's convention, with weights that keep every term as it was.

    A weight means nothing without its convention. The Gram loss comes in three families: E of the papers, 4E, and
    4E/N², which divides by the channels N twice and so mutes relu4_1 against relu1_1 by 512²/64² = 64. A content term
    is a mean or a sum over the N·M numbers of a map, a factor of two million for relu4_2 at 512 × 512. And what enters
    the network is in deviations of ImageNet or in 0 … 255. So 1e6 in one project may ask for less style than 1e2 in
    another.

    Args:
        recipe: a name in `RECIPES`, or a `Recipe`.
        statistic: "gram-e", "gram-4e" or "gram-4e/n2"; exact, layer by layer.
        content_reduction: "mean" or "sum"; exact for pictures of the given `size`, and only for those.
        pixels: "imagenet" or "255". Features grow by s = 255 · mean(std) = 57.63, content terms by s², Gram terms by
            s⁴, total variation of the network's input by s or s²; the features of a `normalized` network stay. Exact
            only for a network without biases and with equal deviations in all channels; otherwise a good first guess.
        size: (height, width) of the result, in pixels.

    Raises:
        InputError: no such recipe, no conversion exists, or it needs the size.
    """
    recipe = recipe_of(recipe)
    architecture = BACKBONES[recipe.backbone]
    if statistic is not None and statistic != recipe.statistic:
        recipe = convert_statistic(recipe, statistic, architecture)
    if content_reduction is not None and content_reduction != recipe.content_reduction:
        recipe = convert_content(recipe, content_reduction, architecture, size)
    if pixels is not None and pixels != recipe.pixels:
        recipe = convert_pixels(recipe, pixels, architecture)
    return recipe


def convert_statistic(recipe: Recipe, statistic: str, architecture: Architecture) -> Recipe:
    """Another Gram normalisation, with layer weights that make up for it.

    Args:
        recipe: a transfer with its own weights.
        statistic: the new one, of the Gram family.
        architecture: of the recipe's backbone, which knows the channels.

    Raises:
        InputError: the old or the new statistic has no such unit.
    """
    units = {one.name: one.unit for one in STATISTICS.values() if one.unit}
    for name in (recipe.statistic, statistic):
        if name not in units:
            raise InputError(
                f"'{name}' has no fixed exchange rate: only {', '.join(units)} convert into each other; "
                "set the statistic and its weight with changed(statistic=…, style_weight=…)"
            )
    old, new = units[recipe.statistic], units[statistic]
    channels = {n: architecture.layers[n].channels for n in recipe.style_layers}
    weights = {n: w * old(channels[n]) / new(channels[n]) for n, w in recipe.style_layers.items()}
    return recipe.changed(statistic=statistic, style_layers=weights)


def convert_content(recipe: Recipe, reduction: str, architecture: Architecture, size: tuple[int, int] | None) -> Recipe:
    """Mean for sum or sum for mean, with layer weights that make up for the numbers in a map.

    Args:
        recipe: a transfer with its own weights.
        reduction: the new one, "mean" or "sum".
        architecture: of the recipe's backbone, which knows how large its maps are.
        size: (height, width) of the result, in pixels.

    Raises:
        InputError: another reduction, or no size.
    """
    for name in (recipe.content_reduction, reduction):
        if name not in ("mean", "sum"):
            raise InputError(
                f"'{name}' has no fixed exchange rate: only mean and sum convert into each other; "
                "set the reduction and its weight with changed(content_reduction=…, content_weight=…)"
            )
    if size is None:
        raise InputError("mean and sum differ by the numbers in a map: give size=(height, width) of the picture")
    size = judged("size", size, SIZE)
    counts = {n: prod(architecture.map_size(n, size)) for n in recipe.content_layers}
    power = -1 if reduction == "sum" else 1
    weights = {n: w * counts[n] ** power for n, w in recipe.content_layers.items()}
    return recipe.changed(content_reduction=reduction, content_layers=weights)


def convert_pixels(recipe: Recipe, pixels: str, architecture: Architecture) -> Recipe:
    """Another range of the network's input, with term weights that make up for the size of its features.

    Args:
        recipe: a transfer with its own weights.
        pixels: the new range, "imagenet" or "255".
        architecture: of the recipe's backbone, which knows ImageNet's deviations.

    Raises:
        InputError: another range, or a statistic whose weight cannot follow it.
    """
    pixels = one_of("pixel convention", pixels, PIXELS_AS)
    statistic = STATISTICS[recipe.statistic]
    style = (statistic.summed() if recipe.guidance == "sum" else statistic).power
    if style is None:
        raise InputError(
            f"the weight of '{recipe.statistic}' cannot follow the pixels: it adds terms that grow differently; "
            "set both with changed(pixels=…, style_weight=…)"
        )
    scale = 255 * sum(architecture.std) / len(architecture.std)
    scale = scale if pixels == "255" else 1 / scale
    features = 1.0 if recipe.normalized else scale
    tv = scale ** TV_KINDS[recipe.tv_kind] if recipe.tv_space == "network" else 1.0
    content = features ** CONTENT_REDUCTIONS[recipe.content_reduction]
    content_weight, content_layers = divided(recipe.content_weight, recipe.content_layers, content)
    style_weight, style_layers = divided(recipe.style_weight, recipe.style_layers, features**style)
    return recipe.changed(
        pixels=pixels,
        content_weight=content_weight,
        content_layers=content_layers,
        style_weight=style_weight,
        style_layers=style_layers,
        tv_weight=recipe.tv_weight / tv,
    )


def divided(weight: float, layers: Mapping[str, float], divisor: float) -> tuple[float, Mapping[str, float]]:
    """The weights of a term and of its layers, whose products are so much smaller: the layers' only if need be.

    Args:
        weight: of the term.
        layers: weights by name.
        divisor: of the products; below 1 they grow, and the term's weight may leave the range that it has.
    """
    if weight / divisor <= LARGEST:
        return weight / divisor, layers
    return weight, {name: own / divisor for name, own in layers.items()}
