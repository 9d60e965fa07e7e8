"""The analysis set: the rows that enter, with every exclusion counted by its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.dataset import MISSING, Dataset
from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan import KeepSection, OutcomeSection, Plan


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows and columns that the plan analyses.

    Attributes
    ----------
    plan, dataset : Plan, Dataset
        What it was made from.
    frame : DataFrame
        One typed column for each column of the plan (numbers as float64, text controls and clusters as str),
        indexed by spreadsheet row number.
    exclusions : dict of str to int
        Rows left out, by reason, in the order in which the reasons were applied.
    identical_rows : int
        Rows of the analysis set that repeat an earlier one in every raw column.
    """

    plan: Plan
    dataset: Dataset
    frame: pd.DataFrame
    exclusions: dict[str, int] = field(default_factory=dict)
    identical_rows: int = 0

    @property
    def rows(self) -> int:
        return len(self.frame)

    def numbers(self, column: str) -> np.ndarray:
        """Return a numeric column as float64, shape (rows,)."""
        return self.frame[column].to_numpy(dtype=float)


def select_sample(plan: Plan, dataset: Dataset) -> Sample:
    """Select the rows of `dataset` that the plan analyses.

    Filters come first, then repeated row ids, then negative revenue where the plan excludes it, then missing
    values by column. One common sample serves every score and outcome of the plan, so that they can be
    compared.

    Raises
    ------
    DataError
        Naming each column or row at fault, all at once.
    """
    where = str(dataset.path or dataset.address)
    _require_columns(plan, dataset, where)
    kept, exclusions = _apply_filters(plan, dataset, where)
    faults: list[Fault] = []
    kept = _apply_duplicates(plan, dataset, kept, exclusions, faults)
    frame = _typed(plan, dataset, kept, faults)
    if faults:
        raise DataError(where, faults)
    if plan.missing == "zero":
        frame = frame.fillna({outcome.column: 0.0 for outcome in plan.outcome})
    frame = _exclude_negative(plan, frame, exclusions)
    frame = _exclude_missing(frame, exclusions)
    faults = [fault for outcome in plan.outcome for fault in _outcome_faults(outcome, frame)]
    faults += _transform_faults(plan, frame) + _constant_faults(plan, frame)
    if frame.empty:
        counted = "; ".join(f"{reason}: {count}" for reason, count in exclusions.items())
        faults = [Fault("rows", f"none left ({counted})", "at least one row with every column known")]
    if faults:
        raise DataError(where, faults)
    identical = int(dataset.frame.loc[frame.index].duplicated().sum())
    return Sample(plan, dataset, frame, exclusions, identical)


def _columns(plan: Plan) -> dict[str, str]:
    """Return {column: role} in the order in which missing values are counted."""
    roles = {column: role for column, role in reversed(plan.roles())}
    ordered = sorted(roles.items(), key=lambda item: ["outcome", "score", "engagement"].index(item[1])
                     if item[1] in ("outcome", "score", "engagement") else 3)  # fmt: skip
    columns = dict(ordered)
    if plan.cluster:
        columns.setdefault(plan.cluster.column, "cluster")
    return columns


def _require_columns(plan: Plan, dataset: Dataset, where: str) -> None:
    wanted = {**_columns(plan), **{keep.column: "filter" for keep in plan.keep}}
    if plan.row:
        wanted.setdefault(plan.row, "row")
    names = [str(name) for name in dataset.frame.columns]
    faults = [
        Fault(f'column "{printable(column)}" ({role})', "no such column", "one of: " + listing(names, limit=30),
              did_you_mean(column, names))
        for column, role in wanted.items() if column not in names
    ]  # fmt: skip
    if faults:
        raise DataError(where, faults)


# --- rows ------------------------------------------------------------------------------------------------


def _apply_filters(plan: Plan, dataset: Dataset, where: str) -> tuple[pd.Index, dict[str, int]]:
    """Return the row numbers that pass every `[[keep]]`, and how many each one left out."""
    rows = dataset.frame.index
    exclusions: dict[str, int] = {}
    faults: list[Fault] = []
    for number, keep in enumerate(plan.keep, 1):
        passes = _passes(keep, dataset, number, faults)
        left = rows[passes.loc[rows].to_numpy()]
        exclusions[f"not kept: {printable(keep.column)} {_condition(keep)}"] = len(rows) - len(left)
        rows = left
    if faults:
        raise DataError(where, faults)
    return rows, exclusions


