"""Tails and quantiles without waiting for scipy.stats, and power before a study is run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike


def normal_sf(x: ArrayLike) -> np.ndarray:
    """Return P(Z > x) of the standard normal."""
    return scipy.special.ndtr(-np.asarray(x, dtype=float))


def normal_isf(tail: ArrayLike) -> np.ndarray:
    """Return the x with P(Z > x) = tail."""
    return -scipy.special.ndtri(tail)


def t_sf(x: ArrayLike, df: ArrayLike) -> np.ndarray:
    """Return P(T > x) of Student's t with `df` degrees of freedom."""
    return scipy.special.stdtr(df, -np.asarray(x, dtype=float))


def t_isf(tail: ArrayLike, df: ArrayLike) -> np.ndarray:
    """Return the x with P(T > x) = tail."""
    return -scipy.special.stdtrit(df, tail)


def chi2_sf(x: ArrayLike, df: ArrayLike) -> np.ndarray:
    """Return P(X > x) of the chi-square with `df` degrees of freedom."""
    return scipy.special.chdtrc(df, x)


def f_sf(x: ArrayLike, above: ArrayLike, below: ArrayLike) -> np.ndarray:
    """Return P(F > x) of the F distribution with `above` and `below` degrees of freedom."""
    return scipy.special.fdtrc(above, below, x)


def gamma_sf(x: ArrayLike, shape: ArrayLike) -> np.ndarray:
    """Return P(X > x) of the Gamma distribution of scale one."""
    return scipy.special.gammaincc(shape, np.maximum(x, 0.0))


def critical_value(level: float, df: float | None = None) -> float:
    """Return the quantile by which a two-sided interval multiplies the standard error."""
    tail = (1 - level) / 2
    return float(normal_isf(tail) if df is None else t_isf(tail, df))


# --- power ----------------------------------------------------------------------------------------


FEWEST_DF = 2.0
"""With fewer degrees of freedom a critical value may be of any size, and the noncentral t is not
worked out so far out: the error is taken as known."""


def power_to_detect(
    effect: float, std_error: float, *, level: float = 0.95, df: float | None = None
) -> float:
    """Return the probability that the interval of this level excludes zero."""
    critical, shift = critical_value(level, df), effect / std_error
    if df is None or df < FEWEST_DF:
        return float(normal_sf(critical - shift) + normal_sf(critical + shift))
    return float(scipy.stats.nct.sf(critical, df, shift) + scipy.stats.nct.sf(critical, df, -shift))


def detectable_effect(
    std_error: float, *, level: float = 0.95, power: float = 0.8, df: float | None = None
) -> float:
    """Return the effect whose interval of this level excludes zero with probability `power`.

    Examples
    --------
    >>> round(detectable_effect(1.0), 2)
    2.8
    """
    from scipy.optimize import brentq

    def gap(effect: float) -> float:
        return power_to_detect(effect, std_error, level=level, df=df) - power

    return float(
        brentq(gap, 0.0, 20 * std_error * critical_value(level, df), xtol=1e-12 * std_error)
    )


def power_nothing(
    std_error: float,
    band: tuple[float, float],
    *,
    effect: float = 0.0,
    level: float = 0.95,
    df: float | None = None,
) -> float:
    """Return the probability that the equivalence test's interval (2 level - 1) is inside the band.

    Parameters
    ----------
    std_error : float
    band : (float, float)
    effect : float
        The truth; zero for a score that adds nothing.

    Notes
    -----
    With a t reference the estimate's standard error is taken as known, which for df above 30
    changes the third digit.
    """
    critical = critical_value(2 * level - 1, df)
    low, high = (band[0] - effect) / std_error + critical, (band[1] - effect) / std_error - critical
    return float(max(normal_sf(low) - normal_sf(high), 0.0))


@dataclass(frozen=True)
class SampleSize:
    """Rows needed to detect an increment, and to conclude that it is too small to matter."""

    detect: int
    equivalence: int


def rows_needed(
    delta_r2: float, r2_full: float, *, level: float = 0.95, power: float = 0.8, predictors: int = 2
) -> SampleSize:
    """Return the rows needed for a gain of `delta_r2` in a least-squares model with `r2_full`.

    Parameters
    ----------
    predictors : int
        Columns of the full model beside the intercept.

    Notes
    -----
    ``f^2 = delta / (1 - R2)``: about 7.85 / f^2 rows to detect and 8.56 / f^2 for the two one-sided
    tests at 5 % and 80 %, the score's slope tested.
    """
    ratio = delta_r2 / (1 - r2_full)

    def detects(n: float) -> float:
        df = n - predictors - 1
        return scipy.stats.ncf.sf(scipy.stats.f.isf(1 - level, 1, df), 1, df, n * ratio) - power

    largest = 1000 + 100 / ratio
    detect = scipy.optimize.brentq(detects, predictors + 3, largest)
    quantile = normal_isf((1 - power) / 2) + normal_isf(1 - level)
    return SampleSize(math.ceil(detect), math.ceil(quantile**2 / ratio))


def score_error(n: int, *, r2_full: float, r2_score: float, sd_outcome: float = 1.0) -> float:
    """Return the standard error of a score's slope, per standard deviation, before any data exist.

    Parameters
    ----------
    r2_full : float
        Share of the outcome's variance that the full model explains.
    r2_score : float
        Share of the score's variance that engagement and controls explain: at .94 the error is 4.1
        times what it would be without them.
    """
    return sd_outcome * math.sqrt((1 - r2_full) / ((1 - r2_score) * n))
