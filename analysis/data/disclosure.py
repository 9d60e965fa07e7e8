"""What may be said of few rows: counts under a minimum are not shown, nor the names that go with
them.
"""

from __future__ import annotations

from analysis.errors import printable

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
