"""How well a score ranks: AUC, Gini, lift and calibration, as a credit score is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.models import fit_model
from analysis.models.covariance import standard_error
from analysis.models.design import Design
from analysis.models.fit import Fit

TOP = 0.10
"""The share of rows with the highest scores whose outcome is compared with that of all."""

BLOCK = 5_000_000
"""Weights that are held at once."""

CACHED = 1 << 18
"""Weights of which curves are made at once."""


@dataclass(frozen=True, eq=False)
class Auc:
    """Area under the ROC curve: how often a row with the outcome has the higher score.

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
    """Return the area under the ROC curve with DeLong's standard error.

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
    from scipy.stats import rankdata

    n1, n0 = int(happened.sum()), int((~happened).sum())
    ranks, within = rankdata(score), np.empty(len(score))
    for kind in (happened, ~happened):
        within[kind] = rankdata(score[kind])
    placed = (ranks - within) / np.where(happened, n0, n1)
    placed = np.where(happened, placed, 1 - placed)
    value = float(placed[happened].mean())
    # Divisors one smaller, as DeLong's, so that two rows of a kind still have a variance.
    size = np.where(happened, n1 * (n1 - 1), n0 * (n0 - 1))
    influence = (placed - value) / np.sqrt(size)
    return Auc(value, standard_error(influence, clusters), influence)


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
        """Return the shares of rows and of outcome up to each score, shape (draws, m) each.

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


def relative(concentrated: np.ndarray, perfect: np.ndarray) -> np.ndarray:
    """Return the ordered Gini: a concentration relative to that of ordering by the outcome itself.

    Between -1 and 1; for a binary outcome it is 2 AUC - 1. NaN where there is nothing to order.

    Notes
    -----
    Frees, Meyers & Cummings (2014), Journal of Risk and Insurance 81, 335-366, with equal premiums.
    """
    return concentrated / np.where(perfect > 0, perfect, np.nan)


def lift(rows: np.ndarray, money: np.ndarray, top: float = TOP) -> np.ndarray:
    """Return the mean outcome of the top rows over that of all, ties interpolated."""
    below = [
        np.interp(1 - top, np.append(0, r), np.append(0, m))
        for r, m in zip(rows, money, strict=True)
    ]
    return (1 - np.array(below)) / top


def resampled_weights(
    n: int, replicates: int, rng: np.random.Generator, clusters: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield bootstrap counts of the rows (or their clusters), shape (draws, n), a few at a time."""
    units = n if clusters is None else int(clusters.max()) + 1
    at_once, few = max(1, BLOCK // n), max(1, CACHED // n)
    for start in range(0, replicates, at_once):
        draws = min(at_once, replicates - start)
        drawn = rng.integers(0, units, size=(draws, units)) + units * np.arange(draws)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=draws * units).reshape(draws, units)
        for first in range(0, draws, few):
            some = counts[first : first + few].astype(float)
            yield some if clusters is None else some[:, clusters]


# --- calibration ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibration:
    """A logit of the outcome on its cross-fitted log odds: 0 and 1 when it is calibrated."""

    intercept: float
    slope: float
    std_errors: tuple[float, float]


def calibration(score: np.ndarray, happened: np.ndarray, folds: np.ndarray) -> Calibration:
    """Return the calibration of a logit on the score, predicted out of fold.

    Parameters
    ----------
    score : ndarray, shape (n,)
    happened : ndarray of bool, shape (n,)
    folds : ndarray of int, shape (n,)

    Raises
    ------
    DesignError
        When the score separates the rows with the outcome from those without.

    Notes
    -----
    Cox (1958), doi:10.1093/biomet/45.3-4.562: logistic recalibration. Standard errors are HC0.
    """
    scaled, odds = (score - score.mean()) / score.std(), np.empty(len(score))
    for fold in np.unique(folds):
        train = folds != fold
        intercept, slope = _logit(scaled[train], happened[train]).params
        odds[~train] = intercept + slope * scaled[~train]
    fit = _logit(odds, happened)
    return Calibration(*fit.params.tolist(), tuple(fit.std_errors().tolist()))


def _logit(x: np.ndarray, happened: np.ndarray) -> Fit:
    """Return a logit on an intercept and x, with its HC0 covariance."""
    matrix = np.column_stack([np.ones(len(x)), x])
    design = Design(happened.astype(float), matrix, ("intercept", "x"), ("intercept", "score"))
    return fit_model(design, "logit", "HC0")
