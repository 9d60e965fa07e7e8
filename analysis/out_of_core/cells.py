"""A table out of core as expressions: cells as they are read in memory, and sums over them."""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.data.reading.cells import LARGEST, MISSING
from analysis.errors import column_place
from analysis.out_of_core.address import plain_words
from analysis.plan.codebook import CodebookColumn
from analysis.plan.sections.columns import KeepSection

if TYPE_CHECKING:
    import ibis.expr.types as ir

FUNCTIONS = {"identity": np.asarray, "log1p": np.log1p, "sqrt": np.sqrt}


EXPRESSIBLE = tuple(FUNCTIONS)
"""Transforms that need no other row."""


@dataclass(frozen=True)
class Field:
    """One column of the plan as it is read from the table.

    Attributes
    ----------
    column, role, key : str
        Its name in the data, what it is in the plan, and its name in the typed table.
    kind : str
        Of an outcome; empty otherwise.
    is_text : bool
        A cluster or a text control.
    has_nan : bool
        Its NaN are made missing values.
    fill : bool
        Missing values are zeros (`missing = "zero"`).
    level : str, float or bool, optional
        What counts as 1 in a binary outcome, where the plan says so.
    """

    column: str
    role: str
    key: str
    kind: str = ""
    is_text: bool = False
    has_nan: bool = False
    fill: bool = False
    entry: CodebookColumn | None = None
    level: str | float | bool | None = None

    @property
    def place(self) -> str:
        return column_place(self.column, self.role)


def transformed(values: ir.Value, how: str) -> ir.Value:
    """Return an expression under a transform of the plan that a database can compute."""
    if how == "log1p":  # ln(1 + x) with the rounding of 1 + x taken out (Kahan)
        import ibis

        above = values + 1.0
        return ibis.cases((above == 1.0, values), else_=above.ln() * (values / (above - 1.0)))
    return values.sqrt() if how == "sqrt" else values


def texts(cells: ir.Value) -> ir.StringValue:
    """Return cells as text without outer blanks; null where there is no value."""
    import ibis

    kind = cells.type()
    if kind.is_boolean():
        text = ibis.cases((cells, "True"), (~cells, "False"), else_=ibis.null("string"))
    elif kind.is_floating():
        whole = (cells % 1.0 == 0.0) & (cells.abs() < 2.0**53)
        text = ibis.cases(
            (cells.isnan(), ibis.null("string")),
            (whole, cells.try_cast("int64").cast("string")),
            else_=cells.cast("string"),
        )
    else:
        text = cells.cast("string").strip()
    return text.isin(sorted(MISSING)).ifelse(ibis.null("string"), text)


def numbers(cells: ir.Value, *, has_nan: bool = True) -> ir.FloatingValue:
    """Return cells as float64; null where there is no number."""
    kind = cells.type()
    if not kind.is_numeric() or kind.is_boolean():
        return _without_nan(texts(cells).try_cast("float64"))
    value = cells if kind.is_float64() else cells.cast("float64")
    return _without_nan(value) if has_nan and kind.is_floating() else value


def _without_nan(value: ir.FloatingValue) -> ir.FloatingValue:
    import ibis

    return value.isnan().ifelse(ibis.null("float64"), value)


def is_number(cells: ir.Value) -> bool:
    """Return whether a column holds numbers, not text and not truth values."""
    return cells.type().is_numeric() and not cells.type().is_boolean()


