"""The analysis set: the rows that enter, with every exclusion counted by its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import texts_of
from analysis.data.reading.conversion import convert
from analysis.data.selection.columns import needed_columns, require_columns
from analysis.data.selection.faults import (
    constant_faults,
    input_faults,
    invested,
    outcome_faults,
    range_faults,
    same_half_faults,
    score_half_faults,
    transform_faults,
)
from analysis.data.selection.filters import apply_filters
from analysis.data.selection.typed import numeric_columns, typed
from analysis.errors import DataError, Fault, listing, printable
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection


class Table(Protocol):
    """What is asked of all rows of an analysis set, in memory or out of core (DuckDB, Spark).

    Out of core `Sample.frame` holds a seeded sample of the rows, and this answers for all of them.
    """

    @property
    def rows(self) -> int:
        """Return the number of rows."""

    def mean(self, column: str) -> float:
        """Return the mean of an outcome."""

    def spread(self, column: str) -> float | None:
        """Return the standard deviation of a transformed score; None where it takes the rows."""

    def missing(self, column: str) -> int:
        """Return how many rows have no value in a column; none out of core, where all have."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """The rows of a sample, which are in its frame."""

    sample: Sample

    @property
    def rows(self) -> int:
        return len(self.sample.frame)

    def mean(self, column: str) -> float:
        return float(self.sample.numbers(column).mean())

    def spread(self, column: str) -> None:
        return None

    def missing(self, column: str) -> int:
        return int(self.sample.frame[column].isna().sum())


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows and columns that the plan analyses.

    Attributes
    ----------
    plan, dataset : Plan, Dataset
        What it was made from.
    frame : DataFrame
        One typed column for each column of the plan (numbers as float64, text controls and clusters
        as str), indexed by spreadsheet row number. Only columns in a role of `BESIDE` have missing
        values.
    exclusions : dict of str to int
        Rows left out, by reason, in the order in which the reasons were applied.
    identical_rows : int or None
        Rows of the analysis set that repeat an earlier one in every raw column; None where nobody
        counted them.
    filled : dict of str to int
        Missing outcomes counted as zero, by column, where the plan says ``missing = "zero"``.
    out_of_core : Table or None
        A table that does not fit into memory, whose rows are not in `frame`.
    note : str
        Said of every estimate made from it.
    candidates : DataFrame or None
        The same columns before rows with missing values were left out.
    of : Sample or None
        The analysis set of which these are some of the rows: the score's unit is taken from there.
    kept : dict
        Designs that many studies of one audit use, made once; empty again when it ends.
    """

    plan: Plan
    dataset: Dataset
    frame: pd.DataFrame
    exclusions: dict[str, int] = field(default_factory=dict)
    identical_rows: int | None = 0
    filled: dict[str, int] = field(default_factory=dict)
    out_of_core: Table | None = None
    note: str = ""
    candidates: pd.DataFrame | None = None
    of: Sample | None = None
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def table(self) -> Table:
        """All rows, wherever they are."""
        return self.out_of_core or InMemory(self)

    @property
    def rows(self) -> int:
        return self.table.rows

    @property
    def raw(self) -> pd.DataFrame | None:
        """The analysed rows with every column of the file as it was read; None beyond memory, where
        they are not.
        """
        file = self.dataset.frame
        return None if file.empty else file.loc[self.frame.index]

    def mean(self, column: str) -> float:
        """Return the mean of an outcome over all rows."""
        return self.table.mean(column)

    def numbers(self, column: str) -> np.ndarray:
        """Return a numeric column as float64, shape (rows,); an engagement column with halves is
        their mean.
        """
        if column not in self.frame and column in self.plan.engagement.halves:
            return np.mean(
                [self.numbers(half) for half in self.plan.engagement.halves[column]], axis=0
            )
        return self.frame[column].to_numpy(dtype=float)

    def known(self, columns: Iterable[str]) -> Sample:
        """Return the rows in which each of these columns has a value; this very sample where none
        lacks one.
        """
        gaps = tuple(
            dict.fromkeys(
                name for name in columns if name in self.frame and self.frame[name].isna().any()
            )
        )
        if not gaps:
            return self
        key = ("known", gaps)
        if key not in self.kept:
            frame = self.frame[self.frame[list(gaps)].notna().all(axis=1)]
            self.kept[key] = replace(self, frame=frame, of=self.of or self)
        return self.kept[key]

    @property
    def segments(self) -> np.ndarray | None:
        """The name of each row's segment, shape (rows,), None where it is not known; None where the
        plan names none.
        """
        if self.plan.segment is None:
            return None
        cells = self.frame[self.plan.segment.column]
        names = [f"{cell:.15g}" if isinstance(cell, float) else str(cell) for cell in cells]
        return np.array(
            [name if there else None for name, there in zip(names, cells.notna(), strict=True)],
            object,
        )

    def exposure(self, outcome: OutcomeSection) -> np.ndarray | None:
        """Return what the outcome's mean is proportional to, shape (rows,): an exposure, or what
        was put in.
        """
        if outcome.kind == "roi" and outcome.is_relative:
            return invested(outcome, self.frame)
        return None if outcome.exposure is None else self.numbers(outcome.exposure)


