"""What a column looks like: its type, range and gaps, and whether its values may be shown to
anybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from analysis.data.dataset import Dataset
from analysis.data.reading.cells import holds_numbers, texts_of
from analysis.data.reading.written import Form, form_of
from analysis.errors import printable
from analysis.start.words import IDENTIFIER, PERSONAL, match

LOOKED_AT = 20_000
"""Cells of a text column that are looked at for addresses of people, evenly spaced."""

MOST = 0.9
"""Share of the known cells that are numbers in a column of numbers; the others are told as odd."""

FEW_LEVELS = 30
"""A text column of at most so many different values is a category."""

PAIRS = (
    {"no", "yes"},
    {"n", "y"},
    {"false", "true"},
    {"nein", "ja"},
    {"nee", "ja"},
    {"non", "oui"},
    {"no", "si"},
    {"no", "sí"},
    {"nej", "ja"},
    {"não", "sim"},
)
"""Words of which everybody knows which is 0 and which is 1."""

CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://.*|www\..*|@\w+|\+?\d[\d ()/-]{8,}\d")
"""Addresses of people: e-mail, web, handles, telephone numbers."""


@dataclass(frozen=True)
class Profile:
    """What is seen of one column.

    Attributes
    ----------
    name : str
    type : str
        As a codebook has it: text, category, integer, number, date or binary.
    form : str
        How the cells are written, where they need a conversion, such as ``amounts of money``; empty
        otherwise.
    conversion : str
        What `[columns]` says to have them converted; empty where nothing is needed or the cells do
        not tell.
    known, missing : int
        Cells with and without a value.
    odd : int
        Known cells that are no numbers, in a column of numbers.
    distinct : int
        Different values.
    low, high, median : float or None
        Of the numbers.
    levels : tuple of str
        Of a binary text column: what counts as 0, what counts as 1.
    personal : str
        Why values are not shown, such as ``the name has "mail"``; empty where they may be.
    examples : tuple of str
        At most three values; none of a personal or free text column.
    """

    name: str
    type: str
    form: str
    conversion: str
    known: int
    missing: int
    odd: int
    distinct: int
    low: float | None
    high: float | None
    median: float | None
    levels: tuple[str, ...]
    personal: str
    examples: tuple[str, ...]

    @property
    def numeric(self) -> bool:
        """Whether a model can take the column, as it stands or converted."""
        known = self.known > 0 and not self.odd and (self.conversion or not self.form)
        return self.type in ("integer", "number", "binary") and bool(known)

    @property
    def constant(self) -> bool:
        return self.distinct < 2

    @property
    def unique(self) -> bool:
        """Whether every row has a value, and no two rows the same."""
        return self.missing == 0 and self.distinct == self.known > 1

    def evidence(self, *, examples: bool = True) -> str:
        """Return what was seen: type, range, gaps and, where they may be shown, three values."""
        what = {
            "integer": "whole numbers",
            "number": "numbers",
            "binary": "two values",
            "date": "dates",
        }
        parts = [what.get(self.type, f"{self.type} of {self.distinct:,} different values")]
        if self.low is not None and self.high is not None:
            parts.append(f"{self.low:,.6g} to {self.high:,.6g}")
        if self.form:
            parts[0] = f"text: {self.form}"
        share = self.missing / max(self.known + self.missing, 1)
        if self.known == 0:
            return "no value in any row"
        percent = f"{100 * share:.0f}" if 0.01 <= share < 0.995 else f"{100 * share:.3g}"
        parts.append("none missing" if self.missing == 0 else f"{percent} % missing")
        if self.odd:
            parts.append(
                f"{self.odd:,} of the cells {'is no number' if self.odd == 1 else 'are no numbers'}"
            )
        if self.personal:
            parts.append(f"values not shown ({self.personal})")
        elif self.examples and examples:
            parts.append("such as " + ", ".join(self.examples))
        return "; ".join(parts)


def profiles(dataset: Dataset) -> dict[str, Profile]:
    """Return what is seen of every column, in their order."""
    return {
        str(name): _profile(str(name), dataset.frame[name], dataset.decimal)
        for name in dataset.frame.columns
    }


def _profile(name: str, raw: pd.Series, decimal: str) -> Profile:
    cells = raw.dropna() if holds_numbers(raw) else texts_of(raw).dropna()
    plain = (
        cells if holds_numbers(cells) else cells.astype(object)
    )  # of these numbers are read in half the time
    numbers = pd.to_numeric(plain, errors="coerce").astype(float)
    numbers = numbers[numbers.abs() < float("inf")]
    kind, form, numbers, levels = _kind(name, cells, numbers, decimal)
    counted = kind in ("integer", "number", "binary") and not levels and len(numbers) > 0
    personal = _why_personal(name, kind, cells)
    hidden = bool(personal) or kind == "text" or (kind == "date" and not form.words)
    as_they_stand = counted and not form.words
    return Profile(
        name,
        kind,
        form.words,
        form.conversion,
        len(cells),
        len(raw) - len(cells),
        len(cells) - len(numbers) if counted else 0,
        int(cells.nunique()),
        *(
            (float(numbers.min()), float(numbers.max()), float(numbers.median()))
            if counted
            else (None, None, None)
        ),
        levels,
        personal,
        () if hidden else _examples(cells, numbers if as_they_stand else None),
    )


NOTHING = Form("text")


def _kind(
    name: str, cells: pd.Series, numbers: pd.Series, decimal: str
) -> tuple[str, Form, pd.Series, tuple[str, ...]]:
    """Return the type of a column, the form of its cells, the numbers in them and the levels of a
    pair.
    """
    if cells.empty:
        return "text", NOTHING, numbers, ()
    names = _has_leading_zeros(cells) or (
        bool(match(name, IDENTIFIER)) and _has_letters_first(cells)
    )
    form = form_of(cells, decimal) if _need_a_form(cells, numbers, decimal) else None
    if form is not None and form.type == "date":
        return "date", form, numbers, ()
    if form is not None and not names:
        found = numbers[:0] if form.numbers is None else form.numbers
        return ("number" if form.words else _number_type(found, len(cells))), form, found, ()
    if len(numbers) >= MOST * len(cells) and not names:
        return _number_type(numbers, len(cells)), NOTHING, numbers, ()
    texts = cells.map(str)
    distinct = texts.nunique()
    values = sorted(texts.unique()) if distinct == 2 else []
    if {value.casefold() for value in values} in PAIRS:
        return "binary", NOTHING, numbers, tuple(sorted(values, key=_means_yes))
    few = distinct <= FEW_LEVELS and 2 * distinct <= len(cells)
    return ("category" if few else "text"), NOTHING, numbers, ()


def _need_a_form(cells: pd.Series, numbers: pd.Series, decimal: str) -> bool:
    """Return whether cells are text that is no plain number; with decimal commas, a point is no
    plain number either.
    """
    if holds_numbers(cells):
        return False
    return len(numbers) < len(cells) or (
        decimal == "," and bool(cells.str.contains(".", regex=False).any())
    )


def _number_type(numbers: pd.Series, cells: int) -> str:
    if len(numbers) == cells and set(numbers.unique()) == {0.0, 1.0}:
        return "binary"
    return "integer" if bool((numbers % 1 == 0).all()) else "number"


def _means_yes(value: str) -> bool:
    return value.casefold() in {"yes", "y", "true", "ja", "oui", "si", "sí", "sim"}


def _has_leading_zeros(cells: pd.Series) -> bool:
    """Return whether cells such as 007 tell that the digits are a name and no number."""
    return not holds_numbers(cells) and bool(cells.str.fullmatch(r"0\d+").any())


def _has_letters_first(cells: pd.Series) -> bool:
    """Return whether cells such as EUR12, in a column that names things, are names and no
    amounts.
    """
    return not holds_numbers(cells) and bool(cells.str.fullmatch(r"[A-Za-z]+[ _-]?\d+").any())


def _why_personal(name: str, kind: str, cells: pd.Series) -> str:
    """Return why a column may be about a person; numbers are so by name only."""
    word = match(name, PERSONAL)
    if word:
        return f'the name has "{word}"'
    if kind in ("text", "category") and len(cells):
        texts = cells.iloc[:: len(cells) // LOOKED_AT + 1].map(str)
        if texts.str.fullmatch(CONTACT).mean() > 0.05:
            return "cells look like addresses of people"
    return ""


def _examples(cells: pd.Series, finite: pd.Series | None) -> tuple[str, ...]:
    values = cells.drop_duplicates() if finite is None else finite.drop_duplicates()
    shown = [
        printable(value, limit=24) if finite is None else f"{value:,.6g}"
        for value in values.iloc[:3]
    ]
    return tuple(f'"{value}"' for value in shown) if finite is None else tuple(shown)
