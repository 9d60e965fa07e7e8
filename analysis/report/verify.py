"""Does it still hold? Recompute a ledger, and find its results in an article."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from analysis.errors import OutputError, printable
from analysis.report.article import Mention, mentions, plain, reading
from analysis.report.citation import macro_name
from analysis.results.estimates import found_id, part

RELATIVE, MOVED = 1e-9, 1e-6
"""Two runs on different machines agree to about fourteen digits: up to the first is the same, up to
the second has moved (an iterative fit, another library version), and more is a difference."""

Status = Literal["same", "moved", "differs", "gone", "new", "holds", "not printed", "unknown"]
HELD: frozenset[Status] = frozenset({"same", "moved", "holds"})


@dataclass(frozen=True)
class Line:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        A result id, or "plan" or "data".
    status : str
        same; moved (digits nobody sees); differs; gone; new; and in an article: holds, not printed,
        differs, unknown.
    detail : str
    line : int or None
        Of the article, from 1; 0 for the article as a whole, None for the ledger.
    """

    what: str
    status: Status
    detail: str = ""
    line: int | None = None

    @property
    def ok(self) -> bool:
        return self.status in HELD


@dataclass(frozen=True)
class Verification:
    """Every comparison of one `verify`."""

    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return all(line.ok for line in self.lines)

    def __str__(self) -> str:
        return self.told()

    def told(self, article: str = "the article") -> str:
        """Return what is not the same, line by line, and a summary; `article` is what the article
        is called.
        """
        ledger = [line for line in self.lines if line.line is None]
        cited = [line for line in self.lines if line.line]
        text = [_told(line) for line in self.lines if line.status != "same" and line.line != 0]
        same = sum(line.status == "same" for line in ledger)
        text += [f"Ledger: {same} of {len(ledger)} comparisons are the same."] if ledger else []
        if cited:
            text.append(
                f"Article: {sum(line.ok for line in cited)} of {len(cited)} citations hold."
            )
        elif len(self.lines) > len(ledger):
            text.append(f"Article: no result id or macro found in {article}.")
        return "\n".join(text)


def _told(line: Line) -> str:
    place = f"line {line.line}: " if line.line else ""
    return f"{line.status:11} {place}{line.what}" + (f": {line.detail}" if line.detail else "")


def compare_ledgers(old: dict[str, Any], new: dict[str, Any]) -> Verification:
    """Compare a ledger with one computed anew: hashes, then every estimate, check and verdict."""
    lines = []
    for name in ("plan", "dataset"):
        then, now = old[name]["sha256"], new[name]["sha256"]
        changed = f"SHA-256 {then[:12]} then, {now[:12]} now"
        lines.append(Line(name, "same") if then == now else Line(name, "differs", changed))
    for kind, keys in (("estimates", _NUMBERS), ("checks", ("statistic",)), ("verdicts", ())):
        then, now = ({row["id"]: row for row in ledger[kind]} for ledger in (old, new))
        lines += [
            _compare(name, then.get(name), now.get(name), keys)
            for name in dict.fromkeys([*then, *now])
        ]
    return Verification(tuple(lines))


_NUMBERS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
_SHOWN = (
    "displayed",
    "passed",
    "verdict",
    "direction",
    "beyond_sesoi",
    "corrected",
    "fragile",
    "n",
    "clusters",
    "df",
    "level",
    "covariance",
    "scale",
    "note",
    "reason",
    "reasons",
    "sentence",
)


def _compare(
    name: str, then: dict[str, Any] | None, now: dict[str, Any] | None, keys: tuple[str, ...]
) -> Line:
    """Return how one result compares: what is shown first, then the digits behind it."""
    if then is None or now is None:
        return Line(name, "new" if then is None else "gone")
    shown = [
        f"{key} {then[key]} then, {now[key]} now"
        for key in _SHOWN
        if key in then and then[key] != now.get(key)
    ]
    if shown:
        return Line(name, "differs", "; ".join(shown))
    for tolerance, status in ((MOVED, "differs"), (RELATIVE, "moved")):
        apart = [
            f"{key} {then[key]!r} then, {now[key]!r} now"
            for key in keys
            if not _close(then[key], now[key], tolerance)
        ]
        if apart:
            return Line(name, status, "; ".join(apart))
    return Line(name, "same")


def _close(one: float | None, other: float | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)


# --- in an article --------------------------------------------------------------------------------

WORDS = ("adds", "trivial", "nothing", "inconclusive", "refused")


