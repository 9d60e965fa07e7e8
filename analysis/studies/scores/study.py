"""Several scores side by side: each given the others, and beyond what they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.errors import DesignError
from analysis.measurement_error.correction import correct_fit, corrected_margin
from analysis.measurement_error.measurement import Refusal, measure
from analysis.measurement_error.reliability import spearman_brown
from analysis.models import fit_as_planned
from analysis.models.adequacy import adequacy
from analysis.models.columns import build_design, transform, transformed_score
from analysis.models.design import Design, check_estimable
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import effect_of
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question, tested

COMMON = "common_factor"
"""Term: the first principal component of the standardised scores."""

GIVEN, BEYOND, FAIR = "given-others", "beyond-common-factor", "disattenuated"
"""Variants of a score's row under the method `scores`."""


def study_scores(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return how a score does beside the plan's others, and without noise of its own.

    What all scores share is worked out once, with the last of them.
    """
    rows, checks = _without_own_noise(question)
    names = question.plan.score.columns
    if len(names) > 1 and question.score == names[-1]:
        try:
            rows += _side_by_side(question)
        except DesignError as error:
            reason = f"The scores cannot be told apart here: {error.found}."
            checks.append(question.check("scores", None, reason, assessed=False))
    return StudyResult(tuple(rows), tuple(checks))


# --- each beside the others -----------------------------------------------------------------------


def common_factor(scores: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the first principal component, the scores' correlations with it, and its share.

    Parameters
    ----------
    scores : ndarray, shape (n, m)
    signs : ndarray, shape (m,)
        1 where more of a score is better, else -1: more of the component is better, too.

    Returns
    -------
    component : ndarray, shape (n,)
        In standard deviations (ddof = 1).
    correlations : ndarray, shape (m,)
    share : float
        Of the standardised scores' variance.
    """
    standard = (scores - scores.mean(axis=0)) / scores.std(axis=0, ddof=1)
    values, vectors = np.linalg.eigh(np.corrcoef(standard, rowvar=False))
    weights = vectors[:, -1] * (1.0 if vectors[:, -1] @ signs >= 0 else -1.0)
    component = standard @ weights / np.sqrt(values[-1])
    return component, weights * np.sqrt(values[-1]), float(values[-1] / len(values))


def _side_by_side(question: Question) -> list[Estimate]:
    sample, names = question.sample, question.plan.score.columns
    every = build_design(sample, question.outcome.column, names)
    values = np.column_stack([transformed_score(sample, name) for name in names])
    signs = np.array([question.plan.score.sign_of(name) for name in names], dtype=float)
    component, correlations, share = common_factor(values, signs)
    alone = every.without("score").with_columns("score", {COMMON: component})
    nobody = replace(question, score="")
    noted = f"of the variance of {len(names)} standardised scores: first principal component"
    rows = [
        nobody.row("scores", "pca", COMMON, estimate=share, unit="share", note=noted),
        _effect(nobody, _fitted(question, alone), COMMON, 1.0),
    ]
    for at, name in enumerate(names):
        mine = replace(question, score=name)
        rows.append(
            mine.row(
                "scores",
                "pca",
                "loading",
                estimate=float(correlations[at]),
                note="correlation with the common factor",
            )
        )
        rows += _given_the_others(mine, every)
        rows += _beyond(mine, every, component)
    return rows


def _fitted(question: Question, design: Design) -> Fit:
    check_estimable(design, str(question.sample.dataset.address))
    return fit_as_planned(question.plan, question.model, design, counts=question.counts)


def _effect(question: Question, fit: Fit, term: str, by: float, variant: str = "") -> Estimate:
    """Return the effect of a term on the scale of the verdict."""
    estimate, error = effect_of(fit, term)
    row = replace(
        question.row_of_fit("scores", fit, term),
        variant=variant,
        scale=question.plan.score.scale,
        unit=question.effect_unit(fit.model),
        estimate=estimate * by,
        std_error=error * by,
        df=fit.df_of(term),
    )
    return tested(row)


def _given_the_others(question: Question, every: Design) -> list[Estimate]:
    """Return a score's effect given the others, and the share of what is explained it brings."""
    order = [at for at, term in enumerate(every.terms) if at != every.position(question.score)]
    design = every.columns([*order, every.position(question.score)])
    held = ("control" if block == "score" else block for block in design.blocks[:-1])
    fit = _fitted(question, replace(design, blocks=(*held, "score")))
    seed = question.plan.inference.seed
    known = adequacy(fit, counts=question.counts, seed=seed)
    low, high = known.interval(question.level)
    what = "likelihood ratio" if FAMILIES[fit.model].power is None else "explained deviance"
    share = question.row(
        "information",
        fit.model,
        "new_information",
        n=design.n,
        clusters=design.n_clusters,
        variant=GIVEN,
        estimate=known.new,
        bounds=(low, high),
        unit="share",
        note=f"of the {what} of all scores, with engagement as recorded and the other scores",
    )
    return [_effect(question, fit, question.score, question.by, GIVEN), share]


def _beyond(question: Question, every: Design, component: np.ndarray) -> list[Estimate]:
    """Return a score's effect given what all scores have in common."""
    values = every.matrix[:, every.position(question.score)]
    design = every.without("score").with_columns("control", {COMMON: component})
    fit = _fitted(question, design.with_columns("score", {question.score: values}))
    return [_effect(question, fit, question.score, question.by, BEYOND)]


# --- in fairness to its vendor --------------------------------------------------------------------


def _without_own_noise(question: Question) -> tuple[list[Estimate], list]:
    """Return the effect that a score would have, had it no noise of its own, from its halves."""
    plan, score = question.plan, question.score
    pair, how = plan.score.halves.get(score), plan.score.transform_of(score)
    if pair is None:
        return [], []
    halves = tuple(transform(question.sample.numbers(half), how) for half in pair)
    try:
        fit = fit_as_planned(plan, question.mean_model, question.design)
    except DesignError as error:
        reason = f"The score's own noise cannot be taken out: {error.found}."
        return [], [question.check("own_noise", None, reason, assessed=False)]
    errors = measure(fit.design, halves={score: halves}, disattenuate_score=True)
    correction = correct_fit(fit, errors)
    reliability = question.row(
        "scores",
        "halves",
        "reliability",
        estimate=float(spearman_brown(np.cov(halves))),
        note="of the score: Spearman-Brown of its two halves",
    )
    if isinstance(correction, Refusal):
        reason = (
            "The score's own noise cannot be taken out: too little of what engagement and the"
            " controls leave of it is anything else."
        )
        return [reliability], [question.check("own_noise", None, reason, assessed=False)]
    margin = bool(FAMILIES[fit.model].margin)
    effect = corrected_margin(fit, correction, score) if margin else correction.effect(score)
    row = replace(
        question.row("scores", correction.model, score, n=fit.design.n, variant=FAIR),
        clusters=correction.clusters,
        covariance=correction.covariance,
        scale=plan.score.scale,
        unit=question.effect_unit(fit.model),
        estimate=effect.estimate * question.by,
        std_error=effect.std_error * question.by,
        df=effect.df,
        note="the score without noise of its own, engagement as recorded",
    )
    return [reliability, tested(row)], []
