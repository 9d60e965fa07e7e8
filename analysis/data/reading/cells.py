"""Cells as text, numbers and dates: as the plan says that they are written, or as they look."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from analysis.data.reading.headers import named
from analysis.data.reading.written import EITHER, FEW_WORDS, FORMS, MOST_WORDS, PLAIN, Written
from analysis.errors import DataError, Fault, column_place, listing, printable, quoted
from analysis.plan.files import texts as list_of

if TYPE_CHECKING:
    from analysis.data.dataset import Dataset
    from analysis.plan import Plan
    from analysis.plan.codebook import ConversionSection

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
"""Texts that mean "no value" in a text file."""

NEVER = " (never calculated)"
"""What stands behind a formula of which a workbook stores no value."""

ERRORS = re.compile(
    r"#[\u00a1\u00bf]?[A-Z\u00c0-\u00dc][A-Z\u00c0-\u00dc/0_]*[!?]|#N/A|#NV|#N/D|#####*|Err:\d{3}|=.*"
    + re.escape(NEVER),
    re.DOTALL,
)
"""What a spreadsheet shows in place of a value, in any language: neither a gap nor a zero."""

FIRST_ROW = 2
"""The spreadsheet number of the first row of data: the header is row 1."""

LARGEST, SMALLEST = 1e100, 1e-100
"""Numbers beyond these cannot be squared and summed in double precision."""

QUOTED = 6
"""Cells at fault that a message quotes."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table and how it was read, before any of its values is understood.

    Attributes
    ----------
    frame : DataFrame
        Text stays text; other cells stay what they are.
    notes : tuple of str
        What was stated or detected about the file, each without a full stop.
    decimal : str
        The decimal mark of numbers in text cells.
    sha256 : str
        Of the file's bytes; empty for a database's answer.
    levels : dict of str to dict
        Of each column that the file calls a category: its cells and their labels.
    single : dict of str to dict
        Of each column of numbers in which the file names some: these cells and their labels.
    meanings : dict of str to str
        What the file says that a column means.
    numbered : bool
        Whether the frame's index has the rows' numbers in a spreadsheet.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    decimal: str = "."
    sha256: str = ""
    levels: dict[str, dict[str, str]] = field(default_factory=dict)
    single: dict[str, dict[str, str]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    numbered: bool = False


class TableError(DataError):
    """What is wrong with a table, for those who know its address: see `located`."""

    def __init__(self, *faults: Any):
        super().__init__("", *faults)


@contextlib.contextmanager
def located(where: object) -> Iterator[None]:
    """Say in the error of a table which address it has."""
    try:
        yield
    except TableError as error:
        raise DataError(where, error.faults) from None


def from_records(
    records: Sequence[Sequence[Any]], separator: str = "", *, at: int = 0, line: int = 1
) -> RawTable:
    """Return the table whose names one of the records has; with a `separator`, all cells are text.

    Parameters
    ----------
    records : sequence of sequences
    separator : str
        The mark between cells of a text file.
    at : int
        Where the names stand among the records.
    line : int
        The spreadsheet number of the first record.

    Raises
    ------
    TableError
        For columns without names and for rows whose number of cells differs from the header's.
    """
    header = [str(name) for name in records[at]] if at < len(records) else []
    others = [mark for mark in ";\t,|" if mark != separator and mark in "".join(header[:1])]
    if separator and len(header) == 1 and others:
        found = f"one column named {printable(header[0])}"
        allowed = f"cells separated by {quoted(separator)} (here they seem to be by"
        raise TableError(f"row {line + at} (header)", found, f"{allowed} {quoted(others[0])})")
    table, faults = named(records, at, line=line)
    if table is None:
        raise TableError(faults)
    numbers = table.numbers
    index = pd.RangeIndex(numbers) if isinstance(numbers, range) else pd.Index(numbers)
    kind = str if separator else object
    frame = pd.DataFrame(table.rows, columns=table.names, dtype=kind, index=index)
    return RawTable(frame, table.notes, numbered=True)


def holds_numbers(raw: pd.Series) -> bool:
    """Return whether a column's type is that of real numbers: no text, dates, booleans, complex."""
    kind = raw.dtype
    other = types.is_bool_dtype(kind) or types.is_complex_dtype(kind)
    return types.is_numeric_dtype(kind) and not other


def texts_of(raw: pd.Series) -> pd.Series:
    """Return the cells as a csv file would hold them, without outer blanks; None for no value."""
    if isinstance(raw.dtype, pd.StringDtype):
        texts = raw.str.strip()
    else:
        texts = pd.Series(list(map(_text, raw)), index=raw.index, dtype=object)
    return texts.where(texts.notna() & ~texts.isin(MISSING), None)


def _text(cell: Any) -> str | None:
    """Return one cell as text; a whole number has no decimal point, whatever type carries it."""
    if types.is_scalar(cell) and (cell is None or cell is pd.NA or cell is pd.NaT or cell != cell):
        return None
    if isinstance(cell, (float, np.floating)):
        whole = float(cell).is_integer() and abs(cell) < 2**53
        return str(int(cell)) if whole else repr(float(cell))
    try:
        return str(cell).strip()
    except ValueError:  # an integer of more than 4,300 digits
        return printable(cell)


def numbers_of(raw: pd.Series) -> pd.Series:
    """Return the cells as float64, NaN where there is no value or no number."""
    if holds_numbers(raw):
        return raw.astype(pd.Float64Dtype()).astype(float) if raw.hasnans else raw.astype(float)
    return pd.to_numeric(texts_of(raw).astype(object), errors="coerce").astype(float)


def equal_cells(raw: pd.Series, texts: pd.Series, value: str | float | bool) -> np.ndarray:
    """Return which cells equal a plan's value: as numbers, as true or false, or as text."""
    if isinstance(value, bool):
        return texts.str.casefold().isin(("true", "1") if value else ("false", "0")).to_numpy()
    if isinstance(value, (int, float)):
        return (numbers_of(raw) == value).to_numpy()
    return (texts == value).fillna(False).to_numpy(dtype=bool)


def some_rows(rows: pd.Index, shown: list[str]) -> str:
    """Return the first cells at fault by spreadsheet row, and how many more there are."""
    cells = [f"row {row} {cell}" for row, cell in zip(rows, shown, strict=False)]
    more = f" and {len(rows) - QUOTED} more" if len(rows) > QUOTED else ""
    return ", ".join(cells) + more


def odd_cells(
    raw: pd.Series,
    bad: pd.Series,
    place: str,
    *,
    what: str = "not numeric",
    allowed: str = "numbers, with a point for decimals",
    hint: str = "",
) -> list[Fault]:
    """Return one fault that quotes the cells at fault by spreadsheet row; none where none is."""
    rows = raw.index[bad.to_numpy()]
    if not len(rows):
        return []
    shown = [quoted(text, limit=30) for text in texts_of(raw.loc[rows[:QUOTED]])]
    noun = "cell is" if len(rows) == 1 else "cells are"
    return [Fault(place, f"{len(rows)} {noun} {what}: {some_rows(rows, shown)}", allowed, hint)]


def written(section: ConversionSection, decimal: str) -> Written:
    """Return how a column is written: what the plan says of it, and the file's decimal mark.

    Thousands are marked in amounts, percentages and abbreviated numbers where their three digits
    leave no doubt; in plain numbers only where the plan names the mark.
    """
    kind, thousands = section.number or "plain", section.thousands
    other = {".": ",", ",": "."}
    point = section.decimal or other.get(thousands or "", decimal)
    if thousands is None:
        thousands = "" if kind == "plain" else other[point]
    return Written(kind, point, thousands)


def convert(plan: Plan, dataset: Dataset, numeric: dict[str, bool], faults: list[Fault]) -> Dataset:
    """Return the dataset with numbers and dates where plan or file say how they are written.

    Parameters
    ----------
    plan : Plan
    dataset : Dataset
    numeric : dict of str to bool
        Columns that the plan uses as numbers; False where they may as well be text.
    faults : list of Fault
        Takes what cannot be converted, cell by cell.
    """
    columns: dict[str, pd.Series] = {}
    notes = []
    for name in [name for name in plan.columns if name not in dataset.converted]:
        raw, section = dataset.frame[name], plan.columns[name]
        if section.date is not None:
            columns[name] = _dates(raw, section.date, name, faults)
            notes.append(f"{printable(name)} as dates written {section.date}")
        else:
            form = written(section, dataset.decimal)
            columns[name] = _uncoded(_converted(raw, form, name, faults), dataset)
            notes.append(f"{printable(name)} as {form}")
    for name, always in numeric.items() if dataset.decimal == "," else ():
        raw = dataset.frame[name]
        if name not in columns and name not in dataset.converted and _has_marks(raw, always):
            commas = Written(decimal=",")
            columns[name] = _uncoded(_converted(raw, commas, name, faults), dataset)
    if not columns:
        return dataset
    converted = dataset.converted | set(columns)
    frame = dataset.frame.assign(**columns)
    return replace(dataset, frame=frame, notes=(*dataset.notes, *notes), converted=converted)


def _uncoded(values: pd.Series, dataset: Dataset) -> pd.Series:
    """Return converted numbers without those that were declared to stand for a missing value."""
    numbers = pd.to_numeric(
        pd.Series(dataset.codes.get(str(values.name), ()), dtype=object), "coerce"
    )
    return values.where(~values.isin(numbers.dropna().astype(float)))


def _has_marks(raw: pd.Series, always: bool) -> bool:
    """Return whether text has a point or comma; where it may be no number, whether most are."""
    if holds_numbers(raw):
        return False
    texts = texts_of(raw).dropna().astype(str)
    if not texts.str.contains("[.,]").any():
        return False
    return always or bool(texts.str.fullmatch(Written(decimal=",").pattern.pattern).mean() >= 0.5)


def _converted(raw: pd.Series, form: Written, name: str, faults: list[Fault]) -> pd.Series:
    """Return a column as float64; a cell that is not written that way is a fault."""
    place = column_place(name, "[columns]")
    if holds_numbers(raw):
        if form.kind == "percent":
            allowed = "leave the column out of [columns]: it is numbers already"
            faults.append(Fault(place, "numbers without a % sign", allowed))
        return raw
    texts = texts_of(raw)
    known = texts.notna()
    plain = pd.Series([isinstance(cell, (int, float, np.number)) for cell in raw], index=raw.index)
    plain &= form.kind != "percent"  # a spreadsheet's .0139 beside a text "1.39%"
    unique = {text: form.number(text) for text in texts[known & ~plain].unique()}
    values = pd.to_numeric(raw.where(plain & known), errors="coerce").astype(float)
    values = values.where(plain | ~known, texts.map(unique).astype(float))
    bad = values.isna() & known
    hint = _hint(texts[bad].unique().tolist(), bad.sum() / max(known.sum(), 1), name)
    faults += odd_cells(raw, bad, place, what="not so written", allowed=str(form), hint=hint)
    currencies = sorted({form.currency(text) for text in texts[known & ~plain].unique()} - {""})
    if len(currencies) > 1:  # adding them up says nothing
        found = f"{len(currencies)} currencies: {listing(currencies)}"
        faults.append(Fault(place, found, "amounts in one currency"))
    return values


def _hint(bad: list[str], share: float, name: str) -> str:
    """Return what could be done about cells that are written otherwise; empty if nobody knows."""
    if said := errors_among(bad):
        return said
    few = share < FEW_WORDS and 0 < len(bad) <= MOST_WORDS
    return _is_no_value(bad) if few and all(map(_is_word, bad)) else recognised(bad, name)


def _is_word(text: str) -> bool:
    return not any(map(str.isdigit, text))


def _is_no_value(words: list[str]) -> str:
    shown = list_of(printable(word, limit=20) for word in words)
    return f"No values? Then say so in the plan: [reading] missing_values = {shown}"


def _dates(raw: pd.Series, layout: str, name: str, faults: list[Fault]) -> pd.Series:
    """Return dates as "YYYY-MM-DD", with the time of day if the layout has one; None for none."""
    texts = texts_of(raw)
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return texts
    parsed = pd.to_datetime(texts.astype(object), format=layout, errors="coerce", exact=True)
    place, bad = column_place(name, "[columns]"), parsed.isna() & texts.notna()
    faults += odd_cells(raw, bad, place, what="no such date", allowed=f'dates written "{layout}"')
    timed = any(code in layout for code in ("%H", "%I", "%S", "%T", "%X", "%c"))
    days = parsed.dt.strftime("%Y-%m-%dT%H:%M:%S" if timed else "%Y-%m-%d")
    return days.astype(object).where(parsed.notna(), None)


def split_words(texts: list[str]) -> tuple[list[str], list[str]]:
    """Return cells with a digit, and the few different ones without any, which mean "no value".

    >>> split_words(["1,5", "2,5", "n/d"]), split_words(["red", "blue"])
    ((['1,5', '2,5'], ['n/d']), (['red', 'blue'], []))
    """
    words = list(filter(_is_word, texts))
    rest = [text for text in texts if not _is_word(text)]
    return (rest, words) if len(words) <= MOST_WORDS and len(words) < len(rest) else (texts, [])


def errors_among(texts: list[str]) -> str:
    """Return what to do about cells in which a spreadsheet shows an error; empty without any.

    >>> errors_among(["#REF!", "12"])[:30]
    'Errors of a spreadsheet are ne'
    """
    errors = [text for text in texts if ERRORS.fullmatch(text)]
    never = [text for text in errors if text.endswith(NEVER)]
    if never:
        return (
            "Formulas whose values were never stored: open the file in a spreadsheet, which"
            " calculates them, and save it"
        )
    if not errors:
        return ""
    shown = list_of(printable(word, limit=20) for word in errors[:MOST_WORDS])
    return (
        "Errors of a spreadsheet are neither gaps nor zeros: mend the formulas; or, if they mean"
        f" that there is no value, say [reading] missing_values = {shown}"
    )


def recognised(texts: list[Any], name: str) -> str:
    """Return what cells that are no numbers look like, and what the plan would say; or nothing.

    >>> recognised(["$1,200", "$80"], "price")
    'They look like amounts of money: [columns] "price" = {number = "money"}'
    """
    if said := errors_among([str(text) for text in texts]):
        return said
    cells, words = split_words([str(text) for text in texts])
    if words:
        return ". And ".join(filter(None, [recognised(cells, name), _is_no_value(words)]))
    key = f"[columns] {quoted(name, limit=60)} = "
    form = next((form for form in FORMS if form.fits(cells)), None) if cells else None
    if cells and all(map(EITHER.fullmatch, cells)):
        thousands, decimals = f'{key}{{thousands = ","}}', f'{key}{{decimal = ","}}'
        return f"A comma between thousands ({thousands}) or for decimals ({decimals})?"
    if form is None:
        return ""
    if form == PLAIN[0]:
        return f"They have a comma between thousands: {key}{form.conversion()}"
    if form == PLAIN[1]:
        every = 'or decimal = "," in [reading] for all'
        return f'They have a comma for decimals: {key}{{decimal = ","}}, {every}'
    return f"They look like {form.what}: {key}{form.conversion()}"
