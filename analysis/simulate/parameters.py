"""What a simulated world is made of: every causal effect is a parameter, null unless a figure is
cited for it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.errors import DataError, Fault, did_you_mean, listing, printable


class Parameters(BaseModel):
    """The declared truth of one simulated world. Effects are on the log of mean revenue and mean
    referrals.

    The elasticity of engagement is that of electronic word of mouth in You, Vadakkepatt & Joshi
    (2015, Journal of Marketing); bought followers come by the 10,000 of Ignite Social Media's
    experiment
    (ignitesocialmedia.com/social-media-stats/bought-fake-twitter-followers-klout-kred-review/);
    perks start at a displayed score of 40. Everything else that is not null says how the world
    varies, not what causes what.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(7, ge=0, le=2**63 - 1, description="seed of the random numbers")
    n: int = Field(2000, ge=30, le=1_000_000, description="creators")
    months: int = Field(
        24, ge=1, le=240, description="months of the panel; the table of creators has one row each"
    )
    change: int = Field(13, ge=0, le=241, description="first month of the new algorithm; 0: never")
    # what the score tells or does
    effect: float = Field(
        0.0, ge=-2, le=2, description="effect of the displayed score, per standard deviation"
    )
    validity: float = Field(
        0.0, ge=-2, le=2, description="effect of authority, which the score sees, per SD of it"
    )
    tau: float = Field(
        0.0, ge=0, le=1, description="standard deviation of the score's effect across industries"
    )
    social_media: float = Field(
        0.0, ge=-2, le=2, description="what the score's effect is more in social media"
    )
    perk_effect: float = Field(0.0, ge=-2, le=2, description="effect of the perk")
    threshold: float = Field(
        40.0, ge=10, le=100, description="displayed score from which there is a perk"
    )
    bunching: float = Field(
        0.0, ge=0, le=1, description="share of those up to 2 points below it who lift themselves"
    )
    # what engagement and actions do
    engagement: float = Field(
        0.236, ge=0, le=2, description="elasticity of the engagement that pays"
    )
    peers: float = Field(1.0, ge=0, le=100, description="what a peer's reaction is worth")
    customers: float = Field(1.0, ge=0, le=100, description="what a customer's reaction is worth")
    bots: float = Field(0.0, ge=0, le=100, description="what a bot's reaction is worth")
    up: float = Field(
        1.0, ge=0, le=100, description="worth of a reaction from above on the ladder, times"
    )
    down: float = Field(
        1.0, ge=0, le=100, description="worth of a reaction from below on the ladder, times"
    )
    relationships: float = Field(
        0.0, ge=-2, le=2, description="elasticity of replies down the ladder"
    )
    posting: float = Field(0.0, ge=-2, le=2, description="elasticity of posts")
    gaming_effect: float = Field(0.0, ge=-2, le=2, description="effect of a month of gaming")
    decoupling: float = Field(
        1.0, ge=-2, le=2, description="the score's effect in gamed months over that in others"
    )
    anticipation: float = Field(
        0.0, ge=-2, le=2, description="effect of the month before an episode of gaming"
    )
    # how things are recorded
    reliability: float = Field(
        0.8, gt=0.05, le=1, description="reliability of log recorded engagement"
    )
    shared: float = Field(
        0.0, ge=0, le=1, description="0: the score saw other records; 1: the recorded engagement"
    )
    # who there is
    gamers: float = Field(
        0.3, ge=0, le=1, description="share of creators who have episodes of gaming"
    )
    buyers: float = Field(0.05, ge=0, le=1, description="share of creators who buy followers once")
    bought: float = Field(10_000.0, ge=0, le=1e7, description="followers they buy")
    robots: float = Field(
        0.05, ge=0, le=10, description="reactions of bots per true reaction, outside gaming"
    )
    intensity: float = Field(
        1.0, ge=0, le=1000, description="in gamed months, bots react so often times 1 to 3"
    )
    # outcomes
    zeros: float = Field(0.4, ge=0, lt=1, description="share of rows without revenue")
    tail: float = Field(4.0, gt=1, le=100, description="tail index of revenue")
    payment: float = Field(
        1.0, ge=0, le=5, description="log odds of default per SD of payment discipline, downwards"
    )
    ratings: float = Field(
        0.0, ge=-1, le=1, description="correlation of marketplace ratings with payment discipline"
    )
    default_effect: float = Field(
        0.0, ge=-2, le=2, description="log odds of default per SD of the displayed score"
    )


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
        found = f"{listing(repeated)}, twice" if repeated else printable(query)
        raise DataError(
            address, [Fault("after the ?", found, "name=value, each once, with & between them")]
        )
    return dict(pairs)


def _fault(problem: Any) -> Fault:
    """Return one of pydantic's errors in the words of the address."""
    name = printable(".".join(map(str, problem["loc"])))
    known = sorted(Parameters.model_fields)
    if problem["type"] == "extra_forbidden":
        return Fault(
            name,
            "no such parameter",
            "one of: " + listing(known, limit=50),
            did_you_mean(name, known),
        )
    allowed = (
        problem["msg"]
        .removeprefix("Input should be ")
        .removesuffix(", unable to parse string as a number")
    )
    about = Parameters.model_fields[name].description
    return Fault(name, printable(problem["input"]), f"{allowed} ({about})")
