"""The answer of the plan's rule: the word of one effect, or of all that have to agree on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.plan import Plan
from analysis.results.estimates import Estimate
from analysis.results.rule import INSIDE, Member, Noise, Word, agreed, word_of

FEW_CORRECTED = 20
"""Clusters without which a correction with CRV1 errors decides nothing: with 8 its interval, which
has the normal reference, missed zero in 30 % of samples without an effect, with 20 in 9 %
(simulated). With CRV3, which is the default where clusters are few, it missed zero in 6 and 5 %."""


def word_for(estimate: Estimate, band: tuple[float, float], level: float) -> Word:
    """Return the rule's word for one estimate and its interval of this level."""
    return word_of(estimate.interval(level), estimate.interval(1 - 2 * (1 - level)), band)


@dataclass(frozen=True)
class Answer:
    """A word with its direction, and the estimate it is about."""

    word: Word
    direction: Literal["positive", "negative"] | None
    estimate: Estimate

    @classmethod
    def of(cls, estimate: Estimate, band: tuple[float, float], level: float) -> Answer:
        word = word_for(estimate, band, level)
        sign: Literal["positive", "negative"] = "positive" if estimate.estimate > 0 else "negative"
        return cls(word, sign if word in ("adds", "trivial") else None, estimate)

    @property
    def phrase(self) -> str:
        """The word with its direction."""
        return f"{self.word} ({self.direction})" if self.direction else self.word

    def undecided(self) -> Answer:
        return Answer("inconclusive", None, self.estimate)


def answer_of(plan: Plan, score: str, plain: Answer, noise: Noise) -> tuple[Answer, list[str]]:
    """Return the answer that the members of the deciding set give together, and the reasons."""
    members = noise.members
    if not members:
        return plain, []
    word, positive = agreed((m.word, _positive(m)) for m in members)
    stated = next((m.row for m in members if m.name == "noise" and m.row is not None), None)
    recorded = any(m.name == "as recorded" for m in members)
    estimate = plain.estimate if recorded or stated is None else stated
    direction = None if positive is None else "positive" if positive else "negative"
    groups = estimate.clusters
    crude = not recorded and estimate.covariance == "CRV1" and groups < FEW_CORRECTED
    if crude and word != "inconclusive":
        reason = (
            f"The corrected interval has the normal reference, which is too narrow with {groups}"
            f" clusters: with fewer than {FEW_CORRECTED} a correction decides nothing."
        )
        return Answer("inconclusive", None, estimate), [reason]
    reasons = [_apart(plan, score, members)] if word == "inconclusive" else []
    return Answer(word, direction, estimate), [reason for reason in reasons if reason]


def _positive(member: Member) -> bool | None:
    return None if member.direction is None else member.direction == "positive"


SAYS = {
    "as recorded": "the fit on engagement as recorded",
    "form": "the fit with engagement in a flexible form",
    "noise": "the fit corrected for noise in engagement",
    "form and noise": "the fit with a curve of engagement, corrected for its noise",
    "steps and noise": "the fit with steps of engagement, corrected for its noise",
}
"""How a sentence calls a member."""


def first_apart(members: Sequence[Member]) -> tuple[Member, Member] | None:
    """Return the first member and the first one that says another thing; None where all agree.

    Words inside the band count as one.
    """
    first = members[0]
    for member in members[1:]:
        inside = member.word in INSIDE and first.word in INSIDE
        if member.phrase != first.phrase and not inside:
            return first, member
    return None


def _apart(plan: Plan, score: str, members: Sequence[Member]) -> str:
    """Return the sentence on the first member that differs; empty where all are inconclusive."""
    pair = first_apart(members)
    if pair is None:
        return ""
    first, other = pair
    says = "has no answer" if other.row is None else f"says {other.phrase}"
    if first.name == other.name:
        return (
            "The word does not hold over what is thought possible of the noise:"
            f" {first.phrase} ({first.where}), {other.phrase} ({other.where})."
        )
    where = f" ({other.where})" if other.where else ""
    upper = SAYS[first.name][0].upper() + SAYS[first.name][1:]
    sentence = f"{upper} says {first.phrase}; {SAYS[other.name]}{where} {says}."
    if first.name != "as recorded" or other.name != "noise" or not open_columns(plan, score):
        return sentence
    asked = "the halves of engagement, too" if score in plan.score.halves else "the score's halves"
    return (
        f"{sentence} It is not known whether the score shares the noise of recorded engagement. If"
        " it was computed from these very records, the first is right; if it saw other records, the"
        f" second. Say which in the plan (shares_error), or give {asked}."
    )


def open_columns(plan: Plan, score: str) -> tuple[str, ...]:
    """Return the corrected columns whose noise the score may or may not share.

    None where the plan says that it shares all noise or none. Halves of the score show what it
    shares with a column that has halves, too; a declared reliability says how large the noise of
    its column is, and not whose it is.
    """
    if plan.score.shares_error != "unknown":
        return ()
    known = plan.engagement.halves if score in plan.score.halves else ()
    return tuple(column for column in plan.engagement.stated_columns if column not in known)
