"""What every score has: an activity table that it reads, windows over it, and a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DataError, Fault, did_you_mean, listing

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "creator": "identifier of the account; with `month`, what a window is summed within",
    "month": "number or date (ISO 8601) of the month; without it every row is its own period",
    "posts": "posts in the period",
    "reactions": (
        "replies, shares, likes and mentions received in the period, whoever they came from"
    ),
    "reactors": "different accounts behind these reactions",
    "reactor_score": "mean influence of those who react, 0-100 (see `network.reactor_scores`)",
    "replies_up": "own replies, mentions and shares of accounts with more influence",
    "replies_down": "own replies, mentions and shares of accounts with less influence",
    "followers": "followers at the end of the period",
    "followings": "accounts followed at the end of the period",
    "pagerank": "PageRank among all accounts of the network (see `tweepcred.pagerank`)",
    "device": "1 where a telephone that takes messages is confirmed",
    "verified": "1 where the account has the badge of a verified one",
    "suspended": "1 where the account is suspended",
    "restricted": "1 where the account is restricted",
    "verified_email": "1 where the e-mail address is confirmed",
    "verified_post": "1 where the postal address is confirmed",
    "verified_sms": "1 where the telephone number is confirmed",
    "responsiveness": "share of messages that were answered, 0-1",
    "consistency": "share of weeks with activity, 0-1",
    "longevity": "months since the account was opened",
    "rating": "mean rating on marketplaces, 1-5; 0 without any",
    "endorsements": "ratings and endorsements received on marketplaces",
    "past_referrals": "referrals of the period before",
    "past_revenue": "revenue of the period before",
    "late_payments": "payments made late, of those due before",
    "agent_registered": "1 where the agent stands in the public registry",
    "agent_age": "days since the agent was registered",
    "agent_file": "1 where the address of the agent's registration file answers",
    "agent_endpoint": "1 where that file names where payments go",
    "agent_senders": "different accounts that paid the agent in 30 days",
    "agent_idle": "days since the agent was last active",
    "agent_clients": "different clients that left feedback on the agent",
    "agent_positive": "1 where their feedback is positive on average",
    "agent_validations": "validations of the agent on record",
}
"""What the scores read, by column; each score needs a few of them and says which in its card."""

MONTH = 30.0
"""Days that a month counts for in a window."""


def read_columns(frame: pd.DataFrame, needed: Sequence[str], score: str) -> dict[str, np.ndarray]:
    """Return the needed columns as numbers.

    Parameters
    ----------
    frame : DataFrame
        One row per account, or per account and month.
    needed : sequence of str
        Names in `COLUMNS`.
    score : str
        Whose inputs they are, for the message.

    Raises
    ------
    DataError
        With every column that is missing, and every one that is no number, negative, or has gaps.
    """
    import pandas as pd

    where = f"the inputs of the {score} score"
    if not isinstance(frame, pd.DataFrame):
        raise DataError(where, "data", type(frame).__name__, "a pandas DataFrame")
    faults, columns = [], {}
    for name in needed:
        if name not in frame:
            allowed = f"a column of {COLUMNS.get(name, 'numbers')}"
            faults.append(Fault(name, "no such column", allowed, did_you_mean(name, frame.columns)))
            continue
        values = columns[name] = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
        bad = frame.index[~(np.isfinite(values) & (values >= 0))].map(str)
        if len(bad):
            found = f"{len(bad)} cells that are no such number, in row {listing(bad)}"
            allowed = f"numbers of at least 0: {COLUMNS.get(name, 'a count')}"
            faults.append(Fault(name, found, allowed))
    if faults:
        raise DataError(where, faults)
    return columns


def as_score(values: np.ndarray, frame: pd.DataFrame, name: str, digits: int = 2) -> pd.Series:
    """Return a score's values, to so many digits, for the rows of the table."""
    import pandas as pd

    return pd.Series(np.round(values, digits), index=frame.index, name=name)


