"""Population stability index: how far a distribution has moved, against chance alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

BINS = 10
PERMUTATIONS = 499


@dataclass(frozen=True)
class Stability:
    """The population stability index of two distributions.

    Attributes
    ----------
    value : float
        ``sum (p - q) ln(p / q)`` over bins of equal share of both together.
    null : float
        Its quantile at the level if nothing had moved.
    p_value : float
    """

    value: float
    null: float
    p_value: float


def stability(
    before: np.ndarray, after: np.ndarray, *, bins: int = BINS, level: float = 0.95
) -> Stability:
    """Return the index of two independent groups, with its large-sample null.

    Parameters
    ----------
    before : ndarray, shape (n,)
    after : ndarray, shape (m,)

    Notes
    -----
    If both come from one distribution, the index is about ``(1/n + 1/m)`` times a chi-square with
    bins - 1 degrees of freedom. The bins are quantiles of both groups together; tied values share
    one.
    """
    edges = _edges(np.concatenate([before, after]), bins)
    counts = [_counts(values, edges) for values in (before, after)]
    scale, df = 1 / len(before) + 1 / len(after), len(counts[0]) - 1
    value = float(_index(counts[0] / len(before), counts[1] / len(after)))
    if df == 0:
        return Stability(0.0, 0.0, 1.0)
    null = float(scale * scipy.stats.chi2.isf(1 - level, df))
    return Stability(value, null, float(scipy.stats.chi2.sf(value / scale, df)))


def paired_stability(
    before: np.ndarray,
    after: np.ndarray,
    rng: np.random.Generator,
    *,
    clusters: np.ndarray | None = None,
    bins: int = BINS,
    level: float = 0.95,
) -> Stability:
    """Return the index of two values of the same rows, exchanged within rows under the null.

    Parameters
    ----------
    before, after : ndarray, shape (n,)
    rng : Generator
    clusters : ndarray of int, shape (n,), optional
        Codes 0 .. G-1: all rows of a cluster are exchanged together.
    """
    edges = _edges(np.concatenate([before, after]), bins)
    at = np.stack(
        [np.searchsorted(edges, before, side="left"), np.searchsorted(edges, after, side="left")]
    )
    n, cells = len(before), len(edges) + 1
    unit = np.arange(n) if clusters is None else clusters
    units = int(unit.max()) + 1
    totals = np.bincount(at.ravel(), minlength=cells)

    def value(first: np.ndarray) -> float:
        counts = np.bincount(first, minlength=cells)
        return float(_index(counts / n, (totals - counts) / n))

    index = value(at[0])
    drawn = np.array(
        [
            value(np.where((rng.random(units) < 0.5)[unit], at[0], at[1]))
            for _ in range(PERMUTATIONS)
        ]
    )
    return Stability(
        index,
        float(np.quantile(drawn, level)),
        float((1 + (drawn >= index).sum()) / (PERMUTATIONS + 1)),
    )


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Return the inner edges of bins of equal share: fewer where values are tied."""
    return np.unique(np.quantile(values, np.arange(1, bins) / bins))


def _counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def _index(p: np.ndarray, q: np.ndarray) -> float:
    """Return the index of two vectors of shares; an empty bin counts as a ten-thousandth."""
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(((p - q) * np.log(p / q)).sum())
