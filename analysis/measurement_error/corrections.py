"""The corrected effects that a verdict rests on, at each point of what is unknown of the noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.measurement_error.asked import AskedRule
from analysis.measurement_error.correction import Correction, correct_fit, corrected_margin
from analysis.measurement_error.deciding_set import corners, shared_sets
from analysis.measurement_error.measurement import Measurement, Refusal, measure
from analysis.measurement_error.nonlinearity import (
    Nonlinearity,
    largest_nonlinearity,
    nonlinearity_reason,
    without_linearity,
)
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.results.answer import open_columns
from analysis.results.estimates import Estimate
from analysis.results.question import Question
from analysis.results.rule import CorrectedEffect


@dataclass(frozen=True, eq=False)
class CorrectedEffects:
    """The corrections of one fit, by the point of the declared range, and what decides.

    Attributes
    ----------
    linear : dict of Correction or Refusal
        By moments for least squares, else by regression calibration.
    deciding : dict of Correction or Refusal
        The same, unless recorded engagement is nonlinear in the score.
    effects : tuple of CorrectedEffect
        On the scale of the verdict; empty where a correction is refused.
    refusal : str or None
    curve : Nonlinearity
    reasons : tuple of str
    """

    linear: dict[str, Correction | Refusal]
    deciding: dict[str, Correction | Refusal]
    effects: tuple[CorrectedEffect, ...]
    refusal: str | None
    curve: Nonlinearity
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Corrections:
    """One deciding fit, and what the plan says about the errors in its engagement columns.

    Attributes
    ----------
    question : Question
    fit : Fit
        Plain, by the deciding model.
    halves : dict of str to (ndarray, ndarray), each of shape (n,)
        Both halves of a column, transformed as it is.
    declared : dict of str to (low, value, high)
        Reliabilities.
    """

    question: Question
    fit: Fit
    halves: dict[str, tuple[np.ndarray, np.ndarray]]
    declared: dict[str, tuple[float, float, float]]

    @classmethod
    def of(cls, rule: AskedRule) -> Corrections:
        """Collect the fit, halves and stated reliabilities of a rule."""
        engagement = rule.question.plan.engagement
        columns = [c for c in engagement.stated_columns if c in engagement.reliability]
        declared = {column: engagement.range_of(column) for column in columns}
        return cls(rule.question, rule.linear, dict(rule.deciding.halves), declared)

    @property
    def noisy(self) -> tuple[str, ...]:
        """Engagement columns whose noise can be corrected."""
        score = self.question.score
        return tuple(column for column in (*self.halves, *self.declared) if column != score)

    def corrected_effects(self) -> CorrectedEffects:
        """Return the corrections at every point of the declared ranges, and which decide."""
        plan, score = self.question.plan, self.question.score
        errors = {at: self.errors(at) for at in points_of(tuple(self.declared))}
        linear = {at: correct_fit(self.fit, one) for at, one in errors.items()}
        curve = largest_nonlinearity(self.fit, self.noisy)
        refused = [one.reason for one in linear.values() if isinstance(one, Refusal)]
        if refused:
            return CorrectedEffects(linear, linear, (), refused[0], curve)
        deciding, reasons = linear, ()
        if curve.matters and plan.score.shares_error != "full":
            other = without_linearity(self.fit, errors)
            if other is not None:
                label = self.question.sample.dataset.label(score)
                deciding, reasons = other, (nonlinearity_reason(label, curve),)
        effects = tuple(self.effect(one, at) for at, one in deciding.items())
        effects += self._partly_shared(linear=deciding is linear)
        return CorrectedEffects(linear, deciding, effects, None, curve, reasons)

    def _partly_shared(self, *, linear: bool) -> tuple[CorrectedEffect, ...]:
        """Return the effect for each set of columns whose noise the score may share; none where one
        of them is refused.

        A declared reliability is taken at its low end: what is subtracted then lies between nothing
        and the most.
        """
        sets = shared_sets(open_columns(self.question.plan, self.question.score), self.noisy)
        errors = {shared: self.errors("low", without=shared) for shared in sets}
        if linear:
            corrections = {shared: correct_fit(self.fit, one) for shared, one in errors.items()}
        else:
            corrections = without_linearity(self.fit, errors) if errors else {}
        if corrections is None or any(isinstance(one, Refusal) for one in corrections.values()):
            return ()
        return tuple(self.effect(one, shared=shared) for shared, one in corrections.items())

    def errors(self, at: str = "value", without: tuple[str, ...] = ()) -> Measurement:
        """Return the errors with declared reliabilities at one point, without some columns'."""
        halves = {column: pair for column, pair in self.halves.items() if column not in without}
        stated = values_at(at, self.declared)
        declared = {column: value for column, value in stated.items() if column not in without}
        return measure(self.fit.design, halves=halves, declared=declared)

    # --- rows ---

    def effect(
        self, correction: Correction, at: str = "value", shared: tuple[str, ...] = ()
    ) -> CorrectedEffect:
        """Return the corrected effect on the scale of the verdict, with the point it is made at."""
        margin = FAMILIES[self.fit.model].margin
        row = next(row for row in self.rows_of(correction) if row.variant == margin)
        where, suffix = self._where(at), () if at == "value" else (at,)
        if shared:
            apart = ", ".join(column for column in self.noisy if column not in shared)
            ends = " at the low end of the declared range" if self.declared else ""
            where = f"if the score shares the noise of {', '.join(shared)}: {apart} alone corrected"
            where, suffix = where + ends, ("shared", *shared)
        return CorrectedEffect(replace(_variant(row, *suffix), note=where), where, shared)

    def rows_of(self, correction: Correction, at: str = "value") -> list[Estimate]:
        """Return the corrected coefficient on both scales; for a logit its margin too."""
        model, score = self.fit.model, self.question.score
        family, effects = FAMILIES[model], {"": correction.effect(score)}
        if family.margin and correction.model == family.correction:
            effects[family.margin] = corrected_margin(self.fit, correction, score)
        rows = []
        for variant, effect in effects.items():
            rows += self.question.on_both_scales(
                self.question.row(
                    "corrected",
                    correction.model,
                    score,
                    n=correction.n,
                    variant=variant,
                    estimate=effect.estimate,
                    std_error=effect.std_error,
                    df=effect.df,
                    clusters=correction.clusters,
                    covariance=correction.covariance,
                    unit=(self.question.effect_unit if variant else self.question.unit)(model),
                    note=self._where(at),
                )
            )
        return rows if at == "value" else [_variant(row, at) for row in rows]

    def _where(self, at: str) -> str:
        """Return a point of the declared ranges in words; empty for the stated values."""
        if "-" not in at:
            return "" if at == "value" else f"at the {at} end of the declared range"
        ends = (f"{column} {value:.2f}" for column, value in values_at(at, self.declared).items())
        return f"at the corner {', '.join(ends)} of the declared ranges"


