"""What the score adds, given engagement and the controls: the nested comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from analysis.data.sample import Sample
from analysis.data.selection.faults import invested
from analysis.errors import DesignError
from analysis.models import FEWEST_CLUSTERS, covariance_of, fit_as_planned, fit_model
from analysis.models.columns import build_design
from analysis.models.covariance import CLUSTERED
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit, score_test, wald
from analysis.models.wild import wild_test
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.ids import slugs_of
from analysis.results.question import Question
from analysis.studies.increment.separation import levels_and_columns, separation

MOST_FITTED = 10**7
"""Numbers of a design that is fitted before a run; of a larger one columns are looked at."""

VARIANTS = {"log1p": np.log1p, "asinh": np.arcsinh}
"""Functions of the outcome that least squares is fitted to beside the deciding model."""


def study_increment(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the score's effect with and without engagement by the deciding model and companions.

    The deciding model comes first. `raw` is the score with the controls but without engagement;
    `increment` the score given engagement and controls. A check stands for each companion that has
    no estimate.

    Raises
    ------
    DesignError
        When the deciding model cannot be fitted.
    """
    outcome, checks = question.outcome, []
    with _explained(question):
        rows = _one_model(question, question.model)
    beside = {model: partial(_one_model, model=model) for model in outcome.companion_models}
    beside |= {variant: partial(_variant, variant=variant) for variant in outcome.variants}
    for name, companion in beside.items():
        try:
            rows += companion(question)
        except DesignError as error:
            reason = f"The companion model {name} has no estimate here: {error.found}."
            checks.append(question.check(f"companion_{name}", None, reason, assessed=False))
    return StudyResult(tuple(rows), tuple(checks))


def require_estimate(question: Question) -> None:
    """Raise what `study_increment` would, for as little as it takes.

    Raises
    ------
    DesignError
        When the deciding model has no estimate, or not the covariance that the plan names.
    """
    design, model, named = question.design, question.model, question.plan.inference.covariance
    with _explained(question):
        if named:
            _fit_with_fallback(question.plan, question.outcome, design, model)
        elif design.matrix.size <= MOST_FITTED and not question.family.linear:
            fit_model(design, model, design.plain_covariance, counts=question.counts)
    if not named and design.matrix.size > MOST_FITTED and (why := levels_and_columns(question)):
        raise why


@contextmanager
def _explained(question: Question) -> Iterator[None]:
    """Say in place of an estimate that does not exist which column or level is at fault."""
    # a likelihood of counts stops far out, where there is no end
    if not question.family.glm and (found := levels_and_columns(question)):
        raise found
    try:
        yield
    except DesignError as error:
        design, model = question.design, question.model
        if question.family.linear:
            raise
        try:
            fit_model(design, model, design.plain_covariance, counts=question.counts)
        except DesignError:
            raise separation(question) or error from None
        raise


