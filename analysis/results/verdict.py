"""The plan's rule, applied to an interval: adds, trivial, nothing, inconclusive or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from analysis.models.family import FAMILIES
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import Answer, answer_of
from analysis.results.estimates import Check, Estimate, Estimates, part
from analysis.results.evidence import NOTHING_KNOWN, Fragility, Noise, Tail
from analysis.results.rule import Interval, Word, sesoi_band, word_of

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


def beyond(
    estimate: Estimate, band: tuple[float, float], level: float
) -> Literal["yes", "no", "unclear"]:
    """Return whether the interval lies wholly beyond the band, inside it, or neither."""
    low, high = estimate.interval(level)
    if low > band[1] or high < band[0]:
        return "yes"
    return "no" if band[0] < low and high < band[1] else "unclear"


def deciding_estimate(
    plan: Plan, outcome: OutcomeSection, score: str, estimates: Estimates, model: str
) -> Estimate:
    """Return the estimate to which the rule is applied: on the plan's scale; for a logit, the
    margin.
    """
    return estimates.one(
        outcome=outcome.column,
        score=score,
        method="increment",
        model=model,
        term=score,
        variant=FAMILIES[model].margin,
    )


def decide(
    plan: Plan,
    outcome: OutcomeSection,
    score: str,
    mean: float,
    estimates: Estimates,
    checks: Iterable[Check],
    noise: Noise = NOTHING_KNOWN,
    fragility: Fragility | None = None,
    tail: Tail | None = None,
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
    noise : Noise
        What is known of the noise in engagement, and the corrected effects.
    fragility : Fragility, optional
        What leaving out a few rows, a cluster or a segment does to the word; None when it was not
        looked at.
    tail : Tail, optional
        Of a revenue outcome.
    """
    level = plan.inference.level
    band = sesoi_band(outcome, outcome.deciding_model, mean)
    plain = Answer.of(
        deciding_estimate(plan, outcome, score, estimates, outcome.deciding_model), band, level
    )
    refusals = [
        c.reason
        for c in checks
        if c.refused and c.outcome in ("", outcome.column) and c.score in ("", score)
    ]
    refusals += [noise.refusal] if noise.refusal else []
    common = {
        "plan": plan.name,
        "outcome": outcome.column,
        "score": score,
        "corrected": noise.status,
        "band": band,
    }
    if refusals:
        return Verdict(
            verdict="refused",
            direction=None,
            beyond_sesoi=None,
            fragile=None,
            reasons=tuple(refusals),
            deciding=plain.estimate,
            **common,
        )
    answer, choices = answer_of(plan, score, plain, noise, band)
    ruled, (answer, whales) = (
        answer,
        _under_a_heavy_tail(plan, outcome, score, answer, band, estimates, tail),
    )
    choices += whales
    if answer is not ruled:  # what fewer rows would do to the tail was not looked at
        fragility = None
    few = fragility if fragility and fragility.word else None
    reasons = (
        [*choices, *noise.reasons]
        if noise.status != "no"
        else [*choices, _uncorrected(plan), *noise.reasons]
    )
    reasons += _clusters_unused(plan, plain.estimate) + _units_apart(plan)
    reasons += _disagreements(plan, outcome, score, mean, estimates, plain)
    reasons += [few.reason] if few else []
    gains = estimates.select(outcome=outcome.column, score=score, method="prediction", term="gain")
    reasons += list(filter(None, [seen_gain(gains, level)]))
    left_out = None
    if FAMILIES[plain.estimate.model].linear and fragility is not None:
        left_out = under_a_confounder(
            plan, outcome, score, estimates, plain.word, plain.estimate, band
        )
        reasons += [left_out.reason] if left_out and left_out.word else []
    return Verdict(
        verdict=answer.word,
        direction=answer.direction,
        beyond_sesoi=beyond(answer.estimate, band, level),
        fragile=_fragile(
            answer,
            noise,
            None if fragility is None else few is not None,
            left_out,
            FAMILIES[plain.estimate.model].linear,
        ),
        reasons=tuple(reasons),
        deciding=answer.estimate,
        **common,
    )


def _under_a_heavy_tail(
    plan: Plan,
    outcome: OutcomeSection,
    score: str,
    answer: Answer,
    band: tuple[float, float],
    estimates: Estimates,
    tail: Tail | None,
) -> tuple[Answer, list[str]]:
    """Turn `adds` into `inconclusive` under a heavy tail, unless Gamma-PML and the bootstrap say
    the same.
    """
    if tail is None or not tail.heavy or answer.word != "adds":
        return answer, []
    try:
        row = deciding_estimate(plan, outcome, score, estimates, "gamma")
        gamma = Answer.of(row, band, plan.inference.level)
        agrees = (gamma.word, gamma.direction) == (answer.word, answer.direction)
    except LookupError:
        agrees = False
    agrees = agrees and tail.word == "adds" and tail.positive == (answer.direction == "positive")
    if tail.word is None:
        why = (
            "the plan says quick = true"
            if plan.quick
            else f"there is none for the model {outcome.deciding_model}"
        )
        why = (
            why
            if plan.quick or not FAMILIES[outcome.deciding_model].ratio
            else "too few draws had an estimate"
        )
        reason = (
            "The outcome has so heavy a tail that an ordinary interval covers too little, and the"
            " bootstrap that "
        )
        return answer.undecided(), [
            f"{reason}could confirm the effect was not run ({why}), so it is not decided."
        ]
    if agrees:
        return answer, [
            "The outcome has a heavy tail; Gamma-PML and a bootstrap interval say the same."
        ]
    reason = (
        "The outcome has so heavy a tail that an ordinary interval covers too little; Gamma-PML and"
        " a bootstrap"
    )
    return answer.undecided(), [
        f"{reason} interval do not both confirm the effect, so it is not decided."
    ]


