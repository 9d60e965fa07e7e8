"""The report's section on noise in engagement: sentences, and the effect over reliability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.measurement_error.reliability_curve import SUPPOSED, ReliabilityCurve, Stretch
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, display, span_text
from analysis.results.figure import (
    ACCENT,
    FAINT,
    INK,
    STYLE,
    Figure,
    credit,
    draw_band,
    draw_spread,
    on_axis,
    plain_label,
    rendered,
)
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, about, section_of
from analysis.results.sentence import listed
from analysis.results.table import Table
from analysis.results.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

HOW = {
    "halves": "from two halves",
    "declared": "declared in the plan",
    "test-retest": "from two windows",
}
CAPTION = (
    "The line is the score's effect if recorded engagement had the reliability below it, errors not"
    " shared with the score, and the grey area its {level} interval; at the right end, engagement"
    " counts as free of noise. Within the shaded band an effect is too small to matter. The words"
    " at the bottom are what the plan's rule says there."
)
WIDE, NARROW = 0.12, 0.3
"""Height of the strip of words, as a share of the axes: words that lie, and words that stand."""


def reliability_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where noise in engagement was not studied (beyond memory)."""
    paragraphs, label = [], findings.dataset.label
    for verdict in findings.decided:
        sentences = reliability_sentences(findings, verdict)
        if sentences:
            which = f"{label(verdict.score)} and {label(verdict.outcome)}. "
            which = which[:1].upper() + which[1:] if len(findings.decided) > 1 else ""
            paragraphs.append(which + " ".join(sentences))
    if not paragraphs:
        return None
    drawn = dict.fromkeys(outcome for outcome, _ in findings.curves)
    figures = tuple(reliability_figure(findings, outcome) for outcome in drawn)
    data = curve_table(findings)
    return ReportSection("Is engagement really controlled?", tuple(paragraphs), figures, data=data)


def deciding_section(findings: Findings) -> ReportSection | None:
    """Return what each verdict rests on: the fits that have to give one word; None without any."""
    parts = []
    for verdict in findings.decided:
        if not verdict.deciding_set:
            continue
        agree = all(one.phrase == verdict.deciding_set[0].phrase for one in verdict.deciding_set)
        count = len(verdict.deciding_set)
        which = about(findings, verdict.outcome, verdict.score)
        said = (
            f"All {count} fits that the rule asks say {verdict.deciding_set[0].phrase}."
            if agree
            else f"The rule asks {count} fits, and they do not all say the same."
        )
        parts.append((f"{which}{said}", None, _members_table(findings, verdict, which)))
    return section_of("What the verdict rests on", parts, last=(RESTS_ON,) if parts else ())


RESTS_ON = (
    "A word is given only where every fit gives it. Each takes another view of engagement: as it"
    " was recorded; in any smooth or stepped form; corrected for the noise in its record; and both."
    " They allow for a score that holds all, part or none of that noise. Outside the rule is a"
    " score that holds more than all of it, or works against it, as one does that leaves out bots"
    " which the record counts."
)


def _members_table(findings: Findings, verdict: Verdict, which: str) -> Table:
    """Return a table of the deciding set: the fit, at which reliability, its estimate, its word."""
    level, rows = findings.level, []
    for member in verdict.deciding_set:
        shown = span = "-"
        if member.row is not None:
            shown = member.row.displayed
            span = span_text(*member.row.interval(level), member.row.unit)
        rows.append((member.name, member.where or "-", shown, span, member.phrase))
    heads = ("Fit", "At", "Estimate", "Interval", "It says")
    return Table(f"{which}What the verdict rests on", heads, tuple(rows))


def curve_table(findings: Findings) -> pd.DataFrame | None:
    """Return the effect and the rule's word at each reliability, a row each; None without any."""
    import pandas as pd

    if not findings.curves:
        return None
    tables = {pair: curve.table() for pair, curve in findings.curves.items()}
    return pd.concat(tables, names=["outcome", "score"]).reset_index(level=[0, 1])


# --- sentences ------------------------------------------------------------------------------------


def reliability_sentences(findings: Findings, verdict: Verdict) -> tuple[str, ...]:
    """Return the calibrated null, the break-even reliability and the curve, each as a sentence.

    Without a stated reliability also what to measure. Empty where noise in engagement was not
    studied.
    """
    rows = {row.term: row for row in _rows(findings, verdict)}
    if not rows:
        return ()
    if findings.plan.score.shares_error == "full":
        return (
            "The plan says that the score is computed from these very engagement columns. It"
            " then shares their noise, the ordinary fit is right, and there is no reliability"
            " at which the effect would vanish.",
        )
    curve = findings.curves[verdict.outcome, verdict.score]
    stated = _stated(findings, verdict)
    sentences = [
        _null_sentence(findings, rows, stated),
        _break_even_sentence(curve, verdict),
        curve.sentence,
        "" if stated else _what_to_measure(curve),
    ]
    return tuple(filter(None, sentences))


