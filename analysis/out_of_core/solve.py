"""Coefficients out of core: least squares from the basis, Poisson models by Newton steps.

A step of all Poisson models is one scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.family import FAMILIES
from analysis.models.glm import fit_pml
from analysis.models.solver import SINGULAR, Step
from analysis.out_of_core.basis import Basis
from analysis.out_of_core.cells import aggregate, combination, pair_sums, symmetric

if TYPE_CHECKING:
    import ibis.expr.types as ir

STEPS = 60
STEEPEST = 50.0
"""Per standard deviation: a steeper start is a column that the sample cannot tell from zero."""

STEP_TOLERANCE = 1e-9
"""Of the coefficients on orthonormal columns; the information is then that of the estimate to as
many digits.
"""


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
        The first of the columns, which have coefficients; those of the others are zero, as in the
        score test of the last one.
    unit : float
    """

    model: str
    columns: list[int]
    beta: np.ndarray
    whitening: np.ndarray
    targets: tuple[int, ...]
    free: int
    unit: float = 1.0

    @property
    def linear(self) -> bool:
        return FAMILIES[self.model].linear

    def predictor(self, table: ir.Table, k: int) -> ir.Value:
        """Return the linear predictor of each row, its offset included."""
        return predictor_of(table, placed(self.beta, self.columns, k), offset=not self.linear)

    def response(self, table: ir.Table) -> ir.Value:
        return table["y"] if self.linear else table["y"] / self.unit

    def influences(self, k: int) -> list[np.ndarray]:
        """Return for each target the weights on all columns that, times its residual, make a row's
        contribution to the coefficient.
        """
        rows = [self.whitening[self.columns.index(target)] for target in self.targets]
        return [placed(row @ self.whitening.T, self.columns, k) for row in rows]


def placed(weights: np.ndarray, columns: list[int], k: int) -> np.ndarray:
    """Return weights on some of k columns as weights on all of them."""
    everywhere = np.zeros(k)
    everywhere[columns] = weights
    return everywhere


def predictor_of(table: ir.Table, weights: np.ndarray, *, offset: bool = True) -> ir.Value:
    """Return a combination of the columns, with the table's offset."""
    predictor = combination(table, weights)
    return predictor + table["o"] if offset and "o" in table.columns else predictor


def solve_ols(basis: Basis, columns: list[int], targets: tuple[int, ...], free: int) -> Solved:
    """Solve least squares of the first columns from the triangle of all of them."""
    q, triangle = np.linalg.qr(basis.coordinates[:, columns])
    beta = np.zeros(len(columns))
    beta[:free] = np.linalg.solve(triangle[:free, :free], q[:, :free].T @ basis.response)
    beta[0] += basis.shift
    whitening = np.linalg.inv(triangle) / np.sqrt(basis.n)
    return Solved("ols", columns, beta, whitening, targets, free)


# --- Poisson pseudo-maximum likelihood ------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Model:
    """One model on its way.

    Attributes
    ----------
    columns : list of int
        Of the basis; the first `free` of them have coefficients, those of the others are zero.
    free : int
    triangle : ndarray
        From the columns to orthonormal ones.
    at : Step
        Of the solver, on the orthonormal columns.
    information : ndarray or None
        Of all columns, where the last step was taken.
    """

    columns: list[int]
    free: int
    triangle: np.ndarray
    at: Step
    information: np.ndarray | None = None

    @property
    def beta(self) -> np.ndarray:
        """Coefficients of the columns."""
        beta = np.zeros(len(self.columns))
        inside = self.triangle[: self.free, : self.free]
        beta[: self.free] = np.linalg.solve(inside, self.at.params)
        return beta

    @property
    def done(self) -> bool:
        return bool(self.at.moved < STEP_TOLERANCE)


def solve_poisson(
    basis: Basis, wanted: Sequence[tuple[list[int], int]], unit: float, targets: tuple[int, ...]
) -> list[Solved]:
    """Fit several Poisson models by Newton steps, one scan for a step of all of them.

    Parameters
    ----------
    basis : Basis
    wanted : sequence of (columns, free)
        The first `free` of the columns have coefficients; the others are zero, and only enter the
        information.
    unit : float
        The response is divided by it.
    targets : tuple of int

    Raises
    ------
    DesignError
        When the estimate does not exist (separation) or the steps do not converge.
    """
    states = [_start(basis, columns, free, unit) for columns, free in wanted]
    for _ in range(STEPS):
        open_ = [i for i, state in enumerate(states) if not state.done]
        if not open_:
            break
        for i, sums in zip(open_, _scan([states[i] for i in open_], basis, unit), strict=True):
            states[i] = _moved(states[i], *sums)
    if not all(state.done for state in states):
        raise _no_estimate()
    return [_solved(state, targets, unit) for state in states]


