"""The analysis set: the rows that enter, with every exclusion counted by its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import holds_numbers, numbers_of, texts_of
from analysis.data.reading.conversion import convert
from analysis.data.selection.categories import level_notes
from analysis.data.selection.columns import (
    needed_columns,
    numeric_columns,
    require_columns,
    typed,
)
from analysis.data.selection.exclusions import apply_duplicates, apply_filters, exclude
from analysis.data.selection.faults import input_faults, invested, pattern_faults, value_faults
from analysis.errors import DataError, Fault, printable
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
        """The analysed rows with every column of the file as it was read; None out of core."""
        file = self.dataset.frame
        return None if file.empty else file.loc[self.frame.index]

    def measured(self, column: str) -> np.ndarray | None:
        """Return any column of the file as float64, shape (rows,), NaN where a cell is empty; None
        where it does not hold numbers. A text file's numbers are text.
        """
        known = "measured", column
        if known not in self.kept:
            raw = self.raw[column]
            first = texts_of(raw.iloc[:100])
            numbers = numbers_of(raw) if first.isna().eq(numbers_of(first).isna()).all() else None
            if numbers is not None and not holds_numbers(raw):
                odd = numbers.isna()
                numbers = None if texts_of(raw[odd]).notna().any() else numbers
            self.kept[known] = None if numbers is None else numbers.to_numpy(dtype=float)
        return self.kept[known]

    def mean(self, column: str) -> float:
        """Return the mean of an outcome over all rows."""
        known = "mean", column
        if known not in self.kept:
            self.kept[known] = self.table.mean(column)
        return self.kept[known]

    def numbers(self, column: str) -> np.ndarray:
        """Return a numeric column as float64, shape (rows,); one with halves is their mean."""
        halves = self.plan.engagement.halves
        if column not in self.frame and column in halves:
            return np.mean([self.numbers(half) for half in halves[column]], axis=0)
        return self.frame[column].to_numpy(dtype=float)

    def known(self, columns: Iterable[str]) -> Sample:
        """Return the rows in which each column has a value; this sample where none lacks one."""
        named = dict.fromkeys(name for name in columns if name in self.frame)
        gaps = tuple(name for name in named if self.frame[name].isna().any())
        if not gaps:
            return self
        if ("known", gaps) not in self.kept:
            frame = self.frame[self.frame[list(gaps)].notna().all(axis=1)]
            self.kept["known", gaps] = replace(self, frame=frame, of=self.of or self)
        return self.kept["known", gaps]

    @property
    def segments(self) -> np.ndarray | None:
        """The segment of each row, shape (rows,), None where unknown; None without `[segment]`."""
        if self.plan.segment is None:
            return None
        cells = self.frame[self.plan.segment.column]
        names = cells.map(lambda cell: f"{cell:.15g}" if isinstance(cell, float) else str(cell))
        return names.astype(object).where(cells.notna(), None).to_numpy(object)

    def exposure(self, outcome: OutcomeSection) -> np.ndarray | None:
        """Return what the mean is proportional to, shape (rows,): exposure, or what was put in."""
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
    dataset = replace(dataset, notes=(*dataset.notes, *level_notes(plan)))
    kept, exclusions = apply_filters(plan, dataset, faults)
    kept = apply_duplicates(plan, dataset, kept, exclusions, faults)
    frame = typed(plan, dataset, kept, faults)
    absent = {outcome.column: frame[outcome.column].isna() for outcome in plan.outcome}
    if plan.missing == "zero":
        frame = frame.fillna(dict.fromkeys(absent, 0.0))
    for outcome in plan.outcome:
        if outcome.negative == "exclude":
            negative = frame[outcome.column] < 0
            frame = exclude(frame, f"negative {printable(outcome.column)}", negative, exclusions)
    candidates = frame
    for column in needed_columns(plan):
        missing = frame[column].isna()
        if missing.any():
            frame = exclude(frame, f"missing {printable(column)}", missing, exclusions)
    faults += [fault for outcome in plan.outcome for fault in input_faults(outcome, frame)]
    frame, dataset = _net_of_inputs(plan, frame, dataset)
    faults += value_faults(plan, dataset, frame)
    faults = faults or list(pattern_faults(plan, frame))
    if frame.empty and not faults:
        counted = "; ".join(f"{reason}: {count}" for reason, count in exclusions.items())
        faults = [
            Fault("rows", f"none left ({counted})", "at least one row with every column known")
        ]
    if faults:
        raise DataError(where, faults)
    filled = {column: int(was.loc[frame.index].sum()) for column, was in absent.items()}
    raw = dataset.frame.loc[frame.index]
    comparable = raw.apply(lambda column: texts_of(column) if column.dtype == object else column)
    repeats = int(comparable.duplicated().sum())
    return Sample(plan, dataset, frame, exclusions, repeats, filled, candidates=candidates)


def _net_of_inputs(
    plan: Plan, frame: pd.DataFrame, dataset: Dataset
) -> tuple[pd.DataFrame, Dataset]:
    """Put the net return in the place of revenue, and say so in its name."""
    labels = dict(dataset.labels)
    for outcome in plan.outcome:
        if outcome.kind != "roi":
            continue
        label = dataset.label(outcome.column)
        labels[outcome.column] = f"{label} per unit of money put in"
        if not outcome.is_relative:
            net = frame[outcome.column] - invested(outcome, frame)
            frame = frame.assign(**{outcome.column: net})
            inputs = [dataset.label(outcome.cost)] if outcome.cost else []
            if outcome.hours:
                inputs.append(f"{dataset.label(outcome.hours)} at {outcome.hour_price:g} each")
            labels[outcome.column] = f"net return ({label} less {' and '.join(inputs)})"
    return frame, replace(dataset, labels=labels)
