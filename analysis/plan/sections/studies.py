"""The tables of the studies that a plan can ask for, and of what they need to know of the rows."""

from __future__ import annotations

import datetime
from math import prod
from typing import Annotated, Literal

from pydantic import Field

from analysis.errors import listing
from analysis.plan.sections.columns import (
    Date,
    KeepSection,
    Name,
    Number,
    Rules,
    ScoreTransform,
    Section,
    Share,
    Transform,
    Whole,
    YesNo,
)

Covariance = Literal["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3", "wild"]


class InferenceSection(Section):
    """`[inference]`: intervals and how uncertainty is measured."""

    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    covariance: Covariance | None = None
    bootstrap: Annotated[Whole, Field(ge=99, le=100_000)] = 1999
    seed: Annotated[Whole, Field(ge=0)] = 20121105


class ClusterSection(Section):
    """`[cluster]`: rows that belong together."""

    column: Name


class PanelSection(Section):
    """`[panel]`: the column that names a unit seen several times, and the column of its periods."""

    unit: Name
    time: Name | None = None


class SegmentSection(Section):
    """`[segment]`: the column of groups (industries, countries) between which an effect may travel.

    `without` is one level that is left out as a second look.
    """

    column: Name
    without: Name | None = None


class RegisteredSection(Section):
    """`[registered]`: where and when the plan was deposited: a hash alone proves no date."""

    where: Name
    when: datetime.date | str


class TimingSection(Section):
    """`[timing]`: when score, engagement and outcome were measured, so that order can be checked.

    Attributes
    ----------
    score : date, or (date, date)
        The day the score was read, or the first and last day of what it was computed from.
    engagement, outcome : (date, date)
        First and last day.
    """

    score: Date | tuple[Date, Date]
    engagement: tuple[Date, Date]
    outcome: tuple[Date, Date]

    def rules(self) -> Rules:
        windows = {name: self.window(name) for name in ("score", "engagement", "outcome")}
        return {
            f"{name} starts on {first} and ends on {last}: the first day comes first": first > last
            for name, (first, last) in windows.items()
        }

    def window(self, name: str) -> tuple[datetime.date, datetime.date]:
        """Return the first and last day of one of the three; a score's one day comes twice."""
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value, value)


class AlgorithmSection(Section):
    """`[algorithm]`: when the vendor changed the score, and both versions where they are known.

    `changed` is a column of 0 and 1, `time` orders the periods of a series; `perk` is a threshold
    of the displayed score at which something is given.
    """

    changed: Name | None = None
    old: Name | None = None
    new: Name | None = None
    time: Name | None = None
    perk: Number | None = None

    def rules(self) -> Rules:
        one = "changed (a column of 0 and 1), old and new (two columns), perk (a number)"
        return {
            "old and new (two versions of the score on the same inputs) belong together": (
                (self.old is None) != (self.new is None)
            ),
            "old and new are two columns": self.old is not None and self.old == self.new,
            f"at least one of: {one}": not (self.changed or self.old or self.perk is not None),
            "time belongs to changed: it orders the periods before and after": (
                self.time is not None and self.changed is None
            ),
        }

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.changed, self.old, self.new, self.time)))


class GamingSection(Section):
    """`[gaming]`: a column of 0 and 1 that says which rows were gamed, or `infer`.

    `unit` and `time` (who is seen, and when) are those of `[panel]` unless they are said here.
    `anticipation` is the number of periods before an episode that are left out, since people may
    game because something is coming; `window` how many periods of quiet come before an onset, and
    how many are drawn after it.
    """

    episode: Name | None = None
    infer: YesNo = False
    unit: Name | None = None
    time: Name | None = None
    anticipation: Annotated[Whole, Field(ge=0, le=12)] = 1
    window: Annotated[Whole, Field(ge=1, le=12)] = 3

    def rules(self) -> Rules:
        return {
            "one of: episode (a column of 0 and 1), infer = true": (self.episode is None)
            != self.infer
        }


class FamilySection(Section):
    """`[family]`: the claims of a plan with several outcomes or scores, looked at together.

    `exploratory` are outcomes or scores whose claims nobody promised beforehand; all others are
    confirmatory.
    """

    exploratory: tuple[Name, ...] = ()

    def rules(self) -> Rules:
        return {"exploratory names a column once": len({*self.exploratory}) < len(self.exploratory)}


class AskedSection(Section):
    """An empty table: that it is there asks for a study with nothing to decide, as `[ranking]`."""


class PartsSection(Section):
    """`[parts]`: columns that engagement is made of, by who engages or from where."""

    columns: Annotated[tuple[Name, ...], Field(min_length=2)]
    transform: Transform = "log1p"

    def rules(self) -> Rules:
        one_weight = "a part has one weight: identity, log1p, sqrt or rank"
        return {
            "each part once": len(set(self.columns)) < len(self.columns),
            one_weight: self.transform == "spline",
        }


