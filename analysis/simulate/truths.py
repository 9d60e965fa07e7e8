"""The truth of a simulated table as a table: what each method should find, and where."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.simulate.activity import INDUSTRIES, SOCIAL_MEDIA
from analysis.simulate.draw import World
from analysis.simulate.parameters import Parameters

COLUMNS = ("parameter", "value", "term", "estimand", "scale", "truth", "exact")

LOG = "log of the mean of revenue and referrals"
WEIGHTS = ("peers", "customers", "bots", "up", "down")
EXACT = {
    "perk_effect": ("perk", "jump of the mean at the threshold of the displayed score"),
    "relationships": ("log1p(replies_down)", "elasticity of replies down the ladder"),
    "posting": ("log1p(posts)", "elasticity of posts"),
    "validity": ("authority", "effect of authority, which recorded engagement does not show"),
    "gaming_effect": ("gaming", "effect of a month of gaming with score and engagement held"),
    "anticipation": ("lead(gaming)", "effect of the month before an episode"),
}
"""Parameters that are the coefficient of a column in an exponential mean with true engagement held.
"""


def truths_of(world: World) -> pd.DataFrame:
    """Return one row per estimand.

    Columns
    -------
    parameter, value
        What was declared.
    term
        The column (or its transform) whose coefficient, or the quantity whose value, is meant.
    estimand, scale
        What a method should estimate, in words, and on which scale.
    truth : float
        What it should find.
    exact : bool
        True when a correctly specified fit with `paying_engagement` held finds exactly this in
        large samples.
    """
    parameters, frame = world.parameters, world.frame
    spread = float(frame["klout"].std(ddof=1))
    rows = [
        _row(
            parameters,
            "effect",
            "klout",
            "effect of the displayed score with true engagement held",
            f"{LOG}, per standard deviation of klout",
            parameters.effect,
        ),
        _row(
            parameters,
            "effect",
            "klout",
            "the same per point",
            f"{LOG}, per point of klout",
            parameters.effect / spread,
        ),
        _row(
            parameters,
            "engagement",
            "log(paying_engagement)",
            "elasticity of the engagement that pays",
            LOG,
            parameters.engagement,
        ),
        *[
            _row(parameters, name, term, what, LOG, getattr(parameters, name))
            for name, (term, what) in EXACT.items()
        ],
        _row(
            parameters,
            "decoupling",
            "klout x gaming",
            "slope of the score in gamed months over that in others; undefined without an effect",
            "ratio",
            parameters.decoupling if parameters.effect else np.nan,
        ),
        *_by_industry(world, spread),
        *_weights(parameters),
        _row(
            parameters,
            "reliability",
            "log(likes)",
            "reliability of the mean of the logs of both halves",
            "share",
            parameters.reliability,
            exact=False,
        ),
        _row(
            parameters,
            "shared",
            "klout",
            "share of the error of recorded engagement that is in the score",
            "share",
            parameters.shared,
            exact=False,
        ),
        _row(
            parameters,
            "tail",
            "revenue",
            "tail index of revenue given its mean",
            "index",
            parameters.tail,
        ),
        _row(
            parameters,
            "default_effect",
            "klout",
            "effect of the displayed score on default",
            "log odds, per standard deviation of klout, given payment discipline",
            parameters.default_effect,
        ),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    parameters: Parameters,
    name: str,
    term: str,
    estimand: str,
    scale: str,
    truth: float,
    *,
    exact: bool = True,
) -> tuple[object, ...]:
    return (name, float(getattr(parameters, name)), term, estimand, scale, float(truth), exact)


def _by_industry(world: World, spread: float) -> list[tuple[object, ...]]:
    """Return the score's effect in each industry, and the standard deviation of these."""
    parameters, slopes = world.parameters, world.slopes
    scale = f"{LOG}, per standard deviation of klout"
    rows = [
        _row(
            parameters,
            "social_media" if at == SOCIAL_MEDIA else "tau",
            f"klout in {name}",
            "effect of the displayed score in one industry",
            scale,
            slopes[at],
        )
        for at, name in enumerate(INDUSTRIES)
    ]
    return [
        *rows,
        _row(
            parameters,
            "tau",
            "tau2",
            "variance of the effect across industries",
            scale + ", squared",
            float(np.var(slopes, ddof=1)),
        ),
    ]


def _weights(parameters: Parameters) -> list[tuple[object, ...]]:
    """Return what a reaction is worth, by who reacts: relative to a customer's where that is worth
    anything.
    """
    columns = {
        "peers": "peer_engagement",
        "customers": "customer_engagement",
        "bots": "bot_engagement",
        "up": "engagement_up",
        "down": "engagement_down",
    }
    return [
        _row(
            parameters,
            name,
            columns[name],
            "worth of a reaction, in the weights of the engagement that pays",
            "weight",
            getattr(parameters, name),
        )
        for name in WEIGHTS
    ]
