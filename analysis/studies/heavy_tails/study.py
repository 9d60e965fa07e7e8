"""Revenue with a heavy tail: its index, and the percentile-t bootstrap that stands under it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.rule import Tail, word_of
from analysis.studies.heavy_tails.tail import LIGHT, bootstrap_t, hill_index, top_share

MOST_WORK = 12_000_000
"""Rows times replicates; beyond it the bootstrap is run only where a heavy tail makes the verdict
ask for it.
"""

FEWEST_DRAWS = 0.9
"""Share of the draws without which the rest is no sample of what could have been drawn."""

VERY_LARGE, FEWER_REPLICATES = 100_000, 399
"""Beyond so many rows so many draws at most where each is fitted to the rows; a row's note says how
many there were.
"""

VARIANT = "bootstrap-t"


def study_bootstrap(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the deciding effect with a percentile-t bootstrap interval, or why there is none.

    Under a heavy tail the verdict asks for it, so it is run also where the plan says quick.
    """
    options, rows = question.plan.inference, question.sample.rows
    if not FAMILIES[question.model].ratio:
        return StudyResult()
    index = _tail_index(question)
    heavy = index is not None and index < LIGHT
    if not heavy and (question.plan.quick or rows * options.bootstrap > MOST_WORK):
        why = (
            "The plan says quick = true"
            if question.plan.quick
            else f"{rows:,} rows are many, and their tail is light"
        )
        reason = f"{why}, so the percentile-t bootstrap was not run."
        return question.only("bootstrap_t", None, reason)
    design = question.design
    try:
        fit = fit_model(design, question.model, design.plain_covariance)
    except DesignError:
        return StudyResult()
    fewer = FEWER_REPLICATES if rows > VERY_LARGE else None
    draws = bootstrap_t(
        fit, question.score, replicates=options.bootstrap, seed=options.seed, by_rows=fewer
    )
    if len(draws.values) < FEWEST_DRAWS * draws.drawn:
        reason = (
            f"Of {draws.drawn:,} draws only {len(draws.values):,} had an estimate, so there is no"
            " bootstrap interval."
        )
        return question.only("bootstrap_t", None, reason)
    what = "clusters" if design.clusters is not None else "rows"
    row = replace(
        question.row_of_fit("increment", fit, question.score),
        variant=VARIANT,
        unit="percent",
        estimate=draws.estimate,
        std_error=draws.std_error,
        statistic=draws.statistic,
        p_value=draws.p_value,
        df=fit.df,
        intervals=tuple((level, draws.interval(level)) for level in question.levels),
        note=f"percentile-t interval and p-value, {len(draws.values):,} draws of {what}",
    )
    return StudyResult(tuple(question.on_both_scales(row)))


def _tail_index(question: Question) -> float | None:
    """Return the tail index of revenue, or None."""
    values = _revenue(question)
    return None if values is None else hill_index(values)


def _revenue(question: Question) -> np.ndarray | None:
    """Return an outcome that is revenue and never negative, shape (n,), or None."""
    outcome = question.outcome
    gross = outcome.kind == "revenue" and outcome.negative != "net"
    return question.sample.numbers(outcome.column) if gross else None


def study_tail(question: Question, estimates: Iterable[Estimate] = ()) -> Tail | None:
    """Return a revenue outcome's tail, and under a heavy one the word of the bootstrap interval."""
    outcome, values = question.outcome, _revenue(question)
    if values is None:
        return None
    share, index = 100 * top_share(values), hill_index(values)
    heavy = index is not None and index < LIGHT
    known = (
        "too few values for a tail index"
        if index is None
        else f"tail index {index:.1f} (below {LIGHT:g} is heavy)"
    )
    reason = f"The largest 1 % of the rows hold {share:.0f} % of {outcome.column}; {known}."
    passed = None if index is None else not heavy
    check = question.check("tail", passed, reason, index, assessed=index is not None)
    key = (outcome.column, question.score, VARIANT)
    rows = [row for row in estimates if (row.outcome, row.score, row.variant) == key]
    if not heavy or not rows:
        return Tail(check, heavy)
    wide, narrow = (rows[0].interval(level) for level in question.levels)
    word = word_of(wide, narrow, question.band(rows[0].model))
    return Tail(check, heavy, word, wide[0] > 0)
