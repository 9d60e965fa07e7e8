"""Least squares and Poisson pseudo-maximum likelihood by sums over a table that no memory holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import refuse_full_leverage
from analysis.models.fit import Fit
from analysis.out_of_core.basis import Basis
from analysis.out_of_core.sums import aggregate, combination

if TYPE_CHECKING:
    import ibis.expr.types as ir

SAME = 1e-12
"""Relative distance of coefficients that are equal but for their rounding."""

MOST_JACKKNIFE = 5_000_000
"""Numbers (clusters x pairs of columns) that CRV3 may bring into memory."""


@dataclass(frozen=True)
class Size:
    """What a `Fit` says of its design when no row of it is in memory."""

    terms: tuple[str, ...]
    n: int
    n_clusters: int | None

    @property
    def k(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, eq=False)
class Solved:
    """The coefficients of one model on the scaled columns, before its covariance.

    Attributes
    ----------
    model : {"ols", "poisson"}
    columns : list of int, length s
        Positions in the basis, 0 among them.
    beta : ndarray, shape (s,)
        Per unit of z; of the response as it is (ols), or of the response over `unit` (poisson).
    whitening : ndarray, shape (s, s)
        W with ``W W' =`` the inverse information, so that a row's leverage is ``weight |z W|^2``.
    targets : tuple of int
        The columns whose covariance is wanted.
    free : int
        The first of the columns, which have coefficients; those of the others are zero.
    unit : float
    """

    model: str
    columns: list[int]
    beta: np.ndarray
    whitening: np.ndarray
    targets: tuple[int, ...]
    free: int
    unit: float = 1.0

    def spread(self, weights: np.ndarray, k: int) -> np.ndarray:
        """Return weights on the columns of this model as weights on all columns."""
        whole = np.zeros(k)
        whole[self.columns] = weights
        return whole

    def influence(self, target: int) -> np.ndarray:
        """Return the weights on z that make a row's contribution to a coefficient, residual
        aside.
        """
        return self.whitening[self.columns.index(target)] @ self.whitening.T


@dataclass(frozen=True, eq=False)
class Contribution:
    """A row's contribution to one quantity: a combination of z times the residual of a model."""

    weights: np.ndarray
    residual: int
    leverage: bool = False


# --- least squares --------------------------------------------------------------------------------


def solve_ols(basis: Basis, columns: list[int], targets: tuple[int, ...]) -> Solved:
    """Solve least squares of some columns from the triangle of all of them."""
    q, triangle = np.linalg.qr(basis.coordinates[:, columns])
    beta = np.linalg.solve(triangle, q.T @ basis.response)
    beta[0] += basis.shift
    return Solved(
        "ols", columns, beta, np.linalg.inv(triangle) / np.sqrt(basis.n), targets, len(columns)
    )


# --- what the rows contribute ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Summed:
    """Sums over rows (or over clusters of their sums) of contributions.

    Attributes
    ----------
    total : ndarray, shape (m,)
    products : ndarray, shape (m, m)
        Of contributions of the same group only; zero elsewhere.
    deviance : list of float
        Of each model.
    groups : tuple of int or None
        The number of clusters, and the sizes of the smallest and the largest.
    """

    total: np.ndarray
    products: np.ndarray
    deviance: list[float]
    groups: tuple[int, int, int] | None = None


def predictor_of(table: ir.Table, weights: np.ndarray) -> ir.Value:
    predictor = combination(table, weights)
    return predictor + table["o"] if "o" in table.columns else predictor


def contribute(
    basis: Basis, models: list[Solved], groups: list[list[Contribution]], kind: str
) -> Summed:
    """Sum contributions, their products within each group, and the deviances, in one scan.

    Those of least squares are known from the basis.

    Parameters
    ----------
    kind : {"HC0", "HC1", "HC2", "HC3", "CRV1"}
        For HC2 and HC3 contributions marked `leverage` are divided by (the root of) one minus the
        leverage. For CRV1 contributions are summed by cluster first, and the products are of the
        clusters' sums: two numbers a cluster and model, which the engine keeps, whatever the number
        of clusters.

    Raises
    ------
    DesignError
        HC2 or HC3 where a row has leverage one.
    """
    flat = [c for group in groups for c in group]
    table, pairs = _with_contributions(basis, models, flat, kind), _pairs(groups)
    deviances, sums = [f"d{m}" for m, s in enumerate(models) if s.model != "ols"], {}
    if kind.startswith("CRV"):
        sums = {
            name: table[name].sum() for name in (*deviances, *(f"c{i}" for i in range(len(flat))))
        }
        table = table.group_by("g").aggregate(**sums, size=table.count())
        sums = {"groups": table.count(), "least": table["size"].min(), "most": table["size"].max()}
    if kind in ("HC2", "HC3"):
        sums |= {f"a{m}": (table[f"l{m}"] > 1 - 1e-10).sum() for m in range(len(models))}
    sums |= {name: table[name].sum() for name in deviances}
    sums |= {f"t{i}": table[f"c{i}"].sum() for i in range(len(flat))}
    sums |= {f"p{i}_{j}": (table[f"c{i}"] * table[f"c{j}"]).sum() for i, j in pairs}
    found = aggregate(table, sums)
    for name in (name for name in found if name.startswith("a")):
        refuse_full_leverage(np.ones(int(found[name] or 0)), kind)
    deviance = [
        basis.residual_squares(s.columns[: s.free]) if s.model == "ols" else float(found[f"d{m}"])
        for m, s in enumerate(models)
    ]
    return _summed(found, len(flat), pairs, deviance)


