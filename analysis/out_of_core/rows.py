"""The analysis set of a table beyond memory: the same filters, exclusions and refusals, asked for
as sums.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.data.dataset import Dataset, check_hash
from analysis.data.reading.cells import FIRST_ROW, LARGEST, SMALLEST
from analysis.data.sample import Sample
from analysis.data.selection.columns import BESIDE, NAMES, columns_of, require_columns
from analysis.data.selection.exclusions import DATES, condition_text
from analysis.errors import DataError, Fault, PlanError, listing, printable
from analysis.out_of_core.address import (
    Source,
    forget_extremes,
    open_source,
    plain_words,
    with_row_numbers,
)
from analysis.out_of_core.cells import (
    EXPRESSIBLE,
    Field,
    bad_cell,
    is_number,
    numbers,
    passes,
    texts,
    typed_value,
    unreadable,
)
from analysis.out_of_core.doubts import probe, value_doubts
from analysis.out_of_core.draw import by_row_number, by_spark
from analysis.out_of_core.products import Products, products_of
from analysis.out_of_core.sums import aggregate, count_of
from analysis.plan import Plan
from analysis.plan.codebook import CodebookColumn, read_codebook

if TYPE_CHECKING:
    import ibis.expr.types as ir

SAMPLE_ROWS = 200_000
"""Rows of the seeded sample: what figures show, where iterations start, and what splines and ranks
are fitted to.
"""

ROW = "row"
"""The spreadsheet row number in a typed table; its other columns are called c0, c1, ..."""


def refuse_reading(plan: Plan) -> None:
    """Refuse what plans say of single cells and of text files: an engine reads plain tables
    only.
    """
    keys = [
        key
        for key, said in (("[reading]", plan.reading.model_fields_set), ("[columns]", plan.columns))
        if said
    ]
    if keys:
        allowed = "leave it out: beyond memory, numbers and dates are read as they stand"
        raise DataError(
            plan.dataset, [Fault(key, "a table beyond memory", allowed) for key in keys]
        )


def select_rows(plan: Plan, folder: Path) -> Sample:
    """Select the rows of the plan's table that it analyses, without reading them.

    Returns
    -------
    Sample
        `out_of_core` answers for all rows; `frame` holds a seeded sample of `SAMPLE_ROWS` of them.

    Raises
    ------
    DataError
        As `select_sample` does, in the same words.
    """
    source = open_source(plan.dataset, folder)
    dataset = _described(source)
    where = _where(dataset)
    _refuse_what_needs_rows(plan)
    require_columns(plan, dataset, where)
    with (
        ThreadPoolExecutor(1) as beside,
        plain_words(where),
    ):  # the files are hashed while the engine scans them
        digest = beside.submit(lambda: source.sha256)
        rows = int(source.table.count().to_pandas())
        if rows == 0:
            raise DataError(
                where, [Fault("the whole file", "no rows of data", "a header and at least one row")]
            )
        sample = _Selection(plan, source, replace(dataset, total=rows)).sample()
        dataset = replace(sample.dataset, sha256=digest.result())
    check_hash(dataset)
    return replace(sample, dataset=dataset)


def _refuse_what_needs_rows(plan: Plan) -> None:
    """Refuse corrections for noise and the net return, which need the rows: neither is ever left
    out in silence.
    """
    asked = {
        "[engagement] reliability": plan.engagement.reliability,
        "[engagement] halves": plan.engagement.halves,
        "[score] halves": plan.score.halves,
    }
    allowed = (
        "leave it out, or a table that fits into memory: the correction for noise needs the rows"
    )
    faults = [
        Fault(place, listing(list(value)), allowed) for place, value in asked.items() if value
    ]
    faults += [
        Fault(
            f'[[outcome]] "{printable(outcome.column)}"',
            'kind = "roi"',
            "a table that fits into memory",
        )
        for outcome in plan.outcome
        if outcome.kind == "roi"
    ]
    if faults:
        raise PlanError(str(plan.path or "the plan"), faults)


def _described(source: Source) -> Dataset:
    """Return what is known of the table before a row is looked at."""
    path = source.files[0] if len(source.files) == 1 else None
    codebook = read_codebook(path.with_suffix(".toml")) if path else None
    names = pd.DataFrame(columns=list(source.table.columns))
    return Dataset(names, source.address, "", codebook, path)


def _where(dataset: Dataset) -> str:
    return str(dataset.path or dataset.address)


@dataclass(frozen=True, eq=False)
class OutOfCore:
    """All rows of an analysis set, which DuckDB or Spark holds: a `analysis.data.sample.Table`.

    Attributes
    ----------
    rows : int
    cells : ibis Table
        The typed columns of every row.
    keys : dict of str to str
        The name of each of the plan's columns in `cells`.
    products : Products
        Of the numeric columns as the equations use them.
    forms : dict of str to (column, transform)
        Of each score.
    """

    rows: int
    cells: ir.Table
    keys: dict[str, str]
    products: Products
    forms: dict[str, tuple[str, str]]

    def mean(self, column: str) -> float:
        return self.products.mean((column, "identity"))

    def spread(self, column: str) -> float:
        return self.products.spread(self.forms[column])

    def missing(self, column: str) -> int:
        return 0


# --- the selection --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Selection:
    """A plan, a table, and the steps from one to the other.

    A Parquet file knows the extremes of its columns and how many values are missing, but keeps
    quiet about NaN. So the rows are first selected as though there were none, mostly without a
    scan; where that leads to a fault, or the sums of products show a NaN, they are selected again,
    `careful`.
    """

    plan: Plan
    source: Source
    dataset: Dataset
    careful: bool = False

    def sample(self) -> Sample:
        """Return the analysis set, or raise every fault at once."""
        if not needs_rows(self.plan):
            try:
                found = self.attempt()
            except DataError:
                found = None
            if found is not None and found.out_of_core.products.is_finite:
                return found
        return replace(self, careful=True).attempt()

    def attempt(self) -> Sample:
        """Return the analysis set as far as NaN is looked for, or raise every fault."""
        faults: list[Fault] = []
        exclusions = self.filtered(faults)
        self.repeated(exclusions, faults)
        fields, known = self.fields()
        faults += [fault for field in fields for fault in self.cell_faults(field, known)]
        left, found = self.left_out(fields, known)
        exclusions |= found
        if sum(found.values()):
            known = probe(self.typed(fields, left), fields)
        faults += self.value_faults(fields, left, known)
        faults = faults or self.constant_faults(fields, known)
        if known["rows"] == 0 and not faults:
            counted = "; ".join(f"{reason}: {count}" for reason, count in exclusions.items())
            faults = [
                Fault("rows", f"none left ({counted})", "at least one row with every column known")
            ]
        if faults:
            raise DataError(_where(self.dataset), faults)
        return self.selected(fields, left, known, exclusions)

    # -- rows

    def base(self, *, numbered: bool = False) -> ir.Table:
        """Return the raw rows that pass every filter, on request with their spreadsheet row
        numbers.
        """
        table = (
            with_row_numbers(self.source, self.row_name, FIRST_ROW)
            if numbered
            else self.source.table
        )
        conditions = [passes(keep, table[keep.column]) for keep in self.plan.keep]
        return table.filter(*conditions) if conditions else table

    @property
    def row_name(self) -> str:
        """A name for row numbers that no column has, whatever its letters' case."""
        taken = {name.casefold() for name in self.source.table.columns}
        return next(
            name
            for name in (f"row{'_' * i}" for i in range(1, len(taken) + 2))
            if name not in taken
        )

    @property
    def has_order(self) -> bool:
        return self.source.engine == "duckdb"

    def filtered(self, faults: list[Fault]) -> dict[str, int]:
        """Return how many rows each filter left out, and collect cells that it cannot compare."""
        table, sums, left, doubts = self.source.table, {}, None, []
        for number, keep in enumerate(self.plan.keep):
            cells = table[keep.column]
            passed = passes(keep, cells)
            before, left = left, passed if left is None else left & passed
            sums[f"out{number}"] = (~passed if before is None else before & ~passed).sum()
            doubts += [
                (f"{what}{number}", number, what, bad) for what, bad in unreadable(keep, cells)
            ]
        found = aggregate(table, sums | {name: bad.sum() for name, _, _, bad in doubts})
        exclusions: dict[str, int] = {}
        for number, keep in enumerate(self.plan.keep):
            reason = f"not kept: {printable(keep.column)} {condition_text(keep)}"
            exclusions[reason] = exclusions.get(reason, 0) + count_of(found[f"out{number}"])
        for name, number, what, _ in doubts:
            if count_of(found[name]):
                faults.append(self._filter_fault(number, what, count_of(found[name])))
        return exclusions

    def _filter_fault(self, number: int, what: str, count: int) -> Fault:
        keep = self.plan.keep[number]
        place = f"[[keep]] no. {number + 1}, {printable(keep.column)}"
        said, allowed = {
            "number": ("not numeric", NUMBERS),
            "date": ("not readable as dates", DATES),
        }[what]

        def bad(table: ir.Table) -> ir.BooleanValue:
            return dict(unreadable(keep, table[keep.column]))[what]

        return self.quoted(place, keep.column, bad, count, said, allowed, whole=True)

    def repeated(self, exclusions: dict[str, int], faults: list[Fault]) -> None:
        """Refuse repeated row ids. Without an order of rows no one of them is the first."""
        name, plan = self.plan.row, self.plan
        if name is None or plan.duplicates == "keep":
            return
        table = self.base()
        ids = table.select(id=texts(table[name])).filter(lambda t: t.id.notnull())
        found = aggregate(ids, {"rows": ids.count(), "different": ids.id.nunique()})
        count = count_of(found["rows"]) - count_of(found["different"])
        if plan.duplicates == "first" and not count:
            exclusions[f"repeated {printable(name)}"] = 0
        if count:
            groups = (
                ids.group_by("id").aggregate(rows=lambda t: t.count()).filter(lambda t: t.rows > 1)
            )
            cells = groups.order_by("id").limit(8).to_pandas()["id"]
            said = listing([f"({printable(cell)})" for cell in cells])
            more = f" and {count - 8} more" if count > 8 else ""
            allowed = 'each value once, or duplicates = "keep" in the plan'
            if plan.duplicates == "refuse":
                seen = f"{count} repeated id{'s' if count > 1 else ''}: {said}{more}"
            else:
                seen = (
                    f'{count} repeated, and duplicates = "first": beyond memory rows have no order:'
                    f" {said}{more}"
                )
            faults.append(Fault(f'column "{printable(name)}" (row)', seen, allowed))

    # -- columns

    def fields(self) -> tuple[list[Field], dict[str, Any]]:
        """Return the plan's columns in the order in which missing values are counted, and what they
        hold.
        """
        kinds = {outcome.column: outcome.kind for outcome in self.plan.outcome}
        raw, fields = self.base(), []
        for number, (column, role) in enumerate(columns_of(self.plan).items()):
            entry = self.dataset.column(column)
            is_text = role in NAMES or (role == "control" and _is_text(raw, column, entry))
            fill = self.plan.missing == "zero" and column in kinds
            fields.append(
                Field(
                    column, role, f"c{number}", kinds.get(column, ""), is_text, False, fill, entry
                )
            )
        floating = [
            f
            for f in fields
            if self.careful and not f.is_text and raw[f.column].type().is_floating()
        ]
        nothing = aggregate(raw, {f.key: (raw[f.column] - raw[f.column]).sum() for f in floating})
        strange = {
            key for key, value in nothing.items() if value is None or value != value
        }  # a NaN or an infinity
        if strange:
            forget_extremes(raw)
        fields = [replace(field, has_nan=field.key in strange) for field in fields]
        known = probe(self.typed(fields, None), fields)
        return fields, known | self._unreadable_cells(fields, raw)

    def _unreadable_cells(self, fields: list[Field], raw: ir.Table) -> dict[str, int]:
        """Return how many cells of each numeric column hold text that is no number (or no
        level).
        """
        sums = {}
        for field in fields:
            coded = field.entry is not None and bool(field.entry.levels)
            if not field.is_text and (coded or not is_number(raw[field.column])):
                free = replace(field, fill=False)
                sums[f"bad_{field.key}"] = bad_cell(free, raw[field.column], "not numeric").sum()
        return aggregate(raw, sums)

    def typed(self, fields: list[Field], left: _Left | None, *, numbered: bool = False) -> ir.Table:
        """Return the typed columns of the rows that stay (of all that pass the filters without
        `left`).
        """
        raw = self.base(numbered=numbered)
        columns = {field.key: typed_value(field, raw[field.column]) for field in fields}
        table = raw.select(**columns, **({ROW: raw[self.row_name]} if numbered else {}))
        return (
            table.filter(*[~condition(table) for condition in left.conditions])
            if left and left.steps
            else table
        )

    def left_out(
        self, fields: list[Field], known: Mapping[str, Any]
    ) -> tuple[_Left, dict[str, int]]:
        """Return what excludes a row, in order, and how many rows each reason left out."""
        by_column = {field.column: field for field in fields}
        steps = [
            (f"negative {printable(o.column)}", by_column[o.column].key, "negative")
            for o in self.plan.outcome
            if o.negative == "exclude"
        ]
        steps += [
            (f"missing {printable(f.column)}", f.key, "missing")
            for f in fields
            if not f.fill and f.role not in BESIDE and known[f"n_{f.key}"] < known["rows"]
        ]
        table, before, sums = self.typed(fields, None), None, {}
        for number, (_, key, what) in enumerate(steps):
            condition = _leaves(table, key, what)
            sums[f"out{number}"] = (condition if before is None else condition & ~before).sum()
            before = condition if before is None else before | condition
        found = aggregate(table, sums)
        counts = {
            reason: count_of(found[f"out{number}"]) for number, (reason, _, _) in enumerate(steps)
        }
        kept = {
            reason: count
            for reason, count in counts.items()
            if count or reason.startswith("negative ")
        }
        return _Left(tuple((key, what) for reason, key, what in steps if counts[reason])), kept

    # -- faults

    def quoted(
        self,
        place: str,
        column: str,
        bad: Any,
        count: int,
        what: str,
        allowed: str,
        *,
        whole: bool = False,
    ) -> Fault:
        """Return one fault that quotes up to six raw cells, by row where the table has an order."""
        import ibis

        table = self.base(numbered=self.has_order)
        if whole and self.has_order:
            table = with_row_numbers(self.source, self.row_name, FIRST_ROW)
        row = table[self.row_name] if self.has_order else ibis.literal(0)
        shown = table.filter(bad(table)).select(row=row, text=texts(table[column]))
        cells = shown.order_by("row").limit(6).to_pandas()
        names = [
            (f"row {row} " if self.has_order else "") + f'"{printable(text, limit=30)}"'
            for row, text in zip(cells["row"], cells["text"], strict=True)
        ]
        more = f" and {count - 6} more" if count > 6 else ""
        noun = "cell is" if count == 1 else "cells are"
        return Fault(place, f"{count} {noun} {what}: {listing(names, limit=6)}{more}", allowed)

    def cell_faults(self, field: Field, known: Mapping[str, Any]) -> list[Fault]:
        """Return a fault for cells that are not numbers, infinite, or beyond what can be
        squared.
        """
        if field.is_text:
            return []
        allowed = (
            NUMBERS
            if not (field.entry and field.entry.levels)
            else "one of " + listing(field.entry.levels)
        )
        what = "not numeric" if allowed == NUMBERS else "no level of the codebook"
        unit = f"numbers between {SMALLEST:g} and {LARGEST:g} in size: choose another unit"
        free = replace(field, fill=False)
        low, high = known[f"low_{field.key}"], known[f"high_{field.key}"]
        size = max(abs(low), abs(high)) if known[f"n_{field.key}"] else 0.0
        doubts = (
            [("not numeric", what, allowed)] if count_of(known.get(f"bad_{field.key}", 0)) else []
        )
        doubts += [("infinite", "infinite", "finite numbers")] if math.isinf(size) else []
        doubts += [("too large", "too large", unit)] if size > LARGEST else []
        faults = []
        for name, said, wanted in doubts:

            def bad(table: ir.Table, name: str = name) -> ir.BooleanValue:
                return bad_cell(free, table[field.column], name)

            table = self.base()
            count = count_of(aggregate(table, {"bad": bad(table).sum()})["bad"])
            faults += (
                [self.quoted(field.place, field.column, bad, count, said, wanted)] if count else []
            )
        if 0 < size < SMALLEST:
            faults.append(Fault(field.place, f"no number above {size:g} in size", unit))
        return faults

    def value_faults(
        self, fields: list[Field], left: _Left, known: Mapping[str, Any]
    ) -> list[Fault]:
        """Return what the outcomes' kinds, the transforms and the codebook do not allow."""
        doubts = value_doubts(self.plan, fields, known)
        return [fault for doubt in doubts for fault in self._rows_fault(fields, left, *doubt)]

    def _rows_fault(
        self,
        fields: list[Field],
        left: _Left,
        field: Field,
        role: str,
        bad: Any,
        what: str,
        allowed: str,
    ) -> list[Fault]:
        table = self.typed(fields, left, numbered=self.has_order)
        rows = table.filter(bad(table[field.key]))
        count = count_of(rows.count().to_pandas())
        if not count:
            return []
        shown = rows.order_by(ROW) if self.has_order else rows
        cells = shown.limit(6).to_pandas()
        values = [f"({value:.10g})" for value in cells[field.key]]
        names = (
            [f"row {row} {v}" for row, v in zip(cells[ROW], values, strict=True)]
            if self.has_order
            else values
        )
        more = f" and {count - 6} more" if count > 6 else ""
        said = f"{count} {what} value{'s' if count > 1 else ''}"
        place = f'column "{printable(field.column)}" ({role})'
        return [Fault(place, f"{said}: {listing(names, limit=6)}{more}", allowed)]

    def constant_faults(self, fields: list[Field], known: Mapping[str, Any]) -> list[Fault]:
        by_column = {field.column: field.key for field in fields}
        faults = []
        for column, role in self.plan.roles():
            low, high = (
                known.get(f"low_{by_column[column]}"),
                known.get(f"high_{by_column[column]}"),
            )
            if role in ("score", "outcome") and known["rows"] > 1 and low == high:
                value = f"{low:g} in each of {known['rows']:,} rows"
                faults.append(
                    Fault(
                        f'column "{printable(column)}" ({role})',
                        value,
                        "at least two different values",
                    )
                )
        return faults

    # -- the result

    def selected(
        self, fields: list[Field], left: _Left, known: dict[str, Any], exclusions: dict[str, int]
    ) -> Sample:
        table = self.typed(fields, left)
        frame = self.drawn(fields, left, known["rows"])
        rowwise = needs_rows(self.plan)
        if rowwise:
            return self._sampled(frame, exclusions, known["rows"], rowwise)
        keys = {field.column: field.key for field in fields}
        products = products_of(self.plan, table, keys, frame)
        forms = {
            column: (column, self.plan.score.transform_of(column))
            for column in self.plan.score.columns
        }
        whole = OutOfCore(known["rows"], table, keys, products, forms)
        return Sample(
            self.plan, self.dataset, frame, exclusions, identical_rows=None, out_of_core=whole
        )

    def _sampled(
        self, frame: pd.DataFrame, exclusions: dict[str, int], rows: int, columns: list[str]
    ) -> Sample:
        """Return the seeded sample alone, for what no sum can answer; every estimate from it says
        so.
        """
        if rows == len(frame):
            return Sample(self.plan, self.dataset, frame, exclusions)
        reason = f"not in the seeded sample of {len(frame):,} rows"
        note = (
            f"a seeded sample of {len(frame):,} of {rows:,} rows, since {listing(columns)} needs"
            " them all at once"
        )
        return Sample(
            self.plan, self.dataset, frame, exclusions | {reason: rows - len(frame)}, note=note
        )

    def drawn(self, fields: list[Field], left: _Left, rows: int) -> pd.DataFrame:
        """Return a seeded sample of the analysis set, in order."""
        table, seed = self.typed(fields, left, numbered=self.has_order), self.plan.inference.seed
        if self.has_order:
            frame = by_row_number(table, ROW, seed, rows, SAMPLE_ROWS)
        else:
            frame = by_spark(table, seed, rows, SAMPLE_ROWS)
            frame.index += FIRST_ROW
        named = {
            field.column: frame[field.key].astype(object if field.is_text else float)
            for field in fields
        }
        return pd.DataFrame(named, index=frame.index.rename(None))


