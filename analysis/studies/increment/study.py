"""What the score adds, given engagement and the controls: the nested comparison."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED
from analysis.models.design import Design, build_design, score_scale
from analysis.models.fit import Fit, score_test, wald
from analysis.models.planned import FEWEST_CLUSTERS, covariance_of
from analysis.models.wild import wild_test
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate
from analysis.results.question import Question

MONEY_UNITS = ((0.01, "in hundreds"), (100.0, "in hundredths"))
"""Units in which a log1p or asinh outcome is fitted again: the coefficient must not depend on them,
and does.
"""


def audit_score(
    sample: Sample, outcome: OutcomeSection, score: str
) -> tuple[list[Estimate], list[Check]]:
    """Return the estimates of one score for one outcome, and a check for each companion that has no
    estimate.

    The deciding model comes first. `raw` is the score with the controls but without engagement;
    `increment` the score given engagement and controls.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted.
    """
    design = build_design(sample, outcome.column, (score,))
    rows = _one_model(sample, outcome, score, design, outcome.deciding_model)
    beside = {model: partial(_one_model, model=model) for model in outcome.companion_models}
    beside |= {variant: partial(_variant, variant=variant) for variant in outcome.variants}
    checks = []
    for name, estimate in beside.items():
        try:
            rows += estimate(sample, outcome, score, design)
        except DesignError as error:
            reason = f"The companion model {name} has no estimate here: {error.faults[0].found}."
            checks.append(
                Check(
                    sample.plan.name, f"companion_{name}", None, reason, None, outcome.column, score
                )
            )
    return rows, checks


def audit_together(sample: Sample, outcome: OutcomeSection) -> tuple[list[Estimate], list[Check]]:
    """Return the scores side by side in one equation, and the joint Wald test that none of them
    adds anything.

    Where that equation has no estimate (one score follows from the others), a check says so
    instead.
    """
    plan = sample.plan
    try:
        design = build_design(sample, outcome.column, plan.score.columns)
        fit, _ = _fit_with_fallback(plan, outcome, design, outcome.deciding_model, deciding=True)
        wald(fit, plan.score.columns)
    except DesignError as error:
        fault = error.faults[0]
        reason = (
            f"The scores cannot stand side by side in one equation: {fault.place}, {fault.found}."
        )
        return [], [Check(plan.name, "together", None, reason, None, outcome.column)]
    return together_rows(sample, outcome, fit), []


def together_rows(sample: Sample, outcome: OutcomeSection, fit: Fit) -> list[Estimate]:
    """Return the coefficients of an equation with all scores, and their joint test."""
    rows, scores = [], sample.plan.score.columns
    for score in scores:
        pair = Question(sample, outcome, score).coefficients("increment", fit)
        rows += [
            replace(row, variant="-".join(filter(None, ["together", row.variant]))) for row in pair
        ]
    statistic, p = wald(fit, scores)
    note = f"joint test of {len(scores)} scores"
    blank = Question(sample, outcome, "").row_of_fit("increment", fit)
    return [
        *rows,
        replace(blank, term="wald", statistic=statistic, df=fit.df, p_value=p, note=note),
    ]


def _one_model(
    sample: Sample, outcome: OutcomeSection, score: str, design: Design, model: str
) -> list[Estimate]:
    """Return every row of one model: raw, increment, tests, and what the score adds to the fit."""
    full, lacking = _fit_with_fallback(
        sample.plan, outcome, design, model, deciding=model == outcome.deciding_model
    )
    counts = outcome.kind == "count"
    raw = fit_model(design.without("engagement"), model, full.covariance, counts=counts)
    rows = Question(sample, outcome, score).coefficients("increment", full)
    rows += Question(sample, outcome, score).coefficients("raw", raw)
    if full.parts:
        rows += tests(sample, outcome, score, full, np.nan, None)
    else:
        reduced = fit_model(design.without("score"), model, "HC1", counts=counts)
        lagrange = score_test(reduced, full.design, clustered=full.covariance in CLUSTERED)
        rows += tests(sample, outcome, score, full, reduced.deviance, lagrange)
    if sample.plan.inference.covariance == "wild":
        if model == "ols":
            return [
                row
                for method, one in (("increment", full), ("raw", raw))
                for row in by_wild_bootstrap(
                    sample, score, [r for r in rows if r.method == method], one.design
                )
            ]
        lacking = f"{full.covariance}, since wild exists for least squares only"
    note = "; ".join(filter(None, [lacking, full.note]))
    return (
        [replace(row, note="; ".join(filter(None, [row.note, note]))) for row in rows]
        if note
        else rows
    )


def by_wild_bootstrap(
    sample: Sample, score: str, rows: list[Estimate], design: Design
) -> list[Estimate]:
    """Return the rows of a least-squares fit with p-value and intervals of the restricted wild
    cluster bootstrap.

    Their error is CRV1, the one in the bootstrapped t; the intervals invert the test.

    Raises
    ------
    DesignError
        When there are so few clusters that no value is ever rejected.
    """
    options = sample.plan.inference
    if design.n_clusters < FEWEST_CLUSTERS:
        note = f"{rows[0].covariance}, since fewer than six clusters have no wild bootstrap"
        return [replace(row, note="; ".join(filter(None, [row.note, note]))) for row in rows]
    found = wild_test(design, score, replicates=options.bootstrap, seed=options.seed)
    levels = (options.level, 1 - 2 * (1 - options.level))
    edges = [found.interval(level) for level in levels]
    count = (
        f"{len(found.numerators[0]):,}"
        f" {'sign vectors, all there are' if found.enumerated else 'draws'}"
    )
    common = {
        "covariance": "wild",
        "p_value": found.p_value(),
        "df": None,
        "note": f"restricted wild cluster bootstrap, {count}; the error is CRV1",
    }
    changed = []
    for row in rows:
        if row.scale:
            by = score_scale(sample, score) if row.scale == "sd" else 1.0
            own = tuple(
                (level, (low * by, high * by))
                for level, (low, high) in zip(levels, edges, strict=True)
            )
            row = replace(
                row,
                estimate=found.estimate * by,
                std_error=found.std_error * by,
                statistic=found.statistic,
                intervals=own,
                **common,
            )
        elif row.term == "wald":
            row = replace(row, statistic=found.statistic**2, **common)
        changed.append(row)
    return changed


def _fit_with_fallback(
    plan: Plan, outcome: OutcomeSection, design: Design, model: str, *, deciding: bool
) -> tuple[Fit, str]:
    """Fit with the plan's covariance, or with the default one.

    Where that covariance does not exist, HC1 (CRV1 with clusters) takes its place and the row says
    so; but a covariance that the plan asks for binds the deciding model.
    """
    kind, counts = covariance_of(plan, model, design), outcome.kind == "count"
    try:
        return fit_model(design, model, kind, counts=counts), ""
    except DesignError:
        plain = design.plain_covariance
        if kind in ("HC0", "HC1", "CRV1") or (deciding and plan.inference.covariance):
            raise
        fit = fit_model(design, model, plain, counts=counts)
        return fit, f"{plain}, since {kind} does not exist for this model and these rows"


def tests(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    full: Fit,
    reduced_deviance: float,
    lagrange: tuple[float, float] | None,
) -> list[Estimate]:
    """Return the Wald and score tests, and how much better the outcome is described with the
    score.
    """
    statistic, p = wald(full, (score,))
    name = "delta_r2" if full.model == "ols" else "delta_d2"
    gain: float | None = (reduced_deviance - full.deviance) / full.null_deviance
    partial: float | None = (reduced_deviance - full.deviance) / reduced_deviance
    note = (
        "" if full.model == "ols" else "share of the deviance left by the model without the score"
    )
    missing = ""
    if not np.isfinite(full.deviance):
        gain, partial = None, None
        missing = (
            f"the {full.model} deviance is infinite where an outcome is zero"
            if full.model == "gamma"
            else f"no deviance compares two {full.model} models: each has its own dispersion"
        )
    blank = Question(sample, outcome, score).row_of_fit("increment", full)
    plain = replace(blank, covariance="")
    joint = "both parts: whether there is any, and how much" if full.parts else ""
    robust = {
        "covariance": "CRV0" if full.covariance in CLUSTERED else "HC0",
        "note": "robust score test on the model without the score",
    }
    of_score = (
        [replace(plain, term="score-test", statistic=lagrange[0], p_value=lagrange[1], **robust)]
        if lagrange
        else []
    )
    return [
        replace(blank, term="wald", statistic=statistic, df=full.df, p_value=p, note=joint),
        *of_score,
        replace(plain, term=name, estimate=gain, note=missing),
        replace(plain, term="partial_r2", estimate=partial, note=missing or note),
    ]


def _variant(
    sample: Sample, outcome: OutcomeSection, score: str, design: Design, variant: str
) -> list[Estimate]:
    """Return OLS on log1p or asinh of the outcome, with the outcome in three units of money."""
    function = {"log1p": np.log1p, "asinh": np.arcsinh}[variant]
    rows = []
    for factor, unit in ((1.0, ""), *MONEY_UNITS):
        changed = design.with_response(function(design.response * factor))
        fit, lacking = _fit_with_fallback(sample.plan, outcome, changed, "ols", deciding=False)
        pair = Question(sample, outcome, score).coefficients("increment", fit)
        name = "-".join([variant, *unit.split()])
        note = (
            f"{variant} of the outcome{' ' + unit if unit else ''}: changes with the unit of money"
        )
        note = "; ".join(filter(None, [note, lacking]))
        rows += [
            replace(row, variant=name, unit="log", note=note) for row in pair if not row.variant
        ]
    return rows
