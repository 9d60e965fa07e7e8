"""What a correction for noise in engagement returns: coefficients with their covariance, or a
refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from analysis.measurement_error.measurement import Measurement, error_in_basis
from analysis.models.covariance import around, cluster_sums, hat_diagonal
from analysis.models.design import Design
from analysis.models.fit import Fit, critical_value, p_value

SMALLEST_TRUE_SHARE = 0.05
"""Below this share of truth in the worst direction of the recorded columns, given the others, no
correction.
"""

WEAKEST_IDENTIFICATION = 4.0
"""And below this square of (share / its standard error). A higher bar selects samples in which the
error variance came out small: with 10, the size among the samples that pass is .09 to .12 where the
share is known badly (simulated: n = 300, true share .2); with 4 it is .06 to .075, and no sample
that is refused counts as `adds`."""

LEVERED = 0.1
"""Largest leverage in a design without clusters from which on a correction has HC3 in place of HC1.
With a lognormal score, least squares and reliability .8, HC1 finds a worthless score in 8.2, 7.3
and 6.8 % of samples of 100, 300 and 1,000 and HC3 in 4.8, 5.2 and 5.8 % (2,000 draws each); normal
columns pass the bound in small samples only."""


@dataclass(frozen=True, eq=False)
class Identification:
    """How far the corrected moment matrix is from singular.

    Attributes
    ----------
    true_share : float
        Smallest eigenvalue (real part) of the corrected moment matrix relative to the recorded one:
        the share of truth in the worst direction of the recorded columns once all others are held
        constant.
    std_error : float
        Of that share, with estimated error variances.
    column : str
        The column that has most of the worst direction, in standard deviations of what is left of
        each.
    """

    true_share: float
    std_error: float
    column: str = ""

    @property
    def strength(self) -> float:
        """Square of share / standard error; it plays the part of a first-stage F."""
        return (max(self.true_share, 0.0) / self.std_error) ** 2 if self.std_error > 0 else np.inf

    @property
    def usable(self) -> bool:
        return self.true_share >= SMALLEST_TRUE_SHARE and self.strength >= WEAKEST_IDENTIFICATION


@dataclass(frozen=True)
class Refusal:
    """A correction that cannot be made. It is never replaced by the plain fit.

    Attributes
    ----------
    model : str
        Which correction.
    reason : str
        A sentence.
    statistic : float or None
        What the reason rests on.
    """

    model: str
    reason: str
    statistic: float | None = None


@dataclass(frozen=True, eq=False)
class Correction:
    """Coefficients corrected for errors in recorded columns.

    Attributes
    ----------
    model : {"eiv", "calibration", "corrected-score", "conditional-score", "oriv", "iv-pml"}
    terms : tuple of str, length k
    params : ndarray, shape (k,)
        On the model's own scale, per unit of each column.
    cov : ndarray, shape (k, k)
        Of the stacked estimating equations: the estimated error covariances are part of the stack.
    covariance : {"HC1", "HC3", "CRV1", "CRV3"}
    n : int
    clusters : int or None
    influence : ndarray, shape (n, k)
        Each row's part of ``params - truth``; `cov` is their (cluster-summed) cross product times
        its factor.
    identification : Identification or None
    """

    model: str
    terms: tuple[str, ...]
    params: np.ndarray
    cov: np.ndarray
    covariance: str
    n: int
    clusters: int | None
    influence: np.ndarray = field(repr=False)
    identification: Identification | None = None

    @property
    def df(self) -> float | None:
        """Degrees of freedom of the reference: G - 1 with CRV3, else None for the normal one."""
        return self.clusters - 1.0 if self.covariance == "CRV3" else None

    def estimate(self, term: str) -> float:
        return float(self.params[self.terms.index(term)])

    def std_error(self, term: str) -> float:
        at = self.terms.index(term)
        return float(np.sqrt(self.cov[at, at]))

    def p_value(self, term: str) -> float:
        return p_value(self.estimate(term) / self.std_error(term), self.df)

    def interval(self, term: str, level: float = 0.95) -> tuple[float, float]:
        half = critical_value(level, self.df) * self.std_error(term)
        return self.estimate(term) - half, self.estimate(term) + half

    def jackknifed(self, others: np.ndarray) -> Correction:
        """Return the correction with CRV3 errors, from the coefficients without each cluster, shape
        (G, k).
        """
        return replace(self, cov=around(self.params, others), covariance="CRV3")


def identification(design: Design, measurement: Measurement) -> Identification:
    """Return the smallest relative eigenvalue of the corrected moment matrix, with its standard
    error.

    Notes
    -----
    The eigenvalues of ``I - T^-T C T^-1`` with ``T'T`` the recorded moments and C what is
    subtracted; with one noisy column and no shared error the smallest is ``1 - s / var(E* | all
    other columns)``. Its square over its variance plays the part of a first-stage F.
    """
    rows, inside = error_in_basis(design, measurement)
    values, vectors = np.linalg.eig(np.eye(design.k) - inside)
    worst = int(values.real.argmin())
    share, right, left = values[worst], vectors[:, worst], np.linalg.inv(vectors)[worst]
    parts = (design.basis[0] @ left) * (design.basis[0] @ right) * (1 - share)
    parts = (parts - measurement.times(rows @ right) @ (rows @ left)).real[:, None]
    sums = parts if design.clusters is None else cluster_sums(parts, design.clusters)
    direction = np.linalg.solve(design.basis[1], right).real
    weight = {
        term: (
            abs(direction[design.terms.index(term)])
            * float(np.std(design.matrix[:, design.terms.index(term)]))
        )
        for term, own in zip(measurement.terms, measurement.replaced, strict=True)
        if own
    }
    return Identification(
        float(share.real),
        float(np.sqrt((sums**2).sum()) / design.n),
        max(weight, key=weight.get, default=""),
    )


def refuse_weak(model: str, found: Identification) -> Refusal | None:
    """Return the refusal of a correction that would divide by (almost) nothing, or None."""
    if found.usable:
        return None
    reason = (
        "The correction is refused: once the other columns are held constant,"
        f" {100 * found.true_share:.0f} % (standard error {100 * found.std_error:.0f}) of the"
        f" variance of recorded engagement is truth; at least {100 * SMALLEST_TRUE_SHARE:.0f} %,"
        f" and twice its standard error, is needed. That is {found.column} above all: record it"
        " more reliably, or hold fewer columns that say nearly the same."
    )
    return Refusal(model, reason, found.true_share)


def stacked_covariance(
    influence: np.ndarray, clusters: np.ndarray | None, k: int | None = None
) -> tuple[np.ndarray, str]:
    """Return (covariance, its name): HC1, or CRV1 with clusters, from rows of influence, shape (n,
    quantities).

    `k` is the number of coefficients of the equation where these are not all of them.
    """
    n, k = len(influence), influence.shape[1] if k is None else k
    if clusters is None:
        return influence.T @ influence * (n / (n - k)), "HC1"
    sums = cluster_sums(influence, clusters)
    groups = len(sums)
    return sums.T @ sums * (groups / (groups - 1) * (n - 1) / (n - k)), "CRV1"


def corrected(
    model: str, fit: Fit, params: np.ndarray, influence: np.ndarray, found: Identification | None
) -> Correction:
    """Carry coefficients and influence from the orthonormal basis to the columns of a plain fit's
    design.
    """
    design = fit.design
    back = np.linalg.inv(design.basis[1])
    influence = influence @ back.T
    cov, name = stacked_covariance(influence, design.clusters)
    carried = Correction(
        model=model,
        terms=design.terms,
        params=back @ params,
        cov=cov,
        covariance=name,
        n=design.n,
        clusters=design.n_clusters,
        influence=influence,
        identification=found,
    )
    leverage = leverage_of(fit)
    return carried if leverage is None else under_leverage(carried, leverage)


def leverage_of(fit: Fit) -> np.ndarray | None:
    """Return each row's leverage, weighted as the fit weights it, shape (n,), where it matters to a
    correction's error.

    None with clusters, where no row of the design has a leverage of `LEVERED`, and where one has
    all of it. Whether it matters is a question of the columns alone, so that the outcome has no say
    in how it is tested.
    """
    if fit.design.clusters is not None or fit.design.largest_leverage < LEVERED:
        return None
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    return None if (leverage > 1 - 1e-10).any() else leverage


def under_leverage(found: Correction, leverage: np.ndarray) -> Correction:
    """Return a correction with errors of the kind HC3: each row's influence over what the row
    leaves to the others.

    Parameters
    ----------
    found : Correction
    leverage : ndarray, shape (n,)
        Of the plain fit's rows, weighted as it weights them.

    Notes
    -----
    For a score of which a few rows hold much of the variance. With clusters, or a row of leverage
    one, it stays as it is.
    """
    if found.clusters is not None or (leverage > 1 - 1e-10).any():
        return found
    influence = found.influence / (1 - leverage)[:, None]
    return replace(found, cov=influence.T @ influence, covariance="HC3")
