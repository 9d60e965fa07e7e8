"""What the rule says at other smallest effects of interest, levels and reliabilities: a grid, asked
beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.measurement_error.asked import GRID, UNDECIDED, AskedRule
from analysis.measurement_error.correction import Effect
from analysis.results.findings import CHECK_QUESTIONS
from analysis.results.question import Question
from analysis.results.rule import Interval, Phrase, agreed
from analysis.studies.influence.study import DOUBTS
from analysis.tipping.criteria import unit_of_sesoi
from analysis.tipping.standing import COVARIANCE, NOT_FITTED, Standing, few_clusters

TIMES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Smallest effects of interest of the grid, as multiples of the plan's."""

LEVELS = (0.8, 0.9, 0.95, 0.99)
"""Its levels of confidence, beside the plan's."""

RELIABILITIES = GRID[::-2]
"""Its reliabilities, every other one of the sweep from 1 down, beside the plan's."""

LARGEST = 0.99
"""No share or probability beyond it is asked."""

BY_BOOTSTRAP = "the interval is a bootstrap's, of the plan's level alone"


@dataclass(frozen=True)
class Point:
    """What the rule says at one smallest effect of interest, one level and one reliability.

    Attributes
    ----------
    sesoi, level : float
    reliability : float or None
        Of every engagement column that is not exact: where nothing is stated of it, from there to
        1. None for what the plan itself says of the noise.
    phrase : (word, bool or None) or None
        None where it was not assessed.
    interval : (float, float)
        Of the estimate the verdict rests on, at this level.
    corrected : (float, float) or None
        Of the first estimate that is corrected for noise; None where there is none.
    band : (float, float)
        The smallest effect of interest on the scale of these estimates.
    """

    sesoi: float
    level: float
    reliability: float | None
    phrase: Phrase | None
    interval: Interval
    corrected: Interval | None
    band: Interval


@dataclass(frozen=True)
class WhatIf:
    """A grid of points, or why there is none.

    Attributes
    ----------
    points : tuple of Point
        By reliability, the plan's own first, then by level, then by smallest effect of interest.
    why : str
        Why there are no points, or why all have one word; empty otherwise.
    """

    points: tuple[Point, ...] = ()
    why: str = ""

    @property
    def moves(self) -> bool:
        """Whether the points have different words."""
        return len({one.phrase for one in self.points}) > 1

    @property
    def own(self) -> float | None:
        """The reliability of the plan's own points."""
        return self.points[0].reliability


def what_if(standing: Standing) -> WhatIf:
    """Return what the rule says at each point of the grid; none where a level cannot be changed by
    arithmetic, as under a heavy tail or with a bootstrap's interval.

    Notes
    -----
    The members of the deciding set are fitted once at each reliability, and the checks that can
    leave a word undecided are asked once at each level and smallest effect: neither depends on the
    other.
    """
    deciding = standing.verdict.deciding
    if standing.heavy_tail:
        return WhatIf(why="under so heavy a tail the interval is a bootstrap's, of one level alone")
    if deciding.intervals or deciding.bounds is not None:
        return WhatIf(why=BY_BOOTSTRAP)
    criteria, points = _criteria(standing), []
    for noise in _noises(standing):
        edges = {level: noise.intervals(level) for level in {one.level for one in criteria}}
        points += [
            Point(
                one.sesoi,
                one.level,
                noise.reliability,
                _phrase(noise, one),
                *edges[one.level],
                one.band,
            )
            for one in criteria
        ]
    alike = len({one.phrase for one in points}) == 1
    why = _why(criteria) if alike and points[0].phrase == UNDECIDED else ""
    return WhatIf(tuple(points), why)


