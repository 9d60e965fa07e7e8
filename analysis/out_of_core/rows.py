"""The analysis set of a table out of core: the same filters, exclusions and refusals, as sums."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.data.dataset import Dataset, check_hash
from analysis.data.reading.cells import FIRST_ROW
from analysis.data.reading.labels import parquet_categories
from analysis.data.sample import Sample
from analysis.data.selection.columns import BESIDE, NAMES, columns_of, require_columns
from analysis.data.selection.exclusions import DATES, condition_text, repeated_reason
from analysis.errors import DataError, Fault, PlanError, listing, printable
from analysis.out_of_core.address import (
    Source,
    forget_extremes,
    open_source,
    plain_words,
)
from analysis.out_of_core.basis import Products, products_of
from analysis.out_of_core.cells import (
    EXPRESSIBLE,
    Field,
    aggregate,
    count_of,
    is_number,
    numbers,
    passes,
    texts,
    unreadable,
)
from analysis.out_of_core.selection import (
    NUMBERS,
    ROW,
    Cells,
    Step,
    constant_faults,
    draw_by_row_number,
    draw_by_spark,
    first_reasons,
    leaves,
    probe,
    unreadable_cells,
)
from analysis.plan import Plan
from analysis.plan.codebook import CodebookColumn, read_codebook
from analysis.plan.sections.columns import KeepSection

if TYPE_CHECKING:
    import ibis.expr.types as ir

SAMPLE_ROWS = 200_000
"""Rows of the seeded sample: what figures show, where iterations start, what splines, ranks and
halves are fitted to, and of which the rule asks what no sum answers.
"""


def refuse_reading(plan: Plan) -> None:
    """Refuse what a plan says of single cells and of text files: only plain tables are read."""
    tables = {"[reading]": plan.reading.model_fields_set, "[columns]": plan.columns}
    allowed = (
        "leave it out: beyond memory, numbers and dates are read as they stand; codes for no value"
        " become gaps in a view of the database, by nullif(age, 999)"
    )
    faults = [Fault(key, "a table beyond memory", allowed) for key, said in tables.items() if said]
    if faults:
        raise DataError(plan.dataset, faults)


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
    with ThreadPoolExecutor(1) as beside, plain_words(where):  # hashed while it is scanned
        digest = beside.submit(lambda: source.sha256)
        rows = int(source.table.count().to_pandas())
        if rows == 0:
            allowed = "a header and at least one row"
            raise DataError(where, Fault("the whole file", "no rows of data", allowed))
        sample = _Selection(plan, source, replace(dataset, total=rows)).sample()
        dataset = replace(sample.dataset, sha256=digest.result())
    check_hash(dataset)
    return replace(sample, dataset=dataset)


def _refuse_what_needs_rows(plan: Plan) -> None:
    """Refuse halves from a long file and the net return, which need the rows."""
    faults = []
    if plan.engagement.long is not None:
        allowed = "two columns of halves in the table, or a table that fits into memory"
        faults = [Fault("[engagement] long", "a table beyond memory", allowed)]
    for outcome in plan.outcome:
        if outcome.kind == "roi":
            place = f'[[outcome]] "{printable(outcome.column)}"'
            faults.append(Fault(place, 'kind = "roi"', "a table that fits into memory"))
    if faults:
        raise PlanError(str(plan.path or "the plan"), faults)


def _described(source: Source) -> Dataset:
    """Return what is known of the table before a row is looked at."""
    path = source.files[0] if len(source.files) == 1 else None
    codebook = read_codebook(path.with_suffix(".toml")) if path else None
    names = pd.DataFrame(columns=list(source.table.columns))
    levels: dict[str, dict[str, str]] = {name: {} for name in _categories(source)}
    return Dataset(names, source.address, "", codebook, path, levels=levels)


def _categories(source: Source) -> list[str]:
    """Return the columns that pandas wrote as categories, whatever type the files store."""
    if not source.files or source.files[0].suffix.lower() != ".parquet":
        return []
    from pyarrow import parquet

    return parquet_categories(parquet.read_schema(source.files[0]).metadata)


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
class _Selection(Cells):
    """A plan, a table, and the steps from one to the other.

    A Parquet file knows the extremes of its columns and how many values are missing, but keeps
    quiet about NaN. So the rows are first selected as though there were none, mostly without a
    scan; where that leads to a fault, or the sums of products show a NaN, they are selected again,
    `careful`.
    """

    dataset: Dataset
    careful: bool = False

    def sample(self) -> Sample:
        """Return the analysis set, or raise every fault at once."""
        if not needs_rows(self.plan):
            try:
                sample = self.attempt()
            except DataError:
                sample = None
            if sample is not None and sample.out_of_core.products.is_finite:
                return sample
        return replace(self, careful=True).attempt()

    def attempt(self) -> Sample:
        """Return the analysis set as far as NaN is looked for, or raise every fault."""
        faults: list[Fault] = []
        exclusions = self.left_by_filters(faults)
        self.refuse_repeated(exclusions, faults)
        fields, known = self.fields()
        for field in fields:
            faults += self.cell_faults(field, known)
        steps, counts = self.left_out(fields, known)
        exclusions |= counts
        if sum(counts.values()):
            known = probe(self.typed(fields, steps), fields)
        faults += self.value_faults(fields, steps, known)
        faults = faults or list(constant_faults(self.plan, fields, known))
        if known["rows"] == 0 and not faults:
            counted = "; ".join(f"{reason}: {count}" for reason, count in exclusions.items())
            allowed = "at least one row with every column known"
            faults = [Fault("rows", f"none left ({counted})", allowed)]
        if faults:
            raise DataError(_where(self.dataset), faults)
        return self.selected(fields, steps, known, exclusions)

    # -- rows

    def left_by_filters(self, faults: list[Fault]) -> dict[str, int]:
        """Return how many rows each filter left out, and collect cells that it cannot compare."""
        table, filters = self.source.table, list(enumerate(self.plan.keep))
        conditions = (~passes(keep, table[keep.column]) for _, keep in filters)
        sums = {f"out{number}": total for number, total in enumerate(first_reasons(conditions))}
        for number, keep in filters:
            strange = unreadable(keep, table[keep.column])
            sums |= {f"{what}{number}": bad.sum() for what, bad in strange.items()}
        values = {name: count_of(value) for name, value in aggregate(table, sums).items()}
        exclusions: dict[str, int] = {}
        words = {"number": ("not numeric", NUMBERS), "date": ("not readable as dates", DATES)}
        for number, keep in filters:
            reason = f"not kept: {printable(keep.column)} {condition_text(keep)}"
            exclusions[reason] = exclusions.get(reason, 0) + values[f"out{number}"]
            place = f"[[keep]] no. {number + 1}, {printable(keep.column)}"
            for what, (fault, allowed) in words.items():
                count, bad = values.get(f"{what}{number}"), partial(_unreadable, keep, what)
                if count:
                    asked = (place, keep.column, bad, count, fault, allowed)
                    faults.append(self.quoted(*asked, filtered=False))
        return exclusions

    def refuse_repeated(self, exclusions: dict[str, int], faults: list[Fault]) -> None:
        """Refuse repeated row ids. Without an order of rows no one of them is the first."""
        name, plan = self.plan.row, self.plan
        if name is None or plan.duplicates == "keep":
            return
        table = self.raw()
        ids = table.select(id=texts(table[name])).filter(lambda t: t.id.notnull())
        found = aggregate(ids, {"rows": ids.count(), "different": ids.id.nunique()})
        count = count_of(found["rows"]) - count_of(found["different"])
        if not count:
            exclusions |= {repeated_reason(plan): 0} if plan.duplicates == "first" else {}
            return
        groups = ids.group_by("id").aggregate(rows=lambda t: t.count())
        cells = groups.filter(lambda t: t.rows > 1).order_by("id").limit(8).to_pandas()["id"]
        cited = listing([f"({printable(cell)})" for cell in cells])
        cited += f" and {count - 8} more" if count > 8 else ""
        seen = f"{count} repeated id{'s' if count > 1 else ''}: {cited}"
        if plan.duplicates == "first":
            why = 'duplicates = "first": beyond memory rows have no order'
            seen = f"{count} repeated, and {why}: {cited}"
        allowed = 'each value once, or duplicates = "keep" in the plan'
        faults.append(Fault(f'column "{printable(name)}" (row)', seen, allowed))

    # -- columns

    def fields(self) -> tuple[list[Field], dict[str, Any]]:
        """Return the plan's columns in the order in which missing values are counted, and what they
        hold.
        """
        kinds = {outcome.column: outcome.kind for outcome in self.plan.outcome}
        raw, fields = self.raw(), []
        for number, (column, role) in enumerate(columns_of(self.plan).items()):
            entry = self.dataset.column(column)
            categories = {*self.plan.controls.categories}
            categories |= set() if entry is not None else {*self.dataset.levels}
            is_text = role in NAMES or (role == "control" and column in categories)
            is_text = is_text or (role == "control" and _is_text(raw, column, entry))
            kind, fill = kinds.get(column, ""), self.plan.missing == "zero" and column in kinds
            level = self.plan.outcomes[column].level if kind else None
            fields.append(
                Field(column, role, f"c{number}", kind, is_text, False, fill, entry, level)
            )
        numeric = (f for f in fields if self.careful and not f.is_text)
        floating = [f for f in numeric if raw[f.column].type().is_floating()]
        nothing = aggregate(raw, {f.key: (raw[f.column] - raw[f.column]).sum() for f in floating})
        strange = {key for key, value in nothing.items() if value is None or value != value}
        if strange:  # columns with a NaN or an infinity
            forget_extremes(raw)
        fields = [replace(field, has_nan=field.key in strange) for field in fields]
        return fields, probe(self.typed(fields), fields) | unreadable_cells(raw, fields)

    def left_out(
        self, fields: list[Field], known: dict[str, Any]
    ) -> tuple[tuple[Step, ...], dict[str, int]]:
        """Return what excludes a row, in order, and how many rows each reason left out."""
        keys = {field.column: field.key for field in fields}
        negative = [o.column for o in self.plan.outcome if o.negative == "exclude"]
        steps = [(f"negative {printable(c)}", keys[c], "negative") for c in negative]
        for f in fields:
            lacks = known[f"n_{f.key}"] < known["rows"]
            if lacks and not f.fill and f.role not in BESIDE:
                steps.append((f"missing {printable(f.column)}", f.key, "missing"))
        table = self.typed(fields)
        sums = first_reasons(leaves(table, key, what) for _, key, what in steps)
        found = aggregate(table, {f"out{number}": total for number, total in enumerate(sums)})
        counts: dict[str, int] = {}
        for (reason, _, _), value in zip(steps, found.values(), strict=True):
            counts[reason] = count_of(value)
        kept = {r: count for r, count in counts.items() if count or r.startswith("negative ")}
        return tuple((key, what) for reason, key, what in steps if counts[reason]), kept

    # -- the result

    def selected(
        self,
        fields: list[Field],
        steps: tuple[Step, ...],
        known: dict[str, Any],
        exclusions: dict[str, int],
    ) -> Sample:
        plan, rows = self.plan, known["rows"]
        frame, rowwise = self.drawn(fields, steps, rows), needs_rows(plan)
        if rowwise and rows == len(frame):
            return Sample(plan, self.dataset, frame, exclusions)
        if rowwise:  # the seeded sample alone, of which every estimate says so
            drawn = f"seeded sample of {len(frame):,}"
            exclusions = exclusions | {f"not in the {drawn} rows": rows - len(frame)}
            note = f"a {drawn} of {rows:,} rows, since {listing(rowwise)} needs them all at once"
            return Sample(plan, self.dataset, frame, exclusions, note=note)
        table, keys = self.typed(fields, steps), {field.column: field.key for field in fields}
        products = products_of(plan, table, keys, frame)
        forms = {column: (column, plan.score.transform_of(column)) for column in plan.score.columns}
        every = OutOfCore(rows, table, keys, products, forms)
        return Sample(plan, self.dataset, frame, exclusions, identical_rows=None, out_of_core=every)

    def drawn(self, fields: list[Field], steps: tuple[Step, ...], rows: int) -> pd.DataFrame:
        """Return a seeded sample of the analysis set, in order."""
        table = self.typed(fields, steps, numbered=self.has_order)
        seed = self.plan.inference.seed
        if self.has_order:
            frame = draw_by_row_number(table, ROW, seed, rows, SAMPLE_ROWS)
        else:
            frame = draw_by_spark(table, seed, rows, SAMPLE_ROWS)
            frame.index += FIRST_ROW
        types = {field.column: object if field.is_text else float for field in fields}
        named = {field.column: frame[field.key].astype(types[field.column]) for field in fields}
        return pd.DataFrame(named, index=frame.index.rename(None))


def _unreadable(keep: KeepSection, what: str, cells: ir.Value) -> ir.BooleanValue:
    return unreadable(keep, cells)[what]


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
    """Return the columns whose transform (rank, spline) is no expression of one row, and those that
    are given as halves.
    """
    parts = plan.score, plan.engagement
    return [
        column
        for part in parts
        for column in part.columns
        if part.transform_of(column) not in EXPRESSIBLE or column in part.halves
    ]
