"""The table of activity that scores are computed from: columns checked, windows summed."""

from __future__ import annotations

from collections.abc import Sequence
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
        raise DataError(where, [Fault("data", type(frame).__name__, "a pandas DataFrame")])
    faults, found = [], {}
    for name in needed:
        if name not in frame:
            faults.append(
                Fault(
                    name,
                    "no such column",
                    f"a column of {COLUMNS.get(name, 'numbers')}",
                    did_you_mean(name, frame.columns),
                )
            )
            continue
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
        bad = [
            str(frame.index[at]) for at in np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        ]
        if bad:
            faults.append(
                Fault(
                    name,
                    f"{len(bad)} cells that are no such number, in row {listing(bad)}",
                    f"numbers of at least 0: {COLUMNS.get(name, 'a count')}",
                )
            )
        found[name] = values
    if faults:
        raise DataError(where, faults)
    return found


class Window:
    """Sums over the last months of each account; without a `month` column, every row is its own
    period.
    """

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
        """Return, for each row, the sum over the window that ends with it; months without a row
        count as nothing.
        """
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
    """Return the account's and the month's position of each row, refusing two rows for one of
    both.
    """
    import pandas as pd

    account = pd.factorize(frame["creator"])[0]
    number = months_of(frame)
    faults = []
    if (account < 0).any():
        faults.append(Fault("creator", "rows without one", "an identifier in every row"))
    if number.isna().any() or (number % 1 != 0).any():
        bad = [str(row) for row in frame.index[(number.isna() | (number % 1 != 0)).to_numpy()]]
        faults.append(
            Fault("month", f"no month in row {listing(bad)}", "whole numbers of months, or dates")
        )
    elif number.max() - number.min() > 10_000:
        faults.append(
            Fault("month", "months that lie more than 10,000 apart", "numbers of months, or dates")
        )
    elif frame.duplicated(["creator", "month"]).any():
        bad = [str(row) for row in frame.index[frame.duplicated(["creator", "month"]).to_numpy()]]
        faults.append(
            Fault("creator and month", f"twice, in row {listing(bad)}", "one row for each")
        )
    if faults:
        raise DataError("the months of an activity table", faults)
    return account, (number - number.min()).to_numpy(int)
