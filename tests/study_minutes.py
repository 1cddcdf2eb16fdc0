"""A complete lesson → the minutes that a learner needs for it, against those that its header card says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from nstlib.course.notebooks import ASKS, FENCED, header_of, lesson_of, texts
from nstlib.course.rules import ENDING

MAX_MINUTES = 90  # of a lesson's core
LEEWAY = 0.1  # of what is counted, between that and what the header card says
WORDS_A_MINUTE, FIGURE_MINUTES = 150, 2
LISTED = re.compile(r"\*\*Time\*\* \d+ minutes(?:, and \d+ extra)?(:[^;.]*[;.])")  # minutes of each part
CAP = re.compile(r"★[,·\s]+(?:at most )?(\d+) minutes?\b")
PICTURE = re.compile(r"(?<!\[)!\[|<img\b|<svg\b")  # without the badge, which is a link's text
UNREAD = (  # what is in Markdown and not read, or read as one word
    (r"<details>\s*<summary>Hint.*?</details>", ""),
    (r"\$\$.*?\$\$|\$[^$\n]+\$", "$"),
    (r"!?\[([^\]]*)\]\([^)]*\)", r"\1"),
    (r"<[^>]*>", ""),
)


@dataclass
class Section:
    """What a learner does under one heading of a lesson, down to the next one of any level.

    Attributes:
        title: of the heading.
        extra: whether the lesson does without it.
        words: to read.
        cap: minutes of its exercises, by their own cap.
        questions: put outside of exercises.
        figures: to look at.
    """

    title: str
    extra: bool
    words: int = 0
    cap: int = 0
    questions: int = 0
    figures: int = 0

    @property
    def minutes(self) -> float:
        return self.words / WORDS_A_MINUTE + self.cap + self.questions + FIGURE_MINUTES * self.figures

    def __str__(self) -> str:
        parts = f"{self.words} words, exercises {self.cap} min, {self.questions} questions, {self.figures} figures"
        return f"{self.minutes:5.1f}  {self.title}: {parts}"


def minutes(notebook: NotebookNode) -> tuple[float, float]:
    """How long a learner needs: words at 150 a minute, the caps of exercises, one minute a question, two a figure.

    - Words are those of the Markdown that is read: not code, addresses, hints (their time is in the exercise's cap) or
      the references. A formula is one word: 150 a minute is slow, for the sake of formulas and of the code between.
    - A cap stands after an exercise's stars: "★★ · 5 minutes" or "(★★, 5 minutes)".
    - A question is each that `predict` or `choose` puts; where the cell below puts none, "**Predict" in Markdown counts
      as one. Below a cap none does.
    - A figure is a code cell that shows pictures, however many, or a picture in Markdown.
    - Extra is a section whose heading, or one above it, ends in "(extra)".

    Args:
        notebook: the complete lesson, executed.

    Returns:
        Minutes of the core, and of what is extra.
    """
    parts = sections(notebook)
    core, extra = (sum(part.minutes for part in parts if part.extra is kind) for kind in (False, True))
    return core, extra


def sections(notebook: NotebookNode) -> list[Section]:
    """What `minutes` counts, in order; a heading whose text stands under headings of its own has little.

    Args:
        notebook: the complete lesson, executed.
    """
    found, above, capped = [Section("", False)], [], False
    for cell, below in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        if cell.cell_type == "code":
            found[-1].figures += any("<img" in text for text in texts(cell))
            found[-1].questions += 0 if capped else len(set(ASKS.findall(cell.source)))
            continue
        for marks, title, text in under_headings(cell.source):
            if title:
                above = [(level, extra) for level, extra in above if level < len(marks)]
                above.append((len(marks), title.endswith("(extra)")))
                found.append(Section(title, any(extra for _, extra in above)))
            found[-1].words += len(words(f"{title} {text}")) if title != ENDING[-1] else 0
            found[-1].figures += len(PICTURE.findall(text))
            found[-1].cap += sum(map(int, CAP.findall(f"{title} {text}")))
        capped = bool(CAP.search(cell.source))
        asks = below is not None and ASKS.search(below.source)
        found[-1].questions += bool("**Predict" in cell.source and not capped and not asks)
    return found


def under_headings(source: str) -> list[tuple[str, str, str]]:
    """A Markdown cell in pieces (marks, title, text); the first may have no heading."""
    before, *rest = re.split(r"^(#{1,6})\s+(.+?)\s*$", FENCED.sub("", source), flags=re.MULTILINE)
    return [("", "", before), *zip(rest[::3], rest[1::3], rest[2::3], strict=True)]


def words(text: str) -> list[str]:
    r"""What is read of some Markdown.

    >>> words("A [link](there.md), $R = F F^T$, `a + b` and <b>bold</b>: **two**.")
    ['A', 'link,', '$,', '`a', 'b`', 'and', 'bold:', '**two**.']
    """
    for unread, instead in UNREAD:
        text = re.sub(unread, instead, text, flags=re.DOTALL)
    return [word for word in text.split() if re.search(r"[\w$]", word)]


def check_minutes(notebook: NotebookNode) -> Iterator[str]:
    """Whatever a complete lesson says wrong of its minutes.

    Args:
        notebook: the complete lesson, executed.

    Yields:
        One line for each mistake, the first with what was counted where.
    """
    stated, card = lesson_of(notebook).minutes, header_of(notebook).source
    for name, counted, said in zip(("core", "extra"), minutes(notebook), card_minutes(card), strict=True):
        if abs(said - counted) > LEEWAY * counted:
            where = "\n".join(str(part) for part in sections(notebook) if part.extra == (name == "extra"))
            yield f"the header card says {said} minutes of {name}, counted are {counted:.0f}:\n{where}"
        if name == "core" and counted > MAX_MINUTES:
            yield f"{counted:.0f} minutes are more than {MAX_MINUTES}: cut, split, or end headings in '(extra)'"
    if card_minutes(card)[0] != stated:
        yield f"the header card says {card_minutes(card)[0]} minutes, LESSONS says {stated}: write the same"
    parts = [int(part) for part in re.findall(r" (\d+)(?=[,;.])", "".join(LISTED.findall(card)))]
    if parts and sum(parts) != stated:
        yield f'the header card\'s parts add up to {sum(parts)} minutes, not {stated}: "the end" is one, too'


def card_minutes(card: str) -> tuple[int, int]:
    """The minutes of core and extra that a header card says; 0 where it says none.

    Args:
        card: its Markdown.

    >>> card_minutes("**Time** 75 minutes, and 10 extra: pencil to tensor 15")
    (75, 10)
    """
    said = re.search(r"\*\*Time\*\*\s+(?:about )?(\d+) minutes(?:,? and (\d+) extra)?", card)
    return (int(said[1]), int(said[2] or 0)) if said else (0, 0)
