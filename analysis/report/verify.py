"""Find the results of a ledger in an article, and say whether it prints what they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from analysis.errors import OutputError, printable
from analysis.report.article import Mention, mentions, plain, reading
from analysis.report.citation import macro_name
from analysis.report.fields import deciding_row, field_text
from analysis.report.verification import Line, Status, Verification
from analysis.results.ids import FIELDS, Known, encoded, plain_name, schema_1_id, slug

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
    known = Known([ledger])
    lines = [_found(mention, known) for mention in mentions(text, _id_pattern(known, ledger))]
    by_macro = _macros(ledger) if MACRO.search(text) else {}
    for match in MACRO.finditer(text):
        cited, line = by_macro.get(match[1]), text.count("\n", 0, match.start()) + 1
        told = (cited, "holds", match[0]) if cited else (match[0], "unknown", "no such macro")
        lines.append(Line(*told, line))
    lines.sort(key=lambda line: line.line)
    return Verification(
        tuple(lines) or (Line("article", "unknown", "no result id or macro found", 0),)
    )


MACRO = re.compile(r"\\(sa[a-p]{8})(?![A-Za-z])")


def _macros(ledger: dict[str, Any]) -> dict[str, str]:
    """Return the results and their fields by their LaTeX macros, those of schema 1 too."""
    plan, named = ledger["plan"]["name"], {}
    for row in [*ledger["estimates"], *ledger["verdicts"]]:
        for name in dict.fromkeys((row["id"], schema_1_id(row, plan))):
            named |= {macro_name(f"{name}#{field}"): f"{row['id']}#{field}" for field in FIELDS}
            named[macro_name(name)] = row["id"]
    return named


def _id_pattern(known: Known, ledger: dict[str, Any]) -> re.Pattern[str]:
    """Return what an id looks like in an article: of this schema or the first one, or with the
    names of the study as they are; and a field of it.
    """
    tail, plan = r"[\w.%/@-]+", ledger["plan"]["name"]
    names = {plain_name(row, plan) for row in known.rows.values()}
    odd = sorted((name for name in names if not re.fullmatch(tail, name)), key=len, reverse=True)
    plain_names = "".join(rf"(?i:{re.escape(name)})(?:/{tail})?(?!\w)|" for name in odd)
    plans = "|".join(map(re.escape, dict.fromkeys((slug(plan), plan, encoded(plan)))))
    field = rf"(?:#(?:{'|'.join(FIELDS)})\b)?"
    return re.compile(rf"(?<![\w/%])(?:{plain_names}(?:{plans})/{tail}){field}")


def _found(written: Mention, known: Known) -> Line:
    """Return whether what an article says beside an id holds."""
    name, field = known.asked(written.id)
    if not name:
        near = known.near(written.id, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else ""
        detail = " ".join(filter(None, ["no result of the ledger has this id.", hint]))
        return Line(written.id, "unknown", detail.removesuffix("."), written.line)
    row, ledger = known.rows[name], known.ledger_of[name]
    what = f"{name}#{field}" if field else name
    if "verdict" not in row:
        return Line(
            what, *_number_in(written, field_text(ledger, row, field or "value")), written.line
        )
    estimate = deciding_row(ledger, row)
    number = field_text(ledger, estimate, field or "value") if estimate else ""
    told = _number_in(written, number)
    if not field:
        word = _verdict_in(written, row)
        told = told if word[0] == "not printed" and told[0] in ("holds", "differs") else word
    return Line(what, *told, written.line)


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
