"""Ways of gaming a score: what each is assumed to take, and what it does to a table of activity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.scores import trustcloud
from analysis.simulate.activity import (
    DOLLARS_PER_BOT_REACTION,
    DOLLARS_PER_FOLLOWER,
    HOURS_PER_POST,
    HOURS_PER_REPLY,
)

if TYPE_CHECKING:
    import pandas as pd

PEOPLE, BOTS = "people", "bots"
ADDED = ("posts", "replies_up", "replies_down")
OPTIONAL = ("followings", "agent_senders", "agent_clients", "agent_validations")
"""Columns of an activity table to which an action adds its own number; those of newer scores only
where the table has them."""
BOT_SCORE = 5.0
"""Mean influence, 0-100, of the accounts of bots: those below 25 were mostly bots in one blogger's
sample (christopherspenn.com/2010/11/where-klout-really-shines/)."""


PEOPLE_SCORE = 18.0
"""That of people who react to an account to which nobody did: the average was in the high teens in
2011 (retailwire.com/discussion/15423/marketers-seek-klout-from-social-media-stars)."""


@dataclass(frozen=True)
class Action:
    """One way to raise a score, and what it is assumed to take and to bring.

    Attributes
    ----------
    name, how : str
        What it is called, and the assumption in words.
    hours, dollars : float
        Per account and period.
    posts, replies_up, replies_down, followers, followings, gifts, verified : float
        What is added to the account's activity.
    agent_senders, agent_clients, agent_validations : float
        What is added to the records of the account's AI agent.
    sets : tuple of str
        Yes-or-no columns that become a yes.
    reactions, reactors : float
        Reactions added, and how many different accounts they come from.
    response : float
        Reactions that each added post earns, as a share of the account's usual reactions per post.
    by : str
        Whether the added reactions are those of people or of bots.
    on_agent : bool
        Whether it is done to the records of an agent, and to no account.
    """

    name: str
    how: str
    hours: float = 0.0
    dollars: float = 0.0
    posts: float = 0.0
    replies_up: float = 0.0
    replies_down: float = 0.0
    followers: float = 0.0
    followings: float = 0.0
    gifts: float = 0.0
    verified: float = 0.0
    agent_senders: float = 0.0
    agent_clients: float = 0.0
    agent_validations: float = 0.0
    sets: tuple[str, ...] = ()
    reactions: float = 0.0
    reactors: float = 0.0
    response: float = 0.0
    by: str = PEOPLE
    on_agent: bool = False


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
        followings=500,
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
    Action(
        "verified account",
        "one more confirmed address or number, among them a telephone",
        hours=0.25,
        verified=1,
        sets=("device",),
    ),
    Action(
        "paid badge", "the badge of a verified account for a month", dollars=8, sets=("verified",)
    ),
    *(
        Action(
            f"replies {way} the ladder",
            f"100 replies to people with a {score} score",
            hours=100 * HOURS_PER_REPLY,
            **{f"replies_{way}": 100},
        )
        for way, score in {"up": "higher", "down": "lower"}.items()
    ),
    Action(
        "registration",
        "an agent registered, with a file that resolves and names an endpoint",
        hours=0.5,
        dollars=5,
        sets=("agent_registered", "agent_file", "agent_endpoint"),
        on_agent=True,
    ),
    Action(
        "payments to oneself",
        "ten accounts of one's own pay the agent a cent each",
        hours=1,
        dollars=1,
        agent_senders=10,
        sets=("agent_active",),
        on_agent=True,
    ),
    Action(
        "praise by oneself",
        "three accounts of one's own leave good feedback, one of them a validation",
        hours=0.5,
        dollars=1,
        agent_clients=3,
        agent_validations=1,
        sets=("agent_positive",),
        on_agent=True,
    ),
)


def after(frame: pd.DataFrame, action: Action) -> pd.DataFrame:
    """Return the activity table as if each account alone had taken the action."""
    usual = frame["reactions"] / frame["posts"].clip(lower=1)
    added = action.reactions + action.response * action.posts * usual
    reactors = action.reactors + added * (action.response > 0) * (
        frame["reactors"] / frame["reactions"].clip(lower=1) if action.by == PEOPLE else 0.1
    )
    usual_score = frame["reactor_score"].where(frame["reactors"] > 0, PEOPLE_SCORE)
    theirs = BOT_SCORE if action.by == BOTS else usual_score
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
    return _newer(changed, action)


def _newer(changed: pd.DataFrame, action: Action) -> pd.DataFrame:
    """Return the table with what the action does to the columns that newer scores read."""
    new = {name: changed[name] + getattr(action, name) for name in OPTIONAL if name in changed}
    new |= {name: 1.0 for name in action.sets if name in changed}
    if "followings" in changed:
        new["followers"] = changed["followers"] + action.followers
    if "agent_active" in action.sets and "agent_idle" in changed:
        new["agent_idle"] = 0.0
    return changed.assign(**new)
