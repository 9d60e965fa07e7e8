"""What simulated creators do, who reacts, and what is recorded of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.special import expit

from analysis.simulate.parameters import Parameters

INDUSTRIES = (
    "social media",
    "restaurants",
    "fashion",
    "travel",
    "software",
    "fitness",
    "books",
    "charity",
)
SOCIAL_MEDIA = 0
"""Position of the industry in which what works proves nothing for a restaurant."""

SPREAD, WITHIN, PERSISTENCE = 1.0, 0.5, 0.6
"""Standard deviations of log true engagement between creators and within one, and the
autocorrelation within.
"""
MONTHLY_REACTIONS, MONTHLY_POSTS, MONTHLY_REPLIES = 400.0, 20.0, 30.0
HOURS_PER_POST, HOURS_PER_REPLY = 0.4, 0.08
DOLLARS_PER_FOLLOWER, DOLLARS_PER_BOT_REACTION = 0.005, 0.02
"""What posts and replies take, and what bought followers and the reactions of bots cost: prices of
this world.
"""
DISTINCT = 0.6
"""Share of reactions that come from somebody who has not reacted before in the period."""


@dataclass(frozen=True, eq=False)
class Activity:
    """Everything before the scores, under the names of the table's columns.

    Arrays have shape (creators, periods), traits of a creator shape (creators, 1). Counts are
    float. `paying_engagement` is the part of true engagement that pays, by the parameters' weights.
    """

    industry: np.ndarray
    authority: np.ndarray
    true_engagement: np.ndarray
    paying_engagement: np.ndarray
    likes: np.ndarray
    likes_odd: np.ndarray
    likes_even: np.ndarray
    peer_odd: np.ndarray
    peer_even: np.ndarray
    bot_engagement: np.ndarray
    reactions: np.ndarray
    reactors: np.ndarray
    reactor_score: np.ndarray
    engagement_up: np.ndarray
    posts: np.ndarray
    replies_up: np.ndarray
    replies_down: np.ndarray
    followers: np.ndarray
    bought_followers: np.ndarray
    gaming: np.ndarray


def draw_activity(parameters: Parameters, periods: int, length: float, rng: Generator) -> Activity:
    """Draw what happens in `periods` periods of `length` months each."""
    n, shape = parameters.n, (parameters.n, periods)
    industry = rng.integers(0, len(INDUSTRIES), size=(n, 1))
    authority = rng.normal(size=(n, 1))
    talent = SPREAD * rng.normal(size=(n, 1))
    engagement = np.exp(np.log(MONTHLY_REACTIONS * length) + talent + _within(shape, rng))
    gaming = _episodes(parameters, shape, rng)
    social = 1.0 * (industry == SOCIAL_MEDIA)
    peers = expit(0.4 + social + 0.7 * rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=shape))
    up = expit(-1.0 + 0.7 * rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=shape))
    halves = _halves(parameters, engagement, peers, rng)
    likes = halves["likes_odd"] + halves["likes_even"]
    always = parameters.robots * rng.lognormal(-0.125, 0.5, size=(n, 1))
    lifted = parameters.intensity * gaming * rng.uniform(1, 3, size=shape)
    bots = rng.poisson(engagement * (always + lifted)).astype(float)
    reactions = _seen_by_the_score(parameters, engagement, likes, rng) + bots
    eager = np.exp(0.3 * talent + 0.4 * rng.normal(size=(n, 1)))
    posts = rng.poisson(MONTHLY_POSTS * length * eager * (1 + 2 * gaming))
    replies = MONTHLY_REPLIES * length * np.exp(0.5 * rng.normal(size=(n, 1))) * (1 + gaming)
    downwards = expit(0.8 * rng.normal(size=(n, 1)))
    followers, bought = _followers(parameters, talent, gaming, rng)
    return Activity(
        industry=industry,
        authority=authority,
        true_engagement=engagement,
        paying_engagement=_paying(parameters, engagement, peers, up, bots),
        likes=likes,
        **halves,
        bot_engagement=bots,
        reactions=reactions,
        reactors=rng.binomial(reactions.astype(np.int64), DISTINCT).astype(float),
        reactor_score=np.round(100 * expit(-1 + 0.5 * authority + 0.1 * rng.normal(size=shape)), 1),
        engagement_up=rng.binomial(likes.astype(np.int64), up).astype(float),
        posts=posts.astype(float),
        replies_up=rng.poisson(replies * (1 - downwards)).astype(float),
        replies_down=rng.poisson(replies * downwards).astype(float),
        followers=followers,
        bought_followers=bought,
        gaming=gaming.astype(float),
    )


def _within(shape: tuple[int, int], rng: Generator) -> np.ndarray:
    """Draw a creator's own ups and downs (a stationary autoregression), and those all share."""
    shocks = WITHIN * rng.normal(size=shape)
    moves = np.empty(shape)
    moves[:, 0] = shocks[:, 0]
    for at in range(1, shape[1]):
        moves[:, at] = PERSISTENCE * moves[:, at - 1] + np.sqrt(1 - PERSISTENCE**2) * shocks[:, at]
    return moves + 0.1 * rng.normal(size=shape[1])


