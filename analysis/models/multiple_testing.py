"""Many claims at once: p-values that allow for how many were looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.models.covariance import cluster_sums
from analysis.models.sufficient_statistics.resampling import (
    Seed,
    exceedance,
    multiplicities,
    seeded_draws,
)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return Holm's p-values: below .05 each, and at most once in twenty any of them is wrong.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float]) -> np.ndarray:
    """Return Benjamini's and Hochberg's p-values: of those below .05, one in twenty is wrong.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float], method: str) -> np.ndarray:
    from statsmodels.stats.multitest import multipletests

    return multipletests(np.asarray(p_values, dtype=float), method=method)[1]


def romano_wolf(statistics: np.ndarray, resampled: np.ndarray) -> np.ndarray:
    """Return step-down p-values of several claims from the joint distribution of their tests.

    Parameters
    ----------
    statistics : ndarray, shape (m,)
    resampled : ndarray, shape (B, m)
        The same statistics where no claim is true, of the same draws of the rows.

    Notes
    -----
    Romano & Wolf (2005), doi:10.1111/j.1468-0262.2005.00615.x, with p-values as in Romano & Wolf
    (2016), doi:10.1016/j.spl.2016.02.012. What is tested twice, as two scores that say nearly the
    same are, costs less than by Holm's method.

    Examples
    --------
    >>> null = np.random.default_rng(0).normal(size=(999, 1)) @ np.ones((1, 2))  # one test, twice
    >>> romano_wolf(np.array([2.2, 2.2]), null).round(2).tolist()
    [0.03, 0.03]
    """
    statistics, resampled = np.abs(statistics), np.abs(resampled)
    order = np.argsort(-statistics, kind="stable")
    largest = np.maximum.accumulate(resampled[:, order[::-1]], axis=1)[:, ::-1]
    p_values = np.maximum.accumulate(exceedance(largest.T, statistics[order]))
    return p_values[np.argsort(order)]


def resampled_statistics(
    influence: np.ndarray, units: np.ndarray, *, replicates: int, seed: Seed
) -> np.ndarray:
    """Return studentised estimates around their own values in samples of the units, (B, m).

    Parameters
    ----------
    influence : ndarray, shape (n, m)
        Each row's part of the error of m estimates.
    units : ndarray of int, shape (n,)
        Codes of what is drawn: rows or clusters.
    replicates : int
    seed : int or Generator
    """
    sums = cluster_sums(influence, units)
    sums -= sums.mean(axis=0)
    squares, groups = sums**2, len(sums)
    drawn = []
    for _, times in seeded_draws(groups, replicates, seed, multiplicities):
        moved = times @ sums
        spread = times @ squares - moved**2 / groups
        with np.errstate(all="ignore"):
            drawn.append(np.where(spread > 0, moved / np.sqrt(spread), 0.0))
    return np.concatenate(drawn)
