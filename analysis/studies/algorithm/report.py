"""The section on a change of the algorithm: predictive validity, and the displayed number."""

from __future__ import annotations

from analysis.results.estimates import Estimate
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, estimates_table, rows_on, section_of

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
    label = findings.dataset.label
    reasons = " ".join(
        dict.fromkeys(
            check.reason
            for check in findings.checks
            if check.check in ("score_shift", "invariance", "bunching")
        )
    )
    tables = (
        estimates_table(
            findings,
            f"{label(verdict.score)} and {label(verdict.outcome)} around the change",
            ((_name(findings, row), row) for row in rows_on(findings, verdict, "algorithm")),
        )
        for verdict in findings.decided
    )
    return section_of(
        "When the algorithm changes",
        (("", None, table) for table in tables),
        first=tuple(filter(None, (APART, reasons))),
    )


def _name(findings: Findings, row: Estimate) -> str:
    step = "per standard deviation" if row.scale == "sd" else "per point"
    if row.term == "instrument":
        return f"The displayed number: effect {step}, behaviour held"
    if row.term == "invariance":
        return "Predictive validity after the change less before, per point"
    validity = f"Predictive validity of {findings.dataset.label(row.term)}, {step}"
    return NAMES.get((row.model, row.term), validity)