def study_returns(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the other reading of an outcome of kind "roi", with and without engagement.

    Where the net return decides (least squares, in money), the ratio stands beside it: Poisson
    pseudo-maximum likelihood of revenue with the log of what was put in as offset, `@ratio`; and
    the other way round, `@net`.
    """
    outcome = question.outcome
    if outcome.kind != "roi":
        return StudyResult()
    design, cost = question.design, invested(outcome, question.sample.frame)
    if outcome.is_relative:
        variant, model, note = "net", "ols", "net return, in money"
        design = replace(design, response=design.response - cost, offset=None)
    elif (cost <= 0).any():
        reason = (
            "Rows in which nothing was put in have no ratio of revenue to it; the net return"
            " decides."
        )
        return question.only("ratio", None, reason)
    else:
        variant, model, note = "ratio", "poisson", "revenue per unit of money put in"
        design = replace(design, response=design.response + cost, offset=np.log(cost))
    rows = []
    try:
        for method, equation in (("increment", design), ("raw", design.without("engagement"))):
            fit = fit_as_planned(question.plan, model, equation)
            rows += question.coefficients(method, fit, variant)
    except DesignError as error:
        reason = f"The {variant} reading has no estimate here: {error.found}."
        return question.only(variant, None, reason)
    return StudyResult(tuple(replace(row, note=note) for row in rows))


def together_from_rows(sample: Sample, outcome: OutcomeSection) -> list[Estimate]:
    """Return the coefficients of all scores in one equation fitted to the rows, and their test."""
    design = build_design(sample, outcome.column, sample.plan.score.columns)
    fit, _ = _fit_with_fallback(sample.plan, outcome, design, outcome.deciding_model)
    return together_rows(sample, outcome, fit)


def audit_together(
    sample: Sample,
    outcome: OutcomeSection,
    rows_of: Callable[[Sample, OutcomeSection], list[Estimate]] = together_from_rows,
) -> tuple[list[Estimate], list[Check]]:
    """Return the coefficients of all scores in one equation, and their joint Wald test.

    Where that equation has no estimate (one score follows from the others), a check says so
    instead.
    """
    try:
        return rows_of(sample, outcome), []
    except DesignError as error:
        fault = error.faults[0]
        reason = (
            f"The scores cannot stand side by side in one equation: {fault.place}, {fault.found}."
        )
        check = Check(
            sample.plan.name,
            "together",
            None,
            reason,
            None,
            outcome.column,
            assessed=False,
            slugs=slugs_of(sample.plan),
        )
        return [], [check]


def together_rows(sample: Sample, outcome: OutcomeSection, fit: Fit) -> list[Estimate]:
    """Return the coefficients of an equation with all scores, and their joint test."""
    scores, rows = sample.plan.score.columns, []
    for score in scores:
        rows += Question(sample, outcome, score).coefficients("increment", fit, "together")
    statistic, p = wald(fit, scores)
    joint = replace(
        Question(sample, outcome, "").row_of_fit("increment", fit, "wald"),
        statistic=statistic,
        df=fit.df,
        p_value=p,
        note=f"joint test of {len(scores)} scores",
    )
    return [*rows, joint]


def _one_model(question: Question, model: str) -> list[Estimate]:
    """Return every row of one model: raw, increment, tests, and what the score adds to the fit."""
    plan, design = question.plan, question.design
    full, lacking = _fit_with_fallback(plan, question.outcome, design, model)
    raw = fit_model(design.without("engagement"), model, full.covariance, counts=question.counts)
    rows = question.coefficients("increment", full)
    rows_raw = question.coefficients("raw", raw)
    if full.parts:
        rows_tests = tests(question, full, np.nan, None)
    else:
        reduced = fit_model(design.without("score"), model, "HC1", counts=question.counts)
        lagrange = score_test(reduced, full.design, clustered=full.covariance in CLUSTERED)
        rows_tests = tests(question, full, reduced.deviance, lagrange)
    if plan.inference.covariance == "wild":
        if FAMILIES[model].linear:
            return [
                *by_wild_bootstrap(question, rows + rows_tests, full.design),
                *by_wild_bootstrap(question, rows_raw, raw.design),
            ]
        lacking = f"{full.covariance}, since wild exists for least squares only"
    return [row.noted(lacking).noted(full.note) for row in (*rows, *rows_raw, *rows_tests)]


def by_wild_bootstrap(question: Question, rows: list[Estimate], design: Design) -> list[Estimate]:
    """Return least-squares rows with p-value and intervals of the wild cluster bootstrap.

    Their error is CRV1, the one in the bootstrapped t; the intervals invert the test.

    Raises
    ------
    DesignError
        When there are so few clusters that no value is ever rejected.
    """
    options = question.plan.inference
    if design.n_clusters < FEWEST_CLUSTERS:
        note = f"{rows[0].covariance}, since fewer than six clusters have no wild bootstrap"
        return [row.noted(note) for row in rows]
    test = wild_test(design, question.score, replicates=options.bootstrap, seed=options.seed)
    edges = [(level, test.interval(level)) for level in question.levels]
    drawn = "sign vectors, all there are" if test.enumerated else "draws"
    common = {
        "covariance": "wild",
        "p_value": test.p_value(),
        "df": None,
        "note": (
            f"restricted wild cluster bootstrap, {len(test.numerators[0]):,} {drawn}; the error is"
            " CRV1"
        ),
    }
    changed = []
    for row in rows:
        if row.scale:
            by = question.factor(row.scale)
            row = replace(
                row,
                estimate=test.estimate * by,
                std_error=test.std_error * by,
                statistic=test.statistic,
                intervals=tuple((level, (low * by, high * by)) for level, (low, high) in edges),
                **common,
            )
        elif row.term == "wald":
            row = replace(row, statistic=test.statistic**2, **common)
        changed.append(row)
    return changed


def _fit_with_fallback(
    plan: Plan, outcome: OutcomeSection, design: Design, model: str
) -> tuple[Fit, str]:
    """Fit with the plan's covariance, or with the default one.

    Where that covariance does not exist, HC1 (CRV1 with clusters) takes its place and the row says
    so; but a covariance that the plan asks for binds the deciding model.
    """
    kind, counts = covariance_of(plan, model, design), outcome.kind == "count"
    bound = model == outcome.deciding_model and plan.inference.covariance
    try:
        return fit_model(design, model, kind, counts=counts), ""
    except DesignError:
        plain = design.plain_covariance
        if kind in ("HC0", "HC1", "CRV1") or bound:
            raise
        fit = fit_model(design, model, plain, counts=counts)
        return fit, f"{plain}, since {kind} does not exist for this model and these rows"


def tests(
    question: Question, full: Fit, reduced_deviance: float, lagrange: tuple[float, float] | None
) -> list[Estimate]:
    """Return the Wald and score tests, and how much better the outcome is described with the score.

    Parameters
    ----------
    question : Question
    full : Fit
        With the score.
    reduced_deviance : float
        Of the model without the score.
    lagrange : (float, float) or None
        Statistic and p-value of the robust score test.
    """
    blank = question.row_of_fit("increment", full)
    plain = replace(blank, covariance="")
    family = FAMILIES[full.model]
    squares = family.linear
    note = "" if squares else "share of the deviance left by the model without the score"
    gain, partial, missing = None, None, ""
    if np.isfinite(full.deviance):
        gain = (reduced_deviance - full.deviance) / full.null_deviance
        partial = (reduced_deviance - full.deviance) / reduced_deviance
    elif family.infinite_at_zero:
        note = missing = f"the {full.model} deviance is infinite where an outcome is zero"
    else:
        note = missing = (
            f"no deviance compares two {full.model} models: each has its own dispersion"
        )
    statistic, p = wald(full, (question.score,))
    joint = "both parts: whether there is any, and how much" if full.parts else ""
    df = full.df if full.parts else full.df_of(question.score)
    rows = [replace(blank, term="wald", statistic=statistic, df=df, p_value=p, note=joint)]
    if lagrange:
        robust = replace(
            plain,
            term="score-test",
            statistic=lagrange[0],
            p_value=lagrange[1],
            covariance="CRV0" if full.covariance in CLUSTERED else "HC0",
            note="robust score test on the model without the score",
        )
        rows.append(robust)
    return [
        *rows,
        replace(plain, term="delta_r2" if squares else "delta_d2", estimate=gain, note=missing),
        replace(plain, term="partial_r2", estimate=partial, note=note),
    ]


def _variant(question: Question, variant: str) -> list[Estimate]:
    """Return least squares on log1p or asinh of the outcome, on the plan's scale."""
    design = question.design
    changed = design.with_response(VARIANTS[variant](design.outcome))
    fit, lacking = _fit_with_fallback(question.plan, question.outcome, changed, "ols")
    row = question.coefficients("increment", fit)[0 if question.plan.score.scale == "sd" else 1]
    note = f"{variant} of the outcome: the coefficient depends on the unit of money"
    return [replace(row, variant=variant, unit="log", note=note).noted(lacking)]