def typed_value(field: Field, cells: ir.Value) -> ir.Value:
    """Return a column of the plan as it is analysed: float64; clusters, text controls as text."""
    import ibis

    if field.is_text:
        return cells if cells.type().is_integer() and field.role == "cluster" else texts(cells)
    if field.level is not None:
        named = texts(cells) == str(field.level)
        if isinstance(field.level, (int, float)) and not isinstance(field.level, bool):
            named = named | (numbers(cells) == float(field.level))
        value = named.cast("float64")
    elif field.entry is not None and field.entry.levels:
        first = 0 if field.entry.type == "binary" else 1
        codes = [(level, float(code)) for code, level in enumerate(field.entry.levels, first)]
        value = texts(cells).cases(*codes, else_=ibis.null("float64"))
    elif field.kind == "binary" and not is_number(cells):
        text = texts(cells)
        value = numbers(text.lower().cases(("true", "1"), ("false", "0"), else_=text))
    else:
        value = numbers(cells, has_nan=field.has_nan)
    return value.fill_null(0.0) if field.fill else value


def passes(keep: KeepSection, cells: ir.Value) -> ir.BooleanValue:
    """Return whether a row satisfies a filter; a row without a value satisfies none."""
    text = texts(cells)
    passed = text.notnull()
    wanted = keep.among or (() if keep.equals is None else (keep.equals,))
    if wanted:
        passed = passed & reduce(operator.or_, (_equal(cells, value) for value in wanted))
    if keep.min is not None:
        passed = passed & (numbers(cells) >= float(keep.min))
    if keep.max is not None:
        passed = passed & (numbers(cells) <= float(keep.max))
    if keep.start is not None or keep.end is not None:
        first, last = keep.start or datetime.date.min, keep.end or datetime.date.max
        passed = passed & _days(text).between(first.isoformat(), last.isoformat())
    return passed.fill_null(False)


def _equal(cells: ir.Value, value: str | float | bool) -> ir.BooleanValue:
    if isinstance(value, bool):
        equal = texts(cells).lower().isin(["true", "1"] if value else ["false", "0"])
    elif isinstance(value, (int, float)):
        equal = numbers(cells) == float(value)
    else:
        equal = texts(cells) == value
    return equal.fill_null(False)


def _days(text: ir.StringValue) -> ir.StringValue:
    """Return the day of each date as "YYYY-MM-DD"; null where a cell holds no date."""
    import ibis

    day = text.substr(0, 10)
    readable = (
        text.re_search("^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$") & day.try_cast("date").notnull()
    )
    return readable.fill_null(False).ifelse(day, ibis.null("string"))


def unreadable(keep: KeepSection, cells: ir.Value) -> dict[str, ir.BooleanValue]:
    """Return what a filter cannot compare: cells that are no number, or no date."""
    bad, text = {}, texts(cells)
    if (keep.min is not None or keep.max is not None) and not is_number(cells):
        bad["number"] = text.notnull() & numbers(cells).isnull()
    if keep.start is not None or keep.end is not None:
        bad["date"] = text.notnull() & _days(text).isnull()
    return bad


def bad_cell(field: Field, cells: ir.Value, what: str) -> ir.BooleanValue:
    """Return whether a cell is infinite, too large, or no number."""
    value = typed_value(field, cells)
    if what == "infinite":
        return value.abs() == math.inf
    if what == "too large":
        return (value.abs() > LARGEST) & (value.abs() < math.inf)
    return texts(cells).notnull() & value.isnull()


# --- sums over all rows ---------------------------------------------------------------------------


def aggregate(table: ir.Table, expressions: Mapping[str, ir.Scalar]) -> dict[str, Any]:
    """Return sums over a table, by name, in one scan; the sum of no values is NaN.

    One row comes back. DuckDB hands it over as it is; elsewhere it passes through pandas, which
    takes longer to import than a scan of a million rows.
    """
    if not expressions:
        return {}
    asked, database = table.aggregate(**expressions), table.get_backend()
    with plain_words("the table"):
        if database.name != "duckdb":
            return asked.to_pandas().iloc[0].to_dict()
        (row,) = database.raw_sql(database.compile(asked)).fetchall()
    row = (np.float64("nan") if value is None else value for value in row)
    numbers = (np.float64(value) if isinstance(value, float) else value for value in row)
    return dict(zip(expressions, numbers, strict=True))


