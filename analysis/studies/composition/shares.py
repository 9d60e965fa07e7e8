"""Shares: how closely columns determine another one, whatever a few odd rows say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

NEIGHBOURS = 5
"""On each side; as many rows of the same level will do."""

MOST_ROWS = 20_000
"""Rows of which a relation is looked at; of larger samples a seeded draw."""

FEWEST = 10 * NEIGHBOURS
"""Rows that have to be foretold, for a share to say anything."""

FEW_LEVELS, MANY_ROWS = 40, 50
"""A column with more levels than this, and fewer rows a level, may stand for what a row is about: a
person's outcome is then the same in all rows of the person, and that says nothing. Neighbouring
levels have to foretell it, too."""

ODD, FEWEST_ODD = 0.02, 3
"""Share of the rows that may be odd ones out, and the smallest number."""

INDEPENDENT = 1e-6
"""Length of a column, in units of its own, beyond those before it, from which on it is another."""

HIDDEN = 0.995
"""A score is engagement in other words where that explains more of it in all rows but a few."""

WORTH_A_LOOK = 0.5
"""A smaller share by least squares, the rows farthest off set aside, is not hidden by odd rows."""

EXTREME = 0.01
"""Share of the rows at either end of a column that cannot make a relation alone."""


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


def shares_by_others(columns: np.ndarray) -> list[float]:
    """Return the R2 of each column on an intercept and all others.

    Parameters
    ----------
    columns : ndarray, shape (n, q)

    Notes
    -----
    One less the tolerance, which stands on the diagonal of the inverse of their correlations;
    columns one by one where that has no inverse to trust.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> one_by_one = [r_squared(x[:, at], np.delete(x, at, axis=1)) for at in range(3)]
    >>> np.allclose(shares_by_others(x), one_by_one)
    True
    """
    centred = columns - columns.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    if len(columns) > columns.shape[1] and (scale > 0).all():
        triangle = np.linalg.qr(centred / scale, mode="r")
        if np.abs(np.diag(triangle)).min() > INDEPENDENT:
            inverse = np.linalg.inv(triangle)
            return (1 - 1 / (inverse**2).sum(axis=1)).tolist()
    each = range(columns.shape[1])
    return [r_squared(columns[:, at], np.delete(columns, at, axis=1)) for at in each]


def forms(values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a column as it is and, where it can be, on the log scale; nothing for a constant."""
    if np.ptp(values) > 0:
        yield "as it is", values
        if values.min() >= 0:
            yield "on the log scale", np.log(values) if values.min() > 0 else np.log1p(values)


