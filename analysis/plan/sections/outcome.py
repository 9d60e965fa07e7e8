"""`[[outcome]]`: what pays, how much of it would matter, and which model decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from analysis.errors import listing
from analysis.plan.sections.columns import Cell, Name, Positive, Rules, Section

Kind = Literal["revenue", "count", "binary", "continuous", "roi"]


@dataclass(frozen=True)
class DeclaredModel:
    """What a plan has to know of a model; `models.family.Family` adds what its analysis has to.

    Attributes
    ----------
    name : str
        As a plan writes it, and as it stands in ids.
    printed : str
        How a sentence calls it.
    kinds : tuple of str
        Of the outcomes that it can have.
    link : {"identity", "log", "logit"}
        From the mean to the linear predictor: of an exponential mean effects are ratios.
    two_parts : bool
        Whether it is made of two equations, for any and for how much.
    beside : bool
        Whether it is printed beside the deciding model of every plan with such an outcome: a new
        model is not, since it would change studies that never asked for it.
    """

    name: str
    printed: str
    kinds: tuple[Kind, ...]
    link: Literal["identity", "log", "logit"] = "log"
    two_parts: bool = False
    beside: bool = False


MODELS: dict[str, DeclaredModel] = {
    model.name: model
    for model in (
        DeclaredModel(
            "poisson",
            "Poisson pseudo-maximum likelihood",
            ("revenue", "count", "roi"),
            beside=True,
        ),
        DeclaredModel("gamma", "Gamma pseudo-maximum likelihood", ("revenue",), beside=True),
        DeclaredModel("tweedie", "Tweedie pseudo-maximum likelihood", ("revenue",), beside=True),
        DeclaredModel("nb2", "negative binomial regression", ("count",), beside=True),
        DeclaredModel(
            "hurdle",
            "a hurdle model, both parts recombined",
            ("revenue", "count"),
            two_parts=True,
            beside=True,
        ),
        DeclaredModel(
            "logit", "average marginal effect of a logit", ("binary",), "logit", beside=True
        ),
        DeclaredModel("ols", "least squares", get_args(Kind), "identity", beside=True),
    )
}
"""The models by name, in the order in which they are printed."""


def models_of(kind: Kind) -> tuple[str, ...]:
    """Return the models an outcome of a kind can have; the first one decides unless the plan says
    otherwise.
    """
    able = [model for model in MODELS.values() if kind in model.kinds]
    if kind == "roi":  # a difference in money, unless a ratio is asked for
        able.sort(key=lambda model: model.link != "identity")
    return tuple(model.name for model in able)


def _known(name: Any) -> Any:
    if name is not None and name not in tuple(MODELS):
        expected = ", ".join(f"'{known}'" for known in MODELS)
        raise PydanticKnownError("literal_error", {"expected": expected})
    return name


PERCENT, POINTS = "5 % is written 0.05", "5 percentage points are written 0.05"
"""How a smallest effect of interest is written."""


class OutcomeSection(Section):
    """`[[outcome]]`: what pays, and how much of it would matter.

    `level` is of a binary outcome: the word or number in its cells that counts as 1.
    """

    column: Name
    kind: Kind
    sesoi: Positive
    level: Cell | None = None
    model: Annotated[str | None, BeforeValidator(_known)] = None
    exposure: Name | None = None
    cost: Name | None = None
    hours: Name | None = None
    hour_price: Positive | None = None
    negative: Literal["refuse", "exclude", "net"] = "refuse"
    variants: tuple[Literal["log1p", "asinh"], ...] = ()

    def rules(self) -> Rules:
        is_roi, model, named = self.kind == "roi", self.model, listing(models_of(self.kind))
        declared = MODELS[self.deciding_model]
        cannot = f'model "{model}" cannot have a {self.kind} outcome; allowed: {named}'
        needs = "what was put in: cost = a column of money, or hours with hour_price"
        return {
            cannot: model is not None and model not in models_of(self.kind),
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
            'level, the value that counts as 1, belongs to kind = "binary"': (
                self.level is not None and self.kind != "binary"
            ),
            'negative and variants belong to kind = "revenue"': (
                self.kind != "revenue" and (self.negative != "refuse" or self.variants)
            ),
            'negative = "net" is analysed by OLS in money, without exposure or variants': (
                self.negative == "net"
                and (declared.link != "identity" or self.variants or self.exposure)
            ),
            "exposure is an offset on the log scale: only for revenue and count outcomes": (
                self.exposure and self.kind not in ("revenue", "count")
            ),
            "a hurdle model has no exposure: it does not say what it does to the chance of any": (
                self.exposure and declared.two_parts
            ),
        }

    @property
    def is_relative(self) -> bool:
        """Whether the SESOI is a fraction of the mean, and effects are ratios."""
        return self.kind in ("revenue", "count") or (
            self.kind == "roi" and MODELS[self.deciding_model].link == "log"
        )

    @property
    def deciding_model(self) -> str:
        """The model whose interval the verdict is about."""
        return self.model or ("ols" if self.negative == "net" else models_of(self.kind)[0])

    @property
    def companion_models(self) -> tuple[str, ...]:
        """The models printed beside the deciding one."""
        if self.negative == "net" or self.kind == "roi":
            return ()
        able = [MODELS[model] for model in models_of(self.kind) if model != self.deciding_model]
        possible = [model for model in able if model.beside]
        return tuple(
            model.name
            for model in possible
            if self.exposure is None or (model.link == "log" and not model.two_parts)
        )
