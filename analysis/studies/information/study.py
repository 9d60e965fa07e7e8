"""What is new: how much of what is explained engagement and the controls already have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from analysis.errors import DesignError
from analysis.models.adequacy import Adequacy, adequacy
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, StudyResult, display
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.verdict import Verdict
from analysis.studies.information.lower_reliability import (
    Share,
    least_reliabilities,
    share_at,
)

if TYPE_CHECKING:
    from analysis.results.section import Part, ReportSection
    from analysis.results.table import Table

KNOWN, NEW = "adequacy", "new_information"
"""Terms: the share that engagement and controls have, and its complement."""

ANYTHING = (0.0, 1.0)

LOWER = "lower-reliability"
"""Variant: were engagement recorded as badly as the plan thinks possible."""


def study_information(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the adequacy of engagement and controls, and its complement, of the deciding model.

    Where noise in engagement is stated, assumed or known from halves, both stand there at the
    lowest reliability that the plan thinks possible, too.
    """
    try:
        fit = question.fit
        known = adequacy(fit, counts=question.counts, seed=question.plan.inference.seed)
    except DesignError as error:
        reason = f"What is new with engagement as recorded cannot be said: {error.found}."
        return question.only("information", None, reason)
    span = known.interval(question.level)
    what = "likelihood ratio" if FAMILIES[fit.model].power is None else "explained deviance"
    drawn = "rows" if question.design.clusters is None else "clusters"
    ratio = f"{_size(known.reduced)} of {_size(known.explained)}"
    chance = display(known.by_chance, "share").removeprefix("+")
    note = (
        f"{what} {ratio}; with engagement as recorded; {len(known.roots):,} bootstrap samples of"
        f" {drawn}; a score without worth has {chance} on average"
    )
    rows = _both(question, Share(known.new, span), note)
    least = least_reliabilities(question, estimates)
    if least:
        rows += _at_lower(question, known, least)
    return StudyResult(tuple(rows))


def _size(value: float) -> str:
    return f"{value:,.1f}" if value < 1e6 else f"{value:.4g}"


def _both(question: Question, new: Share | None, note: str, variant: str = "") -> list[Estimate]:
    """Return the rows of adequacy and its complement; without a number where there is no share."""
    known = new and new.complement
    return [
        question.row(
            "information",
            question.model,
            term,
            n=question.design.n,
            clusters=question.design.n_clusters,
            variant=variant,
            estimate=share and share.value,
            bounds=share and share.span,
            unit="share",
            note=note,
        )
        for term, share in ((KNOWN, known), (NEW, new))
    ]


def _at_lower(question: Question, known: Adequacy, least: dict[str, float]) -> list[Estimate]:
    named = ", ".join(f"{column} {value:.2f}" for column, value in least.items())
    share = share_at(question, known, least)
    note = f"were engagement recorded with a reliability of: {named}"
    if isinstance(share, str):
        return _both(question, None, f"{note}; {share}", LOWER)
    return _both(question, share, f"{note}; the interval is of the score's corrected effect", LOWER)


# --- the section of the report --------------------------------------------------------------------

EXPLAINED = (
    "Adequacy is what engagement and the controls explain of the outcome, as a share of what they"
    " and the score explain together. Its complement comes with the score alone. It is new only to"
    " those who have these records and no others: engagement that is recorded badly leaves more for"
    " the score to tell."
)


def information_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where it cannot be said of any verdict."""
    from analysis.results.section import section_of

    title = "What is new with engagement as recorded"
    return section_of(title, (_part(findings, one) for one in findings.decided), last=(EXPLAINED,))


def _part(findings: Findings, verdict: Verdict) -> Part:
    from analysis.results.section import about, rows_on

    rows = {(row.term, row.variant): row for row in rows_on(findings, verdict, "information")}
    if (NEW, "") not in rows:
        return "", None, None
    sentences = [_sentence(findings, verdict, rows[KNOWN, ""], rows[NEW, ""])]
    lower = rows.get((NEW, LOWER))
    if lower is not None and rows[NEW, ""].bounds != ANYTHING:
        sentences.append(_at_lower_sentence(findings, lower))
    text = about(findings, verdict.outcome, verdict.score) + " ".join(sentences)
    return text, None, _table(findings, verdict, rows)


def _percent(row: Estimate) -> str:
    """Return a share as a sentence has it, without a sign."""
    return row.displayed.removeprefix("+")


def _span(findings: Findings, row: Estimate) -> str:
    return row.span(findings.level).replace("+", "").replace(" % to", " to")


def _sentence(findings: Findings, verdict: Verdict, known: Estimate, new: Estimate) -> str:
    label, level = findings.label, f"{100 * findings.level:g} % CI"
    ratio, *_, chance = known.note.split("; ")[:4]
    if new.bounds == ANYTHING:
        return (
            f"So little is explained of {label(verdict.outcome)} that nothing can be said of the"
            f" shares: anything from none to all of it may come with {label(verdict.score)} alone,"
            " with engagement as recorded."
        )
    if not ratio.startswith("likelihood"):  # whose size depends on the unit of the outcome
        ratio = ratio.partition(" of ")[0].rpartition(" ")[0]
    controls = findings.plan.controls.columns
    held = "engagement and the controls already have" if controls else "engagement already has"
    text = (
        f"Of what is explained of {label(verdict.outcome)}, {held} {_percent(known)} ({ratio});"
        f" {_percent(new)} ({level} {_span(findings, new)}) comes with {label(verdict.score)}"
        " alone, with engagement as recorded."
    )
    if new.bounds[0] == 0:
        text += " The interval begins at zero: these rows do not show that any of it does."
    return f"{text} {chance[0].upper()}{chance[1:]}."


def _at_lower_sentence(findings: Findings, row: Estimate) -> str:
    named = row.note.partition(": ")[2].partition(";")[0]
    values = {piece.rpartition(" ")[2] for piece in named.split(", ")}
    how = values.pop() if len(values) == 1 else f"those named in the table ({named})"
    if row.estimate is None:
        why = row.note.rpartition("; ")[2]
        return f"What it would be at the lowest reliability thought possible is not known: {why}."
    return (
        f"Were engagement recorded with a reliability of only {how}, and that noise taken out, the"
        f" share of the score would be {_percent(row)} ({_span(findings, row)})."
    )


def _table(findings: Findings, verdict: Verdict, rows: dict[tuple[str, str], Estimate]) -> Table:
    from analysis.results.table import Table

    controls = findings.plan.controls.columns
    names = {
        KNOWN: "engagement and controls have" if controls else "engagement has",
        NEW: f"comes with {findings.label(verdict.score)} alone",
    }
    said = {"": "as recorded", LOWER: "at the lowest reliability thought possible"}
    caption = f"Shares of what is explained of {findings.label(verdict.outcome)}"
    cells = tuple(
        (names[term], said[variant], _percent(row), _span(findings, row))
        for (term, variant), row in rows.items()
        if variant in said and row.estimate is not None
    )
    return Table(caption, ("What", "Engagement", "Share", "Interval"), cells, (2,))
