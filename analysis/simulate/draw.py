"""From parameters to the tables: a creator a row, or a creator and a month a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.scores import klout as klout_style
from analysis.scores import kred as kred_style
from analysis.simulate.activity import (
    DOLLARS_PER_BOT_REACTION,
    DOLLARS_PER_FOLLOWER,
    HOURS_PER_POST,
    HOURS_PER_REPLY,
    INDUSTRIES,
    Activity,
    draw_activity,
)
from analysis.simulate.outcomes import Outcomes, draw_outcomes
from analysis.simulate.parameters import Parameters

QUARTER = 3.0
"""Months that a row of the table of creators covers."""
BEFORE = 3
"""Months drawn before the first row of a panel, for windows and past outcomes."""


@dataclass(frozen=True, eq=False)
class World:
    """One simulated table with its truth.

    Attributes
    ----------
    frame : DataFrame
    parameters : Parameters
    slopes : ndarray, shape (industries,)
        The score's effect in each industry, per standard deviation of the displayed score.
    """

    frame: pd.DataFrame
    parameters: Parameters
    slopes: np.ndarray


def draw(parameters: Parameters, *, panel: bool) -> World:
    """Draw a world: the same parameters give the same table, to the last cent.

    Parameters
    ----------
    parameters : Parameters
    panel : bool
        Creators x months if true, else one row per creator, over a quarter.
    """
    before, length = (BEFORE, 1.0) if panel else (1, QUARTER)
    periods = before + (parameters.months if panel else 1)
    kept = slice(before, periods)
    made, earned, extra = (np.random.default_rng([parameters.seed, part]) for part in range(3))
    activity = draw_activity(parameters, periods, length, made)
    scores = _scores(parameters, activity, before, 3 if panel else 1, made, kept)
    outcomes = draw_outcomes(parameters, activity, scores["klout"], kept, length, earned)
    columns = _columns(parameters, activity, scores, outcomes, extra)
    columns |= _sources(parameters, outcomes, periods, np.random.default_rng([parameters.seed, 3]))
    n, rows = parameters.n, periods - before
    width = len(str(n))
    frame = {"creator": np.repeat([f"c{i:0{width}d}" for i in range(1, n + 1)], rows)}
    if panel:
        frame["month"] = np.tile(np.arange(1, rows + 1), n)
    frame["industry"] = np.repeat(np.array(INDUSTRIES)[activity.industry[:, 0]], rows)
    for name, values in columns.items():
        column = np.broadcast_to(values, (n, periods))[:, kept].ravel()
        frame[name] = column if name in DECIMALS else column.astype(np.int64)
    return World(pd.DataFrame(frame), parameters, outcomes.slopes)


DECIMALS = {
    *(
        "klout",
        "klout_old",
        "klout_new",
        "kred",
        "reactor_score",
        "true_engagement",
        "paying_engagement",
        "authority",
    ),
    *("hours", "cost", "revenue", "past_revenue", "responsiveness", "consistency", "rating"),
}
"""Columns that are not counts."""


def _scores(
    parameters: Parameters,
    activity: Activity,
    before: int,
    window: int,
    rng: np.random.Generator,
    kept: slice,
) -> dict[str, np.ndarray]:
    """Return the displayed score and its two versions, and a Kred-style one."""
    old = np.round(_klout(activity, klout_style.OLD, 1, 30 if window > 1 else 90), 2)
    new = np.round(_klout(activity, klout_style.NEW, window, 90), 2)
    month = np.arange(old.shape[1]) - before + 1
    algorithm = np.broadcast_to(
        (parameters.change > 0) & ((month >= parameters.change) | (window == 1)), old.shape
    )
    shown = np.where(algorithm, new, old)
    lifts = (rng.random(shown.shape) < parameters.bunching) & (shown < parameters.threshold)
    lifts &= shown >= parameters.threshold - 2
    shown = np.where(lifts, np.round(parameters.threshold + rng.random(shown.shape), 2), shown)
    fresh = np.maximum(np.diff(activity.followers, axis=1, prepend=activity.followers[:, :1]), 0)
    points = kred_style.influence_points(activity.reactions, new_followers=fresh)
    kred = np.ones_like(points)
    kred[:, kept] = np.round(kred_style.normalised(points[:, kept]), 1)
    return {
        "klout": shown,
        "klout_old": old,
        "klout_new": new,
        "kred": kred,
        "algorithm": algorithm,
    }


def _klout(
    activity: Activity, version: klout_style.KloutVersion, window: int, days: float
) -> np.ndarray:
    """Return a Klout-style score at the end of each period, from the last `window` periods (fewer
    at the start).
    """
    reactors, reactions, posts, up, down = (
        _rolling(values, window)
        for values in (
            activity.reactors,
            activity.reactions,
            activity.posts,
            activity.replies_up,
            activity.replies_down,
        )
    )
    covered = np.minimum(np.arange(1, reactors.shape[1] + 1), window) / window * days
    return klout_style.combined(
        klout_style.true_reach(reactors, version, days=covered),
        klout_style.amplification(reactions, posts, version),
        klout_style.network_impact(activity.reactor_score, up, down, version),
        version,
    )


def _rolling(values: np.ndarray, window: int) -> np.ndarray:
    """Return sums over the last `window` columns."""
    total = np.cumsum(values, axis=1)
    total[:, window:] = total[:, window:] - total[:, :-window].copy()
    return total


def _columns(
    parameters: Parameters,
    activity: Activity,
    scores: dict[str, np.ndarray],
    outcomes: Outcomes,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return the columns of the table in their order, each of shape (creators, periods)."""
    halves, shape = activity.halves, activity.engagement.shape
    fresh_bought = np.diff(activity.bought, axis=1, prepend=0)
    replies = activity.replies_up + activity.replies_down
    hours = (HOURS_PER_POST * activity.posts + HOURS_PER_REPLY * replies) * rng.lognormal(
        -0.02, 0.2, size=shape
    ) + 0.1
    bought = (
        DOLLARS_PER_FOLLOWER * fresh_bought
        + DOLLARS_PER_BOT_REACTION * activity.gaming * activity.bots
    )
    cost = rng.lognormal(np.log(80), 0.6, size=shape) + bought
    return {
        "klout": scores["klout"],
        "klout_old": scores["klout_old"],
        "klout_new": scores["klout_new"],
        "kred": scores["kred"],
        "algorithm": scores["algorithm"],
        "perk": scores["klout"] >= parameters.threshold,
        "likes": activity.likes,
        "likes_odd": halves["likes_odd"],
        "likes_even": halves["likes_even"],
        "peer_engagement": halves["peers_odd"] + halves["peers_even"],
        "peer_odd": halves["peers_odd"],
        "peer_even": halves["peers_even"],
        "customer_engagement": halves["customers_odd"] + halves["customers_even"],
        "customer_odd": halves["customers_odd"],
        "customer_even": halves["customers_even"],
        "bot_engagement": activity.bots,
        "engagement_up": activity.up,
        "engagement_down": activity.likes - activity.up,
        "posts": activity.posts,
        "replies_up": activity.replies_up,
        "replies_down": activity.replies_down,
        "reactions": activity.reactions,
        "reactors": activity.reactors,
        "reactor_score": activity.reactor_score,
        "followers": activity.followers,
        "bought_followers": activity.bought,
        "gaming": activity.gaming,
        "hours": np.round(hours, 1),
        "cost": np.round(cost, 2),
        "referrals": outcomes.referrals,
        "revenue": outcomes.revenue,
        "past_referrals": _lagged(outcomes.referrals),
        "past_revenue": _lagged(outcomes.revenue),
        "late_payments": outcomes.late_payments,
        "default": outcomes.default,
        "true_engagement": np.round(activity.engagement, 3),
        "paying_engagement": np.round(activity.paying, 3),
        "authority": np.round(activity.authority, 4),
    }


def _sources(
    parameters: Parameters, outcomes: Outcomes, periods: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return what a trust score reads; of the traits of a creator, every period has the same."""
    n = parameters.n
    opened = rng.integers(1, 61, size=(n, 1))
    rated = parameters.ratings * outcomes.discipline + np.sqrt(
        1 - parameters.ratings**2
    ) * rng.normal(size=(n, 1))
    sold = rng.poisson(rng.gamma(0.8, 15, size=(n, 1)))
    return {
        **{
            f"verified_{how}": rng.random((n, 1)) < share
            for how, share in (("email", 0.9), ("post", 0.3), ("sms", 0.5))
        },
        "responsiveness": np.round(rng.beta(4, 2, size=(n, 1)), 3),
        "consistency": np.round(rng.beta(5, 2, size=(n, 1)), 3),
        "longevity": opened + np.arange(periods),
        "rating": np.where(sold > 0, np.round(np.clip(4.2 + 0.5 * rated, 1, 5), 2), 0.0),
        "endorsements": sold,
    }


def _lagged(values: np.ndarray) -> np.ndarray:
    """Return the previous period's values; the first period, which is never kept, has its own."""
    return np.concatenate([values[:, :1], values[:, :-1]], axis=1)
