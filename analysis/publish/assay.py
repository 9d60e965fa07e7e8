"""The passage on what this audit does with worthless scores and with real effects, on the same rows."""

from __future__ import annotations

from analysis.estimates import Estimate
from analysis.findings import Findings
from analysis.publish.passage import Passage, PassageTable

NAMES = {"placebo_adds": "worthless scores (placebos)", "planted_adds": "planted effects"}


def assay_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where nothing was drawn."""
    rows = [row for row in findings.estimates if row.method == "assay"]
    if not rows:
        return None
    overlap = findings.plan.overlap
    paragraphs = [
        "The same audit was run on scores of which the answer is known, drawn on these very rows: on effects that were "
        "planted into the outcome, which it should call adds, and, where the noise in engagement is known, on placebos "
        "that say nothing engagement does not, which it should not.",
    ]
    paragraphs += dict.fromkeys(
        check.reason for check in findings.checks if check.check in ("placebos", "planted") and check.passed is not True
    )
    caption = (
        f"Called adds: of the placebos at most {100 * overlap.placebo:g} %, of the planted effects at least "
        f"{100 * overlap.planted:g} % should be"
    )
    head = ("Drawn", "Outcome", "Score", "Called adds", "Interval", "Draws")
    cells = tuple(_cells(findings, row) for row in rows)
    return Passage("What the audit does with known answers", tuple(paragraphs), (),
                   (PassageTable(caption, head, cells, numbers=(3, 4, 5)),))  # fmt: skip


def _cells(findings: Findings, row: Estimate) -> tuple[str, ...]:
    low, high = row.bounds
    label = findings.dataset.label
    return (NAMES[row.term], label(row.outcome), label(row.score), f"{100 * row.estimate:.1f} %",
            f"{100 * low:.1f} to {100 * high:.1f} %", row.note.partition(" draws")[0])  # fmt: skip
