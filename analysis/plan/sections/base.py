"""What every table of a plan is made of: names, numbers, dates, and the refusal of unknown keys."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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
