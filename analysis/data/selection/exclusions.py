"""Which rows are analysed: those that pass every `[[keep]]`, are no repeats and have no gaps."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import equal_cells, numbers_of, odd_cells, texts_of
from analysis.data.reading.conversion import days_recognised, recognised
from analysis.data.selection.columns import error_cells
from analysis.errors import Fault, column_place, listing, printable
from analysis.plan import Plan
from analysis.plan.sections.columns import KeepSection

DATES = "dates as YYYY-MM-DD, with or without a time"


def apply_filters(
    plan: Plan, dataset: Dataset, faults: list[Fault]
) -> tuple[pd.Index, dict[str, int]]:
    """Return the row numbers that pass every `[[keep]]`, and how many each one left out."""
    rows = dataset.frame.index
    exclusions: dict[str, int] = {}
    for number, keep in enumerate(plan.keep, 1):
        left = rows[_passes(keep, dataset, number, faults).loc[rows].to_numpy()]
        reason = f"not kept: {printable(keep.column)} {condition_text(keep)}"
        exclusions[reason] = exclusions.get(reason, 0) + len(rows) - len(left)
        rows = left
    return rows, exclusions


def condition_text(keep: KeepSection) -> str:
    """Return a filter in words, such as "min 3, max 10"."""
    given = keep.model_dump(by_alias=True, exclude_none=True, exclude={"column"}, mode="json")
    return ", ".join(f"{word} {_shown(value)}" for word, value in given.items())


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else printable(value)


def _passes(keep: KeepSection, dataset: Dataset, number: int, faults: list[Fault]) -> pd.Series:
    """Return which rows satisfy one filter; a row without a value satisfies none."""
    raw = dataset.frame[keep.column]
    texts, labels = texts_of(raw), dataset.levels.get(keep.column, {})
    known = texts.notna()
    passes = known.copy()
    place = f"[[keep]] no. {number}, {printable(keep.column)}"
    faults += error_cells(texts, place)
    wanted = keep.among or (() if keep.equals is None else (keep.equals,))
    if wanted:
        named = texts.map(lambda cell: labels.get(cell, cell), na_action="ignore")
        passes &= np.logical_or.reduce(
            [equal_cells(raw, texts, value) | equal_cells(raw, named, value) for value in wanted]
        )
    if keep.min is not None or keep.max is not None:
        numbers = numbers_of(raw)
        odd = known & numbers.isna()
        hint = recognised(texts[odd].unique().tolist(), keep.column)
        faults += odd_cells(raw, odd, place, hint=hint)
        low, high = -np.inf if keep.min is None else keep.min, np.inf
        passes &= numbers.between(low, high if keep.max is None else keep.max)
    if keep.start is not None or keep.end is not None:
        days, what = _days(texts), "not readable as dates"
        bad = known & days.isna()
        hint = days_recognised(texts[known], keep.column) if bad.any() else ""
        faults += odd_cells(raw, bad, place, what=what, allowed=DATES, hint=hint)
        first, last = keep.start or datetime.date.min, keep.end or datetime.date.max
        passes &= days.between(first.isoformat(), last.isoformat())
    return passes


def _days(texts: pd.Series) -> pd.Series:
    """Return the day of each date as "YYYY-MM-DD", which sorts as dates do; None for no date."""
    dated = texts.str.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", flags=re.ASCII)
    days = texts.str[:10].where(dated.fillna(False).astype(bool))
    return days.where(pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").notna())


def repeated_reason(plan: Plan) -> str:
    """Return the reason under which rows whose id was seen before are counted."""
    return f"repeated {printable(plan.row)}"


def apply_duplicates(
    plan: Plan, dataset: Dataset, kept: pd.Index, exclusions: dict[str, int], faults: list[Fault]
) -> pd.Index:
    """Refuse, drop or keep rows whose id was seen before. Without `row` nothing is a duplicate."""
    if plan.row is None or plan.duplicates == "keep":
        return kept
    ids = texts_of(dataset.frame.loc[kept, plan.row])
    faults += error_cells(ids, column_place(plan.row, "row"))
    repeated = ids.duplicated() & ids.notna()
    if plan.duplicates == "first":
        exclusions[repeated_reason(plan)] = int(repeated.sum())
        return kept[~repeated.to_numpy()]
    if repeated.any():
        rows = [f"row {row} ({printable(ids[row])})" for row in ids.index[repeated]]
        found = f"{len(rows)} repeated id{'s' if len(rows) > 1 else ''}: {listing(rows)}"
        allowed = 'each value once, or duplicates = "first" or "keep" in the plan'
        faults.append(Fault(column_place(plan.row, "row"), found, allowed))
    return kept


def exclude(
    frame: pd.DataFrame, reason: str, left_out: pd.Series, exclusions: dict[str, int]
) -> pd.DataFrame:
    """Return the other rows, with these counted by the reason why they are left out."""
    exclusions[reason] = int(left_out.sum())
    return frame[~left_out]
