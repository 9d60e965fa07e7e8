"""How the cells of a column are written, and what `[columns]` would say to have them read as
numbers or dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from analysis.data.reading.conversion import FEW_WORDS, MOST_WORDS, Written
from analysis.start.toml import table

PLAIN = "numbers with marks for thousands or decimals"
WORDED = "numbers, and a few words or dashes that stand for a missing value"
NUMBERS = (
    (PLAIN, Written(thousands=",")),
    (PLAIN, Written(decimal=",", thousands=".")),
    ("percentages", Written("percent", thousands=",")),
    ("percentages", Written("percent", ",", ".")),
    ("numbers with k, m or b behind them", Written("suffix", thousands=",")),
    ("numbers with k, m or b behind them", Written("suffix", ",", ".")),
    ("amounts of money", Written("money", thousands=",")),
    ("amounts of money", Written("money", ",", ".")),
)
"""How numbers are written that a model cannot take as they stand, the plainest first."""

EITHER = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
"""A comma with three digits behind it stands between thousands, or for decimals: nobody can tell
from the cell.
"""

DATES = (
    ("YYYY-MM-DD", r"\d{4}-\d{2}-\d{2}([T ].*)?", ""),
    ("DD.MM.YYYY", r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    ("DD/MM/YYYY", r"\d{1,2}/\d{1,2}/\d{4}", "%d/%m/%Y"),
    ("MM/DD/YYYY", r"\d{1,2}/\d{1,2}/\d{4}", "%m/%d/%Y"),
    ("YYYY/MM/DD", r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    ("DD-MM-YYYY", r"\d{1,2}-\d{1,2}-\d{4}", "%d-%m-%Y"),
    ("MM-DD-YYYY", r"\d{1,2}-\d{1,2}-\d{4}", "%m-%d-%Y"),
)
"""How days are written: the form, its pattern, and its strptime format where it needs one."""


@dataclass(frozen=True)
class Form:
    """How the cells of a text column are written.

    Attributes
    ----------
    type : {"number", "date"}
    words : str
        What the cells are, such as ``amounts of money``; empty where they can stay as they are.
    conversion : str
        What `[columns]` says of the column; empty where nothing is needed, or where the cells do
        not tell.
    numbers : Series of float or None
    """

    type: str
    words: str = ""
    conversion: str = ""
    numbers: pd.Series | None = None


def form_of(texts: pd.Series, decimal: str) -> Form | None:
    """Return how the cells are written as numbers or dates, or None where they are neither.

    A few cells with words that say there is no value, such as ``n/d``, are left out: the numbers
    lack them.

    Parameters
    ----------
    texts : Series of str
        The known cells; not all of them plain numbers.
    decimal : {".", ","}
        The file's decimal mark: numbers with it need no conversion.
    """
    worded = ~texts.str.contains(r"\d")
    beside = ""
    if 0 < worded.mean() <= FEW_WORDS and texts[worded].nunique() <= MOST_WORDS:
        texts, beside = texts[~worded], WORDED
    if decimal == ",":
        numbers = _numbers(texts, Written(decimal=","))
        if numbers is not None:
            return Form("number", numbers=numbers)
    if decimal == "." and _all_match(texts, EITHER.pattern):
        return Form(
            "number",
            'numbers with a comma between thousands or for decimals: "thousands" or "decimal"'
            " tells",
        )
    for words, form in NUMBERS:
        numbers = _numbers(texts, form)
        if numbers is not None:
            marked = (
                words != PLAIN
                or form.thousands is None
                or texts.str.contains(form.thousands, regex=False).any()
            )
            return Form(
                "number", words if marked else beside or words, _conversion(form, decimal), numbers
            )
    return _date(texts)


def _all_match(texts: pd.Series, pattern: str) -> bool:
    return bool(texts.iloc[:20].str.fullmatch(pattern).all()) and bool(
        texts.str.fullmatch(pattern).all()
    )


def _numbers(texts: pd.Series, form: Written) -> pd.Series | None:
    """Return the numbers that all cells hold under a form, or None; few cells decide quickly
    against it.
    """
    if any(form.number(text) is None for text in texts.iloc[:20]):
        return None
    unique = {text: form.number(text) for text in texts.unique()}
    return None if None in unique.values() else texts.map(unique).astype(float)


def _conversion(form: Written, decimal: str) -> str:
    """Return the form as `[columns]` has it."""
    said = {} if form.kind == "plain" else {"number": form.kind}
    if form.kind == "plain" and form.thousands and form.decimal == decimal:
        said["thousands"] = form.thousands
    elif form.decimal != decimal:
        said["decimal"] = form.decimal
    if form.kind == "plain" and form.decimal != decimal:
        said["thousands"] = form.thousands
    return table(said)


def _date(texts: pd.Series) -> Form | None:
    fitting = []
    for words, pattern, layout in DATES:
        if _all_match(texts, pattern):
            if not layout:
                return Form("date")
            if pd.to_datetime(texts, format=layout, errors="coerce").notna().all():
                fitting.append((words, layout))
    if len(fitting) == 1:
        return Form("date", f"dates written {fitting[0][0]}", table({"date": fitting[0][1]}))
    return (
        Form("date", f"dates written {' or '.join(words for words, _ in fitting)}")
        if fitting
        else None
    )
