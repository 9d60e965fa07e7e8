"""Scores in the vendors' style, from activity: what is published, and free choices that say so.

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
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from analysis.errors import DataError, printable, unknown
from analysis.scores.inputs import Card, Scores
from analysis.scores.record import record

if TYPE_CHECKING:
    import pandas as pd


def collect() -> Scores:
    """Return the scores of all modules in this folder that have a table `SCORES` of their own."""
    tables = [
        getattr(import_module(module.name), "SCORES", {})
        for module in iter_modules(__path__, f"{__name__}.")
    ]
    return {name: pair for table in tables for name, pair in table.items()}


SCORES = collect()


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
        With the columns that the score's card names; see `inputs.COLUMNS`.

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
        raise DataError("score", unknown("NAME", printable(name), name, SCORES))
    return SCORES[name]
