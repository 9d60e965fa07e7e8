"""Pseudo-maximum likelihood for a conditional mean ``E[y | X] = exp(X b + offset)``: revenue and
counts.
"""

from __future__ import annotations

import warnings

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import jackknife, sandwich
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.steps import MANY_ROWS, equations, information_of


def fit_pml(design: Design, *, family: str = "poisson", covariance: str = "HC1") -> Fit:
    """Fit an exponential mean by Poisson, Gamma or Tweedie(1.5) pseudo-maximum likelihood.

    Parameters
    ----------
    design : Design
        The response is zero or more; zeros are ordinary for all three families.
    family : str
        A model with a variance power.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}

    Returns
    -------
    Fit
        Coefficients are log ratios of the mean per unit of the column, and do not depend on the
        unit of the response.

    Raises
    ------
    DesignError
        When the estimate does not exist (separation) or the iterations do not converge.

    Notes
    -----
    Only the mean has to be right: Gourieroux, Monfort & Trognon (1984), doi:10.2307/1913471; Santos
    Silva & Tenreyro (2006), doi:10.1162/rest.88.4.641. The bread is the expected information ``X'
    diag(mu ** (2 - power)) X``.
    """
    power = FAMILIES[family].power
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
        design=design,
        model=family,
        params=params,
        cov=back @ cov @ back.T,
        covariance=covariance,
        fitted=fitted * unit,
        residuals=residuals * scale,
        weights=weights * scale,
        deviance=scale * _deviance(design.response / unit, fitted, power),
        null_deviance=scale * _null_deviance(design, unit, power),
    )


