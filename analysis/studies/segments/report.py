"""The section on segments: one effect each, their pool, and what to expect in a new one."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.results.estimates import Estimate, display
from analysis.results.figure import ACCENT, INK, Figure, interval_figure, on_axis, shortened
from analysis.results.findings import Findings
from analysis.results.rule import Interval
from analysis.results.section import ReportSection, rows_on, section_of
from analysis.results.sentence import interval_text
from analysis.results.table import Table
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
    rows = rows_on(findings, verdict, "transport")
    pools = {
        (row.term, row.variant.partition("-")[0]): row
        for row in rows
        if row.model == "hartung-knapp"
    }
    if ("pooled", "") not in pools:
        return None
    return Travelling(
        tuple(row for row in rows if row.model not in ("hartung-knapp", "left-out")),
        pools["pooled", ""],
        pools["prediction_interval", ""],
        pools.get(("pooled", "without")),
        next((row for row in rows if row.model == "left-out" and row.term == "gain"), None),
    )


def segments_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan names no segments or too few have an effect."""
    pairs = ((verdict, travelling(findings, verdict)) for verdict in findings.decided)
    known = [(verdict, rows) for verdict, rows in pairs if rows is not None]
    parts = (
        (
            _sentence(findings, verdict, rows),
            segments_figure(findings, verdict, rows),
            _table(findings, verdict, rows),
        )
        for verdict, rows in known
    )
    cautions = (CAUTION,) if any(rows.predicted.bounds is not None for _, rows in known) else ()
    return section_of("Who the score works for", parts, last=cautions)


def _about(findings: Findings, verdict: Verdict) -> str:
    label = findings.dataset.label
    return f"{label(verdict.score)} on {label(verdict.outcome)}"


def _sentence(findings: Findings, verdict: Verdict, rows: Travelling) -> str:
    """Return what can be said of the effect beyond the segments at hand."""
    section, level = findings.plan.segment, findings.plan.inference.level
    sentence = (
        f"Over {len(rows.segments)} segments ({findings.dataset.label(section.column)}), the pooled"
        f" effect of {_about(findings, verdict)} is {rows.pooled.displayed}"
        f" ({interval_text(rows.pooled, level)})."
    )
    if (bounds := rows.predicted.bounds) is not None:
        low, high = (display(edge, rows.pooled.unit) for edge in bounds)
        band = verdict.band
        if bounds[0] > 0 or bounds[1] < 0:
            judged = "so its sign is expected to hold there, too"
        elif band[0] < bounds[0] and bounds[1] < band[1]:
            judged = "so whatever it is there, it is expected to be too small to matter"
        else:
            judged = "so success here proves nothing for a segment that is not among these"
        sentence += (
            f" In a segment that nobody has looked at, it is expected between {low} and {high},"
            f" {judged}."
        )
    if rows.without is not None:
        sentence += (
            f" Without {section.without} the pooled effect is {rows.without.displayed}"
            f" ({interval_text(rows.without, level)})."
        )
    if rows.gain is not None:
        verb = "saves" if rows.gain.estimate > 0 else "costs"
        size = display(abs(rows.gain.estimate), "share").removeprefix("+")
        sentence += (
            f" Fitted on the other segments, the score {verb} {size} of the deviance in the one"
            " left out."
        )
    return sentence


def _table(findings: Findings, verdict: Verdict, rows: Travelling) -> Table:
    level = findings.plan.inference.level
    cells = [
        (name, f"{row.n:,}", row.displayed, interval_text(row, level))
        for name, row in (
            *((row.term, row) for row in rows.segments),
            ("all, pooled", rows.pooled),
        )
    ]
    about = _about(findings, verdict)
    caption = f"The effect of {about} in each segment, engagement held constant"
    return Table(caption, ("Segment", "Rows", "Effect", "Interval"), tuple(cells), (1, 2))


def _title(findings: Findings, verdict: Verdict, rows: Travelling) -> str:
    """Return what the segments say of one that is not among them; else of themselves."""
    count, bounds, band = len(rows.segments), rows.predicted.bounds, verdict.band
    if bounds is None:
        ends = [row.interval(findings.level) for row in rows.segments]
        above, below = sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends)
        return (
            f"Of {count} segments, the score goes clearly with more in {above or 'none'} and with"
            f" less in {below or 'none'}"
        )
    if bounds[0] > 0 or bounds[1] < 0:
        way = "more" if bounds[0] > 0 else "less"
        return (
            f"These {count} segments let one expect that the score goes with {way} in others, too"
        )
    if band[0] < bounds[0] and bounds[1] < band[1]:
        return f"In segments other than these {count}, too little to matter is expected, too"
    return f"What these {count} segments show need not hold in another"


def segments_figure(findings: Findings, verdict: Verdict, rows: Travelling) -> Figure:
    """Draw one interval a segment, the pool and the prediction interval."""
    level, unit, told = findings.plan.inference.level, rows.pooled.unit, rows.segments[:MOST_DRAWN]
    drawn = sorted(told, key=lambda row: row.estimate)
    pool, new = len(drawn) + 0.3, len(drawn) + 1.1

    def line(row: Estimate, bounds: Interval) -> list[float]:
        return [on_axis(edge, unit) for edge in (row.estimate, *bounds)]

    style = {"markersize": 7, "color": INK, "fmt": "o"}
    pooled = {"markersize": 7, "color": ACCENT, "fmt": "D", "elinewidth": 3.0}
    marks = [
        (range(len(drawn)), [line(row, row.interval(level)) for row in drawn], style),
        ([pool], [line(rows.pooled, rows.pooled.interval(level))], pooled),
    ]
    if rows.predicted.bounds is not None:
        marks.append(
            ([new], [line(rows.pooled, rows.predicted.bounds)], {"fmt": "none", "ecolor": ACCENT})
        )
    effects = "; ".join(f"{row.term} {row.displayed} ({interval_text(row, level)})" for row in told)
    measured = {"percent": " (%)", "points": " (percentage points)"}.get(unit, "")
    return interval_figure(
        {
            **{at: shortened(row.term, 24) for at, row in enumerate(drawn)},
            pool: "pooled",
            new: "in a new one",
        },
        marks,
        f"effect{measured}; shaded: too small to matter",
        height=1.25 + 0.3 * (len(drawn) + 2),
        title=_title(findings, verdict, rows),
        alt=(
            f"Effects of {_about(findings, verdict)} by segment: {effects}."
            f" {_sentence(findings, verdict, rows)}"
        ),
        caption=CAPTION,
        findings=findings,
        lines={0: "-"},
        band=[on_axis(edge, unit) for edge in verdict.band],
    )
