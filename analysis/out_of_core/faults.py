"""What the columns of a table out of core hold that their roles in the plan do not allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analysis.data.reading.cells import FIRST_ROW, LARGEST, SMALLEST
from analysis.errors import Fault, listing, printable
from analysis.out_of_core.address import Source, with_row_numbers
from analysis.out_of_core.cells import (
    Field,
    aggregate,
    bad_cell,
    count_of,
    is_number,
    odd,
    passes,
    texts,
    typed_value,
)
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection

if TYPE_CHECKING:
    import ibis.expr.types as ir

NUMBERS = "numbers, with a point for decimals"

MOST_QUOTED = 6

ROW = "row"
"""The spreadsheet row number in a typed table; its other columns are called c0, c1, ..."""

Step = tuple[str, str]
"""Which rows are left out: those in which a column is "missing" or "negative"."""


@dataclass(frozen=True)
class Doubt:
    """Values of a column that the plan does not allow.

    Attributes
    ----------
    field : Field
    role : str
    bad : callable
        Takes the column, returns whether a value is one of them.
    what, allowed : str
    """

    field: Field
    role: str
    bad: Callable[[ir.Value], ir.BooleanValue]
    what: str
    allowed: str


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
        return self.source.engine == "duckdb"

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
        bad: Callable[[ir.Table], ir.BooleanValue],
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
        shown = table.filter(bad(table)).select(row=row, text=texts(table[column]))
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
        free = replace(field, fill=False)
        extremes = (abs(known[f"{edge}_{field.key}"] or 0.0) for edge in ("low", "high"))
        size = max(extremes) if known[f"n_{field.key}"] else 0.0
        unit = f"numbers between {SMALLEST:g} and {LARGEST:g} in size: choose another unit"
        doubts = []
        if count_of(known.get(f"bad_{field.key}", 0)):
            said = "no level of the codebook" if levels else "not numeric"
            doubts.append(("not numeric", said, "one of " + listing(levels) if levels else NUMBERS))
        if math.isinf(size):
            doubts.append(("infinite", "infinite", "finite numbers"))
        if size > LARGEST:
            doubts.append(("too large", "too large", unit))
        for name, said, wanted in doubts:

            def bad(table: ir.Table, name: str = name) -> ir.BooleanValue:
                return bad_cell(free, table[field.column], name)

            table = self.raw()
            count = count_of(aggregate(table, {"bad": bad(table).sum()})["bad"])
            if count:
                yield self.quoted(field.place, field.column, bad, count, said, wanted)
        if 0 < size < SMALLEST:
            yield Fault(field.place, f"no number above {size:g} in size", unit)

    def value_faults(
        self, fields: list[Field], steps: tuple[Step, ...], known: Mapping[str, Any]
    ) -> Iterator[Fault]:
        """Yield what the outcomes' kinds, the transforms and the codebook do not allow."""
        for doubt in _doubts(self.plan, fields, known):
            key = doubt.field.key
            table = self.typed(fields, steps, numbered=self.has_order)
            rows = table.filter(doubt.bad(table[key]))
            count = count_of(rows.count().to_pandas())
            if not count:
                continue
            shown = rows.order_by(ROW) if self.has_order else rows
            cells = shown.limit(MOST_QUOTED).to_pandas()
            names = [f"({value:.10g})" for value in cells[key]]
            listed = self._listed(cells.get(ROW), names, count)
            place = f'column "{printable(doubt.field.column)}" ({doubt.role})'
            found = f"{count} {doubt.what} value{'s' if count > 1 else ''}: {listed}"
            yield Fault(place, found, doubt.allowed)


def leaves(table: ir.Table, key: str, what: str) -> ir.BooleanValue:
    """Return whether a row is left out since a column is missing, or negative."""
    return table[key].isnull() if what == "missing" else (table[key] < 0).fill_null(False)


def constant_faults(plan: Plan, fields: list[Field], known: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield scores and outcomes that do not vary."""
    keys = {field.column: field.key for field in fields}
    for column, role in plan.roles():
        low, high = (known.get(f"{edge}_{keys[column]}") for edge in ("low", "high"))
        if role in ("score", "outcome") and known["rows"] > 1 and low == high:
            place = f'column "{printable(column)}" ({role})'
            found = f"{low:g} in each of {known['rows']:,} rows"
            yield Fault(place, found, "at least two different values")


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
            counts[f"odd_{key}"] = odd(field.kind, cells).sum()
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


# --- what the extremes say ------------------------------------------------------------------------


def _doubts(plan: Plan, fields: list[Field], known: Mapping[str, Any]) -> Iterator[Doubt]:
    by_column = {field.column: field for field in fields}
    low = {field.column: known.get(f"low_{field.key}") for field in fields}
    for outcome in plan.outcome:
        yield from _outcome_doubts(outcome, by_column, low, known)
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for column in section.columns:
            how = section.transform_of(column)
            if how in ("log1p", "sqrt") and low[column] < 0:
                allowed = f'zero or more, since transform = "{how}"'
                yield Doubt(by_column[column], role, lambda c: c < 0, "negative", allowed)
    for field in fields:
        entry = field.entry
        if entry is None or entry.levels or field.is_text or low[field.column] is None:
            continue  # without a value, as only a column beside the equation may be
        least = -math.inf if entry.min is None else entry.min
        most = math.inf if entry.max is None else entry.max
        if low[field.column] < least or known[f"high_{field.key}"] > most:
            allowed = f"{least:g} to {most:g}, as the codebook says"

            def outside(cells: ir.Value, a: float = least, b: float = most) -> ir.BooleanValue:
                return ~cells.between(a, b)

            yield Doubt(field, "codebook", outside, "outside", allowed)


def _outcome_doubts(
    outcome: OutcomeSection,
    fields: dict[str, Field],
    low: dict[str, Any],
    known: Mapping[str, Any],
) -> Iterator[Doubt]:
    field, exposure = fields[outcome.column], outcome.exposure
    if exposure is not None and low[exposure] <= 0:
        what, allowed = "zero or negative", "positive numbers"
        yield Doubt(fields[exposure], "exposure", lambda c: c <= 0, what, allowed)
    if outcome.kind == "revenue" and outcome.negative != "net" and low[outcome.column] < 0:
        allowed = 'zero or more; or negative = "exclude" or "net" in the plan'
        yield Doubt(field, "outcome", lambda c: c < 0, "negative", allowed)
    if known.get(f"odd_{field.key}", 0):
        what, allowed = {
            "count": ("negative or fractional", "counts: whole numbers from 0"),
            "binary": ("other", "0 and 1 only"),
        }[outcome.kind]
        yield Doubt(field, "outcome", lambda c: odd(outcome.kind, c), what, allowed)
