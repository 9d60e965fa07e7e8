"""`[multiverse]`: the reasonable analyses, all of which are run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from analysis.errors import listing
from analysis.plan.sections.base import Name, ScoreTransform, Section, Share, Transform
from analysis.plan.sections.columns import KeepSection

SPECIFICATION_COLUMNS = frozenset(
    {
        "equation",
        "estimand",
        "estimate",
        "std_error",
        "statistic",
        "df",
        "p_value",
        "conf_low",
        "conf_high",
        "n",
        "clusters",
        "covariance",
        "verdict",
        "p_adjusted",
        "note",
    }
)
"""Columns of the specification table beside those of the decisions."""


class OptionSection(Section):
    """One option of a decision: what it sets instead of the plan's own choice, and why it is
    reasonable.
    """

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

    @model_validator(mode="after")
    def _has_options(self) -> DecisionSection:
        if bool(self.option) == bool(self.subsets):
            raise ValueError(
                "a decision has either [[multiverse.decision.option]] tables or subsets"
            )
        if self.subsets and not self.reason:
            raise ValueError("subsets need a reason why each of the columns may be held or not")
        names = [option.name for option in self.option]
        if len(set(names)) != len(names):
            raise ValueError("two options have the same name")
        return self


class MultiverseSection(Section):
    """`[multiverse]`: the reasonable analyses, all of which are run."""

    decision: Annotated[tuple[DecisionSection, ...], Field(min_length=1)]
    forbidden: tuple[dict[Name, Name], ...] = ()
    rows: Literal["common", "own"] = "common"
    resamples: Annotated[int, Field(ge=99)] = 500

    @model_validator(mode="after")
    def _forbids_what_exists(self) -> MultiverseSection:
        known = {
            decision.name: {option.name for option in decision.option} for decision in self.decision
        }
        if len(known) != len(self.decision):
            raise ValueError("two decisions have the same name")
        taken = sorted(set(known) & SPECIFICATION_COLUMNS)
        if taken:
            raise ValueError(
                f"a decision cannot have the name of a column of the table: {listing(taken)}"
            )
        for combination in self.forbidden:
            for decision, option in combination.items():
                if option not in known.get(decision, ()):
                    raise ValueError(
                        f'forbidden names "{decision} = {option}", which is no decision and option'
                    )
        return self
