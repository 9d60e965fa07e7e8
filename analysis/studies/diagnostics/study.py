"""What the outcome says about its model: shape of the mean, growth of the variance, zeros."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED
from analysis.models.design import build_design
from analysis.models.family import FAMILIES
from analysis.models.fit import CountFit, Fit, critical_value, score_test
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.diagnostics.diagnostics import (
    Calibration,
    Rootogram,
    calibration,
    dispersion,
    park,
    rootogram,
    squared_predictor,
    zeros,
)

NEAR = 0.5
"""So far may the power of the variance lie from that of the deciding model."""
OFF = 1.25
"""Observed over predicted means of a group of rows may differ from one by this factor, either way.
"""


def study_diagnostics(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return checks of the deciding model: RESET, calibration, growth of the variance, dispersion
    and zeros.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    checks = []
    for name, ask in (
        ("reset", _reset),
        ("calibration", _calibrated),
        ("variance", _variance),
        ("dispersion", _dispersion),
        ("zeros", _zeros),
    ):
        try:
            found = ask(sample, outcome, score)
        except DesignError as error:
            found = (None, f"It could not be looked at: {error.faults[0].found}.", None)
        if found is not None:
            passed, reason, statistic = found
            checks.append(
                Check(sample.plan.name, name, passed, reason, statistic, outcome.column, score)
            )
    return StudyResult(checks=tuple(checks))


Answer = tuple[bool | None, str, float | None] | None


def deciding_fit(
    sample: Sample, outcome: OutcomeSection, score: str, *, model: str | None = None
) -> Fit:
    """Return the deciding fit, or one by another model, with an ordinary robust covariance."""
    design = build_design(sample, outcome.column, (score,))
    return fit_model(
        design,
        model or outcome.deciding_model,
        design.plain_covariance,
        counts=outcome.kind == "count",
    )


def deciles(sample: Sample, outcome: OutcomeSection, score: str) -> Calibration:
    """Return observed and predicted means by tenth of the deciding model's prediction."""
    fit = deciding_fit(sample, outcome, score)
    return calibration(fit.design.response, fit.fitted)


def count_rootogram(sample: Sample, outcome: OutcomeSection, score: str) -> tuple[Rootogram, str]:
    """Return the rootogram of a count outcome, and the model whose frequencies it hangs from.

    Raises
    ------
    DesignError
        When neither model has an estimate.
    """
    fit = _count_fit(sample, outcome, score)
    return rootogram(fit.design.response, fit.fitted, _alpha(fit)), fit.model


def _count_fit(sample: Sample, outcome: OutcomeSection, score: str) -> Fit:
    """Return the negative binomial fit where there is one, else the Poisson fit."""
    try:
        return deciding_fit(sample, outcome, score, model="nb2")
    except DesignError:
        return deciding_fit(sample, outcome, score, model="poisson")


def _alpha(fit: Fit) -> float:
    return fit.dispersion if isinstance(fit, CountFit) else 0.0


def _reset(sample: Sample, outcome: OutcomeSection, score: str) -> Answer:
    """Whether the square of the linear predictor would say something more."""
    if outcome.deciding_model == "hurdle":
        return None
    fit = deciding_fit(sample, outcome, score)
    statistic, p = score_test(fit, squared_predictor(fit), clustered=fit.covariance in CLUSTERED)
    reason = (
        f"RESET of the {outcome.deciding_model} model: chi-square(1) = {statistic:.2f}, p {_p(p)}."
    )
    if p < 1 - sample.plan.inference.level:
        reason += (
            " The mean bends where the model is straight: try other transforms of engagement or the"
            " score."
        )
    return p >= 1 - sample.plan.inference.level, reason, statistic


def _calibrated(sample: Sample, outcome: OutcomeSection, score: str) -> Answer:
    """Whether observed means follow the predicted ones from the lowest to the highest tenth."""
    if outcome.kind == "continuous" or outcome.negative == "net":
        return None
    found = deciles(sample, outcome, score)
    if (found.predicted <= 0).any():
        reason = f"The model predicts {outcome.column} below zero in a tenth of the rows."
        return False, reason, float(found.predicted.min())
    ratios = found.ratios
    worst = int(np.argmax(np.abs(np.log(np.maximum(ratios, 1e-12)))))
    reason = (
        f"Observed over predicted means by tenth of the prediction lie between {ratios.min():.2f}"
        f" and {ratios.max():.2f}; the farthest is the {_ordinal(worst + 1)} of {len(ratios)}."
    )
    return bool((ratios < OFF).all() and (ratios > 1 / OFF).all()), reason, float(ratios[worst])


def _variance(sample: Sample, outcome: OutcomeSection, score: str) -> Answer:
    """With which power of the mean the variance grows, on the model without the score."""
    if outcome.kind not in ("revenue", "count") or outcome.negative == "net":
        return None
    family = FAMILIES[outcome.deciding_model]
    model = family.name if family.ratio else "poisson"
    design = build_design(sample, outcome.column, (score,)).without("score")
    slope = park(fit_model(design, model, "HC1"))
    half = critical_value(sample.plan.inference.level, None) * slope.std_error
    reason = (
        "Without the score, squared residuals grow with the mean to the power of"
        f" {slope.estimate:.2f} ({100 * sample.plan.inference.level:g} % CI"
        f" {slope.estimate - half:.2f} to {slope.estimate + half:.2f}); 1 suits Poisson, 1.5"
        " Tweedie, 2 Gamma."
    )
    near = abs(slope.estimate - FAMILIES[model].power) <= NEAR
    if not near:
        reason += (
            f" {model.capitalize()} stays right about the mean, and wastes some of what the rows"
            " say."
        )
    return near, reason, slope.estimate


def _dispersion(sample: Sample, outcome: OutcomeSection, score: str) -> Answer:
    """Whether counts vary more than Poisson ones."""
    if outcome.kind != "count":
        return None
    slope = dispersion(deciding_fit(sample, outcome, score, model="poisson"))
    even = slope.p_value >= 1 - sample.plan.inference.level
    reason = (
        f"The variance is the mean and {slope.estimate:.3g} of its square; p {_p(slope.p_value)} of"
        " no such part."
    )
    if not even:
        reason += " Robust errors allow for it; the negative binomial model stands beside."
    return even, reason, slope.estimate


def _zeros(sample: Sample, outcome: OutcomeSection, score: str) -> Answer:
    """Whether there are as many zeros as the count model expects."""
    if outcome.kind != "count":
        return None
    fit = _count_fit(sample, outcome, score)
    seen, expected, spread = zeros(fit.design.response, fit.fitted, _alpha(fit))
    z = (seen - expected) / spread if spread > 0 else 0.0
    name = "negative binomial" if fit.model == "nb2" else "Poisson"
    reason = (
        f"{seen:,} of {fit.design.n:,} counts are zero; the {name} model expects {expected:,.0f} (z"
        f" = {z:.1f})."
    )
    few = abs(z) < critical_value(sample.plan.inference.level, None)
    if not few:
        reason += " Where zero is a decision of its own, read the model of two parts."
    return few, reason, z


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".")


def _ordinal(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"