def robust_share(target: np.ndarray, columns: np.ndarray) -> float:
    """Return the R2 of a target on columns that a few rows can neither make nor hide.

    Parameters
    ----------
    target : ndarray, shape (n,)
    columns : ndarray, shape (n, q)

    Notes
    -----
    Rows at the ends of any column, which could make a relation, are left out. The rows farthest
    from the line, which could hide one, are left out too: least trimmed squares, begun with least
    absolute deviations. What trimming alone takes from normal residuals is put back (Croux &
    Haesbroeck 1999, doi:10.1006/jmva.1999.1839).

    Examples
    --------
    >>> x = np.linspace(1, 2, 500)
    >>> y = 3 * x
    >>> y[[100, 200, 300]] = 0.0
    >>> r_squared(y, x[:, None]) < 0.9, round(robust_share(y, x[:, None]), 6)
    (True, 1.0)
    """
    if len(target) > MOST_ROWS:
        pick = _drawn(len(target))
        target, columns = target[pick], columns[pick]
    rest = _inner(np.column_stack([target, columns]))
    y, x = target[rest], columns[rest]
    spread = np.ptp(x, axis=0)
    if len(y) <= x.shape[1] + FEWEST_ODD or np.ptp(y) == 0 or not spread.any():
        return 0.0
    x = (x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    y, x = (y - y.mean()) / np.ptp(y), np.column_stack([np.ones(len(y)), x])
    begun = np.linalg.lstsq(x, y, rcond=None)[0]
    share = trimmed_share(y, x @ begun)
    return share if share < WORTH_A_LOOK else trimmed_share(y, _without_odd_rows(y, x, begun))


def _inner(table: np.ndarray) -> np.ndarray:
    """Return the rows that are at the end of no column: the one per cent farthest from its median,
    at least three rows, are.
    """
    more = ((table != table.min(axis=0)) & (table != table.max(axis=0))).any(axis=0)
    table = table[:, more]  # one of two values is at no end
    distance = np.abs(table - np.median(table, axis=0))
    count = max(FEWEST_ODD, int(np.ceil(EXTREME * len(table))))
    if count >= len(table):
        return np.arange(0)
    ends = np.partition(distance, -count, axis=0)[-count]
    last = np.argpartition(distance, -count, axis=0)[-count:]
    gone = np.zeros(len(table), dtype=bool)
    gone[last[:, ends > 0].ravel()] = True
    return np.flatnonzero(~gone)


def _without_odd_rows(y: np.ndarray, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return predictions of y by x that the rows farthest from them had no part in."""
    for _ in range(8):  # least absolute deviations
        root = np.sqrt(1 / np.maximum(np.abs(y - x @ coefficients), 1e-6))
        coefficients = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
    for _ in range(3):
        near = _near(y, x @ coefficients)
        coefficients = np.linalg.lstsq(x[near], y[near], rcond=None)[0]
    return x @ coefficients


def odd_rows(target: np.ndarray) -> int:
    """Return how many rows may be odd ones out: two per cent of those without the commonest value,
    at least three, and never a tenth.
    """
    common = int(np.unique(target, return_counts=True)[1].max())
    informative = len(target) - common
    return min(max(FEWEST_ODD, int(ODD * informative)), informative // 10)


def _near(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the rows but the odd ones: those farthest from their prediction."""
    order = np.argsort(np.abs(target - predicted), kind="stable")
    return order[: len(target) - odd_rows(target)]


def trimmed_share(target: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of a target's variance that a prediction explains in all but odd rows."""
    near = _near(target, predicted)
    y = target[near]
    spread = ((y - y.mean()) ** 2).sum()
    if spread == 0:
        return 0.0
    left = ((y - predicted[near]) ** 2).sum() / _kept(len(near) / len(target))
    return float(max(1 - left / spread, 0.0))


def _kept(share: float) -> float:
    """Return the variance of the inner share of a normal variable, as a part of the whole one's."""
    from scipy.special import ndtri

    if share >= 1:
        return 1.0
    edge = ndtri((1 + share) / 2)
    return 1 - 2 * edge * np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi) / share


# --- level by level -------------------------------------------------------------------------------


def predicted_by_level(source: np.ndarray, target: np.ndarray) -> float:
    """Return the share of a target's variance that rows with (nearly) the same source predict.

    Parameters
    ----------
    source, target : ndarray, shape (n,)

    Notes
    -----
    Each row is left out of its own prediction. Ten other rows of the same level, such as a grade,
    predict by their mean; where there are fewer, levels on both sides are taken in, by a line
    through their means, whatever the shape of the relation. The order of rows does not matter, not
    among rows of one level either. The first and last levels are not predicted by neighbours they
    do not have. Rows farthest from their prediction are taken away once, since a few odd ones spoil
    the prediction of others, and are left out of the share (see `robust_share`).

    Examples
    --------
    >>> x = np.linspace(-3, 3, 200)
    >>> round(predicted_by_level(x, x**2), 3), predicted_by_level(np.arange(20.0), np.arange(20.0))
    (1.0, 0.0)
    """
    if len(source) > MOST_ROWS:
        pick = _drawn(len(source))
        source, target = source[pick], target[pick]
    if len(source) <= FEWEST or np.ptp(target) == 0:
        return 0.0
    rest = _inner(target[:, None])
    share = _foretold(source[rest], target[rest], own=True)
    levels = len(np.unique(source))
    if share > 0.5 and levels > FEW_LEVELS and len(source) < MANY_ROWS * levels:
        share = min(share, _foretold(source[rest], target[rest], own=False))
    return share


def _foretold(x: np.ndarray, y: np.ndarray, *, own: bool) -> float:
    """Return the share of y that rows of near x foretell, but for odd rows."""
    guess = _by_levels(x, y, own)
    known = np.flatnonzero(np.isfinite(guess))
    if len(known) < FEWEST:
        return 0.0
    stay = np.ones(len(y), dtype=bool)
    stay[known] = False
    stay[known[_near(y[known], guess[known])]] = True
    odd = int((~stay).sum())
    again = _by_levels(x[stay], y[stay], own)
    kept = np.isfinite(again)
    if kept.sum() < FEWEST:
        return 0.0
    y, again = y[stay][kept], again[kept]
    spread = ((y - y.mean()) ** 2).sum()
    if spread == 0:
        return 0.0
    left = ((y - again) ** 2).sum() / _kept(1 - odd / len(known))
    return float(max(1 - left / spread, 0.0))


def _by_levels(source: np.ndarray, target: np.ndarray, own: bool) -> np.ndarray:
    """Return predictions of each row by others of its level and of levels beside it; NaN where
    there are none.

    Parameters
    ----------
    source, target : ndarray, shape (n,)
    own : bool
        Whether other rows of the same level may foretell a row.
    """
    levels, codes, counts = np.unique(source, return_inverse=True, return_counts=True)
    sums, guess = np.bincount(codes, target), np.full(len(source), np.nan)
    open_rows = np.ones(len(source), dtype=bool)
    for reach in range(NEIGHBOURS + 1) if own else (NEIGHBOURS,):
        width = 2 * reach + 1
        if len(levels) < width or not open_rows.any():
            break
        rows = np.flatnonzero(open_rows & (codes >= reach) & (codes < len(levels) - reach))
        at, mine = codes[rows] - reach, np.zeros(width)
        mine[reach] = 1.0
        weight, x, total = (sliding_window_view(one, width)[at] for one in (counts, levels, sums))
        weight = weight - (mine if own else mine * counts[codes[rows]][:, None])
        total = total - mine * (target if own else sums[codes])[rows][:, None]
        enough = weight.sum(axis=1) >= 2 * NEIGHBOURS
        rows, weight, x, total = rows[enough], weight[enough], x[enough], total[enough]
        guess[rows] = _line(x, weight, total, levels[codes[rows]])
        open_rows[rows] = False
    return guess


def _line(x: np.ndarray, weight: np.ndarray, total: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the value at a point of the line through weighted means, within their range."""
    means = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0.5)
    weights = weight.sum(axis=1)
    centre = (weight * x).sum(axis=1) / weights
    away = x - centre[:, None]
    spread = (weight * away**2).sum(axis=1)
    middle = total.sum(axis=1) / weights
    slope = np.divide(
        (away * total).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0
    )
    line = middle + slope * (at - centre)
    return np.clip(line, np.nanmin(means, axis=1), np.nanmax(means, axis=1))


def _drawn(rows: int) -> np.ndarray:
    """Return the rows of a seeded draw of `MOST_ROWS`."""
    return np.random.default_rng(rows).choice(rows, MOST_ROWS, replace=False)
