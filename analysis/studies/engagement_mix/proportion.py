"""Are two sets of weights proportional to each other?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy


@dataclass(frozen=True)
class Proportion:
    """The test that one vector of weights is a multiple of another.

    Attributes
    ----------
    statistic, p_value : float
        The least Wald distance over all multiples, chi-square with one degree of freedom less than
        there are weights.
    likeness : float
        Cosine of the angle between both: 1 where they are proportional, 0 where they have nothing
        in common.
    """

    statistic: float
    p_value: float
    likeness: float


def proportional(weights: np.ndarray, others: np.ndarray, cov: np.ndarray) -> Proportion:
    """Test whether ``cos(a) weights = sin(a) others`` for some angle a.

    Parameters
    ----------
    weights, others : ndarray, shape (k,)
    cov : ndarray, shape (2k, 2k)
        Of both, one after the other.

    Notes
    -----
    The distance is minimised over the multiple with the covariance at that multiple (a minimum
    distance of the kind of Anderson & Rubin 1949), so that it is well behaved where one of the two
    is hardly told from zero.
    """
    k = len(weights)
    scales = np.sqrt(np.diag(cov))
    first, second = 1 / np.median(scales[:k]), 1 / np.median(scales[k:])
    scale = np.concatenate([np.full(k, first), np.full(k, second)])
    one, other, joint = weights * first, others * second, cov * np.outer(scale, scale)

    def distance(angle: float) -> float:
        mix = np.hstack([np.cos(angle) * np.eye(k), -np.sin(angle) * np.eye(k)])
        gap = mix @ np.concatenate([one, other])
        return float(gap @ np.linalg.solve(mix @ joint @ mix.T, gap))

    grid = np.linspace(0, np.pi, 181)
    best = grid[int(np.argmin([distance(angle) for angle in grid]))]
    found = scipy.optimize.minimize_scalar(
        distance, bounds=(best - 0.02, best + 0.02), method="bounded", options={"xatol": 1e-10}
    )
    length = np.linalg.norm(weights) * np.linalg.norm(others)
    likeness = float(weights @ others / length) if length > 0 else float("nan")
    return Proportion(float(found.fun), float(scipy.stats.chi2.sf(found.fun, k - 1)), likeness)
