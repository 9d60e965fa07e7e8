"""A composite that knows nothing but engagement: what a useless score looks like.

It is made of one half of recorded engagement and noise; audited with the *other* half as the
control it is the test of an audit, which must not come out `adds`. Recorded engagement plus noise,
audited with the same engagement, could fail no audit at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.scores.activity import read_columns
from analysis.scores.card import Card

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("likes_odd",)


def placebo(
    frame: pd.DataFrame, *, half: str = "likes_odd", noise: float = 0.3, seed: int = 0
) -> pd.Series:
    """Return a placebo score for every row: log engagement in one half, plus noise, with mean 50
    and SD 10.

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
    import pandas as pd

    logged = np.log1p(read_columns(frame, (half,), "placebo")[half])
    values = _standardised(logged) + noise * np.random.default_rng(seed).normal(size=len(logged))
    return pd.Series(
        np.round(50 + 10 * _standardised(values), 2), index=frame.index, name="placebo"
    )


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def card() -> Card:
    """Return the description of the score."""
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
