"""Joint inference on a curve of specifications, by resampling clusters under the null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.models.distributions import t_isf
from analysis.models.sufficient_statistics.draws import solve_draws
from analysis.models.sufficient_statistics.pairs import pair_weights
from analysis.models.sufficient_statistics.regressions import BUDGET, SubsetFits
from analysis.models.sufficient_statistics.resampling import (
    Seed,
    exceedance,
    grouping,
    multiplicities,
    seeded_draws,
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
    """Resample clusters under the null of no effect in any specification (Simonsohn, Simmons &
    Nelson 2020).

    Parameters
    ----------
    curves : SubsetFits or sequence of SubsetFits
        Specifications; several where they need different rows (filters, missing values). The same
        clusters are drawn for all, matched by label; every cluster of the union is drawn at full
        size.
    cluster : str
        Grouping of the moments.
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
    labels = np.unique(np.concatenate([grouping(fits, cluster).labels for fits in curves]))
    places = [np.searchsorted(labels, fits.moments.group(cluster).labels) for fits in curves]
    scores = [_squared_scores(fits, cluster) if errors == "CRV1" else None for fits in curves]
    critical = _critical(curves, scores, level)
    own = [
        _observed_t(fits, cluster, squares) for fits, squares in zip(curves, scores, strict=True)
    ]
    observed = _curve_statistics(own, critical)[0]
    null = np.empty((replicates, 3))
    for part, weights in seeded_draws(len(labels), replicates, seed, multiplicities):
        null[part] = np.concatenate(
            [
                _null_statistics(curves, cluster, places, some, critical, scores)
                for some in _few(weights, curves)
            ]
        )
    p = exceedance(null.T, observed)
    return JointTest(*observed.tolist(), *p.tolist(), null, level)


def _few(weights: np.ndarray, curves: Sequence[SubsetFits]) -> Iterator[np.ndarray]:
    """Rows of the draws, few enough for the arrays over specifications to stay small."""
    step = max(1, BUDGET // (4 * sum(len(fits) for fits in curves)))
    return (weights[start : start + step] for start in range(0, len(weights), step))


def _null_statistics(
    curves, cluster: str, places, weights: np.ndarray, critical: np.ndarray, scores
) -> np.ndarray:
    pieces = [
        _null_t(fits, cluster, weights[:, place], own)
        for fits, place, own in zip(curves, places, scores, strict=True)
    ]
    return _curve_statistics(pieces, critical)


def _observed_t(
    fits: SubsetFits, cluster: str, scores: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and their t, each (m, 1)."""
    estimate = fits.estimate[:, None]
    if scores is not None:
        return estimate, _ratio(estimate, fits, cluster, scores, np.ones((1, len(scores))))
    free = fits.moments.n - fits.subsets.parameters
    squares = np.einsum("mk,mk->m", fits.residual, fits.residual) * np.einsum(
        "mk,mk->m", fits.influence, fits.influence
    )
    return estimate, (fits.estimate / (np.abs(fits.unit) * np.sqrt(squares / free)))[:, None]


def _squared_scores(fits: SubsetFits, cluster: str) -> np.ndarray:
    """Square of each cluster's part of each estimate at unit spread, shape (G, m)."""
    return (grouping(fits, cluster).pairs @ pair_weights(fits.influence, fits.residual)) ** 2


def _ratio(
    shift: np.ndarray, fits: SubsetFits, cluster: str, scores: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Estimates over their CRV1 errors under multiplicities of the clusters, shape (m, B)."""
    g, rows = len(scores), weights @ fits.moments.group(cluster).sizes
    factor = (
        g / max(g - 1, 1) * (rows - 1) / np.maximum(rows - fits.subsets.parameters[:, None], 1.0)
    )
    error = np.abs(fits.unit)[:, None] * np.sqrt(factor * (weights @ scores).T)
    return np.divide(shift, error, out=np.zeros_like(shift), where=error > 0)


def _null_t(
    fits: SubsetFits, cluster: str, weights: np.ndarray, scores: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Null estimates and their t, each (m, B)."""
    sums = fits.moments.group(cluster)
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
    free = np.concatenate(
        [
            fits.moments.n - fits.subsets.parameters
            if own is None
            else np.full(len(fits), len(own) - 1)
            for fits, own in zip(curves, scores, strict=True)
        ]
    )
    return t_isf((1.0 - level) / 2.0, free)


def _curve_statistics(
    pieces: Sequence[tuple[np.ndarray, np.ndarray]], critical: np.ndarray
) -> np.ndarray:
    """|median|, dominant share and significant share of curves, from estimates and t of (m, B),
    shape (B, 3).
    """
    estimate, t = (np.concatenate(values) for values in zip(*pieces, strict=True))
    positive, count = np.mean(estimate > 0, axis=0), len(estimate)
    above, below = np.sum(t > critical[:, None], axis=0), np.sum(t < -critical[:, None], axis=0)
    share = np.maximum(positive, np.mean(estimate < 0, axis=0))
    return np.column_stack(
        [np.abs(np.median(estimate, axis=0)), share, np.maximum(above, below) / count]
    )
