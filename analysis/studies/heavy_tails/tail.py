"""Revenue with a heavy tail: how heavy it is, and an interval that a few whales do not shrink."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from analysis.models.covariance import small_sample
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit
from analysis.models.solver import MANY_ROWS, Sums, newton, solved
from analysis.models.sufficient_statistics import unpack_pairs
from analysis.models.sufficient_statistics.expansion import Expansion, worth_expanding
from analysis.models.sufficient_statistics.resampling import BLOCK, multiplicities, seeded_blocks

SHARE = 0.05
"""Share of the largest values from which the tail index is estimated."""

FEWEST = 10
"""And at least so many of them."""

LIGHT = 2.0
"""Below this index the variance is infinite, and intervals from a sandwich cover too little."""

MOST_NUMBERS = 1 << 18
"""In an array over rows and draws: what is fitted together stays in the cache."""

MOST_KEPT = 1 << 25
"""Products of two columns that are kept between steps."""

FEWEST_TOGETHER = 16
"""Draws that are fitted together, however many rows: products of matrices, not of a matrix and a
vector.
"""

STEPS, TOLERANCE = 25, 1e-3
"""Newton steps at most; the longest last step on the orthonormal basis, of which about the square
is the error that is left."""

FARTHEST, CLOSE = 16, 0.1
"""Of draws from sums over clusters so many, those that went farthest, are fitted to the rows, too;
where a t of theirs differs by more than this, all are."""


def hill_index(values: np.ndarray) -> float | None:
    """Return Hill's tail index of the largest 5 % of the positive values; None for too few.

    Notes
    -----
    Hill (1975), doi:10.1214/aos/1176343247: the inverse of the mean log excess over the next
    largest value.

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
        (estimate in a draw - estimate) / error in the draw; draws without an estimate are left out.
    drawn : int
        How many draws there were.
    """

    estimate: float
    std_error: float
    values: np.ndarray
    drawn: int

    @property
    def statistic(self) -> float:
        return self.estimate / self.std_error

    @property
    def p_value(self) -> float:
        """Twice the smaller tail of the draws beyond the statistic, itself counted among them."""
        beyond = [(self.values >= self.statistic).sum(), (self.values <= self.statistic).sum()]
        return float(min(1.0, 2 * (1 + min(beyond)) / (len(self.values) + 1)))

    def interval(self, level: float) -> tuple[float, float]:
        """Return estimate - t[1 - a/2] error to estimate - t[a/2] error, with a = 1 - level."""
        low, high = np.quantile(self.values, [(1 - level) / 2, (1 + level) / 2])
        return float(self.estimate - high * self.std_error), float(
            self.estimate - low * self.std_error
        )


def bootstrap_t(
    fit: Fit, term: str, *, replicates: int, seed: int, by_rows: int | None = None
) -> BootstrapT:
    """Return the pairs bootstrap of a coefficient's t: rows or whole clusters drawn and refitted.

    Parameters
    ----------
    fit : Fit
        By Poisson, Gamma or Tweedie pseudo-maximum likelihood.
    term : str
    replicates : int
    seed : int
    by_rows : int, optional
        At most so many replicates where each has to be fitted to the rows.

    Notes
    -----
    Many replicates take their Newton steps together: draws are weights of the rows, and the
    information of all of them is one product of matrices. Where many rows lie in few clusters,
    draws are solved from sums over the clusters (`models.sufficient_statistics.expansion`), and
    those that went farthest from the estimate by the rows. Replicates without an estimate are left
    out. Hall (1992), *The Bootstrap and Edgeworth Expansion*, chapter 3, on why t and not the
    estimate is bootstrapped.
    """
    design, at = fit.design, fit.position(term)
    basis, triangle = design.basis
    back, unit = np.linalg.inv(triangle)[at], float(design.response.mean())
    start = triangle @ fit.params - np.log(unit) * basis.mean(axis=0)
    rows = _Rows(
        design.response / unit,
        basis,
        0.0 if design.offset is None else design.offset,
        FAMILIES[fit.model],
        design.clusters,
    )
    groups = design.n_clusters or design.n
    values = None
    if (
        design.clusters is not None
        and design.n > MANY_ROWS
        and worth_expanding(groups, design.n, design.k)
    ):
        values = _from_cluster_sums(rows, start, back, replicates, seed)
    if values is None:
        drawn = _drawn(
            groups, design.n, min(replicates, by_rows or replicates), seed, FEWEST_TOGETHER
        )
        values = np.concatenate([rows.statistics(weights, start, back) for weights in drawn])
    factor = float(np.sqrt(small_sample(design.plain_covariance, design.n, design.k, groups)))
    error = float(np.sqrt(rows.variance(start[None], np.ones((1, groups)), back)[0])) * factor
    return BootstrapT(
        float(fit.params[at]), error, values[np.isfinite(values)] / factor, len(values)
    )


def _drawn(groups: int, n: int, replicates: int, seed: int, fewest: int) -> Iterator[np.ndarray]:
    """Yield how often each group is drawn, for at least `fewest` replicates at a time.

    What is drawn depends on the seed, the rows and the groups alone: a call of the generator is for
    as many replicates as rows of them stay in the cache, however many calls are taken together.
    """
    size = max(1, MOST_NUMBERS // n)
    for part, child in seeded_blocks(replicates, seed):
        count = part.stop - part.start
        together: list[np.ndarray] = []
        for begin in range(0, count, size):
            together.append(multiplicities(child, min(size, count - begin), groups))
            if size * len(together) >= fewest or begin + size >= count:
                yield np.concatenate(together)
                together = []


def _from_cluster_sums(
    rows: _Rows, start: np.ndarray, back: np.ndarray, replicates: int, seed: int
) -> np.ndarray | None:
    """Return the draws' t, shape (B,), from sums over clusters; None where these do not do."""
    predictor = rows.basis @ start + rows.shift
    sums = Expansion.of(rows.response, rows.basis, predictor, rows.family.power, rows.clusters)
    drawn = np.concatenate(
        list(_drawn(len(sums.score), len(rows.response), replicates, seed, BLOCK))
    )
    blocks = [
        sums.statistics(drawn[begin : begin + BLOCK], back) for begin in range(0, replicates, BLOCK)
    ]
    values, distance = (np.concatenate([part[at] for part in blocks]) for at in range(2))
    farthest = np.argsort(-np.where(np.isfinite(values), distance, np.inf))[:FARTHEST]
    exact = rows.statistics(drawn[farthest], start, back)
    apart = np.abs(np.where(np.isfinite(exact), exact - values[farthest], 0.0)).max()
    if not apart <= CLOSE:  # or not a number
        return None
    values[farthest] = exact
    return values


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of an exponential mean, whose draws are fitted together."""

    response: np.ndarray
    basis: np.ndarray
    shift: np.ndarray | float
    family: Family
    clusters: np.ndarray | None

    @cached_property
    def order(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows sorted by cluster, and where each cluster starts."""
        order = np.argsort(self.clusters, kind="stable")
        return order, np.concatenate([[0], np.cumsum(np.bincount(self.clusters))[:-1]])

    def parts(self, draws: int) -> Iterator[slice]:
        """Yield ranges of rows whose numbers for so many draws stay in the cache."""
        size = max(1, MOST_NUMBERS // draws)
        for begin in range(0, len(self.response), size):
            yield slice(begin, begin + size)

    def weights(self, drawn: np.ndarray, part: slice) -> np.ndarray:
        return drawn[:, part] if self.clusters is None else drawn[:, self.clusters[part]]

    def at(self, params: np.ndarray, part: slice) -> np.ndarray:
        """Return the linear predictor of some rows in each draw, shape (1 or B, rows)."""
        at = params @ self.basis[part].T
        at += self.shift[part] if np.ndim(self.shift) else self.shift
        return at

    def pairs(self, part: slice) -> np.ndarray:
        """Products of every two columns, shape (rows, k (k + 1) / 2), kept if not too many."""
        k = self.basis.shape[1]
        if len(self.basis) * k * (k + 1) // 2 > MOST_KEPT:
            return self._products(self.basis[part])
        return self._every_pair[part]

    def _products(self, columns: np.ndarray) -> np.ndarray:
        first, second = np.triu_indices(columns.shape[1])
        return columns[:, first] * columns[:, second]

    @cached_property
    def _every_pair(self) -> np.ndarray:
        return self._products(self.basis)

    def sums(self, drawn: np.ndarray, params: np.ndarray) -> Sums:
        """Return each draw's score, (B, k), and observed information, (B, k, k), at params."""
        score, packed = 0.0, 0.0
        for part in self.parts(len(drawn)):
            weights = self.weights(drawn, part)
            at, y = self.at(params, part), self.response[part]
            slope, bend = self.family.derivatives(y, at, observed=True)
            packed = packed + (weights * bend) @ self.pairs(part)
            score = score + (weights * slope) @ self.basis[part]
        return None, score, unpack_pairs(packed)

    def statistics(self, drawn: np.ndarray, start: np.ndarray, back: np.ndarray) -> np.ndarray:
        """Return (draw's estimate - estimate) / draw's error, shape (B,), NaN where it fails."""
        # in the first step all means are the same, so it is cheap
        last = newton(partial(self.sums, drawn), start[None], steps=STEPS, small=TOLERANCE)
        with np.errstate(all="ignore"):
            error = np.sqrt(self.variance(last.params, drawn, back))
            values = (last.params - start) @ back / error
        return np.where((last.moved <= TOLERANCE) & (error > 0), values, np.nan)

    def variance(self, params: np.ndarray, drawn: np.ndarray, back: np.ndarray) -> np.ndarray:
        """Return each draw's sandwich variance of one coefficient, shape (B,), without a factor."""
        packed = 0.0
        for part in self.parts(len(drawn)):
            weights = self.weights(drawn, part) * self.family.weights(self.at(params, part))
            packed = packed + weights @ self.pairs(part)
        along = solved(unpack_pairs(packed), np.tile(back, (len(drawn), 1)))
        influence = np.concatenate(
            [self.influence(params, along, part) for part in self.parts(len(drawn))], axis=1
        )
        if self.clusters is not None:
            order, starts = self.order
            influence = np.add.reduceat(influence[:, order], starts, axis=1)
        return (drawn * influence**2).sum(axis=1)

    def influence(self, params: np.ndarray, along: np.ndarray, part: slice) -> np.ndarray:
        """Return each row's part of the coefficient in each draw, shape (B, rows)."""
        score = self.family.score(self.response[part], self.at(params, part))
        return score * (along @ self.basis[part].T)
