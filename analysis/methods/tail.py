"""Revenue with a heavy tail: how heavy it is, and an interval that a few whales do not shrink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.design import Design
from analysis.fit import Fit
from analysis.models.pml import VARIANCE_POWER
from analysis.moments.resampling import multiplicities

SHARE = 0.05
"""Share of the largest values from which the tail index is estimated."""

FEWEST = 10
"""And at least so many of them."""

LIGHT = 2.0
"""Below this index the variance is infinite, and intervals from a sandwich cover too little."""

BLOCK = 1024
"""Replicates per child of the random generator."""

MOST_NUMBERS = 1 << 18
"""In an array over rows and draws: what is fitted together stays in the cache."""

STEPS, TOLERANCE, CONDITION_LIMIT = 25, 1e-3, 1e12
"""Newton steps at most; the longest last step on the orthonormal basis, of which about the square is the error that is
left; the condition of a draw's information."""


def hill_index(values: np.ndarray) -> float | None:
    """Return Hill's estimate of the tail index from the largest 5 % of the positive values; None for too few.

    Notes
    -----
    Hill (1975), doi:10.1214/aos/1176343247: the inverse of the mean log excess over the next largest value.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(hill_index(rng.pareto(1.5, 100_000) + 1), 1)
    1.5
    """
    ordered = np.sort(values[values > 0])[::-1]
    count = max(FEWEST, int(np.ceil(SHARE * len(ordered))))
    if len(ordered) <= count or ordered[count] == ordered[0]:
        return None
    return float(1 / np.mean(np.log(ordered[:count] / ordered[count])))


def top_share(values: np.ndarray, share: float = 0.01) -> float:
    """Return the part of the total that the largest `share` of the rows holds."""
    count = max(1, int(np.ceil(share * len(values))))
    return float(np.sort(values)[::-1][:count].sum() / values.sum())


@dataclass(frozen=True, eq=False)
class BootstrapT:
    """The pairs percentile-t bootstrap of one coefficient.

    Attributes
    ----------
    estimate, std_error : float
        The error is HC1, with clusters CRV1, as in the draws.
    values : ndarray, shape (B,)
        (estimate in a draw - estimate) / error in the draw.
    """

    estimate: float
    std_error: float
    values: np.ndarray

    @property
    def statistic(self) -> float:
        return self.estimate / self.std_error

    @property
    def p_value(self) -> float:
        """Twice the smaller tail of the draws beyond the statistic, the statistic counted among them."""
        beyond = [(self.values >= self.statistic).sum(), (self.values <= self.statistic).sum()]
        return float(min(1.0, 2 * (1 + min(beyond)) / (len(self.values) + 1)))

    def interval(self, level: float) -> tuple[float, float]:
        """Return ``estimate - t[1 - a/2] error`` to ``estimate - t[a/2] error`` with a = 1 - level."""
        low, high = np.quantile(self.values, [(1 - level) / 2, (1 + level) / 2])
        return float(self.estimate - high * self.std_error), float(self.estimate - low * self.std_error)