def sums_by_group(
    table: ir.Table, names: Sequence[str] = ()
) -> tuple[ir.Table, dict[str, ir.Scalar]]:
    """Return the sums of some columns for each value of ``g``, and expressions for the number of
    groups, of those with a label, and the rows of the smallest and the largest.
    """
    sums = {name: table[name].sum() for name in names}
    groups = table.group_by("g").aggregate(**sums, size=table.count())
    size = groups["size"]
    counts = {"groups": groups.count(), "labels": groups["g"].count()}
    return groups, counts | {"least": size.min(), "most": size.max()}


def count_of(value: Any) -> int:
    """Return a count; the sum of no rows is null."""
    return 0 if value is None or value != value else int(value)


def total_of(values: Iterable[ir.Value]) -> ir.Value:
    """Return the sum of expressions."""
    return reduce(operator.add, values)


def combination(table: ir.Table, weights: np.ndarray) -> ir.Value:
    """Return ``weights[0] + sum of weights[i] z_i``; columns of weight zero are not read."""
    import ibis

    constant, *slopes = map(float, weights)
    columns = ((table[f"z{i}"], slope) for i, slope in enumerate(slopes, 1) if slope)
    terms = [column if slope == 1.0 else column * slope for column, slope in columns]
    if not terms:
        return ibis.literal(constant)
    return total_of(terms) + constant if constant else total_of(terms)


def pair_sums(
    values: Sequence[ir.Value], prefix: str, others: Sequence[ir.Value] | None = None
) -> dict[str, ir.Scalar]:
    """Return the sums of products of pairs of columns, which `symmetric` puts together."""
    pairs = ((i, j) for i in range(len(values)) for j in range(i + 1))
    others = others or values
    return {f"{prefix}{i}_{j}": (values[i] * others[j]).sum() for i, j in pairs}


def symmetric(values: Mapping[str, Any], size: int, prefix: str) -> np.ndarray:
    """Return a symmetric matrix, shape (size, size), or one for each row of a frame, last."""
    places = [[(max(i, j), min(i, j)) for j in range(size)] for i in range(size)]
    return np.array([[values[f"{prefix}{i}_{j}"] for i, j in row] for row in places], dtype=float)


def cross_products(table: ir.Table, names: Sequence[str]) -> np.ndarray:
    """Return the cross products of a constant and some columns, in one scan."""
    return gram_of(aggregate(table, product_sums(table, names)), len(names))


def products_by_group(table: ir.Table, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of column ``g``, and the cross products in each group, the groups last."""
    with plain_words("the table"):
        groups = table.group_by("g").aggregate(**product_sums(table, names))
        frame = groups.order_by("g").to_pandas()
    return frame["g"].to_numpy(), gram_of(frame, len(names))


def turned_products(
    table: ir.Table, change: np.ndarray, more: Mapping[str, ir.Value] | None = None
) -> np.ndarray:
    """Return the cross products of the columns of ``[1, z] change``, the first of them 1."""
    turned = {f"q{j}": combination(table, column) for j, column in enumerate(change.T[1:])}
    turned |= more or {}
    return cross_products(table.select(**turned), list(turned))


def product_sums(table: ir.Table, names: Sequence[str]) -> dict[str, ir.Scalar]:
    """Return the expressions whose values `gram_of` puts together."""
    values = [table[name] for name in names]
    sums = {f"s{i}": value.sum() for i, value in enumerate(values)}
    return {"n": table.count()} | sums | pair_sums(values, "p")


def gram_of(values: Mapping[str, Any], size: int) -> np.ndarray:
    """Return the cross products, shape (size + 1, size + 1), the constant first; of each row of a
    frame, last.
    """
    gram = np.empty((size + 1, size + 1, *np.shape(values["n"])))
    gram[0, 0] = values["n"]
    gram[0, 1:] = gram[1:, 0] = [values[f"s{i}"] for i in range(size)]
    gram[1:, 1:] = symmetric(values, size, "p")
    return gram
