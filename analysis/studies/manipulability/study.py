"""What a point costs: how far each way of gaming moves each computed score, per hour and per
dollar.

The activity of every account is changed as an action would change it, one account at a time, and
the scores are computed again. In simulated data the same change goes through the declared truth as
well: what the hours and dollars do to referrals. What an action takes and brings is an assumption
(`ACTIONS` states each), except +Kred's 70 points, which are published; so the table compares
actions under one set of prices and measures no market.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset, from_frame
from analysis.errors import DataError, Fault, printable
from analysis.scores import klout, kred, trustcloud
from analysis.simulate import parameters_of
from analysis.simulate.activity import (
    DOLLARS_PER_BOT_REACTION,
    DOLLARS_PER_FOLLOWER,
    HOURS_PER_POST,
    HOURS_PER_REPLY,
)

if TYPE_CHECKING:
    from analysis.simulate.parameters import Parameters

RANGES = {"Klout-style": 90.0, "Kred-style": 999.0, "TrustCloud-style": 999.0}
"""How many points lie between the lowest and the highest value of a score."""
HOUR_PRICE = 20.0
"""Dollars that an hour is worth where both are added."""
PEOPLE, BOTS = "people", "bots"
BOT_SCORE = 5.0
"""Mean influence, 0-100, of the accounts of bots: those below 25 were mostly bots in one blogger's
sample (christopherspenn.com/2010/11/where-klout-really-shines/)."""


@dataclass(frozen=True)
class Action:
    """One way to raise a score, and what it is assumed to take and to bring.

    Attributes
    ----------
    name, how : str
        What it is called, and the assumption in words.
    hours, dollars : float
        Per account and period.
    posts, replies_up, replies_down, followers, gifts, verified : float
        What is added to the account's activity.
    reactions, reactors : float
        Reactions added, and how many different accounts they come from.
    response : float
        Reactions that each added post earns, as a share of the account's usual reactions per post.
    by : str
        Whether the added reactions are those of people or of bots.
    """

    name: str
    how: str
    hours: float = 0.0
    dollars: float = 0.0
    posts: float = 0.0
    replies_up: float = 0.0
    replies_down: float = 0.0
    followers: float = 0.0
    gifts: float = 0.0
    verified: float = 0.0
    reactions: float = 0.0
    reactors: float = 0.0
    response: float = 0.0
    by: str = PEOPLE


ACTIONS = (
    Action(
        "posting burst",
        "100 more posts by hand; each earns a quarter of the usual reactions",
        hours=100 * HOURS_PER_POST,
        posts=100,
        response=0.25,
    ),
    Action(
        "posting bot",
        "1,000 posts by a script; one in ten draws a reaction, from 60 bots in all",
        hours=2,
        posts=1000,
        reactions=100,
        reactors=60,
        by=BOTS,
    ),
    Action(
        "follow-back",
        "500 accounts followed; 150 follow back, of whom 30 react once",
        hours=5,
        followers=150,
        reactions=30,
        reactors=30,
    ),
    Action(
        "bought followers",
        "10,000 followers, none of whom reacts",
        dollars=10_000 * DOLLARS_PER_FOLLOWER,
        followers=10_000,
    ),
    Action(
        "bought reactions",
        "5,000 reactions of 500 bots",
        dollars=5000 * DOLLARS_PER_BOT_REACTION,
        reactions=5000,
        reactors=500,
        by=BOTS,
    ),
    Action("+Kred gifts", "ten gifts of 70 points, asked for", hours=1, gifts=10),
    Action("verified account", "one more confirmed address or number", hours=0.25, verified=1),
    Action(
        "replies up the ladder",
        "100 replies to people with a higher score",
        hours=100 * HOURS_PER_REPLY,
        replies_up=100,
    ),
    Action(
        "replies down the ladder",
        "100 replies to people with a lower score",
        hours=100 * HOURS_PER_REPLY,
        replies_down=100,
    ),
)


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
        names = [
            "score",
            "rank",
            "action",
            "how",
            "points",
            "idle_points",
            "hours",
            "dollars",
            "points_per_hour",
            "points_per_dollar",
            "referrals",
        ]
        shown = self.table[names].map(
            lambda cell: f"{cell:.3g}" if isinstance(cell, float) else cell
        )
        drawn = "Simulated data. " if self.dataset.simulated else ""
        caption = (
            f"{drawn}Points that each action gains, mean of {self.dataset.rows:,} rows; prices are"
            " assumptions."
        )
        body = shown.to_html(index=False, border=0, na_rep="")
        return body.replace("<thead>", f"<caption>{caption}</caption><thead>", 1)


def manipulability(
    frame: pd.DataFrame, *, actions: tuple[Action, ...] = ACTIONS, hour_price: float = HOUR_PRICE
) -> Manipulability:
    """Return what each action gains on the Klout-, Kred- and (where its columns are there)
    TrustCloud-style score.

    Parameters
    ----------
    frame : DataFrame
        An activity table, one row per account; with its truth where it comes from
        `analysis.simulate`.
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
            "manipulability", [Fault("hour_price", printable(hour_price), "a number of at least 0")]
        )
    if isinstance(frame, pd.DataFrame) and "month" in frame:
        frame = frame[frame["month"] == frame["month"].max()].drop(columns="month")
    before, parameters = _scores(frame, frame), parameters_of(frame)
    idle = frame.iloc[:1].assign(**dict.fromkeys(_numbers(frame), 0.0))
    rows = []
    for action in actions:
        changed = after(frame, action)
        alone = _gains_alone(idle, action, frame)
        gains = {
            name: float((value - before[name]).mean())
            for name, value in _scores(changed, frame).items()
        }
        referrals = np.nan if parameters is None else _referrals(frame, changed, action, parameters)
        rows += [
            _row(name, action, points, alone[name], referrals, hour_price)
            for name, points in gains.items()
        ]
    table = pd.DataFrame(rows)
    table["range_per_100"] = table["range_per_100"].where(table["points"].abs() > 1e-9, 0.0)
    order = table.sort_values(
        ["score", "range_per_100"], ascending=[True, False], kind="stable", ignore_index=True
    )
    order.insert(1, "rank", order.groupby("score").cumcount() + 1)
    return Manipulability(order, from_frame(frame), hour_price)


