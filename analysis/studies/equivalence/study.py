"""What is said about the size of an effect beside its interval: equivalence, power, Bayes factors,
decomposition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from analysis.data.sample import Sample
from analysis.models.design import Design, build_design, score_scale
from analysis.models.power import detectable_effect, power_nothing
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.rule import sesoi_band
from analysis.studies.equivalence.bayes import bic_factor, jzs_factor
from analysis.studies.equivalence.decomposition import decompose
from analysis.studies.equivalence.equivalence import (
    delta_r2,
    delta_r2_bound,
    delta_r2_p_value,
    tost,
)


def study_size(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the equivalence tests, the power, and for least squares the Bayes factors and the
    decomposition.

    The estimates hold the plain and corrected effects of this score and outcome.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    tested = [row for row in estimates if _is_tested(row, sample, outcome, score)]
    mean = float(sample.numbers(outcome.column).mean())
    rows = [_equivalence(row, sesoi_band(outcome, _scale_of(row, outcome), mean)) for row in tested]
    deciding = next(
        row for row in tested if row.method == "increment" and row.model == outcome.deciding_model
    )
    rows += _power(sample, deciding, sesoi_band(outcome, outcome.deciding_model, mean))
    design = build_design(sample, outcome.column, (score,))
    if outcome.kind == "continuous":
        rows += _bayes(deciding, design)
    squares = next((row for row in tested if (row.method, row.model) == ("increment", "ols")), None)
    if squares is not None and not sample.plan.quick:
        rows.append(_gain_bound(sample, outcome, squares, design))
    return StudyResult((*rows, *_decomposition(sample, outcome, score, design)))


def _is_tested(row: Estimate, sample: Sample, outcome: OutcomeSection, score: str) -> bool:
    """Return whether a row is the deciding effect, its least-squares companion, or either one
    corrected.
    """
    if (row.outcome, row.score, row.term, row.scale) != (
        outcome.column,
        score,
        score,
        sample.plan.score.scale,
    ):
        return False
    variant = (
        "margin" if "logit" in (row.model, outcome.deciding_model) and row.model != "ols" else ""
    )
    fits = {"increment": (outcome.deciding_model, "ols"), "corrected": ("eiv", "calibration")}
    return row.model in fits.get(row.method, ()) and row.variant == variant


def _scale_of(row: Estimate, outcome: OutcomeSection) -> str:
    """Return the model whose scale a row is on: a corrected one is on the scale of what it
    corrects.
    """
    return {"eiv": "ols", "calibration": outcome.deciding_model}.get(row.model, row.model)


def _blank(row: Estimate, method: str, model: str, term: str) -> Estimate:
    return Estimate(
        row.plan, row.outcome, row.score, method, model, term, n=row.n, clusters=row.clusters
    )


def _equivalence(row: Estimate, band: tuple[float, float]) -> Estimate:
    found = tost(row.estimate, row.std_error, band, row.reference_df)
    note = (
        f"two one-sided tests against {band[0]:.4g} and {band[1]:.4g} on the model's"
        f" scale{_by_crv1(row)}"
    )
    return replace(
        _blank(row, "equivalence", row.model, "tost"),
        p_value=found.p_value,
        df=row.reference_df,
        covariance=_named(row),
        note=note,
    )


def _named(row: Estimate) -> str:
    """Return the covariance that the standard error of a row has."""
    return "CRV1" if row.covariance == "wild" else row.covariance


def _by_crv1(row: Estimate) -> str:
    return (
        f"; by CRV1 and t({row.reference_df:.0f}), not by the wild bootstrap"
        if row.covariance == "wild"
        else ""
    )


def _gain_bound(sample: Sample, outcome: OutcomeSection, row: Estimate, design: Design) -> Estimate:
    """Return the upper bound of what the score adds to R2, and the test against what the SESOI
    amounts to.
    """
    inference = sample.plan.inference
    bound = delta_r2_bound(
        design,
        level=inference.level,
        replicates=inference.bootstrap,
        rng=np.random.default_rng(inference.seed),
    )
    whole, gain = delta_r2(design)
    size = sesoi_band(outcome, "ols", float(design.response.mean()))[1]
    step = score_scale(sample, row.score) if row.scale == "sd" else 1.0
    slope = (
        row.estimate / step
    )  # gain = slope^2 times the score's variance outside the rest, over the outcome's
    matters = gain * (size / step / slope) ** 2 if slope else math.inf
    possible = 0 < matters < 1
    p = delta_r2_p_value(design.n, design.k - 1, whole, gain, matters) if possible else None
    note = (
        f"one-sided {100 * inference.level:g} % bound of the gain in R2, {inference.bootstrap:,}"
        " bootstrap samples"
    )
    if possible:
        note += (
            f"; p of a gain of {matters:.3g}, which the smallest effect of interest amounts to,"
            " with classical errors"
        )
    return replace(
        _blank(row, "equivalence", "ols", "delta_r2_bound"), estimate=bound, p_value=p, note=note
    )


def _power(sample: Sample, row: Estimate, band: tuple[float, float]) -> list[Estimate]:
    level = sample.plan.inference.level
    mde = detectable_effect(row.std_error, level=level, df=row.reference_df)
    chance = power_nothing(row.std_error, band, level=level, df=row.reference_df)
    return [
        replace(
            _blank(row, "power", row.model, "mde"),
            estimate=mde,
            unit=row.unit,
            scale=row.scale,
            note=f"smallest effect shown with power .80{_by_crv1(row)}",
        ),
        replace(
            _blank(row, "power", row.model, "power_nothing"),
            estimate=chance,
            note=(
                "chance of the word nothing (or trivial) if there is no effect at"
                f" all{_by_crv1(row)}"
            ),
        ),
    ]


def _bayes(row: Estimate, design: Design) -> list[Estimate]:
    """Return Bayes factors in favour of the score; none for clustered rows, whose likelihood they
    are not.
    """
    whole, gain = delta_r2(design)
    if design.clusters is not None or whole - gain >= 1:  # or the score has nothing left to explain
        return []
    factors: dict[str, Callable[[], float]] = {
        "bic": lambda: bic_factor(design.n, whole - gain, whole),
        "jzs": lambda: jzs_factor(design.n, design.k - 2, whole - gain, whole),
    }
    rows = []
    for model, factor in factors.items():
        try:
            value, note = (
                factor(),
                "Bayes factor in favour of the score; a second opinion, never the verdict",
            )
        except OverflowError:
            value, note = math.inf, "beyond what a number can hold, in favour of the score"
        rows.append(replace(_blank(row, "bayes", model, row.score), estimate=value, note=note))
    return rows


def _decomposition(
    sample: Sample, outcome: OutcomeSection, score: str, design: Design
) -> list[Estimate]:
    """Return the part of the score's raw least-squares slope that each engagement column
    carries.
    """
    by = score_scale(sample, score) if sample.plan.score.scale == "sd" else 1.0
    found = decompose(design, score)
    return [
        Estimate(
            sample.plan.name,
            outcome.column,
            score,
            "decomposition",
            "gelbach",
            term,
            n=design.n,
            clusters=design.n_clusters,
            covariance=found.covariance,
            estimate=share * by,
            std_error=error * by,
            unit="points" if outcome.kind == "binary" else "outcome",
            note=f"of {found.raw * by:.6g} without engagement, {found.full * by:.6g} is left",
        )
        for term, share, error in zip(found.terms, found.shares, found.std_errors(), strict=True)
    ]
