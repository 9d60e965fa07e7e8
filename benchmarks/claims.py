"""The essay's claims on simulated creators, each made false and made true: the world, the plan, and
what is asked.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from analysis.plan import Plan, read_plan
from analysis.scores.credit import credit
from analysis.simulate.draw import World, draw
from analysis.simulate.parameters import Parameters

Question = Literal["verdict", "transport", "instrument", "threshold", "gaming", "jump"]
THRESHOLD = 40.0
ALIKE = {"gamers": 0.0, "buyers": 0.0, "robots": 0.0}
"""Nobody games, buys followers or is followed by bots: the score sees people's reactions only."""


@dataclass(frozen=True, eq=False)
class Claim:
    """One claim, and how it is put to the test.

    Attributes
    ----------
    name : str
    says : str
        The claim in words.
    question : {"verdict", "transport", "instrument", "threshold", "gaming", "jump"}
        What answers: the plan's verdict, the prediction interval for a new industry, the two
        versions of a score as an instrument, the jump at the perk's threshold, the test that gamed
        points mean what others mean, or the jump of the outcome when episodes of gaming begin and
        end.
    outcome : dict
        The plan's `[[outcome]]`.
    true : dict
        Parameters that make the claim true.
    false : dict
        Parameters that make it false; by default none: every effect of the simulation is null.
    world : dict
        Parameters of both.
    scores : (str, str)
        The score that is audited when the claim is false, and when it is true.
    shares : {"none", "full", "unknown"}
    engagement : tuple of str
        Columns; `likes` has halves.
    n : int
        Creators.
    exact : bool
        Whether the true effect is a parameter; else it is read from a fit that sees true engagement
        in many rows.
    relative : bool
        Whether the effect is in the outcome's own unit. What all creators have in common in a
        period moves its mean from draw to draw, so the truth is a share of the draw's mean.
    transform : str
        Of the score.
    computed : bool
        Whether the score is computed from the drawn table: credit points, by a scorecard fitted to
        one half of the creators, who are then left out.
    inferred : bool
        Whether episodes of gaming are inferred from jumps of the score without engagement, instead
        of flagged.
    gated : bool
        False for a world in which the plan's statement about shared errors is wrong: printed, as a
        warning.
    """

    name: str
    says: str
    outcome: dict[str, Any]
    true: dict[str, float]
    question: Question = "verdict"
    false: dict[str, float] = field(default_factory=dict)
    world: dict[str, float] = field(default_factory=dict)
    scores: tuple[str, str] = ("klout", "klout")
    shares: str = "none"
    engagement: tuple[str, ...] = ("likes",)
    n: int = 1000
    exact: bool = True
    relative: bool = False
    transform: str = "identity"
    computed: bool = False
    inferred: bool = False
    gated: bool = True

    @property
    def panel(self) -> bool:
        return self.question in ("instrument", "gaming", "jump")

    def score(self, real: bool) -> str:
        return self.scores[int(real)]

    def parameters(self, real: bool, at: int) -> Parameters:
        """Return the parameters of one draw; its seed depends on the claim, its truth and the
        draw's number only.
        """
        seed = np.random.SeedSequence(
            [zlib.crc32(self.name.encode()), int(real), at]
        ).generate_state(1)[0]
        change = {"months": 24 if self.panel else 1}
        given = {"n": self.n, **change, **self.world, **(self.true if real else self.false)}
        return Parameters(seed=int(seed), **given)

    def drawn(self, real: bool, at: int) -> World:
        return self.world_of(self.parameters(real, at))

    def world_of(self, parameters: Parameters) -> World:
        """Return a world with the score that is computed from it, without those who have none."""
        world = draw(parameters, panel=self.panel)
        if not self.computed:
            return world
        frame = world.frame.assign(credit=credit(world.frame))
        return replace(world, frame=frame[frame["credit"].notna()].reset_index(drop=True))

    def plan(self, real: bool) -> Plan:
        """Return the plan: what `sa.audit` is given as well."""
        shared = {} if self.shares == "unknown" else {"shares_error": self.shares}
        said: dict[str, Any] = {
            "name": self.name,
            "question": self.says,
            "dataset": "drawn.csv",
            "quick": True,
            "score": {"columns": [self.score(real)], "transform": self.transform, **shared},
            "outcome": [self.outcome],
            "engagement": {"columns": list(self.engagement), "transform": "log1p"},
            "inference": {"bootstrap": 99},
        }
        if self.panel:
            said |= {"cluster": {"column": "creator"}}
        else:
            said["row"] = "creator"
        if self.question != "instrument":
            said["engagement"]["halves"] = {"likes": ["likes_odd", "likes_even"]}
        if self.question == "instrument":
            said["algorithm"] = {"changed": "algorithm", "old": "klout_old", "new": "klout_new"}
        if self.question in ("gaming", "jump"):
            how = {"infer": True} if self.inferred else {"episode": "gaming"}
            said["gaming"] = {**how, "unit": "creator", "time": "month"}
        if self.question == "threshold":
            said["algorithm"] = {"perk": THRESHOLD}
        if self.question == "transport":
            said["segment"] = {"column": "industry"}
        return read_plan(said)


REFERRALS = {"column": "referrals", "kind": "count", "sesoi": 0.05}
REVENUE = {"column": "revenue", "kind": "revenue", "sesoi": 0.05}
DEFAULT = {"column": "default", "kind": "binary", "sesoi": 0.01}
NET = {"column": "revenue", "kind": "roi", "cost": "cost", "sesoi": 75.0}

