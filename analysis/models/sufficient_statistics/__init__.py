"""Sufficient statistics of a table: one look at the rows, then any number of least-squares fits.

Every column is centred, scaled and written in an orthonormal basis of the whole table (a blocked
Householder QR), and only then are sums of products taken, by group and over all rows. Sums of
orthonormal columns carry the condition number of the data once, where sums of the raw columns carry
its square (and, for HC errors, its fourth power).

This module holds the record and the algebra of its packed sums of products; `measure` makes it,
`regressions` solves from it, `fits` adds the standard errors, `draws` has the fits under weights
and cross-validation, `resampling` the bootstrap, and `expansion` exponential means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault, listing


def refusal(place: str, found: str, allowed: str) -> DesignError:
    """The error for one thing that the numbers do not allow."""
    return DesignError("sufficient statistics", [Fault(place, found, allowed)])


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums of products of the orthonormal columns within each group of rows.

    Attributes
    ----------
    labels : ndarray, shape (G,) or (G, 2)
        The group's label; for repeated partitions (repeat, fold).
    sizes : ndarray, shape (G,)
        Rows in each group.
    pairs : ndarray, shape (G, P)
        Sum over the group's rows of q_a q_b, a <= b, in the order of ``numpy.triu_indices``.
    """

    labels: np.ndarray
    sizes: np.ndarray
    pairs: np.ndarray


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    """What least squares needs to know about a table: see `measure.sufficient_statistics`.

    Attributes
    ----------
    names : tuple of str, length p
        The columns, without the constant, which is always there.
    n : int
        Rows.
    location, spread : ndarray, shape (p,)
        Mean, and root of the sum of squares about it, of each column; a constant one has spread 0.
    coordinates : ndarray, shape (k, p), k = min(n, p + 1)
        Each centred column, divided by its spread, in the orthonormal basis. Row 0 is the constant:
        zero.
    condition : float
        Condition number of the centred, scaled columns that vary, all together (``inf`` if they are
        dependent).
    fourth : ndarray, shape (P, P), or None
        Sum over rows of the outer product of the row's pair products, P = k (k + 1) / 2.
    groups : mapping of str to GroupSums
    """

    names: tuple[str, ...]
    n: int
    location: np.ndarray
    spread: np.ndarray
    coordinates: np.ndarray
    condition: float
    fourth: np.ndarray | None
    groups: Mapping[str, GroupSums]

    def position(self, name: str) -> int:
        """Position of a column."""
        try:
            return self.names.index(name)
        except ValueError:
            raise refusal("columns", repr(name), listing(self.names)) from None

    def group(self, name: str) -> GroupSums:
        """Group sums by name."""
        if name not in self.groups:
            known = listing(list(self.groups)) or "none: groups= of sufficient_statistics"
            raise refusal("groupings", repr(name), known)
        return self.groups[name]


def condition_number(columns: np.ndarray) -> float:
    """Ratio of the extreme singular values of columns: ``inf`` if dependent, 1 for no column."""
    if columns.shape[1] == 0:
        return 1.0
    if columns.shape[0] < columns.shape[1]:
        return float("inf")
    values = np.linalg.svd(columns, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else float("inf")


# --- packed sums of products of pairs of columns --------------------------------------------------


def pair_products(q: np.ndarray) -> np.ndarray:
    """Products q_a q_b, a <= b, of each row: (k, rows) to (P, rows)."""
    size = len(q)
    products = np.empty((size * (size + 1) // 2, q.shape[1]))
    end = 0
    for a in range(size):
        start, end = end, end + size - a
        np.multiply(q[a], q[a:], out=products[start:end])
    return products


def pair_weights(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights w with sum_P w_P pairs_P = sum over rows of (left'q)(right'q).

    Parameters
    ----------
    left, right : ndarray, shape (..., k)

    Returns
    -------
    ndarray, shape (P, ...)
    """
    left, right = np.moveaxis(left, -1, 0), np.moveaxis(right, -1, 0)
    first, second = np.triu_indices(len(left))
    weights = left[first] * right[second]
    weights += left[second] * right[first]
    weights[first == second] *= 0.5
    return weights


def pair_map(basis: np.ndarray) -> np.ndarray:
    """Linear map from pair sums of q to pair sums of basis'q, shape (P, P')."""
    first, second = np.triu_indices(basis.shape[1])
    return pair_weights(basis.T[first], basis.T[second])


def unpack_pairs(pairs: np.ndarray) -> np.ndarray:
    """Symmetric matrices (..., k, k) from packed pair sums (..., P)."""
    size = int(np.sqrt(2 * pairs.shape[-1]))
    first, second = np.triu_indices(size)
    full = np.empty((*pairs.shape[:-1], size, size))
    full[..., first, second] = pairs
    full[..., second, first] = pairs
    return full


def pairs_without(sums: GroupSums) -> np.ndarray:
    """Pair sums over the rows outside each group, shape (G, P); outside each fold of its repeat for
    folds.

    Notes
    -----
    Sums before and after the group, not the whole less the group: nothing cancels where one group
    holds nearly all of a column's variation.
    """
    repeats = 1 if sums.labels.ndim == 1 else int(sums.labels[-1, 0]) + 1
    groups = sums.pairs.reshape(repeats, -1, sums.pairs.shape[1])
    others = np.zeros_like(groups)
    others[:, 1:] = np.cumsum(groups[:, :-1], axis=1)
    others[:, :-1] += np.cumsum(groups[:, :0:-1], axis=1)[:, ::-1]
    return others.reshape(sums.pairs.shape)
