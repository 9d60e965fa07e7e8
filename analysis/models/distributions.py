"""Tail probabilities and quantiles of the reference distributions, for those who cannot wait for
scipy.stats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def normal_sf(x: ArrayLike) -> np.ndarray:
    """Return P(Z > x) of the standard normal."""
    from scipy.special import ndtr

    return ndtr(-np.asarray(x, dtype=float))


def normal_isf(tail: ArrayLike) -> np.ndarray:
    """Return the x with P(Z > x) = tail."""
    from scipy.special import ndtri

    return -ndtri(tail)


def t_sf(x: ArrayLike, df: ArrayLike) -> np.ndarray:
    """Return P(T > x) of Student's t with `df` degrees of freedom."""
    from scipy.special import stdtr

    return stdtr(df, -np.asarray(x, dtype=float))


def t_isf(tail: ArrayLike, df: ArrayLike) -> np.ndarray:
    """Return the x with P(T > x) = tail."""
    from scipy.special import stdtrit

    return -stdtrit(df, tail)


def chi2_sf(x: ArrayLike, df: ArrayLike) -> np.ndarray:
    """Return P(X > x) of the chi-square with `df` degrees of freedom."""
    from scipy.special import chdtrc

    return chdtrc(df, x)


def f_sf(x: ArrayLike, above: ArrayLike, below: ArrayLike) -> np.ndarray:
    """Return P(F > x) of the F distribution with `above` and `below` degrees of freedom."""
    from scipy.special import fdtrc

    return fdtrc(above, below, x)
