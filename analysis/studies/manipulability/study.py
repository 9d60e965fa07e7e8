"""What a point costs: how far each way of gaming moves each score, per hour and per dollar.

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
from analysis.results.table import table_of
from analysis.scores import klout, kred, trustcloud
from analysis.simulate import parameters_of
from analysis.simulate.activity import (
    DOLLARS_PER_BOT_REACTION,
    DOLLARS_PER_FOLLOWER,
    HOURS_PER_POST,
    HOURS_PER_REPLY,
)

if TYPE_CHECKING:
    from analysis.results.figure import Figure
    from analysis.simulate.parameters import Parameters

RANGES = {"Klout-style": 90.0, "Kred-style": 999.0, "TrustCloud-style": 999.0}
"""How many points lie between the lowest and the highest value of a score."""
HOUR_PRICE = 20.0
"""Dollars that an hour is worth where both are added."""
PEOPLE, BOTS = "people", "bots"
ADDED = ("posts", "replies_up", "replies_down")
"""Columns of an activity table to which an action adds its own number."""
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
    *(
        Action(
            f"replies {way} the ladder",
            f"100 replies to people with a {score} score",
            hours=100 * HOURS_PER_REPLY,
            **{f"replies_{way}": 100},
        )
        for way, score in {"up": "higher", "down": "lower"}.items()
    ),
)


CAPTION = (
    "Share of the score's range that each action gains per 100 dollars, an hour of work counting as"
    " {price:g} dollars. Hatched bars lose points. Beside a bar: what the action as a whole does to"
    " referrals. Prices and yields are assumptions, stated with each action in the table."
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
    """Return what each action gains on the Klout-, Kred- and TrustCloud-style scores.

    Parameters
    ----------
    frame : DataFrame
        An activity table, one row per account; with its truth where it comes from
        `analysis.simulate`. TrustCloud's score needs columns of its own.
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
    needs = {*klout.NEEDS, *kred.NEEDS, *trustcloud.NEEDS} & set(frame)
    idle = frame.iloc[:1].assign(**dict.fromkeys(needs, 0.0))
    before, idle_before = _scores(frame, frame), _scores(idle, frame)
    parameters, rows = parameters_of(frame), []
    for action in actions:
        changed = after(frame, action)
        alone = _scores(after(idle, action), frame)
        referrals = np.nan if parameters is None else _referrals(frame, changed, action, parameters)
        for score, values in _scores(changed, frame).items():
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


def after(frame: pd.DataFrame, action: Action) -> pd.DataFrame:
    """Return the activity table as if each account alone had taken the action."""
    usual = frame["reactions"] / frame["posts"].clip(lower=1)
    added = action.reactions + action.response * action.posts * usual
    reactors = action.reactors + added * (action.response > 0) * (
        frame["reactors"] / frame["reactions"].clip(lower=1) if action.by == PEOPLE else 0.1
    )
    theirs = BOT_SCORE if action.by == BOTS else frame["reactor_score"]
    total = (frame["reactors"] + reactors).clip(lower=1e-9)
    changed = frame.assign(
        reactions=frame["reactions"] + added,
        reactors=frame["reactors"] + reactors,
        reactor_score=(frame["reactor_score"] * frame["reactors"] + theirs * reactors) / total,
        gifts=action.gifts,
        gained=action.followers,
        **{name: frame[name] + getattr(action, name) for name in ADDED},
    )
    left = np.full(len(frame), action.verified)
    for name in trustcloud.VERIFICATIONS if action.verified else ():
        if name in changed:  # the first confirmations that are missing are made
            gain = np.minimum(1 - changed[name].clip(0, 1), left)
            changed[name], left = changed[name] + gain, left - gain
    return changed


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
    return scores


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


# --- the figure -----------------------------------------------------------------------------------


def manipulability_figure(result: Manipulability) -> Figure:
    """Draw what each action gains per 100 dollars, a panel a score, the cheapest on top."""
    import matplotlib

    from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, rendered

    panels, told = list(result.table.groupby("score")), []
    height = sum(0.9 + 0.26 * len(rows) for _, rows in panels)
    with matplotlib.rc_context(STYLE):
        canvas = matplotlib.figure.Figure(figsize=(WIDTH, height), layout="constrained")
        grid = canvas.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (name, rows) in zip(grid, panels, strict=True):
            shares = 100 * rows["range_per_100"]
            bars = axes.barh(range(len(rows)), shares, color=ACCENT, edgecolor=INK, linewidth=0.6)
            for at, (bar, share, more) in enumerate(
                zip(bars, shares, rows["referrals"], strict=True)
            ):
                if share < 0:
                    bar.set(facecolor="white", hatch="///")
                label = "" if np.isnan(more) else f"; referrals {100 * more:+.1f} %"
                label = f" {share:.3g} %{label}"
                axes.annotate(label, (max(share, 0), at), va="center", fontsize=8)
            axes.set_yticks(range(len(rows)), rows["action"], fontsize=9)
            axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(None, 1.9 * max(shares.max(), 1e-6)))
            axes.set_title(name, loc="left", fontsize=11)
            axes.axvline(0, color=INK, linewidth=0.8)
            (first, *_, last), actions = shares, rows["action"].tolist()
            told.append(
                f"{name}: most by {actions[0]} ({first:.3g} % of its range per 100 dollars), least"
                f" by {actions[-1]} ({last:.3g} %)"
            )
        grid[-1].set_xlabel("range of the score gained per 100 dollars, %")
        alt = f"Bars of what each way of gaming gains. {'; '.join(told)}."
        return rendered(canvas, alt, CAPTION.format(price=result.hour_price), result.dataset)
