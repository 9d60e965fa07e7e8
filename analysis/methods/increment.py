"""What the score adds, given engagement and the controls: the nested comparison."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from analysis.covariance import CLUSTERED, cluster_sums, few_clusters
from analysis.design import Design, build_design, score_scale
from analysis.distributions import chi2_sf
from analysis.errors import DesignError
from analysis.estimates import Check, Estimate, Unit
from analysis.fit import Fit, p_value, wald
from analysis.models import fit_model
from analysis.models.binary import average_marginal_effect
from analysis.plan import Plan
from analysis.sample import Sample
from analysis.sections.outcome import OutcomeSection
from analysis.wild import wild_test

PARTS = ("zero", "positive")
"""Variants of the rows of a model of two parts: the chance of any, and how much where there is any."""

FEWEST_CLUSTERS = 6
"""Fewer clusters than these carry no interval, and the verdict is refused."""

MONEY_UNITS = ((0.01, "in hundreds"), (100.0, "in hundredths"))
"""Units in which a log1p or asinh outcome is fitted again: the coefficient must not depend on them, and does."""


def covariance_of(plan: Plan, model: str, design: Design) -> str:
    """Return the plan's covariance, or the default for this model and number of clusters.

    The wild bootstrap has no covariance: what takes its place elsewhere is the default with clusters.
    """
    if plan.inference.covariance and plan.inference.covariance != "wild":
        return plan.inference.covariance
    if design.clusters is not None:
        return "CRV3" if few_clusters(np.bincount(design.clusters)) else "CRV1"
    return "HC3" if model == "ols" else "HC1"


def fit_as_planned(plan: Plan, model: str, design: Design, *, counts: bool = False) -> Fit:
    """Fit with the plan's covariance or the default one, or where that does not exist with HC1 (CRV1 with clusters).

    For what is said beside the deciding row, which alone is bound to a covariance that the plan names.

    Raises
    ------
    DesignError
        When the model has no estimate.
    """
    try:
        return fit_model(design, model, covariance_of(plan, model, design), counts=counts)
    except DesignError:
        return fit_model(design, model, design.plain_covariance, counts=counts)


def audit_score(sample: Sample, outcome: OutcomeSection, score: str) -> tuple[list[Estimate], list[Check]]:
    """Return the estimates of one score for one outcome, and a check for each companion that has no estimate.

    The deciding model comes first. `raw` is the score with the controls but without engagement; `increment`
    the score given engagement and controls.

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
            checks.append(Check(sample.plan.name, f"companion_{name}", None, reason, None, outcome.column, score))
    return rows, checks


def audit_together(sample: Sample, outcome: OutcomeSection) -> tuple[list[Estimate], list[Check]]:
    """Return the scores side by side in one equation, and the joint Wald test that none of them adds anything.

    Where that equation has no estimate (one score follows from the others), a check says so instead.
    """
    plan = sample.plan
    try:
        design = build_design(sample, outcome.column, plan.score.columns)
        fit, _ = _fit_with_fallback(plan, outcome, design, outcome.deciding_model, deciding=True)
        wald(fit, plan.score.columns)
    except DesignError as error:
        fault = error.faults[0]
        reason = f"The scores cannot stand side by side in one equation: {fault.place}, {fault.found}."
        return [], [Check(plan.name, "together", None, reason, None, outcome.column)]
    return together_rows(sample, outcome, fit), []


def together_rows(sample: Sample, outcome: OutcomeSection, fit: Fit) -> list[Estimate]:
    """Return the coefficients of an equation with all scores, and their joint test."""
    rows, scores = [], sample.plan.score.columns
    for score in scores:
        pair = coefficients(sample, outcome, score, "increment", fit)
        rows += [replace(row, variant="-".join(filter(None, ["together", row.variant]))) for row in pair]
    statistic, p = wald(fit, scores)
    note = f"joint test of {len(scores)} scores"
    blank = blank_row(sample, outcome, "", "increment", fit)
    return [*rows, replace(blank, term="wald", statistic=statistic, df=fit.df, p_value=p, note=note)]


