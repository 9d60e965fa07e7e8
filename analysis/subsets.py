"""Least squares of any subset of columns, many at once, from moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from analysis.errors import listing
from analysis.moments import Moments, condition_number, pair_products, pair_weights, pairs_without, refusal
from analysis.triangles import RANK_TOLERANCE, last_triangles

Covariance = Literal["classical", "HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"]
CHUNK = 2048  # subsets factored together
BUDGET = 1 << 22  # numbers in the largest temporary array


@dataclass(frozen=True, eq=False)
class Subsets:
    """m regressions that are asked of one set of moments.

    Attributes
    ----------
    moments : Moments
    included : ndarray of bool, shape (m, p)
        Regressors, the term among them; the constant is always there.
    term, outcome : ndarray of int, shape (m,)
        Positions of the column whose coefficient is wanted, and of the column that is explained.
    """

    moments: Moments
    included: np.ndarray
    term: np.ndarray
    outcome: np.ndarray

    def __len__(self) -> int:
        return len(self.included)

    @property
    def parameters(self) -> np.ndarray:
        """Coefficients of each regression, the constant among them, shape (m,)."""
        return self.included.sum(axis=1) + 1

    def take(self, positions: np.ndarray) -> Subsets:
        """The regressions at some positions (integers or a mask)."""
        return Subsets(self.moments, self.included[positions], self.term[positions], self.outcome[positions])


@dataclass(frozen=True, eq=False)
class SubsetFits:
    """One coefficient of each of m regressions.

    Attributes
    ----------
    subsets : Subsets
    kept : ndarray of int, shape (m,)
        Position of each fit among the subsets that were asked for.
    refused : tuple of (int, str)
        Position and reason of each subset that has no answer.
    estimate : ndarray, shape (m,)
        Outcome units per unit of the term.
    std_error, df : mapping of str to ndarray, shape (m,)
        By kind of covariance; df is n - k, and G - 1 for the cluster kinds.
    sse, r2, delta_r2 : ndarray, shape (m,)
        Residual sum of squares (outcome units squared), R squared, and what R squared loses without the term.
    condition : float
        Condition number of all regressors that occur, centred and scaled: none of the subsets has a larger one.
    clusters : int or None
    influence, residual, restricted : ndarray, shape (m, k)
        In the basis of the moments and at unit spread: the estimate is influence'y; residuals with the term in
        the model, and without it.
    unit : ndarray, shape (m,)
        Spread of the outcome over spread of the term: estimate = unit * influence'y.
    """

    subsets: Subsets
    kept: np.ndarray
    refused: tuple[tuple[int, str], ...]
    estimate: np.ndarray
    std_error: Mapping[str, np.ndarray]
    df: Mapping[str, np.ndarray]
    sse: np.ndarray
    r2: np.ndarray
    delta_r2: np.ndarray
    condition: float
    clusters: int | None
    influence: np.ndarray
    residual: np.ndarray
    restricted: np.ndarray
    unit: np.ndarray

    def __len__(self) -> int:
        return len(self.estimate)

    @property
    def moments(self) -> Moments:
        """The moments that were asked."""
        return self.subsets.moments

    @property
    def terms(self) -> tuple[str, ...]:
        """Name of the term of each fit."""
        return tuple(self.moments.names[i] for i in self.subsets.term)

    def statistic(self, kind: Covariance) -> np.ndarray:
        """Estimates over standard errors, shape (m,)."""
        return self.estimate / self.std_error[kind]


def fit_subsets(
    moments: Moments,
    subsets: Sequence[Sequence[str]] | np.ndarray,
    *,
    outcome: str | Sequence[str],
    term: str | Sequence[str],
    covariance: Sequence[Covariance] = ("classical",),
    cluster: str | None = None,
    rows: np.ndarray | None = None,
    singular: Literal["raise", "drop"] = "raise",
) -> SubsetFits:
    """Fit many regressions; the rows are not looked at, except for HC2 and HC3.

    Parameters
    ----------
    moments : Moments
    subsets : sequence of m sequences of str, or bool array of shape (m, p)
        Regressors of each regression, without the constant; the term is added where it is missing.
    outcome, term : str, or sequence of m str
        What is explained; whose coefficient is wanted.
    covariance : sequence of {"classical", "HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}
        HC1 is HC0 n/(n-k). CRV1 carries G/(G-1) (n-1)/(n-k). CRV3 is the sum of squares of the
        delete-one-cluster estimates about the full estimate, times (G-1)/G.
    cluster : str, optional
        Grouping of the moments, for CRV1 and CRV3.
    rows : array, shape (n, p), optional
        The table that was measured, for HC2 and HC3 (and for HC0 and HC1 without fourth moments): one pass for
        all regressions.
    singular : {"raise", "drop"}
        Regressions without an answer: the first one is an error, or they are left out and listed in
        `SubsetFits.refused`. Neither leaves a NaN.

    Raises
    ------
    DesignError
        Unknown names, sums that were not taken, linear dependence, too few rows or clusters.

    Notes
    -----
    Each subset is one small QR of coordinates, the term last. With h the influence vector and u the residual in
    the orthonormal basis, the HC0 variance is w'Fw and the cluster variance the sum of squares of (pair sums) w,
    where w holds the products h_a u_b and F the fourth moments.

    Examples
    --------
    >>> import numpy as np
    >>> from analysis.moments import measure_moments
    >>> x, s, e = np.random.default_rng(1).normal(size=(3, 500))
    >>> m = measure_moments(np.column_stack([x, s, 3 + x + 2 * s + e]), ["x", "s", "y"])
    >>> fits = fit_subsets(m, [["x"], []], outcome="y", term="s", covariance=["HC1"])
    >>> fits.estimate.round(1).tolist(), fits.std_error["HC1"].round(2).tolist()
    ([2.1, 2.1], [0.04, 0.06])
    """
    asked = read_subsets(moments, subsets, outcome=outcome, term=term)
    vectors, faults = _solve(asked)
    if faults and singular == "raise":
        others = f"; {len(faults) - 1} other regressions have no answer either" if len(faults) > 1 else ""
        raise refusal(
            f"regression {faults[0][0]}", faults[0][1] + others, "independent columns that vary, fewer than rows"
        )
    kept = np.setdiff1d(np.arange(len(asked)), [position for position, _ in faults])
    fits = _summarise(asked.take(kept), kept, tuple(faults), *(vector[kept] for vector in vectors))
    std_error = {kind: _std_error(fits, kind, cluster, rows) for kind in covariance}
    clusters = len(moments.group(cluster).sizes) if cluster else None
    df = {kind: _degrees(fits, kind, clusters) for kind in covariance}
    return replace(fits, std_error=std_error, df=df, clusters=clusters)


def read_subsets(moments: Moments, subsets, *, outcome, term) -> Subsets:
    """Names to positions; names that are not there and columns in two roles are refused."""
    if isinstance(subsets, np.ndarray) and subsets.dtype == bool:
        included = subsets.reshape(len(subsets), -1).copy()
        if included.shape[1] != len(moments.names):
            raise refusal("mask of subsets", f"{included.shape[1]} columns", f"{len(moments.names)} columns")
    else:
        positions = {name: i for i, name in enumerate(moments.names)}
        included = np.zeros((len(subsets), len(positions)), dtype=bool)
        for row, subset in zip(included, subsets, strict=True):
            for name in subset:
                row[positions[name] if name in positions else moments.position(name)] = True
    focal = _positions(moments, term, len(included), "terms")
    explained = _positions(moments, outcome, len(included), "outcomes")
    included[np.arange(len(included)), focal] = True
    both = np.flatnonzero(included[np.arange(len(included)), explained])
    if len(both):
        raise refusal(
            f"regression {both[0]}", f"{moments.names[explained[both[0]]]!r} in two roles", "regressor or outcome"
        )
    return Subsets(moments, included, focal, explained)


def _positions(moments: Moments, names, count: int, role: str) -> np.ndarray:
    if isinstance(names, str):
        return np.full(count, moments.position(names))
    if len(names) != count:
        raise refusal(role, str(len(names)), f"one name, or {count}: one for each subset")
    return np.array([moments.position(name) for name in names], dtype=int)


def _factors(subsets: Subsets) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """QR of each subset's coordinates, term last, in batches of one size: positions, columns, Q, T.

    Subsets with no more rows than coefficients are passed over.
    """
    columns = np.ascontiguousarray(subsets.moments.coordinates[1:].T)
    width = columns.shape[0]
    keys = np.where(subsets.included, np.arange(width), width + 1)
    keys[np.arange(len(subsets)), subsets.term] = width
    order = np.argsort(keys, axis=1, kind="stable")
    sizes = subsets.parameters - 1
    for size in np.unique(sizes[subsets.parameters < subsets.moments.n]):
        same = np.flatnonzero(sizes == size)
        for start in range(0, len(same), CHUNK):
            positions = same[start : start + CHUNK]
            chosen = order[positions, :size]
            q, t = np.linalg.qr(columns[chosen].swapaxes(1, 2))
            yield positions, chosen, q, t


def _solve(subsets: Subsets) -> tuple[tuple[np.ndarray, ...], list[tuple[int, str]]]:
    """Influence, residual and restricted residual of each regression, and the regressions without an answer."""
    m, k = len(subsets), len(subsets.moments.coordinates)
    influence, residual, restricted = np.zeros((3, m, k))
    outcomes = subsets.moments.coordinates[1:].T[subsets.outcome]
    faults = _row_faults(subsets)
    for positions, chosen, q, t in _factors(subsets):
        own = np.abs(np.diagonal(t, axis1=1, axis2=2))
        for i, j in zip(*np.nonzero(own <= RANK_TOLERANCE), strict=True):
            faults.setdefault(int(positions[i]), _dependence(subsets.moments, chosen[i], int(j)))
        others, last = q[:, :, :-1], q[:, :, -1]
        y = outcomes[positions]
        for _ in range(2):  # twice is enough: the second projection removes the rounding of the first
            y = y - np.einsum("mka,ma->mk", others, np.einsum("mka,mk->ma", others, y))
        restricted[positions, 1:] = y
        for _ in range(2):
            y = y - last * np.einsum("mk,mk->m", last, y)[:, None]
        residual[positions, 1:] = y
        influence[positions, 1:] = last / np.where(own[:, -1:] > 0, t[:, -1, -1:], 1.0)
    return (influence, residual, restricted), sorted(faults.items())


def _row_faults(subsets: Subsets) -> dict[int, str]:
    moments, faults = subsets.moments, {}
    for i in np.flatnonzero(subsets.parameters >= moments.n):
        faults[int(i)] = f"{moments.n} rows for {subsets.parameters[i]} coefficients"
    for i in np.flatnonzero(moments.spread[subsets.outcome] == 0):
        faults[int(i)] = f"the outcome {moments.names[subsets.outcome[i]]!r} is constant"
    return faults


def _dependence(moments: Moments, chosen: np.ndarray, last: int) -> str:
    name = moments.names[chosen[last]]
    if moments.spread[chosen[last]] == 0:
        return f"{name!r} is constant"
    return f"{name!r} is a linear combination of " + ", ".join(repr(moments.names[i]) for i in chosen[:last])


def _summarise(subsets: Subsets, kept, refused, influence, residual, restricted) -> SubsetFits:
    moments = subsets.moments
    outcome_spread = moments.spread[subsets.outcome]
    unit = outcome_spread / moments.spread[subsets.term]
    unexplained = np.einsum("mk,mk->m", residual, residual)
    product = np.einsum("mk,mk->m", influence, restricted)
    gained = product**2 / np.einsum("mk,mk->m", influence, influence)
    return SubsetFits(
        subsets, kept, refused, unit * product, {}, {}, unexplained * outcome_spread**2, 1.0 - unexplained, gained,
        condition_number(moments.coordinates[1:, subsets.included.any(axis=0)]), None,
        influence, residual, restricted, unit,
    )  # fmt: skip


def _degrees(fits: SubsetFits, kind: Covariance, clusters: int | None) -> np.ndarray:
    if kind.startswith("CRV"):
        return np.full(len(fits), clusters - 1)
    return fits.moments.n - fits.subsets.parameters


def _std_error(fits: SubsetFits, kind: Covariance, cluster: str | None, rows) -> np.ndarray:
    if kind not in get_args(Covariance):
        raise refusal("covariance", repr(kind), listing(get_args(Covariance)))
    free = fits.moments.n - fits.subsets.parameters
    if kind == "classical":
        squares = np.einsum("mk,mk->m", fits.residual, fits.residual) / free
        variance = squares * np.einsum("mk,mk->m", fits.influence, fits.influence)
    elif kind in ("HC0", "HC1"):
        variance = _fourth_moment_variance(fits, rows) * (fits.moments.n / free if kind == "HC1" else 1.0)
    elif kind in ("HC2", "HC3"):
        variance = _leverage_variance(fits, rows, 1 if kind == "HC2" else 2)
    elif cluster is None:
        raise refusal(
            f"covariance {kind!r}", "no cluster=", listing(list(fits.moments.groups)) or "a grouping of the moments"
        )
    elif kind == "CRV1":
        variance = _cluster_variance(fits, cluster)
    else:
        return _jackknife_error(fits, cluster)
    return np.abs(fits.unit) * np.sqrt(np.maximum(variance, 0.0))


def _fourth_moment_variance(fits: SubsetFits, rows) -> np.ndarray:
    fourth = fits.moments.fourth
    if fourth is None and rows is None:
        raise refusal("HC0, HC1", "no fourth moments", "measure_moments(..., fourth=True), or rows=")
    if fourth is None:
        return _leverage_variance(fits, rows, 0)
    variance = np.empty(len(fits))
    for part in _chunks(len(fits), len(fourth)):
        weights = pair_weights(fits.influence[part], fits.residual[part])
        variance[part] = np.einsum("pm,pm->m", fourth @ weights, weights)
    return variance


def _cluster_variance(fits: SubsetFits, cluster: str) -> np.ndarray:
    sums, n = fits.moments.group(cluster), fits.moments.n
    g = _enough_clusters(sums.sizes, cluster)
    variance = np.empty(len(fits))
    for part in _chunks(len(fits), max(sums.pairs.shape)):
        scores = sums.pairs @ pair_weights(fits.influence[part], fits.residual[part])
        variance[part] = np.einsum("gm,gm->m", scores, scores)
    return variance * (g / (g - 1)) * ((n - 1) / (n - fits.subsets.parameters))


def covariance_between(
    fits: SubsetFits, kind: Literal["HC0", "HC1", "CRV1"], *, cluster: str | None = None
) -> np.ndarray:
    """Covariance matrix of the estimates, of one regression's terms or across regressions, shape (m, m).

    Parameters
    ----------
    fits : SubsetFits
        For one regression: its subset repeated, with each term in turn.
    kind : {"HC0", "HC1", "CRV1"}
        Small-sample factors as in `fit_subsets`; between regressions of different size, their geometric mean.
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
        meat, factor = weights.T @ moments.fourth @ weights, moments.n / free if kind == "HC1" else np.ones(len(fits))
    elif kind == "CRV1" and cluster is not None:
        sums = moments.group(cluster)
        g = _enough_clusters(sums.sizes, cluster)
        scores = sums.pairs @ weights
        meat, factor = scores.T @ scores, g / (g - 1) * (moments.n - 1) / free
    else:
        raise refusal("covariance between estimates", repr(kind), "HC0, HC1, or CRV1 with cluster=")
    outer = fits.unit * np.sqrt(factor)
    return meat * np.outer(outer, outer)


def _enough_clusters(sizes: np.ndarray, cluster: str) -> int:
    if len(sizes) < 2:
        raise refusal(f"clusters {cluster!r}", str(len(sizes)), "at least two")
    return len(sizes)


def _chunks(count: int, width: int) -> Iterator[slice]:
    step = max(1, BUDGET // width)
    return (slice(start, start + step) for start in range(0, count, step))


def _leverage_variance(fits: SubsetFits, rows, power: int) -> np.ndarray:
    """Sum over rows of (h'q)^2 (u'q)^2 / (1 - leverage)^power, in one pass over the rows."""
    moments = fits.moments
    if rows is None or np.shape(rows) != (moments.n, len(moments.names)):
        raise refusal("HC errors from rows", f"shape {np.shape(rows)}", "rows=, the table that was measured")
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
                raise refusal(f"regression {fits.kept[fit]}", f"row {start + row} has leverage one", "HC0, HC1")
            squares /= gap**power
        variance += squares.sum(axis=1)
    return variance


def _row_basis(fits: SubsetFits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Independent columns among those used, the inverse of their triangle, and their orthonormal coordinates."""
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
    """Packed weights, shape (P, m), whose products with a row's pair products are its leverages less 1/n."""
    first, second = np.triu_indices(basis.shape[1])
    packed = np.empty((len(first), len(fits)))
    for positions, _, q, _ in _factors(fits.subsets):
        turned = basis.T @ q
        packed[:, positions] = (turned @ turned.swapaxes(1, 2))[:, first, second].T
    packed[first != second] *= 2.0
    return packed


@dataclass(frozen=True, eq=False)
class DrawFits:
    """m regressions under D weightings of groups of rows.

    Attributes
    ----------
    estimate : ndarray, shape (m, D)
        Outcome units per unit of the term; where not identified, the estimate on all rows.
    sse, tss : ndarray, shape (m, D)
        Residual and total (centred) sums of squares, outcome units squared.
    inverse : ndarray, shape (m, D)
        Diagonal entry of the inverse cross product for the term: its variance per unit of error variance.
    delta_r2 : ndarray, shape (m, D)
    identified : ndarray of bool, shape (m, D)
        Whether the term varies within what the other columns leave.
    """

    estimate: np.ndarray
    sse: np.ndarray
    inverse: np.ndarray
    tss: np.ndarray
    delta_r2: np.ndarray
    identified: np.ndarray


def leave_out(fits: SubsetFits, group: str) -> DrawFits:
    """Exact solutions with each group of rows left out in turn: delete-one-cluster, -fold, -segment.

    Notes
    -----
    Digits are lost in proportion to the share of a column's variation that goes with the group: where one cluster
    holds all but 1e-9 of it, the solution without that cluster keeps about seven digits.
    """
    return solve_draws(fits, pairs_without(fits.moments.group(group)))


def within(fits: SubsetFits, group: str) -> DrawFits:
    """Exact solutions in each group of rows alone."""
    return solve_draws(fits, fits.moments.group(group).pairs)


def _jackknife_error(fits: SubsetFits, cluster: str) -> np.ndarray:
    sums = fits.moments.group(cluster)
    g = _enough_clusters(sums.sizes, cluster)
    squares = np.zeros(len(fits))
    others = pairs_without(sums)
    for part in _chunks(g, len(fits)):
        draws = solve_draws(fits, others[part])
        if not draws.identified.all():
            fit, lost = np.argwhere(~draws.identified)[0]
            label = sums.labels[part][lost]
            found = f"no answer without {cluster} {label}"
            raise refusal(f"CRV3 of regression {fits.kept[fit]}", found, "a term that varies without any one cluster")
        squares += np.sum((draws.estimate - fits.estimate[:, None]) ** 2, axis=1)
    return np.sqrt(squares * (g - 1) / g)


def solve_draws(fits: SubsetFits, pairs: np.ndarray) -> DrawFits:
    """Solve every regression under every weighting of the rows.

    Parameters
    ----------
    fits : SubsetFits
    pairs : ndarray, shape (D, P)
        Weighted pair sums: ``weights @ moments.group(...).pairs`` for weights of shape (D, G).

    Notes
    -----
    Under weights with cross product M = U'U the columns of the table have the triangle of U R. Regressions are
    read as paths down a tree over the columns: to include the first remaining column, drop its row of the
    triangle; to exclude it, drop the column and restore the triangle by Givens rotations. Paths share their
    beginnings, the term and the outcome come last, and the final 2 x 2 triangle holds estimate and residual sum
    of squares. Orthogonal steps only: no cross product of the columns themselves is formed.
    """
    subsets, moments = fits.subsets, fits.moments
    final, total = np.empty((3, len(fits), len(pairs))), np.empty((len(fits), len(pairs)))
    for term, outcome in np.unique(np.column_stack([subsets.term, subsets.outcome]), axis=0):
        same = np.flatnonzero((subsets.term == term) & (subsets.outcome == outcome))
        final[:, same], total[same] = last_triangles(moments.coordinates, subsets.included[same], term, outcome, pairs)
    identified = final[0] != 0.0
    pivot, product = np.where(identified, final[0], 1.0), final[1]
    square = moments.spread[subsets.outcome][:, None] ** 2
    estimate = np.where(identified, fits.unit[:, None] * product / pivot, fits.estimate[:, None])
    gained = np.where(identified, product**2, 0.0)
    return DrawFits(
        estimate, (final[2] ** 2 + product**2 - gained) * square, 
        1.0 / (pivot * moments.spread[subsets.term][:, None]) ** 2, total * square,
        np.divide(gained, total, out=np.zeros_like(total), where=total > 0), identified,
    )  # fmt: skip
