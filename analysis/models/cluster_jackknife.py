"""Fits with fixed effects, each cluster left out in turn: a covariance that does not flatter few or
uneven clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import cluster_products, cluster_sums

ALONE = 1e-6
"""What is left of the information in some direction without a cluster; with less, that cluster
alone carries it.
"""


@dataclass(frozen=True, eq=False)
class WithoutClusters:
    """What each cluster adds to a fit, and where the slopes would be without it.

    Attributes
    ----------
    slopes : ndarray, shape (G, k)
        Slopes without each cluster.
    information : ndarray, shape (k, k)
    parts : ndarray, shape (G, k, k)
        Each cluster's part of the information.
    """

    slopes: np.ndarray
    information: np.ndarray
    parts: np.ndarray

    def effective(self, direction: np.ndarray) -> float:
        """Return how many clusters of equal weight would carry a sum of slopes as these do.

        Notes
        -----
        ``(sum g)**2 / sum g**2`` with g what each cluster adds to the variance where errors are
        independent: Carter, Schnepel & Steigerwald (2017), doi:10.1162/REST_a_00639. A slope in
        gamed rows rests on those who gamed, and among them on the few with long episodes and many
        sales.
        """
        along = np.linalg.solve(self.information, direction)
        added = np.einsum("i,gij,j->g", along, self.parts, along)
        return float(added.sum() ** 2 / (added @ added))


def without_clusters(
    params: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    residuals: np.ndarray,
    clusters: np.ndarray,
) -> WithoutClusters:
    """Return the slopes without each cluster, by one Newton step from those with all.

    Parameters
    ----------
    params : ndarray, shape (k,)
    columns : ndarray, shape (n, k)
        With the fixed effects swept out, under the fit's weights.
    weights, residuals : ndarray, shape (n,)
        Of the information and of the estimating equations.
    clusters : ndarray of int, shape (n,)
        Fixed effects that lie within them go with them; those of periods stay as they are.

    Raises
    ------
    DesignError
        Where one cluster alone carries a slope.

    Notes
    -----
    For least squares without periods the step is the refit: MacKinnon, Nielsen & Webb (2023),
    doi:10.1016/j.jeconom.2022.04.001.
    """
    parts = cluster_products(columns, columns * weights[:, None], clusters)
    total = parts.sum(axis=0)
    _refuse_alone(total, parts)
    scores = cluster_sums(columns * residuals[:, None], clusters)
    steps = np.linalg.solve(total - parts, scores[:, :, None])[:, :, 0]
    return WithoutClusters(params - steps, total, parts)


def corrected_without(
    without: WithoutClusters, columns: np.ndarray, differences: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Return the slopes without each cluster, corrected for noise: what `corrected_within` gives,
    shape (G, k).

    Raises
    ------
    DesignError
        Where one cluster alone carries a column, or without it the column is nothing but noise.
    """
    parts, noise = (cluster_products(x, x, clusters) for x in (columns, differences))
    _refuse_alone(parts.sum(axis=0), parts)
    left = parts.sum(axis=0) - parts
    # A (I - A^-1 S) = A - S: the corrected slopes solve (A - S) b = A b_plain, as
    # `corrected_within` has them
    back = np.linalg.solve(left - (noise.sum(axis=0) - noise), left @ without.slopes[:, :, None])[
        :, :, 0
    ]
    if not np.isfinite(back).all():
        raise _alone()
    return back


def _refuse_alone(total: np.ndarray, parts: np.ndarray) -> None:
    inverse = np.linalg.inv(np.linalg.cholesky(total))
    shares = np.linalg.eigvalsh(inverse @ parts @ inverse.T)[:, -1]
    if shares.max() > 1 - ALONE:
        raise _alone()


def _alone() -> DesignError:
    found = "a slope that one cluster carries alone"
    return DesignError("the model", [Fault("[gaming]", found, "several that were gamed")])
