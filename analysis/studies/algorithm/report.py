"""The section on a change of the algorithm: predictive validity, and the displayed number."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.results.estimates import Estimate
from analysis.results.figure import ACCENT, BAND, INK, STYLE, WIDTH, Figure, rendered, wrapped
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
    drawn = [course_figure(findings), *[None] * (len(findings.decided) - 1)]
    return section_of(
        "When the algorithm changes",
        (("", figure, table) for figure, table in zip(drawn, tables, strict=True)),
        first=tuple(filter(None, (APART, reasons))),
    )


FEWEST_IN_PERIOD = 20
"""A period with fewer rows is not drawn: its middle could be a person's."""


def course_figure(findings: Findings) -> Figure | None:
    """Return the middle and the middle half of the displayed score by period, or None without
    periods that have rows enough.
    """
    import pandas as pd

    change, score = findings.plan.algorithm, findings.plan.score.columns[0]
    frame = findings.sample.frame
    if change.time is None or change.time not in frame:
        return None
    shown = pd.to_numeric(frame[score], errors="coerce")
    periods = shown.groupby(frame[change.time])
    course = periods.quantile([0.25, 0.5, 0.75]).unstack()[periods.size() >= FEWEST_IN_PERIOD]
    if len(course) < 3:
        return None
    label, places = findings.label(score), np.arange(len(course))
    jump = course[0.5].diff().abs()
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 3.1), layout="constrained")
        axes = canvas.subplots()
        axes.fill_between(places, course[0.25], course[0.75], color=BAND, linewidth=0)
        axes.plot(places, course[0.5], color=ACCENT, linewidth=2.4, marker="o", markersize=3.5)
        axes.axvline(int(np.nanargmax(jump)) - 0.5, color=INK, linewidth=0.9, linestyle=(0, (2, 3)))
        axes.set_xticks(places[:: -(-len(places) // 8)], course.index[:: -(-len(places) // 8)])
        axes.set_xlabel(wrapped(findings.label(change.time), 40), fontsize=10)
        axes.set_ylabel(wrapped(label, 28), fontsize=10)
        largest = f"{float(np.nanmax(jump)):.1f} between two periods"
        return rendered(
            canvas,
            f"The middle of {label} by {findings.label(change.time)}; largest step: {largest}.",
            f"Half of the rows lie below the line, the middle half in the band. The dotted line"
            f" stands where the middle moves most, by {largest}.",
            findings.dataset,
        )


def _name(findings: Findings, row: Estimate) -> str:
    step = "per standard deviation" if row.scale == "sd" else "per point"
    if row.term == "instrument":
        return f"The displayed number: effect {step}, behaviour held"
    if row.term == "invariance":
        return "Predictive validity after the change less before, per point"
    validity = f"Predictive validity of {findings.dataset.label(row.term)}, {step}"
    return NAMES.get((row.model, row.term), validity)
