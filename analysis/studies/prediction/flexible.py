"""Flexible controls: cross-fitted, orthogonal estimates with machine learning as the control.

It helps against a wrong form of what is held constant. It does not help against noise in it: a
score that knows engagement better than the record does keeps its spurious effect, whatever learner
stands in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from analysis.models.covariance import cluster_sums
from analysis.models.design import Design
from analysis.models.sufficient_statistics.draws import cluster_folds
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question, tested

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

LEAST_LEFT = 10.0
"""Effective rows, n (1 - R2 of the score), below which nothing is estimated."""

ROUNDS = 4
"""Updates of the outcome's learner at a new effect; more change nothing that is printed."""


def learner_of(name: str) -> RegressorMixin:
    """Return scikit-learn's least squares ("linear") or histogram boosting ("boosting")."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    if name == "linear":
        return LinearRegression()
    return HistGradientBoostingRegressor(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
    )


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


class CrossFit(Protocol):
    """Return predictions of a target in each fold by a learner trained on the others, (n,)."""

    def __call__(self, *, y: np.ndarray) -> np.ndarray: ...


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
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from threadpoolctl import threadpool_limits

    groups = design.units
    x, s, y = design.block("engagement", "control"), design.block("score")[:, 0], design.response
    solve, splits = _exponential if exponential else _linear, []
    # trees this small lose more by waiting for each other than they gain
    with threadpool_limits(1):
        for child in rng.spawn(repeats):
            codes = cluster_folds(groups, min(folds, int(groups.max()) + 1), child)
            predict = partial(cross_val_predict, learner_of(learner), x, cv=PredefinedSplit(codes))
            residual = s - predict(y=s)
            theta, contributions, slope = solve(predict, s, y, residual)
            if design.clusters is not None:
                contributions = cluster_sums(contributions[:, None], groups)[:, 0]
            error = np.sqrt((contributions**2).sum()) / abs(slope)
            splits.append((theta, error, residual.var() / s.var()))
    thetas, errors, left = np.array(splits).T
    middle = float(np.median(thetas))
    error = np.sqrt(np.median(errors**2 + (thetas - middle) ** 2))
    return Flexible(middle, float(error), float(np.median(left)))


def _linear(
    predict: CrossFit, s: np.ndarray, y: np.ndarray, residual: np.ndarray
) -> tuple[float, np.ndarray, float]:
    """Return (effect, contributions to the equation, its slope)."""
    left = y - predict(y=y)
    slope = float(residual @ residual)
    theta = float(residual @ left) / slope
    return theta, (left - theta * residual) * residual, slope


def _exponential(
    predict: CrossFit, s: np.ndarray, y: np.ndarray, residual: np.ndarray
) -> tuple[float, np.ndarray, float]:
    """Solve for the effect with the learner at the last one, then learn again at the new one."""
    theta = 0.0
    for _ in range(ROUNDS):
        h = predict(y=y * np.exp(-theta * s))
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
    """Return the effect by each learner of `[flexible]`, or the reason why there is none."""
    plan, options = question.plan, question.plan.flexible
    if options is None:
        return StudyResult()
    design = question.design
    why = "the plan says quick = true" if plan.quick else ""
    why = why or ("an exposure has no place in them" if design.offset is not None else "")
    if why:
        reason = f"Flexible controls were not tried: {why}."
        return question.only("flexible", None, reason)
    # of a score in standard units an exponential stays a number
    spread, score = question.factor("sd"), design.block("score")[:, 0]
    standard = design.without("score").with_columns(
        "score", {question.score: (score - score.mean()) / spread}
    )
    exponential = question.family.link == "log"
    rows, checks = [], []
    for learner in options.learners:
        effect = flexible_effect(
            standard,
            learner,
            exponential=exponential,
            rng=question.generator(),
            folds=options.folds,
            repeats=options.repeats,
        )
        rows_left = design.n * effect.left
        if not np.isfinite([effect.estimate, effect.std_error]).all() or rows_left < LEAST_LEFT:
            reason = (
                f"With {learner} controls only {rows_left:.1f} rows' worth of the score is left:"
                " too few."
            )
            checks.append(question.check("flexible", False, reason, rows_left))
            continue
        by = question.by / spread
        row = question.row(
            "flexible",
            f"dml-{learner}",
            question.score,
            n=design.n,
            scale=plan.score.scale,
            estimate=effect.estimate * by,
            std_error=effect.std_error * by,
            clusters=design.n_clusters,
            covariance="HC0" if design.clusters is None else "CRV0",
            unit="percent" if exponential else question.unit("ols"),
            note=f"controls learned in {options.folds} folds, {options.repeats} splits;"
            f" {100 * effect.left:.3g} % of the score is left; no help against noise in engagement",
        )
        rows.append(tested(row))
    return StudyResult(tuple(rows), tuple(checks))
