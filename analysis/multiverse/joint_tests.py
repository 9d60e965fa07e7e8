"""Joint tests of all specifications: a curve resampled under the null, and sign-flipped scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.models.distributions import t_isf
from analysis.models.sufficient_statistics import pair_weights, refusal
from analysis.models.sufficient_statistics.draws import solve_draws
from analysis.models.sufficient_statistics.fits import squares_of
from analysis.models.sufficient_statistics.regressions import BUDGET, SubsetFits, distinct, grouping
from analysis.models.sufficient_statistics.resampling import (
    Seed,
    exceedance,
    multiplicities,
    seeded_draws,
    sign_draws,
)


@dataclass(frozen=True, eq=False)
class JointTest:
    """Is the curve of specifications as a whole what chance would give?

    Attributes
    ----------
    median, share_sign, share_significant : float
        Absolute median estimate; share of estimates with the dominant sign; share that is
        significant with the sign that more of the significant ones have.
    p_median, p_share_sign, p_share_significant : float
        (1 + number of null curves at or beyond) / (B + 1).
    null : ndarray, shape (B, 3)
        The three statistics under the null.
    level : float
        Of the interval that makes an estimate significant.
    """

    median: float
    share_sign: float
    share_significant: float
    p_median: float
    p_share_sign: float
    p_share_significant: float
    null: np.ndarray
    level: float


def joint_test(
    curves: SubsetFits | Sequence[SubsetFits],
    cluster: str,
    *,
    replicates: int = 500,
    seed: Seed,
    level: float = 0.95,
    errors: Literal["CRV1", "classical"] = "CRV1",
) -> JointTest:
    """Resample clusters under the null of no effect in any specification.

    Parameters
    ----------
    curves : SubsetFits or sequence of SubsetFits
        Specifications; several where they need different rows (filters, missing values). The same
        clusters are drawn for all, matched by label; every cluster of the union is drawn at full
        size.
    cluster : str
        Grouping of the sufficient statistics.
    replicates : int
    seed : int or numpy Generator
    level : float
        Of the t quantile beyond which an estimate is significant, in the observed and in the null
        curves alike.
    errors : {"CRV1", "classical"}
        The error of that t: by `cluster`, against t(G - 1), or classical, against t(n - k). The
        resampling makes the test valid with either. But under clustering many a null curve is
        significant by its classical t in every specification, and then no observed curve can stand
        out: the share significant loses its power.

    Notes
    -----
    The CRV1 error of a null curve weights the clusters' scores of the full fit by how often each
    was drawn, so that all of them are one product of matrices; a refit would move it by a share of
    the order of 1 / G.

    The null outcome of specification k is y - b_k s; least squares is linear, so its estimate in a
    resample is the resampled estimate less b_k, and its residuals are those of y.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), Specification curve analysis, Nature Human Behaviour 4,
    doi:10.1038/s41562-020-0912-z.
    """
    curves = [curves] if isinstance(curves, SubsetFits) else list(curves)
    curves, again = _distinct(curves)
    labels = np.unique(np.concatenate([grouping(fits, cluster).labels for fits in curves]))
    places = [np.searchsorted(labels, fits.sufficient.group(cluster).labels) for fits in curves]
    scores = [_squared_scores(fits, cluster) if errors == "CRV1" else None for fits in curves]
    critical = _critical(curves, scores, level)[again]
    pairs = list(zip(curves, scores, strict=True))
    observed = [_observed_t(f, cluster, s) for f, s in pairs]
    observed = _curve_statistics(observed, again, critical)[0]
    null, step = np.empty((replicates, 3)), max(1, BUDGET // (4 * len(again)))
    for part, weights in seeded_draws(len(labels), replicates, seed, multiplicities):
        for start in range(0, len(weights), step):  # few enough for arrays over specifications
            some = weights[start : start + step]
            curve = [
                null_t(f, cluster, some[:, place], s)
                for (f, s), place in zip(pairs, places, strict=True)
            ]
            at = part.start + start
            null[at : at + len(some)] = _curve_statistics(curve, again, critical)
    p = exceedance(null.T, observed)
    return JointTest(*observed.tolist(), *p.tolist(), null, level)


def _distinct(curves: Sequence[SubsetFits]) -> tuple[list[SubsetFits], np.ndarray]:
    """Return the regressions that differ, a curve for each table, and which of them, all together,
    every specification is: many differ only in the errors of their estimates.
    """
    tables: dict[int, list[SubsetFits]] = {}
    for fits in curves:
        tables.setdefault(id(fits.sufficient), []).append(fits)
    found = [distinct(fits) for fits in tables.values()]
    starts = np.cumsum([0, *(len(fits) for fits, _ in found)])
    again = [at + start for (_, at), start in zip(found, starts, strict=False)]
    return [fits for fits, _ in found], np.concatenate(again)


def _observed_t(
    fits: SubsetFits, cluster: str, scores: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and their t, each (m, 1)."""
    estimate = fits.estimate[:, None]
    if scores is not None:
        return estimate, _ratio(estimate, fits, cluster, scores, np.ones((1, len(scores))))
    free = fits.sufficient.n - fits.subsets.parameters
    error = np.sqrt(squares_of(fits.residual) * squares_of(fits.influence) / free)
    return estimate, (fits.estimate / (np.abs(fits.unit) * error))[:, None]


