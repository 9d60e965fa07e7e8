"""The plan's rule, applied to an interval: adds, trivial, nothing, inconclusive or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from analysis.estimates import Check, Estimate, Estimates, part
from analysis.plan import Plan
from analysis.rule import Word, sesoi_band, word_of
from analysis.sections import OutcomeSection

COLUMNS = (
    "id",
    "outcome",
    "score",
    "verdict",
    "direction",
    "beyond_sesoi",
    "corrected",
    "fragile",
    "reasons",
    "sentence",
)
"""The columns of `verdicts.csv` and the keys of a verdict in `ledger.json`, in this order."""


@dataclass(frozen=True)
class Verdict:
    """What the plan's rule says of one score and one outcome.

    Attributes
    ----------
    verdict : {"adds", "trivial", "nothing", "inconclusive", "refused"}
    direction : {"positive", "negative"} or None
        None unless the verdict is `adds` or `trivial`.
    beyond_sesoi : {"yes", "no", "unclear"} or None
        Whether the interval lies beyond the smallest effect size of interest; None when refused.
    corrected : {"no", "yes", "partial"}
        Whether noise in engagement was corrected.
    fragile : bool or None
        None means that it was not assessed.
    reasons : tuple of str
        Sentences.
    deciding : Estimate or None
        The estimate the rule was applied to.
    band : (float, float)
        The SESOI on the estimate's scale.
    """

    plan: str
    outcome: str
    score: str
    verdict: Word
    direction: Literal["positive", "negative"] | None
    beyond_sesoi: Literal["yes", "no", "unclear"] | None
    corrected: Literal["no", "yes", "partial"]
    fragile: bool | None
    reasons: tuple[str, ...]
    deciding: Estimate
    band: tuple[float, float]

    @property
    def id(self) -> str:
        return "/".join(part(piece) for piece in (self.plan, self.outcome, self.score))


def word_for(estimate: Estimate, band: tuple[float, float], level: float) -> Word:
    """Return the word for one interval; the narrower interval of the equivalence test has level 2 level - 1."""
    return word_of(estimate.interval(level), estimate.interval(1 - 2 * (1 - level)), band)


def beyond(estimate: Estimate, band: tuple[float, float], level: float) -> Literal["yes", "no", "unclear"]:
    """Return whether the interval lies wholly beyond the band, inside it, or neither."""
    low, high = estimate.interval(level)
    if low > band[1] or high < band[0]:
        return "yes"
    return "no" if band[0] < low and high < band[1] else "unclear"


def deciding_estimate(plan: Plan, outcome: OutcomeSection, score: str, estimates: Estimates, model: str) -> Estimate:
    """Return the estimate to which the rule is applied: on the plan's scale; for a logit, the margin."""
    variant = "margin" if model == "logit" else ""
    return estimates.one(
        outcome=outcome.column, score=score, method="increment", model=model, term=score, variant=variant
    )


def decide(
    plan: Plan, outcome: OutcomeSection, score: str, mean: float, estimates: Estimates, checks: Iterable[Check]
) -> Verdict:
    """Apply the plan's rule to one score and one outcome.

    Parameters
    ----------
    plan : Plan
    outcome : OutcomeSection
    score : str
    mean : float
        Of the outcome in the sample.
    estimates : Estimates
    checks : iterable of Check
        Those of this score and outcome, and those of the whole run.
    """
    level = plan.inference.level
    estimate = deciding_estimate(plan, outcome, score, estimates, outcome.deciding_model)
    band = sesoi_band(outcome, outcome.deciding_model, mean)
    refusals = [c.reason for c in checks if c.refused and c.outcome in ("", outcome.column) and c.score in ("", score)]
    common = {"plan": plan.name, "outcome": outcome.column, "score": score, "corrected": "no", "fragile": None,
              "deciding": estimate, "band": band}  # fmt: skip
    if refusals:
        return Verdict(verdict="refused", direction=None, beyond_sesoi=None, reasons=tuple(refusals), **common)
    word = word_for(estimate, band, level)
    direction = None
    if word in ("adds", "trivial"):
        direction = "positive" if estimate.estimate > 0 else "negative"
    reasons = [_uncorrected(plan), *_clusters_unused(plan, estimate)]
    reasons += _disagreements(plan, outcome, score, mean, estimates, word, direction)
    size = beyond(estimate, band, level)
    return Verdict(verdict=word, direction=direction, beyond_sesoi=size, reasons=tuple(reasons), **common)


def _uncorrected(plan: Plan) -> str:
    columns = ", ".join(plan.engagement.columns)
    taken = (
        f"Engagement ({columns}) is taken as recorded: the plan states no reliability for it, so noise in it was not"
    )
    if plan.score.shares_error == "full":
        return f"{taken} corrected; the plan says that the score is computed from these very columns, so it shares it."
    return f"{taken} corrected, and noise in engagement can make a worthless score look useful."


def _clusters_unused(plan: Plan, estimate: Estimate) -> list[str]:
    """Return a reason where the plan names clusters and asks for errors that ignore them."""
    if plan.cluster is None or estimate.clusters is not None:
        return []
    return [f"The plan names clusters ({plan.cluster.column}) but asks for {estimate.covariance}, which ignores them."]


def _disagreements(
    plan: Plan,
    outcome: OutcomeSection,
    score: str,
    mean: float,
    estimates: Estimates,
    word: Word,
    direction: str | None,
) -> list[str]:
    """Return a reason for each companion model that gives another word or direction."""
    reasons = []
    for model in outcome.companion_models:
        try:
            companion = deciding_estimate(plan, outcome, score, estimates, model)
        except LookupError:
            continue
        other = word_for(companion, sesoi_band(outcome, model, mean), plan.inference.level)
        sign = "positive" if companion.estimate > 0 else "negative"
        if other != word or (direction and other in ("adds", "trivial") and sign != direction):
            said = f"{other} ({sign})" if other in ("adds", "trivial") else other
            reasons.append(f"The companion model {model} says {said}; the plan lets {outcome.deciding_model} decide.")
    return reasons
