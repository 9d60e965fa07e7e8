"""Bootstrap and permutation tests from sufficient statistics: refits without the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

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

TOGETHER = 32
"""Row permutations multiplied together."""

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
    """Slices of replicates and their draws, (rows, groups), few enough at a time to stay small."""
    rows = max(1, BUDGET // groups)
    for part, rng in seeded_blocks(replicates, seed):
        for start in range(part.start, part.stop, rows):
            stop = min(start + rows, part.stop)
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
class WildTest:
    """Wild cluster bootstrap of the hypothesis that a coefficient is zero.

    Attributes
    ----------
    statistic : float
        t with the CRV1 error.
    null : ndarray, shape (B,)
        t in the bootstrap samples.
    enumerated : bool
        All sign vectors were used.
    p_value : float
        Symmetric: share of |null| at or beyond |statistic|.
    """

    statistic: float
    null: np.ndarray
    enumerated: bool
    p_value: float


def wild_bootstrap(
    fits: SubsetFits,
    cluster: str,
    *,
    replicates: int = 9_999,
    seed: Seed,
    weights: Weights = "rademacher",
    position: int = 0,
) -> WildTest:
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
    error = np.sqrt(scores @ scores * _small_sample(fits, g, position))
    observed = float(h @ fits.restricted[position] / error)
    statistics = _wild_statistics(fits, sums, position)
    enumerated, draws = sign_draws(g, replicates, seed, weights)
    null = np.concatenate([statistics(v) for _, v in draws])
    p = exceedance(np.abs(null), np.abs(observed), exact=enumerated)
    return WildTest(observed, null, enumerated, float(p))


def wild_statistics(
    fits: SubsetFits, cluster: str, draws: np.ndarray, *, position: int = 0
) -> np.ndarray:
    """t of wild bootstrap samples for given weights, shape (B, G), clusters in order of labels."""
    return _wild_statistics(fits, grouping(fits, cluster), position)(np.asarray(draws, dtype=float))


def _small_sample(fits: SubsetFits, g: int, position: int) -> float:
    return (
        g
        / (g - 1)
        * (fits.sufficient.n - 1)
        / (fits.sufficient.n - fits.subsets.parameters[position])
    )


def _wild_statistics(
    fits: SubsetFits, sums: GroupSums, position: int
) -> Callable[[np.ndarray], np.ndarray]:
    h, u = fits.influence[position], fits.restricted[position]
    basis = regressor_basis(fits, position)
    matrices = unpack_pairs(sums.pairs)
    with_h, with_u = matrices @ h, matrices @ u
    c, a, projected = with_h @ u, with_h @ basis, with_u @ basis
    factor = _small_sample(fits, len(c), position)

    def statistics(v: np.ndarray) -> np.ndarray:
        fitted = v @ projected
        squares = v**2 @ c**2 - 2.0 * np.sum((v @ (c[:, None] * a)) * fitted, axis=1)
        squares += np.sum((fitted @ (a.T @ a)) * fitted, axis=1)
        return (v @ c) / np.sqrt(np.maximum(squares, np.finfo(float).tiny) * factor)

    return statistics


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """Freedman-Lane permutation test of one coefficient.

    Attributes
    ----------
    statistic : float
        Classical t.
    null : ndarray, shape (B,)
    p_value : float
        Two-sided, (1 + number) / (B + 1).
    """

    statistic: float
    null: np.ndarray
    p_value: float


def permute_rows(
    fits: SubsetFits, rows: np.ndarray, *, replicates: int = 999, seed: Seed, position: int = 0
) -> PermutationTest:
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
    sufficient = fits.sufficient
    if sufficient.weighted:
        raise refusal("row permutations", "weights", "sufficient statistics without weights")
    basis, residual = _row_basis(fits, rows, position)
    degrees, length = sufficient.n - basis.shape[0], residual @ residual
    null = np.empty(replicates)
    for part, rng in seeded_blocks(replicates, seed):
        for start in range(part.start, part.stop, TOGETHER):
            stop = min(start + TOGETHER, part.stop)
            permuted = np.stack([rng.permutation(residual) for _ in range(start, stop)])
            null[start:stop] = _partial_t(permuted @ basis.T, length, degrees)
    observed = float(_partial_t(basis @ residual, length, degrees))
    return PermutationTest(observed, null, float(exceedance(np.abs(null), np.abs(observed))))


def _partial_t(projected: np.ndarray, length: float, degrees: int) -> np.ndarray:
    """t of the last regressor from the products of a response with an orthonormal basis."""
    rest = length - np.sum(projected**2, axis=-1)
    return projected[..., -1] * np.sqrt(degrees / np.maximum(rest, np.finfo(float).tiny))


def _row_basis(fits: SubsetFits, rows, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal regressors (a + 1, n), the term last, and the restricted residual (n,)."""
    sufficient, subsets = fits.sufficient, fits.subsets
    shape = sufficient.n, len(sufficient.names)
    if np.shape(rows) != shape:
        allowed = f"the table that was measured: {shape}"
        raise refusal("rows", f"shape {np.shape(rows)}", allowed)
    term = subsets.term[position]
    others = np.setdiff1d(np.flatnonzero(subsets.included[position]), term)
    order = np.concatenate([others, [term, subsets.outcome[position]]])
    centred = np.asarray(rows, dtype=float)[:, order] - sufficient.location[order]
    q, t = np.linalg.qr(centred / sufficient.spread[order])
    constant = np.full((1, sufficient.n), sufficient.n**-0.5)
    basis = (q * np.sign(np.diag(t))).T[:-1]
    return np.concatenate([constant, basis]), q[:, -2:] @ t[-2:, -1]
