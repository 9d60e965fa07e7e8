"""How well a score ranks: AUC, Gini, KS, lift and calibration, as a credit score is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import expit

from analysis.models.covariance import cluster_sums

TOP = 0.10
"""The share of rows with the highest scores whose outcome is compared with that of all."""

BLOCK = 5_000_000
"""Weights that are held at once."""

CACHED = 1 << 18
"""Weights of which curves are made at once."""


@dataclass(frozen=True, eq=False)
class Auc:
    """The chance that a row with the outcome has a higher score than one without, ties counted
    half.

    Attributes
    ----------
    value, std_error : float
    influence : ndarray, shape (n,)
        Each row's part of ``value - truth``; the difference of two scores' influences gives their
        paired comparison.
    """

    value: float
    std_error: float
    influence: np.ndarray


def auc(score: np.ndarray, happened: np.ndarray, clusters: np.ndarray | None = None) -> Auc:
    """Return the area under the ROC curve with the standard error of DeLong, DeLong and
    Clarke-Pearson.

    Parameters
    ----------
    score : ndarray, shape (n,)
    happened : ndarray of bool, shape (n,)
        At least two rows of each kind.
    clusters : ndarray of int, shape (n,), optional
        Codes 0 .. G-1: rows of one cluster are summed first (Obuchowski 1997, doi:10.2307/2533958).

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson (1988), doi:10.2307/2531595. Placements come from ranks, in n
    log n.
    """
    n1, n0 = int(happened.sum()), int((~happened).sum())
    whole, inner = scipy.stats.rankdata(score), np.empty(len(score))
    inner[happened], inner[~happened] = (
        scipy.stats.rankdata(score[happened]),
        scipy.stats.rankdata(score[~happened]),
    )
    placed = (whole - inner) / np.where(happened, n0, n1)
    placed = np.where(happened, placed, 1 - placed)
    value = float(placed[happened].mean())
    # Divisors one smaller, as DeLong's, so that two rows of a kind still have a variance.
    influence = np.where(
        happened,
        (placed - value) / np.sqrt(n1 * (n1 - 1)),
        (placed - value) / np.sqrt(n0 * (n0 - 1)),
    )
    return Auc(value, spread(influence, clusters), influence)


def spread(influence: np.ndarray, clusters: np.ndarray | None) -> float:
    """Return the standard error of a sum of influences, summed within clusters first."""
    if clusters is None:
        return float(np.sqrt(influence @ influence))
    sums = cluster_sums(influence[:, None], clusters)[:, 0]
    return float(np.sqrt(sums @ sums * len(sums) / (len(sums) - 1)))


# --- what is a function of the rows' weights in the order of the score ----------------------------


@dataclass(frozen=True, eq=False)
class Ranking:
    """The rows in the order of the score, tied ones together.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
    ends : ndarray of int, shape (m,)
        Position of the last row of each of the m different scores.
    outcome : ndarray, shape (n,)
        In that order, not negative.
    """

    order: np.ndarray
    ends: np.ndarray
    outcome: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, outcome: np.ndarray) -> Ranking:
        order = np.argsort(score, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(score[order]) > 0, True))
        return cls(order, ends, outcome[order])

    def curves(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares of rows and of outcome up to each different score, shape (draws, m)
        each.

        Parameters
        ----------
        weights : ndarray, shape (draws, n)
            Of the rows in their own order.
        """
        rows = weights[:, self.order]
        money = rows * self.outcome
        if len(self.ends) < len(self.order):  # tied rows are added up first
            starts = np.append(0, self.ends[:-1] + 1)
            rows, money = (np.add.reduceat(part, starts, axis=1) for part in (rows, money))
        np.cumsum(rows, axis=1, out=rows)
        np.cumsum(money, axis=1, out=money)
        whole = money[
            :, -1:
        ]  # NaN where a draw holds no outcome above zero: there is nothing to share
        return rows / rows[:, -1:], money / np.where(whole > 0, whole, np.nan)


def concentration(rows: np.ndarray, money: np.ndarray) -> np.ndarray:
    """Return 1 - 2 x the area under the ordered Lorenz curve, shape (draws,)."""
    first = rows[:, 0] * money[:, 0]
    return 1 - first - ((money[:, 1:] + money[:, :-1]) * np.diff(rows, axis=1)).sum(axis=1)


