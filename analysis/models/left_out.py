"""Coefficients without each cluster: all of them at once, by chord steps from the full estimate."""

from __future__ import annotations

import numpy as np

from analysis.models.covariance import MOST_REFITS, steps_without
from analysis.models.solver import Rows, Sums, newton

LARGEST = 100
"""Of more than `MOST_REFITS` clusters only the largest ones are solved for; the others are left out
by one step from the full fit, which differs by the square of their share."""

CELLS = 250_000
"""Rows times clusters that are looked at together: they stay in the cache."""

CHORDS, CLOSE = 60, 1e-12
"""Steps at most, and the length of the last one: the information is that of the full estimate, so
they converge by a factor of about a cluster's share."""

WORST = 1e10
"""Condition of an information without a cluster beyond which its fit is looked at alone."""


def left_out(rows: Rows, estimate: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the estimates without each cluster, shape (G, k); NaN where the steps do not settle.

    Parameters
    ----------
    rows : Rows
        Unweighted.
    estimate : ndarray, shape (k,)
        Of all rows.
    clusters : ndarray of int, shape (n,)
        From 0 to G - 1.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where one cluster alone carries a coefficient.
    """
    derivatives = rows.family.derivatives(rows.response, rows.predictor(estimate))
    parts, moves = steps_without(rows.columns, *derivatives, clusters)
    others, sizes = estimate + moves, np.bincount(clusters)
    asked = np.arange(len(sizes))
    if len(sizes) > MOST_REFITS:
        asked = np.sort(np.argsort(-sizes, kind="stable")[:LARGEST])
    information = parts.sum(axis=0) - parts[asked]
    place = np.full(len(sizes), -1)
    place[asked] = np.arange(len(asked))
    own = place[clusters]

    def sums(params: np.ndarray) -> Sums:
        return None, _scores(rows, params, own), information

    found = newton(sums, others[asked], steps=CHORDS, small=CLOSE)
    settled = (found.moved <= CLOSE) & (np.linalg.cond(information) < WORST)
    others[asked] = np.where(settled[:, None], found.params, np.nan)
    return others


def _scores(rows: Rows, params: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the score of each equation at its coefficients, (B, k), without the rows it owns."""
    total, step = np.zeros_like(params), max(1, CELLS // len(params))
    for begin in range(0, len(own), step):
        part = slice(begin, begin + step)
        x, y = rows.columns[part], rows.response[part, None]
        known = 0.0 if rows.offset is None else rows.offset[part, None]
        slope, _ = rows.family.derivatives(y, x @ params.T + known)
        mine = np.flatnonzero(own[part] >= 0)
        slope[mine, own[part][mine]] = 0.0
        total += slope.T @ x
    return total
