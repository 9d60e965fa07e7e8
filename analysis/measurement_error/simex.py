"""Noise in engagement as a picture: more of it is added, and the trend followed back to none
(SIMEX).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.measurement_error.corrected import Refusal
from analysis.measurement_error.measurement import Measurement
from analysis.models import fit_model
from analysis.models.fit import Fit

DOUBLINGS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Error variance added, in units of the estimated one."""


@dataclass(frozen=True, eq=False)
class Simex:
    """Points for a figure; the extrapolation leaves a third of the bias and decides nothing.

    Attributes
    ----------
    added : ndarray, shape (p,)
        Error variance added, in units of the estimated one; -1 would be none left.
    estimates : ndarray, shape (p,)
        Mean of the score's coefficient over the simulated samples.
    extrapolated : float
        Of a quadratic, at -1.
    """

    added: np.ndarray
    estimates: np.ndarray
    extrapolated: float


def simex(
    fit: Fit,
    measurement: Measurement,
    term: str,
    *,
    replicates: int = 50,
    rng: np.random.Generator | None = None,
) -> Simex | Refusal:
    """Return the score's coefficient with more and more error added to engagement.

    Parameters
    ----------
    fit : Fit
        Of any model.
    measurement : Measurement
    term : str
    replicates : int
        Simulated samples a point.

    Notes
    -----
    Cook & Stefanski (1994), doi:10.1080/01621459.1994.10476871, with independent normal errors.
    """
    if measurement.one_sided:
        return Refusal("simex", "Errors that the score shares cannot be added to engagement alone.")
    rng = np.random.default_rng(20121105) if rng is None else rng
    values, vectors = np.linalg.eigh(measurement.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    at = [fit.position(name) for name in measurement.terms]
    estimates = []
    for amount, child in zip(DOUBLINGS, rng.spawn(len(DOUBLINGS)), strict=True):
        repeats = replicates if amount else 1
        slopes = [_refit(fit, at, np.sqrt(amount) * root, term, child) for _ in range(repeats)]
        estimates.append(float(np.mean(slopes)))
    curve = np.polynomial.Polynomial.fit(DOUBLINGS, estimates, 2)
    return Simex(np.array(DOUBLINGS), np.array(estimates), float(curve(-1.0)))


def _refit(fit: Fit, at: list[int], root: np.ndarray, term: str, rng: np.random.Generator) -> float:
    matrix = fit.design.matrix.copy()
    matrix[:, at] += rng.normal(size=(fit.design.n, len(at))) @ root.T
    noisy = fit_model(replace(fit.design, matrix=matrix), fit.model, "HC0")
    return float(noisy.params[noisy.position(term)])
