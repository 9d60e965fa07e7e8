"""Bootstrap and permutation tests from sufficient statistics: refits without the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.models.covariance import small_sample
from analysis.models.sufficient_statistics import GroupSums, pair_weights, refusal, unpack_pairs
from analysis.models.sufficient_statistics.draws import solve_draws
from analysis.models.sufficient_statistics.regressions import (
    BUDGET,
    SubsetFits,
    grouping,
    regressor_basis,
)

BLOCK = 1024
"""Replicates that share one child of the generator."""

Seed = int | np.random.Generator
Weights = Literal["rademacher", "webb"]


def seeded_blocks(replicates: int, seed: Seed) -> Iterator[tuple[slice, np.random.Generator]]:
    """Slices of 1,024 replicates, each with its own spawned generator."""
    if replicates < 1:
        raise refusal("replicates", str(replicates), "at least 1")
    children = np.random.default_rng(seed).spawn(-(-replicates // BLOCK))
    for number, child in enumerate(children):
        yield slice(number * BLOCK, min((number + 1) * BLOCK, replicates)), child


def seeded_draws(
    groups: int,
    replicates: int,
    seed: Seed,
    draw: Callable[[np.random.Generator, int, int], np.ndarray],
) -> Iterator[tuple[slice, np.ndarray]]:
    """Slices of replicates and their draws, (rows, groups), few enough at a time to stay small.

    Every 1,024 replicates have a spawned generator of their own.
    """
    rows = max(1, BUDGET // groups)
    for block, rng in seeded_blocks(replicates, seed):
        for start in range(block.start, block.stop, rows):
            stop = min(start + rows, block.stop)
            yield slice(start, stop), draw(rng, stop - start, groups)


def multiplicities(rng: np.random.Generator, draws: int, groups: int) -> np.ndarray:
    """How often each group is drawn, groups with replacement, shape (draws, groups)."""
    kind = np.uint16 if groups <= 1 << 16 else np.uint32
    chosen = rng.integers(0, groups, size=(draws, groups), dtype=kind).astype(np.int64)
    chosen += np.arange(draws)[:, None] * groups
    counts = np.bincount(chosen.ravel(), minlength=draws * groups)
    return counts.reshape(draws, groups).astype(float)


def _signs(rng: np.random.Generator, draws: int, groups: int) -> np.ndarray:
    """Rademacher signs, shape (draws, groups)."""
    bytes_ = rng.integers(0, 256, size=(draws, -(-groups // 8)), dtype=np.uint8)
    return 1.0 - 2.0 * np.unpackbits(bytes_, axis=1, count=groups)


def _webb(rng: np.random.Generator, draws: int, groups: int) -> np.ndarray:
    """Webb's six points, shape (draws, groups)."""
    points = np.sqrt([0.5, 1.0, 1.5])
    return np.concatenate([-points, points])[rng.integers(0, 6, size=(draws, groups))]


def _every_sign(groups: int) -> Iterator[tuple[slice, np.ndarray]]:
    """All 2**groups sign vectors, in blocks; the first is all ones."""
    for start in range(0, 1 << groups, BLOCK):
        numbers = np.arange(start, min(start + BLOCK, 1 << groups))
        bits = (numbers[:, None] >> np.arange(groups)) & 1
        yield slice(start, start + len(numbers)), 1.0 - 2.0 * bits


def sign_draws(
    groups: int, replicates: int, seed: Seed, weights: Weights
) -> tuple[bool, Iterator[tuple[slice, np.ndarray]]]:
    """Whether all sign vectors are enumerated (2**groups <= replicates), and blocks of draws."""
    if weights == "rademacher" and groups < 31 and 1 << groups <= replicates:
        return True, _every_sign(groups)
    draw = {"rademacher": _signs, "webb": _webb}.get(weights)
    if draw is None:
        raise refusal("weights", repr(weights), "rademacher, webb")
    return False, seeded_draws(groups, replicates, seed, draw)