def _numbers(frame: pd.DataFrame) -> list[str]:
    """Return the columns of activity that the scores read."""
    return [name for name in {*klout.NEEDS, *kred.NEEDS, *trustcloud.NEEDS} if name in frame]


def _gains_alone(idle: pd.DataFrame, action: Action, community: pd.DataFrame) -> dict[str, float]:
    """Return what the action gains on an account that does nothing else."""
    before = _scores(idle, community)
    return {
        name: float(value[0] - before[name][0])
        for name, value in _scores(after(idle, action), community).items()
    }


def after(frame: pd.DataFrame, action: Action) -> pd.DataFrame:
    """Return the activity table as it would be if this account alone (every one in turn) took the
    action.
    """
    usual = frame["reactions"] / frame["posts"].clip(lower=1)
    added = action.reactions + action.response * action.posts * usual
    reactors = action.reactors + added * (action.response > 0) * (
        frame["reactors"] / frame["reactions"].clip(lower=1) if action.by == PEOPLE else 0.1
    )
    theirs = BOT_SCORE if action.by == BOTS else frame["reactor_score"]
    total = (frame["reactors"] + reactors).clip(lower=1e-9)
    changed = frame.assign(
        posts=frame["posts"] + action.posts,
        reactions=frame["reactions"] + added,
        reactors=frame["reactors"] + reactors,
        reactor_score=(frame["reactor_score"] * frame["reactors"] + theirs * reactors) / total,
        replies_up=frame["replies_up"] + action.replies_up,
        replies_down=frame["replies_down"] + action.replies_down,
    )
    changed = changed.assign(gifts=action.gifts, gained=action.followers)
    return _verified(changed, action.verified) if action.verified else changed


def _verified(frame: pd.DataFrame, more: float) -> pd.DataFrame:
    """Return the table with the first `more` missing confirmations made, where the columns are
    there.
    """
    changed, left = frame.copy(), np.full(len(frame), more)
    for name in trustcloud.VERIFICATIONS:
        if name in changed:
            gain = np.minimum(1 - changed[name].clip(0, 1), left)
            changed[name], left = changed[name] + gain, left - gain
    return changed


def _scores(changed: pd.DataFrame, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the scores of changed accounts in the community as it was; unrounded."""
    wide = changed.drop(columns="month", errors="ignore")
    own = kred.influence_points(wide["reactions"], new_followers=wide.get("gained", 0.0))
    own = own + kred.GIFT_TO_RECEIVER * np.asarray(wide.get("gifts", 0.0), float)
    found = {
        "Klout-style": klout.klout(wide).to_numpy(),
        "Kred-style": kred.normalised(own, kred.influence_points(frame["reactions"])),
    }
    if all(name in frame for name in trustcloud.NEEDS):
        found["TrustCloud-style"] = trustcloud.trustcloud(wide).to_numpy()
    return found


def _referrals(
    frame: pd.DataFrame, changed: pd.DataFrame, action: Action, parameters: Parameters
) -> float:
    """Return the relative change of mean referrals, by the declared truth."""
    fresh = changed["reactions"] - frame["reactions"]
    worth = parameters.bots if action.by == BOTS else (parameters.peers + parameters.customers) / 2
    paying = frame["paying_engagement"].clip(lower=1e-6)
    seen = frame["klout"] + klout.klout(changed) - klout.klout(frame)
    moved = (
        parameters.effect * (seen - frame["klout"]) / frame["klout"].std(ddof=1)
        + parameters.perk_effect
        * ((seen >= parameters.threshold) * 1.0 - (frame["klout"] >= parameters.threshold))
        + parameters.engagement * np.log1p(worth * fresh / paying)
        + parameters.posting * (np.log1p(changed["posts"]) - np.log1p(frame["posts"]))
        + parameters.relationships
        * (np.log1p(changed["replies_down"]) - np.log1p(frame["replies_down"]))
    )
    return float(np.average(np.expm1(moved), weights=frame["referrals"] + 1e-9))


def _row(
    name: str, action: Action, points: float, alone: float, referrals: float, hour_price: float
) -> dict[str, object]:
    """Return one row of the table."""
    cost = action.dollars + hour_price * action.hours
    share = points / RANGES[name]
    return {
        "score": name,
        "action": action.name,
        "how": action.how,
        "points": points,
        "idle_points": alone,
        "range_share": share,
        "hours": action.hours,
        "dollars": action.dollars,
        "points_per_hour": points / action.hours if action.hours else np.nan,
        "points_per_dollar": points / action.dollars if action.dollars else np.nan,
        "range_per_100": 100 * share / cost if cost else np.nan,
        "referrals": referrals,
    }
