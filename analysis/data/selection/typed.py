"""The plan's columns as numbers or as names; what can be neither is a fault."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import (
    LARGEST,
    SMALLEST,
    holds_numbers,
    not_numbers,
    numbers_of,
    texts_of,
)
from analysis.data.reading.conversion import recognised
from analysis.data.selection.columns import NAMES, columns_of
from analysis.errors import Fault, listing, printable
from analysis.plan import Plan


def numeric_columns(plan: Plan, dataset: Dataset) -> dict[str, bool]:
    """Return the columns used as numbers; False for a control or a filter, whose cells may as well
    be text.
    """
    found = {}
    for keep in plan.keep:
        values = keep.among or (keep.equals,)
        bounded = keep.min is not None or keep.max is not None
        if bounded or any(
            isinstance(value, (int, float)) and not isinstance(value, bool) for value in values
        ):
            found[keep.column] = bounded
    for column, role in columns_of(plan).items():
        entry = dataset.column(column)
        coded = entry is not None and (entry.levels or entry.type in ("text", "category", "date"))
        if role not in NAMES and not coded:
            found[column] = role != "control"
    return found


def typed(plan: Plan, dataset: Dataset, rows: pd.Index, faults: list[Fault]) -> pd.DataFrame:
    """Return the plan's columns with numbers as float64 and text as str; collect what cannot be
    either.
    """
    columns = {}
    kinds = {outcome.column: outcome.kind for outcome in plan.outcome}
    for column, role in columns_of(plan).items():
        raw = dataset.frame.loc[rows, column]
        if role in NAMES or (role == "control" and _is_text(raw, dataset, column)):
            columns[column] = texts_of(raw).astype(object)
            _check_levels(raw, columns[column], dataset, column, role, faults)
        else:
            columns[column] = _numeric(raw, dataset, column, role, kinds.get(column), faults)
    return pd.DataFrame(columns, index=rows)


def _check_levels(
    raw: pd.Series, texts: pd.Series, dataset: Dataset, column: str, role: str, faults: list[Fault]
) -> None:
    """Refuse a text that is none of the levels its codebook lists."""
    entry = dataset.column(column)
    if entry is not None and entry.levels:
        bad = texts.notna() & ~texts.isin(entry.levels)
        not_numbers(
            raw,
            bad,
            f'column "{printable(column)}" ({role})',
            faults,
            what="no level of the codebook",
            allowed="one of " + listing(entry.levels),
        )


def _is_text(raw: pd.Series, dataset: Dataset, column: str) -> bool:
    """A control is text when its codebook says so, or when fewer than half of its cells are
    numbers.
    """
    entry = dataset.column(column)
    if entry is not None:
        return entry.type in ("text", "category", "date")
    if holds_numbers(raw):
        return False
    known = texts_of(raw).notna().sum()
    return bool(known) and numbers_of(raw).notna().sum() < 0.5 * known


def _numeric(
    raw: pd.Series, dataset: Dataset, column: str, role: str, kind: str | None, faults: list[Fault]
) -> pd.Series:
    """Return a column as float64; levels of the codebook are coded, cells that are not numbers are
    faults.
    """
    place = f'column "{printable(column)}" ({role})'
    entry = dataset.column(column)
    if entry is not None and entry.levels:
        start = 0 if entry.type == "binary" else 1
        codes = {level: float(code) for code, level in enumerate(entry.levels, start)}
        texts = texts_of(raw)
        numbers = texts.map(codes).astype(float)
        not_numbers(
            raw,
            numbers.isna() & texts.notna(),
            place,
            faults,
            what="no level of the codebook",
            allowed="one of " + listing(entry.levels),
        )
        return numbers
    cells = raw if holds_numbers(raw) else texts_of(raw)
    if kind == "binary" and cells is not raw:
        cells = cells.map(
            lambda text: {"true": "1", "false": "0"}.get(text.casefold(), text), na_action="ignore"
        )
    numbers = numbers_of(cells)
    odd = numbers.isna() & cells.notna()
    hint = recognised(cells[odd].unique().tolist(), column) if odd.any() else ""
    if odd.any() and not hint and entry is not None and role == "control":
        says = f'{dataset.type_line(column)} says type = "{entry.type}"'
        hint = f'{says[0].upper()}{says[1:]}: type = "category" there takes the cells as text'
    not_numbers(raw, odd, place, faults, hint=hint)
    not_numbers(raw, np.isinf(numbers), place, faults, what="infinite", allowed="finite numbers")
    _extreme(raw, numbers, place, faults)
    return numbers.where(np.isfinite(numbers))


def _extreme(raw: pd.Series, numbers: pd.Series, place: str, faults: list[Fault]) -> None:
    """Refuse what double precision cannot square: a cell that is too large, a column that is all
    but zero.
    """
    size = numbers.abs()
    allowed = f"numbers between {SMALLEST:g} and {LARGEST:g} in size: choose another unit"
    not_numbers(
        raw, (size > LARGEST) & np.isfinite(size), place, faults, what="too large", allowed=allowed
    )
    if 0 < size.max() < SMALLEST:
        faults.append(Fault(place, f"no number above {size.max():g} in size", allowed))
