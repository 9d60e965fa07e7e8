"""The restricted wild cluster bootstrap with an interval, and the effective number of clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import cluster_sums, equal_clusters, small_sample
from analysis.models.design import Design
from analysis.models.fit import Fit
from analysis.models.sufficient_statistics.resampling import Weights, exceedance, sign_draws

FEW_FOR_SIGNS = 12
"""With fewer clusters than this, and more sign vectors than replicates, Webb's six points take the
place of signs.
"""


@dataclass(frozen=True, eq=False)
class WildTest:
    """The wild cluster bootstrap of one least-squares coefficient, for every tested value.

    Attributes
    ----------
    estimate, std_error : float
        In outcome units per unit of the term; the error is CRV1.
    enumerated : bool
        Whether all sign vectors were used.
    weights : {"rademacher", "webb"}
    numerators : ndarray, shape (2, B)
        Bootstrap numerators at zero, and what a unit of the tested value takes off them.
    squares : ndarray, shape (3, B)
        Squared bootstrap errors as a polynomial in the tested value.
    """

    estimate: float
    std_error: float
    enumerated: bool
    weights: Weights
    numerators: np.ndarray
    squares: np.ndarray

    @property
    def statistic(self) -> float:
        """t against zero."""
        return self.estimate / self.std_error

    def p_value(self, value: float = 0.0) -> float:
        """Return the symmetric p-value against a value: the share of bootstrap |t| as large."""
        top = np.abs(self.numerators[0] - value * self.numerators[1])
        squares = self.squares[0] - value * self.squares[1] + value**2 * self.squares[2]
        null = top / np.sqrt(np.maximum(squares, np.finfo(float).tiny))
        observed = abs(self.estimate - value) / self.std_error
        return float(exceedance(null, np.array(observed), exact=self.enumerated))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the values that are not rejected, up to the first rejected one on either side.

        Raises
        ------
        DesignError
            When no value is rejected: so few sign vectors have no p-value this small.
        """
        return self._edge(level, -1.0), self._edge(level, 1.0)

    def _edge(self, level: float, side: float) -> float:
        inside, step = self.estimate, self.std_error * side
        for _ in range(40):
            outside = inside + step
            if self.p_value(outside) <= 1 - level + 1e-12:
                break
            inside, step = outside, 1.5 * step
        else:
            found = (
                f"an interval of {100 * level:g} % from {len(self.numerators[0]):,} sign vectors"
            )
            raise DesignError(
                "the model",
                [Fault("wild cluster bootstrap", found, "more clusters, or a lower level")],
            )
        while abs(outside - inside) > 1e-7 * self.std_error:
            middle = (inside + outside) / 2
            if self.p_value(middle) <= 1 - level + 1e-12:
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2


def wild_test(design: Design, term: str, *, replicates: int, seed: int) -> WildTest:
    """Run the restricted wild cluster bootstrap (WCR) of one coefficient of least squares.

    Parameters
    ----------
    design : Design
        With clusters.
    term : str
    replicates : int
        All sign vectors are used instead where there are no more of them.
    seed : int

    Notes
    -----
    Cameron, Gelbach & Miller (2008), doi:10.1162/rest.90.3.414. The residuals of the model with the
    coefficient held at the tested value get one weight per cluster. They are linear in that value,
    so one set of draws serves all values, and the interval is the test inverted. With w the term's
    part outside the other columns over its square, the numerator is ``sum_g v_g w_g'u_g`` and the
    CRV1 error of the bootstrap sample comes from the clusters' sums of ``w_i`` times its residuals.
    """
    if design.clusters is None or design.n_clusters < 2:
        fault = Fault("wild cluster bootstrap", "no clusters", "[cluster] with at least two")
        raise DesignError("the model", [fault])
    at = design.position(term)
    columns, own = design.basis[0], design.matrix[:, at]
    others = np.linalg.qr(
        np.delete(design.matrix / np.linalg.norm(design.matrix, axis=0), at, axis=1)
    )[0]
    y = design.response - others @ (others.T @ design.response)
    s = own - others @ (others.T @ own)
    influence = s / (s @ s)
    estimate = float(influence @ design.response)
    factor = small_sample("CRV1", design.n, design.k, design.n_clusters)
    scores = np.bincount(design.clusters, influence * (y - estimate * s))
    groups = design.n_clusters
    few = groups < FEW_FOR_SIGNS and 1 << groups > replicates
    weights: Weights = "webb" if few else "rademacher"
    enumerated, blocks = sign_draws(groups, replicates, seed, weights)
    parts = [
        _bootstrap(design.clusters, columns / np.sqrt(design.n), influence, (y, s), draws)
        for _, draws in blocks
    ]
    numerators, squares = (np.concatenate(pieces, axis=1) for pieces in zip(*parts, strict=True))
    error = float(np.sqrt(factor * scores @ scores))
    return WildTest(estimate, error, enumerated, weights, numerators, factor * squares)


def _bootstrap(
    clusters: np.ndarray,
    columns: np.ndarray,
    influence: np.ndarray,
    residuals: tuple[np.ndarray, np.ndarray],
    draws: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return numerators (2, B) and squared errors' coefficients (3, B) for draws of shape (B, G).

    Residuals of a bootstrap sample are ``v u - H v u``; both the restricted residuals of the
    outcome and the term's own part take the place of u, since a tested value enters linearly.
    """
    spread = cluster_sums(influence[:, None] * columns, clusters)
    tops, sums = [], []
    for u in residuals:
        along = np.bincount(clusters, influence * u)
        fitted = draws @ cluster_sums(u[:, None] * columns, clusters)
        tops.append(draws @ along)
        sums.append(draws * along - fitted @ spread.T)
    first, second = sums
    return np.array(tops), np.array(
        [(first**2).sum(axis=1), 2 * (first * second).sum(axis=1), (second**2).sum(axis=1)]
    )


def effective_clusters(fit: Fit, term: str) -> tuple[float, float]:
    """Return how many clusters of equal weight would carry a coefficient as these do, in two cases.

    Parameters
    ----------
    fit : Fit
        Of one equation, with clusters in its design.
    term : str

    Returns
    -------
    (float, float)
        When the errors of a cluster are independent, and when they are one common shock, the
        conservative case.

    Notes
    -----
    ``G / (1 + V)``, with V the squared coefficient of variation (population form) of what each
    cluster adds to the coefficient's variance: Carter, Schnepel & Steigerwald (2017),
    doi:10.1162/REST_a_00639. With w the rows' weights in the coefficient a cluster adds ``sum
    w**2`` or ``(sum w)**2``. For a model with a link the rows are weighted by the roots of the
    information, which is our extension.
    """
    basis, triangle = fit.design.basis
    along = np.linalg.solve(fit.information, np.linalg.inv(triangle)[fit.position(term)])
    weights = (basis @ along) * np.sqrt(np.maximum(fit.weights, 0.0))
    apart, sums = (np.bincount(fit.design.clusters, one) for one in (weights**2, weights))
    return equal_clusters(apart), equal_clusters(sums**2)
