"""The section on the mix of engagement: what the score rewards, and what the outcome rests on."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.results.estimates import Estimate
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, Table, reasons_on, rows_on
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
HEAD = ("Part", "Weight in the score (SD)", "Interval", "Weight in the outcome", "Interval")
MARKS = {
    "score": (-0.14, {"fmt": "o", "color": ACCENT}),
    "outcome": (0.14, {"fmt": "s", "color": INK, "markerfacecolor": "white"}),
}

Weights = dict[str, dict[str, Estimate]]
"""Weights in the "score" and in the "outcome", by part."""


def parts_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan names no parts or they could not be weighed."""
    paragraphs, figures, tables = [EXPLAINED], [], []
    for verdict in findings.decided:
        if weights := _weights(findings, verdict):
            paragraphs.append(_sentence(findings, verdict))
            figures.append(parts_figure(findings, verdict, weights))
            tables.append(_table(findings, verdict, weights))
    if not tables:
        return None
    return ReportSection("What the score rewards", tuple(paragraphs), tuple(figures), tuple(tables))


def _weights(findings: Findings, verdict: Verdict) -> Weights:
    """Return the weights that were estimated; nothing where there are none."""
    weights: Weights = {}
    for row in rows_on(findings, verdict, "parts"):
        kind, _, part = row.term.partition(":")
        if part:
            weights.setdefault(kind.removeprefix("weight_"), {})[part] = row
    return weights


def _sentence(findings: Findings, verdict: Verdict) -> str:
    (likeness,) = [row for row in rows_on(findings, verdict, "parts") if row.term == "likeness"]
    label = findings.dataset.label
    return (
        f"{reasons_on(findings, verdict, 'misalignment')[0]} The weights of"
        f" {label(verdict.score)} and of {label(verdict.outcome)} have a likeness of"
        f" {likeness.estimate:.2f}, where 1 is the same pattern and 0 nothing in common."
    )


def _cells(findings: Findings, weights: Weights) -> list[tuple[str, ...]]:
    """Return for each part its name, and both weights with their intervals."""
    level = findings.plan.inference.level
    return [
        (
            findings.dataset.label(part),
            *(
                cell
                for row in (weights["score"][part], weights["outcome"][part])
                for cell in (row.displayed, span_text(*row.interval(level), row.unit))
            ),
        )
        for part in weights["score"]
    ]


def _table(findings: Findings, verdict: Verdict, weights: Weights) -> Table:
    label = findings.dataset.label
    caption = f"The parts of engagement in {label(verdict.score)} and in {label(verdict.outcome)}"
    return Table(caption, HEAD, tuple(_cells(findings, weights)))


def parts_figure(findings: Findings, verdict: Verdict, weights: Weights) -> Figure:
    """Draw both weights of each part, each set relative to its largest."""
    level, cells = findings.plan.inference.level, _cells(findings, weights)
    places = np.arange(len(cells))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 1.5 + 0.65 * len(cells)), layout="constrained")
        axes = canvas.subplots()
        axes.axvline(0, color=INK, linewidth=0.9, zorder=0.5)
        for which, (shift, style) in MARKS.items():
            rows = weights[which].values()
            middle = np.array([row.estimate for row in rows])
            edges = np.array([row.interval(level) for row in rows]).T
            largest = np.abs(middle).max() or 1.0
            middle, (low, high) = middle / largest, np.clip(edges / largest, -3, 3)
            spans = np.maximum((middle - low, high - middle), 0)
            label = f"in the {which}"
            axes.errorbar(middle, places + shift, xerr=spans, label=label, markersize=7, **style)
        names = [name if len(name) <= 24 else name[:23] + "…" for name, *_ in cells]
        axes.set_yticks(places, [plain_label(name) for name in names])
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.tick_params(axis="y", left=False)
        axes.set_xlabel("weight, relative to the largest", fontsize=10)
        canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        told = [
            f"{name}: {weight} in the score ({span}), {pays} in the outcome ({reach})"
            for name, weight, span, pays, reach in cells
        ]
        alt = (
            f"Weights of the parts of engagement: {'; '.join(told)}. {_sentence(findings, verdict)}"
        )
        return rendered(canvas, alt, CAPTION, findings.dataset)
