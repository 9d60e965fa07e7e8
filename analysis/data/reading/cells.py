"""Cells as text and as numbers, and the table that a reader makes of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from analysis.data.reading.headers import named
from analysis.errors import DataError, Fault, printable, quoted

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
"""Texts that mean "no value" in a text file."""

NEVER = " (never calculated)"
"""What stands behind a formula of which a workbook stores no value."""

ERRORS = re.compile(
    r"#[\u00a1\u00bf]?[A-Z\u00c0-\u00dc][A-Z\u00c0-\u00dc/0_]*[!?]|#N/A|#NV|#N/D|#####*|Err:\d{3}|=.*"
    + re.escape(NEVER),
    re.DOTALL,
)
"""What a spreadsheet shows in place of a value, in any language: neither a gap nor a zero."""

FIRST_ROW = 2
"""The spreadsheet number of the first row of data: the header is row 1."""

LARGEST, SMALLEST = 1e100, 1e-100
"""Numbers beyond these cannot be squared and summed in double precision."""

QUOTED = 6
"""Cells at fault that a message quotes."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table and how it was read, before any of its values is understood.

    Attributes
    ----------
    frame : DataFrame
        Text stays text; other cells stay what they are.
    notes : tuple of str
        What was stated or detected about the file, each without a full stop.
    decimal : str
        The decimal mark of numbers in text cells.
    sha256 : str
        Of the file's bytes; empty for a database's answer.
    levels : dict of str to dict
        Of each column that the file calls a category: its cells and their labels.
    single : dict of str to dict
        Of each column of numbers in which the file names some: these cells and their labels.
    meanings : dict of str to str
        What the file says that a column means.
    numbered : bool
        Whether the frame's index has the rows' numbers in a spreadsheet.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    decimal: str = "."
    sha256: str = ""
    levels: dict[str, dict[str, str]] = field(default_factory=dict)
    single: dict[str, dict[str, str]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    numbered: bool = False


class TableError(DataError):
    """What is wrong with a table, for those who know its address: see `located`."""

    def __init__(self, *faults: Any):
        super().__init__("", *faults)


@contextlib.contextmanager
def located(where: object) -> Iterator[None]:
    """Say in the error of a table which address it has."""
    try:
        yield
    except TableError as error:
        raise DataError(where, error.faults) from None


def from_records(
    records: Sequence[Sequence[Any]], separator: str = "", *, at: int = 0, line: int = 1
) -> RawTable:
    """Return the table whose names one of the records has; with a `separator`, all cells are text.

    Parameters
    ----------
    records : sequence of sequences
    separator : str
        The mark between cells of a text file.
    at : int
        Where the names stand among the records.
    line : int
        The spreadsheet number of the first record.

    Raises
    ------
    TableError
        For columns without names and for rows whose number of cells differs from the header's.
    """
    header = [str(name) for name in records[at]] if at < len(records) else []
    others = [mark for mark in ";\t,|" if mark != separator and mark in "".join(header[:1])]
    if separator and len(header) == 1 and others:
        found = f"one column named {printable(header[0])}"
        allowed = f"cells separated by {quoted(separator)} (here they seem to be by"
        raise TableError(f"row {line + at} (header)", found, f"{allowed} {quoted(others[0])})")
    table, faults = named(records, at, line=line)
    if table is None:
        raise TableError(faults)
    numbers = table.numbers
    index = pd.RangeIndex(numbers) if isinstance(numbers, range) else pd.Index(numbers)
    kind = str if separator else object
    frame = pd.DataFrame(table.rows, columns=table.names, dtype=kind, index=index)
    return RawTable(frame, table.notes, numbered=True)


def holds_numbers(raw: pd.Series) -> bool:
    """Return whether a column's type is that of real numbers: no text, dates, booleans, complex."""
    kind = raw.dtype
    other = types.is_bool_dtype(kind) or types.is_complex_dtype(kind)
    return types.is_numeric_dtype(kind) and not other


def texts_of(raw: pd.Series) -> pd.Series:
    """Return the cells as a csv file would hold them, without outer blanks; None for no value."""
    if isinstance(raw.dtype, pd.StringDtype):
        texts = raw.str.strip()
    else:
        texts = pd.Series(list(map(_text, raw)), index=raw.index, dtype=object)
    return texts.where(texts.notna() & ~texts.isin(MISSING), None)


def _text(cell: Any) -> str | None:
    """Return one cell as text; a whole number has no decimal point, whatever type carries it."""
    if types.is_scalar(cell) and (cell is None or cell is pd.NA or cell is pd.NaT or cell != cell):
        return None
    if isinstance(cell, (float, np.floating)):
        whole = float(cell).is_integer() and abs(cell) < 2**53
        return str(int(cell)) if whole else repr(float(cell))
    try:
        return str(cell).strip()
    except ValueError:  # an integer of more than 4,300 digits
        return printable(cell)


def numbers_of(raw: pd.Series) -> pd.Series:
    """Return the cells as float64, NaN where there is no value or no number."""
    if holds_numbers(raw):
        return raw.astype(pd.Float64Dtype()).astype(float) if raw.hasnans else raw.astype(float)
    return pd.to_numeric(texts_of(raw).astype(object), errors="coerce").astype(float)


def equal_cells(raw: pd.Series, texts: pd.Series, value: str | float | bool) -> np.ndarray:
    """Return which cells equal a plan's value: as numbers, as true or false, or as text."""
    if isinstance(value, bool):
        return texts.str.casefold().isin(("true", "1") if value else ("false", "0")).to_numpy()
    if isinstance(value, (int, float)):
        return (numbers_of(raw) == value).to_numpy()
    return (texts == value).fillna(False).to_numpy(dtype=bool)


def some_rows(rows: pd.Index, shown: list[str]) -> str:
    """Return the first cells at fault by spreadsheet row, and how many more there are."""
    cells = [f"row {row} {cell}" for row, cell in zip(rows, shown, strict=False)]
    more = f" and {len(rows) - QUOTED} more" if len(rows) > QUOTED else ""
    return ", ".join(cells) + more


def odd_cells(
    raw: pd.Series,
    bad: pd.Series,
    place: str,
    *,
    what: str = "not numeric",
    allowed: str = "numbers, with a point for decimals",
    hint: str = "",
) -> list[Fault]:
    """Return one fault that quotes the cells at fault by spreadsheet row; none where none is."""
    rows = raw.index[bad.to_numpy()]
    if not len(rows):
        return []
    shown = [quoted(text, limit=30) for text in texts_of(raw.loc[rows[:QUOTED]])]
    noun = "cell is" if len(rows) == 1 else "cells are"
    return [Fault(place, f"{len(rows)} {noun} {what}: {some_rows(rows, shown)}", allowed, hint)]
