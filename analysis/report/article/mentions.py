"""An article's text, cut where a number and the id that vouches for it belong together."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

OPEN, CLOSE = "\ue000", "\ue001"
"""What stands around the number of a mention in place of its id, which may hold dots and percent
signs.
"""
MARK = re.compile(f"{OPEN}(\\d+){CLOSE}")

STARTS = re.compile(
    r"\s*(\||[-*+] |\d+[.)] |#|\[\^|\\item\b|Sources?\b|<(p|li|tr|div|sup|h\d)\b)", re.IGNORECASE
)
"""How a line starts that is no continuation of the line above."""
FOOT = re.compile(r"(?:[\s>*_(`]|<(?!sup)[^<>]*>)*(Sources?\b|\[\^|<sup\b)", re.IGNORECASE)
LABEL = re.compile(r"(?:\s|<[^<>]*>)*(\[\^[^\]\s]+\]):?")
SENTENCE_END = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][\"')\]*_\u201d\u2019]))\s+(?=[A-Z\u00c0-\u00de\"'\u201c\u2018(\[*_`\\])"
)
ABBREVIATION = re.compile(r"\b(e\.g|i\.e|cf|vs|ca|approx|Figs?|Tabs?|No|al|resp|Eq)\.$")
ONLY_IDS = re.compile(r"(\b(score-audit|results?|ids?|see|and)\b|[\W_])*", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """An id in an article, and the text that it may vouch for.

    Attributes
    ----------
    id : str
    line : int
        Of the article, from 1.
    near : tuple of tuple of str
        Sentences by their distance: what stands between this id and the next one, the id's own
        sentence, those beside it, and so on to the ends of the paragraph. For a source line or a
        footnote one group: what it is under.
    foot : bool
        Whether the id stands in a source line or a footnote.
    paragraph : str
        The whole of it; for a source line with the paragraph it belongs to.
    """

    id: str
    line: int
    near: tuple[tuple[str, ...], ...]
    foot: bool
    paragraph: str

    @property
    def sentence(self) -> str:
        """The sentence with the id; of a source line, all that it is under."""
        return " ".join(self.near[0]) if self.foot else self.near[1][0]


@dataclass(frozen=True)
class Block:
    """A piece of text that ends with its line: a table row, an item, a source line, or a paragraph
    of prose.
    """

    text: str
    paragraph: int

    @property
    def foot(self) -> bool:
        """Whether it is a source line, a footnote, or nothing but ids."""
        return bool(FOOT.match(self.text)) or (
            bool(MARK.search(self.text)) and _only_ids(self.text)
        )

    def sentences(self) -> list[str]:
        """Return its sentences; one with nothing but ids goes with the one before."""
        if self.text.lstrip().startswith("|"):
            return [self.text]
        text = re.sub(
            r"([.!?])((?:\[\^[^\]\s]+\])+)", r"\2\1", self.text
        )  # a footnote's mark goes with its sentence
        whole: list[str] = []
        for piece in SENTENCE_END.split(text):
            if whole and (_only_ids(piece) or ABBREVIATION.search(whole[-1])):
                whole[-1] += " " + piece
            else:
                whole.append(piece)
        return whole


def mentions(text: str, pattern: re.Pattern[str]) -> list[Mention]:
    """Return every mention of an id, in the article's order.

    Parameters
    ----------
    text : str
        Markdown, LaTeX, HTML or plain text; paragraphs are separated by blank lines.
    pattern : re.Pattern
        What an id looks like.
    """
    ids: list[tuple[str, int]] = []

    def mark(match: re.Match[str]) -> str:
        name = match[0].rstrip(".")
        ids.append((name, text.count("\n", 0, match.start()) + 1))
        return f"{OPEN}{len(ids) - 1}{CLOSE}{match[0][len(name) :]}"

    blocks = list(_blocks(pattern.sub(mark, text)))
    read = []
    for at, block in enumerate(blocks):
        for number in map(int, MARK.findall(block.text)):
            name, line = ids[number]
            read.append(_mention(blocks, at, number, Mention(name, line, (), block.foot, "")))
    return read


def _blocks(text: str) -> Iterator[Block]:
    paragraph, held = 0, []
    for line in [*text.split("\n"), ""]:
        if held and (not line.strip() or STARTS.match(line)):
            yield Block("\n".join(held), paragraph)
            held = []
        if line.strip():
            held.append(line)
        else:
            paragraph += 1


def _mention(blocks: list[Block], at: int, number: int, bare: Mention) -> Mention:
    """Return a mention with the text around it."""
    if bare.foot:
        under = _under(blocks, at)
        return replace(
            bare,
            near=(tuple(map(plain, [blocks[at].text, *under])),),
            paragraph=plain(" ".join(under)),
        )
    sentences = [
        s
        for block in blocks
        if block.paragraph == blocks[at].paragraph and not block.foot
        for s in block.sentences()
    ]
    home = next(place for place, s in enumerate(sentences) if f"{OPEN}{number}{CLOSE}" in s)
    near = [(plain(_share(sentences[home], number)),)]
    for distance in range(len(sentences)):
        places = sorted({home - distance, home + distance} & {*range(len(sentences))})
        near.append(tuple(plain(sentences[place]) for place in places))
    return replace(bare, near=tuple(filter(None, near)), paragraph=plain(" ".join(sentences)))


def _under(blocks: list[Block], at: int) -> list[str]:
    """Return the sentences a footnote is hung on, or those of the paragraph directly before a
    source line.
    """
    label = LABEL.match(blocks[at].text)
    prose = [block for block in blocks if label and not block.foot]
    hung = [s for block in prose for s in block.sentences() if label[1] in s]
    before = [block for block in blocks[:at] if not block.foot]
    near = [block for block in before if block.paragraph == before[-1].paragraph]
    return hung or [s for block in near for s in block.sentences()]


def _share(sentence: str, number: int) -> str:
    """Return the part of a sentence with several ids that belongs to one of them: before it, or
    after each id.
    """
    marks = list(MARK.finditer(sentence))
    at = next(place for place, match in enumerate(marks) if int(match[1]) == number)
    ends = [0, *(match.end() for match in marks)]
    starts = [*(match.start() for match in marks), len(sentence)]
    if not re.search(r"\d", sentence[: starts[0]]):
        return sentence[ends[at + 1] : starts[at + 1]]
    return sentence[ends[at] : starts[at] if len(marks) > 1 else None]


def _only_ids(text: str) -> bool:
    return ONLY_IDS.fullmatch(MARK.sub(" ", text)) is not None


TYPESET = (
    (r"\\\$", "\ue010"),  # a dollar, and no mark of mathematics
    (r"\$([-+\u2212])\$", r"\1"),
    (r"\$(\S{1,40}|[-+\u2212\d.,\s\\%;:]{1,40})\$(?!\d)", r"\1"),
    (r"\\[,;:! ]|~(?=[\d\s\\])|\{\}|[\u00a0\u2009\u202f]", " "),
    (r"(?<=[\d%}])\s?(--|\u2013)\s?(?=[\d.,])", " to "),
    (r"[\u2212\u2013\u2011\u2010\ufe63\uff0d]", "-"),
    (r"[*\\_`{}]", ""),
    ("\ue010", "$"),
    (r"\s+", " "),
    (r"\bminus (?=[\d.])", "-"),
    (r"\bplus (?=[\d.])", "+"),
    (r"(?<=\d)[ -]?(%|per ?cent(?!age)|pct\b\.?)(?![- ]points?\b)", "%"),
    (
        r"(?<=\d)[ -]?((%|percentage|per cent|percent)[- ]points?|p\.p\.|pp\b|pts\b|points?\b)",
        " points",
    ),
)
"""Differences that typesetting makes, in the order in which they are taken away."""


def plain(text: str) -> str:
    """Return text without the differences that typesetting makes: spaces, minus signs, emphasis,
    how % is written.

    >>> plain("**\N{MINUS SIGN}5.9** per cent, 1,234 films, 3.8 percentage points")
    '-5.9%, 1,234 films, 3.8 points'
    """
    text = html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", " ", MARK.sub(" ", text)))
    text = re.sub(r"(?<=\d)(&nbsp;|\s)(?=%)", "", text)
    for pattern, instead in TYPESET:
        text = re.sub(pattern, instead, text, flags=re.IGNORECASE)
    return text.strip()
