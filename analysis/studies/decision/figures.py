"""The table and figures on decisions: what is earned in each way, gains, and decision curves."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.results.decision import TOGETHER, WORTH
from analysis.results.estimates import Estimate, display
from analysis.results.figure import (
    ACCENT,
    GREY,
    INK,
    STYLE,
    WIDTH,
    Figure,
    credit,
    interval_figure,
    plain_label,
    rendered,
)
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.sentence import listed
from analysis.results.table import Table
from analysis.results.verdict import Verdict
from analysis.studies.decision.shown import (
    MILLION,
    WAYS,
    Shown,
    in_unit,
    options_of,
    signed,
    size,
)
from analysis.studies.decision.study import predicted


def decision_table(findings: Findings, verdict: Verdict, points: list[Shown]) -> Table:
    """Return what is earned in each way, and the gain, at every capacity or threshold."""
    binary = points[0].binary
    ways = [way for way in WAYS if way in points[0].rows]  # none is always 0
    head = ("Acting" if binary else "Choosing", *(WAYS[way].capitalize() for way in ways))
    head = (*head, "Picks changed", "Gain per 1,000 rows" if binary else "Gain per pick")
    millions = max(abs(one.rows[way].estimate) for one in points for way in ways) >= MILLION
    by = 1000 if binary else 1 / MILLION if millions else 1
    rows = tuple(
        (
            one.name,
            *(_cell(one.rows[way], by) for way in ways),
            f"{100 * one.rows['picks_changed'].estimate:.1f} %",
            f"{_cell(one.rows['gain'], by)} ({_edges(findings, one.rows['gain'], by)})",
        )
        for one in points
    )
    label = findings.label
    what = "Net benefit per 1,000 rows" if binary else f"Mean {label(verdict.outcome)} of the picks"
    caption = f"{what}, by what one chooses by, and what {label(verdict.score)} gains"
    caption += ", in millions" if millions else ""
    return Table(caption, head, rows, tuple(range(1, len(head))))


def _cell(row: Estimate, by: float) -> str:
    shown = display(by * row.estimate, "outcome")
    return shown if row.term == "gain" else shown.lstrip("+")


def _edges(findings: Findings, row: Estimate, by: float) -> str:
    low, high = (display(by * edge, "outcome") for edge in row.interval(findings.level))
    return f"{low} to {high}"


def decision_figure(findings: Findings, verdict: Verdict, points: list[Shown]) -> Figure:
    """Draw what the score is worth per row at each capacity or threshold, and its price."""
    level, price = findings.level, options_of(findings).price
    worths = [point.rows[WORTH] for point in points]
    ends = [edge for row in worths for edge in row.interval(level)]
    millions = not points[0].binary and max(map(abs, ends)) >= MILLION
    by = 1000 if points[0].binary else 1 / MILLION if millions else 1
    intervals = [[by * edge for edge in (row.estimate, *row.interval(level))] for row in worths]
    wide = [
        [by * edge for edge in (row.estimate, *point.rows[TOGETHER].interval(level))]
        for row, point in zip(worths, points, strict=True)
    ]
    thin = {"fmt": "none", "ecolor": INK, "elinewidth": 0.9}
    thick = {"fmt": "o", "markersize": 7, "color": ACCENT, "elinewidth": 3.0}
    lines = {0.0: "-"} if not price else {0.0: "-", by * price: "--"}
    unit = by if millions else 1
    told = "; ".join(
        f"{point.name} {signed(middle / unit)} ({signed(low / unit)} to {signed(high / unit)})"
        for point, (middle, low, high) in zip(points, intervals, strict=True)
    )
    per = "per 1,000 rows" if points[0].binary else f"per row scored{in_unit(findings, verdict)}"
    about_price = f" The dashed line is the price, {size(price)} a row." if price else ""
    return interval_figure(
        {at: point.name for at, point in enumerate(points)},
        [(range(len(points)), wide, thin), (range(len(points)), intervals, thick)],
        f"gain by the score, {per}{', millions' if millions else ''}",
        height=1.25 + 0.4 * (len(points) + 1),
        title=_gains(findings, verdict, points),
        alt=(
            f"What choosing by {findings.label(verdict.score)} beside engagement gains in"
            f" {findings.label(verdict.outcome)}, {per}: {told}.{about_price}"
        ),
        caption=(
            "What choosing by the score beside engagement gains over engagement alone. Thick: the"
            " interval of each; thin: intervals that hold together."
            f"{about_price}"
        ),
        findings=findings,
        lines=lines,
        values=decision_table(findings, verdict, points),
    )


def _gains(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    """Return where choosing by the score as well gains, by intervals that hold together."""
    by = f"Choosing by {findings.label(verdict.score)} as well"
    ends = {point.name: point.rows[TOGETHER].interval(findings.level) for point in points}
    told = [
        f"{verb} {listed(at)}"
        for verb, at in (
            ("gains", [name for name, (low, _) in ends.items() if low > 0]),
            ("loses", [name for name, (_, high) in ends.items() if high < 0]),
        )
        if at
    ]
    return f"{by} {' and '.join(told)}" if told else f"{by} is not shown to gain anything"


LINES = {
    "with_score": {"color": ACCENT, "linewidth": 2.2},
    "without_score": {"color": INK, "linewidth": 1.6, "linestyle": "--"},
    "all": {"color": GREY, "linewidth": 1.0, "linestyle": ":"},
    "none": {"color": GREY, "linewidth": 1.0},
}
"""How the curves are drawn, by the way of choosing."""

STEPS = 60
"""Thresholds of a curve."""


def curve_figure(findings: Findings, verdict: Verdict, points: list[Shown]) -> Figure:
    """Draw net benefit over thresholds: with the score, without it, for all rows and for none."""
    outcome = findings.plan.outcomes[verdict.outcome]
    acting = predicted(Question(findings.sample, outcome, verdict.score))
    ends = [point.point for point in points]
    grid = np.linspace(min(ends) / 2, min(1.2 * max(ends), 0.99), STEPS)
    curves = acting.curves(grid)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 3.2), layout="constrained")
        axes = canvas.subplots()
        for way, style in LINES.items():
            axes.plot(100 * grid, 1000 * curves[way], label=WAYS[way], **style)
        top, bottom = (1000 * of(curves["with_score"]) for of in (np.max, np.min))
        axes.set_ylim(min(bottom, 0) - 0.15 * top - 1e-9, 1.1 * top + 1e-9)
        outcome_name = plain_label(findings.label(verdict.outcome))
        axes.set_xlabel(f"threshold: chance of {outcome_name}, %", fontsize=10)
        axes.set_ylabel("net benefit per 1,000 rows", fontsize=10)
        canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        others = np.max([curves[way] for way in LINES if way != "with_score"], axis=0)
        best = int((curves["with_score"] > others).sum())
        title = (
            f"Choosing by {findings.label(verdict.score)} as well has the highest net benefit at"
            f" {best} of {STEPS} thresholds"
        )
        alt = _curve_alt(findings, verdict, points)
        values = decision_table(findings, verdict, points)
        more = {"title": title, "credit": credit(findings), "values": values}
        return rendered(canvas, alt, CURVE, findings.dataset, **more)


CURVE = (
    "The decision curve. Where the line with the score lies above all others, choosing by it gains"
    " at that threshold; the intervals are in the table."
)


def _curve_alt(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    each = "; ".join(
        f"{point.name} " + ", ".join(f"{WAYS[w]} {_cell(point.rows[w], True)}" for w in NAMED)
        for point in points
    )
    about_what = f"{findings.label(verdict.score)} and {findings.label(verdict.outcome)}"
    return f"Net benefit per 1,000 rows over thresholds, {about_what}: {each}; none 0."


NAMED = ("with_score", "without_score", "all")
"""Curves whose values a description has."""