def _episodes(parameters: Parameters, shape: tuple[int, int], rng: Generator) -> np.ndarray:
    """Draw episodes that begin with probability .1 a period and go on with .6."""
    gamer = rng.random((shape[0], 1)) < parameters.gamers
    drawn = rng.random(shape)
    gaming = np.zeros(shape, bool)
    gaming[:, 0] = drawn[:, 0] < 0.2  # the share at which begin and end balance
    for at in range(1, shape[1]):
        gaming[:, at] = drawn[:, at] < np.where(gaming[:, at - 1], 0.6, 0.1)
    return gaming & gamer


def _noise(
    parameters: Parameters, engagement: np.ndarray, parts: int, rng: Generator
) -> np.ndarray:
    """Draw noise of mean 1 for one of so many parts; their mean has the declared reliability."""
    variance = parts * (SPREAD**2 + WITHIN**2) * (1 - parameters.reliability)
    variance /= parameters.reliability
    return np.exp(np.sqrt(variance) * rng.normal(size=engagement.shape) - variance / 2)


def _halves(
    parameters: Parameters, engagement: np.ndarray, peers: np.ndarray, rng: Generator
) -> dict[str, np.ndarray]:
    """Draw what is recorded in odd and even weeks: all of it, and what peers did."""
    halves = {}
    for half in ("odd", "even"):
        likes = rng.poisson(engagement / 2 * _noise(parameters, engagement, 2, rng)).astype(float)
        halves[f"likes_{half}"] = likes
        halves[f"peer_{half}"] = rng.binomial(likes.astype(np.int64), peers).astype(float)
    return halves


def _seen_by_the_score(
    parameters: Parameters, engagement: np.ndarray, likes: np.ndarray, rng: Generator
) -> np.ndarray:
    """Return reactions in the vendor's records: its own, those recorded, or a mean of the logs."""
    shared = parameters.shared
    if shared == 1:
        return likes
    own = rng.poisson(engagement * _noise(parameters, engagement, 1, rng)).astype(float)
    return (
        own
        if shared == 0
        else np.round(np.expm1((1 - shared) * np.log1p(own) + shared * np.log1p(likes)))
    )


def _paying(
    parameters: Parameters,
    engagement: np.ndarray,
    peers: np.ndarray,
    up: np.ndarray,
    bots: np.ndarray,
) -> np.ndarray:
    """Return the true engagement that pays, every reaction by its worth."""
    by_whom = parameters.peers * peers + parameters.customers * (1 - peers)
    from_where = parameters.up * up + parameters.down * (1 - up)
    return engagement * by_whom * from_where + parameters.bots * bots


def _followers(
    parameters: Parameters, talent: np.ndarray, gaming: np.ndarray, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw followers, with those by follow-back in gamed months, and the bought ones of these."""
    n, periods = gaming.shape
    growth = np.cumsum(0.01 + 0.08 * gaming + 0.005 * rng.normal(size=gaming.shape), axis=1)
    organic = np.exp(np.log(3000) + 0.9 * talent + 0.4 * rng.normal(size=(n, 1)) + growth)
    buys = rng.random((n, 1)) < parameters.buyers
    since = rng.integers(0, periods, size=(n, 1)) if periods > 1 else np.zeros((n, 1), int)
    amount = np.round(parameters.bought * rng.lognormal(-0.02, 0.2, size=(n, 1)))
    bought = np.where(buys & (np.arange(periods) >= since), amount, 0.0)
    return np.round(organic) + bought, bought
