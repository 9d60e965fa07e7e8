"""One more fit of a model whose fitted means are nearly known: a few steps, for hundreds of draws
on the same rows.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from analysis.errors import DesignError, Fault
from analysis.models.covariance import cluster_sums, sandwich
from analysis.models.design import Design
from analysis.models.fit import Fit

REFITTED = ("ols", "poisson", "gamma", "tweedie", "logit")
"""The models of which there is a refit."""

POWER = {"poisson": 1.0, "tweedie": 1.5, "gamma": 2.0}
STEPS = 25
SMALL = 1e-9
"""Largest step, per standard deviation of the predictor's columns, that counts as none."""


def refit(design: Design, model: str, covariance: str, predictor: np.ndarray) -> Fit:
    """Fit a model by scoring steps from a predictor close to its own.

    Parameters
    ----------
    design : Design
    model : str
        One of `REFITTED`.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}
        CRV3 without refits: each cluster is left out by one step, which for least squares is exact.
    predictor : ndarray, shape (n,)
        On the model's own scale, offset included. Not used by least squares.

    Raises
    ------
    DesignError
        When the steps do not converge, or a covariance does not exist.

    Notes
    -----
    The one-step jackknife for nonlinear models is that of MacKinnon, Nielsen & Webb,
    arXiv:2406.00650.
    """
    basis, triangle = design.basis
    unit = 1.0 if model in ("ols", "logit") else float(design.response.mean())
    response = design.response / unit
    params, fitted = _scored(
        response, basis, design.offset, model, predictor - (np.log(unit) if unit != 1.0 else 0.0)
    )
    power = POWER.get(model)
    weights = {"ols": np.ones(design.n), "logit": fitted * (1 - fitted)}.get(model)
    residuals = response - fitted
    if power is not None:
        weights, residuals = fitted ** (2 - power), residuals * fitted ** (1 - power)
    cov = _covariance(design, basis, residuals, weights, covariance)
    own = np.linalg.solve(triangle, params)
    if unit != 1.0:
        own[0] += np.log(unit)
    back = np.linalg.inv(triangle)
    scale = 1.0 if power is None else unit ** (2 - power)
    return Fit(
        design=design,
        model=model,
        params=own,
        cov=back @ cov @ back.T,
        covariance=covariance,
        fitted=fitted * unit,
        residuals=residuals * scale,
        weights=weights * scale,
        deviance=np.nan,
        null_deviance=np.nan,
    )


def _scored(
    response: np.ndarray,
    basis: np.ndarray,
    offset: np.ndarray | None,
    model: str,
    predictor: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients on the basis, and fitted means."""
    n, shift = len(response), 0.0 if offset is None else offset
    if model == "ols":
        params = basis.T @ response / n
        return params, basis @ params
    params = basis.T @ (predictor - shift) / n
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            eta = basis @ params + shift
            fitted = expit(eta) if model == "logit" else np.exp(eta)
            power = POWER.get(model, 1.0)
            weights = fitted * (1 - fitted) if model == "logit" else fitted ** (2 - power)
            score = basis.T @ (
                (response - fitted) * (fitted ** (1 - power) if model in POWER else 1.0)
            )
            information = basis.T @ (basis * weights[:, None])
            if not np.isfinite(information).all():
                break
            try:
                step = np.linalg.solve(information, score)
            except np.linalg.LinAlgError:
                break
            params = params + step
            if np.abs(step).max() < SMALL:
                eta = basis @ params + shift
                return params, expit(eta) if model == "logit" else np.exp(eta)
    raise DesignError(
        "the model",
        [Fault(f"{model} regression", "no convergence", "a draw with a finite estimate")],
    )


def _covariance(
    design: Design, basis: np.ndarray, residuals: np.ndarray, weights: np.ndarray, kind: str
) -> np.ndarray:
    information = basis.T @ (basis * weights[:, None])
    scores = basis * residuals[:, None]
    if kind == "CRV3":
        return _one_step_jackknife(basis, weights, scores, information, design.clusters)
    bread = np.linalg.inv(information)
    leverage = (
        weights * np.einsum("ij,jk,ik->i", basis, bread, basis) if kind in ("HC2", "HC3") else None
    )
    return sandwich(bread, scores, kind, leverage=leverage, clusters=design.clusters)


def _one_step_jackknife(
    basis: np.ndarray,
    weights: np.ndarray,
    scores: np.ndarray,
    information: np.ndarray,
    clusters: np.ndarray,
) -> np.ndarray:
    k = basis.shape[1]
    products = (basis * weights[:, None])[:, :, None] * basis[:, None, :]
    own = cluster_sums(products.reshape(len(basis), k * k), clusters).reshape(-1, k, k)
    try:
        moved = np.linalg.solve(information - own, cluster_sums(scores, clusters)[:, :, None])[
            :, :, 0
        ]
    except np.linalg.LinAlgError:
        fault = Fault(
            "[inference] covariance", "a cluster without which a column cannot be estimated", "CRV1"
        )
        raise DesignError("the model", [fault]) from None
    groups = len(own)
    return moved.T @ moved * ((groups - 1) / groups)