def find_in_text(text: str, ledger: dict[str, Any]) -> Verification:
    """Find every result that an article cites, by id or by LaTeX macro, and say whether it is
    printed there.

    Parameters
    ----------
    text : str
        The article; paragraphs are separated by blank lines.
    ledger : dict

    Notes
    -----
    A number holds when the sentence with its id prints what the ledger displays, without the
    opposite sign; where that sentence prints no number of the kind, the nearest sentence of the
    paragraph that does; for a source line or a footnote, the paragraph it is under. A verdict holds
    when its word stands in the sentence with the id and none of the other four does, or when the
    ledger's own sentence is printed. A macro prints its result by itself. An article that cites
    nothing is a difference.
    """
    shown = {row["id"]: row["displayed"] for row in ledger["estimates"]}
    verdicts = {row["id"]: row for row in ledger["verdicts"]}
    pattern = _id_pattern(ledger["plan"]["name"], [*shown, *verdicts])
    lines = []
    for written in mentions(text, pattern):
        mention = replace(written, id=found_id(written.id, [*shown, *verdicts]) or written.id)
        if mention.id in verdicts:
            status, detail = _verdict_in(mention, verdicts[mention.id])
        elif mention.id in shown:
            status, detail = _number_in(mention, shown[mention.id])
        else:
            status, detail = "unknown", "no result of the ledger has this id"
        lines.append(Line(mention.id, status, detail, mention.line))
    by_macro = {macro_name(result): result for result in [*shown, *verdicts]}
    for match in re.finditer(r"\\(sa[a-p]{8})(?![A-Za-z])", text):
        known, line = by_macro.get(match[1]), text.count("\n", 0, match.start()) + 1
        told = (known, "holds", match[0]) if known else (match[0], "unknown", "no such macro")
        lines.append(Line(*told, line))
    lines.sort(key=lambda line: line.line)
    return Verification(
        tuple(lines) or (Line("article", "unknown", "no result id or macro found", 0),)
    )


def _id_pattern(plan: str, known: list[str]) -> re.Pattern[str]:
    """Return what an id looks like in an article: encoded, or with the names of the study as they
    are.
    """
    tail = r"[\w.%/@-]+"
    pairs = {unquote("/".join(one.split("/")[:3])) for one in known}
    named = sorted(
        (pair for pair in pairs if not re.fullmatch(tail, pair, re.ASCII)), key=len, reverse=True
    )
    plain_names = "".join(rf"(?i:{re.escape(pair)})(?:/{tail})?(?!\w)|" for pair in named)
    return re.compile(
        rf"(?<![\w/%])(?:{plain_names}(?:{re.escape(part(plan))}|{re.escape(plan)})/{tail})",
        re.ASCII,
    )


def _number_in(mention: Mention, displayed: str) -> tuple[Status, str]:
    """Return how a number is printed near its id: the nearest sentences that print one of its kind
    decide.
    """
    if not re.search(r"\d", displayed):
        return "unknown", "the ledger displays no number for it"
    for group in mention.near:
        read = {reading(sentence, displayed): sentence for sentence in reversed(group)}
        if "holds" in read:
            return "holds", displayed
        if "differs" in read:
            opposite = f"the article the opposite sign: {_quoted(read['differs'])}"
            return "differs", f"the ledger says {displayed}, {opposite}"
        if "other" in read:
            other = f"the article: {_quoted(read['other'])}"
            return "not printed", f"the ledger says {displayed}, {other}"
    return "not printed", f"{displayed} is not in its paragraph"


def _verdict_in(mention: Mention, row: dict[str, Any]) -> tuple[Status, str]:
    """Return whether a verdict's word, and no other one, stands in the sentence with its id."""
    word = row["verdict"]
    if plain(row["sentence"]) in mention.paragraph:
        return "holds", word
    sentences = mention.near[0] if mention.foot else (mention.sentence,)
    words_in = [
        {other for other in WORDS if re.search(rf"\b{other}\b", sentence, re.IGNORECASE)}
        for sentence in sentences
    ]
    if {word} in words_in:
        return "holds", word
    for sentence, words in zip(sentences, words_in, strict=True):
        if words:
            others = f"the article {', '.join(sorted(words))}: {_quoted(sentence)}"
            return "differs", f"the ledger says {word}, {others}"
    return "not printed", f'the sentence does not print "{word}"'


def _quoted(sentence: str) -> str:
    return f'"{printable(sentence.strip(), limit=160)}"'


def read_text(path: Path) -> str:
    """Return an article's text.

    Raises
    ------
    OutputError
        When it cannot be read as UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(str(path), "--text", printable(error), "a text file in UTF-8") from None
