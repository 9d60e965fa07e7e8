"""What a point costs: how far each way of gaming moves each score, per hour and per dollar.

The activity of every account is changed as an action would change it, one account at a time, and
the scores are computed again. In simulated data the same change goes through the declared truth as
well: what the hours and dollars do to referrals. What an action takes and brings is an assumption
(`ACTIONS` states each), except what rubrics publish: +Kred's 70 points, the points of an agent's
records, a verified account's prior mass. So the table compares actions under one set of prices and
measures no market.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset, from_frame
from analysis.errors import DataError, Fault, printable
from analysis.results.table import table_of
from analysis.scores import agent, klout, kred, trustcloud, tweepcred
from analysis.scores.inputs import read_columns
from analysis.simulate import parameters_of
from analysis.studies.manipulability.actions import ACTIONS, BOTS, Action, after

if TYPE_CHECKING:
    from analysis.simulate.parameters import Parameters

AGENT, TWEEPCRED = "agent-style", "tweepcred-style"
RANGES = {
    "Klout-style": 90.0,
    "Kred-style": 999.0,
    "TrustCloud-style": 999.0,
    TWEEPCRED: 100.0,
    AGENT: 100.0,
}
"""How many points lie between the lowest and the highest value of a score."""
HOUR_PRICE = 20.0
"""Dollars that an hour is worth where both are added."""
IDLE = {"longevity": 1.0, "agent_registered": 1.0, "agent_age": 30.0, "agent_idle": 365.0}
"""What an account that does nothing has all the same: a month of age, and a registered agent."""


@dataclass(frozen=True, eq=False)
class Manipulability:
    """What each action moves.

    Attributes
    ----------
    table : DataFrame
        One row per action and score, the cheapest way to move each score first: score, rank,
        action, how, points (mean gain over accounts), idle_points (gain of an account that does
        nothing else), range_share, hours, dollars, points_per_hour, points_per_dollar,
        range_per_100 (share of the score's range per 100 dollars, an hour counting `hour_price`),
        referrals (relative change of the mean; NaN in data that were not drawn).
    dataset : Dataset
    hour_price : float
    """

    table: pd.DataFrame
    dataset: Dataset
    hour_price: float

    def _repr_html_(self) -> str:
        shown = self.table.drop(columns=["range_share", "range_per_100"]).map(
            lambda cell: f"{cell:.3g}" if isinstance(cell, float) else cell
        )
        drawn = "Simulated data. " if self.dataset.simulated else ""
        caption = (
            f"{drawn}Points that each action gains, mean of {self.dataset.rows:,} rows; prices are"
            " assumptions."
        )
        return table_of(shown, caption)._repr_html_()


def manipulability(
    frame: pd.DataFrame, *, actions: tuple[Action, ...] = ACTIONS, hour_price: float = HOUR_PRICE
) -> Manipulability:
    """Return what each action gains on each computed score.

    Parameters
    ----------
    frame : DataFrame
        An activity table, one row per account; with its truth where it comes from
        `analysis.simulate`. The scores of trust, of agents and tweepcred need columns of their
        own, and are left out without them.
    actions : tuple of Action
    hour_price : float
        Dollars an hour, for the ranking.

    Raises
    ------
    DataError
        When a column is missing, an account has more than one row, or the price is negative.
    """
    if not (np.isfinite(hour_price) and hour_price >= 0):
        raise DataError(
            "manipulability", Fault("hour_price", printable(hour_price), "a number of at least 0")
        )
    if isinstance(frame, pd.DataFrame) and "month" in frame:
        frame = frame[frame["month"] == frame["month"].max()].drop(columns="month")
    needs = {name for own in (klout, kred, trustcloud, tweepcred, agent) for name in own.NEEDS}
    nothing = dict.fromkeys(needs & set(frame), 0.0)
    idle = frame.iloc[:1].assign(**nothing | {k: v for k, v in IDLE.items() if k in nothing})
    before, idle_before = _scores(frame, frame), _scores(idle, frame)
    parameters, rows = parameters_of(frame), []
    for action in actions:
        changed = after(frame, action)
        alone = _scores(after(idle, action), frame)
        referrals = np.nan if parameters is None else _referrals(frame, changed, action, parameters)
        for score, values in _scores(changed, frame).items():
            if action.on_agent != (score == AGENT):
                continue
            points = float((values - before[score]).mean())
            idle_points = float(alone[score][0] - idle_before[score][0])
            what = (action.name, action.how, points, idle_points, action.hours, action.dollars)
            rows.append((score, *what, referrals))
    names = ["score", "action", "how", "points", "idle_points", "hours", "dollars", "referrals"]
    table = _priced(pd.DataFrame(rows, columns=names), hour_price)
    return Manipulability(table, from_frame(frame), hour_price)


def _priced(table: pd.DataFrame, hour_price: float) -> pd.DataFrame:
    """Return the table with what a point costs, the cheapest way to move each score first."""
    hours, dollars, points = (table[name] for name in ("hours", "dollars", "points"))
    share, cost = points / table["score"].map(RANGES), dollars + hour_price * hours
    table = table.assign(
        range_share=share,
        points_per_hour=points / hours.where(hours != 0),
        points_per_dollar=points / dollars.where(dollars != 0),
        range_per_100=(100 * share / cost.where(cost != 0)).where(points.abs() > 1e-9, 0.0),
        referrals=table.pop("referrals"),
    ).sort_values(
        ["score", "range_per_100"], ascending=[True, False], kind="stable", ignore_index=True
    )
    table.insert(1, "rank", table.groupby("score").cumcount() + 1)
    return table


def _scores(changed: pd.DataFrame, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the scores of changed accounts in the community as it was; unrounded."""
    wide = changed.drop(columns="month", errors="ignore")
    points = kred.influence_points(wide["reactions"], new_followers=wide.get("gained", 0.0))
    points = points + kred.GIFT_TO_RECEIVER * np.asarray(wide.get("gifts", 0.0), float)
    scores = {
        "Klout-style": klout.klout(wide).to_numpy(),
        "Kred-style": kred.normalised(points, kred.influence_points(frame["reactions"])),
    }
    if all(name in frame for name in trustcloud.NEEDS):
        scores["TrustCloud-style"] = trustcloud.trustcloud(wide).to_numpy()
    if all(name in frame for name in tweepcred.NEEDS):
        scores[TWEEPCRED] = _tweepcred(wide, frame)
    if all(name in frame for name in agent.NEEDS):
        scores[AGENT] = agent.agent(wide).to_numpy()
    return scores


def _tweepcred(changed: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Return a tweepcred-style score before it is rounded to whole points."""
    now, then = (read_columns(t, tweepcred.NEEDS, TWEEPCRED) for t in (changed, frame))
    rank = tweepcred.expected_pagerank(now, then)
    return tweepcred.reputation(rank / tweepcred.penalty(now["followers"], now["followings"]))


def _referrals(
    frame: pd.DataFrame, changed: pd.DataFrame, action: Action, truth: Parameters
) -> float:
    """Return the relative change of mean referrals, by the declared truth."""
    before, fresh = frame["klout"], changed["reactions"] - frame["reactions"]
    worth = truth.bots if action.by == BOTS else (truth.peers + truth.customers) / 2
    shown = before + klout.klout(changed) - klout.klout(frame)

    def grown(name: str) -> pd.Series:
        return np.log1p(changed[name]) - np.log1p(frame[name])

    moved = (
        truth.effect * (shown - before) / before.std(ddof=1)
        + truth.perk_effect * ((shown >= truth.threshold) * 1.0 - (before >= truth.threshold))
        + truth.engagement * np.log1p(worth * fresh / frame["paying_engagement"].clip(lower=1e-6))
        + truth.posting * grown("posts")
        + truth.relationships * grown("replies_down")
    )
    return float(np.average(np.expm1(moved), weights=frame["referrals"] + 1e-9))
