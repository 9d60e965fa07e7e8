"""The plan's rule, applied to an interval: adds, trivial, nothing, inconclusive or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from analysis.models.family import FAMILIES
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import Answer, answer_of
from analysis.results.decision import NOT_ASKED, Decision, decision_of
from analysis.results.estimates import Check, Estimate, Estimates
from analysis.results.ids import verdict_id
from analysis.results.rule import (
    NOTHING_KNOWN,
    Fragility,
    Interval,
    Member,
    Noise,
    Phrase,
    Tail,
    Word,
    sesoi_band,
    word_of,
)

COLUMNS = (
    "id",
    "outcome",
    "score",
    "verdict",
    "direction",
    "beyond_sesoi",
    "corrected",
    "as_recorded",
    "holds_from",
    "holds_word",
    "deciding",
    "fragile",
    "deciding_set",
    "decision",
    "reasons",
    "sentence",
    "headline",
    "short",
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
    corrected : {"no", "yes", "partial", "assumed"}
        Whether noise in engagement was corrected: of some columns, or at an assumed reliability.
    as_recorded : str or None
        The word of the plan's own fit, engagement as recorded; None when refused.
    assumed_from : float or None
        The least reliability that is assumed of the columns of which nothing is stated.
    holds_from : float or None
        The least common reliability of those columns from which the rule gives a word: 1 only if
        they are exact, None where nothing is assumed or no word holds.
    holds_word : str or None
        That word.
    deciding_set : tuple of Member
        All fits that have to give one word.
    confounded : bool or None
        Whether a confounder as strong as the strongest engagement column turns the word of the
        plain fit; None where it was not looked at.
    fragile : bool or None
        None means that it was not assessed.
    reasons : tuple of str
        Sentences.
    deciding : Estimate or None
        The estimate the rule was applied to.
    band : (float, float)
        The SESOI on the estimate's scale.
    acting : Decision
        Whether choosing by the score pays at its price.
    """

    plan: str
    outcome: str
    score: str
    verdict: Word
    direction: Literal["positive", "negative"] | None
    beyond_sesoi: Literal["yes", "no", "unclear"] | None
    corrected: Literal["no", "yes", "partial", "assumed"]
    fragile: bool | None
    reasons: tuple[str, ...]
    deciding: Estimate
    band: tuple[float, float]
    as_recorded: Word | None = None
    assumed_from: float | None = None
    holds_from: float | None = None
    holds_word: Word | None = None
    deciding_set: tuple[Member, ...] = ()
    acting: Decision = NOT_ASKED
    confounded: bool | None = None

    @property
    def refused(self) -> bool:
        return self.verdict == "refused"

    @property
    def phrase(self) -> Phrase:
        """The word, and whether its effect is positive where it has a direction."""
        positive = None if self.direction is None else self.direction == "positive"
        return self.verdict, positive

    @property
    def decision(self) -> dict[str, str | None]:
        """Whether acting on the score pays, and at which capacity or threshold."""
        return {"word": self.acting.word, "at": self.acting.at}

    @property
    def id(self) -> str:
        return verdict_id(self.plan, self.outcome, self.score, self.deciding.slugs)


def beyond(
    estimates: Iterable[Estimate], band: tuple[float, float], level: float
) -> Literal["yes", "no", "unclear"]:
    """Return whether all intervals lie wholly beyond the band, all inside it, or neither."""
    intervals = [estimate.interval(level) for estimate in estimates]
    if all(low > band[1] or high < band[0] for low, high in intervals):
        return "yes"
    inside = all(band[0] < low and high < band[1] for low, high in intervals)
    return "no" if inside else "unclear"


