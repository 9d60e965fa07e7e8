"""How closely one column determines another: linearly, level by level, or as its neighbours do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

MOST_ROWS = 20_000
"""Rows of which a relation is looked at; of larger samples a seeded draw."""

ROWS_A_LEVEL = 10
"""A column with at least this many rows a level is read level by level, any other one by its
neighbours.
"""

NEIGHBOURS = 5
"""On each side."""


def r_squared(target: np.ndarray, columns: np.ndarray) -> float:
    """Return the R2 of `target`, shape (n,), on an intercept and `columns`, shape (n, q)."""
    centred = target - target.mean()
    if not centred.any():
        return 0.0
    centred /= np.abs(centred).max()
    x = columns - columns.mean(axis=0)
    scale = np.sqrt((x**2).sum(axis=0))
    x = x[:, scale > 0] / scale[scale > 0]
    residual = centred - x @ np.linalg.lstsq(x, centred, rcond=None)[0]
    return float(1 - residual @ residual / (centred @ centred))


def forms(values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a column as it is and, where it can be, on the log scale; nothing for a constant."""
    if np.ptp(values) > 0:
        yield "as it is", values
        if values.min() >= 0:
            yield "on the log scale", np.log(values) if values.min() > 0 else np.log1p(values)


def r_squared_without_extremes(response: np.ndarray, columns: np.ndarray) -> float:
    """Return the smaller R2 of those with and without a few extreme rows, which alone cannot make
    it.
    """
    table = np.column_stack([response, columns])
    distance = np.abs(table - np.median(table, axis=0))
    extreme = np.unique(np.argsort(distance, axis=0)[-_few_of(response) :])
    rest = np.delete(np.arange(len(response)), extreme)
    if np.ptp(response[rest]) == 0:
        return 0.0
    return min(r_squared(response, columns), r_squared(response[rest], columns[rest]))


def predicted_by_level(source: np.ndarray, target: np.ndarray) -> float:
    """Return the share of the variance of `target` that rows with (nearly) the same `source`
    predict.

    Parameters
    ----------
    source, target : ndarray, shape (n,)

    Notes
    -----
    Each row is left out of its own prediction. A source with few levels, such as a grade, predicts
    by the mean of the level's other rows; any other one by a line through its neighbours, whatever
    the shape of the relation. Pairs that repeat enter once there, since a row and its copy predict
    one another. The first and last neighbours, where extreme rows lie, are not predicted.

    Examples
    --------
    >>> x = np.linspace(-3, 3, 200)
    >>> round(predicted_by_level(x, x**2), 3), predicted_by_level(np.arange(20.0), np.arange(20.0))
    (1.0, 0.0)
    """
    if len(source) > MOST_ROWS:
        pick = np.random.default_rng(len(source)).choice(len(source), MOST_ROWS, replace=False)
        source, target = source[pick], target[pick]
    levels, codes, counts = np.unique(source, return_inverse=True, return_counts=True)
    if 2 <= len(levels) <= len(source) / ROWS_A_LEVEL:
        others = (np.bincount(codes, target)[codes] - target) / np.maximum(counts[codes] - 1, 1)
        return _explained(target, np.where(counts[codes] > 1, others, target.mean()))
    pairs = np.unique(np.column_stack([source, target]), axis=0)
    if len(pairs) < ROWS_A_LEVEL * NEIGHBOURS:
        return 0.0
    return _explained(pairs[NEIGHBOURS:-NEIGHBOURS, 1], _by_neighbours(*pairs.T))


def _by_neighbours(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return for each row of sorted x but the first and last the line through its neighbours,
    within their range.
    """
    around = np.delete(np.arange(2 * NEIGHBOURS + 1), NEIGHBOURS)
    xs, ys = (sliding_window_view(values, 2 * NEIGHBOURS + 1)[:, around] for values in (x, y))
    centre = xs.mean(axis=1)
    away = xs - centre[:, None]
    spread = (away**2).sum(axis=1)
    slope = np.divide((away * ys).sum(axis=1), spread, out=np.zeros(len(spread)), where=spread > 0)
    line = ys.mean(axis=1) + slope * (x[NEIGHBOURS:-NEIGHBOURS] - centre)
    return np.clip(line, ys.min(axis=1), ys.max(axis=1))


def _few_of(rows: np.ndarray) -> int:
    """Return how many rows count as a few: a thousandth, at least two."""
    return max(2, -(-len(rows) // 1000))


def _explained(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return the smaller R2 of a prediction, with and without the rows of the largest values."""
    rest = np.argsort(np.abs(target - np.median(target)))[: -_few_of(target)]
    shares = []
    for y, guess in ((target, predicted), (target[rest], predicted[rest])):
        spread = ((y - y.mean()) ** 2).sum()
        shares.append(1 - ((y - guess) ** 2).sum() / spread if spread > 0 else 0.0)
    return float(max(min(shares), 0.0))
