"""Return on what was put in: the net return and the ratio, each beside the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.data.sample import Sample
from analysis.data.selection.faults import invested
from analysis.errors import DesignError
from analysis.models.design import Design, build_design
from analysis.models.planned import fit_as_planned
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question


def study_returns(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the other reading of an outcome of kind "roi", with and without engagement.

    Where the net return decides (least squares, in money), the ratio stands beside it: Poisson
    pseudo-maximum likelihood of revenue with the log of what was put in as offset, `@ratio`; and
    the other way round, `@net`.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    if outcome.kind != "roi":
        return StudyResult()
    design = build_design(sample, outcome.column, (score,))
    put_in = invested(outcome, sample.frame)
    plan, rows = sample.plan, []
    if outcome.is_relative:
        other, model, variant = (
            replace(design, response=design.response - put_in, offset=None),
            "ols",
            "net",
        )
    elif (put_in <= 0).any():
        reason = (
            "Rows in which nothing was put in have no ratio of revenue to it; the net return"
            " decides."
        )
        return StudyResult(
            (), (Check(plan.name, "ratio", None, reason, None, outcome.column, score),)
        )
    else:
        other = replace(design, response=design.response + put_in, offset=np.log(put_in))
        model, variant = "poisson", "ratio"
    try:
        for method, fitted in (("increment", other), ("raw", other.without("engagement"))):
            rows += _of(sample, outcome, score, method, fitted, model, variant)
    except DesignError as error:
        reason = f"The {variant} reading has no estimate here: {error.faults[0].found}."
        return StudyResult(
            (), (Check(plan.name, variant, None, reason, None, outcome.column, score),)
        )
    return StudyResult(tuple(rows))


def _of(
    sample: Sample,
    outcome: OutcomeSection,
    score: str,
    method: str,
    design: Design,
    model: str,
    variant: str,
) -> list[Estimate]:
    fit = fit_as_planned(sample.plan, model, design)
    note = "net return, in money" if variant == "net" else "revenue per unit of money put in"
    return [
        replace(row, variant="-".join(filter(None, [variant, row.variant])), note=note)
        for row in Question(sample, outcome, score).coefficients(method, fit)
    ]
