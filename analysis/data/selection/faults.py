"""Values that the plan cannot use: each a fault that names the rows, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import QUOTED, some_rows
from analysis.errors import Fault, column_place, listing, quoted
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection

ROUNDED = 0.03
"""Root mean square of a score less the mean of its halves that passes for rounding, in standard
deviations of the score: whole points of a score with a standard deviation of 10 are 0.029."""


def _rows_fault(
    values: pd.Series, bad: pd.Series | np.ndarray, role: str, what: str, allowed: str
) -> Iterator[Fault]:
    values = values[np.asarray(bad)]
    if len(values):
        shown = [f"({value:.10g})" for value in values.iloc[:QUOTED]]
        count = f"{len(values)} {what} value{'s' if len(values) > 1 else ''}"
        yield Fault(
            column_place(values.name, role), f"{count}: {some_rows(values.index, shown)}", allowed
        )


def outcome_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield what the outcome's kind does not allow."""
    values = frame[outcome.column]
    if outcome.exposure is not None:
        months = frame[outcome.exposure]
        allowed = "positive numbers"
        yield from _rows_fault(months, months <= 0, "exposure", "zero or negative", allowed)
    if outcome.negative == "net" and len(values) > 1:
        yield from _net_fault(values)
    elif outcome.kind == "revenue":
        allowed = 'zero or more; or negative = "exclude" or "net" in the plan'
        yield from _rows_fault(values, values < 0, "outcome", "negative", allowed)
    elif outcome.kind == "count":
        bad, what = (values < 0) | (values != np.floor(values)), "negative or fractional"
        yield from _rows_fault(values, bad, "outcome", what, "counts: whole numbers from 0")
    elif outcome.kind == "binary":
        bad = ~values.isin([0.0, 1.0])
        yield from _rows_fault(values, bad, "outcome", "other", "0 and 1 only")


def _net_fault(values: pd.Series) -> Iterator[Fault]:
    """Refuse a mean that may be zero: a fraction of it is no smallest effect of interest."""
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    if not mean > 2 * error:
        yield Fault(
            column_place(values.name, "outcome"),
            f"a mean of {mean:,.4g}, which may as well be zero (standard error {error:,.4g})",
            'a mean clearly above zero, of which sesoi is a fraction; or kind = "continuous", sesoi'
            " in money",
        )


def input_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> list[Fault]:
    """Return what cannot be the revenue, the cost and the hours of a return."""
    if outcome.kind != "roi":
        return []
    roles = {outcome.column: "revenue", outcome.cost: "cost", outcome.hours: "hours"}
    faults = [
        fault
        for name, role in roles.items()
        if name is not None
        for fault in _rows_fault(frame[name], frame[name] < 0, role, "negative", "zero or more")
    ]
    if outcome.is_relative and not faults:
        nothing, what = invested(outcome, frame) <= 0, "put in for nothing, revenue"
        allowed = (
            'something put in, in every row: a ratio needs it; or leave model = "poisson" out for'
            " the net return"
        )
        faults += _rows_fault(frame[outcome.column], nothing, "outcome", what, allowed)
    return faults


def transform_faults(plan: Plan, frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield negative values under log1p and sqrt, which have no value below zero."""
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for column in section.columns:
            transform = section.transform_of(column)
            allowed = f'zero or more, since transform = "{transform}"'
            for name in (column, *section.halves.get(column, ())):
                if name in frame and transform in ("log1p", "sqrt"):
                    negative = frame[name] < 0
                    yield from _rows_fault(frame[name], negative, role, "negative", allowed)


def range_faults(dataset: Dataset, frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield values outside the range that the codebook gives."""
    for column in frame:
        entry, values = dataset.column(column), frame[column]
        if entry is not None and not entry.levels and pd.api.types.is_float_dtype(values):
            low = -np.inf if entry.min is None else entry.min
            high = np.inf if entry.max is None else entry.max
            bad, allowed = ~values.between(low, high), f"{low:g} to {high:g}, as the codebook says"
            yield from _rows_fault(values, values.notna() & bad, "codebook", "outside", allowed)


def pattern_faults(plan: Plan, frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield columns that are constant, halves that are the same, and scores apart from theirs."""
    for column, role in plan.roles():
        if role in ("score", "outcome") and len(frame) > 1 and frame[column].nunique() == 1:
            found = f"{frame[column].iloc[0]:g} in each of {len(frame):,} rows"
            yield Fault(column_place(column, role), found, "at least two different values")
    for role, section in (("score", plan.score), ("engagement", plan.engagement)):
        for column, pair in section.halves.items():
            if len(frame) and (frame[pair[0]] == frame[pair[1]]).all():
                found = f"{listing(pair)}, which are the same number in every row"
                yield Fault(
                    f"[{role}] halves, {quoted(column)}",
                    found,
                    "two recordings of their own: how they differ tells how noisy a record is",
                )
    for column, pair in plan.score.halves.items():
        yield from _score_half_fault(plan, column, pair, frame)


def _score_half_fault(
    plan: Plan, column: str, pair: tuple[str, str], frame: pd.DataFrame
) -> Iterator[Fault]:
    """Refuse a score apart from the mean of its halves: they share another part with engagement."""
    logged = plan.score.transform_of(column) == "log1p"
    how = np.log1p if logged else np.asarray
    score, first, second = (how(frame[name].to_numpy(dtype=float)) for name in (column, *pair))
    apart = np.sqrt(np.mean((score - (first + second) / 2) ** 2)) if len(score) else 0.0
    spread = float(np.std(score)) if len(score) else 0.0
    if len(score) >= 2 and apart > ROUNDED * spread:
        after = ' after transform = "log1p"' if logged else ""
        yield Fault(
            column_place(column, "score"),
            f"a column that is not the mean of its halves {listing(pair)}{after}: it differs from"
            f" that mean by {apart:.3g} on average, where the score's standard deviation is"
            f" {spread:.3g}",
            f"the mean of its two halves, but for rounding (up to {100 * ROUNDED:.0f} % of a"
            " standard deviation)",
            "give halves on the score's own scale (a score that is their mean, not their sum)",
        )


def invested(outcome: OutcomeSection, frame: pd.DataFrame) -> np.ndarray:
    """Return the cost of an outcome of kind "roi" with its hours at their price, shape (rows,)."""
    total = np.zeros(len(frame))
    if outcome.cost is not None:
        total += frame[outcome.cost].to_numpy(dtype=float)
    if outcome.hours is not None:
        total += frame[outcome.hours].to_numpy(dtype=float) * outcome.hour_price
    return total
