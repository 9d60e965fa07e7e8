"""The section on a change of the algorithm: predictive validity, and the displayed number."""

from __future__ import annotations

from analysis.results.estimates import Estimate
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, Table, rows_on
from analysis.results.sentence import span_text

NAMES = {
    ("two-versions", "score_jump"): "The score itself: new less old version, same inputs",
    ("held", "score_jump"): "The score itself: after the change less before, engagement held",
    ("its", "score_jump"): "The mean score's jump at the change",
    ("its", "outcome_jump"): "The mean outcome's jump at the change",
    ("rd", "perk"): "The displayed number: outcome at the perk's threshold",
    ("mccrary", "bunching"): "Rows just above the threshold, against just below (log)",
}
APART = (
    "Two questions are kept apart. Predictive validity asks what a version of the score says about"
    " the outcome, given engagement. The effect of the displayed number asks what happens when the"
    " same people, who behave as before, are shown with another number."
)


def algorithm_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan names no change of the algorithm."""
    if findings.plan.algorithm is None:
        return None
    label, level, tables = findings.dataset.label, findings.plan.inference.level, []
    for verdict in findings.decided:
        cells = []
        for row in rows_on(findings, verdict, "algorithm"):
            bounds = row.interval(level)
            span = span_text(*bounds, row.unit) if bounds else "-"
            cells.append((_name(findings, row), row.displayed, span))
        if cells:
            caption = f"{label(verdict.score)} and {label(verdict.outcome)} around the change"
            tables.append(Table(caption, ("What", "Estimate", "Interval"), tuple(cells)))
    if not tables:
        return None
    reasons = dict.fromkeys(
        check.reason
        for check in findings.checks
        if check.check in ("score_shift", "invariance", "bunching")
    )
    paragraphs = (APART, " ".join(reasons)) if reasons else (APART,)
    return ReportSection("When the algorithm changes", paragraphs, tables=tuple(tables))


def _name(findings: Findings, row: Estimate) -> str:
    step = "per standard deviation" if row.scale == "sd" else "per point"
    if row.term == "instrument":
        return f"The displayed number: effect {step}, behaviour held"
    if row.term == "invariance":
        return "Predictive validity after the change less before, per point"
    validity = f"Predictive validity of {findings.dataset.label(row.term)}, {step}"
    return NAMES.get((row.model, row.term), validity)
