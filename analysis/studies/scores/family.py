"""Many claims of one plan: p-values that allow for how many outcomes and scores were looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models.multiple_testing import (
    benjamini_hochberg,
    holm,
    resampled_statistics,
    romano_wolf,
)
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.verdict import Verdict

HOLM, HOCHBERG, ROMANO_WOLF = "holm", "benjamini-hochberg", "romano-wolf"
"""Terms of the ledger under the method `family`."""


def study_family(sample: Sample, verdicts: Sequence[Verdict]) -> StudyResult:
    """Return the adjusted p-values of a plan's claims, or nothing where it has one claim.

    A claim is an outcome and a score. Holm's method is for the confirmatory ones, Benjamini's and
    Hochberg's for those that the plan calls exploratory, each from the p-value of the verdict's
    number; Romano's and Wolf's for all of them, from the joint distribution of their tests as
    engagement is recorded. The words of the verdicts stay what they are.
    """
    if len(verdicts) < 2:
        return StudyResult()
    outcomes = sample.plan.outcomes
    asked = [Question(sample, outcomes[one.outcome], one.score) for one in verdicts]
    p_values = np.array([_p_value(one) for one in verdicts])
    rows = [
        *_of_set(asked, p_values, ~_exploratory(sample, verdicts), HOLM),
        *_of_set(asked, p_values, _exploratory(sample, verdicts), HOCHBERG),
    ]
    if not sample.out_of_core:
        rows += _jointly(asked)
    return StudyResult(tuple(rows))


def _p_value(verdict: Verdict) -> float:
    value = verdict.deciding.p_value
    return 1.0 if value is None or not np.isfinite(value) else value


def _exploratory(sample: Sample, verdicts: Sequence[Verdict]) -> np.ndarray:
    """Return which claims are about a column that the plan calls exploratory."""
    family = sample.plan.family
    named = set() if family is None else {*family.exploratory}
    return np.array([not named.isdisjoint((one.outcome, one.score)) for one in verdicts])


def _of_set(
    asked: list[Question], p_values: np.ndarray, chosen: np.ndarray, method: str
) -> list[Estimate]:
    """Return the rows of one set of claims."""
    if not chosen.any():
        return []
    kind = "confirmatory" if method == HOLM else "exploratory"
    adjusted = (holm if method == HOLM else benjamini_hochberg)(p_values[chosen])
    count = int(chosen.sum())
    note = f"one of {count} {kind} claims" if count > 1 else f"the only {kind} claim"
    mine = [question for question, one in zip(asked, chosen, strict=True) if one]
    return [
        question.row("family", question.model, method, p_value=float(p), note=note)
        for question, p in zip(mine, adjusted, strict=True)
    ]


def _jointly(asked: list[Question]) -> list[Estimate]:
    """Return Romano's and Wolf's rows; none where a claim's fit has no estimate."""
    try:
        fits = [question.fit for question in asked]
    except DesignError:
        return []
    scores = [question.score for question in asked]
    tests = zip(fits, scores, strict=True)
    pairs = np.array([fit.coefficient(score) for fit, score in tests])
    statistics = pairs[:, 0] / pairs[:, 1]
    influence = np.column_stack(
        [fit.row_influence(score) for fit, score in zip(fits, scores, strict=True)]
    )
    options, units = asked[0].plan.inference, fits[0].design.units
    drawn = resampled_statistics(influence, units, replicates=options.bootstrap, seed=options.seed)
    adjusted = romano_wolf(statistics, drawn)
    what = "rows" if fits[0].design.clusters is None else "clusters"
    note = (
        f"step-down over {len(asked)} claims, engagement as recorded; {len(drawn):,} bootstrap"
        f" samples of {what}"
    )
    return [
        question.row(
            "family",
            question.model,
            ROMANO_WOLF,
            statistic=float(statistic),
            p_value=float(p),
            clusters=fit.design.n_clusters,
            note=note,
        )
        for question, fit, statistic, p in zip(asked, fits, statistics, adjusted, strict=True)
    ]
