"""The score of the periods beside: the one to come must not predict, the one before should say the
same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.design import Design, build_design, score_scale
from analysis.models.fit import Fit, p_value
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.question import Question
from analysis.studies.base import codes_of, periods_of, where_known

FEWEST_UNITS = 10


def study_neighbours(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the future-score placebo and the rerun with the score of the period before, where a
    panel allows them.

    Notes
    -----
    The placebo adds the score of the unit's next period to the plan's equation. It cannot have
    caused the outcome, so with the score and engagement of the same period held it has no slope,
    unless something that lasts (a unit's talent, engagement recorded with noise) or the outcome
    itself moves the score. Only rows of which the unit's neighbouring period is in the sample
    count; errors are clustered by unit where the plan names no clusters.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    if plan.panel is None or plan.panel.time is None or sample.note:
        return StudyResult()
    columns = (plan.panel.unit, plan.panel.time)
    return where_known(
        question, columns, "neighbours", lambda some: _studied(some.sample, outcome, score)
    )


def _studied(sample: Sample, outcome: OutcomeSection, score: str) -> StudyResult:
    plan = sample.plan
    unit, time = codes_of(sample, plan.panel.unit), periods_of(sample, plan.panel.time)
    design = build_design(sample, outcome.column, (score,))
    design = replace(design, clusters=unit if design.clusters is None else design.clusters)
    rows, checks = [], []
    for term, step, study in (("future_score", 1, _future), ("lagged_score", -1, _lagged)):
        here, there = matched(unit, time, step)
        try:
            if len(np.unique(unit[here])) < FEWEST_UNITS:
                why = f"Fewer than {FEWEST_UNITS} units are seen in neighbouring periods."
                checks.append(Check(plan.name, term, None, why, None, outcome.column, score))
                continue
            row, check = study(
                sample,
                outcome,
                score,
                _renumbered(design.take(here)),
                design.block("score")[there, 0],
            )
        except DesignError as error:
            reason = (
                "With the score of a neighbouring period there is no estimate:"
                f" {error.faults[0].found}."
            )
            checks.append(Check(plan.name, term, None, reason, None, outcome.column, score))
            continue
        rows.append(row)
        checks.append(check)
    return StudyResult(tuple(rows), tuple(checks))


def matched(unit: np.ndarray, time: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of rows, and of the same unit's row `step` periods later; units seen twice
    in one are left out.

    Parameters
    ----------
    unit, time : ndarray of int, shape (n,)
        Codes; those of periods in order.

    Examples
    --------
    >>> here, there = matched(np.array([0, 0, 0, 1]), np.array([0, 1, 3, 1]), 1)
    >>> here.tolist(), there.tolist()
    ([0], [1])
    """
    width = int(time.max()) + 3
    keys = unit.astype(np.int64) * width + time + 1
    once, first, counts = np.unique(keys, return_index=True, return_counts=True)
    once, first = once[counts == 1], first[counts == 1]
    at = np.searchsorted(once, once + step)
    found = (at < len(once)) & (once[np.minimum(at, len(once) - 1)] == once + step)
    here, there = first[found], first[at[found]]
    order = np.argsort(here)
    return here[order], there[order]


def _future(
    sample: Sample, outcome: OutcomeSection, score: str, design: Design, other: np.ndarray
) -> tuple[Estimate, Check]:
    more = replace(
        design,
        matrix=np.column_stack([design.matrix, other]),
        terms=(*design.terms, "future score"),
        blocks=(*design.blocks, "score"),
    )
    fit = _fitted(outcome, more)
    row = _row(
        sample,
        outcome,
        score,
        fit,
        "future_score",
        "score of the unit's next period, that of this one held",
    )
    passed = row.p_value >= 1 - sample.plan.inference.level
    reason = (
        "With the score of the same period held, that of the next one has an effect of"
        f" {row.displayed} (p {_p(row)})"
    )
    reason += (
        ": it does not predict what came before it."
        if passed
        else (
            ", though it cannot have caused what came before it: something that lasts, or the"
            " outcome itself, moves the score, and the effect found may be of the same kind."
        )
    )
    return row, Check(
        sample.plan.name, "future_score", passed, reason, row.p_value, outcome.column, score
    )


def _lagged(
    sample: Sample, outcome: OutcomeSection, score: str, design: Design, other: np.ndarray
) -> tuple[Estimate, Check]:
    earlier = replace(design, matrix=np.column_stack([design.matrix[:, :-1], other]))
    fit = _fitted(outcome, earlier)
    own, word = (
        Question(sample, outcome, score).word_of_fit(one) for one in (_fitted(outcome, design), fit)
    )
    row = _row(
        sample,
        outcome,
        score,
        fit,
        "lagged_score",
        "score of the period before instead of the same period's",
    )
    reason = (
        "With the score of the period before instead of the same period's the effect is"
        f" {row.displayed} (p {_p(row)}), and the word {word}; on these rows the same period's"
        f" gives {own}."
    )
    return row, Check(
        sample.plan.name, "lagged_score", word == own, reason, row.estimate, outcome.column, score
    )


def _fitted(outcome: OutcomeSection, design: Design) -> Fit:
    """Fit the deciding model, or Poisson where a likelihood of more than the mean decides."""
    model = "poisson" if outcome.deciding_model in ("nb2", "hurdle") else outcome.deciding_model
    return fit_model(design, model, "CRV1", counts=outcome.kind == "count")


def _renumbered(design: Design) -> Design:
    return replace(design, clusters=np.unique(design.clusters, return_inverse=True)[1])


def _row(
    sample: Sample, outcome: OutcomeSection, score: str, fit: Fit, term: str, note: str
) -> Estimate:
    """Return the row of the last column, on the plan's scale."""
    scale = sample.plan.score.scale
    by = score_scale(sample, score) if scale == "sd" else 1.0
    estimate, error = float(fit.params[-1]), float(fit.std_errors()[-1])
    unit: Unit = {"ols": "outcome", "logit": "log odds"}.get(fit.model, "percent")
    return Estimate(
        sample.plan.name,
        outcome.column,
        score,
        "timing",
        fit.model,
        term,
        n=fit.design.n,
        scale=scale,
        estimate=by * estimate,
        std_error=by * error,
        statistic=estimate / error,
        df=fit.df,
        p_value=p_value(estimate / error, fit.df),
        clusters=fit.design.n_clusters,
        covariance="CRV1",
        unit=unit,
        note=note,
    )


def _p(row: Estimate) -> str:
    return f"{row.p_value:.3f}".removeprefix("0") if row.p_value >= 0.001 else "< .001"
