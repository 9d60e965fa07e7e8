"""What a confounder left out of the plan could do to the effect and to its interval."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace

from analysis.data.reading.cells import numbers_of
from analysis.data.sample import Sample
from analysis.data.selection.columns import columns_of
from analysis.errors import listing, printable
from analysis.models import fit_model
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.ids import slugs_of
from analysis.results.question import Question, tested
from analysis.results.verdict import BOUND
from analysis.studies.confounding.sensitivity import (
    Confounder,
    WorkingRegression,
    as_strong_as,
    e_value,
    movement,
    partial_r2,
    robustness_value,
)

LARGEST_LOG_RATIO = 300.0
"""The square of a ratio beyond exp of it is no number any more."""


def study_confounding(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return robustness values, benchmarks, Oster's delta and E-values.

    The estimates hold the plain effects of this score and outcome.
    """
    outcome, score = question.outcome.column, question.score
    here = (outcome, score, "increment", score, question.plan.score.scale, "")
    plain = {
        row.model: row
        for row in estimates
        if (row.outcome, row.score, row.method, row.term, row.scale, row.variant) == here
    }
    linear = [row for model, row in plain.items() if FAMILIES[model].linear]
    rows = [one for row in linear for one in _least_squares(question, row)]
    if has_working_regression(question.model):
        rows += _of_working_regression(question)
    ratios = [m for m in (question.model, "poisson") if m in plain and FAMILIES[m].ratio]
    if ratios:
        rows += _e_values(question, plain[ratios[0]])
    return StudyResult(tuple(rows))


def _least_squares(question: Question, row: Estimate) -> list[Estimate]:
    """Return the sensitivity of a least-squares effect, with the plan's errors."""
    fit = fit_model(question.design, row.model, "HC1")
    df, moves = float(fit.design.n - fit.design.k - fit.design.lost), movement(fit.design)
    classical = math.sqrt(fit.deviance / df / (fit.design.n * moves.var_left))
    exact, level = fit.params[-1] / classical, question.level
    quantities = {
        "partial_r2_treatment": (
            partial_r2(exact, df),
            "a confounder that explains all of the outcome would have to explain this share of the"
            " score",
        ),
        "rv": (
            robustness_value(exact, df),
            "partial R2 that a confounder needs with score and outcome alike to explain the effect"
            " away",
        ),
        "rv_alpha": (
            robustness_value(row.statistic, df, level=level, reference=row.df),
            f"the same, to bring zero into the {100 * level:g} % interval; {row.covariance} errors"
            " in the classical formula, an approximation",
        ),
        "oster_delta": (
            moves.delta(),
            "selection on what is left out, relative to engagement, that makes the effect 0 where"
            " 1.3 times R2 could be explained",
        ),
    }
    robust = {"clusters": row.clusters, "covariance": row.covariance}
    rows = [
        question.row(
            "sensitivity",
            row.model,
            term,
            n=fit.design.n,
            estimate=value,
            note=note,
            **(robust if term == "rv_alpha" else {}),
        )
        for term, (value, note) in quantities.items()
    ]
    if row.clusters is not None:
        rows += _clustered(question, row, df)
    error = classical * question.factor(row.scale)
    return rows + [
        _bound(
            question,
            row,
            column,
            as_strong_as(fit.design, positions_of(fit, question.score, column)),
            error,
            df,
        )
        for column in question.plan.engagement.columns
    ]


def _clustered(question: Question, row: Estimate, df: float) -> list[Estimate]:
    """Return the strengths that follow from the clustered t."""
    quantities = {
        "partial_r2_treatment": partial_r2(row.statistic, df),
        "rv": robustness_value(row.statistic, df),
    }
    note = (
        f"from the t with {row.covariance} errors in {row.clusters:,} clusters, an approximation:"
        " the algebra is that of independent errors"
    )
    return [
        question.row(
            "sensitivity",
            row.model,
            term,
            n=row.n,
            variant="clusters",
            estimate=value,
            clusters=row.clusters,
            covariance=row.covariance,
            note=note,
        )
        for term, value in quantities.items()
    ]


def has_working_regression(model: str) -> bool:
    """Return whether a model that is no least squares is one equation whose last step is weighted
    least squares.
    """
    family = FAMILIES[model]
    return not family.linear and not family.two_parts


def _of_working_regression(question: Question) -> list[Estimate]:
    """Return robustness values and benchmarks of a deciding model that is no least squares."""
    fit, margin = question.fit, question.family.margin
    if fit.influence is not None or not len(fit.residuals):
        return []
    row = next(
        one
        for one in question.coefficients("increment", fit)
        if one.variant == margin and one.scale == question.plan.score.scale
    )
    working = WorkingRegression.of(fit, question.score)
    exact, df = working.slope / working.std_error, working.df
    how = f"of the weighted least squares that the {question.family.printed} ends in"
    quantities = {
        "partial_r2_treatment": (partial_r2(exact, df), how),
        "rv": (robustness_value(exact, df), how),
        "rv_alpha": (
            robustness_value(row.statistic, df, level=question.level, reference=row.df),
            f"{how}, with {row.covariance} errors in the classical formula, an approximation",
        ),
    }
    rows = [
        question.row("sensitivity", row.model, term, n=fit.design.n, estimate=value, note=note)
        for term, (value, note) in quantities.items()
    ]
    share = working.std_error / abs(working.slope) * abs(row.estimate)  # on the verdict's scale
    return rows + [
        _bound(
            question,
            row,
            column,
            working.explained(positions_of(fit, question.score, column)).times(1.0),
            share,
            df,
        )
        for column in question.plan.engagement.columns
    ]


