"""Which columns a plan uses, in which role, and their cells as numbers or as names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import (
    ERRORS,
    LARGEST,
    SMALLEST,
    holds_numbers,
    numbers_of,
    odd_cells,
    texts_of,
)
from analysis.data.reading.conversion import errors_among, way_out
from analysis.data.selection.categories import (
    MEASURED,
    labelled_faults,
    names_of,
    no_measure,
    zero_or_one,
)
from analysis.errors import DataError, Fault, column_place, listing, unknown
from analysis.plan import Plan

EQUATION = (
    "outcome",
    "score",
    "score half",
    "engagement",
    "engagement half",
    "control",
    "exposure",
    "input",
)
"""Roles in an equation, in the order in which missing values are counted."""

TABLES = (
    ("cluster", "column", "cluster"),
    ("segment", "column", "segment"),
    ("algorithm", "changed", "algorithm"),
    ("algorithm", "old", "algorithm"),
    ("algorithm", "new", "algorithm"),
    ("algorithm", "time", "algorithm"),
    ("panel", "unit", "panel unit"),
    ("panel", "time", "panel time"),
    ("gaming", "episode", "gaming"),
    ("gaming", "unit", "panel unit"),
    ("gaming", "time", "panel time"),
)
"""Tables of a plan with a key that names a column, and the role of that column."""

BESIDE = ("segment", "algorithm", "panel unit", "panel time", "gaming", "part")
"""Roles the verdict does without: a row that lacks one is left out only of what needs it."""

NAMES = ("cluster", "segment", "panel unit", "panel time")
"""Roles of columns whose cells are names, whatever they look like."""


def _named(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (table, column, role) of the columns named outside the equation."""
    named = []
    for table, key, role in TABLES:
        name = getattr(getattr(plan, table), key, None)
        if table == "gaming" and plan.gaming is not None:
            name = name or getattr(plan.panel, key, None)
        named.append((table, name, role))
    parts = plan.parts.columns if plan.parts else ()
    named += [("parts", name, "part") for name in parts if name not in plan.engagement.halves]
    return [(table, name, role) for table, name, role in named if name is not None]


def columns_of(plan: Plan) -> dict[str, str]:
    """Return {column: role} in the order in which missing values are counted."""
    columns = dict(
        sorted(dict(reversed(plan.roles())).items(), key=lambda item: EQUATION.index(item[1]))
    )
    for _, name, role in _named(plan):
        columns.setdefault(name, role)
    return columns


def needed_columns(plan: Plan) -> list[str]:
    """Return the columns a row must have to be analysed, in the order in which gaps are counted."""
    return [column for column, role in columns_of(plan).items() if role not in BESIDE]


