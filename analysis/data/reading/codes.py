"""What stands for a missing value: words and numbers that `[reading] missing_values` declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from pandas.api import types

from analysis.data.reading.cells import holds_numbers, texts_of
from analysis.errors import Fault, listing, printable, quoted, unknown

if TYPE_CHECKING:
    from analysis.plan.codebook import Codes, ReadingSection


def declared(reading: ReadingSection, names: list[str]) -> dict[str, Codes]:
    """Return {column: what stands for a missing value in it}; empty where nothing is declared."""
    stated = reading.missing_values
    if isinstance(stated, Mapping):
        return {name: tuple(codes) for name, codes in stated.items() if codes}
    return {name: stated for name in names} if stated else {}


def unknown_columns(reading: ReadingSection, names: list[str]) -> list[Fault]:
    """Return a fault for each column of `missing_values` that the data do not have."""
    stated = reading.missing_values
    return [
        unknown(f"[reading] missing_values, {quoted(name)}", "no such column", name, names)
        for name in (stated if isinstance(stated, Mapping) else ())
        if name not in names
    ]


def numbers_among(codes: Codes) -> set[float]:
    """Return the codes that are numbers, be they written as text or not.

    >>> sorted(numbers_among(("n/d", -999.0, "9999")))
    [-999.0, 9999.0]
    """
    values = pd.to_numeric(pd.Series(codes, dtype=object), errors="coerce").astype(float)
    return set(values.dropna())


def stands_for_missing(cells: pd.Series, codes: Codes, decimal: str) -> pd.Series:
    """Return which cells are one of the codes, as a text or as the number that they hold."""
    numbers = numbers_among(codes)
    if holds_numbers(cells):
        return cells.isin(numbers).fillna(False).astype(bool)
    texts = texts_of(cells).astype(object)
    words = {str(code).strip() for code in codes if isinstance(code, str)}
    found = texts.isin(words) | texts.str.removesuffix(" 00:00:00").isin(words)
    if numbers and not types.is_bool_dtype(cells.dtype):
        plain = texts.str.replace(decimal, ".", regex=False)
        found |= pd.to_numeric(plain, errors="coerce").isin(numbers)
    return found.fillna(False).astype(bool)


def without_codes(
    frame: pd.DataFrame, codes: Mapping[str, Codes], decimal: str
) -> tuple[pd.DataFrame, str]:
    """Return the table with a gap where a code stood, and which columns had one, for a note."""
    gaps = {name: stands_for_missing(frame[name], codes[name], decimal) for name in codes}
    held = [name for name in frame.columns if name in gaps and gaps[name].any()]
    shown = listing(
        [
            repr(code) if isinstance(code, str) else f"{code:.15g}"
            for code in {code: None for column in codes.values() for code in column}
        ]
    )
    where = f"in {listing([printable(name, limit=60) for name in held])}" if held else "in no cell"
    emptied = {name: _emptied(frame[name], gaps[name]) for name in held}
    return frame.assign(**emptied), f"missing where a cell is {shown}, as stated: found {where}"


def _emptied(cells: pd.Series, gaps: pd.Series) -> pd.Series:
    if isinstance(cells.dtype, pd.CategoricalDtype):
        kept = cells.where(~gaps)
        return kept.cat.remove_unused_categories()
    plain = cells.dtype == object or isinstance(cells.dtype, pd.StringDtype)
    return cells.where(~gaps, None) if plain else cells.where(~gaps)
