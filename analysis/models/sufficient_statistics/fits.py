"""Many regressions at once, with classical, HC, clustered and jackknife standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from analysis.errors import listing
from analysis.models.covariance import small_sample
from analysis.models.sufficient_statistics import (
    SufficientStatistics,
    pair_products,
    pair_weights,
    pairs_without,
    refusal,
)
from analysis.models.sufficient_statistics.draws import solve_draws
from analysis.models.sufficient_statistics.regressions import (
    BUDGET,
    RANK_TOLERANCE,
    Covariance,
    SubsetFits,
    chunks,
    factors,
    grouping,
    read_subsets,
    solve,
)

WITH_FOURTH = "sufficient_statistics(..., fourth=True), or rows="


def fit_subsets(
    sufficient: SufficientStatistics,
    subsets: Sequence[Sequence[str]] | np.ndarray,
    *,
    outcome: str | Sequence[str],
    term: str | Sequence[str],
    covariance: Sequence[Covariance] = ("classical",),
    cluster: str | None = None,
    rows: np.ndarray | None = None,
    singular: Literal["raise", "drop"] = "raise",
    without: Literal["raise", "nan"] = "raise",
) -> SubsetFits:
    """Fit many regressions; the rows are not looked at, except for HC2 and HC3.

    Parameters
    ----------
    sufficient : SufficientStatistics
    subsets : sequence of m sequences of str, or bool array of shape (m, p)
        Regressors of each regression, without the constant; the term is added where it is missing.
    outcome, term : str, or sequence of m str
        What is explained; whose coefficient is wanted.
    covariance : sequence of {"classical", "HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}
        HC1 is HC0 n/(n-k). CRV1 carries G/(G-1) (n-1)/(n-k). CRV3 is the sum of squares of the
        delete-one-cluster estimates about the full estimate, times (G-1)/G.
    cluster : str, optional
        Grouping of the sufficient statistics, for CRV1 and CRV3.
    rows : array, shape (n, p), optional
        The table that was measured, for HC2 and HC3 (and for HC0 and HC1 without fourth moments):
        one pass for all regressions.
    singular : {"raise", "drop"}
        Regressions without an answer: the first one is an error, or they are left out and listed in
        `SubsetFits.refused`. Neither leaves a NaN.
    without : {"raise", "nan"}
        Estimates that have no error of the kind asked for, since a row has leverage one or there is
        no answer without a cluster: the first is an error, or their standard errors are NaN.

    Raises
    ------
    DesignError
        Unknown names, sums that were not taken, linear dependence, too few rows or clusters.

    Notes
    -----
    Each subset is one small QR of coordinates, the term last. With h the influence vector and u the
    residual in the orthonormal basis, the HC0 variance is w'Fw and the cluster variance the sum of
    squares of (pair sums) w, where w holds the products h_a u_b and F the fourth moments.

    Examples
    --------
    >>> import numpy as np
    >>> from analysis.models.sufficient_statistics.measure import sufficient_statistics
    >>> x, s, e = np.random.default_rng(1).normal(size=(3, 500))
    >>> m = sufficient_statistics(np.column_stack([x, s, 3 + x + 2 * s + e]), ["x", "s", "y"])
    >>> fits = fit_subsets(m, [["x"], []], outcome="y", term="s", covariance=["HC1"])
    >>> fits.estimate.round(1).tolist(), fits.std_error["HC1"].round(2).tolist()
    ([2.1, 2.1], [0.04, 0.06])
    """
    asked = read_subsets(sufficient, subsets, outcome=outcome, term=term)
    fits = solve(asked)
    if fits.refused and singular == "raise":
        (position, reason), *more = fits.refused
        others = f"; {len(more)} other regressions have no answer either" if more else ""
        allowed = "independent columns that vary, fewer than rows"
        raise refusal(f"regression {position}", reason + others, allowed)
    lax = without == "nan"
    std_error = {kind: standard_error(fits, kind, cluster, rows, lax=lax) for kind in covariance}
    clusters = len(sufficient.group(cluster).sizes) if cluster else None
    df = {kind: degrees(fits, kind, clusters) for kind in covariance}
    return replace(fits, std_error=std_error, df=df, clusters=clusters)


def standard_error(
    fits: SubsetFits, kind: Covariance, cluster: str | None, rows, *, lax: bool = False
) -> np.ndarray:
    """Standard errors of one kind, shape (m,): see `fit_subsets`; if `lax`, NaN for none."""
    if kind not in get_args(Covariance):
        raise refusal("covariance", repr(kind), listing(get_args(Covariance)))
    if kind.startswith("CRV") and cluster is None:
        known = listing(list(fits.sufficient.groups)) or "a grouping of the sufficient statistics"
        raise refusal(f"covariance {kind!r}", "no cluster=", known)
    if kind == "CRV3":
        return _jackknife_error(fits, cluster, lax)
    sufficient, parameters, groups = fits.sufficient, fits.subsets.parameters, None
    if kind == "classical":
        free = sufficient.n - parameters
        variance = squares_of(fits.residual) / free * squares_of(fits.influence)
    elif kind == "CRV1":
        sums = grouping(fits, cluster)
        variance, groups = _variance_from_sums(fits, sums.pairs), len(sums.sizes)
    elif kind in ("HC2", "HC3") or sufficient.fourth is None:
        variance = _variance_from_rows(fits, rows, {"HC2": 1, "HC3": 2}.get(kind, 0), lax)
    else:
        variance = _variance_from_sums(fits, sufficient.fourth)
    variance = variance * small_sample(kind, sufficient.n, parameters, groups)
    return np.abs(fits.unit) * np.sqrt(np.maximum(variance, 0.0))


def squares_of(vectors: np.ndarray) -> np.ndarray:
    """Sum of squares of each row."""
    return np.einsum("mk,mk->m", vectors, vectors)


def degrees(fits: SubsetFits, kind: Covariance, clusters: int | None) -> np.ndarray:
    """Degrees of freedom, shape (m,): n - k, or G - 1 with clusters."""
    if kind.startswith("CRV"):
        return np.full(len(fits), clusters - 1)
    return fits.sufficient.n - fits.subsets.parameters


def _variance_from_sums(fits: SubsetFits, sums: np.ndarray) -> np.ndarray:
    """With w the products of influence and residual: w'Fw of fourth moments F, shape (P, P), or the
    sum of squares of (pair sums by cluster) w, shape (m,).
    """
    variance = np.empty(len(fits))
    for part in chunks(len(fits), max(sums.shape)):
        weights = pair_weights(fits.influence[part], fits.residual[part])
        scores = sums @ weights
        other = weights if sums is fits.sufficient.fourth else scores
        variance[part] = np.einsum("gm,gm->m", scores, other)
    return variance


def _variance_from_rows(fits: SubsetFits, rows, power: int, lax: bool) -> np.ndarray:
    """Sum over rows of (h'q)^2 (u'q)^2 / (1 - leverage)^power, in one pass over the rows."""
    sufficient = fits.sufficient
    if rows is None and not power:
        raise refusal("HC0, HC1", "no fourth moments", WITH_FOURTH)
    if np.shape(rows) != (sufficient.n, len(sufficient.names)):
        found = f"shape {np.shape(rows)}"
        raise refusal("HC errors from rows", found, "rows=, the table that was measured")
    names, inverse, basis = _row_basis(fits)
    influence, residual = fits.influence[:, 1:] @ basis, fits.residual[:, 1:] @ basis
    projection = _projections(fits, basis) if power else np.zeros((0, len(fits)))
    variance = np.zeros(len(fits))
    step = max(64, BUDGET // max(len(fits), len(projection)))
    for start in range(0, sufficient.n, step):
        block = np.asarray(rows[start : start + step], dtype=float)[:, names]
        q = inverse.T @ ((block - sufficient.location[names]) / sufficient.spread[names]).T
        squares = ((influence @ q) * (residual @ q)) ** 2
        if power:
            gap = 1.0 - 1.0 / sufficient.n - projection.T @ pair_products(q)
            if gap.min(initial=1.0) < 1e-10 and lax:
                gap[gap < 1e-10] = np.nan
            elif gap.min(initial=1.0) < 1e-10:
                fit, row = np.unravel_index(np.argmin(gap), gap.shape)
                found = f"row {start + row} has leverage one"
                raise refusal(f"regression {fits.kept[fit]}", found, "HC0, HC1")
            squares /= gap**power
        variance += squares.sum(axis=1)
    return variance


def _row_basis(fits: SubsetFits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Independent columns among those used, the inverse of their triangle, and their basis."""
    from scipy.linalg import qr

    used = fits.subsets.included.any(axis=0)
    used[fits.subsets.outcome] = True
    names, columns = np.flatnonzero(used), fits.sufficient.coordinates[1:, used]
    q, r, order = qr(columns, mode="economic", pivoting=True)
    rank = int(np.sum(np.abs(np.diag(r)) > RANK_TOLERANCE))
    return names[order[:rank]], np.linalg.inv(r[:rank, :rank]), q[:, :rank]


def _projections(fits: SubsetFits, basis: np.ndarray) -> np.ndarray:
    """Weights, shape (P, m), that make a row's pair products its leverages less 1/n."""
    first, second = np.triu_indices(basis.shape[1])
    packed = np.empty((len(first), len(fits)))
    for positions, _, q, _ in factors(fits.subsets):
        turned = basis.T @ q
        packed[:, positions] = (turned @ turned.swapaxes(1, 2))[:, first, second].T
    packed[first != second] *= 2.0
    return packed


def _jackknife_error(fits: SubsetFits, cluster: str, lax: bool) -> np.ndarray:
    sums = grouping(fits, cluster)
    g = len(sums.sizes)
    squares = np.zeros(len(fits))
    others = pairs_without(sums)
    for part in chunks(g, len(fits)):
        draws = solve_draws(fits, others[part])
        if lax:
            squares[~draws.identified.all(axis=1)] = np.nan
        elif not draws.identified.all():
            fit, lost = np.argwhere(~draws.identified)[0]
            found = f"no answer without {cluster} {sums.labels[part][lost]}"
            allowed = "a term that varies without any one cluster"
            raise refusal(f"CRV3 of regression {fits.kept[fit]}", found, allowed)
        squares += np.sum((draws.estimate - fits.estimate[:, None]) ** 2, axis=1)
    return np.sqrt(squares * (g - 1) / g)
