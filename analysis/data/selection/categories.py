"""Columns that are categories: their labels, and what counts as 1 in a binary outcome."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.disclosure import few
from analysis.data.reading.cells import equal_cells, numbers_of, odd_cells, texts_of
from analysis.errors import Fault, listing, printable, quoted, unknown
from analysis.plan import Plan
from analysis.plan.files import missing_values
from analysis.plan.sections.outcome import OutcomeSection


def names_of(raw: pd.Series, dataset: Dataset) -> pd.Series:
    """Return the cells as text, or as the labels that file and codebook have for them."""
    texts, column = texts_of(raw), str(raw.name)
    labels, entry = dataset.levels.get(column), dataset.column(column)
    if not labels or (entry is not None and entry.levels and {*labels} & {*entry.levels}):
        return texts
    return texts.map(lambda cell: labels.get(cell, cell), na_action="ignore")


# --- categories where numbers are needed ----------------------------------------------------------

MEASURED = ("score", "score half", "engagement", "engagement half", "outcome", "exposure", "input")
"""Roles of columns whose numbers measure something."""

NO_ANSWER = re.compile(
    r"\b(no answer|not answered|refus\w*|do(n.?t| not) know|dk|missing|unknown|not applicable|n/?a"
    r"|inap\w*|not asked|no response|nonresponse|keine angabe|k\.? ?a\.?|wei(ss|ß) nicht|unbekannt"
    r"|trifft nicht zu|verweigert|fehlend|sans r.ponse|ne sait pas|no sabe|no contesta)(\W|$)",
    re.IGNORECASE,
)
"""What the label of a code says that means "no value"."""


def no_measure(place: str, levels: Iterable[str]) -> Fault:
    """Return the fault of a category in the place of a measurement."""
    shown = listing(list(levels), limit=6)
    return Fault(
        place,
        f"a category ({shown}), whose codes measure nothing",
        "numbers; or, where the levels have an order, a column of the codebook with"
        f' type = "ordinal", levels = [{", ".join(map(quoted, list(levels)[:6]))}], lowest first:'
        " they count as 1, 2, 3 ...",
        "A category can be held constant under [controls]",
    )


def labelled_faults(raw: pd.Series, dataset: Dataset, place: str, role: str) -> list[Fault]:
    """Refuse codes with labels where a measurement belongs, and codes whose label means no value.

    The numbers of a category type over numbers are those that were measured.
    """
    column, entry = str(raw.name), dataset.column(str(raw.name))
    labels = dataset.levels.get(column, {})
    coded = any(cell != text for cell, text in labels.items())
    if entry is None and role in MEASURED and coded and raw.nunique() > 2:
        return [no_measure(place, labels.values())]
    single = dataset.single.get(column, {})
    nothing = {cell: text for cell, text in single.items() if NO_ANSWER.search(text)}
    texts = texts_of(raw)
    bad = texts.isin(list(nothing))
    if not bad.any():
        return []
    used = [cell for cell in nothing if (texts == cell).any()]
    named = listing([f"{cell} is {quoted(nothing[cell])}" for cell in used])
    line = f"[reading] {missing_values({column: used})}"
    what = f"labelled as no value ({named})"
    return odd_cells(raw, bad, place, what=what, allowed=f"values; say in the plan: {line}")


# --- a binary outcome -----------------------------------------------------------------------------


def zero_or_one(
    raw: pd.Series,
    dataset: Dataset,
    place: str,
    outcome: OutcomeSection,
    faults: list[Fault],
) -> pd.Series | None:
    """Return a binary outcome as 0 and 1 where the plan says what counts as 1, or nobody does;
    None where its cells or the codebook tell.
    """
    names, texts = names_of(raw, dataset), texts_of(raw)
    known = texts.notna()
    counts = names[known].value_counts()
    shown = [str(name) for name, count in counts.items() if not few(int(count))]
    if outcome.level is not None:
        is_one = equal_cells(raw, texts, outcome.level) | equal_cells(raw, names, outcome.level)
        if not is_one.any():
            wanted = str(outcome.level)
            found = f"no cell with the level {quoted(wanted)}"
            faults.append(unknown(place, found, wanted, shown))
        return pd.Series(is_one, index=raw.index).astype(float).where(known)
    entry, words = dataset.column(outcome.column), {"true": "1", "false": "0"}
    if entry is None or not entry.levels or entry.type in ("category", "text"):
        numbers = numbers_of(texts.map(lambda cell: words.get(cell.casefold(), cell), "ignore"))
        others = known & ~numbers.isin([0.0, 1.0])
        if known.any() and others.all() and len(counts) <= MOST_WORDS:
            faults.append(_which_is_one(place, shown, numeric=bool(numbers[known].notna().all())))
            return pd.Series(np.nan, index=raw.index)
    return None


MOST_WORDS = 10
"""A binary outcome with more different words than this is told cell by cell."""


def _which_is_one(place: str, shown: list[str], *, numeric: bool) -> Fault:
    """Return the fault of a binary outcome in words, with the line that says which counts as 1."""
    level = shown[-1] if shown else "..."
    line = f"level = {level if numeric and shown else quoted(level)}"
    found = f"{listing(list(map(quoted, shown)), limit=6)} in place of 0 and 1"
    what = "value" if numeric else "word"
    return Fault(
        place,
        found,
        f"0 and 1; or say in the plan which {what} counts as 1: {line} in [[outcome]]",
        "Every other value counts as 0 then",
    )


def level_notes(plan: Plan) -> tuple[str, ...]:
    """Return what counts as 1 in each binary outcome of which the plan says so."""
    return tuple(
        f"{printable(outcome.column)} with {quoted(outcome.level)} counting as 1, all else as 0"
        for outcome in plan.outcome
        if outcome.level is not None
    )
