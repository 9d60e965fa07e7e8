"""A fitted equation: coefficients, their covariance, and what the tests need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import ROBUST, cluster_products, cluster_sums, steps_without
from analysis.models.design import Design
from analysis.models.distributions import chi2_sf, f_sf, normal_sf, t_sf
from analysis.models.distributions import critical_value as critical_value
from analysis.models.family import FAMILIES
from analysis.models.few_rows import few_carry, few_clusters_df, few_rows_df
from analysis.models.solver import information_of


@dataclass(frozen=True, eq=False)
class Fit:
    """One equation fitted to one design.

    Attributes
    ----------
    design : Design
    model : str
        A name in `FAMILIES`.
    params : ndarray, shape (k,)
        On the model's own scale, per unit of each column of ``design.matrix``.
    cov : ndarray, shape (k, k)
    covariance : str
        What `cov` is: HC0 .. HC3, CRV1 or CRV3.
    fitted : ndarray, shape (n,)
        E[y | X] in the outcome's unit.
    residuals : ndarray, shape (n,)
        So that the estimating equations are ``X' residuals = 0``.
    weights : ndarray, shape (n,)
        So that the information is ``X' diag(weights) X``.
    deviance, null_deviance : float
        Of the model and of the intercept (with the same offset) alone; for OLS sums of squares; NaN
        where there is none.
    note : str
        What a reader of its rows has to know.
    parts : tuple of Fit
        The equations that a model of several is made of; empty for one equation.
    stacked : ndarray or None
        Covariance of the parts' coefficients, one part after the other.
    influence : ndarray, shape (n, k), or None
        Each row's influence on `params`, where `residuals` and `weights` do not give it.
    """

    design: Design
    model: str
    params: np.ndarray
    cov: np.ndarray
    covariance: str
    fitted: np.ndarray
    residuals: np.ndarray
    weights: np.ndarray
    deviance: float
    null_deviance: float
    note: str = field(default="", kw_only=True)
    parts: tuple[Fit, ...] = field(default=(), kw_only=True)
    stacked: np.ndarray | None = field(default=None, kw_only=True)
    influence: np.ndarray | None = field(default=None, kw_only=True)

    @property
    def df(self) -> float | None:
        """Degrees of freedom of the reference: G - 1, or n - k for OLS; None for the normal."""
        if self.covariance.startswith("CRV"):
            return float(self.design.n_clusters - 1)
        return (
            float(self.design.n - self.design.k - self.design.lost)
            if FAMILIES[self.model].linear
            else None
        )

    def df_of(self, term: str) -> float | None:
        """Return the degrees of freedom of one coefficient: fewer than `df` if few rows carry it.

        With HC3 or CRV3 and rows in memory; of a model of two parts the fewer of both.
        """
        few = self.few(term)
        if few is None or self.df is None:
            return self.df if few is None else few
        return min(few, self.df)

    def few(self, term: str) -> float | None:
        """Return the degrees of freedom of a coefficient that few rows, or clusters, carry.

        None of any other, and of a covariance for which they are not known.
        """
        if self.parts:
            found = [df for part in self.parts if (df := part.few(term)) is not None]
            return min(found, default=None)
        if self.covariance not in (ROBUST, "CRV3") or not len(self.residuals):
            return None
        (basis, triangle), root = self.design.basis, np.sqrt(np.maximum(self.weights, 0.0))
        along = np.linalg.solve(self.information, np.linalg.inv(triangle)[self.position(term)])
        weights = root * (basis @ along)
        if self.covariance == "CRV3":
            return few_clusters_df(weights, self.design.clusters)
        if not few_carry(weights):
            return None
        standard = np.divide(self.residuals, root, out=np.zeros_like(root), where=root > 0)
        whitened = np.linalg.solve(np.linalg.cholesky(self.information), basis.T).T * root[:, None]
        leverage = (whitened**2).sum(axis=1)
        if self.design.levels is not None:
            leverage += (
                self.design.levels.leverage(self.weights) - self.weights / self.weights.sum()
            )
        return few_rows_df(weights, standard, whitened, leverage)

    @property
    def r_squared(self) -> float:
        """R2, or the share of null deviance that is explained (Cameron & Windmeijer 1997)."""
        return 1.0 - self.deviance / self.null_deviance

    @cached_property
    def information(self) -> np.ndarray:
        """``X' diag(weights) X`` on the orthonormal basis, shape (k, k)."""
        return information_of(self.design.basis[0], self.weights)

    @cached_property
    def without_clusters(self) -> tuple[np.ndarray, np.ndarray]:
        """Moments, (G, k, k), and coefficients, (G, k), without each cluster on the basis.

        The coefficients are one Newton step from the fit, which for least squares is exact.

        Raises
        ------
        numpy.linalg.LinAlgError
            Where one cluster alone carries a coefficient.
        """
        (basis, triangle), clusters = self.design.basis, self.design.clusters
        moments = self.design.n * np.eye(self.design.k) - cluster_products(basis, basis, clusters)
        _, moves = steps_without(basis, self.residuals, self.weights, clusters)
        return moments, triangle @ self.params + moves

    def row_influence(self, term: str = "") -> np.ndarray:
        """Return each row's influence on the coefficients, shape (n, k), or on one, shape (n,)."""
        at = self.position(term) if term else slice(None)
        if self.influence is not None:
            return self.influence[:, at]
        basis, triangle = self.design.basis
        back = np.linalg.solve(self.information, np.linalg.inv(triangle)[at].T)
        return ((basis @ back).T * self.residuals).T

    def std_errors(self) -> np.ndarray:
        return np.sqrt(np.diag(self.cov))

    def coefficient(self, term: str) -> tuple[float, float]:
        """Return the coefficient of a term and its standard error."""
        at = self.position(term)
        return float(self.params[at]), float(np.sqrt(self.cov[at, at]))

    def position(self, term: str) -> int:
        """Return the column of a term in the design."""
        return self.design.position(term)


