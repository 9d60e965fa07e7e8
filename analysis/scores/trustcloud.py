"""A TrustCloud-style score: verification 40 %, behaviour 20 %, transactions 40 %.

The layers and their weights are published
(realitysandwich.com/164743/trusting_others_sharing_economy/, trustcloud.com/measure-trust), and
that the score rises when a member adds sources. How each layer is made is not: here verification is
the share of three confirmations, behaviour the mean of responsiveness, consistency and longevity
(full at five years), transactions the rating above 1, shrunk towards nothing while there are few of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.scores.inputs import Card, as_score, read_columns

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS = {"verification": 0.4, "behaviour": 0.2, "transactions": 0.4}
VERIFICATIONS = ("verified_email", "verified_post", "verified_sms")
NEEDS = (*VERIFICATIONS, "responsiveness", "consistency", "longevity", "rating", "endorsements")
FULL_LONGEVITY, FEW = 60.0, 5.0
"""Months at which longevity is full; endorsements at which a rating counts half."""


def layers(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the three layers, each in [0, 1].

    Raises
    ------
    DataError
        When a column is missing or not what it should be.
    """
    column = read_columns(frame, NEEDS, "TrustCloud-style")
    longevity = np.minimum(column["longevity"] / FULL_LONGEVITY, 1)
    rated = np.clip((column["rating"] - 1) / 4, 0, 1)
    return {
        "verification": np.mean([np.minimum(column[name], 1) for name in VERIFICATIONS], axis=0),
        "behaviour": np.clip(
            (column["responsiveness"] + column["consistency"] + longevity) / 3, 0, 1
        ),
        "transactions": rated * column["endorsements"] / (column["endorsements"] + FEW),
    }


def trustcloud(frame: pd.DataFrame) -> pd.Series:
    """Return a TrustCloud-style score of 1-1,000 for every row.

    Raises
    ------
    DataError
        When a column is missing or not what it should be.

    Examples
    --------
    >>> import pandas as pd
    >>> nobody = pd.DataFrame(dict.fromkeys(NEEDS, [0.0]))
    >>> trustcloud(nobody).item(), trustcloud(nobody.assign(verified_email=1.0)).item()
    (1.0, 134.2)
    """
    value = sum(WEIGHTS[name] * layer for name, layer in layers(frame).items())
    return as_score(1 + 999 * value, frame, "trustcloud_style", 1)


def card() -> Card:
    """Return the description of the score."""
    return Card(
        name="TrustCloud-style",
        says="Whether somebody is who they say, answers, and was rated well.",
        inputs=(
            (", ".join(VERIFICATIONS), "40 %", "verification: share of the three confirmations"),
            (
                "responsiveness, consistency, longevity",
                "20 %",
                "behaviour: their mean, longevity full at five years",
            ),
            (
                "rating, endorsements",
                "40 %",
                "transactions: the rating, counting half at five endorsements",
            ),
        ),
        window="everything so far",
        scale="1-1,000",
        cannot_see=(
            "what was paid, and what was not",
            "ratings exchanged between friends",
            "that somebody has no source to add, and somebody else hides one",
        ),
        free=("how each layer is made of its inputs", "five years, and five endorsements"),
        sources=(
            "realitysandwich.com/164743/trusting_others_sharing_economy/",
            "trustcloud.com/measure-trust",
        ),
    )


SCORES = {"trustcloud": (trustcloud, card)}
