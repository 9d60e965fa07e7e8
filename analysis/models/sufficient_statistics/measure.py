"""Measuring a table: an orthonormal basis of its columns, then sums of products in that basis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import listing
from analysis.models.sufficient_statistics import (
    GroupSums,
    SufficientStatistics,
    condition_number,
    pair_map,
    pair_products,
    refusal,
)

BLOCK_ROWS = 4096
INVERSE_LIMIT = 1e6
"""Above this condition number the basis comes from Householder vectors, not from an inverse."""

CONSTANT_SPREAD = 16 * np.finfo(float).eps
"""A spread below this share of the level is rounding, not variation."""

FOURTH_LIMIT = 128
"""Basis columns whose fourth moments are kept: 0.5 GB."""

ONE_HOT_GROUPS = 64
"""Up to this many groups a product with indicator columns beats sorting."""


def sufficient_statistics(
    columns: np.ndarray,
    names: Sequence[str],
    *,
    groups: Mapping[str, np.ndarray] | None = None,
    fourth: bool = True,
    block_rows: int = BLOCK_ROWS,
) -> SufficientStatistics:
    """Measure a table once, so that any subset of its columns can be fitted without the rows.

    Parameters
    ----------
    columns : array, shape (n, p)
        Regressors and outcomes, complete, in their own units; no constant.
    names : sequence of str, length p
    groups : mapping of str to array, optional
        Groupings to sum by (clusters, segments, folds): labels of shape (n,), or non-negative
        integers of shape (n, repeats) for repeated partitions with the same number of parts.
    fourth : bool
        Keep the fourth moments, which HC0 and HC1 need: n P**2 operations, P**2 numbers.
    block_rows : int
        Rows looked at together; memory beyond the table is about ``8 * block_rows * P`` bytes.

    Raises
    ------
    DesignError
        Missing or infinite values, missing labels, wrong shapes.

    Notes
    -----
    The factorisation is Householder QR by blocks [1]_. Where the condition number is below 1e6 the
    basis of the second look is the table times the inverse triangle, made orthonormal to rounding
    by the Cholesky factor of its own cross product; above, it is the blocks' Householder vectors
    themselves, whatever the rank.

    References
    ----------
    .. [1] Demmel, Grigori, Hoemmen & Langou (2012), Communication-optimal parallel and sequential
       QR and LU factorizations, SIAM J. Sci. Comput. 34(1), doi:10.1137/080731992.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0)
    >>> table, groups = np.column_stack([x, 2 * x + 1]), {"half": x > 2}
    >>> m = sufficient_statistics(table, ["x", "y"], groups=groups)
    >>> m.n, m.location.tolist(), m.group("half").sizes.tolist()
    (6, [2.5, 6.0], [3, 3])
    """
    table = Table.read(columns, names, block_rows)
    partitions = {name: _partition(name, one, table.n) for name, one in (groups or {}).items()}
    triangles = [np.linalg.qr(block, mode="r") for block in table.blocks()]
    stack = np.concatenate(triangles)
    triangle = np.linalg.qr(stack, mode="r")
    location, spread, coordinates = _standardise(triangle, table)
    condition = condition_number(coordinates[:, spread > 0])
    facts = (tuple(names), table.n, location, spread, coordinates, condition)
    if fourth and len(coordinates) > FOURTH_LIMIT:
        allowed = f"{FOURTH_LIMIT}; fourth=False, and HC errors from rows="
        raise refusal("fourth moments", f"{len(coordinates)} columns", allowed)
    if not fourth and not partitions:
        return SufficientStatistics(*facts, None, {})
    if condition < INVERSE_LIMIT and (spread > 0).all():
        table, partitions = _sorted_by_largest(table, partitions)
        rows = _rows_by_inverse(table, triangle, spread)
    else:
        rows = _rows_by_reflection(table, triangles, stack)
    size = len(coordinates)
    width = size * (size + 1) // 2
    gram, squares = np.zeros((size, size)), np.zeros((width, width)) if fourth else None
    sums = {name: np.zeros((len(part.labels), width)) for name, part in partitions.items()}

    def add(start: int, q: np.ndarray) -> None:  # whose arrays are free again for the next block
        np.add(gram, q @ q.T, out=gram)
        products = pair_products(q)
        if fourth:
            np.add(squares, products @ products.T, out=squares)
        for name, part in partitions.items():
            part.add(sums[name], products, start)

    for start, q in rows:
        add(start, q)
    by_group = {
        name: GroupSums(part.labels, part.sizes, sums[name]) for name, part in partitions.items()
    }
    return orthonormalise(SufficientStatistics(*facts, squares, by_group), gram)


def orthonormalise(sufficient: SufficientStatistics, gram: np.ndarray) -> SufficientStatistics:
    """Make a nearly orthonormal basis orthonormal to rounding, given its columns' cross product.

    Parameters
    ----------
    sufficient : SufficientStatistics
        In a nearly orthonormal basis Q: coordinates, pair sums and fourth moments all refer to it.
    gram : ndarray, shape (k, k)
        Q'Q.

    Notes
    -----
    The second step of CholeskyQR2: with Q'Q = C'C the new basis is Q C^-1, and sums of products
    follow by a linear map, so no row is needed. A database that can only add products takes the
    first step with the Cholesky factor of the centred cross product, and this one as the second.
    """
    if np.max(np.abs(gram - np.eye(len(gram)))) < 1e-14:
        return sufficient
    try:
        factor = np.linalg.cholesky(gram).T
    except np.linalg.LinAlgError:
        found = "too nearly dependent for sums of products"
        raise refusal("columns", found, "a factorisation of the rows") from None
    change = pair_map(np.linalg.inv(factor))
    fourth = None if sufficient.fourth is None else change.T @ sufficient.fourth @ change
    groups = {
        name: GroupSums(sums.labels, sums.sizes, sums.pairs @ change)
        for name, sums in sufficient.groups.items()
    }
    return replace(
        sufficient, coordinates=factor @ sufficient.coordinates, fourth=fourth, groups=groups
    )


def _standardise(triangle: np.ndarray, table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Location, spread and unit coordinates from the triangle of [1, columns - shift]."""
    centred = triangle[:, 1:].copy()
    location = table.shift + centred[0] / triangle[0, 0]
    centred[0] = 0.0
    spread = np.linalg.norm(centred, axis=0)
    flat = spread <= CONSTANT_SPREAD * abs(triangle[0, 0]) * np.abs(table.shift)
    centred[:, flat], spread[flat] = 0.0, 0.0
    return location, spread, centred / np.where(flat, 1.0, spread)