class Window:
    """Sums over the last months of each account; without `month`, each row is its own period."""

    def __init__(self, frame: pd.DataFrame, length: float, *, days: float | None = None) -> None:
        self.monthly = "month" in frame and "creator" in frame
        self.period = days if days is not None else MONTH if self.monthly else 3 * MONTH
        self.months = max(1, round(length / self.period))
        self.days = np.full(len(frame), self.period)
        if self.monthly:
            self.account, self.at = _places(frame)
            self.shape = (int(self.account.max()) + 1, int(self.at.max()) + 1)
            first = np.full(self.shape[0], self.shape[1])
            np.minimum.at(first, self.account, self.at)
            since = self.at - first[self.account] + 1
            self.days = np.minimum(since, self.months) * self.period

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return, for each row, the sum over the window that ends with it; no row is nothing."""
        if not self.monthly:
            return values
        table = np.zeros(self.shape)
        table[self.account, self.at] = values
        total = np.cumsum(table, axis=1)
        total[:, self.months :] = total[:, self.months :] - total[:, : -self.months].copy()
        return total[self.account, self.at]


def months_of(frame: pd.DataFrame) -> pd.Series:
    """Return the month of each row as a number; NaN where there is none."""
    import pandas as pd

    number = pd.to_numeric(frame["month"], errors="coerce")
    if number.isna().any():
        dates = pd.to_datetime(frame["month"], format="ISO8601", errors="coerce")
        number = dates.dt.year * 12 + dates.dt.month
    return number


def _places(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return account and month of each row as positions, refusing two rows for one of both."""
    import pandas as pd

    account, number = pd.factorize(frame["creator"])[0], months_of(frame)
    odd, again = number.isna() | (number % 1 != 0), frame.duplicated(["creator", "month"])
    faults = []
    if (account < 0).any():
        faults.append(Fault("creator", "rows without one", "an identifier in every row"))
    if odd.any():
        found = f"no month in row {listing(frame.index[odd.to_numpy()])}"
        faults.append(Fault("month", found, "whole numbers of months, or dates"))
    elif number.max() - number.min() > 10_000:
        found = "months that lie more than 10,000 apart"
        faults.append(Fault("month", found, "numbers of months, or dates"))
    elif again.any():
        found = f"twice, in row {listing(frame.index[again.to_numpy()])}"
        faults.append(Fault("creator and month", found, "one row for each"))
    if faults:
        raise DataError("the months of an activity table", faults)
    return account, (number - number.min()).to_numpy(int)


# --- cards ----------------------------------------------------------------------------------------

HEADS = ("Input", "Weight", "How it enters")


@dataclass(frozen=True)
class Card:
    """The description of one computed score.

    Attributes
    ----------
    name : str
        With its style: "Klout-style", never "the Klout score".
    says : str
        One sentence.
    inputs : tuple of (str, str, str)
        Column, weight, and how it enters.
    window : str
    scale : str
    cannot_see : tuple of str
    free : tuple of str
        Choices that nobody published.
    sources : tuple of str
        Addresses of what is published.
    """

    name: str
    says: str
    inputs: tuple[tuple[str, str, str], ...]
    window: str
    scale: str
    cannot_see: tuple[str, ...]
    free: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def _sections(self) -> list[tuple[str, tuple[str, ...]]]:
        return [
            ("Window", (self.window,)),
            ("Scale", (self.scale,)),
            ("It cannot see", self.cannot_see),
            ("Free choices", self.free),
            ("Published at", self.sources),
        ]

    def __str__(self) -> str:
        lines = [f"{self.name} score: {self.says}", "", "Inputs"]
        lines += [f"  {column} ({weight}): {how}" for column, weight, how in self.inputs]
        for title, texts in self._sections():
            lines += ["", title, *(f"  {text}" for text in texts)] if texts else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = ' style="text-align:left;vertical-align:top"'
        heads = "".join(f'<th scope="col"{left}>{name}</th>' for name in HEADS)
        rows = [
            "<tr>" + "".join(f"<td{left}>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.inputs
        ]
        rows += [
            f'<tr><th scope="row"{left}>{title}</th><td colspan="2"{left}>'
            f"{'<br>'.join(map(escape, texts))}</td></tr>"
            for title, texts in self._sections()
            if texts
        ]
        caption = f"<strong>{escape(self.name)} score.</strong> {escape(self.says)}"
        return (
            f'<table><caption style="caption-side:top;text-align:left">{caption}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


Scores = dict[str, tuple[Callable[..., "pd.Series"], Callable[..., Card]]]
"""By name: the function from an activity table to a column, and the one that describes it."""
