"""`[score]`, `[engagement]`, `[controls]` and `[[keep]]`: the columns that enter, and which rows
stay.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from analysis.errors import listing
from analysis.plan.sections.base import (
    Date,
    Name,
    Names,
    Number,
    ScoreTransform,
    Section,
    Share,
    Transform,
    YesNo,
    transform_of_column,
)
from analysis.plan.sections.long import LongSection, half_names


class ScoreSection(Section):
    """`[score]`: what is audited."""

    columns: Names
    transform: ScoreTransform | dict[str, ScoreTransform] = "identity"
    scale: Literal["sd", "raw"] = "sd"
    shares_error: Literal["none", "full", "unknown"] = "unknown"
    halves: dict[Name, tuple[Name, Name]] = Field(default_factory=dict)
    lower_is_better: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _turned_are_columns(self) -> ScoreSection:
        unknown = [column for column in self.lower_is_better if column not in self.columns]
        if unknown:
            raise ValueError(
                "lower_is_better names columns of the score, and these are none:"
                f" {listing(unknown)}"
            )
        return self

    def transform_of(self, column: str) -> str:
        return transform_of_column(self.transform, column)

    def sign_of(self, column: str) -> int:
        """Return 1 where more of a score is better, -1 where less is."""
        return -1 if column in self.lower_is_better else 1


BARE_MARGIN = 0.10
"""A reliability declared as a bare number is a range of plus or minus this, within (0, 1]."""


class ReliabilitySection(Section):
    """What is believed of the share of truth in a recorded column: a value in a range, in (0,
    1].
    """

    value: Share
    low: Share
    high: Share

    @model_validator(mode="after")
    def _in_order(self) -> ReliabilitySection:
        if not self.low <= self.value <= self.high:
            raise ValueError("low <= value <= high")
        return self


class EngagementSection(Section):
    """`[engagement]`: what is held constant because anyone can see it, and how well it was
    recorded.
    """

    columns: Names
    transform: Transform | dict[str, Transform] = "identity"
    reliability: dict[Name, Share | ReliabilitySection] = Field(default_factory=dict)
    halves: dict[Name, tuple[Name, Name]] = Field(default_factory=dict)
    indicators: tuple[Names, ...] = ()
    long: LongSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _halves_of_the_long_file(cls, data: Any) -> Any:
        """Name the halves that the long file will give, as if they were columns of the data."""
        long = data.get("long") if isinstance(data, dict) else None
        columns = long.get("columns") if isinstance(long, dict) else None
        halves = data.get("halves", {}) if isinstance(data, dict) else {}
        if not isinstance(columns, (list, tuple)) or not isinstance(halves, dict):
            return data
        made = {
            column: half_names(column, str(long.get("split")))
            for column in columns
            if isinstance(column, str)
        }
        both = sorted(
            column for column in made if tuple(halves.get(column, made[column])) != made[column]
        )
        if both:
            raise ValueError(f"halves or a long file, not both, for {listing(both)}")
        return {**data, "halves": {**halves, **made}}

    @model_validator(mode="after")
    def _one_way_a_column(self) -> EngagementSection:
        both = sorted(set(self.reliability) & set(self.halves))
        if both:
            raise ValueError(f"halves or a reliability, not both, for {listing(both)}")
        return self

    @model_validator(mode="after")
    def _indicators_are_columns(self) -> EngagementSection:
        named = [column for group in self.indicators for column in group]
        unknown = [column for column in named if column not in self.columns]
        if unknown:
            raise ValueError(
                f"indicators are engagement columns, and these are none: {listing(unknown)}"
            )
        if len(set(named)) < len(named):
            raise ValueError("a column measures one thing: it stands in the indicators once")
        if any(len(group) < 2 for group in self.indicators):
            raise ValueError("indicators of one thing are two columns or more")
        return self

    def transform_of(self, column: str) -> str:
        return transform_of_column(self.transform, column)

    def range_of(self, column: str) -> tuple[float, float, float]:
        """Return (low, value, high) of a declared reliability; a bare number is a range of .10
        either way.
        """
        declared = self.reliability[column]
        if isinstance(declared, ReliabilitySection):
            return declared.low, declared.value, declared.high
        return (
            max(declared - BARE_MARGIN, min(declared, 0.01)),
            declared,
            min(declared + BARE_MARGIN, 1.0),
        )


class ControlsSection(Section):
    """`[controls]`: what else is held constant."""

    columns: tuple[Name, ...] = ()


class KeepSection(Section):
    """`[[keep]]`: rows that stay; the others are counted as exclusions."""

    column: Name
    equals: YesNo | Number | str | None = Field(default=None, alias="is")
    among: Annotated[tuple[YesNo | Number | str, ...], Field(min_length=1)] | None = Field(
        default=None, alias="in"
    )
    min: Number | None = None
    max: Number | None = None
    start: Date | None = Field(default=None, alias="from")
    end: Date | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _says_something(self) -> KeepSection:
        if all(
            said is None
            for said in (self.equals, self.among, self.min, self.max, self.start, self.end)
        ):
            raise ValueError("a filter needs at least one of: is, in, min, max, from, to")
        if self.equals is not None and self.among is not None:
            raise ValueError("is and in exclude each other")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError("from must not be after to")
        return self