def _rows(findings: Findings, verdict: Verdict, method: str = "reliability") -> list[Estimate]:
    pair = {"outcome": verdict.outcome, "score": verdict.score}
    return list(findings.estimates.select(method=method, **pair))


def _stated(findings: Findings, verdict: Verdict) -> dict[str, Estimate]:
    """Return the reliability of each column that has one, by the column's name."""
    pairs = ((row.term.partition(":"), row) for row in _rows(findings, verdict))
    return {column: row for (kind, _, column), row in pairs if kind == "reliability"}


def _null_sentence(
    findings: Findings, rows: dict[str, Estimate], stated: dict[str, Estimate]
) -> str:
    naive, corrected = (rows.get(f"false_positive_{test}") for test in ("naive", "corrected"))
    if naive is None:
        return ""
    pieces = []
    for column, row in stated.items():
        low, high = row.interval(findings.plan.inference.level)
        how = HOW.get(row.model, row.model)
        label = findings.dataset.label(column)
        pieces.append(f"{label} {row.estimate:.2f}, {low:.2f} to {high:.2f}, {how}")
    given = (
        f"With this number of rows, these correlations and this reliability ({listed(pieces)})"
        if pieces
        else "With this number of rows and these correlations, and if recorded engagement had a"
        f" reliability of {SUPPOSED}"
    )
    also = ""
    if corrected:
        also = f", and the corrected test {100 * corrected.estimate:.0f} % of the time"
    passes = "a score that adds nothing would pass the ordinary test"
    return f"{given}, {passes} {100 * naive.estimate:.0f} % of the time{also}."


def _break_even_sentence(curve: ReliabilityCurve, verdict: Verdict) -> str:
    gone, small = curve.vanishing, curve.negligible
    if gone.reliability is None:
        if small.reliability is None:
            return f"{gone.sentence} {small.sentence}"
        first = gone.reason
    else:
        decides = verdict.verdict != "inconclusive"
        zero = "The estimate, which decides nothing, would be zero if engagement were"
        gone_if = "The score's effect vanishes if engagement is" if decides else zero
        first = f"{gone_if} measured with a reliability of {gone.reliability:.2f}"
    if small.reliability is None:
        return f"{first}. {small.sentence}"
    within = "it is within the plan's band of effects too small to matter."
    return f"{first}; at {small.reliability:.2f} {within}"


def _what_to_measure(curve: ReliabilityCurve) -> str:
    gone, question = curve.vanishing.reliability, ""
    if gone is not None:
        left = "nothing is left of the effect; the sweep says from where on a word holds."
        question = f" Below {gone:.2f} {left}"
    return (
        "The plan states no reliability of engagement. To find it out, record engagement twice"
        " over the same time, such as in odd and in even weeks, and name the two columns in the"
        f" plan ([engagement] halves), or give the weekly rows ([engagement] long).{question}"
    )


# --- the figure -----------------------------------------------------------------------------------


def reliability_figure(findings: Findings, outcome: str) -> Figure:
    """Draw the score's effect, and the rule's word, over the reliability of engagement.

    Raises
    ------
    LookupError
        Where there is no curve: data beyond memory, a transform without a correction, or a score
        that is computed from the engagement columns themselves.
    """
    verdicts = [
        verdict
        for verdict in findings.decided
        if verdict.outcome == outcome and (outcome, verdict.score) in findings.curves
    ]
    if not verdicts:
        raise LookupError(f"nothing was swept over reliability for {outcome}")
    caption = CAPTION.format(level=f"{100 * findings.plan.inference.level:g} %")
    if any(_marked(findings, verdict) for verdict in verdicts):
        caption += (
            " The diamond with its interval is the corrected estimate at the stated reliability,"
            " whose range is the bar at the top."
        )
    curves = [findings.curves[outcome, verdict.score] for verdict in verdicts]
    if any(curve.vanishing.reliability is not None for curve in curves):
        caption += " The dashed line marks where the effect vanishes."
    alt = " ".join(_alt(findings, verdict) for verdict in verdicts)
    axis = "reliability of recorded engagement"
    return panels_figure(
        findings,
        verdicts,
        _draw,
        axis=axis,
        height=3.0,
        title=_title(findings, verdicts),
        alt=alt,
        caption=caption,
        values=_values(findings, verdicts),
    )


