"""The section on a change of the algorithm: predictive validity, and the displayed number."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.data.disclosure import FEWEST
from analysis.results.data_figure import Panel, draw_histogram, histogram_table
from analysis.results.estimates import Estimate, display
from analysis.results.figure import INK, STYLE, WIDTH, Figure, credit, rendered, wrapped
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
    drawn = [moved_figure(findings), *[None] * (len(findings.decided) - 1)]
    return section_of(
        "When the algorithm changes",
        (("", figure, table) for figure, table in zip(drawn, tables, strict=True)),
        first=tuple(filter(None, (APART, reasons))),
    )


def moved_figure(findings: Findings) -> Figure | None:
    """Return how far the new version moves scores, or None where one version is not known."""
    change = findings.plan.algorithm
    if not (change.old and change.new):
        return None
    numbers = findings.sample.numbers
    moved = numbers(change.new) - numbers(change.old)
    moved = moved[np.isfinite(moved)]
    if len(moved) < FEWEST_MOVED:
        return None
    half = display(float(np.median(np.abs(moved))), "number")
    label = findings.label(findings.plan.score.columns[0])
    panel = Panel(f"new version less old version of {label}, same inputs", moved)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 2.9), layout="constrained")
        axes = canvas.subplots()
        draw_histogram(axes, panel)
        axes.axvline(0, color=INK, linewidth=1.1)
        axes.set_xlabel(wrapped(panel.label, 60), fontsize=10)
        told = f"Half of all scores move by {half} or more, while nobody did anything else"
        alt = f"Histogram of what the new version of {label} gives less the old one. {told}."
        return rendered(
            canvas,
            alt,
            f"{told}. A bar of fewer than {FEWEST} rows is one with its neighbour.",
            findings.dataset,
            title=told,
            credit=credit(findings),
            values=histogram_table([panel]),
        )


FEWEST_MOVED = 50
"""Rows with both versions without which nothing is drawn."""


def _name(findings: Findings, row: Estimate) -> str:
    step = "per standard deviation" if row.scale == "sd" else "per point"
    if row.term == "instrument":
        return f"The displayed number: effect {step}, behaviour held"
    if row.term == "invariance":
        return "Predictive validity after the change less before, per point"
    validity = f"Predictive validity of {findings.dataset.label(row.term)}, {step}"
    return NAMES.get((row.model, row.term), validity)
