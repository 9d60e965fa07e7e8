"""One outcome and one score of a sample, with what every study of them is measured in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.data.sample import Sample
from analysis.models import FEWEST_CLUSTERS, fit_as_planned, fit_by_default
from analysis.models.columns import build_design, score_scale, transform
from analysis.models.covariance import CLUSTERED
from analysis.models.cross_fitting import OutOfFold, out_of_fold, repeats_of
from analysis.models.design import Design
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit, critical_value, p_value
from analysis.models.glm import average_marginal_effect, effect_of
from analysis.models.wild import wild_test
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Check, Estimate, StudyResult, Unit
from analysis.results.ids import slugs_of
from analysis.results.rule import Interval, Word, sesoi_band, word_of

PARTS = ("zero", "positive")
"""Variants of the rows of a model of two parts: the chance of any, and how much where there is any.
"""


@dataclass(frozen=True, eq=False)
class Question:
    """What the score adds to one outcome in one sample: the facts that all studies of it share.

    Attributes
    ----------
    sample : Sample
    outcome : OutcomeSection
    score : str
        A column of the plan.
    """

    sample: Sample
    outcome: OutcomeSection
    score: str

    def of(self, sample: Sample) -> Question:
        """Return the same question asked of other rows."""
        return self if sample is self.sample else replace(self, sample=sample)

    # --- the plan ---

    @property
    def plan(self) -> Plan:
        return self.sample.plan

    @property
    def level(self) -> float:
        """The plan's confidence level."""
        return self.plan.inference.level

    @property
    def levels(self) -> tuple[float, float]:
        """The levels of the intervals for "differs from zero" and for "lies inside the band"."""
        return self.level, 1 - 2 * (1 - self.level)

    @property
    def size(self) -> float:
        """The size of the plan's tests, 1 - level."""
        return 1 - self.level

    @property
    def counts(self) -> bool:
        """Whether the outcome is a number of events."""
        return self.outcome.kind == "count"

    def generator(self) -> np.random.Generator:
        """Return a new random generator of the plan's seed."""
        return np.random.default_rng(self.plan.inference.seed)

    # --- the model and its unit ---

    @property
    def model(self) -> str:
        """The deciding model."""
        return self.outcome.deciding_model

    @property
    def family(self) -> Family:
        """What is known of the deciding model."""
        return FAMILIES[self.model]

    @property
    def mean_model(self) -> str:
        """The deciding model; Poisson where a likelihood of more than the mean decides."""
        return self.family.reduced

    @cached_property
    def design(self) -> Design:
        """Intercept, controls, engagement and the score, as the plan transforms them.

        Raises
        ------
        DesignError
            When the rows do not hold the equation.
        """
        return build_design(self.sample, self.outcome.column, (self.score,))

    @cached_property
    def halves(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Both halves of each engagement column that has some, transformed as it is, shape (n,).

        Without those of a rank or a spline, whose noise no correction takes out.
        """
        engagement = self.plan.engagement
        return {
            column: tuple(transform(self.sample.numbers(half), how) for half in pair)
            for column, pair in engagement.halves.items()
            if (how := engagement.transform_of(column)) not in ("rank", "spline")
        }

    @cached_property
    def fit(self) -> Fit:
        """The deciding model with the plan's covariance, or with one that exists.

        Raises
        ------
        DesignError
            When it has no estimate.
        """
        return fit_as_planned(self.plan, self.model, self.design, counts=self.counts)

    @cached_property
    def out_of_fold(self) -> tuple[OutOfFold, ...]:
        """What is predicted of rows left out: by engagement, controls and score, without the score,
        and by the score alone.

        Raises
        ------
        DesignError
            When one of them has no estimate without one of the folds.
        """
        design = self.design
        designs = (design, design.without("score"), design.without("engagement", "control"))
        repeats = repeats_of(design.n)
        return tuple(out_of_fold(designs, self.mean_model, rng=self.generator(), repeats=repeats))

    @cached_property
    def fit_by_default(self) -> Fit:
        """The deciding model with the covariance of a plan that names none.

        Raises
        ------
        DesignError
            When it has no estimate.
        """
        return fit_by_default(self.model, self.design, counts=self.counts)

    def effect_by_default(self) -> Estimate | None:
        """Return the deciding effect with the default covariance, on the plan's scale.

        None where the plan names no covariance, or that very one: then nothing differs. Its word is
        ``Answer.of(row, question.band(question.model), question.level)``.
        """
        named = self.plan.inference.covariance
        if named is None or named == self.fit_by_default.covariance:
            return None
        fit, margin = self.fit_by_default, self.family.margin
        scale = self.plan.score.scale
        rows = self.coefficients("increment", fit)
        return next(row for row in rows if row.variant == margin and row.scale == scale)

    def unit(self, model: str) -> Unit:
        """Return the unit in which a coefficient of a model is shown."""
        return FAMILIES[model].unit(self.outcome.kind)

    def effect_unit(self, model: str) -> Unit:
        """Return the unit of a model's effect on the scale of the verdict: points for a logit."""
        return FAMILIES[model].effect_unit(self.outcome.kind)

    def factor(self, scale: str) -> float:
        """Return by how many units of the score a scale multiplies: its SD for "sd", 1 for "raw".

        The standard deviation is that of the whole analysis set, also where these rows are a part.
        """
        return score_scale(self.sample, self.score) if scale == "sd" else 1.0

    @property
    def by(self) -> float:
        """The factor of the plan's scale."""
        return self.factor(self.plan.score.scale)

    def band(self, model: str) -> Interval:
        """Return the smallest effect size of interest as an interval on a model's scale."""
        return sesoi_band(self.outcome, model, self.sample.mean(self.outcome.column))

    # --- rows and checks ---

    def row(
        self,
        method: str,
        model: str,
        term: str,
        *,
        n: int | None = None,
        variant: str = "",
        scale: str = "",
        estimate: float | None = None,
        std_error: float | None = None,
        statistic: float | None = None,
        df: float | None = None,
        p_value: float | None = None,
        clusters: int | None = None,
        covariance: str = "",
        unit: Unit = "number",
        note: str = "",
        bounds: Interval | None = None,
    ) -> Estimate:
        """Return an estimate that answers this question; `n` is the sample's rows unless given."""
        return Estimate(
            self.plan.name,
            self.outcome.column,
            self.score,
            method,
            model,
            term,
            n=self.sample.rows if n is None else n,
            variant=variant,
            scale=scale,
            estimate=estimate,
            std_error=std_error,
            statistic=statistic,
            df=df,
            p_value=p_value,
            clusters=clusters,
            covariance=covariance,
            unit=unit,
            note=note,
            bounds=bounds,
            slugs=slugs_of(self.plan),
        )

    def row_of_fit(self, method: str, fit: Fit, term: str = "") -> Estimate:
        """Return an estimate with everything of a fit but its number."""
        return self.row(
            method,
            fit.model,
            term,
            n=fit.design.n,
            clusters=fit.design.n_clusters if fit.covariance in CLUSTERED else None,
            covariance=fit.covariance,
        )

    def check(
        self,
        name: str,
        passed: bool | None,
        reason: str,
        statistic: float | None = None,
        *,
        assessed: bool = True,
    ) -> Check:
        """Return a check of this outcome and score; `passed` None means not applicable, or where
        `assessed` is False that it did not look.
        """
        return Check(
            self.plan.name,
            name,
            passed,
            reason,
            statistic,
            self.outcome.column,
            self.score,
            assessed=assessed,
            slugs=slugs_of(self.plan),
        )

    def only(
        self, name: str, passed: bool | None, reason: str, statistic: float | None = None
    ) -> StudyResult:
        """Return the result of a study that says one thing, a check, and has no estimate; without
        an answer it was not assessed.
        """
        looked = passed is not None
        check = self.check(name, passed, reason, statistic, assessed=looked)
        return StudyResult(checks=(check,))

    def coefficient(
        self, method: str, fit: Fit, column: str, *, term: str = "", by: float = 1.0, note: str = ""
    ) -> Estimate:
        """Return a coefficient with its test, for `by` units of its column."""
        estimate, error = fit.coefficient(column)
        row = replace(
            self.row_of_fit(method, fit, term or column),
            unit=self.unit(fit.model),
            estimate=estimate * by,
            std_error=error * by,
            df=fit.df_of(column),
            note=note,
        )
        return tested(row)

    def coefficients(self, method: str, fit: Fit, variant: str = "") -> list[Estimate]:
        """Return the score's coefficient on the plan's scale and on the other one.

        For a logit its margin follows, for a model of two parts the coefficients of both.
        """
        blank, rows = self.row_of_fit(method, fit, self.score), []
        for name, (estimate, error), df, unit in self._quantities(fit):
            rows += self.on_both_scales(
                replace(
                    blank,
                    variant="-".join(filter(None, [variant, name])),
                    unit=unit,
                    estimate=estimate,
                    std_error=error,
                    df=df,
                )
            )
        return rows

    def _quantities(
        self, fit: Fit
    ) -> Iterator[tuple[str, tuple[float, float], float | None, Unit]]:
        """Yield (variant, estimate and error, df, unit) of all that a fit says of the score."""
        for name, part in (("", fit), *zip(PARTS, fit.parts, strict=bool(fit.parts))):
            df = part.df_of(self.score)
            yield name, part.coefficient(self.score), df, self.unit(part.model)
            if not name and FAMILIES[fit.model].margin:
                yield "margin", average_marginal_effect(fit, self.score), df, "points"

    def on_both_scales(self, row: Estimate) -> list[Estimate]:
        """Return a row per SD and per unit of the score, the plan's scale without a variant.

        Parameters
        ----------
        row : Estimate
            Per unit of the score. Its statistic and p-value are those of estimate and error, unless
            it has some already.
        """
        return [self.on_scale(row, scale) for scale in ("sd", "raw")]

    def on_scale(self, row: Estimate, scale: str) -> Estimate:
        """Return a row, given per unit of the score, on one scale."""
        by, other = self.factor(scale), "" if scale == self.plan.score.scale else scale
        if row.statistic is None:
            row = tested(row)
        return replace(
            row,
            variant="-".join(filter(None, [row.variant, other])),
            scale=scale,
            estimate=row.estimate * by,
            std_error=row.std_error * by,
            intervals=tuple((level, (by * low, by * high)) for level, (low, high) in row.intervals),
        )

    # --- the plan's rule ---

    def word_of_fit(self, fit: Fit) -> Word:
        """Return the word of a plain fit, by the wild bootstrap where the plan asks for it."""
        options = self.plan.inference
        if options.covariance == "wild" and (fit.design.n_clusters or 0) >= FEWEST_CLUSTERS:
            test = wild_test(
                fit.design, self.score, replicates=options.bootstrap, seed=options.seed
            )
            edges = (test.interval(level) for level in self.levels)
            inside = [(self.by * low, self.by * high) for low, high in edges]
            return word_of(*inside, self.band(fit.model))
        return self.word(fit.model, *effect_of(fit, self.score), fit.df_of(self.score))

    def word(self, model: str, estimate: float, error: float, df: float | None) -> Word:
        """Return the word of an effect and its standard error, both per unit of the score."""
        middle = estimate * self.by
        halves = [critical_value(level, df) * error * self.by for level in self.levels]
        return word_of(*((middle - half, middle + half) for half in halves), self.band(model))


def tested(row: Estimate) -> Estimate:
    """Return a row with the statistic and p-value of its estimate against zero."""
    statistic = row.estimate / row.std_error
    return replace(row, statistic=statistic, p_value=p_value(statistic, row.df))
