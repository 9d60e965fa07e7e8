"""Negative binomial regression of counts, whole or given that they are positive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy
from scipy.special import digamma, gammaln, polygamma

from analysis.errors import DesignError, Fault
from analysis.models.covariance import LEVERED, hat_diagonal, jackknife, sandwich
from analysis.models.design import Design
from analysis.models.fit import CountFit
from analysis.models.solver import newton

LARGEST_LOG_DISPERSION = 6.0
"""Beyond it the counts given that they are positive hardly depend on their mean any more."""


def fit_nb2(design: Design, *, covariance: str = "HC1", truncated: bool = False) -> CountFit:
    """Fit counts with mean ``exp(X b + offset)`` and variance ``mean + alpha mean**2``.

    Parameters
    ----------
    design : Design
        The response is a whole number of zero or more; with `truncated`, of one or more.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}
        The bread is the observed information of coefficients and log(alpha); k in HC1 and CRV1
        counts alpha. HC2 and HC3 use the leverages of the coefficients, weighted by the observed
        information.
    truncated : bool
        Use the distribution given that the count is positive; `mu` stays the mean before the
        truncation.

    Raises
    ------
    DesignError
        Counts that are not whole numbers, and no finite estimate.

    Notes
    -----
    Cameron & Trivedi (1986), doi:10.1002/jae.3950010104. The coefficients of the whole distribution
    are consistent for an exponential mean whatever the variance (Gourieroux, Monfort & Trognon
    1984, doi:10.2307/1913471, for a given alpha); those of the truncated one need the distribution.
    Where the derivative of the likelihood by alpha is not positive at alpha = 0, the estimate is
    the Poisson one.
    """
    counts = design.response
    if (counts != np.round(counts)).any():
        fault = Fault(
            "negative binomial regression", "outcomes that are not whole numbers", "counts"
        )
        raise DesignError("the model", [fault])
    basis, triangle = design.basis
    found = _solve(counts, basis, design.offset, truncated)
    k = design.k
    eta, theta = basis @ found[:k] + _shift(design), found[k] if len(found) > k else None
    rows = _derivatives(counts, eta, theta, truncated)
    scores, bread = _scores(rows, basis), np.linalg.inv(_information(rows, basis))
    if covariance == "CRV3":
        cov = jackknife(
            lambda stay: _refit(design, basis, stay, truncated, found), found, design.clusters
        )
    else:
        leverage = hat_diagonal(basis, -rows[1]) if covariance in LEVERED else None
        cov = sandwich(bread, scores, covariance, leverage=leverage, clusters=design.clusters)
    back = np.eye(len(found))
    back[:k, :k] = np.linalg.inv(triangle)
    cov = back @ cov @ back.T
    return CountFit(
        design=design,
        model="nb2",
        params=back[:k, :k] @ found[:k],
        cov=cov[:k, :k],
        every_cov=cov,
        truncated=truncated,
        covariance=covariance,
        fitted=np.exp(eta),
        residuals=rows[0],
        weights=-rows[1],
        deviance=float("nan"),
        null_deviance=float("nan"),
        note="" if theta is not None else "no more variance than Poisson: alpha = 0",
        dispersion=0.0 if theta is None else float(np.exp(theta)),
        every_param=back @ found,
        scores=scores @ np.linalg.inv(back),
        bread=back @ bread @ back.T,
    )


def log_likelihood(
    counts: np.ndarray, mean: np.ndarray, dispersion: float, *, truncated: bool = False
) -> np.ndarray:
    """Return each row's log probability of its count, shape (n,).

    Parameters
    ----------
    counts, mean : ndarray, shape (n,)
        The mean before any truncation.
    dispersion : float
        alpha; 0 for Poisson.
    truncated : bool
        Given that the count is positive.

    Examples
    --------
    >>> p = np.exp(log_likelihood(np.arange(1.0, 200.0), np.full(199, 2.0), 0.5, truncated=True))
    >>> round(float(p.sum()), 6)
    1.0
    """
    if dispersion == 0:
        value, none = counts * np.log(mean) - mean - _of_each(gammaln, counts, 1.0), -mean
    else:
        r = 1 / dispersion
        none = -r * np.log1p(mean / r)
        value = (
            _of_each(gammaln, counts, r)
            - gammaln(r)
            - _of_each(gammaln, counts, 1.0)
            + none
            + counts * np.log(mean / (r + mean))
        )
    return value - np.log(-np.expm1(none)) if truncated else value


def _of_each(
    function: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, r: float
) -> np.ndarray:
    """Return ``function(counts + r)``, computed once for equal counts."""
    values, at = np.unique(counts, return_inverse=True)
    return function(values + r)[at]


def _derivatives(
    counts: np.ndarray, eta: np.ndarray, theta: float | None, truncated: bool
) -> np.ndarray:
    """Return derivatives of each row's log likelihood by eta = log(mean) and theta = log(alpha).

    Shape (2, n) without theta: the first and the second by eta. Else (5, n): then the first by
    theta, the mixed one, and the second by theta.
    """
    mean, r = np.exp(eta), None if theta is None else np.exp(-theta)
    whole = _of_whole(counts, mean, r)
    if not truncated:
        return whole
    none = _of_whole(np.zeros(1), mean, r)  # of log P(0); -log(1 - P(0)) is added
    odds = 1 / np.expm1(mean if r is None else r * np.log1p(mean / r))
    curved = np.zeros_like(none)
    curved[1] = none[0] ** 2
    if r is not None:
        curved[3:] = none[2] * none[[0, 2]]
    return whole + odds * (none + (1 + odds) * curved)


def _of_whole(counts: np.ndarray, mean: np.ndarray, r: float | None) -> np.ndarray:
    """Return the derivatives of the whole distribution, for counts of shape (n,) or (1,)."""
    left = counts - mean
    if r is None:
        return np.array([left, -mean])
    s = r + mean
    by_r = _of_each(digamma, counts, r) - digamma(r) - np.log1p(mean / r) - left / s
    r_r = _of_each(partial(polygamma, 1), counts, r) - polygamma(1, r) + 1 / r - 1 / s + left / s**2
    return np.array(
        [
            left * r / s,
            -mean * r * (r + counts) / s**2,
            -r * by_r,
            -r * left * mean / s**2,
            r**2 * r_r + r * by_r,
        ]
    )


def _scores(rows: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return np.column_stack([basis * rows[0][:, None], *rows[2:3]])


def _information(rows: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return minus the second derivative of the log likelihood."""
    square = -basis.T @ (basis * rows[1][:, None])
    if len(rows) == 2:
        return square
    cross = -basis.T @ rows[3]
    return np.block([[square, cross[:, None]], [cross[None, :], -rows[4].sum()]])