def _summed(
    found: dict[str, Any], size: int, pairs: list[tuple[int, int]], deviance: list[float]
) -> Summed:
    products = np.zeros((size, size))
    for i, j in pairs:
        products[i, j] = products[j, i] = found[f"p{i}_{j}"]
    groups = (
        tuple(int(found[name]) for name in ("groups", "least", "most"))
        if "groups" in found
        else None
    )
    total = np.array([found[f"t{i}"] for i in range(size)], dtype=float)
    return Summed(total, products, deviance, groups)


def _pairs(groups: list[list[Contribution]]) -> list[tuple[int, int]]:
    pairs, start = [], 0
    for group in groups:
        pairs += [(start + i, start + j) for i in range(len(group)) for j in range(i + 1)]
        start += len(group)
    return pairs


def _with_contributions(
    basis: Basis, models: list[Solved], flat: list[Contribution], kind: str
) -> ir.Table:
    """Return a row's contributions ``c0 ..``, deviances ``d0 ..`` and, for HC2 and HC3, leverages
    ``l0 ..``.
    """
    table, short = basis.table, _short_cuts(basis, models, flat)
    fitted = {
        f"eta{m}": predictor_of(table, s.spread(s.beta, basis.k))
        if s.model == "poisson"
        else combination(table, s.spread(s.beta, basis.k))
        for m, s in enumerate(models)
        if m not in short
    }
    parts = {f"f{i}": combination(table, c.weights) for i, c in enumerate(flat)}
    leverages = (
        {f"l{m}": _squared(table, s, basis.k) for m, s in enumerate(models)}
        if kind in ("HC2", "HC3")
        else {}
    )
    others = ["y", "g"] if "g" in table.columns else ["y"]
    table = table.select(*others, **fitted, **parts, **leverages)
    table = table.mutate(
        **{
            f"eta{m}": table[f"eta{other}"] - table[f"f{i}"] * times
            for m, (other, i, times) in short.items()
        }
    )
    means = {
        f"mu{m}": table[f"eta{m}"].exp() if s.model == "poisson" else table[f"eta{m}"]
        for m, s in enumerate(models)
    }
    table = table.mutate(**means)
    table = table.mutate(
        **{
            f"e{m}": table["y"] / s.unit - table[f"mu{m}"]
            if s.model == "poisson"
            else table["y"] - table[f"mu{m}"]
            for m, s in enumerate(models)
        },
        **{
            f"l{m}": table[f"l{m}"] * (table[f"mu{m}"] if s.model == "poisson" else 1.0)
            for m, s in enumerate(models)
            if leverages
        },
    )
    columns = {
        f"d{m}": _unit_deviance(table, m, s) for m, s in enumerate(models) if s.model != "ols"
    }
    for i, c in enumerate(flat):
        value = table[f"f{i}"] * table[f"e{c.residual}"]
        if c.leverage and leverages:
            left = 1.0 - table[f"l{c.residual}"]
            value = value / (left if kind == "HC3" else left.sqrt())
        columns[f"c{i}"] = value
    return table.select(*others, *(f"l{m}" for m in range(len(models)) if leverages), **columns)


def _short_cuts(
    basis: Basis, models: list[Solved], flat: list[Contribution]
) -> dict[int, tuple[int, int, float]]:
    """Return the models whose fit is another's less a multiple of a contribution's weights: (other,
    which, times).

    Without its last column least squares loses that column's part outside the others, times its
    coefficient (Frisch and Waugh 1933): what the column's own contributions are made of, so that no
    row is combined twice.
    """
    found, betas = {}, [s.spread(s.beta, basis.k) for s in models]
    for m, solved in enumerate(models):
        for i, c in enumerate(flat):
            other, last = c.residual, c.weights[-1]
            if (
                other >= m
                or other in found
                or solved.model != "ols"
                or models[other].model != "ols"
                or last == 0
            ):
                continue
            lost = betas[other] - betas[m]
            times = float(lost[-1] / last)
            if np.abs(lost - times * c.weights)[1:].max() <= SAME * np.abs(lost[1:]).max():
                found[m] = (other, i, times)
                break
    return found


