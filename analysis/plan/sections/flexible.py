"""`[flexible]`: engagement and controls in any form, learned from the data; runs only where a plan
has it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.plan.sections.base import Section, Whole

Learner = Literal["linear", "boosting"]


class FlexibleSection(Section):
    """`[flexible]`: which learners, and how often the rows are split."""

    learners: Annotated[tuple[Learner, ...], Field(min_length=1)] = ("linear", "boosting")
    folds: Annotated[Whole, Field(ge=2, le=20)] = 5
    repeats: Annotated[Whole, Field(ge=1, le=100)] = 5
