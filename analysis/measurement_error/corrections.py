"""Corrections of one fit for noise in engagement: which errors are subtracted, and which correction
decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.data.sample import Sample
from analysis.measurement_error.corrected import Correction, Refusal
from analysis.measurement_error.correction import correct_fit, corrected_margin
from analysis.measurement_error.curvature import Curvature
from analysis.measurement_error.measurement import Measurement, measure
from analysis.measurement_error.sharing import points_of, to_suppose, too_many, values_at
from analysis.measurement_error.straightness import bend_of, bend_reason, straightened
from analysis.models import fit_model
from analysis.models.design import build_design, score_scale, transform
from analysis.models.fit import Fit, p_value
from analysis.models.planned import fit_as_planned
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import open_columns
from analysis.results.estimates import Estimate, Unit
from analysis.results.evidence import Supposed


@dataclass(frozen=True, eq=False)
class Deciding:
    """The corrections of one fit, by the point of the declared range, and what decides.

    Attributes
    ----------
    linear : dict of Correction or Refusal
        By moments for least squares, else by regression calibration.
    decides : dict of Correction or Refusal
        The same, unless recorded engagement is a curve of the score.
    effects : tuple of Estimate
    refusal : str or None
    bend : Curvature
    doubt : str or None
        Why the effects decide nothing.
    reasons : tuple of str
    supposed : tuple of Supposed
        The effects if the score shares the noise of some columns only, where that is not known.
    """

    linear: dict[str, Correction | Refusal]
    decides: dict[str, Correction | Refusal]
    effects: tuple[Estimate, ...]
    refusal: str | None
    bend: Curvature
    doubt: str | None = None
    reasons: tuple[str, ...] = ()
    supposed: tuple[Supposed, ...] = ()


@dataclass(frozen=True, eq=False)
class Corrections:
    """One deciding fit, and what the plan says about the errors in its engagement columns.

    Attributes
    ----------
    sample : Sample
    outcome : OutcomeSection
    score : str
    fit : Fit
        Plain, by the deciding model.
    halves : dict of str to (ndarray, ndarray), each of shape (n,)
        Both halves of a column, transformed as it is.
    declared : dict of str to (low, value, high)
        Reliabilities.
    """

    sample: Sample
    outcome: OutcomeSection
    score: str
    fit: Fit
    halves: dict[str, tuple[np.ndarray, np.ndarray]]
    declared: dict[str, tuple[float, float, float]]

    @classmethod
    def of(cls, sample: Sample, outcome: OutcomeSection, score: str) -> Corrections:
        plan = sample.plan
        design = build_design(sample, outcome.column, (score,))
        fit = fit_as_planned(plan, outcome.deciding_model, design, counts=outcome.kind == "count")
        how = plan.engagement.transform_of
        halves = {
            column: tuple(transform(sample.numbers(half), how(column)) for half in pair)
            for column, pair in plan.engagement.halves.items()
            if how(column) not in ("rank", "spline")
        }
        if score in plan.score.halves:
            how_score = plan.score.transform_of(score)
            halves[score] = tuple(
                transform(sample.numbers(half), how_score) for half in plan.score.halves[score]
            )
        stated = [
            column for column in plan.engagement.columns if column in plan.engagement.reliability
        ]
        declared = {column: plan.engagement.range_of(column) for column in stated}
        return cls(sample, outcome, score, fit, halves, declared)

    @property
    def noisy(self) -> tuple[str, ...]:
        """Engagement columns whose noise can be corrected."""
        return tuple(column for column in (*self.halves, *self.declared) if column != self.score)

    def deciding(self) -> Deciding:
        """Return the corrections, and which of them decides: what of the noise can change a
        word.
        """
        errors = {at: self.errors(at) for at in points_of(tuple(self.declared))}
        linear = {at: correct_fit(self.fit, one) for at, one in errors.items()}
        refusal = next(
            (found.reason for found in linear.values() if isinstance(found, Refusal)), None
        )
        bend = bend_of(self.fit, self.noisy)
        if refusal:
            return Deciding(linear, linear, (), refusal, bend)
        decides, doubt, reasons = linear, None, ()
        if bend.curved and self.sample.plan.score.shares_error != "full":
            found = straightened(self.fit, errors)
            said = bend_reason(
                self.sample.dataset.label(self.score), bend, decided=found is not None
            )
            decides, doubt, reasons = (
                (linear, said, ()) if found is None else (found, None, (said,))
            )
        effects = tuple(self.variant_at(self.effect(found), at) for at, found in decides.items())
        supposed, failed = self._supposed(straight=decides is linear)
        doubt = doubt or failed or too_many(self.sample.plan, self.score, tuple(self.declared))
        return Deciding(linear, decides, effects, None, bend, doubt, reasons, supposed)

    def _supposed(self, *, straight: bool) -> tuple[tuple[Supposed, ...], str | None]:
        """Return the effect for each set of columns whose noise the score may share, and why one
        cannot be made.

        A declared reliability is taken at its low end: what is subtracted then lies between nothing
        and the most.
        """
        unknown = open_columns(self.sample.plan, self.score)
        errors = {
            shared: self.errors("low", without=shared) for shared in to_suppose(unknown, self.noisy)
        }
        found = (
            {shared: correct_fit(self.fit, one) for shared, one in errors.items()}
            if straight
            else (straightened(self.fit, errors) if errors else {})
        )
        refused = found is None or any(isinstance(one, Refusal) for one in found.values())
        if refused:
            return (
                (),
                (
                    "It is not known whose noise the score shares, and the correction of some of"
                    " the noisy columns alone is refused, so the correction decides nothing."
                ),
            )
        return (
            tuple(self._if_shared(self.effect(one), shared) for shared, one in found.items()),
            None,
        )

    def _if_shared(self, row: Estimate, shared: tuple[str, ...]) -> Supposed:
        apart = tuple(column for column in self.noisy if column not in shared)
        ends = " at the low end of the declared range" if self.declared else ""
        note = (
            f"if the score shares the noise of {', '.join(shared)}: {', '.join(apart)} alone"
            f" corrected{ends}"
        )
        variant = "-".join(filter(None, [row.variant, "shared", *shared]))
        return Supposed(shared, replace(row, variant=variant, note=note))

    def of_rows(self, keep: np.ndarray) -> Corrections:
        """Return the same of some rows, a mask, with the scales of all.

        Raises
        ------
        DesignError
            Where they hold no estimate.
        """
        with np.errstate(all="ignore"):
            fit = fit_model(
                self.fit.design.rest(keep),
                self.fit.model,
                self.fit.covariance,
                counts=self.outcome.kind == "count",
            )
        halves = {
            column: (first[keep], second[keep]) for column, (first, second) in self.halves.items()
        }
        return replace(self, fit=fit, halves=halves)

    def errors(self, at: str = "value", without: tuple[str, ...] = ()) -> Measurement:
        """Return the errors with declared reliabilities at one point of their ranges, but for some
        columns.
        """
        return measure(
            self.fit.design,
            halves={column: pair for column, pair in self.halves.items() if column not in without},
            declared={
                column: value
                for column, value in values_at(at, self.declared).items()
                if column not in without
            },
        )

    # --- rows ---

    def blank(self, method: str, model: str, term: str) -> Estimate:
        return Estimate(
            self.sample.plan.name,
            self.outcome.column,
            self.score,
            method,
            model,
            term,
            n=self.fit.design.n,
        )

    def effect(self, found: Correction) -> Estimate:
        """Return the corrected effect on the scale of the verdict."""
        rows = self.rows_of(found, "value")
        wanted = "margin" if self.fit.model == "logit" else ""
        return next(row for row in rows if row.variant == wanted)

    def rows_of(self, found: Correction, at: str) -> list[Estimate]:
        """Return the corrected coefficient on both scales; for a logit its margin too."""
        unit = "log odds" if self.fit.model == "logit" else self.unit
        quantities = [("", found.estimate(self.score), found.std_error(self.score), unit)]
        if self.fit.model == "logit" and found.model == "calibration":
            margin = corrected_margin(self.fit, found, self.score)
            quantities.append(("margin", margin.estimate, margin.std_error, "points"))
        rows = []
        for variant, estimate, error, shown in quantities:
            for scale in ("sd", "raw"):
                by = score_scale(self.sample, self.score) if scale == "sd" else 1.0
                other = "" if scale == self.sample.plan.score.scale else scale
                rows.append(
                    replace(
                        self.blank("corrected", found.model, self.score),
                        scale=scale,
                        unit=shown,
                        variant="-".join(filter(None, [variant, other])),
                        estimate=estimate * by,
                        std_error=error * by,
                        statistic=estimate / error,
                        p_value=p_value(estimate / error, found.df),
                        df=found.df,
                        clusters=found.clusters,
                        covariance=found.covariance,
                    )
                )
        return rows

    def variant_at(self, row: Estimate, at: str) -> Estimate:
        """Name the ends of a declared range, and the corners of several."""
        if at == "value":
            return row
        corner = ", ".join(
            f"{column} {value:.2f}" for column, value in values_at(at, self.declared).items()
        )
        note = (
            f"at the corner {corner} of the declared ranges"
            if "-" in at
            else f"at the {at} end of the declared range"
        )
        return replace(row, variant="-".join(filter(None, [row.variant, at])), note=note)

    @property
    def unit(self) -> Unit:
        """How the effect on the scale of the verdict is shown."""
        if self.fit.model == "logit" or (self.fit.model == "ols" and self.outcome.kind == "binary"):
            return "points"
        return "outcome" if self.fit.model == "ols" else "percent"
