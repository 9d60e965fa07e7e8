"""The section on what this audit does with worthless scores and with planted effects."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure as Canvas

from analysis.results.estimates import Estimate
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, Table, about

NAMES = {"placebo_adds": "worthless scores (placebos)", "planted_adds": "planted effects"}

LONGEST, MOST_DRAWN = 20, 16
"""Characters of a name, and rows, that fit into the figure; the table has all."""


def placebo_section(findings: Findings) -> ReportSection | None:
    """Return the shares called adds, with what is wrong with them; None where nothing was drawn."""
    rows = findings.estimates.select(method="placebo").rows
    if not rows:
        return None
    overlap = findings.plan.overlap
    paragraphs = [
        (
            "The same audit was run on scores of which the answer is known, drawn on these very"
            " rows: on effects that were planted into the outcome, which it should call adds, and,"
            " where the noise in engagement is known, on placebos that say nothing engagement does"
            " not, which it should not."
        ),
    ]
    paragraphs += dict.fromkeys(
        about(findings, check.outcome, check.score) + check.reason
        for check in findings.checks
        if check.check in ("placebos", "planted") and check.passed is not True
    )
    caption = (
        f"Called adds: of the placebos at most {100 * overlap.placebo:g} %, of the planted effects"
        f" at least {100 * overlap.planted:g} % should be"
    )
    head = ("Drawn", "Outcome", "Score", "Called adds", "Interval", "Draws")
    cells = tuple(_cells(findings, row) for row in rows)
    return ReportSection(
        "What the audit does with known answers",
        tuple(paragraphs),
        (placebo_figure(findings, rows),),
        (Table(caption, head, cells, numbers=(3, 4, 5)),),
    )


def _cells(findings: Findings, row: Estimate) -> tuple[str, ...]:
    low, high = row.bounds
    label = findings.dataset.label
    return (
        NAMES[row.term],
        label(row.outcome),
        label(row.score),
        f"{100 * row.estimate:.1f} %",
        f"{100 * low:.1f} to {100 * high:.1f} %",
        f"{findings.plan.overlap.draws:,}",
    )


def placebo_figure(findings: Findings, rows: list[Estimate]) -> Figure:
    """Draw the shares called adds with their intervals and limits, placebos as circles."""
    overlap, label = findings.plan.overlap, findings.dataset.label
    drawn = rows[:MOST_DRAWN]
    pairs = [f"{_cut(label(row.score))}, {_cut(label(row.outcome))}" for row in drawn]
    many = len(set(pairs)) > 1
    names = [
        f"{'planted' if row.term == 'planted_adds' else 'worthless'}{f': {pair}' if many else ''}"
        for row, pair in zip(drawn, pairs, strict=True)
    ]
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 1.1 + 0.36 * len(drawn)), layout="constrained")
        axes = canvas.subplots()
        for limit, style in ((overlap.placebo, ":"), (overlap.planted, "--")):
            axes.axvline(100 * limit, color=INK, linewidth=1.0, linestyle=style)
        for at, row in enumerate(drawn):
            marker, face = ("s", ACCENT) if row.term == "planted_adds" else ("o", "white")
            axes.plot([100 * edge for edge in row.bounds], [at, at], color=INK, linewidth=1.6)
            axes.plot(100 * row.estimate, at, marker, color=face, mec=INK, markersize=8)
        axes.set_yticks(range(len(drawn)), [plain_label(name) for name in names])
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("% of draws called adds", fontsize=10)
        caption = (
            "Share of draws that the audit calls adds, with exact intervals. Circles (worthless"
            f" scores) belong left of the dotted line at {100 * overlap.placebo:g} %, squares"
            f" (planted effects) right of the dashed one at {100 * overlap.planted:g} %."
        )
        shares = "; ".join(
            f"{name} {100 * row.estimate:.1f} % ({100 * row.bounds[0]:.1f} to"
            f" {100 * row.bounds[1]:.1f} %)"
            for name, row in zip(names, drawn, strict=True)
        )
        alt = f"Shares of draws called adds: {shares}. {caption}"
        return rendered(canvas, alt, caption, findings.dataset)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
