"""A table as it was read, and its cells as text and as numbers; what is neither is quoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from analysis.errors import DataError, Fault, listing, printable, quoted

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A"})
"""Texts that mean "no value" in a text file."""

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
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    decimal: str = "."
    sha256: str = ""


def from_records(records: list[list[Any]], where: str, separator: str = "") -> pd.DataFrame:
    """Return the table whose first record is the header; with a `separator`, every cell is text.

    Raises
    ------
    DataError
        For unnamed columns and for rows whose number of cells differs from the header's.
    """
    header, rows = [str(name) for name in records[0]] if records else [], records[1:]
    while rows and not any(str(cell).strip() for cell in rows[-1]):
        rows.pop()
    others = [mark for mark in ";\t,|" if mark != separator and mark in "".join(header[:1])]
    if separator and len(header) == 1 and others:
        found = f"one column named {printable(header[0])}"
        allowed = f"cells separated by {quoted(separator)} (here they seem to be by"
        raise DataError(where, Fault("row 1 (header)", found, f"{allowed} {quoted(others[0])})"))
    faults = []
    unnamed = [place for place, name in enumerate(header, 1) if not name.strip()]
    if unnamed or not header:
        found = f"no name in column {listing(unnamed)}" if header else "no column names"
        faults.append(Fault("row 1 (header)", found, "a name for every column"))
    width = len(header)
    wrong = [number for number, row in enumerate(rows, FIRST_ROW) if len(row) != width]
    if wrong and header:
        widths = listing(sorted({len(rows[number - FIRST_ROW]) for number in wrong}))
        many = "s" if len(wrong) > 1 else ""
        found = f"{widths} cells in {len(wrong)} row{many}: {listing(wrong)}"
        faults.append(Fault("rows", found, f"{width} cells, as in the header"))
    if faults:
        raise DataError(where, faults)
    return pd.DataFrame(rows, columns=header, dtype=str if separator else object)


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
