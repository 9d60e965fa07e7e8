"""What a column looks like: its type, range and gaps, and whether its values may be shown to anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from analysis.dataset import MISSING, Dataset
from analysis.errors import printable
from analysis.start.words import PERSONAL, match

LOOKED_AT = 20_000
"""Cells of a text column whose form is looked at, evenly spaced."""

MOST = 0.9
"""Share of the known cells that have to have a form for the column to have it."""

FEW_LEVELS = 30
"""A text column of at most so many different values is a category."""

NUMBER = r"[-+−]?\d+([.,'\s]\d{3})*([.,]\d+)?"
MONEY = r"(?:[$€£¥₹]|US\$|USD|EUR|GBP|CHF)"
FORMS = {
    "a percentage": rf"{NUMBER}\s*%",
    "an amount of money": rf"[-+−]?{MONEY}\s*{NUMBER}\s*(k|m|mn|bn|b)?|{NUMBER}\s*(k|m|mn|bn|b)?\s*{MONEY}",
    "a number with a suffix": rf"{NUMBER}\s*(k|m|mn|mio|bn|b)",
    "a number with marks for thousands or a decimal comma": NUMBER,
}
"""How numbers are written that no program reads as numbers; the first that fits."""

DAYS = {
    "YYYY-MM-DD": r"\d{4}-\d{2}-\d{2}([T ].*)?", "DD.MM.YYYY": r"\d{1,2}\.\d{1,2}\.\d{2,4}.*",
    "DD/MM/YYYY or MM/DD/YYYY": r"\d{1,2}/\d{1,2}/\d{2,4}.*", "YYYY/MM/DD": r"\d{4}/\d{1,2}/\d{1,2}.*",
    "DD-MM-YYYY or MM-DD-YYYY": r"\d{1,2}-\d{1,2}-\d{4}.*",
}  # fmt: skip
"""How days are written."""

PAIRS = ({"no", "yes"}, {"n", "y"}, {"false", "true"}, {"nein", "ja"}, {"nee", "ja"}, {"non", "oui"}, {"no", "si"},
         {"no", "sí"}, {"nej", "ja"}, {"não", "sim"})  # fmt: skip
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
        How the cells are written, where they need a conversion: one of `FORMS` or of `DAYS`; empty otherwise.
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
        """Whether a model can take the column as it stands."""
        return self.type in ("integer", "number", "binary") and not self.form and not self.odd and self.known > 0

    @property
    def constant(self) -> bool:
        return self.distinct < 2

    @property
    def unique(self) -> bool:
        """Whether every row has a value, and no two rows the same."""
        return self.missing == 0 and self.distinct == self.known > 1

    def evidence(self, *, examples: bool = True) -> str:
        """Return what was seen: type, range, gaps and, where they may be shown, three values."""
        what = {"integer": "whole numbers", "number": "numbers", "binary": "two values", "date": "dates"}
        parts = [what.get(self.type, f"{self.type} of {self.distinct:,} different values")]
        if self.low is not None and self.high is not None:
            parts.append(f"{self.low:,.6g} to {self.high:,.6g}")
        if self.form and self.form not in DAYS:
            parts = [f"text: each cell is {self.form}"]
        elif self.form:
            parts = [f"dates written {self.form}"]
        share = self.missing / max(self.known + self.missing, 1)
        parts.append("none missing" if self.missing == 0 else f"{100 * share:.2g} % missing")
        if self.odd:
            parts.append(f"{self.odd:,} of the cells {'is no number' if self.odd == 1 else 'are no numbers'}")
        if self.personal:
            parts.append(f"values not shown ({self.personal})")
        elif self.examples and examples:
            parts.append("such as " + ", ".join(self.examples))
        return "; ".join(parts)


def profiles(dataset: Dataset) -> dict[str, Profile]:
    """Return what is seen of every column, in their order."""
    return {str(name): _profile(str(name), dataset.frame[name]) for name in dataset.frame.columns}


def _profile(name: str, raw: pd.Series) -> Profile:
    cells = _known(raw)
    numbers = pd.to_numeric(cells, errors="coerce").astype(float)
    finite = numbers[numbers.abs() < float("inf")]
    share = len(finite) / max(len(cells), 1)
    distinct = int(cells.nunique())
    kind, form, levels = _kind(cells, finite, share, distinct)
    counted = kind in ("integer", "number", "binary") and not form and not levels and len(finite) > 0
    personal = _why_personal(name, kind, cells)
    hidden = bool(personal) or kind == "text" or (kind == "date" and not form)
    return Profile(
        name, kind, form, len(cells), len(raw) - len(cells), len(cells) - len(finite) if counted else 0, distinct,
        *((float(finite.min()), float(finite.max()), float(finite.median())) if counted else (None, None, None)),
        levels, personal, () if hidden else _examples(cells, finite if counted else None),
    )  # fmt: skip


def _known(raw: pd.Series) -> pd.Series:
    """Return the cells that hold a value: numbers as numbers, anything else as text."""
    known = raw.dropna()
    types = pd.api.types
    if types.is_numeric_dtype(raw.dtype) and not types.is_bool_dtype(raw.dtype):
        return known
    texts = known.map(str).astype(object).str.strip() if len(known) else known.astype(object)
    return texts[~texts.isin(MISSING)]


def _kind(cells: pd.Series, finite: pd.Series, share: float, distinct: int) -> tuple[str, str, tuple[str, ...]]:
    """Return the type of a column, the form of its cells and the levels of a pair."""
    if cells.empty:
        return "text", "", ()
    if share >= MOST and not _has_leading_zeros(cells):
        whole = bool((finite % 1 == 0).all())
        binary = share == 1 and set(finite.unique()) == {0.0, 1.0}
        return ("binary" if binary else "integer" if whole else "number"), "", ()
    texts = cells.map(str).iloc[:: len(cells) // LOOKED_AT + 1]
    for form, pattern in DAYS.items():
        if _fits(texts, pattern):
            return "date", "" if form == "YYYY-MM-DD" else form, ()
    if not _has_leading_zeros(cells):
        for form, pattern in FORMS.items():
            if _fits(texts, pattern):
                return "number", form, ()
    values = sorted(set(cells.unique())) if distinct == 2 else []
    if {value.casefold() for value in values} in PAIRS:
        return "binary", "", tuple(sorted(values, key=_means_yes))
    return ("category" if distinct <= FEW_LEVELS and 2 * distinct <= len(cells) else "text"), "", ()


def _means_yes(value: str) -> bool:
    return value.casefold() in {"yes", "y", "true", "ja", "oui", "si", "sí", "sim"}


def _fits(texts: pd.Series, pattern: str) -> bool:
    return bool(texts.str.fullmatch(pattern, case=False).mean() >= MOST)


def _has_leading_zeros(cells: pd.Series) -> bool:
    """Return whether cells such as 007 tell that the digits are a name and no number."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return False
    return bool(cells.str.fullmatch(r"0\d+").any())


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
    shown = [printable(value, limit=24) if finite is None else f"{value:,.6g}" for value in values.iloc[:3]]
    return tuple(f'"{value}"' for value in shown) if finite is None else tuple(shown)
