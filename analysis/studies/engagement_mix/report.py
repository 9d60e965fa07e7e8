"""The passage on the parts of engagement: what the score rewards, against what the outcome rests
on.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.results.estimates import Estimate
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.passage import Passage, PassageTable
from analysis.results.sentence import span_text
from analysis.results.verdict import Verdict

EXPLAINED = (
    "Engagement is split by who engages, or from where. The weight of a part in the score is what a"
    " standard deviation more of it moves the score by, in standard deviations; its weight in the"
    " outcome is what it goes with there, the score left out. A score that rewards what does not"
    " pay teaches people to do what does not pay. Parts are taken as they are recorded: a noisy one"
    " looks lighter than it is, and lends its weight to others that follow it."
)
CAPTION = (
    "Filled circles: the weight of each part in the score; open squares: its weight in the outcome."
    " Each set is divided by its largest weight, so that only the pattern counts. Bars are"
    " intervals."
)


def parts_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where the plan names no parts or they could not be weighed."""
    if findings.plan.parts is None:
        return None
    paragraphs, figures, tables = [EXPLAINED], [], []
    for verdict in findings.decided:
        rows = findings.estimates.select(
            outcome=verdict.outcome, score=verdict.score, method="parts"
        ).rows
        if rows:
            paragraphs.append(_sentence(findings, verdict, rows))
            figures.append(parts_figure(findings, verdict, rows))
            tables.append(_table(findings, verdict, rows))
    return (
        Passage("What the score rewards", tuple(paragraphs), tuple(figures), tuple(tables))
        if tables
        else None
    )


def _weights(rows: tuple[Estimate, ...], which: str) -> dict[str, Estimate]:
    return {
        row.term.partition(":")[2]: row for row in rows if row.term.startswith(f"weight_{which}:")
    }


def _sentence(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> str:
    reason = next(
        c.reason
        for c in findings.checks
        if c.check == "misalignment" and (c.outcome, c.score) == (verdict.outcome, verdict.score)
    )
    likeness = next(row for row in rows if row.term == "likeness")
    label = findings.dataset.label
    return (
        f"{reason} The weights of {label(verdict.score)} and of {label(verdict.outcome)} have a"
        f" likeness of {likeness.estimate:.2f}, where 1 is the same pattern and 0 nothing in"
        " common."
    )


def _table(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> PassageTable:
    label, level = findings.dataset.label, findings.plan.inference.level
    scores, outcomes = _weights(rows, "score"), _weights(rows, "outcome")
    told = tuple(
        (label(part), *_cells(scores[part], level), *_cells(outcomes[part], level))
        for part in scores
    )
    head = ("Part", "Weight in the score (SD)", "Interval", "Weight in the outcome", "Interval")
    return PassageTable(
        f"The parts of engagement in {label(verdict.score)} and in {label(verdict.outcome)}",
        head,
        told,
    )


def _cells(row: Estimate, level: float) -> tuple[str, str]:
    return row.displayed, span_text(*row.interval(level), row.unit)


def parts_figure(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> Figure:
    """Draw both weights of each part, each set relative to its largest."""
    label, level = findings.dataset.label, findings.plan.inference.level
    parts = list(_weights(rows, "score"))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 1.5 + 0.65 * len(parts)), layout="constrained")
        axes = canvas.subplots()
        axes.axvline(0, color=INK, linewidth=0.9, zorder=0.5)
        for which, marker, colour, face, shift, line in (
            ("score", "o", ACCENT, ACCENT, -0.14, "-"),
            ("outcome", "s", INK, "white", 0.14, "--"),
        ):
            found = _weights(rows, which)
            largest = max(abs(row.estimate) for row in found.values()) or 1.0
            for at, part in enumerate(parts):
                low, high = np.clip(np.array(found[part].interval(level)) / largest, -3, 3)
                axes.plot(
                    [low, high], [at + shift] * 2, color=colour, linewidth=1.6, linestyle=line
                )
                axes.plot(
                    [found[part].estimate / largest],
                    [at + shift],
                    marker=marker,
                    color=colour,
                    markerfacecolor=face,
                    markersize=7,
                    linestyle="none",
                    label=f"in the {which}" if at == 0 else None,
                )
        names = [label(part) for part in parts]
        names = [name if len(name) <= 24 else name[:23] + "…" for name in names]
        axes.set_yticks(range(len(parts)), [plain_label(name) for name in names])
        axes.set_ylim(len(parts) - 0.5, -0.5)
        axes.tick_params(axis="y", left=False)
        axes.set_xlabel("weight, relative to the largest", fontsize=10)
        canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        return rendered(canvas, _alt(findings, verdict, rows), CAPTION, findings.dataset)


def _alt(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> str:
    label, level = findings.dataset.label, findings.plan.inference.level
    scores, outcomes = _weights(rows, "score"), _weights(rows, "outcome")
    said = []
    for part in scores:
        (weight, span), (pays, reach) = _cells(scores[part], level), _cells(outcomes[part], level)
        said.append(
            f"{label(part)}: {weight} in the score ({span}), {pays} in the outcome ({reach})"
        )
    return (
        f"Weights of the parts of engagement: {'; '.join(said)}."
        f" {_sentence(findings, verdict, rows)}"
    )
