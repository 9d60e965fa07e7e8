"""Standard errors of regressions from moments: classical, heteroskedasticity-consistent, clustered,
jackknife.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from analysis.errors import listing
from analysis.models.sufficient_statistics.draws import solve_draws
from analysis.models.sufficient_statistics.pairs import pair_products, pair_weights, pairs_without
from analysis.models.sufficient_statistics.record import refusal
from analysis.models.sufficient_statistics.regressions import (
    BUDGET,
    Covariance,
    SubsetFits,
    chunks,
    enough_clusters,
    factors,
)
from analysis.models.sufficient_statistics.triangles import RANK_TOLERANCE


def standard_error(fits: SubsetFits, kind: Covariance, cluster: str | None, rows) -> np.ndarray:
    if kind not in get_args(Covariance):
        raise refusal("covariance", repr(kind), listing(get_args(Covariance)))
    free = fits.moments.n - fits.subsets.parameters
    if kind == "classical":
        squares = np.einsum("mk,mk->m", fits.residual, fits.residual) / free
        variance = squares * np.einsum("mk,mk->m", fits.influence, fits.influence)
    elif kind in ("HC0", "HC1"):
        variance = _fourth_moment_variance(fits, rows) * (
            fits.moments.n / free if kind == "HC1" else 1.0
        )
    elif kind in ("HC2", "HC3"):
        variance = _leverage_variance(fits, rows, 1 if kind == "HC2" else 2)
    elif cluster is None:
        raise refusal(
            f"covariance {kind!r}",
            "no cluster=",
            listing(list(fits.moments.groups)) or "a grouping of the moments",
        )
    elif kind == "CRV1":
        variance = _cluster_variance(fits, cluster)
    else:
        return _jackknife_error(fits, cluster)
    return np.abs(fits.unit) * np.sqrt(np.maximum(variance, 0.0))


def degrees(fits: SubsetFits, kind: Covariance, clusters: int | None) -> np.ndarray:
    if kind.startswith("CRV"):
        return np.full(len(fits), clusters - 1)
    return fits.moments.n - fits.subsets.parameters


def covariance_between(
    fits: SubsetFits, kind: Literal["HC0", "HC1", "CRV1"], *, cluster: str | None = None
) -> np.ndarray:
    """Covariance matrix of the estimates, of one regression's terms or across regressions, shape
    (m, m).

    Parameters
    ----------
    fits : SubsetFits
        For one regression: its subset repeated, with each term in turn.
    kind : {"HC0", "HC1", "CRV1"}
        Small-sample factors as in `fit_subsets`; between regressions of different size, their
        geometric mean.
    cluster : str, optional

    Raises
    ------
    DesignError
        A kind that has no covariance between regressions; sums that were not taken.
    """
    moments = fits.moments
    weights = pair_weights(fits.influence, fits.residual)
    free = moments.n - fits.subsets.parameters
    if kind in ("HC0", "HC1"):
        if moments.fourth is None:
            raise refusal("HC0, HC1", "no fourth moments", "measure_moments(..., fourth=True)")
        meat, factor = (
            weights.T @ moments.fourth @ weights,
            moments.n / free if kind == "HC1" else np.ones(len(fits)),
        )
    elif kind == "CRV1" and cluster is not None:
        sums = moments.group(cluster)
        g = enough_clusters(sums.sizes, cluster)
        scores = sums.pairs @ weights
        meat, factor = scores.T @ scores, g / (g - 1) * (moments.n - 1) / free
    else:
        raise refusal("covariance between estimates", repr(kind), "HC0, HC1, or CRV1 with cluster=")
    outer = fits.unit * np.sqrt(factor)
    return meat * np.outer(outer, outer)


def _fourth_moment_variance(fits: SubsetFits, rows) -> np.ndarray:
    fourth = fits.moments.fourth
    if fourth is None and rows is None:
        raise refusal(
            "HC0, HC1", "no fourth moments", "measure_moments(..., fourth=True), or rows="
        )
    if fourth is None:
        return _leverage_variance(fits, rows, 0)
    variance = np.empty(len(fits))
    for part in chunks(len(fits), len(fourth)):
        weights = pair_weights(fits.influence[part], fits.residual[part])
        variance[part] = np.einsum("pm,pm->m", fourth @ weights, weights)
    return variance


def _cluster_variance(fits: SubsetFits, cluster: str) -> np.ndarray:
    sums, n = fits.moments.group(cluster), fits.moments.n
    g = enough_clusters(sums.sizes, cluster)
    variance = np.empty(len(fits))
    for part in chunks(len(fits), max(sums.pairs.shape)):
        scores = sums.pairs @ pair_weights(fits.influence[part], fits.residual[part])
        variance[part] = np.einsum("gm,gm->m", scores, scores)
    return variance * (g / (g - 1)) * ((n - 1) / (n - fits.subsets.parameters))


def _leverage_variance(fits: SubsetFits, rows, power: int) -> np.ndarray:
    """Sum over rows of (h'q)^2 (u'q)^2 / (1 - leverage)^power, in one pass over the rows."""
    moments = fits.moments
    if rows is None or np.shape(rows) != (moments.n, len(moments.names)):
        raise refusal(
            "HC errors from rows", f"shape {np.shape(rows)}", "rows=, the table that was measured"
        )
    if moments.weighted:
        raise refusal("HC errors from rows", "weights", "HC0, HC1, CRV1, CRV3 with weights")
    names, inverse, basis = _row_basis(fits)
    influence, residual = fits.influence[:, 1:] @ basis, fits.residual[:, 1:] @ basis
    projection = _projections(fits, basis) if power else np.zeros((0, len(fits)))
    variance = np.zeros(len(fits))
    step = max(64, BUDGET // max(len(fits), len(projection)))
    for start in range(0, moments.n, step):
        block = np.asarray(rows[start : start + step], dtype=float)[:, names]
        q = inverse.T @ ((block - moments.location[names]) / moments.spread[names]).T
        squares = ((influence @ q) * (residual @ q)) ** 2
        if power:
            gap = 1.0 - 1.0 / moments.n - projection.T @ pair_products(q)
            if gap.min(initial=1.0) < 1e-10:
                fit, row = np.unravel_index(np.argmin(gap), gap.shape)
                raise refusal(
                    f"regression {fits.kept[fit]}",
                    f"row {start + row} has leverage one",
                    "HC0, HC1",
                )
            squares /= gap**power
        variance += squares.sum(axis=1)
    return variance


def _row_basis(fits: SubsetFits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Independent columns among those used, the inverse of their triangle, and their orthonormal
    coordinates.
    """
    columns = fits.moments.coordinates[1:]
    used = fits.subsets.included.any(axis=0)
    used[fits.subsets.outcome] = True
    basis, names = np.zeros((len(columns), 0)), []
    for position in np.flatnonzero(used):
        own = columns[:, position]
        for _ in range(2):
            own = own - basis @ (basis.T @ own)
        if np.linalg.norm(own) > RANK_TOLERANCE:
            basis, names = np.column_stack([basis, own / np.linalg.norm(own)]), [*names, position]
    return np.array(names), np.linalg.inv(basis.T @ columns[:, names]), basis


