"""The analysis set: the rows that enter, with every exclusion counted by its reason."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.dataset import Dataset
from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan import Plan
from analysis.reading.cells import LARGEST, SMALLEST, holds_numbers, not_numbers, numbers_of, texts_of
from analysis.reading.conversion import convert, recognised
from analysis.sections.columns import KeepSection
from analysis.sections.outcome import OutcomeSection

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.engine.products import Products


BESIDE = ("segment", "algorithm", "panel unit", "panel time", "gaming", "part")
"""Roles of columns that the verdict does without: a row that lacks one is left out of what needs it, and only there."""


ROUNDED = 0.03
"""Root mean square of a score less the mean of its halves that passes for rounding, in standard deviations of the
score: whole points of a score with a standard deviation of 10 are 0.029."""


NAMES = ("cluster", "segment", "panel unit", "panel time")
"""Roles of columns whose cells are names, whatever they look like."""


@dataclass(frozen=True, eq=False)
class Whole:
    """What is known of all rows of an analysis set beyond memory, of which `Sample.frame` holds a seeded sample.

    Attributes
    ----------
    rows : int
    means : dict of str to float
        Of each outcome.
    spreads : dict of str to float
        Standard deviations (ddof = 1) of the transformed scores.
    table : ibis Table
        The typed columns of every row.
    keys : dict of str to str
        The name of each of the plan's columns in `table`.
    low, high : dict of str to float
        The extremes of each numeric column.
    products : Products
        Of the numeric columns as the equations use them (`analysis.engine.products`).
    """

    rows: int
    means: dict[str, float]
    spreads: dict[str, float]
    table: ir.Table
    keys: dict[str, str]
    low: dict[str, float]
    high: dict[str, float]
    products: Products


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows and columns that the plan analyses.

    Attributes
    ----------
    plan, dataset : Plan, Dataset
        What it was made from.
    frame : DataFrame
        One typed column for each column of the plan (numbers as float64, text controls and clusters as str),
        indexed by spreadsheet row number. Only columns in a role of `BESIDE` have missing values.
    exclusions : dict of str to int
        Rows left out, by reason, in the order in which the reasons were applied.
    identical_rows : int
        Rows of the analysis set that repeat an earlier one in every raw column.
    filled : dict of str to int
        Missing outcomes counted as zero, by column, where the plan says ``missing = "zero"``.
    whole : Whole or None
        For a table beyond memory, whose rows are not in `frame`.
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
    identical_rows: int = 0
    filled: dict[str, int] = field(default_factory=dict)
    whole: Whole | None = None
    note: str = ""
    candidates: pd.DataFrame | None = None
    of: Sample | None = None
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def rows(self) -> int:
        return self.whole.rows if self.whole else len(self.frame)

    @property
    def raw(self) -> pd.DataFrame | None:
        """The analysed rows with every column of the file as it was read; None beyond memory, where they are not."""
        lacking = self.whole or self.note or self.dataset.frame.empty
        return None if lacking else self.dataset.frame.loc[self.frame.index]

    def mean(self, column: str) -> float:
        """Return the mean of an outcome over all rows."""
        return self.whole.means[column] if self.whole else float(self.numbers(column).mean())

    def numbers(self, column: str) -> np.ndarray:
        """Return a numeric column as float64, shape (rows,); an engagement column with halves is their mean."""
        if column not in self.frame and column in self.plan.engagement.halves:
            return np.mean([self.numbers(half) for half in self.plan.engagement.halves[column]], axis=0)
        return self.frame[column].to_numpy(dtype=float)

    def known(self, columns: Iterable[str]) -> Sample:
        """Return the rows in which each of these columns has a value; this very sample where none lacks one."""
        gaps = tuple(dict.fromkeys(name for name in columns if name in self.frame and self.frame[name].isna().any()))
        if not gaps:
            return self
        key = ("known", gaps)
        if key not in self.kept:
            frame = self.frame[self.frame[list(gaps)].notna().all(axis=1)]
            self.kept[key] = replace(self, frame=frame, of=self.of or self)
        return self.kept[key]

    @property
    def segments(self) -> np.ndarray | None:
        """The name of each row's segment, shape (rows,), None where it is not known; None where the plan names none."""
        if self.plan.segment is None or self.whole:
            return None
        cells = self.frame[self.plan.segment.column]
        names = [f"{cell:.15g}" if isinstance(cell, float) else str(cell) for cell in cells]
        return np.array([name if there else None for name, there in zip(names, cells.notna(), strict=True)], object)

    def exposure(self, outcome: OutcomeSection) -> np.ndarray | None:
        """Return what the outcome's mean is proportional to, shape (rows,): an exposure, or what was put in."""
        if outcome.kind == "roi" and outcome.is_relative:
            return invested(outcome, self.frame)
        return None if outcome.exposure is None else self.numbers(outcome.exposure)


