"""What a column looks like: what its name may mean, its type, range, gaps, and who may see it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pandas as pd

from analysis.data.apart import standing_apart
from analysis.data.dataset import Dataset
from analysis.data.names import DAYS, IDENTIFIER, PERSONAL, match, why_code
from analysis.data.reading import dates
from analysis.data.reading.cells import holds_numbers, texts_of
from analysis.data.reading.written import Form, form_of
from analysis.errors import quoted

# --- cells ----------------------------------------------------------------------------------------

LOOKED_AT = 20_000
"""Cells of a text column that are looked at for addresses of people, evenly spaced."""

MOST = 0.9
"""Share of the known cells that are numbers in a column of numbers; the others are told as odd."""

MOST_SHIFTED, SHIFTED = 3, 0.005
"""So few cells among plain numbers, and such a share of them, do not say how numbers are written:
their row may be shifted by a cell.
"""

FEW_LEVELS = 30
"""A text column of at most so many different values is a category."""

YES = frozenset({"yes", "y", "true", "ja", "oui", "si", "sí", "sim"})
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

CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|@\w+|\+?\d[\d ()/-]{8,}\d")
"""Addresses of people: e-mail, handles, telephone numbers."""

WEB = re.compile(r"https?://.*|www\..*")
"""Addresses of pages, pictures and profiles."""


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
        Of a binary text column: what counts as 0, what counts as 1; of what the file calls a
        category its labels.
    personal : str
        Why values are not shown, such as ``the name has "mail"``; empty where they may be.
    examples : tuple of str
        At most three values; none of a personal or free text column.
    words : tuple of str
        Of a category of two levels: both.
    apart : tuple of float
        Numbers that stand apart, as codes for a missing value do.
    code : str
        Why the numbers may name things; empty where they seem to measure.
    meaning : str
        What the file says that the column means.
    absent : tuple of str
        Words among numbers that say that there is no value.
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
    words: tuple[str, ...] = ()
    apart: tuple[float, ...] = ()
    code: str = ""
    meaning: str = ""
    absent: tuple[str, ...] = ()

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

    @property
    def years(self) -> bool:
        """Whether the numbers look like years, which nobody writes with a mark."""
        whole = self.type == "integer" and self.low is not None and self.high is not None
        return whole and YEARS[0] <= self.low and self.high <= YEARS[1]

    def evidence(self, *, examples: bool = True) -> str:
        """Return what was seen: type, range, gaps and, where they may be shown, three values."""
        if self.known == 0:
            return "no value in any row"
        parts = [WHAT.get(self.type, f"{self.type} of {self.distinct:,} different values")]
        if self.form:
            parts = [f"text: {self.form}"]
        if self.low is not None and self.high is not None:
            mark = "" if self.years else ","
            parts.append(f"{self.low:{mark}.6g} to {self.high:{mark}.6g}")
        share = self.missing / (self.known + self.missing)
        percent = f"{100 * share:.0f}" if 0.01 <= share < 0.995 else f"{100 * share:.3g}"
        parts.append(f"{percent} % missing" if self.missing else "none missing")
        if self.odd:
            are = "is no number" if self.odd == 1 else "are no numbers"
            parts.append(f"{self.odd:,} of the cells {are}")
        if self.apart:
            codes = ", ".join(f"{value:.15g}" for value in self.apart)
            parts.append(f"{codes} far from all others: a code for a missing value?")
        if self.code:
            parts.append(f"may name things ({self.code})")
        if self.personal:
            parts.append(f"values not shown ({self.personal})")
        elif self.examples and examples:
            parts.append("such as " + ", ".join(self.examples))
        return "; ".join(parts)


YEARS = (1000, 2200)
"""Whole numbers all of which lie between these are written as years are."""

WHAT = {
    "integer": "whole numbers",
    "number": "numbers",
    "binary": "two values",
    "date": "dates",
}
"""How evidence calls the types."""

Profiles = dict[str, Profile]


def profiles(dataset: Dataset) -> Profiles:
    """Return what is seen of every column, in their order."""
    frame, seen = dataset.frame, {}
    for name in map(str, frame):
        labels = dataset.levels.get(name)
        raw = frame[name]
        if labels:
            raw = texts_of(raw).map(lambda cell: labels.get(cell, cell), na_action="ignore")  # noqa: B023
        profile = _profile(name, raw.rename(name), dataset.decimal)
        if labels and not (profile.type == "binary" and profile.levels):
            profile = _category(profile, tuple(labels.values()), raw)
        seen[name] = replace(profile, meaning=dataset.meanings.get(name, ""))
    return seen


def _apart(numbers: pd.Series) -> tuple[float, ...]:
    """Return the codes that stand apart from all other numbers."""
    found = standing_apart(numbers.to_numpy(dtype=float)) or ()
    return tuple(value for one in found for value in one.values)


MOST_LISTED = 60
"""A codebook lists the levels of a category that has no more."""


def _category(profile: Profile, levels: tuple[str, ...], raw: pd.Series) -> Profile:
    """Return what is seen of a column that the file calls a category."""
    cells = texts_of(raw).dropna()
    others = [cell for cell in cells.unique() if cell not in levels]
    listed = () if profile.personal else tuple(dict.fromkeys([*levels, *others]))
    shown = [quoted(cell, limit=24) for cell in cells.unique()[:3]]
    return replace(
        profile,
        type="category",
        form="",
        conversion="",
        odd=0,
        distinct=int(cells.nunique()),
        low=None,
        high=None,
        median=None,
        code="",
        levels=listed if len(listed) <= MOST_LISTED else (),
        words=tuple(sorted(cells.unique())) if cells.nunique() == 2 else (),
        examples=() if profile.personal else tuple(shown),
    )


def _profile(name: str, raw: pd.Series, decimal: str) -> Profile:
    cells = raw.dropna() if holds_numbers(raw) else texts_of(raw).dropna()
    plain = cells if holds_numbers(cells) else cells.astype(object)  # read in half the time
    numbers = pd.to_numeric(plain, errors="coerce").astype(float)
    kind, form, levels = _kind(name, cells, numbers[numbers.abs() < float("inf")], decimal)
    numbers = form.numbers
    values = cells.map(str).unique() if kind == "category" else ()
    counted = kind in ("integer", "number", "binary") and not levels and len(numbers) > 0
    personal = _why_personal(name, kind, cells)
    hidden = personal or kind == "text" or (kind == "date" and not form.words)
    if counted and not form.words:
        mark = "" if YEARS[0] <= numbers.min() and numbers.max() <= YEARS[1] else ","
        shown = [f"{value:{mark}.6g}" for value in numbers.drop_duplicates().iloc[:3]]
    else:
        shown = [quoted(value, limit=24) for value in cells.drop_duplicates().iloc[:3]]
    return Profile(
        name,
        kind,
        form.words,
        form.conversion,
        known=len(cells),
        missing=len(raw) - len(cells),
        odd=len(cells) - len(numbers) if counted else 0,
        distinct=int(cells.nunique()),
        low=float(numbers.min()) if counted else None,
        high=float(numbers.max()) if counted else None,
        median=float(numbers.median()) if counted else None,
        levels=levels,
        personal=personal,
        examples=() if hidden else tuple(shown),
        words=tuple(sorted(values)) if kind == "category" and len(values) == 2 else (),
        apart=_apart(numbers) if counted and not form.words else (),
        code=why_code(name, numbers) if kind == "integer" and not form.words else "",
        absent=form.missing,
    )


def _kind(
    name: str, cells: pd.Series, numbers: pd.Series, decimal: str
) -> tuple[str, Form, tuple[str, ...]]:
    """Return the type of a column, the form of its cells with the numbers in them, and levels."""
    as_read = Form("text", numbers=numbers)
    text = not holds_numbers(cells) and len(cells) > 0
    zeros = text and cells.str.fullmatch(r"0\d+").any()  # 007 is a name and no number
    coded = text and cells.str.fullmatch(r"[A-Za-z]+[ _-]?\d+").any()  # as is EUR12 of an id
    named = zeros or (coded and bool(match(name, IDENTIFIER)))
    pointed = text and decimal == "," and cells.str.contains(".", regex=False).any()
    asked = text and (pointed or (len(numbers) < len(cells) and not _shifted(cells, numbers)))
    form = form_of(cells, decimal) if asked else None
    if len(numbers) == len(cells) > 0 and match(name, DAYS):
        words, conversion = dates.counted(numbers)
        form = Form("date", words, conversion) if conversion else form
    if form is not None and form.type == "date":
        return "date", replace(form, numbers=numbers), ()
    if form is not None and not named:
        form = form if form.numbers is not None else replace(form, numbers=numbers[:0])
        return "number" if form.words else _number_type(form.numbers, len(cells)), form, ()
    if len(cells) and len(numbers) >= MOST * len(cells) and not named:
        return _number_type(numbers, len(cells)), as_read, ()
    values = cells.map(str).unique()
    if len(values) == 2 and {value.casefold() for value in values} in PAIRS:
        levels = sorted(sorted(values), key=lambda value: value.casefold() in YES)
        return "binary", as_read, tuple(levels)
    few = len(values) <= FEW_LEVELS and 2 * len(values) <= len(cells)
    return "category" if few and len(cells) else "text", as_read, ()


def _shifted(cells: pd.Series, numbers: pd.Series) -> bool:
    """Return whether the cells that are no plain numbers are so few that their rows are shifted."""
    odd = len(cells) - len(numbers)
    if not 0 < odd <= MOST_SHIFTED or odd > SHIFTED * len(cells):
        return False
    strange = cells[~cells.index.isin(numbers.index)]
    return bool(strange.str.contains(r"\d").any())


def _number_type(numbers: pd.Series, cells: int) -> str:
    if len(numbers) == cells and set(numbers.unique()) == {0.0, 1.0}:
        return "binary"
    return "integer" if bool((numbers % 1 == 0).all()) else "number"


def _why_personal(name: str, kind: str, cells: pd.Series) -> str:
    """Return why a column may be about a person; numbers are so by name only."""
    word = match(name, PERSONAL)
    if word:
        return f'the name has "{word}"'
    if kind in ("text", "category") and len(cells):
        texts = cells.iloc[:: len(cells) // LOOKED_AT + 1].map(str)
        if texts.str.fullmatch(CONTACT).mean() > 0.05:
            return "cells look like addresses of people"
        if texts.str.fullmatch(WEB).mean() > 0.05:
            return "cells are web addresses, which may lead to people"
    return ""