def _squared_scores(fits: SubsetFits, cluster: str) -> np.ndarray:
    """Square of each cluster's part of each estimate at unit spread, shape (G, m)."""
    return (grouping(fits, cluster).pairs @ pair_weights(fits.influence, fits.residual)) ** 2


def _ratio(
    shift: np.ndarray, fits: SubsetFits, cluster: str, scores: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Estimates over their CRV1 errors under multiplicities of the clusters, shape (m, B)."""
    g, rows = len(scores), weights @ fits.sufficient.group(cluster).sizes
    free = np.maximum(rows - fits.subsets.parameters[:, None], 1.0)
    factor = g / max(g - 1, 1) * (rows - 1) / free
    error = np.abs(fits.unit)[:, None] * np.sqrt(factor * (weights @ scores).T)
    return np.divide(shift, error, out=np.zeros_like(shift), where=error > 0)


def null_t(
    fits: SubsetFits, cluster: str, weights: np.ndarray, scores: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Null estimates and their t, each (m, B)."""
    sums = fits.sufficient.group(cluster)
    draws = solve_draws(fits, weights @ sums.pairs)
    shift = draws.estimate - fits.estimate[:, None]
    if scores is not None:
        return shift, np.where(draws.identified, _ratio(shift, fits, cluster, scores, weights), 0.0)
    free = np.maximum(weights @ sums.sizes - fits.subsets.parameters[:, None], 1.0)
    error = np.sqrt(draws.sse * draws.inverse / free)
    return shift, np.divide(
        shift, error, out=np.zeros_like(shift), where=draws.identified & (error > 0)
    )


def _critical(
    curves: Sequence[SubsetFits], scores: Sequence[np.ndarray | None], level: float
) -> np.ndarray:
    free = [
        fits.sufficient.n - fits.subsets.parameters
        if own is None
        else np.full(len(fits), len(own) - 1)
        for fits, own in zip(curves, scores, strict=True)
    ]
    return t_isf((1.0 - level) / 2.0, np.concatenate(free))


def _curve_statistics(
    pieces: Sequence[tuple[np.ndarray, np.ndarray]], again: np.ndarray, critical: np.ndarray
) -> np.ndarray:
    """|median|, dominant and significant share of curves, (B, 3), from estimates and t (m, B) of
    the regressions that differ, and which of them each specification is.
    """
    estimate, t = (np.concatenate(values)[again] for values in zip(*pieces, strict=True))
    positive, count = np.mean(estimate > 0, axis=0), len(estimate)
    above, below = np.sum(t > critical[:, None], axis=0), np.sum(t < -critical[:, None], axis=0)
    share = np.maximum(positive, np.mean(estimate < 0, axis=0))
    return np.column_stack(
        [np.abs(np.median(estimate, axis=0)), share, np.maximum(above, below) / count]
    )


# --- sign flips -----------------------------------------------------------------------------------


def effective_scores(fits: SubsetFits, cluster: str) -> np.ndarray:
    """Sums by cluster of the residualised term times the residual under the null, shape (G, m)."""
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
        place = f"scores of model {int(np.argmin(size))}"
        raise refusal(place, "all zero", "contributions that differ from zero")
    scores = scores / size
    observed = scores.sum(axis=0)
    order = np.argsort(np.abs(observed), kind="stable")  # the largest last: a running maximum
    scores = scores[:, order]
    new = np.concatenate([[True], (scores[:, 1:] != scores[:, :-1]).any(axis=0)])
    again, scores = np.cumsum(new) - 1, np.ascontiguousarray(scores[:, new])
    ranked, share = np.abs(observed)[order][new], np.bincount(again) / len(again)
    counts = np.zeros((2, scores.shape[1]))
    joint, total = np.zeros(2), 0
    enumerated, draws = sign_draws(len(scores), replicates, seed, "rademacher")
    for _, flips in draws:
        null = flips @ scores
        np.abs(null, out=null)
        counts[0] += _reaches(null, ranked)
        joint[1] += _reaches(null @ share, ranked @ share)
        highest = np.maximum.accumulate(null, axis=1, out=null)
        counts[1] += _reaches(highest, ranked)
        joint[0] += _reaches(highest[:, -1], ranked[-1])
        total += len(flips)
    more = 0 if enumerated else 1
    single, stepped, joint = (
        (values + more) / (total + more) for values in (*counts[:, again], joint)
    )
    stepped = np.maximum.accumulate(stepped[::-1])[::-1]
    back = np.argsort(order)
    return SignFlips(
        observed, single[back], stepped[back], float(joint[0]), float(joint[1]), enumerated
    )


def _reaches(null: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return np.sum(null >= observed * (1.0 - 1e-10), axis=0)
