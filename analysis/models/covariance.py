"""Robust covariances: one sandwich for every model, with the same small-sample factors
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.errors import DesignError, Fault

HETEROSKEDASTIC = ("HC0", "HC1", "HC2", "HC3")
CLUSTERED = ("CRV1", "CRV3")

FEW_CLUSTERS = 50
"""Below this number of clusters the default is CRV3 (MacKinnon, Nielsen & Webb 2023), else CRV1."""

FEW_EQUAL = 40.0
"""And where more clusters, by their sizes, count for less than this many of equal size: with 70
clusters of lognormal sizes that count for 23, the test at 5 % by CRV1 rejected a true null in 10.5
% of 600 samples, by CRV3 in 5.2 %."""

MOST_REFITS = 500
"""Beyond this number of clusters the default leaves none of them out in turn, however unequal they
are.
"""


def sandwich(
    bread: np.ndarray,
    scores: np.ndarray,
    kind: str,
    *,
    leverage: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> np.ndarray:
    """Return ``B M B`` for HC0-HC3 and CRV1.

    Parameters
    ----------
    bread : ndarray, shape (k, k)
        Inverse information.
    scores : ndarray, shape (n, k)
        Each row's contribution to the estimating equations at the estimate.
    kind : {"HC0", "HC1", "HC2", "HC3", "CRV1"}
        HC1 = HC0 n/(n - k); CRV1 carries G/(G - 1) (n - 1)/(n - k).
    leverage : ndarray, shape (n,)
        For HC2 and HC3: diagonal of the (weighted) hat matrix.
    clusters : ndarray of int, shape (n,)
        For CRV1: codes 0 .. G-1.

    Raises
    ------
    DesignError
        HC2 or HC3 where a row has leverage one; CRV1 with fewer than two clusters.

    Notes
    -----
    MacKinnon & White (1985), doi:10.1016/0304-4076(85)90158-7, for HC1-HC3.
    """
    n, k = scores.shape
    if kind == "CRV1":
        sums = cluster_sums(scores, clusters)
        groups = len(sums)
        if groups < 2:
            raise DesignError(
                "the model", [Fault("clusters", f"{groups}", "two or more, for errors by cluster")]
            )
        meat = sums.T @ sums * (groups / (groups - 1) * (n - 1) / (n - k))
        return bread @ meat @ bread
    if kind in ("HC2", "HC3"):
        refuse_full_leverage(leverage, kind)
        scores = scores / ((1 - leverage) if kind == "HC3" else np.sqrt(1 - leverage))[:, None]
    meat = scores.T @ scores * (n / (n - k) if kind == "HC1" else 1.0)
    return bread @ meat @ bread


def cluster_sums(scores: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the sum of each cluster's rows, shape (G, k)."""
    groups = int(clusters.max()) + 1
    return np.column_stack(
        [np.bincount(clusters, weights=column, minlength=groups) for column in scores.T]
    )


def cluster_products(one: np.ndarray, other: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return each cluster's ``one' other``, shape (G, k, k), where that is symmetric."""
    k, groups = one.shape[1], int(clusters.max()) + 1
    found = np.empty((groups, k, k))
    for i in range(k):
        for j in range(i, k):
            found[:, i, j] = found[:, j, i] = np.bincount(
                clusters, one[:, i] * other[:, j], minlength=groups
            )
    return found


def few_clusters(sizes: np.ndarray) -> bool:
    """Return whether the default covariance is CRV3, from each cluster's rows: few, or more that
    are very unequal.
    """
    if len(sizes) < FEW_CLUSTERS:
        return True
    return len(sizes) <= MOST_REFITS and equal_clusters(sizes) < FEW_EQUAL


def equal_clusters(sizes: np.ndarray) -> float:
    """Return how many clusters of equal size count like these, ``(sum n)**2 / sum n**2``."""
    return float(sizes.sum() ** 2 / (sizes.astype(float) @ sizes))


def jackknife(
    refit: Callable[[np.ndarray], np.ndarray], full: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Return CRV3: delete-one-cluster refits, squared around the full estimate, times (G - 1)/G.

    Parameters
    ----------
    refit : callable
        Takes a boolean mask of the rows that stay, returns the coefficients, shape (k,).
    full : ndarray, shape (k,)
    clusters : ndarray of int, shape (n,)

    Notes
    -----
    MacKinnon, Nielsen & Webb (2023), doi:10.1016/j.jeconom.2022.04.001, their equation for CV3.
    """
    groups = int(clusters.max()) + 1
    try:
        others = np.array([refit(clusters != group) for group in range(groups)])
    except (DesignError, np.linalg.LinAlgError):
        found = "CRV3, and a cluster without which a column of the design cannot be estimated"
        fault = Fault(
            "[inference] covariance", found, "CRV1, or a plan without that column or level"
        )
        raise DesignError("the model", [fault]) from None
    return around(full, others)


def around(full: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return CRV3 from the coefficients without each cluster, shape (G, k), squared around those
    with all of them.
    """
    moves, groups = others - full, len(others)
    return moves.T @ moves * ((groups - 1) / groups)


def hat_diagonal(basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return each row's leverage under weights, shape (n,): the diagonal of ``W X (X' W X)^-1
    X'``.
    """
    information = basis.T @ (basis * weights[:, None])
    return weights * np.einsum("ij,ij->i", basis, np.linalg.solve(information, basis.T).T)


def refuse_full_leverage(leverage: np.ndarray, kind: str) -> None:
    alone = int((leverage > 1 - 1e-10).sum())
    if alone:
        found = f"{alone} rows that a column of the design describes all by itself (leverage 1)"
        allowed = f"no such row: {kind} does not exist; use HC1, or leave the column or level out"
        raise DesignError("the model", [Fault("[inference] covariance", found, allowed)])