def _one_model(sample: Sample, outcome: OutcomeSection, score: str, design: Design, model: str) -> list[Estimate]:
    """Return every row of one model: raw, increment, tests, and what the score adds to the fit."""
    full, lacking = _fit_with_fallback(sample.plan, outcome, design, model, deciding=model == outcome.deciding_model)
    counts = outcome.kind == "count"
    raw = fit_model(design.without("engagement"), model, full.covariance, counts=counts)
    rows = coefficients(sample, outcome, score, "increment", full)
    rows += coefficients(sample, outcome, score, "raw", raw)
    if full.parts:
        rows += tests(sample, outcome, score, full, np.nan, None)
    else:
        reduced = fit_model(design.without("score"), model, "HC1", counts=counts)
        lagrange = score_test(reduced, full.design, clustered=full.covariance in CLUSTERED)
        rows += tests(sample, outcome, score, full, reduced.deviance, lagrange)
    if sample.plan.inference.covariance == "wild":
        if model == "ols":
            return [row for method, one in (("increment", full), ("raw", raw)) for row in
                    by_wild_bootstrap(sample, score, [r for r in rows if r.method == method], one.design)]  # fmt: skip
        lacking = f"{full.covariance}, since wild exists for least squares only"
    note = "; ".join(filter(None, [lacking, full.note]))
    return [replace(row, note="; ".join(filter(None, [row.note, note]))) for row in rows] if note else rows


def by_wild_bootstrap(sample: Sample, score: str, rows: list[Estimate], design: Design) -> list[Estimate]:
    """Return the rows of a least-squares fit with p-value and intervals of the restricted wild cluster bootstrap.

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
    count = f"{len(found.numerators[0]):,} {'sign vectors, all there are' if found.enumerated else 'draws'}"
    common = {"covariance": "wild", "p_value": found.p_value(), "df": None, "note":
              f"restricted wild cluster bootstrap, {count}; the error is CRV1"}  # fmt: skip
    changed = []
    for row in rows:
        if row.scale:
            by = score_scale(sample, score) if row.scale == "sd" else 1.0
            own = tuple((level, (low * by, high * by)) for level, (low, high) in zip(levels, edges, strict=True))
            row = replace(row, estimate=found.estimate * by, std_error=found.std_error * by,
                          statistic=found.statistic, intervals=own, **common)  # fmt: skip
        elif row.term == "wald":
            row = replace(row, statistic=found.statistic**2, **common)
        changed.append(row)
    return changed


def _fit_with_fallback(
    plan: Plan, outcome: OutcomeSection, design: Design, model: str, *, deciding: bool
) -> tuple[Fit, str]:
    """Fit with the plan's covariance, or with the default one.

    Where that covariance does not exist, HC1 (CRV1 with clusters) takes its place and the row says so; but a
    covariance that the plan asks for binds the deciding model.
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


def coefficients(sample: Sample, outcome: OutcomeSection, score: str, method: str, fit: Fit) -> list[Estimate]:
    """Return the score's coefficient on the plan's scale and on the other one.

    For a logit its margin follows, for a model of two parts the coefficients of both.
    """
    rows = []
    for variant, estimate, error, shown in _quantities(outcome, score, fit):
        for scale in ("sd", "raw"):
            by = score_scale(sample, score) if scale == "sd" else 1.0
            other = "" if scale == sample.plan.score.scale else scale
            row = blank_row(sample, outcome, score, method, fit)
            rows.append(replace(
                row, term=score, variant="-".join(filter(None, [variant, other])), scale=scale, unit=shown,
                estimate=estimate * by, std_error=error * by, statistic=estimate / error, df=fit.df,
                p_value=p_value(estimate / error, fit.df),
            ))  # fmt: skip
    return rows


def _quantities(outcome: OutcomeSection, score: str, fit: Fit) -> list[tuple[str, float, float, Unit]]:
    """Return (variant, estimate, standard error, unit) of everything that one fit says about the score."""
    at = fit.position(score)
    units: dict[str, Unit] = {"ols": "points" if outcome.kind == "binary" else "outcome", "logit": "log odds"}
    quantities = [("", float(fit.params[at]), float(fit.std_errors()[at]), units.get(fit.model, "percent"))]
    if fit.model == "logit":
        quantities.append(("margin", *average_marginal_effect(fit, score), "points"))
    for name, part in zip(PARTS, fit.parts, strict=bool(fit.parts)):
        own = units.get(part.model, "percent")
        quantities.append((name, float(part.params[at]), float(part.std_errors()[at]), own))
    return quantities


