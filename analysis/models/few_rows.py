"""The degrees of freedom of a coefficient that few rows, or few clusters, carry."""

from __future__ import annotations

import numpy as np

RARE = 5.0
"""Kurtosis of the rows' weights in a coefficient above which few of them carry it: a normal score
has 3, an exponential one 9, a flag in one row of twenty 18."""

UNEQUAL = 3.5
"""Times that clusters outnumber those of equal weight, above which few of them carry a coefficient:
single normal rows have 3.
"""

ENOUGH = 50.0
"""Clusters of equal weight that are not few."""

FEW = 20.0
"""Rows of equal weight, whatever their kurtosis, that are few."""

LARGE = 30.0
"""From so many degrees of freedom on the ordinary reference holds: t(30) is 4 % wider than it."""

MANY = 500.0
"""Rows of equal weight beyond which their correlation through the other columns is no matter."""

SKEWNESS, UNSEEN = 2.0, 0.1
"""What a squared skewness of the sum takes off: that of the rows' parts as they are, and a tenth of
what the skewness of all residuals makes likely, since few rows do not show their own."""


def equal_rows(weights: np.ndarray) -> float:
    """Return how many rows of equal weight count like these: ``(sum c**2)**2 / sum c**4``."""
    squares = weights**2
    return float(squares.sum() ** 2 / (squares @ squares))


def few_carry(weights: np.ndarray) -> bool:
    """Return whether rows of these weights in a coefficient are few, or few of them carry it."""
    rows = equal_rows(weights)
    return rows < FEW or len(weights) > RARE * rows


def few_rows_df(
    weights: np.ndarray, residuals: np.ndarray, basis: np.ndarray, leverage: np.ndarray
) -> float | None:
    """Return the degrees of freedom of a coefficient with HC3 errors; None where they are enough.

    Parameters
    ----------
    weights : ndarray, shape (n,)
        Of each row's standardised residual in the coefficient.
    residuals : ndarray, shape (n,)
        Of variance one under the model, but for a factor.
    basis : ndarray, shape (n, k)
        Orthonormal columns under the model's weights: the hat matrix is ``Q Q'``.
    leverage : ndarray, shape (n,)
        Its diagonal.

    Notes
    -----
    Bell & McCaffrey's (2002, Survey Methodology 28, 169-181) Satterthwaite approximation, with the
    weights of HC3: with a_i = c_i^2 / (1 - h_i)^2 and M = I - Q Q',

        d = (sum_i a_i M_ii)^2 / sum_ij a_i a_j M_ij^2.

    It presumes residuals without skew. A sum of skewed parts has a skewed t, which by Edgeworth's
    expansion (Hall 1992, *The Bootstrap and Edgeworth Expansion*, section 2.6) is missed in
    proportion to the squared skewness s^2 of the sum: ``1 / df = 1 / d + 2 s^2``, s^2 the larger of
    the parts' own and a tenth of what the skewness of all residuals makes of these weights. The
    factors were chosen by simulation (benchmarks/small_samples.py): without them a true null is
    rejected in .07 to .14 of samples where a score is one in a rare row and residuals are
    exponential or lognormal, with them in .062 at most. With one degree of freedom or fewer the
    interval is so wide that it says nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> flag = np.arange(1000) < 10
    >>> basis = np.column_stack([~flag / np.sqrt(990), flag / np.sqrt(10)])
    >>> leverage = (basis**2).sum(axis=1)
    >>> weights = flag / 10 - ~flag / 990
    >>> round(few_rows_df(weights, rng.normal(size=1000) * np.sqrt(1 - leverage), basis, leverage))
    9
    """
    if not few_carry(weights):
        return None
    left = 1 - leverage
    shares = (weights / left) ** 2
    top = float((shares * left).sum()) ** 2
    if equal_rows(weights) < MANY:
        cross = (basis * shares[:, None]).T @ basis
        apart = float((shares**2) @ (left**2 - leverage**2)) + float((cross**2).sum())
    else:
        apart = float((shares**2) @ left**2)
    lost = apart / top + SKEWNESS * _squared_skewness(weights, residuals, left)
    return 1 / lost if lost > 1 / LARGE else None


def few_clusters_df(weights: np.ndarray, clusters: np.ndarray) -> float | None:
    """Return the degrees of freedom of a coefficient with CRV3; None where they are G - 1.

    Parameters
    ----------
    weights : ndarray, shape (n,)
        Of each row's standardised residual in the coefficient.
    clusters : ndarray of int, shape (n,)

    Notes
    -----
    G* - 1 with ``G* = (sum g)**2 / sum g**2`` and g the sum of a cluster's squared weights: Carter,
    Schnepel & Steigerwald (2017), doi:10.1162/REST_a_00639, for independent errors. With a score
    that is one in 2, 3 or 5 of 60 clusters a true null is rejected in .13, .10 and .09 of samples
    of a logit by CRV3 and t(G - 1), in .00, .01 and .03 by t(G* - 1); with 70 clusters of lognormal
    sizes in .068 and .055 (400 draws; in .075 and .050 of a Poisson model).

    Examples
    --------
    >>> clusters = np.repeat(np.arange(60), 10)
    >>> few_clusters_df((clusters < 4) + 0.0, clusters)
    3.0
    """
    shares = np.bincount(clusters, weights**2)
    equal = float(shares.sum() ** 2 / (shares @ shares))
    few = equal < ENOUGH and len(shares) > UNEQUAL * equal
    return max(equal - 1, 0.5) if few else None


def _squared_skewness(weights: np.ndarray, residuals: np.ndarray, left: np.ndarray) -> float:
    """Return the larger of what the rows' parts show and what all residuals make likely."""
    parts = weights * residuals / left
    seen = _skewness(parts)
    spread = np.mean(residuals**2) ** 1.5
    likely = float(np.mean(residuals**3) / spread * _skewness(weights))
    return max(seen**2, UNSEEN * likely**2)


def _skewness(parts: np.ndarray) -> float:
    """Return the skewness of a sum of independent parts, from their squares and cubes."""
    squares = float(parts @ parts)
    return float((parts**3).sum() / squares**1.5) if squares > 0 else 0.0
