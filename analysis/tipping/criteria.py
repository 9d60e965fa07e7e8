"""What turns the word if another effect mattered, or another level of confidence were asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Unit, display
from analysis.results.question import Question
from analysis.results.rule import Phrase, agreed
from analysis.results.tipping_point import TippingPoint, said
from analysis.tipping.search import settled, smaller, smallest
from analysis.tipping.standing import NOT_FITTED, Standing

FARTHEST = 10.0
"""A smallest effect of interest so many times the plan's is looked at, or that part of it, and none
beyond."""

SURE = 1e-6
"""No level is looked at that leaves less than this share of intervals without the truth."""

LEAST_LEVEL = 0.55
"""Nor one with which nobody would be sure of anything."""

STEPS, FINEST = 10, 64
"""Sizes at which the word is asked first, and into how many parts the largest is cut for the
smallest."""

EXACT = 1e-3
"""How near the last size that leaves the word lies to the first that turns it, as a share of that,
and of what is left up to the largest."""


def of_sesoi(standing: Standing) -> TippingPoint:
    """Return the nearest other smallest effect of interest with which the word is another one."""
    change, what, outcome = "sesoi", "Smallest effect of interest", standing.question.outcome
    sesoi, unit = outcome.sesoi, unit_of_sesoi(outcome)
    most = FARTHEST * sesoi if unit == "outcome" else min(FARTHEST * sesoi, 0.99)

    def make(step: float) -> Question:
        return standing.with_outcome(same_fit=True, sesoi=sesoi + step)

    found = _nearest(standing, make, most - sesoi, sesoi * (1 - 1 / FARTHEST))

    def shown(value: float) -> str:
        return display(value, unit).lstrip("+")

    if found is None:
        span = f"from {shown(sesoi / FARTHEST)} to {shown(most)}"
        return standing.nothing(change, what, f"the word is the same with every one {span}")
    size, phrase = found
    sentence = (
        f"If the smallest effect that matters were {shown(sesoi + size)} in place of"
        f" {shown(sesoi)}, the word would be {said(phrase)}."
    )
    return standing.turns(change, what, sentence, found, unit=unit, choice=repr(sesoi + size))


def unit_of_sesoi(outcome: OutcomeSection) -> Unit:
    """Return the unit in which a plan states the smallest effect of interest."""
    if outcome.is_relative:
        return "share"
    return "points" if outcome.kind == "binary" else "outcome"


def of_level(standing: Standing) -> TippingPoint:
    """Return the nearest other level of confidence with which the word is another one."""
    change, what, level = "level", "Level of confidence", standing.question.level
    if standing.heavy_tail:
        return standing.not_assessed(
            change, what, "under so heavy a tail the interval is a bootstrap's, of this level alone"
        )

    def make(step: float) -> Question:
        return standing.with_section("inference", same_fit=True, level=level + step)

    found = _nearest(standing, make, 1 - SURE - level, level - LEAST_LEVEL)
    if found is None:
        span = f"from {percent(LEAST_LEVEL)} to {percent(1 - SURE)}"
        return standing.nothing(change, what, f"the word is the same at every level {span}")
    size, phrase = found
    sentence = (
        f"With intervals of {percent(level + size)} in place of {percent(level)} the word would be"
        f" {said(phrase)}."
    )
    return standing.turns(change, what, sentence, found, unit="points", choice=repr(level + size))


def _nearest(
    standing: Standing, make: Callable[[float], Question], up: float, down: float
) -> tuple[float, Phrase] | None:
    """Return the smallest step that turns the word, up or down; the room either way is given.

    The members have their effects already: the rule is applied to them anew, exactly.
    """
    rule, found = standing.rule, []

    def ask(step: float, *, whole: bool = True) -> Phrase | None:
        try:
            question = make(step)
            changed = replace(rule, question=question)
            together = agreed(changed.phrase(one) for one, _ in rule.answers)
        except NOT_FITTED:  # a wild bootstrap of so few draws has no interval of this level
            return None
        if not whole and together == standing.present:
            return None
        return standing.turned(question, changed, together)

    for sign, room in ((1.0, up), (-1.0, down)):
        sizes = np.geomspace(room / FINEST, room, STEPS).tolist() if room > 0 else []

        def close(low: float, high: float, room: float = room) -> bool:
            return high - low <= EXACT * min(high, max(room - high, EXACT * room))

        one = smallest(lambda size, sign=sign: ask(sign * size, whole=False), sizes, close)
        if one is not None:  # a check may turn it sooner
            size, phrase = settled(lambda size, sign=sign: ask(sign * size), *one)
            found.append((sign * size, phrase))
    return smaller(*found)


def percent(level: float) -> str:
    """Return a level with as many digits as tell it from one.

    >>> percent(0.95), percent(0.99987), percent(1 - 1e-6)
    ('95 %', '99.987 %', '99.9999 %')
    """
    digits = max(1, 1 - int(np.floor(np.log10(100 * (1 - level)))))
    return f"{round(100 * level, digits):.10g} %"
