"""Too small to matter: two one-sided tests, test and bound of the gain in R2, Bayes factors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from analysis.models.design import Design
from analysis.models.distributions import normal_sf, t_sf

BLOCK = 1024
"""Replicates per child of the random generator."""

BLOCKS_OF_ROWS = 5000
"""More rows than this are drawn in random blocks, as many as this: their sums are all that a sample
needs.
"""

PRIOR_SCALE = math.sqrt(2) / 4
"""Of the Cauchy prior on standardised slopes ("medium" in Rouder & Morey)."""

EXACT = 1e-12
"""Share of the outcome that a model leaves and rounding may have left."""


@dataclass(frozen=True)
class Tost:
    """Two one-sided tests of the null hypothesis that the effect lies outside (low, high).

    Attributes
    ----------
    p_low, p_high : float
        Of "the effect is at or below `low`", and of "at or above `high`".
    """

    null = "the effect lies outside the band"
    p_low: float
    p_high: float

    @property
    def p_value(self) -> float:
        return max(self.p_low, self.p_high)


def tost(
    estimate: float, std_error: float, band: tuple[float, float], df: float | None = None
) -> Tost:
    """Return the two one-sided tests of a coefficient against a band.

    Parameters
    ----------
    estimate, std_error : float
    band : (float, float)
        Smallest effect of interest, below and above.
    df : float, optional
        Of the t reference; the normal where there is none.

    Notes
    -----
    Schuirmann (1987), doi:10.1007/BF01068419. p < 1 - level exactly when the interval of level 2
    level - 1 lies inside the band.

    Examples
    --------
    >>> round(tost(0.0, 0.02, (-0.05, 0.05)).p_value, 4)
    0.0062
    """
    sf = normal_sf if df is None else (lambda value: t_sf(value, df))
    return Tost(
        float(sf((estimate - band[0]) / std_error)), float(sf((band[1] - estimate) / std_error))
    )


def delta_r2_p_value(
    n: int, predictors: int, r2_full: float, delta_r2: float, bound: float
) -> float:
    """Return the p-value of "the score adds `bound` or more to R2" by least squares.

    Parameters
    ----------
    n : int
    predictors : int
        Columns of the full model beside the intercept.
    r2_full, delta_r2 : float
    bound : float
        Smallest gain of interest, above 0.

    Notes
    -----
    ``P[F'(1, n - k - 1; n bound / (1 - R2)) <= F]``, the noncentral F with R2 plugged in: after
    Campbell & Lakens (2021), doi:10.1111/bmsp.12201. Errors as in classical regression: neither
    robust nor clustered.
    """
    if 1 - r2_full < EXACT:  # without noise the gain is what it is
        return float(delta_r2 >= bound)
    df = n - predictors - 1
    statistic = delta_r2 / ((1 - r2_full) / df)
    if statistic <= 0:
        return 0.0
    return float(scipy.special.ncfdtr(1, df, n * bound / (1 - r2_full), statistic))


def delta_r2_bound(
    design: Design,
    *,
    level: float = 0.95,
    replicates: int = 1999,
    rng: np.random.Generator | None = None,
) -> float:
    """Return the bootstrap upper bound of what the score adds to R2, one-sided.

    Parameters
    ----------
    design : Design
        Its score columns are those that add.
    level : float
        One-sided.

    Notes
    -----
    Percentile bound of the gain in adjusted R2: the gain itself is never negative, and biased
    upwards.
    """
    joined = _joined(design)
    rng = np.random.default_rng(20121105) if rng is None else rng
    codes = design.clusters
    if codes is None:
        codes = (
            np.arange(design.n)
            if design.n <= BLOCKS_OF_ROWS
            else rng.permutation(design.n) % BLOCKS_OF_ROWS
        )
    products = [[np.bincount(codes, left * right) for right in joined.T] for left in joined.T]
    sums = np.array(products).reshape(joined.shape[1] ** 2, -1).T
    rows = np.bincount(codes).astype(float)
    gains = []
    for child in rng.spawn(-(-replicates // BLOCK)):
        size = min(BLOCK, replicates - len(gains))
        drawn = [child.integers(len(rows), size=len(rows)) for _ in range(size)]
        times = np.array([np.bincount(draw, minlength=len(rows)) for draw in drawn], dtype=float)
        gains += _adjusted_gains(times @ sums, times @ rows, design).tolist()
    return float(np.quantile(gains, level))


def _adjusted_gains(sums: np.ndarray, n: np.ndarray, design: Design) -> np.ndarray:
    """Return the gain in adjusted R2 in each bootstrap sample, from sums of products."""
    k, scores = design.k, design.blocks.count("score")
    moments = sums.reshape(-1, k + 1, k + 1)
    total = moments[:, -1, -1] - moments[:, 0, -1] ** 2 / moments[:, 0, 0]
    left = []
    for columns in (k - scores, k):
        inner, right = moments[:, :columns, :columns], moments[:, :columns, -1]
        slopes = _slopes(inner, right)
        left.append((moments[:, -1, -1] - (slopes * right).sum(axis=1)) / (n - columns))
    some = (
        total > 1e-12 * moments[:, -1, -1].max()
    )  # a draw of equal outcomes leaves nothing to explain
    return np.where(some, (left[0] - left[1]) * (n - 1) / np.where(some, total, 1.0), 0.0)


def _slopes(inner: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the least-squares slopes of each draw, the shortest where columns are dependent."""
    eigenvalues = np.linalg.eigvalsh(inner)
    if (eigenvalues[:, 0] > 1e-10 * eigenvalues[:, -1]).all():
        return np.linalg.solve(inner, right[..., None])[..., 0]
    return np.array(
        [np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(inner, right, strict=True)]
    )


def _joined(design: Design) -> np.ndarray:
    """Return the orthonormal basis and the centred outcome, side by side."""
    return np.column_stack([design.basis[0], design.response - design.response.mean()])


def delta_r2(design: Design) -> tuple[float, float]:
    """Return (R2 of the full model, what the score adds to it) by least squares."""
    joined = _joined(design)
    cross = joined[:, :-1].T @ joined[:, -1] / design.n
    total = float(joined[:, -1] @ joined[:, -1] / design.n)
    scores = design.blocks.count("score")
    return float(cross @ cross / total), float(cross[-scores:] @ cross[-scores:] / total)


def bic_factor(n: int, r2_without: float, r2_with: float, *, added: int = 1) -> float:
    """Return ``exp((BIC_without - BIC_with) / 2)`` for two nested least-squares models.

    Parameters
    ----------
    n : int
    r2_without, r2_with : float
        In [0, 1).
    added : int
        Columns that the larger model adds.

    Raises
    ------
    OverflowError
        Where the factor is beyond a float, as it is where the larger model fits exactly.

    Notes
    -----
    Wagenmakers (2007), doi:10.3758/BF03194105. Likelihoods of independent normal errors: not for
    quasi-likelihoods or clustered data.

    Examples
    --------
    >>> round(bic_factor(300, 0.30, 0.31), 2)
    0.5
    """
    if r2_with >= 1:
        raise OverflowError("the larger model fits exactly")
    return math.exp(
        0.5 * (n * (math.log1p(-r2_without) - math.log1p(-r2_with)) - added * math.log(n))
    )


def jzs_factor(
    n: int, predictors_without: int, r2_without: float, r2_with: float, *, added: int = 1
) -> float:
    """Return the JZS Bayes factor of the larger of two nested least-squares models.

    Parameters
    ----------
    n : int
    predictors_without : int
        Columns of the smaller model beside the intercept; 0 makes it the intercept alone.
    r2_without, r2_with : float
    added : int

    Notes
    -----
    The ratio of two factors against the intercept: Liang, Paulo, Molina, Clyde & Berger (2008),
    doi:10.1198/016214507000001337; Rouder & Morey (2012), doi:10.1080/00273171.2012.734737.
    """
    larger = log_factor(n, predictors_without + added, r2_with)
    return math.exp(larger - log_factor(n, predictors_without, r2_without))


def log_factor(n: int, predictors: int, r2: float) -> float:
    """Return the logarithm of the JZS factor of a model against the intercept alone.

    Raises
    ------
    OverflowError
        Where the model fits exactly: the integral has no end.

    Notes
    -----
    With s the prior scale,

        integral of (1 + g)^((n - p - 1) / 2) (1 + g (1 - R2))^(-(n - 1) / 2)
            s sqrt(n / 2) / Gamma(1 / 2) g^(-3 / 2) exp(-n s^2 / (2 g)) dg,

    over log g, around the integrand's peak.
    """
    if predictors == 0:
        return 0.0
    if r2 >= 1:
        raise OverflowError("the model fits exactly")
    constant = math.log(PRIOR_SCALE) + 0.5 * math.log(n / 2) - math.lgamma(0.5)

    def height(log_g: float) -> float:
        g = math.exp(log_g)
        fit = (n - predictors - 1) / 2 * math.log1p(g) - (n - 1) / 2 * math.log1p(g * (1 - r2))
        return constant + fit - 0.5 * log_g - n * PRIOR_SCALE**2 / (2 * g)

    peak = scipy.optimize.minimize_scalar(
        lambda x: -height(x), bounds=(-20.0, 60.0), method="bounded", options={"xatol": 1e-8}
    ).x
    top = height(peak)
    quad = scipy.integrate.quad
    pieces = [
        quad(
            lambda x: math.exp(height(x) - top),
            peak + a,
            peak + b,
            epsabs=0,
            epsrel=1e-10,
            limit=200,
        )[0]
        for a, b in ((-12, -3), (-3, 0), (0, 3), (3, 12), (12, 60))
    ]
    return top + math.log(sum(pieces))
