"""The exercises of lesson 00: the first transfer."""

from __future__ import annotations

from .code import Code
from .prediction import Choice, Number

__all__ = ["EXERCISES"]

WEIGHED = ((0.5, 0.2, 10.0, 0.02, 1.0, 1e-3), (2.0, 3.0, 5.0, 1.0, 10.0, 0.0), (0.0, 0.7, 1.0, 0.3, 2.0, 0.5))

EXERCISES = (
    Number(
        name="00.width",
        question="A picture is a tensor of the shape (1, 3, 171, 256). How many pixels is it wide?",
        answer=256,
        why="One picture, three colours, 171 rows, 256 columns: the width is the last number.",
        hint="Height comes before width, as rows come before columns.",
        mistakes=(
            (171, "That is its height: rows come before columns."),
            (3, "Those are its colours, red, green and blue: the width is the last number."),
            (171 * 256, "That is the number of pixels: the width is the number of columns."),
        ),
        exact=True,
    ),
    Code(
        name="00.total",
        question="The total loss: content, style and total variation, weighed with α, β and γ.",
        takes="content style tv alpha beta gamma",
        solution=lambda content, style, tv, alpha, beta, gamma: alpha * content + beta * style + gamma * tv,
        cases=WEIGHED,
        mistakes=(
            (lambda c, s, t, a, b, g: c + s + t, "The weights are missing: each part is multiplied by its own."),
            (lambda c, s, t, a, b, g: a * c + b * s, "The total variation is missing: it has the weight γ."),
            (
                lambda c, s, t, a, b, g: b * c + a * s + g * t,
                "The weights are exchanged: α belongs to the content, β to the style.",
            ),
            (lambda c, s, t, a, b, g: c / a + s / b + t / (g or 1), "A weight multiplies its part; you divide."),
            (lambda c, s, t, a, b, g: a * c + b * s - g * t, "All parts are costs: the total variation is added too."),
        ),
    ),
    Number(
        name="00.ratio",
        question="With α = 0.02 and β = 1 you like a picture. Now β = 4: which α has its least loss at the same one?",
        answer=0.08,
        why="Only the ratio matters to where the least loss lies: 0.02 : 1 = 0.08 : 4.",
        hint="Multiply the whole loss by one number: its lowest point stays where it is.",
        mistakes=(
            (0.02, "Then the style counts four times as much as before, and the content as much as before."),
            (0.005, "The wrong way round: both weights must grow by the same factor."),
            (0.16, "That is 4² times as much; the same factor for both is enough."),
        ),
    ),
    Choice(
        name="00.knob",
        question="The strokes wander over the houses until you cannot count the windows. What do you turn?",
        answer="b",
        options={
            "a": ("The style weight up", "That gives the strokes still more say: the houses dissolve further."),
            "b": ("The content weight up", "Right. Then moving away from the houses costs more."),
            "c": ("More evaluations", "They bring the picture nearer to the same minimum, where the windows are lost."),
            "d": ("Another seed", "A start from the content has no chance in it: the picture stays the same."),
        },
    ),
    Choice(
        name="00.first",
        question="Eighty times the loss is measured and the picture changed. What is painted first?",
        answer="c",
        options={
            "a": ("The sky, then the houses.", "The sky shows it most, but the houses are painted as early."),
            "b": ("The houses, then the sky.", "The houses are painted as early as all the rest, not before it."),
            "c": (
                "Everything at once.",
                "Right. The network looks at the whole picture, and every pixel moves each time.",
            ),
        },
    ),
    Choice(
        name="00.early",
        question="After how many of the 80 evaluations has most of the style arrived?",
        answer="a",
        options={
            "a": ("After about 10.", "Right. The first steps are the longest; the rest refines what they began."),
            "b": ("After about 40.", "By then nearly all of it is there: the first steps are the longest."),
            "c": ("After about 70.", "The last steps change what the eye hardly sees: the first are the longest."),
        },
    ),
    Choice(
        name="00.likeness",
        question="The run starts from the photograph itself. What does the content part of the loss do?",
        answer="c",
        options={
            "a": ("It falls, as all losses do.", "It was zero at the start: there was nowhere to fall to."),
            "b": ("It stays at zero.", "Then no pixel could have moved: paint costs likeness."),
            "c": ("It rises, then stays nearly level.", "Right. It was zero, and paint costs likeness."),
        },
    ),
    Choice(
        name="00.coarse",
        question="The network is shown the same painting at 160, 256 and 512 pixels. Which gives the broadest strokes?",
        answer="c",
        options={
            "a": ("160 pixels.", "Small there, they are small in the result: a stroke keeps its pixels."),
            "b": ("All the same: it is the same painting.", "The network measures in pixels, and knows no painting."),
            "c": ("512 pixels.", "Right. A stroke that is ten pixels wide there is painted ten pixels wide."),
        },
    ),
    Choice(
        name="00.start",
        question="As many evaluations from the photograph and from noise. Which looks more like the photograph?",
        answer="a",
        options={
            "a": (
                "The one from the photograph.",
                "Right. There the shapes need only be kept; from noise they must be found.",
            ),
            "b": ("The one from noise.", "It has to find the shapes first, and these evaluations are too few for it."),
            "c": (
                "Neither: the loss is the same.",
                "The loss is, but the way is not, and both stop long before the end.",
            ),
        },
    ),
    Choice(
        name="00.bug",
        question="The painting came out with the photograph's colours and the painting's shapes. Which line did it?",
        answer="b",
        options={
            "a": ("start='noise'", "From noise, shapes would be loose, but still those of the content."),
            "b": (
                "nst.stylize(painting, photograph)",
                "Right. The first picture gives the shapes, the second the manner.",
            ),
            "c": ("style_weight=0", "Then the photograph would come back as it was, colours and shapes."),
            "d": ("size=64", "The picture would be small and blurred, and its shapes the photograph's."),
        },
    ),
    # The placement test: five questions on lesson 01, five on lesson 02.
    Choice(
        name="00.place_slope",
        question="f(x) = x². You stand at x = 3 and may move a little. Which way makes f smaller, and how steep is it?",
        answer="b",
        options={
            "a": (
                "To the right, steepness 6.",
                "To the right f grows: the gradient points uphill, and you walk against it.",
            ),
            "b": ("To the left, steepness 6.", "Right. The derivative is 2x = 6; downhill is against it."),
            "c": ("To the left, steepness 9.", "9 is the height there; the steepness is the derivative, 2x = 6."),
        },
    ),
    Choice(
        name="00.place_chain",
        question="y = g(x), L = f(y); dL/dy = 4 and dy/dx = 0.5 at this x. What is dL/dx?",
        answer="a",
        options={
            "a": ("2", "Right. The chain rule multiplies them."),
            "b": ("4.5", "The chain rule multiplies rates; it does not add them."),
            "c": ("8", "A change of x is halved on its way to y, so it does less to L, not more."),
        },
    ),
    Choice(
        name="00.place_relu",
        question="ReLU gave 0 for an input of -2. Which gradient comes back through it?",
        answer="c",
        options={
            "a": ("-2", "That is the input; a gradient asks what happens if it changes a little."),
            "b": ("1", "That would be so for a positive input."),
            "c": ("0", "Right. Around -2 the output stays 0, whatever the input does."),
        },
    ),
    Choice(
        name="00.place_softmax",
        question="A network gives three classes the scores 2, 2 and 2. What does softmax make of them?",
        answer="b",
        options={
            "a": ("2/3 for each", "They must sum to 1."),
            "b": ("1/3 for each", "Right. Equal scores, equal probabilities, which sum to 1."),
            "c": ("1 for the first, 0 for the others", "That would need its score to be far above the others."),
        },
    ),
    Choice(
        name="00.place_autograd",
        question="In PyTorch, loss.backward() ran for two batches, with nothing done between. What is w.grad now?",
        answer="c",
        options={
            "a": ("The gradient of the second batch", "It is added to what is there: nobody has set it to zero."),
            "b": ("The mean of both", "backward adds; it does not divide."),
            "c": ("The sum of both", "Right. That is why loops set it to zero."),
        },
    ),
    Choice(
        name="00.place_shape",
        question="A 3×3 convolution, 3 to 64 channels, padding 1, of a picture (1, 3, 224, 224). Which shape?",
        answer="a",
        options={
            "a": ("(1, 64, 224, 224)", "Right. Padding 1 keeps the size; there are as many maps as filters."),
            "b": ("(1, 64, 222, 222)", "That is without padding."),
            "c": ("(1, 192, 224, 224)", "Each filter sums over all three input channels, so there are 64 maps."),
        },
    ),
    Choice(
        name="00.place_weights",
        question="How many weights (without biases) has that layer?",
        answer="b",
        options={
            "a": ("9 · 64 = 576", "Each filter has a 3×3 kernel for each of the three input channels."),
            "b": ("9 · 3 · 64 = 1,728", "Right. 3×3 numbers for every pair of an input and an output channel."),
            "c": ("224 · 224 · 9", "The same weights are used at every place: that is the point of a convolution."),
        },
    ),
    Choice(
        name="00.place_pool",
        question="Max pooling 2×2 on [[1, 5], [2, 4]]. The gradient that arrives is 1. Where does it go?",
        answer="c",
        options={
            "a": ("A quarter to each", "That is average pooling."),
            "b": ("To all four", "Only one of them decided the result."),
            "c": ("To the 5 alone", "Right. A small change of the others changes nothing."),
        },
    ),
    Choice(
        name="00.place_field",
        question="Two 3×3 convolutions, one after the other. How large a window of the picture does one value see?",
        answer="b",
        options={
            "a": ("3×3", "The second layer sees 3×3 values, each of which saw 3×3 pixels."),
            "b": ("5×5", "Right. The second adds one pixel on each side."),
            "c": ("6×6", "Neighbouring windows overlap: only 2 are added."),
        },
    ),
    Choice(
        name="00.place_shift",
        question="The picture moves 4 pixels to the right. What does the map of a convolution with stride 1 do?",
        answer="a",
        options={
            "a": (
                "It moves 4 to the right.",
                "Right. But for the edges, the same filter meets the same pattern elsewhere.",
            ),
            "b": (
                "It stays as it is.",
                "What was found there is found elsewhere now. Only pooling makes it forget a little.",
            ),
            "c": (
                "It changes everywhere in an unforeseeable way.",
                "The same filter meets the same patterns, in other places.",
            ),
        },
    ),
)
