"""The record of one look at the rows: a table's columns in an orthonormal basis, and sums of
products by group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault, listing


def refusal(place: str, found: str, allowed: str) -> DesignError:
    """The error for one thing that the numbers do not allow."""
    return DesignError("moments", [Fault(place, found, allowed)])


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums of products of the orthonormal columns within each group of rows.

    Attributes
    ----------
    labels : ndarray, shape (G,) or (G, 2)
        The group's label; for repeated partitions (repeat, fold).
    sizes : ndarray, shape (G,)
        Rows in each group.
    pairs : ndarray, shape (G, P)
        Sum over the group's rows of q_a q_b, a <= b, in the order of ``numpy.triu_indices``.
    """

    labels: np.ndarray
    sizes: np.ndarray
    pairs: np.ndarray


@dataclass(frozen=True, eq=False)
class Moments:
    """What least squares needs to know about a table: see `measure_moments`.

    Attributes
    ----------
    names : tuple of str, length p
        The columns, without the constant, which is always there.
    n : int
        Rows.
    location, spread : ndarray, shape (p,)
        Mean, and root of the sum of squares about it, of each column (weighted if there are
        weights). A constant column has spread 0.
    coordinates : ndarray, shape (k, p), k = min(n, p + 1)
        Each centred column, divided by its spread, in the orthonormal basis. Row 0 is the constant:
        zero.
    condition : float
        Condition number of the centred, scaled columns that vary, all together (``inf`` if they are
        dependent).
    fourth : ndarray, shape (P, P), or None
        Sum over rows of the outer product of the row's pair products, P = k (k + 1) / 2.
    groups : mapping of str to GroupSums
    weighted : bool
    """

    names: tuple[str, ...]
    n: int
    location: np.ndarray
    spread: np.ndarray
    coordinates: np.ndarray
    condition: float
    fourth: np.ndarray | None
    groups: Mapping[str, GroupSums]
    weighted: bool = False

    def position(self, name: str) -> int:
        """Position of a column."""
        try:
            return self.names.index(name)
        except ValueError:
            raise refusal("columns", repr(name), listing(self.names)) from None

    def group(self, name: str) -> GroupSums:
        """Group sums by name."""
        if name not in self.groups:
            raise refusal(
                "groupings",
                repr(name),
                listing(list(self.groups)) or "none: groups= of measure_moments",
            )
        return self.groups[name]


def condition_number(columns: np.ndarray) -> float:
    """Ratio of the extreme singular values of columns; ``inf`` when they are dependent, 1 when
    there are none.
    """
    if columns.shape[1] == 0:
        return 1.0
    if columns.shape[0] < columns.shape[1]:
        return float("inf")
    values = np.linalg.svd(columns, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else float("inf")
