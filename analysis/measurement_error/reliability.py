"""Reliability of recorded engagement: from halves, repeated windows, or a declared range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.models.covariance import cluster_sums
from analysis.models.distributions import normal_sf

How = Literal["halves", "test-retest", "declared"]

BLOCK = 1024
"""Replicates per child of the random generator."""


@dataclass(frozen=True)
class Reliability:
    """Share of the variance of a recorded column that is truth.

    Attributes
    ----------
    how : {"halves", "test-retest", "declared"}
    value, low, high : float
        Estimate and percentile interval of the (cluster) bootstrap, or the declared range.
    """

    how: How
    value: float
    low: float
    high: float

    @property
    def note(self) -> str:
        return NOTES[self.how]


NOTES: dict[How, str] = {
    "halves": "Spearman-Brown of two halves, bootstrap interval",
    "test-retest": "intraclass correlation of the mean of two windows, bootstrap interval. True"
    " change between windows counts as error.",
    "declared": "declared range",
}


def estimate_reliability(
    columns: np.ndarray,
    how: Literal["halves", "test-retest"] = "halves",
    *,
    clusters: np.ndarray | None = None,
    level: float = 0.95,
    replicates: int = 1999,
    rng: np.random.Generator | None = None,
) -> Reliability:
    """Return the reliability of the mean of parallel columns, with a bootstrap interval.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
        After the column's transform: two halves (odd and even weeks), or k repeated windows. A
        shift of all people between windows does not count as error.
    how : {"halves", "test-retest"}
        Spearman-Brown, ``2 r / (1 + r)`` with r the correlation of the halves; or the intraclass
        correlation ICC(C,k).
    clusters : ndarray of int, shape (n,), optional
        Codes 0 .. G-1; whole clusters are drawn.

    Notes
    -----
    The correction itself uses the error variance ``var(h1 - h2) / 4``, for which the halves' errors
    need not be equally large. ICC: McGraw & Wong (1996), doi:10.1037/1082-989X.1.1.30. True change
    between windows counts as error: a lower bound where engagement moves.
    """
    statistic = spearman_brown if how == "halves" else icc_mean
    return Reliability(how, *_bootstrap(columns, statistic, clusters, level, replicates, rng))


def within_person(reliability: float, autocorrelation: float) -> float:
    """Return the reliability of the change within a person, for a column whose truth hardly moves.

    Parameters
    ----------
    reliability : float
        Of the column between people.
    autocorrelation : float
        Of the recorded column from one period to the next.

    Notes
    -----
    ``(r - a) / (1 - a)``: Griliches & Hausman (1986), doi:10.1016/0304-4076(86)90058-8. Fixed
    effects remove truth and keep error.

    Examples
    --------
    >>> round(within_person(0.8, 0.6), 3)
    0.5
    """
    return (reliability - autocorrelation) / (1 - autocorrelation)


def reliability_within(columns: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Return the share of each column's variance within units that halves agree on, shape (k,)."""
    return 1 - (differences**2).sum(axis=0) / (columns**2).sum(axis=0)


SMALL = 5
"""Counts below this are small: log(1 + count) of a Poisson count with such a mean has a bias as
large as its error."""

SMALL_SHARE = 0.05
"""Largest share of small counts in either half; with more a correction of their logarithm, which
takes the error as classical, is refused. With 16 % zeros the corrected test still rejects a
worthless score in 23 % of samples of 1,000, and in 77 % of 5,000."""


@dataclass(frozen=True)
class SmallCounts:
    """Shares of small counts in two halves, *before* their transform."""

    first: float
    second: float

    @property
    def largest(self) -> float:
        return max(self.first, self.second)

    @property
    def passed(self) -> bool:
        """Whether the error of log(1 + count) counts as classical."""
        return self.largest <= SMALL_SHARE

    @property
    def sentence(self) -> str:
        shares = (
            f"{100 * self.first:.0f} % and {100 * self.second:.0f} % of the halves' counts are"
            f" below {SMALL}"
        )
        if self.passed:
            return f"{shares}: at most {100 * SMALL_SHARE:.0f} % may be."
        return (
            f"{shares}: the logarithm's error then depends on the truth, and correcting it as plain"
            " noise misleads."
        )


def small_counts(first: np.ndarray, second: np.ndarray) -> SmallCounts:
    """Return the shares of small counts in two halves, arrays of shape (n,)."""
    return SmallCounts(float(np.mean(first < SMALL)), float(np.mean(second < SMALL)))


# --- statistics of a covariance matrix, or of a stack of them -------------------------------------


def spearman_brown(cov: np.ndarray) -> np.ndarray:
    """Return 2 r / (1 + r) of 2 x 2 covariance matrices, shape (..., 2, 2)."""
    r = cov[..., 0, 1] / np.sqrt(cov[..., 0, 0] * cov[..., 1, 1])
    return 2 * r / (1 + r)


def icc_mean(cov: np.ndarray) -> np.ndarray:
    """Return ICC(C,k), the reliability of the mean of the k columns, from (..., k, k)."""
    k = cov.shape[-1]
    total = cov.sum(axis=(-2, -1))
    return k / (k - 1) * (1 - np.trace(cov, axis1=-2, axis2=-1) / total)


