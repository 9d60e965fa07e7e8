"""Regressions that are asked of moments: which columns are in each, and one coefficient of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.models.sufficient_statistics.record import Moments, refusal

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
        return Subsets(
            self.moments, self.included[positions], self.term[positions], self.outcome[positions]
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
        In the basis of the moments and at unit spread: the estimate is influence'y; residuals with
        the term in the model, and without it.
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


def read_subsets(moments: Moments, subsets, *, outcome, term) -> Subsets:
    """Names to positions; names that are not there and columns in two roles are refused."""
    if isinstance(subsets, np.ndarray) and subsets.dtype == bool:
        included = subsets.reshape(len(subsets), -1).copy()
        if included.shape[1] != len(moments.names):
            raise refusal(
                "mask of subsets", f"{included.shape[1]} columns", f"{len(moments.names)} columns"
            )
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
            f"regression {both[0]}",
            f"{moments.names[explained[both[0]]]!r} in two roles",
            "regressor or outcome",
        )
    return Subsets(moments, included, focal, explained)


def _positions(moments: Moments, names, count: int, role: str) -> np.ndarray:
    if isinstance(names, str):
        return np.full(count, moments.position(names))
    if len(names) != count:
        raise refusal(role, str(len(names)), f"one name, or {count}: one for each subset")
    return np.array([moments.position(name) for name in names], dtype=int)


def factors(subsets: Subsets) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
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


def enough_clusters(sizes: np.ndarray, cluster: str) -> int:
    if len(sizes) < 2:
        raise refusal(f"clusters {cluster!r}", str(len(sizes)), "at least two")
    return len(sizes)


def chunks(count: int, width: int) -> Iterator[slice]:
    step = max(1, BUDGET // width)
    return (slice(start, start + step) for start in range(0, count, step))
