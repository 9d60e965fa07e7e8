"""`[timing]`: when score, engagement and outcome were measured, so that their order can be
checked.
"""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import Field, model_validator

from analysis.plan.sections.base import Date, Section

Window = Annotated[tuple[Date, Date], Field()]


class TimingSection(Section):
    """`[timing]`: the day of the score, or the window it looks back on, and the windows of the
    other two.

    Attributes
    ----------
    score : date, or (date, date)
        The day the score was read, or the first and last day of what it was computed from.
    engagement, outcome : (date, date)
        First and last day.
    """

    score: Date | Window
    engagement: Window
    outcome: Window

    @model_validator(mode="after")
    def _in_order(self) -> TimingSection:
        for name in ("score", "engagement", "outcome"):
            first, last = self.window(name)
            if first > last:
                raise ValueError(
                    f"{name} starts on {first} and ends on {last}: the first day comes first"
                )
        return self

    def window(self, name: str) -> tuple[datetime.date, datetime.date]:
        """Return the first and last day of one of the three; of a score with one day, that day
        twice.
        """
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value, value)
