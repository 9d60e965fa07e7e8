"""The passage on segments: one effect each, their pool, and what to expect in a new one."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.results.estimates import Estimate, display
from analysis.results.figure import (
    ACCENT,
    BAND,
    INK,
    STYLE,
    WIDTH,
    Figure,
    on_axis,
    plain_label,
    rendered,
)
from analysis.results.findings import Findings
from analysis.results.passage import Passage, PassageTable
from analysis.results.sentence import interval_text
from analysis.results.verdict import Verdict

CAPTION = (
    "Each point is the score's effect in one segment with its interval; the diamond is their pool,"
    " and the thin line below it the prediction interval: where the effect of a segment nobody has"
    " looked at is expected."
)
MOST_DRAWN = 30
"""Segments beyond this number are in the table only."""

CAUTION = (
    "Where segments differ by hardly more than their intervals, the range for a new segment holds"
    " its effect less often than its level says."
)


@dataclass(frozen=True)
class Travelling:
    """The rows of one outcome and score that say whether the effect travels."""

    segments: tuple[Estimate, ...]
    pooled: Estimate
    predicted: Estimate
    without: Estimate | None
    gain: Estimate | None


def travelling(findings: Findings, verdict: Verdict) -> Travelling | None:
    """Return what was found about segments, or None where fewer than two have an effect."""
    rows = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, method="transport"
    ).rows
    pools = {(row.term, row.variant): row for row in rows if row.model == "hartung-knapp"}
    if ("pooled", "") not in pools:
        return None
    segments = tuple(row for row in rows if row.model not in ("hartung-knapp", "left-out"))
    dropped = next(
        (
            row
            for (term, variant), row in pools.items()
            if term == "pooled" and "without-" in variant
        ),
        None,
    )
    gain = next((row for row in rows if row.model == "left-out" and row.term == "gain"), None)
    return Travelling(
        segments, pools["pooled", ""], pools["prediction_interval", ""], dropped, gain
    )


def segments_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where the plan names no segments or too few have an effect."""
    found = {
        verdict.id: seen
        for verdict in findings.decided
        if (seen := travelling(findings, verdict)) is not None
    }
    if findings.plan.segment is None or not found:
        return None
    verdicts = [verdict for verdict in findings.decided if verdict.id in found]
    paragraphs = tuple(_sentence(findings, verdict, found[verdict.id]) for verdict in verdicts)
    figures = tuple(segments_figure(findings, verdict, found[verdict.id]) for verdict in verdicts)
    tables = tuple(_table(findings, verdict, found[verdict.id]) for verdict in verdicts)
    if any(seen.predicted.bounds is not None for seen in found.values()):
        paragraphs += (CAUTION,)
    return Passage("Who the score works for", paragraphs, figures, tables)


def _sentence(findings: Findings, verdict: Verdict, seen: Travelling) -> str:
    """Return what can be said of the effect beyond the segments at hand."""
    level = findings.plan.inference.level
    about = f"{findings.dataset.label(verdict.score)} on {findings.dataset.label(verdict.outcome)}"
    said = (
        f"Over {len(seen.segments)} segments"
        f" ({findings.dataset.label(findings.plan.segment.column)}), the pooled effect of {about}"
        f" is {seen.pooled.displayed} ({interval_text(seen.pooled, level)})."
    )
    bounds = seen.predicted.bounds
    if bounds is not None:
        low, high = (display(edge, seen.pooled.unit) for edge in bounds)
        travels = bounds[0] > 0 or bounds[1] < 0
        band = verdict.band
        if travels:
            judged = "so its sign is expected to hold there, too"
        elif band[0] < bounds[0] and bounds[1] < band[1]:
            judged = "so whatever it is there, it is expected to be too small to matter"
        else:
            judged = "so success here proves nothing for a segment that is not among these"
        said += (
            f" In a segment that nobody has looked at, it is expected between {low} and {high},"
            f" {judged}."
        )
    if seen.without is not None:
        dropped = findings.plan.segment.without
        said += (
            f" Without {dropped} the pooled effect is {seen.without.displayed}"
            f" ({interval_text(seen.without, level)})."
        )
    if seen.gain is not None:
        verb = "saves" if seen.gain.estimate > 0 else "costs"
        size = display(abs(seen.gain.estimate), "share").removeprefix("+")
        said += (
            f" Fitted on the other segments, the score {verb} {size} of the deviance in the one"
            " left out."
        )
    return said


