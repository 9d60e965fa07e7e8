"""Score, information and influence of an exponential mean, over blocks of rows that stay in the
cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK_ROWS = 4096

MANY_ROWS = 20_000
"""From here on models take their steps from these sums, and no longer by way of statsmodels."""


def equations(
    response: np.ndarray,
    basis: np.ndarray,
    shift: np.ndarray | float,
    power: float,
    params: np.ndarray,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the estimating equations, the expected information, and the range of the linear
    predictor.

    Parameters
    ----------
    response : ndarray, shape (n,)
    basis : ndarray, shape (n, k)
    shift : ndarray, shape (n,), or float
        Known part of the linear predictor.
    power : float
        Working variance mean ** power.
    params : ndarray, shape (k,)
    weights : ndarray, shape (n,), optional
        How often each row counts; the range is then that of the rows that do.

    Returns
    -------
    score : ndarray, shape (k,)
    information : ndarray, shape (k, k)
    width : float
    """
    score, information = np.zeros(len(params)), np.zeros((len(params), len(params)))
    low, high = np.inf, -np.inf
    for part, rows in _blocks(basis):
        predictor = rows @ params + _of(shift, part)
        mean = np.exp(predictor)
        working, left = mean ** (2 - power) if power != 1 else mean, response[part] - mean
        if power != 1:
            left *= mean ** (1 - power)
        if weights is not None:
            counted = weights[part]
            working, left, predictor = working * counted, left * counted, predictor[counted > 0]
        score += left @ rows
        information += (rows * working[:, None]).T @ rows
        if len(predictor):
            low, high = min(low, predictor.min()), max(high, predictor.max())
    return score, information, float(high - low)


def influence(
    response: np.ndarray,
    basis: np.ndarray,
    shift: np.ndarray | float,
    power: float,
    params: np.ndarray,
    along: np.ndarray,
) -> np.ndarray:
    """Return each row's part of a coefficient, shape (n,): its estimating equations along a
    direction, shape (k,).
    """
    parts = np.empty(len(response))
    for part, rows in _blocks(basis):
        mean = np.exp(rows @ params + _of(shift, part))
        parts[part] = (
            (response[part] - mean) * (rows @ along) * (mean ** (1 - power) if power != 1 else 1.0)
        )
    return parts


def information_of(basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``X' diag(w) X``, shape (k, k)."""
    k = basis.shape[1]
    total = np.zeros((k, k))
    for part, rows in _blocks(basis):
        total += (rows * weights[part, None]).T @ rows
    return total


def _blocks(basis: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for begin in range(0, len(basis), BLOCK_ROWS):
        part = slice(begin, begin + BLOCK_ROWS)
        yield part, basis[part]


def _of(shift: np.ndarray | float, part: slice) -> np.ndarray | float:
    return shift[part] if isinstance(shift, np.ndarray) else shift