def _rows_by_inverse(
    table: Table, triangle: np.ndarray, spread: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    unit = np.concatenate([[abs(triangle[0, 0])], spread])
    basis = np.linalg.inv(triangle / unit) / unit[:, None]
    for number, block in enumerate(table.blocks()):
        yield number * table.block_rows, basis.T @ block.T


def _rows_by_reflection(
    table: Table, triangles: list[np.ndarray], stack: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    carry = np.linalg.qr(stack)[0]
    end = 0
    for number, block in enumerate(table.blocks()):
        start, end = end, end + len(triangles[number])
        yield number * table.block_rows, carry[start:end].T @ np.linalg.qr(block)[0].T


# --- the rows in blocks ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Table:
    """The rows, handed out in blocks [1, columns - shift]."""

    columns: np.ndarray
    shift: np.ndarray
    block_rows: int
    order: np.ndarray | None = None

    @property
    def n(self) -> int:
        return len(self.columns)

    @classmethod
    def read(cls, columns, names, block_rows: int) -> Table:
        columns = np.asarray(columns, dtype=float)
        if columns.ndim != 2 or columns.shape[1] != len(names):
            raise refusal("table", f"shape {columns.shape}", f"rows of {len(names)} named columns")
        if len(set(names)) != len(names):
            raise refusal("names", listing(sorted(names)), "each name once")
        if len(columns) < 2:
            raise refusal("table", f"{len(columns)} rows", "at least two")
        if block_rows < 1:
            raise refusal("block_rows", str(block_rows), "at least 1")
        shift = np.ones(len(columns)) @ columns / len(columns)
        if not np.isfinite(shift).all():
            first = np.argmin(np.isfinite(columns), axis=0)
            bad = [f"{names[i]} (row {first[i]})" for i in np.flatnonzero(~np.isfinite(shift))]
            found = "missing or infinite values in " + listing(bad)
            raise refusal("columns", found, "complete columns")
        return cls(columns, shift, block_rows)

    def blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, self.n, self.block_rows):
            rows = slice(start, start + self.block_rows)
            values = self.columns[rows]
            if self.order is not None:
                values = np.take(self.columns, self.order[rows], axis=0)
            block = np.empty((len(values), len(self.shift) + 1))
            block[:, 0] = 1.0
            np.subtract(values, self.shift, out=block[:, 1:])
            yield block


# --- the groups -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Partition:
    """The group of each row, once or repeatedly.

    Attributes
    ----------
    labels : ndarray, shape (G,) or (G, 2)
    codes : ndarray of int, shape (repeats, n)
    parts : int
        Groups in each repeat.
    """

    labels: np.ndarray
    codes: np.ndarray
    parts: int

    @property
    def sizes(self) -> np.ndarray:
        """Rows in each group, shape (G,)."""
        return np.concatenate([np.bincount(code, minlength=self.parts) for code in self.codes])

    def add(self, pairs: np.ndarray, products: np.ndarray, start: int) -> None:
        """Add a block's products, shape (P, rows), whose first row is number start, to the sums."""
        codes = self.codes[:, start : start + products.shape[1]]
        if self.parts <= ONE_HOT_GROUPS:
            levels = np.arange(self.parts, dtype=codes.dtype)
            indicators = (codes[:, None, :] == levels[:, None]).astype(float)
            pairs += indicators.reshape(-1, codes.shape[1]) @ products.T
            return
        for repeat, code in enumerate(codes):
            values = products
            if (code[1:] < code[:-1]).any():
                order = np.argsort(code, kind="stable")
                code, values = code[order], np.take(products, order, axis=1)
            starts = np.concatenate([[0], np.flatnonzero(code[1:] != code[:-1]) + 1])
            sums = np.add.reduceat(values, starts, axis=1)
            pairs[code[starts] + repeat * self.parts] += sums.T


def _partition(name: str, labels: np.ndarray, n: int) -> Partition:
    labels, place = np.asarray(labels), f"labels of {name!r}"
    if len(labels) != n:
        raise refusal(place, f"{len(labels)}", f"{n}: one for each row")
    if labels.ndim == 2:
        if labels.dtype.kind not in "iu" or labels.min() < 0:
            allowed = "whole numbers from 0, for repeated partitions"
            raise refusal(place, str(labels.dtype), allowed)
        parts, repeats = int(labels.max()) + 1, labels.shape[1]
        both = np.argwhere(np.ones((repeats, parts), dtype=bool))
        return Partition(both, np.ascontiguousarray(labels.T), parts)
    if labels.dtype.kind in "biuf":
        levels, codes = np.unique(labels, return_inverse=True)
        known = np.isfinite(labels)
    else:
        import pandas as pd

        codes, levels = pd.factorize(labels, sort=True)
        known = codes >= 0
    if not known.all():
        row = int(np.argmin(known))
        raise refusal(place, f"a missing label in row {row}", "a label for each row")
    return Partition(np.asarray(levels), codes.reshape(1, -1), len(levels))


def _sorted_by_largest(
    table: Table, partitions: dict[str, Partition]
) -> tuple[Table, dict[str, Partition]]:
    """Read the rows in the order of the largest grouping: its sums run over long stretches."""
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
    ordered = {
        name: replace(part, codes=np.take(part.codes, order, axis=1))
        for name, part in partitions.items()
    }
    return replace(table, order=order), ordered
