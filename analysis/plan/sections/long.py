"""`[engagement] long`: halves of engagement built from a file with a row for each week or post of
an account.
"""

from __future__ import annotations

from typing import Literal

from analysis.plan.sections.base import Name, Names, Section

SPLITS = {"odd-even": ("odd", "even"), "windows": ("first", "second")}
"""What the two halves of an account's rows are called, by how they are split."""


class LongSection(Section):
    """`[engagement] long`: where the rows are, and how an account's rows become two halves.

    Attributes
    ----------
    dataset : str
        As the plan's own `dataset`.
    row : str
        The column that names the account; its values are those of the plan's `row`.
    order : str
        The column (numbers, or dates as YYYY-MM-DD) in which an account's rows are counted off.
    columns : tuple of str
        Engagement columns of the plan that are built from it.
    how : {"sum", "mean"}
        Of the rows of a half. For a sum, an account with an odd number of rows loses its last one.
    split : {"odd-even", "windows"}
        Every other row; or the earlier and the later rows, in which true change counts as error.
    """

    dataset: Name
    row: Name
    order: Name
    columns: Names
    how: Literal["sum", "mean"] = "sum"
    split: Literal["odd-even", "windows"] = "odd-even"


def half_names(column: str, split: str) -> tuple[str, str]:
    """Return what the halves of a column are called in the analysis set.

    >>> half_names("likes", "odd-even")
    ('likes (odd)', 'likes (even)')
    """
    first, second = SPLITS.get(split, SPLITS["odd-even"])
    return f"{column} ({first})", f"{column} ({second})"
