"""A name → frozen published hyper-parameters with their source; conversion between conventions.

A recipe is data. Weights, layers, optimiser and sizes are those of its source; rates and bounds are in pixels in
[0, 1], the library's own unit, and `note` says where that or anything else departs from the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from .architecture import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, RELU_1_TO_5, Architecture
from .errors import InputError, choose

__all__ = ["DEFAULT_RECIPE", "RECIPES", "Recipe", "convert"]


def doc(default: object, help: str, **options: object) -> object:
    """A field whose help the command line and tables read."""
    if isinstance(default, Mapping):
        frozen = MappingProxyType(dict(default))
        return field(default_factory=lambda: frozen, metadata={"help": help, **options})
    return field(default=default, metadata={"help": help, **options})


@dataclass(frozen=True)
class Recipe:
    """All hyper-parameters of a style transfer."""

    name: str
    source: str = doc("", "where the numbers come from")
    note: str = doc("", "where this departs from the source, or what to know")

    backbone: str = doc("pocket", "network whose features are compared")
    pooling: str = doc("max", "max (as trained) or average (Gatys et al.)")
    pixels: str = doc("imagenet", "what enters the network: imagenet (mean 0, deviation 1) or 255 (Caffe's range)")
    padding_mode: str = doc("zeros", "padding of the first convolution: zeros or replicate")
    normalized: bool = doc(False, "scale the network so that every channel's mean activation is 1 (Gatys et al.)")

    content_layers: Mapping[str, float] = doc({"relu3_3": 1.0}, "content layers and their weights")
    content_reduction: str = doc("relative", "content term: mean, sum or relative")
    content_weight: float = doc(0.05, "weight of the content term (alpha)")

    style_layers: Mapping[str, float] = doc({}, "style layers and their weights")
    statistic: str = doc("gram-relative", "what is compared of the style")
    style_weight: float = doc(1.0, "weight of the style term (beta)")

    tv_weight: float = doc(0.0, "weight of the total-variation term (gamma)")
    tv_kind: str = doc("l2", "total variation: l1, l2, isotropic or nine-point")
    tv_reduction: str = doc("mean", "total variation: sum or mean")
    tv_space: str = doc("pixels", "total variation of pixels in [0, 1], or of what enters the network")

    size: int = doc(512, "size of the result in pixels (see side)")
    side: str = doc("long", "the side that size means: long, short or height")
    style_size: int | None = doc(None, "size of the style image; the result's size if not given")
    pyramid: tuple[tuple[int, int], ...] | None = doc(
        (), "coarse to fine: (size, evaluations) of each scale before the last; None for what pays"
    )

    start: str = doc("content", "first image: content, noise, style, or a picture's path")
    noise: float = doc(0.15, "standard deviation of the noise of a noise start, in pixels in [0, 1]")

    optimizer: str = doc("lbfgs", "adam or lbfgs")
    evaluations: int = doc(150, "evaluations of loss and gradient")
    rate: float = doc(0.02, "Adam: step size in pixels in [0, 1]")
    schedule: tuple[tuple[int, float], ...] = doc((), "Adam: (from iteration, rate)")
    betas: tuple[float, float] = doc((0.9, 0.999), "Adam: decays of the two running means")
    epsilon: float = doc(1e-8, "Adam: added to the root mean square of the gradient")
    average: float = doc(0.0, "Adam: decay of the running mean of images that is the result; 0 for none")
    history: int = doc(10, "L-BFGS: moves that are remembered")
    bounds: tuple | None = doc((0.0, 1.0), "least and greatest pixel value, numbers or one per channel; None for none")

    def __post_init__(self):
        for name in ("content_layers", "style_layers"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def changed(self, **differences: object) -> Recipe:
        """This recipe with a few fields replaced.

        Raises:
            InputError: a field that does not exist (names the nearest).
        """
        names = [f.name for f in fields(self)]
        for name in differences:
            choose("recipe field", name, names)
        return replace(self, **differences)

    def on(self, backbone: str) -> Recipe:
        """This recipe for another network: its layers stay where the network has them all, else the network's own
        usual layers take their place, with equal weights."""
        if backbone == self.backbone:
            return self
        architecture = BACKBONES[choose("backbone", backbone, BACKBONES)]
        change: dict[str, object] = {"backbone": backbone}
        if not set(self.content_layers) <= set(architecture.layers):
            change["content_layers"] = {n: 1 / len(architecture.content_layers) for n in architecture.content_layers}
        if not set(self.style_layers) <= set(architecture.layers):
            total = sum(self.style_layers.values()) / len(architecture.style_layers)
            change["style_layers"] = dict.fromkeys(architecture.style_layers, total)
        return self.changed(**change)

    def scales(self) -> tuple[tuple[int, int], ...]:
        """(size, evaluations) of each scale before the last.

        What pays, measured in work to reach the loss of one scale alone (192 to 384 pixels, L-BFGS): with VGG from
        noise two coarser scales take 0.4 of it, from the content one takes 0.9. With pocket, on four pairs, from noise
        one takes 0.6 to 1.0 and two take 0.5 to 1.2; from the content, whose coarse structure is there already, one
        takes 0.85 to 0.95 on three, and on the fourth leads to a place that is worse.
        """
        if self.pyramid is not None:
            return self.pyramid
        halvings = (self.start != "content") + self.backbone.startswith("vgg")
        third = -(-self.evaluations // 3)
        return tuple((self.size // 2**i, third) for i in range(halvings, 0, -1))

    def to_dict(self) -> dict[str, object]:
        """Plain data, for JSON in a picture's metadata."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: dict(v) if isinstance(v, Mapping) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Recipe:
        """The recipe that `to_dict` (and JSON, which knows no tuples) made plain."""

        def tuples(value: object) -> object:
            return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value

        return cls(str(data["name"])).changed(**{k: tuples(v) for k, v in data.items()})


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