def bootstrap_t(fit: Fit, term: str, *, replicates: int, seed: int) -> BootstrapT:
    """Draw rows with replacement, or whole clusters; refit each draw, and divide by its own robust error.

    Parameters
    ----------
    fit : Fit
        By Poisson, Gamma or Tweedie pseudo-maximum likelihood.
    term : str
    replicates : int
    seed : int

    Notes
    -----
    Many replicates take their Newton steps together: draws are weights of the rows, and the information of all of them
    is one product of matrices. Replicates without an estimate are left out. Hall (1992), *The Bootstrap and Edgeworth
    Expansion*, chapter 3, on why t and not the estimate is bootstrapped.
    """
    design, at = fit.design, fit.position(term)
    basis, triangle = design.basis
    back, unit = np.linalg.inv(triangle)[at], float(design.response.mean())
    start = triangle @ fit.params - np.log(unit) * basis.mean(axis=0)
    rows = _Rows(design.response / unit, basis, 0.0 if design.offset is None else design.offset,
                 VARIANCE_POWER[fit.model], design.clusters)  # fmt: skip
    size = max(1, MOST_NUMBERS // design.n)
    groups, found = design.n_clusters or design.n, []
    for block, child in enumerate(np.random.default_rng(seed).spawn(-(-replicates // BLOCK))):
        count = min(BLOCK, replicates - block * BLOCK)
        for begin in range(0, count, size):
            drawn = multiplicities(child, min(size, count - begin), groups)
            found.append(rows.statistics(drawn, start, back))
    factor = _small_sample(design)
    error = float(np.sqrt(rows.variance(start[None], np.ones((1, groups)), back)[0])) * factor
    values = np.concatenate(found)
    return BootstrapT(float(fit.params[at]), error, values[np.isfinite(values)] / factor)


def _small_sample(design: Design) -> float:
    """Return the root of the covariance's factor: the same in every replicate, whose rows are as many on average."""
    n, k = design.n, design.k
    if design.clusters is None:
        return float(np.sqrt(n / (n - k)))
    groups = design.n_clusters
    return float(np.sqrt(groups / (groups - 1) * (n - 1) / (n - k)))


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of an exponential mean, whose draws are fitted together."""

    response: np.ndarray
    basis: np.ndarray
    shift: np.ndarray | float
    power: float
    clusters: np.ndarray | None

    @cached_property
    def pairs(self) -> np.ndarray:
        """Products of every two columns, shape (n, k (k + 1) / 2)."""
        first, second = np.triu_indices(self.basis.shape[1])
        return self.basis[:, first] * self.basis[:, second]

    @cached_property
    def order(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows sorted by cluster, and where each cluster starts."""
        order = np.argsort(self.clusters, kind="stable")
        return order, np.concatenate([[0], np.cumsum(np.bincount(self.clusters))[:-1]])

    def means(self, params: np.ndarray) -> np.ndarray:
        return np.exp(params @ self.basis.T + self.shift)

    def scaled(self, mean: np.ndarray) -> np.ndarray | float:
        """Return ``mean ** (1 - power)``, without the slow general power."""
        if self.power == 1:
            return 1.0
        return 1 / mean if self.power == 2 else 1 / np.sqrt(mean)

    def information(self, weights: np.ndarray) -> np.ndarray:
        """Return ``X' diag(w) X`` of each draw, shape (B, k, k)."""
        k = self.basis.shape[1]
        first, second = np.triu_indices(k)
        full = np.empty((len(weights), k, k))
        full[:, first, second] = full[:, second, first] = weights @ self.pairs
        return full

    def statistics(self, drawn: np.ndarray, start: np.ndarray, back: np.ndarray) -> np.ndarray:
        """Return (estimate in the draw - estimate) / error in the draw, shape (B,); NaN where there is none."""
        weights = drawn if self.clusters is None else drawn[:, self.clusters]
        params, power = np.tile(start, (len(drawn), 1)), self.power
        left = np.full(len(drawn), np.inf)
        with np.errstate(all="ignore"):
            mean = self.means(start[None])  # the same in every draw, so the first step is cheap
            for _ in range(STEPS):
                scaled = self.scaled(mean)
                bend = (2 - power) * mean * scaled + (power - 1) * self.response * scaled if power > 1 else mean
                slope = (self.response - mean) * scaled if power > 1 else self.response - mean
                step = _solved(self.information(weights * bend), (weights * slope) @ self.basis)
                params = params + step
                left = np.abs(step).max(axis=1)
                if not (left > TOLERANCE).any():
                    break
                mean = self.means(params)
            error = np.sqrt(self.variance(params, drawn, back))
            values = (params - start) @ back / error
        return np.where((left <= TOLERANCE) & (error > 0), values, np.nan)

    def variance(self, params: np.ndarray, drawn: np.ndarray, back: np.ndarray) -> np.ndarray:
        """Return the sandwich variance of one coefficient in each draw, without a small-sample factor, shape (B,)."""
        weights = drawn if self.clusters is None else drawn[:, self.clusters]
        mean = self.means(params)
        scaled = self.scaled(mean)
        along = _solved(self.information(weights * mean * scaled), np.tile(back, (len(drawn), 1)))
        influence = (self.response - mean) * scaled * (along @ self.basis.T)
        if self.clusters is None:
            return (weights * influence**2).sum(axis=1)
        order, starts = self.order
        return (drawn * np.add.reduceat(influence[:, order], starts, axis=1) ** 2).sum(axis=1)


def _solved(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return each matrix's solution, shape (B, k); NaN for a draw whose columns are dependent."""
    solved = np.full(vectors.shape, np.nan)
    good = np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(vectors).all(axis=1)
    try:
        solved[good] = np.linalg.solve(matrices[good], vectors[good][..., None])[..., 0]
    except np.linalg.LinAlgError:
        good[good] = np.linalg.cond(matrices[good]) < CONDITION_LIMIT
        solved[good] = np.linalg.solve(matrices[good], vectors[good][..., None])[..., 0]
    return solved
