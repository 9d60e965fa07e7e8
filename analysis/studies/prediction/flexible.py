"""Engagement and controls in any form: cross-fitted, orthogonal estimates with machine learning as
the control.

It helps against a wrong form of what is held constant. It does not help against noise in it: a
score that knows engagement better than the record does keeps its spurious effect, whatever learner
stands in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from analysis.data.sample import Sample
from analysis.models.covariance import cluster_sums
from analysis.models.design import Design, build_design, score_scale
from analysis.models.fit import p_value
from analysis.models.sufficient_statistics.folds import cluster_folds
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.question import Question

LEAST_LEFT = 10.0
"""Effective rows, n (1 - R2 of the score), below which nothing is estimated."""

ROUNDS = 4
"""Updates of the outcome's learner at a new effect; more change nothing that is printed."""

Learn = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(training columns, training target, columns to predict) -> predictions."""


def learn_linear(x: np.ndarray, target: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Predict by least squares."""
    whole = np.column_stack([np.ones(len(x)), x])
    return np.column_stack([np.ones(len(new)), new]) @ np.linalg.lstsq(whole, target, rcond=None)[0]


def learn_boosting(x: np.ndarray, target: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Predict by histogram gradient boosting with shallow trees."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    learner = HistGradientBoostingRegressor(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
    )
    with threadpool_limits(
        1
    ):  # trees this small lose more by waiting for each other than they gain
        return learner.fit(x, target).predict(new)


LEARNERS: dict[str, Learn] = {"linear": learn_linear, "boosting": learn_boosting}


@dataclass(frozen=True)
class Flexible:
    """A cross-fitted effect.

    Attributes
    ----------
    estimate, std_error : float
        Per unit of the score; on the log scale for an exponential mean.
    left : float
        Share of the score's variance that the learner leaves, out of fold.
    """

    estimate: float
    std_error: float
    left: float


