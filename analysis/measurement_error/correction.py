"""Corrections for noise in engagement: moments for least squares, else regression calibration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from analysis.measurement_error.measurement import (
    Identification,
    Measurement,
    Refusal,
    error_in_basis,
    identification,
    refuse_weak,
)
from analysis.models.covariance import (
    around,
    cluster_sums,
    equation_covariance,
    hat_diagonal,
    small_sample,
)
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit, critical_value, p_value

LEVERED = 0.1
"""Largest leverage in a design without clusters from which on a correction of a fit with HC1 has
HC3 all the same, which that of every other fit has. With a lognormal score, least squares and
reliability .8, HC1 finds a worthless score in 8.2, 7.3 and 6.8 % of samples of 100, 300 and 1,000
and HC3 in 4.8, 5.2 and 5.8 % (2,000 draws each); normal columns pass the bound in small samples
only."""


@dataclass(frozen=True)
class Effect:
    """An estimate with its standard error.

    Attributes
    ----------
    estimate, std_error : float
    df : float or None
        Degrees of freedom of the t reference; None for the normal one.
    """

    estimate: float
    std_error: float
    df: float | None = None

    def interval(self, level: float) -> tuple[float, float]:
        half = critical_value(level, self.df) * self.std_error
        return self.estimate - half, self.estimate + half

    def times(self, by: float) -> Effect:
        """Return the effect of a step of another size."""
        return Effect(float(self.estimate * by), float(self.std_error * abs(by)), self.df)


@dataclass(frozen=True, eq=False)
class Correction:
    """The result of a correction: coefficients corrected for errors in recorded columns.

    Attributes
    ----------
    model : {"eiv", "calibration", "corrected-score", "conditional-score", "oriv"}
    terms : tuple of str, length q
    params : ndarray, shape (q,)
        On the model's own scale, per unit of each column.
    cov : ndarray, shape (q, q)
        Of the stacked estimating equations: the estimated error covariances are part of the stack.
    covariance : {"HC1", "HC3", "CRV1", "CRV3"}
    n : int
    clusters : int or None
    influence : ndarray, shape (n, q)
        Each row's part of ``params - truth``; `cov` is their (cluster-summed) cross product times
        its factor.
    identification : Identification or None
    first_stage : tuple of float
        Of instruments: F (robust, clustered by unit) for each column with halves.
    few : tuple of (float or None)
        Degrees of freedom of the terms that few rows or clusters carry in the plain fit.
    """

    model: str
    terms: tuple[str, ...]
    params: np.ndarray
    cov: np.ndarray
    covariance: str
    n: int
    clusters: int | None
    influence: np.ndarray = field(repr=False)
    identification: Identification | None = None
    first_stage: tuple[float, ...] = ()
    few: tuple[float | None, ...] = ()

    @property
    def df(self) -> float | None:
        """Degrees of freedom of the reference: G - 1 with CRV3, else None for the normal one."""
        return self.clusters - 1.0 if self.covariance == "CRV3" else None

    def df_of(self, term: str) -> float | None:
        """Return the degrees of freedom of one coefficient: those of the plain fit where few rows
        carry it.
        """
        known = self.few and self.covariance in ("HC3", "CRV3")
        few = self.few[self.terms.index(term)] if known else None
        return self.df if few is None else few

    def effect(self, term: str) -> Effect:
        """Return one coefficient with its standard error."""
        at = self.terms.index(term)
        return Effect(float(self.params[at]), float(np.sqrt(self.cov[at, at])), self.df_of(term))

    def estimate(self, term: str) -> float:
        return self.effect(term).estimate

    def std_error(self, term: str) -> float:
        return self.effect(term).std_error

    def p_value(self, term: str) -> float:
        return p_value(self.estimate(term) / self.std_error(term), self.df_of(term))

    def interval(self, term: str, level: float = 0.95) -> tuple[float, float]:
        return self.effect(term).interval(level)


def correct_fit(fit: Fit, measurement: Measurement) -> Correction | Refusal:
    """Return a fit's coefficients corrected for errors in recorded columns.

    For least squares errors in variables by moments, else linear regression calibration.

    Parameters
    ----------
    fit : Fit
        The plain fit, on the recorded columns.
    measurement : Measurement
        From `measure`, for the same design.

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

    Examples
    --------
    >>> from analysis.measurement_error.measurement import measure
    >>> from analysis.models import fit_ols
    >>> from analysis.models.design import Design
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.normal(size=5000)
    >>> halves = truth + rng.normal(size=(2, 5000)) * 0.7
    >>> score = truth + rng.normal(size=5000)
    >>> matrix = np.column_stack([np.ones(5000), halves.mean(axis=0), score])
    >>> design = Design(truth + rng.normal(size=5000), matrix, ("const", "likes", "klout"),
    ...                 ("intercept", "engagement", "score"))
    >>> errors = measure(design, halves={"likes": (halves[0], halves[1])})
    >>> result = correct_fit(fit_ols(design, covariance="HC1"), errors)
    >>> bool(abs(result.estimate("klout")) < 2 * result.std_error("klout"))
    True
    """
    return _correct(fit, measurement, fit.design.terms, np.arange(fit.design.k))


def correct_term(
    fit: Fit, measurement: Measurement, term: str, *, margin: bool = False
) -> Effect | Refusal:
    """Return one coefficient of `correct_fit` (or, for a logit, its margin), many times as fast.

    Only that coefficient's influence is computed.
    """
    correction = _correct(fit, measurement, (term,), np.array([fit.position(term)]))
    if isinstance(correction, Refusal):
        return correction
    return corrected_margin(fit, correction, term) if margin else correction.effect(term)


def _correct(
    fit: Fit, measurement: Measurement, terms: tuple[str, ...], at: np.ndarray
) -> Correction | Refusal:
    """Return the corrected coefficients of some terms, which stand at positions `at`."""
    model = FAMILIES[fit.model].correction
    levels = fit.design.levels
    design = fit.design.opened
    identified = identification(design, measurement)
    if refusal := refuse_weak(model, identified):
        return refusal
    (basis, triangle), n, k = design.basis, design.n, design.k
    plain = triangle @ fit.params
    rows, inside = error_in_basis(design, measurement)
    moment = np.eye(k) - inside
    params = np.linalg.solve(moment, plain)
    back = np.linalg.solve(triangle.T, np.eye(k)[:, at])  # columns as sums over the basis, (k, q)
    weights = np.linalg.solve(moment.T, back)
    if levels is None:
        influence = (basis @ np.linalg.solve(fit.information, weights)) * fit.residuals[:, None]
    else:
        influence = fit.row_influence() @ (triangle.T @ weights)
    moved = (basis @ weights) * (basis @ (plain - params))[:, None]
    moved += measurement.times(rows @ params) @ (rows @ weights)
    result = corrected(model, fit, params @ back, influence + moved / n, identified, terms)
    if levels is not None:
        return _as_wide(result, fit, terms)
    others = _without_each_cluster(fit, measurement) if fit.covariance == "CRV3" else None
    if others is None:
        return result
    return replace(result, cov=around(result.params, others @ back), covariance="CRV3")


def _as_wide(result: Correction, fit: Fit, terms: tuple[str, ...]) -> Correction:
    """Return a correction whose errors by CRV1 are as much wider as CRV3 makes the plain ones."""
    if fit.covariance != "CRV3":
        return result
    plain = equation_covariance(
        *(fit.design.basis[0], fit.residuals, fit.weights, "CRV1"),
        *(fit.design.clusters, fit.design.levels),
    )
    back = np.linalg.inv(fit.design.basis[1])
    of_plain = np.sqrt(np.diag(back @ plain @ back.T))
    wider = [fit.coefficient(term)[1] / of_plain[fit.position(term)] for term in terms]
    return replace(result, cov=result.cov * np.outer(wider, wider), covariance="CRV3")


def _without_each_cluster(fit: Fit, measurement: Measurement) -> np.ndarray | None:
    """Return corrected coefficients on the basis without each cluster, shape (G, k).

    None where one cluster leaves none. Moments and errors are sums over the rows, so a cluster is
    taken out of them by subtraction.
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
    (basis, _), n, k = fit.design.basis, fit.design.n, fit.design.k
    at, density = correction.terms.index(term), float(fit.weights.mean())
    estimate, alone = float(correction.params[at]), correction.influence[:, at]
    change = np.linalg.solve(fit.information, (fit.weights * (1 - 2 * fit.fitted)) @ basis / n)
    parts = density * alone + estimate * ((basis @ change) * fit.residuals)
    if correction.covariance == "HC3":
        parts = parts / (1 - hat_diagonal(basis, fit.weights))
        return Effect(estimate * density, float(np.linalg.norm(parts)), correction.df_of(term))
    both = stacked_covariance(np.column_stack([parts, alone]), fit.design.clusters, k)[0]
    variance = both[0, 0]
    if correction.covariance == "CRV3":  # as much wider than CRV1 as the coefficient's
        variance *= correction.cov[at, at] / both[1, 1]
    return Effect(estimate * density, float(np.sqrt(variance)), correction.df_of(term))