def invested(outcome: OutcomeSection, frame: pd.DataFrame) -> np.ndarray:
    """Return the money and the hours at their price that an outcome of kind "roi" took, in money, shape (rows,)."""
    total = np.zeros(len(frame))
    if outcome.cost is not None:
        total += frame[outcome.cost].to_numpy(dtype=float)
    if outcome.hours is not None:
        total += frame[outcome.hours].to_numpy(dtype=float) * outcome.hour_price
    return total


def select_sample(plan: Plan, dataset: Dataset) -> Sample:
    """Select the rows of `dataset` that the plan analyses.

    Filters come first, then repeated row ids, then negative revenue where the plan excludes it, then missing
    values by column, except of columns that only add to the verdict (`BESIDE`). One common sample serves every
    score and outcome of the plan, so that they can be compared.

    Raises
    ------
    DataError
        Naming each column or row at fault, all at once.
    """
    where = str(dataset.path or dataset.address)
    require_columns(plan, dataset, where)
    faults: list[Fault] = []
    dataset = convert(plan, dataset, _numeric_columns(plan, dataset), faults)
    kept, exclusions = _apply_filters(plan, dataset, faults)
    kept = _apply_duplicates(plan, dataset, kept, exclusions, faults)
    frame = _typed(plan, dataset, kept, faults)
    absent = {outcome.column: frame[outcome.column].isna() for outcome in plan.outcome}
    if plan.missing == "zero":
        frame = frame.fillna(dict.fromkeys(absent, 0.0))
    frame = _exclude_negative(plan, frame, exclusions)
    candidates = frame
    frame = _exclude_missing(frame, needed_columns(plan), exclusions)
    faults += [fault for outcome in plan.outcome for fault in _input_faults(outcome, frame)]
    frame, dataset = _net_of_inputs(plan, frame, dataset)
    faults += [fault for outcome in plan.outcome for fault in _outcome_faults(outcome, frame)]
    faults += _transform_faults(plan, frame) + _range_faults(dataset, frame)
    faults = faults or [*_constant_faults(plan, frame), *_score_half_faults(plan, frame)]
    if frame.empty and not faults:
        counted = "; ".join(f"{reason}: {count}" for reason, count in exclusions.items())
        faults = [Fault("rows", f"none left ({counted})", "at least one row with every column known")]
    if faults:
        raise DataError(where, faults)
    filled = {column: int(was.loc[frame.index].sum()) for column, was in absent.items()}
    return Sample(plan, dataset, frame, exclusions, _identical(dataset.frame.loc[frame.index]), filled,
                  candidates=candidates)  # fmt: skip


def _identical(raw: pd.DataFrame) -> int:
    """Return how many rows repeat an earlier one in every column."""
    comparable = raw.apply(lambda column: texts_of(column) if column.dtype == object else column)
    return int(comparable.duplicated().sum())


def columns_of(plan: Plan) -> dict[str, str]:
    """Return {column: role} in the order in which missing values are counted."""
    roles = {column: role for column, role in reversed(plan.roles())}
    order = ("outcome", "score", "score half", "engagement", "engagement half", "control", "exposure", "input")
    columns = dict(sorted(roles.items(), key=lambda item: order.index(item[1])))
    if plan.cluster:
        columns.setdefault(plan.cluster.column, "cluster")
    if plan.segment:
        columns.setdefault(plan.segment.column, "segment")
    for column in plan.algorithm.columns if plan.algorithm else ():
        columns.setdefault(column, "algorithm")
    if plan.panel:
        columns.setdefault(plan.panel.unit, "panel unit")
        if plan.panel.time is not None:
            columns.setdefault(plan.panel.time, "panel time")
    if plan.gaming:
        said = {plan.gaming.episode: "gaming", plan.gaming.unit: "panel unit", plan.gaming.time: "panel time"}
        for column, role in said.items():
            if column is not None:
                columns.setdefault(column, role)
    for column in plan.parts.columns if plan.parts else ():
        if column not in plan.engagement.halves:
            columns.setdefault(column, "part")
    return columns


def needed_columns(plan: Plan) -> list[str]:
    """Return the columns that a row must have to enter the analysis set, in the order in which gaps are counted."""
    return [column for column, role in columns_of(plan).items() if role not in BESIDE]


