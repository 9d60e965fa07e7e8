"""Who is chosen by a ranking, and what choosing by another one gains: numbers of arrays alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAR = 0.5
"""Rows whose rank is within this share of the picks from the last one are near the edge."""

FEWEST_NEAR = 15
"""Ranks on either side that are near the edge at least."""

LEAST = 2.0
"""Rows that change places in the error at least, one in and one out: that none did in these rows
does not say that none would in others."""

FEWEST_DF = 4.0
"""Degrees of freedom at least."""

DRAWS = 20_000
"""Of the largest of several normal variables."""


def picks(ranking: np.ndarray, share: float) -> np.ndarray:
    """Return how much of each row is chosen, shape (n,): the `share` of them that rank highest.

    Rows that tie for the last places share them evenly, as if lots were drawn again and again.

    Examples
    --------
    >>> picks(np.array([3.0, 1.0, 2.0, 2.0]), 0.5).tolist()
    [1.0, 0.0, 0.5, 0.5]
    """
    places = share * len(ranking)
    edge = np.partition(ranking, -int(places) - 1)[-int(places) - 1]
    above, tied = ranking > edge, ranking == edge
    return above + tied * ((places - above.sum()) / tied.sum())


def near_edge(ranking: np.ndarray, share: float) -> np.ndarray:
    """Return which rows rank about where the picks end, shape (n,)."""
    ranks = np.empty(len(ranking))
    ranks[np.argsort(-ranking, kind="stable")] = np.arange(len(ranking))
    places = share * len(ranking)
    return np.abs(ranks + 0.5 - places) <= max(NEAR * places, FEWEST_NEAR)


@dataclass(frozen=True, eq=False)
class Change:
    """What one way of choosing gains over another: an average over all rows.

    Attributes
    ----------
    estimate, std_error : float
    df : float
        Of the t to which the error refers: how many rows, or clusters, change places in effect.
    rows : float
        How many rows the one way chooses and the other does not.
    influence : ndarray, shape (G,)
        What each row, or cluster of rows, adds to the estimate, their mean taken off.
    """

    estimate: float
    std_error: float
    df: float
    rows: float
    influence: np.ndarray


def change(
    payoff: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    units: np.ndarray,
    *,
    edge: float = 0.0,
    spread: float = 0.0,
) -> Change:
    """Return what choosing `one` gains over choosing `other`, with an error that holds for few.

    Parameters
    ----------
    payoff : ndarray, shape (n,)
        What a row brings where it is chosen.
    one, other : ndarray, shape (n,)
        How much of each row is chosen, from 0 to 1; for partitions into folds their mean.
    units : ndarray of int, shape (n,)
        Of each row the independent unit it belongs to, from 0.
    edge, spread : float
        Mean and standard deviation of the payoff of rows near the edge of both choices.

    Notes
    -----
    Choosing the best share of the rows has its last place where it falls in these rows. The value
    of such a rule has the influence function ``chosen (payoff - edge)``, where ``edge`` is the
    expected payoff at the last place. Where few rows are chosen by one ranking alone, their
    payoffs say little about their own spread; the error is never less than what rows with the
    spread of those near the edge would give. Payoffs are skewed; the reference is t with as many
    degrees of freedom as rows (or clusters of them) change places in effect, less one: intervals
    that take it for normal miss gains that are larger than they seem (docs/decision.md).

    Examples
    --------
    >>> y = np.array([4.0, 1.0, 3.0, 0.0])
    >>> change(y, np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0]), np.arange(4)).estimate
    0.5
    """
    n, moved = len(payoff), one - other
    estimate = float(moved @ payoff) / n
    parts = np.bincount(units, weights=moved * (payoff - edge))
    parts -= parts.mean()
    variance = float(parts @ parts) * len(parts) / max(len(parts) - 1, 1)
    variance = max(variance, max(float(moved @ moved), LEAST) * spread**2) / n**2
    weights = np.bincount(units, weights=moved**2)
    in_effect = weights.sum() ** 2 / max(float(weights @ weights), 1e-300)
    df = float(max(in_effect - 1, FEWEST_DF))
    return Change(estimate, float(np.sqrt(variance)), df, float(np.maximum(moved, 0).sum()), parts)


def simultaneous_level(influences: np.ndarray, level: float, rng: np.random.Generator) -> float:
    """Return the level that each of several intervals needs for all to hold together.

    Parameters
    ----------
    influences : ndarray, shape (m, G)
    level : float
        Of all of them together.
    rng : Generator

    Returns
    -------
    float
        Between `level`, where they are one, and Bonferroni's, where they are apart.

    Notes
    -----
    The largest of the absolute values of normal variables with the correlations of the influences,
    drawn 20,000 times: Montiel Olea & Plagborg-Moller (2019), doi:10.1002/jae.2656.

    Examples
    --------
    >>> same = np.tile(np.random.default_rng(1).standard_normal(50), (3, 1))
    >>> round(simultaneous_level(same, 0.95, np.random.default_rng(1)), 2)
    0.95
    """
    from scipy.special import ndtr

    sizes = np.linalg.norm(influences, axis=1)
    unit = influences[sizes > 0] / sizes[sizes > 0, None]
    if len(unit) < 2:
        return level
    values, vectors = np.linalg.eigh(unit @ unit.T)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = np.abs(rng.standard_normal((DRAWS, len(unit))) @ root.T).max(axis=1)
    one = 1 - 2 * float(ndtr(-np.quantile(drawn, level)))
    return min(max(one, level), 1 - (1 - level) / len(unit))
