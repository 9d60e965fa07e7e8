"""What of a table may be shown: no cell of a few rows, nor text that a spreadsheet would run."""

from __future__ import annotations

import re
from collections.abc import Iterable
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


def said_count(count: int) -> str:
    """Return a count as it is said in a sentence.

    Examples
    --------
    >>> said_count(1200), said_count(3)
    ('1,200', 'fewer than 5')
    """
    return f"fewer than {FEWEST}" if few(count) else f"{count:,}"


def count_or_none(count: float) -> float | None:
    """Return a count as a statistic; None of one that is not shown."""
    return None if few(int(count)) else float(count)


def count_or_text(count: int) -> int | str:
    """Return a count as data hold it: a number, or the text "< 5"."""
    return shown_count(count) if few(count) else count


def joined_cells(counts: Iterable[float], fewest: int = FEWEST) -> list[slice]:
    """Return stretches of neighbouring cells, none of which holds a few rows; empty cells stay.

    Parameters
    ----------
    counts : iterable of int
        Rows in each cell.
    fewest : int
        Stretches of fewer rows are joined with the next one, the last with those before it.

    Examples
    --------
    >>> joined_cells([9, 0, 2, 4, 7, 0, 1])
    [slice(0, 1, None), slice(1, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    stretches: list[slice] = []
    held: list[float] = []
    start, total = 0, 0.0
    for at, count in enumerate(counts):
        total += count
        if total == 0 or total >= fewest:
            stretches.append(slice(start, at + 1))
            held.append(total)
            start, total = at + 1, 0.0
    if total:
        while stretches and total < fewest:
            start, total = stretches.pop().start, total + held.pop()
        stretches.append(slice(start, at + 1))
    return stretches


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


CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What a terminal or an editor acts on: control characters, and those that turn the direction."""


def plain_text(text: str) -> str:
    """Return a text with its control characters written out, as JSON writes them.

    >>> plain_text("shop" + chr(27))
    'shop\\\\u001b'
    """
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def inert(cell: object) -> object:
    """Return text that starts like a formula with an apostrophe before it; signed numbers stay.

    Control characters are written out.

    >>> inert("=1+1"), inert("-1.5"), inert(-1.5)
    ("'=1+1", '-1.5', -1.5)
    """
    if not isinstance(cell, str) or SIGNED_NUMBER.fullmatch(cell):
        return cell
    cell = plain_text(cell)
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
