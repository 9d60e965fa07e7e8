"""`[inference]`, `[cluster]` and `[registered]`: how uncertainty is measured, and where the plan
was deposited.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field

from analysis.plan.sections.base import Name, Number, Section, Whole

Covariance = Literal["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3", "wild"]


class InferenceSection(Section):
    """`[inference]`: intervals and how uncertainty is measured."""

    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    covariance: Covariance | None = None
    bootstrap: Annotated[Whole, Field(ge=99)] = 1999
    seed: Annotated[Whole, Field(ge=0)] = 20121105


class ClusterSection(Section):
    """`[cluster]`: rows that belong together."""

    column: Name


class RegisteredSection(Section):
    """`[registered]`: where and when the plan was deposited; printed, since a hash alone proves no
    date.
    """

    where: Name
    when: datetime.date | str