def _no_estimate() -> DesignError:
    found = (
        "no finite estimate: some columns predict an outcome of zero perfectly, or the rows do not"
        " determine them"
    )
    allowed = "columns (or levels of a text control) with positive outcomes on both sides"
    return DesignError("the model", Fault("poisson regression", found, allowed))


def _start(basis: Basis, columns: list[int], free: int, unit: float) -> _Model:
    """Start at the estimate of the seeded sample, or where it has none at a constant."""
    _, triangle = np.linalg.qr(basis.coordinates[:, columns])
    beta = np.zeros(len(columns))
    used = columns[:free]
    pilot = replace(
        basis.pilot,
        matrix=basis.pilot.matrix[:, used],
        terms=tuple(basis.terms[i] for i in used),
        blocks=tuple(basis.blocks[i] for i in used),
        clusters=None,
    )
    try:
        params = fit_pml(pilot, family="poisson", covariance="HC0").params
        beta[:free] = params * basis.scale[used]
        beta[0] = params[0] + params[1:] @ basis.mean[used[1:]] - np.log(unit)
    except (DesignError, np.linalg.LinAlgError, ValueError):
        beta[0] = np.nan
    if not (np.abs(beta) < STEEPEST).all():
        beta[:] = 0.0
        beta[0] = 0.0 if pilot.offset is None else -np.log(np.exp(pilot.offset).mean())
    return _Model(columns, free, triangle, Step(triangle[:free, :free] @ beta[:free]))


def _scan(
    states: list[_Model], basis: Basis, unit: float
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Return each model's criterion, gradient and information on orthonormal columns: one scan."""
    table, columns, names = basis.table.mutate(y=basis.table["y"] / unit), {}, []
    for m, state in enumerate(states):
        columns[f"eta{m}"] = predictor_of(table, placed(state.beta, state.columns, basis.k))
        names.append([f"q{m}_{j}" for j in range(len(state.columns))])
        for name, weights in zip(names[m], np.linalg.inv(state.triangle).T, strict=True):
            columns[name] = combination(table, placed(weights, state.columns, basis.k))
    table = table.select("y", **columns)
    table = table.mutate(**{f"mu{m}": table[f"eta{m}"].exp() for m in range(len(states))})
    weighted = {f"w{q}": table[f"mu{m}"] * table[q] for m, some in enumerate(names) for q in some}
    table, sums = table.mutate(**weighted), {}
    for m, some in enumerate(names):
        mean, values = table[f"mu{m}"], [table[name] for name in some]
        sums[f"f{m}"] = (mean - table["y"] * table[f"eta{m}"]).sum()
        sums |= {f"g{name}": ((table["y"] - mean) * table[name]).sum() for name in some}
        sums |= pair_sums([table[f"w{name}"] for name in some], f"h{m}_", values)
    found = aggregate(table, sums)
    return [
        (
            float(found[f"f{m}"]),
            np.array([found[f"g{name}"] for name in some], dtype=float),
            symmetric(found, len(some), f"h{m}_"),
        )
        for m, some in enumerate(names)
    ]


def _moved(model: _Model, value: float, gradient: np.ndarray, information: np.ndarray) -> _Model:
    """Return the model one step of the solver on, or halfway back where the last did not help."""
    free, slack = model.free, 1e-12 * abs(model.at.value)
    sums = value, gradient[:free], information[:free, :free]
    at = model.at.next(sums, slack=slack, condition=SINGULAR)
    if not np.isfinite(at.params).all():
        raise _no_estimate()
    return replace(model, at=at, information=information)


def _solved(state: _Model, targets: tuple[int, ...], unit: float) -> Solved:
    triangle = np.linalg.cholesky(state.information).T @ state.triangle
    kept = tuple(target for target in targets if target in state.columns)
    return Solved(
        "poisson", state.columns, state.beta, np.linalg.inv(triangle), kept, state.free, unit
    )
