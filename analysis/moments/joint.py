"""Joint inference on a curve of specifications, by resampling clusters under the null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.moments.draws import solve_draws
from analysis.moments.regressions import BUDGET, SubsetFits
from analysis.moments.resampling import Seed, exceedance, grouping, multiplicities, seeded_draws


@dataclass(frozen=True, eq=False)
class JointTest:
    """Is the curve of specifications as a whole what chance would give?

    Attributes
    ----------
    median, share_sign, share_significant : float
        Absolute median estimate; share of estimates with the dominant sign; share that is significant with the
        sign that more of the significant ones have.
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
    curves: SubsetFits | Sequence[SubsetFits], cluster: str, *, replicates: int = 500, seed: Seed, level: float = 0.95
) -> JointTest:
    """Resample clusters under the null of no effect in any specification (Simonsohn, Simmons & Nelson 2020).

    Parameters
    ----------
    curves : SubsetFits or sequence of SubsetFits
        Specifications; several where they need different rows (filters, missing values). The same clusters are
        drawn for all, matched by label; every cluster of the union is drawn at full size.
    cluster : str
        Grouping of the moments.
    replicates : int
    seed : int or numpy Generator
    level : float
        Significance is |t| beyond the t(n - k) quantile, with the classical error in the observed and in the
        null curves alike: the resampling, not the error, makes the test valid under clustering.

    Notes
    -----
    The null outcome of specification k is y - b_k s; least squares is linear, so its estimate in a resample is
    the resampled estimate less b_k, and its residuals are those of y.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), Specification curve analysis, Nature Human Behaviour 4,
    doi:10.1038/s41562-020-0912-z.
    """
    curves = [curves] if isinstance(curves, SubsetFits) else list(curves)
    labels = np.unique(np.concatenate([grouping(fits, cluster).labels for fits in curves]))
    places = [np.searchsorted(labels, fits.moments.group(cluster).labels) for fits in curves]
    critical = _critical(curves, level)
    observed = _curve_statistics([_observed_t(fits) for fits in curves], critical)[0]
    null = np.empty((replicates, 3))
    for part, weights in seeded_draws(len(labels), replicates, seed, multiplicities):
        null[part] = np.concatenate(
            [_null_statistics(curves, cluster, places, some, critical) for some in _few(weights, curves)]
        )
    p = exceedance(null.T, observed)
    return JointTest(*observed.tolist(), *p.tolist(), null, level)


def _few(weights: np.ndarray, curves: Sequence[SubsetFits]) -> Iterator[np.ndarray]:
    """Rows of the draws, few enough for the arrays over specifications to stay small."""
    step = max(1, BUDGET // (4 * sum(len(fits) for fits in curves)))
    return (weights[start : start + step] for start in range(0, len(weights), step))


def _null_statistics(curves, cluster: str, places, weights: np.ndarray, critical: np.ndarray) -> np.ndarray:
    pieces = [_null_t(fits, cluster, weights[:, place]) for fits, place in zip(curves, places, strict=True)]
    return _curve_statistics(pieces, critical)


def _observed_t(fits: SubsetFits) -> tuple[np.ndarray, np.ndarray]:
    free = fits.moments.n - fits.subsets.parameters
    squares = np.einsum("mk,mk->m", fits.residual, fits.residual) * np.einsum(
        "mk,mk->m", fits.influence, fits.influence
    )
    return fits.estimate[:, None], (fits.estimate / (np.abs(fits.unit) * np.sqrt(squares / free)))[:, None]


def _null_t(fits: SubsetFits, cluster: str, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Null estimates and their t, each (m, B)."""
    sums = fits.moments.group(cluster)
    draws = solve_draws(fits, weights @ sums.pairs)
    free = np.maximum(weights @ sums.sizes - fits.subsets.parameters[:, None], 1.0)
    shift = draws.estimate - fits.estimate[:, None]
    error = np.sqrt(draws.sse * draws.inverse / free)
    return shift, np.divide(shift, error, out=np.zeros_like(shift), where=draws.identified & (error > 0))


def _critical(curves: Sequence[SubsetFits], level: float) -> np.ndarray:
    from scipy.special import stdtrit

    free = np.concatenate([fits.moments.n - fits.subsets.parameters for fits in curves])
    return -stdtrit(free, (1.0 - level) / 2.0)


def _curve_statistics(pieces: Sequence[tuple[np.ndarray, np.ndarray]], critical: np.ndarray) -> np.ndarray:
    """|median|, dominant share and significant share of curves, from estimates and t of (m, B), shape (B, 3)."""
    estimate, t = (np.concatenate(values) for values in zip(*pieces, strict=True))
    positive, count = np.mean(estimate > 0, axis=0), len(estimate)
    above, below = np.sum(t > critical[:, None], axis=0), np.sum(t < -critical[:, None], axis=0)
    share = np.maximum(positive, np.mean(estimate < 0, axis=0))
    return np.column_stack([np.abs(np.median(estimate, axis=0)), share, np.maximum(above, below) / count])
