"""Measuring a table: an orthonormal basis of its columns first, then sums of products in that
basis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.models.sufficient_statistics.pairs import pair_map
from analysis.models.sufficient_statistics.record import (
    GroupSums,
    Moments,
    condition_number,
    refusal,
)
from analysis.models.sufficient_statistics.rows import Sums, Table, partition_of, sorted_by_largest

BLOCK_ROWS = 4096
INVERSE_LIMIT = (
    1e6  # above this condition number the basis comes from Householder vectors, not from an inverse
)
CONSTANT_SPREAD = (
    16 * np.finfo(float).eps
)  # a spread below this share of the level is rounding, not variation
FOURTH_LIMIT = 128  # basis columns whose fourth moments are kept: 0.5 GB


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
        Groupings to sum by (clusters, segments, folds): labels of shape (n,), or non-negative
        integers of shape (n, repeats) for repeated partitions with the same number of parts.
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
    The factorisation is Householder QR by blocks [1]_. Where the condition number is below 1e6 the
    basis of the second look is the table times the inverse triangle, made orthonormal to rounding
    by the Cholesky factor of its own cross product; above, it is the blocks' Householder vectors
    themselves, whatever the rank.

    References
    ----------
    .. [1] Demmel, Grigori, Hoemmen & Langou (2012), Communication-optimal parallel and sequential
    QR and LU
       factorizations, SIAM J. Sci. Comput. 34(1), doi:10.1137/080731992.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6.0)
    >>> m = measure_moments(np.column_stack([x, 2 * x + 1]), ["x", "y"], groups={"half": x > 2})
    >>> m.n, m.location.tolist(), m.group("half").sizes.tolist()
    (6, [2.5, 6.0], [3, 3])
    """
    table = Table.read(columns, names, weights, block_rows)
    partitions = {
        name: partition_of(name, labels, table.n) for name, labels in (groups or {}).items()
    }
    triangles = [np.linalg.qr(block, mode="r") for block in table.blocks()]
    stack = np.concatenate(triangles)
    triangle = np.linalg.qr(stack, mode="r")
    location, spread, coordinates = _standardise(triangle, table)
    condition = condition_number(coordinates[:, spread > 0])
    moments = Moments(
        tuple(names),
        table.n,
        location,
        spread,
        coordinates,
        condition,
        None,
        {},
        weights is not None,
    )
    if fourth and len(coordinates) > FOURTH_LIMIT:
        raise refusal(
            "fourth moments",
            f"{len(coordinates)} columns",
            f"{FOURTH_LIMIT}; fourth=False, and HC errors from rows=",
        )
    if not fourth and not partitions:
        return moments
    if condition < INVERSE_LIMIT and (spread > 0).all():
        table, partitions = sorted_by_largest(table, partitions)
        rows = _rows_by_inverse(table, triangle, spread)
    else:
        rows = _rows_by_reflection(table, triangles, stack)
    sums = Sums.empty(len(coordinates), partitions, fourth)
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
    The second step of CholeskyQR2: with Q'Q = C'C the new basis is Q C^-1, and sums of products
    follow by a linear map, so no row is needed. An engine that can only add products takes the
    first step with the Cholesky factor of the centred cross product, and this one as the second.
    """
    if np.max(np.abs(gram - np.eye(len(gram)))) < 1e-14:
        return moments
    try:
        factor = np.linalg.cholesky(gram).T
    except np.linalg.LinAlgError:
        raise refusal(
            "columns", "too nearly dependent for sums of products", "a factorisation of the rows"
        ) from None
    change = pair_map(np.linalg.inv(factor))
    fourth = None if moments.fourth is None else change.T @ moments.fourth @ change
    groups = {
        name: GroupSums(sums.labels, sums.sizes, sums.pairs @ change)
        for name, sums in moments.groups.items()
    }
    return replace(moments, coordinates=factor @ moments.coordinates, fourth=fourth, groups=groups)


def _standardise(triangle: np.ndarray, table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Location, spread and unit coordinates from the triangle of [1, columns - shift]."""
    centred = triangle[:, 1:].copy()
    location = table.shift + centred[0] / triangle[0, 0]
    centred[0] = 0.0
    spread = np.linalg.norm(centred, axis=0)
    flat = spread <= CONSTANT_SPREAD * abs(triangle[0, 0]) * np.abs(table.shift)
    spread[flat] = 0.0
    coordinates = np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
    return location, spread, coordinates


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
