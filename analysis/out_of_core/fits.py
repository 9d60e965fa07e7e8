"""Covariances and fits from what the rows of a table out of core contribute to coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import LEVERED, refuse_full_leverage, small_sample
from analysis.models.design import Design
from analysis.models.fit import Fit
from analysis.out_of_core.basis import Basis
from analysis.out_of_core.cells import (
    aggregate,
    combination,
    pair_sums,
    products_by_group,
    sums_by_group,
    symmetric,
    total_of,
)
from analysis.out_of_core.solve import Solved, placed

if TYPE_CHECKING:
    import ibis.expr.types as ir

SAME = 1e-12
"""Relative distance of coefficients that are equal but for their rounding."""

MOST_JACKKNIFE = 5_000_000
"""Numbers (clusters x pairs of columns) that CRV3 may bring into memory."""


Groups = tuple[int, int, int]
"""The number of clusters, and the sizes of the smallest and the largest."""


@dataclass(frozen=True)
class Size:
    """What a `Fit` says of its design when no row of it is in memory."""

    terms: tuple[str, ...]
    n: int
    n_clusters: int | None
    lost: int = 0

    @property
    def k(self) -> int:
        return len(self.terms)

    position = Design.position


# --- what the rows contribute ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Summed:
    """Sums over rows (or over clusters of their sums) of one model's contributions.

    Attributes
    ----------
    total : ndarray, shape (t,)
        Of each target.
    products : ndarray, shape (t, t)
    deviance : float
    """

    total: np.ndarray
    products: np.ndarray
    deviance: float


def contribute(basis: Basis, models: list[Solved], kind: str) -> tuple[list[Summed], Groups | None]:
    """Sum each model's contributions, their products and the deviances, in one scan.

    The deviances of least squares are known from the basis.

    Parameters
    ----------
    kind : {"HC0", "HC1", "HC2", "HC3", "CRV1"}
        For HC2 and HC3 contributions of models without columns kept at zero are divided by (the
        root of) one minus the leverage. For CRV1 contributions are summed by cluster first, and the
        products are of the clusters' sums: two numbers a cluster and model, which the database
        keeps, whatever the number of clusters.

    Returns
    -------
    list of Summed, one a model; Groups or None
        The clusters, for CRV1.

    Raises
    ------
    DesignError
        HC2 or HC3 where a row has leverage one.
    """
    table = _with_contributions(basis, models, kind)
    deviances = [f"d{m}" for m, solved in enumerate(models) if not solved.linear]
    names = [[f"c{m}_{t}" for t in range(len(s.targets))] for m, s in enumerate(models)]
    every = [*deviances, *(name for some in names for name in some)]
    sums = {}
    if kind == "CRV1":
        table, sums = sums_by_group(table, every)
    levers = [name for name in table.columns if name.startswith("l")]
    sums |= {f"a_{name}": (table[name] > 1 - 1e-10).sum() for name in levers}
    sums |= {name: table[name].sum() for name in every}
    for m, some in enumerate(names):
        sums |= pair_sums([table[name] for name in some], f"p{m}_")
    values = aggregate(table, sums)
    for name in levers:
        refuse_full_leverage(np.ones(int(values[f"a_{name}"] or 0)), kind)
    summed = [
        Summed(
            np.array([values[name] for name in some], dtype=float),
            symmetric(values, len(some), f"p{m}_"),
            basis.residual_squares(s.columns[: s.free]) if s.linear else float(values[f"d{m}"]),
        )
        for m, (s, some) in enumerate(zip(models, names, strict=True))
    ]
    return summed, groups_of(values) if kind == "CRV1" else None


def groups_of(values: Mapping[str, Any]) -> Groups:
    """Return the clusters from the values of what `sums_by_group` asks."""
    return int(values["groups"]), int(values["least"]), int(values["most"])


def _with_contributions(basis: Basis, models: list[Solved], kind: str) -> ir.Table:
    """Return rows' contributions ``c0_0 ..``, deviances ``d1 ..`` and leverages ``l0 ..``."""
    k, numbered = basis.k, list(enumerate(models))
    influences = [solved.influences(k) for solved in models]
    short = _short_cuts(basis, models, influences)
    levered = [m for m, s in numbered if kind in LEVERED and s.free == len(s.columns)]
    table = basis.table
    columns = {f"eta{m}": s.predictor(table, k) for m, s in numbered if m not in short}
    for m, rows in enumerate(influences):
        columns |= {f"f{m}_{t}": combination(table, row) for t, row in enumerate(rows)}
    columns |= {f"l{m}": _squared(table, models[m], k) for m in levered}
    others = ["y", "g"] if "g" in table.columns else ["y"]
    table = table.select(*others, **columns)
    shortened = {
        f"eta{m}": table[f"eta{other}"] - table[f"f{other}_{t}"] * times
        for m, (other, t, times) in short.items()
    }
    table = table.mutate(**shortened)
    means = {m: table[f"eta{m}"] if s.linear else table[f"eta{m}"].exp() for m, s in numbered}
    table = table.mutate(**{f"mu{m}": mean for m, mean in means.items()})
    columns = {f"e{m}": s.response(table) - table[f"mu{m}"] for m, s in numbered}
    weighted = (m for m in levered if not models[m].linear)
    columns |= {f"l{m}": table[f"l{m}"] * table[f"mu{m}"] for m in weighted}
    table = table.mutate(**columns)
    columns = {f"d{m}": _unit_deviance(table, m, s) for m, s in numbered if not s.linear}
    for m, rows in enumerate(influences):
        error = table[f"e{m}"]
        if m in levered:
            left = 1.0 - table[f"l{m}"]
            error = error / (left if kind == "HC3" else left.sqrt())
        columns |= {f"c{m}_{t}": table[f"f{m}_{t}"] * error for t in range(len(rows))}
    return table.select(*others, *(f"l{m}" for m in levered), **columns)


