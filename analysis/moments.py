"""Sufficient statistics of a design: one look at the rows, then any number of fits without them.

Every column is centred, scaled and written in an orthonormal basis of the whole table (a blocked Householder
QR), and only then are sums of products taken, by group and over all rows. Sums of orthonormal columns carry
the condition number of the data once, where sums of the raw columns carry its square (and, for HC errors, its
fourth power).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import DesignError, Fault, listing

BLOCK_ROWS = 4096
INVERSE_LIMIT = 1e6  # above this condition number the basis comes from Householder vectors, not from an inverse
CONSTANT_SPREAD = 16 * np.finfo(float).eps  # a spread below this share of the level is rounding, not variation
FOURTH_LIMIT = 128  # basis columns whose fourth moments are kept: 0.5 GB
ONE_HOT_GROUPS = 64  # up to this many groups a product with indicator columns beats sorting


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
        Mean, and root of the sum of squares about it, of each column (weighted if there are weights).
        A constant column has spread 0.
    coordinates : ndarray, shape (k, p), k = min(n, p + 1)
        Each centred column, divided by its spread, in the orthonormal basis. Row 0 is the constant: zero.
    condition : float
        Condition number of the centred, scaled columns that vary, all together (``inf`` if they are dependent).
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
            raise refusal("groupings", repr(name), listing(list(self.groups)) or "none: groups= of measure_moments")
        return self.groups[name]


def measure_moments(
    columns: np.ndarray,
    names: Sequence[str],
    *,
    groups: Mapping[str, np.ndarray] | None = None,
    weights: np.ndarray | None = None,
    fourth: bool = True,
    block_rows: int = BLOCK_ROWS,
) -> Moments:
    """Measure a table once, so that any subset of its columns can be fitted without the rows.

    Parameters
    ----------
    columns : array, shape (n, p)
        Regressors and outcomes, complete, in their own units; no constant.
    names : sequence of str, length p
    groups : mapping of str to array, optional
        Groupings to sum by (clusters, segments, folds): labels of shape (n,), or non-negative integers of
        shape (n, repeats) for repeated partitions with the same number of parts.
    weights : array, shape (n,), optional
        Positive analytic weights.
    fourth : bool
        Keep the fourth moments, which HC0 and HC1 need: n P**2 operations, P**2 numbers.
    block_rows : int
        Rows looked at together; memory beyond the table is about ``8 * block_rows * P`` bytes.

    Raises
    ------
    DesignError
        Missing or infinite values, missing labels, non-positive weights, wrong shapes.

    Notes
    -----
    The factorisation is Householder QR by blocks [1]_. Where the condition number is below 1e6 the basis of the
    second look is the table times the inverse triangle, made orthonormal to rounding by the Cholesky factor of
    its own cross product; above, it is the blocks' Householder vectors themselves, whatever the rank.

    References
    ----------
    .. [1] Demmel, Grigori, Hoemmen & Langou (2012), Communication-optimal parallel and sequential QR and LU
       factorizations, SIAM J. Sci. Comput. 34(1), doi:10.1137/080731992.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0)
    >>> m = measure_moments(np.column_stack([x, 2 * x + 1]), ["x", "y"], groups={"half": x > 2})
    >>> m.n, m.location.tolist(), m.group("half").sizes.tolist()
    (6, [2.5, 6.0], [3, 3])
    """
    table = _Table.read(columns, names, weights, block_rows)
    partitions = {name: _partition(name, labels, table.n) for name, labels in (groups or {}).items()}
    triangles = [np.linalg.qr(block, mode="r") for block in table.blocks()]
    stack = np.concatenate(triangles)
    triangle = np.linalg.qr(stack, mode="r")
    location, spread, coordinates = _standardise(triangle, table)
    condition = condition_number(coordinates[:, spread > 0])
    moments = Moments(
        tuple(names), table.n, location, spread, coordinates, condition, None, {}, weights is not None
    )  # fmt: skip
    if fourth and len(coordinates) > FOURTH_LIMIT:
        raise refusal(
            "fourth moments", f"{len(coordinates)} columns", f"{FOURTH_LIMIT}; fourth=False, and HC errors from rows="
        )
    if not fourth and not partitions:
        return moments
    if condition < INVERSE_LIMIT and (spread > 0).all():
        table, partitions = _sorted_by_largest(table, partitions)
        rows = _rows_by_inverse(table, triangle, spread)
    else:
        rows = _rows_by_reflection(table, triangles, stack)
    sums = _Sums.empty(len(coordinates), partitions, fourth)
    for start, q in rows:
        sums.add(q, start)
    return orthonormalise(replace(moments, fourth=sums.fourth, groups=sums.by_group()), sums.gram)


def orthonormalise(moments: Moments, gram: np.ndarray) -> Moments:
    """Make the basis of moments orthonormal to rounding, given the cross product of its columns.

    Parameters
    ----------
    moments : Moments
        In a nearly orthonormal basis Q: coordinates, pair sums and fourth moments all refer to it.
    gram : ndarray, shape (k, k)
        Q'Q.

    Notes
    -----
    The second step of CholeskyQR2: with Q'Q = C'C the new basis is Q C^-1, and sums of products follow by a
    linear map, so no row is needed. An engine that can only add products takes the first step with the Cholesky
    factor of the centred cross product, and this one as the second.
    """
    if np.max(np.abs(gram - np.eye(len(gram)))) < 1e-14:
        return moments
    try:
        factor = np.linalg.cholesky(gram).T
    except np.linalg.LinAlgError:
        raise refusal("columns", "too nearly dependent for sums of products", "a factorisation of the rows") from None
    change = pair_map(np.linalg.inv(factor))
    fourth = None if moments.fourth is None else change.T @ moments.fourth @ change
    groups = {name: GroupSums(sums.labels, sums.sizes, sums.pairs @ change) for name, sums in moments.groups.items()}
    return replace(moments, coordinates=factor @ moments.coordinates, fourth=fourth, groups=groups)


def condition_number(columns: np.ndarray) -> float:
    """Ratio of the extreme singular values of columns; ``inf`` when they are dependent, 1 when there are none."""
    if columns.shape[1] == 0:
        return 1.0
    if columns.shape[0] < columns.shape[1]:
        return float("inf")
    values = np.linalg.svd(columns, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else float("inf")


def pair_weights(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights w with sum_P w_P pairs_P = sum over rows of (left'q)(right'q).

    Parameters
    ----------
    left, right : ndarray, shape (..., k)

    Returns
    -------
    ndarray, shape (P, ...)
    """
    left, right = np.moveaxis(left, -1, 0), np.moveaxis(right, -1, 0)
    first, second = np.triu_indices(len(left))
    weights = left[first] * right[second]
    weights += left[second] * right[first]
    weights[first == second] *= 0.5
    return weights


