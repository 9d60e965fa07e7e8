"""The rows of a table out of core that a plan selects: typed, drawn from, and what their columns
hold that the plan does not allow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.data.reading.cells import FIRST_ROW, LARGEST, SMALLEST
from analysis.data.selection.faults import OUTSIDE_KIND, value_rules
from analysis.errors import Fault, column_place, listing, printable
from analysis.out_of_core.address import Source, with_row_numbers
from analysis.out_of_core.cells import (
    Field,
    aggregate,
    bad_cell,
    count_of,
    is_number,
    passes,
    texts,
    typed_value,
)
from analysis.plan import Plan

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

NUMBERS = "numbers, with a point for decimals"

MOST_QUOTED = 6

ROW = "row"
"""The spreadsheet row number in a typed table; its other columns are called c0, c1, ..."""

LARGEST_DRAW = 2**31 - 1

Step = tuple[str, str]
"""Which rows are left out: those in which a column is "missing" or "negative"."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The rows of a table that pass a plan's filters.

    Attributes
    ----------
    plan : Plan
    source : Source
    """

    plan: Plan
    source: Source

    @property
    def has_order(self) -> bool:
        return self.source.database == "duckdb"

    @property
    def row_name(self) -> str:
        """A name for row numbers that no column has, whatever its letters' case."""
        taken = {name.casefold() for name in self.source.table.columns}
        names = (f"row{'_' * i}" for i in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)

    def raw(self, *, numbered: bool = False, filtered: bool = True) -> ir.Table:
        """Return the raw rows that pass every filter, on request with spreadsheet row numbers."""
        table = self.source.table
        if numbered:
            table = with_row_numbers(self.source, self.row_name, FIRST_ROW)
        conditions = [passes(keep, table[keep.column]) for keep in self.plan.keep if filtered]
        return table.filter(*conditions) if conditions else table

    def typed(
        self, fields: list[Field], steps: tuple[Step, ...] = (), *, numbered: bool = False
    ) -> ir.Table:
        """Return the typed columns of the rows that none of the steps leaves out."""
        raw = self.raw(numbered=numbered)
        columns = {field.key: typed_value(field, raw[field.column]) for field in fields}
        table = raw.select(**columns, **({ROW: raw[self.row_name]} if numbered else {}))
        conditions = [~leaves(table, *step) for step in steps]
        return table.filter(*conditions) if conditions else table

    # -- faults

    def quoted(
        self,
        place: str,
        column: str,
        bad: Callable[[ir.Value], ir.BooleanValue],
        count: int,
        what: str,
        allowed: str,
        *,
        filtered: bool = True,
    ) -> Fault:
        """Return one fault that quotes up to six raw cells, by row where the table has an order."""
        import ibis

        table = self.raw(numbered=self.has_order, filtered=filtered)
        row = table[self.row_name] if self.has_order else ibis.literal(0)
        shown = table.filter(bad(table[column])).select(row=row, text=texts(table[column]))
        cells = shown.order_by("row").limit(MOST_QUOTED).to_pandas()
        names = [f'"{printable(text, limit=30)}"' for text in cells["text"]]
        noun = "cell is" if count == 1 else "cells are"
        listed = self._listed(cells["row"], names, count)
        return Fault(place, f"{count} {noun} {what}: {listed}", allowed)

    def _listed(self, rows: Any, names: list[str], count: int) -> str:
        if self.has_order:
            names = [f"row {row} {name}" for row, name in zip(rows, names, strict=True)]
        more = f" and {count - MOST_QUOTED} more" if count > MOST_QUOTED else ""
        return listing(names, limit=MOST_QUOTED) + more

    def cell_faults(self, field: Field, known: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield a fault for cells that are not numbers, infinite, or beyond what can be squared."""
        if field.is_text:
            return
        levels = field.entry.levels if field.entry else ()
        extremes = (abs(known[f"{edge}_{field.key}"] or 0.0) for edge in ("low", "high"))
        size = max(extremes) if known[f"n_{field.key}"] else 0.0
        unit = f"numbers between {SMALLEST:g} and {LARGEST:g} in size: choose another unit"
        kind = ("not numeric", NUMBERS)
        if levels:
            kind = ("no level of the codebook", "one of " + listing(levels))
        for suspected, what, words, wanted in (
            (count_of(known.get(f"bad_{field.key}", 0)), "not numeric", *kind),
            (math.isinf(size), "infinite", "infinite", "finite numbers"),
            (size > LARGEST, "too large", "too large", unit),
        ):
            if not suspected:
                continue
            table, bad = self.raw(), partial(bad_cell, replace(field, fill=False), what=what)
            cells = table[field.column]
            count = count_of(aggregate(table, {"bad": bad(cells).sum()})["bad"])
            if count:
                yield self.quoted(field.place, field.column, bad, count, words, wanted)
        if 0 < size < SMALLEST:
            yield Fault(field.place, f"no number above {size:g} in size", unit)

    def value_faults(
        self, fields: list[Field], steps: tuple[Step, ...], known: Mapping[str, Any]
    ) -> Iterator[Fault]:
        """Yield what the outcomes' kinds, the transforms and the codebook do not allow."""
        named = {field.column: field for field in fields if not field.is_text}
        entries = {column: field.entry for column, field in named.items()}
        for rule in value_rules(self.plan, entries, known["rows"]):
            key = named[rule.column].key
            if rule.in_extremes:
                clean = not any(rule.bad(known[f"{edge}_{key}"]) for edge in ("low", "high"))
            else:
                clean = not known[f"odd_{key}"]
            if clean:
                continue
            table = self.typed(fields, steps, numbered=self.has_order)
            rows = table.filter(rule.bad(table[key]))
            count = count_of(rows.count().to_pandas())
            if not count:
                continue
            shown = rows.order_by(ROW) if self.has_order else rows
            cells = shown.limit(MOST_QUOTED).to_pandas()
            names = [f"({value:.10g})" for value in cells[key]]
            listed = self._listed(cells.get(ROW), names, count)
            found = f"{count} {rule.what} value{'s' if count > 1 else ''}: {listed}"
            yield Fault(column_place(rule.column, rule.role), found, rule.allowed)


def first_reasons(conditions: Iterable[ir.BooleanValue]) -> list[ir.Scalar]:
    """Return for each condition how many rows it is the first to hold for."""
    sums, before = [], None
    for condition in conditions:
        sums.append((condition if before is None else condition & ~before).sum())
        before = condition if before is None else before | condition
    return sums


def leaves(table: ir.Table, key: str, what: str) -> ir.BooleanValue:
    """Return whether a row is left out since a column is missing, or negative."""
    return table[key].isnull() if what == "missing" else (table[key] < 0).fill_null(False)


def constant_faults(plan: Plan, fields: list[Field], known: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield scores and outcomes that do not vary."""
    keys = {field.column: field.key for field in fields}
    for column, role in plan.roles():
        low, high = (known.get(f"{edge}_{keys[column]}") for edge in ("low", "high"))
        if role in ("score", "outcome") and known["rows"] > 1 and low == high:
            found = f"{low:g} in each of {known['rows']:,} rows"
            yield Fault(column_place(column, role), found, "at least two different values")


def probe(table: ir.Table, fields: list[Field]) -> dict[str, Any]:
    """Return the number of rows and of each column's values, its extremes, and what its kind does
    not allow.
    """
    counts, extremes = {"rows": table.count()}, {}
    for field in fields:
        cells, key = table[field.key], field.key
        counts[f"n_{key}"] = cells.count()
        if not field.is_text:
            extremes |= {f"low_{key}": cells.min(), f"high_{key}": cells.max()}
        if field.kind in ("count", "binary"):
            counts[f"odd_{key}"] = OUTSIDE_KIND[field.kind][2](cells).sum()
    found = aggregate(table, counts | extremes)
    return {name: count_of(value) if name in counts else value for name, value in found.items()}


def unreadable_cells(raw: ir.Table, fields: list[Field]) -> dict[str, int]:
    """Return how many cells of each numeric column hold text that is no number (or no level)."""
    sums = {}
    for field in fields:
        coded = field.entry is not None and bool(field.entry.levels)
        if not field.is_text and (coded or not is_number(raw[field.column])):
            free = replace(field, fill=False)
            sums[f"bad_{field.key}"] = bad_cell(free, raw[field.column], "not numeric").sum()
    return aggregate(raw, sums)


# --- a seeded sample of the rows ------------------------------------------------------------------


def draw_by_row_number(table: ir.Table, row: str, seed: int, rows: int, size: int) -> pd.DataFrame:
    """Return at most `size` of the rows in order, by a number drawn for each from its place in the
    table.
    """
    share = _share(rows, size)
    table = table.mutate(draw=_draw(table[row], seed))
    table = table.filter(table["draw"] < int(share * LARGEST_DRAW)) if share < 1 else table
    return table.to_pandas().nsmallest(size, "draw").sort_values(row).set_index(row)


def draw_by_spark(table: ir.Table, seed: int, rows: int, size: int) -> pd.DataFrame:
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
    distances. Nothing is divided, and as little as can be is written twice: the database does the
    whole of it for every row.
    """
    shift = seed * 2_654_435_761 % LARGEST_DRAW | 1
    value = (row * 1_664_525 + shift) & LARGEST_DRAW
    return ((value * (value + 1_013_904_223)) >> 12) & LARGEST_DRAW
