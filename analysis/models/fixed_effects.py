"""The score within a unit: least squares and Poisson with unit (and period) fixed effects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import cluster_sums, sandwich
from analysis.models.design import Design
from analysis.models.solver import Sums, newton

SWEEPS = 10_000
TOLERANCE = 1e-10
ABSORBED = 1e-6
"""A column whose part within units and periods is smaller than this share of its spread is a fixed
effect itself.
"""


@dataclass(frozen=True, eq=False)
class WithinFit:
    """One equation with fixed effects.

    Attributes
    ----------
    model : str
        "ols" or "poisson".
    design : Design
        The rows that count, their columns within units and periods (for Poisson under the last
        weights), without intercept; its clusters are those of the covariance.
    params : ndarray, shape (k,)
    cov : ndarray, shape (k, k)
        CRV1; k in its factor counts slopes, an intercept and periods, but no unit where units lie
        within clusters.
    residuals, weights : ndarray, shape (n,)
    units, periods : int
    dropped : int
        Rows of units that say nothing: seen once, or for Poisson without any positive outcome.
    absorbed : tuple of str
        Columns that do not vary within units and periods.
    """

    model: str
    design: Design
    params: np.ndarray
    cov: np.ndarray
    residuals: np.ndarray
    weights: np.ndarray
    units: int
    periods: int
    dropped: int
    absorbed: tuple[str, ...]

    def position(self, term: str) -> int:
        return self.design.terms.index(term)

    def std_error(self, term: str) -> float:
        return float(np.sqrt(self.cov[self.position(term), self.position(term)]))


def fit_within(
    design: Design,
    unit: np.ndarray,
    time: np.ndarray | None = None,
    *,
    model: str = "ols",
    terms: tuple[str, ...] = (),
) -> WithinFit:
    """Fit a linear or an exponential mean with a fixed effect for each unit (and period).

    Parameters
    ----------
    design : Design
        With an intercept, which the fixed effects take over; its clusters, or else the units, are
        those of the errors.
    unit, time : ndarray, shape (n,)
        Codes.
    model : {"ols", "poisson"}
    terms : tuple of str
        Columns that must vary within units.

    Raises
    ------
    DesignError
        When one of `terms` does not vary within units and periods, too few rows are left, or
        nothing converges.

    Notes
    -----
    Fixed effects are swept out by alternating projections; for Poisson within each weighted step
    (Correia, Guimaraes & Zylkin 2020, doi:10.1177/1536867X20909691). Slopes and errors are those of
    a regression on dummies: for Poisson the effects of units are no nuisance to the slopes
    (Wooldridge 1999, doi:10.1016/S0304-4076(98)00033-5).
    """
    keep = _informative(design.response, unit, model)
    if not keep.any():
        raise _refusal("no unit with two rows to compare", "units that are seen more than once")
    rest = design.take(keep)
    groups = [_codes(labels[keep]) for labels in (unit, time) if labels is not None]
    units, *periods = (int(codes.max()) for codes in groups)  # each less one
    others = sum(periods)
    clusters = groups[0] if design.clusters is None else _codes(rest.clusters)
    columns = [i for i, block in enumerate(design.blocks) if block != "intercept"]
    spread = rest.matrix[:, columns].std(axis=0)
    within = sweep(rest.matrix[:, columns], groups)
    varies = np.sqrt((within**2).mean(axis=0)) > ABSORBED * np.where(spread > 0, spread, 1.0)
    kept = [i for i, moves in zip(columns, varies, strict=True) if moves]
    absorbed = tuple(design.terms[i] for i in columns if i not in kept)
    still = next((term for term in terms if term in absorbed), None)
    if still is not None:
        place = f"{still}, which does not change within units and periods"
        raise _refusal(place, "a score that changes within units")
    if rest.n < len(kept) + units + others + 10:
        place = f"{rest.n} rows for {len(kept)} slopes and the fixed effects"
        raise _refusal(place, "more rows per unit")
    fit = _least_squares if model == "ols" else _poisson
    x, params, residuals, weights = fit(rest, rest.matrix[:, kept], groups)
    inside = replace(
        rest.columns(kept), response=residuals, matrix=x, clusters=clusters, offset=None
    )
    bread = np.linalg.inv(x.T @ (x * weights[:, None]))
    lost = 1 + others + (0 if _nested(groups[0], clusters) else units)
    n, k = x.shape
    cov = sandwich(bread, x * residuals[:, None], "CRV1", clusters=clusters)
    return WithinFit(
        model,
        inside,
        params,
        cov * ((n - k) / (n - k - lost)),
        residuals,
        weights,
        units + 1,
        others + 1,
        int((~keep).sum()),
        absorbed,
    )


def sweep(
    columns: np.ndarray, groups: list[np.ndarray], weights: np.ndarray | None = None
) -> np.ndarray:
    """Return columns, shape (n, q), less their (weighted) group means, until nothing moves.

    Examples
    --------
    >>> sweep(np.array([[1.0], [3.0], [5.0]]), [np.array([0, 0, 1])]).ravel().tolist()
    [-1.0, 1.0, 0.0]
    """
    weights = np.ones(len(columns)) if weights is None else weights
    totals = [np.bincount(codes, weights) for codes in groups]
    left, scale = columns.astype(float), np.abs(columns).max(axis=0) + 1e-300
    for _ in range(SWEEPS):
        before = left
        for codes, total in zip(groups, totals, strict=True):
            left = left - (cluster_sums(weights[:, None] * left, codes) / total[:, None])[codes]
        if len(groups) == 1 or (np.abs(left - before).max(axis=0) <= TOLERANCE * scale).all():
            return left
    raise _refusal("units and periods that hardly overlap", "periods in which many units are seen")


def autocorrelation(values: np.ndarray, unit: np.ndarray, time: np.ndarray | None = None) -> float:
    """Return a column's correlation with itself in the unit's next row, or among a unit's rows.

    Parameters
    ----------
    values : ndarray, shape (n,)
    unit : ndarray of int, shape (n,)
    time : ndarray, shape (n,), optional
        In order.
    """
    if time is not None:
        order = np.lexsort((time, unit))
        same = unit[order][1:] == unit[order][:-1]
        return float(np.corrcoef(values[order][:-1][same], values[order][1:][same])[0, 1])
    sizes = np.bincount(unit)
    centred = values - values.mean()
    sums, squares = np.bincount(unit, centred), np.bincount(unit, centred**2)
    pairs = (sizes * (sizes - 1)).sum()
    return float(((sums**2 - squares).sum() / pairs) / centred.var())


def _codes(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1]


def _informative(response: np.ndarray, unit: np.ndarray, model: str) -> np.ndarray:
    """Return the rows of units seen more than once, for Poisson with a positive outcome."""
    codes = _codes(unit)
    keep = np.bincount(codes)[codes] > 1
    return keep & (np.bincount(codes, response)[codes] > 0) if model == "poisson" else keep


def _nested(unit: np.ndarray, clusters: np.ndarray) -> bool:
    return len(np.unique(np.column_stack([unit, clusters]), axis=0)) == int(unit.max()) + 1


def _least_squares(
    design: Design, columns: np.ndarray, groups: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns within, slopes, residuals and weights."""
    table = sweep(np.column_stack([design.response, columns]), groups)
    y, x = table[:, 0], table[:, 1:]
    basis, back = _orthonormal(x)
    params = back @ (basis.T @ y) / len(y)
    return x, params, y - x @ params, np.ones(design.n)


