"""The passage on noise in engagement: three sentences that nobody else prints, and the verdict over
reliability.
"""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.measurement_error.sweep import TERM, Stretch, stretches
from analysis.results.estimates import Estimate
from analysis.results.figure import ACCENT, BAND, INK, STYLE, Figure, on_axis, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.passage import Passage
from analysis.results.sentence import listed
from analysis.results.verdict import Verdict

HOW = {
    "halves": "from two halves",
    "declared": "declared in the plan",
    "test-retest": "from two windows",
}
CAPTION = (
    "The line is the score's effect if recorded engagement had the reliability below it, errors not"
    " shared with the score, and the grey area its {level} interval; at the right end, engagement"
    " counts as free of noise. Within the shaded band an effect is too small to matter. The words"
    " at the bottom are what the plan's rule says there.{marks}"
)


def reliability_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where noise in engagement was not studied (data beyond
    memory).
    """
    paragraphs = []
    for verdict in findings.decided:
        said = reliability_sentences(findings, verdict)
        if said:
            several = len(findings.decided) > 1
            label = findings.dataset.label
            about = f"{label(verdict.score)} and {label(verdict.outcome)}. " if several else ""
            paragraphs.append(about[:1].upper() + about[1:] + " ".join(said))
    if not paragraphs:
        return None
    drawn = [o.column for o in findings.plan.outcome if _rows(findings, TERM, o.column)]
    figures = tuple(reliability_figure(findings, column) for column in drawn)
    return Passage("Is engagement really controlled?", tuple(paragraphs), figures)


# --- sentences ------------------------------------------------------------------------------------


def reliability_sentences(findings: Findings, verdict: Verdict) -> tuple[str, ...]:
    """Return the calibrated null, the break-even reliability and the sweep, each as a sentence;
    else what to measure.

    Empty where noise in engagement was not studied.
    """
    rows = {
        row.term: row
        for row in _rows(findings, None, verdict.outcome, verdict.score)
        if row.term != TERM
    }
    if not rows:
        return ()
    if findings.plan.score.shares_error == "full":
        return (
            (
                "The plan says that the score is computed from these very engagement columns. It"
                " then shares their noise, the ordinary fit is right, and there is no reliability"
                " at which the effect would vanish."
            ),
        )
    said = [
        _null_sentence(findings, rows),
        _break_even_sentence(rows, verdict),
        _sweep_sentence(findings, verdict),
    ]
    stated = any(term.startswith("reliability:") for term in rows)
    return tuple(filter(None, [*said, "" if stated else _what_to_measure(rows)]))


def _rows(
    findings: Findings, term: str | None, outcome: str, score: str | None = None
) -> list[Estimate]:
    parts = {"method": "reliability", "outcome": outcome} | ({"score": score} if score else {})
    return list(findings.estimates.select(**parts, **({"term": term} if term else {})))


def _null_sentence(findings: Findings, rows: dict[str, Estimate]) -> str:
    naive = rows.get("false_positive_naive")
    if naive is None:
        return ""
    stated = [
        _stated(findings, row) for term, row in rows.items() if term.startswith("reliability:")
    ]
    given = (
        f"With this number of rows, these correlations and this reliability ({listed(stated)})"
        if stated
        else (f"With this number of rows and these correlations, and {naive.note}")
    )
    corrected = rows.get("false_positive_corrected")
    also = (
        f", and the corrected test {_percent(corrected.estimate)} of the time" if corrected else ""
    )
    return (
        f"{given}, a score that adds nothing would pass the ordinary test"
        f" {_percent(naive.estimate)} of the time{also}."
    )


def _stated(findings: Findings, row: Estimate) -> str:
    low, high = row.interval(findings.plan.inference.level)
    column = row.term.removeprefix("reliability:")
    return (
        f"{findings.dataset.label(column)} {row.estimate:.2f}, {low:.2f} to {high:.2f},"
        f" {HOW.get(row.model, row.model)}"
    )


def _break_even_sentence(rows: dict[str, Estimate], verdict: Verdict) -> str:
    gone, small = rows["break_even"], rows["break_even_sesoi"]
    if gone.estimate is None:
        first = gone.note.removesuffix(".")
    elif verdict.verdict == "inconclusive":
        first = (
            "The estimate, which decides nothing, would be zero if engagement were measured with a"
            f" reliability of {gone.estimate:.2f}"
        )
    else:
        first = (
            "The score's effect vanishes if engagement is measured with a reliability of"
            f" {gone.estimate:.2f}"
        )
    if small.estimate is None:
        return f"{first}. {small.note}"
    return (
        f"{first}; at {small.estimate:.2f} it is within the plan's band of effects too small to"
        " matter."
    )


def _sweep_sentence(findings: Findings, verdict: Verdict) -> str:
    found = _stretches(findings, verdict)
    if not found:
        return ""
    ends = f"Swept over reliabilities from {found[0].low:g} to {found[-1].high:g}, the rule says"
    if len(found) == 1:
        return f"{ends} {found[0].said} throughout."
    pieces = [f"{part.said} {_span(part)}" for part in found]
    return f"{ends} {listed(pieces)}."


def _span(part: Stretch) -> str:
    return f"at {part.low:g}" if part.low == part.high else f"from {part.low:g} to {part.high:g}"


def _stretches(findings: Findings, verdict: Verdict) -> tuple[Stretch, ...]:
    rows = _rows(findings, TERM, verdict.outcome, verdict.score)
    return stretches(rows, verdict.band, findings.plan.inference.level)


def _what_to_measure(rows: dict[str, Estimate]) -> str:
    gone = rows["break_even"].estimate
    question = ""
    if gone is not None:
        question = (
            f" Below {gone:.2f} nothing is left of the effect; the sweep says from where on a word"
            " holds."
        )
    return (
        "The plan states no reliability of engagement. To find it out, record engagement twice"
        " over the same time, such as in odd and in even weeks, and name the two columns in the"
        f" plan ([engagement] halves), or give the weekly rows ([engagement] long).{question}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


# --- the figure -----------------------------------------------------------------------------------


def reliability_figure(findings: Findings, outcome: str) -> Figure:
    """Draw the score's effect over the reliability of engagement, with the verdict at each
    reliability.

    Raises
    ------
    LookupError
        Where there is nothing to sweep: data beyond memory, a transform without a correction, or a
        score that is computed from the engagement columns themselves.
    """
    verdicts = [
        r
        for r in findings.decided
        if r.outcome == outcome and _rows(findings, TERM, outcome, r.score)
    ]
    if not verdicts:
        raise LookupError(f"nothing was swept over reliability for {outcome}")
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(5.0, 0.5 + 3.0 * len(verdicts)), layout="constrained")
        grid = canvas.subplots(len(verdicts), 1, sharex=True, squeeze=False)[:, 0]
        for axes, verdict in zip(grid, verdicts, strict=True):
            _draw(axes, findings, verdict)
        grid[-1].set_xlabel("reliability of recorded engagement", fontsize=10)
        marks = " ".join(
            filter(
                None,
                [
                    (
                        "The diamond with its interval is the corrected estimate at the stated"
                        " reliability, whose range is the bar at the top."
                        if any(_marked(findings, r) for r in verdicts)
                        else ""
                    ),
                    (
                        "The dashed line marks where the effect vanishes."
                        if any(_vanishing(findings, r) is not None for r in verdicts)
                        else ""
                    ),
                ],
            )
        )
        level = f"{100 * findings.plan.inference.level:g} %"
        caption = CAPTION.format(level=level, marks=f" {marks}" if marks else "")
        return rendered(
            canvas,
            " ".join(_alt(findings, verdict) for verdict in verdicts),
            caption,
            findings.dataset,
        )


def _marked(findings: Findings, verdict: Verdict) -> Estimate | None:
    """Return the reliability that the plan states, where it states one common value to mark."""
    rows = [
        row
        for row in _rows(findings, None, verdict.outcome, verdict.score)
        if row.term.startswith("reliability:")
    ]
    return rows[0] if len(rows) == 1 else None


def _corrected(findings: Findings, verdict: Verdict) -> Estimate | None:
    if verdict.deciding.method == "corrected":
        return verdict.deciding
    variant = (
        "margin" if verdict.deciding.unit == "points" and verdict.deciding.model != "ols" else ""
    )
    for model in ("eiv", "calibration"):
        rows = findings.estimates.select(
            method="corrected",
            model=model,
            outcome=verdict.outcome,
            score=verdict.score,
            variant=variant,
        )
        for row in rows:
            return row
    return None


def _vanishing(findings: Findings, verdict: Verdict) -> float | None:
    return next(
        row.estimate for row in _rows(findings, "break_even", verdict.outcome, verdict.score)
    )


def _draw(axes: Axes, findings: Findings, verdict: Verdict) -> None:
    level, unit = findings.plan.inference.level, verdict.deciding.unit
    rows = [
        row
        for row in _rows(findings, TERM, verdict.outcome, verdict.score)
        if row.estimate is not None
    ]
    at = np.array([float(row.variant) for row in rows])
    middle = np.array([on_axis(row.estimate, unit) for row in rows])
    low, high = np.array([[on_axis(edge, unit) for edge in row.interval(level)] for row in rows]).T
    band = [on_axis(edge, unit) for edge in verdict.band]
    axes.axhspan(*band, color=BAND, zorder=0, linewidth=0)
    axes.fill_between(at, low, high, color="#9a9a9a", alpha=0.45, linewidth=0)
    axes.plot(at, middle, color=ACCENT, linewidth=2)
    axes.axhline(0, color=INK, linewidth=0.9)
    reach = [*band, low[-1], high[-1], *_draw_marks(axes, findings, verdict)]
    room = 2 * (
        max(reach) - min(reach)
    )  # the whole line, unless it soars where the correction all but fails
    reach += [height for height in middle if min(reach) - room <= height <= max(reach) + room]
    found = _stretches(findings, verdict)
    strip = WIDE if all(_fits(part) for part in found) else NARROW
    bottom, top = min(reach), max(reach)
    room = 0.25 * (top - bottom)
    axes.set_ylim(
        bottom - room - (top - bottom + 2.4 * room) * strip / (1 - strip), top + 1.4 * room
    )
    axes.set_xlim(0.5, 1.0)
    _draw_words(axes, found, strip)
    label = findings.dataset.label
    title = plain_label(" ".join(f"{label(verdict.score)}, {label(verdict.outcome)}".split()))
    axes.set_title(title[:1].upper() + title[1:], loc="left", fontsize=11, fontweight="bold")
    axes.set_ylabel(
        {"percent": "effect, %", "points": "effect, points"}.get(unit, "effect"), fontsize=10
    )


def _draw_marks(axes: Axes, findings: Findings, verdict: Verdict) -> list[float]:
    """Draw the stated reliability, the corrected estimate and where it vanishes; return heights to
    be shown.
    """
    level, heights = findings.plan.inference.level, []
    stated, corrected = _marked(findings, verdict), _corrected(findings, verdict)
    across, gone = axes.get_xaxis_transform(), _vanishing(findings, verdict)
    if stated is not None:
        low, high = stated.interval(level)
        axes.plot(
            [low, high],
            [0.97, 0.97],
            color=INK,
            linewidth=4,
            transform=across,
            solid_capstyle="butt",
        )
        near = gone is not None and high - 0.01 < gone < high + 0.1
        side = -1 if high >= 0.9 or near else 1
        axes.text(
            high + 0.008 if side > 0 else low - 0.008,
            0.97,
            "stated",
            transform=across,
            fontsize=8,
            color=INK,
            va="center",
            ha="left" if side > 0 else "right",
        )
        if corrected is not None:
            heights = [on_axis(edge, corrected.unit) for edge in corrected.interval(level)]
            axes.plot([stated.estimate] * 2, heights, color=INK, linewidth=1.6)
            axes.plot(
                [stated.estimate],
                [on_axis(corrected.estimate, corrected.unit)],
                marker="D",
                color=INK,
                markersize=7,
            )
    if gone is not None and gone > 0.5:
        axes.axvline(gone, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        side = "right" if gone > 0.75 else "left"
        axes.text(
            gone,
            0.87,
            f" vanishes at {gone:.2f} ",
            transform=across,
            fontsize=8,
            ha=side,
            va="top",
            color=INK,
        )
    return heights


WIDE, NARROW = 0.12, 0.3
"""Height of the strip of words, as a share of the axes: words that lie, and words that stand."""


def _fits(part: Stretch) -> bool:
    return part.high - part.low >= 0.0125 * len(part.word)


def _draw_words(axes: Axes, found: tuple[Stretch, ...], strip: float) -> None:
    """Write the words in a strip at the bottom; where a stretch is too short for its word, the word
    stands.
    """
    across = axes.get_xaxis_transform()
    low, high = axes.get_ylim()
    axes.axhspan(low, low + strip * (high - low), color="white", zorder=2, linewidth=0)
    edges = [0.5, *[(one.high + two.low) / 2 for one, two in pairwise(found)], 1.0]
    for part, (left, right) in zip(found, pairwise(edges), strict=True):
        axes.plot([left, left], [0, strip], color=INK, linewidth=0.8, transform=across, zorder=3)
        axes.text(
            (left + right) / 2,
            strip / 2,
            part.word,
            transform=across,
            ha="center",
            va="center",
            fontsize=8.5,
            color=INK,
            zorder=3,
            rotation=0 if _fits(part) else 90,
        )
    axes.plot([0, 1], [strip, strip], color=INK, linewidth=0.8, transform=axes.transAxes, zorder=3)
    axes.set_yticks(
        [tick for tick in axes.get_yticks() if low + strip * (high - low) <= tick <= high]
    )


def _alt(findings: Findings, verdict: Verdict) -> str:
    label = findings.dataset.label
    gone = _vanishing(findings, verdict)
    vanishes = (
        f" It vanishes at a reliability of {gone:.2f}."
        if gone is not None
        else " It vanishes at none."
    )
    rows = [
        row
        for row in _rows(findings, TERM, verdict.outcome, verdict.score)
        if row.estimate is not None
    ]
    ends = [rows[0], rows[-1]]
    said = " and ".join(f"{row.displayed} at {float(row.variant):.2f}" for row in ends)
    return (
        f"Line of the effect of {label(verdict.score)} on {label(verdict.outcome)} over the"
        f" reliability of engagement: {said}.{vanishes} {_sweep_sentence(findings, verdict)}"
    )
