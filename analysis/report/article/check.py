"""Every number that an article prints beside an id, judged by the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analysis.errors import printable
from analysis.report.article.held import Held, held_by
from analysis.report.article.matching import judge, says
from analysis.report.article.mentions import Mention, mentions, plain
from analysis.report.article.printed import Printed, printed_numbers
from analysis.report.article.statistics import statistics_in
from analysis.report.article.verdict_words import judge_words
from analysis.report.citation.numbers import macro_name, numbers_of
from analysis.report.citation.word_fields import MARKED
from analysis.report.verification import Line, Status, Verification
from analysis.results.ids import FIELDS, Known, encoded, plain_name, schema_1_id, slug

MACRO = re.compile(
    r"\\(sa[a-p]{8})(?![A-Za-z])|\\saval\{([^{}]*)\}|\{\{< var ([^ <>]+) >\}\}|"
    r"\{\{ ?sa\[[\"']([^\"']+)[\"']\] ?\}\}|#sa\.at\(\"([^\"]+)\"\)"
)
"""What prints a number by itself: a LaTeX macro (by id, or by hash as earlier versions had it), a
Quarto variable, a MyST substitution, a Typst dictionary."""
Number = Mapping[str, Any]


def find_in_text(text: str, ledger: dict[str, Any], *, strict: bool = False) -> Verification:
    """Return every id that an article cites, with each number beside it judged.

    Parameters
    ----------
    text : str
        The article; paragraphs are separated by blank lines.
    ledger : dict
    strict : bool
        Whether a number that cannot be checked lowers its citation.

    Notes
    -----
    The numbers of an id are those of its sentence or table row; of several ids in one sentence,
    those between one id and the next. Where that sentence prints none, the nearest one of the
    paragraph that does is taken; for a source line or a footnote, the sentences it is under that
    print one of the ledger's numbers. A number with a unit, a currency, a label (CI, p, n, se) or a
    place in an interval is the ledger's or it differs; a bare one that matches nothing is not
    checked. A citation is as good as its worst number. An article that cites nothing is a
    difference. Test statistics that stand anywhere in the article are compared with their own
    p-values.
    """
    known = Known([ledger])
    shown = MARKED.sub(lambda field: field[2], text)
    written = mentions(MACRO.sub(" ", shown), _id_pattern(known, ledger))
    held = {name: held_by(ledger, known.rows[name]) for name in _named(written, known)}
    cited = [_cited(mention, known, held, strict) for mention in written]
    cited += [*_macros_in(shown, ledger, known), *_fields_in(text, ledger, known)]
    nothing = Line("article", "unknown", "no result id or macro found", 0)
    cited = sorted(cited, key=lambda one: one.line or 0) or [nothing]
    return Verification((*cited, *statistics_in(shown)))


def _named(written: Sequence[Mention], known: Known) -> set[str]:
    return {name for mention in written if (name := known.asked(mention.id)[0])}


def _macros_in(text: str, ledger: dict[str, Any], known: Known) -> list[Line]:
    """Return the results that an article prints by a macro, which has the ledger's own number."""
    by_macro = _macros(ledger) if "\\sa" in text else {}
    cited = []
    for match in MACRO.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        name = by_macro.get(match[1] or "", "")
        if not match[1]:
            name, field = known.asked(next(filter(None, match.groups()[1:]), ""))
            name += f"#{field}" if name and field else ""
        if name:
            cited.append(Line(name, "holds", "printed by the ledger", line))
        else:
            cited.append(Line(match[0], "unknown", "no such macro", line))
    return cited


def _fields_in(text: str, ledger: dict[str, Any], known: Known) -> list[Line]:
    """Return the results that a Word file prints by a field, each with what it shows judged: a
    field keeps the number that it was given until it is updated.
    """
    numbers = dict(numbers_of(ledger)) if MARKED.search(text) else {}
    cited = []
    for match in MARKED.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        name, field = known.asked(match[1])
        what = f"{name}#{field}" if field else name
        if what not in numbers:
            cited.append(_unknown(match[1], known, line, "no number of the ledger has this id"))
            continue
        printed, held = match[2].replace("\N{NO-BREAK SPACE}", " ").strip(), numbers[what]
        status = "holds" if plain(printed) == plain(held) else "differs"
        of = field or ("verdict" if "verdict" in known.rows[name] else "value")
        one = {"text": printed, "field": of, "status": status, "ledger": held}
        detail = printed if status == "holds" else f"{printed or 'nothing'} (the ledger: {held})"
        cited.append(Line(what, status, f"the field shows {printable(detail)}", line, (one,)))
    return cited


def _unknown(written: str, known: Known, line: int, told: str) -> Line:
    near = known.near(written, n=1)
    return Line(written, "unknown", f'{told}. Did you mean "{near[0]}"?' if near else told, line)


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


