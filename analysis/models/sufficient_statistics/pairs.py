"""Sums of products of pairs of columns: packed, weighted, mapped to another basis."""

from __future__ import annotations

import numpy as np

from analysis.models.sufficient_statistics.record import GroupSums


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
