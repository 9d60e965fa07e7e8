"""The answer of the plan's rule: the word of one effect, or of all that have to agree on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.plan import Plan
from analysis.results.estimates import Estimate
from analysis.results.rule import CorrectedEffect, Noise, Word, word_of

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


def answer_of(
    plan: Plan, score: str, plain: Answer, noise: Noise, band: tuple[float, float]
) -> tuple[Answer, list[str]]:
    """Return the answer that the plan lets decide, and the reasons that a choice made."""
    if noise.status == "no":
        return plain, []
    level, reasons = plan.inference.level, []
    answers = [(one, Answer.of(one.estimate, band, level)) for one in noise.effects]
    points = [(one, answer) for one, answer in answers if not one.shared]
    stated = corrected = points[0][1]
    if noise.error_free:
        free = ", ".join(noise.error_free)
        reasons.append(f"{free} was taken as free of error: the plan states no reliability for it.")
    if len({answer.phrase for _, answer in points}) > 1:
        reasons.append(_range_reason(points, noise.believed))
        corrected = corrected.undecided()
    groups = corrected.estimate.clusters
    crude = corrected.estimate.covariance == "CRV1" and groups < FEW_CORRECTED
    if crude and corrected.word != "inconclusive":
        reasons.append(
            f"The corrected interval has the normal reference, which is too narrow with {groups}"
            f" clusters: with fewer than {FEW_CORRECTED} a correction decides nothing."
        )
        return corrected.undecided(), reasons
    if noise.doubt:
        return corrected.undecided(), [*reasons, noise.doubt]
    unknown = open_columns(plan, score)
    words = {(): stated.phrase} | {
        one.shared: answer.phrase for one, answer in answers if one.shared
    }
    words.setdefault(unknown, plain.phrase)
    if len(set(words.values())) == 1:
        return corrected, reasons
    reasons.append(_shared_error_reason(score in plan.score.halves, words, unknown))
    return corrected.undecided(), reasons


def _range_reason(
    points: list[tuple[CorrectedEffect, Answer]], believed: tuple[float, float]
) -> str:
    """Return the reason of a word that does not hold over the declared reliabilities."""
    stated, low, high = (answer.phrase for _, answer in points[:3])
    if len({stated, low, high}) > 1:
        return (
            f"The word does not hold over the stated reliability: {stated} as stated,"
            f" {low} at {believed[0]:.2f} and {high} at {believed[1]:.2f}."
        )
    odd, other = next((one, answer) for one, answer in points[3:] if answer.phrase != stated)
    words = f"{stated} as stated, {other.phrase} {odd.where}"
    return f"The word does not hold over the stated reliabilities: {words}."


MOST = 6
"""Columns that are tried in every combination (their declared ranges, or whether the score shares
their noise): 64 corrections. With more none decides."""


def _shared_error_reason(
    score_has_halves: bool, words: dict[tuple[str, ...], str], columns: Sequence[str]
) -> str:
    """Return the reason why it is not decided whose noise the score shares.

    Parameters
    ----------
    score_has_halves : bool
    words : dict
        The answer in words, by the columns whose noise the score is supposed to share.
    columns : sequence of str
        All of them.
    """
    asked = "the halves of engagement, too" if score_has_halves else "the score's halves"
    ordinary = "the fit that leaves their noise in" if score_has_halves else "the ordinary fit"
    none, every = words[()], words[tuple(columns)]
    if none != every:
        return (
            "It is not known whether the score shares the noise of recorded engagement. If it was"
            f" computed from these very records, {ordinary} is right and says {every}; if it saw"
            f" other records, the corrected one is right and says {none}. Say which in the plan"
            f" (shares_error), or give {asked}."
        )
    odd = next(shared for shared, word in words.items() if word != none)
    matter = [
        column
        for column in columns
        if any(words[_turned(shared, column, columns)] != word for shared, word in words.items())
    ]
    records, apart = ", ".join(odd), ", ".join(column for column in columns if column not in odd)
    return (
        f"It is not known whose noise the score shares, and for {', '.join(matter)} it decides: if"
        f" it was computed from the very records of {records} and saw other records of {apart}, the"
        f" fit that corrects {apart} alone is right and says {words[odd]}; if it shares the noise"
        f" of all or of none, the answer is {none}. Say which in the plan (shares_error), or give"
        f" {asked}."
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
    noisy = {*plan.engagement.halves, *plan.engagement.reliability}
    return tuple(
        column for column in plan.engagement.columns if column in noisy and column not in known
    )


def _turned(shared: tuple[str, ...], column: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the same set with one column more, or without it."""
    turned = {*shared} ^ {column}
    return tuple(one for one in columns if one in turned)
