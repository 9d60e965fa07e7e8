"""What a score says of an outcome in two kinds of rows, and whom a push of some scores puts out of
the top tenth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REPLICATES = 999


@dataclass(frozen=True)
class Information:
    """Squared correlations with bootstrap intervals.

    Attributes
    ----------
    organic, gamed, lost : tuple of (float, (float, float))
        `lost` is organic less gamed.
    """

    organic: tuple[float, tuple[float, float]]
    gamed: tuple[float, tuple[float, float]]
    lost: tuple[float, tuple[float, float]]


def information(
    score: np.ndarray,
    outcome: np.ndarray,
    gamed: np.ndarray,
    clusters: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Information:
    """Return the R2 of the outcome on the score in organic and in gamed rows, clusters drawn again.

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
    organic, cheated = ((_squared(part.sum(axis=0)), _squared(draws @ part)) for part in sums)
    ends = (0.5 - level / 2, 0.5 + level / 2)

    def with_interval(value: np.ndarray, drawn: np.ndarray) -> tuple[float, tuple[float, float]]:
        low, high = np.nanquantile(drawn, ends)
        return float(value), (float(low), float(high))

    return Information(
        with_interval(*organic),
        with_interval(*cheated),
        with_interval(organic[0] - cheated[0], organic[1] - cheated[1]),
    )


def _squared(sums: np.ndarray) -> np.ndarray:
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
