"""The name of a network → its facts: layers in order, geometry of every map, usual layers for style transfer, weights.

Nothing here computes. A network is one entry of `BACKBONES`; all else reads it from there. The names follow VGG's rule
(`conv4_2` is the second convolution of block 4, `relu4_2` its ReLU) and SqueezeNet's paper (`fire5`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import InputError, one_of

__all__ = ["BACKBONES", "Architecture", "Layer", "Spec", "Weights", "squeezenet", "vgg"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Layer:
    """One named layer of a network, and where its feature map lies on the image.

    Position i of the map is centred on pixel `stride * i + offset` of the image and sees `receptive_field` pixels: the
    stride is that of all layers so far.
    """

    name: str
    kind: str  # "conv", "relu", "pool" or "fire"
    channels: int
    stride: int = 1
    receptive_field: int = 1
    offset: float = 0.0


@dataclass(frozen=True)
class Spec:
    """How one layer is built: kernel size, stride and padding, which a pooling has none of.

    `squeeze` is the width of a fire module's first half; `ceil_mode` says whether a last, incomplete window counts, as
    in SqueezeNet's poolings.
    """

    name: str
    kind: str
    channels: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    squeeze: int = 0
    ceil_mode: bool = False

    def outputs(self, rows: int) -> int:
        """Rows (or columns) of the map made from a map of so many rows."""
        span = rows + 2 * self.padding - self.kernel
        return (-(-span // self.stride) if self.ceil_mode else span // self.stride) + 1

    def inputs(self, rows: int) -> int:
        """The fewest rows (or columns) from which so many are made."""
        spare = self.stride - 1 if self.ceil_mode else 0
        return (rows - 1) * self.stride + self.kernel - 2 * self.padding - spare


@dataclass(frozen=True)
class Weights:
    """Where a network's numbers come from.

    published: torchvision's name for them, whose record holds address and checksum; "" if the package has them inside.
    file: the name under which torchvision caches them; its last part is the start of the file's SHA-256.
    """

    megabytes: float = 0.0
    licence: str = ""
    published: str = ""
    file: str = ""


@dataclass(frozen=True)
class Architecture:
    """A network's layers in order, its usual layers for style transfer, and what else is to be known of it.

    halvings: how many coarser scales pay before a run at full size, when it starts from the content and when it starts
    from anything else. mean, std: of each channel (red, green, blue) of the pictures that it was trained on, in [0, 1].
    """

    name: str
    specs: tuple[Spec, ...]
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    weights: Weights = Weights()
    halvings: tuple[int, int] = (0, 1)
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __repr__(self) -> str:
        return f"{self.name}: {len(self.specs)} layers, {self.specs[0].name} to {self.specs[-1].name}"

    @classmethod
    def check(cls, given: Any) -> Architecture:
        """What should be an architecture, if it is one.

        Raises:
            InputError: it is something else, a network's name say; says where to find one.
        """
        if not isinstance(given, cls):
            name = given if isinstance(given, str) and given in BACKBONES else "pocket"
            ways = f"BACKBONES['{name}'] is one, and load_backbone('{name}') a network with its weights"
            raise InputError(f"an architecture is wanted, not a {type(given).__name__}: {ways}")
        return given

    @property
    def layers(self) -> dict[str, Layer]:
        """The named layers in order, with the geometry of each."""
        found, stride, field, offset = {}, 1, 1, 0.0
        for spec in self.specs:
            offset += ((spec.kernel - 1) / 2 - spec.padding) * stride
            field += (spec.kernel - 1) * stride
            stride *= spec.stride
            found[spec.name] = Layer(spec.name, spec.kind, spec.channels, stride, field, offset)
        return found

    def until(self, layer: str) -> tuple[Spec, ...]:
        """The specs up to and with `layer`.

        Raises:
            InputError: a layer that the network lacks.
        """
        names = [spec.name for spec in self.specs]
        return self.specs[: names.index(one_of(f"layer of {self.name}", layer, names)) + 1]

    def map_size(self, layer: str, size: tuple[int, int]) -> tuple[int, int, int]:
        """The shape of a layer's map.

        Args:
            layer: its name, such as "relu4_2".
            size: (height, width) of the image, in pixels.

        Returns:
            (channels, height, width).

        Raises:
            InputError: a layer that the network lacks.
        """
        height, width = size
        for spec in self.until(layer):
            height, width = spec.outputs(height), spec.outputs(width)
        return spec.channels, height, width

    def smallest(self, layer: str, rows: int = 2) -> int:
        """The least side of an image, in pixels, on which `layer` has a map of at least `rows` rows and columns.

        Args:
            layer: its name.
            rows: 1 or more.

        Raises:
            InputError: a layer that the network lacks.
        """
        side = rows
        for spec in reversed(self.until(layer)):
            side = spec.inputs(side)
        return side


def vgg(widths: tuple[int, ...], convolutions: tuple[int, ...]) -> tuple[Spec, ...]:
    """VGG (Simonyan & Zisserman 2015): blocks of 3×3 convolutions and ReLUs, a 2×2 pooling after each.

    Args:
        widths: channels of each block.
        convolutions: how many each block has.
    """
    specs = []
    for block, (width, count) in enumerate(zip(widths, convolutions, strict=True), start=1):
        for i in range(1, count + 1):
            specs.append(Spec(f"conv{block}_{i}", "conv", width, kernel=3, padding=1))
            specs.append(Spec(f"relu{block}_{i}", "relu", width))
        specs.append(Spec(f"pool{block}", "pool", width, kernel=2, stride=2))
    return tuple(specs)


def squeezenet(first: Spec, pool_after: tuple[int, ...]) -> tuple[Spec, ...]:
    """SqueezeNet (Iandola et al. 2016): one convolution, then fire modules, with 3×3 poolings between.

    Args:
        first: the convolution.
        pool_after: numbers of the layers that a pooling follows, 1 being the convolution.
    """
    specs = [first, Spec("relu1", "relu", first.channels)]
    for number, (squeeze, width) in enumerate(
        [(16, 128), (16, 128), (32, 256), (32, 256), (48, 384), (48, 384), (64, 512), (64, 512)], start=2
    ):
        if number - 1 in pool_after:
            specs.append(Spec(f"pool{number - 1}", "pool", specs[-1].channels, kernel=3, stride=2, ceil_mode=True))
        specs.append(Spec(f"fire{number}", "fire", width, kernel=3, padding=1, squeeze=squeeze))
    return tuple(specs)


RELU_1_TO_5 = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
IMAGENET_LICENCE = "BSD-3-Clause (torchvision); trained on ImageNet, whose terms are for research"

# The halvings were measured in work to reach the loss of one scale alone (192 to 384 pixels, L-BFGS). With VGG, two
# coarser scales take 0.4 of it from noise, and one takes 0.9 from the content. With pocket, on four pairs, one takes
# 0.6 to 1.0 from noise and two take 0.5 to 1.2; from the content, whose coarse structure is there already, one takes
# 0.85 to 0.95 on three, and on the fourth leads to a place that is worse. With the kit's smoothing nothing is left of
# that gain: at 512 pixels, on four pairs, one or two coarser scales take more work to the loss.
BACKBONES: dict[str, Architecture] = {
    a.name: a
    for a in (
        Architecture(
            "pocket",
            vgg((24, 48, 96, 160, 192), (2, 2, 3, 3, 1)),
            content_layers=("relu3_3",),
            # Those that a teacher's layer was distilled into, and the first, which keeps the colours.
            style_layers=(
                *("relu1_1", "relu2_1", "relu3_1", "relu3_2", "relu3_3"),
                *("relu4_1", "relu4_2", "relu4_3", "relu5_1"),
            ),
            weights=Weights(2.2, "MIT, trained by this project; see its model card"),
        ),
        Architecture(
            "vgg19",
            vgg((64, 128, 256, 512, 512), (2, 2, 4, 4, 4)),
            content_layers=("relu4_2",),
            style_layers=RELU_1_TO_5,
            weights=Weights(548, IMAGENET_LICENCE, "VGG19_Weights.IMAGENET1K_V1", "vgg19-dcbb9e9d.pth"),
            halvings=(1, 2),
        ),
        Architecture(
            "vgg16",
            vgg((64, 128, 256, 512, 512), (2, 2, 3, 3, 3)),
            content_layers=("relu4_2",),
            style_layers=RELU_1_TO_5,
            weights=Weights(528, IMAGENET_LICENCE, "VGG16_Weights.IMAGENET1K_V1", "vgg16-397923af.pth"),
            halvings=(1, 2),
        ),
        Architecture(
            "squeezenet1_1",
            squeezenet(Spec("conv1", "conv", 64, kernel=3, stride=2), pool_after=(1, 3, 5)),
            content_layers=("fire2",),
            style_layers=("relu1", "fire3", "fire4", "fire5"),
            weights=Weights(4.7, IMAGENET_LICENCE, "SqueezeNet1_1_Weights.IMAGENET1K_V1", "squeezenet1_1-b8a52dc0.pth"),
        ),
        Architecture(
            "squeezenet1_0",
            squeezenet(Spec("conv1", "conv", 96, kernel=7, stride=2), pool_after=(1, 4, 8)),
            content_layers=("fire4",),
            style_layers=("relu1", "fire2", "fire3", "fire4", "fire5", "fire6", "fire7", "fire8"),
            weights=Weights(4.8, IMAGENET_LICENCE, "SqueezeNet1_0_Weights.IMAGENET1K_V1", "squeezenet1_0-b66bff10.pth"),
        ),
    )
}
OF_THE_KIT = frozenset(BACKBONES)  # before anybody adds one
