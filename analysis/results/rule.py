"""The plan's rule for one interval, and what it takes into account: noise, tails, few rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.models.family import FAMILIES
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate

if TYPE_CHECKING:
    from analysis.measurement_error.asked import AskedRule
    from analysis.measurement_error.reliability_curve import ReliabilityCurve

Word = Literal["adds", "trivial", "nothing", "inconclusive", "refused"]
Interval = tuple[float, float]


def sesoi_band(outcome: OutcomeSection, model: str, mean: float) -> Interval:
    """Return the smallest effect size of interest as an interval on the scale of the model's
    estimate.

    Parameters
    ----------
    outcome : OutcomeSection
    model : str
    mean : float
        Of the outcome in the sample, in its own unit: least squares on revenue or counts measures
        the fraction of it in outcome units.
    """
    return FAMILIES[model].band(outcome, mean)


def word_of(interval: Interval, inner: Interval, band: Interval) -> Word:
    """Return the word for an interval of the plan's level and its inner one, of level 2 level -
    1.
    """
    excludes_zero = interval[0] > 0 or interval[1] < 0
    if band[0] < inner[0] and inner[1] < band[1]:
        return "trivial" if excludes_zero else "nothing"
    return "adds" if excludes_zero else "inconclusive"


Phrase = tuple[Word, bool | None]
"""A word and whether its effect is positive; None where the word has no direction."""

INSIDE = ("trivial", "nothing")
"""The words of an effect that lies inside the band."""


def agreed(phrases: Iterable[Phrase]) -> Phrase:
    """Return what all members of a deciding set say together; later ones are asked while it stands.

    One word where all give it, in one direction; `nothing` where all lie inside the band and differ
    in the rest; else `inconclusive`.

    Examples
    --------
    >>> agreed([("adds", True), ("adds", True)]), agreed([("adds", True), ("adds", False)])
    (('adds', True), ('inconclusive', None))
    >>> agreed([("trivial", True), ("nothing", None)])
    ('nothing', None)
    """
    together: Phrase | None = None
    for phrase in phrases:
        if together is None or phrase == together:
            together = phrase
        elif together[0] in INSIDE and phrase[0] in INSIDE:
            together = ("nothing", None)
        else:
            return ("inconclusive", None)
        if together[0] == "inconclusive":
            return together
    return together or ("inconclusive", None)


@dataclass(frozen=True, eq=False)
class Member:
    """One of the fits that have to agree, and what the rule says of it alone.

    Attributes
    ----------
    name : {"as recorded", "form", "noise", "form and noise", "steps and noise"}
    where : str
        The point of what is not known at which it is asked, in words; empty as recorded.
    word : str
    direction : {"positive", "negative"} or None
    row : Estimate or None
        Its estimate; None where it has no answer.
    """

    name: str
    where: str
    word: Word
    direction: Literal["positive", "negative"] | None
    row: Estimate | None

    def record(self) -> dict[str, str | None]:
        """Return it as the ledger has it."""
        return {
            "member": self.name,
            "where": self.where,
            "word": self.word,
            "direction": self.direction,
            "id": self.row and self.row.id,
        }

    @property
    def phrase(self) -> str:
        """The word with its direction; without an estimate, that there is none."""
        if self.row is None:
            return "no answer"
        return f"{self.word} ({self.direction})" if self.direction else self.word


@dataclass(frozen=True, eq=False)
class CorrectedEffect:
    """A corrected effect at one point of what is not known of the noise.

    Attributes
    ----------
    estimate : Estimate
        On the scale of the verdict.
    where : str
        The point in words, as they follow an effect; empty for the stated reliabilities.
    shared : tuple of str
        Columns whose noise the score is supposed to share: the others alone are corrected.
    """

    estimate: Estimate
    where: str = ""
    shared: tuple[str, ...] = ()


BELIEVABLE = (0.5, 1.0)
"""Range of reliability in which a break-even makes a verdict fragile when the plan states none."""


@dataclass(frozen=True, eq=False)
class Noise:
    """What the audit of one score and outcome knows about noise in engagement.

    Attributes
    ----------
    status : {"no", "yes", "partial", "assumed"}
        Whether a correction was made: "partial" when some engagement column is exact beside
        corrected ones, "assumed" when nothing is stated of some.
    rows : tuple of Estimate
        Corrected effects, reliabilities, break-even reliabilities and rates of a worthless score.
    checks : tuple of Check
    members : tuple of Member
        All that have to give one word. Empty where none but the plain fit was asked.
    start : float or None
        The least common reliability that is assumed; None where nothing is.
    holds_from : float or None
        The least common reliability of the assumed columns from which the rule gives a word.
    holds_word : str or None
        That word.
    reasons : tuple of str
        Sentences for the reader.
    break_even : float or None
    believed : (float, float)
        The range of reliability that is thought possible.
    error_free : tuple of str
        Engagement columns that were taken as free of error beside corrected ones.
    rule : AskedRule or None
        The rule itself, to be asked of fewer rows.
    curve : ReliabilityCurve or None
        The effect at each reliability of engagement, and what the rule says there.
    """

    status: Literal["no", "yes", "partial", "assumed"]
    rows: tuple[Estimate, ...]
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    break_even: float | None
    believed: tuple[float, float]
    error_free: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    start: float | None = None
    holds_from: float | None = None
    holds_word: Word | None = None
    rule: AskedRule | None = None
    curve: ReliabilityCurve | None = None

    @property
    def fragile(self) -> bool | None:
        """True when the break-even reliability lies in the range that is believed, else None."""
        inside = (
            self.break_even is not None and self.believed[0] <= self.break_even <= self.believed[1]
        )
        return True if inside and self.break_even < 1 else None


NOTHING_KNOWN = Noise("no", (), (), (), None, BELIEVABLE)
"""The noise of engagement of which the plan says nothing, before anything is computed."""


@dataclass(frozen=True)
class Fragility:
    """What leaving out rows, a cluster or a segment does to the word.

    Attributes
    ----------
    with_all : str
        The word with all rows.
    word : str or None
        The other word that was found; None when none was.
    reason : str
        A sentence; empty when the word stands.
    stays : ndarray of bool, or None
        The rows that are not left out where the other word was found.
    """

    with_all: Word
    word: Word | None = None
    reason: str = ""
    stays: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Tail:
    """How heavy the tail of a revenue outcome is, and what stands under it.

    Attributes
    ----------
    check : Check
    heavy : bool
        Whether the tail index is below 2.
    word : str or None
        The word of the percentile-t bootstrap interval with its direction; None where it was not
        asked.
    positive : bool or None
        Whether that interval lies above zero.
    """

    check: Check
    heavy: bool
    word: Word | None = None
    positive: bool | None = None

    @property
    def phrase(self) -> str | None:
        """The bootstrap's word with its direction, as `Answer.phrase`; None where it has none."""
        if self.word not in ("adds", "trivial"):
            return self.word
        return f"{self.word} ({'positive' if self.positive else 'negative'})"