def _squared(table: ir.Table, solved: Solved, k: int) -> ir.Value:
    """Return ``|z W|^2``."""
    parts = [combination(table, solved.spread(column, k)) for column in solved.whitening.T]
    total = parts[0] * parts[0]
    for part in parts[1:]:
        total = total + part * part
    return total


def _unit_deviance(table: ir.Table, m: int, solved: Solved) -> ir.Value:
    import ibis

    y = table["y"] / solved.unit
    return (ibis.cases((y > 0, y * (y.ln() - table[f"eta{m}"])), else_=0.0) - table[f"e{m}"]) * 2.0


# --- fits -----------------------------------------------------------------------------------------


def fitted(
    basis: Basis,
    solved: Solved,
    summed: Summed,
    at: list[int],
    kind: str,
    deviance: float,
    null: float,
    clusters: int | None,
) -> Fit:
    """Return a Fit whose covariance is known for the model's targets.

    Notes
    -----
    The contributions to a coefficient sum to zero at the estimate. What is left of that sum is a
    rounding of the orthonormal basis, and the exact correction to the coefficient, since they carry
    the inverse information.
    """
    n, k = basis.n, len(solved.columns)
    factor = {"HC1": n / (n - k), "CRV1": 1.0}.get(kind, 1.0)
    if kind == "CRV1":
        factor = clusters / (clusters - 1) * (n - 1) / (n - k)
    params, cov = np.full(k, np.nan), np.full((k, k), np.nan)
    places = [solved.columns.index(target) for target in solved.targets]
    scale = basis.scale[list(solved.targets)]
    correction = summed.total[at] if kind not in ("HC2", "HC3") else 0.0
    params[places] = (solved.beta[places] + correction) / scale
    cov[np.ix_(places, places)] = summed.products[np.ix_(at, at)] * factor / np.outer(scale, scale)
    return _fit(basis, solved, params, cov, kind, deviance, null, clusters)


def _fit(
    basis: Basis,
    solved: Solved,
    params: np.ndarray,
    cov: np.ndarray,
    kind: str,
    deviance: float,
    null: float,
    clusters: int | None,
) -> Fit:
    size = Size(tuple(basis.terms[i] for i in solved.columns), basis.n, clusters)
    empty = np.empty(0)
    return Fit(size, solved.model, params, cov, kind, empty, empty, empty, deviance, null)


def jackknifed(basis: Basis, solved: Solved, fit: Fit) -> Fit:
    """Return a least-squares Fit with CRV3 instead: each cluster left out, from sums by cluster
    alone.

    Raises
    ------
    DesignError
        When a column cannot be estimated without one of the clusters, or there are too many
        clusters.
    """
    k, clusters = len(solved.columns), fit.design.n_clusters
    if clusters * k * (k + 3) / 2 > MOST_JACKKNIFE:
        found = f"CRV3 with {clusters:,} clusters of {k} columns, beyond memory"
        raise DesignError("the model", [Fault("[inference] covariance", found, "CRV1")])
    table, names = basis.table, [f"q{j}" for j in range(k)]
    inner = solved.whitening * np.sqrt(basis.n)
    columns = {
        name: combination(table, solved.spread(inner[:, j], basis.k)) + 0.0 * table["y"]
        for j, name in enumerate(names)
    }
    error = table["y"] - combination(table, solved.spread(solved.beta, basis.k))
    table = table.select("g", e=error, **columns)
    sums = {f"s{j}": (table[name] * table["e"]).sum() for j, name in enumerate(names)}
    sums |= {
        f"p{i}_{j}": (table[names[i]] * table[names[j]]).sum()
        for i in range(k)
        for j in range(i + 1)
    }
    frame = table.group_by("g").aggregate(**sums).order_by("g").to_pandas()
    deviations = np.array([_without(row, k, basis.n) for row in frame.to_dict("records")])
    cov = inner @ (deviations.T @ deviations * ((clusters - 1) / clusters)) @ inner.T
    scale = basis.scale[solved.columns]
    return replace(fit, cov=cov / np.outer(scale, scale), covariance="CRV3")


def _without(row: dict[str, float], k: int, n: int) -> np.ndarray:
    """Return the change of the coefficients on the orthonormal columns without one cluster."""
    information = n * np.eye(k)
    for i in range(k):
        for j in range(i + 1):
            information[i, j] -= row[f"p{i}_{j}"]
            information[j, i] = information[i, j]
    if np.linalg.cond(information) > 1e12:
        found = "CRV3, and a cluster without which a column of the design cannot be estimated"
        raise DesignError(
            "the model",
            [Fault("[inference] covariance", found, "CRV1, or a plan without that column")],
        )
    return -np.linalg.solve(information, np.array([row[f"s{j}"] for j in range(k)]))