def _title(findings: Findings, verdicts: Sequence[Verdict]) -> str:
    """Return from which reliability on the last word holds; of several, how many words change."""
    curves = [findings.curves[one.outcome, one.score] for one in verdicts]
    if len(curves) > 1:
        changed = sum(len(curve.stretches) > 1 for curve in curves)
        return f"How well engagement is recorded changes the word of {changed} of {len(curves)}"
    parts = curves[0].stretches
    if not parts:
        return "The effect by how well engagement is recorded"
    if len(parts) == 1:
        return f"However well engagement is recorded, noise in it leaves the word {parts[0].word}"
    word, at = parts[-1].word, parts[-1].low
    if verdicts[0].holds_word == word and (verdicts[0].holds_from or 1) < 1:
        at = verdicts[0].holds_from  # between two points of the curve
    return (
        f"As far as noise goes, the word is {word} where engagement is recorded with reliability"
        f" {at:.2g} or more"
    )


EVERY = 0.05
"""Steps of reliability of which a table has the effect."""


def _values(findings: Findings, verdicts: Sequence[Verdict]) -> Table:
    """Return effect and word at reliabilities along the curves."""
    rows = []
    for verdict in verdicts:
        curve = findings.curves[verdict.outcome, verdict.score]
        name = f"{findings.label(verdict.score)}, " if len(verdicts) > 1 else ""
        words = curve.words or ((("", None),) * len(curve.effects))
        for at, effect, (word, _) in zip(curve.reliability, curve.effects, words, strict=True):
            if abs(at / EVERY - round(at / EVERY)) > 1e-6:
                continue
            shown = "-" if effect is None else display(effect.estimate, curve.unit)
            span = "-" if effect is None else span_text(*effect.interval(curve.level), curve.unit)
            rows.append((f"{name}{at:.2f}", shown, span, word))
    head = ("Reliability", "Effect", "Interval", "Word")
    return Table("The effect by the reliability of recorded engagement", head, tuple(rows))


def panels_figure(
    findings: Findings,
    verdicts: Sequence[Verdict],
    draw: Callable[[Axes, Findings, Verdict], str],
    *,
    axis: str,
    height: float,
    title: str,
    alt: str,
    caption: str,
    values: Table | None = None,
) -> Figure:
    """Draw one panel a score of an outcome, above each other; `draw` returns its effect's unit."""
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(5.0, 0.5 + height * len(verdicts)), layout="constrained")
        grid = canvas.subplots(len(verdicts), 1, sharex=True, squeeze=False)[:, 0]
        label = findings.dataset.label
        for axes, verdict in zip(grid, verdicts, strict=True):
            unit = draw(axes, findings, verdict)
            name = " ".join(f"{label(verdict.score)}, {label(verdict.outcome)}".split())
            name = plain_label(name)
            axes.set_title(name[:1].upper() + name[1:], loc="left", fontsize=10)
            shown = {"percent": "effect, %", "points": "effect, points", "log odds": "log odds"}
            axes.set_ylabel(shown.get(unit, "effect"), fontsize=10)
        grid[-1].set_xlabel(axis, fontsize=10)
        more = {"title": title, "credit": credit(findings), "values": values}
        return rendered(canvas, alt, caption, findings.dataset, **more)


def _marked(findings: Findings, verdict: Verdict) -> Estimate | None:
    """Return the reliability that the plan states, where it states one common value to mark."""
    rows = list(_stated(findings, verdict).values())
    return rows[0] if len(rows) == 1 else None


def corrected_row(findings: Findings, verdict: Verdict, variant: str) -> Estimate | None:
    """Return the linear correction of an effect; None where there is none."""
    model = FAMILIES[findings.plan.outcomes[verdict.outcome].deciding_model].correction
    rows = _rows(findings, verdict, "corrected")
    return next((row for row in rows if (row.model, row.variant) == (model, variant)), None)


