"""The rows of a table in blocks, and running sums over them by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import listing
from analysis.models.sufficient_statistics.pairs import pair_products
from analysis.models.sufficient_statistics.record import GroupSums, refusal

ONE_HOT_GROUPS = 64  # up to this many groups a product with indicator columns beats sorting


@dataclass(frozen=True, eq=False)
class Table:
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
    def read(cls, columns, names, weights, block_rows: int) -> Table:
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
            bad = [
                f"{names[i]} (row {_first_bad(columns[:, i])})"
                for i in np.flatnonzero(~np.isfinite(shift))
            ]
            raise refusal(
                "columns", "missing or infinite values in " + listing(bad), "complete columns"
            )
        return cls(columns, shift, _root_weights(weights, len(columns)), block_rows)

    def blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, self.n, self.block_rows):
            rows = slice(start, start + self.block_rows)
            values = (
                self.columns[rows]
                if self.order is None
                else np.take(self.columns, self.order[rows], axis=0)
            )
            block = np.empty((len(values), len(self.shift) + 1))
            block[:, 0] = 1.0
            np.subtract(values, self.shift, out=block[:, 1:])
            if self.root_weights is not None:
                block *= self.root_weights[rows, None]
            yield block


@dataclass(frozen=True, eq=False)
class Partition:
    labels: np.ndarray
    codes: np.ndarray  # (repeats, n)
    parts: int


def partition_of(name: str, labels: np.ndarray, n: int) -> Partition:
    labels = np.asarray(labels)
    if len(labels) != n:
        raise refusal(f"labels of {name!r}", f"{len(labels)}", f"{n}: one for each row")
    if labels.ndim == 2:
        if labels.dtype.kind not in "iu" or labels.min() < 0:
            raise refusal(
                f"labels of {name!r}",
                str(labels.dtype),
                "whole numbers from 0, for repeated partitions",
            )
        parts, repeats = int(labels.max()) + 1, labels.shape[1]
        both = np.stack(
            np.meshgrid(np.arange(repeats), np.arange(parts), indexing="ij"), axis=-1
        ).reshape(-1, 2)
        return Partition(both, np.ascontiguousarray(labels.T), parts)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise refusal(
            f"labels of {name!r}",
            f"a missing label in row {_first_bad(labels)}",
            "a label for each row",
        )
    if labels.dtype.kind in "biuf":
        levels, codes = np.unique(labels, return_inverse=True)
    else:
        import pandas as pd

        codes, levels = pd.factorize(labels, sort=True)
        if codes.min() < 0:
            raise refusal(
                f"labels of {name!r}",
                f"a missing label in row {int(np.argmin(codes))}",
                "a label for each row",
            )
        levels = np.asarray(levels)
    return Partition(levels, codes.reshape(1, -1), len(levels))


@dataclass(frozen=True, eq=False)
class Sums:
    """Running sums over blocks of rows of the basis; the arrays are filled in place while
    measuring.
    """

    gram: np.ndarray
    fourth: np.ndarray | None
    partitions: Mapping[str, Partition]
    pairs: Mapping[str, np.ndarray]

    @classmethod
    def empty(cls, size: int, partitions: Mapping[str, Partition], fourth: bool) -> Sums:
        width = size * (size + 1) // 2
        pairs = {name: np.zeros((len(part.labels), width)) for name, part in partitions.items()}
        return cls(
            np.zeros((size, size)), np.zeros((width, width)) if fourth else None, partitions, pairs
        )

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
        return {
            name: GroupSums(part.labels, _sizes(part), self.pairs[name])
            for name, part in self.partitions.items()
        }


def _add_by_indicator(
    pairs: np.ndarray, products: np.ndarray, codes: np.ndarray, parts: int
) -> None:
    indicators = (codes[:, None, :] == np.arange(parts, dtype=codes.dtype)[:, None]).astype(float)
    pairs += indicators.reshape(-1, codes.shape[1]) @ products.T


def _add_by_sorting(pairs: np.ndarray, products: np.ndarray, codes: np.ndarray, parts: int) -> None:
    for repeat, code in enumerate(codes):
        steps = np.diff(code)
        if (steps < 0).any():
            order = np.argsort(code, kind="stable")
            code, values, steps = code[order], np.take(products, order, axis=1), None
        else:
            values = products
        starts = np.concatenate(
            [[0], np.flatnonzero(np.diff(code) if steps is None else steps) + 1]
        )
        pairs[code[starts] + repeat * parts] += np.add.reduceat(values, starts, axis=1).T


def sorted_by_largest(
    table: Table, partitions: dict[str, Partition]
) -> tuple[Table, dict[str, Partition]]:
    """Read the rows in the order of the grouping with most parts, so that its sums run over long
    stretches.
    """
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
        name: Partition(part.labels, np.ascontiguousarray(part.codes[:, order]), part.parts)
        for name, part in partitions.items()
    }
    return replace(table, order=order, root_weights=roots), sorted_parts


def _sizes(part: Partition) -> np.ndarray:
    return np.concatenate([np.bincount(code, minlength=part.parts) for code in part.codes])


def _root_weights(weights, n: int) -> np.ndarray | None:
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (n,):
        raise refusal("weights", f"shape {weights.shape}", f"one for each of {n} rows")
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise refusal(
            "weights", "values that are not positive and finite", "positive, finite values"
        )
    return np.sqrt(weights)


def _first_bad(values: np.ndarray) -> int:
    return int(np.argmin(np.isfinite(values)))