def pair_map(basis: np.ndarray) -> np.ndarray:
    """Linear map from pair sums of q to pair sums of basis'q, shape (P, P')."""
    first, second = np.triu_indices(basis.shape[1])
    return pair_weights(basis.T[first], basis.T[second])


def unpack_pairs(pairs: np.ndarray) -> np.ndarray:
    """Symmetric matrices (..., k, k) from packed pair sums (..., P)."""
    size = int(np.sqrt(2 * pairs.shape[-1]))
    first, second = np.triu_indices(size)
    full = np.empty((*pairs.shape[:-1], size, size))
    full[..., first, second] = pairs
    full[..., second, first] = pairs
    return full


def pairs_without(sums: GroupSums) -> np.ndarray:
    """Pair sums over the rows outside each group, shape (G, P); outside each fold of its repeat for folds.

    Notes
    -----
    Sums before and after the group, not the whole less the group: nothing cancels where one group holds nearly all
    of a column's variation.
    """
    repeats = 1 if sums.labels.ndim == 1 else int(sums.labels[-1, 0]) + 1
    groups = sums.pairs.reshape(repeats, -1, sums.pairs.shape[1])
    others = np.zeros_like(groups)
    others[:, 1:] = np.cumsum(groups[:, :-1], axis=1)
    others[:, :-1] += np.cumsum(groups[:, :0:-1], axis=1)[:, ::-1]
    return others.reshape(sums.pairs.shape)