def exceedance(null: np.ndarray, observed: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """Share of a null distribution at or beyond what was observed, over the last axis of null.

    Parameters
    ----------
    null : ndarray, shape (..., B)
    observed : ndarray, shape (...)
    exact : bool
        The null values are all there are, the observed one among them: a plain share. Otherwise
        (1 + number) / (B + 1).

    Notes
    -----
    Ties count; values within 1e-10 of the observed one, relatively, are ties.
    """
    observed = np.asarray(observed)
    beyond = np.sum(null >= (observed - 1e-10 * np.abs(observed))[..., None], axis=-1)
    return beyond / null.shape[-1] if exact else (1 + beyond) / (null.shape[-1] + 1)


@dataclass(frozen=True, eq=False)
class ClusterBootstrap:
    """Pairs cluster bootstrap of m regressions, the same draws of clusters for all.

    Attributes
    ----------
    fits : SubsetFits
    estimate, delta_r2 : ndarray, shape (m, B)
        Replicates; differences between regressions are differences of rows.
    identified : ndarray of bool, shape (m, B)
        Replicates in which the term varies; elsewhere the estimate on all rows stands in.
    """

    fits: SubsetFits
    estimate: np.ndarray
    delta_r2: np.ndarray
    identified: np.ndarray

    @property
    def std_error(self) -> np.ndarray:
        """Standard deviation of the replicates, shape (m,)."""
        return self.estimate.std(axis=1, ddof=1)

    def interval(
        self, level: float = 0.95, *, of: Literal["estimate", "delta_r2"] = "estimate"
    ) -> np.ndarray:
        """Percentile interval, shape (m, 2)."""
        tail = (1.0 - level) / 2.0
        return np.quantile(getattr(self, of), [tail, 1.0 - tail], axis=1).T


def bootstrap_clusters(
    fits: SubsetFits, cluster: str, *, replicates: int, seed: Seed
) -> ClusterBootstrap:
    """Draw clusters with replacement and refit every regression.

    Parameters
    ----------
    fits : SubsetFits
    cluster : str
        Grouping of the sufficient statistics.
    replicates : int
    seed : int or numpy Generator
        One spawned child per 1,024 replicates: the digits do not depend on how the work is divided.
    """
    sums = grouping(fits, cluster)
    estimate, delta_r2 = np.empty((2, len(fits), replicates))
    identified = np.empty((len(fits), replicates), dtype=bool)
    for part, weights in seeded_draws(len(sums.sizes), replicates, seed, multiplicities):
        draws = solve_draws(fits, weights @ sums.pairs)
        estimate[:, part], delta_r2[:, part] = draws.estimate, draws.delta_r2
        identified[:, part] = draws.identified
    return ClusterBootstrap(fits, estimate, delta_r2, identified)


@dataclass(frozen=True, eq=False)
class NullTest:
    """Test of the hypothesis that a coefficient is zero, by its t in samples drawn under it.

    Attributes
    ----------
    statistic : float
        t of the sample: with the CRV1 error in the wild bootstrap, classical in the permutation
        test.
    null : ndarray, shape (B,)
        t in the samples drawn.
    enumerated : bool
        All sign vectors were used.
    """

    statistic: float
    null: np.ndarray
    enumerated: bool = False

    @property
    def p_value(self) -> float:
        """Two-sided: the share of |null| at or beyond |statistic|, see `exceedance`."""
        observed = np.abs(self.statistic)
        return float(exceedance(np.abs(self.null), observed, exact=self.enumerated))


def wild_bootstrap(
    fits: SubsetFits,
    cluster: str,
    *,
    replicates: int = 9_999,
    seed: Seed,
    weights: Weights = "rademacher",
    position: int = 0,
) -> NullTest:
    """Wild cluster restricted bootstrap (WCR-11) of one of the fits.

    Parameters
    ----------
    fits : SubsetFits
    cluster : str
    replicates : int
        Where 2**G is no larger, all Rademacher vectors are used instead.
    seed : int or numpy Generator
    weights : {"rademacher", "webb"}
    position : int
        Which of the fits.

    Notes
    -----
    The residuals u of the model without the term get one weight per cluster, v_g [1]_. With c_g =
    h'S_g u, a_g = Q'S_g h and C = (Q'S_g u)_g, the numerator is v'c and the CRV1 scores are v_g c_g
    - a_g'Cv: their sum of squares needs two products of the draws with matrices of k columns, and
    no loop over clusters.

    References
    ----------
    .. [1] Cameron, Gelbach & Miller (2008), Bootstrap-based improvements for inference with
       clustered errors, Rev. Econ. Stat. 90(3), doi:10.1162/rest.90.3.414.
    """
    sums, u = grouping(fits, cluster), fits.residual[position]
    h, g = fits.influence[position], len(sums.sizes)
    scores = sums.pairs @ pair_weights(h, u)
    factor = small_sample("CRV1", fits.sufficient.n, fits.subsets.parameters[position], g)
    error = np.sqrt(scores @ scores * factor)
    observed = float(h @ fits.restricted[position] / error)
    statistics = _wild_statistics(fits, sums, position)
    enumerated, draws = sign_draws(g, replicates, seed, weights)
    null = np.concatenate([statistics(v) for _, v in draws])
    return NullTest(observed, null, enumerated)


def wild_statistics(
    fits: SubsetFits, cluster: str, draws: np.ndarray, *, position: int = 0
) -> np.ndarray:
    """t of wild bootstrap samples for given weights, shape (B, G), clusters in order of labels."""
    return _wild_statistics(fits, grouping(fits, cluster), position)(np.asarray(draws, dtype=float))


def _wild_statistics(
    fits: SubsetFits, sums: GroupSums, position: int
) -> Callable[[np.ndarray], np.ndarray]:
    h, u = fits.influence[position], fits.restricted[position]
    basis = regressor_basis(fits, position)
    matrices = unpack_pairs(sums.pairs)
    with_h, with_u = matrices @ h, matrices @ u
    c, a, projected = with_h @ u, with_h @ basis, with_u @ basis
    factor = small_sample("CRV1", fits.sufficient.n, fits.subsets.parameters[position], len(c))

    def statistics(v: np.ndarray) -> np.ndarray:
        fitted = v @ projected
        squares = v**2 @ c**2 - 2.0 * np.sum((v @ (c[:, None] * a)) * fitted, axis=1)
        squares += np.sum((fitted @ (a.T @ a)) * fitted, axis=1)
        return (v @ c) / np.sqrt(np.maximum(squares, np.finfo(float).tiny) * factor)

    return statistics


def permute_rows(
    fits: SubsetFits, rows: np.ndarray, *, replicates: int = 999, seed: Seed, position: int = 0
) -> NullTest:
    """Permute the residuals of the model without the term over the rows (Freedman & Lane 1983).

    Parameters
    ----------
    fits : SubsetFits
    rows : array, shape (n, p)
        The table that was measured: free permutations have no shortcut through sums.
    replicates : int
    seed : int or numpy Generator
    position : int
        Which of the fits.

    Notes
    -----
    Only the projection of the permuted residuals on the regressors changes: t follows from k - 1
    products. The rows must be exchangeable; with clusters flip signs instead.
    """
    sufficient, subsets = fits.sufficient, fits.subsets
    shape, term = (sufficient.n, len(sufficient.names)), subsets.term[position]
    if np.shape(rows) != shape:
        raise refusal("rows", f"shape {np.shape(rows)}", f"the table that was measured: {shape}")
    others = np.setdiff1d(np.flatnonzero(subsets.included[position]), term)
    order = np.concatenate([others, [term, subsets.outcome[position]]])
    centred = np.asarray(rows, dtype=float)[:, order] - sufficient.location[order]
    q, triangle = np.linalg.qr(centred / sufficient.spread[order])
    basis = q[:, :-1] * np.sign(np.diag(triangle)[:-1])  # and a constant, which takes nothing off
    residual = q[:, -2:] @ triangle[-2:, -1]
    degrees, length = sufficient.n - basis.shape[1] - 1, residual @ residual

    def statistics(responses: np.ndarray) -> np.ndarray:
        projected = responses @ basis
        rest = length - np.sum(projected**2, axis=-1)
        return projected[..., -1] * np.sqrt(degrees / np.maximum(rest, np.finfo(float).tiny))

    def permuted(rng: np.random.Generator, count: int, _: int) -> np.ndarray:
        return np.stack([rng.permutation(residual) for _ in range(count)])

    draws = seeded_draws(sufficient.n, replicates, seed, permuted)
    null = np.concatenate([statistics(draw) for _, draw in draws])
    return NullTest(float(statistics(residual)), null)
