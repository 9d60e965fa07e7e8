"""The rows that pass every `[[keep]]`."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import not_numbers, numbers_of, texts_of
from analysis.data.reading.conversion import recognised
from analysis.errors import Fault, printable
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
        passes = _passes(keep, dataset, number, faults)
        left = rows[passes.loc[rows].to_numpy()]
        reason = f"not kept: {printable(keep.column)} {condition_text(keep)}"
        exclusions[reason] = exclusions.get(reason, 0) + len(rows) - len(left)
        rows = left
    return rows, exclusions


def condition_text(keep: KeepSection) -> str:
    """Return a filter in words, such as "min 3, max 10"."""
    said = keep.model_dump(by_alias=True, exclude_none=True, exclude={"column"}, mode="json")
    return ", ".join(
        f"{word}"
        f" {', '.join(map(_said, value)) if isinstance(value, (list, tuple)) else _said(value)}"
        for word, value in said.items()
    )


def _said(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else printable(value)


def _passes(keep: KeepSection, dataset: Dataset, number: int, faults: list[Fault]) -> pd.Series:
    """Return which rows satisfy one filter; a row without a value satisfies none."""
    raw = dataset.frame[keep.column]
    texts = texts_of(raw)
    known = texts.notna()
    passes = known.copy()
    place = f"[[keep]] no. {number}, {printable(keep.column)}"
    wanted = (
        keep.among
        if keep.among is not None
        else (keep.equals,)
        if keep.equals is not None
        else None
    )
    if wanted is not None:
        passes &= np.logical_or.reduce([_equal(raw, texts, value) for value in wanted])
    if keep.min is not None or keep.max is not None:
        numbers = numbers_of(raw)
        odd = known & numbers.isna()
        not_numbers(
            raw, odd, place, faults, hint=recognised(texts[odd].unique().tolist(), keep.column)
        )
        passes &= numbers.between(
            -np.inf if keep.min is None else keep.min, np.inf if keep.max is None else keep.max
        )
    if keep.start is not None or keep.end is not None:
        days = _days(texts)
        hint = (
            f'Written otherwise: [columns] {printable(keep.column)} = {{date = "%d/%m/%Y"}}, say,'
            " in the plan"
        )
        not_numbers(
            raw,
            known & days.isna(),
            place,
            faults,
            what="not readable as dates",
            allowed=DATES,
            hint=hint,
        )
        first, last = keep.start or datetime.date.min, keep.end or datetime.date.max
        passes &= days.between(first.isoformat(), last.isoformat())
    return passes


def _equal(raw: pd.Series, texts: pd.Series, value: str | float | bool) -> np.ndarray:
    """Return which cells equal a value of the plan: numbers as numbers, true and false however they
    are written.
    """
    if isinstance(value, bool):
        return texts.str.casefold().isin(("true", "1") if value else ("false", "0")).to_numpy()
    if isinstance(value, (int, float)):
        return (numbers_of(raw) == value).to_numpy()
    return (texts == value).fillna(False).to_numpy(dtype=bool)


def _days(texts: pd.Series) -> pd.Series:
    """Return the day of each date as "YYYY-MM-DD", which sorts as dates do; None where a cell holds
    no date.
    """
    days = texts.str[:10].where(
        texts.str.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", flags=re.ASCII)
        .fillna(False)
        .astype(bool)
    )
    return days.where(pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").notna())