def _draw(axes: Axes, findings: Findings, verdict: Verdict) -> str:
    curve = findings.curves[verdict.outcome, verdict.score]
    unit = verdict.deciding.unit
    at, effects = zip(*curve.known, strict=True)
    middle = [on_axis(effect.estimate, unit) for effect in effects]
    intervals = (effect.interval(curve.level) for effect in effects)
    low, high = np.array([[on_axis(edge, unit) for edge in edges] for edges in intervals]).T
    band = [on_axis(edge, unit) for edge in curve.band]
    draw_band(axes, *band, along="y")
    draw_spread(axes, np.array(at), low, high, FAINT)
    axes.plot(at, middle, color=ACCENT, linewidth=2)
    axes.axhline(0, color=INK, linewidth=0.9)
    reach = [*band, low[-1], high[-1], *_draw_marks(axes, findings, verdict)]
    # the whole line, unless it soars where the correction all but fails
    room = 2 * (max(reach) - min(reach))
    reach += [height for height in middle if min(reach) - room <= height <= max(reach) + room]
    strip = WIDE if all(_fits(part) for part in curve.stretches) else NARROW
    bottom, top = min(reach), max(reach)
    room = 0.25 * (top - bottom)
    below = (top - bottom + 2.4 * room) * strip / (1 - strip)
    axes.set_ylim(bottom - room - below, top + 1.4 * room)
    axes.set_xlim(0.5, 1.0)
    _draw_words(axes, curve.stretches, strip)
    return unit


def _draw_marks(axes: Axes, findings: Findings, verdict: Verdict) -> list[float]:
    """Draw the stated reliability, the corrected estimate, where it vanishes; return heights."""
    heights, level, across = [], findings.plan.inference.level, axes.get_xaxis_transform()
    gone = findings.curves[verdict.outcome, verdict.score].vanishing.reliability
    stated, deciding = _marked(findings, verdict), verdict.deciding
    if stated is not None:
        low, high = stated.interval(level)
        bar = {"color": INK, "linewidth": 4, "solid_capstyle": "butt"}
        axes.plot([low, high], [0.97, 0.97], transform=across, **bar)
        near = gone is not None and high - 0.01 < gone < high + 0.1
        x, side = (low - 0.008, "right") if high >= 0.9 or near else (high + 0.008, "left")
        words = {"fontsize": 8, "color": INK, "va": "center", "ha": side}
        axes.text(x, 0.97, "stated", transform=across, **words)
        corrected = deciding
        if deciding.method != "corrected":
            corrected = corrected_row(findings, verdict, FAMILIES[deciding.model].margin)
        if corrected is not None:
            heights = [on_axis(edge, corrected.unit) for edge in corrected.interval(level)]
            axes.plot([stated.estimate] * 2, heights, color=INK, linewidth=1.6)
            middle = on_axis(corrected.estimate, corrected.unit)
            axes.plot([stated.estimate], [middle], marker="D", color=INK, markersize=7)
    if gone is not None and gone > 0.5:
        axes.axvline(gone, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        words = {"fontsize": 8, "color": INK, "va": "top", "ha": "right" if gone > 0.75 else "left"}
        axes.text(gone, 0.87, f" vanishes at {gone:.2f} ", transform=across, **words)
    return heights


def _fits(part: Stretch) -> bool:
    return part.high - part.low >= 0.0125 * len(part.word)


def _draw_words(axes: Axes, parts: tuple[Stretch, ...], strip: float) -> None:
    """Write the words in a strip at the bottom; one that is too long for its stretch stands."""
    across = axes.get_xaxis_transform()
    low, high = axes.get_ylim()
    floor = low + strip * (high - low)
    axes.axhspan(low, floor, color="white", zorder=2, linewidth=0)
    edges = [0.5, *[(one.high + two.low) / 2 for one, two in pairwise(parts)], 1.0]
    line = {"color": INK, "linewidth": 0.8, "zorder": 3}
    words = {"ha": "center", "va": "center", "fontsize": 8.5, "color": INK, "zorder": 3}
    for part, (left, right) in zip(parts, pairwise(edges), strict=True):
        axes.plot([left, left], [0, strip], transform=across, **line)
        turned = 0 if _fits(part) else 90
        middle = (left + right) / 2
        axes.text(middle, strip / 2, part.word, transform=across, rotation=turned, **words)
    axes.plot([0, 1], [strip, strip], transform=axes.transAxes, **line)
    axes.set_yticks([tick for tick in axes.get_yticks() if floor <= tick <= high])


def _alt(findings: Findings, verdict: Verdict) -> str:
    label, curve = findings.dataset.label, findings.curves[verdict.outcome, verdict.score]
    gone = curve.vanishing.reliability
    vanishes = "at none" if gone is None else f"at a reliability of {gone:.2f}"
    ends = (curve.known[0], curve.known[-1])
    pieces = (f"{display(effect.estimate, curve.unit)} at {at:.2f}" for at, effect in ends)
    return (
        f"Line of the effect of {label(verdict.score)} on {label(verdict.outcome)} over the"
        f" reliability of engagement: {' and '.join(pieces)}. It vanishes {vanishes}."
        f" {curve.sentence}"
    )