CLAIMS = (
    Claim(
        "referrals",
        "The displayed score adds to referrals, given engagement; it saw other records.",
        REFERRALS,
        {"effect": 0.2},
    ),
    Claim(
        "revenue",
        "The displayed score adds to revenue, given engagement; it saw other records.",
        REVENUE,
        {"effect": 0.2},
        n=2000,
    ),
    Claim(
        "payments",
        "Payment history adds to what engagement says about default (the positive control).",
        DEFAULT,
        {"payment": 1.0},
        false={"payment": 0.0},
        scores=("late_payments", "late_payments"),
        exact=False,
    ),
    Claim(
        "default",
        "The displayed score adds to what engagement says about default.",
        DEFAULT,
        {"default_effect": 0.4},
        exact=False,
    ),
    Claim(
        "validity",
        "Authority pays, engagement does not show it, and the score sees it (Klout-style: true; "
        "Kred-style: false).",
        REFERRALS,
        {},
        world={"validity": 0.15},
        scores=("kred", "klout"),
        exact=False,
    ),
    Claim(
        "validity-log",
        "The same, with the logarithm of either score: Kred-style points are a steep curve of what "
        "they are made from, and a few creators hold most of their variance.",
        REFERRALS,
        {},
        world={"validity": 0.15},
        scores=("kred", "klout"),
        exact=False,
        transform="log1p",
    ),
    Claim(
        "referrals-full",
        "The displayed score adds to referrals; it was computed from the recorded engagement.",
        REFERRALS,
        {"effect": 0.2},
        world={"shared": 1.0, **ALIKE},
        shares="full",
        engagement=("likes", "posts"),
    ),
    Claim(
        "revenue-full",
        "The displayed score adds to revenue; it was computed from the recorded engagement.",
        REVENUE,
        {"effect": 0.2},
        world={"shared": 1.0, **ALIKE},
        shares="full",
        engagement=("likes", "posts"),
        n=2000,
    ),
    Claim(
        "perk",
        "The perk at the threshold of the displayed score brings referrals.",
        REFERRALS,
        {"perk_effect": 0.5},
        question="threshold",
        n=4000,
        exact=False,
        relative=True,
    ),
    Claim(
        "instrument",
        "The displayed number itself brings referrals (two versions as the instrument).",
        REFERRALS,
        {"effect": 0.2},
        question="instrument",
        n=200,
    ),
    Claim(
        "referrals-unknown",
        "The displayed score adds to referrals; whether it saw other records is not known.",
        REFERRALS,
        {"effect": 0.2},
        shares="unknown",
    ),
    Claim(
        "industries",
        "What works in social media works in another industry (false: it works there only).",
        REFERRALS,
        {"effect": 0.3},
        question="transport",
        false={"social_media": 0.5},
        n=2000,
    ),
    Claim(
        "net-return",
        "The displayed score adds to the net return on money, in money, costs being equal.",
        NET,
        {"effect": 0.2},
        world=ALIKE,
        n=2000,
        exact=False,
        relative=True,
    ),
    Claim(
        "return-ratio",
        "The displayed score adds to revenue per unit of money put in, costs being equal.",
        NET | {"model": "poisson", "sesoi": 0.05},
        {"effect": 0.2},
        world=ALIKE,
        n=2000,
    ),
    Claim(
        "gamed-points",
        "A point of the score means something else while it is gamed.",
        REFERRALS,
        {"decoupling": 0.0},
        false={"decoupling": 1.0},
        world={"effect": 0.3, "change": 0},
        question="gaming",
        n=300,
    ),
    Claim(
        "gaming-pays",
        "Gaming itself pays: the outcome jumps when episodes begin and end.",
        REFERRALS,
        {"gaming_effect": 0.6},
        world={"change": 0},
        question="jump",
        n=300,
        exact=False,
    ),
    Claim(
        "gaming-pays-inferred",
        "The same, the episodes inferred from jumps of the score without engagement, which "
        "stand apart from its ordinary changes.",
        REFERRALS,
        {"gaming_effect": 0.6},
        world={"change": 0, "intensity": 300.0},
        question="jump",
        n=300,
        exact=False,
        inferred=True,
    ),
    Claim(
        "gaming-pays-hidden",
        "The same where gaming lifts the score no more than it moves by itself: no episode can "
        "be inferred, and nothing be said.",
        REFERRALS,
        {"gaming_effect": 0.6},
        world={"change": 0},
        question="jump",
        n=300,
        exact=False,
        inferred=True,
    ),
    Claim(
        "scorecard",
        "A credit scorecard fitted to other people's defaults adds to what engagement says about "
        "default.",
        DEFAULT,
        {"payment": 1.0},
        false={"payment": 0.0},
        scores=("credit", "credit"),
        exact=False,
        n=2000,
        computed=True,
    ),
    Claim(
        "referrals-mislabelled",
        "The displayed score adds to referrals; the plan says that it was computed from "
        "recorded engagement, but it also saw posts and bots, which show engagement too.",
        REFERRALS,
        {"effect": 0.2},
        world={"shared": 1.0},
        shares="full",
        gated=False,
    ),
)
"""In the order in which they are run: the cheap ones first."""