# --- covariance -----------------------------------------------------------------------------------


def corrected(
    model: str,
    fit: Fit,
    params: np.ndarray,
    influence: np.ndarray,
    identified: Identification | None,
    terms: tuple[str, ...],
) -> Correction:
    """Return the result for coefficients and influence, with HC1, HC3 or CRV1 errors."""
    design = fit.design
    cov, name = stacked_covariance(influence, design.clusters, design.k + design.lost)
    few = tuple(fit.few(term) for term in terms)
    about = design.n, design.n_clusters, influence, identified
    result = Correction(model, terms, params, cov, name, *about, few=few)
    leverage = leverage_of(fit)
    return result if leverage is None else under_leverage(result, leverage)


def stacked_covariance(
    influence: np.ndarray, clusters: np.ndarray | None, k: int | None = None
) -> tuple[np.ndarray, str]:
    """Return (covariance, its name) from rows of influence, shape (n, q): HC1, CRV1 with clusters.

    `k` is the number of coefficients of the equation where these are not all of them.
    """
    n, width = influence.shape
    kind, sums = "HC1", influence
    if clusters is not None:
        kind, sums = "CRV1", cluster_sums(influence, clusters)
    factor = small_sample(kind, n, width if k is None else k, len(sums))
    return sums.T @ sums * factor, kind


