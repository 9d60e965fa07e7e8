"""What tables of a plan are made of; [score], [engagement], [controls] and [[keep]]."""

from __future__ import annotations

import datetime
from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from analysis.errors import listing

Transform = Literal["identity", "log1p", "sqrt", "rank", "spline"]
ScoreTransform = Literal["identity", "log1p", "rank"]
Name = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Whole = Annotated[int, Field(strict=True, le=2**63 - 1)]
YesNo = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]


def _calendar_date(value: Any) -> Any:
    """Return a date for a TOML date or a text such as "2014-06-30"."""
    if isinstance(value, str):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ValueError("a date such as 2014-06-30")
    return value


Date = Annotated[datetime.date, BeforeValidator(_calendar_date)]


Rules = dict[str, object]
"""What is demanded of a table, and whether the table breaks it."""


class Section(BaseModel):
    """A table of the plan: frozen, without keys of its own invention, and true to its rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def rules(self) -> Rules:
        """Return what is demanded beyond the keys' own types."""
        return {}

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        for demand, broken in self.rules().items():
            if broken:
                raise ValueError(demand)
        return self


class MeasuredSection(Section):
    """Columns that were recorded, each with a transform and maybe two halves."""

    columns: Names
    transform: Transform | dict[str, Transform] = "identity"
    halves: dict[Name, tuple[Name, Name]] = Field(default_factory=dict)

    def transform_of(self, column: str) -> str:
        how = self.transform
        return how if isinstance(how, str) else how.get(column, "identity")


class ScoreSection(MeasuredSection):
    """`[score]`: what is audited."""

    transform: ScoreTransform | dict[str, ScoreTransform] = "identity"
    scale: Literal["sd", "raw"] = "sd"
    shares_error: Literal["none", "full", "unknown"] = "unknown"
    lower_is_better: tuple[Name, ...] = ()

    def rules(self) -> Rules:
        unknown = [column for column in self.lower_is_better if column not in self.columns]
        what = "lower_is_better names columns of the score, and these are none"
        return {f"{what}: {listing(unknown)}": unknown}

    def sign_of(self, column: str) -> int:
        """Return 1 where more of a score is better, -1 where less is."""
        return -1 if column in self.lower_is_better else 1


SPLITS = {"odd-even": ("odd", "even"), "windows": ("first", "second")}
"""What the two halves of an account's rows are called, by how they are split."""


class LongSection(Section):
    """`[engagement] long`: a file with a row for each week or post, of which halves are built.

    Attributes
    ----------
    dataset : str
        As the plan's own `dataset`.
    row : str
        The column that names the account; its values are those of the plan's `row`.
    order : str
        The column (numbers, or dates as YYYY-MM-DD) in which an account's rows are counted off.
    columns : tuple of str
        Engagement columns of the plan that are built from it.
    how : {"sum", "mean"}
        Of the rows of a half. For a sum, an account with an odd number of rows loses its last one.
    split : {"odd-even", "windows"}
        Every other row; or the earlier and the later rows, in which true change counts as error.
    """

    dataset: Name
    row: Name
    order: Name
    columns: Names
    how: Literal["sum", "mean"] = "sum"
    split: Literal["odd-even", "windows"] = "odd-even"


def half_names(column: str, split: str) -> tuple[str, str]:
    """Return what the halves of a column are called in the analysis set.

    >>> half_names("likes", "odd-even")
    ('likes (odd)', 'likes (even)')
    """
    first, second = SPLITS.get(split, SPLITS["odd-even"])
    return f"{column} ({first})", f"{column} ({second})"


BARE_MARGIN = 0.10
"""A reliability declared as a bare number is a range of plus or minus this, within (0, 1]."""


class ReliabilitySection(Section):
    """What is believed of the share of truth in a recorded column: a value in a range in (0, 1]."""

    value: Share
    low: Share
    high: Share

    def rules(self) -> Rules:
        return {"low <= value <= high": not self.low <= self.value <= self.high}


