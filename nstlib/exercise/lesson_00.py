"""The exercises of lesson 00: the first transfer."""

from __future__ import annotations

from .question import Choice, Code, Number

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
            (3, "Those are its three colours, red, green and blue."),
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
            (lambda c, s, t, a, b, g: b * c + a * s + g * t, "α belongs to the content and β to the style."),
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
)
