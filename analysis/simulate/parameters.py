"""What a simulated world is made of: each causal effect is a parameter, null unless cited."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.errors import DataError, Fault, listing, printable, unknown

Effect = Annotated[float, Field(ge=-2, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]
Worth = Annotated[float, Field(ge=0, le=100)]


class Parameters(BaseModel):
    """The declared truth of one simulated world.

    Effects are on the log of mean revenue and mean referrals.

    The elasticity of engagement is that of electronic word of mouth in You, Vadakkepatt & Joshi
    (2015, Journal of Marketing); bought followers come by the 10,000 of Ignite Social Media's
    experiment
    (ignitesocialmedia.com/social-media-stats/bought-fake-twitter-followers-klout-kred-review/);
    perks start at a displayed score of 40. Everything else that is not null says how the world
    varies, not what causes what.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 7
    """seed of the random numbers"""
    n: Annotated[int, Field(ge=30, le=1_000_000)] = 2000
    """creators"""
    months: Annotated[int, Field(ge=1, le=240)] = 24
    """months of the panel; the table of creators has one row each"""
    change: Annotated[int, Field(ge=0, le=241)] = 13
    """first month of the new algorithm; 0: never"""
    # what the score tells or does
    effect: Effect = 0.0
    """effect of the displayed score, per standard deviation"""
    validity: Effect = 0.0
    """effect of authority, which the score sees, per SD of it"""
    tau: Share = 0.0
    """standard deviation of the score's effect across industries"""
    social_media: Effect = 0.0
    """what the score's effect is more in social media"""
    perk_effect: Effect = 0.0
    """effect of the perk"""
    threshold: Annotated[float, Field(ge=10, le=100)] = 40.0
    """displayed score from which there is a perk"""
    bunching: Share = 0.0
    """share of those up to 2 points below it who lift themselves"""
    # what engagement and actions do
    engagement: Annotated[float, Field(ge=0, le=2)] = 0.236
    """elasticity of the engagement that pays"""
    peers: Worth = 1.0
    """what a peer's reaction is worth"""
    customers: Worth = 1.0
    """what a customer's reaction is worth"""
    bots: Worth = 0.0
    """what a bot's reaction is worth"""
    up: Worth = 1.0
    """worth of a reaction from above on the ladder, times"""
    down: Worth = 1.0
    """worth of a reaction from below on the ladder, times"""
    relationships: Effect = 0.0
    """elasticity of replies down the ladder"""
    posting: Effect = 0.0
    """elasticity of posts"""
    gaming_effect: Effect = 0.0
    """effect of a month of gaming"""
    decoupling: Effect = 1.0
    """the score's effect in gamed months over that in others"""
    anticipation: Effect = 0.0
    """effect of the month before an episode of gaming"""
    # how things are recorded
    reliability: Annotated[float, Field(gt=0.05, le=1)] = 0.8
    """reliability of log recorded engagement"""
    shared: Share = 0.0
    """0: the score saw other records; 1: the recorded engagement"""
    # who there is
    gamers: Share = 0.3
    """share of creators who have episodes of gaming"""
    buyers: Share = 0.05
    """share of creators who buy followers once"""
    bought: Annotated[float, Field(ge=0, le=10000000.0)] = 10_000.0
    """followers they buy"""
    robots: Annotated[float, Field(ge=0, le=10)] = 0.05
    """reactions of bots per true reaction, outside gaming"""
    intensity: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """in gamed months, bots react so often times 1 to 3"""
    # outcomes
    zeros: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """share of rows without revenue"""
    tail: Annotated[float, Field(gt=1, le=100)] = 4.0
    """tail index of revenue"""
    payment: Annotated[float, Field(ge=0, le=5)] = 1.0
    """log odds of default per SD of payment discipline, downwards"""
    ratings: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """correlation of marketplace ratings with payment discipline"""
    default_effect: Effect = 0.0
    """log odds of default per SD of the displayed score"""


def read_parameters(query: str | dict[str, Any], address: str) -> Parameters:
    """Return parameters from ``seed=7&effect=0.1`` or a dict of them.

    Raises
    ------
    DataError
        With every unknown name and every value that is not allowed.
    """
    given = query if isinstance(query, dict) else _pairs(query, address)
    try:
        return Parameters.model_validate(given)
    except ValidationError as error:
        raise DataError(address, [_fault(problem) for problem in error.errors()]) from None


def _pairs(query: str, address: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    pieces = [piece for piece in query.split("&") if piece]
    if repeated or len(pieces) != len(pairs) or any("=" not in piece for piece in pieces):
        raise DataError(
            address,
            "after the ?",
            f"{listing(repeated)}, twice" if repeated else printable(query),
            "name=value, each once, with & between them",
        )
    return dict(pairs)


def _fault(problem: Any) -> Fault:
    """Return one of pydantic's errors in the words of the address."""
    name = printable(".".join(map(str, problem["loc"])))
    if problem["type"] == "extra_forbidden":
        return unknown(name, "no such parameter", name, sorted(Parameters.model_fields), limit=50)
    allowed = problem["msg"].removeprefix("Input should be ")
    allowed = allowed.removesuffix(", unable to parse string as a number")
    about = Parameters.model_fields[name].description
    return Fault(name, printable(problem["input"]), f"{allowed} ({about})")
