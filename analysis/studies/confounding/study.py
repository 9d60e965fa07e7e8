"""What a confounder left out of the plan could do: to a least-squares effect, and to its word."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from analysis.data.sample import Sample
from analysis.models import fit_model
from analysis.models.design import Design, build_design, score_scale
from analysis.models.family import FAMILIES
from analysis.models.fit import p_value
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.verdict import BOUND
from analysis.studies.confounding.sensitivity import (
    as_strong_as,
    e_value,
    movement,
    partial_r2,
    robustness_value,
)


def study_confounding(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return robustness values, benchmarks and Oster's delta of the least-squares fit, and the
    E-value of a ratio.

    The estimates hold the plain effects of this score and outcome.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plain = {row.model: row for row in estimates if _is_plain(row, sample, outcome, score)}
    rows: list[Estimate] = []
    linear = [row for row in plain.values() if FAMILIES[row.model].linear]
    for row in linear:
        rows += _least_squares(sample, row, build_design(sample, outcome.column, (score,)))
    model = next(
        (m for m in (outcome.deciding_model, "poisson") if m in plain and FAMILIES[m].ratio), None
    )
    if model:
        rows += _e_values(sample, score, plain[model])
    return StudyResult(tuple(rows))


def _is_plain(row: Estimate, sample: Sample, outcome: OutcomeSection, score: str) -> bool:
    here = (outcome.column, score, "increment", score, sample.plan.score.scale, "")
    return (row.outcome, row.score, row.method, row.term, row.scale, row.variant) == here


def _least_squares(sample: Sample, row: Estimate, design: Design) -> list[Estimate]:
    """Return the rows of the least-squares fit; shares of variance are exact, errors are the plan's
    own.
    """
    fit = fit_model(design, "ols", "HC1")
    df = float(design.n - design.k)
    by = score_scale(sample, row.score) if row.scale == "sd" else 1.0
    moves = movement(design)
    classical = math.sqrt(fit.deviance / df / (design.n * moves.var_left))
    exact = fit.params[-1] / classical
    blank = replace(
        Question(sample, sample.plan.outcomes[row.outcome], row.score).row_of_fit(
            "sensitivity", fit
        ),
        covariance="",
    )
    level = sample.plan.inference.level
    rows = [
        replace(
            blank,
            term="partial_r2_treatment",
            estimate=partial_r2(exact, df),
            note=(
                "a confounder that explains all of the outcome would have to explain this share of"
                " the score"
            ),
        ),
        replace(
            blank,
            term="rv",
            estimate=robustness_value(exact, df),
            note=(
                "partial R2 that a confounder needs with score and outcome alike to explain the"
                " effect away"
            ),
        ),
        replace(
            blank,
            term="rv_alpha",
            estimate=robustness_value(row.statistic, df, level=level),
            clusters=row.clusters,
            covariance=row.covariance,
            note=(
                f"the same, to bring zero into the {100 * level:g} % interval; {row.covariance}"
                " errors in the classical formula, an approximation"
            ),
        ),
        replace(
            blank,
            term="oster_delta",
            estimate=moves.delta(),
            note=(
                "selection on what is left out, relative to engagement, that makes the effect 0"
                " where 1.3 times R2 could be explained"
            ),
        ),
    ]
    return rows + [
        _bound(replace(blank, term=BOUND + column), row, design, column, classical * by)
        for column in sample.plan.engagement.columns
    ]


def _bound(
    blank: Estimate, row: Estimate, design: Design, column: str, classical: float
) -> Estimate:
    """Return the effect as it would be, at worst, with a confounder as strong as an engagement
    column.
    """
    spline = [f"{column}[{number}]" for number in (1, 2, 3)]
    columns = [
        i
        for i, (term, block) in enumerate(zip(design.terms, design.blocks, strict=True))
        if block == "engagement" and term in (column, *spline)
    ]
    found = as_strong_as(design, columns)
    if found is None:
        return replace(
            blank,
            note=(
                f"no confounder as strong as {column} can exist: it explains too much of the score"
            ),
        )
    df = float(design.n - design.k)
    effect = row.estimate - math.copysign(found.bias(classical, df), row.estimate)
    error = found.error(row.std_error, df)
    note = (
        f"with a confounder as strong as {column}: partial R2 {found.with_score:.3g} with the"
        " score, "
    )
    note += (
        f"{found.with_outcome:.3g} with the outcome; {row.covariance} errors scaled, an"
        " approximation"
    )
    if error == 0:
        return replace(blank, estimate=effect, unit=row.unit, scale=row.scale, note=note)
    return replace(
        blank,
        estimate=effect,
        std_error=error,
        statistic=effect / error,
        df=row.df,
        p_value=p_value(effect / error, row.df),
        unit=row.unit,
        scale=row.scale,
        clusters=row.clusters,
        covariance=row.covariance,
        note=note,
    )


def _e_values(sample: Sample, score: str, row: Estimate) -> list[Estimate]:
    """Return the E-values of the rate ratio per standard deviation, and of the interval's limit
    nearest 1.
    """
    by = 1.0 if row.scale == "sd" else score_scale(sample, score)
    low, high = (by * edge for edge in row.interval(sample.plan.inference.level))
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    blank = replace(
        row,
        method="sensitivity",
        term="e_value",
        scale="",
        std_error=None,
        statistic=None,
        df=None,
        p_value=None,
        unit="number",
    )
    note = (
        "ratio with which a confounder would have to go with score and outcome to explain the"
        " effect away"
    )
    rows = []
    for variant, size, said in (
        ("", abs(by * row.estimate), note),
        ("limit", nearest, f"{note}, at the interval's limit"),
    ):
        beyond = size > 300  # the square of such a ratio is no number any more
        rows.append(
            replace(
                blank,
                variant=variant,
                estimate=None if beyond else e_value(math.exp(size)),
                note=said,
            )
        )
    return rows