def gini(by_score: Ranking, by_outcome: Ranking, weights: np.ndarray) -> np.ndarray:
    """Return the ordered Gini: what ordering by score concentrates, relative to ordering by the
    outcome itself.

    Between -1 and 1; for a binary outcome it is 2 AUC - 1.

    Notes
    -----
    Frees, Meyers & Cummings (2014), Journal of Risk and Insurance 81, 335-366, with equal premiums.
    """
    return relative(
        concentration(*by_score.curves(weights)), concentration(*by_outcome.curves(weights))
    )


def relative(found: np.ndarray, perfect: np.ndarray) -> np.ndarray:
    """Return a concentration relative to the largest there could be; NaN where there is none."""
    return found / np.where(perfect > 0, perfect, np.nan)


def kolmogorov_smirnov(ranking: Ranking, weights: np.ndarray) -> np.ndarray:
    """Return the largest distance between the score's distributions with and without a binary
    outcome.
    """
    rows, money = ranking.curves(weights)
    share = (weights[:, ranking.order] * ranking.outcome).sum(axis=1) / weights.sum(axis=1)
    share = np.clip(share, 1e-12, 1 - 1e-12)[:, None]
    return np.abs(money - (rows - share * money) / (1 - share)).max(axis=1)


def lift(ranking: Ranking, weights: np.ndarray, top: float = TOP) -> np.ndarray:
    """Return the mean outcome of the rows with the highest scores over that of all; within ties, by
    interpolation.
    """
    return lift_of(*ranking.curves(weights), top)


def lift_of(rows: np.ndarray, money: np.ndarray, top: float = TOP) -> np.ndarray:
    """Return the lift of curves that are known."""
    below = np.array(
        [
            np.interp(1 - top, np.append(0, r), np.append(0, m))
            for r, m in zip(rows, money, strict=True)
        ]
    )
    return (1 - below) / top


def resampled_weights(
    n: int, replicates: int, rng: np.random.Generator, clusters: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield blocks of how often each row (or its cluster) is drawn, shape (draws, n), `replicates`
    draws in all.
    """
    units = n if clusters is None else int(clusters.max()) + 1
    at_once = max(1, BLOCK // n)
    for start in range(0, replicates, at_once):
        draws = min(at_once, replicates - start)
        drawn = rng.integers(0, units, size=(draws, units)) + units * np.arange(draws)[:, None]
        counts = (
            np.bincount(drawn.ravel(), minlength=draws * units).reshape(draws, units).astype(float)
        )
        yield counts if clusters is None else counts[:, clusters]


def in_cache(weights: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a few draws at a time, whose curves stay in the cache."""
    draws = max(1, CACHED // weights.shape[1])
    for start in range(0, len(weights), draws):
        yield weights[start : start + draws]


# --- calibration ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibration:
    """A logit of the outcome on its own cross-fitted log odds: intercept 0 and slope 1 when it is
    calibrated.
    """

    intercept: float
    slope: float
    std_errors: tuple[float, float]


def calibration(score: np.ndarray, happened: np.ndarray, folds: np.ndarray) -> Calibration:
    """Return the calibration of a logit on the score, predicted in folds on which it was not
    fitted.

    Parameters
    ----------
    score : ndarray, shape (n,)
    happened : ndarray of bool, shape (n,)
    folds : ndarray of int, shape (n,)

    Notes
    -----
    Cox (1958), doi:10.1093/biomet/45.3-4.562: logistic recalibration. Standard errors are HC0.
    """
    scaled = (score - score.mean()) / score.std()
    odds = np.empty(len(score))
    for fold in np.unique(folds):
        train = folds != fold
        odds[~train] = _line(scaled[train], happened[train])[0] @ np.stack(
            [np.ones((~train).sum()), scaled[~train]]
        )
    params, cov = _line(odds, happened)
    return Calibration(
        float(params[0]), float(params[1]), (float(np.sqrt(cov[0, 0])), float(np.sqrt(cov[1, 1])))
    )


def _line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a logit of y on an intercept and x by Newton's method, with its HC0 covariance."""
    design, params = np.column_stack([np.ones(len(x)), x]), np.zeros(2)
    for _ in range(50):
        p = expit(design @ params)
        information = design.T @ (design * (p * (1 - p) + 1e-12)[:, None])
        step = np.linalg.solve(information, design.T @ (y - p))
        params = params + step
        if np.abs(step).max() < 1e-10:
            break
    scores = design * (y - expit(design @ params))[:, None]
    bread = np.linalg.inv(information)
    return params, bread @ (scores.T @ scores) @ bread