def tests(
    sample: Sample, outcome: OutcomeSection, score: str, full: Fit, reduced_deviance: float,
    lagrange: tuple[float, float] | None,
) -> list[Estimate]:  # fmt: skip
    """Return the Wald and score tests, and how much better the outcome is described with the score."""
    statistic, p = wald(full, (score,))
    name = "delta_r2" if full.model == "ols" else "delta_d2"
    gain: float | None = (reduced_deviance - full.deviance) / full.null_deviance
    partial: float | None = (reduced_deviance - full.deviance) / reduced_deviance
    note = "" if full.model == "ols" else "share of the deviance left by the model without the score"
    missing = ""
    if not np.isfinite(full.deviance):
        gain, partial = None, None
        missing = (f"the {full.model} deviance is infinite where an outcome is zero" if full.model == "gamma" else
                   f"no deviance compares two {full.model} models: each has its own dispersion")  # fmt: skip
    blank = blank_row(sample, outcome, score, "increment", full)
    plain = replace(blank, covariance="")
    joint = "both parts: whether there is any, and how much" if full.parts else ""
    robust = {"covariance": "CRV0" if full.covariance in CLUSTERED else "HC0",
              "note": "robust score test on the model without the score"}  # fmt: skip
    of_score = [replace(plain, term="score-test", statistic=lagrange[0], p_value=lagrange[1], **robust)] if lagrange \
        else []  # fmt: skip
    return [
        replace(blank, term="wald", statistic=statistic, df=full.df, p_value=p, note=joint),
        *of_score,
        replace(plain, term=name, estimate=gain, note=missing),
        replace(plain, term="partial_r2", estimate=partial, note=missing or note),
    ]  # fmt: skip


def score_test(reduced: Fit, design: Design, *, clustered: bool) -> tuple[float, float]:
    """Return (chi-square, p) of the robust score test of the columns that `design` adds to `reduced`.

    Parameters
    ----------
    reduced : Fit
        The model without the score.
    design : Design
        The full design; its score columns are tested.
    clustered : bool
        Sum the contributions by cluster.

    Notes
    -----
    ``s' V^-1 s`` with s the sum of the score columns' contributions, made orthogonal to the reduced model's
    columns under its weights: Wooldridge (1991), Journal of Econometrics 48, 29-55.
    """
    columns, root = design.block("score"), np.sqrt(reduced.weights)[:, None]
    held = reduced.design.basis[0]
    weights = np.linalg.lstsq(held * root, columns * root, rcond=None)[0]
    outside = columns - held @ weights
    contributions = outside * reduced.residuals[:, None]
    if clustered:
        contributions = cluster_sums(contributions, design.clusters)
    total = contributions.sum(axis=0)
    statistic = float(total @ np.linalg.solve(contributions.T @ contributions, total))
    return statistic, float(chi2_sf(statistic, columns.shape[1]))


def _variant(sample: Sample, outcome: OutcomeSection, score: str, design: Design, variant: str) -> list[Estimate]:
    """Return OLS on log1p or asinh of the outcome, with the outcome in three units of money."""
    function = {"log1p": np.log1p, "asinh": np.arcsinh}[variant]
    rows = []
    for factor, unit in ((1.0, ""), *MONEY_UNITS):
        changed = design.with_response(function(design.response * factor))
        fit, lacking = _fit_with_fallback(sample.plan, outcome, changed, "ols", deciding=False)
        pair = coefficients(sample, outcome, score, "increment", fit)
        name = "-".join([variant, *unit.split()])
        note = f"{variant} of the outcome{' ' + unit if unit else ''}: changes with the unit of money"
        note = "; ".join(filter(None, [note, lacking]))
        rows += [replace(row, variant=name, unit="log", note=note) for row in pair if not row.variant]
    return rows


def blank_row(sample: Sample, outcome: OutcomeSection, score: str, method: str, fit: Fit) -> Estimate:
    """Return an estimate with everything but its number."""
    return Estimate(
        plan=sample.plan.name, outcome=outcome.column, score=score, method=method, model=fit.model, term="",
        n=fit.design.n, clusters=fit.design.n_clusters if fit.covariance in CLUSTERED else None,
        covariance=fit.covariance,
    )  # fmt: skip
