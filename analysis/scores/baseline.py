"""Two scores that nobody sells: what was earned before, and a placebo that knows nothing new.

The outcome history is the credit idea applied to creators: a credit score rests on what a person
paid, in time before the outcome. This is the same for referrals and revenue, all of it free choice.

The placebo is made of one half of recorded engagement and noise; audited with the *other* half as
the control it is the test of an audit, which must not come out `adds`. Recorded engagement plus
noise, audited with the same engagement, could fail no audit at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.scores.inputs import Card, as_score, read_columns

if TYPE_CHECKING:
    import pandas as pd


def history(frame: pd.DataFrame) -> pd.Series:
    """Return a score of 0-100 for every row: the mean rank of past referrals and past revenue.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.
    """
    from scipy.stats import rankdata

    columns = read_columns(frame, ("past_referrals", "past_revenue"), "outcome-history")
    ranks = np.mean([(rankdata(values) - 0.5) / len(values) for values in columns.values()], axis=0)
    return as_score(100 * ranks, frame, "history")


def placebo(
    frame: pd.DataFrame, *, half: str = "likes_odd", noise: float = 0.3, seed: int = 0
) -> pd.Series:
    """Return a placebo score for every row: log engagement in one half plus noise, mean 50, SD 10.

    Parameters
    ----------
    frame : DataFrame
    half : str
        Column with one half of recorded engagement.
    noise : float
        Standard deviation of the noise, in standard deviations of the log.
    seed : int

    Raises
    ------
    DataError
        When the column is missing or not what it should be.
    """
    logged = np.log1p(read_columns(frame, (half,), "placebo")[half])
    values = _standardised(logged) + noise * np.random.default_rng(seed).normal(size=len(logged))
    return as_score(50 + 10 * _standardised(values), frame, "placebo")


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def history_card() -> Card:
    """Return the description of the outcome history."""
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


def placebo_card() -> Card:
    """Return the description of the placebo."""
    return Card(
        name="placebo",
        says="Engagement in one half of the weeks, and noise: a score that cannot add anything.",
        inputs=(
            (
                "likes_odd",
                "all of it",
                "log of recorded engagement, plus noise of .3 standard deviations",
            ),
        ),
        window="the row's period, its odd weeks",
        scale="mean 50, standard deviation 10",
        cannot_see=("anything but engagement",),
        free=("the size of the noise",),
    )


SCORES = {"history": (history, history_card), "placebo": (placebo, placebo_card)}