@dataclass(frozen=True, eq=False)
class _Table:
    """The rows, handed out in blocks [1, columns - shift], times the root of the weights."""

    columns: np.ndarray
    shift: np.ndarray
    root_weights: np.ndarray | None
    block_rows: int
    order: np.ndarray | None = None

    @property
    def n(self) -> int:
        return len(self.columns)

    @classmethod
    def read(cls, columns, names, weights, block_rows: int) -> _Table:
        columns = np.asarray(columns, dtype=float)
        if columns.ndim != 2 or columns.shape[1] != len(names):
            raise refusal("table", f"shape {columns.shape}", f"rows of {len(names)} named columns")
        if len(set(names)) != len(names):
            raise refusal("names", listing(sorted(names)), "each name once")
        if len(columns) < 2:
            raise refusal("table", f"{len(columns)} rows", "at least two")
        if block_rows < 1:
            raise refusal("block_rows", str(block_rows), "at least 1")
        shift = np.zeros(columns.shape[1])
        for start in range(0, len(columns), block_rows):
            block = columns[start : start + block_rows]
            shift += np.ones(len(block)) @ block / len(columns)
        if not np.isfinite(shift).all():
            bad = [f"{names[i]} (row {_first_bad(columns[:, i])})" for i in np.flatnonzero(~np.isfinite(shift))]
            raise refusal("columns", "missing or infinite values in " + listing(bad), "complete columns")
        return cls(columns, shift, _root_weights(weights, len(columns)), block_rows)

    def blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, self.n, self.block_rows):
            rows = slice(start, start + self.block_rows)
            values = self.columns[rows] if self.order is None else np.take(self.columns, self.order[rows], axis=0)
            block = np.empty((len(values), len(self.shift) + 1))
            block[:, 0] = 1.0
            np.subtract(values, self.shift, out=block[:, 1:])
            if self.root_weights is not None:
                block *= self.root_weights[rows, None]
            yield block


@dataclass(frozen=True, eq=False)
class _Partition:
    labels: np.ndarray
    codes: np.ndarray  # (repeats, n)
    parts: int


@dataclass(frozen=True, eq=False)
class _Sums:
    """Running sums over blocks of rows of the basis; the arrays are filled in place while measuring."""

    gram: np.ndarray
    fourth: np.ndarray | None
    partitions: Mapping[str, _Partition]
    pairs: Mapping[str, np.ndarray]

    @classmethod
    def empty(cls, size: int, partitions: Mapping[str, _Partition], fourth: bool) -> _Sums:
        width = size * (size + 1) // 2
        pairs = {name: np.zeros((len(part.labels), width)) for name, part in partitions.items()}
        return cls(np.zeros((size, size)), np.zeros((width, width)) if fourth else None, partitions, pairs)

    def add(self, q: np.ndarray, start: int) -> None:
        """Add a block, q of shape (k, rows), whose first row is number start."""
        np.add(self.gram, q @ q.T, out=self.gram)
        products = pair_products(q)
        if self.fourth is not None:
            np.add(self.fourth, products @ products.T, out=self.fourth)
        for name, part in self.partitions.items():
            codes = part.codes[:, start : start + q.shape[1]]
            if part.parts <= ONE_HOT_GROUPS:
                _add_by_indicator(self.pairs[name], products, codes, part.parts)
            else:
                _add_by_sorting(self.pairs[name], products, codes, part.parts)

    def by_group(self) -> dict[str, GroupSums]:
        return {name: GroupSums(part.labels, _sizes(part), self.pairs[name]) for name, part in self.partitions.items()}


