"""What of a table may be shown: no cell of a few rows, nor text that a spreadsheet would run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analysis.errors import printable

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 5
"""Cells of fewer rows could be persons; they are not shown."""

NOT_NAMED = "a level with too few rows to be named"


def few(count: int) -> bool:
    """Return whether a count is one that is not shown: 1 to 4. (Nobody is in a cell of no rows.)"""
    return 0 < count < FEWEST


def shown_count(count: int) -> str:
    """Return a count as it is shown.

    Examples
    --------
    >>> shown_count(1200), shown_count(3), shown_count(0)
    ('1,200', '< 5', '0')
    """
    return f"< {FEWEST}" if few(count) else f"{count:,}"


def shown_name(name: str, count: int) -> str:
    """Return the name of a level, or that it has too few rows to be named.

    Examples
    --------
    >>> shown_name("bakery", 12), shown_name("the only florist", 1)
    ('bakery', 'a level with too few rows to be named')
    """
    return NOT_NAMED if few(count) else printable(name)


# --- formulas -------------------------------------------------------------------------------------

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell starts that a spreadsheet would run, wide characters among them."""

SIGNED_NUMBER = re.compile(r"-|[+-][\d.,]+(e[+-]?\d+)?( (%|points))?", re.ASCII)
"""A number with its sign, as it is printed."""


def inert(cell: object) -> object:
    """Return text that starts like a formula with an apostrophe before it; signed numbers stay.

    >>> inert("=1+1"), inert("-1.5"), inert(-1.5)
    ("'=1+1", '-1.5', -1.5)
    """
    if not isinstance(cell, str) or SIGNED_NUMBER.fullmatch(cell):
        return cell
    runs = cell.startswith(("\t", "\r", "\n")) or cell.lstrip().startswith(FORMULA)
    return f"'{cell}" if runs else cell


def inert_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with inert names and texts; columns of numbers are not looked at."""
    from pandas.api.types import is_numeric_dtype

    changed = frame.copy()
    for at, kind in enumerate(frame.dtypes):
        if not is_numeric_dtype(kind):
            changed.isetitem(at, frame.iloc[:, at].map(inert, na_action="ignore"))
    return changed.rename(columns=inert)