def positions_of(fit: Fit, score: str, column: str) -> list[int]:
    """Return where an engagement column, or its spline, stands in a design whose score is last."""
    terms = (column, *(f"{column}[{number}]" for number in (1, 2, 3)))
    others = [
        (term, block)
        for term, block in zip(fit.design.terms, fit.design.blocks, strict=True)
        if term != score
    ]
    return [
        at for at, (term, block) in enumerate(others) if block == "engagement" and term in terms
    ]


def _bound(
    question: Question,
    row: Estimate,
    column: str,
    confounder: Confounder | None,
    classical: float,
    df: float,
) -> Estimate:
    """Return the worst effect with a confounder as strong as an engagement column.

    Parameters
    ----------
    question : Question
    row : Estimate
        The effect, on the scale of the verdict.
    column : str
    confounder : Confounder or None
    classical : float
        The classical error of the effect.
    df : float
    """
    blank = question.row("sensitivity", row.model, BOUND + column, n=row.n)
    if confounder is None:
        return blank.noted(
            f"no confounder as strong as {column} can exist: it explains too much of the score"
        )
    bias = math.copysign(confounder.bias(classical, df), row.estimate)
    error = confounder.error(row.std_error, df)
    weighted = "" if FAMILIES[row.model].linear else " in the model's weighted least squares"
    effect = replace(
        blank,
        estimate=row.estimate - bias,
        unit=row.unit,
        scale=row.scale,
        note=(
            f"with a confounder as strong as {column}: partial R2 {confounder.with_score:.3g} with"
            f" the score, {confounder.with_outcome:.3g} with the outcome{weighted};"
            f" {row.covariance} errors scaled, an approximation"
        ),
    )
    if error == 0:
        return effect
    robust = replace(effect, clusters=row.clusters, covariance=row.covariance)
    return tested(replace(robust, std_error=error, df=row.df))


def _e_values(question: Question, row: Estimate) -> list[Estimate]:
    """Return the E-values of the ratio per SD, and of the interval's limit nearest 1."""
    by = question.factor("sd") / question.factor(row.scale)
    low, high = (by * edge for edge in row.interval(question.level))
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    note = (
        "ratio with which a confounder would have to go with score and outcome to explain the"
        " effect away"
    )
    return [
        question.row(
            "sensitivity",
            row.model,
            "e_value",
            n=row.n,
            variant=variant,
            estimate=None if size > LARGEST_LOG_RATIO else e_value(math.exp(size)),
            clusters=row.clusters,
            covariance=row.covariance,
            note=text,
        )
        for variant, size, text in (
            ("", abs(by * row.estimate), note),
            ("limit", nearest, f"{note}, at the interval's limit"),
        )
    ]


# --- last period's outcome ------------------------------------------------------------------------

BEFORE = set(
    [
        "lag",
        "lagged",
        "lag1",
        "l1",
        "last",
        "prev",
        "previous",
        "prior",
        "past",
        "before",
        "baseline",
        "pre",
        "earlier",
        "t0",
        "start",
        "beginning",
        "initial",
    ]
)
"""Parts of a name that say "a period before"."""

NOISE = set(["year", "month", "quarter", "week", "period", "season", "of", "the", "in", "total"])


def check_last_period(sample: Sample) -> list[Check]:
    """Return a check where an unused column may be the last period's outcome."""
    used, frame = set(columns_of(sample.plan)), sample.dataset.frame
    free = [str(name) for name in frame.columns if str(name) not in used]
    checks = []
    for outcome in sample.plan.outcome:
        earlier = [
            f'"{printable(name, limit=60)}"'
            for name in free
            if is_before(name, outcome.column) and numbers_of(frame[name]).notna().mean() > 0.5
        ]
        if earlier:
            reason = (
                f"{listing(earlier)} may be {printable(outcome.column, limit=60)} of the period"
                " before. Held constant under [controls], it takes out what made an account earn"
                " much all along; left out, say why in the plan."
            )
            about, known = (reason, None, outcome.column), slugs_of(sample.plan)
            checks.append(Check(sample.plan.name, "last_period", None, *about, slugs=known))
    return checks


def is_before(name: str, outcome: str) -> bool:
    """Return whether a column's name is the outcome's, one period earlier.

    >>> is_before("sales_2013", "sales_2014"), is_before("last_year_sales", "sales")
    (True, True)
    >>> is_before("sales_region", "sales")
    False
    """
    ours, other = (re.findall(r"[a-z]+|\d+", text.casefold()) for text in (outcome, name))
    if len(ours) == len(other) and ours != other:
        apart = [(one, two) for one, two in zip(ours, other, strict=True) if one != two]
        if len(apart) == 1 and all(part.isdecimal() and len(part) <= 4 for part in apart[0]):
            return int(apart[0][0]) == int(apart[0][1]) + 1
    core, words = set(ours) - NOISE, set(other) - NOISE
    extra = words - core - {"1", "t"}
    return bool(core) and core <= words and bool(extra) and extra <= BEFORE and ours != other
