"""Rows that are no observation: codes for missing values, totals, copies of other rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.data.apart import FEWEST_ROWS, FEWEST_VALUES, Apart, standing_apart
from analysis.data.disclosure import count_or_none, few, shown_count
from analysis.data.reading.cells import holds_numbers, numbers_of, texts_of
from analysis.data.sample import Sample
from analysis.data.totals import Totals, find_totals
from analysis.errors import listing, printable
from analysis.plan.files import missing_values
from analysis.results.estimates import Check
from analysis.results.question import Question

ROWS_NAMED = 6
"""So many rows are named by their number in the file."""

SAME_ROWS = 0.5
"""A code stands in the rows of another column's where so many of either are the other's."""

MOST_ZEROS = 0.1
"""With a larger share of zeros a control has them as a value of its own."""


def rows_text(sample: Sample, at: np.ndarray) -> str:
    """Return rows by their numbers in the file, such as "rows 5, 9 and 12 more".

    Parameters
    ----------
    at : ndarray of int
        Positions in the analysis set.
    """
    numbers = [str(row) for row in sample.frame.index[at[:ROWS_NAMED]]]
    more = f" and {len(at) - ROWS_NAMED:,} more" if len(at) > ROWS_NAMED else ""
    return f"{'row' if len(at) == 1 else 'rows'} {', '.join(numbers)}{more}"


# --- values that stand apart ----------------------------------------------------------------------


def columns_looked_at(question: Question) -> Iterator[tuple[str, bool]]:
    """Yield (numeric column of the equation, whether its zero is a value like any other)."""
    plan, frame, seen = question.plan, question.sample.frame, set()
    money = question.outcome.kind in ("revenue", "count", "roi")
    pairs = [(question.score, False)]
    pairs += [
        (half, True)
        for column in plan.engagement.columns
        for half in plan.engagement.halves.get(column, (column,))
    ]
    pairs += [(column, False) for column in plan.controls.columns]
    pairs.append((question.outcome.column, money))
    for column, zero_counts in pairs:
        numeric = column in frame and pd.api.types.is_float_dtype(frame[column])
        if numeric and column not in seen:
            seen.add(column)
            yield column, zero_counts


def apart_in(question: Question, column: str, *, zero_counts: bool) -> list[Apart] | None:
    """Return the values of a column that stand apart; None where nobody could tell."""
    sample = question.sample
    known = "apart", column
    if known not in sample.kept:
        values = sample.frame[column].to_numpy(dtype=float)
        there = np.flatnonzero(np.isfinite(values))
        found = standing_apart(values[there], zero_counts=zero_counts)
        if found is not None and column in question.plan.controls.columns:
            most = MOST_ZEROS * len(values)
            found = [one for one in found if one.values != (0.0,) or len(one.rows) <= most]
        sample.kept[known] = None if found is None else [_at(one, there) for one in found]
    return sample.kept[known]


def _at(one: Apart, there: np.ndarray) -> Apart:
    return Apart(there[one.rows], one.values, one.side, one.edge, one.next)


def check_isolated(question: Question) -> Check:
    """Return the check that no few values stand apart from all others, as codes for missing ones,
    typing errors and other units do.
    """
    said, looked, skipped = [], [], []
    rows_of: dict[float, np.ndarray] = {}
    coded: dict[str, list[float]] = {}
    for column, zero_counts in columns_looked_at(question):
        found = apart_in(question, column, zero_counts=zero_counts)
        if found is None:
            skipped.append(column)
            continue
        looked.append(column)
        said += [_apart_text(question.sample, column, one) for one in found]
        if codes := sorted({code for one in found for code in one.values}):
            coded[column] = codes
        rows_of |= {code: one.rows for one in found for code in one.values}
    for column, code in _same_code(question, rows_of, coded):
        coded[column] = sorted([*coded.get(column, []), code])
        said.append(f"{printable(column)} is {code:.15g} in the same rows.")
    without = (
        f"Not looked at: {listing(list(map(printable, skipped)))} (fewer than"
        f" {FEWEST_VALUES} different values or {FEWEST_ROWS} rows)."
        if skipped
        else ""
    )
    if not looked:
        reason = without or "No column of numbers could be looked at."
        return question.check("isolated", None, reason, assessed=False)
    if said:
        return question.check("isolated", False, " ".join([*said, *_codes_line(coded)]), len(said))
    reason = f"No few values of {listing(list(map(printable, looked)))} stand apart from the rest."
    return question.check("isolated", True, " ".join(filter(None, [reason, without])), 0.0)


def _same_code(
    question: Question, rows_of: dict[float, np.ndarray], coded: dict[str, list[float]]
) -> Iterator[tuple[str, float]]:
    """Yield (column, code) where a code of another column stands in the same rows, and hardly in
    others.
    """
    for column, _ in columns_looked_at(question):
        values = question.sample.frame[column].to_numpy(dtype=float)
        for code, rows in rows_of.items():
            same = values == code
            there = int(same[rows].sum())
            often = there >= max(2, SAME_ROWS * len(rows))
            if often and there >= SAME_ROWS * same.sum() and code not in coded.get(column, ()):
                yield column, code


def _codes_line(coded: dict[str, list[float]]) -> list[str]:
    """Return what to write where codes of missing values were found, one line for all columns."""
    return [f"If so, write [reading] {missing_values(coded)}."] if coded else []


def _apart_text(sample: Sample, column: str, one: Apart) -> str:
    """Return which rows stand apart, and the line to write where a code is what they hold."""
    rows, name = rows_text(sample, one.rows), printable(column)
    if one.values:
        codes = ", ".join(f"{value:.15g}" for value in one.values)
        beyond = "below" if one.side == "below" else "above"
        return f"{name} is {codes} in {rows}, far {beyond} all others: a code for a missing value?"
    # a value of so few rows could be a person's
    to = "up to" if one.side == "below" else "from"
    far = (
        f"far {one.side} all others"
        if few(len(one.rows))
        else f"{to} {one.edge:g}; the next one is {one.next:g}"
    )
    return f"{shown_count(len(one.rows))} rows with {name} {far} ({rows}): errors or another unit?"


# --- totals ---------------------------------------------------------------------------------------


def totals_of(sample: Sample) -> list[Totals]:
    """Return the analysed rows that hold the sum or mean of others in the whole file."""
    if "totals" not in sample.kept:
        sample.kept["totals"] = _totals_of(sample)
    return sample.kept["totals"]


def _totals_of(sample: Sample) -> list[Totals]:
    file = sample.dataset.frame
    measured = [
        column
        for column, _ in sample.plan.roles()
        if column in file and pd.api.types.is_float_dtype(sample.frame.get(column))
    ]
    numbers = pd.DataFrame({column: numbers_of(file[column]) for column in measured})
    words = {}
    for name in map(str, file.columns):
        if name not in measured and not holds_numbers(file[name]):
            words[name] = texts_of(file[name])
    place = pd.Series(np.arange(sample.rows), index=sample.frame.index)
    found = []
    for one in find_totals(numbers, pd.DataFrame(words, index=file.index)):
        rows = place.reindex(file.index[one.rows]).dropna().astype(int).to_numpy()
        if len(rows):
            found.append(Totals(rows, one.what, one.named))
    return found


def check_totals(sample: Sample) -> Check:
    """Return the check that no row is the sum or mean of others."""
    name = sample.plan.name
    if sample.raw is None:
        reason = "Beyond memory no row is compared with the sum of others."
        return Check(name, "total_rows", None, reason, assessed=False)
    if len(sample.dataset.frame) < FEWEST_ROWS // 4:
        reason = "Too few rows to tell a total from an observation."
        return Check(name, "total_rows", None, reason, assessed=False)
    found = totals_of(sample)
    if not found:
        reason = "No row is named as a total, or holds the sum or the mean of others."
        return Check(name, "total_rows", True, reason, 0.0)
    count = sum(len(one.rows) for one in found)
    said = [
        f"{rows_text(sample, one.rows)} {'holds' if len(one.rows) == 1 else 'hold'} {one.what}"
        + (f', as "{printable(one.named)}" says' if one.named else "")
        for one in found
    ]
    text = "; ".join(said)
    reason = f"{text[0].upper()}{text[1:]}: no observation. {_way_out(sample, found)}"
    return Check(name, "total_rows", False, reason, count_or_none(count))


def _way_out(sample: Sample, found: list[Totals]) -> str:
    """Return a line that leaves such rows out: their score is declared missing."""
    column = sample.plan.score.columns[0]
    values = sample.frame[column].to_numpy()[np.concatenate([one.rows for one in found])]
    if len(values) > ROWS_NAMED or sample.frame[column].isin(values).sum() > len(values):
        return "Leave such rows out of the file's copy, or out by a [[keep]]."
    line = missing_values({column: values})
    return f"To leave such rows out, declare what stands there as missing: [reading] {line}."


def odd_rows(question: Question) -> np.ndarray:
    """Return the mask of rows that hold a value that stands apart, or the total of others."""
    odd = np.zeros(question.sample.rows, dtype=bool)
    for column, zero_counts in columns_looked_at(question):
        for one in apart_in(question, column, zero_counts=zero_counts) or ():
            odd[one.rows] = True
    if question.sample.raw is not None:
        for total in totals_of(question.sample):
            odd[total.rows] = True
    return odd
