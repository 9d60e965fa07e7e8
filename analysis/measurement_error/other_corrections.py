"""Other corrections: corrected and conditional score, instruments (ORIV), slopes within units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from analysis.errors import DesignError, Fault
from analysis.measurement_error.correction import Correction, corrected
from analysis.measurement_error.measurement import (
    Measurement,
    Refusal,
    error_in_basis,
    identification,
    refuse_weak,
)
from analysis.models.covariance import influence_covariance, small_sample
from analysis.models.design import Design
from analysis.models.fit import Fit

STEPS = 60
"""Newton steps; ten suffice where there is a solution near the calibrated coefficients."""

CLOSE = 1e-10
"""Largest estimating equation, in units of its standard deviation, that counts as solved."""

WEAKEST_FIRST_STAGE = 10.0
"""Smallest first-stage F (the rule of thumb of Staiger & Stock 1997, doi:10.2307/2171753)."""

SMALLEST_SHARE_WITHIN = 0.02
"""Least part of a column's variance, given the others and within units, that must be truth."""


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


EquationsAt = Callable[[np.ndarray, np.ndarray, np.ndarray], Equations]
"""Equations at (basis, error covariance in it, coefficients)."""


def corrected_score(fit: Fit, measurement: Measurement) -> Correction | Refusal:
    """Return an exponential mean corrected for normal errors, whatever true engagement is.

    Parameters
    ----------
    fit : Fit
        Of `fit_pml` with the Poisson family.
    measurement : Measurement

    Returns
    -------
    Correction or Refusal
        A `Refusal` also when the equations have no solution near the calibrated coefficients, or
        when the score shares errors and its own are left in place: then `correct_fit` applies.

    Notes
    -----
    Nakamura (1990), doi:10.1093/biomet/77.1.127: with S the error covariance,

        sum_i y_i z_i - (z_i - S b) exp(z_i b - b'S b / 2 + offset_i) = 0.

    Its interval is that of the stacked equations, S estimated.
    """
    response = fit.design.response / fit.design.response.mean()
    offset = np.zeros(fit.design.n) if fit.design.offset is None else fit.design.offset
    observed = response[:, None] * fit.design.basis[0]

    def equations(basis: np.ndarray, error: np.ndarray, params: np.ndarray) -> Equations:
        pull = error @ params
        mean = np.exp(basis @ params - params @ pull / 2 + offset)
        moved, by_error = basis - pull, float(mean.mean())
        expected = moved * mean[:, None]
        slope = error * by_error - moved.T @ expected / len(basis)
        return Equations(observed - expected, slope, by_error, (moved.T @ mean) / len(basis) / 2)

    unit = np.log(fit.design.response.mean())
    return _solve("corrected-score", fit, measurement, equations, unit)


def conditional_score(fit: Fit, measurement: Measurement) -> Correction | Refusal:
    """Return a logit corrected for normal errors, whatever the distribution of true engagement.

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
        by_error = float((rest * response).mean())
        slope = error * by_error - sufficient.T @ (gradient * density[:, None]) / len(basis)
        quadratic = -(sufficient * (density * (response - 0.5))[:, None]).mean(axis=0)
        return Equations(sufficient * rest[:, None], slope, by_error, quadratic)

    return _solve("conditional-score", fit, measurement, equations, 0.0)


OTHER = {"corrected-score": corrected_score, "conditional-score": conditional_score}
"""By the name that a model's record gives them."""


def _solve(
    model: str, fit: Fit, measurement: Measurement, equations: EquationsAt, shift: float
) -> Correction | Refusal:
    """Solve from the calibrated coefficients; `shift` is the logarithm of the response's unit."""
    if measurement.one_sided:
        why = "The score shares errors with engagement and keeps its own"
        return Refusal(model, f"{why}: regression calibration applies, not this.")
    identified = identification(fit.design, measurement)
    if refusal := refuse_weak(model, identified):
        return refusal
    basis, triangle = fit.design.basis
    rows, error = error_in_basis(fit.design, measurement)
    start = triangle @ fit.params
    start[0] -= shift * np.sign(basis[0, 0])
    params = newton(equations, basis, error, np.linalg.solve(np.eye(fit.design.k) - error, start))
    if params is None:
        reason = "The corrected equations have no solution near the calibrated coefficients."
        return Refusal(model, reason)
    influence = _influence(equations(basis, error, params), measurement, rows, params)
    params[0] += shift * np.sign(basis[0, 0])
    back = np.linalg.inv(triangle)
    return corrected(model, fit, back @ params, influence @ back.T, identified, fit.design.terms)


def newton(
    equations: EquationsAt, basis: np.ndarray, error: np.ndarray, start: np.ndarray
) -> np.ndarray | None:
    """Return the root next to `start` with a negative definite slope; None when there is none."""
    params, step_length, ones = start, 1.0, np.ones(len(basis)) / len(basis)
    with np.errstate(all="ignore"):
        now = equations(basis, error, params)
        for _ in range(STEPS):
            mean = ones @ now.rows
            spread = np.vdot(now.rows, now.rows) / now.rows.size - mean.mean() ** 2
            size = np.abs(mean).max() / max(np.sqrt(max(spread, 0.0)), 1e-300)
            if not np.isfinite(size) or not np.isfinite(now.slope).all():
                return None
            if size < CLOSE:
                down = np.linalg.eigvalsh(-(now.slope + now.slope.T) / 2)[0] > 0
                return params if down else None
            step = -np.linalg.solve(now.slope, mean)
            step_length = min(1.0, 1.0 / np.abs(step).max())
            params = params + step_length * step
            now = equations(basis, error, params)
    return None