def tables_beside(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return {table of the plan: its columns that the verdict does without}, of tables that name such columns."""
    roles = columns_of(plan)
    tables = {
        "segment": (plan.segment.column,) if plan.segment else (),
        "algorithm": plan.algorithm.columns if plan.algorithm else (),
        "panel": (plan.panel.unit, plan.panel.time) if plan.panel else (),
        "gaming": gaming_columns(plan),
        "parts": plan.parts.columns if plan.parts else (),
    }
    named = {table: tuple(name for name in names if roles.get(name) in BESIDE) for table, names in tables.items()}
    return {table: names for table, names in named.items() if names}


def gaming_columns(plan: Plan) -> tuple[str, ...]:
    """Return the columns of episodes, of who is seen and of when, those of [panel] where [gaming] says none."""
    if plan.gaming is None:
        return ()
    unit, time = (getattr(plan.gaming, key) or getattr(plan.panel, key, None) for key in ("unit", "time"))
    return tuple(name for name in (plan.gaming.episode, unit, time) if name is not None)


def _numeric_columns(plan: Plan, dataset: Dataset) -> dict[str, bool]:
    """Return the columns used as numbers; False for a control or a filter, whose cells may as well be text."""
    found = {}
    for keep in plan.keep:
        values = keep.among or (keep.equals,)
        bounded = keep.min is not None or keep.max is not None
        if bounded or any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            found[keep.column] = bounded
    for column, role in columns_of(plan).items():
        entry = dataset.column(column)
        coded = entry is not None and (entry.levels or entry.type in ("text", "category", "date"))
        if role not in NAMES and not coded:
            found[column] = role != "control"
    return found


def require_columns(plan: Plan, dataset: Dataset, where: str) -> None:
    wanted = {**columns_of(plan), **{keep.column: "filter" for keep in plan.keep}}
    for column in plan.columns:
        wanted.setdefault(column, "[columns]")
    if plan.row:
        wanted.setdefault(plan.row, "row")
    names = [str(name) for name in dataset.frame.columns]
    most = len(names) if dataset.simulated else 30  # of a simulated world one has seen no file
    faults = [
        Fault(f'column "{printable(column)}" ({role})', "no such column", "one of: " + listing(names, limit=most),
              did_you_mean(column, names))
        for column, role in wanted.items() if column not in names
    ]  # fmt: skip
    if faults:
        raise DataError(where, faults)


# --- rows ------------------------------------------------------------------------------------------------


def _apply_filters(plan: Plan, dataset: Dataset, faults: list[Fault]) -> tuple[pd.Index, dict[str, int]]:
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
        f"{word} {', '.join(map(_said, value)) if isinstance(value, (list, tuple)) else _said(value)}"
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
    wanted = keep.among if keep.among is not None else (keep.equals,) if keep.equals is not None else None
    if wanted is not None:
        passes &= np.logical_or.reduce([_equal(raw, texts, value) for value in wanted])
    if keep.min is not None or keep.max is not None:
        numbers = numbers_of(raw)
        odd = known & numbers.isna()
        not_numbers(raw, odd, place, faults, hint=recognised(texts[odd].unique().tolist(), keep.column))
        passes &= numbers.between(-np.inf if keep.min is None else keep.min, np.inf if keep.max is None else keep.max)
    if keep.start is not None or keep.end is not None:
        days = _days(texts)
        hint = f'Written otherwise: [columns] {printable(keep.column)} = {{date = "%d/%m/%Y"}}, say, in the plan'
        not_numbers(raw, known & days.isna(), place, faults, what="not readable as dates", allowed=DATES, hint=hint)
        first, last = keep.start or datetime.date.min, keep.end or datetime.date.max
        passes &= days.between(first.isoformat(), last.isoformat())
    return passes


def _equal(raw: pd.Series, texts: pd.Series, value: str | float | bool) -> np.ndarray:
    """Return which cells equal a value of the plan: numbers as numbers, true and false however they are written."""
    if isinstance(value, bool):
        return texts.str.casefold().isin(("true", "1") if value else ("false", "0")).to_numpy()
    if isinstance(value, (int, float)):
        return (numbers_of(raw) == value).to_numpy()
    return (texts == value).fillna(False).to_numpy(dtype=bool)


DATES = "dates as YYYY-MM-DD, with or without a time"


def _days(texts: pd.Series) -> pd.Series:
    """Return the day of each date as "YYYY-MM-DD", which sorts as dates do; None where a cell holds no date."""
    days = texts.str[:10].where(
        texts.str.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", flags=re.ASCII).fillna(False).astype(bool)
    )
    return days.where(pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").notna())


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


def _exclude_missing(frame: pd.DataFrame, needed: list[str], exclusions: dict[str, int]) -> pd.DataFrame:
    for column in needed:
        missing = frame[column].isna()
        if missing.any():
            exclusions[f"missing {printable(column)}"] = int(missing.sum())
            frame = frame[~missing]
    return frame


# --- values ----------------------------------------------------------------------------------------------


def _typed(plan: Plan, dataset: Dataset, rows: pd.Index, faults: list[Fault]) -> pd.DataFrame:
    """Return the plan's columns with numbers as float64 and text as str; collect what cannot be either."""
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
        not_numbers(raw, bad, f'column "{printable(column)}" ({role})', faults, what="no level of the codebook",
                    allowed="one of " + listing(entry.levels))  # fmt: skip


def _is_text(raw: pd.Series, dataset: Dataset, column: str) -> bool:
    """A control is text when its codebook says so, or when fewer than half of its cells are numbers."""
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
    """Return a column as float64; levels of the codebook are coded, cells that are not numbers are faults."""
    place = f'column "{printable(column)}" ({role})'
    entry = dataset.column(column)
    if entry is not None and entry.levels:
        start = 0 if entry.type == "binary" else 1
        codes = {level: float(code) for code, level in enumerate(entry.levels, start)}
        texts = texts_of(raw)
        numbers = texts.map(codes).astype(float)
        not_numbers(raw, numbers.isna() & texts.notna(), place, faults, what="no level of the codebook",
                     allowed="one of " + listing(entry.levels))  # fmt: skip
        return numbers
    cells = raw if holds_numbers(raw) else texts_of(raw)
    if kind == "binary" and cells is not raw:
        cells = cells.map(lambda text: {"true": "1", "false": "0"}.get(text.casefold(), text), na_action="ignore")
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
    """Refuse what double precision cannot square: a cell that is too large, a column that is all but zero."""
    size = numbers.abs()
    allowed = f"numbers between {SMALLEST:g} and {LARGEST:g} in size: choose another unit"
    not_numbers(raw, (size > LARGEST) & np.isfinite(size), place, faults, what="too large", allowed=allowed)
    if 0 < size.max() < SMALLEST:
        faults.append(Fault(place, f"no number above {size.max():g} in size", allowed))


def _rows_fault(frame: pd.DataFrame, column: str, bad: pd.Series, role: str, what: str, allowed: str) -> list[Fault]:
    if not bad.any():
        return []
    values = frame[column][bad.to_numpy()]
    cells = listing([f"row {row} ({value:.10g})" for row, value in values.iloc[:6].items()], limit=6)
    more = f" and {len(values) - 6} more" if len(values) > 6 else ""
    count = f"{len(values)} {what} value{'s' if len(values) > 1 else ''}"
    return [Fault(f'column "{printable(column)}" ({role})', f"{count}: {cells}{more}", allowed)]


def _outcome_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> list[Fault]:
    """What the outcome's kind does not allow."""
    values = frame[outcome.column]
    if outcome.exposure is not None:
        bad = frame[outcome.exposure] <= 0
        faults = _rows_fault(frame, outcome.exposure, bad, "exposure", "zero or negative", "positive numbers")
    else:
        faults = []
    if outcome.negative == "net" and len(values) > 1:
        return faults + _net_fault(outcome, values)
    if outcome.kind == "revenue":
        allowed = 'zero or more; or negative = "exclude" or "net" in the plan'
        return faults + _rows_fault(frame, outcome.column, values < 0, "outcome", "negative", allowed)
    if outcome.kind == "count":
        bad = (values < 0) | (values != np.floor(values))
        return faults + _rows_fault(
            frame, outcome.column, bad, "outcome", "negative or fractional", "counts: whole numbers from 0"
        )
    if outcome.kind == "binary":
        bad = ~values.isin([0.0, 1.0])
        return faults + _rows_fault(frame, outcome.column, bad, "outcome", "other", "0 and 1 only")
    return faults


def _net_fault(outcome: OutcomeSection, values: pd.Series) -> list[Fault]:
    """A fraction of a mean that may be zero is no smallest effect of interest."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    if values.mean() > 2 * error:
        return []
    found = f"a mean of {values.mean():,.4g}, which may as well be zero (standard error {error:,.4g})"
    allowed = 'a mean clearly above zero, of which sesoi is a fraction; or kind = "continuous", sesoi in money'
    return [Fault(f'column "{printable(outcome.column)}" (outcome)', found, allowed)]


def _input_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> list[Fault]:
    """What cannot be the revenue, the cost and the hours of a return."""
    if outcome.kind != "roi":
        return []
    faults = []
    for column, role in ((outcome.column, "revenue"), (outcome.cost, "cost"), (outcome.hours, "hours")):
        if column is not None:
            faults += _rows_fault(frame, column, frame[column] < 0, role, "negative", "zero or more")
    nothing = pd.Series(invested(outcome, frame) <= 0, index=frame.index)
    if outcome.is_relative and not faults:
        allowed = 'something put in, in every row: a ratio needs it; or leave model = "poisson" out for the net return'
        faults += _rows_fault(frame, outcome.column, nothing, "outcome", "put in for nothing, revenue", allowed)
    return faults


def _net_of_inputs(plan: Plan, frame: pd.DataFrame, dataset: Dataset) -> tuple[pd.DataFrame, Dataset]:
    """Put the net return in the place of revenue, and say so in its name."""
    labels = dict(dataset.labels)
    for outcome in plan.outcome:
        if outcome.kind != "roi":
            continue
        of = f"{dataset.label(outcome.column)} per unit of money put in"
        if not outcome.is_relative:
            frame = frame.assign(**{outcome.column: frame[outcome.column] - invested(outcome, frame)})
            of = f"net return ({dataset.label(outcome.column)} less {_inputs(outcome, dataset)})"
        labels[outcome.column] = of
    return frame, replace(dataset, labels=labels)


def _inputs(outcome: OutcomeSection, dataset: Dataset) -> str:
    hours = f"{dataset.label(outcome.hours)} at {outcome.hour_price:g} each" if outcome.hours else ""
    return " and ".join(filter(None, [dataset.label(outcome.cost) if outcome.cost else "", hours]))


def _transform_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """log1p and sqrt have no value below zero."""
    faults = []
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for whole in section.columns:
            transform, halves = section.transform_of(whole), section.halves.get(whole, ())
            for column in [c for c in (whole, *halves) if c in frame and transform in ("log1p", "sqrt")]:
                allowed = f'zero or more, since transform = "{transform}"'
                faults += _rows_fault(frame, column, frame[column] < 0, role, "negative", allowed)
    return faults


def _score_half_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """A score is the mean of its halves: else what they share with engagement is not what the score shares."""
    faults = []
    for column, pair in plan.score.halves.items():
        how = np.log1p if plan.score.transform_of(column) == "log1p" else np.asarray
        score, first, second = (how(frame[name].to_numpy(dtype=float)) for name in (column, *pair))
        apart, spread = score - (first + second) / 2, float(np.std(score))
        if len(score) < 2 or np.sqrt(np.mean(apart**2)) <= ROUNDED * spread:
            continue
        after = ' after transform = "log1p"' if how is np.log1p else ""
        found = f"a column that is not the mean of its halves {listing(pair)}{after}: it differs from that mean by "
        found += f"{np.sqrt(np.mean(apart**2)):.3g} on average, where the score's standard deviation is {spread:.3g}"
        allowed = f"the mean of its two halves, but for rounding (up to {100 * ROUNDED:.0f} % of a standard deviation)"
        hint = "give halves on the score's own scale (a score that is their mean, not their sum)"
        faults.append(Fault(f'column "{printable(column)}" (score)', found, allowed, hint))
    return faults


def _range_faults(dataset: Dataset, frame: pd.DataFrame) -> list[Fault]:
    """Values outside the range that the codebook gives."""
    faults = []
    for column in frame:
        entry = dataset.column(column)
        if entry is None or entry.levels or not pd.api.types.is_float_dtype(frame[column]):
            continue
        low = -np.inf if entry.min is None else entry.min
        high = np.inf if entry.max is None else entry.max
        allowed = f"{low:g} to {high:g}, as the codebook says"
        bad = frame[column].notna() & ~frame[column].between(low, high)
        faults += _rows_fault(frame, column, bad, "codebook", "outside", allowed)
    return faults


def _constant_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """A score or outcome that is the same in every row answers nothing."""
    faults = []
    for column, role in plan.roles():
        if role in ("score", "outcome") and len(frame) > 1 and frame[column].nunique() == 1:
            value = f"{frame[column].iloc[0]:g} in each of {len(frame):,} rows"
            faults.append(Fault(f'column "{printable(column)}" ({role})', value, "at least two different values"))
    return faults
