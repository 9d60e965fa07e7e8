"""What a score of a supposed effect would be worth to who chooses by it; the effect of a price."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.models import fit_model
from analysis.plan.sections.decision import (
    ActionSection,
    place_text,
    share_text,
    thresholds_around,
)
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import display
from analysis.results.question import Question
from analysis.studies.decision.net_benefit import acted_on, payoff
from analysis.studies.decision.picks import picks

CLOSE = 1e-4
"""Relative distance of the effect that a price asks for."""

LARGEST = {"binary": 0.5}
"""Effect beyond which nobody looks, by the outcome's kind; 1 for a share of the mean."""


@dataclass(frozen=True, eq=False)
class Supposed:
    """The rows as they would be, did the score have an effect of a known size.

    Attributes
    ----------
    question : Question
    """

    question: Question

    @property
    def options(self) -> ActionSection:
        return self.question.plan.decision or ActionSection()

    @cached_property
    def predictor(self) -> np.ndarray:
        """Linear predictor of the mean without the score, shape (n,)."""
        rest = self.question.design.without("score")
        return self.question.family.predictor(
            fit_model(rest, self.question.mean_model, "HC1").fitted
        )

    @cached_property
    def own(self) -> np.ndarray:
        """What of the score engagement and controls do not say, in units of its scale, (n,)."""
        rest = self.question.design.without("score")
        score = self.question.design.block("score")[:, 0]
        basis = rest.basis[0]
        return (score - basis @ (basis.T @ score) / len(score)) / self.question.by

    def slope(self, effect: float) -> float:
        """Return the coefficient of an effect in the unit of the plan's `sesoi`."""
        family, outcome = self.question.family, self.question.outcome
        if family.link == "log":
            return float(np.log1p(effect))
        if family.link == "logit":
            return effect / float(family.weights(self.predictor).mean())
        mean = self.question.sample.mean(outcome.column)
        return effect * abs(mean) if outcome.is_relative else effect

    def worth(self, effect: float) -> dict[str, float]:
        """Return what the score would be worth per row, in money, by capacity or threshold.

        The true mean has the score's effect, and its own average stays what it is; one chooses by
        this mean, or by the mean without the score.
        """
        family, before = self.question.family, self.predictor
        after = before + self.slope(effect) * self.own
        if family.link == "log":
            after = after + np.log(np.exp(before).sum() / np.exp(after).sum())
        mean, old = family.mean(after), family.mean(before)
        value, worth = self.options.value or 1.0, {}
        if self.question.outcome.kind == "binary":
            declared = self.options.thresholds or thresholds_around(float(mean.mean()))
            for at in declared:
                moved = acted_on(mean, at) - acted_on(old, at)
                gain = float(np.mean(moved * payoff(mean, at)))
                worth[f"threshold-{share_text(at)}"] = value * gain
            return worth
        worse = -1.0 if self.options.lower_is_better else 1.0
        for share in self.options.capacity:
            moved = picks(worse * after, share) - picks(worse * before, share)
            gain = worse * float(np.mean(moved * mean))
            worth[f"capacity-{share_text(share)}"] = value * gain
        return worth

    def best(self, effect: float) -> tuple[float, str]:
        """Return the largest worth, and where it is."""
        worth = self.worth(effect)
        at = max(worth, key=worth.__getitem__)
        return worth[at], at

    @property
    def largest(self) -> float:
        """The largest effect that is looked at, in the unit of `sesoi`."""
        outcome = self.question.outcome
        if outcome.is_relative or outcome.kind == "binary":
            return LARGEST.get(outcome.kind, 1.0)
        return 10 * float(self.question.design.response.std())

    def effect_for(self, price: float) -> float | None:
        """Return the least effect at which the score is worth its price; None beyond `largest`."""
        low, high = 0.0, self.largest
        if self.best(high)[0] < price:
            return None
        while high - low > CLOSE * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self.best(middle)[0] >= price else (middle, high)
        return high


def sesoi_from_price(question: Question, price: float) -> str:
    """Return in a sentence which `sesoi` a price per row asks for, where one chooses by the score.

    Parameters
    ----------
    question : Question
    price : float
        In money, per row scored; above 0.
    """
    supposed, outcome = Supposed(question), question.outcome
    step = "per SD" if question.plan.score.scale == "sd" else "per unit"
    about = f"SESOI from a price of {_amount(price)}, {outcome.column} by {question.score}:"
    effect, said = supposed.effect_for(price), supposed.best(outcome.sesoi)[0]
    says = f"the plan says {outcome.sesoi:g}, which would bring {_amount(said)} per row"
    if effect is None:
        return (
            f"{about} no effect up to {supposed.largest:.3g} {step} of the score would bring that"
            f" at any share one can choose; {says}."
        )
    worth, at = supposed.best(effect)
    return (
        f"{about} sesoi = {effect:.3g} {step} of the score. A score with this effect would bring"
        f" {_amount(worth)} per row at {place_text(at)}; {says}."
    )


def _amount(value: float) -> str:
    return display(value, "outcome").removeprefix("+")


def sesoi_text(outcome: OutcomeSection, scale: str) -> str:
    """Return the plan's smallest effect of interest as a sentence has it."""
    step = "per SD" if scale == "sd" else "per unit"
    if outcome.is_relative:
        return f"{100 * outcome.sesoi:g} % of the mean {step}"
    if outcome.kind == "binary":
        points = "point" if outcome.sesoi == 0.01 else "points"
        return f"{100 * outcome.sesoi:g} percentage {points} {step}"
    return f"{_amount(outcome.sesoi)} {step}"