def _short_cuts(
    basis: Basis, models: list[Solved], influences: list[list[np.ndarray]]
) -> dict[int, tuple[int, int, float]]:
    """Return the models whose fit is another's less a multiple of a contribution's weights: (other,
    which, times).

    Without its last column least squares loses that column's part outside the others, times its
    coefficient (Frisch and Waugh 1933): what the column's own contributions are made of, so that no
    row is combined twice.
    """
    short, betas = {}, [placed(s.beta, s.columns, basis.k) for s in models]
    linear = [m for m, solved in enumerate(models) if solved.linear]
    for m in linear:
        for other in (other for other in linear if other < m and other not in short):
            lost = betas[other] - betas[m]
            for t, weights in enumerate(influences[other]):
                times = float(lost[-1] / weights[-1]) if weights[-1] else 0.0
                rest = np.abs(lost - times * weights)[1:].max()
                if m not in short and times and rest <= SAME * np.abs(lost[1:]).max():
                    short[m] = (other, t, times)
    return short


def _squared(table: ir.Table, solved: Solved, k: int) -> ir.Value:
    """Return ``|z W|^2``."""
    parts = (combination(table, placed(column, solved.columns, k)) for column in solved.whitening.T)
    return total_of(part * part for part in parts)


def _unit_deviance(table: ir.Table, m: int, solved: Solved) -> ir.Value:
    import ibis

    y = solved.response(table)
    return (ibis.cases((y > 0, y * (y.ln() - table[f"eta{m}"])), else_=0.0) - table[f"e{m}"]) * 2.0


# --- fits -----------------------------------------------------------------------------------------


def fitted(
    basis: Basis, solved: Solved, summed: Summed, kind: str, null: float, clusters: int | None
) -> Fit:
    """Return a Fit whose covariance is known for the model's targets.

    Notes
    -----
    The contributions to a coefficient sum to zero at the estimate. What is left of that sum is a
    rounding of the orthonormal basis, and the exact correction to the coefficient, since they carry
    the inverse information.
    """
    n, k = basis.n, len(solved.columns)
    params, cov = np.full(k, np.nan), np.full((k, k), np.nan)
    places = [solved.columns.index(target) for target in solved.targets]
    scale = basis.scale[list(solved.targets)]
    correction = 0.0 if kind in LEVERED else summed.total
    params[places] = (solved.beta[places] + correction) / scale
    cov[np.ix_(places, places)] = summed.products / np.outer(scale, scale)
    cov *= small_sample(kind, n, k, clusters)
    size = Size(tuple(basis.terms[i] for i in solved.columns), n, clusters)
    rows = (np.empty(0),) * 3
    return Fit(size, solved.model, params, cov, kind, *rows, summed.deviance, null)


def jackknifed(basis: Basis, solved: Solved, fit: Fit) -> Fit:
    """Return a least-squares Fit with CRV3 instead: each cluster left out, from sums by cluster
    alone.

    Raises
    ------
    DesignError
        When a column cannot be estimated without one of the clusters, or there are too many
        clusters.
    """
    k, clusters, place = len(solved.columns), fit.design.n_clusters, "[inference] covariance"
    if clusters * k * (k + 3) / 2 > MOST_JACKKNIFE:
        found = f"CRV3 with {clusters:,} clusters of {k} columns, beyond memory"
        raise DesignError("the model", Fault(place, found, "CRV1"))
    table, inner = basis.table, solved.whitening * np.sqrt(basis.n)
    inner[:, 0] = np.abs(inner[:, 0])  # a constant, one
    columns = {
        f"q{j}": combination(table, placed(column, solved.columns, basis.k))
        for j, column in enumerate(inner.T[1:])
    }
    table = table.select("g", **columns, e=table["y"] - solved.predictor(table, basis.k))
    _, products = products_by_group(table, [*columns, "e"])
    products = np.moveaxis(products, -1, 0)
    information, scores = basis.n * np.eye(k) - products[:, :k, :k], products[:, :k, k:]
    if (np.linalg.cond(information) > 1e12).any():
        found = "CRV3, and a cluster without which a column of the design cannot be estimated"
        raise DesignError("the model", Fault(place, found, "CRV1, or a plan without that column"))
    deviations = np.linalg.solve(information, scores)[..., 0]
    cov = inner @ (deviations.T @ deviations * ((clusters - 1) / clusters)) @ inner.T
    scale = basis.scale[solved.columns]
    return replace(fit, cov=cov / np.outer(scale, scale), covariance="CRV3")