def cross_fit(values: Learn, x: np.ndarray, target: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return predictions of a target in each fold by a learner trained on the others, shape
    (n,).
    """
    found = np.empty(len(target))
    for fold in range(int(codes.max()) + 1):
        out = codes == fold
        found[out] = values(x[~out], target[~out], x[out])
    return found


def flexible_effect(
    design: Design,
    learner: str,
    *,
    exponential: bool,
    rng: np.random.Generator,
    folds: int = 5,
    repeats: int = 5,
) -> Flexible:
    """Return the effect of the score with everything else held constant in any form.

    Parameters
    ----------
    design : Design
        With one score, best in standard units; no offset.
    learner : {"linear", "boosting"}
    exponential : bool
        For the mean ``exp(theta S + g(X))``; else for ``theta S + g(X)``.
    folds, repeats : int
        Folds of whole clusters, and how often they are drawn.

    Notes
    -----
    Partially linear: ``(Y - l(X) - theta (S - m(X))) (S - m(X))``. Exponential mean: ``(Y
    exp(-theta S) - h(X)) (S - m(X))`` with ``h(X) = E[Y exp(-theta S) | X]``. l, h and m are
    learned on the other folds; the median over splits, with variance the median of ``se^2 + (theta
    - median)^2``: Chernozhukov et al. (2018), doi:10.1111/ectj.12097.
    """
    groups = np.arange(design.n) if design.clusters is None else design.clusters
    x, s, y = design.block("engagement", "control"), design.block("score")[:, 0], design.response
    learn, solve = LEARNERS[learner], _exponential if exponential else _linear
    found = []
    for child in rng.spawn(repeats):
        codes = cluster_folds(groups, min(folds, int(groups.max()) + 1), child)
        residual = s - cross_fit(learn, x, s, codes)
        theta, contributions, slope = solve(learn, x, s, y, residual, codes)
        sums = (
            contributions
            if design.clusters is None
            else cluster_sums(contributions[:, None], groups)[:, 0]
        )
        found.append(
            (theta, float(np.sqrt((sums**2).sum()) / abs(slope)), float(residual.var() / s.var()))
        )
    thetas, errors, left = np.array(found).T
    middle = float(np.median(thetas))
    return Flexible(
        middle,
        float(np.sqrt(np.median(errors**2 + (thetas - middle) ** 2))),
        float(np.median(left)),
    )


def _linear(
    learn: Learn,
    x: np.ndarray,
    s: np.ndarray,
    y: np.ndarray,
    residual: np.ndarray,
    codes: np.ndarray,
) -> tuple[float, np.ndarray, float]:
    """Return (effect, contributions to the equation, its slope)."""
    left = y - cross_fit(learn, x, y, codes)
    slope = float(residual @ residual)
    theta = float(residual @ left) / slope
    return theta, (left - theta * residual) * residual, slope


def _exponential(
    learn: Learn,
    x: np.ndarray,
    s: np.ndarray,
    y: np.ndarray,
    residual: np.ndarray,
    codes: np.ndarray,
) -> tuple[float, np.ndarray, float]:
    """Solve for the effect with the learner at the last one, then learn again at the new one."""
    theta = 0.0
    for _ in range(ROUNDS):
        h = cross_fit(learn, x, y * np.exp(-theta * s), codes)
        old = theta
        for _ in range(50):
            net = y * np.exp(-theta * s)
            step = float(((net - h) * residual).sum() / (net * s * residual).sum())
            theta += min(max(step, -1.0), 1.0)
            if abs(step) < 1e-10:
                break
        if abs(theta - old) < 1e-4:
            break
    net = y * np.exp(-theta * s)
    return theta, (net - h) * residual, float((net * s * residual).sum())


def study_flexible(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the effect by each learner of the plan's `[flexible]`, or the reason why there is
    none.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    if plan.flexible is None:
        return StudyResult()
    design = build_design(sample, outcome.column, (score,))
    exponential = outcome.kind in ("revenue", "count") and outcome.deciding_model != "ols"
    why = "the plan says quick = true" if plan.quick else ""
    why = why or ("an exposure has no place in them" if design.offset is not None else "")
    if why:
        return StudyResult(
            checks=(
                _check(sample, outcome, score, None, f"Flexible controls were not tried: {why}."),
            )
        )
    rows, checks = [], []
    standard = _standard(sample, design, score)
    for learner in plan.flexible.learners:
        rng = np.random.default_rng(plan.inference.seed)
        found = flexible_effect(
            standard,
            learner,
            exponential=exponential,
            rng=rng,
            folds=plan.flexible.folds,
            repeats=plan.flexible.repeats,
        )
        effective = design.n * found.left
        if not np.isfinite([found.estimate, found.std_error]).all() or effective < LEAST_LEFT:
            reason = (
                f"With {learner} controls only {effective:.1f} rows' worth of the score is left:"
                " too few."
            )
            checks.append(_check(sample, outcome, score, False, reason, effective))
            continue
        rows.append(_row(sample, outcome, score, design, learner, found, exponential=exponential))
    return StudyResult(tuple(rows), tuple(checks))


def _standard(sample: Sample, design: Design, score: str) -> Design:
    """Return the design with its score in standard units: an exponential of it then stays a
    number.
    """
    matrix = design.matrix.copy()
    matrix[:, -1] = (matrix[:, -1] - matrix[:, -1].mean()) / score_scale(sample, score)
    return replace(design, matrix=matrix)


def _check(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    passed: bool | None,
    reason: str,
    statistic: float | None = None,
) -> Check:
    return Check(sample.plan.name, "flexible", passed, reason, statistic, outcome.column, score)


def _row(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    design: Design,
    learner: str,
    found: Flexible,
    *,
    exponential: bool,
) -> Estimate:
    by = 1.0 if sample.plan.score.scale == "sd" else 1 / score_scale(sample, score)
    unit: Unit = "percent" if exponential else "points" if outcome.kind == "binary" else "outcome"
    z = found.estimate / found.std_error
    note = (
        f"controls learned in {sample.plan.flexible.folds} folds, {sample.plan.flexible.repeats}"
        " splits; "
    )
    note += f"{100 * found.left:.3g} % of the score is left; no help against noise in engagement"
    return Estimate(
        sample.plan.name,
        outcome.column,
        score,
        "flexible",
        f"dml-{learner}",
        score,
        n=design.n,
        scale=sample.plan.score.scale,
        estimate=found.estimate * by,
        std_error=found.std_error * by,
        statistic=z,
        p_value=p_value(z, None),
        clusters=design.n_clusters,
        covariance="HC0" if design.clusters is None else "CRV0",
        unit=unit,
        note=note,
    )
