"""The passage on a change of the algorithm: what the score predicts, and what the displayed number
does.
"""

from __future__ import annotations

from analysis.results.estimates import Estimate
from analysis.results.findings import Findings
from analysis.results.passage import Passage, PassageTable
from analysis.results.sentence import span_text
from analysis.results.verdict import Verdict

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


def algorithm_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where the plan names no change of the algorithm."""
    if findings.plan.algorithm is None:
        return None
    tables = tuple(
        table for verdict in findings.decided if (table := _table(findings, verdict)) is not None
    )
    if not tables:
        return None
    reasons = dict.fromkeys(
        c.reason for c in findings.checks if c.check in ("score_shift", "invariance", "bunching")
    )
    said = " ".join(reasons)
    return Passage("When the algorithm changes", tuple(filter(None, (APART, said))), tables=tables)


def _table(findings: Findings, verdict: Verdict) -> PassageTable | None:
    rows = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, method="algorithm"
    ).rows
    if not rows:
        return None
    label = findings.dataset.label
    told = tuple(
        (_name(findings, row), row.displayed, _span(row, findings.plan.inference.level))
        for row in rows
    )
    caption = f"{label(verdict.score)} and {label(verdict.outcome)} around the change"
    return PassageTable(caption, ("What", "Estimate", "Interval"), told)


def _name(findings: Findings, row: Estimate) -> str:
    step = "per standard deviation" if row.scale == "sd" else "per point"
    if row.term == "instrument":
        return f"The displayed number: effect {step}, behaviour held"
    if row.term == "invariance":
        return "Predictive validity after the change less before, per point"
    return NAMES.get(
        (row.model, row.term), f"Predictive validity of {findings.dataset.label(row.term)}, {step}"
    )


def _span(row: Estimate, level: float) -> str:
    bounds = row.interval(level)
    return "-" if bounds is None else span_text(*bounds, row.unit)