def select_sample(plan: Plan, dataset: Dataset) -> Sample:
    """Select the rows of `dataset` that the plan analyses.

    Filters come first, then repeated row ids, then negative revenue where the plan excludes it,
    then missing values by column, except of columns that only add to the verdict (`BESIDE`). One
    common sample serves every score and outcome of the plan, so that they can be compared.

    Raises
    ------
    DataError
        Naming each column or row at fault, all at once.
    """
    where = str(dataset.path or dataset.address)
    require_columns(plan, dataset, where)
    faults: list[Fault] = []
    dataset = convert(plan, dataset, numeric_columns(plan, dataset), faults)
    kept, exclusions = apply_filters(plan, dataset, faults)
    kept = _apply_duplicates(plan, dataset, kept, exclusions, faults)
    frame = typed(plan, dataset, kept, faults)
    absent = {outcome.column: frame[outcome.column].isna() for outcome in plan.outcome}
    if plan.missing == "zero":
        frame = frame.fillna(dict.fromkeys(absent, 0.0))
    frame = _exclude_negative(plan, frame, exclusions)
    candidates = frame
    frame = _exclude_missing(frame, needed_columns(plan), exclusions)
    faults += [fault for outcome in plan.outcome for fault in input_faults(outcome, frame)]
    frame, dataset = _net_of_inputs(plan, frame, dataset)
    faults += [fault for outcome in plan.outcome for fault in outcome_faults(outcome, frame)]
    faults += transform_faults(plan, frame) + range_faults(dataset, frame)
    faults = faults or [
        *constant_faults(plan, frame),
        *same_half_faults(plan, frame),
        *score_half_faults(plan, frame),
    ]
    if frame.empty and not faults:
        counted = "; ".join(f"{reason}: {count}" for reason, count in exclusions.items())
        faults = [
            Fault("rows", f"none left ({counted})", "at least one row with every column known")
        ]
    if faults:
        raise DataError(where, faults)
    filled = {column: int(was.loc[frame.index].sum()) for column, was in absent.items()}
    return Sample(
        plan,
        dataset,
        frame,
        exclusions,
        _identical(dataset.frame.loc[frame.index]),
        filled,
        candidates=candidates,
    )


def _identical(raw: pd.DataFrame) -> int:
    """Return how many rows repeat an earlier one in every column."""
    comparable = raw.apply(lambda column: texts_of(column) if column.dtype == object else column)
    return int(comparable.duplicated().sum())


def _apply_duplicates(
    plan: Plan, dataset: Dataset, kept: pd.Index, exclusions: dict[str, int], faults: list[Fault]
) -> pd.Index:
    """Refuse, drop or keep rows whose id was seen before. Without `row` nothing is a duplicate."""
    if plan.row is None or plan.duplicates == "keep":
        return kept
    ids = texts_of(dataset.frame.loc[kept, plan.row])
    repeated = ids.duplicated() & ids.notna()
    if repeated.any() and plan.duplicates == "refuse":
        rows = [f"row {row} ({printable(ids[row])})" for row in ids.index[repeated]]
        allowed = 'each value once, or duplicates = "first" or "keep" in the plan'
        found = f"{len(rows)} repeated id{'s' if len(rows) > 1 else ''}: {listing(rows)}"
        faults.append(Fault(f'column "{printable(plan.row)}" (row)', found, allowed))
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


def _exclude_missing(
    frame: pd.DataFrame, needed: list[str], exclusions: dict[str, int]
) -> pd.DataFrame:
    for column in needed:
        missing = frame[column].isna()
        if missing.any():
            exclusions[f"missing {printable(column)}"] = int(missing.sum())
            frame = frame[~missing]
    return frame


def _net_of_inputs(
    plan: Plan, frame: pd.DataFrame, dataset: Dataset
) -> tuple[pd.DataFrame, Dataset]:
    """Put the net return in the place of revenue, and say so in its name."""
    labels = dict(dataset.labels)
    for outcome in plan.outcome:
        if outcome.kind != "roi":
            continue
        of = f"{dataset.label(outcome.column)} per unit of money put in"
        if not outcome.is_relative:
            frame = frame.assign(
                **{outcome.column: frame[outcome.column] - invested(outcome, frame)}
            )
            of = f"net return ({dataset.label(outcome.column)} less {_inputs(outcome, dataset)})"
        labels[outcome.column] = of
    return frame, replace(dataset, labels=labels)


def _inputs(outcome: OutcomeSection, dataset: Dataset) -> str:
    hours = (
        f"{dataset.label(outcome.hours)} at {outcome.hour_price:g} each" if outcome.hours else ""
    )
    return " and ".join(filter(None, [dataset.label(outcome.cost) if outcome.cost else "", hours]))
