"""`[gaming]` and `[parts]`: when a score was gamed, and what engagement is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from analysis.plan.sections.base import Name, Section, Transform, Whole, YesNo


class GamingSection(Section):
    """`[gaming]`: a column of 0 and 1 that says which rows were gamed, or `infer`; who is seen, and
    when.

    `unit` and `time` are those of `[panel]` unless they are said here. `anticipation` is the number
    of periods before an episode that are left out, since people may game because something is
    coming; `window` how many periods of quiet come before an onset, and how many are drawn after
    it.
    """

    episode: Name | None = None
    infer: YesNo = False
    unit: Name | None = None
    time: Name | None = None
    anticipation: Annotated[Whole, Field(ge=0, le=12)] = 1
    window: Annotated[Whole, Field(ge=1, le=12)] = 3

    @model_validator(mode="after")
    def _says_which_rows(self) -> GamingSection:
        if (self.episode is None) != self.infer:
            raise ValueError("one of: episode (a column of 0 and 1), infer = true")
        return self


class PartsSection(Section):
    """`[parts]`: columns that engagement is made of, by who engages or from where."""

    columns: Annotated[tuple[Name, ...], Field(min_length=2)]
    transform: Transform = "log1p"

    @model_validator(mode="after")
    def _columns_once(self) -> PartsSection:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("each part once")
        if self.transform == "spline":
            raise ValueError("a part has one weight: identity, log1p, sqrt or rank")
        return self
