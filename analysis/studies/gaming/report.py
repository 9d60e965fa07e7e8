"""The section on gaming: what score and outcome do about an episode, and what is lost meanwhile."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from analysis.results.estimates import Estimate, display
from analysis.results.figure import (
    ACCENT,
    INK,
    STYLE,
    WIDTH,
    Figure,
    credit,
    draw_band,
    on_axis,
    plain_label,
    rendered,
)
from analysis.results.findings import Findings
from analysis.results.section import (
    Part,
    ReportSection,
    about,
    estimates_table,
    reasons_on,
    rows_on,
    section_of,
)
from analysis.results.sentence import interval_text
from analysis.results.table import Table
from analysis.results.verdict import Verdict

EXPLAINED = (
    "Those who begin to game are compared with those who do not, period by period, and those who"
    " stop with those who go on: no two-way effects, which go wrong where a state is switched on"
    " and off. If gaming lifts the score and the outcome stays where it was, the score has come"
    " apart from what it is sold for."
)
CAPTION = (
    "Circles: from the onset of gaming, against units that do not begin; squares: from its end,"
    " against units that go on. Bars are intervals; the dotted line is the period with which all"
    " others are compared; shaded are the periods in which gaming may be anticipated."
)
TOLD = ("gaming", "gaming_signature", "decoupling", "pretrend_outcome")
MARKS = {
    "onset": ("from the onset of gaming", -0.08, {"fmt": "o", "color": ACCENT}),
    "offset": ("from its end", 0.08, {"fmt": "s", "color": INK, "markerfacecolor": "white"}),
}
NAMES = {
    ("score_jump", ""): "Jump of the score while gamed (onsets and ends)",
    ("score_jump", "onset"): "of these, when gaming begins",
    ("score_jump", "offset"): "of these, when gaming ends",
    ("outcome_jump", ""): "Jump of the outcome while gamed (onsets and ends)",
    ("outcome_jump", "onset"): "of these, when gaming begins ",
    ("outcome_jump", "offset"): "of these, when gaming ends ",
    ("r_squared", "organic"): "What the score says of the outcome (R2), other rows",
    ("r_squared", "gamed"): "What the score says of the outcome (R2), gamed rows",
    ("information_loss", ""): "Lost in gamed rows (R2)",
    ("displaced", ""): "Share of the honest top tenth pushed out",
}


def gaming_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan names no gaming or nothing was found about it."""
    if findings.plan.gaming is None:
        return None
    parts = (_part(findings, verdict) for verdict in findings.decided)
    return section_of("Can it be gamed?", parts, first=(EXPLAINED,))


def _part(findings: Findings, verdict: Verdict) -> Part:
    rows, label = rows_on(findings, verdict, "gaming"), findings.dataset.label
    reasons = " ".join(dict.fromkeys(reasons_on(findings, verdict, *TOLD)))
    lead = about(findings, verdict.outcome, verdict.score) if reasons else ""
    events = any(row.term == "score_event" for row in rows)
    named = ((name.strip(), row) for row in rows if (name := _name(findings, row)))
    caption = f"{label(verdict.score)} and {label(verdict.outcome)} in gamed and in other rows"
    return (
        lead + reasons,
        events_figure(findings, verdict, rows) if events else None,
        estimates_table(findings, caption, named),
    )


def _name(findings: Findings, row: Estimate) -> str:
    how = ", noise taken out" if row.model in ("calibrated", "eiv") else ""
    if row.term == "decoupling":
        return f"Slope in gamed over slope in other rows{how}"
    if row.term == row.score and row.variant in ("gamed", "organic"):
        step = "per standard deviation" if row.scale == "sd" else "per point"
        which = "gamed" if row.variant == "gamed" else "other"
        return f"Effect {step} within units, {which} rows{how}"
    kind, _, column = row.term.partition(":")
    if kind == "reliability_within":
        return f"Reliability of changes in {findings.dataset.label(column)}"
    return NAMES.get((row.term, row.variant), "")


# --- the figure -----------------------------------------------------------------------------------


def events_figure(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> Figure:
    """Draw score and outcome about the onset and from the end of gaming."""
    label, ahead = findings.dataset.label, findings.plan.gaming.anticipation
    level, parts = findings.plan.inference.level, []
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 5.2), layout="constrained")
        panels = canvas.subplots(2, 1, sharex=True)
        for axes, term in zip(panels, ("score", "outcome"), strict=True):
            name = label(getattr(verdict, term))
            if ahead:
                draw_band(axes, -ahead - 0.4, -0.6)
            axes.axhline(0, color=INK, linewidth=0.9, zorder=0.5)
            axes.axvline(-1 - ahead, color=INK, linewidth=0.9, linestyle=":", zorder=0.5)
            for kind, (words, *_) in MARKS.items():
                points = {
                    int(row.variant.partition(".")[2]): row
                    for row in rows
                    if row.term == f"{term}_event" and row.variant.startswith(f"{kind}.")
                }
                if points:
                    _draw(axes, points, kind, level)
                    told = [
                        f"{at}: {display(row.estimate, row.unit)}" for at, row in points.items()
                    ]
                    parts.append(f"{name} by period {words}: {', '.join(told)}")
            axes.set_ylabel(plain_label(f"change of\n{name[:40]}"), fontsize=10)
        panels[1].xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[1].set_xlabel("periods from onset (circles) or end (squares)", fontsize=10)
        signature = "".join(reasons_on(findings, verdict, "gaming_signature")[:1])
        return rendered(
            canvas,
            f"{'. '.join(parts)}. {signature}",
            CAPTION,
            findings.dataset,
            title=_title(findings, verdict, rows),
            credit=credit(findings),
            values=_values(findings, rows),
        )


def _title(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> str:
    """Return how score and outcome jump while gamed."""
    score, outcome = (findings.label(name) for name in (verdict.score, verdict.outcome))
    jumps = {row.term: row for row in rows if not row.variant}
    told = [
        f"{name} jumps by {jumps[term].displayed} ({interval_text(jumps[term], findings.level)})"
        for name, term in ((score, "score_jump"), (outcome, "outcome_jump"))
        if term in jumps
    ]
    if not told:
        return f"Where gaming begins and ends, how {score} and {outcome} move"
    return f"While gamed, {' and '.join(told)}"


def _values(findings: Findings, rows: tuple[Estimate, ...]) -> Table | None:
    """Return what is drawn, a row a period about a switch."""
    named = []
    for row in rows:
        kind, _, at = row.variant.partition(".")
        if row.term in ("score_event", "outcome_event") and kind in MARKS:
            column = row.score if row.term == "score_event" else row.outcome
            named.append((f"{findings.label(column)}, period {at} {MARKS[kind][0]}", row))
    return estimates_table(findings, "Changes by period about a switch", named)


def _draw(axes: Axes, points: dict[int, Estimate], kind: str, level: float) -> None:
    """Draw estimates with their intervals over the periods about a switch."""
    _, shift, style = MARKS[kind]
    middle, low, high = np.array(
        [
            [
                on_axis(edge, row.unit)
                for edge in (row.estimate, *(row.interval(level) or [row.estimate] * 2))
            ]
            for row in points.values()
        ]
    ).T
    places = np.array(list(points)) + shift
    axes.errorbar(
        places, middle, (middle - low, high - middle), elinewidth=1.6, markersize=6, **style
    )
