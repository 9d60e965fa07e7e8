"""Scores in the vendors' style, from a table of activity: what is published of them, and free
choices that say so.

Nothing here is the vendors' code: a computed score is "Klout-style", never "the Klout score".

>>> from analysis import scores, simulate
>>> frame = simulate.creators(n=100)
>>> scores.score("klout", frame).name
'klout_style'
>>> print(str(scores.card("klout"))[:11])
Klout-style
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.scores import credit, history, klout, kred, placebo, trustcloud
from analysis.scores.card import Card
from analysis.scores.record import record

if TYPE_CHECKING:
    import pandas as pd

SCORES: dict[str, tuple[Callable[..., pd.Series], Callable[..., Card]]] = {
    "klout": (klout.klout, klout.card),
    "klout_old": (
        lambda frame: klout.klout(frame, version="old").rename("klout_old_style"),
        lambda: klout.card("old"),
    ),
    "kred": (kred.kred, kred.card),
    "trustcloud": (trustcloud.trustcloud, trustcloud.card),
    "credit": (credit.credit, credit.card),
    "history": (history.history, history.card),
    "placebo": (placebo.placebo, placebo.card),
}
"""By name: the function from an activity table to a column, and the one that describes it."""


def on_record(topic: str) -> pd.DataFrame:
    """Return what is on record about a topic: "gaming" or "algorithm".

    Raises
    ------
    DataError
        When there is no such topic.
    """
    return record(topic)


def score(name: str, frame: pd.DataFrame) -> pd.Series:
    """Return a score for the rows of an activity table, with the defaults of its module.

    NaN for the half of the accounts that a credit card was fitted to.

    Parameters
    ----------
    name : str
        One of `SCORES`.
    frame : DataFrame
        With the columns that the score's card names; see `activity.COLUMNS`.

    Raises
    ------
    DataError
        When there is no such score, or a column is missing or not what it should be.
    """
    return _named(name)[0](frame)


def card(name: str) -> Card:
    """Return the description of a score: inputs, weights, window, and what it cannot see."""
    return _named(name)[1]()


def _named(name: str) -> tuple[Callable[..., pd.Series], Callable[..., Card]]:
    if name not in SCORES:
        fault = Fault(
            "NAME", printable(name), f"one of: {listing(list(SCORES))}", did_you_mean(name, SCORES)
        )
        raise DataError("score", [fault])
    return SCORES[name]
