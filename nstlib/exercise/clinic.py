"""The exercises of the clinic: cause, question, what to do, and how it looks to who suspected it wrongly."""

from __future__ import annotations

from .judge import Choice

BUGS = (
    (
        "gram",
        "The Gram matrices are not divided by the positions",
        "A weight that was right at 256 px gives nothing but style at 512 px, with a loss of 1e13.",
        "Divide by M = H·W, so that sizes compare.",
        "Without 1/M, the loss changes by powers of ten with the picture's size.",
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
        "Nothing fails, but strokes are weak at every size; what enters the network has a mean of 0.45, not 0.",
        "Take off ImageNet's mean and divide by its deviation first.",
        "Without normalisation, the network's input has a mean of 0.45, not 0.",
    ),
    (
        "tv",
        "The total-variation weight is too large",
        "The picture is soft as wax: fine strokes melt, and the TV term is most of the loss.",
        "Lower its weight until its share of the gradient is small.",
        "Too much total variation melts fine strokes and dominates the loss.",
    ),
    (
        "clamp",
        "The image is clamped inside the closure",
        "Adam runs well, but L-BFGS jumps, stalls or ends early, and only when many pixels are at 0 or 1.",
        "Project the image outside of the closure, where the optimiser knows of it.",
        "A clamp in the closure troubles L-BFGS only, once pixels reach 0 or 1.",
    ),
    (
        "half",
        "The Gram matrix is summed in half precision",
        "On the GPU with float16 the first style term is inf and then all is NaN; in float32 all is well.",
        "Sum in float32: float16 ends at 65504.",
        "A float16 sum overflows: inf at once, and well in float32.",
    ),
    (
        "channels",
        "Red and blue are exchanged (BGR for RGB)",
        "All numbers look right and the loss falls, but skies come out orange and wood blue.",
        "Exchange the channels where the picture is read or shown.",
        "Exchanged channels turn blue into orange, and nothing else.",
    ),
    (
        "rate",
        "Adam's learning rate is too large",
        "The loss jumps from the first step on, and saturated specks fill the picture; L-BFGS does well.",
        "Lower the rate to a few hundredths of the pixels' range.",
        "Too large a rate lets Adam's loss jump from the first step on.",
    ),
)


def diagnosis(letter: str, name: str, symptom: str, fix: str) -> Choice:
    options = {
        other: (cause, f"Right. {fix}" if other == letter else f"Not that one. {look}")
        for other, (_, cause, _, _, look) in zip("abcdefgh", BUGS, strict=True)
    }
    return Choice(f"clinic.{name}", f"{symptom} What is the cause?", letter, options)


EXERCISES = tuple(
    diagnosis(k, name, symptom, fix) for k, (name, _, symptom, fix, _) in zip("abcdefgh", BUGS, strict=True)
)