def _fragile(
    answer: Answer, noise: Noise, few: bool | None, left_out: Fragility | None, linear: bool
) -> bool | None:
    """Return True when noise, a few rows or a confounder could make the word; False when all were
    looked at.

    Confounders are benchmarked for least squares only: there, without a look at them, it is never
    False.
    """
    vanishes = answer.word in ("adds", "trivial") and noise.fragile is True
    if vanishes or few or (left_out is not None and left_out.word is not None):
        return True
    looked = few is not None and (left_out is not None or not linear)
    return False if looked else None


def _uncorrected(plan: Plan) -> str:
    columns = ", ".join(plan.engagement.columns)
    stated = plan.engagement.reliability or plan.engagement.halves
    known = "" if stated else ": the plan states no reliability for it, so"
    taken = f"Engagement ({columns}) is taken as recorded{known or ', and'} noise in it was not"
    if plan.score.shares_error == "full":
        return (
            f"{taken} corrected; the plan says that the score is computed from these very columns,"
            " so it shares it."
        )
    return f"{taken} corrected, and noise in engagement can make a worthless score look useful."


def _clusters_unused(plan: Plan, estimate: Estimate) -> list[str]:
    """Return a reason where the plan names clusters and asks for errors that ignore them."""
    if plan.cluster is None or estimate.clusters is not None:
        return []
    return [
        f"The plan names clusters ({plan.cluster.column}) but asks for {estimate.covariance}, which"
        " ignores them."
    ]


def _units_apart(plan: Plan) -> list[str]:
    """Return a reason where the plan names units that are seen again and again, but keeps no rows
    together.
    """
    named = [
        section.unit
        for section in (plan.panel, plan.gaming)
        if section is not None and section.unit
    ]
    if plan.cluster is not None or not named:
        return []
    column = named[0]
    return [
        f"The plan names units ({column}) but has no [cluster]: this interval counts every row as"
        " independent, and is too narrow where the rows of a unit are alike."
    ]


def _disagreements(
    plan: Plan,
    outcome: OutcomeSection,
    score: str,
    mean: float,
    estimates: Estimates,
    plain: Answer,
) -> list[str]:
    """Return a reason for each companion model that gives another word or direction than the
    deciding one.
    """
    reasons = []
    for model in outcome.companion_models:
        try:
            row = deciding_estimate(plan, outcome, score, estimates, model)
        except LookupError:
            continue
        other = Answer.of(row, sesoi_band(outcome, model, mean), plan.inference.level)
        if (other.word, other.direction) != (plain.word, plain.direction):
            reasons.append(
                f"The companion model, {FAMILIES[model].printed}, says {other.said}; the plan lets "
                f"{FAMILIES[outcome.deciding_model].printed} decide."
            )
    return reasons


BOUND = "bound:"
"""What a benchmark's term begins with; the engagement column follows."""


def under_a_confounder(
    plan: Plan,
    outcome: OutcomeSection,
    score: str,
    estimates: Estimates,
    word: Word,
    plain: Estimate,
    band: Interval,
) -> Fragility | None:
    """Return the word with a confounder as strong as the strongest engagement column, for least
    squares.

    Parameters
    ----------
    word : str
        Of the plain fit.
    plain : Estimate
        The plain fit's effect.
    band : (float, float)

    Returns
    -------
    Fragility or None
        None where no bound was worked out. Columns as strong as which no confounder can exist are
        passed over.
    """
    bounds = [
        row
        for row in estimates.select(
            outcome=outcome.column, score=score, method="sensitivity", model="ols"
        )
        if row.term.startswith(BOUND)
    ]
    if not bounds:
        return None
    possible = [row for row in bounds if row.estimate is not None]
    if not possible:
        return Fragility(word)
    worst = max(possible, key=lambda row: abs(row.estimate - plain.estimate))
    level = plan.inference.level
    wide, narrow = (
        worst.interval(part) or (worst.estimate,) * 2 for part in (level, 1 - 2 * (1 - level))
    )
    other = word_of(wide, narrow, band)
    turned = worst.estimate * plain.estimate < 0 and other in ("adds", "trivial")
    if other == word and not turned:
        return Fragility(word)
    column = worst.term.removeprefix(BOUND)
    became = f"{other} in the other direction" if turned else other
    reason = (
        f"A confounder left out, as strong as {column} is with score and outcome alike, could turn"
        f" {word} into "
    )
    return Fragility(word, other, f"{reason}{became}.")


def seen_gain(rows: Iterable[Estimate], level: float) -> str:
    """Return the reason of a verdict where predictions did not gain; empty where they did, or none
    were made.
    """
    row = next(iter(rows), None)
    if row is None or row.interval(level)[0] > 0:
        return ""
    low, high = (replace(row, estimate=edge).displayed for edge in row.interval(level))
    how = f"worse by {row.displayed.lstrip('-')}" if row.estimate < 0 else f"{row.displayed} better"
    return (
        "No out-of-sample gain was seen: with the score, rows that were left out are predicted"
        f" {how} ({100 * level:g} % interval {low} to {high} of the outcome's deviance). Such an"
        " interval misses most small effects, so this decides nothing."
    )
