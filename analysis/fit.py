"""A fitted equation: coefficients, their covariance, and what the tests need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.design import Design
from analysis.errors import DesignError, Fault


@dataclass(frozen=True, eq=False)
class Fit:
    """One equation fitted to one design.

    Attributes
    ----------
    design : Design
    model : str
        "ols", "poisson", "gamma", "tweedie" or "logit".
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
        Of the model and of the intercept (with the same offset) alone; for OLS sums of squares.
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

    @property
    def df(self) -> float | None:
        """Degrees of freedom of the reference: G - 1 with clusters, n - k for OLS, None for the normal."""
        if self.covariance.startswith("CRV"):
            return float(self.design.n_clusters - 1)
        return float(self.design.n - self.design.k) if self.model == "ols" else None

    @property
    def r_squared(self) -> float:
        """R2, or the share of the null deviance that the model explains (Cameron & Windmeijer 1997)."""
        return 1.0 - self.deviance / self.null_deviance

    def std_errors(self) -> np.ndarray:
        return np.sqrt(np.diag(self.cov))

    def position(self, term: str) -> int:
        """Return the column of a term: the last one of this name, since scores stand last in a design."""
        return len(self.design.terms) - 1 - self.design.terms[::-1].index(term)


def p_value(statistic: float, df: float | None) -> float:
    """Return the two-sided p-value of a t (or, without `df`, normal) statistic."""
    return float(2 * (stats.norm.sf(abs(statistic)) if df is None else stats.t.sf(abs(statistic), df)))


def critical_value(level: float, df: float | None) -> float:
    """Return the quantile that a two-sided interval of this level multiplies the standard error by."""
    tail = (1 - level) / 2
    return float(stats.norm.isf(tail) if df is None else stats.t.isf(tail, df))


def wald(fit: Fit, terms: tuple[str, ...]) -> tuple[float, float]:
    """Return (statistic, p) of the robust Wald test that the coefficients of `terms` are all zero.

    A chi-square with q degrees of freedom under a normal reference, else an F statistic: with (q, n - k), or with
    clusters Hotelling's form ``(G - q) / (q (G - 1)) W`` with (q, G - q), since a covariance estimated from G
    clusters has G - 1 degrees of freedom in every direction at once.

    Raises
    ------
    DesignError
        When there are no more clusters than terms: their covariance is singular.
    """
    at = [fit.position(term) for term in terms]
    q = len(at)
    if fit.covariance.startswith("CRV") and q > 1 and fit.design.n_clusters <= q:
        found = f"{q} coefficients tested at once with {fit.design.n_clusters} clusters"
        raise DesignError("the model", [Fault("joint Wald test", found, "more clusters than coefficients")])
    value = float(fit.params[at] @ np.linalg.solve(fit.cov[np.ix_(at, at)], fit.params[at]))
    if fit.df is None:
        return value, float(stats.chi2.sf(value, q))
    if fit.covariance.startswith("CRV"):
        groups = fit.design.n_clusters
        value *= (groups - q) / (q * (groups - 1))
        return value, float(stats.f.sf(value, q, groups - q))
    return value / q, float(stats.f.sf(value / q, q, fit.df))
