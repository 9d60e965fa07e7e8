"""What scores of trust, of reputation and of agents read, beside activity: made up, and null."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from analysis.simulate.activity import Activity
from analysis.simulate.parameters import Parameters

DAYS = 30.0
"""Days of a month."""


def trust_columns(
    parameters: Parameters, discipline: np.ndarray, periods: int, rng: Generator
) -> dict[str, np.ndarray]:
    """Return what a trust score reads; of the traits of a creator, every period has the same."""
    shape = (parameters.n, 1)
    opened = rng.integers(1, 61, size=shape)
    other = np.sqrt(1 - parameters.ratings**2) * rng.normal(size=shape)
    rated = parameters.ratings * discipline + other
    sold = rng.poisson(rng.gamma(0.8, 15, size=shape))
    confirmed = {"email": 0.9, "post": 0.3, "sms": 0.5}
    return {
        **{f"verified_{how}": rng.random(shape) < share for how, share in confirmed.items()},
        "responsiveness": np.round(rng.beta(4, 2, size=shape), 3),
        "consistency": np.round(rng.beta(5, 2, size=shape), 3),
        "longevity": opened + np.arange(periods),
        "rating": np.where(sold > 0, np.round(np.clip(4.2 + 0.5 * rated, 1, 5), 2), 0.0),
        "endorsements": sold,
    }


def account_columns(activity: Activity, rng: Generator) -> dict[str, np.ndarray]:
    """Return what Twitter's reputation score reads of an account, beside who reacts to it.

    Whom one follows grows with who follows back, in gamed months too; bought followers are not
    followed.
    """
    shape = (len(activity.industry), 1)
    ratio = np.exp(np.log(0.2) + 1.0 * rng.normal(size=shape))
    shares = {"device": 0.8, "verified": 0.03, "suspended": 0.005, "restricted": 0.02}
    return {
        "followings": np.round(ratio * (activity.followers - activity.bought_followers)),
        **{name: rng.random(shape) < share for name, share in shares.items()},
    }


def agent_columns(activity: Activity, length: float, rng: Generator) -> dict[str, np.ndarray]:
    """Return the public records of the agent that a creator runs, over periods of so many months.

    More people who react go with more accounts that pay and rate; nothing here moves an outcome.
    """
    n, periods = activity.reactors.shape
    shape, busy = (n, 1), np.sqrt(activity.reactors / (240 * length))
    registered = rng.random(shape) < 0.8
    opened = rng.integers(0, 400, size=shape)
    clients = rng.poisson(rng.gamma(0.7, 2, size=shape) * busy)
    records = {
        "agent_age": opened + DAYS * length * np.arange(periods),
        "agent_file": rng.random(shape) < 0.8,
        "agent_endpoint": rng.random(shape) < 0.6,
        "agent_senders": rng.poisson(rng.gamma(0.8, 5, size=shape) * busy),
        "agent_clients": clients,
        "agent_positive": (clients > 0) & (rng.random(shape) < 0.9),
        "agent_validations": rng.poisson(0.4, size=shape),
    }
    records = {name: np.where(registered, values, 0) for name, values in records.items()}
    idle = np.floor(rng.exponential(6, size=activity.reactors.shape))
    return {
        "agent_registered": registered,
        **records,
        "agent_idle": np.where(registered, idle, DAYS * length),
    }