def _condition(keep: KeepSection) -> str:
    said = keep.model_dump(by_alias=True, exclude_unset=True, exclude={"column"}, mode="json")
    return ", ".join(f"{word} {printable(value)}" for word, value in said.items())


def _passes(keep: KeepSection, dataset: Dataset, number: int, faults: list[Fault]) -> pd.Series:
    """Return which rows satisfy one filter; a row without a value satisfies none."""
    raw = dataset.frame[keep.column]
    known = ~_missing(raw)
    passes = known.copy()
    place = f"[[keep]] {number} {keep.column}"
    wanted = keep.among if keep.among is not None else (keep.equals,) if keep.equals is not None else None
    if wanted is not None:
        numbers = pd.to_numeric(raw, errors="coerce")
        texts = raw.astype(str).str.strip()
        equal = [numbers == value if isinstance(value, (int, float)) and not isinstance(value, bool)
                 else texts.str.casefold() == str(value).casefold() if isinstance(value, bool)
                 else texts == str(value) for value in wanted]  # fmt: skip
        passes &= np.logical_or.reduce([e.to_numpy() for e in equal])
    if keep.min is not None or keep.max is not None:
        numbers = pd.to_numeric(raw.where(known), errors="coerce")
        _not_numbers(raw, known & numbers.isna(), place, faults)
        passes &= numbers.between(-np.inf if keep.min is None else keep.min, np.inf if keep.max is None else keep.max)
    if keep.start is not None or keep.end is not None:
        dates = pd.to_datetime(raw.where(known), errors="coerce", format="ISO8601")
        _not_numbers(raw, known & dates.isna(), place, faults, allowed="dates as YYYY-MM-DD")
        passes &= dates >= pd.Timestamp(keep.start or "1678-01-01")
        passes &= dates < pd.Timestamp(keep.end or "2262-01-01") + pd.Timedelta(days=1)
    return passes


def _apply_duplicates(
    plan: Plan, dataset: Dataset, kept: pd.Index, exclusions: dict[str, int], faults: list[Fault]
) -> pd.Index:
    """Refuse, drop or keep rows whose id was seen before. Without `row` nothing is a duplicate."""
    if plan.row is None or plan.duplicates == "keep":
        return kept
    ids = dataset.frame.loc[kept, plan.row]
    repeated = ids.duplicated() & ~_missing(ids)
    if repeated.any() and plan.duplicates == "refuse":
        rows = [f"row {row} ({printable(ids[row])})" for row in ids.index[repeated]]
        allowed = 'each value once, or duplicates = "first" or "keep" in the plan'
        faults.append(Fault(f'column "{plan.row}" (row)', f"{len(rows)} repeated ids: {listing(rows)}", allowed))
    elif plan.duplicates == "first":
        exclusions[f"repeated {printable(plan.row)}"] = int(repeated.sum())
        return kept[~repeated.to_numpy()]
    return kept


def _exclude_negative(plan: Plan, frame: pd.DataFrame, exclusions: dict[str, int]) -> pd.DataFrame:
    for outcome in plan.outcome:
        if outcome.negative == "exclude":
            negative = frame[outcome.column] < 0
            exclusions[f"negative {printable(outcome.column)}"] = int(negative.sum())
            frame = frame[~negative]
    return frame


def _exclude_missing(frame: pd.DataFrame, exclusions: dict[str, int]) -> pd.DataFrame:
    for column in frame.columns:
        missing = frame[column].isna()
        if missing.any():
            exclusions[f"missing {printable(column)}"] = int(missing.sum())
            frame = frame[~missing]
    return frame


# --- values ----------------------------------------------------------------------------------------------


def _missing(raw: pd.Series) -> pd.Series:
    """Return which cells hold no value."""
    return raw.isna() | raw.astype(str).str.strip().isin(MISSING)


def _typed(plan: Plan, dataset: Dataset, rows: pd.Index, faults: list[Fault]) -> pd.DataFrame:
    """Return the plan's columns with numbers as float64 and text as str; collect what cannot be either."""
    columns = {}
    kinds = {outcome.column: outcome.kind for outcome in plan.outcome}
    for column, role in _columns(plan).items():
        raw = dataset.frame.loc[rows, column]
        if role == "cluster" or (role == "control" and _is_text(raw, dataset, column)):
            columns[column] = raw.astype(str).str.strip().where(~_missing(raw), None).astype(object)
        else:
            columns[column] = _numeric(raw, dataset, column, role, kinds.get(column), faults)
    return pd.DataFrame(columns, index=rows)


