"""Least squares of any subset of columns, many at once, from sufficient statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.models.sufficient_statistics import (
    GroupSums,
    SufficientStatistics,
    condition_number,
    refusal,
)

Covariance = Literal["classical", "HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"]


CHUNK = 2048  # subsets factored together


BUDGET = 1 << 22  # numbers in the largest temporary array


RANK_TOLERANCE = 1e-12
"""A column whose own part is a smaller share of its spread is a combination of the others."""


@dataclass(frozen=True, eq=False)
class Subsets:
    """m regressions that are asked of one set of sufficient.

    Attributes
    ----------
    sufficient : SufficientStatistics
    included : ndarray of bool, shape (m, p)
        Regressors, the term among them; the constant is always there.
    term, outcome : ndarray of int, shape (m,)
        Positions of the column whose coefficient is wanted, and of the column that is explained.
    """

    sufficient: SufficientStatistics
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
        return Subsets(
            self.sufficient, self.included[positions], self.term[positions], self.outcome[positions]
        )


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
        Residual sum of squares (outcome units squared), R squared, and what R squared loses without
        the term.
    condition : float
        Condition number of all regressors that occur, centred and scaled: none of the subsets has a
        larger one.
    clusters : int or None
    influence, residual, restricted : ndarray, shape (m, k)
        In the orthonormal basis and at unit spread: the estimate is influence'y; residuals with the
        term in the model, and without it.
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
    def sufficient(self) -> SufficientStatistics:
        """The sufficient that were asked."""
        return self.subsets.sufficient

    @property
    def terms(self) -> tuple[str, ...]:
        """Name of the term of each fit."""
        return tuple(self.sufficient.names[i] for i in self.subsets.term)

    def statistic(self, kind: Covariance) -> np.ndarray:
        """Estimates over standard errors, shape (m,)."""
        return self.estimate / self.std_error[kind]


def read_subsets(sufficient: SufficientStatistics, subsets, *, outcome, term) -> Subsets:
    """Names to positions; names that are not there and columns in two roles are refused."""
    if isinstance(subsets, np.ndarray) and subsets.dtype == bool:
        included = subsets.reshape(len(subsets), -1).copy()
        if included.shape[1] != len(sufficient.names):
            found, allowed = (
                f"{size} columns" for size in (included.shape[1], len(sufficient.names))
            )
            raise refusal("mask of subsets", found, allowed)
    else:
        known = {name: i for i, name in enumerate(sufficient.names)}
        included = np.zeros((len(subsets), len(known)), dtype=bool)
        for row, subset in zip(included, subsets, strict=True):
            for name in subset:
                row[known[name] if name in known else sufficient.position(name)] = True
    focal = _positions(sufficient, term, len(included), "terms")
    explained = _positions(sufficient, outcome, len(included), "outcomes")
    included[np.arange(len(included)), focal] = True
    both = np.flatnonzero(included[np.arange(len(included)), explained])
    if len(both):
        found = f"{sufficient.names[explained[both[0]]]!r} in two roles"
        raise refusal(f"regression {both[0]}", found, "regressor or outcome")
    return Subsets(sufficient, included, focal, explained)


def _positions(sufficient: SufficientStatistics, names, count: int, role: str) -> np.ndarray:
    if isinstance(names, str):
        return np.full(count, sufficient.position(names))
    if len(names) != count:
        raise refusal(role, str(len(names)), f"one name, or {count}: one for each subset")
    return np.array([sufficient.position(name) for name in names], dtype=int)


def grouping(fits: SubsetFits, name: str) -> GroupSums:
    """Sums by group; at least two groups."""
    sums = fits.sufficient.group(name)
    if len(sums.sizes) < 2:
        raise refusal(f"groups of {name!r}", str(len(sums.sizes)), "at least two")
    return sums


def solve(subsets: Subsets) -> SubsetFits:
    """Solve every regression that has an answer, without standard errors; the others are refused.

    Each subset is one small QR of coordinates, the term last.
    """
    sufficient, m = subsets.sufficient, len(subsets)
    influence, residual, restricted = np.zeros((3, m, len(sufficient.coordinates)))
    outcomes = sufficient.coordinates[1:].T[subsets.outcome]
    faults = _row_faults(subsets)
    for positions, chosen, q, t in factors(subsets):
        own = np.abs(np.diagonal(t, axis1=1, axis2=2))
        for i, j in zip(*np.nonzero(own <= RANK_TOLERANCE), strict=True):
            faults.setdefault(int(positions[i]), _dependence(sufficient, chosen[i], int(j)))
        others, last = q[:, :, :-1], q[:, :, -1]
        y = outcomes[positions]
        for _ in range(2):  # the second projection removes the rounding of the first
            y = y - np.einsum("mka,ma->mk", others, np.einsum("mka,mk->ma", others, y))
        restricted[positions, 1:] = y
        for _ in range(2):
            y = y - last * np.einsum("mk,mk->m", last, y)[:, None]
        residual[positions, 1:] = y
        influence[positions, 1:] = last / np.where(own[:, -1:] > 0, t[:, -1, -1:], 1.0)
    kept = np.setdiff1d(np.arange(m), list(faults))
    vectors = (vector[kept] for vector in (influence, residual, restricted))
    return _summarise(subsets.take(kept), kept, tuple(sorted(faults.items())), *vectors)


def distinct(several: Sequence[SubsetFits]) -> tuple[SubsetFits, np.ndarray]:
    """Return the regressions that differ among fits of one table, and which of them each fit is.

    Parameters
    ----------
    several : sequence of SubsetFits
        Of the same sums. Standard errors are left out.

    Returns
    -------
    SubsetFits
        m regressions.
    ndarray of int
        Positions in it, for all fits one after the other.
    """
    columns = ("included", "term", "outcome")
    included, term, outcome = (
        np.concatenate([getattr(fits.subsets, name) for fits in several]) for name in columns
    )
    keys = np.column_stack([included, term, outcome])
    _, first, again = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    numbers = ("estimate", "sse", "r2", "delta_r2", "influence", "residual", "restricted", "unit")
    values = {
        name: np.concatenate([getattr(fits, name) for fits in several])[first] for name in numbers
    }
    subsets = Subsets(several[0].sufficient, included[first], term[first], outcome[first])
    kept = np.arange(len(first))
    fits = replace(
        several[0], subsets=subsets, kept=kept, refused=(), std_error={}, df={}, **values
    )
    return fits, again.ravel()


def _row_faults(subsets: Subsets) -> dict[int, str]:
    sufficient, faults = subsets.sufficient, {}
    for i in np.flatnonzero(subsets.parameters >= sufficient.n):
        faults[int(i)] = f"{sufficient.n} rows for {subsets.parameters[i]} coefficients"
    for i in np.flatnonzero(sufficient.spread[subsets.outcome] == 0):
        faults[int(i)] = f"the outcome {sufficient.names[subsets.outcome[i]]!r} is constant"
    return faults


def _dependence(sufficient: SufficientStatistics, chosen: np.ndarray, last: int) -> str:
    name = sufficient.names[chosen[last]]
    if sufficient.spread[chosen[last]] == 0:
        return f"{name!r} is constant"
    return f"{name!r} is a linear combination of " + ", ".join(
        repr(sufficient.names[i]) for i in chosen[:last]
    )


def _summarise(subsets: Subsets, kept, refused, influence, residual, restricted) -> SubsetFits:
    sufficient = subsets.sufficient
    outcome_spread = sufficient.spread[subsets.outcome]
    unit = outcome_spread / sufficient.spread[subsets.term]
    unexplained = np.einsum("mk,mk->m", residual, residual)
    product = np.einsum("mk,mk->m", influence, restricted)
    gained = product**2 / np.einsum("mk,mk->m", influence, influence)
    return SubsetFits(
        subsets,
        kept,
        refused,
        unit * product,
        {},
        {},
        unexplained * outcome_spread**2,
        1.0 - unexplained,
        gained,
        condition_number(sufficient.coordinates[1:, subsets.included.any(axis=0)]),
        None,
        influence,
        residual,
        restricted,
        unit,
    )


def factors(subsets: Subsets) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """QR of each subset's coordinates, term last, in batches of one size: positions, columns, Q, T.

    Subsets with no more rows than coefficients are passed over.
    """
    columns = np.ascontiguousarray(subsets.sufficient.coordinates[1:].T)
    width = columns.shape[0]
    keys = np.where(subsets.included, np.arange(width), width + 1)
    keys[np.arange(len(subsets)), subsets.term] = width
    order = np.argsort(keys, axis=1, kind="stable")
    sizes = subsets.parameters - 1
    for size in np.unique(sizes[subsets.parameters < subsets.sufficient.n]):
        same = np.flatnonzero(sizes == size)
        for start in range(0, len(same), CHUNK):
            positions = same[start : start + CHUNK]
            chosen = order[positions, :size]
            q, t = np.linalg.qr(columns[chosen].swapaxes(1, 2))
            yield positions, chosen, q, t


def chunks(count: int, width: int) -> Iterator[slice]:
    step = max(1, BUDGET // width)
    return (slice(start, start + step) for start in range(0, count, step))


def regressor_basis(fits: SubsetFits, position: int) -> np.ndarray:
    """Orthonormal coordinates of the constant and a fit's regressors, term last, (k, a + 1)."""
    coordinates = fits.sufficient.coordinates
    others = fits.subsets.included[position].copy()
    others[fits.subsets.term[position]] = False
    constant = np.eye(len(coordinates))[:, :1]
    term = coordinates[:, fits.subsets.term[position]]
    return np.linalg.qr(np.column_stack([constant, coordinates[:, others], term]))[0]
