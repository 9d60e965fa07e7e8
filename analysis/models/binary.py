"""Logit for outcomes that happen or do not, and the average marginal effect in which two logits
compare.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import expit, xlogy

from analysis.errors import DesignError, Fault
from analysis.models.covariance import jackknife, sandwich
from analysis.models.design import Design
from analysis.models.fit import Fit
from analysis.models.steps import MANY_ROWS, information_of


def fit_logit(design: Design, *, covariance: str = "HC1") -> Fit:
    """Fit ``P(y = 1 | X) = 1 / (1 + exp(-X b))`` by maximum likelihood.

    Parameters
    ----------
    design : Design
        The response is 0 or 1.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}

    Returns
    -------
    Fit
        Coefficients are log odds ratios per unit of the column.

    Raises
    ------
    DesignError
        When a combination of columns separates the two outcomes, so that no finite estimate exists.
    """
    basis, triangle = design.basis
    estimate = _solve(design.response, basis)
    fitted = expit(basis @ estimate)
    weights = fitted * (1 - fitted)
    residuals = design.response - fitted
    if covariance == "CRV3":
        cov = jackknife(
            lambda stay: _solve(design.response[stay], basis[stay]), estimate, design.clusters
        )
    else:
        bread = np.linalg.inv(information_of(basis, weights))
        leverage = (
            weights * np.einsum("ij,ij->i", basis @ bread, basis)
            if covariance in ("HC2", "HC3")
            else None
        )
        scores = basis * residuals[:, None]
        cov = sandwich(bread, scores, covariance, leverage=leverage, clusters=design.clusters)
    back = np.linalg.inv(triangle)
    share = np.full(design.n, design.response.mean())
    return Fit(
        design=design,
        model="logit",
        params=np.linalg.solve(triangle, estimate),
        cov=back @ cov @ back.T,
        covariance=covariance,
        fitted=fitted,
        residuals=residuals,
        weights=weights,
        deviance=_deviance(design.response, fitted),
        null_deviance=_deviance(design.response, share),
    )


def average_marginal_effect(fit: Fit, term: str) -> tuple[float, float]:
    """Return the mean change in probability per unit of a column, and its standard error by the
    delta method.

    Parameters
    ----------
    fit : Fit
        Of a logit.
    term : str

    Notes
    -----
    The effect is ``mean(b p (1 - p))`` over the rows; the rows are taken as they are. Log odds
    change with what is controlled even where nothing is confounded, average marginal effects hardly
    do: Mood (2010), doi:10.1093/esr/jcp006.
    """
    gradient = marginal_gradient(fit, term)
    effect = fit.params[fit.position(term)] * fit.weights.mean()
    return float(effect), float(np.sqrt(gradient @ fit.cov @ gradient))


def marginal_gradient(fit: Fit, term: str) -> np.ndarray:
    """Return the derivative of the mean change in probability by the coefficients of a logit, shape
    (k,).
    """
    at, density = fit.position(term), fit.weights
    gradient = (
        fit.params[at] * ((density * (1 - 2 * fit.fitted)) @ fit.design.matrix) / fit.design.n
    )
    gradient[at] += density.mean()
    return gradient


def _solve(response: np.ndarray, basis: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        params = (_plain_newton if len(response) > MANY_ROWS else _newton)(response, basis)
        probability = expit(basis @ params)
        information = information_of(basis, probability * (1 - probability))
    # A large predictor alone is no separation: one account with a huge count has one, and the
    # others still inform.
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e13:
        found = (
            "a combination of columns that separates the two outcomes (almost) perfectly: no finite"
            " estimate"
        )
        fault = Fault("logit", found, "columns with both outcomes among their values")
        raise DesignError("the model", [fault])
    return params


def _newton(response: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return statsmodels' estimate; NaN where there is none."""
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is checked
        try:
            result = Logit(response, basis).fit(method="newton", maxiter=100, tol=1e-10, disp=False)
        except (PerfectSeparationError, np.linalg.LinAlgError):
            return np.full(basis.shape[1], np.nan)
    return result.params if result.mle_retvals["converged"] else np.full(basis.shape[1], np.nan)


def _plain_newton(response: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the estimate by the same steps from sums over the rows, which for many of them takes a
    tenth of the time.

    Where a step loses digits or leads away, statsmodels' estimate.
    """
    params = np.zeros(basis.shape[1])
    for _ in range(50):
        probability = expit(basis @ params)
        information = information_of(basis, probability * (1 - probability))
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e10:
            break
        step = np.linalg.solve(information, (response - probability) @ basis)
        params = params + step
        if np.abs(step).max() < 1e-12:
            return params
    return _newton(response, basis)


def _deviance(response: np.ndarray, probability: np.ndarray) -> float:
    return float(-2 * (xlogy(response, probability) + xlogy(1 - response, 1 - probability)).sum())
