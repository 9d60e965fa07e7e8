"""Cells as the plan says that they are written: converted, and recognised where it does not say."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.data.reading import dates
from analysis.data.reading.cells import ERRORS, NEVER, holds_numbers, odd_cells, texts_of
from analysis.data.reading.written import EITHER, FEW_WORDS, FORMS, MOST_WORDS, PLAIN, Written
from analysis.errors import Fault, column_place, listing, printable, quoted
from analysis.plan.files import missing_values, text
from analysis.plan.files import texts as list_of

if TYPE_CHECKING:
    from analysis.data.dataset import Dataset
    from analysis.plan import Plan
    from analysis.plan.codebook import ConversionSection


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
            notes.append(f"{printable(name)} as {dates.shown(section.date)}")
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
    hint = way_out(texts[bad].unique().tolist(), bad.sum() / max(known.sum(), 1), name)
    faults += odd_cells(raw, bad, place, what="not so written", allowed=str(form), hint=hint)
    currencies = sorted({form.currency(text) for text in texts[known & ~plain].unique()} - {""})
    if len(currencies) > 1:  # adding them up says nothing
        found = f"{len(currencies)} currencies: {listing(currencies)}"
        faults.append(Fault(place, found, "amounts in one currency"))
    return values


def way_out(bad: list[str], share: float, name: str) -> str:
    """Return what could be done about cells that are written otherwise; empty if nobody knows."""
    if said := errors_among(bad):
        return said
    few = share < FEW_WORDS and 0 < len(bad) <= MOST_WORDS
    return _is_no_value(bad, name) if few and all(map(_is_word, bad)) else recognised(bad, name)


def _is_word(text: str) -> bool:
    return not any(map(str.isdigit, text))


def _is_no_value(words: list[str], name: str) -> str:
    line = missing_values({name: [text(printable(word, limit=20)) for word in words]})
    return f"No values? Then say so in the plan: [reading] {line}"


def _dates(
    raw: pd.Series, stated: str | tuple[str, ...], name: str, faults: list[Fault]
) -> pd.Series:
    """Return dates as "YYYY-MM-DD", with the time of day if the layout has one; None for none."""
    cells = texts_of(raw)
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return cells
    ready = pd.Series([isinstance(cell, datetime.date) for cell in raw], index=raw.index)
    moments, twice = dates.parsed(cells.where(~ready, None), stated)
    place, known = column_place(name, "[columns]"), cells.notna() & ~ready
    bad, allowed = moments.isna() & known, dates.shown(stated)
    hint = recognised(cells[bad].unique().tolist(), name)
    faults += odd_cells(raw, bad, place, what="no such date", allowed=allowed, hint=hint)
    one = "cells of which one format alone can be meant"
    faults += odd_cells(raw, twice & ~bad, place, what="two dates at once", allowed=one)
    layout = "%Y-%m-%dT%H:%M:%S" if dates.with_time(stated) else "%Y-%m-%d"
    days = moments.dt.strftime(layout).astype(object)
    return days.where(moments.notna(), cells.where(ready, None))


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
    shown = list_of(printable(word, limit=20) for word in dict.fromkeys(errors))
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
        return ". And ".join(filter(None, [recognised(cells, name), _is_no_value(words, name)]))
    key = f"[columns] {quoted(name, limit=60)} = "
    form = next((form for form in FORMS if form.fits(cells)), None) if cells else None
    if cells and all(map(EITHER.fullmatch, cells)):
        thousands, decimals = f'{key}{{thousands = ","}}', f'{key}{{decimal = ","}}'
        return f"A comma between thousands ({thousands}) or for decimals ({decimals})?"
    if form is None:
        return _dates_recognised(cells, key)
    if form == PLAIN[0]:
        return f"They have a comma between thousands: {key}{form.conversion()}"
    if form == PLAIN[1]:
        every = 'or decimal = "," in [reading] for all'
        return f'They have a comma for decimals: {key}{{decimal = ","}}, {every}'
    return f"They look like {form.what}: {key}{form.conversion()}"


def _dates_recognised(cells: list[str], key: str) -> str:
    """Return what cells look like that may be dates, and what the plan would say; or nothing."""
    words, conversion = dates.conversion_of(cells) if cells else ("", "")
    if not words:
        return ""
    if conversion:
        return f"They look like {words}: {key}{conversion}"
    return f'They look like {words}: {key}{{date = "..."}} says which'


def days_recognised(texts: pd.Series, name: str) -> str:
    """Return how cells that are no days may be written, and what the plan would say."""
    words, conversion = dates.counted(pd.to_numeric(texts, errors="coerce"))
    key = f"[columns] {quoted(name, limit=60)} = "
    if conversion:
        return f"They may be {words}: {key}{conversion}"
    said = _dates_recognised(texts.unique().tolist(), key)
    return said or f'Written otherwise: {key}{{date = "%d/%m/%Y"}}, say, in the plan'