KIT = Recipe(
    "kit",
    source="nstlib",
    note="made for the pocket network; relative terms mean the same on every layer, so the weights stay near 1",
    backbone="pocket",
    content_layers=each("relu3_3"),
    content_reduction="relative",
    content_weight=0.02,
    style_layers=even(*BACKBONES["pocket"].style_layers),
    statistic="gram-relative",
    optimizer="lbfgs",
    evaluations=150,
    start="content",
    pyramid=None,
)

GATYS_2015 = Recipe(
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
GATYS_2016 = GATYS_2015.changed(
    name="gatys2016",
    source="https://doi.org/10.1109/CVPR.2016.265",
    note="alpha/beta = 8e-4 as for The Starry Night (figure 3 C; 1e-3 in B, 5e-3 in D, 5e-4 in E, F). "
    "Otherwise as gatys2015",
    content_weight=8e-4 / 2,
)
LI_2017 = GATYS_2016.changed(
    name="li2017",
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
LI_2017_MMD = LI_2017.changed(
    name="li2017-mmd",
    note="maximum mean discrepancy with the polynomial kernel of degree 2, on features divided by the root of N and "
    "with constant 1, which are ours. Beta as for li2017",
    statistic="mmd",
    style_weight=4e5,
)

LEONGATYS = Recipe(
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

JCJOHNSON = Recipe(
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
JCJOHNSON_ADAM = JCJOHNSON.changed(name="jcjohnson-adam", optimizer="adam", rate=10 / 256)

NEURAL_STYLE_PT = JCJOHNSON.changed(
    name="neural-style-pt",
    source="https://github.com/ProGamerGov/neural-style-pt",
    note="the source feeds BGR to Caffe's weights; here RGB to torchvision's. It searches no line",
    tv_weight=1e-3,
    tv_kind="l1",
    noise=1e-3 / 255,
)
NEURAL_STYLE_PT_ADAM = NEURAL_STYLE_PT.changed(name="neural-style-pt-adam", optimizer="adam", rate=1 / 255)

GORDICALEKSA = Recipe(
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
GORDICALEKSA_VGG16 = GORDICALEKSA.changed(
    name="gordicaleksa-vgg16",
    note="",
    backbone="vgg16",
    content_layers=each("relu2_2"),
    style_layers=even(*RELU_OF_VGG16),
)
GORDICALEKSA_ADAM = GORDICALEKSA.changed(
    name="gordicaleksa-adam",
    note="the rate is 10 of 255",
    optimizer="adam",
    rate=10 / 255,
    evaluations=3000,
    style_weight=1e5,
    tv_weight=0.1,
)
GORDICALEKSA_NOISE = GORDICALEKSA.changed(
    name="gordicaleksa-noise",
    note="noise of 90 of 255; here cut to the range of pixels",
    start="noise",
    style_weight=1e3,
)
GORDICALEKSA_ADAM_NOISE = GORDICALEKSA_ADAM.changed(
    name="gordicaleksa-adam-noise",
    note="noise of 90 of 255; here cut to the range of pixels. The rate is 10 of 255",
    start="noise",
    style_weight=1e2,
)

CROWSONKB = Recipe(
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

PYTORCH_TUTORIAL = Recipe(
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

D2L = Recipe(
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

TENSORFLOW_TUTORIAL = Recipe(
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

STARRY_NIGHT = Recipe(
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
SCREAM = STARRY_NIGHT.changed(
    name="cs231n-scream",
    content_weight=3e-2,
    style_layers={"relu1": 200000.0, "fire3": 800.0, "fire4": 12.0, "fire5": 1.0},
    style_size=224,
)
COMPOSITION_VII = STARRY_NIGHT.changed(
    name="cs231n-composition-vii",
    content_weight=5e-2,
    style_layers={"relu1": 20000.0, "fire3": 500.0, "fire4": 12.0, "fire5": 1.0},
    tv_weight=5e-2,
    style_size=512,
)

ANISHATHALYE = Recipe(
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

FAST_NEURAL_STYLE = Recipe(
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

RECIPES: dict[str, Recipe] = {
    r.name: r
    for r in (
        KIT,
        GATYS_2015,
        GATYS_2016,
        LEONGATYS,
        JCJOHNSON,
        JCJOHNSON_ADAM,
        NEURAL_STYLE_PT,
        NEURAL_STYLE_PT_ADAM,
        GORDICALEKSA,
        GORDICALEKSA_VGG16,
        GORDICALEKSA_ADAM,
        GORDICALEKSA_NOISE,
        GORDICALEKSA_ADAM_NOISE,
        CROWSONKB,
        PYTORCH_TUTORIAL,
        D2L,
        TENSORFLOW_TUTORIAL,
        STARRY_NIGHT,
        SCREAM,
        COMPOSITION_VII,
        ANISHATHALYE,
        FAST_NEURAL_STYLE,
        LI_2017,
        LI_2017_MMD,
    )
}

# Each Gram statistic in units of E, for N channels.
GRAM_UNITS = {"gram-e": lambda n: 1, "gram-4e": lambda n: 4, "gram-4e/n2": lambda n: 4 / n**2}

# The power of the features' scale that a term grows with; "mmd" mixes two.
STYLE_POWERS = {"gram-relative": 0, "covariance": 4, "mean-std": 2, "wasserstein": 2, "sliced": 2, "patches": 2}
STYLE_POWERS |= dict.fromkeys(GRAM_UNITS, 4)
CONTENT_POWERS = {"mean": 2, "sum": 2, "relative": 0}
TV_POWERS = {"l1": 1, "isotropic": 1, "l2": 2, "nine-point": 2}


def convert(
    recipe: Recipe,
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
        statistic: "gram-e", "gram-4e" or "gram-4e/n2"; exact, layer by layer.
        content_reduction: "mean" or "sum"; exact for pictures of the given `size`, and only for those.
        pixels: "imagenet" or "255". Features grow by s = 255 · mean(std) = 57.63, content terms by s², Gram terms by
            s⁴, total variation of the network's input by s or s²; the features of a `normalized` network stay. Exact
            only for a network without biases and with equal deviations in all channels; otherwise a good first guess.
        size: (height, width) of the result, in pixels.

    Raises:
        InputError: no conversion exists, or it needs the size.
    """
    architecture = BACKBONES[choose("backbone", recipe.backbone, BACKBONES)]
    for layer in (*recipe.content_layers, *recipe.style_layers):
        choose(f"layer of {recipe.backbone}", layer, architecture.layers)
    if statistic not in (None, recipe.statistic):
        recipe = convert_statistic(recipe, statistic, architecture)
    if content_reduction not in (None, recipe.content_reduction):
        recipe = convert_content(recipe, content_reduction, architecture, size)
    if pixels not in (None, recipe.pixels):
        recipe = convert_pixels(recipe, pixels, architecture)
    return recipe


def convert_statistic(recipe: Recipe, statistic: str, architecture: Architecture) -> Recipe:
    """Another Gram normalisation, with layer weights that make up for it."""
    for name in (recipe.statistic, statistic):
        if name not in GRAM_UNITS:
            raise InputError(
                f"'{name}' has no fixed exchange rate: only {', '.join(GRAM_UNITS)} convert into each other; "
                "set the statistic and its weight with changed(statistic=…, style_weight=…)"
            )
    old, new = GRAM_UNITS[recipe.statistic], GRAM_UNITS[statistic]
    channels = {n: architecture.layers[n].channels for n in recipe.style_layers}
    weights = {n: w * old(channels[n]) / new(channels[n]) for n, w in recipe.style_layers.items()}
    return recipe.changed(statistic=statistic, style_layers=weights)


def convert_content(recipe: Recipe, reduction: str, architecture: Architecture, size: tuple[int, int] | None) -> Recipe:
    """Mean for sum or sum for mean, with layer weights that make up for the numbers in a map."""
    for name in (recipe.content_reduction, reduction):
        if name not in ("mean", "sum"):
            raise InputError(
                f"'{name}' has no fixed exchange rate: only mean and sum convert into each other; "
                "set the reduction and its weight with changed(content_reduction=…, content_weight=…)"
            )
    if size is None:
        raise InputError("mean and sum differ by the numbers in a map: give size=(height, width) of the picture")
    counts = {n: elements(architecture, n, size) for n in recipe.content_layers}
    power = -1 if reduction == "sum" else 1
    weights = {n: w * counts[n] ** power for n, w in recipe.content_layers.items()}
    return recipe.changed(content_reduction=reduction, content_layers=weights)


def convert_pixels(recipe: Recipe, pixels: str, architecture: Architecture) -> Recipe:
    """Another range of the network's input, with term weights that make up for the size of its features."""
    choose("pixel convention", pixels, ("imagenet", "255"))
    if recipe.statistic not in STYLE_POWERS:
        raise InputError(
            f"the weight of '{recipe.statistic}' cannot follow the pixels: it adds terms that grow differently; "
            "set both with changed(pixels=…, style_weight=…)"
        )
    scale = 255 * sum(architecture.std) / len(architecture.std)
    scale = scale if pixels == "255" else 1 / scale
    features = 1.0 if recipe.normalized else scale
    tv = scale ** TV_POWERS[recipe.tv_kind] if recipe.tv_space == "network" else 1.0
    return recipe.changed(
        pixels=pixels,
        content_weight=recipe.content_weight / features ** CONTENT_POWERS[recipe.content_reduction],
        style_weight=recipe.style_weight / features ** STYLE_POWERS[recipe.statistic],
        tv_weight=recipe.tv_weight / tv,
    )


def elements(architecture: Architecture, layer: str, size: tuple[int, int]) -> int:
    """The numbers N·M in a layer's map of an image of the given (height, width), as the network rounds it."""
    for spec in architecture.specs:
        rounding = spec.step - 1 if spec.rounds_up else 0
        size = tuple((n + 2 * spec.padding - spec.kernel + rounding) // spec.step + 1 for n in size)
        if spec.name == layer:
            break
    return spec.channels * size[0] * size[1]
