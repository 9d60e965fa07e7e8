"""The score within a unit: rows with fixed effects, what they rest on, and the noise that they
magnify.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.measurement_error.corrected import Refusal
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.reliability import within_person
from analysis.models.design import build_design, recorded, score_scale
from analysis.models.fit import Fit, p_value
from analysis.models.fixed_effects import WithinFit, autocorrelation, fit_within
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.question import Question
from analysis.studies.base import codes_of, where_known

RELIABLE = 0.70
"""Below this the noise of engagement is a large part of what changes within a unit."""


def study_panel(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the score's effect with unit (and period) fixed effects; nothing where the plan has no
    panel.

    Reliabilities of engagement from halves are looked up in the estimates.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    if sample.plan.panel is None:
        return StudyResult()
    columns = (sample.plan.panel.unit, sample.plan.panel.time)
    return where_known(
        question,
        columns,
        "panel",
        lambda some: _studied(some.sample, outcome, score, estimates),
    )


def _studied(
    sample: Sample, outcome: OutcomeSection, score: str, estimates: Iterable[Estimate]
) -> StudyResult:
    plan = sample.plan
    design = build_design(sample, outcome.column, (score,))
    unit, time = codes_of(sample, plan.panel.unit), codes_of(sample, plan.panel.time)
    rows, checks, models = [], [], ["ols"]
    if outcome.kind in ("revenue", "count") and outcome.negative != "net":
        models = ["poisson", "ols"]
    reliable = {
        row.term.removeprefix("reliability:"): row.estimate
        for row in estimates
        if row.method == "reliability"
        and row.outcome == outcome.column
        and row.score == score
        and row.term.startswith("reliability:")
    }
    within = {
        column: within_person(r, autocorrelation(_recorded(sample, column), unit, time))
        for column, r in reliable.items()
    }
    for model in models:
        if model == "ols" and outcome.exposure:
            continue
        try:
            fit = fit_within(design, unit, time, model=model, terms=(score,))
        except DesignError as error:
            reason = f"With fixed effects there is no estimate by {model}: {error.faults[0].found}."
            checks.append(
                Check(plan.name, f"panel_{model}", None, reason, None, outcome.column, score)
            )
            continue
        effect = (float(fit.params[fit.position(score)]), fit.std_error(score))
        rows += _rows(sample, outcome, score, fit, model, effect)
        if model == "ols":
            rows += _corrected(sample, outcome, score, fit, within)
        checks.append(
            Check(
                plan.name,
                f"panel_{model}",
                True,
                _counted(fit),
                float(fit.units),
                outcome.column,
                score,
            )
        )
    checks += _reliabilities(sample, outcome, score, (unit, time), reliable, within)
    return StudyResult(tuple(rows), tuple(checks))


def _recorded(sample: Sample, column: str) -> np.ndarray:
    return recorded(sample, column, sample.plan.engagement.transform_of(column))


def _rows(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    fit: WithinFit,
    model: str,
    effect: tuple[float, float],
) -> list[Estimate]:
    """Return the effect on the plan's scale and on the other one."""
    estimate, error = effect
    unit: Unit = (
        "percent" if model == "poisson" else "points" if outcome.kind == "binary" else "outcome"
    )
    groups = fit.design.n_clusters
    df = None if model == "eiv" else float(groups - 1)
    what = "unit fixed effects" if fit.periods == 1 else "unit and period fixed effects"
    rows = []
    for scale in ("sd", "raw"):
        by = score_scale(sample, score) if scale == "sd" else 1.0
        rows.append(
            Estimate(
                sample.plan.name,
                outcome.column,
                score,
                "panel",
                model,
                score,
                n=fit.design.n,
                clusters=groups,
                variant="" if scale == sample.plan.score.scale else scale,
                scale=scale,
                unit=unit,
                estimate=by * estimate,
                std_error=by * error,
                statistic=estimate / error,
                df=df,
                p_value=p_value(estimate / error, df),
                covariance="CRV1",
                note=f"{what}, {fit.units:,} units",
            )
        )
    return rows


def _corrected(
    sample: Sample, outcome: OutcomeSection, score: str, fit: WithinFit, within: dict[str, float]
) -> list[Estimate]:
    """Return the least-squares effect within units corrected for what noise is in the changes of
    engagement.
    """
    known = {column: r for column, r in within.items() if column in fit.design.terms and 0 < r < 1}
    if not known or sample.plan.score.shares_error == "full":
        return []
    design = fit.design.with_response(fit.residuals + fit.design.matrix @ fit.params)
    plain = Fit(
        design=design,
        model="ols",
        params=fit.params,
        cov=fit.cov,
        covariance="CRV1",
        fitted=design.matrix @ fit.params,
        residuals=fit.residuals,
        weights=fit.weights,
        deviance=float(fit.residuals @ fit.residuals),
        null_deviance=1.0,
    )
    found = correct_fit(plain, measure(design, declared=known))
    if isinstance(found, Refusal):
        return []
    rows = _rows(
        sample, outcome, score, fit, "eiv", (found.estimate(score), found.std_error(score))
    )
    stated = ", ".join(f"{column} {r:.2f}" for column, r in known.items())
    return [
        replace(row, note=f"{row.note}; corrected for a within-unit reliability of {stated}")
        for row in rows
    ]


def _counted(fit: WithinFit) -> str:
    said = f"{fit.design.n:,} rows of {fit.units:,} units"
    said += f" in {fit.periods:,} periods" if fit.periods > 1 else ""
    if fit.dropped:
        why = (
            "seen once, or without any positive outcome" if fit.model == "poisson" else "seen once"
        )
        said += f"; {fit.dropped:,} rows of units {why} say nothing here"
    if fit.absorbed:
        said += (
            f"; {', '.join(fit.absorbed)} do not change within units and are part of the fixed"
            " effects"
        )
    return f"{said}."


def _reliabilities(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    panel: tuple[np.ndarray, np.ndarray | None],
    reliable: dict[str, float],
    within: dict[str, float],
) -> list[Check]:
    """Return the check of how reliable changes of engagement within a unit are."""
    said, known = [], []
    for column in sample.plan.engagement.columns:
        if sample.plan.engagement.transform_of(column) == "spline":
            continue
        rho = autocorrelation(_recorded(sample, column), *panel)
        if column in within:
            known.append(within[column])
            said.append(
                f"{column} has a reliability of {reliable[column]:.2f} and a correlation of"
                f" {rho:.2f} with itself from row to row, so its changes within a unit have one of"
                f" {max(within[column], 0.0):.2f}"
            )
        else:
            said.append(
                f"{column} correlates {rho:.2f} with itself from row to row, and the plan states no"
                f" reliability: one of .80 would leave {max(within_person(0.8, rho), 0.0):.2f}"
                " within a unit"
            )
    if not said:
        return []
    reason = f"{'; '.join(said)}. Fixed effects magnify noise in engagement."
    passed = None if not known else min(known) >= RELIABLE
    statistic = min(known) if known else None
    return [
        Check(
            sample.plan.name, "panel_reliability", passed, reason, statistic, outcome.column, score
        )
    ]