def leverage_of(fit: Fit) -> np.ndarray | None:
    """Return each row's leverage in the weighted fit, shape (n,), where a correction needs it.

    None with clusters, of a fit with HC1 where no row of the design has a leverage of `LEVERED`,
    and where one row has all of it. Whether it matters is a question of the columns alone, so that
    the outcome has no say in how it is tested.
    """
    unlevered = fit.covariance == "HC1" and fit.design.largest_leverage < LEVERED
    if fit.design.clusters is not None or unlevered:
        return None
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    if fit.design.levels is not None:
        leverage += fit.design.levels.leverage(fit.weights) - fit.weights / fit.weights.sum()
    return None if (leverage > 1 - 1e-10).any() else leverage


def under_leverage(correction: Correction, leverage: np.ndarray) -> Correction:
    """Return a correction with HC3 errors: each row's influence over one less its leverage.

    Parameters
    ----------
    correction : Correction
    leverage : ndarray, shape (n,)
        Of the plain fit's rows, weighted as it weights them.

    Notes
    -----
    With clusters, or a row of leverage one, it stays as it is.
    """
    if correction.clusters is not None or (leverage > 1 - 1e-10).any():
        return correction
    influence = correction.influence / (1 - leverage)[:, None]
    return replace(correction, cov=influence.T @ influence, covariance="HC3")