def tables_beside(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return {table of the plan: its columns that the verdict does without}."""
    roles, tables = columns_of(plan), {}
    for table, name, _ in _named(plan):
        if roles[name] in BESIDE:
            tables[table] = (*tables.get(table, ()), name)
    return tables


def gaming_columns(plan: Plan) -> tuple[str, ...]:
    """Return the columns of episodes, unit and time; those of [panel] where [gaming] says none."""
    return tuple(name for table, name, _ in _named(plan) if table == "gaming")


def require_columns(plan: Plan, dataset: Dataset, where: str) -> None:
    """Refuse a plan that names columns which the data do not have, all at once."""
    wanted = columns_of(plan) | {keep.column: "filter" for keep in plan.keep}
    for column in plan.columns:
        wanted.setdefault(column, "[columns]")
    if plan.row:
        wanted.setdefault(plan.row, "row")
    names = [str(name) for name in dataset.frame.columns]
    most = len(names) if dataset.simulated else 30  # of a simulated world one has seen no file
    faults = [
        unknown(column_place(name, role), "no such column", name, names, limit=most)
        for name, role in wanted.items()
        if name not in names
    ]
    if faults:
        raise DataError(where, faults)


# --- numbers and names ----------------------------------------------------------------------------


def numeric_columns(plan: Plan, dataset: Dataset) -> dict[str, bool]:
    """Return columns used as numbers; False for a control or filter, whose cells may be text."""
    columns = {}
    for keep in plan.keep:
        values = keep.among or (keep.equals,)
        bounded = keep.min is not None or keep.max is not None
        if bounded or any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            columns[keep.column] = bounded
    for column, role in columns_of(plan).items():
        entry = dataset.column(column)
        coded = entry is not None and (entry.levels or entry.type in ("text", "category", "date"))
        coded = coded or column in plan.controls.categories or column in dataset.levels
        if role not in NAMES and not coded:
            columns[column] = role != "control"
    return columns


def typed(plan: Plan, dataset: Dataset, rows: pd.Index, faults: list[Fault]) -> pd.DataFrame:
    """Return the plan's columns, numbers as float64 and text as str; collect what is neither."""
    columns = {}
    binary = {outcome.column: outcome for outcome in plan.outcome if outcome.kind == "binary"}
    for column, role in columns_of(plan).items():
        raw, place = dataset.frame.loc[rows, column], column_place(column, role)
        named = column in plan.controls.categories
        if role in NAMES or (role == "control" and (named or _is_text(raw, dataset, column))):
            columns[column] = names_of(raw, dataset).astype(object)
            faults += error_cells(columns[column], place)
            entry = dataset.column(column)
            if entry is not None and entry.levels:
                faults += _no_level(raw, columns[column], entry.levels, place)
            continue
        coded = None
        if column in binary and role == "outcome":
            coded = zero_or_one(raw, dataset, place, binary[column], faults)
        of_words = column in binary
        columns[column] = (
            _numeric(raw, dataset, place, role, faults, of_words=of_words)
            if coded is None
            else coded
        )
    return pd.DataFrame(columns, index=rows)


def error_cells(texts: pd.Series, place: str) -> list[Fault]:
    """Return the fault of texts that are errors of a spreadsheet: no names, and no gaps either."""
    bad = texts.isin([text for text in texts.dropna().unique() if ERRORS.fullmatch(str(text))])
    hint = errors_among(texts[bad].unique().tolist())
    what, allowed = "an error of a spreadsheet", "values"
    return odd_cells(texts, bad, place, what=what, allowed=allowed, hint=hint)


def _no_level(raw: pd.Series, texts: pd.Series, levels: tuple[str, ...], place: str) -> list[Fault]:
    """Refuse a text that is none of the levels its codebook lists."""
    bad, allowed = texts.notna() & ~texts.isin(levels), "one of " + listing(levels)
    return odd_cells(raw, bad, place, what="no level of the codebook", allowed=allowed)


def _is_text(raw: pd.Series, dataset: Dataset, column: str) -> bool:
    """Return whether a control is text: by its codebook, by its file, or as fewer than half of its
    cells are numbers.
    """
    entry = dataset.column(column)
    if entry is not None:
        return entry.type in ("text", "category", "date")
    if column in dataset.levels:
        return True
    known = 0 if holds_numbers(raw) else texts_of(raw).notna().sum()
    return bool(known) and numbers_of(raw).notna().sum() < 0.5 * known


def _numeric(
    raw: pd.Series,
    dataset: Dataset,
    place: str,
    role: str,
    faults: list[Fault],
    *,
    of_words: bool,
) -> pd.Series:
    """Return a column as float64: levels coded, other cells that are no numbers being faults.

    With `of_words`, "true" and "false" are 1 and 0.
    """
    entry = dataset.column(str(raw.name))
    if entry is not None and entry.levels:
        if entry.type in ("category", "text") and role in MEASURED:
            faults.append(no_measure(place, entry.levels))
        start = 0 if entry.type == "binary" else 1
        codes = {level: float(code) for code, level in enumerate(entry.levels, start)}
        texts = names_of(raw, dataset)
        faults += _no_level(raw, texts, entry.levels, place)
        return texts.map(codes).astype(float)
    faults += labelled_faults(raw, dataset, place, "" if of_words else role)
    cells = raw if holds_numbers(raw) else texts_of(raw)
    if of_words and cells is not raw:
        words = {"true": "1", "false": "0"}
        cells = cells.map(lambda text: words.get(text.casefold(), text), na_action="ignore")
    numbers = numbers_of(cells)
    odd = numbers.isna() & cells.notna()
    hint = way_out(cells[odd].unique().tolist(), odd.sum() / max(len(cells), 1), str(raw.name))
    if odd.any() and not hint and entry is not None and role == "control":
        line = dataset.type_line(str(raw.name))
        says = f'{line[0].upper()}{line[1:]} says type = "{entry.type}"'
        hint = f'{says}: type = "category" there takes the cells as text'
    size = numbers.abs()
    unit = f"numbers between {SMALLEST:g} and {LARGEST:g} in size: choose another unit"
    large, infinite = (size > LARGEST) & np.isfinite(size), np.isinf(numbers)
    faults += odd_cells(raw, odd, place, hint=hint)
    faults += odd_cells(raw, infinite, place, what="infinite", allowed="finite numbers")
    faults += odd_cells(raw, large, place, what="too large", allowed=unit)
    if 0 < size.max() < SMALLEST:
        faults.append(Fault(place, f"no number above {size.max():g} in size", unit))
    return numbers.where(np.isfinite(numbers))
