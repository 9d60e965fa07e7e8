"""What a power calculation supposes: what is given, what plan and data say, and what is usual."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.errors import Fault, PlanError
from analysis.models import fit_model, fit_ols
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.question import Question

USUAL = {"r2_score": 0.49, "r2_outcome": 0.25, "reliability": 0.8}
"""Taken where neither the call nor the data say otherwise: correlations of .7 and .5 with
engagement.
"""

NAMES = ("r2_score", "r2_outcome", "reliability", "mean", "sd", "sd_score")


@dataclass(frozen=True)
class Assumptions:
    """What is supposed of one outcome and one score; None where it is not needed.

    Attributes
    ----------
    r2_score, r2_outcome : float
        Shares of the variance of score and outcome that engagement and controls explain.
    reliability : float
        Share of truth in recorded engagement; its errors are taken as not shared with the score.
    mean, sd : float or None
        Of the outcome, in its own unit.
    sd_score : float or None
        Needed where the plan measures effects per unit of the score.
    taken_from : dict
        By name: "given", "the plan", "the data" or "assumed".
    """

    r2_score: float
    r2_outcome: float
    reliability: float
    mean: float | None
    sd: float | None
    sd_score: float | None
    taken_from: dict[str, str]

    def sentence(self) -> str:
        """Return what is supposed, each number with where it comes from."""
        source = {name: f" ({origin})" for name, origin in self.taken_from.items()}
        shares = [f"{100 * share:.0f} %" for share in (self.r2_score, self.r2_outcome)]
        text = (
            f"Supposed: engagement explains {shares[0]} of the score{source['r2_score']} and"
            f" {shares[1]} of the outcome{source['r2_outcome']}, and is recorded with reliability"
            f" {self.reliability:.2f}{source['reliability']}"
        )
        if self.mean is not None:
            text += f"; the outcome's mean is {self.mean:,.4g}{source.get('mean', '')}"
        if self.sd is not None:
            text += f"; its standard deviation is {self.sd:,.4g}{source.get('sd', '')}"
        return f"{text}."


def refuse_impossible(where: str, given: dict[str, float | None], rows: tuple[int, ...]) -> None:
    """Raise PlanError where a given number is out of its range."""
    shares = {name: (lambda v: 0 <= v < 1, "0 or more, below 1") for name in NAMES[:2]}
    sizes = {name: (lambda v: v > 0, "more than 0") for name in NAMES[3:]}
    rules = {**shares, "reliability": (lambda v: 0 < v <= 1, "above 0, at most 1"), **sizes}
    numbers = {name: value for name, value in given.items() if value is not None}
    faults = _out_of_range(numbers, rules)
    faults += [Fault("n", str(count), "20 rows or more") for count in rows if count < 20]
    if faults:
        raise PlanError(where, faults)


Rules = dict[str, tuple[Callable[[float], bool], str]]


def _out_of_range(numbers: dict[str, float], rules: Rules) -> list[Fault]:
    return [
        Fault(name, f"{value:g}", rules[name][1])
        for name, value in numbers.items()
        if not rules[name][0](value)
    ]


def facts_of(question: Question) -> dict[str, float]:
    """Return what the data say, the link of score and outcome left out."""
    design = question.design
    rest, response = design.without("score"), design.response
    reduced = fit_model(rest, question.mean_model, "HC1")
    spread = float(response.std(ddof=1))
    left = float(((response - reduced.fitted) ** 2).mean())
    link = fit_ols(rest.with_response(design.block("score")[:, 0]), covariance="HC1")
    return {
        "r2_score": link.r_squared,
        "r2_outcome": max(0.0, 1 - left / spread**2),
        "sd": spread,
        "mean": float(response.mean()),
        "sd_score": question.factor("sd"),
    }


def assume(
    plan: Plan, outcome: OutcomeSection, given: dict[str, float | None], facts: dict[str, float]
) -> Assumptions:
    """Return what is given, else what the plan or the data say, else what is usual.

    Raises
    ------
    PlanError
        When a number that is needed is in none of these.
    """
    declared = [plan.engagement.range_of(column)[1] for column in plan.engagement.reliability]
    stated = {"reliability": float(np.mean(declared))} if declared else {}
    values: dict[str, float | None] = dict.fromkeys(NAMES)
    origin: dict[str, str] = {}
    for where, source in (
        ("assumed", USUAL),
        ("the data", facts),
        ("the plan", stated),
        ("given", given),
    ):
        known = {name: source[name] for name in NAMES if source.get(name) is not None}
        values |= known
        origin |= dict.fromkeys(known, where)
    mean = values["mean"]
    if outcome.kind == "binary" and mean is not None and origin.get("sd") != "given":
        values["sd"] = math.sqrt(mean * (1 - mean)) if mean < 1 else None
    if outcome.kind == "count" and mean is not None and values["sd"] is None:
        values["sd"], origin["sd"] = math.sqrt(mean / (1 - values["r2_outcome"])), "assumed"
    needed = {"revenue": ["mean", "sd"], "count": ["mean"], "binary": ["mean", "sd"]}
    names = needed.get(outcome.kind, ["sd"]) + ["sd_score"] * (plan.score.scale == "raw")
    faults = [
        Fault(name, "not given, and no data to take it from", f"--{name.replace('_', '-')} NUMBER")
        for name in names
        if values[name] is None
    ]
    if faults:
        raise PlanError(f"the power of {plan.name} for {outcome.column}", faults)
    taken_from = {name: origin[name] for name in NAMES if name in origin}
    return Assumptions(**values, taken_from=taken_from)


def sesoi_from_price(price: float, mean_revenue: float, share_acted_on: float) -> tuple[float, str]:
    """Return the effect at which a score pays for itself.

    Parameters
    ----------
    price : float
        Of the score, per account, in money.
    mean_revenue : float
        Per account, in the same money.
    share_acted_on : float
        Share of accounts for which the score changes what one does, in (0, 1].

    Returns
    -------
    fraction : float
        Of mean revenue, ``price / (mean_revenue * share_acted_on)``: below it, the score costs more
        than it can bring.
    arithmetic : str
        The sum, written out.

    Raises
    ------
    PlanError
        When a number is outside its range, or the price exceeds what the decisions are worth.

    Examples
    --------
    >>> sesoi_from_price(10, 2000, 0.1)[0]
    0.05
    """
    money = (lambda v: 0 < v < math.inf, "a positive amount of money per account")
    share = (lambda v: 0 < v <= 1, "a share above 0 and at most 1")
    faults = _out_of_range(
        {"price": price, "mean revenue": mean_revenue, "share acted on": share_acted_on},
        {"price": money, "mean revenue": money, "share acted on": share},
    )
    touched = mean_revenue * share_acted_on
    if not faults and price >= touched:
        amounts = f"{price:g} per account against {touched:g} of revenue acted on"
        allowed = "less than the revenue that decisions touch: no effect could repay it"
        faults = Fault("price", amounts, allowed)
    if faults:
        raise PlanError("the smallest effect size of interest", faults)
    fraction = price / touched
    return fraction, (
        f"{price:,.6g} / ({mean_revenue:,.6g} x {share_acted_on:g}) = {fraction:.4g} of mean"
        " revenue",
    )
