"""From parameters to the tables: a creator a row, or a creator and a month a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy.special import expit

from analysis.scores import klout as klout_style
from analysis.scores import kred as kred_style
from analysis.simulate.activity import (
    DOLLARS_PER_BOT_REACTION,
    DOLLARS_PER_FOLLOWER,
    HOURS_PER_POST,
    HOURS_PER_REPLY,
    INDUSTRIES,
    SOCIAL_MEDIA,
    Activity,
    draw_activity,
)
from analysis.simulate.columns import COLUMNS
from analysis.simulate.parameters import Parameters
from analysis.simulate.sources import account_columns, agent_columns, trust_columns

QUARTER = 3.0
"""Months that a row of the table of creators covers."""
BEFORE = 3
"""Months drawn before the first row of a panel, for windows and past outcomes."""
MONTHLY_REVENUE, MONTHLY_REFERRALS = 500.0, 4.0
LOYALTY = 0.3
"""Standard deviation of what stays with a creator in every outcome, on the log scale."""
HISTORY = 12
"""Payments that came due before."""

Arrays = dict[str, np.ndarray]


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
    rows = parameters.months if panel else 1
    n, periods, kept = parameters.n, before + rows, slice(before, before + rows)
    made, earned, extra, own, heirs = (
        np.random.default_rng([parameters.seed, part]) for part in range(5)
    )
    activity = draw_activity(parameters, periods, length, made)
    scores = _scores(parameters, activity, before, 3 if panel else 1, made, kept)
    slopes = _slopes(parameters, earned)
    outcomes = _outcomes(parameters, activity, scores["klout"], slopes, kept, length, earned)
    columns = vars(activity) | scores | outcomes | _spent(activity, extra)
    columns |= _derived(columns) | trust_columns(parameters, outcomes["discipline"], periods, own)
    columns |= account_columns(activity, heirs) | agent_columns(activity, length, heirs)
    columns["perk"] = scores["klout"] >= parameters.threshold
    columns["creator"] = np.array([[f"c{i:0{len(str(n))}d}"] for i in range(1, n + 1)])
    columns["industry"] = np.array(INDUSTRIES)[activity.industry]
    if panel:
        columns["month"] = np.arange(periods) - before + 1
    frame = {}
    for name, (kind, *_) in COLUMNS.items():
        if name in columns:
            column = np.broadcast_to(columns[name], (n, periods))[:, kept].ravel()
            whole = kind in ("integer", "binary")
            frame[name] = column.astype(np.int64) if whole else column
    return World(pd.DataFrame(frame), parameters, slopes)


# --- scores ---------------------------------------------------------------------------------------


def _scores(
    parameters: Parameters,
    activity: Activity,
    before: int,
    window: int,
    rng: Generator,
    kept: slice,
) -> Arrays:
    """Return the displayed score and its two versions, and a Kred-style one."""
    old = _klout(activity, klout_style.OLD, 1, 30 if window > 1 else 90)
    new = _klout(activity, klout_style.NEW, window, 90)
    month = np.arange(old.shape[1]) - before + 1
    changed = (parameters.change > 0) & ((month >= parameters.change) | (window == 1))
    shown = np.where(changed, new, old)
    lifts = (rng.random(shown.shape) < parameters.bunching) & (shown < parameters.threshold)
    lifts &= shown >= parameters.threshold - 2
    shown = np.where(lifts, np.round(parameters.threshold + rng.random(shown.shape), 2), shown)
    followers = activity.followers
    fresh = np.maximum(np.diff(followers, axis=1, prepend=followers[:, :1]), 0)
    points = kred_style.influence_points(activity.reactions, new_followers=fresh)
    kred = np.ones_like(points)
    kred[:, kept] = np.round(kred_style.normalised(points[:, kept]), 1)
    return {
        "klout": shown,
        "klout_old": old,
        "klout_new": new,
        "kred": kred,
        "algorithm": changed,
    }


def _klout(
    activity: Activity, version: klout_style.KloutVersion, window: int, days: float
) -> np.ndarray:
    """Return a Klout-style score at the end of each period, from the last `window` periods."""
    sums = {name: _rolling(getattr(activity, name), window) for name in klout_style.SUMMED}
    covered = np.minimum(np.arange(1, sums["posts"].shape[1] + 1), window) / window * days
    return klout_style.from_sums(sums, activity.reactor_score, covered, version)


def _rolling(values: np.ndarray, window: int) -> np.ndarray:
    """Return sums over the last `window` columns, or fewer at the start."""
    total = np.cumsum(values, axis=1)
    total[:, window:] = total[:, window:] - total[:, :-window].copy()
    return total


# --- outcomes -------------------------------------------------------------------------------------


def _slopes(parameters: Parameters, rng: Generator) -> np.ndarray:
    """Return the score's effect in each industry; those drawn about the mean have its mean."""
    drawn = rng.normal(size=len(INDUSTRIES))
    slopes = parameters.effect + parameters.tau * (drawn - drawn.mean()) / drawn.std(ddof=1)
    slopes[SOCIAL_MEDIA] += parameters.social_media
    return slopes