# --- levels and smallest effects ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Criterion:
    """One smallest effect of interest and one level, with the question they are put in."""

    standing: Standing
    sesoi: float
    level: float

    @cached_property
    def question(self) -> Question:
        own = self.standing.with_outcome(same_fit=True, sesoi=self.sesoi)
        changed = replace(self.standing, question=own)
        return changed.with_section("inference", same_fit=True, level=self.level)

    @cached_property
    def band(self) -> Interval:
        return self.question.band(self.question.model)

    @cached_property
    def against(self) -> str | None:
        """What leaves any word undecided; None where it could not be looked at."""
        try:
            with np.errstate(all="ignore"):
                return self.standing.against(self.question)
        except NOT_FITTED:
            return None


def _criteria(standing: Standing) -> list[_Criterion]:
    """Return the levels and smallest effects, the levels first."""
    outcome = standing.question.outcome
    of_share = unit_of_sesoi(outcome) != "outcome"
    sizes = [outcome.sesoi * times for times in TIMES]
    return [
        _Criterion(standing, size, level)
        for level in sorted({*LEVELS, standing.question.level})
        for size in sizes
        if size <= LARGEST or not of_share
    ]


# --- reliabilities --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Noise:
    """The rule at one reliability."""

    rule: AskedRule
    at: float
    reliability: float | None

    def intervals(self, level: float) -> tuple[Interval, Interval | None]:
        """Return the interval the verdict rests on, and that of the first corrected estimate."""
        deciding, corrected = self.rule.deciding, self._corrected
        edges = None if corrected is None else self._interval(corrected, level)
        if deciding.record_decides or edges is None:
            return self._interval(deciding.plain, level), edges
        return edges, edges

    @cached_property
    def _corrected(self) -> Effect | None:
        try:
            with np.errstate(all="ignore"):
                asked = self.rule.fitted(self.at, cheap=True)
                noisy = (one.effect for one in asked if one.member == "noise")
                return next((effect for effect in noisy if effect is not None), None)
        except NOT_FITTED:
            return None

    def _interval(self, effect: Effect, level: float) -> Interval:
        return effect.times(self.rule.question.by).interval(level)


def _noises(standing: Standing) -> Iterator[_Noise]:
    """Yield the rule as the plan has it, then at the reliabilities of the grid, from 1 down to the
    last one at which columns of which nothing is stated have an answer.
    """
    rule = standing.rule
    silent = rule.start is not None and all(one.assumed for one in rule.deciding.noisy)
    own = rule.start if silent else None
    yield _Noise(rule, rule.least, own)
    if not rule.deciding.noise_decides:
        return
    for at in RELIABILITIES:
        moved = rule.with_reliability(at)
        if at < 1 and moved.deciding.assumed and not moved.deciding.answers(at):
            return
        if at != own:
            yield _Noise(moved, at, at)


# --- what the rule says ---------------------------------------------------------------------------


def _phrase(noise: _Noise, criterion: _Criterion) -> Phrase | None:
    """Return the word of one point: the members have their effects already."""
    rule = replace(noise.rule, question=criterion.question)
    try:
        with np.errstate(all="ignore"):
            together = agreed(rule.phrase(one) for one in noise.rule.fitted(noise.at))
    except NOT_FITTED:
        return None
    if together == UNDECIDED or few_clusters(noise.rule):
        return UNDECIDED
    if criterion.against is None:
        return None
    return UNDECIDED if criterion.against else together


def _why(criteria: list[_Criterion]) -> str:
    """Return why no word is decided anywhere on the grid."""
    looked = [one.against for one in criteria if "against" in vars(one)]
    if not looked:
        return "the fits that have to agree do not give one word at any point"
    names = dict.fromkeys(name for name in looked if name)
    asked = [
        "the errors that the plan asks for, against those by default"
        if name == COVARIANCE
        else f'"{CHECK_QUESTIONS.get(name, name)}"'
        for name in names
    ]
    only = [name for name in names if name not in DOUBTS]
    whatever = " whatever the sliders say" if only else " wherever the fits agree"
    verb = "leave" if len(asked) > 1 else "leaves"
    return f"{' and '.join(asked)} {verb} the word undecided{whatever}"
