"""A seeded sample of the rows of a table beyond memory: the same in every run, whatever the
threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

_MOST = 2**31 - 1


def by_row_number(table: ir.Table, row: str, seed: int, rows: int, size: int) -> pd.DataFrame:
    """Return at most `size` of the rows in order, by a number drawn for each from its place in the
    table.
    """
    share = _share(rows, size)
    table = table.mutate(draw=_draw(table[row], seed))
    table = table.filter(table["draw"] < int(share * _MOST)) if share < 1 else table
    return table.to_pandas().nsmallest(size, "draw").sort_values(row).set_index(row)


def by_spark(table: ir.Table, seed: int, rows: int, size: int) -> pd.DataFrame:
    """Return at most `size` of the rows; the index is their place among those that Spark drew."""
    share = _share(rows, size)
    frame = (table.filter(_spark_draw(seed % 2**31) < share) if share < 1 else table).to_pandas()
    chosen = np.sort(np.random.default_rng(seed).permutation(len(frame))[:size])
    return frame.iloc[chosen].set_axis(chosen, axis=0)


def _share(rows: int, size: int) -> float:
    """Return the share of the rows to bring into memory so that hardly ever fewer than `size`
    come.
    """
    return min(1.0, 1.02 * size / rows + 2000 / rows) if rows > size else 1.0


def _spark_draw(seed: int) -> ir.FloatingValue:
    """Return Spark's own seeded draw in [0, 1): the same for the same files (Ibis has no seed for
    it).
    """
    import ibis

    @ibis.udf.scalar.builtin(name="rand")
    def drawn(seed: int) -> float: ...

    return drawn(seed)


def _draw(row: ir.IntegerValue, seed: int) -> ir.IntegerValue:
    """Return a number below 2**31 - 1 that looks random but is the same in every run, from a row's
    number.

    The middle bits of a product of two linear maps, which alone would take rows at regular
    distances. Nothing is divided, and as little as can be is written twice: an engine does the
    whole of it for every row.
    """
    shift = seed * 2_654_435_761 % _MOST | 1
    value = (row * 1_664_525 + shift) & _MOST
    return ((value * (value + 1_013_904_223)) >> 12) & _MOST
