"""The exercises of the clinic: cause, question, what to do, and how it looks to who suspected it wrongly."""

from __future__ import annotations

from .question import Choice

__all__ = ["EXERCISES"]

BUGS = (
    (
        "gram",
        "The Gram matrices are not divided by the positions",
        "A weight that does little at 64 px covers 192 px with strokes; the style loss is dozens of times as large.",
        "Divide by M = H·W, so that sizes compare.",
        "Without 1/M, the loss grows with the square of the number of pixels.",
    ),
    (
        "relu",
        "ReLU works in place on the map that was kept",
        "The content layer is conv4_2, yet the captured map has no negative number.",
        "Use nn.ReLU(inplace=False): the map was overwritten after you kept it.",
        "An in-place ReLU leaves a convolution's map without negative numbers.",
    ),
    (
        "normalise",
        "The input is not normalised as the network was trained",
        "Nothing fails, but colours stay dull at any weight; what enters the network lies between 0 and 1.",
        "Take off ImageNet's mean and divide by its deviation first.",
        "Without normalisation, the network's input lies between 0 and 1, and is never negative.",
    ),
    (
        "tv",
        "The total-variation weight is too large",
        "The picture is made of flat patches; fine strokes are gone, and the TV term is most of the loss.",
        "Lower its weight until its share of the gradient is small.",
        "Too much total variation flattens fine strokes and dominates the loss.",
    ),
    (
        "clamp",
        "The image is clamped inside the closure",
        "The curve looks perfect, yet some pixels of the picture lie beyond [0, 1] after the run of L-BFGS.",
        "Project outside of the closure, each trial before it is evaluated, and the last one too.",
        "A clamp in the closure comes before the last move: that one is never put back into [0, 1].",
    ),
    (
        "half",
        "The Gram matrix is summed in half precision",
        "In float16 the style loss is inf or NaN from the first step on, but only for pictures from some size on.",
        "Sum in float32: float16 ends at 65504.",
        "A float16 sum overflows: inf or NaN at once, and only from some size on.",
    ),
    (
        "channels",
        "Red and blue are exchanged (BGR for RGB)",
        "All numbers look right and the loss falls, but skies come out orange and wood blue.",
        "Exchange the channels where the picture is read.",
        "Exchanged channels turn blue into orange, and nothing else.",
    ),
    (
        "rate",
        "Adam's learning rate is too large",
        "The loss jumps from the first step on, and coloured specks fill the picture; L-BFGS does well.",
        "Lower the rate to a few hundredths of the pixels' range.",
        "Too large a rate lets Adam's loss jump from the first step on.",
    ),
)


def suspects(letter: str, name: str, symptom: str, fix: str) -> Choice:
    """A symptom, and all bugs to choose its cause from."""
    options = {
        other: (cause, f"Right. {fix}" if other == letter else f"Not that one. {look}")
        for other, (_, cause, _, _, look) in zip("abcdefgh", BUGS, strict=True)
    }
    return Choice(f"clinic.{name}", f"{symptom} What is the cause?", letter, options)


EXERCISES = tuple(
    suspects(k, name, symptom, fix) for k, (name, _, symptom, fix, _) in zip("abcdefgh", BUGS, strict=True)
)
