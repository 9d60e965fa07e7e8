"""Single cells as text and as numbers, and how those that are neither are quoted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.dataset import MISSING
from analysis.errors import Fault, listing, printable

LARGEST, SMALLEST = 1e100, 1e-100
"""Numbers beyond these cannot be squared and summed in double precision."""


def holds_numbers(raw: pd.Series) -> bool:
    """Return whether a column's type is that of real numbers (not text, dates, booleans or complex
    numbers).
    """
    kind = raw.dtype
    types = pd.api.types
    return (
        types.is_numeric_dtype(kind)
        and not types.is_bool_dtype(kind)
        and not types.is_complex_dtype(kind)
    )


def texts_of(raw: pd.Series) -> pd.Series:
    """Return the cells as a csv file would hold them, without outer blanks; None where there is no
    value.
    """
    if isinstance(raw.dtype, pd.StringDtype):
        texts = raw.str.strip()
    else:
        cells = [None if _is_nothing(cell) else _text(cell) for cell in raw]
        texts = pd.Series(cells, index=raw.index, dtype=object)
    return texts.where(texts.notna() & ~texts.isin(MISSING), None)


def _is_nothing(cell: object) -> bool:
    return (
        cell is None or cell is pd.NA or cell is pd.NaT or cell != cell
        if pd.api.types.is_scalar(cell)
        else False
    )


def _text(cell: object) -> str:
    """Return one cell as text; a whole number has no decimal point, whatever type carries it."""
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return (repr(float(cell)) if isinstance(cell, np.floating) else _written(cell)).strip()


def _written(cell: object) -> str:
    try:
        return str(cell)
    except ValueError:  # an integer of more than 4,300 digits
        return printable(cell)


def numbers_of(raw: pd.Series) -> pd.Series:
    """Return the cells as float64, NaN where there is no value or no number."""
    if holds_numbers(raw):
        return raw.astype(pd.Float64Dtype()).astype(float) if raw.hasnans else raw.astype(float)
    return pd.to_numeric(texts_of(raw).astype(object), errors="coerce").astype(float)


def not_numbers(
    raw: pd.Series,
    bad: pd.Series,
    place: str,
    faults: list[Fault],
    *,
    what: str = "not numeric",
    allowed: str = "numbers, with a point for decimals",
    hint: str = "",
) -> None:
    """Add one fault that quotes the cells at fault by spreadsheet row."""
    if bad.any():
        rows = raw.index[bad.to_numpy()]
        texts = texts_of(raw.loc[rows[:6]])
        cells = listing(
            [f'row {row} "{printable(text, limit=30)}"' for row, text in texts.items()], limit=6
        )
        more = f" and {len(rows) - 6} more" if len(rows) > 6 else ""
        noun = "cell is" if len(rows) == 1 else "cells are"
        faults.append(Fault(place, f"{len(rows)} {noun} {what}: {cells}{more}", allowed, hint))
