"""Values that the plan cannot use: each a fault that names the rows, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.apart import is_code
from analysis.data.dataset import Dataset
from analysis.data.reading.cells import QUOTED, some_rows
from analysis.errors import Fault, column_place, listing, quoted
from analysis.plan import Plan
from analysis.plan.codebook import CodebookColumn
from analysis.plan.files import missing_values
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
        found = f"{count}: {some_rows(values.index, shown)}"
        hint = code_hint(str(values.name), values.unique())
        yield Fault(column_place(values.name, role), found, allowed, hint)


MOST_CODES = 4
"""More different values than this are no codes for a missing one."""


def code_hint(column: str, values: Iterable[float]) -> str:
    """Return the line that declares values as missing ones, where they are the usual codes for
    such; else nothing.

    >>> code_hint("sales", [-99.0])
    'If -99 stands for a missing value: [reading] missing_values = {sales = [-99]}'
    """
    codes = sorted(map(float, values))
    if not 0 < len(codes) <= MOST_CODES or not all(map(is_code, codes)):
        return ""
    shown = ", ".join(f"{code:.15g}" for code in codes)
    verb = "stands" if len(codes) == 1 else "stand"
    line = missing_values({column: codes})
    return f"If {shown} {verb} for a missing value: [reading] {line}"


@dataclass(frozen=True)
class ValueRule:
    """Values of a column that the plan does not allow.

    Attributes
    ----------
    column, role, what, allowed : str
    bad : callable
        Takes a number, a series or an expression over a table out of core; returns whether a value
        is one of them.
    in_extremes : bool
        Where there are any, the smallest or the largest value is one.
    """

    column: str
    role: str
    what: str
    allowed: str
    bad: Callable[[Any], Any]
    in_extremes: bool = True


def _outside(values: Any, low: float, high: float) -> Any:
    return (values < low) | (values > high)


OUTSIDE_KIND: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "revenue": (
        "negative",
        'zero or more; or negative = "exclude" or "net" in the plan',
        lambda values: values < 0,
    ),
    "count": (
        "negative or fractional",
        "counts: whole numbers from 0",
        lambda values: (values < 0) | (values % 1.0 != 0.0),
    ),
    "binary": (
        "other",
        "0 and 1 only; or level in [[outcome]], the value that counts as 1: level = 2",
        lambda values: (values != 0.0) & (values != 1.0),
    ),
}
"""What an outcome of a kind may not hold: what it is, what is allowed, and which values."""


def value_rules(
    plan: Plan, entries: Mapping[str, CodebookColumn | None], rows: int
) -> Iterator[ValueRule]:
    """Yield what the outcomes' kinds, the transforms and the codebook do not allow.

    Parameters
    ----------
    plan : Plan
    entries : mapping
        Of each numeric column of the plan to its entry in the codebook.
    rows : int
    """
    for outcome in plan.outcome:
        if outcome.exposure is not None:
            what, allowed = "zero or negative", "positive numbers"
            yield ValueRule(outcome.exposure, "exposure", what, allowed, lambda v: v <= 0)
        is_net = outcome.negative == "net" and rows > 1
        if outcome.kind in OUTSIDE_KIND and not is_net:
            limits, edges = OUTSIDE_KIND[outcome.kind], outcome.kind == "revenue"
            yield ValueRule(outcome.column, "outcome", *limits, in_extremes=edges)
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for column in section.columns:
            transform = section.transform_of(column)
            allowed = f'zero or more, since transform = "{transform}"'
            for name in (column, *section.halves.get(column, ())):
                if name in entries and transform in ("log1p", "sqrt"):
                    yield ValueRule(name, role, "negative", allowed, lambda v: v < 0)
    for column, entry in entries.items():
        if entry is not None and not entry.levels:
            low = -np.inf if entry.min is None else entry.min
            high = np.inf if entry.max is None else entry.max
            allowed, bad = f"{low:g} to {high:g}, as the codebook says", partial(_outside, low=low)
            yield ValueRule(column, "codebook", "outside", allowed, partial(bad, high=high))


def value_faults(plan: Plan, dataset: Dataset, frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield values that the outcomes' kinds, the transforms and the codebook do not allow."""
    for outcome in plan.outcome:
        if outcome.negative == "net" and len(frame) > 1:
            yield from _net_fault(frame[outcome.column])
    numeric = frame.select_dtypes("float")
    for rule in value_rules(plan, {c: dataset.column(c) for c in numeric}, len(frame)):
        values = frame[rule.column]
        yield from _rows_fault(values, rule.bad(values), rule.role, rule.what, rule.allowed)


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


def pattern_faults(plan: Plan, frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield columns that are constant, halves that are the same, and scores apart from theirs."""
    for column, role in plan.roles():
        if role in ("score", "outcome") and len(frame) > 1 and frame[column].nunique() == 1:
            found = f"{frame[column].iloc[0]:g} in each of {len(frame):,} rows"
            yield Fault(column_place(column, role), found, "at least two different values")
    if plan.cluster is not None and len(frame) > 1 and frame[plan.cluster.column].nunique() == 1:
        yield one_cluster(plan, len(frame))
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


def one_cluster(plan: Plan, rows: int) -> Fault:
    """Return the fault of a cluster column that has the same value in every row."""
    return Fault(
        column_place(plan.cluster.column, "cluster"),
        f"the same value in each of {rows:,} rows: one cluster",
        "six clusters or more, between which the effect can be seen to vary",
        "Name another column under [cluster], or leave the table out: then every row counts as"
        " independent.",
    )


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
