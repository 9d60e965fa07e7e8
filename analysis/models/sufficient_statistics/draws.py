"""Regressions under many weightings of the rows: each group left out, alone, or drawn repeatedly.

Under weights with cross product M = U'U of the orthonormal columns, the table has the triangle of U
R. A regression is a path down a tree over the columns: to include the first remaining column, drop
its row of the triangle; to exclude it, drop the column and restore the triangle by Givens
rotations. Paths share their beginnings; the term and the outcome come last, and the final 2 x 2
triangle holds the estimate and the residual sum of squares. No cross product of the columns
themselves is formed.

Cross-validation of nested regressions leaves out one fold after the other, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.models.sufficient_statistics import (
    GroupSums,
    pair_map,
    pairs_without,
    refusal,
    unpack_pairs,
)
from analysis.models.sufficient_statistics.regressions import (
    RANK_TOLERANCE,
    SubsetFits,
    grouping,
    regressor_basis,
)

FLAT = 1e-8
"""A column with a smaller share of its spread within a draw is constant there."""

CACHED = 1 << 16
"""Numbers in one array of the reduction over subsets: what stays in the cache."""

STATE = 1 << 25
"""Numbers in all arrays of the reduction together, at most."""


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
    return solve_draws(fits, pairs_without(fits.sufficient.group(group)))


def solve_draws(fits: SubsetFits, pairs: np.ndarray) -> DrawFits:
    """Solve every regression under every weighting of the rows.

    Parameters
    ----------
    fits : SubsetFits
    pairs : ndarray, shape (D, P)
        Weighted pair sums: ``weights @ sufficient.group(...).pairs`` for weights of shape (D, G).
    """
    subsets, sufficient = fits.subsets, fits.sufficient
    final, total = np.empty((3, len(fits), len(pairs))), np.empty((len(fits), len(pairs)))
    for term, outcome in np.unique(np.column_stack([subsets.term, subsets.outcome]), axis=0):
        same = np.flatnonzero((subsets.term == term) & (subsets.outcome == outcome))
        final[:, same], total[same] = _last_triangles(
            sufficient.coordinates, subsets.included[same], term, outcome, pairs
        )
    identified = final[0] != 0.0
    pivot, product = np.where(identified, final[0], 1.0), final[1]
    square = sufficient.spread[subsets.outcome][:, None] ** 2
    estimate = np.where(identified, fits.unit[:, None] * product / pivot, fits.estimate[:, None])
    gained = np.where(identified, product**2, 0.0)
    return DrawFits(
        estimate,
        (final[2] ** 2 + product**2 - gained) * square,
        1.0 / (pivot * sufficient.spread[subsets.term][:, None]) ** 2,
        total * square,
        np.divide(gained, total, out=np.zeros_like(total), where=total > 0),
        identified,
    )


def _last_triangles(coordinates, included, term: int, outcome: int, pairs):
    """Last 2 x 2 triangles (3, m, D), first entry 0 without identification; total squares (D,)."""
    used = included.any(axis=0)
    used[term] = False
    always = np.flatnonzero(used & included.all(axis=0))
    optional, ends = _blocks(included, np.flatnonzero(used & ~included.all(axis=0)))
    order = np.concatenate([always, optional, [term, outcome]])
    constant = np.eye(len(coordinates))[:, :1]
    columns = np.column_stack([constant, coordinates[:, order]])
    lacking = max(0, columns.shape[1] - len(columns))  # as many rows of the triangle as columns
    q, t = np.linalg.qr(np.pad(columns, ((0, lacking), (0, 0))))
    root = root_factors(unpack_pairs(pairs @ pair_map(q[: len(coordinates)])))
    skip = 1 + len(always)
    table = root @ t[:, skip:]
    norms = np.sqrt(np.sum(table[:, 1:] ** 2, axis=1)).T
    lengths = np.where(
        norms > FLAT * root[:, 0, 0], norms, np.inf
    )  # infinite: constant in this draw
    triangle = np.ascontiguousarray(table[:, skip:].transpose(1, 2, 0))
    choice = included[:, optional]
    final = np.empty((3, len(included), len(pairs)))
    for part in _draw_chunks(len(included), len(optional) + 2, len(pairs)):
        final[:, :, part] = _walk(triangle[:, :, part], lengths[:, part], choice, ends)
    final[0, np.abs(final[0]) <= RANK_TOLERANCE * lengths[-2]] = 0.0
    return final, norms[-1] ** 2


def _draw_chunks(m: int, size: int, draws: int) -> Iterator[slice]:
    step = max(1, min(max(16, CACHED // m), STATE // (m * size**2)))
    return (slice(start, start + step) for start in range(0, draws, step))


def root_factors(matrices: np.ndarray) -> np.ndarray:
    """Upper triangles U with U'U = M, semidefinite (D, c, c); a vanishing pivot: a zero row."""
    try:
        factors = np.linalg.cholesky(matrices).swapaxes(1, 2)
        pivots = np.diagonal(factors, axis1=1, axis2=2) ** 2
        weak = (pivots < 1e-12 * np.diagonal(matrices, axis1=1, axis2=2)).any(axis=1)
    except np.linalg.LinAlgError:
        factors, weak = np.zeros_like(matrices), np.ones(len(matrices), dtype=bool)
    if weak.any():
        factors = factors.copy()
        factors[weak] = _semidefinite_roots(matrices[weak])
    return factors


