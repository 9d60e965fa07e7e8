"""Values that the plan cannot use: each a fault that names the rows, and all of them at once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.errors import Fault, listing, printable
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection

ROUNDED = 0.03
"""Root mean square of a score less the mean of its halves that passes for rounding, in standard
deviations of the score: whole points of a score with a standard deviation of 10 are 0.029."""


def _rows_fault(
    frame: pd.DataFrame, column: str, bad: pd.Series, role: str, what: str, allowed: str
) -> list[Fault]:
    if not bad.any():
        return []
    values = frame[column][bad.to_numpy()]
    cells = listing(
        [f"row {row} ({value:.10g})" for row, value in values.iloc[:6].items()], limit=6
    )
    more = f" and {len(values) - 6} more" if len(values) > 6 else ""
    count = f"{len(values)} {what} value{'s' if len(values) > 1 else ''}"
    return [Fault(f'column "{printable(column)}" ({role})', f"{count}: {cells}{more}", allowed)]


def outcome_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> list[Fault]:
    """What the outcome's kind does not allow."""
    values = frame[outcome.column]
    if outcome.exposure is not None:
        bad = frame[outcome.exposure] <= 0
        faults = _rows_fault(
            frame, outcome.exposure, bad, "exposure", "zero or negative", "positive numbers"
        )
    else:
        faults = []
    if outcome.negative == "net" and len(values) > 1:
        return faults + _net_fault(outcome, values)
    if outcome.kind == "revenue":
        allowed = 'zero or more; or negative = "exclude" or "net" in the plan'
        return faults + _rows_fault(
            frame, outcome.column, values < 0, "outcome", "negative", allowed
        )
    if outcome.kind == "count":
        bad = (values < 0) | (values != np.floor(values))
        return faults + _rows_fault(
            frame,
            outcome.column,
            bad,
            "outcome",
            "negative or fractional",
            "counts: whole numbers from 0",
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
    found = (
        f"a mean of {values.mean():,.4g}, which may as well be zero (standard error {error:,.4g})"
    )
    allowed = (
        'a mean clearly above zero, of which sesoi is a fraction; or kind = "continuous", sesoi in'
        " money"
    )
    return [Fault(f'column "{printable(outcome.column)}" (outcome)', found, allowed)]


def input_faults(outcome: OutcomeSection, frame: pd.DataFrame) -> list[Fault]:
    """What cannot be the revenue, the cost and the hours of a return."""
    if outcome.kind != "roi":
        return []
    faults = []
    for column, role in (
        (outcome.column, "revenue"),
        (outcome.cost, "cost"),
        (outcome.hours, "hours"),
    ):
        if column is not None:
            faults += _rows_fault(
                frame, column, frame[column] < 0, role, "negative", "zero or more"
            )
    nothing = pd.Series(invested(outcome, frame) <= 0, index=frame.index)
    if outcome.is_relative and not faults:
        allowed = (
            'something put in, in every row: a ratio needs it; or leave model = "poisson" out for'
            " the net return"
        )
        faults += _rows_fault(
            frame, outcome.column, nothing, "outcome", "put in for nothing, revenue", allowed
        )
    return faults


def transform_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """log1p and sqrt have no value below zero."""
    faults = []
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for whole in section.columns:
            transform, halves = section.transform_of(whole), section.halves.get(whole, ())
            for column in [
                c for c in (whole, *halves) if c in frame and transform in ("log1p", "sqrt")
            ]:
                allowed = f'zero or more, since transform = "{transform}"'
                faults += _rows_fault(frame, column, frame[column] < 0, role, "negative", allowed)
    return faults


def same_half_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """Two recordings tell by their difference how noisy one is: there has to be one."""
    faults = []
    for role, section in (("score", plan.score), ("engagement", plan.engagement)):
        for column, pair in section.halves.items():
            first, second = (frame[name].to_numpy(dtype=float) for name in pair)
            if len(first) and (first == second).all():
                found = f"{listing(pair)}, which are the same number in every row"
                allowed = "two recordings of their own: how they differ tells how noisy a record is"
                faults.append(Fault(f'[{role}] halves, "{printable(column)}"', found, allowed))
    return faults


def score_half_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """A score is the mean of its halves: else what they share with engagement is not what the score
    shares.
    """
    faults = []
    for column, pair in plan.score.halves.items():
        how = np.log1p if plan.score.transform_of(column) == "log1p" else np.asarray
        score, first, second = (how(frame[name].to_numpy(dtype=float)) for name in (column, *pair))
        apart, spread = score - (first + second) / 2, float(np.std(score))
        if len(score) < 2 or np.sqrt(np.mean(apart**2)) <= ROUNDED * spread:
            continue
        after = ' after transform = "log1p"' if how is np.log1p else ""
        found = (
            f"a column that is not the mean of its halves {listing(pair)}{after}: it differs from"
            " that mean by "
        )
        found += (
            f"{np.sqrt(np.mean(apart**2)):.3g} on average, where the score's standard deviation is"
            f" {spread:.3g}"
        )
        allowed = (
            f"the mean of its two halves, but for rounding (up to {100 * ROUNDED:.0f} % of a"
            " standard deviation)"
        )
        hint = "give halves on the score's own scale (a score that is their mean, not their sum)"
        faults.append(Fault(f'column "{printable(column)}" (score)', found, allowed, hint))
    return faults


def range_faults(dataset: Dataset, frame: pd.DataFrame) -> list[Fault]:
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


def constant_faults(plan: Plan, frame: pd.DataFrame) -> list[Fault]:
    """A score or outcome that is the same in every row answers nothing."""
    faults = []
    for column, role in plan.roles():
        if role in ("score", "outcome") and len(frame) > 1 and frame[column].nunique() == 1:
            value = f"{frame[column].iloc[0]:g} in each of {len(frame):,} rows"
            faults.append(
                Fault(
                    f'column "{printable(column)}" ({role})', value, "at least two different values"
                )
            )
    return faults


def invested(outcome: OutcomeSection, frame: pd.DataFrame) -> np.ndarray:
    """Return the money and the hours at their price that an outcome of kind "roi" took, in money,
    shape (rows,).
    """
    total = np.zeros(len(frame))
    if outcome.cost is not None:
        total += frame[outcome.cost].to_numpy(dtype=float)
    if outcome.hours is not None:
        total += frame[outcome.hours].to_numpy(dtype=float) * outcome.hour_price
    return total
