"""What noise in engagement does to one audit: corrected effects, reliability, and what noise alone
could do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from analysis.data.halves import counts_behind
from analysis.data.sample import Sample
from analysis.measurement_error.break_even import break_even, sesoi_break_even
from analysis.measurement_error.calibrated_null import rate_of_fit
from analysis.measurement_error.corrected import Correction, Refusal
from analysis.measurement_error.corrected_score import conditional_score, corrected_score
from analysis.measurement_error.correction import correct_term
from analysis.measurement_error.corrections import Corrections
from analysis.measurement_error.curvature import Curvature
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.oriv import oriv
from analysis.measurement_error.reliability import (
    Reliability,
    declared_reliability,
    repeated_windows,
    split_half,
)
from analysis.measurement_error.small_counts import check_small_counts
from analysis.measurement_error.straightness import bend_check
from analysis.measurement_error.study_extrapolation import TERM as SIMEX
from analysis.measurement_error.study_extrapolation import extrapolation_rows
from analysis.measurement_error.sweep import sweep_rows
from analysis.models.design import score_scale
from analysis.models.fit import critical_value
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import open_columns
from analysis.results.estimates import Check, Estimate
from analysis.results.evidence import BELIEVABLE, NOTHING_KNOWN, Noise
from analysis.results.rule import sesoi_band

SUPPOSED = 0.8
"""Reliability for which the rate of a worthless score is printed when the plan states none."""


def study_noise(sample: Sample, outcome: OutcomeSection, score: str) -> Noise:
    """Correct the deciding model for noise in engagement, and say what noise alone could do.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted.
    """
    if outcome.deciding_model == "hurdle":
        reason = (
            "No correction for noise in engagement exists for a model of two parts; noise in it was"
            " not corrected."
        )
        return replace(NOTHING_KNOWN, reasons=(reason,))
    return _noise(Corrections.of(sample, outcome, score))


def _noise(made: Corrections) -> Noise:
    plan = made.sample.plan
    bent = [
        c
        for c in (*plan.engagement.halves, *plan.engagement.reliability)
        if plan.engagement.transform_of(c) in ("rank", "spline")
    ]
    if bent or not made.noisy:
        return _uncorrected(made, bent)
    whole = set(made.noisy) == set(plan.engagement.columns)
    status: Literal["yes", "partial"] = "yes" if whole else "partial"
    found = made.deciding()
    rows, full = [], plan.score.shares_error == "full"
    if not found.refusal:
        kinds = [found.linear] if found.decides is found.linear else [found.linear, found.decides]
        rows = [
            made.variant_at(row, at)
            for kind in kinds
            for at, one in kind.items()
            for row in made.rows_of(one, at)
        ]
        rows += [one.effect for one in found.supposed]
        rows += [*_beside(made, skip=found.decides["value"].model), *_picture(made)]
    reliable = _reliabilities(made)
    rows += [_reliability_row(made, column, seen) for column, seen in reliable.items()]
    more, said, gone = _what_noise_could_do(made, found.linear["value"], reliable, found.bend)
    believed = (min(r.low for r in reliable.values()), max(r.high for r in reliable.values()))
    free = tuple(column for column in plan.engagement.columns if column not in made.noisy)
    checks = () if full else (*_small_counts(made), *_straight(made, found.bend))
    if full:  # the score shares the noise, so the plain fit is right and nothing vanishes with it
        said, gone = [], None
    return Noise(
        "no" if full else status,
        (*rows, *more),
        checks,
        found.effects,
        None if full else found.refusal,
        (*found.reasons, *said),
        gone,
        believed,
        free,
        found.doubt,
        found.supposed,
        *((None, None) if full or found.refusal else (made, found)),
    )


def _beside(made: Corrections, *, skip: str) -> list[Estimate]:
    """Return other corrections of the same effect than the one that decides: printed beside it."""
    other = {"poisson": corrected_score, "logit": conditional_score}.get(made.fit.model)
    found = [other(made.fit, made.errors())] if other else []
    if made.fit.model == "ols" and not made.declared and made.score not in made.halves:
        found.append(oriv(made.fit.design, made.halves))
    return [
        row
        for correction in found
        if not isinstance(correction, Refusal) and correction.model != skip
        for row in made.rows_of(correction, "value")
        if not row.variant.startswith("margin")
    ]


def _picture(made: Corrections) -> list[Estimate]:
    """Return the effect with more noise in engagement, to be drawn beside the sweep."""
    plan = made.sample.plan
    if plan.quick or plan.score.shares_error == "full":
        return []
    scale, unit = plan.score.scale, "log odds" if made.fit.model == "logit" else made.unit
    by = score_scale(made.sample, made.score) if scale == "sd" else 1.0
    blank = replace(made.blank("reliability", SIMEX, SIMEX), scale=scale, unit=unit)
    return extrapolation_rows(blank, made.fit, made.errors(), by, plan.inference.seed)


def _reliabilities(made: Corrections) -> dict[str, Reliability]:
    """Return the reliability of each noisy engagement column."""
    plan, found = made.sample.plan, {}
    for column in made.noisy:
        if column in made.declared:
            low, value, high = made.declared[column]
            found[column] = declared_reliability(value, low, high)
        else:
            rng = np.random.default_rng(plan.inference.seed)
            drawn = {
                "clusters": made.fit.design.clusters,
                "level": plan.inference.level,
                "replicates": plan.inference.bootstrap,
                "rng": rng,
            }
            long = plan.engagement.long
            windows = long is not None and long.split == "windows" and column in long.columns
            pair = made.halves[column]
            found[column] = (
                repeated_windows(np.column_stack(pair), **drawn)
                if windows
                else split_half(*pair, **drawn)
            )
    return found


def _reliability_row(made: Corrections, column: str, found: Reliability) -> Estimate:
    how = "halves" if found.how == "split-half" else found.how
    note = {
        "declared": "declared range",
        "halves": "Spearman-Brown of two halves, bootstrap interval",
    }.get(
        how, f"intraclass correlation of the mean of two windows, bootstrap interval. {found.note}"
    )
    return replace(
        made.blank("reliability", how, f"reliability:{column}"),
        estimate=found.value,
        bounds=(found.low, found.high),
        note=note,
    )


def _what_noise_could_do(
    made: Corrections,
    found: Correction | Refusal,
    reliable: dict[str, Reliability],
    bend: Curvature,
) -> tuple[list[Estimate], list[str], float | None]:
    """Return rows, sentences and the break-even reliability where the plan says how noisy
    engagement is.
    """
    how = "declared" if made.declared else "halves"
    rows, said, gone = _break_even(made, how, made.noisy)
    rates = {
        "naive": rate_of_fit(
            made.fit, made.errors(), made.score, level=made.sample.plan.inference.level
        )
    }
    if isinstance(found, Correction):
        rates["corrected"] = rate_of_fit(
            made.fit,
            made.errors(),
            made.score,
            correction=found,
            assumed=made.errors(),
            level=made.sample.plan.inference.level,
        )
    known = {name: rate for name, rate in rates.items() if not isinstance(rate, Refusal)}
    notes = {
        "corrected": (
            "of regression calibration, were engagement straight in the score"
            if bend.curved
            else ""
        )
    }
    rows += [
        replace(
            made.blank("reliability", how, f"false_positive_{name}"),
            estimate=rate,
            note=notes.get(name, ""),
        )
        for name, rate in known.items()
    ]
    if "naive" in known:
        stated = ", ".join(f"{column} {r.value:.2f}" for column, r in reliable.items())
        also = (
            f", and the corrected test {100 * known['corrected']:.0f} %"
            if "corrected" in known
            else ""
        )
        if also and open_columns(made.sample.plan, made.score):
            none = "where the score shares none of this noise"
            also = (
                f"{also} {none}"
                if not made.sample.plan.score.halves
                else (f"; the corrected test holds its level only {none}")
            )
        if bend.curved:
            also = (
                ", and the corrected test in a share that is not known: engagement is a curve of"
                " the score"
            )
        said.append(
            f"With these rows, these correlations and this reliability ({stated}), a score that"
            f" adds nothing would pass the ordinary test {100 * known['naive']:.0f} % of the"
            f" time{also}."
        )
    return rows, said, gone


def _break_even(
    made: Corrections, how: str, noisy: tuple[str, ...]
) -> tuple[list[Estimate], list[str], float | None]:
    """Return the reliability at which the effect is gone, and at which it is inside the band."""
    found = break_even(made.fit, made.score, noisy)
    row = replace(
        made.blank("reliability", how, "break_even"), estimate=found.reliability, note=found.reason
    )
    outcome = made.outcome
    band = sesoi_band(outcome, outcome.deciding_model, made.sample.mean(outcome.column))
    inside = sesoi_break_even(_inner_interval(made, noisy), band)
    small = replace(
        made.blank("reliability", how, "break_even_sesoi"),
        estimate=inside.reliability,
        note=inside.reason,
    )
    said = []
    if found.reliability is not None:
        said.append(
            "The score's effect vanishes if recorded engagement has a reliability of"
            f" {found.reliability:.2f}: below that, the score takes over what engagement lost to"
            " noise."
        )
    return [row, small, *_sweep(made, how, noisy)], said, found.reliability


def _sweep(made: Corrections, how: str, noisy: tuple[str, ...]) -> list[Estimate]:
    """Return the effect over reliabilities; none for a score that is said to share the noise in
    full.
    """
    if made.sample.plan.score.shares_error == "full":
        return []
    scale, unit = made.sample.plan.score.scale, made.unit
    by = score_scale(made.sample, made.score) if scale == "sd" else 1.0
    blank = replace(made.blank("reliability", how, ""), scale=scale, unit=unit)
    return sweep_rows(blank, made.fit, noisy, by)


def _inner_interval(made: Corrections, noisy: tuple[str, ...]):
    """Return the equivalence test's interval as a function of a common reliability."""
    level = 1 - 2 * (1 - made.sample.plan.inference.level)
    by = score_scale(made.sample, made.score) if made.sample.plan.score.scale == "sd" else 1.0

    def at(reliability: float) -> tuple[float, float]:
        errors = measure(made.fit.design, declared=dict.fromkeys(noisy, float(reliability)))
        found = correct_term(made.fit, errors, made.score, margin=made.fit.model == "logit")
        if isinstance(found, Refusal):
            return np.nan, np.nan
        half = critical_value(level, found.df) * found.std_error
        return (found.estimate - half) * by, (found.estimate + half) * by

    return at


