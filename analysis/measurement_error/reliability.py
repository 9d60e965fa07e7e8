"""Reliability of recorded engagement: from halves, repeated windows, or a declared range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import cluster_sums

How = Literal["split-half", "test-retest", "declared"]

BLOCK = 1024
"""Replicates per child of the random generator."""

DECLARED_MARGIN = 0.10
"""A reliability declared as a bare number is a range of plus or minus this."""

@dataclass(frozen=True, eq=False)
class Reliability:
    """Share of the variance of a recorded column that is truth.

    Attributes
    ----------
    how : {"split-half", "test-retest", "declared"}
    value, low, high : float
        Estimate and percentile interval of the (cluster) bootstrap, or the declared range.
    level : float or None
        Of the interval; None when it is declared.
    error_variance : float or None
        Of the recorded column, the mean of halves or of windows.
    note : str
    """

    how: How
    value: float
    low: float
    high: float
    level: float | None = None
    error_variance: float | None = None
    note: str = ""


def declared_reliability(
    value: float, low: float | None = None, high: float | None = None
) -> Reliability:
    """Return a declared reliability; a bare number stands for plus or minus .10, clipped to (0, 1].

    Examples
    --------
    >>> r = declared_reliability(0.95)
    >>> round(r.low, 2), r.value, r.high
    (0.85, 0.95, 1.0)
    """
    low = max(value - DECLARED_MARGIN, min(value, 0.01)) if low is None else low
    high = min(value + DECLARED_MARGIN, 1.0) if high is None else high
    if not 0 < low <= value <= high <= 1:
        found = f"low {low:g}, value {value:g}, high {high:g}"
        raise DesignError(
            "the plan", [Fault("reliability", found, "0 < low <= value <= high <= 1")]
        )
    return Reliability("declared", value, low, high)


def split_half(
    first: np.ndarray,
    second: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    level: float = 0.95,
    replicates: int = 1999,
    rng: np.random.Generator | None = None,
) -> Reliability:
    """Return the reliability of the mean of two parallel halves (odd and even weeks).

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        After the column's transform.
    clusters : ndarray of int, shape (n,), optional
        Codes 0 .. G-1; whole clusters are drawn.

    Notes
    -----
    Spearman-Brown, ``2 r / (1 + r)`` with r the correlation of the halves. The correction itself
    uses the error variance ``var(h1 - h2) / 4``, for which the halves' errors need not be equally
    large.
    """
    halves = np.column_stack([first, second])
    value, low, high = _bootstrap(halves, spearman_brown, clusters, level, replicates, rng)
    error = float(np.var(halves[:, 0] - halves[:, 1], ddof=1) / 4)
    return Reliability("split-half", value, low, high, level, error)


def repeated_windows(
    windows: np.ndarray,
    *,
    averaged: bool = True,
    clusters: np.ndarray | None = None,
    level: float = 0.95,
    replicates: int = 1999,
    rng: np.random.Generator | None = None,
) -> Reliability:
    """Return the consistency of repeated windows: the intraclass correlation ICC(C,1), or of their
    mean, ICC(C,k).

    Parameters
    ----------
    windows : ndarray, shape (n, k)
        One column a window. A shift of all people between windows does not count as error.
    averaged : bool
        True when the recorded column is the mean of the windows, False when it is one of them.

    Notes
    -----
    McGraw & Wong (1996), doi:10.1037/1082-989X.1.1.30. True change between windows counts as error:
    a lower bound where engagement moves.
    """
    k = windows.shape[1]
    value, low, high = _bootstrap(
        windows, icc_mean if averaged else icc_single, clusters, level, replicates, rng
    )
    total = float(np.cov(windows.T).sum() / k**2 if averaged else np.cov(windows.T).trace() / k)
    note = "True change between windows counts as error."
    return Reliability("test-retest", value, low, high, level, (1 - value) * total, note)


def within_person(reliability: float, autocorrelation: float) -> float:
    """Return the reliability of the change within a person, for a column whose truth hardly moves.

    Parameters
    ----------
    reliability : float
        Of the column between people.
    autocorrelation : float
        Of the recorded column from one period to the next.

    Notes
    -----
    ``(r - a) / (1 - a)``: Griliches & Hausman (1986), doi:10.1016/0304-4076(86)90058-8. Fixed
    effects remove truth and keep error.

    Examples
    --------
    >>> round(within_person(0.8, 0.6), 3)
    0.5
    """
    return (reliability - autocorrelation) / (1 - autocorrelation)


# --- statistics of a covariance matrix, or of a stack of them -------------------------------------


def spearman_brown(cov: np.ndarray) -> np.ndarray:
    """Return 2 r / (1 + r) of 2 x 2 covariance matrices, shape (..., 2, 2)."""
    r = cov[..., 0, 1] / np.sqrt(cov[..., 0, 0] * cov[..., 1, 1])
    return 2 * r / (1 + r)


def icc_single(cov: np.ndarray) -> np.ndarray:
    """Return ICC(C,1): mean covariance over mean variance, shape (..., k, k)."""
    k = cov.shape[-1]
    trace = np.trace(cov, axis1=-2, axis2=-1)
    return (cov.sum(axis=(-2, -1)) - trace) / (k - 1) / trace


def icc_mean(cov: np.ndarray) -> np.ndarray:
    """Return ICC(C,k), the reliability of the mean of the k columns (alpha of the columns as they
    are).
    """
    k = cov.shape[-1]
    total = cov.sum(axis=(-2, -1))
    return k / (k - 1) * (1 - np.trace(cov, axis1=-2, axis2=-1) / total)


def _bootstrap(
    columns: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    clusters: np.ndarray | None,
    level: float,
    replicates: int,
    rng: np.random.Generator | None,
) -> tuple[float, float, float]:
    """Return (value, low, high) of a statistic of the covariance matrix by a percentile (cluster)
    bootstrap.
    """
    columns = np.asarray(columns, dtype=float) - np.mean(columns, axis=0)
    n, k = columns.shape
    products = np.einsum("ni,nj->nij", columns, columns).reshape(n, k * k)
    sums = np.column_stack([np.ones(n), columns, products])
    if clusters is not None:
        sums = cluster_sums(sums, clusters)
    value = float(statistic(_covariances(sums.sum(axis=0)[None], k))[0])
    rng = np.random.default_rng(20121105) if rng is None else rng
    sizes = [BLOCK] * (replicates // BLOCK) + [replicates % BLOCK]
    children = rng.spawn(len(sizes))
    drawn = np.concatenate(
        [_resampled(sums, size, child) for size, child in zip(sizes, children, strict=True)]
    )
    values = statistic(_covariances(drawn, k))
    low, high = np.quantile(values[np.isfinite(values)], [(1 - level) / 2, (1 + level) / 2])
    return value, float(low), float(high)


def _resampled(sums: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    units = len(sums)
    draws = (np.bincount(rng.integers(units, size=units), minlength=units) for _ in range(size))
    return np.array([draw @ sums for draw in draws]).reshape(size, sums.shape[1])


def _covariances(sums: np.ndarray, k: int) -> np.ndarray:
    count, mean = sums[:, 0], sums[:, 1 : k + 1] / sums[:, :1]
    second = sums[:, k + 1 :].reshape(-1, k, k) / count[:, None, None]
    return (second - mean[:, :, None] * mean[:, None, :]) * (count / (count - 1))[:, None, None]
