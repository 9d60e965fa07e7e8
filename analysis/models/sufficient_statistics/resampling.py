"""Bootstrap, permutation and cross-validation from moments: thousands of refits without the
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.models.sufficient_statistics.draws import solve_draws
from analysis.models.sufficient_statistics.pairs import pair_weights, unpack_pairs
from analysis.models.sufficient_statistics.record import GroupSums, refusal
from analysis.models.sufficient_statistics.regressions import BUDGET, SubsetFits

BLOCK = 1024  # replicates that share one child of the generator

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
    """Slices of replicates and their draws, (rows, groups), few enough rows at a time to stay
    small.
    """
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
    return (
        np.bincount(chosen.ravel(), minlength=draws * groups).reshape(draws, groups).astype(float)
    )


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
        yield (
            slice(start, start + len(numbers)),
            1.0 - 2.0 * ((numbers[:, None] >> np.arange(groups)) & 1),
        )


def sign_draws(
    groups: int, replicates: int, seed: Seed, weights: Weights
) -> tuple[bool, Iterator[tuple[slice, np.ndarray]]]:
    """Whether all sign vectors are enumerated (2**groups <= replicates), and the blocks of
    draws.
    """
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
        Grouping of the moments.
    replicates : int
    seed : int or numpy Generator
        One spawned child per 1,024 replicates: the digits do not depend on how the work is divided.
    """
    sums = grouping(fits, cluster)
    estimate, delta_r2 = np.empty((2, len(fits), replicates))
    identified = np.empty((len(fits), replicates), dtype=bool)
    for part, weights in seeded_draws(len(sums.sizes), replicates, seed, multiplicities):
        draws = solve_draws(fits, weights @ sums.pairs)
        estimate[:, part], delta_r2[:, part], identified[:, part] = (
            draws.estimate,
            draws.delta_r2,
            draws.identified,
        )
    return ClusterBootstrap(fits, estimate, delta_r2, identified)


def grouping(fits: SubsetFits, name: str) -> GroupSums:
    sums = fits.moments.group(name)
    if len(sums.sizes) < 2:
        raise refusal(f"groups of {name!r}", str(len(sums.sizes)), "at least two")
    return sums


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
    clustered errors,
       Rev. Econ. Stat. 90(3), doi:10.1162/rest.90.3.414.
    """
    sums = grouping(fits, cluster)
    statistics = _wild_statistics(fits, sums, position)
    observed = float(_observed_wild(fits, sums, position))
    enumerated, draws = sign_draws(len(sums.sizes), replicates, seed, weights)
    null = np.concatenate([statistics(v) for _, v in draws])
    return WildTest(
        observed,
        null,
        enumerated,
        float(exceedance(np.abs(null), np.abs(observed), exact=enumerated)),
    )


def wild_statistics(
    fits: SubsetFits, cluster: str, draws: np.ndarray, *, position: int = 0
) -> np.ndarray:
    """t of the wild bootstrap samples for given weights, draws of shape (B, G), clusters in the
    order of labels.
    """
    return _wild_statistics(fits, grouping(fits, cluster), position)(np.asarray(draws, dtype=float))


def _small_sample(fits: SubsetFits, g: int, position: int) -> float:
    return g / (g - 1) * (fits.moments.n - 1) / (fits.moments.n - fits.subsets.parameters[position])


def _observed_wild(fits: SubsetFits, sums: GroupSums, position: int) -> float:
    h, u = fits.influence[position], fits.residual[position]
    scores = sums.pairs @ pair_weights(h, u)
    return (
        h
        @ fits.restricted[position]
        / np.sqrt(scores @ scores * _small_sample(fits, len(scores), position))
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


def regressor_basis(fits: SubsetFits, position: int) -> np.ndarray:
    """Orthonormal coordinates of the constant and the regressors of one fit, the term last, shape
    (k, a + 1).
    """
    coordinates = fits.moments.coordinates
    others = fits.subsets.included[position].copy()
    others[fits.subsets.term[position]] = False
    constant = np.eye(len(coordinates))[:, :1]
    columns = [constant, coordinates[:, others], coordinates[:, [fits.subsets.term[position]]]]
    return np.linalg.qr(np.concatenate(columns, axis=1))[0]