def _bootstrap(
    columns: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    clusters: np.ndarray | None,
    level: float,
    replicates: int,
    rng: np.random.Generator | None,
) -> tuple[float, float, float]:
    """Return (value, low, high) of a statistic of the covariance matrix: percentile bootstrap."""
    columns = np.asarray(columns, dtype=float) - np.mean(columns, axis=0)
    n, k = columns.shape
    products = np.einsum("ni,nj->nij", columns, columns).reshape(n, k * k)
    sums = np.column_stack([np.ones(n), columns, products])
    if clusters is not None:
        sums = cluster_sums(sums, clusters)
    value = float(statistic(_covariances(sums.sum(axis=0)[None], k))[0])
    rng = np.random.default_rng(20121105) if rng is None else rng
    sizes = [BLOCK] * (replicates // BLOCK) + [replicates % BLOCK]
    children = rng.spawn(len(sizes))
    drawn = np.concatenate(
        [_resampled(sums, size, child) for size, child in zip(sizes, children, strict=True)]
    )
    values = statistic(_covariances(drawn, k))
    low, high = np.quantile(values[np.isfinite(values)], [(1 - level) / 2, (1 + level) / 2])
    return value, float(low), float(high)


def _resampled(sums: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    units = len(sums)
    draws = (np.bincount(rng.integers(units, size=units), minlength=units) for _ in range(size))
    return np.array([draw @ sums for draw in draws]).reshape(size, sums.shape[1])


def _covariances(sums: np.ndarray, k: int) -> np.ndarray:
    count, mean = sums[:, 0], sums[:, 1 : k + 1] / sums[:, :1]
    second = sums[:, k + 1 :].reshape(-1, k, k) / count[:, None, None]
    return (second - mean[:, :, None] * mean[:, None, :]) * (count / (count - 1))[:, None, None]


UNEVEN_P = 0.01
"""A rank correlation that chance makes less often than this shows noise of uneven size."""


@dataclass(frozen=True)
class UnevenNoise:
    """Whether the noise of two halves changes with the level.

    Attributes
    ----------
    correlation : float
        Spearman's, of the size of the halves' difference with their sum.
    p_value : float
        Two-sided.
    """

    correlation: float
    p_value: float

    @property
    def passed(self) -> bool:
        return self.p_value >= UNEVEN_P

    @property
    def sentence(self) -> str:
        if self.passed:
            return (
                "The difference of its halves is of one size over all levels (rank correlation"
                f" {self.correlation:.2f})."
            )
        how, other = ("grows", "log1p or sqrt") if self.correlation > 0 else ("shrinks", "sqrt")
        return (
            f"Its noise {how} with its level (rank correlation of the halves' difference, in size,"
            f" with their sum: {self.correlation:.2f}), and corrections take noise to be of one"
            f" size, so they decide nothing. A transform such as {other} may even it."
        )


def uneven_noise(first: np.ndarray, second: np.ndarray) -> UnevenNoise:
    """Return whether the noise of two halves changes with the level, on the scale used.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        As they are transformed.

    Notes
    -----
    Skewed noise of one size shows, too: with independent noises u and v of third moment k, the mean
    of (u - v)**2 (u + v) is 2 k.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> level = rng.exponential(size=500)
    >>> halves = level + level * rng.normal(size=(2, 500))
    >>> uneven_noise(*halves).passed
    False
    """
    from scipy.stats import spearmanr

    found = spearmanr(np.abs(first - second), first + second)
    if not np.isfinite(found.statistic):
        return UnevenNoise(0.0, 1.0)
    return UnevenNoise(float(found.statistic), float(found.pvalue))


@dataclass(frozen=True)
class SharedNoise:
    """Whether rows next to each other are more alike than rows apart, so that halves of every other
    row share what makes them so.

    Attributes
    ----------
    near, apart : float
        Correlations of the odd with the even half, and of the earlier with the later one.
    p_value : float
        One-sided, of the first being the larger.
    """

    near: float
    apart: float
    p_value: float

    @property
    def passed(self) -> bool:
        return self.p_value >= UNEVEN_P

    @property
    def sentence(self) -> str:
        both = (
            f"odd and even rows of its file correlate {self.near:.2f}, earlier and later ones"
            f" {self.apart:.2f}"
        )
        if self.passed:
            return f"Its halves are as alike as they would be at any distance: {both}."
        return (
            f"Rows next to each other go together: {both}. What odd and even rows share passes for"
            ' truth, noise or not, so these halves decide nothing. Write split = "windows", which'
            " counts it as noise."
        )


def shared_noise(
    near: tuple[np.ndarray, np.ndarray], apart: tuple[np.ndarray, np.ndarray]
) -> SharedNoise:
    """Return whether the odd and even halves correlate more than the earlier and later ones.

    Parameters
    ----------
    near, apart : pair of ndarray, shape (n,)
        Of the same accounts, as they are transformed.

    Notes
    -----
    Both correlations are the reliability of a half where the truth stays and the noise of each row
    is its own. The error of their difference is that of the mean of its influence function.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> level, weeks = rng.normal(size=500), rng.normal(size=(500, 8))
    >>> def halves(rows):
    ...     return (rows[:, ::2].mean(1), rows[:, 1::2].mean(1)), (rows[:, :4].mean(1),
    ...                                                            rows[:, 4:].mean(1))
    >>> shared_noise(*halves(level[:, None] + weeks)).passed
    True
    >>> shared_noise(*halves(level[:, None] + weeks.cumsum(axis=1))).passed
    False
    """
    found, pulls = [], []
    for pair in (near, apart):
        x, y = ((half - half.mean()) / max(half.std(), 1e-300) for half in pair)
        found.append(float((x * y).mean()))
        pulls.append(x * y - found[-1] * (x**2 + y**2) / 2)
    error = float((pulls[0] - pulls[1]).std()) / np.sqrt(len(pulls[0]))
    gap = found[0] - found[1]
    chance = float(normal_sf(gap / error)) if error > 0 else float(gap <= 0)
    return SharedNoise(found[0], found[1], chance)