def _semidefinite_roots(matrices: np.ndarray) -> np.ndarray:
    work = np.ascontiguousarray(matrices.transpose(1, 2, 0))
    factors = np.zeros_like(work)
    floor = 1e-12 * np.einsum("iid->id", work)
    for i in range(len(work)):
        sound = work[i, i] > np.maximum(floor[i], 0.0)
        factors[i, i:] = np.where(
            sound, work[i, i:] / np.sqrt(np.where(sound, work[i, i], 1.0)), 0.0
        )
        work[i + 1 :, i + 1 :] -= factors[i, i + 1 :, None] * factors[i, None, i + 1 :]
    return factors.transpose(2, 0, 1)


def _blocks(included: np.ndarray, optional: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return optional columns in order, and where each of the blocks ends that enter together: the
    larger first, so that less is left of the triangles when paths part.
    """
    alike = np.unique(included[:, optional], axis=1, return_inverse=True)[1].ravel()
    sizes = np.bincount(alike, minlength=1)
    order = np.lexsort((alike, -sizes[alike]))
    changes = np.flatnonzero(np.diff(alike[order], append=-1))
    return optional[order], changes + 1


def _walk(
    triangle: np.ndarray, lengths: np.ndarray, choice: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Take every path of included (True) and excluded columns down to the last 2 x 2 triangle."""
    final = np.empty((3, len(choice), triangle.shape[-1]))
    whole = np.arange(len(choice))
    tree = lengths, choice, ends
    _descend(triangle[:, :, None], 0, whole, np.zeros_like(whole), tree, final)
    return final


def _descend(state, step: int, paths, node, tree, final) -> None:
    """Follow paths from one block of columns on, and write their last triangles.

    Parameters
    ----------
    state : ndarray, shape (size, size, nodes, D)
        Triangles that paths have come to; below the diagonal is anything.
    step : int
        The block that is included or excluded next.
    paths, node : ndarray of int
        Rows of the choices, and where in `state` each of them is.
    tree : tuple
        Lengths of the columns, (columns, D); choices, (paths, columns); ends of the blocks.
    """
    lengths, choice, ends = tree
    for at in range(step, len(ends)):
        start, stop = ends[at - 1] if at else 0, ends[at]
        taken, floor = choice[paths, start], RANK_TOLERANCE * lengths[start:stop]
        drop, keep = np.unique(node[~taken]), np.unique(node[taken])
        if len(drop) and len(keep) and not np.isin(drop, keep).any():  # each goes one way: part
            for side, own in ((~taken, drop), (taken, keep)):
                places = np.searchsorted(own, node[side])
                _descend(state[:, :, own], at, paths[side], places, tree, final)
            return
        left = [_excluded(_at(state, drop), stop - start)] if len(drop) else []
        left += [_included(_at(state, keep), floor)] if len(keep) else []
        state = left[0] if len(left) == 1 else np.concatenate(left, axis=2)
        places = len(drop) + np.searchsorted(keep, node)
        node = np.where(taken, places, np.searchsorted(drop, node))
    for number, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
        final[number, paths] = state[i, j][node]


def _at(state: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    return state if len(nodes) == state.shape[2] else state[:, :, nodes]


def _excluded(state: np.ndarray, columns: int = 1) -> np.ndarray:
    """Drop the first columns of each triangle and turn the rest back into a triangle."""
    if columns > 1:
        return _reflected(state, columns)
    size = len(state) - 1
    left, upper = np.zeros((size, size, *state.shape[2:])), state[0, 1:]
    for i in range(size):
        lower = state[i + 1, i + 1 :]
        radius = np.sqrt(upper[0] ** 2 + lower[0] ** 2)
        sound = np.where(radius > 0, radius, 1.0)
        cosine, sine = np.where(radius > 0, upper[0] / sound, 1.0), lower[0] / sound
        left[i, i] = radius
        left[i, i + 1 :] = cosine * upper[1:] + sine * lower[1:]
        upper = cosine * lower[1:] - sine * upper[1:]
    return left


def _reflected(state: np.ndarray, columns: int) -> np.ndarray:
    """Drop the first columns of each triangle; one Householder reflection for each that is left."""
    size = len(state) - columns
    rest, left = state[:, columns:].copy(), np.zeros((size, size, *state.shape[2:]))
    for lower in range(size):
        rest[columns + lower + 1 :, lower] = 0.0  # below the diagonal is anything
    for i in range(size):
        rows = rest[i : columns + i + 1, i:]
        vector = rows[:, 0].copy()
        radius = np.sqrt(np.einsum("r...,r...->...", vector, vector))
        radius = np.where(vector[0] > 0, -radius, radius)
        vector[0] -= radius
        squares = np.einsum("r...,r...->...", vector, vector)
        factor = 2.0 / np.where(squares > 0, squares, np.inf)
        left[i, i] = radius
        if i + 1 < size:
            along = np.einsum("r...,rc...->c...", vector, rows[:, 1:]) * factor
            left[i, i + 1 :] = rows[0, 1:] - vector[0] * along
            rows[1:, 1:] -= vector[1:, None] * along
    return left


def _included(state: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Include the first columns: drop their rows; one without a part of its own is excluded.

    Parameters
    ----------
    state : ndarray, shape (size, size, nodes, D)
    floor : ndarray, shape (columns, D)
    """
    columns = len(floor)
    own = np.abs(np.diagonal(state[:columns, :columns]))  # (nodes, D, columns)
    weak = (own <= floor.T).any(axis=(0, 2))
    if not weak.any():
        return state[columns:, columns:]
    left = state[columns:, columns:].copy()
    some = state[..., weak]
    for least in floor[:, weak]:
        some = _peeled(some, least)
    left[..., weak] = some
    return left


def _peeled(state: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Include the first column where it has a part of its own, and exclude it elsewhere."""
    left, dependent = state[1:, 1:], np.abs(state[0, 0]) <= floor
    weak = dependent.any(axis=0)
    if not weak.any():
        return left
    left = left.copy()
    left[..., weak] = np.where(dependent[:, weak], _excluded(state[..., weak]), left[..., weak])
    return left


# --- cross-validation -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class FoldGains:
    """Out-of-sample errors of nested regressions, with and without the term, by fold.

    Attributes
    ----------
    labels : ndarray, shape (D,) or (D, 2)
    sizes : ndarray, shape (D,)
        Rows that were left out.
    without_term, with_term : ndarray, shape (m, D)
        Sums of squared prediction errors in the fold left out.
    tss : ndarray, shape (m, D)
        Sum of squares of the outcome in the fold about the fold's own mean.
    """

    labels: np.ndarray
    sizes: np.ndarray
    without_term: np.ndarray
    with_term: np.ndarray
    tss: np.ndarray

    @property
    def r2_gain(self) -> np.ndarray:
        """Out-of-sample R squared with the term less R squared without it, shape (m, D)."""
        if not (self.tss > 0).all():
            found = "a fold in which the outcome does not vary"
            raise refusal("folds", found, "folds in which it does")
        return (self.without_term - self.with_term) / self.tss


def cross_validate(fits: SubsetFits, folds: str) -> FoldGains:
    """Leave out each fold of a grouping, fit with and without the term, and predict the fold.

    Parameters
    ----------
    fits : SubsetFits
    folds : str
        Grouping: one label per row, or repeated partitions, as from `repeated_folds`.

    Notes
    -----
    In the orthonormal basis the cross product without fold f is I - S_f; the prediction errors of
    the fold are v'S_f v with v the outcome less its fit. Nothing is refitted from rows and nothing
    is approximated.
    """
    sufficient, sums = fits.sufficient, grouping(fits, folds)
    if not sums.sizes.all():
        found = f"no row in fold {int(np.argmin(sums.sizes))}"
        raise refusal(f"folds {folds!r}", found, "a row in every fold")
    without, with_, tss = np.empty((3, len(fits), len(sums.sizes)))
    for i in range(len(fits)):
        basis = regressor_basis(fits, i)
        y = sufficient.coordinates[:, fits.subsets.outcome[i]]
        own = fits.residual[i]
        whole = np.column_stack([basis, own / (np.linalg.norm(own) or 1.0)])
        inner = GroupSums(sums.labels, sums.sizes, sums.pairs @ pair_map(whole))
        spread = sufficient.spread[fits.subsets.outcome[i]] ** 2
        values = _fold_errors(inner, whole.T @ y, fits.kept[i])
        without[i], with_[i], tss[i] = (value * spread for value in values)
    return FoldGains(sums.labels, sums.sizes, without, with_, tss)


def _fold_errors(
    inner: GroupSums, y: np.ndarray, position: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prediction errors without and with the last regressor, and the fold's own sum of squares."""
    held = unpack_pairs(inner.pairs)
    kept = root_factors(unpack_pairs(pairs_without(inner)))
    errors = []
    for size in (len(y) - 2, len(y) - 1):
        triangles = kept[:, :size, :size]
        least = np.abs(np.diagonal(triangles, axis1=1, axis2=2)).min(axis=1)
        if least.min() < 1e-6:
            fold = int(least.argmin())
            raise refusal(f"regression {position}", f"no answer without fold {fold}", "other folds")
        free = -np.linalg.solve(triangles, (kept[:, :size, size:] @ y[size:])[..., None])[..., 0]
        v = np.column_stack([free, np.broadcast_to(y[size:], (len(free), len(y) - size))])
        errors.append(np.einsum("da,dab,db->d", v, held, v))
    share = held[:, 0, 0]
    about = np.einsum("dab,a,b->d", held, y, y) - (held[:, 0] @ y) ** 2 / share
    return errors[0], errors[1], about


def repeated_folds(n: int, *, folds: int = 10, repeats: int = 10, seed: int) -> np.ndarray:
    """Folds of scikit-learn's ``RepeatedKFold`` with the same seed, as codes of shape (n, repeats).

    Examples
    --------
    >>> repeated_folds(4, folds=2, repeats=1, seed=0).ravel().tolist()
    [1, 1, 0, 0]
    """
    if not 2 <= folds <= n:
        raise refusal("folds", str(folds), f"2 to {n}: there are {n} rows")
    random = np.random.RandomState(seed)  # scikit-learn draws from the legacy generator
    codes, part = np.empty((repeats, n), dtype=np.int32), np.sort(np.arange(n) % folds)
    for code in codes:
        code[random.permutation(n)] = part
    return codes.T


def cluster_folds(groups: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each row, shape (n,): whole groups, about as many of them in each fold.

    Examples
    --------
    >>> cluster_folds(np.array([0, 0, 1, 1]), 2, np.random.default_rng(0)).tolist()
    [0, 0, 1, 1]
    """
    number = int(groups.max()) + 1
    places = np.empty(number, dtype=int)
    places[rng.permutation(number)] = np.arange(number) % folds
    return places[groups]
