"""Creators with a declared truth: each causal effect is a parameter, and truths come as a table.

>>> from analysis import simulate
>>> frame = simulate.creators(seed=7, n=100, effect=0.1)
>>> simulate.truths(seed=7, n=100, effect=0.1).query("term == 'klout'").truth.iloc[0]
np.float64(0.1)

A frame keeps where it comes from in ``frame.attrs["simulated"]``, its address. It survives pandas'
own operations, but not a file: `read_dataset` labels what is read by its address,
``simulated:creators?seed=7&effect=0.1``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from analysis.errors import DataError, quoted, unknown
from analysis.plan.codebook import Codebook
from analysis.simulate.activity import INDUSTRIES, SOCIAL_MEDIA
from analysis.simulate.columns import codebook_of
from analysis.simulate.draw import World, draw
from analysis.simulate.parameters import Parameters, read_parameters

TABLES = ("creators", "panel")
"""What can be drawn: a row per creator, or a row per creator and month."""

SCHEME = "simulated:"


def creators(**parameters: float) -> pd.DataFrame:
    """Return one row per creator: a quarter's activity, its score, the next quarter's outcomes.

    Parameters
    ----------
    **parameters : float
        Fields of `Parameters`; those not given have their default.

    Raises
    ------
    DataError
        When a parameter is unknown or its value is not allowed.
    """
    return simulated("creators", parameters)


def panel(**parameters: float) -> pd.DataFrame:
    """Return one row per creator and month; otherwise as `creators`."""
    return simulated("panel", parameters)


def address(table: str, **parameters: float) -> str:
    """Return a table's address, as a plan's `dataset`: ``simulated:panel?seed=7&effect=0.1``."""
    given = read_parameters(parameters, SCHEME + table).model_dump()
    defaults = {name: field.default for name, field in Parameters.model_fields.items()}
    named = {name: v for name, v in sorted(given.items()) if name == "seed" or v != defaults[name]}
    return f"{SCHEME}{table}?{urlencode(named)}"


def truths(table: str = "creators", **parameters: float) -> pd.DataFrame:
    """Return what a method should find in this table: one row per estimand; see `truths_of`.

    `table` is "creators", "panel", or a whole address:
    ``truths("simulated:panel?seed=7&effect=0.1")``.
    """
    whole = table if table.startswith(SCHEME) else address(table, **parameters)
    return truths_of(_world(whole.removeprefix(SCHEME)))


def parameters_of(frame: pd.DataFrame) -> Parameters | None:
    """Return the parameters of a frame that was drawn, or None."""
    drawn = frame.attrs.get("simulated")
    return _world(str(drawn).removeprefix(SCHEME)).parameters if drawn else None


def simulated(table: str, parameters: dict[str, Any]) -> pd.DataFrame:
    """Return a fresh copy of a table; its address stands in ``attrs["simulated"]``."""
    name = address(table, **parameters)
    frame = _world(name.removeprefix(SCHEME)).frame.copy()
    frame.attrs["simulated"] = name
    return frame


def read_simulated(rest: str) -> tuple[pd.DataFrame, Codebook]:
    """Return the table and codebook behind what follows ``simulated:`` in an address.

    Raises
    ------
    DataError
        When there is no such table, or a parameter is unknown or not allowed.
    """
    world = _world(rest)
    book = codebook_of(world.parameters, SCHEME + rest, panel="month" in world.frame)
    return world.frame.copy(), book


@lru_cache(maxsize=4)
def _world(rest: str) -> World:
    """Draw the world behind an address without its scheme; the last four are kept."""
    table, _, query = rest.partition("?")
    if table not in TABLES:
        raise DataError(
            SCHEME + rest,
            unknown("dataset", quoted(table), table, TABLES, more=", then ?name=value"),
        )
    return draw(read_parameters(query, SCHEME + rest), panel=table == "panel")


# --- what a method should find --------------------------------------------------------------------

LOG = "log of the mean of revenue and referrals"
PER_SD = f"{LOG}, per standard deviation of klout"
ODDS = "log odds, per standard deviation of klout, given payment discipline"
WORTH = "worth of a reaction, in the weights of the engagement that pays"
SHOWN = "effect of the displayed score"
DECLARED = (
    ("effect", "klout", f"{SHOWN} with true engagement held", PER_SD),
    ("engagement", "log(paying_engagement)", "elasticity of the engagement that pays", LOG),
    ("perk_effect", "perk", "jump of the mean at the threshold of the displayed score", LOG),
    ("relationships", "log1p(replies_down)", "elasticity of replies down the ladder", LOG),
    ("posting", "log1p(posts)", "elasticity of posts", LOG),
    ("validity", "authority", "effect of authority, which recorded engagement does not show", LOG),
    ("gaming_effect", "gaming", "effect of a month of gaming with score and engagement held", LOG),
    ("anticipation", "lead(gaming)", "effect of the month before an episode", LOG),
    (
        "decoupling",
        "klout x gaming",
        "slope of the score in gamed months over that in others; undefined without an effect",
        "ratio",
    ),
    ("peers", "peer_engagement", WORTH, "weight"),
    ("customers", "customer_engagement", WORTH, "weight"),
    ("bots", "bot_engagement", WORTH, "weight"),
    ("up", "engagement_up", WORTH, "weight"),
    ("down", "engagement_down", WORTH, "weight"),
    ("reliability", "log(likes)", "reliability of the mean of the logs of both halves", "share"),
    (
        "shared",
        "klout",
        "share of the error of recorded engagement that is in the score",
        "share",
    ),
    ("tail", "revenue", "tail index of revenue given its mean", "index"),
    ("default_effect", "klout", f"{SHOWN} on default", ODDS),
)
"""What is declared: parameter, the term it is the coefficient of, in words, and its scale."""


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
    parameters, slopes = world.parameters, world.slopes
    values = {name: float(value) for name, value in parameters}
    undefined = {} if parameters.effect else {"decoupling": np.nan}
    rows = [(*row, (values | undefined)[row[0]]) for row in DECLARED]
    point = parameters.effect / float(world.frame["klout"].std(ddof=1))
    rows.append(("effect", "klout", "the same per point", f"{LOG}, per point of klout", point))
    for at, name in enumerate(INDUSTRIES):
        of = "social_media" if at == SOCIAL_MEDIA else "tau"
        rows.append((of, f"klout in {name}", f"{SHOWN} in one industry", PER_SD, slopes[at]))
    variance = float(np.var(slopes, ddof=1))
    rows.append(
        ("tau", "tau2", "variance of the effect across industries", f"{PER_SD}, squared", variance)
    )
    table = pd.DataFrame(rows, columns=["parameter", "term", "estimand", "scale", "truth"])
    table.insert(1, "value", table["parameter"].map(values))
    return table.assign(exact=~table["parameter"].isin(["reliability", "shared"]))
