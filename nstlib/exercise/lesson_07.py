"""The exercises of lesson 07: style transfer, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..descriptions import gram
from . import program
from .code import Code
from .prediction import Choice, Number
from .program import RATE, Loss, Maps, relative
from .values import Function

__all__ = ["EXERCISES"]


def as_maps(
    network: Callable[[Tensor, Sequence[str]], Maps],
    content: Tensor,
    style: Tensor,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
) -> tuple[Maps, Maps]:
    with torch.no_grad():
        return network(content, content_layers), network(style, style_layers)


def gram_of_sums(features: Tensor) -> Tensor:
    f = features[0].flatten(1)
    return f @ f.T


def mean_over(layers: Iterable[str], term: Callable[[str], Tensor]) -> Tensor:
    """The mean of a term over layers."""
    return torch.stack([term(layer) for layer in layers]).mean()


def added(x: Tensor, optimizer: Optimizer, loss: Loss) -> Tensor:
    """A closure that never empties the gradient."""
    total = loss(x)
    total.backward()
    return total


def looped(
    step: Callable[[Tensor, Optimizer, Function], None],
    *,
    make: Callable[[Tensor], Optimizer] | None = None,
    extra: int = 0,
    after: Callable[[Tensor], Tensor] = lambda picture: picture,
) -> Function:
    """A loop like ours, with one thing changed."""

    def run(start: Tensor, loss: Loss, closure: Function, evaluations: int) -> Tensor:
        x = start.clone().requires_grad_()
        optimizer = (make or (lambda x: torch.optim.Adam([x], lr=RATE)))(x)
        for _ in range(evaluations + extra):
            step(x, optimizer, lambda optimizer=optimizer: closure(x, optimizer, loss))
        return after(x.detach())

    return run


def usual(x: Tensor, optimizer: Optimizer, ask: Function) -> None:
    optimizer.step(ask)


def anew(x: Tensor, optimizer: Optimizer, ask: Function) -> None:
    fresh = torch.optim.Adam([x], lr=RATE)
    fresh.step(lambda: ask(fresh))


def held_by_copy(start: Tensor, loss: Loss, evaluations: int, *, renew: bool = False) -> Tensor:
    """The planted bug: `x` becomes another tensor, and the optimiser goes on moving the old one."""
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=RATE)
    for _ in range(evaluations):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
        x = x.detach().clamp(0, 1).requires_grad_()
        optimizer = torch.optim.Adam([x], lr=RATE) if renew else optimizer
    return x.detach()


def work(sizes: list[int], evaluations: list[int]) -> float:
    return sum(n * (s / sizes[-1]) ** 2 for s, n in zip(sizes, evaluations, strict=True))


RUNS = (  # sizes and evaluations, coarse to fine
    ([48, 96, 192], [20, 20, 60]),
    ([100, 200], [40, 10]),
    ([300], [25]),
    ([128, 256, 512], [500, 200, 100]),
    ([200, 300], [40, 10]),
)

EXERCISES = (
    Code(
        name="07.targets",
        question="P, the content's maps by layer, and A, the style's Gram matrices by layer, as two dictionaries.",
        takes="network content style content_layers style_layers",
        returns="P A",
        solution=program.targets,
        use=program.use_targets,
        cases=program.TARGETS,
        why="They are computed once: the two pictures do not change.",
        mistakes=(
            (as_maps, "A holds maps: the style is compared by its Gram matrices."),
            (
                lambda net, c, s, of_c, of_s: program.targets(net, s, c, of_c, of_s),
                "The pictures are exchanged: P comes from the content, A from the style.",
            ),
            (
                lambda net, c, s, of_c, of_s: (
                    program.targets(net, c, s, of_c, of_s)[0],
                    program.targets(net, c, c, of_c, of_s)[1],
                ),
                "A comes from the content, too: give the network the style.",
            ),
            (
                lambda net, c, s, of_c, of_s: (
                    program.targets(net, c, s, of_c, of_s)[0],
                    {n: gram_of_sums(f).detach() for n, f in net(s, of_s).items()},
                ),
                "Your Gram matrices add up over positions: divide by their number M, as gram does.",
            ),
        ),
    ),
    Code(
        name="07.content_loss",
        question="The mean over P's layers of the squared distance of F from P, relative to P's own size.",
        takes="F P",
        returns="loss gradient",
        solution=program.content_loss,
        use=program.use_loss,
        cases=program.CONTENTS,
        mistakes=(
            (
                lambda F, P: mean_over(list(P)[-1:], lambda n: relative(F[n], P[n])) / len(P),
                "Only the last layer counts: your loop writes over the ones before, so add them up.",
            ),
            (
                lambda F, P: mean_over(list(P)[:1], lambda n: relative(F[n], P[n])) / len(P),
                "Only the first layer counts: the return stands inside the loop.",
            ),
            (
                lambda F, P: len(P) * mean_over(P, lambda n: (F[n] - P[n]).square().mean()),
                "Those are means of squares, added up: divide each layer's sum by the target's sum of squares.",
            ),
            (
                lambda F, P: mean_over(P, lambda n: (F[n] - P[n]).square().sum()),
                "That is the squared distance alone: divide it by the size of the target, the sum of its squares.",
            ),
            (
                lambda F, P: mean_over(P, lambda n: (F[n] - P[n]).square().mean()),
                "That is a mean of squares: divide the sum by the target's sum of squares instead.",
            ),
            (
                lambda F, P: mean_over(P, lambda n: relative(P[n], F[n])),
                "You divide by the size of F, which changes: a loss could be lowered by making F large.",
            ),
            (
                lambda F, P: mean_over(P, lambda n: (F[n] - P[n]).norm() / P[n].norm()),
                "A ratio of lengths: square both, as equation 1 does.",
            ),
            (
                lambda F, P: len(P) * program.content_loss(F, P),
                "You add up the layers: divide by their number, so that a weight means the same for one and for many.",
            ),
            (
                lambda F, P: program.content_loss(F, P) / 2,
                "There is a factor of 1/2 too much: the paper's, which we leave out.",
            ),
            (
                lambda F, P: program.content_loss(F, P) / 4,
                "There is a factor of 1/4 too much: it belongs to E, and a relative term has none.",
            ),
            (
                lambda F, P: mean_over(P, lambda n: (F[n] - P[n]).square().sum() / 2),
                "That is the paper's loss: leave out its 1/2, and divide by the sum of squares of P.",
            ),
            (
                lambda F, P: mean_over(P, lambda n: relative(F[n], P[n]) / F[n].numel()),
                "You divide by N·M too, as a mean does: take the sum of squares above the line as you do below it.",
            ),
        ),
    ),
    Code(
        name="07.style_loss",
        question="The mean over A's layers of the squared distance of the Gram matrix of F from A, relative to A.",
        takes="F A",
        returns="loss gradient",
        solution=program.style_loss,
        use=program.use_loss,
        cases=program.STYLES,
        mistakes=(
            (
                lambda F, A: mean_over(list(A)[-1:], lambda n: relative(gram(F[n]), A[n])) / len(A),
                "Only the last layer counts: your loop writes over the ones before, so add them up.",
            ),
            (
                lambda F, A: mean_over(list(A)[:1], lambda n: relative(gram(F[n]), A[n])) / len(A),
                "Only the first layer counts: the return stands inside the loop.",
            ),
            (
                lambda F, A: len(A) * mean_over(A, lambda n: (gram(F[n]) - A[n]).square().mean()),
                "Those are means of squares, added up: divide each layer's sum by the target's sum of squares.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: relative(gram_of_sums(F[n]), A[n])),
                "Your Gram matrix is not divided by the number of positions, and A is: take gram for both.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: relative(gram(F[n]), A[n]) / len(A[n])),
                "You divide by the number of channels, too: the size of A has it in already, so leave it out.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: relative(A[n], gram(F[n]))),
                "You divide by the picture's Gram matrix, which changes: divide by the size of A.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: (gram(F[n]) - A[n]).square().sum()),
                "The size is missing: divide each layer by the sum of squares of its A.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: (gram(F[n]) - A[n]).square().mean()),
                "That is a mean of squares: divide the sum by the sum of squares of A instead.",
            ),
            (
                lambda F, A: len(A) * program.style_loss(F, A),
                "You add up the layers: divide by their number.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: (gram(F[n]) - A[n]).norm() / A[n].norm()),
                "A ratio of lengths: square both, as equation 4 does.",
            ),
            (
                lambda F, A: program.style_loss(F, A) / 2,
                "There is a factor of 1/2 too much: the paper's content loss has it, and a relative term has none.",
            ),
            (
                lambda F, A: program.style_loss(F, A) / 4,
                "There is a factor of 1/4 too much: it belongs to E, and a relative term has none.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: (gram(F[n]) - A[n]).square().mean() / 4),
                "That is E: put the sum of squares of A where 4 N² stands.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: relative(gram(F[n]), A[n]) / A[n].numel()),
                "You divide by N² too, as a mean does: take the sum of squares above the line as you do below it.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: relative(gram(F[n]), A[n]) / A[n].numel() / 4),
                "You divide by 4 N² too: that is E's, and the sum of squares of A takes its place here.",
            ),
            (
                lambda F, A: mean_over(A, lambda n: relative(gram(F[n]), A[n]) / F[n].numel()),
                "You divide by N·M too: M stands in the Gram matrix already, and the sum of squares of A is enough.",
            ),
        ),
    ),
    Code(
        name="07.closure",
        question="Empty x's gradient, compute the loss of x, run backward, return the loss.",
        takes="x optimizer loss",
        returns="first second gradient",
        solution=program.closure,
        use=program.use_closure,
        cases=program.CLOSURES,
        why="It may be called again and again, and leaves the gradient of the last call alone.",
        mistakes=((added, "The gradients of all calls add up: empty it first, by optimizer.zero_grad()."),),
    ),
    Code(
        name="07.paint",
        question="The picture after `evaluations` steps of Adam from a start, which stays as it is.",
        takes="start loss closure evaluations",
        returns="picture evaluations",
        solution=program.paint,
        use=program.use_paint,
        cases=program.LOOPS,
        mistakes=(
            (
                looped(anew),
                "With a new Adam, or a new x, at each step the moments are lost: make both once, before the loop.",
            ),
            (looped(usual, extra=1), "One evaluation too many: range(evaluations) counts them."),
            (
                lambda start, loss, closure, evaluations: program.paint(start, loss, closure, 1),
                "It ends after one evaluation: the return stands inside the loop.",
            ),
            (looped(usual, extra=-1), "One evaluation is missing: range(evaluations) counts them."),
            (
                looped(usual, make=lambda x: torch.optim.Adam([x])),
                "That is torch's usual rate, 0.001: give Adam lr=0.02.",
            ),
            (
                looped(usual, make=lambda x: torch.optim.SGD([x], lr=RATE)),
                "That is plain gradient descent: the exercise asks for torch.optim.Adam.",
            ),
            (
                looped(lambda x, optimizer, ask: ask()),
                "Nothing moves: call the closure through optimizer.step, and give Adam the x that you return.",
            ),
            (
                looped(usual, after=lambda picture: picture.clamp(0, 1)),
                "You cut the picture off at 0 and 1: leave it as it is, the lesson measures first what that costs.",
            ),
            (
                lambda start, loss, closure, evaluations: start.clone(),
                "The start comes back: the optimizer has to hold the very tensor that you return.",
            ),
        ),
    ),
    Choice(
        name="07.outside",
        question="Adam knows nothing of 0 and 1. Which share of the picture's numbers will lie outside at the end?",
        answer="b",
        options={
            "a": ("None: a picture cannot leave 0 to 1.", "A tensor can: nothing in the loop stops it."),
            "b": ("A few: between 1 and 20 in a hundred.", "Right. Darker than black helps the loss here and there."),
            "c": ("About half.", "The targets come from pictures, so most numbers stay where pictures have theirs."),
            "d": ("Nearly all.", "Most numbers are near the photograph's, where the run begins."),
        },
    ),
    Choice(
        name="07.film",
        question="The run began in noise. What of Tübingen will be in the picture when it stops?",
        answer="b",
        options={
            "a": ("Everything, as if it had begun with the photograph.", "One layer's maps do not hold the windows."),
            "b": (
                "Sky, ground, the tower; no houses that one could count.",
                "Right. Light and dark come near the photograph's, and the painting fills them as it likes.",
            ),
            "c": (
                "Nothing: it becomes the painting.",
                "The content term is small, and it is there: look where the tower is.",
            ),
        },
    ),
    Number(
        name="07.coarse_work",
        question="What share of the work at full size does one evaluation at half the side take, about?",
        answer=0.25,
        why="A quarter of the pixels: that is why coarse to fine pays.",
        hint="Work grows with the number of pixels.",
        mistakes=(
            (0.5, "That is the share of the side: half of it makes a quarter of the pixels."),
            (0.125, "A picture has two sides, not three."),
            (4, "Upside down: the coarse one is cheaper."),
        ),
    ),
    Code(
        name="07.work",
        question="The work of a coarse-to-fine run, in evaluations at the last size.",
        takes="sizes evaluations",
        solution=work,
        cases=RUNS,
        mistakes=(
            (
                lambda sizes, counts: sum(n * s**2 for s, n in zip(sizes, counts, strict=True)),
                "Those are pixels: divide by the last size's, so that its evaluations count as 1.",
            ),
            (lambda sizes, counts: sum(counts), "A coarse evaluation is cheaper: count its share of the pixels."),
            (
                lambda sizes, counts: sum(n * s / sizes[-1] for s, n in zip(sizes, counts, strict=True)),
                "Half the side is a quarter of the pixels: square the share.",
            ),
            (
                lambda sizes, counts: work(sizes, counts) - counts[-1],
                "The last size works too: add its evaluations.",
            ),
            (
                lambda sizes, counts: sum(n * (s / sizes[0]) ** 2 for s, n in zip(sizes, counts, strict=True)),
                "You count in evaluations at the first size: divide by the last size instead.",
            ),
            (
                lambda sizes, counts: sum(n / 4**i for i, n in enumerate(reversed(counts))),
                "You take each size for half of the next: compute its share of the pixels from the sizes given.",
            ),
        ),
    ),
    Choice(
        name="07.saved_work",
        question="Two coarser scales come first, 20 evaluations each. What part of the work to the same loss is saved?",
        answer="b",
        options={
            "a": ("None: they cost more than they bring.", "An evaluation at half the side costs a quarter."),
            "b": ("Between a tenth and a half.", "Right. Large shapes are cheap where the picture is small."),
            "c": ("More than half.", "The fine strokes can be made at full size only, and that takes its time."),
        },
    ),
    Choice(
        name="07.again",
        question="The file says how the picture was made. Run again by it here, undisturbed, what comes out?",
        answer="a",
        options={
            "a": (
                "The same picture, in every pixel.",
                "Right. Same numbers in the same order give the same bits. With other threads sums differ.",
            ),
            "b": (
                "Nearly the same: noise differs.",
                "The seed is in the file, and a start from the content draws none.",
            ),
            "c": ("Another picture of the same kind.", "An optimiser does nothing by chance."),
        },
    ),
    Choice(
        name="07.resume",
        question="Stopped, Adam goes on from the saved PNG. Is the run the same as without a stop, and if not, why?",
        answer="a",
        options={
            "a": (
                "No: Adam's memory of its gradients is lost, and the pixels' last bits.",
                "Right. A checkpoint keeps both; a picture does not.",
            ),
            "b": ("No: the seed is different.", "After the start nothing is drawn at random."),
            "c": ("No: the network has changed.", "Its weights are frozen: only pixels move."),
            "d": ("Yes.", "Adam remembers means of its gradients, and a PNG rounds to 8 bits."),
        },
    ),
    Code(
        name="07.bug",
        question="The loop of a friend, mended: at each of its steps the pixels end within 0 and 1.",
        takes="start loss evaluations",
        returns="picture evaluations",
        solution=program.held,
        use=program.use_paint,
        cases=program.HELD,
        why="An optimiser holds a tensor, not a name: change its numbers, and it sees them.",
        mistakes=(
            (held_by_copy, "It still stands still after one step: which tensor does the optimizer hold then?"),
            (
                lambda start, loss, evaluations: held_by_copy(start, loss, evaluations, renew=True),
                "It moves, but with a new Adam, or a new x, at each step the moments are lost: change x's own numbers.",
            ),
            (
                lambda start, loss, evaluations: program.paint(start, loss, program.closure, evaluations),
                "It moves, but pixels leave 0 to 1 on the way: hold them after each step.",
            ),
            (
                lambda start, loss, evaluations: program.paint(
                    start, lambda x: loss(x.clamp(0, 1)), program.closure, evaluations
                ).clamp(0, 1),
                "The loss sees cut pixels, and those get no gradient any more: cut x itself, after the step.",
            ),
            (
                lambda start, loss, evaluations: program.paint(start, loss, program.closure, evaluations).clamp(0, 1),
                "Cut off once, at the end: your friend wants it after each step.",
            ),
        ),
    ),
)