def _influence(
    now: Equations, measurement: Measurement, rows: np.ndarray, params: np.ndarray
) -> np.ndarray:
    """Return each row's influence on the coefficients, with the error covariance estimated."""
    slopes = rows @ params
    parts = measurement.times(slopes)
    change = parts - measurement.subtracted @ slopes
    psi = now.rows + now.by_error * change @ rows + np.outer(change @ slopes, now.by_quadratic)
    return -np.linalg.solve(now.slope, psi.T).T / len(psi)


def oriv(
    design: Design, halves: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> Correction | Refusal:
    """Return least squares corrected by obviously related instrumental variables (ORIV).

    Every row stands twice: with the first halves instrumented by the second, and the reverse.

    Parameters
    ----------
    design : Design
    halves : mapping of term to two arrays of shape (n,)
        Columns without halves count as free of error. With halves of the score, it is corrected for
        its own noise too, and errors shared with engagement within a half do no harm.

    Returns
    -------
    Correction or Refusal
        A `Refusal` when the first stage is weak.

    Notes
    -----
    Gillen, Snowberg & Yariv (2019), doi:10.1086/701681: two-stage least squares on the stacked
    rows, clustered by row (or by the plan's clusters), with the factor of HC1 (of CRV1). Each order
    of the halves has its own intercept; the intercept returned is the mean of the two.
    """
    from linearmodels.iv import IV2SLS

    n, k, groups = design.n, design.k, design.n_clusters
    intercept, clean, noisy = [], [], []
    for at, (term, block) in enumerate(zip(design.terms, design.blocks, strict=True)):
        (noisy if term in halves else intercept if block == "intercept" else clean).append(at)
    first, second = (
        np.column_stack([halves[design.terms[at]][half] for at in noisy]) for half in (0, 1)
    )
    fitted = IV2SLS(
        np.tile(design.response, 2),
        np.column_stack(
            [np.repeat(np.eye(2), n, axis=0), np.tile(design.matrix[:, clean], (2, 1))]
        ),
        np.vstack([first, second]),
        np.vstack([second, first]),
    ).fit(
        cov_type="clustered",
        clusters=np.tile(np.arange(n) if groups is None else design.clusters, 2),
        debiased=False,
    )
    try:
        strengths = fitted.first_stage.diagnostics["f.stat"]
    except ZeroDivisionError:  # of its R2 of what the outcome leaves
        why = "the outcome is fitted exactly, and no noise is left in it"
        return Refusal("oriv", f"The correction is refused: {why}.")
    strength = tuple(float(f) / len(noisy) for f in strengths)
    if min(strength) < WEAKEST_FIRST_STAGE:
        reason = f"The correction is refused: the first-stage F is {min(strength):.1f}, below 10."
        return Refusal("oriv", reason, min(strength))
    take = np.zeros((k, 2 + len(clean) + len(noisy)))  # from the stacked order to the design's
    take[intercept, :2] = 0.5
    take[clean + noisy, np.arange(2, take.shape[1])] = 1.0
    kind = design.plain_covariance
    return Correction(
        model="oriv",
        terms=design.terms,
        params=take @ np.asarray(fitted.params),
        cov=take @ np.asarray(fitted.cov) @ take.T * small_sample(kind, n, k, groups),
        covariance=kind,
        n=n,
        clusters=groups,
        influence=np.empty((0, k)),
        first_stage=strength,
    )


def corrected_within(
    params: np.ndarray,
    influence: np.ndarray,
    columns: np.ndarray,
    differences: np.ndarray,
    clusters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes of a fit with fixed effects, corrected for noise, and their covariance.

    Parameters
    ----------
    params : ndarray, shape (k,)
        Of a fit with fixed effects on `columns`.
    influence : ndarray, shape (n, k)
        Each row's influence on `params`.
    columns : ndarray, shape (n, k)
        As they are left when the fixed effects are swept out.
    differences : ndarray, shape (n, k)
        Half of (first half - second half) of each recorded column, swept alike; zero for a column
        without noise.
    clusters : ndarray of int, shape (n,)

    Raises
    ------
    DesignError
        Where a column is nothing but noise within units.

    Notes
    -----
    With ``A`` the columns' moments and ``S`` those of the differences, the truth is expected to be
    ``(I - A^-1 S)`` times what is recorded, so the fitted slopes are that matrix times the true
    ones. For least squares that is errors in variables (Fuller 1987, section 2.2); for an
    exponential mean regression calibration (Carroll, Ruppert, Stefanski & Crainiceanu 2006, chapter
    4). The covariance takes in that ``S`` is estimated.
    """
    moments, noise = columns.T @ columns, differences.T @ differences
    shrink = np.eye(len(params)) - np.linalg.solve(moments, noise)
    if (np.linalg.eigvals(shrink).real < SMALLEST_SHARE_WITHIN).any():
        noisy = "engagement whose changes within units are nothing but noise"
        allowed = "halves that agree better within units"
        raise DesignError("the model", [Fault("correction", noisy, allowed)])
    back, inverse = np.linalg.inv(shrink), np.linalg.inv(moments)
    slopes = back @ params
    pull = inverse @ noise @ slopes
    moved = differences * (differences @ slopes)[:, None] - columns * (columns @ pull)[:, None]
    return slopes, influence_covariance((influence + moved @ inverse.T) @ back.T, clusters)