def _poisson(
    design: Design, columns: np.ndarray, groups: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns within under the last weights, slopes, ``y - mean`` and means."""
    shift = np.zeros(design.n) if design.offset is None else design.offset
    unit = design.response.mean()
    y = design.response / unit
    back = _orthonormal(sweep(columns, groups))[1]
    turned = columns @ back
    eta, working, table = np.log((y + 1) / 2), y, None

    def predictor(params: np.ndarray) -> np.ndarray:
        if table is None:
            return eta
        return np.clip(working - (table[:, 0] - table[:, 1:] @ params) + shift, -30, 30)

    def sums(params: np.ndarray) -> Sums:
        """Sweep the fixed effects out of the columns and of the response that these slopes give."""
        nonlocal eta, working, table
        eta = predictor(params)
        mean = np.exp(eta)
        working = eta - shift + (y - mean) / mean
        table = sweep(np.column_stack([working, turned]), groups, mean)
        x = table[:, 1:]
        weighted = x * mean[:, None]
        return None, weighted.T @ (table[:, 0] - x @ params), weighted.T @ x

    start = np.zeros(columns.shape[1])
    last = newton(sums, start, steps=200, small=1e-10, condition=1e15)
    if not np.isfinite(last.params).all():
        raise _dependent()
    if not last.moved <= 1e-10:
        raise _refusal(
            "no finite estimate with fixed effects", "units and periods with positive outcomes"
        )
    mean = np.exp(predictor(last.params))
    return sweep(columns, groups, mean), back @ last.params, (y - mean) * unit, mean * unit


def _orthonormal(within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal columns (times the root of the rows), and the matrix that makes them."""
    scale = np.sqrt((within**2).mean(axis=0))
    q, r = np.linalg.qr(within / scale)
    if np.linalg.cond(r) > 1e10:
        raise _dependent()
    root = np.sqrt(len(within))
    return q * root, np.linalg.inv(r) * root / scale[:, None]


def _dependent() -> DesignError:
    return _refusal(
        "columns that depend on each other within units and periods",
        "columns that change by themselves",
    )


def _refusal(found: str, allowed: str) -> DesignError:
    return DesignError("the model", [Fault("[panel]", found, allowed)])
