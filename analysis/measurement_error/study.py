"""What noise in engagement does to one score and outcome: corrected effects, reliability, null."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.measurement_error.asked import AskedRule, sweep
from analysis.measurement_error.calibrated_null import rate_of_fit
from analysis.measurement_error.checks import (
    check_linearity,
    check_shared_noise,
    check_skewed_record,
    check_small_counts,
    check_uneven_noise,
)
from analysis.measurement_error.correction import Correction
from analysis.measurement_error.corrections import CorrectedEffects, Corrections
from analysis.measurement_error.measurement import Refusal, measure
from analysis.measurement_error.nonlinearity import Nonlinearity
from analysis.measurement_error.other_corrections import OTHER, oriv
from analysis.measurement_error.reliability import (
    Reliability,
    estimate_reliability,
)
from analysis.measurement_error.reliability_curve import (
    SUPPOSED,
    ReliabilityCurve,
    reliability_curve,
)
from analysis.measurement_error.simex import TERM as SIMEX
from analysis.measurement_error.simex import simex_rows
from analysis.models.fit import Fit
from analysis.results.answer import open_columns
from analysis.results.estimates import Estimate
from analysis.results.question import Question
from analysis.results.rule import NOTHING_KNOWN, Noise

METHOD = "reliability"


def study_noise(question: Question, whole: Estimate | None = None) -> Noise:
    """Return the members of the deciding set, and what noise in engagement could do by itself.

    Parameters
    ----------
    question : Question
    whole : Estimate, optional
        The plain fit of all rows, where those of the question are drawn from more.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted.
    """
    rule, engagement = AskedRule.of(question, whole), question.plan.engagement
    if engagement.stated_columns:
        known = _corrected(Corrections.of(rule))
    else:
        known = _as_recorded(question, rule)
    members = tuple(rule.members())
    known_ids = {row.id for row in known.rows}
    rows = [
        row
        for answered, _ in rule.answers
        if answered.member != "recorded"
        for row in rule.rows(answered)
        if row.id not in known_ids
    ]
    low, phrase = rule.holds_from
    checks = (*known.checks, *check_skewed_record(rule))
    curve = known.curve
    if curve is not None:
        curve = replace(curve, words=sweep(rule, curve.reliability.tolist()))
    return replace(
        known,
        status=_status(rule, known),
        rows=(*known.rows, *rows),
        checks=checks,
        members=members,
        start=rule.start,
        holds_from=low,
        holds_word=phrase and phrase[0],
        rule=rule,
        curve=curve,
    )


def _status(rule: AskedRule, known: Noise) -> str:
    """Return whether the deciding set corrects noise, and how much of it is only assumed."""
    deciding = rule.deciding
    if not deciding.noise_decides:
        return "no"
    if deciding.assumed:
        return "assumed"
    return "partial" if known.error_free else "yes"


def _corrected(corrections: Corrections) -> Noise:
    """Return what is known where the plan states halves or a reliability."""
    question, noisy = corrections.question, corrections.noisy
    corrected = corrections.corrected_effects()
    curve = _curve(question, noisy, corrections.fit)
    reliabilities = {column: _reliability(corrections, column) for column in noisy}
    how = "declared" if corrections.declared else "halves"
    rates = _null_rates(corrections, corrected)
    linear = "of regression calibration, were engagement straight in the score"
    notes = {"corrected": linear} if corrected.curve.matters else {}
    refused = [corrected.refusal] if corrected.refusal else []
    rows = [
        *([] if refused else _effect_rows(corrections, corrected)),
        *(
            question.row(
                METHOD,
                one.how,
                f"reliability:{column}",
                estimate=one.value,
                bounds=(one.low, one.high),
                note=one.note,
            )
            for column, one in reliabilities.items()
        ),
        *_curve_rows(question, how, curve),
        *(
            _rate_row(question, how, test, rate, notes.get(test, ""))
            for test, rate in rates.items()
        ),
    ]
    silent = question.plan.engagement.assumed_columns
    columns = question.plan.engagement.columns
    free = tuple(column for column in columns if column not in (*noisy, *silent))
    noise = replace(
        NOTHING_KNOWN,
        rows=tuple(rows),
        reasons=(*refused, *corrected.reasons),
        believed=(
            min(one.low for one in reliabilities.values()),
            max(one.high for one in reliabilities.values()),
        ),
        error_free=free,
    )
    if question.plan.score.shares_error == "full":
        # the score shares the noise, so the plain fit is right and nothing vanishes with it
        return noise
    null = _null_sentence(question, rates, reliabilities, corrected.curve)
    return replace(
        noise,
        checks=(
            *check_small_counts(question),
            *check_uneven_noise(question),
            *check_shared_noise(question),
            *check_linearity(question, corrected.curve),
        ),
        reasons=(*noise.reasons, *_vanishing(curve), *null),
        break_even=curve.vanishing.reliability,
        curve=curve,
    )


def _as_recorded(question: Question, rule: AskedRule) -> Noise:
    """Return what can be said where nothing is known of the noise."""
    fit, columns = rule.linear, question.plan.engagement.silent
    if not columns:
        return NOTHING_KNOWN
    curve = _curve(question, columns, fit)
    rows, reasons = _curve_rows(question, "none", curve), _vanishing(curve)
    supposed = measure(fit.design, declared=dict.fromkeys(columns, SUPPOSED))
    rate = rate_of_fit(fit, supposed, question.score, level=question.level)
    if not isinstance(rate, Refusal):
        note = f"if recorded engagement had a reliability of {SUPPOSED}"
        rows.append(_rate_row(question, "none", "naive", rate, note))
        reasons.append(
            f"If recorded engagement had a reliability of {SUPPOSED}, a score that adds nothing"
            f" would pass this test {100 * rate:.0f} % of the time with these rows and"
            " correlations; record engagement in two halves (odd and even weeks) to find out."
        )
    return replace(
        NOTHING_KNOWN,
        rows=tuple(rows),
        reasons=tuple(reasons),
        break_even=curve.vanishing.reliability,
        curve=None if question.plan.score.shares_error == "full" else curve,
    )


# --- corrected effects ----------------------------------------------------------------------------


def _effect_rows(corrections: Corrections, corrected: CorrectedEffects) -> list[Estimate]:
    """Return the corrected effects at every point, other corrections beside them, and SIMEX."""
    kinds = [corrected.linear]
    if corrected.deciding is not corrected.linear:
        kinds.append(corrected.deciding)
    points = [(one, at) for kind in kinds for at, one in kind.items()]
    points += [(one, "value") for one in _beside(corrections, corrected.deciding["value"].model)]
    partly_shared = [one.estimate for one in corrected.effects if one.shared]
    rows = [row for one, at in points for row in corrections.rows_of(one, at)]
    return [*rows, *partly_shared, *_simex(corrections)]


def _beside(corrections: Corrections, deciding: str) -> list[Correction]:
    """Return other corrections of the same effect than the one that decides."""
    fit, family = corrections.fit, corrections.question.family
    if fit.design.levels is not None:  # they ask for all columns
        return []
    other = OTHER.get(family.other_correction)
    made = [other(fit, corrections.errors())] if other else []
    score_halves = corrections.question.score in corrections.halves
    if family.linear and not corrections.declared and not score_halves:
        made.append(oriv(fit.design, corrections.halves))
    return [one for one in made if isinstance(one, Correction) and one.model != deciding]


def _simex(corrections: Corrections) -> list[Estimate]:
    """Return the effect with more noise in engagement, to be drawn beside the curve."""
    question, plan = corrections.question, corrections.question.plan
    levels = question.design.levels
    if plan.quick or plan.score.shares_error == "full" or levels is not None:
        return []
    unit = question.unit(question.model)
    blank = question.row(METHOD, SIMEX, SIMEX, scale=plan.score.scale, unit=unit)
    errors, seed = corrections.errors(), plan.inference.seed
    return simex_rows(blank, corrections.fit, errors, question.by, seed)


# --- reliability ----------------------------------------------------------------------------------


def _reliability(corrections: Corrections, column: str) -> Reliability:
    """Return the reliability of a noisy engagement column."""
    if column in corrections.declared:
        low, value, high = corrections.declared[column]
        return Reliability("declared", value, low, high)
    plan = corrections.question.plan
    long = plan.engagement.long
    windows = long is not None and long.split == "windows" and column in long.columns
    return estimate_reliability(
        np.column_stack(corrections.halves[column]),
        "test-retest" if windows else "halves",
        clusters=corrections.fit.design.clusters,
        level=plan.inference.level,
        replicates=plan.inference.bootstrap,
        rng=corrections.question.generator(),
    )


def _curve(question: Question, noisy: tuple[str, ...], fit: Fit) -> ReliabilityCurve:
    return reliability_curve(
        fit,
        question.score,
        noisy,
        by=question.by,
        unit=question.effect_unit(question.model),
        band=question.band(question.model),
        level=question.level,
    )


def _curve_rows(question: Question, how: str, curve: ReliabilityCurve) -> list[Estimate]:
    """Return the reliabilities at which the effect is gone, and at which it is inside the band."""
    terms = {"break_even": curve.vanishing, "break_even_sesoi": curve.negligible}
    return [
        question.row(METHOD, how, term, estimate=one.reliability, note=one.sentence)
        for term, one in terms.items()
    ]


def _vanishing(curve: ReliabilityCurve) -> list[str]:
    if curve.vanishing.reliability is None:
        return []
    return [
        "The score's effect vanishes if recorded engagement has a reliability of"
        f" {curve.vanishing.reliability:.2f}: below that, the score takes over what engagement lost"
        " to noise."
    ]


# --- what noise alone does ------------------------------------------------------------------------


def _null_rates(corrections: Corrections, corrected: CorrectedEffects) -> dict[str, float]:
    """Return how often a score that adds nothing passes the plain and the corrected test."""
    fit, score, errors = corrections.fit, corrections.question.score, corrections.errors()
    level, linear = corrections.question.level, corrected.linear["value"]
    rates = {"naive": rate_of_fit(fit, errors, score, level=level)}
    if isinstance(linear, Correction):
        rates["corrected"] = rate_of_fit(
            fit, errors, score, correction=linear, assumed=errors, level=level
        )
    return {test: rate for test, rate in rates.items() if not isinstance(rate, Refusal)}


def _rate_row(question: Question, how: str, test: str, rate: float, note: str) -> Estimate:
    return question.row(METHOD, how, f"false_positive_{test}", estimate=rate, note=note)


def _null_sentence(
    question: Question,
    rates: dict[str, float],
    reliabilities: dict[str, Reliability],
    curve: Nonlinearity,
) -> list[str]:
    if "naive" not in rates:
        return []
    stated = ", ".join(f"{column} {one.value:.2f}" for column, one in reliabilities.items())
    also = ""
    if curve.matters:
        also = (
            ", and the corrected test in a share that is not known: engagement is a curve of"
            " the score"
        )
    elif "corrected" in rates:
        also = f", and the corrected test {100 * rates['corrected']:.0f} %"
        if open_columns(question.plan, question.score):
            none = "where the score shares none of this noise"
            also = (
                f"; the corrected test holds its level only {none}"
                if question.plan.score.halves
                else f"{also} {none}"
            )
    return [
        f"With these rows, these correlations and this reliability ({stated}), a score that"
        f" adds nothing would pass the ordinary test {100 * rates['naive']:.0f} % of the"
        f" time{also}."
    ]
