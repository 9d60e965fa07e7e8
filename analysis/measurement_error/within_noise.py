"""Noise in what is recorded, within units: the slopes of a fit with fixed effects, had the truth
been recorded.
"""

from __future__ import annotations

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import cluster_sums

SMALLEST_SHARE = 0.02
"""Least part of a column's variance, given the others and within units, that must be truth."""


def corrected_within(
    params: np.ndarray,
    influence: np.ndarray,
    columns: np.ndarray,
    differences: np.ndarray,
    clusters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes and their covariance, with the columns' truth in the place of what was
    recorded.

    Parameters
    ----------
    params : ndarray, shape (k,)
        Of a fit with fixed effects on `columns`.
    influence : ndarray, shape (n, k)
        Each row's influence on `params`.
    columns : ndarray, shape (n, k)
        As they are left when the fixed effects are swept out.
    differences : ndarray, shape (n, k)
        Half of (first half - second half) of each recorded column, swept alike; zero for a column
        without noise.
    clusters : ndarray of int, shape (n,)

    Raises
    ------
    DesignError
        Where a column is nothing but noise within units.

    Notes
    -----
    With ``A`` the columns' moments and ``S`` those of the differences, the truth is expected to be
    ``(I - A^-1 S)`` times what is recorded, so the fitted slopes are that matrix times the true
    ones. For least squares that is errors in variables (Fuller 1987, section 2.2); for an
    exponential mean regression calibration (Carroll, Ruppert, Stefanski & Crainiceanu 2006, chapter
    4). The covariance takes in that ``S`` is estimated.
    """
    moments, noise = columns.T @ columns, differences.T @ differences
    shrink = np.eye(len(params)) - np.linalg.solve(moments, noise)
    if (np.linalg.eigvals(shrink).real < SMALLEST_SHARE).any():
        found = "engagement whose changes within units are nothing but noise"
        raise DesignError(
            "the model", [Fault("correction", found, "halves that agree better within units")]
        )
    back, inverse = np.linalg.inv(shrink), np.linalg.inv(moments)
    found = back @ params
    pull = inverse @ noise @ found
    moved = differences * (differences @ found)[:, None] - columns * (columns @ pull)[:, None]
    sums = cluster_sums((influence + moved @ inverse.T) @ back.T, clusters)
    groups = len(sums)
    return found, sums.T @ sums * (groups / (groups - 1))


def reliability_of_changes(columns: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Return the share of each column's variance within units that halves agree on, shape (k,)."""
    return 1 - (differences**2).sum(axis=0) / (columns**2).sum(axis=0)
