"""An article's text, cut where a number and the id that vouches for it belong together."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

OPEN, CLOSE = "\ue000", "\ue001"
"""What stands around the number of a mention in place of its id, which may hold dots and percent
signs.
"""
MARK = re.compile(f"{OPEN}(\\d+){CLOSE}")

STARTS = re.compile(
    r"\s*(\||[-*+] |\d+[.)] |#|\[\^|\\item\b|Sources?\b|<(p|li|tr|div|sup|h\d)\b)", re.IGNORECASE
)
"""How a line starts that is no continuation of the line above."""
FOOT = re.compile(r"[\s>*_(`]*(Sources?\b|\[\^|<sup\b)", re.IGNORECASE)
LABEL = re.compile(r"\s*(\[\^[^\]\s]+\]):?")
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
    (r"\\[,;:! ]|~|\{\}", " "),
    (r"[\u2212\u2013\u2011\u2010\ufe63\uff0d]", "-"),
    (r"[*\\_$`{}]", ""),
    (r"\s+", " "),
    (r"\bminus (?=[\d.])", "-"),
    (r"\bplus (?=[\d.])", "+"),
    (r"(?<=\d),(?=\d{3}(?!\d))", ""),
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
    '-5.9%, 1234 films, 3.8 points'
    """
    text = html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", " ", MARK.sub(" ", text)))
    for pattern, instead in TYPESET:
        text = re.sub(pattern, instead, text, flags=re.IGNORECASE)
    return text.strip()


# --- what a sentence says of a number -------------------------------------------------------------

Reading = Literal["holds", "differs", "other", "absent"]

UP = (
    r"more|rises?|rose|risen|rising|higher|increas\w+|gain\w*|grow\w*|grew|up|larger|greater|"
    r"added|extra"
)
DOWN = (
    r"less|fewer|falls?|fell|fallen|falling|lower\w*|decreas\w+|declin\w+|drop\w*|los[est]\w*|down|smaller|"
    r"reduc\w+|shr[aiu]nk\w*"
)
TURN = re.compile(rf"\b(?:(?P<up>{UP})|(?P<down>{DOWN}))\b", re.IGNORECASE)
BOUND = re.compile(
    r"\b(?:more|less|higher|lower|greater|larger|smaller|fewer) than (?=[-+]?[\d.])|\bmore or"
    r" less\b|"
    r"\bup to\b|\b(?:standard deviations?|SDs?|units?) (?:more|higher)\b|"
    r"\b(?:higher|more|greater) (?:scores?|ratings?|values?)\b|\b(?:something|anything|nothing)"
    r" more\b",
    re.IGNORECASE,
)
"""Where such a word gives no direction of the number: a bound, or the step of the score."""
LEVEL = re.compile(r"\d+(?:\.\d+)?% ?-?(?:CI\b|confidence|interval|credib|level)", re.IGNORECASE)


def reading(sentence: str, displayed: str) -> Reading:
    """Return what a plain sentence says of a displayed number.

    Returns
    -------
    {"holds", "differs", "other", "absent"}
        Printed; printed with the opposite sign, in figures or in words; another number of this unit
        is printed instead; no such number.

    Examples
    --------
    >>> texts = ("5.9% less", "5.9% more", "+5.9%", "7% less", "95% CI")
    >>> [reading(text, "-5.9 %") for text in texts]
    ['holds', 'differs', 'differs', 'other', 'absent']
    """
    shown = plain(displayed)
    sentence = BOUND.sub(lambda match: " " * len(match[0]), sentence)
    number = re.escape(shown.lstrip("+-"))
    number = re.sub(r"(?<!\d)\\\.(?=\d)", r"0?\\.", number).replace(r"<\ ", "< ?")
    end = "" if shown.endswith("%") else "%"
    matches = list(
        re.finditer(rf"(?<![\d.,A-Za-z])(?<!\d-)(?<!%-){number}(?!\.?\d|[A-Za-z{end}])", sentence)
    )
    if matches:
        signs = [_sign(sentence, place) for place in matches] if shown[0] in "+-" else []
        return "differs" if any(sign not in ("", shown[0]) for sign in signs) else "holds"
    unit = next((unit for unit in ("%", " points") if shown.endswith(unit)), None)
    return "other" if unit and re.search(rf"\d{unit}", LEVEL.sub(" ", sentence)) else "absent"


def _sign(sentence: str, place: re.Match[str]) -> str:
    """Return the sign of a number: printed before it, or that of the nearest word for a direction,
    or none.
    """
    before = sentence[: place.start()]
    if re.search(r"(?:^|[^\w%])[-+]$", before):
        return before[-1]
    turns = [
        (min(abs(t.start() - place.end()), abs(place.start() - t.end())), "+" if t["up"] else "-")
        for t in TURN.finditer(sentence)
    ]
    return min(turns, default=("", ""))[1]
