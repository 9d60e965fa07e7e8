"""Ordinary least squares with robust covariances."""

from __future__ import annotations

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import jackknife, sandwich
from analysis.models.design import Design
from analysis.models.fit import Fit


def fit_ols(design: Design, *, covariance: str = "HC3") -> Fit:
    """Fit ``y = X b`` by least squares.

    Parameters
    ----------
    design : Design
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}

    Returns
    -------
    Fit
        Coefficients in units of the outcome per unit of the column. `residuals` and `weights` are
        those of the estimating equations ``X'(y - Xb) = 0``.

    Notes
    -----
    On an orthonormal basis of the columns the coefficients are projections (twice, since what is
    left of the first one is rounding), and they are carried back through the triangle of the
    factorisation: digits are lost in proportion to the condition number, not to its square.
    """
    basis, triangle = design.basis
    projections = basis.T @ design.response / design.n
    projections += basis.T @ (design.response - basis @ projections) / design.n
    fitted = basis @ projections
    residuals = design.response - fitted
    back = np.linalg.inv(triangle)
    cov = _covariance(design, basis, residuals, covariance)
    centred = design.response - (design.response.mean() if design.blocks[0] == "intercept" else 0.0)
    return Fit(
        design=design,
        model="ols",
        params=np.linalg.solve(triangle, projections),
        cov=back @ cov @ back.T,
        covariance=covariance,
        fitted=fitted,
        residuals=residuals,
        weights=np.ones(design.n),
        deviance=float(residuals @ residuals),
        null_deviance=float(centred @ centred),
    )


def _covariance(design: Design, basis: np.ndarray, residuals: np.ndarray, kind: str) -> np.ndarray:
    """Return the covariance of the coefficients on the orthonormal basis, where the bread is I /
    n.
    """
    if kind == "CRV3":
        return jackknife(_refit_without(design, basis), np.zeros(design.k), design.clusters)
    bread = np.eye(design.k) / design.n
    leverage = (basis**2).sum(axis=1) / design.n
    return sandwich(
        bread, basis * residuals[:, None], kind, leverage=leverage, clusters=design.clusters
    )


def _refit_without(design: Design, basis: np.ndarray):
    """Return a function giving the change of the coefficients when only the rows of a mask stay."""
    coefficients = basis.T @ design.response / design.n
    residuals = design.response - basis @ coefficients

    def refit(stay: np.ndarray) -> np.ndarray:
        gone = basis[~stay]
        information = design.n * np.eye(design.k) - gone.T @ gone
        if np.linalg.cond(information) > 1e12:
            raise DesignError(
                "the model", [Fault("least squares", "a singular design", "independent columns")]
            )
        return -np.linalg.solve(information, gone.T @ residuals[~stay])

    return refit
