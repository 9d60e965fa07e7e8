"""Calibration with and without the score: does what is predicted come true?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.errors import DesignError
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, StudyResult, display
from analysis.results.findings import Findings
from analysis.results.question import Question, tested
from analysis.results.verdict import Verdict
from analysis.studies.calibration.curve import Curve, calibration_curves

if TYPE_CHECKING:
    from analysis.results.figure import Figure
    from analysis.results.section import ReportSection
    from analysis.results.table import Table

VARIANTS = ("without-score", "with-score")
"""Of the rows under the method `calibration`."""

ERROR = "ici"
"""Term: the integrated calibration index, beside `intercept` and `slope`."""

NULLS = {"intercept": 0.0, "slope": 1.0}


def study_calibration(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return how well predictions of rows left out are calibrated, without the score and with it.

    A negative binomial or hurdle outcome is predicted by the Poisson, whose mean it shares.
    """
    if question.plan.quick:
        reason = "The plan says quick = true, so calibration was not looked at."
        return question.only("calibration_curves", None, reason)
    try:
        curves = _curves(question)
    except DesignError as error:
        reason = f"Calibration out of sample cannot be looked at: {error.found}."
        return question.only("calibration_curves", None, reason)
    rows = [
        row
        for curve, variant in zip(curves, VARIANTS, strict=True)
        for row in _rows(question, curve, variant)
    ]
    return StudyResult(tuple(rows))


def _curves(question: Question) -> tuple[Curve, Curve]:
    return calibration_curves(
        question.design, question.mean_model, rng=question.generator(), level=question.level
    )


def _rows(question: Question, curve: Curve, variant: str) -> list[Estimate]:
    """Return intercept and slope with their tests against 0 and 1, and the mean distance."""
    rows = []
    for term, null in NULLS.items():
        estimate, error = curve.line.coefficient(term)
        blank = replace(
            question.row_of_fit("calibration", curve.line, term),
            variant=variant,
            df=curve.line.df,
            note=f"of predictions of rows left out; tested against {null:g}",
        )
        row = tested(replace(blank, estimate=estimate - null, std_error=error))
        rows.append(replace(row, estimate=estimate))
    unit = "points" if question.outcome.kind == "binary" else "outcome"
    far = question.row(
        "calibration",
        curve.line.model,
        ERROR,
        n=question.design.n,
        variant=variant,
        estimate=curve.error,
        unit=unit,
        note="mean distance between what is predicted of rows left out and their smooth mean",
    )
    return [*rows, far]


# --- the section of the report --------------------------------------------------------------------

EXPLAINED = (
    "Each curve is the outcome's smooth mean over what was predicted of rows that were left out;"
    " the diagonal is where every prediction comes true. A model that knows more reaches farther to"
    " both sides, and a calibrated one stays on the diagonal as it does."
)