def _uncorrected(made: Corrections, bent: list[str]) -> Noise:
    """Return what can be said where nothing is known of the noise, or where no correction
    exists.
    """
    plan = made.sample.plan
    reasons, rows, gone = [], [], None
    if bent:
        reasons.append(
            "No correction exists for engagement under a rank or spline transform"
            f" ({', '.join(bent)}), so noise in it was not corrected although the plan states its"
            " reliability."
        )
    plain = tuple(
        c
        for c in plan.engagement.columns
        if plan.engagement.transform_of(c) not in ("rank", "spline")
    )
    if plain and not bent:
        rows, said, gone = _break_even(made, "none", plain)
        reasons += said
        rate = rate_of_fit(
            made.fit,
            measure(made.fit.design, declared=dict.fromkeys(plain, SUPPOSED)),
            made.score,
            level=plan.inference.level,
        )
        if not isinstance(rate, Refusal):
            note = f"if recorded engagement had a reliability of {SUPPOSED}"
            rows.append(
                replace(
                    made.blank("reliability", "none", "false_positive_naive"),
                    estimate=rate,
                    note=note,
                )
            )
            reasons.append(
                f"If recorded engagement had a reliability of {SUPPOSED}, a score that adds nothing"
                f" would pass this test {100 * rate:.0f} % of the time with these rows and"
                " correlations; record engagement in two halves (odd and even weeks) to find out."
            )
    return Noise("no", tuple(rows), (), (), None, tuple(reasons), gone, BELIEVABLE)


def _straight(made: Corrections, bend: Curvature) -> list[Check]:
    """Return the check that engagement is straight in the score, where a correction takes it so."""
    blank = Check(made.sample.plan.name, "", None, "", None, made.outcome.column, made.score)
    return [] if made.fit.model == "ols" else [bend_check(blank, bend)]


def _small_counts(made: Corrections) -> list[Check]:
    """Whether halves of counts are large enough for the error of their logarithm to be plain
    noise.
    """
    plan, checks = made.sample.plan, []
    unnamed = plan.row is None or made.sample.raw is None
    behind = {} if unnamed else counts_behind(plan, made.sample.raw[plan.row])
    for column, pair in plan.engagement.halves.items():
        first, second = behind.get(column) or (made.sample.numbers(half) for half in pair)
        counts = all(np.array_equal(half, np.floor(half)) for half in (first, second))
        if plan.engagement.transform_of(column) == "log1p" and counts:
            found = check_small_counts(first, second)
            checks.append(
                Check(
                    plan.name,
                    "small_counts",
                    found.passed,
                    f"{column}: {found.reason}",
                    max(found.shares),
                    made.outcome.column,
                    made.score,
                    refuses=True,
                )
            )
    return checks