def pair_products(q: np.ndarray) -> np.ndarray:
    """Products q_a q_b, a <= b, of each row: (k, rows) to (P, rows)."""
    size = len(q)
    products = np.empty((size * (size + 1) // 2, q.shape[1]))
    end = 0
    for a in range(size):
        start, end = end, end + size - a
        np.multiply(q[a], q[a:], out=products[start:end])
    return products


def _add_by_indicator(pairs: np.ndarray, products: np.ndarray, codes: np.ndarray, parts: int) -> None:
    indicators = (codes[:, None, :] == np.arange(parts)[:, None]).astype(float)
    pairs += indicators.reshape(-1, codes.shape[1]) @ products.T


def _add_by_sorting(pairs: np.ndarray, products: np.ndarray, codes: np.ndarray, parts: int) -> None:
    for repeat, code in enumerate(codes):
        steps = np.diff(code)
        if (steps < 0).any():
            order = np.argsort(code, kind="stable")
            code, values, steps = code[order], np.take(products, order, axis=1), None
        else:
            values = products
        starts = np.concatenate([[0], np.flatnonzero(np.diff(code) if steps is None else steps) + 1])
        pairs[code[starts] + repeat * parts] += np.add.reduceat(values, starts, axis=1).T


def _sorted_by_largest(table: _Table, partitions: dict[str, _Partition]) -> tuple[_Table, dict[str, _Partition]]:
    """Read the rows in the order of the grouping with most parts, so that its sums run over long stretches."""
    largest = max(partitions.values(), key=lambda part: part.parts, default=None)
    if (
        largest is None
        or largest.parts <= ONE_HOT_GROUPS
        or len(largest.codes) > 1
        or not (np.diff(largest.codes) < 0).any()
    ):
        return table, partitions
    code = largest.codes[0]
    order = np.argsort(code.astype(np.uint16) if largest.parts <= 1 << 16 else code, kind="stable")
    roots = None if table.root_weights is None else table.root_weights[order]
    sorted_parts = {
        name: _Partition(part.labels, np.ascontiguousarray(part.codes[:, order]), part.parts)
        for name, part in partitions.items()
    }
    return replace(table, order=order, root_weights=roots), sorted_parts


def _sizes(part: _Partition) -> np.ndarray:
    return np.concatenate([np.bincount(code, minlength=part.parts) for code in part.codes])


def _partition(name: str, labels: np.ndarray, n: int) -> _Partition:
    labels = np.asarray(labels)
    if len(labels) != n:
        raise refusal(f"labels of {name!r}", f"{len(labels)}", f"{n}: one for each row")
    if labels.ndim == 2:
        if labels.dtype.kind not in "iu" or labels.min() < 0:
            raise refusal(f"labels of {name!r}", str(labels.dtype), "whole numbers from 0, for repeated partitions")
        parts, repeats = int(labels.max()) + 1, labels.shape[1]
        both = np.stack(np.meshgrid(np.arange(repeats), np.arange(parts), indexing="ij"), axis=-1).reshape(-1, 2)
        return _Partition(both, np.ascontiguousarray(labels.T), parts)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise refusal(f"labels of {name!r}", f"a missing label in row {_first_bad(labels)}", "a label for each row")
    if labels.dtype.kind in "biuf":
        levels, codes = np.unique(labels, return_inverse=True)
    else:
        import pandas as pd

        codes, levels = pd.factorize(labels, sort=True)
        if codes.min() < 0:
            raise refusal(
                f"labels of {name!r}", f"a missing label in row {int(np.argmin(codes))}", "a label for each row"
            )
        levels = np.asarray(levels)
    return _Partition(levels, codes.reshape(1, -1), len(levels))


def _standardise(triangle: np.ndarray, table: _Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Location, spread and unit coordinates from the triangle of [1, columns - shift]."""
    centred = triangle[:, 1:].copy()
    location = table.shift + centred[0] / triangle[0, 0]
    centred[0] = 0.0
    spread = np.linalg.norm(centred, axis=0)
    flat = spread <= CONSTANT_SPREAD * abs(triangle[0, 0]) * np.abs(table.shift)
    spread[flat] = 0.0
    coordinates = np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
    return location, spread, coordinates


def _rows_by_inverse(table: _Table, triangle: np.ndarray, spread: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    unit = np.concatenate([[abs(triangle[0, 0])], spread])
    basis = np.linalg.inv(triangle / unit) / unit[:, None]
    for number, block in enumerate(table.blocks()):
        yield number * table.block_rows, basis.T @ block.T


def _rows_by_reflection(
    table: _Table, triangles: list[np.ndarray], stack: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    carry = np.linalg.qr(stack)[0]
    end = 0
    for number, block in enumerate(table.blocks()):
        start, end = end, end + len(triangles[number])
        yield number * table.block_rows, carry[start:end].T @ np.linalg.qr(block)[0].T


def _root_weights(weights, n: int) -> np.ndarray | None:
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (n,):
        raise refusal("weights", f"shape {weights.shape}", f"one for each of {n} rows")
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise refusal("weights", "values that are not positive and finite", "positive, finite values")
    return np.sqrt(weights)


def _first_bad(values: np.ndarray) -> int:
    return int(np.argmin(np.isfinite(values)))
