"""Pseudo-maximum likelihood for a conditional mean ``E[y | X] = exp(X b + offset)``: revenue and counts."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from statsmodels.genmod.families import Gamma, Poisson, Tweedie
from statsmodels.genmod.families.links import Log
from statsmodels.genmod.generalized_linear_model import GLM

from analysis.covariance import jackknife, sandwich
from analysis.design import Design
from analysis.errors import DesignError, Fault
from analysis.fit import Fit

Family = Literal["poisson", "gamma", "tweedie"]

VARIANCE_POWER: dict[str, float] = {"poisson": 1.0, "tweedie": 1.5, "gamma": 2.0}
"""Working variance mean ** power. The coefficients are the same in the population; the weights of rows differ."""


def fit_pml(design: Design, *, family: Family = "poisson", covariance: str = "HC1") -> Fit:
    """Fit an exponential mean by Poisson, Gamma or Tweedie(1.5) pseudo-maximum likelihood.

    Parameters
    ----------
    design : Design
        The response is zero or more; zeros are ordinary for all three families.
    family : {"poisson", "gamma", "tweedie"}
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}

    Returns
    -------
    Fit
        Coefficients are log ratios of the mean per unit of the column, and do not depend on the unit of the
        response.

    Raises
    ------
    DesignError
        When the estimate does not exist (separation) or the iterations do not converge.

    Notes
    -----
    Only the mean has to be right: Gourieroux, Monfort & Trognon (1984), doi:10.2307/1913471; Santos Silva &
    Tenreyro (2006), doi:10.1162/rest.88.4.641. The bread is the expected information
    ``X' diag(mu ** (2 - power)) X``.
    """
    power = VARIANCE_POWER[family]
    basis, triangle = design.basis
    unit = float(design.response.mean())
    estimate, fitted = _solve(design.response / unit, basis, design.offset, family)
    residuals = (design.response / unit - fitted) * fitted ** (1 - power)
    weights = fitted ** (2 - power)
    cov = _covariance(design, basis, estimate, residuals, weights, covariance, family, unit)
    params = np.linalg.solve(triangle, estimate)
    params[0] += np.log(unit)
    back = np.linalg.inv(triangle)
    scale = unit ** (2 - power)
    return Fit(
        design=design, model=family, params=params, cov=back @ cov @ back.T, covariance=covariance,
        fitted=fitted * unit, residuals=residuals * scale, weights=weights * scale,
        deviance=scale * _deviance(design.response / unit, fitted, power),
        null_deviance=scale * _null_deviance(design, unit, power),
    )  # fmt: skip


def _solve(
    response: np.ndarray, basis: np.ndarray, offset: np.ndarray | None, family: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients on the basis and the fitted means."""
    families = {"poisson": Poisson(), "gamma": Gamma(link=Log()), "tweedie": Tweedie(link=Log(), var_power=1.5)}
    start = np.zeros(basis.shape[1])
    start[0] = _null_intercept(response, offset, VARIANCE_POWER[family]) * np.sign(basis[0, 0])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # statsmodels warns about Gamma with zeros; convergence is checked below
        model = GLM(response, basis, family=families[family], offset=offset)
        result = model.fit(start_params=start, maxiter=200, tol=1e-12, tol_criterion="params")
    predictor = basis @ result.params + (0.0 if offset is None else offset)
    if not result.converged or not np.isfinite(predictor).all() or np.ptp(predictor) > 60:
        found = (
            "no finite estimate: some columns predict an outcome of zero perfectly, or the rows do not determine them"
        )
        allowed = "columns (or levels of a text control) with positive outcomes on both sides"
        raise DesignError("the model", [Fault(f"{family} regression", found, allowed)])
    return result.params, np.exp(predictor)


def _null_intercept(response: np.ndarray, offset: np.ndarray | None, power: float) -> float:
    """Return the intercept of the model without columns, whose estimating equation has a closed form."""
    if offset is None:
        return float(np.log(response.mean()))
    weights = np.exp(offset * (1 - power))
    return float(np.log((response * weights).sum() / (np.exp(offset) * weights).sum()))


def _covariance(
    design: Design, basis: np.ndarray, estimate: np.ndarray, residuals: np.ndarray, weights: np.ndarray,
    kind: str, family: str, unit: float,
) -> np.ndarray:  # fmt: skip
    """Return the covariance on the basis; CRV3 refits the model without each cluster."""
    if kind == "CRV3":

        def refit(stay: np.ndarray) -> np.ndarray:
            offset = None if design.offset is None else design.offset[stay]
            return _solve(design.response[stay] / unit, basis[stay], offset, family)[0]

        return jackknife(refit, estimate, design.clusters)
    bread = np.linalg.inv(basis.T @ (basis * weights[:, None]))
    leverage = weights * np.einsum("ij,jk,ik->i", basis, bread, basis)
    return sandwich(bread, basis * residuals[:, None], kind, leverage=leverage, clusters=design.clusters)


def _null_deviance(design: Design, unit: float, power: float) -> float:
    response = design.response / unit
    intercept = _null_intercept(response, design.offset, power)
    mean = np.exp(intercept + (np.zeros(design.n) if design.offset is None else design.offset))
    return _deviance(response, mean, power)


def _deviance(response: np.ndarray, mean: np.ndarray, power: float) -> float:
    """Return the unit deviances' sum; the Gamma's, infinite at zero, leaves out the rows' own constant.

    The constant (a function of the response alone) cancels in differences between nested models.
    """
    if power == 1.0:
        ratio = np.where(response > 0, response / mean, 1.0)
        return float(2 * (response * np.log(ratio) - (response - mean)).sum())
    if power == 2.0:
        ratio = np.where(response > 0, response / mean, 1.0)
        zero = response == 0
        return float(2 * (-np.log(ratio[~zero]) + (response - mean)[~zero] / mean[~zero]).sum()
                     + 2 * (np.log(mean[zero])).sum())  # fmt: skip
    constant = response ** (2 - power) / ((1 - power) * (2 - power))
    return float(
        2 * (constant - response * mean ** (1 - power) / (1 - power) + mean ** (2 - power) / (2 - power)).sum()
    )