@dataclass(frozen=True, eq=False)
class CountFit(Fit):
    """A negative binomial fit, with what a covariance together with another equation needs.

    Attributes
    ----------
    dispersion : float
        alpha in ``variance = mean + alpha mean**2``; 0 where the counts vary no more than Poisson
        ones.
    every_param : ndarray, shape (k,) or (k + 1,)
        Coefficients, then log(alpha) unless it is the boundary.
    scores : ndarray, shape (n, k) or (n, k + 1)
        Each row's derivative of the log likelihood by `every_param`.
    bread : ndarray
        Inverse of the observed information of `every_param`.
    every_cov : ndarray
        Covariance of `every_param`.
    truncated : bool
        Given that the count is positive.
    """

    dispersion: float
    every_param: np.ndarray
    scores: np.ndarray
    bread: np.ndarray
    every_cov: np.ndarray
    truncated: bool

    def chance_of_none(self, mean: np.ndarray) -> np.ndarray:
        """Return P(count = 0) before any truncation, for means of shape (n,)."""
        alpha = self.dispersion
        return np.exp(-mean if alpha == 0 else -np.log1p(alpha * mean) / alpha)


def p_value(statistic: float, df: float | None) -> float:
    """Return the two-sided p-value of a t (or, without `df`, normal) statistic."""
    return float(2 * (normal_sf(abs(statistic)) if df is None else t_sf(abs(statistic), df)))


def wald(fit: Fit, terms: tuple[str, ...]) -> tuple[float, float]:
    """Return (statistic, p) of the robust Wald test that the coefficients of `terms` are all zero.

    A chi-square with q degrees of freedom under a normal reference, else an F statistic: with (q, n
    - k), of one coefficient that few rows carry with (1, its own), or with clusters Hotelling's
    form ``(G - q) / (q (G - 1)) W`` with (q, G - q), since a covariance estimated from G clusters
    has G - 1 degrees of freedom in every direction at once. For a model of two parts all
    coefficients of `terms` in both of them are tested: without clusters the sum of the parts'
    statistics.

    Raises
    ------
    DesignError
        When there are no more clusters than terms: their covariance is singular.
    """
    cov, params, at = fit.cov, fit.params, [fit.position(term) for term in terms]
    if fit.parts:
        params = np.concatenate([part.params for part in fit.parts])
        cov, at = (
            fit.stacked,
            [place + fit.design.k * number for number in range(len(fit.parts)) for place in at],
        )
        if not fit.covariance.startswith("CRV"):  # the parts are independent, whatever the rows say
            cov = np.where(np.equal.outer(*(np.arange(len(cov)) // fit.design.k,) * 2), cov, 0.0)
    q = len(at)
    if fit.covariance.startswith("CRV") and q > 1 and fit.design.n_clusters <= q:
        found = f"{q} coefficients tested at once with {fit.design.n_clusters} clusters"
        raise DesignError(
            "the model", [Fault("joint Wald test", found, "more clusters than coefficients")]
        )
    value = float(params[at] @ np.linalg.solve(cov[np.ix_(at, at)], params[at]))
    df = fit.df_of(terms[0]) if q == 1 else fit.df
    if df is None:
        return value, float(chi2_sf(value, q))
    if fit.covariance.startswith("CRV"):
        groups = fit.design.n_clusters
        value *= (groups - q) / (q * (groups - 1))
        return value, float(f_sf(value, q, df if q == 1 else groups - q))
    return value / q, float(f_sf(value / q, q, df))


def score_test(reduced: Fit, design: Design, *, clustered: bool) -> tuple[float, float]:
    """Return (chi-square, p) of the robust score test of the columns that `design` adds.

    Parameters
    ----------
    reduced : Fit
        The model without the score.
    design : Design
        The full design; its score columns are tested.
    clustered : bool
        Sum the contributions by cluster.

    Notes
    -----
    ``s' V^-1 s`` with s the sum of the score columns' contributions, made orthogonal to the reduced
    model's columns under its weights: Wooldridge (1991), Journal of Econometrics 48, 29-55.
    """
    columns, root = design.block("score"), np.sqrt(reduced.weights)[:, None]
    if reduced.design.levels is not None:
        columns = reduced.design.levels.swept(columns, reduced.weights)
    held = reduced.design.basis[0]
    weights = np.linalg.lstsq(held * root, columns * root, rcond=None)[0]
    outside = columns - held @ weights
    contributions = outside * reduced.residuals[:, None]
    if clustered:
        contributions = cluster_sums(contributions, design.clusters)
    total = contributions.sum(axis=0)
    statistic = float(total @ np.linalg.solve(contributions.T @ contributions, total))
    return statistic, float(chi2_sf(statistic, columns.shape[1]))
