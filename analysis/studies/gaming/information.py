"""What a score says of an outcome in gamed and other rows, and whom gaming puts out of the top."""

from __future__ import annotations

import numpy as np

from analysis.results.rule import Interval

REPLICATES = 999


def information(
    score: np.ndarray,
    outcome: np.ndarray,
    gamed: np.ndarray,
    clusters: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
) -> list[tuple[float, Interval]]:
    """Return the R2 of the outcome on the score in organic rows, in gamed rows, and their
    difference, each with a bootstrap interval over clusters.

    Parameters
    ----------
    score, outcome : ndarray, shape (n,)
    gamed : ndarray of bool, shape (n,)
    clusters : ndarray of int, shape (n,)
    """
    x, y = (values - values.mean() for values in (score, outcome))
    columns = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    groups = int(clusters.max()) + 1
    sums = [
        np.column_stack([np.bincount(clusters[rows], column[rows], groups) for column in columns.T])
        for rows in (~gamed, gamed)
    ]
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=REPLICATES).astype(float)
    draws = np.vstack([np.ones(groups), draws])  # all clusters once, then the draws
    organic, cheated = (_squared_correlation(draws @ part) for part in sums)
    ends = (0.5 - level / 2, 0.5 + level / 2)
    return [
        (float(values[0]), tuple(np.nanquantile(values[1:], ends).tolist()))
        for values in (organic, cheated, organic - cheated)
    ]


def _squared_correlation(sums: np.ndarray) -> np.ndarray:
    """Return squared correlations from (n, x, y, xx, yy, xy) on the last axis."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n * xy - x * y) ** 2 / ((n * xx - x * x) * (n * yy - y * y))


def displaced(
    score: np.ndarray, states: np.ndarray, push: float, top: float = 0.1
) -> tuple[float, np.ndarray]:
    """Return the share of honest rows that would be in their period's top tenth without the push,
    and are not.

    Parameters
    ----------
    score, states : ndarray, shape (units, periods)
        NaN where nothing was seen; 1 where the score was gamed.
    push : float
        What gaming adds to a score.

    Returns
    -------
    share : float
        Of the honest rows that belong into the top tenth; NaN where there is none.
    influence : ndarray, shape (units,)
        Each unit's contribution to it, the edges of the top tenth as they are.
    """
    without = score - push * (states == 1)
    belongs, out = np.zeros((2, len(score)))
    for shown, clean, state in zip(score.T, without.T, states.T, strict=True):
        seen = np.isfinite(shown) & np.isfinite(state)
        if seen.sum() < 10:
            continue
        places = max(1, int(top * seen.sum()))
        edge, clean_edge = (np.sort(values[seen])[-places] for values in (shown, clean))
        honest = seen & (state == 0) & (clean >= clean_edge)
        belongs += honest
        out += honest & (shown < edge)
    if not belongs.any():
        return float("nan"), belongs
    share = float(out.sum() / belongs.sum())
    return share, (out - share * belongs) / belongs.sum()
