"""`[multiverse]`: the reasonable analyses, all of which are run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.errors import listing
from analysis.plan.sections.base import Name, ScoreTransform, Section, Share, Transform
from analysis.plan.sections.columns import KeepSection

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

    def rules(self) -> dict[str, object]:
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
    resamples: Annotated[int, Field(ge=99)] = 500

    def rules(self) -> dict[str, object]:
        known = {d.name: {option.name for option in d.option} for d in self.decision}
        taken = sorted(SPECIFICATION_COLUMNS & set(known))
        absent = {
            f'forbidden names "{decision} = {option}", which is no decision and option': True
            for combination in self.forbidden
            for decision, option in combination.items()
            if option not in known.get(decision, ())
        }
        return {
            "two decisions have the same name": len(known) != len(self.decision),
            f"a decision cannot have the name of a column of the table: {listing(taken)}": taken,
            **absent,
        }
