"""Net benefit of acting beyond a threshold, and the decision curve, as medicine reckons them."""

from __future__ import annotations

import numpy as np


def payoff(events: np.ndarray, threshold: float) -> np.ndarray:
    """Return what acting on a row brings, in events: 1, or the odds of the threshold lost.

    Examples
    --------
    >>> payoff(np.array([1.0, 0.0]), 0.2).tolist()
    [1.0, -0.25]
    """
    return events - (1 - events) * (threshold / (1 - threshold))


def net_benefit(events: np.ndarray, chances: np.ndarray, threshold: float) -> float:
    """Return the net benefit of acting on the rows whose chance reaches a threshold.

    Parameters
    ----------
    events : ndarray of 0 and 1, shape (n,)
    chances : ndarray, shape (n,)
    threshold : float
        In (0, 1): the chance at which acting and leaving alone are worth the same.

    Notes
    -----
    True positives less false positives times the odds of the threshold, per row: Vickers & Elkin
    (2006), doi:10.1177/0272989X06295361.

    Examples
    --------
    >>> net_benefit(np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.6, 0.1, 0.3]), 0.5)
    0.0
    """
    return float(np.mean(acted_on(chances, threshold) * payoff(events, threshold)))


def acted_on(chances: np.ndarray, threshold: float) -> np.ndarray:
    """Return 1.0 for the rows whose chance reaches the threshold, shape (n,)."""
    return (chances >= threshold).astype(float)


def decision_curve(
    events: np.ndarray, rankings: dict[str, np.ndarray], thresholds: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the net benefit at each threshold by each prediction, for all rows and for none.

    Parameters
    ----------
    events : ndarray of 0 and 1, shape (n,)
    rankings : dict of str to ndarray, shape (n,)
        Chances by the name of what predicts them.
    thresholds : ndarray, shape (m,)
    """
    everybody = np.ones(len(events))
    curves = {
        name: np.array([net_benefit(events, chances, at) for at in thresholds])
        for name, chances in rankings.items()
    }
    whole = np.array([net_benefit(events, everybody, at) for at in thresholds])
    return {**curves, "all": whole, "none": np.zeros(len(thresholds))}
