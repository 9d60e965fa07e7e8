"""Checks of the noise in engagement: its size, its scale, and the line that a correction takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.data.halves import counts_behind
from analysis.measurement_error.asked import AskedRule
from analysis.measurement_error.nonlinearity import Nonlinearity
from analysis.measurement_error.reliability import small_counts, uneven_noise
from analysis.results.estimates import Check
from analysis.results.question import Question

MOST_SKEWED = 2.0
"""Skewness of a recorded column, that of exponential values, beyond which the corrections were seen
to let a worthless score pass too often where noise is of one size on the column's own scale."""


def check_linearity(question: Question, curve: Nonlinearity) -> list[Check]:
    """Return the check that engagement is linear in the score, where a correction takes it so."""
    check = question.check("curved_score", not curve.matters, curve.sentence, curve.share)
    return [] if question.family.linear else [check]


def check_skewed_record(rule: AskedRule) -> list[Check]:
    """Return whether normal noise on one scale is plausible for columns without halves."""
    question = rule.question
    if not (question.family.linear and rule.deciding.noise_decides):
        return []
    noisy = [one for one in rule.recordings if one.halves is None and (one.assumed or one.low < 1)]
    skews = {one.name: _skewness(one.values) for one in noisy}
    far = {name: skew for name, skew in skews.items() if abs(skew) > MOST_SKEWED}
    if not far:
        worst = max(map(abs, skews.values()), default=0.0)
        return [question.check("skewed_record", True, "No recorded column is drawn out.", worst)]
    listed = ", ".join(f"{name} (skewness {skew:.1f})" for name, skew in far.items())
    sentence = (
        f"Recorded engagement is drawn out to one side: {listed}. The corrections take its noise as"
        " even where the record is bent to a normal shape. If it is even on the plan's own scale, a"
        " worthless score passes more often than the level says (docs/calibration.md). Use"
        ' transform = "log1p", or record engagement in halves.'
    )
    return [question.check("skewed_record", False, sentence, max(map(abs, far.values())))]


def _skewness(values: np.ndarray) -> float:
    rest = values - values.mean()
    return float((rest**3).mean() / (rest**2).mean() ** 1.5)


def check_uneven_noise(question: Question) -> list[Check]:
    """Return whether the noise that halves show is of one size, as the corrections take it."""
    checks = []
    for column, halves in question.halves.items():
        found = uneven_noise(*halves)
        reason = f"{column}: {found.sentence}"
        check = question.check("uneven_noise", found.passed, reason, found.correlation)
        checks.append(replace(check, undecides=True))
    return checks


def check_small_counts(question: Question) -> list[Check]:
    """Return whether halves of counts are large enough for plain noise in their logarithm."""
    sample, plan, checks = question.sample, question.plan, []
    unnamed = plan.row is None or sample.raw is None
    behind = {} if unnamed else counts_behind(plan, sample.raw[plan.row])
    for column, pair in plan.engagement.halves.items():
        halves = tuple(behind.get(column) or (sample.numbers(half) for half in pair))
        whole = all(np.array_equal(half, np.floor(half)) for half in halves)
        if plan.engagement.transform_of(column) == "log1p" and whole:
            counts = small_counts(*halves)
            reason = f"{column}: {counts.sentence}"
            check = question.check("small_counts", counts.passed, reason, counts.largest)
            checks.append(replace(check, refuses=True))
    return checks
