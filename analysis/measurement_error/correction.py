"""Noise in engagement, corrected: moments for least squares, regression calibration for every other
model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analysis.measurement_error.corrected import (
    Correction,
    Identification,
    Refusal,
    corrected,
    identification,
    leverage_of,
    refuse_weak,
    stacked_covariance,
)
from analysis.measurement_error.measurement import Measurement, error_in_basis, measure
from analysis.models import fit_ols
from analysis.models.covariance import around, cluster_sums, hat_diagonal
from analysis.models.design import Design
from analysis.models.fit import Fit


def correct_fit(fit: Fit, measurement: Measurement) -> Correction | Refusal:
    """Correct a fitted model for errors in recorded columns.

    For least squares this is the moment errors-in-variables estimator; for every other model it is
    linear regression calibration. Both are one formula.

    Parameters
    ----------
    fit : Fit
        The plain fit, on the recorded columns.
    measurement : Measurement
        From `analysis.measurement.measure`, for the same design.

    Returns
    -------
    Correction or Refusal
        A `Refusal` when the corrected moment matrix is (nearly) singular.

    Notes
    -----
    With M the recorded moments and C those of the record with its error, the best linear prediction
    of the true columns is ``Z M^-1 (M - C)``. A model that is linear in its columns and fitted to
    them has the coefficients

        b = (M - C)^-1 M b_plain,

    which for least squares is ``(M - C)^-1 Z'y / n`` (Fuller 1987, *Measurement Error Models*,
    chapter 2). C is the error covariance; where the score shares the error, it has the shared part
    in the score's row, and nothing in its column. For a score made of the recorded column alone the
    score's coefficient is then the plain one. For an exponential mean it is exact when the truth is
    normal given what is recorded; for a logit it is exact at zero, and a little attenuated
    elsewhere (Carroll, Ruppert, Stefanski & Crainiceanu 2006, chapter 4). Each row's influence is

        (M - C)^-1 [ M H^-1 g_i + z_i z_i' (b_plain - b) + C_i b ]

    with g_i and H score and information of the plain fit, and C_i the row's part of C: M and C are
    estimated, and the covariance says so. Declared reliabilities are taken as known, the column's
    variance is not.
    """
    model = "eiv" if fit.model == "ols" else "calibration"
    found = identification(fit.design, measurement)
    return refuse_weak(model, found) or _corrected(model, fit, measurement, found)


def _corrected(model: str, fit: Fit, measurement: Measurement, found: Identification) -> Correction:
    basis, triangle = fit.design.basis
    plain = triangle @ fit.params
    rows, inside = error_in_basis(fit.design, measurement)
    moment = np.eye(fit.design.k) - inside
    params = np.linalg.solve(moment, plain)
    parts = plain_influence(fit) * fit.design.n
    parts += basis * (basis @ (plain - params))[:, None] + measurement.times(rows @ params) @ rows
    influence = np.linalg.solve(moment, parts.T).T / fit.design.n
    carried = corrected(model, fit, params, influence, found)
    others = _without_each_cluster(fit, measurement) if fit.covariance == "CRV3" else None
    return carried if others is None else carried.jackknifed(np.linalg.solve(triangle, others.T).T)


def _without_each_cluster(fit: Fit, measurement: Measurement) -> np.ndarray | None:
    """Return the corrected coefficients on the basis without each cluster, shape (G, k); None where
    one has none.

    Moments and errors are sums over the rows, so a cluster is taken out of them by subtraction.
    """
    design = fit.design
    rows, inside = error_in_basis(design, measurement)
    # each cluster's part of what is subtracted, column by column
    noise = [cluster_sums(measurement.times(column) @ rows, design.clusters) for column in rows.T]
    try:
        moments, plain = fit.without_clusters
        errors = design.n * inside - np.stack(noise, axis=2)
        return np.linalg.solve(moments - errors, moments @ plain[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        return None


def plain_influence(fit: Fit) -> np.ndarray:
    """Return each row's influence on the plain coefficients, on the orthonormal basis, shape (n,
    k).
    """
    basis, _ = fit.design.basis
    return np.linalg.solve(fit.information, (basis * fit.residuals[:, None]).T).T


@dataclass(frozen=True)
class Effect:
    """An estimate with its standard error; on a normal reference, or with degrees of freedom on
    that of t.
    """

    estimate: float
    std_error: float
    df: float | None = None


def corrected_margin(fit: Fit, correction: Correction, term: str) -> Effect:
    """Return the corrected change in probability per unit of a column, averaged over the rows.

    Parameters
    ----------
    fit : Fit
        The plain logit.
    correction : Correction
        From `correct_fit`.
    term : str

    Notes
    -----
    ``b mean(p (1 - p))`` at the calibrated columns, whose linear predictor is that of the plain
    fit: the average over what is not known of true engagement is already in p. The rows are taken
    as they are; its error is of the kind that the correction's is.
    """
    at = fit.position(term)
    density = fit.weights.mean()
    change = (fit.weights * (1 - 2 * fit.fitted)) @ fit.design.basis[0] / fit.design.n
    parts = density * correction.influence[:, at] + correction.params[at] * (
        plain_influence(fit) @ change
    )
    if correction.covariance == "HC3":
        left = 1 - hat_diagonal(fit.design.basis[0], fit.weights)
        return Effect(float(correction.params[at] * density), float(np.linalg.norm(parts / left)))
    both = np.column_stack([parts, correction.influence[:, at]])
    variance, alone = np.diag(stacked_covariance(both, fit.design.clusters, fit.design.k)[0])
    if correction.covariance == "CRV3":  # as much wider than CRV1 as the coefficient's
        variance *= correction.cov[at, at] / alone
    return Effect(float(correction.params[at] * density), float(np.sqrt(variance)), correction.df)


def correct_term(
    fit: Fit, measurement: Measurement, term: str, *, margin: bool = False
) -> Effect | Refusal:
    """Return one corrected coefficient (or, for a logit, its margin): what `correct_fit` gives,
    many times as fast.

    Only that coefficient's influence is computed, and no matrix with a row for each row of the
    data.
    """
    model = "eiv" if fit.model == "ols" else "calibration"
    refusal = refuse_weak(model, identification(fit.design, measurement))
    if refusal is not None:
        return refusal
    (basis, triangle), n, k = fit.design.basis, fit.design.n, fit.design.k
    plain, at = triangle @ fit.params, fit.position(term)
    rows, inside = error_in_basis(fit.design, measurement)
    moment = np.eye(k) - inside
    params = np.linalg.solve(moment, plain)
    own = np.linalg.solve(triangle.T, np.eye(k)[at])  # the coefficient as a sum over the basis
    weights = np.linalg.solve(moment.T, own)
    inverse = np.linalg.inv(fit.information)
    parts = (basis @ (inverse @ weights)) * fit.residuals
    curved = (basis @ weights) * (basis @ (plain - params)) + measurement.times(rows @ params) @ (
        rows @ weights
    )
    parts += curved / n
    estimate = float(own @ params)
    alone = parts
    if margin:
        change = (fit.weights * (1 - 2 * fit.fitted)) @ basis / n
        density = float(fit.weights.mean())
        parts = density * parts + estimate * ((basis @ (inverse @ change)) * fit.residuals)
        estimate *= density
    leverage = leverage_of(fit)
    if leverage is not None:
        return Effect(estimate, float(np.linalg.norm(parts / (1 - leverage))))
    others = _without_each_cluster(fit, measurement) if fit.covariance == "CRV3" else None
    if others is None:
        return Effect(
            estimate,
            float(np.sqrt(stacked_covariance(parts[:, None], fit.design.clusters, k)[0][0, 0])),
        )
    error, crude = np.sqrt(
        np.diag(stacked_covariance(np.column_stack([parts, alone]), fit.design.clusters, k)[0])
    )
    wider = np.sqrt(own @ around(params, others) @ own) / crude
    return Effect(estimate, float(error * wider), fit.df)


@dataclass(frozen=True, eq=False)
class Sweep:
    """The corrected coefficient over a range of reliabilities: the figure, and where an interval
    crosses.

    Attributes
    ----------
    reliability : ndarray, shape (r,)
    estimate, std_error : ndarray, shape (r,)
        NaN where the correction is refused.
    df : float or None
        Of the reference: None for the normal one.
    """

    reliability: np.ndarray
    estimate: np.ndarray = field(repr=False)
    std_error: np.ndarray = field(repr=False)
    df: float | None = None


def sweep(
    fit: Fit,
    term: str,
    noisy: tuple[str, ...],
    *,
    grid: np.ndarray | None = None,
    margin: bool = False,
) -> Sweep:
    """Return the corrected coefficient (or, for a logit, margin) of `term` for each reliability of
    the noisy columns.

    Parameters
    ----------
    fit : Fit
    term : str
    noisy : tuple of str
        Columns that all have the swept reliability; the others count as free of error.
    grid : ndarray, optional
        Reliabilities in (0, 1]; 51 values from .5 to 1 where none are given.
    margin : bool
    """
    grid = np.linspace(0.5, 1.0, 51) if grid is None else np.asarray(grid, dtype=float)
    found = [_at(fit, term, dict.fromkeys(noisy, float(value)), margin) for value in grid]
    estimates = np.array([effect.estimate for effect in found])
    df = next((effect.df for effect in found if effect.df is not None), None)
    return Sweep(grid, estimates, np.array([effect.std_error for effect in found]), df)


def _at(fit: Fit, term: str, declared: dict[str, float], margin: bool) -> Effect:
    found = correct_term(fit, measure(fit.design, declared=declared), term, margin=margin)
    return Effect(np.nan, np.nan) if isinstance(found, Refusal) else found


def agree(
    plain: str, corrected_word: str, plain_estimate: float, corrected_estimate: float
) -> bool:
    """Return whether plain and corrected give the same word, and for `adds` and `trivial` the same
    direction.

    This is the rule where it is not known whether the score shares the errors of engagement.
    """
    if plain != corrected_word:
        return False
    return plain not in ("adds", "trivial") or np.sign(plain_estimate) == np.sign(
        corrected_estimate
    )


def eiv(design: Design, measurement: Measurement) -> Correction | Refusal:
    """Return least squares corrected for errors in recorded columns, without fitting a plain model
    first.

    Raises
    ------
    DesignError
        As `analysis.measurement.measure`.

    Examples
    --------
    >>> import numpy as np
    >>> from analysis.design import Design
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.normal(size=5000)
    >>> halves = truth + rng.normal(size=(2, 5000)) * 0.7
    >>> score = truth + rng.normal(size=5000)
    >>> matrix = np.column_stack([np.ones(5000), halves.mean(axis=0), score])
    >>> design = Design(truth + rng.normal(size=5000), matrix, ("const", "likes", "klout"),
    ...                 ("intercept", "engagement", "score"))
    >>> result = eiv(design, measure(design, halves={"likes": (halves[0], halves[1])}))
    >>> bool(abs(result.estimate("klout")) < 2 * result.std_error("klout"))
    True
    """
    return correct_fit(fit_ols(design, covariance="HC1"), measurement)