def calibration_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where calibration was not looked at."""
    from analysis.results.section import ReportSection, about, rows_on

    texts, figures, frames = [], [], []
    for verdict in findings.decided:
        rows = {(row.term, row.variant): row for row in rows_on(findings, verdict, "calibration")}
        if not rows:
            continue
        question = Question(findings.sample, findings.plan.outcomes[verdict.outcome], verdict.score)
        curves = _curves(question)
        text = _sentence(findings, verdict, rows)
        texts.append(about(findings, verdict.outcome, verdict.score) + text)
        figures.append(_figure(findings, verdict, curves, text))
        frames += [_frame(verdict, *pair) for pair in zip(curves, VARIANTS, strict=True)]
    if not texts:
        return None
    title = "Calibration with and without the score"
    return ReportSection(title, (*texts, EXPLAINED), tuple(figures), data=pd.concat(frames))


def _frame(verdict: Verdict, curve: Curve, variant: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "outcome": verdict.outcome,
            "score": verdict.score,
            "model": variant,
            **{name: getattr(curve, name) for name in ("predicted", "observed", "low", "high")},
        }
    )


def _sentence(findings: Findings, verdict: Verdict, rows: dict[tuple[str, str], Estimate]) -> str:
    """Return how far predictions are off, and which way the score points, in words."""
    label, level = findings.label, findings.level
    outcome, score = label(verdict.outcome), label(verdict.score)
    off, slopes = ([rows[term, variant] for variant in VARIANTS] for term in (ERROR, "slope"))
    far = [row.displayed.removeprefix("+") for row in off]
    said = [
        f"{row.estimate:.2f} ({100 * level:g} % CI {low:.2f} to {high:.2f})"
        for row in slopes
        for low, high in (row.interval(level),)
    ]
    unit = "" if off[0].unit == "points" else findings.dataset.unit(verdict.outcome)
    way = _direction(findings, verdict, verdict.deciding)
    return (
        f"Predictions of {outcome} for rows that were left out are {far[0]} {unit}".rstrip()
        + f" off on average without {score}, and {far[1]} with it. The slope is {said[0]} without"
        f" and {said[1]} with it: below 1 predictions go too far to both sides, above 1 not far"
        f" enough. {way}"
    )


def _direction(findings: Findings, verdict: Verdict, effect: Estimate) -> str:
    """Return in words which way the score points, since signs are read both ways: for a score of
    which less is better, what a better one goes with.
    """
    outcome, score = findings.label(verdict.outcome), findings.label(verdict.score)
    sign = findings.plan.score.sign_of(verdict.score)
    toward = sign * effect.estimate
    step = "one standard deviation" if effect.scale == "sd" else "one unit"
    way = "more" if toward > 0 else "less"
    size = display(toward, effect.unit).lstrip("+-")
    moved = f"more of {score}" if sign > 0 else f"less of {score}, which is better,"
    return f"With engagement held constant, {step} {moved} goes with {way} {outcome} ({size})."


def _figure(findings: Findings, verdict: Verdict, curves: tuple[Curve, Curve], text: str) -> Figure:
    """Draw both curves with their bands over the diagonal."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    from analysis.results.figure import (
        ACCENT,
        FAINT,
        INK,
        STYLE,
        WIDTH,
        credit,
        draw_spread,
        plain_label,
        rendered,
    )

    label, question_model = findings.label, curves[0].line.model
    outcome, score = label(verdict.outcome), label(verdict.score)
    share = findings.plan.outcomes[verdict.outcome].kind == "binary"
    by, unit = (100.0, " (%)") if share else (1.0, "")
    drawn = (
        (curves[0], FAINT, "--", f"without {score}"),
        (curves[1], ACCENT, "-", f"with {score}"),
    )
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 4.2), layout="constrained")
        axes = canvas.subplots()
        ends = [np.concatenate([one.predicted for one in curves]) * by]
        axes.axline((ends[0].min(),) * 2, (ends[0].max(),) * 2, color=INK, linewidth=0.9)
        for curve, colour, style, name in drawn:
            draw_spread(axes, curve.predicted * by, curve.low * by, curve.high * by, colour)
            axes.plot(
                curve.predicted * by,
                curve.observed * by,
                color=colour,
                linestyle=style,
                linewidth=2,
                label=plain_label(name),
            )
        if FAMILIES[question_model].link == "log":
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlabel(plain_label(f"predicted {outcome}{unit}"), fontsize=10)
        axes.set_ylabel(plain_label(f"observed, smooth{unit}"), fontsize=10)
        canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        reach = "; ".join(
            f"{name}: predictions from {display(float(c.predicted[0]) * by, 'number')} to"
            f" {display(float(c.predicted[-1]) * by, 'number')}, observed from"
            f" {display(float(c.observed[0]) * by, 'number')} to"
            f" {display(float(c.observed[-1]) * by, 'number')}"
            for c, _, _, name in drawn
        )
        alt = f"Calibration of predictions of {outcome}{unit}. {reach}. {text}"
        caption = (
            "Observed over predicted, of rows that were left out, with"
            f" {100 * findings.level:g} % bands; on the thin line what is predicted comes true."
        )
        return rendered(
            canvas,
            alt,
            caption,
            findings.dataset,
            title=_title(findings, verdict),
            credit=credit(findings),
            values=_values(drawn, by, f"Observed by predicted {outcome}{unit}"),
        )


def _title(findings: Findings, verdict: Verdict) -> str:
    """Return how far what is predicted is from what comes true, with the score and without it."""
    from analysis.results.headline import said_mean
    from analysis.results.section import rows_on

    away = {
        row.variant: said_mean(findings, verdict.outcome, row.estimate)
        for row in rows_on(findings, verdict, "calibration")
        if row.term == ERROR
    }
    without, beside = (away[variant].replace("per cent", "points") for variant in VARIANTS)
    outcome, score = findings.label(verdict.outcome), findings.label(verdict.score)
    return (
        f"With {score}, predictions of {outcome} miss its mean by {beside}; without it, by"
        f" {without}"
    )


ROWS = 11
"""Points of a curve that a table has."""


def _values(drawn: tuple[tuple[Curve, str, str, str], ...], by: float, caption: str) -> Table:
    """Return points along both curves with their intervals."""
    from analysis.results.table import Table

    rows = []
    for curve, _, _, name in drawn:
        at = np.unique(np.linspace(0, len(curve.predicted) - 1, ROWS).round().astype(int))
        columns = (curve.predicted, curve.observed, curve.low, curve.high)
        for numbers in zip(*(by * column[at] for column in columns), strict=True):
            rows.append((name, *(display(float(number), "number") for number in numbers)))
    head = ("Prediction", "Predicted", "Observed", "Low", "High")
    return Table(caption, head, tuple(rows), (1, 2, 3, 4))
