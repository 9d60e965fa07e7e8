"""Bayes factors in favour of the score, as a second opinion: from BIC, and with the JZS prior."""

from __future__ import annotations

import math

import scipy

PRIOR_SCALE = math.sqrt(2) / 4
"""Of the Cauchy prior on standardised slopes ("medium" in Rouder & Morey)."""


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