class FlexibleSection(Section):
    """`[flexible]`: engagement and controls in any form that these learners find in the data."""

    learners: Annotated[tuple[Literal["linear", "boosting"], ...], Field(min_length=1)] = (
        "linear",
        "boosting",
    )
    folds: Annotated[Whole, Field(ge=2, le=20)] = 5
    repeats: Annotated[Whole, Field(ge=1, le=100)] = 5


Strict = Annotated[Number, Field(gt=0.5, le=0.99)]
"""A threshold that refuses: a plan can be stricter than the default, never laxer."""


class OverlapSection(Section):
    """`[overlap]`: thresholds of the checks on what the score and the outcome are made of.

    Attributes
    ----------
    score_explained, rows_left : float
        Refused when engagement and controls explain more of the score, or leave fewer rows' worth
        of it.
    outcome_explained : float
        Refused when the score or one engagement column explains more of the outcome.
    re_expression, almost_outcome : float
        Said, not refused: the score is engagement in other words; an engagement column is nearly
        the outcome.
    missing_gap : float
        Difference between groups of engagement in the share of rows whose outcome or score is
        known.
    common_value, heaped : float
        Share of rows at one value of the score, and of an outcome's numbers that are multiples of
        ten.
    dominant_cluster : float
        Share of rows in the largest cluster.
    zeros : float
        Share of zeros in a column that is analysed on the log or root scale.
    draws : int
        Placebos, and as many planted effects.
    placebo, planted : float
        Flagged when more placebos, or fewer planted effects, are called `adds`.
    """

    score_explained: Strict = 0.99
    rows_left: Annotated[Number, Field(ge=10)] = 10.0
    outcome_explained: Strict = 0.99
    re_expression: Share = 0.9
    almost_outcome: Share = 0.9
    missing_gap: Share = 0.1
    common_value: Share = 0.25
    heaped: Share = 0.5
    dominant_cluster: Share = 0.25
    zeros: Share = 0.5
    draws: Annotated[Whole, Field(ge=100, le=10_000)] = 200
    placebo: Share = 0.05
    planted: Share = 0.9


# --- the multiverse -------------------------------------------------------------------------------

SPECIFICATION_COLUMNS = frozenset(
    {
        "clusters",
        "conf_high",
        "conf_low",
        "covariance",
        "df",
        "equation",
        "estimand",
        "estimate",
        "n",
        "note",
        "p_adjusted",
        "p_value",
        "statistic",
        "std_error",
        "verdict",
    }
)
"""Columns of the specification table beside those of the decisions."""


MOST_ANALYSES = 100_000
"""Analyses of a multiverse."""


class OptionSection(Section):
    """One option of a decision: what it sets in place of the plan's choice, and the reason."""

    name: Name
    reason: Name
    outcome: Name | None = None
    outcome_transform: Literal["identity", "log1p", "asinh"] | None = None
    score: Name | None = None
    score_transform: ScoreTransform | None = None
    engagement: dict[Name, Transform] | None = None
    controls: tuple[Name, ...] | None = None
    keep: tuple[KeepSection, ...] | None = None
    cluster: str | None = None
    model: Literal["ols", "poisson"] | None = None
    reliability: dict[Name, Share] | None = None


class DecisionSection(Section):
    """One decision of the multiverse: its options, or every subset of some controls."""

    name: Name
    option: tuple[OptionSection, ...] = ()
    subsets: tuple[Name, ...] = ()
    reason: str = ""

    def rules(self) -> Rules:
        return {
            "a decision has either [[multiverse.decision.option]] tables or subsets": (
                bool(self.option) == bool(self.subsets)
            ),
            "subsets need a reason why each of the columns may be held or not": (
                self.subsets and not self.reason
            ),
            "two options have the same name": (
                len({option.name for option in self.option}) != len(self.option)
            ),
        }


class MultiverseSection(Section):
    """`[multiverse]`: the reasonable analyses, all of which are run."""

    decision: Annotated[tuple[DecisionSection, ...], Field(min_length=1)]
    forbidden: tuple[dict[Name, Name], ...] = ()
    rows: Literal["common", "own"] = "common"
    resamples: Annotated[Whole, Field(ge=99, le=10_000)] = 500

    def rules(self) -> Rules:
        known = {d.name: {option.name for option in d.option} for d in self.decision}
        taken = sorted(SPECIFICATION_COLUMNS & set(known))
        absent = {
            f'forbidden names "{decision} = {option}", which is no decision and option': True
            for combination in self.forbidden
            for decision, option in combination.items()
            if option not in known.get(decision, ())
        }
        every = prod(len(one.option) or 2 ** min(len(one.subsets), 64) for one in self.decision)
        return {
            f"{every:,} analyses, and at most {MOST_ANALYSES:,} are run": every > MOST_ANALYSES,
            "two decisions have the same name": len(known) != len(self.decision),
            f"a decision cannot have the name of a column of the table: {listing(taken)}": taken,
            **absent,
        }
