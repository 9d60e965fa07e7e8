"""The tables of an analysis plan: their keys, and what each key may say."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from analysis.errors import listing

Transform = Literal["identity", "log1p", "sqrt", "rank", "spline"]
ScoreTransform = Literal["identity", "log1p", "rank"]
Kind = Literal["revenue", "count", "binary", "continuous"]
Model = Literal["poisson", "gamma", "tweedie", "logit", "ols"]
Covariance = Literal["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"]
Name = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True, le=2**63 - 1)]
YesNo = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]

MODELS: dict[str, tuple[str, ...]] = {
    "revenue": ("poisson", "gamma", "tweedie", "ols"),
    "count": ("poisson", "ols"),
    "binary": ("logit", "ols"),
    "continuous": ("ols",),
}
"""The models an outcome of each kind can have; the first one decides unless the plan says otherwise."""

LATER = {
    ("engagement", "indicators"): "reliability from several indicators",
    ("", "panel"): "fixed effects",
    ("", "segment"): "the comparison of segments",
    ("", "timing"): "the check of time order",
}
"""Keys of the plan contract (table, key) that this version does not analyse: refused, never ignored."""


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


class Section(BaseModel):
    """A table of the plan: frozen, and without keys of its own invention."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScoreSection(Section):
    """`[score]`: what is audited."""

    columns: Names
    transform: ScoreTransform | dict[str, ScoreTransform] = "identity"
    scale: Literal["sd", "raw"] = "sd"
    shares_error: Literal["none", "full", "unknown"] = "unknown"
    halves: dict[Name, tuple[Name, Name]] = {}

    def transform_of(self, column: str) -> str:
        return transform_of_column(self.transform, column)


BARE_MARGIN = 0.10
"""A reliability declared as a bare number is a range of plus or minus this, within (0, 1]."""


class ReliabilitySection(Section):
    """What is believed of the share of truth in a recorded column: a value in a range, in (0, 1]."""

    value: Share
    low: Share
    high: Share

    @model_validator(mode="after")
    def _in_order(self) -> ReliabilitySection:
        if not self.low <= self.value <= self.high:
            raise ValueError("low <= value <= high")
        return self


class EngagementSection(Section):
    """`[engagement]`: what is held constant because anyone can see it, and how well it was recorded."""

    columns: Names
    transform: Transform | dict[str, Transform] = "identity"
    reliability: dict[Name, Share | ReliabilitySection] = {}
    halves: dict[Name, tuple[Name, Name]] = {}

    @model_validator(mode="after")
    def _one_way_a_column(self) -> EngagementSection:
        both = sorted(set(self.reliability) & set(self.halves))
        if both:
            raise ValueError(f"halves or a reliability, not both, for {listing(both)}")
        return self

    def transform_of(self, column: str) -> str:
        return transform_of_column(self.transform, column)

    def range_of(self, column: str) -> tuple[float, float, float]:
        """Return (low, value, high) of a declared reliability; a bare number is a range of .10 either way."""
        declared = self.reliability[column]
        if isinstance(declared, ReliabilitySection):
            return declared.low, declared.value, declared.high
        return max(declared - BARE_MARGIN, min(declared, 0.01)), declared, min(declared + BARE_MARGIN, 1.0)


class ControlsSection(Section):
    """`[controls]`: what else is held constant."""

    columns: tuple[Name, ...] = ()


class OutcomeSection(Section):
    """`[[outcome]]`: what pays, and how much of it would matter."""

    column: Name
    kind: Kind
    sesoi: Annotated[Number, Field(gt=0)]
    model: Model | None = None
    exposure: Name | None = None
    negative: Literal["refuse", "exclude", "net"] = "refuse"
    variants: tuple[Literal["log1p", "asinh"], ...] = ()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> OutcomeSection:
        if self.model is not None and self.model not in MODELS[self.kind]:
            allowed = listing(MODELS[self.kind])
            raise ValueError(f'model "{self.model}" cannot have a {self.kind} outcome; allowed: {allowed}')
        if self.kind in ("revenue", "count") and self.sesoi >= 1:
            raise ValueError("sesoi is a fraction of the mean here and must be below 1")
        if self.kind == "binary" and self.sesoi >= 1:
            raise ValueError("sesoi is a difference in probability here and must be below 1")
        if self.kind != "revenue" and (self.negative != "refuse" or self.variants):
            raise ValueError('negative and variants belong to kind = "revenue"')
        if self.negative == "net" and (self.model not in (None, "ols") or self.variants or self.exposure):
            raise ValueError('negative = "net" is analysed by OLS in money, without exposure or variants')
        if self.exposure is not None and self.kind not in ("revenue", "count"):
            raise ValueError("exposure is an offset on the log scale: only for revenue and count outcomes")
        return self

    @property
    def deciding_model(self) -> str:
        """The model whose interval the verdict is about."""
        return self.model or ("ols" if self.negative == "net" else MODELS[self.kind][0])

    @property
    def companion_models(self) -> tuple[str, ...]:
        """The models printed beside the deciding one."""
        if self.negative == "net":
            return ()
        possible = [m for m in MODELS[self.kind] if not (m == "ols" and self.exposure)]
        return tuple(model for model in possible if model != self.deciding_model)


class KeepSection(Section):
    """`[[keep]]`: rows that stay; the others are counted as exclusions."""

    column: Name
    equals: YesNo | Number | str | None = Field(default=None, alias="is")
    among: Annotated[tuple[YesNo | Number | str, ...], Field(min_length=1)] | None = Field(default=None, alias="in")
    min: Number | None = None
    max: Number | None = None
    start: Date | None = Field(default=None, alias="from")
    end: Date | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _says_something(self) -> KeepSection:
        if all(said is None for said in (self.equals, self.among, self.min, self.max, self.start, self.end)):
            raise ValueError("a filter needs at least one of: is, in, min, max, from, to")
        if self.equals is not None and self.among is not None:
            raise ValueError("is and in exclude each other")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError("from must not be after to")
        return self


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
    """`[registered]`: where and when the plan was deposited; printed, since a hash alone proves no date."""

    where: Name
    when: datetime.date | str


SPECIFICATION_COLUMNS = frozenset({
    "equation", "estimand", "estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "n",
    "clusters", "covariance", "verdict", "p_adjusted", "note",
})  # fmt: skip
"""Columns of the specification table beside those of the decisions."""


class OptionSection(Section):
    """One option of a decision: what it sets instead of the plan's own choice, and why it is reasonable."""

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


class DecisionSection(Section):
    """One decision of the multiverse: its options, or every subset of some controls."""

    name: Name
    option: tuple[OptionSection, ...] = ()
    subsets: tuple[Name, ...] = ()
    reason: str = ""

    @model_validator(mode="after")
    def _has_options(self) -> DecisionSection:
        if bool(self.option) == bool(self.subsets):
            raise ValueError("a decision has either [[multiverse.decision.option]] tables or subsets")
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
        known = {decision.name: {option.name for option in decision.option} for decision in self.decision}
        if len(known) != len(self.decision):
            raise ValueError("two decisions have the same name")
        taken = sorted(set(known) & SPECIFICATION_COLUMNS)
        if taken:
            raise ValueError(f"a decision cannot have the name of a column of the table: {listing(taken)}")
        for combination in self.forbidden:
            for decision, option in combination.items():
                if option not in known.get(decision, ()):
                    raise ValueError(f'forbidden names "{decision} = {option}", which is no decision and option')
        return self


def transform_of_column(transform: str | dict[str, str], column: str) -> str:
    return transform if isinstance(transform, str) else transform.get(column, "identity")
