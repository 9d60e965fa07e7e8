"""The passage on gaming: what score and outcome do when an episode begins and ends, and what is
lost meanwhile.
"""

from __future__ import annotations

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

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
from analysis.results.passage import Passage, PassageTable, about
from analysis.results.sentence import span_text
from analysis.results.verdict import Verdict
from analysis.studies.gaming.ratio import set_in

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
MARKS = {"onset": ("o", ACCENT, "-"), "offset": ("s", INK, "--")}
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


def gaming_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where the plan names no gaming or nothing was found about it."""
    if findings.plan.gaming is None:
        return None
    paragraphs, figures, tables = [EXPLAINED], [], []
    for verdict in findings.decided:
        rows = findings.estimates.select(
            outcome=verdict.outcome, score=verdict.score, method="gaming"
        ).rows
        mine = (verdict.outcome, verdict.score)
        said = [
            c.reason for c in findings.checks if c.check in TOLD and (c.outcome, c.score) == mine
        ]
        paragraphs += [about(findings, *mine) + " ".join(dict.fromkeys(said))] if said else []
        if rows:
            tables.append(_table(findings, verdict, rows))
        if any(row.term == "score_event" for row in rows):
            figures.append(events_figure(findings, verdict, rows))
    if len(paragraphs) == 1:
        return None
    return Passage("Can it be gamed?", tuple(paragraphs), tuple(figures), tuple(tables))


def _table(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> PassageTable:
    level, label = findings.plan.inference.level, findings.dataset.label
    told = []
    for row in rows:
        name = _name(findings, row)
        if name:
            bounds = row.interval(level)
            span = "-" if bounds is None else span_text(*bounds, row.unit)
            if row.term == "decoupling" and bounds is None:
                span = set_in(row.note)
            told.append((name.strip(), row.displayed, span))
    caption = f"{label(verdict.score)} and {label(verdict.outcome)} in gamed and in other rows"
    return PassageTable(caption, ("What", "Estimate", "Interval"), tuple(told))


def _name(findings: Findings, row: Estimate) -> str:
    how = ", noise taken out" if row.model in ("calibrated", "eiv") else ""
    if row.term == "decoupling":
        return f"Slope in gamed over slope in other rows{how}"
    if row.term == row.score and row.variant in ("gamed", "organic"):
        step = "per standard deviation" if row.scale == "sd" else "per point"
        return (
            f"Effect {step} within units, {'gamed' if row.variant == 'gamed' else 'other'}"
            f" rows{how}"
        )
    if row.term.startswith("reliability_within:"):
        return f"Reliability of changes in {findings.dataset.label(row.term.partition(':')[2])}"
    return NAMES.get((row.term, row.variant), "")


# --- the figure -----------------------------------------------------------------------------------


def events_figure(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> Figure:
    """Draw score and outcome about the onset and from the end of gaming."""
    label, said = findings.dataset.label, findings.plan.gaming
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 5.2), layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True)
        for axes, term, name in (
            (upper, "score", verdict.score),
            (lower, "outcome", verdict.outcome),
        ):
            shown = [row for row in rows if row.term == f"{term}_event"]
            if said.anticipation:
                axes.axvspan(-said.anticipation - 0.4, -0.6, color=BAND, zorder=0, linewidth=0)
            axes.axhline(0, color=INK, linewidth=0.9, zorder=0.5)
            axes.axvline(
                -1 - said.anticipation, color=INK, linewidth=0.9, linestyle=":", zorder=0.5
            )
            for kind in MARKS:
                _draw(
                    axes,
                    [row for row in shown if row.variant.startswith(f"{kind}.")],
                    kind,
                    findings.plan.inference.level,
                )
            axes.set_ylabel(plain_label(f"change of\n{label(name)[:40]}"), fontsize=10)
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        lower.set_xlabel("periods from onset (circles) or end (squares)", fontsize=10)
        return rendered(canvas, _alt(findings, verdict, rows), CAPTION, findings.dataset)


def _draw(axes: Axes, rows: list[Estimate], kind: str, level: float) -> None:
    marker, colour, line = MARKS[kind]
    shift = -0.08 if kind == "onset" else 0.08
    places = [_at(row) + shift for row in rows]
    for place, row in zip(places, rows, strict=True):
        bounds = row.interval(level) or (row.estimate, row.estimate)
        low, high = (on_axis(edge, row.unit) for edge in bounds)
        axes.plot(
            [place, place],
            [low, high],
            color=colour,
            linewidth=1.6,
            linestyle=line,
            solid_capstyle="butt",
        )
    axes.plot(
        places,
        [on_axis(row.estimate, row.unit) for row in rows],
        marker=marker,
        color=colour,
        markersize=6,
        linestyle="none",
        markerfacecolor=colour if kind == "onset" else "white",
    )


def _at(row: Estimate) -> int:
    return int(row.variant.partition(".")[2])


def _alt(findings: Findings, verdict: Verdict, rows: tuple[Estimate, ...]) -> str:
    label = findings.dataset.label
    parts = []
    for term, name in (("score", verdict.score), ("outcome", verdict.outcome)):
        for kind, words in (("onset", "from the onset of gaming"), ("offset", "from its end")):
            shown = [
                row
                for row in rows
                if row.term == f"{term}_event" and row.variant.startswith(f"{kind}.")
            ]
            points = ", ".join(f"{_at(row)}: {display(row.estimate, row.unit)}" for row in shown)
            if points:
                parts.append(f"{label(name)} by period {words}: {points}")
    signature = next(
        (
            c.reason
            for c in findings.checks
            if c.check == "gaming_signature"
            and (c.outcome, c.score) == (verdict.outcome, verdict.score)
        ),
        "",
    )
    return f"{'. '.join(parts)}. {signature}"
