"""How well each score ranks the rows by what pays, side by side, as a credit score would be
judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from analysis.data.sample import Sample
from analysis.models.design import transformed_score
from analysis.models.fit import p_value
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.ranking.scorecard import (
    Ranking,
    auc,
    calibration,
    concentration,
    in_cache,
    kolmogorov_smirnov,
    lift_of,
    relative,
    resampled_weights,
    spread,
)

REPLICATES = 499
LARGE, FEWER_REPLICATES = 20_000, 199
VERY_LARGE, FEWEST_REPLICATES = 100_000, 99
FOLDS = 5
NOTE = "engagement is ignored here: how well the score ranks, not what it adds"


def study_ranking(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return AUC, Gini, KS, lift and calibration of a score, and its differences from the plan's
    other scores.

    Gini and lift for outcomes that are nowhere negative; AUC, KS and calibration for binary ones.
    Where the outcome has an exposure, its rate is ranked, and a row counts as much as its exposure.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    values = sample.numbers(outcome.column)
    if values.min() < 0 or np.ptp(values) == 0:
        return StudyResult()
    clusters = (
        pd.factorize(sample.frame[sample.plan.cluster.column])[0] if sample.plan.cluster else None
    )
    rows = _resampled(sample, outcome, score, values, clusters)
    if outcome.kind == "binary" and 1 < values.sum() < len(values) - 1:
        rows += _of_binary(sample, outcome, score, values > 0, clusters)
    return StudyResult(tuple(rows))


def _blank(sample: Sample, outcome: OutcomeSection, score: str, term: str) -> Estimate:
    return Estimate(
        sample.plan.name, outcome.column, score, "scorecard", "", term, n=sample.rows, note=NOTE
    )


def _resampled(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    values: np.ndarray,
    clusters: np.ndarray | None,
) -> list[Estimate]:
    """Return what has a bootstrap interval: Gini, lift, and differences of Gini."""
    plan = sample.plan
    exposure = sample.exposure(outcome)
    note = (
        NOTE
        if exposure is None
        else f"{NOTE}; of the outcome per unit of exposure, rows weighted by it"
    )
    weight = np.ones(sample.rows) if exposure is None else exposure / exposure.mean()
    values = values / weight
    own = Ranking.of(values, values)
    rankings = {
        name: Ranking.of(transformed_score(sample, name), values) for name in plan.score.columns
    }
    measured = partial(_measured, rankings, score, own)
    once = measured(weight[None, :].copy())
    most = REPLICATES if sample.rows <= LARGE else FEWER_REPLICATES
    most = FEWEST_REPLICATES if sample.rows > VERY_LARGE else most
    replicates = min(plan.inference.bootstrap, most)
    rng = np.random.default_rng(plan.inference.seed)
    blocks = [
        measured(some * weight)
        for weights in resampled_weights(sample.rows, replicates, rng, clusters)
        for some in in_cache(weights)
    ]
    groups = None if clusters is None else int(clusters.max()) + 1
    tails = [(1 - plan.inference.level) / 2, (1 + plan.inference.level) / 2]
    rows = []
    for term, estimate in once.items():
        drawn = np.concatenate([block[term] for block in blocks])
        low, high = np.nanquantile(drawn, tails)
        rows.append(
            replace(
                _blank(sample, outcome, score, term),
                estimate=float(estimate[0]),
                clusters=groups,
                bounds=(float(low), float(high)),
                note=note,
            )
        )
    return rows


def _measured(
    rankings: dict[str, Ranking], score: str, own: Ranking, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return every measure under weights of the rows, shape (draws,) each; each curve is made
    once.
    """
    perfect = concentration(*own.curves(weights))
    curves = {name: ranking.curves(weights) for name, ranking in rankings.items()}
    ginis = {name: relative(concentration(*curve), perfect) for name, curve in curves.items()}
    differences = {
        f"gini_difference:{name}": ginis[score] - ginis[name] for name in rankings if name != score
    }
    return {"gini": ginis[score], "lift_top_decile": lift_of(*curves[score]), **differences}


def _of_binary(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    happened: np.ndarray,
    clusters: np.ndarray | None,
) -> list[Estimate]:
    """Return AUC, its paired differences from the other scores, and the calibration."""
    groups = None if clusters is None else int(clusters.max()) + 1
    values = transformed_score(sample, score)
    found = auc(values, happened, clusters)

    def row(term: str, estimate: float, error: float, null: float = 0.0) -> Estimate:
        statistic = (estimate - null) / error if error > 0 else None
        p = None if statistic is None else p_value(statistic, None)
        return replace(
            _blank(sample, outcome, score, term),
            estimate=estimate,
            std_error=error,
            clusters=groups,
            statistic=statistic,
            p_value=p,
        )

    largest = kolmogorov_smirnov(
        Ranking.of(values, happened.astype(float)), np.ones((1, sample.rows))
    )
    rows = [
        row("auc", found.value, found.std_error, 0.5),
        replace(
            _blank(sample, outcome, score, "ks"),
            estimate=float(largest[0]),
            clusters=groups,
            note=f"{NOTE}; no interval, since a bootstrap's lies above the truth",
        ),
    ]
    for other in sample.plan.score.columns:
        if other != score:
            beside = auc(transformed_score(sample, other), happened, clusters)
            error = spread(found.influence - beside.influence, clusters)
            rows.append(row(f"auc_difference:{other}", found.value - beside.value, error))
    line = calibration(values, happened, _folds(sample, clusters))
    rows += [
        row("calibration_intercept", line.intercept, line.std_errors[0]),
        row("calibration_slope", line.slope, line.std_errors[1], 1.0),
    ]
    return rows


def _folds(sample: Sample, clusters: np.ndarray | None) -> np.ndarray:
    """Return the fold of each row; the rows of a cluster share one."""
    rng = np.random.default_rng(sample.plan.inference.seed)
    units = np.arange(sample.rows) if clusters is None else clusters
    return rng.permutation(int(units.max()) + 1)[units] % FOLDS
