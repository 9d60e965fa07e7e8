"""Least squares of any subset of columns, many at once, from moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from analysis.models.sufficient_statistics.record import Moments, condition_number, refusal
from analysis.models.sufficient_statistics.regressions import (
    Covariance,
    SubsetFits,
    Subsets,
    factors,
    read_subsets,
)
from analysis.models.sufficient_statistics.triangles import RANK_TOLERANCE
from analysis.models.sufficient_statistics.variances import degrees, standard_error


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
        The table that was measured, for HC2 and HC3 (and for HC0 and HC1 without fourth moments):
        one pass for all regressions.
    singular : {"raise", "drop"}
        Regressions without an answer: the first one is an error, or they are left out and listed in
        `SubsetFits.refused`. Neither leaves a NaN.

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
        others = (
            f"; {len(faults) - 1} other regressions have no answer either"
            if len(faults) > 1
            else ""
        )
        raise refusal(
            f"regression {faults[0][0]}",
            faults[0][1] + others,
            "independent columns that vary, fewer than rows",
        )
    kept = np.setdiff1d(np.arange(len(asked)), [position for position, _ in faults])
    fits = _summarise(asked.take(kept), kept, tuple(faults), *(vector[kept] for vector in vectors))
    std_error = {kind: standard_error(fits, kind, cluster, rows) for kind in covariance}
    clusters = len(moments.group(cluster).sizes) if cluster else None
    df = {kind: degrees(fits, kind, clusters) for kind in covariance}
    return replace(fits, std_error=std_error, df=df, clusters=clusters)


def _solve(subsets: Subsets) -> tuple[tuple[np.ndarray, ...], list[tuple[int, str]]]:
    """Influence, residual and restricted residual of each regression, and the regressions without
    an answer.
    """
    m, k = len(subsets), len(subsets.moments.coordinates)
    influence, residual, restricted = np.zeros((3, m, k))
    outcomes = subsets.moments.coordinates[1:].T[subsets.outcome]
    faults = _row_faults(subsets)
    for positions, chosen, q, t in factors(subsets):
        own = np.abs(np.diagonal(t, axis1=1, axis2=2))
        for i, j in zip(*np.nonzero(own <= RANK_TOLERANCE), strict=True):
            faults.setdefault(int(positions[i]), _dependence(subsets.moments, chosen[i], int(j)))
        others, last = q[:, :, :-1], q[:, :, -1]
        y = outcomes[positions]
        for _ in range(
            2
        ):  # twice is enough: the second projection removes the rounding of the first
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
    return f"{name!r} is a linear combination of " + ", ".join(
        repr(moments.names[i]) for i in chosen[:last]
    )


def _summarise(subsets: Subsets, kept, refused, influence, residual, restricted) -> SubsetFits:
    moments = subsets.moments
    outcome_spread = moments.spread[subsets.outcome]
    unit = outcome_spread / moments.spread[subsets.term]
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
        condition_number(moments.coordinates[1:, subsets.included.any(axis=0)]),
        None,
        influence,
        residual,
        restricted,
        unit,
    )