class EngagementSection(MeasuredSection):
    """`[engagement]`: what anyone can see, held constant; and how well it was recorded."""

    reliability: dict[Name, Share | ReliabilitySection] = Field(default_factory=dict)
    exact: tuple[Name, ...] = ()
    assumed: Annotated[float, Field(strict=True, gt=0.05, le=1)] = 0.8
    noise_correlation: Annotated[float, Field(strict=True, gt=-1, lt=1)] = 0.0
    long: LongSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _halves_of_the_long_file(cls, data: Any) -> Any:
        """Name the halves that the long file will give, as if they were columns of the data."""
        try:
            long, halves = data["long"], {**data.get("halves", {})}
            columns = [column for column in [*long["columns"]] if isinstance(column, str)]
            made = {column: half_names(column, str(long.get("split"))) for column in columns}
            both = sorted(c for c in made if tuple(halves.get(c, made[c])) != made[c])
        except (AttributeError, KeyError, TypeError):  # no tables: said of these keys themselves
            return data
        if both:
            raise ValueError(f"halves or a long file, not both, for {listing(both)}")
        return {**data, "halves": {**halves, **made}}

    def rules(self) -> Rules:
        said = {"halves": self.halves, "a reliability": self.reliability, "exact": self.exact}
        twice = {
            f"{one} or {other}, not both, for {listing(both)}": both
            for (one, columns), (other, others) in combinations(said.items(), 2)
            if (both := sorted({*columns} & {*others}))
        }
        return twice | {"exact names a column once": len({*self.exact}) < len(self.exact)}

    @property
    def silent(self) -> tuple[str, ...]:
        """Columns of which nothing is said: no reliability, no halves, not exact."""
        said = {*self.halves, *self.reliability, *self.exact}
        return tuple(column for column in self.columns if column not in said)

    @property
    def assumed_columns(self) -> tuple[str, ...]:
        """Silent columns, for which a reliability from `assumed` to 1 is thought possible."""
        return self.silent if self.assumed < 1 else ()

    @property
    def stated_columns(self) -> tuple[str, ...]:
        """Columns with halves, or with a reliability that is not 1, in the plan's order."""
        with_noise = [name for name in self.reliability if self.range_of(name)[0] < 1]
        known = {*self.halves, *with_noise}
        return tuple(column for column in self.columns if column in known)

    def range_of(self, column: str) -> tuple[float, float, float]:
        """Return (low, value, high) of a stated reliability.

        A bare number below 1 is .10 either way; 1 is exact.
        """
        stated = self.reliability[column]
        if isinstance(stated, ReliabilitySection):
            return stated.low, stated.value, stated.high
        if stated == 1:
            return 1.0, 1.0, 1.0
        low = max(stated - BARE_MARGIN, min(stated, 0.01))
        return low, stated, min(stated + BARE_MARGIN, 1.0)


class ControlsSection(Section):
    """`[controls]`: what else is held constant.

    `categories` are controls whose numbers name things: each is held constant level by level, as
    text is. They need not stand among `columns`, too.
    """

    columns: tuple[Name, ...] = ()
    categories: tuple[Name, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _categories_are_controls(cls, data: Any) -> Any:
        """Add the categories to the columns."""
        try:
            named, columns = list(data["categories"]), list(data.get("columns", ()))
        except (KeyError, TypeError, AttributeError):  # said of these keys themselves
            return data
        if isinstance(data["categories"], str) or isinstance(data.get("columns"), str):
            return data
        return {**data, "columns": columns + [name for name in named if name not in columns]}

    def rules(self) -> Rules:
        twice = len({*self.categories}) < len(self.categories)
        return {"categories names a column once": twice}


Cell = YesNo | Number | str


class KeepSection(Section):
    """`[[keep]]`: rows that stay; the others are counted as exclusions."""

    column: Name
    equals: Cell | None = Field(None, alias="is")
    among: Annotated[tuple[Cell, ...], Field(min_length=1)] | None = Field(None, alias="in")
    min: Number | None = None
    max: Number | None = None
    start: Date | None = Field(None, alias="from")
    end: Date | None = Field(None, alias="to")

    def rules(self) -> Rules:
        given = self.model_dump(exclude_none=True)
        return {
            "a filter needs at least one of: is, in, min, max, from, to": len(given) == 1,
            "is and in exclude each other": {"equals", "among"} <= given.keys(),
            "min must not be above max": {"min", "max"} <= given.keys() and self.min > self.max,
            "from must not be after to": (
                {"start", "end"} <= given.keys() and self.start > self.end
            ),
        }
