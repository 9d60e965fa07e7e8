"""The smallest change that turns a verdict, as a record: what is changed, by how much, to which
word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from analysis.results.estimates import Estimate
from analysis.results.rule import Phrase, Word

METHOD = "tipping-point"
"""The method of these numbers in the ledger."""

Status = Literal["turns", "nothing within reach", "not assessed"]

COLUMNS = (
    "id",
    "outcome",
    "score",
    "change",
    "status",
    "size",
    "displayed",
    "word",
    "direction",
    "fragile",
    "sentence",
)
"""The columns of `audit.tipping_points`, in this order."""


@dataclass(frozen=True, eq=False)
class TippingPoint:
    """The smallest change of one kind that turns the word of a verdict.

    Attributes
    ----------
    row : Estimate
        In the ledger: its term is the change, its estimate the size of the smallest one; None
        where none was found, or nobody looked.
    what : str
        The change in a few words, as a table names it.
    status : {"turns", "nothing within reach", "not assessed"}
    sentence : str
        For a reader.
    becomes : (word, bool or None) or None
        What the rule says after the change.
    fragile : bool or None
        Whether it is one of the conditions that make the verdict fragile, and met; None where that
        was not looked at. False for a change that is no such condition.
    left_out : tuple
        Labels of the rows of the file without which the word turns, where rows are left out.
    choice : str
        The option that turns the word, where the change is one of several.
    """

    row: Estimate
    what: str
    status: Status
    sentence: str
    becomes: Phrase | None = None
    fragile: bool | None = False
    left_out: tuple = ()
    choice: str = ""

    @property
    def change(self) -> str:
        """Its name, the term of its row."""
        return self.row.term

    @property
    def size(self) -> float | None:
        return self.row.estimate

    @property
    def word(self) -> Word | None:
        return None if self.becomes is None else self.becomes[0]

    @property
    def direction(self) -> Literal["positive", "negative"] | None:
        if self.becomes is None or self.becomes[1] is None:
            return None
        return "positive" if self.becomes[1] else "negative"

    def record(self) -> dict[str, object]:
        """Return it under the keys of `COLUMNS`."""
        own = {"id": self.row.id, "outcome": self.row.outcome, "score": self.row.score}
        own["displayed"] = self.row.displayed
        return {name: own[name] if name in own else getattr(self, name) for name in COLUMNS}


def said(phrase: Phrase) -> str:
    """Return a word with its direction, as a sentence has it.

    >>> said(("adds", False)), said(("nothing", None))
    ('adds (negative)', 'nothing')
    """
    word, positive = phrase
    if positive is None:
        return word
    return f"{word} ({'positive' if positive else 'negative'})"


def fragile_of(points: tuple[TippingPoint, ...]) -> bool | None:
    """Return whether a verdict is fragile: True when one of its conditions is met, False when all
    were looked at, else None.
    """
    flags = [point.fragile for point in points]
    if any(flags):
        return True
    return None if None in flags or not flags else False


def tidy_tipping_points(points: tuple[TippingPoint, ...]) -> pd.DataFrame:
    """Return a row per change, with the columns of `COLUMNS`."""
    return pd.DataFrame([point.record() for point in points], columns=list(COLUMNS))
