"""The credit idea applied to creators: a score made of what somebody's work brought in before, and
of nothing else.

A credit score rests on what a person paid, in time before the outcome. This is the same for
referrals and revenue: the rank of past referrals and of past revenue among all rows, half each.
Nobody sells this score; all of it is free choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.scores.activity import read_columns
from analysis.scores.card import Card

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("past_referrals", "past_revenue")


def history(frame: pd.DataFrame) -> pd.Series:
    """Return an outcome-history score of 0-100 for every row: the mean rank of past referrals and
    past revenue.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.
    """
    import pandas as pd

    columns = read_columns(frame, NEEDS, "outcome-history")
    from scipy.stats import rankdata

    ranks = np.mean([(rankdata(values) - 0.5) / len(values) for values in columns.values()], axis=0)
    return pd.Series(np.round(100 * ranks, 2), index=frame.index, name="history")


def card() -> Card:
    """Return the description of the score."""
    return Card(
        name="outcome-history",
        says="What somebody's work brought in before.",
        inputs=(
            ("past_referrals", "50 %", "rank among all rows"),
            ("past_revenue", "50 %", "rank among all rows"),
        ),
        window="the period before",
        scale="0-100, mean 50",
        cannot_see=("beginners: without a past everybody is last", "why the past was good"),
        free=("ranks, and half the weight for each",),
    )
