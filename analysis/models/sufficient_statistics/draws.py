"""Regressions under many weightings of the rows: each group left out, alone, or drawn any number of
times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.sufficient_statistics.pairs import pairs_without
from analysis.models.sufficient_statistics.regressions import SubsetFits
from analysis.models.sufficient_statistics.triangles import last_triangles


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
        Diagonal entry of the inverse cross product for the term: its variance per unit of error
        variance.
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
    """Exact solutions with each group of rows left out in turn: delete-one-cluster, -fold,
    -segment.

    Notes
    -----
    Digits are lost in proportion to the share of a column's variation that goes with the group:
    where one cluster holds all but 1e-9 of it, the solution without that cluster keeps about seven
    digits.
    """
    return solve_draws(fits, pairs_without(fits.moments.group(group)))


def within(fits: SubsetFits, group: str) -> DrawFits:
    """Exact solutions in each group of rows alone."""
    return solve_draws(fits, fits.moments.group(group).pairs)


def solve_draws(fits: SubsetFits, pairs: np.ndarray) -> DrawFits:
    """Solve every regression under every weighting of the rows.

    Parameters
    ----------
    fits : SubsetFits
    pairs : ndarray, shape (D, P)
        Weighted pair sums: ``weights @ moments.group(...).pairs`` for weights of shape (D, G).

    Notes
    -----
    Under weights with cross product M = U'U the columns of the table have the triangle of U R.
    Regressions are read as paths down a tree over the columns: to include the first remaining
    column, drop its row of the triangle; to exclude it, drop the column and restore the triangle by
    Givens rotations. Paths share their beginnings, the term and the outcome come last, and the
    final 2 x 2 triangle holds estimate and residual sum of squares. Orthogonal steps only: no cross
    product of the columns themselves is formed.
    """
    subsets, moments = fits.subsets, fits.moments
    final, total = np.empty((3, len(fits), len(pairs))), np.empty((len(fits), len(pairs)))
    for term, outcome in np.unique(np.column_stack([subsets.term, subsets.outcome]), axis=0):
        same = np.flatnonzero((subsets.term == term) & (subsets.outcome == outcome))
        final[:, same], total[same] = last_triangles(
            moments.coordinates, subsets.included[same], term, outcome, pairs
        )
    identified = final[0] != 0.0
    pivot, product = np.where(identified, final[0], 1.0), final[1]
    square = moments.spread[subsets.outcome][:, None] ** 2
    estimate = np.where(identified, fits.unit[:, None] * product / pivot, fits.estimate[:, None])
    gained = np.where(identified, product**2, 0.0)
    return DrawFits(
        estimate,
        (final[2] ** 2 + product**2 - gained) * square,
        1.0 / (pivot * moments.spread[subsets.term][:, None]) ** 2,
        total * square,
        np.divide(gained, total, out=np.zeros_like(total), where=total > 0),
        identified,
    )
