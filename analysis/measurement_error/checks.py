"""Checks of the noise in engagement: its size, its scale, and the line that a correction takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.data.halves import counts_behind, windows_beside
from analysis.measurement_error.asked import AskedRule
from analysis.measurement_error.nonlinearity import Nonlinearity
from analysis.measurement_error.recordings import MOST_SKEWED
from analysis.measurement_error.reliability import shared_noise, small_counts, uneven_noise
from analysis.models.columns import transform
from analysis.results.estimates import Check
from analysis.results.question import Question


def check_linearity(question: Question, curve: Nonlinearity) -> list[Check]:
    """Return the check that engagement is linear in the score, where a correction takes it so."""
    check = question.check("curved_score", not curve.matters, curve.sentence, curve.share)
    return [] if question.family.linear else [check]


def check_skewed_record(rule: AskedRule) -> list[Check]:
    """Return whether normal noise on one scale is plausible for columns without halves.

    Where a column is drawn out to one side and its noise may be even on its own scale, no member of
    the deciding set holds, and the check leaves the word undecided.
    """
    question, deciding = rule.question, rule.deciding
    if not (question.family.linear and deciding.noise_decides):
        return []
    low = deciding.reliabilities(rule.least)
    skews = {c.name: c.skewness for c in deciding.noisy if c.halves is None and low[c.name] < 1}
    far = {name: skew for name, skew in skews.items() if abs(skew) > MOST_SKEWED}
    worst = max(map(abs, skews.values()), default=0.0)
    if not far:
        return [question.check("skewed_record", True, "No recorded column is drawn out.", worst)]
    listed = ", ".join(f"{name} (skewness {skew:.1f})" for name, skew in far.items())
    lead = f"Recorded engagement is drawn out to one side: {listed}."
    if not deciding.drawn_out(low):
        sentence = (
            f"{lead} So many of its values lie close together that noise of one size and the share"
            " allowed for is not in them. Smaller noise of one size may be, and would let a"
            " worthless score pass more often than the level says. If its noise grows with its"
            ' level, write transform = "log1p".'
        )
        return [question.check("skewed_record", False, sentence, worst)]
    sentence = (
        f"{lead} Its noise may be of one size on the plan's own scale, and no correction that was"
        " tried keeps a worthless score out there (docs/calibration.md). If its noise grows with"
        ' its level, write transform = "log1p"; or give two halves, or name it in exact.'
    )
    check = question.check("skewed_record", False, sentence, worst)
    return [replace(check, undecides=True)]


def check_uneven_noise(question: Question) -> list[Check]:
    """Return whether the noise that halves show is of one size, as the corrections take it."""
    checks = []
    for column, halves in question.halves.items():
        found = uneven_noise(*halves)
        reason = f"{column}: {found.sentence}"
        check = question.check("uneven_noise", found.passed, reason, found.correlation)
        checks.append(replace(check, undecides=True))
    return checks


def check_shared_noise(question: Question) -> list[Check]:
    """Return whether halves of a long file share what rows next to each other have in common."""
    sample, plan, checks = question.sample, question.plan, []
    unnamed = plan.row is None or sample.raw is None
    beside = {} if unnamed else windows_beside(plan, sample.raw[plan.row])
    for column, pair in beside.items():
        how = plan.engagement.transform_of(column)
        apart = tuple(transform(half, how) for half in pair)
        if column not in question.halves or not np.isfinite(apart).all():
            continue
        found = shared_noise(question.halves[column], apart)
        reason = f"{column}: {found.sentence}"
        check = question.check("shared_noise", found.passed, reason, found.near - found.apart)
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
