"""The passage on the score within a unit: what fixed effects leave of it, and how well changes are
recorded.
"""

from __future__ import annotations

from analysis.results.findings import Findings
from analysis.results.passage import Passage
from analysis.results.sentence import interval_text

NAMES = {
    "poisson": "Poisson",
    "ols": "least squares",
    "eiv": "least squares corrected for noise in engagement",
}


def panel_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where the plan has no panel."""
    plan, label = findings.plan, findings.dataset.label
    if plan.panel is None:
        return None
    paragraphs = []
    for verdict in findings.decided:
        own = [
            row
            for row in findings.estimates.select(
                outcome=verdict.outcome, score=verdict.score, method="panel"
            )
            if row.scale == plan.score.scale and row.term == verdict.score
        ]
        effects = "; ".join(
            f"{row.displayed} by {NAMES[row.model]} ({interval_text(row, plan.inference.level)})"
            for row in own
        )
        what = (
            f"{label(verdict.score)} and {label(verdict.outcome)} within {label(plan.panel.unit)}"
        )
        said = f"{what[:1].upper()}{what[1:]}: {effects or 'no estimate'}."
        checks = [
            check.reason
            for check in findings.checks
            if check.check.startswith("panel_")
            and (check.outcome, check.score) == (verdict.outcome, verdict.score)
        ]
        paragraphs.append(" ".join([said, *checks]))
    paragraphs.append(
        "Everything about a unit that does not change is held constant here, seen or not. The"
        " verdict is about the plan's own fit, which compares units as well."
    )
    return Passage("The score within a unit", tuple(paragraphs))
