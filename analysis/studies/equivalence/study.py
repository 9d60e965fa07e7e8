"""How large the effect may be: equivalence, power, Bayes factors, what engagement takes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from analysis.measurement_error.correction import stacked_covariance
from analysis.models import fit_ols
from analysis.models.design import Design
from analysis.models.distributions import detectable_effect, power_nothing
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.equivalence.equivalence import (
    bic_factor,
    delta_r2,
    delta_r2_bound,
    delta_r2_p_value,
    jzs_factor,
    tost,
)


def study_size(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return equivalence tests and power; for least squares also R2, Bayes factors, Gelbach.

    The estimates hold the plain and corrected effects of this score and outcome.
    """
    tested = [row for row in estimates if _is_tested(row, question)]
    rows = [_equivalence(question, row) for row in tested]
    plain = {row.model: row for row in tested if row.method == "increment"}
    rows += _power(question, plain[question.model])
    if question.outcome.kind == "continuous" and question.design.levels is None:
        rows += _bayes(question, plain[question.model])
    if not question.plan.quick and question.design.levels is None:
        linear = [row for model, row in plain.items() if FAMILIES[model].linear]
        rows += [_gain_bound(question, row) for row in linear]
    return StudyResult((*rows, *_decomposition(question)))


def _is_tested(row: Estimate, question: Question) -> bool:
    """Return whether a row is the deciding effect, plain or corrected, or by least squares."""
    score, family = question.score, question.family
    here = (question.outcome.column, score, score, question.plan.score.scale)
    if (row.outcome, row.score, row.term, row.scale) != here:
        return False
    if row.method == "corrected":
        return (row.model, row.variant) == (family.correction, family.margin)
    if row.method != "increment":
        return False
    companion = FAMILIES[row.model].linear and not row.variant
    return companion or (row.model, row.variant) == (family.name, family.margin)


def _by_crv1(row: Estimate) -> str:
    """Return what a note says where the row's interval is a wild bootstrap's."""
    if row.covariance != "wild":
        return ""
    return f"; by CRV1 and t({row.reference_df:.0f}), not by the wild bootstrap"


def _equivalence(question: Question, row: Estimate) -> Estimate:
    """Return the two one-sided tests of an effect against the band of its scale."""
    band = question.band(row.model if row.method == "increment" else question.model)
    note = (
        f"two one-sided tests against {band[0]:.4g} and {band[1]:.4g} on the model's"
        f" scale{_by_crv1(row)}"
    )
    return question.row(
        "equivalence",
        row.model,
        "tost",
        n=row.n,
        clusters=row.clusters,
        p_value=tost(row.estimate, row.std_error, band, row.reference_df).p_value,
        df=row.reference_df,
        covariance="CRV1" if row.covariance == "wild" else row.covariance,
        note=note,
    )


def _gain_bound(question: Question, row: Estimate) -> Estimate:
    """Return the upper bound of the gain in R2, and its test against the SESOI."""
    design, options = question.design, question.plan.inference
    bound = delta_r2_bound(
        design,
        level=options.level,
        replicates=options.bootstrap,
        rng=question.generator(),
    )
    whole, gain = delta_r2(design)
    # gain = slope^2 times the score's variance outside the rest, over the outcome's
    by = question.factor(row.scale)
    size, slope = question.band(row.model)[1] / by, row.estimate / by
    matters = gain * (size / slope) ** 2 if slope else math.inf
    note = (
        f"one-sided {100 * options.level:g} % bound of the gain in R2, {options.bootstrap:,}"
        " bootstrap samples"
    )
    p = None
    if 0 < matters < 1:
        p = delta_r2_p_value(design.n, design.k - 1, whole, gain, matters)
        note += (
            f"; p of a gain of {matters:.3g}, which the smallest effect of interest amounts to,"
            " with classical errors"
        )
    return question.row(
        "equivalence",
        row.model,
        "delta_r2_bound",
        n=row.n,
        clusters=row.clusters,
        estimate=bound,
        p_value=p,
        note=note,
    )


