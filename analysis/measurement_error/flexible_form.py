"""Engagement in any smooth or stepped form: the columns that hold it constant without a formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from analysis.models.design import Design
from analysis.models.family import FAMILIES

KNOTS = (0.05, 0.275, 0.5, 0.725, 0.95)
"""Quantiles at which the spline's knots lie (Harrell, Regression Modeling Strategies, 2nd ed.,
2.4.6)."""

MOST_PRODUCTS = 6
"""Columns whose pairwise products are taken."""

FEWEST_BEYOND, SHARE_BEYOND = 10, 50
"""Rows on either side of a step: at least ten, and a fiftieth of all."""

FEWEST_BETWEEN = 3
"""Rows between two different steps of one column: a row that lies alone between them would be a
column of its own, and has no error by HC3."""


def standardised(values: np.ndarray) -> np.ndarray:
    """Return values less their mean over their standard deviation."""
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def flexible_columns(
    columns: Sequence[np.ndarray],
    products: Sequence[int],
    known: np.ndarray,
    targets: Sequence[np.ndarray],
    swept: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Return columns of engagement in a flexible form, in sets of ever less.

    Parameters
    ----------
    columns : sequence of ndarray, each of shape (n,)
        Standardised engagement.
    products : sequence of int
        Columns whose pairwise products are taken.
    known : ndarray, shape (n, q)
        The intercept and controls, held constant where steps are looked for.
    targets : sequence of ndarray, each of shape (n,)
        What steps are looked for in: the score, and the outcome less its fit.
    swept : callable, optional
        Takes columns less their means in the levels of absorbed controls.

    Returns
    -------
    list of ndarray, each of shape (n, m)
        First all: restricted cubic splines with five knots, squares and cubes, products, and for
        each column the largest step of each target; then without steps and products; then splines
        alone. Fewer rows hold a shorter set.

    Notes
    -----
    Steps are found in each target without the other, so that what they select is not chosen for
    the score's effect: Belloni, Chernozhukov & Hansen (2014), doi:10.1093/restud/rdt044.
    """
    splines = np.column_stack([spline(values) for values in columns])
    powers = np.column_stack([values**power for values in columns for power in (2, 3)])
    pairs = [columns[i] * columns[j] for i, j in combinations(products, 2)]
    smooth = np.column_stack([splines, powers])
    beside = np.column_stack([known, smooth])
    if swept is not None:
        beside, targets = swept(beside), list(swept(np.column_stack(targets)).T)
    rests = left_of(targets, beside)
    steps = []
    for values in columns:
        own: list[np.ndarray] = []
        for rest in rests:
            step = largest_step(values, rest)
            for other in own:
                step = apart(values, step, other)
            own.append(step)
        steps += own
    return [np.column_stack([smooth, *pairs, *steps]), smooth, splines]


def spline(values: np.ndarray) -> np.ndarray:
    """Return a restricted cubic spline, shape (n, number of different knots - 1).

    Linear beyond the outer knots; knots that coincide are one.
    """
    knots = np.unique(np.quantile(values, KNOTS))
    if len(knots) < 3:
        return values[:, None]

    def cubic(knot: float) -> np.ndarray:
        return np.maximum(values - knot, 0.0) ** 3

    last, before = knots[-1], knots[-2]
    gap, size = last - before, (last - knots[0]) ** 2
    bent = [
        (cubic(k) - cubic(before) * (last - k) / gap + cubic(last) * (before - k) / gap) / size
        for k in knots[:-2]
    ]
    return np.column_stack([values, *bent])


def left_of(targets: Sequence[np.ndarray], base: np.ndarray) -> list[np.ndarray]:
    """Return what columns, of shape (n, m), leave of each target, of shape (n,)."""
    scale = np.sqrt((base**2).mean(axis=0))
    base = base / np.where(scale > 0, scale, 1.0)
    inner = base.T @ base + 1e-9 * len(base) * np.eye(base.shape[1])
    wanted = np.column_stack(targets)
    return list((wanted - base @ np.linalg.solve(inner, base.T @ wanted)).T)


def largest_step(values: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return 0 and 1 on either side of the value at which what is left of a target jumps most.

    Parameters
    ----------
    values, rest : ndarray, shape (n,)
    """
    n = len(values)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    least = max(FEWEST_BEYOND, n // SHARE_BEYOND)
    below = np.arange(1, n)
    allowed = (ordered[1:] > ordered[:-1]) & (below >= least) & (n - below >= least)
    if not allowed.any():
        return np.zeros(n)
    size = np.abs(rest[order].cumsum()[:-1]) / np.sqrt(below * (n - below) / n)
    at = int(np.where(allowed, size, -1.0).argmax())
    return (values > ordered[at]).astype(float)


def apart(values: np.ndarray, step: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return a step, moved away from another one until no single row lies between them.

    Examples
    --------
    >>> values = np.arange(9.0)
    >>> apart(values, (values > 4) * 1.0, (values > 3) * 1.0)
    array([0., 0., 0., 0., 0., 0., 0., 1., 1.])
    """
    between = int((step != other).sum())
    missing = FEWEST_BETWEEN - between
    if between == 0 or missing <= 0:
        return step
    if step.sum() < other.sum():
        above = np.sort(values[step == 1])
        return (values > above[min(missing, len(above)) - 1]).astype(float)
    below = np.sort(values[step == 0])
    return (values >= below[-min(missing, len(below))]).astype(float)


def outcome_beyond(design: Design, model: str, base: np.ndarray) -> np.ndarray:
    """Return the outcome on the scale on which steps are looked for, shape (n,).

    An exponential mean is divided by the rows' exposure and, so that its few largest rows do not
    decide alone, by its least-squares fit on the same columns where that is positive.
    """
    response = design.response
    if FAMILIES[model].link != "log":
        return response
    rate = response if design.offset is None else response * np.exp(-design.offset)
    return np.log1p(rate / max(float(rate.mean()), 1e-300))