def _is_text(raw: pd.Series, dataset: Dataset, column: str) -> bool:
    """A control is text when its codebook says so, or when fewer than half of its cells are numbers."""
    entry = dataset.column(column)
    if entry is not None:
        return entry.type in ("text", "category", "date")
    known = raw[~_missing(raw)]
    return bool(len(known)) and pd.to_numeric(known, errors="coerce").notna().mean() < 0.5


def _numeric(
    raw: pd.Series, dataset: Dataset, column: str, role: str, kind: str | None, faults: list[Fault]
) -> pd.Series:
    """Return a column as float64; levels of the codebook are coded, cells that are not numbers are faults."""
    missing = _missing(raw)
    place = f'column "{printable(column)}" ({role})'
    entry = dataset.column(column)
    if entry is not None and entry.levels:
        start = 0 if entry.type == "binary" else 1
        codes = {level: float(code) for code, level in enumerate(entry.levels, start)}
        numbers = raw.astype(str).str.strip().map(codes)
        _not_numbers(raw, numbers.isna() & ~missing, place, faults, allowed="one of " + listing(entry.levels))
        return numbers.astype(float)
    text = raw.where(~missing)
    if kind == "binary" and text.dtype != bool:
        text = text.replace({"True": 1, "False": 0, "true": 1, "false": 0, "TRUE": 1, "FALSE": 0})
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    _not_numbers(raw, numbers.isna() & ~missing, place, faults)
    infinite = pd.Series(np.isinf(numbers), index=raw.index)
    _not_numbers(raw, infinite, place, faults, what="infinite", allowed="finite numbers")
    return numbers


def _not_numbers(
    raw: pd.Series, bad: pd.Series, place: str, faults: list[Fault], *,
    what: str = "not of this form", allowed: str = "numbers, with a point for decimals",
) -> None:  # fmt: skip
    """Add one fault that quotes the cells at fault by spreadsheet row."""
    if bad.any():
        cells = [f'row {row} "{printable(raw[row], limit=30)}"' for row in raw.index[bad.to_numpy()]]
        noun = "cell is" if len(cells) == 1 else "cells are"
        faults.append(Fault(place, f"{len(cells)} {noun} {what}: {listing(cells, limit=6)}", allowed))


def _rows_fault(frame: pd.DataFrame, column: str, bad: pd.Series, role: str, what: str, allowed: str) -> list[Fault]:
    if not bad.any():
        return []
    cells = [f"row {row} ({frame[column][row]:g})" for row in frame.index[bad.to_numpy()]]
    count = f"{len(cells)} {what} value{'s' if len(cells) > 1 else ''}"
    return [Fault(f'column "{printable(column)}" ({role})', f"{count}: {listing(cells, limit=6)}", allowed)]


def _outcome_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> list[Fault]:
    """What the outcome's kind does not allow."""
    values = frame[outcome.column]
    if outcome.exposure is not None:
        bad = frame[outcome.exposure] <= 0
        yield_faults = _rows_fault(frame, outcome.exposure, bad, "exposure", "zero or negative", "positive numbers")
    else:
        yield_faults = []
    if outcome.kind == "revenue" and outcome.negative != "net":
        allowed = 'zero or more; or negative = "exclude" or "net" in the plan'
        return yield_faults + _rows_fault(frame, outcome.column, values < 0, "outcome", "negative", allowed)
    if outcome.kind == "count":
        bad = (values < 0) | (values != np.floor(values))
        return yield_faults + _rows_fault(
            frame, outcome.column, bad, "outcome", "negative or fractional", "counts: whole numbers from 0"
        )
    if outcome.kind == "binary":
        bad = ~values.isin([0.0, 1.0])
        return yield_faults + _rows_fault(frame, outcome.column, bad, "outcome", "other", "0 and 1 only")
    return yield_faults


def _transform_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """log1p and sqrt have no value below zero."""
    faults = []
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for column in section.columns:
            transform = section.transform_of(column)
            if transform in ("log1p", "sqrt"):
                allowed = f'zero or more, since transform = "{transform}"'
                faults += _rows_fault(frame, column, frame[column] < 0, role, "negative", allowed)
    return faults


def _constant_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """A score or outcome that is the same in every row answers nothing."""
    faults = []
    for column, role in plan.roles():
        if role in ("score", "outcome") and len(frame) and frame[column].nunique() == 1:
            value = f"{frame[column].iloc[0]:g} in each of {len(frame):,} rows"
            faults.append(Fault(f'column "{printable(column)}" ({role})', value, "at least two different values"))
    return faults