@dataclass(frozen=True)
class _Left:
    """Which rows stay: those without any of these (key, "missing" or "negative")."""

    steps: tuple[tuple[str, str], ...]

    @property
    def conditions(self) -> list[Any]:
        return [
            lambda table, key=key, what=what: _leaves(table, key, what) for key, what in self.steps
        ]


NUMBERS = "numbers, with a point for decimals"


def _leaves(table: ir.Table, key: str, what: str) -> ir.BooleanValue:
    return table[key].isnull() if what == "missing" else (table[key] < 0).fill_null(False)


def _is_text(raw: ir.Table, column: str, entry: CodebookColumn | None) -> bool:
    """As in memory: what the codebook says, or fewer than half of the known cells are numbers."""
    if entry is not None:
        return entry.type in ("text", "category", "date")
    if is_number(raw[column]):
        return False
    text = texts(raw[column])
    found = aggregate(raw, {"known": text.count(), "numbers": numbers(raw[column]).count()})
    return bool(found["known"]) and found["numbers"] < 0.5 * found["known"]


def needs_rows(plan: Plan) -> list[str]:
    """Return the columns whose transform (rank, spline) is no expression of one row."""
    sections = (plan.score, plan.engagement)
    return [
        column
        for section in sections
        for column in section.columns
        if section.transform_of(column) not in EXPRESSIBLE
    ]