def _table(findings: Findings, verdict: Verdict, seen: Travelling) -> PassageTable:
    level = findings.plan.inference.level
    rows = [
        (row.term, f"{row.n:,}", row.displayed, interval_text(row, level)) for row in seen.segments
    ]
    rows.append(
        (
            "all, pooled",
            f"{seen.pooled.n:,}",
            seen.pooled.displayed,
            interval_text(seen.pooled, level),
        )
    )
    about = f"{findings.dataset.label(verdict.score)} on {findings.dataset.label(verdict.outcome)}"
    head = ("Segment", "Rows", "Effect", "Interval")
    return PassageTable(
        f"The effect of {about} in each segment, engagement held constant",
        head,
        tuple(rows),
        (1, 2),
    )


def segments_figure(findings: Findings, verdict: Verdict, seen: Travelling) -> Figure:
    """Draw one interval a segment, the pool and the prediction interval."""
    level, unit = findings.plan.inference.level, seen.pooled.unit
    drawn = sorted(seen.segments[:MOST_DRAWN], key=lambda row: row.estimate)
    height = 1.25 + 0.3 * (len(drawn) + 2)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        axes = canvas.subplots()
        band = verdict.band
        axes.axvspan(*(on_axis(edge, unit) for edge in band), color=BAND, zorder=0, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=0.5)
        for at, row in enumerate(drawn):
            _draw(axes, at, row, row.interval(level), "o", INK)
        _draw(
            axes, len(drawn) + 0.3, seen.pooled, seen.pooled.interval(level), "D", ACCENT, width=3.0
        )
        if seen.predicted.bounds is not None:
            _draw(axes, len(drawn) + 1.1, seen.pooled, seen.predicted.bounds, "", ACCENT, width=1.2)
        names = [row.term if len(row.term) <= 24 else row.term[:23] + "…" for row in drawn]
        places = [*range(len(drawn)), len(drawn) + 0.3, len(drawn) + 1.1]
        axes.set_yticks(places, [*(plain_label(name) for name in names), "pooled", "in a new one"])
        axes.set_ylim(len(drawn) + 1.7, -0.7)
        axes.tick_params(axis="y", left=False)
        measured = {"percent": " (%)", "points": " (percentage points)"}.get(unit, "")
        axes.set_xlabel(f"effect{measured}; shaded: too small to matter", fontsize=10)
        return rendered(canvas, _alt(findings, verdict, seen), CAPTION, findings.dataset)


def _draw(
    axes: Axes,
    at: float,
    row: Estimate,
    bounds: tuple[float, float],
    marker: str,
    colour: str,
    width: float = 1.6,
) -> None:
    low, high = (on_axis(edge, row.unit) for edge in bounds)
    axes.plot([low, high], [at, at], color=colour, linewidth=width, solid_capstyle="butt")
    if marker:
        axes.plot(
            [on_axis(row.estimate, row.unit)], [at], marker=marker, color=colour, markersize=7
        )


def _alt(findings: Findings, verdict: Verdict, seen: Travelling) -> str:
    level = findings.plan.inference.level
    parts = [
        f"{row.term} {row.displayed} ({interval_text(row, level)})"
        for row in seen.segments[:MOST_DRAWN]
    ]
    about = f"{findings.dataset.label(verdict.score)} on {findings.dataset.label(verdict.outcome)}"
    return (
        f"Effects of {about} by segment: {'; '.join(parts)}. {_sentence(findings, verdict, seen)}"
    )