def _projections(fits: SubsetFits, basis: np.ndarray) -> np.ndarray:
    """Packed weights, shape (P, m), whose products with a row's pair products are its leverages
    less 1/n.
    """
    first, second = np.triu_indices(basis.shape[1])
    packed = np.empty((len(first), len(fits)))
    for positions, _, q, _ in factors(fits.subsets):
        turned = basis.T @ q
        packed[:, positions] = (turned @ turned.swapaxes(1, 2))[:, first, second].T
    packed[first != second] *= 2.0
    return packed


def _jackknife_error(fits: SubsetFits, cluster: str) -> np.ndarray:
    sums = fits.moments.group(cluster)
    g = enough_clusters(sums.sizes, cluster)
    squares = np.zeros(len(fits))
    others = pairs_without(sums)
    for part in chunks(g, len(fits)):
        draws = solve_draws(fits, others[part])
        if not draws.identified.all():
            fit, lost = np.argwhere(~draws.identified)[0]
            label = sums.labels[part][lost]
            found = f"no answer without {cluster} {label}"
            raise refusal(
                f"CRV3 of regression {fits.kept[fit]}",
                found,
                "a term that varies without any one cluster",
            )
        squares += np.sum((draws.estimate - fits.estimate[:, None]) ** 2, axis=1)
    return np.sqrt(squares * (g - 1) / g)
