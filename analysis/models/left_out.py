"""One coefficient of an exponential mean without some of its many rows, by steps from the fit of
all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.steps import equations, influence

COVARIANCES = ("HC0", "HC1", "CRV1")
"""Those that a row's or a cluster's influence alone gives."""

STEPS, SMALL, CONDITION_LIMIT = 25, 1e-8, 1e10
"""Steps at most; the longest last step on the basis, of which about the square is left; the
information's condition.
"""


@dataclass(frozen=True)
class Coefficient:
    """An estimate with its robust error and the degrees of freedom of its reference."""

    estimate: float
    std_error: float
    df: float | None


def coefficient_without(fit: Fit, term: str, keep: np.ndarray, covariance: str) -> Coefficient:
    """Fit the rows that stay, on the basis of all of them, and return one coefficient.

    Parameters
    ----------
    fit : Fit
        By Poisson, Gamma or Tweedie pseudo-maximum likelihood.
    term : str
    keep : ndarray of bool, shape (n,)
    covariance : {"HC0", "HC1", "CRV1"}

    Raises
    ------
    DesignError
        When the steps do not converge, or the rows that stay hardly determine a column: nothing is
        known then, and a fit from afar may still find an estimate.
    """
    design, at, power = fit.design, fit.position(term), FAMILIES[fit.model].power
    basis, triangle = design.basis
    shift = 0.0 if design.offset is None else design.offset
    unit = float(design.response.mean())
    response = design.response / unit
    params = triangle @ fit.params - np.log(unit) * basis.mean(axis=0)
    weights = keep.astype(float)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            score, information, _ = equations(response, basis, shift, power, params, weights)
            if not np.isfinite(information).all() or np.linalg.cond(information) > CONDITION_LIMIT:
                break
            step = np.linalg.solve(information, score)
            params = params + step
            if np.abs(step).max() < SMALL:
                return _coefficient(
                    fit, response, shift, power, params, information, weights, covariance, at
                )
    raise DesignError(
        "the model", [Fault("without some rows", "no convergence", "rows with a finite estimate")]
    )


def _coefficient(
    fit: Fit,
    response: np.ndarray,
    shift: np.ndarray | float,
    power: float,
    params: np.ndarray,
    information: np.ndarray,
    weights: np.ndarray,
    covariance: str,
    at: int,
) -> Coefficient:
    """Return the coefficient at its estimate; the information of the last step is that of the one
    before it.
    """
    (basis, triangle), clusters = fit.design.basis, fit.design.clusters
    own = np.linalg.solve(
        triangle.T, np.eye(len(params))[at]
    )  # the coefficient as a sum over the basis
    parts = weights * influence(
        response, basis, shift, power, params, np.linalg.solve(information, own)
    )
    n, k, df = float(weights.sum()), len(params), None
    factor = n / (n - k) if covariance == "HC1" else 1.0
    if covariance == "CRV1":
        groups = int((np.bincount(clusters, weights=weights) > 0).sum())
        parts, df = np.bincount(clusters, weights=parts), groups - 1.0
        factor = groups / (groups - 1) * (n - 1) / (n - k)
    return Coefficient(float(own @ params), float(np.sqrt(factor * (parts @ parts))), df)