@dataclass(frozen=True, eq=False)
class _Case:
    """One score and one outcome, as the rule asks for their estimates."""

    plan: Plan
    outcome: OutcomeSection
    score: str
    mean: float
    estimates: Estimates

    def band(self, model: str) -> Interval:
        return sesoi_band(self.outcome, model, self.mean)

    def rows(self, method: str, **parts: str) -> Estimates:
        asked = {"outcome": self.outcome.column, "score": self.score, "method": method, **parts}
        return self.estimates.select(**asked)

    def answer(self, model: str, band: Interval | None = None) -> Answer | None:
        """Return the word of a model's effect on the plan's scale, or None where it has none."""
        parts = {"model": model, "term": self.score, "variant": FAMILIES[model].margin}
        rows = self.rows("increment", **parts).rows
        level = self.plan.inference.level
        return Answer.of(rows[0], band or self.band(model), level) if rows else None


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
    by_default: Estimate | None = None,
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
    by_default : Estimate, optional
        The deciding effect with the default covariance, where the plan names another one.
    """
    case, level = _Case(plan, outcome, score, mean, estimates), plan.inference.level
    band, plain = case.band(outcome.deciding_model), case.answer(outcome.deciding_model)
    blank = Verdict(
        plan=plan.name,
        outcome=outcome.column,
        score=score,
        verdict="refused",
        direction=None,
        beyond_sesoi=None,
        corrected=noise.status,
        fragile=None,
        reasons=(),
        deciding=plain.estimate,
        band=band,
    )
    checks = [c for c in checks if c.outcome in ("", outcome.column) and c.score in ("", score)]
    refusals = [c.reason for c in checks if c.refused]
    if refusals:
        return replace(blank, reasons=tuple(refusals))
    corrected, reasons = answer_of(plan, score, plain, noise)
    together = corrected
    against = _against(plan, plain, checks, by_default, band)
    if against and corrected.word != "inconclusive":
        corrected = corrected.undecided()
    reasons += against
    answer, heavy = _under_a_heavy_tail(case, corrected, band, tail)
    if answer is not corrected:  # what fewer rows would do to the tail was not looked at
        fragility = None
    rule_alone = answer is together and not against
    confounded = under_a_confounder(case, plain, band) if fragility else None
    reasons += [
        heavy,
        _assumption(plan, noise),
        *noise.reasons,
        _clusters_unused(plan, plain.estimate),
        _units_apart(plan),
        *_disagreements(case, plain),
        fragility.reason if fragility and fragility.word else "",
        seen_gain(case.rows("prediction", term="gain"), level),
        confounded.reason if confounded and confounded.word else "",
        *(c.reason for c in checks if c.status == "failed" and c.weight == "cautions"),
    ]
    reasons = dict.fromkeys(reasons)
    return replace(
        blank,
        verdict=answer.word,
        direction=answer.direction,
        beyond_sesoi=beyond(
            [answer.estimate, *(one.row for one in noise.members if one.row is not None)],
            band,
            level,
        ),
        fragile=_fragile(answer, noise, fragility, confounded),
        reasons=tuple(filter(None, reasons)),
        deciding=answer.estimate,
        as_recorded=plain.word,
        assumed_from=noise.start,
        holds_from=noise.holds_from if rule_alone else None,
        holds_word=noise.holds_word if rule_alone else None,
        deciding_set=noise.members,
        acting=decision_of(plan, case.rows("decision"), heavy=tail is not None and tail.heavy),
        confounded=None if confounded is None else confounded.word is not None,
    )


def _against(
    plan: Plan,
    plain: Answer,
    checks: Iterable[Check],
    by_default: Estimate | None,
    band: Interval,
) -> list[str]:
    """Return what is known against any word: failed checks that change it, and a covariance that
    does.
    """
    reasons = [check.reason for check in checks if check.undecided]
    if by_default is not None:
        other = Answer.of(by_default, band, plan.inference.level)
        if other.phrase != plain.phrase:
            reasons.append(
                f"The plan asks for {plain.estimate.covariance}, and the word would be"
                f" {other.phrase} with {by_default.covariance}, the default here."
            )
    return reasons


HEAVY = "The outcome has so heavy a tail that an ordinary interval covers too little"


def _under_a_heavy_tail(
    case: _Case, answer: Answer, band: Interval, tail: Tail | None
) -> tuple[Answer, str]:
    """Turn a word into `inconclusive` under a heavy tail, unless Gamma-PML and the bootstrap say
    the same; return the reason, too.

    All three inside the band, one `trivial` and another `nothing`, are `nothing`.
    """
    if tail is None or not tail.heavy or answer.word in ("inconclusive", "refused"):
        return answer, ""
    gamma, drawn = case.answer("gamma", band), tail.phrase
    phrases = {answer.phrase, drawn, gamma.phrase if gamma else None}
    if len(phrases) == 1:
        alike_words = "Gamma-PML and a bootstrap interval say the same."
        return answer, f"The outcome has a heavy tail; {alike_words}"
    if gamma and {answer.word, gamma.word, tail.word} <= {"nothing", "trivial"}:
        inside = "Gamma-PML and a bootstrap interval lie inside the band, too, but not all of them"
        reason = f"The outcome has a heavy tail; {inside} say {answer.phrase}."
        return Answer("nothing", None, answer.estimate), reason
    if tail.word is None:
        model = case.outcome.deciding_model
        why = "too few draws had an estimate"
        if not FAMILIES[model].ratio:
            why = f"there is none for the model {model}"
        lacks = f"and the bootstrap that could confirm the word was not run ({why})"
        return answer.undecided(), f"{HEAVY}, {lacks}, so it is not decided."
    lacks = "Gamma-PML and a bootstrap interval do not both say so"
    return answer.undecided(), f"{HEAVY} to say {answer.phrase}; {lacks}, so it is not decided."


def _fragile(
    answer: Answer,
    noise: Noise,
    few: Fragility | None,
    confounded: Fragility | None,
) -> bool | None:
    """Return True when noise, a few rows or a confounder could make the word; False when all were
    looked at.
    """
    vanishes = answer.word in ("adds", "trivial") and noise.fragile is True
    if vanishes or any(one is not None and one.word for one in (few, confounded)):
        return True
    return None if few is None or confounded is None else False


def _assumption(plan: Plan, noise: Noise) -> str:
    """Return what the plan says, or does not say, of noise in engagement, and what follows."""
    if plan.score.shares_error == "full":
        columns = ", ".join(plan.engagement.columns)
        return (
            f"Engagement ({columns}) is taken as recorded, and noise in it was not corrected; the"
            " plan says that the score is computed from these very columns, so it shares it."
        )
    if noise.start is not None:
        silent = [f'"{column}"' for column in plan.engagement.assumed_columns]
        verb = "are" if len(silent) > 1 else "is"
        return (
            f"The plan does not say how well {', '.join(silent)} {verb} recorded: a reliability"
            f" from {noise.start:.2g} to 1 is taken as possible, and the word has to hold"
            " throughout. State reliability or exact, or give two halves."
        )
    if not noise.members:
        columns = ", ".join(plan.engagement.columns)
        return f"Engagement ({columns}) is taken as recorded, and noise in it was not corrected."
    stated = plan.engagement.stated_columns
    exact = [column for column in plan.engagement.columns if column not in stated]
    if not exact:
        return ""
    verb = "are" if len(exact) > 1 else "is"
    return f"{', '.join(exact)} {verb} taken as recorded without noise, as the plan says."


def _clusters_unused(plan: Plan, estimate: Estimate) -> str:
    """Return a reason where the plan names clusters and asks for errors that ignore them."""
    if plan.cluster is None or estimate.clusters is not None:
        return ""
    return (
        f"The plan names clusters ({plan.cluster.column}) but asks for {estimate.covariance}, which"
        " ignores them."
    )


def _units_apart(plan: Plan) -> str:
    """Return a reason where the plan names units that are seen again and again, but keeps no rows
    together.
    """
    named = [s.unit for s in (plan.panel, plan.gaming) if s is not None and s.unit]
    if plan.cluster is not None or not named:
        return ""
    return (
        f"The plan names units ({named[0]}) but has no [cluster]: this interval counts every row as"
        " independent, and is too narrow where the rows of a unit are alike."
    )


def _disagreements(case: _Case, plain: Answer) -> list[str]:
    """Return a reason for each companion model that gives another word or direction than the
    deciding one.
    """
    deciding = FAMILIES[case.outcome.deciding_model].printed
    others = {model: case.answer(model) for model in case.outcome.companion_models}
    return [
        f"The companion model, {FAMILIES[model].printed}, says {other.phrase}; the plan lets"
        f" {deciding} decide."
        for model, other in others.items()
        if other is not None and other.phrase != plain.phrase
    ]


BOUND = "bound:"
"""What a benchmark's term begins with; the engagement column follows."""


def under_a_confounder(case: _Case, plain: Answer, band: Interval) -> Fragility | None:
    """Return the word with a confounder as strong as the strongest engagement column.

    None where no bound was worked out. Columns as strong as which no confounder can exist are
    passed over.
    """
    word, effect = plain.word, plain.estimate.estimate
    bounds = [
        row
        for row in case.rows("sensitivity", model=plain.estimate.model)
        if row.term.startswith(BOUND)
    ]
    if not bounds:
        return None
    possible = [row for row in bounds if row.estimate is not None]
    if not possible:
        return Fragility(word)
    worst = max(possible, key=lambda row: abs(row.estimate - effect))
    level = case.plan.inference.level
    wide, narrow = (
        worst.interval(part) or (worst.estimate,) * 2 for part in (level, 1 - 2 * (1 - level))
    )
    other = word_of(wide, narrow, band)
    turned = worst.estimate * effect < 0 and other in ("adds", "trivial")
    if other == word and not turned:
        return Fragility(word)
    column = worst.term.removeprefix(BOUND)
    became = f"{other} in the other direction" if turned else other
    reason = (
        f"Something left out that goes with score and outcome as strongly as {column} does could"
        f" turn the word from {word} to {became}."
    )
    return Fragility(word, other, reason)


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