def _solve(
    response: np.ndarray, basis: np.ndarray, offset: np.ndarray | None, family: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients on the basis and the fitted means."""
    power = FAMILIES[family].power
    start = np.zeros(basis.shape[1])
    start[0] = _null_intercept(response, offset, power) * np.sign(basis[0, 0])
    many = len(response) > MANY_ROWS
    params = (_plain_scoring if many else _scoring)(response, basis, offset, family, start)
    if params is None:
        params = _damped_newton(response, basis, offset, power, start)
    if params is None:
        found = (
            "no finite estimate: some columns predict an outcome of zero perfectly, or the rows do"
            " not determine them"
        )
        allowed = "columns (or levels of a text control) with positive outcomes on both sides"
        raise DesignError("the model", [Fault(f"{family} regression", found, allowed)])
    return params, np.exp(basis @ params + (0.0 if offset is None else offset))


def _scoring(
    response: np.ndarray,
    basis: np.ndarray,
    offset: np.ndarray | None,
    family: str,
    start: np.ndarray,
) -> np.ndarray | None:
    """Return statsmodels' estimate, or None where its full steps do not converge."""
    from statsmodels.genmod.families import Gamma, Poisson, Tweedie
    from statsmodels.genmod.families.links import Log
    from statsmodels.genmod.generalized_linear_model import GLM

    power = FAMILIES[family].power
    known = {1.0: Poisson(), 2.0: Gamma(link=Log())}
    variance = known.get(power) or Tweedie(link=Log(), var_power=power)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter(
            "ignore"
        )  # about Gamma with zeros, and about convergence, which is returned
        model = GLM(response, basis, family=variance, offset=offset)
        try:
            result = model.fit(start_params=start, maxiter=100, tol=1e-12, tol_criterion="params")
        except (ValueError, np.linalg.LinAlgError):  # a step so long that a weight overflowed
            return None
        predictor = basis @ result.params
    return result.params if result.converged and np.ptp(predictor) < 30 else None


def _plain_scoring(
    response: np.ndarray,
    basis: np.ndarray,
    offset: np.ndarray | None,
    family: str,
    start: np.ndarray,
) -> np.ndarray | None:
    """Return the estimate by the same steps as `_scoring`, from sums over the rows: for many rows a
    tenth of the time.

    On an orthonormal basis the normal equations lose no digits that matter; where a step does, None
    is returned.
    """
    power, shift = FAMILIES[family].power, 0.0 if offset is None else offset
    params = start
    with np.errstate(all="ignore"):
        for _ in range(100):
            score, information, width = equations(response, basis, shift, power, params)
            if not np.isfinite(information).all() or np.linalg.cond(information) > 1e10:
                return None
            step = np.linalg.solve(information, score)
            params = params + step
            if np.abs(step).max() < 1e-12:
                return params if width < 30 else None
    return None


def _damped_newton(
    response: np.ndarray,
    basis: np.ndarray,
    offset: np.ndarray | None,
    power: float,
    start: np.ndarray,
) -> np.ndarray | None:
    """Return the estimate by Newton steps that are halved until they help, or None where there is
    none.

    The criterion is convex in the coefficients for powers 1 to 2, so this converges from anywhere.
    Rows far out (an untransformed count with a long tail) send full scoring steps into a cycle or
    an overflow.
    """
    shift = 0.0 if offset is None else offset

    def criterion(params: np.ndarray) -> float:
        predictor = basis @ params + shift
        up = np.exp((2 - power) * predictor) / (2 - power) if power < 2 else predictor
        down = response * (
            np.exp((1 - power) * predictor) / (power - 1) if power > 1 else -predictor
        )
        return float((up + down).sum())

    params = start
    with np.errstate(all="ignore"):
        for _ in range(500):
            value = criterion(params)
            mean = np.exp(basis @ params + shift)
            gradient = basis.T @ ((mean - response) * mean ** (1 - power))
            curvature = (2 - power) * mean ** (2 - power) + (power - 1) * response * mean ** (
                1 - power
            )
            information = basis.T @ (basis * curvature[:, None])
            if (
                not (np.isfinite(value) and np.isfinite(information).all())
                or np.linalg.cond(information) > 1e13
            ):
                return None
            step = -np.linalg.solve(information, gradient)
            if np.abs(step).max() < 1e-9:
                return params + step
            while not criterion(params + step) <= value + 1e-12 * abs(value):
                step = step / 2
            params = params + step
    return None


def _null_intercept(response: np.ndarray, offset: np.ndarray | None, power: float) -> float:
    """Return the intercept of the model without columns, whose estimating equation has a closed
    form.
    """
    if offset is None:
        return float(np.log(response.mean()))
    weights = np.exp(offset * (1 - power))
    return float(np.log((response * weights).sum() / (np.exp(offset) * weights).sum()))


def _covariance(
    design: Design,
    basis: np.ndarray,
    estimate: np.ndarray,
    residuals: np.ndarray,
    weights: np.ndarray,
    kind: str,
    family: str,
    unit: float,
) -> np.ndarray:
    """Return the covariance on the basis; CRV3 refits the model without each cluster."""
    if kind == "CRV3":

        def refit(stay: np.ndarray) -> np.ndarray:
            offset = None if design.offset is None else design.offset[stay]
            return _solve(design.response[stay] / unit, basis[stay], offset, family)[0]

        return jackknife(refit, estimate, design.clusters)
    bread = np.linalg.inv(information_of(basis, weights))
    leverage = (
        weights * np.einsum("ij,ij->i", basis @ bread, basis) if kind in ("HC2", "HC3") else None
    )
    return sandwich(
        bread, basis * residuals[:, None], kind, leverage=leverage, clusters=design.clusters
    )


def _null_deviance(design: Design, unit: float, power: float) -> float:
    response = design.response / unit
    intercept = _null_intercept(response, design.offset, power)
    mean = np.exp(intercept + (np.zeros(design.n) if design.offset is None else design.offset))
    return _deviance(response, mean, power)


def _deviance(response: np.ndarray, mean: np.ndarray, power: float) -> float:
    """Return the unit deviances' sum; NaN for the Gamma with outcomes of zero, where it is
    infinite.
    """
    if power == 1.0:
        ratio = np.where(response > 0, response / mean, 1.0)
        return float(2 * (response * np.log(ratio) - (response - mean)).sum())
    if power == 2.0:
        if (response == 0).any():
            return float("nan")
        return float(2 * (-np.log(response / mean) + (response - mean) / mean).sum())
    constant = response ** (2 - power) / ((1 - power) * (2 - power))
    return float(
        2
        * (
            constant
            - response * mean ** (1 - power) / (1 - power)
            + mean ** (2 - power) / (2 - power)
        ).sum()
    )