def _variant(row: Estimate, *more: str) -> Estimate:
    return replace(row, variant="-".join(filter(None, [row.variant, *more])))


# --- what is not known: points of declared ranges, and correlated measurement error ---------------


def points_of(declared: Sequence[str]) -> tuple[str, ...]:
    """Return the points of the declared ranges at which a word has to hold.

    Notes
    -----
    The numerator of a corrected coefficient, and the determinant below it, are linear in each error
    variance while the others stand still. So where the coefficient lies on one side of a bound at
    every corner, it does inside. Of many ranges one at a time is at the other end.

    Examples
    --------
    >>> points_of([]), points_of(["likes"])
    (('value',), ('value', 'low', 'high'))
    >>> points_of(["likes", "views"])
    ('value', 'low', 'high', 'low-high', 'high-low')
    """
    if not declared:
        return ("value",)
    named = [["high" if end else "low" for end in ends] for ends in corners(len(declared))]
    return ("value", "low", "high", *("-".join(one) for one in named if len(set(one)) > 1))


def values_at(at: str, declared: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
    """Return each column's reliability at a point of the ranges, which are (low, value, high).

    Examples
    --------
    >>> values_at("low-high", {"likes": (0.7, 0.8, 0.9), "views": (0.5, 0.6, 0.7)})
    {'likes': 0.7, 'views': 0.7}
    """
    ends = at.split("-") if "-" in at else [at] * len(declared)
    place = ("low", "value", "high").index
    return {
        column: bounds[place(end)]
        for (column, bounds), end in zip(declared.items(), ends, strict=True)
    }
