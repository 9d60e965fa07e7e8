"""The calibrated null: how often a score that adds nothing passes the plain and corrected tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from analysis.measurement_error.correction import Correction
from analysis.measurement_error.measurement import (
    SMALLEST_TRUE_SHARE,
    Measurement,
    Refusal,
    error_in_basis,
    identification,
    refuse_weak,
)
from analysis.models.distributions import critical_value, power_to_detect
from analysis.models.fit import Fit


@dataclass(frozen=True)
class NullRates:
    """How often a score that adds nothing passes.

    Attributes
    ----------
    plain, corrected, both : float
        Shares of samples in which the plain interval, the corrected interval, and both on the same
        side exclude 0. A correction that is refused passes nothing.
    true_share : float
        Share of truth in recorded engagement, given the score, as the correction sees it; it is
        refused below .05.
    plain_error, corrected_error : float
        Standard errors of the two, for an outcome and a score of unit variance: their ratio is what
        it costs to correct.
    """

    plain: float
    corrected: float
    both: float
    true_share: float
    plain_error: float
    corrected_error: float


def null_rates(
    n: int,
    score_truth: float,
    truth_outcome: float,
    reliability: float,
    *,
    sharing: float = 0.0,
    assumed: float | None = None,
    structure: Literal["unshared", "halves"] = "unshared",
    level: float = 0.95,
) -> NullRates:
    """Return large-sample rates at which a worthless least-squares score passes (normal variables).

    Parameters
    ----------
    n : int
    score_truth, truth_outcome : float
        Correlations of true engagement with the score and with the outcome.
    reliability : float
        Of recorded engagement.
    sharing : float
        The score sees true engagement plus this share of the error in recorded engagement: 0 when
        it saw other records, 1 when it is computed from the recorded column itself.
    assumed : float, optional
        A declared reliability, taken as known. None: estimated from halves.
    structure : {"unshared", "halves"}
        Whether the correction takes errors as unshared, or estimates from halves what is shared.

    Notes
    -----
    Both estimators are asymptotically normal; their variances and covariance are those of products
    of normal variables (Isserlis 1918).
    """
    noise = np.sqrt((1 - reliability) / reliability)
    shared = score_truth * sharing * noise
    # linear forms in truth, error of engagement, half-difference, noise of score and of outcome
    columns = np.array(
        [[1, noise, 0, 0, 0], [score_truth, shared, 0, np.sqrt(1 - score_truth**2), 0]]
    )
    outcome = np.array([truth_outcome, 0, 0, 0, np.sqrt(1 - truth_outcome**2)])
    half = np.zeros((2, 5))
    half[:, 2] = noise, shared * (structure == "halves")
    if assumed is not None:
        half = np.vstack([np.sqrt(1 - assumed) * columns[0], np.zeros(5)])
    plain, fixed = _limit(columns, outcome, 0 * half), _limit(columns, outcome, half)
    errors = [np.sqrt(_product_covariance(one, one) / n) for one in (plain, fixed)]
    correlation = _product_covariance(plain, fixed) / n / (errors[0] * errors[1])
    shifts = np.array([plain.limit, fixed.limit]) / errors
    single, critical = [power_to_detect(s, 1.0, level=level) for s in shifts], critical_value(level)
    joint = scipy.stats.multivariate_normal(
        cov=[[1, correlation], [correlation, 1]], allow_singular=True
    )
    both = joint.cdf(shifts - critical) + joint.cdf(-shifts - critical)
    passes = 1.0 if fixed.true_share >= SMALLEST_TRUE_SHARE else 0.0
    return NullRates(
        plain=single[0],
        corrected=passes * single[1],
        both=float(passes * both),
        true_share=fixed.true_share,
        plain_error=float(errors[0]),
        corrected_error=float(errors[1]),
    )


@dataclass(frozen=True, eq=False)
class _Limit:
    """An estimator's probability limit, and its influence as a sum of products of linear forms."""

    limit: float
    products: tuple[tuple[np.ndarray, np.ndarray], ...]
    true_share: float


def _limit(columns: np.ndarray, outcome: np.ndarray, half: np.ndarray) -> _Limit:
    """Return the limit of least squares, with the error that half-differences show subtracted."""
    moments, error = columns @ columns.T, half @ half.T
    error[:, 1] = 0.0  # the score keeps its own error
    inverse = np.linalg.inv(moments - error)
    slopes = inverse @ columns @ outcome
    products = (
        (inverse[1] @ columns, outcome - slopes @ columns),
        (half[0], slopes[0] * (inverse[1] @ half)),
    )
    share = 1 - np.linalg.solve(moments, error)[0, 0]
    return _Limit(float(slopes[1]), products, float(share))


def _product_covariance(left: _Limit, right: _Limit) -> float:
    pairs = [(one, other) for one in left.products for other in right.products]
    return float(sum((a @ c) * (b @ d) + (a @ d) * (b @ c) for (a, b), (c, d) in pairs))


def rate_of_fit(
    fit: Fit,
    truth: Measurement,
    term: str,
    *,
    correction: Correction | None = None,
    assumed: Measurement | None = None,
    level: float = 0.95,
) -> float | Refusal:
    """Return how often a score that adds nothing would pass, with the correlations of these data.

    Parameters
    ----------
    fit : Fit
        The plain fit, of any model; the plain test's standard error is its own.
    truth : Measurement
        The errors in engagement as they are supposed to be.
    term : str
        The score.
    correction, assumed : Correction and Measurement, optional
        Both or neither. With them the corrected test is asked: one that assumes errors that may not
        be the true ones.

    Returns
    -------
    float or Refusal
        A `Refusal` where the corrected moment matrix under `truth` is near-singular.

    Notes
    -----
    Under the null the coefficients are those of the corrected model without the score; the plain
    estimator tends to ``M^-1 (M - S)`` times them, the corrected one to ``(M - S_assumed)^-1 (M -
    S)`` times them. The distance from zero in standard errors gives the rate.
    """
    if refusal := refuse_weak(
        "calibrated-null", identification(design := fit.design.opened, truth)
    ):
        return refusal
    _, triangle = design.basis
    moment = triangle.T @ (np.eye(fit.design.k) - error_in_basis(design, truth)[1]) @ triangle
    at = fit.position(term)
    rest = np.arange(fit.design.k) != at
    null = np.zeros(fit.design.k)
    null[rest] = np.linalg.solve(
        moment[np.ix_(rest, rest)], (triangle.T @ (triangle @ fit.params))[rest]
    )
    used = np.eye(fit.design.k)
    if assumed is not None:
        used -= error_in_basis(design, assumed)[1]
    limit = np.linalg.solve(
        triangle, np.linalg.solve(used, np.linalg.solve(triangle.T, moment @ null))
    )[at]
    error = fit.std_errors()[at] if correction is None else correction.std_error(term)
    return power_to_detect(limit, error, level=level)
