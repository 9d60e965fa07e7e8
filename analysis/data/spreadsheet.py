"""Cells that a spreadsheet would run as a formula become text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell starts that a spreadsheet would run, wide characters among them."""

SIGNED_NUMBER = re.compile(r"-|[+-][\d.,]+(e[+-]?\d+)?( (%|points))?", re.ASCII)
"""A number with its sign, as it is printed."""


def inert(cell: object) -> object:
    """Return text that starts like a formula with an apostrophe before it; signed numbers stay as
    they are.

    >>> inert("=1+1"), inert("-1.5"), inert(-1.5)
    ("'=1+1", '-1.5', -1.5)
    """
    if not isinstance(cell, str) or SIGNED_NUMBER.fullmatch(cell):
        return cell
    return (
        "'" + cell
        if cell.startswith(("\t", "\r", "\n")) or cell.lstrip().startswith(FORMULA)
        else cell
    )


def inert_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with inert names and texts; columns of numbers are not looked at."""
    from pandas.api.types import is_numeric_dtype

    texts = [at for at, kind in enumerate(frame.dtypes) if not is_numeric_dtype(kind)]
    changed = frame.copy()
    for at in texts:
        changed.isetitem(at, frame.iloc[:, at].map(inert, na_action="ignore"))
    return changed.rename(columns=inert)