def _power(question: Question, row: Estimate) -> list[Estimate]:
    """Return the smallest effect seen with power .80, and the chance of "nothing" without one."""
    level, error, df = question.level, row.std_error, row.reference_df
    equation = {"n": row.n, "clusters": row.clusters}
    return [
        question.row(
            "power",
            row.model,
            "mde",
            estimate=detectable_effect(error, level=level, df=df),
            unit=row.unit,
            scale=row.scale,
            note=f"smallest effect shown with power .80{_by_crv1(row)}",
            **equation,
        ),
        question.row(
            "power",
            row.model,
            "power_nothing",
            estimate=power_nothing(error, question.band(row.model), level=level, df=df),
            note=(
                "chance of the word nothing (or trivial) if there is no effect at"
                f" all{_by_crv1(row)}"
            ),
            **equation,
        ),
    ]


def _bayes(question: Question, row: Estimate) -> list[Estimate]:
    """Return Bayes factors in favour of the score; none for clustered rows."""
    design = question.design
    whole, gain = delta_r2(design)
    without = whole - gain
    if design.clusters is not None or without >= 1:  # or the score has nothing left to explain
        return []
    factors: dict[str, Callable[[], float]] = {
        "bic": lambda: bic_factor(design.n, without, whole),
        "jzs": lambda: jzs_factor(design.n, design.k - 2, without, whole),
    }
    rows = []
    for model, factor in factors.items():
        note = "Bayes factor in favour of the score; a second opinion, never the verdict"
        try:
            value = factor()
        except OverflowError:
            value, note = math.inf, "beyond what a number can hold, in favour of the score"
        rows.append(question.row("bayes", model, row.score, n=row.n, estimate=value, note=note))
    return rows


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The raw slope of the score split into shares of engagement columns and the rest.

    Attributes
    ----------
    terms : tuple of str, length m
        Engagement columns.
    shares : ndarray, shape (m,)
        In the units of the slope; they add up to raw - full.
    cov : ndarray, shape (m, m)
    raw, full : float
        Slope without and with engagement.
    covariance : {"HC1", "CRV1"}
    """

    terms: tuple[str, ...]
    shares: np.ndarray
    cov: np.ndarray
    raw: float
    full: float
    covariance: str

    def std_errors(self) -> np.ndarray:
        return np.sqrt(np.diag(self.cov))


def decompose(design: Design, score: str) -> Decomposition:
    """Return what each engagement column takes from the score's slope when all of them enter.

    Notes
    -----
    Gelbach (2016), doi:10.1086/683668: ``raw - full = sum_j c_j b_j``, with b_j the column's slope
    in the full model and c_j the score's slope in the regression of the column on score and
    controls. Standard errors stack both regressions.
    """
    full, reduced = fit_ols(design, covariance="HC1"), design.without("engagement")
    blocks = zip(design.terms, design.blocks, strict=True)
    terms = tuple(term for term, block in blocks if block == "engagement")
    shares, influence = [], []
    for term in terms:
        column = design.matrix[:, full.position(term)]
        link = fit_ols(reduced.with_response(column), covariance="HC1")
        slope, passed = full.coefficient(term)[0], link.coefficient(score)[0]
        shares.append(slope * passed)
        influence.append(passed * full.row_influence(term) + slope * link.row_influence(score))
    cov, name = stacked_covariance(
        np.column_stack(influence), design.clusters, design.k + design.lost
    )
    raw = fit_ols(reduced, covariance="HC1")
    return Decomposition(
        terms=terms,
        shares=np.array(shares),
        cov=cov,
        raw=raw.coefficient(score)[0],
        full=full.coefficient(score)[0],
        covariance=name,
    )


def _decomposition(question: Question) -> list[Estimate]:
    """Return the part of the score's raw slope that each engagement column carries."""
    by, design = question.by, question.design
    parts = decompose(design, question.score)
    return [
        question.row(
            "decomposition",
            "gelbach",
            term,
            n=design.n,
            clusters=design.n_clusters,
            covariance=parts.covariance,
            estimate=share * by,
            std_error=error * by,
            unit=question.unit("ols"),
            note=f"of {parts.raw * by:.6g} without engagement, {parts.full * by:.6g} is left",
        )
        for term, share, error in zip(parts.terms, parts.shares, parts.std_errors(), strict=True)
    ]