# --- one citation ---------------------------------------------------------------------------------


def _cited(written: Mention, known: Known, held: Mapping[str, list[Held]], strict: bool) -> Line:
    """Return whether what an article says beside an id holds."""
    name, field = known.asked(written.id)
    if not name:
        told = "no result of the ledger has this id"
        return _unknown(written.id, known, written.line, told)
    row = known.rows[name]
    what = f"{name}#{field}" if field else name
    verdict = row if "verdict" in row and not field else None
    numbers, sentence = _numbers_of(written, held[name], field, verdict)
    status = _worst(numbers, strict)
    detail = _told(status, numbers, sentence, held[name], field)
    return Line(what, status, detail, written.line, tuple(numbers))


def _numbers_of(
    written: Mention, held: Sequence[Held], field: str, verdict: Mapping[str, Any] | None
) -> tuple[list[Number], str]:
    """Return the judged numbers beside an id, and the text they stand in."""
    if written.foot:
        return _under_foot(written, held, field, verdict)
    bare: tuple[list[Number], str] = ([], written.sentence)
    for group in written.near:
        for sentence in reversed(group):
            numbers = _judged(sentence, held, field, verdict)
            if any(number["status"] != "not checked" for number in numbers):
                return numbers, sentence
            if numbers and not bare[0]:
                bare = numbers, sentence
    return bare


def _under_foot(
    written: Mention, held: Sequence[Held], field: str, verdict: Mapping[str, Any] | None
) -> tuple[list[Number], str]:
    """Return the numbers of the sentences under which an id stands: of those that print one of the
    ledger's, or where none does, of the last that prints one with a unit.
    """
    read = [(_judged(text, held, field, verdict), text) for text in written.near[0]]

    def with_a(status: str) -> list[tuple[list[Number], str]]:
        return [one for one in read if any(n["status"].startswith(status) for n in one[0])]

    taken = with_a("holds") or with_a("differs")[-1:] or [one for one in read if one[0]][-1:]
    numbers = [number for some, _ in taken for number in some]
    return numbers, " ".join(text for _, text in taken) or written.sentence


def _judged(
    sentence: str, held: Sequence[Held], field: str, verdict: Mapping[str, Any] | None
) -> list[Number]:
    """Return every number of a sentence, and every word of a verdict, judged."""
    printed = printed_numbers(sentence)
    said = any(says(one, held, field) for one in printed)
    numbers: list[Number] = []
    for at, one in enumerate(printed):
        if one.end == "first":
            numbers += _interval(one, printed[at + 1], held, field, sentence)
        elif one.end != "second":
            numbers.append(judge(one, held, field=field, said=said, sentence=sentence))
    return numbers + (judge_words(sentence, verdict) if verdict else [])


def _interval(
    first: Printed, second: Printed, held: Sequence[Held], field: str, sentence: str
) -> list[Number]:
    """Return the two ends of an interval, judged in the order that fits: of sizes without a sign
    the upper end of a negative one comes first.
    """
    ways = []
    for ends in (("first", "second"), ("second", "first")):
        pair = [replace(one, end=end) for one, end in zip((first, second), ends, strict=True)]
        ways.append([judge(one, held, field=field, said=True, sentence=sentence) for one in pair])
    return max(ways, key=lambda way: sum(one["status"].startswith("holds") for one in way))


def _worst(numbers: Sequence[Number], strict: bool) -> Status:
    """Return the status of a citation: that of its worst number, bare ones apart unless strict."""
    statuses = {number["status"] for number in numbers}
    if strict and "not checked" in statuses and "differs" not in statuses:
        return "not checked"
    for status in ("differs", "holds, rounded", "holds"):
        if status in statuses:
            return status  # type: ignore[return-value]
    return "not checked"


def _told(
    status: Status, numbers: Sequence[Number], sentence: str, held: Sequence[Held], field: str
) -> str:
    """Return what is said of a citation in a line."""
    if status == "differs":
        wrong = [number for number in numbers if number["status"] == "differs"]
        pairs = dict.fromkeys(f"{one['text']} (the ledger: {one['ledger']})" for one in wrong)
        return f"{', '.join(pairs)} in {_quoted(sentence)}"
    if status == "not checked":
        shown = [one.displayed for one in held if one.field == (field or "value")][:1]
        expected = f"the ledger has {shown[0]}; " if shown else ""
        return f"{expected}no number beside the id can be told to be of it"
    right = [number["text"] for number in numbers if number["status"].startswith("holds")]
    return ", ".join(dict.fromkeys(right))


def _quoted(sentence: str) -> str:
    return f'"{printable(sentence.strip(), limit=160)}"'
