"""What the rule says at other smallest effects of interest and levels: a grid, asked beforehand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.results.rule import Interval, Phrase, agreed
from analysis.tipping.criteria import unit_of_sesoi
from analysis.tipping.standing import NOT_FITTED, Standing

TIMES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Smallest effects of interest of the grid, as multiples of the plan's."""

LEVELS = (0.8, 0.9, 0.95, 0.99)
"""Its levels of confidence, beside the plan's."""

LARGEST = 0.99
"""No share or probability beyond it is asked."""


@dataclass(frozen=True)
class Point:
    """What the rule says at one smallest effect of interest and one level.

    Attributes
    ----------
    sesoi, level : float
    phrase : (word, bool or None) or None
        None where it was not assessed.
    interval : (float, float)
        Of the estimate the verdict rests on, at this level.
    band : (float, float)
        The smallest effect of interest on the scale of that estimate.
    """

    sesoi: float
    level: float
    phrase: Phrase | None
    interval: Interval
    band: Interval


def what_if(standing: Standing) -> tuple[Point, ...]:
    """Return what the rule says at each point of the grid; nothing where a level cannot be changed
    by arithmetic, as under a heavy tail or with a bootstrap's interval.
    """
    deciding, outcome = standing.verdict.deciding, standing.question.outcome
    if standing.heavy_tail or deciding.intervals or deciding.bounds is not None:
        return ()
    of_share = unit_of_sesoi(outcome) != "outcome"
    sizes = [outcome.sesoi * times for times in TIMES]
    levels = sorted({*LEVELS, standing.question.level})
    return tuple(
        _point(standing, size, level)
        for level in levels
        for size in sizes
        if size <= LARGEST or not of_share
    )


def _point(standing: Standing, sesoi: float, level: float) -> Point:
    """Return one point: the members have their effects already, and the checks are asked."""
    own = standing.with_outcome(same_fit=True, sesoi=sesoi)
    question = replace(standing, question=own).with_section("inference", same_fit=True, level=level)
    rule = replace(standing.rule, question=question)
    try:
        together = agreed(rule.phrase(one) for one, _ in standing.rule.answers)
        phrase = standing.phrase(question, rule, together)
    except NOT_FITTED:
        phrase = None
    deciding = standing.verdict.deciding
    band = question.band(question.model)
    return Point(sesoi, level, phrase, deciding.interval(level), band)