def _shift(design: Design) -> np.ndarray:
    return np.zeros(design.n) if design.offset is None else design.offset


def _solve(
    counts: np.ndarray, basis: np.ndarray, offset: np.ndarray | None, truncated: bool
) -> np.ndarray:
    """Return the coefficients on the basis, then log(alpha) unless alpha is zero."""
    shift = np.zeros(len(counts)) if offset is None else offset
    start = np.zeros(basis.shape[1])
    start[0] = np.log(counts.mean() / np.exp(shift).mean()) / basis[0, 0]
    poisson = _maximum(counts, basis, shift, truncated, start)
    mean = np.exp(basis @ poisson + shift)
    excess = (counts - mean) ** 2 - counts
    if (
        truncated
    ):  # the derivative of -log(1 - P(0)) by alpha at zero is mean**2 / 2 times the odds of none
        excess = excess + mean**2 / np.expm1(mean)
    if excess.sum() <= 0:
        return poisson
    alpha = np.clip(excess.sum() / (mean**2).sum(), 0.05, 20.0)
    return _maximum(counts, basis, shift, truncated, np.append(poisson, np.log(alpha)))


def _maximum(
    counts: np.ndarray, basis: np.ndarray, shift: np.ndarray, truncated: bool, start: np.ndarray
) -> np.ndarray:
    """Maximise the likelihood over the coefficients, and over log(alpha) where `start` has it."""
    k, n = basis.shape[1], len(counts)
    spread = len(start) > k

    def parts(params: np.ndarray) -> tuple[np.ndarray, float | None]:
        at = np.clip(basis @ params[:k] + shift, -500.0, 200.0)
        return at, float(params[k]) if spread else None

    def loss(params: np.ndarray) -> float:
        eta, theta = parts(params)
        alpha = 0.0 if theta is None else float(np.exp(theta))
        return -float(log_likelihood(counts, np.exp(eta), alpha, truncated=truncated).sum()) / n

    def equations(params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = _derivatives(counts, *parts(params), truncated)
        return _scores(rows, basis).sum(axis=0) / n, _information(rows, basis) / n

    with np.errstate(all="ignore"):
        try:
            last = newton(
                lambda params: (loss(params), *equations(params)),
                start,
                steps=50,
                small=1e-9,
                slack=1e-12,
                condition=1,
                condition_of=_hollow,
            )
            found = last.params
            if not last.moved <= 1e-9:
                found = scipy.optimize.minimize(
                    loss,
                    start,
                    jac=lambda params: -equations(params)[0],
                    hess=lambda params: equations(params)[1],
                    method="trust-exact",
                    options={"gtol": 1e-8, "maxiter": 200},
                ).x
                score, information = equations(found)
                found = found + np.linalg.solve(information, score)
            score, information = equations(found)
            condition, left = np.linalg.cond(information), np.abs(score).max()
        except (ValueError, np.linalg.LinAlgError):
            condition, left = np.inf, np.inf
    if not (condition < 1e12 and left < 1e-6) or (spread and found[k] > LARGEST_LOG_DISPERSION):
        what = "the positive counts" if truncated else "the counts"
        text = f"no finite estimate of a negative binomial distribution of {what}"
        fewer, both = "more positive counts, or fewer columns", "columns with counts on both sides"
        allowed = fewer if truncated else both
        raise DesignError("the model", [Fault("negative binomial regression", text, allowed)])
    return found


def _hollow(curvature: np.ndarray) -> float:
    """Return 0 where a minimum lies ahead, infinity where the likelihood bends the other way."""
    finite = np.isfinite(curvature).all()
    return 0.0 if finite and np.linalg.eigvalsh(curvature)[0] > 0 else np.inf


def _refit(
    design: Design, basis: np.ndarray, stay: np.ndarray, truncated: bool, full: np.ndarray
) -> np.ndarray:
    """Return the estimate without some rows, with alpha where the full one has it."""
    rest = design.take(stay)
    try:
        return _maximum(rest.response, basis[stay], _shift(rest), truncated, full)
    except DesignError:
        again = _solve(rest.response, basis[stay], rest.offset, truncated)
        return np.append(again, full[-1])[: len(full)]
