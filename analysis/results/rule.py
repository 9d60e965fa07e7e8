"""The plan's rule for one interval: a word, against the band of the smallest effect size of
interest.
"""

from __future__ import annotations

from typing import Literal

from analysis.models.family import FAMILIES
from analysis.plan.sections.outcome import OutcomeSection

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
