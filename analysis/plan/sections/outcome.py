"""`[[outcome]]`: what pays, how much of it would matter, and which model decides."""

from __future__ import annotations

from typing import Literal

from analysis.errors import listing
from analysis.plan.sections.base import Name, Positive, Section

Kind = Literal["revenue", "count", "binary", "continuous", "roi"]
Model = Literal["poisson", "gamma", "tweedie", "nb2", "hurdle", "logit", "ols"]

MODELS: dict[str, tuple[str, ...]] = {
    "revenue": ("poisson", "gamma", "tweedie", "hurdle", "ols"),
    "count": ("poisson", "nb2", "hurdle", "ols"),
    "binary": ("logit", "ols"),
    "continuous": ("ols",),
    "roi": ("ols", "poisson"),
}
"""The models an outcome of each kind can have; the first one decides unless the plan says
otherwise.
"""

MODEL_NAMES = {
    "poisson": "Poisson pseudo-maximum likelihood",
    "gamma": "Gamma pseudo-maximum likelihood",
    "tweedie": "Tweedie pseudo-maximum likelihood",
    "logit": "average marginal effect of a logit",
    "nb2": "negative binomial regression",
    "hurdle": "a hurdle model, both parts recombined",
    "ols": "least squares",
}
"""How a sentence calls the models."""

PERCENT, POINTS = "5 % is written 0.05", "5 percentage points are written 0.05"
"""How a smallest effect of interest is written."""


class OutcomeSection(Section):
    """`[[outcome]]`: what pays, and how much of it would matter."""

    column: Name
    kind: Kind
    sesoi: Positive
    model: Model | None = None
    exposure: Name | None = None
    cost: Name | None = None
    hours: Name | None = None
    hour_price: Positive | None = None
    negative: Literal["refuse", "exclude", "net"] = "refuse"
    variants: tuple[Literal["log1p", "asinh"], ...] = ()

    def rules(self) -> dict[str, object]:
        is_roi, model, named = self.kind == "roi", self.model, listing(MODELS[self.kind])
        cannot = f'model "{model}" cannot have a {self.kind} outcome; allowed: {named}'
        needs = "what was put in: cost = a column of money, or hours with hour_price"
        return {
            cannot: model is not None and model not in MODELS[self.kind],
            f'kind = "roi" needs {needs}': (is_roi and self.cost is None and self.hours is None),
            "hours (a column) and hour_price (money per hour) belong together": (
                (self.hours is None) != (self.hour_price is None)
            ),
            'cost, hours and hour_price belong to kind = "roi"': (
                not is_roi and (self.cost or self.hours)
            ),
            f"sesoi is a fraction of the mean here and must be below 1: {PERCENT}": (
                self.is_relative and self.sesoi >= 1
            ),
            f"sesoi is a difference in probability here and must be below 1: {POINTS}": (
                self.kind == "binary" and self.sesoi >= 1
            ),
            'negative and variants belong to kind = "revenue"': (
                self.kind != "revenue" and (self.negative != "refuse" or self.variants)
            ),
            'negative = "net" is analysed by OLS in money, without exposure or variants': (
                self.negative == "net"
                and (model not in (None, "ols") or self.variants or self.exposure)
            ),
            "exposure is an offset on the log scale: only for revenue and count outcomes": (
                self.exposure and self.kind not in ("revenue", "count")
            ),
            "a hurdle model has no exposure: it does not say what it does to the chance of any": (
                model == "hurdle" and self.exposure
            ),
        }

    @property
    def is_relative(self) -> bool:
        """Whether the SESOI is a fraction of the mean, and effects are ratios."""
        return self.kind in ("revenue", "count") or (self.kind == "roi" and self.model == "poisson")

    @property
    def deciding_model(self) -> str:
        """The model whose interval the verdict is about."""
        return self.model or ("ols" if self.negative == "net" else MODELS[self.kind][0])

    @property
    def companion_models(self) -> tuple[str, ...]:
        """The models printed beside the deciding one."""
        if self.negative == "net" or self.kind == "roi":
            return ()
        possible = [m for m in MODELS[self.kind] if not (m in ("ols", "hurdle") and self.exposure)]
        return tuple(model for model in possible if model != self.deciding_model)
