"""Permutation tests: sign flips of scores, and the permutation of residuals over rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.sufficient_statistics.pairs import pair_weights
from analysis.models.sufficient_statistics.record import refusal
from analysis.models.sufficient_statistics.regressions import SubsetFits
from analysis.models.sufficient_statistics.resampling import (
    Seed,
    exceedance,
    grouping,
    seeded_blocks,
    sign_draws,
)

TOGETHER = 32  # row permutations multiplied together


def effective_scores(fits: SubsetFits, cluster: str) -> np.ndarray:
    """Score contributions under the null of no term, by cluster, shape (G, m): residualised term
    times residual.
    """
    return grouping(fits, cluster).pairs @ pair_weights(fits.influence, fits.restricted)


@dataclass(frozen=True, eq=False)
class SignFlips:
    """Sign-flip test of m scores at once.

    Attributes
    ----------
    statistic : ndarray, shape (m,)
        Sum of contributions over the root of the sum of their squares.
    p_value : ndarray, shape (m,)
        Two-sided, one score at a time.
    p_adjusted : ndarray, shape (m,)
        Step-down max-T: the chance of any false rejection is controlled.
    p_joint_max, p_joint_mean : float
        No score differs from zero: by the largest and by the mean absolute statistic.
    enumerated : bool
    """

    statistic: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    p_joint_max: float
    p_joint_mean: float
    enumerated: bool


def flip_signs(scores: np.ndarray, *, replicates: int = 4_999, seed: Seed) -> SignFlips:
    """Flip the signs of score contributions, one common vector of flips for all models.

    Parameters
    ----------
    scores : ndarray, shape (G, m)
        Independent contributions (rows or clusters) to each model's effective score, of whatever
        model: `effective_scores` for least squares.
    replicates : int
        Where 2**G is no larger, all flips are used instead.
    seed : int or numpy Generator

    References
    ----------
    Girardi, Vesely, Lakens, Altoe, Pastore, Calcagni & Finos (2024), Post-selection inference in
    multiverse analysis (PIMA), Psychometrika 89. Westfall & Young (1993) for the step-down.
    """
    scores = np.asarray(scores, dtype=float)
    size = np.sqrt(np.einsum("gm,gm->m", scores, scores))
    if not (size > 0).all():
        raise refusal(
            f"scores of model {int(np.argmin(size))}",
            "all zero",
            "contributions that differ from zero",
        )
    scores = scores / size
    observed = scores.sum(axis=0)
    order = np.argsort(
        np.abs(observed), kind="stable"
    )  # the largest last: the running maximum goes with the memory
    ranked, scores = np.abs(observed)[order], np.ascontiguousarray(scores[:, order])
    counts = np.zeros((2, scores.shape[1]))
    joint, total = np.zeros(2), 0
    enumerated, draws = sign_draws(len(scores), replicates, seed, "rademacher")
    for _, flips in draws:
        null = flips @ scores
        np.abs(null, out=null)
        counts[0] += _reaches(null, ranked)
        joint[1] += _reaches(null.mean(axis=1), ranked.mean())
        highest = np.maximum.accumulate(null, axis=1, out=null)
        counts[1] += _reaches(highest, ranked)
        joint[0] += _reaches(highest[:, -1], ranked[-1])
        total += len(flips)
    more = 0 if enumerated else 1
    single, stepped, joint = ((values + more) / (total + more) for values in (*counts, joint))
    stepped = np.maximum.accumulate(stepped[::-1])[::-1]
    back = np.argsort(order)
    return SignFlips(
        observed, single[back], stepped[back], float(joint[0]), float(joint[1]), enumerated
    )


def _reaches(null: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return np.sum(null >= observed * (1.0 - 1e-10), axis=0)


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
    moments = fits.moments
    if moments.weighted:
        raise refusal("row permutations", "weights", "moments without weights")
    basis, residual = _row_basis_of(fits, rows, position)
    degrees, length = moments.n - basis.shape[0], residual @ residual
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


def _row_basis_of(fits: SubsetFits, rows, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal regressors (a + 1, n), the term last, and the restricted residual (n,), by
    row.
    """
    moments = fits.moments
    if np.shape(rows) != (moments.n, len(moments.names)):
        raise refusal(
            "rows",
            f"shape {np.shape(rows)}",
            f"the table that was measured: {(moments.n, len(moments.names))}",
        )
    term, outcome = fits.subsets.term[position], fits.subsets.outcome[position]
    others = fits.subsets.included[position].copy()
    others[term] = False
    order = np.concatenate([np.flatnonzero(others), [term, outcome]])
    table = (np.asarray(rows, dtype=float)[:, order] - moments.location[order]) / moments.spread[
        order
    ]
    triangle = np.linalg.qr(moments.coordinates[1:, order], mode="r")
    inner = np.linalg.inv(triangle[:-1, :-1])
    basis = inner.T @ table[:, :-1].T
    basis[-1] *= np.sign(triangle[-2, -2])
    constant = np.full((1, moments.n), 1.0 / np.sqrt(moments.n))
    residual = table[:, -1] - basis[:-1].T @ triangle[:-2, -1]
    return np.concatenate([constant, basis]), residual
