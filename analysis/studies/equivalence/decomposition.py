"""How much of the score's raw slope is engagement: the order-free decomposition for least
squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measurement_error.corrected import stacked_covariance
from analysis.models import fit_ols
from analysis.models.design import Design
from analysis.models.fit import Fit


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The raw slope of the score split into shares of engagement columns and the rest.

    Attributes
    ----------
    terms : tuple of str, length m
        Engagement columns.
    shares : ndarray, shape (m,)
        In the units of the slope; they add up to raw - full.
    cov : ndarray, shape (m, m)
    raw, full : float
        Slope without and with engagement.
    total_error : float
        Standard error of raw - full.
    covariance : {"HC1", "CRV1"}
    """

    terms: tuple[str, ...]
    shares: np.ndarray
    cov: np.ndarray
    raw: float
    full: float
    total_error: float
    covariance: str

    def std_errors(self) -> np.ndarray:
        return np.sqrt(np.diag(self.cov))


def decompose(design: Design, score: str) -> Decomposition:
    """Return what each engagement column takes from the score's slope when all of them enter.

    Parameters
    ----------
    design : Design
    score : str

    Notes
    -----
    Gelbach (2016), doi:10.1086/683668: ``raw - full = sum_j c_j b_j``, with b_j the column's slope
    in the full model and c_j the score's slope in the regression of the column on score and
    controls. Standard errors stack both regressions.
    """
    full = fit_ols(design, covariance="HC1")
    reduced = design.without("engagement")
    terms = tuple(
        t for t, block in zip(design.terms, design.blocks, strict=True) if block == "engagement"
    )
    shares, influence = np.empty(len(terms)), np.empty((design.n, len(terms)))
    outer = _influence(full)
    for at, term in enumerate(terms):
        position = full.position(term)
        link = fit_ols(reduced.with_response(design.matrix[:, position]), covariance="HC1")
        here = link.position(score)
        slope, passed = full.params[position], link.params[here]
        shares[at] = slope * passed
        influence[:, at] = passed * outer[:, position] + slope * _influence(link)[:, here]
    cov, name = stacked_covariance(influence, design.clusters, design.k)
    raw = fit_ols(reduced, covariance="HC1")
    return Decomposition(
        terms=terms,
        shares=shares,
        cov=cov,
        raw=float(raw.params[raw.position(score)]),
        full=float(full.params[full.position(score)]),
        total_error=float(np.sqrt(cov.sum())),
        covariance=name,
    )


def _influence(fit: Fit) -> np.ndarray:
    """Return each row's influence on the coefficients of a least-squares fit, shape (n, k)."""
    basis, triangle = fit.design.basis
    return (basis * fit.residuals[:, None] / fit.design.n) @ np.linalg.inv(triangle).T
