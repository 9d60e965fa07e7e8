"""What noise in engagement does to one score and outcome: corrected effects, reliability, null."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.data.halves import counts_behind
from analysis.data.sample import Sample
from analysis.measurement_error.calibrated_null import rate_of_fit
from analysis.measurement_error.correction import Correction
from analysis.measurement_error.corrections import BENT, CorrectedEffects, Corrections
from analysis.measurement_error.measurement import Refusal, measure
from analysis.measurement_error.nonlinearity import Nonlinearity
from analysis.measurement_error.other_corrections import OTHER, oriv
from analysis.measurement_error.reliability import Reliability, estimate_reliability, small_counts
from analysis.measurement_error.reliability_curve import (
    SUPPOSED,
    ReliabilityCurve,
    reliability_curve,
)
from analysis.measurement_error.simex import TERM as SIMEX
from analysis.measurement_error.simex import simex_rows
from analysis.models.family import FAMILIES
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import open_columns
from analysis.results.estimates import Check, Estimate
from analysis.results.evidence import NOTHING_KNOWN, Noise
from analysis.results.rule import sesoi_band


def study_noise(sample: Sample, outcome: OutcomeSection, score: str) -> Noise:
    """Return the effects corrected for noise in engagement, and what noise alone could do.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted.
    """
    if FAMILIES[outcome.deciding_model].two_parts:
        reason = (
            "No correction for noise in engagement exists for a model of two parts; noise in it was"
            " not corrected."
        )
        return replace(NOTHING_KNOWN, reasons=(reason,))
    corrections, engagement = Corrections.of(sample, outcome, score), sample.plan.engagement
    bent = [
        column
        for column in (*engagement.halves, *engagement.reliability)
        if engagement.transform_of(column) in BENT
    ]
    if bent:
        reason = (
            "No correction exists for engagement under a rank or spline transform"
            f" ({', '.join(bent)}), so noise in it was not corrected although the plan states its"
            " reliability."
        )
        return replace(NOTHING_KNOWN, reasons=(reason,))
    return _corrected(corrections) if corrections.noisy else _as_recorded(corrections)


def _corrected(corrections: Corrections) -> Noise:
    """Return what is known where the plan states halves or a reliability."""
    plan = corrections.sample.plan
    corrected = corrections.corrected_effects()
    reliabilities = _reliabilities(corrections)
    curve = _curve(corrections, corrections.noisy)
    how = "declared" if corrections.declared else "halves"
    rates = _null_rates(corrections, corrected)
    rows = [
        *([] if corrected.refusal else _effect_rows(corrections, corrected)),
        *(_reliability_row(corrections, *item) for item in reliabilities.items()),
        *_curve_rows(corrections, how, curve),
        *_rate_rows(corrections, how, rates, corrected.curve),
    ]
    believed = (
        min(r.low for r in reliabilities.values()),
        max(r.high for r in reliabilities.values()),
    )
    free = tuple(column for column in plan.engagement.columns if column not in corrections.noisy)
    noise = Noise(
        status="partial" if free else "yes",
        rows=tuple(rows),
        checks=(),
        effects=corrected.effects,
        refusal=None,
        reasons=corrected.reasons,
        break_even=None,
        believed=believed,
        error_free=free,
        doubt=corrected.doubt,
    )
    if plan.score.shares_error == "full":
        # the score shares the noise, so the plain fit is right and nothing vanishes with it
        return replace(noise, status="no")
    decides = not corrected.refusal
    null = _null_sentence(corrections, rates, reliabilities, corrected.curve)
    return replace(
        noise,
        checks=(*_small_counts(corrections), *_linearity(corrections, corrected.curve)),
        refusal=corrected.refusal,
        reasons=(*corrected.reasons, *_vanishing(curve), *null),
        break_even=curve.vanishing.reliability,
        curve=curve,
        corrections=corrections if decides else None,
        corrected=corrected if decides else None,
    )


def _as_recorded(corrections: Corrections) -> Noise:
    """Return what can be said where nothing is known of the noise."""
    plan = corrections.sample.plan
    columns = tuple(
        c for c in plan.engagement.columns if plan.engagement.transform_of(c) not in BENT
    )
    if not columns:
        return NOTHING_KNOWN
    curve = _curve(corrections, columns)
    rows, reasons = _curve_rows(corrections, "none", curve), _vanishing(curve)
    fit, level = corrections.fit, plan.inference.level
    supposed = measure(fit.design, declared=dict.fromkeys(columns, SUPPOSED))
    rate = rate_of_fit(fit, supposed, corrections.score, level=level)
    if not isinstance(rate, Refusal):
        note = f"if recorded engagement had a reliability of {SUPPOSED}"
        blank = corrections.blank("reliability", "none", "false_positive_naive")
        rows.append(replace(blank, estimate=rate, note=note))
        reasons.append(
            f"If recorded engagement had a reliability of {SUPPOSED}, a score that adds nothing"
            f" would pass this test {100 * rate:.0f} % of the time with these rows and"
            " correlations; record engagement in two halves (odd and even weeks) to find out."
        )
    shared = plan.score.shares_error == "full"
    return replace(
        NOTHING_KNOWN,
        rows=tuple(rows),
        reasons=tuple(reasons),
        break_even=curve.vanishing.reliability,
        curve=None if shared else curve,
    )


# --- corrected effects ----------------------------------------------------------------------------


def _effect_rows(corrections: Corrections, corrected: CorrectedEffects) -> list[Estimate]:
    """Return the corrected effects at every point, other corrections beside them, and SIMEX."""
    kinds = [corrected.linear]
    if corrected.deciding is not corrected.linear:
        kinds.append(corrected.deciding)
    points = [(one, at) for kind in kinds for at, one in kind.items()]
    return [
        *(row for one, at in points for row in corrections.rows_of(one, at)),
        *(one.estimate for one in corrected.effects if one.shared),
        *_beside(corrections, skip=corrected.deciding["value"].model),
        *_simex(corrections),
    ]


def _beside(corrections: Corrections, *, skip: str) -> list[Estimate]:
    """Return other corrections of the same effect than the one that decides: printed beside it."""
    fit = corrections.fit
    family, halved = corrections.family, corrections.halves.keys() - {corrections.score}
    other = OTHER.get(family.other_correction)
    made = [other(fit, corrections.errors())] if other else []
    if family.linear and len(halved) == len(corrections.halves) and not corrections.declared:
        made.append(oriv(fit.design, corrections.halves))
    return [
        row
        for one in made
        if isinstance(one, Correction) and one.model != skip
        for row in corrections.rows_of(one)
    ]


def _simex(corrections: Corrections) -> list[Estimate]:
    """Return the effect with more noise in engagement, to be drawn beside the curve."""
    plan = corrections.sample.plan
    if plan.quick or plan.score.shares_error == "full":
        return []
    unit = corrections.family.unit(corrections.outcome.kind)
    blank = corrections.blank("reliability", SIMEX, SIMEX)
    return simex_rows(
        replace(blank, scale=plan.score.scale, unit=unit),
        corrections.fit,
        corrections.errors(),
        corrections.by,
        plan.inference.seed,
    )


# --- reliability ----------------------------------------------------------------------------------


def _reliabilities(corrections: Corrections) -> dict[str, Reliability]:
    """Return the reliability of each noisy engagement column."""
    plan = corrections.sample.plan
    long, inference = plan.engagement.long, plan.inference
    windows = long.columns if long is not None and long.split == "windows" else ()
    reliabilities = {}
    for column in corrections.noisy:
        if column in corrections.declared:
            low, value, high = corrections.declared[column]
            reliabilities[column] = Reliability("declared", value, low, high)
        else:
            reliabilities[column] = estimate_reliability(
                np.column_stack(corrections.halves[column]),
                "test-retest" if column in windows else "halves",
                clusters=corrections.fit.design.clusters,
                level=inference.level,
                replicates=inference.bootstrap,
                rng=np.random.default_rng(inference.seed),
            )
    return reliabilities


def _reliability_row(corrections: Corrections, column: str, one: Reliability) -> Estimate:
    blank = corrections.blank("reliability", one.how, f"reliability:{column}")
    return replace(blank, estimate=one.value, bounds=(one.low, one.high), note=one.note)


def _curve(corrections: Corrections, noisy: tuple[str, ...]) -> ReliabilityCurve:
    outcome, sample = corrections.outcome, corrections.sample
    return reliability_curve(
        corrections.fit,
        corrections.score,
        noisy,
        by=corrections.by,
        unit=corrections.unit,
        band=sesoi_band(outcome, outcome.deciding_model, sample.mean(outcome.column)),
        level=sample.plan.inference.level,
    )


def _curve_rows(corrections: Corrections, how: str, curve: ReliabilityCurve) -> list[Estimate]:
    """Return the reliabilities at which the effect is gone, and at which it is inside the band."""
    terms = {"break_even": curve.vanishing, "break_even_sesoi": curve.negligible}
    return [
        replace(
            corrections.blank("reliability", how, term),
            estimate=one.reliability,
            note=one.sentence,
        )
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
    fit, errors, linear = corrections.fit, corrections.errors(), corrected.linear["value"]
    level = corrections.sample.plan.inference.level
    rates = {"naive": rate_of_fit(fit, errors, corrections.score, level=level)}
    if isinstance(linear, Correction):
        rates["corrected"] = rate_of_fit(
            fit, errors, corrections.score, correction=linear, assumed=errors, level=level
        )
    return {name: rate for name, rate in rates.items() if not isinstance(rate, Refusal)}


def _rate_rows(
    corrections: Corrections, how: str, rates: dict[str, float], curve: Nonlinearity
) -> list[Estimate]:
    linear = "of regression calibration, were engagement straight in the score"
    return [
        replace(
            corrections.blank("reliability", how, f"false_positive_{name}"),
            estimate=rate,
            note=linear if name == "corrected" and curve.matters else "",
        )
        for name, rate in rates.items()
    ]


def _null_sentence(
    corrections: Corrections,
    rates: dict[str, float],
    reliabilities: dict[str, Reliability],
    curve: Nonlinearity,
) -> list[str]:
    if "naive" not in rates:
        return []
    stated = ", ".join(f"{column} {r.value:.2f}" for column, r in reliabilities.items())
    also = ""
    if curve.matters:
        also = (
            ", and the corrected test in a share that is not known: engagement is a curve of"
            " the score"
        )
    elif "corrected" in rates:
        also = f", and the corrected test {100 * rates['corrected']:.0f} %"
        if open_columns(corrections.sample.plan, corrections.score):
            none = "where the score shares none of this noise"
            also = (
                f"; the corrected test holds its level only {none}"
                if corrections.sample.plan.score.halves
                else f"{also} {none}"
            )
    return [
        f"With these rows, these correlations and this reliability ({stated}), a score that"
        f" adds nothing would pass the ordinary test {100 * rates['naive']:.0f} % of the"
        f" time{also}."
    ]


# --- checks ---------------------------------------------------------------------------------------


def _linearity(corrections: Corrections, curve: Nonlinearity) -> list[Check]:
    """Return the check that engagement is linear in the score, where a correction takes it so."""
    if corrections.family.linear:
        return []
    outcome, plan = corrections.outcome.column, corrections.sample.plan.name
    passed, why = not curve.matters, curve.sentence
    return [Check(plan, "curved_score", passed, why, curve.share, outcome, corrections.score)]


def _small_counts(corrections: Corrections) -> list[Check]:
    """Return whether halves of counts are large enough for plain noise in their logarithm."""
    sample, checks = corrections.sample, []
    plan = sample.plan
    unnamed = plan.row is None or sample.raw is None
    behind = {} if unnamed else counts_behind(plan, sample.raw[plan.row])
    for column, pair in plan.engagement.halves.items():
        halves = tuple(behind.get(column) or (sample.numbers(half) for half in pair))
        whole = all(np.array_equal(half, np.floor(half)) for half in halves)
        if plan.engagement.transform_of(column) == "log1p" and whole:
            counts = small_counts(*halves)
            checks.append(
                Check(
                    plan.name,
                    "small_counts",
                    counts.passed,
                    f"{column}: {counts.sentence}",
                    counts.largest,
                    corrections.outcome.column,
                    corrections.score,
                    refuses=True,
                )
            )
    return checks
