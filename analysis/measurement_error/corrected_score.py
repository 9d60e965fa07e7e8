"""Noise in engagement, corrected without a model for true engagement: corrected score and
conditional score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from analysis.measurement_error.corrected import (
    Correction,
    Refusal,
    corrected,
    identification,
    refuse_weak,
)
from analysis.measurement_error.measurement import Measurement, error_in_basis
from analysis.models.fit import Fit

STEPS = 60
"""Newton steps; the equations are smooth, and ten suffice where there is a solution near the
calibrated one.
"""

CLOSE = 1e-10
"""Largest estimating equation, in units of its standard deviation, that counts as solved."""


@dataclass(frozen=True, eq=False)
class Equations:
    """Estimating equations at one value of the coefficients, in the orthonormal basis.

    Attributes
    ----------
    rows : ndarray, shape (n, k)
        Each row's contribution.
    slope : ndarray, shape (k, k)
        Derivative of their mean by the coefficients.
    by_error, by_quadratic : float, ndarray of shape (k,)
        With the error covariance changed by dS, the mean changes by
        ``by_error * dS b + by_quadratic * b' dS b``.
    """

    rows: np.ndarray
    slope: np.ndarray
    by_error: float
    by_quadratic: np.ndarray


def corrected_score(fit: Fit, measurement: Measurement) -> Correction | Refusal:
    """Correct an exponential mean for normal errors in columns, whatever the distribution of true
    engagement.

    Parameters
    ----------
    fit : Fit
        Of `fit_pml` with the Poisson family.
    measurement : Measurement

    Returns
    -------
    Correction or Refusal
        A `Refusal` also when the equations have no solution near the calibrated coefficients, or
        when the score shares errors and its own are left in place: then the equations do not apply,
        and `correct_fit` does.

    Notes
    -----
    Nakamura (1990), doi:10.1093/biomet/77.1.127: with S the error covariance,

        sum_i y_i z_i - (z_i - S b) exp(z_i b - b'S b / 2 + offset_i) = 0.

    Its interval is that of the stacked equations, S estimated.
    """
    response = fit.design.response / fit.design.response.mean()
    offset = np.zeros(fit.design.n) if fit.design.offset is None else fit.design.offset

    def equations(basis: np.ndarray, error: np.ndarray, params: np.ndarray) -> Equations:
        pull = error @ params
        mean = np.exp(basis @ params - params @ pull / 2 + offset)
        moved = basis - pull
        rows = response[:, None] * basis - moved * mean[:, None]
        slope = error * mean.mean() - moved.T @ (moved * mean[:, None]) / len(basis)
        return Equations(rows, slope, float(mean.mean()), (moved * mean[:, None]).mean(axis=0) / 2)

    return _solve(
        "corrected-score", fit, measurement, equations, np.log(fit.design.response.mean())
    )


def conditional_score(fit: Fit, measurement: Measurement) -> Correction | Refusal:
    """Correct a logit for normal errors in columns, whatever the distribution of true engagement.

    Parameters
    ----------
    fit : Fit
        Of `fit_logit`.
    measurement : Measurement

    Returns
    -------
    Correction or Refusal
        As `corrected_score`. Log odds ratios given true engagement: larger than those given
        calibrated engagement, which average over what is not known of it. Compare margins, not log
        odds.

    Notes
    -----
    Stefanski & Carroll (1987), doi:10.1093/biomet/74.4.703: ``d_i = z_i + y_i S b`` is sufficient
    for the truth, ``logit P(y = 1 | d) = d b - b'S b / 2``, and ``sum_i (y_i - P_i) d_i = 0``.
    """
    response = fit.design.response

    def equations(basis: np.ndarray, error: np.ndarray, params: np.ndarray) -> Equations:
        pull = error @ params
        share = expit(basis @ params + (response - 0.5) * (params @ pull))
        rest, density = response - share, share * (1 - share)
        sufficient = basis + response[:, None] * pull
        gradient = basis + (2 * response - 1)[:, None] * pull
        slope = error * (rest * response).mean() - sufficient.T @ (
            gradient * density[:, None]
        ) / len(basis)
        quadratic = -(sufficient * (density * (response - 0.5))[:, None]).mean(axis=0)
        return Equations(
            sufficient * rest[:, None], slope, float((rest * response).mean()), quadratic
        )

    return _solve("conditional-score", fit, measurement, equations, 0.0)


def _solve(
    model: str,
    fit: Fit,
    measurement: Measurement,
    equations: Callable[[np.ndarray, np.ndarray, np.ndarray], Equations],
    shift: float,
) -> Correction | Refusal:
    """Solve from the calibrated coefficients; `shift` is the logarithm of the response's unit."""
    if measurement.one_sided:
        reason = (
            "The score shares errors with engagement and keeps its own: regression calibration"
            " applies, not this."
        )
        return Refusal(model, reason)
    found = identification(fit.design, measurement)
    basis, triangle = fit.design.basis
    rows, error = error_in_basis(fit.design, measurement)
    start = triangle @ fit.params
    start[0] -= shift * np.sign(basis[0, 0])
    refusal = refuse_weak(model, found)
    params = (
        None
        if refusal
        else newton(equations, basis, error, np.linalg.solve(np.eye(fit.design.k) - error, start))
    )
    if params is None:
        return refusal or Refusal(
            model, "The corrected equations have no solution near the calibrated coefficients."
        )
    influence = _influence(equations(basis, error, params), measurement, rows, params)
    params[0] += shift * np.sign(basis[0, 0])
    return corrected(model, fit, params, influence, found)


def newton(
    equations: Callable[[np.ndarray, np.ndarray, np.ndarray], Equations],
    basis: np.ndarray,
    error: np.ndarray,
    start: np.ndarray,
) -> np.ndarray | None:
    """Return the root next to `start`, or None when there is none at which the slope is negative
    definite.
    """
    params, step_length = start, 1.0
    with np.errstate(all="ignore"):
        now = equations(basis, error, params)
        for _ in range(STEPS):
            size = np.abs(now.rows.mean(axis=0)).max() / max(now.rows.std(), 1e-300)
            if not np.isfinite(size) or not np.isfinite(now.slope).all():
                return None
            if size < CLOSE:
                return params if _is_maximum(now.slope) else None
            step = -np.linalg.solve(now.slope, now.rows.mean(axis=0))
            step_length = min(1.0, 1.0 / np.abs(step).max())
            params = params + step_length * step
            now = equations(basis, error, params)
    return None


def _is_maximum(slope: np.ndarray) -> bool:
    return bool(np.linalg.eigvalsh(-(slope + slope.T) / 2)[0] > 0)


def _influence(
    now: Equations, measurement: Measurement, rows: np.ndarray, params: np.ndarray
) -> np.ndarray:
    """Return each row's influence on the coefficients, the estimated error covariance in the
    stack.
    """
    slopes = rows @ params
    parts = measurement.times(slopes)
    change = parts - measurement.subtracted @ slopes
    psi = now.rows + now.by_error * change @ rows + np.outer(change @ slopes, now.by_quadratic)
    return -np.linalg.solve(now.slope, psi.T).T / len(psi)
