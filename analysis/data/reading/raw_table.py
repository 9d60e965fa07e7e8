"""A table as it was read, before any of its values is understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError, Fault, listing, printable

if TYPE_CHECKING:
    import pandas as pd

FIRST_ROW = 2
"""The spreadsheet number of the first row of data: the header is row 1."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table and how it was read.

    Attributes
    ----------
    frame : DataFrame
        Text stays text; other cells stay what they are.
    notes : tuple of str
        What was stated or detected about the file, each without a full stop.
    decimal : str
        The decimal mark of numbers in text cells.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    decimal: str = "."


def from_records(records: list[list[Any]], where: str, separator: str = "") -> pd.DataFrame:
    """Return the table whose first record is the header; with a `separator`, every cell is text.

    Raises
    ------
    DataError
        For unnamed columns and for rows whose number of cells differs from the header's.
    """
    import pandas as pd

    header, rows = [str(name) for name in records[0]] if records else [], records[1:]
    while rows and not any(str(cell).strip() for cell in rows[-1]):
        rows.pop()
    _check_shape(header, rows, where, separator)
    return pd.DataFrame(rows, columns=header, dtype=str if separator else object)


def _check_shape(header: list[str], rows: list[list[Any]], where: str, separator: str) -> None:
    """Refuse unnamed columns and rows whose number of cells differs from the header's."""
    others = [
        mark for mark in (";", "\t", ",", "|") if mark != separator and header and mark in header[0]
    ]
    if separator and len(header) == 1 and others:
        found = f"one column named {printable(header[0])}"
        allowed = (
            f'cells separated by "{printable(separator)}" (here they seem to be by'
            f' "{printable(others[0])}")'
        )
        raise DataError(where, [Fault("row 1 (header)", found, allowed)])
    faults = []
    unnamed = [str(place) for place, name in enumerate(header, 1) if not name.strip()]
    if unnamed or not header:
        found = f"no name in column {listing(unnamed)}" if header else "no column names"
        faults.append(Fault("row 1 (header)", found, "a name for every column"))
    same = set(map(len, rows)) <= {len(header)}
    wrong = (
        []
        if same
        else [number for number, row in enumerate(rows, FIRST_ROW) if len(row) != len(header)]
    )
    if wrong and header:
        lengths = sorted({len(rows[number - FIRST_ROW]) for number in wrong})
        found = (
            f"{listing(lengths)} cells in {len(wrong)} row{'s' if len(wrong) > 1 else ''}:"
            f" {listing(wrong)}"
        )
        faults.append(Fault("rows", found, f"{len(header)} cells, as in the header"))
    if faults:
        raise DataError(where, faults)