def _outcomes(
    parameters: Parameters,
    activity: Activity,
    klout: np.ndarray,
    slopes: np.ndarray,
    kept: slice,
    length: float,
    rng: Generator,
) -> Arrays:
    """Draw the outcomes of every period; the score is standardised over the kept ones.

    Whatever the noise, their mean is exactly what the parameters say.
    """
    shape, among = klout.shape, klout[:, kept]
    score = (klout - among.mean()) / max(among.std(ddof=1), 1e-9)
    loyal = LOYALTY * rng.normal(size=(shape[0], 1)) - LOYALTY**2 / 2
    index = _index(parameters, activity, klout, slopes[activity.industry] * score, kept)
    index = index + loyal + 0.05 * rng.normal(size=shape[1])
    mean = np.exp(index)
    sold = _zeros(parameters, index, rng)
    tail = parameters.tail  # Lomax distribution with this tail index and mean 1
    revenue = mean * MONTHLY_REVENUE * length * sold * ((tail - 1) * rng.pareto(tail, size=shape))
    referrals = rng.poisson(mean * MONTHLY_REFERRALS * length * rng.gamma(2, 0.5, size=shape))
    discipline = rng.normal(size=(shape[0], 1))
    late = rng.binomial(HISTORY, expit(-2.5 - np.broadcast_to(discipline, shape)))
    owed = -2.2 - parameters.payment * discipline + parameters.default_effect * score
    return {
        "revenue": np.round(revenue, 2),
        "referrals": referrals.astype(float),
        "late_payments": late,
        "default": rng.random(shape) < expit(owed),
        "discipline": discipline,
    }


def _index(
    parameters: Parameters,
    activity: Activity,
    klout: np.ndarray,
    effect: np.ndarray,
    kept: slice,
) -> np.ndarray:
    """Return the log of the mean outcome, relative to the average creator's."""
    gaming = activity.gaming
    onset = np.zeros_like(gaming)
    onset[:, :-1] = (gaming[:, 1:] > 0) & (gaming[:, :-1] == 0)
    paying = np.log(np.maximum(activity.paying_engagement, 1e-6))
    return (
        effect * np.where(gaming > 0, parameters.decoupling, 1.0)
        + parameters.validity * activity.authority
        + parameters.perk_effect * (klout >= parameters.threshold)
        + parameters.engagement * _centred(paying, kept)
        + parameters.relationships * _centred(np.log1p(activity.replies_down), kept)
        + parameters.posting * _centred(np.log1p(activity.posts), kept)
        + parameters.gaming_effect * gaming
        + parameters.anticipation * onset
    )


def _centred(values: np.ndarray, kept: slice) -> np.ndarray:
    return values - values[:, kept].mean()


def _zeros(parameters: Parameters, index: np.ndarray, rng: Generator) -> np.ndarray:
    """Draw 0 or the inverse of the chance of a sale, which is higher where the mean is: mean 1."""
    if parameters.zeros == 0:
        return np.ones(index.shape)
    chance = expit(np.log(1 / parameters.zeros - 1) + 0.5 * np.clip(index, -4, 4))
    return (rng.random(index.shape) < chance) / chance


# --- the other columns ----------------------------------------------------------------------------


def _spent(activity: Activity, rng: Generator) -> Arrays:
    """Draw the hours and the dollars spent."""
    shape = activity.true_engagement.shape
    replies = activity.replies_up + activity.replies_down
    needed = HOURS_PER_POST * activity.posts + HOURS_PER_REPLY * replies
    hours = needed * rng.lognormal(-0.02, 0.2, size=shape) + 0.1
    followers = DOLLARS_PER_FOLLOWER * np.diff(activity.bought_followers, axis=1, prepend=0)
    bought = followers + DOLLARS_PER_BOT_REACTION * activity.gaming * activity.bot_engagement
    cost = rng.lognormal(np.log(80), 0.6, size=shape) + bought
    return {"hours": np.round(hours, 1), "cost": np.round(cost, 2)}


def _derived(columns: Arrays) -> Arrays:
    """Return the columns that follow from others: sums, past outcomes, truths to a few digits."""
    halves, likes = ("odd", "even"), columns["likes"]
    customers = {f"customer_{h}": columns[f"likes_{h}"] - columns[f"peer_{h}"] for h in halves}
    decimals = {"true_engagement": 3, "paying_engagement": 3, "authority": 4}
    return {
        "peer_engagement": columns["peer_odd"] + columns["peer_even"],
        **customers,
        "customer_engagement": customers["customer_odd"] + customers["customer_even"],
        "engagement_down": likes - columns["engagement_up"],
        "past_referrals": _lagged(columns["referrals"]),
        "past_revenue": _lagged(columns["revenue"]),
        **{name: np.round(columns[name], digits) for name, digits in decimals.items()},
    }


def _lagged(values: np.ndarray) -> np.ndarray:
    """Return the previous period's values; the first period, which is never kept, has its own."""
    return np.concatenate([values[:, :1], values[:, :-1]], axis=1)
